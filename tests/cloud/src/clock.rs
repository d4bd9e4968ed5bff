//! What time it is in this cloud: the machine's time, plus what a test has moved it ahead.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    http::{HeaderValue, header::DATE},
    middleware::Next,
    response::Response,
};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822::DateTimePrinter};

use crate::world::Shared;

#[derive(Default)]
pub(crate) struct Clock {
    ahead: Duration,
}

impl Clock {
    /// Ten years: far beyond every expiry, far below what a timestamp can hold.
    pub(crate) const MOST_SECONDS: u64 = 10 * 365 * 24 * 60 * 60;

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now().checked_add(self.ahead).unwrap_or(Timestamp::MAX)
    }

    pub(crate) fn advance(&mut self, seconds: u64) {
        self.ahead = self.ahead.saturating_add(Duration::from_secs(seconds));
    }
}

pub(crate) fn after(moment: Timestamp, seconds: i64) -> Timestamp {
    moment.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

/// Milliseconds, as the platform prints its dates.
pub(crate) fn iso(moment: Timestamp) -> String {
    format!("{moment:.3}")
}

/// Dates every answer by this clock, unless a fault has dated it.
pub(crate) async fn date(State(cloud): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let now = cloud.world().clock.now();
    if let Some(date) = DateTimePrinter::new().timestamp_to_rfc9110_string(&now).ok().and_then(|text| HeaderValue::from_str(&text).ok()) {
        response.headers_mut().entry(DATE).or_insert(date);
    }
    response
}
