// The app's callbacks. Each runs with the app's own object as `this`, and in the zone (zone.js, so Angular) in which it was
// given: the module may call it after a Web Lock, which leaves every zone.

/** Replaces the callbacks in a copy of the app's options. */
export function bindCallbacks(given, options) {
  for (const name of ["getToken", "onEvent", "onProgress"]) {
    const callback = given?.[name];
    if (typeof callback !== "function") continue;
    const zone = Object.hasOwn(globalThis, "Zone") ? globalThis.Zone?.current : undefined;
    const run = (argument) => {
      if (typeof zone?.run === "function") return zone.run(callback, options, [argument]);
      return Reflect.apply(callback, options, [argument]);
    };
    given[name] = name === "getToken" ? (need) => run({ ...need }) : isolated(run, name);
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
        if (!isLogged) console.error(`premium-recorder: ${name} threw`, error);
        isLogged = true;
      });
  };
}
