// The recordings that the app knows of, each to be stopped and looked at again.
import { button, element, find } from "./element.js";

const list = find("#recordings");

/** What is shown, with its line. */
let shown = [];

/** In place of those that are shown. */
export function showAll(recordings, who) {
  shown = [];
  list.replaceChildren();
  recordings.forEach((recording) => show(recording, who));
  find("#none").hidden = recordings.length > 0;
}

/** In its own line, where it has one, or else in a new one at the top. `who`: names of its agent and organization. */
export function show(recording, who) {
  const { agent, org } = who(recording);
  const { id, orgId, state, startedAt } = recording;
  const facts = [state, startedAt && `since ${startedAt}`, id].filter(Boolean).join(", ");
  const works = state === "stopped" ? ["Refresh"] : ["Stop", "Refresh"];
  const buttons = works.map((work) => button(work, { work }, `${work} the recording of ${agent}`));
  const line = element(
    "li",
    element("span", element("strong", agent), ` (${org}): ${facts}`),
    element("span", ...buttons),
  );

  const before = shown.find(({ recording }) => recording.id === id && recording.orgId === orgId);
  if (before) replace(before.line, line);
  else list.prepend(line);
  shown = [...shown.filter((each) => each !== before), { recording, line }];
  find("#none").hidden = true;
}

/** `work`: what the button says that was pressed, "Stop" or "Refresh". */
export function onWork(then) {
  list.addEventListener("click", ({ target }) => {
    const pressed = shown.find(({ line }) => line.contains(target));
    if (pressed && target.dataset.work) then(target.dataset.work, pressed.recording);
  });
}

function replace(before, line) {
  const focused = before.contains(document.activeElement) && document.activeElement.dataset.work;
  before.replaceWith(line);
  // The button that was pressed may be gone; what is left to do is beside it.
  if (focused) (line.querySelector(`[data-work="${focused}"]`) ?? line.querySelector("button")).focus();
}
