// Locks among the pages of this origin, made of Web Locks.
//
// Requesting a Web Lock costs a message to the browser's process and back. While only one page uses locks, it avoids that cost: it
// holds the Web Lock ALL_LOCKS exclusively, and grants its locks by itself. If several pages use locks, they share ALL_LOCKS, and
// each lock is a Web Lock.
//
// A page takes WANTED before it takes ALL_LOCKS exclusively. A page that has to wait for ALL_LOCKS steals WANTED afterwards. The
// first page notices that it has lost WANTED. It requests a Web Lock for each lock that it has granted, and then shares ALL_LOCKS.

import { unlessItThrows } from "./foreign.js";
import { latch, waitOption, webLock } from "./web-lock.js";

/** Held by each page that uses locks: exclusively if it is the only one, and otherwise shared. */
const ALL_LOCKS = "premium-recorder locks";
/** Held by the only page that uses locks, until another page steals it. */
const WANTED = "premium-recorder locks wanted";

/** How this page holds ALL_LOCKS. Undefined while it uses no locks. */
let use;
/** The locks that this page has granted by itself, each with a promise that resolves when the lock is released. */
const granted = new Map();

/**
 * Requests a lock. With a signal, the request waits until the lock is free. Without one, it fails if the lock is taken. The page holds
 * the lock until the promise that `hold` returns settles.
 *
 * `isGranted`: the page holds the lock already, and `decided` is undefined. Otherwise `decided` resolves to true or false, or to
 * undefined if there are no locks. `isLate`: another page may have held and released the lock since the request.
 */
export function requestLock(hold, name, signal) {
  const { released, release } = latch();
  const request = { __proto__: null, isGranted: false, isLate: false, decided: undefined, release };
  const held = () => hold(released);
  const own = enter();
  request.isGranted = own.isExclusive && !granted.has(name);
  if (request.isGranted) grant(own, name, held);
  else request.decided = decide(own, request, name, held, signal);
  return request;
}

/** Leaves nothing with the browser, if the page holds no lock. */
export function leaveIfIdle() {
  if (use?.locks === 0) leave(use);
}

async function decide(own, request, name, held, signal) {
  const { isReady } = own;
  for (;;) {
    const hasLocks = await own.ready;
    own.isReady = true;
    const earlier = own.isExclusive ? granted.get(name) : undefined;
    if (!hasLocks || signal?.aborted || (earlier && !signal)) {
      exit(own);
      return hasLocks ? false : undefined;
    }
    if (earlier) {
      await earlier;
    } else if (own.isExclusive) {
      grant(own, name, held);
      return true;
    } else {
      request.isLate = own.hasWaited && !isReady;
      const lock = webLock(name, waitOption(signal), held);
      const isHeld = await lock.decided;
      // The browser may have granted a request before it learned of the abort. It answers a page's requests in their order.
      const last = isHeld === undefined ? webLock(ALL_LOCKS, shared(waitOption()), () => undefined) : lock;
      exitAfter(own, last);
      return isHeld;
    }
  }
}

function grant(own, name, held) {
  granted.set(name, settled(held()));
  forgetAfter(own, name);
}

async function forgetAfter(own, name) {
  await granted.get(name);
  granted.delete(name);
  exit(own);
}

/** Counts one more lock. The first lock requests ALL_LOCKS. */
function enter() {
  if (!use) {
    const own = {
      __proto__: null,
      locks: 0,
      isReady: false,
      isExclusive: false,
      hasWaited: false,
      ready: undefined,
      release: undefined,
      onHide: undefined,
      timer: undefined,
    };
    own.ready = isVisible() ? takeExclusively(own) : share(own);
    use = own;
  }
  use.locks++;
  return use;
}

async function exitAfter(own, lock) {
  await lock.ended;
  exit(own);
}

function exit(own) {
  if (--own.locks) return;
  if (!own.isExclusive) {
    leave(own);
  } else {
    // An app often makes its next call in the same turn.
    own.timer ??= setTimeout(() => {
      own.timer = undefined;
      if (own.isExclusive && !own.locks) leave(own);
    });
  }
}

function leave(own) {
  if (use === own) use = undefined;
  own.isExclusive = false;
  clearTimeout(own.timer);
  stopListening(own);
  own.release();
}

/** Resolves to true when the page holds ALL_LOCKS, and to undefined if there are no locks. */
async function takeExclusively(own) {
  const { released, release } = latch();
  const held = () => released;
  const wanted = webLock(WANTED, { __proto__: null, steal: true }, held);
  const isHeld = await webLock(ALL_LOCKS, waitOption(), held).decided;
  if (!isHeld || !listen(own)) {
    // Another page may release a lock before this one gets to request it.
    own.hasWaited = isHeld === false;
    release();
    return share(own);
  }
  own.isExclusive = true;
  own.release = release;
  shareAfter(own, wanted);
  own.onHide();
  return true;
}

async function shareAfter(own, wanted) {
  await wanted.ended;
  endExclusive(own);
}

function endExclusive(own) {
  if (!own.isExclusive) return;
  if (!own.locks) {
    leave(own);
    return;
  }
  own.isExclusive = false;
  stopListening(own);
  const releaseExclusive = own.release;
  // The browser handles a page's requests and releases in their order. So no other page can take ALL_LOCKS exclusively in between.
  requestAll(own, shared());
  granted.forEach((released, name) => {
    own.locks++;
    const lock = webLock(name, waitOption(), () => released);
    exitAfter(own, lock);
  });
  releaseExclusive();
}

/** Resolves to true when the page holds ALL_LOCKS, and to undefined if there are no locks. */
async function share(own) {
  const isFree = await requestAll(own, shared(waitOption()));
  if (isFree !== false) return isFree;
  own.hasWaited = true;
  const isHeld = requestAll(own, shared());
  webLock(WANTED, { __proto__: null, steal: true }, () => undefined);
  return isHeld;
}

/** The page holds ALL_LOCKS until it calls `own.release`. */
async function requestAll(own, options) {
  const { released, release } = latch();
  own.release = release;
  const all = webLock(ALL_LOCKS, options, () => released);
  const isHeld = await all.decided;
  if (isHeld !== false) dropAfter(own, all, release);
  return isHeld;
}

/** A browser may take the locks of a page that it suspends, and reject its requests. */
async function dropAfter(own, all, release) {
  await all.ended;
  if (use === own && own.release === release) use = undefined;
}

function shared(options) {
  return { __proto__: null, ...options, mode: "shared" };
}

/** A worker has no document. */
function isVisible() {
  return unlessItThrows(() => document.visibilityState === "visible");
}

/** Browsers may freeze a hidden page, which must not keep other pages waiting. Returns whether the page can be listened to. */
function listen(own) {
  own.onHide = () => isVisible() || endExclusive(own);
  return unlessItThrows(() => {
    document.addEventListener("visibilitychange", own.onHide);
    return true;
  });
}

/** If a script of the page has replaced the method, the listener does nothing from now on. */
function stopListening({ onHide }) {
  if (onHide) unlessItThrows(() => document.removeEventListener("visibilitychange", onHide));
}

/** Resolves when the promise settles. */
async function settled(promise) {
  try {
    await promise;
  } catch {
    // The instance that holds the lock has panicked.
  }
}
