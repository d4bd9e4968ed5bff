// Two thousand starts in one page, with all that can go wrong on the way, and what must be true after it. Then
// `npm run soak`, for 15 seconds.
import assert from "node:assert/strict";
import { join } from "node:path";
import { beforeEach, test } from "node:test";
import { root } from "../../scripts/process.mjs";
import { missingProxies } from "../../scripts/proxies.mjs";
import { ensurePackages } from "../../scripts/setup.mjs";
import { soak as soakBehindNginx } from "../soak/soak.mjs";
import { browser as open } from "./browser.mjs";
import { cannotRunIn } from "./engines.mjs";

/** What the faults do to requests, the browser complains about. */
const SPOILT = /\/api\/v2\/(screenrecordings|users|tokens)\S* - Failed to load resource:/;
const browser = open({ mayComplain: [SPOILT] });

const SEED = 20_251;
const STARTS = 2_000;
const AT_A_TIME = 20;
const TIMEOUT = 1_200;

const refused = (status, code, headers) => ({ status, headers, body: { status, code, message: "a fault" } });
/** What happens to a fifth of the requests. */
const FAULTS = [
  refused(400, "bad.request"),
  refused(401, "bad.credentials"),
  refused(403, "not.authorized"),
  refused(404, "not.found"),
  refused(409, "conflict"),
  refused(429, "too.many.requests", { "retry-after": "0" }),
  ...[403, 404, 408, 500, 502, 503, 504].map((status) => ({ status })),
  { reset: "before" },
  { reset: "after" },
  { truncate: 0 },
  { truncate: 10 },
  { delayMs: 60 },
  { delayMs: 60, reset: "after" },
  { delayMs: 60, truncate: 10 },
  { delayMs: 60, status: 503 },
];
/** Longer than a call may take, and so rarer. */
const LATE = { delayMs: 1_500 };

/** What a call may end with although a recording has come of it. */
const UNKNOWN = "OUTCOME_UNKNOWN";

beforeEach(() => browser.driver.manage().setTimeouts({ script: 120_000 }));

test("two thousand starts and the ledger agree, one to one, and nothing is left behind", async (t) => {
  const { cloud } = browser;
  const random = randomFrom(SEED);
  // Two recordings of an agent at once: if the library makes them, they are to be seen. On kept connections, the browser
  // would make some as well.
  await cloud.change({ rateLimitPerMinute: 0, guardsAgents: false, keepAlive: false });
  const orgs = await furtherOrgs(10, 200);
  const spoilt = await spoil(random, 6_000);
  const lives = livesOf(orgs, random);

  await browser.openEmpty({ orgId: orgs[0].id });
  await browser.evaluate(gauge);
  const { calls, gauges, sent } = await browser.run(soak, lives, { atATime: AT_A_TIME, timeoutMs: TIMEOUT });
  const { requests, recordings } = await cloud.ledger();

  assert.equal(calls.length, STARTS);
  const codes = [...groups(calls, ({ code }) => code ?? "fulfilled")];
  const figures = codes.map(([code, { length }]) => `${code} ${length}`).join(", ");
  const starts = requests.filter(({ method }) => method === "POST");
  t.diagnostic(`${calls.length} starts: ${figures}`);
  t.diagnostic(`${requests.length} requests, ${starts.length} of them starts; ${recordings.length} recordings`);
  t.diagnostic(`faults: ${spoilt} of the first 6000 requests about recordings`);
  for (const [when, values] of Object.entries(gauges)) t.diagnostic(`${when}: ${JSON.stringify(values)}`);

  const arrived = groups(starts, ({ agentId }) => agentId);
  // The browser itself repeats a start if its connection breaks off or the response is 408 (see kept-connection.test.mjs).
  // Aborted calls leave such connections behind.
  const repeated = (agentId) => Math.max(0, (arrived.get(agentId) ?? []).length - (sent[agentId] ?? 0));

  await t.test("each recording that a call resolves to is in the ledger, once", () => {
    const known = new Map(recordings.map((recording) => [recording.id, recording]));
    assert.equal(known.size, recordings.length);
    const wrong = calls.filter(({ id, agentId, orgId }) => {
      const recording = known.get(id);
      return id && (recording?.agentId !== agentId || recording?.orgId !== orgId);
    });
    assert.deepEqual(wrong, []);
  });

  await t.test("no two calls have the same, unless they shared a start or found it running", () => {
    const own = calls.filter(({ id, alreadyRunning }) => id && !alreadyRunning);
    const same = [...groups(own, ({ id }) => id).values()].filter(
      (calls) => new Set(calls.map(({ span }) => span)).size > 1,
    );
    assert.deepEqual(same, []);
    for (const calls of sharedOf(own)) assert.equal(new Set(calls.map(({ id }) => id)).size, 1);
  });

  await t.test("a call that failed for certain has made no recording", () => {
    const ofAgent = groups(recordings, ({ agentId }) => agentId);
    const wrong = [...groups(calls, ({ agentId }) => agentId).values()].filter((calls) => {
      const made = (ofAgent.get(calls[0].agentId) ?? []).map(({ id }) => id);
      const told = new Set(calls.map(({ id }) => id).filter(Boolean));
      const mayBe = new Set(calls.filter(({ code }) => code === UNKNOWN).map(({ span }) => span)).size;
      return made.filter((id) => !told.has(id)).length > mayBe + repeated(calls[0].agentId);
    });
    assert.deepEqual(wrong, []);
  });

  await t.test("a start is sent again only after the cloud has refused it for what can be mended", () => {
    const wrong = [...groups(calls, ({ span }) => span).values()].filter(([{ posts }]) => {
      const [first, ...again] = posts;
      return again.length > 1 || (again.length === 1 && ![401, 403, 429].includes(first));
    });
    assert.deepEqual(wrong, []);
    const more = [...arrived].filter(([agentId, arrived]) => {
      const mayBeRepeated = arrived.filter(({ status }) => status === null || status === 408).length;
      return repeated(agentId) > mayBeRepeated;
    });
    assert.deepEqual(more, []);
  });

  await t.test("memory, listeners and timers do not grow", () => {
    const { warm, end } = gauges;
    // Memory grows by 64 KiB. What may be kept: eight bytes for each request of the last minute, and what is known of each start
    // whose outcome is not. Three steps are less than 132 bytes for each of the starts since.
    assert.ok(end.memory - warm.memory <= 3 * 65_536, `${warm.memory} bytes, and ${end.memory} at the end`);
    assert.deepEqual(
      { listeners: end.listeners, timers: end.timers },
      { listeners: gauges.before.listeners, timers: gauges.before.timers },
    );
  });

  await t.test("it was what it is meant to be", () => {
    const missing = ["fulfilled", UNKNOWN, "BAD_REQUEST", "PERMISSION_MISSING", "AGENT_NOT_FOUND", "CONFLICT"].filter(
      (code) => !codes.some(([found]) => found === code),
    );
    assert.deepEqual(missing, []);
    assert.ok(recordings.some(({ state }) => state === "stopped"));
    assert.ok(gauges.end.most >= AT_A_TIME, `${gauges.end.most} calls at a time`);
  });
});

const inChromiumOnly = "only Chromium reports its memory";
const missing = await missingProxies();
const options = missing ? { skip: missing } : cannotRunIn({ firefox: inChromiumOnly, webkit: inChromiumOnly });
test("15 seconds behind nginx break no promise", options, async (t) => {
  await ensurePackages(join(root, "tests/soak"));
  const { figures, broken } = await soakBehindNginx({ minutes: 1 / 4, contract: "http2" });
  t.diagnostic(JSON.stringify(figures));
  assert.deepEqual(broken, []);
});

function groups(all, keyOf) {
  const groups = new Map();
  for (const each of all) groups.set(keyOf(each), [...(groups.get(keyOf(each)) ?? []), each]);
  return groups;
}

/** The calls of each start that several have shared. */
function sharedOf(calls) {
  return [...groups(calls, ({ span }) => span).values()].filter(({ length }) => length > 1);
}

/** Further organizations, all of whose agents are logged in. */
async function furtherOrgs(count, agents) {
  return control("orgs", { count, agents });
}

/** What happens to so many requests about recordings, in the order of their arrival. */
async function spoil(random, count) {
  const path = "/api/v2/screenrecordings*";
  let spoilt = 0;
  let unspoilt = 0;
  // A fault that is none, for those between.
  const flush = async () => {
    if (unspoilt) await control("faults", { method: "*", path, times: unspoilt, fault: { delayMs: 0 } });
    unspoilt = 0;
  };
  for (let at = 0; at < count; at++) {
    if (random() >= 0.2) {
      unspoilt++;
      continue;
    }
    await flush();
    const fault = random() < 0.03 ? LATE : FAULTS[Math.floor(random() * FAULTS.length)];
    await control("faults", { method: "*", path, fault });
    spoilt++;
  }
  await flush();
  return spoilt;
}

/** What is done to each agent, so many starts altogether: one, one more after a stop, or two at the same time. */
function livesOf(orgs, random) {
  const agents = orgs.flatMap(({ id: orgId, agents }) => agents.map(({ id: agentId }) => ({ agentId, orgId })));
  // All organizations at once, not one after the other.
  const mixed = agents.map((agent) => ({ agent, order: random() })).sort((one, other) => one.order - other.order);
  const lives = [];
  let left = STARTS;
  for (const { agent } of mixed) {
    if (left === 0) break;
    const chance = random();
    const steps = left < 2 || chance < 0.75 ? ["start"] : chance < 0.92 ? ["start", "stop", "start"] : ["twice"];
    left -= steps.filter((step) => step !== "stop").length + (steps[0] === "twice" ? 1 : 0);
    lives.push({ ...agent, steps });
  }
  assert.equal(left, 0);
  return lives;
}

async function control(name, body) {
  const address = `${browser.cloud.environment.api}/standin/${name}`;
  const response = await fetch(address, { method: "POST", body: JSON.stringify(body) });
  const text = await response.text();
  assert.ok(response.ok, text);
  return text && JSON.parse(text);
}

/** mulberry32: the same numbers for the same seed. */
function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Runs in the page: lives through all lives. Each start with what it came to, and the statuses of what it sent. */
async function soak({ connect, environment }, lives, { atATime, timeoutMs }) {
  const { gauge } = window;
  const calls = [];
  const gauges = { before: gauge.read() };
  let spans = 0;

  const getToken = async ({ orgId }) => {
    const order = { method: "POST", body: JSON.stringify({ orgId, format: "jwt" }) };
    return (await (await fetch(`${environment.api}/standin/tokens`, order)).json()).access_token;
  };
  const recorder = await connect({ getToken, timeoutMs });

  async function start({ agentId, orgId }, times) {
    const span = spans++;
    const sent = gauge.posts(agentId);
    const began = sent.length;
    const started = await Promise.allSettled(
      Array.from({ length: times }, () => gauge.counted(recorder.startRecording(agentId, { orgId }))),
    );
    const posts = sent.slice(began).map(({ status }) => status ?? 0);
    started.forEach(({ value, reason }, at) => {
      const call = { span, agentId, orgId, posts, isFirst: at === 0 };
      if (value) calls.push({ ...call, id: value.id, alreadyRunning: value.alreadyRunning });
      else calls.push({ ...call, code: reason.code ?? String(reason) });
    });
    return started[0].value;
  }

  async function live({ steps, ...agent }) {
    let recording;
    for (const step of steps) {
      if (step === "stop") await recording?.stop().catch(() => {});
      else recording = await start(agent, step === "twice" ? 2 : 1);
      if (calls.length >= 500) gauges.warm ??= gauge.read();
      if (calls.length >= 1_200) gauges.later ??= gauge.read();
    }
  }

  const left = [...lives];
  const worker = async () => {
    while (left.length > 0) await live(left.shift());
  };
  await Promise.all(Array.from({ length: atATime }, worker));
  recorder.close();
  await gauge.quiet(gauges.before);
  gauges.end = gauge.read();
  return { calls, gauges, sent: gauge.sent() };
}

/** Put under a page before the module is loaded: what it holds on to, and what it sends. Runs there. */
function gauge() {
  const timers = new Set();
  const listeners = new Map();
  const posts = new Map();
  let memory;
  let inFlight = 0;
  let most = 0;
  let pending = 0;

  const { setTimeout, clearTimeout } = window;
  window.setTimeout = (callback, ...rest) => {
    const id = setTimeout(
      (...given) => {
        timers.delete(id);
        callback(...given);
      },
      ...rest,
    );
    timers.add(id);
    return id;
  };
  window.clearTimeout = (id) => {
    timers.delete(id);
    clearTimeout(id);
  };

  // By target, weakly: a listener is gone with what it listens to.
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  const key = (type, callback) => `${type} ${(callback.gaugeId ??= Math.random())}`;
  EventTarget.prototype.addEventListener = function (type, callback, options) {
    if (callback && !options?.once) {
      const target = this ?? window;
      if (!listeners.has(target)) listeners.set(target, new Set());
      listeners.get(target).add(key(type, callback));
    }
    return addEventListener.call(this ?? window, type, callback, options);
  };
  EventTarget.prototype.removeEventListener = function (type, callback, options) {
    const target = this ?? window;
    if (callback) listeners.get(target)?.delete(key(type, callback));
    if (listeners.get(target)?.size === 0) listeners.delete(target);
    return removeEventListener.call(target, type, callback, options);
  };

  const { instantiate } = WebAssembly;
  WebAssembly.instantiate = async (...given) => {
    const made = await instantiate.apply(WebAssembly, given);
    memory = (made.instance ?? made).exports.memory;
    return made;
  };

  const { fetch } = window;
  window.fetch = (url, init) => {
    if (init?.method !== "POST" || !String(url).endsWith("/screenrecordings")) return fetch(url, init);
    const entry = {};
    posts.get(JSON.parse(init.body).agentId).push(entry);
    pending++;
    const answer = fetch(url, init);
    answer
      .then(({ status }) => (entry.status = status))
      .catch(() => {})
      .finally(() => pending--);
    return answer;
  };

  window.gauge = {
    posts(agentId) {
      if (!posts.has(agentId)) posts.set(agentId, []);
      return posts.get(agentId);
    },
    /** How many starts the page has handed to fetch, by agent. */
    sent: () => Object.fromEntries([...posts].map(([agentId, { length }]) => [agentId, length])),
    counted(promise) {
      most = Math.max(most, ++inFlight);
      return promise.finally(() => inFlight--);
    },
    /** When nothing is under way any more, and no more is left than before. A lock is released a task or two after its call. */
    async quiet(before) {
      const end = performance.now() + 5_000;
      const isMore = ({ listeners, timers }) => listeners > before.listeners || timers > before.timers;
      while (pending > 0 || (isMore(window.gauge.read()) && performance.now() < end)) {
        await new Promise((resolve) => setTimeout(resolve));
      }
    },
    read: () => ({
      memory: memory?.buffer.byteLength ?? 0,
      listeners: [...listeners.values()].reduce((count, { size }) => count + size, 0),
      timers: timers.size,
      most,
    }),
  };
}
