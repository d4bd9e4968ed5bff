// Packs the package as npm publishes it, and tries it in other people's tools: each project in tests/pack is built from the
// tarball and starts a recording in Chromium.
//   npm run test:pack [-- FILE...]
import { cp, mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { build } from "./build.mjs";
import { buildCloud } from "./cloud.mjs";
import { NODE_TESTS } from "./node-tests.mjs";
import { Failure, asCommand, output, root, run, say, targetDir } from "./process.mjs";
import { ensurePackages, setup } from "./setup.mjs";

const TESTS = join(root, "tests/pack");
const PROJECTS = join(targetDir, "pack");
export const TARBALL = join(PROJECTS, "premium-recorder.tgz");
/** The unpacked tarball. */
export const PACKAGE = join(PROJECTS, "package");
/** The tests that take seconds: `npm test` runs them. */
export const QUICK = ["projects", "quick", "tarball", "types"];

export async function pack() {
  await mkdir(PROJECTS, { recursive: true });
  const packed = output("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", PROJECTS]);
  if (!packed) throw new Failure("npm pack failed");
  const [{ filename }] = Object.values(JSON.parse(packed));
  await rename(join(PROJECTS, filename), TARBALL);
  await unpack(PACKAGE);
}

async function unpack(folder) {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await run("tar", ["--extract", "--gzip", "--file", TARBALL, "--directory", folder, "--strip-components=1"]);
}

/**
 * A copy of the project outside of the source, with its packages and with this package from the tarball. The tarball is
 * unpacked as npm does it: `npm install` would write it into the project's lock file.
 */
export async function project(name) {
  const folder = join(PROJECTS, name);
  await mkdir(folder, { recursive: true });
  for (const old of await readdir(folder)) {
    if (old !== "node_modules") await rm(join(folder, old), { recursive: true, force: true });
  }
  await cp(join(TESTS, name), folder, { recursive: true, filter: (path) => basename(path) !== "node_modules" });
  await cp(join(TESTS, "app.js"), join(folder, "app.js"));
  if (await has(folder, "package-lock.json")) await ensurePackages(folder);
  await unpack(join(folder, "node_modules/premium-recorder"));
  return folder;
}

async function has(folder, file) {
  return (await readdir(folder)).includes(file);
}

/** The files of the tests with these names, or of all of them. */
export async function packTests(names) {
  const all = (await readdir(TESTS)).filter((name) => name.endsWith(".test.mjs"));
  const chosen = names?.map((name) => `${name.replace(/\.test\.mjs$/, "")}.test.mjs`) ?? all.sort();
  const strange = chosen.filter((name) => !all.includes(name));
  if (strange.length) throw new Failure(`tests/pack has no ${strange.join(", ")}`);
  return chosen.map((name) => join(TESTS, name));
}

asCommand(import.meta, async () => {
  const names = process.argv.slice(2);
  await setup({ engines: ["chromium"] });
  await build();
  await buildCloud();
  say("packing the tarball");
  await pack();
  const files = await packTests(names.length ? names : undefined);
  // One after the other: bundlers use all processors.
  await run(process.execPath, [...NODE_TESTS, "--test-concurrency=1", "--test-reporter=spec", ...files], {
    stdout: process.stdout,
  });
});
