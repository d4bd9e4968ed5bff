// What a row says: from what happened, by the texts of a language.
import { element } from "../shared/element.js";

/** The library, the cloud and the browser speak English, whatever the page speaks. */
export function inEnglish(said) {
  return element("span", { lang: "en" }, said);
}

/** Adds to the texts what depends on a row. */
export function wording(text) {
  const { titles, answers, badge, captions } = text;
  return {
    ...text,
    titleOf: ({ kind, agent, targetOrg }) => titles[kind](agent?.name ?? "–", targetOrg?.name ?? "–"),
    answerOf: ({ kind, outcome, status }) => (kind === "token" ? answers.token : (answers[outcome] ?? String(status))),
    badgesOf: ({ naive, again, merged, inWidgets = [] }) =>
      [
        naive && badge.naive,
        again && badge.again,
        merged > 1 && badge.merged(merged),
        inWidgets.length > 1 && badge.widgets(inWidgets.length),
      ].filter(Boolean),
    captionOf: (row) => caption(row, captions),
  };
}

function caption(row, captions) {
  const { kind, outcome, status, tokenOrg, targetOrg, agent, call } = row;
  const error = call?.error;
  if (kind === "token") return captions.token[row.how](targetOrg.name);
  if (kind === "look") return captions.look;
  if (kind === "never") {
    if (tokenOrg) return captions.never(tokenOrg.name, targetOrg.name);
    if (error.code.startsWith("LOGIN_")) return captions.neverLogin(targetOrg.name);
    if (error.code === "TIMEOUT") return captions.neverWaited;
    return captions.neverNoToken(targetOrg.name);
  }
  if (kind !== "start") return "";
  if (row.naive && tokenOrg && agent && tokenOrg !== agent.org) {
    return captions.naive(tokenOrg.name, agent.name, agent.org.name);
  }
  if (row.repaired) return captions[`repaired${status}`];
  if (outcome === "pending") return captions.waiting;
  if (outcome === "lost") return `${captions.lost} ${afterwards(row, captions)}`;
  if (outcome === "failed") return `${captions.failed(status)} ${afterwards(row, captions)}`;
  if (outcome === "refused") {
    if (status === 409) return call?.recordingId ? captions.already : captions.conflict;
    return captions.refused[error?.code]?.(targetOrg.name, error) ?? inEnglish(error?.hint ?? "");
  }
  const said = [
    row.again ? captions.again : captions.ok(targetOrg.name),
    row.merged > 1 && captions.merged(row.merged),
  ];
  return said.filter(Boolean).join(" ");
}

/** What the library does if it does not know whether a start has run. */
function afterwards({ naive, call }, captions) {
  if (naive) return "";
  if (call?.recordingId) return captions.found;
  return call?.error?.code === "OUTCOME_UNKNOWN" ? captions.unknown : captions.looks;
}
