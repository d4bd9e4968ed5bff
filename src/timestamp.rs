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

    /// This many seconds later: a number from outside, so what is out of range ends at the range's end.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "a cast to i64 saturates, and below a millisecond nothing is lost")]
    pub fn after_seconds(self, seconds: f64) -> Timestamp {
        Timestamp(self.0.saturating_add((seconds * 1000.0) as i64))
    }
}
