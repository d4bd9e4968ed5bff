//! Starts that are under way: one at a time for an agent, whoever asks, and sent once. Where its answer is lost, it is
//! looked for.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared, WeakShared};

use crate::agent::AgentId;
use crate::cloud::Cloud;
use crate::contract::RecordingContract;
use crate::error::{Code, Error, Seen};
use crate::grant::Target;
use crate::keyring::Keyring;
use crate::ports::{Lost, Ports, TryLock};
use crate::recording::{Recording, RecordingId, Start, State};
use crate::recordings::Recordings;
use crate::sender::{Outgoing, Sender, Sent, Unanswered};
use crate::timestamp::Timestamp;

/// How much earlier than it was sent a recording may have started, in milliseconds: `Date`, by which the cloud's clock is
/// known, leaves out what is below a second, and so may `startedAt`.
const SKEW: i64 = 2_000;

/// How often a start is looked for, since the cloud may still be at it.
const LOOKS: u32 = 2;

/// The time between, in milliseconds.
const PAUSE: u32 = 1_000;

/// More recordings than begin within the skew.
const MOST_KNOWN: usize = 1_000;

type Started = Result<Recording, Rc<Error>>;

/// A start's work, which several callers may share. It ends when nobody waits for it any more.
pub(crate) type Work = Shared<LocalBoxFuture<'static, Started>>;

/// The starts of a recorder.
pub struct Starts<P: Ports> {
    cloud: Rc<Cloud<P>>,
    keyring: Rc<Keyring<P>>,
    sender: Rc<Sender<P>>,
    recordings: Rc<Recordings<P>>,
    contract: RecordingContract,
    under_way: RefCell<Vec<UnderWay>>,
    begun: Cell<u64>,
    /// Those of which nobody knows whether they were carried out.
    unsure: RefCell<Vec<Key>>,
    /// Recordings that starts have led to, with the start's number: they are no other start's.
    known: RefCell<Vec<(u64, RecordingId)>>,
}

/// What is to be recorded: calls for the same come to one start.
#[derive(Clone, PartialEq, Eq)]
struct Key {
    target: Target,
    agent: AgentId,
    recording_type: String,
}

struct UnderWay {
    key: Key,
    progress: Rc<Progress>,
    work: WeakShared<LocalBoxFuture<'static, Started>>,
}

/// What a start finds when it is its turn.
enum Turn<P: Ports> {
    /// A recording of the agent that runs: nothing is to be sent.
    Running(Recording),
    /// Nobody else's start, as long as this is held.
    Own(Option<P::Lock>),
}

/// How far a start has come, and how long it may take.
struct Progress {
    /// The start's number.
    number: u64,
    /// How often somebody had signed out when it began.
    since: u64,
    sent: RefCell<Option<Sent>>,
    is_over: Cell<bool>,
    time_left: RefCell<Rc<dyn Fn() -> i64>>,
}

impl Progress {
    /// What was sent, if it may have been carried out.
    fn may_have_run(&self) -> Option<Sent> {
        self.sent.borrow().clone().filter(|sent| sent.may_have_run)
    }

    /// What came of it is known.
    fn settle(&self) {
        self.sent.take();
    }
}

/// A start as one of its callers knows it.
pub(crate) struct Starting {
    key: Key,
    progress: Rc<Progress>,
}

impl Starting {
    /// The organization and environment that it is for.
    pub(crate) fn target(&self) -> &Target {
        &self.key.target
    }

    /// What was sent, if it may have been carried out.
    pub(crate) fn may_have_run(&self) -> Option<Sent> {
        self.progress.may_have_run()
    }

    /// Whether there is nothing to end: it has been sent, or has a result.
    pub(crate) fn is_past_ending(&self) -> bool {
        self.progress.is_over.get() || self.may_have_run().is_some()
    }
}

impl<P: Ports> Starts<P> {
    /// No start yet.
    pub fn new(
        cloud: Rc<Cloud<P>>,
        keyring: Rc<Keyring<P>>,
        sender: Rc<Sender<P>>,
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
            unsure: RefCell::default(),
            known: RefCell::default(),
        })
    }

    /// Joins the start that is under way for the same, or begins one. `time_left`: how much of the call's time is, in
    /// milliseconds.
    pub(crate) fn begin(self: &Rc<Self>, target: Target, start: Start, time_left: Rc<dyn Fn() -> i64>) -> (Starting, Work) {
        let key = Key { target, agent: start.agent, recording_type: start.recording_type };
        let mut under_way = self.under_way.borrow_mut();
        under_way.retain(|other| other.work.upgrade().is_some());
        // One that waits for a token from before a sign-out comes to nothing.
        let may_succeed =
            |progress: &Progress| progress.may_have_run().is_some() || !self.keyring.was_signed_out(&key.target, progress.since);
        let same = under_way.iter().find(|other| start.shares && other.key == key && may_succeed(&other.progress));
        if let Some((progress, work)) = same.and_then(|same| Some((same.progress.clone(), same.work.upgrade()?))) {
            // It may take as long as somebody waits for it.
            let is_longer = time_left() > (progress.time_left.borrow())();
            if is_longer {
                progress.time_left.replace(time_left);
            }
            return (Starting { key, progress }, work);
        }
        let number = self.begun.get();
        self.begun.set(number.wrapping_add(1));
        let progress = Rc::new(Progress {
            number,
            since: self.keyring.sign_outs(),
            sent: RefCell::default(),
            is_over: Cell::default(),
            time_left: RefCell::new(time_left),
        });
        let (starts, its_key, its_progress) = (self.clone(), key.clone(), progress.clone());
        let work: LocalBoxFuture<'static, Started> = Box::pin(async move {
            let unsettled = Unsettled { starts: &starts, key: &its_key, progress: &its_progress };
            let started = starts.started(&its_key, start.shares, &its_progress).await;
            drop(unsettled);
            its_progress.is_over.set(true);
            // Before anyone sees the result, so that it is not given to a later caller.
            starts.under_way.borrow_mut().retain(|other| other.progress.number != number);
            started
        });
        let work = work.shared();
        if start.shares {
            let shared = work.downgrade();
            under_way.extend(shared.map(|work| UnderWay { key: key.clone(), progress: progress.clone(), work }));
        }
        (Starting { key, progress }, work)
    }

    /// Looks for a start whose answer its caller does not wait for any more. `unknown`: the error where it is not found.
    pub(crate) async fn look_for(&self, starting: &Starting, sent: &Sent, unknown: Error) -> Result<Recording, Error> {
        let Starting { key, progress } = starting;
        let found = self.found(key, progress.number, sent, unknown).await?;
        Ok(self.led_to(key, progress, found))
    }

    async fn started(&self, key: &Key, shares: bool, progress: &Progress) -> Started {
        let time_left = || (progress.time_left.borrow().clone())();
        let _lock = match shares {
            true => match self.in_turn(key, progress, &time_left).await? {
                Turn::Running(running) => return Ok(self.led_to(key, progress, running)),
                Turn::Own(lock) => lock,
            },
            false => None,
        };
        let random = Some(self.cloud.ports()).filter(|_| self.contract.has_idempotency_header()).and_then(Ports::random);
        let outgoing = Outgoing {
            target: &key.target,
            call: self.contract.start(&key.agent, &key.recording_type, random.map(uuid)),
            agent: Some(&key.agent),
            since: progress.since,
            sent: &progress.sent,
            time_left: &time_left,
        };
        let unknown = match self.sender.send(&outgoing).await {
            Ok((grant, answer)) => match Recording::from_answer(&answer, Some(&key.agent), &grant.target().org) {
                Some(recording) => {
                    progress.settle();
                    return Ok(self.led_to(key, progress, recording));
                }
                None => {
                    let message = "The cloud's answer does not name a recording of this agent in this organization.";
                    Error::new(Code::OutcomeUnknown, message).answered_by(answer)
                }
            },
            Err(Unanswered::NoToken(error)) => return Err(error),
            Err(Unanswered::Lost(lost)) if lost.may_have_run => {
                answer_lost(Code::OutcomeUnknown, "The start was sent and its answer was lost.", lost)
            }
            Err(Unanswered::Lost(lost)) => {
                return Err(answer_lost(Code::Network, "The start could not be sent.", lost).about(&key.target.org).into());
            }
            Err(Unanswered::Refused(mut error)) if error.code == Code::CloudUnavailable => {
                error.code = Code::OutcomeUnknown;
                error
            }
            Err(Unanswered::Refused(error)) => return self.recorded_already(key, progress, error).await,
        };
        match progress.may_have_run() {
            Some(sent) => {
                let found = self.found(key, progress.number, &sent, unknown).await?;
                progress.settle();
                Ok(self.led_to(key, progress, found))
            }
            None => Err(unknown.about(&key.target.org).into()),
        }
    }

    /// Waits until no other page is at a start for the same, and looks first where there may have been one meanwhile, or
    /// where nobody knows what came of the last one.
    async fn in_turn(&self, key: &Key, progress: &Progress, time_left: &dyn Fn() -> i64) -> Result<Turn<P>, Rc<Error>> {
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
        let is_unsure = self.unsure.borrow().contains(key);
        for look in 0..if is_unsure { LOOKS } else { u32::from(has_waited) } {
            if look > 0 {
                ports.wait(PAUSE).await;
            }
            match self.recordings.list(&key.target, Some(&key.agent), time_left).await {
                Ok(listed) => {
                    if let Some(running) = self.running(listed, began) {
                        return Ok(Turn::Running(running));
                    }
                }
                // Whether the cloud lists any to this token is for the start to find out.
                Err(error) if is_of_listing(error.code) => break,
                Err(error) => return Err(error),
            }
        }
        // Another page whose token came sooner may be done by now.
        if lock.is_some() && !has_token && !has_waited && !is_unsure {
            let seen = self.recordings.seen_with(&grant, &key.agent).await.unwrap_or_default();
            if let Some(running) = self.running(seen, began) {
                return Ok(Turn::Running(running));
            }
        }
        Ok(Turn::Own(lock))
    }

    /// What a start has led to.
    fn led_to(&self, key: &Key, progress: &Progress, recording: Recording) -> Recording {
        self.unsure.borrow_mut().retain(|other| other != key);
        let mut known = self.known.borrow_mut();
        let surplus = known.len().saturating_sub(MOST_KNOWN);
        known.drain(..surplus);
        known.push((progress.number, recording.id.clone()));
        recording
    }

    /// The recording that the start led to, if it can be told from others: it began since, is not known to be another start's,
    /// and there is no second one.
    async fn found(&self, key: &Key, number: u64, sent: &Sent, mut unknown: Error) -> Result<Recording, Error> {
        let ports = self.cloud.ports();
        let mut listed = None;
        for look in 0..LOOKS {
            if look > 0 {
                ports.wait(PAUSE).await;
            }
            let Some(seen) = self.recordings.seen_with(&sent.grant, &key.agent).await else { continue };
            // By what the cloud's clock is known to be now: this answer may have told.
            let since = self.cloud.at(sent.at).in_cloud().after_millis(-SKEW);
            let may_be_ours = |recording: &&Recording| {
                let is_anothers = self.known.borrow().iter().any(|(of, id)| *of != number && *id == recording.id);
                // One that has ended already was most likely there before.
                !is_anothers && recording.state != State::Stopped && recording.started_since(since, |text| ports.parse_date(text))
            };
            let mut candidates = seen.iter().filter(may_be_ours);
            let first = candidates.next().cloned();
            let others = candidates.count();
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
                "Looking for it, the cloud lists several recordings of the agent that began since: which one it led to can not be told."
            }
        };
        unknown.message = format!("{} {looked}", unknown.message);
        unknown.evidence.seen = listed.map(|(seen, _)| seen.iter().map(Seen::from).collect());
        Err(unknown.about(&key.target.org))
    }

    /// The newest that runs of these, for a call that began then.
    fn running(&self, listed: Vec<Recording>, began: Timestamp) -> Option<Recording> {
        let mut running = newest_running(listed)?;
        let since = self.cloud.at(began).in_cloud();
        let is_known = self.known.borrow().iter().any(|(_, id)| *id == running.id);
        running.already_running = is_known || !running.started_since(since, |text| self.cloud.ports().parse_date(text));
        Some(running)
    }

    /// A conflict may be that the agent is recorded already: then that recording is what was asked for.
    async fn recorded_already(&self, key: &Key, progress: &Progress, refused: Error) -> Started {
        let sent = progress.sent.borrow().clone().filter(|_| refused.evidence.status == Some(409));
        if let Some(sent) = sent {
            let seen = self.recordings.seen_with(&sent.grant, &key.agent).await.unwrap_or_default();
            if let Some(mut running) = newest_running(seen) {
                running.already_running = true;
                return Ok(self.led_to(key, progress, running));
            }
        }
        Err(refused.into())
    }

    fn lock_name(&self, key: &Key) -> String {
        let Key { target, agent, recording_type } = key;
        format!("premium-recorder start {} {} {recording_type} {}", target.environment.api(), target.org, agent.as_str())
    }
}

/// Remembers a start that ends with nobody knowing whether it was carried out, also by being dropped.
struct Unsettled<'a, P: Ports> {
    starts: &'a Starts<P>,
    key: &'a Key,
    progress: &'a Progress,
}

impl<P: Ports> Drop for Unsettled<'_, P> {
    fn drop(&mut self) {
        let mut unsure = self.starts.unsure.borrow_mut();
        if self.progress.may_have_run().is_some() && !unsure.contains(self.key) {
            unsure.push(self.key.clone());
        }
    }
}

/// Whether the code says that recordings are not listed to this token, or not at all.
fn is_of_listing(code: Code) -> bool {
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

fn newest_running(mut recordings: Vec<Recording>) -> Option<Recording> {
    recordings.retain(|recording| recording.state == State::Recording);
    // ISO 8601, so the order of the texts is that of time.
    recordings.into_iter().max_by(|one, other| one.started_at.cmp(&other.started_at))
}

fn answer_lost(code: Code, message: &str, lost: Lost) -> Error {
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
