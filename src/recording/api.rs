//! Lists, reads and stops recordings.

use std::rc::Rc;

use crate::auth::ports::Platform;
use crate::client::sent_log::SentLog;
use crate::client::{Client, SendError};
use crate::cloud::call::Call;
use crate::cloud::response::Response;
use crate::model::environment::Target;
use crate::model::error::{Cause, Code, Error};
use crate::model::ids::{AgentId, OrgId, RecordingId};
use crate::recording::contract::RecordingContract;
use crate::recording::shape::Whose;
use crate::recording::{Description, Listed, Raw, Recording, State};
use crate::token::org_token::OrgToken;
use crate::token::request::ApiRequest;

/// The hint if the API refuses the list with a 404.
pub(crate) const NO_SUCH_LIST: &str =
    "The API has no such list, or the agent is not in this organization (`orgId`). Check `path` and `list` in `contract`.";

/// The recording API, for any organization with a token.
pub struct Recordings<P: Platform> {
    pub(crate) client: Client<P>,
    contract: Rc<RecordingContract>,
}

impl<P: Platform> Recordings<P> {
    /// The recordings of this recording API.
    pub fn new(client: Client<P>, contract: Rc<RecordingContract>) -> Recordings<P> {
        Recordings { client, contract }
    }

    /// How the API is called.
    pub(crate) fn contract(&self) -> &RecordingContract {
        &self.contract
    }

    /// The recordings of the call's organization that the cloud lists, of this agent or of all.
    /// Fails if one of them cannot be read.
    pub(crate) async fn list(&self, call: &Call, agent: Option<&AgentId>) -> Result<Vec<Recording>, Error> {
        let listed = self.look(call, agent).await?;
        if listed.unreadable == 0 {
            return Ok(listed.recordings);
        }
        let message = "The API lists a recording whose id, agent, organization or user cannot be read.";
        let unexpected = Error::new(Code::UnexpectedAnswer, message).caused_by(Cause::Cloud(listed.body.as_ref().into()));
        Err(unexpected.for_org(&call.target.org))
    }

    /// What the cloud lists, of this agent or of all.
    pub(crate) async fn look(&self, call: &Call, agent: Option<&AgentId>) -> Result<Box<Listed>, SendError> {
        let sent = SentLog::default();
        let response = self.read(call, self.contract.list(agent), &sent, no_such_list).await?;
        let token = sent.last().map(|sent| sent.token.clone());
        let user = self.user(token.as_deref()).await;
        let listed = self.contract.shape().list(&response, whose(&call.target.org, agent, user.as_deref()));
        listed.ok_or_else(|| SendError::NoResponse(unexpected("The response is not a list of recordings.", response, &call.target)))
    }

    /// What the cloud lists of this agent, with exactly this token. `None` if the cloud does not say.
    pub(crate) async fn list_with_token(&self, token: &OrgToken, agent: &AgentId) -> Option<Box<Listed>> {
        if self.client.is_misattributed(token) {
            return None;
        }
        let request = self.contract.list(Some(agent)).ok()?;
        let response = self.client.send_with(token, request).await.ok()?;
        let response = Some(response).filter(|response| response.is_success())?;
        let user = self.user(Some(token)).await;
        self.contract.shape().list(&response, whose(&token.target().org, Some(agent), user.as_deref()))
    }

    /// The token's user, if it matters who started a recording.
    async fn user(&self, token: Option<&OrgToken>) -> Option<Rc<str>> {
        let token = token.filter(|_| self.contract.shape().needs_user())?;
        self.client.user_id(token).await
    }

    /// The recording that the response to a start describes.
    pub(crate) fn started(&self, response: &Response, agent: &AgentId, target: &Target) -> Option<Recording> {
        self.contract.shape().one(response, whose(&target.org, Some(agent), None))
    }

    /// The recording with this id. `agent`: whose it is, if that is known.
    pub(crate) async fn find(&self, call: &Call, id: &RecordingId, agent: Option<&AgentId>) -> Result<Recording, Error> {
        let result = self.read(call, self.contract.find(id, agent), &SentLog::default(), no_such_recording).await;
        let response = match result {
            Err(SendError::Refused(refused)) if self.contract.missing_at_read_means_stopped() => return stopped(id, agent, call, refused),
            result => result?,
        };
        let found = self.with_id(&response, id, agent, &call.target);
        found.ok_or_else(|| unexpected("The response is not the requested recording.", response, &call.target))
    }

    /// Stops the recording with this id. A recording that has stopped already is no error.
    pub(crate) async fn stop(&self, call: &Call, id: &RecordingId, agent: Option<&AgentId>) -> Result<Recording, Error> {
        let conflict = match self.read(call, self.contract.stop(id, agent), &SentLog::default(), no_such_recording).await {
            Ok(response) => match self.with_id(&response, id, agent, &call.target) {
                Some(recording) => return Ok(recording),
                // For example 204: accepted, but without a body that describes the recording.
                None => None,
            },
            Err(SendError::Refused(refused)) if refused.code == Code::Conflict => Some(refused),
            Err(SendError::Refused(refused)) if self.contract.missing_at_stop_means_stopped() => return stopped(id, agent, call, refused),
            Err(error) => return Err(error.into()),
        };
        let found = self.find(call, id, agent).await;
        match conflict {
            Some(refused) => found.ok().filter(|recording| recording.state == State::Stopped).ok_or(refused),
            None => found.map_err(|mut error| {
                error.message = format!("The API accepted the stop. Then reading the recording failed: {}", error.message);
                error
            }),
        }
    }

    fn with_id(&self, response: &Response, id: &RecordingId, agent: Option<&AgentId>, target: &Target) -> Option<Recording> {
        let found = self.contract.shape().one(response, whose(&target.org, agent, None));
        found.filter(|recording| recording.id == *id)
    }

    /// `not_found`: what a 404 means.
    async fn read(
        &self,
        call: &Call,
        request: Result<ApiRequest, Error>,
        sent: &SentLog,
        not_found: fn(Error) -> Error,
    ) -> Result<Box<Response>, SendError> {
        let request = request.map_err(SendError::NotSent)?;
        self.client.send(call, &request, sent).await.map_err(|error| match error {
            SendError::Refused(refused) if refused.code == Code::CloudUnavailable => SendError::NoResponse(refused),
            SendError::Refused(refused) if refused.code == Code::NotFound => SendError::Refused(not_found(refused)),
            error => error,
        })
    }
}

fn whose<'a>(org: &'a OrgId, agent: Option<&'a AgentId>, user: Option<&'a str>) -> Whose<'a> {
    Whose { org, agent, user }
}

/// The recording, if the contract says that a missing one has stopped, whatever the body: not every API has the cloud's error body.
fn stopped(id: &RecordingId, agent: Option<&AgentId>, call: &Call, refused: Error) -> Result<Recording, Error> {
    let body = match &refused.evidence.cause {
        Some(Cause::Cloud(body)) => body.as_str().into(),
        _ => Rc::default(),
    };
    let Some(agent) = agent.filter(|_| matches!(refused.evidence.status, Some(404 | 410))) else { return Err(refused) };
    Ok(Recording::from(Description {
        id: id.clone(),
        agent: agent.clone(),
        org: call.target.org.clone(),
        state: State::Stopped,
        started_at: None,
        recording_type: None,
        raw: Raw { body, entity: None },
    }))
}

fn unexpected(message: &str, response: Box<Response>, target: &Target) -> Error {
    Error::new(Code::UnexpectedAnswer, message).answered_by(&response).for_org(&target.org)
}

/// A 404 means that the recording, or the API's path, does not exist.
fn no_such_recording(error: Error) -> Error {
    error.with_code(Code::RecordingNotFound)
}

/// A 404 of a list, which no recording's id was sent for.
fn no_such_list(error: Error) -> Error {
    error.with_hint(NO_SUCH_LIST)
}
