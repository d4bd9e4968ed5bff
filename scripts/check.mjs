// Everything that can be said about the code without running it: format, lints, documentation, licenses, types, size.
import { build } from "./build.mjs";
import { format } from "./format.mjs";
import { licenses } from "./licenses.mjs";
import { asCommand, run, say } from "./process.mjs";
import { cargoEnv, setup } from "./setup.mjs";
import { checkBudget, sizes } from "./size.mjs";
import { checkTypes } from "./types.mjs";

const WASM = ["--target", "wasm32-unknown-unknown"];
const DENIED = ["--", "--deny", "warnings"];

asCommand(import.meta, async () => {
  await setup({ lints: true });
  const cargo = (args, env) => run("cargo", args, { env: { ...cargoEnv(), ...env } });
  const documented = { RUSTDOCFLAGS: "--deny warnings" };

  say("check: format");
  await format({ check: true });
  say("check: clippy");
  await cargo(["clippy", "--locked", "--workspace", "--all-targets", ...DENIED]);
  await cargo(["clippy", "--locked", ...WASM, "--lib", "--test", "crossing", ...DENIED]);
  await cargo(["clippy", "--locked", ...WASM, "--lib", "--features", "panic-on-purpose", ...DENIED]);
  say("check: documentation");
  await cargo(["doc", "--locked", "--no-deps", "--workspace"], documented);
  await cargo(["doc", "--locked", "--no-deps", ...WASM], documented);
  say("check: licenses");
  await licenses({ check: true });
  say("check: types");
  await build();
  await checkTypes();
  say("check: size");
  await checkBudget((await sizes()).total);
});
