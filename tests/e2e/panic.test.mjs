// What follows a panic, shown by a build that panics on purpose: the agents called panic-now, panic-later and
// panic-behind are answered with one in the call itself, in its future, and in a future that nobody waits for.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { PANICKING } from "../../scripts/build.mjs";
import { root } from "../../scripts/process.mjs";
import { browser as open } from "./browser.mjs";
import { packageServer } from "./package-server.mjs";

const UNATTENDED = /Uncaught \w+: PANICKED: .*\s+.*on purpose, behind/;
const REFUSED = /\/api\/v2\/\S* - Failed to load resource: .*40[34]/;
const browser = open({ mayComplain: [UNATTENDED, REFUSED] });
const page = packageServer(PANICKING.out);

const PLACE = /^PANICKED: The library panicked at src\/web\/panic_on_purpose\.rs:\d+:\d+:\s+on purpose, /;
const FINAL = /second panic in a row/;

/** Opens the page as launched for this organization, or for none. */
function launch(org) {
  const { apps, name } = browser.cloud.environment;
  const query = new URLSearchParams({ gcHostOrigin: apps, gcTargetEnv: name, ...(org && { orgId: org.id }) });
  return browser.driver.get(`${page.origin}/?${query}`);
}

/** A page that knows how to get a token, launched for Globex. `body` gets the token's need, each time, in `needs`. */
async function inGlobex(body, ...args) {
  const { globex } = browser.cloud;
  await launch(globex);
  return browser.run(
    `async (page, token, agents, ...args) => {
      const needs = [];
      const getToken = (need) => (needs.push(need), token);
      const recorder = await page.connect({ getToken });
      const codeOf = async (promise) => (await page.settle(promise.then(() => ({})))).error?.code ?? "fine";
      return (${body})({ ...page, recorder, needs, codeOf, token }, agents, ...args);
    }`,
    await browser.cloud.token(globex),
    globex.agents.map(({ id }) => id),
    ...args,
  );
}

test("neither build names the machine that it was made on, and what ships has no panic on purpose", async () => {
  for (const folder of [join(root, "dist"), PANICKING.out]) {
    const module = await readFile(join(folder, "premium_recorder_bg.wasm"), "latin1");
    for (const path of [homedir(), root.replace(/\/$/, "")]) assert.ok(!module.includes(path), `${folder}: ${path}`);
    assert.equal(module.includes("on purpose, "), folder === PANICKING.out);
  }
});

for (const how of ["panic-now", "panic-later"]) {
  describe(`after ${how}`, () => {
    test("everything in flight is rejected with its place, and the next call asks for a token again", async () => {
      const { acme, globex } = browser.cloud;
      const outcome = await inGlobex(
        async ({ recorder, connect, needs, settle }, agents, how, acme) => {
          const first = await recorder.startRecording(agents[0]);
          const messageOf = (promise) => promise.then(String, ({ message }) => message);
          let other;
          const need = new Promise((resolve) => {
            other = connect({ getToken: (need) => (resolve(need), new Promise(() => {})) });
          });
          const inFlight = [(await other).switchOrg(acme), (await other).startRecording("anybody", { orgId: acme })];
          const { signal } = await need;
          inFlight.push(recorder.startRecording(how));
          const messages = await Promise.all(inFlight.map(messageOf));
          const { hint, retryable } = (await settle((await other).addToken("no token"))).error;
          const next = await settle(recorder.startRecording(agents[1]));
          return {
            first: first.orgId,
            messages,
            isAborted: signal.aborted,
            next,
            asked: needs.map(({ orgId, reason }) => [orgId, reason]),
            hint,
            retryable,
          };
        },
        how,
        acme.id,
      );
      assert.equal(outcome.first, globex.id);
      assert.equal(outcome.messages.length, 3);
      for (const message of outcome.messages) {
        assert.match(message, PLACE);
        assert.doesNotMatch(message, FINAL);
      }
      assert.equal(outcome.retryable, false);
      assert.ok(outcome.isAborted, "nobody waits for the token any more");
      assert.equal(outcome.next.value?.orgId, globex.id);
      assert.deepEqual(outcome.asked, [
        [globex.id, "missing"],
        [globex.id, "missing"],
      ]);
      assert.equal((await browser.cloud.starts()).length, 2);
    });

    test("a start that was sent is rejected as well, and not sent again", async () => {
      await browser.cloud.spoilStart({ held: true });
      const { code, next } = await inGlobex(async ({ recorder, startArrived, codeOf }, agents, how) => {
        const start = codeOf(recorder.startRecording(agents[0]));
        await startArrived();
        await codeOf(recorder.startRecording(how));
        return { code: await start, next: await codeOf(recorder.startRecording(agents[1])) };
      }, how);
      assert.deepEqual({ code, next }, { code: "PANICKED", next: "fine" });
      const started = (await browser.cloud.starts()).map(({ agentId }) => agentId);
      const { agents } = browser.cloud.globex;
      assert.deepEqual(started, [agents[0].id, agents[1].id]);
    });

    test("a start that is carried out meanwhile is found by the next start for the agent", async () => {
      await browser.cloud.change({ guardsAgents: false });
      await browser.cloud.spoilStart({ held: true });
      const { code, next } = await inGlobex(
        async ({ recorder, startArrived, release, recordingRuns, codeOf, settle }, agents, how) => {
          const start = codeOf(recorder.startRecording(agents[0]));
          await startArrived();
          await codeOf(recorder.startRecording(how));
          await release();
          await recordingRuns();
          return { code: await start, next: await settle(recorder.startRecording(agents[0])) };
        },
        how,
      );
      assert.equal(code, "PANICKED");
      const recordings = await browser.cloud.recordings();
      assert.deepEqual([next.value?.id, next.value?.alreadyRunning], [recordings[0].id, true]);
      assert.equal(recordings.length, 1);
    });

    test("a connect() in flight is rejected as well", async () => {
      const { globex } = browser.cloud;
      await browser.cloud.spoilWhose({ held: true });
      const codes = await inGlobex(
        async ({ recorder, connect, codeOf }, agents, how, opaque) => {
          const connecting = codeOf(connect({ tokens: [opaque] }));
          await codeOf(recorder.startRecording(how));
          return [await connecting, await codeOf(connect()), await codeOf(recorder.startRecording(agents[0]))];
        },
        how,
        await browser.cloud.token(globex, { format: "opaque" }),
      );
      assert.deepEqual(codes, ["PANICKED", "fine", "fine"]);
    });

    test("twice in a row is final, for every recorder and for connect()", async () => {
      const { messages, rest } = await inGlobex(async ({ premium, recorder, connect, token, codeOf }, agents, how) => {
        const messageOf = (promise) => promise.then(String, ({ message }) => message);
        const closed = await connect();
        closed.close();
        const other = await connect();
        const messages = [await messageOf(recorder.startRecording(how)), await messageOf(recorder.startRecording(how))];
        const later = [
          recorder.startRecording(agents[0]),
          other.addToken(token),
          other.switchOrg(recorder.orgId),
          other.availableOrgs(),
          other.signOut(),
          premium.startRecording(agents[0]),
          connect(),
        ];
        messages.push(...(await Promise.all(later.map(messageOf))));
        other.close();
        return { messages, rest: [recorder.orgId, recorder.orgs().length, await codeOf(closed.addToken(token))] };
      }, how);
      assert.match(messages[0], PLACE);
      assert.doesNotMatch(messages[0], FINAL);
      assert.equal(messages.length, 9);
      for (const message of messages.slice(1)) assert.match(message, FINAL);
      assert.deepEqual(rest, [browser.cloud.globex.id, 0, "CLOSED"]);
      assert.deepEqual(await browser.cloud.starts(), []);
    });

    test("again, but not in a row: each time there is a next call", async () => {
      const codes = await inGlobex(async ({ recorder, codeOf }, agents, how) => {
        const codes = [];
        for (const agent of [how, agents[0], how, agents[1], how]) {
          codes.push(await codeOf(recorder.startRecording(agent)));
        }
        return [...codes, await codeOf(recorder.availableOrgs())];
      }, how);
      assert.deepEqual(codes, ["PANICKED", "fine", "PANICKED", "fine", "PANICKED", "fine"]);
    });
  });
}

test("connecting again is no success: the next panic is the second one in a row", async () => {
  const messages = await inGlobex(async ({ recorder, connect }) => {
    const messageOf = (promise) => promise.then(String, ({ message }) => message);
    const first = await messageOf(recorder.startRecording("panic-now"));
    const again = await connect();
    return [first, await messageOf(again.startRecording("panic-now"))];
  });
  assert.doesNotMatch(messages[0], FINAL);
  assert.match(messages[1], FINAL);
});

test("a panic behind everybody's back is told of as the platform tells of it, and the next call works", async () => {
  const { told, orgs, next } = await inGlobex(async ({ recorder, codeOf, token }, agents) => {
    await recorder.addToken(token);
    const told = new Promise((resolve) => window.addEventListener("error", ({ error }) => resolve(error.message)));
    // It is started together with a call that ends before.
    await codeOf(recorder.startRecording("panic-behind", { share: "no boolean" }));
    return { told: await told, orgs: recorder.orgs(), next: await codeOf(recorder.startRecording(agents[0])) };
  });
  assert.match(told, PLACE);
  assert.deepEqual({ orgs, next }, { orgs: [], next: "fine" });
});

test("a panic below a call that goes through the app: both are rejected, and the outer one does not go on", async () => {
  const { codes, timers, next } = await inGlobex(async ({ recorder, codeOf, token }, agents) => {
    await recorder.addToken(token);
    const { setTimeout } = window;
    const inner = [];
    let timers = 0;
    // From here the module would go on to a timer and to its request, in the same turn.
    const addEventListener = () => {
      inner.push(codeOf(recorder.startRecording("panic-now")));
      window.setTimeout = () => timers++;
    };
    const signal = { aborted: false, addEventListener, removeEventListener() {} };
    const outer = codeOf(recorder.startRecording(agents[0], { signal }));
    window.setTimeout = setTimeout;
    const codes = await Promise.all([outer, ...inner]);
    return { codes, timers, next: await codeOf(recorder.startRecording(agents[1])) };
  });
  assert.deepEqual(codes, ["PANICKED", "PANICKED"]);
  assert.equal(timers, 0);
  assert.equal(next, "fine");
  assert.deepEqual(
    (await browser.cloud.starts()).map(({ agentId }) => agentId),
    [browser.cloud.globex.agents[1].id],
  );
});

test("an exception that passes through the module is as good as a panic", async () => {
  const { message, next } = await inGlobex(async ({ recorder, codeOf }, agents) => {
    const { setTimeout } = window;
    window.setTimeout = () => {
      throw new RangeError("too deep");
    };
    const message = await recorder.startRecording(agents[0]).then(String, ({ message }) => message);
    window.setTimeout = setTimeout;
    return { message, next: await codeOf(recorder.startRecording(agents[0])) };
  });
  assert.equal(message, "PANICKED: The library panicked: RangeError: too deep.");
  assert.equal(next, "fine");
});

describe("the next instance", () => {
  test("has the configuration of connect() and of switchOrg(), and the launch context of then", async () => {
    const { acme, globex, cloud } = { ...browser.cloud, cloud: browser.cloud };
    await launch(globex);
    const outcome = await browser.run(
      async ({ connect, settle }, tokens, acme, globex, agents) => {
        const get = [];
        const launchUrl = new URL(location.href);
        const options = {
          contract: { scope: "screenrecordings:write" },
          timeoutMs: 5_000,
          getToken: (need) => (get.push(need.orgId), tokens[need.orgId]),
        };
        const recorders = [await connect(options), await connect({ ...options, launchUrl }), await connect(options)];
        await recorders[2].switchOrg(acme);
        const before = recorders.map(({ orgId, launch, environment }) => ({ orgId, launch, environment }));
        // The app goes on to another address of its own.
        history.replaceState(null, "", `/?orgId=${acme}&orgId=${globex}&gcTargetEnv=nowhere`);
        launchUrl.search = "";
        await settle(recorders[0].startRecording("panic-now"));
        const dead = recorders.map(({ orgId, launch, environment }) => ({ orgId, launch, environment }));
        const orgs = [];
        for (const [at, recorder] of recorders.entries()) {
          const { value, error } = await settle(recorder.startRecording(agents[at]));
          orgs.push(value?.orgId ?? error.code);
        }
        const after = recorders.map(({ orgId, launch, environment }) => ({ orgId, launch, environment }));
        return { before, dead, after, orgs, get };
      },
      { [acme.id]: await cloud.token(acme), [globex.id]: await cloud.token(globex) },
      acme.id,
      globex.id,
      [globex.agents[0].id, globex.agents[1].id, acme.agents[0].id],
    );
    assert.deepEqual(outcome.orgs, [globex.id, globex.id, acme.id]);
    // The second one is handed the first one's token, as any page of this origin would be.
    assert.deepEqual(outcome.get, [acme.id, globex.id, acme.id]);
    assert.equal(outcome.before[2].orgId, acme.id);
    assert.deepEqual(outcome.dead, outcome.before);
    assert.deepEqual(outcome.after, outcome.before);
  });

  test("has the target that a token decided, also in a call that failed, and none after a sign-out", async () => {
    const { acme, globex } = browser.cloud;
    await launch();
    const outcome = await browser.run(
      async ({ connect, settle }, tokens, agents) => {
        const asked = [];
        let session = 0;
        const getToken = ({ orgId }) => (asked.push(orgId ?? "mine"), tokens[session]);
        const recorders = [];
        for (let at = 0; at < 3; at++) recorders.push(await connect({ getToken, shareTokens: false }));
        const [started, failed, signedOut] = recorders;
        await started.startRecording(agents[0]);
        const { error } = await settle(failed.startRecording(agents[1]));
        await signedOut.signIn();
        await signedOut.signOut();
        await settle(failed.startRecording("panic-now"));
        const dead = recorders.map(({ orgId }) => orgId ?? "none");
        // At the backend, somebody has signed in to another organization.
        session = 1;
        asked.length = 0;
        const codes = [];
        for (const recorder of recorders) {
          const { value, error } = await settle(recorder.startRecording(agents[1]));
          codes.push(error?.code ?? value.orgId);
        }
        return { hasFailed: error !== undefined, dead, asked, codes };
      },
      [await browser.cloud.token(acme), await browser.cloud.token(globex)],
      [acme.agents[0].id, globex.agents[0].id],
    );
    assert.deepEqual(outcome, {
      hasFailed: true,
      dead: [acme.id, acme.id, "none"],
      asked: [acme.id, acme.id, "mine"],
      codes: ["TOKEN_SOURCE_WRONG_ORG", "TOKEN_SOURCE_WRONG_ORG", globex.id],
    });
  });

  test("has no token of the last one: NO_TOKEN until it is given one", async () => {
    const { globex } = browser.cloud;
    await launch();
    const outcome = await browser.run(
      async ({ connect, settle }, token, id) => {
        const recorder = await connect({ tokens: [token] });
        const before = recorder.orgId;
        await settle(recorder.startRecording("panic-later"));
        const dead = { orgId: recorder.orgId, orgs: recorder.orgs() };
        const without = (await settle(recorder.startRecording(id))).error.code;
        await recorder.addToken(token);
        return { before, dead, without, orgId: (await recorder.startRecording(id)).orgId };
      },
      await browser.cloud.token(globex),
      globex.agents[0].id,
    );
    const { id } = globex;
    assert.deepEqual(outcome, { before: id, dead: { orgId: id, orgs: [] }, without: "NO_TOKEN", orgId: id });
  });

  test("does not open what has been closed, before or after the panic", async () => {
    const codes = await inGlobex(async ({ recorder, connect, codeOf, token }, agents) => {
      const [before, after, meanwhile] = [await connect(), await connect(), await connect()];
      before.close();
      await codeOf(recorder.startRecording("panic-now"));
      after.close();
      const waiting = codeOf(meanwhile.addToken(token));
      meanwhile.close();
      const codes = [await waiting];
      for (const closed of [before, after, meanwhile]) codes.push(await codeOf(closed.addToken(token)));
      return [...codes, await codeOf(recorder.startRecording(agents[0]))];
    });
    assert.deepEqual(codes, ["CLOSED", "CLOSED", "CLOSED", "CLOSED", "fine"]);
  });

  test("that one call closes again is CLOSED for the others, and harms no other recorder", async () => {
    const codes = await inGlobex(async ({ recorder, connect, codeOf, token }, agents) => {
      const closing = await connect({
        getToken() {
          closing.close();
          return token;
        },
      });
      await codeOf(recorder.startRecording("panic-now"));
      const both = await Promise.all(agents.slice(0, 2).map((agent) => codeOf(closing.startRecording(agent))));
      return [...both, await codeOf(recorder.startRecording(agents[0]))];
    });
    assert.deepEqual(codes, ["CLOSED", "CLOSED", "fine"]);
  });

  test("is one for all calls that come at once, and ends them by their signal and time", async () => {
    const outcome = await inGlobex(async ({ recorder, settle, codeOf }, agents) => {
      await codeOf(recorder.startRecording("panic-now"));
      const reason = recorder.startRecording(agents[0], { signal: AbortSignal.abort("enough") }).catch((why) => why);
      const all = agents.slice(0, 2).map((agent) => codeOf(recorder.startRecording(agent)));
      return { reason: await reason, codes: await Promise.all(all) };
    });
    assert.deepEqual(outcome, { reason: "enough", codes: ["fine", "fine"] });
  });

  test("serves the bare startRecording as well", async () => {
    const codes = await inGlobex(async ({ premium, codeOf }, agents) => {
      return [await codeOf(premium.startRecording("panic-now")), await codeOf(premium.startRecording(agents[0]))];
    });
    assert.deepEqual(codes, ["PANICKED", "fine"]);
  });

  test("does not read a sign-in's response a second time", async () => {
    const { globex } = browser.cloud;
    await browser.cloud.register(`${page.origin}/`);
    await launch(globex);
    await browser
      .run(({ connect, login }) => {
        const redirect = login({ mode: "redirect", redirectUri: `${location.origin}/` });
        void connect({ login: redirect })
          .then((recorder) => recorder.switchOrg(recorder.orgId))
          .catch(() => {});
      })
      .catch(() => {});
    await browser.until("the sign-in page is there", () => browser.control("button", "Sign in"));
    await browser.signIn(globex);
    await browser.until("the page is back", async () => (await browser.driver.getCurrentUrl()).includes("code="));
    const outcome = await browser.run(
      async ({ connect, settle, login }, token) => {
        // The address stays as it is, response and all.
        history.replaceState = () => {
          throw new DOMException("no", "SecurityError");
        };
        const redirect = login({ mode: "redirect", redirectUri: `${location.origin}/` });
        const recorder = await connect({ login: redirect, environment: "local" });
        const signedIn = recorder.orgs().length;
        await settle(recorder.startRecording("panic-now"));
        return { signedIn, ...(await settle(recorder.addToken(token))) };
      },
      await browser.cloud.token(globex),
    );
    assert.equal(outcome.signedIn, 1);
    assert.equal(outcome.value?.orgId, globex.id);
    assert.equal((await browser.cloud.exchanges()).length, 1);
  });
});

describe("what the last instance has left behind", () => {
  test("a token that comes too late starts nothing, and holds up nobody", async () => {
    const { globex } = browser.cloud;
    await launch(globex);
    const { codes, asked } = await browser.run(
      async ({ connect, settle }, token, agents) => {
        const codeOf = async (promise) => (await settle(promise.then(() => ({})))).error?.code ?? "fine";
        const waiting = [];
        const recorder = await connect({ getToken: () => new Promise((resolve) => waiting.push(resolve)) });
        const asked = async (times) => {
          while (waiting.length < times) await new Promise((resolve) => setTimeout(resolve));
        };
        const first = codeOf(recorder.startRecording(agents[0]));
        await asked(1);
        const codes = [await codeOf(recorder.startRecording("panic-later")), await first];
        const second = codeOf(recorder.startRecording(agents[1], { timeoutMs: 5_000 }));
        await asked(2);
        waiting[0](token);
        waiting[1](token);
        codes.push(await second);
        return { codes, asked: waiting.length };
      },
      await browser.cloud.token(globex),
      globex.agents.map(({ id }) => id),
    );
    assert.deepEqual(codes, ["PANICKED", "PANICKED", "fine"]);
    assert.equal(asked, 2);
    assert.deepEqual(
      (await browser.cloud.starts()).map(({ agentId }) => agentId),
      [globex.agents[1].id],
    );
  });

  test("no token is in its memory", async () => {
    const { globex } = browser.cloud;
    await launch(globex);
    const found = await browser.run(
      async ({ connect, settle }, token) => {
        const memories = [];
        const { instantiate } = WebAssembly;
        WebAssembly.instantiate = async (...args) => {
          const instance = await instantiate(...args);
          memories.push(instance.exports.memory);
          return instance;
        };
        const has = () => new TextDecoder("latin1").decode(memories[0].buffer).includes(token);
        const recorder = await connect({ tokens: [token] });
        const before = has();
        await settle(recorder.startRecording("panic-now"));
        return [before, has()];
      },
      await browser.cloud.token(globex),
    );
    assert.deepEqual(found, [true, false]);
  });

  test("every channel, window and listener is ended", async () => {
    const left = await inGlobex(async ({ recorder, connect, login, codeOf }, agents) => {
      const open = new Set();
      const { BroadcastChannel, addEventListener, removeEventListener } = window;
      window.BroadcastChannel = class extends BroadcastChannel {
        constructor(name) {
          super(name);
          open.add(this);
        }
        close() {
          open.delete(this);
          super.close();
        }
      };
      window.addEventListener = (type, listener) => {
        if (type === "message") open.add(listener);
        addEventListener.call(window, type, listener);
      };
      window.removeEventListener = (type, listener) => {
        open.delete(listener);
        removeEventListener.call(window, type, listener);
      };
      window.open = () => {
        const opened = { closed: false, location: { replace: () => show() }, close: () => open.delete(opened) };
        open.add(opened);
        return opened;
      };
      let show;
      const left = [];
      for (const agent of agents.slice(0, 2)) {
        await recorder.startRecording(agent);
        const shown = new Promise((resolve) => (show = resolve));
        const signingIn = await connect({ login: login(), shareTokens: false });
        const start = codeOf(signingIn.startRecording(agent));
        await shown;
        const before = open.size;
        await Promise.all([codeOf(recorder.startRecording("panic-now")), start]);
        left.push([before, open.size]);
      }
      return left;
    });
    // A channel for the shared token, and a window with its listener.
    assert.deepEqual(left, [
      [3, 0],
      [3, 0],
    ]);
  });

  test("timers, signals and the garbage collector call nobody", async () => {
    await inGlobex(async ({ recorder, connect, codeOf, kept }, agents) => {
      const controller = new AbortController();
      const limits = { signal: controller.signal, timeoutMs: 50_000 };
      const { setTimeout } = window;
      const expired = [];
      // The time of these calls ends when the test says so.
      window.setTimeout = (callback, delay, ...rest) => {
        const isOfCall = delay > 40_000 && delay <= limits.timeoutMs;
        if (isOfCall) expired.push(callback);
        return setTimeout(callback, delay, ...rest);
      };
      const other = await connect({ getToken: () => new Promise(() => {}) });
      const pending = [
        codeOf(other.startRecording(agents[0], limits)),
        codeOf(other.startRecording(agents[1], limits)),
      ];
      const codes = [await codeOf(recorder.startRecording("panic-later")), ...(await Promise.all(pending))];
      if (codes.some((code) => code !== "PANICKED")) throw new Error(codes.join());
      kept.recorder = recorder;
      kept.agents = agents;
      kept.codeOf = codeOf;
      await codeOf(recorder.startRecording(agents[0]));
      controller.abort();
      for (const callback of expired) callback();
      if (expired.length !== 2) throw new Error(`${expired.length} timers`);
    });
    for (let times = 0; times < 3; times++) await browser.collectGarbage();
    const code = await browser.run(({ kept }) => kept.codeOf(kept.recorder.startRecording(kept.agents[1])));
    assert.equal(code, "fine");
  });
});
