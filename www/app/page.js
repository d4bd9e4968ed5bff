// What the app shows, and what the user asks of it.

const find = (selector) => document.querySelector(selector);
const outcome = find("#outcome");

const KNOWN_BY = { claim: "held, says its claim", cloud: "held, says the cloud" };

let orgs = [];
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
      const how = summary ? [KNOWN_BY[summary.knownBy]] : ways.map((way) => button(way, org));
      return element("li", element("span", org.name), element("span", ...how));
    }),
  );
}

export function onStart(start) {
  find("#record").addEventListener("submit", (event) => {
    event.preventDefault();
    const agent = new FormData(event.target).get("agent");
    if (agent && !waiting) start(agent);
  });
}

/** The doctor is asked about the agent that is chosen, or about nobody. */
export function onDiagnose(diagnose) {
  find("#diagnose").addEventListener("click", () => {
    if (!waiting) diagnose(new FormData(find("#record")).get("agent") ?? undefined);
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

export function sayStarted(recording) {
  const org = orgs.find(({ id }) => id === recording.orgId);
  const agent = org?.agents.find(({ id }) => id === recording.agentId);
  const facts = Object.entries({
    Agent: agent?.name ?? recording.agentId,
    Organization: org?.name ?? recording.orgId,
    State: recording.state,
    Recording: recording.id,
  });
  const list = element("dl", ...facts.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
  outcome.className = "started";
  outcome.replaceChildren(element("p", element("strong", "Recording started")), list);
}

/** The doctor's report, as a table of its own; the live region only says how it went. */
export function showDiagnosis(lines) {
  const count = (verdict) => lines.filter((line) => line.verdict === verdict).length;
  find("#diagnosis").replaceChildren(
    ...lines.map(({ check, verdict, found, expected, hint }) => {
      const head = element("th", check);
      head.scope = "row";
      const row = element("tr", head, ...[verdict, found, expected, hint].map((text) => element("td", text)));
      row.className = verdict;
      return row;
    }),
  );
  find("#doctor").hidden = false;
  say(`Diagnosis: ${count("fail")} in the way, ${count("warn")} to look at, ${count("ok")} as they should be.`);
}

/** The library's no: the message begins with the code. */
export function sayRefused({ message, hint }) {
  outcome.className = "refused";
  outcome.replaceChildren(element("p", element("strong", message)), element("p", hint));
}

function choice({ id, name, loggedIn }, at) {
  const radio = element("input");
  Object.assign(radio, { type: "radio", name: "agent", value: id, checked: at === 0 });
  return element("label", radio, element("span", loggedIn ? name : `${name} (logged out)`));
}

function button(way, org) {
  const button = element("button", `${way} ${org.name}`);
  button.type = "button";
  Object.assign(button.dataset, { way, orgId: org.id });
  return button;
}

function element(name, ...children) {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}
