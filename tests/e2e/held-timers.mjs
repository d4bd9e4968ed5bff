// Timers of a page that end when the test says so.

export class HeldTimers {
  #browser;

  constructor(browser) {
    this.#browser = browser;
  }

  /** From now on, for the timers of this length in milliseconds, in the page where the driver is. */
  hold(length) {
    return this.#browser.evaluate(hold, length);
  }

  /** The timers that nobody has cleared end. */
  async expire() {
    await this.#browser.evaluate(async () => {
      const ends = [...window.heldTimers.values()];
      window.heldTimers.clear();
      for (const end of ends) end();
      await new Promise(requestAnimationFrame);
    });
  }

  /** The page may set the timer later than the click that it is for. */
  untilExpired(isSo) {
    return this.#browser.until("the time is over", async () => {
      await this.expire();
      return isSo();
    });
  }
}

/** Runs in the page. */
function hold(length) {
  const timers = (window.heldTimers = new Map());
  let last = 0;
  const { setTimeout, clearTimeout } = window;
  window.setTimeout = (work, ms, ...args) => {
    if (ms !== length) return setTimeout(work, ms, ...args);
    last -= 1;
    timers.set(last, () => work(...args));
    return last;
  };
  window.clearTimeout = (timer) => timers.delete(timer) || clearTimeout(timer);
}
