// What runs in the measured page. Each function is sent there as text, so it uses nothing of this module.

/** Loads a candidate, and keeps what it posts with. Returns milliseconds, or nothing if this version lacks the candidate. */
export async function load(name, file, config) {
  const began = performance.now();
  const { open } = await import(`/${file}.js`);
  const client = await open(config);
  const ready = performance.now();
  (globalThis.clients ??= {})[name] = client;
  return client && { imported: ready - began, evaluated: ready - globalThis.evaluatedAt };
}

/** Posts one after another. Returns milliseconds. `first`: the number of the first agent. */
export async function inTurn(name, orgIds, first, count) {
  const client = globalThis.clients[name];
  const began = performance.now();
  for (let number = first; number < first + count; number++) {
    await client.post(orgIds[number % orgIds.length], `agent-${number}`);
  }
  return performance.now() - began;
}

/** Posts all at once. Returns milliseconds. */
export async function atOnce(name, orgIds, first, count) {
  const client = globalThis.clients[name];
  const numbers = Array.from({ length: count }, (_, at) => first + at);
  const began = performance.now();
  await Promise.all(numbers.map((number) => client.post(orgIds[number % orgIds.length], `agent-${number}`)));
  return performance.now() - began;
}

/** Replaces the network, so that only the work of the page is measured. */
export function stubNetwork() {
  const platformFetch = fetch;
  let recordings = 0;
  const body = () => {
    const recording = { id: `recording-${++recordings}`, state: "recording", startedAt: new Date().toISOString() };
    return JSON.stringify(recording);
  };
  const stub = async (input) => {
    if (String(input).endsWith(".wasm")) return platformFetch(input);
    const text = body();
    // Both headers are what a server sends.
    const headers = { "content-type": "application/json", "content-length": String(text.length) };
    return new Response(text, { status: 201, headers });
  };
  // A bound function has no source text, like the platform's: a library may look whether the page has replaced `fetch`.
  globalThis.fetch = stub.bind(undefined);

  // The SDK of Genesys Cloud uses XMLHttpRequest.
  globalThis.XMLHttpRequest = class extends EventTarget {
    upload = new EventTarget();
    readyState = 0;
    status = 0;
    onloadend = null;
    open() {}
    setRequestHeader() {}
    getAllResponseHeaders() {
      return "content-type: application/json\r\n";
    }
    abort() {}
    send() {
      queueMicrotask(() => {
        Object.assign(this, { readyState: 4, status: 201, statusText: "Created" });
        this.response = this.responseText = body();
        this.onloadend?.();
      });
    }
  };
}

/**
 * Starts many recordings with `startMany`, or with a loop of six at a time if the candidate has none. Returns the
 * milliseconds of all, and the longest time that a timer was late, which is how long the page did not respond.
 */
export async function startMany(name, orgIds, count) {
  const { recorder, post } = globalThis.clients[name];
  const EVERY = 10;
  const agents = Array.from({ length: count }, (_, at) => ({
    agentId: `agent-${at}`,
    orgId: orgIds[at % orgIds.length],
  }));
  // The page's own list counts for nothing.
  await new Promise((resolve) => setTimeout(resolve));
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last - EVERY);
    last = now;
  }, EVERY);

  const began = performance.now();
  let failed = 0;
  if (recorder) {
    const results = await recorder.startMany(agents);
    failed = results.filter(({ status }) => status !== "fulfilled").length;
  } else {
    let next = 0;
    const worker = async () => {
      while (next < agents.length) {
        const { orgId, agentId } = agents[next++];
        await post(orgId, agentId).catch(() => failed++);
      }
    };
    await Promise.all(Array.from({ length: 6 }, worker));
  }
  const total = performance.now() - began;
  // A block at the end delays the timer too.
  await new Promise((resolve) => setTimeout(resolve, 2 * EVERY));
  clearInterval(timer);
  if (failed) throw new Error(`${failed} of ${count} starts failed`);
  return { total, longest };
}
