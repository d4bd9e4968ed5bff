import assert from "node:assert/strict";
import { test } from "node:test";
import { By, Key, error as problem } from "selenium-webdriver";
import { browser as open } from "./browser.mjs";

const browser = open();

test("everything can be done with the keyboard alone", async () => {
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

test("so can signing in, in its window, and signing out", async () => {
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

test("so can asking what would stand in the way, and reading it", async () => {
  const { globex } = browser.cloud;
  await browser.openApp({ org: globex });
  await tabTo("button", "What would stand in the way?");
  await keys(Key.ENTER);
  await browser.outcome("Diagnosis:");
  assert.equal((await browser.described(await focused())).name, "What would stand in the way?");
  await browser.control("[role=status] ~ section table", "Diagnosis");
});

test("what happens is announced", async () => {
  await browser.openApp({ org: browser.cloud.acme });
  const outcome = await browser.driver.findElement(By.css("#outcome"));
  assert.equal((await browser.described(outcome)).role, "status");
  await browser.leaveApp();
  const frame = await browser.driver.findElement(By.css("iframe"));
  assert.equal((await browser.described(frame)).name, "Premium App");
});

test("the page fits a screen 400 pixels wide", async () => {
  // The window itself can not be made that narrow.
  const screen = { width: 400, height: 800, deviceScaleFactor: 1, mobile: false };
  await browser.driver.sendDevToolsCommand("Emulation.setDeviceMetricsOverride", screen);
  try {
    await browser.openApp({ org: browser.cloud.initech });
    await browser.press("Start recording");
    await browser.outcome("ORG_MISMATCH");
    assert.ok(await fits(), "the app");
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
