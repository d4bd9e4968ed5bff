// What holds for all projects.
import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../../scripts/process.mjs";
import { document } from "./document.mjs";

const entries = await readdir(join(root, "tests/pack"), { withFileTypes: true });
const projects = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
const read = (project, file) => readFile(join(root, "tests/pack", project, file), "utf8");

test("docs/bundlers.md has the projects' versions and code", async () => {
  const { text, fresh, sources } = await document();
  assert.ok(sources.length > 5);
  assert.equal(text, fresh, "run node tests/pack/document.mjs");
});

test("each project pins its tools, and its lock file names no registry", async () => {
  for (const project of projects) {
    const { devDependencies = {} } = JSON.parse(await read(project, "package.json"));
    const loose = Object.values(devDependencies).filter((version) => !/^(npm:\w+@)?\d+\.\d+\.\d+$/.test(version));
    assert.deepEqual(loose, [], project);
    if (Object.keys(devDependencies).length)
      assert.ok(!(await read(project, "package-lock.json")).includes('"resolved"'));
  }
});
