// What both pages are made of.

export const find = (selector, within = document) => within.querySelector(selector);

/** `what`: properties, `data-` attributes under `data`, and attributes under `attributes`. Children that are nothing are left out. */
export function element(name, { data = {}, attributes = {}, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  Object.assign(made.dataset, data);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** `label`: what the button is called, if its text alone does not tell it from the others. */
export function button(text, onclick, { label, className = "", ...more } = {}) {
  const made = element("button", { type: "button", className, ...more }, ...[text].flat());
  if (label) made.ariaLabel = label;
  if (onclick) made.addEventListener("click", onclick);
  return made;
}

export function spinner() {
  return element("span", { className: "spinner", ariaHidden: "true" });
}

/** A list of facts. Facts without a value are left out. */
export function facts(pairs) {
  const told = pairs.filter(([, value]) => ![undefined, null, false, ""].includes(value));
  return element("dl", {}, ...told.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

/** A text in which what stands between backticks is code. */
export function withCode(text) {
  return text.split("`").map((part, at) => (at % 2 ? element("code", {}, part) : part));
}

/** Words of the library or of an API, which are English whatever the page speaks. */
export function english(words) {
  return element("span", { lang: "en" }, ...withCode(words));
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Copies the text. The button shows for a moment whether it was copied, and `say` announces it. */
export function copyButton(text, { label, done, failed, say }) {
  const made = button(label, async () => {
    const outcome = (await copy(text())) ? done : failed;
    made.textContent = outcome;
    say(outcome);
    setTimeout(() => (made.textContent = label), 2000);
  });
  return made;
}

/** Resolves to whether the text was copied. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelected(text);
  }
}

/** Some hosts do not let a frame of another site use the clipboard, but a selection may be copied. */
function copySelected(text) {
  const focused = document.activeElement;
  const area = element("textarea", { value: text, className: "out-of-sight" });
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  focused.focus();
  return isCopied;
}
