import { GET_ATTEMPTS } from "./engines.mjs";

const STARTS = "/api/v2/screenrecordings";
const TOKEN = "/api/v2/tokens/me";
const AUTHORIZE = "/oauth/authorize";
const EXCHANGE = "/oauth/token";

/** The controls of the stand-in cloud (tests/cloud/README.md). */
export class Cloud {
  /** Every token text that was ever handed out: none of them may ever show. */
  issued = [];

  constructor(environment) {
    this.environment = environment;
  }

  static async of(environment) {
    const cloud = new Cloud(environment);
    for (const org of await cloud.#ask("orgs")) cloud[org.name.split(" ")[0].toLowerCase()] = org;
    return cloud;
  }

  /** A token of this organization. `options`: grant, format, scopes, homeOrgId, expiresIn, claimOrgId. */
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

  /** What became of every token that was issued: orgId, homeOrgId, source, revoked, expired. */
  async tokens() {
    return (await this.ledger()).tokens;
  }

  /** The sign-ins that were begun, with what they asked for. */
  async authorizations() {
    const asked = (await this.requests()).filter(({ method, path }) => method === "GET" && path === AUTHORIZE);
    return asked.map(({ query }) => Object.fromEntries(new URLSearchParams(query)));
  }

  /** What was asked of the token endpoint. */
  async exchanges() {
    return (await this.requests()).filter(({ path }) => path === EXCHANGE);
  }

  async revocations() {
    return (await this.requests()).filter(({ method }) => method === "DELETE");
  }

  /** The requests that would start a recording. */
  async starts() {
    return (await this.requests()).filter(({ method, path }) => method === "POST" && path === STARTS);
  }

  /** How often recordings were listed. */
  async lists() {
    return (await this.requests()).filter(({ method, path }) => method === "GET" && path === STARTS);
  }

  /** The requests that would stop a recording. */
  async stops() {
    return (await this.requests()).filter(({ method }) => method === "PATCH");
  }

  /** Starts a recording past every page. */
  async record(agent, org) {
    const token = await this.token(org);
    const response = await fetch(`${this.environment.api}${STARTS}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ agentId: agent.id, recordingType: "screen" }),
    });
    if (response.status !== 201) throw new Error(`the start for ${agent.name} is answered ${response.status}`);
    return response.json();
  }

  /** What happens to the next start. */
  spoilStart(fault) {
    return this.spoil("POST", STARTS, fault);
  }

  /** What happens to the next question whose token it is. */
  spoilWhose(fault) {
    return this.spoil("GET", TOKEN, fault);
  }

  /** What happens to the next sign-in page. */
  spoilSignIn(fault) {
    return this.spoil("GET", AUTHORIZE, fault);
  }

  /** What happens to the next request for a token. */
  spoilExchange(fault) {
    return this.spoil("POST", EXCHANGE, fault);
  }

  /** What happens to the next revocation. */
  spoilRevocation(fault) {
    return this.spoil("DELETE", TOKEN, fault);
  }

  /** What happens to the next times that recordings are listed. */
  spoilLists(fault, times) {
    return this.spoil("GET", STARTS, fault, times);
  }

  /** What happens to the next times that a recording is read. */
  spoilReads(fault, times) {
    return this.spoil("GET", `${STARTS}/*`, fault, times);
  }

  /** What happens to the next times that a recording is stopped. */
  spoilStops(fault, times) {
    return this.spoil("PATCH", `${STARTS}/*`, fault, times);
  }

  /** What happens to the next requests of this kind that a page sends. */
  spoil(method, path, fault, times = 1) {
    const attempts = method === "GET" && fault.reset ? GET_ATTEMPTS : 1;
    return this.#ask("faults", { method, path, fault, times: times * attempts });
  }

  /** Where people may be sent back to, beside what the servers know already. */
  register(redirectUri) {
    return this.#ask("clients", { redirectUris: [redirectUri] });
  }

  change(settings) {
    return this.#ask("settings", settings);
  }

  /** Moves the cloud's clock. `pageKnows`: the page's clock is moved as well. */
  advance(seconds, { pageKnows = false } = {}) {
    this.isAheadOfPage ||= !pageKnows;
    return this.#ask("clock", { advanceSeconds: seconds });
  }

  reset() {
    this.isAheadOfPage = false;
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
