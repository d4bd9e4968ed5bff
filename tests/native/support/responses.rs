//! Responses of the cloud.

use std::rc::Rc;

use premium_recorder::cloud::ports::TransportError;
use premium_recorder::cloud::response::Response;
use premium_recorder::model::error::Cause;

use super::{ACME, AGENT, GLOBEX, INITECH, NOW, SentRequest, json};

/// The body of a 201 response to a start.
pub const CREATED: &str = r#"{"id":"rec-1","state":"recording"}"#;

pub fn response(status: u16, body: &str) -> Response {
    Response {
        status,
        body: body.to_owned(),
        json: json(body).unwrap_or_default(),
        correlation_id: Some("corr-1".to_owned()),
        date: None,
        retry_after: None,
        rate_limit: None,
        is_too_long: false,
        platform_response: None,
    }
}

/// No response arrived, so the server may have processed the request.
pub fn lost_response(why: &str) -> TransportError {
    TransportError {
        origin: "https://api.mypurecloud.com".to_owned(),
        is_refused_by_csp: false,
        may_have_been_processed: true,
        status: None,
        cause: Cause::Foreign(Rc::new(why.to_owned())),
    }
}

/// `NOW` plus this many milliseconds, as the cloud writes a date.
pub fn iso(millis: i64) -> String {
    format!("{:.3}", jiff::Timestamp::from_millisecond(NOW + millis).unwrap())
}

/// A recording of `AGENT` in Globex that started this many milliseconds after `NOW`.
pub fn entity(id: &str, state: &str, started: i64) -> String {
    format!(r#"{{"id":"{id}","agentId":"{AGENT}","organizationId":"{GLOBEX}","state":"{state}","startedAt":"{}"}}"#, iso(started))
}

/// The response to a start: a recording of `AGENT` in Globex.
pub fn created(id: &str) -> Response {
    response(201, &entity(id, "recording", 0))
}

/// The response to a request for the list of recordings.
pub fn list(entities: &[String]) -> Response {
    response(200, &format!(r#"{{"entities":[{}],"total":{}}}"#, entities.join(","), entities.len()))
}

/// The body of a response to `GET /api/v2/tokens/me`.
pub fn token_info(org: &str) -> String {
    format!(
        r#"{{"organization":{{"id":"{org}","name":"An organization"}},"homeOrganization":{{"id":"{INITECH}"}},"authorizedScope":["user-basic-info"]}}"#
    )
}

/// The body of a 403 for a token of another organization.
pub const RESOURCE_OWNER: &str =
    r#"{"status":403,"code":"not.authorized","message":"Permission denied: insufficient scope for resource owner","contextId":"ctx"}"#;

/// A response to `GET /api/v2/tokens/me` with these scopes, written as JSON.
pub fn token_info_with_scopes(org: &str, scopes: &str) -> Response {
    let client = r#""OAuthClient":{"authorizedGrantType":"CODE"}"#;
    let orgs = format!(r#""organization":{{"id":"{org}"}},"homeOrganization":{{"id":"{INITECH}"}}"#);
    response(200, &format!(r#"{{{orgs},"authorizedScope":[{scopes}],{client}}}"#))
}

/// A response to `GET /api/v2/tokens/me` for a token that idles out this many milliseconds after `NOW`.
pub fn token_info_idling_at(org: &str, millis: i64) -> Response {
    response(200, &format!(r#"{{"organization":{{"id":"{org}"}},"dateTokenIdles":"{}"}}"#, iso(millis)))
}

/// The cloud accepts every request, the token endpoint returns this body, and every token belongs to this organization.
pub fn accept_in(org: &str, token_response: &str, request: &SentRequest) -> Response {
    match request.method.as_str() {
        "GET" => response(200, &token_info(org)),
        "POST" if request.is_for_token_endpoint() => response(200, token_response),
        "DELETE" => response(204, ""),
        _ => response(201, CREATED),
    }
}

/// The cloud accepts every request, and every token belongs to Globex. A sign-in gives a token for an hour.
pub fn accept(request: &SentRequest) -> Response {
    accept_in(GLOBEX, r#"{"access_token":"opaque","expires_in":3600}"#, request)
}

/// Like `accept_short_lived`, but every token belongs to Acme.
pub fn accept_in_acme(request: &SentRequest) -> Response {
    accept_in(ACME, r#"{"access_token":"by-login","expires_in":100}"#, request)
}

/// Like `accept`, but a sign-in gives a token for 100 seconds.
pub fn accept_short_lived(request: &SentRequest) -> Response {
    accept_in(GLOBEX, r#"{"access_token":"opaque","expires_in":100}"#, request)
}

/// A 429 with this `Retry-After` and this message in its body.
pub fn rate_limited(retry_after: Option<&str>, message: &str) -> Response {
    let body = format!(r#"{{"status":429,"code":"too.many.requests.retry.after","message":"{message}"}}"#);
    Response { retry_after: retry_after.map(str::to_owned), ..response(429, &body) }
}
