//! How the recording API describes a recording: the names of its fields, and the words of its states.

use std::rc::Rc;

use crate::cloud::response::Response;
use crate::model::digits;
use crate::model::ids::{AgentId, OrgId, RecordingId};
use crate::model::json::Json;
use crate::model::search::contains;
use crate::model::spelling::normalized;
use crate::recording::part::Part;
use crate::recording::{Description, Listed, Raw, Recording, State};

/// The names from a JSON value to one that it contains.
pub type Names = Rc<[String]>;

/// How a response describes recordings. Without a field's names, the API does not have the field.
#[derive(Debug)]
pub struct Shape {
    items: Names,
    id: Option<Names>,
    agent_id: Option<Names>,
    org_id: Option<Names>,
    recording_type: Option<Names>,
    state: Option<Names>,
    started_at: Option<Names>,
    started_by: Option<Names>,
    recording: Names,
    stopped: Names,
}

/// The names that the app's `fields` may have.
const FIELDS: [&str; 7] = ["id", "agentId", "orgId", "recordingType", "state", "startedAt", "startedBy"];

/// Why a JSON value is no recording.
enum NotRead {
    /// It is a recording of another organization, agent or user.
    Another,
    /// It cannot be read, so it may be anybody's.
    Unreadable,
}

/// Whose recordings a response is about.
#[derive(Clone, Copy)]
pub struct Whose<'a> {
    /// The organization of the request's token.
    pub org: &'a OrgId,
    /// The agent, if the request names one.
    pub agent: Option<&'a AgentId>,
    /// The id of the token's user, if the shape needs it and it is known.
    pub user: Option<&'a str>,
}

impl Default for Shape {
    fn default() -> Shape {
        let one = |name: &str| -> Names { Rc::new([name.to_owned()]) };
        Shape {
            items: one("entities"),
            id: Some(one("id")),
            agent_id: Some(one("agentId")),
            org_id: Some(one("organizationId")),
            recording_type: Some(one("recordingType")),
            state: Some(one("state")),
            started_at: Some(one("startedAt")),
            started_by: None,
            recording: one("recording"),
            stopped: one("stopped"),
        }
    }
}

impl Shape {
    /// Applies what the app says: `fields`, whose values may be null, `states`, and the `items` of its `list`.
    pub(super) fn apply(&mut self, contract: &Part<'_>, items: Option<&str>) {
        let part = contract.part("fields", &FIELDS);
        let fields = [
            &mut self.id,
            &mut self.agent_id,
            &mut self.org_id,
            &mut self.recording_type,
            &mut self.state,
            &mut self.started_at,
            &mut self.started_by,
        ];
        for (name, field) in FIELDS.iter().zip(fields) {
            if part.is_null(name) && *name != "id" {
                *field = None;
            } else if let Some(dotted) = part.string(name) {
                *field = Some(names(&part, &part.place(name), dotted));
            }
        }
        let states = contract.part("states", &["recording", "stopped"]);
        for (name, words) in [("recording", &mut self.recording), ("stopped", &mut self.stopped)] {
            if let Some(others) = states.strings(name) {
                *words = others.into();
            }
        }
        if let Some(dotted) = items {
            self.items = if dotted.is_empty() { Names::default() } else { names(contract, "contract.list.items", dotted) };
        }
        let is_both = |word: &&String| self.stopped.iter().any(|other| other.eq_ignore_ascii_case(word));
        if let Some(word) = self.recording.iter().find(is_both) {
            contract.note_wrong(format!("contract.states: \"{word}\" cannot mean both that a recording runs and that it has stopped."));
        }
        if [&self.recording, &self.stopped].iter().any(|words| words.iter().any(String::is_empty)) {
            contract.note_wrong("contract.states has an empty word.");
        }
    }

    /// Whether a recording says whose it is.
    pub(crate) fn names_agents(&self) -> bool {
        self.agent_id.is_some()
    }

    /// Whether it matters who started a recording.
    pub(crate) fn needs_user(&self) -> bool {
        self.started_by.is_some()
    }

    /// Reads a response that describes one recording. `None` if there is no recording, or if the recording belongs to another
    /// organization, or to another agent.
    pub fn one(&self, response: &Response, whose: Whose<'_>) -> Option<Recording> {
        self.read(&response.json, whose, Raw { body: response.body.as_str().into(), entity: None }).ok()
    }

    /// Reads a response that lists recordings. Skips recordings of another organization, agent or user, and counts what cannot be
    /// read. `None` if the response is not a list.
    pub fn list(&self, response: &Response, whose: Whose<'_>) -> Option<Box<Listed>> {
        let Some(Json::Array(entities)) = at(&response.json, &self.items) else { return None };
        let body: Rc<str> = response.body.as_str().into();
        let has_more = says_more(&response.json, i64::try_from(entities.len()).unwrap_or(i64::MAX));
        let (recordings, unreadable, unreadable_running, unreadable_of_agent) = (Vec::new(), 0, 0, 0);
        let mut listed = Box::new(Listed { recordings, unreadable, unreadable_running, unreadable_of_agent, has_more, body });
        for (at, entity) in entities.iter().enumerate() {
            let raw = Raw { body: listed.body.clone(), entity: Some((self.items.clone(), at)) };
            let named = value(entity, self.agent_id.as_ref());
            let read = match named {
                Some(_) => self.listed_one(entity, whose, raw),
                // A server may ignore the filter by agent and list everybody's.
                None => Err(NotRead::Unreadable),
            };
            match read {
                Ok(recording) => listed.recordings.push(recording),
                Err(NotRead::Another) => {}
                Err(NotRead::Unreadable) => {
                    listed.unreadable = listed.unreadable.saturating_add(1);
                    let may_run = self.state(entity) != State::Stopped;
                    listed.unreadable_running = listed.unreadable_running.saturating_add(may_run.into());
                    let names_agent = may_run && whose.agent.is_some() && named.and_then(Json::id).is_some();
                    listed.unreadable_of_agent = listed.unreadable_of_agent.saturating_add(names_agent.into());
                }
            }
        }
        if entities.is_empty() && has_more {
            listed.unreadable = 1;
            listed.unreadable_running = 1;
        }
        Some(listed)
    }

    /// A recording of a list, which may have those that other users have started.
    fn listed_one(&self, entity: &Json, whose: Whose<'_>, raw: Raw) -> Result<Recording, NotRead> {
        let recording = self.read(entity, whose, raw)?;
        let started_by = value(entity, self.started_by.as_ref()).and_then(Json::id);
        match (started_by, whose.user) {
            _ if !self.needs_user() => Ok(recording),
            (Some(started_by), Some(user)) if started_by.eq_ignore_ascii_case(user) => Ok(recording),
            (Some(_), Some(_)) => Err(NotRead::Another),
            _ => Err(NotRead::Unreadable),
        }
    }

    fn read(&self, json: &Json, whose: Whose<'_>, raw: Raw) -> Result<Recording, NotRead> {
        let named_org = value(json, self.org_id.as_ref()).map(|id| id.as_str().and_then(OrgId::parse));
        if named_org.as_ref().is_some_and(|named| named.as_ref().is_some_and(|named| named != whose.org)) {
            return Err(NotRead::Another);
        }
        let named = value(json, self.agent_id.as_ref()).map(|id| id.id().and_then(|id| AgentId::parse(&id).ok()));
        let agent = match (whose.agent, named) {
            (Some(agent), Some(Some(named))) if !named.as_str().eq_ignore_ascii_case(agent.as_str()) => return Err(NotRead::Another),
            (Some(agent), None | Some(Some(_))) => agent.clone(),
            (None, Some(Some(named))) => named,
            (_, None | Some(None)) => return Err(NotRead::Unreadable),
        };
        if named_org == Some(None) {
            return Err(NotRead::Unreadable);
        }
        let id = value(json, self.id.as_ref()).and_then(Json::id).ok_or(NotRead::Unreadable)?;
        let recording_type = value(json, self.recording_type.as_ref());
        let recording_type = recording_type.map(|named| named.as_str().ok_or(NotRead::Unreadable)).transpose()?;
        let started_at = value(json, self.started_at.as_ref()).and_then(Json::as_str);
        Ok(Recording::from(Description {
            id: RecordingId::parse(&id).map_err(|_| NotRead::Unreadable)?,
            agent,
            org: whose.org.clone(),
            state: self.state(json),
            started_at: started_at.map(str::to_owned),
            recording_type: recording_type.map(str::to_owned),
            raw,
        }))
    }

    /// Without words for it, what the cloud describes runs.
    fn state(&self, json: &Json) -> State {
        let word = value(json, self.state.as_ref()).and_then(Json::word).unwrap_or_default();
        let is_one_of = |words: &[String]| words.iter().any(|other| other.eq_ignore_ascii_case(&word));
        if is_one_of(&self.stopped) {
            State::Stopped
        } else if self.state.is_none() || self.recording.is_empty() || is_one_of(&self.recording) {
            State::Recording
        } else {
            State::Other(if word.is_empty() { "unknown".to_owned() } else { word })
        }
    }
}

/// The value of the field with these names. Null counts as absent.
fn value<'a>(json: &'a Json, field: Option<&Names>) -> Option<&'a Json> {
    at(json, field?).filter(|value| **value != Json::Null)
}

fn at<'a>(json: &'a Json, names: &[String]) -> Option<&'a Json> {
    let mut json = json;
    for name in names {
        json = json.get(name)?;
    }
    Some(json)
}

/// Whether the object, or one in it, says that a list has more pages than the one with so many items. Genesys' lists have `total`,
/// `pageCount`, `nextUri` and `cursors`. The others are common names: one that is mistaken for a next page costs a start, an overlooked
/// one makes a second recording.
fn says_more(json: &Json, shown: i64) -> bool {
    let Json::Object(properties) = json else { return false };
    let (mut page, mut pages) = (1, 0);
    let is_more = properties.iter().any(|(name, value)| {
        let name = normalized(name);
        match name.as_str() {
            "total" | "totalcount" => return number(value) > Some(shown),
            "pagecount" | "totalpages" => pages = number(value).unwrap_or_default(),
            "pagenumber" => page = number(value).unwrap_or_default().max(1),
            name if contains(name.as_bytes(), b"next") || name.starts_with("cursor") || name == "hasmore" => return is_set(value),
            _ => {}
        }
        says_more(value, shown)
    });
    is_more || pages > page
}

/// A number, or the text of one.
fn number(value: &Json) -> Option<i64> {
    match value {
        Json::Integer(number) | Json::Number(number) => Some(*number),
        value => digits::number(value.as_str()?),
    }
}

/// Whether the value names something.
fn is_set(value: &Json) -> bool {
    match value {
        Json::String(text) => !matches!(text.as_str(), "" | "0" | "false"),
        Json::Integer(number) | Json::Number(number) => *number != 0,
        Json::Bool(is_set) => *is_set,
        Json::Array(items) => !items.is_empty(),
        Json::Object(properties) => properties.iter().any(|(_, value)| is_set(value)),
        Json::Null => false,
    }
}

fn names(part: &Part<'_>, place: &str, dotted: &str) -> Names {
    let mut names = Vec::new();
    for name in dotted.split('.') {
        if name.is_empty() {
            part.note_wrong(format!("{place} must be a name, or names with a dot between them."));
        }
        names.push(name.to_owned());
    }
    names.into()
}
