// The agents of the organization: the state of each, and one button that records or stops.
import { button, element, find, spinner } from "../shared/element.js";
import { initials } from "../shared/initials.js";
import { ticking } from "./elapsed.js";
import { keepFocus } from "./focus.js";

const list = find("#agents");

export class Agents {
  #rows = new Map();
  #text;
  #act;
  #org;

  /** `act(agent, row)`: the button of an agent was pressed. */
  constructor(text, act) {
    this.#text = text;
    this.#act = act;
  }

  /** `recordings`: finds what is known of an agent's recording. */
  show(org, recordings) {
    if (org !== this.#org) {
      this.#org = org;
      this.#rows = new Map((org?.agents ?? []).map((agent) => [agent.id, new Row(agent, this.#text, this.#act)]));
      const lines = Array.from(this.#rows.values(), ({ line }) => line);
      if (!org) lines.push(this.#notice(this.#text.chooseOrganization));
      else if (lines.length === 0) lines.push(this.#notice(this.#text.noAgents, this.#text.noAgentsHint));
      keepFocus(() => list.replaceChildren(...lines), "#agents button:enabled");
    }
    for (const row of this.#rows.values()) row.show(recordings(row.agent.id));
  }

  row(agentId) {
    return this.#rows.get(agentId);
  }

  get all() {
    return [...this.#rows.values()];
  }

  #notice(title, hint) {
    return element(
      "li",
      { className: "whole" },
      element("p", {}, title),
      hint && element("p", { className: "small quiet" }, hint),
    );
  }
}

class Row {
  agent;
  line;
  recording;
  #text;
  #label = element("span");
  #button;
  #state = element("span", { className: "state" });
  #problem;
  #doing;

  constructor(agent, text, act) {
    this.agent = agent;
    this.#text = text;
    this.#button = button([element("span", { className: "dot", ariaHidden: "true" }), spinner(), this.#label], () => {
      if (!this.#doing) act(agent, this);
    });
    const who = element(
      "div",
      { className: "who" },
      element("span", { className: "initials", ariaHidden: "true" }, initials(agent.name)),
      element("span", { className: "name" }, agent.name),
      this.#state,
    );
    this.line = element("li", { className: "agent", id: `agent-${agent.id}` }, who, this.#button);
  }

  get isRunning() {
    return this.recording?.state === "recording";
  }

  get isBusy() {
    return this.#doing !== undefined;
  }

  show(recording) {
    this.recording = recording;
    this.#draw();
  }

  /** While `work` is under way, the button says so and does nothing else. */
  async during(doing, work) {
    this.#doing = doing;
    this.clear();
    this.#draw();
    try {
      return await work();
    } finally {
      this.#doing = undefined;
      this.#draw();
    }
  }

  /** The error card stands below the button that was pressed, so that nothing above it moves. */
  fail(card) {
    this.clear();
    this.#problem = card;
    this.line.append(card);
  }

  clear() {
    keepFocus(() => this.#problem?.remove());
    this.#problem = undefined;
  }

  #draw() {
    const text = this.#text;
    const { name, loggedIn } = this.agent;
    const does = this.#doing ?? (this.isRunning ? "stop" : "record");
    this.#label.textContent = text[does];
    this.#button.ariaLabel = text[`${does}Agent`](name);
    this.#button.ariaBusy = String(this.isBusy);
    this.#button.classList.toggle("running", this.isRunning);
    // Nobody who is offline can be recorded, and the row says so.
    keepFocus(() => (this.#button.disabled = !loggedIn && !this.isRunning), "#agents button:enabled");

    this.#state.className = `state ${this.isRunning ? "recording" : loggedIn ? "available" : "offline"}`;
    if (!this.isRunning) this.#state.replaceChildren(loggedIn ? text.available : text.loggedOut);
    else if (!this.#state.querySelector("time") || this.#state.dataset.recording !== this.recording.id) {
      this.#state.dataset.recording = this.recording.id;
      this.#state.replaceChildren(text.recordingNow, " ", ticking(this.recording.startedAt));
    }
  }
}
