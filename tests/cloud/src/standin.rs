//! The controls, which no real cloud has: for tests and for curious people.

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderValue, StatusCode, header::CONNECTION},
    middleware::map_response,
    response::Response,
    routing::{get, post},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    client::{self, Client},
    clock::{self, Clock},
    conversation, directory, fault,
    organization::Organization,
    refusal::{self, Refusal},
    settings::{Change, Settings},
    token::{self, Issued},
    world::{Shared, World},
};

pub(crate) fn router(cloud: &Shared) -> Router {
    Router::new()
        .route("/orgs", get(organizations).post(add_organizations))
        .route("/tokens", post(issue))
        .route("/clients", get(clients).post(add_client))
        .route("/conversations", get(conversations).post(add_conversation))
        .route("/ledger", get(ledger))
        .route("/faults", post(add_fault))
        .route("/release", post(release))
        .route("/settings", get(settings).post(change_settings))
        .route("/clock", post(advance))
        .route("/reset", post(reset))
        .fallback(refusal::not_found)
        .method_not_allowed_fallback(refusal::not_found)
        .with_state(cloud.clone())
        .layer(map_response(end_connection))
}

/// A control may end the connections that are kept: the one that it comes over must not be among them.
async fn end_connection(mut response: Response) -> Response {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Whatever its content type says: `curl -d` says that it is a form.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::bad_request(format!("Bad control request: {error}.")))
}

async fn organizations(State(cloud): State<Shared>) -> Json<Vec<&'static Organization>> {
    Json(cloud.world().directory.organizations())
}

async fn add_organizations(State(cloud): State<Shared>, body: Bytes) -> Result<Json<Vec<&'static Organization>>, Refusal> {
    let order: directory::Order = read(&body)?;
    let World { directory, conversations, clock, .. } = &mut *cloud.world();
    let added = directory.add(&order)?;
    added.iter().for_each(|organization| conversations.enter(organization, clock.now()));
    Ok(Json(added))
}

async fn conversations(State(cloud): State<Shared>) -> Json<Vec<conversation::Line>> {
    Json(cloud.world().conversations.lines())
}

async fn add_conversation(State(cloud): State<Shared>, body: Bytes) -> Result<Json<conversation::Line>, Refusal> {
    let order: conversation::Order = read(&body)?;
    let World { directory, conversations, clock, .. } = &mut *cloud.world();
    Ok(Json(conversations.add(order, directory, clock.now())?))
}

async fn issue(State(cloud): State<Shared>, body: Bytes) -> Result<Json<Issued>, Refusal> {
    let order: token::Order = read(&body)?;
    let mut world = cloud.world();
    let now = world.clock.now();
    let draft = order.read(&world.directory)?;
    Ok(Json(world.tokens.issue(draft, now, &cloud.origins.login)?))
}

async fn clients(State(cloud): State<Shared>) -> Json<Vec<Client>> {
    Json(cloud.world().clients.all())
}

async fn add_client(State(cloud): State<Shared>, body: Bytes) -> Result<Json<Client>, Refusal> {
    let order: client::Order = read(&body)?;
    let World { clients, directory, .. } = &mut *cloud.world();
    Ok(Json(clients.add(order, directory)?))
}

async fn ledger(State(cloud): State<Shared>) -> Json<Value> {
    let world = cloud.world();
    let tokens = world.tokens.lines(world.clock.now(), world.settings.idle_seconds);
    Json(json!({
        "requests": world.ledger.entries(),
        "recordings": world.recordings.lines(),
        "monitorings": world.monitorings.lines(),
        "captures": world.captures.lines(),
        "tokens": tokens,
    }))
}

async fn add_fault(State(cloud): State<Shared>, body: Bytes) -> Result<StatusCode, Refusal> {
    let order: fault::Order = read(&body)?;
    cloud.world().faults.add(order)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn release(State(cloud): State<Shared>) -> StatusCode {
    cloud.world().faults.release();
    StatusCode::NO_CONTENT
}

async fn settings(State(cloud): State<Shared>) -> Json<Settings> {
    Json(cloud.world().settings.clone())
}

async fn change_settings(State(cloud): State<Shared>, body: Bytes) -> Result<Json<Settings>, Refusal> {
    let change: Change = read(&body)?;
    cloud.change(|World { settings, clock, .. }| {
        settings.merge(change)?;
        clock.run(settings.clock_speed);
        Ok(Json(settings.clone()))
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Advance {
    advance_seconds: u64,
}

/// Lets a test see what expires without waiting for it.
async fn advance(State(cloud): State<Shared>, body: Bytes) -> Result<Json<Value>, Refusal> {
    let Advance { advance_seconds } = read(&body)?;
    if advance_seconds > Clock::MOST_SECONDS {
        return Err(Refusal::bad_request(format!("advanceSeconds must be at most {}.", Clock::MOST_SECONDS)));
    }
    let mut world = cloud.world();
    world.clock.advance(advance_seconds);
    Ok(Json(json!({"now": clock::iso(world.clock.now())})))
}

async fn reset(State(cloud): State<Shared>) -> StatusCode {
    cloud.change(World::reset);
    StatusCode::NO_CONTENT
}
