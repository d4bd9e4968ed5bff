//! The `login` option: how to sign in, in one environment.

use crate::model::argument::{bad, one_of, timeout};
use crate::model::environment::Environment;
use crate::model::error::Error;
use crate::model::scope::is_scope_token;

/// The longest time that a person may take, in milliseconds, unless the app says otherwise.
const DEFAULT_TIMEOUT: u32 = 120_000;

/// What `login` was told, not looked at yet.
#[derive(Clone, Default)]
pub struct LoginOptions {
    /// The OAuth client's id, for every environment.
    pub client_id: Option<String>,
    /// The OAuth clients' ids, by the environment's name.
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
    /// The longest time that a person may take, in milliseconds.
    pub timeout: Option<f64>,
}

/// How the page gets to the sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In a window of its own.
    Popup,
    /// By leaving the page, and coming back.
    Redirect,
}

/// How to sign in, in one environment.
#[derive(Clone, Debug)]
pub struct Login {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    mode: Mode,
    always_prompts: bool,
    login_hint: Option<String>,
    scope: Option<String>,
    keeps_wrong_org: bool,
    timeout: u32,
}

impl Login {
    /// Decides. `page_origin`: the origin of the page, to which every answer must come back.
    pub fn from_options(options: LoginOptions, environment: &Environment, page_origin: Option<&str>) -> Result<Login, Error> {
        let client_id = match (options.client_id, options.client_ids) {
            (Some(id), None) => id,
            (None, Some(ids)) => {
                let of_environment = ids.into_iter().find(|(name, _)| name == environment.name());
                let missing = || bad(format!("login.clientIds has none for the environment \"{}\".", environment.name()));
                of_environment.map(|(_, id)| id).ok_or_else(missing)?
            }
            _ => return Err(bad("login needs either clientId or clientIds.")),
        };
        if client_id.is_empty() || client_id.contains(char::is_control) {
            return Err(bad("login: the client id is empty or has control characters."));
        }
        let on_page = page_origin.and_then(|origin| options.redirect_uri.strip_prefix(origin));
        if !on_page.is_some_and(is_plain_address) {
            return Err(bad(
                "login.redirectUri must be an absolute URL on this page's own origin, as the browser shows it, without a fragment.",
            ));
        }
        if options.scope.as_deref().is_some_and(|scope| !scope.split(' ').all(is_scope_token)) {
            return Err(bad("login.scope must be OAuth scopes, with one blank between them."));
        }
        Ok(Login {
            client_id,
            redirect_uri: options.redirect_uri,
            mode: one_of("login.mode", options.mode, &[("popup", Mode::Popup), ("redirect", Mode::Redirect)])?,
            always_prompts: options.prompt.map_or(Ok(false), |prompt| one_of("login.prompt", Some(prompt), &[("login", true)]))?,
            login_hint: options.login_hint,
            scope: options.scope,
            keeps_wrong_org: one_of("login.wrongOrg", options.wrong_org, &[("drop", false), ("file", true)])?,
            timeout: options.timeout.map_or(Ok(DEFAULT_TIMEOUT), |millis| timeout("login.timeoutMs", millis))?,
        })
    }

    /// The OAuth client's id.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// How the page gets to the sign-in.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Who is expected to sign in.
    pub fn login_hint(&self) -> Option<&str> {
        self.login_hint.as_deref()
    }

    /// The OAuth scopes that the authorization request asks for.
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// Pages share a token only if this is the same. A scope has no tab, and here no blank, so it ends at the next blank.
    pub(super) fn sharing_name(&self) -> String {
        let scope = self.scope().unwrap_or_default().replace(' ', "\t");
        if scope.is_empty() { self.client_id.clone() } else { format!("{}\t{scope}", self.client_id) }
    }

    /// The longest time that a person may take, in milliseconds.
    pub fn timeout(&self) -> u32 {
        self.timeout
    }

    /// Whether the person is always asked to sign in.
    pub fn always_prompts(&self) -> bool {
        self.always_prompts
    }

    /// Whether a token of another organization than the one that was asked for is kept for its own.
    pub fn keeps_wrong_org(&self) -> bool {
        self.keeps_wrong_org
    }
}

/// Whether a URL parser leaves this path, with its query, as it is.
fn is_plain_address(address: &str) -> bool {
    let path = address.split('?').next().unwrap_or_default();
    path.starts_with('/')
        && !path.split('/').any(|segment| matches!(segment, "." | ".."))
        && address.bytes().all(|byte| byte.is_ascii_graphic() && !b"#\\\"<>^`{|}".contains(&byte))
}
