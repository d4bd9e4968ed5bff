// Signing in by leaving the page: the app's frame, on another site than the page around it, goes to the login origin and
// comes back.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { By } from "selenium-webdriver";
import { CLIENT_ID } from "../../scripts/serve.mjs";
import { browser as open } from "./browser.mjs";
import { byEngine, engine } from "./engines.mjs";

const FAILED = /\/oauth\/(token|authorize)\S* - Failed to load resource/;
const browser = open({ mayComplain: [FAILED] });

const MEMO = "premium-recorder.login.";

let cloud, acme, globex, initech;
beforeEach(() => {
  cloud = browser.cloud;
  ({ acme, globex, initech } = cloud);
});

describe("in the app", () => {
  test("a person signs in, comes back to the app as it was, and starts a recording", async () => {
    await browser.openApp({ org: initech, hold: [globex], login: "redirect" });
    const before = await browser.address();
    await browser.press("Sign in to Initech");
    await browser.signInInFrame(initech);
    await browser.enterApp(initech);
    assert.equal(await browser.address(), before);
    await browser.press(`Record ${initech.agents[0].name}`);
    await browser.outcome(`Recording ${initech.agents[0].name}`);
    assert.deepEqual(
      (await cloud.recordings()).map(({ orgId }) => orgId),
      [initech.id],
    );
    await browser.control("button", "Sign in to Acme");
  });

  test("a person who says no comes back as well, and is told", async () => {
    await browser.openApp({ org: initech, login: "redirect" });
    const before = await browser.address();
    await browser.press("Sign in to Initech");
    await denyInFrame();
    await browser.enterApp(initech);
    assert.equal(await browser.address(), before);
    await browser.refusal("LOGIN_DENIED");
    await browser.control("button", "Sign in to Initech");
  });
});

describe("a sign-in by redirect", () => {
  const LAUNCH = { gcLangTag: "de-de", gcConversationId: "c-1", note: "ä b&c=d", orgId: undefined };

  test("brings back the launch URL, and leaves nothing in the address or the storage", async () => {
    await leave({ ...LAUNCH, orgId: globex.id });
    const launched = await query();
    assert.deepEqual(await memos(), []);
    await go();
    await browser.signInInFrame(globex);
    await back();

    const [memo, ...others] = await memos();
    assert.deepEqual(others, []);
    assert.equal(memo.key, MEMO + (await query()).get("state"));
    const { code } = Object.fromEntries(await query());
    assert.ok(code && !memo.value.includes(code));

    const { launch, orgs, orgId } = await browser.run(async ({ connect, login }) => {
      const recorder = await connect({ login: login({ mode: "redirect" }) });
      return { launch: recorder.launch, orgs: recorder.orgs(), orgId: recorder.orgId };
    });
    assert.deepEqual(
      orgs.map(({ orgId, knownBy }) => [orgId, knownBy]),
      [[globex.id, "cloud"]],
    );
    assert.equal(orgId, globex.id);
    assert.equal(launch.langTag, "de-de");
    assert.equal(launch.conversationId, "c-1");
    assert.deepEqual([...(await query())], [...launched]);
    assert.deepEqual(await memos(), []);
    assert.deepEqual(
      (await cloud.exchanges()).map(({ issuedOrgId }) => issuedOrgId),
      [globex.id],
    );
    // The history knows the address without the code as well.
    await browser.driver.executeScript("location.reload()");
    await browser.until("the page is there again", async () => {
      await browser.leaveApp();
      await browser.driver.switchTo().frame(0);
      return browser.driver.executeScript("return document.readyState === 'complete' && !window.kept");
    });
    assert.deepEqual([...(await query())], [...launched]);
  });

  test("goes on with the token in the next call", async () => {
    await leave({ orgId: globex.id });
    await go();
    await browser.signInInFrame(globex);
    await back();
    const recording = await browser.run(async ({ connect, login }, agentId) => {
      const recorder = await connect({ login: login({ mode: "redirect" }) });
      return recorder.startRecording(agentId);
    }, globex.agents[0].id);
    assert.equal(recording.orgId, globex.id);
    assert.equal((await cloud.authorizations()).length, 1);
  });

  test("does not begin behind anybody's back: shortly before its end the token is used as it is", async () => {
    await cloud.change({ accessTokenSeconds: 600 });
    await leave({ orgId: globex.id });
    await go();
    await browser.signInInFrame(globex);
    await back();
    const orgIds = await browser.run(
      async ({ connect, login, shiftClock }, agents) => {
        const recorder = await connect({ login: login({ mode: "redirect" }) });
        shiftClock(570);
        const recordings = [await recorder.startRecording(agents[0]), await recorder.startRecording(agents[1])];
        return recordings.map(({ orgId }) => orgId);
      },
      globex.agents.map(({ id }) => id),
    );
    assert.deepEqual(orgIds, [globex.id, globex.id]);
    assert.deepEqual(await memos(), []);
    assert.equal((await cloud.authorizations()).length, 1);
  });

  test("that was denied: connect() rejects with LOGIN_DENIED, and the next one connects", async () => {
    await leave({ orgId: globex.id });
    const launched = await query();
    await go();
    await denyInFrame();
    await back();
    const [first, second] = await connectTwice();
    assert.equal(first.error.code, "LOGIN_DENIED");
    assert.ok(first.error.cause.includes("access_denied"));
    assert.deepEqual(second.value, []);
    assert.deepEqual([...(await query())], [...launched]);
    assert.deepEqual(await memos(), []);
  });

  test("with another account, remembered by a cookie: LOGIN_WRONG_ORG", async () => {
    // Not in a frame, where the cookie of another site's login origin does not come along.
    const launch = { gcHostOrigin: cloud.environment.apps, gcTargetEnv: cloud.environment.name };
    const open = (org) => {
      const url = new URL("/config.json", browser.appOrigin);
      url.search = new URLSearchParams({ ...launch, orgId: org.id });
      return browser.driver.get(url.href);
    };
    const isBack = () => browser.until("the page is back", async () => (await query()).has("code"));
    await open(acme);
    await go();
    await browser.until("the sign-in page is there", () => browser.control("button", "Sign in"));
    await browser.signIn(acme);
    await isBack();
    assert.deepEqual((await connectTwice())[0].value, [acme.id]);

    await open(globex);
    await go();
    await isBack();
    const [first, second] = await connectTwice();
    assert.equal(first.error.code, "LOGIN_WRONG_ORG");
    assert.equal(first.error.orgId, globex.id);
    assert.equal(first.error.tokenOrgId, acme.id);
    assert.deepEqual(second.value, []);
  });

  const stays = byEngine({ webkit: "the cookie comes along" }, "the frame stays there, as documented");
  test(`in a frame of another site, at a login origin that needs its Lax cookie: ${stays}`, async () => {
    await cloud.change({ cookieBoundLogin: true });
    await leave({ orgId: globex.id });
    await go();
    await browser.onSignInPage();
    await browser.signIn(globex);
    // WebKitGTK sends the cookie: the login origin is on the site of the page around the frame.
    if (engine === "webkit") return back();
    await browser.until("the login origin says so", async () => {
      await browser.leaveApp();
      await browser.driver.switchTo().frame(0);
      return (await browser.driver.findElement(By.css("body")).getText()).toLowerCase().includes("session not found");
    });
    assert.deepEqual(await cloud.exchanges(), []);
  });

  test("whose code cannot be exchanged: CLOUD_UNAVAILABLE, and it is used up", async () => {
    await leave({ orgId: globex.id });
    await go();
    await browser.signInInFrame(globex);
    await back();
    await cloud.spoilExchange({ status: 503, body: "upstream" });
    const [first, second] = await connectTwice();
    assert.equal(first.error.code, "CLOUD_UNAVAILABLE");
    assert.deepEqual(second.value, []);
    assert.deepEqual(await memos(), []);
    assert.equal((await cloud.exchanges()).length, 1);
  });

  test("whose answer is opened a second time: LOGIN_STATE_MISMATCH, and the code is not sent again", async () => {
    await leave({ orgId: globex.id });
    await go();
    await browser.signInInFrame(globex);
    await back();
    const answer = await browser.address();
    const [first] = await connectTwice();
    assert.deepEqual(first.value, [globex.id]);

    await browser.driver.executeScript("location.href = arguments[0]", answer);
    await back({ transactions: 0 });
    await mismatches();
    assert.equal((await cloud.exchanges()).length, 1);
  });

  test("whose answer has another state: LOGIN_STATE_MISMATCH", async () => {
    await leave({ orgId: globex.id });
    await go();
    await browser.signInInFrame(globex);
    await back();
    await browser.driver.executeScript("location.search = location.search + 'x'");
    await browser.until("the other answer is there", async () => (await query()).get("state").endsWith("x"));
    await browser.enterEmpty();
    await mismatches();
    assert.deepEqual(await cloud.exchanges(), []);
  });

  for (const answer of [{ code: "by-hand" }, { error: "access_denied" }]) {
    test(`that nobody began, with ${Object.keys(answer)}: LOGIN_STATE_MISMATCH`, async () => {
      await browser.openEmpty({ ...answer, state: "by-hand" });
      await mismatches();
      assert.deepEqual(await cloud.requests(), []);
    });
  }

  test("that was begun with another client is completed by the recorder with that client, which connects later", async () => {
    await leave({ orgId: globex.id });
    const launched = await query();
    await go();
    await browser.signInInFrame(globex);
    await back();
    const connectWith = (options) =>
      browser.run(async ({ connect, login }, options) => {
        const recorder = await connect({ login: login({ mode: "redirect", ...options }) });
        return recorder.orgs().map(({ orgId }) => orgId);
      }, options);
    assert.deepEqual(await connectWith({ clientId: "another" }), []);
    assert.deepEqual([...(await query())], [...launched]);
    assert.deepEqual([await memos(), await cloud.exchanges()], [[], []]);
    assert.deepEqual(await connectWith({}), [globex.id]);
    assert.equal((await cloud.exchanges()).length, 1);
  });

  test("of ten widgets that open one after another, while the others are away: each of them leaves", async () => {
    await browser.openEmpty();
    await browser.driver.executeScript("sessionStorage.clear()");
    const left = await browser.evaluate(async (environment) => {
      const login = {
        clientId: "c11e1700-0000-4000-8000-000000000000",
        mode: "redirect",
        on: "connect",
        redirectUri: `${location.origin}/config.json`,
      };
      const requests = [];
      for (let widget = 0; widget < 10; widget += 1) {
        const frame = document.createElement("iframe");
        const loads = () => new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }));
        frame.src = "/config.json";
        const opens = loads();
        document.body.append(frame);
        await opens;
        const isAway = loads();
        const { connect } = await frame.contentWindow.eval('import("/premium-recorder/index.js")');
        const fails = connect({ environments: [environment], environment: environment.name, login }).catch(
          ({ code }) => code,
        );
        const code = await Promise.race([isAway.then(() => undefined), fails]);
        if (code) return code;
        requests.push(sessionStorage.length);
      }
      return requests;
    }, cloud.environment);
    assert.deepEqual(left, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test("does not take another page's answer for its own: a window's mode leaves the address alone", async () => {
    await browser.openEmpty({ code: "ours", state: "ours" });
    const before = await browser.address();
    await browser.run(async ({ connect, login }) => (await connect({ login: login() })).orgs());
    assert.equal(await browser.address(), before);
  });
});

/** Opens a page whose start will leave for the sign-in. */
async function leave(launch) {
  const given = Object.entries(launch).filter(([, value]) => value !== undefined);
  await browser.openEmpty(Object.fromEntries(given));
  await browser.driver.executeScript("sessionStorage.clear()");
}

async function go() {
  await browser.evaluate(
    `async (environment, agentId) => {
      const { connect } = await import("/premium-recorder/index.js");
      const login = { clientId: "${CLIENT_ID}", mode: "redirect", redirectUri: location.origin + "/config.json" };
      const recorder = await connect({ environments: [environment], login });
      recorder.startRecording(agentId).catch(() => {});
    }`,
    cloud.environment,
    globex.agents[0].id,
  );
}

async function denyInFrame() {
  await browser.onSignInPage();
  await browser.press("Deny");
}

/** Goes into the frame once it is back with an answer, for which so many transactions wait. */
async function back({ transactions = 1 } = {}) {
  await browser.backInFrame();
  assert.equal((await memos()).length, transactions, "transactions that wait for an answer");
}

/** `{ value: orgs, error }` of a connect(), and of another one after it. */
function connectTwice() {
  return browser.run(async ({ connect, login, settle, environment }) => {
    const options = () => ({ login: login({ mode: "redirect" }), environment: environment.name });
    const outcomes = [];
    for (let turn = 0; turn < 2; turn += 1) {
      outcomes.push(await settle(connect(options()).then((recorder) => recorder.orgs().map(({ orgId }) => orgId))));
    }
    return outcomes;
  });
}

async function mismatches() {
  const [first, second] = await connectTwice();
  assert.equal(first.error?.code, "LOGIN_STATE_MISMATCH");
  assert.deepEqual(second.value, []);
  const left = await query();
  assert.deepEqual([left.get("code"), left.get("error"), left.get("state")], [null, null, null]);
}

async function query() {
  return new URL(await browser.address()).searchParams;
}

function memos() {
  return browser.driver.executeScript(
    "return Object.entries({ ...sessionStorage }).map(([key, value]) => ({ key, value }))",
  );
}
