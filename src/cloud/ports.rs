//! What requests need from outside. The browser provides it in `web/`; tests simulate it.

use futures_util::future::LocalBoxFuture;

use crate::cloud::event::Event;
use crate::cloud::response::Response;
use crate::model::error::Cause;
use crate::model::json::Json;
use crate::model::time::{Instant, Timestamp};
use crate::token::request::Request;

/// The network.
#[allow(async_fn_in_trait, reason = "everything runs on one thread")]
pub trait Transport {
    /// Sends the request once, to its own origin, without cookies, following no redirect. Dropping the future gives up on
    /// the response.
    async fn send(&self, request: Request) -> Result<Response, TransportError>;
}

/// A request whose response did not come, or not whole.
#[derive(Clone, Debug)]
pub struct TransportError {
    /// Whether the request may have left, so that the server may have processed it.
    pub may_have_been_processed: bool,
    /// The HTTP status, if that much came.
    pub status: Option<u16>,
    /// What the platform said.
    pub cause: Cause,
}

/// Clocks, timers and background work.
pub trait Timer {
    /// The monotonic clock, for every duration.
    fn now(&self) -> Instant;

    /// The wall clock, for dates of the cloud and of other pages.
    fn wall_clock(&self) -> Timestamp;

    /// Ready after so many milliseconds.
    fn sleep(&self, millis: u32) -> LocalBoxFuture<'static, ()>;

    /// Runs the work in the background.
    fn spawn(&self, work: LocalBoxFuture<'static, ()>);
}

/// What the platform reads and writes.
pub trait Codec {
    /// Reads a whole text as JSON; `None` if it is none.
    fn parse_json(&self, text: &str) -> Option<Json>;

    /// Reads a date: ISO 8601, or HTTP's.
    fn parse_date(&self, text: &str) -> Option<Timestamp>;

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

/// Everything that requests need.
pub trait CloudPorts: Transport + Timer + Codec + Observer + 'static {}

impl<P: Transport + Timer + Codec + Observer + 'static> CloudPorts for P {}
