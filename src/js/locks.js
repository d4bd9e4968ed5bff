// Web Locks, if the platform has them. The page may have replaced them, so nothing here relies on a class.

/**
 * Requests a lock: waits for it if there is a signal, and otherwise takes it only if it is free. `decided` resolves to whether
 * the platform grants it, and to undefined if there are no locks, or if the platform refuses the request. `hold` makes of the
 * promise of the release what the platform waits for.
 */
export function requestLock(hold, name, isShared, signal) {
  const request = { __proto__: null, isGranted: false, decided: undefined, release: undefined };
  const released = new Promise((resolve) => (request.release = () => resolve()));
  request.decided = new Promise((decide) => {
    let isCalled = false;
    // A page may have replaced the platform's locks with some that call it twice.
    const granted = (lock) => {
      if (!isCalled) {
        isCalled = true;
        request.isGranted = Boolean(lock);
        decide(request.isGranted);
      }
      return hold(released);
    };
    const options = { __proto__: null, mode: isShared ? "shared" : "exclusive" };
    // The platform accepts only one of both.
    if (signal) options.signal = signal;
    else options.ifAvailable = true;
    const refused = () => decide(undefined);
    // The platform catches what the `then` of its own promise throws.
    new Promise((resolve) => resolve(navigator.locks.request(name, options, granted))).then(refused, refused);
  });
  return request;
}
