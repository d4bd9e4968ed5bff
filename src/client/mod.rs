//! Sends requests for an organization with the organization's own token. A refusal is repaired once if that is safe, and
//! explained otherwise.

mod repair;
pub(crate) mod sent_log;

use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_util::future::LocalBoxFuture;

use crate::auth::keyring::Keyring;
use crate::auth::ports::Platform;
use crate::client::sent_log::{SentLog, SentRequest, preceded};
use crate::cloud::call::{Call, Limits};
use crate::cloud::deadline::Deadline;
use crate::cloud::event::Event;
use crate::cloud::exchange::{Exchange, must_wait};
use crate::cloud::race::before;
use crate::cloud::response::Response;
use crate::model::argument::bad;
use crate::model::error::{Code, Error};
use crate::model::ids::AgentId;
use crate::model::scope::{is_enough, near_miss};
use crate::model::secret::redact;
use crate::token::org_token::OrgToken;
use crate::token::request::{ApiRequest, Repeat, Request};

/// How often an idempotent request is sent at most, if there is no response.
const MAX_SENDS: u32 = 3;

/// The time between two sends of an idempotent request, in milliseconds.
const RETRY_DELAY_MS: u32 = 1_000;

/// How long a fetch that nobody waits for any more is kept, in milliseconds. Firefox waits as long for a response.
pub(crate) const MAX_UNANSWERED_MS: u32 = 300_000;

/// Sends requests of one recorder.
pub struct Client<P: Platform> {
    exchange: Rc<Exchange<P>>,
    keyring: Rc<Keyring<P>>,
}

/// What lasts until a fetch has settled.
pub(crate) trait UntilSettled {
    /// Records each send.
    fn sent(&self) -> &SentLog;

    /// A successful response came although nobody waited for it any more.
    fn note_late(&self, response: &Response);
}

/// What records each send of a request.
pub(crate) enum Track<'a> {
    /// Nobody needs the response once the call is over.
    Log(&'a SentLog),
    /// The fetch goes on until it settles, even if the caller has gone, and this is kept until then.
    UntilSettled(Rc<dyn UntilSettled>),
}

impl Track<'_> {
    fn log(&self) -> &SentLog {
        match self {
            Track::Log(sent) => sent,
            Track::UntilSettled(kept) => kept.sent(),
        }
    }
}

/// Why there is no successful response.
pub enum SendError {
    /// Nothing was sent, for example because there is no token.
    NotSent(Error),
    /// The cloud refused the request.
    Refused(Error),
    /// No response came, or none that can be used.
    NoResponse(Error),
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Error {
        match error {
            SendError::NotSent(error) | SendError::Refused(error) | SendError::NoResponse(error) => error,
        }
    }
}

impl<P: Platform> Client<P> {
    /// A client that sends these organizations' tokens.
    pub fn new(exchange: Rc<Exchange<P>>, keyring: Rc<Keyring<P>>) -> Client<P> {
        Client { exchange, keyring }
    }

    /// Sends the request for the call's organization with the organization's own token, as often as the request allows. `sent`:
    /// records each send.
    pub(crate) async fn send(&self, call: &Call, request: &ApiRequest, sent: &SentLog) -> Result<Box<Response>, SendError> {
        let mut sends = 0;
        loop {
            sends += 1;
            let result = self.send_tracked(call, request, None, Track::Log(sent)).await;
            let told = match &result {
                Err(SendError::NoResponse(lost)) if lost.retryable() => None,
                Err(SendError::Refused(refused)) if refused.code == Code::CloudUnavailable => refused.evidence.retry_after,
                _ => return result,
            };
            let delay = told.unwrap_or_default().max(RETRY_DELAY_MS);
            let may_repeat = request.repeat == Repeat::Idempotent && sends < MAX_SENDS;
            if !may_repeat || i64::from(delay) >= call.deadline.remaining() {
                return result;
            }
            self.exchange.ports().sleep(delay).await;
        }
    }

    /// Sends the request. Retries once if the cloud confirmed that it did not process the request and the cause is fixed.
    /// `token`: the organization's token, if the caller already has it.
    pub(crate) async fn send_tracked(
        &self,
        call: &Call,
        request: &ApiRequest,
        token: Option<Rc<OrgToken>>,
        track: Track<'_>,
    ) -> Result<Box<Response>, SendError> {
        let sent = track.log();
        let mut token = token.filter(|token| token.is_fresh(self.exchange.now()) && !self.is_misattributed(token));
        let mut repaired = sent.repaired.take();
        loop {
            let token =
                self.allowed_token(call, token.take()).await.map_err(|error| SendError::NotSent(preceded(error, repaired.take())))?;
            if let Some(repaired) = &repaired {
                self.exchange.ports().emit(&Event::Retry { org: &call.target.org, code: repaired.code });
            }
            self.warn_of_missing_scope(&token, request);
            let authorized = token.authorize(request).map_err(SendError::NotSent)?;
            sent.note(SentRequest { token: token.clone(), at: self.exchange.now() });
            let sending: LocalBoxFuture<'_, _> = match &track {
                Track::UntilSettled(kept) => Box::pin(self.until_settled(authorized, kept.clone())),
                Track::Log(_) => Box::pin(self.exchange.send(authorized)),
            };
            let result = sending.await;
            sent.note_result(&result);
            let response = result.map_err(|lost| SendError::NoResponse(lost.for_org(&call.target.org)))?;
            if response.is_success() {
                token.mark_used();
                return Ok(response);
            }
            let mut refused = self.exchange.refusal(&response);
            self.note_token(&mut refused, &token, request);
            let path = request.path.split('?').next().unwrap_or_default();
            refused.message = format!("{} {path}: {}", request.method.as_str(), refused.message);
            // The app may have put the token into the path.
            redact(&[token.secret().clone()], &mut refused.message);
            if request.takes_response {
                sent.response.replace(Some(response));
            }
            if refused.is_token_rejection() {
                token.mark_rejected();
                // A batch that waits for the token's next slot need not wait any longer.
                self.exchange.rate_limiter().changed().wake();
            } else {
                token.mark_used();
            }
            let may_be_repaired = repaired.is_none() && request.repeat != Repeat::Never && !self.was_signed_out(call);
            let may_be_sent_again = may_be_repaired && self.repair(&mut refused, &token, call, request).await;
            // Somebody may have signed out while the cause was being fixed.
            if !may_be_sent_again || self.was_signed_out(call) {
                return Err(SendError::Refused(refused));
            }
            self.exchange.ports().emit(&Event::Repair { org: &call.target.org, code: refused.code });
            if sent.has_read.get() && refused.code == Code::WrongOrg {
                sent.repaired.replace(Some(refused.clone()));
                return Err(SendError::Refused(refused));
            }
            repaired = Some(refused);
        }
    }

    /// A token that the cloud allows to be sent now: this one, or else the organization's. Waits if the call's time allows.
    async fn allowed_token(&self, call: &Call, mut token: Option<Rc<OrgToken>>) -> Result<Rc<OrgToken>, Error> {
        loop {
            let allowed = match token.take() {
                Some(token) => token,
                None => self.keyring.token(call).await?,
            };
            // The page may have been suspended meanwhile: then a timer may fire before the deadline does.
            if call.deadline.remaining() <= 0 {
                return Err(call.timed_out().for_org(&call.target.org));
            }
            if !self.wait_until_allowed(&call.deadline, &allowed).await? {
                return Ok(allowed);
            }
            // The token may have expired meanwhile, or somebody may have signed out.
        }
    }

    /// Sends the request once. Its fetch goes on until it settles, until its outcome is known otherwise, or until its time is
    /// over, even if nobody waits for it.
    fn until_settled(&self, request: Box<Request>, until_settled: Rc<dyn UntilSettled>) -> Unanswered<P> {
        let exchange = self.exchange.clone();
        let fetch = Box::pin(async move { exchange.send(request).await });
        Unanswered { exchange: self.exchange.clone(), until_settled, fetch: Some(fetch) }
    }

    /// Sends the request once, with exactly this token.
    pub(crate) async fn send_with(&self, token: &OrgToken, request: ApiRequest) -> Result<Box<Response>, Error> {
        self.exchange.send(token.authorize(&request)?).await
    }

    /// Whether the agent is in the token's organization. Fails if the API does not say: a proxy's page does not.
    pub(crate) async fn has_agent(&self, token: &OrgToken, agent: &AgentId) -> Result<bool, Error> {
        let request = ApiRequest::get_user(agent).ok_or_else(|| bad("The agent's id is not a user's id of Genesys Cloud."))?;
        let response = self.send_with(token, request).await?;
        if response.is_success() && response.json.get("id").is_some() {
            return Ok(true);
        }
        let refused = self.exchange.refusal(&response);
        if refused.code == Code::NotFound { Ok(false) } else { Err(refused) }
    }

    /// The id of the token's user; `None` if the cloud does not say.
    pub(crate) async fn user_id(&self, token: &OrgToken) -> Option<Rc<str>> {
        if let Some(known) = token.user_id() {
            return Some(known);
        }
        let response = self.send_with(token, ApiRequest::get_own_user()).await.ok()?;
        let id: Rc<str> = response.json.str("id").filter(|_| response.is_success())?.into();
        token.note_user_id(id.clone());
        Some(id)
    }

    /// The request that revokes the token; `None` if the token has surely expired. Make it before signing out.
    pub(crate) fn revocation(&self, token: &OrgToken) -> Option<Box<Request>> {
        (!token.is_surely_expired(self.exchange.now())).then(|| token.revocation())
    }

    /// Revokes a signed-out token.
    pub(crate) async fn revoke(&self, limits: &Limits, token: &OrgToken, revocation: Box<Request>) -> Result<(), Error> {
        let org = &token.target().org;
        self.wait_until_allowed(&limits.deadline, token).await?;
        let response = self.exchange.send(revocation).await.map_err(|lost| lost.for_org(org))?;
        let mut refused = self.exchange.refusal(&response);
        if response.is_success() || refused.is_token_rejection() {
            return Ok(());
        }
        self.note_token(&mut refused, token, &ApiRequest::get_token_info());
        Err(refused)
    }

    /// Waits until the cloud allows this token to be sent again. Returns whether that took time.
    async fn wait_until_allowed(&self, deadline: &Deadline, token: &OrgToken) -> Result<bool, Error> {
        let Some(millis) = self.exchange.wait(token) else { return Ok(false) };
        if i64::from(millis) >= deadline.remaining() {
            return Err(must_wait(millis).for_org(&token.target().org));
        }
        self.exchange.ports().sleep(millis).await;
        Ok(true)
    }

    /// Whether another call has learned meanwhile that the token is another organization's.
    pub(crate) fn is_misattributed(&self, token: &OrgToken) -> bool {
        self.keyring.actual_org(token).is_some()
    }

    fn was_signed_out(&self, call: &Call) -> bool {
        self.keyring.was_signed_out(&call.target, call.session)
    }

    /// Warns only: an organization may not enforce scopes, so the cloud must decide.
    fn warn_of_missing_scope(&self, token: &OrgToken, request: &ApiRequest) {
        if let Some(scopes) = token.scopes().filter(|scopes| !is_enough(scopes, &request.scopes))
            && let Some(missing) = request.scopes.first()
        {
            let org = &token.target().org;
            self.exchange.ports().emit(&Event::ScopeWarning { org, missing, near_miss: near_miss(missing, scopes) });
        }
    }
}

/// A fetch. If it is dropped before it has settled, it goes on in the background.
struct Unanswered<P: Platform> {
    exchange: Rc<Exchange<P>>,
    until_settled: Rc<dyn UntilSettled>,
    fetch: Option<LocalBoxFuture<'static, Result<Box<Response>, Error>>>,
}

impl<P: Platform> Future for Unanswered<P> {
    type Output = Result<Box<Response>, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = self.fetch.as_mut().map_or(Poll::Pending, |fetch| fetch.as_mut().poll(context));
        if result.is_ready() {
            self.fetch = None;
        }
        result
    }
}

impl<P: Platform> Drop for Unanswered<P> {
    fn drop(&mut self) {
        let (Some(mut fetch), Some(last)) = (self.fetch.take(), self.until_settled.sent().unresolved()) else { return };
        let ports = self.exchange.ports();
        let waited = ports.now().since(last.at.instant());
        let left = u32::try_from(i64::from(MAX_UNANSWERED_MS).saturating_sub(waited)).unwrap_or_default();
        let (until_settled, over) = (self.until_settled.clone(), ports.sleep(left));
        ports.spawn(Box::pin(async move {
            let sent = until_settled.sent();
            let is_known = Box::pin(sent.changed().until(|| sent.unresolved().is_none()));
            let Some(Some(result)) = before(pin!(before(fetch.as_mut(), is_known)), over).await else { return };
            sent.note_result(&result);
            if let Ok(response) = &result
                && response.is_success()
            {
                until_settled.note_late(response);
            }
        }));
    }
}
