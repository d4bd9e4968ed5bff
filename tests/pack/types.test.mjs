// The declarations, from the tarball, under every module resolution that knows `exports`, with the strictest options.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { project } from "../../scripts/pack.mjs";

/** The oldest that docs/bundlers.md promises, the last one that is written in TypeScript, and the newest. */
const COMPILERS = ["typescript-5.2", "typescript-5.9", "typescript"];
const RESOLUTIONS = { bundler: "esnext", node16: "node16", nodenext: "nodenext" };

let folder;
before(async () => (folder = await project("types")));

for (const compiler of COMPILERS) {
  describe(compiler, () => {
    for (const [moduleResolution, module] of Object.entries(RESOLUTIONS)) {
      test(`under ${moduleResolution}`, () => {
        const compilerOptions = {
          ...{ module, moduleResolution, target: "es2022", lib: ["es2022", "dom"], types: [], noEmit: true },
          ...{ strict: true, skipLibCheck: false, exactOptionalPropertyTypes: true, verbatimModuleSyntax: true },
        };
        const config = join(folder, `tsconfig.${moduleResolution}.json`);
        writeFileSync(config, JSON.stringify({ compilerOptions, files: ["app.ts"] }));
        const tsc = join(folder, "node_modules", compiler, "bin/tsc");
        // An error message is in the output.
        execFileSync(process.execPath, [tsc, "--project", config], { encoding: "utf8", stdio: ["ignore", 2, 2] });
      });
    }
  });
}
