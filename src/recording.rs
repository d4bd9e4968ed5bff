//! A recording: what to record, and what the cloud says of the one that it started.

use crate::agent::AgentId;
use crate::error::{Code, Error};
use crate::org::{OrgId, org_id};
use crate::ports::Answer;

/// What to record.
#[derive(Clone, Debug)]
pub struct Start {
    /// The agent.
    pub agent: AgentId,
    /// The agent's organization, instead of the recorder's.
    pub org: Option<OrgId>,
    /// `recordingType` of the recording API.
    pub recording_type: String,
}

impl Start {
    /// Takes what the app gave. `recordingType` is `screen` unless it says otherwise.
    pub fn new(agent: &str, org: Option<&str>, recording_type: Option<String>) -> Result<Start, Error> {
        let recording_type = recording_type.unwrap_or_else(|| "screen".to_owned());
        if recording_type.is_empty() || recording_type.chars().any(char::is_control) {
            return Err(Error::new(Code::BadArgument, "recordingType is empty or has control characters in it."));
        }
        let org = org.map(|text| org_id("orgId", text)).transpose()?;
        Ok(Start { agent: AgentId::parse(agent)?, org, recording_type })
    }
}

/// A recording that the cloud started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The recording's id.
    pub id: String,
    /// The agent.
    pub agent: AgentId,
    /// The organization whose token started it.
    pub org: OrgId,
    /// Its state in the cloud's word, `unknown` where the cloud did not say.
    pub state: String,
    /// When it started (ISO 8601), where the cloud said so.
    pub started_at: Option<String>,
    /// The cloud's answer as it came: JSON.
    pub raw: String,
}

impl Recording {
    /// Reads the answer to a start; `None` unless it names a recording of this agent in this organization.
    pub fn from_answer(answer: &Answer, agent: &AgentId, org: &OrgId) -> Option<Recording> {
        let text = |name: &str| answer.json.text(name);
        let names_another = |name: &str, expected: &str| text(name).is_some_and(|said| !said.eq_ignore_ascii_case(expected));
        if names_another("agentId", agent.as_str()) || names_another("organizationId", org.as_str()) {
            return None;
        }
        Some(Recording {
            id: text("id").filter(|id| !id.is_empty())?.to_owned(),
            agent: agent.clone(),
            org: org.clone(),
            state: text("state").unwrap_or("unknown").to_owned(),
            started_at: text("startedAt").map(str::to_owned),
            raw: answer.body.clone(),
        })
    }
}
