//! Stores tokens by environment and organization. Never returns another organization's token.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use crate::auth::ports::{Platform, SharingRole, TokenSharer};
use crate::auth::sources::Sources;
use crate::auth::tokens::{Tokens, remove_org};
use crate::cloud::call::{Call, CallOptions, Limits};
use crate::cloud::deadline::{Deadline, SignInTime};
use crate::cloud::event::Event;
use crate::cloud::exchange::Exchange;
use crate::cloud::signal::Signal;
use crate::cloud::single_flight::SingleFlight;
use crate::model::environment::Target;
use crate::model::error::{Code, Error};
use crate::model::ids::OrgId;
use crate::model::join::joined;
use crate::model::secret::Secret;
use crate::token::access_token::IssuedToken;
use crate::token::org_token::{OrgToken, UnidentifiedToken};
use crate::token::session::{SessionEpoch, SignOutLog};

/// More wrongly claimed tokens than a source can return unnoticed.
const MAX_CORRECTED: usize = 100;

/// The result of an acquisition; `None` if no source has a token.
pub(super) type Acquired = Result<Option<Rc<OrgToken>>, Error>;

/// The tokens in memory, and the acquisitions that are in flight.
pub struct Keyring<P: Platform> {
    pub(super) exchange: Rc<Exchange<P>>,
    pub(super) sources: Sources<P>,
    tokens: RefCell<Tokens<P::Sharing>>,
    /// By organization: a recorder has one environment.
    pub(super) acquisitions: Rc<SingleFlight<Acquisition<P::Sharing>, Acquired>>,
    /// Organizations whose stored token turned out to be another organization's.
    pub(super) misattributed: RefCell<Vec<OrgId>>,
    pub(super) sign_outs: Rc<SignOutLog>,
    /// Tokens whose claim the cloud has contradicted, with the organization that the cloud named.
    corrected: RefCell<Vec<(Secret, OrgId)>>,
    /// The organization that the app has named for calls without one.
    named_org: RefCell<Option<OrgId>>,
    /// The organization of the token that a source gave when nobody had named one. It lasts until a sign-out.
    own_org: RefCell<Option<OrgId>>,
    /// The token of the sign-in from which the page has come back, until a call uses it.
    unused: RefCell<Option<Rc<OrgToken>>>,
}

/// What an acquisition may do, and what ends it.
pub(super) struct Acquisition<Sharing> {
    pub(super) interaction: Interaction,
    pub(super) signed_out: Signal,
    /// Hears when another page signs out meanwhile.
    pub(super) _hearing: Option<Sharing>,
}

/// Whether an acquisition may ask a person to sign in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Interaction {
    /// All sources; a sign-in is last.
    Allowed,
    /// All sources except a sign-in.
    Silent,
    /// All sources except `getToken`, which has just had no token.
    Required,
}

impl<P: Platform> Keyring<P> {
    /// A keyring without tokens.
    pub fn new(exchange: Rc<Exchange<P>>, sources: Sources<P>) -> Rc<Keyring<P>> {
        Rc::new(Keyring {
            exchange,
            sources,
            tokens: RefCell::default(),
            acquisitions: SingleFlight::new(),
            misattributed: RefCell::default(),
            sign_outs: Rc::default(),
            corrected: RefCell::default(),
            named_org: RefCell::default(),
            own_org: RefCell::default(),
            unused: RefCell::default(),
        })
    }

    /// The token sources.
    pub fn sources(&self) -> &Sources<P> {
        &self.sources
    }

    /// Every token in memory, expired ones too, oldest first.
    pub fn tokens(&self) -> Vec<Rc<OrgToken>> {
        self.tokens.borrow().all()
    }

    /// A call that begins now, for this organization. Its time stands still while a person signs in to the organization.
    pub(crate) fn call(&self, target: Target, options: CallOptions) -> Call {
        let time = self.sources.sign_in_time(Some(&target.org));
        Call { target, limits: self.limits(options, time), has_waited: false }
    }

    /// The limits of a call that begins now, for an organization that nobody has named. Its time stands still while a person signs in.
    pub(crate) fn limits_for_own_org(&self, options: CallOptions) -> Limits {
        self.limits(options, self.sources.sign_in_time(None))
    }

    /// The same call, now that its organization is known.
    pub(crate) fn call_continued(&self, mut limits: Limits, target: Target) -> Call {
        limits.deadline = limits.deadline.continued(self.sources.sign_in_time(Some(&target.org)));
        Call { target, limits, has_waited: true }
    }

    /// The organization of calls without one: the app has named it, or else a token has decided on it.
    pub(crate) fn default_org(&self) -> Option<OrgId> {
        self.named_org.borrow().clone().or_else(|| self.own_org.borrow().clone())
    }

    /// The app names the organization of calls without one.
    pub(crate) fn name_org(&self, org: OrgId) {
        self.named_org.replace(Some(org));
    }

    /// Stores the token that a source gave when nobody had named an organization. It decides on the organization of calls without
    /// one, unless the app has named one meanwhile.
    pub(crate) fn store_own(self: &Rc<Self>, token: Box<OrgToken>) -> Rc<OrgToken> {
        self.own_org.replace(Some(token.target().org.clone()));
        let token = self.store_and_share(token);
        let org = &token.target().org;
        // The app may have signed out when it heard of the token.
        if self.named_org.borrow().is_none() && self.default_org().as_ref() == Some(org) {
            self.exchange.ports().emit(&Event::OrgChanged { org, previous: None });
        }
        token
    }

    /// The limits of a call that begins now, for no single organization.
    pub(crate) fn limits_for_any(&self, options: CallOptions) -> Limits {
        self.limits(options, SignInTime::new(self.exchange.ports().clone()))
    }

    fn limits(&self, CallOptions { timeout, signal }: CallOptions, time: Rc<SignInTime>) -> Limits {
        let deadline = Deadline::after(timeout.unwrap_or(self.sources.options.timeout), time);
        let (closing, session) = (self.exchange.closing().clone(), self.sign_outs.epoch());
        Limits { deadline, signal, closing, session }
    }

    /// Whether somebody has signed out of the target since a call began.
    pub(crate) fn was_signed_out(&self, target: &Target, since: SessionEpoch) -> bool {
        self.sign_outs.was_signed_out(Some(&target.org), since)
    }

    /// Fails if somebody has signed out since: of the organization, or of every organization.
    pub(super) fn ensure_signed_in(&self, org: Option<&OrgId>, since: SessionEpoch) -> Result<(), Error> {
        if self.sign_outs.was_signed_out(org, since) { Err(signed_out(org)) } else { Ok(()) }
    }

    /// Signs out of every organization: forgets every token, and cancels acquisitions.
    pub(crate) fn forget_all(&self) {
        self.sign_outs.sign_out(None);
        self.own_org.take();
        self.note_used();
        let tokens = self.tokens.take();
        self.cancel_acquisitions(None);
        for token in &tokens.all() {
            self.forget_refresh_token(Some(token));
        }
        drop(tokens);
        self.exchange.rate_limiter().changed().wake();
    }

    /// Forgets everything.
    pub fn close(&self) {
        let unused = self.unused.take();
        if let Some(token) = &unused {
            // Otherwise it would lose its refresh token.
            self.take_out(token.target());
        }
        self.forget_all();
        self.corrected.take();
        if let Some(token) = unused {
            self.sources.keep_unused(token);
        }
    }

    /// The page has come back from a sign-in with this token, and no call has used it.
    pub(crate) fn note_unused(&self, token: Rc<OrgToken>) {
        self.unused.replace(Some(token));
    }

    /// A call uses the tokens, or somebody signs out.
    pub(super) fn note_used(&self) {
        self.unused.take();
    }

    /// Signs out of this organization: forgets its token, and cancels its acquisitions.
    pub fn forget(&self, target: &Target) {
        self.sign_outs.sign_out(Some(&target.org));
        self.note_used();
        self.own_org.borrow_mut().take_if(|org| *org == target.org);
        self.cancel_acquisitions(Some(target));
        self.forget_refresh_token(self.token_for(target).as_deref());
        self.remove(target);
    }

    fn cancel_acquisitions(&self, target: Option<&Target>) {
        let name = target.map(|target| acquisition_name(Some(&target.org)));
        let mut acquisitions = Vec::new();
        while let Some(acquisition) = self.acquisitions.take(name.as_ref()) {
            acquisitions.push(acquisition);
        }
        // Aborted only after all are taken out: dropping a future can call back into the keyring.
        for acquisition in &acquisitions {
            acquisition.signed_out.abort();
        }
    }

    /// The rate limiter keeps a refresh token for as long as the cloud asks to wait with it.
    fn forget_refresh_token(&self, token: Option<&OrgToken>) {
        if let Some(token) = token
            && let Some(refresh_token) = token.refresh_token()
        {
            self.exchange.rate_limiter().forget_token(refresh_token.secret());
            token.set_refresh_token(None);
        }
    }

    /// Signs out of this organization here, and in every page that shares its token.
    pub(crate) fn forget_everywhere(&self, target: &Target) {
        let is_held = self.token_for(target).is_some();
        self.forget(target);
        // Without a token in memory, nothing is revoked, so other pages keep theirs.
        if is_held {
            self.sources.forget_shared(target);
        }
    }

    fn remove(&self, target: &Target) {
        self.take_out(target);
        self.exchange.rate_limiter().changed().wake();
    }

    fn take_out(&self, target: &Target) {
        let sharing = self.tokens.borrow_mut().remove(target);
        // Dropped only after the borrow ends: the sharing channel may be our own caller.
        drop(sharing);
    }

    /// Gives the target's token to no other page any more, so that the next page answers. Still hears when another page signs out.
    pub(super) fn stop_answering(self: &Rc<Self>, target: &Target) {
        if self.is_shared(target) {
            self.set_sharing(target, self.take_part(target, SharingRole::Listens));
        }
    }

    fn is_shared(&self, target: &Target) -> bool {
        self.tokens.borrow().is_shared(target)
    }

    /// Takes part in sharing the target's token, if the app shares tokens.
    pub(crate) fn take_part(self: &Rc<Self>, target: &Target, role: SharingRole) -> Option<P::Sharing> {
        let sharer = SharedToken { keyring: Rc::downgrade(self), target: target.clone() };
        self.sources.share(target, Rc::new(sharer), role)
    }

    fn set_sharing(&self, target: &Target, is: Option<P::Sharing>) {
        let was = self.tokens.borrow_mut().set_sharing(target, is);
        // Dropped only after the borrow ends: the sharing channel may be our own caller.
        drop(was);
    }

    /// Identifies a token and stores it. The token is not shared with other pages.
    pub async fn add(&self, token: Box<UnidentifiedToken>) -> Result<Rc<OrgToken>, Error> {
        let since = self.sign_outs.epoch();
        let token = match token.identified_by_claim(self.exchange.now()) {
            Ok(claimed) if self.actual_org(&claimed).is_none() => claimed,
            Ok(misattributed) => self.exchange.refetch_token_info(&misattributed).await?,
            Err(unclaimed) => self.exchange.fetch_token_info(unclaimed).await?,
        };
        let target = token.target().clone();
        self.ensure_signed_in(Some(&target.org), since)?;
        if self.token_for(&target).is_some_and(|held| held.is_rejected() && held.is_same_token(&token)) {
            let message = "The API has rejected this very token.";
            return Err(Error::new(Code::Unauthenticated, message).for_org(&target.org));
        }
        let token = self.store(token);
        if self.is_stored(&token) {
            self.set_sharing(&target, None);
        }
        Ok(token)
    }

    /// Stores a token, and shares it with other pages from now on.
    pub(crate) fn store_and_share(self: &Rc<Self>, token: Box<OrgToken>) -> Rc<OrgToken> {
        let token = self.store(token);
        if self.is_stored(&token) {
            self.set_sharing(token.target(), self.take_part(token.target(), SharingRole::Answers));
        }
        token
    }

    /// Moves a token to its actual organization, unless the organization has a valid token already, or somebody has signed out of it
    /// since the call began.
    pub(crate) fn correct_owner(self: &Rc<Self>, was: &OrgToken, is: Box<OrgToken>, since: SessionEpoch) {
        let is_held = self.token_for(was.target()).is_some_and(|held| held.is_same_token(was));
        let was_shared = self.is_shared(was.target());
        self.learn_owner(&is);
        if is_held && !self.has_fresh(is.target()) && !self.was_signed_out(is.target(), since) {
            let token = self.store(is);
            if self.is_stored(&token) {
                // A token that the app gave is neither shared nor forgotten when another page signs out.
                let sharing = if was_shared { self.take_part(token.target(), SharingRole::Listens) } else { None };
                self.set_sharing(token.target(), sharing);
            }
        }
    }

    /// The cloud has named the token's owner: the same token may be stored by its claim, or be added later.
    pub(super) fn learn_owner(&self, token: &OrgToken) {
        let claimed = self.tokens.borrow().same_elsewhere(token);
        if let Some(claimed) = claimed {
            self.remove(claimed.target());
            let mut misattributed = self.misattributed.borrow_mut();
            remove_org(&mut misattributed, &claimed.target().org);
            misattributed.push(claimed.target().org.clone());
        }
        if !token.has_another_claim() {
            return;
        }
        let mut corrected = self.corrected.borrow_mut();
        corrected.retain(|(secret, _)| secret != token.secret());
        corrected.truncate(MAX_CORRECTED);
        corrected.insert(0, (token.secret().clone(), token.target().org.clone()));
    }

    /// Replaces a stored token by a copy with more facts.
    pub(crate) fn replace(&self, was: &Rc<OrgToken>, is: Rc<OrgToken>) {
        let mut tokens = self.tokens.borrow_mut();
        if tokens.get(was.target()).is_some_and(|token| Rc::ptr_eq(token, was)) {
            tokens.set(is);
        }
    }

    /// Whether a token for this target is in memory that can be used.
    pub fn has_fresh(&self, target: &Target) -> bool {
        self.fresh(target).is_some()
    }

    /// The target's token.
    pub(crate) fn token_for(&self, target: &Target) -> Option<Rc<OrgToken>> {
        self.tokens.borrow().get(target).cloned()
    }

    /// The target's token, if it can be used.
    pub(crate) fn fresh(&self, target: &Target) -> Option<Rc<OrgToken>> {
        self.token_for(target).filter(|token| token.is_fresh(self.exchange.now()))
    }

    pub(super) fn should_renew(&self, token: &OrgToken) -> bool {
        token.should_renew(self.exchange.now())
    }

    /// The target's token, if only what responses said of the cloud's clock makes it expired.
    pub(super) fn doubtful(&self, target: &Target) -> Option<Rc<OrgToken>> {
        let now = self.exchange.now();
        self.token_for(target).filter(|token| !token.is_fresh(now) && token.may_be_fresh(now))
    }

    /// Stores the token in the target's session, unless a better token is stored.
    pub(super) fn store(&self, token: Box<OrgToken>) -> Rc<OrgToken> {
        let now = self.exchange.now();
        remove_org(&mut self.misattributed.borrow_mut(), &token.target().org);
        let token = token.in_session(&self.sign_outs);
        let mut tokens = self.tokens.borrow_mut();
        if tokens.get(token.target()).is_some_and(|other| !token.is_fresh(now) && other.is_fresh(now)) {
            return token;
        }
        tokens.set(token.clone());
        drop(tokens);
        self.exchange.rate_limiter().changed().wake();
        self.exchange.ports().emit(&Event::TokenFiled { token: &token });
        if token.is_of_client() == Some(true) {
            self.exchange.ports().emit(&Event::ClientCredentials { org: &token.target().org });
        }
        token
    }

    /// Whether this very token is stored, and not a better one in its place.
    fn is_stored(&self, token: &Rc<OrgToken>) -> bool {
        self.token_for(token.target()).is_some_and(|stored| Rc::ptr_eq(&stored, token))
    }

    /// The token's actual organization, if it differs from the claimed one.
    pub(crate) fn actual_org(&self, token: &OrgToken) -> Option<OrgId> {
        let corrected = self.corrected.borrow();
        let same = corrected.iter().find(|(secret, org)| *org != token.target().org && secret == token.secret());
        let corrected = same.map(|(_, org)| org.clone());
        corrected.or_else(|| Some(self.tokens.borrow().same_elsewhere(token)?.target().org.clone()))
    }

    /// Explains why there is no token for this target.
    pub(crate) fn missing_token_error(&self, target: &Target) -> Error {
        let org = &target.org;
        if let Some(token) = self.token_for(target) {
            let now = self.exchange.now();
            let is_expired = token.expires_at(now).is_some_and(|expires_at| expires_at <= now.instant());
            let (code, what) = if token.is_rejected() && !is_expired {
                (Code::Unauthenticated, "was rejected by the API")
            } else {
                (Code::TokenExpired, "has expired")
            };
            return Error::new(code, format!("The token of organization {org} {what}.")).for_org(org);
        }
        let tokens = self.tokens();
        let Some(other) = tokens.first() else {
            return Error::new(Code::NoToken, format!("Organization {org} has no token.")).for_org(org);
        };
        let others = orgs_of(&tokens);
        let message = format!("The call is for organization {org}, the tokens are of {others}. Nothing was sent.");
        Error::new(Code::OrgMismatch, message).for_org(org).with_owner_of(other)
    }
}

/// The organizations of these tokens, as a list in a message.
pub(crate) fn orgs_of(tokens: &[Rc<OrgToken>]) -> String {
    let mut orgs = Vec::new();
    for token in tokens {
        orgs.push(token.target().org.as_str());
    }
    joined(&orgs, ", ")
}

/// The name of an acquisition. If nobody has named the organization, it is empty, as no organization's id is.
pub(super) fn acquisition_name(org: Option<&OrgId>) -> Rc<str> {
    org.map_or("", OrgId::as_str).into()
}

/// The error if somebody signs out of the organization, or of every organization.
pub(super) fn signed_out(org: Option<&OrgId>) -> Error {
    let of_org = org.map_or(String::new(), |org| format!(" of organization {org}"));
    Error::new(Code::NoToken, format!("Somebody signed out{of_org} while a token was being obtained.")).for_org_if_named(org)
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
            keyring.stop_answering(&self.target);
        }
        token.map(|token| token.to_share(keyring.exchange.now()))
    }

    fn forget(&self) {
        let Some(keyring) = self.keyring.upgrade() else { return };
        let token = keyring.token_for(&self.target);
        if keyring.is_shared(&self.target) || token.is_none() {
            keyring.forget(&self.target);
            // This page does not revoke it.
            if let Some(token) = &token {
                keyring.exchange.forget(token);
            }
        } else {
            // The app has given the token, so it stays.
            keyring.cancel_acquisitions(Some(&self.target));
        }
    }
}
