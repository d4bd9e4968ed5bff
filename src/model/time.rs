//! Time on this machine and time in the cloud.

use std::cell::Cell;

use crate::model::digits::number;

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

    /// Reads a date with its time and its zone, such as `2026-11-22T08:00:00.000Z` (RFC 3339, with or without the colon in the
    /// zone). `None` for every other text: `Date.parse` reads a time without a zone as local time, and guesses more.
    pub fn from_iso(text: &str) -> Option<Timestamp> {
        let mut text = Scanner(text);
        let (year, month, day) = (text.digits(4)?, text.after("-")?.digits(2)?, text.after("-")?.digits(2)?);
        let time = text.after("T")?.time()?;
        let is_leap_second = time == DAY_MS;
        let mut millis = 0;
        if text.after(".").is_some() {
            let digits = text.0.bytes().take_while(u8::is_ascii_digit).count();
            let mut unit = 100;
            for digit in text.take(digits)?.bytes() {
                millis += i64::from(digit - b'0') * unit;
                unit /= 10;
            }
            (digits > 0).then_some(())?;
        }
        let zone = if text.after("Z").is_some() {
            0
        } else {
            let sign = if text.after("+").is_some() { 1 } else { text.after("-").map(|_| -1)? };
            let hours = text.digits(2)?;
            text.0 = text.0.strip_prefix(':').unwrap_or(text.0);
            let minutes = text.digits(2)?;
            (hours <= 23 && minutes <= 59).then_some(sign * (hours * 60 + minutes) * 60_000)?
        };
        (text.0.is_empty() && !is_leap_second).then_some(())?;
        Some(Timestamp(date(year, month, day)? + time + millis - zone))
    }

    /// Reads a date in one of the three formats of HTTP (RFC 9110 §5.6.7). `now` decides the century of a year of two digits.
    pub fn from_http(text: &str, now: Timestamp) -> Option<Timestamp> {
        let weekday_ends = text.bytes().position(|byte| matches!(byte, b',' | b' '))?;
        let (weekday, rest) = text.split_at_checked(weekday_ends)?;
        let is_full = WEEKDAYS.contains(&weekday);
        let is_short = WEEKDAYS.iter().any(|name| name.get(..3) == Some(weekday));
        let mut text = Scanner(rest);
        let is_asctime = text.after(", ").is_none();
        let (year, month, day, time) = if is_asctime {
            let month = text.after(" ")?.month()?;
            let day = if text.after("  ").is_some() { text.digits(1)? } else { text.after(" ")?.digits(2)? };
            let time = text.after(" ")?.time()?;
            (text.after(" ")?.digits(4)?, month, day, time)
        } else {
            let separator = if is_full { "-" } else { " " };
            let (day, month) = (text.digits(2)?, text.after(separator)?.month()?);
            let year = text.after(separator)?.digits(if is_full { 2 } else { 4 })?;
            let time = text.after(" ")?.time()?;
            text.after(" GMT")?;
            (year, month, day, time)
        };
        (text.0.is_empty() && (is_short || (is_full && !is_asctime))).then_some(())?;
        let in_year = |year: i64| Some(Timestamp(date(year, month, day)? + time));
        if is_short {
            return in_year(year);
        }
        const FIFTY_YEARS_MS: i64 = 18_263 * DAY_MS;
        in_year(2000 + year).filter(|date| date.since(now) <= FIFTY_YEARS_MS).or_else(|| in_year(1900 + year))
    }
}

const DAY_MS: i64 = 86_400_000;

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Milliseconds from 1970 to the beginning of this day, if the Gregorian calendar has it.
fn date(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap_year = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if is_leap_year => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day).then(|| {
        // Years begin in March here, so that a leap day is the last day of its year.
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let days = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (month * 153 + 2) / 5 + day - 1;
        (days - 719_468) * DAY_MS
    })
}

/// The rest of a text that is read from its beginning.
struct Scanner<'a>(&'a str);

impl<'a> Scanner<'a> {
    fn take(&mut self, length: usize) -> Option<&'a str> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// Skips this text. If something else comes, skips nothing.
    fn after(&mut self, text: &str) -> Option<&mut Self> {
        self.0 = self.0.strip_prefix(text)?;
        Some(self)
    }

    fn digits(&mut self, count: usize) -> Option<i64> {
        number(self.take(count)?)
    }

    fn month(&mut self) -> Option<i64> {
        let name = self.take(3)?;
        MONTHS.iter().zip(1..).find(|(month, _)| **month == name).map(|(_, number)| number)
    }

    /// `hh:mm:ss` in milliseconds, up to the leap second 23:59:60.
    fn time(&mut self) -> Option<i64> {
        let (hours, minutes, seconds) = (self.digits(2)?, self.after(":")?.digits(2)?, self.after(":")?.digits(2)?);
        let exists = hours <= 23 && minutes <= 59 && (seconds <= 59 || (hours, minutes, seconds) == (23, 59, 60));
        exists.then_some(((hours * 60 + minutes) * 60 + seconds) * 1000)
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
    pub(crate) fn after_seconds(self, seconds: f64) -> Instant {
        self.after_millis((seconds * 1000.0) as i64)
    }

    /// The low 32 bits of its milliseconds, which tell it from others of the same 49 days.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "only these bits are asked for")]
    pub(crate) fn low_bits(self) -> u32 {
        self.0 as u32
    }

    /// The earlier one of those that are known.
    pub(crate) fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
        match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
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

    /// The same moment, if this machine's wall clock is right and everything that responses said of the cloud's clock is wrong.
    #[must_use]
    pub(crate) fn by_wall_clock(self) -> Moment {
        Moment { in_cloud: self.wall_clock, ..self }
    }

    /// The earlier one of those that are known.
    pub(crate) fn earliest(one: Option<Moment>, other: Option<Moment>) -> Option<Moment> {
        match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// The earlier of both.
    #[must_use]
    pub fn min(self, other: Moment) -> Moment {
        if other.instant < self.instant { other } else { self }
    }

    /// This many milliseconds earlier.
    #[must_use]
    pub fn before(self, millis: i64) -> Moment {
        Moment {
            instant: self.instant.after_millis(-millis),
            wall_clock: self.wall_clock.after_millis(-millis),
            in_cloud: self.in_cloud.after_millis(-millis),
        }
    }

    /// The instant at which the cloud's clock shows this date.
    pub(crate) fn instant_of(self, in_cloud: Timestamp) -> Instant {
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
    /// The last confirmed offset, if a `Date` has changed it and no second `Date` confirms the change.
    confirmed_offset: Cell<Option<i64>>,
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

    /// The earliest and the latest date that the cloud's clock may have shown at an earlier moment: a single `Date` may be wrong.
    pub fn range(&self, moment: Moment) -> (Timestamp, Timestamp) {
        let revised = self.revised(moment).in_cloud;
        let confirmed =
            self.confirmed_offset.get().map_or(revised, |offset| Timestamp(0).after_millis(moment.instant.0.saturating_add(offset)));
        // In some browsers, the monotonic clock stands still while the machine sleeps. Then `revised` is too late.
        let by_wall_clock = match (self.offset.get(), self.wall_clock_offset.get()) {
            (Some(offset), Some(wall_clock_offset)) => moment.wall_clock.after_millis(offset.saturating_sub(wall_clock_offset)),
            _ => revised,
        };
        (confirmed.min(revised).min(by_wall_clock), confirmed.max(revised))
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
            let known = self.offset.get().unwrap_or(wall_clock_offset);
            let offset = Some(known).filter(fits).or(Some(wall_clock_offset).filter(fits));
            let confirmed = self.confirmed_offset.get().unwrap_or(known);
            self.confirmed_offset.set(Some(confirmed).filter(|confirmed| !fits(&known) && !fits(confirmed)));
            self.offset.set(Some(offset.unwrap_or(min / 2 + max / 2)));
        }
    }
}
