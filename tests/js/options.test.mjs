// How the caller's arguments are copied.
import assert from "node:assert/strict";
import test from "node:test";
import { snapshot, snapshotOf } from "../../src/js/options.js";

test("a copy has the own properties alone, read once, and no prototype", () => {
  let reads = 0;
  const given = Object.assign(Object.create({ inherited: 1 }), { share: false });
  Object.defineProperty(given, "orgId", { enumerable: true, get: () => `read ${++reads}` });
  const copied = snapshot(given);
  assert.deepEqual(Object.entries(copied), [
    ["share", false],
    ["orgId", "read 1"],
  ]);
  assert.equal(Object.getPrototypeOf(copied), null);
  assert.equal(copied.inherited, undefined);
});

test("a property that is called __proto__ is a property, and no prototype", () => {
  const copied = snapshot(JSON.parse('{ "__proto__": { "share": false }, "orgId": "a" }'));
  assert.equal(Object.getPrototypeOf(copied), null);
  assert.deepEqual(Object.keys(copied), ["__proto__", "orgId"]);
  assert.equal(copied.share, undefined);
});

test("what leads back to itself, or has objects and is there twice, is copied once", () => {
  const entry = { names: ["a"] };
  const given = { first: entry, second: entry };
  given.self = given;
  entry.list = [given, entry];
  const copied = snapshotOf(given);
  assert.equal(copied.self, copied);
  assert.equal(copied.second, copied.first);
  assert.equal(copied.first.list[0], copied);
  assert.equal(copied.first.list[1], copied.first);
  assert.notEqual(copied.first.names, entry.names);
  // Many ways to the same object take no longer than one.
  let deep = { end: {} };
  for (let depth = 0; depth < 100; depth++) deep = { left: deep, right: deep };
  assert.ok(snapshotOf(deep).left.right);
});

test("a list keeps its holes out and its length, and its items are copies", () => {
  const agents = [{ agentId: "a", orgId: "o" }, "b"];
  agents[3] = { agentId: "d" };
  const copied = snapshotOf(agents);
  agents[0].agentId = "changed";
  assert.deepEqual(
    copied.map((item) => item?.agentId ?? item),
    ["a", "b", undefined, "d"],
  );
});

test("a longer name than any that the module knows is shortened, and its value is a copy", () => {
  const value = { inner: 1 };
  const copied = snapshot({ ["n".repeat(100_000)]: value, share: true });
  const [name] = Object.keys(copied).filter((each) => each !== "share");
  assert.equal(Object.keys(copied).length, 2);
  assert.ok(name.length < 70_000, `${name.length}`);
  assert.notEqual(copied[name], value);
  assert.equal(copied[name].inner, 1);
});

test("a long name that shortening leaves as it is, or makes of another one, is not lost", () => {
  const [shortened] = Object.keys(snapshot({ ["n".repeat(100_000)]: 1 }));
  assert.deepEqual(Object.entries(snapshot({ [shortened]: 1 })), [[shortened, 1]]);
  assert.deepEqual(Object.keys(snapshot({ ["n".repeat(100_000)]: 1, [shortened]: 2 })), [shortened]);
});

test("what is no data is passed as it is: a signal, headers", () => {
  const { signal } = new AbortController();
  const given = { signal, headers: new Headers(), tokens: [signal] };
  const copied = snapshot(given);
  assert.equal(copied.signal, signal);
  assert.equal(copied.headers, given.headers);
  assert.notEqual(copied.tokens[0], signal);
});

test("a million properties are refused, wherever they are", () => {
  const many = Array.from({ length: 1_001 }, () =>
    Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [at, 0])),
  );
  for (const given of [{ many }, [many], new Array(1_000_001), { agents: new Array(1_000_001) }]) {
    assert.throws(() => snapshotOf(given), { code: "BAD_ARGUMENT" });
  }
});
