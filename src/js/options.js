// Copies the caller's arguments, as they are at the moment of the call.

import { optionsUnreadable } from "./errors.js";

/**
 * Copies plain objects and arrays, so that a later change does not affect a call in flight. Other values (functions,
 * signals, URLs) are kept. Reading may throw, because of a getter or a revoked proxy.
 */
export function snapshot(options) {
  try {
    return copy(options, 8);
  } catch (cause) {
    throw optionsUnreadable(cause);
  }
}

/** A copy that may be changed. An instance of a class keeps its getters. */
export function shallowClone(options) {
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

/** Whether the value is an object literal, of any frame. */
function isPlain(value) {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
