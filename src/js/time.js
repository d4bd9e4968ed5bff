// Time limits for waits that the module does not see: for the module itself, and for a connection in progress.

import { timedOut } from "./errors.js";

const DEFAULT_TIMEOUT = 15_000;
const MAX_TIMEOUT = 2 ** 31 - 1;

/** Settles like the promise, unless the signal aborts or time runs out. The module rejects an invalid limit later. */
export async function withTimeout(promise, signal, timeoutMs) {
  const limit = timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT ? timeoutMs : DEFAULT_TIMEOUT;
  let abort;
  let timer;
  const interrupted = new Promise((_, reject) => {
    abort = () => reject(signal.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener?.("abort", abort);
    timer = setTimeout(() => reject(timedOut(limit)), limit);
  });
  try {
    return await Promise.race([promise, interrupted]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener?.("abort", abort);
  }
}
