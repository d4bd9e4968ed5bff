// The mark of an organization: a shape and a color, the same in both pages.
import { element, svg } from "./element.js";

const SHAPES = [
  ["circle", { cx: 8, cy: 8, r: 6.5 }],
  ["rect", { x: 2, y: 2, width: 12, height: 12, rx: 1.5 }],
  ["path", { d: "M8 1.5 15 14H1Z" }],
  ["path", { d: "M8 .8 15.2 8 8 15.2.8 8Z" }],
];

/** `index`: the organization's place in the directory. `hollow`: no token is held for it. */
export function shape(index, { hollow = false } = {}) {
  const [name, geometry] = SHAPES[index % SHAPES.length];
  const paint = hollow ? { fill: "none", stroke: "currentColor", "stroke-width": 2 } : { fill: "currentColor" };
  return svg(name, { ...geometry, ...paint });
}

export function mark(index, options) {
  const drawn = svg("svg", { viewBox: "0 0 16 16", class: "mark", "aria-hidden": "true" }, shape(index, options));
  drawn.dataset.org = index % SHAPES.length;
  return drawn;
}

/** Its mark with its name. */
export function orgLabel({ index, name }, options) {
  return element("span", { className: "org" }, mark(index, options), name);
}
