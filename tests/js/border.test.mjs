// What crosses the module's border, and how the module is loaded, in plain Node: odd pages and odd objects of the app.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, test } from "node:test";
import { runInNewContext } from "node:vm";

const dist = new URL("../../dist/", import.meta.url);
const MODULE = "premium_recorder_bg.wasm";
const wasm = await readFile(new URL(MODULE, dist));
const ACME = "aaaaaaaa-0000-4000-8000-00000000000a";
const CLAIMS = Buffer.from(JSON.stringify({ org_id: ACME })).toString("base64url");
const TOKEN = `${Buffer.from('{"alg":"HS256"}').toString("base64url")}.${CLAIMS}.c2lnbmF0dXJl`;
const WASM_TYPE = { headers: { "content-type": "application/wasm" } };

let copies = 0;
/** Until they are closed, they keep Node running and give their tokens to each other, as of Node 24, which has Web Locks. */
const recorders = [];

/** The package, which has loaded nothing yet. */
async function fresh() {
  const copy = await import(new URL(`index.js?copy=${++copies}`, dist));
  const connect = (...options) => {
    const connecting = copy.connect(...options);
    connecting.then(
      (recorder) => recorders.push(recorder),
      () => {},
    );
    return connecting;
  };
  return { ...copy, connect };
}

/** A proxy of which nothing can be read. */
function revoked(target = {}) {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

/** Replaces a global for as long as the work takes. */
async function withGlobal(name, value, work) {
  const original = Object.getOwnPropertyDescriptor(globalThis, name);
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  try {
    return await work();
  } finally {
    if (original) Object.defineProperty(globalThis, name, original);
    else delete globalThis[name];
  }
}

/** How it ended: "fine", or the error. */
const ending = (promise) =>
  promise.then(
    () => "fine",
    (error) => error,
  );

const { fetch } = globalThis;
let sent;
beforeEach(() => {
  sent = [];
  globalThis.fetch = async (...given) => {
    const request = new Request(...given);
    sent.push(request.method);
    if (request.method === "GET") return Response.json({ entities: [] });
    const { agentId = "first" } = await request.json();
    const recording = { id: "r", agentId, state: "recording" };
    return Response.json(recording, { status: request.method === "POST" ? 201 : 200 });
  };
});
afterEach(() => {
  for (const recorder of recorders.splice(0)) recorder.close();
  globalThis.fetch = fetch;
  delete globalThis.Zone;
});

/** A recorder that starts for `agent` without a network. */
async function recorderWith(options) {
  const { connect } = await fresh();
  return connect({ wasm, environment: "prod", orgId: ACME, tokens: [TOKEN], ...options });
}

test("an option that is undefined is an absent one", async () => {
  const absent = (names) => Object.fromEntries(names.split(" ").map((name) => [name, undefined]));
  const { connect } = await fresh();
  const recorder = await connect({
    ...absent("getToken login shareTokens launchUrl launchParams timeoutMs onEvent"),
    ...{ wasm, environment: "cloud", orgId: ACME, tokens: [TOKEN] },
    environments: ["cloud", "other"].map((name) => {
      return {
        name,
        issuer: undefined,
        api: "https://a.example",
        login: "https://l.example",
        apps: "https://h.example",
      };
    }),
    contract: {
      ...absent("path list alreadyRunning orgHeaders scope idempotencyHeader http2 checkDuplicates"),
      start: absent("method path body"),
      read: absent("path missingMeansStopped"),
      stop: absent("method path body missingMeansStopped"),
      fields: absent("id agentId orgId recordingType state startedAt startedBy"),
      states: absent("recording stopped"),
      scopes: absent("start read"),
    },
  });
  const common = absent("orgId signal timeoutMs");
  const started = await recorder.startRecording("first", { ...common, ...absent("recordingType share") });
  assert.equal(started.agentId, "first");
  const many = { ...common, ...absent("recordingType share concurrency requestsPerMinute onProgress") };
  const [{ status }] = await recorder.startMany([{ agentId: "second", orgId: undefined }], many);
  assert.equal(status, "fulfilled");
  assert.deepEqual(await recorder.recordings({ ...common, agentId: undefined }), []);
  const init = { ...common, ...absent("method headers body idempotent duplex") };
  assert.equal((await recorder.fetch("/api/v2/users/me", init)).status, 200);
  await recorder.request("/api/v2/users/me", { ...init, json: undefined });
  await recorder.signIn(common);
  await recorder.diagnose(undefined, { orgId: undefined });
  await recorder.close();

  const login = {
    clientId: "a",
    redirectUri: "https://app.example/",
    ...absent("clientIds mode on prompt loginHint scope"),
  };
  const location = new URL("https://app.example/");
  const options = {
    environment: "prod",
    login: { ...login, ...absent("wrongOrg allowedOrgIds timeoutMs") },
  };
  await withGlobal("location", location, () =>
    connect({ ...options, ...absent("wasm orgId tokens contract environments") }),
  );
});

describe("the module", () => {
  test("is at a file: URL, which fetch does not read: WASM_LOAD_FAILED says so", async () => {
    globalThis.fetch = fetch;
    const { connect } = await fresh();
    const error = await ending(connect({ environment: "prod" }));
    assert.equal(error.code, "WASM_LOAD_FAILED");
    assert.match(error.message, /^WASM_LOAD_FAILED: .*fetch reads no files/);
    assert.match(error.hint, /bytes/);
    assert.equal(await ending(connect({ environment: "prod", wasm })), "fine");
  });

  test("cannot be fetched where there is no fetch: WASM_LOAD_FAILED says so", async () => {
    globalThis.fetch = undefined;
    const error = await ending((await fresh()).connect({ wasm: "https://a.example/a.wasm" }));
    assert.equal(error.code, "WASM_LOAD_FAILED");
    assert.match(error.message, /no fetch/);
  });

  test("of equal bytes is the same one, of other bytes another", async () => {
    const { connect } = await fresh();
    const padded = new Uint8Array(wasm.length + 8);
    padded.set(wasm, 4);
    const view = new Uint8Array(padded.buffer, 4, wasm.length);
    const changed = Uint8Array.from(wasm);
    changed[changed.length - 1] ^= 1;
    const sources = [
      wasm,
      Uint8Array.from(wasm).buffer,
      view,
      new DataView(view.buffer, 4, wasm.length),
      changed,
      padded,
    ];
    const endings = [];
    for (const wasm of sources) endings.push(await ending(connect({ environment: "prod", wasm })));
    assert.deepEqual(
      endings.map((each) => each.code ?? each),
      [...Array(4).fill("fine"), ...Array(2).fill("INIT_CONFLICT")],
    );
  });

  test("is no promise, number or anything else that is no source: BAD_ARGUMENT, before and after it is loaded", async () => {
    const { connect } = await fresh();
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const wrong = [null, 7, 5n, {}, [], () => {}, Symbol("wasm"), Promise.resolve(wasm), new Blob([wasm]), proxy];
    for (const source of wrong) assert.equal((await ending(connect({ wasm: source }))).code, "BAD_ARGUMENT");
    await connect({ environment: "prod", wasm });
    for (const source of wrong) assert.equal((await ending(connect({ wasm: source }))).code, "BAD_ARGUMENT");
  });

  test("in a bundle that does not know its own address: WASM_LOAD_FAILED names `wasm`, with which it loads", async () => {
    const { build } = await import("esbuild");
    const { outputFiles } = await build({
      entryPoints: [new URL("index.js", dist).pathname],
      bundle: true,
      write: false,
      format: "iife",
      globalName: "premium",
      logLevel: "error",
    });
    for (const shape of ["iife"]) {
      const { connect } = runInNewContext(`${outputFiles[0].text}; premium`, {
        ...{ WebAssembly, URL, URLSearchParams, TextDecoder, TextEncoder, FinalizationRegistry, WeakRef, Uint8Array },
        ...{ setTimeout, clearTimeout, queueMicrotask, performance, AbortController, fetch: globalThis.fetch },
      });
      const error = await ending(connect({ environment: "prod" }));
      assert.equal(error.code, "WASM_LOAD_FAILED", shape);
      assert.match(error.hint, /`wasm`/);
      assert.equal(await ending(connect({ environment: "prod", wasm })), "fine");
    }
  });

  test("as a data: URL that is refused: a short message, and a hint that names data:", async () => {
    globalThis.fetch = async () => {
      throw new TypeError("Failed to fetch");
    };
    const { connect } = await fresh();
    const inlined = `data:application/wasm;base64,${wasm.toString("base64")}`;
    const error = await ending(connect({ environment: "prod", wasm: inlined }));
    assert.equal(error.code, "WASM_LOAD_FAILED");
    assert.ok(error.message.length < 500, `${error.message.length} characters`);
    assert.match(error.hint, /data:/);
    const long = await ending(connect({ environment: "prod", wasm: `https://a.example/${"a".repeat(9_000)}` }));
    assert.ok(long.message.length < 500, `${long.message.length} characters`);
  });

  test("may not be instantiated, only compiled, as in WebKit under a CSP: WASM_BLOCKED", async () => {
    const { Instance } = WebAssembly;
    WebAssembly.Instance = class {
      constructor() {
        throw new WebAssembly.CompileError("Refused to create a WebAssembly object");
      }
    };
    const error = await ending((await fresh()).connect({ environment: "prod", wasm }));
    WebAssembly.Instance = Instance;
    assert.equal(error.code, "WASM_BLOCKED");
  });

  test("is fetched by a fetch that knows only texts and Requests", async () => {
    globalThis.fetch = async (resource) => {
      const url = typeof resource === "string" ? resource : resource.url.toString();
      return url.endsWith(".wasm") ? new Response(wasm, WASM_TYPE) : Response.error();
    };
    const { connect } = await fresh();
    assert.equal(await ending(connect({ environment: "prod" })), "fine");
    const other = await fresh();
    assert.equal(
      await ending(other.connect({ environment: "prod", wasm: new URL("https://a.example/a.wasm") })),
      "fine",
    );
  });
});

describe("a request for the module that hangs", () => {
  /** Requests for the module, which a test answers. */
  function answerLater() {
    const answers = [];
    globalThis.fetch = () => new Promise((resolve) => answers.push(() => resolve(new Response(wasm, WASM_TYPE))));
    return answers;
  }
  const briefly = { environment: "prod", timeoutMs: 20 };

  test("ends in a TIMEOUT that names it, and the next connect() fetches beside it", async () => {
    const answers = answerLater();
    const { connect } = await fresh();
    const error = await ending(connect(briefly));
    assert.equal(error.code, "TIMEOUT");
    assert.match(error.message, /WebAssembly module/);
    const next = connect({ environment: "prod" });
    const third = connect({ environment: "prod" });
    assert.equal(answers.length, 2);
    answers[1]();
    assert.deepEqual([await ending(next), await ending(third)], ["fine", "fine"]);
    assert.equal(await ending(connect({ environment: "prod" })), "fine");
    assert.equal(answers.length, 2);
  });

  test("and comes in the end is used by whoever waits", async () => {
    const answers = answerLater();
    const { connect } = await fresh();
    const patient = connect({ environment: "prod" });
    await ending(connect(briefly));
    await ending(connect(briefly));
    const next = connect({ environment: "prod" });
    answers[0]();
    assert.deepEqual([await ending(patient), await ending(next)], ["fine", "fine"]);
  });

  test("may be replaced by another source", async () => {
    answerLater();
    const { connect } = await fresh();
    const hanging = new Response(new ReadableStream(), WASM_TYPE);
    assert.equal((await ending(connect({ ...briefly, wasm: hanging }))).code, "TIMEOUT");
    assert.equal((await ending(connect(briefly))).code, "TIMEOUT");
    assert.equal(await ending(connect({ environment: "prod", wasm })), "fine");
  });
});

describe("getToken", () => {
  const LIVES = [
    NaN,
    Infinity,
    -Infinity,
    -1,
    60n,
    "60",
    "",
    {},
    [60],
    true,
    () => 60,
    Symbol("60"),
    new Date(0),
    new Number(60),
  ];
  for (const expiresIn of LIVES) {
    test(`gives expiresIn: ${typeof expiresIn} ${String(expiresIn)}: BAD_ARGUMENT is the cause`, async () => {
      const recorder = await recorderWith({ tokens: [], getToken: () => ({ accessToken: TOKEN, expiresIn }) });
      const error = await ending(recorder.startRecording("agent"));
      assert.equal(error.code, "TOKEN_SOURCE_FAILED");
      assert.equal(error.cause.code, "BAD_ARGUMENT");
      assert.deepEqual(sent, []);
    });
  }

  for (const expiresIn of [1e300, 60.5, 60, null, undefined]) {
    test(`gives expiresIn: ${expiresIn}: fine`, async () => {
      const recorder = await recorderWith({ tokens: [], getToken: () => ({ accessToken: TOKEN, expiresIn }) });
      assert.equal(await ending(recorder.startRecording("agent")), "fine");
    });
  }

  test("gives an object whose class has the token: only own properties count", async () => {
    class Grant {
      get accessToken() {
        return TOKEN;
      }
    }
    const recorder = await recorderWith({ tokens: [], getToken: () => new Grant() });
    assert.equal((await ending(recorder.startRecording("agent"))).cause.code, "BAD_ARGUMENT");
  });
});

test("options of a class: its instance's own properties count, and nothing of the class", async () => {
  const { connect } = await fresh();
  class Options {
    environment = "prod-euw1";
    contract = new (class {
      scope = "own:scope";
      get path() {
        return "/not/read";
      }
    })();
    wasm = wasm;
    get orgId() {
      return ACME;
    }
    getToken() {
      throw new Error("not called");
    }
  }
  const recorder = await connect(new Options());
  assert.deepEqual([recorder.environment.name, recorder.orgId], ["prod-euw1", undefined]);
  assert.equal((await ending(recorder.startRecording("agent", { orgId: ACME }))).code, "NO_TOKEN");
});

describe("zone.js", () => {
  test("runs each callback in the zone in which it was given", async () => {
    let current = "root";
    const zone = (name) => ({
      run(callback, self, args) {
        const outer = current;
        current = name;
        try {
          return callback.apply(self, args);
        } finally {
          current = outer;
        }
      },
    });
    const ran = [];
    const inZone = (name, work) => {
      globalThis.Zone = { current: zone(name) };
      const result = work();
      globalThis.Zone = { current: zone("elsewhere") };
      return result;
    };
    const options = {
      tokens: [],
      getToken(need) {
        assert.equal(this, options);
        ran.push(`getToken ${current}`);
        return need.orgId === ACME ? TOKEN : undefined;
      },
      onEvent: () => ran.push(`onEvent ${current}`),
    };
    const { connect } = await fresh();
    Object.assign(options, { wasm, environment: "prod", orgId: ACME });
    const recorder = await inZone("connect", () => connect(options));
    const onProgress = () => ran.push(`onProgress ${current}`);
    await inZone("many", () => recorder.startMany(["agent"], { onProgress }));
    await new Promise((resolve) => setTimeout(resolve));
    assert.deepEqual(new Set(ran), new Set(["getToken connect", "onEvent connect", "onProgress many"]));
  });

  test("that is something else of this name disturbs nothing", async () => {
    const throwing = { get current() { throw new Error("no"); } }; // prettier-ignore
    for (const other of [7, null, class Zone {}, { current: 7 }, { current: { run: 7 } }, throwing, revoked()]) {
      globalThis.Zone = other;
      const recorder = await recorderWith({ tokens: [], getToken: () => TOKEN });
      assert.equal(await ending(recorder.startRecording("agent")), "fine");
    }
  });
});

describe("an odd signal costs its own call only:", () => {
  const throwing = new Proxy({}, { get: () => { throw new Error("no"); } }); // prettier-ignore
  const fake = (more) => ({ aborted: false, addEventListener() {}, removeEventListener() {}, ...more });
  const SIGNALS = {
    "no object": [7, "BAD_ARGUMENT"],
    null: [null, "BAD_ARGUMENT"],
    "an empty object": [{}, "BAD_ARGUMENT"],
    "a controller": [new AbortController(), "BAD_ARGUMENT"],
    "a revoked proxy": [revoked(), "BAD_ARGUMENT"],
    "a proxy that throws": [throwing, "BAD_ARGUMENT"],
    "one that does not listen": [fake(), "fine"],
    "one that does not forget": [fake({ removeEventListener: undefined }), "fine"],
    "one whose removeEventListener throws": [fake({ removeEventListener() { throw 1; } }), "fine"], // prettier-ignore
    "one whose addEventListener throws": [fake({ addEventListener() { throw 1; } }), "BAD_ARGUMENT"], // prettier-ignore
    "one that was aborted": [AbortSignal.abort("reason"), "reason"],
    "one that was aborted for nothing": [fake({ aborted: true, reason: null }), null],
  };
  for (const [what, [signal, expected]] of Object.entries(SIGNALS)) {
    test(what, async () => {
      const [recorder, other] = [await recorderWith(), await recorderWith()];
      const outcomes = [
        await ending(recorder.startRecording("agent", { signal })),
        await ending(recorder.recordings({ signal })),
        await ending(recorder.startMany(["agent"], { signal })),
      ];
      const codes = outcomes.map((each) => each?.code ?? each);
      assert.deepEqual(codes.slice(0, 2), [expected, expected]);
      assert.equal(codes[2], expected === "BAD_ARGUMENT" ? expected : "fine");
      for (const each of [recorder, other]) assert.equal(await ending(each.startRecording("other")), "fine");
    });
  }

  test("one that calls its listener again and again, also after the call", async () => {
    const recorder = await recorderWith();
    const listeners = [];
    const signal = fake({ addEventListener: (type, listener) => listeners.push(listener), reason: "reason" });
    const started = ending(recorder.startRecording("agent", { signal }));
    const call = () => listeners.forEach((listener) => listener());
    call();
    call();
    assert.equal(await started, "reason");
    assert.equal(await ending(recorder.startRecording("other", { signal: fake(signal) })), "fine");
    call();
    assert.equal(await ending(recorder.startRecording("third")), "fine");
    assert.equal(recorder.orgs().length, 1);
  });
});

describe("an odd value costs its own call only:", () => {
  /** A recorder for the call, and its neighbor of the same module. */
  async function neighbors(options) {
    const { connect } = await fresh();
    const own = { wasm, environment: "prod", orgId: ACME };
    return [await connect({ ...own, tokens: [TOKEN], ...options }), await connect({ ...own, tokens: [TOKEN] })];
  }

  async function costsOnly(expected, call, options) {
    const [recorder, other] = await neighbors(options);
    const outcome = await ending(call(recorder));
    assert.equal(outcome?.code ?? outcome, expected, String(outcome?.stack));
    assert.equal(other.orgs().length, 1);
    assert.equal(await ending(other.startRecording("other")), "fine");
  }

  const unreadable = { "a revoked function": () => revoked(() => {}), "a function without a readable prototype": () => new Proxy(() => {}, { getPrototypeOf() { throw new Error("no"); } }) }; // prettier-ignore
  for (const [what, make] of Object.entries(unreadable)) {
    test(`${what} as an argument or a token`, async () => {
      await costsOnly("BAD_ARGUMENT", (recorder) => recorder.startRecording("agent", { timeoutMs: make() }));
      await costsOnly("BAD_ARGUMENT", (recorder) => recorder.startRecording(make()));
      await costsOnly("fine", (recorder) => recorder.startMany([make(), { agentId: make() }]));
      for (const token of [make(), { accessToken: make() }, { accessToken: TOKEN, expiresIn: make() }]) {
        const start = (recorder) => recorder.startRecording("agent");
        await costsOnly("TOKEN_SOURCE_FAILED", start, { tokens: [], getToken: () => token });
      }
    });
  }

  const chunk = (value) => ({
    status: 201,
    headers: { get: () => null },
    body: { getReader: () => ({ read: async () => ({ done: false, value }) }) },
  });
  const ANSWERS = {
    "a revoked proxy": revoked,
    "a status that is a revoked proxy": () => ({ status: revoked() }),
    "a chunk that is a revoked proxy": () => chunk(revoked()),
    "a chunk without a prototype": () => chunk(Object.assign(Object.create(null), { byteLength: 5 })),
    "a chunk that is no text": () => chunk({ byteLength: 5, toString() { throw new Error("no"); } }), // prettier-ignore
    "an exception, after the request": () => { throw new Error("no"); }, // prettier-ignore
  };
  for (const [what, answer] of Object.entries(ANSWERS)) {
    test(`a fetch that answers a start with ${what}`, async () => {
      const cloud = globalThis.fetch;
      globalThis.fetch = (url, init) => {
        if (init.method !== "POST") return cloud(url, init);
        globalThis.fetch = cloud;
        return answer();
      };
      await costsOnly("OUTCOME_UNKNOWN", (recorder) => recorder.startRecording("agent", { timeoutMs: 200 }));
    });
  }

  const { setTimeout } = globalThis;
  const UNTIMELY = {
    "a setTimeout that needs a delay": ["setTimeout", (work, delay) => setTimeout(work, delay.valueOf())],
    "timers that never run": ["setTimeout", () => 0],
    "messages that throw": ["MessageChannel", undefined],
  };
  for (const [what, [name, replacement]] of Object.entries(UNTIMELY)) {
    test(`${what}, and a request without a response: OUTCOME_UNKNOWN`, async () => {
      const lost = async () => Promise.reject(new TypeError("Failed to fetch"));
      const send = (recorder) => recorder.fetch("/api/v2/things", { method: "POST", body: "{}" });
      await costsOnly("OUTCOME_UNKNOWN", (recorder) =>
        withGlobal("fetch", lost, () => withGlobal(name, replacement, () => send(recorder))),
      );
    });
  }

  test("a function of the platform that closes the recorder while a request is sent: no PANICKED", async () => {
    const [recorder, other] = await neighbors();
    const outcome = await withGlobal(
      "fetch",
      () => recorder.close(),
      () => ending(recorder.recordings()),
    );
    assert.notEqual(outcome.code, "PANICKED");
    assert.equal(other.orgs().length, 1);
  });

  test("a fetch that never answers, also after an abort: no listener stays", async () => {
    const listeners = new EventTarget();
    const added = new Set();
    const add = (type, listener, options) => {
      added.add(listener);
      options?.signal?.addEventListener("abort", () => added.delete(listener));
      listeners.addEventListener(type, listener, options);
    };
    await costsOnly("TIMEOUT", (recorder) =>
      withGlobal(
        "fetch",
        () => new Promise(() => {}),
        () => withGlobal("addEventListener", add, () => recorder.recordings({ timeoutMs: 10 })),
      ),
    );
    assert.equal(added.size, 0);
  });

  test("a Function.prototype.call that throws: the call ends, and others do", async () => {
    const { call } = Function.prototype;
    await costsOnly("BAD_ARGUMENT", async (recorder) => {
      Function.prototype.call = () => assert.fail();
      try {
        return await recorder.startRecording(7);
      } finally {
        Function.prototype.call = call;
      }
    });
  });

  test("a fetch that is not there: NETWORK, for nothing was sent", async () => {
    const call = (recorder) => withGlobal("fetch", undefined, () => recorder.startRecording("agent"));
    await costsOnly("NETWORK", call);
  });

  test("a URL that leads elsewhere: NETWORK, and nothing is sent", async () => {
    const { URL: PlatformURL, fetch: cloud } = globalThis;
    class Elsewhere extends PlatformURL {
      constructor(address) {
        super(address);
        this.hostname = "elsewhere.example";
      }
    }
    const sent = [];
    const send = (...request) => {
      sent.push(request);
      return cloud(...request);
    };
    const start = (recorder) => withGlobal("fetch", send, () => recorder.startRecording("agent"));
    await costsOnly("NETWORK", (recorder) => withGlobal("URL", Elsewhere, () => start(recorder)));
    assert.deepEqual(sent, []);
  });

  test("a body of empty chunks without an end: TIMEOUT, for timers run meanwhile", async () => {
    // If no timer runs, the body ends all the same, and the call with it.
    const end = performance.now() + 20_000;
    const pull = (stream) => {
      if (performance.now() > end) stream.close();
      else stream.enqueue(new Uint8Array(0));
    };
    const answer = async () => new Response(new ReadableStream({ pull }));
    await costsOnly("TIMEOUT", (recorder) => withGlobal("fetch", answer, () => recorder.recordings({ timeoutMs: 50 })));
  });

  test("a fetch with a toString of its own, or a fetch that is none, in diagnose()", async () => {
    const cloud = globalThis.fetch;
    const odd = [{ toString() { throw new Error("no"); } }, { toString: () => 7 }, { toString: undefined }]; // prettier-ignore
    const fetches = odd.map((each) => Object.defineProperties((...args) => cloud(...args), Object.getOwnPropertyDescriptors(each))); // prettier-ignore
    for (const each of [...fetches, revoked(() => {}), undefined]) {
      await costsOnly("fine", (recorder) => withGlobal("fetch", each, () => recorder.diagnose()));
    }
  });

  const LOCKS = {
    "return nothing": () => {},
    "return a number": () => 7,
    "grant twice": async (name, options, granted) => { granted({ name }); return granted({ name }); }, // prettier-ignore
    "settle in their then": (name, options, granted) => { granted({ name }); return { then: (resolve) => resolve() }; }, // prettier-ignore
  };
  for (const [what, request] of Object.entries(LOCKS)) {
    test(`locks that ${what}`, async () => {
      const call = async (recorder) => {
        await recorder
          .startRecording("agent", { timeoutMs: 200 })
          .catch((error) => assert.equal(error.code, "TIMEOUT"));
        await recorder
          .startRecording("another", { timeoutMs: 200 })
          .catch((error) => assert.equal(error.code, "TIMEOUT"));
      };
      await withGlobal("navigator", { locks: { request } }, () => costsOnly("fine", call, { getToken: () => TOKEN }));
    });
  }

  const CHANNELS = {
    "cannot be closed": class { postMessage() {} }, // prettier-ignore
    "throw when they are closed": class { postMessage() {} close() { throw new Error("no"); } }, // prettier-ignore
    "take no listener": class { set onmessage(listener) { throw new Error("no"); } postMessage() {} close() {} }, // prettier-ignore
  };
  for (const [what, BroadcastChannel] of Object.entries(CHANNELS)) {
    test(`channels that ${what}`, async () => {
      const start = async (recorder) => {
        await recorder.startRecording("agent");
        // The cloud of these tests revokes nothing.
        await recorder.signOut().catch((error) => assert.equal(error.code, "NETWORK"));
      };
      const options = { tokens: [], getToken: () => TOKEN };
      await withGlobal("BroadcastChannel", BroadcastChannel, () => costsOnly("fine", start, options));
    });
  }

  const LARGE = {
    "a long agent id": (recorder) => recorder.startRecording("a".repeat(2e7)),
    "a long organization": (recorder) => recorder.startRecording("agent", { orgId: "a".repeat(2e7) }),
    "a view": (recorder) => recorder.startRecording("agent", new Uint8Array(1e7)),
    "a view as an agent": (recorder) => recorder.startRecording(new Uint8Array(1e7)),
    "a String": (recorder) => recorder.startRecording("agent", { orgId: new String("a".repeat(2e7)) }),
    "a list in a list": (recorder) => recorder.startMany(new Array(1_001).fill().map(() => new Array(1_000))),
  };
  for (const [what, call] of Object.entries(LARGE)) {
    test(`${what} is refused before it is read`, async () => {
      const [recorder] = await neighbors();
      const before = process.cpuUsage();
      assert.equal((await ending(call(recorder))).code, "BAD_ARGUMENT");
      // What other programs take does not count.
      const { user, system } = process.cpuUsage(before);
      assert.ok(user + system < 2_000_000, `${user + system} µs`);
    });
  }

  test("a list that grows while it is read has the length that it had first", async () => {
    let length = 0;
    const growing = new Proxy([], {
      get: (list, name) => (name === "length" ? Math.min(length++, 1e6) : list[name]),
    });
    const [recorder] = await neighbors();
    assert.equal(await ending(recorder.startMany(growing)), "fine");
    assert.ok(length < 10, `${length} times`);
  });

  test("no source of the module is iterated", async () => {
    let read = 0;
    const { connect } = await fresh();
    const endless = { [Symbol.toStringTag]: "ArrayBuffer", *[Symbol.iterator]() { while (read++ < 1e5) yield 1; } }; // prettier-ignore
    assert.equal((await ending(connect({ wasm: endless }))).code, "BAD_ARGUMENT");
    assert.equal(read, 0);
  });
});

test("a listener that throws, and a console that throws: nobody is told", async () => {
  const rejections = [];
  const note = (reason) => rejections.push(reason);
  process.on("unhandledRejection", note);
  const throws = () => { throw new Error("no"); }; // prettier-ignore
  const { error } = console;
  console.error = throws;
  const recorder = await recorderWith({ onEvent: throws });
  assert.equal(await ending(recorder.startRecording("agent")), "fine");
  await new Promise((resolve) => setTimeout(resolve));
  console.error = error;
  process.off("unhandledRejection", note);
  assert.deepEqual(rejections, []);
});

test("the launch URL is a string or an object with `href`, of any class", async () => {
  const { connect } = await fresh();
  const url = "https://app.example/?gcHostOrigin=https%3A%2F%2Fapps.mypurecloud.ie&gcTargetEnv=prod-euw1&gcLangTag=de";
  for (const launchUrl of [url, new URL(url), { href: url }]) {
    const { environment, launch } = await connect({ wasm, launchUrl });
    assert.deepEqual([environment.name, launch.langTag], ["prod-euw1", "de"]);
  }
  for (const launchUrl of [null, 7, {}, { href: 7 }, "no url"]) {
    assert.match((await ending(connect({ wasm, launchUrl }))).message, /BAD_ARGUMENT: launchUrl/);
  }
});

test("what is undefined in an object by name is absent", async () => {
  const { connect } = await fresh();
  const launchUrl = "https://app.example/?tenant=none&lang=de";
  const launchParams = { orgId: undefined, langTag: "lang" };
  const { launch } = await connect({ environment: "prod", wasm, launchUrl, launchParams });
  assert.deepEqual({ ...launch }, { langTag: "de" });
  const login = { clientIds: { prod: "a", "eu-west-1": undefined }, redirectUri: "https://app.example/" };
  const refused = (clientIds) => ending(connect({ environment: "prod", login: { ...login, clientIds } }));
  const wrong = [{ prod: undefined, "eu-west-1": "b" }, { prod: null }];
  // A sign-in needs a page: what a list of clients is checked for comes first.
  assert.doesNotMatch((await refused(login.clientIds)).message ?? "fine", /clientIds/);
  for (const clientIds of wrong) assert.match((await refused(clientIds)).message, /BAD_ARGUMENT.*clientIds/);
});

test("an entry of `environments` with an unknown name is refused", async () => {
  const { connect } = await fresh();
  const origin = "https://cloud.example";
  const entry = { name: "mine", api: origin, login: origin, apps: origin, issuer: undefined };
  const given = (entry) => connect({ environment: "mine", wasm, environments: [entry] });
  const error = await ending(given({ ...entry, isuer: origin }));
  assert.match(error.message, /^BAD_ARGUMENT: environments\[0\] cannot have "isuer", only: .*issuer/);
  assert.match((await ending(given(undefined))).message, /environments\[0\] must be an object/);
  assert.equal((await given(entry)).environment.api, origin);
});

test("what JSON leaves out is refused in a contract and its bodies", async () => {
  const { connect } = await fresh();
  const refused = (contract) => ending(connect({ environment: "prod", wasm, contract }));
  const agentId = "{agentId}";
  for (const contract of [
    { start: { body: { agentId, delay: NaN } } },
    { start: { body: { agentId, delays: [1, -Infinity] } } },
    { stop: { body: { reason: () => "done" } } },
    { stop: { body: ["a", Symbol("b")] } },
    { stop: { body: { reason: "{agent-id}" } } },
    { fields: { agentId: NaN } },
    { path: () => "/x" },
  ]) {
    assert.equal((await refused(contract)).code, "BAD_ARGUMENT");
  }
  assert.match((await refused({ start: { body: { agentId, delay: NaN } } })).message, /delay is not JSON/);
  const body = { agentId, text: JSON.stringify({ a: 1 }), none: undefined, list: [{}, null], delay: 1.5 };
  assert.equal(await refused({ start: { body } }), "fine");
});

test("request() says that a response is too long, and not that it is no JSON", async () => {
  const { connect } = await fresh();
  const recorder = await connect({ environment: "prod", wasm, tokens: [TOKEN] });
  const said = async (length) => {
    globalThis.fetch = async () => new Response(`"${"x".repeat(length)}`);
    return (await ending(recorder.request("/api/v2/users"))).message;
  };
  assert.match(await said(4 * 1024 * 1024), /^UNEXPECTED_ANSWER: The response is longer than 4 MiB: use fetch\(\)\.$/);
  assert.match(await said(10), /^UNEXPECTED_ANSWER: The response is not JSON: use fetch\(\)\.$/);
});

test("explain() makes a line of whatever has been made an error of this package", async () => {
  const { explain } = await fresh();
  const BRAND = Symbol.for("premium-recorder.RecorderError");
  const odd = [
    {},
    { code: "X", missingScopes: 7 },
    { code: "X", orgHeaders: [Symbol("x")] },
    { code: "X", status: Object.create(null) },
    { get code() { throw new Error("no"); } }, // prettier-ignore
    { code: Symbol("x") },
    { code: "X" },
  ].map((fields) => Object.defineProperty(fields, BRAND, { value: true }));
  odd.push(new Proxy(odd[0], { ownKeys() { throw new Error("no"); } }), revoked()); // prettier-ignore
  for (const each of odd) {
    for (const [name, text] of Object.entries(explain(each))) assert.equal(typeof text, "string", name);
  }
});

describe("while the module is loaded, Object.prototype decides nothing:", () => {
  const EMPTY = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  for (const name of ["hint", "status", "module", "cause"]) {
    test(name, async () => {
      Object.defineProperty(Object.prototype, name, { value: "hostile", configurable: true });
      try {
        const { connect } = await fresh();
        const error = await ending(connect({ environment: "prod", wasm: EMPTY }));
        assert.equal(error.code, "WASM_LOAD_FAILED");
        assert.notEqual(error.hint, "hostile");
        assert.ok(!Object.hasOwn(error, "status"));
        assert.equal(await ending(connect({ environment: "prod", wasm })), "fine");
      } finally {
        delete Object.prototype[name];
      }
    });
  }

  test("url", async () => {
    const fetched = [];
    globalThis.fetch = async (url) => fetched.push(String(url));
    const { connect } = await fresh();
    const fake = { headers: new Headers(), arrayBuffer: () => new Promise(() => {}), ok: true, status: 200 };
    Object.prototype.url = "https://hostile.example/a.wasm";
    try {
      assert.equal((await ending(connect({ environment: "prod", wasm: fake, timeoutMs: 20 }))).code, "TIMEOUT");
      await ending(connect({ environment: "prod", timeoutMs: 20 }));
    } finally {
      delete Object.prototype.url;
    }
    assert.deepEqual(
      fetched.filter((url) => url.includes("hostile")),
      [],
    );
  });
});

describe("at the end of the stack", () => {
  /** Calls at every depth from the end of the stack on. */
  function deep(call, calls) {
    try {
      deep(call, calls);
    } catch {
      // Its own overflow: nothing of the package ran.
    }
    if (calls.length < 200) {
      try {
        calls.push(call());
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
      }
    }
  }

  test("a call is PANICKED, and the next one for the same agent works", async () => {
    const recorder = await recorderWith();
    const recording = await recorder.startRecording("first");
    const { startRecording, connect } = await fresh();
    const CALLS = {
      startRecording: () => recorder.startRecording("agent", { signal: new AbortController().signal }),
      addToken: () => recorder.addToken(TOKEN),
      recordings: () => recorder.recordings(),
      stop: () => recording.stop(),
      connect: () => connect({ wasm, environment: "prod" }),
      "bare startRecording": () => startRecording("agent"),
    };
    for (const [name, call] of Object.entries(CALLS)) {
      const calls = [];
      deep(() => ending(call()), calls);
      const endings = await Promise.all(calls);
      const codes = new Set(endings.map((each) => each.code ?? each));
      assert.ok(codes.has("PANICKED"), `${name}: ${[...codes]}`);
      for (const each of endings.slice(0, 20)) assert.equal(each.code ?? each, "PANICKED", name);
    }
    assert.equal(await ending(recorder.startRecording("agent")), "fine");
    assert.equal(await ending(recording.stop()), "fine");
    assert.equal(await ending(connect({ wasm, environment: "prod" })), "fine");
  });
});

test("a `then` on Object.prototype hangs no promise of the package", async () => {
  const { connect } = await fresh();
  await connect({ environment: "prod", wasm });
  Object.prototype.then = () => {};
  try {
    const options = { environment: "prod", orgId: ACME, tokens: [TOKEN] };
    const settled = new Promise((resolve, reject) => {
      connect(options).then((recorder) => recorder.switchOrg(ACME).then(resolve, reject), reject);
    });
    assert.equal((await settled).orgId, ACME);
  } finally {
    delete Object.prototype.then;
  }
});

test("a message has no more than 1,000 characters of whatever foreign text", async () => {
  const recorder = await recorderWith();
  const long = "a".repeat(1_000_000);
  const { connect, explain } = await fresh();
  const errors = [
    await ending(connect({ wasm, [long]: 1 })),
    await ending(connect({ wasm, environment: long })),
    await ending(connect({ wasm: long })),
    await ending(recorder.startRecording("agent", { [long]: 1 })),
  ];
  for (const error of errors) assert.ok(error.message.length <= 1_001, `${error.code}: ${error.message.length}`);
  assert.ok(explain(new Error(long)).found.length <= 1_001);
});

test("every method rejects and none throws, whatever it is given", async () => {
  const recorder = await recorderWith();
  const recording = await recorder.startRecording("first");
  const premium = await fresh();
  await premium.connect({ environment: "prod", wasm });
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const cyclic = {};
  for (let name = 0; name < 30; name++) cyclic[`n${name}`] = cyclic;
  let nested = {};
  for (let depth = 0; depth < 20_000; depth++) nested = { nested };
  const odd = [
    null,
    7,
    5n,
    "x",
    Symbol("x"),
    () => {},
    proxy,
    cyclic,
    nested,
    { signal: proxy },
    { timeoutMs: 5n },
    { timeoutMs: {} },
  ];
  const METHODS = {
    connect: (each) => premium.connect(each),
    "connect's login": (each) => premium.connect({ environment: "prod", wasm, login: each }),
    startRecording: (each) => recorder.startRecording("agent", each),
    "startRecording's agent": (each) => recorder.startRecording(typeof each === "string" ? 7 : each),
    startMany: (each) => recorder.startMany(typeof each === "object" ? { agents: each } : each),
    "startMany's options": (each) => recorder.startMany([], each),
    signIn: (each) => recorder.signIn(each),
    fetch: (each) => recorder.fetch("/api/v2/users/me", each),
    "fetch's path": (each) => recorder.fetch(typeof each === "string" ? 7 : each),
    request: (each) => recorder.request("/api/v2/users/me", each),
    recordings: (each) => recorder.recordings(each),
    recording: (each) => recorder.recording("id", each),
    diagnose: (each) => recorder.diagnose("agent", each),
    switchOrg: (each) => recorder.switchOrg(each),
    addToken: (each) => recorder.addToken(typeof each === "string" ? 7 : each),
    signOut: (each) => recorder.signOut(each),
    stop: (each) => recording.stop(each),
    refresh: (each) => recording.refresh(each),
  };
  for (const [name, method] of Object.entries(METHODS)) {
    for (const each of odd) {
      const error = await ending(method(each));
      assert.equal(error.code, "BAD_ARGUMENT", `${name}: ${typeof each} ${String(error.stack ?? error)}`);
    }
  }
  const { stop, refresh } = recording;
  for (const method of [stop, refresh]) {
    for (const each of [undefined, {}, proxy]) assert.equal((await ending(method.call(each))).code, "BAD_ARGUMENT");
  }
  assert.equal(await ending(recorder.startRecording("agent")), "fine");
});

test("whatever the app's own values throw, fetch() and request() reject with a RecorderError", async () => {
  const recorder = await recorderWith();
  const hostile = {
    get message() {
      throw new Error("no message");
    },
  };
  for (const thrown of [undefined, null, 7, Symbol("x"), Object.create(null), hostile, new Error("")]) {
    const fail = () => {
      throw thrown;
    };
    for (const init of [
      { headers: { [Symbol.iterator]: fail } },
      { method: { toString: fail } },
      { json: { toJSON: fail }, method: "POST" },
    ]) {
      const error = await ending(recorder.request("/api/v2/users/me", init));
      assert.equal(error.code, "BAD_ARGUMENT", `${typeof thrown} ${String(error.stack ?? error)}`);
      if (!init.json) assert.equal((await ending(recorder.fetch("/api/v2/users/me", init))).code, "BAD_ARGUMENT");
    }
  }
});

test("a header that cannot be read hides no other one", async () => {
  const recorder = await recorderWith();
  const headers = new Headers({ "retry-after": "7" });
  globalThis.fetch = async () => {
    const response = Response.json({}, { status: 429 });
    const get = (name) => {
      if (name === "inin-ratelimit-allowed") throw new Error("not this one");
      return headers.get(name);
    };
    return Object.defineProperty(response, "headers", { value: { get } });
  };
  const error = await ending(recorder.startRecording("agent", { timeoutMs: 1_000 }));
  assert.equal(error.code, "RATE_LIMITED");
  assert.equal(error.retryAfterMs, 7_000);
});

test("a request ends although the page has broken what looks for a CSP violation", async () => {
  const recorder = await recorderWith();
  const { get } = Map.prototype;
  globalThis.fetch = async () => {
    Map.prototype.get = () => {
      throw new Error("no Map");
    };
    throw new TypeError("Failed to fetch");
  };
  const error = await ending(recorder.request("/api/v2/users/me", { method: "POST", timeoutMs: 60_000 }));
  Map.prototype.get = get;
  assert.equal(error.code, "OUTCOME_UNKNOWN");
  assert.equal(error.cause.message, "Failed to fetch");
});

test("no response to a read is from the browser's cache, and a start keeps the permission of its preflight", async () => {
  const { fetch: answering } = globalThis;
  const modes = [];
  globalThis.fetch = (url, init) => {
    modes.push([init.method, init.cache]);
    return answering(url, init);
  };
  const recorder = await recorderWith();
  await recorder.startRecording("agent");
  await recorder.recordings();
  assert.deepEqual(modes, [
    ["POST", "default"],
    ["GET", "no-store"],
  ]);
});
