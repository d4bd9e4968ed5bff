// Simulates the pages of one origin and their Web Locks. Delivers the messages between them in any order that a browser allows.
import { build } from "esbuild";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../../src/js", import.meta.url));

/** A function that gives each page its own locks.js and web-lock.js. */
export async function locksOfPages() {
  const { outputFiles } = await build({
    stdin: { contents: 'export * from "./locks.js"; export * from "./web-lock.js";', resolveDir: FOLDER },
    bundle: true,
    write: false,
    format: "iife",
    globalName: "locks",
  });
  return new Function("navigator", "document", "setTimeout", "clearTimeout", `${outputFiles[0].text}\nreturn locks;`);
}

/** Lets the promises of all pages go on. */
export function microtasks() {
  return new Promise((resolve) => setImmediate(resolve));
}

/** An origin. `random(n)` returns a whole number below n. */
export class Origin {
  #random;
  #locksOf;
  pages = [];
  /** Requests that were granted, and requests that wait. */
  #held = [];
  #queue = [];

  constructor(locksOf, random) {
    this.#locksOf = locksOf;
    this.#random = random;
  }

  open() {
    const page = new Page(this, this.#locksOf);
    this.pages.push(page);
    return page;
  }

  /** The pages that hold a lock of this name, and whether they hold it exclusively. */
  holders(name) {
    return this.#held
      .filter((lock) => lock.name === name)
      .map(({ page, mode }) => ({ page, isExclusive: mode === "exclusive" }));
  }

  /** The names of all locks that are held or waited for. */
  get names() {
    return [...this.#held, ...this.#queue].map(({ name }) => name);
  }

  /** Delivers one message, or lets one timer expire. Returns false if there is neither. */
  async step({ timers: canExpire = true } = {}) {
    await microtasks();
    const messages = this.pages.flatMap((page) => page.messages);
    const timers = canExpire ? this.pages.flatMap((page) => page.timers) : [];
    const ready = messages.length && this.#random(40) > 0 ? messages : [...messages, ...timers];
    if (!ready.length) return false;
    ready[this.#random(ready.length)]();
    return true;
  }

  /** https://w3c.github.io/web-locks/#request-a-lock */
  request(request) {
    const { name, steal, ifAvailable } = request;
    if (steal) {
      const stolen = this.#held.filter((lock) => lock.name === name);
      this.#held = this.#held.filter((lock) => lock.name !== name);
      for (const lock of stolen) lock.tell("stolen");
      this.#grant(request);
      return;
    }
    if (ifAvailable && !this.#isGrantable(request)) {
      request.tell("taken");
      return;
    }
    this.#queue.push(request);
    this.#process(name);
  }

  release(lock) {
    this.#held = this.#held.filter((other) => other !== lock);
    this.#process(lock.name);
  }

  abort(request) {
    if (!this.#queue.includes(request)) return;
    this.#queue = this.#queue.filter((other) => other !== request);
    this.#process(request.name);
  }

  /** A browser may take all locks of a page that goes to the back/forward cache, and reject its requests. */
  suspend(page) {
    this.#leave(page);
    page.loseLocks();
  }

  end(page) {
    this.pages = this.pages.filter((other) => other !== page);
    this.#leave(page);
  }

  #leave(page) {
    const isOther = (lock) => lock.page !== page;
    const names = new Set(this.names);
    this.#held = this.#held.filter(isOther);
    this.#queue = this.#queue.filter(isOther);
    for (const name of names) this.#process(name);
  }

  #isGrantable({ name, mode }) {
    if (this.#queue.some((other) => other.name === name)) return false;
    return this.#isFree(name, mode);
  }

  #isFree(name, mode) {
    const held = this.#held.filter((lock) => lock.name === name);
    return held.length === 0 || (mode === "shared" && held.every((lock) => lock.mode === "shared"));
  }

  #process(name) {
    for (;;) {
      const next = this.#queue.find((request) => request.name === name);
      if (!next || !this.#isFree(name, next.mode)) return;
      this.#queue = this.#queue.filter((request) => request !== next);
      this.#grant(next);
    }
  }

  #grant(request) {
    this.#held.push(request);
    request.tell("granted");
  }
}

/** A page. In each direction, its messages arrive in the order in which they were sent. */
class Page {
  #origin;
  #toBrowser = [];
  #toPage = [];
  /** Requests whose locks the page has not released. */
  #requests = new Set();
  #timers = new Set();
  #listeners = new Set();
  #document = { visibilityState: "visible" };
  /** How many of its messages may still reach the browser. */
  mayStillSend = Infinity;
  /** A page that hangs handles no message and no timer. */
  hangs = false;
  /** A frozen page hangs until it ends. */
  isFrozen = false;
  /** A page that was left hangs until it comes back. */
  isLeft = false;

  constructor(origin, locksOf) {
    this.#origin = origin;
    Object.assign(this.#document, {
      addEventListener: (type, listener) => this.#listeners.add(listener),
      removeEventListener: (type, listener) => this.#listeners.delete(listener),
    });
    this.locks = locksOf(
      { locks: { request: (...given) => this.#request(...given) } },
      this.#document,
      (callback) => (this.#timers.add(callback), callback),
      (callback) => this.#timers.delete(callback),
    );
  }

  /** Delivers the next message to the browser, or to the page. */
  get messages() {
    const messages = [];
    if (this.#toBrowser.length && this.mayStillSend > 0) {
      messages.push(() => {
        this.mayStillSend--;
        this.#toBrowser.shift()();
      });
    }
    if (this.#toPage.length && !this.hangs) messages.push(() => this.#toPage.shift()());
    return messages;
  }

  /** Lets a timer expire. */
  get timers() {
    if (this.hangs) return [];
    return [...this.#timers].map((callback) => () => this.#timers.delete(callback) && callback());
  }

  /** The timers and listeners of the page. */
  get left() {
    return { timers: this.#timers.size, listeners: this.#listeners.size };
  }

  /** Whether nothing that the browser has told it is still on its way. */
  get knowsAll() {
    return !this.#toPage.length;
  }

  show(isVisible) {
    this.#document.visibilityState = isVisible ? "visible" : "hidden";
    this.#toPage.push(() => this.#listeners.forEach((listener) => listener()));
  }

  /** A script of the page replaces a method. */
  breakDocument() {
    this.#document.addEventListener = this.#document.removeEventListener = () => {
      throw new Error("not here");
    };
  }

  /** Hides the page, which handles nothing after that event. */
  leave() {
    this.#document.visibilityState = "hidden";
    this.#listeners.forEach((listener) => listener());
    this.hangs = true;
    this.isLeft = true;
  }

  /** Browsers freeze a page some time after it was hidden. */
  freeze() {
    if (this.#document.visibilityState === "visible" || this.#toBrowser.length || this.#toPage.length) return;
    this.hangs = true;
    this.isFrozen = true;
  }

  /** Comes back from the back/forward cache. The page handles what the browser has told it before it does anything else. */
  async comeBack() {
    for (const message of this.#toPage.splice(0)) {
      message();
      await microtasks();
    }
    this.hangs = false;
    this.isLeft = false;
    this.show(true);
  }

  /** Drops what is on its way to the browser, and rejects every request. */
  loseLocks() {
    this.#toBrowser = [];
    for (const request of this.#requests) request.tell("stolen");
    this.#requests.clear();
  }

  end() {
    this.#origin.end(this);
  }

  #request(name, { mode = "exclusive", ifAvailable, steal, signal }, callback) {
    return new Promise((resolve, reject) => {
      const request = {
        page: this,
        name,
        mode,
        ifAvailable,
        steal,
        tell: (what) => this.#toPage.push(() => told[what]()),
      };
      let isTold = false;
      const refuse = () => reject(new DOMException("", "AbortError"));
      const told = {
        granted: async () => {
          isTold = true;
          try {
            // The browser may have granted it before it learned of the abort.
            if (!signal?.aborted) resolve(await callback({ name, mode }));
          } catch (error) {
            reject(error);
          }
          this.#requests.delete(request);
          this.#toBrowser.push(() => this.#origin.release(request));
        },
        taken: async () => resolve(await callback(null)),
        stolen: refuse,
      };
      if (signal?.aborted) return refuse();
      signal?.addEventListener("abort", () => {
        if (isTold) return;
        this.#toBrowser.push(() => this.#origin.abort(request));
        refuse();
      });
      this.#requests.add(request);
      this.#toBrowser.push(() => this.#origin.request(request));
    });
  }
}
