// HAProxy in front of a backend, over TLS: one port speaks HTTP/2, the other HTTP/1.1.
import { connect } from "node:net";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { HOST, PATIENCE, onFreePorts } from "./proxy.mjs";

/** Starts HAProxy in front of the backend's port. `global` and `defaults` are further keywords of these sections. */
export function startHAProxy(backend, options) {
  return onFreePorts(2, (proxy, ports) => start(proxy, ports, backend, options));
}

async function start(proxy, [http2, http1], backend, { global = "", defaults = "" } = {}) {
  await proxy.write(
    "haproxy.cfg",
    `
    global
      ${global}
    defaults
      mode http
      timeout connect 5s
      timeout client 60s
      timeout server 60s
      ${defaults}
    frontend front
      bind ${HOST}:${http2} ssl crt both.pem alpn h2
      bind ${HOST}:${http1} ssl crt both.pem alpn http/1.1
      default_backend api
    backend api
      server api ${HOST}:${backend}
    `
      .replaceAll(/^ {4}/gm, "")
      .concat("\n"),
  );
  const master = join(proxy.folder, "master");
  const once = async (act) => {
    await proxy.after(act, /Loading success/);
    await answered(master);
  };
  await once(() => proxy.start(process.env.HAPROXY, ["-W", "-db", "-S", master, "-f", "haproxy.cfg"]));
  return {
    http2: `https://localhost:${http2}`,
    http1: `https://localhost:${http1}`,
    /** Resolves once a new worker has taken over, and the former one accepts no more connections. */
    reload: () => proxy.after(() => once(() => proxy.signal("SIGUSR2")), /Proxy front stopped/),
    close: () => proxy.close(),
  };
}

/** Resolves once the master process answers: a signal that comes earlier is lost. */
async function answered(master) {
  const end = Date.now() + PATIENCE;
  while (!(await isAnswered(master))) {
    if (Date.now() > end) throw new Error("the master process of HAProxy does not answer");
    await setImmediate();
  }
}

function isAnswered(master) {
  return new Promise((resolve) => {
    const asked = connect(master, () => asked.write("show proc\n"));
    asked.once("data", () => {
      resolve(true);
      asked.destroy();
    });
    asked.setTimeout(PATIENCE, () => asked.destroy());
    asked.once("error", () => {});
    asked.once("close", () => resolve(false));
  });
}
