// Signing in at a certified OpenID Connect server (oidc-provider), from a Premium App in a frame of another site: PKCE, exact
// redirect URIs, consent, the server's own cookies, refresh tokens that are used once.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { By } from "selenium-webdriver";
import { browser as open } from "./browser.mjs";
import { CLIENT_ID, startProvider } from "./oidc-provider.mjs";

/** The tests provoke refusals. */
const browser = open({ mayComplain: [/Failed to load resource/] });
const SCOPE = "openid offline_access screenrecordings:write";

let provider, cloud, globex, standIn;
beforeEach(async () => {
  cloud = browser.cloud;
  globex = cloud.globex;
  standIn = cloud.environment;
  provider = await startProvider({
    api: standIn.api,
    tokenFor: () => cloud.token(globex, { format: "opaque" }),
    redirectUris: ["/premium-recorder/callback.html", "/config.json"].map((path) => browser.appOrigin + path),
  });
  cloud.environment = { ...standIn, ...provider.environment };
  await browser.openEmpty({ orgId: globex.id });
});
afterEach(async () => {
  cloud.environment = standIn;
  await provider.close();
});

test("a person signs in and agrees, and the agent is recorded", async () => {
  await clickForStart({ scope: SCOPE });
  await signInThere();
  const { value, error } = await browser.ended();
  assert.equal(error, undefined);
  assert.deepEqual([value.orgId, value.agentId], [globex.id, globex.agents[0].id]);
  assert.equal((await cloud.starts()).length, 1);
});

test("without a scope the server refuses, and the error says what may be missing", async () => {
  await clickForStart({});
  await signInThere();
  const { error } = await browser.ended();
  assert.equal(error.code, "LOGIN_DENIED");
  assert.match(error.cause, /^access_denied/);
  assert.match(error.hint, /login\.scope/);
});

test("ten calls whose token was revoked use the refresh token once", async () => {
  await signedIn();
  await provider.revoke();
  const lists = await browser.run(({ kept: { recorder } }) =>
    Promise.all(Array.from({ length: 10 }, async () => (await recorder.recordings()).length)),
  );
  assert.deepEqual(lists, Array(10).fill(1));
  assert.equal(provider.refreshes.length, 1);
  // And the next one.
  await provider.revoke();
  assert.equal(await browser.run(async ({ kept: { recorder } }) => (await recorder.recordings()).length), 1);
  assert.equal(new Set(provider.refreshes).size, 2);
});

test("a revoked grant: the person signs in again, in the next click", async () => {
  await signedIn();
  await provider.revoke({ grants: true });
  await browser.click(
    ({ kept }, agentId) =>
      () =>
        kept.recorder.startRecording(agentId),
    globex.agents[1].id,
  );
  await browser.clickAgainIfBlocked(globex.agents[1].id);
  await signInThere({ isKnown: true });
  const { value, error } = await browser.ended();
  assert.equal(error, undefined);
  assert.equal(value.agentId, globex.agents[1].id);
  assert.deepEqual(provider.refreshes, []);
  assert.equal((await cloud.recordings()).length, 2);
});

test("a code that the server has forgotten: LOGIN_DENIED that can be tried again, and then it works", async () => {
  provider.settings.forgetsCodes = true;
  await clickForStart({ scope: SCOPE });
  await signInThere();
  const { error } = await browser.ended();
  assert.deepEqual([error.code, error.retryable], ["LOGIN_DENIED", true]);
  assert.equal(error.cause.error, "invalid_grant");
  provider.settings.forgetsCodes = false;
  await clickForStart({ scope: SCOPE });
  await signInThere({ isKnown: true });
  const { value } = await browser.ended();
  assert.equal(value.agentId, globex.agents[0].id);
});

test("by redirect, in a page that is not framed", async () => {
  const url = new URL("/config.json", browser.appOrigin);
  url.search = new URLSearchParams({ gcHostOrigin: standIn.apps, gcTargetEnv: standIn.name, orgId: globex.id, a: "1" });
  await browser.driver.get(url.href);
  await browser.evaluate(
    `async (environment, clientId, scope) => {
      const { connect } = await import("/premium-recorder/index.js");
      const redirectUri = location.origin + "/config.json";
      const login = { clientId, scope, redirectUri, mode: "redirect", on: "connect" };
      connect({ environments: [environment], login }).catch(() => {});
    }`,
    cloud.environment,
    CLIENT_ID,
    SCOPE,
  );
  await saysWhoTheyAre();
  await agrees();
  await browser.until("the page is back", async () => {
    const there = new URL(await browser.driver.getCurrentUrl());
    return there.origin === browser.appOrigin && there.searchParams.has("code");
  });
  const seen = await browser.run(
    async ({ connect, login }, clientId, scope, agentId) => {
      const recorder = await connect({ login: login({ clientId, scope, mode: "redirect", on: "connect" }) });
      const { orgId } = await recorder.startRecording(agentId);
      return { orgId, search: location.search };
    },
    CLIENT_ID,
    SCOPE,
    globex.agents[0].id,
  );
  assert.deepEqual(seen, { orgId: globex.id, search: url.search });
});

test("a server that restarts while its page is read: LOGIN_CANCELLED on closing, and the next click works", async () => {
  await clickForStart({ scope: SCOPE });
  await browser.enterPopup();
  await browser.until("the sign-in page is there", () => find("input[name=login]"));
  provider.restart();
  await (await find("input[name=login]")).sendKeys("ada");
  await (await find("input[name=password]")).sendKeys("anything");
  await submit();
  await browser.until("the server knows nothing of it", async () => {
    return (await browser.driver.findElement(By.css("body")).getText()).includes("session not found");
  });
  await browser.driver.close();
  await browser.leavePopup();
  assert.equal((await browser.ended()).error.code, "LOGIN_CANCELLED");
  await clickForStart({ scope: SCOPE });
  await signInThere();
  assert.equal((await browser.ended()).value.agentId, globex.agents[0].id);
});

test("a server that has restarted since the sign-in: the next click signs in again, and one recording is made", async () => {
  await signedIn();
  provider.restart();
  await browser.click(
    ({ kept }, agentId) =>
      () =>
        kept.recorder.startRecording(agentId),
    globex.agents[1].id,
  );
  await browser.clickAgainIfBlocked(globex.agents[1].id);
  await signInThere();
  const { value } = await browser.ended();
  assert.equal(value.agentId, globex.agents[1].id);
  assert.deepEqual(provider.refreshes, []);
  assert.equal((await cloud.recordings()).filter(({ agentId }) => agentId === globex.agents[1].id).length, 1);
});

/** Clicks for a start, where signing in is the only source. */
function clickForStart(how) {
  return browser.click(
    async ({ connect, login, kept }, clientId, how, agentId) => {
      kept.recorder = await connect({ login: login({ clientId, ...how }) });
      return () => kept.recorder.startRecording(agentId);
    },
    CLIENT_ID,
    how,
    globex.agents[0].id,
  );
}

async function signedIn() {
  await clickForStart({ scope: SCOPE });
  await signInThere();
  assert.equal((await browser.ended()).error, undefined);
}

/** What a person does on the server's own pages: say who they are, and agree. `isKnown`: its cookie says who they are. */
async function signInThere({ isKnown = false } = {}) {
  await browser.enterPopup();
  if (!isKnown) await saysWhoTheyAre();
  await agrees();
  await browser.leavePopup();
}

async function saysWhoTheyAre() {
  await browser.until("the sign-in page is there", () => find("input[name=login]"));
  await (await find("input[name=login]")).sendKeys("ada");
  await (await find("input[name=password]")).sendKeys("anything");
  await submit();
}

async function agrees() {
  await browser.until("the consent page is there", () => find("input[name=prompt][value=consent]"));
  await submit();
}

async function find(selector) {
  const [found] = await browser.driver.findElements(By.css(selector));
  return found;
}

/** The window may be gone afterwards. */
async function submit() {
  const button = await find("button[type=submit]");
  await button.click().catch((error) => {
    if (error.name !== "NoSuchWindowError") throw error;
  });
}
