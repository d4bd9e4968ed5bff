// The app's callbacks. Each runs with the app's own object as `this`, and in the zone (zone.js, so Angular) in which it was
// given: the module may call it after a Web Lock, which leaves every zone.

import { member, own, unlessItThrows } from "./foreign.js";

/** Replaces the callbacks in a copy of the app's options. */
export function bindCallbacks(given, options) {
  for (const name of ["getToken", "onEvent", "onProgress"]) {
    const callback = given?.[name];
    if (typeof callback !== "function") continue;
    // It may be something else of this name.
    const zone = unlessItThrows(() => own(globalThis, "Zone")?.current);
    const run = (argument) => {
      if (typeof member(zone, "run") === "function") return zone.run(callback, options, [argument]);
      return Reflect.apply(callback, options, [argument]);
    };
    given[name] = name === "getToken" ? run : isolated(run, name);
  }
  return given;
}

/** A listener that the module may call in the middle of its work: it runs later, and its first exception is logged. */
function isolated(listener, name) {
  let isLogged = false;
  return (event) => {
    Promise.resolve()
      .then(() => listener(event))
      .catch((error) => {
        if (isLogged) return;
        isLogged = true;
        console.error(`premium-recorder: ${name} threw`, error);
      })
      // The page may have replaced the console.
      .catch(() => {});
  };
}
