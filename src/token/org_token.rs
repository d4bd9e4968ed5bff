//! A token of one organization in one environment. Only an [`OrgToken`] authorizes requests for an organization.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::model::environment::{Environment, Target};
use crate::model::error::{Code, Error};
use crate::model::ids::OrgId;
use crate::model::secret::Secret;
use crate::model::time::{Instant, Moment, Timestamp};
use crate::token::access_token::{AccessToken, IssuedToken, RefreshToken};
use crate::token::claims::{Claims, TokenInfo};
use crate::token::request::{ApiRequest, Method, Request, authorized};
use crate::token::session::{Session, SignOutLog};

/// How the library knows a token's organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// From the JWT's `org_id` claim, unverified.
    Claim,
    /// From the cloud's response.
    Cloud,
}

impl KnownBy {
    /// The word as JavaScript sees it.
    pub fn as_str(self) -> &'static str {
        match self {
            KnownBy::Claim => "claim",
            KnownBy::Cloud => "cloud",
        }
    }
}

/// A token with the one organization and environment that it may be used for.
#[derive(Clone, Debug)]
pub struct OrgToken {
    target: Target,
    record: UnidentifiedToken,
    /// What the cloud says about the token; `None` if only its claim says whose it is.
    info: Option<Rc<TokenInfo>>,
    identified_at: Instant,
    /// When the token's idle timeout ends, by the cloud's clock. Unknown after the first use, which restarts the timeout.
    idle_timeout_at: Cell<Option<Timestamp>>,
    /// The id of the token's user, once the cloud has told.
    user_id: RefCell<Option<Rc<str>>>,
}

/// When a token expires, by the clock of each source.
#[derive(Clone, Copy, Debug, Default)]
struct Expiry {
    /// The claim `exp`, by the cloud's clock.
    exp: Option<Timestamp>,
    /// `expires_in`, counted by the monotonic clock.
    expires_in: Option<Instant>,
}

impl Expiry {
    /// The earlier of both.
    fn at(self, now: Moment) -> Option<Instant> {
        Instant::earliest(self.exp.map(|exp| now.instant_of(exp)), self.expires_in)
    }
}

/// A token is renewed when a tenth of its life is left, but not earlier than a minute before it expires.
const RENEWAL_DIVISOR: i64 = 10;
const MAX_RENEWAL_MS: i64 = 60_000;

impl OrgToken {
    /// The organization and environment.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// How the organization is known.
    pub fn known_by(&self) -> KnownBy {
        if self.info.is_some() { KnownBy::Cloud } else { KnownBy::Claim }
    }

    /// The organization's name, if the cloud gave it.
    pub fn org_name(&self) -> Option<&str> {
        self.info.as_ref()?.org_name.as_deref()
    }

    /// Whether the token is of client credentials, so that nobody has signed in for it, if the cloud says so.
    pub(crate) fn is_of_client(&self) -> Option<bool> {
        self.info.as_ref()?.is_of_client
    }

    /// The home organization of the token's user, if the cloud gave it.
    pub fn home_org(&self) -> Option<&OrgId> {
        self.info.as_ref()?.home_org.as_ref()
    }

    /// The token's OAuth scopes, if they are known.
    pub fn scopes(&self) -> Option<&[String]> {
        self.info.as_ref().and_then(|info| info.scopes.as_deref()).or(self.record.claimed_scopes.as_deref())
    }

    /// When the token expires, if that is known.
    pub fn expires_at(&self, now: Moment) -> Option<Instant> {
        self.record.expiry.at(now)
    }

    /// Whether the token can still be used, as far as the library knows.
    pub(crate) fn is_fresh(&self, now: Moment) -> bool {
        !self.is_rejected() && self.unusable_at(now).is_none_or(|at| now.instant() < at)
    }

    /// Whether the token may be usable: it is fresh, or would be without what responses said of the cloud's clock. A single
    /// wrong `Date` makes every token look expired.
    pub(crate) fn may_be_fresh(&self, now: Moment) -> bool {
        self.is_fresh(now) || self.is_fresh(now.by_wall_clock())
    }

    /// When the token expires or its idle timeout ends, if either is known.
    pub(crate) fn unusable_at(&self, now: Moment) -> Option<Instant> {
        Instant::earliest(self.expires_at(now), self.idle_timeout_at.get().map(|at| now.instant_of(at)))
    }

    /// Whether the token has expired, by every date and every clock that the library knows. A token that was rejected or that has
    /// been idle may not have expired: a single endpoint may reject it, and others may use it.
    pub(crate) fn is_surely_expired(&self, now: Moment) -> bool {
        let Expiry { exp, expires_in } = self.record.expiry;
        let exp = exp.map(|exp| now.instant_of(exp).max(now.by_wall_clock().instant_of(exp)));
        exp.max(expires_in).is_some_and(|expires_at| expires_at <= now.instant())
    }

    /// Whether the token is so close to its expiry that another token should be obtained.
    pub(crate) fn should_renew(&self, now: Moment) -> bool {
        self.expires_at(now).is_some_and(|expires_at| {
            let life = expires_at.since(self.identified_at);
            expires_at.since(now.instant()) <= (life / RENEWAL_DIVISOR).min(MAX_RENEWAL_MS)
        })
    }

    /// Whether the cloud has rejected the token itself.
    pub(crate) fn is_rejected(&self) -> bool {
        self.record.is_rejected.get()
    }

    /// Marks the token as rejected by the cloud, so that only its revocation is sent with it.
    pub(crate) fn mark_rejected(&self) {
        self.record.is_rejected.set(true);
    }

    /// Notes that this page or another page uses the token: its idle timeout is unknown from now on.
    pub(crate) fn mark_used(&self) {
        self.idle_timeout_at.set(None);
    }

    /// Whether both are the same access token.
    pub(crate) fn is_same_token(&self, other: &OrgToken) -> bool {
        self.secret() == other.secret()
    }

    /// The token, for use by another page of this origin.
    pub(crate) fn to_share(&self, now: Moment) -> IssuedToken {
        self.mark_used();
        let millis_left = self.expires_at(now).map(|expires_at| expires_at.since(now.instant()));
        IssuedToken { access_token: self.secret().clone(), expires_in: millis_left.map(|millis| millis as f64 / 1000.0) }
    }

    /// Stores the refresh token that came with this token, or its successor.
    pub(crate) fn set_refresh_token(&self, token: Option<RefreshToken>) {
        self.record.refresh_token.replace(token);
    }

    /// The refresh token that came with this token.
    pub(crate) fn refresh_token(&self) -> Option<RefreshToken> {
        self.record.refresh_token.borrow().clone()
    }

    /// The id of the token's user, if it is known.
    pub(crate) fn user_id(&self) -> Option<Rc<str>> {
        self.user_id.borrow().clone()
    }

    /// Notes the id of the token's user.
    pub(crate) fn note_user_id(&self, id: Rc<str>) {
        self.user_id.replace(Some(id));
    }

    /// A copy of the token, to be identified again. It has the refresh token that this one has now or later: both are records of one
    /// token, and a refresh that is in flight meanwhile uses up the refresh token.
    pub(crate) fn unidentified(&self) -> Box<UnidentifiedToken> {
        Box::new(UnidentifiedToken { claimed_scopes: None, ..self.record.clone() })
    }

    /// Whether the token itself claims to be another organization's.
    pub(crate) fn has_another_claim(&self) -> bool {
        self.record.claimed_org.as_ref().is_some_and(|claimed| *claimed != self.target.org)
    }

    /// The secret, by which the rate limiter counts requests.
    pub(crate) fn secret(&self) -> &Secret {
        self.record.token.secret()
    }

    /// The token, moved to the session that its organization has at this moment.
    pub(crate) fn in_session(mut self: Box<Self>, sign_outs: &Rc<SignOutLog>) -> Rc<OrgToken> {
        self.record.session = Some(Session::new(sign_outs, &self.target.org));
        Rc::from(self)
    }

    /// Authorizes the request with this token, for the token's organization. Fails if somebody has signed out of the
    /// organization, even if the caller obtained the token before.
    pub fn authorize(&self, request: &ApiRequest) -> Result<Box<Request>, Error> {
        if self.record.is_signed_out() {
            let message = format!("Somebody signed out of organization {}.", self.target.org);
            return Err(Error::new(Code::NoToken, message).for_org(&self.target.org));
        }
        Ok(self.record.authorize(Some(&self.target.org), request))
    }

    /// The request that revokes this token: the only request that may be sent after a sign-out.
    pub(crate) fn revocation(&self) -> Box<Request> {
        self.record.authorize(Some(&self.target.org), &ApiRequest::new(Method::Delete, "/api/v2/tokens/me"))
    }
}

impl Error {
    /// The same error, with the token's organization and its user's home organization as evidence.
    #[must_use]
    pub(crate) fn with_owner_of(mut self, token: &OrgToken) -> Self {
        self.note_owner_of(token);
        self
    }

    /// Adds the token's organization and its user's home organization as evidence.
    pub(crate) fn note_owner_of(&mut self, token: &OrgToken) {
        self.evidence.token_org_id = Some(token.target.org.clone());
        self.evidence.home_org_id = token.home_org().cloned();
    }
}

/// A token of one environment. Its organization is not known yet. Clones are records of one token.
#[derive(Clone, Debug)]
pub struct UnidentifiedToken {
    environment: Rc<Environment>,
    token: AccessToken,
    claimed_org: Option<OrgId>,
    claimed_scopes: Option<Vec<String>>,
    expiry: Expiry,
    /// The refresh token that came with the token, or its successor.
    refresh_token: Rc<RefCell<Option<RefreshToken>>>,
    /// Whether the cloud has rejected the token.
    is_rejected: Rc<Cell<bool>>,
    /// `None` until the token is stored.
    session: Option<Session>,
}

impl UnidentifiedToken {
    /// `claims`: the token's own claims. `expires_at`: the expiry that its source stated.
    pub(crate) fn new(
        environment: &Rc<Environment>,
        token: AccessToken,
        claims: Option<Claims>,
        expires_at: Option<Instant>,
    ) -> Box<UnidentifiedToken> {
        let claims = claims.unwrap_or_default();
        Box::new(UnidentifiedToken {
            environment: environment.clone(),
            token,
            claimed_org: claims.org,
            claimed_scopes: claims.scopes,
            expiry: Expiry { exp: claims.expires_at, expires_in: expires_at },
            refresh_token: Rc::default(),
            is_rejected: Rc::default(),
            session: None,
        })
    }

    /// The same token, whose source says that it is valid now: a date of expiry in the past means that a clock is wrong.
    #[must_use]
    pub(crate) fn valid_now(mut self: Box<Self>, now: Moment) -> Box<UnidentifiedToken> {
        self.expiry.exp = self.expiry.exp.filter(|exp| *exp > now.in_cloud());
        self
    }

    /// The same token, with the refresh token that came with it.
    #[must_use]
    pub(crate) fn with_refresh_token(self: Box<Self>, token: Option<RefreshToken>) -> Box<UnidentifiedToken> {
        self.refresh_token.replace(token);
        self
    }

    /// Whether the token has expired, as far as the library knows.
    pub fn is_expired(&self, now: Moment) -> bool {
        self.expiry.at(now).is_some_and(|expires_at| expires_at <= now.instant())
    }

    /// Whether the token has expired, by this machine's clock as well as by what responses said of the cloud's clock.
    pub(crate) fn is_surely_expired(&self, now: Moment) -> bool {
        self.is_expired(now) && self.is_expired(now.by_wall_clock())
    }

    fn is_signed_out(&self) -> bool {
        self.session.as_ref().is_some_and(Session::has_ended)
    }

    fn authorize(&self, org: Option<&OrgId>, request: &ApiRequest) -> Box<Request> {
        authorized(&self.environment, &self.token, self.refresh_token.borrow().clone(), org, request)
    }

    /// The request that asks the token's own environment for the token's organization.
    pub(crate) fn token_info_request(&self) -> Result<Box<Request>, Error> {
        if self.is_signed_out() {
            return Err(Error::new(Code::NoToken, "Somebody signed out while it was asked whose the token is."));
        }
        Ok(self.authorize(None, &ApiRequest::get_token_info()))
    }

    /// The token with the organization that it claims; the same token if it claims none.
    pub(crate) fn identified_by_claim(self: Box<Self>, now: Moment) -> Result<Box<OrgToken>, Box<Self>> {
        match self.claimed_org.clone() {
            Some(org) => Ok(self.identified(org, None, now)),
            None => Err(self),
        }
    }

    /// The token with the organization in the cloud's response.
    pub(crate) fn identified_by_cloud(self: Box<Self>, info: TokenInfo, now: Moment) -> Box<OrgToken> {
        // The cloud has just accepted the token, so a date in the past means that our clock is wrong.
        self.valid_now(now).identified(info.org.clone(), Some(info), now)
    }

    fn identified(self, org: OrgId, info: Option<TokenInfo>, now: Moment) -> Box<OrgToken> {
        let idle_timeout_at = info.as_ref().and_then(|info| info.idle_timeout_at).filter(|at| *at > now.in_cloud());
        Box::new(OrgToken {
            target: Target { environment: self.environment.clone(), org },
            record: self,
            info: info.map(Rc::new),
            identified_at: now.instant(),
            idle_timeout_at: Cell::new(idle_timeout_at),
            user_id: RefCell::default(),
        })
    }
}
