//! Access tokens: each is for one organization, chosen when it is issued. What its text claims is not what it is.

use std::collections::HashMap;

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, Method, Uri, header::AUTHORIZATION, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::Sha256;
use uuid::Uuid;

use crate::{
    client::OAUTH_CLIENT_ID,
    clock::{self, Clock},
    directory::Directory,
    grant::{Grant, GrantType},
    organization::Organization,
    rate::{self, Standing, Window},
    refusal::Refusal,
    secret,
    user::User,
    world::{Shared, World},
};

const DEFAULT_SCOPES: [&str; 2] = ["screenrecordings:write", "user-basic-info"];
const DEFAULT_EXPIRES_IN: i64 = 3600;
/// Nobody verifies these signatures; a constant keeps them honest JWTs all the same.
const SIGNING_KEY: &[u8] = b"standin-cloud";

struct Token {
    text: String,
    grant: Grant,
    source: Source,
    expires_at: Timestamp,
    used_at: Timestamp,
    /// Kept after revocation, so that its text can still be struck out of the ledger.
    revoked: bool,
    window: Window,
}

impl Token {
    fn idles_at(&self, idle_seconds: i64) -> Timestamp {
        clock::after(self.used_at, idle_seconds)
    }

    fn is_expired(&self, now: Timestamp, idle_seconds: i64) -> bool {
        now >= self.expires_at || now >= self.idles_at(idle_seconds)
    }
}

/// What a token was issued for.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    Standin,
    AuthorizationCode,
    ClientCredentials,
    RefreshToken,
}

/// What the ledger tells of a token.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    org_id: &'static str,
    home_org_id: &'static str,
    source: Source,
    revoked: bool,
    expired: bool,
}

#[derive(Default)]
pub(crate) struct Tokens {
    /// In order of issue.
    issued: Vec<Token>,
    /// Where each stands there.
    by_text: HashMap<String, usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Order {
    org_id: String,
    grant: Option<GrantType>,
    #[serde(default)]
    format: Format,
    scopes: Option<Vec<String>>,
    home_org_id: Option<String>,
    user_id: Option<String>,
    permissions: Option<Vec<String>>,
    expires_in: Option<i64>,
    claim_org_id: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    #[default]
    Opaque,
    Jwt,
}

#[derive(Serialize)]
pub(crate) struct Issued {
    pub(crate) access_token: String,
    token_type: &'static str,
    pub(crate) expires_in: i64,
}

/// A token that is about to be issued.
pub(crate) struct Draft {
    pub(crate) grant: Grant,
    pub(crate) source: Source,
    pub(crate) format: Format,
    pub(crate) expires_in: i64,
    pub(crate) claim_org_id: Option<String>,
}

impl Order {
    pub(crate) fn read(self, directory: &Directory) -> Result<Draft, Refusal> {
        let known = |id: &str| {
            directory
                .organization(id)
                .ok_or_else(|| Refusal::bad_request(format!("No organization has the id [{id}]; see GET /standin/orgs.")))
        };
        let organization = known(&self.org_id)?;
        let home = self.home_org_id.as_deref().map_or(Ok(organization), known)?;
        let expires_in = self.expires_in.unwrap_or(DEFAULT_EXPIRES_IN);
        if expires_in.unsigned_abs() > Clock::MOST_SECONDS {
            return Err(Refusal::bad_request(format!("expiresIn must be at most {} seconds from now.", Clock::MOST_SECONDS)));
        }
        if self.format == Format::Opaque && self.claim_org_id.is_some() {
            return Err(Refusal::bad_request("claimOrgId needs the format \"jwt\": an opaque token claims nothing."));
        }
        let (client_id, user) = match self.grant {
            None | Some(GrantType::AuthorizationCode) => {
                let user = match &self.user_id {
                    None => User::first_of(home).ok_or_else(|| Refusal::bad_request(format!("Nobody works in [{}].", home.name)))?,
                    Some(id) => directory
                        .user(id)
                        .filter(|user| user.home.id == home.id)
                        .ok_or_else(|| Refusal::bad_request(format!("Nobody in [{}] has the id [{id}].", home.name)))?,
                };
                (OAUTH_CLIENT_ID.to_owned(), Some(user))
            }
            Some(GrantType::ClientCredentials) if self.home_org_id.is_none() && self.user_id.is_none() => (organization.client_id(), None),
            Some(GrantType::ClientCredentials) => {
                return Err(Refusal::bad_request("homeOrgId and userId are a user's, and a token of client_credentials has none."));
            }
            Some(GrantType::RefreshToken | GrantType::Saml2Bearer) => {
                return Err(Refusal::bad_request("grant must be authorization_code or client_credentials."));
            }
        };
        let grant = Grant {
            client_id,
            user,
            organization,
            scopes: self.scopes.unwrap_or_else(|| DEFAULT_SCOPES.map(str::to_owned).to_vec()),
            permissions: self.permissions,
            family: Uuid::new_v4(),
        };
        Ok(Draft { grant, source: Source::Standin, format: self.format, expires_in, claim_org_id: self.claim_org_id })
    }
}

impl Tokens {
    pub(crate) fn issue(&mut self, draft: Draft, now: Timestamp, issuer: &str) -> Result<Issued, Refusal> {
        let Draft { grant, source, format, expires_in, claim_org_id } = draft;
        let expires_at = clock::after(now, expires_in);
        let text = match format {
            Format::Opaque => secret::random(),
            Format::Jwt => sign(&json!({
                "iss": issuer,
                "sub": grant.subject(),
                "org_id": claim_org_id.as_deref().unwrap_or(grant.organization.id),
                "scope": grant.scopes.join(" "),
                "iat": now.as_second(),
                "exp": expires_at.as_second(),
                "jti": Uuid::new_v4(),
            }))?,
        };
        self.by_text.insert(text.clone(), self.issued.len());
        let issued = Issued { access_token: text.clone(), token_type: "Bearer", expires_in };
        self.issued.push(Token { text, grant, source, expires_at, used_at: now, revoked: false, window: Window::default() });
        Ok(issued)
    }

    fn presented(&self, headers: &HeaderMap) -> Option<&Token> {
        let text = bearer(headers)?;
        self.issued.get(*self.by_text.get(text)?)
    }

    /// The organization of the presented token, even of one that is no longer valid.
    pub(crate) fn organization(&self, headers: &HeaderMap) -> Option<&'static Organization> {
        Some(self.presented(headers)?.grant.organization)
    }

    pub(crate) fn is_expired(&self, headers: &HeaderMap, now: Timestamp, idle_seconds: i64) -> bool {
        self.presented(headers).is_some_and(|token| token.is_expired(now, idle_seconds))
    }

    pub(crate) fn revoke(&mut self, caller: &Caller) {
        if let Some(token) = self.by_text.get(&caller.text).and_then(|place| self.issued.get_mut(*place)) {
            token.revoked = true;
        }
    }

    pub(crate) fn revoke_family(&mut self, family: Uuid) {
        self.issued.iter_mut().filter(|token| token.grant.family == family).for_each(|token| token.revoked = true);
    }

    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.issued.iter().map(|token| token.text.as_str())
    }

    pub(crate) fn lines(&self, now: Timestamp, idle_seconds: i64) -> Vec<Line> {
        self.issued
            .iter()
            .map(|token| Line {
                org_id: token.grant.organization.id,
                home_org_id: token.grant.home().id,
                source: token.source,
                revoked: token.revoked,
                expired: token.is_expired(now, idle_seconds),
            })
            .collect()
    }

    fn admit(&mut self, headers: &HeaderMap, now: Timestamp, idle_seconds: i64, keep_idle: bool) -> Result<(Caller, &mut Window), Refusal> {
        let text = bearer(headers).ok_or_else(Refusal::no_token)?;
        let token = self
            .by_text
            .get(text)
            .and_then(|place| self.issued.get_mut(*place))
            .filter(|token| !token.revoked && !token.is_expired(now, idle_seconds))
            .ok_or_else(Refusal::bad_token)?;
        if !keep_idle {
            token.used_at = now;
        }
        let caller = Caller { grant: token.grant.clone(), idles_at: token.idles_at(idle_seconds), text: text.to_owned() };
        Ok((caller, &mut token.window))
    }
}

/// JWS compact serialization, HS256.
fn sign(claims: &serde_json::Value) -> Result<String, Refusal> {
    let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let header = part(br#"{"alg":"HS256","typ":"JWT"}"#);
    let signed = format!("{header}.{}", part(claims.to_string().as_bytes()));
    let mut mac = Hmac::<Sha256>::new_from_slice(SIGNING_KEY).map_err(|error| Refusal::internal(error.to_string()))?;
    mac.update(signed.as_bytes());
    Ok(format!("{signed}.{}", part(&mac.finalize().into_bytes())))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, text) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let text = text.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !text.is_empty()).then_some(text)
}

/// Whoever presented a valid token.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) grant: Grant,
    pub(crate) idles_at: Timestamp,
    text: String,
}

impl Caller {
    /// Of an operation on recordings.
    pub(crate) fn require_scope(&self, world: &World, scope: &str) -> Result<(), Refusal> {
        if world.settings.enforce_scopes { self.require_any(&[scope]) } else { Ok(()) }
    }

    /// Of an operation on anything else.
    pub(crate) fn require_client_scope(&self, world: &World, any: &[impl AsRef<str>]) -> Result<(), Refusal> {
        if world.settings.enforce_client_scopes { self.require_any(any) } else { Ok(()) }
    }

    fn require_any(&self, any: &[impl AsRef<str>]) -> Result<(), Refusal> {
        if self.grant.scopes.iter().any(|held| any.iter().any(|scope| scope.as_ref() == held)) {
            return Ok(());
        }
        Err(Refusal::scope(any))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts
            .extensions
            .get()
            .cloned()
            .ok_or_else(|| if bearer(&parts.headers).is_some() { Refusal::bad_token() } else { Refusal::no_token() })
    }
}

fn keeps_idle(method: &Method, uri: &Uri) -> bool {
    method == Method::GET
        && uri.path() == "/api/v2/tokens/me"
        && uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "preserveIdleTTL=true"))
}

/// Recognizes the caller and counts the request. A caller without a valid token goes on: whether that matters is for
/// the route to say.
pub(crate) async fn gate(State(cloud): State<Shared>, mut request: Request, next: Next) -> Response {
    let (standing, refusal) = {
        let mut world = cloud.world();
        let World { tokens, settings, clock, .. } = &mut *world;
        let allowed = settings.rate_limit_per_minute;
        let now = clock.now();
        let keep_idle = keeps_idle(request.method(), request.uri());
        match tokens.admit(request.headers(), now, settings.idle_seconds, keep_idle) {
            Ok((caller, window)) => {
                request.extensions_mut().insert(caller);
                let standing = (allowed > 0).then(|| window.count(now, allowed));
                let refusal = standing
                    .filter(|standing| standing.exceeded())
                    .map(|standing| Refusal::too_many(allowed, rate::WINDOW_SECONDS, standing.reset));
                (standing, refusal)
            }
            Err(_) => ((allowed > 0).then(|| Standing::unused(allowed)), None),
        }
    };
    let mut response = match refusal {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    };
    if let Some(standing) = standing {
        standing.write(response.headers_mut());
    }
    response
}
