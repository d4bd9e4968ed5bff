//! OAuth scopes, and what is nearly one: a wrong letter is the likeliest cause of a missing scope.

use crate::model::json::Json;

/// Of the scopes that are held, the one that the needed one was probably meant to be: another case, another separator, a
/// plural too many or too few, another suffix or none. Not the needed one itself.
pub fn near_miss<'a>(needed: &str, held: &'a [String]) -> Option<&'a str> {
    let candidates = || held.iter().map(String::as_str).filter(|scope| *scope != needed);
    // The whole name in another writing comes before the same domain with another suffix.
    candidates().find(|scope| normal(scope) == normal(needed)).or_else(|| candidates().find(|scope| domain(scope) == domain(needed)))
}

fn normal(scope: &str) -> String {
    scope.to_ascii_lowercase().replace(['.', '_', '-'], ":")
}

/// The part before the suffix, without plural: of `screenrecordings:write`, `screenrecording`.
fn domain(scope: &str) -> String {
    let scope = scope.to_ascii_lowercase();
    let domain = scope.split([':', '.', '_']).next().unwrap_or_default();
    domain.trim_end_matches('s').replace('-', "")
}

/// The scopes in a claim or an answer: one string with blanks between them (RFC 8693), or an array.
pub(crate) fn scopes(value: &Json) -> Option<Vec<String>> {
    match value {
        Json::String(text) => Some(text.split_ascii_whitespace().map(str::to_owned).collect()),
        Json::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}
