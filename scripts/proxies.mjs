// The proxies that tests put in front of the stand-in cloud. Only those tests need them, so a machine may lack them.
// Debian's packages are unpacked and not installed: installing nginx starts a web server on port 80, now and at each boot.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import * as apt from "./apt.mjs";
import { Failure, output, say, targetDir, which } from "./process.mjs";

const UNPACKED = join(targetDir, "proxies");

/** The programs, by the environment variables that name them. */
const PROXIES = { NGINX: "nginx", HAPROXY: "haproxy" };

/**
 * Finds the proxies, unpacks what is missing, and sets the environment variables to their paths. Returns why a test that needs
 * them cannot run, if so.
 */
export async function missingProxies() {
  const missing = () => Object.keys(PROXIES).filter((variable) => !find(variable));
  if (missing().some((variable) => !process.env[variable]) && apt.canUnpack()) {
    await apt.unpack(Object.values(PROXIES), UNPACKED, "the tests behind a proxy").catch((error) => {
      if (!(error instanceof Failure)) throw error;
      say(error.message);
    });
  }
  const names = missing().map((variable) => `${PROXIES[variable]} (${variable})`);
  return names.length ? `not found: ${names.join(", ")}` : undefined;
}

function find(variable) {
  const name = PROXIES[variable];
  const given = process.env[variable];
  const places = given ? [given] : [name, `/usr/sbin/${name}`, join(UNPACKED, "usr/sbin", name)];
  // An unpacked program may lack a library.
  const found = places.map(which).find((path) => path && output(path, ["-v"], proxyEnv()) !== undefined);
  if (found) process.env[variable] = found;
  return found;
}

/** What an unpacked program finds its libraries by. */
export function proxyEnv() {
  const libraries = [...folders(join(UNPACKED, "usr/lib")), process.env.LD_LIBRARY_PATH].filter(Boolean);
  return libraries.length ? { LD_LIBRARY_PATH: libraries.join(":") } : {};
}

function folders(parent) {
  try {
    return readdirSync(parent)
      .filter((name) => name.includes("-linux-gnu"))
      .map((name) => join(parent, name));
  } catch {
    return [];
  }
}
