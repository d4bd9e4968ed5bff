// The keyboard's place in the page. If the element that has the focus goes, the browser starts over at the top.
import { find } from "../shared/element.js";

/**
 * Makes a change that may take the focused element away. If it does, the focus goes to what is now in its place, which is the
 * nearest element with an id, else to the first of these selectors that accepts it, else to the page's heading.
 */
export function keepFocus(change, ...selectors) {
  const focused = document.activeElement;
  const place = focused?.closest("[id]")?.id;
  change();
  if (!place || canHaveFocus(focused)) return;
  const inPlace = document.getElementById(place)?.querySelector("button:enabled");
  [inPlace, ...selectors.map((selector) => find(selector)), find("h1")].find(canHaveFocus)?.focus();
}

function canHaveFocus(element) {
  return Boolean(element?.isConnected && !element.disabled && element.checkVisibility());
}
