// What every part of the page is made of.

export const find = (selector) => document.querySelector(selector);

export function element(name, ...children) {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}

/** `label`: what the button is called where its text alone does not tell it from others. */
export function button(text, data = {}, label) {
  const made = element("button", text);
  made.type = "button";
  Object.assign(made.dataset, data);
  if (label) made.ariaLabel = label;
  return made;
}

/** Head cells of rows: the first of each. */
export function row(first, ...others) {
  const head = element("th", first);
  head.scope = "row";
  return element("tr", head, ...others.map((each) => element("td", each)));
}
