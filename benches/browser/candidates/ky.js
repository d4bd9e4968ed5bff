// ky and a Map of tokens.
import ky from "ky";

export function open({ api, path, tokens }) {
  const held = new Map(tokens);
  const client = ky.create({ prefix: api });
  return {
    post(orgId, agentId) {
      const headers = { authorization: `Bearer ${held.get(orgId)}`, "x-genesys-organization-id": orgId };
      return client.post(path.slice(1), { headers, json: { agentId, recordingType: "screen" } }).json();
    },
  };
}
