// The door: what an app imports. Documented in index.d.ts.

import { RecorderError, closed, isRecorderError } from "./errors.js";
import { harmless } from "./listener.js";
import { call, load, worked } from "./module.js";
import { copied, snapshot } from "./options.js";
import { inTime } from "./time.js";

export { explain } from "./explain.js";
export { RecorderError, isRecorderError };

export const version = "0.1.0";

// What the bare startRecording() uses: the connection that is being made, else the recorder that was connected last.
let turns = 0;
let connecting;
let connected;

export function connect(options) {
  const attempt = { turn: ++turns };
  connecting = attempt;
  attempt.recorder = open(options, attempt);
  return attempt.recorder;
}

export async function startRecording(agentId, options) {
  const given = snapshot(options);
  const recorder = connecting?.recorder ?? connected?.recorder ?? connect();
  return (await inTime(recorder, given?.signal, given?.timeoutMs)).startRecording(agentId, given);
}

async function open(options, attempt) {
  try {
    const given = withThis(snapshot(options), options);
    const instance = await inTime(load(given?.wasm), undefined, given?.timeoutMs);
    const making = call(instance, () => instance.connect(given));
    // By now the address is without what a sign-in has added to it.
    const address = globalThis.location?.href;
    const recorder = new Recorder(instance, await making, address, given);
    if (!(connected?.turn > attempt.turn)) connected = { turn: attempt.turn, recorder };
    return recorder;
  } finally {
    if (connecting === attempt) connecting = undefined;
  }
}

/** The app's functions are called on the caller's own object, not on the copy. */
function withThis(given, options) {
  if (typeof given !== "object" || given === null) return given;
  const own = copied(given);
  for (const name of ["getToken", "onEvent", "onProgress"]) {
    if (typeof own[name] !== "function") continue;
    const bound = own[name].bind(options);
    own[name] = name === "getToken" ? bound : harmless(bound, name);
  }
  return own;
}

class Recorder {
  #instance;
  #handle;
  #renewing;
  /** What the next instance is told after a panic: no token. */
  #options;
  #isClosed = false;

  constructor(instance, handle, address, { tokens, wasm, launchUrl = address, ...options } = {}) {
    this.#instance = instance;
    this.#handle = handle;
    this.#options = { ...options, launchUrl: launchUrl?.href ?? launchUrl };
    this.environment = Object.freeze(handle.environment());
    this.launch = Object.freeze(handle.launch());
    // As the module writes it.
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
    const given = withThis(snapshot(options), options);
    const chosen = snapshot(agents);
    const started = await this.#call((handle) => handle.startMany(chosen, given), given);
    return started.map(({ value, error, aborted }) => {
      if (value) return { status: "fulfilled", value: this.#recording(value) };
      return { status: "rejected", reason: aborted ? given.signal.reason : new RecorderError(error) };
    });
  }

  async recordings(options) {
    const given = snapshot(options);
    const found = await this.#call((handle) => handle.recordings(given), given);
    return found.map((fields) => this.#recording(fields));
  }

  async recording(id, options) {
    const given = snapshot(options);
    return this.#recording(await this.#call((handle) => handle.recording(id, given), given));
  }

  /** A recording with the calls that are about it. */
  #recording(fields) {
    const { id, orgId, agentId } = fields;
    const about = async (name, options) => {
      const given = snapshot(options);
      return this.#recording(await this.#call((handle) => handle[name](id, orgId, agentId, given), given));
    };
    return new Recording(fields, about);
  }

  close() {
    this.#isClosed = true;
    this.#handle.close();
  }

  /** Runs in the caller's own turn, unless there was a panic: only there, in a click, may a window be opened. */
  async #call(work, limits) {
    if (this.#instance.error) {
      if (this.#isClosed) throw closed();
      this.#renewing ??= this.#renew().finally(() => (this.#renewing = undefined));
      await inTime(this.#renewing, limits?.signal, limits?.timeoutMs ?? this.#options.timeoutMs);
    }
    const value = await call(this.#instance, () => work(this.#handle), limits?.signal);
    worked();
    return value;
  }

  async #renew() {
    const instance = await load();
    this.#handle = await call(instance, () => instance.reconnect(this.#options));
    this.#instance = instance;
    if (this.#isClosed) this.close();
  }
}

/** What the cloud told of a recording. Calls about it are for its own organization, whatever the target is. */
class Recording {
  #about;

  constructor(fields, about) {
    Object.assign(this, fields);
    this.#about = about;
    Object.freeze(this);
  }

  stop(options) {
    return this.#about("stopRecording", options);
  }

  refresh(options) {
    return this.#about("refreshRecording", options);
  }
}

// Where the platform has no explicit resource management yet, there is nothing to add.
if (Symbol.dispose) Recorder.prototype[Symbol.dispose] = Recorder.prototype.close;
