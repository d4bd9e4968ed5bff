//! The app's arguments and options, checked. What is wrong with one is a `BAD_ARGUMENT` that names it.

use crate::model::error::{Code, Error};
use crate::model::ids::{AgentId, OrgId, RecordingId};

/// The agent's id.
pub fn agent_id(text: &str) -> Result<AgentId, Error> {
    AgentId::parse(text).map_err(bad)
}

/// The recording's id.
pub fn recording_id(text: &str) -> Result<RecordingId, Error> {
    RecordingId::parse(text).map_err(bad)
}

/// The organization id that was given as `name`.
pub fn org_id(name: &str, text: &str) -> Result<OrgId, Error> {
    OrgId::parse(text).ok_or_else(|| Error::new(Code::BadArgument, format!("{name} is not an organization id (a UUID).")))
}

/// A `timeoutMs`: more than 0 and at most 2³¹ − 1 milliseconds, the longest that a browser's timer can wait.
pub fn timeout(name: &str, millis: f64) -> Result<u32, Error> {
    if millis > 0.0 && millis <= f64::from(i32::MAX) {
        // In range: what is lost is the part below a millisecond.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        return Ok(millis.ceil() as u32);
    }
    Err(Error::new(Code::BadArgument, format!("{name} must be more than 0 and at most 2147483647 milliseconds.")))
}

/// A whole number from 1 to `most`.
pub(crate) fn whole(name: &str, number: f64, most: u32) -> Result<u32, Error> {
    if number.fract() == 0.0 && number >= 1.0 && number <= f64::from(most) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number in range")]
        return Ok(number as u32);
    }
    Err(Error::new(Code::BadArgument, format!("{name} must be a whole number from 1 to {most}.")))
}

/// One of the words that an option may have; the first of them is its default.
pub(crate) fn one_of<T: Copy>(name: &str, word: Option<String>, words: &[(&str, T)]) -> Result<T, Error> {
    let chosen = match &word {
        Some(word) => words.iter().find(|(other, _)| other == word),
        None => words.first(),
    };
    chosen.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        bad(format!("{name} must be one of: {}.", words.join(", ")))
    })
}

/// The argument is wrong, as the message says.
pub(crate) fn bad(message: impl Into<String>) -> Error {
    Error::new(Code::BadArgument, message)
}
