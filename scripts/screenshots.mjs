// Takes pictures of the host page and the app, in headless Chromium, into target/screenshots.
//   node scripts/screenshots.mjs [NAME...]
// With names: only the scenes that begin with one of them, for example `thread` or `thread-1280-dark`.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buildCloud } from "./cloud.mjs";
import { build } from "./build.mjs";
import { asCommand, say, targetDir } from "./process.mjs";
import { setup } from "./setup.mjs";

const OUT = join(targetDir, "screenshots");
const WIDTHS = [320, 768, 1280];
const THEMES = ["light", "dark"];
const PATIENCE = 20_000;

/** What each scene does before its picture is taken. `address`: parameters of the host page. */
const SCENES = {
  empty: { address: { hold: "", login: "popup" } },
  host: {},
  running: {
    async act(page) {
      await page.inApp(() => page.press("Record Ada Alvarez"));
      await page.appSays("Recording Ada Alvarez in Acme.");
      await page.inApp(() => page.press("Record Adil Anand"));
      await page.appSays("Recording Adil Anand in Acme.");
    },
  },
  refused: {
    address: { org: "Initech", hold: "Acme", login: "none" },
    async act(page) {
      await page.inApp(() => page.press("Record Ivy Ito"));
      await page.shows('[data-kind="never"]');
      await page.driver.findElement({ css: '[data-kind="never"] .row' }).click();
    },
  },
  thread: {
    async act(page) {
      await page.playThread();
    },
  },
  report: {
    address: { org: "Globex", hold: "Acme", login: "none" },
    async act(page) {
      await page.inApp(() => page.press("Check setup"));
      await page.inApp(() => page.shows("#report .line"));
    },
  },
  faults: {
    async act(page) {
      for (const name of ["Token revoked", "Answer lost after the start", "Wrong scope", "Three clicks at once"]) {
        await page.press(name);
        await page.until(`${name} is over`, async () =>
          (await page.driver.findElement({ css: "#fault-status" }).getText()).startsWith(`${name}: done`),
        );
      }
    },
  },
  many: {
    async act(page) {
      await page.inApp(() => page.press("Record everyone"));
      await page.appSays("agents are being recorded");
    },
  },
  widgets: {
    address: { widgets: "10" },
    widths: [1280, 768],
  },
  german: {
    address: { lang: "de-de" },
    async act(page) {
      await page.playThread(["Geschichte abspielen", "Weiter ▸"]);
    },
  },
};

class Page {
  constructor(driver, servers, orgs) {
    this.driver = driver;
    this.servers = servers;
    this.orgs = orgs;
  }

  async open({ org, hold, ...address } = {}) {
    const id = (name) => this.orgs.find((each) => each.name.startsWith(name)).id;
    const url = new URL(this.servers.url);
    url.search = new URLSearchParams({
      lang: "en-us",
      ...address,
      ...(org && { orgId: id(org) }),
      ...(hold !== undefined && { hold: hold && id(hold) }),
    });
    await this.driver.get(url);
    await this.until("the apps are ready", async () => {
      const frames = await this.driver.findElements({ css: "iframe" });
      const states = [];
      for (const frame of frames)
        states.push(await this.inApp(() => this.driver.findElement({ css: "#app" }).getAttribute("data-state"), frame));
      return states.length > 0 && states.every((state) => state === "ready");
    });
  }

  async inApp(work, frame) {
    await this.driver.switchTo().frame(frame ?? (await this.driver.findElement({ css: "iframe" })));
    try {
      return await work();
    } finally {
      await this.driver.switchTo().defaultContent();
    }
  }

  async press(name) {
    const buttons = await this.driver.findElements({ css: "button" });
    for (const button of buttons) {
      if ((await this.driver.executeScript("return arguments[0].computedName", button)) === name) return button.click();
    }
    throw new Error(`there is no button "${name}"`);
  }

  shows(css) {
    return this.until(`there is ${css}`, async () => (await this.driver.findElements({ css })).length > 0);
  }

  appSays(text) {
    return this.until(`the app says ${text}`, () =>
      this.inApp(async () => (await this.driver.findElement({ css: "#status" }).getText()).includes(text)),
    );
  }

  async playThread([play, next] = ["Play the thread", "Next ▸"]) {
    await this.press(`▸ ${play}`);
    for (let step = 1; step < 4; step += 1) {
      await this.until(
        `step ${step} is done`,
        async () => (await this.driver.findElements({ css: ".step.done" })).length === step,
      );
      await this.press(next);
    }
    await this.until(
      "the thread is done",
      async () => (await this.driver.findElements({ css: ".step.done" })).length === 4,
    );
  }

  async until(what, isSo) {
    await this.driver.wait(() => isSo().catch(() => false), PATIENCE, what, 50);
  }

  async size(width, height) {
    this.width = width;
    const metrics = { width, height, deviceScaleFactor: 1, mobile: false };
    await this.driver.sendDevToolsCommand("Emulation.setDeviceMetricsOverride", metrics);
  }

  async resize(width, theme) {
    await this.size(width, 900);
    await this.driver.sendDevToolsCommand("Emulation.setScrollbarsHidden", { hidden: true });
    await this.driver.sendDevToolsCommand("Emulation.setEmulatedMedia", {
      features: [
        { name: "prefers-color-scheme", value: theme },
        { name: "prefers-reduced-motion", value: "reduce" },
      ],
    });
  }

  /** Lets the page read the ledger once more: it may not have done so since the last request. */
  async showLedger() {
    const began = await this.driver.executeScript(
      "performance.clearResourceTimings(); const now = performance.now(); dispatchEvent(new Event('online')); return now;",
    );
    const hasRead = `return performance.getEntriesByType("resource").some(
      ({ name, startTime }) => name.endsWith("/standin/ledger") && startTime >= arguments[0])`;
    await this.until("the page has read the ledger", () => this.driver.executeScript(hasRead, began));
  }

  async picture(name) {
    await this.showLedger();
    await this.driver.executeScript("scrollTo(0, 0)");
    // A frame of another site is painted only as far as the window shows it.
    const { cssContentSize } = await this.driver.sendAndGetDevToolsCommand("Page.getLayoutMetrics", {});
    await this.size(this.width, Math.ceil(cssContentSize.height));
    await this.until("each frame is as high as its page", async () => {
      for (const frame of await this.driver.findElements({ css: ".app:not([hidden]) iframe" })) {
        const page = await this.inApp(
          () => this.driver.executeScript("return document.body.getBoundingClientRect().height"),
          frame,
        );
        if (Math.abs((await frame.getRect()).height - page) > 1) return false;
      }
      return true;
    });
    const { data } = await this.driver.sendAndGetDevToolsCommand("Page.captureScreenshot", {});
    await writeFile(join(OUT, `${name}.png`), data, "base64");
  }

  /** What is wider than the page. */
  overflow() {
    return this.driver.executeScript(
      "const page = document.documentElement; return page.scrollWidth - page.clientWidth;",
    );
  }
}

asCommand(import.meta, async () => {
  const wanted = process.argv.slice(2);
  await setup();
  await build();
  await buildCloud();
  const { serve } = await import("./serve.mjs");
  const { startEngine } = await import("../tests/e2e/engines.mjs");
  await mkdir(OUT, { recursive: true });
  const servers = await serve();
  const { driver, end } = await startEngine();
  try {
    const orgs = await (await fetch(`${servers.cloud.api}/standin/orgs`)).json();
    const page = new Page(driver, servers, orgs);
    for (const [scene, { address, act, widths = WIDTHS }] of Object.entries(SCENES)) {
      for (const width of widths) {
        for (const theme of THEMES) {
          const name = `${scene}-${width}-${theme}`;
          if (wanted.length && !wanted.some((each) => name.startsWith(each))) continue;
          await fetch(`${servers.cloud.api}/standin/reset`, { method: "POST" });
          await page.resize(width, theme);
          await page.open(address);
          await act?.(page);
          await page.picture(name);
          const wider = await page.overflow();
          say(`${name}${wider > 0 ? `: the page is ${wider} pixels too wide` : ""}`);
          if (wider > 0) process.exitCode = 1;
        }
      }
    }
  } finally {
    await end();
    await servers.close();
  }
});
