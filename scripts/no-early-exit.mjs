// Loaded before each test file. A file that exits before its tests are over fails; to Node's test runner, it has passed.
import { after } from "node:test";

// The test runner itself loads this module, too, and runs no test.
if (process.env.NODE_TEST_CONTEXT) {
  let isOver = false;
  after(() => (isOver = true));
  process.once("exit", () => {
    if (!isOver) process.exitCode ||= 1;
  });
}
