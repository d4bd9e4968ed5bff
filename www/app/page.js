// What the app shows, and what the user asks of it.
import { button, element, find, row } from "./element.js";

const outcome = find("#outcome");

const KNOWN_BY = { claim: "held, says its claim", cloud: "held, says the cloud" };

let orgs = [];
let shown;
let waiting = false;

export function showEnvironment({ name, api }) {
  find("#environment").textContent = `${name} (${api})`;
}

export function offerOrganizations(all) {
  orgs = all;
  find("#target").replaceChildren(...orgs.map(({ id, name }) => new Option(name, id)));
}

/** The organization that a recording is started in, and its agents. */
export function showOrganization(org) {
  // The choice of an agent stays while the organization does.
  if (org && org === shown) return;
  shown = org;
  find("#organization").textContent = org ? `${org.name} (${org.id})` : "none: choose one";
  find("#agents").replaceChildren(...(org?.agents ?? []).map(choice));
  if (org) find("#target").value = org.id;
}

/** Which organizations a token is held of; of the others one can be obtained. */
export function showTokens(held, { signIn }) {
  const ways = signIn ? ["Get a token for", "Sign in to"] : ["Get a token for"];
  find("#tokens").replaceChildren(
    ...orgs.map((org) => {
      const summary = held.find(({ orgId }) => orgId === org.id);
      const how = summary
        ? [KNOWN_BY[summary.knownBy]]
        : ways.map((way) => button(`${way} ${org.name}`, { way, orgId: org.id }));
      return element("li", element("span", org.name), element("span", ...how));
    }),
  );
}

export function onStart(start) {
  find("#record").addEventListener("submit", (event) => {
    event.preventDefault();
    const agent = chosenAgent();
    if (agent && !waiting) start(agent);
  });
}

/** Of the agent that is chosen, or of the whole organization. */
export function onList(list) {
  find("#of-agent").addEventListener("click", () => {
    const agentId = chosenAgent();
    if (agentId && !waiting) list({ agentId });
  });
  find("#of-org").addEventListener("click", () => waiting || list({}));
}

/** The doctor is asked about the agent that is chosen, or about nobody. */
export function onDiagnose(diagnose) {
  find("#diagnose").addEventListener("click", () => {
    if (!waiting) diagnose(chosenAgent());
  });
}

export function onSwitch(change) {
  find("#switch").addEventListener("submit", (event) => {
    event.preventDefault();
    const org = orgs.find(({ id }) => id === find("#target").value);
    if (org && !waiting) change(org);
  });
}

export function onToken(get) {
  onObtain("Get a token for", get);
}

export function onSignIn(signIn) {
  onObtain("Sign in to", signIn);
}

export function onSignOut(signOut) {
  find("#sign-out").addEventListener("click", () => waiting || signOut());
}

function onObtain(way, obtain) {
  find("#tokens").addEventListener("click", async ({ target }) => {
    const org = orgs.find(({ id }) => id === target.dataset.orgId);
    if (!org || waiting || target.dataset.way !== way) return;
    await obtain(org);
    // The button is gone once it has done its work; the next step is this one.
    if (!target.isConnected) find("#record button").focus();
  });
}

function chosenAgent() {
  return new FormData(find("#record")).get("agent") ?? undefined;
}

export function isWaiting() {
  return waiting;
}

/** Something is under way: it is announced when it is over, and no second one begins before. */
export function wait() {
  waiting = true;
  outcome.ariaBusy = "true";
}

export function ready() {
  waiting = false;
  outcome.ariaBusy = "false";
}

export function say(text) {
  outcome.className = "";
  outcome.replaceChildren(element("p", text));
}

/** The names of an agent and an organization, as far as they are known. */
export function who({ agentId, orgId }) {
  const org = orgs.find(({ id }) => id === orgId);
  const agent = org?.agents.find(({ id }) => id === agentId);
  return { agent: agent?.name ?? agentId, org: org?.name ?? orgId };
}

export function sayStarted(recording) {
  const { agent, org } = who(recording);
  const title = recording.alreadyRunning ? `${agent} is being recorded already` : "Recording started";
  const facts = { Agent: agent, Organization: org, State: recording.state, Recording: recording.id };
  outcome.className = "started";
  outcome.replaceChildren(element("p", element("strong", title)), described(facts));
}

/** The doctor's report, as a table of its own; the live region only says how it went. */
export function showDiagnosis(lines) {
  const count = (verdict) => lines.filter((line) => line.verdict === verdict).length;
  find("#diagnosis").replaceChildren(
    ...lines.map(({ check, verdict, found, expected, hint }) => {
      const line = row(check, verdict, found, expected, hint);
      line.className = verdict;
      return line;
    }),
  );
  find("#doctor").hidden = false;
  say(`Diagnosis: ${count("fail")} in the way, ${count("warn")} to look at, ${count("ok")} as they should be.`);
}

/** The library's no: the message begins with the code. */
export function sayRefused({ message, hint, code, seenRecordings }) {
  outcome.className = "refused";
  const seen = code === "OUTCOME_UNKNOWN" ? [seenOnes(seenRecordings)] : [];
  outcome.replaceChildren(element("p", element("strong", message)), element("p", hint), ...seen);
}

/** What the cloud listed of the agent when a start was looked for whose answer was lost. */
function seenOnes(seen) {
  if (!seen) return element("p", "Seen: nothing, as the cloud did not list the agent's recordings.");
  if (seen.length === 0) return element("p", "Seen: no recording of the agent.");
  const lines = seen.map(({ id, state, startedAt }) => [id, state, startedAt && `since ${startedAt}`]);
  const list = element("ul", ...lines.map((facts) => element("li", facts.filter(Boolean).join(", "))));
  return element("div", element("p", "Seen of the agent:"), list);
}

function described(facts) {
  return element(
    "dl",
    ...Object.entries(facts).flatMap(([name, value]) => [element("dt", name), element("dd", value)]),
  );
}

function choice({ id, name, loggedIn }, at) {
  const radio = element("input");
  Object.assign(radio, { type: "radio", name: "agent", value: id, checked: at === 0 });
  return element("label", radio, element("span", loggedIn ? name : `${name} (logged out)`));
}
