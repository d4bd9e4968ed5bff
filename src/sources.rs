//! Where a token comes from that is not held: another page that shares its own, the refresh token, the app's `getToken`,
//! a sign-in. One at a time for each organization, among all pages that share.

use std::cell::RefCell;
use std::rc::Rc;

use crate::cloud::Cloud;
use crate::error::{Code, Error};
use crate::event::{Event, TokenSource};
use crate::grant::{Grant, Target};
use crate::login::{Login, Mode, TokenResponse};
use crate::org::OrgId;
use crate::ports::{Holder, IssuedToken, NeedReason, Ports, TokenNeed};
use crate::settings::Settings;
use crate::timestamp::Timestamp;
use crate::token::AccessToken;

/// The sources that the app gave.
pub struct Sources<P> {
    cloud: Rc<Cloud<P>>,
    login: Option<Login>,
    shares: bool,
    scope: String,
    page_query: Vec<(String, String)>,
    sign_ins: RefCell<Vec<SignInTime>>,
}

struct SignInTime {
    target: Target,
    began: Timestamp,
    over: Option<Timestamp>,
}

impl<P: Ports> Sources<P> {
    /// The sources of these settings.
    pub fn of(settings: &Settings, cloud: Rc<Cloud<P>>) -> Sources<P> {
        Sources {
            cloud,
            login: settings.login.clone(),
            shares: settings.shares_tokens,
            scope: settings.contract.scope().to_owned(),
            page_query: settings.page_query.clone(),
            sign_ins: RefCell::default(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.login.is_none() && !self.cloud.ports().has_token_source()
    }

    /// How somebody signs in, if anybody does.
    pub fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// How long people have taken so far to sign in for this target, in milliseconds.
    pub fn time_of_sign_ins(&self, target: &Target) -> i64 {
        let now = self.cloud.ports().now();
        let times = self.sign_ins.borrow();
        let of_target = times.iter().filter(|time| time.target == *target);
        of_target.map(|time| time.over.unwrap_or(now).since(time.began)).sum()
    }

    /// Opens the window for a sign-in where nothing else can give a token: it has to be opened in the caller's own turn,
    /// and the rest takes longer.
    pub(crate) fn window_at_once(&self, held: Option<&Grant>) -> Result<Option<P::Window>, Error> {
        let signs_in_window = self.login.as_ref().is_some_and(|login| login.mode() == Mode::Popup);
        let has_other = self.cloud.ports().has_token_source() || held.is_some_and(|grant| grant.refresh_token().is_some());
        if signs_in_window && !has_other { self.window().map(Some) } else { Ok(None) }
    }

    fn window(&self) -> Result<P::Window, Error> {
        let blocked = || Error::new(Code::LoginBlocked, "The browser did not open the sign-in window.");
        self.cloud.ports().open_window().ok_or_else(blocked)
    }

    /// Waits until no other page obtains a token for this target.
    pub(crate) async fn lock(&self, target: &Target) -> Option<P::Lock> {
        let name = self.sharing_name(target)?;
        self.cloud.ports().lock(&name).await
    }

    /// The token that another page holds, if it is one for this target and better than the stale one.
    pub(crate) async fn shared_by_another_page(&self, target: &Target, stale: Option<&Grant>) -> Option<Grant> {
        let issued = self.cloud.ports().ask_sharing(&self.sharing_name(target)?).await?;
        let grant = self.identified(target, issued).await.ok()?;
        let now = self.cloud.now();
        let is_better = !stale.is_some_and(|stale| stale.has_token_of(&grant));
        (grant.target() == target && grant.is_fresh(now) && !grant.is_due(now) && is_better).then_some(grant)
    }

    /// What the login origin gives for the refresh token that came with the stale grant.
    pub(crate) async fn refreshed(&self, target: &Target, reason: NeedReason, stale: Option<&Grant>) -> Result<Option<Grant>, Error> {
        let (Some(login), Some(stale)) = (&self.login, stale) else { return Ok(None) };
        let Some(token) = stale.refresh_token() else { return Ok(None) };
        self.tell(target, TokenSource::RefreshToken, reason);
        match TokenResponse::refreshed(login, &self.cloud, &target.environment, &token).await {
            Ok(response) => self.asked(target, response).await.map(Some),
            // Used up, revoked or too old: it will not become better.
            Err(error) if error.code == Code::LoginDenied => {
                stale.keep_refresh_token(None);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// What `getToken` gives; nothing where it has no token of this target.
    pub(crate) async fn given_by_app(&self, target: &Target, reason: NeedReason, stale: Option<&Grant>) -> Result<Option<Grant>, Error> {
        if !self.cloud.ports().has_token_source() {
            return Ok(None);
        }
        self.tell(target, TokenSource::GetToken, reason);
        let org = &target.org;
        let need = TokenNeed { environment: &target.environment, org, scopes: vec![self.scope.clone()], reason };
        let failed = |cause| Error::new(Code::TokenSourceFailed, format!("getToken failed for organization {org}.")).caused_by(cause);
        let Some(issued) = self.cloud.ports().get_token(need).await.map_err(failed)? else {
            return if self.login.is_some() {
                Ok(None)
            } else {
                Err(Error::new(Code::TokenSourceFailed, format!("getToken has no token of organization {org}.")))
            };
        };
        let grant = self.identified(target, issued).await?;
        if !grant.is_fresh(self.cloud.now()) {
            return Err(Error::new(Code::TokenExpired, format!("getToken returned a token of {org} that has expired.")));
        }
        if grant.target() != target {
            return Err(wrong_org_given(org, &grant.target().org));
        }
        if stale.is_some_and(|stale| stale.is_rejected() && stale.has_token_of(&grant)) {
            return Err(Error::new(Code::Unauthenticated, "getToken returned the very token that the cloud has refused."));
        }
        Ok(Some(grant))
    }

    /// What somebody who signs in gets: of whichever organization it is.
    pub(crate) async fn signed_in(&self, target: &Target, reason: NeedReason, window: Option<P::Window>) -> Result<Option<Grant>, Error> {
        let Some(login) = &self.login else { return Ok(None) };
        self.tell(target, TokenSource::Login, reason);
        let ports = self.cloud.ports();
        let authorized = {
            let _signing_in = SigningIn::begin(self, target);
            match login.mode() {
                Mode::Redirect => return Err(login.leave(ports, target, &self.page_query).await),
                Mode::Popup => login.in_window(ports, target, window.map_or_else(|| self.window(), Ok)?).await?,
            }
        };
        let response = authorized.exchange(&self.cloud).await?;
        self.asked(target, response).await.map(Some)
    }

    /// Lets other pages have what the holder holds for this target, if the app shares.
    pub(crate) fn share(&self, target: &Target, holder: Rc<dyn Holder>) -> Option<P::Sharing> {
        Some(self.cloud.ports().share(&self.sharing_name(target)?, holder))
    }

    /// Lets other pages forget what they hold for this target.
    pub(crate) fn forget_shared(&self, target: &Target) {
        if let Some(name) = self.sharing_name(target) {
            self.cloud.ports().forget_shared(&name);
        }
    }

    fn tell(&self, target: &Target, source: TokenSource, reason: NeedReason) {
        self.cloud.ports().tell(&Event::TokenRequested { org: &target.org, source, reason });
    }

    /// The grant of what the token endpoint gave: the cloud says whose it is, not the token.
    pub(crate) async fn asked(&self, target: &Target, response: TokenResponse) -> Result<Grant, Error> {
        let token = self.cloud.unfiled(&target.environment, response.access_token, response.expires_at)?;
        let grant = self.cloud.ask_whose(token).await?;
        grant.keep_refresh_token(response.refresh_token);
        Ok(grant)
    }

    async fn identified(&self, target: &Target, issued: IssuedToken) -> Result<Grant, Error> {
        let now = self.cloud.now();
        let expires_at = issued.expires_in.map(|seconds| now.here().after_seconds(seconds));
        let token = AccessToken::parse(issued.access_token.reveal())?;
        let token = self.cloud.unfiled(&target.environment, token, expires_at)?;
        if token.is_expired(now) {
            return Err(Error::new(Code::TokenExpired, format!("A token of {} was given that has expired.", target.org)));
        }
        self.cloud.identify(token).await
    }

    /// Pages share what comes from the same kind of source, for the same use. `None` where the app does not share.
    fn sharing_name(&self, target: &Target) -> Option<String> {
        let source = self.login.as_ref().map_or("getToken", Login::client_id);
        let environment = &target.environment;
        self.shares.then(|| format!("premium-recorder {} {} {} {source}", environment.api(), target.org, self.scope))
    }
}

/// The app's source gave another organization's token.
pub(crate) fn wrong_org_given(asked: &OrgId, got: &OrgId) -> Error {
    let message = format!("getToken was asked for a token of organization {asked} and returned one of {got}.");
    let mut error = Error::new(Code::TokenSourceWrongOrg, message);
    error.evidence.token_org_id = Some(got.clone());
    error
}

/// Somebody signs in, until this is dropped.
struct SigningIn<'a, P: Ports> {
    sources: &'a Sources<P>,
    target: &'a Target,
}

impl<'a, P: Ports> SigningIn<'a, P> {
    fn begin(sources: &'a Sources<P>, target: &'a Target) -> SigningIn<'a, P> {
        let began = sources.cloud.ports().now();
        sources.sign_ins.borrow_mut().push(SignInTime { target: target.clone(), began, over: None });
        SigningIn { sources, target }
    }
}

impl<P: Ports> Drop for SigningIn<'_, P> {
    fn drop(&mut self) {
        let now = self.sources.cloud.ports().now();
        let mut sign_ins = self.sources.sign_ins.borrow_mut();
        let of_target = sign_ins.iter_mut().filter(|time| time.target == *self.target);
        of_target.for_each(|time| time.over = time.over.or(Some(now)));
    }
}
