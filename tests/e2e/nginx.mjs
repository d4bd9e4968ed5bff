// nginx in front of a backend, over TLS: one port speaks HTTP/2, the other HTTP/1.1.
import { HOST, onFreePorts } from "./proxy.mjs";

/**
 * Starts nginx in front of the backend's port. `main`, `http` and `location` are further directives of these contexts. `servers`: how often
 * the backend is listed.
 */
export function startNginx(backend, options) {
  return onFreePorts(2, (proxy, ports) => start(proxy, ports, backend, options));
}

async function start(proxy, [http2, http1], backend, { main = "", http = "", location = "", servers = 1 } = {}) {
  await proxy.write(
    "nginx.conf",
    `
    daemon off;
    worker_processes 1;
    pid nginx.pid;
    error_log stderr notice;
    ${process.getuid() === 0 ? "user root;" : ""}
    ${main}
    events {}
    http {
      access_log off;
      ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${name};`).join(" ")}
      ssl_certificate cert.pem;
      ssl_certificate_key key.pem;
      ${http}
      upstream backend {
        ${`server ${HOST}:${backend} max_fails=0; `.repeat(servers)}
        keepalive 8;
      }
      server {
        listen ${HOST}:${http2} ssl http2;
        listen ${HOST}:${http1} ssl;
        location / {
          proxy_pass http://backend;
          proxy_http_version 1.1;
          proxy_set_header Connection "";
          ${location}
        }
      }
    }
    `,
  );
  let worker;
  /** Does this, after which nginx starts a worker. */
  const renew = async (act) => (worker = Number(await proxy.after(act, /start worker process (\d+)/)));
  const run = () =>
    renew(() => proxy.start(process.env.NGINX, ["-p", proxy.folder, "-c", "nginx.conf", "-e", "stderr"]));
  await run();
  return {
    http2: `https://localhost:${http2}`,
    http1: `https://localhost:${http1}`,
    /** Kills the worker, as the kernel does when memory runs out. nginx starts another one. */
    killWorker: () => renew(() => process.kill(worker, "SIGKILL")),
    /** Resolves once the former worker accepts no more connections. */
    reload() {
      const stops = new RegExp(`\\b${worker}#\\d+: gracefully shutting down`);
      return proxy.after(() => renew(() => proxy.signal("SIGHUP")), stops);
    },
    stop: () => proxy.stop(),
    start: run,
    close: () => proxy.close(),
  };
}
