// The app's onEvent, kept from harming a call: it is called later, and what it throws is told once.

/** What the module may call in the middle of its work. */
export function harmless(onEvent) {
  let told = false;
  return (event) => {
    Promise.resolve(event)
      .then(onEvent)
      .catch((error) => {
        if (!told) console.error("premium-recorder: onEvent threw", error);
        told = true;
      });
  };
}
