// Many calls, frames and tabs that want a token at the same time.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { browser as open } from "./browser.mjs";

const CONFLICT = /\/api\/v2\/screenrecordings - Failed to load resource: .* 409/;
const browser = open({ mayComplain: [CONFLICT] });

let cloud, acme, globex, agentId;
beforeEach(async () => {
  cloud = browser.cloud;
  ({ acme, globex } = cloud);
  agentId = globex.agents[0].id;
  await browser.openEmpty({ orgId: globex.id });
});

test("two hundred calls and no token: one fetch, one start, two hundred results", async () => {
  const { asked, outcomes } = await browser.run(
    async ({ connect, settle }, token, agentId) => {
      let asked = 0;
      const getToken = async () => {
        asked += 1;
        return token;
      };
      const recorder = await connect({ getToken });
      const calls = Array.from({ length: 200 }, () => settle(recorder.startRecording(agentId)));
      return {
        outcomes: (await Promise.all(calls)).map(({ value, error }) => (error ? error.everything : value.id)),
        asked,
      };
    },
    await cloud.token(globex),
    agentId,
  );
  assert.equal(asked, 1);
  assert.deepEqual(outcomes, Array(200).fill(await onlyRecording()));
  assert.equal((await cloud.starts()).length, 1);
});

test("fifty frames and no token: one fetch, one start, fifty results", async () => {
  // A slow machine takes long to start fifty modules.
  const options = { timeoutMs: 50_000 };
  const { asked, outcomes } = await inFrames(50, await cloud.token(globex, { format: "opaque" }), options);
  assert.equal(asked, 1);
  assert.deepEqual(outcomes, Array(50).fill(await onlyRecording()));
  assert.equal((await cloud.starts()).length, 1);
});

test("three frames that do not share: each obtains its own", async () => {
  const { asked, outcomes } = await inFrames(3, await cloud.token(globex), { shareTokens: false });
  assert.equal(asked, 3);
  assert.deepEqual(outcomes, Array(3).fill(await onlyRecording()));
  assert.equal((await cloud.starts()).length, 1);
});

// Without locks nobody knows of another page's start: the cloud's word is what keeps it at one recording.
for (const [missing, statuses] of [
  ["locks", [201, 409, 409]],
  ["BroadcastChannel", [201]],
  ["both", [201, 409, 409]],
]) {
  test(`three frames without ${missing}: each obtains its own, and all is well`, async () => {
    const { asked, outcomes } = await inFrames(3, await cloud.token(globex), {}, missing);
    assert.equal(asked, 3);
    assert.deepEqual(outcomes, Array(3).fill(await onlyRecording()));
    assert.deepEqual((await cloud.starts()).map(({ status }) => status).toSorted(), statuses);
  });
}

test("a fetch that fails fails for its own page, and the next one asks again", async () => {
  const { asked, outcomes } = await browser.run(
    async ({ frames, settle }, token, agentId) => {
      let asked = 0;
      const getToken = async () => {
        asked += 1;
        if (asked === 1) throw new Error("the backend is down");
        return token;
      };
      const pages = await frames(3);
      const recorders = await Promise.all(pages.map((page) => page.connect({ getToken })));
      const calls = recorders.map((recorder, at) => pages[at].settle(recorder.startRecording(agentId)));
      const outcomes = (await Promise.all(calls)).map(({ value, error }) => error?.code ?? value.id);
      return { asked, outcomes };
    },
    await cloud.token(globex),
    agentId,
  );
  assert.equal(asked, 2);
  const id = await onlyRecording();
  assert.deepEqual(outcomes.toSorted(), [id, id, "TOKEN_SOURCE_FAILED"].toSorted());
});

test("a page that comes later is handed the token, with its life, by the one that has it", async () => {
  const { asked, lives } = await browser.run(
    async ({ frames }, token, orgId) => {
      const asked = [];
      const lives = [];
      const pages = await frames(3);
      for (const [at, page] of pages.entries()) {
        const getToken = async () => {
          asked.push(at);
          return { accessToken: token, expiresIn: 600 };
        };
        const recorder = await page.connect({ getToken });
        lives.push((await recorder.switchOrg(orgId)).expiresAt);
      }
      return { asked, lives };
    },
    await cloud.token(globex, { format: "opaque" }),
    globex.id,
  );
  assert.deepEqual(asked, [0]);
  for (const life of lives) assert.ok(Math.abs(life - lives[0]) < 5000);
});

test("when the page that has it goes, another one that has it answers", async () => {
  const asked = await browser.run(
    async ({ frames }, token, orgId) => {
      const asked = [];
      const pages = await frames(3);
      const obtain = async (at) => {
        const getToken = async () => {
          asked.push(at);
          return token;
        };
        const recorder = await pages[at].connect({ getToken });
        await recorder.switchOrg(orgId);
        return recorder;
      };
      await obtain(0);
      await obtain(1);
      document.querySelector("iframe").remove();
      await obtain(2);
      return asked;
    },
    await cloud.token(globex),
    globex.id,
  );
  assert.deepEqual(asked, [0]);
});

test("when the recorder that has it is closed, the next page asks for itself", async () => {
  const asked = await browser.run(
    async ({ frames }, token, orgId) => {
      const asked = [];
      for (const [at, page] of (await frames(2)).entries()) {
        const getToken = async () => {
          asked.push(at);
          return token;
        };
        const recorder = await page.connect({ getToken });
        await recorder.switchOrg(orgId);
        recorder.close();
      }
      return asked;
    },
    await cloud.token(globex),
    globex.id,
  );
  assert.deepEqual(asked, [0, 1]);
});

test("a token of one organization is handed to nobody who needs another's", async () => {
  const orgs = await browser.run(
    async ({ frames }, tokens) => {
      const asked = [];
      const getToken = async ({ orgId }) => {
        asked.push(orgId);
        return tokens[orgId];
      };
      for (const page of await frames(2)) {
        const recorder = await page.connect({ getToken });
        for (const orgId of Object.keys(tokens)) await recorder.switchOrg(orgId);
      }
      return asked;
    },
    { [acme.id]: await cloud.token(acme), [globex.id]: await cloud.token(globex) },
  );
  assert.deepEqual(orgs.toSorted(), [acme.id, globex.id].toSorted());
});

test("a token that the app handed in itself is not handed on", async () => {
  const asked = await browser.run(
    async ({ frames }, tokens, orgId) => {
      const [first, second] = await frames(2);
      const asked = [];
      const source = (at) => async () => {
        asked.push(at);
        return tokens[1];
      };
      const holder = await first.connect({ getToken: source(0), tokens: [tokens[0]] });
      await holder.switchOrg(orgId);
      await (await second.connect({ getToken: source(1) })).switchOrg(orgId);
      return asked;
    },
    [await cloud.token(globex), await cloud.token(globex)],
    globex.id,
  );
  assert.deepEqual(asked, [1]);
});

test("what comes of a sign-in is handed to pages with the same client, and to no others", async () => {
  await browser.click(async ({ frames, kept }, orgId) => {
    kept.pages = await frames(3);
    const [page] = kept.pages;
    const recorder = await page.connect({ login: page.login() });
    return () => recorder.switchOrg(orgId);
  }, globex.id);
  await browser.signInThere(globex);
  assert.equal((await browser.ended()).value.orgId, globex.id);

  await browser.click(async ({ kept }, orgId) => {
    const recorder = await kept.pages[1].connect({ login: kept.pages[1].login() });
    return () => recorder.switchOrg(orgId);
  }, globex.id);
  const { value } = await browser.ended();
  assert.equal(value?.orgId, globex.id);
  await browser.popupClosed();
  assert.equal((await cloud.exchanges()).length, 1);

  const asked = await browser.run(
    async ({ kept }, token, orgId) => {
      let asked = 0;
      const getToken = async () => {
        asked += 1;
        return token;
      };
      await (await kept.pages[2].connect({ getToken })).switchOrg(orgId);
      return asked;
    },
    await cloud.token(globex),
    globex.id,
  );
  assert.equal(asked, 1);
});

test("two recorders of one page share as two pages do", async () => {
  const asked = await browser.run(
    async ({ connect }, token, orgId) => {
      let asked = 0;
      const getToken = async () => {
        asked += 1;
        return token;
      };
      const recorders = await Promise.all([connect({ getToken }), connect({ getToken })]);
      await Promise.all(recorders.map((recorder) => recorder.switchOrg(orgId)));
      return asked;
    },
    await cloud.token(globex),
    globex.id,
  );
  assert.equal(asked, 1);
});

test("nonsense on the channels of this origin harms nobody", async () => {
  const { names, codes } = await browser.run(
    async ({ frames, settle }, token, orgId) => {
      const names = new Set();
      const pages = await frames(2);
      const channels = [];
      for (const { realm } of pages) {
        const { BroadcastChannel } = realm;
        realm.BroadcastChannel = class extends BroadcastChannel {
          constructor(name) {
            super(name);
            if (names.has(name)) return;
            names.add(name);
            channels.push(new BroadcastChannel(name));
          }
        };
      }
      const getToken = async () => token;
      const codes = [];
      for (const page of pages) {
        const recorder = await page.connect({ getToken });
        const going = settle(recorder.switchOrg(orgId));
        for (const channel of channels) {
          for (const what of [
            null,
            42,
            "x",
            [],
            {},
            { question: "x" },
            { question: {} },
            { answer: 1, accessToken: 42 },
          ]) {
            channel.postMessage(what);
          }
        }
        const { value, error } = await going;
        codes.push(error?.code ?? value.orgId);
      }
      return { names: names.size, codes };
    },
    await cloud.token(globex),
    globex.id,
  );
  assert.ok(names > 0);
  assert.deepEqual(codes, [globex.id, globex.id]);
});

describe("another tab", () => {
  const asks = (token, orgId) => {
    return browser.run(
      async ({ connect, kept }, token, orgId) => {
        let asked = 0;
        const getToken = async () => {
          asked += 1;
          return token;
        };
        kept.recorder = await connect({ getToken });
        await kept.recorder.switchOrg(orgId);
        return asked;
      },
      token,
      orgId,
    );
  };

  test("with the app in the same host's page is handed the token", async () => {
    const token = await cloud.token(globex);
    assert.equal(await asks(token, globex.id), 1);
    await browser.driver.switchTo().newWindow("tab");
    await browser.openEmpty({ orgId: globex.id });
    assert.equal(await asks(token, globex.id), 0);
  });

  test("with the app alone is in another partition, and obtains its own", async () => {
    const token = await cloud.token(globex);
    assert.equal(await asks(token, globex.id), 1);
    await browser.driver.switchTo().newWindow("tab");
    const { apps, name } = cloud.environment;
    const launch = new URLSearchParams({ gcHostOrigin: apps, gcTargetEnv: name });
    await browser.driver.get(`${browser.appOrigin}/config.json?${launch}`);
    assert.equal(await asks(token, globex.id), 1);
  });
});

/** The id of the one recording that there is. */
async function onlyRecording() {
  const recordings = await cloud.recordings();
  assert.equal(recordings.length, 1);
  return recordings[0].id;
}

/** A start in each of so many frames at once; how often getToken was called in all, and what each came to. */
function inFrames(count, token, options = {}, missing = "") {
  return browser.run(
    async ({ frames }, count, token, options, missing, orgId, agentId) => {
      let asked = 0;
      const getToken = async () => {
        asked += 1;
        return token;
      };
      const pages = await frames(count);
      for (const { realm } of pages) {
        if (["locks", "both"].includes(missing))
          realm.eval("Object.defineProperty(navigator, 'locks', { value: undefined })");
        if (["BroadcastChannel", "both"].includes(missing)) delete realm.BroadcastChannel;
      }
      const recorders = await Promise.all(pages.map((page) => page.connect({ getToken, orgId, ...options })));
      const calls = recorders.map((recorder, at) => pages[at].settle(recorder.startRecording(agentId)));
      const outcomes = (await Promise.all(calls)).map(({ value, error }) => (error ? error.everything : value.id));
      return { asked, outcomes };
    },
    count,
    token,
    options,
    missing,
    globex.id,
    agentId,
  );
}
