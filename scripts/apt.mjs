// Installs Debian packages, if this is Debian and we have the right to. Unpacks them without that right.
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Failure, output, run, say, which } from "./process.mjs";

const isRoot = () => process.getuid?.() === 0;

export function canInstall() {
  return Boolean(which("apt-get")) && (isRoot() || output("sudo", ["-n", "true"]) !== undefined);
}

export async function asRoot(command, args) {
  if (isRoot()) await run(command, args);
  else await run("sudo", ["-n", command, ...args]);
}

/** Returns whether the packages are installed. Says why not, if the installation fails. */
export async function install(packages, why) {
  const missing = packages.filter((name) => !isInstalled(name));
  if (missing.length === 0) return true;
  if (!canInstall()) return false;
  say(`installing Debian's ${missing.join(" ")}: ${why}`);
  const apt = (...args) => asRoot("env", ["DEBIAN_FRONTEND=noninteractive", ...args]);
  try {
    // An interrupted installation blocks the next one until dpkg has finished it.
    await apt("dpkg", "--configure", "-a");
    await apt("apt-get", "update", "-qq");
    // --no-remove: fail rather than remove a package of the machine's owner.
    await apt("apt-get", "install", "-qq", "-y", "--no-remove", "--no-install-recommends", ...missing);
    return true;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    say(`${missing.join(" ")} could not be installed: ${error.message}`);
    return false;
  }
}

/** Whether packages can be unpacked: apt needs no right to download. */
export function canUnpack() {
  return Boolean(which("apt-get") && which("dpkg-deb"));
}

/**
 * Unpacks packages into a folder, with what they depend on and the machine lacks. No script of a package runs, so no service
 * starts, now or at the next boot.
 */
export async function unpack(packages, folder, why) {
  say(`unpacking Debian's ${packages.join(" ")} into ${folder}: ${why}`);
  await mkdir(dirname(folder), { recursive: true });
  const work = await mkdtemp(`${folder}-`);
  try {
    const archives = join(work, "archives");
    await mkdir(join(archives, "partial"), { recursive: true });
    if (canInstall()) await asRoot("apt-get", ["update", "-qq"]);
    const settings = { "Dir::Cache::archives": archives, "Debug::NoLocking": true, "APT::Sandbox::User": "root" };
    const options = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
    const args = ["install", "--download-only", "-qq", "-y", "--no-remove", "--no-install-recommends"];
    await run("apt-get", [...args, ...options, ...packages]);
    const tree = join(work, basename(folder));
    for (const name of (await readdir(archives)).filter((name) => name.endsWith(".deb"))) {
      await run("dpkg-deb", ["--extract", join(archives, name), tree]);
    }
    // In one step, so that an interrupted download is repeated.
    await rm(folder, { recursive: true, force: true });
    await rename(tree, folder);
  } catch (error) {
    throw new Failure(`${packages.join(" ")} could not be unpacked: ${error.message}`);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function isInstalled(name) {
  return output("dpkg-query", ["-W", "-f=${db:Status-Status}", name]) === "installed";
}
