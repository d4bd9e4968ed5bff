//! The id of the agent whose screen is to be recorded.

use crate::error::{Code, Error};

/// An agent's id: a Genesys Cloud user id, or what the recording API of the contract takes for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentId(String);

impl AgentId {
    /// Takes 1 to 256 characters, without blanks around and without control characters.
    pub fn parse(text: &str) -> Result<AgentId, Error> {
        let bad = |message: &str| Err(Error::new(Code::BadArgument, message));
        if text.trim().is_empty() {
            return bad("The agent id is empty.");
        }
        if text.trim() != text || text.chars().any(char::is_control) {
            return bad("The agent id has blanks around it or control characters in it.");
        }
        if text.chars().count() > 256 {
            return bad("The agent id is longer than 256 characters.");
        }
        Ok(AgentId(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
