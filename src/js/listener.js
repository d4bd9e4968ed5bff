// Keeps the app's onEvent and onProgress from disturbing a call: they run later, and their first exception is logged.

/** A listener that the module may call in the middle of its work. */
export function isolated(listener, name) {
  let isLogged = false;
  return (event) => {
    Promise.resolve(event)
      .then(listener)
      .catch((error) => {
        if (!isLogged) console.error(`premium-recorder: ${name} threw`, error);
        isLogged = true;
      });
  };
}
