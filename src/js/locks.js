// Locks among the pages of this origin, made of Web Locks.
//
// To request a Web Lock costs a message to the browser's process and back. A page that is alone saves that: it holds the Web
// Lock ALL exclusively, and grants its locks by itself. Pages that are not alone hold ALL together, and each of their locks is a
// Web Lock.
//
// A page takes BELL before it takes ALL exclusively. A page that has to wait for ALL steals BELL afterwards. So the page that is
// alone loses BELL, and knows that another page waits. It requests a Web Lock for each lock that it has granted, and then holds
// ALL together with the other page.

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
 * Requests a lock: waits for it if there is a signal, and otherwise takes it only if it is free. The page holds the lock until the
 * promise that `hold` returns settles.
 *
 * `isGranted`: the page holds it already, and there is no `decided`. `decided` resolves to true or false, and to undefined if there
 * are no locks. `isLate`: between the request and the decision, another page may have held and released the lock.
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
      request.isLate = own.hasWaited && !isReady;
      const lock = webLock(name, patience(signal), held);
      const isHeld = await lock.decided;
      // The browser may have granted an aborted request meanwhile. It answers this page in the order of the requests.
      const last = isHeld === undefined ? webLock(ALL, shared(patience()), () => undefined) : lock;
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

/** Counts one more lock. The first one requests ALL. */
function enter() {
  if (!presence) {
    const own = {
      __proto__: null,
      locks: 0,
      isReady: false,
      isAlone: false,
      hasWaited: false,
      mayEnd: false,
      ready: undefined,
      release: undefined,
    };
    own.ready = isVisible() ? beAlone(own) : beTogether(own);
    presence = own;
  }
  presence.locks++;
  return presence;
}

async function exitAfter(own, lock) {
  await lock.ended;
  exit(own);
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
  if (presence === own) presence = undefined;
  own.isAlone = false;
  own.release();
}

/** Resolves to true when the page holds ALL, and to undefined if there are no locks. */
async function beAlone(own) {
  const { held, release } = latch();
  // Browsers may freeze hidden pages.
  const hide = () => isVisible() || endAlone(own);
  const bell = webLock(BELL, { __proto__: null, steal: true }, held);
  const all = webLock(ALL, patience(), held);
  if (!(await all.decided) || !isListening(hide)) {
    release();
    return beTogether(own);
  }
  own.isAlone = true;
  own.release = release;
  endAfter(own, bell, hide);
  hide();
  return true;
}

async function endAfter(own, bell, hide) {
  await bell.ended;
  document.removeEventListener("visibilitychange", hide);
  endAlone(own);
}

function endAlone(own) {
  if (!own.isAlone) return;
  if (!own.locks) {
    leave(own);
    return;
  }
  own.isAlone = false;
  const releaseAlone = own.release;
  // The browser handles the requests and the releases of a page in their order, so no other page can be alone in between.
  requestAll(own, shared());
  granted.forEach((released, name) => {
    own.locks++;
    exitAfter(
      own,
      webLock(name, patience(), () => released),
    );
  });
  releaseAlone();
}

/** Resolves to true when the page holds ALL, and to undefined if there are no locks. */
async function beTogether(own) {
  const isFree = await requestAll(own, shared(patience()));
  if (isFree !== false) return isFree;
  own.hasWaited = true;
  const isHeld = requestAll(own, shared());
  webLock(BELL, { __proto__: null, steal: true }, () => undefined);
  return isHeld;
}

/** The page holds ALL until it calls `own.release`. */
async function requestAll(own, options) {
  const { held, release } = latch();
  own.release = release;
  const all = webLock(ALL, options, held);
  const isHeld = await all.decided;
  if (isHeld) dropAfter(own, all, release);
  return isHeld;
}

/** A browser may release the locks of a page that it suspends. */
async function dropAfter(own, all, release) {
  await all.ended;
  if (presence === own && own.release === release) presence = undefined;
}

function shared(options) {
  return { __proto__: null, ...options, mode: "shared" };
}

function isVisible() {
  try {
    return document.visibilityState === "visible";
  } catch {
    // There is no document in a worker.
    return false;
  }
}

function isListening(listener) {
  try {
    document.addEventListener("visibilitychange", listener);
    return true;
  } catch {
    // The page has replaced it.
    return false;
  }
}

function latch() {
  let release;
  const released = new Promise((resolve) => (release = () => resolve()));
  return { held: () => released, release };
}

/** Resolves when the promise settles. */
async function settled(promise) {
  try {
    await promise;
  } catch {
    // The instance that holds the lock has panicked.
  }
}
