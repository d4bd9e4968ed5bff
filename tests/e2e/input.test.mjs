// Bad input: each ends in the right code with a hint, and nothing is sent that should not be.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { browser as open } from "./browser.mjs";

const browser = open();

const UUID = "00000000-0000-4000-8000-000000000000";
const header = Buffer.from('{"alg":"HS256","typ":"JWT"}').toString("base64url");
const claims = Buffer.from(JSON.stringify({ org_id: UUID, note: "this part is a secret" })).toString("base64url");

describe("an agent id that is", () => {
  const AGENTS = {
    empty: "",
    blank: "   ",
    null: null,
    "a number": 42,
    "an object": { id: UUID },
    "an array": [UUID],
    "of two lines": "610be000\n610be000",
    "with blanks around it": " 610be000 ",
    "with a NUL in it": "610be\u0000000",
    "too long": "a".repeat(257),
  };
  for (const [what, agentId] of Object.entries(AGENTS)) {
    test(`${what}: BAD_ARGUMENT`, () => refusesStart("BAD_ARGUMENT", agentId));
  }

  test("missing: BAD_ARGUMENT", async () => {
    const error = await failureOf(async ({ connect, settle }) => {
      const recorder = await connect();
      return settle(recorder.startRecording());
    });
    assert.equal(error.code, "BAD_ARGUMENT");
  });

  test("of a call without its recorder: BAD_ARGUMENT", async () => {
    const error = await failureOf(
      async ({ connect, settle }, token) => {
        const { startRecording } = await connect({ tokens: [token] });
        return settle(startRecording("610be000-0000-4000-8000-000000000000"));
      },
      await browser.cloud.token(browser.cloud.globex),
    );
    assert.equal(error.code, "BAD_ARGUMENT");
  });

  for (const name of ["orgs", "close"]) {
    test(`of ${name}() without its recorder: BAD_ARGUMENT`, async () => {
      const error = await failureOf(
        async ({ connect, settle }, [token, name]) => {
          const recorder = await connect({ tokens: [token] });
          return settle((async () => (0, recorder[name])())());
        },
        [await browser.cloud.token(browser.cloud.globex), name],
      );
      assert.equal(error.code, "BAD_ARGUMENT");
    });
  }

  // WebAssembly would take another character in its place: somebody else's id.
  test("with half a character in it: BAD_ARGUMENT", async () => {
    const error = await failureOf(
      async ({ connect, settle }, token) => {
        const recorder = await connect({ tokens: [token] });
        return settle(recorder.startRecording("610be000\ud800"));
      },
      await browser.cloud.token(browser.cloud.globex),
    );
    assert.equal(error.code, "BAD_ARGUMENT");
  });

  test("a hostile object: BAD_ARGUMENT, and nothing of it runs on", async () => {
    const error = await failureOf(async ({ connect, settle }) => {
      const recorder = await connect();
      const hostile = new Proxy({}, { get: () => { throw new Error("touched"); } }); // prettier-ignore
      return settle(recorder.startRecording(hostile));
    });
    assert.equal(error.code, "BAD_ARGUMENT");
  });
});

describe("an option of startRecording that is", () => {
  const OPTIONS = {
    "of an unknown name": { organisation: UUID },
    "no organization's id": { orgId: "globex" },
    "an empty organization's id": { orgId: "" },
    "a null organization's id": { orgId: null },
    "an empty recording type": { recordingType: "" },
    "a timeout of 0": { timeoutMs: 0 },
    "a negative timeout": { timeoutMs: -1 },
    "a timeout as text": { timeoutMs: "500" },
    "a timeout beyond what a timer can wait": { timeoutMs: 2 ** 31 },
    "a signal that is none": { signal: {} },
    "a null signal": { signal: null },
  };
  for (const [what, options] of Object.entries(OPTIONS)) {
    test(`${what}: BAD_ARGUMENT`, () => refusesStart("BAD_ARGUMENT", UUID, options));
  }
  test("not an object: BAD_ARGUMENT", () => refusesStart("BAD_ARGUMENT", UUID, "globex"));
  test("null in place of options: BAD_ARGUMENT", () => refusesStart("BAD_ARGUMENT", UUID, null));
});

describe("an option of connect that is", () => {
  const OPTIONS = {
    "of an unknown name": [{ token: ["abc"] }, "BAD_ARGUMENT"],
    "tokens: null": [{ tokens: null }, "BAD_ARGUMENT"],
    "tokens as one text": [{ tokens: "abc" }, "BAD_ARGUMENT"],
    "tokens with a null": [{ tokens: [null] }, "BAD_ARGUMENT"],
    "a getToken that is no function": [{ getToken: "abc" }, "BAD_ARGUMENT"],
    "a null getToken": [{ getToken: null }, "BAD_ARGUMENT"],
    "no organization's id": [{ orgId: "globex" }, "BAD_ARGUMENT"],
    "a half organization's id": [{ orgId: UUID.slice(0, 35) }, "BAD_ARGUMENT"],
    "an unknown environment": [{ environment: "prod-nowhere" }, "UNKNOWN_ENVIRONMENT"],
    "an environment of another case": [{ environment: "PROD" }, "UNKNOWN_ENVIRONMENT"],
    "a domain that only ends like a region": [{ environment: "evilmypurecloud.com" }, "UNKNOWN_ENVIRONMENT"],
    "a null environment": [{ environment: null }, "BAD_ARGUMENT"],
    "a timeout that is none": [{ timeoutMs: -5 }, "BAD_ARGUMENT"],
    "a launch URL that is none": [{ launchUrl: "premium app" }, "BAD_ARGUMENT"],
    "a null launch URL": [{ launchUrl: null }, "BAD_ARGUMENT"],
    "a contract with an unknown part": [{ contract: { url: "/x" } }, "BAD_ARGUMENT"],
    "a path that leads to another host": [{ contract: { path: "//evil.example/x" } }, "BAD_ARGUMENT"],
    "a path that climbs": [{ contract: { path: "/api/../x" } }, "BAD_ARGUMENT"],
    "a path with a backslash": [{ contract: { path: "/\\evil.example" } }, "BAD_ARGUMENT"],
    "an organization header that is taken": [{ contract: { orgHeaders: ["Authorization"] } }, "BAD_ARGUMENT"],
    "an organization header of two lines": [{ contract: { orgHeaders: ["X-Org\r\nX-Evil"] } }, "BAD_ARGUMENT"],
    "an entry without an api": [{ environments: [{ name: "mine" }] }, "BAD_ARGUMENT"],
    "an entry that takes a region's name": [
      {
        environments: [
          { name: "prod", api: "https://a.example", login: "https://a.example", apps: "https://a.example" },
        ],
      },
      "BAD_ARGUMENT",
    ],
    "an entry over plain http": [
      {
        environments: [
          { name: "mine", api: "http://a.example", login: "https://a.example", apps: "https://a.example" },
        ],
      },
      "INSECURE_ORIGIN",
    ],
  };
  for (const [what, [options, code]] of Object.entries(OPTIONS)) {
    test(`${what}: ${code}`, () => refusesConnect(code, options));
  }

  test("null in place of options: BAD_ARGUMENT", async () => {
    const error = await failureOf(({ premium, settle }) => settle(premium.connect(null)));
    assert.equal(error.code, "BAD_ARGUMENT");
  });
});

describe("a token that is", () => {
  const TOKENS = {
    empty: "",
    "of 2 MB": "a".repeat(2_000_000),
    "of two lines": "abc\ndef",
    "with a header in it": "abc\r\nX-Evil: 1",
    "with Bearer before it": "Bearer abcdef",
    "not ASCII": "abcdéf",
    "a JWT without its signature": `${header}.${claims}`,
    "a JWT cut within its claims": `${header}.${claims.slice(0, 30)}`,
    "a JWT whose claims are cut": `${header}.${claims.slice(0, 30)}.c2lnbmF0dXJl`,
    "a JWT whose claims are no JSON": `${header}.bm90IGpzb24.c2lnbmF0dXJl`,
    "a JWT header alone": header,
  };
  for (const [what, token] of Object.entries(TOKENS)) {
    test(`${what}: TOKEN_MALFORMED, with connect, addToken and getToken`, async () => {
      const { cloud } = browser;
      await browser.openEmpty({ orgId: cloud.globex.id });
      const answers = await browser.run(
        async ({ connect, settle, watchFetch }, token, agentId) => {
          const fetched = watchFetch();
          const recorder = await connect();
          const given = await connect({ getToken: () => token });
          const errors = [
            await settle(connect({ tokens: [token] })),
            await settle(recorder.addToken(token)),
            await settle(given.startRecording(agentId)),
          ];
          return { errors: errors.map(({ error }) => error), fetched };
        },
        token,
        cloud.globex.agents[0].id,
      );
      for (const error of answers.errors) {
        assert.equal(error.code, "TOKEN_MALFORMED");
        assert.ok(error.hint);
        if (token.length > 10) assert.ok(!error.everything.includes(token.slice(-11)));
      }
      assert.deepEqual(answers.fetched, []);
      assert.deepEqual(await cloud.requests(), []);
    });
  }
});

describe("a host", () => {
  const HOSTS = {
    "https://apps.mypurecloud.com.evil.example": "UNKNOWN_ENVIRONMENT",
    "https://apps.mypurecloud.com@evil.example": "UNKNOWN_ENVIRONMENT",
    "https://evil.example#https://apps.mypurecloud.com": "UNKNOWN_ENVIRONMENT",
    "https://evil.example/apps.mypurecloud.com": "UNKNOWN_ENVIRONMENT",
    "https://apps.mypurecloud.com:8443": "UNKNOWN_ENVIRONMENT",
    "https://apps.mypurecloud.com:443": "UNKNOWN_ENVIRONMENT",
    "https://APPS.MYPURECLOUD.COM": "UNKNOWN_ENVIRONMENT",
    "https://apps.mypurecloud.com.": "UNKNOWN_ENVIRONMENT",
    "https://apps.mypurecloud.com/": "UNKNOWN_ENVIRONMENT",
    "https://аpps.mypurecloud.com": "UNKNOWN_ENVIRONMENT",
    "https://xn--pps-5cd.mypurecloud.com": "UNKNOWN_ENVIRONMENT",
    "https://apps。mypurecloud。com": "UNKNOWN_ENVIRONMENT",
    "https://apps.mypurecloud.ie": "UNKNOWN_ENVIRONMENT",
    "http://apps.mypurecloud.com": "INSECURE_ORIGIN",
    "http://127.0.0.1:8080": "INSECURE_ORIGIN",
    "javascript:alert(1)": "UNKNOWN_ENVIRONMENT",
    null: "UNKNOWN_ENVIRONMENT",
  };
  for (const [host, code] of Object.entries(HOSTS)) {
    test(`${host} that says it is prod: ${code}`, async () => {
      await refusesLaunch(code, { gcHostOrigin: host, gcTargetEnv: "prod" });
    });
  }

  const LAUNCHES = {
    "says nothing": [{}, "UNKNOWN_ENVIRONMENT"],
    "does not say which environment": [{ gcHostOrigin: "https://apps.mypurecloud.com" }, "UNKNOWN_ENVIRONMENT"],
    "does not say its origin": [{ gcTargetEnv: "prod" }, "UNKNOWN_ENVIRONMENT"],
    "left its placeholders": [
      { gcHostOrigin: "{{gcHostOrigin}}", gcTargetEnv: "{{gcTargetEnv}}" },
      "UNKNOWN_ENVIRONMENT",
    ],
    "contradicts itself": [
      { gcHostOrigin: "https://apps.mypurecloud.com", gcTargetEnv: "prod", pcEnvironment: "mypurecloud.ie" },
      "UNKNOWN_ENVIRONMENT",
    ],
    "names no organization by orgId": [{ pcEnvironment: "mypurecloud.com", orgId: "globex" }, "BAD_ARGUMENT"],
  };
  for (const [what, [launch, code]] of Object.entries(LAUNCHES)) {
    test(`that ${what}: ${code}`, () => refusesLaunch(code, launch));
  }

  test("that is what it says is believed, and nothing is sent before there is a need", async () => {
    await browser.openEmpty();
    const launch = { gcHostOrigin: "https://apps.mypurecloud.com", gcTargetEnv: "prod", orgId: UUID };
    const { environment, orgId, fetched } = await browser.run(
      async ({ premium, watchFetch }, launchUrl, token) => {
        const fetched = watchFetch();
        const recorder = await premium.connect({ launchUrl, tokens: [token] });
        return { environment: recorder.environment, orgId: recorder.orgId, fetched };
      },
      launchUrl(launch),
      `${header}.${claims}.c2lnbmF0dXJl`,
    );
    assert.deepEqual(environment, {
      name: "prod",
      api: "https://api.mypurecloud.com",
      login: "https://login.mypurecloud.com",
      apps: "https://apps.mypurecloud.com",
    });
    assert.equal(orgId, UUID);
    assert.deepEqual(fetched, []);
  });

  test("cannot opt the app in to an environment: only the app can", async () => {
    const error = await failureOf(({ premium, settle }) => settle(premium.connect()));
    assert.equal(error.code, "UNKNOWN_ENVIRONMENT");
  });
});

async function refusesStart(code, agentId, ...options) {
  const { cloud } = browser;
  const error = await failureOf(
    async ({ connect, settle }, token, ...start) => {
      const recorder = await connect({ tokens: [token] });
      return settle(recorder.startRecording(...start));
    },
    await cloud.token(cloud.globex),
    agentId,
    ...options,
  );
  assert.equal(error.code, code);
}

async function refusesConnect(code, options) {
  const error = await failureOf(({ connect, settle }, options) => settle(connect(options)), options);
  assert.equal(error.code, code);
}

/** The token is opaque: it is asked about at once, wherever connect() would come to believe that it belongs. */
async function refusesLaunch(code, launch) {
  const error = await failureOf(
    ({ premium, settle }, launchUrl) => settle(premium.connect({ launchUrl, tokens: ["opaque"] })),
    launchUrl(launch),
  );
  assert.equal(error.code, code);
}

/** The error that a call ends in, when the page has asked nobody anything. */
async function failureOf(body, ...args) {
  const { cloud } = browser;
  await browser.openEmpty({ orgId: cloud.globex.id });
  await browser.run(({ watchFetch }) => void (window.fetched = watchFetch()));
  const { value, error } = await browser.run(body, ...args);
  assert.equal(value, undefined);
  assert.ok(error.isError && error.hint && error.retryable === false, JSON.stringify(error));
  assert.deepEqual(await browser.run(() => window.fetched), []);
  assert.deepEqual(await cloud.requests(), []);
  return error;
}

function launchUrl(launch) {
  return `https://vendor.example/?${new URLSearchParams(launch)}`;
}
