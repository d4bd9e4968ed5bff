// What the caller passes in, as it is at the moment of the call.

import { optionsUnreadable } from "./errors.js";

/**
 * Plain objects and arrays are copied, so that a later change does not reach a call that is under way; whatever else
 * there is (a function, a signal, a URL) stays what it is. Reading may throw: a getter, a revoked proxy.
 */
export function snapshot(options) {
  try {
    return copy(options, 8);
  } catch (cause) {
    throw optionsUnreadable(cause);
  }
}

/** A copy that may be changed: what has a class of its own keeps its getters. */
export function copied(options) {
  try {
    return Object.assign(Object.create(Object.getPrototypeOf(options)), options);
  } catch (cause) {
    throw optionsUnreadable(cause);
  }
}

function copy(value, depth) {
  if (typeof value !== "object" || value === null || depth === 0) return value;
  if (Array.isArray(value)) return Array.from(value, (item) => copy(item, depth - 1));
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, property]) => [name, copy(property, depth - 1)]));
}

/** Made by braces, in whichever frame. */
function isPlain(value) {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
