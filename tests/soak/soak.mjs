// Lets the app run behind nginx for some minutes, and compares what its user has seen with the cloud's ledger.
import { readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { build } from "esbuild";
import { By } from "selenium-webdriver";
import sirv from "sirv";
import { OTHER_SITE, serveOn } from "../../scripts/ports.mjs";
import { root } from "../../scripts/process.mjs";
import { serve } from "../../scripts/serve.mjs";
import { Cloud } from "../e2e/cloud.mjs";
import { startEngine } from "../e2e/engines.mjs";
import { startNginx } from "../e2e/nginx.mjs";
import { startGateway } from "./gateway.mjs";

const HEADER = "Idempotency-Key";
/** What the app tells the library about the cloud. */
export const CONTRACTS = {
  http2: { http2: true },
  idempotency: { idempotencyHeader: HEADER },
  none: {},
};
const TOKEN_SECONDS = 25;
const PATIENCE = 30_000;

/** Returns the figures, and which promises do not hold. */
export async function soak({ minutes, contract, say }) {
  const ends = [];
  try {
    const servers = await serve();
    ends.push(() => servers.close());
    const cloud = await Cloud.of(servers.cloud);
    await cloud.change({ guardsAgents: false, idempotencyHeader: HEADER, rateLimitPerMinute: 0 });
    const orgs = await cloud.furtherOrgs(10, Math.ceil(minutes * 60));

    let nginx;
    let killing = Promise.resolve();
    const gateway = await startGateway(cloud.environment.api, () => (killing = killing.then(() => nginx.killWorker())));
    ends.push(() => gateway.close());
    nginx = await startNginx(gateway.port);
    ends.push(() => killing.then(() => nginx.close()));

    const environment = { ...cloud.environment, name: "front", api: nginx.http2 };
    const app = await startApp(cloud, { environment, orgs, contract: CONTRACTS[contract], minutes });
    ends.push(() => app.close());
    const { driver, end } = await startEngine({ flags: ["--js-flags=--expose-gc", "--enable-precise-memory-info"] });
    ends.push(end);

    await driver.get(`${cloud.environment.apps}/config.json`);
    await driver.executeAsyncScript(embed, app.origin);
    await driver.switchTo().frame(await driver.findElement(By.css("iframe")));
    const inPage = (body) => driver.executeScript(`return (${body})()`);
    const until = (body, patience) => driver.wait(() => inPage(body), patience, body, 500);
    await until(() => window.soak?.isReady(), PATIENCE);
    const gauge = () => inPage(() => window.gauge.read());
    const start = await gauge();
    await inPage(() => void window.soak.go());
    for (let minute = 1; minute <= minutes; minute++) {
      await setTimeout(60_000);
      const { starts } = await inPage(() => window.soak.seen);
      say(`${minute} of ${minutes} minutes: ${JSON.stringify(starts)}, ${JSON.stringify(await gauge())}`);
    }
    await until(() => window.soak.isOver, 120_000);
    while (gateway.open() > 0) await setTimeout(100);
    const { seen, posts, rejections } = await inPage(() => ({
      seen: window.soak.seen,
      posts: window.gauge.posts(),
      rejections: window.gauge.rejections,
    }));
    const { twoIds, ...others } = seen;
    const figures = {
      contract,
      minutes,
      ...compare(await cloud.ledger(), gateway.starts(), posts, twoIds),
      ...others,
      ...gateway.counts(),
      rejections,
      start,
      end: await gauge(),
    };
    return { figures, broken: brokenPromises(figures) };
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

/** Serves the app, its settings and its tokens. */
async function startApp(cloud, settings) {
  const bundle = await build({
    entryPoints: [`${root}tests/soak/app.jsx`],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    external: ["premium-recorder"],
    define: { "process.env.NODE_ENV": '"development"' },
  });
  const files = {
    "/": ["text/html", await readFile(new URL("index.html", import.meta.url))],
    "/gauge.js": ["text/javascript", await readFile(new URL("gauge.js", import.meta.url))],
    "/app.js": ["text/javascript", bundle.outputFiles[0].contents],
    "/settings": ["application/json", JSON.stringify(settings)],
  };
  const dist = sirv(`${root}dist`);
  const { port, close } = await serveOn(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://app");
    if (pathname === "/token") {
      const accessToken = await cloud.token({ id: searchParams.get("org") }, { expiresIn: TOKEN_SECONDS });
      response.writeHead(200, { "content-type": "application/json" });
      return response.end(JSON.stringify({ accessToken, expiresIn: TOKEN_SECONDS }));
    }
    if (files[pathname]) {
      const [type, body] = files[pathname];
      return response.writeHead(200, { "content-type": type }).end(body);
    }
    request.url = request.url.replace("/premium-recorder/", "/");
    dist(request, response, () => response.writeHead(404).end());
  });
  return { origin: `http://${OTHER_SITE}:${port}`, close };
}

/**
 * What has come of the starts that the page has handed to `fetch`. `arrived` and `fetched` are by agent. `twoIds`: the agents of
 * whom two calls at the same time gave two recordings.
 */
function compare({ requests, recordings }, arrived, fetched, twoIds) {
  const repeated = Object.keys(arrived).filter((agentId) => arrived[agentId] > (fetched[agentId] ?? 0));
  const sum = (counts) => Object.values(counts).reduce((total, count) => total + count, 0);
  let overlaps = 0;
  for (const those of byAgent(recordings).values()) {
    those.forEach((one, at) => {
      overlaps += those.slice(at + 1).filter((other) => !one.stoppedAt || other.startedAt < one.stoppedAt).length;
    });
  }
  return {
    fetched: sum(fetched),
    posts: sum(arrived),
    repeatedAgents: repeated.length,
    // The browser made one of the two, if it has sent a start again.
    twoIds: twoIds.filter((agentId) => !repeated.includes(agentId)).length,
    recordings: recordings.length,
    overlaps,
    crossing: requests.filter(({ orgHeader, tokenOrgId }) => orgHeader && orgHeader !== tokenOrgId).length,
  };
}

function byAgent(all) {
  const groups = new Map();
  for (const each of all) groups.set(each.agentId, [...(groups.get(each.agentId) ?? []), each]);
  return groups;
}

function brokenPromises(figures) {
  const { contract, fetched, starts, overlaps, repeatedAgents, twoIds, crossing, foreignErrors, rejections } = figures;
  const promises = {
    // One in twenty requests fails on purpose.
    "most starts that are sent are carried out": starts.started > fetched / 2,
    "a request carries its own organization's token": crossing === 0,
    "calls for one agent at the same time have one recording": twoIds === 0,
    "a call starts at most one recording": contract === "none" || overlaps === 0,
    "the browser never sends a streamed start again": contract !== "http2" || repeatedAgents === 0,
    "a call rejects with a RecorderError": foreignErrors.length === 0,
    "no rejection is unhandled": rejections.length === 0,
  };
  return Object.keys(promises).filter((promise) => !promises[promise]);
}

/** Runs in the host's page. */
function embed(src, done) {
  const frame = document.createElement("iframe");
  frame.title = "Premium App";
  frame.onload = () => done();
  frame.src = src;
  document.body.append(frame);
}
