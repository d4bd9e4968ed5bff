// Chromium by its DevTools protocol over a pipe, without a driver between: a driver's own scripts and timers would be measured too.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** How long Chromium may take for one command, in milliseconds. */
const PATIENCE = 240_000;

/** Starts Chromium. `openPage` opens a page in a browser context of its own: no cache, no storage, no renderer of another page. */
export async function startChromium(program) {
  const settings = JSON.parse(await readFile(new URL("../../webdriver.json", import.meta.url), "utf8"));
  const profile = await mkdtemp(join(tmpdir(), "premium-recorder-bench-"));
  const args = [...settings["goog:chromeOptions"].args, `--user-data-dir=${profile}`, "--remote-debugging-pipe"];
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  const protocol = connectTo(child);
  const { product } = await protocol.send("Browser.getVersion");
  return {
    version: product,
    openPage: (url) => openPage(protocol, url),
    async close() {
      const ended = once(child, "exit");
      await protocol.send("Browser.close");
      await ended;
      await rm(profile, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

/** Messages end with a NUL byte. */
function connectTo(child) {
  const [, , , requests, responses] = child.stdio;
  const pending = new Map();
  const listeners = new Set();
  let last = 0;
  let rest = "";
  responses.setEncoding("utf8");
  responses.on("data", (text) => {
    const messages = (rest + text).split("\0");
    rest = messages.pop();
    for (const message of messages.map((text) => JSON.parse(text))) {
      if (message.id === undefined) for (const listener of listeners) listener(message);
      else settle(message);
    }
  });
  child.once("exit", () => {
    for (const { reject, method } of pending.values()) reject(new Error(`Chromium ended during ${method}`));
  });
  // An end of the pipe is told by the child's exit.
  requests.on("error", () => {});

  function settle({ id, result, error }) {
    const { resolve, reject, method, timer } = pending.get(id);
    clearTimeout(timer);
    pending.delete(id);
    if (error) reject(new Error(`${method}: ${error.message}`));
    else resolve(result);
  }

  return {
    send(method, params = {}, sessionId) {
      return new Promise((resolve, reject) => {
        const id = ++last;
        const timer = setTimeout(() => reject(new Error(`no answer to ${method}`)), PATIENCE);
        pending.set(id, { resolve, reject, method, timer });
        requests.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
      });
    },
    /** Waits for an event of this session. */
    event(method, sessionId) {
      return new Promise((resolve) => {
        const listener = (message) => {
          if (message.method !== method || message.sessionId !== sessionId) return;
          listeners.delete(listener);
          resolve(message.params);
        };
        listeners.add(listener);
      });
    },
  };
}

async function openPage(protocol, url) {
  const { browserContextId } = await protocol.send("Target.createBrowserContext");
  const { targetId } = await protocol.send("Target.createTarget", { url: "about:blank", browserContextId });
  const { sessionId } = await protocol.send("Target.attachToTarget", { targetId, flatten: true });
  const send = (method, params) => protocol.send(method, params, sessionId);
  await send("Page.enable");
  await send("Performance.enable");
  await send("Page.addScriptToEvaluateOnNewDocument", { source: `(${rememberMemory})()` });
  const loaded = protocol.event("Page.loadEventFired", sessionId);
  await send("Page.navigate", { url });
  await loaded;

  return {
    send,
    /** What a function returns in the page. */
    async run(work, ...args) {
      const given = args.map((arg) => JSON.stringify(arg) ?? "undefined").join(", ");
      const { result, exceptionDetails: thrown } = await send("Runtime.evaluate", {
        expression: `(${work})(${given})`,
        awaitPromise: true,
        returnByValue: true,
      });
      if (thrown) throw new Error(thrown.exception?.description ?? thrown.text);
      return result.value;
    },
    /** Slows the page down by this factor. */
    throttle: (rate) => send("Emulation.setCPUThrottlingRate", { rate }),
    /** Bytes that the page uses once its garbage is collected: JavaScript's heap, and WebAssembly's memory. */
    async memory() {
      await send("HeapProfiler.collectGarbage");
      await send("HeapProfiler.collectGarbage");
      const { usedSize } = await send("Runtime.getHeapUsage");
      return { heap: usedSize, wasm: await this.run(() => globalThis.wasmMemory?.buffer.byteLength ?? 0) };
    },
    /** Processor time of the page's main thread so far, in milliseconds. */
    async busy() {
      const { metrics } = await send("Performance.getMetrics");
      return 1000 * metrics.find(({ name }) => name === "ThreadTime").value;
    },
    close: () => protocol.send("Target.disposeBrowserContext", { browserContextId }),
  };
}

/** Runs in the page before anything else. */
function rememberMemory() {
  const { instantiate } = WebAssembly;
  WebAssembly.instantiate = async (...given) => {
    const made = await instantiate.apply(WebAssembly, given);
    globalThis.wasmMemory = (made.instance ?? made).exports.memory;
    return made;
  };
}
