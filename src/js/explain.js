// Describes an error as a line of the doctor's report.

import { isRecorderError } from "./errors.js";

const EVIDENCE_LABELS = {
  status: "status",
  orgId: "call for organization",
  tokenOrgId: "token of organization",
  homeOrgId: "home organization",
  orgHeaders: "headers sent",
  grantedScopes: "scopes of the token",
  nearMiss: "nearly right",
  retryAfterMs: "wait in ms",
  contextId: "contextId",
  correlationId: "correlation id",
};

export function explain(error) {
  if (!isRecorderError(error)) {
    const found = describe(error);
    const hint = "Nothing of this package: look where it was thrown.";
    return { check: "UNKNOWN", verdict: "fail", found, expected: "a RecorderError", hint };
  }
  const evidence = Object.entries(EVIDENCE_LABELS)
    .filter(([name]) => error[name] !== undefined)
    .map(([name, label]) => `${label}: ${[error[name]].flat().join(", ")}`);
  const found = [error.message, ...evidence].join("; ");
  return { check: error.code, verdict: "fail", found, expected: expected(error), hint: error.hint };
}

/** Reading a thrown value may throw. */
function describe(error) {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    return "something that can not be read";
  }
}

function expected({ missingScopes, missingPermissions, orgId }) {
  if (missingScopes) return `the scope ${missingScopes.join(", ")}`;
  if (missingPermissions) return `the permission ${missingPermissions.join(", ")}`;
  return orgId ? `a call that organization ${orgId} accepts` : "a call that succeeds";
}
