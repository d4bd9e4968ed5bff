// The limits of a wait that the module does not see: for itself, and for a recorder that is still being connected.

import { timedOut } from "./errors.js";

const DEFAULT_TIMEOUT = 15_000;
const LONGEST_TIMEOUT = 2 ** 31 - 1;

/** What the promise comes to, unless the signal aborts or the time is over before. What is no limit is refused later. */
export async function inTime(promise, signal, timeoutMs) {
  const limit = timeoutMs > 0 && timeoutMs <= LONGEST_TIMEOUT ? timeoutMs : DEFAULT_TIMEOUT;
  let abort;
  let timer;
  const ended = new Promise((_, reject) => {
    abort = () => reject(signal.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener?.("abort", abort);
    timer = setTimeout(() => reject(timedOut(limit)), limit);
  });
  try {
    return await Promise.race([promise, ended]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener?.("abort", abort);
  }
}
