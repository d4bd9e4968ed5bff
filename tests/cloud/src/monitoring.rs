//! Live screen monitoring: the published API that starts and stops watching an agent's screen.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    clock,
    organization::Organization,
    recording::{self, Line},
    refusal::Refusal,
    request::Told,
    settings::Settings,
    token::Caller,
    user::User,
    world::{Shared, World},
};

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v2/users/{id}/screenmonitors/sessions", post(start))
        .route("/api/v2/users/{id}/screenmonitors/sessions/{session}", get(find).delete(stop))
        .route("/api/v2/screenmonitors/users/{id}/sessions", get(list))
}

struct Session {
    id: String,
    organization: &'static Organization,
    supervisor: User,
    agent: User,
    started_at: String,
    stopped_at: Option<String>,
}

/// The published model `ScreenMonitoringSession`, without the fields of a conversation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Model {
    screen_monitoring_id: String,
    source_user: Value,
    target_user: Value,
    monitoring_type: &'static str,
    date_created: String,
    self_uri: String,
}

impl From<&Session> for Model {
    fn from(session: &Session) -> Self {
        let reference = |user: User| json!({"id": user.agent.id, "selfUri": format!("/api/v2/users/{}", user.agent.id)});
        Self {
            screen_monitoring_id: session.id.clone(),
            source_user: reference(session.supervisor),
            target_user: reference(session.agent),
            monitoring_type: "AgentLevel",
            date_created: session.started_at.clone(),
            self_uri: format!("/api/v2/users/{}/screenmonitors/sessions/{}", session.agent.agent.id, session.id),
        }
    }
}

#[derive(Default)]
pub(crate) struct Monitorings {
    /// In order of their start.
    started: Vec<Session>,
}

impl Monitorings {
    fn running(&self) -> impl Iterator<Item = &Session> {
        self.started.iter().filter(|session| session.stopped_at.is_none())
    }

    fn start(&mut self, caller: &Caller, agent: Option<User>, settings: &Settings, now: Timestamp) -> Result<String, Refusal> {
        let organization = caller.grant.organization;
        let agent = agent.filter(|agent| agent.home.id == organization.id).ok_or_else(unknown_agent)?;
        let supervisor = caller.grant.user.ok_or_else(|| bad("session.creation.failed", "A client monitors nobody."))?;
        let (source, target) = (supervisor.agent.id, agent.agent.id);
        if source == target {
            return Err(bad("self.monitoring.not.allowed", "Nobody monitors their own screen."));
        }
        if !settings.agents_may_be_monitored {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "agent.permission.denied", "The agent's roles do not allow monitoring."));
        }
        if !agent.agent.logged_in {
            return Err(Refusal::new(StatusCode::CONFLICT, "agent.invalid.routing.state", format!("Agent [{target}] is not on queue.")));
        }
        if self.running().any(|session| session.supervisor.agent.id == source && session.agent.agent.id == target) {
            return Err(bad("duplicate.session.exists", "This supervisor monitors this agent already."));
        }
        if self.running().any(|session| session.agent.agent.id == source) {
            return Err(bad("source.user.is.being.monitored", "The supervisor is being monitored."));
        }
        if self.running().any(|session| session.supervisor.agent.id == target) {
            return Err(bad("target.user.is.monitoring.another.user", "The agent monitors another agent."));
        }
        if self.running().filter(|session| session.agent.agent.id == target).count() >= settings.monitorings_per_agent {
            return Err(bad("agent.session.limit.exceeded", "Too many supervisors monitor this agent."));
        }
        let id = Uuid::new_v4().to_string();
        self.started.push(Session { id: id.clone(), organization, supervisor, agent, started_at: clock::iso(now), stopped_at: None });
        Ok(id)
    }

    /// Finds running sessions only.
    fn find(&mut self, organization: &Organization, agent_id: &str, id: &str) -> Result<&mut Session, Refusal> {
        self.started
            .iter_mut()
            .filter(|session| session.stopped_at.is_none() && session.organization.id == organization.id)
            .find(|session| session.id == id && session.agent.agent.id == agent_id)
            .ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "monitoring.not.found", "No such monitoring session is going on."))
    }

    fn of_agent(&self, organization: &Organization, agent_id: &str) -> Vec<Model> {
        self.running()
            .filter(|session| session.organization.id == organization.id && session.agent.agent.id == agent_id)
            .map(Model::from)
            .collect()
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        self.started
            .iter()
            .map(|session| Line {
                id: session.id.clone(),
                org_id: session.organization.id,
                agent_id: session.agent.agent.id,
                supervisor_id: Some(session.supervisor.agent.id),
                state: session.stopped_at.as_ref().map_or(recording::State::Recording, |_| recording::State::Stopped),
                started_at: session.started_at.clone(),
                stopped_at: session.stopped_at.clone(),
            })
            .collect()
    }
}

fn bad(code: &'static str, message: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, code, message)
}

fn unknown_agent() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "agent.status.not.found", "The agent's status was not found.")
}

async fn start(State(cloud): State<Shared>, caller: Caller, Told(Path(agent_id)): Told<Path<String>>) -> Result<Json<Value>, Refusal> {
    let mut world = cloud.world();
    let World { directory, monitorings, settings, clock, .. } = &mut *world;
    let id = monitorings.start(&caller, directory.user(&agent_id), settings, clock.now())?;
    Ok(Json(json!({"screenMonitoringId": id})))
}

async fn find(
    State(cloud): State<Shared>,
    caller: Caller,
    Told(Path((agent_id, id))): Told<Path<(String, String)>>,
) -> Result<Json<Model>, Refusal> {
    Ok(Json(Model::from(&*cloud.world().monitorings.find(caller.grant.organization, &agent_id, &id)?)))
}

async fn stop(
    State(cloud): State<Shared>,
    caller: Caller,
    Told(Path((agent_id, id))): Told<Path<(String, String)>>,
) -> Result<StatusCode, Refusal> {
    let mut world = cloud.world();
    let now = clock::iso(world.clock.now());
    world.monitorings.find(caller.grant.organization, &agent_id, &id)?.stopped_at = Some(now);
    Ok(StatusCode::NO_CONTENT)
}

async fn list(State(cloud): State<Shared>, caller: Caller, Told(Path(agent_id)): Told<Path<String>>) -> Result<Json<Value>, Refusal> {
    let world = cloud.world();
    let organization = caller.grant.organization;
    world.directory.user(&agent_id).filter(|agent| agent.home.id == organization.id).ok_or_else(Refusal::not_found)?;
    Ok(Json(json!({"entities": world.monitorings.of_agent(organization, &agent_id)})))
}
