// Toasts: what an app tells by the host. An error stays until somebody closes it.
import { button, element, find } from "../shared/element.js";

const region = find("#toasts");
const SIGNS = { info: "i", success: "✓", error: "✕" };
const MOST = 4;

/** `id`: a toast of the same widget and id is replaced. */
export function showToast({ title, message, type = "info", id, seconds = 7, link }, widget, text) {
  const key = id === undefined ? undefined : `${widget.number} ${id}`;
  if (key) region.querySelector(`[data-key="${CSS.escape(key)}"]`)?.remove();
  const toast = element(
    "div",
    { className: `toast ${type}`, data: key ? { key } : {} },
    element("span", { className: "sign", ariaHidden: "true" }, SIGNS[type]),
    element(
      "div",
      {},
      element("p", { className: "title" }, title),
      element("p", { className: "small" }, message),
      link ? element("a", { href: link, target: "_blank", rel: "noreferrer noopener" }, text.openLink) : null,
    ),
    button("×", () => toast.remove(), { className: "plain", label: text.close }),
  );
  region.append(toast);
  while (region.children.length > MOST) region.firstElementChild.remove();
  if (type !== "error") setTimeout(() => toast.remove(), seconds * 1000);
}
