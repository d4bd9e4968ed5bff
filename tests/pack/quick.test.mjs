// Projects that are built in seconds: without a bundler, with Vite and with esbuild.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { project } from "../../scripts/pack.mjs";
import * as pages from "./pages.mjs";

const browser = pages.browser();
const records = (address, more) => pages.assertRecords(browser, address, more);

describe("without a bundler", () => {
  let folder;
  let origin;
  before(async () => {
    folder = await project("plain");
    origin = await pages.serveFolder(folder);
  });

  test("by an import map", () => records(origin));

  test("by an import map from another origin", async () => {
    const cdn = await pages.serveFolder(join(folder, "node_modules"), { "access-control-allow-origin": "*" });
    const page = await readFile(join(folder, "index.html"), "utf8");
    await writeFile(join(folder, "other-origin.html"), page.replace("./node_modules", cdn));
    await records(`${origin}/other-origin.html`);
  });

  test("from another origin that sends no CORS headers for the module: the hint names what is missing", async () => {
    const cdn = await pages.serveFolder(join(folder, "node_modules"));
    const { main } = JSON.parse(await readFile(join(folder, "node_modules/premium-recorder/package.json"), "utf8"));
    const wasm = new URL(`${cdn}/premium-recorder/${main}/../premium_recorder_bg.wasm`).href;
    const page = await readFile(join(folder, "index.html"), "utf8");
    await writeFile(join(folder, "no-cors.html"), page.replace("main.js", "no-cors.js"));
    const program = await readFile(join(folder, "main.js"), "utf8");
    await writeFile(join(folder, "no-cors.js"), program.replace("given()", `given(), { wasm: "${wasm}" }`));
    const { error } = await pages.outcomeAt(browser, `${origin}/no-cors.html`);
    assert.equal(error.code, "WASM_LOAD_FAILED");
    assert.match(error.hint, /Access-Control-Allow-Origin/);
  });

  test("in a module worker", () => records(`${origin}/worker.html`));
});

describe("Vite", () => {
  let folder;
  before(async () => (folder = await project("vite")));

  test("build", async () => {
    await pages.runScript(folder, "build");
    await records(await pages.serveFolder(join(folder, "dist")));
  });

  test("build, in a module worker", async () => {
    await pages.runScript(folder, "build:worker");
    await records(`${await pages.serveFolder(join(folder, "dist-worker"))}/worker.html`);
  });
});

describe("Vite in library mode, which inlines the module", () => {
  const page = async (sources) => {
    const folder = await project("vite");
    await pages.runScript(folder, "build:library");
    const policy = `script-src 'self' 'wasm-unsafe-eval'; connect-src ${browser.cloud.environment.api} ${sources}`;
    return pages.servePage(folder, "dist-library/main.js", { headers: { "content-security-policy": policy } });
  };

  test("with data: in the page's connect-src", async () => records(await page("data:")));

  test("without it: the hint says so", async () => {
    const { error } = await pages.outcomeAt(browser, await page("'self'"));
    assert.equal(error.code, "WASM_LOAD_FAILED");
    assert.match(error.hint, /data:/);
    assert.ok(error.message.length < 1000);
  });
});

describe("esbuild", () => {
  const page = async (build, script, options) => {
    const folder = await project("esbuild");
    await pages.runScript(folder, build);
    return pages.servePage(folder, script, options);
  };

  test("as an ES module", async () => records(await page("build", "dist/main.js")));

  test("as an ES module that imports the address of the .wasm file", async () =>
    records(await page("build:loader", "dist/loader.js")));

  test("as a classic script", async () =>
    records(await page("build:iife", "dist/iife.js", { type: "text/javascript" })));

  test("without the .wasm file: the hint says where it belongs", async () => {
    const { error } = await pages.outcomeAt(browser, await page("build:uncopied", "uncopied/main.js"));
    assert.equal(error.code, "WASM_LOAD_FAILED");
    assert.match(error.message, /\/uncopied\/premium_recorder_bg\.wasm answers 404/);
    assert.match(error.hint, /Copy premium_recorder_bg\.wasm to this address/);
  });
});
