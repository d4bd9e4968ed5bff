// The app's onEvent and onProgress, kept from harming a call: it is called later, and what it throws is told once.

/** What the module may call in the middle of its work. */
export function harmless(listener, name) {
  let told = false;
  return (event) => {
    Promise.resolve(event)
      .then(listener)
      .catch((error) => {
        if (!told) console.error(`premium-recorder: ${name} threw`, error);
        told = true;
      });
  };
}
