// A partner's users, at work in their customers' organizations.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { browser as open } from "./browser.mjs";

const REFUSED = /(\/oauth\/authorize|\/api\/v2\/users\/me\S*) - Failed to load resource/;
const browser = open({ mayComplain: [REFUSED] });

let cloud, acme, globex, initech, northwind;
beforeEach(async () => {
  cloud = browser.cloud;
  ({ acme, globex, initech, northwind } = cloud);
  await browser.openEmpty({ orgId: acme.id });
});

test("a partner's user who signs in for a customer records there, and where they are at home is told", async () => {
  await begin((recorder, agentId) => recorder.startRecording(agentId), acme.agents[0].id);
  await browser.signInThere(northwind);
  assert.equal((await browser.ended()).value.orgId, acme.id);
  const [summary] = await browser.run(({ kept }) => kept.recorder.orgs());
  assert.equal(summary.orgId, acme.id);
  assert.equal(summary.homeOrgId, northwind.id);
  assert.deepEqual(
    (await cloud.recordings()).map(({ orgId }) => orgId),
    [acme.id],
  );
});

test("a token that was handed in tells where its user is at home, and is of the organization that it works in", async () => {
  const [summary] = await browser.run(
    async ({ connect }, token) => (await connect({ tokens: [token] })).orgs(),
    await cloud.token(globex, { format: "opaque", homeOrgId: northwind.id }),
  );
  assert.equal(summary.orgId, globex.id);
  assert.equal(summary.homeOrgId, northwind.id);
});

test("a customer that has switched its trust off lets nobody in", async () => {
  await begin((recorder, orgId) => recorder.switchOrg(orgId), initech.id);
  await browser.signInThere(northwind);
  await browser.enterPopup();
  await browser.until("the person is told", async () => {
    const text = await browser.driver.executeScript("return document.querySelector('[role=alert]').textContent");
    return text.includes(initech.name);
  });
  await browser.press("Deny").catch(() => {});
  await browser.leavePopup();
  assert.equal((await browser.ended()).error.code, "LOGIN_DENIED");
  assert.deepEqual(await cloud.exchanges(), []);
});

describe("availableOrgs", () => {
  test("signs in where nobody is, and lists who trusts the user's organization", async () => {
    await begin((recorder) => recorder.availableOrgs());
    await browser.signInThere(northwind);
    assert.deepEqual((await browser.ended()).value, [
      { orgId: acme.id, name: "Acme", enabled: true },
      { orgId: globex.id, name: "Globex", enabled: true },
      { orgId: initech.id, name: "Initech", enabled: false },
    ]);
    const asked = (await cloud.requests()).at(-1);
    assert.deepEqual(
      [asked.origin, asked.method, asked.path, asked.query, asked.tokenOrgId],
      ["api", "GET", "/api/v2/users/me", "expand=trustors", acme.id],
    );
  });

  test("leads from one customer to the next", async () => {
    await begin((recorder) => recorder.availableOrgs());
    await browser.signInThere(northwind);
    const { value: orgs } = await browser.ended();
    const next = orgs.find(({ orgId, enabled }) => enabled && orgId !== acme.id);
    await browser.click(
      ({ kept }, orgId) =>
        () =>
          kept.recorder.switchOrg(orgId),
      next.orgId,
    );
    const { value: summary } = await browser.ended();
    assert.equal(summary.orgId, next.orgId);
    assert.equal(summary.homeOrgId, northwind.id);
  });

  test("is empty for a user whom nobody else trusts", async () => {
    const { value } = await listWith(await cloud.token(acme));
    assert.deepEqual(value, []);
  });

  test("without any token: NO_TOKEN", async () => {
    const { error } = await listWith();
    assert.equal(error.code, "NO_TOKEN");
    assert.deepEqual(await cloud.requests(), []);
  });

  const ANSWERS = {
    "is 503": [{ status: 503, body: "upstream" }, "CLOUD_UNAVAILABLE"],
    "is lost": [{ reset: "before" }, "NETWORK"],
    "is no JSON": [{ status: 200, body: "<!doctype html>" }, "UNEXPECTED_ANSWER"],
    "is 401": [{ status: 401, body: { code: "bad.credentials" } }, "UNAUTHENTICATED"],
    "is 429": [{ status: 429, headers: { "Retry-After": "60" } }, "RATE_LIMITED"],
  };
  for (const [what, [fault, code]] of Object.entries(ANSWERS)) {
    test(`whose answer ${what}: ${code}`, async () => {
      // What is lost is asked for up to three times.
      await cloud.spoil("GET", "/api/v2/users/me", fault, 3);
      const { error } = await listWith(await cloud.token(acme));
      assert.equal(error?.code, code);
      assert.equal(error.orgId, acme.id);
    });
  }

  test("leaves out what has no organization", async () => {
    const good = { id: "1", enabled: true, organization: { id: globex.id, name: "Globex" } };
    const body = { id: "x", trustors: [good, {}, null, 42, { enabled: true, organization: { id: "no uuid" } }] };
    await cloud.spoil("GET", "/api/v2/users/me", { status: 200, body });
    const { value, error } = await listWith(await cloud.token(acme));
    assert.deepEqual(value, [{ orgId: globex.id, name: "Globex", enabled: true }], error?.code);
  });

  async function listWith(token) {
    return browser.run(
      async ({ connect, settle }, tokens) => {
        const recorder = await connect({ tokens });
        return settle(recorder.availableOrgs());
      },
      token ? [token] : [],
    );
  }
});

/** Clicks for what `call` does with a recorder for which signing in is the only source. */
function begin(call, argument = null) {
  return browser.click(
    `async ({ connect, login, kept }, argument) => {
      kept.recorder = await connect({ login: login() });
      return () => (${call})(kept.recorder, argument);
    }`,
    argument,
  );
}
