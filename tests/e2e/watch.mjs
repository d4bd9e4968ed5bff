/**
 * Put under a page before the library is loaded: what it sends, what secrets it learns, and what it leaves behind.
 * Runs there, from its source text. `driversDelay`: timers of this length are the driver's own.
 */
export function watch(driversDelay) {
  const sent = [];
  const secrets = new Set();
  const listeners = [];
  const timers = new Set();
  const windows = [];
  const said = [];

  const { fetch, open, setTimeout, clearTimeout } = window;
  const { addEventListener, removeEventListener } = EventTarget.prototype;

  window.fetch = (resource, init) => {
    // A stream can be read once, so the copy and the platform's fetch share one Request.
    const request = new Request(resource, init);
    const copy = request.clone();
    const answer = fetch(request);
    if (copy.url.endsWith(".wasm")) return answer;
    const entry = { url: copy.url, body: "", authorization: copy.headers.get("authorization") ?? "" };
    sent.push(entry);
    copy.text().then((body) => {
      entry.body = body;
      if (isTokenEndpoint(copy.url)) learn(Object.fromEntries(new URLSearchParams(body)));
    });
    if (isTokenEndpoint(copy.url)) {
      answer.then((answer) => answer.clone().json()).then(learn, () => {});
    }
    return answer;
  };

  /** All that a console shows of a value when somebody unfolds it: of so many objects. */
  function shown(value, seen = new Set(), most = 1_000) {
    if (Object(value) !== value) return String(value);
    if (seen.has(value) || seen.size === most) return "";
    seen.add(value);
    const parts = [];
    const read = (part) => {
      try {
        parts.push(part());
      } catch {
        // What cannot be read shows nothing. The rest does.
      }
    };
    let names = [];
    read(() => String(value));
    if (ArrayBuffer.isView(value)) return parts.join();
    read(() => void (names = Reflect.ownKeys(value)));
    // In Firefox and WebKit, a stack is no property of its own.
    for (const name of new Set([...names, "stack"])) read(() => `${String(name)}: ${shown(value[name], seen)}`);
    read(() => (value instanceof Map || value instanceof Set ? shown([...value], seen) : ""));
    return parts.join("\n");
  }

  function isTokenEndpoint(url) {
    return new URL(url).pathname === "/oauth/token";
  }

  function learn({ code, code_verifier, access_token, refresh_token }) {
    for (const secret of [code, code_verifier, access_token, refresh_token]) if (secret) secrets.add(secret);
  }

  window.addEventListener = (...listener) => {
    listeners.push(listener);
    addEventListener.apply(window, listener);
  };
  window.removeEventListener = (...listener) => {
    const at = listeners.findIndex(([type, callback]) => type === listener[0] && callback === listener[1]);
    if (at >= 0) listeners.splice(at, 1);
    removeEventListener.apply(window, listener);
  };

  window.setTimeout = (callback, ...rest) => {
    const id = setTimeout(
      (...given) => {
        timers.delete(id);
        callback(...given);
      },
      ...rest,
    );
    if (rest[0] !== driversDelay) timers.add(id);
    return id;
  };
  window.clearTimeout = (id) => {
    timers.delete(id);
    clearTimeout(id);
  };

  // Chromedriver does not tell what the console of another site's frame says.
  const note = (...words) => said.push(...words.map((word) => shown(word)));
  for (const level of ["debug", "log", "info", "warn", "error"]) {
    const write = console[level];
    console[level] = (...words) => {
      note(...words);
      write.apply(console, words);
    };
  }
  addEventListener.call(window, "error", ({ error }) => note(error));
  addEventListener.call(window, "unhandledrejection", ({ reason }) => note(reason));

  window.open = (...args) => {
    const opened = open.apply(window, args);
    if (opened) windows.push(opened);
    return opened;
  };

  window.watched = {
    sent,
    secrets,
    windows,
    /** What the console and unhandled errors have said. */
    said,
    /** What a sign-in must take along when it ends. */
    left: () => ({
      messageListeners: listeners.filter(([type]) => type === "message").length,
      timers: timers.size,
      openWindows: windows.filter(({ closed }) => !closed).length,
    }),
  };
}
