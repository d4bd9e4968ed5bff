// How long a token counts, and what replaces it.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { browser as open } from "./browser.mjs";
import { UNAUTHENTICATED } from "./cloud.mjs";

const REFUSED = /\/(api\/v2\/screenrecordings|oauth\/token) - Failed to load resource: .* (400|401|409)/;
const browser = open({ mayComplain: [REFUSED] });

let cloud, globex, agentId, other;
beforeEach(async () => {
  cloud = browser.cloud;
  globex = cloud.globex;
  [agentId, other] = globex.agents.map(({ id }) => id);
  await browser.openEmpty({ orgId: globex.id });
});

describe("a token's life is over, and it is not sent again,", () => {
  const LIVES = {
    "by its exp": { format: "jwt", expiresIn: 600, said: undefined, after: 601 },
    "by expires_in": { format: "opaque", expiresIn: 7200, said: 600, after: 601 },
    "by expires_in, where exp says later": { format: "jwt", expiresIn: 7200, said: 600, after: 601 },
    "by exp, where expires_in says later": { format: "jwt", expiresIn: 600, said: 7200, after: 601 },
  };
  for (const [what, { format, expiresIn, said, after }] of Object.entries(LIVES)) {
    test(what, async () => {
      const { reasons, orgIds } = await browser.run(
        async ({ connect, passTime }, [first, second], said, after, agents) => {
          const reasons = [];
          const getToken = ({ reason }) => {
            reasons.push(reason);
            return { accessToken: reasons.length === 1 ? first : second, expiresIn: said ?? undefined };
          };
          const recorder = await connect({ getToken });
          const recordings = [await recorder.startRecording(agents[0])];
          passTime(after);
          recordings.push(await recorder.startRecording(agents[1]));
          return { reasons, orgIds: recordings.map(({ orgId }) => orgId) };
        },
        [await cloud.token(globex, { format, expiresIn }), await cloud.token(globex, { format, expiresIn: 7200 })],
        said ?? null,
        after,
        [agentId, other],
      );
      assert.deepEqual(reasons, ["missing", "expired"]);
      assert.deepEqual(orgIds, [globex.id, globex.id]);
    });
  }

  test("by the cloud's idle timeout, if it has not been used since the cloud told", async () => {
    const reasons = await browser.run(
      async ({ connect, passTime }, [first, second], orgId, agents) => {
        const reasons = [];
        const getToken = ({ reason }) => {
          reasons.push(reason);
          return reasons.length === 1 ? first : second;
        };
        const recorder = await connect({ getToken });
        await recorder.switchOrg(orgId);
        passTime(1801);
        await recorder.startRecording(agents[0]);
        // Used, it may rest for as long again as the cloud pleases, which is for the cloud to say.
        passTime(3602);
        await recorder.startRecording(agents[1]);
        return reasons;
      },
      [await cloud.token(globex, { format: "opaque" }), await cloud.token(globex, { format: "opaque" })],
      globex.id,
      [agentId, other],
    );
    assert.deepEqual(reasons, ["missing", "expired"]);
  });

  test("while the machine slept: it is looked at when it is used, not by a timer", async () => {
    const { code, timers } = await browser.run(
      async ({ connect, settle, passTime }, token, agentId) => {
        const recorder = await connect({ tokens: [token] });
        const { timers } = window.watched.left();
        passTime(8 * 3600);
        const { error } = await settle(recorder.startRecording(agentId));
        return { code: error.code, timers };
      },
      await cloud.token(globex),
      agentId,
    );
    assert.equal(code, "TOKEN_EXPIRED");
    assert.equal(timers, 0);
    assert.deepEqual(await cloud.starts(), []);
  });
});

describe("the clock of this machine", () => {
  // An opaque token of Acme makes the cloud answer before Globex' token is judged.
  const start = async (shift, expiresIn) =>
    browser.run(
      async ({ connect, settle, passTime }, tokens, shift, agentId) => {
        passTime(shift);
        const recorder = await connect({ tokens });
        const { value, error } = await settle(recorder.startRecording(agentId));
        return error?.code ?? value.orgId;
      },
      [await cloud.token(cloud.acme, { format: "opaque" }), await cloud.token(globex, { expiresIn })],
      shift,
      agentId,
    );

  test("that is two hours ahead makes a good token count as expired, where the cloud's time cannot be read", async () => {
    assert.equal(await start(7200, 3600), "TOKEN_EXPIRED");
  });

  test("that is two hours ahead does not, where the cloud's time can be read", async () => {
    await cloud.change({ dateExposedByCors: true });
    assert.equal(await start(7200, 3600), globex.id);
  });

  test("that is two hours late makes no expired token count, where the cloud's time can be read", async () => {
    await cloud.change({ dateExposedByCors: true });
    assert.equal(await start(-7200, -1800), "TOKEN_EXPIRED");
    assert.deepEqual(await cloud.starts(), []);
  });
});

describe("shortly before its end a token", () => {
  const AHEAD = {
    "is used while another is obtained, in its last minute": { life: 3600, after: 3550, calls: 2 },
    "is used while another is obtained, in its last tenth": { life: 300, after: 280, calls: 2 },
    "is used alone before its last minute": { life: 3600, after: 3530, calls: 1 },
    "is used alone before its last tenth": { life: 300, after: 260, calls: 1 },
  };
  for (const [what, { life, after, calls }] of Object.entries(AHEAD)) {
    test(what, async () => {
      await cloud.change({ idleSeconds: 7200 });
      const orgIds = await browser.run(
        async ({ connect, kept, passTime }, token, life, after, agents, orgId) => {
          kept.asked = 0;
          // The second one never comes, so that whoever waits for it waits for ever.
          const getToken = () => {
            kept.asked += 1;
            return kept.asked === 1 ? { accessToken: token, expiresIn: life } : new Promise(() => {});
          };
          const recorder = await connect({ getToken, timeoutMs: 5000 });
          await recorder.switchOrg(orgId);
          passTime(after);
          const recordings = [await recorder.startRecording(agents[0]), await recorder.startRecording(agents[1])];
          return recordings.map(({ orgId }) => orgId);
        },
        await cloud.token(globex, { format: "opaque", expiresIn: 7200 }),
        life,
        after,
        [agentId, other],
        globex.id,
      );
      assert.deepEqual(orgIds, [globex.id, globex.id]);
      await browser.until(`getToken was called ${calls} times`, () => {
        return browser.run(({ kept }, calls) => kept.asked === calls, calls);
      });
    });
  }

  test("is replaced by the one that was obtained meanwhile", async () => {
    const { asked, lives } = await browser.run(
      async ({ connect, passTime }, tokens, agents, orgId) => {
        let asked = 0;
        const getToken = async () => ({ accessToken: tokens[asked++], expiresIn: 600 });
        const recorder = await connect({ getToken });
        const lives = [(await recorder.switchOrg(orgId)).expiresAt];
        passTime(570);
        await recorder.startRecording(agents[0]);
        // Firefox rounds both clocks, so a time of one by the other differs by a millisecond from call to call.
        while (recorder.orgs()[0].expiresAt - lives[0] < 1000) await new Promise((resolve) => setTimeout(resolve));
        lives.push(recorder.orgs()[0].expiresAt);
        await recorder.startRecording(agents[1]);
        return { asked, lives };
      },
      [await cloud.token(globex, { format: "opaque" }), await cloud.token(globex, { format: "opaque" })],
      [agentId, other],
      globex.id,
    );
    assert.equal(asked, 2);
    assert.ok(lives[1] - lives[0] > 500_000);
  });

  test("whose renewal fails is used until its end, and the failure is nobody's", async () => {
    const { codes, unhandled } = await browser.run(
      async ({ connect, settle, passTime }, token, agents) => {
        const unhandled = [];
        window.addEventListener("unhandledrejection", ({ reason }) => unhandled.push(String(reason)));
        let asked = 0;
        const getToken = async () => {
          asked += 1;
          if (asked > 1) throw new Error("the backend is down");
          return { accessToken: token, expiresIn: 600 };
        };
        const recorder = await connect({ getToken });
        const codes = [];
        await settle(recorder.switchOrg((await settle(recorder.startRecording(agents[0]))).value.orgId));
        for (const shift of [570, 601]) {
          passTime(shift);
          const { value, error } = await settle(recorder.startRecording(agents[1]));
          codes.push(error?.code ?? value.orgId);
        }
        return { codes, unhandled };
      },
      await cloud.token(globex, { format: "opaque" }),
      [agentId, other],
    );
    assert.deepEqual(codes, [globex.id, "TOKEN_SOURCE_FAILED"]);
    assert.deepEqual(unhandled, []);
  });
});

describe("a token that the cloud refuses (401)", () => {
  const start = async (second) =>
    browser.run(
      async ({ connect, settle }, tokens, agentId) => {
        const reasons = [];
        const getToken = ({ reason }) => {
          reasons.push(reason);
          return tokens[reasons.length - 1] ?? null;
        };
        const recorder = await connect({ getToken });
        const { value, error } = await settle(recorder.startRecording(agentId));
        return { outcome: error?.code ?? value.orgId, reasons };
      },
      [await cloud.token(globex), second],
      agentId,
    );

  test("is renewed once, and the start is sent once more", async () => {
    await cloud.spoilStart(UNAUTHENTICATED);
    const { outcome, reasons } = await start(await cloud.token(globex));
    assert.equal(outcome, globex.id);
    assert.deepEqual(reasons, ["missing", "rejected"]);
    assert.deepEqual(
      (await cloud.starts()).map(({ status }) => status),
      [401, 201],
    );
    assert.equal((await cloud.recordings()).length, 1);
  });

  test("twice: UNAUTHENTICATED, and there is no third start", async () => {
    await cloud.spoilStart(UNAUTHENTICATED);
    await cloud.spoilStart(UNAUTHENTICATED);
    const { outcome, reasons } = await start(await cloud.token(globex));
    assert.equal(outcome, "UNAUTHENTICATED");
    assert.deepEqual(reasons, ["missing", "rejected"]);
    assert.equal((await cloud.starts()).length, 2);
    assert.deepEqual(await cloud.recordings(), []);
  });

  test("and that getToken returns again: UNAUTHENTICATED, and it is not sent again", async () => {
    await cloud.spoilStart(UNAUTHENTICATED);
    const code = await browser.run(
      async ({ connect, settle }, token, agentId) => {
        const recorder = await connect({ getToken: () => token });
        return (await settle(recorder.startRecording(agentId))).error?.code;
      },
      await cloud.token(globex),
      agentId,
    );
    assert.equal(code, "UNAUTHENTICATED");
    assert.equal((await cloud.starts()).length, 1);
  });

  test("and is all that there is: UNAUTHENTICATED, and it is not sent again", async () => {
    await cloud.spoilStart(UNAUTHENTICATED);
    const token = await cloud.token(globex);
    const code = await browser.run(
      async ({ connect, settle }, token, agentId) => {
        const recorder = await connect({ tokens: [token] });
        return (await settle(recorder.startRecording(agentId))).error.code;
      },
      token,
      agentId,
    );
    assert.equal(code, "UNAUTHENTICATED");
    assert.equal((await cloud.starts()).length, 1);
  });

  test("by twenty calls at the same time is renewed once for all of them", async () => {
    const revoked = await cloud.token(globex);
    await fetch(`${cloud.environment.api}/api/v2/tokens/me`, {
      method: "DELETE",
      headers: { authorization: `Bearer ${revoked}` },
    });
    const { asked, started } = await browser.run(
      async ({ connect, settle }, revoked, token, agentId) => {
        let asked = 0;
        const getToken = async () => {
          asked += 1;
          return token;
        };
        const recorder = await connect({ tokens: [revoked], getToken });
        const calls = Array.from({ length: 20 }, () => settle(recorder.startRecording(agentId, { share: false })));
        const outcomes = await Promise.all(calls);
        return { asked, started: outcomes.map(({ value, error }) => error?.code ?? value.alreadyRunning) };
      },
      revoked,
      await cloud.token(globex),
      agentId,
    );
    assert.equal(asked, 1);
    assert.deepEqual(started.toSorted(), [false, ...Array(19).fill(true)]);
    const statuses = (await cloud.starts()).map(({ status }) => status);
    assert.deepEqual(statuses.toSorted(), [201, ...Array(20).fill(401), ...Array(19).fill(409)]);
    assert.equal((await cloud.recordings()).length, 1);
  });
});

describe("a refresh token", () => {
  beforeEach(() => cloud.change({ refreshTokens: true, accessTokenSeconds: 600 }));

  test("gives the next token without a window, each once", async () => {
    await signIn();
    for (let turn = 0; turn < 3; turn += 1) {
      await timePasses(700);
      assert.equal(await switched(), globex.id);
    }
    const exchanges = await cloud.exchanges();
    assert.deepEqual(
      exchanges.map(({ grantType, status }) => [grantType, status]),
      [["authorization_code", 200], ...Array(3).fill(["refresh_token", 200])],
    );
    assert.equal((await cloud.authorizations()).length, 1);
    assert.deepEqual(await stored(), []);
  });

  test("is used once by twenty calls at the same time", async () => {
    await signIn();
    await timePasses(700);
    const outcomes = await browser.run(async ({ kept, settle }, agentId) => {
      const calls = Array.from({ length: 20 }, () => settle(kept.recorder.startRecording(agentId, { share: false })));
      return (await Promise.all(calls)).map(({ value, error }) => error?.code ?? value.alreadyRunning);
    }, agentId);
    assert.deepEqual(outcomes.toSorted(), [false, ...Array(19).fill(true)]);
    assert.equal((await cloud.starts()).length, 20);
    assert.deepEqual(
      (await cloud.exchanges()).map(({ grantType }) => grantType),
      ["authorization_code", "refresh_token"],
    );
  });

  test("renews ahead, and nobody waits", async () => {
    await signIn();
    await timePasses(570);
    const recording = await browser.run(({ kept }, agentId) => kept.recorder.startRecording(agentId), agentId);
    assert.equal(recording.orgId, globex.id);
    await browser.until("the token is renewed", async () => {
      const exchanges = await cloud.exchanges();
      return exchanges.at(-1).grantType === "refresh_token" && exchanges.at(-1).status === 200;
    });
    assert.equal((await cloud.authorizations()).length, 1);
  });

  test("renews what the cloud refuses, and the start is sent once more", async () => {
    await signIn();
    await cloud.spoilStart(UNAUTHENTICATED);
    const recording = await browser.run(({ kept }, agentId) => kept.recorder.startRecording(agentId), agentId);
    assert.equal(recording.orgId, globex.id);
    assert.equal((await cloud.starts()).length, 2);
    assert.equal((await cloud.exchanges()).length, 2);
  });

  test("that the cloud refuses makes the next click sign in again", async () => {
    await signIn();
    await timePasses(700);
    await cloud.spoilExchange({ status: 400, body: { error: "invalid_grant" } });
    await browser.click(
      ({ kept }, agentId) =>
        () =>
          kept.recorder.startRecording(agentId),
      agentId,
    );
    await browser.clickAgainIfBlocked(agentId);
    // The cookie remembers who it is.
    assert.equal((await browser.ended()).value?.orgId, globex.id);
    assert.deepEqual(
      (await cloud.exchanges()).map(({ grantType, status }) => [grantType, status]),
      [
        ["authorization_code", 200],
        ["refresh_token", 400],
        ["authorization_code", 200],
      ],
    );
  });

  test("is not lost with an answer that is: CLOUD_UNAVAILABLE, and the next call uses it", async () => {
    await signIn();
    await timePasses(700);
    await cloud.spoilExchange({ status: 503, body: "upstream" });
    const code = await browser.run(async ({ kept, settle }, agentId) => {
      return (await settle(kept.recorder.startRecording(agentId))).error.code;
    }, agentId);
    assert.equal(code, "CLOUD_UNAVAILABLE");
    assert.equal(await switched(), globex.id);
    assert.equal((await cloud.authorizations()).length, 1);
  });

  // The login origin has used it up, and revokes what came of it when it sees it again.
  test("whose answer is lost: the next call tries it again, the person signs in again, and one recording is made", async () => {
    await signIn();
    await timePasses(700);
    await cloud.spoilExchange({ reset: "after" });
    let outcome;
    // The lost answer, and in WebKit the window that comes too late, each end a call.
    for (let turn = 0; turn < 3 && !outcome?.value; turn += 1) {
      await browser.click(
        ({ kept }, agentId) =>
          () =>
            kept.recorder.startRecording(agentId),
        agentId,
      );
      outcome = await browser.ended();
    }
    assert.equal(outcome.value?.orgId, globex.id);
    assert.deepEqual(
      (await cloud.exchanges()).map(({ grantType, status }) => [grantType, status]),
      [
        ["authorization_code", 200],
        ["refresh_token", null],
        ["refresh_token", 400],
        ["authorization_code", 200],
      ],
    );
    assert.equal((await cloud.recordings()).length, 1);
  });

  async function signIn() {
    await browser.click(async ({ connect, login, kept }, orgId) => {
      kept.recorder = await connect({ login: login() });
      return () => kept.recorder.switchOrg(orgId);
    }, globex.id);
    await browser.signInThere(globex);
    assert.equal((await browser.ended()).value.orgId, globex.id);
  }

  /** For the cloud and for the page. */
  async function timePasses(seconds) {
    await cloud.advance(seconds, { pageKnows: true });
    await browser.run(({ kept, passTime }, seconds) => {
      kept.passed = (kept.passed ?? 0) + seconds;
      passTime(kept.passed);
    }, seconds);
  }

  function switched() {
    return browser.run(async ({ kept }, orgId) => (await kept.recorder.switchOrg(orgId)).orgId, globex.id);
  }

  function stored() {
    return browser.driver.executeScript("return [...Object.keys(localStorage), ...Object.keys(sessionStorage)]");
  }
});
