// The browser engines that the tests run in, each with its driver. Only the tests need them.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import * as apt from "./apt.mjs";
import { Failure, output, run, say, targetDir, which } from "./process.mjs";
import { cargoEnv, ensureRust } from "./rust.mjs";

const CHROMIUM = [
  "chromium",
  "chromium-browser",
  "google-chrome",
  "google-chrome-stable",
  "chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];
const FIREFOX = ["firefox-esr", "firefox", "/Applications/Firefox.app/Contents/MacOS/firefox"];
/** Debian has no package of geckodriver. */
const GECKODRIVER = "0.37.1";
const GECKODRIVER_ROOT = join(targetDir, "geckodriver");

/**
 * For each engine: `find` returns its programs by the environment variables that name them, `packages` are Debian's, `build`
 * makes what Debian lacks.
 */
const ENGINES = {
  chromium: {
    find: findChromium,
    packages: ["chromium", "chromium-driver"],
    needs: "Chromium or Chrome (CHROME) and a chromedriver of the same version (CHROMEDRIVER)",
  },
  firefox: {
    find: findFirefox,
    packages: ["firefox-esr"],
    build: { GECKODRIVER: buildGeckodriver },
    needs: "Firefox (FIREFOX) and geckodriver (GECKODRIVER)",
  },
  webkit: {
    find: findWebKit,
    packages: ["webkit2gtk-driver", "xvfb"],
    needs:
      "WebKitGTK's MiniBrowser (MINIBROWSER), its WebKitWebDriver (WEBKITDRIVER) and Xvfb (XVFB), which are for Linux",
  },
};

export const ALL_ENGINES = Object.keys(ENGINES);

/** Finds the programs of these engines, installs what is missing, and sets the environment variables to their paths. */
export async function ensureBrowsers(engines = ALL_ENGINES) {
  for (const engine of engines) await ensure(engine, ENGINES[engine]);
}

async function ensure(engine, { find, packages, build = {}, needs }) {
  const missing = (found) => Object.keys(found).filter((name) => !found[name]);
  let found = find();
  if (missing(found).some((name) => !build[name])) {
    await apt.install(packages, `${engine} and its driver, for the tests`);
    found = find();
  }
  for (const name of missing(found)) found[name] = await build[name]?.();
  if (missing(found).length) {
    throw new Failure(
      `the tests in ${engine} need ${needs}.\n` +
        `Put them on PATH, or name them in these environment variables. Not found: ${missing(found).join(", ")}.\n` +
        "To test in other engines only, name them in ENGINES, for example ENGINES=chromium.",
    );
  }
  Object.assign(process.env, found);
}

function findChromium() {
  const driver = which(process.env.CHROMEDRIVER ?? "chromedriver");
  const browsers = (process.env.CHROME ? [process.env.CHROME] : CHROMIUM).map(which).filter(Boolean);
  // Chromedriver refuses a browser of another major version.
  return { CHROME: browsers.find((path) => !driver || release(path) === release(driver)), CHROMEDRIVER: driver };
}

function release(path) {
  return output(path, ["--version"])?.match(/(\d+)\.\d+\.\d+/)?.[1];
}

function findFirefox() {
  const browsers = process.env.FIREFOX ? [process.env.FIREFOX] : FIREFOX;
  const drivers = process.env.GECKODRIVER ? [process.env.GECKODRIVER] : ["geckodriver", builtGeckodriver];
  return { FIREFOX: first(browsers), GECKODRIVER: first(drivers) };
}

const builtGeckodriver = join(GECKODRIVER_ROOT, "bin/geckodriver");

async function buildGeckodriver() {
  if (process.env.GECKODRIVER) return;
  say(`building geckodriver ${GECKODRIVER} from its crate, for the tests in Firefox (two minutes)`);
  await ensureRust();
  const args = ["install", "geckodriver", "--locked", "--version", GECKODRIVER, "--root", GECKODRIVER_ROOT];
  await run("cargo", args, { env: cargoEnv() });
  return which(builtGeckodriver);
}

function findWebKit() {
  const browsers = process.env.MINIBROWSER ? [process.env.MINIBROWSER] : miniBrowsers();
  return {
    MINIBROWSER: first(browsers),
    WEBKITDRIVER: which(process.env.WEBKITDRIVER ?? "WebKitWebDriver"),
    XVFB: which(process.env.XVFB ?? "Xvfb"),
  };
}

// It is on nobody's PATH, but in a folder of the processor's name: /usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser.
function miniBrowsers() {
  const folders = [
    "/usr/libexec",
    "/usr/lib",
    "/usr/lib64",
    ...subfolders("/usr/lib").filter((name) => /-linux-gnu/.test(name)),
  ];
  return folders
    .flatMap(subfolders)
    .filter((path) => /\/webkit(2gtk|gtk)-\d/.test(path))
    .map((path) => join(path, "MiniBrowser"));
}

function subfolders(folder) {
  try {
    return readdirSync(folder).map((name) => join(folder, name));
  } catch {
    return [];
  }
}

function first(programs) {
  return programs.map(which).find(Boolean);
}
