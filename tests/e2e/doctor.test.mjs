// The doctor says what would stand in the way, and only looks.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { By } from "selenium-webdriver";
import { browser as open } from "./browser.mjs";

const REFUSED =
  /\/api\/v2\/(screenrecordings|tokens\/me\S*|users\/\S+) - Failed to load resource: .* (401|403|404|503)/;
const FAILED = /\/api\/v2\/tokens\/me\S* - Failed to load resource: net::ERR_FAILED/;
const CORS = /has been blocked by CORS policy/;
const browser = open({ mayComplain: [REFUSED, FAILED, CORS] });

const SCOPE = "screenrecordings:write";
const NEAR_MISS = "screenrecording:write";

let cloud, acme, globex, agentId;
beforeEach(() => {
  cloud = browser.cloud;
  ({ acme, globex } = cloud);
  agentId = globex.agents[0].id;
});

describe("the setup of the thread", () => {
  const setup = async () => ({
    tokens: [await cloud.token(acme, { scopes: [NEAR_MISS] })],
    contract: { orgHeaders: ["x-gc-organization"] },
  });

  test("is told all of its faults in one run, before anything is started", async () => {
    await browser.openEmpty({ orgId: globex.id });
    const report = await examined(await setup());
    expectVerdicts(report, { pick: "fail", scope: "fail", "org-header": "warn", agent: "fail" });
    tells(report.pick.found, acme.id);
    tells(report.pick.expected, globex.id);
    tells(report.scope.found, `"${NEAR_MISS}"`);
    tells(report.scope.expected, `"${SCOPE}"`);
    tells(report["org-header"].found, "x-gc-organization");
    tells(report["org-header"].expected, "X-Genesys-Organization-Id");
    tells(report.agent.found, acme.id);
    tells(report.agent.expected, globex.id);
    for (const check of ["pick", "scope", "org-header", "agent"]) assert.ok(report[check].hint, check);
  });

  test("is told its cause to someone who has only the failing token and the agent's id", async () => {
    await browser.openEmpty();
    const report = await examined(await setup());
    expectVerdicts(report, { organization: "ok", scope: "fail", "org-header": "warn", agent: "fail" });
    tells(report.scope.found, `"${NEAR_MISS}"`);
    tells(report.agent.found, acme.id);
    tells(report.agent.hint, "organization");
  });

  test("with Globex' token as well is told in which of the two organizations the agent is", async () => {
    await browser.openEmpty({ orgId: acme.id });
    const { tokens } = await setup();
    const report = await examined({ tokens: [...tokens, await cloud.token(globex)] });
    expectVerdicts(report, { organization: "ok", pick: "ok", agent: "fail" });
    tells(report.agent.found, globex.id);
    tells(report.agent.hint, globex.id);
  });
});

describe("where nothing stands in the way", () => {
  test("every line is ok, and nothing has to be done", async () => {
    await cloud.change({ dateExposedByCors: true });
    await browser.openEmpty({ orgId: globex.id });
    const scopes = [SCOPE, "user-basic-info", "users:readonly"];
    const { value: lines } = await diagnosis({ tokens: [await cloud.token(globex, { scopes })] });
    // These tests replace `fetch` to watch it, and the doctor notes that.
    assert.equal(lines.find(({ check }) => check === "fetch").verdict, "warn");
    const others = lines.filter(({ check }) => check !== "fetch");
    assert.deepEqual(
      others.map(({ check, verdict, hint }) => [check, verdict, hint]),
      others.map(({ check }) => [check, "ok", ""]),
    );
    for (const line of lines) {
      assert.deepEqual(Object.keys(line).toSorted(), ["check", "expected", "found", "hint", "verdict"]);
      assert.ok(Object.values(line).every((text) => typeof text === "string"));
    }
    const checks = lines.map(({ check }) => check);
    assert.equal(new Set(checks).size, checks.length);
    for (const check of ["launch", "environment", "token", "pick", "scope", "cors", "clock", "agent"]) {
      assert.ok(checks.includes(check), check);
    }
    await onlyLooked();
  });

  test("the start that was looked into succeeds, with the token as it was", async () => {
    await browser.openEmpty({ orgId: globex.id });
    const { before, after, recording } = await browser.run(
      async ({ connect }, tokens, agentId) => {
        const recorder = await connect({ tokens });
        const before = recorder.orgs();
        await recorder.diagnose(agentId);
        return { before, after: recorder.orgs(), recording: await recorder.startRecording(agentId) };
      },
      [await cloud.token(globex)],
      agentId,
    );
    assert.deepEqual(after, before);
    assert.equal(recording.orgId, globex.id);
  });

  test("two tokens have a line each, and `orgId` says which is to be picked", async () => {
    await browser.openEmpty({ orgId: acme.id });
    const { value: lines } = await diagnosis(
      { tokens: [await cloud.token(acme, { format: "opaque", homeOrgId: globex.id }), await cloud.token(globex)] },
      agentId,
      { orgId: globex.id },
    );
    const [first, second] = lines.filter(({ check }) => check === "token");
    for (const fact of [acme.id, globex.id, "the API", SCOPE]) tells(first.found, fact);
    for (const fact of [globex.id, "claim", SCOPE]) tells(second.found, fact);
    assert.equal(lines.filter(({ check }) => check === "scope").length, 2);
    expectVerdicts(byCheck(lines), { organization: "ok", pick: "ok", agent: "ok" });
  });
});

describe("a token", () => {
  beforeEach(() => browser.openEmpty({ orgId: globex.id }));

  test("that has expired is told, and not sent", async () => {
    const report = await examined({ tokens: [await cloud.token(globex, { expiresIn: -10 })] });
    expectVerdicts(report, { token: "fail", pick: "fail", scope: "skipped", cors: "skipped", agent: "skipped" });
    tells(report.token.found, globex.id);
    assert.deepEqual(await cloud.requests(), []);
  });

  test("that was revoked is told", async () => {
    const token = await cloud.token(globex);
    await fetch(`${cloud.environment.api}/api/v2/tokens/me`, {
      method: "DELETE",
      headers: { authorization: `Bearer ${token}` },
    });
    const report = byCheck((await diagnosis({ tokens: [token] })).value);
    expectVerdicts(report, { token: "fail", scope: "skipped", agent: "skipped" });
    assert.ok(report.token.hint);
  });

  test("that claims another organization than it is of is told whose it is", async () => {
    const report = await examined({ tokens: [await cloud.token(acme, { claimOrgId: globex.id })] });
    expectVerdicts(report, { token: "fail", agent: "fail" });
    tells(report.token.found, acme.id);
    assert.ok(report.token.hint);
  });

  test("that the cloud does not answer about is no more than suspicious", async () => {
    await cloud.spoilWhose({ status: 503 });
    expectVerdicts(await examined({ tokens: [await cloud.token(globex)] }), { token: "warn" });
  });

  test("without the scope may do where scopes are not enforced", async () => {
    const report = await examined({ tokens: [await cloud.token(globex, { scopes: ["user-basic-info"] })] });
    expectVerdicts(report, { token: "ok", scope: "warn" });
    tells(report.scope.found, "user-basic-info");
    tells(report.scope.expected, SCOPE);
  });

  test("that is not held is told, and nobody is asked for one", async () => {
    expectVerdicts(await examined({}), { token: "skipped", pick: "fail", agent: "skipped" });
    const { asked, lines } = await browser.run(async ({ connect, login }, agentId) => {
      let asked = 0;
      const recorder = await connect({ getToken: () => void (asked += 1), login: login() });
      return { lines: await recorder.diagnose(agentId), asked };
    }, agentId);
    expectVerdicts(byCheck(lines), { token: "skipped", pick: "ok" });
    assert.equal(asked, 0);
    assert.deepEqual(await cloud.requests(), []);
    assert.deepEqual(await browser.popups(), []);
  });
});

describe("CORS", () => {
  beforeEach(async () => {
    await cloud.change({ orgHeaderAllowedByCors: false });
    await browser.openEmpty({ orgId: globex.id });
  });

  test("that does not let the organization's header through is found out without starting anything", async () => {
    const report = await examined({ tokens: [await cloud.token(globex)] });
    expectVerdicts(report, { token: "ok", cors: "fail", agent: "ok" });
    tells(report.cors.found, "X-Genesys-Organization-Id");
    tells(report.cors.hint, "orgHeaders");
  });

  test("has nothing to let through where no such header is sent", async () => {
    const report = await examined({ tokens: [await cloud.token(globex)], contract: { orgHeaders: [] } });
    expectVerdicts(report, { cors: "skipped", "org-header": "ok", agent: "ok" });
  });
});

describe("the clock of this machine", () => {
  const told = async (shift, dateExposedByCors = true) => {
    await cloud.change({ dateExposedByCors });
    await browser.openEmpty({ orgId: globex.id });
    const lines = await browser.run(
      async ({ connect, shiftClock }, token, agentId, shift) => {
        shiftClock(shift);
        return (await connect({ tokens: [token] })).diagnose(agentId);
      },
      await cloud.token(globex, { expiresIn: 4 * 3600 }),
      agentId,
      shift,
    );
    await onlyLooked();
    return byCheck(lines);
  };

  for (const [what, shift] of [
    ["ahead", 3600],
    ["behind", -3600],
  ]) {
    test(`that is an hour ${what} is told`, async () => {
      const report = await told(shift);
      expectVerdicts(report, { clock: "warn", token: "ok" });
      const seconds = Number(report.clock.found.match(/^\d+/));
      assert.ok(Math.abs(seconds - 3600) < 30, report.clock.found);
      assert.ok(report.clock.hint);
    });
  }

  test("that is ten seconds ahead is near enough", async () => {
    expectVerdicts(await told(10), { clock: "ok" });
  });

  test("cannot be judged where the cloud's cannot be read", async () => {
    expectVerdicts(await told(3600, false), { clock: "skipped" });
  });
});

describe("what the platform lacks is told:", () => {
  const LACKS = { "web-locks": "locks", "session-storage": "storage", "web-crypto": "crypto" };
  for (const [check, what] of Object.entries(LACKS)) {
    test(check, async () => {
      await browser.openEmpty({ orgId: globex.id });
      const { lines, other } = await browser.run(async ({ connect }, what) => {
        const lack = {
          locks: () => Object.defineProperty(navigator, "locks", { value: undefined, configurable: true }),
          crypto: () => Object.defineProperty(crypto, "subtle", { value: undefined, configurable: true }),
          storage() {
            const get = () => {
              throw new DOMException("Access is denied for this document.", "SecurityError");
            };
            Object.defineProperty(window, "sessionStorage", { get, configurable: true });
          },
        };
        const own = Object.getOwnPropertyDescriptor(window, "sessionStorage");
        const recorder = await connect();
        const other = await recorder.diagnose();
        lack[what]();
        const lines = await recorder.diagnose();
        Object.defineProperty(window, "sessionStorage", own);
        return { lines, other };
      }, what);
      const [with_, without] = [byCheck(other), byCheck(lines)];
      assert.equal(with_[check].verdict, "ok");
      assert.equal(without[check].verdict, "warn");
      assert.ok(without[check].hint);
      const changed = lines.filter((line) => line.verdict !== with_[line.check].verdict).map((line) => line.check);
      assert.deepEqual(changed, [check]);
    });
  }
});

describe("a diagnosis", () => {
  beforeEach(() => browser.openEmpty({ orgId: globex.id }));

  test("without an agent looks at everything else", async () => {
    const { value: lines } = await diagnosis({ tokens: [await cloud.token(globex)] }, undefined);
    expectVerdicts(byCheck(lines), { token: "ok", pick: "ok", scope: "ok", agent: "skipped" });
  });

  test("of a cloud that hangs says what it has found by then", async () => {
    // Loads the module, which then takes nothing of the recorder's time.
    await browser.run(async ({ connect }) => void (await connect()));
    await cloud.spoilWhose({ held: true });
    const report = await examined({ tokens: [await cloud.token(globex)], timeoutMs: 500 });
    expectVerdicts(report, { environment: "ok", time: "fail" });
    assert.equal(report.agent, undefined);
  });

  test("of a closed recorder is CLOSED, also when it is closed meanwhile", async () => {
    const codes = await browser.run(
      async ({ connect, settle }, token, agentId) => {
        const recorder = await connect({ tokens: [token] });
        const meanwhile = settle(recorder.diagnose(agentId));
        recorder.close();
        return [await meanwhile, await settle(recorder.diagnose(agentId))].map(({ error }) => error?.code);
      },
      await cloud.token(globex),
      agentId,
    );
    assert.deepEqual(codes, ["CLOSED", "CLOSED"]);
  });

  test("of what is no agent, or with what is no option, is BAD_ARGUMENT", async () => {
    const outcomes = await browser.run(
      async ({ connect, settle }, token, agentId) => {
        const recorder = await connect({ tokens: [token] });
        const revoked = Proxy.revocable({}, {});
        revoked.revoke();
        const calls = {
          "an empty id": [""],
          "a long id": ["x".repeat(257)],
          "no text": [42],
          null: [null],
          "an object": [{}],
          "no organization": [agentId, { orgId: "Globex" }],
          "null for an organization": [agentId, { orgId: null }],
          "another option": [agentId, { organization: "x" }],
          "a signal": [agentId, { signal: new AbortController().signal }],
          "null for options": [agentId, null],
          "a text for options": [agentId, "options"],
          "options that cannot be read": [agentId, revoked.proxy],
        };
        return Promise.all(
          Object.entries(calls).map(async ([what, args]) => [
            what,
            (await settle(recorder.diagnose(...args))).error?.code,
          ]),
        );
      },
      await cloud.token(globex),
      agentId,
    );
    assert.deepEqual(
      outcomes.filter(([, code]) => code !== "BAD_ARGUMENT"),
      [],
    );
    assert.deepEqual(await cloud.requests(), []);
  });
});

describe("explain()", () => {
  beforeEach(() => browser.openEmpty({ orgId: globex.id }));

  test("makes a line of what a call was refused with, with all the evidence", async () => {
    const { line, again, error } = await browser.run(
      async ({ connect, premium }, token, agentId) => {
        const recorder = await connect({ tokens: [token] });
        const error = await recorder.startRecording(agentId).catch((error) => error);
        const line = premium.explain(error);
        return { line, again: JSON.parse(JSON.stringify(line)), error: { ...error, message: error.message } };
      },
      await cloud.token(globex, { scopes: [NEAR_MISS] }),
      agentId,
    );
    assert.deepEqual(again, line);
    assert.deepEqual(Object.keys(line).toSorted(), ["check", "expected", "found", "hint", "verdict"]);
    assert.deepEqual([line.check, line.verdict, line.hint], ["SCOPE_MISSING", "fail", error.hint]);
    for (const fact of [error.message, "403", globex.id, NEAR_MISS, "X-Genesys-Organization-Id", error.correlationId]) {
      tells(line.found, fact);
    }
    tells(line.expected, SCOPE);
  });

  test("makes one of an error of another frame's copy, too", async () => {
    const line = await browser.run(async ({ premium, frames }) => {
      const [theirs] = await frames(1);
      const error = await theirs.premium.connect({ tokens: 7 }).catch((error) => error);
      if (error instanceof premium.RecorderError) throw new Error("it is the same copy");
      return premium.explain(error);
    });
    assert.deepEqual([line.check, line.verdict], ["BAD_ARGUMENT", "fail"]);
    tells(line.found, "tokens");
    assert.ok(line.hint);
  });

  test("tells no token, whatever lies behind an error", async () => {
    const line = await browser.run(
      async ({ connect, premium }, token, agentId) => {
        const getToken = () => {
          throw new Error(`the backend said ${token}`);
        };
        const recorder = await connect({ getToken });
        return premium.explain(await recorder.startRecording(agentId).catch((error) => error));
      },
      await cloud.token(globex, { format: "opaque" }),
      agentId,
    );
    assert.equal(line.check, "TOKEN_SOURCE_FAILED");
  });

  const OTHERS = {
    "a TypeError": () => new TypeError("x is not a function"),
    "a DOMException": () => new DOMException("gone", "AbortError"),
    "a lookalike": () => ({ name: "RecorderError", code: "NO_TOKEN", message: "NO_TOKEN: …", hint: "…" }),
    "a text": () => "nothing works",
    "a symbol": () => Symbol("nothing"),
    "a big integer": () => 42n,
    undefined: () => undefined,
    null: () => null,
    "an object without a prototype": () => Object.create(null),
    "an object that is no text": () => ({
      toString() {
        throw new Error("no");
      },
    }),
    "a revoked proxy": () => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      return proxy;
    },
  };
  for (const [what, make] of Object.entries(OTHERS)) {
    test(`of ${what} is UNKNOWN`, async () => {
      const line = await browser.run(`({ premium }) => JSON.parse(JSON.stringify(premium.explain((${make})())))`);
      assert.deepEqual([line.check, line.verdict], ["UNKNOWN", "fail"]);
      for (const part of ["found", "expected", "hint"]) assert.ok(typeof line[part] === "string" && line[part], part);
      if (what === "a TypeError") tells(line.found, "x is not a function");
    });
  }
});

describe("in the page", () => {
  test("a button shows what stands in the way as a report: problems first, the rest folded, to be copied", async () => {
    await browser.openApp({ org: globex, hold: [acme] });
    await browser.press("Check setup");
    await browser.outcome("2 problems prevent recording");
    const lines = await browser.driver.executeScript(
      `return [...document.querySelectorAll("#report .line")].map((line) => ({
        check: line.dataset.check,
        verdict: line.querySelector(".verdict").ariaLabel,
        folded: line.closest("details") !== null && !line.closest("details").open,
        text: line.textContent,
      }))`,
    );
    const words = { Problem: "fail", Attention: "warn", Passed: "ok", Skipped: "skipped" };
    const verdicts = lines.map(({ check, verdict }) => ({ check, verdict: words[verdict] }));
    expectVerdicts(byCheck(verdicts), { pick: "fail", agent: "fail" });
    assert.deepEqual(
      lines.slice(0, 2).map(({ verdict, folded }) => [verdict, folded]),
      [
        ["Problem", false],
        ["Problem", false],
      ],
    );
    assert.ok(lines.filter(({ verdict }) => verdict === "Passed").every(({ folded }) => folded));
    const agent = lines.find(({ check }) => check === "agent").text;
    // A person reads names, and not ids.
    for (const part of ["Found: ", "Acme", "Expected: ", "Globex", "What to do: "]) tells(agent, part);
    assert.ok(!agent.includes(acme.id), agent);
    await browser.control("button", "Copy report");
    await onlyLooked();
  });
});

describe("an organization that enforces scopes", () => {
  test("and a client without scopes for the doctor's questions: each line says so, and none a wrong reason", async () => {
    await cloud.change({ enforceClientScopes: true });
    await browser.openEmpty({ orgId: globex.id });
    const report = await examined({ tokens: [await cloud.token(globex, { scopes: [SCOPE] })] });
    expectVerdicts(report, {
      token: "warn",
      pick: "warn",
      scope: "skipped",
      agent: "skipped",
      "client-scopes": "warn",
    });
    for (const check of ["token", "scope", "agent"]) tells(report[check].found, "user-basic-info");
    tells(report.pick.hint, "missingScopes");
    tells(report["client-scopes"].found, "without user-basic-info, users:readonly or users");
  });

  test("and a client that may not ask for users: only the agent's line does not know, and says why", async () => {
    await cloud.change({ enforceClientScopes: true });
    await browser.openEmpty({ orgId: globex.id });
    const report = await examined({ tokens: [await cloud.token(globex, { scopes: [SCOPE, "user-basic-info"] })] });
    expectVerdicts(report, { token: "ok", pick: "ok", scope: "ok", agent: "skipped", "client-scopes": "warn" });
    tells(report.agent.found, "users");
    tells(report.agent.hint, "one of the scopes");
  });
});

test("a token of client credentials is warned of, by the doctor and by an event", async () => {
  await browser.openEmpty({ orgId: globex.id });
  const { lines, warnings } = await browser.run(
    async ({ connect }, token) => {
      const warnings = [];
      const onEvent = (event) => event.type === "warning" && warnings.push(event);
      const recorder = await connect({ tokens: [token], onEvent });
      return { lines: await recorder.diagnose(), warnings };
    },
    await cloud.token(globex, { grant: "client_credentials", format: "opaque" }),
  );
  assert.equal(byCheck(lines).grant.verdict, "warn");
  assert.deepEqual(warnings, [{ type: "warning", code: "CLIENT_CREDENTIALS", orgId: globex.id }]);
});

/** What diagnose() comes to, of a recorder that was connected like this. */
function diagnosis(options, ...args) {
  const asked = args.length ? args : [agentId];
  return browser.run(
    async ({ connect, settle }, options, args) => {
      const recorder = await connect(options);
      return settle(recorder.diagnose(...args.map((arg) => arg ?? undefined)));
    },
    options,
    asked,
  );
}

/** The report by its checks, of which no request has done more than look. */
async function examined(options) {
  const { value, error } = await diagnosis(options);
  assert.equal(error, undefined);
  await onlyLooked();
  return byCheck(value);
}

async function onlyLooked() {
  const done = (await cloud.requests()).filter(({ method }) => method !== "GET");
  assert.deepEqual(done, []);
  assert.deepEqual(await cloud.recordings(), []);
}

function byCheck(lines) {
  return Object.fromEntries(lines.map((line) => [line.check, line]));
}

function expectVerdicts(report, expected) {
  const found = Object.keys(expected).map((check) => [check, report[check]?.verdict]);
  assert.deepEqual(Object.fromEntries(found), expected);
}

function tells(text, part) {
  assert.ok(text.includes(part), `"${text}" does not say ${part}`);
}
