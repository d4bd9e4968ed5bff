// A Premium App that records agents' screens: what a user of the package writes.
//
// Its launch URL may carry, beside what the host says,
//   `hold=<orgId>,<orgId>`: the organizations that it holds tokens of at the start, `hold=` for none; else Acme, Globex;
//   `login=popup`, `redirect` or `none`: how people sign in to the others; else in a popup.
import { connect, isRecorderError } from "premium-recorder";
import { Backend } from "./backend.js";
import * as many from "./many.js";
import * as page from "./page.js";
import * as recordings from "./recordings.js";

const HELD = ["Acme", "Globex"];
const REDIRECT_URIS = { popup: "/premium-recorder/callback.html", redirect: "/" };

// Back from a sign-in there is nothing but its answer in the address, until connect() has put the launch URL back.
const isBack = new URLSearchParams(location.search).has("state");
const launch = () => new URLSearchParams(location.search);
const loginMode = isBack ? "redirect" : (launch().get("login") ?? "popup");

async function run() {
  const { environments, login } = await (await fetch("/config.json")).json();
  const recorder = await connected({ environments, ...loginOption(login) });
  const backend = new Backend(recorder.environment);
  const orgs = await backend.orgs();
  for (const org of orgs.filter(isHeld)) {
    await recorder.addToken(await backend.token(org));
  }

  const show = () => {
    page.showOrganization(orgs.find(({ id }) => id === recorder.orgId));
    page.showTokens(recorder.orgs(), { signIn: loginMode !== "none" });
  };
  page.showEnvironment(recorder.environment);
  page.offerOrganizations(orgs);
  show();

  page.onStart((agentId) =>
    attempt(async () => {
      const recording = await recorder.startRecording(agentId);
      page.sayStarted(recording);
      recordings.show(recording, page.who);
      show();
    }),
  );
  // Also after a reload: a recording is taken up again by what the cloud lists.
  page.onList((which) =>
    attempt(async () => {
      const listed = await recorder.recordings(which);
      recordings.showAll(listed, page.who);
      page.say(`Recordings listed: ${listed.length}.`);
    }),
  );
  recordings.onWork(
    (work, recording) =>
      page.isWaiting() ||
      attempt(async () => {
        const now = work === "Stop" ? await recording.stop() : await recording.refresh();
        recordings.show(now, page.who);
        page.say(`The recording of ${page.who(now).agent}: ${now.state}.`);
      }),
  );
  let batch;
  many.onCancel(() => batch?.abort());
  many.onRecordAll(
    () =>
      page.isWaiting() ||
      attempt(async () => {
        batch = new AbortController();
        const held = new Set(recorder.orgs().map(({ orgId }) => orgId));
        const agents = orgs
          .filter(({ id }) => held.has(id))
          .flatMap((org) => org.agents.map(({ id }) => ({ agentId: id, orgId: org.id })));
        many.begin(agents.length);
        try {
          const { signal } = batch;
          const results = await recorder.startMany(agents, { signal, onProgress: many.showProgress });
          many.showResults(agents.map((agent, at) => ({ ...page.who(agent), result: results[at] })));
          const recorded = results.filter(({ status }) => status === "fulfilled").length;
          page.say(`Of ${agents.length} agents, ${recorded} are being recorded.`);
        } finally {
          many.end();
        }
        show();
      }),
  );
  page.onDiagnose((agentId) => attempt(async () => page.showDiagnosis(await recorder.diagnose(agentId))));
  page.onSwitch((org) =>
    attempt(async () => {
      await recorder.switchOrg(org.id);
      show();
      page.say(`Now for ${org.name}.`);
    }),
  );
  page.onToken((org) =>
    attempt(async () => {
      await recorder.addToken(await backend.token(org));
      show();
      page.say(`A token of ${org.name} is held now.`);
    }),
  );
  page.onSignIn((org) =>
    attempt(async () => {
      await recorder.switchOrg(org.id);
      show();
      page.say(`Signed in. Now for ${org.name}.`);
    }),
  );
  page.onSignOut(() =>
    attempt(async () => {
      // What could not be revoked is forgotten all the same.
      await recorder.signOut().finally(show);
      page.say("Signed out: no token is held any more.");
    }),
  );
}

/** A sign-in that failed is over; the app goes on without. */
async function connected(options) {
  try {
    return await connect(options);
  } catch (error) {
    if (!isBack || !isRecorderError(error)) throw error;
    page.sayRefused(error);
    return connect(options);
  }
}

function loginOption({ clientId }) {
  const path = REDIRECT_URIS[loginMode];
  return path && { login: { clientId, mode: loginMode, redirectUri: new URL(path, location.origin).href } };
}

function isHeld({ id, name }) {
  const hold = launch().get("hold");
  return hold === null ? HELD.includes(name) : hold.split(",").includes(id);
}

async function attempt(action) {
  page.wait();
  try {
    await action();
  } catch (error) {
    if (isRecorderError(error)) page.sayRefused(error);
    else page.say(`The app failed: ${error}`);
  } finally {
    page.ready();
  }
}

await attempt(run);
