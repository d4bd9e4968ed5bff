// Requests Web Locks, if the browser has them. A script of the page may have replaced them, so this file checks no class.

/** Requests a Web Lock, and waits for it until the signal is aborted. The browser holds it until `hold`'s promise settles. */
export function requestWebLock(hold, name, signal) {
  const { released, release } = latch();
  const request = { __proto__: null, isGranted: false, release };
  webLock(name, waitOption(signal), () => {
    request.isGranted = true;
    return hold(released);
  });
  return request;
}

/** A promise, and the function that resolves it, so that a lock is held until then. */
export function latch() {
  let release;
  const released = new Promise((resolve) => (release = () => resolve()));
  return { __proto__: null, released, release };
}

/** Resolves to whether another page holds the Web Lock, or to undefined if there are no locks. */
export async function isWebLockHeld(name) {
  // Shared, so that two pages that ask at the same time do not take each other for the holder.
  const lock = webLock(name, { __proto__: null, mode: "shared", ...waitOption() }, () => undefined);
  const isFree = await lock.decided;
  // Otherwise this page's next request would wait for this one.
  await lock.ended;
  return isFree === undefined ? undefined : !isFree;
}

/** The option that decides whether a request waits. The browser accepts only one of them. */
export function waitOption(signal) {
  return signal ? { __proto__: null, signal } : { __proto__: null, ifAvailable: true };
}

/**
 * Calls `hold` when the browser grants the lock. `decided` resolves to true or false, or to undefined if the browser refuses the
 * request. `ended` resolves when the browser does not hold the lock any more.
 */
export function webLock(name, options, hold) {
  let decide;
  let isCalled = false;
  const decided = new Promise((resolve) => (decide = resolve));
  // Replaced locks may call this function twice.
  const granted = (lock) => {
    if (isCalled) return undefined;
    isCalled = true;
    decide(Boolean(lock));
    return lock ? hold() : undefined;
  };
  return { __proto__: null, decided, ended: end() };

  // `await` calls no `then` of a promise, which the page may have replaced.
  async function end() {
    try {
      await navigator.locks.request(name, options, granted);
    } catch {
      // There are no locks, or the request was refused or aborted, or the lock was stolen.
    }
    decide(undefined);
  }
}
