// Builds the projects, serves them, and opens their pages: each has to start one recording, whatever tool made it.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after } from "node:test";
import { promisify } from "node:util";
import { By } from "selenium-webdriver";
import sirv from "sirv";
import { HOST, serveOn } from "../../scripts/ports.mjs";
import { browser as open } from "../e2e/browser.mjs";

/** A development server compiles a page when it is opened. */
const PATIENCE = 90_000;
/** The refusal that the app provokes, and a module that is not there. */
const REFUSED = /Failed to load resource: .* 40[34]/;
/** A module on an origin that does not allow other origins. */
const NOT_ALLOWED = /\.wasm' from origin .* has been blocked by CORS policy|\.wasm .*net::ERR_FAILED/;
/** A module that the page's own policy forbids. */
const FORBIDDEN = /Content Security Policy/;

/** What ends the servers of this test file. */
const ends = [];

/** The browser of this test file. */
export function browser() {
  after(async () => {
    for (const end of ends.reverse()) await end();
  });
  return open({ mayComplain: [REFUSED, NOT_ALLOWED, FORBIDDEN] });
}

const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
const ENVIRONMENT = { ...inherited, CI: "1", NO_COLOR: "1", NEXT_TELEMETRY_DISABLED: "1", NG_CLI_ANALYTICS: "false" };

/** Runs a script of the project's package.json. Its output shows if it fails. */
export function runScript(folder, script, env) {
  return promisify(execFile)("npm", ["run", "--silent", script], { cwd: folder, env: { ...ENVIRONMENT, ...env } });
}

/** Serves a folder until the tests of this file are over. `headers` are added to each response. */
export async function serveFolder(folder, headers = {}) {
  const files = sirv(folder, { dev: true });
  const { port, close } = await serveOn((request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    files(request, response, () => response.writeHead(404).end("not found"));
  });
  ends.push(close);
  return `http://${HOST}:${port}`;
}

/** Serves a folder with a page that runs this script, until the tests of this file are over. The address is the page's. */
export async function servePage(folder, script, { type = "module", headers } = {}) {
  const page = `<!doctype html>
<html lang="en">
  <meta charset="utf-8" />
  <title>Premium App</title>
  <link rel="icon" href="data:," />
  <pre id="outcome"></pre>
  <script type="${type}" src="${script}"></script>
</html>
`;
  await writeFile(join(folder, "page.html"), page);
  return `${await serveFolder(folder, headers)}/page.html`;
}

/** Starts a tool's own server until the tests of this file are over. It has to print the address at which it serves. */
export async function startServer(folder, command, args) {
  const path = `${folder}/node_modules/.bin/${command}`;
  // A process group of its own: the tool may start further processes.
  const child = spawn(process.execPath, [path, ...args], { cwd: folder, env: ENVIRONMENT, detached: true });
  const ended = new Promise((resolve) => child.once("close", resolve));
  ends.push(async () => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, "SIGKILL");
    await ended;
  });
  let words = "";
  const ready = new Promise((resolve) => {
    const read = (chunk) => {
      words += chunk;
      const address = words.match(/http:\/\/(?:localhost|127\.0\.0\.1):[1-9]\d*/)?.[0];
      if (address) resolve(address.replace("localhost", "127.0.0.1"));
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
  });
  const address = await Promise.race([ready, ended]);
  assert.equal(typeof address, "string", `${command} ended: ${words}`);
  return address;
}

/** What the app of every project is told. */
export function given({ environment, acme, globex }) {
  return { environment, orgId: acme.id, agentId: acme.agents[0].id, stranger: globex.agents[0].id };
}

/** What comes of the app if everything works. */
export function expected({ acme }) {
  return { orgId: acme.id, agentId: acme.agents[0].id, refusal: "WRONG_ORG", failed: ["agent"] };
}

/** What comes of the app at this address. */
export async function outcomeAt({ driver, cloud }, address, more = {}) {
  const url = new URL(address);
  url.searchParams.set("given", JSON.stringify({ ...given(cloud), ...more }));
  await driver.get(url.href);
  let text;
  const read = async () => (text = await driver.findElement(By.id("outcome")).getText()) !== "";
  await driver.wait(() => read().catch(() => false), PATIENCE, `${address}: the app shows nothing`);
  return JSON.parse(text);
}

/** The app at this address starts one recording, in the right organization, and learns why another one is refused. */
export async function assertRecords(browser, address, more = {}) {
  const { cloud } = browser;
  assert.deepEqual(await outcomeAt(browser, address), { ...expected(cloud), ...more });
  await assertOneRecording(cloud);
}

export async function assertOneRecording(cloud) {
  const recordings = (await cloud.recordings()).map(({ orgId, agentId, state }) => ({ orgId, agentId, state }));
  const { id: orgId, agents } = cloud.acme;
  assert.deepEqual(recordings, [{ orgId, agentId: agents[0].id, state: "recording" }]);
  const starts = (await cloud.starts()).filter(({ agentId }) => agentId === agents[0].id);
  assert.equal(starts.length, 1);
}
