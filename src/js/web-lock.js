// Requests Web Locks, if the browser has them. A script of the page may have replaced them, so this file checks no class.

/**
 * Requests a Web Lock. With a signal, the request waits until the lock is free. Without one, it fails if the lock is taken. `decided`
 * resolves to true or false, or to undefined if there are no locks or the browser refuses the request. The browser holds the lock
 * until the promise that `hold` returns settles.
 */
export function requestWebLock(hold, name, isShared, signal) {
  const request = { __proto__: null, isGranted: false, isLate: false, decided: undefined, release: undefined };
  const released = new Promise((resolve) => (request.release = () => resolve()));
  const held = () => {
    request.isGranted = true;
    return hold(released);
  };
  const options = { __proto__: null, mode: isShared ? "shared" : "exclusive", ...waitOption(signal) };
  request.decided = webLock(name, options, held).decided;
  return request;
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
