// The pages and frames in which the package has to run: strict policies, sandboxes, service workers, a slow network.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { By } from "selenium-webdriver";
import sirv from "sirv";
import { OTHER_SITE, serveOn } from "../../scripts/ports.mjs";
import { CLIENT_ID } from "../../scripts/serve.mjs";
import { assertOneRecording, assertRecords, outcomeAt } from "../pack/pages.mjs";
import { browser as open } from "./browser.mjs";
import { byEngine } from "./engines.mjs";

/** The refusal that the app provokes, and a response that was lost. */
const REFUSED = /\/api\/v2\/\S+ - Failed to load resource/;
/** A module whose download breaks off. */
const CUT = /\.wasm - Failed to load resource/;
/** A frame that may open no windows. */
const NO_WINDOW = /Blocked opening/;
/** Requests that the page's policy forbids. */
const FORBIDDEN = /Content Security Policy|Refused to connect|violates/;
/** A response without CORS headers. */
const HIDDEN = /blocked by CORS policy/;
const browser = open({ mayComplain: [REFUSED, CUT, NO_WINDOW, FORBIDDEN, HIDDEN] });

const dist = new URL("../../dist/", import.meta.url);
const pack = new URL("../pack/", import.meta.url);
const CALLBACK = "/premium-recorder/callback.html";
const MODULE = "/premium-recorder/premium_recorder_bg.wasm";
const PACKAGE = "/premium-recorder/index.js";

/** A server that a test can change: `headers` of all responses, `program` of the page, and what answers for the module. */
const site = { origin: undefined };
function restore() {
  site.headers = {};
  site.program = `import { connect } from "${PACKAGE}";
    import { given, record, show } from "/app.js";
    show(record(connect, given()));`;
  site.serveModule = undefined;
}
restore();
afterEach(restore);

const files = sirv(dist.pathname, { dev: true });
const PASSES_ON = `
  let count = 0;
  self.onfetch = (event) => {
    if (new URL(event.request.url).pathname.startsWith("/api/")) count++;
    event.respondWith(fetch(event.request));
  };
  self.onactivate = (event) => event.waitUntil(self.clients.claim());
  self.onmessage = (event) => event.source.postMessage(count);`;
const PAGES = {
  "/": ["text/html", () => "<!doctype html><script type=module src=/main.js></script><pre id=outcome></pre>"],
  "/config.json": ["text/html", () => "<!doctype html><title>Empty</title>"],
  "/app.js": ["text/javascript", () => readFile(new URL("app.js", pack))],
  "/main.js": ["text/javascript", () => site.program],
  "/worker.js": ["text/javascript", () => PASSES_ON],
  "/release": ["text/plain", () => browser.cloud.release()],
};
const handler = async (request, response) => {
  const { pathname } = new URL(request.url, "http://site");
  for (const [name, value] of Object.entries(site.headers)) response.setHeader(name, value);
  response.setHeader("cache-control", "no-store");
  // A frame without an origin of its own is another origin for every server.
  response.setHeader("access-control-allow-origin", "*");
  if (PAGES[pathname]) {
    const [type, body] = PAGES[pathname];
    return response.writeHead(200, { "content-type": type }).end(await body());
  }
  if (pathname === MODULE && site.serveModule) return site.serveModule(response);
  request.url = request.url.replace(/^\/(premium-recorder|copy)\//, "/");
  files(request, response, () => response.writeHead(404).end());
};
let server;
before(async () => {
  server = await serveOn(handler);
  site.origin = `http://${OTHER_SITE}:${server.port}`;
});
after(() => server?.close());

describe("a page whose content security policy", () => {
  const policy = (more) => {
    const { api } = browser.cloud.environment;
    return `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' ${api}; ${more}`;
  };

  test("allows what the package needs and nothing else, with Trusted Types for nobody", async () => {
    const trusted = "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
    site.headers = { "content-security-policy": policy(trusted) };
    await assertRecords(browser, site.origin);
  });

  test("forbids the API: OUTCOME_UNKNOWN names the origin, and nothing is sent", async () => {
    const { api } = browser.cloud.environment;
    const paths = `${api}/standin/ ${api}/api/v2/tokens/me`;
    for (const forbids of ["default-src 'self'", "connect-src 'self'", `connect-src 'self' ${paths}`]) {
      site.headers = { "content-security-policy": `script-src 'self' 'wasm-unsafe-eval'; ${forbids}` };
      site.program = `import { connect } from "${PACKAGE}";
        import { given, record, show } from "/app.js";
        const { token, ...told } = given();
        const getToken = token && (() => token);
        show(record(connect, told, getToken && { getToken }));`;
      const { error } = await outcomeAt(browser, site.origin, {
        token: forbids.endsWith(paths) ? undefined : await browser.cloud.token(browser.cloud.acme),
      });
      // Another script's refused request to the same URL would look the same, so the start may have run.
      assert.equal(error.code, "OUTCOME_UNKNOWN");
      const refused = `The page's Content Security Policy refused a request to ${api}.`;
      assert.equal(error.message, `OUTCOME_UNKNOWN: ${refused} The API did not say which recordings the agent has.`);
      assert.equal(error.hint, "Add this origin to `connect-src` of the page's Content Security Policy.");
      assert.deepEqual(await browser.cloud.starts(), []);
    }
  });

  test("forbids an image of the start's URL while the start loses its response: the recording is found", async () => {
    const { cloud } = browser;
    site.headers = { "content-security-policy": "img-src 'self'" };
    const url = `${cloud.environment.api}/api/v2/screenrecordings`;
    site.program += `setInterval(() => (new Image().src = ${JSON.stringify(url)}), 20);`;
    // The image is asked for many times meanwhile.
    await cloud.spoilStart({ delayMs: 300, reset: "after" });
    await assertRecords(browser, site.origin);
  });

  for (const lost of [{ cors: false }, { truncate: 20 }]) {
    const name = Object.keys(lost)[0];
    test(`forbids where a redirect leads another script while the start loses its response (${name}): the recording is found`, async () => {
      const { cloud } = browser;
      site.headers = { "content-security-policy": `connect-src 'self' ${cloud.environment.api}` };
      site.program = meanwhile(`
        const fault = { status: 302, headers: { Location: "https://elsewhere.example/" } };
        const order = { method: "GET", path: "/api/v2/screenrecordings", fault };
        await fetch(\`\${api}/standin/faults\`, { method: "POST", body: JSON.stringify(order) });`);
      await cloud.spoilStart({ held: true, ...lost });
      await assertRecords(browser, site.origin, { refused: [`${cloud.environment.api}/api/v2/screenrecordings`] });
    });
  }

  for (const [lost, why] of [
    [{ cors: false }, "The page's Content Security Policy refused a request to"],
    [{ truncate: 20 }, "No complete response from"],
  ]) {
    test(`comes after the start was sent, and refuses a request for the same URL: OUTCOME_UNKNOWN, ${why}`, async () => {
      const { cloud } = browser;
      const { api } = cloud.environment;
      site.program = meanwhile(`
        const meta = document.createElement("meta");
        meta.httpEquiv = "Content-Security-Policy";
        meta.content = "connect-src 'self'";
        document.head.append(meta);`);
      await cloud.spoilStart({ held: true, ...lost });
      const { error, refused } = await outcomeAt(browser, site.origin);
      assert.equal(refused[0], `${api}/api/v2/screenrecordings`);
      const looked = "The API did not say which recordings the agent has.";
      assert.equal(error.message, `OUTCOME_UNKNOWN: ${why} ${api}. ${looked}`);
      await assertOneRecording(cloud);
    });
  }

  test("forbids where a redirect of the start leads: OUTCOME_UNKNOWN", async () => {
    const { cloud } = browser;
    site.headers = { "content-security-policy": `connect-src 'self' ${cloud.environment.api}` };
    await cloud.spoilStart({ status: 307, headers: { Location: "https://elsewhere.example/api/v2/screenrecordings" } });
    assert.equal((await outcomeAt(browser, site.origin)).error.code, "OUTCOME_UNKNOWN");
  });

  test("sandboxes it without an origin", async () => {
    site.headers = { "content-security-policy": "sandbox allow-scripts" };
    await assertRecords(browser, site.origin);
  });
});

test("a page that is isolated from other origins", async () => {
  site.headers = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };
  site.program = site.program.replace(
    "record(connect, given())",
    "record(connect, given()).then((outcome) => ({ ...outcome, isIsolated: crossOriginIsolated }))",
  );
  await assertRecords(browser, site.origin, { isIsolated: true });
});

/**
 * A program that starts a recording. When the start has reached the cloud, it does something else, and then asks for the start's URL
 * as another script of the page would. Then what is held is answered. `refused`: the URLs that the page's
 * policy has refused.
 */
function meanwhile(work) {
  return `import { connect } from "${PACKAGE}";
    import { given, record, show } from "/app.js";
    const { api } = given().environment;
    const refused = [];
    addEventListener("securitypolicyviolation", ({ blockedURI }) => refused.push(blockedURI));
    async function meanwhile() {
      const arrived = ({ method, path }) => method === "POST" && path === "/api/v2/screenrecordings";
      while (!(await (await fetch(\`\${api}/standin/ledger\`)).json()).requests.some(arrived));
      ${work}
      await fetch(\`\${api}/api/v2/screenrecordings\`).catch(() => {});
      // By this server: the policy may forbid the cloud.
      await fetch("/release");
    }
    show(Promise.all([record(connect, given()), meanwhile()]).then(([outcome]) => ({ ...outcome, refused })));`;
}

/** A click that has to sign in to start. Without an origin, a page has no storage to look for traces in. */
async function click(how) {
  await browser.evaluate(
    async (environment, clientId, path, how, agentId) => {
      const { connect, isRecorderError } = await import("/premium-recorder/index.js");
      const login = { clientId, redirectUri: `${location.href.split("/config.json")[0]}${path}`, ...how };
      const recorder = await connect({ environments: [environment], login });
      const button = document.createElement("button");
      button.textContent = "Go";
      button.onclick = () => {
        window.going = recorder.startRecording(agentId).then(
          ({ orgId }) => ({ orgId }),
          (error) => (isRecorderError(error) ? { code: error.code, hint: error.hint } : { thrown: String(error) }),
        );
      };
      document.body.prepend(button);
    },
    browser.cloud.environment,
    CLIENT_ID,
    CALLBACK,
    how,
    browser.cloud.globex.agents[0].id,
  );
  await browser.clickOn("button");
}

const ended = () => browser.evaluate(() => window.going);

describe("a sign-in window under a Cross-Origin-Opener-Policy", () => {
  const SEPARATES = { "cross-origin-opener-policy": "same-origin" };

  const launched = (origin) => {
    const { apps, name } = browser.cloud.environment;
    return `${origin}/config.json?${new URLSearchParams({ gcHostOrigin: apps, gcTargetEnv: name })}`;
  };

  test("of the callback page: LOGIN_CANCELLED names it, and the window says so", async () => {
    const { cloud } = browser;
    await cloud.register(`${site.origin}${CALLBACK}`);
    await browser.openEmpty({ orgId: cloud.globex.id }, { origin: site.origin });
    site.headers = SEPARATES;
    await click({});
    await browser.enterPopup();
    await browser.signIn(cloud.globex);
    await browser.until("the callback page says so", async () =>
      /could not return to the app/.test(await browser.driver.executeScript("return document.body.innerText")),
    );
    await browser.leavePopup();
    const { code, hint } = await ended();
    assert.equal(code, "LOGIN_CANCELLED");
    assert.match(hint, /the callback page's/);
  });

  test("of the app's page, outside of a frame: LOGIN_CANCELLED", async () => {
    await browser.cloud.register(`${site.origin}${CALLBACK}`);
    site.headers = SEPARATES;
    await browser.driver.get(launched(site.origin));
    await click({});
    assert.equal((await ended()).code, "LOGIN_CANCELLED");
  });

  test("of the page around the app's frame: LOGIN_BLOCKED, and an empty window stays", async () => {
    const framed = site.origin.replace("localhost", "127.0.0.1");
    await browser.cloud.register(`${framed}${CALLBACK}`);
    site.headers = SEPARATES;
    site.program = `
      const frame = document.createElement("iframe");
      frame.src = ${JSON.stringify(launched(framed))};
      document.body.append(frame);`;
    await browser.driver.get(`${site.origin}/`);
    await browser.until("the frame is there", async () => (await browser.driver.findElements(By.css("iframe"))).length);
    await browser.driver.switchTo().frame(0);
    await click({});
    assert.equal((await ended()).code, "LOGIN_BLOCKED");
    assert.equal((await browser.popups()).length, 1);
  });
});

describe("a frame with the sandbox of Genesys' example", () => {
  const SANDBOX = [
    ...["allow-forms", "allow-modals", "allow-popups", "allow-presentation", "allow-same-origin", "allow-scripts"],
    "allow-downloads",
  ];

  /** Opens the frame, without one of the attributes. */
  async function openWithout(attribute) {
    const { cloud } = browser;
    await cloud.register(`${site.origin}${CALLBACK}`);
    const sandbox = SANDBOX.filter((each) => each !== attribute).join(" ");
    return browser.openEmpty({ orgId: cloud.globex.id }, { origin: site.origin, sandbox });
  }

  async function signsIn(attribute) {
    const { globex } = browser.cloud;
    await openWithout(attribute);
    await click({});
    await browser.signInThere(globex);
    assert.deepEqual(await ended(), { orgId: globex.id });
  }

  test("signs in and records", () => signsIn(undefined));
  for (const attribute of ["allow-modals", "allow-presentation", "allow-downloads"]) {
    test(`without ${attribute}: as with it`, () => signsIn(attribute));
  }

  test("with a Cross-Origin-Opener-Policy of the callback page, which the browser then blocks: no sign-in", async () => {
    await openWithout(undefined);
    site.headers = { "cross-origin-opener-policy": "same-origin" };
    await click({ timeoutMs: 8_000 });
    await browser.enterPopup();
    // Firefox's driver rejects, because the browser shows its own page.
    await browser.signIn(browser.cloud.globex).catch((error) => assert.match(String(error), /blockedByCOOP/));
    await browser.leavePopup();
    assert.equal((await ended()).code, byEngine({ chromium: "LOGIN_CANCELLED" }, "LOGIN_TIMEOUT"));
  });

  test("without allow-popups: LOGIN_BLOCKED names it", async () => {
    await openWithout("allow-popups");
    await click({});
    const { code, hint } = await ended();
    assert.equal(code, "LOGIN_BLOCKED");
    assert.match(hint, /sandbox/);
  });

  test("without allow-same-origin: a sign-in is LOGIN_BLOCKED, which names it, and a token is enough to record", async () => {
    const { cloud } = browser;
    await openWithout("allow-same-origin");
    await click({});
    const { code, hint } = await ended();
    assert.equal(code, "LOGIN_BLOCKED");
    assert.match(hint, /allow-same-origin/);
    const orgId = await browser.evaluate(
      async (environment, token, agentId) => {
        const { connect } = await import("/premium-recorder/index.js");
        const recorder = await connect({ environments: [environment], tokens: [token] });
        return (await recorder.startRecording(agentId)).orgId;
      },
      cloud.environment,
      await cloud.token(cloud.globex),
      cloud.globex.agents[1].id,
    );
    assert.equal(orgId, cloud.globex.id);
  });

  test("without allow-forms: nobody can send the sign-in form, LOGIN_TIMEOUT", async () => {
    await openWithout("allow-forms");
    await click({ timeoutMs: 3_000 });
    assert.equal((await ended()).code, "LOGIN_TIMEOUT");
    await browser.popupClosed();
  });

  test("without allow-scripts: nothing runs", async () => {
    await assert.rejects(openWithout("allow-scripts"));
    assert.deepEqual(await browser.cloud.requests(), []);
  });
});

describe("two copies of the package on a page", () => {
  test("start one recording with one token, and know each other's errors", async () => {
    site.program = `
      import * as one from "${PACKAGE}";
      import * as other from "/copy/index.js";
      import { given, record, show } from "/app.js";
      const { environment, orgId, agentId, stranger } = given();
      let asked = 0;
      const getToken = async () => {
        asked++;
        const order = { method: "POST", body: JSON.stringify({ orgId, format: "jwt" }) };
        return (await (await fetch(environment.api + "/standin/tokens", order)).json()).access_token;
      };
      const options = { environments: [environment], environment: environment.name, orgId, getToken };
      const recorders = await Promise.all([one.connect(options), other.connect(options)]);
      const started = await Promise.all(recorders.map((recorder) => recorder.startRecording(agentId)));
      const error = await recorders[0].startRecording(stranger).catch((error) => error);
      show({
        areTwo: one.RecorderError !== other.RecorderError,
        ids: new Set(started.map(({ id }) => id)).size,
        asked,
        known: [other.isRecorderError(error), other.explain(error).check],
      });`;
    const seen = await outcomeAt(browser, site.origin);
    assert.deepEqual(seen, { areTwo: true, ids: 1, asked: 1, known: [true, "WRONG_ORG"] });
    await assertOneRecording(browser.cloud);
  });
});

test("a signal of a frame that is removed meanwhile does not stop the call", async () => {
  const { cloud } = browser;
  await browser.openEmpty({ orgId: cloud.globex.id }, { origin: site.origin });
  const { value } = await browser.run(
    async ({ connect, settle }, token, agentId) => {
      const frame = document.createElement("iframe");
      document.body.append(frame);
      const { signal } = new frame.contentWindow.AbortController();
      const recorder = await connect({ tokens: [token] });
      const starting = settle(recorder.startRecording(agentId, { signal }).then(({ orgId }) => orgId));
      frame.remove();
      return starting;
    },
    await cloud.token(cloud.globex),
    cloud.globex.agents[0].id,
  );
  assert.equal(value, cloud.globex.id);
});

describe("a page with a service worker that passes every request on", () => {
  const inWorker = `
    const registration = await navigator.serviceWorker.register("/worker.js");
    if (!navigator.serviceWorker.controller) {
      await new Promise((resolve) => (navigator.serviceWorker.oncontrollerchange = resolve));
    }
    const outcome = await record(connect, given());
    const count = await new Promise((resolve) => {
      navigator.serviceWorker.onmessage = ({ data }) => resolve(data);
      navigator.serviceWorker.controller.postMessage("count");
    });
    await registration.unregister();
    show({ ...outcome, wasThere: count > 0 });`;

  test("records as without it", async () => {
    site.program = site.program.replace("show(record(connect, given()));", inWorker);
    await assertRecords(browser, site.origin, { wasThere: true });
  });

  test("finds the recording after a lost response, as without it", async () => {
    site.program = site.program.replace("show(record(connect, given()));", inWorker);
    await browser.cloud.spoilStart({ reset: "after" });
    await assertRecords(browser, site.origin, { wasThere: true });
  });
});

describe("a download of the module", () => {
  /** Sends the module in pieces. What `each` returns ends it. */
  const inPieces = (each) => async (response) => {
    const module = await readFile(new URL(`.${MODULE.replace("/premium-recorder", "")}`, dist));
    const size = Math.ceil(module.length / 20);
    response.writeHead(200, { "content-type": "application/wasm", "content-length": module.length });
    for (let at = 0; at < 20; at++) {
      if (await each(at, response)) return;
      response.write(module.subarray(at * size, (at + 1) * size));
    }
    response.end();
  };

  test("that is slow", async () => {
    // Slow 3G takes this long.
    site.serveModule = inPieces(() => setTimeout(200));
    await assertRecords(browser, site.origin);
  });

  test("that breaks off: WASM_LOAD_FAILED, and the next connect() loads it", async () => {
    site.serveModule = inPieces((at, response) => at === 10 && response.destroy());
    await browser.openEmpty({}, { origin: site.origin });
    const first = await connectCode();
    site.serveModule = undefined;
    assert.deepEqual([first, await connectCode()], ["WASM_LOAD_FAILED", "local"]);
  });

  test("that stops half-way: TIMEOUT, and the next connect() loads it", async () => {
    let stopped;
    site.serveModule = inPieces((at, response) => at === 10 && (stopped = response));
    await browser.openEmpty({}, { origin: site.origin });
    const first = await connectCode({ timeoutMs: 500 });
    site.serveModule = undefined;
    const second = await connectCode();
    stopped.destroy();
    assert.deepEqual([first, second], ["TIMEOUT", "local"]);
  });

  function connectCode(options = {}) {
    return browser.run(async ({ connect, settle }, options) => {
      const { value, error } = await settle(connect(options).then(({ environment }) => environment.name));
      return value ?? error.code;
    }, options);
  }
});
