// A proxy's process, with a folder of its own. What has happened in the proxy, its log says.
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate } from "selfsigned";
import { eachLine } from "../../scripts/process.mjs";
import { proxyEnv } from "../../scripts/proxies.mjs";

export const HOST = "127.0.0.1";
/** A step that takes longer than this is an error. */
export const PATIENCE = 20_000;
const ATTEMPTS = 3;

let certificate;

/**
 * Calls `start(proxy, ports)` with a new proxy and free ports. Another program may take a port before the proxy binds it: then
 * this is repeated with other ports.
 */
export async function onFreePorts(count, start) {
  for (let attempt = 1; ; attempt += 1) {
    const proxy = new Proxy();
    try {
      return await start(proxy, await proxy.prepare(count));
    } catch (error) {
      await proxy.close();
      if (attempt === ATTEMPTS || !error.message.includes("Address already in use")) throw error;
    }
  }
}

class Proxy {
  #child;
  #ended;
  #log = [];
  /** What waits for a line. */
  #looks = new Set();

  /** A folder with the certificate `both.pem`, whose parts are `cert.pem` and `key.pem`; and ports that are free. */
  async prepare(ports) {
    certificate ??= generate([{ name: "commonName", value: "localhost" }]);
    const { private: key, cert } = await certificate;
    this.folder = await mkdtemp(join(tmpdir(), "premium-recorder-proxy-"));
    for (const [name, text] of Object.entries({ "cert.pem": cert, "key.pem": key, "both.pem": `${cert}\n${key}` })) {
      await this.write(name, text);
    }
    return freePorts(ports);
  }

  write(name, text) {
    return writeFile(join(this.folder, name), text);
  }

  start(program, args) {
    const child = spawn(program, args, {
      cwd: this.folder,
      env: { ...process.env, ...proxyEnv() },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child = child;
    eachLine(child.stderr, (line) => this.#note(line));
    child.once("error", ({ message }) => this.#fail(`${program} cannot run: ${message}`));
    this.#ended = new Promise((resolve) => child.once("close", resolve));
    child.once("close", (code, signal) => this.#fail(`${program} ended with ${signal ?? `exit code ${code}`}`));
  }

  /** Does this, and resolves to what the log's next line that matches has in parentheses. */
  async after(act, pattern) {
    let timer, look;
    const matched = new Promise((resolve, reject) => {
      timer = setTimeout(() => this.#fail(`no ${pattern} came`), PATIENCE);
      look = { pattern, resolve, reject };
      this.#looks.add(look);
    });
    try {
      const [match] = await Promise.all([matched, act()]);
      return match[1];
    } finally {
      clearTimeout(timer);
      this.#looks.delete(look);
    }
  }

  signal(name) {
    this.#child.kill(name);
  }

  /** Stops it at once, and resolves when it has ended. */
  async stop() {
    if (!this.#child) return;
    this.signal("SIGTERM");
    const timer = setTimeout(() => this.signal("SIGKILL"), PATIENCE);
    await this.#ended;
    clearTimeout(timer);
    this.#child = undefined;
  }

  async close() {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  #note(line) {
    this.#log = [...this.#log, line].slice(-60);
    for (const { pattern, resolve } of this.#looks) {
      const match = line.match(pattern);
      if (match) resolve(match);
    }
  }

  #fail(message) {
    for (const { reject } of this.#looks) reject(new Error(`${message}\n${this.#log.join("\n")}`));
  }
}

/** Of all ports together, so that no two are the same. */
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise((resolve) => server.listen(0, HOST, resolve))));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
