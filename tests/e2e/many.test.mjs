// Many starts in one call: whose turn it is, how many at a time, how fast, and what one failure means to the others.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { beforeEach, describe, test } from "node:test";
import { By } from "selenium-webdriver";
import { browser as open } from "./browser.mjs";
import { byEngine } from "./engines.mjs";

/** What the cloud refuses here, the browser complains about. */
const REFUSED = /\/api\/v2\/(screenrecordings|users)\S* - Failed to load resource: .* (403|404|409)/;
const browser = open({ mayComplain: [REFUSED] });

const UNKNOWN_AGENT = "00000000-0000-4000-8000-000000000000";

// A thousand starts take longer than WebDriver waits for a script by itself.
/** In milliseconds. No timer of the library has this length. */
const SCRIPT_TIMEOUT = 120_007;
beforeEach(() => browser.driver.manage().setTimeouts({ script: SCRIPT_TIMEOUT }));

describe("results", () => {
  test("come in the order of the agents, whatever becomes of each", async () => {
    const { cloud } = browser;
    const { acme, globex } = cloud;
    const agents = [
      acme.agents[0].id,
      { agentId: globex.agents[1].id, orgId: globex.id },
      "",
      UNKNOWN_AGENT,
      acme.agents[2].id,
      globex.agents[0].id,
      { agentId: globex.agents[0].id, orgId: "Globex" },
      42,
      { agentId: globex.agents[0].id, orgId: globex.id },
      { agentId: acme.agents[1].id, org: acme.id },
    ];
    const results = await started(agents, await tokens(acme, globex), { launch: acme });
    assert.deepEqual(
      results.map(({ status, orgId, agentId, code }) => (status === "fulfilled" ? [orgId, agentId] : code)),
      [
        [acme.id, acme.agents[0].id],
        [globex.id, globex.agents[1].id],
        "BAD_ARGUMENT",
        "AGENT_NOT_FOUND",
        "CONFLICT",
        "WRONG_ORG",
        "BAD_ARGUMENT",
        "BAD_ARGUMENT",
        [globex.id, globex.agents[0].id],
        "BAD_ARGUMENT",
      ],
    );
    await mustAgree(results);
    const asked = (await cloud.starts()).map(({ agentId, tokenOrgId }) => [agentId, tokenOrgId]);
    assert.deepEqual(
      asked.sort(),
      [
        [acme.agents[0].id, acme.id],
        [acme.agents[2].id, acme.id],
        [UNKNOWN_AGENT, acme.id],
        [globex.agents[0].id, acme.id],
        [globex.agents[0].id, globex.id],
        [globex.agents[1].id, globex.id],
      ].sort(),
    );
  });

  test("come in a hidden page too, whose timers the browser delays", async () => {
    await openWith({ launch: browser.cloud.acme });
    const codes = await browser.run(async ({ connect }) => {
      Object.defineProperty(document, "hidden", { value: true });
      const platform = setTimeout;
      window.setTimeout = (work, delay = 0) => platform(work, delay + 60_000);
      const recorder = await connect({});
      // More than are read in one task.
      const results = await recorder.startMany(Array.from({ length: 600 }, () => ""));
      return results.map(({ reason }) => reason.code);
    });
    assert.deepEqual(
      codes,
      Array.from({ length: 600 }, () => "BAD_ARGUMENT"),
    );
  });

  test("are none for no agents, and nothing is sent", async () => {
    const { acme } = browser.cloud;
    assert.deepEqual(await started([], await tokens(acme), { launch: acme }), []);
    assert.deepEqual(await browser.cloud.requests(), []);
  });

  test("are one recording where an agent is named several times", async () => {
    const { cloud } = browser;
    const { acme, globex } = cloud;
    const [one] = acme.agents;
    const agents = [one.id, { agentId: one.id, orgId: acme.id }, one.id];
    const together = await started(agents, await tokens(acme), { launch: acme });
    assert.deepEqual(new Set(together.map(({ id }) => id)), new Set([(await cloud.recordings())[0].id]));
    assert.equal((await cloud.recordings()).length, 1);
    assert.equal((await cloud.starts()).length, 1);

    // One after the other as well: a second start would be told that the agent is being recorded.
    const [other] = globex.agents;
    const launch = { launch: globex, options: { concurrency: 1 } };
    const inTurn = await started([other.id, other.id], await tokens(globex), launch);
    const [, recording, ...others] = await cloud.recordings();
    assert.deepEqual(others, []);
    assert.equal((await cloud.starts()).length, 2);
    assert.deepEqual(
      inTurn.map(({ id, alreadyRunning }) => [id, alreadyRunning]),
      [
        [recording.id, false],
        [recording.id, false],
      ],
    );
  });

  test("an organization without a token, and one whose getToken fails, stop nobody else", async () => {
    const { cloud } = browser;
    const { acme, globex, initech } = cloud;
    const agents = [globex, initech, acme].flatMap(({ id: orgId, agents: [one, two] }) =>
      [one, two].map(({ id: agentId }) => ({ agentId, orgId })),
    );
    await openWith({ launch: acme });
    const { results, asked } = await browser.run(
      async ({ connect, kept }, tokens, agents, broken) => {
        const asked = [];
        const getToken = async ({ orgId }) => {
          asked.push(orgId);
          if (orgId === broken) throw new Error("the vendor's server is down");
          return undefined;
        };
        const recorder = await connect({ tokens, getToken });
        return { results: kept.told(await recorder.startMany(agents)), asked };
      },
      await tokens(acme),
      agents,
      globex.id,
    );
    assert.deepEqual(
      results.map(({ status, code, orgId }) => [status, code, orgId]),
      [
        ["rejected", "TOKEN_SOURCE_FAILED", globex.id],
        ["rejected", "TOKEN_SOURCE_FAILED", globex.id],
        ["rejected", "TOKEN_SOURCE_FAILED", initech.id],
        ["rejected", "TOKEN_SOURCE_FAILED", initech.id],
        ["fulfilled", undefined, acme.id],
        ["fulfilled", undefined, acme.id],
      ],
    );
    assert.deepEqual(asked.sort(), [globex.id, initech.id].sort());
    await mustAgree(results);
    assert.equal((await cloud.starts()).length, 2);
  });
});

describe("turns", () => {
  test("go round the organizations", async () => {
    const orgs = await further(3, 4);
    const results = await started(everybody(orgs), await tokens(...orgs), { options: { concurrency: 1 } });
    await mustAgree(results);
    const starts = (await browser.cloud.starts()).map(({ tokenOrgId, agentId }) => [tokenOrgId, agentId]);
    const round = (at) => orgs.map(({ id, agents }) => [id, agents[at].id]);
    assert.deepEqual(starts, [0, 1, 2, 3].flatMap(round));
  });

  test("an organization whose getToken hangs holds up no other", async () => {
    const { cloud } = browser;
    const orgs = await further(3, 4);
    const [one, hanging, other] = orgs;
    await openWith({ launch: one });
    await browser.run(
      async ({ connect, kept }, tokens, agents, late) => {
        const given = new Promise((resolve) => (kept.give = () => resolve(late)));
        const recorder = await connect({ tokens, getToken: () => given });
        const others = new Promise((resolve) => {
          const onProgress = ({ settled }) => settled === 8 && resolve();
          // Fewer at a time than the one that hangs has agents.
          kept.going = recorder.startMany(agents, { concurrency: 2, onProgress });
        });
        await others;
      },
      await tokens(one, other),
      everybody([hanging, one, other]),
      await cloud.token(hanging),
    );
    const recorded = (recordings) => new Set(recordings.map(({ agentId }) => agentId));
    const ids = (orgs) => new Set(orgs.flatMap(({ agents }) => agents.map(({ id }) => id)));
    assert.deepEqual(recorded(await cloud.recordings()), ids([one, other]));
    const results = await browser.run(async ({ kept }) => {
      kept.give();
      return kept.told(await kept.going);
    });
    assert.deepEqual(recorded(await cloud.recordings()), ids(orgs));
    await mustAgree(results);
  });

  for (const [title, concurrency, most] of [
    ["six are under way at the same time", undefined, 6],
    ["one at a time, if it says so", 1, 1],
    ["so many are under way as it says", 9, 9],
  ]) {
    test(`${title}, and no more`, async () => {
      const orgs = await further(2, 9);
      await openWith({ launch: orgs[0] });
      const results = await browser.run(
        async ({ connect, environment, kept }, tokens, agents, options, most) => {
          const sends = window.fetch;
          let inFlight = 0;
          let held = [];
          kept.most = 0;
          // None is answered before as many are under way as there may be.
          window.fetch = async (...request) => {
            if (request[1]?.method !== "POST") return sends(...request);
            kept.most = Math.max(kept.most, ++inFlight);
            await new Promise((resolve) => {
              held.push(resolve);
              if (held.length < most) return;
              const all = held;
              held = [];
              // A round trip, in which one too many would show.
              sends(`${environment.api}/standin/settings`).then(() => all.forEach((go) => go()));
            });
            return sends(...request).finally(() => inFlight--);
          };
          const recorder = await connect({ tokens });
          return kept.told(await recorder.startMany(agents, options));
        },
        await tokens(...orgs),
        everybody(orgs),
        concurrency ? { concurrency } : {},
        most,
      );
      assert.equal(await browser.run(({ kept }) => kept.most), most);
      assert.equal(results.length, 18);
      await mustAgree(results);
    });
  }
});

describe("an abort", () => {
  test("ends what has not been sent, and what has been is waited for", async () => {
    const { cloud } = browser;
    const [org] = await further(1, 8);
    await openWith({ launch: org });
    await hold(cloud, { passes: 3 });
    const { results, isReason } = await browser.run(
      async ({ connect, kept }, tokens, agents) => {
        const recorder = await connect({ tokens });
        const { signal, abort } = kept.abortable();
        const going = recorder.startMany(agents, { concurrency: 2, signal });
        await kept.gate.held(2);
        abort();
        kept.gate.open();
        const results = await going;
        const isReason = results.map(({ reason }) => reason === signal.reason);
        return { results: kept.told(results), isReason };
      },
      await tokens(org),
      everybody([org]),
    );
    // Three went through the gate and two were under way: their answers count.
    const sent = 5;
    assert.deepEqual(
      results.map(({ status }) => status),
      org.agents.map((_, at) => (at < sent ? "fulfilled" : "rejected")),
    );
    assert.deepEqual(
      isReason,
      org.agents.map((_, at) => at >= sent),
    );
    await mustAgree(results);
    assert.deepEqual(
      (await cloud.starts()).map(({ agentId }) => agentId).sort(),
      org.agents.slice(0, sent).map(({ id }) => id),
    );
  });

  test("beforehand leaves nothing to send", async () => {
    const { cloud } = browser;
    const { acme } = cloud;
    await openWith({ launch: acme });
    const all = await browser.run(
      async ({ connect, kept }, tokens, agents) => {
        const recorder = await connect({ tokens });
        const { signal, abort } = kept.abortable();
        abort();
        const results = await recorder.startMany(agents, { signal });
        return results.map(({ status, reason }) => [status, reason === signal.reason]);
      },
      await tokens(acme),
      everybody([acme]),
    );
    assert.deepEqual(
      all,
      acme.agents.map(() => ["rejected", true]),
    );
    assert.deepEqual(await cloud.requests(), []);
  });

  test("while the tokens are being obtained ends that as well", async () => {
    const { cloud } = browser;
    const { acme, globex } = cloud;
    await openWith({ launch: acme });
    const { all, aborted } = await browser.run(
      async ({ connect, kept }, agents) => {
        const signals = [];
        const { signal, abort } = kept.abortable();
        const getToken = (need) => {
          signals.push(need.signal);
          if (signals.length === 2) abort();
          return new Promise(() => {});
        };
        const recorder = await connect({ getToken });
        const results = await recorder.startMany(agents, { signal });
        const all = results.map(({ status, reason }) => [status, reason === signal.reason]);
        return { all, aborted: signals.map(({ aborted }) => aborted) };
      },
      everybody([acme, globex]),
    );
    assert.deepEqual(
      all,
      everybody([acme, globex]).map(() => ["rejected", true]),
    );
    assert.deepEqual(aborted, [true, true]);
    assert.deepEqual(await cloud.requests(), []);
  });
});

describe("onProgress", () => {
  test("counts up to the total", async () => {
    const { acme, globex } = browser.cloud;
    await openWith({ launch: acme });
    const { results, progress } = await browser.run(
      async ({ connect, kept }, tokens, agents) => {
        const progress = [];
        const recorder = await connect({ tokens });
        const results = await recorder.startMany(agents, { onProgress: (each) => progress.push(each) });
        return { results: kept.told(results), progress };
      },
      await tokens(acme, globex),
      [...everybody([acme, globex]), ""],
    );
    assert.deepEqual(
      progress.map(({ settled }) => settled),
      [1, 2, 3, 4, 5, 6, 7],
    );
    for (const { total, settled, fulfilled, rejected } of progress) {
      assert.equal(total, 7);
      assert.equal(fulfilled + rejected, settled);
    }
    assert.deepEqual(progress.at(-1), { total: 7, settled: 7, fulfilled: 4, rejected: 3 });
    await mustAgree(results);
  });

  test("that throws harms nothing, and is told once", async () => {
    const { acme } = browser.cloud;
    await openWith({ launch: acme });
    const { results, complaints } = await browser.run(
      async ({ connect, kept }, tokens, agents) => {
        const complaints = [];
        console.error = (...words) => complaints.push(words.map(String));
        const onProgress = () => {
          throw new Error("of the app");
        };
        const recorder = await connect({ tokens });
        return { results: kept.told(await recorder.startMany(agents, { onProgress })), complaints };
      },
      await tokens(acme),
      everybody([acme]),
    );
    assert.deepEqual(
      results.map(({ status }) => status),
      ["fulfilled", "fulfilled", "rejected"],
    );
    assert.equal(complaints.length, 1);
    assert.ok(complaints[0].some((word) => word.includes("of the app")));
    await mustAgree(results);
  });
});

test("arguments that are none are refused, and nothing is sent", async () => {
  const { acme } = browser.cloud;
  await openWith({ launch: acme });
  const codes = await browser.run(
    async ({ connect, settle }, tokens, agents) => {
      const recorder = await connect({ tokens });
      const calls = [
        [undefined],
        [agents[0].agentId],
        [{ length: 1, 0: agents[0] }],
        [agents, null],
        [agents, { concurrency: 0 }],
        [agents, { concurrency: 101 }],
        [agents, { concurrency: 1.5 }],
        [agents, { concurrency: NaN }],
        [agents, { concurrency: "6" }],
        [agents, { requestsPerMinute: 0 }],
        [agents, { requestsPerMinute: 100_001 }],
        [agents, { requestsPerMinute: null }],
        [agents, { onProgress: "told" }],
        [agents, { signal: {} }],
        [agents, { timeoutMs: 0 }],
        [agents, { share: "yes" }],
        [agents, { concurency: 6 }],
      ];
      const outcomes = await Promise.all(calls.map((call) => settle(recorder.startMany(...call))));
      return outcomes.map(({ error }) => error?.code ?? "none");
    },
    await tokens(acme),
    everybody([acme]),
  );
  assert.deepEqual(
    codes,
    codes.map(() => "BAD_ARGUMENT"),
  );
  assert.equal(codes.length, 17);
  assert.deepEqual(await browser.cloud.requests(), []);
});

describe("a thousand", () => {
  test("agents of five organizations are recorded, and no request is one too many", async (t) => {
    const { cloud } = browser;
    const orgs = await further(5, 200);
    await openWith({ speed: 10 });
    const { results, minutes } = await startedFast(everybody(orgs), await tokens(...orgs));
    await mustAllBeRecorded(results, 1000);
    const statuses = (await cloud.starts()).map(({ status }) => status);
    assert.deepEqual(new Set(statuses), new Set([201]));
    t.diagnostic(`1000 starts, 5 organizations: ${minutes.toFixed(2)} minutes by the cloud's clock`);
  });

  test("agents of one organization are recorded no faster than its token may ask", async (t) => {
    const { cloud } = browser;
    const orgs = await further(1, 1000);
    await openWith({ speed: 10 });
    const { results, minutes } = await startedFast(everybody(orgs), await tokens(...orgs));
    await mustAllBeRecorded(results, 1000);
    const requests = await cloud.requests();
    assert.equal(requests.filter(({ status }) => status === 429).length, 0);
    assert.equal(requests.length, 1000);
    t.diagnostic(`1000 starts, 1 organization: ${minutes.toFixed(2)} minutes by the cloud's clock`);
  });

  test("a lower limit is learnt from what the cloud answers", async (t) => {
    const { cloud } = browser;
    await cloud.change({ rateLimitPerMinute: 60 });
    const orgs = await further(1, 150);
    await openWith({ speed: 30 });
    const { results, minutes } = await startedFast(everybody(orgs), await tokens(...orgs));
    await mustAllBeRecorded(results, 150);
    const requests = await cloud.requests();
    assert.equal(requests.filter(({ status }) => status === 429).length, 0);
    assert.equal(requests.length, 150);
    t.diagnostic(`150 starts at 60 in a minute: ${minutes.toFixed(2)} minutes by the cloud's clock`);
  });
});

test("as few in a minute as it says are sent in the first one as well", async () => {
  const { cloud } = browser;
  await cloud.change({ rateLimitPerMinute: 8 });
  const orgs = await further(1, 16);
  await openWith({ speed: 60 });
  // More may be under way at a time than may be sent in a minute.
  const { results } = await startedFast(everybody(orgs), await tokens(...orgs), { requestsPerMinute: 8 });
  await mustAllBeRecorded(results, 16);
  const statuses = (await cloud.requests()).map(({ status }) => status);
  assert.deepEqual(statuses, Array(16).fill(201));
});

describe("in the app", () => {
  test("the page shows how far it has come, and who is not being recorded", async () => {
    const { cloud } = browser;
    const { acme } = cloud;
    const orgs = [acme, ...(await further(3, 3))];
    await browser.openApp({ org: acme, hold: orgs });
    await hold(cloud, { passes: 7 });
    await browser.press("Record everyone");
    await batchSays("7 of 12");
    const bar = await browser.control("progress", "Progress");
    assert.deepEqual(await valueOf(bar), { value: 7, max: 12 });

    await browser.driver.executeScript("window.gate.open()");
    await browser.outcome("11 of 12 agents are being recorded.");
    assert.equal(await (await browser.driver.findElement(By.css("#cancel"))).isDisplayed(), false);

    const recordings = await cloud.recordings();
    assert.equal(recordings.length, 11);
    assert.deepEqual(await failures(), [[`${acme.agents[2].name} · Acme`, true]]);
  });

  test("Cancel lets none go that has not gone yet", async () => {
    const { cloud } = browser;
    const orgs = await further(3, 4);
    await browser.openApp({ org: orgs[0], hold: orgs });
    await hold(cloud, { passes: 2 });
    await browser.press("Record everyone");
    await batchSays("2 of 12");
    await browser.driver.executeScript("return window.gate.held(6)");
    await browser.press("Cancel");
    await batchSays("6 of 12, 4 failed");
    await browser.driver.executeScript("window.gate.open()");
    await browser.outcome("8 of 12 agents are being recorded.");
    const recordings = await cloud.recordings();
    assert.equal(recordings.length, 8);
    assert.equal((await cloud.starts()).length, 8);
    const recorded = recordings.map(({ agentId }) => agentId);
    const left = orgs.flatMap((org) =>
      org.agents.filter(({ id }) => !recorded.includes(id)).map(({ name }) => `${name} · ${org.name}`),
    );
    const told = await failures();
    assert.deepEqual(told.map(([who]) => who).sort(), left.sort());
    assert.deepEqual(await reasons(), Array(4).fill("Canceled before it was sent"));
  });
});

/** Further organizations, all of whose agents are logged in. */
async function further(count, agents) {
  const response = await fetch(`${browser.cloud.environment.api}/standin/orgs`, {
    method: "POST",
    body: JSON.stringify({ count, agents }),
  });
  assert.equal(response.status, 200);
  return response.json();
}

function tokens(...orgs) {
  return Promise.all(orgs.map((org) => browser.cloud.token(org)));
}

function everybody(orgs) {
  return orgs.flatMap(({ id: orgId, agents }) => agents.map(({ id: agentId }) => ({ agentId, orgId })));
}

/** An empty page with what these tests find in `kept`. `speed`: both clocks run so many times as fast from now on. */
async function openWith({ launch, speed } = {}) {
  await browser.openEmpty(launch ? { orgId: launch.id } : {});
  await browser.evaluate(helpers);
  if (!speed) return;
  await browser.evaluate(runFast, speed, SCRIPT_TIMEOUT);
  await browser.cloud.change({ clockSpeed: speed });
}

/** startMany() in an empty page, as a test can compare it. */
async function started(agents, tokens, { launch, options = {} } = {}) {
  await openWith({ launch });
  return browser.run(
    async ({ connect, kept }, tokens, agents, options) => {
      const recorder = await connect({ tokens });
      return kept.told(await recorder.startMany(agents, options));
    },
    tokens,
    agents,
    options,
  );
}

/** As fast as it gets, by clocks that run fast: what would be 15 s to answer in is a moment on them. */
function startedFast(agents, tokens, options = {}) {
  return browser.run(
    async ({ connect, kept }, tokens, agents, options) => {
      const recorder = await connect({ tokens, timeoutMs: 600_000 });
      const began = Date.now();
      const results = await recorder.startMany(agents, { concurrency: 12, ...options });
      return { results: kept.told(results), minutes: (Date.now() - began) / 60_000 };
    },
    tokens,
    agents,
    options,
  );
}

/** Runs in the page. */
function helpers() {
  const kept = (window.kept ??= {});
  kept.told = (results) =>
    results.map(({ status, value, reason }) => {
      if (status === "rejected") return { status, code: reason.code, orgId: reason.orgId };
      const { id, agentId, orgId, state, alreadyRunning } = value;
      return { status, id, agentId, orgId, state, alreadyRunning };
    });
  kept.abortable = () => {
    const controller = new AbortController();
    return { signal: controller.signal, abort: () => controller.abort({ why: "enough" }) };
  };
}

/** Runs in the page, before the module is loaded. Timers of `driversDelay` are those of WebKit's driver, which stay slow. */
function runFast(speed, driversDelay) {
  const { setTimeout, setInterval, Date: Real } = window;
  const began = Real.now();
  const now = () => Math.floor(began + (Real.now() - began) * speed);
  const elapsed = performance.now.bind(performance);
  performance.now = () => elapsed() * speed;
  window.setTimeout = (callback, millis = 0, ...rest) =>
    setTimeout(callback, millis === driversDelay ? millis : millis / speed, ...rest);
  window.setInterval = (callback, millis = 0, ...rest) => setInterval(callback, millis / speed, ...rest);
  window.Date = class extends Real {
    constructor(...given) {
      super(...(given.length ? given : [now()]));
    }
    static now() {
      return now();
    }
  };
}

/** Lets so many starts of the page pass; those that come after wait until the gate is opened. */
async function hold(cloud, { passes }) {
  await browser.evaluate((passes) => {
    const sends = window.fetch;
    const waiting = [];
    let listeners = [];
    let left = passes;
    let isOpen = false;
    window.fetch = async (...request) => {
      if (request[1]?.method === "POST" && !isOpen && left-- <= 0) {
        await new Promise((go) => {
          waiting.push(go);
          listeners = listeners.filter((listener) => !listener());
        });
      }
      return sends(...request);
    };
    window.gate = {
      /** When so many wait. */
      held: (count) =>
        new Promise((resolve) => {
          const listener = () => waiting.length >= count && (resolve(), true);
          if (!listener()) listeners.push(listener);
        }),
      open() {
        isOpen = true;
        waiting.forEach((go) => go());
      },
    };
    (window.kept ??= {}).gate = window.gate;
  }, passes);
}

/** What is fulfilled is in the ledger, each once, and nothing else is. */
async function mustAgree(results) {
  const facts = ({ id, agentId, orgId }) => `${id} ${agentId} ${orgId}`;
  const told = results.filter(({ status }) => status === "fulfilled").map(facts);
  assert.deepEqual(told.sort(), (await browser.cloud.recordings()).map(facts).sort());
}

async function mustAllBeRecorded(results, count) {
  assert.equal(results.length, count);
  const codes = results.filter(({ status }) => status === "rejected").map(({ code }) => code);
  assert.deepEqual(codes, []);
  assert.equal(new Set(results.map(({ agentId }) => agentId)).size, count);
  await mustAgree(results);
}

function batchSays(text) {
  let said;
  return browser.until(
    `the page says ${text}`,
    async () => (said = await (await browser.driver.findElement(By.css("#so-far"))).getText()) === text,
    () => said,
  );
}

function valueOf(bar) {
  return browser.driver.executeScript("return { value: arguments[0].value, max: arguments[0].max }", bar);
}

/** Who is not being recorded, and whether the page says why. */
async function failures() {
  const lines = await failedLines();
  return lines.map(([who, why]) => [who, why.length > 0]);
}

async function reasons() {
  return (await failedLines()).map(([, why]) => why);
}

function failedLines() {
  return browser.driver.executeScript(
    "return [...document.querySelectorAll('#many-results li')].map((line) => [...line.children].map((part) => part.textContent))",
  );
}

describe("preflights", () => {
  test("the browser remembers that starts are allowed", async () => {
    await browser.openEmpty({ orgId: browser.cloud.globex.id });
    const api = await countingApi();
    try {
      const states = await browser.run(
        async ({ premium, environment }, token, api) => {
          const recorder = await premium.connect({ environments: [{ ...environment, api }], tokens: [token] });
          const states = new Set();
          // One after the other: what is sent at once is asked for at once.
          for (let number = 0; number < 20; number++) {
            states.add((await recorder.startRecording(`agent-${number}`)).state);
          }
          return [...states];
        },
        await browser.cloud.token(browser.cloud.globex),
        api.origin,
      );
      assert.deepEqual(states, ["recording"]);
      assert.equal(api.counts.POST, 20);
      assert.ok(api.counts.OPTIONS <= byEngine({ firefox: 3 }, 1), `${api.counts.OPTIONS} preflights`);
    } finally {
      api.close();
    }
  });
});

/** An API that starts whatever it is asked to, and lets browsers remember for ten minutes that they may ask. */
async function countingApi() {
  const counts = { POST: 0, OPTIONS: 0 };
  const server = createServer(async (request, response) => {
    counts[request.method] += 1;
    const allowed = "authorization, content-type, x-genesys-organization-id";
    const headers = { "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": allowed };
    if (request.method === "OPTIONS") {
      return response.writeHead(204, { ...headers, "Access-Control-Max-Age": "600" }).end();
    }
    const { agentId } = await json(request);
    const body = JSON.stringify({ id: `of-${agentId}`, agentId, state: "recording" });
    response.writeHead(201, { ...headers, "Content-Type": "application/json" }).end(body);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    counts,
    origin: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
