// An error as a card: what happened, why, what to do, and the details for support. Never any text of a token.
import { isRecorderError, version } from "premium-recorder";
import { button, copyButton, element, facts, withCode } from "../shared/element.js";

/** `named`: replaces ids in a text with names. `actions`: [text, onclick] of the buttons. */
export function problemCard(
  error,
  { title, level = "h2", agent, org, tokenOrg, text, locale, named, actions = [], onClose },
) {
  const { why, toDo, isForeign } = explained(error, { agent, org, tokenOrg, text, named });
  const details = supportFacts(error, { agent, org, tokenOrg, text, locale });
  const language = isForeign ? { lang: "en" } : {};
  const card = element(
    "section",
    { className: "problem", ariaLabel: title, data: { code: error.code ?? "" } },
    element(
      "div",
      { className: "bar" },
      element(level, {}, warning(), title),
      button(
        "×",
        () => {
          card.remove();
          onClose?.();
        },
        { className: "plain close", label: text.close },
      ),
    ),
    element("p", language, element("strong", { lang: document.documentElement.lang }, text.why), ...withCode(why)),
    toDo &&
      element("p", language, element("strong", { lang: document.documentElement.lang }, text.toDo), ...withCode(toDo)),
    error.code === "OUTCOME_UNKNOWN" && "seenRecordings" in error
      ? element("p", { className: "small" }, seen(error.seenRecordings, text))
      : null,
    element("div", { className: "buttons" }, ...actions.map(([label, act]) => button(label, act))),
    element(
      "details",
      {},
      element("summary", {}, text.details),
      facts(details),
      copyButton(
        () =>
          details
            .filter(([, value]) => value)
            .map(([name, value]) => `${name}: ${value}`)
            .join("\n"),
        {
          label: text.copyDetails,
          done: text.copied,
        },
      ),
    ),
  );
  return card;
}

/** Why, in one sentence: for a list. */
export function reason(error, context) {
  return explained(error, context).why;
}

function explained(error, { agent, org, tokenOrg, text, named }) {
  if (!isRecorderError(error)) return { why: String(error), toDo: "", isForeign: true };
  const own = text.errors[error.code]?.({
    agent: agent?.name ?? "",
    org: org?.name ?? "",
    tokenOrg: tokenOrg?.name,
    scopes: (error.missingScopes ?? []).map((scope) => `“${scope}”`).join(", "),
    nearMiss: error.nearMiss,
  });
  if (own) return { why: own[0], toDo: own[1] };
  return { why: named(error.message), toDo: error.hint, isForeign: true };
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
