// Reads what other code of the page has made or replaced: it may throw, or be of another frame.

/**
 * A property of a platform's object, whatever frame or library made it: its own one or its class's, but not one of
 * Object.prototype. Undefined if it cannot be read.
 */
export function member(value, name) {
  if (typeof value !== "object" || value === null) return undefined;
  return unlessItThrows(() => {
    let holder = value;
    for (let depth = 0; depth < 16; depth++) {
      if (Object.hasOwn(holder, name)) return value[name];
      holder = Object.getPrototypeOf(holder);
      if (!holder || !Object.getPrototypeOf(holder)) return undefined;
    }
  });
}

/** The bytes of a buffer or a view, whatever frame made it. Undefined if it is something else. */
export function bytesOf(source) {
  // Throws if it is something else, or if the buffer has been transferred to somebody else.
  return unlessItThrows(() => {
    const view = ArrayBuffer.isView(source)
      ? new DataView(source.buffer, source.byteOffset, source.byteLength)
      : new DataView(source);
    return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  });
}

/** An object's own property. Other code may have put anything on Object.prototype. */
export function own(object, name) {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** What the function returns. Undefined if it throws. */
export function unlessItThrows(work) {
  try {
    return work();
  } catch {
    // The page may have replaced what it calls.
  }
}
