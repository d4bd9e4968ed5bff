// Locks of pages, against Web Locks whose messages come in any order: a lock has one holder at most, and every request is decided.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { Origin, locksOfPages } from "./origin.mjs";

const SCHEDULES = Number(process.env.SCHEDULES ?? 5_000);
const FIRST_SEED = Number(process.env.SEED ?? 1);
/** The Web Lock that all pages with locks hold. */
const ALL = "premium-recorder locks";
const NAMES = ["one agent", "another agent", "a third agent"];

let locksOf;
before(async () => (locksOf = await locksOfPages()));

/** A linear congruential generator: the same numbers for the same seed. */
function randomOf(seed) {
  let state = BigInt(seed) * 2654435761n + 1n;
  return (below) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) % 2n ** 64n;
    return Number((state >> 33n) % BigInt(below));
  };
}

/** Requests a lock for a page. */
function request(page, name, waits) {
  const controller = waits ? new AbortController() : undefined;
  const asked = page.locks.requestLock((released) => released, name, controller?.signal);
  const work = { page, name, asked, state: "waits", abort: () => controller?.abort(), release: asked.release };
  if (asked.isGranted) work.state = "holds";
  else {
    asked.decided.then((isGranted) => {
      if (work.state === "waits") work.state = isGranted ? "holds" : "refused";
    });
  }
  return work;
}

async function run(seed) {
  const random = randomOf(seed);
  const origin = new Origin(locksOf, random);
  let works = [];
  const any = (list) => list[random(list.length || 1)];
  const living = () => works.filter(({ page, state }) => origin.pages.includes(page) && state !== "over");
  const over = (work) => {
    // As the module does it.
    work.abort();
    work.release();
    work.state = "over";
  };
  const check = () => {
    const [holder] = origin.holders(ALL);
    const holders = NAMES.flatMap((name) => origin.holders(name));
    if (holder?.isExclusive)
      assert.ok(
        holders.every(({ page }) => page === holder.page),
        "a page is not alone",
      );
    for (const name of NAMES) {
      const holders = living().filter((work) => work.name === name && work.state === "holds");
      assert.ok(holders.length <= 1, `${name}: ${holders.length} pages hold it`);
    }
  };
  const ask = (page) => {
    if (page && !page.hangs) works.push(request(page, any(NAMES), random(3) > 0));
  };
  const actions = [
    () => origin.pages.length < 4 && origin.open(),
    () => ask(any(origin.pages)),
    () => ask(any(origin.pages)),
    () => {
      const work = any(living());
      if (work && !work.page.hangs) over(work);
    },
    () => any(origin.pages)?.show(random(2) > 0),
    () => {
      const page = any(origin.pages);
      if (page && !page.isFrozen) page.hangs = !page.hangs;
    },
    () => any(origin.pages)?.freeze(),
    () => any(origin.pages)?.end(),
  ];
  // Each schedule has its own mix.
  const mix = actions.flatMap((action, at) => Array(at < 3 ? 1 + random(4) : random(4)).fill(action));
  const steps = 1 + random(12);
  for (let pages = 1 + random(4); pages > 0; pages--) origin.open();
  for (let at = 0; at < 200; at++) {
    if (random(steps) === 0) any(mix)();
    else await origin.step();
    check();
  }
  // Only frozen pages hang for ever. A request waits for a lock of its own name, and for nothing else.
  for (const page of origin.pages) page.hangs = page.isFrozen;
  const settle = async () => {
    while (await origin.step({ timers: false })) check();
    const awake = living().filter(({ page }) => !page.isFrozen);
    for (const { name } of awake.filter(({ state }) => state === "waits")) {
      // The browser may have granted it to a page that was frozen before it learned that.
      const isFrozen = origin.holders(name).some(({ page }) => page.isFrozen);
      const isHeld = isFrozen || living().some((work) => work.name === name && work.state === "holds");
      assert.ok(isHeld, `${name}: nobody holds it, and a page waits for it`);
    }
    const holder = any(awake.filter(({ state }) => state === "holds"));
    if (!holder) return;
    over(holder);
    await settle();
  };
  await settle();
  for (const page of origin.pages.filter(({ isFrozen }) => isFrozen)) page.end();
  await settle();
  while (await origin.step()) check();
  assert.deepEqual(origin.names, [], "locks are left");
  for (const page of origin.pages) assert.deepEqual(page.left, { timers: 0, listeners: 0 });
}

test(`a lock has one holder at most, and every request is decided: ${SCHEDULES} schedules`, async () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SCHEDULES; seed++) {
    try {
      await run(seed);
    } catch (error) {
      error.message = `SEED=${seed} SCHEDULES=1: ${error.message}`;
      throw error;
    }
  }
});

/** Two pages, and what delivers all messages. */
function twoPages() {
  const origin = new Origin(locksOf, () => 0);
  const settle = async () => {
    while (await origin.step({ timers: false }));
  };
  return { origin, settle, one: origin.open(), other: origin.open() };
}

test("a page that goes away as soon as it is hidden keeps nobody waiting for other locks", async () => {
  const { settle, one, other } = twoPages();
  const first = request(one, "one agent", true);
  await settle();
  one.leave();
  const [same, another] = [request(other, "one agent", false), request(other, "another agent", true)];
  await settle();
  assert.deepEqual([first.state, same.state, another.state], ["holds", "refused", "holds"]);
});

test("a page that comes back without its locks does not take another page's lock", async () => {
  const { origin, settle, one, other } = twoPages();
  request(one, "one agent", true);
  await settle();
  one.show(false);
  await settle();
  origin.suspend(one);
  await settle();
  const theirs = request(other, "another agent", true);
  await settle();
  const own = request(one, "another agent", true);
  await settle();
  assert.deepEqual([theirs.state, own.state], ["holds", "waits"]);
});

test("a lock is late only if another page had to hand its locks over", async () => {
  const { settle, one, other } = twoPages();
  one.show(false);
  const hidden = request(one, "one agent", false);
  await settle();
  assert.deepEqual([hidden.state, hidden.asked.isLate], ["holds", false]);
  hidden.release();
  hidden.state = "over";
  await settle();
  request(other, "one agent", false);
  await settle();
  const late = request(one, "another agent", false);
  await settle();
  assert.deepEqual([late.state, late.asked.isLate], ["holds", true]);
  const next = request(one, "a third agent", false);
  await settle();
  assert.deepEqual([next.state, next.asked.isLate], ["holds", false]);
});

test("a page whose document cannot be listened to takes a Web Lock for each lock", async () => {
  const { origin, settle, one } = twoPages();
  one.breakDocument();
  const lock = request(one, "one agent", true);
  await settle();
  assert.equal(lock.state, "holds");
  assert.deepEqual(origin.holders(ALL), [{ page: one, isExclusive: false }]);
});
