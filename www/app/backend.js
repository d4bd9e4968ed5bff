/** The vendor's own server, played by the stand-in cloud: it knows the customers, and obtains tokens of each of them. */
export class Backend {
  #api;
  #tokens = new Map();

  constructor(environment) {
    this.#api = environment.api;
  }

  /** The organizations that have installed the app, with their agents. */
  async orgs() {
    const orgs = await answer(await fetch(`${this.#api}/standin/orgs`));
    return orgs.map((org, index) => ({ ...org, index }));
  }

  /** A token of this organization. Of both forms that there are: Acme's is opaque, the others' are JWTs. */
  async token({ id, name }, options = {}) {
    const order = { orgId: id, format: name === "Acme" ? "opaque" : "jwt", ...options };
    const request = { method: "POST", body: JSON.stringify(order) };
    const { access_token: token } = await answer(await fetch(`${this.#api}/standin/tokens`, request));
    this.#tokens.set(id, token);
    return token;
  }

  /** Takes back the token that this organization got last. */
  async revoke({ id }) {
    const authorization = `Bearer ${this.#tokens.get(id)}`;
    await fetch(`${this.#api}/api/v2/tokens/me`, { method: "DELETE", headers: { authorization } });
  }

  /** What somebody does who has never heard that a token is for one organization: Acme's token, and Globex in a header. */
  async naiveStart(agentId, tokenOrg, headerOrg) {
    const response = await fetch(`${this.#api}/api/v2/screenrecordings`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${this.#tokens.get(tokenOrg.id) ?? (await this.token(tokenOrg))}`,
        "content-type": "application/json",
        "X-Genesys-Organization-Id": headerOrg.id,
      },
      body: JSON.stringify({ agentId, recordingType: "screen" }),
    });
    const { message } = await response.json();
    return { status: response.status, message, correlationId: response.headers.get("inin-correlation-id") };
  }
}

function answer(response) {
  if (!response.ok) throw new Error(`the vendor's server answers ${response.status}`);
  return response.json();
}
