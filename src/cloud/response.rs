//! The cloud's response to a request.

use std::any::Any;
use std::fmt;
use std::rc::Rc;

use zeroize::Zeroize;

use crate::model::error::{Cause, Error};
use crate::model::json::Json;
use crate::model::secret::{Secret, redact};
use crate::model::time::Timestamp;

/// The longest body that is read. Reading a longer body stops, and closes the connection.
pub const MAX_BODY_BYTES: u32 = 4 * 1024 * 1024;

/// What people read in place of a body that is longer than [`MAX_BODY_BYTES`].
pub const BODY_TOO_LONG: &str = "The response is longer than 4 MiB, so it was not read.";

/// A complete response.
#[derive(Clone, Default)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The body, or [`BODY_TOO_LONG`].
    pub body: String,
    /// Whether the body is longer than [`MAX_BODY_BYTES`], so that it was not read.
    pub is_too_long: bool,
    /// The body as JSON; [`Json::Null`] if it is not JSON.
    pub json: Json,
    /// `ININ-Correlation-Id`, if CORS exposes it.
    pub correlation_id: Option<String>,
    /// `Date`, if CORS exposes it.
    pub date: Option<Timestamp>,
    /// `Retry-After`, if CORS exposes it.
    pub retry_after: Option<String>,
    /// `inin-ratelimit-…`, if CORS exposes them.
    pub rate_limit: Option<RateLimit>,
    /// The platform's own response, for the app. Its body is not read: `body` is empty, except after some refusals.
    pub platform_response: Option<Rc<dyn Any>>,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status).field("body", &self.body).finish_non_exhaustive()
    }
}

/// A token's rate limit, as a response reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// `inin-ratelimit-allowed`: requests per minute.
    pub allowed: u32,
    /// `inin-ratelimit-count`: requests in this minute so far.
    pub count: u32,
    /// `inin-ratelimit-reset`: seconds until the next minute begins.
    pub reset: u32,
}

impl Response {
    /// Whether the server accepted the request. A proxy that transforms the body makes a 203 of a 200 (RFC 9110 §15.3.4).
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Adds the tokens that a token endpoint's response names, whatever its status.
    pub(crate) fn add_issued_tokens(&self, secrets: &mut Vec<Secret>) {
        for name in &["access_token", "refresh_token", "id_token"] {
            if let Some(text) = self.json.str(name) {
                secrets.push(text.to_owned().into());
            }
        }
    }

    /// Whether this is a token endpoint's response with an access token.
    pub(crate) fn has_token(&self) -> bool {
        self.is_success() && self.json.str("access_token").is_some()
    }

    /// What the server answered, as a sentence: its own words, or that it did without something.
    pub(crate) fn answered(&self, who: &str, words: Option<&str>, something: &str) -> String {
        let status = u32::from(self.status);
        match words {
            Some(words) => format!("{who} answered {status}: \"{}\".", words.strip_suffix('.').unwrap_or(words)),
            None => format!("{who} answered {status} without {something}."),
        }
    }

    /// Redacts secrets that the server repeats in a header.
    pub(crate) fn redact_headers(&mut self, secrets: &[Secret]) {
        for header in &mut [&mut self.correlation_id, &mut self.retry_after] {
            if let Some(text) = header
                && redact(secrets, text)
            {
                *text = "***".to_owned();
            }
        }
    }

    /// Redacts secrets that the server repeats in the body, even in disguise.
    pub(crate) fn redact_body(&mut self, secrets: &[Secret], parse_json: impl Fn(&str) -> Option<Json>) {
        if redact(secrets, &mut self.body) {
            self.json.zeroize();
            self.json = parse_json(&self.body).unwrap_or_default();
        }
    }
}

impl Error {
    /// The same error, with the cloud's response as its evidence.
    #[must_use]
    pub(crate) fn answered_by(mut self, response: &Response) -> Self {
        self.evidence.status = Some(response.status);
        self.evidence.correlation_id = response.correlation_id.clone();
        self.caused_by(Cause::Cloud(response.body.clone()))
    }
}
