//! Every "no" of this cloud, in the platform's own shape.

use axum::{
    Json,
    extract::rejection::{PathRejection, QueryRejection},
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    field: Option<&'static str>,
    limit: Option<u32>,
    retry_after: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    error_code: &'static str,
    field_name: &'static str,
}

#[derive(Serialize)]
struct Limit {
    key: &'static str,
    namespace: &'static str,
    value: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody {
    message: String,
    code: &'static str,
    status: u16,
    context_id: Uuid,
    message_params: Map<String, Value>,
    details: Vec<Detail>,
    errors: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<Limit>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), field: None, limit: None, retry_after: None }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad.request", message)
    }

    pub(crate) fn bad_field(field: &'static str, message: impl Into<String>) -> Self {
        Self { field: Some(field), ..Self::new(StatusCode::BAD_REQUEST, "constraint.validation", message) }
    }

    pub(crate) fn bad_value(value: &str, name: &str, allowed: &[&str]) -> Self {
        let message = format!("[{value}] is no value of [{name}]; there are [{}].", allowed.join(", "));
        Self::new(StatusCode::BAD_REQUEST, "invalid.value", message)
    }

    /// Of the query.
    pub(crate) fn bad_parameter(code: &'static str, name: &str, value: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, format!("[{value}] is no value of the parameter [{name}]."))
    }

    pub(crate) fn not_a_user() -> Self {
        let message = "This request requires a user context. Client credentials cannot be used for requests to this resource.";
        Self::new(StatusCode::BAD_REQUEST, "not.a.user", message)
    }

    pub(crate) fn not_json() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported.media.type",
            "The content type of the request body must be application/json.",
        )
    }

    pub(crate) fn body_too_large(most: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "request.entity.too.large", format!("The request body must not exceed [{most}] bytes."))
    }

    pub(crate) fn no_token() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "authentication.required", "No authentication bearer token specified in authorization header.")
    }

    /// Unknown, revoked, idle for too long and expired tokens look alike, as on the platform.
    pub(crate) fn bad_token() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "bad.credentials", "Invalid login credentials.")
    }

    /// Names every scope that would have been enough by itself.
    pub(crate) fn scope(any: &[impl AsRef<str>]) -> Self {
        let message = format!("App not authorized to use scope [{}]", listed(any));
        Self::new(StatusCode::FORBIDDEN, "app.not.authorized.for.scope", message)
    }

    /// Names every permission that would have been enough by itself.
    pub(crate) fn permission(code: &'static str, any: &[String]) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, format!("The user needs at least one of these permissions: [{}]", listed(any)))
    }

    /// The very words of the thread that this project starts from.
    pub(crate) fn other_organization() -> Self {
        Self::new(StatusCode::FORBIDDEN, "not.authorized", "Permission denied: insufficient scope for resource owner")
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not.found", "The requested resource was not found.")
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "request.conflict", message)
    }

    pub(crate) fn too_many(allowed: u32, window: u64, retry_after: u64) -> Self {
        Self {
            limit: Some(allowed),
            retry_after: Some(retry_after),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too.many.requests",
                format!("Rate limit exceeded the maximum [{allowed}] requests within [{window}] seconds"),
            )
        }
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal.server.error", message)
    }
}

fn listed(names: &[impl AsRef<str>]) -> String {
    names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}

impl From<PathRejection> for Refusal {
    fn from(rejection: PathRejection) -> Self {
        Self::bad_request(rejection.body_text())
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request(rejection.body_text())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = ErrorBody {
            message: self.message,
            code: self.code,
            status: self.status.as_u16(),
            context_id: Uuid::new_v4(),
            message_params: Map::new(),
            details: self.field.map(|field_name| Detail { error_code: self.code, field_name }).into_iter().collect(),
            errors: Vec::new(),
            limit: self.limit.map(|allowed| Limit { key: "token.rate.per.minute", namespace: "platform.api", value: allowed }),
        };
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// What stands at every address that leads nowhere.
pub(crate) async fn not_found() -> Refusal {
    Refusal::not_found()
}
