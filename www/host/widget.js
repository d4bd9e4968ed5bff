// A widget: an instance of the Premium App in a frame of its own, with the life that the Client App SDK knows.
import { PROTOCOL } from "../shared/demonstration.js";
import { button, element, spinner } from "../shared/element.js";
import { sendHook } from "./client-apps.js";
import { HostError } from "./reason.js";

const SANDBOX =
  "allow-forms allow-modals allow-popups allow-presentation allow-same-origin allow-scripts allow-downloads";
/** How long the host waits for `bootstrapped` and `stopped`, in milliseconds. */
const PATIENCE = 3_000;
/** How long an app may take to start and to do what it is asked, in milliseconds: longer than any call of the library. */
const COMMAND_TIMEOUT = 60_000;
/** Until the app tells its height, its frame has this one, so that nothing jumps. */
const HEIGHT = 760;
const TALLEST = 20_000;

export class Widget {
  number;
  /** What the page shows of it. */
  panel;
  isShown = true;
  attention = 0;
  #text;
  #frame;
  #origin;
  #ready;
  #launched = Promise.resolve();
  #launches = 0;
  #awaited = new Map();
  #commands = new Map();

  /** `close`: what the button on its panel does. */
  constructor(number, text, close) {
    this.number = number;
    this.#text = text;
    const title = text.widget(number);
    this.#frame = element("iframe", { title, attributes: { sandbox: SANDBOX, allow: "clipboard-write" } });
    this.#frame.style.height = `${HEIGHT}px`;
    this.#frame.addEventListener("load", () => this.#bootstrap());
    this.panel = element(
      "section",
      { className: "panel app", ariaLabel: title, ariaBusy: "true" },
      element(
        "header",
        { className: "bar" },
        element("p", { className: "small quiet" }, title, " ", spinner()),
        button("×", close, { className: "plain", label: text.closeWidget(number) }),
      ),
      this.#frame,
    );
    this.expectApp();
  }

  /** Stops the app that runs in the frame, and loads the one at this URL. */
  launch(url) {
    this.panel.ariaBusy = "true";
    this.#launches += 1;
    // One launch after another: a second one may come while the first one waits for the app to stop.
    this.#launched = this.#launched.then(async () => {
      await this.stop();
      this.expectApp();
      this.attention = 0;
      this.#origin = url.origin;
      this.#frame.src = url;
    });
    return this.#launched;
  }

  /** From now on, commands wait for the next app. */
  expectApp() {
    if (this.#ready?.isSettled === false) return;
    this.#ready = { isSettled: false, ...Promise.withResolvers() };
  }

  /** Lets the app end what it does, if one runs. */
  async stop() {
    if (!this.#ready.isSettled) return;
    const stopped = this.#hears("stopped");
    sendHook(this, "stop");
    await stopped;
    for (const outcome of this.#commands.values()) outcome.reject(new HostError(this.#text.appEnded));
  }

  /** Shows the panel as loading until the app sends `bootstrapped`, or until the host stops waiting. */
  async #bootstrap() {
    // A frame without a URL emits `load` too.
    if (!this.#origin) return;
    this.panel.ariaBusy = "true";
    const launches = this.#launches;
    const bootstrapped = this.#hears("bootstrapped");
    sendHook(this, "bootstrap");
    const isBootstrapped = await bootstrapped;
    // Another app is being launched.
    if (launches !== this.#launches) return;
    this.panel.dataset.bootstrapped = isBootstrapped;
    this.panel.ariaBusy = "false";
  }

  /** Whether a message comes from the app in this frame, by window and origin. */
  hasSent({ source, origin }) {
    return source === this.#frame.contentWindow && origin === this.#origin;
  }

  send(message) {
    this.#frame.contentWindow?.postMessage(message, this.#origin);
  }

  /** The app has told that it accepts commands. */
  setReady() {
    this.#ready.isSettled = true;
    this.#ready.resolve();
  }

  /** A command is done. */
  done({ id, result, error }) {
    const outcome = this.#commands.get(id);
    if (error) outcome?.reject(new Error(error));
    else outcome?.resolve(result);
  }

  grow(height) {
    if (!Number.isFinite(height)) return;
    this.#frame.style.height = `${Math.min(Math.max(height, 160), TALLEST)}px`;
    if (height <= TALLEST) this.send({ protocol: PROTOCOL, kind: "grown" });
  }

  /** What the app's command returns. The command waits for the app that is being launched. */
  async ask(command, content) {
    const id = crypto.randomUUID();
    const outcome = Promise.withResolvers();
    const timer = setTimeout(() => outcome.reject(new HostError(this.#text.appSilent)), COMMAND_TIMEOUT);
    try {
      await Promise.race([this.#ready.promise, outcome.promise]);
      this.#commands.set(id, outcome);
      this.send({ protocol: PROTOCOL, id, command, content });
      return await outcome.promise;
    } finally {
      clearTimeout(timer);
      this.#commands.delete(id);
    }
  }

  /** Resolves to true when the app sends `what`, and to false PATIENCE after it was asked for last. */
  #hears(what) {
    const awaited = this.#awaited.get(what) ?? Promise.withResolvers();
    this.#awaited.set(what, awaited);
    clearTimeout(awaited.timer);
    awaited.timer = setTimeout(() => this.#heard(what, false), PATIENCE);
    return awaited.promise;
  }

  #heard(what, isSo) {
    const awaited = this.#awaited.get(what);
    this.#awaited.delete(what);
    clearTimeout(awaited?.timer);
    awaited?.resolve(isSo);
  }

  /** The app has sent `what`, a message of the Client App SDK. */
  said(what) {
    this.#heard(what, true);
  }
}
