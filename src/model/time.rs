//! The time here and the time in the cloud.

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

    /// This many milliseconds later, within what a `Date` can hold.
    #[must_use]
    pub fn after_millis(self, millis: i64) -> Timestamp {
        const LAST_DATE: i64 = 8_640_000_000_000_000;
        Timestamp(self.0.saturating_add(millis).clamp(-LAST_DATE, LAST_DATE))
    }

    /// Milliseconds from `earlier` to this date; negative if this date is earlier.
    pub fn since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A point on the monotonic clock of this page (`performance.now()`), for every duration: nobody sets that clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(i64);

impl Instant {
    /// From milliseconds since the clock's own beginning.
    pub fn from_millis(millis: i64) -> Instant {
        Instant(millis)
    }

    /// This many milliseconds later.
    #[must_use]
    pub fn after_millis(self, millis: i64) -> Instant {
        Instant(self.0.saturating_add(millis))
    }

    /// This many seconds later. The number comes from outside.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "a cast to i64 saturates; what is lost is below a millisecond")]
    pub fn after_seconds(self, seconds: f64) -> Instant {
        self.after_millis((seconds * 1000.0) as i64)
    }

    /// Milliseconds from `earlier` to this instant; negative if this instant is earlier.
    pub fn since(self, earlier: Instant) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A moment by every clock: this page's monotonic clock, this machine's wall clock, and the cloud's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    instant: Instant,
    wall_clock: Timestamp,
    in_cloud: Timestamp,
}

impl Moment {
    /// The monotonic clock.
    pub fn instant(self) -> Instant {
        self.instant
    }

    /// The cloud's clock, as far as it is known.
    pub fn in_cloud(self) -> Timestamp {
        self.in_cloud
    }

    /// The instant at which the cloud's clock shows this date.
    pub fn instant_of(self, in_cloud: Timestamp) -> Instant {
        self.instant.after_millis(in_cloud.since(self.in_cloud))
    }

    /// What this machine's wall clock shows at an instant, unless somebody sets it.
    pub fn wall_clock_at(self, instant: Instant) -> Timestamp {
        self.wall_clock.after_millis(instant.since(self.instant))
    }
}

/// What is known of the cloud's clock. Without a `Date` in any response, this machine's wall clock stands in for it.
#[derive(Debug, Default)]
pub struct CloudClock {
    /// The cloud's date less the monotonic clock, in milliseconds.
    offset: Cell<Option<i64>>,
    /// What the offset was taken for before a `Date` changed it, until a second `Date` confirms the change.
    doubted: Cell<Option<i64>>,
}

impl CloudClock {
    /// The moment at which the clocks of this page show these times.
    pub fn moment(&self, instant: Instant, wall_clock: Timestamp) -> Moment {
        let in_cloud = self.offset.get().map_or(wall_clock, |offset| Timestamp(0).after_millis(instant.0.saturating_add(offset)));
        Moment { instant, wall_clock, in_cloud }
    }

    /// An earlier moment, with what is known of the cloud's clock now.
    fn revised(&self, moment: Moment) -> Moment {
        self.moment(moment.instant, moment.wall_clock)
    }

    /// The latest date that the cloud's clock may have shown at an earlier moment: a single `Date` may be wrong.
    pub fn latest(&self, moment: Moment) -> Timestamp {
        let doubted = self.doubted.get().map(|offset| Timestamp(0).after_millis(moment.instant.0.saturating_add(offset)));
        doubted.map_or(self.revised(moment).in_cloud, |doubted| doubted.max(self.revised(moment).in_cloud))
    }

    /// How far the cloud's clock is ahead of this machine's wall clock, in milliseconds, if a response has told.
    pub fn ahead(&self, now: Moment) -> Option<i64> {
        self.offset.get().map(|_| self.revised(now).in_cloud.since(now.wall_clock))
    }

    /// Learns from a response's `Date`, which the cloud wrote between `sent` and `received` and which leaves out everything
    /// below a second. A known offset stays for as long as it may be right. Clocks that may agree are taken to agree.
    pub fn learn(&self, sent: Moment, received: Moment, date: Timestamp) {
        let least = date.0.saturating_sub(received.instant.0);
        let most = date.0.saturating_add(1000).saturating_sub(sent.instant.0);
        let fits = |offset: &i64| (least..=most).contains(offset);
        if least <= most {
            let agreeing = received.wall_clock.0.saturating_sub(received.instant.0);
            let before = self.offset.get().unwrap_or(agreeing);
            let known = Some(before).filter(fits).or(Some(agreeing).filter(fits));
            self.doubted.set(Some(before).filter(|before| !fits(before)));
            self.offset.set(Some(known.unwrap_or(least / 2 + most / 2)));
        }
    }
}
