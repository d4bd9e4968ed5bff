// The thread that this project started from, in four steps. Each step does in the app what its caption says, and leaves its picture.
import { button, element, find, svg } from "../shared/element.js";
import { shape } from "../shared/mark.js";
import { arrange, draw } from "./places.js";
import { reasonOf } from "./reason.js";

const place = find("#thread");

export class Thread {
  #orgs;
  #text;
  #stage;
  #step = -1;
  #results = [];
  #isBusy = false;
  #failure;
  #back = button("", () => !this.#isBusy && this.#goBack(), { className: "back" });
  #forward = button("", () => !this.#isBusy && this.#goOn(), { className: "primary" });
  #close = button("", () => !this.#isBusy && this.#end(), { className: "plain" });

  /** `stage`: { prepare(acme, globex), ask(command, content), end() }. */
  constructor(orgs, text, stage) {
    this.#text = text;
    this.#stage = stage;
    const [acme, globex] = orgs;
    this.#orgs = { acme, globex, gia: globex.agents[0] };
    this.#back.textContent = `◂ ${text.back}`;
    this.#close.textContent = text.closeThread;
    this.#show();
  }

  get isPlaying() {
    return this.#step >= 0;
  }

  get #isAtEnd() {
    return this.#failure !== undefined || this.#step === this.#text.steps.length - 1;
  }

  /** One button, so that it keeps the focus from the first press to the last. */
  #goOn() {
    return this.isPlaying && !this.#isAtEnd ? this.#next() : this.#play();
  }

  async #play() {
    const { acme, globex } = this.#orgs;
    this.#results = [];
    this.#failure = undefined;
    this.#step = 0;
    await this.#during(async () => {
      await this.#stage.prepare(acme, globex);
      await this.#run();
    });
  }

  async #next() {
    this.#step += 1;
    if (this.#results[this.#step]) this.#show();
    else await this.#during(() => this.#run());
  }

  #goBack() {
    this.#step -= 1;
    if (this.#step === 0) this.#forward.focus();
    this.#show();
  }

  #end() {
    this.#step = -1;
    this.#results = [];
    this.#failure = undefined;
    this.#forward.focus();
    this.#show();
    this.#stage.end();
  }

  async #run() {
    const { acme, globex, gia } = this.#orgs;
    const step = this.#step;
    const works = [
      () => this.#stage.ask("naive", { agentId: gia.id, tokenOrgId: acme.id, headerOrgId: globex.id }),
      () => this.#stage.ask("record", { agentId: gia.id }),
      () => this.#stage.ask("token", { orgId: globex.id }),
      () => this.#stage.ask("record", { agentId: gia.id }),
    ];
    await works[step]();
    this.#results[step] = true;
  }

  async #during(work) {
    this.#isBusy = true;
    this.#show();
    try {
      await work();
    } catch (error) {
      this.#failure = error;
    } finally {
      this.#isBusy = false;
      this.#show();
    }
  }

  #show() {
    const text = this.#text;
    place.classList.toggle("playing", this.isPlaying);
    find("#thread-steps").replaceChildren(...text.steps.map((step, at) => this.#panel(step, at)));
    draw(find("#thread-status"), [this.#step, this.#isBusy, this.#failure?.message], () => this.#said());
    this.#showButtons();
  }

  #said() {
    const text = this.#text;
    if (!this.isPlaying) return [];
    if (this.#failure) return [text.stepFailed, " ", reasonOf(this.#failure)];
    if (this.#isBusy) return [text.underWay];
    const said = `${text.step(this.#step + 1, text.steps.length)}: ${text.steps[this.#step].caption}`;
    return this.#isAtEnd ? [said, " ", text.threadDone] : [said];
  }

  #showButtons() {
    const { play, playAgain, next } = this.#text;
    const busy = String(this.#isBusy);
    const [back, forward, close] = [this.#back, this.#forward, this.#close];
    for (const each of [back, forward, close]) each.ariaDisabled = busy;
    back.disabled = this.#step === 0;
    forward.ariaBusy = busy;
    forward.textContent = !this.isPlaying ? `▸ ${play}` : this.#isAtEnd ? `▸ ${playAgain}` : `${next} ▸`;
    arrange(find("#thread-buttons"), this.isPlaying ? [back, forward, close] : [forward]);
  }

  #panel({ name, caption, code }, at) {
    const isDone = Boolean(this.#results[at]);
    // Before the first press, the pictures tell the whole story.
    const isDrawn = isDone || !this.isPlaying;
    const isNow = at === this.#step;
    const panel = element(
      "li",
      { className: `step ${isDone ? "done" : ""} ${isNow ? "now" : ""}` },
      element("figure", {}, drawing(at, isDrawn, this.#orgs, this.#text)),
      element("h3", {}, element("span", { className: "number" }, String(at + 1)), name),
      element("p", {}, caption),
      element("code", { className: "small", lang: "en" }, code),
    );
    if (isNow) panel.ariaCurrent = "step";
    return panel;
  }
}

const WIDTH = 180;
const HEIGHT = 124;
const LANES = [45, 135];

/** Two lanes, the page above and the cloud below. While the thread plays, what comes of a step shows after it. */
function drawing(step, isDone, { acme, globex, gia }, text) {
  const drawn = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "drawing", "aria-hidden": "true" });
  [acme, globex].forEach((org, lane) => {
    const group = svg("g", { "data-org": org.index });
    const hollow = lane === 1 && (step < 2 || (step === 2 && !isDone));
    group.append(
      svg("rect", { x: lane * 90 + 1, y: 0, width: 88, height: HEIGHT, rx: 6, class: "lane" }),
      words(LANES[lane], 14, org.name, "lane-name"),
      svg("g", { transform: `translate(${LANES[lane] - 8} 22)`, class: "key" }, shape(org.index, { hollow })),
    );
    if (lane === 1 && step === 2 && isDone) group.append(svg("circle", { cx: LANES[1], cy: 30, r: 13, class: "ring" }));
    drawn.append(group);
  });
  const firstName = gia.name.split(" ")[0];
  drawn.append(
    svg("line", { x1: 1, x2: WIDTH - 1, y1: 62, y2: 62, class: "border" }),
    words(6, 57, text.page, "side"),
    words(6, 74, text.cloud, "side"),
    svg("circle", { cx: LANES[1], cy: 102, r: 12, class: "person" }),
    words(LANES[1], 106, "GG", "initials"),
    words(LANES[1] - 16, 106, firstName, "side end"),
  );
  if (!isDone) return drawn;
  const { results } = text;
  if (step === 0) drawn.append(arrow(50, 38, 123, 92, "refused"), label(88, 66, `✕ ${results.refused}`, "refused"));
  if (step === 1) drawn.append(arrow(50, 38, 84, 60, "never"), label(122, 51, `✕ ${results.notSent}`, "never"));
  if (step === 2) drawn.append(label(LANES[1], 54, results.token, "ok"));
  if (step === 3)
    drawn.append(arrow(LANES[1], 42, LANES[1], 88, "ok"), label(LANES[1], 64, `✓ ${results.created}`, "ok"));
  return drawn;
}

function words(x, y, said, className) {
  return svg("text", { x, y, class: className }, said);
}

function label(x, y, said, kind) {
  const width = said.length * 6 + 12;
  return svg(
    "g",
    { class: `label ${kind}` },
    svg("rect", { x: x - width / 2, y: y - 10, width, height: 19, rx: 9.5 }),
    svg("text", { x, y: y + 4 }, said),
  );
}

/** A request that was never sent is a line without a head. */
function arrow(x1, y1, x2, y2, kind) {
  const angle = Math.atan2(y2 - y1, x2 - x1);
  const wing = (turn) => `${x2 - 8 * Math.cos(angle + turn)} ${y2 - 8 * Math.sin(angle + turn)}`;
  return svg(
    "g",
    { class: `arrow ${kind}` },
    svg("line", { x1, y1, x2, y2 }),
    ...(kind === "never" ? [] : [svg("path", { d: `M${wing(0.5)} L${x2} ${y2} L${wing(-0.5)}` })]),
  );
}
