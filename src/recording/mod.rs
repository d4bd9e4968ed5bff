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
            Some("recording") => State::Recording,
            Some("stopped") => State::Stopped,
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

impl Recording {
    /// Reads a response that describes one recording. `None` if there is no recording, or if the recording belongs to another
    /// organization, or to another agent than `agent`.
    pub fn from_response(response: &Response, agent: Option<&AgentId>, org: &OrgId) -> Option<Recording> {
        Recording::read(&response.json, agent, org, Raw { body: response.body.as_str().into(), entity: None })
    }

    /// Reads a response that lists recordings (`entities`). Skips recordings of another organization or agent. `None` if the
    /// response is not a list.
    pub fn list(response: &Response, agent: Option<&AgentId>, org: &OrgId) -> Option<Vec<Recording>> {
        let Some(Json::Array(entities)) = response.json.get("entities") else { return None };
        let body: Rc<str> = response.body.as_str().into();
        let read = |(at, entity): (usize, &Json)| {
            // Require `agentId`: a server may ignore the `?agentId=` filter and list everybody's.
            entity.str("agentId")?;
            Recording::read(entity, agent, org, Raw { body: body.clone(), entity: Some(at) })
        };
        Some(entities.iter().enumerate().filter_map(read).collect())
    }

    fn read(json: &Json, agent: Option<&AgentId>, org: &OrgId, raw: Raw) -> Option<Recording> {
        if json.str("organizationId").is_some_and(|id| !id.eq_ignore_ascii_case(org.as_str())) {
            return None;
        }
        let agent = match (agent, json.str("agentId")) {
            (Some(agent), Some(id)) if !id.eq_ignore_ascii_case(agent.as_str()) => return None,
            (Some(agent), _) => agent.clone(),
            (None, id) => AgentId::parse(id?).ok()?,
        };
        Some(Recording {
            id: RecordingId::parse(json.str("id")?).ok()?,
            agent,
            org: org.clone(),
            state: State::read(json.str("state")),
            started_at: json.str("startedAt").map(str::to_owned),
            recording_type: json.str("recordingType").map(str::to_owned),
            already_running: false,
            raw,
        })
    }

    /// Whether the recording may be of this type: the cloud names this type, or no type.
    pub fn may_be_of_type(&self, recording_type: &str) -> bool {
        self.recording_type.as_deref().is_none_or(|named| named.eq_ignore_ascii_case(recording_type))
    }

    /// Whether the recording is known to have started at this moment or later.
    pub fn started_since(&self, moment: Timestamp, parse_date: impl Fn(&str) -> Option<Timestamp>) -> bool {
        self.started_at.as_deref().and_then(parse_date).is_some_and(|started| started >= moment)
    }
}

impl From<&Recording> for Seen {
    fn from(recording: &Recording) -> Seen {
        Seen { id: recording.id.as_str().to_owned(), state: recording.state.as_str().to_owned(), started_at: recording.started_at.clone() }
    }
}
