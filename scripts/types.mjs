// Checks the package's type declarations by compiling code that uses them.
import { asCommand, root, run } from "./process.mjs";
import { setup } from "./setup.mjs";

export async function checkTypes(options) {
  await run(process.execPath, [`${root}node_modules/typescript/bin/tsc`, "--project", "tests/types"], options);
}

asCommand(import.meta, async () => {
  await setup();
  await checkTypes();
});
