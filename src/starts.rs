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
use crate::recording::{Recording, Start, State};
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
}

/// What is to be recorded: calls for the same come to one start.
#[derive(Clone, PartialEq, Eq)]
struct Key {
    target: Target,
    agent: AgentId,
    recording_type: String,
}

struct UnderWay {
    number: u64,
    key: Key,
    progress: Rc<Progress>,
    work: WeakShared<LocalBoxFuture<'static, Started>>,
}

/// How far a start has come, and how long it may take.
struct Progress {
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
            starts.under_way.borrow_mut().retain(|other| other.number != number);
            started
        });
        let work = work.shared();
        if start.shares {
            let shared = work.downgrade();
            under_way.extend(shared.map(|work| UnderWay { number, key: key.clone(), progress: progress.clone(), work }));
        }
        (Starting { key, progress }, work)
    }

    /// Looks for a start whose answer its caller does not wait for any more. `unknown`: the error where it is not found.
    pub(crate) async fn look_for(&self, starting: &Starting, sent: &Sent, unknown: Error) -> Result<Recording, Error> {
        let found = self.found(&starting.key, sent, unknown).await?;
        self.is_sure(&starting.key);
        Ok(found)
    }

    async fn started(&self, key: &Key, shares: bool, progress: &Progress) -> Started {
        let time_left = || (progress.time_left.borrow().clone())();
        let since = progress.since;
        let mut _lock = None;
        if shares {
            let began = self.cloud.now().here();
            // A sign-in's window has to be opened in the caller's own turn, so before anything else is waited for.
            self.keyring.grant(&key.target, since).await?;
            let name = self.lock_name(key);
            let ports = self.cloud.ports();
            let mut looks_first = self.unsure.borrow().contains(key);
            match ports.try_lock(&name).await {
                TryLock::Unsupported => {}
                TryLock::Held(lock) => _lock = Some(lock),
                TryLock::Taken => {
                    _lock = ports.lock(&name).await;
                    looks_first = true;
                }
            }
            if looks_first && let Some(running) = self.running(key, began, &time_left).await? {
                self.is_sure(key);
                return Ok(running);
            }
        }
        let random = Some(self.cloud.ports()).filter(|_| self.contract.has_idempotency_header()).and_then(Ports::random);
        let outgoing = Outgoing {
            target: &key.target,
            call: self.contract.start(&key.agent, &key.recording_type, random.map(uuid)),
            agent: Some(&key.agent),
            since,
            sent: &progress.sent,
            time_left: &time_left,
        };
        let unknown = match self.sender.send(&outgoing).await {
            Ok((grant, answer)) => match Recording::from_answer(&answer, Some(&key.agent), &grant.target().org) {
                Some(recording) => {
                    progress.settle();
                    self.is_sure(key);
                    return Ok(recording);
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
                let found = self.found(key, &sent, unknown).await?;
                progress.settle();
                self.is_sure(key);
                Ok(found)
            }
            None => Err(unknown.about(&key.target.org).into()),
        }
    }

    /// The recording that the start led to, if it can be told from others: it began since, and no other did.
    async fn found(&self, key: &Key, sent: &Sent, mut unknown: Error) -> Result<Recording, Error> {
        let ports = self.cloud.ports();
        let mut listed = None;
        for look in 0..LOOKS {
            if look > 0 {
                ports.wait(PAUSE).await;
            }
            let Some(seen) = self.recordings.seen_with(&sent.grant, &key.agent).await else { continue };
            // By what the cloud's clock is known to be now: this answer may have told.
            let since = self.cloud.at(sent.at).in_cloud().after_millis(-SKEW);
            let mut since_then = seen.iter().filter(|recording| recording.started_since(since, |text| ports.parse_date(text)));
            let first = since_then.next().cloned();
            let others = since_then.count();
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
            Some((_, 0)) => "Looking for it, the cloud lists no recording of the agent that began since.",
            Some(_) => {
                "Looking for it, the cloud lists several recordings of the agent that began since: which one it led to can not be told."
            }
        };
        unknown.message = format!("{} {looked}", unknown.message);
        unknown.evidence.seen = listed.map(|(seen, _)| seen.iter().map(Seen::from).collect());
        Err(unknown.about(&key.target.org))
    }

    /// A recording of the agent that runs, before anything is sent. Where the cloud lists none to this token, that is for
    /// the start to find out.
    async fn running(&self, key: &Key, began: Timestamp, time_left: &dyn Fn() -> i64) -> Result<Option<Recording>, Rc<Error>> {
        let ports = self.cloud.ports();
        match self.recordings.list(&key.target, Some(&key.agent), time_left).await {
            Ok(listed) => Ok(newest_running(listed).map(|mut running| {
                let since = self.cloud.at(began).in_cloud().after_millis(-SKEW);
                running.already_running = !running.started_since(since, |text| ports.parse_date(text));
                running
            })),
            Err(error) if is_of_listing(error.code) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A conflict may be that the agent is recorded already: then that recording is what was asked for.
    async fn recorded_already(&self, key: &Key, progress: &Progress, refused: Error) -> Started {
        let grant = progress.sent.take().map(|sent| sent.grant);
        if let Some(grant) = grant.filter(|_| refused.evidence.status == Some(409)) {
            let seen = self.recordings.seen_with(&grant, &key.agent).await.unwrap_or_default();
            if let Some(mut running) = newest_running(seen) {
                running.already_running = true;
                self.is_sure(key);
                return Ok(running);
            }
        }
        Err(refused.into())
    }

    fn is_sure(&self, key: &Key) {
        self.unsure.borrow_mut().retain(|other| other != key);
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
        if self.progress.may_have_run().is_some() {
            self.starts.is_sure(self.key);
            self.starts.unsure.borrow_mut().push(self.key.clone());
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
