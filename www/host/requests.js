// The request view: the lanes, the figures, and a row for each thing that happened. A row opens to its details.
import { button, copyButton, element, facts, find } from "../shared/element.js";
import { mark } from "../shared/mark.js";
import { chips, picture } from "./picture.js";
import { inEnglish } from "./wording.js";

/** What tells the story. Everything else shows on request, and what was refused. */
const KEY = ["start", "stop", "never", "token", "look", "revoke"];
/** Earlier rows are folded, so that the latest ones stay in sight. */
const SHOWN = 14;
/** No page of rows is longer. */
const MOST = 300;
/** As many lanes can be told apart. Of more organizations, those that something happened to have one. */
const LANES = 6;

const list = find("#rows");

export class Requests {
  #story;
  #orgs;
  #speech;
  #time;
  #everything = false;
  #unfolded = false;
  #open = new Set();
  #drawn = new Map();
  #openOrg;
  #lanes = [];

  constructor(story, orgs, speech) {
    this.#story = story;
    this.#orgs = orgs;
    this.#speech = speech;
    this.#time = new Intl.DateTimeFormat(speech.locale, { timeStyle: "medium", hourCycle: "h23" });
    find("#everything").addEventListener("change", ({ target }) => {
      this.#everything = target.checked;
      this.show();
    });
    find("#earlier").addEventListener("click", () => {
      this.#unfolded = true;
      this.show();
    });
  }

  clear() {
    this.#open.clear();
    this.#unfolded = false;
    this.show();
  }

  show() {
    const happened = this.#story.rows();
    const all = happened.filter((row) => this.#everything || isKey(row));
    const rows = all.slice(this.#unfolded ? -MOST : -SHOWN);
    const folded = all.length - rows.length;
    this.#lanes = this.#chooseLanes(all);
    this.#showHead();
    this.#showFigures(this.#story.figures(happened));
    this.#showRecordings();
    find("#earlier").hidden = folded === 0 || this.#unfolded;
    find("#earlier").textContent = this.#speech.text.earlier(folded);
    find("#no-rows").hidden = all.length > 0;

    // Rows that have not changed stay the elements that they are: a selection, the focus and a reader's place survive.
    const before = this.#drawn;
    this.#drawn = new Map();
    for (const row of rows) {
      const state = JSON.stringify([row, this.#lanes.length]);
      const known = before.get(row.id);
      this.#drawn.set(
        row.id,
        known?.state === state
          ? known
          : { state, line: this.#line(row), hadFocus: known?.line.contains(document.activeElement) },
      );
    }
    const lines = Array.from(this.#drawn.values(), ({ line }) => line);
    if (lines.length !== list.children.length || lines.some((line, at) => list.children[at] !== line))
      this.#replace(lines);
    for (const drawn of this.#drawn.values()) {
      if (drawn.hadFocus) find("button", drawn.line).focus({ preventScroll: true });
      drawn.hadFocus = false;
    }
  }

  #chooseLanes(rows) {
    if (this.#orgs.length <= LANES) return this.#orgs;
    const involved = new Set(rows.toReversed().flatMap(({ tokenOrg, targetOrg }) => [tokenOrg, targetOrg]));
    const chosen = [...involved].filter((org) => org).slice(0, LANES);
    return this.#orgs.filter((org) => chosen.includes(org));
  }

  #replace(lines) {
    const focused = document.activeElement;
    list.replaceChildren(...lines);
    if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
  }

  // The tokens in the page, one lane for each organization.
  #showHead() {
    const { text } = this.#speech;
    const head = find("#lanes");
    head.style.setProperty("--lanes", this.#lanes.length);
    const cells = this.#lanes.map((org) => {
      const held = this.#story.tokensOf(org.id);
      const key = `${org.id} ${held.length > 0} ${this.#openOrg === org.id}`;
      const known = [...head.children].find((cell) => cell.dataset.key === key);
      if (known) return known;
      const state = held.length ? text.tokenHere : text.noTokenHere;
      const cell = button(
        [
          mark(org.index, { hollow: !held.length }),
          element("span", { className: "name" }, org.name),
          element("span", { className: "small" }, state),
        ],
        () => {
          this.#openOrg = this.#openOrg === org.id ? undefined : org.id;
          this.show();
          find(`#lanes [data-id="${org.id}"]`).focus();
        },
      );
      Object.assign(cell.dataset, { key, id: org.id, org: org.index % 4 });
      cell.ariaExpanded = String(this.#openOrg === org.id);
      cell.setAttribute("aria-controls", "token");
      return cell;
    });
    if (cells.some((cell, at) => head.children[at] !== cell)) head.replaceChildren(...cells);
    this.#showToken();
  }

  #showToken() {
    const { text, locale } = this.#speech;
    const org = this.#orgs.find(({ id }) => id === this.#openOrg);
    const place = find("#token");
    place.hidden = !org;
    if (!org) return place.replaceChildren();
    const held = this.#story.tokensOf(org.id);
    const minutes = (expiresAt) => Math.max(0, Math.round((expiresAt - Date.now()) / 60_000));
    const unit = new Intl.NumberFormat(locale, { style: "unit", unit: "minute", unitDisplay: "long" });
    const [token] = held;
    place.replaceChildren(
      element("h3", {}, token ? text.tokenTitle(org.name) : text.noTokenTitle(org.name)),
      token
        ? facts([
            [text.facts.worksFor, org.name],
            [text.facts.scopes, token.scopes?.join(" ") ?? text.notKnown],
            [text.facts.timeLeft, token.expiresAt ? unit.format(minutes(token.expiresAt)) : text.notKnown],
            [text.facts.knownBy, text.knownBy[token.knownBy]],
            [text.facts.widgets, held.map(({ widget }) => widget).join(", ")],
          ])
        : element("p", {}, text.noTokenWhy(org.name)),
    );
  }

  #showFigures(figures) {
    const { text } = this.#speech;
    const place = find("#figures");
    const shown = JSON.stringify(figures);
    if (place.dataset.shown === shown) return;
    place.dataset.shown = shown;
    place.replaceChildren(
      ...Object.entries(figures).map(([name, value]) =>
        element(
          "div",
          { data: { figure: name } },
          element("dt", {}, text.figures[name]),
          element("dd", {}, String(value)),
        ),
      ),
    );
  }

  #showRecordings() {
    const { text } = this.#speech;
    const running = this.#story.recordings.filter(({ state }) => state === "recording");
    const place = find("#in-cloud");
    const shown = running.map(({ id }) => id).join();
    if (place.dataset.shown === shown) return;
    place.dataset.shown = shown;
    const names = running.map(({ agentId, orgId }) => {
      const org = this.#orgs.find(({ id }) => id === orgId);
      const agent = org?.agents.find(({ id }) => id === agentId);
      return element(
        "li",
        { className: "pill" },
        org ? mark(org.index) : "",
        `${agent?.name ?? agentId} · ${org?.name ?? orgId}`,
      );
    });
    place.replaceChildren(
      ...(names.length ? names : [element("li", { className: "small quiet" }, text.nobodyRecorded)]),
    );
  }

  #line(row) {
    const { text } = this.#speech;
    const isOpen = this.#open.has(row.id);
    const title = text.titleOf(row);
    const answer = text.answerOf(row);
    const caption = text.captionOf(row);
    const code = row.call?.error?.code;
    const toggle = element("button", {
      type: "button",
      className: "row",
      ariaExpanded: String(isOpen),
    });
    toggle.append(
      element("span", { className: "time" }, this.#time.format(row.at)),
      element(
        "span",
        { className: "what" },
        element("span", { className: "title" }, title),
        row.method
          ? element(
              "code",
              { className: "small quiet" },
              `${row.method} …/${row.pathname.split("/").at(-1).slice(0, 18)}`,
            )
          : null,
      ),
      // What the picture shows, in words: whose token it was, and for whom.
      element("span", { className: "out-of-sight" }, text.tokenSentence(row)),
      picture(row, this.#lanes),
      chips(row, text),
      element(
        "span",
        { className: `answer ${row.outcome}` },
        answer,
        code && element("code", { className: "small" }, code),
      ),
      element(
        "span",
        { className: "badges" },
        ...text.badgesOf(row).map((badge) => element("span", { className: "pill" }, badge)),
      ),
      element("span", { className: "caption" }, caption),
    );
    toggle.addEventListener("click", () => {
      const opens = !this.#open.delete(row.id);
      if (opens) this.#open.add(row.id);
      toggle.ariaExpanded = String(opens);
      if (opens) line.append(this.#details(row));
      else find(".details", line).remove();
    });
    const line = element(
      "li",
      { className: row.outcome, data: { kind: row.kind, status: row.status ?? "", code: code ?? "" } },
      toggle,
    );
    if (isOpen) line.append(this.#details(row));
    return line;
  }

  #details(row) {
    const { text } = this.#speech;
    const parts = detailsOf(row, text);
    const asText = () =>
      parts
        .flatMap(([name, pairs]) => [
          `${name}`,
          ...pairs.filter(([, value]) => value).map(([key, value]) => `  ${key}: ${value.textContent ?? value}`),
        ])
        .join("\n");
    return element(
      "div",
      { className: "details" },
      ...parts.map(([name, pairs]) => element("section", {}, element("h3", {}, name), facts(pairs))),
      copyButton(asText, { label: text.copyDetails, done: text.copied }),
    );
  }
}

function isKey({ kind, outcome }) {
  return KEY.includes(kind) || (outcome === "refused" && !["user", "other"].includes(kind));
}

function detailsOf(row, text) {
  const { facts: names } = text;
  const error = row.call?.error;
  const sent = [
    [names.request, row.method && `${row.method} ${row.path}`],
    ...row.headers.map(([name, value]) => [names.header, `${name}: ${value}`]),
    [names.tokenOf, row.tokenOrg?.name ?? text.noToken],
    [names.agent, row.agent && `${row.agent.name} (${row.agent.id})`],
    [names.agentOf, row.agent?.org.name],
    [names.widget, row.widget],
  ];
  const back = [
    [names.status, row.status],
    [names.correlationId, row.correlationId],
    [names.duration, row.durationMs !== undefined && `${Math.round(row.durationMs)} ms`],
  ];
  const concluded = [
    [names.code, error?.code],
    [names.message, error && inEnglish(error.message)],
    [names.hint, error?.hint && inEnglish(error.hint)],
    [names.recording, row.call?.recordingId],
    [names.calls, row.merged > 1 && row.merged],
    [names.scopes, row.scopes?.join(" ")],
    [names.knownBy, row.knownBy && text.knownBy[row.knownBy]],
  ];
  const has = (pairs) => pairs.some(([, value]) => value);
  return [
    [row.kind === "never" ? text.notSent : text.sent, sent],
    ...(has(back) ? [[text.cameBack, back]] : []),
    ...(has(concluded) ? [[text.concluded, concluded]] : []),
  ];
}
