// What a person can do in the app: record, stop, sign in, and check the setup. Each says what it does and what came of it.
import { isRecorderError } from "premium-recorder";
import { find } from "../shared/element.js";
import { orgLabel } from "../shared/mark.js";
import { Access, showSignIn } from "./access.js";
import { Agents } from "./agents.js";
import { tell, told } from "./demonstration.js";
import { Many } from "./many.js";
import { clearProblem, reason, showProblem } from "./problem.js";
import { Recordings } from "./recordings.js";
import { showReport } from "./setup.js";
import { during, say } from "./status.js";

/** Errors after which signing in is what helps. */
const SIGN_IN_HELPS = ["ORG_MISMATCH", "NO_TOKEN", "UNAUTHENTICATED", "TOKEN_EXPIRED", "TOKEN_SOURCE_FAILED"];
const MAY_HAVE_STARTED = ["OUTCOME_UNKNOWN", "PANICKED", "CLOSED"];
const MAY_HAVE_STOPPED = ["NETWORK", "TIMEOUT", "CLOUD_UNAVAILABLE", "UNEXPECTED_ANSWER", "PANICKED", "CLOSED"];

/** The focus goes along: the report is below the button, and the error that has the other button may go. */
function pressCheck() {
  find("#check").focus();
  find("#check").click();
}

export class RecorderApp {
  #recorder;
  #backend;
  #customers;
  #speech;
  #canSignIn;
  #clientApp;
  #agents;
  #recordings;
  #access;
  #many;
  #batch;
  #lastAgent;

  constructor({ recorder, backend, customers, speech, canSignIn, clientApp }) {
    this.#recorder = recorder;
    this.#backend = backend;
    this.#customers = customers;
    this.#speech = speech;
    this.#canSignIn = canSignIn;
    this.#clientApp = clientApp;
    this.#agents = new Agents(speech.text, (agent, row) =>
      row.isRunning ? this.#stop(row.recording) : this.record(agent, row),
    );
    this.#recordings = new Recordings(speech, customers, (recording) => this.#stop(recording));
    this.#access = new Access(speech, customers.orgs, canSignIn, {
      signIn: (org) => this.#signIn(org),
      getToken: (org) => this.#getToken(org),
      switchTo: (org) => this.#switchTo(org),
      signOut: () => this.#signOut(),
    });
    this.#many = new Many(speech.text, { start: () => this.#recordEveryone(), end: () => this.#batch?.abort() });
    find("#refresh").addEventListener("click", () => this.list());
    find("#check").addEventListener("click", () => this.#check());
  }

  /** The organization of calls that name none. */
  get org() {
    return this.#customers.org(this.#recorder.orgId);
  }

  show() {
    const { org } = this;
    const { text } = this.#speech;
    const held = this.#recorder.orgs();
    const { name } = this.#recorder.environment;
    find("#where").replaceChildren(org ? orgLabel(org) : text.noOrganization, text.where(name));
    showSignIn(find("#sign-in"), {
      org,
      isHeld: this.#isHeld(org),
      canSignIn: this.#canSignIn,
      text,
      signIn: (org) => this.#signIn(org),
    });
    this.#agents.show(org, (agentId) => this.#recordings.of(agentId, org.id));
    this.#recordings.show(org?.id);
    this.#access.show(held, org?.id);
    this.#many.offer(this.#heldOrgs().map(({ name }) => name));
    find("#check").disabled = false;
    Object.assign(find("#app").dataset, { state: "ready", org: org?.id ?? "" });
    tell("tokens", { held, orgId: this.#recorder.orgId });
  }

  async record(agent, row) {
    const { text } = this.#speech;
    const { org } = this;
    this.#lastAgent = agent;
    const call = { id: crypto.randomUUID(), agentId: agent.id, orgId: org.id };
    tell("call", { ...call, state: "begun" });
    await row.during("starting", () =>
      during(text.startingAgent(agent.name), async () => {
        try {
          const recording = await this.#recorder.startRecording(agent.id);
          const { id: recordingId, alreadyRunning } = recording;
          tell("call", { ...call, state: "settled", recordingId, alreadyRunning });
          this.#keep(recording);
          const said = alreadyRunning ? text.alreadyRunning(agent.name) : text.started(agent.name, org.name);
          say(said);
          this.#clientApp.toast(text.title, said, "success");
        } catch (error) {
          tell("call", { ...call, state: "settled", error: told(error) });
          const isOpen = MAY_HAVE_STARTED.includes(error.code);
          const title = isOpen ? text.unknownFor(agent.name) : text.failedFor(agent.name);
          const refresh = isOpen && (() => this.list({ orgId: org.id }).then(() => row.isRunning && row.clear()));
          this.show();
          // If the organization was switched meanwhile, the row is gone. Then the error is at the top, without "Try again".
          const about = row === this.row(agent.id) ? { row, again: () => this.record(agent, row) } : {};
          this.#fail(error, { call: "start", title, agent, org, refresh, ...about });
        }
      }),
    );
  }

  /** Also after a reload: a recording is taken up again by what the cloud lists. */
  async list({ quietly = false, orgId } = {}) {
    const { text } = this.#speech;
    if (quietly && !this.#isHeld(this.org)) return;
    await this.#attempt(quietly ? undefined : text.refresh, async () => {
      const listed = await this.#recorder.recordings({ orgId });
      this.#keep(...listed);
      if (!quietly) say(text.listed(listed.length));
    });
  }

  row(agentId) {
    return this.#agents.row(agentId);
  }

  /** The row of an agent who can be recorded: if all of them are being recorded, the first one, after a stop. */
  async idleRow() {
    const present = this.#agents.all.filter(({ agent, isBusy }) => agent.loggedIn && !isBusy);
    const row = present.find(({ isRunning }) => !isRunning) ?? present[0];
    if (row?.isRunning) await this.#stop(row.recording);
    return row;
  }

  async #stop(recording) {
    const { text } = this.#speech;
    const { agent, org } = this.#customers.of(recording);
    // If the agent is not on the list, the error of an earlier stop is at the top.
    const row = this.row(recording.agentId);
    if (!row) clearProblem();
    const work = () =>
      during(text.stoppingAgent(agent.name), async () => {
        try {
          this.#keep(await recording.stop());
          say(text.stopped(agent.name));
        } catch (error) {
          const isOpen = MAY_HAVE_STOPPED.includes(error.code);
          const title = isOpen ? text.stopUnknown(agent.name) : text.stopFailed(agent.name);
          const refresh = isOpen && (() => this.#refresh(recording));
          // The organization may have been switched meanwhile, and the row be gone.
          const about = { row: this.row(recording.agentId), again: () => this.#stop(recording) };
          this.#fail(error, { call: "stop", title, agent, org, refresh, ...about });
        }
      });
    await (row ? row.during("stopping", work) : work());
  }

  /** Not by the list, which is that of one organization. */
  #refresh(recording) {
    const { text } = this.#speech;
    return this.#attempt(text.refresh, async () => {
      const refreshed = await recording.refresh();
      this.#keep(refreshed);
      this.row(recording.agentId)?.clear();
      const { agent } = this.#customers.of(recording);
      say(`${agent.name}: ${text.states[refreshed.state] ?? refreshed.state}.`);
    });
  }

  async #recordEveryone() {
    const { text } = this.#speech;
    this.#batch = new AbortController();
    const { signal } = this.#batch;
    const chosen = this.#heldOrgs().flatMap((org) => org.agents.map((agent) => ({ agent, org })));
    this.#many.begin(chosen.length);
    await this.#attempt(text.everyone, async () => {
      const wanted = chosen.map(({ agent, org }) => ({ agentId: agent.id, orgId: org.id }));
      const onProgress = (progress) => this.#many.progress(progress);
      const results = await this.#recorder.startMany(wanted, { signal, onProgress });
      const recorded = results.filter(({ status }) => status === "fulfilled").map(({ value }) => value);
      this.#keep(...recorded);
      this.#many.show(
        results.flatMap(({ status, reason: error }, at) => {
          if (status === "fulfilled") return [];
          const { agent, org } = chosen[at];
          const isCancelled = !isRecorderError(error);
          const about = isCancelled ? { why: text.cancelled } : this.#reason(error, { call: "start", agent, org });
          return [{ agent: agent.name, org: org.name, ...about }];
        }),
      );
      const said = text.manyDone(recorded.length, chosen.length);
      say(said);
      this.#clientApp.toast(text.title, said, "info");
    });
    this.#many.end();
  }

  async #check() {
    const { text } = this.#speech;
    find("#check").ariaBusy = "true";
    await this.#attempt(text.checking, async () => {
      const { org } = this;
      const agent = org?.agents.find(({ id }) => id === this.#lastAgent?.id) ?? org?.agents[0];
      const named = (words) => this.#customers.named(words);
      say(showReport(await this.#recorder.diagnose(agent?.id), { agent, org, text, named }));
    });
    find("#check").ariaBusy = "false";
  }

  #signIn(org) {
    const { text } = this.#speech;
    return this.#attempt(text.signIn(org.name), () => this.#goTo(org, text.nowSignedIn(org.name)), text.signInFailed);
  }

  #switchTo(org) {
    const { text } = this.#speech;
    return this.#attempt(text.switchTo(org.name), () => this.#goTo(org, text.nowFor(org.name)));
  }

  async #goTo(org, said) {
    await this.#recorder.switchOrg(org.id);
    this.show();
    say(said);
    await this.list({ quietly: true });
  }

  #getToken(org) {
    const { text } = this.#speech;
    return this.#attempt(text.getToken(org.name), async () => {
      await this.#recorder.addToken(await this.#backend.token(org));
      this.show();
      say(text.hasToken(org.name));
    });
  }

  #signOut() {
    const { text } = this.#speech;
    return this.#attempt(text.signOut, async () => {
      // What could not be revoked is forgotten all the same.
      await this.#recorder.signOut().finally(() => this.show());
      say(text.signedOut);
    });
  }

  #keep(...recordings) {
    this.#recordings.add(...recordings);
    this.#clientApp.count(this.#recordings.running.length);
    this.show();
  }

  #isHeld(org) {
    return this.#recorder.orgs().some(({ orgId }) => orgId === org?.id);
  }

  #heldOrgs() {
    return this.#customers.orgs.filter((org) => this.#isHeld(org));
  }

  async #attempt(doing, work, title = this.#speech.text.somethingFailed) {
    // What the app does by itself takes no error away that a person may be reading.
    if (doing) clearProblem();
    await during(doing, async () => {
      try {
        await work();
      } catch (error) {
        this.show();
        this.#fail(error, { title });
      }
    });
  }

  /** `call`: "start" or "stop". `refresh`: if the call may have had its effect, finds out whether it had. */
  #fail(error, { call, title, agent, org = this.org, row, again, refresh }) {
    const { text } = this.#speech;
    const obtainToken = () => (this.#canSignIn ? this.#signIn(org) : this.#getToken(org)).then(() => row?.clear());
    const actions = [
      SIGN_IN_HELPS.includes(error.code) &&
        org && [(this.#canSignIn ? text.signIn : text.getToken)(org.name), obtainToken],
      again && (error.retryable || error.code?.startsWith("LOGIN_")) && [text.tryAgain, again],
      refresh ? [text.refresh, refresh] : isRecorderError(error) && [text.check, pressCheck],
    ].filter(Boolean);
    showProblem(error, { customers: this.#customers, speech: this.#speech, call, title, agent, org, row, actions });
    say(`${title}.`);
    this.#clientApp.toast(title, this.#reason(error, { call, agent, org }).why, "error");
  }

  #reason(error, about) {
    return reason(error, { customers: this.#customers, speech: this.#speech, ...about });
  }
}
