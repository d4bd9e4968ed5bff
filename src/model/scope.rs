//! OAuth scopes and near misses: a typo is the likeliest cause of a missing scope.

use std::rc::Rc;

use crate::model::json::Json;
use crate::model::spelling::normalized;

/// The scopes one of which a request needs; empty if that is not known.
pub type AnyScope = Rc<[String]>;

/// Whether one of the needed scopes is granted. If it is not known what is needed, nothing is missing.
pub(crate) fn is_enough(granted: &[String], needed: &[String]) -> bool {
    needed.is_empty() || needed.iter().any(|scope| granted.contains(scope))
}

/// These scopes, as a request needs them.
pub(crate) fn any_of(scopes: &[&str]) -> AnyScope {
    scopes.iter().map(|scope| (*scope).to_owned()).collect()
}

/// What `tokens/me` and `users/me` need, by Genesys' published API: one of these scopes, if the organization enforces scopes.
pub(crate) const OWN_DATA: &[&str] = &["user-basic-info"];

/// What `users/{id}` needs, by Genesys' published API.
pub(crate) const USERS: &[&str] = &["users:readonly", "users"];

/// The scope in `held` that was probably meant to be `needed`: it differs in case, in a separator, in a plural or in the
/// suffix. Never `needed` itself.
pub fn near_miss<'a>(needed: &str, held: &'a [String]) -> Option<&'a str> {
    let candidates = || held.iter().map(String::as_str).filter(|scope| *scope != needed);
    // The same name in another spelling is likelier than the same domain with another suffix.
    let domain = singular(needed.rsplit_once(SEPARATORS).map_or(needed, |(domain, _)| domain));
    candidates()
        .find(|scope| normalized(scope) == normalized(needed))
        .or_else(|| candidates().find(|scope| domains(scope).any(|other| other == domain)))
}

/// What may be between the domain of a scope and its suffix. Some have it between the words of the domain, too.
const SEPARATORS: [char; 4] = [':', '.', '_', '/'];

/// Every beginning of the scope that may be its domain: `screen`, `screenrecording` and the whole for `screen_recordings:write`.
fn domains(scope: &str) -> impl Iterator<Item = String> {
    let ends = scope.match_indices(SEPARATORS).map(|(at, _)| at).chain([scope.len()]);
    ends.map(|end| singular(scope.get(..end).unwrap_or_default()))
}

fn singular(domain: &str) -> String {
    normalized(domain).trim_end_matches('s').to_owned()
}

/// The scopes in a claim or a response: a space-separated string (RFC 8693), or an array.
pub(crate) fn scopes(value: &Json) -> Option<Vec<String>> {
    match value {
        Json::String(text) => Some(text.split_ascii_whitespace().map(str::to_owned).collect()),
        value => value.strings(),
    }
}

/// Whether this is one OAuth scope (`scope-token`, RFC 6749 §3.3).
pub(crate) fn is_scope_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}
