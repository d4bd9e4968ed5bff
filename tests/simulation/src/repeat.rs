//! What an odd cloud writes into its answers: the token that it was sent, and `Retry-After` in many forms.

use jiff::fmt::rfc2822;

use crate::cloud::Reply;
use crate::schedule::{Repeats, Saying};
use crate::token::Tokens;

/// More levels of JSON than the library reads.
const DEEP: usize = 40;

/// How often a text may be escaped that is still found.
const MOST_ESCAPES: usize = 6;

/// The reply with the token in its body. `is_about_token`: the library has to read the answer, so that its body stays readable.
pub fn repeated(reply: Reply, repeats: Repeats, token: &str, is_about_token: bool) -> Reply {
    let Some(repeated) = written(repeats, token) else { return reply };
    if is_about_token && (200..300).contains(&reply.status) && repeats.may_hide_body() {
        return reply;
    }
    let Reply { status, body } = reply;
    let property = format!(r#"{{"debug":{repeated},"#);
    let body = if body.starts_with(r#"{"id":"#) || body.starts_with(r#"{"entities":"#) {
        body.replace(r#"{"id":"#, &format!(r#"{property}"id":"#))
    } else if body.starts_with("{\"") {
        body.replacen('{', &property, 1)
    } else if !body.is_empty() && repeats == Repeats::Plain {
        body + token
    } else {
        body
    };
    Reply { status, body }
}

/// The token as JSON.
fn written(repeats: Repeats, token: &str) -> Option<String> {
    let escaped = || format!("\"{}\"", token.bytes().map(|byte| format!("\\u{byte:04x}")).collect::<String>());
    match repeats {
        Repeats::Nothing | Repeats::CorrelationId | Repeats::RetryAfter => None,
        Repeats::Plain => Some(format!(r#""Bearer {token}""#)),
        Repeats::Escaped => Some(escaped()),
        Repeats::Deep => Some(format!("{}{}{}", "[".repeat(DEEP), escaped(), "]".repeat(DEEP))),
        Repeats::Within => Some(serde_json::to_string(&format!(r#"{{"token":{}}}"#, escaped())).unwrap()),
    }
}

/// Whether there is a token in the text, or would be once somebody has parsed it, however often.
pub fn has_token(text: &str) -> bool {
    if Tokens::is_in(text) {
        return true;
    }
    let mut text = text.to_owned();
    for _ in 0..MOST_ESCAPES {
        if !text.contains('\\') {
            return false;
        }
        text = unescaped(&text);
        if Tokens::is_in(&text) {
            return true;
        }
    }
    false
}

/// The text with one level of JSON's escapes taken away.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let code = rest.strip_prefix('u').and_then(|rest| rest.get(..4)).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        if let Some(character) = code.and_then(char::from_u32) {
            plain.push(character);
            rest = &rest[5..];
        } else if let Some(character) = rest.chars().next() {
            plain.push(character);
            rest = &rest[character.len_utf8()..];
        }
    }
    plain + rest
}

/// `Retry-After`, when it is this time by the cloud's clock.
pub fn words_of(saying: Saying, time: i64) -> String {
    let date = |seconds: i32| jiff::Timestamp::from_millisecond(time + i64::from(seconds) * 1000).unwrap();
    match saying {
        Saying::Fraction(seconds) => format!("{seconds}.5"),
        Saying::Plus(seconds) => format!("+{seconds}"),
        Saying::Blanks(seconds) => format!(" {seconds} "),
        Saying::Zeros(seconds) => format!("00{seconds}"),
        Saying::Negative(seconds) => format!("-{seconds}"),
        Saying::Date(seconds) => rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&date(seconds)).unwrap(),
        Saying::IsoDate(seconds) => format!("{:.0}", date(seconds)),
        Saying::Words => "soon".to_owned(),
        Saying::Digits(digits) => "9".repeat(usize::from(digits.max(1))),
        Saying::Empty => String::new(),
    }
}

/// The milliseconds that a standard `Retry-After` (RFC 9110: delay-seconds or HTTP-date) says to wait at this time of the
/// cloud's clock, and whether it is a date.
pub fn seconds_to_wait(text: &str, time: i64) -> Option<(i64, bool)> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some((text.parse::<i64>().unwrap_or(i64::MAX).saturating_mul(1000), false));
    }
    http_date(text).map(|date| (date - time, true))
}

/// HTTP's date in milliseconds since 1970.
fn http_date(text: &str) -> Option<i64> {
    if !text.ends_with(" GMT") {
        return None;
    }
    rfc2822::parse(text).ok().map(|date| date.timestamp().as_millisecond())
}
