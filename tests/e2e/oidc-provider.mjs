// A login origin that nobody here wrote: oidc-provider, a certified OpenID Connect server. In front of the stand-in's api stands a
// server that knows its tokens, as a gateway does.
import { request as forward } from "node:http";
import Provider from "oidc-provider";
import { createMemoryAdapter } from "oidc-provider/lib/adapters/memory_adapter.js";
import { HOST, serveOn } from "../../scripts/ports.mjs";

export const CLIENT_ID = "premium-app";

/**
 * Starts both. `api` is the stand-in's, and `tokenFor` a function that resolves to a token there. People come back to
 * `redirectUris`. The settings `forgetsCodes` can be changed.
 */
export async function startProvider({ api, tokenFor, redirectUris }) {
  const settings = { forgetsCodes: false };
  let handle;
  const login = await server((request, response) => handle(request, response));
  const refreshes = [];
  const live = new Set();
  let provider;
  /** It knows nothing of what was before. */
  const restart = () => {
    provider = create(login.origin, redirectUris);
    handle = provider.callback();
    provider.on("grant.success", ({ oidc: { params } }) => {
      if (params.grant_type === "refresh_token") refreshes.push(params.refresh_token);
    });
    provider.on("access_token.saved", (token) => live.add(token));
    provider.on("authorization_code.saved", (code) => settings.forgetsCodes && code.destroy());
  };
  restart();

  const known = new Map();
  const gateway = await server(async (request, response) => {
    const bearer = request.headers.authorization?.replace("Bearer ", "");
    const headers = { ...request.headers };
    if (bearer) {
      if (!(await provider.AccessToken.find(bearer))?.isValid) return unauthenticated(response);
      if (!known.has(bearer)) known.set(bearer, tokenFor());
      headers.authorization = `Bearer ${await known.get(bearer)}`;
    }
    const passed = forward(`${api}${request.url}`, { method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    passed.on("error", () => response.destroy());
    request.pipe(passed);
  });
  return {
    settings,
    refreshes,
    restart,
    environment: { api: gateway.origin, login: login.origin },
    /** What an administrator does: the access tokens, and with `grants` what can be obtained with them, are gone. */
    async revoke({ grants = false } = {}) {
      for (const token of live) {
        if (grants) await provider.RefreshToken.revokeByGrantId(token.grantId);
        if (grants) await (await provider.Grant.find(token.grantId))?.destroy();
        await token.destroy();
      }
      live.clear();
    },
    close: () => Promise.all([login.close(), gateway.close()]),
  };
}

function create(origin, redirectUris) {
  return new Provider(origin, {
    adapter: createMemoryAdapter(),
    clients: [
      {
        client_id: CLIENT_ID,
        token_endpoint_auth_method: "none",
        application_type: "native",
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        redirect_uris: redirectUris,
      },
    ],
    routes: { authorization: "/oauth/authorize", token: "/oauth/token" },
    scopes: ["openid", "offline_access", "screenrecordings:write"],
    clientBasedCORS: () => true,
    // Every sign-in gives a refresh token, which is used once. A second use revokes the grant.
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    cookies: { keys: ["of-this-test"] },
  });
}

function unauthenticated(response) {
  response.writeHead(401, { "content-type": "application/json", "access-control-allow-origin": "*" });
  response.end(JSON.stringify({ status: 401, code: "bad.credentials", message: "Invalid login credentials." }));
}

async function server(handler) {
  const { port, close } = await serveOn(handler);
  return { origin: `http://${HOST}:${port}`, close };
}
