// Requests Web Locks, if the browser has them. A script of the page may have replaced them, so this file checks no class.

/**
 * Requests a Web Lock: waits for it if there is a signal, and otherwise takes it only if it is free. `decided` resolves to true
 * or false, and to undefined if there are no locks or the browser refuses the request. The browser holds the lock until the
 * promise that `hold` returns settles.
 */
export function requestWebLock(hold, name, isShared, signal) {
  const request = { __proto__: null, isGranted: false, isLate: false, decided: undefined, release: undefined };
  const released = new Promise((resolve) => (request.release = () => resolve()));
  const held = () => {
    request.isGranted = true;
    return hold(released);
  };
  request.decided = webLock(
    name,
    { __proto__: null, mode: isShared ? "shared" : "exclusive", ...patience(signal) },
    held,
  ).decided;
  return request;
}

/** The option of a request that waits until the signal is aborted, or that does not wait. The browser accepts only one of them. */
export function patience(signal) {
  return signal ? { __proto__: null, signal } : { __proto__: null, ifAvailable: true };
}

/**
 * `hold` is called when the lock is granted. `decided` resolves to true or false, and to undefined if the browser refuses the
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
