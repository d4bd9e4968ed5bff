// Runs tests in Node, and counts them.
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root, run, targetDir } from "./process.mjs";

const module = (name) => String(pathToFileURL(join(root, "scripts", name)));
/** The first arguments of Node. */
export const NODE_TESTS = [`--import=${module("no-early-exit.mjs")}`, "--test"];

/** Adds to `result`: `passed`, `failed` and `skipped`, and the `reasons` of what is skipped. `args` are those of `node --test`. */
export async function runInNode(
  result,
  args,
  { env, outcomes = join(targetDir, "test-outcomes"), stdout = process.stdout } = {},
) {
  await rm(outcomes, { force: true });
  const reporters = { spec: "stdout", [module("outcomes.mjs")]: outcomes };
  const options = Object.entries(reporters).flatMap(([reporter, destination]) => [
    `--test-reporter=${reporter}`,
    `--test-reporter-destination=${destination}`,
  ]);
  try {
    await run(process.execPath, [...NODE_TESTS, ...options, ...args], {
      stdout,
      env,
    });
  } finally {
    const lines = (await readFile(outcomes, "utf8").catch(() => "")).split("\n").filter(Boolean);
    for (const { outcome, reason } of lines.map((line) => JSON.parse(line))) {
      result[outcome] += 1;
      if (outcome === "skipped") result.reasons.push(reason === true ? "no reason" : reason);
    }
  }
}
