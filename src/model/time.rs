//! The time here and the time in the cloud.

use std::cell::Cell;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since 1970.
    pub fn from_millis(millis: i64) -> Timestamp {
        Timestamp(millis)
    }

    /// Milliseconds since 1970.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// This many seconds later, within what a `Date` can hold: the number comes from outside.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "a cast to i64 saturates; what is lost is below a millisecond")]
    pub fn after_seconds(self, seconds: f64) -> Timestamp {
        self.after_millis((seconds * 1000.0) as i64)
    }

    /// This many milliseconds later, within what a `Date` can hold.
    #[must_use]
    pub fn after_millis(self, millis: i64) -> Timestamp {
        const LAST_DATE: i64 = 8_640_000_000_000_000;
        Timestamp(self.0.saturating_add(millis).clamp(-LAST_DATE, LAST_DATE))
    }

    /// Milliseconds from `earlier` to this one; less than none if it is later.
    pub fn since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// How far the cloud's clock is from ours, as far as its answers tell.
#[derive(Debug, Default)]
pub struct Clock {
    cloud_ahead: Cell<Option<i64>>,
}

/// A moment, by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    here: Timestamp,
    cloud_ahead: i64,
}

impl Clock {
    /// The moment at which it is `now` here.
    pub fn at(&self, now: Timestamp) -> Moment {
        Moment { here: now, cloud_ahead: self.ahead().unwrap_or(0) }
    }

    /// How far the cloud's clock is ahead of ours, in milliseconds, where an answer has told.
    pub fn ahead(&self) -> Option<i64> {
        self.cloud_ahead.get()
    }

    /// Learns from an answer's `Date`, which was written between `sent` and `received` and leaves out what is below a
    /// second. What is known already stays as long as it may be so, and clocks that may agree are taken to agree.
    pub fn learn(&self, sent: Timestamp, received: Timestamp, date: Timestamp) {
        let least = date.as_millis().saturating_sub(received.as_millis());
        let most = date.as_millis().saturating_add(1000).saturating_sub(sent.as_millis());
        let fits = |ahead: &i64| (least..=most).contains(ahead);
        if least <= most {
            let known = self.cloud_ahead.get().filter(fits).or(Some(0).filter(fits));
            self.cloud_ahead.set(Some(known.unwrap_or(least / 2 + most / 2)));
        }
    }
}

impl Moment {
    /// The time here.
    pub fn here(self) -> Timestamp {
        self.here
    }

    /// The time in the cloud.
    pub fn in_cloud(self) -> Timestamp {
        self.here.after_millis(self.cloud_ahead)
    }

    /// When it is this time in the cloud, the time here.
    pub fn here_when(self, in_cloud: Timestamp) -> Timestamp {
        in_cloud.after_millis(self.cloud_ahead.saturating_neg())
    }
}
