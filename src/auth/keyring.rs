//! Grants by environment and organization. Obtains one that is missing, once at a time; never hands out another organization's.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::{Rc, Weak};

use futures_util::FutureExt;
use futures_util::future::{AbortHandle, Abortable, Aborted, Either, LocalBoxFuture, Shared, WeakShared, select};

use crate::auth::sources::{SigningIn, Sources, wrong_org_given};
use crate::cloud::event::{Event, NeedReason};
use crate::cloud::exchange::Exchange;
use crate::cloud::ports::{Platform, TokenSharer};
use crate::model::environment::Target;
use crate::model::error::{Code, Error};
use crate::model::ids::OrgId;
use crate::model::time::Timestamp;
use crate::token::access_token::IssuedToken;
use crate::token::org_token::{OrgToken, UnidentifiedToken};

/// The longest time that connect() waits for another page's token, in milliseconds.
const LONGEST_ADOPTION: u32 = 2_000;

/// More tokens that claim to be another organization's than any source can give without somebody noticing.
const MOST_REFILED: usize = 100;

type Fetch = LocalBoxFuture<'static, Result<Option<Rc<OrgToken>>, Rc<Error>>>;

/// The grants that are held, and the fetches that are under way.
pub struct Keyring<P: Platform> {
    cloud: Rc<Exchange<P>>,
    sources: Sources<P>,
    held: RefCell<Vec<Rc<OrgToken>>>,
    sharing: RefCell<Vec<(Target, P::Sharing)>>,
    fetches: RefCell<Vec<Fetching>>,
    fetched: Cell<u64>,
    /// Targets whose token turned out to be another organization's.
    misattributed: RefCell<Vec<Target>>,
    sign_outs: SignOutLog,
    /// Tokens of which the cloud has said that they are another organization's than was taken for granted, filed as it said:
    /// what they claim does not count any more.
    corrected: RefCell<Vec<Rc<OrgToken>>>,
}

/// A fetch that is under way, and kept for as long as somebody waits for it.
struct Fetching {
    number: u64,
    target: Target,
    asks: Interaction,
    fetch: WeakShared<Fetch>,
    abort: AbortHandle,
}

/// Whether an acquisition may ask a person to sign in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Interaction {
    /// Every source is asked, a person last.
    Allowed,
    /// Every source but a person.
    Silent,
    /// A person only: the other sources had no token.
    Only,
}

/// Who signed out, and when: what began before must not bring a token back.
#[derive(Default)]
struct SignOutLog {
    count: Cell<u64>,
    of_all: Cell<u64>,
    of_target: RefCell<Vec<(Target, u64)>>,
}

impl SignOutLog {
    fn next(&self) -> u64 {
        let count = self.count.get().saturating_add(1);
        self.count.set(count);
        count
    }
}

impl<P: Platform> Keyring<P> {
    /// An empty keyring.
    pub fn new(cloud: Rc<Exchange<P>>, sources: Sources<P>) -> Rc<Keyring<P>> {
        Rc::new(Keyring {
            cloud,
            sources,
            held: RefCell::default(),
            sharing: RefCell::default(),
            fetches: RefCell::default(),
            fetched: Cell::default(),
            misattributed: RefCell::default(),
            sign_outs: SignOutLog::default(),
            corrected: RefCell::default(),
        })
    }

    /// Where missing tokens come from.
    pub fn sources(&self) -> &Sources<P> {
        &self.sources
    }

    /// Every grant that is held, expired ones too, in the order of filing.
    pub fn grants(&self) -> Vec<Rc<OrgToken>> {
        self.held.borrow().clone()
    }

    /// How often somebody has signed out so far: a call that begins now remembers it.
    pub fn sign_outs(&self) -> u64 {
        self.sign_outs.count.get()
    }

    /// Whether somebody has signed out of the target since then.
    pub fn was_signed_out(&self, target: &Target, since: u64) -> bool {
        let of_target = self.sign_outs.of_target.borrow();
        self.sign_outs.of_all.get() > since || of_target.iter().any(|(other, count)| other == target && *count > since)
    }

    /// Forgets every grant, and ends what is being obtained.
    pub fn forget_all(&self) {
        self.sign_outs.of_all.set(self.sign_outs.next());
        let (held, sharing, fetches) = (self.held.take(), self.sharing.take(), self.fetches.take());
        // After the borrows: what ends may call back.
        fetches.iter().for_each(|fetching| fetching.abort.abort());
        drop((held, sharing));
    }

    /// Forgets everything.
    pub fn close(&self) {
        self.forget_all();
        self.corrected.take();
        self.cloud.forget();
    }

    /// Forgets the grant for this target, and ends what is being obtained for it.
    pub fn forget(&self, target: &Target) {
        let count = self.sign_outs.next();
        let mut of_target = self.sign_outs.of_target.borrow_mut();
        of_target.retain(|(other, _)| other != target);
        of_target.push((target.clone(), count));
        drop(of_target);
        self.fetches.borrow_mut().retain(|fetching| {
            let stays = fetching.target != *target;
            if !stays {
                fetching.abort.abort();
            }
            stays
        });
        self.drop_held(target);
    }

    /// Forgets the grant for this target, here and in every page that shares it.
    pub fn forget_everywhere(&self, target: &Target) {
        let is_held = self.held_for(target).is_some();
        self.forget(target);
        // A token that nobody here revokes is not to be forgotten elsewhere.
        if is_held {
            self.sources.forget_shared(target);
        }
    }

    fn drop_held(&self, target: &Target) {
        self.end_sharing(target);
        self.held.borrow_mut().retain(|grant| grant.target() != target);
    }

    fn end_sharing(&self, target: &Target) {
        let mut sharing = self.sharing.borrow_mut();
        let ended = sharing.iter().position(|(other, _)| other == target).map(|at| sharing.swap_remove(at));
        drop(sharing);
        // After the borrow: it may be what called.
        drop(ended);
    }

    /// Finds out whose token it is, and files it there. It is not shared with other pages.
    pub async fn add(&self, token: UnidentifiedToken) -> Result<Rc<OrgToken>, Error> {
        let since = self.sign_outs();
        let mut grant = Rc::new(self.cloud.identify(token).await?);
        if self.actual_org(&grant).is_some() {
            grant = Rc::new(self.cloud.refetch_token_info(&grant).await?);
        }
        let target = grant.target();
        if self.was_signed_out(target, since) {
            return Err(signed_out(target));
        }
        if self.held_for(target).is_some_and(|held| held.is_rejected() && held.is_same_token(&grant)) {
            let message = "It is the very token that the cloud has refused.";
            return Err(Error::new(Code::Unauthenticated, message).for_org(&target.org));
        }
        self.end_sharing(target);
        self.file(grant.clone());
        Ok(grant)
    }

    /// Takes over the token that another page holds for this target, if there is one and none is held here.
    pub async fn take_from_other_page(self: &Rc<Self>, target: &Target) {
        if self.sources.login().is_none() || self.held_for(target).is_some() {
            return;
        }
        let shared = pin!(self.sources.from_other_page(target, None));
        if let Either::Left((Some(grant), _)) = select(shared, pin!(self.cloud.ports().wait(LONGEST_ADOPTION))).await {
            self.file_and_share(Rc::new(grant));
        }
    }

    /// A fresh grant for this target: the one that is held, or one that is obtained. Callers who want the same one at the
    /// same time share one fetch. One that has little of its life left is renewed while nobody waits for it. `since`: how
    /// often somebody had signed out when the call began.
    pub async fn grant(self: &Rc<Self>, target: &Target, since: u64) -> Result<Rc<OrgToken>, Rc<Error>> {
        if self.was_signed_out(target, since) {
            return Err(signed_out(target).into());
        }
        if let Some(grant) = self.fresh(target) {
            if grant.should_renew(self.cloud.now()) {
                self.renew(&grant);
            }
            return Ok(grant);
        }
        if self.sources.is_empty() {
            return Err(self.missing_token_error(target).into());
        }
        let mut asks = Interaction::Allowed;
        let renewal = self.under_way(target, true);
        if let Some(renewal) = renewal {
            // Its failure is not this call's: to ask again may help.
            if let Ok(Some(grant)) = renewal.await {
                return Ok(grant);
            }
        } else if self.has_refresh_token(target) {
            match self.renewal(target, since).await? {
                Some(grant) => return Ok(grant),
                None => asks = Interaction::Only,
            }
        }
        if self.was_signed_out(target, since) {
            return Err(signed_out(target).into());
        }
        let obtained = self.fetch(target, asks, since).await?;
        obtained.ok_or_else(|| self.missing_token_error(target).into())
    }

    /// Files a grant, and shares it with other pages from now on.
    pub(crate) fn file_and_share(self: &Rc<Self>, grant: Rc<OrgToken>) {
        let target = grant.target().clone();
        self.file(grant);
        if self.sharing.borrow().iter().all(|(other, _)| *other != target) {
            let holder = Held { keyring: Rc::downgrade(self), target: target.clone() };
            let sharing = self.sources.share(&target, Rc::new(holder));
            self.sharing.borrow_mut().extend(sharing.map(|sharing| (target, sharing)));
        }
    }

    /// Files a token anew that was filed for an organization it is not of.
    pub(crate) fn correct_owner(self: &Rc<Self>, was: &Rc<OrgToken>, is: OrgToken) {
        let is = Rc::new(is);
        let mut corrected = self.corrected.borrow_mut();
        corrected.retain(|other| !other.is_same_token(&is));
        let surplus = corrected.len().saturating_sub(MOST_REFILED);
        corrected.drain(..surplus);
        corrected.push(is.clone());
        drop(corrected);
        let target = was.target();
        let is_held = self.held_for(target).is_some_and(|held| held.is_same_token(was));
        if is_held {
            self.drop_held(target);
            self.misattributed.borrow_mut().push(target.clone());
            self.file(is);
        }
    }

    /// Puts a grant in the place of another one for the same target, which has less to tell.
    pub(crate) fn replace(&self, was: &Rc<OrgToken>, is: Rc<OrgToken>) {
        let mut held = self.held.borrow_mut();
        if let Some(place) = held.iter_mut().find(|grant| Rc::ptr_eq(grant, was)) {
            *place = is;
        }
    }

    /// Whether a grant for this target is held that can be used.
    pub fn has_fresh(&self, target: &Target) -> bool {
        self.fresh(target).is_some()
    }

    /// From when on another request to this target is within its token's limit: see [`Exchange::next_slot_at`].
    pub(crate) fn next_slot_at(&self, target: &Target, most: Option<u32>, begun: usize) -> Option<Timestamp> {
        match self.fresh(target) {
            Some(grant) => self.cloud.next_slot_at(&grant, most, begun),
            // The first one obtains it for the others.
            None => (begun == 0).then(|| self.cloud.now().here()),
        }
    }

    fn held_for(&self, target: &Target) -> Option<Rc<OrgToken>> {
        self.held.borrow().iter().find(|grant| grant.target() == target).cloned()
    }

    fn fresh(&self, target: &Target) -> Option<Rc<OrgToken>> {
        self.held_for(target).filter(|grant| grant.is_fresh(self.cloud.now()))
    }

    fn file(&self, grant: Rc<OrgToken>) {
        let now = self.cloud.now();
        self.misattributed.borrow_mut().retain(|target| target != grant.target());
        let mut held = self.held.borrow_mut();
        match held.iter_mut().find(|other| other.target() == grant.target()) {
            Some(other) if grant.is_fresh(now) || !other.is_fresh(now) => *other = grant.clone(),
            Some(_) => return,
            None => held.push(grant.clone()),
        }
        drop(held);
        self.cloud.ports().tell(&Event::TokenFiled { grant: &grant });
    }

    fn has_refresh_token(&self, target: &Target) -> bool {
        self.held_for(target).is_some_and(|grant| grant.refresh_token().is_some())
    }

    /// Obtains another grant in good time, where that takes nobody's attention.
    fn renew(self: &Rc<Self>, grant: &OrgToken) {
        let target = grant.target();
        let can_renew = self.cloud.ports().has_token_source() || grant.refresh_token().is_some();
        if can_renew && self.under_way(target, true).or_else(|| self.under_way(target, false)).is_none() {
            drop(self.renewal(target, self.sign_outs()));
        }
    }

    /// Begins a fetch that asks nobody to sign in, and that goes on if nobody waits for it any more: a refresh token that was
    /// sent is used up, and what it was given for must not be lost.
    fn renewal(self: &Rc<Self>, target: &Target, since: u64) -> Shared<Fetch> {
        let (fetch, kept, keyring) =
            (self.fetch(target, Interaction::Silent, since), self.fetch(target, Interaction::Silent, since), self.clone());
        self.cloud.ports().spawn(Box::pin(async move {
            // A failure is for who waits, or nobody's: the next call tries again.
            select(kept, pin!(keyring.cloud.ports().closed())).await;
        }));
        fetch
    }

    fn under_way(&self, target: &Target, is_silent: bool) -> Option<Shared<Fetch>> {
        let fetches = self.fetches.borrow();
        let is_such = |fetching: &&Fetching| fetching.target == *target && (fetching.asks == Interaction::Silent) == is_silent;
        let mut of_target = fetches.iter().filter(is_such);
        of_target.find_map(|fetching| fetching.fetch.upgrade())
    }

    /// Joins the fetch that is under way for this target, or begins one. It ends when nobody waits for it any more, or when
    /// somebody signs out.
    fn fetch(self: &Rc<Self>, target: &Target, asks: Interaction, since: u64) -> Shared<Fetch> {
        if let Some(fetch) = self.under_way(target, asks == Interaction::Silent) {
            return fetch;
        }
        let number = self.fetched.get();
        self.fetched.set(number.wrapping_add(1));
        let (keyring, key) = (self.clone(), target.clone());
        let (abort, registration) = AbortHandle::new_pair();
        let fetch: Fetch = Box::pin(async move {
            let work = Abortable::new(keyring.obtain_and_file(&key, asks, since), registration);
            let obtained = work.await.unwrap_or_else(|Aborted| Err(signed_out(&key)));
            // Before anyone sees the result, so that a failure is not handed to a later caller.
            keyring.fetches.borrow_mut().retain(|fetching| fetching.number != number);
            obtained.map_err(|error| error.for_org(&key.org).into())
        });
        let fetch = fetch.shared();
        let mut fetches = self.fetches.borrow_mut();
        fetches.retain(|fetching| fetching.fetch.upgrade().is_some());
        fetches.extend(fetch.downgrade().map(|fetch| Fetching { number, target: target.clone(), asks, fetch, abort }));
        fetch
    }

    async fn obtain_and_file(self: &Rc<Self>, target: &Target, asks: Interaction, since: u64) -> Result<Option<Rc<OrgToken>>, Error> {
        // A sign-in's window has to be opened in the caller's own turn, so before anything is waited for.
        let window = match if asks == Interaction::Silent { None } else { self.sources.open_window_in_user_gesture() } {
            Some(Ok(window)) => Some((window, self.sources.signing_in(target))),
            Some(Err(blocked)) => {
                let shared = self.sources.from_other_page(target, self.held_for(target).as_deref()).await;
                let grant = Rc::new(shared.ok_or(blocked)?);
                self.file_and_share(grant.clone());
                return Ok(Some(grant));
            }
            None => None,
        };
        // Held until the grant is shared: the next page finds it then.
        let _lock = self.sources.lock(target).await;
        let obtained = self.obtain(target, window, asks, since).await?;
        if let Some(grant) = obtained.clone().filter(|_| !self.was_signed_out(target, since)) {
            self.file_and_share(grant);
        }
        Ok(obtained)
    }

    /// Looks again, then asks the sources in their order.
    async fn obtain(
        &self,
        target: &Target,
        window: Option<(P::Window, SigningIn<'_, P>)>,
        asks: Interaction,
        since: u64,
    ) -> Result<Option<Rc<OrgToken>>, Error> {
        let stale = self.held_for(target);
        let now = self.cloud.now();
        if let Some(held) = stale.as_ref().filter(|held| held.is_fresh(now) && !(asks == Interaction::Silent && held.should_renew(now))) {
            return Ok(Some(held.clone()));
        }
        // Of no use to other pages any more, and this one would only be asking itself.
        self.end_sharing(target);
        let stale = stale.as_deref();
        let reason = match stale {
            Some(stale) if stale.is_rejected() => NeedReason::Rejected,
            Some(_) => NeedReason::Expired,
            None if self.misattributed.borrow().contains(target) => NeedReason::WrongOrg,
            None => NeedReason::Missing,
        };
        let shared = self.sources.from_other_page(target, stale).await;
        if let Some(grant) = shared.filter(|grant| self.actual_org(grant).is_none()) {
            return Ok(Some(grant.into()));
        }
        if let Some(grant) = self.sources.refreshed(target, reason, stale).await? {
            return self.of_target(target, grant, since).map(Some);
        }
        let given = match asks {
            Interaction::Only => None,
            Interaction::Allowed | Interaction::Silent => self.sources.from_get_token(target, reason, stale).await?,
        };
        if let Some(grant) = given {
            return match self.actual_org(&grant) {
                Some(owner) => Err(wrong_org_given(&target.org, &owner)),
                None => Ok(Some(grant.into())),
            };
        }
        if asks == Interaction::Silent {
            return Ok(None);
        }
        match self.sources.signed_in(target, reason, window, stale).await? {
            Some(grant) => self.of_target(target, grant, since).map(Some),
            None => Ok(None),
        }
    }

    /// What a sign-in gave, if it is for this target.
    pub(crate) fn of_target(&self, target: &Target, grant: OrgToken, since: u64) -> Result<Rc<OrgToken>, Error> {
        if grant.target() == target {
            return Ok(grant.into());
        }
        let (asked, got) = (&target.org, grant.target().org.clone());
        let message = format!("The sign-in was for organization {asked} and gave a token of {got}.");
        let mut error = Error::new(Code::LoginWrongOrg, message).for_org(asked);
        error.evidence.token_org_id = Some(got);
        error.evidence.home_org_id = grant.home_org().cloned();
        let files = self.sources.login().is_some_and(|login| login.keeps_wrong_org());
        if files && !self.was_signed_out(grant.target(), since) {
            self.file(grant.into());
        }
        Err(error)
    }

    /// The organization that this very token is known to be of, where that is another one.
    pub(crate) fn actual_org(&self, grant: &OrgToken) -> Option<OrgId> {
        let (held, corrected) = (self.held.borrow(), self.corrected.borrow());
        let same = corrected.iter().chain(held.iter()).find(|other| other.target() != grant.target() && other.is_same_token(grant));
        same.map(|other| other.target().org.clone())
    }

    /// Why there is no token for this target.
    pub(crate) fn missing_token_error(&self, target: &Target) -> Error {
        let held = self.held.borrow();
        let org = &target.org;
        if let Some(grant) = held.iter().find(|grant| grant.target() == target) {
            let (code, what) =
                if grant.is_rejected() { (Code::Unauthenticated, "was refused by the cloud") } else { (Code::TokenExpired, "has expired") };
            return Error::new(code, format!("The token of organization {org} {what}.")).for_org(org);
        }
        let Some(other) = held.first() else {
            return Error::new(Code::NoToken, format!("No token of organization {org} is held.")).for_org(org);
        };
        let others: Vec<&str> = held.iter().map(|grant| grant.target().org.as_str()).collect();
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

/// The keyring as other pages see it: what it holds for one target.
struct Held<P: Platform> {
    keyring: Weak<Keyring<P>>,
    target: Target,
}

impl<P: Platform> TokenSharer for Held<P> {
    fn share(&self) -> Option<IssuedToken> {
        let keyring = self.keyring.upgrade()?;
        let now = keyring.cloud.now();
        let grant = keyring.fresh(&self.target).filter(|grant| !grant.should_renew(now));
        if grant.is_none() {
            // Another page may have a better one, and has its turn then.
            keyring.end_sharing(&self.target);
        }
        grant.map(|grant| grant.to_share(now))
    }

    fn forget(&self) {
        if let Some(keyring) = self.keyring.upgrade() {
            keyring.forget(&self.target);
        }
    }
}
