// What axe finds in the pages, in each of their states, and what a person needs who sees no motion, or whom motion makes ill.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import axe from "axe-core";
import { By } from "selenium-webdriver";
import { browser as open } from "./browser.mjs";
import { cannotRunIn } from "./engines.mjs";
import { HostPage } from "./host-page.mjs";

const REFUSED = /\/api\/v2\/(screenrecordings|users).* - Failed to load resource: .*40\d/;
const browser = open({ mayComplain: [REFUSED] });
const page = new HostPage(browser);
const byDevTools = "only chromedriver can emulate what a person prefers";
const emulates = cannotRunIn({ firefox: byDevTools, webkit: byDevTools });

// Without motion, a color is what it is at once, and axe does not look at one that is on its way to another.
const REDUCED = [{ name: "prefers-reduced-motion", value: "reduce" }];

describe("axe finds nothing", emulates, () => {
  before(() => emulate(REDUCED));

  for (const theme of ["light", "dark"]) {
    describe(theme, () => {
      test("in an app without tokens", async () => {
        await page.open({ theme, hold: "", login: "popup" });
        await mustBeAccessible();
      });

      test("while agents are being recorded", async () => {
        const { acme } = browser.cloud;
        await page.open({ theme });
        await page.inApp(async () => {
          await browser.press(`Record ${acme.agents[0].name}`);
          await browser.outcome("Recording Ada Alvarez");
        });
        await browser.until("the row is there", async () => (await page.rows()).at(-1)?.status === "201");
        await mustBeAccessible();
      });

      test("in an error card and a row with all of their details", async () => {
        const { acme, initech } = browser.cloud;
        await page.open({ theme, orgId: initech.id, hold: acme.id, login: "none" });
        await page.inApp(async () => {
          await browser.press(`Record ${initech.agents[0].name}`);
          await browser.refusal("ORG_MISMATCH");
          await browser.clickOn(".problem summary");
        });
        await browser.until("the row is there", async () => (await page.rows()).at(-1)?.kind === "never");
        await browser.clickOn('[data-kind="never"] > button');
        await browser.clickOn("#lanes button");
        await mustBeAccessible();
      });

      test("after the first step of the thread", async () => {
        await page.open({ theme });
        await page.press("▸ Play the thread");
        await browser.until("it is played", async () => (await page.text("#thread-status")).startsWith("Step 1"));
        await mustBeAccessible();
        await browser.cloud.reset();
      });

      test("while a fault is under way", async () => {
        await page.open({ theme });
        await spinning();
        assert.deepEqual(await violations(), []);
      });

      test("after the thread", async () => {
        await page.open({ theme });
        await page.playThread();
        await mustBeAccessible();
        await browser.cloud.reset();
      });

      test("in the report", async () => {
        const { acme, globex } = browser.cloud;
        await page.open({ theme, orgId: globex.id, hold: acme.id, login: "none" });
        await page.inApp(async () => {
          await browser.press("Check setup");
          await browser.outcome("problems prevent");
          for (const summary of await browser.driver.findElements(By.css("#report summary"))) await summary.click();
        });
        await mustBeAccessible();
      });

      test("with the result of many, and a toast", async () => {
        await page.open({ theme });
        await page.inApp(async () => {
          await browser.press("Record everyone");
          await browser.outcome("agents are being recorded");
          await browser.clickOn("#many-results summary");
          await browser.evaluate(() =>
            new window.purecloud.apps.ClientApp({
              gcHostOriginQueryParam: "gcHostOrigin",
              gcTargetEnvQueryParam: "gcTargetEnv",
            }).alerting.showToastPopup("Title", "Message", { type: "error" }),
          );
        });
        await browser.until("the toast shows", async () => (await page.text("#toasts")).includes("Message"));
        await mustBeAccessible();
      });
    });
  }

  test("in German", async () => {
    await page.open({ lang: "de-de" });
    await mustBeAccessible();
  });

  test("outside the host", async () => {
    await browser.driver.get(browser.appOrigin);
    await browser.refusal("UNKNOWN_ENVIRONMENT");
    assert.deepEqual(await violations(), []);
  });
});

test("the focus goes through the host in the order of reading", emulates, async () => {
  await page.open();
  const order = await browser.driver.executeScript(() => {
    const all = [...document.querySelectorAll("select, button, input, iframe, a[href]")];
    return all
      .filter((each) => each.checkVisibility() && !each.disabled)
      .map((each) => each.closest("section, header, nav").id);
  });
  const groups = order.filter((group, at) => group !== order[at - 1]);
  assert.deepEqual(groups, ["top", "rail", "thread", "", "faults", "requests"]);
  const positive = await browser.driver.findElements(By.css("[tabindex]:not([tabindex='0']):not([tabindex='-1'])"));
  assert.deepEqual(positive, []);
});

// What a driver emulates does not reach the frame of another site, so the app is looked at alone.
for (const [name, opens] of [
  ["host", () => page.open()],
  ["app", openAlone],
]) {
  test(`nothing moves in the ${name} for a person who prefers reduced motion`, emulates, async () => {
    await emulate(REDUCED);
    await opens();
    if (name === "host") await spinning();
    else await browser.press("Record Ada Alvarez").then(() => browser.outcome("Recording Ada Alvarez"));
    const moving = await browser.driver.executeScript("return document.getAnimations().length");
    assert.equal(moving, 0);
  });

  test(`nothing jumps in the ${name} while it loads and data arrives`, emulates, async () => {
    await emulate([]);
    await opens();
    const shifted = await browser.evaluate(shiftsSoFar);
    assert.ok(shifted < 0.05, `a layout shift of ${shifted}`);
  });
}

test("a spinner turns in the host for everybody else", emulates, async () => {
  await emulate([]);
  await page.open();
  await spinning();
  const turning = await browser.driver.executeScript(
    "return document.getAnimations().map(({ animationName }) => animationName)",
  );
  assert.ok(turning.includes("spin"), turning.join());
});

describe("with forced colors", emulates, () => {
  before(() => emulate([{ name: "forced-colors", value: "active" }, ...REDUCED]));

  test("a widget that is shown looks different from one that is hidden", async () => {
    await page.open({ widgets: "2" });
    await page.press("Show Premium App 2");
    const [shown, hidden] = await styles("#widgets button", "backgroundColor");
    assert.notEqual(shown, hidden);
  });

  test("the step that is played, the lanes and the heads of the arrows can be seen", async () => {
    await page.open();
    await page.press("▸ Play the thread");
    await browser.until("it is played", async () => (await page.text("#thread-status")).startsWith("Step 1"));
    const [now, ...others] = await styles(".step", "outlineStyle");
    assert.deepEqual([now, ...others], ["solid", "none", "none", "none"]);
    assert.ok((await styles("#lanes button", "borderTopStyle")).every((style) => style === "solid"));
    assert.ok((await styles(".picture .lane", "borderLeftStyle")).every((style) => style === "solid"));
    // A triangle: two of its sides are transparent.
    const [up] = await styles(".picture.refused .line", "borderTopColor", "::after");
    const [left] = await styles(".picture.refused .line", "borderLeftColor", "::after");
    assert.equal(up, "rgba(0, 0, 0, 0)");
    assert.notEqual(left, up);
    await browser.cloud.reset();
  });
});

/** The value that each of these elements has in the browser's own view. */
function styles(css, property, pseudo = null) {
  return browser.driver.executeScript(
    "const [css, property, pseudo] = arguments;" +
      "return [...document.querySelectorAll(css)].map((each) => getComputedStyle(each, pseudo)[property])",
    css,
    property,
    pseudo,
  );
}

/** A fault is under way in the host until the test is over, and its button shows it. */
async function spinning() {
  // Before the fault that the page asks for.
  await browser.cloud.spoilStart({ held: true });
  await browser.clickOn('[data-fault="slow"] button');
  const spinner = await browser.driver.findElement(By.css('[data-fault="slow"] .spinner'));
  await browser.until("it shows", async () => (await spinner.getCssValue("visibility")) === "visible");
}

test("what a color tells is there in forced colors too", emulates, async () => {
  await emulate([...REDUCED, { name: "forced-colors", value: "active" }]);
  await openAlone();
  await browser.press("Record Ada Alvarez");
  await browser.outcome("Recording Ada Alvarez");
  const seen = await browser.driver.executeScript(() => {
    const of = (element, pseudo) => getComputedStyle(element, pseudo);
    const rows = [...document.querySelectorAll("#agents > li")];
    const state = (row) => of(row.querySelector(".state"), "::before").backgroundColor;
    const [recorded, available, offline] = rows.map(state);
    const dots = rows.map((row) => {
      const dot = of(row.querySelector(".dot")).backgroundColor;
      return dot !== of(row.querySelector("button")).backgroundColor && dot !== of(document.body).backgroundColor;
    });
    return {
      isFilled: { recorded: recorded !== offline, available: available !== offline },
      dots,
    };
  });
  assert.deepEqual(seen, { isFilled: { recorded: true, available: true }, dots: [true, true, true] });

  // What a browser makes of the parts of a progress bar shows in its picture only.
  const bar = await browser.driver.executeScript(() => {
    document.querySelector("#batch").hidden = false;
    return Object.assign(document.querySelector("#progress"), { max: 2, value: 1 });
  });
  const [done, left] = await browser.evaluate(
    async (picture) => {
      const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${picture}`)).blob());
      const drawn = new OffscreenCanvas(image.width, image.height).getContext("2d");
      drawn.drawImage(image, 0, 0);
      return [0.25, 0.75].map((part) => [...drawn.getImageData(part * image.width, image.height / 2, 1, 1).data]);
    },
    await bar.takeScreenshot(),
  );
  assert.notDeepEqual(done, left);
});

/** The app without a host around it, with its launch parameters. */
async function openAlone() {
  const url = new URL(browser.appOrigin);
  url.search = new URLSearchParams({
    gcHostOrigin: browser.cloud.environment.apps,
    gcTargetEnv: "prod-euw1",
    gcLangTag: "en-us",
    orgId: browser.cloud.acme.id,
  });
  await browser.driver.get(url);
  await browser.until(
    "the app is ready",
    async () => (await browser.driver.findElement(By.css("#app")).getAttribute("data-state")) === "ready",
  );
}

/** Runs in the page. A page that has not shifted reports nothing, so the end of the report is a shift of our own. */
function shiftsSoFar() {
  return new Promise((resolve) => {
    const began = performance.now();
    let sum = 0;
    new PerformanceObserver((list) => {
      for (const { value, startTime, hadRecentInput } of list.getEntries()) {
        if (startTime >= began) resolve(sum);
        else if (!hadRecentInput) sum += value;
      }
    }).observe({ type: "layout-shift", buffered: true });
    const block = document.createElement("div");
    block.style.height = "50px";
    document.body.prepend(block);
  });
}

async function mustBeAccessible() {
  assert.deepEqual(await violations(), [], "the host");
  assert.deepEqual(await page.inApp(violations), [], "the app");
}

/** What axe finds in the page where the driver is. The frames are looked at one by one. */
async function violations() {
  await browser.driver.executeScript(`${axe.source}\nwindow.axe = axe;`);
  return browser.driver.executeAsyncScript((done) => {
    const told = ({ id, nodes }) =>
      `${id}: ${nodes.map(({ target, any }) => `${target} (${any.map(({ message }) => message)})`).join("; ")}`;
    window.axe
      .run(document, { iframes: false, resultTypes: ["violations"] })
      .then(({ violations }) => done(violations.map(told)))
      .catch((error) => done([String(error)]));
  });
}

function emulate(features) {
  return browser.driver.sendDevToolsCommand("Emulation.setEmulatedMedia", { features });
}
