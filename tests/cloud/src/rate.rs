//! How often a token may ask: a fixed window of one minute that starts with the first request.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

pub(crate) const COUNT: HeaderName = HeaderName::from_static("inin-ratelimit-count");
pub(crate) const ALLOWED: HeaderName = HeaderName::from_static("inin-ratelimit-allowed");
pub(crate) const RESET: HeaderName = HeaderName::from_static("inin-ratelimit-reset");

pub(crate) const WINDOW_SECONDS: u64 = 60;

#[derive(Default)]
pub(crate) struct Window {
    started: Option<Timestamp>,
    count: u32,
}

/// How the window stands after a request.
#[derive(Clone, Copy)]
pub(crate) struct Standing {
    count: u32,
    pub(crate) allowed: u32,
    pub(crate) reset: u64,
}

impl Window {
    pub(crate) fn count(&mut self, now: Timestamp, allowed: u32) -> Standing {
        let elapsed = self
            .started
            .and_then(|started| u64::try_from(now.duration_since(started).as_secs()).ok())
            .filter(|elapsed| *elapsed < WINDOW_SECONDS);
        if elapsed.is_none() {
            *self = Self { started: Some(now), count: 0 };
        }
        self.count = self.count.saturating_add(1);
        Standing { count: self.count, allowed, reset: WINDOW_SECONDS - elapsed.unwrap_or(0) }
    }
}

impl Standing {
    /// For a request that carries no valid token, and so counts for none.
    pub(crate) fn unused(allowed: u32) -> Self {
        Self { count: 0, allowed, reset: WINDOW_SECONDS }
    }

    pub(crate) fn exceeded(self) -> bool {
        self.count > self.allowed
    }

    pub(crate) fn write(self, headers: &mut HeaderMap) {
        headers.insert(COUNT, HeaderValue::from(self.count));
        headers.insert(ALLOWED, HeaderValue::from(self.allowed));
        headers.insert(RESET, HeaderValue::from(self.reset));
    }
}
