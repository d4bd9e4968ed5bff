// Installs whatever is missing for the build, and the browsers and proxies that the tests need. Fast if nothing is missing.
//   node scripts/setup.mjs [--browsers]
// Runs before npm packages are installed, so it may import only node: modules and our own.
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ALL_ENGINES, ensureBrowsers } from "./browsers.mjs";
import { missingProxies } from "./proxies.mjs";
import { asCommand, root, run, say, targetDir, which } from "./process.mjs";
import { cargoEnv, ensureRust } from "./rust.mjs";

export { cargoEnv };

export async function setup({ engines = [], lints = false } = {}) {
  await ensurePackages();
  await ensureRust({ lints });
  await ensureBindgen();
  await ensureBrowsers(engines);
}

/** Installs the packages of this folder's lock file. Writes the stamp last, so that an interrupted installation is repeated. */
export async function ensurePackages(folder = root) {
  const stamp = join(folder, "node_modules/.package-lock-hash");
  const lock = await readFile(join(folder, "package-lock.json"));
  const hash = createHash("sha256").update(lock).digest("hex");
  if ((await readFile(stamp, "utf8").catch(() => "")) === hash) return;
  say(`installing npm packages: ${join(folder, "node_modules")} is missing or older than package-lock.json`);
  await run("npm", ["ci"], { cwd: folder });
  await writeFile(stamp, hash);
}

/** wasm-bindgen's command, in the version that Cargo.lock also pins for the library. */
export const bindgen = join(targetDir, "debug/bindgen");

async function ensureBindgen() {
  const quiet = which(bindgen) ? ["--quiet"] : [];
  if (!quiet.length)
    say("building wasm-bindgen's command, at the version that the library is built with (two minutes)");
  await run("cargo", ["build", "--locked", "--package", "wasm-bindgen-command", ...quiet], { env: cargoEnv() });
}

asCommand(import.meta, async () => {
  const { values } = parseArgs({ options: { browsers: { type: "boolean" } } });
  await setup({ engines: values.browsers ? ALL_ENGINES : [] });
  if (values.browsers) await missingProxies();
});
