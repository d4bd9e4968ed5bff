//! Token sources, in order: another page, the refresh token, `getToken`, a sign-in. Pages that share tokens use them one at a
//! time per organization.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

use crate::auth::login::Login;
use crate::auth::need::Need;
use crate::auth::ports::{Platform, SharingRole, TokenSharer};
use crate::auth::returned::Returned;
use crate::auth::token_endpoint::TokenResponse;
use crate::cloud::deadline::{Pause, SignInTime};
use crate::cloud::event::{Event, Source};
use crate::cloud::exchange::Exchange;
use crate::cloud::race::before;
use crate::model::environment::{Environment, Target};
use crate::model::error::{Cause, Code, Error};
use crate::model::ids::OrgId;
use crate::model::join::joined;
use crate::token::access_token::{AccessToken, IssuedToken};
use crate::token::org_token::{KnownBy, OrgToken};
use crate::token::request::Request;

/// How long a source other than a person may take, in milliseconds. Longer than most calls, because calls share an
/// acquisition, but limited, because other pages wait.
const MAX_SOURCE_MS: u32 = 60_000;

/// The hint if a window was to open later than in the click's own turn. Some browsers block every such window.
const CLICK_AGAIN: &str = "Make the call again in a click or key press: the window then opens at once. If not, allow popups for this page.";

/// The hint if `getToken` has no token, and nobody can sign in instead.
const NO_TOKEN_RETURNED: &str = "Return a token of this organization from getToken, or set `login` for people who have none.";

/// More pages than one origin will have.
const MAX_PAGES: u8 = 100;

/// How long to go on asking other pages if none of them has given a token, in milliseconds.
const MAX_ASKING_MS: i64 = 2_000;

/// What a source gives; `None` if it has no such token.
pub(super) type Given<'a> = LocalBoxFuture<'a, Result<Option<Box<OrgToken>>, Error>>;

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

    /// Whether the app gave no source.
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
    pub(super) fn window_in_user_gesture(&self, org: Option<&OrgId>) -> Option<LocalBoxFuture<'_, Result<P::Window, Error>>> {
        let signs_in_with_popup = self.login().is_some_and(|login| !login.by_redirect && login.may_ask_for(org));
        let has_token_source = self.exchange.ports().has_token_source();
        let opens = signs_in_with_popup && !self.exchange.ports().has_opaque_origin() && (!has_token_source || self.is_blocked.get());
        opens.then(|| self.window())
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
        let _waits = self.sign_in_time(Some(&target.org)).wait_behind_lock();
        before(pin!(ports.lock(&name)), ports.sleep(longest)).await.flatten()
    }

    /// Asks for the token that another page holds, if it is for this target and differs from the stale one. The other page may
    /// allow more organizations.
    pub(super) fn ask_other_page<'a>(&'a self, target: &'a Target, stale: Option<&'a OrgToken>) -> Option<Given<'a>> {
        if self.login().is_some_and(|login| !login.allows(&target.org)) {
            return None;
        }
        let name = self.sharing_name(target)?;
        let work = async move {
            let began = self.exchange.ports().now();
            for _ in 0..MAX_PAGES {
                let Some(answer) = self.exchange.ports().request_shared_token(&name).await else { break };
                if let Some(issued) = answer {
                    let token = self.identify(&target.environment, self.issued(issued)?).await?;
                    // The other page keeps using this token, so its idle timeout is unknown to us.
                    token.mark_used();
                    let now = self.exchange.now();
                    let is_better = !stale.is_some_and(|stale| stale.is_same_token(&token));
                    let is_usable = token.target() == target && token.is_fresh(now) && !token.should_renew(now) && is_better;
                    return Ok(is_usable.then_some(token));
                }
                if self.exchange.ports().now().since(began) > MAX_ASKING_MS {
                    break;
                }
            }
            Ok(None)
        };
        Some(self.in_time("another page", Box::pin(work)))
    }

    /// Exchanges the stale token's refresh token, if it has one.
    pub(super) fn redeem_refresh_token<'a>(&'a self, need: &'a Need, stale: Option<&'a OrgToken>) -> Option<Given<'a>> {
        let (login, stale) = (self.login()?, stale?);
        let refresh_token = stale.refresh_token()?;
        self.emit(need, Source::RefreshToken);
        let work = async move {
            let response = match TokenResponse::refresh(&login.client_id, &self.exchange, stale, &refresh_token).await {
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
        Some(self.in_time("the login origin", Box::pin(work)))
    }

    /// Calls `getToken`, if the app gave one.
    pub(super) fn call_get_token<'a>(&'a self, need: &'a Need, stale: Option<&'a OrgToken>) -> Option<Given<'a>> {
        if !self.exchange.ports().has_token_source() {
            return None;
        }
        self.emit(need, Source::GetToken);
        let failed = move |cause| {
            let error = match &cause {
                // What it returned is wrong.
                Cause::Error(found) => Error::new(Code::TokenSourceFailed, found.message.clone()).not_retryable(),
                _ => Error::new(Code::TokenSourceFailed, format!("getToken failed{need}.")),
            };
            error.caused_by(cause)
        };
        let given_by_app = |error: Error| match error.code {
            Code::TokenMalformed | Code::TokenExpired => error.in_argument("What getToken returned"),
            _ => error,
        };
        let work = async move {
            let Some(issued) = self.exchange.ports().get_token(need, &self.options.scopes).await.map_err(failed)? else {
                if self.login().is_some() {
                    return Ok(None);
                }
                return Err(Error::new(Code::TokenSourceFailed, format!("getToken returned no token{need}."))
                    .with_hint(NO_TOKEN_RETURNED)
                    .not_retryable());
            };
            let issued = self.issued(issued).map_err(given_by_app)?;
            let mut token = self.identify(&need.environment, issued).await.map_err(given_by_app)?;
            let given = &token.target().org;
            if !token.is_fresh(self.exchange.now()) {
                return Err(Error::new(Code::TokenExpired, format!("getToken returned an expired token of {given}.")));
            }
            match &need.org {
                Some(org) if given != org => return Err(wrong_org_given(org, given)),
                Some(_) => {}
                // The token decides for which organization the calls are: a claim is not enough.
                None if token.known_by() == KnownBy::Claim => token = self.exchange.refetch_token_info(&token).await?,
                None => {}
            }
            reject_same_token(Some(token), stale, "getToken returned")
        };
        Some(self.in_time("getToken", Box::pin(work)))
    }

    /// Signs a person in, if the app says how. The token may be another organization's.
    pub(super) fn sign_in<'a>(
        &'a self,
        need: &'a Need,
        window: Option<(P::Window, Pause)>,
        stale: Option<&'a OrgToken>,
    ) -> Option<Given<'a>> {
        let login = self.login()?;
        Some(Box::pin(async move {
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
            if window.is_none() {
                self.returned.ensure_no_other_client(login)?;
            }
            let redemption = login.sign_in(ports, need, window, &self.options.page_query).await?;
            drop(pause);
            let work = async { self.redeem(&need.environment, redemption).await.map(Some) };
            reject_same_token(self.in_time("the login origin", Box::pin(work)).await?, stale, "The sign-in gave")
        }))
    }

    /// Keeps a token of a sign-in by redirect, which no call has used, for the page's next recorder with the same login.
    pub(crate) fn keep_unused(&self, token: Rc<OrgToken>) {
        if let Some(login) = self.login() {
            let hearing = self.share(token.target(), self.returned.sharer(), SharingRole::Listens);
            self.returned.keep_unused(login.redirect_name(), token, hearing);
        }
    }

    /// The token of the sign-in from which the page has come back, if its recorder was closed before a call used it.
    pub(crate) fn take_unused(&self, environment: &Environment, org: Option<&OrgId>) -> Option<Box<OrgToken>> {
        let login = self.login()?;
        let is_for = |target: &Target| {
            let is_org = org.is_none_or(|org| *org == target.org);
            is_org && *target.environment == *environment && login.allows(&target.org)
        };
        let token = self.returned.take_unused(&login.redirect_name(), is_for)?;
        Some(Box::new(OrgToken::clone(&token))).filter(|token| token.is_fresh(self.exchange.now()))
    }

    /// Takes part in sharing the target's token with other pages, if the app shares tokens.
    pub(crate) fn share(&self, target: &Target, sharer: Rc<dyn TokenSharer>, role: SharingRole) -> Option<P::Sharing> {
        Some(self.exchange.ports().share_token(&self.sharing_name(target)?, sharer, role))
    }

    /// Tells other pages to forget their token of this target.
    pub(crate) fn forget_shared(&self, target: &Target) {
        if let Some(name) = self.sharing_name(target) {
            self.exchange.ports().forget_shared_token(&name);
        }
    }

    /// Exchanges the authorization code in the request for a token.
    pub(crate) async fn redeem(&self, environment: &Rc<Environment>, redemption: Box<Request>) -> Result<Box<OrgToken>, Error> {
        let response = TokenResponse::fetch(&self.exchange, redemption).await?;
        self.identify(environment, response).await
    }

    /// Identifies the token that a source gave. The cloud is asked whose a new token is, whatever the token claims.
    async fn identify(&self, environment: &Rc<Environment>, response: TokenResponse) -> Result<Box<OrgToken>, Error> {
        let (is_new, now) = (response.is_new, self.exchange.now());
        let mut token = self.exchange.unidentified(environment, response.access_token, response.expires_at)?;
        if is_new || response.expires_at.is_some() {
            token = token.valid_now(now);
        }
        token = token.with_refresh_token(response.refresh_token);
        if !is_new && token.is_surely_expired(now) {
            return Err(Error::new(Code::TokenExpired, "The token has expired."));
        }
        let claimed = if is_new || token.is_expired(now) { Err(token) } else { token.identified_by_claim(now) };
        match claimed {
            Ok(token) => Ok(token),
            Err(token) => self.exchange.fetch_token_info(token).await,
        }
    }

    fn issued(&self, issued: IssuedToken) -> Result<TokenResponse, Error> {
        Ok(TokenResponse {
            access_token: AccessToken::parse(issued.access_token.reveal())?,
            is_new: false,
            expires_at: issued.expires_in.map(|seconds| self.exchange.ports().now().after_seconds(seconds)),
            refresh_token: None,
        })
    }

    /// Limits a source's time, because other pages and calls wait.
    fn in_time<'a>(&'a self, source: &'static str, mut work: Given<'a>) -> Given<'a> {
        Box::pin(async move {
            let timeout = self.timeout();
            let too_late = || Err(Error::new(Code::Timeout, format!("Nothing came from {source} within {timeout} ms.")));
            before(work.as_mut(), self.exchange.ports().sleep(timeout)).await.unwrap_or_else(too_late)
        })
    }

    fn timeout(&self) -> u32 {
        self.options.timeout.max(MAX_SOURCE_MS)
    }

    fn emit(&self, need: &Need, source: Source) {
        self.exchange.ports().emit(&Event::TokenRequested { org: need.org.as_ref(), source, reason: need.reason });
    }

    /// Pages share tokens only for the same kinds of source, OAuth client, user and scope. `None` if the app does not share.
    fn sharing_name(&self, target: &Target) -> Option<String> {
        let login = self.login();
        // With `prompt: "login"` every person must sign in, so another page's token is never reused.
        if !self.options.shares_tokens || login.is_some_and(|login| login.always_prompts) {
            return None;
        }
        let source = match login {
            None => "getToken".to_owned(),
            Some(login) if self.exchange.ports().has_token_source() => format!("getToken\t{}", login.sharing_name()),
            Some(login) => login.sharing_name(),
        };
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

fn reject_same_token(given: Option<Box<OrgToken>>, stale: Option<&OrgToken>, who: &str) -> Result<Option<Box<OrgToken>>, Error> {
    if let (Some(token), Some(stale)) = (&given, stale)
        && stale.is_rejected()
        && stale.is_same_token(token)
    {
        return Err(Error::new(Code::Unauthenticated, format!("{who} the same token that the API rejected.")));
    }
    Ok(given)
}
