//! The flow, top to bottom: organization, grant, request, answer.

pub mod doctor;
pub mod settings;
pub mod trustor;

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use crate::auth::keyring::Keyring;
use crate::auth::sign_in::AuthorizationResponse;
use crate::auth::sources::Sources;
use crate::client::{Client, OutgoingRequest, SendError, no_response_error};
use crate::cloud::event::Event;
use crate::cloud::exchange::Exchange;
use crate::cloud::ports::Platform;
use crate::cloud::refusal::{as_generic_refusal, refusal};
use crate::model::environment::Target;
use crate::model::error::{Cause, Code, Error};
use crate::model::ids::{AgentId, OrgId, RecordingId};
use crate::model::time::{Moment, Timestamp};
use crate::recorder::doctor::{DiagnosisLine, Doctor, unfinished};
use crate::recorder::settings::Settings;
use crate::recorder::trustor::Trustor;
use crate::recording::Recording;
use crate::recording::api::{Asking, Recordings};
use crate::recording::batch::{Batch, BatchProgress, Outcomes, Starter};
use crate::recording::start::Start;
use crate::recording::starts::{SharedStart, StartHandle, Starts};
use crate::token::access_token::AccessToken;
use crate::token::org_token::{OrgToken, UnidentifiedToken};
use crate::token::request::{ApiRequest, Method};

/// The longest time that a start is looked for after its own is over, in milliseconds.
const LONGEST_LOOK: u32 = 5_000;

/// When a call must end, whatever happens.
pub struct CallOptions<A> {
    /// The longest time, in milliseconds, instead of the recorder's.
    pub timeout: Option<u32>,
    /// Ready when the caller aborts.
    pub aborted: A,
}

/// Why a call did not succeed.
#[derive(Clone, Debug)]
pub enum CallError {
    /// With this error.
    Error(Rc<Error>),
    /// The caller aborted it.
    Aborted,
}

impl From<Error> for CallError {
    fn from(error: Error) -> CallError {
        CallError::Error(Rc::new(error))
    }
}

/// Starts recordings in one environment, for one organization at a time.
pub struct Recorder<P: Platform> {
    settings: Settings,
    cloud: Rc<Exchange<P>>,
    keyring: Rc<Keyring<P>>,
    sender: Rc<Client<P>>,
    recordings: Rc<Recordings<P>>,
    starts: Rc<Starts<P>>,
    /// What the starts of batches are for that are under way.
    of_batches: RefCell<Vec<Target>>,
    switched_to: RefCell<Option<OrgId>>,
    switches: Cell<u32>,
    last_switch: Cell<u32>,
    is_closed: Cell<bool>,
}

enum Interruption {
    Failed(Rc<Error>),
    TimedOut(u32),
    Aborted,
    Closed,
}

impl From<Error> for Interruption {
    fn from(error: Error) -> Interruption {
        Interruption::Failed(Rc::new(error))
    }
}

impl From<Rc<Error>> for Interruption {
    fn from(error: Rc<Error>) -> Interruption {
        Interruption::Failed(error)
    }
}

impl<P: Platform> Recorder<P> {
    /// A recorder that holds these tokens, each filed under its own organization, and the one that a sign-in gave from
    /// which the page has come back.
    pub async fn connect(
        ports: P,
        mut settings: Settings,
        returned: Option<AuthorizationResponse>,
        limits: CallOptions<impl Future<Output = ()>>,
    ) -> Result<Recorder<P>, CallError> {
        let tokens = std::mem::take(&mut settings.tokens);
        let cloud = Rc::new(Exchange::new(Rc::new(ports)));
        let sources = Sources::new(cloud.clone(), settings.source_options());
        let keyring = Keyring::new(cloud.clone(), sources);
        let sender = Rc::new(Client::new(cloud.clone(), keyring.clone(), settings.contract.scope()));
        let recordings = Rc::new(Recordings::new(cloud.clone(), keyring.clone(), sender.clone(), settings.contract.clone()));
        let recorder = Recorder {
            starts: Starts::new(cloud.clone(), keyring.clone(), sender.clone(), recordings.clone(), settings.contract.clone()),
            sender,
            recordings,
            keyring,
            settings,
            cloud,
            of_batches: RefCell::default(),
            switched_to: RefCell::default(),
            switches: Cell::default(),
            last_switch: Cell::default(),
            is_closed: Cell::default(),
        };
        let work = async {
            // Each one is read before any is sent.
            let mut unfiled = Vec::new();
            for (at, token) in tokens.into_iter().enumerate() {
                unfiled.push(recorder.unidentified(token).map_err(|error| error.in_argument(&format!("tokens[{at}]")))?);
            }
            // Before anything else, since a code does not live long; filed last, as it may be to replace one of the tokens.
            let signed_in = match returned {
                Some(returned) => recorder.signed_in(returned).await?,
                None => None,
            };
            for (at, token) in unfiled.into_iter().enumerate() {
                recorder.keyring.add(token).await.map_err(|error| error.in_argument(&format!("tokens[{at}]")))?;
            }
            if let Some(grant) = signed_in {
                recorder.keyring.file_and_share(grant);
            }
            if let Some(org) = &recorder.settings.org {
                recorder.keyring.take_from_other_page(&recorder.target(org.clone())).await;
            }
            Ok(())
        };
        recorder.within(limits, None, work).await.map_err(nothing_sent)?;
        Ok(recorder)
    }

    /// What the recorder was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Every grant that is held.
    pub fn grants(&self) -> Vec<Rc<OrgToken>> {
        self.keyring.grants()
    }

    /// This moment, here and in the cloud.
    pub fn now(&self) -> Moment {
        self.cloud.now()
    }

    /// The organization that a call without one is for, as far as it is certain.
    pub fn org(&self) -> Option<OrgId> {
        self.target_org(None).ok()
    }

    /// Files a token under its own organization.
    pub async fn add_token(&self, token: AccessToken, limits: CallOptions<impl Future<Output = ()>>) -> Result<Rc<OrgToken>, CallError> {
        let work = async { Ok(self.keyring.add(self.unidentified(token)?).await?) };
        self.within(limits, None, work).await.map_err(nothing_sent)
    }

    /// Makes sure of a token of this organization, and makes it the target of the calls to come.
    /// Of several that are under way, the one that was called last and succeeds decides.
    pub async fn switch_org(&self, org: OrgId, limits: CallOptions<impl Future<Output = ()>>) -> Result<Rc<OrgToken>, CallError> {
        let turn = self.switches.get().saturating_add(1);
        self.switches.set(turn);
        let target = self.target(org.clone());
        let since = self.keyring.sign_outs();
        let work = async { Ok(self.keyring.grant(&target, since).await?) };
        let grant = self.within(limits, Some(&target), work).await.map_err(nothing_sent)?;
        if turn > self.last_switch.get() {
            self.last_switch.set(turn);
            let previous = self.org().filter(|previous| *previous != org);
            self.switched_to.replace(Some(org.clone()));
            self.cloud.ports().tell(&Event::OrgChanged { org: &org, previous: previous.as_ref() });
        }
        Ok(grant)
    }

    /// Starts a recording of this agent, with a token of the target organization and of no other. Calls for the same at the
    /// same time come to one start, unless this one does not share.
    pub async fn start_recording(&self, start: Start, limits: CallOptions<impl Future<Output = ()>>) -> Result<Recording, CallError> {
        self.ensure_open()?;
        let target = self.target(self.target_org(start.org.as_ref())?);
        let time_left = self.time_left(limits.timeout, &target);
        let (starting, work) = self.starts.begin(target, start, self.keyring.sign_outs(), time_left);
        self.started(&starting, work, limits.timeout, Box::pin(limits.aborted)).await
    }

    /// What the start comes to for one of its callers.
    async fn started(
        &self,
        starting: &StartHandle<P>,
        mut work: SharedStart,
        timeout: Option<u32>,
        mut aborted: LocalBoxFuture<'_, ()>,
    ) -> Result<Recording, CallError> {
        let target = starting.target();
        let limits = CallOptions { timeout, aborted: aborted.as_mut() };
        let waits = poll_fn(|context| work.poll_unpin(context).map(|started| Ok(started?)));
        let ended = match self.within(limits, Some(target), waits).await {
            Ok(recording) => return Ok(recording),
            Err(ended) => ended,
        };
        // Another caller may have brought it to its end in this very moment.
        let known = work.peek().cloned();
        drop(work);
        if let (Interruption::TimedOut(_), Some(started)) = (&ended, known) {
            return started.map_err(CallError::Error);
        }
        let closed_after_sent = || {
            let message = "The recorder was closed after the start was sent: the recording may be running.";
            Err(Error::new(Code::Closed, message).for_org(&target.org).into())
        };
        match (ended, starting.may_have_been_processed()) {
            (Interruption::TimedOut(limit), Some(sent)) => {
                let unknown = || {
                    let error = Error::new(Code::OutcomeUnknown, "The start was sent and no answer came in time.");
                    error.caused_by(Cause::Error(Box::new(timed_out(limit))))
                };
                let look = async { Ok(self.starts.look_for(starting, &sent, unknown()).await?) };
                match self.within(CallOptions { timeout: Some(LONGEST_LOOK), aborted }, None, look).await {
                    Err(Interruption::TimedOut(_)) => Err(unknown().for_org(&target.org).into()),
                    Err(Interruption::Closed) => closed_after_sent(),
                    other => other.map_err(nothing_sent),
                }
            }
            (Interruption::TimedOut(limit), None) => Err(timed_out(limit).for_org(&target.org).into()),
            (Interruption::Closed, Some(_)) => closed_after_sent(),
            (other, _) => Err(nothing_sent(other)),
        }
    }

    /// Starts many recordings: so many at a time, in turns of their organizations, and no faster than each token may ask.
    /// The results are in the order of the starts. An abort ends those that have not been sent.
    pub async fn start_many(
        &self,
        starts: Vec<Result<Start, Error>>,
        batch: Batch,
        on_progress: impl Fn(BatchProgress),
        limits: CallOptions<impl Future<Output = ()>>,
    ) -> Result<Vec<Result<Recording, CallError>>, CallError> {
        self.ensure_open()?;
        let mut outcomes = Outcomes::of(starts.len(), &on_progress);
        let mut waiting = Vec::new();
        for (at, start) in starts.into_iter().enumerate() {
            // Decided now: a switch to come changes nothing about them.
            match start.and_then(|start| Ok((self.target_org(start.org.as_ref())?, start))) {
                Ok((org, start)) => waiting.push((self.target(org.clone()), at, Start { org: Some(org), ..start })),
                Err(error) => outcomes.settle(at, Err(error.into())),
            }
        }
        let aborted = RefCell::new(Box::pin(limits.aborted) as LocalBoxFuture<'_, ()>);
        let since = self.keyring.sign_outs();
        let many = Many { recorder: self, batch, timeout: limits.timeout, since, aborted, is_aborted: Cell::default() };
        batch.make(&many, waiting, &mut outcomes).await;
        Ok(outcomes.results())
    }

    /// The organizations that have authorized the home organization of the target organization's user.
    pub async fn trustors(&self, limits: CallOptions<impl Future<Output = ()>>) -> Result<Vec<Trustor>, CallError> {
        self.ensure_open()?;
        let target = self.target(self.target_org(None)?);
        let time_left = self.time_left(limits.timeout, &target);
        let work = async {
            let outgoing = OutgoingRequest {
                target: &target,
                call: ApiRequest::plain(Method::Get, "/api/v2/users/me?expand=trustors"),
                agent: None,
                since: self.keyring.sign_outs(),
                sent: &RefCell::default(),
                time_left: &*time_left,
            };
            let (_, answer) = self.sender.send(&outgoing).await.map_err(|unanswered| match unanswered {
                SendError::NotSent(error) => Interruption::Failed(error),
                SendError::NoResponse(lost) => {
                    no_response_error("The cloud could not be asked for trustors.", lost).for_org(&target.org).into()
                }
                SendError::Refused(error) => as_generic_refusal(error).into(),
            })?;
            Ok(Trustor::list(&answer.json).ok_or_else(|| {
                let message = "The cloud's answer does not say who the user is.";
                Error::new(Code::UnexpectedAnswer, message).answered_by(answer).for_org(&target.org)
            })?)
        };
        self.within(limits, Some(&target), work).await.map_err(nothing_sent)
    }

    /// Looks at everything that a start depends on, only reading. Ends with the call's time at the latest, with what it has by then.
    pub async fn diagnose(
        &self,
        agent: Option<&AgentId>,
        org: Option<&OrgId>,
        limits: CallOptions<impl Future<Output = ()>>,
    ) -> Result<Vec<DiagnosisLine>, CallError> {
        self.ensure_open()?;
        let lines = RefCell::default();
        let examination = Doctor {
            cloud: &self.cloud,
            keyring: &self.keyring,
            settings: &self.settings,
            target: self.target_org(org).map(|org| self.target(org)),
            agent,
            lines: &lines,
        };
        let work = async {
            examination.run().await;
            Ok(())
        };
        match self.within(limits, None, work).await {
            Ok(()) => {}
            Err(Interruption::TimedOut(limit)) => lines.borrow_mut().push(unfinished(limit)),
            Err(other) => return Err(nothing_sent(other)),
        }
        Ok(lines.take())
    }

    /// The recordings of an organization that the cloud lists, of this agent or of all.
    pub async fn recordings(
        &self,
        agent: Option<&AgentId>,
        org: Option<&OrgId>,
        limits: CallOptions<impl Future<Output = ()>>,
    ) -> Result<Vec<Recording>, CallError> {
        self.ensure_open()?;
        let target = self.target(self.target_org(org)?);
        let time_left = self.time_left(limits.timeout, &target);
        let asking = Asking { since: self.keyring.sign_outs(), time_left: &*time_left };
        let work = async { Ok(self.recordings.list(&target, agent, asking).await.map_err(Rc::<Error>::from)?) };
        self.within(limits, Some(&target), work).await.map_err(nothing_sent)
    }

    /// The recording with this id, as it is now. `agent`: whose it is, where that is known.
    pub async fn recording(
        &self,
        id: &RecordingId,
        org: Option<&OrgId>,
        agent: Option<&AgentId>,
        limits: CallOptions<impl Future<Output = ()>>,
    ) -> Result<Recording, CallError> {
        self.ensure_open()?;
        let target = self.target(self.target_org(org)?);
        let time_left = self.time_left(limits.timeout, &target);
        let asking = Asking { since: self.keyring.sign_outs(), time_left: &*time_left };
        let work = async { Ok(self.recordings.find(&target, id, agent, asking).await?) };
        self.within(limits, Some(&target), work).await.map_err(nothing_sent)
    }

    /// Stops the recording with this id. May be called again.
    pub async fn stop(
        &self,
        id: &RecordingId,
        org: &OrgId,
        agent: Option<&AgentId>,
        limits: CallOptions<impl Future<Output = ()>>,
    ) -> Result<Recording, CallError> {
        self.ensure_open()?;
        let target = self.target(org.clone());
        let time_left = self.time_left(limits.timeout, &target);
        let asking = Asking { since: self.keyring.sign_outs(), time_left: &*time_left };
        let work = async { Ok(self.recordings.stop(&target, id, agent, asking).await?) };
        self.within(limits, Some(&target), work).await.map_err(nothing_sent)
    }

    /// Revokes the token of this organization, or every token, and forgets it.
    pub async fn sign_out(&self, org: Option<OrgId>, limits: CallOptions<impl Future<Output = ()>>) -> Result<(), CallError> {
        self.ensure_open()?;
        let mut grants = self.keyring.grants();
        grants.retain(|grant| org.as_ref().is_none_or(|org| grant.target().org == *org));
        match org {
            Some(org) => self.keyring.forget_everywhere(&self.target(org)),
            None => {
                grants.iter().for_each(|grant| self.keyring.forget_everywhere(grant.target()));
                self.keyring.forget_all();
            }
        }
        // All at once: one that hangs holds up no other.
        let mut revocations: Vec<_> = grants.iter().map(|grant| Box::pin(self.revoke(grant))).collect();
        let mut failed = None;
        let work = poll_fn(|context| {
            revocations.retain_mut(|revocation| match revocation.as_mut().poll(context) {
                Poll::Ready(revoked) => {
                    failed = failed.take().or(revoked.err());
                    false
                }
                Poll::Pending => true,
            });
            if revocations.is_empty() { Poll::Ready(failed.take().map_or(Ok(()), |error| Err(error.into()))) } else { Poll::Pending }
        });
        self.within(limits, None, work).await.map_err(nothing_sent)
    }

    /// Forgets every token; what is in flight is rejected.
    pub fn close(&self) {
        self.is_closed.set(true);
        self.keyring.close();
        self.cloud.ports().close();
    }

    fn ensure_open(&self) -> Result<(), CallError> {
        if self.is_closed.get() { Err(closed()) } else { Ok(()) }
    }

    fn unidentified(&self, token: AccessToken) -> Result<UnidentifiedToken, Error> {
        self.cloud.unidentified(&self.settings.environment, token, None)
    }

    /// What a sign-in gave from which the page has come back.
    async fn signed_in(&self, returned: AuthorizationResponse) -> Result<Option<Rc<OrgToken>>, Error> {
        let Some(login) = &self.settings.login else { return Ok(None) };
        let (org, response) = returned.exchange(login, &self.cloud, &self.settings.environment).await?;
        let target = self.target(org);
        let grant = self.keyring.sources().asked(&target, response).await?;
        match self.keyring.of_target(&target, grant, self.keyring.sign_outs()) {
            Ok(grant) => Ok(Some(grant)),
            // There would be no recorder to look for it.
            Err(error) if !login.keeps_wrong_org() => Err(error),
            Err(_) => Ok(None),
        }
    }

    async fn revoke(&self, grant: &OrgToken) -> Result<(), Error> {
        // It can not be used any more, and is not sent.
        if !grant.is_fresh(self.cloud.now()) {
            return Ok(());
        }
        let call = ApiRequest::plain(Method::Delete, "/api/v2/tokens/me");
        let request = grant.request(call.clone());
        let org = &grant.target().org;
        let failed = |lost| no_response_error("The token could not be revoked.", lost).for_org(org);
        let answer = self.cloud.send(request).await.map_err(failed)?;
        let refused = refusal(&answer);
        if (200..300).contains(&answer.status) || refused.is_token_rejection() {
            Ok(())
        } else {
            Err(self.sender.explained(as_generic_refusal(refused), grant, &call))
        }
    }

    fn target(&self, org: OrgId) -> Target {
        Target { environment: self.settings.environment.clone(), org }
    }

    /// The call's own, else the last switch, else what the settings say, else the only one that is held.
    fn target_org(&self, of_call: Option<&OrgId>) -> Result<OrgId, Error> {
        let named = of_call.cloned().or_else(|| self.switched_to.borrow().clone());
        if let Some(org) = named.or_else(|| self.settings.org.clone()) {
            return Ok(org);
        }
        match self.keyring.grants().as_slice() {
            [grant] => Ok(grant.target().org.clone()),
            [] if self.keyring.sources().is_empty() => {
                Err(Error::new(Code::NoToken, "No token is held, and nothing says which organization is meant."))
            }
            [] => Err(Error::new(Code::OrgAmbiguous, "Nothing says for which organization a token should be obtained.")),
            several => {
                let orgs: Vec<&str> = several.iter().map(|grant| grant.target().org.as_str()).collect();
                Err(Error::new(Code::OrgAmbiguous, format!("Tokens of several organizations are held: {}.", orgs.join(", "))))
            }
        }
    }

    /// How much of a call's time is left, in milliseconds: that in which people sign in does not count.
    fn time_left(&self, limit: Option<u32>, target: &Target) -> Rc<dyn Fn() -> i64> {
        let limit = i64::from(limit.unwrap_or(self.settings.timeout));
        let (cloud, keyring, target) = (self.cloud.clone(), self.keyring.clone(), target.clone());
        let taken = move || cloud.ports().now().as_millis() - keyring.sources().time_of_sign_ins(&target);
        let before = taken();
        Rc::new(move || limit + before - taken())
    }

    /// The work's result, unless something ends it before. The time in which people sign in for the target does not count.
    async fn within<T>(
        &self,
        limits: CallOptions<impl Future<Output = ()>>,
        target: Option<&Target>,
        work: impl Future<Output = Result<T, Interruption>>,
    ) -> Result<T, Interruption> {
        // Boxed: for each kind of abort and work it would be compiled anew.
        first_of(self.ended(limits.timeout, Box::pin(limits.aborted), target), Box::pin(work)).await
    }

    /// Ready when the recorder is closed, the caller aborts or the time is over.
    fn ended<'a>(
        &'a self,
        timeout: Option<u32>,
        mut aborted: LocalBoxFuture<'a, ()>,
        target: Option<&'a Target>,
    ) -> LocalBoxFuture<'a, Interruption> {
        let ports = self.cloud.ports();
        let limit = timeout.unwrap_or(self.settings.timeout);
        let time_of_sign_ins = move || target.map_or(0, |target| self.keyring.sources().time_of_sign_ins(target));
        let time_over = async move {
            let mut counted_off = time_of_sign_ins();
            let mut left = limit;
            while left > 0 {
                ports.wait(left).await;
                let so_far = time_of_sign_ins();
                left = u32::try_from(so_far.saturating_sub(counted_off)).unwrap_or(0);
                counted_off = so_far;
            }
        };
        Box::pin(async move {
            let mut time_over = pin!(time_over);
            let mut closed = pin!(ports.closed());
            poll_fn(|context| {
                if closed.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Interruption::Closed);
                }
                if aborted.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Interruption::Aborted);
                }
                time_over.as_mut().poll(context).map(|()| Interruption::TimedOut(limit))
            })
            .await
        })
    }
}

async fn first_of<T>(
    mut ended: LocalBoxFuture<'_, Interruption>,
    mut work: LocalBoxFuture<'_, Result<T, Interruption>>,
) -> Result<T, Interruption> {
    poll_fn(|context| {
        if let Poll::Ready(ended) = ended.as_mut().poll(context) {
            return Poll::Ready(Err(ended));
        }
        match work.as_mut().poll(context) {
            // What was done may be what an end has waited for.
            Poll::Pending => ended.as_mut().poll(context).map(Err),
            done => done,
        }
    })
    .await
}

/// A batch of starts, which an abort ends as far as they have not been sent.
struct Many<'a, P: Platform> {
    recorder: &'a Recorder<P>,
    batch: Batch,
    timeout: Option<u32>,
    /// How often somebody had signed out when it began.
    since: u64,
    aborted: RefCell<LocalBoxFuture<'a, ()>>,
    is_aborted: Cell<bool>,
}

/// A start of a batch that is under way, until dropped.
struct OfBatch<'a> {
    all: &'a RefCell<Vec<Target>>,
    target: Target,
}

impl<'a> OfBatch<'a> {
    fn of(all: &'a RefCell<Vec<Target>>, target: Target) -> OfBatch<'a> {
        all.borrow_mut().push(target.clone());
        OfBatch { all, target }
    }
}

impl Drop for OfBatch<'_> {
    fn drop(&mut self) {
        let mut all = self.all.borrow_mut();
        let at = all.iter().position(|target| *target == self.target);
        at.map(|at| all.swap_remove(at));
    }
}

impl<P: Platform> Starter for Many<'_, P> {
    type Target = Target;
    type Started = Recording;
    type CallError = CallError;

    async fn obtain_token(&self, target: Target) -> Result<(), CallError> {
        let aborted = poll_fn(|_| if self.is_aborted.get() { Poll::Ready(()) } else { Poll::Pending });
        let work = async {
            self.recorder.keyring.grant(&target, self.since).await?;
            Ok(())
        };
        self.recorder.within(CallOptions { timeout: self.timeout, aborted }, Some(&target), work).await.map_err(nothing_sent)
    }

    fn next_slot_at(&self, target: &Target) -> Timestamp {
        // They count before they are sent: that takes them a while.
        let begun = self.recorder.of_batches.borrow().iter().filter(|of| *of == target).count();
        let next_slot_at = self.recorder.keyring.next_slot_at(target, self.batch.requests_per_minute, begun);
        // Where that depends on requests of other calls, it is looked at again in a while.
        next_slot_at.unwrap_or_else(|| self.now().after_millis(1_000))
    }

    async fn start(&self, start: Start) -> Result<Recording, CallError> {
        let recorder = self.recorder;
        let target = recorder.target(recorder.target_org(start.org.as_ref())?);
        let _counted = OfBatch::of(&recorder.of_batches, target.clone());
        let time_left = recorder.time_left(self.timeout, &target);
        let (starting, work) = recorder.starts.begin(target, start, self.since, time_left);
        let may_end = || self.is_aborted.get() && !starting.is_past_ending();
        let aborted = poll_fn(|_| if may_end() { Poll::Ready(()) } else { Poll::Pending });
        recorder.started(&starting, work, self.timeout, Box::pin(aborted)).await
    }

    async fn ended(&self) -> CallError {
        let mut is_closed = pin!(self.recorder.cloud.ports().closed());
        poll_fn(|context| {
            if is_closed.as_mut().poll(context).is_ready() {
                return Poll::Ready(closed());
            }
            self.aborted.borrow_mut().as_mut().poll(context).map(|()| {
                self.is_aborted.set(true);
                CallError::Aborted
            })
        })
        .await
    }

    fn now(&self) -> Timestamp {
        self.recorder.cloud.ports().now()
    }

    async fn wait(&self, millis: u32) {
        self.recorder.cloud.ports().wait(millis).await;
    }
}

fn nothing_sent(ended: Interruption) -> CallError {
    match ended {
        Interruption::Failed(error) => CallError::Error(error),
        Interruption::TimedOut(limit) => timed_out(limit).into(),
        Interruption::Aborted => CallError::Aborted,
        Interruption::Closed => closed(),
    }
}

fn closed() -> CallError {
    Error::new(Code::Closed, "The recorder is closed.").into()
}

fn timed_out(limit: u32) -> Error {
    Error::new(Code::Timeout, format!("The call took longer than {limit} ms."))
}
