//! A recording, as the cloud describes it.

pub mod api;
mod attempt;
pub mod batch;
pub mod contract;
pub mod page_starts;
mod part;
pub(crate) mod queue;
mod reconcile;
pub mod shape;
pub mod start;
pub mod starts;
pub(crate) mod template;

use std::ops::Deref;
use std::rc::Rc;

use crate::model::error::Seen;
use crate::model::ids::{AgentId, OrgId, RecordingId};
use crate::model::time::Timestamp;

/// A recording's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The recording runs.
    Recording,
    /// The recording has ended.
    Stopped,
    /// Another state, in the cloud's own word; `unknown` if the cloud gives none.
    Other(String),
}

impl State {
    /// The state as JavaScript sees it: `recording`, `stopped`, or else the cloud's own word.
    pub fn as_str(&self) -> &str {
        match self {
            State::Recording => "recording",
            State::Stopped => "stopped",
            State::Other(word) => word,
        }
    }
}

/// A recording in the cloud's own JSON: a whole body, or an item of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    /// The JSON body.
    pub body: Rc<str>,
    /// The names that lead to the body's list, and the index in the list.
    pub entity: Option<(Rc<[String]>, usize)>,
}

/// A recording. Clones share its description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording(Rc<Found>);

/// A recording as a call finds it.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// Whether the recording was already running when a start was called.
    pub already_running: bool,
    description: Rc<Description>,
}

/// How the cloud describes a [`Recording`].
#[derive(Debug, PartialEq, Eq)]
pub struct Description {
    /// The recording's id.
    pub id: RecordingId,
    /// The agent.
    pub agent: AgentId,
    /// The organization whose token was used to start or see it.
    pub org: OrgId,
    /// The recording's state.
    pub state: State,
    /// When the recording started, as the cloud wrote it, if the cloud says so.
    pub started_at: Option<String>,
    /// `recordingType`, if the cloud gives it.
    pub recording_type: Option<String>,
    /// The cloud's own JSON, unchanged.
    pub raw: Raw,
}

/// The recordings that a response lists.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The recordings of the organization, and of the agent if the list is about one.
    pub recordings: Vec<Recording>,
    /// How many listed items cannot be read, for example because they have no id or name no agent.
    pub unreadable: usize,
    /// How many of those have not stopped: one of them may be the recording in question.
    pub unreadable_running: usize,
    /// How many of those name the agent that the list is about.
    pub unreadable_of_agent: usize,
    /// Whether the list has more pages, which the library does not read.
    pub has_more: bool,
    /// The response's body.
    pub body: Rc<str>,
}

impl Deref for Recording {
    type Target = Found;

    fn deref(&self) -> &Found {
        &self.0
    }
}

impl Deref for Found {
    type Target = Description;

    fn deref(&self) -> &Description {
        &self.description
    }
}

impl From<Description> for Recording {
    fn from(description: Description) -> Recording {
        Recording(Rc::new(Found { already_running: false, description: Rc::new(description) }))
    }
}

impl Recording {
    /// The same recording, as a start returns it that has found it or not.
    pub(crate) fn with_already_running(&self, already_running: bool) -> Recording {
        Recording(Rc::new(Found { already_running, description: self.0.description.clone() }))
    }

    /// Whether the recording may be of this type: the cloud names this type, or no type.
    pub(crate) fn may_be_of_type(&self, recording_type: &str) -> bool {
        self.recording_type.as_deref().is_none_or(|named| named.eq_ignore_ascii_case(recording_type))
    }

    /// When the recording started, if the cloud says so with a zone.
    pub fn started(&self) -> Option<Timestamp> {
        self.started_at.as_deref().and_then(Timestamp::from_iso)
    }

    /// Whether the recording is known to have started at this moment or later.
    pub(crate) fn started_since(&self, moment: Timestamp) -> bool {
        self.started().is_some_and(|started| started >= moment)
    }
}

impl Listed {
    /// The recordings as an error's evidence.
    fn seen(&self) -> Vec<Seen> {
        let mut seen = Vec::new();
        for recording in &self.recordings {
            let (id, state) = (recording.id.as_str().to_owned(), recording.state.as_str().to_owned());
            seen.push(Seen { id, state, started_at: recording.started_at.clone() });
        }
        seen
    }
}
