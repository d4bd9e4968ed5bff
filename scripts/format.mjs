// Formats the code. With --check, only lists files that are not formatted.
import { parseArgs } from "node:util";
import { asCommand, root, run } from "./process.mjs";
import { cargoEnv, setup } from "./setup.mjs";

export async function format({ check = false } = {}) {
  await run("cargo", ["fmt", "--all", ...(check ? ["--check"] : [])], { env: cargoEnv() });
  const prettier = `${root}node_modules/prettier/bin/prettier.cjs`;
  await run(process.execPath, [prettier, check ? "--check" : "--write", "--log-level", "warn", "."]);
}

asCommand(import.meta, async () => {
  const { values } = parseArgs({ options: { check: { type: "boolean" } } });
  await setup({ lints: true });
  await format(values);
});
