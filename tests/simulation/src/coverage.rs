//! What schedules have come to: in how many of them each thing happened.

use std::collections::{BTreeMap, BTreeSet};

/// What happened in one schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen(BTreeSet<(&'static str, &'static str)>);

impl Seen {
    /// This happened.
    pub fn add(&mut self, what: &'static str, how: &'static str) {
        self.0.insert((what, how));
    }
}

/// In how many schedules things happened.
#[derive(Clone, Debug, Default)]
pub struct Coverage(BTreeMap<(&'static str, &'static str), u64>);

impl Coverage {
    /// Counts one schedule.
    pub fn add(&mut self, seen: &Seen) {
        for &what in &seen.0 {
            *self.0.entry(what).or_default() += 1;
        }
    }

    /// Counts those of another one as well.
    pub fn merge(&mut self, other: &Coverage) {
        for (&what, &count) in &other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }

    /// In how many schedules this happened.
    pub fn count(&self, what: &str, how: &str) -> u64 {
        self.0.iter().filter(|((is, was), _)| *is == what && *was == how).map(|(_, &count)| count).sum()
    }
}

impl std::fmt::Display for Coverage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut last = "";
        for (&(what, how), count) in &self.0 {
            let what = if std::mem::replace(&mut last, what) == what { "" } else { what };
            writeln!(f, "  {what:<14} {how:<40} {count:>9}")?;
        }
        Ok(())
    }
}
