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

/** `hold` is called when the lock is granted. `ended` resolves when the browser does not hold it any more. */
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
  const over = () => decide(undefined);
  // The platform catches what the `then` of its own promise throws.
  const request = new Promise((resolve) => resolve(navigator.locks.request(name, options, granted)));
  return { __proto__: null, decided, ended: request.then(over, over) };
}
