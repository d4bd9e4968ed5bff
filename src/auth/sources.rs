//! Token sources, in order: another page, the refresh token, `getToken`, a sign-in. Pages that share tokens use them one at a
//! time per organization.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{Either, LocalBoxFuture, select};

use crate::auth::login::Login;
use crate::auth::need::Need;
use crate::auth::ports::{Platform, TokenSharer};
use crate::auth::sign_in::Returned;
use crate::auth::token_endpoint::TokenResponse;
use crate::cloud::deadline::{Pause, SignInTime};
use crate::cloud::event::{Event, Source};
use crate::cloud::exchange::Exchange;
use crate::model::environment::{Environment, Target};
use crate::model::error::{Cause, Code, Error};
use crate::model::ids::OrgId;
use crate::model::join::joined;
use crate::token::access_token::{AccessToken, IssuedToken};
use crate::token::org_token::{KnownBy, OrgToken};

/// How long a source other than a person may take, in milliseconds. Longer than most calls, because calls share an
/// acquisition, but limited, because other pages wait.
const MAX_SOURCE_MS: u32 = 60_000;

/// The hint if a window was to open later than in the click's own turn. Some browsers block every such window.
const CLICK_AGAIN: &str = "Make the call again in a click or key press: the window then opens at once. If not, allow popups for this page.";

/// More pages than one origin will have.
const MAX_PAGES: u8 = 100;

/// How long other pages are asked that have no token to give, in milliseconds.
const MAX_ASKING_MS: i64 = 2_000;

/// Options for the sources.
#[derive(Clone, Debug)]
pub struct SourceOptions {
    /// How to sign in, if at all.
    pub login: Option<Login>,
    /// Whether tokens are shared with other pages of this origin.
    pub shares_tokens: bool,
    /// The OAuth scopes that a token must have, as far as they are known.
    pub scopes: Vec<String>,
    /// The longest time that a call may take, in milliseconds.
    pub timeout: u32,
    /// The query that the page was opened with, to restore after a sign-in by redirect.
    pub page_query: Vec<(String, String)>,
}

/// The app's token sources.
pub struct Sources<P> {
    exchange: Rc<Exchange<P>>,
    pub(super) options: Rc<SourceOptions>,
    /// By organization; `None` for sign-ins in which the person decides.
    sign_in_times: RefCell<Vec<(Option<OrgId>, Rc<SignInTime>)>>,
    /// Whether the browser blocked the last sign-in window.
    is_blocked: Cell<bool>,
    returned: Returned,
}

impl<P: Platform> Sources<P> {
    /// The sources that these options name. `returned`: what came of the sign-in from which the page has come back.
    pub fn new(exchange: Rc<Exchange<P>>, options: Rc<SourceOptions>, returned: Returned) -> Sources<P> {
        Sources { exchange, options, sign_in_times: RefCell::default(), is_blocked: Cell::default(), returned }
    }

    /// Whether the app gave none.
    pub fn is_empty(&self) -> bool {
        self.options.login.is_none() && !self.exchange.ports().has_token_source()
    }

    /// How a person signs in, if at all.
    pub fn login(&self) -> Option<&Login> {
        self.options.login.as_ref()
    }

    /// The time that people take to sign in to this organization, or to one of their own choice.
    pub(crate) fn sign_in_time(&self, org: Option<&OrgId>) -> Rc<SignInTime> {
        let mut times = self.sign_in_times.borrow_mut();
        // Drop times that no call and no sign-in uses.
        times.retain(|(other, time)| other.as_ref() == org || Rc::strong_count(time) > 1);
        if let Some((_, time)) = times.iter().find(|(other, _)| other.as_ref() == org) {
            return time.clone();
        }
        let time = SignInTime::new(self.exchange.ports().clone());
        times.push((org.cloned(), time.clone()));
        time
    }

    /// Opens the sign-in window first, if only a sign-in can give a token, or if the last window opened too late: during a
    /// click, some browsers open a window only in the caller's own turn.
    pub(crate) async fn open_window_in_user_gesture(&self, org: Option<&OrgId>) -> Option<Result<P::Window, Error>> {
        let signs_in_with_popup = self.login().is_some_and(|login| !login.by_redirect && login.may_ask_for(org));
        let has_token_source = self.exchange.ports().has_token_source();
        if !signs_in_with_popup || self.exchange.ports().has_opaque_origin() || (has_token_source && !self.is_blocked.get()) {
            return None;
        }
        let opened = self.window().await;
        // If there is no window, `getToken` may still have a token.
        Some(opened).filter(|opened| opened.is_ok() || !has_token_source)
    }

    fn window(&self) -> LocalBoxFuture<'_, Result<P::Window, Error>> {
        let opening = self.exchange.ports().open_window();
        Box::pin(async move {
            let opened = opening.await;
            self.is_blocked.set(opened.is_none());
            opened.ok_or_else(|| Error::new(Code::LoginBlocked, "The browser gave no access to a sign-in window."))
        })
    }

    /// Waits until no other page obtains a token for this target. A page that holds the lock for longer than any source
    /// and person may take is not waited for.
    pub(crate) async fn lock(&self, target: &Target) -> Option<P::Lock> {
        let name = self.sharing_name(target)?;
        let ports = self.exchange.ports();
        let longest = self.timeout().saturating_add(self.login().map_or(0, |login| login.timeout));
        let time = self.sign_in_time(Some(&target.org));
        time.set_behind_lock(true);
        let lock = match select(pin!(ports.lock(&name)), ports.sleep(longest)).await {
            Either::Left((lock, _)) => lock,
            Either::Right(_) => None,
        };
        time.set_behind_lock(false);
        lock
    }

    /// The token that another page holds, if it is for this target and differs from the stale one.
    pub(crate) async fn ask_other_page(&self, target: &Target, stale: Option<&OrgToken>) -> Option<OrgToken> {
        let name = self.sharing_name(target)?;
        let work = async {
            let began = self.exchange.ports().now();
            for _ in 0..MAX_PAGES {
                let Some(answer) = self.exchange.ports().request_shared_token(&name).await else { break };
                if let Some(issued) = answer {
                    return self.identify_issued(&target.environment, issued).await.map(Some);
                }
                if self.exchange.ports().now().since(began) > MAX_ASKING_MS {
                    break;
                }
            }
            Ok(None)
        };
        let token = self.with_timeout("another page", Box::pin(work)).await.ok()??;
        // The other page keeps using this token, so its idle timeout is unknown to us.
        token.mark_used();
        let now = self.exchange.now();
        let is_better = !stale.is_some_and(|stale| stale.is_same_token(&token));
        (token.target() == target && token.is_fresh(now) && !token.should_renew(now) && is_better).then_some(token)
    }

    /// Exchanges the stale token's refresh token.
    pub(crate) async fn redeem_refresh_token(&self, need: &Need, stale: Option<&OrgToken>) -> Result<Option<OrgToken>, Error> {
        let (Some(login), Some(stale)) = (self.login(), stale) else { return Ok(None) };
        let Some(refresh_token) = stale.refresh_token() else { return Ok(None) };
        self.emit(need, Source::RefreshToken);
        let work = async {
            let refreshed = TokenResponse::refresh(&login.client_id, &self.exchange, stale, &refresh_token).await;
            let response = match refreshed {
                Ok(response) => response,
                // The refresh token was used up, revoked or has expired, or a proxy refuses it: do not try again.
                Err(error) if error.code == Code::LoginDenied || is_proxys_refusal(&error) => {
                    stale.set_refresh_token(None);
                    return Ok(None);
                }
                Err(error) => return Err(error),
            };
            // The old refresh token is used up, even if the new access token fails.
            stale.set_refresh_token(response.refresh_token.clone());
            self.identify(&need.environment, response).await.map(Some)
        };
        self.with_timeout("the login origin", Box::pin(work)).await
    }

    /// What `getToken` gives; `None` if it has no such token.
    pub(crate) async fn call_get_token(&self, need: &Need, stale: Option<&OrgToken>) -> Result<Option<OrgToken>, Error> {
        if !self.exchange.ports().has_token_source() {
            return Ok(None);
        }
        self.emit(need, Source::GetToken);
        let org = need.org.as_ref();
        let failed = |cause| {
            let error = match &cause {
                // What it returned is wrong.
                Cause::Error(found) => Error::new(Code::TokenSourceFailed, found.message.clone()).not_retryable(),
                _ => Error::new(Code::TokenSourceFailed, format!("getToken failed{need}.")),
            };
            error.caused_by(cause)
        };
        let work = async {
            match self.exchange.ports().get_token(need, &self.options.scopes).await.map_err(failed)? {
                Some(issued) => self.identify_issued(&need.environment, issued).await.map(Some).map_err(|error| match error.code {
                    Code::TokenMalformed | Code::TokenExpired => error.in_argument("What getToken returned"),
                    _ => error,
                }),
                None if self.login().is_some() => Ok(None),
                None => Err(Error::new(Code::TokenSourceFailed, format!("getToken returned no token{need}.")).not_retryable()),
            }
        };
        let Some(mut token) = self.with_timeout("getToken", Box::pin(work)).await? else { return Ok(None) };
        if !token.is_fresh(self.exchange.now()) {
            return Err(Error::new(Code::TokenExpired, format!("getToken returned an expired token of {}.", token.target().org)));
        }
        match org {
            Some(org) if token.target().org != *org => return Err(wrong_org_given(org, &token.target().org)),
            Some(_) => {}
            // The token decides for which organization the calls are: a claim is not enough.
            None if token.known_by() == KnownBy::Claim => token = self.exchange.refetch_token_info(&token).await?,
            None => {}
        }
        reject_same_token(token, stale, "getToken returned").map(Some)
    }

    /// Signs a person in. The token may be another organization's.
    pub(crate) async fn sign_in(
        &self,
        need: &Need,
        window: Option<(P::Window, Pause)>,
        stale: Option<&OrgToken>,
    ) -> Result<Option<OrgToken>, Error> {
        let Some(login) = self.login() else { return Ok(None) };
        if let Some(org) = &need.org {
            login.ensure_allowed(org)?;
        }
        if let Some(token) = self.take_unused(&need.environment, need.org.as_ref()) {
            return Ok(Some(token));
        }
        self.emit(need, Source::Login);
        let ports = &**self.exchange.ports();
        if ports.has_opaque_origin() {
            return Err(opaque_origin());
        }
        let (window, pause) = match window {
            Some((window, pause)) => (Some(window), pause),
            None => (None, self.sign_in_time(need.org.as_ref()).pause()),
        };
        let window = match window {
            None if !login.by_redirect => Some(self.window().await.map_err(|blocked| blocked.with_hint(CLICK_AGAIN))?),
            window => window,
        };
        let code = login.sign_in(ports, need, window, &self.options.page_query).await?;
        drop(pause);
        let work = async { self.identify(&need.environment, code.redeem(&self.exchange).await?).await.map(Some) };
        match self.with_timeout("the login origin", Box::pin(work)).await? {
            Some(token) => reject_same_token(token, stale, "The sign-in gave").map(Some),
            None => Ok(None),
        }
    }

    /// Keeps a token of a sign-in by redirect, which no call has used, for the page's next recorder with the same login.
    pub(super) fn keep_unused(&self, token: Rc<OrgToken>) {
        if let Some(login) = self.login() {
            let hearing = self.share(token.target(), self.returned.sharer(), false);
            self.returned.keep_unused(login.redirect_name(), token, hearing);
        }
    }

    /// The token of the sign-in from which the page has come back, if its recorder was closed before a call used it.
    pub(crate) fn take_unused(&self, environment: &Environment, org: Option<&OrgId>) -> Option<OrgToken> {
        let login = self.login()?;
        let is_for = |target: &Target| {
            let is_org = org.is_none_or(|org| *org == target.org);
            is_org && *target.environment == *environment && login.allows(&target.org)
        };
        let token = self.returned.take_unused(&login.redirect_name(), is_for)?;
        Some(OrgToken::clone(&token)).filter(|token| token.is_fresh(self.exchange.now()))
    }

    /// Takes part in sharing the target's token with other pages, if the app shares tokens.
    pub(crate) fn share(&self, target: &Target, sharer: Rc<dyn TokenSharer>, answers: bool) -> Option<P::Sharing> {
        Some(self.exchange.ports().share_token(&self.sharing_name(target)?, sharer, answers))
    }

    /// Tells other pages to forget their token of this target.
    pub(crate) fn forget_shared(&self, target: &Target) {
        if let Some(name) = self.sharing_name(target) {
            self.exchange.ports().forget_shared_token(&name);
        }
    }

    /// Identifies a token from the token endpoint by asking the cloud, not by its claims.
    pub(crate) async fn identify(&self, environment: &Rc<Environment>, response: TokenResponse) -> Result<OrgToken, Error> {
        let token = self.exchange.unidentified(environment, response.access_token, response.expires_at)?;
        let token = token.valid_now(self.exchange.now()).with_refresh_token(response.refresh_token);
        self.exchange.fetch_token_info(token).await
    }

    async fn identify_issued(&self, environment: &Rc<Environment>, issued: IssuedToken) -> Result<OrgToken, Error> {
        let now = self.exchange.now();
        let expires_at = issued.expires_in.map(|seconds| now.instant().after_seconds(seconds));
        let token = AccessToken::parse(issued.access_token.reveal())?;
        let mut token = self.exchange.unidentified(environment, token, expires_at)?;
        if expires_at.is_some() {
            token = token.valid_now(now);
        }
        if token.is_surely_expired(now) {
            return Err(Error::new(Code::TokenExpired, "The token has expired."));
        }
        if token.is_expired(now) {
            return self.exchange.fetch_token_info(token).await;
        }
        self.exchange.identify(token).await
    }

    /// Limits a source's time, because other pages and calls wait.
    async fn with_timeout(
        &self,
        source: &str,
        work: LocalBoxFuture<'_, Result<Option<OrgToken>, Error>>,
    ) -> Result<Option<OrgToken>, Error> {
        let timeout = self.timeout();
        match select(work, pin!(self.exchange.ports().sleep(timeout))).await {
            Either::Left((given, _)) => given,
            Either::Right(_) => Err(Error::new(Code::Timeout, format!("Nothing came from {source} within {timeout} ms."))),
        }
    }

    fn timeout(&self) -> u32 {
        self.options.timeout.max(MAX_SOURCE_MS)
    }

    fn emit(&self, need: &Need, source: Source) {
        self.exchange.ports().emit(&Event::TokenRequested { org: need.org.as_ref(), source, reason: need.reason });
    }

    /// Pages share tokens only for the same kind of source, user and scope. `None` if the app does not share.
    fn sharing_name(&self, target: &Target) -> Option<String> {
        let login = self.login();
        // With `prompt: "login"` every person must sign in, so another page's token is never reused.
        if !self.options.shares_tokens || login.is_some_and(|login| login.always_prompts) {
            return None;
        }
        let source = login.map_or("getToken".to_owned(), Login::sharing_name);
        let person = login.and_then(|login| login.login_hint.as_deref()).unwrap_or_default();
        // A scope has no tab.
        let (environment, scopes) = (&target.environment, joined(&self.options.scopes, "\t"));
        Some(format!("premium-recorder {} {} {scopes} {source} {person}", environment.api(), target.org))
    }
}

/// Whether the login origin refused without the words of OAuth.
fn is_proxys_refusal(error: &Error) -> bool {
    error.code == Code::UnexpectedAnswer && error.evidence.status.is_some_and(|status| (400..500).contains(&status))
}

/// The error if no other page can answer this one.
fn opaque_origin() -> Error {
    let message = "The page has an opaque origin, so the sign-in cannot return to it. No window was opened.";
    Error::new(Code::LoginBlocked, message).with_hint("Add allow-same-origin to the sandbox of the iframe that shows this page.")
}

/// The error if `getToken` returned another organization's token.
pub(crate) fn wrong_org_given(asked: &OrgId, given: &OrgId) -> Error {
    let message = format!("getToken was asked for organization {asked} and returned a token of {given}.");
    let mut error = Error::new(Code::TokenSourceWrongOrg, message);
    error.evidence.token_org_id = Some(given.clone());
    error
}

fn reject_same_token(token: OrgToken, stale: Option<&OrgToken>, who: &str) -> Result<OrgToken, Error> {
    if stale.is_some_and(|stale| stale.is_rejected() && stale.is_same_token(&token)) {
        return Err(Error::new(Code::Unauthenticated, format!("{who} the same token that the API rejected.")));
    }
    Ok(token)
}
