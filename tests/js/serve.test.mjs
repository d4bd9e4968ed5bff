// The servers of `npm start` survive any request, and leave no process behind.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { serve } from "../../scripts/serve.mjs";

test("the vendor's server answers requests that are malformed", async (t) => {
  const servers = await serve();
  t.after(() => servers.close());
  for (const path of ["//", "/%", "/%00", "//premium-recorder/index.js"]) {
    assert.ok((await fetch(servers.appOrigin + path)).status < 500, path);
  }
  const range = { range: "bytes=5-2" };
  assert.ok((await fetch(`${servers.appOrigin}/premium-recorder/index.js`, { headers: range })).ok);
});

test("the cloud ends if this process throws", { timeout: 10_000 }, async (t) => {
  const child = runProgram(`
    const { cloud } = await serve();
    console.log(cloud.api);
    throw new Error("on purpose");
  `);
  const [api, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
  assert.equal(code, 1);
  assert.match(api, /^http:/);
  await ended(api, t.signal);
});

test("the cloud ends if the same signal comes twice", { timeout: 10_000 }, async (t) => {
  const child = runProgram(`
    const stopped = askedToEnd();
    const servers = await serve();
    console.log(servers.cloud.api);
    await stopped;
    console.log("stopping");
    await once(process.stdin.resume(), "end");
    await servers.close();
    process.exit(0);
  `);
  t.after(() => {
    child.kill("SIGINT");
    child.stdin.end();
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const { value: api } = await lines.next();
  assert.match(api, /^http:/);
  child.kill("SIGINT");
  assert.equal((await lines.next()).value, "stopping");
  child.kill("SIGINT");
  child.stdin.end();
  assert.deepEqual(await once(child, "close"), [0, null]);
  await ended(api, t.signal);
});

function runProgram(program) {
  const script = (name) => new URL(`../../scripts/${name}`, import.meta.url);
  const imports = `
    import { once } from "node:events";
    import { askedToEnd } from "${script("process.mjs")}";
    import { serve } from "${script("serve.mjs")}";
  `;
  return spawn(process.execPath, ["--input-type=module", "--eval", imports + program], {
    stdio: ["pipe", "pipe", "ignore"],
  });
}

async function ended(api, signal) {
  const answers = () =>
    fetch(api).then(
      () => true,
      () => false,
    );
  while (await answers()) signal.throwIfAborted();
}
