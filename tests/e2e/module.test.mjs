// How the package is loaded, and how often.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { afterEach, describe, test } from "node:test";
import { browser as open } from "./browser.mjs";
import { byEngine, cannotRunIn } from "./engines.mjs";
import { packageServer } from "./package-server.mjs";

const NOT_THERE = /\/premium-recorder\/none\.wasm - Failed to load resource: .* 404/;
const NOT_LOADED = /premium_recorder_bg\.wasm - Failed to load resource: /;
const FORBIDDEN = /Content Security Policy/;
const browser = open({ mayComplain: [NOT_THERE, NOT_LOADED, FORBIDDEN] });

const dist = new URL("../../dist/", import.meta.url);
const MODULE = "premium_recorder_bg.wasm";

describe("in plain Node", () => {
  test("importing it touches nothing of a page and starts nothing", async () => {
    const { version } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
    const program = `
      for (const name of ["window", "document", "location", "self", "fetch"]) {
        Object.defineProperty(globalThis, name, { get() { throw new Error(name + " was touched"); } });
      }
      const { version, ...rest } = await import(${JSON.stringify(new URL("index.js", dist).href)});
      console.log(JSON.stringify({ version, names: Object.keys(rest).sort() }));`;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      encoding: "utf8",
    });
    assert.equal(stderr, "");
    assert.deepEqual(JSON.parse(stdout), {
      version,
      names: ["RecorderError", "connect", "explain", "isRecorderError", "startRecording"],
    });
  });

  test("there is no launch URL: NO_LAUNCH_CONTEXT, until the environment is named", async () => {
    const { connect } = await import(new URL("index.js", dist));
    const wasm = await readFile(new URL(MODULE, dist));
    await assert.rejects(connect({ wasm }), { code: "NO_LAUNCH_CONTEXT" });
    const recorder = await connect({ wasm, environment: "eu-west-1" });
    assert.equal(recorder.environment.api, "https://api.mypurecloud.ie");
  });
});

describe("the module", () => {
  const SOURCES = {
    "an address": (address) => ({ wasm: address }),
    "a URL": (address) => ({ wasm: new URL(address, location.href) }),
    "an answer": async (address) => ({ wasm: await fetch(address) }),
    bytes: async (address) => ({ wasm: await (await fetch(address)).arrayBuffer() }),
    "a compiled module": async (address) => ({ wasm: await WebAssembly.compileStreaming(fetch(address)) }),
  };
  for (const [what, source] of Object.entries(SOURCES)) {
    test(`can be given as ${what}`, async () => {
      await browser.openEmpty();
      const body = `async ({ connect }, address) => (await connect(await (${source})(address))).environment.name`;
      assert.equal(await browser.run(body, `/premium-recorder/${MODULE}`), "local");
    });
  }

  test("given twice, and not the same: INIT_CONFLICT; not given again, or the same: fine", async () => {
    await browser.openEmpty();
    const codes = await browser.run(async ({ connect, settle }, address) => {
      const sources = [
        address,
        undefined,
        new URL(address, location.href).href,
        address,
        "/premium-recorder/none.wasm",
      ];
      const codes = [];
      for (const wasm of sources) {
        const { error } = await settle(connect({ wasm }).then(() => "connected"));
        codes.push(error?.code ?? "connected");
      }
      return codes;
    }, `/premium-recorder/${MODULE}`);
    assert.deepEqual(codes, ["connected", "connected", "INIT_CONFLICT", "connected", "INIT_CONFLICT"]);
  });

  test("given to one of two at the same time: INIT_CONFLICT for the other", async () => {
    await browser.openEmpty();
    const codes = await browser.run(async ({ connect, settle }) => {
      const both = [connect(), connect({ wasm: "/premium-recorder/none.wasm" })];
      const outcomes = await Promise.all(both.map((each) => settle(each.then(() => "connected"))));
      return outcomes.map(({ value, error }) => value ?? error.code);
    });
    assert.deepEqual(codes, ["connected", "INIT_CONFLICT"]);
  });

  test("not found, or not WebAssembly: WASM_LOAD_FAILED, and the next connect can be right", async () => {
    await browser.openEmpty();
    const { errors, name } = await browser.run(async ({ connect, settle }) => {
      const wrong = ["/premium-recorder/none.wasm", "/app.css", new Uint8Array([1, 2, 3]), "http://"];
      const errors = [];
      for (const wasm of wrong) errors.push((await settle(connect({ wasm }))).error);
      return { errors, name: (await connect()).environment.name };
    });
    for (const error of errors) {
      assert.equal(error.code, "WASM_LOAD_FAILED");
      assert.ok(error.hint && error.cause);
    }
    assert.deepEqual(
      errors.map(({ retryable }) => retryable),
      [true, true, false, false],
    );
    assert.equal(name, "local");
  });

  test("given as other bytes or as no response: WASM_LOAD_FAILED says so", async () => {
    await browser.openEmpty();
    const messages = await browser.run(async ({ connect }) => {
      const { fetch } = window;
      const failed = (options) => connect(options).catch(({ message }) => message);
      const messages = [await failed({ wasm: new Uint8Array([1, 2, 3]) }), await failed({ wasm: new ArrayBuffer(8) })];
      window.fetch = async () => undefined;
      messages.push(await failed());
      window.fetch = fetch;
      return messages;
    });
    assert.match(messages[0], /these bytes are not WebAssembly/);
    assert.match(messages[1], /these bytes are not WebAssembly/);
    assert.match(messages[2], /fetch returned no Response/);
  });

  describe("that does not come", () => {
    const page = packageServer(dist.pathname);
    afterEach(() => (page.insteadOfModule = undefined));

    const head = async (length) => (await readFile(new URL(MODULE, dist))).subarray(0, length);
    const answering = (status, type, body) => async (response) => {
      response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
      response.end(await body);
    };
    const HTML = "<!doctype html><title>App</title>";
    const WASM = "application/wasm";
    const REASONS = {
      "not there": [answering(404, "text/plain", "not found"), /premium_recorder_bg\.wasm answers 404/, 404],
      "not there, and a page says so": [answering(404, "text/html", HTML), /answers 404/, 404],
      "a server that fails": [answering(503, WASM, ""), /answers 503/, 503],
      "a fallback page": [answering(200, "text/html; charset=utf-8", HTML), /answers with HTML/, 200],
      "a fallback page of the right type": [answering(200, WASM, HTML), /not WebAssembly/, 200],
      "half of it": [answering(200, WASM, head(5000)), /not all of it/, 200],
      "half of it, of no type": [answering(200, "application/octet-stream", head(5000)), /not all of it/, 200],
      "nothing of it": [answering(200, WASM, ""), /not all of it/, 200],
      "another module": [answering(200, WASM, head(8)), /version does not match/],
      "a connection that breaks": [(response) => response.destroy(), /cannot be fetched: offline/],
    };
    for (const [what, [answer, reason, status]] of Object.entries(REASONS)) {
      test(`${what}: WASM_LOAD_FAILED says so, and the next connect() can be right`, async () => {
        page.insteadOfModule = answer;
        await browser.driver.get(`${page.origin}/`);
        const { error, message } = await browser.run(async ({ connect, settle }) => {
          const failed = connect({ environment: "local" });
          return { ...(await settle(failed)), message: await failed.catch(({ message }) => message) };
        });
        assert.equal(error.code, "WASM_LOAD_FAILED");
        assert.match(message, reason);
        assert.equal(error.status, status);
        assert.match(error.cause.name, /^(Type|Compile|Link)Error$/);
        page.insteadOfModule = undefined;
        assert.equal(await environmentName(), "local");
      });
    }

    const onlyInChromium = "only chromedriver can take the network away";
    const unable = cannotRunIn({ firefox: onlyInChromium, webkit: onlyInChromium });
    test("offline: WASM_LOAD_FAILED, until the connection is back", unable, async () => {
      await browser.driver.get(`${page.origin}/`);
      await browser.run(() => {});
      await browser.driver.setNetworkConditions({ offline: true, latency: 0, throughput: 0 });
      const { error } = await browser.run(({ connect, settle }) => settle(connect({ environment: "local" })));
      await browser.driver.deleteNetworkConditions();
      assert.equal(error.code, "WASM_LOAD_FAILED");
      assert.equal(await environmentName(), "local");
    });

    for (const type of ["application/octet-stream", "text/html", "application/wasm; charset=utf-8"]) {
      test(`of the type ${type} is a module all the same, without a word`, async () => {
        page.insteadOfModule = answering(200, type, head());
        await browser.driver.get(`${page.origin}/`);
        const { name, warned } = await browser.run(async ({ connect }) => {
          const warned = [];
          console.warn = (...words) => warned.push(words.join(" "));
          return { name: (await connect({ environment: "local" })).environment.name, warned };
        });
        assert.deepEqual({ name, warned }, { name: "local", warned: [] });
      });
    }

    function environmentName() {
      return browser.run(async ({ connect }) => (await connect({ environment: "local" })).environment.name);
    }
  });

  test("is fetched once, by however many", async () => {
    await browser.openEmpty();
    const fetched = await browser.run(async ({ connect }, name) => {
      await Promise.all([connect(), connect(), connect()]);
      return performance.getEntriesByType("resource").filter((entry) => entry.name.endsWith(name)).length;
    }, MODULE);
    assert.equal(fetched, 1);
  });
});

// A spy of fetch-mock and a polyfill of fetch answer like these.
for (const [what, answerOf] of Object.entries({
  "a proxy of a response": (answer) =>
    new Proxy(answer, {
      get(target, name) {
        const value = target[name];
        return typeof value === "function" ? value.bind(target) : value;
      },
    }),
  "an object of its own class": (answer) => {
    const { ok, status, url, headers, body } = answer;
    return { ok, status, url, headers, body, arrayBuffer: () => answer.arrayBuffer() };
  },
})) {
  test(`a page whose fetch answers with ${what} loads the module`, async () => {
    await browser.openEmpty();
    const body = `async ({ connect }) => {
      const { fetch } = window;
      window.fetch = async (...given) => (${answerOf})(await fetch(...given));
      return (await connect()).environment.name;
    }`;
    assert.equal(await browser.run(body), "local");
  });
}

// WebKit takes any object for a signal.
test(`a page whose AbortController the platform does not know ${byEngine(
  { webkit: "starts all the same" },
  "gets a hint that says so",
)}`, async () => {
  const { acme } = browser.cloud;
  await browser.openEmpty({ orgId: acme.id });
  const token = await browser.cloud.token(acme);
  const { value, error } = await browser.run(
    async ({ connect, settle }, token, agentId) => {
      window.AbortController = class {
        signal = Object.assign(new EventTarget(), { aborted: false });
        abort() {}
      };
      const recorder = await connect({ tokens: [token] });
      return settle(recorder.startRecording(agentId));
    },
    token,
    acme.agents[0].id,
  );
  if (byEngine({ webkit: true }, false)) return assert.equal(value.agentId, acme.agents[0].id);
  assert.equal(error.code, "NETWORK");
  assert.match(error.hint, /AbortController/);
  assert.deepEqual(await browser.cloud.requests(), []);
});

for (const [what, replace] of Object.entries({
  "whose constructor throws": () => {
    window.Headers = class {
      constructor() {
        throw new Error("no headers here");
      }
    };
  },
  "whose set throws": () => {
    const { Headers } = window;
    window.Headers = class extends Headers {
      set() {
        throw new Error("no headers here");
      }
    };
  },
})) {
  test(`a page with Headers ${what} gets a hint that says so, and the next start works`, async () => {
    const { acme } = browser.cloud;
    await browser.openEmpty({ orgId: acme.id });
    const body = `async ({ connect, settle }, token, agentId) => {
      const recorder = await connect({ tokens: [token] });
      const { Headers } = window;
      (${replace})();
      const { error } = await settle(recorder.startRecording(agentId));
      window.Headers = Headers;
      return { error, next: await settle(recorder.startRecording(agentId)) };
    }`;
    const { error, next } = await browser.run(body, await browser.cloud.token(acme), acme.agents[0].id);
    assert.equal(error.code, "NETWORK");
    assert.match(error.hint, /Headers/);
    assert.match(error.everything, /no headers here/);
    assert.equal(next.value.agentId, acme.agents[0].id);
    assert.equal((await browser.cloud.requests()).length, 1);
  });
}

test("a closed recorder leaves no memory behind", async () => {
  await browser.openEmpty();
  const sizes = await browser.run(async ({ connect }) => {
    let memory;
    const { instantiate } = WebAssembly;
    WebAssembly.instantiate = async (...given) => {
      const made = await instantiate.apply(WebAssembly, given);
      memory = (made.instance ?? made).exports.memory;
      return made;
    };
    const sizes = [];
    for (let count = 0; count < 1_500; count++) {
      (await connect()).close();
      if (count % 500 === 499) sizes.push(memory.buffer.byteLength);
    }
    return sizes;
  });
  // At 2 kB each, a thousand recorders would take thirty pages.
  assert.ok(sizes[2] - sizes[0] <= 65_536, sizes.join());
});

test("a module that never arrives ends connect() by its time", async () => {
  await browser.openEmpty();
  const { error } = await browser.run(({ connect, settle }) => {
    return settle(connect({ wasm: new Response(new ReadableStream()), timeoutMs: 50 }));
  });
  assert.equal(error.code, "TIMEOUT");
});

test("a connect() that fails and that nobody looks at is told of as the platform tells of it", async () => {
  await browser.openEmpty();
  const code = await browser.run(async ({ connect }) => {
    const told = new Promise((resolve) => {
      window.addEventListener("unhandledrejection", (event) => {
        event.preventDefault();
        resolve(event.reason.code);
      });
    });
    connect({ tokens: ["no token"] });
    return told;
  });
  assert.equal(code, "TOKEN_MALFORMED");
});

test("options count as they were at the moment of the call", async () => {
  const { cloud } = browser;
  const { acme, globex } = cloud;
  await browser.openEmpty({ orgId: globex.id });
  const outcome = await browser.run(
    async ({ premium, environment, settle }, tokens, acme, globex) => {
      const options = { environments: [{ ...environment }], tokens, contract: {} };
      const connecting = premium.connect(options);
      options.environments[0].api = "https://evil.example";
      options.contract.path = "/evil";
      options.tokens.length = 0;
      const recorder = await connecting;

      const controller = new AbortController();
      const start = { orgId: acme.id, signal: controller.signal };
      const first = recorder.startRecording(acme.agents[0].id, start);
      start.orgId = globex.id;
      const second = recorder.startRecording(globex.agents[0].id, start);
      delete start.signal;
      const orgs = [(await first).orgId, (await second).orgId];

      const unreadable = {
        get orgId() {
          throw new Error("no");
        },
      };
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      const codes = [];
      for (const bad of [unreadable, proxy, { contract: proxy }]) {
        codes.push((await settle(recorder.startRecording("anybody", bad))).error.code);
        codes.push((await settle(premium.connect(bad))).error.code);
      }
      return { api: recorder.environment.api, orgs, codes };
    },
    [await cloud.token(acme), await cloud.token(globex)],
    acme,
    globex,
  );
  assert.equal(outcome.api, cloud.environment.api);
  assert.deepEqual(outcome.orgs, [acme.id, globex.id]);
  assert.deepEqual(new Set(outcome.codes), new Set(["BAD_ARGUMENT"]));
});

test("a method without its recorder fails alone", async () => {
  const { globex } = browser.cloud;
  await browser.openEmpty({ orgId: globex.id });
  const { failed, orgId } = await browser.run(
    async ({ connect }, token, agentId) => {
      const recorder = await connect({ tokens: [token] });
      const failed = [];
      for (const { addToken, switchOrg, startRecording } of [recorder]) {
        for (const method of [addToken, switchOrg, startRecording])
          failed.push(await method("x").catch(({ code }) => code));
      }
      return { failed, orgId: (await recorder.startRecording(agentId)).orgId };
    },
    await browser.cloud.token(globex),
    globex.agents[0].id,
  );
  assert.deepEqual(failed, ["BAD_ARGUMENT", "BAD_ARGUMENT", "BAD_ARGUMENT"]);
  assert.equal(orgId, globex.id);
});

describe("a page's content security policy", () => {
  const page = packageServer(dist.pathname);

  test("without 'wasm-unsafe-eval': WASM_BLOCKED", async () => {
    await browser.driver.get(`${page.origin}/?script-src=${encodeURIComponent("'self'")}`);
    const { error } = await browser.run(({ connect, settle }) => settle(connect()));
    assert.equal(error.code, "WASM_BLOCKED");
    assert.equal(error.hint, "Add 'wasm-unsafe-eval' to the page's CSP script-src.");
    assert.equal(error.cause.name, "CompileError");
  });

  test("with it: nothing more is needed", async () => {
    await browser.driver.get(`${page.origin}/?script-src=${encodeURIComponent("'self' 'wasm-unsafe-eval'")}`);
    const name = await browser.run(async ({ connect }) => (await connect({ environment: "local" })).environment.name);
    assert.equal(name, "local");
  });
});

describe("the bare startRecording", () => {
  test("connects with nothing but the launch URL, which opts in to no environment: UNKNOWN_ENVIRONMENT", async () => {
    const { cloud } = browser;
    await browser.openEmpty({ orgId: cloud.globex.id });
    const { error } = await browser.run(({ premium, settle }, id) => settle(premium.startRecording(id)), "anybody");
    assert.equal(error.code, "UNKNOWN_ENVIRONMENT");
    assert.deepEqual(await cloud.requests(), []);
  });

  test("uses the recorder that was connected last", async () => {
    const { cloud } = browser;
    const { acme, globex } = cloud;
    await browser.openEmpty({ orgId: globex.id });
    const orgs = await browser.run(
      async ({ premium, connect }, tokens, [acme, globex]) => {
        const orgs = [];
        const first = await connect({ tokens });
        orgs.push((await premium.startRecording(globex.agents[0].id)).orgId);
        // Not connected yet when it is called: it waits.
        void connect({ tokens, orgId: acme.id });
        orgs.push((await premium.startRecording(acme.agents[0].id)).orgId);
        first.close();
        orgs.push((await premium.startRecording(acme.agents[1].id)).orgId);
        return orgs;
      },
      [await cloud.token(acme), await cloud.token(globex)],
      [acme, globex],
    );
    assert.deepEqual(orgs, [globex.id, acme.id, acme.id]);
    assert.equal((await cloud.starts()).length, 3);
  });

  test("after close() answers the same, at once and later", async () => {
    const { cloud } = browser;
    await browser.openEmpty({ orgId: cloud.globex.id });
    const codes = await browser.run(async ({ premium, connect, settle }) => {
      const recorder = await connect();
      recorder.close();
      const atOnce = await settle(premium.startRecording("anybody"));
      const later = await settle(premium.startRecording("anybody"));
      return [atOnce.error.code, later.error.code];
    });
    assert.deepEqual(codes, ["CLOSED", "CLOSED"]);
    assert.deepEqual(await cloud.requests(), []);
  });

  test("is not stuck with connects that failed together", async () => {
    await browser.openEmpty();
    const codes = await browser.run(async ({ premium, connect, settle }) => {
      const failing = [connect({ tokens: ["no token"] }), connect({ tokens: ["no token"] })].map(settle);
      await Promise.all(failing);
      return [(await failing[0]).error.code, (await settle(premium.startRecording("anybody"))).error.code];
    });
    // The second one: a connect() of its own, which the launch URL does not suffice for.
    assert.deepEqual(codes, ["TOKEN_MALFORMED", "UNKNOWN_ENVIRONMENT"]);
  });

  test("ends by its signal or its time, also while it waits for a connection", async () => {
    await browser.openEmpty({ orgId: browser.cloud.globex.id });
    const ended = await browser.run(async ({ premium, connect, settle }) => {
      void connect({ getToken: () => new Promise(() => {}), wasm: new Response(new ReadableStream()) }).catch(() => {});
      const controller = new AbortController();
      const byTime = settle(premium.startRecording("anybody", { timeoutMs: 50 }));
      const bySignal = premium.startRecording("anybody", { signal: controller.signal }).catch((reason) => reason);
      controller.abort("enough");
      return { code: (await byTime).error.code, reason: await bySignal };
    });
    assert.deepEqual(ended, { code: "TIMEOUT", reason: "enough" });
  });

  for (const when of ["before", "after"]) {
    test(`is not spoiled by a connect that failed ${when} the one that did not`, async () => {
      const { cloud } = browser;
      const { globex } = cloud;
      await browser.openEmpty({ orgId: globex.id });
      const { value, error } = await browser.run(
        async ({ premium, connect, settle }, when, token, id) => {
          const fail = () => settle(connect({ tokens: ["no token"] }));
          if (when === "before") await fail();
          await connect({ tokens: [token] });
          if (when === "after") await fail();
          return settle(premium.startRecording(id));
        },
        when,
        await cloud.token(globex),
        globex.agents[0].id,
      );
      assert.equal(value?.orgId ?? error.code, globex.id);
    });
  }
});

test("an error is known as ours in every frame and every copy of the package", async () => {
  await browser.openEmpty();
  const known = await browser.run(async ({ premium, connect }) => {
    const error = await connect({ environment: "nowhere" }).catch((error) => error);
    const inner = document.createElement("iframe");
    inner.src = "/config.json";
    const loaded = new Promise((resolve) => (inner.onload = resolve));
    document.body.append(inner);
    await loaded;
    const copy = await inner.contentWindow.eval('import("/premium-recorder/index.js?copy")');
    const theirs = await copy.connect({ environment: "nowhere" }).catch((error) => error);
    const strangers = [new Error("no"), { code: "NO_TOKEN" }, null, undefined, "NO_TOKEN", { name: "RecorderError" }];
    return {
      ours: [premium.isRecorderError(error), copy.isRecorderError(error)],
      theirs: [premium.isRecorderError(theirs), copy.isRecorderError(theirs)],
      twoClasses: premium.RecorderError !== copy.RecorderError,
      strangers: strangers.filter(premium.isRecorderError),
    };
  });
  assert.deepEqual(known, { ours: [true, true], theirs: [true, true], twoClasses: true, strangers: [] });
});

test("a recorder is closed by `using`, where the browser has it", async () => {
  const { globex } = browser.cloud;
  await browser.openEmpty({ orgId: globex.id });
  const { has, code } = await browser.run(async ({ connect, settle }, id) => {
    const recorder = await connect();
    if (!Symbol.dispose) return { has: false };
    recorder[Symbol.dispose]();
    return { has: true, code: (await settle(recorder.startRecording(id))).error.code };
  }, globex.agents[0].id);
  if (has) assert.equal(code, "CLOSED");
});
