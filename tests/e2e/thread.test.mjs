// The acceptance story: an agent of Globex, and an app that holds tokens of Acme and Globex.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { browser as open } from "./browser.mjs";

const REFUSED = /\/api\/v2\/screenrecordings - Failed to load resource: .* 403/;
const browser = open({ mayComplain: [REFUSED] });

// The host page calls the stand-in cloud by the name of a region. The tests' own recorders call it by its own name.

describe("in the app's frame", () => {
  test("the naive way is refused: another organization's header does not change what a token is for", async () => {
    const { cloud } = browser;
    const { acme, globex } = cloud;
    await browser.openApp({ org: globex });
    const answer = await browser.run(
      async ({ environment }, token, orgId, agentId) => {
        const response = await fetch(`${environment.api}/api/v2/screenrecordings`, {
          method: "POST",
          headers: {
            authorization: `Bearer ${token}`,
            "content-type": "application/json",
            "X-Genesys-Organization-Id": orgId,
          },
          body: JSON.stringify({ agentId, recordingType: "screen" }),
        });
        return { status: response.status, message: (await response.json()).message };
      },
      await cloud.token(acme),
      globex.id,
      globex.agents[0].id,
    );
    assert.deepEqual(answer, {
      status: 403,
      message: "Permission denied: insufficient scope for resource owner",
    });
    assert.deepEqual(await cloud.recordings(), []);
    // What the naive way leaves in the ledger is what no test of the library may leave there.
    await cloud.reset();
  });

  test("startRecording picks the token of the organization that the app was launched for", async () => {
    const { cloud } = browser;
    const { acme, globex } = cloud;
    const [agent] = globex.agents;
    await browser.openApp({ org: globex });
    const { value: recording } = await browser.run(
      async ({ connect, settle, environment }, tokens, agentId) => {
        const recorder = await connect({ tokens, environment: environment.name });
        return settle(recorder.startRecording(agentId));
      },
      [await cloud.token(acme, { format: "opaque" }), await cloud.token(globex)],
      agent.id,
    );
    assert.equal(recording.orgId, globex.id);
    assert.equal(recording.agentId, agent.id);
    assert.equal(recording.state, "recording");
    assert.equal(recording.raw.id, recording.id);
    const [line, ...others] = await cloud.recordings();
    assert.deepEqual(
      { ...line, startedAt: undefined },
      {
        id: recording.id,
        orgId: globex.id,
        agentId: agent.id,
        state: "recording",
        startedAt: undefined,
        stoppedAt: null,
      },
    );
    assert.deepEqual(others, []);
    assert.deepEqual((await cloud.starts()).map(facts), [
      { tokenOrgId: globex.id, orgHeader: globex.id, agentId: agent.id, status: 201 },
    ]);
  });

  test("with Acme's token alone nothing is sent, and the error names both organizations", async () => {
    const { cloud } = browser;
    const { acme, globex } = cloud;
    await browser.openApp({ org: globex });
    const { error } = await browser.run(
      async ({ connect, settle, environment }, tokens, agentId) => {
        const recorder = await connect({ tokens, environment: environment.name });
        return settle(recorder.startRecording(agentId));
      },
      [await cloud.token(acme)],
      globex.agents[0].id,
    );
    assert.equal(error.code, "ORG_MISMATCH");
    assert.equal(error.orgId, globex.id);
    assert.equal(error.tokenOrgId, acme.id);
    assert.ok(error.hint);
    assert.equal(error.retryable, false);
    assert.deepEqual(await cloud.starts(), []);
  });

  test("after switchOrg the next call goes to the other organization", async () => {
    const { cloud } = browser;
    const { acme, globex } = cloud;
    await browser.openApp({ org: globex });
    const { orgs, switched, recordings } = await browser.run(
      async ({ connect, environment }, tokens, other, agents) => {
        const recorder = await connect({ tokens, environment: environment.name });
        const orgs = [recorder.orgId];
        const recordings = [await recorder.startRecording(agents[0])];
        const switched = await recorder.switchOrg(other);
        orgs.push(recorder.orgId);
        recordings.push(await recorder.startRecording(agents[1]));
        return { orgs, switched, recordings };
      },
      [await cloud.token(acme), await cloud.token(globex)],
      acme.id,
      [globex.agents[0].id, acme.agents[0].id],
    );
    assert.deepEqual(orgs, [globex.id, acme.id]);
    assert.equal(switched.orgId, acme.id);
    assert.deepEqual(
      recordings.map(({ orgId }) => orgId),
      [globex.id, acme.id],
    );
    assert.deepEqual(
      (await cloud.starts()).map(({ tokenOrgId, orgHeader }) => [tokenOrgId, orgHeader]),
      [
        [globex.id, globex.id],
        [acme.id, acme.id],
      ],
    );
  });
});

describe("as a person", () => {
  test("chooses an organization, and records an agent", async () => {
    const { cloud } = browser;
    const { acme, globex } = cloud;
    const [, agent] = globex.agents;
    await browser.openApp({ org: acme });
    await browser.leaveApp();
    await browser.choose("Organization", globex.name);
    await browser.enterApp(globex);
    await browser.press(`Record ${agent.name}`);
    await browser.outcome(`Recording ${agent.name} in ${globex.name}.`);
    await browser.control("button", `Stop recording ${agent.name}`);

    const [recording, ...others] = await cloud.recordings();
    assert.deepEqual(others, []);
    assert.equal(recording.orgId, globex.id);
    assert.equal(recording.agentId, agent.id);

    await browser.leaveApp();
    await browser.until("the host shows the recording", async () => {
      const list = await (await browser.control("ul", "Recorded in the cloud now")).getText();
      return list.includes(`${agent.name} · ${globex.name}`);
    });
  });

  test("without a token learns why not, gets one, and starts again", async () => {
    const { cloud } = browser;
    const { initech } = cloud;
    const [ivy] = initech.agents;
    await browser.openApp({ org: initech });
    await browser.press(`Record ${ivy.name}`);
    const card = await browser.refusal("ORG_MISMATCH");
    for (const part of [`${ivy.name} is not being recorded`, "Why", "What to do", "Initech"]) {
      assert.ok(card.includes(part), card);
    }
    assert.deepEqual(await cloud.starts(), []);

    await browser.press("Get a token for Initech");
    await browser.outcome("token of Initech");
    await browser.press(`Record ${ivy.name}`);
    await browser.outcome(`Recording ${ivy.name}`);
    assert.deepEqual(
      (await cloud.recordings()).map(({ orgId, agentId }) => [orgId, agentId]),
      [[initech.id, ivy.id]],
    );
  });

  test("switches the organization inside the app, and the agents follow", async () => {
    const { cloud } = browser;
    const { acme, globex } = cloud;
    await browser.openApp({ org: globex });
    await browser.press("Switch to Acme");
    await browser.outcome("now works for Acme");
    await browser.press(`Record ${acme.agents[1].name}`);
    await browser.outcome(`Recording ${acme.agents[1].name}`);
    assert.deepEqual(
      (await cloud.recordings()).map(({ orgId, agentId }) => [orgId, agentId]),
      [[acme.id, acme.agents[1].id]],
    );
  });

  test("with no token at all is told so", async () => {
    const { cloud } = browser;
    await browser.openApp({ org: cloud.acme, hold: [] });
    await browser.press(`Record ${cloud.acme.agents[0].name}`);
    await browser.refusal("NO_TOKEN");
    assert.deepEqual(await cloud.requests(), []);
  });

  test("opening the app outside the host is told what is missing", async () => {
    await browser.driver.get(browser.appOrigin);
    const card = await browser.refusal("UNKNOWN_ENVIRONMENT");
    assert.ok(card.includes("Open the app inside Genesys Cloud"), card);
  });
});

function facts({ tokenOrgId, orgHeader, agentId, status }) {
  return { tokenOrgId, orgHeader, agentId, status };
}
