// Runs all tests, stage by stage, until a stage fails.
//   node scripts/test.mjs [--engines [FILE...]]
// With --engines: only the end-to-end tests, all of them or these files, in every engine. ENGINES names other engines than
// all of them, for example ENGINES=chromium,firefox.
import { readFile, readdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { ALL_ENGINES } from "./browsers.mjs";
import { PANICKING, build } from "./build.mjs";
import { buildCloud } from "./cloud.mjs";
import { runInNode } from "./node-tests.mjs";
import { QUICK, pack, packTests } from "./pack.mjs";
import { Failure, asCommand, root, run, say, targetDir } from "./process.mjs";
import { missingProxies } from "./proxies.mjs";
import { cargoEnv, setup } from "./setup.mjs";
import { checkTypes } from "./types.mjs";

/** What crosses from the library to the platform, where engines differ: `npm test` runs it in every engine. */
const IN_EVERY_ENGINE = [
  "module",
  "thread",
  "page",
  "source",
  "first-call",
  "login-popup",
  "login-redirect",
  "sharing",
  "once",
  "http2",
  "lifetime",
  "leaving",
  "panic",
  "fetch",
  "contracts",
  "platform-sdk",
];

/** The engines that wasm-bindgen's runner knows. The runner takes the driver whose environment variable is set. */
const RUNNERS = {
  chromium: { options: "goog:chromeOptions", browser: "CHROME", otherDriver: "GECKODRIVER" },
  firefox: { options: "moz:firefoxOptions", browser: "FIREFOX", otherDriver: "CHROMEDRIVER" },
};

asCommand(import.meta, async () => {
  const { engines, stages, goesOn } = await plan(process.argv.slice(2));
  await setup({ engines });
  // The tests that need them say so.
  await missingProxies();
  await build();
  await build(PANICKING);
  await buildCloud();

  const results = [];
  for (const [name, runTests] of stages) {
    say(`\ntest: ${name}`);
    results.push(await stage(name, runTests));
    if (results.at(-1).error && !goesOn) break;
  }
  report(results, stages.slice(results.length));
});

async function plan([option, ...files]) {
  const engines = process.env.ENGINES?.split(",") ?? ALL_ENGINES;
  const unknown = engines.filter((engine) => !ALL_ENGINES.includes(engine));
  if (unknown.length) throw new Failure(`ENGINES: ${unknown} must be of ${ALL_ENGINES.join(", ")}`);
  const all = await endToEndFiles();
  const endToEnd = (pick) => engines.map((engine) => [`end to end, ${engine}`, inEngine(engine, pick(engine))]);

  if (option === "--engines") {
    const chosen = files.length ? files.map((file) => basename(file, ".test.mjs")) : all;
    const strange = chosen.filter((name) => !all.includes(name));
    if (strange.length) throw new Failure(`tests/e2e has no ${strange.join(", ")}`);
    return { engines, stages: endToEnd(() => chosen), goesOn: true };
  }
  if (option) throw new Failure(`${option}: the only option is --engines`);
  return {
    engines,
    stages: [
      ["native", native],
      ...engines.filter((engine) => RUNNERS[engine]).map((engine) => [`crossing, ${engine}`, crossingIn(engine)]),
      ["types", types],
      ["JavaScript", javaScript],
      // These projects are tried in Chromium only: what a bundler makes is the same in every engine.
      ...(engines.includes("chromium") ? [["package", packageTests]] : []),
      ...endToEnd((engine) => (engine === "chromium" ? all : IN_EVERY_ENGINE)),
    ],
  };
}

async function stage(name, runTests) {
  const result = { name, passed: 0, failed: 0, skipped: 0, reasons: [] };
  const began = performance.now();
  try {
    await runTests(result);
    if (result.failed > 0) throw new Failure("a test failed");
    if (result.passed === 0) throw new Failure("it ran no test");
  } catch (error) {
    result.error = error;
    // If a stage does not compile, it reports no failed test, but counts as failed.
    result.failed ||= 1;
  }
  result.seconds = ((performance.now() - began) / 1000).toFixed(1);
  return result;
}

/** Options of `run` that count the tests of cargo and of wasm-bindgen's runner. */
function counting(result) {
  return {
    stdout: process.stdout,
    onLine(line) {
      const [, passed, failed] = line.match(/^test result: .*?(\d+) passed; (\d+) failed/) ?? [];
      result.passed += Number(passed ?? 0);
      result.failed += Number(failed ?? 0);
    },
  };
}

async function native(result) {
  const options = counting(result);
  const env = cargoEnv();
  const args = ["test", "--locked", "--workspace", "--exclude", "wasm-bindgen-command"];
  await run("cargo", args, { ...options, env });
  // Runs the cases of `cargo bench` once, without measuring them. The skipped cases have many organizations, and take minutes.
  const bench = ["test", "--locked", "--bench", "core", "--", "--skip", "among 100? 000", "--skip", "in 5 000"];
  await run("cargo", bench, { ...options, env });
}

function crossingIn(engine) {
  return async (result) => {
    const { options: key, browser, otherDriver } = RUNNERS[engine];
    const settings = JSON.parse(await readFile(join(root, "webdriver.json"), "utf8"));
    // By default, a driver starts the first browser that it finds, whose version may not match.
    const path = join(targetDir, `webdriver-${engine}.json`);
    await writeFile(path, JSON.stringify({ [key]: { ...settings[key], binary: process.env[browser] } }));

    const args = ["test", "--locked", "--target", "wasm32-unknown-unknown", "--test", "crossing"];
    const env = { ...cargoEnv(), WASM_BINDGEN_TEST_WEBDRIVER_JSON: path, [otherDriver]: undefined };
    await run("cargo", args, { ...counting(result), env });
  };
}

async function types(result) {
  await checkTypes({ stdout: process.stdout });
  result.passed += 1;
}

async function javaScript(result) {
  const paths = (await testFiles("tests/js")).map((name) => join(root, "tests/js", name));
  await runInNode(result, paths);
}

async function packageTests(result) {
  await pack();
  await runInNode(result, ["--test-concurrency=1", ...(await packTests(QUICK))], { env: { ENGINE: "chromium" } });
}

async function endToEndFiles() {
  return (await testFiles("tests/e2e")).map((name) => basename(name, ".test.mjs")).sort();
}

async function testFiles(folder) {
  return (await readdir(join(root, folder))).filter((name) => name.endsWith(".test.mjs"));
}

function inEngine(engine, names) {
  const paths = names.map((name) => join(root, "tests/e2e", `${name}.test.mjs`));
  // A test waits more than it works, so a second file fills the gaps.
  return (result) => runInNode(result, ["--test-concurrency=2", ...paths], { env: { ENGINE: engine } });
}

function report(results, notRun) {
  const row = (...cells) => console.log(cells.map((cell, i) => (i ? `${cell}`.padStart(9) : cell.padEnd(22))).join(""));
  console.log("");
  row("stage", "passed", "failed", "skipped", "seconds");
  results.forEach(({ name, passed, failed, skipped, seconds }) => row(name, passed, failed, skipped, seconds));
  notRun.forEach(([name]) => row(name, "not run", "", "", ""));

  for (const { name, reasons } of results) {
    for (const reason of new Set(reasons)) {
      const count = reasons.filter((each) => each === reason).length;
      console.log(`${name}: ${count} skipped: ${reason}`);
    }
  }

  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  const failed = results.filter(({ error }) => error);
  for (const { name, error } of failed) say(`\nerror: the stage "${name}" failed: ${error.message}`);
  console.log(`\n${sum("passed")} passed, ${sum("failed")} failed, ${sum("skipped")} skipped`);
  if (failed.length) process.exitCode = failed[0].error.exitCode ?? 1;
}
