// Summaries of measured values.

/** Median, quartiles and range. */
export function summary(values) {
  const sorted = values.filter((value) => Number.isFinite(value)).sort((one, other) => one - other);
  const at = (share) => {
    const place = (sorted.length - 1) * share;
    const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
    return low + (high - low) * (place % 1);
  };
  if (!sorted.length) return undefined;
  return { median: at(0.5), low: at(0.25), high: at(0.75), min: at(0), max: at(1), count: sorted.length };
}

/** The items in an order that changes with each round, so that none always comes after the same one. */
export function shuffled(items, round) {
  const order = [...items];
  let seed = round * 2654435761 + 1;
  for (let at = order.length - 1; at > 0; at--) {
    seed = (seed * 1664525 + 1013904223) >>> 0;
    const other = seed % (at + 1);
    [order[at], order[other]] = [order[other], order[at]];
  }
  return order;
}
