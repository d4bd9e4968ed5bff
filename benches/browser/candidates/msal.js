// msal-browser with tokens in its cache, one tenant for each organization.
import { createStandardPublicClientApplication, loadExternalTokens } from "@azure/msal-browser";
import { postWith } from "./with-token.js";

const SETTINGS = {
  auth: { clientId: "c11e1700-0000-4000-8000-000000000000", authority: "https://login.microsoftonline.com/common" },
};
const SCOPES = ["api://recordings/start"];
const SECONDS = 8 * 60 * 60;

export async function open(config) {
  const accounts = new Map();
  for (const [orgId, access_token] of config.tokens) {
    const request = { scopes: SCOPES, authority: `https://login.microsoftonline.com/${orgId}` };
    const claims = { oid: orgId, tid: orgId, sub: orgId, preferred_username: "agent@example.com" };
    const id_token = `${base64({ alg: "none" })}.${base64(claims)}.`;
    const answer = { access_token, id_token, expires_in: SECONDS, scope: SCOPES[0], token_type: "Bearer" };
    const clientInfo = base64({ uid: orgId, utid: orgId });
    const options = {
      clientInfo,
      expiresOn: Date.now() / 1000 + SECONDS,
      extendedExpiresOn: Date.now() / 1000 + SECONDS,
    };
    const { account } = await loadExternalTokens(SETTINGS, request, answer, options);
    accounts.set(orgId, { ...request, account });
  }
  const client = await createStandardPublicClientApplication(SETTINGS);
  return postWith(async (orgId) => (await client.acquireTokenSilent(accounts.get(orgId))).accessToken, config);
}

const base64 = (value) => btoa(JSON.stringify(value)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
