// A start is sent once and makes one recording: whatever becomes of its answer, whoever else wants the same, and whenever.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { browser as open } from "./browser.mjs";
import { UNAUTHENTICATED } from "./cloud.mjs";
import { GET_ATTEMPTS } from "./engines.mjs";

const FAILED = /\/api\/v2\/(screenrecordings|tokens\/me)\S* - Failed to load resource/;
const browser = open({ mayComplain: [FAILED] });

/** What happens to a start that is never carried out. */
const NOT_DONE = {
  408: { status: 408 },
  500: { status: 500, body: { code: "internal.server.error" } },
  502: { status: 502, body: "<h1>Bad Gateway</h1>" },
  503: { status: 503, body: "upstream" },
  504: { status: 504, body: { code: "authentication.request.timeout" } },
  "a reset": { reset: "before" },
  "a word that is no JSON": { status: 201, body: "Created, thank you." },
  "nothing (200)": { status: 200 },
  "nothing (204)": { status: 204 },
  "another agent's recording": { status: 201, body: { id: "1", agentId: "somebody-else", state: "recording" } },
};

/** What happens to the answer of one that is: as the cloud's own doing, and as that of a gateway between. */
const DONE = {
  "a reset, and the cloud was done": [{ reset: "after" }, "itself"],
  "half of it": [{ truncate: 10 }, "itself"],
  "the headers alone": [{ truncate: 0 }, "itself"],
  ...Object.fromEntries(
    Object.entries(NOT_DONE).map(([what, fault]) => [`${what}, and the cloud was done`, [fault, "gateway"]]),
  ),
};

const WRONG_ORG = {
  status: 403,
  body: { status: 403, code: "not.authorized", message: "Permission denied: insufficient scope for resource owner" },
};
const RATE_LIMITED = {
  status: 429,
  body: {
    status: 429,
    code: "too.many.requests.retry.after",
    message: "Rate limit exceeded. Retry the request in [0] seconds",
  },
};

/** An answer that comes when the test wants it. */
const LATE = { held: true };
/** So many milliseconds are enough to send a start, also on a slow machine. */
const BRIEF = 2_000;
/** Enough for all else that such a test does. */
const PATIENT = 20_000;

let cloud, globex, agent, agentId;
beforeEach(async () => {
  cloud = browser.cloud;
  globex = cloud.globex;
  agent = globex.agents[0];
  agentId = agent.id;
  await browser.openEmpty({ orgId: globex.id });
});

describe("a start that was not carried out, and is answered", () => {
  for (const [what, fault] of Object.entries(NOT_DONE)) {
    test(`${what}: OUTCOME_UNKNOWN, and that the agent has no recording`, async () => {
      await cloud.spoilStart(fault);
      const error = await failedStart();
      assert.deepEqual([error.code, error.retryable], ["OUTCOME_UNKNOWN", false]);
      assert.deepEqual(error.seenRecordings, []);
      assert.deepEqual(await cloud.recordings(), []);
      assert.equal((await cloud.starts()).length, 1);
      assert.equal((await cloud.lists()).length, 2);
    });
  }

  test("too late: OUTCOME_UNKNOWN, and that the agent has no recording", async () => {
    await cloud.spoilStart({ ...LATE, status: 503 });
    const error = await failedStart({ timeoutMs: BRIEF });
    assert.deepEqual([error.code, error.cause.code], ["OUTCOME_UNKNOWN", "TIMEOUT"]);
    assert.deepEqual(error.seenRecordings, []);
    assert.deepEqual(await cloud.recordings(), []);
    assert.equal((await cloud.starts()).length, 1);
  });
});

describe("a start that was carried out, and is answered", () => {
  for (const [what, [fault, where]] of Object.entries(DONE)) {
    test(`${what}: that recording`, async () => {
      if (where === "itself") await cloud.spoilStart(fault);
      const { value } = await start({ gateway: where === "gateway" ? fault : undefined });
      await isTheOne(value);
      await sentOnce(where);
    });
  }

  test("too late, and done in time: that recording", async () => {
    const { value } = await start({ gateway: { ...LATE, status: 503 }, options: { timeoutMs: BRIEF } });
    await isTheOne(value);
    await sentOnce("gateway");
  });

  test("too late, and done while it is looked for: that recording", async () => {
    await cloud.spoilStart(LATE);
    const value = await browser.run(
      async ({ connect, atFirstLook, release, recordingRuns }, token, agentId, timeoutMs) => {
        const recorder = await connect({ tokens: [token] });
        atFirstLook(async () => {
          await release();
          await recordingRuns();
        });
        return recorder.startRecording(agentId, { timeoutMs });
      },
      await cloud.token(globex),
      agentId,
      BRIEF,
    );
    await isTheOne(value);
    await sentOnce("itself");
  });

  test("too late, and done too late: OUTCOME_UNKNOWN, and the next start finds it", async () => {
    await cloud.spoilStart(LATE);
    const { error, value } = await browser.run(
      async ({ connect, settle, release, recordingRuns }, token, agentId, timeoutMs) => {
        const recorder = await connect({ tokens: [token] });
        const { error } = await settle(recorder.startRecording(agentId, { timeoutMs }));
        await release();
        await recordingRuns();
        return { error, value: await recorder.startRecording(agentId) };
      },
      await cloud.token(globex),
      agentId,
      BRIEF,
    );
    assert.equal(error.code, "OUTCOME_UNKNOWN");
    assert.deepEqual(error.seenRecordings, []);
    const [recording, ...more] = await cloud.recordings();
    assert.deepEqual(more, []);
    assert.equal(value.id, recording.id);
    assert.equal((await cloud.starts()).length, 1);
  });
});

describe("a start that is looked for", () => {
  test("where the cloud does not list at first: it is asked once more", async () => {
    await cloud.spoilStart({ reset: "after" });
    await cloud.spoilLists({ status: 503 });
    const { value } = await start();
    await isTheOne(value);
    assert.equal((await cloud.starts()).length, 1);
    assert.equal((await cloud.lists()).length, 2);
  });

  for (const [what, fault] of Object.entries({
    "answers 503": { status: 503 },
    "answers what is no list": { status: 200, body: { entities: "none" } },
    "breaks off": { reset: "before" },
  })) {
    test(`where the list ${what}: OUTCOME_UNKNOWN, and no word of what there is`, async () => {
      await cloud.spoilStart({ reset: "after" });
      await cloud.spoilLists(fault, 2);
      const error = await failedStart();
      assert.equal(error.code, "OUTCOME_UNKNOWN");
      assert.ok(!("seenRecordings" in error));
      assert.equal((await cloud.recordings()).length, 1);
      assert.equal((await cloud.starts()).length, 1);
      assert.equal((await cloud.lists()).length, fault.reset ? 2 * GET_ATTEMPTS : 2);
    });
  }

  test("where the cloud has no list: OUTCOME_UNKNOWN, and no word of what there is", async () => {
    await cloud.change({ listing: "off" });
    await cloud.spoilStart({ reset: "after" });
    const error = await failedStart();
    assert.equal(error.code, "OUTCOME_UNKNOWN");
    assert.ok(!("seenRecordings" in error));
    assert.equal((await cloud.recordings()).length, 1);
    assert.equal((await cloud.starts()).length, 1);
  });

  test("where the list hangs: OUTCOME_UNKNOWN in time, and no word of what there is", async () => {
    await cloud.spoilStart({ reset: "after" });
    await cloud.spoilLists({ ...LATE, status: 503 }, 2);
    const error = await failedStart({ timeoutMs: BRIEF });
    assert.equal(error.code, "OUTCOME_UNKNOWN");
    assert.ok(!("seenRecordings" in error));
    assert.equal((await cloud.starts()).length, 1);
  });

  test("is not one of two: OUTCOME_UNKNOWN, and both of them", async () => {
    await cloud.change({ guardsAgents: false });
    const error = await failedStart({}, { gateway: { reset: "after" } });
    assert.equal(error.code, "OUTCOME_UNKNOWN");
    const recordings = await cloud.recordings();
    assert.equal(recordings.length, 2);
    assert.deepEqual(error.seenRecordings, recordings.map(seen));
  });

  // The older one is a minute old, whose ever clock tells it.
  for (const [whose, { pageKnows, format }] of Object.entries({
    "the page's clock, which goes right": { pageKnows: true, format: "jwt" },
    "the cloud's Date, where the page's clock is slow": { pageKnows: false, format: "opaque" },
  })) {
    describe(`while an older recording of the agent runs, by ${whose},`, () => {
      let older;
      beforeEach(async () => {
        await cloud.change({ guardsAgents: false, dateExposedByCors: !pageKnows });
        older = await cloud.record(agent, globex);
        await cloud.advance(60, { pageKnows });
      });
      const how = { ahead: pageKnows ? 60 : 0, format };

      test("and was not carried out: OUTCOME_UNKNOWN, and the older one among what there is", async () => {
        await cloud.spoilStart({ reset: "before" });
        const error = await failedStart({}, how);
        assert.equal(error.code, "OUTCOME_UNKNOWN");
        assert.deepEqual(
          error.seenRecordings.map(({ id }) => id),
          [older.id],
        );
        assert.equal((await cloud.recordings()).length, 1);
      });

      test("and was carried out: the new one", async () => {
        await cloud.spoilStart({ reset: "after" });
        const { value } = await start(how);
        const [first, second, ...more] = await cloud.recordings();
        assert.deepEqual(more, []);
        assert.deepEqual([first.id, second.id], [older.id, value.id]);
        assert.equal(value.alreadyRunning, false);
      });
    });
  }

  test("is not one that was started and stopped a moment ago: OUTCOME_UNKNOWN", async () => {
    await cloud.change({ keepAlive: false });
    const { error } = await browser.run(
      async ({ connect, settle, environment }, token, agentId) => {
        const recorder = await connect({ tokens: [token] });
        const recording = await recorder.startRecording(agentId);
        await recording.stop();
        const order = { method: "POST", path: "/api/v2/screenrecordings", fault: { reset: "before" } };
        await fetch(`${environment.api}/standin/faults`, { method: "POST", body: JSON.stringify(order) });
        return settle(recorder.startRecording(agentId));
      },
      await cloud.token(globex),
      agentId,
    );
    assert.equal(error?.code, "OUTCOME_UNKNOWN");
    assert.deepEqual(error.seenRecordings, (await cloud.recordings()).map(seen));
  });

  test("is not another agent's, nor another organization's", async () => {
    await cloud.record(globex.agents[1], globex);
    await cloud.record(cloud.acme.agents[0], cloud.acme);
    await cloud.spoilStart({ reset: "before" });
    const error = await failedStart();
    assert.equal(error.code, "OUTCOME_UNKNOWN");
    assert.deepEqual(error.seenRecordings, []);
  });
});

describe("a start that is refused with", () => {
  const REFUSALS = {
    401: [UNAUTHENTICATED, "UNAUTHENTICATED"],
    403: [WRONG_ORG, "WRONG_ORG"],
    429: [RATE_LIMITED, "RATE_LIMITED"],
  };
  for (const [status, [fault, code]] of Object.entries(REFUSALS)) {
    const sent = async (second) => {
      await cloud.spoilStart(fault);
      await cloud.spoilStart(second);
      const owner = code === "WRONG_ORG" ? cloud.acme : globex;
      const outcome = await browser.run(
        async ({ connect, settle }, first, next, agentId) => {
          const recorder = await connect({ tokens: [first], getToken: () => next });
          return settle(recorder.startRecording(agentId));
        },
        await cloud.token(owner, { claimOrgId: globex.id }),
        await cloud.token(globex),
        agentId,
      );
      const ledger = await cloud.ledger();
      assert.equal((await cloud.starts()).length, 2);
      // The first one's token lies, which only the cloud can find out.
      await cloud.reset();
      return { ...outcome, recordings: ledger.recordings };
    };

    test(`${status} twice: its code after two`, async () => {
      const { error, recordings } = await sent(fault);
      assert.equal(error.code, code);
      assert.deepEqual(recordings, []);
    });

    test(`${status}, and then lost before it is carried out: OUTCOME_UNKNOWN after two`, async () => {
      const { error, recordings } = await sent({ reset: "before" });
      assert.deepEqual([error.code, error.seenRecordings, recordings], ["OUTCOME_UNKNOWN", [], []]);
    });

    test(`${status}, and then lost after it was carried out: that recording after two`, async () => {
      const { value, recordings } = await sent({ reset: "after" });
      assert.deepEqual([value.id], ids(recordings));
    });
  }
});

describe("the same agent at the same time, and a cloud that would record twice,", () => {
  beforeEach(() => cloud.change({ guardsAgents: false }));

  test("in two frames: one start, one recording, and both have it", async () => {
    const outcomes = await inFrames(2);
    await allAreTheOne(outcomes);
    assert.deepEqual(
      outcomes.map(({ alreadyRunning }) => alreadyRunning),
      [false, false],
    );
  });

  test("in ten frames", async () => {
    await allAreTheOne(await inFrames(10));
  });

  test("in two frames that do not share: two starts, two recordings", async () => {
    const outcomes = await inFrames(2, { share: false });
    assert.deepEqual(ids(outcomes).toSorted(), ids(await cloud.recordings()).toSorted());
    assert.equal(new Set(ids(outcomes)).size, 2);
    assert.equal((await cloud.starts()).length, 2);
  });

  for (const [what, fault] of Object.entries({ "is lost": { reset: "after" }, "comes late": { delayMs: 700 } })) {
    test(`in two frames, and the answer ${what}`, async () => {
      await cloud.spoilStart(fault);
      await allAreTheOne(await inFrames(2));
    });
  }

  test("in two frames, and the one that starts fails: the other starts", async () => {
    await cloud.spoilStart({ status: 400, body: { code: "bad.request" } });
    const outcomes = await inFrames(2);
    const recordings = await cloud.recordings();
    assert.equal(recordings.length, 1);
    assert.deepEqual(
      outcomes.map((outcome) => outcome.id ?? outcome).toSorted(),
      [recordings[0].id, "BAD_REQUEST"].toSorted(),
    );
    assert.equal((await cloud.starts()).length, 2);
  });

  test("in two frames, of two agents: two starts that do not wait for each other", async () => {
    await cloud.spoilStart(LATE);
    const order = await browser.run(
      async ({ frames, release }, token, agents) => {
        const pages = await frames(2);
        const recorders = await Promise.all(pages.map((page) => page.connect({ tokens: [token] })));
        const order = [];
        const first = recorders[0].startRecording(agents[0]).then(() => order.push(0));
        await pages[0].startArrived();
        await recorders[1].startRecording(agents[1]).then(() => order.push(1));
        await release();
        await first;
        return order;
      },
      await cloud.token(globex),
      ids(globex.agents),
    );
    assert.deepEqual(order, [1, 0]);
    assert.equal((await cloud.recordings()).length, 2);
  });

  test("in two frames, of which one is given its token when the other's start is over: one start", async () => {
    const outcomes = await browser.run(
      async ({ frames }, token, agentId) => {
        const [first, second] = await frames(2);
        let give;
        const later = new Promise((resolve) => (give = () => resolve(token)));
        const recorders = [
          await first.connect({ getToken: () => token, shareTokens: false }),
          await second.connect({ getToken: () => later, shareTokens: false }),
        ];
        const [one, other] = recorders.map((recorder) => recorder.startRecording(agentId));
        await one;
        give();
        return Promise.all([one, other]);
      },
      await cloud.token(globex),
      agentId,
    );
    await allAreTheOne(outcomes);
  });

  test("in two tabs", async () => {
    await cloud.spoilStart(LATE);
    const token = await cloud.token(globex);
    const connected = async ({ connect, kept }, token) => {
      kept.recorder = await connect({ tokens: [token] });
    };
    const begin = ({ kept, settle }, agentId) => {
      kept.going = settle(kept.recorder.startRecording(agentId));
    };
    await browser.run(connected, token);
    // Opening a tab takes time, so both are ready before the first start.
    await browser.driver.switchTo().newWindow("tab");
    const tab = await browser.driver.getWindowHandle();
    await browser.openEmpty({ orgId: globex.id });
    await browser.run(connected, token);
    await browser.run(begin, agentId);
    await browser.run(({ startArrived }) => startArrived());
    await browser.leavePopup();
    await browser.run(begin, agentId);
    await cloud.release();
    const second = await browser.run(({ kept }) => kept.going);
    await browser.driver.switchTo().window(tab);
    await browser.driver.switchTo().frame(0);
    const first = await browser.run(({ kept }) => kept.going);
    await allAreTheOne([first.value, second.value]);
  });

  test("in two recorders of one page", async () => {
    const outcomes = await browser.run(
      async ({ connect }, token, agentId) => {
        const recorders = await Promise.all([connect({ tokens: [token] }), connect({ tokens: [token] })]);
        return Promise.all(recorders.map((recorder) => recorder.startRecording(agentId)));
      },
      await cloud.token(globex),
      agentId,
    );
    await allAreTheOne(outcomes);
  });

  test("in two calls of one recorder", async () => {
    await allAreTheOne(await inCalls([{}, {}]));
    assert.equal((await cloud.requests()).length, 1);
  });

  test("in two calls of which one does not share: two starts, two recordings", async () => {
    const outcomes = await inCalls([{}, { share: false }]);
    assert.deepEqual(ids(outcomes).toSorted(), ids(await cloud.recordings()).toSorted());
    assert.equal((await cloud.starts()).length, 2);
  });

  test("one after the other: two starts, since nobody waits for anybody", async () => {
    const outcomes = await browser.run(
      async ({ connect }, token, agentId) => {
        const recorder = await connect({ tokens: [token] });
        return [await recorder.startRecording(agentId), await recorder.startRecording(agentId)];
      },
      await cloud.token(globex),
      agentId,
    );
    assert.deepEqual(ids(outcomes), ids(await cloud.recordings()));
    assert.equal((await cloud.starts()).length, 2);
  });
});

test("two frames where the platform has no Web Locks, and the cloud guards: one recording, and one ran already", async () => {
  const outcomes = await inFrames(2, {}, { withoutLocks: true });
  const recordings = await cloud.recordings();
  assert.equal(recordings.length, 1);
  assert.deepEqual(ids(outcomes), [recordings[0].id, recordings[0].id]);
  assert.deepEqual(outcomes.map(({ alreadyRunning }) => alreadyRunning).toSorted(), [false, true]);
  assert.deepEqual((await cloud.starts()).map(({ status }) => status).toSorted(), [201, 409]);
});

describe("a page that is reloaded while a start is under way", () => {
  beforeEach(async () => {
    await cloud.spoilStart(LATE);
    await browser.run(
      async ({ connect, startArrived, kept }, token, agentId) => {
        kept.recorder = await connect({ tokens: [token] });
        kept.recorder.startRecording(agentId).catch(() => {});
        await startArrived();
      },
      await cloud.token(globex),
      agentId,
    );
    await reload();
    await cloud.release();
    await browser.until("the recording runs", async () => (await cloud.recordings()).length === 1);
  });

  test("finds the recording by its agent, and stops it", async () => {
    const { found, stopped } = await browser.run(
      async ({ connect }, token, agentId) => {
        const recorder = await connect({ tokens: [token] });
        const found = await recorder.recordings({ agentId });
        return { found, stopped: await found[0].stop() };
      },
      await cloud.token(globex),
      agentId,
    );
    const [recording] = await cloud.recordings();
    assert.deepEqual(
      found.map(({ id, state }) => [id, state]),
      [[recording.id, "recording"]],
    );
    assert.deepEqual([stopped.id, stopped.state, recording.state], [recording.id, "stopped", "stopped"]);
    assert.equal((await cloud.starts()).length, 1);
  });

  test("finds the recording by its id, and stops it", async () => {
    const [{ id }] = await cloud.recordings();
    const stopped = await browser.run(
      async ({ connect }, token, id) => {
        const recorder = await connect({ tokens: [token] });
        return (await recorder.recording(id)).stop();
      },
      await cloud.token(globex),
      id,
    );
    const [recording, ...more] = await cloud.recordings();
    assert.deepEqual(more, []);
    assert.deepEqual([stopped.id, stopped.state, recording.state], [id, "stopped", "stopped"]);
  });

  test("starts again, and is told that the agent is recorded already", async () => {
    const { value } = await start();
    const recordings = await cloud.recordings();
    assert.deepEqual([value.id], ids(recordings));
    assert.equal(value.alreadyRunning, true);
    assert.deepEqual(
      (await cloud.starts()).map(({ status }) => status),
      [null, 409],
    );
  });
});

describe("of two calls that share a start,", () => {
  test("one that aborts takes nothing from the other", async () => {
    for (const aborts of [0, 1]) {
      await cloud.reset();
      await cloud.spoilStart(LATE);
      const { outcomes, reason } = await inAbortedCalls([aborts]);
      const recordings = await cloud.recordings();
      assert.equal(recordings.length, 1);
      assert.equal(outcomes[aborts].thrown, reason);
      assert.equal(outcomes[1 - aborts].id, recordings[0].id);
      assert.equal((await cloud.starts()).length, 1);
      assert.equal((await cloud.lists()).length, 0);
    }
  });

  test("both abort: the next start looks first, and finds what was carried out", async () => {
    await cloud.change({ guardsAgents: false });
    await cloud.spoilStart(LATE);
    const { outcomes, reason, next } = await inAbortedCalls([0, 1], { startsAgain: true });
    assert.deepEqual(outcomes, [{ thrown: reason }, { thrown: reason }]);
    const recordings = await cloud.recordings();
    assert.deepEqual([next.id], ids(recordings));
    assert.equal((await cloud.starts()).length, 1);
    // In the list, or the recording itself, if the late response has named it by then.
    const reads = ({ method, path }) => method === "GET" && path.startsWith("/api/v2/screenrecordings");
    assert.ok((await cloud.requests()).some(reads));
  });

  test("both abort before anything is sent: nothing ever is, and the next start is one", async () => {
    const { outcomes, sent, value } = await browser.run(
      async ({ connect }, token, agentId) => {
        let asked = 0;
        let tell;
        const wasAsked = new Promise((resolve) => (tell = resolve));
        const getToken = () => {
          tell();
          return (asked += 1) === 1 ? new Promise(() => {}) : token;
        };
        const recorder = await connect({ getToken });
        const aborting = new AbortController();
        const { signal } = aborting;
        const calls = [0, 1].map(() => recorder.startRecording(agentId, { signal }).catch((reason) => String(reason)));
        await wasAsked;
        aborting.abort("enough");
        const outcomes = await Promise.all(calls);
        const sent = window.watched.sent.length;
        return { outcomes, sent, value: await recorder.startRecording(agentId) };
      },
      await cloud.token(globex),
      agentId,
    );
    assert.deepEqual(outcomes, ["enough", "enough"]);
    await isTheOne(value);
    assert.equal(sent, 0);
    assert.equal((await cloud.starts()).length, 1);
  });

  test("all abort in their own turn, or a moment later: nothing breaks, and nobody has to wait", async () => {
    const { outcomes, value } = await browser.run(
      async ({ connect }, token, agentId) => {
        const recorder = await connect({ tokens: [token] });
        const outcomes = [];
        for (const turns of [0, 1, 2, 3]) {
          const aborting = new AbortController();
          const { signal } = aborting;
          const calls = [0, 1].map(() =>
            recorder.startRecording(agentId, { signal }).catch((reason) => String(reason)),
          );
          for (let turn = 0; turn < turns; turn += 1) await null;
          aborting.abort("enough");
          outcomes.push(...(await Promise.all(calls)));
        }
        return { outcomes, value: await recorder.startRecording(agentId) };
      },
      await cloud.token(globex),
      agentId,
    );
    assert.deepEqual(outcomes, Array(8).fill("enough"));
    await isTheOne(value);
    assert.equal((await cloud.starts()).length, 1);
  });

  for (const [order, timeouts] of Object.entries({ first: [BRIEF, PATIENT], second: [PATIENT, BRIEF] })) {
    test(`the ${order} has less time: it ends in its own, and the other gets the recording`, async () => {
      await cloud.spoilStart(LATE);
      const outcomes = await inCalls(timeouts.map((timeoutMs) => ({ timeoutMs })));
      const [recording, ...more] = await cloud.recordings();
      assert.deepEqual(more, []);
      const short = timeouts.indexOf(BRIEF);
      assert.equal(outcomes[short], "OUTCOME_UNKNOWN");
      assert.equal(outcomes[1 - short].id, recording.id);
      assert.equal((await cloud.starts()).length, 1);
    });

    test(`the ${order} has less time than the cloud asks to wait: it ends in its own, and the other waits`, async () => {
      await cloud.spoilStart({ status: 429, headers: { "Retry-After": "3" } });
      const outcomes = await inCalls(timeouts.map((timeoutMs) => ({ timeoutMs })));
      const recordings = await cloud.recordings();
      const short = timeouts.indexOf(BRIEF);
      assert.equal(outcomes[short], "TIMEOUT");
      assert.deepEqual([outcomes[1 - short].id], ids(recordings));
      assert.equal((await cloud.starts()).length, 2);
    });
  }

  test("the one that waits in another frame keeps to its own time: TIMEOUT, and nothing is sent for it", async () => {
    await cloud.spoilStart(LATE);
    const outcomes = await inFrames(2, {}, { timeouts: [PATIENT, 500], oneByOne: true });
    const recordings = await cloud.recordings();
    assert.deepEqual([outcomes[0].id], ids(recordings));
    assert.equal(outcomes[1], "TIMEOUT");
    assert.equal((await cloud.starts()).length, 1);
  });
});

test("a start that is aborted after sending, and another at once: one recording where the cloud guards", async () => {
  await cloud.spoilStart(LATE);
  const value = await browser.run(
    async ({ connect, startArrived, atFirstLook, release, settle }, token, agentId) => {
      const recorder = await connect({ tokens: [token] });
      const aborting = new AbortController();
      const first = settle(recorder.startRecording(agentId, { signal: aborting.signal }));
      await startArrived();
      aborting.abort();
      await first;
      atFirstLook(release);
      return recorder.startRecording(agentId);
    },
    await cloud.token(globex),
    agentId,
  );
  // The first one is judged in the end, and refused then.
  await browser.until("both are over", async () => (await cloud.recordings()).length === 1);
  await isTheOne(value);
});

for (const [how, leave] of [
  ["was aborted", "abort"],
  ["lost its recorder by close()", "close"],
]) {
  test(`a start that ${how}, and another recorder at once: one recording, although the cloud guards nothing`, async () => {
    await cloud.change({ guardsAgents: false });
    await cloud.spoilStart(LATE);
    const value = await browser.run(
      async ({ connect, startArrived, atFirstLook, release, settle }, token, agentId, leave) => {
        const recorder = await connect({ tokens: [token] });
        const aborting = new AbortController();
        const first = settle(recorder.startRecording(agentId, { signal: aborting.signal }));
        await startArrived();
        if (leave === "abort") aborting.abort();
        recorder.close();
        await first;
        atFirstLook(release);
        const another = await connect({ tokens: [token] });
        return another.startRecording(agentId);
      },
      await cloud.token(globex),
      agentId,
      leave,
    );
    assert.equal((await cloud.starts()).length, 1);
    await isTheOne(value);
  });
}

/** What a start of the agent comes to. `gateway`: loses the answer in this way; `ahead`: by so many seconds is the page's clock. */
async function start({ gateway, options = {}, ahead = 0, format } = {}) {
  // On a kept connection, the browser would send some of these starts again by itself.
  if (gateway) await cloud.change({ keepAlive: false });
  return browser.run(
    async ({ connect, settle, workFirst, shiftClock }, token, agentId, gateway, options, ahead) => {
      if (ahead) shiftClock(ahead);
      const recorder = await connect({ tokens: [token] });
      if (gateway) workFirst(gateway);
      return settle(recorder.startRecording(agentId, options));
    },
    await cloud.token(globex, { format }),
    agentId,
    gateway ?? null,
    options,
    ahead,
  );
}

async function failedStart(options = {}, how = {}) {
  const { value, error } = await start({ ...how, options });
  assert.equal(value, undefined);
  assert.ok(error.isError && error.hint, JSON.stringify(error));
  return error;
}

/** What calls of one recorder at the same time come to: recordings and codes. What is held is answered when one has ended. */
async function inCalls(options) {
  return browser.run(
    async ({ connect, release }, token, agentId, options) => {
      const recorder = await connect({ tokens: [token] });
      const calls = options.map((options) => recorder.startRecording(agentId, options).catch(({ code }) => code));
      await Promise.race(calls);
      await release();
      return Promise.all(calls);
    },
    await cloud.token(globex),
    agentId,
    options,
  );
}

/** Two calls of one recorder, of which some abort once the start has arrived. */
async function inAbortedCalls(which, { startsAgain = false } = {}) {
  return browser.run(
    async ({ connect, startArrived, release, recordingRuns }, token, agentId, which, startsAgain) => {
      const recorder = await connect({ tokens: [token] });
      const abortings = [new AbortController(), new AbortController()];
      const calls = abortings.map(({ signal }) =>
        recorder.startRecording(agentId, { signal }).catch((thrown) => ({ thrown: String(thrown) })),
      );
      await startArrived();
      for (const at of which) abortings[at].abort("enough");
      await Promise.all(which.map((at) => calls[at]));
      await release();
      const outcomes = await Promise.all(calls);
      await recordingRuns();
      const next = startsAgain ? await recorder.startRecording(agentId) : undefined;
      return { outcomes, reason: "enough", next };
    },
    await cloud.token(globex),
    agentId,
    which,
    startsAgain,
  );
}

/**
 * What a start in each of so many frames comes to: recordings and codes. All at once, or
 * each after the first has arrived, which is answered when the last one has ended.
 */
async function inFrames(count, options = {}, { withoutLocks = false, timeouts = [], oneByOne = false } = {}) {
  return browser.run(
    async ({ frames, startArrived, release }, count, token, agentId, options, { withoutLocks, timeouts, oneByOne }) => {
      const pages = await frames(count);
      if (withoutLocks) {
        for (const { realm } of pages) realm.eval("Object.defineProperty(navigator, 'locks', { value: undefined })");
      }
      const recorders = await Promise.all(pages.map((page) => page.connect({ tokens: [token] })));
      const calls = [];
      for (const [at, recorder] of recorders.entries()) {
        const timeout = timeouts[at] ? { timeoutMs: timeouts[at] } : {};
        calls.push(recorder.startRecording(agentId, { ...options, ...timeout }).catch(({ code }) => code));
        if (oneByOne) await startArrived();
      }
      if (oneByOne) await calls.at(-1).finally(release);
      return Promise.all(calls);
    },
    count,
    await cloud.token(globex),
    agentId,
    options,
    { withoutLocks, timeouts, oneByOne },
  );
}

/** Loads the app's frame anew. */
async function reload() {
  await browser.leaveApp();
  await browser.driver.executeAsyncScript((done) => {
    const frame = document.querySelector("iframe");
    frame.onload = () => done();
    frame.src = frame.getAttribute("src");
  });
  await browser.enterEmpty();
}

/** The ledger has one recording, and this is it. */
async function isTheOne(recording) {
  const [{ id, orgId, agentId: ofAgent, state, startedAt }, ...more] = await cloud.recordings();
  assert.deepEqual(more, []);
  const { raw, ...fields } = recording;
  assert.deepEqual(fields, { id, orgId, agentId: ofAgent, state, startedAt, alreadyRunning: false });
  assert.equal(raw.id, id);
}

async function allAreTheOne(outcomes) {
  const [recording, ...more] = await cloud.recordings();
  assert.deepEqual(more, []);
  assert.deepEqual(
    outcomes.map((outcome) => outcome.id ?? outcome),
    outcomes.map(() => recording.id),
  );
  assert.equal((await cloud.starts()).length, 1);
}

/** The start was sent once: a gateway's own way to the cloud is not the page's. */
async function sentOnce(where) {
  const statuses = (await cloud.starts()).map(({ status }) => status);
  assert.equal(statuses.length, where === "gateway" ? 2 : 1);
  if (where === "gateway") assert.equal(statuses[0], 201);
}

function ids(those) {
  return those.map(({ id }) => id);
}

/** A recording as an error tells of it. */
function seen({ id, state, startedAt }) {
  return { id, state, startedAt };
}
