//! The recording API as data: path, headers, scope, body.
//!
//! It comes from this project's source document and is not part of Genesys' published API, so all of it can be replaced.

use serde::Serialize;

use crate::agent::AgentId;
use crate::error::{Code, Error};

/// An HTTP method that the library uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
    /// DELETE
    Delete,
}

impl Method {
    /// The method as HTTP spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        }
    }
}

/// A call to the Platform API, of no organization yet: the grant that turns it into a request fills that in.
#[derive(Clone, Debug)]
pub struct Call {
    pub(crate) method: Method,
    /// Path and query, from the API's origin.
    pub(crate) path: String,
    /// Names of the headers that carry the organization's id.
    pub(crate) org_headers: Vec<String>,
    pub(crate) body: Option<String>,
}

impl Call {
    /// A call without a body that concerns the token itself or its user.
    pub(crate) fn plain(method: Method, path: &str) -> Call {
        Call { method, path: path.to_owned(), org_headers: Vec::new(), body: None }
    }

    /// Looks whether a user is in the token's organization. `None` for an id that would have to be encoded: no id of Genesys
    /// Cloud has to.
    pub(crate) fn look_up(agent: &AgentId) -> Option<Call> {
        let is_plain = agent.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_plain.then(|| Call::plain(Method::Get, &format!("/api/v2/users/{}", agent.as_str())))
    }

    /// The HTTP method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Path and query, from the API's origin.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Names of the headers that carry the organization's id.
    pub fn org_headers(&self) -> &[String] {
        &self.org_headers
    }

    /// The JSON body.
    pub fn body(&self) -> Option<&str> {
        self.body.as_deref()
    }
}

/// Where and how a recording is started.
#[derive(Clone, Debug)]
pub struct RecordingContract {
    path: String,
    org_headers: Vec<String>,
    scope: String,
}

impl Default for RecordingContract {
    fn default() -> Self {
        RecordingContract {
            path: "/api/v2/screenrecordings".to_owned(),
            org_headers: vec!["X-Genesys-Organization-Id".to_owned()],
            scope: "screenrecordings:write".to_owned(),
        }
    }
}

impl RecordingContract {
    /// The defaults, with these parts replaced.
    pub fn with(path: Option<String>, org_headers: Option<Vec<String>>, scope: Option<String>) -> Result<RecordingContract, Error> {
        let default = RecordingContract::default();
        let contract = RecordingContract {
            path: path.unwrap_or(default.path),
            org_headers: org_headers.unwrap_or(default.org_headers),
            scope: scope.unwrap_or(default.scope),
        };
        if !is_plain_path(&contract.path) {
            return Err(bad("contract.path must be a path such as \"/api/v2/screenrecordings\": no query, no \"..\", nothing encoded."));
        }
        if !contract.org_headers.iter().all(|name| is_org_header(name)) {
            return Err(bad(
                "contract.orgHeaders must be names of headers that the request does not use already, such as \"X-Genesys-Organization-Id\".",
            ));
        }
        let is_scope_byte = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if contract.scope.is_empty() || !contract.scope.bytes().all(is_scope_byte) {
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

    /// The call that starts a recording of this agent.
    pub fn start(&self, agent: &AgentId, recording_type: &str) -> Call {
        Call {
            method: Method::Post,
            path: self.path.clone(),
            org_headers: self.org_headers.clone(),
            body: Some(serde_json::to_string(&StartBody { agent_id: agent.as_str(), recording_type }).unwrap_or_default()),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StartBody<'a> {
    agent_id: &'a str,
    recording_type: &'a str,
}

fn bad(message: &str) -> Error {
    Error::new(Code::BadArgument, message)
}

/// A path that a URL parser leaves as it is, so that it can not lead to another host.
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

/// A header name (RFC 9110 token) that no request of ours uses for something else.
fn is_org_header(name: &str) -> bool {
    // The last four are the browser's own, which drops them without a word.
    let is_taken = ["authorization", "accept", "content-type", "cookie", "host", "origin", "referer"]
        .iter()
        .any(|taken| name.eq_ignore_ascii_case(taken));
    !is_taken && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
