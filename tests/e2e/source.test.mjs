// Where tokens come from, and how a call ends early.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { browser as open } from "./browser.mjs";

const FAILED = /\/api\/v2\/screenrecordings - Failed to load resource: .* 409/;
const browser = open({ mayComplain: [FAILED] });

const WHOSE = "GET /api/v2/tokens/me?preserveIdleTTL=true";
const START = "POST /api/v2/screenrecordings";
// While the token was obtained, another page may have started a recording.
const look = () => `GET /api/v2/screenrecordings?agentId=${agentId}`;

let cloud, globex, agentId, other;
beforeEach(async () => {
  cloud = browser.cloud;
  globex = cloud.globex;
  [agentId, other] = globex.agents.map(({ id }) => id);
  await browser.openEmpty({ orgId: globex.id });
});

describe("getToken", () => {
  test("is called on the very object that it was given in", async () => {
    const same = await browser.run(
      async ({ premium, environment }, token, agentId) => {
        let self;
        const options = {
          environments: [environment],
          getToken() {
            self = this;
            return token;
          },
        };
        const recorder = await premium.connect(options);
        await recorder.startRecording(agentId);
        return self === options;
      },
      await cloud.token(globex),
      agentId,
    );
    assert.equal(same, true);
  });

  test("is told what is needed", async () => {
    const { recording, needs } = await browser.run(
      async ({ connect }, token, agentId) => {
        const needs = [];
        const getToken = (need) => {
          const { signal, ...rest } = need;
          needs.push({ ...rest, isSignal: signal instanceof AbortSignal, aborted: signal.aborted });
          return token;
        };
        const recorder = await connect({ getToken });
        return { recording: await recorder.startRecording(agentId), needs };
      },
      await cloud.token(globex),
      agentId,
    );
    assert.equal(recording.orgId, globex.id);
    assert.deepEqual(needs, [
      {
        environment: "local",
        orgId: globex.id,
        scopes: ["screenrecordings:write"],
        reason: "missing",
        isSignal: true,
        aborted: false,
      },
    ]);
  });

  test("is asked once by twenty calls at the same time", async () => {
    const { asked, outcomes } = await browser.run(
      async ({ connect, settle }, token, agentId) => {
        let asked = 0;
        let give;
        const given = new Promise((resolve) => (give = resolve));
        const getToken = () => {
          asked += 1;
          return given;
        };
        const recorder = await connect({ getToken });
        const calls = Array.from({ length: 20 }, () => settle(recorder.startRecording(agentId, { share: false })));
        give(token);
        return { outcomes: await Promise.all(calls), asked };
      },
      await cloud.token(globex),
      agentId,
    );
    assert.equal(asked, 1);
    assert.equal(outcomes.filter(({ value }) => value?.alreadyRunning === false).length, 1);
    assert.equal(outcomes.filter(({ value }) => value?.alreadyRunning === true).length, 19);
    assert.equal((await cloud.starts()).length, 20);
    assert.equal((await cloud.recordings()).length, 1);
  });

  test("is asked once for each organization", async () => {
    const { acme } = cloud;
    const asked = await browser.run(
      async ({ connect }, tokens, starts) => {
        const asked = [];
        const getToken = async ({ orgId }) => {
          asked.push(orgId);
          return tokens[orgId];
        };
        const recorder = await connect({ getToken });
        await Promise.all(starts.map(([orgId, agentId]) => recorder.startRecording(agentId, { orgId })));
        return asked;
      },
      { [acme.id]: await cloud.token(acme), [globex.id]: await cloud.token(globex) },
      [
        [acme.id, acme.agents[0].id],
        [globex.id, agentId],
        [acme.id, acme.agents[1].id],
        [globex.id, other],
      ],
    );
    assert.deepEqual(asked.sort(), [globex.id, acme.id].sort());
    assert.equal((await cloud.recordings()).length, 4);
  });

  for (const format of ["opaque", "jwt"]) {
    test(`may return ${format === "jwt" ? "a JWT" : "an opaque token"} with its life`, async () => {
      const [summary] = await browser.run(
        async ({ connect }, accessToken, agentId) => {
          const recorder = await connect({ getToken: async () => ({ accessToken, expiresIn: 60 }) });
          await recorder.startRecording(agentId);
          return recorder.orgs();
        },
        await cloud.token(globex, { format }),
        agentId,
      );
      assert.ok(summary.expiresAt > Date.now() && summary.expiresAt <= Date.now() + 60_000);
      assert.deepEqual(await asked(), format === "opaque" ? [WHOSE, look(), START] : [look(), START]);
    });
  }

  test("that fails: TOKEN_SOURCE_FAILED with its very own error, and the next call asks again", async () => {
    const answers = await browser.run(
      async ({ connect, premium }, token, agentId) => {
        const own = new TypeError("the backend is down");
        const sources = {
          rejects: () => Promise.reject(own),
          throws: () => {
            throw own;
          },
        };
        const answers = [];
        for (const source of Object.values(sources)) {
          let calls = 0;
          const getToken = () => ((calls += 1) === 1 ? source() : token);
          const recorder = await connect({ getToken, shareTokens: false });
          const error = await recorder.startRecording("nobody").catch((error) => error);
          const recording = await recorder.startRecording(agentId).catch(({ code }) => code);
          answers.push({
            code: error.code,
            same: error.cause === own,
            known: premium.isRecorderError(error),
            calls,
            next: recording.alreadyRunning ?? recording,
          });
        }
        return answers;
      },
      await cloud.token(globex),
      agentId,
    );
    const failed = { code: "TOKEN_SOURCE_FAILED", same: true, known: true, calls: 2 };
    assert.deepEqual(answers, [
      { ...failed, next: false },
      { ...failed, next: true },
    ]);
  });

  test("that throws what is no error: it is the cause all the same", async () => {
    const codes = await browser.run(async ({ connect }, agentId) => {
      const thrown = ["a text", 42, null, false, { reason: "an object" }];
      const answers = [];
      for (const what of thrown) {
        const recorder = await connect({ getToken: () => Promise.reject(what) });
        const error = await recorder.startRecording(agentId).catch((error) => error);
        answers.push([error.code, error.cause === what]);
      }
      return answers;
    }, agentId);
    for (const answer of codes) assert.deepEqual(answer, ["TOKEN_SOURCE_FAILED", true]);
    assert.deepEqual(await asked(), []);
  });

  test("that returns what is no token: TOKEN_SOURCE_FAILED", async () => {
    const errors = await browser.run(async ({ connect }, agentId) => {
      const returned = [undefined, null, 42, {}, [], { accessToken: 42 }, { access_token: "abc" }, { accessToken: "abc", expiresIn: "60" }, () => "abc"]; // prettier-ignore
      const errors = [];
      for (const what of returned) {
        const recorder = await connect({ getToken: () => what });
        const { code, message, retryable } = await recorder.startRecording(agentId).catch((error) => error);
        errors.push({ code, message: message.replace(`${code}: `, ""), retryable });
      }
      return errors;
    }, agentId);
    for (const { code, retryable } of errors) assert.deepEqual([code, retryable], ["TOKEN_SOURCE_FAILED", false]);
    const none = `getToken returned no token for organization ${globex.id}.`;
    const noAccessToken =
      "getToken returned no `accessToken`. If it has an OAuth response, return { accessToken: access_token, expiresIn: expires_in }.";
    assert.deepEqual(
      errors.map(({ message }) => message),
      [
        none,
        none,
        "What getToken returned must be a string or an object.",
        noAccessToken,
        noAccessToken,
        "getToken().accessToken must be a string.",
        noAccessToken,
        "getToken().expiresIn must be a number.",
        "What getToken returned must be a string or an object.",
      ],
    );
    assert.deepEqual(await asked(), []);
  });

  for (const [format, sent] of Object.entries({ jwt: [], opaque: [WHOSE] })) {
    test(`that returns another organization's ${format}: TOKEN_SOURCE_WRONG_ORG`, async () => {
      const { error, orgs } = await browser.run(
        async ({ connect, settle }, token, agentId) => {
          const recorder = await connect({ getToken: () => token });
          return { ...(await settle(recorder.startRecording(agentId))), orgs: recorder.orgs() };
        },
        await cloud.token(cloud.acme, { format }),
        agentId,
      );
      assert.equal(error.code, "TOKEN_SOURCE_WRONG_ORG");
      assert.equal(error.orgId, globex.id);
      assert.equal(error.tokenOrgId, cloud.acme.id);
      assert.deepEqual(orgs, []);
      assert.deepEqual(await asked(), sent);
    });
  }

  test("that returns an expired token: TOKEN_EXPIRED", async () => {
    const { error } = await startWith({ returned: await cloud.token(globex, { expiresIn: -60 }) });
    assert.equal(error.code, "TOKEN_EXPIRED");
    assert.equal(error.orgId, globex.id);
    assert.deepEqual(await asked(), []);
  });

  test("replaces a token that has expired, and is told so", async () => {
    const { value, needs } = await startWith({
      tokens: [await cloud.token(globex, { expiresIn: -60 })],
      returned: await cloud.token(globex),
    });
    assert.equal(value.orgId, globex.id);
    assert.deepEqual(needs, ["expired"]);
    assert.deepEqual(await asked(), [look(), START]);
  });

  test("is not there: an expired token is not sent, TOKEN_EXPIRED", async () => {
    const { error } = await startWith({ tokens: [await cloud.token(globex, { expiresIn: -60 })] });
    assert.equal(error.code, "TOKEN_EXPIRED");
    assert.deepEqual(await asked(), []);
  });

  test("that never answers: TIMEOUT, and it learns that nobody waits", async () => {
    const { error, aborted } = await browser.run(async ({ connect, settle }, agentId) => {
      let aborted;
      const getToken = ({ signal }) => {
        aborted = new Promise((resolve) => signal.addEventListener("abort", () => resolve(signal.aborted)));
        return new Promise(() => {});
      };
      const recorder = await connect({ getToken });
      const { error } = await settle(recorder.startRecording(agentId, { timeoutMs: 300 }));
      return { error, aborted: await aborted };
    }, agentId);
    assert.equal(error.code, "TIMEOUT");
    assert.equal(error.retryable, true);
    assert.equal(aborted, true);
    assert.deepEqual(await asked(), []);
  });

  test("serves whoever still waits when another one has given up", async () => {
    const { gaveUp, recording, aborted } = await browser.run(
      async ({ connect, settle }, token, agentId) => {
        let give, wasAsked;
        const asked = new Promise((resolve) => (wasAsked = resolve));
        const getToken = ({ signal }) => {
          wasAsked(signal);
          return new Promise((resolve) => (give = resolve));
        };
        const recorder = await connect({ getToken });
        const controller = new AbortController();
        const gaveUp = recorder.startRecording(agentId, { signal: controller.signal }).catch((reason) => reason);
        const waits = recorder.startRecording(agentId);
        const signal = await asked;
        controller.abort("enough");
        const reason = await gaveUp;
        const { aborted } = signal;
        give(token);
        return { gaveUp: reason, recording: await waits, aborted };
      },
      await cloud.token(globex),
      agentId,
    );
    assert.equal(gaveUp, "enough");
    assert.equal(aborted, false);
    assert.equal(recording.orgId, globex.id);
    assert.equal((await cloud.starts()).length, 1);
  });

  test("makes a switch to another organization", async () => {
    const { acme } = cloud;
    const { orgId, summary } = await browser.run(
      async ({ connect }, token, orgId) => {
        const recorder = await connect({ getToken: () => token });
        const summary = await recorder.switchOrg(orgId);
        return { orgId: recorder.orgId, summary };
      },
      await cloud.token(acme),
      acme.id,
    );
    assert.equal(orgId, acme.id);
    assert.equal(summary.orgId, acme.id);
  });
});

describe("an abort", () => {
  // `foreign` makes reason and signal in another realm: a frame within the frame.
  const REASONS = {
    "an error": "new Error('the user left')",
    "a text": "'the user left'",
    "an object": "({ user: 'left' })",
    null: "null",
    zero: "0",
    "the platform's own": "undefined",
  };
  for (const [what, reason] of Object.entries(REASONS)) {
    for (const where of ["this frame", "another frame"]) {
      test(`with ${what} of ${where}, before the call: rejects with that very reason, nothing is sent`, async () => {
        const same = await abort({ reason, where, when: "before" });
        assert.deepEqual(same, [true]);
        assert.deepEqual(await asked(), []);
      });

      test(`with ${what} of ${where}, during the call: rejects with that very reason`, async () => {
        await cloud.spoilStart({ held: true });
        const same = await abort({ reason, where, when: "during" });
        assert.deepEqual(same, [true]);
        assert.equal((await cloud.starts()).length, 1);
      });
    }
  }

  test("after the call changes nothing", async () => {
    const recording = await browser.run(
      async ({ connect }, token, agentId) => {
        const recorder = await connect({ tokens: [token] });
        const controller = new AbortController();
        const recording = await recorder.startRecording(agentId, { signal: controller.signal });
        controller.abort();
        return recording;
      },
      await cloud.token(globex),
      agentId,
    );
    assert.equal(recording.orgId, globex.id);
  });

  async function abort(how) {
    return browser.run(
      async ({ connect, startArrived }, { reason, where, when }, token, agentId) => {
        const frame = document.createElement("iframe");
        document.body.append(frame);
        const realm = where === "another frame" ? frame.contentWindow : window;
        const controller = new realm.AbortController();
        const abort = () => controller.abort(realm.eval(reason));
        const recorder = await connect({ tokens: [token] });
        if (when === "before") abort();
        const outcome = recorder.startRecording(agentId, { signal: controller.signal }).then(
          () => "started",
          (rejected) => rejected === controller.signal.reason,
        );
        if (when === "during") await startArrived().then(abort);
        return [await outcome];
      },
      how,
      await cloud.token(globex),
      agentId,
    );
  }
});

describe("close", () => {
  test("rejects what is in flight, and what comes after", async () => {
    await cloud.spoilStart({ held: true });
    const codes = await browser.run(
      async ({ connect, settle, startArrived }, token, agentId, orgId) => {
        const recorder = await connect({ tokens: [token] });
        const inFlight = settle(recorder.startRecording(agentId));
        await startArrived();
        recorder.close();
        recorder.close();
        const calls = [
          inFlight,
          settle(recorder.startRecording(agentId)),
          settle(recorder.addToken(token)),
          settle(recorder.switchOrg(orgId)),
        ];
        const outcomes = await Promise.all(calls);
        return outcomes.map(({ error }) => error?.code);
      },
      await cloud.token(globex),
      agentId,
      globex.id,
    );
    assert.deepEqual(codes, ["CLOSED", "CLOSED", "CLOSED", "CLOSED"]);
    assert.equal((await cloud.starts()).length, 1);
  });
});

describe("a recorder", () => {
  test("shows organizations, and no token anywhere", async () => {
    const tokens = [await cloud.token(globex), await cloud.token(cloud.acme, { format: "opaque" })];
    const { orgs, shown, hidden } = await browser.run(async ({ connect }, tokens) => {
      const recorder = await connect({ tokens });
      const shown = JSON.stringify([recorder, recorder.orgs(), String(recorder)]);
      const hidden = Reflect.ownKeys(recorder).map(String);
      return { orgs: recorder.orgs(), shown, hidden };
    }, tokens);
    browser.mustNotShowTokens(shown);
    assert.deepEqual(hidden.sort(), ["environment", "launch"]);
    assert.deepEqual(
      orgs.map(({ orgId, knownBy, name, scopes }) => ({ orgId, knownBy, name, scopes })),
      [
        { orgId: globex.id, knownBy: "claim", name: undefined, scopes: ["screenrecordings:write", "user-basic-info"] },
        { orgId: cloud.acme.id, knownBy: "cloud", name: "Acme", scopes: ["screenrecordings:write", "user-basic-info"] },
      ],
    );
  });

  test("with tokens of several organizations and no word of which: ORG_AMBIGUOUS", async () => {
    await browser.openEmpty();
    const { error, orgId } = await browser.run(
      async ({ connect, settle }, tokens, agentId) => {
        const recorder = await connect({ tokens });
        return { ...(await settle(recorder.startRecording(agentId))), orgId: recorder.orgId };
      },
      [await cloud.token(globex), await cloud.token(cloud.acme)],
      agentId,
    );
    assert.equal(error.code, "ORG_AMBIGUOUS");
    assert.equal(orgId, undefined);
    assert.deepEqual(await asked(), []);
  });

  test("prefers the call's organization, then the switch's, then connect's, then the launch's", async () => {
    const { acme, initech } = cloud;
    const orgs = await browser.run(
      async ({ connect }, tokens, [acme, initech]) => {
        const launched = await connect({ tokens });
        const told = await connect({ tokens, orgId: acme.id });
        const orgs = [launched.orgId, told.orgId];
        await told.switchOrg(initech.id);
        orgs.push(told.orgId);
        orgs.push((await told.startRecording(acme.agents[0].id, { orgId: acme.id })).orgId, told.orgId);
        return orgs;
      },
      [await cloud.token(globex), await cloud.token(acme), await cloud.token(initech)],
      [acme, initech],
    );
    assert.deepEqual(orgs, [globex.id, acme.id, initech.id, acme.id, initech.id]);
  });

  test("of several switches at the same time, follows the last one called", async () => {
    const { acme, initech } = cloud;
    const orgId = await browser.run(
      async ({ connect }, tokens, [first, last]) => {
        let end;
        const lastIsOver = new Promise((resolve) => (end = resolve));
        const getToken = async ({ orgId }) => {
          if (orgId === first) await lastIsOver;
          return tokens[orgId];
        };
        const recorder = await connect({ getToken });
        await Promise.all([recorder.switchOrg(first), recorder.switchOrg(last).then(end)]);
        return recorder.orgId;
      },
      { [acme.id]: await cloud.token(acme), [initech.id]: await cloud.token(initech) },
      [acme.id, initech.id],
    );
    assert.equal(orgId, initech.id);
  });
});

/** What a start comes to with these tokens, where getToken returns `returned`. */
async function startWith({ tokens = [], returned }) {
  return browser.run(
    async ({ connect, settle }, tokens, returned, agentId) => {
      const needs = [];
      const getToken = ({ reason }) => {
        needs.push(reason);
        return returned;
      };
      const recorder = await connect(returned === null ? { tokens } : { tokens, getToken });
      return { ...(await settle(recorder.startRecording(agentId))), needs };
    },
    tokens,
    returned ?? null,
    agentId,
  );
}

async function asked() {
  const requests = await cloud.requests();
  return requests.map(({ method, path, query }) => `${method} ${path}${query ? `?${query}` : ""}`);
}
