// The engine that this test file runs in, which the environment variable ENGINE names: a driver for it, and in what it
// differs from the others.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Builder, Capabilities, logging } from "selenium-webdriver";
import chrome from "selenium-webdriver/chrome.js";
import firefox from "selenium-webdriver/firefox.js";
import { DriverService } from "selenium-webdriver/remote/index.js";
import { ALL_ENGINES, ensureBrowsers } from "../../scripts/browsers.mjs";

export const engine = process.env.ENGINE ?? "chromium";
if (!ALL_ENGINES.includes(engine)) throw new Error(`ENGINE=${engine}: it must be one of ${ALL_ENGINES.join(", ")}`);

/** The value for this engine, where engines differ. `others` is for each engine that is not named. */
export function byEngine(values, others) {
  return Object.hasOwn(values, engine) ? values[engine] : others;
}

/** Options of a test that cannot run in some engines: why not, by engine. */
export function cannotRunIn(reasons) {
  const reason = byEngine(reasons);
  return reason ? { skip: `not in ${engine}: ${reason}` } : {};
}

/** How often the engine itself sends a GET whose connection breaks off. */
export const GET_ATTEMPTS = byEngine({ firefox: 10 }, 1);

/** Starts the engine. Returns its driver, and what ends both. `flags`: further ones of Chromium's command line. */
export async function startEngine({ flags = [] } = {}) {
  await ensureBrowsers([engine]);
  const start = { chromium: startChromium, firefox: startFirefox, webkit: startWebKit }[engine];
  // Browsers leave profiles of several megabytes behind. A browser that is still exiting may write into its folder, so removing
  // the folder takes several attempts.
  const folder = await mkdtemp(join(tmpdir(), "premium-recorder-browser-"));
  const removeFolder = () => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  try {
    const { driver, end } = await start({ ...process.env, TMPDIR: folder }, flags);
    return { driver, end: () => end().finally(removeFolder) };
  } catch (error) {
    await removeFolder();
    throw error;
  }
}

async function startChromium(environment, flags) {
  const settings = JSON.parse(await readFile(new URL("../../webdriver.json", import.meta.url), "utf8"));
  const logs = new logging.Preferences();
  logs.setLevel(logging.Type.BROWSER, logging.Level.ALL);
  const options = new chrome.Options()
    .addArguments(...settings["goog:chromeOptions"].args, "--enable-blink-features=ComputedAccessibilityInfo", ...flags)
    .excludeSwitches("disable-popup-blocking")
    .setChromeBinaryPath(process.env.CHROME)
    .setLoggingPrefs(logs)
    .setAcceptInsecureCerts(true);
  const driver = await new Builder()
    .forBrowser("chrome")
    .setChromeOptions(options)
    .setChromeService(new chrome.ServiceBuilder(process.env.CHROMEDRIVER).setEnvironment(environment))
    .build();
  return { driver, end: () => driver.quit() };
}

async function startFirefox(environment) {
  const options = new firefox.Options()
    .addArguments("-headless")
    .setBinary(process.env.FIREFOX)
    .setAcceptInsecureCerts(true)
    // The empty page of the tests is JSON, which Firefox would otherwise show with a page of its own.
    .setPreference("devtools.jsonview.enabled", false)
    // geckodriver lets every page open windows; people's Firefox does not.
    .setPreference("dom.disable_open_during_load", true)
    // TestUtils.gc()
    .setPreference("dom.testing.testutils.enabled", true);
  const driver = await new Builder()
    .forBrowser("firefox")
    .setFirefoxOptions(options)
    .setFirefoxService(new firefox.ServiceBuilder(process.env.GECKODRIVER).setEnvironment(environment))
    .build();
  return { driver, end: () => driver.quit() };
}

async function startWebKit(environment) {
  const screen = await startScreen();
  const service = new DriverService.Builder(process.env.WEBKITDRIVER)
    .setLoopback(true)
    .setEnvironment(webKitEnvironment(environment, screen))
    .build();
  const end = async () => {
    await service.kill();
    screen.end();
  };
  try {
    const capabilities = new Capabilities({
      browserName: "MiniBrowser",
      acceptInsecureCerts: true,
      "webkitgtk:browserOptions": { binary: process.env.MINIBROWSER, args: ["--automation"] },
    });
    const driver = await new Builder()
      .usingServer(await service.start())
      .withCapabilities(capabilities)
      .build();
    // The driver misses what a frame shows below the lower edge of the window.
    await driver
      .manage()
      .window()
      .setRect({ x: 0, y: 0, ...SCREEN });
    return { driver, end: () => driver.quit().finally(end) };
  } catch (error) {
    await end();
    throw error;
  }
}

function webKitEnvironment(environment, { display }) {
  // WebKit's sandbox refuses to run as root.
  const asRoot = process.getuid() === 0 ? { WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1" } : {};
  // JSC's WebAssembly compilers signal the page's thread when they install code. WebKitGTK 2.50's WebAssembly interpreters read
  // below the stack pointer, where a signal writes, and then crash the page or access wrong memory
  // (https://bugs.webkit.org/show_bug.cgi?id=308691, fixed in 308252@main).
  const interpreted = { JSC_useBBQJIT: "0", JSC_useOMGJIT: "0" };
  return { ...environment, ...asRoot, ...interpreted, DISPLAY: display };
}

const SCREEN = { width: 1200, height: 3000 };

/** MiniBrowser has no headless mode. `-terminate`: the screen ends with the browser, also if this process is killed. */
async function startScreen() {
  const { width, height } = SCREEN;
  const args = ["-displayfd", "3", "-terminate", "-nolisten", "tcp", "-screen", "0", `${width}x${height}x24`];
  const server = spawn(process.env.XVFB, args, { stdio: ["ignore", "ignore", "ignore", "pipe"] });
  const number = await new Promise((resolve, reject) => {
    server.stdio[3].once("data", (text) => resolve(String(text).trim()));
    server.once("error", reject);
    server.once("exit", (code) => reject(new Error(`Xvfb ended with exit code ${code} before it was ready`)));
  });
  return { display: `:${number}`, end: () => server.kill() };
}
