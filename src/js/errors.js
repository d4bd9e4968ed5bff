// Real Error objects, made from the plain fields that the module gives.

const BRAND = Symbol.for("premium-recorder.RecorderError");

export class RecorderError extends Error {
  constructor({ message, cause, causedBy, ...fields }) {
    super(`${fields.code}: ${message}`);
    const behind = causedBy ? new RecorderError(causedBy) : cause;
    // As on the platform's own errors, neither is enumerable.
    define(this, "name", "RecorderError");
    define(this, BRAND, true);
    if (behind !== undefined) define(this, "cause", behind);
    for (const [name, value] of Object.entries(fields)) {
      if (value !== undefined) this[name] = value;
    }
  }
}

function define(error, name, value) {
  Object.defineProperty(error, name, { value, configurable: true, writable: true });
}

/** The brand is in the registry that all frames share, so copies of the package know each other's errors. */
export function isRecorderError(error) {
  return typeof error === "object" && error !== null && error[BRAND] === true;
}
