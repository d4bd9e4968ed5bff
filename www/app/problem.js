// An error as a card: what happened, why, what to do, and the details for support. Never any text of a token.
import { isRecorderError, version } from "premium-recorder";
import { button, copyButton, element, english, facts, find, withCode } from "../shared/element.js";
import { keepFocus } from "./focus.js";
import { say } from "./status.js";

/** Shows the error below its row in the list of agents, or else at the top. `actions`: [text, onclick] of the buttons. */
export function showProblem(error, { customers, speech, call, title, agent, org, row, actions }) {
  const orgs = { org: customers.org(error.orgId) ?? org, tokenOrg: customers.org(error.tokenOrgId) };
  // In the list of agents, the card is below the list's own heading.
  const level = row ? "h3" : "h2";
  const card = problemCard(error, { ...speech, ...orgs, customers, level, call, title, agent, actions });
  if (row) row.fail(card);
  else keepFocus(() => find("#problem").replaceChildren(card));
}

/** Takes the error at the top away. */
export function clearProblem() {
  keepFocus(() => find("#problem").replaceChildren());
}

/** Why, in one sentence: { why, isForeign }. `isForeign`: the sentence is not in the page's language, but English. */
export function reason(error, { customers, speech: { text }, call, agent, org }) {
  const tokenOrg = customers.org(error.tokenOrgId);
  return explained(error, { call, agent, org, tokenOrg, text, customers });
}

function problemCard(error, { call, title, level, agent, org, tokenOrg, text, locale, customers, actions = [] }) {
  const { why, toDo, isForeign } = explained(error, { call, agent, org, tokenOrg, text, customers });
  const details = supportFacts(error, { agent, org, tokenOrg, text, locale });
  const part = (label, words) =>
    element("p", {}, element("strong", {}, label), ...(isForeign ? [english(words)] : withCode(words)));
  const card = element(
    "section",
    { className: "problem", ariaLabel: title, data: { code: error.code ?? "" } },
    element(
      "div",
      { className: "bar" },
      element(level, {}, warning(), title),
      button("×", () => keepFocus(() => card.remove()), { className: "plain close", label: text.close }),
    ),
    part(text.why, why),
    toDo && part(text.toDo, toDo),
    error.code === "OUTCOME_UNKNOWN" && "seenRecordings" in error
      ? element("p", { className: "small" }, seen(error.seenRecordings, text))
      : null,
    element("div", { className: "buttons" }, ...actions.map(([label, act]) => button(label, act))),
    element(
      "details",
      {},
      element("summary", {}, text.details),
      facts(details.map(([name, value]) => [name, value && name === text.facts.message ? english(value) : value])),
      copyButton(
        () =>
          details
            .filter(([, value]) => value)
            .map(([name, value]) => `${name}: ${value}`)
            .join("\n"),
        {
          label: text.copyDetails,
          done: text.copied,
          failed: text.notCopied,
          say,
        },
      ),
    ),
  );
  return card;
}

function explained(error, { call, agent, org, tokenOrg, text, customers }) {
  if (!isRecorderError(error)) return { why: String(error), toDo: "", isForeign: true };
  const own = (text.callErrors[call]?.[error.code] ?? text.errors[error.code])?.({
    agent: agent?.name ?? "",
    org: org?.name ?? "",
    tokenOrg: tokenOrg?.name,
    scopes: (error.missingScopes ?? []).map((scope) => `“${scope}”`).join(", "),
    nearMiss: error.nearMiss,
  });
  if (own) return { why: own[0], toDo: own[1] };
  return { why: customers.named(error.message), toDo: error.hint, isForeign: true };
}

function supportFacts(error, { agent, org, tokenOrg, text, locale }) {
  const withId = (each) => each && `${each.name} (${each.id})`;
  return [
    [text.facts.code, error.code],
    [text.facts.message, error.message],
    [text.facts.agent, withId(agent)],
    [text.facts.org, withId(org)],
    [text.facts.tokenOrg, withId(tokenOrg)],
    [text.facts.status, error.status && String(error.status)],
    [text.facts.scopes, error.missingScopes?.join(", ")],
    [text.facts.correlationId, error.correlationId],
    [text.facts.contextId, error.contextId],
    [text.facts.time, new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "long" }).format(Date.now())],
    [text.facts.version, `premium-recorder ${version}`],
  ];
}

function seen(recordings, text) {
  if (!recordings) return text.seenUnlisted;
  if (recordings.length === 0) return text.seenNothing;
  return text.seen(
    recordings.map(({ id, state, startedAt }) => [id, state, startedAt].filter(Boolean).join(" ")).join("; "),
  );
}

function warning() {
  return element("span", { ariaHidden: "true" }, "⚠");
}
