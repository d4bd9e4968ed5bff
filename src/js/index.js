// The public API that an app imports, documented in index.d.ts.

import { bindCallbacks } from "./callbacks.js";
import { RecorderError, badArgument, closed, define, describe, isRecorderError } from "./errors.js";
import { member } from "./foreign.js";
import { checkingThis, needStack, rejecting, withSignal, withTimeout } from "./limits.js";
import { leaveIfIdle } from "./locks.js";
import { load, resetPanicCount } from "./module.js";
import { snapshot, snapshotOf } from "./options.js";
import { readRequest } from "./request.js";

export { explain } from "./explain.js";
export { RecorderError, isRecorderError };

export const version = "0.1.0";

// The bare startRecording() uses the connection in progress, or else the recorder that was connected last.
let attempts = 0;
let connecting;
let connected;

export const connect = rejecting(function connect(options) {
  const attempt = { number: ++attempts, recorder: undefined };
  connecting = attempt;
  attempt.recorder = open(options, attempt);
  return attempt.recorder;
});

export const startRecording = rejecting(async function startRecording(agentId, options) {
  const given = snapshot(options);
  return withSignal(given, async () => {
    const recorder = connecting?.recorder ?? connected?.recorder ?? connect();
    const connection = await withTimeout(recorder, "the connection", given?.signal, given?.timeoutMs);
    return connection.startRecording(agentId, given);
  });
});

async function open(options, attempt) {
  try {
    const given = bindCallbacks(connectOptions(options), options);
    const instance = await load(given?.wasm, given?.timeoutMs);
    const connection = instance.call((settle) => instance.connect(settle, given, true));
    // By now, connect() has removed the parameters of a sign-in from the URL.
    const address = member(member(globalThis, "location"), "href");
    const { value } = await connection;
    const recorder = new Recorder(instance, value, address, given);
    if (!(connected?.number > attempt.number)) connected = { number: attempt.number, recorder };
    return recorder;
  } finally {
    if (connecting === attempt) connecting = undefined;
  }
}

/** connect()'s options, with the launch URL as text. The module refuses null, which is what an object without one has. */
function connectOptions(options = {}) {
  const given = snapshot(options);
  if (typeof given?.launchUrl === "object") given.launchUrl = member(given.launchUrl, "href") ?? null;
  if (given?.contract !== undefined) given.contract = contractText(given.contract);
  return given;
}

/** The contract as JSON, whose bodies are texts of JSON: they keep numbers of any kind. */
function contractText(contract) {
  try {
    for (const operation of [contract?.start, contract?.stop]) {
      const body = operation?.body ?? null;
      if (body !== null) operation.body = JSON.stringify(body, onlyJson);
    }
    return JSON.stringify(contract, onlyJson);
  } catch (cause) {
    throw badArgument(`contract must be JSON: ${describe(cause)}`, cause);
  }
}

/** What JSON leaves out or makes null is no part of a contract. */
function onlyJson(name, value) {
  if (["function", "symbol"].includes(typeof value) || (typeof value === "number" && !Number.isFinite(value))) {
    throw new TypeError(`${name} is not JSON.`);
  }
  return value;
}

class Recorder {
  environment;
  launch;
  #instance;
  #handle;
  #reconnecting;
  /** connect()'s options for a new instance after a panic, without tokens, and with the last known target. */
  #options;
  #isClosed = false;
  #closing = new AbortController();

  constructor(instance, handle, address, { tokens, wasm, launchUrl = address, ...options }) {
    this.#instance = instance;
    this.#handle = handle;
    this.#options = { __proto__: null, ...options, launchUrl };
    this.environment = Object.freeze(handle.environment());
    this.launch = Object.freeze(handle.launch());
    this.#options.orgId = handle.orgId();
    Object.freeze(this);
  }

  get orgId() {
    needStack();
    return this.#targetOrgId();
  }

  #targetOrgId() {
    return this.#isClosed || this.#instance.error ? this.#options.orgId : this.#handle.orgId();
  }

  orgs() {
    needStack();
    return this.#isClosed || this.#instance.error ? [] : this.#handle.orgs();
  }

  async addToken(token) {
    return this.#call("addToken", undefined, { token });
  }

  async switchOrg(orgId) {
    return this.#call("switchOrg", undefined, { orgId });
  }

  async signIn(options) {
    return this.#call("signIn", snapshot(options));
  }

  async availableOrgs() {
    return this.#call("availableOrgs");
  }

  async diagnose(agentId, options) {
    return this.#call("diagnose", snapshot(options), { agentId });
  }

  async signOut(orgId) {
    await this.#call("signOut", undefined, { orgId });
  }

  async fetch(path, init) {
    return this.#send("fetch", path, init);
  }

  async request(path, init) {
    return this.#send("request", path, init);
  }

  async #send(name, path, init = {}) {
    const given = snapshot(init);
    const failed = new AbortController();
    const signals = [failed.signal, this.#closing.signal, given?.signal];
    const args = readRequest(this.environment.api, path, given ?? {}, signals, name === "request");
    try {
      return await this.#call(name, given, args);
    } catch (error) {
      failed.abort();
      throw error;
    }
  }

  async startRecording(agentId, options) {
    return this.#recording((await this.#outcome("startRecording", snapshot(options), { agentId })).value);
  }

  async startMany(agents, options) {
    const given = bindCallbacks(snapshot(options), options);
    const list = snapshotOf(agents);
    // Own items, so that setting them later calls no setter of Object.prototype.
    const results = Array.from({ __proto__: null, length: Array.isArray(list) ? list.length : 0 });
    const onSettled = ({ value, error, aborted }, at) => {
      if (value) results[at] = { status: "fulfilled", value: this.#recording(value) };
      else results[at] = { status: "rejected", reason: aborted ? given.signal.reason : new RecorderError(error) };
    };
    await this.#call("startMany", given, { agents: list, onSettled });
    return notThenable(results);
  }

  async recordings(options) {
    const list = await this.#call("recordings", snapshot(options));
    return notThenable(list.map((fields) => this.#recording(fields)));
  }

  async recording(id, options) {
    return this.#recording((await this.#outcome("recording", snapshot(options), { id })).value);
  }

  /** A recording with its methods. */
  #recording(fields) {
    const { id, orgId, agentId } = fields;
    const callMethod = async (name, options) =>
      this.#recording((await this.#outcome(name, snapshot(options), { id, orgId, agentId })).value);
    return new Recording(fields, callMethod);
  }

  close() {
    needStack();
    if (this.#isClosed) return;
    this.#options.orgId = this.orgId;
    this.#isClosed = true;
    this.#closing.abort();
    end(this.#handle);
  }

  async #call(name, given, args) {
    return notThenable((await this.#outcome(name, given, args)).value);
  }

  /**
   * Calls a method of the module, with its options and its other arguments by name. Resolves to an object with the `value`.
   * Runs in the caller's own turn unless there was a panic: on a click, only that turn may open a window.
   */
  #outcome(name, given, args = {}) {
    const isPanicked = this.#instance.error !== undefined;
    return withSignal(given, async () => {
      if (this.#isClosed) throw closed();
      if (isPanicked) {
        this.#reconnecting ??= this.#reconnect().finally(() => (this.#reconnecting = undefined));
        const timeoutMs = given?.timeoutMs ?? this.#options.timeoutMs;
        await withTimeout(this.#reconnecting, "the connection", given?.signal, timeoutMs);
        if (this.#isClosed) throw closed();
      }
      try {
        const begin = (settle) => this.#handle.call(settle, name, given, args);
        const outcome = await this.#instance.call(begin, given?.signal);
        resetPanicCount();
        return outcome;
      } finally {
        // A call that failed may have decided the target, too.
        this.#options.orgId = this.#targetOrgId();
      }
    });
  }

  async #reconnect() {
    const instance = await load(undefined, this.#options.timeoutMs);
    const { value } = await instance.call((settle) => instance.connect(settle, this.#options, false));
    if (this.#isClosed) {
      end(value);
      throw closed();
    }
    this.#handle = value;
    this.#instance = instance;
  }
}

/** A recording, as the cloud described it. Its methods call its own organization, whatever the current target is. */
class Recording {
  // Fields, so that Object.assign() calls no setter of Object.prototype. Not every recording has `startedAt`.
  id;
  agentId;
  orgId;
  state;
  alreadyRunning;
  raw;
  #callMethod;

  constructor({ startedAt, ...others }, callMethod) {
    Object.assign(this, others);
    if (startedAt !== undefined) define(this, "startedAt", startedAt);
    this.#callMethod = callMethod;
    Object.freeze(this);
  }

  async stop(options) {
    return this.#callMethod("stop", options);
  }

  async refresh(options) {
    return this.#callMethod("refresh", options);
  }
}

/** Closes the module's part of a recorder, and frees it: browsers may take long to find out that nobody holds it. */
function end(handle) {
  handle.close();
  handle.free();
  leaveIfIdle();
}

/** A promise that is resolved with an object calls its `then`, also one that other code has put on Object.prototype. */
function notThenable(value) {
  // An own `then` is data: of JSON. A page's own fetch may return a frozen object.
  if (Object.isExtensible(value) && !Object.hasOwn(value, "then")) define(value, "then", undefined, false);
  return value;
}

const SYNCHRONOUS = ["orgs", "close"];
for (const Class of [Recorder, Recording]) {
  const { prototype } = Class;
  for (const name of Object.getOwnPropertyNames(prototype)) {
    if (name === "constructor" || name === "orgId") continue;
    const wrap = SYNCHRONOUS.includes(name) ? checkingThis : rejecting;
    define(prototype, name, wrap(prototype[name], Class), false);
  }
  notThenable(prototype);
}

// Older platforms have no explicit resource management.
if (Symbol.dispose) Recorder.prototype[Symbol.dispose] = Recorder.prototype.close;
