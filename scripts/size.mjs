// Prints the sizes of the files in dist/, uncompressed and compressed as web servers send them.
//   npm run size [-- --check]
// With --check: fails if what a page loads exceeds the budget in benches/size-budget.json.
import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build, filesIn } from "./build.mjs";
import { Failure, asCommand, root } from "./process.mjs";

const BUDGET = "benches/size-budget.json";

/** Sizes in bytes: of each file that a page loads, of all these files together, and of the type declarations. */
export async function sizes(dist = join(root, "dist")) {
  const paths = (await filesIn(dist)).filter((path) => !relative(dist, path).startsWith("."));
  const files = await Promise.all(paths.map(async (path) => weigh(relative(dist, path), await readFile(path))));
  const shipped = files.filter(({ name }) => name === "index.js" || name.endsWith(".wasm"));
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

/** Fails if what a page loads is larger than the budget. */
export async function checkBudget({ brotli }) {
  const budget = JSON.parse(await readFile(join(root, BUDGET), "utf8"));
  if (brotli > budget.brotli) {
    throw new Failure(
      `a page loads ${brotli} bytes (brotli), ${brotli - budget.brotli} more than the budget of ${budget.brotli}.\n` +
        `Make it smaller. If the bytes are worth it, raise the budget in ${BUDGET}, and say why in benches/size-history.md.`,
    );
  }
  return budget;
}

asCommand(import.meta, async () => {
  const { values } = parseArgs({ options: { check: { type: "boolean" } } });
  await build();
  const { files, total, types } = await sizes();
  console.log(row(["bytes", "raw", "gzip -9", "brotli 11"]));
  files.forEach((file) => console.log(rowOf(file)));
  console.log(rowOf(total));
  types.forEach((file) => console.log(rowOf({ ...file, name: `${file.name} (types)` })));
  if (!values.check) return;
  const budget = await checkBudget(total);
  console.log(`within the budget: ${total.brotli} of ${budget.brotli} bytes (brotli)`);
});
