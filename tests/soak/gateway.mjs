// What stands between nginx and the stand-in cloud's api: one in twenty requests goes wrong there.
import { once } from "node:events";
import { request as forward } from "node:http";
import { buffer } from "node:stream/consumers";
import { serveOn } from "../../scripts/ports.mjs";

const SHARE = 0.05;
const LATE_MS = 3_000;

const refused = (status, code, headers) => ({
  status,
  headers,
  body: JSON.stringify({ status, code, message: "a fault" }),
});
const REFUSALS = {
  401: refused(401, "bad.credentials"),
  429: refused(429, "too.many.requests", { "retry-after": "1" }),
  502: { status: 502, body: "Bad Gateway" },
  503: { status: 503, body: "Service Unavailable" },
};
const FAULTS = [...Object.keys(REFUSALS), "reset before", "reset after", "cut", "late", "worker killed"];

/** Starts it. `killWorker` kills the worker of the nginx in front. */
export async function startGateway(api, killWorker) {
  const counts = Object.fromEntries(FAULTS.map((fault) => [fault, 0]));
  const starts = {};
  let requests = 0;
  let open = 0;
  async function answer(request, response) {
    const { method, headers, url } = request;
    const body = await buffer(request).catch(() => {});
    const isPreflight = method === "OPTIONS";
    if (!isPreflight) requests++;
    if (method === "POST" && body) {
      const { agentId } = JSON.parse(body);
      starts[agentId] = (starts[agentId] ?? 0) + 1;
    }
    const fault = !isPreflight && Math.random() < SHARE ? FAULTS[Math.floor(Math.random() * FAULTS.length)] : undefined;
    if (fault) counts[fault]++;
    if (fault === "reset before") return request.socket.destroy();
    if (fault === "late") await new Promise((resolve) => setTimeout(resolve, LATE_MS));
    const refusal = REFUSALS[fault];
    if (refusal) {
      response.writeHead(refusal.status, { ...refusal.headers, "access-control-allow-origin": "*" });
      return response.end(refusal.body);
    }
    const forwarded = forward(`${api}${url}`, { method, headers: { ...headers, connection: "close" } });
    forwarded.on("error", () => {});
    forwarded.end(body);
    const [answered] = await once(forwarded, "response");
    const text = await buffer(answered);
    if (fault === "reset after") return request.socket.destroy();
    if (fault === "worker killed") return killWorker();
    const { connection, ...passed } = answered.headers;
    response.writeHead(answered.statusCode, passed);
    if (fault !== "cut") return response.end(text);
    response.write(text.subarray(0, 10), () => request.socket.destroy());
  }

  const handler = async (request, response) => {
    open++;
    await answer(request, response).catch(() => request.socket.destroy());
    open--;
  };
  return {
    ...(await serveOn(handler, { keepAliveTimeout: 60_000 })),
    counts: () => ({ requests, faults: counts }),
    /** How many requests are on their way to the cloud or back. */
    open: () => open,
    /** How many starts have come, by agent. */
    starts: () => starts,
  };
}
