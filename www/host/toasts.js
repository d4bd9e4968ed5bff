// Toasts: what an app tells by the host. An error stays until somebody closes it.
import { button, element, find } from "../shared/element.js";

const region = find("#toasts");
const SIGNS = { info: "i", success: "✓", error: "✕" };
const MOST = 4;

/** `id`: a toast of the same widget and id is replaced. */
export function showToast({ title, message, type = "info", id, seconds = 7, link }, widget, text) {
  const key = id === undefined ? undefined : `${widget.number} ${id}`;
  const replaced = key && find(`[data-key="${CSS.escape(key)}"]`, region);
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
    button("×", () => remove(toast), { className: "plain", label: text.close }),
  );
  toast.dataset.widget = widget.number;
  region.append(toast);
  if (replaced) remove(replaced);
  while (region.children.length > MOST) remove(region.firstElementChild);
  if (type !== "error") setTimeout(() => remove(toast), seconds * 1000);
}

/** The focus goes on to the next toast, or back to the icon of the widget. */
function remove(toast) {
  const near = toast.nextElementSibling ?? toast.previousElementSibling;
  const icon = find(`#widgets [data-widget="${toast.dataset.widget}"]`) ?? find("#add");
  const hadFocus = toast.contains(document.activeElement);
  toast.remove();
  if (hadFocus) (near ? find("button", near) : icon).focus();
}
