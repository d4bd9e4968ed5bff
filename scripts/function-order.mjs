// Puts functions that are alike side by side: what repeats nearby compresses better. wasm-opt can only sort functions by name.

/** A trait of a function is an instruction, or up to this many of them in a row. */
const MAX_IN_A_ROW = 6;

/** Matches strings as well, so that text in a string is not taken for a name. */
const NAME_OR_STRING = /\$?"(?:[^"\\]|\\.)*"|\$[^\s()"]+/g;

/** The module's text, in which each function's name is its place: `wasm-opt --reorder-functions-by-name` does the rest. */
export function nameByLikeness(text) {
  const functions = text.split(/^ (?=\(func )/m).slice(1);
  const nameOf = (code) => code.match(NAME_OR_STRING)[0];
  const names = new Map(order(functions.map(traits)).map((index, place) => [nameOf(functions[index]), place]));
  return text.replace(NAME_OR_STRING, (name) =>
    names.has(name) ? `$${String(names.get(name)).padStart(5, "0")}` : name,
  );
}

/** A function's traits. The names of other functions are left out, and the numbers of its variables stay. */
function traits(code) {
  const lines = code.split("\n").slice(1);
  const instructions = lines.map((line) =>
    line.trim().replace(NAME_OR_STRING, (name) => (/^\$\d+$/.test(name) ? name : "$")),
  );
  const found = new Set();
  for (const start of instructions.keys()) {
    for (let count = 1; count <= MAX_IN_A_ROW; count++) found.add(instructions.slice(start, start + count).join(" "));
  }
  return found;
}

/**
 * The functions' indexes. The function whose traits weigh least is the first. The next is always the one, of those that are left, that
 * shares most of its own traits with the functions before it, each of which counts half as much as the one after it.
 */
function order(functions) {
  const owners = new Map();
  functions.forEach((found, index) => {
    for (const trait of found) {
      if (!owners.has(trait)) owners.set(trait, []);
      owners.get(trait).push(index);
    }
  });
  const weight = (trait) => Math.log(functions.length / owners.get(trait).length);
  const weights = functions.map((found) => Array.from(found, weight).reduce((sum, each) => sum + each, 1));
  const shared = new Float64Array(functions.length);
  const likeness = (index) => shared[index] / weights[index];
  const left = new Set(functions.keys());
  const ordered = [];
  for (let next = weights.indexOf(Math.min(...weights)); next !== undefined;) {
    ordered.push(next);
    left.delete(next);
    shared.forEach((sum, index) => (shared[index] = sum / 2));
    for (const trait of functions[next]) {
      for (const other of owners.get(trait)) shared[other] += weight(trait);
    }
    next = [...left].reduce(
      (best, index) => (best === undefined || likeness(index) > likeness(best) ? index : best),
      undefined,
    );
  }
  return ordered;
}
