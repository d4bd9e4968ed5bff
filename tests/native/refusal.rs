//! Refusals: each status and code of the Platform API maps to one error code.

use crate::support::{assert_is_a_sentence, response};
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
    (400, "not.a.user", "", Code::UserNeeded),
    (400, "agent.session.limit.exceeded", "", Code::LimitReached),
    (400, "supervisor.session.limit.exceeded", "", Code::LimitReached),
    (400, "organization.session.limit.exceeded", "", Code::LimitReached),
    (400, "auth.too.many.clients", "", Code::LimitReached),
    (400, "notification.subscription.too.many.subscriptions", "", Code::LimitReached),
    (403, "not.a.user", "", Code::UserNeeded),
    (404, "Not.A.User", "", Code::UserNeeded),
    (409, "agent.session.limit.exceeded", "", Code::LimitReached),
    (422, "auth.too.many.clients", "", Code::LimitReached),
    (400, "duplicate.session.exists", "", Code::Conflict),
    (400, "conversation.error.conversation.disconnected", "", Code::Conflict),
    (400, "invalid.conversation.state", "", Code::Conflict),
    (400, "source.user.is.being.monitored", "", Code::Conflict),
    (400, "target.user.is.monitoring.another.user", "", Code::Conflict),
    (400, "self.monitoring.not.allowed", "", Code::BadRequest),
    (400, "participant.no.communications", "", Code::BadRequest),
    (400, "session.creation.failed", "", Code::BadRequest),
    (400, "general.bad.request", "", Code::BadRequest),
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
    (403, "PERMISSION_DENIED", "", Code::PermissionMissing),
    (403, "Missing.Permissions", "", Code::PermissionMissing),
    (403, "forbidden", "You are missing the following permission(s): [a:b:c]", Code::PermissionMissing),
    (403, "", "Permission denied", Code::PermissionMissing),
    (403, "feature.forbidden", "Permission denied", Code::FeatureDisabled),
    (403, "authz.policy.denied", "", Code::PolicyDenied),
    (403, "feature.forbidden", "", Code::FeatureDisabled),
    (403, "feature.toggle.disabled", "", Code::FeatureDisabled),
    (403, "something.new", "", Code::Forbidden),
    (403, "forbidden", "", Code::Forbidden),
    (403, "notification.forbidden.topic", "", Code::Forbidden),
    (403, "notification.unauthorized.topic", "", Code::Forbidden),
    (403, "recording.recording.view.permission.check.failed", "", Code::PermissionMissing),
    (403, "recording.recordingsegment.view.permission.check.failed", "", Code::PermissionMissing),
    (403, "", "", Code::Forbidden),
    (404, "not.found", "", Code::NotFound),
    (404, "general.resource.not.found", "", Code::NotFound),
    (404, "conversation.error.conversation.not.found", "", Code::NotFound),
    (404, "monitoring.not.found", "", Code::NotFound),
    (404, "agent.status.not.found", "", Code::NotFound),
    (404, "deleted.long.ago", "", Code::NotFound),
    (405, "method.not.allowed", "", Code::BadRequest),
    (405, "", "", Code::BadRequest),
    (410, "gone", "", Code::NotFound),
    (412, "precondition.failed", "", Code::Conflict),
    (404, "", "", Code::NotFound),
    (408, "client.timeout", "", Code::CloudUnavailable),
    (421, "", "", Code::CloudUnavailable),
    (425, "", "", Code::CloudUnavailable),
    (409, "request.conflict", "", Code::Conflict),
    (409, "agent.invalid.routing.state", "", Code::Conflict),
    (409, "version.conflict", "", Code::Conflict),
    (413, "request.entity.too.large", "", Code::BadRequest),
    (415, "unsupported.media.type", "", Code::BadRequest),
    (418, "", "", Code::BadRequest),
    (422, "", "", Code::BadRequest),
    (429, "org.limit.exceeded", "", Code::RateLimited),
    (503, "org.limit.exceeded", "", Code::CloudUnavailable),
    (401, "Credentials.Expired", "", Code::TokenExpired),
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
        assert_is_a_sentence(&error.message);
        assert_eq!(error.evidence.status, Some(status));
        assert_eq!(error.evidence.context_id.as_deref(), Some("ctx-1"));
        assert_eq!(error.evidence.correlation_id.as_deref(), Some("corr-1"));
        assert!(matches!(&error.evidence.cause, Some(Cause::Cloud(words)) if *words == body));
    }
}

#[test]
fn the_words_of_the_api_are_quoted() {
    for (body, expected) in [
        (r#"{"message":"HTTP 404 Not Found"}"#, r#"The API answered 404: "HTTP 404 Not Found"."#),
        (r#"{"message":"A GET cannot have body."}"#, r#"The API answered 404: "A GET cannot have body"."#),
        (r#"{"message":"Why?"}"#, r#"The API answered 404: "Why?"."#),
        ("<html>", "The API answered 404 without a readable error."),
        (r#"{"message":""}"#, "The API answered 404 without a readable error."),
    ] {
        assert_eq!(refusal(&response(404, body)).message, expected);
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
        (Code::ScopeMissing.hint().to_owned(), vec!["screenrecordings:write".to_owned()])
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
    assert_eq!(
        permissions.evidence.missing_permissions.as_deref().unwrap(),
        ["recording:screenRecording:view", "recording:recording:view"]
    );
    let view = r#"{"code":"recording.recording.view.permission.check.failed","message":"Needs [recording:recording:view, recording:recordingSegment:view]"}"#;
    let view = refusal(&response(403, view));
    assert_eq!(view.evidence.missing_permissions.as_deref().unwrap(), ["recording:recording:view", "recording:recordingSegment:view"]);
    let said = refusal(&response(403, r#"{"code":"forbidden","message":"You are missing the following permission(s): [a:b:c]"}"#));
    assert_eq!(said.evidence.missing_permissions.as_deref().unwrap(), ["a:b:c"]);
    for message in ["", "[", "]", "[]", "[ , ]", "]["] {
        let error = refusal(&response(403, &format!(r#"{{"code":"missing.permissions","message":"{message}"}}"#)));
        assert_eq!((error.code, &error.evidence.missing_permissions), (Code::PermissionMissing, &None), "{message}");
    }
}

#[test]
fn an_unreadable_error_body_is_kept_unchanged() {
    for body in [
        "",
        "<html>403 Forbidden</html>",
        "<p>You don't have permission to access this resource.</p>",
        "null",
        "[]",
        "\"no\"",
        r#"{"error":7}"#,
        r#"[{"message":"no"}]"#,
        "{\"code\":",
    ] {
        let error = refusal(&response(403, body));
        assert_eq!(error.code, Code::UnexpectedAnswer, "{body}");
        assert!(matches!(&error.evidence.cause, Some(Cause::Cloud(words)) if words == body));
    }
}

/// The Platform API's `ErrorBody` requires none of its properties.
#[test]
fn an_error_body_needs_no_code() {
    for (body, code) in [
        (r#"{"message":"No such thing","status":404}"#, None),
        (r#"{"message":"No such thing"}"#, None),
        (r#"{"status":404}"#, None),
        (r#"{"contextId":"ctx"}"#, None),
        (r#"{"errors":[]}"#, None),
        (r#"{"code":404}"#, Some("404")),
        (r#"{"code":null,"errors":[{"code":"not.found","message":"No such thing"},{"code":"other"}]}"#, Some("not.found")),
    ] {
        let error = refusal(&response(404, body));
        assert_eq!((error.code, error.evidence.cloud_code.as_deref()), (Code::NotFound, code), "{body}");
        assert_eq!(error.message.contains("No such thing"), body.contains("No such thing"), "{}", error.message);
    }
    let wrapped = r#"{"status":403,"errors":[{"code":"missing.permissions","message":"Needs [recording:recording:view]"}]}"#;
    let refused = refusal(&response(403, wrapped));
    assert_eq!(
        (refused.code, refused.evidence.missing_permissions.as_deref().unwrap()),
        (Code::PermissionMissing, &["recording:recording:view".to_owned()][..])
    );
}

/// Whatever a gateway makes of the cloud's error body.
#[test]
fn another_organizations_token_is_recognized_anywhere_in_the_body() {
    for body in [
        "Permission denied: insufficient scope for resource owner",
        r#"{"error":"Insufficient Scope for Resource Owner"}"#,
        r#"{"code":"missing.permissions","message":"Permission denied: INSUFFICIENT scope for resource owner"}"#,
        r#"{"status":403,"errors":[{"code":"forbidden"},{"message":"Insufficient scope for resource owner"}]}"#,
    ] {
        assert_eq!(refusal(&response(403, body)).code, Code::WrongOrg, "{body}");
        assert_ne!(refusal(&response(400, body)).code, Code::WrongOrg, "{body}");
    }
}

/// Only for what is no error body a proxy may be named.
#[test]
fn a_proxy_is_suspected_only_without_an_error_body() {
    for &(status, code, message, _) in TABLE {
        let error = refusal(&response(status, &format!(r#"{{"code":"{code}","message":"{message}"}}"#)));
        assert_eq!(error.hint().contains("proxy"), status < 400, "{status} {code}");
    }
    assert!(refusal(&response(404, "<html>")).hint().contains("proxy"));
}
