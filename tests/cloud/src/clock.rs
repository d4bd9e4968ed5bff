//! What time it is in this cloud: the machine's time, plus what a test has moved it ahead, and as fast as a test wants.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    http::{HeaderValue, header::DATE},
    middleware::Next,
    response::Response,
};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822::DateTimePrinter};

use crate::world::Shared;

pub(crate) struct Clock {
    /// At the moment from which it runs at this speed.
    ahead: Duration,
    /// That moment, by the machine.
    since: Timestamp,
    speed: f64,
}

impl Default for Clock {
    fn default() -> Self {
        Self { ahead: Duration::ZERO, since: Timestamp::now(), speed: Self::MACHINE_SPEED }
    }
}

impl Clock {
    /// Ten years: far beyond every expiry, far below what a timestamp can hold.
    pub(crate) const MOST_SECONDS: u64 = 10 * 365 * 24 * 60 * 60;

    pub(crate) const MACHINE_SPEED: f64 = 1.0;
    pub(crate) const MOST_SPEED: f64 = 1000.0;

    pub(crate) fn now(&self) -> Timestamp {
        let machine = Timestamp::now();
        machine.checked_add(self.ahead_at(machine)).unwrap_or(Timestamp::MAX)
    }

    fn ahead_at(&self, machine: Timestamp) -> Duration {
        // Nothing, where the machine's clock was set back.
        let elapsed = Duration::try_from(machine.duration_since(self.since)).unwrap_or_default();
        self.ahead.saturating_add(elapsed.mul_f64(self.speed - Self::MACHINE_SPEED))
    }

    /// From now on, at a speed of at least the machine's; what time it is stays.
    pub(crate) fn run(&mut self, speed: f64) {
        let machine = Timestamp::now();
        *self = Self { ahead: self.ahead_at(machine), since: machine, speed };
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
