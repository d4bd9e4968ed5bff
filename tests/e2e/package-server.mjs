// A server of its own for a built package: an empty page at its root, and beside it the package or what a test puts there.
import { after, before } from "node:test";
import sirv from "sirv";
import { HOST, serveOn } from "../../scripts/ports.mjs";

const MODULE = "/premium-recorder/premium_recorder_bg.wasm";

/** Serves this folder while the tests of this file or suite run. */
export function packageServer(dist) {
  const files = sirv(dist, { dev: true });
  const served = { origin: undefined, /** Answers in place of the module. */ insteadOfModule: undefined };
  let server;
  const handler = (request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://page");
    if (pathname === "/") return emptyPage(response, searchParams.get("script-src"));
    if (pathname === MODULE && served.insteadOfModule) return served.insteadOfModule(response);
    response.setHeader("cache-control", "no-store");
    request.url = request.url.replace("/premium-recorder", "");
    files(request, response, () => response.writeHead(404).end());
  };
  before(async () => {
    server = await serveOn(handler);
    served.origin = `http://${HOST}:${server.port}`;
  });
  after(() => server?.close());
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
