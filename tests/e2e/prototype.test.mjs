// Whatever other code has put on Object.prototype, it decides nothing: not what is sent, and not how a call ends.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { browser as open } from "./browser.mjs";

const browser = open({ mayComplain: [/onEvent threw/] });

const ACME = "aaaaaaaa-0000-4000-8000-00000000000a";
const CLAIMS = Buffer.from(JSON.stringify({ org_id: ACME })).toString("base64url");
const TOKEN = `${Buffer.from('{"alg":"HS256"}').toString("base64url")}.${CLAIMS}.c2lnbmF0dXJl`;

/** Names that the package, its glue or the platform reads from some object. */
const NAMES = [
  // Options.
  "tokens getToken login shareTokens orgId environment launchUrl environments contract wasm timeoutMs onEvent signal",
  "recordingType share concurrency requestsPerMinute onProgress agentId clientId clientIds redirectUri mode prompt",
  "loginHint wrongOrg path orgHeaders scope idempotencyHeader href name api apps",
  // What getToken gives, messages of other pages, outcomes and errors.
  "accessToken expiresIn question answer forget data type query value error aborted code message hint retryable cause",
  "causedBy status homeOrgId tokenOrgId missingScopes grantedScopes nearMiss retryAfterMs seenRecordings contextId",
  // Descriptors, and what the platform reads from what it is given.
  "get set writable enumerable configurable method headers body credentials redirect referrer referrerPolicy integrity",
  "keepalive cache duplex priority window ifAvailable steal capture once passive bubbles",
  // What the SDK's requests have.
  "params timeout Content-Type",
  // State of the package.
  "instance module source isLate recorder calls number arrayBuffer url reason addEventListener length 0 1 id state",
  "entities startedAt raw alreadyRunning Zone current run a b cnt done next return hint ok",
].flatMap((line) => line.split(" "));

/** Descriptors of properties that other code may have put there. */
const KINDS = {
  "a text": `{ value: "hostile", writable: true }`,
  true: `{ value: true, writable: true }`,
  "a function": `{ value: () => "hostile", writable: true }`,
  "a constant": `{ value: "hostile", writable: false }`,
};

describe("Object.prototype has", () => {
  for (const [kind, descriptor] of Object.entries(KINDS)) {
    test(`${kind} of whatever name: nothing changes`, async () => {
      await browser.openEmpty();
      // In several scripts, each of which has its time.
      const odd = [];
      // With a constant element, no array of the platform can be filled.
      const names = kind === "a constant" ? NAMES.filter((name) => !/^\d/.test(name)) : NAMES;
      for (let at = 0; at < names.length; at += 20) {
        const script = `async ({ premium }, names, orgId, token) => {
          ${scenario}
          ${oddities}
          return oddities({ premium, names, orgId, token, descriptor: ${descriptor} });
        }`;
        odd.push(...(await browser.run(script, names.slice(at, at + 20), ACME, TOKEN)));
      }
      assert.deepEqual(odd, []);
    });
  }
});

test("what other code has put on Object.prototype does not change how the module is fetched", async () => {
  await browser.openEmpty();
  const seen = await browser.run(
    async ({ premium }, orgId, token) => {
      const hostile = {
        method: "POST",
        credentials: "include",
        integrity: "sha256-x",
        mode: "same-origin",
        redirect: "error",
      };
      const { fetch } = window;
      const requests = [];
      window.fetch = (input, init) => {
        const { method, credentials, integrity, mode, redirect } = new Request(input, init);
        requests.push({ method, credentials, integrity, mode, redirect });
        return fetch(input, init);
      };
      for (const [name, value] of Object.entries(hostile)) {
        Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true });
      }
      try {
        await premium.connect({ environment: "prod", tokens: [token], orgId });
      } finally {
        for (const name in hostile) delete Object.prototype[name];
      }
      return requests;
    },
    ACME,
    TOKEN,
  );
  const own = { method: "GET", credentials: "same-origin", integrity: "", mode: "cors", redirect: "follow" };
  assert.deepEqual(seen, [own]);
});

/** The names for which a scenario does not go as it does without anything on Object.prototype. */
async function oddities({ premium, names, orgId, token, descriptor }) {
  const { fetch } = window;
  const sent = [];
  const { httpClient } = await import("/premium-recorder/platform-sdk.js");
  await premium.connect({ environment: "prod" });
  window.fetch = async (...given) => {
    const request = new Request(...given);
    const { method, url, headers, keepalive, integrity, credentials, redirect, mode, cache } = request;
    const own = ["authorization", "x-genesys-organization-id", "content-type"].map((name) => headers.get(name));
    sent.push([method, url, ...own, keepalive, integrity, credentials, redirect, mode, cache].join(" "));
    const text = method === "POST" ? await request.text() : "";
    const agentId = text.includes("other") ? "other" : "agent";
    const recording = `{"id":"r","agentId":"${agentId}","state":"${method === "PATCH" ? "stopped" : "recording"}"}`;
    const body = method === "GET" ? `{"organization":{"id":"${orgId}"},"entities":[${recording}]}` : recording;
    return new Response(body, {
      __proto__: null,
      headers: undefined,
      statusText: "",
      status: method === "POST" ? 201 : 200,
    });
  };
  const once = async () => {
    sent.length = 0;
    const told = await scenario(premium, orgId, token, httpClient).catch((error) => String(error?.stack ?? error));
    return `${told}\n${sent.join("\n")}`;
  };
  const expected = await once();
  const odd = [];
  for (const name of names) {
    const hostile = Object.setPrototypeOf({ ...descriptor, configurable: true }, null);
    Object.defineProperty(Object.prototype, name, hostile);
    const got = await once();
    delete Object.prototype[name];
    const lines = expected.split("\n");
    if (got !== expected) odd.push(`${name}: ${got.split("\n").filter((line) => !lines.includes(line))}`);
  }
  window.fetch = fetch;
  return odd.length === 0 || expected.includes('"recordings":1') ? odd : [expected];
}

/** What an app does and sees. */
async function scenario(premium, orgId, token, httpClient) {
  const told = { __proto__: null };
  const events = new Set();
  const own = (value) =>
    Object.keys(value)
      .map((name) => `${name}=${typeof value[name]}`)
      .join();
  const getToken = (need) => {
    told.need = `${own(need)} ${need.orgId}`;
    return { accessToken: token };
  };
  const asking = await premium.connect({ environment: "prod", getToken });
  told.asked = own(await asking.switchOrg(orgId));
  asking.close();
  told.needed = told.need;
  // Nobody names an organization.
  const unnamed = await premium.connect({ environment: "prod", getToken });
  told.signedIn = own(await unnamed.signIn());
  unnamed.close();
  const onEvent = (event) => void events.add(own(event));
  const recorder = await premium.connect({ environment: "prod", orgId, tokens: [token], onEvent });
  told.environment = Object.values(recorder.environment).join();
  told.orgId = recorder.orgId;
  const recording = await recorder.startRecording("agent");
  told.recording = own(recording);
  told.stopped = (await recording.stop({})).state;
  told.recordings = (await recorder.recordings({ agentId: "agent" })).length;
  told.many = (await recorder.startMany(["agent", { agentId: "other" }], {})).map(own).join();
  class AbstractHttpClient {
    timeout = 16_000;
  }
  const client = httpClient(recorder, AbstractHttpClient);
  const url = "https://api.mypurecloud.com/api/v2/users/me";
  told.got = own(await client.request({ url, method: "GET" }));
  told.patched = own(await client.request({ url, method: "PATCH", data: { name: "new" } }));
  const error = await recorder.startRecording("").catch((thrown) => thrown);
  told.error = [
    premium.isRecorderError(error),
    String(error),
    own(error),
    Object.values(premium.explain(error)),
  ].join();
  told.summary = own(await recorder.switchOrg(orgId));
  told.orgs = recorder.orgs().map(own).join();
  told.connected = String(await premium.connect({ environment: "nowhere" }).catch((thrown) => thrown));
  recorder.close();
  // Listeners are told in a later turn.
  await new Promise((resolve) => setTimeout(resolve));
  told.events = [...events].sort();
  return Object.keys(told)
    .map((name) => `${JSON.stringify(name)}:${JSON.stringify(told[name])}`)
    .join("\n");
}
