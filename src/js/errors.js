// Makes real Error objects from the plain objects that the module returns.

import { own, unlessItThrows } from "./foreign.js";

const BRAND = Symbol.for("premium-recorder.RecorderError");

const MAX_MESSAGE = 1_000;

export class RecorderError extends Error {
  /** Reads only own properties. An app's tests give what they need: the code is enough. */
  constructor(given) {
    const { message, cause, causedBy, ...others } = { __proto__: null, ...given };
    const fields = { __proto__: null, ...others };
    fields.hint ??= "";
    fields.retryable ??= false;
    super(shorten(message ? `${fields.code}: ${message}` : fields.code, MAX_MESSAGE));
    const innerCause = causedBy ? new RecorderError(causedBy) : cause;
    // Not enumerable, as on the platform's own errors.
    define(this, "name", "RecorderError", false);
    define(this, BRAND, true, false);
    if (innerCause !== undefined) define(this, "cause", innerCause, false);
    for (const name of Object.keys(fields)) {
      if (fields[name] !== undefined) define(this, name, fields[name]);
    }
  }
}

/** Defines a property, whatever setters or descriptors other code has put on Object.prototype. */
export function define(object, name, value, enumerable = true) {
  Object.defineProperty(object, name, { __proto__: null, value, enumerable, configurable: true, writable: true });
}

/** Foreign text, such as a `data:` URL, may have megabytes. */
export function shorten(text, length = 200) {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

/** The text as the end of a message: with exactly one full stop. */
export function sentence(text) {
  return text.replace(/\.?$/, ".");
}

/** What was thrown, as text. Reading it may throw. */
export function describe(thrown) {
  try {
    return shorten(thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown));
  } catch {
    return "an unreadable value";
  }
}

/** All frames share the registered symbol, so copies of the package recognize each other's errors. */
export function isRecorderError(error) {
  // Reading a revoked proxy throws.
  return unlessItThrows(() => typeof error === "object" && own(error, BRAND) === true) ?? false;
}

// Errors that can occur without the module. A test compares their hints with those in src/model/error.rs.

export function wasmBlocked(cause) {
  return new RecorderError({
    code: "WASM_BLOCKED",
    message: "This page may not run WebAssembly.",
    hint: "Add 'wasm-unsafe-eval' to the page's CSP script-src.",
    cause,
  });
}

export function wasmLoadFailed(why, cause, status, hint, isRetryable) {
  return new RecorderError({
    code: "WASM_LOAD_FAILED",
    message: `The WebAssembly module could not be loaded: ${why}`,
    hint: "Copy premium_recorder_bg.wasm to this address, or pass its address as `wasm`: see docs/bundlers.md.",
    retryable: true,
    status,
    cause,
    ...(hint && { hint }),
    ...(!isRetryable && { retryable: false }),
  });
}

export function initConflict() {
  return new RecorderError({
    code: "INIT_CONFLICT",
    message: "The WebAssembly module was loaded from another `wasm` source already.",
    hint: "Pass the same `wasm` to every connect(), or only to the first.",
  });
}

export function panicError(message, isFinal) {
  const final = isFinal ? " This was the second panic in a row: reload the page to use the library again." : "";
  return new RecorderError({
    code: "PANICKED",
    message: `The library ${sentence(message)}${final}`,
    hint: "Please report the message. If a start was in flight, check whether the agent is being recorded before you start again.",
  });
}

export function closed() {
  return new RecorderError({
    code: "CLOSED",
    message: "The recorder is closed.",
    hint: "Call connect() again. To continue a recording, call recording(id) on the new recorder, or recordings({ agentId }) without an id.",
  });
}

export function badArgument(message, cause) {
  return new RecorderError({
    code: "BAD_ARGUMENT",
    message,
    hint: "Correct the argument in the message.",
    cause,
  });
}

export function timedOut(what, timeoutMs) {
  return new RecorderError({
    code: "TIMEOUT",
    message: `Waiting for ${what} took longer than ${timeoutMs} ms.`,
    hint: "If the message says that another tab holds a lock, close or reload that tab. Otherwise, try again, or increase `timeoutMs`.",
    retryable: true,
  });
}
