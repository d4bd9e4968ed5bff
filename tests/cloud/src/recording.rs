//! Screen recordings, as the source's thread describes them. They are not in Genesys' published API.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::{clock, organization::Organization, refusal::Refusal, settings::Settings, user::User};

#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Recording,
    Stopped,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Recording {
    id: String,
    agent_id: &'static str,
    organization_id: &'static str,
    recording_type: &'static str,
    state: State,
    started_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_at: Option<String>,
    self_uri: String,
}

/// What the ledger tells of a recording, and of whatever else watches an agent's screen.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) org_id: &'static str,
    pub(crate) agent_id: &'static str,
    /// Of live monitoring alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) supervisor_id: Option<&'static str>,
    pub(crate) state: State,
    pub(crate) started_at: String,
    pub(crate) stopped_at: Option<String>,
}

#[derive(Default)]
pub(crate) struct Recordings {
    started: Vec<Recording>,
    /// Where each stands there.
    by_id: HashMap<String, usize>,
    /// Where those of each organization and of each agent stand there.
    by_owner: HashMap<&'static str, Vec<usize>>,
    /// What the first start with an idempotency key was answered, by its organization and the key.
    answered: HashMap<(&'static str, String), Recording>,
}

impl Recordings {
    /// With a key, at most once: whatever became of the recording since, its start is answered as it was.
    pub(crate) fn start(&mut self, user: User, key: Option<String>, settings: &Settings, now: Timestamp) -> Result<Recording, Refusal> {
        let key = key.map(|key| (user.home.id, key));
        if let Some(recording) = key.as_ref().and_then(|key| self.answered.get(key)) {
            return Ok(recording.clone());
        }
        let User { agent, home: organization } = user;
        if !agent.logged_in {
            return Err(Refusal::conflict(format!("Agent [{}] is not logged in.", agent.id)));
        }
        if settings.guards_agents && self.of(agent.id).any(|recording| recording.state == State::Recording) {
            return Err(Refusal::conflict(format!("Agent [{}] is already being recorded.", agent.id)));
        }
        let id = Uuid::new_v4().to_string();
        let recording = Recording {
            agent_id: agent.id,
            organization_id: organization.id,
            recording_type: "screen",
            state: State::Recording,
            started_at: clock::iso(now),
            stopped_at: None,
            self_uri: format!("/api/v2/screenrecordings/{id}"),
            id,
        };
        let place = self.started.len();
        self.started.push(recording.clone());
        self.by_id.insert(recording.id.clone(), place);
        for owner in [agent.id, organization.id] {
            self.by_owner.entry(owner).or_default().push(place);
        }
        self.answered.extend(key.map(|key| (key, recording.clone())));
        Ok(recording)
    }

    /// Those of an organization or of an agent, in order of their start.
    fn of(&self, owner: &str) -> impl Iterator<Item = &Recording> {
        self.by_owner.get(owner).into_iter().flatten().filter_map(|place| self.started.get(*place))
    }

    pub(crate) fn find(&self, organization: &Organization, id: &str) -> Result<Recording, Refusal> {
        self.by_id
            .get(id)
            .and_then(|place| self.started.get(*place))
            .filter(|recording| recording.organization_id == organization.id)
            .cloned()
            .ok_or_else(Refusal::not_found)
    }

    pub(crate) fn list(&self, organization: &Organization, agent_id: Option<&str>) -> Vec<Recording> {
        self.of(agent_id.unwrap_or(organization.id))
            .filter(|recording| recording.organization_id == organization.id)
            .filter(|recording| agent_id.is_none_or(|id| recording.agent_id == id))
            .cloned()
            .collect()
    }

    /// Stopping twice is one stop.
    pub(crate) fn stop(&mut self, organization: &Organization, id: &str, now: Timestamp) -> Result<Recording, Refusal> {
        let recording = self
            .by_id
            .get(id)
            .and_then(|place| self.started.get_mut(*place))
            .filter(|recording| recording.organization_id == organization.id)
            .ok_or_else(Refusal::not_found)?;
        if recording.state == State::Recording {
            recording.state = State::Stopped;
            recording.stopped_at = Some(clock::iso(now));
        }
        Ok(recording.clone())
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        self.started
            .iter()
            .map(|recording| Line {
                id: recording.id.clone(),
                org_id: recording.organization_id,
                agent_id: recording.agent_id,
                supervisor_id: None,
                state: recording.state,
                started_at: recording.started_at.clone(),
                stopped_at: recording.stopped_at.clone(),
            })
            .collect()
    }
}
