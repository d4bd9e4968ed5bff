// The door: what an app imports. Documented in index.d.ts.

import { RecorderError, isRecorderError } from "./errors.js";
import { call, load } from "./module.js";
import { connect as connectRecorder } from "./premium_recorder.js";

export { RecorderError, isRecorderError };

export const version = "0.1.0";

/** The last connection that was made or is being made: what the bare startRecording() uses. */
let latest;

export function connect(options) {
  const before = latest;
  const connecting = open(options);
  latest = connecting;
  connecting.catch(() => {
    if (latest === connecting) latest = before;
  });
  return connecting;
}

export async function startRecording(agentId, options) {
  const recorder = await (latest ?? connect());
  return recorder.startRecording(agentId, options);
}

async function open(options) {
  await load(options?.wasm);
  return new Recorder(await call(() => connectRecorder(options)));
}

class Recorder {
  #handle;

  constructor(handle) {
    this.#handle = handle;
    this.environment = Object.freeze(handle.environment());
    this.launch = Object.freeze(handle.launch());
    Object.freeze(this);
  }

  get orgId() {
    return this.#handle.orgId();
  }

  orgs() {
    return this.#handle.orgs();
  }

  addToken(token) {
    return call(() => this.#handle.addToken(token));
  }

  switchOrg(orgId) {
    return call(() => this.#handle.switchOrg(orgId));
  }

  async startRecording(agentId, options) {
    return Object.freeze(await call(() => this.#handle.startRecording(agentId, options), options?.signal));
  }

  close() {
    this.#handle.close();
  }
}

// Where the platform has no explicit resource management yet, there is nothing to add.
if (Symbol.dispose) Recorder.prototype[Symbol.dispose] = Recorder.prototype.close;
