// Bundles each candidate as an app would, and weighs what the app then serves.
import { readFile } from "node:fs/promises";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build, version as esbuildVersion } from "esbuild";
import { root } from "../../scripts/process.mjs";

const MODULE = "premium_recorder_bg.wasm";

/**
 * What is compared. `loads: false`: the same files as another candidate, so it is loaded once only. `packages`: the npm
 * packages in it. `isFloor`: compared with itself, which tells how much is noise.
 */
export const CANDIDATES = [
  { name: "floor", title: "bare `fetch`, Map of tokens", file: "floor", isFloor: true },
  { name: "ky", title: "ky", file: "ky", packages: ["ky"] },
  {
    name: "assembled",
    title: "oauth4webapi + ky + client-app-sdk",
    file: "assembled",
    packages: ["oauth4webapi", "ky", "purecloud-client-app-sdk"],
  },
  { name: "auth0", title: "auth0-spa-js", file: "auth0", packages: ["@auth0/auth0-spa-js"] },
  {
    name: "msal",
    title: "msal-browser",
    file: "msal",
    packages: ["@azure/msal-browser"],
    // It takes longer for each token than for the one before: half a minute for 500, and hours for 5,000.
    mostOrganizations: 100,
  },
  {
    name: "platform-client",
    title: "purecloud-platform-client-v2",
    file: "platform-client",
    packages: ["purecloud-platform-client-v2"],
  },
  {
    name: "pair",
    title: "platform-client-v2 + client-app-sdk",
    file: "pair",
    packages: ["purecloud-platform-client-v2", "purecloud-client-app-sdk"],
  },
  { name: "ours", title: "**premium-recorder**", file: "ours", variant: "shared", isOurs: true },
  {
    name: "ours-alone",
    title: "**premium-recorder**, `share: false`",
    file: "ours",
    variant: "alone",
    loads: false,
    isOurs: true,
  },
  {
    name: "ours-fetch",
    title: "**premium-recorder**, `recorder.fetch`",
    file: "ours",
    variant: "fetch",
    loads: false,
    isOurs: true,
  },
];

/** The platform client's own code for Node, which no page runs. */
const NODE_ONLY = ["fs", "os", "path", "https", "crypto", "winston", "configparser"];

/** The files to serve, by path, and each candidate's sizes in bytes. */
export async function bundle() {
  const module = await readFile(`${root}dist/${MODULE}`);
  const files = new Map([[`/${MODULE}`, file("application/wasm", module)]]);
  const sizes = {};
  for (const { name, file: entry, loads } of CANDIDATES) {
    if (loads === false) continue;
    const code = await bundled(entry, "");
    const parts = entry === "ours" ? [weigh(code), weigh(module)] : [weigh(code)];
    sizes[name] = parts.reduce((sum, part) => ({
      raw: sum.raw + part.raw,
      gzip: sum.gzip + part.gzip,
      brotli: sum.brotli + part.brotli,
    }));
    // Tells when the bundle's own code begins to run.
    files.set(
      `/${entry}.js`,
      file("text/javascript", await bundled(entry, "globalThis.evaluatedAt = performance.now();")),
    );
  }
  return { files, sizes };
}

async function bundled(entry, banner) {
  const { outputFiles } = await build({
    entryPoints: [new URL(`candidates/${entry}.js`, import.meta.url).pathname],
    banner: { js: banner },
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    legalComments: "none",
    define: { "process.env.NODE_ENV": '"production"' },
    // The platform client's `browser` field names a file without exports.
    mainFields: ["module", "jsnext:main", "main"],
    external: NODE_ONLY,
    alias: { "premium-recorder": `${root}dist/index.js` },
    logLevel: "error",
  });
  return Buffer.from(outputFiles[0].contents);
}

/** Quality 9: as small as what a server compresses in advance, within some percent, and ready in a second. */
function file(type, raw) {
  return { type, raw, brotli: brotli(raw, 9) };
}

function weigh(bytes) {
  return { raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotli(bytes).length };
}

function brotli(bytes, quality = 11) {
  return brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  });
}

/** The versions of what is compared. */
export async function versions() {
  const names = new Set(CANDIDATES.flatMap(({ packages = [] }) => packages));
  const found = { esbuild: esbuildVersion };
  const folder = new URL("node_modules/", import.meta.url).pathname;
  for (const name of names) found[name] = JSON.parse(await readFile(`${folder}${name}/package.json`, "utf8")).version;
  return found;
}
