// Installs Debian packages, if this is Debian and we have the right to.
import { Failure, output, run, say, which } from "./process.mjs";

const isRoot = () => process.getuid?.() === 0;

export function canInstall() {
  return Boolean(which("apt-get")) && (isRoot() || output("sudo", ["-n", "true"]) !== undefined);
}

export async function asRoot(command, args) {
  if (isRoot()) await run(command, args);
  else await run("sudo", ["-n", command, ...args]);
}

export async function install(packages, why) {
  const missing = packages.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  say(`installing Debian's ${missing.join(" ")}: ${why}`);
  const apt = (...args) => asRoot("env", ["DEBIAN_FRONTEND=noninteractive", ...args]);
  try {
    // An interrupted installation blocks the next one until dpkg has finished it.
    await apt("dpkg", "--configure", "-a");
    await apt("apt-get", "update", "-qq");
    // --no-remove: fail rather than remove a package of the machine's owner.
    await apt("apt-get", "install", "-qq", "-y", "--no-remove", "--no-install-recommends", ...missing);
  } catch (error) {
    throw new Failure(`${missing.join(" ")} could not be installed: ${error.message}`);
  }
}

function isInstalled(name) {
  return output("dpkg-query", ["-W", "-f=${db:Status-Status}", name]) === "installed";
}
