//! Many starts at once: how many at a time, whose turn it is, and how far they have come.

use crate::error::{Code, Error};
use crate::recording::Start;

/// As many connections as a browser opens to one host, where they carry one request at a time.
const USUAL_CONCURRENCY: u16 = 6;

/// How many starts are made at a time, and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Starts under way at the same time.
    pub concurrency: usize,
    /// Requests that each token may make in a minute, instead of what the cloud says or usually allows.
    pub requests_per_minute: Option<u32>,
}

impl Batch {
    /// Takes what the app gave: whole numbers, `concurrency` from 1 to 100, `requestsPerMinute` from 1 to 100 000.
    pub fn decide(concurrency: Option<f64>, requests_per_minute: Option<f64>) -> Result<Batch, Error> {
        let concurrency = concurrency.map(|number| whole("concurrency", number, 100)).transpose()?;
        let requests_per_minute = requests_per_minute.map(|number| whole("requestsPerMinute", number, 100_000)).transpose()?;
        let concurrency = concurrency.map_or(usize::from(USUAL_CONCURRENCY), |number| usize::try_from(number).unwrap_or(usize::MAX));
        Ok(Batch { concurrency, requests_per_minute })
    }
}

fn whole(name: &str, number: f64, most: u32) -> Result<u32, Error> {
    if number.fract() == 0.0 && number >= 1.0 && number <= f64::from(most) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number in range")]
        return Ok(number as u32);
    }
    Err(Error::new(Code::BadArgument, format!("{name} must be a whole number from 1 to {most}.")))
}

/// How far a batch has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Its starts.
    pub total: usize,
    /// Those that led to a recording.
    pub fulfilled: usize,
    /// Those that did not.
    pub rejected: usize,
}

/// The results of a batch, in the order of its starts.
pub(crate) struct Outcomes<'a, T, E> {
    settled: Vec<Option<Result<T, E>>>,
    progress: Progress,
    on_progress: &'a dyn Fn(Progress),
}

impl<'a, T, E> Outcomes<'a, T, E> {
    pub(crate) fn of(total: usize, on_progress: &'a dyn Fn(Progress)) -> Outcomes<'a, T, E> {
        Outcomes { settled: (0..total).map(|_| None).collect(), progress: Progress { total, ..Progress::default() }, on_progress }
    }

    pub(crate) fn settle(&mut self, at: usize, result: Result<T, E>) {
        let count = if result.is_ok() { &mut self.progress.fulfilled } else { &mut self.progress.rejected };
        *count = count.saturating_add(1);
        if let Some(place) = self.settled.get_mut(at) {
            *place = Some(result);
        }
        (self.on_progress)(self.progress);
    }

    pub(crate) fn results(self) -> Vec<Result<T, E>> {
        self.settled.into_iter().flatten().collect()
    }
}

/// Starts that wait for their turn, by organization: after one of an organization the others' are next.
#[derive(Debug)]
pub(crate) struct Turns<T> {
    /// Each with its starts, the next one last.
    groups: Vec<(T, Vec<(usize, Start)>)>,
}

impl<T: PartialEq> Turns<T> {
    /// The starts with their places in the batch, which wait in its order.
    pub(crate) fn of(starts: Vec<(T, usize, Start)>) -> Turns<T> {
        let mut groups: Vec<(T, Vec<(usize, Start)>)> = Vec::new();
        for (of, at, start) in starts {
            match groups.iter_mut().find(|(group, _)| *group == of) {
                Some((_, waiting)) => waiting.push((at, start)),
                None => groups.push((of, vec![(at, start)])),
            }
        }
        groups.iter_mut().for_each(|(_, waiting)| waiting.reverse());
        Turns { groups }
    }

    /// The groups that have starts waiting, the one whose turn it is first.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &T> {
        self.groups.iter().map(|(group, _)| group)
    }

    /// The next start of the first group that may go.
    pub(crate) fn next(&mut self, mut may_go: impl FnMut(&T) -> bool) -> Option<(usize, Start)> {
        let at = self.groups.iter().position(|(group, _)| may_go(group))?;
        let (group, mut waiting) = self.groups.remove(at);
        let next = waiting.pop();
        if !waiting.is_empty() {
            self.groups.push((group, waiting));
        }
        next
    }

    /// The places of those that wait in the groups that are such, which do not wait any more.
    pub(crate) fn take(&mut self, is_such: &dyn Fn(&T) -> bool) -> Vec<usize> {
        let mut taken = Vec::new();
        self.groups.retain(|(group, waiting)| {
            let is_such = is_such(group);
            if is_such {
                taken.extend(waiting.iter().map(|(at, _)| *at));
            }
            !is_such
        });
        taken
    }
}
