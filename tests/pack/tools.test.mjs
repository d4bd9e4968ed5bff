// Projects whose tools take longer to install or to build.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, beforeEach, describe, test } from "node:test";
import { project } from "../../scripts/pack.mjs";
import * as pages from "./pages.mjs";

const browser = pages.browser();
const records = (address, more) => pages.assertRecords(browser, address, more);
const HOST = "127.0.0.1";

for (const [name, tool, build, script] of [
  ["webpack", "webpack", "build", "dist/main.js"],
  ["webpack, with a rule of the app for .wasm files", "webpack", "build:with-rule", "dist/with-rule.js"],
  ["Rspack", "rspack", "build", "dist/main.js"],
  ["Rollup, with @web/rollup-plugin-import-meta-assets", "rollup", "build", "dist/main.js"],
  ["Rollup, with the .wasm files copied", "rollup", "build:copied", "copied/main.js"],
]) {
  test(name, async () => {
    const folder = await project(tool);
    await pages.runScript(folder, build);
    await records(await pages.servePage(folder, script));
  });
}

describe("Parcel", () => {
  let folder;
  beforeEach(async () => (folder = await project("parcel")));

  test("with `exports` switched on: every entry", async () => {
    await pages.runScript(folder, "build");
    await records(await pages.serveFolder(join(folder, "dist")), { contract: "POST" });
  });

  test("as it is: the main entry", async () => {
    const path = join(folder, "package.json");
    const { "@parcel/resolver-default": _, ...manifest } = JSON.parse(await readFile(path, "utf8"));
    await writeFile(path, JSON.stringify(manifest));
    await pages.runScript(folder, "build:main-entry");
    await records(`${await pages.serveFolder(join(folder, "dist"))}/main-entry.html`);
  });
});

describe("Vite's development server", () => {
  test("of Vite 8", async () => {
    const folder = await project("vite");
    await records(await pages.startServer(folder, "vite", ["--host", HOST, "--port", "0"]));
  });

  test("of Vite 7, with its line of configuration", async () => {
    const folder = await project("vite-7");
    await records(await pages.startServer(folder, "vite", ["--host", HOST, "--port", "0"]));
  });

  test("of Vite 7 without it: the hint is that line", async () => {
    const folder = await project("vite-7");
    const address = await pages.startServer(folder, "vite", ["--host", HOST, "--port", "0", "-c", "plain.config.js"]);
    const { error } = await pages.outcomeAt(browser, address);
    assert.equal(error.code, "WASM_LOAD_FAILED");
    assert.match(error.hint, /optimizeDeps: \{ exclude: \['premium-recorder'\] \}/);
  });
});

describe("Angular CLI, with zone.js", () => {
  // The callbacks run in the zone in which connect() was called.
  const inZone = { zones: [true] };
  let folder;
  before(async () => (folder = await project("angular")));

  test("ng build", async () => {
    await pages.runScript(folder, "build");
    await records(await pages.serveFolder(join(folder, "dist/app/browser")), inZone);
  });

  test("ng serve", async () => {
    await records(await pages.startServer(folder, "ng", ["serve", "--host", HOST, "--port", "0"]), inZone);
  });
});

describe("Next.js, with the package in a server component and in a client component", () => {
  const version = { version: "0.1.0" };

  for (const [bundler, script] of Object.entries({ Turbopack: "build", webpack: "build:webpack" })) {
    test(bundler, async () => {
      const folder = await project("next");
      await pages.runScript(folder, script);
      await records(await pages.startServer(folder, "next", ["start", "--hostname", HOST, "--port", "0"]), version);
    });
  }
});

for (const environment of ["node", "jsdom"]) {
  test(`Vitest, environment ${environment}`, async () => {
    const { cloud } = browser;
    const folder = await project("vitest");
    await pages.runScript(folder, "test", {
      VITEST_ENVIRONMENT: environment,
      GIVEN: JSON.stringify(pages.given(cloud)),
      EXPECTED: JSON.stringify(pages.expected(cloud)),
    });
    await pages.assertOneRecording(cloud);
  });
}
