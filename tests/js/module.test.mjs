// What src/js/module.js says about a source that is no module, without a browser.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { bundle } from "./bundle.mjs";

/** An empty module, and one that imports a function that the library does not have. */
const EMPTY = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
const OTHER = Uint8Array.of(...EMPTY, 1, 4, 1, 0x60, 0, 0, 2, 7, 1, 1, 0x61, 1, 0x62, 0, 0);
const ADDRESS = "https://app.example/assets/premium_recorder_bg.wasm";

let source;
before(async () => (source = await bundle("module.js")));

/** The error of a fresh page that loads this, whose `fetch` answers so. */
async function failure(wasm, answer) {
  const offline = async () => Promise.reject(new TypeError("Failed to fetch"));
  const { load } = new Function("fetch", "Request", `${source}\nreturn bundled;`)(answer ?? offline, Request);
  return load(wasm, 1_000).then(
    () => assert.fail("it loads"),
    (error) => error,
  );
}

/** A response of this address. */
function of(url, body, init) {
  return Object.defineProperty(new Response(body, init), "url", { value: url });
}

const WHOLE = /^Pass the whole premium_recorder_bg\.wasm of this version/;
const COPY = /^Copy premium_recorder_bg\.wasm to this address/;
const PASS_ADDRESS = /^Pass the address of/;
const BYTES = /^Read premium_recorder_bg\.wasm and pass its bytes/;
const ORIGIN = /^Allow the file's origin in the CSP/;
const HTML = { headers: { "content-type": "text/html" } };
const served = (body, init) => async (address) => of(address, body, init);

const CASES = {
  "bad bytes": [() => Uint8Array.of(1, 2, 3), undefined, /these bytes are not WebAssembly/, WHOLE, false],
  "truncated bytes": [() => EMPTY.slice(0, 6), undefined, /or not all of them/, WHOLE, false],
  "no bytes": [() => new ArrayBuffer(0), undefined, /these bytes/, WHOLE, false],
  "bytes of another module": [() => OTHER, undefined, /version does not match/, WHOLE, false],
  "another Module": [() => new WebAssembly.Module(OTHER), undefined, /version does not match/, WHOLE, false],
  "a Response of garbage": [() => new Response("x"), undefined, /: the Response is not WebAssembly/, WHOLE, false],
  "a Response of nothing": [() => new Response(), undefined, /: the Response is not/, WHOLE, false],
  "a refused Response": [
    () => new Response("", { status: 404 }),
    undefined,
    /: the Response answers 404\.$/,
    WHOLE,
    false,
  ],
  "a Response with an address": [() => of(ADDRESS, "", { status: 404 }), undefined, /wasm answers 404/, COPY, false],
  "an address with nothing": [() => ADDRESS, served("", { status: 404 }), /wasm answers 404/, COPY, true],
  "an address with a page": [() => ADDRESS, served("<p>", HTML), /answers with HTML/, COPY, true],
  "an address with half of it": [() => ADDRESS, served(EMPTY.slice(0, 6)), /not all of it/, COPY, true],
  "an address with another module": [() => ADDRESS, served(OTHER), /version does not match/, WHOLE, true],
  "an address that a function without addresses answers": [
    () => ADDRESS,
    async () => new Response("", { status: 503 }),
    /premium_recorder_bg\.wasm answers 503/,
    COPY,
    true,
  ],
  "an address that a page's own fetch does not know": [
    () => ADDRESS,
    async () => undefined,
    /no Response/,
    BYTES,
    true,
  ],
  "an address that is offline": [() => ADDRESS, undefined, /offline, or refused by CORS/, ORIGIN, true],
  "an empty address": [() => "", undefined, /"" is not the address of a file/, PASS_ADDRESS, false],
  "half an address": [() => "http://[", undefined, /"http:\/\/\[" is not the address/, PASS_ADDRESS, false],
  "a script": [() => "javascript:1", undefined, /is not the address of a file/, PASS_ADDRESS, false],
  "a file": [() => "file:///a.wasm", undefined, /fetch reads no files/, BYTES, false],
  "data that the page refuses": [() => "data:,x", undefined, /data:,x cannot be fetched/, /connect-src/, false],
  "data of something else": [() => "data:,x", served("x"), /data:,x is not WebAssembly/, WHOLE, false],
  "no address": [() => undefined, undefined, /does not know its own address/, PASS_ADDRESS, false],
};
for (const [what, [wasm, answer, message, hint, retryable]] of Object.entries(CASES)) {
  test(`${what}: the message and the hint say so`, async () => {
    const error = await failure(wasm(), answer);
    assert.equal(error.code, "WASM_LOAD_FAILED");
    assert.match(error.message, message);
    assert.match(error.hint, hint);
    assert.equal(error.retryable, retryable);
    assert.ok(error.cause instanceof Error);
  });
}
