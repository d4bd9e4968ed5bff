// Loads the WebAssembly module once, and keeps an instance of it running.

import {
  badArgument,
  initConflict,
  isRecorderError,
  panicError,
  shorten,
  wasmBlocked,
  wasmLoadFailed,
} from "./errors.js";
import { bytesOf, member, unlessItThrows } from "./foreign.js";
import { start } from "./instance.js";
import { withTimeout } from "./limits.js";

let loaded;
let panicsInARow = 0;
let lastPanic;

/**
 * Resolves to the instance that calls run on: a new one after a panic. Rejects after two panics in a row. A failure to
 * load the module is not kept: the next call tries again. If time runs out, the next call fetches beside the request that
 * is pending, and both calls use the module that comes first.
 */
export async function load(source, timeoutMs) {
  if (panicsInARow > 1) throw lastPanic;
  if (source !== undefined && !kindOf(source)) {
    throw badArgument("wasm must be a URL, a Response, bytes or a WebAssembly.Module.");
  }
  if (!loaded) {
    loaded = fetching(source);
  } else if (loaded.isLate) {
    loaded.fetchBeside(source ?? again(loaded.source));
  } else if (source !== undefined && !isSame(source, loaded.source)) {
    throw initConflict();
  }
  const current = loaded;
  current.instance ??= startInstance(current).catch((error) => {
    // A module that has run before is kept: the failure has another cause.
    if (lastPanic) current.instance = undefined;
    else if (loaded === current) loaded = undefined;
    throw error;
  });
  try {
    return await withTimeout(current.instance, "the WebAssembly module", undefined, timeoutMs);
  } catch (error) {
    if (isRecorderError(error) && error.code === "TIMEOUT") current.isLate = !current.isCompiled;
    throw error;
  }
}

/** A module that comes from one of several requests, whichever is first. */
function fetching(firstSource) {
  const fetching = {
    __proto__: null,
    instance: undefined,
    module: undefined,
    isLate: false,
    isCompiled: false,
    source: undefined,
    fetchBeside,
  };
  let pending = 0;
  let settle;
  fetching.module = new Promise((resolve, reject) => (settle = { resolve, reject }));
  // If the page may not run WebAssembly, nobody waits for this promise.
  fetching.module.catch(() => {});
  fetchBeside(firstSource);
  return fetching;

  function fetchBeside(source) {
    pending++;
    fetching.source = source;
    fetching.isLate = false;
    compile(source, pending > 1).then(
      (module) => {
        fetching.isCompiled = true;
        fetching.isLate = false;
        settle.resolve(module);
      },
      (error) => --pending || settle.reject(error),
    );
  }
}

/** After a call that succeeded, the next panic counts as the first one in a row. */
export function resetPanicCount() {
  panicsInARow = 0;
}

function recordPanic(message) {
  if (loaded) loaded.instance = undefined;
  lastPanic = panicError(message, ++panicsInARow > 1);
  return lastPanic;
}

/** `module`: a promise. `start` prepares the instance during the download. */
async function startInstance({ module, source = "" }) {
  try {
    // After the request has begun, so that the request does not wait for this check.
    ensureWasmAllowed();
    return await start(module, recordPanic, lastPanic !== undefined);
  } catch (cause) {
    if (isRecorderError(cause)) throw cause;
    const why = "its version does not match the JavaScript; it may be cached.";
    throw wasmLoadFailed(why, cause, undefined, PASS_WHOLE, kindOf(source) === "address");
  }
}

/**
 * `isBeside`: an earlier request is pending, whose module may have come in part. Firefox lets a request for the same address
 * wait for that one, to fill its cache once, and compiles only one module at a time in the background.
 */
async function compile(source, isBeside) {
  let why = "this bundle does not know its own address (import.meta.url).";
  let hint = PASS_ADDRESS;
  let fetched;
  let hasCome = false;
  let status;
  try {
    source ??= new URL("premium_recorder_bg.wasm", import.meta.url);
    const address = addressOf(source);
    why = "these bytes are not WebAssembly, or not all of them.";
    hint = PASS_WHOLE;
    if (kindOf(source) === "address") {
      fetched = address;
      // As text: a page may have replaced `fetch` with a function that knows no URL objects.
      source = await fetch(address, { __proto__: null, cache: isBeside ? "no-store" : "default" });
      hasCome = true;
      why = "fetch returned no Response.";
      hint = PASS_BYTES;
    }
    if (member(source, "arrayBuffer")) {
      const ok = member(source, "ok");
      const url = shorten(String(member(source, "url") || address || "the Response"));
      const type = member(source, "headers").get("content-type") ?? "";
      status = member(source, "status");
      why = !ok
        ? `${url} answers ${status}.`
        : type.includes("html")
          ? `${url} answers with HTML, not with the file: a fallback page, as a router or a bundler's server has it.`
          : `${url} is not WebAssembly, or not all of it has come.`;
      hint = hintFor(url);
      if (!ok || (type === "application/wasm" && !isBeside)) {
        try {
          return await WebAssembly.compileStreaming(source);
        } catch (cause) {
          // The page may have replaced `fetch` with a function that returns an object of its own.
          if (!ok || member(source, "bodyUsed") === true) throw cause;
        }
      }
      // Many servers do not know the MIME type, so compile the bytes.
      source = await source.arrayBuffer();
    }
    if (kindOf(source) === "module") return source;
    if (isBeside) return new WebAssembly.Module(source);
    return await WebAssembly.compile(source);
  } catch (cause) {
    // The address is examined only after a failure: before, it would delay the request.
    const reason = fetched === undefined ? undefined : whyNotFetched(fetched);
    if (reason && !hasCome) {
      why = reason[0];
      hint = reason[1];
    }
    throw wasmLoadFailed(why, cause, status, hint, reason?.[1] === ALLOW_ORIGIN);
  }
}

const PASS_ADDRESS = "Pass the address of premium_recorder_bg.wasm as `wasm`.";
const PASS_BYTES = "Read premium_recorder_bg.wasm and pass its bytes as `wasm`.";
const PASS_WHOLE = "Pass the whole premium_recorder_bg.wasm of this version of the package as `wasm`.";
const ALLOW_ORIGIN =
  "Allow the file's origin in the CSP. Another origin than the page's must send Access-Control-Allow-Origin.";

/** What to do if this address has something else than the module. Undefined if the hint of the code says it. */
function hintFor(url) {
  if (!/^https?:/.test(url)) return PASS_WHOLE;
  // Vite before 8 moves dependencies into this folder, without the files beside them.
  if (/\/\.?vite\/deps\//.test(url))
    return "Add optimizeDeps: { exclude: ['premium-recorder'] } to Vite's configuration.";
}

/** Why fetch() can fail for this address, and what to do. */
function whyNotFetched(address) {
  const shown = shorten(address);
  if (typeof fetch !== "function") return [`${shown} cannot be fetched: there is no fetch here.`, PASS_BYTES];
  if (/^file:/i.test(address)) return [`${shown} cannot be fetched: fetch reads no files.`, PASS_BYTES];
  if (/^data:/i.test(address)) {
    return [
      `${shown} cannot be fetched: refused by the page's CSP (connect-src).`,
      "Add data: to the page's CSP connect-src, or serve premium_recorder_bg.wasm as a file and pass its address as `wasm`.",
    ];
  }
  if (!address || /^(about|javascript|mailto):/i.test(address) || !unlessItThrows(() => new Request(address))) {
    return [`"${shown}" is not the address of a file.`, PASS_ADDRESS];
  }
  return [`${shown} cannot be fetched: offline, or refused by CORS or the page's CSP (connect-src).`, ALLOW_ORIGIN];
}

/**
 * A CSP without 'wasm-unsafe-eval' forbids even an empty module: to compile it, or, in WebKit, only to instantiate it.
 */
function ensureWasmAllowed() {
  try {
    new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)));
  } catch (cause) {
    throw wasmBlocked(cause);
  }
}

/** What a source is, whatever frame it is from; undefined if it is no source. */
function kindOf(source) {
  if (typeof addressOf(source) === "string") return "address";
  if (typeof member(source, "arrayBuffer") === "function" && member(source, "headers")) return "answer";
  if (bytesOf(source)) return "bytes";
  return unlessItThrows(() => WebAssembly.Module.exports(source)) && "module";
}

function addressOf(source) {
  return typeof source === "string" ? source : member(source, "href");
}

/** A source that can be asked again: an answer can be read only once. */
function again(source) {
  return kindOf(source) === "answer" ? member(source, "url") || undefined : source;
}

function isSame(one, other) {
  if ((addressOf(one) ?? one) === (addressOf(other) ?? other)) return true;
  const bytes = bytesOf(one);
  const others = bytesOf(other);
  return Boolean(bytes && others) && bytes.length === others.length && bytes.every((byte, at) => byte === others[at]);
}
