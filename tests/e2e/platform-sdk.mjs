// Programs that use purecloud-platform-client-v2, bundled for a page.
import { build } from "esbuild";
import { root } from "../../scripts/process.mjs";

/** As the SDK's users have to: its `browser` field leads to a file that exports nothing, and it names modules of Node. */
export async function bundled(program, options) {
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: root },
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    mainFields: ["module", "main"],
    external: ["fs", "os", "path", "https", "crypto", "winston", "configparser"],
    logLevel: "error",
    ...options,
  });
  return outputFiles[0].text;
}

/** A script that makes the global variable `sdk`. */
export function platformSdk() {
  return bundled('export { default } from "purecloud-platform-client-v2"', { format: "iife", globalName: "sdk" });
}
