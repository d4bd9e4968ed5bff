import { once } from "node:events";
import { request } from "node:http";
import { text } from "node:stream/consumers";
import { GET_ATTEMPTS } from "./engines.mjs";

const STARTS = "/api/v2/screenrecordings";
const TOKEN = "/api/v2/tokens/me";
const AUTHORIZE = "/oauth/authorize";
const EXCHANGE = "/oauth/token";

/** What the API says to a token that it does not accept. */
export const UNAUTHENTICATED = { status: 401, body: { status: 401, code: "bad.credentials" } };

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

  /** A token of this organization. `options`: grant, format, scopes, homeOrgId, userId, permissions, expiresIn, claimOrgId. */
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

  /** The sessions of live monitoring, of which those that run have the state "recording". */
  async monitorings() {
    return (await this.ledger()).monitorings;
  }

  /** The captures of the made-up gateway, of which those that run have the state "recording". */
  async captures() {
    return (await this.ledger()).captures;
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

  /** Makes further organizations, until the next reset. All of their agents are logged in. */
  furtherOrgs(count, agents) {
    return this.#ask("orgs", { count, agents });
  }

  /** What happens to the next starts. */
  spoilStart(fault, times) {
    return this.spoil("POST", STARTS, fault, times);
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

  /** What happens to the next preflight of a start. */
  spoilPreflight(fault) {
    return this.spoil("OPTIONS", STARTS, fault);
  }

  /** What happens to the next requests of this kind that a page sends. The page sees it: the browser repeats nothing. */
  async spoil(method, path, fault, times = 1) {
    if (fault.reset || fault.status === 408) await this.change({ keepAlive: false });
    const attempts = method === "GET" && fault.reset ? GET_ATTEMPTS : 1;
    return this.#ask("faults", { method, path, fault, times: times * attempts });
  }

  /** Lets every request go on that a fault holds. */
  release() {
    return this.#ask("release", {});
  }

  /** What happens to the next start, on a connection that is kept: after some faults, the browser sends it again. */
  spoilKeptStart(fault) {
    return this.#ask("faults", { method: "POST", path: STARTS, fault });
  }

  /** Where people may be sent back to, beside what the servers know already. `clientId`: for another client than the default. */
  register(redirectUri, clientId) {
    return this.#ask("clients", { redirectUris: [redirectUri], clientId });
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
    const { status, text } = await askAlone(`${this.environment.api}/standin/${control}`, body);
    if (status >= 400) throw new Error(`/standin/${control} answers ${status}: ${text}`);
    return text && JSON.parse(text);
  }
}

/** Asks on a connection of its own: the cloud could be about to close a kept one. */
async function askAlone(url, body) {
  const asked = request(url, { method: body ? "POST" : "GET", agent: false });
  asked.end(body && JSON.stringify(body));
  const [answer] = await once(asked, "response");
  return { status: answer.statusCode, text: await text(answer) };
}
