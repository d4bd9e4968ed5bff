// A POST with the token that a library gives, for the libraries that send no requests.
export function postWith(getToken, { api, path }) {
  return {
    async post(orgId, agentId) {
      const response = await fetch(api + path, {
        method: "POST",
        headers: {
          authorization: `Bearer ${await getToken(orgId)}`,
          "content-type": "application/json",
          "x-genesys-organization-id": orgId,
        },
        body: JSON.stringify({ agentId, recordingType: "screen" }),
      });
      if (!response.ok) throw new Error(`status ${response.status}`);
      return response.json();
    },
  };
}
