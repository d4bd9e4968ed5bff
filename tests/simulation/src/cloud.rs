//! An environment's cloud: whose a token is, which agents an organization has, and what it records.

use crate::login::Exchange;
use crate::schedule::{AGENTS, CloudSetup};
use crate::token::{End, ORG_IDS, Tokens, org_number};

/// The agents' ids, the same in each environment.
pub const AGENT_IDS: [&str; AGENTS as usize] =
    ["11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002", "33333333-0000-4000-8000-000000000003"];

/// The organizations in which each agent is.
const ORGS_OF_AGENTS: [&[u8]; AGENTS as usize] = [&[0, 1], &[0], &[1, 2]];

/// The path of the recording API.
pub const PATH: &str = "/api/v2/screenrecordings";

/// The number of an agent.
pub fn agent_number(id: &str) -> Option<u8> {
    AGENT_IDS.iter().position(|agent| *agent == id).and_then(|at| u8::try_from(at).ok())
}

/// Whether the organization has the agent.
pub fn has_agent(org: u8, agent: u8) -> bool {
    ORGS_OF_AGENTS[usize::from(agent)].contains(&org)
}

/// A request, as the cloud reads it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The HTTP method.
    pub method: &'static str,
    /// Path and query.
    pub path: String,
    /// The number of the token, if it carries one.
    pub token: usize,
    /// The organization that the header names.
    pub org: Option<u8>,
    /// The agent that the body names.
    pub agent: Option<u8>,
    /// Whether the body asks for the other type of recording.
    pub is_other_type: bool,
    /// The start that it is of.
    pub start: Option<usize>,
    /// What the token endpoint is asked for, if it is.
    pub exchange: Option<Exchange>,
}

impl Asked {
    /// Whether the library has to read the answer to know whose a token is.
    pub fn is_about_token(&self) -> bool {
        self.exchange.is_some() || self.path.starts_with("/api/v2/tokens/me")
    }
}

/// An answer.
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Reply {
    /// A refusal with this code.
    pub fn refusal(status: u16, code: &str, message: &str) -> Reply {
        Reply { status, body: format!(r#"{{"status":{status},"code":"{code}","message":"{message}"}}"#) }
    }

    /// 403: the agent is in another organization than the token.
    pub fn of_another_org() -> Reply {
        Reply::refusal(403, "forbidden", "insufficient scope for resource owner")
    }
}

/// A recording.
pub struct Recording {
    /// The organization.
    pub org: u8,
    /// The agent.
    pub agent: u8,
    /// The start that began it.
    pub start: usize,
    /// When it began.
    pub began: i64,
    /// When it was stopped.
    pub stopped: Option<i64>,
}

/// One environment's cloud.
pub struct Cloud {
    environment: u8,
    setup: CloudSetup,
    recordings: Vec<Recording>,
}

impl Cloud {
    /// A cloud that records nobody.
    pub fn new(environment: u8, setup: CloudSetup) -> Cloud {
        Cloud { environment, setup, recordings: Vec::new() }
    }

    /// How it behaves.
    pub fn setup(&self) -> &CloudSetup {
        &self.setup
    }

    /// The time by its clock.
    pub fn time(&self, now: i64) -> i64 {
        now + i64::from(self.setup.ahead)
    }

    /// The id of its recording of this number.
    pub fn recording_id(&self, number: usize) -> String {
        format!("rec-{}-{number}", self.environment)
    }

    /// The recording with this id.
    pub fn recording(&self, id: &str) -> Option<&Recording> {
        self.recordings.get(self.number_of(id)?)
    }

    fn number_of(&self, id: &str) -> Option<usize> {
        let (environment, number) = id.strip_prefix("rec-")?.split_once('-')?;
        (environment == self.environment.to_string()).then(|| number.parse().ok())?
    }

    /// How many recordings it has.
    pub fn recordings(&self) -> &[Recording] {
        &self.recordings
    }

    /// Carries a request out. Says whether it began a recording.
    pub fn carry_out(&mut self, asked: &Asked, tokens: &mut Tokens, now: i64) -> (Reply, bool) {
        let token = tokens.get(asked.token);
        let is_over = token.expires_at.is_some_and(|expires_at| expires_at <= self.time(now));
        let end = token.ended.or(is_over.then_some(End::Expired));
        if token.environment != self.environment || end == Some(End::Revoked) {
            return (Reply::refusal(401, "bad.credentials", "Invalid login credentials."), false);
        }
        if end.is_some() {
            return (Reply::refusal(401, "credentials.expired", "The supplied credentials are expired."), false);
        }
        let owner = token.owner;
        if self.setup.reads_header && asked.org.is_some_and(|org| org != owner) {
            return (Reply::of_another_org(), false);
        }
        let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        let reply = match (asked.method, path) {
            ("GET", "/api/v2/tokens/me") => {
                let org = ORG_IDS[usize::from(owner)];
                let body = format!(
                    r#"{{"organization":{{"id":"{org}"}},"homeOrganization":{{"id":"{org}"}},"authorizedScope":["screenrecordings:write"]}}"#
                );
                Reply { status: 200, body }
            }
            ("DELETE", "/api/v2/tokens/me") => {
                tokens.end(asked.token, End::Revoked);
                Reply { status: 204, body: String::new() }
            }
            ("POST", PATH) => return self.start(asked, owner, now),
            ("GET", PATH) => self.list(owner, query, now),
            ("GET", path) if path.starts_with("/api/v2/users/") => {
                match path.strip_prefix("/api/v2/users/").and_then(agent_number).filter(|&agent| has_agent(owner, agent)) {
                    Some(_) => Reply { status: 200, body: "{}".to_owned() },
                    None => Reply::refusal(404, "not.found", "The requested resource was not found."),
                }
            }
            (method, path) => self.one(method, path.strip_prefix(PATH).unwrap_or_default(), owner, now),
        };
        (reply, false)
    }

    fn start(&mut self, asked: &Asked, owner: u8, now: i64) -> (Reply, bool) {
        let Some(agent) = asked.agent.filter(|&agent| has_agent(owner, agent)) else { return (Reply::of_another_org(), false) };
        let is_running = |other: &Recording| other.org == owner && other.agent == agent && other.stopped.is_none();
        if self.setup.guards && self.recordings.iter().any(is_running) {
            return (Reply::refusal(409, "conflict", "The agent is being recorded already."), false);
        }
        let number = self.recordings.len();
        self.recordings.push(Recording { org: owner, agent, start: asked.start.unwrap_or(usize::MAX), began: now, stopped: None });
        (Reply { status: 201, body: self.json(number) }, true)
    }

    /// Whether it shows a recording already.
    fn shows(&self, recording: &Recording, now: i64) -> bool {
        recording.began + i64::from(self.setup.shows_after) <= now
    }

    fn list(&self, owner: u8, query: &str, now: i64) -> Reply {
        if self.setup.list_status != 0 {
            let code = if self.setup.list_status == 404 { "not.found" } else { "internal.server.error" };
            return Reply::refusal(self.setup.list_status, code, "No list.");
        }
        let agent = query.strip_prefix("agentId=").map(|rest| rest.split('&').next().and_then(agent_number));
        let is_such = |recording: &Recording| {
            recording.org == owner && self.shows(recording, now) && agent.is_none_or(|agent| Some(recording.agent) == agent)
        };
        let entities: Vec<String> =
            (0..self.recordings.len()).filter(|&at| is_such(&self.recordings[at])).map(|number| self.json(number)).collect();
        Reply { status: 200, body: format!(r#"{{"entities":[{}],"total":{}}}"#, entities.join(","), entities.len()) }
    }

    fn one(&mut self, method: &str, rest: &str, owner: u8, now: i64) -> Reply {
        let found = rest.strip_prefix('/').and_then(|id| self.number_of(id));
        let is_shown = |recording: &Recording| recording.org == owner && (method == "PATCH" || self.shows(recording, now));
        let Some(number) = found.filter(|&number| self.recordings.get(number).is_some_and(is_shown)) else {
            return Reply::refusal(404, "not.found", "The requested resource was not found.");
        };
        if method == "PATCH" {
            self.recordings[number].stopped.get_or_insert(now);
        }
        Reply { status: 200, body: self.json(number) }
    }

    fn json(&self, number: usize) -> String {
        let recording = &self.recordings[number];
        let began = jiff::Timestamp::from_millisecond(self.time(recording.began)).unwrap();
        format!(
            r#"{{"id":"{}","agentId":"{}","organizationId":"{}","state":"{}","startedAt":"{began:.3}"}}"#,
            self.recording_id(number),
            AGENT_IDS[usize::from(recording.agent)],
            ORG_IDS[usize::from(recording.org)],
            if recording.stopped.is_some() { "stopped" } else { "recording" },
        )
    }

    /// The organization that an answer to a question about a token names.
    pub fn owner_in(body: &str) -> Option<u8> {
        let (_, rest) = body.split_once(r#""organization":{"id":""#)?;
        org_number(rest.split('"').next()?)
    }
}
