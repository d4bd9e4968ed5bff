//! Gives a call its token: from memory, or acquired from the sources, one acquisition at a time.

use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{Aborted, Either, LocalBoxFuture, abortable, select};

use crate::auth::keyring::{Acquired, Acquisition, Interaction, Keyring, signed_out};
use crate::auth::need::Need;
use crate::auth::ports::Platform;
use crate::auth::sources::wrong_org_given;
use crate::cloud::call::Call;
use crate::cloud::deadline::Pause;
use crate::cloud::event::NeedReason;
use crate::cloud::single_flight::InFlight;
use crate::model::environment::{Environment, Target};
use crate::model::error::{Code, Error};
use crate::model::ids::OrgId;
use crate::token::org_token::OrgToken;
use crate::token::session::SessionEpoch;

/// The longest time that connect() waits for another page's token, in milliseconds.
const MAX_OTHER_PAGE_MS: u32 = 2_000;

/// The longest time that the cloud is asked about a token that may have expired, in milliseconds.
const MAX_VERIFY_MS: u32 = 5_000;

impl<P: Platform> Keyring<P> {
    /// A fresh token for the call's organization: from memory, or obtained. Callers who need the same token at the same time
    /// share one acquisition. A token with little of its life left is renewed in the background.
    pub async fn token(self: &Rc<Self>, call: &Call) -> Result<Rc<OrgToken>, Rc<Error>> {
        let (target, session) = (&call.target, call.session);
        self.note_used();
        self.ensure_signed_in(Some(&target.org), session)?;
        if let Some(token) = self.fresh(target) {
            if self.should_renew(&token) {
                self.renew_in_background(&token);
            }
            return Ok(token);
        }
        if self.sources.is_empty() && self.doubtful(target).is_none() {
            return Err(self.missing_token_error(target).into());
        }
        let mut interaction = Interaction::Allowed;
        if let Some(renewal) = self.in_flight(Some(&target.org), true) {
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
        self.ensure_signed_in(Some(&target.org), session)?;
        let acquired = self.acquire_shared(target, interaction, session).await?;
        acquired.ok_or_else(|| self.missing_token_error(target).into())
    }

    /// A token of the organization that a source decides on, because nobody has named one: later calls are for that
    /// organization. Concurrent callers share one acquisition. Other pages are not asked: their host may belong to another
    /// organization.
    pub(crate) async fn own_token(
        self: &Rc<Self>,
        environment: &Rc<Environment>,
        session: SessionEpoch,
    ) -> Result<Rc<OrgToken>, Rc<Error>> {
        self.ensure_signed_in(None, session)?;
        let work = self.in_flight(None, false).unwrap_or_else(|| {
            let (keyring, environment) = (self.clone(), environment.clone());
            let work = Box::pin(async move { keyring.acquire_own(environment, session).await });
            self.begin(None, Interaction::Allowed, None, work)
        });
        work.await?.ok_or_else(|| Error::new(Code::NoToken, "No source has a token.").into())
    }

    async fn acquire_own(self: &Rc<Self>, environment: Rc<Environment>, session: SessionEpoch) -> Result<Option<Rc<OrgToken>>, Error> {
        let window = match self.sources.open_window_in_user_gesture(None).await {
            Some(window) => Some((window?, self.sources.sign_in_time(None).pause())),
            None => None,
        };
        let need = Need::of_any_org(environment);
        let token = match self.sources.call_get_token(&need, None).await? {
            Some(token) => Some(token),
            None => self.sources.sign_in(&need, window, None).await?.map(|token| self.ensure_allowed(token)).transpose()?,
        };
        token.map(|token| self.take_own(token, session)).transpose()
    }

    /// Stores the token that decides for which organization the calls are.
    fn take_own(self: &Rc<Self>, token: OrgToken, session: SessionEpoch) -> Result<Rc<OrgToken>, Error> {
        // Before anything else: another call may hold the same token by its claim.
        self.learn_owner(&token);
        self.ensure_signed_in(Some(&token.target().org), session)?;
        Ok(self.store_own(token))
    }

    /// Takes over the token that another page holds for this target, if there is one and this page has none.
    pub(crate) async fn take_from_other_page(self: &Rc<Self>, target: &Target) {
        if self.sources.login().is_none() || self.token_for(target).is_some() {
            return;
        }
        let (since, _hearing) = (self.sign_outs.epoch(), self.take_part(target, false));
        let shared = pin!(self.ask_other_page(target, None));
        if let Either::Left((Some(token), _)) = select(shared, self.exchange.ports().sleep(MAX_OTHER_PAGE_MS)).await
            && !self.was_signed_out(target, since)
        {
            self.store_and_share(token);
        }
    }

    /// Renews the token in the background, if no person has to sign in.
    fn renew_in_background(self: &Rc<Self>, token: &OrgToken) {
        let target = token.target();
        let can_renew = self.exchange.ports().has_token_source() || token.refresh_token().is_some();
        let in_flight = |is_silent| self.in_flight(Some(&target.org), is_silent).is_some();
        if can_renew && !in_flight(true) && !in_flight(false) {
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

    fn in_flight(&self, org: Option<&OrgId>, is_silent: bool) -> Option<InFlight<Acquired>> {
        let is_like = |acquisition: &Acquisition<_>| ((acquisition.interaction == Interaction::Silent) == is_silent).then_some(());
        self.acquisitions.find(name(org), is_like).map(|((), work)| work)
    }

    /// Begins an acquisition that callers may join. It ends when its last caller drops it, or when somebody signs out.
    fn begin(
        &self,
        org: Option<&OrgId>,
        interaction: Interaction,
        _hearing: Option<P::Sharing>,
        work: LocalBoxFuture<'static, Result<Option<Rc<OrgToken>>, Error>>,
    ) -> InFlight<Acquired> {
        let (work, abort) = abortable(work);
        let of = org.cloned();
        let work = async move {
            let acquired = work.await.unwrap_or_else(|Aborted| Err(signed_out(of.as_ref())));
            acquired.map_err(|error| error.for_org_if_named(of.as_ref()).into())
        };
        self.acquisitions.begin(name(org).into(), Acquisition { interaction, abort, _hearing }, Box::pin(work))
    }

    /// Joins the acquisition that is in flight for this target, or begins one.
    fn acquire_shared(self: &Rc<Self>, target: &Target, interaction: Interaction, session: SessionEpoch) -> InFlight<Acquired> {
        self.in_flight(Some(&target.org), interaction == Interaction::Silent).unwrap_or_else(|| {
            let (keyring, key) = (self.clone(), target.clone());
            let work = Box::pin(async move { keyring.acquire_and_store(&key, interaction, session).await });
            self.begin(Some(&target.org), interaction, self.take_part(target, false), work)
        })
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
            Interaction::Allowed | Interaction::Only => self.sources.open_window_in_user_gesture(Some(&target.org)).await,
        };
        let window = match opened {
            Some(Ok(window)) => Some((window, self.sources.sign_in_time(Some(&target.org)).pause())),
            Some(Err(blocked)) => {
                let shared = self.ask_other_page(target, self.token_for(target).as_deref()).await;
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
        if let Some(token) = self.verify_doubtful(target, session).await? {
            self.ensure_signed_in(Some(&target.org), session)?;
            // The app may have given it, so it stays in this page.
            return Ok(Some(self.store(token)));
        }
        let acquired = self.acquire(target, window, interaction, session).await?;
        self.ensure_signed_in(Some(&target.org), session)?;
        Ok(acquired.map(|token| self.store_and_share(token)))
    }

    /// Tries the sources in order.
    async fn acquire(
        self: &Rc<Self>,
        target: &Target,
        window: Option<(P::Window, Pause)>,
        interaction: Interaction,
        session: SessionEpoch,
    ) -> Result<Option<OrgToken>, Error> {
        // Our token is stale, and we would only ask ourselves for it below.
        self.stop_answering(target);
        let stale = self.token_for(target);
        let stale = stale.as_deref();
        let reason = match stale {
            Some(stale) if stale.is_rejected() => NeedReason::Rejected,
            Some(_) => NeedReason::Expired,
            None if self.misattributed.borrow().contains(target) => NeedReason::WrongOrg,
            None => NeedReason::Missing,
        };
        if let Some(token) = self.ask_other_page(target, stale).await {
            return Ok(Some(token));
        }
        let need = Need::of(target, reason);
        let mut signed_in = self.sources.redeem_refresh_token(&need, stale).await?;
        if signed_in.is_none()
            && interaction != Interaction::Only
            && let Some(token) = self.sources.call_get_token(&need, stale).await?
        {
            return match self.actual_org(&token) {
                Some(owner) => Err(wrong_org_given(&target.org, &owner)),
                None => Ok(Some(token)),
            };
        }
        if signed_in.is_none() && interaction != Interaction::Silent {
            signed_in = self.sources.sign_in(&need, window, stale).await?;
        }
        signed_in.map(|token| self.ensure_org(target, token, session)).transpose()
    }

    /// The token that another page holds for this target, unless the cloud has said that it is another organization's.
    async fn ask_other_page(&self, target: &Target, stale: Option<&OrgToken>) -> Option<OrgToken> {
        let shared = self.sources.ask_other_page(target, stale).await;
        shared.filter(|token| self.actual_org(token).is_none())
    }

    /// Returns the sign-in's token if a sign-in may end in the token's organization.
    pub(crate) fn ensure_allowed(&self, token: OrgToken) -> Result<OrgToken, Error> {
        self.learn_owner(&token);
        match self.sources.login().map_or(Ok(()), |login| login.ensure_allowed(&token.target().org)) {
            Ok(()) => Ok(token),
            Err(error) => Err(error.with_owner_of(&token)),
        }
    }

    /// Returns the sign-in's token if it is for this target.
    pub(crate) fn ensure_org(self: &Rc<Self>, target: &Target, token: OrgToken, session: SessionEpoch) -> Result<OrgToken, Error> {
        if token.target() == target {
            return Ok(token);
        }
        let message = format!("The sign-in was for organization {} and ended in {}.", target.org, token.target().org);
        let error = Error::new(Code::LoginWrongOrg, message).for_org(&target.org).with_owner_of(&token);
        self.learn_owner(&token);
        let keeps = self.sources.login().is_some_and(|login| login.keeps_wrong_org && login.allows(&token.target().org));
        if keeps && !self.was_signed_out(token.target(), session) {
            self.store_and_share(token);
        }
        Err(error)
    }

    /// Asks the cloud about the target's token, if only what responses said of the cloud's clock makes it expired. Returns the
    /// token if the cloud accepts it. Fails if the cloud asks to wait and there is no other source.
    async fn verify_doubtful(self: &Rc<Self>, target: &Target, session: SessionEpoch) -> Result<Option<OrgToken>, Error> {
        let Some(token) = self.doubtful(target) else { return Ok(None) };
        let asked = pin!(self.exchange.refetch_token_info(&token));
        match select(asked, self.exchange.ports().sleep(MAX_VERIFY_MS)).await {
            Either::Left((Ok(verified), _)) if verified.target() == target => return Ok(Some(verified)),
            Either::Left((Ok(verified), _)) => self.correct_owner(&token, verified, session),
            Either::Left((Err(error), _)) if error.is_token_rejection() => token.mark_rejected(),
            Either::Left((Err(error), _)) if self.sources.is_empty() && error.evidence.retry_after.is_some() => return Err(error),
            _ => {}
        }
        Ok(None)
    }

    fn has_refresh_token(&self, target: &Target) -> bool {
        self.token_for(target).is_some_and(|token| token.refresh_token().is_some())
    }
}

/// The name of an acquisition. If nobody has named the organization, it is empty, as no organization's id is.
fn name(org: Option<&OrgId>) -> &str {
    org.map_or("", OrgId::as_str)
}
