//! A moment, as JavaScript's `Date.now()` counts it.

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
