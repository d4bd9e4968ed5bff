//! What was asked of the cloud, in the order in which it arrived. Never any token text.

use std::collections::BTreeMap;

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, header::AUTHORIZATION},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;

use crate::{refusal::Refusal, world::Shared};

/// The platform's `request.bytes.max`.
const MOST_BODY_BYTES: usize = 512_000;

/// The header of the thread's answer, and the older one of its question.
pub(crate) const ORG_HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("x-genesys-organization-id"), HeaderName::from_static("x-gc-organization")];

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
    #[serde(skip)]
    number: u64,
    origin: Listener,
    method: String,
    path: String,
    query: Option<String>,
    token_org_id: Option<&'static str>,
    org_header: Option<String>,
    org_headers: BTreeMap<String, String>,
    agent_id: Option<String>,
    /// Null until the answer is sent, and for ever when the connection ends before it.
    status: Option<u16>,
}

#[derive(Default)]
pub(crate) struct Ledger {
    entries: Vec<Entry>,
    /// Outlives a clearing, so that a late answer never lands on another request's line.
    next_number: u64,
}

impl Ledger {
    fn open(&mut self, mut entry: Entry) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        entry.number = number;
        self.entries.push(entry);
        number
    }

    fn amend(&mut self, number: u64, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.number == number) {
            change(entry);
        }
    }

    pub(crate) fn clear(&mut self) {
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
    let number = open(&cloud, listener, &request);
    let (parts, body) = request.into_parts();
    let response = match to_bytes(body, MOST_BODY_BYTES).await {
        Ok(bytes) => {
            note_agent(&cloud, number, &bytes);
            next.run(Request::from_parts(parts, Body::from(bytes))).await
        }
        Err(_) => Refusal::body_too_large(MOST_BODY_BYTES).into_response(),
    };
    let status = response.status().as_u16();
    cloud.world().ledger.amend(number, |entry| entry.status = Some(status));
    response
}

fn open(cloud: &Shared, listener: Listener, request: &Request) -> u64 {
    let mut world = cloud.world();
    let tokens = &world.tokens;
    let org_headers: BTreeMap<_, _> =
        org_headers(request.headers()).map(|(name, value)| (name.to_string(), tokens.redact(&value))).collect();
    let entry = Entry {
        number: 0,
        origin: listener,
        method: request.method().to_string(),
        path: tokens.redact(request.uri().path()),
        query: request.uri().query().map(|query| tokens.redact(query)),
        token_org_id: tokens.organization(request.headers()).map(|organization| organization.id),
        org_header: ORG_HEADERS.iter().find_map(|name| org_headers.get(name.as_str()).cloned()),
        org_headers,
        agent_id: None,
        status: None,
    };
    world.ledger.open(entry)
}

fn note_agent(cloud: &Shared, number: u64, bytes: &Bytes) {
    let body: Option<Value> = serde_json::from_slice(bytes).ok();
    if let Some(agent_id) = body.as_ref().and_then(|body| body.get("agentId")?.as_str()) {
        let mut world = cloud.world();
        let agent_id = world.tokens.redact(agent_id);
        world.ledger.amend(number, |entry| entry.agent_id = Some(agent_id));
    }
}
