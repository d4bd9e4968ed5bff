// The servers of `npm start` survive any request, and leave no process behind.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
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
  const program = `
    import { serve } from "${new URL("../../scripts/serve.mjs", import.meta.url)}";
    const { cloud } = await serve();
    console.log(cloud.api);
    throw new Error("on purpose");
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [api, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
  assert.equal(code, 1);
  const answers = () =>
    fetch(api).then(
      () => true,
      () => false,
    );
  while (await answers()) t.signal.throwIfAborted();
});
