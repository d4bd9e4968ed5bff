// Loads the WebAssembly module once, and keeps an instance of it running.

import { RecorderError, hadPanic, initConflict, isRecorderError, wasmBlocked, wasmLoadFailed } from "./errors.js";
import { start } from "./instance.js";

let loaded;
let panicsInARow = 0;
let last;

/**
 * Resolves to the instance that calls run on: after a panic to a fresh one, after two in a row to none any more. That the
 * module can not be loaded is not kept: the next call tries again.
 */
export function load(source) {
  if (panicsInARow > 1) return Promise.reject(last);
  if (loaded && source !== undefined && !isSame(source, loaded.from)) return Promise.reject(initConflict());
  loaded ??= { from: source, module: compiled(source) };
  loaded.instance ??= loaded.module.then(started).catch((error) => {
    // What has run before is kept: it is not the module's fault.
    loaded = last && { ...loaded, instance: undefined };
    throw error;
  });
  return loaded.instance;
}

/** What a call comes to: its value, its error, or what the caller's signal was aborted with. */
export async function call(instance, work, signal) {
  const outcome = await instance.call(work);
  if (outcome.error) throw new RecorderError(outcome.error);
  if (outcome.aborted) throw signal.reason;
  return outcome.value;
}

/** A call has succeeded: a panic to come is the first one. */
export function worked() {
  panicsInARow = 0;
}

function ended(message) {
  if (loaded) loaded.instance = undefined;
  last = hadPanic(message, ++panicsInARow > 1);
  return last;
}

async function started(module) {
  try {
    return await start(module, ended);
  } catch (cause) {
    if (isRecorderError(cause)) throw cause;
    throw wasmLoadFailed("it is of another version than the JavaScript, perhaps from a cache.", cause);
  }
}

async function compiled(source = new URL("premium_recorder_bg.wasm", import.meta.url)) {
  mayCompile();
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
      // Many a server does not know the type: the bytes tell.
      source = await source.arrayBuffer();
    }
    if (source[Symbol.toStringTag] === "WebAssembly.Module") return source;
    return await WebAssembly.compile(source);
  } catch (cause) {
    throw wasmLoadFailed(why, cause, status);
  }
}

/** A CSP without 'wasm-unsafe-eval' forbids even an empty module. */
function mayCompile() {
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
