// The first call from the URL that Genesys Cloud launches: the URL names the region and no organization.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { build } from "esbuild";
import { root } from "../../scripts/process.mjs";
import { CLIENT_ID } from "../../scripts/serve.mjs";
import { browser as open } from "./browser.mjs";
import { engine } from "./engines.mjs";

const browser = open();

let cloud, acme, globex, northwind;
beforeEach(() => {
  cloud = browser.cloud;
  ({ acme, globex, northwind } = cloud);
});

describe("a click on a page that nobody has told its organization", () => {
  beforeEach(() => browser.openEmpty());

  test("signs in once, and records the agent in the organization of whoever signed in", async () => {
    await start(globex.agents[0]);
    await browser.signInThere(globex);
    const { value } = await browser.ended();
    assert.equal(value.orgId, globex.id);
    assert.deepEqual(await afterwards(), { orgId: globex.id, names: ["Globex"] });

    const [{ target }, ...others] = await cloud.authorizations();
    assert.deepEqual([target, others], [undefined, []]);
    await onlyTokensOf(globex);
    assert.deepEqual(
      (await cloud.recordings()).map(({ orgId, agentId }) => [orgId, agentId]),
      [[globex.id, globex.agents[0].id]],
    );
    // The next call is for that organization, and needs nobody.
    const next = await browser.run(({ kept }, agentId) => kept.recorder.startRecording(agentId), globex.agents[1].id);
    assert.equal(next.orgId, globex.id);
    assert.equal((await cloud.authorizations()).length, 1);
  });

  test("lets a person with several organizations choose", async () => {
    await start(acme.agents[0]);
    await browser.enterPopup();
    await browser.choose("User", `${northwind.agents[0].name} (${northwind.name})`);
    await browser.choose("Organization", acme.name);
    await browser.pressLast("Sign in");
    await browser.leavePopup();
    const { value } = await browser.ended();
    assert.equal(value.orgId, acme.id);
    const [{ homeOrgId }] = await browser.run(({ kept }) => kept.recorder.orgs());
    assert.equal(homeOrgId, northwind.id);
    await onlyTokensOf(acme);
  });

  test("signs in once for many calls of any kind", async () => {
    const agents = globex.agents.slice(0, 2).map(({ id }) => id);
    await click(
      ({ kept }, agents) =>
        () =>
          Promise.all([
            kept.recorder.startRecording(agents[0]),
            kept.recorder.signIn(),
            kept.recorder.startMany(agents),
            kept.recorder.availableOrgs(),
            kept.recorder.recordings(),
          ]).then(([recording, summary, many]) => [recording, summary, ...many.map(({ value }) => value)]),
      agents,
    );
    await browser.signInThere(globex);
    const { value } = await browser.ended();
    assert.deepEqual(
      value.map(({ orgId }) => orgId),
      [globex.id, globex.id, globex.id, globex.id],
    );
    assert.equal((await cloud.exchanges()).length, 1);
    assert.equal((await cloud.starts()).length, 2);
    await onlyTokensOf(globex);
  });

  test("comes after a getToken that has none; the engine that blocks the late window opens it with the next click", async () => {
    await start(globex.agents[0], { getToken: "none" });
    await browser.clickAgainIfBlocked(globex.agents[0].id);
    await browser.signInThere(globex);
    const { value } = await browser.ended();
    assert.equal(value.orgId, globex.id);
    assert.deepEqual(await browser.run(({ kept }) => kept.needs[0]), { hasOrgId: false, reason: "missing" });
    await onlyTokensOf(globex);
  });

  test("refuses whoever belongs to an organization that the vendor does not serve: LOGIN_WRONG_ORG", async () => {
    await start(globex.agents[0], { allowedOrgIds: [acme.id] });
    await browser.signInThere(globex);
    const { error } = await browser.ended();
    assert.deepEqual([error.code, error.tokenOrgId], ["LOGIN_WRONG_ORG", globex.id]);
    assert.deepEqual(await afterwards(), { names: [] });
    assert.deepEqual(await cloud.starts(), []);
    // For a named organization that is not served, no window opens.
    const named = await browser.run(
      ({ kept, settle }, agentId, orgId) => settle(kept.recorder.startRecording(agentId, { orgId })),
      globex.agents[0].id,
      globex.id,
    );
    assert.equal(named.error.code, "LOGIN_WRONG_ORG");
    assert.equal((await cloud.authorizations()).length, 1);
  });

  test("after a sign-out, another account decides anew", async () => {
    await start(globex.agents[0], { prompt: "login" });
    await browser.signInThere(globex);
    await browser.ended();
    await browser.run(({ kept }) => kept.recorder.signOut());
    assert.deepEqual(await afterwards(), { names: [] });
    await browser.click(
      ({ kept }) =>
        () =>
          kept.recorder.signIn(),
    );
    await browser.signInThere(acme);
    const { value } = await browser.ended();
    assert.deepEqual([value.orgId, value.name], [acme.id, "Acme"]);
    assert.deepEqual(await afterwards(), { orgId: acme.id, names: ["Acme"] });
  });

  test("an abort of the only call closes the window", async () => {
    await click(({ kept }) => () => {
      kept.controller = new AbortController();
      return kept.recorder.signIn({ signal: kept.controller.signal });
    });
    await browser.enterPopup();
    await browser.leavePopup();
    const { error } = await browser.run(async ({ kept }) => {
      kept.controller.abort(new Error("enough"));
      return kept.going;
    });
    assert.deepEqual(error, { thrown: "Error: enough" });
    await browser.popupClosed();
    assert.deepEqual(await cloud.exchanges(), []);
  });
});

describe("login.on: connect", () => {
  beforeEach(async () => {
    await browser.openEmpty({ gcConversationId: "c-1" });
    await browser.driver.executeScript("sessionStorage.clear()");
  });

  test("signs in without a click, by redirect, and comes back to the page as it was", async () => {
    const before = await browser.address();
    await connectAndLeave();
    await browser.signInInFrame(globex);
    await browser.backInFrame();
    const { outcome, launch, recording } = await connectOnReturn({}, globex.agents[0]);
    assert.deepEqual(outcome.value, { orgId: globex.id, names: ["Globex"] });
    assert.equal(launch.conversationId, "c-1");
    assert.equal(recording.orgId, globex.id);
    assert.equal(await browser.address(), before);
    assert.equal((await cloud.authorizations()).length, 1);
    await onlyTokensOf(globex);
  });

  test("tries once for each return, however often the person says no and the app connects", async () => {
    for (let turn = 1; turn <= 2; turn += 1) {
      await connectAndLeave();
      await browser.onSignInPage();
      await browser.press("Deny");
      await browser.backInFrame();
      for (let attempt = 0; attempt < 3; attempt += 1) {
        const { outcome } = await connectOnReturn();
        assert.equal(outcome.error.code, "LOGIN_DENIED");
      }
      assert.equal((await cloud.authorizations()).length, turn);
      assert.equal(new URL(await browser.address()).origin, browser.appOrigin);
      // Another load is another attempt.
      await browser.openEmpty();
    }
    assert.deepEqual(await cloud.exchanges(), []);
  });

  test("serves the recorder that stays, if React's StrictMode closes the first one", async () => {
    await connectAndLeave();
    await browser.signInInFrame(globex);
    await browser.backInFrame();
    const { outcomes, orgId } = await browser.run(async ({ connect, login, settle }, agentId) => {
      const options = { login: login({ mode: "redirect", on: "connect" }) };
      const first = connect(options);
      const closing = first.then((recorder) => recorder.close());
      const second = await connect(options);
      await closing;
      const outcomes = await Promise.all([
        settle(second.startRecording(agentId)),
        settle(first.then((recorder) => recorder.startRecording(agentId))),
      ]);
      return { outcomes, orgId: second.orgId };
    }, globex.agents[0].id);
    assert.equal(outcomes[0].value?.orgId, globex.id);
    assert.equal(outcomes[1].error.code, "CLOSED");
    assert.equal(orgId, globex.id);
    assert.equal((await cloud.authorizations()).length, 1);
    await onlyTokensOf(globex);
  });

  test("stops leaving if the responses never arrive", async () => {
    await connectAndLeave();
    await browser.signInInFrame(globex);
    await browser.backInFrame();
    await browser.evaluate(() => {
      // A router cleans the address before the app connects.
      history.replaceState(null, "", location.pathname);
      // So it did after eleven sign-ins before this one, a second apart.
      const [key] = Object.keys(sessionStorage).filter((name) => name.startsWith("premium-recorder.login."));
      const request = new URLSearchParams(sessionStorage[key]);
      const opened = Number(request.get("opened"));
      for (let before = 1; before <= 11; before++) {
        request.set("opened", opened - before * 1000);
        request.set("began", opened - (before - 1) * 1000);
        sessionStorage[`${key}${before}`] = String(request);
      }
    });
    const outcome = await browser.run(({ connect, login, settle, environment: { name: environment } }) =>
      settle(connect({ environment, login: login({ mode: "redirect", on: "connect" }) }).then(() => ({}))),
    );
    assert.equal(outcome.error.code, "LOGIN_STATE_MISMATCH");
    assert.match(outcome.error.hint, /login\.redirectUri/);
    assert.equal((await cloud.authorizations()).length, 1);
  });

  test("does not leave for a token that another page shares", async () => {
    const outcome = await browser.run(async ({ connect, login, frames, environment }, orgId) => {
      const order = { method: "POST", body: JSON.stringify({ orgId, format: "jwt" }) };
      const { access_token: token } = await (await fetch(`${environment.api}/standin/tokens`, order)).json();
      const [frame] = await frames(1);
      const named = { orgId, login: login({ mode: "redirect", on: "connect" }) };
      const first = await connect({ ...named, tokens: [token] });
      const second = await frame.connect({ ...named, tokens: [token] });
      return [first.orgId, second.orgId];
    }, globex.id);
    assert.deepEqual(outcome, [globex.id, globex.id]);
    assert.deepEqual(await cloud.authorizations(), []);
  });
});

test("two pages whose sources know different organizations never share the token that decides", async () => {
  await browser.openEmpty();
  const seen = await browser.run(
    async ({ frames, environment }, orgIds, agentIds) => {
      const pages = await frames(3);
      const source = (orgId) => async (need) => {
        const order = { method: "POST", body: JSON.stringify({ orgId: need.orgId ?? orgId, format: "jwt" }) };
        return (await (await fetch(`${environment.api}/standin/tokens`, order)).json()).access_token;
      };
      const recorders = await Promise.all(
        pages.map(({ connect }, at) => connect({ getToken: source(orgIds[at % 2]) })),
      );
      const started = await Promise.all(recorders.map((recorder, at) => recorder.startRecording(agentIds[at])));
      return recorders.map(({ orgId }, at) => [orgId, started[at].orgId]);
    },
    [acme.id, globex.id],
    [acme.agents[0].id, globex.agents[0].id, acme.agents[1].id],
  );
  assert.deepEqual(seen, [
    [acme.id, acme.id],
    [globex.id, globex.id],
    [acme.id, acme.id],
  ]);
});

test("getToken that answers for another organization later: TOKEN_SOURCE_WRONG_ORG, and nothing is sent", async () => {
  await browser.openEmpty();
  const { first, second, orgId } = await browser.run(
    async ({ connect, settle, environment }, orgIds, agentIds) => {
      const answers = [...orgIds];
      const getToken = async () => {
        const order = {
          method: "POST",
          body: JSON.stringify({ orgId: answers.shift(), format: "jwt", expiresIn: 600 }),
        };
        return (await (await fetch(`${environment.api}/standin/tokens`, order)).json()).access_token;
      };
      const recorder = await connect({ getToken });
      const first = await recorder.startRecording(agentIds[0]);
      const revoke = {
        method: "POST",
        body: JSON.stringify({ method: "POST", path: "/api/v2/screenrecordings", times: 1, fault: { status: 401 } }),
      };
      await fetch(`${environment.api}/standin/faults`, revoke);
      const second = await settle(recorder.startRecording(agentIds[1]));
      return { first: first.orgId, second, orgId: recorder.orgId };
    },
    [acme.id, globex.id],
    acme.agents.slice(0, 2).map(({ id }) => id),
  );
  assert.deepEqual([first, second.error.code, orgId], [acme.id, "TOKEN_SOURCE_WRONG_ORG", acme.id]);
  await onlyTokensOf(acme);
});

describe("launch parameters", () => {
  test("with the names of Genesys' samples", async () => {
    await browser.openEmpty({
      gcHostOrigin: "",
      gcTargetEnv: "",
      ...sampleNames(),
      langTag: "de",
      conversationid: "c-1",
    });
    const { name, langTag, conversationId } = await browser.run(async ({ connect }) => {
      const { environment, launch } = await connect();
      return { name: environment.name, ...launch };
    });
    assert.deepEqual([name, langTag, conversationId], ["local", "de", "c-1"]);
  });

  test("with an app's own names", async () => {
    const { apps, name } = cloud.environment;
    await browser.openEmpty({ gcHostOrigin: "", gcTargetEnv: "", host: apps, env: name, tenant: globex.id });
    const orgId = await browser.run(async ({ connect }) => {
      const launchParams = { hostOrigin: "host", targetEnv: "env", orgId: "tenant" };
      return (await connect({ launchParams })).orgId;
    });
    assert.equal(orgId, globex.id);
  });

  const bad = {
    "an unknown key": { launchParams: { region: "r" } },
    "two things at one parameter": { launchParams: { hostOrigin: "x", targetEnv: "x" } },
    "the official parameter of another thing": { launchParams: { hostOrigin: "gcTargetEnv" } },
    "an empty name": { launchParams: { langTag: "" } },
    "no text": { launchParams: { langTag: 1 } },
    "a client id for no environment": { login: { clientId: undefined, clientIds: { local: "x", nowhere: "x" } } },
    "an empty list of allowed organizations": { login: { allowedOrgIds: [] } },
    "an allowed organization that is none": { login: { allowedOrgIds: ["acme"] } },
    "another moment to sign in": { login: { on: "load" } },
  };
  for (const [what, options] of Object.entries(bad)) {
    test(`${what}: BAD_ARGUMENT`, async () => {
      await browser.openEmpty();
      const { error } = await browser.run(
        ({ connect, login, settle }, options) => {
          const given = Object.entries(options.login ?? {}).map(([name, value]) => [name, value ?? undefined]);
          return settle(connect({ ...options, login: login(Object.fromEntries(given)) }));
        },
        // JSON drops what is undefined.
        JSON.parse(JSON.stringify(options, (_, value) => (value === undefined ? null : value))),
      );
      assert.equal(error.code, "BAD_ARGUMENT");
    });
  }

  const sovereign = "https://apps.edee1.eusc-pure.cloud";
  const regions = {
    "EU Sovereign, by its apps origin": [sovereign, "edee1.eusc-pure.cloud"],
    "a look-alike of EU Sovereign": [`${sovereign}.evil.example`, "UNKNOWN_ENVIRONMENT"],
    "another origin of EU Sovereign": ["https://login.edee1.eusc-pure.cloud", "UNKNOWN_ENVIRONMENT"],
  };
  for (const [what, [gcHostOrigin, expected]] of Object.entries(regions)) {
    test(`of ${what}: ${expected}`, async () => {
      await browser.openEmpty({ gcHostOrigin, gcTargetEnv: "prod-edee1" });
      const { value, error } = await browser.run(({ connect, settle }) =>
        settle(connect().then(({ environment }) => environment.name)),
      );
      assert.equal(value ?? error.code, expected);
    });
  }

  test("of a region's name that an entry of this machine has, unless one of its origins is foreign", async () => {
    await browser.openEmpty({ gcTargetEnv: "prod" });
    const outcomes = await browser.run(async ({ premium, settle, environment }) => {
      const entries = [{}, { api: "https://api.evil.example" }, { login: "https://login.evil.example" }];
      const connected = (change) => premium.connect({ environments: [{ ...environment, name: "prod", ...change }] });
      return Promise.all(entries.map((change) => settle(connected(change).then(({ environment }) => environment.api))));
    });
    assert.deepEqual(
      outcomes.map(({ value, error }) => value ?? error.code),
      [cloud.environment.api, "BAD_ARGUMENT", "BAD_ARGUMENT"],
    );
  });

  test("an alias that contradicts its official parameter: BAD_ARGUMENT", async () => {
    await browser.openEmpty({ hostOrigin: "https://apps.evil.example" });
    const { error } = await browser.run(({ connect, settle }) => settle(connect()));
    assert.equal(error.code, "BAD_ARGUMENT");
  });
});

test("Genesys' Client App SDK and this library are made from one launch URL", async () => {
  const { outputFiles } = await build({
    stdin: { contents: 'export { default } from "purecloud-client-app-sdk"', resolveDir: root },
    bundle: true,
    format: "iife",
    globalName: "sdk",
    define: { global: "globalThis" },
    write: false,
  });
  // In development: the SDK knows the regions' names only, and lets this machine's origins have them.
  await browser.openEmpty({ gcTargetEnv: "prod-euw1" });
  await browser.evaluate(`() => { ${outputFiles[0].text}; window.ClientApp = sdk.default; }`);
  const made = await browser.run(async ({ premium, environment }) => {
    const launch = { gcHostOriginQueryParam: "gcHostOrigin", gcTargetEnvQueryParam: "gcTargetEnv" };
    const clientApp = new window.ClientApp(launch);
    const recorder = await premium.connect({ environments: [{ ...environment, name: "prod-euw1" }] });
    return [typeof clientApp, recorder.environment.name, recorder.environment.apps];
  });
  assert.deepEqual(made, ["object", "prod-euw1", cloud.environment.apps]);
});

function sampleNames() {
  const { apps, name } = cloud.environment;
  return { hostOrigin: apps, targetEnv: name };
}

/** Clicks, on a page that is connected. `how`: options of `login`, or `getToken: "none"`. */
function click(action, ...args) {
  return clickWith({}, action, ...args);
}

function clickWith(how, action, ...args) {
  return browser.click(
    `async (page, { getToken, ...how }, ...args) => {
      const { connect, login, kept } = page;
      kept.needs = [];
      const none = async (need) => {
        kept.needs.push({ hasOrgId: Object.hasOwn(need, "orgId"), reason: need.reason });
        // As one that asks its backend, which has none.
        await fetch("/config.json");
        return null;
      };
      kept.recorder = await connect({ login: login(how), ...(getToken && { getToken: none }) });
      return (${action})(page, ...args);
    }`,
    how,
    ...args,
  );
}

function start(agent, how = {}) {
  return clickWith(
    how,
    ({ kept }, agentId) =>
      () =>
        kept.recorder.startRecording(agentId),
    agent.id,
  );
}

/** What the recorder of the page knows now. */
function afterwards() {
  return browser.run(({ kept: { recorder } }) => ({
    orgId: recorder.orgId,
    names: recorder.orgs().map(({ name }) => name),
  }));
}

/** Every token that was issued is this organization's, there is one, and every request has carried it. */
async function onlyTokensOf(org) {
  const { requests, tokens } = await cloud.ledger();
  const owners = tokens.filter(({ source }) => source !== "standin").map(({ orgId }) => orgId);
  assert.ok(owners.length <= 1 && owners.every((orgId) => orgId === org.id), `tokens of ${owners}`);
  const strangers = requests.filter(
    ({ path, tokenOrgId }) => tokenOrgId && tokenOrgId !== org.id && path !== "/api/v2/tokens/me",
  );
  assert.deepEqual(strangers, []);
}

/** connect() that leaves the page for the sign-in. */
async function connectAndLeave() {
  await browser.evaluate(
    `async (environment) => {
      const { connect } = await import("/premium-recorder/index.js");
      const redirectUri = location.origin + "/config.json";
      const login = { clientId: "${CLIENT_ID}", mode: "redirect", on: "connect", redirectUri };
      connect({ environments: [environment], environment: environment.name, login }).catch(() => {});
    }`,
    cloud.environment,
  );
}

/** The same connect() on the page that has come back, and a start without a click. */
function connectOnReturn(how = {}, agent) {
  return browser.run(
    async ({ connect, login, settle, kept }, how, agentId) => {
      const options = { login: login({ mode: "redirect", on: "connect", ...how }) };
      const outcome = await settle(connect(options).then((recorder) => (kept.recorder = recorder)));
      if (outcome.error) return { outcome };
      const { recorder } = kept;
      const recording = agentId && (await recorder.startRecording(agentId));
      const names = recorder.orgs().map(({ name }) => name);
      return { outcome: { value: { orgId: recorder.orgId, names } }, launch: recorder.launch, recording };
    },
    how,
    agent?.id ?? null,
  );
}
