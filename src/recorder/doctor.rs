//! The doctor: checks everything that a start depends on, without changing anything, and reports what each check found,
//! what it expected and what to do.

use std::cell::RefCell;
use std::rc::Rc;

use crate::auth::keyring::Keyring;
use crate::auth::ports::Platform;
use crate::client::Client;
use crate::cloud::exchange::Exchange;
use crate::model::environment::Target;
use crate::model::error::{Code, Error};
use crate::model::ids::AgentId;
use crate::model::join::joined;
use crate::model::scope::{OWN_DATA, USERS, any_of, is_enough, near_miss};
use crate::recorder::settings::Settings;
use crate::recording::api::NO_SUCH_LIST;
use crate::recording::contract::ORG_HEADER;
use crate::recording::shape::Whose;
use crate::token::org_token::{KnownBy, OrgToken};
use crate::token::request::ApiRequest;

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is wrong.
    Ok,
    /// Something may prevent a start.
    Warn,
    /// Something prevents a start.
    Fail,
    /// The check was not possible.
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
    /// The check's name.
    pub check: &'static str,
    /// The check's result.
    pub verdict: Verdict,
    /// What the check found.
    pub found: String,
    /// What the check expected.
    pub expected: String,
    /// What to do; empty if there is nothing to do.
    pub hint: String,
}

/// If this machine's clock is further off, expired tokens may seem valid, and valid tokens expired.
const CLOCK_TOLERANCE_MS: i64 = 30_000;

/// What the checks read, and the report so far.
pub struct Doctor<'a, P: Platform> {
    pub(crate) exchange: &'a Exchange<P>,
    pub(crate) keyring: &'a Keyring<P>,
    pub(crate) client: &'a Client<P>,
    pub(crate) settings: &'a Settings,
    /// `None` if the next sign-in decides.
    pub(crate) target: Result<Option<Target>, Error>,
    pub(crate) agent: Option<&'a AgentId>,
    pub(crate) lines: &'a RefCell<Vec<DiagnosisLine>>,
}

impl<P: Platform> Doctor<'_, P> {
    /// Runs every check. Sends only `GET` requests, each with the organization's own token.
    pub(crate) async fn examine(&self) {
        self.launch();
        self.organization();
        // This check is WebAssembly itself, so it cannot fail.
        self.report("webassembly", Verdict::Ok, "it runs", "'wasm-unsafe-eval' in the page's CSP", "");
        let ports = self.exchange.ports();
        if ports.has_opaque_origin() {
            let hint = "A sign-in cannot return to this page: add allow-same-origin to the sandbox of its iframe.";
            self.report("origin", Verdict::Warn, "an opaque origin", "the origin of the page's address", hint);
        } else {
            self.report("origin", Verdict::Ok, "the origin of the page's address", "the origin of the page's address", "");
        }
        if ports.is_replaced() {
            let hint = "The page has replaced `fetch`, for example with a monitoring script. If a request fails, try without that script.";
            self.report("fetch", Verdict::Warn, "a function of the page", "the platform's own", hint);
        } else {
            self.report("fetch", Verdict::Ok, "the platform's own", "the platform's own", "");
        }
        self.feature("session-storage", ports.has_session_storage(), "Sign-in by redirect needs it. By popup, it does not.");
        self.feature("web-locks", ports.has_locks().await, "Without them, each page obtains its own token.");
        self.feature("web-crypto", ports.has_crypto(), "A sign-in needs it: serve the page over https.");
        let tokens = self.keyring.tokens();
        if tokens.is_empty() {
            self.report("token", Verdict::Skipped, "none", "a token of the target organization", "");
        }
        let mut confirmed = Vec::new();
        let mut refused = Vec::new();
        for token in tokens {
            match self.token(&token).await {
                Ok(token) => confirmed.push(token),
                Err(error) => refused.push((token, error)),
            }
        }
        self.token_choice(&confirmed, &refused);
        self.grant(&confirmed);
        self.scope(&confirmed, &refused);
        self.client_scopes(&confirmed, &refused);
        self.contract(&confirmed).await;
        self.org_headers();
        self.cors(confirmed.first()).await;
        self.clock();
        self.agent(&confirmed, &refused).await;
    }

    fn report(
        &self,
        check: &'static str,
        verdict: Verdict,
        found: impl Into<String>,
        expected: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let line = DiagnosisLine { check, verdict, found: found.into(), expected: expected.into(), hint: hint.into() };
        self.lines.borrow_mut().push(line);
    }

    fn launch(&self) {
        let values: Vec<String> = self.settings.launch.values().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let expected = "gcHostOrigin and gcTargetEnv, from the launch URL";
        let has_both = self.settings.launch.get("hostOrigin").is_some() && self.settings.launch.get("targetEnv").is_some();
        if has_both {
            self.report("launch", Verdict::Ok, joined(&values, ", "), expected, "");
        } else {
            let found = if values.is_empty() { "nothing".to_owned() } else { joined(&values, ", ") };
            let hint = "Put ?gcHostOrigin={{gcHostOrigin}}&gcTargetEnv={{gcTargetEnv}} into the app's URL, before any #, if Genesys Cloud embeds the app.";
            self.report("launch", Verdict::Warn, found, expected, hint);
        }
        let environment = &self.settings.environment;
        let found = format!("{}: {}, {}", environment.name(), environment.api(), environment.login());
        self.report("environment", Verdict::Ok, found, "the environment that the tokens are of", "");
    }

    fn organization(&self) {
        let expected = "the named one, or the only one that has a token";
        match &self.target {
            Ok(Some(target)) => self.report("organization", Verdict::Ok, target.org.as_str(), expected, ""),
            Ok(None) => self.report("organization", Verdict::Ok, "none is named: the next token decides (getToken, login)", expected, ""),
            Err(error) => self.report("organization", Verdict::Fail, error.message.as_str(), expected, error.hint()),
        }
    }

    fn feature(&self, check: &'static str, is_available: bool, hint: &str) {
        match is_available {
            true => self.report(check, Verdict::Ok, "there", "there", ""),
            false => self.report(check, Verdict::Warn, "not there", "there", hint),
        }
    }

    /// Checks a token. Returns the token with the cloud's facts, if the cloud confirms it.
    async fn token(&self, token: &Rc<OrgToken>) -> Result<Rc<OrgToken>, Error> {
        let org = &token.target().org;
        let now = self.exchange.now();
        let expected = format!("a token of {org} that the API accepts");
        if !token.may_be_fresh(now) {
            let found = if token.is_rejected() { "the API rejected it" } else { "it has expired or idled too long" };
            self.report("token", Verdict::Fail, format!("{org}: {found}"), expected, Code::TokenExpired.hint());
            return Err(Error::new(Code::TokenExpired, found));
        }
        let confirmed = match self.exchange.refetch_token_info(token).await {
            Ok(confirmed) => Rc::new(confirmed),
            Err(error) => {
                let verdict = if error.is_token_rejection() { Verdict::Fail } else { Verdict::Warn };
                self.report("token", verdict, format!("{org}: {}", error.message), expected, error.hint());
                return Err(error);
            }
        };
        let known_by = match token.known_by() {
            KnownBy::Claim => "its claim",
            KnownBy::Cloud => "the API",
        };
        let home = confirmed.home_org().map_or(String::new(), |home| format!(", home organization {home}"));
        let scopes = confirmed.scopes().map_or("unknown".to_owned(), |scopes| joined(scopes, " "));
        let life = token.expires_at(now).map_or("unknown".to_owned(), |at| format!("{} s", at.since(now.instant()) / 1000));
        let facts = format!("filed by {known_by}{home}, scopes: {scopes}, life left: {life}");
        let owner = &confirmed.target().org;
        if owner == org {
            self.report("token", Verdict::Ok, format!("{org}: {facts}"), expected, "");
        } else {
            let hint = "The token's claim contradicts the API: get a token of the organization itself.";
            self.report("token", Verdict::Fail, format!("{org}: the API says that it is of {owner}; {facts}"), expected, hint);
        }
        Ok(confirmed)
    }

    fn token_choice(&self, confirmed: &[Rc<OrgToken>], refused: &[RefusedToken]) {
        let target = match &self.target {
            Ok(Some(target)) => target,
            Ok(None) => {
                let found = "none: it would be obtained (getToken, login)";
                return self.report("pick", Verdict::Ok, found, "a token of the target organization", "");
            }
            Err(_) => {
                return self.report("pick", Verdict::Skipped, "no organization to pick for", "a token of the target organization", "");
            }
        };
        let expected = format!("a token of {}", target.org);
        if self.keyring.has_fresh(target) {
            return match confirmed.iter().any(|token| token.target() == target) {
                true => self.report("pick", Verdict::Ok, "this token", expected, ""),
                false => {
                    let reason = refused.iter().find(|(token, _)| token.target() == target);
                    let hint = reason.map_or_else(|| Code::WrongOrg.hint().to_owned(), |(_, error)| error.hint());
                    self.report("pick", Verdict::Warn, "this token: see token", expected, hint);
                }
            };
        }
        if self.keyring.sources().is_empty() {
            let error = self.keyring.missing_token_error(target);
            return self.report("pick", Verdict::Fail, error.message.as_str(), expected, error.hint());
        }
        self.report("pick", Verdict::Ok, "none: it would be obtained (getToken, login)", expected, "");
    }

    /// Checks that a person has signed in for each token.
    fn grant(&self, confirmed: &[Rc<OrgToken>]) {
        let expected = "tokens of people who have signed in";
        if confirmed.is_empty() {
            return self.report("grant", Verdict::Skipped, "no token to look at", expected, "");
        }
        for token in confirmed {
            let org = &token.target().org;
            match token.is_of_client() {
                None => self.report("grant", Verdict::Skipped, format!("{org}: the API does not say"), expected, ""),
                Some(false) => self.report("grant", Verdict::Ok, format!("{org}: a person's"), expected, ""),
                Some(true) => {
                    let hint = "Every visitor of the page has the rights of this client's role. Let people sign in (login), and keep client credentials in your backend.";
                    self.report("grant", Verdict::Warn, format!("{org}: client credentials"), expected, hint);
                }
            }
        }
    }

    fn scope(&self, confirmed: &[Rc<OrgToken>], refused: &[RefusedToken]) {
        let needed = self.settings.contract.start_scopes();
        let expected = if needed.is_empty() { "any".to_owned() } else { format!("\"{}\"", joined(needed, "\" or \"")) };
        if confirmed.is_empty() {
            return self.report("scope", Verdict::Skipped, nothing_known(refused), expected, "");
        }
        for token in confirmed {
            let org = &token.target().org;
            let Some(scopes) = token.scopes() else {
                self.report("scope", Verdict::Skipped, format!("{org}: the API does not say"), expected.as_str(), "");
                continue;
            };
            let Some(first) = needed.first() else {
                self.report("scope", Verdict::Ok, format!("{org}: {}", joined(scopes, " ")), expected.as_str(), "");
                continue;
            };
            if let Some(held) = needed.iter().find(|scope| scopes.contains(scope)) {
                self.report("scope", Verdict::Ok, format!("{org}: {held}"), expected.as_str(), "");
            } else if let Some(near) = near_miss(first, scopes) {
                let hint = format!("\"{near}\" is not \"{first}\": correct the scope of the OAuth client, and get a new token.");
                self.report("scope", Verdict::Fail, format!("{org}: \"{near}\""), expected.as_str(), hint);
            } else {
                let found = format!("{org}: {}", if scopes.is_empty() { "none".to_owned() } else { joined(scopes, " ") });
                self.report("scope", Verdict::Warn, found, expected.as_str(), Code::ScopeMissing.hint());
            }
        }
    }

    /// Checks the scopes that the library's own questions need, in an organization that enforces scopes.
    fn client_scopes(&self, confirmed: &[Rc<OrgToken>], refused: &[RefusedToken]) {
        let expected = format!("{}, and {}", joined(OWN_DATA, " or "), joined(USERS, " or "));
        let hint = "If the organization enforces scopes, it refuses such requests: add the missing scopes to the OAuth client, and to `login.scope` if you set it, have it authorized in this organization, and get a new token.";
        let is_refused = |error: &Error| error.code == Code::ScopeMissing;
        let tokens = confirmed.iter().map(|token| (token, false));
        let tokens: Vec<_> = tokens.chain(refused.iter().map(|(token, error)| (token, is_refused(error)))).collect();
        if tokens.is_empty() {
            return self.report("client-scopes", Verdict::Skipped, "no token to look at", expected, "");
        }
        for (token, is_refused) in tokens {
            let org = &token.target().org;
            let lacks = |one_of: &[&str]| token.scopes().is_some_and(|scopes| !is_enough(scopes, &any_of(one_of)));
            let mut missing = Vec::new();
            missing.extend((is_refused || lacks(OWN_DATA)).then(|| joined(OWN_DATA, " or ")));
            missing.extend(lacks(USERS).then(|| joined(USERS, " or ")));
            if !missing.is_empty() {
                self.report("client-scopes", Verdict::Warn, format!("{org}: without {}", joined(&missing, ", ")), expected.as_str(), hint);
            } else if token.scopes().is_some() {
                self.report("client-scopes", Verdict::Ok, format!("{org}: all of them"), expected.as_str(), "");
            } else {
                self.report("client-scopes", Verdict::Skipped, format!("{org}: the API does not say"), expected.as_str(), "");
            }
        }
    }

    /// Asks for the list, which shows whether the API has this contract's paths.
    async fn contract(&self, confirmed: &[Rc<OrgToken>]) {
        let contract = &self.settings.contract;
        let expected = "your recording API, with a list of recordings";
        let start = contract.start_line();
        if !contract.has_list() {
            let hint = "Without a list, a lost response stays unknown: handle OUTCOME_UNKNOWN, and check before a new start.";
            return self.report("contract", Verdict::Warn, format!("{start}, without a list"), expected, hint);
        }
        let of_target = |token: &&Rc<OrgToken>| matches!(&self.target, Ok(Some(target)) if target == token.target());
        let token = confirmed.iter().find(of_target).filter(|token| self.exchange.wait(token).is_none());
        let (Some(token), Ok(list)) = (token, contract.list(self.agent)) else {
            return self.report("contract", Verdict::Ok, start, expected, "");
        };
        let asked = format!("{start}; GET {}", list.path().split('?').next().unwrap_or_default());
        match self.client.send_with(token, list).await {
            Ok(response) if response.is_success() => {
                let whose = Whose { org: &token.target().org, agent: None, user: None };
                let (verdict, hint) = match contract.shape().list(&response, whose) {
                    Some(_) => (Verdict::Ok, ""),
                    None => (Verdict::Warn, Code::UnexpectedAnswer.hint()),
                };
                self.report("contract", verdict, format!("{asked}: {}", response.status), expected, hint);
            }
            Ok(response) => {
                let refused = self.exchange.refusal(&response);
                let is_missing = refused.code == Code::NotFound;
                let (verdict, hint) = if is_missing { (Verdict::Fail, NO_SUCH_LIST.to_owned()) } else { (Verdict::Warn, refused.hint()) };
                self.report("contract", verdict, format!("{asked}: {}", response.status), expected, hint);
            }
            Err(lost) => self.report("contract", Verdict::Warn, format!("{asked}: no response"), expected, lost.hint()),
        }
    }

    fn org_headers(&self) {
        let expected = ORG_HEADER;
        let is_usual = |name: &String| name.eq_ignore_ascii_case(ORG_HEADER);
        match self.settings.contract.org_headers() {
            [] => self.report("org-header", Verdict::Ok, "none is sent", expected, ""),
            names if names.iter().any(is_usual) => self.report("org-header", Verdict::Ok, joined(names, ", "), expected, ""),
            names => {
                let hint =
                    "No header makes a token work in another organization. Name the header that your API expects in contract.orgHeaders.";
                self.report("org-header", Verdict::Warn, joined(names, ", "), expected, hint);
            }
        }
    }

    /// Checks whether CORS allows the organization's headers: sends a request with them and, if that fails, one without.
    async fn cors(&self, token: Option<&Rc<OrgToken>>) {
        let names = self.settings.contract.org_headers();
        let expected = "the API's CORS allows the organization's header";
        let token = token.filter(|token| self.exchange.wait(token).is_none());
        let (Some(token), false) = (token, names.is_empty()) else {
            let found = if names.is_empty() { "no such header is sent" } else { "no token to ask with" };
            return self.report("cors", Verdict::Skipped, found, expected, "");
        };
        let with_headers = ApiRequest::get_token_info().with_org_headers(names);
        if self.client.send_with(token, with_headers).await.is_ok() {
            return self.report("cors", Verdict::Ok, format!("{} may be sent", joined(names, ", ")), expected, "");
        }
        match self.client.send_with(token, ApiRequest::get_token_info()).await {
            Ok(_) => {
                let hint = "Have the API's gateway allow the header (Access-Control-Allow-Headers), or send none: contract.orgHeaders: [].";
                self.report("cors", Verdict::Fail, format!("fails with {}, works without it", joined(names, ", ")), expected, hint);
            }
            Err(lost) => self.report("cors", Verdict::Warn, "no answer with or without the header", expected, lost.hint()),
        }
    }

    fn clock(&self) {
        let expected = "this machine's clock within 30 s of the API's";
        match self.exchange.clock_ahead() {
            None => self.report("clock", Verdict::Skipped, "CORS hides the API's Date", expected, ""),
            Some(ahead) if ahead.abs() <= CLOCK_TOLERANCE_MS => self.report("clock", Verdict::Ok, skew(ahead), expected, ""),
            Some(ahead) => {
                let hint = "Set the clock: tokens seem to expire too early or too late. The library corrects it if it can.";
                self.report("clock", Verdict::Warn, skew(ahead), expected, hint);
            }
        }
    }

    /// Looks for the agent in the organization of every confirmed token.
    async fn agent(&self, confirmed: &[Rc<OrgToken>], refused: &[RefusedToken]) {
        let expected = match &self.target {
            Ok(Some(target)) => format!("an agent of {}", target.org),
            _ => "an agent of the target organization".to_owned(),
        };
        let Some(agent) = self.agent else {
            return self.report("agent", Verdict::Skipped, "no agent was named", expected, "");
        };
        let mut missing_from = Vec::new();
        let mut reason = None;
        for token in confirmed {
            let org = &token.target().org;
            match self.client.has_agent(token, agent).await {
                Ok(true) if matches!(&self.target, Ok(Some(target)) if target == token.target()) => {
                    return self.report("agent", Verdict::Ok, format!("seen in {org}"), expected, "");
                }
                Ok(true) => {
                    let hint = format!("Call startRecording(agentId, {{ orgId: \"{org}\" }}): the agent's own organization decides.");
                    return self.report("agent", Verdict::Fail, format!("seen in {org}"), expected, hint);
                }
                Ok(false) => missing_from.push(org.as_str()),
                Err(error) => reason = Some((org, error)),
            }
        }
        if missing_from.is_empty() {
            return match reason {
                Some((org, error)) => {
                    self.report("agent", Verdict::Skipped, format!("{org}: {}", error.message), expected, error.hint());
                }
                None => self.report("agent", Verdict::Skipped, nothing_known(refused), expected, ""),
            };
        }
        let found = format!("not in {}, which has a token", joined(&missing_from, ", nor in "));
        self.report("agent", Verdict::Fail, found, expected, Code::WrongOrg.hint());
    }
}

/// A token that the cloud has not confirmed, and why.
type RefusedToken = (Rc<OrgToken>, Error);

/// Why a check has no token to look at.
fn nothing_known(refused: &[RefusedToken]) -> String {
    match refused {
        [(token, error), ..] => format!("no token to check with; {}: {}", token.target().org, error.message),
        [] => "no token to check with".to_owned(),
    }
}

fn skew(cloud_ahead: i64) -> String {
    let side = if cloud_ahead < 0 { "ahead of" } else { "behind" };
    format!("{} s {side} the API's", cloud_ahead.abs() / 1000)
}

/// The last line of a report whose checks took too long.
pub(crate) fn unfinished(limit: u32) -> DiagnosisLine {
    DiagnosisLine {
        check: "time",
        verdict: Verdict::Fail,
        found: format!("not finished within {limit} ms"),
        expected: "an answer to each question".to_owned(),
        hint: Code::Timeout.hint().to_owned(),
    }
}
