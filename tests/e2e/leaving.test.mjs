// Signing out, and closing.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { browser as open } from "./browser.mjs";
import { byEngine } from "./engines.mjs";

const FAILED = /\/api\/v2\/tokens\/me - Failed to load resource/;
const browser = open({ mayComplain: [FAILED] });

let cloud, acme, globex, agentId;
beforeEach(async () => {
  cloud = browser.cloud;
  ({ acme, globex } = cloud);
  agentId = globex.agents[0].id;
  await browser.openEmpty({ orgId: globex.id });
});

describe("in the app", () => {
  test("a person signs out, and nothing is held any more", async () => {
    await browser.openApp({ org: acme, login: "popup" });
    await browser.press("Sign out of all organizations");
    await browser.outcome("Signed out");
    for (const { name } of [acme, globex]) await browser.control("button", `Sign in to ${name}`);
    assert.deepEqual(await lines(), [
      [acme.id, "revoked"],
      [globex.id, "revoked"],
    ]);
  });
});

describe("signOut", () => {
  for (const format of ["opaque", "jwt"]) {
    test(`of one organization revokes its ${format} token, at its own environment, and forgets it`, async () => {
      const held = await browser.run(
        async ({ connect }, tokens, orgId) => {
          const recorder = await connect({ tokens });
          await recorder.signOut(orgId);
          return recorder.orgs().map(({ orgId }) => orgId);
        },
        [await cloud.token(acme, { format }), await cloud.token(globex, { format })],
        acme.id,
      );
      assert.deepEqual(held, [globex.id]);
      assert.deepEqual(
        (await cloud.revocations()).map(({ origin, path, tokenOrgId, status }) => ({ origin, path, tokenOrgId })),
        [{ origin: "api", path: "/api/v2/tokens/me", tokenOrgId: acme.id }],
      );
      assert.deepEqual(await lines(), [
        [acme.id, "revoked"],
        [globex.id, "valid"],
      ]);
    });
  }

  test("of all revokes each", async () => {
    const held = await browser.run(
      async ({ connect }, tokens) => {
        const recorder = await connect({ tokens });
        await recorder.signOut();
        return recorder.orgs();
      },
      [await cloud.token(acme), await cloud.token(globex)],
    );
    assert.deepEqual(held, []);
    assert.deepEqual(
      (await cloud.revocations()).map(({ tokenOrgId }) => tokenOrgId).toSorted(),
      [acme.id, globex.id].toSorted(),
    );
  });

  test("of an organization that no token is held of does nothing", async () => {
    const held = await browser.run(
      async ({ connect }, token, orgId) => {
        const recorder = await connect({ tokens: [token] });
        await recorder.signOut(orgId);
        return recorder.orgs().map(({ orgId }) => orgId);
      },
      await cloud.token(globex),
      acme.id,
    );
    assert.deepEqual(held, [globex.id]);
    assert.deepEqual(await cloud.requests(), []);
  });

  for (const orgId of ["Acme", "", 42, null, {}]) {
    test(`of ${JSON.stringify(orgId)}: BAD_ARGUMENT, and nothing is forgotten`, async () => {
      const { error, held } = await browser.run(
        async ({ connect, settle }, token, orgId) => {
          const recorder = await connect({ tokens: [token] });
          return { ...(await settle(recorder.signOut(orgId))), held: recorder.orgs().length };
        },
        await cloud.token(globex),
        orgId,
      );
      assert.equal(error?.code, "BAD_ARGUMENT");
      assert.equal(held, 1);
      assert.deepEqual(await cloud.requests(), []);
    });
  }

  const FAILURES = {
    "is answered 503": [{ status: 503, body: "upstream" }, "CLOUD_UNAVAILABLE"],
    "gets no answer": [{ reset: "before" }, "NETWORK"],
    "takes too long": [{ held: true }, "TIMEOUT", { timeoutMs: 2_000 }],
  };
  for (const [what, [fault, code, options = {}]] of Object.entries(FAILURES)) {
    test(`whose revocation ${what}: ${code}, and the token is forgotten all the same`, async () => {
      await cloud.spoilRevocation(fault);
      const { error, held, next } = await browser.run(
        async ({ connect, settle }, token, orgId, agentId, options) => {
          // Loads the module, which then takes nothing of the recorder's time.
          await connect();
          const recorder = await connect({ tokens: [token], ...options });
          const outcome = await settle(recorder.signOut(orgId));
          const next = (await settle(recorder.startRecording(agentId))).error.code;
          return { ...outcome, held: recorder.orgs(), next };
        },
        await cloud.token(globex),
        globex.id,
        agentId,
        options,
      );
      assert.equal(error?.code, code);
      assert.deepEqual(held, []);
      assert.equal(next, "NO_TOKEN");
      assert.equal((await cloud.revocations()).length, 1);
      assert.deepEqual(await cloud.starts(), []);
    });
  }

  test("of all, where one revocation fails: it rejects, and the other one is revoked", async () => {
    await cloud.spoilRevocation({ status: 503, body: "upstream" });
    const { error, held } = await browser.run(
      async ({ connect, settle }, tokens) => {
        const recorder = await connect({ tokens });
        return { ...(await settle(recorder.signOut())), held: recorder.orgs() };
      },
      [await cloud.token(acme), await cloud.token(globex)],
    );
    assert.equal(error?.code, "CLOUD_UNAVAILABLE");
    assert.deepEqual(held, []);
    assert.equal((await cloud.revocations()).length, 2);
    assert.equal((await lines()).filter(([, state]) => state === "revoked").length, 1);
  });

  test("of a token that is revoked already: it is gone, which is what was wanted", async () => {
    const token = await cloud.token(globex);
    const headers = { authorization: `Bearer ${token}` };
    await fetch(`${cloud.environment.api}/api/v2/tokens/me`, { method: "DELETE", headers });
    const { error, held } = await browser.run(
      async ({ connect, settle }, token, orgId) => {
        const recorder = await connect({ tokens: [token] });
        return { ...(await settle(recorder.signOut(orgId))), held: recorder.orgs() };
      },
      token,
      globex.id,
    );
    assert.equal(error, undefined);
    assert.deepEqual(held, []);
  });

  for (const [what, named] of Object.entries({ "of its organization": true, "of all": false })) {
    test(`${what} while a token is obtained: it is not kept`, async () => {
      const { held, asked } = await browser.run(
        async ({ connect, settle }, token, orgId, named) => {
          const given = [];
          let called;
          const wasCalled = new Promise((resolve) => (called = resolve));
          const getToken = () => {
            called();
            return new Promise((resolve) => given.push(resolve));
          };
          const recorder = await connect({ getToken, timeoutMs: 2000 });
          const going = settle(recorder.switchOrg(orgId));
          await wasCalled;
          await (named ? recorder.signOut(orgId) : recorder.signOut());
          given[0](token);
          await going;
          return { held: recorder.orgs(), asked: given.length };
        },
        await cloud.token(globex),
        globex.id,
        named,
      );
      assert.deepEqual(held, []);
      assert.equal(asked, 1);
    });
  }

  test("forgets in the frames that share as well, and there the next call obtains another", async () => {
    const { held, asked } = await browser.run(
      async ({ frames }, tokens, orgId) => {
        let asked = 0;
        const getToken = async () => tokens[asked++];
        const recorders = [];
        for (const page of await frames(3)) {
          recorders.push(await page.connect({ getToken }));
          await recorders.at(-1).switchOrg(orgId);
        }
        await recorders[1].signOut(orgId);
        const anyHeld = () => recorders.some((recorder) => recorder.orgs().length > 0);
        while (anyHeld()) await new Promise((resolve) => setTimeout(resolve));
        const held = recorders.map((recorder) => recorder.orgs().length);
        await recorders[2].switchOrg(orgId);
        return { held, asked };
      },
      [await cloud.token(globex), await cloud.token(globex)],
      globex.id,
    );
    assert.deepEqual(held, [0, 0, 0]);
    assert.equal(asked, 2);
    assert.equal((await cloud.revocations()).length, 1);
  });

  test("forgets in a frame that is just getting its token from elsewhere", async () => {
    const { held, outcome } = await browser.run(
      async ({ frames, settle }, tokens, orgId) => {
        const [one, two] = await frames(2);
        // The app has given this token, so it is not shared.
        const holder = await one.connect({ getToken: async () => tokens[0], tokens: [tokens[0]] });
        let signedOut;
        const getToken = async () => {
          signedOut = holder.signOut(orgId);
          return tokens[1];
        };
        const recorder = await two.connect({ getToken });
        const outcome = await settle(recorder.switchOrg(orgId));
        await signedOut;
        const anyHeld = () => [holder, recorder].some((recorder) => recorder.orgs().length > 0);
        while (anyHeld()) await new Promise((resolve) => setTimeout(resolve));
        return { held: [holder, recorder].map((recorder) => recorder.orgs().length), outcome };
      },
      [await cloud.token(globex), await cloud.token(globex)],
      globex.id,
    );
    assert.deepEqual(held, [0, 0], JSON.stringify(outcome));
  });

  test("forgets in a frame to which the token is on its way", async () => {
    const { held, asked, outcome } = await browser.run(
      async ({ frames, settle }, token, orgId) => {
        const [one, two] = await frames(2);
        let asked = 0;
        const getToken = async () => {
          asked += 1;
          return token;
        };
        const holder = await one.connect({ getToken });
        await holder.switchOrg(orgId);
        const answered = new Promise((resolve) => {
          const { postMessage } = one.realm.BroadcastChannel.prototype;
          one.realm.BroadcastChannel.prototype.postMessage = function (message) {
            postMessage.call(this, message);
            // Somebody signs out right after the token was handed over.
            if (message.answer) resolve();
          };
        });
        const signedOut = answered.then(() => holder.signOut(orgId));
        const recorder = await two.connect({ getToken });
        const outcome = await settle(recorder.switchOrg(orgId));
        await signedOut;
        const anyHeld = () => [holder, recorder].some((recorder) => recorder.orgs().length > 0);
        while (anyHeld()) await new Promise((resolve) => setTimeout(resolve));
        return { held: [holder, recorder].map((recorder) => recorder.orgs().length), asked, outcome };
      },
      await cloud.token(globex),
      globex.id,
    );
    assert.equal(asked, 1, "the token was handed over");
    assert.deepEqual(held, [0, 0], JSON.stringify(outcome));
  });

  test("after a sign-in takes the refresh token along: the next click signs in again", async () => {
    await cloud.change({ refreshTokens: true });
    await browser.click(async ({ connect, login, kept }, orgId) => {
      kept.recorder = await connect({ login: login() });
      return () => kept.recorder.switchOrg(orgId);
    }, globex.id);
    await browser.signInThere(globex);
    await browser.ended();
    await browser.run(({ kept }) => kept.recorder.signOut());
    await browser.click(
      ({ kept }, orgId) =>
        () =>
          kept.recorder.switchOrg(orgId),
      globex.id,
    );
    assert.equal((await browser.ended()).value?.orgId, globex.id);
    assert.deepEqual(
      (await cloud.exchanges()).map(({ grantType }) => grantType),
      ["authorization_code", "authorization_code"],
    );
  });

  for (const how of ["tokens", "addToken", "getToken"]) {
    test(`leaves no token of ${how} in the module's memory`, async () => {
      await watchMemory();
      const { before, after } = await browser.run(
        async ({ connect, kept }, token, how, orgId, agentId) => {
          const recorder = await connect({ tokens: { tokens: [token] }[how], getToken: async () => token });
          if (how === "addToken") await recorder.addToken(token);
          await recorder.startRecording(agentId, { orgId });
          const before = kept.inMemory(token);
          await recorder.signOut(orgId);
          return { before, after: kept.inMemory(token) };
        },
        await cloud.token(globex),
        how,
        globex.id,
        agentId,
      );
      assert.ok(before > 0);
      assert.equal(after, 0);
    });
  }

  for (const what of ["is added", "is malformed", "is repeated by the API"]) {
    test(`leaves no copy of a token that ${what}`, async () => {
      await watchMemory();
      const pieces = await browser.run(
        async ({ connect, settle, kept }, what, orgId, agentId) => {
          const part = (text) => btoa(text).replace(/=+$/, "");
          const signature = Array.from(crypto.getRandomValues(new Uint8Array(1_500)), (byte) =>
            byte.toString(16).padStart(2, 0),
          );
          const claims = part(JSON.stringify({ org_id: orgId }));
          const token = `${part('{"alg":"HS256"}')}.${claims}.${signature.join("")}${what === "is malformed" ? "\n" : ""}`;
          const original = window.fetch;
          const recorder = await connect();
          await settle(recorder.addToken(token));
          if (what === "is repeated by the API") {
            window.fetch = async () => new Response(JSON.stringify({ message: token, code: token }), { status: 400 });
            await settle(recorder.startRecording(agentId));
            window.fetch = original;
          }
          recorder.close();
          await new Promise((resolve) => setTimeout(resolve));
          let pieces = 0;
          for (let at = 100; at + 88 < token.length; at += 100) pieces += kept.inMemory(token.slice(at, at + 88));
          return pieces;
        },
        what,
        globex.id,
        agentId,
      );
      assert.equal(pieces, 0);
    });
  }

  test("leaves no token in the memory of the other pages", async () => {
    await watchMemory();
    const counts = await browser.run(
      async ({ connect, frames, kept }, token, orgId, agentId) => {
        const getToken = async () => token;
        const recorder = await connect({ getToken });
        await recorder.startRecording(agentId, { orgId });
        const [page] = await frames(1);
        const other = await page.connect({ getToken });
        await other.switchOrg(orgId);
        await other.signOut(orgId);
        while (recorder.orgs().length) await new Promise((resolve) => setTimeout(resolve));
        return kept.inMemory(token);
      },
      await cloud.token(globex),
      globex.id,
      agentId,
    );
    assert.equal(counts, 0);
  });

  for (const names of [true, false]) {
    test(`leaves no token of a sign-in that names ${names ? "the" : "no"} organization in the module's memory`, async () => {
      await cloud.change({ refreshTokens: true });
      await browser.openEmpty();
      await watchMemory();
      await browser.click(
        async ({ connect, login, kept }, orgId) => {
          const original = window.fetch;
          window.fetch = async (...given) => {
            const response = await original(...given);
            if (String(given[0]).endsWith("/oauth/token")) kept.tokens = await response.clone().json();
            return response;
          };
          kept.recorder = await connect({ login: login() });
          return () => kept.recorder.signIn(orgId ? { orgId } : {});
        },
        names ? globex.id : null,
      );
      await browser.signInThere(globex);
      await browser.ended();
      const counts = await browser.run(async ({ kept }) => {
        const { access_token, refresh_token } = kept.tokens;
        const count = () => [access_token, refresh_token].map((token) => kept.inMemory(token));
        const before = count();
        await kept.recorder.signOut();
        return { before, after: count() };
      });
      assert.ok(Math.min(...counts.before) > 0, JSON.stringify(counts));
      assert.deepEqual(counts.after, [0, 0]);
    });
  }

  test("of a recorder that is closed: CLOSED", async () => {
    const { error } = await browser.run(
      async ({ connect, settle }, token) => {
        const recorder = await connect({ tokens: [token] });
        recorder.close();
        return settle(recorder.signOut());
      },
      await cloud.token(globex),
    );
    assert.equal(error.code, "CLOSED");
    assert.deepEqual(await cloud.requests(), []);
  });
});

describe("close", () => {
  test("while getToken is asked: CLOSED, it learns of it, and what it returns later changes nothing", async () => {
    await watchMemory();
    const { error, aborted, inMemory } = await browser.run(
      async ({ connect, settle, kept }, token, agentId) => {
        let give, signal;
        const wasCalled = new Promise((called) => {
          give = called;
        });
        let answer;
        const getToken = (need) => {
          signal = need.signal;
          give();
          return new Promise((resolve) => (answer = resolve));
        };
        const recorder = await connect({ getToken });
        const going = settle(recorder.startRecording(agentId));
        await wasCalled;
        // From the next task on, the module waits for the promise that getToken has returned.
        await new Promise((resolve) => setTimeout(resolve));
        recorder.close();
        const outcome = await going;
        const { aborted } = signal;
        answer(token);
        // What is answered after a round trip to the cloud would have been kept before.
        await fetch("/config.json");
        return { ...outcome, aborted, inMemory: kept.inMemory(token) };
      },
      await cloud.token(globex),
      agentId,
    );
    assert.equal(error.code, "CLOSED");
    assert.equal(aborted, true);
    assert.equal(inMemory, 0);
    assert.deepEqual(await cloud.requests(), []);
  });

  test("leaves neither listeners nor timers nor channels nor locks", async () => {
    // Firefox lists no locks in a frame of another site.
    await browser.openEmpty({ orgId: globex.id }, byEngine({ firefox: { origin: browser.neighbourOrigin } }));
    const { left, channels, locks } = await browser.run(
      async ({ connect }, token, orgId) => {
        const open = new Set();
        const { BroadcastChannel } = window;
        window.BroadcastChannel = class extends BroadcastChannel {
          constructor(name) {
            super(name);
            open.add(this);
          }
          close() {
            super.close();
            open.delete(this);
          }
        };
        const recorder = await connect({ getToken: () => token });
        await recorder.switchOrg(orgId);
        recorder.close();
        let held;
        do {
          held = (await navigator.locks.query()).held.length;
        } while (held > 0);
        return { left: window.watched.left(), channels: open.size, locks: held };
      },
      await cloud.token(globex),
      globex.id,
    );
    assert.deepEqual(left, { messageListeners: 0, timers: 0, openWindows: 0 });
    assert.equal(channels, 0);
    assert.equal(locks, 0);
  });
});

/** Puts `kept.inMemory` into the page, which tells how often a text is in the module's memory. */
function watchMemory() {
  return browser.run(({ kept }) => {
    let memory;
    const { instantiate } = WebAssembly;
    WebAssembly.instantiate = async (...args) => {
      const instance = await instantiate(...args);
      memory = instance.exports.memory;
      return instance;
    };
    // An allocator writes over the beginning of what it has freed.
    kept.inMemory = (text) => new TextDecoder("latin1").decode(memory.buffer).split(text.slice(24)).length - 1;
  });
}

/** Every token that was issued, in the order of its organization's id. */
async function lines() {
  const all = (await cloud.tokens()).map(({ orgId, revoked }) => [orgId, revoked ? "revoked" : "valid"]);
  const order = [acme.id, globex.id];
  return all.toSorted(([one], [other]) => order.indexOf(one) - order.indexOf(other));
}
