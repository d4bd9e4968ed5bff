// One instance of the WebAssembly module. After a panic, nothing of the instance reaches the next instance or the app.

import { RecorderError, describe } from "./errors.js";
import { exchange, isFetchReplaced, streamsBodies, watchPolicy } from "./exchange.js";
import { unlessItThrows } from "./foreign.js";
import { requestLock } from "./locks.js";
import { glue } from "./premium_recorder.js";
import { nextTask } from "./task.js";
import { isWebLockHeld, requestWebLock } from "./web-lock.js";

/** A result that the glue accepts for any call. */
const NO_RESULT = [];

/**
 * Starts an instance. `module`: a promise of the module. `recordPanic` is called with a panic's message, and returns the error
 * that rejects the calls. `followsPanic`: whether an earlier instance has panicked.
 */
export async function start(module, recordPanic, followsPanic) {
  const { imports, run, initialize, connect, settled } = glue({
    settle: (settle, value, error, aborted, index) => settle({ __proto__: null, value, error, aborted }, index),
    waitFor,
    startTimer: (millis, number) => setTimeout(() => settled(number), millis),
    outside,
    abortController,
    forgetController: (controller) => ends.delete(controller),
    openChannel,
    listenForMessages,
    end,
    requestLock: (name, signal) => requestLock(hold, name, signal),
    requestWebLock: (name, signal) => requestWebLock(hold, name, signal),
    isWebLockHeld,
    exchange: (...request) => exchange(instance, ...request),
    recordingFields,
    streamsBodies,
    isFetchReplaced,
    nextTask,
  });
  const instance = { __proto__: null, calls: 0, error: undefined, call, connect, settled };
  const waiting = new Set();
  const callsOutside = new Set();
  /** What the module has left with the platform, each with the function that ends it: requests, windows, channels, listeners. */
  const ends = new Map();
  /** Set before anything else after an exception: on a full stack, no function can be called. */
  let fault;

  const wrapped = mapValues(imports(), (functions) => mapValues(functions, wrapImport));
  const { exports } = await WebAssembly.instantiate(await module, wrapped);
  run({ exports: mapValues(exports, wrapExport) });
  initialize(panicked, followsPanic);
  watchPolicy();
  return instance;

  /**
   * Resolves to an object with the `value` of a call: `begin` calls the module, and gives it a function that settles the call.
   * Rejects with the call's error, with the abort reason of the caller's signal, or with the panic's error if the instance panics.
   */
  async function call(begin, signal) {
    let outcome;
    instance.calls++;
    try {
      outcome = await untilPanic((settle) => {
        begin(settle);
        // During a click, some browsers open a window only in this turn.
        callOutside();
      });
    } finally {
      instance.calls--;
    }
    if (outcome.error) throw new RecorderError(outcome.error);
    if (outcome.aborted) throw signal.reason;
    return outcome;
  }

  /** Wraps an export: this library calls it, or a timer or listener that the module has left with the platform. */
  function wrapExport(value) {
    if (typeof value !== "function") return value;
    return (...args) => {
      if (fault) errorOfPanic();
      if (instance.error) return NO_RESULT;
      let result;
      try {
        result = value(...args);
      } catch (thrown) {
        // An exception without a panic, for example a stack overflow, corrupts the module too.
        fault = [thrown];
        const error = errorOfPanic();
        // If no call is in flight to report the error, the platform reports it.
        if (!instance.calls) throw error;
      }
      return instance.error ? NO_RESULT : result;
    };
  }

  /** The error of a panic, or of the exception that has corrupted the module. */
  function errorOfPanic() {
    if (!instance.error) panicked(`panicked: ${describe(fault[0])}`);
    return instance.error;
  }

  /** Wraps an import, which the module calls. */
  function wrapImport(value) {
    return (...args) => {
      const result = value(...args);
      // The import may have called the module, and that call may have panicked: its caller must not continue.
      if (instance.error) throw instance.error;
      return result;
    };
  }

  /** Waits for the value, if it is a promise or anything else with a `then`, and tells the module its outcome. */
  async function waitFor(value, number) {
    let outcome;
    let isRejected = false;
    try {
      outcome = await value;
    } catch (error) {
      outcome = error;
      isRejected = true;
    }
    settled(number, outcome, isRejected);
  }

  /** Makes an AbortController for the module, and keeps it until the module aborts or forgets it. */
  function abortController() {
    const controller = new AbortController();
    ends.set(controller, () => controller.abort());
    return controller;
  }

  /** Opens a BroadcastChannel for the module. */
  function openChannel(name) {
    const channel = new BroadcastChannel(name);
    ends.set(channel, () => channel.close());
    return channel;
  }

  /** Adds a listener of the module for the messages to this page. */
  function listenForMessages(listener) {
    addEventListener("message", listener);
    ends.set(listener, () => removeEventListener("message", listener));
  }

  /** Ends a channel, or a listener for messages. The page may have replaced what this needs. */
  function end(left) {
    unlessItThrows(ends.get(left));
    ends.delete(left);
  }

  /**
   * Calls a method of the platform or the app for the module, when the module is off the stack: the method may run other
   * code before it returns, which may call the module. Resolves to an object with the result, even if that is a promise.
   */
  function outside(target, method, count, ...args) {
    const promise = new Promise((resolve, reject) => {
      callsOutside.add(() => {
        try {
          const result = target[method](...args.slice(0, count));
          if (method === "open") ends.set(result, () => result.close());
          if (method === "close" || method === "abort") ends.delete(target);
          resolve({ __proto__: null, result });
        } catch (error) {
          reject(error);
        }
      });
    });
    // The module may not wait for the result.
    promise.catch(() => {});
    queueMicrotask(callOutside);
    return promise;
  }

  function callOutside() {
    for (const work of callsOutside) {
      callsOutside.delete(work);
      if (!instance.error) work();
    }
  }

  /** What `begin` settles. Rejects on a panic, after which the module settles nothing by itself: neither a call nor a lock. */
  function untilPanic(begin) {
    return new Promise((resolve, reject) => {
      waiting.add(reject);
      begin((value) => {
        waiting.delete(reject);
        resolve(value);
      });
      if (instance.error) reject(instance.error);
    });
  }

  /** What a lock waits for, whose release the module promises. After a panic, it is not held. */
  function hold(released) {
    if (instance.error) return undefined;
    // `await` calls no `then` of the promise, which the page may have replaced.
    return untilPanic(async (settle) => settle(await released));
  }

  function panicked(message) {
    if (instance.error) return;
    instance.error = recordPanic(message);
    for (const reject of waiting) reject(instance.error);
    // Once the module is off the stack, overwrite its tokens, and end its fetches, lock requests, getToken calls and the rest.
    queueMicrotask(() => {
      new Uint8Array(exports.memory.buffer).fill(0);
      for (const end of ends.values()) unlessItThrows(end);
    });
  }
}

/** What the module tells of a recording. */
function recordingFields(id, agentId, orgId, state, startedAt, alreadyRunning, raw) {
  return { id, agentId, orgId, state, startedAt, alreadyRunning, raw };
}

function mapValues(object, change) {
  return Object.fromEntries(Object.keys(object).map((name) => [name, change(object[name])]));
}
