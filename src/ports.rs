//! What the flow needs from outside. The browser gives it in `web/`; tests give it by simulation.

use crate::environment::Environment;
use crate::error::Cause;
use crate::grant::Request;
use crate::json::Json;
use crate::org::OrgId;
use crate::timestamp::Timestamp;

/// The world outside: the network, the app's token source, the clock.
#[allow(async_fn_in_trait, reason = "everything runs on one thread")]
pub trait Ports: 'static {
    /// Sends the request once, to its own origin, without cookies, following no redirect. Dropping the future gives up on the answer.
    async fn send(&self, request: Request) -> Result<Answer, Lost>;

    /// Whether the app gave a token source.
    fn has_token_source(&self) -> bool;

    /// Asks the app's token source. Dropping the future tells the source that nobody waits any more.
    async fn get_token(&self, need: TokenNeed) -> Result<IssuedToken, Cause>;

    /// Reads a whole text as JSON; `None` where it is none.
    fn parse_json(&self, text: &str) -> Option<Json>;

    /// The time.
    fn now(&self) -> Timestamp;

    /// Ready after so many milliseconds.
    async fn wait(&self, millis: u32);

    /// The recorder is closed: wakes whoever waits for it.
    fn close(&self);

    /// Ready when the recorder is closed.
    async fn closed(&self);
}

/// The cloud's answer, whole.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// The body as JSON; nothing where it is none.
    pub json: Json,
    /// `ININ-Correlation-Id`, where CORS lets it be read.
    pub correlation_id: Option<String>,
}

/// A request whose answer did not come, or not whole.
#[derive(Clone, Debug)]
pub struct Lost {
    /// Whether the request may have left, and so may have been carried out.
    pub may_have_run: bool,
    /// The HTTP status, where that much came.
    pub status: Option<u16>,
    /// What the platform said.
    pub cause: Cause,
}

/// Why a token is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeedReason {
    /// None is held for the organization.
    Missing,
    /// The one that is held has expired.
    Expired,
    /// The cloud has refused the one that is held.
    Rejected,
}

impl NeedReason {
    /// The reason as JavaScript sees it.
    pub fn as_str(self) -> &'static str {
        match self {
            NeedReason::Missing => "missing",
            NeedReason::Expired => "expired",
            NeedReason::Rejected => "rejected",
        }
    }
}

/// Which token the flow needs.
#[derive(Clone, Debug)]
pub struct TokenNeed<'a> {
    /// The environment that the token must be of.
    pub environment: &'a Environment,
    /// The organization that the token must be of.
    pub org: &'a OrgId,
    /// The OAuth scopes that the token must have.
    pub scopes: Vec<String>,
    /// Why it is asked for.
    pub reason: NeedReason,
}

/// What a token source returned.
#[derive(Clone)]
pub struct IssuedToken {
    /// The token's text.
    pub access_token: String,
    /// Its life in seconds, where the source knows it.
    pub expires_in: Option<f64>,
}
