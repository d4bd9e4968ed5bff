//! The cloud as the flow sees it: it answers requests, tells the time by the way, and knows whose a token is.

use std::cell::Cell;
use std::rc::Rc;

use crate::cloud::event::Event;
use crate::cloud::ports::{Platform, TransportError};
use crate::cloud::rate_limit::RateLimiter;
use crate::cloud::refusal::{as_generic_refusal, refusal};
use crate::cloud::response::{RateLimit, Response};
use crate::model::environment::Environment;
use crate::model::error::{Code, Error};
use crate::model::secret::Secret;
use crate::model::time::{Clock, Moment, Timestamp};
use crate::token::access_token::AccessToken;
use crate::token::claims::TokenInfo;
use crate::token::org_token::{OrgToken, UnidentifiedToken};
use crate::token::request::Request;

/// One environment's cloud.
pub struct Exchange<P> {
    ports: Rc<P>,
    clock: Clock,
    pace: RateLimiter,
    requests: Cell<u32>,
}

impl<P: Platform> Exchange<P> {
    /// The cloud that is reached by these ports.
    pub fn new(ports: Rc<P>) -> Exchange<P> {
        Exchange { ports, clock: Clock::default(), pace: RateLimiter::default(), requests: Cell::default() }
    }

    /// What reaches it.
    pub fn ports(&self) -> &P {
        &self.ports
    }

    /// This moment, here and there.
    pub fn now(&self) -> Moment {
        self.at(self.ports.now())
    }

    /// The moment at which it is this time here.
    pub fn at(&self, here: Timestamp) -> Moment {
        self.clock.at(here)
    }

    /// Forgets the tokens that it has seen.
    pub fn forget(&self) {
        self.pace.forget();
    }

    /// From when on another request with the grant's token is within its limit; `None` where that depends on those that are
    /// under way. `most`: requests in a minute. `begun`: requests that are about to be sent.
    pub fn next_slot_at(&self, grant: &OrgToken, most: Option<u32>, begun: usize) -> Option<Timestamp> {
        self.pace.next_slot_at(grant.secret(), self.ports.now(), most, begun)
    }

    /// How far its clock is ahead of ours, in milliseconds, where an answer has told.
    pub fn clock_ahead(&self) -> Option<i64> {
        self.clock.ahead()
    }

    /// Sends a request once.
    pub async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let number = self.requests.get().wrapping_add(1);
        self.requests.set(number);
        self.ports.tell(&Event::Request { number, method: request.method(), url: request.url(), org: request.org() });
        let sent = self.ports.now();
        let bearer = request.bearer().cloned();
        let mut counted = bearer.clone().map(|token| InFlightRequest::of(self, token));
        let mut answered = self.ports.send(request).await;
        let received = self.ports.now();
        if let (Some(counted), Ok(answer)) = (&mut counted, &answered) {
            counted.limit = answer.rate_limit;
        }
        drop(counted);
        self.ports.tell(&Event::Response {
            number,
            status: answered.as_ref().map_or_else(|lost| lost.status, |answer| Some(answer.status)),
            millis: received.since(sent),
            correlation_id: answered.as_ref().ok().and_then(|answer| answer.correlation_id.as_deref()),
        });
        if let (Some(bearer), Ok(answer)) = (&bearer, &mut answered) {
            // The body may repeat the token, and bodies end up in errors.
            answer.redact(bearer, |text| self.ports.parse_json(text));
        }
        let answer = answered?;
        if let Some(date) = answer.date {
            self.clock.learn(sent, received, date);
        }
        Ok(answer)
    }

    /// Reads what a token says of itself. `expires_at`: what its source said of its life, by our clock.
    pub fn unidentified(
        &self,
        environment: &Rc<Environment>,
        token: AccessToken,
        expires_at: Option<Timestamp>,
    ) -> Result<UnidentifiedToken, Error> {
        let claims = token.claims(|text| self.ports.parse_json(text))?;
        Ok(UnidentifiedToken::new(environment, token, claims, expires_at))
    }

    /// Files a token by its claim, or else asks its own environment whose it is.
    pub async fn identify(&self, token: UnidentifiedToken) -> Result<OrgToken, Error> {
        match token.identified_by_claim(self.now()) {
            Ok(grant) => Ok(grant),
            Err(token) => self.fetch_token_info(token).await,
        }
    }

    /// Interaction whose a grant's token is, whatever the token itself claims.
    pub async fn refetch_token_info(&self, grant: &OrgToken) -> Result<OrgToken, Error> {
        let asked = self.fetch_token_info(grant.unidentified()).await?;
        asked.set_refresh_token(grant.refresh_token());
        Ok(asked)
    }

    /// Interaction a token's own environment whose it is.
    pub async fn fetch_token_info(&self, token: UnidentifiedToken) -> Result<OrgToken, Error> {
        if token.is_expired(self.now()) {
            return Err(Error::new(Code::TokenExpired, "The token has expired, and nothing but the cloud could say whose it is."));
        }
        let answer = self.send(token.token_info_request()).await.map_err(|lost| {
            let mut error = Error::new(Code::Network, "The cloud could not be asked whose token it is.").caused_by(lost.cause);
            error.evidence.status = lost.status;
            error
        })?;
        if answer.status != 200 {
            return Err(as_generic_refusal(refusal(&answer)));
        }
        match TokenInfo::from_json(&answer.json, |text| self.ports.parse_date(text)) {
            Some(info) => Ok(token.identified_by_cloud(info, self.now())),
            None => Err(Error::new(Code::UnexpectedAnswer, "The cloud's answer does not say whose token it is.").answered_by(answer)),
        }
    }
}

/// A request that counts for its token's pace: as under way until it is answered, or given up by being dropped.
struct InFlightRequest<'a, P: Platform> {
    cloud: &'a Exchange<P>,
    token: Secret,
    limit: Option<RateLimit>,
}

impl<'a, P: Platform> InFlightRequest<'a, P> {
    fn of(cloud: &'a Exchange<P>, token: Secret) -> InFlightRequest<'a, P> {
        cloud.pace.sent(&token, cloud.ports.now());
        InFlightRequest { cloud, token, limit: None }
    }
}

impl<P: Platform> Drop for InFlightRequest<'_, P> {
    fn drop(&mut self) {
        self.cloud.pace.answered(&self.token, self.cloud.ports.now(), self.limit);
    }
}
