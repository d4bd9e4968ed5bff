//! Screen recordings, as the source's thread describes them. They are not in Genesys' published API.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    clock,
    organization::{Agent, Organization},
    refusal::Refusal,
};

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

/// What the ledger tells of a recording.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    id: String,
    org_id: &'static str,
    agent_id: &'static str,
    state: State,
}

#[derive(Default)]
pub(crate) struct Recordings {
    started: Vec<Recording>,
}

impl Recordings {
    pub(crate) fn start(
        &mut self,
        organization: &'static Organization,
        agent: &'static Agent,
        now: Timestamp,
    ) -> Result<Recording, Refusal> {
        if !agent.logged_in {
            return Err(Refusal::conflict(format!("Agent [{}] is not logged in.", agent.id)));
        }
        let running = |recording: &Recording| recording.agent_id == agent.id && recording.state == State::Recording;
        if self.started.iter().any(running) {
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
        self.started.push(recording.clone());
        Ok(recording)
    }

    pub(crate) fn find(&self, organization: &Organization, id: &str) -> Result<Recording, Refusal> {
        self.started
            .iter()
            .find(|recording| recording.organization_id == organization.id && recording.id == id)
            .cloned()
            .ok_or_else(Refusal::not_found)
    }

    pub(crate) fn list(&self, organization: &Organization, agent_id: Option<&str>) -> Vec<Recording> {
        self.started
            .iter()
            .filter(|recording| recording.organization_id == organization.id)
            .filter(|recording| agent_id.is_none_or(|id| recording.agent_id == id))
            .cloned()
            .collect()
    }

    /// Stopping twice is one stop.
    pub(crate) fn stop(&mut self, organization: &Organization, id: &str, now: Timestamp) -> Result<Recording, Refusal> {
        let recording = self
            .started
            .iter_mut()
            .find(|recording| recording.organization_id == organization.id && recording.id == id)
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
                state: recording.state,
            })
            .collect()
    }
}
