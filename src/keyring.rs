//! Grants by environment and organization. Obtains one that is missing, once at a time; never hands out another organization's.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared, WeakShared, select};

use crate::cloud::Cloud;
use crate::error::{Code, Error};
use crate::event::Event;
use crate::grant::{Grant, Target, UnfiledToken};
use crate::org::OrgId;
use crate::ports::{Holder, IssuedToken, NeedReason, Ports};
use crate::sources::{Sources, wrong_org_given};

type Fetch = LocalBoxFuture<'static, Result<Rc<Grant>, Rc<Error>>>;

/// The grants that are held, and the fetches that are under way.
pub struct Keyring<P: Ports> {
    cloud: Rc<Cloud<P>>,
    sources: Sources<P>,
    held: RefCell<Vec<Rc<Grant>>>,
    sharing: RefCell<Vec<(Target, P::Sharing)>>,
    fetches: RefCell<Vec<Fetching>>,
    fetched: Cell<u64>,
    /// Targets whose token turned out to be another organization's.
    misfiled: RefCell<Vec<Target>>,
}

/// A fetch that is under way, and kept for as long as somebody waits for it.
struct Fetching {
    number: u64,
    target: Target,
    is_silent: bool,
    fetch: WeakShared<Fetch>,
}

impl<P: Ports> Keyring<P> {
    /// An empty keyring.
    pub fn new(cloud: Rc<Cloud<P>>, sources: Sources<P>) -> Rc<Keyring<P>> {
        Rc::new(Keyring {
            cloud,
            sources,
            held: RefCell::default(),
            sharing: RefCell::default(),
            fetches: RefCell::default(),
            fetched: Cell::default(),
            misfiled: RefCell::default(),
        })
    }

    /// Where missing tokens come from.
    pub fn sources(&self) -> &Sources<P> {
        &self.sources
    }

    /// Every grant that is held, expired ones too, in the order of filing.
    pub fn grants(&self) -> Vec<Rc<Grant>> {
        self.held.borrow().clone()
    }

    /// Forgets every grant, and files none that is still being obtained.
    pub fn forget_all(&self) {
        let (held, sharing, fetches) = (self.held.take(), self.sharing.take(), self.fetches.take());
        // After the borrows: what is dropped may call back.
        drop((held, sharing, fetches));
    }

    /// Forgets the grant for this target, and files none that is still being obtained.
    pub fn forget(&self, target: &Target) {
        self.fetches.borrow_mut().retain(|fetching| fetching.target != *target);
        let mut sharing = self.sharing.borrow_mut();
        let ended = sharing.iter().position(|(other, _)| other == target).map(|at| sharing.swap_remove(at));
        drop(sharing);
        drop(ended);
        self.held.borrow_mut().retain(|grant| grant.target() != target);
    }

    /// Forgets the grant for this target, here and in every page that shares it.
    pub fn forget_everywhere(&self, target: &Target) {
        self.forget(target);
        self.sources.forget_shared(target);
    }

    /// Finds out whose token it is, and files it there.
    pub async fn add(&self, token: UnfiledToken) -> Result<Rc<Grant>, Error> {
        let grant = Rc::new(self.cloud.identify(token).await?);
        self.file(grant.clone());
        Ok(grant)
    }

    /// Takes over the token that another page holds for this target, if there is one and none is held here.
    pub async fn adopt(self: &Rc<Self>, target: &Target) {
        if self.sources.login().is_some()
            && self.held_for(target).is_none()
            && let Some(grant) = self.sources.shared_by_another_page(target, None).await
        {
            self.file_and_share(Rc::new(grant));
        }
    }

    /// A fresh grant for this target: the one that is held, or one that is obtained. Callers who want the same one at the
    /// same time share one fetch. One that has little of its life left is renewed while nobody waits for it.
    pub async fn grant(self: &Rc<Self>, target: &Target) -> Result<Rc<Grant>, Rc<Error>> {
        if let Some(grant) = self.fresh(target) {
            if grant.is_due(self.cloud.now()) {
                self.renew(&grant);
            }
            return Ok(grant);
        }
        if self.sources.is_empty() {
            return Err(self.none_for(target).into());
        }
        // A renewal that nobody waited for asks nobody to sign in: if it fails, that may still help.
        let renewal = self.under_way(target, true);
        if let Some(renewal) = renewal
            && let Ok(grant) = renewal.await
        {
            return Ok(grant);
        }
        self.fetch(target, false).await
    }

    /// Files a grant, and shares it with other pages from now on.
    pub(crate) fn file_and_share(self: &Rc<Self>, grant: Rc<Grant>) {
        let target = grant.target().clone();
        self.file(grant);
        if self.sharing.borrow().iter().all(|(other, _)| *other != target) {
            let holder = Held { keyring: Rc::downgrade(self), target: target.clone() };
            let sharing = self.sources.share(&target, Rc::new(holder));
            self.sharing.borrow_mut().extend(sharing.map(|sharing| (target, sharing)));
        }
    }

    /// Files a token anew that was filed for an organization it is not of.
    pub(crate) fn refile(self: &Rc<Self>, was: &Rc<Grant>, is: Grant) {
        let target = was.target();
        let is_held = self.held.borrow().iter().any(|grant| Rc::ptr_eq(grant, was));
        if is_held {
            self.forget(target);
            self.misfiled.borrow_mut().push(target.clone());
            self.file(is.into());
        }
    }

    /// Puts a grant in the place of another one for the same target, which has less to tell.
    pub(crate) fn replace(&self, was: &Rc<Grant>, is: Rc<Grant>) {
        let mut held = self.held.borrow_mut();
        if let Some(place) = held.iter_mut().find(|grant| Rc::ptr_eq(grant, was)) {
            *place = is;
        }
    }

    /// Whether a grant for this target is held that can be used.
    pub fn has_fresh(&self, target: &Target) -> bool {
        self.fresh(target).is_some()
    }

    fn held_for(&self, target: &Target) -> Option<Rc<Grant>> {
        self.held.borrow().iter().find(|grant| grant.target() == target).cloned()
    }

    fn fresh(&self, target: &Target) -> Option<Rc<Grant>> {
        self.held_for(target).filter(|grant| grant.is_fresh(self.cloud.now()))
    }

    fn file(&self, grant: Rc<Grant>) {
        self.cloud.ports().tell(&Event::TokenFiled { grant: &grant });
        let now = self.cloud.now();
        self.misfiled.borrow_mut().retain(|target| target != grant.target());
        let mut held = self.held.borrow_mut();
        match held.iter_mut().find(|other| other.target() == grant.target()) {
            Some(other) if grant.is_fresh(now) || !other.is_fresh(now) => *other = grant,
            Some(_) => {}
            None => held.push(grant),
        }
    }

    /// Obtains another grant in good time, where that takes nobody's attention.
    fn renew(self: &Rc<Self>, grant: &Grant) {
        let target = grant.target();
        let can_renew = self.cloud.ports().has_token_source() || grant.refresh_token().is_some();
        if can_renew && self.under_way(target, true).or_else(|| self.under_way(target, false)).is_none() {
            let (fetch, keyring) = (self.fetch(target, true), self.clone());
            self.cloud.ports().spawn(Box::pin(async move {
                // A failure is nobody's: the next call tries again, or needs a token by then.
                select(fetch, Box::pin(keyring.cloud.ports().closed())).await;
            }));
        }
    }

    fn under_way(&self, target: &Target, is_silent: bool) -> Option<Shared<Fetch>> {
        let fetches = self.fetches.borrow();
        let mut of_target = fetches.iter().filter(|fetching| fetching.target == *target && fetching.is_silent == is_silent);
        of_target.find_map(|fetching| fetching.fetch.upgrade())
    }

    /// Joins the fetch that is under way for this target, or begins one. It ends when nobody waits for it any more.
    fn fetch(self: &Rc<Self>, target: &Target, is_silent: bool) -> Shared<Fetch> {
        if let Some(fetch) = self.under_way(target, is_silent) {
            return fetch;
        }
        let number = self.fetched.get();
        self.fetched.set(number.wrapping_add(1));
        let (keyring, key) = (self.clone(), target.clone());
        let fetch: Fetch = Box::pin(async move {
            // A sign-in's window has to be opened in the caller's own turn, so before anything is waited for.
            let obtained = match keyring.window_at_once(&key, is_silent) {
                Ok(window) => {
                    // Held until the grant is shared: the next page finds it then.
                    let _lock = keyring.sources.lock(&key).await;
                    let obtained = keyring.obtain(&key, window, is_silent).await;
                    keyring.end(number, obtained)
                }
                Err(error) => keyring.end(number, Err(error)),
            };
            Ok(obtained.map_err(|error| error.about(&key.org))?)
        });
        let fetch = fetch.shared();
        let mut fetches = self.fetches.borrow_mut();
        fetches.retain(|fetching| fetching.fetch.upgrade().is_some());
        fetches.extend(fetch.downgrade().map(|fetch| Fetching { number, target: target.clone(), is_silent, fetch }));
        fetch
    }

    /// The fetch of this number is over, before anyone sees its result: a failure is not for a later caller, and what
    /// nobody wants to be held any more is not filed.
    fn end(self: &Rc<Self>, number: u64, obtained: Result<Rc<Grant>, Error>) -> Result<Rc<Grant>, Error> {
        let mut fetches = self.fetches.borrow_mut();
        let at = fetches.iter().position(|fetching| fetching.number == number);
        let is_wanted = at.map(|at| fetches.swap_remove(at)).is_some();
        drop(fetches);
        if is_wanted && let Ok(grant) = &obtained {
            self.file_and_share(grant.clone());
        }
        obtained
    }

    fn window_at_once(&self, target: &Target, is_silent: bool) -> Result<Option<P::Window>, Error> {
        if is_silent { Ok(None) } else { self.sources.window_at_once(self.held_for(target).as_deref()) }
    }

    /// Looks again, then asks the sources in their order.
    async fn obtain(&self, target: &Target, window: Option<P::Window>, is_silent: bool) -> Result<Rc<Grant>, Error> {
        let stale = self.held_for(target);
        let now = self.cloud.now();
        if let Some(held) = stale.as_ref().filter(|held| held.is_fresh(now) && !(is_silent && held.is_due(now))) {
            return Ok(held.clone());
        }
        let stale = stale.as_deref();
        let reason = match stale {
            Some(stale) if stale.is_rejected() => NeedReason::Rejected,
            Some(_) => NeedReason::Expired,
            None if self.misfiled.borrow().contains(target) => NeedReason::WrongOrg,
            None => NeedReason::Missing,
        };
        let shared = self.sources.shared_by_another_page(target, stale).await;
        if let Some(grant) = shared.filter(|grant| self.true_owner(grant).is_none()) {
            return Ok(grant.into());
        }
        if let Some(grant) = self.sources.refreshed(target, reason, stale).await? {
            return self.of_target(target, grant);
        }
        if let Some(grant) = self.sources.given_by_app(target, reason, stale).await? {
            return match self.true_owner(&grant) {
                Some(owner) => Err(wrong_org_given(&target.org, &owner)),
                None => Ok(grant.into()),
            };
        }
        if is_silent {
            return Err(self.none_for(target));
        }
        let signed_in = self.sources.signed_in(target, reason, window).await?;
        signed_in.map_or_else(|| Err(self.none_for(target)), |grant| self.of_target(target, grant))
    }

    /// What a sign-in gave, if it is for this target.
    pub(crate) fn of_target(&self, target: &Target, grant: Grant) -> Result<Rc<Grant>, Error> {
        if grant.target() == target {
            return Ok(grant.into());
        }
        let (asked, got) = (&target.org, grant.target().org.clone());
        let message = format!("The sign-in was for organization {asked} and gave a token of {got}.");
        let mut error = Error::new(Code::LoginWrongOrg, message).about(asked);
        error.evidence.token_org_id = Some(got);
        error.evidence.home_org_id = grant.home_org().cloned();
        if self.sources.login().is_some_and(|login| login.files_wrong_org()) {
            self.file(grant.into());
        }
        Err(error)
    }

    /// The organization that this very token is filed for already, where that is another one.
    fn true_owner(&self, grant: &Grant) -> Option<OrgId> {
        let held = self.held.borrow();
        let same = held.iter().find(|other| other.target() != grant.target() && other.has_token_of(grant));
        same.map(|other| other.target().org.clone())
    }

    /// Why there is no token for this target.
    pub(crate) fn none_for(&self, target: &Target) -> Error {
        let held = self.held.borrow();
        let org = &target.org;
        if let Some(grant) = held.iter().find(|grant| grant.target() == target) {
            let (code, what) =
                if grant.is_rejected() { (Code::Unauthenticated, "was refused by the cloud") } else { (Code::TokenExpired, "has expired") };
            return Error::new(code, format!("The token of organization {org} {what}.")).about(org);
        }
        let Some(other) = held.first() else {
            return Error::new(Code::NoToken, format!("No token of organization {org} is held.")).about(org);
        };
        let others: Vec<&str> = held.iter().map(|grant| grant.target().org.as_str()).collect();
        let mut error = Error::new(
            Code::OrgMismatch,
            format!("The call is for organization {org}; the tokens held are of {}. Nothing was sent.", others.join(", ")),
        );
        error.evidence.token_org_id = Some(other.target().org.clone());
        error.evidence.home_org_id = other.home_org().cloned();
        error.about(org)
    }
}

/// The keyring as other pages see it: what it holds for one target.
struct Held<P: Ports> {
    keyring: Weak<Keyring<P>>,
    target: Target,
}

impl<P: Ports> Holder for Held<P> {
    fn hand_over(&self) -> Option<IssuedToken> {
        let keyring = self.keyring.upgrade()?;
        let grant = keyring.fresh(&self.target)?;
        Some(grant.hand_over(keyring.cloud.now()))
    }

    fn forget(&self) {
        if let Some(keyring) = self.keyring.upgrade() {
            keyring.forget(&self.target);
        }
    }
}
