// Tells the page around the app what happens in it, and does what that page's buttons ask for: only for the demonstration.
// An app that ships leaves this file out. No message has any text of a token.
import { isRecorderError } from "premium-recorder";
import { PROTOCOL } from "../shared/demonstration.js";

const waiting = [];
let hostOrigin;
let commands = {};

/** `kind`: "event", "call", "tokens", "naive", "done". */
export function tell(kind, content) {
  const message = { protocol: PROTOCOL, kind, at: Date.now(), content };
  if (hostOrigin) window.parent.postMessage(message, hostOrigin);
  else waiting.push(message);
}

/** What the demonstration shows of an error. */
export function told(error) {
  if (!isRecorderError(error)) return { message: String(error) };
  const { code, message, hint, status, orgId, tokenOrgId, correlationId, missingScopes, nearMiss } = error;
  return { code, message, hint, status, orgId, tokenOrgId, correlationId, missingScopes, nearMiss };
}

/** From now on, the host is known. `handlers`: what each command does. */
export function begin(origin, handlers) {
  hostOrigin = origin;
  commands = handlers;
  for (const message of waiting.splice(0)) window.parent.postMessage(message, hostOrigin);
  window.addEventListener("message", ({ source, origin, data }) => {
    if (source !== window.parent || origin !== hostOrigin || data?.protocol !== PROTOCOL) return;
    if (data.command) obey(data);
  });
  tell("ready");
}

async function obey({ id, command, content }) {
  try {
    tell("done", { id, result: await commands[command](content ?? {}) });
  } catch (error) {
    tell("done", { id, error: String(error?.message ?? error) });
  }
}

/** The frame is as high as the page in it, so that nothing scrolls inside. A height is no secret, so every host may know it. */
export function followHeight(page) {
  if (window.parent === window) return;
  let told;
  const tellHeight = () => {
    const height = Math.ceil(page.getBoundingClientRect().height);
    if (height !== told) window.parent.postMessage({ protocol: PROTOCOL, kind: "height", content: { height } }, "*");
    told = height;
  };
  new ResizeObserver(tellHeight).observe(page);
  // The host makes the frame as high as the page, so hide the scroll bar, and measure again: the lines are wider without it.
  window.addEventListener("message", ({ source, data }) => {
    if (source !== window.parent || data?.protocol !== PROTOCOL || data.kind !== "grown") return;
    document.documentElement.style.scrollbarWidth = "none";
    tellHeight();
  });
  // A browser does not lay out a frame that nobody sees, and then no size changes.
  new MutationObserver(tellHeight).observe(page, {
    childList: true,
    subtree: true,
    attributes: true,
    characterData: true,
  });
}
