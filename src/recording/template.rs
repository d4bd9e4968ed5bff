//! Texts with placeholders, such as `/api/v2/users/{agentId}`: the paths and bodies of a contract.

use crate::model::argument::bad;
use crate::model::error::Error;
use crate::model::join::joined;
use crate::model::search::contains;

/// The names of placeholders and their values.
pub(super) type Values<'a> = &'a [(&'a str, &'a str)];

/// A text with placeholders.
#[derive(Debug)]
pub(super) struct Template {
    /// Each placeholder, with the text before it.
    parts: Vec<(String, &'static str)>,
    /// The text after the last placeholder.
    end: String,
}

impl Template {
    /// Reads a text that may have these placeholders, and no others. Braces around words are a placeholder: a misspelled one must not
    /// be sent. Braces around anything else, such as JSON, are ordinary text.
    pub(super) fn parse(place: &str, text: &str, allowed: &[&'static str]) -> Result<Template, Error> {
        let (mut parts, mut literal, mut rest) = (Vec::new(), String::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            literal.push_str(before);
            let Some((name, behind)) = after.split_once('}').filter(|(name, _)| is_name(name)) else {
                literal.push('{');
                rest = after;
                continue;
            };
            let is_doubled = literal.ends_with('{') && behind.starts_with('}');
            let Some(placeholder) = allowed.iter().find(|placeholder| **placeholder == name && !is_doubled) else {
                let doubled = if is_doubled { " in double braces" } else { "" };
                let allowed = joined(allowed, "}, {");
                return Err(bad(format!("{place} may not have {{{name}}}{doubled}. Its placeholders are {{{allowed}}}.")));
            };
            parts.push((std::mem::take(&mut literal), *placeholder));
            rest = behind;
        }
        literal.push_str(rest);
        Ok(Template { parts, end: literal })
    }

    /// Whether the text has this placeholder.
    pub(super) fn has(&self, placeholder: &str) -> bool {
        self.parts.iter().any(|(_, other)| *other == placeholder)
    }

    /// The text with the encoded values. `None` if a placeholder has no value.
    pub(super) fn fill(&self, values: Values<'_>, encode: fn(&str) -> String) -> Option<String> {
        let mut filled = String::new();
        for (literal, placeholder) in &self.parts {
            let (_, value) = values.iter().find(|(name, _)| name == placeholder)?;
            filled.push_str(literal);
            filled.push_str(&encode(value));
        }
        filled.push_str(&self.end);
        Some(filled)
    }
}

/// Whether the text looks like a name: words, and what people put between words.
fn is_name(text: &str) -> bool {
    let is_of_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii();
    text.bytes().any(is_of_word) && text.bytes().all(|byte| is_of_word(byte) || b"-. ".contains(&byte))
}

/// A path, perhaps with a query.
#[derive(Debug)]
pub(super) struct PathTemplate {
    path: Template,
    parameters: Vec<Template>,
}

impl PathTemplate {
    pub(super) fn parse(place: &str, text: &str, allowed: &[&'static str]) -> Result<PathTemplate, Error> {
        let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
        let parse = |text: &str| Template::parse(place, text, allowed);
        let template = PathTemplate {
            path: parse(path)?,
            parameters: query.into_iter().flat_map(|query| query.split('&')).map(parse).collect::<Result<_, _>>()?,
        };
        // Stands for any value: it is encoded.
        let sample: Vec<_> = allowed.iter().map(|name| (*name, "x")).collect();
        let filled = |template: &Template| template.fill(&sample, encoded).unwrap_or_default();
        if is_plain_path(&filled(&template.path)) && template.parameters.iter().all(|parameter| is_plain_parameter(&filled(parameter))) {
            return Ok(template);
        }
        let not = "no \"..\", no \"//\", no fragment, no encoded dot or slash";
        Err(bad(format!("{place} must be a path such as \"/api/v2/screenrecordings\": {not}.")))
    }

    pub(super) fn has(&self, placeholder: &str) -> bool {
        self.path.has(placeholder) || self.parameters.iter().any(|parameter| parameter.has(placeholder))
    }

    /// The path with the encoded values. A parameter of the query whose value is not known is left out; `None` if the path itself
    /// needs the value.
    pub(super) fn fill(&self, values: Values<'_>) -> Option<String> {
        let mut filled = self.path.fill(values, encoded)?;
        let mut separator = '?';
        for parameter in self.parameters.iter().filter_map(|parameter| parameter.fill(values, encoded)) {
            filled.push(separator);
            filled.push_str(&parameter);
            separator = '&';
        }
        Some(filled)
    }
}

/// Whether a URL parser leaves the path unchanged, so that it cannot lead to another host.
pub(super) fn is_plain_path(path: &str) -> bool {
    // A server may drop what follows the dots, and read them then.
    let is_dots = |segment: &str| {
        let rest = segment.trim_start_matches('.');
        rest.len() < segment.len() && matches!(rest.bytes().next(), None | Some(b';' | b'%'))
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
            let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default().to_ascii_uppercase();
            encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    encoded
}

/// The text as a part of a JSON string.
pub(crate) fn json_escaped(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default().to_owned()
}
