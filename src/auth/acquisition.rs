//! Gives a call its token: from memory, or acquired from the sources, one acquisition at a time.

use std::pin::pin;
use std::rc::Rc;

use crate::auth::keyring::{Acquired, Acquisition, Interaction, Keyring, acquisition_name, signed_out};
use crate::auth::need::Need;
use crate::auth::ports::{Platform, SharingRole};
use crate::auth::sources::wrong_org_given;
use crate::cloud::call::Call;
use crate::cloud::event::NeedReason;
use crate::cloud::race::{before, race};
use crate::cloud::signal::Signal;
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

/// Where a token comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TokenFrom {
    OtherPage,
    RefreshToken,
    GetToken,
    SignIn,
}

impl<P: Platform> Keyring<P> {
    /// A fresh token for the call's organization: from memory, or obtained. Callers who need the same token at the same time
    /// share one acquisition. A token with little of its life left is renewed in the background.
    pub async fn token(self: &Rc<Self>, call: &Call) -> Result<Rc<OrgToken>, Error> {
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
            return Err(self.missing_token_error(target));
        }
        let mut interaction = Interaction::Allowed;
        let joined = self.in_flight(Some(&target.org), true);
        let is_joined = joined.is_some();
        let renewal = joined.or_else(|| self.has_refresh_token(target).then(|| self.renew_detached(target, session)));
        if let Some(renewal) = renewal {
            match renewal.await {
                Ok(Some(token)) => return Ok(token),
                // Another call's renewal that failed is not this call's failure: asking again may help.
                _ if is_joined => {}
                Ok(None) => interaction = Interaction::Required,
                Err(error) => return Err(error),
            }
        }
        self.ensure_signed_in(Some(&target.org), session)?;
        let acquired = self.acquire_shared(Need::of(target), interaction, session).await?;
        acquired.ok_or_else(|| self.missing_token_error(target))
    }

    /// A token of the organization that a source decides on, because nobody has named one: later calls are for that
    /// organization. Concurrent callers share one acquisition. Other pages are not asked: their host may belong to another
    /// organization.
    pub(crate) async fn own_token(self: &Rc<Self>, environment: &Rc<Environment>, session: SessionEpoch) -> Result<Rc<OrgToken>, Error> {
        self.ensure_signed_in(None, session)?;
        let acquired = self.acquire_shared(Need::of_any_org(environment.clone()), Interaction::Allowed, session).await?;
        acquired.ok_or_else(|| Error::new(Code::NoToken, "No source has a token."))
    }

    /// Takes over the token that another page holds for this target, if there is one and this page has none.
    pub(crate) async fn take_from_other_page(self: &Rc<Self>, target: &Target) {
        if self.sources.login().is_none() || self.token_for(target).is_some() {
            return;
        }
        let (since, _hearing) = (self.sign_outs.epoch(), self.take_part(target, SharingRole::Listens));
        if let Some(mut asked) = self.sources.ask_other_page(target, None)
            && let Some(given) = before(asked.as_mut(), self.exchange.ports().sleep(MAX_OTHER_PAGE_MS)).await
            && let Some(token) = self.of_other_page(given)
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
        let renewal = self.acquire_shared(Need::of(target), Interaction::Silent, session);
        let (detached, closing) = (renewal.clone(), self.exchange.closing().clone());
        self.exchange.ports().spawn(Box::pin(async move {
            // Callers that await the renewal get its error; if there are none, it is dropped and the next call retries.
            before(pin!(detached), Box::pin(closing.aborted())).await;
        }));
        renewal
    }

    fn in_flight(&self, org: Option<&OrgId>, is_silent: bool) -> Option<InFlight<Acquired>> {
        let is_like = |acquisition: &Acquisition<_>| ((acquisition.interaction == Interaction::Silent) == is_silent).then_some(());
        self.acquisitions.find(&acquisition_name(org), is_like).map(|((), work)| work)
    }

    /// Joins the acquisition that is in flight for the same organization, or begins one. It ends when its last caller drops it, or
    /// when somebody signs out.
    fn acquire_shared(self: &Rc<Self>, need: Need, interaction: Interaction, session: SessionEpoch) -> InFlight<Acquired> {
        self.in_flight(need.org.as_ref(), interaction == Interaction::Silent).unwrap_or_else(|| {
            let (keyring, org, target) = (self.clone(), need.org.clone(), need.target());
            let name = acquisition_name(org.as_ref());
            let _hearing = target.as_ref().and_then(|target| self.take_part(target, SharingRole::Listens));
            let signal = Signal::default();
            let acquisition = Acquisition { interaction, signed_out: signal.clone(), _hearing };
            let work = async move {
                let work = Box::pin(keyring.acquire(need, target, interaction, session));
                let acquired = race(work, Box::pin(signal.aborted())).await.unwrap_or_else(|()| Err(signed_out(org.as_ref())));
                acquired.map_err(|error| error.for_org_if_named(org.as_ref()))
            };
            self.acquisitions.begin(name, acquisition, Box::pin(work))
        })
    }

    /// Acquires a token and stores it. Without a target, the token decides on the organization.
    async fn acquire(
        self: &Rc<Self>,
        mut need: Need,
        target: Option<Target>,
        interaction: Interaction,
        session: SessionEpoch,
    ) -> Result<Option<Rc<OrgToken>>, Error> {
        let mut sources: &[TokenFrom] = match interaction {
            Interaction::Allowed => &[TokenFrom::OtherPage, TokenFrom::RefreshToken, TokenFrom::GetToken, TokenFrom::SignIn],
            Interaction::Silent => &[TokenFrom::OtherPage, TokenFrom::RefreshToken, TokenFrom::GetToken],
            Interaction::Required => &[TokenFrom::OtherPage, TokenFrom::RefreshToken, TokenFrom::SignIn],
        };
        // The window comes first: a browser opens it only in the caller's own turn.
        let (mut window, mut blocked) = (None, None);
        if interaction != Interaction::Silent
            && let Some(opening) = self.sources.window_in_user_gesture(need.org.as_ref())
        {
            match opening.await {
                Ok(opened) => window = Some((opened, self.sources.sign_in_time(need.org.as_ref()).pause())),
                // `getToken` may still have a token.
                Err(_) if self.exchange.ports().has_token_source() => {}
                Err(error) => {
                    blocked = Some(error);
                    sources = &[TokenFrom::OtherPage];
                }
            }
        }
        let mut _lock = None;
        if let Some(target) = &target
            && blocked.is_none()
        {
            // Hold the lock until the token is shared, so that the next page finds it.
            _lock = self.sources.lock(target).await;
            if let Some(token) = self.fresh(target).filter(|token| !(interaction == Interaction::Silent && self.should_renew(token))) {
                // Another caller has stored it meanwhile.
                return Ok(Some(token));
            }
            if let Some(token) = self.verify_doubtful(target, session).await? {
                self.ensure_signed_in(Some(&target.org), session)?;
                // The app may have given it, so it stays in this page.
                return Ok(Some(self.store(token)));
            }
            // Our token is stale, and we would only ask ourselves for it below.
            self.stop_answering(target);
        }
        let stale = target.as_ref().and_then(|target| self.token_for(target));
        let stale = stale.as_deref();
        need.reason = self.reason(target.as_ref(), stale);
        for source in sources {
            let work = match source {
                TokenFrom::OtherPage => target.as_ref().and_then(|target| self.sources.ask_other_page(target, stale)),
                TokenFrom::RefreshToken => self.sources.redeem_refresh_token(&need, stale),
                TokenFrom::GetToken => self.sources.call_get_token(&need, stale),
                TokenFrom::SignIn => self.sources.sign_in(&need, window.take(), stale),
            };
            let Some(work) = work else { continue };
            let given = work.await;
            let given = if *source == TokenFrom::OtherPage { self.of_other_page(given) } else { given? };
            if let Some(token) = given {
                let token = self.ensure_owner(target.as_ref(), *source, token, session)?;
                drop(window);
                self.ensure_signed_in(Some(&token.target().org), session)?;
                return Ok(Some(if target.is_some() { self.store_and_share(token) } else { self.store_own(token) }));
            }
        }
        if let Some(blocked) = blocked {
            return Err(blocked);
        }
        self.ensure_signed_in(need.org.as_ref(), session)?;
        Ok(None)
    }

    /// Why a token is needed. `stale`: the target's token in memory, which cannot be used.
    fn reason(&self, target: Option<&Target>, stale: Option<&OrgToken>) -> NeedReason {
        match stale {
            Some(stale) if stale.is_rejected() => NeedReason::Rejected,
            Some(_) => NeedReason::Expired,
            None if target.is_some_and(|target| self.misattributed.borrow().contains(&target.org)) => NeedReason::WrongOrg,
            None => NeedReason::Missing,
        }
    }

    /// The token that another page has given, unless the cloud has said that it is another organization's.
    fn of_other_page(&self, given: Result<Option<Box<OrgToken>>, Error>) -> Option<Box<OrgToken>> {
        given.ok()?.filter(|token| self.actual_org(token).is_none())
    }

    /// Returns the source's token if it is for this target; without a target, if it may decide.
    fn ensure_owner(
        self: &Rc<Self>,
        target: Option<&Target>,
        source: TokenFrom,
        token: Box<OrgToken>,
        session: SessionEpoch,
    ) -> Result<Box<OrgToken>, Error> {
        match (source, target) {
            (TokenFrom::RefreshToken | TokenFrom::SignIn, Some(target)) => self.ensure_org(target, token, session),
            (TokenFrom::RefreshToken | TokenFrom::SignIn, None) => self.ensure_allowed(token),
            (_, None) => {
                // Another call may hold the same token by its claim.
                self.learn_owner(&token);
                Ok(token)
            }
            (_, Some(target)) => match self.actual_org(&token) {
                Some(owner) => Err(wrong_org_given(&target.org, &owner)),
                None => Ok(token),
            },
        }
    }

    /// Returns the sign-in's token if a sign-in may end in the token's organization.
    pub(crate) fn ensure_allowed(&self, token: Box<OrgToken>) -> Result<Box<OrgToken>, Error> {
        self.learn_owner(&token);
        match self.sources.login().map_or(Ok(()), |login| login.ensure_allowed(&token.target().org)) {
            Ok(()) => Ok(token),
            Err(error) => Err(error.with_owner_of(&token)),
        }
    }

    /// Returns the sign-in's token if it is for this target.
    pub(crate) fn ensure_org(
        self: &Rc<Self>,
        target: &Target,
        token: Box<OrgToken>,
        session: SessionEpoch,
    ) -> Result<Box<OrgToken>, Error> {
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
    async fn verify_doubtful(self: &Rc<Self>, target: &Target, session: SessionEpoch) -> Result<Option<Box<OrgToken>>, Error> {
        let Some(token) = self.doubtful(target) else { return Ok(None) };
        let asked = pin!(self.exchange.refetch_token_info(&token));
        match before(asked, self.exchange.ports().sleep(MAX_VERIFY_MS)).await {
            Some(Ok(verified)) if verified.target() == target => return Ok(Some(verified)),
            Some(Ok(verified)) => self.correct_owner(&token, verified, session),
            Some(Err(error)) if error.is_token_rejection() => token.mark_rejected(),
            Some(Err(error)) if self.sources.is_empty() && error.evidence.retry_after.is_some() => return Err(error),
            _ => {}
        }
        Ok(None)
    }

    fn has_refresh_token(&self, target: &Target) -> bool {
        self.token_for(target).is_some_and(|token| token.refresh_token().is_some())
    }
}
