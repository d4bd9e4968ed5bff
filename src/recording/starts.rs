//! Starts recordings, one at a time for each agent. Concurrent calls with the same parameters share a start.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use crate::auth::keyring::Keyring;
use crate::auth::ports::Platform;
use crate::client::{Client, SentLog};
use crate::cloud::call::{Call, CallError, Interruption};
use crate::cloud::exchange::Exchange;
use crate::cloud::signal::Signal;
use crate::cloud::single_flight::{InFlight, SingleFlight};
use crate::model::environment::Target;
use crate::model::error::{Cause, Code, Error};
use crate::model::ids::{AgentId, RecordingId};
use crate::model::time::Moment;
use crate::recording::Recording;
use crate::recording::api::Recordings;
use crate::recording::start::Start;

/// How long the library looks for a lost start after the call's own time, in milliseconds.
const MAX_LATE_LOOK_MS: u32 = 5_000;

/// The result of a start.
pub(super) type StartResult = Result<Recording, CallError>;

/// The starts of a recorder.
pub struct Starts<P: Platform> {
    pub(super) exchange: Rc<Exchange<P>>,
    pub(super) keyring: Rc<Keyring<P>>,
    pub(super) client: Rc<Client<P>>,
    pub(super) recordings: Rc<Recordings<P>>,
    pub(super) in_flight: Rc<SingleFlight<Weak<StartState<P>>, StartResult>>,
    begun: Cell<u64>,
    /// Starts with an unknown outcome, and when they were sent.
    pub(super) unresolved: RefCell<Vec<(StartKey, Moment)>>,
    /// Recordings that a start already owns, with that start's number.
    pub(super) claimed: RefCell<Vec<(u64, RecordingId)>>,
    /// The target of each start of a batch that is in flight.
    pub(super) batch_slots: RefCell<Vec<Target>>,
}

/// What identifies a start: calls with the same key share a start.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct StartKey {
    pub(super) target: Target,
    /// In lower case: no two ids differ only in case.
    pub(super) agent: String,
    pub(super) recording_type: String,
}

/// A start in flight.
pub(super) struct StartState<P: Platform> {
    pub(super) number: u64,
    pub(super) key: StartKey,
    pub(super) agent: AgentId,
    pub(super) shares: bool,
    /// The start's own call: it has the latest deadline of all callers and the first caller's session. No abort ends it.
    pub(super) call: Call,
    pub(super) sent: SentLog,
    is_over: Cell<bool>,
    /// Keeps other pages from starting the same recording, until there is a result or the work is dropped.
    pub(super) lock: RefCell<Option<P::Lock>>,
}

impl<P: Platform> StartState<P> {
    /// Whether it is too late to abort: the start was sent, or is over.
    pub(super) fn is_past_abort(&self) -> bool {
        self.is_over.get() || self.sent.unresolved().is_some()
    }
}

impl<P: Platform> Starts<P> {
    /// No start yet.
    pub fn new(exchange: Rc<Exchange<P>>, keyring: Rc<Keyring<P>>, client: Rc<Client<P>>, recordings: Rc<Recordings<P>>) -> Rc<Starts<P>> {
        Rc::new(Starts {
            exchange,
            keyring,
            client,
            recordings,
            in_flight: SingleFlight::new(),
            begun: Cell::default(),
            unresolved: RefCell::default(),
            claimed: RefCell::default(),
            batch_slots: RefCell::default(),
        })
    }

    /// Starts a recording for this call, or shares the start in flight with the same key.
    pub(crate) async fn start(self: &Rc<Self>, call: &Call, start: Start) -> StartResult {
        let (state, work) = self.join_or_start(call, start);
        self.outcome(call, &state, work).await
    }

    /// Joins the start in flight with the same key, or begins one.
    pub(super) fn join_or_start(self: &Rc<Self>, call: &Call, start: Start) -> (Rc<StartState<P>>, InFlight<StartResult>) {
        let Start { agent, recording_type, shares, .. } = start;
        let key = StartKey { target: call.target.clone(), agent: agent.as_str().to_ascii_lowercase(), recording_type };
        let is_signed_out = |session| self.keyring.was_signed_out(&key.target, session);
        let joined = self.in_flight.find(|state| {
            let state = state.upgrade().filter(|state| shares && state.shares && state.key == key)?;
            // A start that began to wait for its token before a sign-out will fail, so do not join it.
            let may_succeed = state.sent.unresolved().is_some() || !is_signed_out(state.call.session);
            (may_succeed && !is_signed_out(call.session)).then_some(state)
        });
        if let Some((state, work)) = joined {
            state.call.deadline.extend_to(&call.deadline);
            return (state, work);
        }
        let number = self.begun.get();
        self.begun.set(number.wrapping_add(1));
        let state = Rc::new(StartState {
            number,
            key,
            agent,
            shares,
            call: Call { signal: Signal::default(), ..call.clone() },
            sent: SentLog::default(),
            is_over: Cell::default(),
            lock: RefCell::new(None),
        });
        let (starts, its_state) = (self.clone(), state.clone());
        let work = self.in_flight.begin(Rc::downgrade(&state), async move {
            let unresolved = UnresolvedGuard { starts: &starts, state: &its_state };
            let result = starts.attempt(&its_state).await;
            drop(unresolved);
            its_state.is_over.set(true);
            drop(its_state.lock.take());
            result
        });
        (state, work)
    }

    /// The start's result for one of its callers, within that caller's limits.
    pub(super) async fn outcome(&self, call: &Call, state: &StartState<P>, mut work: InFlight<StartResult>) -> StartResult {
        let interruption = match call.race(Box::pin(&mut work)).await {
            Ok(result) => return result,
            Err(interruption) => interruption,
        };
        // Another caller of the shared start may have completed it in the same turn.
        let completed = work.peek().cloned();
        drop(work);
        let org = &call.target.org;
        let closed_after_sent = || {
            let message = "The recorder was closed after the start was sent: the recording may be running.";
            Err(Error::new(Code::Closed, message).for_org(org).into())
        };
        match (interruption, completed, state.sent.unresolved()) {
            (Interruption::TimedOut, Some(result), _) => result,
            (Interruption::TimedOut, None, None) => Err(call.timed_out().for_org(org).into()),
            (Interruption::TimedOut, None, Some(sent)) => {
                let unknown = || {
                    let error = Error::new(Code::OutcomeUnknown, "The start was sent and no answer came in time.");
                    error.caused_by(Cause::Error(Box::new(call.timed_out())))
                };
                let look = async {
                    let found = self.find_lost_start(state, &sent, unknown()).await?;
                    Ok(self.record_outcome(state, found))
                };
                match call.with_limit(MAX_LATE_LOOK_MS).race(Box::pin(look)).await {
                    Ok(found) => found.map_err(|error: Error| error.into()),
                    Err(Interruption::TimedOut) => Err(unknown().for_org(org).into()),
                    Err(Interruption::Closed) => closed_after_sent(),
                    Err(Interruption::Aborted) => Err(CallError::Aborted),
                }
            }
            (Interruption::Closed, _, Some(_)) => closed_after_sent(),
            (other, _, _) => Err(call.interrupted_by(other)),
        }
    }
}

/// Records an unknown outcome when a start ends or is dropped.
struct UnresolvedGuard<'a, P: Platform> {
    starts: &'a Starts<P>,
    state: &'a StartState<P>,
}

impl<P: Platform> Drop for UnresolvedGuard<'_, P> {
    fn drop(&mut self) {
        if let Some(sent) = self.state.sent.unresolved() {
            let mut unresolved = self.starts.unresolved.borrow_mut();
            unresolved.retain(|(key, _)| *key != self.state.key);
            unresolved.push((self.state.key.clone(), sent.at));
        }
    }
}
