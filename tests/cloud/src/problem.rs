//! What OAuth answers instead of what was asked for (RFC 6749, sections 4.1.2.1 and 5.2).

use axum::{
    Json,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, PRAGMA, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde_json::json;

pub(crate) struct Problem {
    /// For the token endpoint: a redirect has its own.
    status: StatusCode,
    pub(crate) code: &'static str,
    /// ASCII without quotes and backslashes.
    pub(crate) description: &'static str,
}

impl Problem {
    const fn new(code: &'static str, description: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, description }
    }

    pub(crate) const fn access_denied() -> Self {
        Self::new("access_denied", "The user denied the request.")
    }

    pub(crate) const fn authorization_header() -> Self {
        let description = "A public client does not authenticate with an Authorization header.";
        Self { status: StatusCode::UNAUTHORIZED, ..Self::new("invalid_client", description) }
    }

    pub(crate) const fn wrong_secret() -> Self {
        Self { status: StatusCode::UNAUTHORIZED, ..Self::new("invalid_client", "The client's secret is missing or wrong.") }
    }

    pub(crate) const fn invalid_client(description: &'static str) -> Self {
        Self::new("invalid_client", description)
    }

    pub(crate) const fn invalid_grant(description: &'static str) -> Self {
        Self::new("invalid_grant", description)
    }

    pub(crate) const fn invalid_request(description: &'static str) -> Self {
        Self::new("invalid_request", description)
    }

    pub(crate) const fn invalid_scope() -> Self {
        Self::new("invalid_scope", "The scope is malformed, or exceeds the scopes of the client.")
    }

    /// RFC 6749, section 3.3: a server without a default refuses a request without a scope.
    pub(crate) const fn missing_scope() -> Self {
        Self::new("invalid_scope", "The scope is missing, and there is no default.")
    }

    pub(crate) const fn server_error() -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, ..Self::new("server_error", "The token could not be made.") }
    }

    pub(crate) const fn unauthorized_client() -> Self {
        Self::new("unauthorized_client", "The client may not use this grant type.")
    }

    pub(crate) const fn unsupported_grant_type() -> Self {
        Self::new("unsupported_grant_type", "The grant type must be authorization_code, client_credentials or refresh_token.")
    }

    pub(crate) const fn unsupported_response_type() -> Self {
        Self::new("unsupported_response_type", "The response type must be code.")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Json(json!({"error": self.code, "error_description": self.description}));
        let caching = [(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")];
        let mut response = (self.status, caching, body).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
        }
        response
    }
}
