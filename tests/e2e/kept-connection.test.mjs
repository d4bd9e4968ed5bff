// On a connection that was used before, Chromium and Firefox send a request again by themselves when the connection breaks
// off, and Chromium after 408. Both also do so on a connection that they opened for another request. WebKit does not.
// After 421, every engine sends it again on a new connection (Fetch standard, HTTP-network-or-cache fetch). All of this happens
// below `fetch`. These tests show what it does to a start, and what the idempotency header is for.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { browser as open } from "./browser.mjs";
import { UNAUTHENTICATED } from "./cloud.mjs";
import { byEngine, engine } from "./engines.mjs";

const FAILED = /\/api\/v2\/screenrecordings\S* - Failed to load resource/;
const CORS = /has been blocked by CORS policy/;
const browser = open({ mayComplain: [FAILED, CORS] });

const HEADER = "Idempotency-Key";
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** What makes the engine send a POST again. */
const REPEATED = byEngine({ firefox: ["reset"], webkit: [] }, ["reset", "408"]);
const repeatsReset = REPEATED.includes("reset");
const repeats408 = REPEATED.includes("408");

let cloud, globex, agentId, other;
beforeEach(async () => {
  cloud = browser.cloud;
  globex = cloud.globex;
  [agentId, other] = globex.agents.map(({ id }) => id);
  await browser.openEmpty({ orgId: globex.id });
});

describe("a start on a kept connection that breaks off after the work", () => {
  beforeEach(async () => {
    await cloud.spoilKeptStart({ reset: "after" });
  });

  test(`and no idempotency header, where the cloud records twice: ${
    repeatsReset ? "the browser makes two recordings of one fetch" : "one recording, which is found"
  }`, async () => {
    await cloud.change({ guardsAgents: false });
    const { value, fetched } = await start();
    assert.equal(fetched, 1);
    const recordings = await cloud.recordings();
    assert.equal(recordings.length, repeatsReset ? 2 : 1);
    // The page is told of the last one only.
    assert.equal(value.id, recordings.at(-1).id);
    assert.deepEqual(await starts(), [[null, null], ...(repeatsReset ? [[201, null]] : [])]);
  });

  test("and no idempotency header, where the cloud guards: one recording, which is found", async () => {
    const { value, fetched } = await start();
    assert.equal(fetched, 1);
    const recordings = await cloud.recordings();
    assert.deepEqual([value.id], ids(recordings));
    // The cloud's word is that of the browser's own second request.
    assert.equal(value.alreadyRunning, repeatsReset);
    assert.deepEqual(await starts(), [[null, null], ...(repeatsReset ? [[409, null]] : [])]);
  });

  for (const guardsAgents of [false, true]) {
    test(`and an idempotency header, where the cloud ${guardsAgents ? "guards" : "records twice"}: one recording`, async () => {
      await cloud.change({ idempotencyHeader: HEADER, guardsAgents });
      const { value, fetched } = await start({ idempotencyHeader: HEADER });
      assert.equal(fetched, 1);
      const recordings = await cloud.recordings();
      assert.deepEqual([value.id], ids(recordings));
      assert.equal(value.alreadyRunning, false);
      const [[, key]] = await starts();
      assert.match(key, UUID);
      assert.deepEqual(await starts(), [[null, key], ...(repeatsReset ? [[201, key]] : [])]);
    });
  }
});

test("a start on a kept connection that breaks off before the work", async () => {
  await cloud.change({ guardsAgents: false });
  await cloud.spoilKeptStart({ reset: "before" });
  await isRepeated(repeatsReset, null);
});

// A browser keeps a connection that it has opened for a request that was then aborted. Which connection a start gets is its
// choice: in Chromium, one of these about every second time, and in Firefox so seldom that no number of rounds shows it for sure.
const mayRepeatUnused = byEngine({ webkit: false }, true);
test(`a start on a connection that only an aborted request has opened: ${
  mayRepeatUnused ? "the browser may send it twice" : "it is sent once"
}`, async () => {
  let arrived = [];
  for (let round = 0; round < byEngine({ chromium: 40 }, 10) && arrived.length < 2; round++) {
    await cloud.reset();
    await cloud.change({ guardsAgents: false });
    await cloud.spoilStart({ reset: "after" });
    assert.equal(await browser.run(startAfterAborted, await cloud.token(globex), agentId), 1);
    arrived = (await starts()).map(([status]) => status);
    assert.deepEqual(arrived, mayRepeatUnused && arrived.length === 2 ? [null, 201] : [null]);
  }
  if (engine === "chromium") assert.equal(arrived.length, 2);
});

test("a start on a kept connection that is answered 408", async () => {
  await cloud.change({ guardsAgents: false });
  await cloud.spoilKeptStart({ status: 408 });
  await isRepeated(repeats408, 408);
});

test("a start that is answered 421, on a connection of its own: every engine sends it again, once", async () => {
  await cloud.change({ keepAlive: false, guardsAgents: false });
  await cloud.spoilStart({ status: 421 });
  await isRepeated(true, 421);
});

/** A start that gets no answer but `first`: the browser's second request makes the recording, if it sends one. */
async function isRepeated(repeated, first) {
  const { value, error, fetched } = await start();
  assert.equal(fetched, 1);
  assert.deepEqual(value ? [value.id] : [], ids(await cloud.recordings()));
  assert.equal(error?.code, repeated ? undefined : "OUTCOME_UNKNOWN");
  assert.deepEqual(
    (await starts()).map(([status]) => status),
    repeated ? [first, 201] : [first],
  );
}

describe("the idempotency header", () => {
  test("is the same when a start is sent again, and another for each start", async () => {
    await cloud.change({ idempotencyHeader: HEADER });
    await cloud.spoilStart(UNAUTHENTICATED);
    const tokens = [await cloud.token(globex), await cloud.token(globex)];
    await browser.run(
      async ({ connect }, [first, second], idempotencyHeader, agents) => {
        const recorder = await connect({ tokens: [first], getToken: () => second, contract: { idempotencyHeader } });
        for (const agentId of agents) await recorder.startRecording(agentId);
      },
      tokens,
      HEADER,
      [agentId, other],
    );
    const sent = await starts();
    assert.deepEqual(
      sent.map(([status]) => status),
      [401, 201, 201],
    );
    const [first, again, next] = sent.map(([, key]) => key);
    assert.match(first, UUID);
    assert.equal(again, first);
    assert.match(next, UUID);
    assert.notEqual(next, first);
  });

  test("is of no other request", async () => {
    await cloud.change({ idempotencyHeader: HEADER });
    await browser.run(
      async ({ connect }, token, idempotencyHeader, agentId) => {
        const recorder = await connect({ tokens: [token], contract: { idempotencyHeader } });
        await recorder.recordings();
        const recording = await recorder.startRecording(agentId);
        await recording.refresh();
        await recording.stop();
      },
      await cloud.token(globex),
      HEADER,
      agentId,
    );
    const keys = (await cloud.requests()).map(({ method, idempotencyKey }) => [method, idempotencyKey !== null]);
    assert.deepEqual(keys, [
      ["GET", false],
      ["POST", true],
      ["GET", false],
      ["PATCH", false],
    ]);
  });

  test("that CORS does not let through: no start arrives, and OUTCOME_UNKNOWN says so", async () => {
    const { error } = await start({ idempotencyHeader: HEADER });
    assert.equal(error.code, "OUTCOME_UNKNOWN");
    assert.deepEqual(error.seenRecordings, []);
    assert.deepEqual(await starts(), []);
    assert.deepEqual(await cloud.recordings(), []);
  });

  for (const name of ["", "Idempotency Key", "Authorization", "content-type", "X-Genesys-Organization-Id", "ü", 42]) {
    test(`cannot be ${JSON.stringify(name)}: BAD_ARGUMENT`, async () => {
      const code = await browser.run(
        ({ connect }, idempotencyHeader) =>
          connect({ contract: { idempotencyHeader } }).then(String, ({ code }) => code),
        name,
      );
      assert.equal(code, "BAD_ARGUMENT");
    });
  }
});

/** What a start comes to on a connection that a request was answered on, and how often the page fetched for it. */
async function start(contract = {}) {
  return browser.run(
    async ({ connect, settle }, token, agentId, contract) => {
      const recorder = await connect({ tokens: [token], contract });
      await recorder.recordings();
      const before = window.watched.sent.length;
      const outcome = await settle(recorder.startRecording(agentId));
      const sent = window.watched.sent.slice(before);
      return { ...outcome, fetched: sent.filter(({ body }) => body).length };
    },
    await cloud.token(globex),
    agentId,
    contract,
  );
}

/** Runs in the page: a start after six requests that were aborted at once. How often the page fetched for it. */
async function startAfterAborted({ connect, settle, environment }, token, agentId) {
  const aborted = new AbortController();
  const { signal } = aborted;
  const address = `${environment.api}/api/v2/tokens/me?preserveIdleTTL=true`;
  const requests = Array.from({ length: 6 }, () => fetch(address, { signal, credentials: "omit" }));
  // A turn of the event loop: the browser has begun to connect.
  await new Promise((resolve) => setTimeout(resolve));
  aborted.abort();
  await Promise.allSettled(requests);
  const recorder = await connect({ tokens: [token] });
  const before = window.watched.sent.length;
  await settle(recorder.startRecording(agentId));
  recorder.close();
  return window.watched.sent.slice(before).filter(({ body }) => body).length;
}

async function starts() {
  return (await cloud.starts()).map(({ status, idempotencyKey }) => [status, idempotencyKey]);
}

function ids(those) {
  return those.map(({ id }) => id);
}
