// Describes an error as a line of the doctor's report.

import { describe, isRecorderError } from "./errors.js";

const EVIDENCE_LABELS = {
  status: "status",
  orgId: "call for organization",
  tokenOrgId: "token of organization",
  homeOrgId: "home organization",
  orgHeaders: "headers sent",
  grantedScopes: "scopes of the token",
  nearMiss: "similar scope",
  retryAfterMs: "wait in ms",
  contextId: "contextId",
  correlationId: "correlation id",
};

export function explain(error) {
  try {
    if (isRecorderError(error) && typeof error.code === "string") return line(error);
  } catch {
    // Other code may have made or changed the error.
  }
  const found = describe(error);
  const hint = "Not from this package: see where it was thrown.";
  return { check: "UNKNOWN", verdict: "fail", found, expected: "a RecorderError", hint };
}

function line(error) {
  const fields = { __proto__: null, ...error };
  const evidence = Object.keys(EVIDENCE_LABELS)
    .filter((name) => fields[name] !== undefined)
    .map((name) => `${EVIDENCE_LABELS[name]}: ${[fields[name]].flat().join(", ")}`);
  const found = [error.message, ...evidence].join("; ");
  return {
    check: fields.code,
    verdict: "fail",
    found,
    expected: expected(fields, error),
    hint: `${fields.hint ?? ""}`,
  };
}

/** One of several scopes is enough. So is one of several permissions, if the API's code says so. */
function expected({ missingScopes, missingPermissions, orgId }, { cause }) {
  if (missingScopes) return `the scope ${missingScopes.join(" or ")}`;
  if (missingPermissions) {
    return `the permission ${missingPermissions.join(/\bany\b/.test(cause?.code) ? " or " : ", ")}`;
  }
  return orgId ? `a call that organization ${orgId} accepts` : "a call that succeeds";
}
