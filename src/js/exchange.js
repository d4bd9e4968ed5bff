// Sends a request with the page's `fetch`, and reads the response. The page may have replaced `fetch`, and the response may be
// of another frame, so every read relies on members and not on classes.

import { own, unlessItThrows } from "./foreign.js";
import { nextMessage, nextTask } from "./task.js";

/** A chunk counts as at least so many bytes: a body of empty chunks ends too. */
const MIN_CHUNK_BYTES = 64;

/** So many chunks may come in one task: chunks that are there already come without another one. */
const CHUNKS_IN_A_ROW = 1_000;

/** Reading a body of at most this length as one text costs less. A compressed body is longer than its header says. */
const MAX_ONE_TEXT_BYTES = 16_384;

/** How often the page's Content Security Policy has refused a request, and for each of the last URLs, which refusal was its last. */
let refusals = 0;
const refusedUrls = new Map();
const MAX_REFUSED_URLS = 100;

/** The last URL whose origin the platform has confirmed. */
let confirmed = { __proto__: null, text: undefined, href: undefined, origin: undefined };

/** The prototype of the last signal that the platform accepted: a page may have replaced AbortController. */
let acceptedSignals;

/** What the module reads, in this order, after the status. */
const HEADERS = [
  "ININ-Correlation-Id",
  "Date",
  "Retry-After",
  "inin-ratelimit-allowed",
  "inin-ratelimit-count",
  "inin-ratelimit-reset",
];

/**
 * Ends the module's wait of this number with the response, its `body`, its `json`, and a line for the status and each of HEADERS.
 * The body is undefined if it is longer than `maxBytes`. Without a response, ends it with the `cause`, and without `lines`.
 *
 * `instance`: after its panic, nothing is sent. `takesResponse`: the app reads the body itself. For the other arguments, see
 * `build`.
 */
export async function exchange(instance, number, head, body, isStreamed, controller, given, takesResponse, maxBytes) {
  let answer;
  let mayHaveBeenProcessed = false;
  let status;
  let url;
  let refusalsBefore;
  try {
    // What the page has replaced may call the module, which is on the stack until then.
    await undefined;
    if (instance.error) throw instance.error;
    const { href, input, init } = build(head, body, isStreamed, controller, given);
    url = href;
    if (init) accept(init.signal);
    refusalsBefore = refusals;
    // A replaced `fetch` may throw after it has sent the request.
    mayHaveBeenProcessed = unlessItThrows(() => typeof fetch === "function") ?? false;
    const promise = globalThis.fetch(input, init);
    mayHaveBeenProcessed = true;
    const response = await promise;
    const code = response.status;
    if (typeof code !== "number" || !(code >= 100 && code < 600)) throw new Error("fetch answered without a status.");
    status = Math.trunc(code);
    const text = await read(response, status, takesResponse, maxBytes);
    const json = unlessItThrows(() => JSON.parse(text));
    const headers = HEADERS.map((name) => header(response, name)).join("\n");
    answer = { __proto__: null, lines: `${status}\n${headers}`, body: text, json, response };
  } catch (cause) {
    answer = { __proto__: null, status, isRefusedByCsp: false, mayHaveBeenProcessed, cause };
    try {
      // Chromium and Firefox report a violation after `fetch` has rejected, before the next message.
      if (mayHaveBeenProcessed) await nextMessage();
      // A violation does not say whose request it was. A request that has a status was not refused.
      answer.isRefusedByCsp = status === undefined && refusedUrls.get(url) > refusalsBefore;
    } catch {
      // The page may have replaced what this needs.
    }
  }
  instance.settled(number, answer, false);
}

/** Notes which URLs the page's Content Security Policy refuses from now on. */
export function watchPolicy() {
  // A listener that has been added already is not added again.
  unlessItThrows(() => addEventListener("securitypolicyviolation", noteRefusal));
}

function noteRefusal({ isTrusted, disposition, effectiveDirective, blockedURI }) {
  // The page may load the same URL in another way, for example as an image.
  if (!isTrusted || disposition !== "enforce" || effectiveDirective !== "connect-src") return;
  refusedUrls.delete(blockedURI);
  refusedUrls.set(blockedURI, ++refusals);
  for (const oldest of refusedUrls.keys()) if (refusedUrls.size > MAX_REFUSED_URLS) refusedUrls.delete(oldest);
}

/**
 * What `fetch` is called with. `head`: a line each for the method, the cache mode, the origin, the URL, and the name and the
 * value of each header. `given`: what `request.js` makes of the app's request, if the request is the app's.
 */
function build(head, body, isStreamed, controller, given) {
  // By index: to destructure an array calls a `return` that other code has put on Object.prototype.
  const lines = head.split("\n");
  // The platform's own URL parser decides where the token would be sent, so check with that parser.
  if (lines[3] !== confirmed.text || lines[2] !== confirmed.origin) {
    const { href, origin } = new URL(lines[3]);
    if (origin !== lines[2]) throw leadsElsewhere();
    confirmed = { __proto__: null, text: lines[3], href, origin };
  }
  const { href } = confirmed;
  const headers = new Headers(given?.headers);
  for (let at = 4; at < lines.length; at += 2) headers.set(lines[at], lines[at + 1]);
  // Without a prototype: the platform reads more members than these, such as `keepalive` and `integrity`.
  const init = {
    __proto__: null,
    method: lines[0],
    headers,
    mode: "cors",
    credentials: "omit",
    redirect: "error",
    cache: lines[1],
    referrerPolicy: "no-referrer",
  };
  if (given?.request) {
    // A body that is no stream may be sent again.
    const request = new Request(isStreamed ? given.request : given.request.clone(), init);
    if (request.url !== href) throw leadsElsewhere();
    return { __proto__: null, href, input: request, init: undefined };
  }
  init.signal = (given ?? controller).signal;
  init.body = given ? given.body : body;
  if (isStreamed && !given) setStream(init);
  return { __proto__: null, href, input: href, init };
}

function leadsElsewhere() {
  return new Error("The request's URL leads elsewhere than to its environment's API.");
}

/** Makes a stream of the body, which is a text. */
function setStream(init) {
  init.body = new Blob([init.body]).stream();
  init.duplex = "half";
}

/** Whether the platform can send a body as a stream. Others send its text, "[object ReadableStream]", and know no `duplex`. */
export function streamsBodies() {
  return unlessItThrows(() => {
    const init = { __proto__: null, method: "POST", body: "" };
    setStream(init);
    return new Request("https://streams.invalid", init).duplex === "half";
  });
}

/** The platform's function shows its name and no source text, whatever `toString` it has itself. A proxy shows no name. */
export function isFetchReplaced() {
  return !unlessItThrows(() => /^function fetch.*\s+\[native code]/.test(Function.prototype.toString.call(fetch)));
}

/** Throws if the platform does not accept the signal. */
function accept(signal) {
  const signals = Object.getPrototypeOf(signal);
  if (signals === acceptedSignals) return;
  new Request("https://signal.invalid", { __proto__: null, signal });
  acceptedSignals = signals;
}

async function read(response, status, takesResponse, maxBytes) {
  if (!takesResponse) return readBody(response, maxBytes);
  // The body is for the app. Only these refusals can be repaired, and what they say decides that.
  if (![401, 403, 429].includes(status)) return "";
  try {
    return await readBody(response.clone(), maxBytes);
  } catch {
    return "";
  }
}

async function readBody(response, maxBytes) {
  const length = header(response, "Content-Length");
  const reader = length <= MAX_ONE_TEXT_BYTES ? undefined : unlessItThrows(() => response.body.getReader());
  if (!reader) {
    // It is short, or there is no body, or the page's own `fetch` gives no stream.
    const text = await response.text();
    if (typeof text !== "string") return "";
    return text.length <= maxBytes ? text : undefined;
  }
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (let chunks = 1; ; chunks++) {
    const part = await reader.read();
    if (own(part, "done")) return text + decoder.decode();
    const chunk = own(part, "value");
    bytes += Math.max(chunk?.byteLength ?? Infinity, MIN_CHUNK_BYTES);
    // NaN, too, is too long.
    if (!(bytes <= maxBytes)) return undefined;
    text += decoder.decode(chunk, { __proto__: null, stream: true });
    if (chunks % CHUNKS_IN_A_ROW === 0) await nextTask();
  }
}

function header(response, name) {
  return unlessItThrows(() => {
    const value = response.headers.get(name);
    return typeof value === "string" ? value : undefined;
  });
}
