// Errors as an app makes and reads them: src/js/errors.js and src/js/explain.js.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { RecorderError } from "../../src/js/errors.js";
import { explain } from "../../src/js/explain.js";
import { httpClient } from "../../src/js/platform-sdk.js";

const INHERITED = ["message", "cause", "causedBy", "hint", "retryable", "status"];
afterEach(() => INHERITED.forEach((name) => delete Object.prototype[name]));

test("an error has nothing that its fields inherit", () => {
  for (const name of INHERITED) Object.prototype[name] = name === "causedBy" ? { code: "NO_TOKEN" } : "inherited";
  const error = new RecorderError({ code: "TIMEOUT" });
  assert.equal(error.message, "TIMEOUT");
  assert.ok(!Object.hasOwn(error, "cause") && !Object.hasOwn(error, "status"));
  assert.deepEqual([error.hint, error.retryable], ["", false]);
  const whole = new RecorderError({ code: "TIMEOUT", message: "late", cause: 7, status: 408, hint: "wait" });
  assert.deepEqual([whole.message, whole.cause, whole.status, whole.hint], ["TIMEOUT: late", 7, 408, "wait"]);
});

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

test("an HTTP client has no options but `orgId`", async () => {
  class AbstractHttpClient {}
  const sent = [];
  const recorder = { fetch: async (path, { orgId }) => (sent.push([path, orgId]), new Response("{}")) };
  const options = [undefined, {}, { orgId: undefined }, { orgId: "b" }];
  for (const given of options) {
    await httpClient(recorder, AbstractHttpClient, given).request({ url: "https://api.example/api/v2/users" });
  }
  assert.deepEqual(sent, [..."xxx"].map(() => ["/api/v2/users", undefined]).concat([["/api/v2/users", "b"]]));
  for (const given of [null, { orgid: "b" }, { orgId: "b", org: "c" }, { orgId: null }, "b", 7, ["b"], () => "b"]) {
    assert.throws(() => httpClient(recorder, AbstractHttpClient, given), TypeError);
  }
});
