import assert from "node:assert/strict";
import { test } from "node:test";
import { document } from "./document.mjs";

test("docs/bundlers.md has the projects' versions and code", async () => {
  const { text, fresh, sources } = await document();
  assert.ok(sources.length > 5);
  assert.equal(text, fresh, "run node tests/pack/document.mjs");
});
