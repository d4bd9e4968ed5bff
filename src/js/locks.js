// Locks among the pages of this origin, made of Web Locks.
//
// To request a Web Lock costs a message to the browser's process and back. A page that is alone saves that: it holds the Web
// Lock ALL exclusively, and grants its locks by itself. Pages that are not alone hold ALL together, and each of their locks is a
// Web Lock.
//
// A page that is not alone asks for ALL first, and then steals BELL. The page that is alone took BELL before ALL. So it loses BELL,
// and knows that another page waits. It requests a Web Lock for each lock that it has granted, and then holds ALL together with the
// other page.

import { patience, webLock } from "./web-lock.js";

/** Held exclusively by a page that is alone, or together by all pages that hold locks. */
const ALL = "premium-recorder locks";
/** Held by the page that is alone, until another page steals it. */
const BELL = "premium-recorder locks: another page waits";

/** How this page holds ALL. Undefined if it has no locks. */
let presence;
/** The locks that this page has granted by itself, each with a promise that resolves when the lock is released. */
const granted = new Map();

/**
 * Requests a lock: waits for it if there is a signal, and otherwise takes it only if it is free. `decided` resolves to true
 * or false, and to undefined if there are no locks; a lock that `isGranted` at once needs no decision. `isLate`: between the request and the
 * decision, another page may have held and released the lock. The page holds the lock until the promise that `hold` returns settles.
 */
export function requestLock(hold, name, signal) {
  const request = { __proto__: null, isGranted: false, isLate: false, decided: undefined, release: undefined };
  const released = new Promise((resolve) => (request.release = () => resolve()));
  const held = () => hold(released);
  const own = enter();
  request.isGranted = own.isAlone && !granted.has(name);
  if (request.isGranted) grant(own, name, held);
  else request.decided = decide(own, request, name, held, signal);
  return request;
}

async function decide(own, request, name, held, signal) {
  const { isReady } = own;
  for (;;) {
    const hasLocks = await own.ready;
    own.isReady = true;
    const earlier = own.isAlone ? granted.get(name) : undefined;
    if (!hasLocks || signal?.aborted || (earlier && !signal)) {
      exit(own);
      return hasLocks ? false : undefined;
    }
    if (earlier) {
      await earlier;
    } else if (own.isAlone) {
      grant(own, name, held);
      return true;
    } else {
      request.isLate = !isReady;
      const lock = webLock(name, patience(signal), held);
      lock.ended.then(() => exit(own));
      return lock.decided;
    }
  }
}

function grant(own, name, held) {
  const release = () => {
    granted.delete(name);
    exit(own);
  };
  granted.set(name, Promise.resolve(held()).then(release, release));
}

/** Holds ALL for another lock. */
function enter() {
  if (!presence) {
    presence = {
      __proto__: null,
      locks: 0,
      isReady: false,
      isAlone: false,
      mayEnd: false,
      ready: undefined,
      release: undefined,
    };
    presence.ready = isVisible() ? beAlone(presence) : beTogether(presence);
  }
  presence.locks++;
  return presence;
}

function exit(own) {
  if (--own.locks) return;
  if (!own.isAlone) {
    leave(own);
  } else if (!own.mayEnd) {
    // Calls often follow each other in the same turn.
    own.mayEnd = true;
    setTimeout(() => {
      own.mayEnd = false;
      if (own.isAlone && !own.locks) leave(own);
    });
  }
}

function leave(own) {
  presence = undefined;
  own.isAlone = false;
  own.release();
}

/** Resolves to whether the page holds ALL, and to undefined if there are no locks. */
async function beAlone(own) {
  const { held, release } = latch();
  const bell = webLock(BELL, { __proto__: null, steal: true }, held);
  const all = webLock(ALL, patience(), held);
  let isWanted = false;
  bell.ended.then(() => {
    isWanted = true;
    endAlone(own);
  });
  if (!(await all.decided)) {
    release();
    return beTogether(own);
  }
  own.isAlone = true;
  own.release = release;
  // Browsers may freeze hidden pages.
  const hide = () => isVisible() || endAlone(own);
  document.addEventListener("visibilitychange", hide);
  bell.ended.then(() => document.removeEventListener("visibilitychange", hide));
  if (isWanted || !isVisible()) endAlone(own);
  return true;
}

function endAlone(own) {
  if (!own.isAlone) return;
  if (!own.locks) {
    leave(own);
    return;
  }
  own.isAlone = false;
  const releaseAll = own.release;
  // Asks for ALL before it releases ALL, so that no other page can be alone in between.
  beTogether(own);
  let missing = granted.size;
  if (!missing) releaseAll();
  granted.forEach((released, name) => {
    // Nobody else has the lock, except for a script that does not take part in this.
    const lock = webLock(name, patience(), () => released);
    lock.decided.then(() => --missing || releaseAll());
  });
}

function beTogether(own) {
  const { held, release } = latch();
  own.release = release;
  const all = webLock(ALL, { __proto__: null, mode: "shared" }, held);
  webLock(BELL, { __proto__: null, steal: true }, () => undefined);
  return all.decided;
}

function isVisible() {
  return typeof document === "object" && document.visibilityState === "visible";
}

function latch() {
  let release;
  const released = new Promise((resolve) => (release = () => resolve()));
  return { held: () => released, release };
}
