// The page of `npm start`: what a person sees of who holds which token, what went where, and what became of it.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { By } from "selenium-webdriver";
import { browser as open } from "./browser.mjs";
import { cannotRunIn } from "./engines.mjs";
import { initials } from "../../www/shared/initials.js";
import { HeldTimers } from "./held-timers.mjs";
import { HostPage } from "./host-page.mjs";
import { Story } from "../../www/host/story.js";
import de from "../../www/host/texts/de.js";
import en from "../../www/host/texts/en.js";
import { wording } from "../../www/host/wording.js";

/** What is refused, lost or broken on purpose here, the browser complains about. */
const SPOILT = /\/api\/v2\/(screenrecordings|users|tokens).* - Failed to load resource: .*(40\d|429|503|ERR_)/;
const browser = open({ mayComplain: [SPOILT, /standin\/ledger/] });
const page = new HostPage(browser);
const timers = new HeldTimers(browser);

let cloud, acme, globex;
beforeEach(() => {
  cloud = browser.cloud;
  ({ acme, globex } = cloud);
});

describe("the thread", () => {
  test("is played in four steps: 403, held back, a second token, 201", async () => {
    const [gia] = globex.agents;
    await page.open();
    await page.playThread();

    const rows = (await page.rows()).map(({ kind, status, code, title }) => [kind, status, code, title]);
    assert.deepEqual(rows, [
      ["token", "", "", "Token of Acme"],
      ["start", "403", "", `Record ${gia.name}`],
      ["never", "", "ORG_MISMATCH", `Record ${gia.name}`],
      ["token", "", "", "Token of Globex"],
      ["start", "201", "", `Record ${gia.name}`],
    ]);
    assert.deepEqual(await page.figures(), { sent: 2, refused: 1, never: 1, merged: 0, recordings: 1 });
    const captions = (await page.rows()).map(({ caption }) => caption);
    assert.ok(captions[1].includes("Acme's token, but Gia Greco belongs to Globex"), captions[1]);
    assert.ok(captions[2].includes("Held back"), captions[2]);

    const starts = await cloud.starts();
    assert.deepEqual(
      starts.map(({ tokenOrgId, orgHeader, status }) => [tokenOrgId, orgHeader, status]),
      [
        [acme.id, globex.id, 403],
        [globex.id, globex.id, 201],
      ],
    );
    await page.inApp(() => browser.control("button", `Stop recording ${gia.name}`));
    // What the naive way leaves in the ledger is what no test of the library may leave there.
    await cloud.reset();
  });

  test("goes back without undoing anything, and can be closed", async () => {
    await page.open();
    await page.press("▸ Play the thread");
    await browser.until("the first step is played", async () =>
      (await page.text("#thread-status")).startsWith("Step 1"),
    );
    await page.press("Next ▸");
    await browser.until("the second step is played", async () =>
      (await page.text("#thread-status")).startsWith("Step 2"),
    );
    const sent = (await cloud.requests()).length;
    await page.press("◂ Back");
    assert.ok((await page.text("#thread-status")).startsWith("Step 1"));
    await page.press("Next ▸");
    assert.ok((await page.text("#thread-status")).startsWith("Step 2"));
    assert.equal((await cloud.requests()).length, sent);
    await page.press("Close");
    await browser.until("it can be played again", () => browser.control("button", "▸ Play the thread"));
    await page.ready();
    await cloud.reset();
  });
});

describe("a row", () => {
  test("tells in one sentence what its picture shows, and opens to what was sent, what came back, and why", async () => {
    const [ivy] = cloud.initech.agents;
    await page.open({ orgId: cloud.initech.id, hold: acme.id, login: "none" });
    await page.inApp(() => browser.press(`Record ${ivy.name}`));
    await browser.until("the row is there", async () => (await page.rows()).some(({ kind }) => kind === "never"));
    const { label } = (await page.rows()).at(-1);
    for (const part of [`Record ${ivy.name}`, "With Acme's token", "Initech", "never sent", "ORG_MISMATCH"]) {
      assert.ok(label.includes(part), label);
    }

    const row = '[data-kind="never"] > button';
    await browser.clickOn(row);
    assert.equal(await browser.driver.findElement(By.css(row)).getAttribute("aria-expanded"), "true");
    const details = await page.text('[data-kind="never"] .details');
    for (const part of ["Not sent", "Token ofAcme", "Agent's organizationInitech", "CodeORG_MISMATCH", "Hint"]) {
      assert.ok(details.includes(part), details);
    }
    for (const [outcome, isCopied] of [
      ["Copied", true],
      ["Not copied", false],
    ]) {
      await browser.evaluate((isCopied) => {
        navigator.clipboard.writeText = () => Promise.reject(new Error("not allowed"));
        document.execCommand = () => isCopied;
        document.querySelector('[data-kind="never"] .details button').click();
      }, isCopied);
      await browser.until("it is announced", async () => (await page.text("#copy-status")) === outcome);
    }
  });

  test("has the organization's header, the status and the correlation ID of a request", async () => {
    await page.open();
    await page.inApp(() => browser.press(`Record ${acme.agents[0].name}`));
    await browser.until("the row is there", async () => (await page.rows()).at(-1)?.status === "201");
    await browser.clickOn('[data-kind="start"] > button');
    const details = await page.text('[data-kind="start"] .details');
    const [{ correlationId }] = await cloud.starts();
    for (const part of [
      "POST /api/v2/screenrecordings",
      "x-genesys-organization-id: Acme",
      "Token ofAcme",
      "Status201",
      `Correlation ID${correlationId}`,
    ]) {
      assert.ok(details.includes(part), details);
    }
  });

  test("of a read shows on request", async () => {
    await page.open();
    assert.ok((await page.rows()).every(({ kind }) => kind === "token"));
    await (await browser.control("input", "Show every request")).click();
    await browser.until("the list of recordings shows", async () =>
      (await page.rows()).some(({ kind }) => kind === "list"),
    );
  });

  test("no token shows, in no page and no row", async () => {
    await page.open();
    await page.inApp(() => browser.press(`Record ${acme.agents[0].name}`));
    await browser.until("the row is there", async () => (await page.rows()).at(-1)?.status === "201");
    const rows = await browser.driver.executeScript(
      "return [...document.querySelectorAll('#rows > li')].map(({ dataset }) => dataset.row)",
    );
    // A row is drawn anew when its call has ended.
    for (const row of rows) await browser.clickOn(`#rows [data-row="${row}"] > button`);
    const shown = await page.everything();
    // A JWT begins like this, and an opaque token of the stand-in has as many characters in a row.
    assert.equal(shown.match(/eyJ[\w-]{20,}/), null);
    assert.equal(shown.replace(/[\w-]*cd_frame_id_[\w="-]*/g, "").match(/\b[A-Za-z0-9_]{60,}\b/), null);
  });
});

describe("the lanes", () => {
  test("say for which organizations the page holds a token, and how that is known", async () => {
    await page.open();
    await browser.until("the tokens show", async () => (await page.text("#lanes")).includes("Globextoken"));
    assert.equal(await page.text("#lanes"), "AcmetokenGlobextokenInitechno tokenNorthwind Appsno token");
    await browser.clickOn(`#lanes [data-id="${globex.id}"]`);
    const told = await page.text("#token");
    for (const part of ["The token of Globex", "screenrecordings:write", "minutes", "a claim"])
      assert.ok(told.includes(part), told);
  });
});

describe("a fault, one click each", () => {
  const [ok, none] = ["201", ""];
  const FAULTS = {
    triple: { starts: [ok], merged: 3, recordings: 1 },
    lostAfter: { starts: [none], look: true, recordings: 1 },
    lostBefore: { starts: [none], look: true, code: "OUTCOME_UNKNOWN", recordings: 0 },
    slow: { starts: [ok], recordings: 1 },
    refused401: { starts: ["401", "401"], again: true, code: "UNAUTHENTICATED", recordings: 0 },
    limited429: { starts: ["429", ok], again: true, recordings: 1 },
    failed503: { starts: ["503"], look: true, code: "OUTCOME_UNKNOWN", recordings: 0 },
    scope: { starts: ["403"], code: "SCOPE_MISSING", recordings: 0 },
    revoked: { starts: ["401", ok], again: true, recordings: 1 },
    hangs: { starts: [ok], merged: 2, look: true, recordings: 1 },
    clock: { starts: ["401", ok], again: true, recordings: 1 },
  };
  for (const [name, { starts, merged, look = false, code, again = false, recordings }] of Object.entries(FAULTS)) {
    test(name, async () => {
      // A start hangs for five seconds. The second widget must call within them, so it is loaded before.
      await page.open(name === "hangs" ? { widgets: "2" } : {});
      if (name === "clock") cloud.isAheadOfPage = true;
      await page.fault(name);
      let rows;
      await browser.until(
        `${name} shows`,
        async () => {
          rows = await page.rows();
          const shown = rows.filter(({ kind }) => kind === "start");
          assert.deepEqual(
            shown.map(({ status }) => status),
            starts,
          );
          assert.equal(
            rows.some(({ kind }) => kind === "look"),
            look,
          );
          const { code: shownCode, badges } = shown.at(-1);
          assert.equal(shownCode, code ?? "");
          const expected = [again && "↻ sent once more", merged && `×${merged} calls, one start`].filter(Boolean);
          assert.deepEqual(badges, expected);
          assert.ok(rows.every(({ kind }) => kind !== "never"));
          return true;
        },
        () => JSON.stringify(rows),
      );
      assert.equal((await cloud.recordings()).length, recordings);
      if (code) await page.inApp(() => browser.refusal(code));
    });
  }
});

describe("the language", () => {
  test("is German for a German langTag, in both pages, with the errors", async () => {
    const [gia] = globex.agents;
    await page.open({ lang: "de-de" });
    assert.equal(await page.text("h1"), "Simulierte Genesys Cloud");
    assert.equal(await browser.driver.executeScript("return document.documentElement.lang"), "de");
    await page.playThread({ play: "▸ Geschichte abspielen", next: "Weiter ▸" });
    assert.ok((await page.text("#thread-status")).includes("Schritt 4 von 4"));
    await page.inApp(async () => {
      assert.equal(await browser.driver.executeScript("return document.documentElement.lang"), "de");
      await browser.outcome(`${gia.name} wird in Globex aufgezeichnet.`);
      await browser.control("button", `Aufzeichnung von ${gia.name} stoppen`);
    });
    await cloud.reset();
  });

  test("is German in the error card", async () => {
    const [ivy] = cloud.initech.agents;
    await page.open({ lang: "de-de", orgId: cloud.initech.id, hold: acme.id, login: "none" });
    await page.inApp(async () => {
      await browser.press(`${ivy.name} aufzeichnen`);
      const card = await browser.refusal("ORG_MISMATCH");
      for (const part of [
        `${ivy.name} wird nicht aufgezeichnet`,
        "Die App hat ein Token von Acme",
        "Melden Sie sich",
      ]) {
        assert.ok(card.includes(part), card);
      }
    });
  });

  test("is English for any other, and a person can choose", async () => {
    await page.open({ lang: "fr-fr" });
    assert.equal(await page.text("h1"), "Simulated Genesys Cloud");
    await browser.choose("Language", "Deutsch");
    await browser.until("the page speaks German", async () => (await page.text("h1")) === "Simulierte Genesys Cloud");
    await page.ready();
    await page.inApp(() => browser.control("button", `${acme.agents[0].name} aufzeichnen`));
  });

  test("of the library's and the API's words is English, in a German page too", async () => {
    await page.open({ lang: "de-de", hold: acme.id });
    const refused = { status: 400, body: { status: 400, code: "bad.request", message: "Words of the API" } };
    await cloud.spoil("POST", "/api/v2/screenrecordings", refused, 4);
    await page.inApp(async () => {
      await browser.press(`${acme.agents[0].name} aufzeichnen`);
      await browser.refusal("BAD_REQUEST");
      await browser.press("Alle aufzeichnen");
      await browser.outcome("0 von 3 Agenten");
      const languages = await browser.evaluate((words) => {
        const texts = document.createTreeWalker(document.querySelector("#app"), NodeFilter.SHOW_TEXT);
        const found = [];
        while (texts.nextNode()) {
          const { parentElement, data } = texts.currentNode;
          if (data.includes(words)) found.push(parentElement.closest("[lang]").lang);
        }
        return found;
      }, refused.body.message);
      // Why, the message among the details, and three results of many.
      assert.deepEqual(languages, Array(5).fill("en"));
    });
  });

  test("has a German text for each English one", async () => {
    for (const folder of ["host", "app"]) {
      const [en, de] = await Promise.all(
        ["en", "de"].map(async (name) => (await import(`../../www/${folder}/texts/${name}.js`)).default),
      );
      assert.deepEqual(shapeOf(de), shapeOf(en), folder);
    }
  });
});

describe("the host", () => {
  test("launches the app for another organization and region", async () => {
    await page.open();
    await browser.choose("Region", "Asia Pacific (Sydney)");
    await browser.enterApp(acme);
    await browser.leaveApp();
    await browser.choose("Organization", "Globex");
    await browser.enterApp(globex);
    await browser.until("the app is in Sydney", async () =>
      (await browser.driver.findElement(By.css("#where")).getText()).includes("prod-apse2"),
    );
  });

  test("starts over: no row, no recording, and the app is as new", async () => {
    await page.open();
    await page.inApp(() => browser.press(`Record ${acme.agents[0].name}`));
    await browser.until("the row is there", async () => (await page.rows()).at(-1)?.status === "201");
    await page.press("Start over");
    await browser.until("only the tokens are left", async () => {
      const rows = await page.rows();
      return rows.length === 2 && rows.every(({ kind }) => kind === "token");
    });
    await page.ready();
    assert.deepEqual(await cloud.recordings(), []);
    assert.deepEqual(await page.figures(), { sent: 0, refused: 0, never: 0, merged: 0, recordings: 0 });
  });

  test(
    "says so when the servers do not answer, and when they do again",
    cannotRunIn({ firefox: "only chromedriver can block addresses", webkit: "only chromedriver can block addresses" }),
    async () => {
      await page.open();
      const block = (urls) => browser.driver.sendDevToolsCommand("Network.setBlockedURLs", { urls });
      await browser.driver.sendDevToolsCommand("Network.enable", {});
      await block(["*/standin/ledger"]);
      await browser.until("the page says so", async () => (await page.text("#trouble")).includes("do not answer"));
      // A hidden page does not look by itself, so only the button can bring it back.
      await browser.evaluate(() => Object.defineProperty(document, "visibilityState", { get: () => "hidden" }) && null);
      await block([]);
      await page.press("Try again");
      const trouble = await browser.driver.findElement(By.css("#trouble"));
      await browser.until("the page is well again", async () => !(await trouble.isDisplayed()));
    },
  );
});

describe("without an answer, the host", () => {
  test("leaves the apps alone if a person starts over while the servers are down", async () => {
    const [ada] = acme.agents;
    await page.open();
    await browser.evaluate(() => {
      window.unhandled = [];
      window.addEventListener("unhandledrejection", ({ reason }) => window.unhandled.push(String(reason)));
      window.sends = window.fetch;
      window.fetch = () => Promise.reject(new TypeError("Failed to fetch"));
    });
    await page.press("Start over");
    await browser.until("the page says so", async () => (await page.text("#trouble")).includes("do not answer"));
    await browser.evaluate(() => (window.fetch = window.sends));
    await page.inApp(() => browser.press(`Record ${ada.name}`));
    await browser.until("the row is there", async () => (await page.rows()).at(-1)?.status === "201");
    assert.deepEqual(await browser.evaluate(() => window.unhandled), []);
  });

  test("says that an app does not start, in a fault and in the thread, and goes on", async () => {
    await openAppThatCannotStart();
    await browser.clickOn('[data-fault="failed503"] button');
    assert.ok((await page.text("#fault-status")).includes("under way"));
    assert.equal(await isAriaDisabled('[data-fault="slow"] button'), true);
    await timers.untilExpired(async () => (await page.text("#fault-status")).includes("app does not answer"));
    assert.equal(await isAriaDisabled('[data-fault="slow"] button'), false);

    await page.press("▸ Play the thread");
    assert.ok((await page.text("#thread-status")).includes("Under way"));
    await timers.untilExpired(async () => (await page.text("#thread-status")).includes("app does not answer"));
  });

  test("ends a fault whose app is launched anew", async () => {
    await page.open();
    // Before the fault that the page asks for.
    await cloud.spoilStart({ held: true });
    await browser.clickOn('[data-fault="slow"] button');
    await browser.until("the start is on its way", async () => (await cloud.starts()).length === 1);
    await browser.choose("Organization", "Globex");
    await browser.until("it says so", async () => (await page.text("#fault-status")).includes("launched anew"));
    await page.ready();
  });

  test("closes a widget once, however often a person presses ×", async () => {
    await page.open({ widgets: "3" });
    await timers.hold(3_000);
    await browser.evaluate(() => {
      const close = document.querySelector(".panel.app header button");
      close.click();
      close.click();
    });
    await browser.until("it is gone", async () => (await icons()).join() === "Show Premium App 2,Show Premium App 3");
    await timers.expire();
    assert.deepEqual(await icons(), ["Show Premium App 2", "Show Premium App 3"]);
  });
});

describe("what is English in the German page", () => {
  test("is marked: what the library says in a row, in its details, and in a fault", async () => {
    const [ada] = acme.agents;
    await page.open({ lang: "de-de" });
    await cloud.spoilStart({ status: 400, body: { status: 400, code: "bad.request", message: "Bad." } });
    await page.inApp(() => browser.press(`${ada.name} aufzeichnen`));
    await browser.until("the row is there", async () => (await page.rows()).at(-1)?.status === "400");
    await browser.until("its call has ended", async () => (await page.rows()).at(-1).code !== "");
    await browser.clickOn('[data-status="400"] > button');
    const { caption } = (await page.rows()).at(-1);
    const marked = await english('[data-status="400"]');
    const { code } = (await page.rows()).at(-1);
    assert.equal(marked.length, 3, marked.join("\n"));
    const [inCaption, message, hint] = marked;
    assert.deepEqual([inCaption, hint], [caption, caption]);
    assert.ok(message.startsWith(code), message);

    await browser.evaluate(() => (window.fetch = () => Promise.reject(new TypeError("Failed to fetch"))));
    await browser.clickOn('[data-fault="slow"] button');
    await browser.until("it has failed", async () => (await english("#fault-status")).join() === "Failed to fetch");
    assert.ok((await page.text("#fault-status")).startsWith("Das hat nicht funktioniert"));
  });
});

describe("a caption", () => {
  const org = { name: "Acme" };
  const start = { kind: "start", tokenOrg: org, targetOrg: org, agent: { name: "Ada", org } };
  const unknown = { error: { code: "OUTCOME_UNKNOWN" } };

  for (const [language, text, lost] of [
    ["English", en, "No answer came back"],
    ["German", de, "Es kam keine Antwort"],
  ]) {
    test(`of a failed start says that an answer came back, in ${language}`, () => {
      const { captionOf } = wording(text);
      for (const call of [undefined, unknown, { recordingId: "1" }]) {
        const failed = captionOf({ ...start, outcome: "failed", status: 503, call });
        assert.ok(failed.includes("503") && !failed.includes(lost), failed);
        const silent = captionOf({ ...start, outcome: "lost", call });
        assert.ok(silent.startsWith(lost), silent);
      }
    });
  }
});

describe("the story", () => {
  const org = { id: "acme", name: "Acme", agents: [] };
  const event = (type, more = {}) => ({ kind: "event", at: 1, content: { type, ...more } });
  const signIn = event("token-requested", { source: "login" });
  const stored = event("token-filed", { orgId: org.id });
  const hows = (...steps) => {
    const story = new Story([org]);
    for (const step of steps) {
      if (typeof step === "string") story[step](1);
      else story.add(1, step);
    }
    return story.rows().map(({ how }) => how);
  };

  test("says that somebody signed in for the token that came of it, and for no later one", () => {
    const later = { ...stored, at: 60_000 };
    assert.deepEqual(hows(signIn, stored, later), ["login", "given"]);
    const named = event("token-requested", { source: "login", orgId: org.id });
    assert.deepEqual(hows(named, stored, later), ["login", "given"]);
  });

  test("has one row for the tokens that several widgets get together", () => {
    const story = new Story([org]);
    for (const [widget, at] of [[1, 1], [2, 9_000], [3, 60_000], [3, 61_000]]) story.add(widget, { ...stored, at }); // prettier-ignore
    assert.deepEqual(
      story.rows().map(({ inWidgets }) => inWidgets),
      [[1, 2], [3], [3]],
    );
  });

  test("knows of no sign-in from before it began anew, or before the widget was closed", () => {
    assert.deepEqual(hows(signIn, "clear", stored), ["given"]);
    assert.deepEqual(hows(signIn, "forget", stored), ["given"]);
  });
});

describe("the app", () => {
  test("says that it is offline, and that it is not any more", async () => {
    await page.open();
    await page.inApp(async () => {
      const offline = await browser.driver.findElement(By.css("#offline"));
      assert.equal(await offline.isDisplayed(), false);
      await browser.evaluate(() => {
        Object.defineProperty(navigator, "onLine", { configurable: true, get: () => false });
        window.dispatchEvent(new Event("offline"));
      });
      assert.ok((await offline.getText()).startsWith("You are offline."));
      await browser.evaluate(() => {
        delete navigator.onLine;
        window.dispatchEvent(new Event("online"));
      });
      assert.equal(await offline.isDisplayed(), false);
    });
  });

  test("shows signing in as a state, before anything is pressed", async () => {
    await page.open({ orgId: cloud.initech.id });
    await page.inApp(async () => {
      const card = await browser.driver.findElement(By.css("#sign-in")).getText();
      assert.ok(card.includes("You are not signed in to Initech"), card);
      await browser.control("button", "Sign in to Initech");
    });
  });

  test("says that it loads, until it has loaded", async () => {
    await cloud.spoilWhose({ held: true });
    const url = new URL(browser.appOrigin);
    const { apps: gcHostOrigin, name: gcTargetEnv } = cloud.environment;
    url.search = new URLSearchParams({ gcHostOrigin, gcTargetEnv, gcLangTag: "en-us", orgId: acme.id, hold: acme.id });
    await browser.driver.get(url);
    await browser.until("it says so", async () => (await page.text("#status")) === "Loading agents …");
    const items = await browser.driver.executeScript(
      "return [...document.querySelectorAll('#agents > :not([aria-hidden=true])')].map(({ textContent }) => textContent)",
    );
    assert.deepEqual(items, [], "items of the list without a text");
    await cloud.release();
    await browser.until("it is ready", () => browser.appIsReady());
    assert.equal(await page.text("#status"), "");
  });

  test("shows an error at the top if its row is gone, because the organization was switched", async () => {
    await browser.openApp({ org: acme });
    await cloud.spoilStart({ held: true, status: 400, body: { status: 400, code: "bad.request" } });
    await browser.press("Record Ada Alvarez");
    await browser.press("Switch to Globex");
    await browser.until("the agents are those of Globex", () => browser.control("button", "Record Gia Greco"));
    await cloud.release();
    const card = await browser.refusal("BAD_REQUEST");
    assert.ok(card.includes("Ada Alvarez is not being recorded"), card);
    await browser.control("button", "Record Gia Greco");
  });

  test("answers if somebody refreshes without a token", async () => {
    await browser.openApp({ org: cloud.initech });
    await browser.press("Refresh");
    await browser.refusal("ORG_MISMATCH");
  });

  test("announces a sign-in by redirect that failed", async () => {
    const { initech } = cloud;
    await browser.openApp({ org: initech, login: "redirect" });
    await browser.press("Sign in to Initech");
    await browser.onSignInPage();
    await browser.pressLast("Deny");
    await browser.enterApp(initech);
    await browser.refusal("LOGIN_DENIED");
    await browser.outcome("The sign-in did not work.");
  });

  for (const { lang, record, starting, stop, stopping } of [
    { lang: "en-us", record: "Record Ada", starting: "Starting", stop: "Stop recording Ada", stopping: "Stopping" },
    { lang: "de-de", record: "Ada", starting: "Startet", stop: "Aufzeichnung von Ada", stopping: "Stoppt" },
  ]) {
    test(`names a button for what it does while it works: ${lang}`, async () => {
      await page.open({ lang });
      await page.inApp(async () => {
        await browser.evaluate(() => {
          const sends = window.fetch;
          window.fetch = async (...request) => {
            if (["POST", "PATCH"].includes(request[1]?.method)) await new Promise((go) => (window.letGo = go));
            return sends(...request);
          };
        });
        const button = await browser.driver.findElement(By.css("#agents button"));
        for (const [name, doing] of [
          [record, starting],
          [stop, stopping],
        ]) {
          await browser.until("it can be pressed", async () => (await browser.described(button)).name.startsWith(name));
          await button.click();
          await browser.until("the request waits", () => browser.evaluate(() => window.letGo !== undefined));
          assert.equal(await button.getText(), doing);
          let named;
          await browser.until(
            "its name says so, too",
            async () => {
              named = (await browser.described(button)).name;
              return named.toLowerCase().includes(doing.toLowerCase());
            },
            () => named,
          );
          await browser.evaluate(() => {
            window.letGo();
            delete window.letGo;
          });
        }
        await browser.until("it is over", async () => (await browser.described(button)).name.startsWith(record));
      });
    });
  }

  test("counts the time of a running recording", async () => {
    await page.open();
    await page.inApp(async () => {
      await browser.press(`Record ${acme.agents[0].name}`);
      await browser.outcome("Recording");
      const elapsed = () => browser.driver.findElement(By.css("#agents time")).getText();
      await browser.until("a second has passed", async () => /^00:0[1-9]$/.test(await elapsed()));
    });
  });
});

describe("a stop that fails", () => {
  const ada = () => acme.agents[0].name;
  const states = async () => (await cloud.recordings()).map(({ state }) => state);

  async function stopSpoilt(fault, times) {
    await browser.openApp({ org: acme });
    await browser.press(`Record ${ada()}`);
    await browser.outcome(`Recording ${ada()}`);
    await cloud.spoilStops(fault, times);
    await browser.press(`Stop recording ${ada()}`);
  }

  for (const [code, fault] of [
    ["NETWORK", { reset: "after" }],
    ["CLOUD_UNAVAILABLE", { status: 503 }],
  ]) {
    test(`is not known to have failed after ${code}, and Refresh finds out`, async () => {
      await stopSpoilt(fault, 3);
      const card = await browser.refusal(code);
      assert.ok(card.includes(`It is not known whether the recording of ${ada()} has stopped`), card);
      assert.ok(!card.includes("Nothing was started"), card);
      await browser.outcome(`It is not known whether the recording of ${ada()} has stopped`);

      const [state] = await states();
      await browser.press("Refresh");
      await browser.outcome(`${ada()}: ${{ stopped: "Stopped", recording: "Recording" }[state]}.`);
      assert.deepEqual(await browser.driver.findElements(By.css(".problem")), []);
      await browser.control("button", `${{ stopped: "Record", recording: "Stop recording" }[state]} ${ada()}`);
    });
  }

  test("with a 409 is told in the words of a stop", async () => {
    await stopSpoilt({ status: 409, body: { status: 409, code: "request.conflict" } }, 1);
    const card = await browser.refusal("CONFLICT");
    assert.ok(card.includes(`The recording of ${ada()} was not stopped`), card);
    assert.ok(card.includes("The API does not allow the recording to be stopped now"), card);
    assert.ok(!card.includes("offline"), card);
    assert.deepEqual(await states(), ["recording"]);
  });

  test("leaves no error at the top once a later one has stopped a recording of another organization", async () => {
    await browser.openApp({ org: acme });
    await browser.press(`Record ${ada()}`);
    await browser.outcome(`Recording ${ada()}`);
    await browser.press("Switch to Globex");
    await browser.outcome("now works for Globex");
    await cloud.spoilStops({ reset: "before" }, 3);
    await browser.press(`Stop recording ${ada()}`);
    await browser.refusal("NETWORK");
    await browser.press("Refresh");
    await browser.outcome(`${ada()}: Recording.`);

    await cloud.spoilStops({ reset: "before" }, 3);
    await browser.press(`Stop recording ${ada()}`);
    await browser.refusal("NETWORK");
    await browser.press("Try again");
    await browser.outcome(`The recording of ${ada()} has stopped.`);
    assert.deepEqual(await browser.driver.findElements(By.css(".problem")), []);
    assert.deepEqual(await states(), ["stopped"]);
  });
});

test("a start of which nobody knows is not told as one that failed, in the result of many", async () => {
  await browser.openApp({ org: acme, hold: [acme] });
  await cloud.spoilStart({ reset: "before" }, 3);
  await browser.press("Record everyone");
  await browser.outcome("0 of 3 agents are being recorded.");
  assert.equal(await page.text("#many-results summary"), "No recording is confirmed for 3 agents");
});

test("a person has the same initials in both pages, of the first and the last name", () => {
  assert.deepEqual(["Ada", "Ada Alvarez", "Ana  Maria de Silva"].map(initials), ["A", "AA", "AS"]);
});

/** An app of an environment that nobody has named to it: it shows an error, and obeys no command. */
async function openAppThatCannotStart() {
  const url = new URL("/", cloud.environment.apps);
  url.search = new URLSearchParams({ lang: "en-us", pcEnvironment: "nowhere" });
  await browser.driver.get(url);
  await browser.until("the app has failed", () =>
    page.inApp(() => browser.driver.executeScript("return document.querySelector('[data-state=failed]') !== null")),
  );
  await timers.hold(60_000);
}

function isAriaDisabled(css) {
  return browser.driver.executeScript("return document.querySelector(arguments[0]).ariaDisabled === 'true'", css);
}

/** The texts in a part of the page that are marked as English. */
function english(css) {
  return browser.driver.executeScript(
    "return [...document.querySelector(arguments[0]).querySelectorAll('span[lang=en]')].map((each) => each.textContent)",
    css,
  );
}

async function icons() {
  const found = await browser.driver.findElements(By.css("#widgets button"));
  return Promise.all(found.map(async (each) => (await browser.described(each)).name));
}

function shapeOf(value) {
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, shapeOf(each)]));
}
