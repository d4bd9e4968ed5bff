// The servers for `npm start` and the end-to-end tests: the stand-in cloud, whose apps origin serves the host shell, and the
// vendor's web server on another site, which serves the Premium App and the built package.
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { cp, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cloudArguments, cloudProgram } from "./cloud.mjs";
import { HOST, OTHER_SITE, mustBeFree, portsFrom, serveOn } from "./ports.mjs";
import { regions } from "../www/shared/regions.js";
import { Failure, eachLine, root } from "./process.mjs";

/** The id of the vendor's OAuth client in the stand-in cloud. */
export const CLIENT_ID = "c11e1700-0000-4000-8000-000000000000";
const CALLBACK = "/premium-recorder/callback.html";
const APP = "/";
/** The typeface of both pages. */
const INTER = "node_modules/@fontsource-variable/inter/files";

/**
 * Serves the built files until `close()`. `ended` resolves when the cloud has ended, and rejects if the cloud failed.
 * Each server has to know the other's address. The app reads the cloud's address in the app's /config.json. The host shell
 * reads the app's address in the shell's /config.json, and the cloud's address in the app's /config.json. The vendor's
 * server has two names: `appOrigin` on another site than the host shell, and `neighbourOrigin` on the same site. A sign-in
 * may return to `redirectPaths` on both.
 */
export async function serve({ port = 0, quiet = true, redirectPaths = [CALLBACK, APP] } = {}) {
  const ports = portsFrom(port);
  await mustBeBuilt(cloudProgram, join(root, "dist"));
  await mustBeFree(Object.values(ports));

  const vendor = await vendorServer(ports.app);
  let shell;
  try {
    shell = await hostShell(vendor.origin);
    const redirectUris = [vendor.origin, vendor.neighbour].flatMap((origin) =>
      redirectPaths.flatMap((path) => ["--redirect-uri", `${origin}${path}`]),
    );
    const cloud = await startCloud(["--apps-dir", shell, ...cloudArguments(ports), ...redirectUris], quiet);
    vendor.announce(cloud.environment);
    return {
      url: `${cloud.environment.apps}/`,
      appOrigin: vendor.origin,
      neighbourOrigin: vendor.neighbour,
      cloud: cloud.environment,
      ended: cloud.ended,
      async close() {
        await Promise.all([cloud.close(), vendor.close()]);
        await rm(shell, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await vendor.close();
    if (shell) await rm(shell, { recursive: true, force: true });
    throw error;
  }
}

async function mustBeBuilt(...paths) {
  for (const path of paths) {
    await stat(path).catch(() => {
      throw new Failure(`${path} is not there: run npm test or npm start, which build it`);
    });
  }
}

async function vendorServer(port) {
  const { default: sirv } = await import("sirv");
  const app = files(sirv, "www/app");
  const folders = {
    "/premium-recorder": files(sirv, "dist"),
    "/client-app-sdk": files(sirv, "node_modules/purecloud-client-app-sdk/dist"),
    "/inter": files(sirv, INTER),
    "/shared": files(sirv, "www/shared"),
  };
  let environment;

  const handler = (request, response) => {
    const notFound = () => response.writeHead(404, { "content-type": "text/plain" }).end("not found\n");
    const [pathname] = request.url.split("?");
    // sirv throws if a range ends before it begins. No page needs ranges.
    delete request.headers.range;
    if (pathname === "/config.json") return config(response, environment);
    const folder = Object.keys(folders).find((name) => pathname.startsWith(`${name}/`));
    if (!folder) return app(request, response, notFound);
    // The callback page gets authorization codes, so it may run only its own script.
    if (pathname === CALLBACK) response.setHeader("content-security-policy", "default-src 'none'; script-src 'self'");
    request.url = request.url.slice(folder.length);
    folders[folder](request, response, notFound);
  };
  const server = await serveOn(handler, { port });
  return {
    origin: `http://${OTHER_SITE}:${server.port}`,
    neighbour: `http://${HOST}:${server.port}`,
    announce: (entry) => (environment = entry),
    close: server.close,
  };
}

// `dev` reads files for each request, so that a build or an edit shows on the next reload.
function files(sirv, folder) {
  return sirv(join(root, folder), {
    dev: true,
    setHeaders: (response) => response.setHeader("cache-control", "no-store"),
  });
}

function config(response, environment) {
  response.writeHead(environment ? 200 : 503, {
    "content-type": "application/json",
    "cache-control": "no-store",
    "access-control-allow-origin": "*",
  });
  if (!environment) return response.end();
  const environments = [environment, ...regions.map(({ name }) => ({ ...environment, name }))];
  response.end(JSON.stringify({ environments, login: { clientId: CLIENT_ID } }));
}

// A copy with a config.json: the cloud serves one folder unchanged, and the app's address is known only now.
async function hostShell(app) {
  const shell = await mkdtemp(join(tmpdir(), "premium-recorder-host-"));
  // An exception ends this process without close().
  process.once("exit", () => rmSync(shell, { recursive: true, force: true }));
  await cp(join(root, "www/host"), shell, { recursive: true });
  await cp(join(root, "www/shared"), join(shell, "shared"), { recursive: true });
  await cp(join(root, INTER), join(shell, "inter"), { recursive: true });
  await writeFile(join(shell, "config.json"), JSON.stringify({ app }));
  return shell;
}

async function startCloud(args, quiet) {
  const child = spawn(cloudProgram, args, { stdio: ["ignore", "pipe", "pipe"] });
  let words = "";
  eachLine(child.stderr, (line) => {
    words = `${words}${line}\n`.slice(-4000);
    if (!quiet) process.stderr.write(`${line}\n`);
  });
  // Ctrl-C reaches both the cloud and this process. The cloud then exits with 0.
  const ended = new Promise((resolve, reject) => {
    child.once("error", (error) => reject(new Failure(`the cloud cannot run: ${error.message}`)));
    child.once("close", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Failure(`the cloud ended with ${signal ?? `exit code ${code}`}\n${words}`));
    });
  });
  ended.catch(() => {});
  // An exception ends this process without close().
  const kill = () => child.kill();
  process.once("exit", kill);
  child.once("close", () => process.off("exit", kill));

  const ready = new Promise((resolve) => {
    eachLine(child.stdout, (line) => {
      const entry = line.match(/^cloud {2}(\{.*\})$/)?.[1];
      if (entry) resolve(JSON.parse(entry));
    });
  });
  const environment = await Promise.race([ready, ended]);
  if (!environment) throw new Failure(`the cloud ended before it was ready\n${words}`);
  return {
    environment,
    ended,
    async close() {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
      await ended.catch(() => {});
      clearTimeout(timer);
    },
  };
}
