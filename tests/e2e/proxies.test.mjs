// What becomes of a start that the cloud has carried out, if something ordinary happens to the proxy before the response is
// through: by default, with the idempotency header, and with a streamed body. Each proxy is a real one, nginx or HAProxy.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { missingProxies } from "../../scripts/proxies.mjs";
import { startBackend } from "./backend.mjs";
import { browser as open } from "./browser.mjs";
import { byEngine } from "./engines.mjs";
import { startHAProxy } from "./haproxy.mjs";
import { startNginx } from "./nginx.mjs";

const missing = await missingProxies();
const options = missing ? { skip: missing } : {};

const FAILED = /Failed to load resource|net::ERR_/;
const CORS = /has been blocked by CORS policy/;
const browser = open({ mayComplain: [FAILED, CORS] });

const HEADER = "Idempotency-Key";
/** Chromium refuses a streamed body over HTTP/1.1 (see http2.test.mjs). */
const STARTS = [
  { what: "starts over HTTP/2", protocol: "http2", contracts: { default: {}, header: { idempotencyHeader: HEADER } } },
  {
    what: "starts over HTTP/1.1",
    protocol: "http1",
    contracts: { default: {}, header: { idempotencyHeader: HEADER } },
  },
  // By themselves: if a connection closes under a streamed body, Chromium's network process may crash, and all else is lost.
  { what: "a streamed start over HTTP/2", protocol: "http2", contracts: { streamed: { http2: true } } },
];
const streams = byEngine({ firefox: false, webkit: false }, true);

let cloud, org, backend, proxy;
beforeEach(async () => {
  cloud = browser.cloud;
  await cloud.change({ guardsAgents: false, idempotencyHeader: HEADER });
  [org] = await cloud.furtherOrgs(1, 3);
  backend = await startBackend(cloud.environment.api);
  await browser.openEmpty({ orgId: org.id });
});
afterEach(async () => {
  await proxy?.close();
  await backend?.close();
  proxy = backend = undefined;
});

/** Over which protocols the engine sends a start again, if the proxy closes the connection. */
const ON_CLOSE = byEngine({ firefox: ["http1"], webkit: [] }, ["http2", "http1"]);
/**
 * And if HAProxy loses its own connection: it resets the stream with REFUSED_STREAM, or closes an HTTP/1.1 connection. The first
 * request of an HTTP/1.1 connection gets 502. In Firefox, a start may be that, and not follow its own preflight.
 */
const ON_REFUSAL = byEngine({ webkit: ["http2"] }, ["http2", "http1"]);
const MAY_BE_FIRST = byEngine({ firefox: ["http1"] }, []);

const BOTH = ["http2", "http1"];

/** Enough for a preflight and a look, also on a slow machine. */
const READ_TIMEOUT = "proxy_read_timeout 2s;";

const nginx = (options) => () => startNginx(backend.port, options);
const haproxy = (options) => () => startHAProxy(backend.port, options);

const drop = (held) => held.forEach((start) => start.drop());
const release = (held) => held.forEach((start) => start.release());

/**
 * What happens while the responses are on their way. `repeats`: over which protocols the browser sends a start again, `mayRepeat`:
 * or may do so; `isProxy`: the proxy does. `isLost`: if nobody does, the library has to look.
 */
const EVENTS = {
  "nginx's worker is killed": {
    start: nginx(),
    happens: () => proxy.killWorker(),
    repeats: ON_CLOSE,
    isLost: BOTH,
  },
  "nginx reloads, with worker_shutdown_timeout": {
    start: nginx({ main: "worker_shutdown_timeout 300ms;" }),
    happens: () => proxy.reload(),
    repeats: ON_CLOSE,
    isLost: BOTH,
  },
  "nginx reloads, and waits for the responses": {
    start: nginx(),
    happens: async (held) => {
      await proxy.reload();
      release(held);
    },
    // WebKit gives up what it has sent when the server says GOAWAY.
    isLost: byEngine({ webkit: ["http2"] }, []),
  },
  "nginx stops, and starts again": {
    start: nginx(),
    happens: async () => {
      await proxy.stop();
      await browser.run(({ kept }) => kept.failed);
      await proxy.start();
      await browser.run(({ kept }) => kept.goOn());
    },
    // The browser tries, and nothing listens.
    isLost: BOTH,
  },
  "the API drops its connection to nginx": {
    start: nginx(),
    happens: drop,
    isLost: BOTH,
  },
  "the API drops its connection to nginx, which tries the next server (non_idempotent)": {
    start: nginx({ servers: 2, location: "proxy_next_upstream error non_idempotent;" }),
    happens: drop,
    isProxy: true,
  },
  "nginx's proxy_read_timeout passes": {
    start: nginx({ location: READ_TIMEOUT }),
    happens: () => {},
    isLost: BOTH,
  },
  "nginx does not buffer": {
    start: nginx({ location: "proxy_buffering off; proxy_request_buffering off;" }),
    happens: release,
  },
  "nginx compresses": {
    start: nginx({ http: "gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;" }),
    happens: release,
  },
  "the API drops its connection to HAProxy": {
    start: haproxy(),
    happens: drop,
    repeats: ON_REFUSAL,
    mayRepeat: MAY_BE_FIRST,
    isLost: BOTH,
  },
  "the API drops its connection to HAProxy, which tries again (retry-on all-retryable-errors)": {
    // Without http-buffer-request, HAProxy tries again only what it had whole before it began to send.
    start: haproxy({ defaults: "retry-on all-retryable-errors\n option http-buffer-request" }),
    happens: drop,
    isProxy: true,
  },
  "HAProxy reloads, with hard-stop-after": {
    start: haproxy({ global: "hard-stop-after 300ms" }),
    happens: () => proxy.reload(),
    repeats: ON_REFUSAL,
    mayRepeat: MAY_BE_FIRST,
    isLost: BOTH,
  },
  "HAProxy reloads, and waits for the responses": {
    start: haproxy(),
    happens: async (held) => {
      await proxy.reload();
      release(held);
    },
  },
};

for (const { what, protocol, contracts } of STARTS) {
  const isStreamed = streams && Object.hasOwn(contracts, "streamed");
  describe(`${what}, while`, () => {
    for (const [name, { start, happens, isProxy, ...event }] of Object.entries(EVENTS)) {
      const [repeats, mayRepeat, isLost] = [event.repeats, event.mayRepeat, event.isLost].map((of) =>
        of?.includes(protocol),
      );
      const mayBrowser = repeats && !isStreamed;
      const who = isProxy
        ? "the proxy repeats"
        : mayBrowser
          ? `the browser ${mayRepeat ? "may repeat" : "repeats"}`
          : "nobody repeats";
      test(`${name}: ${who} them`, options, async () => {
        proxy = await start();
        await openPage(proxy[protocol], contracts);
        await happens(await begin(contracts));
        for (const [name, { posts, ...outcome }] of Object.entries(await ended(contracts))) {
          const expected = isProxy || mayBrowser ? 2 : 1;
          assert.ok(posts === expected || (mayRepeat && posts === 1), `${name}: ${posts} POSTs`);
          const recordings = name === "header" ? 1 : posts;
          const ends = posts === 1 && isLost ? "found" : "started";
          assert.deepEqual(outcome, { recordings, ends, fetched: 1 }, name);
        }
      });
    }
  });
}

describe("starts through nginx", () => {
  test("that are carried out after proxy_read_timeout: the next call finds them", options, async () => {
    const contracts = { default: {}, header: { idempotencyHeader: HEADER }, streamed: { http2: true } };
    proxy = await startNginx(backend.port, { location: READ_TIMEOUT });
    await openPage(proxy.http2, contracts);
    const held = await begin(contracts, "request");
    const unknown = { posts: 0, recordings: 0, ends: "OUTCOME_UNKNOWN", fetched: 1 };
    assert.deepEqual(await ended(contracts), { default: unknown, header: unknown, streamed: unknown });
    release(held);
    await browser.until("the cloud has carried them out", async () => (await cloud.recordings()).length === 3);
    await begin(contracts, "nothing");
    const found = { posts: 1, recordings: 1, ends: "already running", fetched: 1 };
    assert.deepEqual(await ended(contracts), { default: found, header: found, streamed: found });
  });

  test("whose preflight limit_req refuses: none arrives, and OUTCOME_UNKNOWN says so", options, async () => {
    // One preflight in a minute: no wait of the library is as long.
    proxy = await startNginx(backend.port, {
      http: "limit_req_zone $request_method zone=each:1m rate=1r/m; limit_req_status 429;",
      location: "limit_req zone=each;",
    });
    const contracts = { default: {} };
    await openPage(proxy.http2, contracts);
    await begin(contracts, "nothing");
    const started = { posts: 1, recordings: 1, ends: "started", fetched: 1 };
    assert.deepEqual(await ended(contracts), { default: started });
    await begin(contracts, "nothing");
    assert.deepEqual(await ended(contracts), { default: { ...started, ends: "OUTCOME_UNKNOWN", fetched: 2 } });
  });
});

/** Makes a recorder with each contract. */
async function openPage(api, contracts) {
  await browser.run(
    async ({ premium, kept, environment }, token, api, contracts) => {
      const { fetch } = window;
      const mayGoOn = new Promise((resolve) => (kept.goOn = resolve));
      let unanswered = contracts.length;
      let lost;
      /** When no start will be answered. The library learns of it when it may go on. */
      kept.failed = new Promise((resolve) => (lost = resolve));
      kept.fetched = {};
      kept.going = [];
      window.fetch = async (url, init) => {
        if (init?.method !== "POST") return fetch(url, init);
        const request = new Request(url, init);
        const { agentId } = await request.clone().json();
        kept.fetched[agentId] = (kept.fetched[agentId] ?? 0) + 1;
        return fetch(request).catch(async (error) => {
          if (--unanswered === 0) lost();
          await mayGoOn;
          throw error;
        });
      };
      const environments = [{ ...environment, name: "front", api }];
      const connected = contracts.map((contract) =>
        premium.connect({ environments, environment: "front", tokens: [token], contract }),
      );
      kept.recorders = await Promise.all(connected);
    },
    await cloud.token(org),
    api,
    Object.values(contracts),
  );
}

/** Starts a recording by each contract, of an agent each. Holds the starts: their responses, their requests, or nothing. */
async function begin(contracts, what = "response") {
  const held = [];
  for (const at of Object.keys(contracts).keys()) {
    const start = what === "nothing" ? undefined : backend.hold(what);
    await browser.run(
      ({ kept, settle }, at, agentId) => {
        kept.going[at] = settle(kept.recorders[at].startRecording(agentId));
      },
      at,
      org.agents[at].id,
    );
    // One after the other: over HTTP/1.1, a start then has the connection of its own preflight.
    await start?.arrived;
    held.push(start);
  }
  return held;
}

/** By contract: how the start ends, how often the page sent it and the cloud got it, and how many recordings there are. */
async function ended(contracts) {
  const { outcomes, fetched } = await browser.run(async ({ kept }) => {
    kept.goOn();
    return { outcomes: await Promise.all(kept.going), fetched: kept.fetched };
  });
  const { requests, recordings } = await cloud.ledger();
  const lists = requests.filter(({ method }) => method === "GET").map(({ query }) => query);
  const posts = requests.filter(({ method }) => method === "POST");
  return Object.fromEntries(
    Object.keys(contracts).map((name, at) => {
      const { id } = org.agents[at];
      const { value, error } = outcomes[at];
      const looked = lists.some((query) => query?.includes(id));
      const ends = error?.code ?? (value.alreadyRunning ? "already running" : looked ? "found" : "started");
      const ofAgent = (all) => all.filter(({ agentId }) => agentId === id).length;
      return [name, { posts: ofAgent(posts), recordings: ofAgent(recordings), ends, fetched: fetched[id] }];
    }),
  );
}
