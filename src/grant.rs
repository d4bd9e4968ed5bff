//! A token that is known to belong to one organization of one environment; the one place that authorizes.
//!
//! A [`Request`] can be made only here, and it takes its origin, its organization and its bearer from the same grant:
//! a request for one organization that carries another one's token can not be written.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use crate::contract::{Call, Method};
use crate::environment::Environment;
use crate::org::OrgId;
use crate::ports::{Answer, Lost, Ports};
use crate::timestamp::Timestamp;
use crate::token::{AccessToken, Claims, TokenInfo};

/// An organization in its environment: what a token is for, and what a call is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The environment.
    pub environment: Rc<Environment>,
    /// The organization.
    pub org: OrgId,
}

/// How the organization of a token is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// The JWT's `org_id` claim, which nobody verified.
    Claim,
    /// The cloud's own answer.
    Cloud,
}

/// A token with the one organization and environment that it may be used for.
#[derive(Clone, Debug)]
pub struct Grant {
    target: Target,
    token: AccessToken,
    known_by: KnownBy,
    org_name: Option<String>,
    home_org: Option<OrgId>,
    scopes: Option<Vec<String>>,
    expires_at: Option<Timestamp>,
    is_rejected: Cell<bool>,
}

impl Grant {
    /// The organization and environment.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// How the organization is known.
    pub fn known_by(&self) -> KnownBy {
        self.known_by
    }

    /// The organization's name, where the cloud said it.
    pub fn org_name(&self) -> Option<&str> {
        self.org_name.as_deref()
    }

    /// The home organization of the token's user, where the cloud said it.
    pub fn home_org(&self) -> Option<&OrgId> {
        self.home_org.as_ref()
    }

    /// The token's OAuth scopes, where they are known.
    pub fn scopes(&self) -> Option<&[String]> {
        self.scopes.as_deref()
    }

    /// When the token expires, where it is known.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// Whether the token can still be used at this moment, as far as is known.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        !self.is_rejected.get() && self.expires_at.is_none_or(|expiry| now < expiry)
    }

    /// Whether the cloud has refused the token itself.
    pub fn is_rejected(&self) -> bool {
        self.is_rejected.get()
    }

    /// The cloud has refused the token itself: it is not to be sent again.
    pub(crate) fn reject(&self) {
        self.is_rejected.set(true);
    }

    /// The call as a request to this grant's organization, with this grant's token.
    pub fn request(&self, call: Call) -> Request {
        authorized(&self.target.environment, &self.token, Some(&self.target.org), call)
    }
}

/// A token of one environment whose organization is still to be found out.
#[derive(Clone, Debug)]
pub struct UnfiledToken {
    environment: Rc<Environment>,
    token: AccessToken,
    claims: Option<Claims>,
    expires_at: Option<Timestamp>,
}

impl UnfiledToken {
    /// `claims`: what the token says of itself. `expires_at`: what its source said of its life.
    pub(crate) fn new(
        environment: &Rc<Environment>,
        token: AccessToken,
        claims: Option<Claims>,
        expires_at: Option<Timestamp>,
    ) -> UnfiledToken {
        let claimed_expiry = claims.as_ref().and_then(|claims| claims.expires_at);
        let expires_at = match (claimed_expiry, expires_at) {
            (Some(claimed), Some(said)) => Some(claimed.min(said)),
            (claimed, said) => claimed.or(said),
        };
        UnfiledToken { environment: environment.clone(), token, claims, expires_at }
    }

    /// Whether the token has expired, as far as is known.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expiry| expiry <= now)
    }

    /// Asks the token's own environment whose it is, without keeping an idle session alive.
    pub fn whose(&self) -> Request {
        let call =
            Call { method: Method::Get, path: "/api/v2/tokens/me?preserveIdleTTL=true".to_owned(), org_headers: Vec::new(), body: None };
        authorized(&self.environment, &self.token, None, call)
    }

    /// The grant, filed by what the token claims; the token itself where it claims no organization.
    pub(crate) fn filed_by_claim(self) -> Result<Grant, UnfiledToken> {
        match self.claims.as_ref().and_then(|claims| claims.org.clone()) {
            Some(org) => Ok(self.filed(KnownBy::Claim, org)),
            None => Err(self),
        }
    }

    /// The grant, filed by what the cloud says.
    pub(crate) fn filed_by_cloud(self, info: TokenInfo) -> Grant {
        let mut grant = self.filed(KnownBy::Cloud, info.org);
        grant.org_name = info.org_name;
        grant.home_org = info.home_org;
        grant.scopes = info.scopes.or(grant.scopes);
        grant
    }

    fn filed(self, known_by: KnownBy, org: OrgId) -> Grant {
        Grant {
            target: Target { environment: self.environment, org },
            token: self.token,
            known_by,
            org_name: None,
            home_org: None,
            scopes: self.claims.and_then(|claims| claims.scopes),
            expires_at: self.expires_at,
            is_rejected: Cell::new(false),
        }
    }
}

/// A request that may be sent: to an environment's API, with a token of that environment.
#[derive(Clone)]
pub struct Request {
    method: Method,
    origin: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    token: AccessToken,
}

fn authorized(environment: &Environment, token: &AccessToken, org: Option<&OrgId>, call: Call) -> Request {
    let mut headers =
        vec![("Authorization".to_owned(), format!("Bearer {}", token.reveal())), ("Accept".to_owned(), "application/json".to_owned())];
    if call.body.is_some() {
        headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
    }
    if let Some(org) = org {
        headers.extend(call.org_headers.into_iter().map(|name| (name, org.as_str().to_owned())));
    }
    let origin = environment.api().as_str().to_owned();
    Request { method: call.method, url: format!("{origin}{}", call.path), origin, headers, body: call.body, token: token.clone() }
}

impl Request {
    /// The HTTP method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The only origin that the request may go to.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The whole URL, on that origin.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Every header, the bearer among them: for the transport, never for a log.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// The JSON body.
    pub fn body(&self) -> Option<&str> {
        self.body.as_deref()
    }

    /// Sends the request. Where the answer repeats the bearer, it is struck out: answers end up in errors.
    pub(crate) async fn send(self, ports: &impl Ports) -> Result<Answer, Lost> {
        let token = self.token.clone();
        let mut answer = ports.send(self).await?;
        if let Some(struck) = token.struck_out(&answer.body) {
            answer.json = ports.parse_json(&struck).unwrap_or_default();
            answer.body = struck;
        }
        Ok(answer)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.as_str(), self.url)
    }
}
