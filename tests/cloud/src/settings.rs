//! What a test may change about the cloud as a whole.

use axum::http::{
    HeaderMap, HeaderName,
    header::{AUTHORIZATION, COOKIE},
};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{clock::Clock, refusal::Refusal, token::Format};

/// Whether the cloud lists recordings.
#[derive(Clone, Copy, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Listing {
    All,
    Off,
}

/// The code of the 404 for an unknown user. The published API declares both.
#[derive(Clone, Copy, Deserialize, Serialize)]
pub(crate) enum UnknownUserCode {
    #[serde(rename = "not.found")]
    Common,
    #[serde(rename = "general.resource.not.found")]
    Own,
}

impl UnknownUserCode {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Common => "not.found",
            Self::Own => "general.resource.not.found",
        }
    }
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Settings {
    pub(crate) org_header_allowed_by_cors: bool,
    /// For each token; 0 switches the limit and its headers off.
    pub(crate) rate_limit_per_minute: u32,
    /// Off in a real organization until an administrator turns it on; on here, because a missing scope should show.
    pub(crate) enforce_scopes: bool,
    /// Of the published operations.
    pub(crate) enforce_client_scopes: bool,
    /// Of the tokens that a login gives.
    pub(crate) token_format: Format,
    pub(crate) access_token_seconds: i64,
    /// Whether the platform gives any for PKCE is unconfirmed.
    pub(crate) refresh_tokens: bool,
    /// Of every token, those that are already issued included.
    pub(crate) idle_seconds: i64,
    pub(crate) date_exposed_by_cors: bool,
    pub(crate) cross_origin_opener_policy: bool,
    pub(crate) login_refuses_framing: bool,
    /// Whether the form of the sign-in page needs a cookie.
    pub(crate) cookie_bound_login: bool,
    pub(crate) require_scope: bool,
    pub(crate) errors_without_state: bool,
    /// How long a browser may remember a preflight; `None` leaves that to the browser.
    pub(crate) max_age_seconds: Option<u32>,
    pub(crate) clock_speed: f64,
    /// Of connections to the api origin, but for those of the controls.
    pub(crate) keep_alive: bool,
    /// As it was sent: a valid name.
    idempotency_header: Option<String>,
    pub(crate) guards_agents: bool,
    pub(crate) listing: Listing,
    pub(crate) unknown_user_code: UnknownUserCode,
    /// How many supervisors may monitor one agent at a time.
    pub(crate) monitorings_per_agent: usize,
    /// Whether the agents' roles allow it.
    pub(crate) agents_may_be_monitored: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            org_header_allowed_by_cors: true,
            rate_limit_per_minute: 300,
            enforce_scopes: true,
            enforce_client_scopes: false,
            token_format: Format::Opaque,
            access_token_seconds: 3600,
            refresh_tokens: false,
            idle_seconds: 1800,
            date_exposed_by_cors: false,
            cross_origin_opener_policy: false,
            login_refuses_framing: false,
            cookie_bound_login: false,
            require_scope: false,
            errors_without_state: false,
            max_age_seconds: Some(0),
            clock_speed: Clock::MACHINE_SPEED,
            keep_alive: true,
            idempotency_header: None,
            guards_agents: true,
            listing: Listing::All,
            unknown_user_code: UnknownUserCode::Common,
            monitorings_per_agent: 10,
            agents_may_be_monitored: true,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Change {
    org_header_allowed_by_cors: Option<bool>,
    rate_limit_per_minute: Option<u32>,
    enforce_scopes: Option<bool>,
    enforce_client_scopes: Option<bool>,
    token_format: Option<Format>,
    access_token_seconds: Option<i64>,
    refresh_tokens: Option<bool>,
    idle_seconds: Option<i64>,
    date_exposed_by_cors: Option<bool>,
    cross_origin_opener_policy: Option<bool>,
    login_refuses_framing: Option<bool>,
    cookie_bound_login: Option<bool>,
    require_scope: Option<bool>,
    errors_without_state: Option<bool>,
    #[serde(default, deserialize_with = "nullable")]
    max_age_seconds: Option<Option<u32>>,
    clock_speed: Option<f64>,
    keep_alive: Option<bool>,
    #[serde(default, deserialize_with = "nullable")]
    idempotency_header: Option<Option<String>>,
    guards_agents: Option<bool>,
    listing: Option<Listing>,
    unknown_user_code: Option<UnknownUserCode>,
    monitorings_per_agent: Option<usize>,
    agents_may_be_monitored: Option<bool>,
}

/// Null is a value of its own here, and not the same as a field that is left out.
fn nullable<'text, D: Deserializer<'text>, T: Deserialize<'text>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Change {
    fn judge(&self) -> Result<(), Refusal> {
        let most = i64::try_from(Clock::MOST_SECONDS).unwrap_or(i64::MAX);
        for (name, seconds) in [("accessTokenSeconds", self.access_token_seconds), ("idleSeconds", self.idle_seconds)] {
            if seconds.is_some_and(|seconds| !(0..=most).contains(&seconds)) {
                return Err(Refusal::bad_request(format!("{name} must be between 0 and {most}.")));
            }
        }
        let (least, most) = (Clock::MACHINE_SPEED, Clock::MOST_SPEED);
        if self.clock_speed.is_some_and(|speed| !(least..=most).contains(&speed)) {
            return Err(Refusal::bad_request(format!("clockSpeed must be between {least} and {most}.")));
        }
        if let Some(name) = self.idempotency_header.iter().flatten().find(|name| !may_carry_key(name)) {
            return Err(Refusal::bad_request(format!("[{name}] is no header that can carry an idempotency key.")));
        }
        Ok(())
    }
}

/// The ledger tells the key, and so it must not be a secret.
fn may_carry_key(header: &str) -> bool {
    HeaderName::from_bytes(header.as_bytes()).is_ok_and(|name| ![AUTHORIZATION, COOKIE].contains(&name))
}

impl Settings {
    pub(crate) fn idempotency_header(&self) -> Option<HeaderName> {
        HeaderName::from_bytes(self.idempotency_header.as_ref()?.as_bytes()).ok()
    }

    pub(crate) fn idempotency_key(&self, headers: &HeaderMap) -> Option<String> {
        let key = headers.get(self.idempotency_header()?)?;
        Some(String::from_utf8_lossy(key.as_bytes()).into_owned())
    }

    pub(crate) fn merge(&mut self, change: Change) -> Result<(), Refusal> {
        change.judge()?;
        *self = Self {
            org_header_allowed_by_cors: change.org_header_allowed_by_cors.unwrap_or(self.org_header_allowed_by_cors),
            rate_limit_per_minute: change.rate_limit_per_minute.unwrap_or(self.rate_limit_per_minute),
            enforce_scopes: change.enforce_scopes.unwrap_or(self.enforce_scopes),
            enforce_client_scopes: change.enforce_client_scopes.unwrap_or(self.enforce_client_scopes),
            token_format: change.token_format.unwrap_or(self.token_format),
            access_token_seconds: change.access_token_seconds.unwrap_or(self.access_token_seconds),
            refresh_tokens: change.refresh_tokens.unwrap_or(self.refresh_tokens),
            idle_seconds: change.idle_seconds.unwrap_or(self.idle_seconds),
            date_exposed_by_cors: change.date_exposed_by_cors.unwrap_or(self.date_exposed_by_cors),
            cross_origin_opener_policy: change.cross_origin_opener_policy.unwrap_or(self.cross_origin_opener_policy),
            login_refuses_framing: change.login_refuses_framing.unwrap_or(self.login_refuses_framing),
            cookie_bound_login: change.cookie_bound_login.unwrap_or(self.cookie_bound_login),
            require_scope: change.require_scope.unwrap_or(self.require_scope),
            errors_without_state: change.errors_without_state.unwrap_or(self.errors_without_state),
            max_age_seconds: change.max_age_seconds.unwrap_or(self.max_age_seconds),
            clock_speed: change.clock_speed.unwrap_or(self.clock_speed),
            keep_alive: change.keep_alive.unwrap_or(self.keep_alive),
            idempotency_header: change.idempotency_header.unwrap_or_else(|| self.idempotency_header.take()),
            guards_agents: change.guards_agents.unwrap_or(self.guards_agents),
            listing: change.listing.unwrap_or(self.listing),
            unknown_user_code: change.unknown_user_code.unwrap_or(self.unknown_user_code),
            monitorings_per_agent: change.monitorings_per_agent.unwrap_or(self.monitorings_per_agent),
            agents_may_be_monitored: change.agents_may_be_monitored.unwrap_or(self.agents_may_be_monitored),
        };
        Ok(())
    }
}
