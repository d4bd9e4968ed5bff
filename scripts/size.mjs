// Prints the sizes of the files in dist/, uncompressed and compressed as web servers send them.
import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build, filesIn } from "./build.mjs";
import { asCommand, root } from "./process.mjs";

/** Sizes in bytes: of each file that a page loads, of all these files together, and of the type declarations. */
export async function sizes(dist = join(root, "dist")) {
  const paths = (await filesIn(dist)).filter((path) => !relative(dist, path).startsWith("."));
  const files = await Promise.all(paths.map(async (path) => weigh(relative(dist, path), await readFile(path))));
  const shipped = files.filter(({ name }) => !name.endsWith(".d.ts") && !name.startsWith("callback."));
  const sum = (key) => shipped.reduce((total, file) => total + file[key], 0);
  return {
    files: shipped,
    total: { name: "what a page loads", raw: sum("raw"), gzip: sum("gzip"), brotli: sum("brotli") },
    types: files.filter(({ name }) => name.endsWith(".d.ts")),
  };
}

function weigh(name, bytes) {
  const brotli = brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  });
  return { name, raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotli.length };
}

const row = (cells) => cells.map((cell, i) => (i ? String(cell).padStart(9) : cell.padEnd(28))).join(" ");
const rowOf = ({ name, raw, gzip, brotli }) => row([name, raw, gzip, brotli]);

asCommand(import.meta, async () => {
  await build();
  const { files, total, types } = await sizes();
  console.log(row(["bytes", "raw", "gzip -9", "brotli 11"]));
  files.forEach((file) => console.log(rowOf(file)));
  console.log(rowOf(total));
  types.forEach((file) => console.log(rowOf({ ...file, name: `${file.name} (types)` })));
});
