// The request view: the lanes, the figures, and a row for each thing that happened. A row opens to its details.
import { button, copyButton, element, facts, find } from "../shared/element.js";
import { mark } from "../shared/mark.js";
import { chips, picture } from "./picture.js";
import { arrange, draw } from "./places.js";
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
  #heads;

  constructor(story, orgs, speech) {
    this.#story = story;
    this.#orgs = orgs;
    this.#speech = speech;
    this.#heads = new Map(orgs.map((org) => [org, this.#head(org)]));
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
    const focused = document.activeElement?.closest("#requests button");
    const all = this.#story.rows();
    const told = all.filter((row) => this.#everything || isKey(row));
    const rows = told.slice(this.#unfolded ? -MOST : -SHOWN);
    const folded = told.length - rows.length;
    this.#lanes = this.#chooseLanes(told);
    this.#showHeads();
    this.#showToken();
    this.#showFigures(this.#story.figures(all));
    this.#showRecordings();
    find("#earlier").hidden = folded === 0 || this.#unfolded;
    find("#earlier").textContent = this.#speech.text.earlier(folded);
    find("#no-rows").hidden = told.length > 0;

    const before = this.#drawn;
    this.#drawn = new Map();
    for (const row of rows) {
      const state = JSON.stringify([row, this.#lanes.length]);
      const known = before.get(row.id);
      this.#drawn.set(row.id, known?.state === state ? known : { state, line: this.#line(row) });
    }
    arrange(
      list,
      Array.from(this.#drawn.values(), ({ line }) => line),
    );
    if (focused && !focused.checkVisibility()) this.#focusNear(focused);
  }

  /** The button that had the focus is gone: its row was drawn anew or folded, or it has unfolded the rows. */
  #focusNear(gone) {
    const { line } = this.#drawn.get(gone.closest("li")?.dataset.row) ?? {};
    const near = [...(line?.children ?? []), ...document.querySelectorAll("#story button, #everything")];
    near.find((each) => each.checkVisibility()).focus({ preventScroll: true });
  }

  #chooseLanes(rows) {
    if (this.#orgs.length <= LANES) return this.#orgs;
    const involved = new Set(rows.toReversed().flatMap(({ tokenOrg, targetOrg }) => [tokenOrg, targetOrg]));
    const chosen = [...involved].filter((org) => org).slice(0, LANES);
    return this.#orgs.filter((org) => chosen.includes(org));
  }

  // The tokens in the page, one lane for each organization.
  #showHeads() {
    const { text } = this.#speech;
    for (const [org, head] of this.#heads) {
      const isHeld = this.#story.tokensOf(org.id).length > 0;
      head.ariaExpanded = String(this.#openOrg === org);
      draw(head, isHeld, () => [
        mark(org.index, { hollow: !isHeld }),
        element("span", { className: "name" }, org.name),
        element("span", { className: "small" }, isHeld ? text.tokenHere : text.noTokenHere),
      ]);
    }
    const place = find("#lanes");
    place.style.setProperty("--lanes", this.#lanes.length);
    arrange(
      place,
      this.#lanes.map((org) => this.#heads.get(org)),
    );
  }

  #head(org) {
    const toggle = () => {
      this.#openOrg = this.#openOrg === org ? undefined : org;
      this.show();
    };
    return button("", toggle, {
      data: { id: org.id, org: org.index % 4 },
      attributes: { "aria-controls": "token" },
    });
  }

  #showToken() {
    const org = this.#openOrg;
    const place = find("#token");
    place.hidden = !org;
    const held = org ? this.#story.tokensOf(org.id) : [];
    const minutesLeft = held[0]?.expiresAt && Math.max(0, Math.round((held[0].expiresAt - Date.now()) / 60_000));
    draw(place, [org?.id, held, minutesLeft], () => (org ? this.#token(org, held, minutesLeft) : []));
  }

  #token(org, held, minutesLeft) {
    const { text, locale } = this.#speech;
    const unit = new Intl.NumberFormat(locale, { style: "unit", unit: "minute", unitDisplay: "long" });
    const [token] = held;
    if (!token) return [element("h3", {}, text.noTokenTitle(org.name)), element("p", {}, text.noTokenWhy(org.name))];
    return [
      element("h3", {}, text.tokenTitle(org.name)),
      facts([
        [text.facts.worksFor, org.name],
        [text.facts.scopes, token.scopes?.join(" ") ?? text.notKnown],
        [text.facts.timeLeft, token.expiresAt ? unit.format(minutesLeft) : text.notKnown],
        [text.facts.knownBy, text.knownBy[token.knownBy]],
        [text.facts.widgets, held.map(({ widget }) => widget).join(", ")],
      ]),
    ];
  }

  #showFigures(figures) {
    const { text } = this.#speech;
    draw(find("#figures"), figures, () =>
      Object.entries(figures).map(([name, value]) =>
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
    draw(find("#in-cloud"), running, () =>
      running.length > 0
        ? running.map((recording) => this.#recording(recording))
        : [element("li", { className: "small quiet" }, text.nobodyRecorded)],
    );
  }

  #recording({ agentId, orgId }) {
    const org = this.#orgs.find(({ id }) => id === orgId);
    const agent = org?.agents.find(({ id }) => id === agentId);
    return element(
      "li",
      { className: "pill" },
      org ? mark(org.index) : "",
      `${agent?.name ?? agentId} · ${org?.name ?? orgId}`,
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
        code &&
          element("code", { className: "small" }, ...code.split(/(?<=_)/).flatMap((word) => [word, element("wbr")])),
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
      { className: row.outcome, data: { row: row.id, kind: row.kind, status: row.status ?? "", code: code ?? "" } },
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
      copyButton(asText, {
        label: text.copyDetails,
        done: text.copied,
        failed: text.notCopied,
        say: (outcome) => (find("#copy-status").textContent = outcome),
      }),
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
