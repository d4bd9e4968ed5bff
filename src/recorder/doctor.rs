//! The doctor: looks at everything that a start depends on, only reading, and says of each what it found, what is
//! expected and what to do.

use std::cell::RefCell;
use std::rc::Rc;

use crate::auth::keyring::Keyring;
use crate::auth::ports::Platform;
use crate::client::Client;
use crate::cloud::exchange::Exchange;
use crate::model::environment::Target;
use crate::model::error::{Code, Error};
use crate::model::ids::AgentId;
use crate::model::scope::near_miss;
use crate::recorder::settings::Settings;
use crate::recording::contract::RecordingContract;
use crate::token::org_token::{KnownBy, OrgToken};
use crate::token::request::ApiRequest;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// May stand in the way.
    Warn,
    /// Stands in the way.
    Fail,
    /// Could not be looked at.
    Skipped,
}

impl Verdict {
    /// The verdict as JavaScript sees it.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
            Verdict::Skipped => "skipped",
        }
    }
}

/// A line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiagnosisLine {
    /// What was looked at.
    pub check: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// What there is.
    pub found: String,
    /// What there should be.
    pub expected: String,
    /// What to do; empty where nothing has to be done.
    pub hint: String,
}

/// Further from the cloud's clock than this, in milliseconds, ours leads to tokens that seem to live or to be dead.
const CLOCK_TOLERANCE_MS: i64 = 30_000;

/// What is looked at, and what was found so far.
pub struct Doctor<'a, P: Platform> {
    pub(crate) exchange: &'a Exchange<P>,
    pub(crate) keyring: &'a Keyring<P>,
    pub(crate) client: &'a Client<P>,
    pub(crate) settings: &'a Settings,
    pub(crate) target: Result<Target, Error>,
    pub(crate) agent: Option<&'a AgentId>,
    pub(crate) lines: &'a RefCell<Vec<DiagnosisLine>>,
}

impl<P: Platform> Doctor<'_, P> {
    /// Looks at everything. Sends nothing but `GET`s, each with a token for its own organization.
    pub async fn examine(&self) {
        self.launch();
        self.organization();
        // Otherwise nobody would be here to look.
        self.say("webassembly", Verdict::Ok, "it runs", "'wasm-unsafe-eval' in the page's CSP", "");
        let ports = self.exchange.ports();
        self.feature("session-storage", ports.has_session_storage(), "A sign-in by redirect needs it; one by popup does not.");
        self.feature("web-locks", ports.has_locks(), "Without them, each page obtains its own token.");
        self.feature("web-crypto", ports.has_crypto(), "A sign-in needs it: serve the page over https.");
        let held = self.keyring.tokens();
        if held.is_empty() {
            self.say("token", Verdict::Skipped, "none is held", "a token of the target organization", "");
        }
        let mut alive = Vec::new();
        for token in held {
            alive.extend(self.token(&token).await);
        }
        self.token_choice(&alive);
        self.scope(&alive);
        self.org_headers();
        self.cors(alive.first()).await;
        self.clock();
        self.agent(&alive).await;
    }

    fn say(&self, check: &'static str, verdict: Verdict, found: impl Into<String>, expected: impl Into<String>, hint: impl Into<String>) {
        let line = DiagnosisLine { check, verdict, found: found.into(), expected: expected.into(), hint: hint.into() };
        self.lines.borrow_mut().push(line);
    }

    fn launch(&self) {
        let values: Vec<String> = self.settings.launch.values().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let expected = "gcHostOrigin and gcTargetEnv, from the launch URL";
        let has_both = self.settings.launch.get("hostOrigin").is_some() && self.settings.launch.get("targetEnv").is_some();
        if has_both {
            self.say("launch", Verdict::Ok, values.join(", "), expected, "");
        } else {
            let found = if values.is_empty() { "nothing".to_owned() } else { values.join(", ") };
            let hint =
                "Put ?gcHostOrigin={{gcHostOrigin}}&gcTargetEnv={{gcTargetEnv}} into the app's URL, if Genesys Cloud is to embed it.";
            self.say("launch", Verdict::Warn, found, expected, hint);
        }
        let environment = &self.settings.environment;
        let found = format!("{}: {}, {}", environment.name(), environment.api(), environment.login());
        self.say("environment", Verdict::Ok, found, "the environment that the tokens are of", "");
    }

    fn organization(&self) {
        let expected = "one that is named, or the only one that a token is held of";
        match &self.target {
            Ok(target) => self.say("organization", Verdict::Ok, target.org.as_str(), expected, ""),
            Err(error) => self.say("organization", Verdict::Fail, error.message.as_str(), expected, error.code.hint()),
        }
    }

    fn feature(&self, check: &'static str, is_there: bool, hint: &str) {
        match is_there {
            true => self.say(check, Verdict::Ok, "there", "there", ""),
            false => self.say(check, Verdict::Warn, "not there", "there", hint),
        }
    }

    /// The token as the cloud knows it, if its token is good for anything.
    async fn token(&self, token: &Rc<OrgToken>) -> Option<Rc<OrgToken>> {
        let org = &token.target().org;
        let now = self.exchange.now();
        let expected = format!("a token of {org} that the cloud accepts");
        if !token.is_fresh(now) {
            let found = if token.is_rejected() { "the cloud has refused it" } else { "it has expired, or rested too long" };
            self.say("token", Verdict::Fail, format!("{org}: {found}"), expected, Code::TokenExpired.hint());
            return None;
        }
        let asked = match self.exchange.refetch_token_info(token).await {
            Ok(asked) => Rc::new(asked),
            Err(error) => {
                let verdict = if error.is_token_rejection() { Verdict::Fail } else { Verdict::Warn };
                self.say("token", verdict, format!("{org}: {}", error.message), expected, error.code.hint());
                return None;
            }
        };
        let known_by = match token.known_by() {
            KnownBy::Claim => "its claim",
            KnownBy::Cloud => "the cloud",
        };
        let home = asked.home_org().map_or(String::new(), |home| format!(", home organization {home}"));
        let scopes = asked.scopes().map_or("unknown".to_owned(), |scopes| scopes.join(" "));
        let life = token.expires_at(now).map_or("unknown".to_owned(), |at| format!("{} s", at.since(now.instant()) / 1000));
        let facts = format!("filed by {known_by}{home}, scopes: {scopes}, life left: {life}");
        let owner = &asked.target().org;
        if owner == org {
            self.say("token", Verdict::Ok, format!("{org}: {facts}"), expected, "");
        } else {
            let hint = "The token's claim is not what the cloud says: obtain a token of the organization itself.";
            self.say("token", Verdict::Fail, format!("{org}: the cloud says that it is of {owner}; {facts}"), expected, hint);
        }
        Some(asked)
    }

    fn token_choice(&self, alive: &[Rc<OrgToken>]) {
        let Ok(target) = &self.target else {
            return self.say("pick", Verdict::Skipped, "no organization to pick for", "a token of the target organization", "");
        };
        let expected = format!("a token of {}", target.org);
        if self.keyring.has_fresh(target) {
            return match alive.iter().any(|token| token.target() == target) {
                true => self.say("pick", Verdict::Ok, "the one that is held", expected, ""),
                false => self.say("pick", Verdict::Warn, "the one that is held: see token", expected, Code::WrongOrg.hint()),
            };
        }
        if self.keyring.sources().is_empty() {
            let error = self.keyring.missing_token_error(target);
            return self.say("pick", Verdict::Fail, error.message.as_str(), expected, error.code.hint());
        }
        self.say("pick", Verdict::Ok, "none is held: it would be obtained (getToken, login)", expected, "");
    }

    fn scope(&self, alive: &[Rc<OrgToken>]) {
        let needed = self.settings.contract.scope();
        let expected = format!("\"{needed}\"");
        if alive.is_empty() {
            return self.say("scope", Verdict::Skipped, "no token to look at", expected, "");
        }
        for token in alive {
            let org = &token.target().org;
            let Some(scopes) = token.scopes() else {
                self.say("scope", Verdict::Skipped, format!("{org}: the cloud does not say"), expected.as_str(), "");
                continue;
            };
            if scopes.iter().any(|scope| scope == needed) {
                self.say("scope", Verdict::Ok, format!("{org}: {needed}"), expected.as_str(), "");
            } else if let Some(near) = near_miss(needed, scopes) {
                let hint = format!("\"{near}\" is not \"{needed}\": correct the scope of the OAuth client, and obtain a new token.");
                self.say("scope", Verdict::Fail, format!("{org}: \"{near}\""), expected.as_str(), hint);
            } else {
                let found = format!("{org}: {}", if scopes.is_empty() { "none".to_owned() } else { scopes.join(" ") });
                self.say("scope", Verdict::Warn, found, expected.as_str(), Code::ScopeMissing.hint());
            }
        }
    }

    fn org_headers(&self) {
        let default = RecordingContract::default();
        let (sent, usual) = (self.settings.contract.org_headers(), default.org_headers());
        let expected = usual.join(", ");
        let is_usual = |name: &String| usual.iter().any(|usual| usual.eq_ignore_ascii_case(name));
        match sent {
            [] => self.say("org-header", Verdict::Ok, "none is sent", expected, ""),
            names if names.iter().any(is_usual) => self.say("org-header", Verdict::Ok, names.join(", "), expected, ""),
            names => {
                let hint = "Whatever its name, no header makes one organization's token work in another; name the one that your cloud expects in contract.orgHeaders.";
                self.say("org-header", Verdict::Warn, names.join(", "), expected, hint);
            }
        }
    }

    /// Whether the browser lets a request with the organization's headers through: a question with them, and one without.
    async fn cors(&self, token: Option<&Rc<OrgToken>>) {
        let names = self.settings.contract.org_headers();
        let expected = "the API allows the organization's header to pages of other origins";
        let (Some(token), false) = (token, names.is_empty()) else {
            let found = if names.is_empty() { "no such header is sent" } else { "no token to ask with" };
            return self.say("cors", Verdict::Skipped, found, expected, "");
        };
        let with_headers = ApiRequest::get_token_info().with_org_headers(names);
        if self.client.send_with(token, with_headers).await.is_ok() {
            return self.say("cors", Verdict::Ok, format!("{} may be sent", names.join(", ")), expected, "");
        }
        match self.client.send_with(token, ApiRequest::get_token_info()).await {
            Ok(_) => {
                let hint = "Have the API's gateway allow the header (Access-Control-Allow-Headers), or send none: contract.orgHeaders: [].";
                self.say("cors", Verdict::Fail, format!("with {} no answer, without it one", names.join(", ")), expected, hint);
            }
            Err(_) => self.say("cors", Verdict::Warn, "no answer, with the header or without", expected, Code::Network.hint()),
        }
    }

    fn clock(&self) {
        let expected = "this machine's clock within 30 s of the cloud's";
        match self.exchange.clock_ahead() {
            None => self.say("clock", Verdict::Skipped, "CORS does not let the cloud's Date be read", expected, ""),
            Some(ahead) if ahead.abs() <= CLOCK_TOLERANCE_MS => self.say("clock", Verdict::Ok, skew(ahead), expected, ""),
            Some(ahead) => {
                let hint = "Set the clock: tokens seem to expire too early or too late. The library reckons with it where it knows.";
                self.say("clock", Verdict::Warn, skew(ahead), expected, hint);
            }
        }
    }

    /// Looks for the agent in every organization that a token is held of.
    async fn agent(&self, alive: &[Rc<OrgToken>]) {
        let expected = match &self.target {
            Ok(target) => format!("an agent of {}", target.org),
            Err(_) => "an agent of the target organization".to_owned(),
        };
        let Some(agent) = self.agent else {
            return self.say("agent", Verdict::Skipped, "no agent was named", expected, "");
        };
        let mut missing_from = Vec::new();
        for token in alive {
            let Some(get_user) = ApiRequest::get_user(agent) else { break };
            let org = &token.target().org;
            match self.client.send_with(token, get_user).await.map(|answer| answer.status) {
                Ok(200) if self.target.as_ref().is_ok_and(|target| target == token.target()) => {
                    return self.say("agent", Verdict::Ok, format!("seen in {org}"), expected, "");
                }
                Ok(200) => {
                    let hint = format!("ApiRequest startRecording(agentId, {{ orgId: \"{org}\" }}): the agent's own organization decides.");
                    return self.say("agent", Verdict::Fail, format!("seen in {org}"), expected, hint);
                }
                Ok(404) => missing_from.push(org.as_str()),
                _ => {}
            }
        }
        if missing_from.is_empty() {
            return self.say("agent", Verdict::Skipped, "no token that could tell", expected, "");
        }
        let found = format!("not in {}, whose token is held", missing_from.join(", nor in "));
        self.say("agent", Verdict::Fail, found, expected, Code::WrongOrg.hint());
    }
}

fn skew(cloud_ahead: i64) -> String {
    let side = if cloud_ahead < 0 { "ahead of" } else { "behind" };
    format!("{} s {side} the cloud's", cloud_ahead.abs() / 1000)
}

/// The line of an examination that took too long.
pub(crate) fn unfinished(limit: u32) -> DiagnosisLine {
    DiagnosisLine {
        check: "time",
        verdict: Verdict::Fail,
        found: format!("not finished within {limit} ms"),
        expected: "an answer to each question".to_owned(),
        hint: Code::Timeout.hint().to_owned(),
    }
}
