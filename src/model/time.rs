//! Time on this machine and time in the cloud.

use std::cell::Cell;

/// A date: milliseconds since 1970-01-01T00:00:00Z.
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

    /// This many milliseconds later, clamped to the range of a JavaScript `Date`.
    #[must_use]
    pub fn after_millis(self, millis: i64) -> Timestamp {
        const MAX_DATE_MS: i64 = 8_640_000_000_000_000;
        Timestamp(self.0.saturating_add(millis).clamp(-MAX_DATE_MS, MAX_DATE_MS))
    }

    /// Milliseconds from `earlier` to this date; negative if this date is earlier.
    pub fn since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A point on this page's monotonic clock (`performance.now()`). It measures every duration, because nobody can set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(i64);

impl Instant {
    /// From milliseconds since the clock's start.
    pub fn from_millis(millis: i64) -> Instant {
        Instant(millis)
    }

    /// This many milliseconds later.
    #[must_use]
    pub fn after_millis(self, millis: i64) -> Instant {
        Instant(self.0.saturating_add(millis))
    }

    /// This many seconds later, saturating: `seconds` comes from outside the library.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "the cast saturates, and drops only a fraction of a millisecond")]
    pub fn after_seconds(self, seconds: f64) -> Instant {
        self.after_millis((seconds * 1000.0) as i64)
    }

    /// Milliseconds from `earlier` to this instant; negative if this instant is earlier.
    pub fn since(self, earlier: Instant) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// One moment on three clocks: this page's monotonic clock, this machine's wall clock, and the cloud's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    instant: Instant,
    wall_clock: Timestamp,
    in_cloud: Timestamp,
}

impl Moment {
    /// The moment on the monotonic clock.
    pub fn instant(self) -> Instant {
        self.instant
    }

    /// The moment on the cloud's clock, as far as that clock is known.
    pub fn in_cloud(self) -> Timestamp {
        self.in_cloud
    }

    /// The instant at which the cloud's clock shows this date.
    pub fn instant_of(self, in_cloud: Timestamp) -> Instant {
        self.instant.after_millis(in_cloud.since(self.in_cloud))
    }

    /// What this machine's wall clock shows at an instant, unless somebody sets the clock.
    pub fn wall_clock_at(self, instant: Instant) -> Timestamp {
        self.wall_clock.after_millis(instant.since(self.instant))
    }
}

/// An estimate of the cloud's clock. Until a response has a `Date`, the estimate is this machine's wall clock.
#[derive(Debug, Default)]
pub struct CloudClock {
    /// The cloud's date minus the monotonic clock, in milliseconds.
    offset: Cell<Option<i64>>,
    /// This machine's wall clock minus the monotonic clock, in milliseconds.
    wall_clock_offset: Cell<Option<i64>>,
    /// The offset before a `Date` changed it, until a second `Date` confirms the change.
    previous_offset: Cell<Option<i64>>,
}

impl CloudClock {
    /// The moment at which this page's clocks show these times.
    pub fn moment(&self, instant: Instant, wall_clock: Timestamp) -> Moment {
        let measured = wall_clock.0.saturating_sub(instant.0);
        // Both clocks are read in whole milliseconds: a difference that changes by one says nothing.
        let known = self.wall_clock_offset.get().filter(|known| known.abs_diff(measured) <= 1).unwrap_or(measured);
        self.wall_clock_offset.set(Some(known));
        self.at(instant, Timestamp(instant.0.saturating_add(known)))
    }

    fn at(&self, instant: Instant, wall_clock: Timestamp) -> Moment {
        let in_cloud = self.offset.get().map_or(wall_clock, |offset| Timestamp(0).after_millis(instant.0.saturating_add(offset)));
        Moment { instant, wall_clock, in_cloud }
    }

    /// An earlier moment, by the current estimate of the cloud's clock.
    fn revised(&self, moment: Moment) -> Moment {
        self.at(moment.instant, moment.wall_clock)
    }

    /// The latest date that the cloud's clock may have shown at an earlier moment: a single `Date` may be wrong.
    pub fn latest(&self, moment: Moment) -> Timestamp {
        let previous = self.previous_offset.get().map(|offset| Timestamp(0).after_millis(moment.instant.0.saturating_add(offset)));
        previous.map_or(self.revised(moment).in_cloud, |previous| previous.max(self.revised(moment).in_cloud))
    }

    /// How far the cloud's clock is ahead of this machine's wall clock, in milliseconds; `None` until a response has a `Date`.
    pub fn ahead(&self, now: Moment) -> Option<i64> {
        self.offset.get().map(|_| self.revised(now).in_cloud.since(now.wall_clock))
    }

    /// Updates the estimate from a response's `Date`, which the cloud wrote between `sent` and `received`, in whole seconds.
    /// The known offset stays if `date` allows it. Otherwise, if `date` allows it, the wall clock counts as exact.
    pub fn learn(&self, sent: Moment, received: Moment, date: Timestamp) {
        let min = date.0.saturating_sub(received.instant.0);
        let max = date.0.saturating_add(1000).saturating_sub(sent.instant.0);
        let fits = |offset: &i64| (min..=max).contains(offset);
        if min <= max {
            let wall_clock_offset = received.wall_clock.0.saturating_sub(received.instant.0);
            let previous = self.offset.get().unwrap_or(wall_clock_offset);
            let offset = Some(previous).filter(fits).or(Some(wall_clock_offset).filter(fits));
            self.previous_offset.set(Some(previous).filter(|previous| !fits(previous)));
            self.offset.set(Some(offset.unwrap_or(min / 2 + max / 2)));
        }
    }
}
