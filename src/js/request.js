// The app's own requests, as fetch() takes them: the platform reads the headers and the body at the moment of the call.

import { badArgument, sentence } from "./errors.js";
import { bytesOf, member, unlessItThrows } from "./foreign.js";

/**
 * The arguments of the module's fetch() and request(). `signals` abort the request, and the body of its response.
 * `isJson`: the body and the response are JSON.
 */
export function readRequest(api, path, given, signals, isJson) {
  const address = addressOf(path);
  // Node takes an absent method from Object.prototype.
  let { body, method = "GET" } = given;
  let request, headers, names, hasDuplex;
  const signal = anySignal(signals);
  try {
    headers = new Headers(given.headers);
    if (isJson && given.json !== undefined) {
      if (body !== undefined) throw new TypeError("pass body or json, not both");
      body = JSON.stringify(given.json);
      if (body === undefined) throw new TypeError("json is not JSON");
      if (!headers.has("content-type")) headers.set("content-type", "application/json");
    }
    if (isJson && !headers.has("accept")) headers.set("accept", "application/json");
    names = [...headers.keys()];
    method = String(method);
    // To make a Request costs more than all the rest, so text is passed on as it is.
    if (!isText(body, method)) {
      // WebKit reads bytes only when it sends them.
      body = bytesOf(body)?.slice() ?? body;
      const url = new URL(address, api);
      const init = { __proto__: null, method, headers, body, signal };
      Object.defineProperty(init, "duplex", { __proto__: null, get: () => ((hasDuplex = true), "half") });
      request = new Request(url, init);
      ({ headers } = request);
    }
  } catch (cause) {
    // Platforms quote what they refuse, which may be a header with a token. So the message has no long words, and there is no cause.
    const said = (unlessItThrows(() => String(cause?.message ?? cause)) ?? "it cannot be read").replace(
      /[^\s"':]{32,}/g,
      "***",
    );
    throw badArgument(`The request is not valid: ${sentence(said)}`);
  }
  const isStream = typeof member(body, "getReader") === "function";
  // A browser that cannot stream a body sends "[object ReadableStream]".
  if (isStream && !hasDuplex) throw badArgument("body: this browser cannot send a stream.");
  const read = { __proto__: null, method, headers, body, signal, request, isStream };
  return { path: address, request: read, headerNames: names };
}

/** Whether the body is text that the method may have, or absent. */
function isText(body, method) {
  if (body === undefined || body === null) return true;
  return typeof body === "string" && !/^(get|head)$/i.test(method);
}

function addressOf(path) {
  const address = member(path, "href") ?? path;
  if (typeof address === "string") return address;
  throw badArgument(
    typeof member(path, "url") === "string"
      ? "path is a Request: pass its url as the path, and its method, headers and body as init."
      : "path must be a string.",
  );
}

/** Older browsers cannot combine signals: there, only the first one counts, which ends with the call. */
function anySignal(signals) {
  const given = signals.filter((signal) => signal);
  try {
    return AbortSignal.any(given);
  } catch {
    return given[0];
  }
}
