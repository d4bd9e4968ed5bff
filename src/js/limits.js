// The limits of a call: its signal, its time, and the stack that it finds.

import { badArgument, panicError, timedOut } from "./errors.js";
import { member, unlessItThrows } from "./foreign.js";

const DEFAULT_TIMEOUT = 15_000;
const MAX_TIMEOUT = 2 ** 31 - 1;

/**
 * Runs work with a signal of the platform's own in place of the app's, which may be of any make: it may throw, or call a
 * listener that was removed.
 */
export function withSignal(given, work) {
  return given?.signal === undefined ? work() : withOwnSignal(given, work);
}

async function withOwnSignal(given, work) {
  const theirs = given.signal;
  const ours = new AbortController();
  const abort = () => {
    try {
      needStack();
    } catch {
      return queueMicrotask(abort);
    }
    // Undefined makes the platform's own AbortError.
    ours.abort(unlessItThrows(() => theirs.reason));
  };
  // The module refuses null: it is no signal.
  given.signal = unlessItThrows(() => listen(theirs, abort)) ? ours.signal : null;
  try {
    return await work();
  } finally {
    // If it throws, the next abort reaches a controller that nobody listens to.
    unlessItThrows(() => theirs.removeEventListener("abort", abort));
  }
}

function listen(signal, abort) {
  const aborted = member(signal, "aborted");
  if (typeof aborted !== "boolean" || typeof member(signal, "addEventListener") !== "function") return false;
  signal.addEventListener("abort", abort);
  if (aborted) abort();
  return true;
}

/** Settles like the promise, unless the signal aborts or time runs out. The module rejects an invalid limit later. */
export async function withTimeout(promise, what, signal, timeoutMs) {
  const isLimit = typeof timeoutMs === "number" && timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT;
  const limit = isLimit ? timeoutMs : DEFAULT_TIMEOUT;
  let abort;
  let timer;
  const interrupted = new Promise((_, reject) => {
    abort = () => reject(signal.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort);
    timer = setTimeout(() => reject(timedOut(what, limit)), limit);
  });
  try {
    return await Promise.race([promise, interrupted]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

/** As many arguments as need 128 kB of stack: more than a call takes. */
const STACK = new Array(16_384).fill(0);

/** Throws a RangeError if the stack is nearly used up. In the module, an overflow would leave half-done work behind. */
export function needStack() {
  Math.abs.apply(undefined, STACK);
}

/**
 * Wraps an asynchronous function: it rejects with PANICKED, before it has done anything, if the stack is nearly used up. `Class`:
 * the function is a method of this class, and a call without an object of the class is refused.
 */
export function rejecting(work, Class) {
  return function (...args) {
    try {
      needStack();
    } catch (fault) {
      return panicked(fault);
    }
    // A proxy may throw.
    if (Class && !unlessItThrows(() => this instanceof Class)) return refused(work);
    return Reflect.apply(work, this, args);
  };
}

async function panicked(fault) {
  // By then, the caller has left the stack.
  await undefined;
  throw panicError(`panicked: ${fault}`);
}

async function refused(method) {
  throw notAMethodCall(method);
}

/** A synchronous method that refuses a call without its object. */
export function checkingThis(work, Class) {
  return function (...args) {
    if (this instanceof Class) return Reflect.apply(work, this, args);
    throw notAMethodCall(work);
  };
}

function notAMethodCall({ name }) {
  return badArgument(`Call ${name}() as a method: object.${name}(…).`);
}
