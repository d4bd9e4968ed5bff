//! Batches of starts: concurrency, rate and progress.

use std::cell::{Cell, RefCell};
use std::future::{poll_fn, ready};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use futures_util::future::LocalBoxFuture;

use crate::auth::ports::Platform;
use crate::cloud::call::{Call, CallError, CallOptions, Interruption, Limits};
use crate::cloud::race::race;
use crate::cloud::signal::Signal;
use crate::cloud::tasks::Tasks;
use crate::model::argument::whole;
use crate::model::environment::Target;
use crate::model::error::Error;
use crate::model::time::Instant;
use crate::recording::queue::{Group, RoundRobin, StartsByOrg};
use crate::recording::start::Start;
use crate::recording::starts::{StartResult, Starts};

/// So many acquisitions begin before the page can do something else.
const ACQUIRED_IN_A_ROW: usize = 20;

/// Browsers open six HTTP/1.1 connections to a host.
const DEFAULT_CONCURRENCY: u16 = 6;

/// A batch's concurrency and rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Starts in flight at the same time.
    pub concurrency: usize,
    /// Requests per minute and token, instead of the cloud's limit or the default.
    pub requests_per_minute: Option<u32>,
}

impl Batch {
    /// Validates the app's options: whole numbers, `concurrency` from 1 to 100, `requestsPerMinute` from 1 to 100 000.
    pub fn from_options(concurrency: Option<f64>, requests_per_minute: Option<f64>) -> Result<Batch, Error> {
        let concurrency = concurrency.map(|number| whole("concurrency", number, 100)).transpose()?;
        let requests_per_minute = requests_per_minute.map(|number| whole("requestsPerMinute", number, 100_000)).transpose()?;
        let concurrency = concurrency.map_or(usize::from(DEFAULT_CONCURRENCY), |number| usize::try_from(number).unwrap_or(usize::MAX));
        Ok(Batch { concurrency, requests_per_minute })
    }
}

/// A batch's progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchProgress {
    /// All starts.
    pub total: usize,
    /// Starts that led to a recording.
    pub fulfilled: usize,
    /// Starts that failed.
    pub rejected: usize,
}

/// Hands out the results of a batch's starts, each when its start settles.
pub(crate) struct BatchResults<'a> {
    progress: Cell<BatchProgress>,
    on_settled: &'a dyn Fn(usize, StartResult, BatchProgress),
}

impl<'a> BatchResults<'a> {
    pub(crate) fn new(total: usize, on_settled: &'a dyn Fn(usize, StartResult, BatchProgress)) -> BatchResults<'a> {
        BatchResults { progress: Cell::new(BatchProgress { total, ..BatchProgress::default() }), on_settled }
    }

    pub(crate) fn settle(&self, indices: Vec<usize>, result: &StartResult) {
        for at in indices {
            let mut progress = self.progress.get();
            let count = if result.is_ok() { &mut progress.fulfilled } else { &mut progress.rejected };
            *count = count.saturating_add(1);
            self.progress.set(progress);
            (self.on_settled)(at, result.clone(), progress);
        }
    }

    fn reject_all(&self, mut group: Group, error: CallError) {
        let rejected = Err(error);
        while let Some((indices, _)) = group.take_next() {
            self.settle(indices, &rejected);
        }
    }
}

impl<P: Platform> Starts<P> {
    /// Runs the waiting starts: at most `concurrency` at a time, taking turns between organizations, within each token's rate
    /// limit. Each start has its own time limit. An abort ends the starts that have not been sent.
    pub(crate) async fn start_many(self: &Rc<Self>, limits: &Limits, batch: Batch, waiting: StartsByOrg, results: &BatchResults<'_>) {
        let queue = RefCell::new(RoundRobin::default());
        // Acquire every missing token first, so that a slow one delays no other organization.
        let mut acquisitions = Tasks::new();
        let mut unacquired = Vec::new();
        for group in waiting.into_groups() {
            if self.keyring.has_fresh(&group.target) { queue.borrow_mut().push(group) } else { unacquired.push(group) }
        }
        let mut unacquired = unacquired.into_iter();
        let mut may_acquire: LocalBoxFuture<'static, ()> = Box::pin(ready(()));
        let mut running = Tasks::new();
        let mut pause: Option<(Instant, LocalBoxFuture<'static, ()>)> = None;
        let slots_changed = self.exchange.rate_limiter().changed().join();
        let (mut ended, mut has_ended) = (pin!(limits.closed_or_aborted()), false);
        poll_fn(|context| {
            if !has_ended && let Poll::Ready(interruption) = ended.as_mut().poll(context) {
                has_ended = true;
                let error = limits.interrupted_by(interruption);
                // The acquisitions that have begun fail by themselves: the signal is theirs too.
                for group in queue.take().into_groups().chain(unacquired.by_ref()) {
                    results.reject_all(group, error.clone());
                }
            }
            while unacquired.len() > 0 && may_acquire.as_mut().poll(context).is_ready() {
                for group in unacquired.by_ref().take(ACQUIRED_IN_A_ROW) {
                    let own_call = self.call_of_batch(limits, &group.target, limits.signal.clone());
                    let queue = &queue;
                    acquisitions.push(Box::pin(async move {
                        match own_call.run(Box::pin(self.keyring.token(&own_call))).await {
                            Ok(_) => queue.borrow_mut().push(group),
                            Err(error) => results.reject_all(group, error),
                        }
                    }));
                }
                may_acquire = self.exchange.ports().next_task();
            }
            acquisitions.poll(context);
            loop {
                running.poll(context);
                let mut queue = queue.borrow_mut();
                if running.len() == 0 && queue.is_empty() && acquisitions.len() == 0 && unacquired.len() == 0 {
                    return Poll::Ready(());
                }
                let now = self.exchange.ports().now();
                let mut next_at: Option<Instant> = None;
                let may_go = |target: &Target| match self.next_slot_at(target, batch, limits.deadline.limit()) {
                    Some(slot) if slot <= now => true,
                    Some(slot) => {
                        next_at = Instant::earliest(next_at, Some(slot));
                        false
                    }
                    None => false,
                };
                let next = if running.len() < batch.concurrency { queue.next(may_go) } else { None };
                if let Some((target, (indices, start))) = next {
                    let own_call = self.call_of_batch(limits, &target, Signal::default());
                    let work = self.start_of_batch(&limits.signal, own_call, start);
                    running.push(Box::pin(async move { results.settle(indices, &work.await) }));
                    continue;
                }
                if !queue.is_empty() {
                    slots_changed.register(context);
                }
                // Without a known time, wait for a change of the slots.
                let Some(next_at) = next_at else { return Poll::Pending };
                // An earlier pause serves as well: the time is computed again when it is over.
                if pause.as_ref().is_none_or(|(until, _)| *until > next_at) {
                    let millis = u32::try_from(next_at.since(now)).unwrap_or(u32::MAX);
                    pause = Some((next_at, self.exchange.ports().sleep(millis)));
                }
                match pause.as_mut().map(|(_, sleep)| sleep.as_mut().poll(context)) {
                    Some(Poll::Pending) => return Poll::Pending,
                    _ => pause = None,
                }
            }
        })
        .await;
    }

    /// A call of the batch for one organization, with its own time from now on.
    fn call_of_batch(&self, batch: &Limits, target: &Target, signal: Signal) -> Call {
        let mut call = self.keyring.call(target.clone(), CallOptions { timeout: Some(batch.deadline.limit()), signal });
        call.limits.session = batch.session;
        call
    }

    /// A start of the batch. The batch's signal aborts it for as long as it has not been sent.
    async fn start_of_batch(self: &Rc<Self>, batch: &Signal, call: Call, start: Start) -> StartResult {
        // Counted from now on: acquiring its token may take time.
        let _slot = BatchSlotGuard::new(self, &call.target);
        let (state, work) = self.join_or_start(&call, start);
        let aborted_unsent = async {
            batch.aborted().await;
            state.start.sent.changed().until(|| !state.is_past_abort()).await;
            if call.closing.is_aborted() { Interruption::Closed } else { Interruption::Aborted }
        };
        let result = race(Box::pin(self.outcome(&call, &state, work)), Box::pin(aborted_unsent)).await;
        result.unwrap_or_else(|interruption| Err(call.interrupted_by(interruption)))
    }

    /// From when on another start for this target is within its token's rate limit; `None` if that depends on requests in
    /// flight. `limit`: the time of the start's call, in milliseconds.
    fn next_slot_at(&self, target: &Target, batch: Batch, limit: u32) -> Option<Instant> {
        let scheduled = self.batch_slots.borrow().iter().filter(|other| *other == target).count();
        let now = self.exchange.now();
        // No token yet: let one start through; it acquires the token that the others wait for.
        let Some(token) = self.keyring.fresh(target) else { return (scheduled == 0).then(|| now.instant()) };
        let wait = self.exchange.wait(&token).unwrap_or_default();
        if wait >= limit {
            // The call cannot wait for so long: it fails at once, and sends nothing.
            return Some(now.instant());
        }
        let slot = self.exchange.rate_limiter().next_slot_at(token.secret(), now.instant(), batch.requests_per_minute, scheduled);
        let slot = slot.map(|slot| slot.max(now.instant().after_millis(wait.into())));
        // A new token has a limit of its own, so the slot is at the latest when this token becomes unusable.
        Instant::earliest(slot, token.unusable_at(now))
    }
}

/// A start of a batch that is under way, until dropped.
struct BatchSlotGuard<'a, P: Platform> {
    starts: &'a Starts<P>,
    target: &'a Target,
}

impl<'a, P: Platform> BatchSlotGuard<'a, P> {
    fn new(starts: &'a Starts<P>, target: &'a Target) -> BatchSlotGuard<'a, P> {
        starts.batch_slots.borrow_mut().push(target.clone());
        BatchSlotGuard { starts, target }
    }
}

impl<P: Platform> Drop for BatchSlotGuard<'_, P> {
    fn drop(&mut self) {
        let mut slots = self.starts.batch_slots.borrow_mut();
        let at = slots.iter().position(|target| target == self.target);
        at.map(|at| slots.swap_remove(at));
        drop(slots);
        self.starts.exchange.rate_limiter().changed().wake();
    }
}
