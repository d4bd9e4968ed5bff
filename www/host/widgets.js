// The widgets that are open: their panels, and an icon for each of them.
import { button, element, find } from "../shared/element.js";
import { sendHook } from "./client-apps.js";
import { arrange, draw } from "./places.js";
import { Widget } from "./widget.js";

export const MOST = 10;

export class Widgets {
  #text;
  #launchUrl;
  #onGone;
  #all = [];
  #closed = new WeakSet();
  #items = new WeakMap();

  /** `launchUrl(extra)`: where the app is. `onGone(number)`: what a widget's app held is gone. */
  constructor(text, launchUrl, onGone) {
    this.#text = text;
    this.#launchUrl = launchUrl;
    this.#onGone = onGone;
  }

  /** The one that the page's other parts talk to: the first that is shown. */
  get first() {
    return this.#all.find(({ isShown }) => isShown) ?? this.#all[0] ?? this.add();
  }

  /** Another one. A new one stays hidden, so that the page stays as it is. */
  get second() {
    const { first } = this;
    return this.#all.find((widget) => widget !== first) ?? this.add({ isShown: false });
  }

  /** The widget whose app has sent a message. */
  of(event) {
    return this.#all.find((widget) => widget.hasSent(event));
  }

  add({ isShown = true } = {}) {
    const numbers = this.#all.map(({ number }) => number);
    const number = Array.from({ length: MOST }, (_, at) => at + 1).find((each) => !numbers.includes(each));
    const widget = new Widget(number, this.#text, () => this.#remove(widget));
    widget.isShown = isShown;
    const icon = button("", () => this.#toggle(widget), { data: { widget: number } });
    this.#items.set(widget, element("li", {}, icon));
    this.#all.push(widget);
    this.#all.sort((one, other) => one.number - other.number);
    const next = this.#all[this.#all.indexOf(widget) + 1]?.panel ?? find("#no-widgets");
    find("#apps").insertBefore(widget.panel, next);
    widget.launch(this.#launchUrl());
    this.show();
    return widget;
  }

  async #remove(widget) {
    if (this.#closed.has(widget)) return;
    this.#closed.add(widget);
    await widget.stop();
    const hadFocus = [widget.panel, this.#items.get(widget)].some((each) => each.contains(document.activeElement));
    this.#all.splice(this.#all.indexOf(widget), 1);
    widget.panel.remove();
    this.#onGone(widget.number);
    this.show();
    if (hadFocus) find("#add").focus();
  }

  /** Launches a widget's app anew. `extra`: parameters of its URL. */
  async launch(widget, extra) {
    this.#onGone(widget.number);
    await widget.launch(this.#launchUrl(extra));
    this.show();
  }

  launchAll(extra) {
    return Promise.all(this.#all.map((widget) => this.launch(widget, extra)));
  }

  /** Ends every app. Commands wait for the apps that are launched next. */
  async stopAll() {
    await Promise.all(this.#all.map((widget) => widget.stop()));
    for (const widget of this.#all) widget.expectApp();
  }

  sendToAll(message) {
    for (const widget of this.#all) widget.send(message);
  }

  /** Shows or hides a widget. A hidden one keeps running, and knows that nobody looks. */
  #toggle(widget) {
    widget.isShown = !widget.isShown;
    sendHook(widget, widget.isShown ? "focus" : "blur");
    this.show();
  }

  /** Shows the panels and the icons as they are now. */
  show() {
    const shown = this.#all.filter(({ isShown }) => isShown);
    document.body.dataset.widgets = shown.length > 1 ? "many" : "one";
    find("#no-widgets").hidden = shown.length > 0;
    for (const { panel, isShown } of this.#all) panel.hidden = !isShown;
    for (const widget of this.#all) this.#drawIcon(widget);
    const items = this.#all.map((widget) => this.#items.get(widget));
    arrange(find("#widgets"), items);
    const add = find("#add");
    const isFull = this.#all.length >= MOST;
    // A disabled button has no focus.
    if (isFull && add === document.activeElement) find("button", items.at(-1)).focus();
    add.disabled = isFull;
  }

  #drawIcon(widget) {
    const { number, attention, isShown } = widget;
    const icon = find("button", this.#items.get(widget));
    icon.ariaPressed = String(isShown);
    const name = [this.#text.showWidget(number), attention ? this.#text.attention(attention) : ""];
    draw(icon, attention, () => [
      element("span", { className: "out-of-sight" }, name.filter(Boolean).join(", ")),
      element("span", { ariaHidden: "true" }, String(number)),
      attention ? element("span", { className: "badge", ariaHidden: "true" }, String(attention)) : "",
    ]);
  }
}
