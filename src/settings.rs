//! What a recorder works with, decided once from what connect() was told and what the host said.

use std::rc::Rc;

use crate::contract::RecordingContract;
use crate::environment::{Environment, EnvironmentEntry, Environments};
use crate::error::{Code, Error};
use crate::launch::LaunchContext;
use crate::org::{OrgId, org_id};
use crate::token::AccessToken;

/// The longest time that a call may take unless it says otherwise, in milliseconds.
const DEFAULT_TIMEOUT: u32 = 15_000;

/// What connect() was told, not looked at yet.
#[derive(Clone, Default)]
pub struct Options {
    /// Tokens that are held already.
    pub tokens: Vec<String>,
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
    /// Tokens to file at the start.
    pub tokens: Vec<AccessToken>,
    /// The longest time that a call may take, in milliseconds.
    pub timeout: u32,
}

impl Settings {
    /// Decides. `launch_query`: the decoded pairs of the launch URL's query; `None` where there is no launch URL.
    pub fn decide(options: Options, launch_query: Option<&[(String, String)]>) -> Result<Settings, Error> {
        let environments = Environments::with(options.environments)?;
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
            tokens.push(AccessToken::parse(text).map_err(|error| error.of(&format!("tokens[{at}]")))?);
        }
        Ok(Settings {
            environment,
            org,
            launch,
            contract: RecordingContract::with(options.path, options.org_headers, options.scope)?,
            tokens,
            timeout: options.timeout.map_or(Ok(DEFAULT_TIMEOUT), timeout)?,
        })
    }
}

/// A `timeoutMs`: more than 0 and at most 2³¹ − 1 milliseconds, the longest that a browser's timer can wait.
pub fn timeout(millis: f64) -> Result<u32, Error> {
    if millis > 0.0 && millis <= f64::from(i32::MAX) {
        // In range: what is lost is the part below a millisecond.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        return Ok(millis.ceil() as u32);
    }
    Err(Error::new(Code::BadArgument, "timeoutMs must be more than 0 and at most 2147483647 milliseconds."))
}
