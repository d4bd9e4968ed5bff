//! The flow, top to bottom: organization, grant, request, answer.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use crate::agent::AgentId;
use crate::error::{Cause, Code, Error};
use crate::grant::{Grant, Target, UnfiledToken};
use crate::keyring::Keyring;
use crate::org::OrgId;
use crate::ports::{Answer, Lost, Ports};
use crate::recording::{Recording, Start};
use crate::refusal::refusal;
use crate::settings::Settings;
use crate::token::AccessToken;

/// When a call must end, whatever happens.
pub struct Limits<A> {
    /// The longest time, in milliseconds, instead of the recorder's.
    pub timeout: Option<u32>,
    /// Ready when the caller aborts.
    pub aborted: A,
}

/// Why a call did not succeed.
#[derive(Clone, Debug)]
pub enum Failure {
    /// With this error.
    Error(Rc<Error>),
    /// The caller aborted it.
    Aborted,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Error(Rc::new(error))
    }
}

/// Starts recordings in one environment, for one organization at a time.
pub struct Recorder<P> {
    settings: Settings,
    ports: Rc<P>,
    keyring: Rc<Keyring<P>>,
    switched_to: RefCell<Option<OrgId>>,
    switches: Cell<u32>,
    last_switch: Cell<u32>,
    is_closed: Cell<bool>,
}

enum Ended {
    Failed(Rc<Error>),
    TimedOut(u32),
    Aborted,
    Closed,
}

impl From<Error> for Ended {
    fn from(error: Error) -> Ended {
        Ended::Failed(Rc::new(error))
    }
}

impl From<Rc<Error>> for Ended {
    fn from(error: Rc<Error>) -> Ended {
        Ended::Failed(error)
    }
}

impl<P: Ports> Recorder<P> {
    /// A recorder that holds these tokens, each filed under its own organization.
    pub async fn connect(ports: P, mut settings: Settings, limits: Limits<impl Future<Output = ()>>) -> Result<Recorder<P>, Failure> {
        let ports = Rc::new(ports);
        let tokens = std::mem::take(&mut settings.tokens);
        let recorder = Recorder {
            keyring: Keyring::new(ports.clone()),
            settings,
            ports,
            switched_to: RefCell::default(),
            switches: Cell::default(),
            last_switch: Cell::default(),
            is_closed: Cell::default(),
        };
        let work = async {
            // Each one is read before any is sent.
            let mut unfiled = Vec::new();
            for (at, token) in tokens.into_iter().enumerate() {
                unfiled.push(recorder.unfiled(token).map_err(|error| error.of(&format!("tokens[{at}]")))?);
            }
            for (at, token) in unfiled.into_iter().enumerate() {
                recorder.keyring.add(token).await.map_err(|error| error.of(&format!("tokens[{at}]")))?;
            }
            Ok(())
        };
        recorder.within(limits, work).await.map_err(nothing_sent)?;
        Ok(recorder)
    }

    /// What the recorder was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Every grant that is held.
    pub fn grants(&self) -> Vec<Rc<Grant>> {
        self.keyring.grants()
    }

    /// The organization that a call without one is for, as far as it is certain.
    pub fn org(&self) -> Option<OrgId> {
        self.target_org(None).ok()
    }

    /// Files a token under its own organization.
    pub async fn add_token(&self, token: AccessToken, limits: Limits<impl Future<Output = ()>>) -> Result<Rc<Grant>, Failure> {
        let work = async { Ok(self.keyring.add(self.unfiled(token)?).await?) };
        self.within(limits, work).await.map_err(nothing_sent)
    }

    /// Makes sure of a token of this organization, and makes it the target of the calls to come.
    /// Of several that are under way, the one that was called last and succeeds decides.
    pub async fn switch_org(&self, org: OrgId, limits: Limits<impl Future<Output = ()>>) -> Result<Rc<Grant>, Failure> {
        let turn = self.switches.get().saturating_add(1);
        self.switches.set(turn);
        let target = self.target(org.clone());
        let work = async { Ok(self.keyring.grant(&target, self.settings.contract.scope()).await?) };
        let grant = self.within(limits, work).await.map_err(nothing_sent)?;
        if turn > self.last_switch.get() {
            self.last_switch.set(turn);
            self.switched_to.replace(Some(org));
        }
        Ok(grant)
    }

    /// Starts a recording of this agent, with a token of the target organization and of no other.
    pub async fn start_recording(&self, start: Start, limits: Limits<impl Future<Output = ()>>) -> Result<Recording, Failure> {
        self.ensure_open()?;
        let target = self.target(self.target_org(start.org.as_ref())?);
        let was_sent = Cell::new(false);
        let contract = &self.settings.contract;
        let work = async {
            let grant = self.keyring.grant(&target, contract.scope()).await?;
            let request = grant.request(contract.start(&start.agent, &start.recording_type));
            was_sent.set(true);
            let answer = request.send(&*self.ports).await.map_err(|lost| answer_lost(lost).about(&target.org))?;
            Ok(self.recording(&start.agent, answer, &grant)?)
        };
        self.within(limits, work).await.map_err(|ended| match ended {
            Ended::TimedOut(limit) if was_sent.get() => {
                let message = "The start was sent and no answer came in time.";
                outcome_unknown(message).caused_by(Cause::Error(Box::new(timed_out(limit)))).about(&target.org).into()
            }
            Ended::TimedOut(limit) => timed_out(limit).about(&target.org).into(),
            Ended::Closed if was_sent.get() => {
                Error::new(Code::Closed, "The recorder was closed after the start was sent: the recording may be running.")
                    .about(&target.org)
                    .into()
            }
            other => nothing_sent(other),
        })
    }

    /// Forgets every token; what is in flight is rejected.
    pub fn close(&self) {
        self.keyring.forget_all();
        self.is_closed.set(true);
        self.ports.close();
    }

    fn ensure_open(&self) -> Result<(), Failure> {
        if self.is_closed.get() { Err(closed()) } else { Ok(()) }
    }

    fn unfiled(&self, token: AccessToken) -> Result<UnfiledToken, Error> {
        self.keyring.unfiled(&self.settings.environment, token, None)
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
            [] if !self.ports.has_token_source() => {
                Err(Error::new(Code::NoToken, "No token is held, and nothing says which organization is meant."))
            }
            [] => Err(Error::new(Code::OrgAmbiguous, "Nothing says for which organization getToken should be asked.")),
            several => {
                let orgs: Vec<&str> = several.iter().map(|grant| grant.target().org.as_str()).collect();
                Err(Error::new(Code::OrgAmbiguous, format!("Tokens of several organizations are held: {}.", orgs.join(", "))))
            }
        }
    }

    fn recording(&self, agent: &AgentId, answer: Answer, grant: &Grant) -> Result<Recording, Error> {
        let org = &grant.target().org;
        if !(200..300).contains(&answer.status) {
            return Err(self.explained(refusal(&answer), grant));
        }
        Recording::from_answer(&answer, agent, org).ok_or_else(|| {
            let message = "The cloud's answer does not name a recording of this agent in this organization.";
            outcome_unknown(message).answered_by(answer).about(org)
        })
    }

    /// The refusal of a start, with what the grant tells of it.
    fn explained(&self, mut error: Error, grant: &Grant) -> Error {
        match error.code {
            Code::CloudUnavailable => error.code = Code::OutcomeUnknown,
            Code::Unauthenticated | Code::TokenExpired => grant.reject(),
            _ => {}
        }
        if error.code == Code::ScopeMissing && error.evidence.missing_scopes.is_none() {
            error.evidence.missing_scopes = Some(vec![self.settings.contract.scope().to_owned()]);
        }
        error.evidence.token_org_id = Some(grant.target().org.clone());
        error.evidence.home_org_id = grant.home_org().cloned();
        error.evidence.granted_scopes = grant.scopes().map(<[String]>::to_vec);
        error.about(&grant.target().org)
    }

    /// The work's result, unless something ends it before.
    async fn within<T>(&self, limits: Limits<impl Future<Output = ()>>, work: impl Future<Output = Result<T, Ended>>) -> Result<T, Ended> {
        let mut ended = pin!(self.ended(limits));
        let mut work = pin!(work);
        poll_fn(|context| match ended.as_mut().poll(context) {
            Poll::Ready(ended) => Poll::Ready(Err(ended)),
            Poll::Pending => work.as_mut().poll(context),
        })
        .await
    }

    /// Ready when the recorder is closed, the caller aborts or the time is over.
    async fn ended(&self, limits: Limits<impl Future<Output = ()>>) -> Ended {
        let limit = limits.timeout.unwrap_or(self.settings.timeout);
        let mut closed = pin!(self.ports.closed());
        let mut aborted = pin!(limits.aborted);
        let mut time_over = pin!(self.ports.wait(limit));
        poll_fn(|context| {
            if closed.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ended::Closed);
            }
            if aborted.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ended::Aborted);
            }
            time_over.as_mut().poll(context).map(|()| Ended::TimedOut(limit))
        })
        .await
    }
}

fn nothing_sent(ended: Ended) -> Failure {
    match ended {
        Ended::Failed(error) => Failure::Error(error),
        Ended::TimedOut(limit) => timed_out(limit).into(),
        Ended::Aborted => Failure::Aborted,
        Ended::Closed => closed(),
    }
}

fn closed() -> Failure {
    Error::new(Code::Closed, "The recorder is closed.").into()
}

fn timed_out(limit: u32) -> Error {
    Error::new(Code::Timeout, format!("The call took longer than {limit} ms."))
}

fn outcome_unknown(message: &str) -> Error {
    Error::new(Code::OutcomeUnknown, message)
}

fn answer_lost(lost: Lost) -> Error {
    let error = if lost.may_have_run {
        outcome_unknown("The start was sent and its answer was lost.")
    } else {
        Error::new(Code::Network, "The start could not be sent.")
    };
    let mut error = error.caused_by(lost.cause);
    error.evidence.status = lost.status;
    error
}
