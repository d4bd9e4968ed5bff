// The whole flow with three recording APIs: the source document's, live screen monitoring as Genesys publishes it, and a made-up
// gateway where everything is different.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { screenMonitoring } from "../../src/js/contracts.js";
import { browser as open } from "./browser.mjs";

const REFUSED = /\/(api\/v2|gateway)\S* - Failed to load resource: .*(400|403|404|409|422|ERR_)/;
const browser = open({ mayComplain: [REFUSED] });

const GATEWAY = {
  start: {
    method: "PUT",
    path: "/gateway/v7/agents/{agentId}/capture",
    body: { capture: { kind: "{recordingType}" } },
  },
  read: { path: "/gateway/v7/captures/{id}" },
  list: null,
  stop: { method: "POST", path: "/gateway/v7/captures/{id}/end", body: { reason: "done" } },
  fields: { id: "job.ref", agentId: "job.owner.key", state: "job.phase", startedAt: "job.begun" },
  states: { recording: ["RUNNING"], stopped: ["ENDED"] },
  alreadyRunning: ["capture.exists"],
  orgHeaders: [],
  scopes: { start: ["captures"] },
};

let cloud, acme, globex, supervisor, agent;
beforeEach(async () => {
  cloud = browser.cloud;
  ({ acme, globex } = cloud);
  // The token's user is the first agent, who cannot monitor their own screen.
  [supervisor, agent] = globex.agents;
  await browser.openEmpty({ orgId: globex.id });
});

const CONTRACTS = {
  "the source document's": {
    contract: {},
    start: (agentId) => ["POST", "/api/v2/screenrecordings", agentId],
    running: () => cloud.recordings(),
    listed: 1,
    loggedOut: "CONFLICT",
  },
  "live screen monitoring": {
    contract: screenMonitoring,
    start: (agentId) => ["POST", `/api/v2/users/${agentId}/screenmonitors/sessions`, agentId],
    running: () => cloud.monitorings(),
    listed: 1,
    loggedOut: "CONFLICT",
  },
  "the gateway's": {
    contract: GATEWAY,
    start: (agentId) => ["PUT", `/gateway/v7/agents/${agentId}/capture`, agentId],
    running: () => cloud.captures(),
    listed: "BAD_ARGUMENT",
    loggedOut: "BAD_REQUEST",
  },
};

for (const [name, { contract, start, running, listed, loggedOut }] of Object.entries(CONTRACTS)) {
  describe(`with ${name} contract`, () => {
    test("calls share a start; the recording is read, listed and stopped, and stopping it again is no error", async () => {
      const seen = await browser.run(
        async ({ connect, settle }, token, contract, agentId) => {
          const recorder = await connect({ tokens: [token], contract });
          const [first, second] = await Promise.all([
            recorder.startRecording(agentId),
            recorder.startRecording(agentId),
          ]);
          const again = await settle(recorder.startRecording(agentId));
          const list = await settle(recorder.recordings({ agentId }));
          const found = await recorder.recording(first.id, { agentId });
          const states = [first, await found.refresh(), await found.stop(), await found.stop(), await found.refresh()];
          const after = await settle(recorder.recordings({ agentId }));
          return {
            isShared: first.id === second.id && first.agentId === agentId,
            again: again.error?.code ?? [again.value.id === first.id, again.value.alreadyRunning],
            list: list.error?.code ?? list.value.length,
            states: states.map(({ state }) => state),
            running: after.error?.code ?? after.value.filter(({ state }) => state === "recording").length,
          };
        },
        await cloud.token(globex),
        contract,
        agent.id,
      );
      assert.deepEqual(seen, {
        isShared: true,
        again: contract === GATEWAY ? "CONFLICT" : [true, true],
        list: listed,
        states: ["recording", "recording", "stopped", "stopped", "stopped"],
        running: listed === 1 ? 0 : listed,
      });
      const [method, path, agentId] = start(agent.id);
      const starts = (await cloud.requests()).filter((request) => request.method === method && request.path === path);
      assert.deepEqual([starts.length, starts[0].agentId, starts[0].tokenOrgId], [2, agentId, globex.id]);
      assert.deepEqual(
        (await running()).map(({ orgId, agentId, state }) => [orgId, agentId, state]),
        [[globex.id, agent.id, "stopped"]],
      );
    });

    test("after a lost response, the list decides; without one, the outcome is unknown", async () => {
      const [method, path] = start(agent.id);
      await cloud.spoil(method, path, { reset: "after" });
      const outcome = await browser.run(
        async ({ connect, settle }, token, contract, agentId) => {
          const recorder = await connect({ tokens: [token], contract });
          const { value, error } = await settle(recorder.startRecording(agentId));
          return error?.code ?? value.state;
        },
        await cloud.token(globex),
        contract,
        agent.id,
      );
      assert.equal(outcome, listed === 1 ? "recording" : "OUTCOME_UNKNOWN");
      assert.equal((await running()).length, 1);
    });

    test("many are started, each with its own outcome", async () => {
      const outcomes = await browser.run(
        async ({ connect }, token, contract, agentIds) => {
          const recorder = await connect({ tokens: [token], contract });
          const results = await recorder.startMany(agentIds);
          return results.map(({ value, reason }) => reason?.code ?? value.state);
        },
        await cloud.token(globex),
        contract,
        [agent.id, globex.agents[2].id],
      );
      assert.deepEqual(outcomes, ["recording", loggedOut]);
      assert.equal((await running()).length, 1);
    });

    test("a token of another organization starts nothing", async () => {
      const code = await browser.run(
        async ({ connect, settle }, token, contract, agentId, orgId) => {
          const recorder = await connect({ tokens: [token], contract });
          return (await settle(recorder.startRecording(agentId, { orgId }))).error.code;
        },
        await cloud.token(acme, {
          scopes: ["user-basic-info", "screenrecordings:write", "screen-monitoring", "captures"],
        }),
        contract,
        agent.id,
        acme.id,
      );
      // Genesys hides other organizations' users from live monitoring.
      assert.equal(code, contract === screenMonitoring ? "AGENT_NOT_FOUND" : "WRONG_ORG");
      assert.deepEqual(await running(), []);
    });
  });
}

describe("another supervisor's session", () => {
  test("is neither joined nor listed nor taken for the session of a lost start", async () => {
    const path = `/api/v2/users/${agent.id}/screenmonitors/sessions`;
    const other = await cloud.token(globex, { userId: globex.agents[2].id });
    const theirs = await fetch(`${cloud.environment.api}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${other}` },
    });
    const { screenMonitoringId } = await theirs.json();
    await cloud.spoil("POST", path, { reset: "after" });
    const seen = await browser.run(
      async ({ connect }, token, agentId) => {
        const { screenMonitoring: contract } = await import("/premium-recorder/contracts.js");
        const recorder = await connect({ tokens: [token], contract });
        const { id, alreadyRunning } = await recorder.startRecording(agentId);
        const listed = await recorder.recordings({ agentId });
        return { id, alreadyRunning, listed: listed.map(({ id }) => id) };
      },
      await cloud.token(globex),
      agent.id,
    );
    assert.deepEqual(seen, { id: seen.id, alreadyRunning: false, listed: [seen.id] });
    assert.notEqual(seen.id, screenMonitoringId);
    assert.deepEqual(
      (await cloud.monitorings()).map(({ supervisorId }) => supervisorId),
      [globex.agents[2].id, supervisor.id],
    );
  });
});

test("live screen monitoring needs the two scopes that its documentation names", async () => {
  await cloud.change({ enforceClientScopes: true });
  const seen = await browser.run(
    async ({ connect }, token, contract, agentId) => {
      const recorder = await connect({ tokens: [token], contract });
      const { id } = await recorder.startRecording(agentId);
      const again = await recorder.startRecording(agentId);
      const listed = await recorder.recordings({ agentId });
      return [again.id === id, again.alreadyRunning, listed.length, (await again.stop()).state];
    },
    await cloud.token(globex, { scopes: ["screen-monitoring", "user-basic-info"] }),
    screenMonitoring,
    agent.id,
  );
  assert.deepEqual(seen, [true, true, 1, "stopped"]);
});

test("a contract that cannot work is refused at connect(), and the doctor says what one cannot promise", async () => {
  const seen = await browser.run(
    async ({ connect, settle }, token, gateway) => {
      const circle = {};
      circle.circle = circle;
      const bad = [
        { start: { body: circle } },
        { start: { body: 1n } },
        { start: { body: () => 1 } },
        { start: { path: () => "/x" } },
        { start: { path: "/agents/{agent}" } },
        { fields: JSON.parse('{"__proto__":"x"}') },
        { list: "none" },
        null,
        "text",
      ];
      const codes = [];
      for (const contract of bad) codes.push((await settle(connect({ tokens: [token], contract }))).error?.code);
      const recorder = await connect({ tokens: [token], contract: gateway });
      const { check, verdict, found } = (await recorder.diagnose()).find(({ check }) => check === "contract");
      return { codes, line: { check, verdict, found } };
    },
    await cloud.token(globex),
    GATEWAY,
  );
  assert.deepEqual(seen.codes, Array(9).fill("BAD_ARGUMENT"));
  assert.equal(seen.line.verdict, "warn");
  assert.match(seen.line.found, /^PUT \/gateway\/v7\/agents\/.*without a list$/);
});
