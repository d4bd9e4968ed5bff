// Times that run on while somebody looks at them.
import { element } from "../shared/element.js";

const EVERY = 1000;

/** How long ago this was. The cloud's clock may be ahead of this computer's: then from now on. */
export function ticking(startedAt) {
  const now = Date.now();
  const since = Math.min(startedAt ? Date.parse(startedAt) : now, now);
  const made = element("time", { className: "elapsed", dateTime: new Date(since).toISOString() });
  const draw = () => (made.textContent = duration(Date.now() - since));
  draw();
  const timer = setInterval(() => (made.isConnected ? draw() : clearInterval(timer)), EVERY);
  return made;
}

export function duration(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const [hours, ...rest] = parts.map((part) => String(part).padStart(2, "0"));
  return (parts[0] ? [hours, ...rest] : rest).join(":");
}
