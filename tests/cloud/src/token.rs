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
    clock::{self, Clock},
    organization::Organization,
    rate::{self, Standing, Window},
    refusal::Refusal,
    world::{Shared, World},
};

const DEFAULT_SCOPES: [&str; 2] = ["screenrecordings:write", "user-basic-info"];
const DEFAULT_EXPIRES_IN: i64 = 3600;
const IDLE_SECONDS: i64 = 1800;
/// Nobody verifies these signatures; a constant keeps them honest JWTs all the same.
const SIGNING_KEY: &[u8] = b"standin-cloud";

struct Token {
    organization: &'static Organization,
    home: &'static Organization,
    scopes: Vec<String>,
    expires_at: Timestamp,
    idles_at: Timestamp,
    /// Kept after revocation, so that its text can still be struck out of the ledger.
    revoked: bool,
    window: Window,
}

#[derive(Default)]
pub(crate) struct Tokens {
    by_text: HashMap<String, Token>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Order {
    org_id: String,
    #[serde(default)]
    format: Format,
    scopes: Option<Vec<String>>,
    home_org_id: Option<String>,
    expires_in: Option<i64>,
    claim_org_id: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Opaque,
    Jwt,
}

#[derive(Serialize)]
pub(crate) struct Issued {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
}

impl Tokens {
    pub(crate) fn issue(&mut self, order: Order, now: Timestamp, issuer: &str) -> Result<Issued, Refusal> {
        let known = |id: &str| {
            Organization::find(id).ok_or_else(|| Refusal::bad_request(format!("No organization has the id [{id}]; see GET /standin/orgs.")))
        };
        let organization = known(&order.org_id)?;
        let home = order.home_org_id.as_deref().map_or(Ok(organization), known)?;
        let expires_in = order.expires_in.unwrap_or(DEFAULT_EXPIRES_IN);
        if expires_in.unsigned_abs() > Clock::MOST_SECONDS {
            return Err(Refusal::bad_request(format!("expiresIn must be at most {} seconds from now.", Clock::MOST_SECONDS)));
        }
        if order.format == Format::Opaque && order.claim_org_id.is_some() {
            return Err(Refusal::bad_request("claimOrgId needs the format \"jwt\": an opaque token claims nothing."));
        }
        let scopes = order.scopes.unwrap_or_else(|| DEFAULT_SCOPES.map(str::to_owned).to_vec());
        let expires_at = clock::after(now, expires_in);
        let access_token = match order.format {
            Format::Opaque => format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()),
            Format::Jwt => sign(&json!({
                "iss": issuer,
                "sub": home.first_agent().id,
                "org_id": order.claim_org_id.as_deref().unwrap_or(organization.id),
                "scope": scopes.join(" "),
                "iat": now.as_second(),
                "exp": expires_at.as_second(),
                "jti": Uuid::new_v4(),
            }))?,
        };
        self.by_text.insert(
            access_token.clone(),
            Token {
                organization,
                home,
                scopes,
                expires_at,
                idles_at: clock::after(now, IDLE_SECONDS),
                revoked: false,
                window: Window::default(),
            },
        );
        Ok(Issued { access_token, token_type: "Bearer", expires_in })
    }

    /// The organization of the presented token, even of one that is no longer valid.
    pub(crate) fn organization(&self, headers: &HeaderMap) -> Option<&'static Organization> {
        Some(self.by_text.get(bearer(headers)?)?.organization)
    }

    pub(crate) fn revoke(&mut self, caller: &Caller) {
        if let Some(token) = self.by_text.get_mut(&caller.text) {
            token.revoked = true;
        }
    }

    /// Strikes out the text of every token that was issued here.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.by_text.keys().fold(text.to_owned(), |text, token| text.replace(token, "***"))
    }

    fn admit(&mut self, headers: &HeaderMap, now: Timestamp, keep_idle: bool) -> Result<(Caller, &mut Window), Refusal> {
        let text = bearer(headers).ok_or_else(Refusal::no_token)?;
        let token = self
            .by_text
            .get_mut(text)
            .filter(|token| !token.revoked && now < token.expires_at && now < token.idles_at)
            .ok_or_else(Refusal::bad_token)?;
        if !keep_idle {
            token.idles_at = clock::after(now, IDLE_SECONDS);
        }
        let caller = Caller {
            organization: token.organization,
            home: token.home,
            scopes: token.scopes.clone(),
            idles_at: token.idles_at,
            text: text.to_owned(),
        };
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
    pub(crate) organization: &'static Organization,
    pub(crate) home: &'static Organization,
    pub(crate) scopes: Vec<String>,
    pub(crate) idles_at: Timestamp,
    text: String,
}

impl Caller {
    pub(crate) fn require_scope(&self, world: &World, scope: &str) -> Result<(), Refusal> {
        if !world.settings.enforce_scopes || self.scopes.iter().any(|held| held == scope) {
            return Ok(());
        }
        Err(Refusal::scope(scope))
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
        match tokens.admit(request.headers(), now, keep_idle) {
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
