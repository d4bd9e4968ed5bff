// Bundles files of src/js for tests, with stand-ins for what the build generates.
import { build } from "esbuild";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../../src/js", import.meta.url));

/** Glue that links nothing. */
const GLUE = "export const glue = () => ({ imports: () => ({}), run() {}, initialize() {} });";

/** The code of a function body that defines `bundled`, with what the file exports. */
export async function bundle(name) {
  const { outputFiles } = await build({
    stdin: { contents: `export * from "./${name}";`, resolveDir: FOLDER },
    bundle: true,
    write: false,
    format: "iife",
    globalName: "bundled",
    logLevel: "error",
    logOverride: { "empty-import-meta": "silent" },
    plugins: [
      {
        name: "glue",
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /\/premium_recorder\.js$/ }, () => ({ path: "glue", namespace: "glue" }));
          onLoad({ filter: /./, namespace: "glue" }, () => ({ contents: GLUE }));
        },
      },
    ],
  });
  return outputFiles[0].text;
}
