import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { By, Key } from "selenium-webdriver";
import { browser as open, unlessGone } from "./browser.mjs";
import { cannotRunIn } from "./engines.mjs";
import { HeldTimers } from "./held-timers.mjs";
import { HostPage } from "./host-page.mjs";

/** What is refused or lost here, the browser complains about. */
const SPOILT = /\/api\/v2\/screenrecordings - Failed to load resource: .*(409|ERR_CONNECTION_RESET)/;
const NAIVE = /\/api\/v2\/screenrecordings - Failed to load resource: .* 403/;
const browser = open({ mayComplain: [SPOILT, NAIVE] });
const page = new HostPage(browser);
const timers = new HeldTimers(browser);

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
  await hasFocus("Switch to Initech");
  await keys(Key.ENTER);
  await browser.outcome("works for Initech");
  await hasFocus(`Record ${initech.agents[0].name}`);
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
  await hasFocus(`Record ${initech.agents[0].name}`);
  await tabTo("button", "Sign out of all organizations");
  await keys(Key.SPACE);
  await browser.outcome("Signed out");
  await browser.control("button", "Sign in to Initech");
  await hasFocus("Sign in to Acme");
});

test("so can checking the setup, and reading the report", byKeys, async () => {
  const { globex } = browser.cloud;
  await browser.openApp({ org: globex });
  await tabTo("button", "Check setup");
  await keys(Key.ENTER);
  await browser.outcome("Recording should work");
  await hasFocus("Check setup");
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
  await hasFocus(`Stop recording ${agent.name}`);

  await browser.openApp({ org: globex });
  await browser.until("the recording is taken up again", () =>
    browser.control("button", `Stop recording ${agent.name}`),
  );
  await tabTo("button", `Stop recording ${agent.name}`);
  await keys(Key.ENTER);
  await browser.outcome(`The recording of ${agent.name} has stopped.`);
  await hasFocus(`Record ${agent.name}`);

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
  await hasFocus("Record everyone");

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
  await hasFocus(`Record ${agent.name}`);
  await tabTo("button", "Close");
  await keys(Key.ENTER);
  assert.deepEqual(await browser.driver.findElements(By.css(".problem")), []);
});

describe("the focus is not lost with the element that had it", byKeys, () => {
  const TITLE = "Screen recording";
  /** Where a forbidden list is shown: at the top. */
  const FORBIDDEN = { status: 403, body: { status: 403, code: "not.authorized" } };

  async function use(role, name) {
    await tabTo(role, name);
    await keys(Key.ENTER);
  }

  async function withErrorAtTheTop() {
    const { acme } = browser.cloud;
    await browser.openApp({ org: acme });
    await browser.cloud.spoilLists(FORBIDDEN);
    await use("button", "Refresh");
    await browser.outcome("That did not work");
    await browser.driver.executeScript("document.querySelector('#problem button').focus()");
    await hasFocus("Close");
  }

  async function withErrorInRow() {
    const { initech } = browser.cloud;
    await browser.openApp({ org: initech });
    await use("button", "Record Ivy Ito");
    await browser.refusal("ORG_MISMATCH");
  }

  test("when an error at the top is closed", async () => {
    await withErrorAtTheTop();
    await keys(Key.ENTER);
    await hasFocus(TITLE);
  });

  test("when the setup is checked from an error at the top", async () => {
    await withErrorAtTheTop();
    await use("button", "Check setup");
    await browser.outcome("Recording should work");
    assert.equal(await (await focused()).getAttribute("id"), "check");
  });

  test("when an error in a row is closed", async () => {
    await withErrorInRow();
    await use("button", "Close");
    await hasFocus("Record Ivy Ito");
  });

  test("when a token is obtained from an error in a row", async () => {
    await withErrorInRow();
    await use("button", "Get a token for Initech");
    await browser.outcome("The app now has a token of Initech.");
    await hasFocus("Record Ivy Ito");
  });

  test("when the setup is checked from an error in a row", async () => {
    await withErrorInRow();
    await use("button", "Check setup");
    await browser.outcome("prevent");
    assert.equal(await (await focused()).getAttribute("id"), "check");
  });

  test("when something is tried again from an error in a row", async () => {
    const { cloud } = browser;
    await browser.openApp({ org: cloud.acme });
    await use("button", "Record Ada Alvarez");
    await browser.outcome("Recording Ada Alvarez");
    await cloud.spoilStops({ reset: "before" }, 3);
    await keys(Key.ENTER);
    await browser.refusal("NETWORK");
    await use("button", "Try again");
    await browser.outcome("has stopped");
    await hasFocus("Record Ada Alvarez");
  });

  test("when somebody signs in from the card that says so", async () => {
    await browser.openApp({ org: browser.cloud.initech, login: "popup" });
    await use("button", "Sign in to Initech");
    await browser.enterPopup();
    await tabTo("combobox", "User");
    await keys("i");
    await tabTo("button", "Sign in");
    await keysLast(Key.ENTER);
    await browser.leavePopup();
    await browser.outcome("Signed in to Initech");
    await hasFocus("Record Ivy Ito");
  });

  test("when recordings are stopped in their own list", async () => {
    const { acme, globex } = browser.cloud;
    await browser.openApp({ org: acme });
    for (const { name } of acme.agents.slice(0, 2)) {
      await use("button", `Record ${name}`);
      await browser.outcome(`Recording ${name}`);
    }
    await use("button", "Switch to Globex");
    await browser.outcome("now works for Globex");
    await hasFocus(`Record ${globex.agents[0].name}`);

    // The later one is the first in the list.
    await tabTo("button", "Stop recording Ada Alvarez");
    await browser.driver.executeScript("document.querySelector('#recordings button').click()");
    await browser.outcome("The recording of Adil Anand has stopped.");
    await hasFocus("Stop recording Ada Alvarez");
    await keys(Key.ENTER);
    await browser.outcome("The recording of Ada Alvarez has stopped.");
    await hasFocus("Refresh");
  });

  test("when the agents are those of another organization", async () => {
    const { globex } = browser.cloud;
    await browser.openApp({ org: browser.cloud.acme });
    await tabTo("button", "Record Adil Anand");
    const go =
      "[...document.querySelectorAll('#access button')].find((each) => each.textContent === arguments[0]).click()";
    await browser.driver.executeScript(go, "Switch to Globex");
    await browser.outcome("now works for Globex");
    await hasFocus(`Record ${globex.agents[0].name}`);
  });

  test("when signing out fails", async () => {
    const { cloud } = browser;
    await browser.openApp({ org: cloud.acme });
    await cloud.spoilRevocation(FORBIDDEN);
    await use("button", "Sign out of all organizations");
    await browser.outcome("That did not work");
    await hasFocus("Get a token for Acme");
  });

  for (const [outcome, isCopied] of [
    ["Copied", true],
    ["Not copied", false],
  ]) {
    test(`when a text is copied without the clipboard: ${outcome}`, async () => {
      await withErrorInRow();
      await browser.evaluate((isCopied) => {
        navigator.clipboard.writeText = () => Promise.reject(new Error("not in this frame"));
        document.execCommand = () => isCopied;
      }, isCopied);
      await tabTo("button", "Check setup");
      await keys(Key.TAB, Key.SPACE);
      // After so many milliseconds, the button has its own name again.
      await timers.hold(2_000);
      await use("button", "Copy for support");
      await browser.outcome(outcome);
      await hasFocus(outcome);
      await timers.expire();
      await hasFocus("Copy for support");
    });
  }
});

test("the host lets the app use the clipboard", byKeys, async () => {
  await browser.openApp({ org: browser.cloud.initech });
  await browser.press("Record Ivy Ito");
  await browser.refusal("ORG_MISMATCH");
  await browser.clickOn(".problem summary");
  await browser.evaluate(() => (document.execCommand = () => false));
  await browser.press("Copy for support");
  await browser.outcome("Copied");
});

test("what happens is announced", async () => {
  await browser.openApp({ org: browser.cloud.acme });
  const status = await browser.driver.findElement(By.css("#status"));
  assert.equal((await browser.described(status)).role, "status");
  await browser.press("Record Ada Alvarez");
  // A screen reader announces a text that appears in an element which was there before.
  await browser.until("the status says so", async () => (await status.getText()).includes("Recording Ada Alvarez"));
});

test("the frame of the app has a name", async () => {
  await browser.openApp({ org: browser.cloud.acme });
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

describe("the focus in the host is never lost", () => {
  beforeEach(async () => {
    const { acme } = browser.cloud;
    await page.open({ orgId: acme.id, login: "none" });
    await browser.evaluate(watchFocus);
  });

  test("while the thread plays, goes back, and is closed", async () => {
    await enter("▸ Play the thread");
    for (const step of [1, 2, 3, 4]) {
      await threadSays(`Step ${step} of 4`);
      await hasFocus(step < 4 ? "Next ▸" : "▸ Play again");
      if (step < 4) await enter("Next ▸");
    }
    for (const step of [3, 2, 1]) {
      await enter("◂ Back");
      await threadSays(`Step ${step} of 4`);
    }
    await hasFocus("Next ▸");
    await enter("Close");
    await hasFocus("▸ Play the thread");
    await mustHaveKeptFocus();
    await page.ready();
    // What the naive way leaves in the ledger is what no test of the library may leave there.
    await browser.cloud.reset();
  });

  test("if the first step does not work", async () => {
    await setDown(true);
    await enter("▸ Play the thread");
    await threadSays("This step did not work");
    await hasFocus("▸ Play again");
    await mustHaveKeptFocus();
  });

  test("when earlier rows unfold, and when a row is folded", async () => {
    const everybody = async () => {
      await page.ready();
      await inApp(() => document.querySelector("#everyone").click());
    };
    const count = async () => (await page.rows()).length;
    await everybody();
    await browser.until("everybody is recorded", async () => (await count()) === 8);
    const first = await browser.driver.findElement(By.css("#rows button"));
    await browser.driver.executeScript("arguments[0].focus()", first);
    for (const starts of [12, 18]) {
      await everybody();
      await browser.until("so many rows", async () => (await cloudStarts()) === starts && (await count()) === 14);
    }
    const earlier = await browser.driver.findElement(By.css("#earlier"));
    await browser.until("the row is folded", async () => (await focusedName()) === (await earlier.getText()));
    await earlier.sendKeys(Key.ENTER);
    await browser.until("all rows show", async () => (await count()) === 20);
    const [row] = await browser.driver.findElements(By.css("#rows button"));
    assert.equal(await (await focused()).getId(), await row.getId());
    await mustHaveKeptFocus();
  });

  test("when a token arrives in the lane", async () => {
    const { initech } = browser.cloud;
    const lane = await browser.driver.findElement(By.css(`#lanes [data-id="${initech.id}"]`));
    await lane.sendKeys(Key.ENTER);
    await inApp(() =>
      [...document.querySelectorAll("#access button")].find((each) => each.textContent.includes("Initech")).click(),
    );
    await browser.until("the lane has the token", async () => !(await lane.getText()).includes("no token"));
    assert.ok((await page.text("#token")).includes("The token of Initech"));
    assert.equal(await (await focused()).getId(), await lane.getId());
    await mustHaveKeptFocus();
  });

  test("while the servers do not answer, and when they do again", async () => {
    await setDown(true);
    await lookAgain();
    await browser.until("the page says so", async () => (await page.text("#trouble")).includes("do not answer"));
    const trouble = await browser.driver.findElement(By.css("#trouble"));
    const again = await browser.driver.findElement(By.css("#trouble button"));
    await browser.driver.executeScript("arguments[0].focus()", again);
    await browser.evaluate(() => {
      window.written = 0;
      const content = { childList: true, characterData: true, attributes: true, subtree: true };
      new MutationObserver(() => (window.written += 1)).observe(document.querySelector("#trouble"), content);
    });
    for (let look = 0; look < 2; look += 1) await lookAgain();
    assert.equal(await browser.evaluate(() => window.written), 0, "what is written again is read out again");
    await hasFocus("Try again");
    // A hidden page does not look by itself, so only the button can bring it back.
    await browser.evaluate(() => Object.defineProperty(document, "visibilityState", { get: () => "hidden" }) && null);
    await setDown(false);
    await again.sendKeys(Key.ENTER);
    await browser.until("the page is well again", async () => !(await trouble.isDisplayed()));
    assert.equal(await (await focused()).getTagName(), "main");
    await mustHaveKeptFocus();
  });

  test("when toasts are closed", async () => {
    await inApp(() => {
      const { alerting } = new window.purecloud.apps.ClientApp({
        gcHostOriginQueryParam: "gcHostOrigin",
        gcTargetEnvQueryParam: "gcTargetEnv",
      });
      for (const title of ["First", "Second"]) alerting.showToastPopup(title, "", { type: "error" });
    });
    const toasts = () => browser.driver.findElements(By.css("#toasts button"));
    await browser.until("both show", async () => (await toasts()).length === 2);
    const [first, second] = await toasts();
    await first.sendKeys(Key.ENTER);
    assert.equal(await (await focused()).getId(), await second.getId());
    await second.sendKeys(Key.ENTER);
    await hasFocus("Show Premium App 1");
    await mustHaveKeptFocus();
  });

  test("when a widget is added and closed", async () => {
    await enter("Add a widget");
    await page.ready();
    await enter("Close Premium App 2");
    await browser.until("it is gone", async () => (await browser.driver.findElements(By.css("iframe"))).length === 1);
    await hasFocus("Add a widget");
    await mustHaveKeptFocus();
  });

  test("when no further widget can be added", async () => {
    for (let count = 2; count <= 10; count += 1) await enter("Add a widget");
    await hasFocus("Show Premium App 10");
    await mustHaveKeptFocus();
    await page.ready();
  });
});

/** Runs in the host, which may be cut off from the cloud: keeps whether the focus was nowhere when the page was painted. */
function watchFocus() {
  window.wasLost = false;
  let hadFocus = false;
  const look = () => {
    const isNowhere = [null, document.body].includes(document.activeElement);
    window.wasLost ||= hadFocus && isNowhere;
    hadFocus ||= !isNowhere;
    requestAnimationFrame(look);
  };
  look();
  const sends = window.fetch;
  window.fetch = (...request) => (window.isDown ? Promise.reject(new TypeError("Failed to fetch")) : sends(...request));
}

/** The host looks at what has happened. */
function lookAgain() {
  return browser.evaluate(async () => {
    const asks = window.fetch;
    const answered = new Promise((resolve) => {
      window.fetch = (...request) => {
        window.fetch = asks;
        const answer = asks(...request);
        resolve(answer.catch(() => undefined));
        return answer;
      };
    });
    window.dispatchEvent(new Event("online"));
    await answered;
    await new Promise(requestAnimationFrame);
  });
}

async function mustHaveKeptFocus() {
  assert.ok(await browser.evaluate(() => document.activeElement !== document.body && !window.wasLost));
}

function setDown(isDown) {
  return browser.evaluate((isDown) => {
    window.isDown = isDown;
  }, isDown);
}

async function enter(name) {
  await (await browser.control("button", name)).sendKeys(Key.ENTER);
}

function threadSays(part) {
  return browser.until(`the thread says ${part}`, async () => (await page.text("#thread-status")).includes(part));
}

async function cloudStarts() {
  return (await browser.cloud.starts()).length;
}

/** Runs in the app without a click that would move the focus there. */
function inApp(body) {
  return page.inApp(() => browser.evaluate(body));
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
  return unlessGone(keys(...all));
}

function chosen() {
  return browser.driver.executeScript("return document.activeElement.selectedOptions[0].text");
}

async function focusedName() {
  return (await browser.described(await focused())).name;
}

/** In Firefox, names follow the page with a delay. */
function hasFocus(name) {
  let seen;
  return browser.until(
    `${name} has the focus`,
    async () => (seen = await focusedName()) === name,
    () => seen,
  );
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
