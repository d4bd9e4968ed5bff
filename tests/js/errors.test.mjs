// Errors as an app makes and reads them: src/js/errors.js and src/js/explain.js.
import assert from "node:assert/strict";
import { test } from "node:test";
import { RecorderError } from "../../src/js/errors.js";
import { explain } from "../../src/js/explain.js";

test("explain() says whether one of several scopes or permissions is enough", () => {
  const expected = (fields) => explain(new RecorderError({ code: "FORBIDDEN", ...fields })).expected;
  assert.equal(expected({ missingScopes: ["a"] }), "the scope a");
  assert.equal(expected({ missingScopes: ["a", "b"] }), "the scope a or b");
  const permissions = (cause) => expected({ missingPermissions: ["a", "b"], cause });
  assert.equal(permissions({ code: "missing.any.permissions" }), "the permission a or b");
  for (const cause of [{ code: "missing.permissions" }, { code: "company.permissions" }, {}, null, undefined, "any"]) {
    assert.equal(permissions(cause), "the permission a, b");
  }
});
