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
  const { acme, globex } = cloud;
  await browser.openApp({ org: acme });
  await browser.leaveApp();

  await tabTo("combobox", "Organization");
  await keys("g");
  await browser.enterApp(globex);

  await tabTo("radio", globex.agents[0].name);
  await keys(Key.ARROW_DOWN);
  await tabTo("button", "Start recording");
  await keys(Key.ENTER);
  await browser.outcome(globex.agents[1].name);

  await tabTo("button", "Get a token for Initech");
  await keys(Key.SPACE);
  await browser.outcome("Initech");
  // The button is gone; who used it is not thrown back to the top of the page.
  assert.equal((await browser.described(await focused())).name, "Start recording");

  await tabTo("combobox", "Switch to");
  await keys("i");
  await tabTo("button", "Switch organization");
  await keys(Key.ENTER);
  await browser.until("the agents are Initech's", () => browser.control("input[type=radio]", "Ivy Ito"));
  await tabBackTo("button", "Start recording");
  await keys(Key.SPACE);
  await browser.outcome("Ivy Ito");

  assert.deepEqual(
    (await cloud.recordings()).map(({ agentId }) => agentId),
    [globex.agents[1].id, cloud.initech.agents[0].id],
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
  await browser.outcome("Now for Initech");
  assert.equal((await browser.described(await focused())).name, "Start recording");
  await tabTo("button", "Sign out");
  await keys(Key.SPACE);
  await browser.outcome("Signed out");
  await browser.control("button", "Sign in to Initech");
});

test("so can asking what would stand in the way, and reading it", byKeys, async () => {
  const { globex } = browser.cloud;
  await browser.openApp({ org: globex });
  await tabTo("button", "What would stand in the way?");
  await keys(Key.ENTER);
  await browser.outcome("Diagnosis:");
  assert.equal((await browser.described(await focused())).name, "What would stand in the way?");
  await browser.control("[role=status] ~ section table", "Diagnosis");
});

test("so can stopping a recording, after a reload as well", byKeys, async () => {
  const { cloud } = browser;
  const { globex } = cloud;
  const [agent] = globex.agents;
  await browser.openApp({ org: globex });
  await tabTo("button", "Start recording");
  await keys(Key.ENTER);
  await browser.outcome("Recording started");
  await tabTo("button", `Refresh the recording of ${agent.name}`);
  await keys(Key.SPACE);
  await browser.outcome(`The recording of ${agent.name}: recording.`);
  assert.equal((await browser.described(await focused())).name, `Refresh the recording of ${agent.name}`);

  await browser.openApp({ org: globex });
  await tabTo("button", "Start recording");
  await keys(Key.ENTER);
  await browser.outcome(`${agent.name} is being recorded already`);

  await browser.openApp({ org: globex });
  await tabTo("button", "Recordings of the agent");
  await keys(Key.ENTER);
  await browser.outcome("Recordings listed: 1.");
  await tabTo("button", `Stop the recording of ${agent.name}`);
  await keys(Key.ENTER);
  await browser.outcome(`The recording of ${agent.name}: stopped.`);
  // Stop has done its work and is gone; what is left to do with the recording is beside it.
  assert.equal((await browser.described(await focused())).name, `Refresh the recording of ${agent.name}`);

  await tabBackTo("button", "Recordings of the organization");
  await keys(Key.SPACE);
  await browser.outcome("Recordings listed: 1.");
  const [recording, ...others] = await cloud.recordings();
  assert.deepEqual(others, []);
  assert.equal(recording.state, "stopped");
  const list = await (await browser.control("ul", "Recordings")).getText();
  assert.ok(
    [agent.name, "stopped", recording.id].every((text) => list.includes(text)),
    list,
  );
});

test("so can recording everybody, and cancelling it", byKeys, async () => {
  const { cloud } = browser;
  const orgs = [cloud.acme, cloud.globex, cloud.initech];
  await browser.openApp({ org: cloud.acme, hold: orgs });
  // So that there is time to cancel: none is answered before.
  await browser.evaluate(holdStarts);
  await tabTo("button", "Record all agents");
  await keys(Key.ENTER);
  await tabTo("button", "Cancel");
  await browser.driver.executeScript("return window.held(6)");
  await keys(Key.SPACE);
  await browser.driver.executeScript("window.letGo()");
  await browser.outcome("Of 9 agents, 6 are being recorded.");
  // Cancel is gone; who used it is where they came from.
  assert.equal((await browser.described(await focused())).name, "Record all agents");
  const bar = await browser.driver.findElement(By.css("progress"));
  assert.deepEqual(await browser.described(bar), { role: "progressbar", name: "Progress" });

  const results = await (await browser.control("table", "Results")).getText();
  const recordings = await cloud.recordings();
  assert.equal(recordings.length, 6);
  for (const { id } of recordings) assert.ok(results.includes(id), results);
  for (const { name, agents } of orgs) {
    assert.ok(results.includes(name), results);
    for (const agent of agents) assert.ok(results.includes(agent.name), results);
  }
  assert.equal(results.match(/cancelled/g).length, 3);
});

test("a start of which nobody knows is told with what was seen", byKeys, async () => {
  const { cloud } = browser;
  await browser.openApp({ org: cloud.globex });
  await cloud.spoilStart({ reset: "before" });
  await tabTo("button", "Start recording");
  await keys(Key.ENTER);
  const outcome = await browser.outcome("OUTCOME_UNKNOWN");
  assert.ok(outcome.includes("Seen: no recording of the agent."), outcome);
});

test("what happens is announced", async () => {
  await browser.openApp({ org: browser.cloud.acme });
  const outcome = await browser.driver.findElement(By.css("#outcome"));
  assert.equal((await browser.described(outcome)).role, "status");
  await browser.leaveApp();
  const frame = await browser.driver.findElement(By.css("iframe"));
  assert.equal((await browser.described(frame)).name, "Premium App");
});

test("the page fits a screen 400 pixels wide", cannotRunIn({ firefox: NARROW, webkit: NARROW }), async () => {
  // The window itself can not be made that narrow.
  const screen = { width: 400, height: 800, deviceScaleFactor: 1, mobile: false };
  await browser.driver.sendDevToolsCommand("Emulation.setDeviceMetricsOverride", screen);
  try {
    await browser.openApp({ org: browser.cloud.initech });
    await browser.press("Start recording");
    await browser.outcome("ORG_MISMATCH");
    assert.ok(await fits(), "the app");
    await browser.press("Get a token for Initech");
    await browser.outcome("Initech");
    await browser.press("Start recording");
    await browser.outcome("Recording started");
    assert.ok(await fits(), "the recording");
    await browser.press("Record all agents");
    await browser.outcome("agents, 6 are being recorded");
    assert.ok(await fits(), "everybody");
    await browser.press("What would stand in the way?");
    await browser.outcome("Diagnosis:");
    assert.ok(await fits(), "the diagnosis");
    await browser.leaveApp();
    assert.equal(await browser.driver.executeScript("return innerWidth"), screen.width);
    assert.ok(await fits(), "the host shell");
  } finally {
    await browser.driver.sendDevToolsCommand("Emulation.clearDeviceMetricsOverride", {});
  }
});

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

function focused() {
  return browser.driver.switchTo().activeElement();
}

async function tabTo(role, name) {
  await press(() => keys(Key.TAB), role, name);
}

async function tabBackTo(role, name) {
  await press(
    () => browser.driver.actions().keyDown(Key.SHIFT).sendKeys(Key.TAB).keyUp(Key.SHIFT).perform(),
    role,
    name,
  );
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
