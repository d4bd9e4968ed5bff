// Writes THIRD-PARTY-LICENSES: the licenses of the crates that are linked into the WebAssembly module.
//   node scripts/licenses.mjs [--check]
// With --check: fails if the file is not up to date. cargo-about does the same, but takes minutes to build.
import { readFile, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { Failure, asCommand, output, root } from "./process.mjs";
import { cargoEnv, setup } from "./setup.mjs";

const FILE = join(root, "THIRD-PARTY-LICENSES");
const TARGET = "wasm32-unknown-unknown";
const PACKAGE = "premium-recorder";

/** Licenses that only ask for their text to be passed on. */
const ALLOWED = ["MIT", "Apache-2.0", "BSD-3-Clause", "Unicode-3.0", "Unlicense"];
const TEXTS = /^(licen[cs]e|copying|copyright|notice|unlicense)/i;

const HEAD = `The WebAssembly module of premium-recorder (premium_recorder_bg.wasm) is built from these Rust crates and the Rust
standard library. premium-recorder uses a crate with several licenses under the MIT license, if that is one of them.
`;

/** The standard library has no crate to read. */
const STANDARD_LIBRARY = "Rust standard library (MIT OR Apache-2.0)";

export async function licenses({ check = false } = {}) {
  const fresh = await noticesOf(linkedCrates());
  if (!check) return writeFile(FILE, fresh);
  if ((await readFile(FILE, "utf8").catch(() => "")) === fresh) return;
  throw new Failure("THIRD-PARTY-LICENSES is not up to date: run node scripts/licenses.mjs");
}

/** Procedural macros are left out: they run when the module is built. */
function linkedCrates() {
  const graph = ["--locked", "--package", PACKAGE, "--target", TARGET, "--edges", "normal,no-proc-macro"];
  const tree = cargo(["tree", ...graph, "--prefix", "none", "--format", "{p}"]);
  const linked = new Set(tree.split("\n").map((line) => line.split(" ").slice(0, 2).join(" ")));
  const { packages } = JSON.parse(cargo(["metadata", "--locked", "--format-version", "1"]));
  return packages
    .filter(({ name, version }) => name !== PACKAGE && linked.has(`${name} v${version}`))
    .sort((one, other) => (`${one.name} ${one.version}` < `${other.name} ${other.version}` ? -1 : 1));
}

function cargo(args) {
  const text = output("cargo", args, cargoEnv());
  if (text === undefined) throw new Failure(`cargo ${args.join(" ")} failed`);
  return text;
}

/** Each text once, with the crates that it belongs to. */
async function noticesOf(crates) {
  const owners = new Map([[mit("The Rust Project Contributors"), [STANDARD_LIBRARY]]]);
  for (const crate of crates) {
    for (const text of await textsOf(crate)) {
      owners.set(text, [...(owners.get(text) ?? []), `${crate.name} ${crate.version} (${crate.license})`]);
    }
  }
  const rule = "-".repeat(80);
  const notices = Array.from(owners, ([text, names]) => `${rule}\n${names.join("\n")}\n\n${text}\n`);
  return [HEAD, ...notices].join("\n");
}

async function textsOf({ name, license, authors, manifest_path: manifest }) {
  const unknown = license.split(/\s+(?:OR|AND)\s+|[()/]/).filter((each) => each && !ALLOWED.includes(each));
  if (unknown.length) throw new Failure(`${name} has the license ${unknown.join()}: read it, and add it to ALLOWED`);
  const folder = dirname(manifest);
  const files = (await readdir(folder)).filter((file) => TEXTS.test(file)).sort();
  const isMit = files.some((file) => /mit/i.test(file));
  const chosen = files.filter((file) => !isMit || !/apache|unlicense|copying/i.test(file));
  const texts = await Promise.all(chosen.map((file) => readFile(join(folder, file), "utf8")));
  if (texts.length) return texts.map(normalized);
  if (!/\bMIT\b/.test(license)) throw new Failure(`${name} has no license file`);
  return [mit(authors.map((author) => author.replace(/ <.*>/, "")).join(", ") || `the authors of ${name}`)];
}

function normalized(text) {
  return text
    .replace(/\r/g, "")
    .replace(/[ \t]+$/gm, "")
    .replace(/^\n+|\n+$/g, "");
}

function mit(holder) {
  return `Copyright (c) ${holder}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software
is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES
OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE
LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR
IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;
}

asCommand(import.meta, async () => {
  const { values } = parseArgs({ options: { check: { type: "boolean" } } });
  await setup();
  await licenses(values);
});
