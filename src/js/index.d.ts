/// <reference lib="esnext.disposable" />

/**
 * Starts a screen recording in the agent's own Genesys Cloud organization, with that organization's own token.
 *
 * The recording API (`POST /api/v2/screenrecordings`) comes from this project's source document and is not part of
 * Genesys' published Platform API: see {@link RecordingContract}.
 *
 * @module premium-recorder
 */

/**
 * Reads the launch URL, decides on the environment, and files the tokens, each under its own organization.
 * A JWT is filed by its `org_id` claim; an opaque token is asked about once, with
 * `GET /api/v2/tokens/me?preserveIdleTTL=true` at its own environment.
 *
 * Where the page comes back from a sign-in by redirect (`login.mode: "redirect"`), connect() completes it: the code is
 * removed from the address bar and exchanged for a token, and the launch URL's parameters are what they were before.
 * A connect() that rejects for it has used the sign-in up; the next one connects without. With `login`, connect() also
 * takes over a token of the target organization that another page shares (see `shareTokens`). With `login.on: "connect"`,
 * connect() signs in.
 *
 * If the app runs inside Genesys Cloud, the launch URL names no organization. Then the first call that needs a token asks
 * `getToken` or `login` without an organization. The cloud says whose token came back, and that organization becomes the
 * target (`recorder.orgId`).
 *
 * The first call also loads the WebAssembly module.
 *
 * @throws {RecorderError} `NO_LAUNCH_CONTEXT`, `UNKNOWN_ENVIRONMENT`, `INSECURE_ORIGIN`, `BAD_ARGUMENT`,
 *   `TOKEN_MALFORMED`, `UNAUTHENTICATED`, `NETWORK`, `TIMEOUT`, `WASM_BLOCKED`, `WASM_LOAD_FAILED`, `INIT_CONFLICT`,
 *   or what the cloud answered about an opaque token; after a sign-in by redirect also `LOGIN_DENIED`,
 *   `LOGIN_STATE_MISMATCH`, `LOGIN_WRONG_ORG`; with `login.on: "connect"` also what {@link Recorder.signIn} throws.
 *
 * @example
 * // The launch URL is https://your.app/?gcHostOrigin={{gcHostOrigin}}&gcTargetEnv={{gcTargetEnv}}
 * const recorder = await connect({ login: { clientId: "…", redirectUri: "https://your.app/callback.html" } });
 * button.onclick = async () => {
 *   const recording = await recorder.startRecording(agentId);
 * };
 */
export function connect(options?: ConnectOptions): Promise<Recorder>;

/**
 * `connect()` with no options if nobody has connected yet, then {@link Recorder.startRecording} of the recorder that was
 * connected last, also when it is closed (`CLOSED`).
 */
export function startRecording(agentId: string, options?: StartOptions): Promise<Recording>;

/** Whether a value is a {@link RecorderError}: of this copy of the package or another one, in this frame or another. */
export function isRecorderError(error: unknown): error is RecorderError;

/**
 * Any error as a line of the doctor's report: `check` is its code, `found` its message and evidence. What is no
 * {@link RecorderError} becomes `UNKNOWN`, with its own name and message as they are.
 */
export function explain(error: unknown): DiagnosisLine;

/** The package's version. */
export const version: string;

/**
 * How to connect. An option of another name is refused, and so is `null`: leave out what you do not need.
 *
 * In every options object, also a nested one, only the object's own enumerable properties count. An instance of a class
 * gives its fields, but not the accessors and methods of its class.
 */
export interface ConnectOptions {
  /**
   * Access tokens that are held already, each of one organization: the bearer alone, at most 16 KiB. One that can not
   * be filed makes connect() reject; an expired JWT is filed and counts as expired.
   */
  tokens?: string[];
  /**
   * Called when a token is needed that is not held, has expired or was refused, and shortly before one expires (a tenth
   * of its life, at most 60 s), without anybody waiting for it. Calls for the same organization at the same time share
   * one, in every page of this origin (see `shareTokens`). If nobody has named an organization and no token is held,
   * `need.orgId` is absent: return the token of the organization that your session is for. What it throws becomes the `cause` of `TOKEN_SOURCE_FAILED`;
   * a token of another organization becomes `TOKEN_SOURCE_WRONG_ORG` and is dropped. `null` or `undefined` says that it
   * has none: `login` is next, where there is one. With zone.js (Angular), each callback runs in the zone in which it was
   * given.
   */
  getToken?: (need: TokenNeed) => IssuedToken | null | undefined | Promise<IssuedToken | null | undefined>;
  /** Signs a person in, where no token is held and `getToken` (if any) has none. */
  login?: LoginOptions;
  /**
   * Whether a token that `getToken` or `login` gave is handed to other pages, frames and tabs of this origin that need
   * one of the same organization: those that run this library with the same kind of source (`getToken`, or the same
   * client id), in the same storage partition. It is handed over in memory, on request, and never stored. They obtain
   * one at a time, where the platform has Web Locks. `false`: each obtains its own. Default: `true`.
   */
  shareTokens?: boolean;
  /**
   * The target organization (a UUID), if the launch URL does not name one or names another one. Without either, the token
   * that `getToken` or `login` gives decides.
   */
  orgId?: string;
  /**
   * Where the app runs: a region's domain (`"mypurecloud.ie"`), environment name (`"prod-euw1"`) or AWS name
   * (`"eu-west-1"`), or a name from `environments`. Default: what the launch URL says, by `gcHostOrigin` and
   * `gcTargetEnv`, which must agree, or else by `pcEnvironment`, the domain of a region. There is no other default. The
   * URL is whoever's who wrote it: name the environment here if your tokens are of one only.
   */
  environment?: string;
  /** The URL that the host opened, with its query. Default: `location.href`. */
  launchUrl?: string | URL;
  /** The names of your launch URL's parameters, if they are neither the official ones nor those of Genesys' samples. */
  launchParams?: LaunchParams;
  /** Environments other than Genesys' regions: a private cloud, or one on this machine. */
  environments?: EnvironmentEntry[];
  /** What differs from the default recording API. */
  contract?: RecordingContract;
  /**
   * Where the WebAssembly module is, served with any MIME type; `application/wasm` lets it compile while it loads.
   * Default: `premium_recorder_bg.wasm` beside the JavaScript. In Node and in bundles that do not know their own address
   * (IIFE, CommonJS), pass it. A second connect() may leave it out or must give the same address or equal bytes. After a
   * `TIMEOUT` while the module was loading, the next connect() fetches it again, and uses the response that comes first.
   */
  wasm?: string | URL | Response | BufferSource | WebAssembly.Module;
  /**
   * The longest time that a call may take, in milliseconds: above 0, at most 2147483647. Default: 15000. Waiting for the
   * WebAssembly module, or for a connection that is still being made, counts apart, with the same limit.
   */
  timeoutMs?: number;
  /**
   * Told of everything that happens, for telemetry: see {@link RecorderEvent}. Called in a later turn, in order; what it
   * throws harms nothing and is told on the console, once. Never given any text of a token.
   */
  onEvent?: (event: RecorderEvent) => void;
}

/**
 * Your own names of launch parameters: `{ hostOrigin: "host" }` reads `?host={{gcHostOrigin}}`. The checks stay the same. Your
 * name replaces the aliases of {@link LaunchContext}; the official name still counts. Two parameters that give one thing
 * differently are a `BAD_ARGUMENT`, and so are an empty name and one name for two things.
 */
export type LaunchParams = Partial<
  Record<"hostOrigin" | "targetEnv" | "environment" | "orgId" | "langTag" | "conversationId", string>
>;

/**
 * How to sign in: authorization code with PKCE (S256) at the login origin of the environment, for one organization
 * (`target`), or for the one that the person chooses if nobody has named one. Needs Web Crypto, so a secure context.
 *
 * A token that it gives is asked about (`GET /api/v2/tokens/me`) before it is used. Where the cloud gives a refresh
 * token, it is kept in memory and used once at a time.
 */
export interface LoginOptions {
  /** Id of the OAuth client (public, code grant with PKCE), where there is one for all environments. */
  clientId?: string;
  /**
   * Ids of the OAuth clients by environment, with any name that `environment` takes: `{ "mypurecloud.ie": "…" }`. A name of no
   * environment is a `BAD_ARGUMENT`.
   */
  clientIds?: Record<string, string>;
  /**
   * The redirect URI, letter by letter as it is registered with the OAuth client, on this page's own origin. With
   * `"popup"`: where you serve the package's `callback.html` (and `callback.js` beside it). With `"redirect"`: a page
   * that calls connect().
   */
  redirectUri: string;
  /**
   * `"popup"` (default) opens a window, so the call that needs a token must be made in a click or a key press. With
   * `getToken`, the window opens only if `getToken` has no token. WebKit (Safari) blocks such a late window: the call
   * rejects with `LOGIN_BLOCKED`, and the next call opens the window at once.
   * `"redirect"` takes this page to the sign-in and back to `redirectUri`; the call that needed the token ends with the
   * page, and is for you to make again after connect(). In an iframe of another site, browsers send the login origin's
   * cookies only if they are `SameSite=None`. Otherwise the iframe stays on the login page, and the app gets no error.
   */
  mode?: "popup" | "redirect";
  /**
   * When to sign in. `"call"` (default): when a call needs a token. `"connect"`: in connect(), unless a token is held. With mode
   * `"redirect"` this needs no click, and inside Genesys Cloud the person sees nothing of it, because the host's session signs
   * in. A page that has come back from a sign-in does not leave again until it is reloaded: if the sign-in failed, every
   * connect() rejects with its error. With mode `"popup"`, call connect() in a click.
   */
  on?: "call" | "connect";
  /** `"login"`: always ask who signs in, even where a cookie remembers somebody. */
  prompt?: "login";
  /** Who is expected to sign in: an email address, an organization's name, or `email:organization`. */
  loginHint?: string;
  /**
   * OAuth scopes to ask for, with one blank between them (RFC 6749 §3.3). Default: no `scope` is sent, and Genesys Cloud
   * grants the scopes of the OAuth client. Other servers may refuse without it (`LOGIN_DENIED`).
   */
  scope?: string;
  /**
   * What becomes of a token of another organization than the one that was asked for: `"drop"` (default) forgets it,
   * `"file"` keeps it for its own. The call fails with `LOGIN_WRONG_ORG` either way; but a connect() after a redirect
   * fails only with `"drop"`, since there would be no recorder to keep it.
   */
  wrongOrg?: "drop" | "file";
  /**
   * The organizations (UUIDs) of your customers. A sign-in that ends in another one is `LOGIN_WRONG_ORG`, and its token is
   * forgotten. A call for another one opens no window. Default: every organization.
   */
  allowedOrgIds?: string[];
  /**
   * The longest time that the person may take, in milliseconds: above 0, at most 2147483647. Default: 120000. While
   * somebody signs in, the `timeoutMs` of the calls that wait for it stands still.
   */
  timeoutMs?: number;
}

/** Which token is needed. */
export interface TokenNeed {
  /** Name of the environment that the token must be of, as in {@link Environment.name}. */
  environment: string;
  /**
   * The organization that the token must be of. Absent if nobody has named one and no token is held: the organization of your
   * token becomes the target.
   */
  orgId?: string;
  /** OAuth scopes that the token must have. */
  scopes: string[];
  /**
   * Why: none is held, the one held has expired, the cloud has refused it (401), or it turned out to be of another
   * organization (403).
   */
  reason: "missing" | "expired" | "rejected" | "wrong-org";
  /** Aborts when nobody waits for the token any more, before it was given. */
  signal: AbortSignal;
}

/**
 * A token, alone or with its life in seconds as OAuth's `expires_in` gives it: a finite number, 0 or more. Only the object's
 * own properties count. `expiresIn` is the time left now, not the token's original life. If it contradicts a JWT's `exp` that has
 * passed, the library trusts `expiresIn`.
 */
export type IssuedToken = string | { accessToken: string; expiresIn?: number | null };

/** An environment that the app opts in to. */
export interface EnvironmentEntry {
  /**
   * A name of your own, for `environment` and `gcTargetEnv`. If all three origins are `localhost` or `127.0.0.1`, it may be a
   * region's name, such as `"prod"`: Genesys' Client App SDK accepts no other `gcTargetEnv`.
   */
  name: string;
  /** Origin of the Platform API, such as `"https://api.cloud.example"`. Plain http only on `localhost` or `127.0.0.1`. */
  api: string;
  /** Origin of the OAuth endpoints. */
  login: string;
  /** Origin of the page that embeds the app: what `gcHostOrigin` must be. */
  apps: string;
  /**
   * Issuer identifier of the login origin, compared whole with the `iss` of its responses (RFC 9207). Needed only if `iss` has
   * none of the three origins, as with a proxy in front of the login server.
   */
  issuer?: string;
}

/** Where the app runs. A token goes to `api` (and, to sign in, `login`) of its own environment and nowhere else. */
export interface Environment {
  readonly name: string;
  readonly api: string;
  readonly login: string;
  readonly apps: string;
}

/**
 * What the host said in the launch URL. A hint: none of it proves anything about a token. Each value is read from its official
 * parameter, from the alias that Genesys' own samples use, or from your own one (`launchParams`).
 */
export interface LaunchContext {
  /** `gcHostOrigin`, alias `hostOrigin` */
  readonly hostOrigin?: string;
  /** `gcTargetEnv`, alias `targetEnv` */
  readonly targetEnv?: string;
  /** `pcEnvironment`, alias `environment` if it is a region's domain */
  readonly pcEnvironment?: string;
  /** `orgId`: not a placeholder of Genesys Cloud; the vendor writes it into the URL of each installed instance. */
  readonly orgId?: string;
  /** `gcLangTag` or `pcLangTag`, alias `langTag` */
  readonly langTag?: string;
  /** `gcConversationId` or `pcConversationId`, aliases `conversationId` and `conversationid` */
  readonly conversationId?: string;
  /** `gcInteractionId` */
  readonly interactionId?: string;
  /** `gcInteractionType` */
  readonly interactionType?: string;
  /** `gcWorkitemId` */
  readonly workitemId?: string;
  /** `pcUsePopupAuth` or `gcUsePopupAuth`, alias `usePopupAuth`. The library does not act on it. */
  readonly usePopupAuth?: string;
}

/** Options of {@link Recorder.fetch}. `redirect`, `credentials`, `mode` and `referrer` are the library's. */
export interface FetchInit {
  /** `GET`, `HEAD`, `OPTIONS`, `POST`, `PUT`, `PATCH` or `DELETE`. Default: `GET`. */
  method?: string;
  headers?: HeadersInit;
  /** What `fetch` takes. A stream needs a browser that can send one (`BAD_ARGUMENT` otherwise) and HTTP/2, and is sent once. */
  body?: BodyInit | null;
  /** Aborts the call, and the body of its response. The call rejects with `signal.reason`. */
  signal?: AbortSignal;
  /** The organization, instead of the recorder's. */
  orgId?: string;
  /** The time until the response's headers, or the body's end for 401, 403 and 429, in milliseconds. Default: connect()'s. */
  timeoutMs?: number;
  /** Whether sending the request twice has the same effect as once. Default: `true` for `GET`, `HEAD` and `OPTIONS`. */
  idempotent?: boolean;
  /** For TypeScript's sake, if `body` is a stream. */
  duplex?: "half";
}

/** A JSON value. */
export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

/**
 * The recording API, as data. Every part is optional, and replaces the default's. The default is what a forum thread describes; it is
 * not in Genesys' published API. `premium-recorder/contracts` has a published API as such a contract.
 *
 * Paths and bodies have placeholders: `{agentId}` and `{recordingType}` in `start`, `{id}` and `{agentId}` in `read` and `stop`,
 * `{agentId}` in `list`. In a path, a value is percent-encoded. A contract that cannot work is a `BAD_ARGUMENT` with the reason.
 */
export interface RecordingContract {
  /**
   * Path of the collection, from the API's origin: the other paths follow from it (`{path}`, `{path}/{id}`,
   * `{path}?agentId={agentId}`). Default: `"/api/v2/screenrecordings"`.
   */
  path?: string;
  /** How a recording starts. Default: `POST {path}` with `{ agentId: "{agentId}", recordingType: "{recordingType}" }`. */
  start?: { method?: "POST" | "PUT"; path?: string; body?: Json | null };
  /** How a recording is read. `missingMeansStopped`: a 404 means that it has stopped. Default: `GET {path}/{id}`, `false`. */
  read?: { path?: string; missingMeansStopped?: boolean };
  /**
   * How recordings are listed. `items`: the dotted name of the array in the response; `""` if the response is the array. A
   * parameter of the query whose value is not known is left out. `null`: there is no list. Then recordings() is a `BAD_ARGUMENT`,
   * and a start without a response is `OUTCOME_UNKNOWN`. Default: `GET {path}?agentId={agentId}`, `"entities"`.
   */
  list?: { path?: string; items?: string } | null;
  /**
   * How a recording stops. `missingMeansStopped`: a 404 means that it has stopped already. Default: `PATCH {path}/{id}` with
   * `{ state: "stopped" }`, `false`. A `DELETE` has no body unless you give one.
   */
  stop?: {
    method?: "PATCH" | "POST" | "PUT" | "DELETE";
    path?: string;
    body?: Json | null;
    missingMeansStopped?: boolean;
  };
  /**
   * Dotted names of the fields in a response. `null`: there is no such field. Without `state`, what the cloud describes runs. With
   * `startedBy`, a list's recordings of other users than the token's (`GET /api/v2/users/me`, scope `user-basic-info`) are left out;
   * if the cloud does not say who that is, none of them can be read. Defaults: `id`,
   * `agentId`, `organizationId`, `recordingType`, `state`, `startedAt`, and none for `startedBy`. An id may be a whole number.
   */
  fields?: {
    id?: string;
    agentId?: string | null;
    orgId?: string | null;
    recordingType?: string | null;
    state?: string | null;
    startedAt?: string | null;
    startedBy?: string | null;
  };
  /**
   * The cloud's words for a recording that runs and for one that has stopped, in any case. With `recording: []`, everything runs
   * that has not stopped. Defaults: `["recording"]`, `["stopped"]`.
   */
  states?: { recording?: string[]; stopped?: string[] };
  /**
   * Codes of the cloud's refusals that mean that the agent is being recorded already, beside the status 409. The running recording
   * is the result then, if the list has it, and otherwise the call rejects with `CONFLICT`. Default: none.
   */
  alreadyRunning?: string[];
  /**
   * Names of the headers that carry the target organization's id; `[]` for none. Default: `["X-Genesys-Organization-Id"]`.
   * A header that browsers do not let a page set, such as `Via` or `Sec-…`, is a `BAD_ARGUMENT`.
   */
  orgHeaders?: string[];
  /** OAuth scope that a start needs: short for `scopes: { start: [scope] }`. Default: `"screenrecordings:write"`. */
  scope?: string;
  /** OAuth scopes, one of which is enough for a start or stop, and for a read. `[]` if it is not known. Default of `read`: `start`. */
  scopes?: { start?: string[]; read?: string[] };
  /**
   * Name of a header, such as `"Idempotency-Key"`, by which the cloud knows a start again: each start carries a random
   * UUID of its own in it, the same when it is sent again. Only for a cloud that is known to take it, and whose CORS lets
   * it through. It prevents a second recording if the browser itself repeats a `POST` after its connection
   * broke. Default: none is sent.
   */
  idempotencyHeader?: string;
  /**
   * `true`: every user's connection to the API is HTTP/2. The body of a start is then sent as a stream, which Chromium does not
   * send again by itself. Over HTTP/1.1, Chromium refuses a streamed body, and a page cannot tell: every start fails with
   * `OUTCOME_UNKNOWN`. A proxy that inspects TLS may fall back to HTTP/1.1, for one customer only. Firefox and WebKit cannot
   * stream a body. They send the start as usual, and the event `start-not-streamed` says so. Instead of repeating a streamed
   * body, the network process of Chromium 156 sometimes crashes, and the browser's requests in flight fail. Default: `false`.
   */
  http2?: boolean;
  /**
   * `true`: a second after each start, look once whether another recording of the agent began with it (one `GET`, left out
   * if the token's rate limit is reached). The event `duplicate-recording` names what was found. Default: `false`.
   */
  checkDuplicates?: boolean;
}

/**
 * Starts recordings in one environment. After a panic (`PANICKED`) it goes on with the next call: same configuration and
 * target, no tokens, so `getToken` or `login` is asked; those given by `tokens` or addToken() have to be given again.
 */
export interface Recorder {
  /** Where the app runs. */
  readonly environment: Environment;
  /**
   * The organization that a call without `orgId` is for: the last switchOrg()'s, else connect()'s option, else the
   * launch URL's, else the organization that a sign-in or `getToken` has decided on, else the only one that a token is held
   * for; else `undefined`.
   */
  readonly orgId: string | undefined;
  /** What the host said. */
  readonly launch: LaunchContext;
  /** The organizations that tokens are held for. Never any text of a token. */
  orgs(): OrgSummary[];
  /**
   * Files a token under its own organization, in place of one held for it; but one that has expired does not take the
   * place of one that has not.
   *
   * @throws {RecorderError} `TOKEN_MALFORMED`, `UNAUTHENTICATED`, `NETWORK`, `TIMEOUT`, `CLOSED`
   */
  addToken(token: string): Promise<OrgSummary>;
  /**
   * Makes sure that a token is held, and signs in if none is: call it in a click or key press. With `orgId` as switchOrg().
   * Without it, for the organization that calls are for; if nobody has named one, the person decides, and that organization
   * becomes the target. A valid token in memory is enough: to change the account, call signOut() before.
   *
   * @throws {RecorderError} as switchOrg(); `LOGIN_WRONG_ORG` also for an organization that is not in `login.allowedOrgIds`.
   */
  signIn(options?: SignInOptions): Promise<OrgSummary>;
  /**
   * The organizations that have authorized the signed-in user's own one, from `GET /api/v2/users/me?expand=trustors`
   * with the token of the target organization: a partner's user may sign in to those that are enabled. The list is empty
   * for a user whom no other organization trusts.
   *
   * @throws {RecorderError} as switchOrg(), if no token of the target organization is held, and what the cloud answered.
   */
  availableOrgs(): Promise<AvailableOrg[]>;
  /**
   * Makes sure of a token of this organization, then makes it the target of the calls to come. If that fails, the
   * target stays as it was. Of several switches at the same time, the one that was called last and succeeds decides.
   *
   * @throws {RecorderError} `BAD_ARGUMENT`, `NO_TOKEN`, `ORG_MISMATCH`, `TOKEN_EXPIRED`, `TOKEN_SOURCE_FAILED`,
   *   `TOKEN_SOURCE_WRONG_ORG`, `NETWORK`, `TIMEOUT`, `CLOSED`; with `login` also `LOGIN_BLOCKED`, `LOGIN_CANCELLED`,
   *   `LOGIN_DENIED`, `LOGIN_STATE_MISMATCH`, `LOGIN_WRONG_ORG`, `LOGIN_TIMEOUT`
   */
  switchOrg(orgId: string): Promise<OrgSummary>;
  /**
   * Starts a recording of this agent's screen, with a token of the target organization and of no other.
   *
   * **At most one recording.** Calls `fetch` for the start once, and a second time only where the cloud said that it did
   * not run it and what stood in the way is gone: another token was obtained for one that was refused (401) or was of
   * another organization (403), or the wait that the cloud asked for is over (429). A start whose answer is lost
   * (connection, time-out, 408, 421, 425, 5xx, unreadable) is not sent again but looked for (`GET {path}?agentId=`, twice within
   * a second): it resolves to the one recording of the agent that began since it was sent, has not ended, is of this
   * `recordingType` if it says so, and is not known to be another start's; or rejects with `OUTCOME_UNKNOWN`. Since when is
   * told by the cloud's clock, within 2 s, where CORS exposes its `Date`; otherwise the library assumes that the clocks
   * agree. If this machine's clock is slow, a recording that somebody else started just before can be mistaken for this one.
   * If it is far off, no recording is found (`OUTCOME_UNKNOWN`). After a time-out this takes at most
   * 5 s more. (What the browser does below `fetch` is its own: see {@link RecordingContract.idempotencyHeader}.)
   *
   * **Shared.** Calls for the same organization, agent and `recordingType` at the same time come to one start, in this
   * recorder, and, where the platform has Web Locks, in all frames and tabs of this origin and storage partition. A call
   * looks before it sends (one `GET`) where it had to wait for another page's start, or for a token, in which time that may
   * have come and gone; and after a start for the same that was aborted on its way or whose outcome is unknown. A start that
   * this page has sent is remembered until its request settles, whatever recorder sent it, and even if that one was closed:
   * a call for the same waits until then, and looks meanwhile. Each call keeps its own `signal` and `timeoutMs`.
   * `share: false` opts out.
   *
   * **Recorded already.** Where the cloud refuses because the agent is being recorded (409), the call resolves to that
   * recording, with `alreadyRunning: true`.
   *
   * @param agentId 1 to 256 characters: the id of a user in the target organization.
   * @throws {RecorderError} before anything is sent: `BAD_ARGUMENT`, `NO_TOKEN`, `ORG_AMBIGUOUS`, `ORG_MISMATCH`,
   *   `TOKEN_EXPIRED`, `TOKEN_MALFORMED`, `TOKEN_SOURCE_FAILED`, `TOKEN_SOURCE_WRONG_ORG`, `LOGIN_BLOCKED`,
   *   `LOGIN_CANCELLED`, `LOGIN_DENIED`, `LOGIN_STATE_MISMATCH`, `LOGIN_WRONG_ORG`, `LOGIN_TIMEOUT`, `NETWORK`,
   *   `CLOUD_UNAVAILABLE`, `TIMEOUT`, `CLOSED`; the cloud's no: `UNAUTHENTICATED`, `IP_NOT_ALLOWED`, `WRONG_ORG`,
   *   `SCOPE_MISSING`, `PERMISSION_MISSING`, `FEATURE_DISABLED`, `POLICY_DENIED`, `AGENT_NOT_FOUND`, `CONFLICT`,
   *   `BAD_REQUEST`, `RATE_LIMITED`, `UNEXPECTED_ANSWER`; no readable answer to the start: `OUTCOME_UNKNOWN`.
   * @throws the signal's own `reason`, when it aborts. The start may have run; the next one for the agent looks first.
   */
  startRecording(agentId: string, options?: StartOptions): Promise<Recording>;
  /**
   * Starts many recordings, each as startRecording() does. One result for each agent, in the order of `agents`, in the
   * form of `Promise.allSettled()`; it rejects only for arguments that are none (`BAD_ARGUMENT`), when the recorder is
   * closed already (`CLOSED`), and after a panic (`PANICKED`).
   *
   * Organizations take turns, and one whose token is long in coming holds up no other: it is obtained once, and where
   * that fails, its agents are rejected with that error. No token asks more often than the cloud allows
   * (`inin-ratelimit-allowed`, where CORS exposes it, else 300 requests in a minute), less a tenth for other calls; so a
   * long list takes minutes. The abort of `signal` ends what has not been sent, with the signal's `reason`; what has been
   * sent is waited for, and the results are given all the same. An agent who is named twice is asked for twice: at the
   * same time that comes to one start.
   *
   * @param agents Ids of agents, or objects with an agent's id and organization.
   */
  startMany(
    agents: readonly (string | AgentOfOrg)[],
    options?: StartManyOptions,
  ): Promise<PromiseSettledResult<Recording>[]>;
  /**
   * The recordings that the cloud lists, of one agent or of the target organization's agents: one page of them, as the cloud
   * gives it to `GET {path}?agentId=`. A lost answer is asked for again, three times in all.
   *
   * @throws {RecorderError} as switchOrg(), if no token of the organization is held; the cloud's no, as startRecording(), and
   *   `RECORDING_NOT_FOUND` where it lists none at all; `UNEXPECTED_ANSWER` if a listed recording cannot be read;
   *   `CLOUD_UNAVAILABLE`, `NETWORK`, `TIMEOUT`, `CLOSED`
   */
  recordings(options?: RecordingsOptions): Promise<Recording[]>;
  /**
   * The recording with this id, to take it up again: after a reload, say.
   *
   * @param id As {@link Recording.id}: 1 to 256 characters.
   * @param options `orgId`: its organization, instead of the recorder's. `agentId`: whose it is; only a contract whose paths have
   *   `{agentId}` needs it.
   * @throws {RecorderError} `RECORDING_NOT_FOUND`, and as recordings()
   */
  recording(id: string, options?: RecordingOptions & { orgId?: string; agentId?: string }): Promise<Recording>;
  /**
   * Sends a request to any endpoint of the environment's Platform API, as `window.fetch` does, with the organization's own token:
   * it is acquired, renewed, and replaced once if the cloud rejects it (401). A rate limit (429) is waited out once, if the call's
   * time allows. A `GET` or `HEAD` without a response, or with 408 or 5xx, is sent three times in all, other methods once. Nothing
   * else is added, and no organization header.
   *
   * Resolves to the platform's own `Response`, whatever its status. The library does not read the body, so a server that repeats
   * the token there would show it to the page. After close() or an abort, the body breaks off.
   *
   * @example
   * const response = await recorder.fetch("/api/v2/users/me?expand=presence");
   * const user = await response.json();
   *
   * @param path A path that begins with one `/`, or a URL of `environment.api`, such as a response's `nextUri`.
   * @throws {RecorderError} `BAD_ARGUMENT` for another path, a header that is not the app's (`Authorization`, `Cookie`, …) and
   *   what `fetch` does not take; as switchOrg(), if no token can be had; `OUTCOME_UNKNOWN` if no response came to a request that
   *   may not be sent twice; `RATE_LIMITED` while the cloud's wait after an earlier 429 is longer than the call's time; `NETWORK`,
   *   `TIMEOUT`, `CLOSED`
   */
  fetch(path: string | URL, init?: FetchInit): Promise<Response>;
  /**
   * The same with JSON: sends `json`, and resolves to the JSON of the response, or to `undefined` if it is empty. A response of
   * another status than 2xx rejects with an error that explains it. `timeoutMs` includes the body.
   *
   * @example
   * await recorder.request(`/api/v2/conversations/${id}/recordingstate`, { method: "PATCH", json: { recordingState: "PAUSED" } });
   *
   * @throws {RecorderError} as fetch(); the cloud's no, as startRecording(), and `NOT_FOUND`, `FORBIDDEN`, `USER_NEEDED`,
   *   `LIMIT_REACHED`; for 408 and 5xx `CLOUD_UNAVAILABLE`, or `OUTCOME_UNKNOWN` as above; `UNEXPECTED_ANSWER` for what is not JSON, or is longer than 4 MiB
   */
  request<T = unknown>(path: string | URL, init?: FetchInit & { json?: unknown }): Promise<T>;
  /**
   * The doctor: looks at everything that a start depends on, and only reads (`GET`s with the tokens that are held, each
   * for its own organization; nobody is asked for a token or to sign in). It says what would stand in the way before it
   * does: launch context and environment, every token as the cloud knows it, which one would be picked, scopes and near
   * misses, the organization's header and whether CORS lets it through, the clock, whether the agent can be seen in the
   * organization, and what the platform lacks. With only a token that fails and the agent's id it names the cause.
   *
   * @param agentId The agent that a start would be for.
   * @param options `orgId`: the organization that it would be for, instead of the recorder's.
   * @returns the lines, in the order of looking. Where the cloud hangs: those so far, and `time`.
   * @throws {RecorderError} `BAD_ARGUMENT`, `CLOSED`
   */
  diagnose(agentId?: string, options?: { orgId?: string }): Promise<Diagnosis>;
  /**
   * Revokes the token of this organization, or of every organization where none is named
   * (`DELETE /api/v2/tokens/me` at the token's own environment), and forgets it, here and in the pages that it is shared
   * with. A token that was being obtained meanwhile is not kept. It is forgotten first: where the revocation fails, the
   * call rejects, and the token may still be valid until it expires. Does not end the session at the login origin.
   *
   * @param orgId A UUID. Nothing happens if no token of it is held.
   * @throws {RecorderError} `BAD_ARGUMENT`, `NETWORK`, `TIMEOUT`, `CLOSED`, or what the cloud answered.
   */
  signOut(orgId?: string): Promise<void>;
  /**
   * Forgets every token, rejects what is in flight with `CLOSED`, and frees the recorder's memory. May be called again.
   * Recordings keep running. To control one, call {@link Recorder.recording} on a new recorder: methods of the old
   * `Recording` objects reject with `CLOSED`. A start that was sent keeps its request until it is answered, at most 5 minutes.
   */
  close(): void;
  /** `close()`, for `using`, where the platform has it. */
  [Symbol.dispose](): void;
}

/** An organization that a token is held for. */
export interface OrgSummary {
  orgId: string;
  /** Its name, where the cloud said it. */
  name?: string;
  /** The home organization of the token's user: another one for a trustee's user. */
  homeOrgId?: string;
  /** The token's OAuth scopes, where they are known. */
  scopes?: string[];
  /** When the token expires, where it is known: milliseconds since 1970, as `Date.now()` counts. */
  expiresAt?: number;
  /** How the organization is known: by the JWT's `org_id` claim, unverified, or by the cloud's answer. */
  knownBy: "claim" | "cloud";
}

/** An organization that has authorized the signed-in user's own one (in Genesys' words: a trustor). */
export interface AvailableOrg {
  orgId: string;
  /** Its name, where the cloud said it. */
  name?: string;
  /** Whether the authorization is switched on. */
  enabled: boolean;
}

/** What {@link Recorder.diagnose} reports. */
export type Diagnosis = DiagnosisLine[];

/** A line of the doctor's report. Never any text of a token. */
export interface DiagnosisLine {
  /** What was looked at: `"token"`, `"scope"`, `"agent"`, … There is a `token` and a `scope` for each token held. */
  check: string;
  /** Whether it is as it should be, may stand in the way, stands in the way, or could not be looked at. */
  verdict: "ok" | "warn" | "fail" | "skipped";
  /** What there is. */
  found: string;
  /** What there should be. */
  expected: string;
  /** What to do; empty where nothing has to be done. */
  hint: string;
}

/** Something that happened. New kinds may be added. Never any text of a token. */
export type RecorderEvent =
  /** A token is asked for. `orgId` is absent if nobody has named an organization. */
  | {
      type: "token-requested";
      orgId?: string;
      source: "refresh-token" | "getToken" | "login";
      reason: TokenNeed["reason"];
    }
  /** A token is held now, in place of one that was held for the organization. */
  | { type: "token-filed"; orgId: string; homeOrgId?: string; scopes?: string[]; knownBy: OrgSummary["knownBy"] }
  /** A request is sent. `request` counts from 1 on; `orgId` is absent where it is being asked whose a token is. */
  | { type: "request"; request: number; method: string; url: string; orgId?: string }
  /** It is answered; without `status` where no answer came. `durationMs` since it was sent. */
  | { type: "answer"; request: number; status?: number; durationMs: number; correlationId?: string }
  /** The cloud has refused a call with this code, and what led to that is mended. */
  | { type: "repair"; orgId: string; code: ErrorCode }
  /** So the call is sent once more. */
  | { type: "retry"; orgId: string; code: ErrorCode }
  /** `contract.http2` is set, and this browser cannot stream the body of a start: it may send the start again by itself. */
  | { type: "start-not-streamed"; orgId: string }
  /**
   * Other recordings of the agent began with the one that a call has started (`contract.checkDuplicates`): the browser may
   * have sent the start twice, or somebody else has started one in the same seconds.
   */
  | { type: "duplicate-recording"; orgId: string; agentId: string; recordingIds: string[] }
  /** The target has changed: by switchOrg() or signIn(), or because the first token has decided on it. */
  | { type: "org-changed"; orgId: string; previousOrgId?: string }
  /** A call is sent although its token lacks the scope: an organization may not enforce scopes. */
  | { type: "warning"; code: "SCOPE_MISSING"; orgId: string; missingScope: string; nearMiss?: string }
  /**
   * A token is held that comes from client credentials, as the cloud says (`tokens/me`): every visitor of the page has the rights of
   * the client's role. Hand a page only tokens for which a person has signed in.
   */
  | { type: "warning"; code: "CLIENT_CREDENTIALS"; orgId: string };

/** How to sign in now. */
export interface SignInOptions {
  /** The organization (a UUID), instead of the recorder's. */
  orgId?: string;
  /** Ends the call with the signal's `reason`. The window closes if no other call waits for it. */
  signal?: AbortSignal;
  /** The longest time that this call may take, in milliseconds, instead of connect()'s. The person's time does not count. */
  timeoutMs?: number;
}

/** How to start. */
export interface StartOptions {
  /** The agent's organization (a UUID), instead of the recorder's. */
  orgId?: string;
  /** Ends the call with the signal's `reason`, and not that of others who share its start. One that was sent may have run. */
  signal?: AbortSignal;
  /**
   * The longest time that this call may take, in milliseconds, instead of connect()'s. The time in which somebody signs
   * in does not count: `login.timeoutMs` limits it.
   */
  timeoutMs?: number;
  /** `recordingType` of the request's body. Default: `"screen"`. */
  recordingType?: string;
  /** `false`: this call makes a start of its own, whatever other calls and pages are at. Default: `true`. */
  share?: boolean;
}

/** An agent with their organization. */
export interface AgentOfOrg {
  agentId: string;
  /** A UUID, instead of `orgId` of {@link StartManyOptions} and of the recorder's. */
  orgId?: string;
}

/** How to start many. `timeoutMs` counts for each start from its turn on. */
export interface StartManyOptions extends StartOptions {
  /** Starts under way at the same time: 1 to 100. Default: 6, as many connections as browsers open to an HTTP/1.1 host. */
  concurrency?: number;
  /**
   * Requests that each token may make in a minute: 1 to 100000, instead of the usual 300. Where an answer tells a lower
   * limit, that counts.
   */
  requestsPerMinute?: number;
  /** Told after each start that is settled, in a later turn; what it throws harms nothing and is told on the console, once. */
  onProgress?: (progress: StartManyProgress) => void;
}

/** How far startMany() has come. */
export interface StartManyProgress {
  total: number;
  /** `fulfilled` and `rejected` together. */
  settled: number;
  fulfilled: number;
  rejected: number;
}

/** Limits of a call about recordings. */
export interface RecordingOptions {
  /** Ends the call with the signal's `reason`. */
  signal?: AbortSignal;
  /** The longest time that this call may take, in milliseconds, instead of connect()'s. */
  timeoutMs?: number;
}

/** Which recordings to list. */
export interface RecordingsOptions extends RecordingOptions {
  /** Those of this agent only. */
  agentId?: string;
  /** The organization, instead of the recorder's. */
  orgId?: string;
}

/**
 * A recording's state: it runs, has ended, or the cloud did not say (`"unknown"`). Upper case counts as lower case. Any other
 * text is the cloud's own word for a state that this package does not know: show it, and take it neither for running nor for
 * ended.
 */
export type RecordingState = "recording" | "stopped" | "unknown" | (string & {});

/**
 * A recording as the cloud told of it at one moment; it does not change. It stays bound to its organization and environment,
 * whatever switchOrg() does.
 */
export interface Recording {
  readonly id: string;
  readonly agentId: string;
  /** The organization whose token started it or read it. */
  readonly orgId: string;
  readonly state: RecordingState;
  /** When it started (ISO 8601), where the cloud said so. */
  readonly startedAt?: string;
  /**
   * Whether startRecording() found it running, from before the call as far as clocks tell, instead of starting it; always
   * after a refusal (409).
   */
  readonly alreadyRunning: boolean;
  /** The cloud's own words for it. */
  readonly raw: unknown;
  /**
   * Stops it (`PATCH {path}/{id}`), and resolves to what it is then. May be called again, and is sent again where its answer
   * is lost, three times in all: stopping twice is stopping.
   *
   * @throws {RecorderError} `RECORDING_NOT_FOUND`, `CONFLICT` where the cloud does not let it be stopped, and as
   *   {@link Recorder.recordings}. With `NETWORK`, `TIMEOUT` and `CLOUD_UNAVAILABLE` it may have been stopped.
   */
  stop(options?: RecordingOptions): Promise<Recording>;
  /**
   * What it is now (`GET {path}/{id}`).
   *
   * @throws {RecorderError} `RECORDING_NOT_FOUND`, and as {@link Recorder.recordings}
   */
  refresh(options?: RecordingOptions): Promise<Recording>;
}

/** A recording that was seen while another one was looked for. */
export interface SeenRecording {
  readonly id: string;
  readonly state: RecordingState;
  /** When it started (ISO 8601), where the cloud said so. */
  readonly startedAt?: string;
}

/** What every call rejects with, but for an abort. Holds no text of a token. */
export class RecorderError extends Error {
  private constructor();
  readonly name: "RecorderError";
  /** What happened: stable, one code a cause. The README explains each. */
  readonly code: ErrorCode;
  /** What to do now, in one sentence. */
  readonly hint: string;
  /** Whether the same call may succeed later with nothing else changed, and can not start a second recording. */
  readonly retryable: boolean;
  /** HTTP status of the cloud's answer, or of the one in place of the WebAssembly module. */
  readonly status?: number;
  /** The organization that the call was for. */
  readonly orgId?: string;
  /** The organization of the token in question. */
  readonly tokenOrgId?: string;
  /** The home organization of the token's user. */
  readonly homeOrgId?: string;
  /** OAuth scopes that the call needs and the token's client may not use. */
  readonly missingScopes?: string[];
  /** OAuth scopes that the token has. */
  readonly grantedScopes?: string[];
  /** A scope that the token has and that the missing one was probably meant to be, such as `"screenrecording:write"`. */
  readonly nearMiss?: string;
  /** Names of the headers with the organization's id that were sent. */
  readonly orgHeaders?: string[];
  /** How long the cloud says to wait (429), in milliseconds. */
  readonly retryAfterMs?: number;
  /**
   * With `OUTCOME_UNKNOWN`: the agent's recordings that the cloud listed when the start was looked for; absent where it did
   * not say.
   */
  readonly seenRecordings?: SeenRecording[];
  /** Permissions that the cloud named. */
  readonly missingPermissions?: string[];
  /** `contextId` of the cloud's error body: give it to Genesys' support. */
  readonly contextId?: string;
  /** `ININ-Correlation-Id` of the cloud's answer. */
  readonly correlationId?: string;
  /** What lies behind it: the cloud's own words, what `getToken` threw, the platform's error, or another RecorderError. */
  readonly cause?: unknown;
}

/** Every code, explained in the README. New ones may be added. */
export type ErrorCode =
  | "NO_LAUNCH_CONTEXT"
  | "UNKNOWN_ENVIRONMENT"
  | "INSECURE_ORIGIN"
  | "NO_TOKEN"
  | "ORG_AMBIGUOUS"
  | "ORG_MISMATCH"
  | "TOKEN_MALFORMED"
  | "TOKEN_EXPIRED"
  | "TOKEN_SOURCE_FAILED"
  | "TOKEN_SOURCE_WRONG_ORG"
  | "LOGIN_BLOCKED"
  | "LOGIN_CANCELLED"
  | "LOGIN_DENIED"
  | "LOGIN_STATE_MISMATCH"
  | "LOGIN_WRONG_ORG"
  | "LOGIN_TIMEOUT"
  | "UNAUTHENTICATED"
  | "IP_NOT_ALLOWED"
  | "WRONG_ORG"
  | "SCOPE_MISSING"
  | "PERMISSION_MISSING"
  | "FORBIDDEN"
  | "USER_NEEDED"
  | "FEATURE_DISABLED"
  | "POLICY_DENIED"
  | "AGENT_NOT_FOUND"
  | "RECORDING_NOT_FOUND"
  | "NOT_FOUND"
  | "CONFLICT"
  | "LIMIT_REACHED"
  | "BAD_REQUEST"
  | "RATE_LIMITED"
  | "CLOUD_UNAVAILABLE"
  | "UNEXPECTED_ANSWER"
  | "NETWORK"
  | "TIMEOUT"
  | "OUTCOME_UNKNOWN"
  | "BAD_ARGUMENT"
  | "WASM_BLOCKED"
  | "WASM_LOAD_FAILED"
  | "INIT_CONFLICT"
  | "PANICKED"
  | "CLOSED";
