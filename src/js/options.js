// Copies the caller's arguments, as they are at the moment of the call. Only an object's own properties count: other code
// of the page may have put anything on Object.prototype. A copy has no prototype, so a property that it lacks is undefined.

import { badArgument } from "./errors.js";

/** Options that are not data. */
const NOT_DATA = ["signal", "wasm", "launchUrl"];
const MAX_OBJECTS = 1_000_000;

/** A copy of a call's options; null if they are no object, which the module refuses. */
export function snapshot(options = {}) {
  if (typeof options !== "object") return null;
  const copied = snapshotOf(options, NOT_DATA);
  return Array.isArray(copied) ? null : copied;
}

/** A copy of data, such as a list of agents. */
export function snapshotOf(data, notData) {
  try {
    return copy(data, new Map(), notData);
  } catch (cause) {
    // A getter or a proxy threw.
    throw badArgument("The options can not be read.", cause);
  }
}

/**
 * A property of a platform's object, whatever frame or library made it: its own one or its class's, but not one of
 * Object.prototype. Undefined if it can not be read.
 */
export function member(value, name) {
  if (typeof value !== "object" || value === null) return undefined;
  try {
    let holder = value;
    for (let depth = 0; depth < 16; depth++) {
      if (Object.hasOwn(holder, name)) return value[name];
      holder = Object.getPrototypeOf(holder);
      if (!holder || !Object.getPrototypeOf(holder)) return undefined;
    }
  } catch {
    return undefined;
  }
}

function copy(value, copies, notData = []) {
  if (typeof value !== "object" || value === null) return value;
  if (copies.has(value)) return copies.get(value);
  const list = Array.isArray(value);
  const copied = list ? [] : Object.create(null);
  copies.set(value, copied);
  if (copies.size > MAX_OBJECTS || (list && value.length > MAX_OBJECTS)) throw new RangeError("Too many objects.");
  if (list) {
    for (let at = 0; at < value.length; at++)
      copied[at] = Object.hasOwn(value, at) ? copy(value[at], copies) : undefined;
    return copied;
  }
  for (const [name, property] of Object.entries(value)) {
    copied[name] = notData.includes(name) ? property : copy(property, copies);
  }
  return copied;
}
