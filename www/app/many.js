// Many starts: how far they have come, and what became of each.
import { isRecorderError } from "premium-recorder";
import { element, find, row } from "./element.js";

const all = find("#all");
const cancel = find("#cancel");
const bar = find("#progress");

export function onRecordAll(start) {
  all.addEventListener("click", start);
}

export function onCancel(end) {
  cancel.addEventListener("click", end);
}

export function begin(total) {
  showProgress({ total, settled: 0, rejected: 0 });
  find("#batch").hidden = false;
  find("#results").replaceChildren();
  find("#outcomes").hidden = true;
  cancel.hidden = false;
}

export function showProgress({ total, settled, rejected }) {
  bar.max = Math.max(total, 1);
  bar.value = settled;
  find("#so-far").textContent = `${settled} of ${total} settled, ${rejected} failed`;
}

export function end() {
  // The button goes; whoever has just pressed it is not thrown back to the top of the page.
  if (document.activeElement === cancel) all.focus();
  cancel.hidden = true;
}

/** `starts`: the agent and the organization of each, by name, with its result. */
export function showResults(starts) {
  find("#results").replaceChildren(
    ...starts.map(({ agent, org, result }) => {
      const { what, hint, kind } = told(result);
      const line = row(agent, org, what, hint);
      line.className = kind;
      return line;
    }),
  );
  find("#outcomes").hidden = false;
}

function told({ status, value, reason }) {
  if (status === "fulfilled") {
    const how = value.alreadyRunning ? "is being recorded already" : value.state;
    return { kind: "ok", what: element("span", `${how}: ${value.id}`), hint: "" };
  }
  // What is no error of the library is the reason of the signal.
  if (!isRecorderError(reason)) return { kind: "skipped", what: "cancelled", hint: "Not started." };
  return { kind: "fail", what: reason.code, hint: reason.hint };
}
