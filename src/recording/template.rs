//! Texts with placeholders, such as `/api/v2/users/{agentId}`: the paths and bodies of a contract.

use crate::model::digits::hex;
use crate::model::join::joined;
use crate::model::search::contains;

/// The names of placeholders and their values.
pub(super) type Values<'a> = &'a [(&'a str, &'a str)];

/// Checks that the text has no other placeholders than these. Returns the text with a value in each place. Braces around words are a
/// placeholder: a misspelled one must not be sent. Braces around anything else, such as JSON, are ordinary text.
pub(super) fn check(place: &str, text: &str, allowed: &[&str]) -> Result<String, String> {
    // Stands for any value: it is encoded.
    let mut sample = Vec::new();
    for name in allowed {
        sample.push((*name, "x"));
    }
    fill(text, &sample, str::to_owned).map_err(|NoValue { name, is_doubled }| {
        let doubled = if is_doubled { " in double braces" } else { "" };
        format!("{place} may not have {{{name}}}{doubled}. Its placeholders are {{{}}}.", joined(allowed, "}, {"))
    })
}

/// A placeholder that has no value.
pub(super) struct NoValue<'a> {
    name: &'a str,
    is_doubled: bool,
}

/// The text with the encoded values.
pub(super) fn fill<'a>(text: &'a str, values: Values<'_>, encode: fn(&str) -> String) -> Result<String, NoValue<'a>> {
    let (mut filled, mut rest) = (String::new(), text);
    let mut is_behind_brace = false;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        is_behind_brace &= before.is_empty();
        if let Some((name, behind)) = after.split_once('}').filter(|(name, _)| is_name(name)) {
            let is_doubled = is_behind_brace && behind.starts_with('}');
            let value = values.iter().find(|(other, _)| *other == name && !is_doubled);
            let (_, value) = value.ok_or(NoValue { name, is_doubled })?;
            filled.push_str(&encode(value));
            (is_behind_brace, rest) = (false, behind);
        } else {
            filled.push('{');
            (is_behind_brace, rest) = (true, after);
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Whether the text looks like a name: words, and what people put between words.
fn is_name(text: &str) -> bool {
    let is_of_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii();
    text.bytes().any(is_of_word) && text.bytes().all(|byte| is_of_word(byte) || b"-. ".contains(&byte))
}

/// Checks a path, perhaps with a query, that may have these placeholders.
pub(super) fn check_path(place: &str, text: &str, allowed: &[&str]) -> Result<(), String> {
    let filled = check(place, text, allowed)?;
    let (path, query) = split_query(&filled);
    if is_plain_path(path) && query.is_none_or(|query| query.split('&').all(is_plain_parameter)) {
        return Ok(());
    }
    let not = "no \"..\", no \"//\", no fragment, no encoded dot or slash";
    Err(format!("{place} must be a path such as \"/api/v2/screenrecordings\": {not}."))
}

fn split_query(path: &str) -> (&str, Option<&str>) {
    path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)))
}

/// The path with the encoded values. A parameter of the query whose value is not known is left out; `None` if the path itself
/// needs the value.
pub(super) fn fill_path(path: &str, values: Values<'_>) -> Option<String> {
    let (path, query) = split_query(path);
    let mut filled = fill(path, values, encoded).ok()?;
    let mut separator = '?';
    let Some(query) = query else { return Some(filled) };
    for parameter in query.split('&') {
        if let Ok(parameter) = fill(parameter, values, encoded) {
            filled.push(separator);
            filled.push_str(&parameter);
            separator = '&';
        }
    }
    Some(filled)
}

/// Whether a URL parser leaves the path unchanged, so that it cannot lead to another host.
pub(super) fn is_plain_path(path: &str) -> bool {
    // A server may drop what follows the dots, and read them then.
    let is_dots = |segment: &str| {
        let dots = segment.bytes().take_while(|byte| *byte == b'.').count();
        dots > 0 && matches!(segment.as_bytes().get(dots), None | Some(b';' | b'%'))
    };
    let is_plain_segment = |segment: &str| !segment.is_empty() && !is_dots(segment) && is_plain(segment, b"");
    path.strip_prefix('/').is_some_and(|rest| rest.strip_suffix('/').unwrap_or(rest).split('/').all(is_plain_segment))
}

fn is_plain_parameter(parameter: &str) -> bool {
    !parameter.is_empty() && !contains(parameter.as_bytes(), b"..") && is_plain(parameter, b"/[]")
}

/// Whether the text has only RFC 3986's characters of a path (`pchar`) and these, so that a URL parser leaves it as it is. No dot,
/// slash or percent sign is encoded: a server that decodes it would see another path. No brace is: it would be a placeholder.
fn is_plain(text: &str, others: &[u8]) -> bool {
    let mut bytes = text.bytes();
    let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
    while let Some(byte) = bytes.next() {
        let is_plain = if byte == b'%' {
            let encoded = digit(bytes.next()).zip(digit(bytes.next())).map(|(high, low)| high * 16 + low);
            encoded.is_some_and(|encoded| !matches!(encoded, 0..0x20 | 0x25 | 0x2e | 0x2f | 0x5c | 0x7b | 0x7d | 0x7f))
        } else {
            is_unreserved(byte) || b"!$&'()*+,;=:@".contains(&byte) || others.contains(&byte)
        };
        if !is_plain {
            return false;
        }
    }
    true
}

/// RFC 3986's unreserved characters.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Percent-encodes the text (RFC 3986), so that it stays one segment of a path or one value of a query.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if is_unreserved(byte) {
            encoded.push(byte.into());
        } else {
            encoded.push('%');
            for digit in hex(byte) {
                encoded.push(digit.to_ascii_uppercase().into());
            }
        }
    }
    encoded
}

/// The text as a part of a JSON string (RFC 8259). The ids and types that it is for have no control characters.
pub(crate) fn json_escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
