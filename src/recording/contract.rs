//! The recording API as data: methods, paths, bodies, headers, scopes, and what its responses mean.
//!
//! The default comes from this project's source document and is not part of Genesys' published API, so the app can replace all of it.

use std::cell::RefCell;
use std::rc::Rc;

use crate::model::argument::bad;
use crate::model::error::Error;
use crate::model::ids::{AgentId, RecordingId};
use crate::model::join::joined;
use crate::model::json::Json;
use crate::model::scope::{AnyScope, OWN_DATA, is_scope_token};
use crate::model::search::contains;
use crate::recording::part::Part;
use crate::recording::shape::Shape;
use crate::recording::template::{Values, check, check_path, fill, fill_path, is_plain_path, json_escaped};
use crate::token::header::may_be_set;
use crate::token::request::{ApiRequest, Method, Repeat};

/// Where and how recordings are started, read and stopped.
#[derive(Debug)]
pub struct RecordingContract {
    start: Operation,
    read: Operation,
    stop: Operation,
    /// `None` if the API has no list.
    list: Option<Operation>,
    shape: Shape,
    already_running: Vec<String>,
    org_headers: Vec<String>,
    idempotency_header: Option<String>,
    http2: bool,
    check_duplicates: bool,
}

#[derive(Debug)]
struct Operation {
    rules: &'static Rules,
    method: Method,
    path: String,
    body: Option<String>,
    scopes: AnyScope,
    /// Whether a 404 means that the recording has stopped.
    missing_means_stopped: bool,
}

/// What an operation may have, and what it is unless the app says otherwise.
#[derive(Debug)]
struct Rules {
    name: &'static str,
    /// The names that the app's object may have.
    names: &'static [&'static str],
    /// The methods that the app may choose. The first one is the default.
    methods: &'static [Method],
    /// Comes after the contract's own path.
    path: &'static str,
    body: Option<&'static str>,
    placeholders: &'static [&'static str],
    repeat: Repeat,
}

static START: Rules = Rules {
    name: "start",
    names: &["method", "path", "body"],
    methods: &[Method::Post, Method::Put],
    path: "",
    body: Some(r#"{"agentId":"{agentId}","recordingType":"{recordingType}"}"#),
    placeholders: &["agentId", "recordingType"],
    repeat: Repeat::IfNotProcessed,
};

static READ: Rules = Rules {
    name: "read",
    names: &["path", "missingMeansStopped"],
    methods: &[Method::Get],
    path: "/{id}",
    body: None,
    placeholders: &["id", "agentId"],
    repeat: Repeat::Idempotent,
};

static STOP: Rules = Rules {
    name: "stop",
    names: &["method", "path", "body", "missingMeansStopped"],
    methods: &[Method::Patch, Method::Post, Method::Put, Method::Delete],
    path: "/{id}",
    body: Some(r#"{"state":"stopped"}"#),
    placeholders: &["id", "agentId"],
    repeat: Repeat::Idempotent,
};

static LIST: Rules = Rules {
    name: "list",
    names: &["path", "items"],
    methods: &[Method::Get],
    path: "?agentId={agentId}",
    body: None,
    placeholders: &["agentId"],
    repeat: Repeat::Idempotent,
};

impl Operation {
    /// The operation as it is unless the app says otherwise.
    fn new(rules: &'static Rules, path: &str, scopes: &AnyScope) -> Operation {
        Operation {
            rules,
            method: rules.methods.first().copied().unwrap_or(Method::Get),
            path: path.to_owned() + rules.path,
            body: rules.body.map(str::to_owned),
            scopes: scopes.clone(),
            missing_means_stopped: false,
        }
    }

    /// Applies what the app says. Returns the part of the contract that says it.
    fn apply<'a>(&mut self, contract: &Part<'a>) -> Part<'a> {
        let Rules { name, names, methods, placeholders, .. } = *self.rules;
        let part = contract.part(name, names);
        if let Some(text) = part.string("method") {
            match methods.iter().find(|method| method.as_str().eq_ignore_ascii_case(text)) {
                Some(method) => self.method = *method,
                None => {
                    let mut names = Vec::new();
                    for method in methods {
                        names.push(method.as_str());
                    }
                    part.note_wrong(format!("{} must be one of {}.", part.place("method"), joined(&names, ", ")));
                }
            }
        }
        self.missing_means_stopped = part.bool("missingMeansStopped");
        if let Some(path) = part.string("path") {
            path.clone_into(&mut self.path);
        }
        if let Err(wrong) = check_path(&part.place("path"), &self.path, placeholders) {
            part.note_wrong(wrong);
        }
        if part.is_null("body") || self.method == Method::Delete {
            self.body = None;
        }
        if !part.is_null("body")
            && let Some(body) = part.string("body")
        {
            self.body = Some(body.to_owned());
        }
        if let Some(Err(wrong)) = self.body.as_ref().map(|body| check(&part.place("body"), body, placeholders)) {
            part.note_wrong(wrong);
        }
        part
    }

    fn has(&self, placeholder: &str) -> bool {
        let has = |text: &str| contains(text.as_bytes(), placeholder.as_bytes());
        has(&self.path) || self.body.as_deref().is_some_and(has)
    }

    /// `None` if the path or the body needs a value that is not known.
    fn request(&self, values: Values<'_>, org_headers: &[String]) -> Option<ApiRequest> {
        let body = match &self.body {
            Some(body) => Some(fill(body, values, json_escaped).ok()?),
            None => None,
        };
        let mut request = ApiRequest::new(self.method, &fill_path(&self.path, values)?).with_org_headers(org_headers);
        request.repeat = self.rules.repeat;
        request.body = body;
        request.scopes = self.scopes.clone();
        Some(request)
    }
}

const PATH: &str = "/api/v2/screenrecordings";

const SCOPE: &str = "screenrecordings:write";

/// The header that the source document names for the organization's id.
pub(crate) const ORG_HEADER: &str = "X-Genesys-Organization-Id";

/// The names that a contract may have.
const NAMES: &[&str] = &[
    "path",
    "orgHeaders",
    "scope",
    "scopes",
    "idempotencyHeader",
    "http2",
    "checkDuplicates",
    "start",
    "read",
    "list",
    "stop",
    "fields",
    "states",
    "alreadyRunning",
];

impl Default for RecordingContract {
    fn default() -> RecordingContract {
        let scopes: AnyScope = Rc::new([SCOPE.to_owned()]);
        RecordingContract::new(PATH, &scopes, &scopes)
    }
}

impl RecordingContract {
    /// Reads what differs from the default. Absent and null mean that nothing does. A `body` is a text of JSON.
    pub fn from_json(json: &Json) -> Result<RecordingContract, Error> {
        if matches!(json, Json::Null) { Ok(RecordingContract::default()) } else { RecordingContract::read(json) }
    }

    /// Apart, so that a browser compiles it only for apps with a contract of their own.
    #[inline(never)]
    fn read(json: &Json) -> Result<RecordingContract, Error> {
        let first_wrong = RefCell::default();
        let contract = RecordingContract::of(&Part::contract(json, NAMES, &first_wrong));
        match first_wrong.take() {
            Some(wrong) => Err(bad(wrong)),
            None => Ok(contract),
        }
    }

    /// The default contract, but for its path and scopes.
    fn new(path: &str, start_scopes: &AnyScope, read_scopes: &AnyScope) -> RecordingContract {
        RecordingContract {
            start: Operation::new(&START, path, start_scopes),
            read: Operation::new(&READ, path, read_scopes),
            stop: Operation::new(&STOP, path, start_scopes),
            list: Some(Operation::new(&LIST, path, read_scopes)),
            shape: Shape::default(),
            already_running: Vec::new(),
            org_headers: vec![ORG_HEADER.to_owned()],
            idempotency_header: None,
            http2: false,
            check_duplicates: false,
        }
    }

    fn of(part: &Part<'_>) -> RecordingContract {
        let path = part.string("path").unwrap_or(PATH);
        if !is_plain_path(path) || path.ends_with('/') {
            part.note_wrong("contract.path must be a path such as \"/api/v2/screenrecordings\": no query, no \"..\", no \"/\" at its end.");
        }
        let scopes = part.part("scopes", &["start", "read"]);
        let scope = part.string("scope").unwrap_or(SCOPE);
        let start_scopes: AnyScope = scopes.strings("start").unwrap_or_else(|| vec![scope.to_owned()]).into();
        let read_scopes = scopes.strings("read").map_or_else(|| start_scopes.clone(), AnyScope::from);
        let are_scope_tokens = |scopes: &AnyScope| scopes.iter().all(|scope| is_scope_token(scope));
        if !is_scope_token(scope) || !are_scope_tokens(&start_scopes) || !are_scope_tokens(&read_scopes) {
            part.note_wrong("contract.scope and contract.scopes must name OAuth scopes (RFC 6749), such as \"screenrecordings:write\".");
        }
        let mut contract = RecordingContract::new(path, &start_scopes, &read_scopes);
        if part.is_null("list") {
            contract.list = None;
        }
        let items = contract.list.as_mut().and_then(|list| list.apply(part).string("items"));
        contract.read.apply(part);
        contract.stop.apply(part);
        contract.start.apply(part);
        contract.shape.apply(part, items);
        contract.already_running = part.strings("alreadyRunning").unwrap_or_default();
        if let Some(names) = part.strings("orgHeaders") {
            contract.org_headers = names;
        }
        contract.idempotency_header = part.string("idempotencyHeader").map(str::to_owned);
        contract.http2 = part.bool("http2");
        contract.check_duplicates = part.bool("checkDuplicates");
        contract.check(part);
        contract
    }

    /// Notes why a contract of valid parts cannot work.
    fn check(&self, part: &Part<'_>) {
        let not_free = |option: &str, name: &str, example: &str| {
            part.note_wrong(format!(
                "contract.{option}: \"{name}\" is no name of a header that a page may set and the request does not use already. Use a name such as \"{example}\"."
            ));
        };
        if let Some(name) = self.org_headers.iter().find(|name| !is_free_header(name)) {
            not_free("orgHeaders", name, ORG_HEADER);
        }
        let is_org_header = |name: &String| self.org_headers.iter().any(|other| other.eq_ignore_ascii_case(name));
        if let Some(name) = self.idempotency_header.as_ref().filter(|name| !is_free_header(name) || is_org_header(name)) {
            not_free("idempotencyHeader", name, "Idempotency-Key");
        }
        if !self.start.has("{agentId}") {
            part.note_wrong("contract.start needs {agentId} in its path or body: nothing else says whom to record.");
        }
        for operation in &[&self.read, &self.stop] {
            if !operation.has("{id}") && !operation.has("{agentId}") {
                let name = operation.rules.name;
                part.note_wrong(format!(
                    "contract.{name} needs {{id}} or {{agentId}} in its path or body: nothing else says which recording."
                ));
            }
        }
        if self.http2 && self.start.body.is_none() {
            part.note_wrong("contract.http2 streams the body of a start, and contract.start.body is null.");
        }
        if self.check_duplicates && !self.has_list() {
            part.note_wrong("contract.checkDuplicates looks at the list of recordings, and contract.list is null.");
        }
        if self.has_list() && !self.shape.names_agents() {
            part.note_wrong("contract.list cannot be read without contract.fields.agentId: set list to null, or name the field.");
        }
        if self.already_running.iter().any(String::is_empty) {
            part.note_wrong("contract.alreadyRunning has an empty code.");
        }
    }

    /// How a response describes a recording.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The OAuth scopes one of which a start needs.
    pub fn start_scopes(&self) -> &AnyScope {
        &self.start.scopes
    }

    /// The OAuth scopes that a token must have: one for a start, and if it matters whose a recording is, that for the user.
    pub(crate) fn token_scopes(&self) -> Vec<String> {
        let mut scopes = Vec::new();
        if let Some(scope) = self.start.scopes.first() {
            scopes.push(scope.clone());
        }
        if self.shape.needs_user() {
            for scope in OWN_DATA {
                scopes.push((*scope).to_owned());
            }
        }
        scopes
    }

    /// Names of the headers that carry the organization's id.
    pub fn org_headers(&self) -> &[String] {
        &self.org_headers
    }

    /// Whether there is a list of recordings.
    pub(crate) fn has_list(&self) -> bool {
        self.list.is_some()
    }

    /// The path of a start, with placeholders.
    pub(super) fn start_path(&self) -> &str {
        &self.start.path
    }

    /// The method and the path of a start, with placeholders.
    pub(crate) fn start_line(&self) -> String {
        self.start.method.as_str().to_owned() + " " + &self.start.path
    }

    /// Whether the cloud recognizes a repeated start.
    pub(crate) fn has_idempotency_header(&self) -> bool {
        self.idempotency_header.is_some()
    }

    /// Whether the cloud speaks HTTP/2.
    pub fn http2(&self) -> bool {
        self.http2
    }

    /// Whether to look after each start whether a second recording of the agent has begun.
    pub(crate) fn checks_duplicates(&self) -> bool {
        self.check_duplicates
    }

    /// Whether a start's refusal with this status and code means that the agent is being recorded already.
    pub(crate) fn means_already_running(&self, status: Option<u16>, code: Option<&str>) -> bool {
        status == Some(409) || code.is_some_and(|code| self.already_running.iter().any(|running| running == code))
    }

    /// Whether a 404 to a read means that the recording has stopped.
    pub(crate) fn missing_at_read_means_stopped(&self) -> bool {
        self.read.missing_means_stopped
    }

    /// Whether a 404 to a stop means that the recording has stopped.
    pub(crate) fn missing_at_stop_means_stopped(&self) -> bool {
        self.stop.missing_means_stopped
    }

    /// The request that starts a recording of this agent. `key`: the value of the idempotency header, if there is one.
    pub fn start(&self, agent: &AgentId, recording_type: &str, key: Option<String>) -> Result<ApiRequest, Error> {
        let values = [("agentId", agent.as_str()), ("recordingType", recording_type)];
        let mut request = self.request(&self.start, &values)?;
        request.idempotency = key.and_then(|key| Some((self.idempotency_header.clone()?, key)));
        request.agent = Some(agent.clone());
        Ok(request)
    }

    /// The request that lists the recordings of this agent, or of every agent.
    pub fn list(&self, agent: Option<&AgentId>) -> Result<ApiRequest, Error> {
        let values = agent.map(|agent| ("agentId", agent.as_str()));
        let Some(list) = &self.list else {
            return Err(bad("contract.list is null: this recording API lists nothing."));
        };
        self.request(list, values.as_slice())
    }

    /// The request that reads a recording.
    pub fn find(&self, id: &RecordingId, agent: Option<&AgentId>) -> Result<ApiRequest, Error> {
        self.of_one(&self.read, id, agent)
    }

    /// The request that stops a recording.
    pub fn stop(&self, id: &RecordingId, agent: Option<&AgentId>) -> Result<ApiRequest, Error> {
        self.of_one(&self.stop, id, agent)
    }

    fn of_one(&self, operation: &Operation, id: &RecordingId, agent: Option<&AgentId>) -> Result<ApiRequest, Error> {
        let mut values = vec![("id", id.as_str())];
        if let Some(agent) = agent {
            values.push(("agentId", agent.as_str()));
        }
        self.request(operation, &values)
    }

    fn request(&self, operation: &Operation, values: Values<'_>) -> Result<ApiRequest, Error> {
        let request = operation.request(values, &self.org_headers);
        request.ok_or_else(|| bad(format!("contract.{} needs an agent: pass `agentId`.", operation.rules.name)))
    }
}

/// Whether this is a header name that a page may set and that our requests do not use for something else.
fn is_free_header(name: &str) -> bool {
    may_be_set(name) && !name.eq_ignore_ascii_case("accept") && !name.eq_ignore_ascii_case("content-type")
}
