// One click each: breaks something in the cloud, and starts a recording in the app.
import { button, element, find, spinner } from "../shared/element.js";
import { reasonOf } from "./reason.js";

const refusal = (status, code, message) => ({ status, body: { status, code, message, contextId: "demonstration" } });

/** `cloud`: the stand-in's controls. `stage`: { ask(command, content), second() }. Each returns what the app's start returned. */
const FAULTS = {
  triple: (_, { ask }) => ask("record", { times: 3 }),
  async lostAfter(cloud, { ask }) {
    await cloud.spoilStart({ reset: "after" });
    return ask("record");
  },
  async lostBefore(cloud, { ask }) {
    await cloud.spoilStart({ reset: "before" });
    return ask("record");
  },
  async revoked(_, { ask }) {
    await ask("revoke");
    return ask("record");
  },
  async limited429(cloud, { ask }) {
    const fault = refusal(429, "too.many.requests", "Rate limit exceeded the maximum.");
    await cloud.spoilStart({ ...fault, headers: { "Retry-After": "3" } });
    return ask("record");
  },
  async refused401(cloud, { ask }) {
    await cloud.spoilStart(refusal(401, "bad.credentials", "Invalid login credentials."), 2);
    return ask("record");
  },
  async failed503(cloud, { ask }) {
    await cloud.spoilStart(refusal(503, "service.unavailable", "The service is not available."));
    return ask("record");
  },
  async slow(cloud, { ask }) {
    await cloud.spoilStart({ delayMs: 4000 });
    return ask("record");
  },
  async scope(_, { ask }) {
    await ask("makeIdle");
    await ask("token", { scopes: ["screenrecording:write", "user-basic-info"] });
    const done = await ask("record");
    await ask("token");
    return done;
  },
  async hangs(cloud, { ask, second }) {
    const other = await second();
    await cloud.spoilStart({ delayMs: 5000 });
    const [done] = await Promise.all([other("record"), ask("record")]);
    return done;
  },
  async clock(cloud, { ask }) {
    await cloud.advance(7200);
    return ask("record");
  },
};

export function showFaults(cloud, text, stage) {
  let isBusy = false;
  const list = find("#faults-list");
  const status = find("#fault-status");
  const setBusy = (trigger, busy) => {
    isBusy = busy;
    trigger.ariaBusy = String(busy);
    for (const each of list.querySelectorAll("button")) each.ariaDisabled = String(busy && each !== trigger);
  };
  const cards = Object.entries(FAULTS).map(([name, run]) => {
    const [title, lookFor] = text.faults[name];
    const id = `fault-${name}`;
    const trigger = button([spinner(), title], async () => {
      if (isBusy) return;
      setBusy(trigger, true);
      status.textContent = text.faultRuns(title, lookFor);
      try {
        const done = await run(cloud, stage);
        status.textContent = done ? text.faultDone(title, lookFor) : text.faultNoAgent;
      } catch (error) {
        status.replaceChildren(text.faultFailed, " ", reasonOf(error));
      } finally {
        setBusy(trigger, false);
      }
    });
    trigger.setAttribute("aria-describedby", id);
    // The status says what to look for. A person who reads the buttons one by one knows it before.
    trigger.title = lookFor;
    return element("li", { data: { fault: name } }, trigger, element("span", { id, hidden: true }, lookFor));
  });
  list.replaceChildren(...cards);
}
