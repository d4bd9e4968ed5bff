// Compares what was sent to the cloud with what Genesys publishes (tests/cloud/published.json). The cloud does the comparison.
import assert from "node:assert/strict";

const API = "/api/v2/";
/** Not in the published API. */
const UNPUBLISHED = "/api/v2/screenrecordings";

/**
 * Every request of the ledger to the platform's API is one that Genesys publishes, with its parameters and its body.
 * `unknown`: whether requests to operations that tests/cloud/published.json does not have are fine.
 */
export function assertPublished(requests, { unknown = false } = {}) {
  const findings = requests
    .filter(({ origin, path }) => origin === "api" && path.startsWith(API) && !path.startsWith(UNPUBLISHED))
    .flatMap(({ method, path, published }) => {
      if (!published) return unknown ? [] : [`${method} ${path}: no such operation is published`];
      return published.request.map((finding) => `${published.operation}: ${finding}`);
    });
  assert.deepEqual(findings, [], "requests that are not as published");
}
