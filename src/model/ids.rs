//! The ids of organizations, agents and recordings.

use std::fmt;
use std::rc::Rc;

/// The id of a Genesys Cloud organization: a UUID, kept in lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrgId(Rc<String>);

impl OrgId {
    /// Reads a UUID (8-4-4-4-12 hexadecimal digits, either case).
    pub fn parse(text: &str) -> Option<OrgId> {
        let is_uuid = text.len() == 36
            && text.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
        is_uuid.then(|| OrgId(Rc::new(text.to_ascii_lowercase())))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An agent's id: a Genesys Cloud user id, or another id that the contract's recording API accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentId(String);

impl AgentId {
    /// Parses 1 to 256 characters without surrounding whitespace or control characters. Refuses `.` and `..`: the id may become a path
    /// segment. The error is a message.
    pub fn parse(text: &str) -> Result<AgentId, &'static str> {
        if text.chars().all(char::is_whitespace) {
            return Err("The agent id is empty.");
        }
        if has_outer_blanks(text) || has_control_characters(text) {
            return Err("The agent id has surrounding blanks or control characters.");
        }
        if is_dots(text) {
            return Err("The agent id has no letter or digit.");
        }
        if is_too_long(text) {
            return Err("The agent id is longer than 256 characters.");
        }
        Ok(AgentId(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id in lower case: no two ids differ only in case.
    pub(crate) fn lowercase(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

/// A recording's id, as the cloud gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingId(String);

impl RecordingId {
    /// Parses 1 to 256 characters without control characters. Refuses `.` and `..`: the id becomes a path segment.
    pub fn parse(text: &str) -> Result<RecordingId, &'static str> {
        if text.is_empty() || is_too_long(text) || has_control_characters(text) || is_dots(text) {
            return Err("The recording id is empty, not an id, or too long (256).");
        }
        Ok(RecordingId(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_too_long(id: &str) -> bool {
    id.chars().enumerate().any(|(at, _)| at >= 256)
}

/// Whether the text begins or ends with a blank.
pub(crate) fn has_outer_blanks(text: &str) -> bool {
    let (mut begins, mut ends) = (None, false);
    for char in text.chars() {
        ends = char.is_whitespace();
        begins.get_or_insert(ends);
    }
    begins == Some(true) || ends
}

/// Whether the text has control characters.
pub(crate) fn has_control_characters(text: &str) -> bool {
    text.chars().any(char::is_control)
}

/// Whether a URL parser drops this path segment.
pub(crate) fn is_dots(text: &str) -> bool {
    text == "." || text == ".."
}
