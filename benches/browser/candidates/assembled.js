// What one would assemble by hand: oauth4webapi to sign in, ky to send, and the SDK of the page that embeds the app.
import * as oauth from "oauth4webapi";
import ClientApp from "purecloud-client-app-sdk";
import { open as openKy } from "./ky.js";

export function open(config) {
  const app = new ClientApp({ gcHostOriginQueryParam: "gcHostOrigin", gcTargetEnvQueryParam: "gcTargetEnv" });
  return { app, signIn: { begin, end }, ...openKy(config) };
}

/** Not called in the benchmark, but an app needs it, so it counts in the size. */
async function begin({ login, clientId, redirectUri }) {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const url = new URL("/oauth/authorize", login);
  url.search = new URLSearchParams({
    client_id: clientId,
    response_type: "code",
    redirect_uri: redirectUri,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  });
  return { url, verifier, state };
}

async function end({ login, clientId, redirectUri, verifier, state, returned }) {
  const server = { issuer: login, token_endpoint: `${login}/oauth/token` };
  const client = { client_id: clientId };
  const parameters = oauth.validateAuthResponse(server, client, returned, state);
  const answer = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    oauth.None(),
    parameters,
    redirectUri,
    verifier,
  );
  return oauth.processAuthorizationCodeResponse(server, client, answer);
}
