// Lets an app run behind nginx for --minutes N (default: 10), with faults, and fails if a promise does not hold.
//   npm run soak [-- --minutes N] [--contract http2|idempotency|none]
import { join } from "node:path";
import { parseArgs } from "node:util";
import { build } from "./build.mjs";
import { buildCloud } from "./cloud.mjs";
import { Failure, asCommand, root, say } from "./process.mjs";
import { missingProxies } from "./proxies.mjs";
import { ensurePackages, setup } from "./setup.mjs";

asCommand(import.meta, async () => {
  const { minutes, contract } = options();
  await setup({ engines: ["chromium"] });
  // React and the SDK of Genesys Cloud are for this alone, and heavy.
  await ensurePackages(join(root, "tests/soak"));
  const missing = await missingProxies();
  if (missing) throw new Failure(missing);
  await build();
  await buildCloud();

  const { soak } = await import("../tests/soak/soak.mjs");
  const { figures, broken } = await soak({ minutes, contract, say });
  for (const [name, value] of Object.entries(figures)) console.log(`${name}: ${JSON.stringify(value)}`);
  if (broken.length) throw new Failure(`not so: ${broken.join("; ")}`);
});

function options() {
  const { values } = parseArgs({
    options: { minutes: { type: "string", default: "10" }, contract: { type: "string", default: "http2" } },
  });
  const { minutes, contract } = values;
  const contracts = ["http2", "idempotency", "none"];
  if (!(Number(minutes) > 0) || !contracts.includes(contract)) {
    throw new Failure(`use: npm run soak -- --minutes N --contract ${contracts.join("|")}`);
  }
  return { minutes: Number(minutes), contract };
}
