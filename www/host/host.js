// The page that embeds the Premium App as Genesys Cloud does: in iframes from the vendor's origin, with a launch URL, and with the
// messages of the Client App SDK. Beside the app it shows what happens.
//
// Its own address may carry `orgId`, `region`, `lang` (a language tag), `theme` and `widgets` (how many). Everything else goes on to
// the app.
import { PROTOCOL } from "../shared/demonstration.js";
import { button, element, find } from "../shared/element.js";
import { initials } from "../shared/initials.js";
import { speak } from "../shared/language.js";
import { regions } from "../shared/regions.js";
import { listenToApps } from "./client-apps.js";
import { Cloud } from "./cloud.js";
import { showFaults } from "./faults.js";
import { arrange } from "./places.js";
import { Requests } from "./requests.js";
import { Story } from "./story.js";
import de from "./texts/de.js";
import en from "./texts/en.js";
import { Thread } from "./thread.js";
import { showToast } from "./toasts.js";
import { MOST, Widgets } from "./widgets.js";
import { wording } from "./wording.js";

const OURS = ["orgId", "region", "lang", "theme", "widgets"];
const EVERY = 2000;
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
const trouble = find("#trouble");
const whatIsWrong = element("span");
const tryAgain = button(text.tryAgain);

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
      endTrouble();
    } catch {
      showTrouble(refresh);
    }
    requests.show();
  }

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

  const widgets = new Widgets(text, launchUrl, (number) => {
    story.forget(number);
    requests.show();
  });

  // ---- what the apps say

  window.addEventListener("message", (event) => {
    const { data } = event;
    const widget = data?.protocol === PROTOCOL && widgets.of(event);
    if (!widget) return;
    if (data.kind === "height") return widget.grow(data.content?.height);
    if (data.kind === "ready") widget.setReady();
    else if (data.kind === "done") widget.done(data.content);
    else {
      story.add(widget.number, data);
      requests.show();
    }
    look();
  });

  /** What the app's command returns, once the page shows what came of it. */
  async function ask(widget, command, content) {
    try {
      return await widget.ask(command, content);
    } finally {
      await refresh();
    }
  }

  listenToApps((event) => widgets.of(event), {
    toast: (widget, toast) => showToast(toast, widget, text),
    attention(widget, count) {
      widget.attention = count;
      widgets.show();
    },
    openWindow(widget, url) {
      if (url) showToast({ title: text.openWindow, message: url, link: url, seconds: 30 }, widget, text);
    },
  });

  // ---- what the person does

  organization.addEventListener("change", () => {
    showPerson();
    widgets.launchAll();
  });
  region.addEventListener("change", () => widgets.launchAll());
  find("#language").addEventListener("change", ({ target }) => {
    address.set("lang", target.value);
    location.search = address;
  });
  theme.addEventListener("change", () => {
    showTheme();
    widgets.sendToAll({ protocol: PROTOCOL, command: "theme", content: { theme: theme.value } });
  });
  find("#add").addEventListener("click", () => widgets.add());
  find("#start-over").addEventListener("click", () => startOver().catch(() => showTrouble(refresh)));

  /** Nothing has happened, and the apps are launched anew. `extra`: parameters of their URLs. */
  async function startOver({ orgId = organization.value, ...extra } = {}) {
    // Without a cloud, everything stays as it is.
    await cloud.ledger();
    await widgets.stopAll();
    try {
      await cloud.reset();
      story.clear();
      requests.clear();
    } finally {
      organization.value = orgId;
      showPerson();
      await widgets.launchAll(extra);
    }
  }

  function showPerson() {
    const [person] = orgs.find(({ id }) => id === organization.value).agents;
    find("#person").replaceChildren(
      element("span", { className: "avatar", ariaHidden: "true" }, initials(person.name)),
      element("span", { className: "out-of-sight" }, text.signedInAs(person.name)),
      element("span", { className: "name", ariaHidden: "true" }, person.name),
    );
  }

  for (let count = Math.min(Math.max(Number(address.get("widgets")) || 1, 1), MOST); count > 0; count -= 1)
    widgets.add();
  const stage = {
    ask: (command, content) => ask(widgets.first, command, content),
    /** A second widget for the same organization. */
    async second() {
      const other = widgets.second;
      return (command, content) => ask(other, command, content);
    },
  };
  new Thread(orgs, text, {
    ...stage,
    // The app holds Acme's token, and is opened for Globex.
    prepare: (acme, globex) => startOver({ orgId: globex.id, hold: acme.id, login: "none" }),
    end: () => widgets.launch(widgets.first),
  });
  showFaults(cloud, text, stage);

  await refresh();
  find("#body").ariaBusy = "false";
  setInterval(() => document.visibilityState === "visible" && refresh(), EVERY);
  window.addEventListener("online", refresh);
  window.addEventListener("offline", () => showTrouble(refresh));
}

/** Says once what is wrong: a live region that is written anew is read out again. */
function showTrouble(retry) {
  const said = `${navigator.onLine ? text.noAnswer : text.offline} `;
  if (whatIsWrong.textContent !== said) whatIsWrong.textContent = said;
  tryAgain.onclick = retry;
  trouble.hidden = false;
  arrange(trouble, [whatIsWrong, tryAgain]);
}

function endTrouble() {
  if (tryAgain === document.activeElement) find("main").focus({ preventScroll: true });
  trouble.hidden = true;
  arrange(trouble, []);
}

function showTheme() {
  document.documentElement.style.colorScheme = theme.value === "system" ? "" : theme.value;
}

try {
  await run();
} catch (error) {
  find("#body").ariaBusy = "false";
  showTrouble(() => location.reload());
  console.info(error);
}
