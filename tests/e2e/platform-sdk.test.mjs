// purecloud-platform-client-v2 beside a recorder: one client of the SDK for each organization, and none has a token.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { browser as open } from "./browser.mjs";
import { platformSdk } from "./platform-sdk.mjs";

const REFUSED = /\/api\/v2\/\S* - Failed to load resource: .*(400|404|429)/;
const browser = open({ mayComplain: [REFUSED] });

let cloud, acme, globex;
beforeEach(async () => {
  cloud = browser.cloud;
  ({ acme, globex } = cloud);
  await browser.openEmpty({ orgId: globex.id });
  await browser.evaluate(`() => { ${await platformSdk()}; window.platform = sdk.default; }`);
});

describe("the SDK with a recorder's HTTP client", () => {
  test("works in two organizations side by side, each with its own token, and lists with paging", async () => {
    const seen = await browser.run(
      async ({ connect }, tokens, orgs) => {
        const { httpClient } = await import("/premium-recorder/platform-sdk.js");
        const recorder = await connect({ tokens });
        const client = (orgId) => {
          const client = new platform.ApiClientClass();
          client.setHttpClient(httpClient(recorder, platform.AbstractHttpClient, { orgId }));
          return client;
        };
        const clients = orgs.map(client);
        const work = clients.map(async (client) => {
          const { name } = await new platform.OrganizationApi(client).getOrganizationsMe();
          const me = await new platform.UsersApi(client).getUsersMe({ expand: ["organization", "authorization"] });
          const users = [];
          for (let pageNumber = 1, pageCount = 1; pageNumber <= pageCount; pageNumber++) {
            const page = await new platform.UsersApi(client).getUsers({ pageSize: 2, pageNumber });
            users.push(...page.entities.map(({ name }) => name));
            pageCount = page.pageCount;
          }
          return { name, own: me.organization.name, users };
        });
        const held = clients.map(({ authData, authentications }) => JSON.stringify([authData, authentications]));
        return { seen: await Promise.all(work), held };
      },
      [await cloud.token(acme), await cloud.token(globex)],
      [acme.id, globex.id],
    );
    const expected = [acme, globex].map(({ name, agents }) => ({
      name,
      own: name,
      users: agents.map(({ name }) => name),
    }));
    assert.deepEqual(seen.seen, expected);
    for (const held of seen.held) assert.doesNotMatch(held, /eyJ/);
    const ofTwo = new Set(
      (await cloud.requests()).filter(({ origin }) => origin === "api").map(({ tokenOrgId }) => tokenOrgId),
    );
    assert.deepEqual([...ofTwo].filter(Boolean).toSorted(), [acme.id, globex.id].toSorted());
  });

  test("sends bodies, calls the hooks, and rejects in the SDK's own form", async () => {
    const conversation = globex.id.replace(/0{12}$/, "00000000c001");
    const seen = await browser.run(
      async ({ connect, premium }, held, conversation) => {
        const { httpClient } = await import("/premium-recorder/platform-sdk.js");
        const recorder = await connect({ tokens: [held] });
        const client = new platform.ApiClientClass();
        client.setHttpClient(httpClient(recorder, platform.AbstractHttpClient));
        const hooked = [];
        client.getHttpClient().setPreHook((request) => {
          hooked.push(request.method);
          return request;
        });
        client.getHttpClient().setPostHook((response) => {
          hooked.push(response.status);
          return response;
        });
        const conversations = new platform.ConversationsApi(client);
        await conversations.patchConversationRecordingstate(conversation, { recordingState: "PAUSED" });
        class State {
          recordingState = "ACTIVE";
        }
        await conversations.patchConversationRecordingstate(conversation, new State());
        const missing = "00000000-0000-4000-8000-000000000000";
        const bare = await conversations.getConversation(missing).catch((error) => error);
        client.setReturnExtendedResponses(true);
        const extended = await conversations.getConversation(missing).catch((error) => error);
        const token = { url: "https://login.mypurecloud.ie/oauth/token", method: "POST", data: "grant_type=password" };
        const signIn = await client.getHttpClient().request(token).catch(String);
        recorder.close();
        const closed = await conversations.getConversation(missing).catch((error) => error);
        return {
          hooked,
          bare: [bare.status, typeof bare.code, typeof bare.message],
          extended: [extended.status, extended.body.status, typeof extended.headers["content-type"]],
          signIn,
          closed: premium.isRecorderError(closed) && closed.code,
        };
      },
      await cloud.token(globex),
      conversation,
    );
    assert.deepEqual(seen, {
      hooked: ["PATCH", 202, "PATCH", 202, "GET", "GET", "POST", "GET"],
      bare: [404, "string", "string"],
      extended: [404, 404, "string"],
      signIn: seen.signIn,
      closed: "CLOSED",
    });
    assert.match(seen.signIn, /The recorder signs in, not the SDK/);
    assert.deepEqual(
      (await cloud.requests()).filter(({ origin }) => origin === "login"),
      [],
    );
  });

  test("the HTTP client's timeout is the call's, and 0 leaves it to the recorder", async () => {
    const seen = await browser.run(async () => {
      const { httpClient } = await import("/premium-recorder/platform-sdk.js");
      const limits = [];
      const recorder = {
        fetch: async (path, { timeoutMs }) => (limits.push(timeoutMs ?? "the recorder's"), Response.json({})),
      };
      const client = new platform.ApiClientClass();
      client.setHttpClient(httpClient(recorder, platform.AbstractHttpClient));
      for (const millis of [undefined, 60_000, 0]) {
        if (millis !== undefined) client.getHttpClient().setTimeout(millis);
        await new platform.UsersApi(client).getUsersMe();
      }
      return limits;
    });
    assert.deepEqual(seen, [16_000, 60_000, "the recorder's"]);
  });

  test("a query is sent whole, also by browsers whose URLSearchParams have no size", async () => {
    const seen = await browser.run(async () => {
      const { httpClient } = await import("/premium-recorder/platform-sdk.js");
      const paths = [];
      const recorder = { fetch: async (path) => (paths.push(path), Response.json({})) };
      const client = new platform.ApiClientClass();
      client.setHttpClient(httpClient(recorder, platform.AbstractHttpClient));
      delete URLSearchParams.prototype.size;
      const users = new platform.UsersApi(client);
      await users.getUsersMe();
      await users.getUsers({ pageSize: 2, pageNumber: 3 });
      return paths;
    });
    assert.deepEqual(seen, ["/api/v2/users/me", "/api/v2/users?pageSize=2&pageNumber=3"]);
  });

  test("a rejected token is replaced under the SDK, which notices nothing", async () => {
    await cloud.spoil("GET", "/api/v2/users/me", { status: 401, body: { status: 401, code: "bad.credentials" } });
    const name = await browser.run(
      async ({ connect }, tokens) => {
        const { httpClient } = await import("/premium-recorder/platform-sdk.js");
        const recorder = await connect({ getToken: async () => tokens.shift() });
        const client = new platform.ApiClientClass();
        client.setHttpClient(httpClient(recorder, platform.AbstractHttpClient));
        return (await new platform.UsersApi(client).getUsersMe()).name;
      },
      [await cloud.token(globex), await cloud.token(globex)],
    );
    assert.equal(name, globex.agents[0].name);
  });
});
