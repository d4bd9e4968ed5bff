// What others may send to a page that waits for a sign-in, and what may be sent to its callback page.
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { OTHER_SITE, serveOn } from "../../scripts/ports.mjs";
import { browser as open } from "./browser.mjs";

const FAILED = /\/oauth\/token - Failed to load resource: .* 400/;
const browser = open({ mayComplain: [FAILED] });

let stranger;
before(async () => (stranger = await strangersServer()));
after(() => stranger?.close());

const TYPE = "premium-recorder.authorization-response";

let cloud, globex, agentId;
beforeEach(async () => {
  cloud = browser.cloud;
  globex = cloud.globex;
  agentId = globex.agents[0].id;
  await browser.openEmpty({ orgId: globex.id });
});

describe("a message that is not from the window that was opened, or not from this origin, is ignored:", () => {
  // Each gets the right state, so that nothing but where it comes from can give it away.
  const SENDERS = {
    "from an origin that this one begins with": (response) => pretend(response, (origin) => origin.slice(0, -1)),
    "from an origin that begins with this one": (response) => pretend(response, (origin) => `${origin}0`),
    "from this origin on another scheme": (response) => pretend(response, (origin) => origin.replace("http", "https")),
    "from this origin in other letters": (response) => pretend(response, (origin) => origin.toUpperCase()),
    "from no origin": (response) => pretend(response, () => "null"),
    "from this window itself": (response) =>
      inApp((data, done) => {
        window.onmessage = () => done();
        window.postMessage(data, location.origin);
      }, response),
    "from a frame of this origin": (response) =>
      inApp((data, done) => {
        const frame = document.createElement("iframe");
        window.onmessage = () => done();
        frame.onload = () => frame.contentWindow.eval(`parent.postMessage(${JSON.stringify(data)}, "*")`);
        frame.src = "/config.json";
        document.body.append(frame);
      }, response),
    "from another window of this origin": (response) =>
      inApp((data, done) => {
        const frame = document.createElement("iframe");
        document.body.append(frame);
        const event = { data, origin: location.origin, source: frame.contentWindow };
        window.dispatchEvent(new MessageEvent("message", event));
        done();
      }, response),
    "from a stranger's frame": (response) =>
      inApp(
        (data, address, done) => {
          window.onmessage = ({ data }) => data === "sent" && done();
          const frame = document.createElement("iframe");
          frame.onload = () => frame.contentWindow.postMessage(data, "*");
          frame.src = address;
          document.body.append(frame);
        },
        response,
        stranger.address,
      ),
    "from the right window, while it shows the login origin": async (response) => {
      await browser.enterPopup();
      await browser.driver.executeScript("opener.postMessage(arguments[0], '*')", response);
      await browser.leavePopup();
    },
    "from the right window, while it shows a stranger's page": async (response) => {
      await browser.enterPopup();
      const authorize = await browser.driver.getCurrentUrl();
      await goTo(stranger.address);
      await browser.driver.executeScript("opener.postMessage(arguments[0], '*')", response);
      await goTo(authorize);
      await browser.leavePopup();
    },
  };
  for (const [what, send] of Object.entries(SENDERS)) {
    test(what, async () => {
      const state = await begin();
      await send({ type: TYPE, query: `?code=forged&state=${state}` });
      await signsInAllTheSame();
    });
  }
});

describe("a message from the right window that is none of the callback page's is ignored:", () => {
  const MESSAGES = {
    "without data": [undefined, null, "", 0, {}, []],
    "of another type": [{ type: "x", query: "?state=STATE&code=forged" }, { query: "?state=STATE&code=forged" }],
    "with a query that is no text": [null, 42, {}, ["?state=STATE&code=forged"]].map((query) => ({
      type: TYPE,
      query,
    })),
    "as another client sends it": [
      { name: "gc_auth_popup", type: "message", search: "?state=STATE&code=forged", hash: "" },
    ],
  };
  for (const [what, messages] of Object.entries(MESSAGES)) {
    test(what, async () => {
      const state = await begin();
      const authorize = await intoOurOrigin();
      await say(messages.map((message) => JSON.parse(JSON.stringify(message ?? null).replaceAll("STATE", state))));
      await goTo(authorize);
      await browser.leavePopup();
      await signsInAllTheSame();
    });
  }
});

describe("an authorization response", () => {
  const RESPONSES = {
    "with another state": ["?code=forged&state=another", "LOGIN_STATE_MISMATCH"],
    "with a state that begins like ours": ["?code=forged&state=STATEx", "LOGIN_STATE_MISMATCH"],
    "without a state": ["?code=forged", "LOGIN_STATE_MISMATCH"],
    "with an empty state": ["?code=forged&state=", "LOGIN_STATE_MISMATCH"],
    "with another state and then ours": ["?code=forged&state=another&state=STATE", "LOGIN_STATE_MISMATCH"],
    "that is empty": ["", "LOGIN_STATE_MISMATCH"],
    "with an error and another state": ["?error=access_denied&state=another", "LOGIN_STATE_MISMATCH"],
    "with a token instead of a code": ["?access_token=TOKEN&token_type=bearer&state=STATE", "UNEXPECTED_ANSWER"],
    "with neither code nor error": ["?state=STATE", "UNEXPECTED_ANSWER"],
    "with an empty code": ["?code=&state=STATE", "UNEXPECTED_ANSWER"],
    "with access_denied": ["?error=access_denied&state=STATE", "LOGIN_DENIED"],
    "with unauthorized_client": ["?error=unauthorized_client&error_description=No&state=STATE", "LOGIN_DENIED"],
    "with an error that nobody knows": ["?error=invalid_pkce_package&state=STATE", "LOGIN_DENIED"],
    "with server_error": ["?error=server_error&state=STATE", "CLOUD_UNAVAILABLE"],
    "with temporarily_unavailable": ["?error=temporarily_unavailable&state=STATE", "CLOUD_UNAVAILABLE"],
  };
  for (const [what, [query, code]] of Object.entries(RESPONSES)) {
    test(`${what}: ${code}, and the token endpoint is not asked`, async () => {
      const token = await cloud.token(globex, { format: "opaque" });
      const state = await begin();
      await intoOurOrigin();
      await say([{ type: TYPE, query: query.replace("STATE", state).replace("TOKEN", token) }]);
      await browser.leavePopup();
      const { error } = await browser.ended();
      assert.equal(error.code, code);
      assert.equal(error.orgId, globex.id);
      await browser.popupClosed();
      assert.deepEqual(await cloud.exchanges(), []);
      assert.deepEqual(await cloud.starts(), []);
    });
  }

  test("with a state that was used before: LOGIN_STATE_MISMATCH", async () => {
    const used = await begin();
    await signsInAllTheSame();
    await begin({ prompt: "login" });
    await intoOurOrigin();
    await say([{ type: TYPE, query: `?code=forged&state=${used}` }]);
    await browser.leavePopup();
    assert.equal((await browser.ended()).error.code, "LOGIN_STATE_MISMATCH");
    assert.equal((await cloud.exchanges()).length, 1);
  });

  test("with a code that was used before: LOGIN_DENIED, and it is sent once more at most", async () => {
    await begin();
    await signsInAllTheSame();
    const used = await browser.driver.executeScript(
      "return new URLSearchParams(watched.sent.find(({ url }) => url.endsWith('/oauth/token')).body).get('code')",
    );
    const state = await begin({ prompt: "login" });
    await intoOurOrigin();
    await say([{ type: TYPE, query: `?code=${used}&state=${state}` }]);
    await browser.leavePopup();
    assert.equal((await browser.ended()).error.code, "LOGIN_DENIED");
    assert.deepEqual(
      (await cloud.exchanges()).map(({ status }) => status),
      [200, 400],
    );
  });

  test("ten times at once: the code is exchanged once", async () => {
    const state = await begin();
    await intoOurOrigin();
    await say(Array.from({ length: 10 }, () => ({ type: TYPE, query: `?code=forged&state=${state}` })));
    await browser.leavePopup();
    assert.equal((await browser.ended()).error.code, "LOGIN_DENIED");
    assert.equal((await cloud.exchanges()).length, 1);
  });

  test("ten at once, the first of them forged: it ends the sign-in, and none is exchanged", async () => {
    const state = await begin();
    await intoOurOrigin();
    const forged = { type: TYPE, query: "?code=forged&state=another" };
    await say([forged, ...Array.from({ length: 9 }, () => ({ type: TYPE, query: `?code=forged&state=${state}` }))]);
    await browser.leavePopup();
    assert.equal((await browser.ended()).error.code, "LOGIN_STATE_MISMATCH");
    assert.deepEqual(await cloud.exchanges(), []);
  });

  test("after the recorder was closed changes nothing", async () => {
    const state = await begin();
    await browser.run(
      ({ kept }, data) => {
        const [source] = window.watched.windows;
        kept.recorder.close();
        window.dispatchEvent(new MessageEvent("message", { data, origin: location.origin, source }));
      },
      { type: TYPE, query: `?code=forged&state=${state}` },
    );
    assert.equal((await browser.ended()).error.code, "CLOSED");
    assert.deepEqual(await cloud.exchanges(), []);
  });
});

describe("the callback page", () => {
  test("opened by hand shows itself, and takes the code out of the address", async () => {
    await browser.closeWindows();
    await browser.driver.get(`${callback()}?code=by-hand&state=by-hand`);
    assert.equal(await browser.driver.getCurrentUrl(), callback());
    assert.match(
      await browser.driver.executeScript("return document.body.innerText"),
      /could not return to the app: a Cross-Origin-Opener-Policy .* Close this window/,
    );
  });

  test("opened by a stranger tells the stranger nothing", async () => {
    await browser.closeWindows();
    await browser.driver.get(stranger.address);
    await browser.driver.executeScript(
      "window.heard = []; onmessage = ({ data }) => heard.push(data); document.querySelector('button').value = arguments[0]",
      `${callback()}?code=stolen&state=stolen`,
    );
    await browser.press("Open");
    await browser.popupClosed();
    await browser.driver.switchTo().window((await browser.driver.getAllWindowHandles())[0]);
    const { heard, closed } = await browser.driver.executeScript("return { heard, closed: opened.closed }");
    assert.equal(closed, true);
    assert.deepEqual(heard, []);
  });
});

/** Clicks for a start; gives the state that the window was opened with. */
async function begin(how) {
  await browser.click(
    async ({ connect, login, kept }, how, agentId) => {
      kept.recorder = await connect({ login: login(how ?? {}), shareTokens: false });
      return () => kept.recorder.startRecording(agentId);
    },
    how ?? null,
    agentId,
  );
  await browser.enterPopup();
  const { searchParams } = new URL(await browser.driver.getCurrentUrl());
  await browser.leavePopup();
  return searchParams.get("state");
}

/** The forged message has changed nothing: the person signs in, and one code is exchanged. */
async function signsInAllTheSame() {
  await browser.signInThere(globex);
  const { value, error } = await browser.ended();
  assert.equal(value?.orgId, globex.id, error?.code);
  assert.deepEqual(
    (await cloud.exchanges()).map(({ status }) => status),
    [200],
  );
}

/** Goes into the window, and from the sign-in page to a page of the app's own origin. Gives where it was. */
async function intoOurOrigin() {
  await browser.enterPopup();
  const authorize = await browser.driver.getCurrentUrl();
  await goTo(`${browser.appOrigin}/config.json`);
  return authorize;
}

/** As a page goes elsewhere by itself, which keeps its opener. */
async function goTo(address) {
  await browser.driver.executeScript("location.href = arguments[0]", address);
  await browser.until(`the window shows ${address}`, async () => {
    const loaded = await browser.driver.executeScript("return document.readyState === 'complete'");
    return loaded && (await browser.driver.getCurrentUrl()) === address;
  });
}

/** From the window to its opener. */
function say(messages) {
  return browser.driver.executeScript(
    "for (const message of arguments[0]) opener.postMessage(message, arguments[1]);",
    messages,
    browser.appOrigin,
  );
}

/** A message event in the app that is as another origin's would be. */
function pretend(data, origin) {
  return inApp(
    (data, origin, done) => {
      const source = window.watched.windows.at(-1);
      window.dispatchEvent(new MessageEvent("message", { data, origin, source }));
      done();
    },
    data,
    origin(browser.appOrigin),
  );
}

function inApp(body, ...args) {
  return browser.driver.executeAsyncScript(body, ...args);
}

const callback = () => `${browser.appOrigin}/premium-recorder/callback.html`;

/** A page that passes on to its parent whatever it is sent. */
async function strangersServer() {
  const page = `<!doctype html><title>Stranger</title><link rel="icon" href="data:,"><script>
    onmessage = ({ data }) => { parent.postMessage(data, "*"); parent.postMessage("sent", "*"); };
  </script><button onclick="window.opened = window.open(value)">Open</button>`;
  const { port, close } = await serveOn((_, response) => response.setHeader("content-type", "text/html").end(page));
  return { address: `http://${OTHER_SITE}:${port}/`, close };
}
