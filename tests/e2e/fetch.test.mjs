// The app's own requests to any endpoint: as window.fetch, with the organization's own token.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { beforeEach, describe, test } from "node:test";
import { browser as open } from "./browser.mjs";
import { UNAUTHENTICATED } from "./cloud.mjs";
import { byEngine } from "./engines.mjs";
import { assertPublished } from "./published.mjs";

const REFUSED = /\/(api\/v2|standin\/files)\S* - (Failed to load resource: .*(400|401|403|404|429|503|ERR_)|Access to)/;
const browser = open({ mayComplain: [REFUSED, /Access to fetch at/, /net::ERR_/] });

const ME = "/api/v2/users/me";

let cloud, acme, globex;
beforeEach(async () => {
  cloud = browser.cloud;
  ({ acme, globex } = cloud);
  await browser.openEmpty({ orgId: globex.id });
});

/** What the ledger has of the requests of pages, in the order of their arrival. */
async function arrived() {
  const requests = await cloud.requests();
  assertPublished(requests, { unknown: true });
  return requests
    .filter(({ path }) => path.startsWith("/api/") || path === "/standin/files")
    .map(({ method, path, tokenOrgId, status }) => [method, path, tokenOrgId, status]);
}

describe("recorder.fetch", () => {
  test("resolves to the platform's own response, whatever its status", async () => {
    const seen = await browser.run(
      async ({ connect }, token) => {
        const recorder = await connect({ tokens: [token] });
        const seen = [];
        for (const path of ["/api/v2/users/me", "/api/v2/users/nobody", "/api/v2/nothing"]) {
          const response = await recorder.fetch(path);
          const { status, ok, bodyUsed, url } = response;
          seen.push([response instanceof Response, status, ok, bodyUsed, new URL(url).pathname === path]);
          seen.push(typeof (await response.json()).message);
        }
        return seen;
      },
      await cloud.token(globex),
    );
    assert.deepEqual(seen, [
      [true, 200, true, false, true],
      "undefined",
      [true, 404, false, false, true],
      "string",
      [true, 404, false, false, true],
      "string",
    ]);
    assert.deepEqual(
      (await arrived()).map(([, , org]) => org),
      Array(3).fill(globex.id),
    );
  });

  test("works in two organizations side by side, each with its own token", async () => {
    const names = await browser.run(
      async ({ connect }, tokens, orgs) => {
        const recorder = await connect({ tokens });
        const own = orgs.map((orgId) => recorder.request("/api/v2/organizations/me", { orgId }));
        return (await Promise.all(own)).map(({ name }) => name);
      },
      [await cloud.token(acme), await cloud.token(globex)],
      [acme.id, globex.id],
    );
    assert.deepEqual(names, [acme.name, globex.name]);
  });

  test("obtains, and replaces, a token as a start does", async () => {
    await cloud.spoil("POST", "/standin/files", UNAUTHENTICATED);
    const { reasons, length } = await browser.run(
      async ({ connect }, tokens) => {
        const reasons = [];
        const getToken = async ({ reason }) => tokens[reasons.push(reason) - 1];
        const recorder = await connect({ getToken });
        const response = await recorder.fetch("/standin/files", { method: "POST", body: "five!" });
        return { reasons, length: (await response.json()).length };
      },
      [await cloud.token(globex), await cloud.token(globex)],
    );
    assert.deepEqual({ reasons, length }, { reasons: ["missing", "rejected"], length: 5 });
    assert.deepEqual(
      (await arrived()).map(([, , , status]) => status),
      [401, 200],
    );
  });

  test("takes every kind of body, and sends it whole again after a 401", async () => {
    const text = "Grüße aus Köln";
    const bytes = Buffer.from(text);
    const kinds = ["text", "bytes", "buffer", "blob", "search", "form"];
    const answers = await browser.run(
      async ({ connect, environment }, tokens, text, kinds) => {
        const recorder = await connect({ getToken: async () => tokens.shift() });
        const answers = [];
        for (const kind of kinds) {
          const spoil = {
            method: "POST",
            path: "/standin/files",
            fault: { status: 401, body: { code: "bad.credentials" } },
          };
          await fetch(`${environment.api}/standin/faults`, { method: "POST", body: JSON.stringify(spoil) });
          const bytes = new TextEncoder().encode(text);
          const form = new FormData();
          form.append("field", text);
          const body = {
            text,
            bytes,
            buffer: bytes.buffer,
            blob: new Blob([bytes], { type: "text/x-blob" }),
            search: new URLSearchParams({ text }),
            form,
          }[kind];
          const call = recorder.fetch("/standin/files", { method: "POST", body });
          // What was passed is what is sent, whatever the app does to it later.
          if (kind === "bytes") bytes.fill(0);
          answers.push(await (await call).json());
        }
        return answers;
      },
      await Promise.all(Array.from({ length: 2 * kinds.length }, () => cloud.token(globex))),
      text,
      kinds,
    );
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const plain = { length: bytes.length, sha256 };
    assert.deepEqual(
      answers.slice(0, 4).map(({ length, sha256 }) => ({ length, sha256 })),
      Array(4).fill(plain),
    );
    assert.equal(answers[0].contentType, "text/plain;charset=UTF-8");
    assert.equal(answers[3].contentType, "text/x-blob");
    assert.match(answers[4].contentType, /^application\/x-www-form-urlencoded/);
    assert.match(answers[5].contentType, /^multipart\/form-data; ?boundary=/);
    assert.ok(answers[5].length > bytes.length);
  });

  test("hands a download over as it comes", async () => {
    const { first, total, type } = await browser.run(
      async ({ connect }, token) => {
        const recorder = await connect({ tokens: [token] });
        const response = await recorder.fetch("/standin/files?length=6000000&type=video/webm");
        const reader = response.body.getReader();
        let total = 0;
        let first;
        for (let part = await reader.read(); !part.done; part = await reader.read()) {
          first ??= [...part.value.slice(0, 4)];
          total += part.value.length;
        }
        return { first, total, type: response.headers.get("content-type") };
      },
      await cloud.token(globex),
    );
    assert.deepEqual({ first, total, type }, { first: [0, 1, 2, 3], total: 6_000_000, type: "video/webm" });
  });

  test("follows nextUri through the pages of a list", async () => {
    const names = await browser.run(
      async ({ connect }, token) => {
        const recorder = await connect({ tokens: [token] });
        const names = [];
        for (let path = "/api/v2/users?pageSize=2"; path;) {
          const page = await recorder.request(path);
          names.push(...page.entities.map(({ name }) => name));
          path = page.nextUri;
        }
        return names;
      },
      await cloud.token(globex),
    );
    assert.deepEqual(
      names,
      globex.agents.map(({ name }) => name),
    );
  });

  test("refuses what would leave the API, and what is not the app's, before anything is sent", async () => {
    const codes = await browser.run(
      async ({ connect, environment }, token) => {
        let asked = 0;
        const getToken = async () => {
          asked += 1;
          return token;
        };
        const recorder = await connect({ getToken });
        const me = "/api/v2/users/me";
        const { api, login } = environment;
        const calls = {
          "//evil.example/x": [`//evil.example/x`],
          "/\\evil.example": ["/\\evil.example"],
          "/../": ["/../"],
          "dot segments": ["/api/%2e%2e/x"],
          "no slash": ["api/v2/users/me"],
          fragment: [`${me}#x`],
          CRLF: [`${me}\r\nx: y`],
          credentials: [api.replace("://", "://a:b@") + me],
          "login origin": [`${login}/oauth/token`],
          "prefix domain": [`${api}.evil.example${me}`],
          "another port": [`${api}0${me}`],
          "unicode host": ["https://api。mypurecloud.ie/x"],
          "a Request": [new Request(`${api}${me}`)],
          "a number": [1],
          nothing: [],
          Authorization: [me, { headers: { Authorization: "Bearer x" } }],
          "Headers object": [me, { headers: new Headers({ cookie: "a=b" }) }],
          pairs: [
            me,
            {
              headers: [
                ["x-ok", "1"],
                ["HOST", "evil.example"],
              ],
            },
          ],
          "a bad header": [me, { headers: { "x y": "z" } }],
          "a broken header": [me, { headers: { x: "a\r\nb: c" } }],
          "GET with a body": [me, { body: "x" }],
          "GET with bytes": [me, { body: new Uint8Array(3) }],
          TRACE: [me, { method: "TRACE" }],
          QUERY: [me, { method: "QUERY", body: "x" }],
          credentialed: [me, { credentials: "include" }],
          redirecting: [me, { redirect: "follow" }],
          "null options": [me, null],
          "a text as options": [me, "GET"],
          "a bad organization": [me, { orgId: "acme" }],
          "json and body": [me, { method: "POST", body: "x", json: {} }, "request"],
          circle: [
            me,
            {
              method: "POST",
              json: (() => {
                const a = {};
                a.a = a;
                return a;
              })(),
            },
            "request",
          ],
          bigint: [me, { method: "POST", json: 1n }, "request"],
          "fetch with json": [me, { method: "POST", json: { a: 1 } }],
        };
        const codes = {};
        for (const [name, [path, init, method = "fetch"]] of Object.entries(calls)) {
          codes[name] = await recorder[method](path, init).then(
            () => "sent",
            ({ code, message }) => (name === "a Request" ? `${code} ${message.includes("is a Request")}` : code),
          );
        }
        return { codes, asked };
      },
      await cloud.token(globex),
    );
    const expected = Object.fromEntries(Object.keys(codes.codes).map((name) => [name, "BAD_ARGUMENT"]));
    assert.deepEqual(codes, { codes: { ...expected, "a Request": "BAD_ARGUMENT true" }, asked: 0 });
    assert.deepEqual(await arrived(), []);
  });

  test("names the app's own argument when a header's name is too long", async () => {
    const { error } = await browser.run(
      async ({ connect, settle }, token) => {
        const recorder = await connect({ tokens: [token] });
        return settle(recorder.fetch("/api/v2/users/me", { headers: { ["x".repeat(65_537)]: "y" } }));
      },
      await cloud.token(globex),
    );
    assert.equal(error.code, "BAD_ARGUMENT");
    assert.match(error.everything, /headers\[0] must be shorter\./);
    assert.deepEqual(await arrived(), []);
  });

  test("no error shows the token that an app puts where it does not belong", async () => {
    const outcomes = await browser.run(
      async ({ connect, settle, environment }, token) => {
        const recorder = await connect({ tokens: [token] });
        const me = "/api/v2/users/me";
        const calls = [
          [me, { headers: { Authorization: `Bearer ${token}\nx` } }],
          [me, { headers: { [`Bearer ${token}`]: "x" } }],
          [me, { method: `GET ${token}` }],
          [environment.api.replace("://", `://a:${token}@`) + me],
        ];
        return Promise.all(calls.map((call) => settle(recorder.fetch(...call))));
      },
      await cloud.token(globex),
    );
    assert.deepEqual(
      outcomes.map(({ error }) => error.code),
      Array(4).fill("BAD_ARGUMENT"),
    );
  });

  test("hands over what a page's own fetch returns, frozen or not", async () => {
    const seen = await browser.run(
      async ({ connect }, token) => {
        const recorder = await connect({ tokens: [token] });
        const answers = [Object.freeze({ status: 200 }), Object.freeze(new Response("x"))];
        window.fetch = async () => answers[0];
        const isSame = (await recorder.fetch("/api/v2/users/me")) === answers[0];
        window.fetch = async () => answers[1];
        return [isSame, await (await recorder.fetch("/api/v2/users/me")).text()];
      },
      await cloud.token(globex),
    );
    assert.deepEqual(seen, [true, "x"]);
  });

  test("sends the app's own headers in every form, and URLs of the API", async () => {
    const statuses = await browser.run(
      async ({ connect, environment }, token) => {
        const recorder = await connect({ tokens: [token] });
        const url = `${environment.api}/api/v2/users/me`;
        const forms = [
          { Accept: "application/json" },
          new Headers({ accept: "text/html" }),
          [
            ["Accept-Language", "de"],
            ["accept-language", "en"],
          ],
        ];
        const calls = forms.map((headers) => recorder.fetch(url, { headers }));
        calls.push(recorder.fetch(new URL(url)));
        return (await Promise.all(calls)).map(({ status }) => status);
      },
      await cloud.token(globex),
    );
    assert.deepEqual(statuses, [200, 200, 200, 200]);
  });

  test("a redirect is not followed, and a lost response says whether the request may have been processed", async () => {
    await cloud.spoil("GET", ME, { status: 302, headers: { Location: "https://evil.example/" } }, 3);
    await cloud.spoil("POST", "/standin/files", { reset: "after" });
    await cloud.spoil("PUT", "/standin/files", { reset: "after" });
    const outcomes = await browser.run(
      async ({ connect }, token) => {
        const recorder = await connect({ tokens: [token] });
        const code = (call) =>
          call.then(
            ({ status }) => status,
            ({ code }) => code,
          );
        const file = "/standin/files";
        return [
          await code(recorder.fetch("/api/v2/users/me")),
          await code(recorder.fetch(file, { method: "POST", body: "x" })),
          await code(recorder.fetch(file, { method: "PUT", body: "x", idempotent: true })),
        ];
      },
      await cloud.token(globex),
    );
    assert.deepEqual(outcomes, ["NETWORK", "OUTCOME_UNKNOWN", 200]);
  });

  test("an abort of another frame's signal, and close(), break off the call and the body", async () => {
    const api = await endlessApi();
    try {
      const seen = await browser.run(
        async ({ premium, environment, frames, settle }, token, api) => {
          const [{ realm }] = await frames(1);
          const environments = [{ ...environment, api }];
          const recorder = await premium.connect({ environments, tokens: [token] });
          const seen = [];
          const waiting = new realm.AbortController();
          const call = recorder.fetch("/silent", { signal: waiting.signal });
          waiting.abort("enough");
          seen.push(await call.catch((reason) => reason));
          const reading = new realm.AbortController();
          const one = (await recorder.fetch("/endless", { signal: reading.signal })).body.getReader();
          const other = (await recorder.fetch("/endless")).body.getReader();
          seen.push((await one.read()).value.length, (await other.read()).value.length);
          reading.abort(new Error("stop"));
          seen.push(await one.read().catch(() => "broken off"));
          recorder.close();
          seen.push(await other.read().catch(() => "broken off"));
          seen.push((await settle(recorder.fetch("/endless"))).error.code);
          return seen;
        },
        await cloud.token(globex),
        api.origin,
      );
      assert.deepEqual(seen, ["enough", 4, 4, "broken off", "broken off", "CLOSED"]);
      await api.allGone();
    } finally {
      api.close();
    }
  });

  test("a stream is sent once over HTTP/2 only, or refused by name", async () => {
    const code = await browser.run(
      async ({ connect, settle }, token) => {
        const recorder = await connect({ tokens: [token] });
        const body = new Blob(["x"]).stream();
        return (await settle(recorder.fetch("/standin/files", { method: "POST", body, duplex: "half" }))).error.code;
      },
      await cloud.token(globex),
    );
    // The stand-in speaks HTTP/1.1 here, which Chromium refuses for a stream.
    assert.equal(code, byEngine({ chromium: "OUTCOME_UNKNOWN" }, "BAD_ARGUMENT"));
    assert.deepEqual(await arrived(), []);
  });
});

describe("recorder.request", () => {
  test("sends and returns JSON", async () => {
    const answers = await browser.run(
      async ({ connect }, token, conversation) => {
        const recorder = await connect({ tokens: [token] });
        const path = `/api/v2/conversations/${conversation}/recordingstate`;
        return [
          await recorder.request(path, { method: "PATCH", json: { recordingState: "PAUSED" } }),
          (await recorder.request(`/api/v2/conversations/${conversation}`)).participants.length > 0,
          (await recorder.request("/standin/files", { method: "POST", json: [1.5, "x", null] })).length,
        ];
      },
      await cloud.token(globex),
      conversationOf(globex),
    );
    assert.deepEqual(
      answers,
      [undefined, true, JSON.stringify([1.5, "x", null]).length].map((value) => value ?? null),
    );
  });

  test("resolves to every kind of JSON", async () => {
    const texts = ["null", "0", "false", '""', "[]", '{"then":1,"a":[null]}'];
    const answers = await browser.run(
      async ({ connect }, token, texts) => {
        const recorder = await connect({ tokens: [token] });
        const answers = [];
        for (const text of texts) {
          window.fetch = async () => new Response(text);
          answers.push(JSON.stringify(await recorder.request("/api/v2/users/me")));
        }
        return answers;
      },
      await cloud.token(globex),
      texts,
    );
    assert.deepEqual(answers, texts);
  });

  test("a refusal is an error that explains it", async () => {
    await cloud.change({ enforceClientScopes: true });
    const outcomes = await browser.run(
      async ({ connect, settle }, token, bare, conversation) => {
        const recorder = await connect({ tokens: [token] });
        const patch = (id) =>
          recorder.request(`/api/v2/conversations/${id}/recordingstate`, {
            method: "PATCH",
            json: { recordingState: "PAUSED" },
          });
        const seen = [];
        seen.push(await settle(patch("00000000-0000-4000-8000-000000000000")));
        seen.push(await settle(patch(conversation.replace(/c001$/, "c002"))));
        seen.push(await settle(recorder.request("/standin/files?length=3&type=text/plain")));
        await recorder.addToken(bare);
        seen.push(await settle(patch(conversation)));
        return seen.map(({ error }) => [error.code, error.status, error.missingScopes]);
      },
      await cloud.token(globex, { scopes: ["conversations", "user-basic-info"] }),
      await cloud.token(globex, { scopes: ["user-basic-info"] }),
      conversationOf(globex),
    );
    assert.deepEqual(
      outcomes.map(([code, status, scopes]) => [code, status, scopes ?? null]),
      [
        ["NOT_FOUND", 404, null],
        ["CONFLICT", 400, null],
        ["UNEXPECTED_ANSWER", 200, null],
        ["SCOPE_MISSING", 403, ["conversations"]],
      ],
    );
  });
});

/** An API that answers nothing at all, or four bytes of a body that does not end. */
async function endlessApi() {
  const open = new Set();
  let gone = () => {};
  const server = createServer((request, response) => {
    open.add(response);
    response.once("close", () => open.delete(response) && gone());
    const headers = { "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "authorization" };
    if (request.method === "OPTIONS") response.writeHead(204, headers).end();
    else if (request.url === "/endless") response.writeHead(200, headers).write("four");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    /** When the browser has closed all connections. */
    async allGone() {
      while (open.size) await new Promise((resolve) => (gone = resolve));
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** The organization's conversation that is connected. */
function conversationOf({ id }) {
  return id.replace(/0{12}$/, "00000000c001");
}
