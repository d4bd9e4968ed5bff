//! The recording API as data: methods, paths, bodies, headers, scopes, and what its responses mean.
//!
//! The default comes from this project's source document and is not part of Genesys' published API, so the app can replace all of it.

use crate::model::argument::bad;
use crate::model::error::Error;
use crate::model::ids::{AgentId, RecordingId};
use crate::model::scope::{AnyScope, is_scope_token};
use crate::recording::shape::{Shape, ShapeParts};
use crate::recording::template::{PathTemplate, Template, Values, is_plain_path, json_escaped};
use crate::token::header::may_be_set;
use crate::token::request::{ApiRequest, Method, Repeat};

/// How often a request that reads or stops a recording is sent at most, if there is no response.
const MAX_SENDS: u32 = 3;

/// Where and how recordings are started, read and stopped.
#[derive(Clone, Debug)]
pub struct RecordingContract {
    start: Operation,
    read: Operation,
    stop: Operation,
    list: Option<Operation>,
    shape: Shape,
    already_running: Vec<String>,
    read_missing_means_stopped: bool,
    stop_missing_means_stopped: bool,
    org_headers: Vec<String>,
    idempotency_header: Option<String>,
    http2: bool,
    check_duplicates: bool,
}

#[derive(Clone, Debug)]
struct Operation {
    method: Method,
    path: PathTemplate,
    body: Option<Template>,
    scopes: AnyScope,
}

/// What differs from the default recording API.
#[derive(Clone, Debug, Default)]
pub struct ContractParts {
    /// Path of the collection, from which the other paths follow.
    pub path: Option<String>,
    /// Names of the headers that carry the organization's id.
    pub org_headers: Option<Vec<String>>,
    /// OAuth scope that a start needs, if there is only one.
    pub scope: Option<String>,
    /// OAuth scopes one of which a start or a stop needs.
    pub start_scopes: Option<Vec<String>>,
    /// OAuth scopes one of which a read needs. Default: those of a start.
    pub read_scopes: Option<Vec<String>>,
    /// Name of the header by which the cloud recognizes a repeated start.
    pub idempotency_header: Option<String>,
    /// Whether the cloud speaks HTTP/2, so that a start's body can be a stream, which no browser sends again by itself.
    pub http2: Option<bool>,
    /// Whether to look after each start whether a second recording of the agent has begun.
    pub check_duplicates: Option<bool>,
    /// How a recording starts.
    pub start: OperationParts,
    /// How a recording is read.
    pub read: OperationParts,
    /// How a recording stops.
    pub stop: OperationParts,
    /// The path of the list of recordings. `Some(None)`: there is no list.
    pub list: Option<Option<OperationParts>>,
    /// Codes of refusals that mean that the agent is being recorded already, beside the status 409.
    pub already_running: Option<Vec<String>>,
    /// How a response describes a recording.
    pub shape: ShapeParts,
}

/// What differs in one operation.
#[derive(Clone, Debug, Default)]
pub struct OperationParts {
    /// The HTTP method.
    pub method: Option<String>,
    /// The path, with placeholders.
    pub path: Option<String>,
    /// The body as JSON text, with placeholders in its strings. `Some(None)`: there is none.
    pub body: Option<Option<String>>,
    /// Whether a 404 means that the recording has stopped.
    pub missing_means_stopped: Option<bool>,
}

/// An operation, as it is unless the app says otherwise.
struct Defaults<'a> {
    name: &'static str,
    method: Method,
    methods: &'static [Method],
    path: String,
    body: Option<&'a str>,
    placeholders: &'static [&'static str],
    scopes: AnyScope,
}

impl Operation {
    fn with(parts: OperationParts, default: Defaults<'_>) -> Result<Operation, Error> {
        let Defaults { name, methods, placeholders, scopes, .. } = default;
        let is_method = |text: String| {
            Method::parse(&text).filter(|method| methods.contains(method)).ok_or_else(|| {
                let names: Vec<_> = methods.iter().map(|method| method.as_str()).collect();
                bad(format!("contract.{name}.method must be one of {}.", names.join(", ")))
            })
        };
        let method = parts.method.map_or(Ok(default.method), is_method)?;
        let path = PathTemplate::parse(&format!("contract.{name}.path"), &parts.path.unwrap_or(default.path), placeholders)?;
        let default_body = || default.body.filter(|_| method != Method::Delete).map(str::to_owned);
        let body = parts.body.unwrap_or_else(default_body);
        let parse = |body: String| Template::parse(&format!("contract.{name}.body"), &body, placeholders);
        Ok(Operation { method, path, body: body.map(parse).transpose()?, scopes })
    }

    fn has(&self, placeholder: &str) -> bool {
        self.path.has(placeholder) || self.body.as_ref().is_some_and(|body| body.has(placeholder))
    }

    /// `None` if the path needs a value that is not known.
    fn request(&self, values: Values<'_>, org_headers: &[String]) -> Option<ApiRequest> {
        // Reading or stopping twice has the same effect as once.
        let repeat = Repeat::Idempotent { sends: MAX_SENDS };
        let body = self.body.as_ref().and_then(|body| body.fill(values, json_escaped));
        let request = ApiRequest::new(self.method, &self.path.fill(values)?).with_org_headers(org_headers);
        Some(ApiRequest { repeat, body, scopes: self.scopes.clone(), ..request })
    }
}

/// The header that the source document names for the organization's id.
pub(crate) const ORG_HEADER: &str = "X-Genesys-Organization-Id";

impl RecordingContract {
    /// The defaults, with these parts replaced.
    pub fn with(parts: ContractParts) -> Result<RecordingContract, Error> {
        let path = parts.path.unwrap_or_else(|| "/api/v2/screenrecordings".to_owned());
        if !is_plain_path(&path) {
            return Err(bad("contract.path must be a path such as \"/api/v2/screenrecordings\": no query, no \"..\", nothing encoded."));
        }
        let scope = parts.scope.unwrap_or_else(|| "screenrecordings:write".to_owned());
        if !is_scope_token(&scope) {
            return Err(bad("contract.scope must be one OAuth scope (RFC 6749), such as \"screenrecordings:write\"."));
        }
        let start_scopes = parts.start_scopes.unwrap_or_else(|| vec![scope]);
        let read_scopes = parts.read_scopes.unwrap_or_else(|| start_scopes.clone());
        if !start_scopes.iter().chain(&read_scopes).all(|scope| is_scope_token(scope)) {
            return Err(bad("contract.scopes must have lists of OAuth scopes (RFC 6749): one of each list is enough."));
        }
        let (start_scopes, read_scopes) = (AnyScope::from(start_scopes), AnyScope::from(read_scopes));
        let of_one = format!("{path}/{{id}}");
        let contract = RecordingContract {
            read_missing_means_stopped: parts.read.missing_means_stopped.unwrap_or_default(),
            stop_missing_means_stopped: parts.stop.missing_means_stopped.unwrap_or_default(),
            list: parts
                .list
                .unwrap_or_else(|| Some(OperationParts::default()))
                .map(|list| {
                    Operation::with(
                        list,
                        Defaults {
                            name: "list",
                            method: Method::Get,
                            methods: &[Method::Get],
                            path: format!("{path}?agentId={{agentId}}"),
                            body: None,
                            placeholders: &["agentId"],
                            scopes: read_scopes.clone(),
                        },
                    )
                })
                .transpose()?,
            read: Operation::with(
                parts.read,
                Defaults {
                    name: "read",
                    method: Method::Get,
                    methods: &[Method::Get],
                    path: of_one.clone(),
                    body: None,
                    placeholders: &["id", "agentId"],
                    scopes: read_scopes,
                },
            )?,
            stop: Operation::with(
                parts.stop,
                Defaults {
                    name: "stop",
                    method: Method::Patch,
                    methods: &[Method::Patch, Method::Post, Method::Put, Method::Delete],
                    path: of_one,
                    body: Some(r#"{"state":"stopped"}"#),
                    placeholders: &["id", "agentId"],
                    scopes: start_scopes.clone(),
                },
            )?,
            start: Operation::with(
                parts.start,
                Defaults {
                    name: "start",
                    method: Method::Post,
                    methods: &[Method::Post, Method::Put],
                    path,
                    body: Some(r#"{"agentId":"{agentId}","recordingType":"{recordingType}"}"#),
                    placeholders: &["agentId", "recordingType"],
                    scopes: start_scopes,
                },
            )?,
            shape: Shape::with(parts.shape)?,
            already_running: parts.already_running.unwrap_or_default(),
            org_headers: parts.org_headers.unwrap_or_else(|| vec![ORG_HEADER.to_owned()]),
            idempotency_header: parts.idempotency_header,
            http2: parts.http2.unwrap_or_default(),
            check_duplicates: parts.check_duplicates.unwrap_or_default(),
        };
        contract.ensure_it_can_work()?;
        Ok(contract)
    }

    fn ensure_it_can_work(&self) -> Result<(), Error> {
        let not_free = |option: &str, name: &str, example: &str| {
            bad(format!(
                "contract.{option}: \"{name}\" is no name of a header that a page may set and the request does not use already. Use a name such as \"{example}\"."
            ))
        };
        if let Some(name) = self.org_headers.iter().find(|name| !is_free_header(name)) {
            return Err(not_free("orgHeaders", name, ORG_HEADER));
        }
        let is_org_header = |name: &String| self.org_headers.iter().any(|other| other.eq_ignore_ascii_case(name));
        if let Some(name) = self.idempotency_header.as_ref().filter(|name| !is_free_header(name) || is_org_header(name)) {
            return Err(not_free("idempotencyHeader", name, "Idempotency-Key"));
        }
        if !self.start.has("agentId") {
            return Err(bad("contract.start needs {agentId} in its path or body: nothing else says whom to record."));
        }
        for (name, operation) in [("read", &self.read), ("stop", &self.stop)] {
            if !operation.has("id") && !operation.has("agentId") {
                return Err(bad(format!(
                    "contract.{name} needs {{id}} or {{agentId}} in its path or body: nothing else says which recording."
                )));
            }
        }
        if self.http2 && self.start.body.is_none() {
            return Err(bad("contract.http2 streams the body of a start, and contract.start.body is null."));
        }
        if self.check_duplicates && self.list.is_none() {
            return Err(bad("contract.checkDuplicates looks at the list of recordings, and contract.list is null."));
        }
        if self.already_running.iter().any(String::is_empty) {
            return Err(bad("contract.alreadyRunning has an empty code."));
        }
        Ok(())
    }

    /// How a response describes a recording.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The OAuth scopes one of which a start needs.
    pub fn start_scopes(&self) -> &AnyScope {
        &self.start.scopes
    }

    /// Names of the headers that carry the organization's id.
    pub fn org_headers(&self) -> &[String] {
        &self.org_headers
    }

    /// Whether there is a list of recordings.
    pub fn has_list(&self) -> bool {
        self.list.is_some()
    }

    /// The method and the path of a start, with placeholders.
    pub(crate) fn start_line(&self) -> String {
        let path = self.start.path.fill(&[("agentId", "{agentId}"), ("recordingType", "{recordingType}")]).unwrap_or_default();
        format!("{} {path}", self.start.method.as_str())
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

    /// Whether a start's refusal with this status and code means that the agent is being recorded already.
    pub(crate) fn means_already_running(&self, status: Option<u16>, code: Option<&str>) -> bool {
        status == Some(409) || code.is_some_and(|code| self.already_running.iter().any(|running| running == code))
    }

    /// Whether a 404 to a read means that the recording has stopped.
    pub(crate) fn missing_means_stopped(&self) -> bool {
        self.read_missing_means_stopped
    }

    /// Whether a 404 to a stop means that the recording has stopped.
    pub(crate) fn missing_at_stop_means_stopped(&self) -> bool {
        self.stop_missing_means_stopped
    }

    /// The request that starts a recording of this agent. `key`: the value of the idempotency header, if there is one.
    pub fn start(&self, agent: &AgentId, recording_type: &str, key: Option<String>) -> ApiRequest {
        let values = [("agentId", agent.as_str()), ("recordingType", recording_type)];
        // Both placeholders have a value.
        let request = self.start.request(&values, &self.org_headers).unwrap_or_else(|| ApiRequest::new(self.start.method, "/"));
        let idempotency = self.idempotency_header.clone().zip(key);
        ApiRequest { idempotency, agent: Some(agent.clone()), repeat: Repeat::Never, ..request }
    }

    /// The request that lists the recordings of this agent, or of every agent.
    pub fn list(&self, agent: Option<&AgentId>) -> Result<ApiRequest, Error> {
        let Some(list) = &self.list else {
            return Err(bad("contract.list is null: this recording API lists nothing."));
        };
        let values = agent.map(|agent| ("agentId", agent.as_str()));
        let request = list.request(values.as_slice(), &self.org_headers);
        request.ok_or_else(|| bad("contract.list.path needs an agent: pass `agentId`."))
    }

    /// The request that reads a recording.
    pub fn find(&self, id: &RecordingId, agent: Option<&AgentId>) -> Result<ApiRequest, Error> {
        self.of_one("read", &self.read, id, agent)
    }

    /// The request that stops a recording.
    pub fn stop(&self, id: &RecordingId, agent: Option<&AgentId>) -> Result<ApiRequest, Error> {
        self.of_one("stop", &self.stop, id, agent)
    }

    fn of_one(&self, name: &str, operation: &Operation, id: &RecordingId, agent: Option<&AgentId>) -> Result<ApiRequest, Error> {
        let values = [Some(("id", id.as_str())), agent.map(|agent| ("agentId", agent.as_str()))];
        let values: Vec<_> = values.into_iter().flatten().collect();
        let request = operation.request(&values, &self.org_headers);
        request.ok_or_else(|| bad(format!("contract.{name}.path needs an agent: pass `agentId`.")))
    }
}

/// Whether this is a header name that a page may set and that our requests do not use for something else.
fn is_free_header(name: &str) -> bool {
    may_be_set(name) && !name.eq_ignore_ascii_case("accept") && !name.eq_ignore_ascii_case("content-type")
}
