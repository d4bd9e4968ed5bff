//! A recorder's settings, decided once from connect()'s options and the launch URL.

use std::rc::Rc;

use crate::auth::login::{Login, LoginOptions};
use crate::auth::sources::SourceOptions;
use crate::model::argument::{org_id, timeout};
use crate::model::environment::{Environment, EnvironmentEntry, Environments};
use crate::model::error::{Code, Error};
use crate::model::ids::OrgId;
use crate::model::json::Json;
use crate::model::launch::{LaunchContext, LaunchParams};
use crate::model::page::Page;
use crate::model::search::contains;
use crate::model::secret::Secret;
use crate::recording::contract::RecordingContract;
use crate::token::access_token::AccessToken;

/// The longest time that a call may take, unless the app says otherwise.
const DEFAULT_TIMEOUT_MS: u32 = 15_000;

/// connect()'s options, not validated yet.
#[derive(Clone, Default)]
pub struct Options {
    /// Access tokens that the app already has.
    pub tokens: Vec<Secret>,
    /// How to sign in.
    pub login: Option<LoginOptions>,
    /// Whether tokens are shared with other pages of this origin.
    pub share_tokens: Option<bool>,
    /// The target organization.
    pub org_id: Option<String>,
    /// The environment's name.
    pub environment: Option<String>,
    /// Environments besides Genesys' regions.
    pub environments: Vec<EnvironmentEntry>,
    /// The app's own names of launch parameters, by key of `launchParams`.
    pub launch_params: Vec<(String, String)>,
    /// What differs from the default recording API.
    pub contract: Json,
    /// The longest time that a call may take, in milliseconds.
    pub timeout: Option<f64>,
}

/// A recorder's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The environment that every request goes to.
    pub environment: Rc<Environment>,
    /// The launch URL's parameters.
    pub launch: LaunchContext,
    /// The target organization, unless a call or switchOrg() names another.
    pub org: Option<OrgId>,
    /// The recording API.
    pub contract: Rc<RecordingContract>,
    /// Where tokens come from.
    pub sources: Rc<SourceOptions>,
    /// Tokens to store when the recorder connects.
    pub tokens: Vec<AccessToken>,
}

impl Settings {
    /// Validates the options. `launch_query`: the decoded query of the launch URL, if that is not the page's own URL.
    pub fn from_options(mut options: Options, launch_query: Option<&[(String, String)]>, page: Option<Page>) -> Result<Settings, Error> {
        let environments = Environments::with(std::mem::take(&mut options.environments))?;
        let fragment = page.as_ref().filter(|_| launch_query.is_none()).map(|page| page.fragment.as_str()).unwrap_or_default();
        let launch_query = launch_query.or(page.as_ref().map(|page| page.query.as_slice()));
        let launch =
            LaunchContext::from_query(launch_query.unwrap_or_default(), &LaunchParams::new(std::mem::take(&mut options.launch_params))?)?;
        let environment = match (&options.environment, launch_query) {
            (Some(name), _) => environments.named(name)?,
            (None, Some(_)) => launch.environment(&environments).map_err(|error| {
                // A hash router's address.
                let is_behind_hash = launch.get("targetEnv").is_none() && contains(fragment.as_bytes(), b"gcTargetEnv=");
                if is_behind_hash { Error::new(error.code, "The launch URL has its parameters after the #.") } else { error }
            })?,
            (None, None) => return Err(Error::new(Code::NoLaunchContext, "There is no launch URL, and no environment was given.")),
        };
        let org = match &options.org_id {
            Some(text) => Some(org_id("orgId", text)?),
            None => launch.org()?,
        };
        let mut tokens = Vec::new();
        for (at, text) in options.tokens.iter().enumerate() {
            tokens.push(AccessToken::parse(text.reveal()).map_err(|error| error.in_argument(&format!("tokens[{at}]")))?);
        }
        let page_origin = page.as_ref().map(|page| page.origin.as_str());
        let login = options.login.as_ref().map(|login| Login::from_options(login, &environments, &environment, page_origin)).transpose()?;
        let contract = Rc::new(RecordingContract::from_json(&options.contract)?);
        let sources = Rc::new(SourceOptions {
            login,
            shares_tokens: options.share_tokens.unwrap_or(true),
            scopes: contract.token_scopes(),
            timeout: options.timeout.map_or(Ok(DEFAULT_TIMEOUT_MS), |millis| timeout("timeoutMs", millis))?,
            page_query: page.map(|page| page.query).unwrap_or_default(),
        });
        Ok(Settings { environment, org, launch, contract, sources, tokens })
    }
}
