// The library's requests are as published, and the check notices requests that are not.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { browser as open } from "./browser.mjs";
import { assertPublished } from "./published.mjs";

const browser = open();

let cloud, globex;
beforeEach(() => {
  cloud = browser.cloud;
  ({ globex } = cloud);
});

test("what the library asks the platform is as published", async () => {
  await browser.openEmpty({ orgId: globex.id });
  await browser.run(
    async ({ connect, settle }, token) => {
      const recorder = await connect({ tokens: [token] });
      await settle(recorder.availableOrgs());
      await settle(recorder.signOut());
    },
    await cloud.token(globex, { format: "opaque" }),
  );
  const requests = await cloud.requests();
  const operations = requests.filter(({ published }) => published).map(({ published }) => published.operation);
  assert.deepEqual([...new Set(operations)].sort(), [
    "DELETE /api/v2/tokens/me",
    "GET /api/v2/tokens/me",
    "GET /api/v2/users/me",
  ]);
  assertPublished(requests);
});

describe("a request that is not as published is noticed", () => {
  const conversation = (org) => org.id.replace(/0000$/, "c001");
  const sent = async (method, path, body, type = "application/json") => {
    const headers = { authorization: `Bearer ${await cloud.token(globex)}`, ...(body && { "content-type": type }) };
    await fetch(`${cloud.environment.api}${path}`, { method, headers, body: body && JSON.stringify(body) });
    const requests = await cloud.requests();
    // After each test, browser.mjs checks what is left in the ledger.
    await cloud.reset();
    return requests;
  };

  for (const [what, method, path, body, type] of [
    ["an unknown operation", "GET", () => "/api/v2/nothing"],
    ["an unknown method", "PUT", () => `/api/v2/conversations/${conversation(globex)}`],
    ["an unknown parameter", "GET", () => "/api/v2/users/me?extend=token"],
    ["a value that a parameter cannot have", "GET", () => "/api/v2/users/me?expand=tokens"],
    ["a body where none belongs", "POST", () => `/api/v2/users/${globex.agents[1].id}/screenmonitors/sessions`, {}],
    [
      "a wrong body",
      "PATCH",
      () => `/api/v2/conversations/${conversation(globex)}/recordingstate`,
      { state: "PAUSED" },
    ],
    [
      "a body of a wrong type",
      "PATCH",
      () => `/api/v2/conversations/${conversation(globex)}/recordingstate`,
      { recordingState: "PAUSED" },
      "text/plain",
    ],
  ]) {
    test(what, async () => {
      const requests = await sent(method, path(), body, type);
      assert.equal(requests.length, 1);
      assert.throws(() => assertPublished(requests), /not as published/);
    });
  }

  test("and one that is as published is not", async () => {
    const path = `/api/v2/conversations/${conversation(globex)}/recordingstate`;
    assertPublished(await sent("PATCH", path, { recordingState: "PAUSED" }));
    assertPublished(await sent("GET", "/api/v2/nothing"), { unknown: true });
    assertPublished(await sent("GET", "/api/v2/screenrecordings"));
  });
});
