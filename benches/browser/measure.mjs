// The measurements. Each returns, by candidate, a list of values for each figure, one value a round.
import { CANDIDATES } from "./bundle.mjs";
import { atOnce, inTurn, load, startMany, stubNetwork } from "./in-page.mjs";
import { PATH } from "./server.mjs";
import { shuffled } from "./statistics.mjs";
import { organizations } from "./tokens.mjs";

const FLOOR = CANDIDATES.find(({ isFloor }) => isFloor);
const WARM_UP = 20;

export class Measurements {
  #chromium;
  #server;
  #say;
  /** Candidates that this version of ours does not have. */
  #missing = new Set();
  /** What could not be measured, and why. */
  failures = [];

  constructor(chromium, server, say) {
    this.#chromium = chromium;
    this.#server = server;
    this.#say = say;
  }

  /** Loads each candidate in a page of its own. */
  async loads({ rounds, rates }) {
    const figures = new Figures();
    const candidates = [...CANDIDATES.filter(({ loads }) => loads !== false), again(FLOOR)];
    for (const rate of rates) {
      // The first page of a browser starts what later pages have.
      await this.#load(FLOOR, { rate });
      for (let round = 0; round < rounds; round++) {
        this.#progress(`loads, CPU ×1/${rate}`, round, rounds);
        for (const candidate of shuffled(candidates, round)) {
          const { imported, evaluated, heap, wasm } = await this.#load(candidate, { rate });
          figures.add(candidate.name, { [`imported${rate}`]: imported, [`evaluated${rate}`]: evaluated, heap, wasm });
        }
      }
    }
    return figures.byCandidate;
  }

  async #load(candidate, { rate }) {
    const page = await this.#open();
    try {
      const before = await page.memory();
      await page.throttle(rate);
      const times = await this.#loadInto(page, candidate, organizations(1));
      await page.throttle(1);
      const after = await page.memory();
      return { ...times, heap: after.heap - before.heap, wasm: after.wasm };
    } finally {
      await page.close();
    }
  }

  /** Posts to the server, in turn with the floor in the same page. */
  async posts({ rounds, count, crowd, blocks }) {
    const figures = new Figures();
    for (let round = 0; round < rounds; round++) {
      this.#progress("posts", round, rounds);
      for (const candidate of this.#compared(round)) {
        await this.#beside(candidate, {}, async (page, both, orgIds) => {
          const millis = { [FLOOR.name]: 0, [candidate.name]: 0 };
          const pair = shuffled(both, round);
          for (const name of pair) await page.run(inTurn, name, orgIds, 0, WARM_UP);
          let next = WARM_UP;
          const size = Math.ceil(count / blocks);
          for (let block = 0; block < blocks; block++) {
            for (const name of shuffled(pair, block)) millis[name] += await page.run(inTurn, name, orgIds, next, size);
            next += size;
          }
          const each = size * blocks;
          const together = {};
          for (const name of pair) together[name] = await page.run(atOnce, name, orgIds, next, crowd);
          figures.add(candidate.name, {
            inTurn: millis[candidate.name] / each,
            inTurnRatio: millis[candidate.name] / millis[FLOOR.name],
            atOnce: together[candidate.name],
            atOnceRatio: together[candidate.name] / together[FLOOR.name],
          });
        });
      }
    }
    return figures.byCandidate;
  }

  /** The page's own work for a post, with the network stubbed. */
  async work({ rounds, count }) {
    const figures = new Figures();
    for (let round = 0; round < rounds; round++) {
      this.#progress("work of a post", round, rounds);
      for (const candidate of this.#compared(round)) {
        await this.#beside(candidate, { stub: true }, async (page, both, orgIds) => {
          const measured = {};
          for (const name of shuffled(both, round)) {
            await page.run(inTurn, name, orgIds, 0, WARM_UP);
            measured[name] = await this.#work(page, name, orgIds, WARM_UP, count);
          }
          const { elapsed, busy } = measured[candidate.name];
          figures.add(candidate.name, { elapsed, busy });
        });
      }
    }
    return figures.byCandidate;
  }

  /** Milliseconds for each post: on the clock, and of the page's main thread. */
  async #work(page, name, orgIds, first, count) {
    const before = await page.busy();
    const elapsed = await page.run(inTurn, name, orgIds, first, count);
    return { elapsed: elapsed / count, busy: ((await page.busy()) - before) / count };
  }

  /** What grows over many calls. `warm`: after so many, nothing should grow. */
  async calls({ rounds, count, warm }) {
    const figures = new Figures();
    const window = Math.min(1_000, count / 2);
    for (let round = 0; round < rounds; round++) {
      this.#progress(`${count} calls`, round, rounds);
      for (const candidate of this.#compared(round)) {
        await this.#alone(candidate, { stub: true }, async (page, orgIds) => {
          const { name } = candidate;
          const loaded = await page.memory();
          await page.run(inTurn, name, orgIds, 0, 100);
          const early = await this.#work(page, name, orgIds, 100, warm - 100);
          const warmed = await page.memory();
          await page.run(inTurn, name, orgIds, warm, count - window);
          const late = await this.#work(page, name, orgIds, warm + count - window, window);
          const end = await page.memory();
          figures.add(name, {
            early: early.elapsed,
            late: late.elapsed,
            earlyBusy: early.busy,
            lateBusy: late.busy,
            heapLoaded: loaded.heap,
            heapEnd: end.heap,
            heapGrowth: end.heap - loaded.heap,
            heapWarmGrowth: end.heap - warmed.heap,
            wasmLoaded: loaded.wasm,
            wasmEnd: end.wasm,
            wasmWarmGrowth: end.wasm - warmed.wasm,
          });
        });
      }
    }
    return figures.byCandidate;
  }

  /** What grows with the number of organizations. */
  async organizations({ rounds, counts, calls }) {
    const figures = new Figures();
    for (let round = 0; round < rounds; round++) {
      for (const count of counts) {
        const tokens = organizations(count);
        this.#progress(`${count} organizations`, round, rounds);
        for (const candidate of this.#compared(round, { noise: false })) {
          if (count > (candidate.mostOrganizations ?? Infinity)) continue;
          await this.#alone(candidate, { stub: true, tokens }, async (page, orgIds, { evaluated }) => {
            const loaded = await page.memory();
            await page.run(inTurn, candidate.name, orgIds, 0, WARM_UP);
            const { elapsed } = await this.#work(page, candidate.name, orgIds, WARM_UP, calls);
            figures.add(candidate.name, {
              [`ready${count}`]: evaluated,
              [`elapsed${count}`]: elapsed,
              [`heap${count}`]: loaded.heap,
              [`wasm${count}`]: loaded.wasm,
            });
          });
        }
      }
    }
    return figures.byCandidate;
  }

  /** Posts to an API that is far away: preflights, and the time of all posts. */
  async far({ rounds, count, delay }) {
    const figures = new Figures();
    this.#server.setDelay(delay);
    try {
      for (let round = 0; round < rounds; round++) {
        this.#progress("an API far away", round, rounds);
        for (const candidate of this.#compared(round, { noise: false })) {
          await this.#alone(candidate, {}, async (page, orgIds) => {
            this.#server.take();
            const total = await page.run(inTurn, candidate.name, orgIds, 0, count);
            const { preflights, starts } = this.#server.take();
            figures.add(candidate.name, { total, preflights, starts });
          });
        }
      }
    } finally {
      this.#server.setDelay(0);
    }
    return figures.byCandidate;
  }

  /** A batch with the network stubbed. */
  async batch({ rounds, count, orgs }) {
    const figures = new Figures();
    const candidates = [FLOOR, CANDIDATES.find(({ variant }) => variant === "shared")];
    for (let round = 0; round < rounds; round++) {
      this.#progress(`a batch of ${count}`, round, rounds);
      for (const candidate of candidates) {
        await this.#alone(candidate, { stub: true, tokens: organizations(orgs) }, async (page, orgIds) => {
          figures.add(candidate.name, await page.run(startMany, candidate.name, orgIds, count));
        });
      }
    }
    return figures.byCandidate;
  }

  /** Where the page's work for posts goes, with the network stubbed: a profile as Chromium's DevTools read it. */
  async profile(name, count) {
    const candidate = CANDIDATES.find((each) => each.name === name);
    let profile;
    await this.#alone(candidate, { stub: true }, async (page, orgIds) => {
      await page.run(inTurn, name, orgIds, 0, 200);
      await page.send("Profiler.enable");
      await page.send("Profiler.setSamplingInterval", { interval: 100 });
      await page.send("Profiler.start");
      await page.run(inTurn, name, orgIds, 200, count);
      ({ profile } = await page.send("Profiler.stop"));
    });
    return profile;
  }

  /** Every candidate of this version; the floor a second time, which tells how much is noise. */
  #compared(round, { noise = true } = {}) {
    const all = CANDIDATES.filter(({ name }) => !this.#missing.has(name));
    return shuffled(noise ? [...all, again(FLOOR)] : all, round);
  }

  async #beside(candidate, options, work) {
    await this.#alone(candidate, options, async (page, orgIds) => {
      await this.#loadInto(page, FLOOR, organizations(1));
      await work(page, [...new Set([FLOOR.name, candidate.name])], orgIds);
    });
  }

  async #alone(candidate, { stub = false, tokens = organizations(1) }, work) {
    const page = await this.#open();
    try {
      if (stub) await page.run(stubNetwork);
      const times = await this.#loadInto(page, candidate, tokens);
      if (times)
        await work(
          page,
          tokens.map(([orgId]) => orgId),
          times,
        );
      else this.#missing.add(candidate.name);
    } catch (error) {
      const failure = `${candidate.name}: ${error.message.split("\n")[0]}`;
      if (!this.failures.includes(failure)) this.failures.push(failure);
      this.#say(`bench: ${failure}`);
    } finally {
      await page.close();
    }
  }

  #open() {
    const { app } = this.#server;
    // As Genesys Cloud launches it. The SDK of Genesys Cloud knows only the names of regions.
    return this.#chromium.openPage(`${app}/?gcHostOrigin=${encodeURIComponent(app)}&gcTargetEnv=prod`);
  }

  #loadInto(page, { name, file, variant }, tokens) {
    const { app, api } = this.#server;
    return page.run(load, name, file, { api, apps: app, path: PATH, tokens, variant });
  }

  #progress(what, round, rounds) {
    this.#say(`bench: ${what}, ${round + 1} of ${rounds}`);
  }
}

/** The same candidate under another name. */
function again(candidate) {
  return { ...candidate, name: `${candidate.name}-again` };
}

class Figures {
  byCandidate = {};

  add(name, values) {
    const figures = (this.byCandidate[name] ??= {});
    for (const [figure, value] of Object.entries(values)) (figures[figure] ??= []).push(value);
  }
}
