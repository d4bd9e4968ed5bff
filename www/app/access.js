// The organizations that have installed the app, and for which of them it holds a token.
import { button, element, find } from "../shared/element.js";
import { orgLabel } from "../shared/mark.js";
import { keepFocus } from "./focus.js";

const list = find("#access");

export class Access {
  #orgs;
  #text;
  #time;
  #on;
  #canSignIn;

  /** `on`: { signIn, getToken, switchTo, signOut }. */
  constructor({ text, locale }, orgs, canSignIn, on) {
    this.#orgs = orgs;
    this.#text = text;
    this.#canSignIn = canSignIn;
    this.#on = on;
    this.#time = new Intl.DateTimeFormat(locale, { timeStyle: "short" });
    find("#sign-out").addEventListener("click", on.signOut);
  }

  show(held, currentId) {
    const lines = this.#orgs.map((org) => this.#line(org, held, currentId));
    keepFocus(() => list.replaceChildren(...lines), "#agents button:enabled");
    keepFocus(() => (find("#sign-out").hidden = held.length === 0), "#access button");
  }

  #line(org, held, currentId) {
    const text = this.#text;
    const token = held.find(({ orgId }) => orgId === org.id);
    const isCurrent = org.id === currentId;
    const state = !token
      ? text.notSignedIn
      : token.expiresAt
        ? text.expires(this.#time.format(token.expiresAt))
        : text.signedIn;
    const buttons = token
      ? [isCurrent ? null : button(text.switchTo(org.name), () => this.#on.switchTo(org))]
      : [
          this.#canSignIn ? button(text.signIn(org.name), () => this.#on.signIn(org)) : null,
          this.#canSignIn ? null : button(text.getToken(org.name), () => this.#on.getToken(org)),
        ];
    return element(
      "li",
      { id: `access-${org.id}` },
      element(
        "div",
        {},
        element("p", { className: "name" }, orgLabel(org, { hollow: !token })),
        element("p", { className: "small quiet" }, state),
      ),
      element(
        "div",
        { className: "buttons" },
        isCurrent ? element("span", { className: "pill" }, text.current) : null,
        ...buttons,
      ),
    );
  }
}

/** Signing in is a state of the app, which the person sees before pressing anything. */
export function showSignIn(place, { org, isHeld, canSignIn, text, signIn }) {
  if (!org || isHeld) return keepFocus(() => place.replaceChildren(), "#agents button:enabled");
  if (place.dataset.org === org.id && place.hasChildNodes()) return;
  place.dataset.org = org.id;
  const why = canSignIn ? text.signInWhy(org.name) : text.signInNoWay(org.name);
  const card = element(
    "section",
    { className: "sign-in", attributes: { "aria-labelledby": "sign-in-title" } },
    element("h2", { id: "sign-in-title" }, text.signInTitle(org.name)),
    element("p", {}, why),
    canSignIn ? button(text.signIn(org.name), () => signIn(org), { className: "primary" }) : null,
  );
  keepFocus(() => place.replaceChildren(card));
}
