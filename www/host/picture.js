// The picture of a row: a lane for each organization. A request goes from a token to an agent, and a token works in its own lane only.
import { element } from "../shared/element.js";
import { initials } from "../shared/initials.js";
import { mark, orgLabel } from "../shared/mark.js";

/** Where a token and an agent stand in a lane, as parts of its width. */
const TOKEN = 0.2;
const AGENT = 0.76;

/** `lanes`: the organizations in order. */
export function picture(row, lanes) {
  const drawn = element("div", { className: `picture ${row.outcome}`, ariaHidden: "true" });
  drawn.style.setProperty("--lanes", lanes.length);
  drawn.append(...lanes.map((org) => element("span", { className: "lane", data: { org: org.index % 4 } })));
  const at = (org, part) => (100 * (lanes.indexOf(org) + part)) / lanes.length;
  const from = row.tokenOrg ?? row.targetOrg;
  const to = row.agent?.org ?? row.targetOrg;
  if (!lanes.includes(from) || !lanes.includes(to)) return drawn;

  const start = at(from, TOKEN);
  // A request that was never sent ends at the border of the token's own lane, inside the page.
  const border = at(from, to.index < from.index ? 0.04 : 0.96);
  const end = row.kind === "never" && from !== to ? border : at(to, AGENT);
  if (row.kind === "token") {
    drawn.append(place(mark(from.index), start, "token new"));
    return drawn;
  }
  const line = element("span", { className: "line" });
  line.style.left = `${Math.min(start, end)}%`;
  line.style.width = `${Math.abs(end - start)}%`;
  if (end < start) line.classList.add("leftwards");
  drawn.append(line, place(mark(from.index, { hollow: !row.tokenOrg }), start, "token"));
  if (row.agent)
    drawn.append(place(element("span", { className: "agent" }, initials(row.agent.name)), at(to, AGENT), ""));
  const sign = signOf(row);
  if (sign) {
    const near = row.kind === "never" ? end : (start + 2 * end) / 3;
    drawn.append(place(element("span", { className: "sign" }, sign), near, ""));
  }
  return drawn;
}

/** The same in words, for narrow screens. */
export function chips(row, text) {
  const { tokenOrg, agent, targetOrg } = row;
  const token = tokenOrg ? orgLabel({ ...tokenOrg, name: text.tokenOf(tokenOrg.name) }) : text.noToken;
  const target = agent
    ? [orgLabel({ ...agent.org, name: `${agent.name} · ${agent.org.name}` })]
    : targetOrg
      ? [orgLabel(targetOrg)]
      : [];
  const arrow = element("span", { className: `arrow ${row.outcome}` }, signOf(row) === "✕" ? "✕" : "→");
  const last = row.kind === "token" ? [] : [arrow, element("span", { className: "chip" }, ...target)];
  return element(
    "span",
    { className: "chips", ariaHidden: "true" },
    element("span", { className: "chip" }, token),
    ...last,
  );
}

function place(child, left, className) {
  const spot = element("span", { className: `spot ${className}` }, child);
  spot.style.left = `${left}%`;
  return spot;
}

function signOf({ outcome, repaired }) {
  if (repaired) return "↻";
  return { refused: "✕", never: "✕", failed: "?", lost: "?" }[outcome];
}
