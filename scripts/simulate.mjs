// Runs the simulation: many schedules of the flow, each with a simulated cloud, clock, token source and several pages.
// With --mutants, checks that the simulation finds deliberate mistakes.
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { MUTANTS, changesOf } from "../tests/simulation/mutants.mjs";
import { Failure, asCommand, output, root, run, say, targetDir } from "./process.mjs";
import { cargoEnv, setup } from "./setup.mjs";

const PROFILE = "simulation";

// The files that a copy of the workspace needs for a build.
const SOURCES = [
  "Cargo.toml",
  "Cargo.lock",
  "benches/core",
  "src",
  "scripts/wasm-bindgen",
  "tests/cloud",
  "tests/simulation",
];

const SEEDS = [1, 1_000_001, 2_000_001];
const MOST_SCHEDULES = 100_000;

asCommand(import.meta, async () => {
  const args = process.argv.slice(2);
  if (args.includes("--mutants")) {
    const { positionals } = parseArgs({ options: { mutants: { type: "boolean" } }, allowPositionals: true });
    await setup();
    return await mutants(positionals);
  }
  await setup();
  say("building the simulation");
  await run("cargo", ["build", "--locked", "--profile", PROFILE, "--package", "simulation"], { env: cargoEnv() });
  await run(join(targetDir, PROFILE, "simulate"), args, { stdout: process.stdout });
});

/** Runs every mutant, or the mutants whose name contains one of these words. */
async function mutants(words) {
  const folder = join(targetDir, "mutants");
  const tree = join(folder, "tree");
  await rm(tree, { recursive: true, force: true });
  await mkdir(tree, { recursive: true });
  // With the time of now: cargo would take an older file for the one that the last mutant was built of.
  for (const path of SOURCES) await cp(join(root, path), join(tree, path), { recursive: true });

  const chosen = MUTANTS.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
  const target = join(folder, "target");
  say("\nmutant: none");
  const unchanged = await findMutant({ edits: [] }, tree, target);
  if (unchanged.some((found) => found)) throw new Failure("what is not changed breaks an invariant");
  const results = [];
  for (const mutant of chosen) {
    say(`\nmutant: ${mutant.name}`);
    const found = await findMutant(mutant, tree, target).catch((error) => {
      say(`error: ${error.message}`);
      return [undefined];
    });
    const median = found.every((one) => one) ? found.sort(([, one], [, other]) => one - other)[1] : undefined;
    say(median ? `found by ${median.join(" after ")} schedules` : "not found");
    results.push({ mutant, found: median });
  }
  console.log(`\n${"mutant".padEnd(62)}${"found by".padEnd(16)}schedules`);
  for (const { mutant, found } of results) {
    const [by, schedules] = found ?? ["nothing", "-"];
    console.log(`${mutant.name.padEnd(62)}${by.padEnd(16)}${schedules}`);
  }
  if (results.some(({ found }) => !found)) throw new Failure("a mutant was not found");
}

/** For each of SEEDS: the invariant that the mutant breaks, and after how many schedules, if it is found. */
async function findMutant(mutant, tree, target) {
  const changes = await changesOf(mutant, tree);
  for (const [path, { after }] of changes) await writeFile(path, after);
  try {
    const env = { ...cargoEnv(), CARGO_TARGET_DIR: target, RUSTFLAGS: "-Awarnings" };
    const build = ["build", "--locked", "--quiet", "--profile", PROFILE, "--package", "simulation"];
    await run("cargo", [...build, "--config", `profile.${PROFILE}.opt-level=1`], { env, cwd: tree });
    return SEEDS.map((seed) => search(join(target, PROFILE, "simulate"), seed));
  } finally {
    for (const [path, { before }] of changes) await writeFile(path, before);
  }
}

function search(program, seed) {
  const line = output(program, ["--brief", "--seed", `${seed}`, "--schedules", `${MOST_SCHEDULES}`]);
  if (!line) return undefined;
  const [by, schedules] = line.split("\t");
  return [by, Number(schedules)];
}
