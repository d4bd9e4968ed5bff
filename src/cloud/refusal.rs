//! Maps a refusal's status and body to one error code with its evidence.

use crate::cloud::response::{RateLimit, Response};
use crate::model::digits::number;
use crate::model::error::{Cause, Code, Error};
use crate::model::json::Json;
use crate::model::search::contains;
use crate::model::spelling::without_end;
use crate::model::time::Timestamp;

/// The cloud's refusal as an error. The cloud's codes are from the Platform API's `ErrorBody`, as its operations declare them.
pub fn refusal(response: &Response) -> Error {
    let body = &response.json;
    let (cloud_code, message) = (said(body, "code"), said(body, "message").unwrap_or_default());
    let message = message.as_str();
    let has_error_body = ["code", "message", "status", "contextId", "errors"].iter().any(|name| body.get(name).is_some());
    let code = match response.status {
        // A gateway may say it in another place than the cloud's error body.
        403 if has(&response.body, "insufficient scope for resource owner") => Code::WrongOrg,
        status => error_code(status, has_error_body.then(|| cloud_code.as_deref().unwrap_or_default()), message),
    };

    let words = Some(message).filter(|message| !message.is_empty());
    let mut error = Error::new(code, response.answered("The API", words, "a readable error"));
    error.evidence.status = Some(response.status);
    error.evidence.cloud_code = cloud_code;
    error.evidence.context_id = body.str("contextId").map(str::to_owned);
    error.evidence.correlation_id = response.correlation_id.clone();
    if code == Code::PermissionMissing {
        error.evidence.missing_permissions = names_in_brackets(message);
    }
    if code == Code::ScopeMissing {
        error.evidence.missing_scopes = names_in_brackets(message);
    }
    error.caused_by(Cause::Cloud(response.body.clone()))
}

/// What an error body says under this name: itself, or else the first of its `errors`.
fn said(body: &Json, name: &str) -> Option<String> {
    let said_by = |error: &Json| error.get(name)?.id();
    said_by(body).or_else(|| said_by(body.array("errors").first()?))
}

/// By rule, not by list: the Platform API declares several hundred codes, and requires none. `code`: `None` if the body is no error
/// body, so that a proxy may have responded.
fn error_code(status: u16, code: Option<&str>, message: &str) -> Code {
    let has_error_body = code.is_some();
    let code = &*code.unwrap_or_default().to_ascii_lowercase();
    match (status, code) {
        (429, _) => Code::RateLimited,
        _ if is_unavailable(status) => Code::CloudUnavailable,
        (400..=499, "not.a.user") => Code::UserNeeded,
        (400..=499, _) if code.ends_with(".limit.exceeded") || has(code, "too.many") => Code::LimitReached,

        (401, "ip.not.authorized") => Code::IpNotAllowed,
        (401, "credentials.expired") => Code::TokenExpired,
        (401, _) => Code::Unauthenticated,
        (409 | 412, _) => Code::Conflict,

        (403, "app.not.authorized.for.scope") => Code::ScopeMissing,
        (403, "trustee.forbidden" | "not.authorized") => Code::PermissionMissing,
        (403, "authz.policy.denied") => Code::PolicyDenied,
        (403, _) if code.starts_with("feature.") => Code::FeatureDisabled,
        (403, _) if code.ends_with(".not.active.participant") => Code::Conflict,
        (403, _) if has(code, "permission") || has(message, "permission") => Code::PermissionMissing,

        (400, "duplicate.session.exists") => Code::Conflict,
        (400, _) if code.ends_with(".disconnected") || code.ends_with(".state") || has(code, ".user.is.") => Code::Conflict,
        (400 | 413 | 415 | 422, _) => Code::BadRequest,

        _ if !has_error_body => Code::UnexpectedAnswer,
        (403, _) => Code::Forbidden,
        (404 | 410, _) => Code::NotFound,
        (400..=499, _) => Code::BadRequest,
        _ => Code::UnexpectedAnswer,
    }
}

/// Whether the text has these words, in any case. `words`: in lower case.
fn has(text: &str, words: &str) -> bool {
    contains(text.to_ascii_lowercase().as_bytes(), words.as_bytes())
}

/// Whether the server failed, so that the same request may succeed later. After 421 and 425, a browser sends the request again by
/// itself, so their request may have been processed.
pub(crate) fn is_unavailable(status: u16) -> bool {
    matches!(status, 408 | 421 | 425 | 500..=599)
}

/// Whether the server may have processed a request that it answers with this status. Another client error (4xx) says that it did
/// not.
pub fn may_have_been_processed(status: u16) -> bool {
    is_unavailable(status) || !matches!(status, 400..=499)
}

/// How long a response asks to wait, in milliseconds: by `Retry-After` (seconds or an HTTP date) or by its message, whichever is
/// longer, or else until the limit that a 429 reports as used up is reset. `now`: the time in the cloud, if the response has no
/// `Date`.
pub fn retry_after(response: &Response, now: Timestamp) -> Option<u32> {
    let capped = |millis: i64| u32::try_from(millis.max(0)).unwrap_or(u32::MAX);
    // A number that overflows is still a number, not a date.
    let seconds = |text: &str| number(text).map(|seconds| capped(seconds.min(u32::MAX.into()) * 1000));
    // The clock that wrote the date in `Retry-After` most likely wrote `Date` as well.
    let now = response.date.unwrap_or(now);
    let from_date = |date: &str| Some(capped(Timestamp::from_http(date, now)?.since(now)));
    // HTTP knows no other blanks than those of ASCII.
    let header = response.retry_after.as_deref().map(str::trim_ascii);
    let by_header = header.and_then(|header| seconds(header).or_else(|| from_date(header)));
    let message = said(&response.json, "message").unwrap_or_default();
    // "maximum [300] requests within [60] seconds" is no wait. "Retry the request in [4] seconds" is.
    let mut names_wait = said(&response.json, "code").is_some_and(|code| has(&code, "retry.after"));
    let (mut named, mut last) = (None, "");
    for word in message.split(' ') {
        names_wait |= has(word, "retry") || word.eq_ignore_ascii_case("try");
        if names_wait && has(word, "second") {
            named = seconds(without_brackets(last)).or(named);
        }
        last = word;
    }
    let is_used_up = |limit: &RateLimit| response.status == 429 && limit.count >= limit.allowed;
    // The window is at most a minute, whatever the response says.
    let reset = || Some(response.rate_limit.filter(is_used_up)?.reset.clamp(1, 60).saturating_mul(1_000));
    by_header.max(named).or_else(reset)
}

/// The word without the brackets around it: `[4]`.
fn without_brackets(mut word: &str) -> &str {
    while let Some(rest) = word.strip_prefix('[') {
        word = rest;
    }
    without_end(word, ']')
}

/// The names in the message's first brackets: `… permissions assigned: [recording:screenRecording:view, …]`.
fn names_in_brackets(message: &str) -> Option<Vec<String>> {
    let (_, rest) = message.split_once('[')?;
    let (list, _) = rest.split_once(']')?;
    let mut names = Vec::new();
    for name in list.split(',') {
        let name = name.trim_ascii();
        if !name.is_empty() {
            names.push(name.to_owned());
        }
    }
    (!names.is_empty()).then_some(names)
}
