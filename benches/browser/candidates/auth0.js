// auth0-spa-js with tokens in its cache. It has no notion of an organization's token, so the audience names the organization.
import { Auth0Client, CacheKey } from "@auth0/auth0-spa-js";
import { postWith } from "./with-token.js";

const CLIENT_ID = "client";
const SCOPE = "openid profile email";
const HOURS_8 = 8 * 60 * 60;

export function open(config) {
  const entries = new Map();
  for (const [orgId, access_token] of config.tokens) {
    const key = new CacheKey({ clientId: CLIENT_ID, audience: orgId, scope: SCOPE }).toKey();
    const body = { access_token, expires_in: HOURS_8, audience: orgId, scope: SCOPE, client_id: CLIENT_ID };
    entries.set(key, { body, expiresAt: Date.now() / 1000 + HOURS_8 });
  }
  const user = new CacheKey({ clientId: CLIENT_ID }, undefined, "@@user@@").toKey();
  const claims = { sub: "agent", exp: Date.now() / 1000 + HOURS_8 };
  entries.set(user, { id_token: "id-token", decodedToken: { claims, user: { sub: "agent" } } });
  const cache = {
    get: (key) => entries.get(key),
    set: (key, entry) => void entries.set(key, entry),
    remove: (key) => void entries.delete(key),
    allKeys: () => [...entries.keys()],
  };
  const client = new Auth0Client({ domain: "login.example", clientId: CLIENT_ID, cache });
  return postWith((audience) => client.getTokenSilently({ authorizationParams: { audience } }), config);
}
