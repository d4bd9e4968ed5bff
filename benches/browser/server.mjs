// The app's web server and the API, each an origin of its own, in this process.
import { createServer } from "node:http";
import { setTimeout } from "node:timers/promises";

export const PATH = "/api/v2/screenrecordings";
const MAX_AGE = 600;
const HTML = "<!doctype html><title>bench</title>";

/** Serves the files until `close()`. */
export async function serve(files) {
  const app = await listen(
    createServer((request, response) => {
      const { pathname } = new URL(request.url, "http://app");
      const found = files.get(pathname);
      if (pathname === "/") return response.writeHead(200, { "content-type": "text/html" }).end(HTML);
      if (!found) return response.writeHead(404).end();
      const isBrotli = /\bbr\b/.test(request.headers["accept-encoding"] ?? "");
      response.writeHead(200, {
        "content-type": found.type,
        "cache-control": "no-store",
        ...(isBrotli && { "content-encoding": "br" }),
      });
      response.end(isBrotli ? found.brotli : found.raw);
    }),
  );

  /** What the API was asked, since the last `take()`. */
  let counts = { preflights: 0, starts: 0 };
  let delay = 0;
  let recordings = 0;
  const api = await listen(
    createServer(async (request, response) => {
      // The connection stays usable only if the body is read.
      request.resume();
      const cors = {
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "*",
      };
      if (delay) await setTimeout(delay);
      if (request.method === "OPTIONS") {
        counts.preflights++;
        const headers = {
          "access-control-allow-methods": "GET, POST, PATCH, DELETE",
          "access-control-allow-headers": request.headers["access-control-request-headers"] ?? "",
          "access-control-max-age": MAX_AGE,
        };
        return response.writeHead(204, { ...cors, ...headers }).end();
      }
      counts.starts++;
      if (!request.headers.authorization?.startsWith("Bearer ")) return response.writeHead(401, cors).end();
      const recording = { id: `recording-${++recordings}`, state: "recording", startedAt: new Date().toISOString() };
      response.writeHead(201, { ...cors, "content-type": "application/json" }).end(JSON.stringify(recording));
    }),
  );

  return {
    // Another origin than the API's.
    app: `http://localhost:${app.address().port}`,
    api: `http://127.0.0.1:${api.address().port}`,
    /** Lets each answer of the API wait for so many milliseconds. */
    setDelay: (millis) => (delay = millis),
    take() {
      const taken = counts;
      counts = { preflights: 0, starts: 0 };
      return taken;
    },
    close: () => Promise.all([app, api].map(close)),
  };
}

async function listen(server) {
  // A connection that is closed between two rounds would cost the next one a new connection.
  server.keepAliveTimeout = 120_000;
  await new Promise((resolve) => server.listen(0, resolve));
  return server;
}

function close(server) {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  return closed;
}
