//! Grants by environment and organization. Asks the token source for one that is missing, once at a time; never hands out another organization's.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared, WeakShared};

use crate::environment::Environment;
use crate::error::{Code, Error};
use crate::grant::{Grant, Target, UnfiledToken};
use crate::ports::{NeedReason, Ports, TokenNeed};
use crate::refusal::refusal;
use crate::timestamp::Timestamp;
use crate::token::{AccessToken, TokenInfo};

type Fetch = LocalBoxFuture<'static, Result<Rc<Grant>, Rc<Error>>>;

/// The grants that are held, and the fetches that are under way.
pub struct Keyring<P> {
    ports: Rc<P>,
    held: RefCell<Vec<Rc<Grant>>>,
    fetches: RefCell<Vec<(Target, WeakShared<Fetch>)>>,
}

impl<P: Ports> Keyring<P> {
    /// An empty keyring.
    pub fn new(ports: Rc<P>) -> Rc<Keyring<P>> {
        Rc::new(Keyring { ports, held: RefCell::default(), fetches: RefCell::default() })
    }

    /// Every grant that is held, expired ones too, in the order of filing.
    pub fn grants(&self) -> Vec<Rc<Grant>> {
        self.held.borrow().clone()
    }

    /// Forgets every grant.
    pub fn forget_all(&self) {
        self.held.borrow_mut().clear();
    }

    /// Reads what a token says of itself. `expires_at`: what its source said of its life.
    pub fn unfiled(&self, environment: &Rc<Environment>, token: AccessToken, expires_at: Option<Timestamp>) -> Result<UnfiledToken, Error> {
        let claims = token.claims(|text| self.ports.parse_json(text))?;
        Ok(UnfiledToken::new(environment, token, claims, expires_at))
    }

    /// Finds out whose token it is, and files it there.
    pub async fn add(&self, token: UnfiledToken) -> Result<Rc<Grant>, Error> {
        let grant = Rc::new(self.identify(token).await?);
        self.file(grant.clone());
        Ok(grant)
    }

    /// A fresh grant for this target: the one that is held, or one that the token source gives.
    /// Callers who want the same one at the same time share one fetch.
    pub async fn grant(self: &Rc<Self>, target: &Target, scope: &str) -> Result<Rc<Grant>, Rc<Error>> {
        let held = self.held_for(target);
        let reason = match held {
            Some(grant) if grant.is_fresh(self.ports.now()) => return Ok(grant),
            Some(grant) if grant.is_rejected() => NeedReason::Rejected,
            Some(_) => NeedReason::Expired,
            None => NeedReason::Missing,
        };
        if !self.ports.has_token_source() {
            return Err(self.none_for(target).into());
        }
        self.fetch(target, reason, scope).await
    }

    fn held_for(&self, target: &Target) -> Option<Rc<Grant>> {
        self.held.borrow().iter().find(|grant| grant.target() == target).cloned()
    }

    fn file(&self, grant: Rc<Grant>) {
        let now = self.ports.now();
        let mut held = self.held.borrow_mut();
        match held.iter_mut().find(|other| other.target() == grant.target()) {
            Some(other) if grant.is_fresh(now) || !other.is_fresh(now) => *other = grant,
            Some(_) => {}
            None => held.push(grant),
        }
    }

    /// Joins the fetch that is under way for this target, or begins one. It ends when nobody waits for it any more.
    fn fetch(self: &Rc<Self>, target: &Target, reason: NeedReason, scope: &str) -> Shared<Fetch> {
        let mut fetches = self.fetches.borrow_mut();
        fetches.retain(|(_, fetch)| fetch.upgrade().is_some());
        if let Some(fetch) = fetches.iter().find(|(other, _)| other == target).and_then(|(_, fetch)| fetch.upgrade()) {
            return fetch;
        }
        let (keyring, target, scope) = (self.clone(), target.clone(), scope.to_owned());
        let key = target.clone();
        let fetch: Fetch = Box::pin(async move {
            let obtained = keyring.obtain(&target, reason, scope).await;
            // Before anyone sees the result, so that a failure is not handed to a later caller.
            keyring.fetches.borrow_mut().retain(|(other, _)| *other != target);
            let grant = Rc::new(obtained.map_err(|error| error.about(&target.org))?);
            keyring.file(grant.clone());
            Ok(grant)
        });
        let fetch = fetch.shared();
        fetches.extend(fetch.downgrade().map(|weak| (key, weak)));
        fetch
    }

    async fn obtain(&self, target: &Target, reason: NeedReason, scope: String) -> Result<Grant, Error> {
        let need = TokenNeed { environment: &target.environment, org: &target.org, scopes: vec![scope], reason };
        let issued = self.ports.get_token(need).await.map_err(|cause| {
            Error::new(Code::TokenSourceFailed, format!("getToken failed for organization {}.", target.org)).caused_by(cause)
        })?;
        let now = self.ports.now();
        let expires_at = issued.expires_in.map(|seconds| now.after_seconds(seconds));
        let token = self.unfiled(&target.environment, AccessToken::parse(&issued.access_token)?, expires_at)?;
        if token.is_expired(now) {
            return Err(Error::new(Code::TokenExpired, format!("getToken returned a token of {} that has expired.", target.org)));
        }
        let grant = self.identify(token).await?;
        if grant.target() != target {
            let (asked, got) = (&target.org, &grant.target().org);
            let mut error = Error::new(
                Code::TokenSourceWrongOrg,
                format!("getToken was asked for a token of organization {asked} and returned one of {got}."),
            );
            error.evidence.token_org_id = Some(got.clone());
            return Err(error);
        }
        Ok(grant)
    }

    /// Files a token by its claim, or else asks its own environment whose it is.
    async fn identify(&self, token: UnfiledToken) -> Result<Grant, Error> {
        let token = match token.filed_by_claim() {
            Ok(grant) => return Ok(grant),
            Err(token) => token,
        };
        let answer = token.whose().send(&*self.ports).await.map_err(|lost| {
            let mut error = Error::new(Code::Network, "The cloud could not be asked whose token it is.").caused_by(lost.cause);
            error.evidence.status = lost.status;
            error
        })?;
        if answer.status != 200 {
            let mut error = refusal(&answer);
            // What these mean of a start they do not mean here.
            if matches!(error.code, Code::AgentNotFound | Code::Conflict) {
                error.code = Code::UnexpectedAnswer;
            }
            return Err(error);
        }
        match TokenInfo::from_json(&answer.json) {
            Some(info) => Ok(token.filed_by_cloud(info)),
            None => Err(Error::new(Code::UnexpectedAnswer, "The cloud's answer does not say whose token it is.").answered_by(answer)),
        }
    }

    fn none_for(&self, target: &Target) -> Error {
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
