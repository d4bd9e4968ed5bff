// Organizations with tokens. They are JWTs, so that a library can read whose a token is without asking the cloud.
import { createHash } from "node:crypto";

const base64 = (value) => Buffer.from(value).toString("base64url");
const HEADER = base64(JSON.stringify({ alg: "RS256", typ: "JWT" }));
const EXPIRES = Math.floor(Date.now() / 1000) + 8 * 60 * 60;

/** So many organizations, each with its token. */
export function organizations(count) {
  return Array.from({ length: count }, (_, at) => {
    const orgId = `0a7e1700-0000-4000-8000-${String(at).padStart(12, "0")}`;
    return [orgId, tokenOf(orgId)];
  });
}

function tokenOf(orgId) {
  const claims = {
    iss: "https://login.example",
    sub: `user-of-${orgId}`,
    org_id: orgId,
    exp: EXPIRES,
    scope: "screenrecordings:write",
  };
  // As long as a signature of RS256, and of no key.
  const signature = Buffer.concat(
    Array.from({ length: 8 }, (_, at) => createHash("sha256").update(`${orgId}${at}`).digest()),
  );
  return `${HEADER}.${base64(JSON.stringify(claims))}.${base64(signature)}`;
}
