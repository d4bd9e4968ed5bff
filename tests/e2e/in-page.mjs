/**
 * What a test's function finds in the page. Runs there, from its source text: it can see nothing of this file.
 */
export function inPage(premium, environment) {
  /** connect() in the stand-in cloud. */
  function connect(options) {
    return premium.connect({ environments: [environment], ...options });
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

  /** When a start has reached the cloud. What is only on its way can still be called back. */
  async function startArrived() {
    for (;;) {
      const { requests } = await (await fetch(`${environment.api}/standin/ledger`)).json();
      if (requests.some(({ method }) => method === "POST")) return;
    }
  }

  /** What outlives a call where anybody can read it. */
  function traces() {
    const fetched = performance.getEntriesByType("resource").map(({ name }) => name);
    return JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href, fetched]);
  }

  return { premium, environment, connect, settle, watchFetch, startArrived, traces };
}
