//! Conversations. A policy has started their recordings, and an app can pause, resume and list them.

use std::collections::BTreeMap;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::{get, patch},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    clock,
    directory::Directory,
    organization::Organization,
    refusal::Refusal,
    request::{Told, read_json, text_field},
    token::Caller,
    user::User,
    world::{Shared, World},
};

/// The last four digits of the ids of the two conversations of every organization.
const CONNECTED: &str = "c001";
const DISCONNECTED: &str = "c002";

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v2/conversations/{id}", get(find))
        .route("/api/v2/conversations/{id}/recordingstate", patch(change))
        .route("/api/v2/conversations/{id}/recordingmetadata", get(metadata))
}

#[derive(Clone, Copy, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Standing {
    Connected,
    Disconnected,
}

/// In requests, and of the conversation as a whole.
#[derive(Clone, Copy, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum RecordingState {
    Active,
    Paused,
    None,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum CallRecordingState {
    None,
    Active,
    Paused,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum ScreenRecordingState {
    Requested,
    Active,
    Paused,
    Stopped,
    Error,
    Timeout,
}

impl From<RecordingState> for CallRecordingState {
    fn from(state: RecordingState) -> Self {
        match state {
            RecordingState::Active => Self::Active,
            RecordingState::Paused => Self::Paused,
            RecordingState::None => Self::None,
        }
    }
}

impl From<RecordingState> for ScreenRecordingState {
    fn from(state: RecordingState) -> Self {
        match state {
            RecordingState::Active => Self::Active,
            RecordingState::Paused => Self::Paused,
            RecordingState::None => Self::Stopped,
        }
    }
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Call {
    id: Uuid,
    state: Standing,
    direction: &'static str,
    recording: bool,
    recording_state: CallRecordingState,
    provider: &'static str,
}

/// The published model, as far as it is needed.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Participant {
    id: Uuid,
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'static str>,
    purpose: &'static str,
    start_time: String,
    connected_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<String>,
    calls: [Call; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    screen_recording_state: Option<ScreenRecordingState>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Conversation {
    id: String,
    #[serde(skip)]
    organization: &'static Organization,
    start_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<String>,
    participants: Vec<Participant>,
    recording_state: RecordingState,
    secure_pause: bool,
    state: Standing,
    self_uri: String,
    #[serde(skip)]
    recordings: Vec<Metadata>,
}

/// The published model `RecordingMetadata`, as far as it is needed.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    id: Uuid,
    conversation_id: String,
    start_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<String>,
    media: &'static str,
    media_subtype: Subtype,
    file_state: FileState,
    self_uri: String,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Serialize)]
enum Subtype {
    Trunk,
    Station,
    Consult,
    Screen,
    Snippet,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum FileState {
    Archived,
    Available,
    Deleted,
    Restored,
    Restoring,
    Uploading,
    Error,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AgentOrder {
    id: String,
    state: Option<Standing>,
    recording_state: Option<CallRecordingState>,
    screen_recording_state: Option<ScreenRecordingState>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RecordingOrder {
    media_subtype: Subtype,
    file_state: Option<FileState>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Order {
    org_id: String,
    id: Option<String>,
    state: Option<Standing>,
    agents: Option<Vec<AgentOrder>>,
    recordings: Option<Vec<RecordingOrder>>,
}

/// A conversation in the answer of the control.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    id: String,
    org_id: &'static str,
    agent_ids: Vec<&'static str>,
    state: Standing,
    recording_state: RecordingState,
}

impl From<&Conversation> for Line {
    fn from(conversation: &Conversation) -> Self {
        Self {
            id: conversation.id.clone(),
            org_id: conversation.organization.id,
            agent_ids: conversation.participants.iter().filter_map(|participant| participant.user_id).collect(),
            state: conversation.state,
            recording_state: conversation.recording_state,
        }
    }
}

impl Participant {
    fn new(user: Option<User>, order: &AgentOrder, standing: Standing, now: &str) -> Self {
        let state = order.state.unwrap_or(standing);
        let call = Call {
            id: Uuid::new_v4(),
            state,
            direction: "inbound",
            recording: true,
            recording_state: order.recording_state.unwrap_or(CallRecordingState::Active),
            provider: "Edge",
        };
        Self {
            id: Uuid::new_v4(),
            name: user.map_or("Customer", |user| user.agent.name),
            user_id: user.map(|user| user.agent.id),
            purpose: user.map_or("customer", |_| "agent"),
            start_time: now.to_owned(),
            connected_time: now.to_owned(),
            end_time: (state == Standing::Disconnected).then(|| now.to_owned()),
            calls: [call],
            screen_recording_state: order.screen_recording_state,
        }
    }

    fn is_active_agent(&self) -> bool {
        self.user_id.is_some() && self.end_time.is_none()
    }
}

impl Conversation {
    fn new(organization: &'static Organization, id: String, order: &Order, agents: Vec<(User, AgentOrder)>, now: &str) -> Self {
        let state = order.state.unwrap_or(Standing::Connected);
        let is_over = state == Standing::Disconnected;
        let customer = AgentOrder { id: String::new(), state: None, recording_state: None, screen_recording_state: None };
        let participants = std::iter::once(Participant::new(None, &customer, state, now))
            .chain(agents.iter().map(|(user, order)| Participant::new(Some(*user), order, state, now)))
            .collect();
        let metadata = |subtype: Subtype, file_state: Option<FileState>| {
            let recording_id = Uuid::new_v4();
            Metadata {
                id: recording_id,
                conversation_id: id.clone(),
                start_time: now.to_owned(),
                end_time: is_over.then(|| now.to_owned()),
                media: if subtype == Subtype::Screen { "screen" } else { "audio" },
                media_subtype: subtype,
                file_state: file_state.unwrap_or(if is_over { FileState::Available } else { FileState::Uploading }),
                self_uri: format!("/api/v2/conversations/{id}/recordings/{recording_id}"),
            }
        };
        let recordings = match &order.recordings {
            None => [Subtype::Trunk, Subtype::Screen].map(|subtype| metadata(subtype, None)).to_vec(),
            Some(orders) => orders.iter().map(|order| metadata(order.media_subtype, order.file_state)).collect(),
        };
        Self {
            organization,
            start_time: now.to_owned(),
            end_time: is_over.then(|| now.to_owned()),
            participants,
            recording_state: RecordingState::Active,
            secure_pause: false,
            state,
            self_uri: format!("/api/v2/conversations/{id}"),
            recordings,
            id,
        }
    }

    /// Participants who have left keep their states.
    fn set(&mut self, state: RecordingState) {
        self.recording_state = state;
        self.secure_pause = state == RecordingState::Paused;
        for participant in self.participants.iter_mut().filter(|participant| participant.end_time.is_none()) {
            for call in &mut participant.calls {
                call.recording_state = state.into();
            }
            if let Some(ScreenRecordingState::Active | ScreenRecordingState::Paused) = participant.screen_recording_state {
                participant.screen_recording_state = Some(state.into());
            }
        }
    }
}

pub(crate) struct Conversations {
    by_id: BTreeMap<String, Conversation>,
}

impl Conversations {
    pub(crate) fn of(organizations: Vec<&'static Organization>, now: Timestamp) -> Self {
        let mut conversations = Self { by_id: BTreeMap::new() };
        organizations.into_iter().for_each(|organization| conversations.enter(organization, now));
        conversations
    }

    /// Adds the two conversations of an organization: connected with its first agent, disconnected with its second.
    pub(crate) fn enter(&mut self, organization: &'static Organization, now: Timestamp) {
        for (end, state, place) in [(CONNECTED, Standing::Connected, 0), (DISCONNECTED, Standing::Disconnected, 1)] {
            let Some(user) = User::all_of(organization).take(place + 1).last() else { continue };
            let screen = if state == Standing::Connected { ScreenRecordingState::Active } else { ScreenRecordingState::Stopped };
            let agent = AgentOrder { id: String::new(), state: None, recording_state: None, screen_recording_state: Some(screen) };
            let order = Order { org_id: String::new(), id: None, state: Some(state), agents: None, recordings: None };
            let id = format!("{}{end}", organization.id.strip_suffix("0000").unwrap_or(organization.id));
            self.by_id.insert(id.clone(), Conversation::new(organization, id, &order, vec![(user, agent)], &clock::iso(now)));
        }
    }

    /// Adds a conversation, or replaces the one with the same id.
    pub(crate) fn add(&mut self, mut order: Order, directory: &Directory, now: Timestamp) -> Result<Line, Refusal> {
        let organization = directory
            .organization(&order.org_id)
            .ok_or_else(|| Refusal::bad_request(format!("No organization has the id [{}]; see GET /standin/orgs.", order.org_id)))?;
        let id = order.id.take().unwrap_or_else(|| Uuid::new_v4().to_string());
        if Uuid::parse_str(&id).is_err() {
            return Err(Refusal::bad_request(format!("[{id}] is no UUID.")));
        }
        let agents: Vec<_> = order
            .agents
            .take()
            .unwrap_or_default()
            .into_iter()
            .map(|agent| match directory.user(&agent.id).filter(|user| user.home.id == organization.id) {
                Some(user) => Ok((user, agent)),
                None => Err(Refusal::bad_request(format!("No agent of [{}] has the id [{}].", organization.name, agent.id))),
            })
            .collect::<Result<_, _>>()?;
        let conversation = Conversation::new(organization, id.clone(), &order, agents, &clock::iso(now));
        let line = Line::from(&conversation);
        self.by_id.insert(id, conversation);
        Ok(line)
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        self.by_id.values().map(Line::from).collect()
    }

    fn find(&mut self, organization: &Organization, id: &str) -> Option<&mut Conversation> {
        self.by_id.get_mut(id).filter(|conversation| conversation.organization.id == organization.id)
    }
}

async fn find(State(cloud): State<Shared>, caller: Caller, Told(Path(id)): Told<Path<String>>) -> Result<Json<Value>, Refusal> {
    let mut world = cloud.world();
    let conversation = world.conversations.find(caller.grant.organization, &id).ok_or_else(Refusal::not_found)?;
    serde_json::to_value(conversation).map(Json).map_err(|error| Refusal::internal(error.to_string()))
}

async fn metadata(State(cloud): State<Shared>, caller: Caller, Told(Path(id)): Told<Path<String>>) -> Result<Json<Vec<Metadata>>, Refusal> {
    let mut world = cloud.world();
    let unknown = || Refusal::new(StatusCode::NOT_FOUND, "conversation.not.found", "There is no such conversation.");
    Ok(Json(world.conversations.find(caller.grant.organization, &id).ok_or_else(unknown)?.recordings.clone()))
}

async fn change(
    State(cloud): State<Shared>,
    caller: Caller,
    Told(Path(id)): Told<Path<String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    caller.grant.user.ok_or_else(Refusal::not_a_user)?;
    let body = read_json(&headers, &body)?;
    let state = text_field(&body, "recordingState")?;
    let state = match state {
        "ACTIVE" => RecordingState::Active,
        "PAUSED" => RecordingState::Paused,
        "NONE" => RecordingState::None,
        _ => return Err(Refusal::bad_value(state, "recordingState", &["ACTIVE", "PAUSED", "NONE"])),
    };
    let World { conversations, .. } = &mut *cloud.world();
    let conversation = conversations.find(caller.grant.organization, &id).ok_or_else(|| {
        Refusal::new(StatusCode::NOT_FOUND, "conversation.error.conversation.not.found", "There is no such conversation.")
    })?;
    if conversation.state == Standing::Disconnected {
        let code = "conversation.error.conversation.disconnected";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, code, "The conversation is over."));
    }
    if !conversation.participants.iter().any(Participant::is_active_agent) {
        let code = "conversation.error.forbidden.not.active.participant";
        return Err(Refusal::new(StatusCode::FORBIDDEN, code, "No agent takes part in the conversation at present."));
    }
    conversation.set(state);
    Ok(StatusCode::ACCEPTED)
}
