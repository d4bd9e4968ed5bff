const STARTS = "/api/v2/screenrecordings";

/** The controls of the stand-in cloud (tests/cloud/README.md). */
export class Cloud {
  /** Every token text that was ever handed out: none of them may ever show. */
  issued = [];

  constructor(environment) {
    this.environment = environment;
  }

  static async of(environment) {
    const cloud = new Cloud(environment);
    for (const org of await cloud.#ask("orgs")) cloud[org.name.toLowerCase()] = org;
    return cloud;
  }

  /** A token of this organization. `options`: format, scopes, homeOrgId, expiresIn, claimOrgId. */
  async token(org, options) {
    const { access_token: token } = await this.#ask("tokens", { orgId: org.id, format: "jwt", ...options });
    this.issued.push(token);
    return token;
  }

  ledger() {
    return this.#ask("ledger");
  }

  async requests() {
    return (await this.ledger()).requests;
  }

  async recordings() {
    return (await this.ledger()).recordings;
  }

  /** The requests that would start a recording. */
  async starts() {
    return (await this.requests()).filter(({ method, path }) => method === "POST" && path === STARTS);
  }

  /** What happens to the next start. */
  spoilStart(fault) {
    return this.#ask("faults", { method: "POST", path: STARTS, fault });
  }

  /** What happens to the next question whose token it is. */
  spoilWhose(fault) {
    return this.#ask("faults", { method: "GET", path: "/api/v2/tokens/me", fault });
  }

  change(settings) {
    return this.#ask("settings", settings);
  }

  advance(seconds) {
    return this.#ask("clock", { advanceSeconds: seconds });
  }

  reset() {
    return this.#ask("reset", {});
  }

  async #ask(control, body) {
    const request = body && { method: "POST", body: JSON.stringify(body) };
    const response = await fetch(`${this.environment.api}/standin/${control}`, request);
    const text = await response.text();
    if (!response.ok) throw new Error(`/standin/${control} answers ${response.status}: ${text}`);
    return text && JSON.parse(text);
  }
}
