//! Where a token comes from that is not held: another page that shares its own, the refresh token, the app's `getToken`,
//! a sign-in. One at a time for each organization, among all pages that share.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{Either, LocalBoxFuture, select};

use crate::auth::login::{Login, Mode};
use crate::auth::token_endpoint::TokenResponse;
use crate::cloud::event::{Event, NeedReason, Source};
use crate::cloud::exchange::Exchange;
use crate::cloud::ports::{Platform, TokenNeed, TokenSharer};
use crate::model::environment::Target;
use crate::model::error::{Code, Error};
use crate::model::ids::OrgId;
use crate::model::time::Timestamp;
use crate::token::access_token::{AccessToken, IssuedToken};
use crate::token::org_token::OrgToken;

/// The longest time that a source may take, but for a person, in milliseconds: longer than most calls, as several may wait
/// for it, and not for ever, as other pages wait as well.
const LONGEST_WAIT: u32 = 60_000;

/// More than the pages of one origin that share.
const MOST_PAGES: u8 = 100;

/// What connect() says of the sources.
pub struct SourceOptions {
    /// How to sign in, if at all.
    pub login: Option<Login>,
    /// Whether tokens are shared with other pages of this origin.
    pub shares_tokens: bool,
    /// The OAuth scope that a token must have.
    pub scope: String,
    /// The longest time that a call may take, in milliseconds.
    pub timeout: u32,
    /// The query that the page was opened with, for when it is left to sign in.
    pub page_query: Vec<(String, String)>,
}

/// The sources that the app gave.
pub struct Sources<P> {
    cloud: Rc<Exchange<P>>,
    login: Option<Login>,
    shares: bool,
    scope: String,
    timeout: u32,
    page_query: Vec<(String, String)>,
    sign_ins: RefCell<Vec<SignInTime>>,
    sign_ins_begun: Cell<u64>,
}

struct SignInTime {
    number: u64,
    target: Target,
    began: Timestamp,
    over: Option<Timestamp>,
}

impl<P: Platform> Sources<P> {
    /// The sources that these options name.
    pub fn new(cloud: Rc<Exchange<P>>, options: SourceOptions) -> Sources<P> {
        let SourceOptions { login, shares_tokens, scope, timeout, page_query } = options;
        Sources {
            cloud,
            // With `prompt: "login"` every person must sign in, so another page's token is never reused.
            shares: shares_tokens && !login.as_ref().is_some_and(Login::prompts),
            login,
            scope,
            timeout: timeout.max(LONGEST_WAIT),
            page_query,
            sign_ins: RefCell::default(),
            sign_ins_begun: Cell::default(),
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

    /// Somebody signs in from now on, or waits until somebody else has.
    pub(crate) fn signing_in<'a>(&'a self, target: &Target) -> SigningIn<'a, P> {
        let number = self.sign_ins_begun.get();
        self.sign_ins_begun.set(number.wrapping_add(1));
        let began = self.cloud.ports().now();
        self.sign_ins.borrow_mut().push(SignInTime { number, target: target.clone(), began, over: None });
        SigningIn { sources: self, number }
    }

    /// Opens the window for a sign-in where nothing else can give a token: it has to be opened in the caller's own turn,
    /// and the rest takes longer.
    pub(crate) fn open_window_in_user_gesture(&self) -> Option<Result<P::Window, Error>> {
        let signs_in_window = self.login.as_ref().is_some_and(|login| login.mode() == Mode::Popup);
        (signs_in_window && !self.cloud.ports().has_token_source()).then(|| self.window())
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
    pub(crate) async fn from_other_page(&self, target: &Target, stale: Option<&OrgToken>) -> Option<OrgToken> {
        let name = self.sharing_name(target)?;
        let work = async {
            for _ in 0..MOST_PAGES {
                let Some(answer) = self.cloud.ports().ask_sharing(&name).await else { break };
                if let Some(issued) = answer {
                    return self.identified(target, issued).await.map(Some);
                }
            }
            Ok(None)
        };
        let grant = self.with_timeout("another page", Box::pin(work)).await.ok()??;
        // It is used there as well.
        grant.mark_used();
        let now = self.cloud.now();
        let is_better = !stale.is_some_and(|stale| stale.is_same_token(&grant));
        (grant.target() == target && grant.is_fresh(now) && !grant.should_renew(now) && is_better).then_some(grant)
    }

    /// What the login origin gives for the refresh token that came with the stale grant.
    pub(crate) async fn refreshed(&self, target: &Target, reason: NeedReason, stale: Option<&OrgToken>) -> Result<Option<OrgToken>, Error> {
        let (Some(login), Some(stale)) = (&self.login, stale) else { return Ok(None) };
        let Some(token) = stale.refresh_token() else { return Ok(None) };
        self.tell(target, Source::RefreshToken, reason);
        let work = async {
            let response = match TokenResponse::refreshed(login.client_id(), &self.cloud, &target.environment, &token).await {
                Ok(response) => response,
                // Used up, revoked or too old: it will not become better.
                Err(error) if error.code == Code::LoginDenied => {
                    stale.set_refresh_token(None);
                    return Ok(None);
                }
                Err(error) => return Err(error),
            };
            // The old one is used up, whatever becomes of the new access token.
            stale.set_refresh_token(response.refresh_token.clone());
            self.asked(target, response).await.map(Some)
        };
        self.with_timeout("the login origin", Box::pin(work)).await
    }

    /// What `getToken` gives; nothing where it has no token of this target.
    pub(crate) async fn from_get_token(
        &self,
        target: &Target,
        reason: NeedReason,
        stale: Option<&OrgToken>,
    ) -> Result<Option<OrgToken>, Error> {
        if !self.cloud.ports().has_token_source() {
            return Ok(None);
        }
        self.tell(target, Source::GetToken, reason);
        let org = &target.org;
        let need = TokenNeed { environment: &target.environment, org, scopes: vec![self.scope.clone()], reason };
        let failed = |cause| Error::new(Code::TokenSourceFailed, format!("getToken failed for organization {org}.")).caused_by(cause);
        let work = async {
            match self.cloud.ports().get_token(need).await.map_err(failed)? {
                Some(issued) => self.identified(target, issued).await.map(Some),
                None if self.login.is_some() => Ok(None),
                None => Err(Error::new(Code::TokenSourceFailed, format!("getToken has no token of organization {org}."))),
            }
        };
        let Some(grant) = self.with_timeout("getToken", Box::pin(work)).await? else { return Ok(None) };
        if !grant.is_fresh(self.cloud.now()) {
            return Err(Error::new(Code::TokenExpired, format!("getToken returned a token of {org} that has expired.")));
        }
        if grant.target() != target {
            return Err(wrong_org_given(org, &grant.target().org));
        }
        reject_same_token(grant, stale, "getToken returned").map(Some)
    }

    /// What somebody who signs in gets: of whichever organization it is.
    pub(crate) async fn signed_in(
        &self,
        target: &Target,
        reason: NeedReason,
        window: Option<(P::Window, SigningIn<'_, P>)>,
        stale: Option<&OrgToken>,
    ) -> Result<Option<OrgToken>, Error> {
        let Some(login) = &self.login else { return Ok(None) };
        self.tell(target, Source::Login, reason);
        let ports = self.cloud.ports();
        let (window, signing_in) = match window {
            Some((window, signing_in)) => (Some(window), signing_in),
            None => (None, self.signing_in(target)),
        };
        let authorized = match login.mode() {
            Mode::Redirect => return Err(login.leave(ports, target, &self.page_query).await),
            Mode::Popup => login.in_window(ports, target, window.map_or_else(|| self.window(), Ok)?).await?,
        };
        drop(signing_in);
        let work = async { self.asked(target, authorized.exchange(&self.cloud).await?).await.map(Some) };
        match self.with_timeout("the login origin", Box::pin(work)).await? {
            Some(grant) => reject_same_token(grant, stale, "The sign-in gave").map(Some),
            None => Ok(None),
        }
    }

    /// Lets other pages have what the holder holds for this target, if the app shares.
    pub(crate) fn share(&self, target: &Target, holder: Rc<dyn TokenSharer>) -> Option<P::Sharing> {
        Some(self.cloud.ports().share(&self.sharing_name(target)?, holder))
    }

    /// Lets other pages forget what they hold for this target.
    pub(crate) fn forget_shared(&self, target: &Target) {
        if let Some(name) = self.sharing_name(target) {
            self.cloud.ports().forget_shared(&name);
        }
    }

    /// The grant of what the token endpoint gave: the cloud says whose it is, not the token.
    pub(crate) async fn asked(&self, target: &Target, response: TokenResponse) -> Result<OrgToken, Error> {
        let token = self.cloud.unidentified(&target.environment, response.access_token, response.expires_at)?;
        let grant = self.cloud.fetch_token_info(token).await?;
        grant.set_refresh_token(response.refresh_token);
        Ok(grant)
    }

    async fn identified(&self, target: &Target, issued: IssuedToken) -> Result<OrgToken, Error> {
        let now = self.cloud.now();
        let expires_at = issued.expires_in.map(|seconds| now.here().after_seconds(seconds));
        let token = AccessToken::parse(issued.access_token.reveal())?;
        let token = self.cloud.unidentified(&target.environment, token, expires_at)?;
        if token.is_expired(now) {
            return Err(Error::new(Code::TokenExpired, format!("A token of {} was given that has expired.", target.org)));
        }
        self.cloud.identify(token).await
    }

    /// What a source gives, if it does not take for ever: other pages and calls wait as well.
    async fn with_timeout(
        &self,
        source: &str,
        work: LocalBoxFuture<'_, Result<Option<OrgToken>, Error>>,
    ) -> Result<Option<OrgToken>, Error> {
        match select(work, pin!(self.cloud.ports().wait(self.timeout))).await {
            Either::Left((given, _)) => given,
            Either::Right(_) => Err(Error::new(Code::Timeout, format!("Nothing came from {source} within {} ms.", self.timeout))),
        }
    }

    fn tell(&self, target: &Target, source: Source, reason: NeedReason) {
        self.cloud.ports().tell(&Event::TokenRequested { org: &target.org, source, reason });
    }

    /// Pages share what comes from the same kind of source, for the same person and use. `None` where the app does not share.
    fn sharing_name(&self, target: &Target) -> Option<String> {
        let (source, person) = self.login.as_ref().map_or(("getToken", ""), |login| (login.client_id(), login.login_hint()));
        let environment = &target.environment;
        self.shares.then(|| format!("premium-recorder {} {} {} {source} {person}", environment.api(), target.org, self.scope))
    }
}

/// The app's source gave another organization's token.
pub(crate) fn wrong_org_given(asked: &OrgId, got: &OrgId) -> Error {
    let message = format!("getToken was asked for a token of organization {asked} and returned one of {got}.");
    let mut error = Error::new(Code::TokenSourceWrongOrg, message);
    error.evidence.token_org_id = Some(got.clone());
    error
}

fn reject_same_token(grant: OrgToken, stale: Option<&OrgToken>, who: &str) -> Result<OrgToken, Error> {
    if stale.is_some_and(|stale| stale.is_rejected() && stale.is_same_token(&grant)) {
        return Err(Error::new(Code::Unauthenticated, format!("{who} the very token that the cloud has refused.")));
    }
    Ok(grant)
}

/// Somebody signs in, until this is dropped.
pub(crate) struct SigningIn<'a, P: Platform> {
    sources: &'a Sources<P>,
    number: u64,
}

impl<P: Platform> Drop for SigningIn<'_, P> {
    fn drop(&mut self) {
        let now = self.sources.cloud.ports().now();
        let mut sign_ins = self.sources.sign_ins.borrow_mut();
        if let Some(time) = sign_ins.iter_mut().find(|time| time.number == self.number) {
            time.over = Some(now);
        }
    }
}
