//! A token that is known to belong to one organization of one environment; the one place that authorizes.
//!
//! A [`Request`] can be made only here, and it takes its origin, its organization and its bearer from the same grant:
//! a request for one organization that carries another one's token can not be written.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::model::environment::{Environment, Target};
use crate::model::ids::OrgId;
use crate::model::secret::Secret;
use crate::model::time::{Moment, Timestamp};
use crate::token::access_token::{AccessToken, IssuedToken, RefreshToken};
use crate::token::claims::{Claims, TokenInfo};
use crate::token::request::{ApiRequest, Method, Request, authorized};

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
pub struct OrgToken {
    target: Target,
    token: AccessToken,
    known_by: KnownBy,
    org_name: Option<String>,
    home_org: Option<OrgId>,
    scopes: Option<Vec<String>>,
    expiry: Expiry,
    filed_at: Timestamp,
    /// When it will have rested too long, by the cloud's clock: known until its first use, since a use begins the rest anew.
    idle_timeout_at: Cell<Option<Timestamp>>,
    refresh_token: RefCell<Option<RefreshToken>>,
    is_rejected: Cell<bool>,
}

/// When a token expires, by whichever clock that is told.
#[derive(Clone, Copy, Debug, Default)]
struct Expiry {
    /// `exp`, by the cloud's clock.
    claimed: Option<Timestamp>,
    /// `expires_in`, by ours.
    said: Option<Timestamp>,
}

impl Expiry {
    /// The earlier one, by our clock.
    fn here(self, now: Moment) -> Option<Timestamp> {
        let claimed = self.claimed.map(|claimed| now.here_when(claimed));
        match (claimed, self.said) {
            (Some(claimed), Some(said)) => Some(claimed.min(said)),
            (claimed, said) => claimed.or(said),
        }
    }
}

/// Renewal begins with this part of a token's life left, in milliseconds at most.
const RENEWAL_PART: i64 = 10;
const LONGEST_RENEWAL: i64 = 60_000;

impl OrgToken {
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

    /// When the token expires by our clock, where it is known.
    pub fn expires_at(&self, now: Moment) -> Option<Timestamp> {
        self.expiry.here(now)
    }

    /// Whether the token can still be used at this moment, as far as is known.
    pub fn is_fresh(&self, now: Moment) -> bool {
        let is_idle = self.idle_timeout_at.get().is_some_and(|idle_timeout_at| idle_timeout_at <= now.in_cloud());
        !self.is_rejected.get() && !is_idle && self.expires_at(now).is_none_or(|expiry| now.here() < expiry)
    }

    /// Whether the token has so little of its life left that another one should be obtained.
    pub fn should_renew(&self, now: Moment) -> bool {
        self.expires_at(now).is_some_and(|expiry| {
            let life = expiry.since(self.filed_at);
            expiry.since(now.here()) <= (life / RENEWAL_PART).min(LONGEST_RENEWAL)
        })
    }

    /// Whether the cloud has refused the token itself.
    pub fn is_rejected(&self) -> bool {
        self.is_rejected.get()
    }

    /// The cloud has refused the token itself: it is not to be sent again.
    pub(crate) fn reject(&self) {
        self.is_rejected.set(true);
    }

    /// The token was used, here or by whoever else has it: how long it may rest from now on, nobody has said.
    pub(crate) fn mark_used(&self) {
        self.idle_timeout_at.set(None);
    }

    /// Whether both have the same token.
    pub(crate) fn is_same_token(&self, other: &OrgToken) -> bool {
        self.token == other.token
    }

    /// The token, for another page of this origin.
    pub(crate) fn to_share(&self, now: Moment) -> IssuedToken {
        self.mark_used();
        let millis_left = self.expires_at(now).map(|expiry| expiry.since(now.here()));
        IssuedToken { access_token: self.token.secret().clone(), expires_in: millis_left.map(|millis| millis as f64 / 1000.0) }
    }

    /// Keeps the refresh token that came with this grant's token.
    pub(crate) fn set_refresh_token(&self, token: Option<RefreshToken>) {
        self.refresh_token.replace(token);
    }

    /// The refresh token that came with this grant's token.
    pub(crate) fn refresh_token(&self) -> Option<RefreshToken> {
        self.refresh_token.borrow().clone()
    }

    /// The token, to be asked about and filed anew.
    pub(crate) fn unidentified(&self) -> UnidentifiedToken {
        let environment = self.target.environment.clone();
        UnidentifiedToken { environment, token: self.token.clone(), claims: None, expiry: self.expiry }
    }

    /// What the pace of requests is counted by.
    pub(crate) fn secret(&self) -> &Secret {
        self.token.secret()
    }

    /// The call as a request to this grant's organization, with this grant's token.
    pub fn request(&self, call: ApiRequest) -> Request {
        authorized(&self.target.environment, &self.token, Some(&self.target.org), call)
    }
}

/// A token of one environment whose organization is still to be found out.
#[derive(Clone, Debug)]
pub struct UnidentifiedToken {
    environment: Rc<Environment>,
    token: AccessToken,
    claims: Option<Claims>,
    expiry: Expiry,
}

impl UnidentifiedToken {
    /// `claims`: what the token says of itself. `expires_at`: what its source said of its life, by our clock.
    pub(crate) fn new(
        environment: &Rc<Environment>,
        token: AccessToken,
        claims: Option<Claims>,
        expires_at: Option<Timestamp>,
    ) -> UnidentifiedToken {
        let expiry = Expiry { claimed: claims.as_ref().and_then(|claims| claims.expires_at), said: expires_at };
        UnidentifiedToken { environment: environment.clone(), token, claims, expiry }
    }

    /// Whether the token has expired, as far as is known.
    pub fn is_expired(&self, now: Moment) -> bool {
        self.expiry.here(now).is_some_and(|expiry| expiry <= now.here())
    }

    /// Interaction the token's own environment whose it is, without keeping an idle session alive.
    pub fn token_info_request(&self) -> Request {
        let call = ApiRequest::plain(Method::Get, "/api/v2/tokens/me?preserveIdleTTL=true");
        authorized(&self.environment, &self.token, None, call)
    }

    /// The grant, filed by what the token claims; the token itself where it claims no organization.
    pub(crate) fn identified_by_claim(self, now: Moment) -> Result<OrgToken, UnidentifiedToken> {
        match self.claims.as_ref().and_then(|claims| claims.org.clone()) {
            Some(org) => Ok(self.into_org_token(KnownBy::Claim, org, now)),
            None => Err(self),
        }
    }

    /// The grant, filed by what the cloud says.
    pub(crate) fn identified_by_cloud(self, info: TokenInfo, now: Moment) -> OrgToken {
        let mut grant = self.into_org_token(KnownBy::Cloud, info.org, now);
        grant.org_name = info.org_name;
        grant.home_org = info.home_org;
        grant.scopes = info.scopes.or(grant.scopes);
        // The cloud has just accepted the token: a date in the past tells of our clock, not of the token.
        grant.idle_timeout_at.set(info.idle_timeout_at.filter(|idle_timeout_at| *idle_timeout_at > now.in_cloud()));
        grant
    }

    fn into_org_token(self, known_by: KnownBy, org: OrgId, now: Moment) -> OrgToken {
        OrgToken {
            target: Target { environment: self.environment, org },
            token: self.token,
            known_by,
            org_name: None,
            home_org: None,
            scopes: self.claims.and_then(|claims| claims.scopes),
            expiry: self.expiry,
            filed_at: now.here(),
            idle_timeout_at: Cell::default(),
            refresh_token: RefCell::default(),
            is_rejected: Cell::new(false),
        }
    }
}
