//! The recordings of an organization, as the recording API tells of them: listed, read, stopped.

use std::cell::RefCell;
use std::rc::Rc;

use crate::auth::keyring::Keyring;
use crate::client::{Outgoing, Sender, Unanswered, not_answered};
use crate::cloud::exchange::Cloud;
use crate::cloud::ports::Ports;
use crate::cloud::refusal::not_of_a_start;
use crate::cloud::response::Answer;
use crate::model::environment::Target;
use crate::model::error::{Code, Error};
use crate::model::ids::{AgentId, RecordingId};
use crate::recording::contract::RecordingContract;
use crate::recording::{Recording, State};
use crate::token::org_token::Grant;
use crate::token::request::Call;

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
pub(crate) enum NotTold {
    /// It refuses to.
    Refused(Rc<Error>),
    /// It could not be asked, or its answer is none.
    Failed(Rc<Error>),
}

impl From<NotTold> for Rc<Error> {
    fn from(not_told: NotTold) -> Rc<Error> {
        match not_told {
            NotTold::Refused(error) | NotTold::Failed(error) => error,
        }
    }
}

/// The recordings of every organization that a token can be had for.
pub struct Recordings<P: Ports> {
    cloud: Rc<Cloud<P>>,
    keyring: Rc<Keyring<P>>,
    sender: Rc<Sender<P>>,
    contract: RecordingContract,
}

impl<P: Ports> Recordings<P> {
    /// Those of this recording API.
    pub fn new(cloud: Rc<Cloud<P>>, keyring: Rc<Keyring<P>>, sender: Rc<Sender<P>>, contract: RecordingContract) -> Recordings<P> {
        Recordings { cloud, keyring, sender, contract }
    }

    /// Those of the target organization that the cloud lists, of this agent or of all.
    pub(crate) async fn list(&self, target: &Target, agent: Option<&AgentId>, limits: Asking<'_>) -> Result<Vec<Recording>, NotTold> {
        let (_, answer) = self.answered(target, &self.contract.list(agent), limits).await?;
        let listed = Recording::list(&answer, agent, &target.org);
        listed.ok_or_else(|| NotTold::Failed(unexpected("The cloud's answer is no list of recordings.", answer, target)))
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
            Err(NotTold::Refused(refused)) if refused.code == Code::Conflict => {
                let found = self.find(target, id, agent, limits).await;
                found.ok().filter(|recording| recording.state == State::Stopped).ok_or(refused)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Those of this agent, as they are seen with this very grant. `None` where the cloud does not say. `since`: how often
    /// somebody had signed out when the call began.
    pub(crate) async fn seen_with(&self, grant: &Grant, agent: &AgentId, since: u64) -> Option<Vec<Recording>> {
        // Somebody may have signed out meanwhile, or another call have learnt whose token it is.
        if self.keyring.was_signed_out(grant.target(), since) || self.keyring.true_owner(grant).is_some() {
            return None;
        }
        let answer = self.cloud.send(grant.request(self.contract.list(Some(agent)))).await.ok()?;
        let answer = Some(answer).filter(|answer| answer.status == 200)?;
        Recording::list(&answer, Some(agent), &grant.target().org)
    }

    /// The answer to a call that only reads, or comes to the same when it is carried out twice.
    async fn answered(&self, target: &Target, call: &Call, limits: Asking<'_>) -> Result<(Rc<Grant>, Answer), NotTold> {
        let Asking { since, time_left } = limits;
        let mut sends = 0;
        loop {
            sends += 1;
            let outgoing = Outgoing { target, call: call.clone(), agent: None, since, sent: &RefCell::default(), time_left };
            let error = match self.sender.send(&outgoing).await {
                Ok(answered) => return Ok(answered),
                Err(Unanswered::NoToken(error)) => return Err(NotTold::Failed(error)),
                Err(Unanswered::Lost(lost)) => not_answered("The cloud did not answer.", lost).about(&target.org),
                Err(Unanswered::Refused(error)) => of_a_recording(error),
            };
            let may_be_sent_again = matches!(error.code, Code::Network | Code::CloudUnavailable);
            if !may_be_sent_again {
                return Err(NotTold::Refused(error.into()));
            }
            if sends == MOST_SENDS || i64::from(PAUSE) >= time_left() {
                return Err(NotTold::Failed(error.into()));
            }
            self.cloud.ports().wait(PAUSE).await;
        }
    }
}

fn named(answer: &Answer, id: &RecordingId, agent: Option<&AgentId>, target: &Target) -> Option<Recording> {
    Recording::from_answer(answer, agent, &target.org).filter(|recording| recording.id == *id)
}

fn unexpected(message: &str, answer: Answer, target: &Target) -> Rc<Error> {
    Error::new(Code::UnexpectedAnswer, message).answered_by(answer).about(&target.org).into()
}

/// What is not there is a recording, or the path to them.
fn of_a_recording(mut error: Error) -> Error {
    match error.code {
        Code::AgentNotFound => error.code = Code::RecordingNotFound,
        Code::Conflict => {}
        _ => error = not_of_a_start(error),
    }
    error
}
