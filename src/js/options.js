// Copies the caller's arguments, as they are at the moment of the call. Only an object's own properties count: other code
// of the page may have put anything on Object.prototype. A copy has no prototype, so a property that it lacks is undefined.

import { badArgument, shorten } from "./errors.js";

/** Options that are not data. */
const NOT_DATA = ["signal", "wasm", "launchUrl", "headers", "body", "json"];
/** Longer than any name that the module knows. A text has as many characters at most. */
const MAX_NAME = 65_536;
/** Of one argument, with the items of its lists. */
const MAX_PROPERTIES = 1_000_000;

/** A copy of a call's options, if there are any; null if they are no object, which the module refuses. */
export function snapshot(options) {
  if (options === undefined) return undefined;
  if (typeof options !== "object") return null;
  const copied = snapshotOf(options, NOT_DATA);
  return Array.isArray(copied) ? null : copied;
}

/** A copy of data, such as a list of agents. */
export function snapshotOf(data, notData) {
  const copies = new Map();
  let count = 0;
  try {
    return copy(data, notData);
  } catch (cause) {
    // A getter or a proxy threw, or there is too much of it.
    throw badArgument("The options cannot be read.", cause);
  }

  function copy(value, notData = []) {
    if (typeof value !== "object" || value === null) return value;
    if (copies.has(value)) return copies.get(value);
    // To list the bytes of a view would take long. The module refuses null.
    if (ArrayBuffer.isView(value)) return null;
    const isList = Array.isArray(value);
    const length = Object.hasOwn(value, "length") ? Number(value.length) : 0;
    // So would the characters of a String.
    if (!(length <= MAX_PROPERTIES)) throw new RangeError("Too many properties.");
    return isList ? copyList(value, length) : copyObject(value, notData);
  }

  function copyList(list, length) {
    // Own items, so that setting them later calls no setter of Object.prototype.
    const copied = Array.from({ __proto__: null, length });
    copies.set(list, copied);
    add(length);
    // By number: to make a text of each index would take as long again.
    for (let at = 0; at < length; at++) if (Object.hasOwn(list, at)) copied[at] = copy(list[at]);
    return copied;
  }

  function copyObject(object, notData) {
    // A literal with `__proto__: null` would be a hash table in V8, which takes three times as long.
    const copied = Object.setPrototypeOf({ ...object }, null);
    for (const name in copied) {
      add(1);
      const value = copied[name];
      if (typeof value === "object" && value !== null && !notData.includes(name)) {
        // Others need no entry: nothing that they have can lead back to them.
        copies.set(object, copied);
        copied[name] = copy(value);
      }
      if (name.length > MAX_NAME) {
        const kept = copied[name];
        // Deleted first: the shortened name may be the same.
        delete copied[name];
        copied[shorten(name, MAX_NAME)] = kept;
      }
    }
    return copied;
  }

  function add(properties) {
    count += properties;
    if (count > MAX_PROPERTIES) throw new RangeError("Too many properties.");
  }
}
