//! The arguments of a start.

use crate::model::argument::{agent_id, org_id};
use crate::model::error::{Code, Error};
use crate::model::ids::{AgentId, OrgId, has_control_characters, is_dots};

/// What to record.
#[derive(Clone, Debug)]
pub struct Start {
    /// The agent.
    pub agent: AgentId,
    /// The agent's organization, instead of the recorder's.
    pub org: Option<OrgId>,
    /// `recordingType` of the recording API.
    pub recording_type: String,
    /// Whether concurrent calls for the same recording are merged into one start.
    pub shares: bool,
}

impl Start {
    /// Validates the app's arguments. The default `recordingType` is `screen`.
    pub fn new(agent: &str, org: Option<&str>, recording_type: Option<String>) -> Result<Start, Error> {
        let recording_type = recording_type.unwrap_or_else(|| "screen".to_owned());
        // It may become a path segment.
        if recording_type.is_empty() || is_dots(&recording_type) || has_control_characters(&recording_type) {
            return Err(Error::new(Code::BadArgument, "recordingType must not be empty, \".\" or \"..\", or contain control characters."));
        }
        let org = org.map(|text| org_id("orgId", text)).transpose()?;
        Ok(Start { agent: agent_id(agent)?, org, recording_type, shares: true })
    }
}
