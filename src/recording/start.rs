//! The arguments of a start.

use crate::model::argument::bad;
use crate::model::error::Error;
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
    /// Validates `recordingType`, whose default is `screen`. A start is shared unless the app says otherwise.
    pub fn new(agent: AgentId, org: Option<OrgId>, recording_type: Option<String>, shares: Option<bool>) -> Result<Start, Error> {
        let recording_type = recording_type.unwrap_or_else(|| "screen".to_owned());
        // It may become a path segment.
        if recording_type.is_empty() || is_dots(&recording_type) || has_control_characters(&recording_type) {
            return Err(bad("recordingType must not be empty, \".\" or \"..\", or contain control characters."));
        }
        Ok(Start { agent, org, recording_type, shares: shares.unwrap_or(true) })
    }
}
