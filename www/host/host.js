// The page that embeds the Premium App as Genesys Cloud does: in iframes from the vendor's origin, with a launch URL, and with the
// messages of the Client App SDK. Beside the app it shows what happens.
//
// Its own address may carry `orgId`, `region`, `lang` (a language tag), `theme` and `widgets` (how many). Everything else goes on to
// the app.
import { PROTOCOL } from "../shared/demonstration.js";
import { button, element, find, spinner } from "../shared/element.js";
import { speak } from "../shared/language.js";
import { regions } from "../shared/regions.js";
import { listenToApps, sendHook } from "./client-apps.js";
import { Cloud } from "./cloud.js";
import { showFaults } from "./faults.js";
import { MOST, Widget } from "./frames.js";
import { Requests } from "./requests.js";
import { Story } from "./story.js";
import de from "./texts/de.js";
import en from "./texts/en.js";
import { Thread } from "./thread.js";
import { showToast } from "./toasts.js";
import { wording } from "./wording.js";

const OURS = ["orgId", "region", "lang", "theme", "widgets"];
const EVERY = 2000;
/** How long a command may take in an app, in milliseconds: longer than any call of the library. */
const COMMAND_TIMEOUT = 60_000;
/** Several messages of one moment come to one look at the ledger. */
const SOON = 50;

const address = new URLSearchParams(location.search);
const langTag = address.get("lang") ?? navigator.language.toLowerCase();
const speech = speak(langTag, { en, de });
speech.text = wording(speech.text);
const { text } = speech;
document.title = text.title;

const organization = find("#organization");
const region = find("#region");
const theme = find("#theme");
const widgets = [];

async function json(url) {
  return (await fetch(url)).json();
}

async function run() {
  const { app } = await json("/config.json");
  const { environments } = await json(new URL("/config.json", app));
  const cloud = new Cloud(environments[0]);
  const orgs = await cloud.orgs();
  const story = new Story(orgs);
  const requests = new Requests(story, orgs, speech);

  organization.replaceChildren(...orgs.map(({ id, name }) => new Option(name, id)));
  region.replaceChildren(...regions.map(({ name, place }) => new Option(place[speech.language], name)));
  theme.replaceChildren(...Object.entries(text.themes).map(([name, label]) => new Option(label, name)));
  find("#language").value = speech.language === "de" ? "de-de" : "en-us";
  if (orgs.some(({ id }) => id === address.get("orgId"))) organization.value = address.get("orgId");
  if (regions.some(({ name }) => name === address.get("region"))) region.value = address.get("region");
  if (text.themes[address.get("theme")]) theme.value = address.get("theme");
  showTheme();
  showPerson();

  // ---- what happens

  let planned;
  const look = () => {
    planned ??= setTimeout(async () => {
      planned = undefined;
      await refresh();
    }, SOON);
  };
  async function refresh() {
    try {
      story.ledger = await cloud.ledger();
      find("#trouble").hidden = true;
    } catch {
      trouble();
    }
    requests.show();
  }
  const trouble = () => {
    find("#trouble").hidden = false;
    find("#trouble").replaceChildren(
      `${navigator.onLine ? text.noAnswer : text.offline} `,
      button(text.tryAgain, refresh),
    );
  };

  // ---- the widgets

  function launchUrl(extra = {}) {
    const url = new URL("/", app);
    const given = [...address].filter(([name]) => !OURS.includes(name));
    const isPlain = !["login", "hold", "source"].some((name) => address.has(name) || name in extra);
    url.search = new URLSearchParams({
      ...Object.fromEntries(given),
      ...(isPlain && { source: "backend" }),
      gcHostOrigin: location.origin,
      gcTargetEnv: region.value,
      gcLangTag: langTag,
      orgId: organization.value,
      ...(theme.value !== "system" && { theme: theme.value }),
      ...extra,
    });
    return url;
  }

  function add(extra) {
    const number = Array.from({ length: MOST }, (_, at) => at + 1).find((each) =>
      widgets.every((one) => one.number !== each),
    );
    const widget = new Widget(number, launchUrl(extra), text.widget(number));
    awaitReady(widget);
    widgets.push(widget);
    widgets.sort((one, other) => one.number - other.number);
    const close = button("×", () => remove(widget), { className: "plain", label: text.closeWidget(number) });
    widget.panel = element(
      "section",
      { className: "panel app", ariaLabel: text.widget(number), ariaBusy: "true" },
      element(
        "header",
        { className: "bar" },
        element("p", { className: "small quiet" }, text.widget(number), " ", spinner()),
        close,
      ),
      widget.frame,
    );
    find("#apps").insertBefore(widget.panel, widgets[widgets.indexOf(widget) + 1]?.panel ?? find("#no-widgets"));
    widget.frame.addEventListener("load", () => bootstrap(widget));
    showWidgets();
    return widget;
  }

  /** Until the app says that it is up, or for as long as the host is patient, its panel says that it is loading. */
  async function bootstrap(widget) {
    widget.panel.ariaBusy = "true";
    const bootstrapped = widget.hears("bootstrapped");
    sendHook(widget, "bootstrap");
    widget.panel.dataset.bootstrapped = await bootstrapped;
    widget.panel.ariaBusy = "false";
  }

  async function stop(widget) {
    if (!widget.isReady) return;
    const stopped = widget.hears("stopped");
    sendHook(widget, "stop");
    await stopped;
  }

  async function remove(widget) {
    await stop(widget);
    widgets.splice(widgets.indexOf(widget), 1);
    widget.panel.remove();
    story.forget(widget.number);
    showWidgets();
    requests.show();
    find("#add").focus();
  }

  async function launch(widget, extra) {
    await stop(widget);
    story.forget(widget.number);
    awaitReady(widget);
    widget.launch(launchUrl(extra));
    showWidgets();
    return widget.ready;
  }

  function awaitReady(widget) {
    widget.isReady = false;
    widget.ready = new Promise((resolve) => (widget.nowReady = resolve));
  }

  const launchAll = () => Promise.all(widgets.map((widget) => launch(widget)));

  /** Shows or hides a widget. A hidden one keeps running, and knows that nobody looks. */
  function toggle(widget) {
    widget.isShown = !widget.isShown;
    sendHook(widget, widget.isShown ? "focus" : "blur");
    showWidgets();
  }

  function hidden(widget) {
    widget.isShown = false;
    showWidgets();
    return widget;
  }

  function showWidgets() {
    const shown = widgets.filter(({ isShown }) => isShown);
    document.body.dataset.widgets = shown.length > 1 ? "many" : "one";
    find("#no-widgets").hidden = shown.length > 0;
    find("#add").disabled = widgets.length >= MOST;
    for (const { panel, isShown } of widgets) panel.hidden = !isShown;
    const focused = document.activeElement?.dataset.widget;
    find("#widgets").replaceChildren(
      ...widgets.map((widget) => {
        const { number, attention, isShown } = widget;
        const name = [text.showWidget(number), attention ? text.attention(attention) : ""].filter(Boolean).join(", ");
        const icon = button(
          [
            element("span", { className: "out-of-sight" }, name),
            element("span", { ariaHidden: "true" }, String(number)),
            ...(attention ? [element("span", { className: "badge", ariaHidden: "true" }, String(attention))] : []),
          ],
          () => toggle(widget),
        );
        icon.ariaPressed = String(isShown);
        icon.dataset.widget = number;
        return element("li", {}, icon);
      }),
    );
    if (focused) find(`#widgets [data-widget="${focused}"]`)?.focus();
  }

  // ---- what the apps say

  const widgetOf = (event) => widgets.find((widget) => widget.hasSent(event));
  const waiting = new Map();

  window.addEventListener("message", (event) => {
    const { data } = event;
    const widget = data?.protocol === PROTOCOL && widgetOf(event);
    if (!widget) return;
    if (data.kind === "height") return widget.grow(data.content?.height);
    if (data.kind === "ready") {
      widget.isReady = true;
      widget.nowReady();
    } else if (data.kind === "done") {
      waiting.get(data.content.id)?.(data.content);
    } else {
      story.add(widget.number, data);
      requests.show();
    }
    look();
  });

  /** What the app's command returns. */
  async function ask(widget, command, content) {
    await widget.ready;
    const id = crypto.randomUUID();
    const { result, error } = await new Promise((resolve) => {
      waiting.set(id, resolve);
      setTimeout(() => resolve({ error: text.underWay }), COMMAND_TIMEOUT);
      widget.send({ protocol: PROTOCOL, id, command, content });
    });
    waiting.delete(id);
    await refresh();
    if (error) throw new Error(error);
    return result;
  }

  listenToApps(widgetOf, {
    toast: (widget, toast) => showToast(toast, widget, text),
    attention(widget, count) {
      widget.attention = count;
      showWidgets();
    },
    openWindow(widget, url) {
      if (url) showToast({ title: text.openWindow, message: url, link: url, seconds: 30 }, widget, text);
    },
  });

  // ---- what the person does

  organization.addEventListener("change", () => {
    showPerson();
    launchAll();
  });
  region.addEventListener("change", launchAll);
  find("#language").addEventListener("change", ({ target }) => {
    address.set("lang", target.value);
    location.search = address;
  });
  theme.addEventListener("change", () => {
    showTheme();
    for (const widget of widgets)
      widget.send({ protocol: PROTOCOL, command: "theme", content: { theme: theme.value } });
  });
  find("#add").addEventListener("click", () => add());
  find("#start-over").addEventListener("click", () => startOver().then(launchAll));

  async function startOver() {
    await Promise.all(widgets.map(stop));
    await cloud.reset();
    for (const widget of widgets) awaitReady(widget);
    story.clear();
    requests.clear();
  }

  function showPerson() {
    const [person] = orgs.find(({ id }) => id === organization.value).agents;
    const initials = person.name
      .split(" ")
      .map((word) => word.charAt(0))
      .join("");
    find("#person").replaceChildren(
      element("span", { className: "avatar", ariaHidden: "true" }, initials),
      element("span", { className: "out-of-sight" }, text.signedInAs(person.name)),
      element("span", { className: "name", ariaHidden: "true" }, person.name),
    );
  }

  for (let count = Math.min(Math.max(Number(address.get("widgets")) || 1, 1), MOST); count > 0; count -= 1) add();
  const first = () => widgets.find(({ isShown }) => isShown) ?? widgets[0] ?? add();
  const stage = {
    ask: (command, content) => ask(first(), command, content),
    /** A second widget for the same organization. A new one stays hidden, so that the page stays as it is. */
    async second() {
      const other = widgets.find((widget) => widget !== first()) ?? hidden(add());
      return (command, content) => ask(other, command, content);
    },
  };
  new Thread(orgs, text, {
    ...stage,
    async prepare(acme, globex) {
      await startOver();
      organization.value = globex.id;
      showPerson();
      // The app holds Acme's token, and is opened for Globex.
      await Promise.all(widgets.map((widget) => launch(widget, { hold: acme.id, login: "none" })));
    },
    end: () => launch(first()),
  });
  showFaults(cloud, text, stage);

  await refresh();
  find("#body").ariaBusy = "false";
  setInterval(() => document.visibilityState === "visible" && refresh(), EVERY);
  window.addEventListener("online", refresh);
  window.addEventListener("offline", trouble);
}

function showTheme() {
  document.documentElement.style.colorScheme = theme.value === "system" ? "" : theme.value;
}

try {
  await run();
} catch (error) {
  find("#body").ariaBusy = "false";
  find("#trouble").hidden = false;
  find("#trouble").replaceChildren(
    `${text.noAnswer} `,
    button(text.tryAgain, () => location.reload()),
  );
  console.info(error);
}
