// A Premium App that records agents' screens: what a user of the package writes.
//
// Its launch URL may carry, beside what the host says,
//   `hold=<orgId>,<orgId>`: the organizations that it holds tokens of at the start, `hold=` for none; else Acme, Globex;
//   `source=backend`: the vendor's server renews the tokens of those organizations;
//   `login=popup`, `redirect` or `none`: how people sign in to the others; else in a popup;
//   `theme=light` or `dark`; else as the system is.
import { connect, isRecorderError } from "premium-recorder";
import { find } from "../shared/element.js";
import { speak } from "../shared/language.js";
import { orgLabel } from "../shared/mark.js";
import { Access, showSignIn } from "./access.js";
import { Agents } from "./agents.js";
import { Backend } from "./backend.js";
import { clientApp } from "./client-app.js";
import { begin, followHeight, tell } from "./demonstration.js";
import { Many } from "./many.js";
import { problemCard, reason } from "./problem.js";
import { Recordings } from "./recordings.js";
import { showReport } from "./setup.js";
import { during, say } from "./status.js";
import de from "./texts/de.js";
import en from "./texts/en.js";

const HELD = ["Acme", "Globex"];
const REDIRECT_URIS = { popup: "/premium-recorder/callback.html", redirect: "/" };
/** Errors after which signing in is what helps. */
const SIGN_IN_HELPS = ["ORG_MISMATCH", "NO_TOKEN", "UNAUTHENTICATED", "TOKEN_EXPIRED", "TOKEN_SOURCE_FAILED"];

// Back from a sign-in there is nothing but its answer in the address, until connect() has put the launch URL back.
const isBack = new URLSearchParams(location.search).has("state");
const launch = (name) => new URLSearchParams(location.search).get(name);
const loginMode = isBack ? "redirect" : (launch("login") ?? "popup");
const canSignIn = loginMode !== "none";

let speech = speak(launch("gcLangTag") ?? navigator.language, { en, de });
let orgs = [];

followHeight(document.body);
watchConnection();
await during(undefined, run).catch((error) => {
  showProblem(error, { title: speech.text.notStarted });
  find("#app").dataset.state = "failed";
  for (const section of document.querySelectorAll("section.card")) section.hidden = true;
  say(speech.text.notStarted);
});

async function run() {
  // The host's first words may come as soon as the page is loaded, so the app listens before it does anything else.
  const up = Promise.withResolvers();
  const hooks = { isUp: up.promise, onFocus() {}, onStop() {} };
  let app = isBack ? undefined : clientApp(hooks);
  const { environments, login } = await (await fetch("/config.json")).json();
  let backend;
  const getToken = ({ orgId }) => {
    const org = orgs.find(({ id }) => id === orgId);
    return org && isHeld(org) ? backend.token(org) : null;
  };
  const recorder = await connected({
    environments,
    ...loginOption(login),
    ...(launch("source") === "backend" && { getToken }),
    onEvent: (event) => tell("event", event),
  });
  app ??= clientApp(hooks);
  hooks.onFocus = () => list({ quietly: true });
  hooks.onStop = () => recorder.close();
  speech = speak(recorder.launch.langTag ?? navigator.language, { en, de });
  document.title = speech.text.title;
  setTheme(launch("theme"));
  const { text } = speech;

  backend = new Backend(recorder.environment);
  orgs = await backend.orgs();
  for (const org of orgs.filter(isHeld)) await recorder.addToken(await backend.token(org));

  const current = () => orgs.find(({ id }) => id === recorder.orgId);
  const isHeldNow = (org) => recorder.orgs().some(({ orgId }) => orgId === org?.id);
  const agents = new Agents(text, (agent, row) => (row.isRunning ? stop(row.recording, row) : record(agent, row)));
  const recordings = new Recordings(speech, names, (recording) => stop(recording));
  const access = new Access(speech, orgs, canSignIn, { signIn, getToken: addToken, switchTo, signOut });
  let batch;
  const many = new Many(text, { start: recordEveryone, end: () => batch?.abort() });
  let asked;

  function show() {
    const org = current();
    const held = recorder.orgs();
    find("#where").replaceChildren(org ? orgLabel(org) : text.noOrganization, text.where(recorder.environment.name));
    showSignIn(find("#sign-in"), { org, isHeld: isHeldNow(org), canSignIn, text, signIn });
    agents.show(org, (agentId) => recordings.of(agentId, org.id));
    recordings.show(org?.id);
    access.show(held, org?.id);
    many.offer(orgs.filter(isHeldNow).map(({ name }) => name));
    find("#check").disabled = false;
    Object.assign(find("#app").dataset, { state: "ready", org: org?.id ?? "" });
    tell("tokens", { held, orgId: recorder.orgId });
  }

  function keep(...all) {
    recordings.add(...all);
    app.count(recordings.running.length);
    show();
  }

  async function record(agent, row) {
    const org = current();
    asked = agent;
    const call = { id: crypto.randomUUID(), agentId: agent.id, orgId: org.id };
    tell("call", { ...call, state: "begun" });
    await row.during("starting", () =>
      during(text.startingAgent(agent.name), async () => {
        try {
          const recording = await recorder.startRecording(agent.id);
          tell("call", {
            ...call,
            state: "settled",
            recordingId: recording.id,
            alreadyRunning: recording.alreadyRunning,
          });
          keep(recording);
          const said = recording.alreadyRunning ? text.alreadyRunning(agent.name) : text.started(agent.name, org.name);
          say(said);
          app.toast(text.title, said, "success");
        } catch (error) {
          tell("call", { ...call, state: "settled", error: told(error) });
          const isOpen = error.code === "OUTCOME_UNKNOWN";
          const title = isOpen ? text.unknownFor(agent.name) : text.failedFor(agent.name);
          const again = [text.tryAgain, () => record(agent, row)];
          show();
          fail(error, { title, agent, org, row, again });
        }
      }),
    );
  }

  /** `row`: the agent's, if it is on the list. */
  async function stop(recording, row = agents.row(recording.agentId)) {
    const { agent, org } = names(recording);
    const work = () =>
      during(text.stoppingAgent(agent.name), async () => {
        try {
          keep(await recording.stop());
          say(text.stopped(agent.name));
        } catch (error) {
          fail(error, {
            title: text.stopFailed(agent.name),
            agent,
            org,
            row,
            again: [text.tryAgain, () => stop(recording, row)],
          });
        }
      });
    await (row ? row.during("stopping", work) : work());
  }

  async function recordEveryone() {
    batch = new AbortController();
    const chosen = orgs.filter(isHeldNow).flatMap((org) => org.agents.map((agent) => ({ agent, org })));
    many.begin(chosen.length);
    await attempt(text.everyone, async () => {
      const wanted = chosen.map(({ agent, org }) => ({ agentId: agent.id, orgId: org.id }));
      const options = { signal: batch.signal, onProgress: (progress) => many.progress(progress) };
      const results = await recorder.startMany(wanted, options);
      const recorded = results.filter(({ status }) => status === "fulfilled").map(({ value }) => value);
      keep(...recorded);
      many.show(
        results.flatMap(({ status, reason: error }, at) => {
          if (status === "fulfilled") return [];
          const { agent, org } = chosen[at];
          const why = isRecorderError(error) ? reason(error, { ...context(error), agent, org }) : text.cancelled;
          return [{ agent: agent.name, org: org.name, why }];
        }),
      );
      say(text.manyDone(recorded.length, chosen.length));
      app.toast(text.title, text.manyDone(recorded.length, chosen.length), "info");
    });
    many.end();
  }

  // Also after a reload: a recording is taken up again by what the cloud lists.
  async function list({ quietly = false } = {}) {
    if (!isHeldNow(current())) return;
    await attempt(quietly ? undefined : text.refresh, async () => {
      const listed = await recorder.recordings();
      keep(...listed);
      if (!quietly) say(text.listed(listed.length));
    });
  }

  async function check() {
    find("#check").ariaBusy = "true";
    await attempt(text.checking, async () => {
      const org = current();
      const agent = org?.agents.find(({ id }) => id === asked?.id) ?? org?.agents[0];
      say(showReport(await recorder.diagnose(agent?.id), { agent, org, text, named }));
    });
    find("#check").ariaBusy = "false";
  }

  function signIn(org) {
    return attempt(
      text.signIn(org.name),
      async () => {
        await recorder.switchOrg(org.id);
        show();
        say(text.nowSignedIn(org.name));
        await list({ quietly: true });
      },
      text.signInFailed,
    );
  }

  function switchTo(org) {
    return attempt(text.switchTo(org.name), async () => {
      await recorder.switchOrg(org.id);
      show();
      say(text.nowFor(org.name));
      await list({ quietly: true });
    });
  }

  function addToken(org) {
    return attempt(text.getToken(org.name), async () => {
      await recorder.addToken(await backend.token(org));
      show();
      say(text.hasToken(org.name));
    });
  }

  function signOut() {
    return attempt(text.signOut, async () => {
      // What could not be revoked is forgotten all the same.
      await recorder.signOut().finally(show);
      say(text.signedOut);
      find("#access button")?.focus();
    });
  }

  async function attempt(doing, work, title = text.somethingFailed) {
    // What the app does by itself takes no error away that a person may be reading.
    if (doing) find("#problem").replaceChildren();
    await during(doing, async () => {
      try {
        await work();
      } catch (error) {
        show();
        fail(error, { title });
      }
    });
  }

  function fail(error, { title, agent, org = current(), row, again }) {
    const helps = SIGN_IN_HELPS.includes(error.code) && org;
    const actions = [
      !canSignIn && helps && [text.getToken(org.name), () => addToken(org).then(() => row?.clear())],
      canSignIn && helps && [text.signIn(org.name), () => signIn(org).then(() => row?.clear())],
      again && (error.retryable || error.code?.startsWith("LOGIN_")) && again,
      error.code === "OUTCOME_UNKNOWN" ? [text.refresh, () => list()] : isRecorderError(error) && [text.check, check],
    ].filter(Boolean);
    showProblem(error, { title, agent, org, row, actions });
    say(`${title}.`);
    app.toast(title, reason(error, { ...context(error), agent, org }), "error");
  }

  /** An agent who can be recorded: if all of them are being recorded, the first one, after a stop. */
  async function makeIdle() {
    const present = agents.all.filter(({ agent, isBusy }) => agent.loggedIn && !isBusy);
    const row = present.find(({ isRunning }) => !isRunning) ?? present[0];
    if (row?.isRunning) await stop(row.recording, row);
    return row;
  }

  find("#refresh").addEventListener("click", () => list());
  find("#check").addEventListener("click", check);
  begin(recorder.environment.apps, {
    theme: ({ theme }) => setTheme(theme),
    makeIdle: () => makeIdle().then((row) => row?.agent.id),
    async record({ agentId, times = 1 }) {
      const row = agents.row(agentId) ?? (await makeIdle());
      if (!row) return undefined;
      await Promise.all(Array.from({ length: times }, () => record(row.agent, row)));
      return { agentId: row.agent.id, running: row.isRunning };
    },
    async token({ orgId = recorder.orgId, ...options }) {
      const org = orgs.find(({ id }) => id === orgId);
      await recorder.addToken(await backend.token(org, options));
      show();
    },
    revoke: () => backend.revoke(current()),
    async naive({ agentId, tokenOrgId, headerOrgId }) {
      const org = (id) => orgs.find((each) => each.id === id);
      const answer = await backend.naiveStart(agentId, org(tokenOrgId), org(headerOrgId));
      tell("naive", answer);
      return answer;
    },
  });

  show();
  up.resolve();
  await list({ quietly: true });
}

/** A sign-in that failed is over; the app goes on without. */
async function connected(options) {
  try {
    return await connect(options);
  } catch (error) {
    if (!isBack || !isRecorderError(error)) throw error;
    const recorder = await connect(options);
    queueMicrotask(() => showProblem(error, { title: speech.text.signInFailed }));
    return recorder;
  }
}

function loginOption({ clientId }) {
  const path = REDIRECT_URIS[loginMode];
  return path && { login: { clientId, mode: loginMode, redirectUri: new URL(path, location.origin).href } };
}

function isHeld({ id, name }) {
  const hold = launch("hold");
  return hold === null ? HELD.includes(name) : hold.split(",").includes(id);
}

function names({ agentId, orgId }) {
  const org = orgs.find(({ id }) => id === orgId);
  const agent = org?.agents.find(({ id }) => id === agentId) ?? { id: agentId, name: agentId };
  return { agent, org };
}

/** A text in which organizations and agents have their names. */
function named(words) {
  const all = orgs.flatMap((org) => [org, ...org.agents]);
  return all.reduce((said, { id, name }) => said.replaceAll(id, name), words);
}

function context(error) {
  const org = (orgId) => orgs.find(({ id }) => id === orgId);
  return { org: org(error.orgId), tokenOrg: org(error.tokenOrgId), text: speech.text, locale: speech.locale, named };
}

function showProblem(error, { title, agent, org, row, actions }) {
  const known = context(error);
  // In the list of agents, the card is below the list's own heading.
  const card = problemCard(error, { ...known, level: row ? "h3" : "h2", org: known.org ?? org, title, agent, actions });
  if (row) row.fail(card);
  else find("#problem").replaceChildren(card);
}

/** What the demonstration shows of an error. */
function told(error) {
  if (!isRecorderError(error)) return { message: String(error) };
  const { code, message, hint, status, orgId, tokenOrgId, correlationId, missingScopes, nearMiss } = error;
  return { code, message, hint, status, orgId, tokenOrgId, correlationId, missingScopes, nearMiss };
}

function setTheme(theme) {
  document.documentElement.style.colorScheme = ["light", "dark"].includes(theme) ? theme : "";
}

function watchConnection() {
  const show = () => {
    find("#offline").textContent = navigator.onLine ? "" : speech.text.offline;
    find("#offline").hidden = navigator.onLine;
  };
  window.addEventListener("online", show);
  window.addEventListener("offline", show);
  show();
}
