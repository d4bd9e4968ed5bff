//! Compares requests and answers with what Genesys publishes about their operations.
//!
//! published.json has the facts. Scopes, permissions and parameters are enforced from it. No answer is generated from it.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    sync::LazyLock,
};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, Method},
    middleware::Next,
    response::{IntoResponse, Response},
};
use boon::{Compiler, Format, SchemaIndex, Schemas, ValidationError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{ledger::Line, refusal::Refusal, request, token::Caller, world::Shared};

const FACTS: &str = include_str!("../published.json");
/// The base URI of the schemas. Nothing is requested from it.
const ADDRESS: &str = "https://standin.example/published.json";

/// `None` is impossible: the test `the_facts_can_be_read` reads the same text.
static PUBLISHED: LazyLock<Option<Published>> = LazyLock::new(|| Published::read().ok());

#[derive(Deserialize)]
struct Facts {
    /// Error codes of every operation, by status.
    codes: BTreeMap<String, Vec<String>>,
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
struct Operation {
    method: String,
    path: String,
    query: BTreeMap<String, Parameter>,
    body: Option<Value>,
    scopes: Vec<String>,
    /// Any one of them is enough.
    permissions: Vec<String>,
    answers: BTreeMap<String, Option<Value>>,
    /// Error codes of this operation only, by status.
    codes: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Parameter {
    #[serde(rename = "type")]
    kind: String,
}

struct Published {
    facts: Facts,
    schemas: Schemas,
    /// By their JSON pointers in published.json.
    places: BTreeMap<String, SchemaIndex>,
}

/// The differences from the published description, as the ledger shows them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Findings {
    operation: String,
    pub(crate) request: Vec<String>,
    pub(crate) answer: Vec<String>,
}

fn operation_place(place: usize) -> String {
    format!("/operations/{place}")
}

fn fits<Number: TryFrom<i64>>(value: &Value) -> Result<(), Box<dyn Error>> {
    match value.as_number().map(|number| number.as_i64().map(Number::try_from)) {
        None | Some(Some(Ok(_))) => Ok(()),
        Some(_) => Err("the number is too large, or none of its kind".into()),
    }
}

impl Published {
    fn read() -> Result<Self, Box<dyn Error>> {
        let document: Value = serde_json::from_str(FACTS)?;
        let facts: Facts = serde_json::from_str(FACTS)?;
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler.register_format(Format { name: "int32", func: fits::<i32> });
        compiler.register_format(Format { name: "int64", func: fits::<i64> });
        compiler.add_resource(ADDRESS, document)?;
        let mut wanted = BTreeSet::from(["/models/ErrorBody".to_owned()]);
        for (place, operation) in facts.operations.iter().enumerate() {
            let place = operation_place(place);
            wanted.extend(operation.query.keys().map(|name| format!("{place}/query/{name}")));
            wanted.extend(operation.body.iter().map(|_| format!("{place}/body")));
            let answers = operation.answers.iter().filter(|(_, model)| model.is_some());
            wanted.extend(answers.map(|(status, _)| format!("{place}/answers/{status}")));
        }
        let mut schemas = Schemas::new();
        let mut places = BTreeMap::new();
        for place in wanted {
            let index = compiler.compile(&format!("{ADDRESS}#{place}"), &mut schemas).map_err(|error| format!("{place}: {error:#}"))?;
            places.insert(place, index);
        }
        Ok(Self { facts, schemas, places })
    }

    fn find(&self, method: &str, path: &str) -> Option<(usize, &Operation)> {
        let is_it = |operation: &Operation| operation.method == method && matches(&operation.path, path);
        // `/users/me` is before `/users/{userId}`.
        self.facts.operations.iter().enumerate().find(|(_, operation)| is_it(operation))
    }

    fn against(&self, place: &str, value: &Value, what: &str) -> Vec<String> {
        let Some(index) = self.places.get(place) else { return vec![format!("{what}: nothing is known about {place}")] };
        match self.schemas.validate(value, *index) {
            Ok(()) => Vec::new(),
            Err(error) => leaves(&error).into_iter().map(|error| format!("{what}{}: {}", error.instance_location, error.kind)).collect(),
        }
    }
}

/// The errors without causes: the others only group them.
fn leaves<'error>(error: &'error ValidationError<'error, 'error>) -> Vec<&'error ValidationError<'error, 'error>> {
    if error.causes.is_empty() { vec![error] } else { error.causes.iter().flat_map(leaves).collect() }
}

fn matches(template: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted == given || (wanted.starts_with('{') && !given.is_empty()) => {}
            _ => return false,
        }
    }
}

/// A query value as JSON. A text that does not fit the type stays a text, which its schema then rejects.
fn typed(text: &str, kind: &str) -> Value {
    match kind {
        "boolean" | "integer" => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        // Clients repeat the parameter or send one list with commas.
        "array" => text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect(),
        _ => text.into(),
    }
}

impl Published {
    /// Invalid query values: name, value and error code.
    fn bad_values(&self, (place, operation): (usize, &Operation), query: &str) -> Vec<(String, String, &'static str)> {
        form_urlencoded::parse(query.as_bytes())
            .filter_map(|(name, text)| {
                let kind = operation.query.get(name.as_ref())?.kind.as_str();
                let place = format!("{}/query/{name}", operation_place(place));
                let is_good = self.against(&place, &typed(&text, kind), "").is_empty();
                let code = if ["boolean", "integer"].contains(&kind) { "invalid.value" } else { "invalid.query.param.value" };
                (!is_good).then(|| (name.into_owned(), text.into_owned(), code))
            })
            .collect()
    }

    fn judge_request(&self, found: (usize, &Operation), query: &str, headers: &HeaderMap, body: &[u8]) -> Vec<String> {
        let (place, operation) = found;
        let unknown = form_urlencoded::parse(query.as_bytes())
            .filter(|(name, _)| !operation.query.contains_key(name.as_ref()))
            .map(|(name, _)| format!("query: there is no parameter {name}"));
        let bad = self.bad_values(found, query);
        let bad = bad.into_iter().map(|(name, value, _)| format!("query: {name} cannot be {value}"));
        unknown.chain(bad).chain(self.judge_request_body(place, operation, headers, body)).collect()
    }

    fn judge_request_body(&self, place: usize, operation: &Operation, headers: &HeaderMap, body: &[u8]) -> Vec<String> {
        match (&operation.body, request::is_json(headers)) {
            (None, _) if body.is_empty() => Vec::new(),
            (None, _) => vec!["body: there should be none".to_owned()],
            (Some(_), false) => vec!["body: its type should be application/json".to_owned()],
            (Some(_), true) => match serde_json::from_slice(body) {
                Ok(value) => self.against(&format!("{}/body", operation_place(place)), &value, "body"),
                Err(error) => vec![format!("body: {error}")],
            },
        }
    }

    fn judge_answer(&self, (place, operation): (usize, &Operation), status: u16, headers: &HeaderMap, body: &[u8]) -> Vec<String> {
        let text = status.to_string();
        // The HTTP server removes the body later.
        let body: &[u8] = if operation.method == Method::HEAD.as_str() { &[] } else { body };
        let model = match operation.answers.get(&text) {
            Some(None) if body.is_empty() => return Vec::new(),
            Some(None) => return vec![format!("{status}: there should be no body")],
            Some(Some(_)) => format!("{}/answers/{status}", operation_place(place)),
            None if status >= 400 => "/models/ErrorBody".to_owned(),
            None => return vec![format!("{status}: this status is not published")],
        };
        if operation.method == Method::HEAD.as_str() {
            return Vec::new();
        }
        if !request::is_json(headers) {
            return vec![format!("{status}: the type of the body should be application/json")];
        }
        let value: Value = match serde_json::from_slice(body) {
            Ok(value) => value,
            Err(error) => return vec![format!("{status}: {error}")],
        };
        let mut findings = self.against(&model, &value, &format!("{status} "));
        if status >= 400 {
            let code = value.get("code").and_then(Value::as_str).unwrap_or_default();
            let known = [&self.facts.codes, &operation.codes].into_iter().filter_map(|codes| codes.get(&text)).flatten();
            if !known.into_iter().any(|known| known == code) {
                findings.push(format!("{status}: the code {code:?} is not published"));
            }
            if value.get("status") != Some(&json!(status)) {
                findings.push(format!("{status}: the body tells another status"));
            }
        }
        findings
    }
}

/// `None` if the operation is not published.
pub(crate) fn judge_request(method: &Method, path: &str, query: &str, headers: &HeaderMap, body: &Bytes) -> Option<Findings> {
    let published = PUBLISHED.as_ref()?;
    let found = published.find(method.as_str(), path)?;
    let operation = format!("{} {}", found.1.method, found.1.path);
    Some(Findings { operation, request: published.judge_request(found, query, headers, body), answer: Vec::new() })
}

/// Every permission that an operation needs. A user has all of them, unless the token's order lists others.
pub(crate) fn permissions() -> Vec<String> {
    let operations = PUBLISHED.iter().flat_map(|published| &published.facts.operations);
    let all: BTreeSet<_> = operations.flat_map(|operation| &operation.permissions).collect();
    all.into_iter().cloned().collect()
}

/// Refuses missing scopes, missing permissions and invalid query values. Each route refuses requests without a valid token.
pub(crate) async fn admit(State(cloud): State<Shared>, request: Request, next: Next) -> Response {
    match refusal(&cloud, &request) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    }
}

fn refusal(cloud: &Shared, request: &Request) -> Option<Refusal> {
    let published = PUBLISHED.as_ref()?;
    let found = published.find(request.method().as_str(), request.uri().path())?;
    let (_, operation) = found;
    let caller: &Caller = request.extensions().get()?;
    if let Err(refusal) = caller.require_client_scope(&cloud.world(), &operation.scopes) {
        return Some(refusal);
    }
    if !operation.permissions.is_empty() && !operation.permissions.iter().any(|permission| caller.grant.may(permission)) {
        let own = operation.codes.get("403").into_iter().flatten().find(|code| code.ends_with("permission.check.failed"));
        return Some(Refusal::permission(own.map_or("missing.any.permissions", String::as_str), &operation.permissions));
    }
    let bad = published.bad_values(found, request.uri().query().unwrap_or_default());
    bad.first().map(|(name, value, code)| Refusal::bad_parameter(code, name, value))
}

/// Records the differences of an answer in the ledger. Answers that faults make do not pass here.
pub(crate) async fn review(State(cloud): State<Shared>, request: Request, next: Next) -> Response {
    let found =
        PUBLISHED.as_ref().and_then(|published| Some((published, published.find(request.method().as_str(), request.uri().path())?)));
    let line = request.extensions().get::<Line>().copied();
    let response = next.run(request).await;
    let (Some((published, found)), Some(line)) = (found, line) else { return response };
    let (parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return Refusal::internal("The answer could not be read.").into_response();
    };
    let findings = published.judge_answer(found, parts.status.as_u16(), &parts.headers, &body);
    cloud.world().ledger.reviewed(line, findings);
    Response::from_parts(parts, Body::from(body))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use axum::http::{HeaderValue, header::CONTENT_TYPE};

    use super::*;

    fn published() -> Published {
        Published::read().unwrap()
    }

    fn json_type() -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))])
    }

    fn answer(method: &str, path: &str, status: u16, body: &Value) -> Vec<String> {
        let published = published();
        let found = published.find(method, path).unwrap();
        published.judge_answer(found, status, &json_type(), body.to_string().as_bytes())
    }

    fn request(method: &str, path: &str, query: &str, headers: &HeaderMap, body: &str) -> Vec<String> {
        let published = published();
        published.judge_request(published.find(method, path).unwrap(), query, headers, body.as_bytes())
    }

    const USER: &str = "/api/v2/users/1";
    const STATE: &str = "/api/v2/conversations/1/recordingstate";

    #[test]
    fn the_facts_can_be_read() {
        assert_eq!(published().facts.operations.len(), 14);
        assert!(PUBLISHED.is_some());
        assert_eq!(published().find("GET", "/api/v2/users/me").unwrap().1.path, "/api/v2/users/me");
        for (method, path) in [("PUT", USER), ("GET", "/api/v2/users/"), ("GET", "/api/v2/users/1/2"), ("GET", "/api/v2/screenrecordings")]
        {
            assert!(published().find(method, path).is_none(), "{method} {path}");
        }
    }

    #[test]
    fn a_good_answer_has_no_findings() {
        for (path, status, body) in [
            (USER, 200, json!({"id": "1", "version": 1, "selfUri": "/api/v2/users/1"})),
            (USER, 404, json!({"status": 404, "code": "general.resource.not.found"})),
            ("/api/v2/conversations/1", 200, json!({"startTime": "2026-01-01T00:00:00.000Z", "participants": []})),
            ("/api/v2/conversations/1/recordingmetadata", 200, json!([{"mediaSubtype": "Screen"}])),
        ] {
            assert_eq!(answer("GET", path, status, &body), [""; 0], "{path} {status}");
        }
    }

    #[test]
    fn a_wrong_answer_is_found() {
        for (path, status, body, finding) in [
            (USER, 200, json!({"id": "1"}), "version"),
            (USER, 200, json!({"version": "1"}), "200 /version"),
            (USER, 200, json!({"version": 2_147_483_648_i64}), "200 /version"),
            (USER, 200, json!({"version": 1, "state": "asleep"}), "200 /state"),
            (USER, 200, json!({"version": 1, "invented": true}), "invented"),
            (USER, 200, json!({"version": 1, "selfUri": "not a uri"}), "200 /selfUri"),
            (USER, 201, json!({"version": 1}), "201"),
            (USER, 404, json!({"status": 404, "code": "user.not.found"}), "user.not.found"),
            (USER, 404, json!({"status": 404}), "\"\""),
            (USER, 404, json!({"status": 400, "code": "not.found"}), "another status"),
            (USER, 418, json!({"status": 418, "code": "not.found"}), "not.found"),
            ("/api/v2/conversations/1", 200, json!({"participants": []}), "startTime"),
            ("/api/v2/conversations/1", 200, json!({"startTime": "today", "participants": []}), "200 /startTime"),
            ("/api/v2/conversations/1/recordingmetadata", 200, json!([{"mediaSubtype": "screen"}]), "200 /0/mediaSubtype"),
        ] {
            let findings = answer("GET", path, status, &body);
            assert!(findings.len() == 1 && findings.concat().contains(finding), "{path} {status} {body}: {findings:?}");
        }
        assert_eq!(answer("PATCH", STATE, 202, &json!({})), ["202: there should be no body"]);
        let published = published();
        let found = published.find("GET", USER).unwrap();
        assert_eq!(published.judge_answer(found, 200, &HeaderMap::new(), br#"{"version": 1}"#).len(), 1);
        assert_eq!(published.judge_answer(found, 200, &json_type(), b"<html>").len(), 1);
    }

    #[test]
    fn a_good_request_has_no_findings() {
        let none = HeaderMap::new();
        for (path, query) in [
            ("/api/v2/tokens/me", "preserveIdleTTL=true"),
            ("/api/v2/users/me", "expand=trustors,organization&expand=token"),
            ("/api/v2/users", "pageSize=25&pageNumber=2&id=1&id=2"),
            (USER, ""),
        ] {
            assert_eq!(request("GET", path, query, &none, ""), [""; 0], "{path}?{query}");
        }
        assert_eq!(request("PATCH", STATE, "", &json_type(), r#"{"recordingState":"PAUSED"}"#), [""; 0]);
    }

    #[test]
    fn a_wrong_request_is_found() {
        let none = HeaderMap::new();
        for (path, query, finding) in [
            ("/api/v2/tokens/me", "preserveIdleTTL=perhaps", "preserveIdleTTL cannot be perhaps"),
            ("/api/v2/users/me", "expand=trustors,everything", "expand cannot be"),
            ("/api/v2/users", "pageSize=many", "pageSize"),
            ("/api/v2/users", "pagesize=1", "pagesize"),
            (USER, "state=asleep", "state"),
        ] {
            let findings = request("GET", path, query, &none, "");
            assert!(findings.len() == 1 && findings.concat().contains(finding), "{path}?{query}: {findings:?}");
        }
        for (headers, body) in [
            (json_type(), r#"{"recordingState":"paused"}"#),
            (json_type(), r#"{"state":"PAUSED"}"#),
            (json_type(), "PAUSED"),
            (none.clone(), r#"{"recordingState":"PAUSED"}"#),
            (none.clone(), ""),
        ] {
            assert_eq!(request("PATCH", STATE, "", &headers, body).len(), 1, "{body}");
        }
        assert_eq!(request("POST", "/api/v2/users/1/screenmonitors/sessions", "", &json_type(), "{}").len(), 1);
    }
}
