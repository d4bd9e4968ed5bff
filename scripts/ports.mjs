// The ports of the servers: four in a row, or four free ports.
import { createServer } from "node:http";
import { Failure } from "./process.mjs";

export const HOST = "127.0.0.1";
/** The same machine as HOST, but another site: a frame embedded across both has its own storage. */
export const OTHER_SITE = "localhost";

export function portsFrom(text = "8080") {
  const first = Number(text);
  if (!Number.isInteger(first) || first < 0 || first > 65532) {
    throw new Failure(`PORT is ${JSON.stringify(text)}: it must be a number up to 65532, or 0 for free ports`);
  }
  const nth = (n) => (first === 0 ? 0 : first + n);
  return { apps: nth(0), app: nth(1), api: nth(2), login: nth(3) };
}

/** If the port is taken, rejects with an error that says what to do. */
export async function listen(server, port) {
  await new Promise((resolve, reject) => {
    server.once("error", (error) => {
      const taken = error.code === "EADDRINUSE";
      reject(taken ? new Failure(`port ${port} is taken: choose another with PORT, or free ones with PORT=0`) : error);
    });
    server.listen(port, HOST, resolve);
  });
  return server.address().port;
}

/** Serves HTTP until `close()`, which ends the open connections. `options` are those of Node's server. */
export async function serveOn(handler, { port = 0, ...options } = {}) {
  // By itself, it does not keep this process running.
  const server = createServer(options, handler).unref();
  return {
    port: await listen(server, port),
    close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      return closed;
    },
  };
}

export async function mustBeFree(ports) {
  for (const port of ports.filter(Boolean)) {
    const probe = createServer();
    await listen(probe, port);
    await new Promise((resolve) => probe.close(resolve));
  }
}
