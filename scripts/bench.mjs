// Measures what ships, beside its peers, in headless Chromium. Writes the results to benches/results/.
//   npm run bench [-- --quick]            --quick: a minute, and prints the results instead of writing them
//   npm run bench -- --only FIGURE        measures one figure, and puts it in place of the last run's: see FIGURES
//   npm run bench -- --profile [NAME]     a CPU profile of 500 starts with the network stubbed, for Chromium's DevTools
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { build } from "./build.mjs";
import { Failure, asCommand, root, say, targetDir } from "./process.mjs";
import { ensurePackages, setup } from "./setup.mjs";

asCommand(import.meta, async () => {
  const { values, positionals } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      profile: { type: "boolean", default: false },
    },
    allowPositionals: true,
  });
  await setup({ engines: ["chromium"] });
  // The peers are for this alone, and heavy.
  await ensurePackages(join(root, "benches/browser"));
  await build();
  const { FIGURES, bench, profile } = await import("../benches/browser/bench.mjs");
  const { markdown, svg } = await import("../benches/browser/report.mjs");

  if (values.profile) {
    const [candidate = "ours"] = positionals;
    const path = join(targetDir, `${candidate}.cpuprofile`);
    await writeFile(path, JSON.stringify(await profile({ candidate, count: 500, say })));
    console.log(path);
    return;
  }
  if (values.only && !FIGURES.includes(values.only)) {
    throw new Failure(`--only ${values.only}: it must be one of ${FIGURES.join(", ")}`);
  }
  const run = await bench({ quick: values.quick, figures: values.only ? [values.only] : FIGURES, say });
  if (values.quick) {
    console.log(markdown(run));
    return;
  }
  const results = join(root, "benches/results");
  await mkdir(results, { recursive: true });
  const data = join(results, "browser.json");
  const written = values.only ? withFigure(JSON.parse(await readFile(data, "utf8")), run, values.only) : run;
  await writeFile(data, `${JSON.stringify(written, rounded, 1)}\n`);
  await writeFile(join(results, "browser.svg"), svg(written));
  await writeFile(join(results, "browser.md"), markdown(written, { chart: "browser.svg" }));
  say(`bench: written to ${results}`);
});

/** The last run with this figure and the sizes of the new run. The report says that the figure was measured apart. */
function withFigure(last, run, figure) {
  const apart = { ...last.apart, [figure]: { date: run.date, load: run.machine.load } };
  const method = { ...last.method, [figure]: run.method[figure] };
  const failures = [...new Set([...last.failures, ...run.failures])];
  return { ...last, [figure]: run[figure], sizes: run.sizes, versions: run.versions, method, failures, apart };
}

/** A microsecond is more exact than a browser's clock. */
function rounded(_, value) {
  return typeof value === "number" ? Number(value.toFixed(3)) : value;
}
