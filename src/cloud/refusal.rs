//! What a refusal means: the status and the body become one code with its evidence.

use crate::cloud::response::Response;
use crate::model::error::{Cause, Code, Error};
use crate::model::secret::position;
use crate::model::time::Timestamp;

/// The cloud's refusal as an error. Codes are those of the Platform API's `ErrorBody`, declared on its operations.
pub fn refusal(response: &Response) -> Error {
    let body = &response.json;
    let message = body.str("message").unwrap_or_default();
    let code = cause_of(response.status, body.str("code").unwrap_or_default(), message);

    let said = if message.is_empty() { "nothing that can be read" } else { message };
    let mut error = Error::new(code, format!("The cloud answered {}: {said}", response.status));
    error.evidence.status = Some(response.status);
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

fn cause_of(status: u16, code: &str, message: &str) -> Code {
    match (status, code) {
        (401, "ip.not.authorized") => Code::IpNotAllowed,
        (401, "credentials.expired") => Code::TokenExpired,
        (401, _) => Code::Unauthenticated,

        (403, _) if position(message, "insufficient scope for resource owner").is_some() => Code::WrongOrg,
        (403, "app.not.authorized.for.scope") => Code::ScopeMissing,
        (
            403,
            "missing.permissions"
            | "missing.any.permissions"
            | "missing.division.permission"
            | "missing.any.division.permissions"
            | "missing.trustor.permissions"
            | "agent.permission.denied"
            | "trustee.forbidden"
            | "not.authorized",
        ) => Code::PermissionMissing,
        (403, "conversation.error.forbidden.not.active.participant") => Code::Conflict,
        (403, "authz.policy.denied") => Code::PolicyDenied,
        (403, "feature.forbidden" | "feature.toggle.disabled") => Code::FeatureDisabled,

        (404, "not.found") => Code::AgentNotFound,
        (409, _) => Code::Conflict,
        (400 | 413 | 415 | 422, _) => Code::BadRequest,
        (429, _) => Code::RateLimited,
        (408 | 500..=599, _) => Code::CloudUnavailable,
        _ => Code::UnexpectedAnswer,
    }
}

/// How long a refusal (429) says to wait, in milliseconds: `Retry-After` in seconds or as a date, else what the message of
/// `too.many.requests.retry.after` says. `now`: the time in the cloud.
pub fn retry_after(response: &Response, now: Timestamp, parse_date: impl Fn(&str) -> Option<Timestamp>) -> Option<u32> {
    let capped = |millis: i64| u32::try_from(millis.max(0)).unwrap_or(u32::MAX);
    let seconds = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A number that is too large to read is still a number.
        is_number.then(|| capped(text.parse::<i64>().unwrap_or(i64::MAX).saturating_mul(1000)))
    };
    let from_date = |date: &str| Some(capped(parse_date(date)?.since(now)));
    let header = response.retry_after.as_deref().map(str::trim);
    header.and_then(|header| seconds(header).or_else(|| from_date(header))).or_else(|| {
        let is_told = response.json.str("code") == Some("too.many.requests.retry.after");
        names_in_brackets(response.json.str("message").filter(|_| is_told)?)?.first().and_then(|text| seconds(text))
    })
}

/// A refusal of another call than a start, in which an agent's id or state has no part.
#[must_use]
pub fn as_generic_refusal(mut error: Error) -> Error {
    if matches!(error.code, Code::AgentNotFound | Code::Conflict) {
        error.code = Code::UnexpectedAnswer;
    }
    error
}

/// The names between the message's first brackets: `… permissions assigned: [recording:screenRecording:view, …]`.
fn names_in_brackets(message: &str) -> Option<Vec<String>> {
    let (_, rest) = message.split_once('[')?;
    let (list, _) = rest.split_once(']')?;
    let names: Vec<String> = list.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    (!names.is_empty()).then_some(names)
}
