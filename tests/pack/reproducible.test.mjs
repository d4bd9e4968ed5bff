// Two builds of one commit, in different folders, are the same byte for byte.
import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { after, test } from "node:test";
import { build, filesIn } from "../../scripts/build.mjs";
import { root, targetDir } from "../../scripts/process.mjs";

const again = join(targetDir, "pack/again");
after(() => rm(again, { recursive: true, force: true }));

test("a second build from nothing is the same", async () => {
  await rm(again, { recursive: true, force: true });
  await build({ target: join(again, "target"), out: join(again, "dist") });
  const first = await contents(join(root, "dist"));
  const second = await contents(join(again, "dist"));
  assert.deepEqual(Object.keys(second), Object.keys(first));
  for (const [name, bytes] of Object.entries(first)) assert.ok(bytes.equals(second[name]), `${name} differs`);
});

async function contents(folder) {
  const files = (await filesIn(folder)).map((path) => [relative(folder, path), path]);
  return Object.fromEntries(await Promise.all(files.map(async ([name, path]) => [name, await readFile(path)])));
}
