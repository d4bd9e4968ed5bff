//! Requests to one environment's cloud and their responses: each request is sent once, counted, timed and reported.

use std::cell::Cell;
use std::rc::Rc;

use crate::cloud::event::Event;
use crate::cloud::ports::CloudPorts;
use crate::cloud::rate_limit::RateLimiter;
use crate::cloud::refusal::{refusal, retry_after};
use crate::cloud::response::{RateLimit, Response};
use crate::cloud::signal::Signal;
use crate::model::environment::Environment;
use crate::model::error::{Code, Error};
use crate::model::scope::{OWN_DATA, any_of};
use crate::model::secret::{Secret, redact};
use crate::model::time::{CloudClock, Instant, Moment, Timestamp};
use crate::token::access_token::AccessToken;
use crate::token::claims::TokenInfo;
use crate::token::org_token::{OrgToken, UnidentifiedToken};
use crate::token::request::Request;

/// One environment's cloud, until closed.
pub struct Exchange<P> {
    ports: Rc<P>,
    clock: CloudClock,
    rate_limiter: RateLimiter,
    requests: Cell<u32>,
    closing: Signal,
}

impl<P: CloudPorts> Exchange<P> {
    /// The cloud that these ports reach.
    pub fn new(ports: Rc<P>) -> Exchange<P> {
        Exchange {
            ports,
            clock: CloudClock::default(),
            rate_limiter: RateLimiter::default(),
            requests: Cell::default(),
            closing: Signal::default(),
        }
    }

    /// What reaches the cloud.
    pub fn ports(&self) -> &Rc<P> {
        &self.ports
    }

    /// This moment.
    pub fn now(&self) -> Moment {
        self.clock.moment(self.ports.now(), self.ports.wall_clock())
    }

    /// The earliest and the latest date that the cloud's clock may have shown at an earlier moment, by what is known of it now.
    pub(crate) fn range_in_cloud(&self, moment: Moment) -> (Timestamp, Timestamp) {
        self.clock.range(moment)
    }

    /// How far the cloud's clock is ahead of this machine's, in milliseconds, if a response has told.
    pub(crate) fn clock_ahead(&self) -> Option<i64> {
        self.clock.ahead(self.now())
    }

    /// How often each token may be sent.
    pub(crate) fn rate_limiter(&self) -> &RateLimiter {
        &self.rate_limiter
    }

    /// Given when the recorder is closed.
    pub fn closing(&self) -> &Signal {
        &self.closing
    }

    /// Forgets every token, and ends whatever waits for the recorder's close.
    pub fn close(&self) {
        self.rate_limiter.forget();
        self.closing.abort();
    }

    /// Forgets a token that was signed out, unless the cloud asks to wait before it is sent again.
    pub(crate) fn forget(&self, token: &OrgToken) {
        if self.wait(token).is_none() {
            self.rate_limiter.forget_token(token.secret());
        }
    }

    /// Sends a request once. While the cloud asks to wait before the request's credential is sent again, sends nothing.
    pub async fn send(&self, request: Box<Request>) -> Result<Box<Response>, Error> {
        let (is_to_token_endpoint, credential) = (request.is_to_token_endpoint(), request.credential().clone());
        let mut secrets = request.secrets();
        if let Some(millis) = self.rate_limiter.wait(&credential, self.ports.now()) {
            return Err(must_wait(millis));
        }
        let number = self.requests.get().wrapping_add(1);
        self.requests.set(number);
        // The app may have put the token into the URL.
        let mut url = request.url().to_owned();
        redact(&secrets, &mut url);
        self.ports.emit(&Event::Request { number, method: request.method(), url: &url, org: request.org() });
        let sent = self.now();
        let is_own_read = request.method().is_read() && request.platform_request().is_none();
        let mut in_flight = (!is_to_token_endpoint).then(|| InFlightRequest::new(self, credential.clone()));
        let mut result = self.ports.send(request).await.map(Box::new).map_err(Error::no_response);
        // The cloud may repeat a secret, and responses end up in errors and events.
        if let Ok(response) = &mut result {
            if is_to_token_endpoint {
                response.add_issued_tokens(&mut secrets);
            }
            response.redact_headers(&secrets);
            if !(is_to_token_endpoint && response.has_token()) {
                response.redact_body(&secrets, |text| self.ports.parse_json(text));
            }
        }
        let received = self.now();
        if let (Some(in_flight), Ok(response)) = (&mut in_flight, &result) {
            in_flight.limit = response.rate_limit;
        }
        drop(in_flight);
        // A start's response may come after the close.
        if !self.closing.is_aborted() {
            self.ports.emit(&Event::Response {
                number,
                status: result.as_ref().map_or_else(|lost| lost.evidence.status, |response| Some(response.status)),
                millis: received.instant().since(sent.instant()),
                correlation_id: result.as_ref().ok().and_then(|response| response.correlation_id.as_deref()),
            });
        }
        let response = result?;
        if let Some(date) = response.date {
            self.clock.learn(sent, received, date);
        }
        // After another refusal than 429, the library still looks at once for a start that may have run. One of the app's own endpoints
        // may ask for a wait that does not concern the others.
        if (response.status == 429 || (is_own_read || is_to_token_endpoint) && response.status >= 400)
            && let Some(millis) = self.retry_after(&response)
            && !self.closing.is_aborted()
        {
            self.rate_limiter.block(&credential, received.instant(), millis);
        }
        Ok(response)
    }

    /// How long a response says to wait, in milliseconds.
    pub(crate) fn retry_after(&self, response: &Response) -> Option<u32> {
        retry_after(response, self.now().in_cloud())
    }

    /// How many milliseconds are left of the wait that the cloud asked for before this token is sent again, if any.
    pub(crate) fn wait(&self, token: &OrgToken) -> Option<u32> {
        self.rate_limiter.wait(token.secret(), self.ports.now())
    }

    /// The cloud's refusal as an error, with the wait that the cloud asks for.
    pub(crate) fn refusal(&self, response: &Response) -> Error {
        let mut error = refusal(response);
        error.evidence.retry_after = self.retry_after(response);
        error
    }

    /// Reads what a token says of itself. `expires_at`: what its source said.
    pub fn unidentified(
        &self,
        environment: &Rc<Environment>,
        token: AccessToken,
        expires_at: Option<Instant>,
    ) -> Result<Box<UnidentifiedToken>, Error> {
        let claims = token.claims(|text| self.ports.parse_json(text))?;
        Ok(UnidentifiedToken::new(environment, token, claims, expires_at))
    }

    /// Asks the cloud again whose a token is, whatever the token itself claims.
    pub(crate) fn refetch_token_info(&self, token: &OrgToken) -> impl Future<Output = Result<Box<OrgToken>, Error>> {
        self.fetch_token_info(token.unidentified())
    }

    /// Asks the token's own environment whose the token is.
    pub(crate) async fn fetch_token_info(&self, token: Box<UnidentifiedToken>) -> Result<Box<OrgToken>, Error> {
        if token.is_surely_expired(self.now()) {
            return Err(Error::new(Code::TokenExpired, "The token has expired, and only the API could say whose it is."));
        }
        let response = self.send(token.token_info_request()?).await?;
        if !response.is_success() {
            let mut refused = self.refusal(&response);
            if refused.code == Code::ScopeMissing {
                refused.evidence.missing_scopes.get_or_insert_with(|| any_of(OWN_DATA).to_vec());
            }
            return Err(refused);
        }
        match TokenInfo::from_json(&response.json) {
            Some(info) => Ok(token.identified_by_cloud(info, self.now())),
            None => Err(Error::new(Code::UnexpectedAnswer, "The response does not say whose token it is.").answered_by(&response)),
        }
    }
}

/// A request that counts for its token's rate limit: in flight until it is answered, or given up by being dropped.
struct InFlightRequest<'a, P: CloudPorts> {
    exchange: &'a Exchange<P>,
    token: Secret,
    limit: Option<RateLimit>,
}

impl<'a, P: CloudPorts> InFlightRequest<'a, P> {
    fn new(exchange: &'a Exchange<P>, token: Secret) -> InFlightRequest<'a, P> {
        exchange.rate_limiter.sent(&token, exchange.ports.now());
        InFlightRequest { exchange, token, limit: None }
    }
}

impl<P: CloudPorts> Drop for InFlightRequest<'_, P> {
    fn drop(&mut self) {
        self.exchange.rate_limiter.answered(&self.token, self.exchange.ports.now(), self.limit);
    }
}

/// The error if the cloud has asked to wait for longer than the caller can.
pub(crate) fn must_wait(millis: u32) -> Error {
    let mut error = Error::new(Code::RateLimited, "The API asked to wait before this token is sent again.");
    error.evidence.retry_after = Some(millis);
    error
}
