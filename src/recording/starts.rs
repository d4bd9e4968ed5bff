//! Starts that are under way: one at a time for an agent, whoever asks, and sent once. Where its answer is lost, it is
//! looked for.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::{Rc, Weak};

use futures_util::FutureExt;
use futures_util::future::{Either, LocalBoxFuture, Shared, WeakShared, select};

use crate::auth::keyring::Keyring;
use crate::client::{Client, OutgoingRequest, SendError, SentRequest};
use crate::cloud::exchange::Exchange;
use crate::cloud::ports::{Platform, TransportError, TryLock};
use crate::model::environment::Target;
use crate::model::error::{Code, Error, Seen};
use crate::model::ids::{AgentId, RecordingId};
use crate::model::time::Timestamp;
use crate::recording::api::{Asking, ReadError, Recordings};
use crate::recording::contract::RecordingContract;
use crate::recording::start::Start;
use crate::recording::{Recording, State};

/// How much earlier than it was sent a recording may have started, in milliseconds: `Date`, by which the cloud's clock is
/// known, leaves out what is below a second, and so may `startedAt`.
const SKEW: i64 = 2_000;

/// How often a start is looked for, since the cloud may still be at it.
const LOOKS: u32 = 2;

/// The time between, in milliseconds.
const PAUSE: u32 = 1_000;

/// The longest time for a look that is only to be on the safe side, in milliseconds.
const LONGEST_LOOK: u32 = 2_000;

/// More recordings than begin within the skew.
const MOST_KNOWN: usize = 1_000;

type StartResult = Result<Recording, Rc<Error>>;

/// A start's work, which several callers may share. It ends when nobody waits for it any more.
pub(crate) type SharedStart = Shared<LocalBoxFuture<'static, StartResult>>;

/// The starts of a recorder.
pub struct Starts<P: Platform> {
    cloud: Rc<Exchange<P>>,
    keyring: Rc<Keyring<P>>,
    sender: Rc<Client<P>>,
    recordings: Rc<Recordings<P>>,
    contract: RecordingContract,
    under_way: RefCell<Vec<InFlightStart<P>>>,
    begun: Cell<u64>,
    /// Those of which nobody knows whether they were carried out, with when they were sent.
    unresolved: RefCell<Vec<(StartKey, Timestamp)>>,
    /// Recordings that starts have led to, with the start's number: they are no other start's.
    known: RefCell<Vec<(u64, RecordingId)>>,
}

/// What is to be recorded: calls for the same come to one start.
#[derive(Clone, PartialEq, Eq)]
struct StartKey {
    target: Target,
    /// In lower case: ids differ by more than that.
    agent: String,
    recording_type: String,
}

struct InFlightStart<P: Platform> {
    key: StartKey,
    shares: bool,
    progress: Weak<StartState<P>>,
    work: WeakShared<LocalBoxFuture<'static, StartResult>>,
}

/// What a start finds when it is its turn.
enum Preflight {
    /// A recording of the agent that runs: nothing is to be sent.
    Running(Recording),
    /// Nobody else's start.
    Own,
}

/// How far a start has come, and how long it may take.
struct StartState<P: Platform> {
    /// The start's number.
    number: u64,
    agent: AgentId,
    /// How often somebody had signed out when it began.
    since: u64,
    sent: RefCell<Option<SentRequest>>,
    is_over: Cell<bool>,
    time_left: RefCell<Rc<dyn Fn() -> i64>>,
    /// Keeps other pages from starting the same: until there is a result, or nobody looks for it any more.
    lock: RefCell<Option<P::Lock>>,
}

impl<P: Platform> StartState<P> {
    /// What was sent, if it may have been carried out.
    fn may_have_been_processed(&self) -> Option<SentRequest> {
        self.sent.borrow().clone().filter(|sent| sent.may_have_been_processed)
    }

    /// What came of it is known.
    fn settle(&self) {
        self.sent.take();
    }
}

/// A start as one of its callers knows it.
pub(crate) struct StartHandle<P: Platform> {
    key: StartKey,
    progress: Rc<StartState<P>>,
}

impl<P: Platform> StartHandle<P> {
    /// The organization and environment that it is for.
    pub(crate) fn target(&self) -> &Target {
        &self.key.target
    }

    /// What was sent, if it may have been carried out.
    pub(crate) fn may_have_been_processed(&self) -> Option<SentRequest> {
        self.progress.may_have_been_processed()
    }

    /// Whether there is nothing to end: it has been sent, or has a result.
    pub(crate) fn is_past_ending(&self) -> bool {
        self.progress.is_over.get() || self.may_have_been_processed().is_some()
    }
}

impl<P: Platform> Starts<P> {
    /// No start yet.
    pub fn new(
        cloud: Rc<Exchange<P>>,
        keyring: Rc<Keyring<P>>,
        sender: Rc<Client<P>>,
        recordings: Rc<Recordings<P>>,
        contract: RecordingContract,
    ) -> Rc<Starts<P>> {
        Rc::new(Starts {
            cloud,
            keyring,
            sender,
            recordings,
            contract,
            under_way: RefCell::default(),
            begun: Cell::default(),
            unresolved: RefCell::default(),
            known: RefCell::default(),
        })
    }

    /// Joins the start that is under way for the same, or begins one. `since`: how often somebody had signed out when the
    /// call began. `time_left`: how much of its time is, in milliseconds.
    pub(crate) fn begin(
        self: &Rc<Self>,
        target: Target,
        start: Start,
        since: u64,
        time_left: Rc<dyn Fn() -> i64>,
    ) -> (StartHandle<P>, SharedStart) {
        let agent = start.agent;
        let key = StartKey { target, agent: agent.as_str().to_ascii_lowercase(), recording_type: start.recording_type };
        let mut under_way = self.under_way.borrow_mut();
        under_way.retain(|other| other.work.upgrade().is_some());
        let is_signed_out = |since| self.keyring.was_signed_out(&key.target, since);
        // One that waits for a token from before a sign-out comes to nothing.
        let may_succeed = |progress: &StartState<P>| progress.may_have_been_processed().is_some() || !is_signed_out(progress.since);
        let joined = under_way.iter().filter(|other| start.shares && other.shares && other.key == key).find_map(|other| {
            let (progress, work) = (other.progress.upgrade()?, other.work.upgrade()?);
            (may_succeed(&progress) && !is_signed_out(since)).then_some((progress, work))
        });
        if let Some((progress, work)) = joined {
            // It may take as long as somebody waits for it.
            let is_longer = time_left() > (progress.time_left.borrow())();
            if is_longer {
                progress.time_left.replace(time_left);
            }
            return (StartHandle { key, progress }, work);
        }
        let number = self.begun.get();
        self.begun.set(number.wrapping_add(1));
        let progress = Rc::new(StartState {
            number,
            agent,
            since,
            sent: RefCell::default(),
            is_over: Cell::default(),
            time_left: RefCell::new(time_left),
            lock: RefCell::new(None),
        });
        let (starts, its_key, its_progress) = (self.clone(), key.clone(), progress.clone());
        let work: LocalBoxFuture<'static, StartResult> = Box::pin(async move {
            let unsettled = UnresolvedGuard { starts: &starts, key: &its_key, progress: &its_progress };
            let started = starts.started(&its_key, start.shares, &its_progress).await;
            drop(unsettled);
            its_progress.is_over.set(true);
            drop(its_progress.lock.take());
            // Before anyone sees the result, so that it is not given to a later caller.
            starts.under_way.borrow_mut().retain(|other| other.progress.upgrade().is_none_or(|other| other.number != number));
            started
        });
        let work = work.shared();
        let entry =
            work.downgrade().map(|work| InFlightStart { key: key.clone(), shares: start.shares, progress: Rc::downgrade(&progress), work });
        under_way.extend(entry);
        (StartHandle { key, progress }, work)
    }

    /// Looks for a start whose answer its caller does not wait for any more. `unknown`: the error where it is not found.
    pub(crate) async fn look_for(&self, starting: &StartHandle<P>, sent: &SentRequest, unknown: Error) -> Result<Recording, Error> {
        let StartHandle { key, progress } = starting;
        let found = self.found(key, progress, sent, unknown).await?;
        Ok(self.record_outcome(key, progress, found))
    }

    async fn started(&self, key: &StartKey, shares: bool, progress: &StartState<P>) -> StartResult {
        let time_left = || (progress.time_left.borrow().clone())();
        if shares && let Preflight::Running(running) = self.in_turn(key, progress, &time_left).await? {
            return Ok(self.record_outcome(key, progress, running));
        }
        let random = Some(self.cloud.ports()).filter(|_| self.contract.has_idempotency_header()).and_then(Platform::random);
        let outgoing = OutgoingRequest {
            target: &key.target,
            call: self.contract.start(&progress.agent, &key.recording_type, random.map(uuid)),
            agent: Some(&progress.agent),
            since: progress.since,
            sent: &progress.sent,
            time_left: &time_left,
        };
        let unknown = match self.sender.send(&outgoing).await {
            Ok((grant, answer)) => match Recording::from_answer(&answer, Some(&progress.agent), &grant.target().org) {
                Some(recording) => {
                    progress.settle();
                    return Ok(self.record_outcome(key, progress, recording));
                }
                None => {
                    let message = "The cloud's answer does not name a recording of this agent in this organization.";
                    Error::new(Code::OutcomeUnknown, message).answered_by(answer)
                }
            },
            Err(SendError::NotSent(error)) => return Err(error),
            Err(SendError::NoResponse(lost)) if lost.may_have_been_processed => {
                lost_response_error(Code::OutcomeUnknown, "The start was sent and its answer was lost.", lost)
            }
            Err(SendError::NoResponse(lost)) => {
                return Err(lost_response_error(Code::Network, "The start could not be sent.", lost).for_org(&key.target.org).into());
            }
            Err(SendError::Refused(mut error)) if error.code == Code::CloudUnavailable => {
                error.code = Code::OutcomeUnknown;
                error
            }
            Err(SendError::Refused(error)) => return self.resolve_conflict(key, progress, error).await,
        };
        match progress.may_have_been_processed() {
            Some(sent) => {
                let found = self.found(key, progress, &sent, unknown).await?;
                progress.settle();
                Ok(self.record_outcome(key, progress, found))
            }
            None => Err(unknown.for_org(&key.target.org).into()),
        }
    }

    /// Waits until no other page is at a start for the same, and looks first where there may have been one meanwhile, or
    /// where nobody knows what came of the last one.
    async fn in_turn(&self, key: &StartKey, progress: &StartState<P>, time_left: &dyn Fn() -> i64) -> Result<Preflight, Rc<Error>> {
        let ports = self.cloud.ports();
        let began = self.cloud.now().here();
        let has_token = self.keyring.has_fresh(&key.target);
        // A sign-in's window has to be opened in the caller's own turn, so before anything else is waited for.
        let grant = self.keyring.grant(&key.target, progress.since).await?;
        let name = self.lock_name(key);
        let (lock, has_waited) = match ports.try_lock(&name).await {
            TryLock::Unsupported => (None, false),
            TryLock::Held(lock) => (Some(lock), false),
            TryLock::Taken => (ports.lock(&name).await, true),
        };
        let has_lock = lock.is_some();
        progress.lock.replace(lock);
        let unsure_since = self.unresolved.borrow().iter().find(|(other, _)| other == key).map(|(_, since)| *since);
        if let Some(unsure_since) = unsure_since.or(has_waited.then_some(began)) {
            for look in 0..LOOKS {
                if look > 0 {
                    ports.wait(PAUSE).await;
                }
                let asking = Asking { since: progress.since, time_left };
                match self.recordings.list(&key.target, Some(&progress.agent), asking).await {
                    Ok(listed) => {
                        if let Some(running) = self.running(key, listed, began, Some(unsure_since)) {
                            return Ok(Preflight::Running(running));
                        }
                    }
                    // Whether the cloud lists any to this token is for the start to find out.
                    Err(ReadError::Refused(refused)) if is_listing_refusal(refused.code) => break,
                    Err(error) => return Err(error.into()),
                }
            }
        } else if has_lock && !has_token {
            // Another page whose token came sooner may be done by now. It is no reason to wait for long.
            let look = pin!(self.recordings.list_with_token(&grant, &progress.agent, progress.since));
            if let Either::Left((Some(seen), _)) = select(look, pin!(ports.wait(LONGEST_LOOK))).await
                && let Some(running) = self.running(key, seen, began, None)
            {
                return Ok(Preflight::Running(running));
            }
        }
        Ok(Preflight::Own)
    }

    /// What a start has led to.
    fn record_outcome(&self, key: &StartKey, progress: &StartState<P>, recording: Recording) -> Recording {
        self.unresolved.borrow_mut().retain(|(other, _)| other != key);
        let mut known = self.known.borrow_mut();
        let surplus = known.len().saturating_sub(MOST_KNOWN);
        known.drain(..surplus);
        known.push((progress.number, recording.id.clone()));
        recording
    }

    /// The recording that the start led to, if it can be told from others: it began since, is not known to be another start's,
    /// and there is no second one.
    async fn found(&self, key: &StartKey, progress: &StartState<P>, sent: &SentRequest, mut unknown: Error) -> Result<Recording, Error> {
        let ports = self.cloud.ports();
        let mut listed = None;
        for look in 0..LOOKS {
            if look > 0 {
                ports.wait(PAUSE).await;
            }
            let Some(seen) = self.recordings.list_with_token(&sent.grant, &progress.agent, progress.since).await else { continue };
            // By what the cloud's clock is known to be now: this answer may have told.
            let since = self.cloud.at(sent.at).in_cloud().after_millis(-SKEW);
            let may_be_ours = |recording: &&Recording| {
                let is_anothers = self.known.borrow().iter().any(|(of, id)| *of != progress.number && *id == recording.id);
                // One that has ended already was most likely there before.
                let may_be = !is_anothers && recording.state != State::Stopped && recording.may_be_of_type(&key.recording_type);
                may_be && recording.started_since(since, |text| ports.parse_date(text))
            };
            let mut candidates = seen.iter().filter(may_be_ours);
            let first = candidates.next().cloned();
            let others = candidates.count().saturating_add(usize::from(self.another_may_run(key, progress)));
            listed = Some((seen, others));
            match first {
                Some(first) if others == 0 => return Ok(first),
                Some(_) => break,
                None => {}
            }
        }
        let looked = match &listed {
            None => "Looking for it, the cloud did not say which recordings the agent has.",
            Some((seen, _)) if seen.is_empty() => "Looking for it, the cloud lists no recording of the agent.",
            Some((_, 0)) => "Looking for it, the cloud lists no other recording of the agent that runs and began since.",
            Some(_) => {
                "Looking for it, the cloud lists recordings of the agent that began since, and several starts may have led to them: which is whose can not be told."
            }
        };
        unknown.message = format!("{} {looked}", unknown.message);
        unknown.evidence.seen = listed.map(|(seen, _)| seen.iter().map(Seen::from).collect());
        Err(unknown.for_org(&key.target.org))
    }

    /// Whether there is another start for the agent of which nobody knows yet what it leads to.
    fn another_may_run(&self, key: &StartKey, progress: &StartState<P>) -> bool {
        let under_way = self.under_way.borrow();
        let same_agent = under_way.iter().filter(|other| other.key.target == key.target && other.key.agent == key.agent);
        let mut others = same_agent.filter_map(|other| other.progress.upgrade());
        others.any(|other| other.number != progress.number && other.may_have_been_processed().is_some())
    }

    /// The newest that runs of these, for a call that began then. `unsure_since`: what began since then and has not ended
    /// counts as well, whatever its state is called.
    fn running(&self, key: &StartKey, listed: Vec<Recording>, began: Timestamp, unsure_since: Option<Timestamp>) -> Option<Recording> {
        let in_cloud = |here| self.cloud.at(here).in_cloud();
        let date = |text: &str| self.cloud.ports().parse_date(text);
        let began_since = |recording: &Recording, since: Timestamp| recording.started_since(in_cloud(since).after_millis(-SKEW), date);
        let mut running = self.newest(key, listed, |recording| match recording.state {
            State::Recording => true,
            State::Stopped => false,
            State::Other(_) => unsure_since.is_some_and(|since| began_since(recording, since)),
        })?;
        let is_known = self.known.borrow().iter().any(|(_, id)| *id == running.id);
        running.already_running = is_known || !running.started_since(in_cloud(began), date);
        Some(running)
    }

    /// A conflict may be that the agent is recorded already: then that recording is what was asked for.
    async fn resolve_conflict(&self, key: &StartKey, progress: &StartState<P>, refused: Error) -> StartResult {
        let sent = progress.sent.borrow().clone().filter(|_| refused.evidence.status == Some(409));
        if let Some(sent) = sent {
            let seen = self.recordings.list_with_token(&sent.grant, &progress.agent, progress.since).await.unwrap_or_default();
            if let Some(mut running) = self.newest(key, seen, |recording| recording.state == State::Recording) {
                running.already_running = true;
                return Ok(self.record_outcome(key, progress, running));
            }
        }
        Err(refused.into())
    }

    fn newest(&self, key: &StartKey, mut listed: Vec<Recording>, is_such: impl Fn(&Recording) -> bool) -> Option<Recording> {
        listed.retain(|recording| is_such(recording) && recording.may_be_of_type(&key.recording_type));
        let started = |recording: &Recording| self.cloud.ports().parse_date(recording.started_at.as_deref()?);
        listed.into_iter().max_by_key(started)
    }

    fn lock_name(&self, key: &StartKey) -> String {
        let StartKey { target, agent, recording_type } = key;
        format!("premium-recorder start {} {} {recording_type} {agent}", target.environment.api(), target.org)
    }
}

/// Remembers a start that ends with nobody knowing whether it was carried out, also by being dropped.
struct UnresolvedGuard<'a, P: Platform> {
    starts: &'a Starts<P>,
    key: &'a StartKey,
    progress: &'a StartState<P>,
}

impl<P: Platform> Drop for UnresolvedGuard<'_, P> {
    fn drop(&mut self) {
        if let Some(sent) = self.progress.may_have_been_processed() {
            let mut unresolved = self.starts.unresolved.borrow_mut();
            unresolved.retain(|(key, _)| key != self.key);
            unresolved.push((self.key.clone(), sent.at));
        }
    }
}

/// Whether the refusal is of listing, to this token or at all, and not of the token or of the moment.
fn is_listing_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::RecordingNotFound
            | Code::UnexpectedAnswer
            | Code::BadRequest
            | Code::ScopeMissing
            | Code::PermissionMissing
            | Code::FeatureDisabled
            | Code::PolicyDenied
            | Code::WrongOrg
    )
}

fn lost_response_error(code: Code, message: &str, lost: TransportError) -> Error {
    let mut error = Error::new(code, message).caused_by(lost.cause);
    error.evidence.status = lost.status;
    error
}

/// A random UUID (RFC 9562, version 4).
fn uuid(random: [u8; 32]) -> String {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = random;
    let bytes = [a, b, c, d, e, f, g & 0x0f | 0x40, h, i & 0x3f | 0x80, j, k, l, m, n, o, p];
    let mut uuid = String::new();
    for (at, byte) in bytes.into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            uuid.push('-');
        }
        let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default();
        uuid.extend([digit(byte >> 4), digit(byte & 15)]);
    }
    uuid
}
