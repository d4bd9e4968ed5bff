//! Starts recordings, one at a time for each agent. Concurrent calls with the same parameters share a start.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use crate::auth::keyring::Keyring;
use crate::auth::ports::Platform;
use crate::client::UntilSettled;
use crate::cloud::call::{Call, CallError, Interruption};
use crate::cloud::exchange::Exchange;
use crate::cloud::signal::Signal;
use crate::cloud::single_flight::{InFlight, SingleFlight};
use crate::model::environment::Target;
use crate::model::error::{Cause, Code, Error};
use crate::recording::api::Recordings;
use crate::recording::page_starts::{PageStart, PageStarts, StartKey};
use crate::recording::start::Start;
use crate::recording::{Recording, State};

/// How long the library looks for a lost start after the call's own time, in milliseconds.
const MAX_LATE_LOOK_MS: u32 = 5_000;

/// The hint if a start waits for an earlier one of the page.
const EARLIER_START: &str = "Check whether the agent is being recorded, for example with recordings(). The page waits for a start that was sent, for at most five minutes.";

/// The result of a start.
pub type StartResult = Result<Recording, CallError>;

/// The starts of a recorder.
pub struct Starts<P: Platform> {
    pub(super) exchange: Rc<Exchange<P>>,
    pub(super) keyring: Rc<Keyring<P>>,
    pub(crate) recordings: Recordings<P>,
    pub(super) in_flight: Rc<SingleFlight<Weak<StartState>, StartResult>>,
    pub(super) page: PageStarts,
    /// The target of each start of a batch that is in flight.
    pub(super) batch_slots: RefCell<Vec<Target>>,
}

/// A start in flight.
pub(super) struct StartState {
    pub(super) start: Rc<PageStart>,
    pub(super) shares: bool,
    /// The start's own call: it has the latest deadline of all callers and the first caller's session. No abort ends it.
    pub(super) call: Call,
    /// Whether the work has ended, or nobody waits for it any more.
    is_over: Cell<bool>,
    /// Until there is a result or every caller has gone. The start's fetch may keep it for longer.
    pub(super) under_way: RefCell<Option<Rc<dyn UntilSettled>>>,
    /// What keeps the start from being sent.
    pub(super) waits_for: Cell<WaitsFor>,
    /// Whether a caller was told that the outcome is unknown. It may try again, so the page remembers what the start leads to.
    pub(super) is_told_unknown: Cell<bool>,
}

/// What a start waits for before it is sent.
#[derive(Clone, Copy, Default)]
pub(super) enum WaitsFor {
    #[default]
    Nothing,
    /// An earlier start of this page.
    EarlierStart,
    /// Whoever holds the lock.
    Lock,
}

impl StartState {
    /// Whether it is too late to abort: the start was sent, or is over.
    pub(super) fn is_past_abort(&self) -> bool {
        self.is_over.get() || self.start.sent.unresolved().is_some()
    }

    /// Gives up the fetch if the recording is known and nobody waits for the response any more.
    pub(super) fn give_up_known(&self) {
        if self.is_over.get() && self.start.sent.is_known() {
            self.start.sent.forget_last();
        }
    }

    /// The error of a call whose time is over before the start was sent.
    fn timed_out(&self, call: &Call) -> Error {
        let mut error = call.timed_out();
        match self.waits_for.get() {
            WaitsFor::Nothing => {}
            WaitsFor::EarlierStart => {
                error.message.push_str(" An earlier start of this page for the agent has not ended.");
                error.evidence.hint = Some(EARLIER_START);
            }
            WaitsFor::Lock => {
                let name = self.start.key.lock_name();
                let waited = format!(" It waited for another tab or script of this origin, which holds the lock \"{name}\".");
                error.message.push_str(&waited);
            }
        }
        error
    }
}

impl<P: Platform> Starts<P> {
    /// No start yet.
    pub fn new(page: PageStarts, exchange: Rc<Exchange<P>>, keyring: Rc<Keyring<P>>, recordings: Recordings<P>) -> Rc<Starts<P>> {
        Rc::new(Starts { exchange, keyring, recordings, in_flight: SingleFlight::new(), page, batch_slots: RefCell::default() })
    }

    /// Starts a recording for this call, or shares the start in flight with the same key.
    pub(crate) async fn start(self: &Rc<Self>, call: &Call, start: Start) -> StartResult {
        let (state, work) = self.join_or_start(call, start);
        self.outcome(call, &state, work).await
    }

    /// If the recording has stopped, a start that waits for the one that led to it does not take it for running.
    pub(crate) fn note_if_stopped(&self, target: &Target, recording: &Recording) {
        if recording.state == State::Stopped {
            self.page.note_stopped(target, self.recordings.contract().start_path(), &recording.id);
        }
    }

    /// Joins the start in flight with the same key, or begins one.
    pub(super) fn join_or_start(self: &Rc<Self>, call: &Call, start: Start) -> (Rc<StartState>, InFlight<StartResult>) {
        let Start { agent, recording_type, shares, .. } = start;
        let key = StartKey::new(call.target.clone(), self.recordings.contract().start_path(), agent, recording_type);
        let joined = self.in_flight.find(&key.name, |state| {
            // A recording that another caller has found may have been stopped since, so do not join its start.
            let state = state.upgrade().filter(|state| shares && state.shares && !state.start.sent.is_known())?;
            // A start that began before a sign-out gets no other token, so a later call waits for it with a token of its own. And a
            // call from before a sign-out gets no recording of a later start.
            (!self.keyring.was_signed_out(&key.target, call.session.min(state.call.session))).then_some(state)
        });
        if let Some((state, work)) = joined {
            state.call.deadline.extend_to(&call.deadline);
            return (state, work);
        }
        let mut own_call = call.clone();
        own_call.limits.signal = Signal::default();
        let state = Rc::new(StartState {
            start: self.page.begin(key),
            shares,
            call: own_call,
            is_over: Cell::default(),
            under_way: RefCell::default(),
            waits_for: Cell::default(),
            is_told_unknown: Cell::default(),
        });
        let (starts, its_state) = (self.clone(), state.clone());
        let work = async move {
            let _over = OverOnDrop(&its_state);
            let result = starts.attempt(&its_state).await;
            drop(its_state.under_way.take());
            result
        };
        let work = self.in_flight.begin(state.start.key.name.clone(), Rc::downgrade(&state), Box::pin(work));
        (state, work)
    }

    /// The start's result for one of its callers, within that caller's limits.
    pub(super) async fn outcome(&self, call: &Call, state: &StartState, mut work: InFlight<StartResult>) -> StartResult {
        let interruption = match call.race(Box::pin(&mut work)).await {
            Ok(result) => return result,
            Err(interruption) => interruption,
        };
        // Another caller of the shared start may have completed it in the same turn.
        let completed = work.peek().cloned();
        let sent = state.start.sent.unresolved();
        drop(work);
        let org = &call.target.org;
        let interruption = match (interruption, completed, &sent) {
            (Interruption::TimedOut, Some(result), _) => return result,
            (Interruption::TimedOut, None, None) => return Err(state.timed_out(call).for_org(org).into()),
            (Interruption::TimedOut, None, Some(sent)) => {
                let unknown = Error::new(Code::OutcomeUnknown, "The start was sent. No response came in time.");
                let unknown = unknown.caused_by(Cause::Error(call.timed_out())).for_org(org);
                let look = Box::pin(self.find_lost_start(state, sent, unknown.clone()));
                let looked = match call.with_limit(MAX_LATE_LOOK_MS).race(look).await {
                    Err(Interruption::TimedOut) => Ok(Err(unknown)),
                    looked => looked,
                };
                match looked {
                    Ok(found) => {
                        // The response may have come meanwhile, or another caller may have found the recording.
                        let found = found.or_else(|unknown| state.start.own_recording().ok_or(unknown));
                        state.is_told_unknown.set(state.is_told_unknown.get() || found.is_err());
                        return Ok(self.record_outcome(state, found?));
                    }
                    Err(interruption) => interruption,
                }
            }
            (interruption, ..) => interruption,
        };
        if interruption == Interruption::Closed && sent.is_some() {
            let message = "The recorder was closed after the start was sent: a recording may be running.";
            return Err(Error::new(Code::Closed, message).for_org(org).into());
        }
        Err(call.interrupted_by(interruption))
    }
}

/// Marks the start as over when its work ends, or is dropped because nobody waits for it.
struct OverOnDrop<'a>(&'a StartState);

impl Drop for OverOnDrop<'_> {
    fn drop(&mut self) {
        self.0.is_over.set(true);
        self.0.give_up_known();
    }
}
