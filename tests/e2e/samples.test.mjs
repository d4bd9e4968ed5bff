// Every JavaScript sample of the README and of docs/, run as it is printed. What a sample takes from the app around it is given here.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { beforeEach, test } from "node:test";
import { By } from "selenium-webdriver";
import { WHERE_BUTTONS_GO, browser as open } from "./browser.mjs";
import { platformSdk } from "./platform-sdk.mjs";

const FAILED = /screenrecordings\S* - Failed to load resource/;
const browser = open({ mayComplain: [FAILED] });

const documents = ["README.md", "docs/any-call.md"].map((name) => new URL(`../../${name}`, import.meta.url));
const texts = await Promise.all(documents.map((url) => readFile(url, "utf8")));
const SAMPLES = [...texts.join("\n").matchAll(/```js\n(.*?)```/gs)].map(([, text]) => text);

/** The client of the samples. */
const CLIENT = "…";
const CALLBACK = "/premium-recorder/callback.html";

let cloud, acme, globex, initech;
beforeEach(async () => {
  cloud = browser.cloud;
  ({ acme, globex, initech } = cloud);
  await cloud.register(`${browser.appOrigin}${CALLBACK}`, CLIENT);
  await cloud.register(`${browser.appOrigin}/config.json`, CLIENT);
});

const run = new Set();

/** A test of the sample that begins so. */
function sample(begins, name, body) {
  const at = SAMPLES.findIndex((text, at) => text.startsWith(begins) && !run.has(at));
  run.add(at);
  test(`${name}: ${SAMPLES[at]?.split("\n")[0] ?? `no sample begins with ${begins}`}`, () => body(SAMPLES[at]));
}

sample("import { connect }", "the first sample, from the official launch URL", async (text) => {
  await browser.openEmpty();
  await signsInWithAClick(text);
});

sample("const recorder = await connect({ tokens", "tokens", async (text) => {
  await browser.openEmpty();
  const tokens = await Promise.all([acme, globex, initech].map((org) => cloud.token(org)));
  const orgs = await execute(text, {
    tokenOfAcme: tokens[0],
    tokenOfGlobex: tokens[1],
    tokenOfInitech: tokens[2],
    orgId: acme.id,
  });
  assert.deepEqual(orgs, [globex.id, initech.id]);
  assert.equal((await cloud.revocations()).length, 1);
});

sample("import { isRecorderError }", "errors", async (text) => {
  await browser.openEmpty({ orgId: globex.id });
  const shown = await browser.run(
    async ({ connect, kept }, token, agentId, ...sample) => {
      kept.given = { recorder: await connect({ tokens: [token] }), agentId, signal: new AbortController().signal };
      kept.given.show = (words) => (kept.shown = words);
      await window.runSample(...sample);
      return kept.shown;
    },
    await cloud.token(globex, { scopes: ["user-basic-info"] }),
    globex.agents[0].id,
    ...(await prepared(text)),
  );
  assert.match(shown, /^SCOPE_MISSING: The cloud answered 403: .* Add /);
});

sample("const recording = await", "a recording's life", async (text) => {
  await browser.openEmpty({ orgId: globex.id });
  await execute(text, { agentId: globex.agents[0].id }, await cloud.token(globex));
  assert.deepEqual(
    (await cloud.recordings()).map(({ state }) => state),
    ["stopped"],
  );
});

sample("const results = await", "many", async (text) => {
  await browser.openEmpty({ orgId: globex.id });
  const [{ id: agentId }, { id: another }] = globex.agents;
  await execute(text, { agentId, another, orgId: globex.id, progress: {} }, await cloud.token(globex));
  assert.equal((await cloud.recordings()).length, 2);
});

sample("const recorder = await connect({\n  async getToken", "getToken", async (text) => {
  await browser.openEmpty();
  await browser.run(async ({ environment }, orgId) => {
    const { fetch } = window;
    window.fetch = (resource, init) => {
      if (resource !== "/token?org=mine") return fetch(resource, init);
      return fetch(`${environment.api}/standin/tokens`, { method: "POST", body: JSON.stringify({ orgId }) })
        .then((response) => response.json())
        .then(({ access_token: accessToken, expires_in: expiresIn }) => Response.json({ accessToken, expiresIn }));
    };
  }, globex.id);
  await execute(`${text}\nawait recorder.startRecording(agentId);`, { agentId: globex.agents[0].id });
  assert.deepEqual(
    (await cloud.recordings()).map(({ orgId }) => orgId),
    [globex.id],
  );
});

sample("const recorder = await connect({\n  login", "login", async (text) => {
  await browser.openEmpty();
  await signsInWithAClick(text);
});

sample("const recorder = await connect({ login", "a sign-in at connect()", async (text) => {
  // The page of the tests stands for the app's.
  const sample = text.replace('location.origin + "/"', 'location.origin + "/config.json"');
  await browser.openEmpty();
  await browser.driver.executeScript("sessionStorage.clear()");
  await browser.evaluate(leave, ...(await prepared(sample)), cloud.environment, globex.agents[0].id);
  await browser.onSignInPage();
  await browser.signIn(globex);
  await browser.until("the page is back", async () => {
    await browser.leaveApp();
    await browser.driver.switchTo().frame(0);
    return browser.driver.executeScript(
      "return location.pathname === '/config.json' && location.search.includes('code=')",
    );
  });
  await browser.enterEmpty();
  await execute(sample, { agentId: globex.agents[0].id });
  assert.deepEqual(
    (await cloud.recordings()).map(({ orgId }) => orgId),
    [globex.id],
  );
});

sample("console.table", "the doctor", async (text) => {
  await browser.openEmpty({ orgId: globex.id });
  await execute(text, { agentId: globex.agents[0].id, error: {} }, await cloud.token(globex));
  assert.deepEqual(await cloud.starts(), []);
});

sample("connect({ contract", "another contract", async (text) => {
  await browser.openEmpty({ orgId: globex.id });
  await execute(text, {});
});

for (const [begins, name, method, check] of [
  ["const response = await recorder.fetch", "any call", "GET", ({ path }) => path === "/api/v2/users/me"],
  ["const path = `/api/v2/conversations", "pause and resume", "PATCH", ({ status }) => status === 202],
  ["const { participants }", "the state of screen recordings", "GET", ({ path }) => /conversations\/[^/]*$/.test(path)],
  ["const recordings = await", "the recordings of screens", "GET", ({ path }) => path.endsWith("/recordingmetadata")],
  ["const users = []", "pages", "GET", ({ path }) => path === "/api/v2/users"],
  ["const download = await", "a download and an upload", "POST", ({ contentType }) => /^multipart/.test(contentType)],
]) {
  sample(begins, name, async (text) => {
    await browser.openEmpty({ orgId: globex.id });
    const conversationId = globex.id.replace(/0{12}$/, "00000000c001");
    await execute(text, { conversationId, path: "/standin/files?length=1000" }, await cloud.token(globex));
    const requests = (await cloud.requests()).filter((request) => request.method === method && check(request));
    assert.ok(requests.length > 0);
    assert.ok(requests.every(({ status, tokenOrgId }) => status < 300 && tokenOrgId === globex.id));
  });
}

sample('import { connect } from "premium-recorder";\nimport { screenMonitoring }', "live monitoring", async (text) => {
  await browser.openEmpty({ orgId: globex.id });
  await execute(text, { agentId: globex.agents[1].id, token: await cloud.token(globex) });
  assert.deepEqual(
    (await cloud.monitorings()).map(({ state, orgId }) => [state, orgId]),
    [["stopped", globex.id]],
  );
});

sample("import { httpClient }", "the official SDK", async (text) => {
  await browser.openEmpty({ orgId: globex.id });
  await browser.evaluate(`() => { ${await platformSdk()}; window.platform = sdk.default; }`);
  const orgIds = [acme.id, globex.id];
  await browser.run(
    async ({ connect, kept }, tokens, orgIds, ...sample) => {
      kept.given = { recorder: await connect({ tokens }), orgIds, platform: window.platform };
      await window.runSample(...sample);
    },
    await Promise.all([acme, globex].map((org) => cloud.token(org))),
    orgIds,
    ...(await prepared(text)),
  );
  const mine = (await cloud.requests()).filter(({ path }) => path === "/api/v2/users/me");
  assert.deepEqual(mine.map(({ tokenOrgId }) => tokenOrgId).toSorted(), orgIds.toSorted());
});

test("every sample is run", () => {
  assert.deepEqual(
    [...run].toSorted((one, other) => one - other),
    [...SAMPLES.keys()],
  );
});

/** Runs a sample that connects and gives the button its click, clicks, and signs in. */
async function signsInWithAClick(text) {
  await browser.run(
    async ({ kept }, agentId, where, ...sample) => {
      const button = document.createElement("button");
      document.body[where](button);
      kept.given = { agentId, button };
      await window.runSample(...sample);
    },
    globex.agents[0].id,
    WHERE_BUTTONS_GO,
    ...(await prepared(text)),
  );
  await (await browser.driver.findElement(By.css("button"))).click();
  await browser.signInThere(globex);
  await browser.until("the recording runs", async () => (await cloud.recordings()).length === 1);
  const [{ orgId, agentId }] = await cloud.recordings();
  assert.deepEqual([orgId, agentId], [globex.id, globex.agents[0].id]);
  await browser.popupClosed();
}

/** Runs the sample with these values of the app, and with a recorder that holds this token, if there is one. */
async function execute(text, given, token) {
  return browser.run(
    async ({ connect, kept }, given, token, ...sample) => {
      kept.given = { ...given, signal: new AbortController().signal };
      if (token) kept.given.recorder = await connect({ tokens: [token] });
      const { recorder } = await window.runSample(...sample);
      return recorder?.orgs().map(({ orgId }) => orgId);
    },
    given,
    token ?? null,
    ...(await prepared(text)),
  );
}

/** Puts `runSample` into the page. Returns its arguments: the sample, and the names that it takes from the app. */
async function prepared(text) {
  await browser.evaluate(
    `(environment, runSample) => {
      window.runSample = (0, eval)("(" + runSample + ")")(environment);
    }`,
    cloud.environment,
    String(runner),
  );
  const free =
    "agentId another orgId signal progress button show error recorder tokenOfAcme tokenOfGlobex tokenOfInitech " +
    "conversationId path token platform orgIds";
  const declared = [...text.matchAll(/^const (\w+)/gm)].map(([, name]) => name);
  return [text, free.split(" ").filter((name) => !declared.includes(name)), declared];
}

/** Runs in the page: makes the function that runs a sample as a module. */
function runner(environment) {
  const module = (text) => URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  const library = JSON.stringify(`${location.origin}/premium-recorder/index.js`);
  // The package, with the stand-in cloud among its environments.
  const shim = module(`
    import * as premium from ${library};
    export * from ${library};
    export const connect = (options) => premium.connect({ environments: [${JSON.stringify(environment)}], ...options });
  `);
  return (text, free, declared) => {
    const names = ["connect", "explain", "isRecorderError"].filter((name) => !text.includes(`import { ${name} }`));
    return import(
      module(`
        import { ${names} } from "${shim}";
        const { ${free} } = window.kept.given;
        ${text
          .replace('"premium-recorder"', JSON.stringify(shim))
          .replace(/"premium-recorder\/(.*?)"/, `"${location.origin}/premium-recorder/$1.js"`)}
        export { ${declared} };
      `)
    );
  };
}

/** Runs in the page: a sample that goes to the sign-in, which ends the page. */
function leave(text, free, declared, environment, agentId) {
  window.kept = { given: { agentId } };
  window.runSample(text, free, declared).catch(() => {});
}
