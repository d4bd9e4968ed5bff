// The mutants of tests/simulation, which `npm run simulate -- --mutants` builds, still fit the code.
import { test } from "node:test";
import { root } from "../../scripts/process.mjs";
import { MUTANTS, changesOf } from "../simulation/mutants.mjs";

for (const mutant of MUTANTS) {
  test(`the text that this mutant changes is there once: ${mutant.name}`, () => changesOf(mutant, root));
}
