// Measures what ships, beside its peers, in headless Chromium. Writes the results to benches/results/.
//   npm run bench [-- --quick]            --quick: a minute, and prints the results instead of writing them
//   npm run bench -- --profile [NAME]     a CPU profile of 500 starts with the network stubbed, for Chromium's DevTools
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { build } from "./build.mjs";
import { asCommand, root, say, targetDir } from "./process.mjs";
import { ensurePackages, setup } from "./setup.mjs";

asCommand(import.meta, async () => {
  const { values, positionals } = parseArgs({
    options: { quick: { type: "boolean", default: false }, profile: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  await setup({ engines: ["chromium"] });
  // The peers are for this alone, and heavy.
  await ensurePackages(join(root, "benches/browser"));
  await build();
  const { bench, profile } = await import("../benches/browser/bench.mjs");
  const { markdown, svg } = await import("../benches/browser/report.mjs");

  if (values.profile) {
    const [candidate = "ours"] = positionals;
    const path = join(targetDir, `${candidate}.cpuprofile`);
    await writeFile(path, JSON.stringify(await profile({ candidate, count: 500, say })));
    console.log(path);
    return;
  }
  const run = await bench({ quick: values.quick, say });
  if (values.quick) {
    console.log(markdown(run));
    return;
  }
  const results = join(root, "benches/results");
  await mkdir(results, { recursive: true });
  await writeFile(join(results, "browser.json"), `${JSON.stringify(run, rounded, 1)}\n`);
  await writeFile(join(results, "browser.svg"), svg(run));
  await writeFile(join(results, "browser.md"), markdown(run, { chart: "browser.svg" }));
  say(`bench: written to ${results}`);
});

/** A microsecond is more exact than a browser's clock. */
function rounded(_, value) {
  return typeof value === "number" ? Number(value.toFixed(3)) : value;
}
