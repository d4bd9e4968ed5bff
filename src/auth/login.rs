//! The `login` option: how to sign in, in one environment.

use crate::model::argument::{bad, is_dot_segment, one_of, org_id, timeout};
use crate::model::environment::{Environment, Environments};
use crate::model::error::{Code, Error};
use crate::model::ids::{OrgId, has_control_characters};
use crate::model::scope::is_scope_token;

/// The longest time that a person may take, in milliseconds, unless the app says otherwise.
const DEFAULT_TIMEOUT: u32 = 120_000;

/// The hint if a sign-in ended, or would end, in an organization that the app does not serve.
const NOT_ALLOWED: &str =
    "Sign in with an account of an organization that this app serves. If it serves this one, add the organization to login.allowedOrgIds.";

/// The option `login`, not validated yet.
#[derive(Clone, Default)]
pub struct LoginOptions {
    /// The OAuth client's id, for every environment.
    pub client_id: Option<String>,
    /// The OAuth clients' ids, by any name of the environment.
    pub client_ids: Option<Vec<(String, String)>>,
    /// Where the login origin sends the answer.
    pub redirect_uri: String,
    /// `popup` or `redirect`.
    pub mode: Option<String>,
    /// `login`, or nothing.
    pub prompt: Option<String>,
    /// Who is expected to sign in.
    pub login_hint: Option<String>,
    /// The OAuth scopes that the authorization request asks for.
    pub scope: Option<String>,
    /// `drop` or `file`.
    pub wrong_org: Option<String>,
    /// `call` or `connect`.
    pub on: Option<String>,
    /// The organizations in which a sign-in may end; `None` for every organization.
    pub allowed_org_ids: Option<Vec<String>>,
    /// The longest time that a person may take, in milliseconds.
    pub timeout: Option<f64>,
}

impl LoginOptions {
    /// Whether this is the OAuth client in some environment.
    pub(super) fn has_client(&self, id: &str) -> bool {
        self.client_id.as_deref() == Some(id) || self.client_ids.iter().flatten().any(|(_, other)| other == id)
    }
}

/// How to sign in, in one environment.
#[derive(Clone, Debug)]
pub struct Login {
    /// The OAuth client's id.
    pub client_id: String,
    pub(super) redirect_uri: String,
    /// Whether the page is left to sign in, instead of opening a window.
    pub(super) by_redirect: bool,
    /// Whether the person is always asked to sign in.
    pub(super) always_prompts: bool,
    pub(super) login_hint: Option<String>,
    pub(super) scope: Option<String>,
    /// Whether a token of another organization than the one that was asked for is kept for its own.
    pub(crate) keeps_wrong_org: bool,
    /// Whether connect() signs in.
    pub(crate) signs_in_at_connect: bool,
    allowed_orgs: Option<Vec<OrgId>>,
    /// The longest time that a person may take, in milliseconds.
    pub(super) timeout: u32,
}

impl Login {
    /// Validates the options. `page_origin`: the page's origin, which `redirectUri` must have.
    pub fn from_options(
        options: &LoginOptions,
        environments: &Environments,
        environment: &Environment,
        page_origin: Option<&str>,
    ) -> Result<Login, Error> {
        let client_id = match (&options.client_id, &options.client_ids) {
            (Some(id), None) => id,
            (None, Some(ids)) => client_of(ids, environments, environment)?,
            _ => return Err(bad("login needs either clientId or clientIds.")),
        };
        if client_id.is_empty() || has_control_characters(client_id) {
            return Err(bad("login: the client id is empty or has control characters."));
        }
        let on_page = page_origin.and_then(|origin| options.redirect_uri.strip_prefix(origin));
        if !on_page.is_some_and(is_plain_address) {
            return Err(bad(
                "login.redirectUri must be an absolute URL on this page's own origin, as the browser shows it, without a fragment.",
            ));
        }
        if options.scope.as_deref().is_some_and(|scope| !scope.split(' ').all(is_scope_token)) {
            return Err(bad("login.scope must be OAuth scopes, separated by single spaces."));
        }
        Ok(Login {
            by_redirect: one_of("login.mode", options.mode.as_deref(), &[("popup", false), ("redirect", true)])?,
            always_prompts: options.prompt.is_some() && one_of("login.prompt", options.prompt.as_deref(), &[("login", true)])?,
            keeps_wrong_org: one_of("login.wrongOrg", options.wrong_org.as_deref(), &[("drop", false), ("file", true)])?,
            signs_in_at_connect: one_of("login.on", options.on.as_deref(), &[("call", false), ("connect", true)])?,
            allowed_orgs: options.allowed_org_ids.as_deref().map(allowed_orgs).transpose()?,
            timeout: options.timeout.map_or(Ok(DEFAULT_TIMEOUT), |millis| timeout("login.timeoutMs", millis))?,
            client_id: client_id.to_owned(),
            redirect_uri: options.redirect_uri.clone(),
            login_hint: options.login_hint.clone(),
            scope: options.scope.clone(),
        })
    }

    /// Whether a sign-in to this organization may begin; `None`: to one of the person's choice.
    pub(super) fn may_ask_for(&self, org: Option<&OrgId>) -> bool {
        org.is_none_or(|org| self.allows(org))
    }

    /// Fails if a sign-in may not end in this organization.
    pub(crate) fn ensure_allowed(&self, org: &OrgId) -> Result<(), Error> {
        if self.allows(org) {
            return Ok(());
        }
        let error = Error::new(Code::LoginWrongOrg, format!("login.allowedOrgIds lacks organization {org}."));
        Err(error.with_hint(NOT_ALLOWED))
    }

    /// Whether a sign-in may end in this organization.
    pub(super) fn allows(&self, org: &OrgId) -> bool {
        self.allowed_orgs.as_ref().is_none_or(|allowed| allowed.contains(org))
    }

    /// Pages share a token only if this is the same. A scope has no tab, and here no blank, so it ends at the next blank.
    pub(super) fn sharing_name(&self) -> String {
        let scope = self.scope.as_deref().unwrap_or_default().replace(' ', "\t");
        if scope.is_empty() { self.client_id.clone() } else { format!("{}\t{scope}", self.client_id) }
    }

    /// A token of a sign-in by redirect may serve another recorder of its page only if this is the same.
    pub(super) fn redirect_name(&self) -> String {
        let person = self.login_hint.as_deref().unwrap_or_default();
        format!("{} {} {} {person}", self.redirect_uri, self.always_prompts, self.sharing_name())
    }
}

/// The client's id for the environment. Its key is any name that the option `environment` takes.
fn client_of<'a>(ids: &'a [(String, String)], environments: &Environments, environment: &Environment) -> Result<&'a str, Error> {
    let mut found: Option<&str> = None;
    for (name, id) in ids {
        let of = environments.find(name).ok_or_else(|| bad(format!("login.clientIds: there is no environment \"{name}\".")))?;
        if *of != *environment {
            continue;
        }
        if found.is_some_and(|other| other != id) {
            return Err(bad(format!("login.clientIds has two ids for the environment \"{}\".", environment.name())));
        }
        found = Some(id);
    }
    found.ok_or_else(|| bad(format!("login.clientIds has none for the environment \"{}\".", environment.name())))
}

fn allowed_orgs(ids: &[String]) -> Result<Vec<OrgId>, Error> {
    if ids.is_empty() {
        return Err(bad("login.allowedOrgIds is empty, so nobody could sign in."));
    }
    let mut orgs = Vec::new();
    for (at, id) in ids.iter().enumerate() {
        orgs.push(org_id(&format!("login.allowedOrgIds[{at}]"), id)?);
    }
    Ok(orgs)
}

/// Whether a URL parser leaves this path, with its query, as it is.
fn is_plain_address(address: &str) -> bool {
    let path = address.split('?').next().unwrap_or_default();
    path.starts_with('/')
        && !path.split('/').any(is_dot_segment)
        && address.bytes().all(|byte| byte.is_ascii_graphic() && !b"#\\\"<>^`{|}".contains(&byte))
}
