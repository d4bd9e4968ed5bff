// purecloud-platform-client-v2 as a script, which makes the global variable `sdk`.
import { build } from "esbuild";
import { root } from "../../scripts/process.mjs";

export async function platformSdk() {
  const { outputFiles } = await build({
    stdin: { contents: 'export { default } from "purecloud-platform-client-v2"', resolveDir: root },
    bundle: true,
    write: false,
    format: "iife",
    globalName: "sdk",
    platform: "browser",
    mainFields: ["module", "main"],
    // Only Node has these, and only in Node the SDK uses them.
    external: ["fs", "os", "path", "https", "crypto", "winston", "configparser"],
    logLevel: "error",
  });
  return outputFiles[0].text;
}
