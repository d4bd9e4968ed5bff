//! The platform API: what a token of one organization can see and do.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{FromRequestParts, Path, Query, State},
    http::{HeaderMap, HeaderName, StatusCode, request::Parts},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    clock, conversation, cors, fault, files, gateway,
    grant::Grant,
    ledger::{self, Listener},
    monitoring,
    organization::{Agent, Organization, PARTNER},
    published,
    recording::Recording,
    refusal::{self, Refusal},
    request::{Told, read_json, text_field},
    settings::Listing,
    standin,
    token::{self, Caller},
    trust::Trust,
    user::User,
    world::{Shared, World},
};

pub(crate) const CORRELATION_ID: HeaderName = HeaderName::from_static("inin-correlation-id");

/// By the source's thread; no published scope of the platform ends in `:write`.
const WRITE_SCOPE: &str = "screenrecordings:write";

pub(crate) fn router(cloud: &Shared) -> Router {
    let api = Router::new()
        .route("/api/v2/tokens/me", get(token_info).delete(revoke))
        .route("/api/v2/users", get(users))
        .route("/api/v2/users/me", get(user_me))
        .route("/api/v2/users/{id}", get(user))
        .route("/api/v2/organizations/me", get(organization_me))
        .route("/api/v2/screenrecordings", get(list).post(start))
        .route("/api/v2/screenrecordings/{id}", get(find).patch(change))
        .merge(monitoring::routes())
        .merge(conversation::routes())
        .merge(gateway::routes())
        .merge(files::routes())
        .fallback(refusal::not_found)
        .method_not_allowed_fallback(refusal::not_found)
        .with_state(cloud.clone())
        .layer(from_fn_with_state(cloud.clone(), published::admit))
        .layer(from_fn_with_state(cloud.clone(), token::gate))
        .layer(from_fn_with_state(cloud.clone(), published::review))
        .layer(from_fn_with_state(cloud.clone(), fault::inject))
        .layer(from_fn_with_state((cloud.clone(), Listener::Api), ledger::keep));
    Router::new()
        .nest("/standin", standin::router(cloud))
        .route_service(files::PATH, api.clone().into_service())
        .fallback_service(api)
        .layer(from_fn_with_state(cloud.clone(), cors::answer))
        .layer(from_fn_with_state(cloud.clone(), clock::date))
}

#[derive(Serialize)]
struct Name {
    id: &'static str,
    name: &'static str,
}

impl From<&'static Organization> for Name {
    fn from(organization: &'static Organization) -> Self {
        Self { id: organization.id, name: organization.name }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenInfo {
    organization: Name,
    home_organization: Name,
    authorized_scope: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloned_user: Option<Value>,
    date_token_idles: String,
    #[serde(rename = "OAuthClient")]
    oauth_client: Value,
}

impl From<&Caller> for TokenInfo {
    fn from(caller: &Caller) -> Self {
        let Grant { client_id, user, organization, scopes, .. } = &caller.grant;
        let trustee = user.filter(|user| user.home.id != organization.id);
        // A client is of the vendor's organization, unless the token's own organization has made it for its backend.
        let (name, owner, grant_type) = match user {
            Some(_) => ("Screen recording Premium App", PARTNER, "CODE"),
            None => ("Screen recording backend", *organization, "CLIENT-CREDENTIALS"),
        };
        Self {
            organization: Name::from(*organization),
            home_organization: Name::from(caller.grant.home()),
            authorized_scope: scopes.clone(),
            cloned_user: trustee.map(|User { agent, home }| json!({"id": agent.id, "organization": {"id": home.id}})),
            date_token_idles: clock::iso(caller.idles_at),
            oauth_client: json!({
                "id": client_id,
                "name": name,
                "organization": Name::from(owner),
                "authorizedGrantType": grant_type,
                "scope": scopes,
                "state": "active",
            }),
        }
    }
}

/// The `version` of every user and organization: nothing here ever changes.
const VERSION: u32 = 1;

/// The published model of an organization, without the fields that may be left out.
#[derive(Serialize)]
struct Summary {
    id: &'static str,
    name: &'static str,
    version: u32,
}

impl From<&'static Organization> for Summary {
    fn from(organization: &'static Organization) -> Self {
        Self { id: organization.id, name: organization.name, version: VERSION }
    }
}

/// An organization that the user's own is trusted by.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Trustor {
    id: &'static str,
    enabled: bool,
    organization: Summary,
    self_uri: String,
}

impl From<&Trust> for Trustor {
    fn from(trust: &Trust) -> Self {
        let id = trust.trustor.id;
        Self { id, enabled: trust.enabled, organization: trust.trustor.into(), self_uri: format!("/api/v2/orgauthorization/trustors/{id}") }
    }
}

/// What the user may do.
#[derive(Serialize)]
struct Authorization {
    permissions: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserMe {
    id: &'static str,
    name: &'static str,
    state: &'static str,
    version: u32,
    self_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization: Option<Authorization>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<TokenInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trustors: Option<Vec<Trustor>>,
}

impl From<&'static Agent> for UserMe {
    fn from(agent: &'static Agent) -> Self {
        Self {
            id: agent.id,
            name: agent.name,
            state: "active",
            version: VERSION,
            self_uri: format!("/api/v2/users/{}", agent.id),
            authorization: None,
            organization: None,
            token: None,
            trustors: None,
        }
    }
}

async fn token_info(caller: Caller) -> Json<TokenInfo> {
    Json(TokenInfo::from(&caller))
}

async fn revoke(State(cloud): State<Shared>, caller: Caller) -> StatusCode {
    cloud.world().tokens.revoke(&caller);
    StatusCode::OK
}

/// What `expand` asks for. It may be repeated, as the published API declares it, and may hold a list with commas, as the
/// official JavaScript SDK sends it.
struct Expansion(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Expansion {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let Told(Query(query)) = Told::from_request_parts(parts, state).await?;
        Ok(Self(query))
    }
}

impl Expansion {
    fn has(&self, part: &str) -> bool {
        self.0.iter().any(|(name, parts)| name == "expand" && parts.split(',').any(|wanted| wanted.trim() == part))
    }

    fn authorization(&self, permissions: impl FnOnce() -> Vec<String>) -> Option<Authorization> {
        self.has("authorization").then(|| Authorization { permissions: permissions() })
    }
}

async fn user_me(caller: Caller, expansion: Expansion) -> Result<Json<UserMe>, Refusal> {
    let user = caller.grant.user.ok_or_else(Refusal::not_a_user)?;
    Ok(Json(UserMe {
        authorization: expansion.authorization(|| caller.grant.permissions.clone().unwrap_or_else(published::permissions)),
        organization: expansion.has("organization").then(|| caller.grant.organization.into()),
        token: expansion.has("token").then(|| TokenInfo::from(&caller)),
        trustors: expansion.has("trustors").then(|| user.trusts().map(Trustor::from).collect()),
        ..user.agent.into()
    }))
}

async fn user(
    State(cloud): State<Shared>,
    caller: Caller,
    Told(Path(id)): Told<Path<String>>,
    expansion: Expansion,
) -> Result<Json<UserMe>, Refusal> {
    let world = cloud.world();
    let user = world.directory.user(&id).filter(|user| user.home.id == caller.grant.organization.id);
    let user =
        user.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, world.settings.unknown_user_code.text(), "There is no such user."))?;
    Ok(Json(UserMe { authorization: expansion.authorization(published::permissions), ..user.agent.into() }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    page_size: Option<usize>,
    page_number: Option<usize>,
}

const PAGE_SIZE: usize = 25;
const MOST_PER_PAGE: usize = 500;

/// The published model `UserEntityListing`. The addresses of pages are paths.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserListing {
    entities: Vec<UserMe>,
    page_size: usize,
    page_number: usize,
    page_count: usize,
    total: usize,
    first_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_uri: Option<String>,
    self_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_uri: Option<String>,
    last_uri: String,
}

async fn users(caller: Caller, Told(Query(Page { page_size, page_number })): Told<Query<Page>>) -> Result<Json<UserListing>, Refusal> {
    let (size, number) = (page_size.unwrap_or(PAGE_SIZE), page_number.unwrap_or(1));
    if !(1..=MOST_PER_PAGE).contains(&size) {
        return Err(Refusal::bad_field("pageSize", format!("pageSize must be between 1 and {MOST_PER_PAGE}.")));
    }
    if number == 0 {
        return Err(Refusal::bad_field("pageNumber", "pageNumber must be at least 1."));
    }
    let agents = caller.grant.organization.agents;
    let pages = agents.len().div_ceil(size).max(1);
    let uri = |number: usize| format!("/api/v2/users?pageSize={size}&pageNumber={number}");
    let neighbour = |number: Option<usize>| number.filter(|number| (1..=pages).contains(number)).map(uri);
    Ok(Json(UserListing {
        entities: agents.chunks(size).nth(number - 1).unwrap_or_default().iter().map(UserMe::from).collect(),
        page_size: size,
        page_number: number,
        page_count: pages,
        total: agents.len(),
        first_uri: uri(1),
        previous_uri: neighbour(number.checked_sub(1)),
        self_uri: uri(number),
        next_uri: neighbour(number.checked_add(1)),
        last_uri: uri(pages),
    }))
}

async fn organization_me(caller: Caller) -> Json<Value> {
    let organization = caller.grant.organization;
    let short_name = organization.short_name();
    Json(json!({
        "id": organization.id,
        "name": organization.name,
        "thirdPartyOrgName": short_name,
        "domain": format!("{short_name}.example"),
        "defaultLanguage": "en-US",
        "defaultCountryCode": "US",
        "state": "active",
        "features": {},
        "version": VERSION,
        "selfUri": "/api/v2/organizations/me",
    }))
}

/// A header may repeat the organization of the token, and never changes it.
fn judge_org_headers(caller: &Caller, headers: &HeaderMap) -> Result<(), Refusal> {
    if ledger::org_headers(headers).all(|(_, org_id)| org_id == caller.grant.organization.id) {
        return Ok(());
    }
    Err(Refusal::other_organization())
}

async fn start(State(cloud): State<Shared>, caller: Caller, headers: HeaderMap, body: Bytes) -> Result<Response, Refusal> {
    let mut world = cloud.world();
    caller.require_scope(&world, WRITE_SCOPE)?;
    let body = read_json(&headers, &body)?;
    let agent_id = text_field(&body, "agentId")?;
    if text_field(&body, "recordingType")? != "screen" {
        return Err(Refusal::bad_field("recordingType", "recordingType must be [screen]."));
    }
    judge_org_headers(&caller, &headers)?;
    let user = world.directory.user(agent_id).ok_or_else(Refusal::not_found)?;
    if user.home.id != caller.grant.organization.id {
        return Err(Refusal::other_organization());
    }
    let World { recordings, settings, clock, .. } = &mut *world;
    let recording = recordings.start(user, settings.idempotency_key(&headers), settings, clock.now())?;
    Ok((StatusCode::CREATED, Json(recording)).into_response())
}

/// Where there is no list, there is nothing at its address, whoever asks.
struct Listed;

impl FromRequestParts<Shared> for Listed {
    type Rejection = Refusal;

    async fn from_request_parts(_: &mut Parts, cloud: &Shared) -> Result<Self, Refusal> {
        match cloud.world().settings.listing {
            Listing::All => Ok(Self),
            Listing::Off => Err(Refusal::not_found()),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Selection {
    agent_id: Option<String>,
}

async fn list(
    _: Listed,
    State(cloud): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Told(Query(Selection { agent_id })): Told<Query<Selection>>,
) -> Result<Json<Value>, Refusal> {
    judge_org_headers(&caller, &headers)?;
    let entities = cloud.world().recordings.list(caller.grant.organization, agent_id.as_deref());
    Ok(Json(json!({"total": entities.len(), "entities": entities})))
}

async fn find(
    State(cloud): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Told(Path(id)): Told<Path<String>>,
) -> Result<Json<Recording>, Refusal> {
    judge_org_headers(&caller, &headers)?;
    Ok(Json(cloud.world().recordings.find(caller.grant.organization, &id)?))
}

async fn change(
    State(cloud): State<Shared>,
    caller: Caller,
    Told(Path(id)): Told<Path<String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Recording>, Refusal> {
    let mut world = cloud.world();
    caller.require_scope(&world, WRITE_SCOPE)?;
    let body = read_json(&headers, &body)?;
    if text_field(&body, "state")? != "stopped" {
        return Err(Refusal::bad_field("state", "state must be [stopped]."));
    }
    judge_org_headers(&caller, &headers)?;
    let now = world.clock.now();
    Ok(Json(world.recordings.stop(caller.grant.organization, &id, now)?))
}
