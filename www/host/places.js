// Places of the page whose content changes. What stays the same stays the same element: the focus, a selection and a reader's place
// survive.

/** Puts these elements there, in this order, and leaves those alone that are there already. */
export function arrange(place, elements) {
  for (const each of [...place.children]) if (!elements.includes(each)) each.remove();
  elements.forEach((each, at) => {
    if (place.children[at] !== each) place.insertBefore(each, place.children[at]);
  });
}

/** Draws a place anew if what it shows, its state, has changed. `content()`: the nodes. */
export function draw(place, state, content) {
  const shown = JSON.stringify(state);
  if (place.dataset.shown === shown) return;
  place.dataset.shown = shown;
  place.replaceChildren(...content());
}
