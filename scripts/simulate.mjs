// Runs the simulation: many schedules of the flow, each with a simulated cloud, clock, token source and several pages.
// With --mutants, checks that the simulation finds deliberate mistakes.
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MUTANTS } from "../tests/simulation/mutants.mjs";
import { Failure, asCommand, output, root, run, say, targetDir } from "./process.mjs";
import { cargoEnv, setup } from "./setup.mjs";

const PROFILE = "simulation";

// The files that a copy of the workspace needs for a build.
const SOURCES = ["Cargo.toml", "Cargo.lock", "src", "scripts/wasm-bindgen", "tests/cloud", "tests/simulation"];

const SEEDS = [1, 1_000_001, 2_000_001];
const MOST_SCHEDULES = 50_000;

asCommand(import.meta, async () => {
  const args = process.argv.slice(2);
  await setup();
  if (args.includes("--mutants")) return await mutants(args.filter((arg) => !arg.startsWith("--")));
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
  const results = [];
  for (const mutant of [{ name: "none", edits: [] }, ...chosen]) {
    say(`\nmutant: ${mutant.name}`);
    const found = await findMutant(mutant, tree, join(folder, "target")).catch((error) => {
      say(`error: ${error.message}`);
      return undefined;
    });
    say(found ? `found by ${found.join(" after ")} schedules` : "not found");
    results.push({ mutant, found });
  }
  console.log(`\n${"mutant".padEnd(62)}${"found by".padEnd(16)}schedules`);
  for (const { mutant, found } of results) {
    const [by, schedules] = found ?? ["nothing", "-"];
    console.log(`${mutant.name.padEnd(62)}${by.padEnd(16)}${schedules}`);
  }
  const [{ found: none }, ...others] = results;
  if (none) throw new Failure("what is not changed breaks an invariant");
  if (others.some(({ found }) => !found)) throw new Failure("a mutant was not found");
}

/** The invariant that the mutant breaks, and after how many schedules: the median of several seeds. */
async function findMutant({ edits }, tree, target) {
  const originals = new Map();
  for (const { file, find, replace } of edits) {
    const path = join(tree, file);
    const text = await readFile(path, "utf8");
    if (text.split(find).length !== 2) throw new Failure(`${file} does not have this text exactly once: ${find}`);
    if (!originals.has(path)) originals.set(path, text);
    await writeFile(
      path,
      text.replace(find, () => replace),
    );
  }
  try {
    const env = { ...cargoEnv(), CARGO_TARGET_DIR: target, RUSTFLAGS: "-Awarnings" };
    const build = ["build", "--locked", "--quiet", "--profile", PROFILE, "--package", "simulation"];
    await run("cargo", [...build, "--config", `profile.${PROFILE}.opt-level=1`], { env, cwd: tree });
    const found = SEEDS.map((seed) => search(join(target, PROFILE, "simulate"), seed));
    if (found.some((one) => !one)) return undefined;
    return found.sort(([, one], [, other]) => one - other)[1];
  } finally {
    for (const [path, text] of originals) await writeFile(path, text);
  }
}

function search(program, seed) {
  const line = output(program, ["--brief", "--seed", `${seed}`, "--schedules", `${MOST_SCHEDULES}`]);
  if (!line) return undefined;
  const [by, schedules] = line.split("\t");
  return [by, Number(schedules)];
}
