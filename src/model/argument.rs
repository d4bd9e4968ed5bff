//! Checks the app's arguments and options. Every error is a `BAD_ARGUMENT` that names the argument.

use crate::model::error::{Code, Error};
use crate::model::ids::{AgentId, OrgId, RecordingId};
use crate::model::join::joined;

/// Parses an agent's id.
pub fn agent_id(text: &str) -> Result<AgentId, Error> {
    AgentId::parse(text).map_err(bad)
}

/// Parses a recording's id.
pub fn recording_id(text: &str) -> Result<RecordingId, Error> {
    RecordingId::parse(text).map_err(bad)
}

/// Parses the organization id in the argument `name`.
pub fn org_id(name: &str, text: &str) -> Result<OrgId, Error> {
    OrgId::parse(text).ok_or_else(|| bad(format!("{name} is not an organization id (a UUID).")))
}

/// Checks a timeout: more than 0 and at most 2³¹ − 1 milliseconds, the longest delay of a browser's timer.
pub fn timeout(name: &str, millis: f64) -> Result<u32, Error> {
    if millis > 0.0 && millis <= f64::from(i32::MAX) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number in range")]
        return Ok(millis.ceil() as u32);
    }
    Err(bad(format!("{name} must be more than 0 and at most 2147483647 milliseconds.")))
}

/// Checks a token's lifetime in seconds: a number that a clock can count.
pub fn seconds(name: &str, seconds: f64) -> Result<f64, Error> {
    if seconds.is_finite() && seconds >= 0.0 { Ok(seconds) } else { Err(bad(format!("{name} must be a number of seconds, 0 or more."))) }
}

/// Checks a whole number from 1 to `max`.
pub(crate) fn whole(name: &str, number: f64, max: u32) -> Result<u32, Error> {
    if number.fract() == 0.0 && number >= 1.0 && number <= f64::from(max) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number in range")]
        return Ok(number as u32);
    }
    Err(bad(format!("{name} must be a whole number from 1 to {max}.")))
}

/// Whether a URL parser takes this path segment for `.` or `..`, and so changes the path. It reads `%2e` as a dot.
pub(crate) fn is_dot_segment(segment: &str) -> bool {
    matches!(segment.to_ascii_lowercase().as_str(), "." | "%2e" | ".." | ".%2e" | "%2e." | "%2e%2e")
}

/// The value for the option's `word`. Without a word, the first value, which is the default.
pub(crate) fn one_of(name: &str, word: Option<&str>, words: &[(&str, bool)]) -> Result<bool, Error> {
    let mut others = Vec::new();
    for (other, value) in words {
        if word.is_none_or(|word| word == *other) {
            return Ok(*value);
        }
        others.push(*other);
    }
    Err(bad(format!("{name} must be one of: {}.", joined(&others, ", "))))
}

/// A `BAD_ARGUMENT` with this message.
pub(crate) fn bad(message: impl Into<String>) -> Error {
    Error::new(Code::BadArgument, message)
}
