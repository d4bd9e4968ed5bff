// What stands between a proxy and the stand-in cloud's api: it keeps connections, and holds starts on their way.
import { request as forward } from "node:http";
import { buffer } from "node:stream/consumers";
import { serveOn } from "../../scripts/ports.mjs";

/** Starts it in front of this api. */
export async function startBackend(api) {
  let next;
  const handler = async (request, response) => {
    const hold = request.method === "POST" ? next : undefined;
    if (hold) next = undefined;
    hold?.take(response);
    // All of it first: the proxy may close the connection before the work begins.
    const body = await buffer(request).catch(() => {});
    await hold?.pass("request");
    const { method, headers } = request;
    const forwarded = forward(`${api}${request.url}`, { method, headers: { ...headers, connection: "close" } });
    forwarded.on("error", () => response.destroy());
    forwarded.on("response", async (answer) => {
      const text = await buffer(answer);
      await hold?.pass("response");
      const { connection, ...passed } = answer.headers;
      response.writeHead(answer.statusCode, passed);
      response.end(text);
    });
    forwarded.end(body);
  };
  return {
    ...(await serveOn(handler, { keepAliveTimeout: 60_000 })),
    /**
     * Holds the next start: its response, or the request. `arrived` resolves when that has come here. So the cloud has carried
     * out a start whose response has come, and knows nothing of a start whose request has.
     */
    hold(what = "response") {
      let start, arrive, release;
      const arrived = new Promise((resolve) => (arrive = resolve));
      const released = new Promise((resolve) => (release = resolve));
      next = {
        take: (response) => (start = response),
        async pass(which) {
          if (which !== what) return;
          arrive();
          await released;
        },
      };
      return {
        arrived,
        release,
        /** Closes the connection, without a byte of the response. */
        drop: () => start.socket?.destroy(),
      };
    },
  };
}
