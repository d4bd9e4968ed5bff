// What the cloud refuses is repaired once where that is safe, and otherwise narrowed down to its cause.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { browser as open } from "./browser.mjs";
import { UNAUTHENTICATED } from "./cloud.mjs";

const REFUSED =
  /\/api\/v2\/(screenrecordings|tokens\/me\S*|users\/\S+) - Failed to load resource: .* (401|403|404|429|503)/;
const browser = open({ mayComplain: [REFUSED] });

const RESOURCE_OWNER = {
  status: 403,
  body: {
    status: 403,
    code: "not.authorized",
    message: "Permission denied: insufficient scope for resource owner",
    contextId: "c-1",
  },
};
const SCOPE = "screenrecordings:write";
const NEAR_MISS = "screenrecording:write";

/** Timers count in whole milliseconds, and round. */
const ROUNDING = 5;

let cloud, acme, globex, agentId;
beforeEach(async () => {
  cloud = browser.cloud;
  ({ acme, globex } = cloud);
  agentId = globex.agents[0].id;
  await browser.openEmpty({ orgId: globex.id });
});

describe("a token that claims to be of the agent's organization and is of another one", () => {
  test("is filed right, and the start is sent once more with one that is", async () => {
    const { value, needs, orgs } = await start({ tokens: [await lie()], issued: [await cloud.token(globex)] });
    assert.equal(value.orgId, globex.id);
    assert.deepEqual(needs, [{ reason: "wrong-org", orgId: globex.id }]);
    assert.deepEqual(
      orgs.map(({ orgId, knownBy }) => [orgId, knownBy]),
      [
        [acme.id, "cloud"],
        [globex.id, "claim"],
      ],
    );
    assert.deepEqual(await starts(), [
      [acme.id, 403],
      [globex.id, 201],
    ]);
    assert.deepEqual(
      (await cloud.recordings()).map(({ orgId }) => orgId),
      [globex.id],
    );
    await forgetTheLie();
  });

  test("serves its own organization from then on", async () => {
    const recording = await browser.run(
      async ({ connect, settle }, token, own, [agentId, other]) => {
        const recorder = await connect({ tokens: [token] });
        await settle(recorder.startRecording(agentId));
        return recorder.startRecording(other, { orgId: own });
      },
      await lie(),
      acme.id,
      [agentId, acme.agents[0].id],
    );
    assert.equal(recording.orgId, acme.id);
    await forgetTheLie();
  });

  test("and nothing else to obtain: WRONG_ORG names its owner, and it is not sent for the wrong one again", async () => {
    const [first, second] = await browser.run(
      async ({ connect, settle }, token, agentId) => {
        const recorder = await connect({ tokens: [token] });
        return [await settle(recorder.startRecording(agentId)), await settle(recorder.startRecording(agentId))];
      },
      await lie(),
      agentId,
    );
    const { code, status, orgId, tokenOrgId, homeOrgId, orgHeaders, everything } = first.error;
    assert.deepEqual([code, status, orgId, tokenOrgId], ["WRONG_ORG", 403, globex.id, acme.id]);
    assert.equal(homeOrgId, acme.id);
    assert.ok(everything.includes(`it is of ${acme.id}`), everything);
    assert.deepEqual(orgHeaders, ["X-Genesys-Organization-Id"]);
    assert.deepEqual(
      [second.error.code, second.error.orgId, second.error.tokenOrgId],
      ["ORG_MISMATCH", globex.id, acme.id],
    );
    assert.deepEqual(await starts(), [[acme.id, 403]]);
    assert.deepEqual(await cloud.recordings(), []);
    await forgetTheLie();
  });

  test("and that getToken gives again: TOKEN_SOURCE_WRONG_ORG, and it is not sent again", async () => {
    const token = await lie();
    const { error, needs } = await start({ issued: [token, token] });
    assert.deepEqual([error.code, error.cause.code], ["TOKEN_SOURCE_WRONG_ORG", "WRONG_ORG"]);
    assert.equal(error.tokenOrgId, acme.id);
    assert.deepEqual(
      needs.map(({ reason }) => reason),
      ["missing", "wrong-org"],
    );
    assert.deepEqual(await starts(), [[acme.id, 403]]);
    await forgetTheLie();
  });

  test("and that the cloud says nothing about: WRONG_ORG, and it is not sent again", async () => {
    await cloud.spoilWhose({ status: 503 });
    const { error, needs } = await start({ tokens: [await lie()], issued: [await cloud.token(globex)] });
    assert.equal(error.code, "WRONG_ORG");
    assert.deepEqual(needs, []);
    assert.deepEqual(await starts(), [[acme.id, 403]]);
    await forgetTheLie();
  });

  function lie() {
    return cloud.token(acme, { claimOrgId: globex.id });
  }
});

describe("a token of the right organization that is refused for the resource owner", () => {
  // Another one would be at hand, and would not help.
  const refused = async (given) => {
    const outcome = await start({ ...given, issued: [await cloud.token(globex)] });
    assert.deepEqual(outcome.needs, []);
    assert.deepEqual(await starts(), [[globex.id, 403]]);
    assert.deepEqual([outcome.error.orgId, outcome.error.tokenOrgId], [globex.id, globex.id]);
    return outcome.error;
  };

  test("with the agent of another organization: WRONG_ORG says that the agent is not in it", async () => {
    const [stranger] = acme.agents;
    const error = await refused({ tokens: [await cloud.token(globex)], agentId: stranger.id });
    assert.equal(error.code, "WRONG_ORG");
    assert.ok(error.everything.includes("the agent is not in that organization"), error.everything);
    assert.deepEqual(
      (await cloud.requests()).map(({ method, path, status }) => `${method} ${path} ${status}`),
      ["POST /api/v2/screenrecordings 403", "GET /api/v2/tokens/me 200", `GET /api/v2/users/${stranger.id} 404`],
    );
  });

  test("without the scope: SCOPE_MISSING, as the cloud says of the token", async () => {
    await cloud.spoilStart(RESOURCE_OWNER);
    const error = await refused({ tokens: [await cloud.token(globex, { scopes: ["user-basic-info"] })] });
    assert.equal(error.code, "SCOPE_MISSING");
    assert.deepEqual([error.missingScopes, error.grantedScopes], [[SCOPE], ["user-basic-info"]]);
    assert.equal(error.nearMiss, undefined);
    assert.equal(error.contextId, "c-1");
    assert.deepEqual(
      (await cloud.requests()).map(({ method, path }) => `${method} ${path}`),
      ["POST /api/v2/screenrecordings", "GET /api/v2/tokens/me"],
    );
  });

  test("with a scope that is nearly right: SCOPE_MISSING names it", async () => {
    await cloud.spoilStart(RESOURCE_OWNER);
    const error = await refused({ tokens: [await cloud.token(globex, { scopes: ["user-basic-info", NEAR_MISS] })] });
    assert.equal(error.code, "SCOPE_MISSING");
    assert.deepEqual([error.missingScopes, error.nearMiss], [[SCOPE], NEAR_MISS]);
  });

  test("with the scope, and the agent in it: PERMISSION_MISSING", async () => {
    await cloud.spoilStart(RESOURCE_OWNER);
    const error = await refused({ tokens: [await cloud.token(globex)] });
    assert.equal(error.code, "PERMISSION_MISSING");
    assert.deepEqual(error.cause, RESOURCE_OWNER.body);
  });
});

describe("too many requests (429)", () => {
  test("are waited out for as many seconds as Retry-After says", async () => {
    await cloud.spoilStart(rateLimited("4"));
    const { value, error, waitedMs } = await start({ tokens: [await cloud.token(globex)] });
    assert.equal(value?.orgId, globex.id, error?.code);
    assert.ok(waitedMs >= 4000 - ROUNDING, `${waitedMs} ms`);
    await startedWithTwoStarts();
  });

  test("are waited out until the date that Retry-After says", async () => {
    const date = new Date(Date.now() + 5000).toUTCString();
    await cloud.spoilStart(rateLimited(date));
    const { value, error, resumedAt } = await start({ tokens: [await cloud.token(globex)] });
    assert.equal(value?.orgId, globex.id, error?.code);
    assert.ok(resumedAt >= Date.parse(date) - ROUNDING, `${resumedAt} ${date}`);
    await startedWithTwoStarts();
  });

  test("are waited out for one to three seconds where the cloud says nothing", async () => {
    await cloud.spoilStart(rateLimited());
    const { value, error, delays } = await start({ tokens: [await cloud.token(globex)] });
    assert.equal(value?.orgId, globex.id, error?.code);
    assert.equal(delays.filter((delay) => delay >= 1000 && delay <= 3000).length, 1, String(delays));
    await startedWithTwoStarts();
  });

  test("and a wait that is longer than the call: RATE_LIMITED at once, with the wait", async () => {
    await cloud.spoilStart(rateLimited("5"));
    const { error, delays } = await start({ tokens: [await cloud.token(globex)], options: { timeoutMs: 4000 } });
    assert.deepEqual(
      [error.code, error.status, error.retryAfterMs, error.retryable],
      ["RATE_LIMITED", 429, 5000, true],
    );
    // Nothing but the call's own time.
    assert.deepEqual(
      delays.filter((delay) => delay > 4000),
      [],
    );
    assert.deepEqual(await starts(), [[globex.id, 429]]);
  });

  test("and a signal that aborts during the wait: its reason, and there is no second start", async () => {
    assert.equal(await interrupted("abort"), "the agent went home");
  });

  test("and a recorder that is closed during the wait: CLOSED, and there is no second start", async () => {
    assert.equal(await interrupted("close"), "CLOSED");
  });

  /** A wait that goes on would show as a timer. */
  async function interrupted(how) {
    await cloud.spoilStart(rateLimited("1"));
    const { ended, timers } = await browser.run(
      async ({ connect, settle }, token, agentId, how) => {
        const aborter = new AbortController();
        const end = { abort: () => aborter.abort("the agent went home"), close: () => recorder.close() };
        const onEvent = ({ status }) => status === 429 && setTimeout(end[how]);
        const recorder = await connect({ tokens: [token], onEvent });
        const { error } = await settle(recorder.startRecording(agentId, { signal: aborter.signal }));
        // What the call has set up is gone by the next task.
        await new Promise((resolve) => setTimeout(resolve));
        return { ended: error?.thrown ?? error?.code, timers: window.watched.left().timers };
      },
      await cloud.token(globex),
      agentId,
      how,
    );
    assert.equal(timers, 0);
    assert.deepEqual(await starts(), [[globex.id, 429]]);
    return ended;
  }

  async function startedWithTwoStarts() {
    assert.deepEqual(await starts(), [
      [globex.id, 429],
      [globex.id, 201],
    ]);
    assert.equal((await cloud.recordings()).length, 1);
  }
});

describe("there is no third start, after", () => {
  const FAULTS = { 401: UNAUTHENTICATED, "403 for the resource owner": RESOURCE_OWNER, 429: rateLimited("0") };
  for (const [first, fault] of Object.entries(FAULTS)) {
    for (const [second, next] of Object.entries(FAULTS)) {
      test(`${first} and ${second}`, async () => {
        await cloud.spoilStart(fault);
        await cloud.spoilStart(next);
        // The third would succeed, with any of these but the lie.
        const issued = [await cloud.token(globex), await cloud.token(globex), await cloud.token(globex)];
        const { error } = await start({ tokens: [await cloud.token(acme, { claimOrgId: globex.id })], issued });
        assert.equal(error?.status, next.status);
        assert.equal((await cloud.starts()).length, 2);
        assert.deepEqual(await cloud.recordings(), []);
        await forgetTheLie();
      });
    }
  }
});

test("a refusal that nobody knows keeps the cloud's own words, and is not sent again", async () => {
  const body = {
    status: 403,
    code: "brand.new",
    message: "Not on Mondays – günstig.",
    details: [{ day: 1 }],
    errors: [],
  };
  await cloud.spoilStart({ status: 403, body });
  const { error, needs } = await start({ tokens: [await cloud.token(globex)], issued: [await cloud.token(globex)] });
  assert.equal(error.code, "FORBIDDEN");
  assert.deepEqual(error.cause, body);
  assert.deepEqual(needs, []);
  assert.equal((await cloud.starts()).length, 1);
});

/**
 * What starting a recording comes to. `issued`: what getToken gives, one after the other. `waitedMs`: from the first
 * start's answer to the second start, which is sent at `resumedAt`. `delays`: what the library has set timers for.
 */
function start(given) {
  return browser.run(
    async ({ connect, settle }, { tokens = [], issued, agentId, options }) => {
      const needs = [];
      const getToken = ({ reason, orgId }) => {
        needs.push({ reason, orgId });
        return issued[needs.length - 1] ?? null;
      };
      const recorder = await connect({ tokens, ...(issued && { getToken }) });

      const { fetch, setTimeout } = window;
      const delays = [];
      window.setTimeout = (callback, delay, ...rest) => {
        delays.push(delay);
        return setTimeout(callback, delay, ...rest);
      };
      const times = [];
      window.fetch = async (...request) => {
        times.push({ sent: Date.now() });
        const { length } = times;
        const answer = await fetch(...request);
        times[length - 1].answered = Date.now();
        return answer;
      };
      const outcome = await settle(recorder.startRecording(agentId, options ?? {}));
      Object.assign(window, { fetch, setTimeout });
      const resumedAt = times[1]?.sent;
      return { ...outcome, needs, orgs: recorder.orgs(), delays, resumedAt, waitedMs: resumedAt - times[0].answered };
    },
    { agentId, ...given },
  );
}

/** The starts that have arrived: of which organization their token was, and the answer. */
async function starts() {
  return (await cloud.starts()).map(({ tokenOrgId, status }) => [tokenOrgId, status]);
}

/** A lie can only be found out by the cloud, so that it does cross in the ledger. */
function forgetTheLie() {
  return cloud.reset();
}

function rateLimited(retryAfter) {
  const headers = retryAfter === undefined ? {} : { "Retry-After": retryAfter };
  return { status: 429, body: { status: 429, code: "too.many.requests" }, headers };
}
