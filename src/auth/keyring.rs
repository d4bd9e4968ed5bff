//! Stores tokens by environment and organization, and acquires missing ones, one acquisition at a time. Never returns
//! another organization's token.

use std::cell::RefCell;
use std::pin::pin;
use std::rc::{Rc, Weak};

use futures_util::future::{AbortHandle, Abortable, Aborted, Either, select};

use crate::auth::ports::{Platform, TokenSharer};
use crate::auth::session::SignOutLog;
use crate::auth::sources::{Sources, wrong_org_given};
use crate::cloud::call::{Call, SessionEpoch};
use crate::cloud::deadline::{Deadline, Pause, SignInTime};
use crate::cloud::event::{Event, NeedReason};
use crate::cloud::exchange::Exchange;
use crate::cloud::signal::Signal;
use crate::cloud::single_flight::{InFlight, SingleFlight};
use crate::model::environment::Target;
use crate::model::error::{Code, Error};
use crate::model::ids::OrgId;
use crate::model::time::Instant;
use crate::token::access_token::IssuedToken;
use crate::token::org_token::{OrgToken, UnidentifiedToken};

/// The longest time that connect() waits for another page's token, in milliseconds.
const MAX_OTHER_PAGE_MS: u32 = 2_000;

/// The longest time that the cloud is asked about a token that may have expired, in milliseconds.
const MAX_VERIFY_MS: u32 = 5_000;

/// More wrongly claimed tokens than a source can return unnoticed.
const MAX_CORRECTED: usize = 100;

/// The result of an acquisition; `None` if no source has a token.
type Acquired = Result<Option<Rc<OrgToken>>, Rc<Error>>;

/// The tokens in memory, and the acquisitions that are in flight.
pub struct Keyring<P: Platform> {
    exchange: Rc<Exchange<P>>,
    sources: Sources<P>,
    tokens: RefCell<Vec<Rc<OrgToken>>>,
    sharing: RefCell<Vec<(Target, P::Sharing)>>,
    /// By organization: a recorder has one environment.
    acquisitions: Rc<SingleFlight<Acquisition, Acquired>>,
    /// Targets whose stored token turned out to be another organization's.
    misattributed: RefCell<Vec<Target>>,
    sign_outs: SignOutLog,
    /// Tokens whose claim the cloud has contradicted, with the organization that the cloud named.
    corrected: RefCell<Vec<Rc<OrgToken>>>,
}

/// What an acquisition may do, and how to abort it.
struct Acquisition {
    interaction: Interaction,
    abort: AbortHandle,
}

/// Whether an acquisition may ask a person to sign in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Interaction {
    /// All sources; a sign-in is last.
    Allowed,
    /// All sources except a sign-in.
    Silent,
    /// Only a sign-in: the other sources had no token.
    Only,
}

impl<P: Platform> Keyring<P> {
    /// A keyring without tokens.
    pub fn new(exchange: Rc<Exchange<P>>, sources: Sources<P>) -> Rc<Keyring<P>> {
        Rc::new(Keyring {
            exchange,
            sources,
            tokens: RefCell::default(),
            sharing: RefCell::default(),
            acquisitions: SingleFlight::new(),
            misattributed: RefCell::default(),
            sign_outs: SignOutLog::default(),
            corrected: RefCell::default(),
        })
    }

    /// The token sources.
    pub fn sources(&self) -> &Sources<P> {
        &self.sources
    }

    /// Every token in memory, expired ones too, oldest first.
    pub fn tokens(&self) -> Vec<Rc<OrgToken>> {
        self.tokens.borrow().clone()
    }

    /// A call that begins now, for this organization. Its time stands still while a person signs in to the organization.
    pub(crate) fn call(&self, target: Target, limit: u32, signal: Signal) -> Call {
        let time = self.sources.sign_in_time(&target);
        self.call_for(target, limit, signal, time)
    }

    /// A call that begins now, for no single organization.
    pub(crate) fn call_for_any(&self, limit: u32, signal: Signal) -> Call<()> {
        self.call_for((), limit, signal, SignInTime::new(self.exchange.ports().clone()))
    }

    fn call_for<T>(&self, target: T, limit: u32, signal: Signal, time: Rc<SignInTime>) -> Call<T> {
        let (closing, session) = (self.exchange.closing().clone(), self.sign_outs.epoch());
        Call { target, deadline: Deadline::after(limit, time), signal, closing, session }
    }

    /// Whether somebody has signed out of the target since a call began.
    pub(crate) fn was_signed_out(&self, target: &Target, since: SessionEpoch) -> bool {
        self.sign_outs.was_signed_out(target, since)
    }

    /// Signs out of every organization: forgets every token, and cancels acquisitions.
    pub fn forget_all(&self) {
        self.sign_outs.sign_out_of_all();
        let (tokens, sharing, acquisitions) = (self.tokens.take(), self.sharing.take(), self.acquisitions.take(None));
        // Aborted only after the RefCells are released: dropping a future can call back into the keyring.
        acquisitions.iter().for_each(|acquisition| acquisition.abort.abort());
        drop((tokens, sharing));
        self.exchange.rate_limiter().changed().wake();
    }

    /// Forgets everything.
    pub fn close(&self) {
        self.forget_all();
        self.corrected.take();
    }

    /// Signs out of this organization: forgets its token, and cancels its acquisitions.
    pub fn forget(&self, target: &Target) {
        self.sign_outs.sign_out(target);
        let acquisitions = self.acquisitions.take(Some(target.org.as_str()));
        acquisitions.iter().for_each(|acquisition| acquisition.abort.abort());
        self.remove(target);
    }

    /// Signs out of this organization here, and in every page that shares its token.
    pub fn forget_everywhere(&self, target: &Target) {
        let is_held = self.token_for(target).is_some();
        self.forget(target);
        // Without a token in memory, nothing is revoked, so other pages keep theirs.
        if is_held {
            self.sources.forget_shared(target);
        }
    }

    fn remove(&self, target: &Target) {
        self.end_sharing(target);
        self.tokens.borrow_mut().retain(|token| token.target() != target);
        self.exchange.rate_limiter().changed().wake();
    }

    fn end_sharing(&self, target: &Target) {
        let mut sharing = self.sharing.borrow_mut();
        let ended = sharing.iter().position(|(other, _)| other == target).map(|at| sharing.swap_remove(at));
        drop(sharing);
        // Dropped only after the borrow ends: the sharing channel may be our own caller.
        drop(ended);
    }

    /// Identifies a token and stores it. The token is not shared with other pages.
    pub async fn add(&self, token: UnidentifiedToken) -> Result<Rc<OrgToken>, Error> {
        let since = self.sign_outs.epoch();
        let mut token = self.exchange.identify(token).await?;
        if self.actual_org(&token).is_some() {
            token = self.exchange.refetch_token_info(&token).await?;
        }
        let target = token.target().clone();
        if self.was_signed_out(&target, since) {
            return Err(signed_out(&target));
        }
        if self.token_for(&target).is_some_and(|held| held.is_rejected() && held.is_same_token(&token)) {
            let message = "It is the very token that the cloud has refused.";
            return Err(Error::new(Code::Unauthenticated, message).for_org(&target.org));
        }
        self.end_sharing(&target);
        Ok(self.store(token))
    }

    /// Takes over the token that another page holds for this target, if there is one and this page has none.
    pub async fn take_from_other_page(self: &Rc<Self>, target: &Target) {
        if self.sources.login().is_none() || self.token_for(target).is_some() {
            return;
        }
        let shared = pin!(self.sources.ask_other_page(target, None));
        if let Either::Left((Some(token), _)) = select(shared, self.exchange.ports().sleep(MAX_OTHER_PAGE_MS)).await {
            self.store_and_share(token);
        }
    }

    /// A fresh token for the call's organization: from memory, or obtained. Callers who need the same token at the same time
    /// share one acquisition. A token with little of its life left is renewed in the background.
    pub async fn token(self: &Rc<Self>, call: &Call) -> Result<Rc<OrgToken>, Rc<Error>> {
        let (target, session) = (&call.target, call.session);
        if self.was_signed_out(target, session) {
            return Err(signed_out(target).into());
        }
        if let Some(token) = self.fresh(target) {
            if token.should_renew(self.exchange.now()) {
                self.renew_in_background(&token);
            }
            return Ok(token);
        }
        if self.sources.is_empty() && self.doubtful(target).is_none() {
            return Err(self.missing_token_error(target).into());
        }
        let mut interaction = Interaction::Allowed;
        if let Some(renewal) = self.in_flight(target, true) {
            // A failed renewal is not this call's failure: asking again may help.
            if let Ok(Some(token)) = renewal.await {
                return Ok(token);
            }
        } else if self.has_refresh_token(target) {
            match self.renew_detached(target, session).await? {
                Some(token) => return Ok(token),
                None => interaction = Interaction::Only,
            }
        }
        if self.was_signed_out(target, session) {
            return Err(signed_out(target).into());
        }
        let acquired = self.acquire_shared(target, interaction, session).await?;
        acquired.ok_or_else(|| self.missing_token_error(target).into())
    }

    /// Stores a token, and shares it with other pages from now on.
    pub(crate) fn store_and_share(self: &Rc<Self>, token: OrgToken) -> Rc<OrgToken> {
        let token = self.store(token);
        let target = token.target();
        if self.sharing.borrow().iter().all(|(other, _)| other != target) {
            let sharer = SharedToken { keyring: Rc::downgrade(self), target: target.clone() };
            let sharing = self.sources.share(target, Rc::new(sharer));
            self.sharing.borrow_mut().extend(sharing.map(|sharing| (target.clone(), sharing)));
        }
        token
    }

    /// Moves a token to its actual organization.
    pub(crate) fn correct_owner(&self, was: &OrgToken, is: OrgToken) {
        self.remember_owner(&is);
        let target = was.target();
        if self.token_for(target).is_some_and(|held| held.is_same_token(was)) {
            self.remove(target);
            self.misattributed.borrow_mut().push(target.clone());
            self.store(is);
        }
    }

    fn remember_owner(&self, token: &OrgToken) {
        let mut corrected = self.corrected.borrow_mut();
        corrected.retain(|other| !other.is_same_token(token));
        let surplus = corrected.len().saturating_sub(MAX_CORRECTED);
        corrected.drain(..surplus);
        corrected.push(Rc::new(token.clone()));
    }

    /// Replaces a stored token by a copy with more facts.
    pub(crate) fn replace(&self, was: &Rc<OrgToken>, is: Rc<OrgToken>) {
        let mut tokens = self.tokens.borrow_mut();
        if let Some(place) = tokens.iter_mut().find(|token| Rc::ptr_eq(token, was)) {
            *place = is;
        }
    }

    /// Whether a token for this target is in memory that can be used.
    pub fn has_fresh(&self, target: &Target) -> bool {
        self.fresh(target).is_some()
    }

    /// From when on another request to this target is within its token's rate limit; `None` if that depends on requests in
    /// flight. `most`: requests in a minute, instead of the usual. `scheduled`: requests that are about to be sent.
    pub(crate) fn next_slot_at(&self, target: &Target, most: Option<u32>, scheduled: usize) -> Option<Instant> {
        let now = self.exchange.now();
        match self.fresh(target) {
            Some(token) => {
                let slot = self.exchange.rate_limiter().next_slot_at(token.secret(), now.instant(), most, scheduled);
                // A new token has a limit of its own, so the slot is at the latest when this token becomes unusable.
                match (slot, token.unusable_at(now)) {
                    (Some(slot), Some(unusable_at)) => Some(slot.min(unusable_at)),
                    (slot, unusable_at) => slot.or(unusable_at),
                }
            }
            // No token yet: let one request through; it acquires the token that the others wait for.
            None => (scheduled == 0).then(|| now.instant()),
        }
    }

    fn token_for(&self, target: &Target) -> Option<Rc<OrgToken>> {
        self.tokens.borrow().iter().find(|token| token.target() == target).cloned()
    }

    fn fresh(&self, target: &Target) -> Option<Rc<OrgToken>> {
        self.token_for(target).filter(|token| token.is_fresh(self.exchange.now()))
    }

    /// The target's token, if only what responses said of the cloud's clock makes it expired.
    fn doubtful(&self, target: &Target) -> Option<Rc<OrgToken>> {
        let now = self.exchange.now();
        self.token_for(target).filter(|token| !token.is_fresh(now) && token.may_be_fresh(now))
    }

    /// Asks the cloud about the target's token, if only what responses said of the cloud's clock makes it expired. Returns the
    /// token if the cloud accepts it.
    async fn verify_doubtful(&self, target: &Target) -> Option<OrgToken> {
        let token = self.doubtful(target)?;
        let asked = pin!(self.exchange.refetch_token_info(&token));
        match select(asked, self.exchange.ports().sleep(MAX_VERIFY_MS)).await {
            Either::Left((Ok(verified), _)) if verified.target() == target => return Some(verified),
            Either::Left((Ok(verified), _)) => self.correct_owner(&token, verified),
            Either::Left((Err(error), _)) if error.is_token_rejection() => token.mark_rejected(),
            _ => {}
        }
        None
    }

    /// Stores the token in the target's session, unless a better token is stored.
    fn store(&self, token: OrgToken) -> Rc<OrgToken> {
        let now = self.exchange.now();
        self.misattributed.borrow_mut().retain(|target| target != token.target());
        let session = self.sign_outs.session(token.target());
        let token = Rc::new(token.in_session(session));
        let mut tokens = self.tokens.borrow_mut();
        match tokens.iter_mut().find(|other| other.target() == token.target()) {
            Some(other) if token.is_fresh(now) || !other.is_fresh(now) => *other = token.clone(),
            Some(_) => return token,
            None => tokens.push(token.clone()),
        }
        drop(tokens);
        self.exchange.rate_limiter().changed().wake();
        self.exchange.ports().emit(&Event::TokenFiled { token: &token });
        token
    }

    fn has_refresh_token(&self, target: &Target) -> bool {
        self.token_for(target).is_some_and(|token| token.refresh_token().is_some())
    }

    /// Renews the token in the background, if no person has to sign in.
    fn renew_in_background(self: &Rc<Self>, token: &OrgToken) {
        let target = token.target();
        let can_renew = self.exchange.ports().has_token_source() || token.refresh_token().is_some();
        if can_renew && self.in_flight(target, true).or_else(|| self.in_flight(target, false)).is_none() {
            drop(self.renew_detached(target, self.sign_outs.epoch()));
        }
    }

    /// Begins a silent acquisition that continues without callers: a refresh token is used up once sent, so its successor must
    /// not be lost.
    fn renew_detached(self: &Rc<Self>, target: &Target, session: SessionEpoch) -> InFlight<Acquired> {
        let renewal = self.acquire_shared(target, Interaction::Silent, session);
        let (detached, closing) = (renewal.clone(), self.exchange.closing().clone());
        self.exchange.ports().spawn(Box::pin(async move {
            // Callers that await the renewal get its error; if there are none, it is dropped and the next call retries.
            select(detached, pin!(closing.aborted())).await;
        }));
        renewal
    }

    fn in_flight(&self, target: &Target, is_silent: bool) -> Option<InFlight<Acquired>> {
        let found = self
            .acquisitions
            .find(target.org.as_str(), |acquisition| ((acquisition.interaction == Interaction::Silent) == is_silent).then_some(()));
        found.map(|((), work)| work)
    }

    /// Joins the acquisition that is in flight for this target, or begins one. It ends when its last caller drops
    /// it, or when somebody signs out.
    fn acquire_shared(self: &Rc<Self>, target: &Target, interaction: Interaction, session: SessionEpoch) -> InFlight<Acquired> {
        if let Some(work) = self.in_flight(target, interaction == Interaction::Silent) {
            return work;
        }
        let (keyring, key) = (self.clone(), target.clone());
        let (abort, registration) = AbortHandle::new_pair();
        let work = async move {
            let work = Abortable::new(keyring.acquire_and_store(&key, interaction, session), registration);
            let acquired = work.await.unwrap_or_else(|Aborted| Err(signed_out(&key)));
            acquired.map_err(|error| error.for_org(&key.org).into())
        };
        self.acquisitions.begin(target.org.as_str().into(), Acquisition { interaction, abort }, work)
    }

    async fn acquire_and_store(
        self: &Rc<Self>,
        target: &Target,
        interaction: Interaction,
        session: SessionEpoch,
    ) -> Result<Option<Rc<OrgToken>>, Error> {
        // The window comes first: a browser opens it only in the caller's own turn.
        let opened = match interaction {
            Interaction::Silent => None,
            Interaction::Allowed | Interaction::Only => self.sources.open_window_in_user_gesture().await,
        };
        let window = match opened {
            Some(Ok(window)) => Some((window, self.sources.sign_in_time(target).pause())),
            Some(Err(blocked)) => {
                let shared = self.sources.ask_other_page(target, self.token_for(target).as_deref()).await;
                return Ok(Some(self.store_and_share(shared.ok_or(blocked)?)));
            }
            None => None,
        };
        // Hold the lock until the token is shared, so that the next page finds it.
        let _lock = self.sources.lock(target).await;
        if let Some(token) = self.fresh(target).filter(|token| !(interaction == Interaction::Silent && self.should_renew(token))) {
            // Another caller has stored it meanwhile.
            return Ok(Some(token));
        }
        let verified = self.verify_doubtful(target).await;
        let is_verified = verified.is_some();
        let acquired = match verified {
            Some(token) => Some(token),
            None => self.acquire(target, window, interaction, session).await?,
        };
        let Some(token) = acquired else { return Ok(None) };
        if self.was_signed_out(target, session) {
            return Err(signed_out(target));
        }
        // A token that the app gave stays in this page.
        Ok(Some(if is_verified { self.store(token) } else { self.store_and_share(token) }))
    }

    fn should_renew(&self, token: &OrgToken) -> bool {
        token.should_renew(self.exchange.now())
    }

    /// Tries the sources in order.
    async fn acquire(
        &self,
        target: &Target,
        window: Option<(P::Window, Pause)>,
        interaction: Interaction,
        session: SessionEpoch,
    ) -> Result<Option<OrgToken>, Error> {
        // Sharing ends first: our token is stale, and we would only ask ourselves for it below.
        self.end_sharing(target);
        let stale = self.token_for(target);
        let stale = stale.as_deref();
        let reason = match stale {
            Some(stale) if stale.is_rejected() => NeedReason::Rejected,
            Some(_) => NeedReason::Expired,
            None if self.misattributed.borrow().contains(target) => NeedReason::WrongOrg,
            None => NeedReason::Missing,
        };
        let shared = self.sources.ask_other_page(target, stale).await;
        if let Some(token) = shared.filter(|token| self.actual_org(token).is_none()) {
            return Ok(Some(token));
        }
        if let Some(token) = self.sources.redeem_refresh_token(target, reason, stale).await? {
            return self.ensure_org(target, token, session).map(Some);
        }
        let given = match interaction {
            Interaction::Only => None,
            Interaction::Allowed | Interaction::Silent => self.sources.call_get_token(target, reason, stale).await?,
        };
        if let Some(token) = given {
            return match self.actual_org(&token) {
                Some(owner) => Err(wrong_org_given(&target.org, &owner)),
                None => Ok(Some(token)),
            };
        }
        if interaction == Interaction::Silent {
            return Ok(None);
        }
        match self.sources.sign_in(target, reason, window, stale).await? {
            Some(token) => self.ensure_org(target, token, session).map(Some),
            None => Ok(None),
        }
    }

    /// Returns the sign-in's token if it is for this target.
    pub(crate) fn ensure_org(&self, target: &Target, token: OrgToken, session: SessionEpoch) -> Result<OrgToken, Error> {
        if token.target() == target {
            return Ok(token);
        }
        let (asked, given) = (&target.org, token.target().org.clone());
        let message = format!("The sign-in was for organization {asked} and gave a token of {given}.");
        let mut error = Error::new(Code::LoginWrongOrg, message).for_org(asked);
        error.evidence.token_org_id = Some(given);
        error.evidence.home_org_id = token.home_org().cloned();
        // Its claim may say otherwise, and the app may add the token later.
        self.remember_owner(&token);
        let keeps = self.sources.login().is_some_and(|login| login.keeps_wrong_org());
        if keeps && !self.was_signed_out(token.target(), session) {
            self.store(token);
        }
        Err(error)
    }

    /// The token's actual organization, if it differs from the claimed one.
    pub(crate) fn actual_org(&self, token: &OrgToken) -> Option<OrgId> {
        let (tokens, corrected) = (self.tokens.borrow(), self.corrected.borrow());
        let same = corrected.iter().chain(tokens.iter()).find(|other| other.target() != token.target() && other.is_same_token(token));
        same.map(|other| other.target().org.clone())
    }

    /// Explains why there is no token for this target.
    pub(crate) fn missing_token_error(&self, target: &Target) -> Error {
        let tokens = self.tokens.borrow();
        let org = &target.org;
        if let Some(token) = tokens.iter().find(|token| token.target() == target) {
            let now = self.exchange.now();
            let is_expired = token.expires_at(now).is_some_and(|expires_at| expires_at <= now.instant());
            let (code, what) = if token.is_rejected() && !is_expired {
                (Code::Unauthenticated, "was refused by the cloud")
            } else {
                (Code::TokenExpired, "has expired")
            };
            return Error::new(code, format!("The token of organization {org} {what}.")).for_org(org);
        }
        let Some(other) = tokens.first() else {
            return Error::new(Code::NoToken, format!("No token of organization {org} is held.")).for_org(org);
        };
        let others: Vec<&str> = tokens.iter().map(|token| token.target().org.as_str()).collect();
        let mut error = Error::new(
            Code::OrgMismatch,
            format!("The call is for organization {org}; the tokens held are of {}. Nothing was sent.", others.join(", ")),
        );
        error.evidence.token_org_id = Some(other.target().org.clone());
        error.evidence.home_org_id = other.home_org().cloned();
        error.for_org(org)
    }
}

fn signed_out(target: &Target) -> Error {
    let message = format!("Somebody signed out of organization {} while a token was being obtained.", target.org);
    Error::new(Code::NoToken, message).for_org(&target.org)
}

/// The token of one target, as shared with other pages.
struct SharedToken<P: Platform> {
    keyring: Weak<Keyring<P>>,
    target: Target,
}

impl<P: Platform> TokenSharer for SharedToken<P> {
    fn share(&self) -> Option<IssuedToken> {
        let keyring = self.keyring.upgrade()?;
        let token = keyring.fresh(&self.target).filter(|token| !keyring.should_renew(token));
        if token.is_none() {
            // We have none to give; ending our share lets the next page answer.
            keyring.end_sharing(&self.target);
        }
        token.map(|token| token.to_share(keyring.exchange.now()))
    }

    fn forget(&self) {
        if let Some(keyring) = self.keyring.upgrade() {
            keyring.forget(&self.target);
        }
    }
}
