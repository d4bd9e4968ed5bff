// A headless Chromium and servers of its own for one test file, and what must hold after every test in it.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, afterEach, before, beforeEach } from "node:test";
import { Builder, By, Select, logging } from "selenium-webdriver";
import chrome from "selenium-webdriver/chrome.js";
import { ensureBrowsers } from "../../scripts/browsers.mjs";
import { serve } from "../../scripts/serve.mjs";
import { Cloud } from "./cloud.mjs";
import { inPage } from "./in-page.mjs";

const PATIENCE = 10_000;

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
  beforeEach(() => browser.cloud.reset());
  afterEach(async () => {
    await browser.checkConsole(mayComplain);
    await browser.checkLedger();
  });
  return browser;
}

class Browser {
  cloud;
  driver;
  #servers;

  async open() {
    await ensureBrowsers();
    this.#servers = await serve();
    this.cloud = await Cloud.of(this.#servers.cloud);
    this.driver = await start();
    await this.driver.manage().setTimeouts({ script: PATIENCE });
  }

  async close() {
    await this.driver?.quit();
    await this.#servers?.close();
  }

  get appOrigin() {
    return this.#servers.appOrigin;
  }

  /** Opens the host shell and goes into the Premium App that it embeds. */
  async openApp({ org, hold }) {
    const url = new URL(this.#servers.url);
    url.searchParams.set("orgId", org.id);
    if (hold) url.searchParams.set("hold", hold.map(({ id }) => id).join());
    await this.driver.get(url);
    await this.enterApp(org);
  }

  /** Goes into the iframe once the app in it runs for this organization. */
  async enterApp(org) {
    await this.until(`the app runs for ${org.name}`, async () => {
      await this.leaveApp();
      await this.driver.switchTo().frame(await this.driver.findElement(By.css("iframe")));
      const app = await this.driver.findElement(By.css("main")).getText();
      return app.includes(org.id) && app.includes("Start recording");
    });
  }

  leaveApp() {
    return this.driver.switchTo().defaultContent();
  }

  /** Embeds a page of the app's origin that runs nothing by itself, so that the module is not loaded yet. */
  async openEmpty(launch = {}) {
    const { apps, name } = this.cloud.environment;
    const url = new URL("/config.json", this.appOrigin);
    url.search = new URLSearchParams({ gcHostOrigin: apps, gcTargetEnv: name, ...launch });
    await this.driver.get(`${apps}/config.json`);
    await this.driver.executeAsyncScript(embed, url.href);
    await this.driver.switchTo().frame(0);
  }

  /** Runs a function in the page, with what in-page.mjs gives it and these arguments. What it returns leaks no token. */
  async run(body, ...args) {
    const script = `
      const done = arguments[arguments.length - 1];
      const [environment, args] = arguments;
      (async () => {
        const page = (${inPage})(await import("/premium-recorder/index.js"), environment);
        const value = await (${body})(page, ...args);
        return { value, traces: page.traces() };
      })().then(done, (error) => done({ fault: String(error?.stack ?? error) }));`;
    const { value, traces, fault } = await this.driver.executeAsyncScript(script, this.cloud.environment, args);
    assert.equal(fault, undefined);
    this.mustNotShowTokens(JSON.stringify(value ?? null));
    this.mustNotShowTokens(traces);
    return withoutNulls(value);
  }

  mustNotShowTokens(text) {
    const secrets = this.cloud.issued.flatMap((token) => [token, ...token.split(".").slice(1)]);
    assert.ok(!secrets.some((secret) => secret && text.includes(secret)), "a token shows");
  }

  /** What a person or a screen reader finds by its role and name. */
  async control(css, name) {
    for (const element of await this.driver.findElements(By.css(css))) {
      if ((await element.getAccessibleName()) === name) return element;
    }
    throw new Error(`there is no ${css} called "${name}"`);
  }

  async press(name) {
    await (await this.control("button", name)).click();
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
    await this.driver.wait(attempt, PATIENCE).catch((error) => {
      throw new Error(`${what}: not within ${PATIENCE} ms. ${detail() ?? ""} ${last ?? error}`);
    });
  }

  async checkConsole(mayComplain) {
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
      return (origin !== "api" && tokenOrgId) || `${path}${query}`.includes("***");
    });
    assert.deepEqual(strayed, [], "tokens where none should be");
    const crossing = requests.filter(({ orgHeader, tokenOrgId }) => orgHeader !== null && orgHeader !== tokenOrgId);
    assert.deepEqual(crossing, [], "requests for one organization with another's token");
  }
}

async function start() {
  const settings = JSON.parse(await readFile(new URL("../../webdriver.json", import.meta.url), "utf8"));
  const logs = new logging.Preferences();
  logs.setLevel(logging.Type.BROWSER, logging.Level.ALL);
  const options = new chrome.Options()
    .addArguments(...settings["goog:chromeOptions"].args)
    .setChromeBinaryPath(process.env.CHROME)
    .setLoggingPrefs(logs);
  return new Builder()
    .forBrowser("chrome")
    .setChromeOptions(options)
    .setChromeService(new chrome.ServiceBuilder(process.env.CHROMEDRIVER))
    .build();
}

function embed(src, done) {
  const frame = document.createElement("iframe");
  frame.title = "Premium App";
  frame.onload = () => done();
  frame.src = src;
  document.body.append(frame);
}

/** WebDriver has no `undefined`: what was absent comes back as null. */
function withoutNulls(value) {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([, each]) => each !== null);
  return Object.fromEntries(kept.map(([key, each]) => [key, withoutNulls(each)]));
}
