// Every sample of the README and of docs/, run as it is printed, and every link. A sample gets from its test what an app would have.
import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { build } from "esbuild";
import { By } from "selenium-webdriver";
import sirv from "sirv";
import { OTHER_SITE, serveOn } from "../../scripts/ports.mjs";
import { root, run as runProgram } from "../../scripts/process.mjs";
import { ensurePackages } from "../../scripts/setup.mjs";
import { WHERE_BUTTONS_GO, browser as open } from "./browser.mjs";
import { byEngine } from "./engines.mjs";
import { platformSdk } from "./platform-sdk.mjs";

const FAILED = /screenrecordings\S* - Failed to load resource/;
const browser = open({ mayComplain: [FAILED] });

/** The npm packages that samples need: React, Angular, Vitest, Jest. And the checker of links. */
const PACKAGES = join(root, "tests/samples");
const INSTALLED = join(PACKAGES, "node_modules");
before(() => ensurePackages(PACKAGES));

const pages = (await readdir(join(root, "docs"))).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`);
const SAMPLES = [];
for (const page of ["README.md", ...pages]) {
  const text = await readFile(join(root, page), "utf8");
  const blocks = [...text.matchAll(/```(js|jsx|ts|html)\n(.*?)```/gs)];
  SAMPLES.push(...blocks.map(([, language, text]) => ({ page, language, text, isRun: false })));
}

/** The client of the samples, and the stand-in's own. */
const CLIENT = "…";
const CALLBACK = "/premium-recorder/callback.html";

let cloud, acme, globex, initech;
beforeEach(async () => {
  cloud = browser.cloud;
  ({ acme, globex, initech } = cloud);
  await cloud.register(`${browser.appOrigin}${CALLBACK}`, CLIENT);
  await cloud.register(`${browser.appOrigin}/config.json`, CLIENT);
});

/** Finds the first sample of this page that begins so and has not been run yet. */
function find(page, begins) {
  const sample = SAMPLES.find(
    (sample) => sample.page.endsWith(`${page}.md`) && sample.text.startsWith(begins) && !sample.isRun,
  );
  if (!sample) throw new Error(`${page} has no further sample that begins with ${begins}`);
  sample.isRun = true;
  return sample.text;
}

/** A test of the sample that begins so. */
function sample(page, begins, name, body) {
  const text = find(page, begins);
  test(`${page}, ${name}: ${text.split("\n")[0]}`, () => body(text));
}

sample("README", "import { connect }", "the first sample, from the official launch URL", async (text) => {
  await browser.openEmpty();
  await signsInWithAClick(text);
});

sample("tokens", "const recorder = await connect({ tokens", "tokens", async (text) => {
  await browser.openEmpty();
  const tokens = await Promise.all([acme, globex, initech].map((org) => cloud.token(org)));
  const orgs = await execute(text, {
    tokenOfAcme: tokens[0],
    tokenOfGlobex: tokens[1],
    tokenOfInitech: tokens[2],
    orgId: acme.id,
  });
  assert.deepEqual(orgs, [globex.id, initech.id]);
  assert.equal((await cloud.revocations()).length, 1);
});

sample("README", "import { isRecorderError }", "errors", async (text) => {
  await browser.openEmpty({ orgId: globex.id });
  const shown = await browser.run(
    async ({ connect, kept }, token, agentId, ...sample) => {
      kept.given = { recorder: await connect({ tokens: [token] }), agentId, signal: new AbortController().signal };
      kept.given.show = (words) => (kept.shown = words);
      await window.runSample(...sample);
      return kept.shown;
    },
    await cloud.token(globex, { scopes: ["user-basic-info"] }),
    globex.agents[0].id,
    ...(await prepared(text)),
  );
  assert.match(shown, /^SCOPE_MISSING: POST \/api\/v2\/screenrecordings: The API answered 403: ".*"\. .*Add /);
});

sample("recordings", "const recording = await recorder.startRecording", "a recording's life", async (text) => {
  await browser.openEmpty({ orgId: globex.id });
  await execute(text, { agentId: globex.agents[0].id }, await cloud.token(globex));
  assert.deepEqual(
    (await cloud.recordings()).map(({ state }) => state),
    ["stopped"],
  );
});

sample("recordings", "const results = await", "many", async (text) => {
  await browser.openEmpty({ orgId: globex.id });
  const [{ id: agentId }, { id: another }] = globex.agents;
  await execute(text, { agentId, another, orgId: globex.id, progress: {} }, await cloud.token(globex));
  assert.equal((await cloud.recordings()).length, 2);
});

sample("tokens", "const recorder = await connect({\n  async getToken", "getToken", async (text) => {
  await browser.openEmpty();
  await browser.run(async ({ environment }, orgId) => {
    const { fetch } = window;
    window.fetch = (resource, init) => {
      if (resource !== `/token?env=${environment.name}&org=mine`) return fetch(resource, init);
      return fetch(`${environment.api}/standin/tokens`, { method: "POST", body: JSON.stringify({ orgId }) })
        .then((response) => response.json())
        .then(({ access_token: accessToken, expires_in: expiresIn }) => Response.json({ accessToken, expiresIn }));
    };
  }, globex.id);
  await execute(`${text}\nawait recorder.startRecording(agentId);`, { agentId: globex.agents[0].id });
  assert.deepEqual(
    (await cloud.recordings()).map(({ orgId }) => orgId),
    [globex.id],
  );
});

sample("tokens", "const recorder = await connect({\n  login", "login", async (text) => {
  await browser.openEmpty();
  await signsInWithAClick(text);
});

sample("tokens", "const recorder = await connect({\n  login", "a sign-in at connect()", async (text) => {
  // The page of the tests stands for the app's.
  const sample = text.replace("${location.origin}/`", "${location.origin}/config.json`");
  await browser.openEmpty();
  await browser.driver.executeScript("sessionStorage.clear()");
  await browser.evaluate(leave, ...(await prepared(sample)), cloud.environment, globex.agents[0].id);
  await browser.onSignInPage();
  await browser.signIn(globex);
  await browser.until("the page is back", async () => {
    await browser.leaveApp();
    await browser.driver.switchTo().frame(0);
    return browser.driver.executeScript(
      "return location.pathname === '/config.json' && location.search.includes('code=')",
    );
  });
  await browser.enterEmpty();
  await execute(sample, { agentId: globex.agents[0].id });
  assert.deepEqual(
    (await cloud.recordings()).map(({ orgId }) => orgId),
    [globex.id],
  );
});

sample("troubleshooting", "import { explain }", "the report", async (text) => {
  await browser.openEmpty({ orgId: globex.id });
  await execute(text, { agentId: globex.agents[0].id, error: {} }, await cloud.token(globex));
  assert.deepEqual(await cloud.starts(), []);
});

sample("recording-api", "const recorder = await connect({\n  contract: { path", "another contract", async (text) => {
  await browser.openEmpty({ orgId: globex.id });
  await execute(text, { token: await cloud.token(globex) });
});

sample(
  "recording-api",
  "const recorder = await connect({\n  contract: {\n",
  "a contract for another API",
  async (text) => {
    await browser.openEmpty({ orgId: globex.id });
    const token = await cloud.token(globex, { scopes: ["captures", "user-basic-info"] });
    await execute(text, { agentId: globex.agents[0].id, token });
    assert.deepEqual(
      (await cloud.captures()).map(({ state }) => state),
      ["stopped"],
    );
  },
);

sample("starting-once", "const recorder = await connect({ contract", "an idempotency key", async (text) => {
  await cloud.change({ idempotencyHeader: "Idempotency-Key" });
  await browser.openEmpty({ orgId: globex.id });
  const given = { agentId: globex.agents[0].id, token: await cloud.token(globex) };
  await execute(`${text}\nawait recorder.startRecording(agentId);`, given);
  assert.match((await cloud.starts())[0].idempotencyKey, /^[0-9a-f-]{36}$/);
});

sample("recordings", "const recording = await recorder.recording", "a recording by its id", async (text) => {
  await browser.openEmpty({ orgId: globex.id });
  const { id: recordingId } = await cloud.record(globex.agents[0], globex);
  await execute(text, { recordingId, orgId: globex.id }, await cloud.token(globex));
  assert.deepEqual(
    (await cloud.recordings()).map(({ state }) => state),
    ["stopped"],
  );
});

sample("bundlers", '<link rel="modulepreload"', "preloading", async (text) => {
  await browser.openEmpty();
  const loads = await browser.evaluate(async (text) => {
    document.head.insertAdjacentHTML("beforeend", text);
    const { connect } = await import("/premium-recorder/index.js");
    await connect({ environment: "prod" });
    const loads = performance.getEntriesByType("resource").map(({ name, initiatorType }) => [name, initiatorType]);
    return loads.filter(([name]) => name.endsWith(".wasm"));
  }, text);
  assert.deepEqual(
    loads.map(([, initiator]) => initiator),
    byEngine({ webkit: ["link", "fetch"] }, ["link"]),
  );
});

sample("troubleshooting", "const recorder = await connect({ onEvent", "events", async (text) => {
  await browser.openEmpty({ orgId: globex.id });
  await execute(text, { token: await cloud.token(globex) });
});

for (const [begins, name, method, check] of [
  ["const response = await recorder.fetch", "any call", "GET", ({ path }) => path === "/api/v2/users/me"],
  ["const path = `/api/v2/conversations", "pause and resume", "PATCH", ({ status }) => status === 202],
  ["const { participants }", "the state of screen recordings", "GET", ({ path }) => /conversations\/[^/]*$/.test(path)],
  ["const recordings = await", "the recordings of screens", "GET", ({ path }) => path.endsWith("/recordingmetadata")],
  ["const users = []", "pages", "GET", ({ path }) => path === "/api/v2/users"],
  ["const download = await", "a download and an upload", "POST", ({ contentType }) => /^multipart/.test(contentType)],
]) {
  sample("any-call", begins, name, async (text) => {
    await browser.openEmpty({ orgId: globex.id });
    const conversationId = globex.id.replace(/0{12}$/, "00000000c001");
    await execute(text, { conversationId, path: "/standin/files?length=1000" }, await cloud.token(globex));
    const requests = (await cloud.requests()).filter((request) => request.method === method && check(request));
    assert.ok(requests.length > 0);
    assert.ok(requests.every(({ status, tokenOrgId }) => status < 300 && tokenOrgId === globex.id));
  });
}

sample(
  "any-call",
  'import { connect } from "premium-recorder";\nimport { screenMonitoring }',
  "live monitoring",
  async (text) => {
    await browser.openEmpty({ orgId: globex.id });
    await execute(text, { agentId: globex.agents[1].id, token: await cloud.token(globex) });
    assert.deepEqual(
      (await cloud.monitorings()).map(({ state, orgId }) => [state, orgId]),
      [["stopped", globex.id]],
    );
  },
);

sample("any-call", "import { httpClient }", "the official SDK", async (text) => {
  await browser.openEmpty({ orgId: globex.id });
  await browser.evaluate(`() => { ${await platformSdk()}; window.platform = sdk.default; }`);
  const orgIds = [acme.id, globex.id];
  await browser.run(
    async ({ connect, kept }, tokens, orgIds, ...sample) => {
      kept.given = { recorder: await connect({ tokens }), orgIds, platform: window.platform };
      await window.runSample(...sample);
    },
    await Promise.all([acme, globex].map((org) => cloud.token(org))),
    orgIds,
    ...(await prepared(text)),
  );
  const mine = (await cloud.requests()).filter(({ path }) => path === "/api/v2/users/me");
  assert.deepEqual(mine.map(({ tokenOrgId }) => tokenOrgId).toSorted(), orgIds.toSorted());
});

describe("getting started", () => {
  sample("getting-started", "const { id: agentId }", "the person who is signed in", async (text) => {
    await browser.openEmpty({ orgId: globex.id });
    await execute(text, {}, await cloud.token(globex));
    assert.deepEqual(
      (await cloud.recordings()).map(({ agentId }) => agentId),
      [globex.agents[0].id],
    );
  });

  const program = find("getting-started", "// app.js\n");
  sample("getting-started", "<!doctype html>", "a plain page, under the header of the document", async (text) => {
    const { apps, name } = cloud.environment;
    const environments = JSON.stringify([cloud.environment]);
    const origin = await siteOf(await policyOf("docs/getting-started.md"), {
      "/": ["text/html", text],
      "/app.js": ["text/javascript", program.replace("connect({", `connect({ environments: ${environments},`)],
    });
    await cloud.register(`${origin}${CALLBACK}`, CLIENT);
    await browser.driver.get(`${apps}/config.json`);
    await browser.driver.executeScript(
      (src, where) => {
        const frame = document.createElement("iframe");
        frame.src = src;
        document.body[where](frame);
      },
      `${origin}/?${new URLSearchParams({ gcHostOrigin: apps, gcTargetEnv: name })}`,
      WHERE_BUTTONS_GO,
    );
    await browser.driver.switchTo().frame(0);
    await browser.until("the page is ready", async () => (await statusText()) === "Ready.");
    await recordsWithAClick();
    await browser.until("the page says so", async () => /^Recording .* is recording\.$/.test(await statusText()));
  });

  test("README has the same header", async () => {
    assert.equal(await policyOf("README.md"), await policyOf("docs/getting-started.md"));
  });

  sample("getting-started", "import { useEffect", "React", async (text) => {
    assert.match(await renderedOnServer(text), /Connecting…/);
    const program = `${text}
      import { StrictMode } from "react";
      import { createRoot } from "react-dom/client";
      const { agentId, container } = window.kept.given;
      const root = createRoot(container);
      root.render(<StrictMode><App agentId={agentId} /></StrictMode>);
      window.kept.unmount = () => root.unmount();`;
    await runsAndCleansUp(program, { loader: "jsx" }, 2);
  });

  sample("getting-started", "import { Component", "Angular", async (text) => {
    const program = `import "@angular/compiler";
      ${text}
      import { provideZonelessChangeDetection } from "@angular/core";
      import { bootstrapApplication } from "@angular/platform-browser";
      const { agentId, container } = window.kept.given;
      container.append(document.createElement("record-button"));
      const app = await bootstrapApplication(RecordButton, { providers: [provideZonelessChangeDetection()] });
      app.components[0].setInput("agentId", agentId);
      window.kept.unmount = () => app.destroy();`;
    await runsAndCleansUp(program, { loader: "ts" }, 1);
  });

  sample("getting-started", "button.onclick", "the first hour", async (text) => {
    await browser.openEmpty();
    await browser.evaluate(() => (console.table = (lines) => (window.report = lines)));
    await signsInWithAClick(`const recorder = await connect({
      login: { clientId: "${CLIENT}", redirectUri: location.origin + "${CALLBACK}" },
    });
    ${text}`);
    const report = await browser.evaluate(() => window.report);
    const problems = report.filter(({ verdict }) => verdict === "warn" || verdict === "fail");
    // The tests watch what the page sends.
    assert.deepEqual(
      problems.map(({ check }) => check),
      ["fetch"],
    );
  });

  test("the first hour, without a recording API", async () => {
    await browser.openEmpty({ orgId: globex.id });
    const seen = await browser.run(
      async ({ connect, settle }, token, agentId) => {
        const recorder = await connect({ tokens: [token], contract: { path: "/api/v2/screenrecordings-elsewhere" } });
        const { error } = await settle(recorder.startRecording(agentId));
        const lines = await recorder.diagnose(agentId);
        const verdict = (name) => lines.find(({ check }) => check === name).verdict;
        return [error.code, verdict("agent"), verdict("contract")];
      },
      await cloud.token(globex),
      globex.agents[0].id,
    );
    assert.deepEqual(seen, ["NOT_FOUND", "ok", "fail"]);
  });

  test("the first hour, with a client that lacks the scope of the recording API", async () => {
    await cloud.change({ enforceScopes: false });
    await browser.openEmpty({ orgId: globex.id });
    const seen = await browser.run(
      async ({ connect }, token, agentId) => {
        const warnings = [];
        const onEvent = ({ type, code }) => type === "warning" && warnings.push(code);
        const recorder = await connect({ tokens: [token], onEvent });
        const { verdict } = (await recorder.diagnose(agentId)).find(({ check }) => check === "scope");
        const { state } = await recorder.startRecording(agentId);
        return [verdict, state, ...warnings];
      },
      await cloud.token(globex, { scopes: ["user-basic-info"] }),
      globex.agents[0].id,
    );
    assert.deepEqual(seen, ["warn", "recording", "SCOPE_MISSING"]);
  });

  sample("getting-started", "const recorder = await connect({\n  environments", "the stand-in", async (text) => {
    const { api, login, apps } = cloud.environment;
    await browser.openEmpty();
    await signsInWithAClick(
      `${text.replace("http://127.0.0.1:8082", api).replace("http://127.0.0.1:8083", login).replace("http://127.0.0.1:8080", apps)}
      button.onclick = () => recorder.startRecording(agentId);`,
    );
  });
});

describe("testing your app", () => {
  const files = SAMPLES.filter(({ page }) => page === "docs/testing-your-app.md").map(({ text }) => {
    const [, name] = text.match(/^\/\/ (\S+)\n/);
    return { name, text: find("testing-your-app", `// ${name}\n`) };
  });
  const runners = {
    vitest: ["vitest/vitest.mjs", "run"],
    jest: ["jest/bin/jest.js"],
  };

  for (const [name, [program, ...args]] of Object.entries(runners)) {
    test(`the tests for ${name} pass`, async () => {
      const folder = await mkdtemp(join(PACKAGES, ".run-"));
      try {
        await mkdir(join(folder, "node_modules"));
        await symlink(root, join(folder, "node_modules/premium-recorder"));
        await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module", jest: { transform: {} } }));
        const wanted = files.filter((file) => !file.name.endsWith(".test.js") || file.name.includes(`.${name}.`));
        for (const file of wanted) await writeFile(join(folder, file.name), file.text);
        // Both runners fail if they find no test.
        const env = { NODE_OPTIONS: "--experimental-vm-modules" };
        await runProgram(process.execPath, [join(INSTALLED, program), ...args], { cwd: folder, env });
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  }
});

describe("every relative link leads somewhere", () => {
  const checker = join(INSTALLED, "remark-cli/cli.js");
  const links = `${join(INSTALLED, "remark-validate-links/index.js")}=repository:false`;
  const check = (cwd, paths) =>
    runProgram(
      process.execPath,
      [checker, "--no-config", "--no-stdout", "--frail", "--quiet", "--use", links, ...paths],
      { cwd },
    );

  /** Checks a copy, so that a link to a file that is not in the copy is found. */
  async function checkCopy(copyTo, paths) {
    const folder = await mkdtemp(join(tmpdir(), "premium-recorder-links-"));
    try {
      await copyTo(folder);
      await check(folder, paths);
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  test("in the repository, which has no files that a build makes", async () => {
    const made = ["node_modules", "dist", "target", ".git"];
    const filter = (path) => !made.includes(basename(path));
    const others = ["CONTRIBUTING.md", "tests/cloud/README.md", "tests/simulation/README.md"];
    await checkCopy(
      (folder) => cp(root, folder, { recursive: true, filter }),
      ["README.md", "SECURITY.md", "CHANGELOG.md", "docs", ...others],
    );
  });

  test("in the package", async () => {
    let output = "";
    const onLine = (line) => (output += line);
    await runProgram("npm", ["pack", "--dry-run", "--json"], { onLine });
    await checkCopy(
      async (folder) => {
        for (const { path } of JSON.parse(output)[0].files) {
          await mkdir(dirname(join(folder, path)), { recursive: true });
          await cp(join(root, path), join(folder, path));
        }
      },
      ["."],
    );
  });
});

test("every sample is run", () => {
  assert.deepEqual(
    SAMPLES.filter(({ isRun }) => !isRun).map(({ page, text }) => `${page}: ${text}`),
    [],
  );
});

/** The Content Security Policy that this document prints. */
async function policyOf(document) {
  const text = await readFile(join(root, document), "utf8");
  return text.match(/^ *Content-Security-Policy: (.*)$/m)[1];
}

/** A server of an app with these pages and the package, whose policy names the stand-in's origins. */
async function siteOf(policy, pages) {
  const header = policy.replace(/https:\/\/(api|login|apps)\.mypurecloud\.ie/g, (_, part) => cloud.environment[part]);
  const files = sirv(join(root, "dist"), { dev: true });
  const { port, close } = await serveOn((request, response) => {
    response.setHeader("content-security-policy", header);
    const { pathname } = new URL(request.url, "http://site");
    if (pages[pathname]) return response.writeHead(200, { "content-type": pages[pathname][0] }).end(pages[pathname][1]);
    request.url = request.url.replace("/premium-recorder/", "/");
    files(request, response, () => response.writeHead(404).end());
  });
  after(close);
  return `http://${OTHER_SITE}:${port}`;
}

/** What a server renders of a React component, as Next.js does it: there is no `location`. */
async function renderedOnServer(text) {
  const folder = await mkdtemp(join(PACKAGES, ".run-"));
  try {
    await mkdir(join(folder, "node_modules"));
    await symlink(root, join(folder, "node_modules/premium-recorder"));
    await build({
      stdin: {
        contents: `${text}
          import { renderToString } from "react-dom/server";
          process.stdout.write(renderToString(<App agentId="…" />));`,
        resolveDir: folder,
        loader: "jsx",
      },
      bundle: true,
      outfile: join(folder, "app.mjs"),
      platform: "node",
      format: "esm",
      jsx: "automatic",
      packages: "external",
      logLevel: "error",
    });
    let html = "";
    await runProgram(process.execPath, [join(folder, "app.mjs")], { onLine: (line) => (html += line) });
    return html;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Runs a program with a user interface, which records with a click, and closes its recorder when it is unmounted. */
async function runsAndCleansUp(program, { loader }, connections) {
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: PACKAGES, loader },
    bundle: true,
    write: false,
    format: "esm",
    jsx: "automatic",
    external: ["premium-recorder"],
    define: { "process.env.NODE_ENV": '"development"' },
    tsconfigRaw: { compilerOptions: { experimentalDecorators: true, useDefineForClassFields: false } },
    logLevel: "error",
  });
  await browser.openEmpty();
  await browser.run(
    ({ kept }, agentId, where) => {
      const container = document.createElement("div");
      document.body[where](container);
      kept.given = { agentId, container };
    },
    globex.agents[0].id,
    WHERE_BUTTONS_GO,
  );
  await preparePage();
  await browser.evaluate(async (program) => {
    const text = program.replace('"premium-recorder"', JSON.stringify(window.packageUrl));
    await import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
  }, outputFiles[0].text);
  await browser.until("the button is there", async () =>
    (await browser.driver.findElement(By.css("button"))).isEnabled(),
  );
  await recordsWithAClick();
  await browser.until("the page says so", async () => /^Recording .* is recording\.$/.test(await statusText()));
  await browser.evaluate(() => window.kept.unmount());
  await browser.until("every recorder is closed", async () => {
    // An open recorder has no token of Acme to revoke, so signOut() resolves.
    const outcomes = await browser.evaluate(
      (orgId) =>
        Promise.all(
          window.connections.map((recorder) =>
            recorder.signOut(orgId).then(
              () => "open",
              ({ code }) => code,
            ),
          ),
        ),
      acme.id,
    );
    return outcomes.length === connections && outcomes.every((code) => code === "CLOSED");
  });
}

async function statusText() {
  return browser.driver.findElement(By.css("[role=status]")).getText();
}

/** Clicks on the page's button, signs in, and expects the recording. */
async function recordsWithAClick() {
  await browser.clickOn("button");
  await browser.signInThere(globex);
  await browser.until("the recording runs", async () => (await cloud.recordings()).length === 1);
  const [{ orgId, agentId }] = await cloud.recordings();
  assert.deepEqual([orgId, agentId], [globex.id, globex.agents[0].id]);
  await browser.popupClosed();
}

/** Runs a sample that connects and gives the button its click, clicks, and signs in. */
async function signsInWithAClick(text) {
  await browser.run(
    async ({ kept }, agentId, where, ...sample) => {
      const button = document.createElement("button");
      document.body[where](button);
      kept.given = { agentId, button };
      await window.runSample(...sample);
    },
    globex.agents[0].id,
    WHERE_BUTTONS_GO,
    ...(await prepared(text)),
  );
  await recordsWithAClick();
}

/** Runs the sample with these values of the app, and with a recorder that holds this token, if there is one. */
async function execute(text, given, token) {
  return browser.run(
    async ({ connect, kept }, given, token, ...sample) => {
      kept.given = { ...given, signal: new AbortController().signal, show: () => {} };
      if (token) kept.given.recorder = await connect({ tokens: [token] });
      const { recorder } = await window.runSample(...sample);
      return recorder?.orgs().map(({ orgId }) => orgId);
    },
    given,
    token ?? null,
    ...(await prepared(text)),
  );
}

/** Puts `packageUrl` into the page: the package, with the stand-in cloud among its environments. */
async function preparePage() {
  await browser.evaluate((environment) => {
    const library = JSON.stringify(`${location.origin}/premium-recorder/index.js`);
    const text = `
      import * as premium from ${library};
      export * from ${library};
      export async function connect(options) {
        const recorder = await premium.connect({ environments: [${JSON.stringify(environment)}], ...options });
        window.connections.push(recorder);
        return recorder;
      }`;
    window.connections = [];
    window.packageUrl = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  }, cloud.environment);
}

/** Puts `runSample` into the page. Returns its arguments: the sample, and the names that it takes from the app. */
async function prepared(text) {
  await preparePage();
  await browser.evaluate(
    `(runSample) => {
      window.runSample = (0, eval)("(" + runSample + ")");
    }`,
    String(runSample),
  );
  const free =
    "agentId another orgId signal progress button show error recorder tokenOfAcme tokenOfGlobex tokenOfInitech " +
    "conversationId recordingId path token platform orgIds";
  const declared = [...text.matchAll(/^const (\w+)/gm)].map(([, name]) => name);
  const destructured = [...text.matchAll(/^const \{ (.*?) \}/gm)].map(([, names]) => names).join();
  const isFree = (name) => !declared.includes(name) && !new RegExp(`\\b${name}\\b`).test(destructured);
  return [text, free.split(" ").filter(isFree), declared];
}

/** Runs in the page: a sample as a module. */
function runSample(text, free, declared) {
  const names = ["connect", "explain", "isRecorderError"].filter((name) => !text.includes(`import { ${name} }`));
  const module = `
    import { ${names} } from "${window.packageUrl}";
    const { ${free} } = window.kept.given;
    ${text
      .replace('"premium-recorder"', JSON.stringify(window.packageUrl))
      .replace(/"premium-recorder\/(.*?)"/, `"${location.origin}/premium-recorder/$1.js"`)}
    export { ${declared} };
  `;
  return import(URL.createObjectURL(new Blob([module], { type: "text/javascript" })));
}

/** Runs in the page: a sample that goes to the sign-in, which ends the page. */
function leave(text, free, declared, environment, agentId) {
  window.kept = { given: { agentId } };
  window.runSample(text, free, declared).catch(() => {});
}
