// Signing in in a window of its own, from the app's frame, which is on another site than the page around it.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { CLIENT_ID } from "../../scripts/serve.mjs";
import { browser as open } from "./browser.mjs";

const FAILED = /\/(oauth\/(token|authorize)|api\/v2\/(tokens\/me|screenrecordings))\S* - Failed to load resource/;
const browser = open({ mayComplain: [FAILED] });

let cloud, acme, globex, initech, northwind;
beforeEach(() => {
  cloud = browser.cloud;
  ({ acme, globex, initech, northwind } = cloud);
});

describe("in the app", () => {
  test("a person starts a recording, signs in for it, and it runs in the right organization", async () => {
    const [ivy] = initech.agents;
    await browser.openApp({ org: initech, login: "popup" });
    await browser.press(`Record ${ivy.name}`);
    await browser.signInThere(initech);
    await browser.outcome(`Recording ${ivy.name}`);
    await browser.popupClosed();
    assert.deepEqual(
      (await cloud.recordings()).map(({ orgId, agentId }) => [orgId, agentId]),
      [[initech.id, ivy.id]],
    );
    assert.deepEqual(await issuedBySignIn(), [initech.id]);
  });

  test("a person signs in first, and is told of it", async () => {
    await browser.openApp({ org: globex, login: "popup" });
    await browser.press("Sign in to Initech");
    await browser.signInThere(initech);
    await browser.outcome("Signed in to Initech");
    await browser.press(`Record ${initech.agents[0].name}`);
    await browser.outcome(`Recording ${initech.agents[0].name}`);
    assert.deepEqual(await issuedBySignIn(), [initech.id]);
  });

  test("a person who says no is told so, and can change their mind", async () => {
    await browser.openApp({ org: globex, login: "popup" });
    await browser.press("Sign in to Initech");
    await deny();
    await browser.refusal("LOGIN_DENIED");
    await browser.popupClosed();
    await browser.press("Sign in to Initech");
    await browser.signInThere(initech);
    await browser.outcome("Signed in to Initech");
  });
});

describe("a sign-in", () => {
  beforeEach(() => browser.openEmpty({ orgId: globex.id }));

  test("asks for one organization, with PKCE, and shows no secret", async () => {
    await start();
    await browser.signInThere(globex);
    const { value } = await browser.ended();
    assert.equal(value.orgId, globex.id);

    const [{ state, code_challenge: challenge, ...asked }] = await cloud.authorizations();
    assert.equal(state, "***");
    // A SHA-256 in base64url without padding.
    assert.match(challenge, /^[A-Za-z0-9_-]{43}$/);
    assert.deepEqual(asked, {
      response_type: "code",
      client_id: CLIENT_ID,
      redirect_uri: `${browser.appOrigin}/premium-recorder/callback.html`,
      code_challenge_method: "S256",
      target: globex.id,
    });
    const [exchange, ...others] = await cloud.exchanges();
    assert.deepEqual(others, []);
    assert.equal(exchange.grantType, "authorization_code");
    assert.equal(exchange.issuedOrgId, globex.id);
    assert.equal(exchange.query, null);
    assert.deepEqual(await requestLines(), [
      "GET /oauth/authorize",
      "POST /oauth/authorize",
      "POST /oauth/token",
      "GET /api/v2/tokens/me",
      "GET /api/v2/screenrecordings",
      "POST /api/v2/screenrecordings",
    ]);
  });

  test("files the token as the cloud says it", async () => {
    await start();
    await browser.signInThere(globex);
    await browser.ended();
    const [{ expiresAt, ...summary }, ...others] = await browser.run(({ kept }) => kept.recorder.orgs());
    assert.deepEqual(others, []);
    assert.deepEqual(summary, {
      orgId: globex.id,
      name: "Globex",
      homeOrgId: globex.id,
      scopes: ["screenrecordings:write", "user-basic-info", "users:readonly"],
      knownBy: "cloud",
    });
    assert.ok(expiresAt > Date.now() && expiresAt <= Date.now() + 3_600_000);
  });

  test("takes another state, verifier and challenge each time", async () => {
    const states = new Set();
    const verifiers = new Set();
    for (let turn = 0; turn < 2; turn += 1) {
      await start({ prompt: "login" });
      states.add((await onSignInPage()).get("state"));
      await browser.signIn(globex);
      await browser.leavePopup();
      await browser.ended();
      const sent = await browser.driver.executeScript("return watched.sent");
      verifiers.add(
        new URLSearchParams(sent.findLast(({ url }) => url.endsWith("/oauth/token")).body).get("code_verifier"),
      );
    }
    const challenges = new Set((await cloud.authorizations()).map(({ code_challenge }) => code_challenge));
    for (const [what, all] of Object.entries({ states, verifiers, challenges })) assert.equal(all.size, 2, what);
    // At least 128 bits, which take 22 characters of base64url; a verifier has 43 or more (RFC 7636).
    for (const state of states) assert.ok(state.length >= 22);
    for (const verifier of verifiers) assert.ok(verifier.length >= 43 && verifier.length <= 128);
  });

  test("for a JWT asks the cloud whose it is as well", async () => {
    await cloud.change({ tokenFormat: "jwt" });
    await start();
    await browser.signInThere(globex);
    await browser.ended();
    const [summary] = await browser.run(({ kept }) => kept.recorder.orgs());
    assert.equal(summary.knownBy, "cloud");
  });

  test("is one for twenty calls at the same time", async () => {
    await browser.click(async ({ connect, login, kept, settle }, agentId) => {
      const recorder = await connect({ login: login() });
      const start = () => settle(recorder.startRecording(agentId, { share: false }));
      return () => Promise.all(Array.from({ length: 20 }, start));
    }, globex.agents[0].id);
    await browser.signInThere(globex);
    const { value: outcomes } = await browser.ended();
    assert.equal(outcomes.filter(({ value }) => value?.alreadyRunning === false).length, 1);
    assert.equal(outcomes.filter(({ value }) => value?.alreadyRunning === true).length, 19);
    assert.equal((await cloud.starts()).length, 20);
    assert.equal((await cloud.authorizations()).length, 1);
    assert.deepEqual(await issuedBySignIn(), [globex.id]);
  });

  test("of two organizations takes two, the second without a question where a cookie remembers who it is", async () => {
    await browser.click(async ({ connect, login, kept }, orgId) => {
      kept.recorder = await connect({ login: login() });
      return () => kept.recorder.switchOrg(orgId);
    }, acme.id);
    await browser.signInThere(northwind);
    assert.equal((await browser.ended()).value.orgId, acme.id);

    await browser.click(
      ({ kept }, orgId) =>
        () =>
          kept.recorder.switchOrg(orgId),
      globex.id,
    );
    assert.equal((await browser.ended()).value.orgId, globex.id);
    const recordings = await browser.run(
      async ({ kept }, starts) => {
        const recordings = starts.map(([orgId, agentId]) => kept.recorder.startRecording(agentId, { orgId }));
        return (await Promise.all(recordings)).map(({ orgId }) => orgId);
      },
      [acme, globex].map(({ id, agents }) => [id, agents[0].id]),
    );
    assert.deepEqual(recordings, [acme.id, globex.id]);
    assert.deepEqual(await issuedBySignIn(), [acme.id, globex.id]);
  });

  test("passes on who is expected, and that they be asked", async () => {
    await start({ prompt: "login", loginHint: globex.agents[1].email ?? "Globex" });
    const asked = await onSignInPage();
    assert.equal(asked.get("prompt"), "login");
    assert.equal(asked.get("login_hint"), globex.agents[1].email ?? "Globex");
    await browser.pressLast("Sign in");
    await browser.leavePopup();
    assert.equal((await browser.ended()).value.orgId, globex.id);
  });

  test("has the client of its environment", async () => {
    await start({
      clientId: undefined,
      clientIds: { "prod-euw1": "none", local: CLIENT_ID },
    });
    await browser.signInThere(globex);
    assert.equal((await browser.ended()).value.orgId, globex.id);
  });

  test("works as well where the app is on its host's own site", async () => {
    await browser.openEmpty({ orgId: globex.id }, { origin: browser.neighbourOrigin });
    await start();
    await browser.signInThere(globex);
    assert.equal(...(await outcome()));
    const [{ redirect_uri: redirectUri }] = await cloud.authorizations();
    assert.equal(new URL(redirectUri).origin, browser.neighbourOrigin);
  });

  test("comes after a getToken that has none", async () => {
    await browser.click(async ({ connect, login, kept }, agentId) => {
      kept.recorder = await connect({ login: login(), getToken: async () => null });
      return () => kept.recorder.startRecording(agentId);
    }, globex.agents[0].id);
    await browser.clickAgainIfBlocked(globex.agents[0].id);
    await browser.signInThere(globex);
    assert.equal((await browser.ended()).value.orgId, globex.id);
  });

  test("does not come after a getToken that fails", async () => {
    await browser.click(async ({ connect, login }, agentId) => {
      const recorder = await connect({ login: login(), getToken: () => Promise.reject("the backend is down") });
      return () => recorder.startRecording(agentId);
    }, globex.agents[0].id);
    assert.equal((await browser.ended()).error.code, "TOKEN_SOURCE_FAILED");
    assert.deepEqual(await browser.popups(), []);
    assert.deepEqual(await cloud.authorizations(), []);
  });

  test("is not needed where a token is held", async () => {
    await browser.click(
      async ({ connect, login }, token, agentId) => {
        const recorder = await connect({ login: login(), tokens: [token] });
        return () => recorder.startRecording(agentId);
      },
      await cloud.token(globex),
      globex.agents[0].id,
    );
    assert.equal((await browser.ended()).value.orgId, globex.id);
    assert.equal(await browser.driver.executeScript("return watched.windows.length"), 0);
  });

  for (const call of ["startRecording", "switchOrg", "availableOrgs"]) {
    test(`opens its window before ${call} returns, so that the click counts`, async () => {
      await browser.click(
        async ({ connect, login, kept }, call, argument) => {
          const recorder = await connect({ login: login() });
          return () => {
            const going = recorder[call](...argument);
            kept.opened = window.watched.windows.length;
            return going;
          };
        },
        call,
        { startRecording: [globex.agents[0].id], switchOrg: [globex.id], availableOrgs: [] }[call],
      );
      assert.equal(await browser.run(({ kept }) => kept.opened), 1);
      await deny();
      assert.equal((await browser.ended()).error.code, "LOGIN_DENIED");
    });
  }

  test("is not asked for behind anybody's back: shortly before its end the token is used as it is", async () => {
    await cloud.change({ accessTokenSeconds: 600 });
    await start();
    await browser.signInThere(globex);
    await browser.ended();
    await browser.run(({ shiftClock }) => shiftClock(570));
    await again(globex.agents[1]);
    assert.equal(...(await outcome()));
    assert.equal(await browser.driver.executeScript("return watched.windows.length"), 1);
    assert.equal((await cloud.authorizations()).length, 1);
  });

  test("replaces a token that the cloud refuses, and the start is sent once more", async () => {
    await start();
    await browser.signInThere(globex);
    await browser.ended();
    await cloud.spoilStart({ status: 401, body: { status: 401, code: "bad.credentials" } });
    await again(globex.agents[1]);
    await browser.clickAgainIfBlocked(globex.agents[1].id);
    // The cookie remembers who it is.
    assert.equal(...(await outcome()));
    assert.deepEqual(
      (await cloud.starts()).map(({ status }) => status),
      [201, 401, 201],
    );
    assert.deepEqual(await issuedBySignIn(), [globex.id, globex.id]);
  });

  test("takes its time, while the call's own stands still", async () => {
    await browser.click(async ({ connect, login, kept }, agentId) => {
      const recorder = await connect({ login: login(), timeoutMs: 3000 });
      kept.began = performance.now();
      return () => recorder.startRecording(agentId);
    }, globex.agents[0].id);
    await browser.until("the call's time would be over", () =>
      browser.driver.executeScript("return performance.now() - kept.began > 4000"),
    );
    await browser.signInThere(globex);
    assert.equal((await browser.ended()).value.orgId, globex.id);
  });
});

describe("at a login origin that is strict", () => {
  beforeEach(() => browser.openEmpty({ orgId: globex.id }));

  test("and requires a scope: it works with login.scope, and fails with the login origin's words without", async () => {
    await cloud.change({ requireScope: true });
    await start();
    const { error } = await browser.ended();
    assert.equal(error.code, "LOGIN_DENIED");
    assert.match(error.cause, /^invalid_scope/);
    await start({ scope: "screenrecordings:write user-basic-info" });
    await browser.signInThere(globex);
    const { value } = await browser.ended();
    assert.equal(value.orgId, globex.id);
  });

  test("and refuses without the state: LOGIN_DENIED, with its words", async () => {
    await cloud.change({ errorsWithoutState: true });
    await start();
    await deny();
    const { error } = await browser.ended();
    assert.equal(error.code, "LOGIN_DENIED");
    assert.match(error.cause, /^access_denied/);
    await neverSent();
  });

  test("and binds the sign-in to its cookie, or may not be framed: a window is not a frame", async () => {
    await cloud.change({ cookieBoundLogin: true, loginRefusesFraming: true });
    await start();
    await browser.signInThere(globex);
    const { value } = await browser.ended();
    assert.equal(value.orgId, globex.id);
  });
});

describe("a sign-in that fails", () => {
  beforeEach(() => browser.openEmpty({ orgId: globex.id }));

  test("denied by the person: LOGIN_DENIED with the cloud's words", async () => {
    await start();
    await deny();
    const { error } = await browser.ended();
    assert.equal(error.code, "LOGIN_DENIED");
    assert.equal(error.orgId, globex.id);
    assert.ok(error.cause.includes("access_denied"));
    await neverSent();
  });

  test("closed by the person: LOGIN_CANCELLED, and the next call opens another window", async () => {
    await start();
    await browser.enterPopup();
    await browser.driver.close();
    await browser.leavePopup();
    assert.equal((await browser.ended()).error.code, "LOGIN_CANCELLED");
    await neverSent();

    await again();
    await browser.signInThere(globex);
    assert.equal((await browser.ended()).value.orgId, globex.id);
  });

  test("cut off by the login page (COOP), so that its end cannot be known: LOGIN_CANCELLED", async () => {
    await cloud.change({ crossOriginOpenerPolicy: true });
    await start();
    assert.equal((await browser.ended({ windowStays: true })).error.code, "LOGIN_CANCELLED");
    await neverSent();

    // The callback page of that window says why nothing comes of it.
    await browser.enterPopup();
    await browser.signIn(globex);
    await browser.until("the callback page says so", async () =>
      /could not return to the app: a Cross-Origin-Opener-Policy/.test(
        await browser.driver.executeScript("return document.body.innerText"),
      ),
    );
    await neverSent();
  });

  test("at a login page that never answers: LOGIN_TIMEOUT, and the window is closed", async () => {
    await cloud.spoilSignIn({ held: true });
    await start({ timeoutMs: 500 });
    const { error } = await browser.ended();
    assert.equal(error.code, "LOGIN_TIMEOUT");
    await browser.popupClosed();
    await neverSent();
  });

  test("by nobody in time: LOGIN_TIMEOUT, and the window is closed", async () => {
    await start({ timeoutMs: 500 });
    assert.equal((await browser.ended()).error.code, "LOGIN_TIMEOUT");
    await browser.popupClosed();
  });

  test("in a frame that may not open windows: LOGIN_BLOCKED at once", async () => {
    await browser.openEmpty({ orgId: globex.id }, { sandbox: "allow-scripts allow-same-origin" });
    await start();
    const { error } = await browser.ended();
    assert.equal(error.code, "LOGIN_BLOCKED");
    assert.deepEqual(await cloud.requests(), []);
  });

  test("without a click or a key press: LOGIN_BLOCKED at once", async () => {
    const { error, isActive } = await browser.run(async ({ connect, login, settle }, agentId) => {
      const recorder = await connect({ login: login() });
      const { isActive } = navigator.userActivation;
      return { ...(await settle(recorder.startRecording(agentId))), isActive };
    }, globex.agents[0].id);
    assert.equal(isActive, false);
    assert.equal(error.code, "LOGIN_BLOCKED");
    assert.deepEqual(await cloud.requests(), []);
  });

  const REMEMBERED = { drop: [], file: ["acme"] };
  for (const [wrongOrg, kept] of Object.entries(REMEMBERED)) {
    test(`with another account, remembered by a cookie: LOGIN_WRONG_ORG, and "${wrongOrg}" as told`, async () => {
      await browser.click(async ({ connect, login }, orgId) => {
        const recorder = await connect({ login: login(), shareTokens: false });
        return () => recorder.switchOrg(orgId);
      }, acme.id);
      await browser.signInThere(acme);
      await browser.ended();

      await start({ wrongOrg });
      const { error } = await browser.ended();
      assert.equal(error.code, "LOGIN_WRONG_ORG");
      assert.equal(error.orgId, globex.id);
      assert.equal(error.tokenOrgId, acme.id);
      assert.match(error.hint, /prompt/);
      const orgs = await browser.run(({ kept }) => kept.recorder.orgs().map(({ orgId }) => orgId));
      assert.deepEqual(
        orgs,
        kept.map((name) => cloud[name].id),
      );
      assert.deepEqual(await cloud.starts(), []);
    });
  }

  const EXCHANGES = {
    "is 400": [{ status: 400, body: { error: "invalid_grant" } }, "LOGIN_DENIED"],
    "is 503": [{ status: 503, body: "upstream" }, "CLOUD_UNAVAILABLE"],
    "is lost": [{ reset: "before" }, "NETWORK"],
    "is no JSON": [{ status: 200, body: "<!doctype html>" }, "UNEXPECTED_ANSWER"],
    "has no token": [{ status: 200, body: { token_type: "bearer" } }, "UNEXPECTED_ANSWER"],
    "is a redirect": [{ status: 307, headers: { Location: "http://127.0.0.1:9/" } }, "NETWORK"],
  };
  for (const [what, [fault, code]] of Object.entries(EXCHANGES)) {
    test(`since the token endpoint's answer ${what}: ${code}, and the code is not sent again`, async () => {
      await cloud.spoilExchange(fault);
      await start();
      await browser.signInThere(globex);
      const { error } = await browser.ended();
      assert.equal(error.code, code);
      assert.equal((await cloud.exchanges()).length, 1);
      await neverSent();
    });
  }

  test("since whose token it is cannot be known: nothing is sent with it", async () => {
    await cloud.spoilWhose({ status: 503, body: "upstream" });
    await start();
    await browser.signInThere(globex);
    assert.equal((await browser.ended()).error.code, "CLOUD_UNAVAILABLE");
    await neverSent();
  });

  test("since the recorder is closed: CLOSED, and so is the window", async () => {
    await start();
    await browser.enterPopup();
    await browser.leavePopup();
    await browser.run(({ kept }) => kept.recorder.close());
    assert.equal((await browser.ended()).error.code, "CLOSED");
    await browser.popupClosed();
    await neverSent();
  });

  test("since the only call that waits is aborted: its reason, and the window is closed", async () => {
    await browser.click(async ({ connect, login, kept }, agentId) => {
      const recorder = await connect({ login: login() });
      kept.controller = new AbortController();
      const { signal } = kept.controller;
      return () => recorder.startRecording(agentId, { signal }).catch((reason) => ({ reason }));
    }, globex.agents[0].id);
    await browser.enterPopup();
    await browser.leavePopup();
    await browser.run(({ kept }) => kept.controller.abort("enough"));
    assert.deepEqual((await browser.ended()).value, { reason: "enough" });
    await browser.popupClosed();
    await neverSent();
  });

  test("on a callback page with the strictest of policies it does not: the page is served so", async () => {
    const answer = await fetch(`${browser.appOrigin}/premium-recorder/callback.html`);
    assert.equal(answer.headers.get("content-security-policy"), "default-src 'none'; script-src 'self'");
    await start();
    await browser.signInThere(globex);
    assert.equal((await browser.ended()).value.orgId, globex.id);
  });
});

describe("options that are wrong: BAD_ARGUMENT", () => {
  const WRONG = {
    "no client id": { clientId: undefined },
    "an empty client id": { clientId: "" },
    "one client id and several": { clientIds: { local: "x" } },
    "none for this environment": { clientId: undefined, clientIds: { "prod-euw1": "x" } },
    "a redirect URI on another origin": { redirectUri: "http://localhost:1/callback.html" },
    "a redirect URI whose origin begins like this one": { redirectUri: "ORIGIN0/callback.html" },
    "a relative redirect URI": { redirectUri: "/premium-recorder/callback.html" },
    "a redirect URI with a fragment": { redirectUri: "ORIGIN/premium-recorder/callback.html#x" },
    "no redirect URI": { redirectUri: undefined },
    "a mode that is none": { mode: "iframe" },
    "a prompt that is none": { prompt: "none" },
    "a word for wrongOrg that is none": { wrongOrg: "keep" },
    "no time": { timeoutMs: 0 },
    "more time than a timer can have": { timeoutMs: 2_147_483_648 },
    "a scope that is none": { scope: "a  b" },
    "an option of another name": { audience: "everything" },
  };
  for (const [what, how] of Object.entries(WRONG)) {
    test(what, async () => {
      await browser.openEmpty({ orgId: globex.id });
      const { error } = await browser.run(({ connect, login, settle }, how) => {
        // WebDriver knows no `undefined`.
        const given = Object.entries(how).map(([name, value]) => [name, value ?? undefined]);
        const { redirectUri, ...rest } = Object.fromEntries(given);
        const uri = "redirectUri" in how ? { redirectUri: redirectUri?.replace("ORIGIN", location.origin) } : {};
        return settle(connect({ login: login({ ...rest, ...uri }) }));
      }, nulled(how));
      assert.equal(error?.code, "BAD_ARGUMENT");
      assert.deepEqual(await cloud.requests(), []);
    });
  }
});

/** Clicks for a start in the launch's organization, where signing in is the only source. */
function start(how = {}) {
  return browser.click(
    async ({ connect, login, kept }, how, agentId) => {
      const given = Object.entries(how).map(([name, value]) => [name, value ?? undefined]);
      const options = { login: login(Object.fromEntries(given)), shareTokens: false };
      kept.recorder = await connect(options);
      return () => kept.recorder.startRecording(agentId);
    },
    nulled(how),
    globex.agents[0].id,
  );
}

/** Clicks for a start once more, with the same recorder. */
function again(agent = globex.agents[0]) {
  return browser.click(
    ({ kept }, agentId) =>
      () =>
        kept.recorder.startRecording(agentId),
    agent.id,
  );
}

async function outcome() {
  const { value, error } = await browser.ended();
  return [value?.orgId, globex.id, error?.code];
}

async function onSignInPage() {
  await browser.enterPopup();
  return new URL(await browser.driver.getCurrentUrl()).searchParams;
}

async function deny() {
  await browser.enterPopup();
  await browser.pressLast("Deny");
  await browser.leavePopup();
}

async function issuedBySignIn() {
  return (await cloud.tokens()).filter(({ source }) => source === "authorization_code").map(({ orgId }) => orgId);
}

async function neverSent() {
  assert.deepEqual(await cloud.starts(), []);
}

async function requestLines() {
  return (await cloud.requests()).map(({ method, path }) => `${method} ${path}`);
}

/** JSON drops what is undefined. */
function nulled(options) {
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [name, value === undefined ? null : value]));
}
