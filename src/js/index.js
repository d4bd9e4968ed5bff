// The public API that an app imports, documented in index.d.ts.

import { RecorderError, closed, isRecorderError } from "./errors.js";
import { isolated } from "./listener.js";
import { call, load, resetPanicCount } from "./module.js";
import { shallowClone, snapshot } from "./options.js";
import { withTimeout } from "./time.js";

export { explain } from "./explain.js";
export { RecorderError, isRecorderError };

export const version = "0.1.0";

// The bare startRecording() uses the connection in progress, or else the recorder that was connected last.
let attempts = 0;
let connecting;
let connected;

export function connect(options) {
  const attempt = { number: ++attempts };
  connecting = attempt;
  attempt.recorder = open(options, attempt);
  return attempt.recorder;
}

export async function startRecording(agentId, options) {
  const given = snapshot(options);
  const recorder = connecting?.recorder ?? connected?.recorder ?? connect();
  return (await withTimeout(recorder, given?.signal, given?.timeoutMs)).startRecording(agentId, given);
}

async function open(options, attempt) {
  try {
    const given = bindCallbacks(snapshot(options), options);
    const instance = await withTimeout(load(given?.wasm), undefined, given?.timeoutMs);
    const connection = call(instance, () => instance.connect(given));
    // By now, connect() has removed the parameters of a sign-in from the URL.
    const address = globalThis.location?.href;
    const recorder = new Recorder(instance, await connection, address, given);
    if (!(connected?.number > attempt.number)) connected = { number: attempt.number, recorder };
    return recorder;
  } finally {
    if (connecting === attempt) connecting = undefined;
  }
}

/** Binds the app's callbacks to the app's own object, because the module is given a copy. */
function bindCallbacks(given, options) {
  if (typeof given !== "object" || given === null) return given;
  const bound = shallowClone(given);
  for (const name of ["getToken", "onEvent", "onProgress"]) {
    if (typeof bound[name] !== "function") continue;
    const callback = bound[name].bind(options);
    bound[name] = name === "getToken" ? callback : isolated(callback, name);
  }
  return bound;
}

class Recorder {
  #instance;
  #handle;
  #reconnecting;
  /** connect()'s options for a new instance after a panic, without tokens. */
  #options;
  #isClosed = false;

  constructor(instance, handle, address, { tokens, wasm, launchUrl = address, ...options } = {}) {
    this.#instance = instance;
    this.#handle = handle;
    this.#options = { ...options, launchUrl: launchUrl?.href ?? launchUrl };
    this.environment = Object.freeze(handle.environment());
    this.launch = Object.freeze(handle.launch());
    // In lower case, as the module normalizes it.
    if (options.orgId ?? this.launch.orgId) this.#options.orgId = handle.orgId();
    Object.freeze(this);
  }

  get orgId() {
    return this.#instance.error ? this.#options.orgId : this.#handle.orgId();
  }

  orgs() {
    return this.#instance.error ? [] : this.#handle.orgs();
  }

  async addToken(token) {
    return this.#call((handle) => handle.addToken(token));
  }

  async switchOrg(orgId) {
    const summary = await this.#call((handle) => handle.switchOrg(orgId));
    this.#options.orgId = this.orgId;
    return summary;
  }

  async availableOrgs() {
    return this.#call((handle) => handle.availableOrgs());
  }

  async diagnose(agentId, options) {
    const given = snapshot(options);
    return this.#call((handle) => handle.diagnose(agentId, given));
  }

  async signOut(orgId) {
    await this.#call((handle) => handle.signOut(orgId));
  }

  async startRecording(agentId, options) {
    const given = snapshot(options);
    return this.#recording(await this.#call((handle) => handle.startRecording(agentId, given), given));
  }

  async startMany(agents, options) {
    const given = bindCallbacks(snapshot(options), options);
    const list = snapshot(agents);
    const outcomes = await this.#call((handle) => handle.startMany(list, given), given);
    return outcomes.map(({ value, error, aborted }) => {
      if (value) return { status: "fulfilled", value: this.#recording(value) };
      return { status: "rejected", reason: aborted ? given.signal.reason : new RecorderError(error) };
    });
  }

  async recordings(options) {
    const given = snapshot(options);
    const list = await this.#call((handle) => handle.recordings(given), given);
    return list.map((fields) => this.#recording(fields));
  }

  async recording(id, options) {
    const given = snapshot(options);
    return this.#recording(await this.#call((handle) => handle.recording(id, given), given));
  }

  /** A recording with its methods. */
  #recording(fields) {
    const { id, orgId, agentId } = fields;
    const callMethod = async (name, options) => {
      const given = snapshot(options);
      return this.#recording(await this.#call((handle) => handle[name](id, orgId, agentId, given), given));
    };
    return new Recording(fields, callMethod);
  }

  close() {
    this.#isClosed = true;
    this.#handle.close();
  }

  /** Runs in the caller's own turn unless there was a panic: on a click, only that turn may open a window. */
  async #call(work, options) {
    if (this.#instance.error) {
      if (this.#isClosed) throw closed();
      this.#reconnecting ??= this.#reconnect().finally(() => (this.#reconnecting = undefined));
      await withTimeout(this.#reconnecting, options?.signal, options?.timeoutMs ?? this.#options.timeoutMs);
    }
    const value = await call(this.#instance, () => work(this.#handle), options?.signal);
    resetPanicCount();
    return value;
  }

  async #reconnect() {
    const instance = await load();
    this.#handle = await call(instance, () => instance.reconnect(this.#options));
    this.#instance = instance;
    if (this.#isClosed) this.close();
  }
}

/** A recording, as the cloud described it. Its methods call its own organization, whatever the current target is. */
class Recording {
  #callMethod;

  constructor(fields, callMethod) {
    Object.assign(this, fields);
    this.#callMethod = callMethod;
    Object.freeze(this);
  }

  stop(options) {
    return this.#callMethod("stopRecording", options);
  }

  refresh(options) {
    return this.#callMethod("refreshRecording", options);
  }
}

// Older platforms have no explicit resource management.
if (Symbol.dispose) Recorder.prototype[Symbol.dispose] = Recorder.prototype.close;
