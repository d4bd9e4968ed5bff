// The SDK of Genesys Cloud. One ApiClient has one token, so there is one for each organization.
import platformClient from "purecloud-platform-client-v2";

export function open({ api, path, tokens }) {
  const clients = new Map(tokens.map(([orgId, token]) => [orgId, clientWith(api, token)]));
  return {
    post(orgId, agentId) {
      const headers = { "x-genesys-organization-id": orgId };
      const body = { agentId, recordingType: "screen" };
      const json = ["application/json"];
      return clients.get(orgId).callApi(path, "POST", {}, {}, headers, {}, body, ["PureCloud OAuth"], json, json);
    },
  };
}

function clientWith(api, token) {
  const client = new platformClient.ApiClientClass();
  client.config.basePath = api;
  client.setAccessToken(token);
  return client;
}
