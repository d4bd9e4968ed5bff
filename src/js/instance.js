// One instance of the module, until it panics. What is left of it then reaches neither the next one nor anybody else.

import { glue } from "./premium_recorder.js";

/** What the glue can take for the result of any call: no promise, no exception. */
const NOTHING = [];

/** Starts one. `end` is told what happened, and says what the calls are rejected with. */
export async function start(module, end) {
  const { imports, run, onPanic, connect, reconnect } = glue();
  const instance = { calls: 0, call, connect, reconnect };
  const waiting = new Set();
  let aborters = [];

  const { exports } = await WebAssembly.instantiate(
    module,
    mapped(imports(), (functions) => mapped(functions, leaving)),
  );
  run({ exports: mapped(exports, entering) });
  onPanic(panicked);
  return instance;

  /** What a call comes to, which is a panic's error at the latest when there is a panic. */
  async function call(work) {
    instance.calls++;
    try {
      const outcome = await work();
      if (outcome === NOTHING) throw instance.error;
      return outcome;
    } finally {
      instance.calls--;
    }
  }

  /** A call into the module, by the door or by what the module has left with the platform: a timer, a listener. */
  function entering(value) {
    if (typeof value !== "function") return value;
    return (...args) => {
      if (instance.error) return NOTHING;
      let result;
      try {
        result = value(...args);
      } catch (fault) {
        // Also one without a panic, such as too deep a recursion, leaves the module in pieces.
        panicked(`panicked: ${fault}`);
        // Where no call can tell of it, the platform does.
        if (!instance.calls) throw instance.error;
      }
      if (instance.error) return NOTHING;
      return result instanceof Promise ? untilPanic(result) : result;
    };
  }

  /** A call out of the module. */
  function leaving(value) {
    return (...args) => {
      const result = value(...args);
      // A panic further up the stack: what is below it must not go on.
      if (instance.error) throw instance.error;
      if (result instanceof AbortController) {
        aborters = [...aborters.filter((aborter) => aborter.deref()), new WeakRef(result)];
      }
      return result;
    };
  }

  /** After a panic nothing settles by itself: neither a call nor what holds a lock. */
  function untilPanic(promise) {
    return new Promise((resolve, reject) => {
      waiting.add(reject);
      promise.then(resolve, reject).finally(() => waiting.delete(reject));
    });
  }

  function panicked(message) {
    if (instance.error) return;
    instance.error = end(message);
    for (const reject of waiting) reject(instance.error);
    // Once it is off the stack: its tokens are gone, and whoever works for it learns that it need not.
    queueMicrotask(() => {
      new Uint8Array(exports.memory.buffer).fill(0);
      for (const aborter of aborters) aborter.deref()?.abort();
    });
  }
}

function mapped(object, change) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));
}
