//! The recordings of an organization, as the recording API tells of them: listed, read, stopped.

use std::cell::RefCell;
use std::rc::Rc;

use crate::auth::keyring::Keyring;
use crate::client::{Client, OutgoingRequest, SendError, no_response_error};
use crate::cloud::exchange::Exchange;
use crate::cloud::ports::Platform;
use crate::cloud::refusal::as_generic_refusal;
use crate::cloud::response::Response;
use crate::model::environment::Target;
use crate::model::error::{Code, Error};
use crate::model::ids::{AgentId, RecordingId};
use crate::recording::contract::RecordingContract;
use crate::recording::{Recording, State};
use crate::token::org_token::OrgToken;
use crate::token::request::ApiRequest;

/// How often a call is sent whose answer is lost, if it may be sent again.
const MOST_SENDS: u32 = 3;

/// The time between them, in milliseconds.
const PAUSE: u32 = 1_000;

/// From when on and until when somebody asks.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    /// How often somebody had signed out when the call began.
    pub(crate) since: u64,
    /// How much of the call's time is left, in milliseconds.
    pub(crate) time_left: &'a dyn Fn() -> i64,
}

/// Why the cloud does not tell of recordings.
pub(crate) enum ReadError {
    /// It refuses to.
    Refused(Rc<Error>),
    /// It could not be asked, or its answer is none.
    Failed(Rc<Error>),
}

impl From<ReadError> for Rc<Error> {
    fn from(not_told: ReadError) -> Rc<Error> {
        match not_told {
            ReadError::Refused(error) | ReadError::Failed(error) => error,
        }
    }
}

/// The recordings of every organization that a token can be had for.
pub struct Recordings<P: Platform> {
    cloud: Rc<Exchange<P>>,
    keyring: Rc<Keyring<P>>,
    sender: Rc<Client<P>>,
    contract: RecordingContract,
}

impl<P: Platform> Recordings<P> {
    /// Those of this recording API.
    pub fn new(cloud: Rc<Exchange<P>>, keyring: Rc<Keyring<P>>, sender: Rc<Client<P>>, contract: RecordingContract) -> Recordings<P> {
        Recordings { cloud, keyring, sender, contract }
    }

    /// Those of the target organization that the cloud lists, of this agent or of all.
    pub(crate) async fn list(&self, target: &Target, agent: Option<&AgentId>, limits: Asking<'_>) -> Result<Vec<Recording>, ReadError> {
        let (_, answer) = self.answered(target, &self.contract.list(agent), limits).await?;
        let listed = Recording::list(&answer, agent, &target.org);
        listed.ok_or_else(|| ReadError::Failed(unexpected("The cloud's answer is no list of recordings.", answer, target)))
    }

    /// The one with this id. `agent`: whose it is, where that is known.
    pub(crate) async fn find(
        &self,
        target: &Target,
        id: &RecordingId,
        agent: Option<&AgentId>,
        limits: Asking<'_>,
    ) -> Result<Recording, Rc<Error>> {
        let (_, answer) = self.answered(target, &self.contract.find(id), limits).await?;
        let found = named(&answer, id, agent, target);
        found.ok_or_else(|| unexpected("The cloud's answer is not the recording that was asked for.", answer, target))
    }

    /// Stops the one with this id. Stopping it twice is stopping it.
    pub(crate) async fn stop(
        &self,
        target: &Target,
        id: &RecordingId,
        agent: Option<&AgentId>,
        limits: Asking<'_>,
    ) -> Result<Recording, Rc<Error>> {
        match self.answered(target, &self.contract.stop(id), limits).await {
            Ok((_, answer)) => match named(&answer, id, agent, target) {
                Some(recording) => Ok(recording),
                // Such as an empty one (204): it says yes, and nothing of the recording.
                None => self.find(target, id, agent, limits).await.map_err(|error| {
                    let mut error = Error::clone(&error);
                    error.message = format!("The cloud has accepted the stop; what it says of the recording since: {}", error.message);
                    error.into()
                }),
            },
            Err(ReadError::Refused(refused)) if refused.code == Code::Conflict => {
                let found = self.find(target, id, agent, limits).await;
                found.ok().filter(|recording| recording.state == State::Stopped).ok_or(refused)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Those of this agent, as they are seen with this very grant. `None` where the cloud does not say. `since`: how often
    /// somebody had signed out when the call began.
    pub(crate) async fn list_with_token(&self, grant: &OrgToken, agent: &AgentId, since: u64) -> Option<Vec<Recording>> {
        // Somebody may have signed out meanwhile, or another call have learnt whose token it is.
        if self.keyring.was_signed_out(grant.target(), since) || self.keyring.actual_org(grant).is_some() {
            return None;
        }
        let answer = self.cloud.send(grant.request(self.contract.list(Some(agent)))).await.ok()?;
        let answer = Some(answer).filter(|answer| answer.status == 200)?;
        Recording::list(&answer, Some(agent), &grant.target().org)
    }

    /// The answer to a call that only reads, or comes to the same when it is carried out twice.
    async fn answered(&self, target: &Target, call: &ApiRequest, limits: Asking<'_>) -> Result<(Rc<OrgToken>, Response), ReadError> {
        let Asking { since, time_left } = limits;
        let mut sends = 0;
        loop {
            sends += 1;
            let outgoing = OutgoingRequest { target, call: call.clone(), agent: None, since, sent: &RefCell::default(), time_left };
            let error = match self.sender.send(&outgoing).await {
                Ok(answered) => return Ok(answered),
                Err(SendError::NotSent(error)) => return Err(ReadError::Failed(error)),
                Err(SendError::NoResponse(lost)) => no_response_error("The cloud did not answer.", lost).for_org(&target.org),
                Err(SendError::Refused(error)) => as_recording_refusal(error),
            };
            let may_be_sent_again = matches!(error.code, Code::Network | Code::CloudUnavailable);
            if !may_be_sent_again {
                return Err(ReadError::Refused(error.into()));
            }
            if sends == MOST_SENDS || i64::from(PAUSE) >= time_left() {
                return Err(ReadError::Failed(error.into()));
            }
            self.cloud.ports().wait(PAUSE).await;
        }
    }
}

fn named(answer: &Response, id: &RecordingId, agent: Option<&AgentId>, target: &Target) -> Option<Recording> {
    Recording::from_answer(answer, agent, &target.org).filter(|recording| recording.id == *id)
}

fn unexpected(message: &str, answer: Response, target: &Target) -> Rc<Error> {
    Error::new(Code::UnexpectedAnswer, message).answered_by(answer).for_org(&target.org).into()
}

/// What is not there is a recording, or the path to them.
fn as_recording_refusal(mut error: Error) -> Error {
    match error.code {
        Code::AgentNotFound => error.code = Code::RecordingNotFound,
        Code::Conflict => {}
        _ => error = as_generic_refusal(error),
    }
    error
}
