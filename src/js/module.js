// Loads the WebAssembly module once, and makes sure that every call to it settles.

import { RecorderError, hadPanic, initConflict, wasmBlocked, wasmLoadFailed } from "./errors.js";
import initialize, { onPanic } from "./premium_recorder.js";

let loading;
let loadedFrom;
let panicked;
const inFlight = new Set();

/** Resolves when the module can be called. A failure is not kept: the next call tries again. */
export function load(source) {
  if (loading && source !== undefined && !isSame(source, loadedFrom)) {
    return Promise.reject(initConflict());
  }
  if (!loading) {
    loadedFrom = source;
    loading = instantiate(source).catch((error) => {
      loading = undefined;
      throw error;
    });
  }
  return loading;
}

/** What a call to the module comes to: its value, its error, or what the caller's signal was aborted with. */
export async function call(run, signal) {
  const outcome = await settled(run);
  if (outcome.error) throw new RecorderError(outcome.error);
  if (outcome.aborted) throw signal.reason;
  return outcome.value;
}

async function instantiate(source) {
  if (!compiles()) throw wasmBlocked();
  try {
    await initialize(source === undefined ? undefined : { module_or_path: source });
  } catch (cause) {
    throw wasmLoadFailed(cause);
  }
  onPanic(reject);
}

/** Whether an empty module compiles: a CSP without 'wasm-unsafe-eval' forbids even that. */
function compiles() {
  try {
    return Boolean(new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)));
  } catch {
    return false;
  }
}

function isSame(one, other) {
  const address = (source) => (source instanceof URL ? source.href : source);
  return address(one) === address(other);
}

/** After a panic the module's own promises never settle, so each one is kept here to be rejected. */
function settled(run) {
  return new Promise((resolve, rejectCall) => {
    if (panicked) throw panicked;
    inFlight.add(rejectCall);
    (async () => run())()
      .catch((fault) => reject(String(fault)))
      .then(resolve)
      .finally(() => inFlight.delete(rejectCall));
  });
}

function reject(message) {
  panicked ??= hadPanic(message);
  for (const rejectCall of inFlight) rejectCall(panicked);
  inFlight.clear();
}
