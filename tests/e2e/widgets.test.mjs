// Widgets in the host page, with the messages of Genesys' own Client App SDK, which runs in the app.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { By } from "selenium-webdriver";
import { browser as open } from "./browser.mjs";
import { HeldTimers } from "./held-timers.mjs";
import { HostPage } from "./host-page.mjs";

const browser = open();
const page = new HostPage(browser);
const timers = new HeldTimers(browser);

let cloud, acme;
beforeEach(() => {
  cloud = browser.cloud;
  ({ acme } = cloud);
});

describe("the Client App SDK", () => {
  test("is constructed from the launch URL, as its documentation says", async () => {
    await page.open();
    const environment = await inApp(() => window.sdk().gcEnvironment);
    assert.equal(environment, "localhost");
  });

  test("says bootstrapped, and stopped before its frame goes", async () => {
    await page.open();
    await listen();
    await page.press("Add a widget");
    await hears("bootstrapped");
    await page.ready();
    const [, panel] = await browser.driver.findElements(By.css(".app"));
    assert.equal(await panel.getAttribute("data-bootstrapped"), "true");
    await page.press("Close Premium App 2");
    await hears("stopped");
    await browser.until("one frame is left", async () => (await frames()).length === 1);
    assert.deepEqual(await names("#widgets button"), ["Show Premium App 1"]);
  });

  test("hears blur when its widget is hidden and focus when it is shown again, and no focus before", async () => {
    await page.open();
    await inApp(() => {
      window.hooks = [];
      const { lifecycle } = window.sdk();
      lifecycle.addBlurListener(() => window.hooks.push("blur"));
      lifecycle.addFocusListener(() => window.hooks.push("focus"));
    });
    await page.press("Show Premium App 1");
    await browser.until("blur is heard", async () => (await inApp(() => window.hooks)).join() === "blur");
    assert.equal(await (await frames())[0].isDisplayed(), false);
    await page.press("Show Premium App 1");
    await browser.until("focus is heard", async () => (await inApp(() => window.hooks)).join() === "blur,focus");
    assert.equal(await (await frames())[0].isDisplayed(), true);
  });

  test("stops before another organization is launched", async () => {
    await page.open();
    await listen();
    await browser.choose("Organization", "Globex");
    await hears("stopped");
    await browser.enterApp(cloud.globex);
  });

  test("shows toasts: an id replaces, an error stays until it is closed, the others go", async () => {
    await page.open();
    await timers.hold(1_000);
    await inApp(() => {
      const { alerting } = window.sdk();
      alerting.showToastPopup("First", "is replaced", { id: "one", type: "error" });
      alerting.showToastPopup("Second", "stays", { id: "one", type: "error", timeout: 1 });
      alerting.showToastPopup("Third", "goes", { type: "success", timeout: 1 });
    });
    const titles = () => texts("#toasts .title");
    await browser.until("two toasts show", async () => (await titles()).join() === "Second,Third");
    const region = await browser.driver.findElement(By.css("#toasts"));
    assert.equal((await browser.described(region)).role, "status");
    await timers.expire();
    assert.deepEqual(await titles(), ["Second"]);
    await browser.clickOn("#toasts button");
    assert.deepEqual(await titles(), []);
  });

  test("sets the count on the widget's icon", async () => {
    await page.open();
    await inApp(() => window.sdk().alerting.setAttentionCount(3));
    await browser.until("the icon has it", async () =>
      (await names("#widgets button")).includes("Show Premium App 1, 3 notifications"),
    );
  });

  test("asks for a window: the host shows the address and opens nothing", async () => {
    await page.open();
    await inApp(() => {
      window.sdk().coreUi.openWindow("javascript:alert(1)");
      window.sdk().coreUi.openWindow("https://vendor.example/help");
    });
    await browser.until("the address shows", async () => (await texts("#toasts a")).length > 0);
    const links = await browser.driver.findElements(By.css("#toasts a"));
    assert.deepEqual(await Promise.all(links.map((link) => link.getAttribute("href"))), [
      "https://vendor.example/help",
    ]);
    assert.deepEqual(await browser.popups(), []);
  });

  test("of another window than a widget's is not heard", async () => {
    await page.open();
    await browser.evaluate(() => {
      const message = { protocol: "purecloud-client-apps", action: "showToast", title: "Foreign", message: "" };
      window.postMessage(message, location.origin);
      const frame = document.createElement("iframe");
      document.body.append(frame);
      frame.contentWindow.eval(`parent.postMessage(${JSON.stringify(message)}, "*")`);
    });
    // Messages come in order: what the app says afterwards is there, and the others are not.
    await inApp(() => window.sdk().alerting.showToastPopup("Own", "", {}));
    await browser.until("the app's toast shows", async () => (await texts("#toasts .title")).includes("Own"));
    assert.deepEqual(await texts("#toasts .title"), ["Own"]);
  });
});

test("the app tells in a toast what happens while nobody sees it", async () => {
  const [ada] = acme.agents;
  await page.open();
  await inApp(() => {
    // After the app, which listens as well.
    window.addEventListener("message", ({ data }) => (window.isHidden ||= data.hook === "blur"));
  });
  await cloud.spoilStart({ held: true });
  await page.inApp(() => browser.press(`Record ${ada.name}`));
  await browser.until("the start is on its way", async () => (await cloud.starts()).length === 1);
  await page.press("Show Premium App 1");
  await browser.until("the app knows", () => inApp(() => window.isHidden));
  await cloud.release();
  await browser.until("the toast shows", async () =>
    (await page.text("#toasts")).includes(`Recording ${ada.name} in Acme.`),
  );
});

test("ten widgets work side by side, and an eleventh cannot be added", async () => {
  await page.open({ widgets: "10" });
  assert.equal((await frames()).length, 10);
  assert.equal(await (await browser.control("button", "Add a widget")).isEnabled(), false);
  // Widgets that are long in coming, as on a slow machine, have rows of their own.
  const widgetsOf = ({ badges }) => Number(badges[0]?.match(/^in (\d+) widgets$/)[1] ?? 1);
  await browser.until("the tokens of all are there, of two organizations", async () => {
    const rows = await page.rows();
    return rows.every(({ kind }) => kind === "token") && rows.reduce((sum, row) => sum + widgetsOf(row), 0) === 20;
  });
  const [ada] = acme.agents;
  const press = (widget) => page.inApp(() => browser.press(`Record ${ada.name}`), widget);
  await press(0);
  // WebKit's driver misses a click on a frame further down.
  await press(1);
  for (const widget of [0, 1]) {
    await page.inApp(
      () => browser.until("it is recorded", () => browser.control("button", `Stop recording ${ada.name}`)),
      widget,
    );
  }
  assert.equal((await cloud.recordings()).length, 1);
});

/** Runs in the first widget, where `sdk()` constructs one as an app does. */
function inApp(body) {
  return page.inApp(() =>
    browser.evaluate(`() => {
      window.sdk ??= () => new window.purecloud.apps.ClientApp({
        gcHostOriginQueryParam: "gcHostOrigin",
        gcTargetEnvQueryParam: "gcTargetEnv",
      });
      return (${body})();
    }`),
  );
}

/** Keeps what the apps say to the host from now on, which the host waits for as long as it takes. */
async function listen() {
  await timers.hold(3_000);
  await browser.evaluate(() => {
    window.heard = [];
    window.addEventListener("message", ({ data }) => window.heard.push(data.action));
  });
}

function hears(action) {
  return browser.until(`the host hears ${action}`, async () =>
    (await browser.evaluate(() => window.heard)).includes(action),
  );
}

function frames() {
  return browser.driver.findElements(By.css("iframe"));
}

async function names(css) {
  const found = await browser.driver.findElements(By.css(css));
  return Promise.all(found.map(async (each) => (await browser.described(each)).name));
}

function texts(css) {
  return browser.driver.executeScript(
    "return [...document.querySelectorAll(arguments[0])].map(({ textContent }) => textContent)",
    css,
  );
}
