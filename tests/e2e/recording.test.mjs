// What a recording is to the app, and what can be done with it: listed, read, stopped.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { browser as open } from "./browser.mjs";
import { GET_ATTEMPTS } from "./engines.mjs";

const FAILED = /\/api\/v2\/screenrecordings\S* - Failed to load resource/;
const browser = open({ mayComplain: [FAILED] });

const PATH = "/api/v2/screenrecordings";
const FIELDS = ["id", "agentId", "orgId", "state", "startedAt", "alreadyRunning", "raw"];

/** Losses of an answer, and how each is told when it does not end. */
const LOSSES = {
  "reset before it is done": [{ reset: "before" }, "NETWORK"],
  "reset after it is done": [{ reset: "after" }, "NETWORK"],
  "cut short": [{ truncate: 10 }, "NETWORK"],
  503: [{ status: 503 }, "CLOUD_UNAVAILABLE"],
  408: [{ status: 408 }, "CLOUD_UNAVAILABLE"],
};

/** Ids that are none. */
const NO_IDS = ["", ".", "..", "x".repeat(257), "a\nb", 42, null, {}];

/** Ids that would be something else than one part of a path, and how they are sent. */
const STRANGE_IDS = {
  "a/b": "a%2Fb",
  "../users/me": "..%2Fusers%2Fme",
  "a?b=c": "a%3Fb%3Dc",
  "a#b": "a%23b",
  ü: "%C3%BC",
  "a b": "a%20b",
  "%2e%2e": "%252e%252e",
  "\\": "%5C",
  "...": "...",
};

let cloud, acme, globex, agentId, other;
beforeEach(async () => {
  cloud = browser.cloud;
  ({ acme, globex } = cloud);
  [agentId, other] = globex.agents.map(({ id }) => id);
  await browser.openEmpty({ orgId: globex.id });
});

describe("a recording", () => {
  test("tells what the cloud told, and nothing about it changes", async () => {
    const { fields, text, isFrozen, changed, state } = await inGlobex(async ({ recorder }, agentId) => {
      const recording = await recorder.startRecording(agentId);
      const changed = [
        Reflect.set(recording, "state", "stopped"),
        Reflect.set(recording, "more", 1),
        Reflect.deleteProperty(recording, "id"),
      ];
      const stopped = await recording.stop();
      return {
        fields: { ...recording },
        text: JSON.stringify(recording),
        isFrozen: [Object.isFrozen(recording), Object.isFrozen(stopped)],
        changed,
        state: recording.state,
      };
    }, agentId);
    const [{ id, startedAt }] = await cloud.recordings();
    assert.deepEqual(Object.keys(fields).toSorted(), FIELDS.toSorted());
    assert.deepEqual(JSON.parse(text), fields);
    const { raw, ...own } = fields;
    assert.deepEqual(own, { id, agentId, orgId: globex.id, state: "recording", startedAt, alreadyRunning: false });
    assert.deepEqual(raw, {
      id,
      agentId,
      organizationId: globex.id,
      recordingType: "screen",
      state: "recording",
      startedAt,
      selfUri: `${PATH}/${id}`,
    });
    assert.deepEqual(isFrozen, [true, true]);
    assert.deepEqual(changed, [false, false, false]);
    assert.equal(state, "recording");
  });

  for (const [what, body, state] of [
    ["recording", { state: "recording" }, "recording"],
    ["stopped", { state: "stopped" }, "stopped"],
    ["a word that nobody knows", { state: "archived" }, "archived"],
    ["no state", {}, "unknown"],
    ["a number", { state: 42 }, "42"],
    ["a list", { state: ["recording"] }, "unknown"],
  ]) {
    test(`of which the cloud says "${what}": its state is "${state}"`, async () => {
      await cloud.spoilStart({ status: 201, body: { id: "r-1", agentId, ...body } });
      const recording = await inGlobex(({ recorder }, agentId) => recorder.startRecording(agentId), agentId);
      assert.deepEqual([recording.id, recording.state, recording.startedAt], ["r-1", state, undefined]);
      assert.deepEqual(recording.raw, { id: "r-1", agentId, ...body });
    });
  }
});

describe("stop()", () => {
  test("stops it, and tells what it is then", async () => {
    const { started, stopped } = await stop();
    const [{ id, state, stoppedAt, startedAt }] = await cloud.recordings();
    assert.equal(state, "stopped");
    const { raw, ...own } = stopped;
    assert.deepEqual(own, { id, agentId, orgId: globex.id, state, startedAt, alreadyRunning: false });
    assert.equal(raw.stoppedAt, stoppedAt);
    assert.equal(started.state, "recording");
    assert.deepEqual(await lines("PATCH"), [[`${PATH}/${id}`, 200]]);
  });

  test("may be called again, and at the same time", async () => {
    const states = await inGlobex(async ({ recorder }, agentId) => {
      const recording = await recorder.startRecording(agentId);
      const both = await Promise.all([recording.stop(), recording.stop()]);
      const again = [await recording.stop(), await both[0].stop()];
      return [...both, ...again].map(({ state, raw }) => [state, raw.stoppedAt]);
    }, agentId);
    const [{ stoppedAt }] = await cloud.recordings();
    assert.deepEqual(states, Array(4).fill(["stopped", stoppedAt]));
    assert.equal((await cloud.stops()).length, 4);
  });

  for (const [what, [fault, code]] of Object.entries(LOSSES)) {
    for (const times of [1, 2]) {
      test(`whose answer is lost ${times} times (${what}) is sent again`, async () => {
        await cloud.spoilStops(fault, times);
        const { stopped } = await stop();
        const [{ id, state, stoppedAt }, ...more] = await cloud.recordings();
        assert.deepEqual(more, []);
        assert.deepEqual([stopped.id, stopped.state, stopped.raw.stoppedAt], [id, "stopped", stoppedAt]);
        assert.equal(state, "stopped");
        assert.equal((await cloud.stops()).length, times + 1);
      });
    }

    test(`whose answer is always lost (${what}) is sent three times: ${code}`, async () => {
      await cloud.spoilStops(fault, 4);
      const { error } = await stop();
      assert.deepEqual([error.code, error.orgId], [code, globex.id]);
      assert.ok(error.isError && error.hint);
      assert.equal((await cloud.stops()).length, 3);
    });
  }

  test("that is refused is not sent again", async () => {
    await cloud.spoilStops({ status: 400, body: { code: "bad.request" } });
    const { error } = await stop();
    assert.equal(error.code, "BAD_REQUEST");
    assert.equal((await cloud.stops()).length, 1);
  });

  test("that is answered late: TIMEOUT, and it may have been stopped", async () => {
    await cloud.spoilStops({ held: true });
    // Enough to send it, also on a slow machine.
    const { error } = await stop({ timeoutMs: 2_000 });
    assert.equal(error.code, "TIMEOUT");
    assert.equal((await cloud.stops()).length, 1);
    await cloud.release();
    await browser.until("it is stopped", async () => (await cloud.recordings())[0].state === "stopped");
  });

  test("that is aborted rejects with the signal's own reason", async () => {
    const { isReason } = await inGlobex(async ({ recorder }, agentId) => {
      const recording = await recorder.startRecording(agentId);
      const reason = { enough: true };
      const thrown = await recording.stop({ signal: AbortSignal.abort(reason) }).catch((thrown) => thrown);
      return { isReason: thrown === reason };
    }, agentId);
    assert.equal(isReason, true);
    assert.equal((await cloud.recordings())[0].state, "recording");
  });

  test("that the cloud answers without a word is followed by a look", async () => {
    await cloud.spoilStops({ status: 204 });
    const { stopped } = await stop();
    // The fault did no work, so it still runs, and that is what is told.
    assert.equal(stopped.state, "recording");
    const methods = (await cloud.requests()).map(({ method }) => method);
    assert.deepEqual(methods, ["POST", "PATCH", "GET"]);
  });

  test("that the cloud does not allow: CONFLICT while it runs", async () => {
    await cloud.spoilStops({ status: 409, body: { code: "request.conflict" } });
    const { error } = await stop();
    assert.deepEqual([error.code, error.status], ["CONFLICT", 409]);
    assert.equal((await cloud.recordings())[0].state, "recording");
  });

  test("that the cloud refuses since it is stopped already: it is stopped", async () => {
    const states = await inGlobex(async ({ recorder, fetchControl }, agentId) => {
      const recording = await recorder.startRecording(agentId);
      const first = await recording.stop();
      await fetchControl("faults", {
        method: "PATCH",
        path: `/api/v2/screenrecordings/${recording.id}`,
        fault: { status: 409, body: { code: "request.conflict" } },
      });
      return [first.state, (await recording.stop()).state];
    }, agentId);
    assert.deepEqual(states, ["stopped", "stopped"]);
    assert.deepEqual(
      (await cloud.stops()).map(({ status }) => status),
      [200, 409],
    );
  });

  test("of one that the cloud does not know: RECORDING_NOT_FOUND", async () => {
    await cloud.spoilStart({ status: 201, body: { id: "r-1", agentId, state: "recording" } });
    const { error } = await stop();
    assert.deepEqual([error.code, error.status], ["RECORDING_NOT_FOUND", 404]);
    assert.equal((await cloud.stops()).length, 1);
  });

  test("goes to the recording's own organization, whatever the recorder is switched to", async () => {
    const states = await browser.run(
      async ({ connect }, tokens, agentId, orgId) => {
        const recorder = await connect({ tokens });
        const recording = await recorder.startRecording(agentId);
        await recorder.switchOrg(orgId);
        const refreshed = await recording.refresh();
        const stopped = await refreshed.stop();
        return [recorder.orgId, refreshed.state, refreshed.orgId, stopped.state, stopped.orgId];
      },
      [await cloud.token(globex), await cloud.token(acme)],
      agentId,
      acme.id,
    );
    assert.deepEqual(states, [acme.id, "recording", globex.id, "stopped", globex.id]);
    const requests = await cloud.requests();
    assert.deepEqual(
      requests.map(({ method, tokenOrgId, orgHeader }) => [method, tokenOrgId, orgHeader]),
      ["POST", "GET", "PATCH"].map((method) => [method, globex.id, globex.id]),
    );
  });
});

describe("refresh()", () => {
  test("tells what it is now", async () => {
    const { before, after, first } = await inGlobex(async ({ recorder }, agentId) => {
      const recording = await recorder.startRecording(agentId);
      const before = await recording.refresh();
      await recording.stop();
      const after = await recording.refresh();
      return { first: recording.state, before, after };
    }, agentId);
    const [{ id, startedAt }] = await cloud.recordings();
    const { raw, ...own } = after;
    assert.deepEqual(own, { id, agentId, orgId: globex.id, state: "stopped", startedAt, alreadyRunning: false });
    assert.equal(raw.state, "stopped");
    assert.deepEqual([first, before.state], ["recording", "recording"]);
    assert.deepEqual(await lines("GET"), Array(2).fill([`${PATH}/${id}`, 200]));
  });

  test("whose answer is lost is sent again, three times in all", async () => {
    await cloud.spoilReads({ reset: "before" }, 2);
    const state = await inGlobex(async ({ recorder }, agentId) => {
      const recording = await recorder.startRecording(agentId);
      return (await recording.refresh()).state;
    }, agentId);
    assert.equal(state, "recording");
    assert.equal((await lines("GET")).length, 2 * GET_ATTEMPTS + 1);
  });
});

test("stop() and refresh() take the options that they have, and no others", async () => {
  const codes = await inGlobex(
    async ({ recorder, codeOf }, agentId, orgId) => {
      const recording = await recorder.startRecording(agentId);
      const codes = [];
      for (const options of [{ orgId }, { more: 1 }, { timeoutMs: 0 }, { signal: {} }, 42, null]) {
        codes.push(await codeOf(recording.stop(options)), await codeOf(recording.refresh(options)));
      }
      return codes;
    },
    agentId,
    globex.id,
  );
  assert.deepEqual(codes, Array(12).fill("BAD_ARGUMENT"));
  assert.equal((await cloud.requests()).length, 1);
});

describe("recordings()", () => {
  beforeEach(async () => {
    await cloud.change({ guardsAgents: false });
    await cloud.record(globex.agents[0], globex);
    await cloud.record(globex.agents[1], globex);
    await cloud.record(globex.agents[0], globex);
    await cloud.record(acme.agents[0], acme);
  });

  test("are those of the organization, in the cloud's own order and words", async () => {
    const found = await inGlobex(({ recorder }) => recorder.recordings());
    const expected = (await cloud.recordings()).filter(({ orgId }) => orgId === globex.id);
    assert.equal(expected.length, 3);
    assert.deepEqual(
      found.map(({ raw, ...own }) => own),
      expected.map(({ id, agentId, orgId, state, startedAt }) => ({
        id,
        agentId,
        orgId,
        state,
        startedAt,
        alreadyRunning: false,
      })),
    );
    assert.deepEqual(
      found.map(({ raw }) => raw),
      expected.map(({ id, agentId, orgId, state, startedAt }) => ({
        id,
        agentId,
        organizationId: orgId,
        recordingType: "screen",
        state,
        startedAt,
        selfUri: `${PATH}/${id}`,
      })),
    );
  });

  test("of one agent are that agent's", async () => {
    const found = await inGlobex(({ recorder }, agentId) => recorder.recordings({ agentId }), agentId);
    const expected = (await cloud.recordings()).filter((recording) => recording.agentId === agentId);
    assert.deepEqual(ids(found), ids(expected));
    assert.equal(found.length, 2);
    const [{ path, query }] = (await cloud.requests()).filter(({ method }) => method === "GET");
    assert.deepEqual([path, query], [PATH, `agentId=${agentId}`]);
  });

  test("of an agent without any, or whom nobody knows, are none", async () => {
    const found = await inGlobex(
      async ({ recorder }, agents) =>
        Promise.all(agents.map(async (agentId) => (await recorder.recordings({ agentId })).length)),
      [globex.agents[2].id, "nobody at all", "a&orgId=b#c"],
    );
    assert.deepEqual(found, [0, 0, 0]);
    const queries = (await cloud.requests()).filter(({ method }) => method === "GET").map(({ query }) => query);
    assert.deepEqual(queries.toSorted(), [
      `agentId=${globex.agents[2].id}`,
      "agentId=a%26orgId%3Db%23c",
      "agentId=nobody%20at%20all",
    ]);
  });

  test("of another organization are that one's, with its token", async () => {
    const found = await browser.run(
      async ({ connect }, tokens, orgId) => (await connect({ tokens })).recordings({ orgId }),
      [await cloud.token(globex), await cloud.token(acme)],
      acme.id,
    );
    const expected = (await cloud.recordings()).filter(({ orgId }) => orgId === acme.id);
    assert.deepEqual(ids(found), ids(expected));
    assert.deepEqual(
      found.map(({ orgId }) => orgId),
      [acme.id],
    );
    const [{ tokenOrgId, orgHeader }] = (await cloud.requests()).filter(({ method }) => method === "GET");
    assert.deepEqual([tokenOrgId, orgHeader], [acme.id, acme.id]);
  });

  test("can be stopped one by one", async () => {
    await inGlobex(async ({ recorder }) => {
      const found = await recorder.recordings();
      await Promise.all(found.map((recording) => recording.stop()));
    });
    const states = (await cloud.recordings()).map(({ orgId, state }) => [orgId, state]);
    assert.deepEqual(states, [...Array(3).fill([globex.id, "stopped"]), [acme.id, "recording"]]);
  });

  test("whose answer is lost are asked for again, three times in all", async () => {
    await cloud.spoilLists({ status: 503 }, 2);
    const found = await inGlobex(({ recorder }) => recorder.recordings());
    assert.equal(found.length, 3);
    assert.equal((await cloud.lists()).length, 3);
    await cloud.spoilLists({ reset: "before" }, 4);
    const code = await inGlobex(({ recorder, codeOf }) => codeOf(recorder.recordings()));
    assert.equal(code, "NETWORK");
    assert.equal((await cloud.lists()).length, 3 + 3 * GET_ATTEMPTS);
  });

  test("that the cloud does not list: NOT_FOUND", async () => {
    await cloud.change({ listing: "off" });
    assert.equal(await inGlobex(({ recorder, codeOf }) => codeOf(recorder.recordings())), "NOT_FOUND");
  });

  test("in an answer that is no list: UNEXPECTED_ANSWER", async () => {
    await cloud.spoilLists({ status: 200, body: { entities: {} } });
    assert.equal(await inGlobex(({ recorder, codeOf }) => codeOf(recorder.recordings())), "UNEXPECTED_ANSWER");
  });

  test("leave out what is of another organization or agent", async () => {
    const entities = [
      { id: "r-1", agentId, state: "recording" },
      { id: "r-2", agentId: other, state: "recording" },
      { id: "r-3", agentId, organizationId: acme.id },
    ];
    await cloud.spoilLists({ status: 200, body: { entities } }, 2);
    const found = await inGlobex(
      async ({ recorder }, agentId) => [await recorder.recordings(), await recorder.recordings({ agentId })],
      agentId,
    );
    assert.deepEqual(found.map(ids), [["r-1", "r-2"], ["r-1"]]);
    assert.deepEqual(found[0][1].raw, entities[1]);
  });

  for (const unreadable of [{ agentId, state: "recording" }, { id: "r-4" }, null, "r-5"]) {
    test(`take ${JSON.stringify(unreadable)} for no recording, and not for none: UNEXPECTED_ANSWER`, async () => {
      const entities = [{ id: "r-1", agentId, state: "recording" }, unreadable];
      await cloud.spoilLists({ status: 200, body: { entities } }, 1);
      assert.equal(await inGlobex(({ recorder, codeOf }) => codeOf(recorder.recordings())), "UNEXPECTED_ANSWER");
    });
  }

  test("take the options that they have, and no others", async () => {
    const codes = await inGlobex(async ({ recorder, codeOf }) => {
      const codes = [];
      for (const options of [{ agentId: "" }, { agentId: 42 }, { orgId: "acme" }, { more: 1 }, 42, null]) {
        codes.push(await codeOf(recorder.recordings(options)));
      }
      return codes;
    });
    assert.deepEqual(codes, Array(6).fill("BAD_ARGUMENT"));
    assert.deepEqual(await cloud.lists(), []);
  });
});

describe("recording()", () => {
  test("is the one with this id, of the organization that is named", async () => {
    const ours = await cloud.record(globex.agents[0], globex);
    const theirs = await cloud.record(acme.agents[0], acme);
    const found = await browser.run(
      async ({ connect }, tokens, ours, theirs, orgId) => {
        const recorder = await connect({ tokens });
        return [await recorder.recording(ours), await recorder.recording(theirs, { orgId })];
      },
      [await cloud.token(globex), await cloud.token(acme)],
      ours.id,
      theirs.id,
      acme.id,
    );
    assert.deepEqual(
      found.map(({ id, orgId, agentId, raw }) => [id, orgId, agentId, raw]),
      [
        [ours.id, globex.id, globex.agents[0].id, ours],
        [theirs.id, acme.id, acme.agents[0].id, theirs],
      ],
    );
    const reads = (await cloud.requests()).filter(({ method }) => method === "GET");
    assert.deepEqual(
      reads.map(({ tokenOrgId, orgHeader }) => [tokenOrgId, orgHeader]),
      [
        [globex.id, globex.id],
        [acme.id, acme.id],
      ],
    );
  });

  test("that nobody knows, or that is another organization's: RECORDING_NOT_FOUND", async () => {
    const theirs = await cloud.record(acme.agents[0], acme);
    const errors = await inGlobex(
      async ({ recorder, settle }, ids) => Promise.all(ids.map((id) => settle(recorder.recording(id)))),
      ["00000000-0000-4000-8000-000000000000", theirs.id],
    );
    for (const { error } of errors) {
      assert.deepEqual([error.code, error.status, error.orgId], ["RECORDING_NOT_FOUND", 404, globex.id]);
      assert.ok(error.hint);
    }
  });

  test("of an organization that no token is held of: ORG_MISMATCH, and nothing is sent", async () => {
    const code = await inGlobex(({ recorder, codeOf }, orgId) => codeOf(recorder.recording("r-1", { orgId })), acme.id);
    assert.equal(code, "ORG_MISMATCH");
    assert.deepEqual(await cloud.requests(), []);
  });

  test("by what is no id: BAD_ARGUMENT, and nothing is sent", async () => {
    const codes = await inGlobex(
      async ({ recorder, codeOf }, ids) => Promise.all([...ids, undefined].map((id) => codeOf(recorder.recording(id)))),
      NO_IDS,
    );
    assert.deepEqual(codes, Array(NO_IDS.length + 1).fill("BAD_ARGUMENT"));
    assert.deepEqual(await cloud.requests(), []);
  });

  test("by the longest id that there is", async () => {
    const id = "x".repeat(256);
    const code = await inGlobex(({ recorder, codeOf }, id) => codeOf(recorder.recording(id)), id);
    assert.equal(code, "RECORDING_NOT_FOUND");
    assert.deepEqual(await lines("GET"), [[`${PATH}/${id}`, 404]]);
  });

  test("in an answer that is another recording: UNEXPECTED_ANSWER", async () => {
    await cloud.spoilReads({ status: 200, body: { id: "r-2", agentId, state: "recording" } });
    assert.equal(await inGlobex(({ recorder, codeOf }) => codeOf(recorder.recording("r-1"))), "UNEXPECTED_ANSWER");
  });
});

describe("an id that would be something else in a path", () => {
  for (const [id, encoded] of Object.entries(STRANGE_IDS)) {
    test(`${JSON.stringify(id)} is sent as ${encoded}`, async () => {
      await cloud.spoilStart({ status: 201, body: { id, agentId, state: "recording" } });
      const codes = await inGlobex(
        async ({ recorder, codeOf }, agentId, id) => {
          const recording = await recorder.startRecording(agentId);
          return [
            recording.id,
            await codeOf(recorder.recording(id)),
            await codeOf(recording.refresh()),
            await codeOf(recording.stop()),
          ];
        },
        agentId,
        id,
      );
      assert.deepEqual(codes, [id, ...Array(3).fill("RECORDING_NOT_FOUND")]);
      const sent = (await cloud.requests()).slice(1).map(({ method, path, query }) => [method, path, query]);
      const path = `${PATH}/${encoded}`;
      assert.deepEqual(sent, [
        ["GET", path, null],
        ["GET", path, null],
        ["PATCH", path, null],
      ]);
    });
  }

  for (const id of [".", "..", "", "x".repeat(257)]) {
    test(`${JSON.stringify(id.slice(0, 8))} (${id.length}) is none: a start that is answered so is looked for`, async () => {
      await cloud.spoilStart({ status: 201, body: { id, agentId, state: "recording" } });
      const code = await inGlobex(({ recorder, codeOf }, agentId) => codeOf(recorder.startRecording(agentId)), agentId);
      assert.equal(code, "OUTCOME_UNKNOWN");
    });
  }
});

test("after close(): CLOSED, and nothing is sent", async () => {
  const codes = await inGlobex(async ({ recorder, codeOf }, agentId) => {
    const recording = await recorder.startRecording(agentId);
    recorder.close();
    return [
      await codeOf(recording.stop()),
      await codeOf(recording.refresh()),
      await codeOf(recorder.recordings()),
      await codeOf(recorder.recordings({ agentId })),
      await codeOf(recorder.recording(recording.id)),
    ];
  }, agentId);
  assert.deepEqual(codes, Array(5).fill("CLOSED"));
  assert.equal((await cloud.requests()).length, 1);
  assert.equal((await cloud.recordings())[0].state, "recording");
});

test("close() while it is being stopped: CLOSED", async () => {
  await cloud.spoilStops({ held: true });
  const code = await inGlobex(async ({ recorder, codeOf }, agentId) => {
    const recording = await recorder.startRecording(agentId);
    const stopping = codeOf(recording.stop());
    recorder.close();
    return stopping;
  }, agentId);
  assert.equal(code, "CLOSED");
});

/** Runs a function with a recorder that holds a token of Globex. */
async function inGlobex(body, ...args) {
  return browser.run(
    `async (page, token, ...args) => {
      const recorder = await page.connect({ tokens: [token] });
      const codeOf = (promise) => promise.then(() => "no error", (error) => error.code ?? String(error));
      const fetchControl = (control, order) =>
        fetch(page.environment.api + "/standin/" + control, { method: "POST", body: JSON.stringify(order) });
      return (${body})({ ...page, recorder, codeOf, fetchControl }, ...args);
    }`,
    await cloud.token(globex),
    ...args,
  );
}

/** A start, and how its stop ends. */
async function stop(options = {}) {
  return inGlobex(
    async ({ recorder, settle }, agentId, options) => {
      const started = await recorder.startRecording(agentId);
      const { value, error } = await settle(started.stop(options));
      return { started, stopped: value, error };
    },
    agentId,
    options,
  );
}

async function lines(of) {
  const requests = (await cloud.requests()).filter(({ method }) => method === of);
  return requests.map(({ path, status }) => [path, status]);
}

function ids(those) {
  return those.map(({ id }) => id);
}
