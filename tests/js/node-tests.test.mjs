// How `npm test` counts the tests of a file.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runInNode } from "../../scripts/node-tests.mjs";

const FILES = {
  "tests that pass and tests that are skipped": [
    `test("passes", () => {});
    test("is skipped", { skip: "because" }, () => {});`,
    { passed: 1, failed: 0, skipped: 1, reasons: ["because"] },
  ],
  "a file that exits at once, with 0": ["process.exit();", { passed: 0, failed: 1 }],
  "a file that exits between two tests, with 0": [
    `test("passes", () => new Promise((resolve) => setTimeout(resolve, 100)));
    test("exits", () => process.exit());
    test("never runs", () => {});`,
    { failed: 1 },
  ],
  "a file that throws": [`throw new Error("on purpose");`, { passed: 0, failed: 1 }],
};

for (const [what, [text, expected]] of Object.entries(FILES)) {
  test(`${what}: ${JSON.stringify(expected)}`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "premium-recorder-tests-"));
    t.after(() => rm(folder, { recursive: true }));
    const file = join(folder, "file.test.mjs");
    await writeFile(file, `import { test } from "node:test";\n${text}`);

    const result = { passed: 0, failed: 0, skipped: 0, reasons: [] };
    // Not as a part of this test.
    const env = { NODE_TEST_CONTEXT: undefined };
    const running = runInNode(result, [file], { env, outcomes: join(folder, "outcomes"), stdout: "ignore" });
    if (expected.failed) await assert.rejects(running);
    else await running;
    const seen = Object.fromEntries(Object.keys(expected).map((name) => [name, result[name]]));
    assert.deepEqual(seen, expected);
  });
}
