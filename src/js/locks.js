// Requests Web Locks, if the browser has them. A script of the page may have replaced them, so this file checks no class.

/**
 * Requests a lock: waits for it if there is a signal, and otherwise takes it only if it is free. `decided` resolves to true
 * or false, and to undefined if there are no locks or the browser refuses the request. The browser holds the lock until the promise
 * that `hold` returns settles.
 */
export function requestLock(hold, name, isShared, signal) {
  const request = { __proto__: null, isGranted: false, decided: undefined, release: undefined };
  const released = new Promise((resolve) => (request.release = () => resolve()));
  request.decided = new Promise((decide) => {
    let isCalled = false;
    // Replaced locks may call this function twice.
    const granted = (lock) => {
      if (!isCalled) {
        isCalled = true;
        request.isGranted = Boolean(lock);
        decide(request.isGranted);
      }
      return hold(released);
    };
    const options = { __proto__: null, mode: isShared ? "shared" : "exclusive" };
    // The browser accepts only one of these two options.
    if (signal) options.signal = signal;
    else options.ifAvailable = true;
    const refused = () => decide(undefined);
    // The platform catches what the `then` of its own promise throws.
    new Promise((resolve) => resolve(navigator.locks.request(name, options, granted))).then(refused, refused);
  });
  return request;
}
