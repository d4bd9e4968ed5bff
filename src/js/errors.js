// Makes real Error objects from the plain objects that the module returns.

const BRAND = Symbol.for("premium-recorder.RecorderError");

export class RecorderError extends Error {
  constructor({ message, cause, causedBy, ...fields }) {
    super(`${fields.code}: ${message}`);
    const innerCause = causedBy ? new RecorderError(causedBy) : cause;
    // Not enumerable, as on the platform's own errors.
    define(this, "name", "RecorderError");
    define(this, BRAND, true);
    if (innerCause !== undefined) define(this, "cause", innerCause);
    for (const [name, value] of Object.entries(fields)) {
      if (value !== undefined) this[name] = value;
    }
  }
}

function define(error, name, value) {
  Object.defineProperty(error, name, { value, configurable: true, writable: true });
}

/** All frames share the registered symbol, so copies of the package recognize each other's errors. */
export function isRecorderError(error) {
  try {
    return typeof error === "object" && error !== null && error[BRAND] === true;
  } catch {
    // Reading a revoked proxy throws.
    return false;
  }
}

// Errors that can occur without the module. A test compares their hints with those in src/model/error.rs.

export function wasmBlocked(cause) {
  return new RecorderError({
    code: "WASM_BLOCKED",
    message: "This page may not run WebAssembly.",
    hint: "Add 'wasm-unsafe-eval' to the page's CSP script-src.",
    retryable: false,
    cause,
  });
}

export function wasmLoadFailed(why, cause, status) {
  return new RecorderError({
    code: "WASM_LOAD_FAILED",
    message: `The WebAssembly module could not be loaded: ${why}`,
    hint: "Serve premium_recorder_bg.wasm beside the JavaScript (with Vite: optimizeDeps.exclude: ['premium-recorder']), or pass its address as `wasm`.",
    retryable: true,
    status,
    cause,
  });
}

export function initConflict() {
  return new RecorderError({
    code: "INIT_CONFLICT",
    message: "The WebAssembly module was loaded from another `wasm` source already.",
    hint: "Pass the same `wasm` to every connect(), or pass it only once.",
    retryable: false,
  });
}

export function panicError(message, isFinal) {
  const final = isFinal ? " It was the second time in a row: only a reload of the page starts the library again." : "";
  return new RecorderError({
    code: "PANICKED",
    message: `The library ${message}${final}`,
    hint: "Please report the message; if a start was in flight, find out whether the agent is being recorded before you start again.",
    retryable: false,
  });
}

export function closed() {
  return new RecorderError({
    code: "CLOSED",
    message: "The recorder is closed.",
    hint: "connect() again.",
    retryable: false,
  });
}

export function optionsUnreadable(cause) {
  return new RecorderError({
    code: "BAD_ARGUMENT",
    message: "The options can not be read.",
    hint: "Correct the argument that the message names.",
    retryable: false,
    cause,
  });
}

export function timedOut(timeoutMs) {
  return new RecorderError({
    code: "TIMEOUT",
    message: `The call took longer than ${timeoutMs} ms.`,
    hint: "If the message names another tab, close or reload that tab. Otherwise try again, or allow more time with `timeoutMs`.",
    retryable: true,
  });
}
