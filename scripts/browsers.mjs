// Chromium and a chromedriver of the same version. Only the tests need them.
import * as apt from "./apt.mjs";
import { Failure, output, which } from "./process.mjs";

const BROWSERS = [
  "chromium",
  "chromium-browser",
  "google-chrome",
  "google-chrome-stable",
  "chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** Finds both, installs them if they are missing, and sets CHROME and CHROMEDRIVER to their paths. */
export async function ensureBrowsers() {
  let found = find();
  if ((!found.chrome || !found.chromedriver) && apt.canInstall()) {
    await apt.install(["chromium", "chromium-driver"], "a browser and its driver, for the tests");
    found = find();
  }
  const { chrome, chromedriver } = found;
  if (!chrome || !chromedriver) {
    throw new Failure(
      `the tests need ${chrome ? "" : "Chromium or Chrome and "}a chromedriver of the same version:\n` +
        "put them on PATH, or name them in CHROME and CHROMEDRIVER",
    );
  }
  process.env.CHROME = chrome;
  process.env.CHROMEDRIVER = chromedriver;
}

function find() {
  const chromedriver = which(process.env.CHROMEDRIVER ?? "chromedriver");
  const browsers = process.env.CHROME ? [process.env.CHROME] : BROWSERS;
  const installed = browsers.map(which).filter(Boolean);
  if (!chromedriver) return { chrome: installed[0] };
  const chrome = installed.find((path) => release(path) === release(chromedriver));
  return { chrome, chromedriver };
}

// Chromedriver refuses a browser of another major version.
function release(path) {
  return output(path, ["--version"])?.match(/(\d+)\.\d+\.\d+/)?.[1];
}
