// Many starts: how far they have come, and what became of those that failed.
import { element, english, find, withCode } from "../shared/element.js";
import { keepFocus } from "./focus.js";

const everyone = find("#everyone");
const cancel = find("#cancel");
const bar = find("#progress");
const results = find("#many-results");

export class Many {
  #text;

  constructor(text, { start, end }) {
    this.#text = text;
    everyone.addEventListener("click", () => everyone.ariaDisabled !== "true" && start());
    cancel.addEventListener("click", end);
  }

  offer(orgs) {
    keepFocus(() => (everyone.disabled = orgs.length === 0), "#access button");
    find("#everyone-of").textContent = orgs.length ? this.#text.everyoneOf(orgs.join(", ")) : "";
  }

  begin(total) {
    results.replaceChildren();
    this.progress({ total, settled: 0, rejected: 0 });
    find("#batch").hidden = false;
    // It keeps the focus, so it is not disabled.
    everyone.ariaDisabled = "true";
  }

  progress({ total, settled, rejected }) {
    bar.max = Math.max(total, 1);
    bar.value = settled;
    find("#so-far").textContent = this.#text.soFar(settled, total, rejected);
  }

  end() {
    keepFocus(() => (find("#batch").hidden = true), "#everyone");
    everyone.ariaDisabled = "false";
  }

  /** `failures`: names, with why, and whether that is English in a page that is not. */
  show(failures) {
    if (failures.length === 0) return results.replaceChildren();
    const lines = failures.map(({ agent, org, why, isForeign }) => {
      const words = isForeign ? [english(why)] : withCode(why);
      return element("li", {}, element("span", {}, `${agent} · ${org}`), element("span", {}, ...words));
    });
    const summary = element("summary", {}, this.#text.manyFailed(failures.length));
    results.replaceChildren(element("details", {}, summary, element("ul", {}, ...lines)));
  }
}
