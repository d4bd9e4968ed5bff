//! A recording, as the cloud describes it.

pub mod api;
mod attempt;
pub mod batch;
pub mod contract;
pub mod page_starts;
mod queue;
mod reconcile;
pub mod start;
pub mod starts;

use std::rc::Rc;

use crate::cloud::response::Response;
use crate::model::error::Seen;
use crate::model::ids::{AgentId, OrgId, RecordingId};
use crate::model::json::Json;
use crate::model::time::Timestamp;

/// A recording's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The recording runs.
    Recording,
    /// The recording has ended.
    Stopped,
    /// Another state, in the cloud's own word; `unknown` if the cloud gives none.
    Other(String),
}

impl State {
    fn read(text: Option<&str>) -> State {
        match text {
            Some(word) if word.eq_ignore_ascii_case("recording") => State::Recording,
            Some(word) if word.eq_ignore_ascii_case("stopped") => State::Stopped,
            other => State::Other(other.unwrap_or("unknown").to_owned()),
        }
    }

    /// The state in the cloud's own word.
    pub fn as_str(&self) -> &str {
        match self {
            State::Recording => "recording",
            State::Stopped => "stopped",
            State::Other(word) => word,
        }
    }
}

/// A recording in the cloud's own JSON: a whole body, or one of its `entities`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    /// The JSON body.
    pub body: Rc<str>,
    /// The index in the body's `entities`, if the body is a list.
    pub entity: Option<usize>,
}

/// A recording, as the cloud describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The recording's id.
    pub id: RecordingId,
    /// The agent.
    pub agent: AgentId,
    /// The organization whose token was used to start or see it.
    pub org: OrgId,
    /// The recording's state.
    pub state: State,
    /// When the recording started (ISO 8601), if the cloud says so.
    pub started_at: Option<String>,
    /// `recordingType`, if the cloud gives it.
    pub recording_type: Option<String>,
    /// Whether the recording was already running when a start was called.
    pub already_running: bool,
    /// The cloud's own JSON, unchanged.
    pub raw: Raw,
}

/// The recordings that a response lists.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The recordings of the organization, and of the agent if the list is about one.
    pub recordings: Vec<Recording>,
    /// How many listed items cannot be read, for example because they have no id or name no agent.
    pub unreadable: usize,
    /// How many of those have not stopped: one of them may be the recording in question.
    pub unreadable_running: usize,
    /// How many of those name the agent that the list is about.
    pub unreadable_of_agent: usize,
    /// The response's body.
    pub body: Rc<str>,
}

/// Why a JSON value is no recording.
enum NotRead {
    /// It is a recording of another organization or agent.
    Another,
    /// It cannot be read, so it may be anybody's.
    Unreadable,
}

impl Recording {
    /// Reads a response that describes one recording. `None` if there is no recording, or if the recording belongs to another
    /// organization, or to another agent than `agent`.
    pub fn from_response(response: &Response, agent: Option<&AgentId>, org: &OrgId) -> Option<Recording> {
        Recording::read(&response.json, agent, org, Raw { body: response.body.as_str().into(), entity: None }).ok()
    }

    /// Reads a response that lists recordings (`entities`). Skips recordings of another organization or agent, and counts what
    /// cannot be read. `None` if the response is not a list.
    pub fn list(response: &Response, agent: Option<&AgentId>, org: &OrgId) -> Option<Listed> {
        let Some(Json::Array(entities)) = response.json.get("entities") else { return None };
        let body: Rc<str> = response.body.as_str().into();
        let mut listed = Listed { recordings: Vec::new(), unreadable: 0, unreadable_running: 0, unreadable_of_agent: 0, body };
        for (at, entity) in entities.iter().enumerate() {
            let raw = Raw { body: listed.body.clone(), entity: Some(at) };
            let named = property(entity, "agentId");
            let read = match named {
                Some(_) => Recording::read(entity, agent, org, raw),
                // A server may ignore the `?agentId=` filter and list everybody's.
                None => Err(NotRead::Unreadable),
            };
            match read {
                Ok(recording) => listed.recordings.push(recording),
                Err(NotRead::Another) => {}
                Err(NotRead::Unreadable) => {
                    listed.unreadable = listed.unreadable.saturating_add(1);
                    let may_run = State::read(entity.str("state")) != State::Stopped;
                    listed.unreadable_running = listed.unreadable_running.saturating_add(may_run.into());
                    let names_agent = may_run && agent.is_some() && named.and_then(Json::id).is_some();
                    listed.unreadable_of_agent = listed.unreadable_of_agent.saturating_add(names_agent.into());
                }
            }
        }
        let has_more = response.json.number("total").is_some_and(|total| total > 0) || response.json.str("nextUri").is_some();
        if entities.is_empty() && has_more {
            listed.unreadable = 1;
            listed.unreadable_running = 1;
        }
        Some(listed)
    }

    fn read(json: &Json, agent: Option<&AgentId>, org: &OrgId, raw: Raw) -> Result<Recording, NotRead> {
        let named_org = property(json, "organizationId").map(|id| id.as_str().and_then(OrgId::parse));
        if named_org.as_ref().is_some_and(|named| named.as_ref().is_some_and(|named| named != org)) {
            return Err(NotRead::Another);
        }
        let named = property(json, "agentId").map(|id| id.id().and_then(|id| AgentId::parse(&id).ok()));
        let agent = match (agent, named) {
            (Some(agent), Some(Some(named))) if !named.as_str().eq_ignore_ascii_case(agent.as_str()) => return Err(NotRead::Another),
            (Some(agent), None | Some(Some(_))) => agent.clone(),
            (None, Some(Some(named))) => named,
            (_, None | Some(None)) => return Err(NotRead::Unreadable),
        };
        if named_org == Some(None) {
            return Err(NotRead::Unreadable);
        }
        let id = property(json, "id").and_then(Json::id).ok_or(NotRead::Unreadable)?;
        let recording_type = property(json, "recordingType").map(|named| named.as_str().ok_or(NotRead::Unreadable)).transpose()?;
        Ok(Recording {
            id: RecordingId::parse(&id).map_err(|_| NotRead::Unreadable)?,
            agent,
            org: org.clone(),
            state: State::read(json.str("state")),
            started_at: json.str("startedAt").map(str::to_owned),
            recording_type: recording_type.map(str::to_owned),
            already_running: false,
            raw,
        })
    }

    /// Whether the recording may be of this type: the cloud names this type, or no type.
    pub fn may_be_of_type(&self, recording_type: &str) -> bool {
        self.recording_type.as_deref().is_none_or(|named| named.eq_ignore_ascii_case(recording_type))
    }

    /// When the recording started, if the cloud says so with a zone.
    pub fn started(&self) -> Option<Timestamp> {
        self.started_at.as_deref().and_then(Timestamp::from_iso)
    }

    /// Whether the recording is known to have started at this moment or later.
    pub fn started_since(&self, moment: Timestamp) -> bool {
        self.started().is_some_and(|started| started >= moment)
    }
}

/// The object's property with this name; null counts as absent.
fn property<'a>(json: &'a Json, name: &str) -> Option<&'a Json> {
    json.get(name).filter(|value| **value != Json::Null)
}

impl From<&Recording> for Seen {
    fn from(recording: &Recording) -> Seen {
        Seen { id: recording.id.as_str().to_owned(), state: recording.state.as_str().to_owned(), started_at: recording.started_at.clone() }
    }
}
