// Keeps docs/bundlers.md in step with the projects here: its versions and its code are theirs.
//   node tests/pack/document.mjs   writes them into the document
import { readFile, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { asCommand, root } from "../../scripts/process.mjs";

const DOCUMENT = join(root, "docs/bundlers.md");

/** The rows of the table: tool, project, the package whose version it is, what an app adds, the document's section. */
const TOOLS = [
  ["No bundler, module worker", "plain", undefined, "an import map", "without-a-bundler"],
  ["Vite 8: build, dev server, worker", "vite", "vite", "nothing", "vite"],
  ["Vite 7: dev server", "vite-7", "vite", "one line", "vite"],
  ["webpack", "webpack", "webpack", "nothing", "webpack-and-rspack"],
  ["Rspack", "rspack", "@rspack/core", "nothing", "webpack-and-rspack"],
  ["Next.js: Turbopack, webpack", "next", "next", "nothing", "nextjs"],
  ["Angular CLI: build, serve", "angular", "@angular/cli", "one line", "angular"],
  ["Parcel", "parcel", "parcel", "nothing", "parcel"],
  ["Rollup", "rollup", "rollup", "a plugin, or a copy", "rollup"],
  ["esbuild", "esbuild", "esbuild", "a copy", "esbuild"],
  ["Vitest: node, jsdom", "vitest", "vitest", "the module's bytes", "node-vitest-and-jest"],
];

const GENERATED = /^<!-- from (\S+?)(?:: (\S+))? -->\n[^]*?^<!-- end -->$/gm;

/** The document as it is, and as the projects say that it should be. */
export async function document() {
  const text = await readFile(DOCUMENT, "utf8");
  const blocks = Array.from(text.matchAll(GENERATED));
  let fresh = text;
  for (const [block, source, name] of blocks) {
    const content = source === "tests/pack/*/package.json" ? await table() : await code(source, name);
    const [head] = block.split("\n");
    fresh = fresh.replace(block, () => `${head}\n\n${content}\n\n<!-- end -->`);
  }
  return { text, fresh, sources: blocks.map(([, source]) => source) };
}

async function table() {
  const rows = await Promise.all(
    TOOLS.map(async ([tool, project, name, added, section]) => {
      const { devDependencies } = JSON.parse(await readFile(join(root, "tests/pack", project, "package.json"), "utf8"));
      return `| [${tool}](#${section}) | ${name ? devDependencies[name] : ""} | ${added} |`;
    }),
  );
  return ["| Tool | Tested version | What you add |", "| --- | --- | --- |", ...rows].join("\n");
}

/** A file, or its region, or what is at a dotted name in a JSON file. */
async function code(source, name) {
  const text = await readFile(join(root, source), "utf8");
  if (name === "importmap") return fenced("html", text.match(/^ *<script type="importmap">[^]*?<\/script>/m)[0]);
  const region = text.match(/^ *\/\/ #region\n([^]*?)^ *\/\/ #endregion$/m)?.[1];
  if (!name) return fenced(extname(source).slice(1), region ?? text);
  const value = name.split(".").reduce((object, key) => object[key], JSON.parse(text));
  if (typeof value === "string") return fenced("sh", value.replaceAll(" && ", "\n"));
  return fenced("json", `"${name.split(".").at(-1)}": ${JSON.stringify(value, undefined, 2)}`);
}

/** tests/e2e/samples.test.mjs runs the samples that are marked as js, jsx or html. These are run here. */
const LANGUAGES = { js: "javascript", jsx: "javascript", html: "xhtml" };

function fenced(extension, code) {
  const language = LANGUAGES[extension] ?? extension;
  const indent = Math.min(...code.match(/^ *(?=\S)/gm).map(({ length }) => length));
  const text = code.replace(new RegExp(`^ {${indent}}`, "gm"), "").trim();
  return `\`\`\`${language}\n${text}\n\`\`\``;
}

asCommand(import.meta, async () => writeFile(DOCUMENT, (await document()).fresh));
