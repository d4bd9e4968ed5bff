// Checks requests against what Genesys publishes (tests/cloud/published.json). The stand-in cloud compares them.
import assert from "node:assert/strict";

const API = "/api/v2/";
/** These are not in the published API. */
const UNPUBLISHED = "/api/v2/screenrecordings";

/**
 * Fails if a request to the platform's API is not as Genesys publishes it: method, path, query, body. `unknown`: accept
 * operations that are not in tests/cloud/published.json.
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
