//! What was asked of the cloud, in the order in which it arrived. Never any token text.

use std::collections::BTreeMap;

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue,
        header::{AUTHORIZATION, CONTENT_TYPE},
        request::Parts,
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    api::CORRELATION_ID,
    fault::StreamError,
    grant::GrantType,
    organization::Organization,
    parameters::Parameters,
    published::{self, Findings},
    refusal::Refusal,
    secret,
    world::Shared,
};

/// The platform's `request.bytes.max`.
const MOST_BODY_BYTES: usize = 512_000;

/// The header of the thread's answer, and the older one of its question.
pub(crate) const ORG_HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("x-genesys-organization-id"), HeaderName::from_static("x-gc-organization")];

/// Where a request stands in the ledger, those before a clearing included.
#[derive(Clone, Copy)]
pub(crate) struct Line(usize);

#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Listener {
    Api,
    Login,
    Apps,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    origin: Listener,
    method: String,
    path: String,
    query: Option<String>,
    token_org_id: Option<&'static str>,
    /// Null on every origin but the api.
    token_expired: Option<bool>,
    org_header: Option<String>,
    org_headers: BTreeMap<String, String>,
    /// Null while no setting names its header.
    idempotency_key: Option<String>,
    agent_id: Option<String>,
    grant_type: Option<GrantType>,
    issued_org_id: Option<&'static str>,
    target_org_id: Option<String>,
    content_type: Option<String>,
    /// Null if the operation is not published.
    published: Option<Findings>,
    /// Null until the answer is sent, and for ever when the connection ends before it.
    status: Option<u16>,
    /// Null as long as `status` is.
    correlation_id: Option<String>,
    /// By the machine's clock, in milliseconds since 1970.
    received_at: i64,
}

#[derive(Default)]
pub(crate) struct Ledger {
    entries: Vec<Entry>,
    /// How many there were before, so that a late answer never lands on another request's line.
    cleared: usize,
}

impl Ledger {
    fn open(&mut self, entry: Entry) -> Line {
        let line = Line(self.cleared + self.entries.len());
        self.entries.push(entry);
        line
    }

    /// An access token was issued, whether or not its client hears of it.
    pub(crate) fn issued_for(&mut self, line: Line, organization: &'static Organization) {
        self.amend(line, |entry| entry.issued_org_id = Some(organization.id));
    }

    pub(crate) fn reviewed(&mut self, line: Line, answer: Vec<String>) {
        self.amend(line, |entry| {
            if let Some(findings) = &mut entry.published {
                findings.answer = answer;
            }
        });
    }

    fn amend(&mut self, line: Line, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = line.0.checked_sub(self.cleared).and_then(|place| self.entries.get_mut(place)) {
            change(entry);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.cleared += self.entries.len();
        self.entries.clear();
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.entries.clone()
    }
}

pub(crate) fn org_headers(headers: &HeaderMap) -> impl Iterator<Item = (HeaderName, String)> {
    ORG_HEADERS.into_iter().filter_map(|name| {
        let value = String::from_utf8_lossy(headers.get(&name)?.as_bytes()).into_owned();
        Some((name, value))
    })
}

/// Keeps the ledger of one listener.
pub(crate) async fn keep(State((cloud, listener)): State<(Shared, Listener)>, request: Request, next: Next) -> Response {
    // Files are no calls; a token that reaches their origin has leaked, though, and must show.
    if listener == Listener::Apps && !request.headers().contains_key(AUTHORIZATION) {
        return next.run(request).await;
    }
    let line = open(&cloud, listener, &request);
    let (mut parts, body) = request.into_parts();
    let answer = match to_bytes(body, MOST_BODY_BYTES).await {
        Ok(bytes) => {
            note_body(&cloud, line, &parts, &bytes);
            parts.extensions.insert(line);
            next.run(Request::from_parts(parts, Body::from(bytes))).await
        }
        Err(_) => Refusal::body_too_large(MOST_BODY_BYTES).into_response(),
    };
    let response = if listener == Listener::Apps { answer } else { correlate(answer) };
    let is_lost = response.extensions().get::<StreamError>().is_some();
    let status = (!is_lost).then(|| response.status().as_u16());
    let correlation_id = response.headers().get(CORRELATION_ID).filter(|_| !is_lost);
    let correlation_id = correlation_id.and_then(|id| id.to_str().ok()).map(|id| cloud.world().redact(id));
    cloud.world().ledger.amend(line, |entry| {
        entry.status = status;
        entry.correlation_id = correlation_id;
    });
    response
}

/// Gives an answer its correlation id, unless a fault has given one.
fn correlate(mut response: Response) -> Response {
    if let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
        response.headers_mut().entry(CORRELATION_ID).or_insert(id);
    }
    response
}

fn open(cloud: &Shared, listener: Listener, request: &Request) -> Line {
    let mut world = cloud.world();
    let org_headers: BTreeMap<_, _> =
        org_headers(request.headers()).map(|(name, value)| (name.to_string(), world.redact(&value))).collect();
    let is_expired = world.tokens.is_expired(request.headers(), world.clock.now(), world.settings.idle_seconds);
    let entry = Entry {
        origin: listener,
        method: request.method().to_string(),
        path: world.redact(request.uri().path()),
        query: request.uri().query().map(|query| secret::strike_out_parameters(&world.redact(query))),
        token_org_id: world.tokens.organization(request.headers()).map(|organization| organization.id),
        token_expired: (listener == Listener::Api).then_some(is_expired),
        org_header: ORG_HEADERS.iter().find_map(|name| org_headers.get(name.as_str()).cloned()),
        org_headers,
        idempotency_key: world.settings.idempotency_key(request.headers()).map(|key| world.redact(&key)),
        agent_id: None,
        grant_type: None,
        issued_org_id: None,
        target_org_id: None,
        content_type: request.headers().get(CONTENT_TYPE).map(|value| world.redact(&String::from_utf8_lossy(value.as_bytes()))),
        published: None,
        status: None,
        correlation_id: None,
        received_at: Timestamp::now().as_millisecond(),
    };
    world.ledger.open(entry)
}

/// The agent in the path of a start.
fn agent_in(path: &str) -> Option<&str> {
    let agent = path.strip_prefix("/api/v2/users/").and_then(|path| path.strip_suffix("/screenmonitors/sessions"));
    agent.or_else(|| path.strip_prefix("/gateway/v7/agents/").and_then(|path| path.strip_suffix("/capture")))
}

fn note_body(cloud: &Shared, line: Line, parts: &Parts, bytes: &Bytes) {
    let mut world = cloud.world();
    let json: Option<Value> = serde_json::from_slice(bytes).ok();
    let agent_id = json.as_ref().and_then(|body| body.get("agentId")?.as_str()).or_else(|| agent_in(parts.uri.path()));
    let agent_id = agent_id.map(|agent_id| world.redact(agent_id));
    let form = Parameters::parse(bytes);
    let query = Parameters::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let (grant_type, target) = match parts.uri.path() {
        "/oauth/token" => (form.get("grant_type").and_then(GrantType::parse), None),
        "/oauth/authorize" => (None, query.get("target").or_else(|| form.get("target")).map(|target| world.redact(target))),
        _ => (None, None),
    };
    let is_api = parts.uri.path().starts_with("/api/v2/");
    let published = is_api
        .then(|| published::judge_request(&parts.method, parts.uri.path(), parts.uri.query().unwrap_or_default(), &parts.headers, bytes));
    let published = published.flatten().map(|mut findings| {
        findings.request.iter_mut().for_each(|finding| *finding = world.redact(finding));
        findings
    });
    world.ledger.amend(line, |entry| {
        entry.published = published;
        entry.agent_id = agent_id;
        entry.grant_type = grant_type;
        entry.target_org_id = target;
    });
}
