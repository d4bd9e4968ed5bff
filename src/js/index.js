// The door: what an app imports. Documented in index.d.ts.

import { RecorderError, isRecorderError } from "./errors.js";
import { call, load } from "./module.js";
import { snapshot } from "./options.js";
import { connect as connectRecorder } from "./premium_recorder.js";
import { inTime } from "./time.js";

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
    await inTime(load(given?.wasm), undefined, given?.timeoutMs);
    const recorder = new Recorder(await call(() => connectRecorder(given)));
    if (!(connected?.turn > attempt.turn)) connected = { turn: attempt.turn, recorder };
    return recorder;
  } finally {
    if (connecting === attempt) connecting = undefined;
  }
}

/** getToken is called on the caller's own object, not on the copy. */
function withThis(given, options) {
  if (typeof given?.getToken !== "function") return given;
  return { ...given, getToken: given.getToken.bind(options) };
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

  // The handle is taken outside of call(), to which any exception is a fault of the module.

  async addToken(token) {
    const handle = this.#handle;
    return call(() => handle.addToken(token));
  }

  async switchOrg(orgId) {
    const handle = this.#handle;
    return call(() => handle.switchOrg(orgId));
  }

  async availableOrgs() {
    const handle = this.#handle;
    return call(() => handle.availableOrgs());
  }

  async signOut(orgId) {
    const handle = this.#handle;
    await call(() => handle.signOut(orgId));
  }

  async startRecording(agentId, options) {
    const handle = this.#handle;
    const given = snapshot(options);
    return Object.freeze(await call(() => handle.startRecording(agentId, given), given?.signal));
  }

  close() {
    this.#handle.close();
  }
}

// Where the platform has no explicit resource management yet, there is nothing to add.
if (Symbol.dispose) Recorder.prototype[Symbol.dispose] = Recorder.prototype.close;
