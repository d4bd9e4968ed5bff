//! The doctor: checks everything that a start depends on, without changing anything, and reports what each check found,
//! what it expected and what to do.

use std::cell::RefCell;
use std::fmt::Display;
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

/// A check that adds a line to the report with each result.
struct Check<'a> {
    lines: &'a RefCell<Vec<DiagnosisLine>>,
    name: &'static str,
    expected: &'a str,
}

impl Check<'_> {
    fn report(&self, verdict: Verdict, found: &dyn Display, hint: &str) {
        self.lines.borrow_mut().push(DiagnosisLine {
            check: self.name,
            verdict,
            found: found.to_string(),
            expected: self.expected.to_owned(),
            hint: hint.to_owned(),
        });
    }

    fn ok(&self, found: &dyn Display) {
        self.report(Verdict::Ok, found, "");
    }

    fn warn(&self, found: &dyn Display, hint: &str) {
        self.report(Verdict::Warn, found, hint);
    }

    fn fail(&self, found: &dyn Display, hint: &str) {
        self.report(Verdict::Fail, found, hint);
    }

    fn skip(&self, found: &dyn Display) {
        self.report(Verdict::Skipped, found, "");
    }

    /// Reports a feature of the page: as expected if it `is_fine`, or else what the page has instead.
    fn feature(&self, is_fine: bool, otherwise: &str, hint: &str) {
        if is_fine { self.ok(&self.expected) } else { self.warn(&otherwise, hint) }
    }
}

impl<P: Platform> Doctor<'_, P> {
    /// Runs every check. Sends only `GET` requests, each with the organization's own token.
    pub(crate) async fn examine(&self) {
        self.launch();
        self.organization();
        // This check is WebAssembly itself, so it cannot fail.
        self.check("webassembly", "'wasm-unsafe-eval' in the page's CSP").ok(&"it runs");
        let has_locks = self.exchange.ports().has_locks().await;
        self.page(has_locks);
        let tokens = self.keyring.tokens();
        if tokens.is_empty() {
            self.check("token", "a token of the target organization").skip(&"none");
        }
        let mut confirmed = Vec::new();
        let mut refused = Vec::new();
        for token in tokens {
            let asked = match token.may_be_fresh(self.exchange.now()) {
                true => self.exchange.refetch_token_info(&token).await,
                false if token.is_rejected() => Err(Error::new(Code::Unauthenticated, "the API rejected it")),
                false => Err(Error::new(Code::TokenExpired, "it has expired or idled too long")),
            };
            self.token(&token, &asked);
            match asked {
                Ok(token) => confirmed.push(token.into()),
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

    fn check<'c>(&'c self, name: &'static str, expected: &'c str) -> Check<'c> {
        Check { lines: self.lines, name, expected }
    }

    fn launch(&self) {
        let mut values = Vec::new();
        for (name, value) in self.settings.launch.values() {
            values.push(format!("{name}={value}"));
        }
        let values = if values.is_empty() { "nothing".to_owned() } else { joined(&values, ", ") };
        let has_both = self.settings.launch.get("hostOrigin").is_some() && self.settings.launch.get("targetEnv").is_some();
        let check = self.check("launch", "gcHostOrigin and gcTargetEnv, from the launch URL");
        if has_both {
            check.ok(&values);
        } else {
            let hint = "Put ?gcHostOrigin={{gcHostOrigin}}&gcTargetEnv={{gcTargetEnv}} into the app's URL, before any #, if Genesys Cloud embeds the app.";
            check.warn(&values, hint);
        }
        let environment = &self.settings.environment;
        let found = format_args!("{}: {}, {}", environment.name(), environment.api(), environment.login());
        self.check("environment", "the environment that the tokens are of").ok(&found);
    }

    fn organization(&self) {
        let check = self.check("organization", "the named one, or the only one that has a token");
        match &self.target {
            Ok(Some(target)) => check.ok(&target.org),
            Ok(None) => check.ok(&"none is named: the next token decides (getToken, login)"),
            Err(error) => check.fail(&error.message, &error.hint()),
        }
    }

    /// Checks what the browser gives the page.
    fn page(&self, has_locks: bool) {
        let ports = self.exchange.ports();
        let hint = "A sign-in cannot return to this page: add allow-same-origin to the sandbox of its iframe.";
        self.check("origin", "the origin of the page's address").feature(!ports.has_opaque_origin(), "an opaque origin", hint);
        let hint = "The page has replaced `fetch`, for example with a monitoring script. If a request fails, try without that script.";
        self.check("fetch", "the platform's own").feature(!ports.is_replaced(), "a function of the page", hint);
        for (name, is_there, hint) in &[
            ("session-storage", ports.has_session_storage(), "Sign-in by redirect needs it. By popup, it does not."),
            (
                "web-locks",
                has_locks,
                "Without them, each page obtains its own token, and two tabs can start the same agent at the same time.",
            ),
            ("web-crypto", ports.has_crypto(), "A sign-in needs it: serve the page over https."),
        ] {
            self.check(name, "there").feature(*is_there, "not there", hint);
        }
    }

    /// Reports what the cloud said of a token.
    fn token(&self, token: &OrgToken, asked: &Result<Box<OrgToken>, Error>) {
        let org = &token.target().org;
        let now = self.exchange.now();
        let expected = format!("a token of {org} that the API accepts");
        let check = self.check("token", &expected);
        let confirmed = match asked {
            Ok(confirmed) => confirmed,
            Err(error) => {
                let verdict = if error.is_token_rejection() { Verdict::Fail } else { Verdict::Warn };
                return check.report(verdict, &format_args!("{org}: {}", error.message), &hint(error));
            }
        };
        let known_by = match token.known_by() {
            KnownBy::Claim => "its claim",
            KnownBy::Cloud => "the API",
        };
        let home = confirmed.home_org().map_or(String::new(), |home| format!(", home organization {home}"));
        let scopes = confirmed.scopes().map_or("unknown".to_owned(), |scopes| joined(scopes, " "));
        let life = token.expires_at(now).map_or("unknown".to_owned(), |at| format!("{} s", at.since(now.instant()) / 1000));
        let facts = format!("known by {known_by}{home}, scopes: {scopes}, life left: {life}");
        let owner = &confirmed.target().org;
        if owner == org {
            check.ok(&format_args!("{org}: {facts}"));
        } else {
            let hint = "The token's claim contradicts the API: get a token of the organization itself.";
            check.fail(&format_args!("{org}: the API says that it is of {owner}; {facts}"), hint);
        }
    }

    fn token_choice(&self, confirmed: &[Rc<OrgToken>], refused: &[RefusedToken]) {
        const OBTAINED: &str = "none: it would be obtained (getToken, login)";
        let expected = format!("a token of {}", self.target_name());
        let check = self.check("pick", &expected);
        let target = match &self.target {
            Ok(Some(target)) => target,
            Ok(None) => return check.ok(&OBTAINED),
            Err(_) => return check.skip(&"no organization to pick for"),
        };
        if self.keyring.has_fresh(target) {
            if confirmed.iter().any(|token| token.target() == target) {
                return check.ok(&"this token");
            }
            let reason = refused.iter().find(|(token, _)| token.target() == target);
            let hint = reason.map_or_else(|| Code::WrongOrg.hint().to_owned(), |(_, error)| hint(error));
            check.warn(&"this token: see token", &hint);
        } else if self.keyring.sources().is_empty() {
            let error = self.keyring.missing_token_error(target);
            check.fail(&error.message, &error.hint());
        } else {
            check.ok(&OBTAINED);
        }
    }

    /// Checks that a person has signed in for each token.
    fn grant(&self, confirmed: &[Rc<OrgToken>]) {
        let check = self.check("grant", "tokens of people who have signed in");
        if confirmed.is_empty() {
            check.skip(&"no token to look at");
        }
        for token in confirmed {
            let org = &token.target().org;
            match token.is_of_client() {
                None => check.skip(&format_args!("{org}: the API does not say")),
                Some(false) => check.ok(&format_args!("{org}: a person's")),
                Some(true) => {
                    let hint = "Every visitor of the page has the rights of this client's role. Let people sign in (login), and keep client credentials in your backend.";
                    check.warn(&format_args!("{org}: client credentials"), hint);
                }
            }
        }
    }

    fn scope(&self, confirmed: &[Rc<OrgToken>], refused: &[RefusedToken]) {
        let needed = self.settings.contract.start_scopes();
        let expected = if needed.is_empty() { "any".to_owned() } else { format!("\"{}\"", joined(needed, "\" or \"")) };
        let check = self.check("scope", &expected);
        if confirmed.is_empty() {
            check.skip(&nothing_known(refused));
        }
        for token in confirmed {
            let org = &token.target().org;
            let Some(scopes) = token.scopes() else {
                check.skip(&format_args!("{org}: the API does not say"));
                continue;
            };
            let Some(first) = needed.first() else {
                check.ok(&format_args!("{org}: {}", joined(scopes, " ")));
                continue;
            };
            if let Some(held) = needed.iter().find(|scope| scopes.contains(scope)) {
                check.ok(&format_args!("{org}: {held}"));
            } else if let Some(near) = near_miss(first, scopes) {
                let hint = format!("\"{near}\" is not \"{first}\": correct the scope of the OAuth client, and get a new token.");
                check.fail(&format_args!("{org}: \"{near}\""), &hint);
            } else {
                let held = if scopes.is_empty() { "none".to_owned() } else { joined(scopes, " ") };
                check.warn(&format_args!("{org}: {held}"), Code::ScopeMissing.hint());
            }
        }
    }

    /// Checks the scopes that the library's own questions need, in an organization that enforces scopes.
    fn client_scopes(&self, confirmed: &[Rc<OrgToken>], refused: &[RefusedToken]) {
        let (own_data, users) = (joined(OWN_DATA, " or "), joined(USERS, " or "));
        let expected = format!("{own_data}, and {users}");
        let hint = "If the organization enforces scopes, it refuses such requests: add the missing scopes to the OAuth client, and to `login.scope` if you set it, have it authorized in this organization, and get a new token.";
        let check = self.check("client-scopes", &expected);
        if confirmed.is_empty() && refused.is_empty() {
            check.skip(&"no token to look at");
        }
        let report = |token: &OrgToken, is_refused: bool| {
            let org = &token.target().org;
            let lacks = |one_of: &[&str]| token.scopes().is_some_and(|scopes| !is_enough(scopes, &any_of(one_of)));
            match (is_refused || lacks(OWN_DATA), lacks(USERS)) {
                (true, true) => check.warn(&format_args!("{org}: without {own_data}, {users}"), hint),
                (true, false) => check.warn(&format_args!("{org}: without {own_data}"), hint),
                (false, true) => check.warn(&format_args!("{org}: without {users}"), hint),
                _ if token.scopes().is_some() => check.ok(&format_args!("{org}: all of them")),
                _ => check.skip(&format_args!("{org}: the API does not say")),
            }
        };
        for token in confirmed {
            report(token, false);
        }
        for (token, error) in refused {
            report(token, error.code == Code::ScopeMissing);
        }
    }

    /// Asks for the list, which shows whether the API has this contract's paths.
    async fn contract(&self, confirmed: &[Rc<OrgToken>]) {
        let contract = &self.settings.contract;
        let check = self.check("contract", "your recording API, with a list of recordings");
        let start = contract.start_line();
        if !contract.has_list() {
            let hint = "Without a list, a lost response stays unknown: handle OUTCOME_UNKNOWN, and check before a new start.";
            return check.warn(&format_args!("{start}, without a list"), hint);
        }
        let token = confirmed.iter().find(|token| self.is_of_target(token)).filter(|token| self.exchange.wait(token).is_none());
        let (Some(token), Ok(list)) = (token, contract.list(self.agent)) else {
            return check.skip(&format_args!("{start}: the list was not asked for"));
        };
        let asked = format!("{start}; GET {}", list.path().split('?').next().unwrap_or_default());
        let response = match self.client.send_with(token, list).await {
            Ok(response) => response,
            Err(lost) => return check.warn(&format_args!("{asked}: no response"), &lost.hint()),
        };
        let refused = self.exchange.refusal(&response);
        let whose = Whose { org: &token.target().org, agent: None, user: None };
        if !response.is_success() {
            let (verdict, hint) = match refused.code {
                Code::NotFound => (Verdict::Fail, NO_SUCH_LIST),
                _ => (Verdict::Warn, &*hint(&refused)),
            };
            return check.report(verdict, &format_args!("{asked}: {}", refused.message), hint);
        }
        let found = format_args!("{asked}: {}", response.status);
        match contract.shape().list(&response, whose) {
            Some(listed) if listed.unreadable == 0 || contract.shape().needs_user() => check.ok(&found),
            Some(_) => check.warn(&found, "The list has a recording that cannot be read: compare `contract.fields` with your API."),
            None => check.warn(
                &found,
                "This is no list of recordings: compare `path` and `list` in `contract` with your API. A proxy may have answered instead.",
            ),
        }
    }

    fn target_name(&self) -> &str {
        match &self.target {
            Ok(Some(target)) => target.org.as_str(),
            _ => "the target organization",
        }
    }

    fn is_of_target(&self, token: &OrgToken) -> bool {
        matches!(&self.target, Ok(Some(target)) if target == token.target())
    }

    fn org_headers(&self) {
        let check = self.check("org-header", ORG_HEADER);
        let names = self.settings.contract.org_headers();
        if names.is_empty() {
            check.ok(&"none is sent");
        } else if names.iter().any(|name| name.eq_ignore_ascii_case(ORG_HEADER)) {
            check.ok(&joined(names, ", "));
        } else {
            let hint =
                "No header makes a token work in another organization. Name the header that your API expects in contract.orgHeaders.";
            check.warn(&joined(names, ", "), hint);
        }
    }

    /// Checks whether CORS allows the organization's headers: sends a request with them and, if that fails, one without.
    async fn cors(&self, token: Option<&Rc<OrgToken>>) {
        let names = self.settings.contract.org_headers();
        let check = self.check("cors", "the API's CORS allows the organization's header");
        if names.is_empty() {
            return check.skip(&"no such header is sent");
        }
        let Some(token) = token.filter(|token| self.exchange.wait(token).is_none()) else {
            return check.skip(&"no token to ask with");
        };
        let listed = joined(names, ", ");
        let mut lost = None;
        for (names, works) in [(names, true), (&[], false)] {
            let request = ApiRequest::get_token_info().with_org_headers(names);
            match self.client.send_with(token, request).await {
                Ok(_) if works => return check.ok(&format_args!("{listed} may be sent")),
                Ok(_) => {
                    let hint =
                        "Have the API's gateway allow the header (Access-Control-Allow-Headers), or send none: contract.orgHeaders: [].";
                    return check.fail(&format_args!("fails with {listed}, works without it"), hint);
                }
                Err(error) => lost = Some(error),
            }
        }
        check.warn(&"no answer with or without the header", &lost.map_or(String::new(), |lost| lost.hint()));
    }

    fn clock(&self) {
        let check = self.check("clock", "this machine's clock within 30 s of the API's");
        match self.exchange.clock_ahead() {
            None => check.skip(&"no Date of the API was seen"),
            Some(ahead) if ahead.abs() <= CLOCK_TOLERANCE_MS => check.ok(&skew(ahead)),
            Some(ahead) => {
                let hint = "Set the clock: tokens seem to expire too early or too late. The library corrects it if it can.";
                check.warn(&skew(ahead), hint);
            }
        }
    }

    /// Looks for the agent in the organization of every confirmed token.
    async fn agent(&self, confirmed: &[Rc<OrgToken>], refused: &[RefusedToken]) {
        let expected = format!("an agent of {}", self.target_name());
        let check = self.check("agent", &expected);
        let Some(agent) = self.agent else {
            return check.skip(&"no agent was named");
        };
        let mut missing_from = Vec::new();
        let mut reason = None;
        for token in confirmed {
            let org = &token.target().org;
            match self.client.has_agent(token, agent).await {
                Ok(true) if self.is_of_target(token) => return check.ok(&format_args!("seen in {org}")),
                Ok(true) => {
                    let hint = format!("Call startRecording(agentId, {{ orgId: \"{org}\" }}): the agent's own organization decides.");
                    return check.fail(&format_args!("seen in {org}"), &hint);
                }
                Ok(false) => missing_from.push(org.as_str()),
                Err(error) => reason = Some((org, error)),
            }
        }
        match reason {
            _ if !missing_from.is_empty() => {
                let found = format_args!("not in {}, which has a token", joined(&missing_from, ", nor in "));
                check.fail(&found, Code::WrongOrg.hint());
            }
            Some((org, error)) => check.report(Verdict::Skipped, &format_args!("{org}: {}", error.message), &hint(&error)),
            None => check.skip(&nothing_known(refused)),
        }
    }
}

/// A token that the cloud has not confirmed, and why.
type RefusedToken = (Rc<OrgToken>, Error);

/// What to do about a refusal that a line reports.
fn hint(error: &Error) -> String {
    match error.code {
        // Their hints point to `cause`, which no line has.
        Code::UnexpectedAnswer => "A proxy may have answered instead of the API.".to_owned(),
        Code::Forbidden | Code::Conflict | Code::BadRequest => "If the API gave a reason, it is in `found`.".to_owned(),
        _ => error.hint(),
    }
}

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
        hint: "Try again, or increase `timeoutMs` of connect().".to_owned(),
    }
}
