// Check setup: the doctor's report as a person reads it. Problems come first, and what passed is folded.
import { copyButton, element, english, find } from "../shared/element.js";
import { keepFocus } from "./focus.js";
import { say } from "./status.js";

const ORDER = ["fail", "warn", "skipped", "ok"];
const SIGNS = { ok: "✓", warn: "!", fail: "✕", skipped: "–" };

const report = find("#report");

/** Returns the sentence that sums the report up. */
export function showReport(lines, { agent, org, text, named }) {
  const of = (verdict) => lines.filter((line) => line.verdict === verdict);
  const [fails, warns, skipped, passed] = ORDER.map(of);
  const sum = fails.length
    ? ["bad", text.setupFails(fails.length, warns.length)]
    : warns.length
      ? ["warn", text.setupWarns(warns.length)]
      : ["good", text.setupGood];
  const title = agent && org ? text.setupFor(agent.name, org.name) : "";
  const drawn = (all) => element("ul", {}, ...all.map((line) => drawLine(line, text, named)));
  const folded = (all, summary) =>
    all.length && element("details", {}, element("summary", {}, summary(all.length)), drawn(all));
  const parts = [
    element(
      "div",
      {},
      element(
        "p",
        { className: `sum ${sum[0]}` },
        element("span", { ariaHidden: "true" }, { bad: "✕", warn: "!", good: "✓" }[sum[0]]),
        sum[1],
      ),
      element("p", { className: "small quiet" }, title),
    ),
    ...[
      fails.length + warns.length > 0 && drawn([...fails, ...warns]),
      folded(passed, text.setupPassed),
      folded(skipped, text.setupSkipped),
    ].filter(Boolean),
    element(
      "div",
      {},
      copyButton(() => asText(lines, [sum[1], title]), {
        label: text.copyReport,
        done: text.copied,
        failed: text.notCopied,
        say,
      }),
    ),
  ];
  keepFocus(() => report.replaceChildren(...parts));
  return sum[1];
}

function drawLine({ check, verdict, found, expected, hint }, text, named) {
  const needsWork = verdict === "fail" || verdict === "warn";
  const line = (label, value) => element("p", {}, `${label}: `, english(named(value)));
  return element(
    "li",
    { className: `line ${verdict}`, data: { check } },
    element("span", { className: "verdict", role: "img", ariaLabel: text.verdicts[verdict] }, SIGNS[verdict]),
    element("h3", {}, text.checks[check] ?? check),
    line(text.found, found),
    needsWork ? line(text.expected, expected) : null,
    hint && needsWork ? line(text.toDo, hint) : null,
  );
}

function asText(lines, head) {
  const rows = lines.map(({ check, verdict, found, expected, hint }) =>
    [`[${verdict}] ${check}: ${found}`, verdict === "ok" ? "" : `  expected: ${expected}`, hint && `  ${hint}`]
      .filter(Boolean)
      .join("\n"),
  );
  return [...head.filter(Boolean), "", ...rows].join("\n");
}
