//! What a recorder works with, decided once from what connect() was told and what the host said.

use std::rc::Rc;

use crate::auth::login::{Login, LoginOptions};
use crate::auth::sign_in::Page;
use crate::auth::sources::SourceOptions;
use crate::model::argument::org_id;
use crate::model::argument::timeout;
use crate::model::environment::{Environment, EnvironmentEntry, Environments};
use crate::model::error::{Code, Error};
use crate::model::ids::OrgId;
use crate::model::launch::LaunchContext;
use crate::model::secret::Secret;
use crate::recording::contract::{ContractParts, RecordingContract};
use crate::token::access_token::AccessToken;

/// The longest time that a call may take unless it says otherwise, in milliseconds.
const DEFAULT_TIMEOUT: u32 = 15_000;

/// What connect() was told, not looked at yet.
#[derive(Clone, Default)]
pub struct Options {
    /// Tokens that are held already.
    pub tokens: Vec<Secret>,
    /// How to sign in.
    pub login: Option<LoginOptions>,
    /// Whether tokens are shared with other pages of this origin.
    pub share_tokens: Option<bool>,
    /// The target organization.
    pub org_id: Option<String>,
    /// The environment's name.
    pub environment: Option<String>,
    /// Environments that are opted in to.
    pub environments: Vec<EnvironmentEntry>,
    /// `path` of the recording API.
    pub path: Option<String>,
    /// Names of the headers that carry the organization's id.
    pub org_headers: Option<Vec<String>>,
    /// OAuth scope that a start needs.
    pub scope: Option<String>,
    /// Name of the header by which the cloud knows a start again, if it does.
    pub idempotency_header: Option<String>,
    /// The longest time that a call may take, in milliseconds.
    pub timeout: Option<f64>,
}

/// What a recorder works with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The environment that every request goes to.
    pub environment: Rc<Environment>,
    /// What the host said.
    pub launch: LaunchContext,
    /// The target organization, where no call and no switch names another.
    pub org: Option<OrgId>,
    /// The recording API.
    pub contract: RecordingContract,
    /// How to sign in, if at all.
    pub login: Option<Login>,
    /// Whether tokens are shared with other pages of this origin.
    pub shares_tokens: bool,
    /// The query that the page was opened with, for when it is left to sign in.
    pub page_query: Vec<(String, String)>,
    /// Tokens to file at the start.
    pub tokens: Vec<AccessToken>,
    /// The longest time that a call may take, in milliseconds.
    pub timeout: u32,
}

impl Settings {
    /// Decides. `launch_query`: the decoded pairs of the launch URL's query, where that is not the page's own.
    pub fn from_options(options: Options, launch_query: Option<&[(String, String)]>, page: Option<Page>) -> Result<Settings, Error> {
        let environments = Environments::with(options.environments)?;
        let launch_query = launch_query.or(page.as_ref().map(|page| page.query.as_slice()));
        let launch = LaunchContext::from_query(launch_query.unwrap_or_default())?;
        let environment = match (options.environment, launch_query) {
            (Some(name), _) => environments.named(&name)?,
            (None, Some(_)) => launch.environment(&environments)?,
            (None, None) => return Err(Error::new(Code::NoLaunchContext, "There is no launch URL, and no environment was given.")),
        };
        let org = match options.org_id {
            Some(text) => Some(org_id("orgId", &text)?),
            None => launch.org()?,
        };
        let mut tokens = Vec::new();
        for (at, text) in options.tokens.iter().enumerate() {
            tokens.push(AccessToken::parse(text.reveal()).map_err(|error| error.in_argument(&format!("tokens[{at}]")))?);
        }
        let page_origin = page.as_ref().map(|page| page.origin.as_str());
        let login = options.login.map(|login| Login::from_options(login, &environment, page_origin)).transpose()?;
        Ok(Settings {
            environment,
            org,
            launch,
            contract: RecordingContract::with(ContractParts {
                path: options.path,
                org_headers: options.org_headers,
                scope: options.scope,
                idempotency_header: options.idempotency_header,
            })?,
            login,
            shares_tokens: options.share_tokens.unwrap_or(true),
            page_query: page.map(|page| page.query).unwrap_or_default(),
            tokens,
            timeout: options.timeout.map_or(Ok(DEFAULT_TIMEOUT), |millis| timeout("timeoutMs", millis))?,
        })
    }

    /// What the settings say of the sources of tokens.
    pub fn source_options(&self) -> SourceOptions {
        SourceOptions {
            login: self.login.clone(),
            shares_tokens: self.shares_tokens,
            scope: self.contract.scope().to_owned(),
            timeout: self.timeout,
            page_query: self.page_query.clone(),
        }
    }
}
