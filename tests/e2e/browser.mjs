// A browser and servers of its own for one test file, and what must hold after every test in it.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach } from "node:test";
import { By, Select, error as problem, logging } from "selenium-webdriver";
import { CLIENT_ID, serve } from "../../scripts/serve.mjs";
import { Cloud } from "./cloud.mjs";
import { byEngine, engine, startEngine } from "./engines.mjs";
import { inPage } from "./in-page.mjs";
import { assertPublished } from "./published.mjs";
import { watch } from "./watch.mjs";

const PATIENCE = 10_000;
/** How long a script in the page may take, in milliseconds. No timer of the library has this length. */
const SCRIPT_TIMEOUT = 60_007;
/** WebKit's driver misses what a frame would have to scroll to. In Chromium, its own view of JSON covers the top. */
export const WHERE_BUTTONS_GO = byEngine({ webkit: "prepend" }, "append");
/** How often a condition is looked at, in milliseconds. */
const EVERY = 20;

/** Where people come back to: the package's page, the app, and the empty page of the tests. */
const REDIRECT_PATHS = ["/premium-recorder/callback.html", "/", "/config.json"];

/** The empty page has no icon, which the browser asks for all the same. */
const ICON = /\/favicon\.ico /;

/**
 * The browser of this test file. `mayComplain`: what the browser may write to its console as an error, because the
 * tests provoke it.
 */
export function browser({ mayComplain = [] } = {}) {
  const browser = new Browser();
  before(() => browser.open());
  after(() => browser.close());
  beforeEach(() => browser.reset());
  afterEach(async () => {
    await browser.closeWindows();
    await browser.checkConsole(mayComplain);
    await browser.checkLedger();
  });
  return browser;
}

class Browser {
  cloud;
  driver;
  #end;
  #servers;
  #host;
  #secrets = new Set();
  #isWaiting = false;

  async open() {
    this.#servers = await serve({ redirectPaths: REDIRECT_PATHS });
    this.cloud = await Cloud.of(this.#servers.cloud);
    ({ driver: this.driver, end: this.#end } = await startEngine());
    await this.driver.manage().setTimeouts({ script: SCRIPT_TIMEOUT });
    this.#host = await this.driver.getWindowHandle();
  }

  /** Nobody is signed in, nothing has happened. The cloud knows no cookie any more. */
  async reset() {
    this.#secrets.clear();
    await this.cloud.reset();
  }

  async close() {
    await this.#end?.();
    await this.#servers?.close();
  }

  get appOrigin() {
    return this.#servers.appOrigin;
  }

  /** Opens the host shell and goes into the Premium App that it embeds. */
  async openApp({ org, hold, login = "none" }) {
    const url = new URL(this.#servers.url);
    url.searchParams.set("orgId", org.id);
    url.searchParams.set("login", login);
    if (hold) url.searchParams.set("hold", hold.map(({ id }) => id).join());
    await this.driver.get(url);
    await this.enterApp(org);
  }

  /** Goes into the iframe once the app in it runs for this organization. */
  async enterApp(org) {
    await this.until(`the app runs for ${org.name}`, async () => {
      await this.leaveApp();
      await this.driver.switchTo().frame(await this.driver.findElement(By.css("iframe")));
      const app = await this.driver.findElement(By.css("#app"));
      return (await this.appIsReady()) && (await app.getAttribute("data-org")) === org.id;
    });
  }

  /** Whether the app in this frame has started and listed its recordings. From then on, it sends nothing by itself. */
  appIsReady() {
    return this.driver.executeScript(`return document.querySelector('#app[data-state="ready"]') !== null &&
      document.querySelector('#status[aria-busy="false"]') !== null`);
  }

  leaveApp() {
    return this.driver.switchTo().defaultContent();
  }

  /** The app's own origin, seen from another site's page and on the same site. */
  get neighbourOrigin() {
    return this.#servers.neighbourOrigin;
  }

  /**
   * Embeds a page of the app's origin that runs nothing by itself, so that the module is not loaded yet. The host shell
   * is on another site, unless `origin` says otherwise.
   */
  async openEmpty(launch = {}, { origin = this.appOrigin, sandbox } = {}) {
    const { apps, name } = this.cloud.environment;
    const url = new URL("/config.json", origin);
    url.search = new URLSearchParams({ gcHostOrigin: apps, gcTargetEnv: name, ...launch });
    await this.driver.get(`${apps}/config.json`);
    await this.driver.executeAsyncScript(embed, url.href, sandbox);
    await this.enterEmpty();
  }

  /** Goes into the frame of an empty page, before anything runs there. */
  async enterEmpty() {
    await this.leaveApp();
    await this.driver.switchTo().frame(0);
    // WebKit's driver ends its scripts by a timer of the page, and leaves it there.
    await this.evaluate(watch, byEngine({ webkit: SCRIPT_TIMEOUT }, null));
  }

  /** Runs a function in the page, with what in-page.mjs gives it and these arguments. What it returns leaks no token. */
  async run(body, ...args) {
    const { value, traces, fault } = await this.evaluate(
      `async (environment, clientId, ...args) => {
        try {
          const page = (${inPage})(await import("/premium-recorder/index.js"), environment, clientId);
          const value = await (${body})(page, ...args);
          return { value, traces: page.traces() };
        } catch (error) {
          // In Firefox and WebKit, a stack does not say what the error says.
          return { fault: \`\${error} \${error?.cause} \${error?.stack}\` };
        }
      }`,
      this.cloud.environment,
      CLIENT_ID,
      ...args,
    );
    assert.equal(fault, undefined);
    await this.#checkSecrets();
    this.mustNotShowTokens(JSON.stringify(value ?? null));
    this.mustNotShowTokens(traces);
    return withoutNulls(value);
  }

  /**
   * What a function returns in the page. It runs as the page's own script: the sandboxes in which WebDriver runs scripts in
   * Firefox and WebKit cannot import, and have other built-in objects than the page.
   */
  async evaluate(body, ...args) {
    const source = `(${body})(...JSON.parse(${JSON.stringify(JSON.stringify(args))}))`;
    const { text, fault } = await this.driver.executeAsyncScript(asPage, source);
    if (fault) throw new Error(fault);
    return text === null ? undefined : JSON.parse(text);
  }

  /** Clicks on a button, which then does what `body` returns. How it ends, `ended` tells. */
  async click(body, ...args) {
    await this.run(
      `async (page, ...args) => {
        const action = await (${body})(page, ...args);
        const button = document.createElement("button");
        button.textContent = "Go";
        button.onclick = () => {
          button.remove();
          page.kept.going = page.settle(action());
        };
        document.body.${WHERE_BUTTONS_GO}(button);
      }`,
      ...args,
    );
    await this.clickOn("button");
  }

  /** How it ended. A sign-in takes everything along that it brought, but for a window that it can no longer close. */
  async ended({ windowStays = false } = {}) {
    const outcome = await this.run(({ kept }) => kept.going);
    const left = await this.driver.executeScript("return window.watched.left()");
    assert.deepEqual(left, { messageListeners: 0, timers: 0, openWindows: 0 }, "what is left behind");
    // The driver may know a closed window for a moment, and would take it for the next one.
    if (!windowStays) await this.popupClosed();
    return outcome;
  }

  /** Clicks once more where the engine blocks a window that comes later than the click: the next click opens it first. */
  async clickAgainIfBlocked(agentId) {
    if (byEngine({ webkit: false }, true)) return;
    assert.equal((await this.ended()).error?.code, "LOGIN_BLOCKED");
    await this.click(
      ({ kept }, agentId) =>
        () =>
          kept.recorder.startRecording(agentId),
      agentId,
    );
  }

  /** Waits for the sign-in page in the app's frame. */
  onSignInPage() {
    return this.until("the sign-in page is in the frame", async () => {
      await this.leaveApp();
      await this.driver.switchTo().frame(0);
      return this.control("button", "Sign in");
    });
  }

  /** What a person does on the sign-in page. */
  async signIn(org, agent = org.agents[0]) {
    // A new window has the page's address before it has the page.
    await this.until("the sign-in page is there", () => this.control("button", "Sign in"));
    await this.choose("User", `${agent.name} (${org.name})`);
    await this.pressLast("Sign in");
  }

  /** Signs in on the page that the frame has gone to. */
  async signInInFrame(org) {
    await this.onSignInPage();
    await this.signIn(org);
  }

  /** Goes into the frame of an empty page once it is back with a response. */
  async backInFrame() {
    await this.until("the page is back", async () => {
      await this.leaveApp();
      await this.driver.switchTo().frame(0);
      const { origin, searchParams } = new URL(await this.address());
      return origin === this.appOrigin && searchParams.has("state");
    });
    await this.enterEmpty();
  }

  address() {
    return this.driver.executeScript("return location.href");
  }

  /** Signs in in the window that has been opened, and goes back into the app's frame. */
  async signInThere(org, agent) {
    await this.enterPopup();
    await this.signIn(org, agent);
    await this.leavePopup();
  }

  /** Presses a button after which the window may be gone. */
  async pressLast(name) {
    await unlessGone(this.press(name));
  }

  /** Goes into the window that has been opened, once it shows what it was opened for. */
  async enterPopup() {
    await this.until("a window is open", async () => {
      const [popup] = await this.popups();
      await this.driver.switchTo().window(popup);
      return (await this.driver.getCurrentUrl()) !== "about:blank";
    });
  }

  /** Goes back into the app's frame. */
  async leavePopup() {
    await this.driver.switchTo().window(this.#host);
    await this.driver.switchTo().frame(0);
  }

  async popups() {
    return (await this.driver.getAllWindowHandles()).filter((handle) => handle !== this.#host);
  }

  async popupClosed() {
    await this.until("no window is open any more", async () => (await this.popups()).length === 0);
  }

  async closeWindows() {
    const close = async (handle) => {
      await this.driver.switchTo().window(handle);
      await this.driver.close();
    };
    for (const handle of await this.popups()) await unlessGone(close(handle));
    await this.driver.switchTo().window(this.#host);
  }

  // What the page has sent and learnt since it was opened: a code, a verifier and a refresh token are for the token
  // endpoint and for nothing else.
  async #checkSecrets() {
    const watched = await this.driver.executeScript(
      "return window.watched && { sent: watched.sent, secrets: [...watched.secrets], said: watched.said }",
    );
    if (!watched) return;
    watched.secrets.forEach((secret) => this.#secrets.add(secret));
    this.mustNotShowTokens(watched.said.join("\n"));
    const endpoint = `${this.cloud.environment.login}/oauth/token`;
    for (const { url, body } of watched.sent.filter(({ url }) => url !== endpoint)) this.mustNotShowTokens(url + body);
  }

  mustNotShowTokens(text) {
    const secrets = [...this.cloud.issued, ...this.#secrets].flatMap((token) => [token, ...token.split(".").slice(1)]);
    assert.ok(!secrets.some((secret) => secret && text.includes(secret)), "a token shows");
  }

  /**
   * What a person or a screen reader finds by its role and name. Waits for it, unless `until` does: in Firefox, names follow the
   * page with a delay.
   */
  async control(css, name) {
    if (this.#isWaiting) return this.#find(css, name);
    let found;
    await this.until(`there is a ${css} called "${name}"`, async () => (found = await this.#find(css, name)));
    return found;
  }

  #find(css, name) {
    return this.#retryIfStale(async () => {
      for (const element of await this.driver.findElements(By.css(css))) {
        if ((await this.described(element)).name === name) return element;
      }
      throw new Error(`there is no ${css} called "${name}"`);
    });
  }

  /** The role and name of a control. Chromedriver's own commands for them know no elements of another site's frame. */
  async described(element) {
    if (engine !== "chromium") return { role: await element.getAriaRole(), name: await element.getAccessibleName() };
    return this.driver.executeScript(
      "return { role: arguments[0].computedRole, name: arguments[0].computedName }",
      element,
    );
  }

  press(name) {
    return this.#retryIfStale(async () => (await this.control("button", name)).click());
  }

  clickOn(css) {
    return this.#retryIfStale(async () => (await this.driver.findElement(By.css(css))).click());
  }

  // The page may replace an element between two commands of the driver. A command for a replaced element does nothing.
  async #retryIfStale(work) {
    const end = Date.now() + PATIENCE;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof problem.StaleElementReferenceError) || Date.now() > end) throw error;
      }
    }
  }

  async choose(name, option) {
    await new Select(await this.control("select", name)).selectByVisibleText(option);
  }

  /** The live region's text, once something has been said that contains `expected`. */
  async outcome(expected) {
    let text;
    await this.until(
      `the outcome says ${expected}`,
      async () => {
        text = await this.driver.findElement(By.css("[role=status][aria-busy=false]")).getText();
        return text.includes(expected);
      },
      () => text,
    );
    return text;
  }

  /** The text of the app's error card, once it is about this code. */
  async refusal(code) {
    let card;
    await this.until(`the error card says ${code}`, async () => {
      card = await this.driver.findElement(By.css(`.problem[data-code="${code}"]`));
      return card.isDisplayed();
    });
    return card.getText();
  }

  collectGarbage() {
    if (engine === "chromium") return this.driver.sendDevToolsCommand("HeapProfiler.collectGarbage", {});
    return this.evaluate(byEngine({ firefox: "() => TestUtils.gc()", webkit: makeGarbage }));
  }

  async until(what, isSo, detail = () => "") {
    let last;
    const attempt = async () => {
      try {
        return await isSo();
      } catch (error) {
        // The page may be on its way to another one.
        last = error;
        return false;
      }
    };
    const waited = this.#isWaiting;
    this.#isWaiting = true;
    try {
      await this.driver.wait(attempt, PATIENCE, undefined, EVERY);
    } catch (error) {
      throw new Error(`${what}: not within ${PATIENCE} ms. ${detail() ?? ""} ${last ?? error}`);
    } finally {
      this.#isWaiting = waited;
    }
  }

  /** Only chromedriver tells what the console says. */
  async checkConsole(mayComplain) {
    if (engine !== "chromium") return;
    const entries = await this.driver.manage().logs().get(logging.Type.BROWSER);
    const errors = entries.filter(({ level }) => level.value >= logging.Level.SEVERE.value);
    for (const { message } of entries) this.mustNotShowTokens(message);
    const unexpected = errors
      .map(({ message }) => message)
      .filter((text) => ![ICON, ...mayComplain].some((may) => may.test(text)));
    assert.deepEqual(unexpected, [], "the console");
  }

  async checkLedger() {
    const requests = await this.cloud.requests();
    const strayed = requests.filter(({ origin, path, query, tokenOrgId }) => {
      const struckOut = path === "/oauth/authorize" ? query?.replace("state=***", "") : query;
      return (origin !== "api" && tokenOrgId) || `${path}${struckOut}`.includes("***");
    });
    assert.deepEqual(strayed, [], "secrets where none should be");
    // The cloud may be asked about a token that only the cloud's own Date makes look expired.
    const expired = requests.filter(
      ({ tokenExpired, path }) => tokenExpired && !this.cloud.isAheadOfPage && path !== "/api/v2/tokens/me",
    );
    assert.deepEqual(expired, [], "requests with a token that could be known to have expired");
    const crossing = requests.filter(({ orgHeader, tokenOrgId }) => orgHeader !== null && orgHeader !== tokenOrgId);
    assert.deepEqual(crossing, [], "requests for one organization with another's token");
    // Tests may make up operations.
    assertPublished(requests, { unknown: true });
  }
}

/** For what is done in a window that may close by itself meanwhile. */
export function unlessGone(work) {
  return work.catch((error) => {
    if (!(error instanceof problem.NoSuchWindowError)) throw error;
  });
}

/** Runs in the page, whose content security policy may ask for a nonce. */
function asPage(source, done) {
  const script = document.createElement("script");
  script.nonce = "test";
  script.textContent = `window.evaluated = (async () => ${source})();`;
  delete window.evaluated;
  document.documentElement.append(script);
  script.remove();
  if (!window.evaluated) return done({ fault: `the page does not run ${source}` });
  window.evaluated.then(
    (value) => done({ text: JSON.stringify(value) }),
    (error) => done({ fault: `${error} ${error?.cause} ${error?.stack}` }),
  );
}

function embed(src, sandbox, done) {
  const frame = document.createElement("iframe");
  frame.title = "Premium App";
  if (sandbox) frame.sandbox = sandbox;
  frame.onload = () => done();
  frame.src = src;
  document.body.append(frame);
}

/** Runs in WebKit, which has no command to collect garbage: makes so much of it that it collects. */
async function makeGarbage() {
  const garbage = new WeakRef({});
  while (garbage.deref()) {
    await new Promise((resolve) => setTimeout(resolve));
    for (let count = 0; count < 1000; count += 1) new Array(10_000).fill(count);
  }
}

/** WebDriver has no `undefined`: what was absent comes back as null. */
function withoutNulls(value) {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([, each]) => each !== null);
  return Object.fromEntries(kept.map(([key, each]) => [key, withoutNulls(each)]));
}
