// What a listener is told: everything that happens, in order, and never a token. It can harm nothing.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { browser as open } from "./browser.mjs";

const REFUSED = /\/api\/v2\/screenrecordings - Failed to load resource: .* (401|409)/;
const FAILED = /\/api\/v2\/screenrecordings - Failed to load resource: net::/;
const TOLD = /premium-recorder: onEvent threw/;
const browser = open({ mayComplain: [REFUSED, FAILED, TOLD] });

const SCOPES = ["screenrecordings:write", "user-basic-info"];
const NEAR_MISS = "screenrecording:write";

let cloud, acme, globex, agentId, other;
beforeEach(async () => {
  cloud = browser.cloud;
  ({ acme, globex } = cloud);
  [agentId, other] = globex.agents.map(({ id }) => id);
  await browser.openEmpty({ orgId: globex.id });
});

describe("a listener is told", () => {
  test("of a start whose token getToken gives", async () => {
    const { events } = await start({ issued: [await cloud.token(globex)] });
    assert.deepEqual(events.map(lasting), [
      { type: "token-requested", orgId: globex.id, source: "getToken", reason: "missing" },
      { type: "token-filed", orgId: globex.id, scopes: SCOPES, knownBy: "claim" },
      // Another page whose token came sooner may have started one meanwhile.
      { type: "request", request: 1, method: "GET", url: url(`screenrecordings?agentId=${agentId}`), orgId: globex.id },
      { type: "answer", request: 1, status: 200 },
      { type: "request", request: 2, method: "POST", url: url("screenrecordings"), orgId: globex.id },
      { type: "answer", request: 2, status: 201 },
    ]);
  });

  test("of a token that the cloud has to be asked about", async () => {
    const token = await cloud.token(globex, { format: "opaque", homeOrgId: acme.id });
    const { events } = await start({ tokens: [token] });
    assert.deepEqual(events.map(lasting), [
      { type: "request", request: 1, method: "GET", url: url("tokens/me?preserveIdleTTL=true") },
      { type: "answer", request: 1, status: 200 },
      {
        type: "token-filed",
        orgId: globex.id,
        homeOrgId: acme.id,
        scopes: SCOPES,
        knownBy: "cloud",
      },
      { type: "request", request: 2, method: "POST", url: url("screenrecordings"), orgId: globex.id },
      { type: "answer", request: 2, status: 201 },
    ]);
  });

  test("of a refusal (401) and its repair", async () => {
    await cloud.spoilStart({ status: 401, body: { code: "bad.credentials" } });
    const { events } = await start({ tokens: [await cloud.token(globex)], issued: [await cloud.token(globex)] });
    assert.deepEqual(events.map(lasting), [
      { type: "token-filed", orgId: globex.id, scopes: SCOPES, knownBy: "claim" },
      { type: "request", request: 1, method: "POST", url: url("screenrecordings"), orgId: globex.id },
      { type: "answer", request: 1, status: 401 },
      { type: "repair", orgId: globex.id, code: "UNAUTHENTICATED" },
      { type: "token-requested", orgId: globex.id, source: "getToken", reason: "rejected" },
      { type: "token-filed", orgId: globex.id, scopes: SCOPES, knownBy: "claim" },
      { type: "retry", orgId: globex.id, code: "UNAUTHENTICATED" },
      { type: "request", request: 2, method: "POST", url: url("screenrecordings"), orgId: globex.id },
      { type: "answer", request: 2, status: 201 },
    ]);
  });

  test("of an answer that does not come, which has no status", async () => {
    await cloud.spoilStart({ reset: "before" });
    const { events, error } = await start({ tokens: [await cloud.token(globex)] });
    assert.equal(error.code, "OUTCOME_UNKNOWN");
    const answer = events.find(({ type }) => type === "answer");
    assert.deepEqual(lasting(answer), { type: "answer", request: 1 });
    assert.equal(answer.correlationId, undefined);
    // Then it is looked for.
    const after = events.slice(events.indexOf(answer) + 1).map(({ type, method, status }) => [type, method ?? status]);
    const look = [
      ["request", "GET"],
      ["answer", 200],
    ];
    assert.deepEqual(after, [...look, ...look]);
  });

  test("of a scope that is nearly right, which an organization may not enforce", async () => {
    await cloud.change({ enforceScopes: false });
    const token = await cloud.token(globex, { format: "opaque", scopes: [NEAR_MISS] });
    const { events, value } = await start({ tokens: [token] });
    assert.equal(value.orgId, globex.id);
    assert.deepEqual(
      events.filter(({ type }) => type === "warning"),
      [
        {
          type: "warning",
          code: "SCOPE_MISSING",
          orgId: globex.id,
          missingScope: SCOPES[0],
          nearMiss: NEAR_MISS,
        },
      ],
    );
  });

  test("of a switch to another organization, if it succeeds", async () => {
    const events = await browser.run(
      async ({ connect, settle }, token, orgIds) => {
        const events = [];
        const recorder = await connect({ tokens: [token], onEvent: (event) => events.push(event) });
        for (const orgId of orgIds) await settle(recorder.switchOrg(orgId));
        await new Promise((resolve) => setTimeout(resolve));
        return events;
      },
      await cloud.token(acme),
      [cloud.initech.id, acme.id],
    );
    assert.deepEqual(events, [
      { type: "token-filed", orgId: acme.id, scopes: SCOPES, knownBy: "claim" },
      { type: "org-changed", orgId: acme.id, previousOrgId: globex.id },
    ]);
  });

  test("of a sign-in, without its code, verifier or tokens", async () => {
    await cloud.change({ refreshTokens: true, accessTokenSeconds: 600 });
    await browser.click(async ({ connect, login, kept }, orgId) => {
      kept.events = [];
      kept.recorder = await connect({ login: login(), onEvent: (event) => kept.events.push(event) });
      return () => kept.recorder.switchOrg(orgId);
    }, globex.id);
    await browser.signInThere(globex);
    assert.equal((await browser.ended()).value?.orgId, globex.id);
    await cloud.advance(700, { pageKnows: true });
    const events = await browser.run(async ({ kept, passTime }, orgId) => {
      passTime(700);
      await kept.recorder.switchOrg(orgId);
      await new Promise((resolve) => setTimeout(resolve));
      return kept.events;
    }, globex.id);
    assert.deepEqual(
      events.filter(({ type }) => type === "token-requested"),
      [
        { type: "token-requested", orgId: globex.id, source: "login", reason: "missing" },
        { type: "token-requested", orgId: globex.id, source: "refresh-token", reason: "expired" },
      ],
    );
    const exchange = { method: "POST", url: `${cloud.environment.login}/oauth/token` };
    const whose = { method: "GET", url: url("tokens/me?preserveIdleTTL=true") };
    assert.deepEqual(
      events.filter(({ type }) => type === "request").map(({ method, url }) => ({ method, url })),
      [exchange, whose, exchange, whose],
    );
  });

  test("how long each answer took, and by which id the cloud knows it", async () => {
    const { events, answered } = await start({
      tokens: [await cloud.token(acme, { format: "opaque" }), await cloud.token(globex)],
    });
    const requests = events.filter(({ type }) => type === "request");
    const answers = events.filter(({ type }) => type === "answer");
    assert.deepEqual(
      answers.map(({ request }) => request),
      requests.map(({ request }) => request),
    );
    assert.ok(answers.every(({ durationMs }) => Number.isInteger(durationMs) && durationMs >= 0));
    assert.deepEqual(
      answers.map(({ correlationId }) => correlationId),
      answered,
    );
    assert.equal(new Set(answered).size, 2);
  });

  test("of as much time as an answer took", async () => {
    await cloud.spoilStart({ delayMs: 300 });
    const { events } = await start({ tokens: [await cloud.token(globex)] });
    assert.ok(events.at(-1).durationMs >= 300, `${events.at(-1).durationMs} ms`);
  });

  test("by calls at the same time whose request was answered", async () => {
    const events = await browser.run(
      async ({ connect, settle }, token, agents) => {
        const events = [];
        const recorder = await connect({ tokens: [token], onEvent: (event) => events.push(event) });
        await Promise.all(agents.map((agentId) => settle(recorder.startRecording(agentId))));
        await new Promise((resolve) => setTimeout(resolve));
        return events;
      },
      await cloud.token(globex),
      globex.agents.map(({ id }) => id),
    );
    const numbers = (type) => events.filter((event) => event.type === type).map(({ request }) => request);
    assert.deepEqual(numbers("answer").toSorted(), numbers("request"));
    const requests = events.filter(({ type }) => type === "request");
    const statusOf = ({ request }) =>
      events.find((event) => event.type === "answer" && event.request === request).status;
    // The third agent is logged out: whether they are recorded already is looked at.
    assert.deepEqual(
      requests.map((request) => [request.request, request.method, statusOf(request)]),
      [
        [1, "POST", 201],
        [2, "POST", 201],
        [3, "POST", 409],
        [4, "GET", 200],
      ],
    );
  });

  test("outside of the library's own work, and of its own recorder only", async () => {
    const { inside, told } = await browser.run(
      async ({ connect }, token, agentId) => {
        const told = [];
        const inside = [];
        const listen = (name) => (event) => {
          told.push(name);
          if (new Error().stack.includes("wasm")) inside.push(event.type);
        };
        const recorder = await connect({ tokens: [token], onEvent: listen("first") });
        await connect({ onEvent: listen("second") });
        await recorder.startRecording(agentId);
        return { inside, told };
      },
      await cloud.token(globex),
      agentId,
    );
    assert.deepEqual(inside, []);
    assert.deepEqual(told, Array(3).fill("first"));
  });
});

describe("a listener that", () => {
  const HARMS = {
    throws: () => {
      throw new Error("the telemetry is down");
    },
    "returns a promise that is rejected": () => Promise.reject(new Error("the telemetry is down")),
    "throws nothing that can be named": () => {
      throw undefined;
    },
  };
  for (const [what, onEvent] of Object.entries(HARMS)) {
    test(`${what} harms nothing, and is told once`, async () => {
      const { orgIds, complaints, unhandled } = await browser.run(
        `async ({ connect }, token, agents) => {
          const unhandled = [];
          addEventListener("unhandledrejection", ({ reason }) => unhandled.push(String(reason)));
          addEventListener("error", ({ message }) => unhandled.push(message));
          const complaints = [];
          const { error } = console;
          console.error = (...args) => {
            complaints.push(args.map(String));
            error.apply(console, args);
          };
          const recorder = await connect({ tokens: [token], onEvent: ${onEvent} });
          const orgIds = [];
          for (const agentId of agents) orgIds.push((await recorder.startRecording(agentId)).orgId);
          await new Promise((resolve) => setTimeout(resolve));
          return { orgIds, complaints, unhandled };
        }`,
        await cloud.token(globex),
        [agentId, other],
      );
      assert.deepEqual(orgIds, [globex.id, globex.id]);
      assert.equal(complaints.length, 1, JSON.stringify(complaints));
      assert.match(complaints[0][0], TOLD);
      assert.deepEqual(unhandled, []);
    });
  }

  test("never returns what it promised holds up nothing", async () => {
    const { value, events } = await start({ tokens: [await cloud.token(globex)], hangs: true });
    assert.equal(value.orgId, globex.id);
    assert.equal(events.length, 3);
  });

  test("calls the recorder is answered", async () => {
    const { held, orgIds, code } = await browser.run(
      async ({ connect, settle }, token, [agentId, other], strange) => {
        let recorder;
        let called;
        const held = [];
        const onEvent = ({ type, status }) => {
          if (type !== "answer" || status !== 201 || called) return;
          held.push(...recorder.orgs().map(({ orgId }) => orgId));
          called = Promise.all([settle(recorder.startRecording(other)), settle(recorder.switchOrg(strange))]);
        };
        recorder = await connect({ tokens: [token], onEvent });
        const first = await recorder.startRecording(agentId);
        const [second, switched] = await called;
        return { held, orgIds: [first.orgId, second.value?.orgId], code: switched.error?.code };
      },
      await cloud.token(globex),
      [agentId, other],
      acme.id,
    );
    assert.deepEqual(held, [globex.id]);
    assert.deepEqual(orgIds, [globex.id, globex.id]);
    assert.equal(code, "ORG_MISMATCH");
    assert.equal((await cloud.recordings()).length, 2);
  });

  test("closes the recorder in the middle of a start ends it", async () => {
    const { code, starts } = await browser.run(
      async ({ connect, settle }, token, agentId) => {
        let starts = 0;
        const onEvent = ({ type }) => {
          if (type === "request") starts += 1;
          if (type === "token-requested") recorder.close();
        };
        const recorder = await connect({ getToken: async () => token, onEvent });
        const { error } = await settle(recorder.startRecording(agentId));
        return { code: error?.code, starts };
      },
      await cloud.token(globex),
      agentId,
    );
    assert.equal(code, "CLOSED");
    assert.equal(starts, 0);
    assert.deepEqual(await cloud.requests(), []);
  });

  test("changes what it is told changes nothing else", async () => {
    const value = await browser.run(
      async ({ connect }, token, agentId) => {
        const onEvent = (event) => {
          for (const name of Object.keys(event)) event[name] = "changed";
          event.scopes?.push("changed");
        };
        const recorder = await connect({ tokens: [token], onEvent });
        const { orgId } = await recorder.startRecording(agentId);
        return { orgId, held: recorder.orgs().map(({ orgId }) => orgId) };
      },
      await cloud.token(globex),
      agentId,
    );
    assert.deepEqual(value, { orgId: globex.id, held: [globex.id] });
  });
});

test("what is no function is no listener: BAD_ARGUMENT", async () => {
  const codes = await browser.run(async ({ connect, settle }) => {
    const listeners = [7, "console.log", null, {}, [], true];
    const outcomes = listeners.map((onEvent) => settle(connect({ onEvent })));
    return (await Promise.all(outcomes)).map(({ error }) => error?.code);
  });
  assert.deepEqual(codes, Array(6).fill("BAD_ARGUMENT"));
});

test("without a listener nobody is told", async () => {
  const { orgId, complaints } = await browser.run(
    async ({ connect }, token, agentId) => {
      const complaints = [];
      console.error = (...args) => complaints.push(args.map(String));
      const recorder = await connect({ tokens: [token], onEvent: undefined });
      const { orgId } = await recorder.startRecording(agentId);
      return { orgId, complaints };
    },
    await cloud.token(globex),
    agentId,
  );
  assert.equal(orgId, globex.id);
  assert.deepEqual(complaints, []);
});

/**
 * What a start comes to and what was told meanwhile. `issued`: what getToken gives, one after the other. `answered`: the
 * correlation ids that the cloud has sent. `hangs`: whether the listener's promises ever settle.
 */
function start(given) {
  return browser.run(
    async ({ connect, settle }, { tokens = [], issued, hangs }, agentId) => {
      const answered = [];
      const { fetch } = window;
      window.fetch = async (...request) => {
        const answer = await fetch(...request);
        answered.push(answer.headers.get("inin-correlation-id"));
        return answer;
      };
      const events = [];
      const onEvent = (event) => {
        events.push(event);
        return hangs && new Promise(() => {});
      };
      const getToken = () => issued.shift();
      const recorder = await connect({ tokens, onEvent, ...(issued && { getToken }) });
      const outcome = await settle(recorder.startRecording(agentId));
      // Who is told in a later turn has been told by then.
      await new Promise((resolve) => setTimeout(resolve));
      return { ...outcome, events, answered: answered.filter(Boolean) };
    },
    given,
    agentId,
  );
}

/** An event without what differs from one run to the next. */
function lasting({ durationMs, correlationId, ...event }) {
  return event;
}

function url(path) {
  return `${cloud.environment.api}/api/v2/${path}`;
}
