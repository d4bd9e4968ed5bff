// The recordings that the app knows of, the latest first.
import { orgLabel } from "../shared/mark.js";
import { button, element, find } from "../shared/element.js";
import { ticking } from "./elapsed.js";
import { keepFocus } from "./focus.js";

const list = find("#recordings");

export class Recordings {
  #known = new Map();
  #customers;
  #text;
  #today;
  #earlier;
  #stop;

  /** `stop(recording)`: to stop one whose agent is not on the list. */
  constructor({ text, locale }, customers, stop) {
    this.#text = text;
    this.#customers = customers;
    this.#stop = stop;
    this.#today = new Intl.DateTimeFormat(locale, { timeStyle: "medium" });
    this.#earlier = new Intl.DateTimeFormat(locale, { dateStyle: "short", timeStyle: "short" });
  }

  add(...recordings) {
    for (const recording of recordings) this.#known.set(`${recording.orgId} ${recording.id}`, recording);
    return this;
  }

  /** The one that runs, or else the latest one. */
  of(agentId, orgId) {
    const all = [...this.#known.values()].filter((each) => each.agentId === agentId && each.orgId === orgId);
    return all.find(({ state }) => state === "recording") ?? all.at(-1);
  }

  get running() {
    return [...this.#known.values()].filter(({ state }) => state === "recording");
  }

  /** `listed`: whose agents are on the list above, so that their buttons are there. */
  show(listed) {
    const all = [...this.#known.values()].sort((one, other) => Date.parse(other.startedAt) - Date.parse(one.startedAt));
    const lines = all.map((recording) => this.#line(recording, listed));
    keepFocus(() => list.replaceChildren(...lines), "#refresh");
    find("#no-recordings").hidden = all.length > 0;
  }

  #when(date) {
    return (date.toDateString() === new Date().toDateString() ? this.#today : this.#earlier).format(date);
  }

  #line(recording, listed) {
    const { agent, org } = this.#customers.of(recording);
    const { state, startedAt, orgId, id } = recording;
    const text = this.#text;
    const isRunning = state === "recording";
    const when = startedAt && text.startedAt(this.#when(new Date(startedAt)));
    const kind = isRunning ? "bad" : "";
    return element(
      "li",
      { id: `recording-${orgId}-${id}` },
      element(
        "div",
        {},
        element(
          "p",
          {},
          element("span", { className: "name" }, agent?.name ?? recording.agentId),
          " · ",
          org ? orgLabel(org) : orgId,
        ),
        element(
          "p",
          { className: "small quiet" },
          when ?? "",
          when && isRunning ? " · " : "",
          isRunning ? ticking(startedAt) : "",
        ),
      ),
      element(
        "div",
        { className: "buttons" },
        element("span", { className: `pill ${kind}` }, text.states[state] ?? state),
        isRunning && orgId !== listed
          ? button(text.stop, () => this.#stop(recording), { label: text.stopAgent(agent?.name ?? "") })
          : null,
      ),
    );
  }
}
