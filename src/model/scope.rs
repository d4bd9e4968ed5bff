//! OAuth scopes and near misses: a typo is the likeliest cause of a missing scope.

use std::rc::Rc;

use crate::model::json::Json;
use crate::model::spelling::{normalized, without_end};

/// The scopes one of which a request needs; empty if that is not known.
pub type AnyScope = Rc<[String]>;

/// Whether one of the needed scopes is granted. If it is not known what is needed, nothing is missing.
pub(crate) fn is_enough(granted: &[String], needed: &[String]) -> bool {
    needed.is_empty() || needed.iter().any(|scope| granted.contains(scope))
}

/// These scopes, as a request needs them.
pub(crate) fn any_of(scopes: &[&str]) -> AnyScope {
    let mut any_of = Vec::new();
    for scope in scopes {
        any_of.push((*scope).to_owned());
    }
    any_of.into()
}

/// What `tokens/me` and `users/me` need, by Genesys' published API: one of these scopes, if the organization enforces scopes.
pub(crate) const OWN_DATA: &[&str] = &["user-basic-info"];

/// What `users/{id}` needs, by Genesys' published API.
pub(crate) const USERS: &[&str] = &["users:readonly", "users"];

/// The scope in `held` that was probably meant to be `needed`: it differs in case, in a separator, in a plural or in the
/// suffix. Never `needed` itself.
pub fn near_miss<'a>(needed: &str, held: &'a [String]) -> Option<&'a str> {
    let domain = singular(without_suffix(needed).unwrap_or(needed));
    let mut of_domain = None;
    for scope in held {
        if scope == needed {
            continue;
        }
        // The same name in another spelling is likelier than the same domain with another suffix.
        if normalized(scope) == normalized(needed) {
            return Some(scope);
        }
        if of_domain.is_none() && may_be_of_domain(scope, &domain) {
            of_domain = Some(scope.as_str());
        }
    }
    of_domain
}

/// Whether a beginning of the scope is this domain: `screen`, `screenrecording` or the whole for `screen_recordings:write`.
fn may_be_of_domain(scope: &str, domain: &str) -> bool {
    let mut beginning = Some(scope);
    while let Some(text) = beginning {
        if singular(text) == domain {
            return true;
        }
        beginning = without_suffix(text);
    }
    false
}

/// The scope without its suffix and the separator. Some scopes have separators between the words of the domain, too.
fn without_suffix(scope: &str) -> Option<&str> {
    scope.get(..scope.as_bytes().iter().rposition(|byte| b":._/".contains(byte))?)
}

fn singular(domain: &str) -> String {
    without_end(&normalized(domain), 's').to_owned()
}

/// The scopes in a claim or a response: a space-separated string (RFC 8693), or an array.
pub(crate) fn scopes(value: &Json) -> Option<Vec<String>> {
    match value {
        Json::String(text) => {
            let mut scopes = Vec::new();
            for scope in text.split_ascii_whitespace() {
                scopes.push(scope.to_owned());
            }
            Some(scopes)
        }
        value => value.strings(),
    }
}

/// Whether this is one OAuth scope (`scope-token`, RFC 6749 §3.3).
pub(crate) fn is_scope_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}
