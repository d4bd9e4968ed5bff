// The vendor's own client signs in to the stand-in cloud and reads from it: a test of the stand-in's likeness, not of ours.
import assert from "node:assert/strict";
import { request as forward } from "node:http";
import { after, before, describe, test } from "node:test";
import { OTHER_SITE, serveOn } from "../../scripts/ports.mjs";
import { CLIENT_ID } from "../../scripts/serve.mjs";
import { browser as open } from "./browser.mjs";
import { bundled } from "./platform-sdk.mjs";

// It tries the token that it does not have before it signs in.
const UNAUTHENTICATED = /\/api\/v2\/tokens\/me - Failed to load resource: .* 401/;
const browser = open({ mayComplain: [UNAUTHENTICATED] });

const PAGE = `<!doctype html><title>Another client</title>
<link rel="icon" href="data:,"><script type="module" src="client.js"></script>`;
const PROGRAM = `
  import platform from "purecloud-platform-client-v2";
  const client = platform.ApiClient.instance;
  const clientId = ${JSON.stringify(CLIENT_ID)};
  const redirectUri = location.origin + "/";

  async function signIn(options) {
    const { protocol, hostname, port } = new URL(localStorage.gateway);
    client.setGateway({ protocol: protocol.slice(0, -1), host: hostname, port: Number(port), path_params_api: "platform" });
    const authData = await client.loginPKCEGrant(clientId, redirectUri, options);
    const token = await new platform.TokensApi().getTokensMe();
    const user = await new platform.UsersApi().getUsersMe({ expand: ["trustors"] });
    const organization = await new platform.OrganizationApi().getOrganizationsMe();
    return { authData: { state: authData.state }, token, user, organization };
  }

  window.begin = (options) => {
    const answer = (answers) => (window.answers = answers);
    signIn(options).then(answer, (error) => answer({ failure: String(error) }));
  };
  window.signOut = () => client.logout(redirectUri + "?signed-out");
  const query = new URLSearchParams(location.search);
  if (query.has("code") || query.has("error")) begin({});`;

let bundle, page, gateway;
before(async () => {
  bundle = await bundled(PROGRAM);
  page = await server(showClient);
  gateway = await server(passOn);
});
after(() => Promise.all([page?.close(), gateway?.close()]));

describe("purecloud-platform-client-v2", () => {
  test("signs in with PKCE and reads whose token it has", async () => {
    const { cloud } = browser;
    const { globex } = cloud;
    await signIn({ state: "of our own", target: globex.id }, globex);
    const { authData, token, user, organization } = await answers();
    assert.equal(authData.state, "of our own");
    assert.equal(token.organization.id, globex.id);
    assert.equal(token.organization.name, globex.name);
    assert.equal(token.homeOrganization.id, globex.id);
    assert.equal(token.OAuthClient.id, CLIENT_ID);
    assert.ok(token.authorizedScope.includes("screenrecordings:write"));
    assert.equal(user.id, globex.agents[0].id);
    assert.equal(user.name, globex.agents[0].name);
    assert.deepEqual(user.trustors, []);
    assert.equal(organization.id, globex.id);
    assert.deepEqual(
      (await cloud.exchanges()).map(({ grantType, issuedOrgId, status }) => ({ grantType, issuedOrgId, status })),
      [{ grantType: "authorization_code", issuedOrgId: globex.id, status: 200 }],
    );
  });

  test("of a partner's user, signed in to a customer: current and home organization differ", async () => {
    const { acme, globex, initech, northwind } = browser.cloud;
    await signIn({ target: acme.id }, northwind);
    const { token, user, organization } = await answers();
    assert.equal(token.organization.id, acme.id);
    assert.equal(token.homeOrganization.id, northwind.id);
    assert.equal(organization.id, acme.id);
    const trustors = user.trustors.map(({ organization, enabled }) => [organization.id, enabled]);
    assert.deepEqual(trustors, [
      [acme.id, true],
      [globex.id, true],
      [initech.id, false],
    ]);
  });

  test("hears that the person said no", async () => {
    await begin({});
    await browser.press("Deny");
    const { failure } = await answers();
    assert.match(failure, /\[access_denied\]/);
    assert.deepEqual(await browser.cloud.exchanges(), []);
  });

  test("signs out, and the next sign-in asks again", async () => {
    const { acme } = browser.cloud;
    await signIn({ target: acme.id }, acme);
    await answers();
    await browser.driver.executeScript("signOut()");
    await browser.until("the page is back, signed out", () =>
      browser.driver.executeScript("return location.search === '?signed-out' && Boolean(window.begin)"),
    );
    await browser.driver.executeScript("begin({ target: arguments[0] })", acme.id);
    await signInPage();
  });
});

async function begin(options) {
  await browser.cloud.register(page.address);
  await browser.cloud.register(`${page.address}?signed-out`);
  await browser.driver.get(page.address);
  await browser.driver.executeScript("localStorage.gateway = arguments[0]", gateway.address);
  await browser.until("the client is loaded", () => browser.driver.executeScript("return Boolean(window.begin)"));
  await browser.driver.executeScript("begin(arguments[0])", options);
  await signInPage();
}

function signInPage() {
  return browser.until("the sign-in page is there", () => browser.control("button", "Sign in"));
}

async function signIn(options, org) {
  await begin(options);
  await browser.signIn(org);
}

/** What the client says once it is back. */
async function answers() {
  let said;
  await browser.until("the client has its answers", async () => {
    said = await browser.driver.executeScript("return window.answers");
    return said;
  });
  return said;
}

function showClient(request, response) {
  const isScript = request.url === "/client.js";
  response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
  response.end(isScript ? bundle : PAGE);
}

/** The client knows its own regions, and else one gateway for both origins, which tells them apart by their paths. */
function passOn(request, response) {
  const { api, login } = browser.cloud.environment;
  const isApi = request.url.startsWith("/platform/");
  const origin = new URL(isApi ? api : login);
  const options = {
    method: request.method,
    path: isApi ? request.url.slice("/platform".length) : request.url,
    headers: { ...request.headers, host: origin.host },
  };
  const passed = forward(origin, options, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  request.pipe(passed);
}

async function server(handler) {
  const { port, close } = await serveOn(handler);
  return { address: `http://${OTHER_SITE}:${port}/`, close };
}
