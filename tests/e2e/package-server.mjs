// A server of its own for a built package: an empty page at its root, and beside it the package or what a test puts there.
import { createServer } from "node:http";
import { after, before } from "node:test";
import sirv from "sirv";

const MODULE = "/premium-recorder/premium_recorder_bg.wasm";

/** Serves this folder while the tests of this file or suite run. */
export function packageServer(dist) {
  const files = sirv(dist, { dev: true });
  const served = { origin: undefined, /** Answers in place of the module. */ insteadOfModule: undefined };
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://page");
    if (pathname === "/") return emptyPage(response, searchParams.get("script-src"));
    if (pathname === MODULE && served.insteadOfModule) return served.insteadOfModule(response);
    response.setHeader("cache-control", "no-store");
    request.url = request.url.replace("/premium-recorder", "");
    files(request, response, () => response.writeHead(404).end());
  });
  before(async () => {
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    served.origin = `http://127.0.0.1:${server.address().port}`;
  });
  after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return served;
}

function emptyPage(response, scripts) {
  response.setHeader("content-type", "text/html");
  if (scripts) {
    // The nonce is for the tests' own scripts, and lets them compile nothing.
    const policy = `default-src 'none'; connect-src 'self'; script-src ${scripts} 'nonce-test'`;
    response.setHeader("content-security-policy", policy);
  }
  response.end("<!doctype html><title>Empty</title><link rel=icon href=data:,>");
}
