// The host's side of Genesys' Client App SDK: the hooks of an app's life, toasts, the count on its icon, and windows. It listens only
// to the exact window and origin of a widget.
const PROTOCOL = "purecloud-client-apps";

export function sendHook(widget, hook) {
  widget.send({ purecloudEventType: "appLifecycleHook", hook, protocol: PROTOCOL });
}

/** `on`: { toast, attention, openWindow }, each with the widget that asks. */
export function listenToApps(widgetOf, on) {
  window.addEventListener("message", (event) => {
    const { data } = event;
    if (data?.protocol !== PROTOCOL || typeof data.action !== "string") return;
    const widget = widgetOf(event);
    if (!widget) return;
    if (data.action === "bootstrapped" || data.action === "stopped") widget.said(data.action);
    else if (data.action === "showToast") on.toast(widget, toastOf(data));
    else if (data.action === "setAttentionCount" && isCount(data.count)) on.attention(widget, data.count);
    else if (data.action === "openWindow") on.openWindow(widget, webAddress(data.targetUrl));
  });
}

function toastOf({ title, message, type, id, timeout, showCloseButton }) {
  return {
    title: String(title ?? ""),
    message: String(message ?? ""),
    type: ["info", "success", "error"].includes(type) ? type : "info",
    id: id === undefined ? undefined : String(id),
    seconds: Number.isFinite(timeout) ? timeout : 7,
    showCloseButton: showCloseButton !== false,
  };
}

function isCount(count) {
  return Number.isInteger(count) && count >= 0;
}

function webAddress(url) {
  try {
    const parsed = new URL(url);
    return ["http:", "https:"].includes(parsed.protocol) ? parsed.href : undefined;
  } catch {
    return undefined;
  }
}
