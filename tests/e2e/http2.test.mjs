// What the browser does below `fetch` to a start over HTTP/2, if the response is lost after the cloud has recorded: by default,
// with the idempotency header, and with a streamed body.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { browser as open } from "./browser.mjs";
import { byEngine, engine } from "./engines.mjs";
import { EVENTS, startFront } from "./http2-front.mjs";

const FAILED = /Failed to load resource|net::ERR_/;
const CORS = /has been blocked by CORS policy/;
const browser = open({ mayComplain: [FAILED, CORS] });

const HEADER = "Idempotency-Key";

let front, cloud, globex, agentId;
afterEach(() => front.close());
beforeEach(async () => {
  cloud = browser.cloud;
  // One for each test: browsers remember what a server has done.
  front = await startFront(cloud.environment.api);
  globex = cloud.globex;
  agentId = globex.agents[0].id;
  await cloud.change({ guardsAgents: false, idempotencyHeader: HEADER });
  await browser.openEmpty({ orgId: globex.id });
});

/** After which of the events the engine sends a POST again by itself. */
const REPEATED = {
  chromium: [
    "closes the connection",
    "refuses the stream",
    "requires HTTP/1.1",
    "says goodbye before the stream",
    "says goodbye after the stream",
    "answers 421",
  ],
  firefox: ["refuses the stream", "requires HTTP/1.1", "resets the stream", "answers 421"],
  webkit: ["refuses the stream", "requires HTTP/1.1", "answers 421"],
}[engine];
const streams = byEngine({ firefox: false, webkit: false }, true);
const notStreamed = streams ? [] : ["start-not-streamed"];

for (const event of Object.keys(EVENTS)) {
  const isRepeated = REPEATED.includes(event);
  const twice = isRepeated ? 2 : 1;

  describe(`a start after which the front ${event}`, () => {
    test(`is sent ${isRepeated ? "twice, and makes two recordings" : "once, and found"}`, async () => {
      front.spoilStart(event);
      assert.deepEqual(await start({}), { ends: "started", fetched: 1, starts: twice, recordings: twice, told: [] });
    });

    test("makes one recording with an idempotency header", async () => {
      front.spoilStart(event);
      const seen = await start({ idempotencyHeader: HEADER });
      assert.deepEqual(seen, { ends: "started", fetched: 1, starts: twice, recordings: 1, told: [] });
    });

    test(`${streams ? "is sent once and found" : "is sent as usual"} with a streamed body`, async () => {
      front.spoilStart(event);
      const sent = streams ? 1 : twice;
      const seen = await start({ http2: true });
      assert.deepEqual(seen, { ends: "started", fetched: 1, starts: sent, recordings: sent, told: notStreamed });
    });
  });
}

test("a second recording that the browser has made is told of", async () => {
  front.spoilStart("refuses the stream");
  const { told, ...seen } = await start({ checkDuplicates: true }, "duplicate-recording");
  assert.deepEqual(seen, { ends: "started", fetched: 1, starts: 2, recordings: 2 });
  assert.deepEqual(told, ["duplicate-recording"]);
  const { event, id } = await browser.run(({ kept: { event, id } }) => ({ event, id }));
  const others = (await cloud.recordings()).map((recording) => recording.id).filter((other) => other !== id);
  assert.deepEqual(event, { type: "duplicate-recording", orgId: globex.id, agentId, recordingIds: others });
});

test(`a streamed body over HTTP/1.1: ${streams ? "OUTCOME_UNKNOWN, and no start arrives" : "it is sent as usual"}`, async () => {
  const seen = await start({ http2: true }, undefined, cloud.environment.api);
  const expected = streams ? { ends: "OUTCOME_UNKNOWN", starts: 0 } : { ends: "started", starts: 1 };
  assert.deepEqual(seen, { ...expected, fetched: 1, recordings: expected.starts, told: notStreamed });
});

/**
 * A start through the front: how it ends, how many requests and recordings the cloud has, and the library's events. Waits for
 * the event `awaited`.
 */
async function start(contract, awaited, api = front.origin) {
  const { value, error, fetched, told } = await browser.run(
    async ({ premium, kept, settle, environment }, token, api, agentId, contract, awaited) => {
      const told = [];
      let recorder;
      const happens = new Promise((resolve) => {
        const onEvent = (event) => {
          told.push(event.type);
          if (event.type === awaited) resolve((kept.event = event));
        };
        const environments = [{ ...environment, name: "front", api }];
        recorder = premium.connect({ environments, environment: "front", tokens: [token], contract, onEvent });
      });
      const before = window.watched.sent.length;
      const outcome = await settle((await recorder).startRecording(agentId));
      kept.id = outcome.value?.id;
      if (awaited) await happens;
      return { ...outcome, fetched: window.watched.sent.slice(before).filter(({ body }) => body).length, told };
    },
    await cloud.token(globex),
    api,
    agentId,
    contract,
    awaited ?? null,
  );
  return {
    ends: error?.code ?? (value.alreadyRunning ? "found" : "started"),
    fetched,
    starts: (await cloud.starts()).length,
    recordings: (await cloud.recordings()).length,
    told: told.filter((type) => !["token-filed", "request", "answer"].includes(type)),
  };
}
