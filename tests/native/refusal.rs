//! Refusals: each status and code of the Platform API maps to one error code.

use crate::support::response;
use premium_recorder::cloud::refusal::refusal;
use premium_recorder::model::error::{Cause, Code};

/// The codes that the Platform API declares on its operations. If a message contains evidence, it is written as the API does.
const TABLE: &[(u16, &str, &str, Code)] = &[
    (400, "bad.request", "", Code::BadRequest),
    (400, "constraint.validation", "", Code::BadRequest),
    (400, "invalid.value", "", Code::BadRequest),
    (400, "invalid.date", "", Code::BadRequest),
    (400, "invalid.property", "", Code::BadRequest),
    (400, "invalid.query.param.value", "", Code::BadRequest),
    (400, "response.entity.too.large", "", Code::BadRequest),
    (400, "not.a.user", "", Code::BadRequest),
    (401, "authentication.required", "", Code::Unauthenticated),
    (401, "bad.credentials", "", Code::Unauthenticated),
    (401, "ip.not.authorized", "", Code::IpNotAllowed),
    (401, "credentials.expired", "", Code::TokenExpired),
    (403, "not.authorized", "Permission denied: insufficient scope for resource owner", Code::WrongOrg),
    (403, "", "Permission denied: insufficient scope for resource owner", Code::WrongOrg),
    (403, "app.not.authorized.for.scope", "App not authorized to use scope [screenrecordings:write]", Code::ScopeMissing),
    (403, "missing.permissions", "", Code::PermissionMissing),
    (403, "missing.any.permissions", "", Code::PermissionMissing),
    (403, "missing.division.permission", "", Code::PermissionMissing),
    (403, "missing.any.division.permissions", "", Code::PermissionMissing),
    (403, "missing.trustor.permissions", "", Code::PermissionMissing),
    (403, "agent.permission.denied", "", Code::PermissionMissing),
    (403, "trustee.forbidden", "", Code::PermissionMissing),
    (403, "not.authorized", "", Code::PermissionMissing),
    (403, "conversation.error.forbidden.not.active.participant", "", Code::Conflict),
    (403, "authz.policy.denied", "", Code::PolicyDenied),
    (403, "feature.forbidden", "", Code::FeatureDisabled),
    (403, "feature.toggle.disabled", "", Code::FeatureDisabled),
    (403, "something.new", "", Code::UnexpectedAnswer),
    (404, "not.found", "", Code::AgentNotFound),
    (404, "", "", Code::UnexpectedAnswer),
    (408, "client.timeout", "", Code::CloudUnavailable),
    (409, "request.conflict", "", Code::Conflict),
    (413, "request.entity.too.large", "", Code::BadRequest),
    (415, "unsupported.media.type", "", Code::BadRequest),
    (418, "", "", Code::UnexpectedAnswer),
    (422, "", "", Code::BadRequest),
    (429, "too.many.requests", "", Code::RateLimited),
    (429, "too.many.requests.retry.after", "", Code::RateLimited),
    (500, "internal.server.error", "", Code::CloudUnavailable),
    (503, "service.unavailable", "", Code::CloudUnavailable),
    (504, "authentication.request.timeout", "", Code::CloudUnavailable),
    (504, "request.timeout", "", Code::CloudUnavailable),
    (599, "", "", Code::CloudUnavailable),
    (304, "", "", Code::UnexpectedAnswer),
];

#[test]
fn each_status_and_code_maps_to_one_error_code() {
    for &(status, code, message, expected) in TABLE {
        let body = format!(r#"{{"status":{status},"code":"{code}","message":"{message}","contextId":"ctx-1","errors":[]}}"#);
        let error = refusal(&response(status, &body));
        assert_eq!(error.code, expected, "{status} {code} {message}");
        assert_eq!(error.evidence.status, Some(status));
        assert_eq!(error.evidence.context_id.as_deref(), Some("ctx-1"));
        assert_eq!(error.evidence.correlation_id.as_deref(), Some("corr-1"));
        assert!(matches!(&error.evidence.cause, Some(Cause::Cloud(words)) if *words == body));
    }
}

#[test]
fn scopes_and_permissions_in_the_message_become_evidence() {
    let scope = refusal(&response(
        403,
        r#"{"code":"app.not.authorized.for.scope","message":"App not authorized to use scope [screenrecordings:write]"}"#,
    ));
    assert_eq!(
        (scope.hint(), scope.evidence.missing_scopes.clone().unwrap()),
        (Code::ScopeMissing.hint(), vec!["screenrecordings:write".to_owned()])
    );
    // Genesys lists alternatives, and means either.
    let either = refusal(&response(
        403,
        r#"{"code":"app.not.authorized.for.scope","message":"App not authorized to use scope [conversations:readonly, conversations]"}"#,
    ));
    assert_eq!(either.evidence.missing_scopes.as_deref().unwrap(), ["conversations:readonly", "conversations"]);
    assert!(either.hint().contains("one of"), "{}", either.hint());
    let permissions = refusal(&response(
        403,
        r#"{"code":"missing.any.permissions","message":"… at least one of the following permissions assigned: [recording:screenRecording:view, recording:recording:view]"}"#,
    ));
    assert_eq!(permissions.evidence.missing_permissions.unwrap(), ["recording:screenRecording:view", "recording:recording:view"]);
    for message in ["", "[", "]", "[]", "[ , ]", "]["] {
        let error = refusal(&response(403, &format!(r#"{{"code":"missing.permissions","message":"{message}"}}"#)));
        assert_eq!((error.code, error.evidence.missing_permissions), (Code::PermissionMissing, None), "{message}");
    }
}

#[test]
fn an_unreadable_error_body_is_kept_unchanged() {
    for body in ["", "<html>403 Forbidden</html>", "null", "[]", "\"no\"", r#"{"code":7,"message":[]}"#, "{\"code\":"] {
        let error = refusal(&response(403, body));
        assert_eq!(error.code, Code::UnexpectedAnswer, "{body}");
        assert!(matches!(&error.evidence.cause, Some(Cause::Cloud(words)) if words == body));
    }
}
