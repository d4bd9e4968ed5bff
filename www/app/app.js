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
import { Backend } from "./backend.js";
import { clientApp } from "./client-app.js";
import { Customers } from "./customers.js";
import { begin, followHeight, tell } from "./demonstration.js";
import { showProblem } from "./problem.js";
import { RecorderApp } from "./recorder-app.js";
import { during, say } from "./status.js";
import de from "./texts/de.js";
import en from "./texts/en.js";

const HELD = ["Acme", "Globex"];
const REDIRECT_URIS = { popup: "/premium-recorder/callback.html", redirect: "/" };

// Back from a sign-in there is nothing but its answer in the address, until connect() has put the launch URL back.
const isBack = new URLSearchParams(location.search).has("state");
const launch = (name) => new URLSearchParams(location.search).get(name);
const loginMode = isBack ? "redirect" : (launch("login") ?? "popup");
const canSignIn = loginMode !== "none";

let speech = speak(launch("gcLangTag") ?? navigator.language, { en, de });
const customers = new Customers();

followHeight(document.body);
watchConnection();
await during(speech.text.loading, run).catch((error) => {
  showProblem(error, { customers, speech, title: speech.text.notStarted });
  find("#app").dataset.state = "failed";
  for (const section of document.querySelectorAll("section.card")) section.hidden = true;
  say(speech.text.notStarted);
});

async function run() {
  // The host's first words may come as soon as the page is loaded, so the app listens before it does anything else.
  const up = Promise.withResolvers();
  const hooks = { isUp: up.promise, onFocus() {}, onStop() {} };
  const early = isBack ? undefined : clientApp(hooks);
  const { environments, login } = await (await fetch("/config.json")).json();
  let backend;
  const getToken = ({ orgId }) => {
    const org = customers.org(orgId);
    return org && isHeld(org) ? backend.token(org) : null;
  };
  const recorder = await connected({
    environments,
    ...loginOption(login),
    ...(launch("source") === "backend" && { getToken }),
    onEvent: (event) => tell("event", event),
  });
  // After a sign-in by redirect, connect() has restored the launch URL.
  const host = early ?? clientApp(hooks);
  hooks.onStop = () => recorder.close();
  speech = speak(recorder.launch.langTag ?? navigator.language, { en, de });
  document.title = speech.text.title;
  setTheme(launch("theme"));

  backend = new Backend(recorder.environment);
  customers.orgs = await backend.orgs();
  for (const org of customers.orgs.filter(isHeld)) await recorder.addToken(await backend.token(org));

  const app = new RecorderApp({ recorder, backend, customers, speech, canSignIn, clientApp: host });
  hooks.onFocus = () => app.list({ quietly: true });
  begin(recorder.environment.apps, commands(app, recorder, backend));
  app.show();
  up.resolve();
  await app.list({ quietly: true });
}

/** What the demonstration around the app can ask for. */
function commands(app, recorder, backend) {
  return {
    theme: ({ theme }) => setTheme(theme),
    makeIdle: () => app.idleRow().then((row) => row?.agent.id),
    async record({ agentId, times = 1 }) {
      const row = app.row(agentId) ?? (await app.idleRow());
      if (!row) return undefined;
      await Promise.all(Array.from({ length: times }, () => app.record(row.agent, row)));
      return { agentId: row.agent.id, running: row.isRunning };
    },
    async token({ orgId = recorder.orgId, ...options }) {
      await recorder.addToken(await backend.token(customers.org(orgId), options));
      app.show();
    },
    revoke: () => backend.revoke(app.org),
    async naive({ agentId, tokenOrgId, headerOrgId }) {
      const answer = await backend.naiveStart(agentId, customers.org(tokenOrgId), customers.org(headerOrgId));
      tell("naive", answer);
      return answer;
    },
  };
}

/** A sign-in that failed is over; the app goes on without. */
async function connected(options) {
  try {
    return await connect(options);
  } catch (error) {
    if (!isBack || !isRecorderError(error)) throw error;
    const recorder = await connect(options);
    queueMicrotask(() => {
      showProblem(error, { customers, speech, title: speech.text.signInFailed });
      say(`${speech.text.signInFailed}.`);
    });
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
