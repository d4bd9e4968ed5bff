// What happened, as rows in order of time. The ledger of the stand-in cloud says what arrived and whose token it had. The widgets say
// which calls the app made, what the library concluded, and which calls it never sent.

const STARTS = "/api/v2/screenrecordings";
/** How far apart a widget and the ledger may see the same request, in milliseconds. */
const APART = 60_000;
/** A request without a status for longer than this has lost its connection, in milliseconds. */
const PENDING = 30_000;
/** Widgets that are opened together get their tokens within this time, in milliseconds. */
const TOGETHER = 10_000;

export class Story {
  #orgs;
  #ledger = { requests: [], recordings: [] };
  #exchanges = [];
  #calls = new Map();
  #tokens = [];
  #held = new Map();
  #sources = new Map();
  #naive = new Set();

  constructor(orgs) {
    this.#orgs = orgs;
  }

  set ledger(ledger) {
    this.#ledger = ledger;
  }

  /** Everything begins anew. */
  clear() {
    this.#ledger = { requests: [], recordings: [] };
    this.#exchanges = [];
    this.#calls.clear();
    this.#tokens = [];
    this.#held.clear();
    this.#sources.clear();
    this.#naive.clear();
  }

  /** A widget was closed or launched anew: it holds no token, and waits for none. */
  forget(widget) {
    this.#held.delete(widget);
    this.#sources.delete(widget);
  }

  add(widget, { kind, at, content }) {
    if (kind === "event") this.#addEvent(widget, at, content);
    if (kind === "call")
      this.#calls.set(content.id, { ...this.#calls.get(content.id), ...callAt(content, at), widget });
    if (kind === "tokens") this.#held.set(widget, content.held);
    if (kind === "naive") this.#naive.add(content.correlationId);
  }

  #addEvent(widget, at, event) {
    const { type, request, orgId } = event;
    if (type === "request") this.#exchanges.push({ widget, at, ...event, path: new URL(event.url).pathname });
    if (type === "answer") {
      const open = this.#exchanges.findLast(
        (each) => each.widget === widget && each.request === request && !each.answer,
      );
      if (open) open.answer = event;
    }
    if (type === "token-requested") this.#sourcesOf(widget).set(orgId, event.source);
    if (type === "token-filed") this.#tokens.push({ widget, at, source: this.#takeSource(widget, orgId), ...event });
  }

  /** Where the tokens come from that a widget waits for, by organization. Nobody has named one for `undefined`. */
  #sourcesOf(widget) {
    if (!this.#sources.has(widget)) this.#sources.set(widget, new Map());
    return this.#sources.get(widget);
  }

  /** Where the token comes from that a widget has waited for. Of a token that was given to it, nobody knows. */
  #takeSource(widget, orgId) {
    const sources = this.#sourcesOf(widget);
    const asked = sources.has(orgId) ? orgId : undefined;
    const source = sources.get(asked);
    sources.delete(asked);
    return source;
  }

  /** The tokens that the widgets hold, by organization: the summaries, each with its widget. */
  tokensOf(orgId) {
    return [...this.#held].flatMap(([widget, held]) =>
      held.filter((summary) => summary.orgId === orgId).map((summary) => ({ ...summary, widget })),
    );
  }

  get recordings() {
    return this.#ledger.recordings;
  }

  /** What the rows come to. */
  figures(rows) {
    const starts = rows.filter(({ kind }) => kind === "start");
    return {
      sent: starts.length,
      refused: starts.filter(({ outcome }) => outcome === "refused").length,
      never: rows.filter(({ kind }) => kind === "never").length,
      merged: starts.reduce((sum, { merged }) => sum + Math.max(0, merged - 1), 0),
      recordings: this.recordings.filter(({ state }) => state === "recording").length,
    };
  }

  rows() {
    const requests = this.#requests();
    const calls = [...this.#calls.values()];
    for (const call of calls) this.#conclude(call, requests);
    const never = calls.filter((call) => call.error && !call.wasSent).map((call) => this.#neverSent(call));
    return [...requests, ...never, ...this.#tokenRows(requests)].sort(
      (one, other) => one.at - other.at || one.place - other.place,
    );
  }

  #requests() {
    const rows = this.#ledger.requests
      .map((line, place) => ({ line, place }))
      .filter(({ line }) => line.origin !== "apps")
      .map(({ line, place }) => this.#request(line, place));
    this.#link(rows);
    for (const row of rows) row.outcome = outcome(row);
    return rows;
  }

  #request(line, place) {
    const agentId =
      line.agentId ?? new URLSearchParams(line.query ?? "").get("agentId") ?? this.#recordingAt(line.path)?.agentId;
    const agent = this.#agent(agentId);
    const kind = kindOf(line);
    return {
      id: `request ${place}`,
      place,
      kind,
      at: line.receivedAt,
      method: line.method,
      path: line.path + (line.query ? `?${decodeURIComponent(line.query)}` : ""),
      pathname: line.path,
      tokenOrg: this.#org(line.tokenOrgId),
      headers: Object.entries(line.orgHeaders ?? {}).map(([name, value]) => [name, this.#org(value)?.name ?? value]),
      agent,
      // Whom the request is about: the agent's organization, or else that of the token.
      targetOrg: agent?.org ?? this.#org(line.issuedOrgId ?? line.targetOrgId ?? line.tokenOrgId),
      status: line.status,
      correlationId: line.correlationId,
      naive: this.#naive.has(line.correlationId),
      merged: 0,
    };
  }

  // By correlation ID. Requests whose answer was lost have none: they are known by what they ask, and when.
  #link(rows) {
    const open = [];
    for (const exchange of this.#exchanges) {
      const id = exchange.answer?.correlationId;
      const row = id && rows.find(({ correlationId }) => correlationId === id);
      if (row) row.exchange = exchange;
      else open.push(exchange);
    }
    for (const exchange of open) {
      const fits = rows
        .filter(
          (row) => !row.exchange && !row.naive && row.method === exchange.method && row.pathname === exchange.path,
        )
        .filter(({ at }) => Math.abs(at - exchange.at) < APART)
        .sort((one, other) => Math.abs(one.at - exchange.at) - Math.abs(other.at - exchange.at));
      if (fits[0]) fits[0].exchange = exchange;
    }
    for (const row of rows) {
      row.widget = row.exchange?.widget;
      row.durationMs = row.exchange?.answer?.durationMs;
    }
  }

  /** What became of a call: the requests that it sent, which of them was repaired, and how many calls shared one. */
  #conclude(call, requests) {
    const end = call.settledAt ?? Infinity;
    const isOfAgent = (row) => row.agent?.id === call.agentId && !row.naive;
    const during = (row) => row.at <= end && row.at + (row.durationMs ?? 0) >= call.begunAt;
    const starts = requests.filter((row) => row.kind === "start" && isOfAgent(row) && during(row));
    call.wasSent = starts.length > 0;
    for (const look of requests.filter((row) => row.kind === "list" && isOfAgent(row) && during(row)))
      look.kind = "look";
    if (starts.length === 0) return;
    starts.at(-1).merged += 1;
    const own = starts.filter(({ widget }) => widget === undefined || widget === call.widget);
    own.forEach((row, at) => {
      const next = own[at + 1];
      row.repaired ||= next !== undefined && [401, 403, 429].includes(row.status);
      row.again ||= at > 0;
    });
    const last = own.at(-1);
    if (last && call.settledAt) last.call = call;
  }

  #neverSent(call) {
    const tokenOrg = this.#org(call.error.tokenOrgId);
    return {
      id: `call ${call.id}`,
      place: Infinity,
      kind: "never",
      at: call.settledAt,
      widget: call.widget,
      call,
      agent: this.#agent(call.agentId),
      tokenOrg,
      targetOrg: this.#org(call.orgId),
      outcome: "never",
      headers: [],
      merged: 0,
    };
  }

  // Widgets that get the same token at the same time are one row.
  #tokenRows(requests) {
    const rows = [];
    for (const row of this.#eachToken(requests)) {
      const same = rows.findLast(({ tokenOrg, how }) => tokenOrg === row.tokenOrg && how === row.how);
      if (same && row.at - same.at < TOGETHER && !same.inWidgets.includes(row.widget)) same.inWidgets.push(row.widget);
      else rows.push({ ...row, inWidgets: [row.widget] });
    }
    return rows;
  }

  #eachToken(requests) {
    return this.#tokens.map((token, place) => {
      const org = this.#org(token.orgId);
      const isSignIn =
        token.source === "login" ||
        requests.some((row) => row.kind === "exchange" && row.targetOrg === org && Math.abs(row.at - token.at) < 3000);
      return {
        id: `token ${place}`,
        place,
        kind: "token",
        at: token.at,
        widget: token.widget,
        tokenOrg: org,
        targetOrg: org,
        how: isSignIn ? "login" : (token.source ?? "given"),
        outcome: "ok",
        scopes: token.scopes,
        knownBy: token.knownBy,
        headers: [],
        merged: 0,
      };
    });
  }

  #org(orgId) {
    return orgId ? this.#orgs.find(({ id }) => id === orgId) : undefined;
  }

  #agent(agentId) {
    for (const org of agentId ? this.#orgs : []) {
      const agent = org.agents.find(({ id }) => id === agentId);
      if (agent) return { ...agent, org };
    }
    return undefined;
  }

  #recordingAt(path) {
    const id = path.startsWith(`${STARTS}/`) && decodeURIComponent(path.slice(STARTS.length + 1));
    return id ? this.#ledger.recordings.find((recording) => recording.id === id) : undefined;
  }
}

function callAt({ state, ...call }, at) {
  return state === "begun" ? { ...call, begunAt: at } : { ...call, settledAt: at };
}

function kindOf({ origin, method, path }) {
  if (origin === "login") return path === "/oauth/token" ? "exchange" : "authorize";
  if (path === STARTS) return method === "POST" ? "start" : "list";
  if (path.startsWith(`${STARTS}/`)) return method === "PATCH" ? "stop" : "read";
  if (path === "/api/v2/tokens/me") return method === "DELETE" ? "revoke" : "whose";
  return path.startsWith("/api/v2/users") ? "user" : "other";
}

function outcome({ status, exchange, at }) {
  if (status === null) return exchange?.answer || Date.now() - at > PENDING ? "lost" : "pending";
  if (status >= 500 || status === 408) return "failed";
  return status >= 400 ? "refused" : "ok";
}
