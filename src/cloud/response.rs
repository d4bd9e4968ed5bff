//! The cloud's answer.

use crate::model::error::{Cause, Error};
use crate::model::json::Json;
use crate::model::secret::Secret;
use crate::model::time::Timestamp;

/// The cloud's answer, whole.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// The body as JSON; nothing where it is none.
    pub json: Json,
    /// `ININ-Correlation-Id`, where CORS lets it be read.
    pub correlation_id: Option<String>,
    /// `Date`, where CORS lets it be read.
    pub date: Option<Timestamp>,
    /// `Retry-After`, where CORS lets it be read.
    pub retry_after: Option<String>,
    /// `inin-ratelimit-…`, where CORS lets them be read.
    pub rate_limit: Option<RateLimit>,
}

/// How often a token may ask, as an answer tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// `inin-ratelimit-allowed`: requests in a minute.
    pub allowed: u32,
    /// `inin-ratelimit-count`: those of this minute so far.
    pub count: u32,
    /// `inin-ratelimit-reset`: seconds until the next minute begins.
    pub reset: u32,
}

impl Response {
    /// Strikes a secret out: answers end up in errors.
    pub(crate) fn redact(&mut self, secret: &Secret, parse_json: impl Fn(&str) -> Option<Json>) {
        if let Some(struck) = secret.redacted(&self.body) {
            self.json = parse_json(&struck).unwrap_or_default();
            self.body = struck;
        }
        // Written with escapes, it is not found in the text, and whoever parses that has it again.
        if self.json.any_str(&|text| secret.redacted(text).is_some()) {
            self.json = Json::default();
            self.body = "***".to_owned();
        }
    }
}

impl Error {
    /// The same error, with the cloud's answer as its evidence.
    #[must_use]
    pub fn answered_by(mut self, answer: Response) -> Self {
        self.evidence.status = Some(answer.status);
        self.evidence.correlation_id = answer.correlation_id;
        self.caused_by(Cause::Cloud(answer.body))
    }
}
