// A front of the stand-in cloud's api that speaks HTTP/2 over TLS, as a load balancer does, and what can happen there to a
// start that the cloud has carried out.
import { constants, createSecureServer } from "node:http2";
import { request as forward } from "node:http";
import { generate } from "selfsigned";

const { NGHTTP2_REFUSED_STREAM, NGHTTP2_HTTP_1_1_REQUIRED, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR } = constants;

/** What can happen instead of the response. None of it tells the browser that the start was carried out. */
export const EVENTS = {
  "closes the connection": ({ session }) => session.destroy(),
  "refuses the stream": (stream) => stream.close(NGHTTP2_REFUSED_STREAM),
  "requires HTTP/1.1": (stream) => stream.close(NGHTTP2_HTTP_1_1_REQUIRED),
  "resets the stream": (stream) => stream.close(NGHTTP2_INTERNAL_ERROR),
  "says goodbye before the stream": ({ session }) => {
    session.goaway(NGHTTP2_NO_ERROR, 0);
    setImmediate(() => session.destroy());
  },
  "says goodbye after the stream": ({ id, session }) => {
    session.goaway(NGHTTP2_NO_ERROR, id);
    setImmediate(() => session.destroy());
  },
  "answers 421": (stream) =>
    stream.respond({ ":status": 421, "access-control-allow-origin": "*" }, { endStream: true }),
};

/** Headers of one connection, which HTTP/2 does not have. */
const OF_A_CONNECTION = ["connection", "keep-alive", "transfer-encoding", "upgrade"];

/** Starts it, with a certificate for this run. `spoilStart` takes one of the EVENTS, for the next start over HTTP/2. */
export async function startFront(api) {
  const { private: key, cert } = await generate([{ name: "commonName", value: "localhost" }]);
  const server = createSecureServer({ key, cert, allowHTTP1: true });
  const connections = new Set();
  let event;
  server.on("secureConnection", (connection) => {
    connections.add(connection);
    connection.on("close", () => connections.delete(connection));
    connection.on("error", () => {});
  });
  server.on("sessionError", () => {});
  server.on("request", (request, response) => {
    const { stream } = response;
    stream?.on("error", () => {});
    const { method } = request;
    const given = Object.entries(request.headers).filter(([name]) => !name.startsWith(":"));
    const forwarded = forward(`${api}${request.url}`, { method, headers: Object.fromEntries(given), agent: false });
    forwarded.on("response", (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => {
        if (method === "POST" && stream && event) {
          const happens = EVENTS[event];
          event = undefined;
          return happens(stream);
        }
        const passed = Object.entries(answer.headers).filter(([name]) => !OF_A_CONNECTION.includes(name));
        response.writeHead(answer.statusCode, Object.fromEntries(passed));
        response.end(Buffer.concat(chunks));
      });
    });
    forwarded.on("error", () => response.destroy());
    request.pipe(forwarded);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `https://localhost:${server.address().port}`,
    spoilStart(name) {
      if (!EVENTS[name]) throw new Error(`no event: ${name}`);
      event = name;
    },
    close() {
      for (const connection of connections) connection.destroy();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
