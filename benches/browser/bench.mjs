// The whole benchmark: serves the bundles, drives Chromium, and returns what it has measured.
import { cpus, loadavg, release, totalmem, type } from "node:os";
import { bundle, versions } from "./bundle.mjs";
import { startChromium } from "./chromium.mjs";
import { Measurements } from "./measure.mjs";
import { serve } from "./server.mjs";

const FULL = {
  loads: { rounds: 15, rates: [1, 4] },
  posts: { rounds: 5, count: 100, crowd: 500, blocks: 5 },
  work: { rounds: 5, count: 300 },
  calls: { rounds: 1, count: 10_000, warm: 1_000 },
  organizations: { rounds: 1, counts: [1, 5_000], calls: 500 },
  far: { rounds: 2, count: 20, delay: 60 },
  batch: { rounds: 5, count: 20_000, orgs: 100 },
};

/** A minute: enough to see whether something is broken, not enough to compare. */
const QUICK = {
  quick: true,
  loads: { rounds: 2, rates: [1, 4] },
  posts: { rounds: 1, count: 40, crowd: 200, blocks: 2 },
  work: { rounds: 1, count: 200 },
  calls: { rounds: 1, count: 400, warm: 200 },
  organizations: { rounds: 1, counts: [1, 100], calls: 100 },
  far: { rounds: 1, count: 5, delay: 60 },
  batch: { rounds: 1, count: 500, orgs: 10 },
};

export const FIGURES = ["loads", "posts", "work", "calls", "organizations", "far", "batch"];

/** Measures these figures; by default all. */
export async function bench({ quick, figures = FIGURES, say }) {
  const method = quick ? QUICK : FULL;
  return inChromium(say, async (measurements, chromium, sizes) => {
    const load = [loadavg()[0].toFixed(1)];
    const run = { date: new Date().toISOString().slice(0, 10), method, sizes, versions: await versions() };
    for (const figure of figures) {
      run[figure] = await measurements[figure](method[figure]);
    }
    load.push(loadavg()[0].toFixed(1));
    run.failures = measurements.failures;
    run.machine = {
      cores: cpus().length,
      model: cpus()[0]?.model.trim(),
      memory: Math.round(totalmem() / 2 ** 30),
      system: `${type()} ${release().split("-")[0]}`,
      load,
      chromium: chromium.version,
      node: process.versions.node,
    };
    return run;
  });
}

/** A CPU profile of so many posts with the network stubbed. */
export function profile({ candidate, count, say }) {
  return inChromium(say, (measurements) => measurements.profile(candidate, count));
}

async function inChromium(say, work) {
  say("bench: bundling the candidates");
  const { files, sizes } = await bundle();
  const server = await serve(files);
  try {
    const chromium = await startChromium(process.env.CHROME);
    try {
      return await work(new Measurements(chromium, server, say), chromium, sizes);
    } finally {
      await chromium.close();
    }
  } finally {
    await server.close();
  }
}
