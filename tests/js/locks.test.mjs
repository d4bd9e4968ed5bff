// Runs src/js/locks.js and src/js/web-lock.js in several pages, over simulated Web Locks.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { Origin, locksOfPages, microtasks } from "./origin.mjs";

const SCHEDULES = Number(process.env.SCHEDULES ?? 5_000);
const FIRST_SEED = Number(process.env.SEED ?? 1);
/** The Web Lock of every page that uses locks. */
const ALL_LOCKS = "premium-recorder locks";
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
    // The module does both when it drops a lock.
    work.abort();
    work.release();
    work.state = "over";
  };
  const check = () => {
    const [holder] = origin.holders(ALL_LOCKS);
    const holders = NAMES.flatMap((name) => origin.holders(name));
    if (holder?.isExclusive)
      assert.ok(
        holders.every(({ page }) => page === holder.page),
        "a page that holds all locks is not the only one",
      );
    for (const name of NAMES) {
      const holders = living().filter((work) => work.name === name && work.state === "holds");
      assert.ok(holders.length <= 1, `${name}: ${holders.length} pages hold it`);
    }
  };
  const ask = (page) => {
    if (page && !page.hangs) works.push(request(page, any(NAMES), random(3) > 0));
  };
  const left = () => origin.pages.filter(({ isLeft, isFrozen }) => isLeft && !isFrozen);
  const suspend = async (page) => {
    await microtasks();
    if (!page) return;
    origin.suspend(page);
    // The page does not know that it has lost its locks.
    for (const work of living().filter((work) => work.page === page)) work.state = "lost";
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
      if (page && !page.isFrozen && !page.isLeft) page.hangs = !page.hangs;
    },
    () => any(origin.pages)?.freeze(),
    () => any(origin.pages.filter(({ isFrozen }) => !isFrozen))?.leave(),
    () => suspend(any(left().filter(({ knowsAll }) => knowsAll))),
    () => any(left())?.comeBack(),
    () => any(origin.pages)?.end(),
    () => any(origin.pages)?.locks.leaveIfIdle(),
  ];
  // Each schedule has its own mix.
  const mix = actions.flatMap((action, at) => Array(at < 3 ? 1 + random(4) : random(4)).fill(action));
  const steps = 1 + random(12);
  for (let pages = 1 + random(4); pages > 0; pages--) origin.open();
  // In every second schedule, all pages begin at the same time.
  const isRush = random(2) === 0;
  for (const page of isRush ? origin.pages : []) {
    page.show(random(2) > 0);
    ask(page);
  }
  for (let at = 0; at < (isRush ? 60 : 200); at++) {
    if (random(isRush ? 30 : steps) === 0) await any(mix)();
    else await origin.step();
    check();
  }
  for (const page of left()) await page.comeBack();
  // From now on, only frozen pages hang. Then a request may wait only for a page that holds the same lock.
  for (const page of origin.pages) page.hangs = page.isFrozen;
  const mayHold = ({ state }) => state === "holds" || state === "lost";
  const settle = async () => {
    while (await origin.step({ timers: false })) check();
    const awake = living().filter(({ page }) => !page.isFrozen);
    for (const { name } of awake.filter(({ state }) => state === "waits")) {
      // The browser may have granted it to a page that was frozen before it learned that.
      const isFrozen = origin.holders(name).some(({ page }) => page.isFrozen);
      const isHeld = isFrozen || living().some((work) => work.name === name && mayHold(work));
      assert.ok(isHeld, `${name}: nobody holds it, and a page waits for it`);
    }
    const holder = any(awake.filter(mayHold));
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

test("a page keeps holding all locks until the browser has learned that an aborted request is over", async () => {
  const { origin, settle, one, other } = twoPages();
  for (const page of [one, other]) page.show(false);
  const first = request(one, "one agent", true);
  await settle();
  const aborted = request(other, "one agent", true);
  await settle();
  // The browser grants it to the other page, which aborts it before it learns that.
  other.hangs = true;
  first.release();
  await settle();
  aborted.abort();
  aborted.release();
  await settle();
  for (const name of ["one agent", ALL_LOCKS]) {
    assert.ok(
      origin.holders(name).some(({ page }) => page === other),
      name,
    );
  }
  other.hangs = false;
  await settle();
  assert.deepEqual(origin.names, []);
});

test("a page whose request arrives late gets its lock from the page that came in between", async () => {
  const { origin, settle, one, other } = twoPages();
  const between = origin.open();
  const first = request(one, "one agent", true);
  await settle();
  // Its first request is refused, and one of the two messages after that arrives.
  other.show(false);
  other.mayStillSend = 2;
  const late = request(other, "another agent", true);
  await settle();
  first.release();
  await settle();
  one.locks.leaveIfIdle();
  await settle();
  request(between, "a third agent", true);
  await settle();
  other.mayStillSend = Infinity;
  await settle();
  assert.equal(late.state, "holds");
});

test("a page that has asked whether a Web Lock is held does not wait for its own question", async () => {
  const { origin, settle, one } = twoPages();
  // The question, and its release.
  one.mayStillSend = 2;
  let isHeld, lock;
  one.locks.isWebLockHeld("a token").then((answer) => {
    isHeld = answer;
    lock = one.locks.requestWebLock((released) => released, "a token", new AbortController().signal);
  });
  await settle();
  assert.deepEqual([isHeld, origin.names], [false, []]);
  one.mayStillSend = Infinity;
  await settle();
  assert.ok(lock.isGranted);
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

test("a page whose locks are taken before it shares all locks does not take another page's lock", async () => {
  // The page hands its locks over in fewer messages than this.
  for (let messages = 0; messages < 15; messages++) {
    const { origin, settle, one, other } = twoPages();
    request(one, "one agent", true);
    await settle();
    one.show(false);
    for (let at = 0; at < messages; at++) await origin.step({ timers: false });
    origin.suspend(one);
    await settle();
    const theirs = request(other, "another agent", true);
    await settle();
    one.show(true);
    const own = request(one, "another agent", true);
    await settle();
    assert.deepEqual([theirs.state, own.state], ["holds", "waits"], `after ${messages} messages`);
  }
});

test("a page without locks leaves nothing with the browser: at once if it is told to, and otherwise a turn later", async () => {
  for (const isToldTo of [true, false]) {
    const { origin, settle, one } = twoPages();
    const lock = request(one, "one agent", false);
    await settle();
    assert.deepEqual(origin.holders(ALL_LOCKS), [{ page: one, isExclusive: true }]);
    lock.release();
    await settle();
    if (isToldTo) one.locks.leaveIfIdle();
    else await origin.step();
    assert.deepEqual(one.left, { timers: 0, listeners: 0 });
    await settle();
    assert.deepEqual(origin.names, []);
  }
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
  assert.deepEqual(origin.holders(ALL_LOCKS), [{ page: one, isExclusive: false }]);
});

test("a lock is late if the page that held it has handed it over and released it before it was requested", async () => {
  const { settle, one, other } = twoPages();
  const theirs = request(one, "one agent", false);
  await settle();
  const late = request(other, "one agent", false);
  // The page that holds the locks is told to hand them over, and the other page is busy.
  other.hangs = true;
  await settle();
  theirs.release();
  theirs.state = "over";
  await settle();
  other.hangs = false;
  await settle();
  assert.deepEqual([late.state, late.asked.isLate], ["holds", true]);
});

test("a page whose document fails after it was listened to hands its locks over", async () => {
  const { settle, one, other } = twoPages();
  const first = request(one, "one agent", true);
  await settle();
  one.breakDocument();
  const second = request(other, "another agent", true);
  await settle();
  assert.deepEqual([first.state, second.state], ["holds", "holds"]);
});
