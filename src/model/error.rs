//! Why a call failed: a stable code, a hint, and the evidence.
//!
//! docs/error-codes.md is generated from this file.

use std::any::Any;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use crate::model::ids::OrgId;

macro_rules! codes {
    ($($variant:ident $text:literal, retry: $retry:literal, fixed_by: $fixed_by:literal,
        when: $when:literal, hint: $hint:literal;)*) => {
        /// An error code: one code per cause, stable across versions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $when] $variant,)*
        }

        impl Code {
            /// Every code, in the order of docs/error-codes.md.
            pub const ALL: &[Code] = &[$(Code::$variant),*];

            /// The code as JavaScript sees it.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $text,)* }
            }

            /// When an error has this code.
            pub fn when(self) -> &'static str {
                match self { $(Code::$variant => $when,)* }
            }

            /// What the reader should do now.
            pub fn hint(self) -> &'static str {
                match self { $(Code::$variant => $hint,)* }
            }

            /// Who can fix the cause.
            pub fn fixed_by(self) -> &'static str {
                match self { $(Code::$variant => $fixed_by,)* }
            }

            /// Whether the same call is safe to repeat and may succeed later with nothing else changed.
            pub fn retryable(self) -> bool {
                match self { $(Code::$variant => $retry,)* }
            }
        }
    };
}

codes! {
    NoLaunchContext "NO_LAUNCH_CONTEXT", retry: false, fixed_by: "app",
        when: "There is no launch URL (no `location`), and `environment` was not set.",
        hint: "Pass `environment` or `launchUrl` to connect().";
    UnknownEnvironment "UNKNOWN_ENVIRONMENT", retry: false, fixed_by: "app",
        when: "The environment is missing or unknown, or `gcHostOrigin` is not the apps origin of `gcTargetEnv`.",
        hint: "Put ?gcHostOrigin={{gcHostOrigin}}&gcTargetEnv={{gcTargetEnv}} into the app's URL, before any #, or set `environment` in connect(): docs/regions.md has the names. List a private cloud in `environments`.";
    InsecureOrigin "INSECURE_ORIGIN", retry: false, fixed_by: "app",
        when: "An origin is not https (http is allowed only for a loopback entry of `environments`), or the page is not a secure context and `login` needs Web Crypto.",
        hint: "Use https. Plain http is only for loopback entries of `environments`.";
    NoToken "NO_TOKEN", retry: false, fixed_by: "app",
        when: "There is no token of the organization or of any other, and neither `getToken` nor `login` is set. Or somebody signed out while a token was being obtained.",
        hint: "Pass the organization's token in `tokens` or to addToken(), or set `getToken` or `login` in connect().";
    OrgAmbiguous "ORG_AMBIGUOUS", retry: false, fixed_by: "app",
        when: "There are tokens of several organizations, expired tokens included, and nothing names the target.",
        hint: "Name the organization: `orgId` of the call, of connect() or in the launch URL, or switchOrg().";
    OrgMismatch "ORG_MISMATCH", retry: false, fixed_by: "app",
        when: "There are only tokens of other organizations. Nothing was sent.",
        hint: "A token works for one organization. Get one of the target organization: `getToken`, `login`, `tokens` or addToken().";
    TokenMalformed "TOKEN_MALFORMED", retry: false, fixed_by: "app",
        when: "A token is empty, longer than 16 KiB, has characters that a bearer token cannot have (RFC 6750), or is a JWT that cannot be read.",
        hint: "Pass the whole access token, on one line, without `Bearer`.";
    TokenExpired "TOKEN_EXPIRED", retry: false, fixed_by: "app",
        when: "The organization's token has expired or was idle too long, and neither `getToken` nor `login` is set. Or `getToken` returned an expired token. Or the API says so (401 `credentials.expired`), and no other token helped.",
        hint: "Get a new token of this organization: pass it to addToken(), or let `getToken` return a fresh one. If the token is new, this machine's clock is wrong: set it, or let `getToken` return `expiresIn` too.";
    TokenSourceFailed "TOKEN_SOURCE_FAILED", retry: true, fixed_by: "app",
        when: "`getToken` threw, rejected, returned something other than a token, or returned none while `login` is not set. The `cause` is what it threw, or what is wrong with what it returned; if it returned none, there is no `cause`. `retryable` is true only if it threw or rejected.",
        hint: "See the message and `cause`.";
    TokenSourceWrongOrg "TOKEN_SOURCE_WRONG_ORG", retry: false, fixed_by: "app",
        when: "`getToken` returned another organization's token. The token was discarded.",
        hint: "getToken must return a token of `need.orgId`: sign in with target=<orgId>. Cookies may select another account.";
    LoginBlocked "LOGIN_BLOCKED", retry: false, fixed_by: "app",
        when: "The browser gave no access to a sign-in window: the call was not made in a click or key press, it came too late in one (WebKit), popups are blocked, the iframe's sandbox lacks `allow-popups`, or the host's `Cross-Origin-Opener-Policy` forbids it. Or no sign-in can return to the page: it has an opaque origin or no `sessionStorage`. Or the page has come back from a sign-in by redirect with another OAuth client.",
        hint: "Make the call directly in a click or key press, and allow popups for this page and in its iframe's sandbox. If an empty window opens, the host's Cross-Origin-Opener-Policy forbids it. Outside of an iframe, login.mode \"redirect\" needs no window.";
    LoginCancelled "LOGIN_CANCELLED", retry: true, fixed_by: "user",
        when: "The sign-in window was closed before the sign-in was complete. A window that a `Cross-Origin-Opener-Policy` cuts off from this page looks the same.",
        hint: "Sign in again. If the window showed an error, compare the client id and redirect URI in the message with the OAuth client's, to the letter. If the window is still open, a Cross-Origin-Opener-Policy cuts it off: the login page's, the callback page's, this page's or its host's. Outside of an iframe, login.mode \"redirect\" needs no window.";
    LoginDenied "LOGIN_DENIED", retry: false, fixed_by: "user",
        when: "The login origin refused: the person declined (`access_denied`), or the OAuth client is not set up for the request (`unauthorized_client`, `invalid_request`, …). `retryable` is true only for `invalid_grant`, an authorization code that was not accepted.",
        hint: "See `cause`, the login origin's own words: somebody declined, or the OAuth client's id, redirect URI, grant type or scope (`login.scope`) is wrong.";
    LoginStateMismatch "LOGIN_STATE_MISMATCH", retry: true, fixed_by: "user",
        when: "An authorization response does not belong to a request of this page: another `state`, a `state` that was used before, or another issuer (`iss`). The response was discarded. `retryable` is false for another issuer, and if a redirect dropped the response.",
        hint: "Sign in again from the app. Do not open, reload or bookmark the redirect URI.";
    LoginWrongOrg "LOGIN_WRONG_ORG", retry: false, fixed_by: "user",
        when: "The sign-in ended in another organization than the requested one. The token was discarded, or stored under its own organization (`login.wrongOrg`). Or `login.allowedOrgIds` lacks the organization of the sign-in or of the call.",
        hint: "A cookie may have signed in another account: set login.prompt to \"login\", and sign in as somebody who works in this organization.";
    LoginTimeout "LOGIN_TIMEOUT", retry: true, fixed_by: "user",
        when: "Nobody signed in within `login.timeoutMs`. Or the iframe's sandbox and a `Cross-Origin-Opener-Policy` made the browser block the callback page (Firefox, WebKit).",
        hint: "Sign in again, or increase login.timeoutMs. If the window showed an error, compare the client id and redirect URI in the message with the OAuth client's, to the letter. The callback page must send no Cross-Origin-Opener-Policy.";
    Unauthenticated "UNAUTHENTICATED", retry: false, fixed_by: "app",
        when: "The API rejects the token (401): it was revoked, idle too long, or is of another environment. Only `signOut()` and a look for a recording send it again. If the library could get another token, it repeated the call once, and that token was rejected too.",
        hint: "Get a new token of this organization in this environment.";
    IpNotAllowed "IP_NOT_ALLOWED", retry: false, fixed_by: "admin",
        when: "The organization's IP allow-list does not have this address (401 `ip.not.authorized`).",
        hint: "Ask the organization's administrator to allow this network.";
    WrongOrg "WRONG_ORG", retry: false, fixed_by: "app",
        when: "The API says that the agent and the token belong to different organizations (403 `insufficient scope for resource owner`). The library then asked whose the token is, and repeated the call once if it had stored the token under a wrong organization.",
        hint: "Find the organization of the agent, or of what else the request is about, and pass it as `orgId`. No header makes a token work in another organization.";
    ScopeMissing "SCOPE_MISSING", retry: false, fixed_by: "admin",
        when: "The OAuth client lacks a scope that the call needs, or `login.scope` leaves it out (403 `app.not.authorized.for.scope`, or the API says so when asked about the token). If `missingScopes` has several, one of them is enough. `nearMiss` is a scope of the client that resembles it and may be a misspelling.",
        hint: "Add the scope that `missingScopes` or the message names to the OAuth client, and to `login.scope` if you set it, have it authorized in this organization, and get a new token.";
    PermissionMissing "PERMISSION_MISSING", retry: false, fixed_by: "admin",
        when: "The token's user lacks a permission (403). `missingPermissions` names it if the API does. Or the API says `insufficient scope for resource owner` although organization, scope and agent are right: then a permission is missing, or the feature is disabled.",
        hint: "Ask the organization's administrator for a role with the permission, in the right division.";
    Forbidden "FORBIDDEN", retry: false, fixed_by: "admin",
        when: "The API refused the call (403) with an error body that names no scope, permission, policy or feature.",
        hint: "See `cause`: the API's code and message say what is forbidden.";
    UserNeeded "USER_NEEDED", retry: false, fixed_by: "app",
        when: "The call needs a person's token, and this token comes from client credentials (`not.a.user`).",
        hint: "Use a token of a person who has signed in: `login`, or the authorization code grant. Keep client credentials in your backend.";
    FeatureDisabled "FEATURE_DISABLED", retry: false, fixed_by: "admin",
        when: "The organization does not have the feature (403 `feature.*`).",
        hint: "Ask the organization's administrator whether the feature is licensed and enabled.";
    PolicyDenied "POLICY_DENIED", retry: false, fixed_by: "admin",
        when: "A policy of the organization forbids the call (403 `authz.policy.denied`).",
        hint: "Ask the organization's administrator which policy denies it.";
    AgentNotFound "AGENT_NOT_FOUND", retry: false, fixed_by: "app",
        when: "A start got a 404 or 410 with an error body, and the API did not say within 2 s that the organization has the agent. There is no such agent, or the API has no such path.",
        hint: "Check the agent's id, its organization, and the paths in `contract`.";
    RecordingNotFound "RECORDING_NOT_FOUND", retry: false, fixed_by: "app",
        when: "The organization has no recording with this id, or the API has no such path (404 or 410 with an error body).",
        hint: "Check the recording's id, its organization (`orgId`), and the paths in `contract`.";
    NotFound "NOT_FOUND", retry: false, fixed_by: "app",
        when: "The organization has nothing at this path (404 or 410 with an error body). For a start: the agent is in the organization, so the API has no such path. For recordings(): the API has no such list, or the organization no such agent.",
        hint: "Check the path, its ids, and their organization (`orgId`).";
    Conflict "CONFLICT", retry: false, fixed_by: "app",
        when: "The state of the agent, recording or conversation does not allow the call (409, 412, and some codes of 400 and 403). The agent is logged out, or is being recorded already and the API does not list that recording. Or the conversation is over, or somebody else changed the resource.",
        hint: "See `cause`: the API's code and message name the state. Do not start again while a recording runs.";
    LimitReached "LIMIT_REACHED", retry: false, fixed_by: "admin",
        when: "The agent, the person or the organization has the maximum number of sessions, clients or subscriptions (`….limit.exceeded` or `….too.many.…`, but not with 429).",
        hint: "End one that you no longer need, or ask the organization's administrator for a higher limit.";
    BadRequest "BAD_REQUEST", retry: false, fixed_by: "app",
        when: "The API does not accept the request (400, 413, 415, 422, or another 4xx with an error body).",
        hint: "See `cause`: the API's code and message say why. For recordings, compare `contract` with your API.";
    RateLimited "RATE_LIMITED", retry: true, fixed_by: "time",
        when: "Too many requests with this token (429). The wait that the API asks for (`retryAfterMs`) exceeds the call's time, or the second attempt got a 429 too. The request was not processed.",
        hint: "Wait before the next call. Other apps of the same user share the limit.";
    CloudUnavailable "CLOUD_UNAVAILABLE", retry: true, fixed_by: "time",
        when: "The API or the login origin failed (408, 421, 425, 5xx) while the library read something, obtained or revoked a token, at a stop(), or at a request() that may be repeated. A stop() or request() may have taken effect. A start that ends with this code was not sent.",
        hint: "Try again later.";
    UnexpectedAnswer "UNEXPECTED_ANSWER", retry: false, fixed_by: "app",
        when: "The response is not one of the API's: a refusal without an error body (400, 401, 409, 412, 413, 415, 422 and 429 have their own codes), something other than the expected JSON, or more than 4 MiB. If `status` is 2xx, the API may have processed the request.",
        hint: "See `cause`, the response's own words. A proxy may have answered instead.";
    Network "NETWORK", retry: true, fixed_by: "network",
        when: "A request got no response (offline, refused by CORS, redirected), or was not sent (refused by the page's CSP, or by the browser). A start that ends with this code did not run. A stop() or a request() that may be repeated may have taken effect. `retryable` is false if the browser did not accept the request, or if the page's CSP refused a request to the same URL meanwhile.",
        hint: "Check the connection and the browser's console. A redirect, a refusal without CORS headers (such as a proxy's 401 or 429) and a header that CORS refuses (such as a monitoring script's) all look the same to a page.";
    Timeout "TIMEOUT", retry: true, fixed_by: "network",
        when: "The call took longer than `timeoutMs`, or a token source such as `getToken` took longer than 60 s, or than `timeoutMs` of connect() if that is longer. It started no recording. A stop() or a request() that may be repeated may have taken effect.",
        hint: "If the message says that another tab holds a lock, close or reload that tab. Otherwise, try again, or increase `timeoutMs`.";
    OutcomeUnknown "OUTCOME_UNKNOWN", retry: false, fixed_by: "app",
        when: "The start was handed to the browser, but no readable response came back (connection lost, refused by the page's CSP, timeout, 408, 421, 425, 5xx, not JSON), and the API's list does not decide whether the recording runs. `seenRecordings` has what the API lists. Or nothing was sent, because an earlier start or another tab's may have led to a recording that the API's list does not show or that cannot be read. Or a fetch() or request() that must not be repeated got no response, or a request() got 408, 421, 425 or 5xx.",
        hint: "Check `seenRecordings`, or call recordings() later. The next startRecording() for the agent looks first, unless `share` is false. If every call ends like this, CORS may refuse the organization's header (`contract.orgHeaders`) or a monitoring script's, a proxy may refuse the preflight (`OPTIONS`), or the API may refuse without CORS headers.";
    BadArgument "BAD_ARGUMENT", retry: false, fixed_by: "app",
        when: "An argument or option has the wrong type, form or range, or an unknown name.",
        hint: "Correct the argument in the message.";
    WasmBlocked "WASM_BLOCKED", retry: false, fixed_by: "app",
        when: "WebAssembly is disabled, or the page's Content Security Policy forbids it.",
        hint: "Add 'wasm-unsafe-eval' to the page's CSP script-src.";
    WasmLoadFailed "WASM_LOAD_FAILED", retry: true, fixed_by: "app",
        when: "The .wasm file could not be fetched, is not WebAssembly, or does not match the JavaScript's version. The message names the likely reason, and the hint what to do about it. `retryable` is true only if the file has an address, where it may come later.",
        hint: "Copy premium_recorder_bg.wasm to this address, or pass its address as `wasm`: see docs/bundlers.md.";
    InitConflict "INIT_CONFLICT", retry: false, fixed_by: "app",
        when: "connect() got another `wasm` source than the one that is loaded.",
        hint: "Pass the same `wasm` to every connect(), or only to the first.";
    Panicked "PANICKED", retry: false, fixed_by: "us",
        when: "The library itself failed. Every call in flight rejects with this code, and a start among them may have run. The next call uses a fresh instance, without tokens. After two panics in a row, only a reload helps. For five minutes, each start looks for a running recording before it is sent.",
        hint: "Please report the message. If a start was in flight, check whether the agent is being recorded before you start again.";
    Closed "CLOSED", retry: false, fixed_by: "app",
        when: "The recorder was closed before or during the call. A request that was sent may still take effect. If that is a start, the message says so.",
        hint: "Call connect() again. To continue a recording, call recording(id) on the new recorder, or recordings({ agentId }) without an id.";
}

/// The cause of an error.
#[derive(Clone)]
pub enum Cause {
    /// The body of the cloud's response, unchanged.
    Cloud(String),
    /// A value from outside the library, for example a value that a callback threw: kept unchanged, never read.
    Foreign(Rc<dyn Any>),
    /// Another error of the library.
    Error(Error),
}

impl std::fmt::Debug for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Cause::Cloud(body) => f.debug_tuple("Cloud").field(body).finish(),
            Cause::Foreign(_) => f.write_str("Foreign"),
            Cause::Error(error) => error.fmt(f),
        }
    }
}

/// The facts about a failure. Never contains any part of a token.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// HTTP status of the cloud's response.
    pub status: Option<u16>,
    /// The organization that the call was for.
    pub org_id: Option<OrgId>,
    /// The organization of the token in question.
    pub token_org_id: Option<OrgId>,
    /// The home organization of the token's user, if it is another organization.
    pub home_org_id: Option<OrgId>,
    /// OAuth scopes that the call needs.
    pub missing_scopes: Option<Vec<String>>,
    /// OAuth scopes that the token has.
    pub granted_scopes: Option<Vec<String>>,
    /// A scope of the token that was probably meant to be the missing scope.
    pub near_miss: Option<String>,
    /// Names of the sent headers that carry the organization's id.
    pub org_headers: Option<Vec<String>>,
    /// How long the cloud asks to wait, in milliseconds.
    pub retry_after: Option<u32>,
    /// The agent's recordings that the cloud listed when the library looked for a lost start.
    pub seen: Option<Vec<Seen>>,
    /// Missing permissions that the cloud named.
    pub missing_permissions: Option<Vec<String>>,
    /// `code` of the cloud's error body.
    pub cloud_code: Option<String>,
    /// `contextId` of the cloud's error body.
    pub context_id: Option<String>,
    /// `ININ-Correlation-Id` of the cloud's response.
    pub correlation_id: Option<String>,
    /// The error's cause.
    pub cause: Option<Cause>,
    /// Whether the cloud may have processed a request that got no response.
    pub may_have_been_processed: bool,
    /// What to do about this cause, if the code's own hint does not fit.
    pub hint: Option<&'static str>,
    /// Whether the same call may succeed if it is made again, if the code's own answer does not fit.
    pub is_retryable: Option<bool>,
}

/// A recording that the cloud listed when the library looked for a lost start.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The recording's id.
    pub id: String,
    /// The recording's state: `recording`, `stopped`, or else the cloud's own word.
    pub state: String,
    /// When the recording started, as the cloud wrote it, if the cloud says so.
    pub started_at: Option<String>,
}

/// A failure: code, message, hint and evidence. Every caller who waits for the same work gets a clone of its error. A change to a
/// clone leaves the other clones as they are.
#[derive(Clone, Debug)]
pub struct Error(Rc<Failure>);

/// What an [`Error`] says.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The stable code.
    pub code: Code,
    /// What happened, for a person. The wording may change: branch on the code.
    pub message: String,
    /// The facts.
    pub evidence: Evidence,
}

impl Deref for Error {
    type Target = Failure;

    fn deref(&self) -> &Failure {
        &self.0
    }
}

impl DerefMut for Error {
    fn deref_mut(&mut self) -> &mut Failure {
        Rc::make_mut(&mut self.0)
    }
}

/// The hint if one of several scopes is needed.
const ONE_SCOPE: &str = "Add one of the scopes in `missingScopes` to the OAuth client, and to `login.scope` if you set it, have it authorized in this organization, and get a new token.";

impl Error {
    /// An error with only a code and a message.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Error::of(code, message.into())
    }

    fn of(code: Code, message: String) -> Self {
        Error(Rc::new(Failure { code, message, evidence: Evidence::default() }))
    }

    /// What the reader should do now.
    pub fn hint(&self) -> String {
        // Genesys lists alternatives, `[conversations:readonly, conversations]`, and means either.
        let has_alternatives = self.evidence.missing_scopes.as_ref().is_some_and(|scopes| scopes.len() > 1);
        let hint = match self.evidence.hint {
            Some(hint) => hint,
            None if self.code == Code::ScopeMissing && has_alternatives => ONE_SCOPE,
            None => self.code.hint(),
        };
        let missing = self.evidence.missing_scopes.as_ref().and_then(|scopes| scopes.first());
        match (&self.evidence.near_miss, missing) {
            (Some(near), Some(missing)) => format!("\"{near}\" is not \"{missing}\". {hint}"),
            _ => hint.to_owned(),
        }
    }

    /// The same error, with another code.
    #[must_use]
    pub(crate) fn with_code(mut self, code: Code) -> Self {
        self.code = code;
        self
    }

    /// The same error, with this hint instead of the code's own.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: &'static str) -> Self {
        self.evidence.hint = Some(hint);
        self
    }

    /// Whether the same call is safe to repeat and may succeed.
    pub fn retryable(&self) -> bool {
        self.evidence.is_retryable.unwrap_or(self.code.retryable())
    }

    /// The same error, after which the same call fails again.
    #[must_use]
    pub(crate) fn not_retryable(mut self) -> Self {
        self.evidence.is_retryable = Some(false);
        self
    }

    /// The same error, about this organization.
    #[must_use]
    pub(crate) fn for_org(mut self, org: &OrgId) -> Self {
        self.evidence.org_id = Some(org.clone());
        self
    }

    /// The same error, about this organization, if somebody named one.
    #[must_use]
    pub(crate) fn for_org_if_named(self, org: Option<&OrgId>) -> Self {
        match org {
            Some(org) => self.for_org(org),
            None => self,
        }
    }

    /// The same error, with the argument's name before its message.
    #[must_use]
    pub(crate) fn in_argument(mut self, argument: &str) -> Self {
        self.message = format!("{argument}: {}", self.message);
        self
    }

    /// The same error. If it has no cause, the earlier refusal becomes its cause.
    #[must_use]
    pub(crate) fn preceded_by(mut self, refusal: Error) -> Self {
        self.evidence.cause.get_or_insert_with(|| Cause::Error(refusal));
        self
    }

    /// Whether the cloud rejected the token itself, so that another token may work.
    pub fn is_token_rejection(&self) -> bool {
        matches!(self.code, Code::Unauthenticated | Code::TokenExpired)
    }

    /// The same error, with this cause.
    #[must_use]
    pub(crate) fn caused_by(mut self, cause: Cause) -> Self {
        self.evidence.cause = Some(cause);
        self
    }
}
