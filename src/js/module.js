// Loads the WebAssembly module once, and keeps an instance of it running.

import { RecorderError, initConflict, isRecorderError, panicError, wasmBlocked, wasmLoadFailed } from "./errors.js";
import { start } from "./instance.js";

let loaded;
let panicsInARow = 0;
let lastPanic;

/**
 * Resolves to the instance that calls run on: a new one after a panic. Rejects after two panics in a row. A failure to
 * load the module is not kept: the next call tries again.
 */
export function load(source) {
  if (panicsInARow > 1) return Promise.reject(lastPanic);
  if (loaded && source !== undefined && !isSame(source, loaded.source)) return Promise.reject(initConflict());
  loaded ??= { source, module: compile(source) };
  loaded.instance ??= loaded.module.then(startInstance).catch((error) => {
    // A module that has run before is kept: the failure has another cause.
    loaded = lastPanic && { ...loaded, instance: undefined };
    throw error;
  });
  return loaded.instance;
}

/** Returns a call's value, or throws its error or the abort reason of the caller's signal. */
export async function call(instance, work, signal) {
  const outcome = await instance.call(work);
  if (outcome.error) throw new RecorderError(outcome.error);
  if (outcome.aborted) throw signal.reason;
  return outcome.value;
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

async function startInstance(module) {
  try {
    return await start(module, recordPanic);
  } catch (cause) {
    if (isRecorderError(cause)) throw cause;
    throw wasmLoadFailed("it is of another version than the JavaScript, perhaps from a cache.", cause);
  }
}

async function compile(source = new URL("premium_recorder_bg.wasm", import.meta.url)) {
  ensureWasmAllowed();
  let why = "it is neither an address nor an answer, bytes or a module.";
  let status;
  try {
    if (typeof source === "string" || source.href) {
      why = `${source} can not be fetched: offline, or refused by CORS or the page's CSP (connect-src).`;
      source = await fetch(source);
    }
    if (source.arrayBuffer) {
      const { url, ok, headers } = source;
      const type = headers.get("content-type") ?? "";
      status = source.status;
      why = !ok
        ? `${url} answers ${status}.`
        : type.includes("html")
          ? `${url} answers with HTML, not with the file: a fallback page, as a router or a bundler's server has it.`
          : `${url} is not WebAssembly, or not all of it has come.`;
      if (!ok || type === "application/wasm") return await WebAssembly.compileStreaming(source);
      // Many servers do not know the MIME type, so compile the bytes.
      source = await source.arrayBuffer();
    }
    if (source[Symbol.toStringTag] === "WebAssembly.Module") return source;
    return await WebAssembly.compile(source);
  } catch (cause) {
    throw wasmLoadFailed(why, cause, status);
  }
}

/** A CSP without 'wasm-unsafe-eval' forbids even an empty module. */
function ensureWasmAllowed() {
  try {
    new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  } catch (cause) {
    throw wasmBlocked(cause);
  }
}

function isSame(one, other) {
  const address = (source) => (source instanceof URL ? source.href : source);
  return address(one) === address(other);
}
