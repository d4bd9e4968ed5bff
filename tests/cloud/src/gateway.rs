//! A made-up recording API in which every name is different, for tests that a contract is data.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::{get, post, put},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    clock,
    organization::Organization,
    recording::{self, Line},
    refusal::Refusal,
    request::{Told, read_json, text_field},
    token::Caller,
    user::User,
    world::{Shared, World},
};

/// Enforced by the same setting as the published scopes.
const SCOPES: &[&str] = &["captures"];

const FIRST_REF: usize = 4711;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/gateway/v7/agents/{id}/capture", put(start))
        .route("/gateway/v7/captures/{ref}", get(find))
        .route("/gateway/v7/captures/{ref}/end", post(end))
}

struct Capture {
    agent: User,
    begun: String,
    ended: Option<String>,
}

#[derive(Default)]
pub(crate) struct Captures {
    /// The first is [`FIRST_REF`].
    begun: Vec<Capture>,
}

impl Captures {
    fn model(&self, place: usize) -> Option<Value> {
        let Capture { agent, begun, ended } = self.begun.get(place)?;
        let phase = if ended.is_some() { "ENDED" } else { "RUNNING" };
        Some(json!({"job": {"ref": FIRST_REF + place, "owner": {"key": agent.agent.id}, "phase": phase, "begun": begun}}))
    }

    fn start(&mut self, agent: User, now: Timestamp) -> Result<usize, Refusal> {
        let id = agent.agent.id;
        if !agent.agent.logged_in {
            return Err(refused("agent.offline", format!("Agent [{id}] is offline.")));
        }
        if self.begun.iter().any(|capture| capture.agent.agent.id == id && capture.ended.is_none()) {
            return Err(refused("capture.exists", format!("Agent [{id}] is captured already.")));
        }
        self.begun.push(Capture { agent, begun: clock::iso(now), ended: None });
        Ok(self.begun.len() - 1)
    }

    fn place(&self, organization: &Organization, reference: &str) -> Result<usize, Refusal> {
        let place = reference.parse::<usize>().ok().and_then(|number| number.checked_sub(FIRST_REF));
        place
            .filter(|place| self.begun.get(*place).is_some_and(|capture| capture.agent.home.id == organization.id))
            .ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "capture.unknown", format!("There is no capture [{reference}].")))
    }

    /// Ending twice is one end.
    fn end(&mut self, place: usize, now: Timestamp) {
        if let Some(capture) = self.begun.get_mut(place) {
            capture.ended.get_or_insert_with(|| clock::iso(now));
        }
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        self.begun
            .iter()
            .enumerate()
            .map(|(place, capture)| Line {
                id: (FIRST_REF + place).to_string(),
                org_id: capture.agent.home.id,
                agent_id: capture.agent.agent.id,
                supervisor_id: None,
                state: capture.ended.as_ref().map_or(recording::State::Recording, |_| recording::State::Stopped),
                started_at: capture.begun.clone(),
                stopped_at: capture.ended.clone(),
            })
            .collect()
    }
}

fn refused(code: &'static str, message: String) -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, code, message)
}

fn answer(captures: &Captures, place: usize) -> Result<Json<Value>, Refusal> {
    captures.model(place).map(Json).ok_or_else(|| Refusal::internal("The capture is gone."))
}

async fn start(
    State(cloud): State<Shared>,
    caller: Caller,
    Told(Path(agent_id)): Told<Path<String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let mut world = cloud.world();
    caller.require_client_scope(&world, SCOPES)?;
    let body = read_json(&headers, &body)?;
    if body != json!({"capture": {"kind": "screen"}}) {
        return Err(Refusal::bad_request("The body must be [{\"capture\":{\"kind\":\"screen\"}}]."));
    }
    let agent = world.directory.user(&agent_id).ok_or_else(Refusal::not_found)?;
    if agent.home.id != caller.grant.organization.id {
        return Err(Refusal::other_organization());
    }
    let World { captures, clock, .. } = &mut *world;
    let place = captures.start(agent, clock.now())?;
    answer(captures, place)
}

async fn find(State(cloud): State<Shared>, caller: Caller, Told(Path(reference)): Told<Path<String>>) -> Result<Json<Value>, Refusal> {
    let world = cloud.world();
    caller.require_client_scope(&world, SCOPES)?;
    answer(&world.captures, world.captures.place(caller.grant.organization, &reference)?)
}

async fn end(
    State(cloud): State<Shared>,
    caller: Caller,
    Told(Path(reference)): Told<Path<String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let mut world = cloud.world();
    caller.require_client_scope(&world, SCOPES)?;
    let body = read_json(&headers, &body)?;
    if text_field(&body, "reason")? != "done" {
        return Err(Refusal::bad_field("reason", "reason must be [done]."));
    }
    let World { captures, clock, .. } = &mut *world;
    let place = captures.place(caller.grant.organization, &reference)?;
    captures.end(place, clock.now());
    answer(captures, place)
}
