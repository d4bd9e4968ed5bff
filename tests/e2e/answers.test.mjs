// What the cloud can answer, or fail to: each ends in the right code, and at most one start is ever sent.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { browser as open } from "./browser.mjs";
import { GET_ATTEMPTS } from "./engines.mjs";

const FAILED = /\/api\/v2\/(screenrecordings|tokens\/me)\S* - Failed to load resource/;
const CORS = /has been blocked by CORS policy/;
const browser = open({ mayComplain: [FAILED, CORS] });

const elsewhere = stranger();
before(() => elsewhere.open());
after(() => elsewhere.close());

/** What is wrong with an answer to a start that was not carried out. */
const BROKEN = {
  "is empty": { status: 201 },
  "is no JSON": { status: 201, body: "Created, thank you." },
  "is an HTML page": {
    status: 200,
    body: "<!doctype html><title>Sign in</title>",
    headers: { "Content-Type": "text/html" },
  },
  "has no id": { status: 201, body: { state: "recording" } },
  "has an id that cannot be read": { status: 201, body: { id: 4.2 } },
  "is a list": { status: 201, body: [] },
  "is JSON of null": { status: 201, body: "null" },
  "is about another agent": { status: 201, body: { id: "1", agentId: "somebody-else" } },
  "is about another organization": {
    status: 201,
    body: { id: "1", organizationId: "00000000-0000-4000-8000-000000000000" },
  },
  "is lost before the work": { reset: "before" },
  "is 500": { status: 500, body: { message: "Oops", code: "internal.server.error" } },
  "is 503 of a proxy": { status: 503, body: "upstream" },
  "is 504": { status: 504, body: { code: "authentication.request.timeout" } },
};

/** What happens to the answer of one that was. */
const LOST = {
  "is cut short": { truncate: 10 },
  "is lost after the work": { reset: "after" },
};

describe("a start whose answer", () => {
  for (const [what, fault] of Object.entries(BROKEN)) {
    test(`${what}: OUTCOME_UNKNOWN`, async () => {
      const { cloud } = browser;
      await cloud.spoilStart(fault);
      const error = await failedStart(await cloud.token(cloud.globex));
      assert.equal(error.code, "OUTCOME_UNKNOWN");
      assert.equal(error.orgId, cloud.globex.id);
      assert.equal(error.retryable, false);
      assert.deepEqual(error.seenRecordings, []);
      assert.equal((await cloud.starts()).length, 1);
      assert.deepEqual(await cloud.recordings(), []);
    });
  }

  test("is hidden by a proxy that leaves out the CORS headers: its recording is found", async () => {
    const { cloud } = browser;
    await cloud.spoilStart({ cors: false });
    const { value } = await start(await cloud.token(cloud.globex));
    assert.deepEqual(
      (await cloud.recordings()).map(({ id }) => id),
      [value.id],
    );
    assert.equal((await cloud.starts()).length, 1);
  });

  const preflights = {
    "that counts preflights": { status: 429 },
    "whose API is down": { status: 502, body: "upstream" },
    "without CORS headers": { cors: false },
  };
  for (const [what, fault] of Object.entries(preflights)) {
    test(`never comes, as a proxy ${what} refuses the preflight: OUTCOME_UNKNOWN, in words that allow for it`, async () => {
      const { cloud } = browser;
      await cloud.spoilPreflight(fault);
      const error = await failedStart(await cloud.token(cloud.globex));
      assert.equal(error.code, "OUTCOME_UNKNOWN");
      assert.match(error.everything, /No complete response from http/);
      assert.match(error.everything, /preflight/);
      assert.deepEqual([await cloud.starts(), await cloud.recordings()], [[], []]);
    });
  }

  for (const [what, fault] of Object.entries(LOST)) {
    test(`${what}: its recording is found`, async () => {
      const { cloud } = browser;
      await cloud.spoilStart(fault);
      const { value } = await start(await cloud.token(cloud.globex));
      const [recording, ...more] = await cloud.recordings();
      assert.deepEqual(more, []);
      assert.equal(value.id, recording.id);
      assert.equal(value.alreadyRunning, false);
      assert.equal((await cloud.starts()).length, 1);
    });
  }

  test("does not come in time, nor its recording: OUTCOME_UNKNOWN, and it may have run", async () => {
    const { cloud } = browser;
    await cloud.spoilStart({ held: true });
    // Enough to send it, also on a slow machine.
    const error = await failedStart(await cloud.token(cloud.globex), { timeoutMs: 2_000 });
    assert.equal(error.code, "OUTCOME_UNKNOWN");
    assert.equal(error.cause.code, "TIMEOUT");
    await cloud.release();
    await browser.until("the recording runs", async () => (await cloud.recordings()).length === 1);
    assert.equal((await cloud.starts()).length, 1);
  });

  for (const where of ["the login origin", "another origin"]) {
    for (const status of [302, 307]) {
      test(`is a redirect to ${where} by ${status}: OUTCOME_UNKNOWN, and nobody follows`, async () => {
        const { cloud } = browser;
        const origin = where === "another origin" ? elsewhere.origin : cloud.environment.login;
        await cloud.spoilStart({ status, headers: { Location: `${origin}/api/v2/screenrecordings` } });
        const error = await failedStart(await cloud.token(cloud.globex));
        assert.equal(error.code, "OUTCOME_UNKNOWN");
        // The start, and two looks for it.
        assert.deepEqual(
          (await cloud.requests()).map(({ origin, method }) => `${method} ${origin}`),
          ["POST api", "GET api", "GET api"],
        );
        assert.equal(elsewhere.asked, 0);
      });
    }
  }
});

describe("a start that the cloud refuses with", () => {
  const REFUSALS = {
    "403 and a body of nobody's": [403, "Forbidden by the gateway.", "UNEXPECTED_ANSWER"],
    "403 and an unknown code": [403, { code: "some.new.reason", message: "No." }, "FORBIDDEN"],
    "403 and no body": [403, undefined, "UNEXPECTED_ANSWER"],
    "403 authz.policy.denied": [403, { code: "authz.policy.denied" }, "POLICY_DENIED"],
    "403 feature.toggle.disabled": [403, { code: "feature.toggle.disabled" }, "FEATURE_DISABLED"],
    "401 ip.not.authorized": [401, { code: "ip.not.authorized" }, "IP_NOT_ALLOWED"],
    "401 authentication.required": [401, { code: "authentication.required" }, "UNAUTHENTICATED"],
    "401 and no body": [401, undefined, "UNAUTHENTICATED"],
    "400 bad.request": [400, { code: "bad.request" }, "BAD_REQUEST"],
    "415 and no body": [415, undefined, "BAD_REQUEST"],
    "404 of an unknown path": [404, "<h1>Not found</h1>", "UNEXPECTED_ANSWER"],
    "418 and no body": [418, undefined, "UNEXPECTED_ANSWER"],
    "409 request.conflict": [409, { code: "request.conflict" }, "CONFLICT"],
  };
  for (const [what, [status, body, code]] of Object.entries(REFUSALS)) {
    test(`${what}: ${code}`, async () => {
      const { cloud } = browser;
      await cloud.spoilStart({ status, body });
      const error = await failedStart(await cloud.token(cloud.globex));
      assert.equal(error.code, code);
      assert.equal(error.status, status);
      assert.equal(error.orgId, cloud.globex.id);
      assert.equal(error.tokenOrgId, cloud.globex.id);
      assert.ok(error.correlationId);
      if (body) assert.deepEqual(error.cause, body);
      assert.equal((await cloud.starts()).length, 1);
    });
  }

  test("429 and a wait that is longer than the call: RATE_LIMITED at once", async () => {
    const { cloud } = browser;
    await cloud.spoilStart({ status: 429, headers: { "Retry-After": "60" } });
    const error = await failedStart(await cloud.token(cloud.globex));
    assert.deepEqual([error.code, error.status, error.retryAfterMs], ["RATE_LIMITED", 429, 60_000]);
    assert.equal((await cloud.starts()).length, 1);
  });

  test("403 and the permissions that are missing: PERMISSION_MISSING", async () => {
    const { cloud } = browser;
    const message =
      "You need at least one of the following permissions assigned: [recording:screenRecording:add, x:y:z]";
    await cloud.spoilStart({ status: 403, body: { code: "missing.any.permissions", message, contextId: "c-1" } });
    const error = await failedStart(await cloud.token(cloud.globex));
    assert.equal(error.code, "PERMISSION_MISSING");
    assert.deepEqual(error.missingPermissions, ["recording:screenRecording:add", "x:y:z"]);
    assert.equal(error.contextId, "c-1");
  });

  test("the scope that the thread's app asked for: SCOPE_MISSING", async () => {
    const { cloud } = browser;
    const token = await cloud.token(cloud.globex, { scopes: ["screenrecording:write"] });
    const error = await failedStart(token);
    assert.equal(error.code, "SCOPE_MISSING");
    assert.deepEqual(error.missingScopes, ["screenrecordings:write"]);
    assert.deepEqual(error.grantedScopes, ["screenrecording:write"]);
    assert.equal(error.nearMiss, "screenrecording:write");
  });

  test("an agent of another organization: WRONG_ORG", async () => {
    const { cloud } = browser;
    const error = await failedStart(await cloud.token(cloud.globex), {}, cloud.acme.agents[0]);
    assert.equal(error.code, "WRONG_ORG");
    assert.equal(error.status, 403);
    assert.deepEqual(await cloud.recordings(), []);
  });

  test("a token that claims another organization than it is for: WRONG_ORG", async () => {
    const { cloud } = browser;
    const token = await cloud.token(cloud.acme, { claimOrgId: cloud.globex.id });
    const error = await failedStart(token);
    assert.equal(error.code, "WRONG_ORG");
    assert.deepEqual(await cloud.recordings(), []);
    // A lie can only be found out by the cloud, so that this one does cross in the ledger.
    await cloud.reset();
  });

  test("an agent that nobody knows: AGENT_NOT_FOUND", async () => {
    const { cloud } = browser;
    const error = await failedStart(
      await cloud.token(cloud.globex),
      {},
      { id: "00000000-0000-4000-8000-000000000000" },
    );
    assert.equal(error.code, "AGENT_NOT_FOUND");
  });

  test("an agent who is logged out: CONFLICT", async () => {
    const { cloud } = browser;
    const error = await failedStart(await cloud.token(cloud.globex), {}, cloud.globex.agents[2]);
    assert.equal(error.code, "CONFLICT");
  });

  test("an agent who is being recorded already: that recording, and word that it ran before", async () => {
    const { cloud } = browser;
    const token = await cloud.token(cloud.globex);
    const first = (await start(token)).value;
    const second = (await start(token)).value;
    assert.deepEqual([first.alreadyRunning, second.alreadyRunning], [false, true]);
    assert.equal(second.id, first.id);
    assert.deepEqual(
      (await cloud.starts()).map(({ status }) => status),
      [201, 409],
    );
    assert.equal((await cloud.recordings()).length, 1);
  });

  test("an agent who is being recorded already, where the cloud lists nothing: CONFLICT", async () => {
    const { cloud } = browser;
    await cloud.change({ listing: "off" });
    const token = await cloud.token(cloud.globex);
    assert.ok((await start(token)).value);
    assert.equal((await failedStart(token)).code, "CONFLICT");
    assert.equal((await cloud.recordings()).length, 1);
  });

  test("too many requests: RATE_LIMITED, and trying again is safe", async () => {
    const { cloud } = browser;
    await cloud.change({ rateLimitPerMinute: 1 });
    const token = await cloud.token(cloud.globex);
    assert.ok((await start(token)).value);
    const error = await failedStart(token, {}, cloud.globex.agents[1]);
    assert.equal(error.code, "RATE_LIMITED");
    assert.equal(error.retryable, true);
    assert.equal((await cloud.starts()).length, 2);
  });

  test("a token that the cloud has forgotten: UNAUTHENTICATED", async () => {
    const { cloud } = browser;
    const token = await cloud.token(cloud.globex);
    await cloud.advance(2 * 60 * 60);
    assert.equal((await failedStart(token)).code, "UNAUTHENTICATED");
  });
});

describe("an organization header that CORS does not allow", () => {
  test("OUTCOME_UNKNOWN, and no start arrives", async () => {
    const { cloud } = browser;
    await cloud.change({ orgHeaderAllowedByCors: false });
    const error = await failedStart(await cloud.token(cloud.globex));
    assert.equal(error.code, "OUTCOME_UNKNOWN");
    assert.deepEqual(await cloud.starts(), []);
  });

  test("can be left out", async () => {
    const { cloud } = browser;
    await cloud.change({ orgHeaderAllowedByCors: false });
    const { value } = await start(await cloud.token(cloud.globex), {}, undefined, { contract: { orgHeaders: [] } });
    assert.equal(value.orgId, cloud.globex.id);
    assert.deepEqual(
      (await cloud.starts()).map(({ orgHeaders }) => orgHeaders),
      [{}],
    );
  });

  test("can be another one, or several", async () => {
    const { cloud } = browser;
    const orgHeaders = ["X-Genesys-Organization-Id", "x-gc-organization"];
    const { value } = await start(await cloud.token(cloud.globex), {}, undefined, { contract: { orgHeaders } });
    assert.equal(value.orgId, cloud.globex.id);
    const [{ orgHeaders: sent }] = await cloud.starts();
    assert.deepEqual(sent, { "x-genesys-organization-id": cloud.globex.id, "x-gc-organization": cloud.globex.id });
  });
});

describe("whose an opaque token is, when the answer", () => {
  const ANSWERS = {
    "is empty": [{ status: 200 }, "UNEXPECTED_ANSWER"],
    "is no JSON": [{ status: 200, body: "hello" }, "UNEXPECTED_ANSWER"],
    "names no organization": [{ status: 200, body: {} }, "UNEXPECTED_ANSWER"],
    "names an organization without an id": [
      { status: 200, body: { organization: { name: "Acme" } } },
      "UNEXPECTED_ANSWER",
    ],
    "names an id that is none": [{ status: 200, body: { organization: { id: "Acme" } } }, "UNEXPECTED_ANSWER"],
    "is cut short": [{ truncate: 10 }, "NETWORK"],
    "is lost": [{ reset: "after" }, "NETWORK"],
    "is 401": [{ status: 401, body: { code: "bad.credentials" } }, "UNAUTHENTICATED"],
    "is 403 of nobody": [{ status: 403, body: "no" }, "UNEXPECTED_ANSWER"],
    "is 429": [{ status: 429 }, "RATE_LIMITED"],
    "is 500": [{ status: 500 }, "CLOUD_UNAVAILABLE"],
    "does not come in time": [{ held: true }, "TIMEOUT", { timeoutMs: 2_000 }],
  };
  for (const [what, [fault, code, options = {}]] of Object.entries(ANSWERS)) {
    test(`${what}: ${code}`, async () => {
      const { cloud } = browser;
      await cloud.spoilWhose(fault);
      const error = await failedConnect(options);
      assert.equal(error.code, code);
      assert.deepEqual(
        (await cloud.requests()).map(({ method, path, query }) => `${method} ${path}?${query}`),
        Array(fault.reset ? GET_ATTEMPTS : 1).fill("GET /api/v2/tokens/me?preserveIdleTTL=true"),
      );
    });
  }

  test("is a redirect: NETWORK, and nobody follows", async () => {
    const { cloud } = browser;
    for (const origin of [cloud.environment.login, elsewhere.origin]) {
      await cloud.spoilWhose({ status: 302, headers: { Location: `${origin}/api/v2/tokens/me` } });
      assert.equal((await failedConnect()).code, "NETWORK");
    }
    assert.ok((await cloud.requests()).every(({ origin }) => origin === "api"));
    assert.equal(elsewhere.asked, 0);
  });

  test("names a trustee's other home, it is filed under the organization that it works for", async () => {
    const { cloud } = browser;
    const { acme, globex } = cloud;
    const token = await cloud.token(globex, { format: "opaque", homeOrgId: acme.id });
    await browser.openEmpty();
    const [summary] = await browser.run(
      async ({ connect }, token) => (await connect({ tokens: [token] })).orgs(),
      token,
    );
    assert.equal(summary.orgId, globex.id);
    assert.equal(summary.homeOrgId, acme.id);
    assert.equal(summary.name, globex.name);
    assert.equal(summary.knownBy, "cloud");
  });
});

/** What starting a recording of Globex's first agent comes to. */
async function start(token, options = {}, agent = browser.cloud.globex.agents[0], connectOptions = {}) {
  await browser.openEmpty({ orgId: browser.cloud.globex.id });
  return browser.run(
    async ({ connect, settle }, connectOptions, agentId, options) => {
      const recorder = await connect(connectOptions);
      return settle(recorder.startRecording(agentId, options));
    },
    { ...connectOptions, tokens: [token] },
    agent.id,
    options,
  );
}

async function failedStart(...args) {
  const { value, error } = await start(...args);
  assert.equal(value, undefined);
  assert.ok(error.isError && error.hint, JSON.stringify(error));
  return error;
}

async function failedConnect(options = {}) {
  const { cloud } = browser;
  await browser.openEmpty({ orgId: cloud.acme.id });
  const { value, error } = await browser.run(
    async ({ connect, settle }, options) => {
      // Loads the module, which then takes nothing of the next one's time.
      await connect();
      const { value, error } = await settle(connect(options));
      return { value: value && "connected", error };
    },
    { ...options, tokens: [await cloud.token(cloud.acme, { format: "opaque" })] },
  );
  assert.equal(value, undefined);
  assert.ok(error.isError && error.hint, JSON.stringify(error));
  return error;
}

/** A server of somebody else's, which would answer anyone. */
function stranger() {
  const stranger = { asked: 0, origin: undefined };
  const server = createServer((request, response) => {
    stranger.asked += 1;
    response.writeHead(200, { "access-control-allow-origin": "*", "access-control-allow-headers": "*" }).end("{}");
  });
  stranger.open = () =>
    new Promise((resolve) => {
      server.listen(0, "127.0.0.1", () => {
        stranger.origin = `http://127.0.0.1:${server.address().port}`;
        resolve();
      });
    });
  stranger.close = () => new Promise((resolve) => server.close(resolve));
  return stranger;
}
