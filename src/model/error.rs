//! Why a call failed: a stable code, a hint, and the evidence.
//!
//! The glossary in the README is generated from this file.

use std::any::Any;
use std::rc::Rc;

use crate::model::ids::OrgId;

macro_rules! codes {
    ($($variant:ident $text:literal, retry: $retry:literal, fixed_by: $fixed_by:literal,
        when: $when:literal, hint: $hint:literal;)*) => {
        /// An error code: one code per cause, stable across versions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $when] $variant,)*
        }

        impl Code {
            /// Every code, in the order of the glossary.
            pub const ALL: &[Code] = &[$(Code::$variant),*];

            /// The code as JavaScript sees it.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $text,)* }
            }

            /// When an error has this code.
            pub fn when(self) -> &'static str {
                match self { $(Code::$variant => $when,)* }
            }

            /// What the reader should do now, in one sentence.
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
        when: "There is no launch URL to read (no `location`), and no `environment` was given.",
        hint: "Pass `environment` or `launchUrl` to connect().";
    UnknownEnvironment "UNKNOWN_ENVIRONMENT", retry: false, fixed_by: "app",
        when: "The environment is not named, not known, or `gcHostOrigin` is not the apps origin of `gcTargetEnv`.",
        hint: "Put ?gcHostOrigin={{gcHostOrigin}}&gcTargetEnv={{gcTargetEnv}} into the app's URL, before any #, or name the environment in connect(); a private cloud must be listed in `environments`.";
    InsecureOrigin "INSECURE_ORIGIN", retry: false, fixed_by: "app",
        when: "An origin is not https (plain http is accepted only for a loopback entry of `environments`), or the page is not a secure context and `login` needs Web Crypto.",
        hint: "Use https; plain http is for loopback entries of `environments` only.";
    NoToken "NO_TOKEN", retry: false, fixed_by: "app",
        when: "No token is held for the organization, none of another is held either, and there is neither `getToken` nor `login`; or somebody signed out while one was being obtained.",
        hint: "Pass the organization's token in `tokens`, with addToken(), or give connect() a `getToken` or `login`.";
    OrgAmbiguous "ORG_AMBIGUOUS", retry: false, fixed_by: "app",
        when: "Nothing says which organization is meant, and tokens of several are held.",
        hint: "Say which organization is meant: `orgId` in the call, in connect() or in the launch URL, or switchOrg().";
    OrgMismatch "ORG_MISMATCH", retry: false, fixed_by: "app",
        when: "Only tokens of other organizations are held. Nothing was sent.",
        hint: "A token works for one organization only: obtain one of the target organization, with `getToken`, `login`, `tokens` or addToken().";
    TokenMalformed "TOKEN_MALFORMED", retry: false, fixed_by: "app",
        when: "A token is empty, over 16 KiB, has characters that no bearer token has (RFC 6750), or is a JWT that cannot be read.",
        hint: "Pass the access token alone: one line, without `Bearer`, whole.";
    TokenExpired "TOKEN_EXPIRED", retry: false, fixed_by: "app",
        when: "The organization's token has expired or was idle too long: the one held, with no `getToken` or `login` to obtain another, or the one that `getToken` returned.",
        hint: "Obtain a new token for this organization: pass it with addToken(), or let `getToken` return one that is fresh. If the token is new, this machine's clock is wrong: set it, or let `getToken` return `expiresIn` as well.";
    TokenSourceFailed "TOKEN_SOURCE_FAILED", retry: true, fixed_by: "app",
        when: "`getToken` threw, rejected, returned something that is not a token, or none while there is no `login`. Its error is the `cause`.",
        hint: "Look at `cause`, which is what getToken threw.";
    TokenSourceWrongOrg "TOKEN_SOURCE_WRONG_ORG", retry: false, fixed_by: "app",
        when: "`getToken` returned a token of another organization than the one it was asked for. It was dropped.",
        hint: "getToken must return a token of `need.orgId`: sign in with target=<orgId>, and mind cookies of another account.";
    LoginBlocked "LOGIN_BLOCKED", retry: false, fixed_by: "app",
        when: "The sign-in window could not be opened: the call was not made in a click or key press, it came too late in one (WebKit), popups are blocked, the iframe's sandbox lacks `allow-popups`, or the host's `Cross-Origin-Opener-Policy` forbids it. Or the page cannot return from a sign-in: it has an opaque origin or no `sessionStorage`.",
        hint: "Make the call directly in a click or key press handler, and allow popups for this page and in its iframe's sandbox. Outside of an iframe, login.mode \"redirect\" needs no window.";
    LoginCancelled "LOGIN_CANCELLED", retry: true, fixed_by: "user",
        when: "The sign-in window was closed before it answered. A window that a `Cross-Origin-Opener-Policy` separates from this page looks the same.",
        hint: "Sign in again. If the window is still open, a Cross-Origin-Opener-Policy separates it from this page: the login page's, this page's or its host's. Outside of an iframe, login.mode \"redirect\" needs no window.";
    LoginDenied "LOGIN_DENIED", retry: false, fixed_by: "user",
        when: "The login origin refused: the person declined (`access_denied`), or the OAuth client is not as it expects (`unauthorized_client`, `invalid_request`, …). `retryable` is true only for `invalid_grant`: the authorization code was not accepted.",
        hint: "Look at `cause`, the login origin's own words: somebody declined, or the OAuth client's id, redirect URI, grant type or scope (`login.scope`) does not fit.";
    LoginStateMismatch "LOGIN_STATE_MISMATCH", retry: true, fixed_by: "user",
        when: "An authorization response came that answers no request of this page: another `state`, one used before, another issuer (`iss`), or begun at another login origin. It was dropped.",
        hint: "Sign in again from the app. Do not open, reload or bookmark the redirect URI.";
    LoginWrongOrg "LOGIN_WRONG_ORG", retry: false, fixed_by: "user",
        when: "The sign-in gave a token of another organization than the one it was for. It was dropped, or filed under its own (`login.wrongOrg`).",
        hint: "A cookie may have signed in another account: set login.prompt to \"login\", and sign in as somebody who may work in this organization.";
    LoginTimeout "LOGIN_TIMEOUT", retry: true, fixed_by: "user",
        when: "Nobody signed in within `login.timeoutMs`.",
        hint: "Sign in again, or allow more time with login.timeoutMs.";
    Unauthenticated "UNAUTHENTICATED", retry: false, fixed_by: "app",
        when: "The cloud does not accept the token (401): revoked, idle too long, expired, or of another environment. It is not sent again: where another one could be obtained, the call was sent once more with that, and it was refused as well.",
        hint: "Obtain a new token for this organization in this environment.";
    IpNotAllowed "IP_NOT_ALLOWED", retry: false, fixed_by: "admin",
        when: "The organization's IP allow-list refuses this address (401 `ip.not.authorized`).",
        hint: "Ask the organization's administrator to allow this network's address.";
    WrongOrg "WRONG_ORG", retry: false, fixed_by: "app",
        when: "The cloud says that agent and token belong to different organizations (403 `insufficient scope for resource owner`). Then it is asked whose the token is: one of another organization than was taken for granted is replaced by the right one, and the call sent once more; this code is what remains.",
        hint: "Check in which organization the agent is, and name that one as `orgId`; no header makes one organization's token work in another.";
    ScopeMissing "SCOPE_MISSING", retry: false, fixed_by: "admin",
        when: "The OAuth client may not use the scope that the call needs (403 `app.not.authorized.for.scope`, or the cloud says so when asked about the token). If `missingScopes` has several, one of them is enough. `nearMiss` is a scope that the client has and that was probably meant.",
        hint: "Add the scope that `missingScopes` or the message names to the OAuth client, have it authorized in this organization, and obtain a new token.";
    PermissionMissing "PERMISSION_MISSING", retry: false, fixed_by: "admin",
        when: "The user behind the token lacks a permission (403), which `missingPermissions` names if the cloud does; or nothing else is left: organization, scope and agent are as they should be.",
        hint: "Ask the organization's administrator for a role with the permission, in the division of what the call is about.";
    Forbidden "FORBIDDEN", retry: false, fixed_by: "admin",
        when: "The cloud does not allow the call (403), and its code names no scope, permission, policy or feature.",
        hint: "Look at `cause`: the cloud's code and message say what it does not allow.";
    UserNeeded "USER_NEEDED", retry: false, fixed_by: "app",
        when: "The call needs a person's token, and this token comes from client credentials (400 `not.a.user`).",
        hint: "Use a token for which a person has signed in: `login`, or a token of the authorization code grant. Keep client credentials in your backend.";
    FeatureDisabled "FEATURE_DISABLED", retry: false, fixed_by: "admin",
        when: "The organization does not have the feature (403 `feature.*`).",
        hint: "Ask the organization's administrator whether the feature is licensed and switched on.";
    PolicyDenied "POLICY_DENIED", retry: false, fixed_by: "admin",
        when: "A policy of the organization denies the call (403 `authz.policy.denied`).",
        hint: "Ask the organization's administrator which policy denies it.";
    AgentNotFound "AGENT_NOT_FOUND", retry: false, fixed_by: "app",
        when: "A start was answered with 404 and an error body: the organization has no such agent, or the cloud no such path.",
        hint: "Check the agent's id, that it is an id of this organization, and the paths in `contract`.";
    RecordingNotFound "RECORDING_NOT_FOUND", retry: false, fixed_by: "app",
        when: "The organization has no recording with this id, or the cloud no such path (404 with an error body).",
        hint: "Check the recording's id, that it is of this organization (`orgId`), and the paths in `contract`.";
    NotFound "NOT_FOUND", retry: false, fixed_by: "app",
        when: "The organization has nothing at the request's path (404 or 410 with an error body).",
        hint: "Check the path and its ids, and that they are of this organization (`orgId`).";
    Conflict "CONFLICT", retry: false, fixed_by: "app",
        when: "The state of the agent, recording or conversation does not allow the call (409, 412, and some codes of 400 and 403): the agent is not logged in, or is being recorded already by a recording that the cloud does not list; the conversation is over; somebody else changed the resource.",
        hint: "Look at `cause`: the cloud's code and message say which state is in the way. Do not start again while a recording runs.";
    LimitReached "LIMIT_REACHED", retry: false, fixed_by: "admin",
        when: "The agent, the person or the organization already has the allowed number of sessions, clients or subscriptions (400 `….limit.exceeded` or `….too.many.…`).",
        hint: "End one that you do not need any more, or ask the organization's administrator for a higher limit.";
    BadRequest "BAD_REQUEST", retry: false, fixed_by: "app",
        when: "The cloud does not accept the request (400, 413, 415, 422, or another 4xx with an error body).",
        hint: "Look at `cause`: the cloud's code and message say what it does not accept. For recordings, compare `contract` with what your cloud expects.";
    RateLimited "RATE_LIMITED", retry: true, fixed_by: "time",
        when: "Too many requests with this token (429), and the wait that the cloud asks for (`retryAfterMs`) is longer than the call's time, or the cloud said so twice. The request was not processed.",
        hint: "Wait before the next call; other clients of the same user share the limit.";
    CloudUnavailable "CLOUD_UNAVAILABLE", retry: true, fixed_by: "time",
        when: "The cloud failed (408, 5xx) when a token or a recording was read, or at a request() that may be repeated. No start ends with this code.",
        hint: "Try again later.";
    UnexpectedAnswer "UNEXPECTED_ANSWER", retry: false, fixed_by: "app",
        when: "The response is not one of the API's: a refusal without an error body, not the JSON that was expected, or more than 4 MiB.",
        hint: "Look at `cause`, the cloud's own words; a proxy may have answered in its place.";
    Network "NETWORK", retry: true, fixed_by: "network",
        when: "A request got no response (offline, refused by CORS or CSP, redirected), or could not be sent at all. It started and changed nothing.",
        hint: "Check the connection, and read the browser's console: CSP `connect-src`, a redirect, a refusal without CORS headers (a proxy's 401 or 429, for example) and a header that a monitoring script adds all look the same to a page.";
    Timeout "TIMEOUT", retry: true, fixed_by: "network",
        when: "The call took longer than `timeoutMs`, and has started and changed nothing.",
        hint: "If the message names another tab, close or reload that tab. Otherwise try again, or allow more time with `timeoutMs`.";
    OutcomeUnknown "OUTCOME_UNKNOWN", retry: false, fixed_by: "app",
        when: "The start was sent and no readable answer came back (connection lost, timeout, 408, 421, 425, 5xx, not JSON): the recording may be running. It was looked for, and what the cloud lists does not tell; `seenRecordings` has what it does list. Or an earlier start has this outcome, and the cloud lists a recording that cannot be read: then nothing was sent. Or a fetch() or request() that may not be repeated has no readable answer.",
        hint: "Look at `seenRecordings`, or ask recordings() later, before you rely on either; the next startRecording() for the agent looks before it sends. If every call ends like this, CORS may refuse the organization's header (see `contract.orgHeaders`) or one that a monitoring script adds, a proxy may refuse the preflight (`OPTIONS`), or the cloud may refuse without CORS headers.";
    BadArgument "BAD_ARGUMENT", retry: false, fixed_by: "app",
        when: "An argument or option has the wrong type, form or range, or its name is not known.",
        hint: "Correct the argument that the message names.";
    WasmBlocked "WASM_BLOCKED", retry: false, fixed_by: "app",
        when: "WebAssembly is switched off here, or the page's Content-Security-Policy does not allow it.",
        hint: "Add 'wasm-unsafe-eval' to the page's CSP script-src.";
    WasmLoadFailed "WASM_LOAD_FAILED", retry: true, fixed_by: "app",
        when: "The .wasm file could not be fetched, is not WebAssembly, or is of another version than the JavaScript; the message names the likely reason.",
        hint: "Serve premium_recorder_bg.wasm beside the JavaScript (with Vite: optimizeDeps.exclude: ['premium-recorder']), or pass its address as `wasm`.";
    InitConflict "INIT_CONFLICT", retry: false, fixed_by: "app",
        when: "connect() was given another `wasm` source than the one already loaded.",
        hint: "Pass the same `wasm` to every connect(), or pass it only once.";
    Panicked "PANICKED", retry: false, fixed_by: "us",
        when: "The library itself failed. What was in flight is rejected with this code, and a start among it may have run. The next call begins anew, without the tokens that were held; after two panics in a row only a reload of the page does. For five minutes, each start looks for a running recording before it is sent.",
        hint: "Please report the message; if a start was in flight, find out whether the agent is being recorded before you start again.";
    Closed "CLOSED", retry: false, fixed_by: "app",
        when: "The recorder was closed before or during the call.",
        hint: "connect() again. To continue with a recording, call recording(id) on the new recorder.";
}

/// The cause of an error.
#[derive(Clone)]
pub enum Cause {
    /// The body of the cloud's response, unchanged.
    Cloud(String),
    /// A value from outside the library, for example a value that a callback threw: kept unchanged, never read.
    Foreign(Rc<dyn Any>),
    /// Another error of the library.
    Error(Box<Error>),
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
    /// What to do about this cause, if the code's own hint does not fit.
    pub hint: Option<&'static str>,
    /// Whether the same call may succeed if it is made again, although that is not so for the code in general.
    pub is_retryable: bool,
}

/// A recording that the cloud listed when the library looked for a lost start.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The recording's id.
    pub id: String,
    /// The recording's state, as the cloud names it.
    pub state: String,
    /// When the recording started (ISO 8601), if the cloud says so.
    pub started_at: Option<String>,
}

/// A failure: code, message, hint and evidence.
#[derive(Clone, Debug)]
pub struct Error {
    /// The stable code.
    pub code: Code,
    /// What happened, for a person. The wording may change: branch on the code.
    pub message: String,
    /// The facts.
    pub evidence: Box<Evidence>,
}

/// The hint if one of several scopes is needed.
const ONE_SCOPE: &str =
    "Add one of the scopes in `missingScopes` to the OAuth client, have it authorized in this organization, and obtain a new token.";

impl Error {
    /// An error with only a code and a message.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Error { code, message: message.into(), evidence: Box::default() }
    }

    /// What the reader should do now, in one sentence.
    pub fn hint(&self) -> &'static str {
        // Genesys lists alternatives, `[conversations:readonly, conversations]`, and means either.
        let has_alternatives = self.evidence.missing_scopes.as_ref().is_some_and(|scopes| scopes.len() > 1);
        match self.evidence.hint {
            Some(hint) => hint,
            None if self.code == Code::ScopeMissing && has_alternatives => ONE_SCOPE,
            None => self.code.hint(),
        }
    }

    /// The same error, with this hint instead of the code's own.
    #[must_use]
    pub fn with_hint(mut self, hint: &'static str) -> Self {
        self.evidence.hint = Some(hint);
        self
    }

    /// Whether the same call is safe to repeat and may succeed.
    pub fn retryable(&self) -> bool {
        self.evidence.is_retryable || self.code.retryable()
    }

    /// The same error, about this organization.
    #[must_use]
    pub fn for_org(mut self, org: &OrgId) -> Self {
        self.evidence.org_id = Some(org.clone());
        self
    }

    /// The same error, with the argument's name before its message.
    #[must_use]
    pub fn in_argument(mut self, argument: &str) -> Self {
        self.message = format!("{argument}: {}", self.message);
        self
    }

    /// The same error. If it has no cause, the earlier refusal becomes its cause.
    #[must_use]
    pub fn preceded_by(mut self, refusal: Error) -> Self {
        self.evidence.cause.get_or_insert_with(|| Cause::Error(Box::new(refusal)));
        self
    }

    /// Whether the cloud rejected the token itself, so that another token may work.
    pub fn is_token_rejection(&self) -> bool {
        matches!(self.code, Code::Unauthenticated | Code::TokenExpired)
    }

    /// The same error, with this cause.
    #[must_use]
    pub fn caused_by(mut self, cause: Cause) -> Self {
        self.evidence.cause = Some(cause);
        self
    }
}

/// The table of all codes, as the README shows it.
pub fn glossary() -> String {
    let mut table = String::from("| Code | When | What to do | Who | Try again |\n| --- | --- | --- | --- | --- |\n");
    for code in Code::ALL {
        table.push_str(&format!(
            "| `{}` | {} | {} | {} | {} |\n",
            code.as_str(),
            code.when(),
            code.hint(),
            code.fixed_by(),
            if code.retryable() { "yes" } else { "no" }
        ));
    }
    table
}
