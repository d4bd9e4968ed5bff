// What publint and Are The Types Wrong say of the tarball.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { before, test } from "node:test";
import { PACKAGE, TARBALL, project } from "../../scripts/pack.mjs";

let packages;
before(async () => (packages = join(await project("lint"), "node_modules")));

test("publint finds nothing", async () => {
  const { publint } = await import(pathToFileURL(join(packages, "publint/src/index-node.js")));
  const { messages } = await publint({ pkgDir: PACKAGE, strict: true });
  assert.deepEqual(messages, []);
});

test("Are The Types Wrong finds nothing, except for require() and for resolutions without `exports`", () => {
  // Entries that are no modules.
  const assets = ["./callback.html", "./callback.js"];
  const attw = join(packages, "@arethetypeswrong/cli/dist/index.js");
  // The profile leaves out what docs/bundlers.md says under "TypeScript" and "CommonJS". A problem makes the command fail.
  execFileSync(process.execPath, [attw, TARBALL, "--profile", "esm-only", "--exclude-entrypoints", ...assets], {
    stdio: ["ignore", 2, 2],
  });
});
