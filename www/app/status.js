// The one live region: what has happened, in one sentence. It is busy while anything is under way.
import { find } from "../shared/element.js";

const region = find("#status");
let underWay = 0;

export function say(text) {
  region.textContent = text;
}

/** Says what is under way, and is busy until `work` is settled. */
export async function during(text, work) {
  underWay += 1;
  region.ariaBusy = "true";
  if (text) say(text);
  try {
    return await work();
  } finally {
    // If nothing has been said since, it would go on saying that.
    if (region.textContent === text) say("");
    underWay -= 1;
    region.ariaBusy = String(underWay > 0);
  }
}
