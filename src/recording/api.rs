//! Lists, reads and stops recordings.

use std::rc::Rc;

use crate::auth::ports::Platform;
use crate::client::{Client, SendError};
use crate::cloud::call::Call;
use crate::cloud::refusal::as_generic_refusal;
use crate::cloud::response::Response;
use crate::model::environment::Target;
use crate::model::error::{Cause, Code, Error};
use crate::model::ids::{AgentId, RecordingId};
use crate::recording::contract::RecordingContract;
use crate::recording::{Listed, Recording, State};
use crate::token::org_token::OrgToken;
use crate::token::request::ApiRequest;

/// Why recordings could not be read.
pub(crate) enum ReadError {
    /// The cloud refused.
    Refused(Rc<Error>),
    /// There was no usable response.
    Failed(Rc<Error>),
}

impl From<ReadError> for Rc<Error> {
    fn from(error: ReadError) -> Rc<Error> {
        match error {
            ReadError::Refused(error) | ReadError::Failed(error) => error,
        }
    }
}

/// The recording API, for any organization with a token.
pub struct Recordings<P: Platform> {
    client: Rc<Client<P>>,
    contract: RecordingContract,
}

impl<P: Platform> Recordings<P> {
    /// The recordings of this recording API.
    pub fn new(client: Rc<Client<P>>, contract: RecordingContract) -> Recordings<P> {
        Recordings { client, contract }
    }

    /// How the API is called.
    pub(crate) fn contract(&self) -> &RecordingContract {
        &self.contract
    }

    /// The recordings of the call's organization that the cloud lists, of this agent or of all.
    /// Fails if one of them cannot be read.
    pub(crate) async fn list(&self, call: &Call, agent: Option<&AgentId>) -> Result<Vec<Recording>, ReadError> {
        let listed = self.look(call, agent).await?;
        if listed.unreadable == 0 {
            return Ok(listed.recordings);
        }
        let message = format!("The cloud lists {} recordings whose id, agent or organization cannot be read.", listed.unreadable);
        let unexpected = Error::new(Code::UnexpectedAnswer, message).caused_by(Cause::Cloud(listed.body.as_ref().into()));
        Err(ReadError::Failed(unexpected.for_org(&call.target.org).into()))
    }

    /// What the cloud lists, of this agent or of all.
    pub(crate) async fn look(&self, call: &Call, agent: Option<&AgentId>) -> Result<Listed, ReadError> {
        let response = self.read(call, &self.contract.list(agent)).await?;
        let listed = Recording::list(&response, agent, &call.target.org);
        listed.ok_or_else(|| ReadError::Failed(unexpected("The cloud's answer is no list of recordings.", response, &call.target)))
    }

    /// What the cloud lists of this agent, with exactly this token. `None` if the cloud does not say.
    pub(crate) async fn list_with_token(&self, token: &OrgToken, agent: &AgentId) -> Option<Listed> {
        if self.client.is_misattributed(token) {
            return None;
        }
        let response = self.client.send_with(token, self.contract.list(Some(agent))).await.ok()?;
        let response = Some(response).filter(|response| response.status == 200)?;
        Recording::list(&response, Some(agent), &token.target().org)
    }

    /// The recording with this id. `agent`: whose it is, if that is known.
    pub(crate) async fn find(&self, call: &Call, id: &RecordingId, agent: Option<&AgentId>) -> Result<Recording, Rc<Error>> {
        let response = self.read(call, &self.contract.find(id)).await?;
        let found = with_id(&response, id, agent, &call.target);
        found.ok_or_else(|| unexpected("The cloud's answer is not the recording that was asked for.", response, &call.target))
    }

    /// Stops the recording with this id. A recording that has stopped already is no error.
    pub(crate) async fn stop(&self, call: &Call, id: &RecordingId, agent: Option<&AgentId>) -> Result<Recording, Rc<Error>> {
        match self.read(call, &self.contract.stop(id)).await {
            Ok(response) => match with_id(&response, id, agent, &call.target) {
                Some(recording) => Ok(recording),
                // For example 204: accepted, but without a body that describes the recording.
                None => self.find(call, id, agent).await.map_err(|error| {
                    let mut error = Error::clone(&error);
                    error.message = format!("The cloud has accepted the stop; what it says of the recording since: {}", error.message);
                    error.into()
                }),
            },
            Err(ReadError::Refused(refused)) if refused.code == Code::Conflict => {
                let found = self.find(call, id, agent).await;
                found.ok().filter(|recording| recording.state == State::Stopped).ok_or(refused)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn read(&self, call: &Call, request: &ApiRequest) -> Result<Response, ReadError> {
        self.client.send(call, request).await.map_err(|error| match error {
            SendError::NotSent(error) => ReadError::Failed(error),
            SendError::NoResponse(lost) => {
                ReadError::Failed(Error::no_response(Code::Network, "The cloud did not answer.", lost).for_org(&call.target.org).into())
            }
            SendError::Refused(refused) if refused.code == Code::CloudUnavailable => ReadError::Failed(refused.into()),
            SendError::Refused(refused) => ReadError::Refused(as_recording_refusal(refused).into()),
        })
    }
}

fn with_id(response: &Response, id: &RecordingId, agent: Option<&AgentId>, target: &Target) -> Option<Recording> {
    Recording::from_response(response, agent, &target.org).filter(|recording| recording.id == *id)
}

fn unexpected(message: &str, response: Response, target: &Target) -> Rc<Error> {
    Error::new(Code::UnexpectedAnswer, message).answered_by(response).for_org(&target.org).into()
}

/// A 404 means that the recording, or the API's path, does not exist.
fn as_recording_refusal(mut error: Error) -> Error {
    match error.code {
        Code::AgentNotFound => error.code = Code::RecordingNotFound,
        Code::Conflict => {}
        _ => error = as_generic_refusal(error),
    }
    error
}
