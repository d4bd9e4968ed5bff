import { connect } from "premium-recorder";
import { expect, test } from "vitest";
import { record } from "./app.js";
// #region
import { readFile } from "node:fs/promises";

const wasm = await readFile("node_modules/premium-recorder/dist/premium_recorder_bg.wasm");
// #endregion

test("a recording starts", async () => {
  const outcome = await record(connect, JSON.parse(process.env.GIVEN), { wasm });
  expect(outcome).toEqual(JSON.parse(process.env.EXPECTED));
});
