// premium-recorder as it ships.
import { connect } from "premium-recorder";

/** `variant`: `shared`, `alone` (`share: false`) or `fetch` (`recorder.fetch`, if this version has it). */
export async function open({ api, apps, path, tokens, variant = "shared" }) {
  const [[target]] = tokens;
  const recorder = await connect({
    // A region's name, because the SDK of Genesys Cloud reads the same launch URL.
    environments: [{ name: "prod", api, login: apps, apps }],
    tokens: tokens.map(([, token]) => token),
    orgId: target,
  });
  if (variant === "fetch" && typeof recorder.fetch !== "function") return undefined;
  const options = (orgId) => (orgId === target ? undefined : { orgId });
  const posts = {
    shared: (orgId, agentId) => recorder.startRecording(agentId, options(orgId)),
    alone: (orgId, agentId) => recorder.startRecording(agentId, { ...options(orgId), share: false }),
    async fetch(orgId, agentId) {
      const response = await recorder.fetch(path, {
        ...options(orgId),
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ agentId, recordingType: "screen" }),
      });
      if (!response.ok) throw new Error(`status ${response.status}`);
      return response.json();
    },
  };
  return { recorder, post: posts[variant] };
}
