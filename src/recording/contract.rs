//! The recording API as data: path, headers, scope, body.
//!
//! The API comes from this project's source document and is not part of Genesys' published API, so the app can replace it.

use serde::Serialize;

use crate::model::argument::bad;
use crate::model::error::Error;
use crate::model::ids::{AgentId, RecordingId};
use crate::model::scope::is_scope_token;
use crate::token::request::{ApiRequest, Method, Repeat};

/// How often a request that reads or stops a recording is sent at most, if there is no response.
const MAX_SENDS: u32 = 3;

/// Where and how recordings are started, read and stopped.
#[derive(Clone, Debug)]
pub struct RecordingContract {
    path: String,
    org_headers: Vec<String>,
    scope: String,
    idempotency_header: Option<String>,
    http2: bool,
    check_duplicates: bool,
}

/// What differs from the default recording API.
#[derive(Clone, Debug, Default)]
pub struct ContractParts {
    /// Path of the collection.
    pub path: Option<String>,
    /// Names of the headers that carry the organization's id.
    pub org_headers: Option<Vec<String>>,
    /// OAuth scope that a start needs.
    pub scope: Option<String>,
    /// Name of the header by which the cloud recognizes a repeated start.
    pub idempotency_header: Option<String>,
    /// Whether the cloud speaks HTTP/2, so that a start's body can be a stream, which no browser sends again by itself.
    pub http2: Option<bool>,
    /// Whether to look after each start whether a second recording of the agent has begun.
    pub check_duplicates: Option<bool>,
}

impl Default for RecordingContract {
    fn default() -> Self {
        RecordingContract {
            path: "/api/v2/screenrecordings".to_owned(),
            org_headers: vec!["X-Genesys-Organization-Id".to_owned()],
            scope: "screenrecordings:write".to_owned(),
            idempotency_header: None,
            http2: false,
            check_duplicates: false,
        }
    }
}

impl RecordingContract {
    /// The defaults, with these parts replaced.
    pub fn with(parts: ContractParts) -> Result<RecordingContract, Error> {
        let default = RecordingContract::default();
        let contract = RecordingContract {
            path: parts.path.unwrap_or(default.path),
            org_headers: parts.org_headers.unwrap_or(default.org_headers),
            scope: parts.scope.unwrap_or(default.scope),
            idempotency_header: parts.idempotency_header,
            http2: parts.http2.unwrap_or(default.http2),
            check_duplicates: parts.check_duplicates.unwrap_or(default.check_duplicates),
        };
        if !is_plain_path(&contract.path) {
            return Err(bad("contract.path must be a path such as \"/api/v2/screenrecordings\": no query, no \"..\", nothing encoded."));
        }
        let not_free = |option: &str, name: &str, example: &str| {
            bad(format!(
                "contract.{option}: \"{name}\" is no name of a header that a page may set and the request does not use already. Use a name such as \"{example}\"."
            ))
        };
        if let Some(name) = contract.org_headers.iter().find(|name| !is_free_header(name)) {
            return Err(not_free("orgHeaders", name, "X-Genesys-Organization-Id"));
        }
        let is_org_header = |name: &String| contract.org_headers.iter().any(|other| other.eq_ignore_ascii_case(name));
        if let Some(name) = contract.idempotency_header.as_ref().filter(|name| !is_free_header(name) || is_org_header(name)) {
            return Err(not_free("idempotencyHeader", name, "Idempotency-Key"));
        }
        if !is_scope_token(&contract.scope) {
            return Err(bad("contract.scope must be one OAuth scope (RFC 6749), such as \"screenrecordings:write\"."));
        }
        Ok(contract)
    }

    /// The OAuth scope that a start needs.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// Names of the headers that carry the organization's id.
    pub fn org_headers(&self) -> &[String] {
        &self.org_headers
    }

    /// Whether the cloud recognizes a repeated start.
    pub fn has_idempotency_header(&self) -> bool {
        self.idempotency_header.is_some()
    }

    /// Whether the cloud speaks HTTP/2.
    pub fn http2(&self) -> bool {
        self.http2
    }

    /// Whether to look after each start whether a second recording of the agent has begun.
    pub fn checks_duplicates(&self) -> bool {
        self.check_duplicates
    }

    /// The request that starts a recording of this agent. `key`: the value of the idempotency header, if there is one.
    pub fn start(&self, agent: &AgentId, recording_type: &str, key: Option<String>) -> ApiRequest {
        ApiRequest {
            idempotency: self.idempotency_header.clone().zip(key),
            body: Some(serde_json::to_string(&StartBody { agent_id: agent.as_str(), recording_type }).unwrap_or_default()),
            agent: Some(agent.clone()),
            repeat: Repeat::Never,
            ..self.request(Method::Post, &self.path)
        }
    }

    /// The request that lists the recordings of this agent, or of every agent.
    pub fn list(&self, agent: Option<&AgentId>) -> ApiRequest {
        let query = agent.map(|agent| format!("?agentId={}", encoded(agent.as_str()))).unwrap_or_default();
        self.request(Method::Get, &format!("{}{query}", self.path))
    }

    /// The request that reads a recording.
    pub fn find(&self, id: &RecordingId) -> ApiRequest {
        self.request(Method::Get, &format!("{}/{}", self.path, encoded(id.as_str())))
    }

    /// The request that stops a recording.
    pub fn stop(&self, id: &RecordingId) -> ApiRequest {
        ApiRequest { method: Method::Patch, body: Some(r#"{"state":"stopped"}"#.to_owned()), ..self.find(id) }
    }

    /// A request that may be repeated: reading or stopping twice has the same effect as once.
    fn request(&self, method: Method, path: &str) -> ApiRequest {
        let repeat = Repeat::Idempotent { sends: MAX_SENDS };
        ApiRequest { repeat, ..ApiRequest::new(method, path).with_org_headers(&self.org_headers) }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StartBody<'a> {
    agent_id: &'a str,
    recording_type: &'a str,
}

/// Whether a URL parser leaves the path unchanged, so that it cannot lead to another host.
fn is_plain_path(path: &str) -> bool {
    path.strip_prefix('/').is_some_and(|rest| {
        rest.split('/').all(|segment| {
            !segment.is_empty()
                && segment != "."
                && segment != ".."
                && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
        })
    })
}

/// Percent-encodes the text (RFC 3986), so that it stays one segment of a path or one value of a query.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default().to_ascii_uppercase();
            encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    encoded
}

/// Headers that our requests use already, and headers that browsers silently drop: the Fetch standard's forbidden request-headers,
/// and `User-Agent`, which Chromium drops as well. A `*` stands for any ending.
const TAKEN_HEADERS: &str = "authorization accept content-type user-agent accept-charset accept-encoding access-control-* connection \
     content-length cookie* date dnt expect host keep-alive origin proxy-* referer sec-* set-cookie* te trailer transfer-encoding \
     upgrade via x-http-method* x-method-override";

/// Whether this is a header name (RFC 9110 token) that a page may set and that our requests do not use for something else.
fn is_free_header(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let is_taken = TAKEN_HEADERS.split_ascii_whitespace().any(|taken| match taken.strip_suffix('*') {
        Some(beginning) => lower.starts_with(beginning),
        None => lower == taken,
    });
    !is_taken && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
