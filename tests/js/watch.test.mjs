// What the watcher of a page finds in its console.
import assert from "node:assert/strict";
import { test } from "node:test";
import { watch } from "../e2e/watch.mjs";

const SECRET = "a secret";
const circular = { data: { secret: SECRET } };
circular.self = circular;
const nested = Array.from({ length: 50 }).reduce((inner) => ({ inner }), SECRET);

const VALUES = {
  "a text": `with ${SECRET}`,
  "an object": { data: [SECRET] },
  "an object that refers to itself": circular,
  "an object beside a big integer": { count: 1n, secret: SECRET },
  "an object deep in others": nested,
  "an object without a prototype": Object.assign(Object.create(null), { secret: SECRET }),
  "an object with a toString that throws": { toString: () => assert.fail(), secret: SECRET },
  "an object with a toJSON that tells less": { toJSON: () => "nothing", secret: SECRET },
  "an object with a property that throws": { get first() { throw new Error("no"); }, secret: SECRET }, // prettier-ignore
  "a property that is not enumerable": Object.defineProperty({}, "secret", { value: SECRET }),
  "a symbol's property": { [Symbol("secret")]: SECRET },
  "a symbol": Symbol(SECRET),
  "an error's message": new Error(SECRET),
  "an error's cause": new Error("no", { cause: { secret: SECRET } }),
  "a map": new Map([["key", { secret: SECRET }]]),
  "a set": new Set([SECRET]),
};
const NOTHING = { undefined: undefined, null: null, "a revoked proxy": revoked(), "a big array": new Uint8Array(1e6) };

for (const [what, value] of Object.entries({ ...VALUES, ...NOTHING })) {
  test(`${what} ${what in VALUES ? "shows" : "harms nothing"}`, () => {
    const said = consoleOf((console) => console.info("before", value, "after"));
    assert.equal(said.length, 3);
    assert.deepEqual([said[0], said[2]], ["before", "after"]);
    assert.equal(said[1].includes(SECRET), what in VALUES, said[1].slice(0, 1_000));
  });
}

/** What a page's console has said after this. */
function consoleOf(work) {
  const { window, console } = globalThis;
  const levels = Object.fromEntries(["debug", "log", "info", "warn", "error"].map((level) => [level, () => {}]));
  try {
    globalThis.window = Object.assign(new EventTarget(), { setTimeout, clearTimeout, fetch });
    globalThis.console = { ...console, ...levels };
    watch(null);
    work(globalThis.console);
    return globalThis.window.watched.said;
  } finally {
    Object.assign(globalThis, { window, console });
    if (window === undefined) delete globalThis.window;
  }
}

function revoked() {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
