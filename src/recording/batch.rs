//! Many starts at once: how many at a time, whose turn it is, and how far they have come.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use futures_util::future::LocalBoxFuture;

use crate::model::argument::whole;
use crate::model::error::Error;
use crate::model::time::Timestamp;
use crate::recording::start::Start;

/// As many connections as a browser opens to one host, where they carry one request at a time.
const USUAL_CONCURRENCY: u16 = 6;

/// The longest pause until the pace is looked at again, in milliseconds: clocks are set.
const LONGEST_PAUSE: u32 = 60_000;

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
    pub fn from_options(concurrency: Option<f64>, requests_per_minute: Option<f64>) -> Result<Batch, Error> {
        let concurrency = concurrency.map(|number| whole("concurrency", number, 100)).transpose()?;
        let requests_per_minute = requests_per_minute.map(|number| whole("requestsPerMinute", number, 100_000)).transpose()?;
        let concurrency = concurrency.map_or(usize::from(USUAL_CONCURRENCY), |number| usize::try_from(number).unwrap_or(usize::MAX));
        Ok(Batch { concurrency, requests_per_minute })
    }
}

/// How far a batch has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchProgress {
    /// Its starts.
    pub total: usize,
    /// Those that led to a recording.
    pub fulfilled: usize,
    /// Those that did not.
    pub rejected: usize,
}

/// What a batch is made by.
pub(crate) trait Starter {
    /// What a token is for: starts for the same take their turn together.
    type Target: Clone + PartialEq;
    type Started;
    type CallError: Clone;

    /// Makes sure of a token.
    async fn obtain_token(&self, target: Self::Target) -> Result<(), Self::CallError>;

    /// From when on another request with that token is within its limit.
    fn next_slot_at(&self, target: &Self::Target) -> Timestamp;

    async fn start(&self, start: Start) -> Result<Self::Started, Self::CallError>;

    /// Ready when nothing is to be sent any more, with why.
    async fn ended(&self) -> Self::CallError;

    fn now(&self) -> Timestamp;

    async fn wait(&self, millis: u32);
}

/// Work of a batch, with what it is for.
type Works<'a, K, T> = Vec<(K, LocalBoxFuture<'a, T>)>;

impl Batch {
    /// Makes the starts that wait, and settles each.
    pub(crate) async fn make<S: Starter>(
        self,
        starter: &S,
        waiting: Vec<(S::Target, usize, Start)>,
        outcomes: &mut Outcomes<'_, S::Started, S::CallError>,
    ) {
        let mut turns = Turns::of(waiting);
        // A token for each target first, so that one which is long in coming takes no other's turn.
        let mut tokens: Works<'_, S::Target, Result<(), S::CallError>> = Vec::new();
        for target in turns.groups() {
            tokens.push((target.clone(), Box::pin(starter.obtain_token(target.clone()))));
        }
        let mut running: Works<'_, usize, Result<_, _>> = Vec::new();
        let mut pause = None;
        let (mut ended, mut has_ended) = (pin!(starter.ended()), false);
        poll_fn(|context| {
            if !has_ended && let Poll::Ready(failure) = ended.as_mut().poll(context) {
                has_ended = true;
                turns.take(&|_| true).into_iter().for_each(|at| outcomes.settle(at, Err(failure.clone())));
            }
            for (target, obtained) in ready(&mut tokens, context) {
                if let Err(failure) = obtained {
                    turns.take(&|other| *other == target).into_iter().for_each(|at| outcomes.settle(at, Err(failure.clone())));
                }
            }
            loop {
                for (at, result) in ready(&mut running, context) {
                    outcomes.settle(at, result);
                }
                let now = starter.now();
                let mut next_at: Option<Timestamp> = None;
                let may_go = |target: &S::Target| {
                    if tokens.iter().any(|(other, _)| other == target) {
                        return false;
                    }
                    let next_slot_at = starter.next_slot_at(target);
                    if next_slot_at > now {
                        next_at = Some(next_at.map_or(next_slot_at, |next_at| next_at.min(next_slot_at)));
                    }
                    next_slot_at <= now
                };
                let next = if running.len() < self.concurrency { turns.next(may_go) } else { None };
                if let Some((at, start)) = next {
                    running.push((at, Box::pin(starter.start(start))));
                    continue;
                }
                if running.is_empty() && turns.groups().next().is_none() {
                    return Poll::Ready(());
                }
                // Until then there is nothing to do but to wait for those that are under way.
                let Some(next_at) = next_at else { return Poll::Pending };
                let millis = u32::try_from(next_at.since(now)).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE);
                let mut wait: LocalBoxFuture<'_, ()> = Box::pin(starter.wait(millis));
                if wait.as_mut().poll(context).is_pending() {
                    pause = Some(wait);
                    return Poll::Pending;
                }
            }
        })
        .await;
        drop(pause);
    }
}

/// Polls each once, and takes out those that are ready.
fn ready<K, T>(all: &mut Works<'_, K, T>, context: &mut Context<'_>) -> Vec<(K, T)> {
    let mut ready = Vec::new();
    let mut pending = Vec::new();
    for (key, mut work) in all.drain(..) {
        match Pin::new(&mut work).poll(context) {
            Poll::Ready(result) => ready.push((key, result)),
            Poll::Pending => pending.push((key, work)),
        }
    }
    *all = pending;
    ready
}

/// The results of a batch, in the order of its starts.
pub(crate) struct Outcomes<'a, T, E> {
    settled: Vec<Option<Result<T, E>>>,
    progress: BatchProgress,
    on_progress: &'a dyn Fn(BatchProgress),
}

impl<'a, T, E> Outcomes<'a, T, E> {
    pub(crate) fn of(total: usize, on_progress: &'a dyn Fn(BatchProgress)) -> Outcomes<'a, T, E> {
        Outcomes { settled: (0..total).map(|_| None).collect(), progress: BatchProgress { total, ..BatchProgress::default() }, on_progress }
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
