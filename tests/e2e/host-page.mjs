// The page of `npm start`, as a person uses it: the host with its widgets, and what it shows of them.
import { By } from "selenium-webdriver";

export class HostPage {
  #browser;

  constructor(browser) {
    this.#browser = browser;
  }

  get #driver() {
    return this.#browser.driver;
  }

  /** `address`: parameters of the host page and of the app. English, unless they say otherwise. */
  async open(address = {}) {
    const url = new URL("/", this.#browser.cloud.environment.apps);
    url.search = new URLSearchParams({ lang: "en-us", ...address });
    await this.#driver.get(url);
    await this.ready();
  }

  /** Every app is loaded and can be used. On a slow machine, ten of them take long. */
  async ready() {
    let count;
    await this.#browser.until("there are widgets", async () => {
      await this.#browser.leaveApp();
      count = (await this.#driver.findElements(By.css("iframe"))).length;
      return count > 0;
    });
    for (let widget = 0; widget < count; widget += 1) {
      await this.#browser.until(`app ${widget + 1} of ${count} is ready`, async () => {
        await this.#browser.leaveApp();
        const panel = (await this.#driver.findElements(By.css(".panel.app")))[widget];
        if ((await panel.getAttribute("aria-busy")) !== "false") return false;
        return this.inApp(() => this.#browser.appIsReady(), widget);
      });
    }
  }

  /** `widget`: its place among the frames. */
  async inApp(work, widget = 0) {
    await this.#browser.leaveApp();
    await this.#driver.switchTo().frame(widget);
    try {
      return await work();
    } finally {
      await this.#browser.leaveApp();
    }
  }

  press(name) {
    return this.#browser.press(name);
  }

  /** The rows, the latest last: [kind, status, code, answer, badges]. */
  rows() {
    return this.#driver.executeScript(
      `return [...document.querySelectorAll("#rows > li")].map((line) => ({
        kind: line.dataset.kind,
        status: line.dataset.status,
        code: line.dataset.code,
        outcome: line.className,
        title: line.querySelector(".title").textContent,
        caption: line.querySelector(".caption").textContent,
        badges: [...line.querySelectorAll(".badges > *")].map((badge) => badge.textContent),
        label: [...line.querySelector("button").children]
          .filter(({ ariaHidden }) => ariaHidden !== "true")
          .map(({ textContent }) => textContent)
          .join(" "),
      }))`,
    );
  }

  figures() {
    return this.#driver.executeScript(
      `return Object.fromEntries([...document.querySelectorAll("#figures > div")].map((figure) =>
        [figure.dataset.figure, Number(figure.querySelector("dd").textContent)]))`,
    );
  }

  text(css) {
    return this.#driver.executeScript("return document.querySelector(arguments[0]).textContent", css);
  }

  /** Plays one step of the thread after the other. */
  async playThread({ play = "▸ Play the thread", next = "Next ▸" } = {}) {
    await this.press(play);
    for (let step = 1; step <= 4; step += 1) {
      await this.#browser.until(`step ${step} has been played`, async () => {
        const done = await this.#driver.findElements(By.css(".step.done"));
        return done.length === step && (await this.text("#thread-status")).includes(`${step}`);
      });
      if (step < 4) await this.press(next);
    }
  }

  /** Presses the button of a fault, and waits until it is over. */
  async fault(name) {
    await this.#browser.clickOn(`[data-fault="${name}"] button`);
    const title = await this.text(`[data-fault="${name}"] button`);
    await this.#browser.until(
      `${title} is over`,
      async () => (await this.text("#fault-status")).startsWith(`${title}: done`),
      () => this.text("#fault-status"),
    );
  }

  /** The text of everything that the host page and the app show or name. */
  async everything() {
    const read = () => this.#driver.executeScript("return document.documentElement.outerHTML");
    return (await read()) + (await this.inApp(read));
  }
}
