// Finds a Rust toolchain that can build for wasm32: the current toolchain, completed by rustup. If rustup cannot download
// anything, Debian's toolchain, with a standard library built from Debian's sources.
import { access, mkdir, mkdtemp, readFile, readdir, readlink, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as apt from "./apt.mjs";
import { Failure, output, run, say, which } from "./process.mjs";

const TARGET = "wasm32-unknown-unknown";
const DEBIAN_RUSTC = "/usr/bin/rustc";
const DEBIAN_TARGET = `/usr/lib/rustlib/${TARGET}`;
const DEBIAN_PACKAGES = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm", "lld-22"];
const DEBIAN_LINTS = ["rust-web-clippy", "rustfmt-web"];
// Security updates change Debian's Rust version. A standard library built by an older version does not link.
const BUILT_BY = "built-by-rustc";

let chosen;

/** Environment variables that make `cargo` the toolchain that `ensureRust` chose. */
export function cargoEnv() {
  if (!chosen) throw new Error("cargoEnv() before ensureRust()");
  return chosen;
}

export async function ensureRust({ lints = false } = {}) {
  await ensureC();
  chosen ??=
    (await usable(inUse())) ?? (await usable(debian())) ?? (await completedByRustup()) ?? (await builtFromDebian());
  if (lints) await ensureLints();
}

// rustc links with cc, and ring compiles its own C.
async function ensureC() {
  if (which("cc") || process.platform === "win32") return;
  await apt.install(["gcc", "libc6-dev"], "a C compiler, which Rust links with");
  if (which("cc")) return;
  throw new Failure("a C compiler (cc) is missing. On Debian and Ubuntu: apt install gcc libc6-dev");
}

const inUse = () => ({});

// If rustup is installed beside Debian's packages, rustup must be told which toolchain `cargo` means.
const debian = () =>
  which("rustup") ? { RUSTUP_TOOLCHAIN: "debian" } : { PATH: `${dirname(DEBIAN_RUSTC)}:${process.env.PATH}` };

async function usable(env) {
  const libdir = output("rustc", ["--print", "target-libdir", "--target", TARGET], env);
  if (!libdir) return;
  const files = await readdir(libdir).catch(() => []);
  if (!files.some((name) => /^libstd-.*\.rlib$/.test(name))) return;
  const builtBy = await readFile(join(libdir, BUILT_BY), "utf8").catch(() => undefined);
  if (builtBy === undefined || builtBy === output("rustc", ["--version"], env)) return env;
}

async function completedByRustup() {
  if (!which("rustup") || !output("rustc", ["--version"])) return;
  say(`adding rustup's target ${TARGET}: the library is built for it`);
  try {
    await run("rustup", ["target", "add", TARGET], { env: { RUST_BACKTRACE: "0" } });
  } catch {
    say("rustup cannot fetch it here");
    return;
  }
  return await usable(inUse());
}

async function builtFromDebian() {
  const why = `Rust with sources, to build for ${TARGET} without rustup`;
  if (!apt.canInstall() || !(await apt.install(DEBIAN_PACKAGES, why))) {
    throw new Failure(
      `Rust's target ${TARGET} is missing, and cannot be installed from here.\n` +
        `With rustup (https://rustup.rs): rustup target add ${TARGET}\n` +
        "Or run this again as root on Debian, where it can be built from Debian's sources.",
    );
  }
  await buildStandardLibrary();
  await linkIntoRustup();
  const env = await usable(debian());
  if (!env) throw new Failure(`${DEBIAN_RUSTC} still has no standard library for ${TARGET} in ${DEBIAN_TARGET}`);
  return env;
}

async function buildStandardLibrary() {
  const version = output(DEBIAN_RUSTC, ["--version"]);
  if ((await readFile(join(DEBIAN_TARGET, "lib", BUILT_BY), "utf8").catch(() => "")) === version) return;
  say(`building Rust's standard library for ${TARGET} from Debian's sources: Debian has no package of it (a minute)`);
  const crate = await mkdtemp(join(tmpdir(), "wasm32-std-"));
  try {
    await mkdir(join(crate, "src"));
    await writeFile(join(crate, "src/lib.rs"), "");
    await writeFile(
      join(crate, "Cargo.toml"),
      '[package]\nname = "seed"\nversion = "0.0.0"\nedition = "2024"\n' +
        '[profile.release]\npanic = "abort"\nopt-level = "s"\n[workspace]\n',
    );
    await run(
      join(dirname(DEBIAN_RUSTC), "cargo"),
      ["build", "--release", "--target", TARGET, "-Zbuild-std=std,panic_abort,test"],
      {
        cwd: crate,
        env: {
          PATH: "/usr/bin:/bin",
          RUSTC_BOOTSTRAP: "1",
          CARGO_TARGET_DIR: join(crate, "target"),
          RUSTUP_TOOLCHAIN: undefined,
          RUSTC: undefined,
          RUSTFLAGS: undefined,
        },
      },
    );
    const built = join(crate, "target", TARGET, "release/deps");
    const rlibs = (await readdir(built)).filter((name) => name.endsWith(".rlib") && !name.startsWith("libseed-"));
    const lib = join(crate, "finished/lib");
    await mkdir(lib, { recursive: true });
    await writeFile(join(lib, BUILT_BY), version);
    await putIntoPlace(
      dirname(lib),
      rlibs.map((name) => join(built, name)),
    );
  } finally {
    await rm(crate, { recursive: true, force: true });
  }
}

// Renames the finished folder at the end: an interrupted copy must not look like a standard library.
async function putIntoPlace(folder, rlibs) {
  const sibling = `${DEBIAN_TARGET}.new`;
  await apt.asRoot("cp", ["--target-directory", join(folder, "lib"), ...rlibs]);
  await apt.asRoot("rm", ["-rf", sibling]);
  await apt.asRoot("cp", ["-r", folder, sibling]);
  await apt.asRoot("chown", ["-R", "root:root", sibling]);
  await apt.asRoot("rm", ["-rf", DEBIAN_TARGET]);
  await apt.asRoot("mv", ["--no-target-directory", sibling, DEBIAN_TARGET]);
}

async function linkIntoRustup() {
  if (!which("rustup")) return;
  const toolchains = join(process.env.RUSTUP_HOME ?? join(homedir(), ".rustup"), "toolchains");
  const linked = await readlink(join(toolchains, "debian")).catch(() => undefined);
  if (linked === "/usr") return;
  say("linking Debian's Rust into rustup as the toolchain `debian`");
  await run("rustup", ["toolchain", "link", "debian", "/usr"]);
}

async function ensureLints() {
  const bin = join(output("rustc", ["--print", "sysroot"], chosen), "bin");
  const has = (name) =>
    access(join(bin, name)).then(
      () => true,
      () => false,
    );
  if ((await has("cargo-clippy")) && (await has("rustfmt"))) return;
  if (chosen.RUSTUP_TOOLCHAIN === "debian" || bin === dirname(DEBIAN_RUSTC)) {
    if (await apt.install(DEBIAN_LINTS, "clippy and rustfmt, to check the code")) return;
  } else if (which("rustup")) {
    say("adding rustup's clippy and rustfmt: to check the code");
    return await run("rustup", ["component", "add", "clippy", "rustfmt"]);
  }
  throw new Failure("clippy and rustfmt are missing: install them for the Rust that is in use");
}
