// Runs all tests, stage by stage, until a stage fails.
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PANICKING, build } from "./build.mjs";
import { buildCloud } from "./cloud.mjs";
import { Failure, asCommand, root, run, say, targetDir } from "./process.mjs";
import { cargoEnv, setup } from "./setup.mjs";
import { checkTypes } from "./types.mjs";

const STAGES = [
  ["native", native],
  ["browser", inBrowser],
  ["types", types],
  ["end to end", endToEnd],
];

asCommand(import.meta, async () => {
  await setup({ browsers: true });
  await build();
  await build(PANICKING);
  await buildCloud();

  const results = [];
  for (const [name, runTests] of STAGES) {
    say(`\ntest: ${name}`);
    results.push(await stage(name, runTests));
    if (results.at(-1).error) break;
  }
  report(results);
});

async function stage(name, runTests) {
  const result = { name, passed: 0, failed: 0 };
  const began = performance.now();
  try {
    await runTests({ stdout: process.stdout, onLine: (line) => count(result, line) });
    if (result.passed === 0) throw new Failure("it ran no test");
  } catch (error) {
    result.error = error;
    // If a stage does not compile, it reports no failed test, but counts as failed.
    result.failed ||= 1;
  }
  result.seconds = ((performance.now() - began) / 1000).toFixed(1);
  return result;
}

// Reads the summary lines of cargo, of wasm-bindgen's runner and of Node.
function count(result, line) {
  const rust = line.match(/^test result: .*?(\d+) passed; (\d+) failed/);
  const node = line.match(/^\S+ (pass|fail) (\d+)$/);
  if (rust) {
    result.passed += Number(rust[1]);
    result.failed += Number(rust[2]);
  } else if (node) {
    result[`${node[1]}ed`] += Number(node[2]);
  }
}

async function native(options) {
  const args = ["test", "--locked", "--workspace", "--exclude", "wasm-bindgen-command"];
  await run("cargo", args, { ...options, env: cargoEnv() });
}

async function inBrowser(options) {
  // By default, chromedriver starts the first browser that it finds, whose version may not match.
  const settings = JSON.parse(await readFile(join(root, "webdriver.json"), "utf8"));
  settings["goog:chromeOptions"].binary = process.env.CHROME;
  const path = join(targetDir, "webdriver.json");
  await writeFile(path, JSON.stringify(settings));

  const args = ["test", "--locked", "--target", "wasm32-unknown-unknown", "--test", "crossing"];
  await run("cargo", args, { ...options, env: { ...cargoEnv(), WASM_BINDGEN_TEST_WEBDRIVER_JSON: path } });
}

async function types({ stdout, onLine }) {
  await checkTypes({ stdout });
  onLine("ℹ pass 1");
}

async function endToEnd(options) {
  const folder = join(root, "tests/e2e");
  const files = (await readdir(folder)).filter((name) => name.endsWith(".test.mjs")).sort();
  if (files.length === 0) throw new Failure("tests/e2e has no *.test.mjs");
  const paths = files.map((name) => join(folder, name));
  await run(process.execPath, ["--test", "--test-reporter=spec", ...paths], options);
}

function report(results) {
  const row = (...cells) => console.log(cells.map((cell, i) => (i ? `${cell}`.padStart(9) : cell.padEnd(12))).join(""));
  console.log("");
  row("stage", "passed", "failed", "seconds");
  results.forEach(({ name, passed, failed, seconds }) => row(name, passed, failed, seconds));
  STAGES.slice(results.length).forEach(([name]) => row(name, "not run", "", ""));

  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  const { name, error } = results.at(-1);
  if (error) say(`\nerror: the stage "${name}" failed: ${error.message}`);
  console.log(`\n${sum("passed")} passed, ${sum("failed")} failed`);
  if (error) process.exitCode = error.exitCode ?? 1;
}
