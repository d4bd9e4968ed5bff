// The order of the functions in the module.
import assert from "node:assert/strict";
import { test } from "node:test";
import { nameByLikeness } from "../../scripts/function-order.mjs";

test("functions that are alike get places side by side, and every name follows, but no data", () => {
  const sum = (name, callee) =>
    ` (func ${name} (param $0 i32)\n  (i32.add\n   (local.get $0)\n   (i32.const 7)\n  )\n  (call ${callee})\n )\n`;
  const store = (name, callee) =>
    ` (func ${name} (param $0 i32)\n  (i32.store offset=4\n   (local.get $0)\n   (i64.const 9)\n  )\n  (call ${callee})\n )\n`;
  const module = (first, second, third, fourth) =>
    `(module $m\n (data $d (i32.const 8) "costs $e \\"$e or $a::d")\n (export "f" (func ${second}))\n${sum(first, second)}${store(second, third)}${sum(third, fourth)}${store(fourth, first)})\n`;
  const names = ["$a::b", '$"<a as b>::c"', "$a::d", "$e"];
  assert.equal(nameByLikeness(module(...names)), module("$00000", "$00002", "$00001", "$00003"));
});
