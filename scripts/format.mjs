// Formats the code. With --check, only lists files that are not formatted.
import { asCommand, root, run } from "./process.mjs";
import { cargoEnv, setup } from "./setup.mjs";

export async function format({ check = false } = {}) {
  await run("cargo", ["fmt", "--all", ...(check ? ["--check"] : [])], { env: cargoEnv() });
  const prettier = `${root}node_modules/prettier/bin/prettier.cjs`;
  await run(process.execPath, [prettier, check ? "--check" : "--write", "--log-level", "warn", "."]);
}

asCommand(import.meta, async () => {
  await setup({ lints: true });
  await format({ check: process.argv.includes("--check") });
});
