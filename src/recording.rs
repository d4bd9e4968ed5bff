//! A recording: what to record, and what the cloud says of one.

use std::rc::Rc;

use crate::agent::AgentId;
use crate::error::{Code, Error, Seen};
use crate::json::Json;
use crate::org::{OrgId, org_id};
use crate::ports::Answer;
use crate::timestamp::Timestamp;

/// What to record.
#[derive(Clone, Debug)]
pub struct Start {
    /// The agent.
    pub agent: AgentId,
    /// The agent's organization, instead of the recorder's.
    pub org: Option<OrgId>,
    /// `recordingType` of the recording API.
    pub recording_type: String,
    /// Whether calls for the same at the same time come to one start.
    pub shares: bool,
}

impl Start {
    /// Takes what the app gave. `recordingType` is `screen` unless it says otherwise.
    pub fn new(agent: &str, org: Option<&str>, recording_type: Option<String>) -> Result<Start, Error> {
        let recording_type = recording_type.unwrap_or_else(|| "screen".to_owned());
        if recording_type.is_empty() || recording_type.chars().any(char::is_control) {
            return Err(Error::new(Code::BadArgument, "recordingType is empty or has control characters in it."));
        }
        let org = org.map(|text| org_id("orgId", text)).transpose()?;
        Ok(Start { agent: AgentId::parse(agent)?, org, recording_type, shares: true })
    }
}

/// A recording's id, as the cloud gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingId(String);

impl RecordingId {
    /// Takes 1 to 256 characters without control characters, but neither `.` nor `..`: it becomes a part of a path.
    pub fn parse(text: &str) -> Result<RecordingId, Error> {
        let is_one = !text.is_empty() && text.chars().count() <= 256 && !text.chars().any(char::is_control);
        if is_one && text != "." && text != ".." {
            return Ok(RecordingId(text.to_owned()));
        }
        Err(Error::new(Code::BadArgument, "The recording's id is empty, longer than 256 characters, or no id."))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A recording's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It runs.
    Recording,
    /// It has ended.
    Stopped,
    /// The cloud's own word, which says neither; `unknown` where it said nothing.
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

    /// The state in the cloud's word.
    pub fn as_str(&self) -> &str {
        match self {
            State::Recording => "recording",
            State::Stopped => "stopped",
            State::Other(word) => word,
        }
    }
}

/// The cloud's words for a recording: a whole body, or one of the `entities` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    /// The body, which is JSON.
    pub body: Rc<str>,
    /// Which of its `entities`.
    pub entity: Option<usize>,
}

/// A recording as the cloud tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The recording's id.
    pub id: RecordingId,
    /// The agent.
    pub agent: AgentId,
    /// The organization whose token was used to start or see it.
    pub org: OrgId,
    /// Its state.
    pub state: State,
    /// When it started (ISO 8601), where the cloud said so.
    pub started_at: Option<String>,
    /// `recordingType`, where the cloud said so.
    pub recording_type: Option<String>,
    /// Whether a start found it running instead of starting it.
    pub already_running: bool,
    /// What the cloud said, as it came.
    pub raw: Raw,
}

impl Recording {
    /// Reads an answer that is one recording of this organization; `None` unless it names one, and of this agent where
    /// one is named here.
    pub fn from_answer(answer: &Answer, agent: Option<&AgentId>, org: &OrgId) -> Option<Recording> {
        Recording::read(&answer.json, agent, org, Raw { body: answer.body.as_str().into(), entity: None })
    }

    /// Reads an answer that is a list (`entities`), and leaves out what is not of this organization and agent. `None`
    /// where it is no list.
    pub fn list(answer: &Answer, agent: Option<&AgentId>, org: &OrgId) -> Option<Vec<Recording>> {
        let Some(Json::List(entities)) = answer.json.get("entities") else { return None };
        let body: Rc<str> = answer.body.as_str().into();
        let read = |(at, entity): (usize, &Json)| {
            // Whose it is must be said: a cloud may ignore the question for whose they are.
            entity.text("agentId")?;
            Recording::read(entity, agent, org, Raw { body: body.clone(), entity: Some(at) })
        };
        Some(entities.iter().enumerate().filter_map(read).collect())
    }

    fn read(json: &Json, agent: Option<&AgentId>, org: &OrgId, raw: Raw) -> Option<Recording> {
        if json.text("organizationId").is_some_and(|said| !said.eq_ignore_ascii_case(org.as_str())) {
            return None;
        }
        let agent = match (agent, json.text("agentId")) {
            (Some(agent), Some(said)) if !said.eq_ignore_ascii_case(agent.as_str()) => return None,
            (Some(agent), _) => agent.clone(),
            (None, said) => AgentId::parse(said?).ok()?,
        };
        Some(Recording {
            id: RecordingId::parse(json.text("id")?).ok()?,
            agent,
            org: org.clone(),
            state: State::read(json.text("state")),
            started_at: json.text("startedAt").map(str::to_owned),
            recording_type: json.text("recordingType").map(str::to_owned),
            already_running: false,
            raw,
        })
    }

    /// Whether it may be of this type: the cloud said so, or did not say.
    pub fn may_be_of_type(&self, recording_type: &str) -> bool {
        self.recording_type.as_deref().is_none_or(|said| said.eq_ignore_ascii_case(recording_type))
    }

    /// Whether it is known to have started at this moment or later.
    pub fn started_since(&self, moment: Timestamp, parse_date: impl Fn(&str) -> Option<Timestamp>) -> bool {
        self.started_at.as_deref().and_then(parse_date).is_some_and(|started| started >= moment)
    }
}

impl From<&Recording> for Seen {
    fn from(recording: &Recording) -> Seen {
        Seen { id: recording.id.as_str().to_owned(), state: recording.state.as_str().to_owned(), started_at: recording.started_at.clone() }
    }
}
