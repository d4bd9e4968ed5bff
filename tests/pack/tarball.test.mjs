// What npm publishes: its files, its entries, and a source map that leads to readable source.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { SourceMap } from "node:module";
import { join, relative } from "node:path";
import { describe, test } from "node:test";
import { filesIn } from "../../scripts/build.mjs";
import { PACKAGE, project } from "../../scripts/pack.mjs";

const read = (path) => readFile(join(PACKAGE, path), "utf8");
const files = (await filesIn(PACKAGE)).map((path) => relative(PACKAGE, path));
const manifest = JSON.parse(await read("package.json"));

const MODULES = /^dist\/premium_recorder_bg\w*\.wasm$/;
const EXPECTED = [
  ...["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "SECURITY.md", "THIRD-PARTY-LICENSES"],
  "package.json",
  ...["callback.html", "callback.js", "contracts.d.ts", "contracts.js", "index.d.ts", "index.js", "index.js.map"].map(
    (name) => `dist/${name}`,
  ),
  ...["dist/platform-sdk.d.ts", "dist/platform-sdk.js", "dist/premium_recorder_bg.wasm.d.ts"],
];

test("it has these files and no others", () => {
  const others = files.filter((path) => !/^docs\/.*\.(md|png)$/.test(path) && !MODULES.test(path));
  assert.deepEqual(others.sort(), EXPECTED.sort());
  assert.ok(files.some((path) => MODULES.test(path)));
});

test("every entry is in it, with its types", () => {
  const entries = Object.values(manifest.exports).flatMap((entry) =>
    typeof entry === "string" ? [entry] : Object.values(entry),
  );
  const missing = [...entries, manifest.main, manifest.types].filter((path) => !files.includes(path.slice(2)));
  assert.deepEqual(missing, []);
  assert.equal(manifest.main, manifest.exports["."].default);
  assert.equal(manifest.types, manifest.exports["."].types);
});

describe("the source map", () => {
  /** Texts of index.js that are in one place of the source. */
  const PLACES = {
    "loaded from another `wasm` source already": "errors.js",
    "fetch reads no files": "module.js",
    __wbindgen: "premium_recorder.js",
    "The options cannot be read.": "options.js",
  };

  test("leads from the minified code to the line that it comes from", async () => {
    const code = await read("dist/index.js");
    const payload = JSON.parse(await read("dist/index.js.map"));
    assert.match(code, /\n\/\/# sourceMappingURL=index\.js\.map\s*$/);
    const map = new SourceMap(payload);
    const lines = code.split("\n");
    for (const [text, file] of Object.entries(PLACES)) {
      const line = lines.findIndex((each) => each.includes(text));
      assert.ok(line >= 0, `${text} is in index.js`);
      const { originalSource, originalLine } = map.findEntry(line, lines[line].indexOf(text));
      assert.equal(originalSource, file);
      const source = payload.sourcesContent[payload.sources.indexOf(file)];
      const near = source.split("\n").slice(originalLine, originalLine + 2);
      assert.ok(near.join("\n").includes(text), `${file}:${originalLine + 1} has ${text}`);
    }
  });

  test("is of a file whose first line asks Chromium to compile it while it loads", async () => {
    assert.ok((await read("dist/index.js")).startsWith("//# allFunctionsCalledOnLoad\n"));
  });

  test("has the whole source, and no path of the machine that made it", async () => {
    const { sources, sourcesContent, sourceRoot } = JSON.parse(await read("dist/index.js.map"));
    assert.equal(sourceRoot, "premium-recorder");
    assert.deepEqual(
      sources.filter((source) => !/^[\w-]+\.js$/.test(source)),
      [],
    );
    for (const name of ["index.js", "module.js", "instance.js", "limits.js"]) {
      const source = await readFile(new URL(`../../src/js/${name}`, import.meta.url), "utf8");
      assert.equal(sourcesContent[sources.indexOf(name)], source);
    }
  });
});

describe("in Node", () => {
  const run = (folder, args) =>
    execFileSync(process.execPath, args, { cwd: folder, encoding: "utf8", env: { PATH: process.env.PATH } });

  test("every JavaScript entry is imported by its name", async () => {
    const program = `
      const { connect, version } = await import("premium-recorder");
      const { screenMonitoring } = await import("premium-recorder/contracts");
      const { httpClient } = await import("premium-recorder/platform-sdk");
      console.log(typeof connect, version, typeof screenMonitoring, typeof httpClient);`;
    const folder = await project("plain");
    assert.equal(run(folder, ["--input-type=module", "-e", program]), `function ${manifest.version} object function\n`);
  });

  test("an app makes errors for its own tests", async () => {
    const program = `
      import { RecorderError, explain, isRecorderError } from "premium-recorder";
      const bare = new RecorderError({ code: "NO_TOKEN" });
      const full = new RecorderError({ code: "SCOPE_MISSING", message: "No.", hint: "Ask.", status: 403, cause: 7 });
      const all = [bare, full].map((error) => ({ ...error, name: error.name, message: error.message }));
      console.log(JSON.stringify({ all, ours: isRecorderError(bare), cause: full.cause, line: explain(full).check }));`;
    const folder = await project("plain");
    const { all, ...rest } = JSON.parse(run(folder, ["--input-type=module", "-e", program]));
    assert.deepEqual(all, [
      { code: "NO_TOKEN", hint: "", retryable: false, name: "RecorderError", message: "NO_TOKEN" },
      {
        ...{ code: "SCOPE_MISSING", hint: "Ask.", status: 403, retryable: false },
        ...{ name: "RecorderError", message: "SCOPE_MISSING: No." },
      },
    ]);
    assert.deepEqual(rest, { ours: true, cause: 7, line: "SCOPE_MISSING" });
  });

  const cannot = process.features.require_module
    ? {}
    : { skip: `require() of ES modules is off in ${process.version}` };
  test("require() returns the same names", cannot, async () => {
    const folder = await project("plain");
    const program = `console.log(Object.keys(require("premium-recorder")).sort().join())`;
    assert.equal(
      run(folder, ["--no-warnings", "--input-type=commonjs", "-e", program]),
      "RecorderError,connect,explain,isRecorderError,startRecording,version\n",
    );
  });
});
