/**
 * What a test's function finds in the page. Runs there, from its source text: it can see nothing of this file.
 */
export function inPage(premium, environment, clientId) {
  /** connect() in the stand-in cloud. */
  function connect(options) {
    return premium.connect({ environments: [environment], ...options });
  }

  /** The option `login`, with the stand-in's own client: in a window, unless told otherwise. */
  function login(how) {
    const path = how?.mode === "redirect" ? "/config.json" : "/premium-recorder/callback.html";
    return { clientId, redirectUri: `${location.origin}${path}`, ...how };
  }

  /** `{ value }`, or `{ error }` with all that anyone could read from it. */
  function settle(promise) {
    return promise.then(
      (value) => ({ value }),
      (error) => ({ error: premium.isRecorderError(error) ? fields(error) : { thrown: String(error) } }),
    );
  }

  function fields(error) {
    return {
      ...error,
      isError: error instanceof Error && error instanceof premium.RecorderError,
      cause: error.cause === undefined ? undefined : readable(error.cause),
      everything: everything(error),
    };
  }

  function readable(cause) {
    if (premium.isRecorderError(cause)) return { code: cause.code };
    return cause instanceof Error ? { name: cause.name } : cause;
  }

  function everything(value, seen = new Set()) {
    if (typeof value !== "object" || value === null) return String(value);
    if (seen.has(value)) return "";
    seen.add(value);
    const own = Reflect.ownKeys(value).map((key) => `${String(key)}: ${everything(value[key], seen)}`);
    return [String(value), JSON.stringify(value), ...own].join("\n");
  }

  /** The addresses that this page fetches from now on, but for the module. */
  function watchFetch() {
    const fetched = [];
    const original = window.fetch;
    window.fetch = (resource, ...rest) => {
      const url = String(resource.url ?? resource);
      if (!url.endsWith(".wasm")) fetched.push(url);
      return original(resource, ...rest);
    };
    return fetched;
  }

  /**
   * Does the next start's work on the way to the cloud, whose own answer is then this fault: as a gateway that has lost the
   * answer.
   */
  function workFirst(fault) {
    const original = window.fetch;
    window.fetch = async (...given) => {
      const request = new Request(...given);
      if (request.method !== "POST") return original(request);
      window.fetch = original;
      await original(request.clone());
      const order = { method: "POST", path: new URL(request.url).pathname, fault };
      await original(`${environment.api}/standin/faults`, { method: "POST", body: JSON.stringify(order) });
      return original(request);
    };
  }

  /** When a start has reached the cloud. What is only on its way can still be called back. */
  async function startArrived() {
    await untilLedger(({ requests }) => requests.some(({ method }) => method === "POST"));
  }

  /** When a recording runs. */
  async function recordingRuns() {
    await untilLedger(({ recordings }) => recordings.length > 0);
  }

  /** Lets every request go on that a fault holds. */
  async function release() {
    await fetch(`${environment.api}/standin/release`, { method: "POST" });
  }

  /** Does this when the cloud has said which recordings an agent has, before the page learns it. */
  function atFirstLook(work) {
    const original = window.fetch;
    window.fetch = async (...given) => {
      const answer = await original(...given);
      if (!new URL(answer.url).searchParams.has("agentId")) return answer;
      window.fetch = original;
      await work();
      return answer;
    };
  }

  async function untilLedger(isSo) {
    while (!isSo(await (await fetch(`${environment.api}/standin/ledger`)).json()));
  }

  /** Frames of this page's own origin in it, and what a test finds in each of them. */
  function frames(count) {
    return Promise.all(
      Array.from({ length: count }, async () => {
        const frame = document.createElement("iframe");
        frame.src = `${location.origin}/config.json${location.search}`;
        const loaded = new Promise((resolve) => (frame.onload = resolve));
        document.body.append(frame);
        await loaded;
        const realm = frame.contentWindow;
        const theirs = await realm.eval("import('/premium-recorder/index.js')");
        return { realm, ...realm.eval(`(${inPage})`)(theirs, environment, clientId) };
      }),
    );
  }

  /** Moves this page's clock; the machine's, and the cloud's, stay as they are. */
  function shiftClock(seconds) {
    const now = (kept.now ??= Date.now);
    Date.now = () => now() + seconds * 1000;
  }

  /** So many seconds have passed since the page was loaded, by both clocks. */
  function passTime(seconds) {
    const elapsed = (kept.elapsed ??= performance.now.bind(performance));
    performance.now = () => elapsed() + seconds * 1000;
    shiftClock(seconds);
  }

  /** What outlives a call where anybody can read it. */
  function traces() {
    // WebKit lists a frame's own document among the resources of the frame.
    const [page] = performance.getEntriesByType("navigation");
    const resources = performance.getEntriesByType("resource").map(({ name }) => name);
    const fetched = resources.filter((name) => name !== page?.name);
    const stored = [{ ...localStorage }, { ...sessionStorage }, document.cookie];
    return JSON.stringify([stored, location.href, document.referrer, history.state, window.name, fetched]);
  }

  /** Stays from one call of `run` to the next, as long as the page does. */
  const kept = (window.kept ??= {});

  return {
    premium,
    environment,
    kept,
    connect,
    login,
    settle,
    frames,
    shiftClock,
    passTime,
    watchFetch,
    workFirst,
    startArrived,
    recordingRuns,
    release,
    atFirstLook,
    traces,
  };
}
