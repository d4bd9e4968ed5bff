import assert from "node:assert/strict";
import { test } from "node:test";
import { By, Key, error as problem } from "selenium-webdriver";
import { browser as open } from "./browser.mjs";
import { cannotRunIn } from "./engines.mjs";

/** What is refused or lost here, the browser complains about. */
const SPOILT = /\/api\/v2\/screenrecordings - Failed to load resource: .*(409|ERR_CONNECTION_RESET)/;
const browser = open({ mayComplain: [SPOILT] });

const byKeys = cannotRunIn({ webkit: "its driver sends the keys to the page around the app's frame" });
const NARROW = "only chromedriver can make the screen that narrow";

test("everything can be done with the keyboard alone", byKeys, async () => {
  const { cloud } = browser;
  const { acme, globex, initech } = cloud;
  await browser.openApp({ org: acme });
  await browser.leaveApp();

  await tabTo("combobox", "Organization");
  await keys("g");
  await browser.enterApp(globex);

  await tabTo("button", `Record ${globex.agents[0].name}`);
  await tabTo("button", `Record ${globex.agents[1].name}`);
  await keys(Key.ENTER);
  await browser.outcome(`Recording ${globex.agents[1].name}`);

  await tabTo("button", "Get a token for Initech");
  await keys(Key.SPACE);
  await browser.outcome("token of Initech");
  // The button is gone; what there is to do next in its line has the focus.
  assert.equal(await focusedName(), "Switch to Initech");
  await keys(Key.ENTER);
  await browser.outcome("works for Initech");
  assert.equal(await focusedName(), `Record ${initech.agents[0].name}`);
  await keys(Key.SPACE);
  await browser.outcome(`Recording ${initech.agents[0].name}`);

  assert.deepEqual(
    (await cloud.recordings()).map(({ agentId }) => agentId),
    [globex.agents[1].id, initech.agents[0].id],
  );
});

test("so can signing in, in its window, and signing out", byKeys, async () => {
  const { globex, initech } = browser.cloud;
  await browser.openApp({ org: globex, login: "popup" });
  await tabTo("button", "Sign in to Initech");
  await keys(Key.ENTER);

  await browser.enterPopup();
  await tabTo("combobox", "User");
  await keys("i");
  assert.equal(await chosen(), `${initech.agents[0].name} (Initech)`);
  await tabTo("button", "Sign in");
  await keysLast(Key.ENTER);

  await browser.leavePopup();
  await browser.outcome("Signed in to Initech");
  assert.equal(await focusedName(), `Record ${initech.agents[0].name}`);
  await tabTo("button", "Sign out of all organizations");
  await keys(Key.SPACE);
  await browser.outcome("Signed out");
  await browser.control("button", "Sign in to Initech");
  assert.equal(await focusedName(), "Sign in to Acme");
});

test("so can checking the setup, and reading the report", byKeys, async () => {
  const { globex } = browser.cloud;
  await browser.openApp({ org: globex });
  await tabTo("button", "Check setup");
  await keys(Key.ENTER);
  await browser.outcome("Recording should work");
  assert.equal(await focusedName(), "Check setup");
  await keys(Key.TAB, Key.SPACE);
  const passed = await browser.driver.executeScript(
    "return document.querySelector('#report details[open] .ok') !== null",
  );
  assert.ok(passed, "the checks that passed unfold");
  await tabTo("button", "Copy report");
});

test("so can stopping a recording, after a reload as well", byKeys, async () => {
  const { cloud } = browser;
  const { globex } = cloud;
  const [agent] = globex.agents;
  await browser.openApp({ org: globex });
  await tabTo("button", `Record ${agent.name}`);
  await keys(Key.ENTER);
  await browser.outcome(`Recording ${agent.name}`);
  // The same button stops it, and keeps the focus.
  assert.equal(await focusedName(), `Stop recording ${agent.name}`);

  await browser.openApp({ org: globex });
  await browser.until("the recording is taken up again", () =>
    browser.control("button", `Stop recording ${agent.name}`),
  );
  await tabTo("button", `Stop recording ${agent.name}`);
  await keys(Key.ENTER);
  await browser.outcome(`The recording of ${agent.name} has stopped.`);
  assert.equal(await focusedName(), `Record ${agent.name}`);

  await tabTo("button", "Refresh");
  await keys(Key.SPACE);
  await browser.outcome("1 recording is listed.");
  const [recording, ...others] = await cloud.recordings();
  assert.deepEqual(others, []);
  assert.equal(recording.state, "stopped");
  const list = await (await browser.control("ul", "Recordings")).getText();
  assert.ok(
    [agent.name, "Stopped", globex.name].every((text) => list.includes(text)),
    list,
  );
});

test("so can recording everybody, and cancelling it", byKeys, async () => {
  const { cloud } = browser;
  const orgs = [cloud.acme, cloud.globex, cloud.initech];
  await browser.openApp({ org: cloud.acme, hold: orgs });
  // So that there is time to cancel: none is answered before.
  await browser.evaluate(holdStarts);
  await tabTo("button", "Record everyone");
  await keys(Key.ENTER);
  await tabTo("button", "Cancel");
  await browser.driver.executeScript("return window.held(6)");
  const bar = await browser.driver.findElement(By.css("progress"));
  assert.deepEqual(await browser.described(bar), { role: "progressbar", name: "Progress" });
  await keys(Key.SPACE);
  await browser.driver.executeScript("window.letGo()");
  await browser.outcome("6 of 9 agents are being recorded.");
  // Cancel is gone; who used it is where they came from.
  assert.equal(await focusedName(), "Record everyone");

  await keys(Key.TAB, Key.SPACE);
  const left = await (await browser.driver.findElement(By.css("#many-results"))).getText();
  assert.equal((await cloud.recordings()).length, 6);
  assert.equal(left.match(/Canceled before it was sent/g).length, 3, left);
});

test("a start of which nobody knows is told with what was seen, and the focus stays", byKeys, async () => {
  const { cloud } = browser;
  const [agent] = cloud.globex.agents;
  await browser.openApp({ org: cloud.globex });
  await cloud.spoilStart({ reset: "before" });
  await tabTo("button", `Record ${agent.name}`);
  await keys(Key.ENTER);
  const card = await browser.refusal("OUTCOME_UNKNOWN");
  assert.ok(card.includes(`It is not known whether ${agent.name} is being recorded`), card);
  assert.ok(card.includes("The API lists no recording of this agent."), card);
  await browser.outcome(`It is not known whether ${agent.name}`);
  assert.equal(await focusedName(), `Record ${agent.name}`);
  await tabTo("button", "Close");
  await keys(Key.ENTER);
  assert.deepEqual(await browser.driver.findElements(By.css(".problem")), []);
});

test("what happens is announced", async () => {
  await browser.openApp({ org: browser.cloud.acme });
  const status = await browser.driver.findElement(By.css("#status"));
  assert.equal((await browser.described(status)).role, "status");
  await browser.leaveApp();
  const frame = await browser.driver.findElement(By.css("iframe"));
  assert.equal((await browser.described(frame)).name, "Premium App 1");
});

for (const width of [320, 768]) {
  test(`the page fits a screen ${width} pixels wide`, cannotRunIn({ firefox: NARROW, webkit: NARROW }), async () => {
    // The window itself cannot be made that narrow.
    const screen = { width, height: 900, deviceScaleFactor: 1, mobile: false };
    await browser.driver.sendDevToolsCommand("Emulation.setDeviceMetricsOverride", screen);
    try {
      await browser.openApp({ org: browser.cloud.initech });
      // Before anybody has scrolled to it.
      await frameFollows();
      await browser.enterApp(browser.cloud.initech);
      await browser.press("Record Ivy Ito");
      await browser.refusal("ORG_MISMATCH");
      assert.ok(await fits(), "the error card");
      await browser.press("Get a token for Initech");
      await browser.outcome("token of Initech");
      await browser.press("Record Ivy Ito");
      await browser.outcome("Recording Ivy Ito");
      assert.ok(await fits(), "the recording");
      await browser.press("Record everyone");
      await browser.outcome("agents are being recorded");
      assert.ok(await fits(), "everybody");
      await browser.press("Check setup");
      await browser.outcome("Recording should work");
      assert.ok(await fits(), "the report");
      await browser.leaveApp();
      assert.equal(await browser.driver.executeScript("return innerWidth"), width);
      assert.ok(await fits(), "the host");
      await frameFollows();
    } finally {
      await browser.driver.sendDevToolsCommand("Emulation.clearDeviceMetricsOverride", {});
    }
  });
}

/** Nothing scrolls inside the page: the frame is as high as what is in it. */
async function frameFollows() {
  let seen;
  const follows = async () => {
    await browser.leaveApp();
    const frame = await (await browser.driver.findElement(By.css("iframe"))).getRect();
    await browser.driver.switchTo().frame(0);
    const size = "const { width, height } = document.body.getBoundingClientRect(); return { width, height };";
    const app = await browser.driver.executeScript(size);
    await browser.leaveApp();
    seen = `The frame has ${frame.width} × ${frame.height} pixels, the app ${app.width} × ${app.height}.`;
    return Math.abs(app.height - frame.height) < 2;
  };
  await browser.until("the frame is as high as the app", follows, () => seen);
}

/** Runs in the app's frame: no start goes out before all are let go. */
function holdStarts() {
  const sends = window.fetch;
  const waiting = [];
  let enough = () => {};
  window.fetch = async (...request) => {
    if (request[1]?.method === "POST") {
      await new Promise((go) => {
        waiting.push(go);
        enough();
      });
    }
    return sends(...request);
  };
  window.held = (count) =>
    new Promise((resolve) => {
      enough = () => waiting.length >= count && resolve();
      enough();
    });
  window.letGo = () => waiting.forEach((go) => go());
}

function keys(...all) {
  return browser.driver
    .actions()
    .sendKeys(...all)
    .perform();
}

/** Keys after which the window may be gone. */
function keysLast(...all) {
  return keys(...all).catch((error) => {
    if (!(error instanceof problem.NoSuchWindowError)) throw error;
  });
}

function chosen() {
  return browser.driver.executeScript("return document.activeElement.selectedOptions[0].text");
}

async function focusedName() {
  return (await browser.described(await focused())).name;
}

function focused() {
  return browser.driver.switchTo().activeElement();
}

async function tabTo(role, name) {
  await press(() => keys(Key.TAB), role, name);
}

async function press(tab, role, name) {
  const passed = [];
  for (let stops = 0; stops < 20; stops += 1) {
    await tab();
    const found = await browser.described(await focused());
    if (found.role === role && found.name === name) return;
    passed.push(`${found.role} ${found.name}`);
  }
  throw new Error(`Tab does not lead to the ${role} "${name}", but to: ${passed.join(", ")}`);
}

function fits() {
  return browser.driver.executeScript(
    "const { scrollWidth, clientWidth } = document.documentElement; return scrollWidth <= clientWidth;",
  );
}
