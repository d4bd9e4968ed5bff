// Builds dist/: the WebAssembly module, its generated glue, and the hand-written JavaScript API.
//   node scripts/build.mjs [--features NAMES] [--out DIR]
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { nameByLikeness } from "./function-order.mjs";
import { Failure, asCommand, output, root, run, say, targetDir } from "./process.mjs";
import { bindgen, cargoEnv, setup } from "./setup.mjs";

const INPUTS = [
  "Cargo.toml",
  "Cargo.lock",
  ".cargo/config.toml",
  "package-lock.json",
  "scripts/build.mjs",
  "scripts/function-order.mjs",
  "src",
];
const MODULE = "premium_recorder_bg.wasm";
const GLUE = "premium_recorder.js";
/** The library with panics that a test can trigger. Only the panic tests use this build. */
export const PANICKING = { features: "panic-on-purpose", out: join(targetDir, "panic-on-purpose/dist") };
/** Runs in its own page. It is a file because a content security policy may forbid inline scripts. */
const CALLBACK = "callback.js";
/** Entries of the package beside index.js, which only some apps import. */
const ENTRIES = ["contracts.js", "platform-sdk.js"];
const STAMP = ".build";
/** The size of the stack at the beginning of the module's memory. Calls use about 4 kB of it; the default is 1 MiB. */
const STACK_BYTES = 128 * 1024;
/** What LLVM's inliner counts for each instruction of a function. With its default of 5, the module is 0.5 % larger. */
const INLINED_INSTRUCTION_COST = 6;
/** Chromium compiles all functions of the file while it loads it: https://v8.dev/blog/explicit-compile-hints */
const COMPILE_HINT = "//# allFunctionsCalledOnLoad";

// wasm-opt may use only these features: other features do not run in every supported browser.
const WASM_FEATURES = [
  "bulk-memory",
  "nontrapping-float-to-int",
  "sign-ext",
  "mutable-globals",
  "reference-types",
  "multivalue",
];

export async function build({ features = "", out = "dist", target = targetDir } = {}) {
  const dist = resolve(root, out);
  await setup();
  const stamp = await hashOfInputs(features);
  if ((await readFile(join(dist, STAMP), "utf8").catch(() => "")) === stamp) return;

  say(`building ${out}: Rust to WebAssembly`);
  // Builds with other features have their own folder, so that the published build never picks them up.
  const built = join(target, features);
  const wasm = join(built, "wasm32-unknown-unknown/release/premium_recorder.wasm");
  await run(
    "cargo",
    ["build", "--release", "--locked", "--target", "wasm32-unknown-unknown", "--lib", "--features", features],
    // In this form, a path in a flag may have spaces.
    { env: { ...cargoEnv(), CARGO_TARGET_DIR: built, CARGO_ENCODED_RUSTFLAGS: rustFlags().join("\x1f") } },
  );

  const fresh = join(dirname(dist), `.dist-${process.pid}`);
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true });
  try {
    await run(bindgen, [wasm, "--target", "web", "--no-typescript", "--out-dir", fresh]);
    say(`building ${out}: WebAssembly made small`);
    await shrinkModule(join(fresh, MODULE), join(fresh, GLUE));
    await wrapGlue(join(fresh, GLUE));
    await addDoor(fresh);
    await bundleScripts(fresh);
    await writeFile(join(fresh, STAMP), stamp);
    await replace(dist, fresh);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

function rustFlags() {
  const cargoHome = process.env.CARGO_HOME ?? join(homedir(), ".cargo");
  return [
    ...(process.env.RUSTFLAGS ?? "").split(/\s+/).filter(Boolean),
    // A panic's message contains a source path. For a dependency, that path would reveal the home directory of the builder.
    `--remap-path-prefix=${join(cargoHome, "registry/src")}=`,
    `-Clink-arg=-zstack-size=${STACK_BYTES}`,
    `-Cllvm-args=-inline-instr-cost=${INLINED_INSTRUCTION_COST}`,
  ];
}

async function hashOfInputs(features) {
  const hash = createHash("sha256")
    .update(features)
    .update(rustFlags().join())
    .update(output("rustc", ["--version"], cargoEnv()));
  for (const input of INPUTS) {
    for (const path of await filesIn(join(root, input))) {
      hash.update(`\0${relative(root, path)}\0`).update(await readFile(path));
    }
  }
  return hash.digest("hex");
}

/** The files of a folder, or the file itself, in a stable order. */
export async function filesIn(path) {
  if (!(await stat(path)).isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

async function shrinkModule(module, glue) {
  const text = `${module}.wat`;
  await binaryen("wasm-dis", [module, "-o", text]);
  await shortenNames(text, glue);
  await binaryen("wasm-opt", [
    text,
    // Larger as it is, and 1 kB smaller compressed than with -Oz.
    "-O2",
    "--shrink-level=2",
    "--converge",
    // Inlining every function with one caller makes the file smaller, but 3 kB larger when compressed.
    "--one-caller-inline-max-function-size=30",
    "--debuginfo",
    "--emit-text",
    "-o",
    text,
  ]);
  await writeFile(text, nameByLikeness(await readFile(text, "utf8")));
  await binaryen("wasm-opt", [
    text,
    "--reorder-functions-by-name",
    "--strip-producers",
    "--strip-debug",
    "--strip-target-features",
    "-o",
    module,
  ]);
  await rm(text);
}

// The names that wasm-bindgen gives to imports and exports end in a hash, which does not compress. A number does. A hash of
// all of these names replaces the name that imports are from, so that a module of another version still fails to link.
async function shortenNames(text, glue) {
  const wat = await readFile(text, "utf8");
  const names = [...new Set(Array.from(wat.matchAll(/ "(\w+_h?[0-9a-f]{16})"/g), ([, name]) => name))];
  const version = createHash("sha256").update(names.join()).digest("hex").slice(0, 8);
  const shortened = (code) =>
    code
      .replace(/\b\w+_h?[0-9a-f]{16}\b/g, (name) => (names.includes(name) ? `_${names.indexOf(name)}` : name))
      .replaceAll("./premium_recorder_bg.js", version);
  await writeFile(text, shortened(wat));
  await writeFile(glue, shortened(await readFile(glue, "utf8")));
}

function binaryen(command, args) {
  const features = WASM_FEATURES.map((name) => `--enable-${name}`);
  return run(process.execPath, [join(root, "node_modules/binaryen/bin", command), ...args, ...features]);
}

// Wraps the glue in a function, so that src/js/instance.js can give each instance of the module its own glue. A timer or the
// garbage collector may still call the glue of a panicked instance, which must not call into the next instance.
async function wrapGlue(path) {
  const { build: bundle } = await import("esbuild");
  const glue = await readFile(path, "utf8");
  const { outputFiles } = await bundle({
    stdin: {
      contents: glue.replace(
        /^export \{.*\};$/m,
        "export { __wbg_get_imports as imports, __wbg_finalize_init as run };",
      ),
    },
    bundle: true,
    write: false,
    format: "esm",
    logLevel: "warning",
  });
  const exported = /^export \{([^}]*)\};\s*$/m;
  const body = outputFiles[0].text.replace(
    exported,
    (_, names) => `return {${names.replace(/(\w+) as (\w+)/g, "$2: $1")}};`,
  );
  // The glue calls these functions of src/js/instance.js by their names.
  const names =
    "settle, waitFor, startTimer, outside, abortController, forgetController, openChannel, listenForMessages, end, recordingFields, requestLock, requestWebLock, isWebLockHeld, exchange, streamsBodies, isFetchReplaced, nextTask";
  await writeFile(path, `export function glue({ ${names} }) {\n${body}\n}\n`);
}

async function addDoor(dist) {
  const door = join(root, "src/js");
  for (const path of await filesIn(door)) {
    const copy = join(dist, relative(door, path));
    await mkdir(dirname(copy), { recursive: true });
    await writeFile(copy, await readFile(path));
  }
}

// Bundles into one file: a page without a bundler would otherwise fetch the files one after another.
async function bundleScripts(dist) {
  const { build: bundle } = await import("esbuild");
  const { minify } = await import("terser");
  const alone = [CALLBACK, ...ENTRIES].map((name) => join(dist, name));
  const sources = (await filesIn(dist)).filter((name) => name.endsWith(".js") && !alone.includes(name));
  const entry = join(dist, "index.js");
  const { outputFiles } = await bundle({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    sourcemap: "external",
    outfile: entry,
    allowOverwrite: true,
    logLevel: "warning",
    // With top-level await, every importer would have to wait for the module.
    supported: { "top-level-await": false },
  });
  const [bundleMap, { text: bundled }] = outputFiles;
  const { code, map } = await minify(bundled, {
    module: true,
    ecma: 2022,
    // An inlined function would be made anew at each call: copying the options of a call then takes 1.6 times as long.
    compress: { passes: 2, hoist_funs: true, reduce_funcs: false },
    format: { comments: false, preamble: COMPILE_HINT },
    // So that a reviewer reads the source. A page does not load the map.
    sourceMap: {
      content: bundleMap.text,
      includeSources: true,
      root: "premium-recorder",
      filename: basename(entry),
      url: `${basename(entry)}.map`,
    },
  });
  refuse(code, /\bimport\b[^;]*?["'][^"']*\.wasm["']/, "imports a .wasm file, which only some bundlers can");
  refuse(code, /\beval\s*\(|\bnew\s+Function\b/, "runs text as code, which a content security policy forbids");
  // Bundlers look for exactly this expression, to find the module and copy it.
  const literal = new RegExp(`new URL\\(["']${MODULE}["'],\\s*import\\.meta\\.url\\)`);
  if (!literal.test(code)) {
    throw new Failure(`index.js no longer names the module as new URL("${MODULE}", import.meta.url)`);
  }
  for (const path of sources) await rm(path);
  await writeFile(entry, code);
  await writeFile(`${entry}.map`, map);
}

function refuse(code, pattern, why) {
  const found = code.match(pattern)?.[0];
  if (found) throw new Failure(`index.js ${why}: ${found.slice(0, 100)}`);
}

// Replaces by renaming, so that a failed or interrupted build leaves the old files intact.
async function replace(dist, fresh) {
  const old = `${fresh}-old`;
  await rename(dist, old).catch((error) => {
    if (error.code !== "ENOENT") throw error;
  });
  await rename(fresh, dist);
  await rm(old, { recursive: true, force: true });
}

asCommand(import.meta, async () => {
  const { values } = parseArgs({ options: { features: { type: "string" }, out: { type: "string" } } });
  await build(values);
});
