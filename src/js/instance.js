// One instance of the WebAssembly module. After a panic, nothing of the instance reaches the next instance or the app.

import { glue } from "./premium_recorder.js";

/** A result that the glue accepts for any call: neither a promise nor an exception. */
const NO_RESULT = [];

/** Starts an instance. `recordPanic` is called with a panic's message, and returns the error that rejects the calls. */
export async function start(module, recordPanic) {
  const { imports, run, onPanic, connect, reconnect } = glue();
  const instance = { calls: 0, call, connect, reconnect };
  const waiting = new Set();
  let controllers = [];
  let mostControllers = 100;

  const { exports } = await WebAssembly.instantiate(
    module,
    mapValues(imports(), (functions) => mapValues(functions, wrapImport)),
  );
  run({ exports: mapValues(exports, wrapExport) });
  onPanic(panicked);
  return instance;

  /** Returns the outcome of a call. Throws the panic's error if the instance panics before that. */
  async function call(work) {
    instance.calls++;
    try {
      const outcome = await work();
      if (outcome === NO_RESULT) throw instance.error;
      return outcome;
    } finally {
      instance.calls--;
    }
  }

  /** Wraps an export: this library calls it, or a timer or listener that the module has left with the platform. */
  function wrapExport(value) {
    if (typeof value !== "function") return value;
    return (...args) => {
      if (instance.error) return NO_RESULT;
      let result;
      try {
        result = value(...args);
      } catch (fault) {
        // An exception without a panic, for example a stack overflow, corrupts the module too.
        panicked(`panicked: ${fault}`);
        // If no call is in flight to report the error, the platform reports it.
        if (!instance.calls) throw instance.error;
      }
      if (instance.error) return NO_RESULT;
      return result instanceof Promise ? untilPanic(result) : result;
    };
  }

  /** Wraps an import, which the module calls. */
  function wrapImport(value) {
    return (...args) => {
      const result = value(...args);
      // The import may have called the module, and that call may have panicked: its caller must not continue.
      if (instance.error) throw instance.error;
      if (result instanceof AbortController) {
        controllers.push(new WeakRef(result));
        if (controllers.length > mostControllers) {
          controllers = controllers.filter((controller) => controller.deref());
          // Seldom, so that many controllers at once cost no more than one each.
          mostControllers = 2 * controllers.length + 100;
        }
      }
      return result;
    };
  }

  /** Rejects on a panic, after which the module settles no promise by itself: neither a call's nor a lock's. */
  function untilPanic(promise) {
    return new Promise((resolve, reject) => {
      waiting.add(reject);
      promise.then(resolve, reject).finally(() => waiting.delete(reject));
    });
  }

  function panicked(message) {
    if (instance.error) return;
    instance.error = recordPanic(message);
    for (const reject of waiting) reject(instance.error);
    // Once the module is off the stack, overwrite its tokens, and abort its fetches, lock requests and getToken calls.
    queueMicrotask(() => {
      new Uint8Array(exports.memory.buffer).fill(0);
      for (const controller of controllers) controller.deref()?.abort();
    });
  }
}

function mapValues(object, change) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));
}
