/// <reference lib="esnext.disposable" />

/**
 * Starts a screen recording in the agent's own Genesys Cloud organization, with that organization's own token.
 *
 * The recording API (`POST /api/v2/screenrecordings`) comes from a forum thread and is not part of Genesys' published
 * Platform API. Every part of it can be replaced: see {@link RecordingContract}
 * and [the recording API](../docs/recording-api.md).
 *
 * @module premium-recorder
 */

/**
 * Reads the launch URL, determines the environment, stores `tokens`, and resolves to a recorder. The first call also
 * loads the WebAssembly module.
 *
 * - **Tokens.** Each token is stored under its own organization. A JWT names it in its `org_id` claim. For an opaque
 *   token, the library asks once: `GET /api/v2/tokens/me?preserveIdleTTL=true`.
 * - **Organization.** The launch URL of Genesys Cloud names no organization. The first call that needs a token asks
 *   `getToken` or `login` without one, and the token's organization becomes the target (`recorder.orgId`).
 * - **Redirect.** If the page returns from a sign-in by redirect, `connect()` completes it, and removes the code from
 *   the address bar. If that fails, `connect()` rejects, and the next `connect()` starts without that sign-in.
 * - **Sharing.** With `login`, `connect()` takes over a token of the target organization that another tab shares
 *   (`shareTokens`).
 *
 * @example
 * // Launch URL: https://your.app/?gcHostOrigin={{gcHostOrigin}}&gcTargetEnv={{gcTargetEnv}}
 * const recorder = await connect({
 *   login: { clientId: "…", redirectUri: `${location.origin}/premium-recorder/callback.html` },
 * });
 * button.onclick = async () => {
 *   const recording = await recorder.startRecording(agentId);
 * };
 *
 * @throws {RecorderError} See [error codes](../docs/error-codes.md).
 * - Launch: `NO_LAUNCH_CONTEXT`, `UNKNOWN_ENVIRONMENT`, `INSECURE_ORIGIN`, `BAD_ARGUMENT`
 * - Module: `WASM_BLOCKED`, `WASM_LOAD_FAILED`, `INIT_CONFLICT`
 * - Tokens: `TOKEN_MALFORMED`, `UNAUTHENTICATED`, and refusals of `tokens/me`
 * - Sign-in by redirect: `LOGIN_DENIED`, `LOGIN_STATE_MISMATCH`, `LOGIN_WRONG_ORG`; with `login.on: "connect"`, also
 *   what {@link Recorder.signIn} throws
 * - Always possible: `NETWORK`, `TIMEOUT`, `CLOUD_UNAVAILABLE`, `PANICKED`
 */
export function connect(options?: ConnectOptions): Promise<Recorder>;

/**
 * Calls {@link Recorder.startRecording} of the recorder that was connected last, even if that recorder is closed
 * (`CLOSED`). If nobody has connected yet, calls `connect()` without options first.
 *
 * @throws {RecorderError} As `connect()` and {@link Recorder.startRecording}
 */
export function startRecording(agentId: string, options?: StartOptions): Promise<Recording>;

/** Whether a value is a {@link RecorderError}, also one from another frame or another copy of this package. */
export function isRecorderError(error: unknown): error is RecorderError;

/**
 * Turns an error into a line of the report of {@link Recorder.diagnose}: `check` is its code, `found` its message and
 * details. For any other value, `check` is `UNKNOWN`.
 */
export function explain(error: unknown): DiagnosisLine;

/** The version of this package. */
export const version: string;

/**
 * Options of {@link connect}. An option with an unknown name is a `BAD_ARGUMENT`, and so is `null`.
 *
 * In every options object, only own enumerable properties count. Inherited properties, accessors and methods of a class
 * do not.
 */
export interface ConnectOptions {
  /**
   * Access tokens that you have already, each of one organization: the token alone, without `Bearer`, at most 16 KiB.
   * If one of them cannot be assigned to an organization, `connect()` rejects. An expired JWT is stored as expired.
   */
  tokens?: readonly string[] | undefined;
  /**
   * Returns an access token. Called if there is no token of the organization, and if it has expired or was rejected.
   * If a call uses a token that is about to expire (a tenth of its life is left, at most 60 s), `getToken` is called
   * in the background. Tokens that no call uses are not renewed. Concurrent calls for one organization share one call
   * of `getToken`, across all pages of this origin (see `shareTokens`).
   *
   * - If nobody has named an organization and there is no token, `need.orgId` is absent. Return a token of your
   *   session's organization.
   * - `null` or `undefined` means that there is no token. Then `login` is next. Without `login`, the call fails with
   *   `TOKEN_SOURCE_FAILED`.
   * - If it throws, the call fails with `TOKEN_SOURCE_FAILED`, and the thrown value is the `cause`.
   * - If it takes longer than 60 s, or `timeoutMs` of `connect()` if that is longer, the call fails with `TIMEOUT`, even if
   *   the call has more time.
   * - If it returns something else than a token, the call fails with `TOKEN_SOURCE_FAILED`, with `TOKEN_MALFORMED` for
   *   a malformed token, or with `TOKEN_EXPIRED` for an expired one.
   * - If it returns another organization's token, the token is discarded, and the call fails with
   *   `TOKEN_SOURCE_WRONG_ORG`.
   *
   * With zone.js (Angular), each callback runs in the zone in which you passed it.
   */
  getToken?:
    ((need: TokenNeed) => IssuedToken | null | undefined | Promise<IssuedToken | null | undefined>) | undefined;
  /** Signs a person in if there is no token and `getToken`, if set, has none. */
  login?: LoginOptions | undefined;
  /**
   * Whether a token from `getToken` or `login` is handed to other pages, frames and tabs of this origin that need one
   * of the same organization, in the same storage partition and with the same sources: `getToken`, `login` or both, with
   * the same OAuth client, `scope` and `loginHint`. It is handed over in memory, on request, and never stored. With Web
   * Locks, pages obtain tokens one at a time. With `false`, each page obtains its own. Default: `true`.
   *
   * With `getToken`, pages share tokens whoever is signed in at your backend. If another person signs in at your
   * backend while a tab stays open, your app must call `signOut()`, or set this option to `false`.
   */
  shareTokens?: boolean | undefined;
  /**
   * The target organization (a UUID), if the launch URL does not name it. Without both, the token from `getToken` or
   * `login` decides.
   */
  orgId?: string | undefined;
  /**
   * The region: its domain (`"mypurecloud.ie"`), environment name (`"prod-euw1"`) or AWS name (`"eu-west-1"`), or a
   * name from `environments`. Default: what the launch URL says, by `gcHostOrigin` and `gcTargetEnv`, which must agree,
   * or by `pcEnvironment`. Without any of them, `connect()` rejects. Anyone can craft a URL, so set this option if you
   * use one region.
   */
  environment?: string | undefined;
  /** The URL that the host opened, with its query. Default: `location.href`. */
  launchUrl?: string | URL | undefined;
  /** The names of your launch URL's parameters, if they are neither the official ones nor those of Genesys' samples. */
  launchParams?: LaunchParams | undefined;
  /** Environments other than Genesys' regions: a private cloud, or a server on this machine. */
  environments?: readonly EnvironmentEntry[] | undefined;
  /** What differs from the default recording API. */
  contract?: RecordingContract | undefined;
  /**
   * The WebAssembly module, or its URL. Any MIME type works; with `application/wasm`, it compiles while it loads.
   * Default: `premium_recorder_bg.wasm` beside the JavaScript. Required in Node.js (pass the bytes) and in IIFE or
   * CommonJS bundles (pass the URL). A later `connect()` can leave it out, or pass the same URL written the same way,
   * equal bytes, or the same `Response` or `Module` object. If the first `connect()` had none, later ones must not have
   * one. After a `TIMEOUT` while the module was loading, the next `connect()` fetches it again and uses whichever
   * response comes first.
   */
  wasm?: string | URL | Response | BufferSource | WebAssembly.Module | undefined;
  /**
   * The longest time that a call may take, in milliseconds: above 0, at most 2147483647. Default: 15000. A start that
   * was sent may take 5 s more, to look for the recording. Loading the module, and waiting for a connection in
   * progress, have the same limit of their own.
   */
  timeoutMs?: number | undefined;
  /**
   * Receives every {@link RecorderEvent}, for telemetry: in order, in a later turn, and never with the text of a token.
   * If it throws, the console shows that once, and nothing else happens.
   */
  onEvent?: ((event: RecorderEvent) => void) | undefined;
}

/**
 * Your own names of launch parameters: `{ hostOrigin: "host" }` reads `?host={{gcHostOrigin}}`, with the same checks.
 * Your name replaces the aliases of {@link LaunchContext}; the official name still works. These are a `BAD_ARGUMENT`:
 * different values in your parameter and in the official one, an empty name, and one name for two things.
 */
export type LaunchParams = Partial<
  Record<"hostOrigin" | "targetEnv" | "environment" | "orgId" | "langTag" | "conversationId", string | undefined>
>;

/**
 * How to sign in: authorization code with PKCE (S256) at the environment's login origin, for one organization
 * (`target`), or for the one that the person chooses. Requires a secure context.
 *
 * Before a new token is used, the library asks the API whose it is (`GET /api/v2/tokens/me`). A refresh token stays in
 * memory.
 *
 * @example
 * // In a window, which the first call in a click opens:
 * const inWindow = await connect({
 *   login: { clientId: "…", redirectUri: `${location.origin}/premium-recorder/callback.html` },
 * });
 * // By redirect, without a click:
 * const silently = await connect({
 *   login: { clientId: "…", redirectUri: `${location.origin}/`, mode: "redirect", on: "connect" },
 * });
 */
export type LoginOptions = LoginWithClientId | LoginWithClientIds;

/** {@link LoginOptions} with one OAuth client for all environments. */
export interface LoginWithClientId extends LoginSettings {
  /** Id of the OAuth client (public, authorization code with PKCE). `undefined` is a `BAD_ARGUMENT`. */
  clientId: string | undefined;
  /** Set either `clientId` or `clientIds`. */
  clientIds?: undefined;
}

/** {@link LoginOptions} with an OAuth client for each environment. */
export interface LoginWithClientIds extends LoginSettings {
  /**
   * Ids of the OAuth clients by environment, with any name that `environment` takes
   * ([regions](../docs/regions.md)): `{ "mypurecloud.ie": "…" }`. An
   * unknown name is a `BAD_ARGUMENT`, and so are `undefined` and a list without the page's own environment.
   */
  clientIds: Record<string, string | undefined> | undefined;
  /** Set either `clientId` or `clientIds`. */
  clientId?: undefined;
}

/** The part of {@link LoginOptions} that does not name the OAuth client. */
export interface LoginSettings {
  /**
   * The redirect URI, exactly as it is registered with the OAuth client: an absolute URL on this page's own origin,
   * without a fragment. With `"popup"`, the address of the package's `callback.html`, with `callback.js` beside it,
   * served without a `Cross-Origin-Opener-Policy`. With `"redirect"`, a page that calls `connect()`.
   */
  redirectUri: string;
  /**
   * - `"popup"` (default) opens a window, so the call that needs a token must be made in a click or key press. With
   *   `getToken`, the window opens only if `getToken` has no token. WebKit (Safari) blocks such a late window: the call
   *   rejects with `LOGIN_BLOCKED`, and the next call opens the window at once.
   * - `"redirect"` leaves this page for the login page and returns to `redirectUri`. Make the call that needed the
   *   token again after `connect()`. In an iframe, this works only if the login page can be framed and the browser
   *   sends its cookies there (`SameSite=None`). Otherwise, the iframe stays on the login page, without an error.
   */
  mode?: "popup" | "redirect" | undefined;
  /**
   * When to sign in. `"call"` (default): when a call needs a token. `"connect"`: in `connect()`, unless there is a
   * token. With mode `"popup"`, call `connect()` in a click. With mode `"redirect"`, no click is needed, and a session
   * at the login origin signs in silently. A page that has returned from a sign-in does not leave again until it is
   * reloaded: if the sign-in failed, every `connect()` rejects with its error.
   */
  on?: "call" | "connect" | undefined;
  /** `"login"`: always ask who signs in, even if a cookie remembers somebody. Then pages do not share tokens. */
  prompt?: "login" | undefined;
  /** Who is expected to sign in: an email address, an organization's name, or `email:organization`. */
  loginHint?: string | undefined;
  /**
   * OAuth scopes to request, separated by single spaces. Default: no `scope` is sent, and Genesys Cloud grants the
   * scopes of the OAuth client. Other servers may refuse that (`LOGIN_DENIED`).
   */
  scope?: string | undefined;
  /**
   * What happens to a token of another organization than the requested one: `"drop"` (default) discards it, `"file"`
   * stores it under its own organization. The call fails with `LOGIN_WRONG_ORG` in both cases, except `connect()` after
   * a redirect with `"file"`.
   */
  wrongOrg?: "drop" | "file" | undefined;
  /**
   * The organizations (UUIDs) of your customers, at least one. A sign-in that ends in another one fails with
   * `LOGIN_WRONG_ORG`, and its token is discarded. A call for another one opens no window, and takes no token from
   * other pages. Default: every organization.
   */
  allowedOrgIds?: readonly string[] | undefined;
  /**
   * The longest time that the person may take, in milliseconds: above 0, at most 2147483647. Default: 120000.
   * Meanwhile, the `timeoutMs` of the calls that wait is paused.
   */
  timeoutMs?: number | undefined;
}

/**
 * Describes the token that is needed. The object has no prototype: if it has no `orgId`, `need.orgId` is `undefined`.
 */
export interface TokenNeed {
  /** The name of the token's environment, such as `"prod-euw1"`: see {@link Environment.name}. */
  environment: string;
  /**
   * The organization of the token. Absent if nobody has named one and there is no token: then your token's organization
   * becomes the target.
   */
  orgId?: string;
  /** The OAuth scopes that the token must have. */
  scopes: string[];
  /**
   * Why: there is no token, it has expired, the API rejected it (401), or it turned out to belong to another
   * organization (403).
   */
  reason: "missing" | "expired" | "rejected" | "wrong-org";
  /** Aborts if nobody waits for the token any more. */
  signal: AbortSignal;
}

/**
 * A token, alone or with its remaining life in seconds: a finite number, 0 or more. `expiresIn` is the time left now,
 * not the original life. It wins over a JWT's `exp` that has passed. Only the object's own properties count.
 */
export type IssuedToken = string | { accessToken: string; expiresIn?: number | null | undefined };

/** An environment that the app adds. */
export interface EnvironmentEntry {
  /**
   * Your own name, for `environment` and `gcTargetEnv`. If all three origins are `localhost` or `127.0.0.1`, a region's
   * name such as `"prod"` is allowed, because Genesys' Client App SDK accepts no other `gcTargetEnv`.
   */
  name: string;
  /**
   * Origin of the Platform API, such as `"https://api.cloud.example"`. Plain http only for `localhost` and `127.0.0.1`.
   */
  api: string;
  /** Origin of the OAuth endpoints. */
  login: string;
  /** Origin of the page that embeds the app: the expected `gcHostOrigin`. */
  apps: string;
  /**
   * Issuer identifier of the login origin, compared with `iss` of its responses (RFC 9207). Needed only if `iss` is on
   * none of the three origins, for example behind a proxy.
   */
  issuer?: string | undefined;
}

/** Where the app runs. Access tokens go only to `api` of their own environment, codes and refresh tokens only to `login`. */
export interface Environment {
  /**
   * Genesys' name of the environment, such as `"prod-euw1"` for `mypurecloud.ie`, however you or the launch URL wrote
   * it: see [regions](../docs/regions.md). For EU Sovereign, whose name Genesys does not publish, the domain. For an
   * entry of `environments`, its `name`.
   */
  readonly name: string;
  readonly api: string;
  readonly login: string;
  readonly apps: string;
}

/**
 * What the launch URL says. None of it proves anything about a token. Each value comes from its official parameter, its
 * alias in Genesys' samples, or your own name for it (`launchParams`). A placeholder that nobody replaced, such as
 * `{{gcLangTag}}`, counts as absent.
 */
export interface LaunchContext {
  /** `gcHostOrigin`, alias `hostOrigin` */
  readonly hostOrigin?: string;
  /** `gcTargetEnv`, alias `targetEnv` */
  readonly targetEnv?: string;
  /** `pcEnvironment`, alias `environment` if it is a region's domain */
  readonly pcEnvironment?: string;
  /**
   * `orgId`. Genesys Cloud has no placeholder for it: write it into the URL of each customer's instance. If it is no
   * UUID and `connect()` has no `orgId`, `connect()` rejects with `BAD_ARGUMENT`.
   */
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
  /** `pcUsePopupAuth` or `gcUsePopupAuth`, alias `usePopupAuth`. The library ignores it. */
  readonly usePopupAuth?: string;
}

/** Options of {@link Recorder.fetch}. The library sets `redirect`, `credentials`, `mode` and `referrer`. */
export interface FetchInit {
  /** `GET`, `HEAD`, `OPTIONS`, `POST`, `PUT`, `PATCH` or `DELETE`. Default: `GET`. */
  method?: string | undefined;
  /** If the API's CORS does not allow a header, the browser refuses the request, as if no response came. */
  headers?: HeadersInit | undefined;
  /**
   * Whatever `fetch` takes. A stream is sent once. If the browser cannot send a stream, the call rejects with
   * `BAD_ARGUMENT`. Without HTTP/2, the call ends as if no response came.
   */
  body?: BodyInit | null | undefined;
  /** Aborts the call and its response's body. The call rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
  /** The organization, instead of the recorder's. */
  orgId?: string | undefined;
  /**
   * The time until the response's headers, or until the body's end for 401, 403 and 429, in milliseconds. Default: that
   * of `connect()`.
   */
  timeoutMs?: number | undefined;
  /**
   * Whether sending the request twice has the same effect as sending it once. Default: `true` for `GET`, `HEAD` and
   * `OPTIONS`. If `body` is a stream, `true` is a `BAD_ARGUMENT`.
   */
  idempotent?: boolean | undefined;
  /** TypeScript requires it if `body` is a stream. */
  duplex?: "half" | undefined;
}

/** A JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/**
 * The recording API, as data. Every part is optional and replaces the default. The default comes from a forum thread
 * and is not in Genesys' published API. `premium-recorder/contracts` has a published API as a contract, and
 * docs/recording-api.md explains how to write your own.
 *
 * Paths and bodies have placeholders: `{agentId}` and `{recordingType}` in `start`, `{id}` and `{agentId}` in `read`
 * and `stop`, `{agentId}` in `list`. Values in a path are percent-encoded. A path may have what RFC 3986 allows in
 * paths and one query, without `..`, `//` and encoded dots or slashes. Words in braces are a placeholder; in a body,
 * other braces are ordinary text, such as `"{\"a\":1}"`. A contract that cannot work is a `BAD_ARGUMENT` with the reason.
 */
export interface RecordingContract {
  /**
   * Path of the collection on the API's origin. The other paths derive from it: `{path}`, `{path}/{id}`,
   * `{path}?agentId={agentId}`. Default: `"/api/v2/screenrecordings"`.
   */
  path?: string | undefined;
  /**
   * How to start a recording. Default: `POST {path}` with `{ agentId: "{agentId}", recordingType: "{recordingType}" }`.
   */
  start?:
    { method?: "POST" | "PUT" | undefined; path?: string | undefined; body?: Json | null | undefined } | undefined;
  /**
   * How to read a recording. With `missingMeansStopped`, a 404 or 410 means that it has stopped, whatever the body.
   * Default: `GET {path}/{id}`, `false`.
   */
  read?: { path?: string | undefined; missingMeansStopped?: boolean | undefined } | undefined;
  /**
   * How to list recordings. `items` is the dotted name of the array in the response, or `""` if the response is the
   * array. A query parameter without a value is left out. `null`: there is no list. Then `recordings()` is a
   * `BAD_ARGUMENT`, and a start without a response is `OUTCOME_UNKNOWN`. Default: `GET {path}?agentId={agentId}`,
   * `"entities"`.
   */
  list?: { path?: string | undefined; items?: string | undefined } | null | undefined;
  /**
   * How to stop a recording. With `missingMeansStopped`, a 404 or 410 means that it has stopped already, whatever the
   * body. A `DELETE` has no body unless you give one. Default: `PATCH {path}/{id}` with `{ state: "stopped" }`, `false`.
   */
  stop?:
    | {
        method?: "PATCH" | "POST" | "PUT" | "DELETE" | undefined;
        path?: string | undefined;
        body?: Json | null | undefined;
        missingMeansStopped?: boolean | undefined;
      }
    | undefined;
  /**
   * Dotted names of the fields in a response. `null`: there is no such field. Without `state`, every listed recording
   * counts as running. With `startedBy`, recordings of users other than the token's are left out of a list (`GET
   * /api/v2/users/me`, scope `user-basic-info`); if the API does not say who that user is, the list cannot be read.
   * Defaults: `id`, `agentId`, `organizationId`, `recordingType`, `state`, `startedAt`, and none for `startedBy`. An id
   * can be a whole number.
   */
  fields?:
    | {
        id?: string | undefined;
        agentId?: string | null | undefined;
        orgId?: string | null | undefined;
        recordingType?: string | null | undefined;
        state?: string | null | undefined;
        startedAt?: string | null | undefined;
        startedBy?: string | null | undefined;
      }
    | undefined;
  /**
   * The API's words for a running recording and for one that has stopped; case does not matter. For a state that is a
   * boolean or a whole number, write its text: `"true"`, `"1"`. With `recording: []`, every recording runs that has not
   * stopped. Defaults: `["recording"]`, `["stopped"]`.
   */
  states?: { recording?: readonly string[] | undefined; stopped?: readonly string[] | undefined } | undefined;
  /**
   * Error codes of the API that mean "already being recorded", besides the status 409. The call resolves to the running
   * recording if the list has it, and rejects with `CONFLICT` otherwise. Default: none.
   */
  alreadyRunning?: readonly string[] | undefined;
  /**
   * Names of the headers that carry the target organization's id; `[]` for none. Default:
   * `["X-Genesys-Organization-Id"]`. Headers that browsers forbid, such as `Via` or `Sec-…`, are a `BAD_ARGUMENT`.
   */
  orgHeaders?: readonly string[] | undefined;
  /** OAuth scope of a start: short for `scopes: { start: [scope] }`. Default: `"screenrecordings:write"`. */
  scope?: string | undefined;
  /**
   * OAuth scopes for starting and stopping, and for reading. One of each list is enough. `[]`: unknown. `read` defaults
   * to `start`.
   */
  scopes?: { start?: readonly string[] | undefined; read?: readonly string[] | undefined } | undefined;
  /**
   * Name of a header, such as `"Idempotency-Key"`, by which the API recognizes a repeated start. Each start carries a
   * random UUID in it. Set it only if your API supports it and its CORS allows it. It prevents a second recording if
   * the browser itself repeats a `POST`. Default: no such header.
   */
  idempotencyHeader?: string | undefined;
  /**
   * Set it to `true` only if every user's connection to the API is HTTP/2. The body of a start is then streamed, and
   * Chromium does not repeat it. Over HTTP/1.1, every start in Chromium fails with `OUTCOME_UNKNOWN`. Firefox and WebKit
   * send the start as usual, and the event `start-not-streamed` says so. See
   * [starting once](../docs/starting-once.md) first. Default: `false`.
   */
  http2?: boolean | undefined;
  /**
   * `true`: a second after each start, look once for another recording of the agent that began with it (one `GET`,
   * skipped at the token's rate limit). The event `duplicate-recording` reports it. Default: `false`.
   */
  checkDuplicates?: boolean | undefined;
}

/**
 * Starts recordings in one environment. After a panic (`PANICKED`), the next call goes on with the same configuration
 * and target, and without tokens. `getToken` or `login` is asked again; pass tokens from `tokens` or `addToken()`
 * again. From then on, only `switchOrg()` and `signIn({ orgId })` change the target: `signOut()` does not.
 *
 * Each method that returns a promise can reject with `PANICKED`, and with `CLOSED` after `close()`.
 */
export interface Recorder {
  /** Where the app runs. */
  readonly environment: Environment;
  /**
   * The organization of calls without `orgId`: that of the last `switchOrg()`, else the option of `connect()`, else the
   * launch URL's, else the organization that a sign-in or `getToken` decided, else the only one in `orgs()`.
   * `undefined` if none of them is known.
   */
  readonly orgId: string | undefined;
  /** What the launch URL says. */
  readonly launch: LaunchContext;
  /** The organizations that there are tokens for, expired tokens included. Never contains the text of a token. */
  orgs(): OrgSummary[];
  /**
   * Stores a token under its own organization and replaces the one that was there. An expired token does not replace a
   * valid one: the call resolves to a summary of the expired token, and `orgs()` still has the valid one.
   *
   * @throws {RecorderError} `BAD_ARGUMENT` if it is not a string, `TOKEN_MALFORMED`, `CLOSED`. If the API
   * has to say whose the token is (`GET /api/v2/tokens/me`): its refusals, such as `UNAUTHENTICATED`, and `NETWORK`,
   * `TIMEOUT` and `CLOUD_UNAVAILABLE`
   */
  addToken(token: string): Promise<OrgSummary>;
  /**
   * Makes sure that there is a token, and signs in if there is none. Call it in a click or key press. With `orgId`, it
   * does the same as `switchOrg()`. Without, it is for the target organization; if nobody has named one, the person's
   * choice becomes the target. If there is a valid token, nobody is asked: to change the account, call `signOut()`
   * first.
   *
   * @throws {RecorderError} As `switchOrg()`, and `ORG_AMBIGUOUS`
   */
  signIn(options?: SignInOptions): Promise<OrgSummary>;
  /**
   * The organizations that trust the signed-in user's own one (`GET /api/v2/users/me?expand=trustors`). A partner's
   * user can sign in to those that are enabled. Empty if there are none.
   *
   * @throws {RecorderError} As `switchOrg()` if there is no token of the target organization, `ORG_AMBIGUOUS`, and
   * refusals of the API
   */
  availableOrgs(): Promise<AvailableOrg[]>;
  /**
   * Makes sure that there is a token of this organization, then makes it the target of later calls. If that fails, the
   * target does not change. If several switches overlap, the last one that succeeds wins.
   *
   * @throws {RecorderError} See [error codes](../docs/error-codes.md).
   * - Arguments and recorder: `BAD_ARGUMENT`, `CLOSED`
   * - Tokens: `NO_TOKEN`, `ORG_MISMATCH`, `TOKEN_EXPIRED`, `TOKEN_MALFORMED`, `TOKEN_SOURCE_FAILED`,
   *   `TOKEN_SOURCE_WRONG_ORG`, `UNAUTHENTICATED`, and refusals of `GET /api/v2/tokens/me`
   * - Sign-in: `INSECURE_ORIGIN`, `LOGIN_BLOCKED`, `LOGIN_CANCELLED`, `LOGIN_DENIED`, `LOGIN_STATE_MISMATCH`,
   *   `LOGIN_WRONG_ORG`, `LOGIN_TIMEOUT`, and `RATE_LIMITED` and `UNEXPECTED_ANSWER` of the token endpoint
   * - Always possible: `NETWORK`, `TIMEOUT`, `CLOUD_UNAVAILABLE`
   */
  switchOrg(orgId: string): Promise<OrgSummary>;
  /**
   * Starts a recording of this agent's screen, with a token of the target organization.
   *
   * - **Once.** Each call sends the start once. It sends it again only if the server confirmed that the start did not
   *   run and the cause is fixed: the token was replaced (401, 403) or the wait is over (429). If the
   *   response is lost (connection, timeout, 408, 421, 425, 5xx, unreadable), the call looks for the recording, twice, a
   *   second apart. It resolves to the agent's only recording that began since, or rejects with `OUTCOME_UNKNOWN`.
   * - **Merged.** Calls for the same organization, agent and `recordingType` (in any case) at the same time are merged
   *   into one start, in this page and, with Web Locks and the API's list, across all frames and tabs of this origin and
   *   storage partition. `share: false` opts out. Recorders whose contracts start at different paths start different
   *   recordings.
   * - **Already recorded.** If the API refuses because the agent is being recorded (409), the call resolves to the
   *   running recording that the API lists, with `alreadyRunning: true`. If it lists none, the call rejects with
   *   `CONFLICT`.
   *
   * docs/starting-once.md has the details, and what browsers and proxies may repeat.
   *
   * @example
   * try {
   *   const recording = await recorder.startRecording(agentId, { timeoutMs: 5000 });
   *   console.log(recording.id, recording.state, recording.alreadyRunning);
   * } catch (error) {
   *   if (!isRecorderError(error)) throw error;
   *   show(`${error.message} ${error.hint}`);
   * }
   *
   * @param agentId The id of a user in the target organization: 1 to 256 characters, no control characters, no blanks
   *   at the ends, and not `.` or `..`.
   * @throws {RecorderError} See [error codes](../docs/error-codes.md).
   * - Nothing was sent: `BAD_ARGUMENT`, `NO_TOKEN`, `ORG_AMBIGUOUS`, `ORG_MISMATCH`, `TOKEN_EXPIRED`,
   *   `TOKEN_MALFORMED`, `TOKEN_SOURCE_FAILED`, `TOKEN_SOURCE_WRONG_ORG`, `NETWORK`, `CLOUD_UNAVAILABLE`, `TIMEOUT`
   * - Nothing was sent, because the sign-in failed: `INSECURE_ORIGIN`, `LOGIN_BLOCKED`, `LOGIN_CANCELLED`,
   *   `LOGIN_DENIED`, `LOGIN_STATE_MISMATCH`, `LOGIN_WRONG_ORG`, `LOGIN_TIMEOUT`
   * - The API refused: `UNAUTHENTICATED`, `IP_NOT_ALLOWED`, `WRONG_ORG`, `SCOPE_MISSING`, `PERMISSION_MISSING`,
   *   `FORBIDDEN`, `USER_NEEDED`, `FEATURE_DISABLED`, `POLICY_DENIED`, `AGENT_NOT_FOUND`, `NOT_FOUND` if the
   *   agent is there, so that the API has no such path, `CONFLICT`, `LIMIT_REACHED`, `BAD_REQUEST`, `RATE_LIMITED`,
   *   `UNEXPECTED_ANSWER`
   * - The recording may be running: `OUTCOME_UNKNOWN`, `PANICKED`, and `CLOSED` if its message says so
   * @throws `signal.reason` if the signal aborts. The start may have run; the next one for this agent looks first.
   */
  startRecording(agentId: string, options?: StartOptions): Promise<Recording>;
  /**
   * Starts many recordings, each as `startRecording()` does. Resolves to one result for each agent, in order, in the
   * form of `Promise.allSettled()`.
   *
   * - Organizations take turns. Each token is obtained once. If that fails, the organization's agents are rejected with
   *   its error.
   * - It sends at most nine tenths of the requests that a token may send in a minute (`inin-ratelimit-allowed` if CORS
   *   exposes it, else 300). So a long list takes minutes.
   * - An abort of `signal` cancels the starts that have not been sent, with the signal's `reason`. `startMany()` waits
   *   for the others, and still resolves.
   * - If an agent is listed twice, one start is sent, and both results are the same. With `share: false`, each has its
   *   own start.
   *
   * @example
   * const results = await recorder.startMany([agentId, { agentId: another, orgId }], {
   *   onProgress: ({ settled, total }) => (progress.value = settled / total),
   * });
   * const failed = results.filter(({ status }) => status === "rejected");
   *
   * @param agents Ids of agents, or objects with an agent's id and organization.
   * @throws {RecorderError} `BAD_ARGUMENT` if `agents` is no array or an option is wrong; `CLOSED` if the recorder is
   * closed already; `PANICKED`. Other errors are in the results. A wrong agent, `orgId` or `recordingType` is there too,
   * for each start that it concerns.
   */
  startMany(
    agents: readonly (string | AgentOfOrg)[],
    options?: StartManyOptions,
  ): Promise<PromiseSettledResult<Recording>[]>;
  /**
   * The recordings that the API lists for one agent or for the target organization: one page, from `GET
   * {path}?agentId=`. If a response is lost, the request is sent up to three times, if the call's time allows.
   *
   * @throws {RecorderError} See [error codes](../docs/error-codes.md).
   * - No token: as `switchOrg()`, and `ORG_AMBIGUOUS`
   * - The API refused: as `startRecording()`, and `NOT_FOUND` if it has no such list
   * - The list has a recording that cannot be read: `UNEXPECTED_ANSWER`
   * - Always possible: `CLOUD_UNAVAILABLE`, `NETWORK`, `TIMEOUT`, `CLOSED`, `PANICKED`
   */
  recordings(options?: RecordingsOptions): Promise<Recording[]>;
  /**
   * The recording with this id, for example after a reload.
   *
   * @param id See {@link Recording.id}: 1 to 256 characters.
   * @param options `orgId`: its organization, instead of the recorder's. `agentId`: its agent, needed only if the
   *   contract's paths have `{agentId}`.
   * @throws {RecorderError} `RECORDING_NOT_FOUND`, and as `recordings()`
   */
  recording(
    id: string,
    options?: RecordingOptions & { orgId?: string | undefined; agentId?: string | undefined },
  ): Promise<Recording>;
  /**
   * Sends a request to any endpoint of the Platform API, as `window.fetch` does, with the organization's own token. The
   * token is acquired, renewed, and replaced once after a 401, or after a 403 if it is another organization's. After a
   * 429, the request is sent once more if the call's time allows the wait. After no response, 408, 421, 425 or 5xx,
   * `GET`, `HEAD` and `OPTIONS` are sent up to three times, and other methods once. No organization header is added.
   *
   * Resolves to the browser's own `Response`, whatever its status. The library reads a copy of the body only after 401,
   * 403 and 429. It removes nothing from a body: if a server repeats the token there, the page sees it. After `close()`
   * or an abort, the body breaks off.
   *
   * @example
   * const response = await recorder.fetch("/api/v2/users/me?expand=presence");
   * const user = await response.json();
   *
   * @param path A path that begins with one `/`, or a URL of `environment.api`, such as a response's `nextUri`.
   * @throws {RecorderError} See [error codes](../docs/error-codes.md).
   * - Nothing was sent: `BAD_ARGUMENT` for another path, for a header that is not the app's (`Authorization`,
   *   `Cookie`, …) and for what `fetch` does not take; as `switchOrg()` if there is no token; `ORG_AMBIGUOUS`;
   *   `RATE_LIMITED` if the wait after an earlier 429 is too long
   * - The request may have been processed, and must not be repeated: `OUTCOME_UNKNOWN`
   * - Always possible: `NETWORK`, `TIMEOUT`, and `CLOSED`, also after the request was sent
   */
  fetch(path: string | URL, init?: FetchInit): Promise<Response>;
  /**
   * Does the same as `fetch()`, with JSON: sends `json`, and resolves to the response's JSON, or to `undefined` if the
   * response is empty. `json` needs a `method` such as `POST`, and no `body`. `request<User>(path)` names the type of
   * the response, which nothing checks. If the status is not 2xx, rejects with an error that explains it. `timeoutMs`
   * includes the body.
   *
   * @example
   * await recorder.request(`/api/v2/conversations/${id}/recordingstate`, { method: "PATCH", json: { recordingState: "PAUSED" } });
   *
   * @throws {RecorderError} See [error codes](../docs/error-codes.md).
   * - As `fetch()`
   * - The API refused: as `startRecording()`, and `NOT_FOUND`
   * - 408, 421, 425 and 5xx: `CLOUD_UNAVAILABLE`, or `OUTCOME_UNKNOWN` if the request must not be repeated
   * - The response is not JSON, or longer than 4 MiB: `UNEXPECTED_ANSWER`
   */
  request<T = unknown>(path: string | URL, init?: FetchInit & { json?: unknown }): Promise<T>;
  /**
   * Checks everything that a start depends on, and only reads. It uses the tokens in memory, and asks nobody for a
   * token. It checks the launch URL and environment, each token as the API sees it, the token that would be picked,
   * scopes and misspelled scopes, the contract's list, the organization header and CORS, the clock, the agent, and missing
   * browser features.
   *
   * @param agentId The agent that a start would be for.
   * @param options `orgId`: the organization that it would be for, instead of the recorder's.
   * @returns The lines in the order of the checks. If they take longer than `timeoutMs` of `connect()`: the lines so far, and
   *   a line `time`.
   * @throws {RecorderError} `BAD_ARGUMENT`, `CLOSED`
   */
  diagnose(agentId?: string, options?: { orgId?: string | undefined }): Promise<Diagnosis>;
  /**
   * Forgets the token of this organization, or all tokens, here and in the pages that share it, and revokes it (`DELETE
   * /api/v2/tokens/me`). An expired token is only forgotten. A token that is being obtained meanwhile is not kept. If
   * the revocation fails, the call rejects, and the token may stay valid until it expires. The session at the login
   * origin does not end.
   *
   * @param orgId A UUID. If there is no token of it, nothing happens.
   * @throws {RecorderError} `BAD_ARGUMENT`, `NETWORK`, `TIMEOUT`, `CLOUD_UNAVAILABLE`, `CLOSED`, or refusals of the API.
   */
  signOut(orgId?: string): Promise<void>;
  /**
   * Forgets every token, rejects calls in flight with `CLOSED`, and frees the recorder's memory. You can call it again.
   * Only the token of a sign-in by redirect, if no call has used it, is kept for the page's next recorder with the same
   * `login`.
   * Recordings keep running: to control one, call {@link Recorder.recording} on a new recorder, because methods of the
   * old `Recording` objects reject with `CLOSED`. A start that was sent keeps its request until it is answered, at most
   * 5 minutes.
   */
  close(): void;
  /** Calls `close()`, for `using` declarations. */
  [Symbol.dispose](): void;
}

/** An organization that there is a token for. */
export interface OrgSummary {
  orgId: string;
  /** Its name, if the API said it. */
  name?: string;
  /** The home organization of the token's user. It differs from `orgId` for a partner's user. */
  homeOrgId?: string;
  /** The token's OAuth scopes, if they are known. */
  scopes?: string[];
  /** When the token expires, if it is known: milliseconds since 1970, like `Date.now()`. */
  expiresAt?: number;
  /** How the organization is known: from the JWT's `org_id` claim, unverified, or from the API. */
  knownBy: "claim" | "cloud";
}

/** An organization that trusts the signed-in user's own one (a trustor). */
export interface AvailableOrg {
  orgId: string;
  /** Its name, if the API said it. */
  name?: string;
  /** Whether the trust is enabled. */
  enabled: boolean;
}

/** The report of {@link Recorder.diagnose}. */
export type Diagnosis = DiagnosisLine[];

/** A line of the report. Never contains the text of a token. */
export interface DiagnosisLine {
  /** What was checked: `"token"`, `"scope"`, `"agent"`, … Each token has its own `token` and `scope` line. */
  check: string;
  /** Fine, may be a problem, is a problem, or could not be checked. */
  verdict: "ok" | "warn" | "fail" | "skipped";
  /** What there is. */
  found: string;
  /** What there should be. */
  expected: string;
  /** What to do; empty if there is nothing to do. */
  hint: string;
}

/** Something that happened. New types may be added. Never contains the text of a token. */
export type RecorderEvent =
  /** A token is requested. `orgId` is absent if nobody has named an organization. */
  | {
      type: "token-requested";
      orgId?: string;
      source: "refresh-token" | "getToken" | "login";
      reason: TokenNeed["reason"];
    }
  /** A token was stored. It replaces an earlier token of the organization, if there was one. */
  | { type: "token-filed"; orgId: string; homeOrgId?: string; scopes?: string[]; knownBy: OrgSummary["knownBy"] }
  /** A request is sent. `request` counts from 1. `orgId` is absent if the request asks whose a token is. */
  | { type: "request"; request: number; method: string; url: string; orgId?: string }
  /**
   * The request has ended, without `status` if no response came. `durationMs` counts from its sending. A request that
   * is given up (abort, timeout, `close()`) may have no `answer`.
   */
  | { type: "answer"; request: number; status?: number; durationMs: number; correlationId?: string }
  /** The API refused a call with this code, and the cause is fixed. */
  | { type: "repair"; orgId: string; code: ErrorCode }
  /** The call is sent once more. */
  | { type: "retry"; orgId: string; code: ErrorCode }
  /**
   * `contract.http2` is set, and this browser cannot stream the body of a start, so it may repeat the start by itself.
   */
  | { type: "start-not-streamed"; orgId: string }
  /**
   * Other recordings of the agent began with the one that a call started (`contract.checkDuplicates`). The browser may
   * have sent the start twice, or somebody else started one in the same seconds.
   */
  | { type: "duplicate-recording"; orgId: string; agentId: string; recordingIds: string[] }
  /**
   * Calls without `orgId` are now for this organization: after each `switchOrg()` and `signIn({ orgId })`, and when a
   * token decided it. `previousOrgId` is absent if there was no other target.
   */
  | { type: "org-changed"; orgId: string; previousOrgId?: string }
  /** A call is sent although its token lacks the scope, because the organization may not enforce scopes. */
  | { type: "warning"; code: "SCOPE_MISSING"; orgId: string; missingScope: string; nearMiss?: string }
  /**
   * A token comes from client credentials, so every visitor of the page has the rights of that client. Give a page only
   * tokens of people who have signed in.
   */
  | { type: "warning"; code: "CLIENT_CREDENTIALS"; orgId: string };

/** Options of {@link Recorder.signIn}. */
export interface SignInOptions {
  /** The organization (a UUID), instead of the recorder's. */
  orgId?: string | undefined;
  /** Ends the call with `signal.reason`. The window closes if no other call waits for it. */
  signal?: AbortSignal | undefined;
  /**
   * The longest time that this call may take, in milliseconds, instead of that of `connect()`. The person's time does
   * not count.
   */
  timeoutMs?: number | undefined;
}

/** Options of {@link Recorder.startRecording}. */
export interface StartOptions {
  /** The agent's organization (a UUID), instead of the recorder's. */
  orgId?: string | undefined;
  /** Ends this call with `signal.reason`, but not the merged calls of others. A start that was sent may have run. */
  signal?: AbortSignal | undefined;
  /**
   * The longest time that this call may take, in milliseconds, instead of that of `connect()`. A start that was sent
   * may take 5 s more, to look for the recording. The time in which a person signs in does not count:
   * `login.timeoutMs` limits it.
   */
  timeoutMs?: number | undefined;
  /**
   * `recordingType` in the request: a word of the API, not empty, `.` or `..`, and without control characters. Default:
   * `"screen"`.
   */
  recordingType?: string | undefined;
  /**
   * `false`: this call sends its own start, whatever other calls and pages do. It never looks for a running recording
   * before: do not use it after `OUTCOME_UNKNOWN`, a panic or an abort. Default: `true`.
   */
  share?: boolean | undefined;
}

/** An agent and their organization. */
export interface AgentOfOrg {
  agentId: string;
  /** A UUID, instead of `orgId` of {@link StartManyOptions} and of the recorder's. */
  orgId?: string | undefined;
}

/** Options of {@link Recorder.startMany}. `timeoutMs` counts for each start from its turn on. */
export interface StartManyOptions extends StartOptions {
  /**
   * How many starts run at the same time: a whole number from 1 to 100. Default: 6, the connections that browsers open
   * to an HTTP/1.1 host.
   */
  concurrency?: number | undefined;
  /**
   * Requests that each token may send in a minute, of which nine tenths are used: a whole number from 1 to 100000.
   * Default: what the API announces (`inin-ratelimit-allowed`), or 300. If the API announces a lower limit, that one
   * counts.
   */
  requestsPerMinute?: number | undefined;
  /** Called after each start that has settled, in a later turn. If it throws, the console shows that once. */
  onProgress?: ((progress: StartManyProgress) => void) | undefined;
}

/** The progress of {@link Recorder.startMany}. */
export interface StartManyProgress {
  total: number;
  /** `fulfilled` plus `rejected`. */
  settled: number;
  fulfilled: number;
  rejected: number;
}

/** Options of a call about recordings. */
export interface RecordingOptions {
  /** Ends the call with `signal.reason`. */
  signal?: AbortSignal | undefined;
  /** The longest time that this call may take, in milliseconds, instead of that of `connect()`. */
  timeoutMs?: number | undefined;
}

/** Options of {@link Recorder.recordings}. */
export interface RecordingsOptions extends RecordingOptions {
  /** Only recordings of this agent. */
  agentId?: string | undefined;
  /** The organization, instead of the recorder's. */
  orgId?: string | undefined;
}

/**
 * The state of a recording: it runs, has ended, or the API did not say (`"unknown"`). Any other text is the API's own
 * word for a state that this package does not know: show it, and do not take it for running or ended.
 */
export type RecordingState = "recording" | "stopped" | "unknown" | (string & {});

/**
 * A recording, as the API described it at one moment. It does not change. It stays bound to its organization and
 * environment, whatever `switchOrg()` does.
 */
export interface Recording {
  readonly id: string;
  readonly agentId: string;
  /** The organization whose token started or read it. */
  readonly orgId: string;
  readonly state: RecordingState;
  /** When it started, if the API says so. The text is the API's own: ISO 8601 in Genesys' APIs. */
  readonly startedAt?: string;
  /**
   * Whether `startRecording()` or `startMany()` found it instead of starting it: it ran before the call, as far as the
   * clocks can tell, an earlier call of this page got it, or the API refused the start with a 409. Calls that were merged
   * into one start all have that start's value, so count recordings by `id`. Always `false` if another method returned
   * the recording.
   */
  readonly alreadyRunning: boolean;
  /** The API's own JSON for it. */
  readonly raw: unknown;
  /**
   * Stops it, and resolves to its new state. You can call it again. If a response is lost, the request is sent up to
   * three times, if the call's time allows.
   *
   * If the API accepts the stop without describing the recording, the library reads it. If that fails, the call rejects
   * with the code of the read, and the message begins with "The API accepted the stop".
   *
   * @throws {RecorderError} `RECORDING_NOT_FOUND`, `CONFLICT` if the API does not allow it, and as {@link
   * Recorder.recordings}. With `NETWORK`, `TIMEOUT` and `CLOUD_UNAVAILABLE`, it may have stopped.
   */
  stop(options?: RecordingOptions): Promise<Recording>;
  /**
   * Resolves to its current state.
   *
   * @throws {RecorderError} `RECORDING_NOT_FOUND`, and as {@link Recorder.recordings}
   */
  refresh(options?: RecordingOptions): Promise<Recording>;
}

/** A recording that the API listed when the library looked for another one. */
export interface SeenRecording {
  readonly id: string;
  readonly state: RecordingState;
  /** When it started, if the API says so. The text is the API's own: ISO 8601 in Genesys' APIs. */
  readonly startedAt?: string;
}

/**
 * Every call rejects with this error, except aborts, which reject with `signal.reason`. Never contains the text of a
 * token.
 */
export class RecorderError extends Error {
  /** For the tests of your own error handling: `new RecorderError({ code: "NO_TOKEN" })`. */
  constructor(init: RecorderErrorInit);
  readonly name: "RecorderError";
  /** The code, a colon, and what happened, for a person. The wording may change: branch on `code`. */
  readonly message: string;
  /** What happened. Codes are stable, one for each cause: see [error codes](../docs/error-codes.md). */
  readonly code: ErrorCode;
  /** What to do now, in a sentence or two. */
  readonly hint: string;
  /** Whether the same call may succeed later with nothing else changed, and cannot start a second recording. */
  readonly retryable: boolean;
  /** HTTP status of the response: the API's, or the one in place of the WebAssembly module. */
  readonly status?: number;
  /** The organization that the call was for. */
  readonly orgId?: string;
  /** The organization of the token. */
  readonly tokenOrgId?: string;
  /** The home organization of the token's user. */
  readonly homeOrgId?: string;
  /** OAuth scopes that the call needs and the token lacks. One of them is enough. */
  readonly missingScopes?: string[];
  /** OAuth scopes that the token has. */
  readonly grantedScopes?: string[];
  /** A scope of the token that resembles the missing one, and may be a misspelling, such as `"screenrecording:write"`. */
  readonly nearMiss?: string;
  /** Names of the headers that carried the organization's id. */
  readonly orgHeaders?: string[];
  /** How long the API asks to wait (429, also 503), in milliseconds. */
  readonly retryAfterMs?: number;
  /**
   * With `OUTCOME_UNKNOWN`: the agent's recordings that the API listed when the library looked. Absent if it did not
   * say.
   */
  readonly seenRecordings?: SeenRecording[];
  /** Permissions that the API named. */
  readonly missingPermissions?: string[];
  /** `contextId` of the API's error body, for Genesys' support. */
  readonly contextId?: string;
  /** `ININ-Correlation-Id` of the response, for Genesys' support. */
  readonly correlationId?: string;
  /** The reason behind it: the API's own body, what `getToken` threw, the browser's error, or another RecorderError. */
  readonly cause?: unknown;
}

/**
 * The fields of a {@link RecorderError} that you make. The code is put before your `message`. By default, `hint` is
 * empty and `retryable` is `false`.
 */
export type RecorderErrorInit = { code: ErrorCode } & {
  [Field in Exclude<keyof RecorderError, "code" | "name" | "stack">]?: RecorderError[Field] | undefined;
};

/** Every [error code](../docs/error-codes.md). New codes may be added. */
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
