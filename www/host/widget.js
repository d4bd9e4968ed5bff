// The widgets: instances of the Premium App, each in a frame of its own, with the life that the Client App SDK knows.
import { PROTOCOL } from "../shared/demonstration.js";
import { element } from "../shared/element.js";

const SANDBOX =
  "allow-forms allow-modals allow-popups allow-presentation allow-same-origin allow-scripts allow-downloads";
export const MOST = 10;
/** How long the host waits for `bootstrapped` and `stopped`, in milliseconds. */
const PATIENCE = 3000;
/** Until the app tells its height, its frame has this one, so that nothing jumps. */
const HEIGHT = 760;
const TALLEST = 20000;

export class Widget {
  number;
  frame;
  isShown = true;
  attention = 0;
  state = "loading";
  #origin;
  #url;
  #awaited = new Map();

  constructor(number, url, title) {
    this.number = number;
    this.frame = element("iframe", { title, attributes: { sandbox: SANDBOX } });
    this.frame.style.height = `${HEIGHT}px`;
    this.launch(url);
  }

  launch(url) {
    this.state = "loading";
    this.#url = url;
    this.#origin = url.origin;
    this.attention = 0;
    this.frame.src = url;
  }

  get url() {
    return this.#url;
  }

  /** Whether a message comes from the app in this frame, by window and origin. */
  hasSent({ source, origin }) {
    return source === this.frame.contentWindow && origin === this.#origin;
  }

  send(message) {
    this.frame.contentWindow?.postMessage(message, this.#origin);
  }

  grow(height) {
    if (!Number.isFinite(height)) return;
    this.frame.style.height = `${Math.min(Math.max(height, 160), TALLEST)}px`;
    if (height <= TALLEST) this.send({ protocol: PROTOCOL, kind: "grown" });
  }

  /** What resolves when the app says `what`, or when the host has waited long enough. */
  hears(what) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), PATIENCE);
      this.#awaited.set(what, () => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  said(what) {
    this.#awaited.get(what)?.();
    this.#awaited.delete(what);
  }
}
