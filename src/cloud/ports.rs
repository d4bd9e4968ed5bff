//! What requests need from the platform. `web/` implements it for browsers; tests simulate it.

use futures_util::future::LocalBoxFuture;

use crate::cloud::event::Event;
use crate::cloud::response::Response;
use crate::model::error::{Cause, Code, Error};
use crate::model::json::Json;
use crate::model::time::{Instant, Timestamp};
use crate::token::request::Request;

/// The network.
#[allow(async_fn_in_trait, reason = "everything runs on one thread")]
pub trait Transport {
    /// Sends the request once, to its own origin, without cookies and without following redirects. Dropping the future
    /// abandons the response.
    async fn send(&self, request: Box<Request>) -> Result<Response, TransportError>;

    /// Whether the platform can send a request's body as a stream, if the server speaks HTTP/2.
    fn streams_bodies(&self) -> bool;

    /// Whether the page sends requests with a `fetch` of its own, and not with the platform's.
    fn is_replaced(&self) -> bool;
}

/// A request without a complete response.
#[derive(Clone, Debug)]
pub struct TransportError {
    /// The origin that was asked.
    pub origin: String,
    /// Whether the page's Content Security Policy refused a request to this URL meanwhile: this one, or another script's, which may have
    /// been redirected.
    pub is_refused_by_csp: bool,
    /// Whether the request may have reached the server, which may have processed it then.
    pub may_have_been_processed: bool,
    /// The HTTP status, if it arrived.
    pub status: Option<u16>,
    /// The platform's error.
    pub cause: Cause,
}

/// The hint if the browser did not accept the request, before anything was sent.
const NOT_ACCEPTED: &str = "See `cause`: the browser did not accept the request. A script of the page may have replaced AbortController, Request, Headers or fetch.";

/// The hint if the page's own policy may have refused the request.
const ADD_ORIGIN: &str = "Add this origin to `connect-src` of the page's Content Security Policy.";

impl Error {
    /// The error of a request that got no response.
    pub(crate) fn no_response(lost: TransportError) -> Error {
        let TransportError { origin, is_refused_by_csp, may_have_been_processed, status, cause } = lost;
        let (message, hint) = if is_refused_by_csp {
            (format!("The page's Content Security Policy refused a request to {origin}."), Some(ADD_ORIGIN))
        } else if may_have_been_processed {
            (format!("No complete response from {origin}."), None)
        } else {
            (format!("The request to {origin} could not be sent."), Some(NOT_ACCEPTED))
        };
        let mut error = Error::new(Code::Network, message);
        let evidence = &mut error.evidence;
        evidence.status = status;
        evidence.may_have_been_processed = may_have_been_processed;
        evidence.hint = hint;
        evidence.is_retryable = hint.map(|_| false);
        evidence.cause = Some(cause);
        error
    }
}

/// Clocks, timers and background work.
pub trait Timer {
    /// The monotonic clock, for every duration.
    fn now(&self) -> Instant;

    /// The wall clock, for dates from the cloud and from other pages.
    fn wall_clock(&self) -> Timestamp;

    /// Ready after this many milliseconds, or after 2³¹ − 1, the longest that a browser can wait.
    fn sleep(&self, millis: u32) -> LocalBoxFuture<'static, ()>;

    /// Ready in a later task of the event loop, so that the page can do something else.
    fn next_task(&self) -> LocalBoxFuture<'static, ()>;

    /// Runs the work in the background.
    fn spawn(&self, work: LocalBoxFuture<'static, ()>);
}

/// Text formats that the platform reads and writes.
pub trait Codec {
    /// Reads a text as JSON; `None` if it is not JSON.
    fn parse_json(&self, text: &str) -> Option<Json>;

    /// Writes `application/x-www-form-urlencoded`.
    fn form(&self, pairs: &[(&str, &str)]) -> String;

    /// Reads `application/x-www-form-urlencoded`, with or without a leading `?`.
    fn parse_form(&self, text: &str) -> Vec<(String, String)>;
}

/// The app's event listener.
pub trait Observer {
    /// Emits an event to the listener, if there is one.
    fn emit(&self, event: &Event<'_>);
}

/// Everything that requests need from the platform.
pub trait CloudPorts: Transport + Timer + Codec + Observer + 'static {}

impl<P: Transport + Timer + Codec + Observer + 'static> CloudPorts for P {}
