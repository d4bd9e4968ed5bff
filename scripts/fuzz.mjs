// Fuzzes everything that reads foreign text, for --minutes N in all (default: 30).
import { parseArgs } from "node:util";
import { Failure, asCommand, run, say } from "./process.mjs";
import { cargoEnv, setup } from "./setup.mjs";

asCommand(import.meta, async () => {
  const { values } = parseArgs({ options: { minutes: { type: "string", default: "30" } } });
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new Failure("use: npm run fuzz -- --minutes N");
  await setup();
  say(`fuzzing for ${minutes} minutes`);
  // One after another, so that each target gets its part of the time.
  const test = ["test", "--locked", "--test", "native", "fuzz::", "--", "--test-threads=1", "--nocapture"];
  await run("cargo", test, { env: { ...cargoEnv(), FUZZ_MINUTES: `${minutes}` }, stdout: process.stdout });
});
