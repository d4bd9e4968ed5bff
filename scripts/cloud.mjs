// Builds the stand-in cloud, and runs it alone for `npm run cloud`. PORT is its apps origin; PORT=0 picks free ports.
import { join } from "node:path";
import { mustBeFree, portsFrom } from "./ports.mjs";
import { asCommand, run, say, targetDir } from "./process.mjs";
import { cargoEnv, setup } from "./setup.mjs";

export const cloudProgram = join(targetDir, "debug/standin-cloud");

export async function buildCloud() {
  say("building the stand-in cloud");
  await run("cargo", ["build", "--locked", "--package", "standin-cloud"], { env: cargoEnv() });
}

/** The same ports as `npm start` uses, so that either can replace the other. */
export function cloudArguments({ apps, api, login }) {
  return ["--apps-port", apps, "--api-port", api, "--login-port", login].map(String);
}

asCommand(import.meta, async () => {
  const ports = portsFrom(process.env.PORT);
  await mustBeFree([ports.apps, ports.api, ports.login]);
  await setup();
  await buildCloud();
  await run(cloudProgram, [...cloudArguments(ports), ...process.argv.slice(2)], { stdout: process.stdout });
});
