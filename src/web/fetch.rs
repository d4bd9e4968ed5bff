//! Sends a request through the page's `fetch`.
//!
//! gloo-net cannot do this. Its `Headers` panics if a script of the page has replaced the platform's. Its `send` panics on a
//! rejection that is not an `Error`, and on a response from another frame. So `src/js/exchange.js` makes the headers, calls
//! `fetch`, and reads the response.

use std::any::Any;
use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use zeroize::Zeroizing;

use super::abort::AbortOnDrop;
use super::browser::Browser;
use super::codec::json_tree;
use super::result::foreign;
use super::settled::Settled;
use crate::cloud::ports::{Timer, Transport, TransportError};
use crate::cloud::response::{BODY_TOO_LONG, MAX_BODY_BYTES, RateLimit, Response};
use crate::model::digits::number;
use crate::model::join::joined;
use crate::model::time::Timestamp;
use crate::token::request::Request;

#[wasm_bindgen]
extern "C" {
    /// Calls `fetch` when the module is off the stack, and reads the response: see `src/js/exchange.js`. Never rejects.
    fn exchange(
        head: &str,
        body: Option<&str>,
        is_streamed: bool,
        signal: Option<&web_sys::AbortSignal>,
        given: &JsValue,
        takes_response: bool,
        max_bytes: u32,
    ) -> Promise;

    #[wasm_bindgen(js_name = streamsBodies)]
    fn streams_bodies() -> bool;

    #[wasm_bindgen(js_name = isFetchReplaced)]
    fn is_fetch_replaced() -> bool;

    /// What `exchange` resolves to.
    type Answer;

    #[wasm_bindgen(method, getter, js_name = isComplete)]
    fn is_complete(this: &Answer) -> bool;

    #[wasm_bindgen(method, getter)]
    fn status(this: &Answer) -> Option<u16>;

    #[wasm_bindgen(method, getter)]
    fn response(this: &Answer) -> JsValue;

    #[wasm_bindgen(method, getter)]
    fn body(this: &Answer) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    fn json(this: &Answer) -> JsValue;

    #[wasm_bindgen(method, getter)]
    fn headers(this: &Answer) -> String;

    #[wasm_bindgen(method, getter, js_name = isRefusedByCsp)]
    fn is_refused_by_csp(this: &Answer) -> bool;

    #[wasm_bindgen(method, getter, js_name = mayHaveBeenProcessed)]
    fn may_have_been_processed(this: &Answer) -> bool;

    #[wasm_bindgen(method, getter)]
    fn cause(this: &Answer) -> JsValue;

    /// The platform's request, with the app's headers and body. `src/js/request.js` makes it.
    pub(super) type PlatformRequest;

    #[wasm_bindgen(method, getter)]
    pub(super) fn method(this: &PlatformRequest) -> String;

    #[wasm_bindgen(method, getter, js_name = isStream)]
    pub(super) fn is_stream(this: &PlatformRequest) -> bool;
}

impl Transport for Browser {
    async fn send(&self, request: Box<Request>) -> Result<Response, TransportError> {
        let takes_response = request.takes_response();
        let app_request = request.platform_request().and_then(|app_request| app_request.downcast_ref::<JsValue>());
        // `src/js` has given the app's request a signal of its own.
        let in_flight = app_request.is_none().then(AbortOnDrop::new);
        let signal = in_flight.as_ref().map(AbortOnDrop::signal);
        let (body, is_streamed) = (request.body(), request.is_streamed());
        let absent = JsValue::UNDEFINED;
        let given = app_request.unwrap_or(&absent);
        let answer = exchange(&head(&request), body, is_streamed, signal.as_ref(), given, takes_response, MAX_BODY_BYTES);
        let lost = |status, is_refused_by_csp, may_have_been_processed, cause| TransportError {
            origin: request.origin().to_owned(),
            is_refused_by_csp,
            may_have_been_processed,
            status,
            cause: foreign(cause),
        };
        // If the page makes the promise reject, nobody knows what became of the request.
        let answer: Answer = Settled::of(&answer).await.map_err(|cause| lost(None, false, true, cause))?.unchecked_into();
        let Some(status) = answer.status().filter(|_| answer.is_complete()) else {
            return Err(lost(answer.status(), answer.is_refused_by_csp(), answer.may_have_been_processed(), answer.cause()));
        };
        let body = answer.body();
        // The rest of a body that is too long is aborted.
        if let Some(in_flight) = in_flight.filter(|_| body.is_some() || takes_response) {
            in_flight.mark_done();
        }
        let headers = answer.headers();
        let mut headers = headers.split('\n').map(|value| Some(value.to_owned()).filter(|value| !value.is_empty()));
        let mut header = || headers.next().flatten();
        let (correlation_id, date, retry_after) = (header(), header(), header());
        let mut rate = || u32::try_from(number(&header()?)?).ok();
        let rate_limit = (rate(), rate(), rate());
        Ok(Response {
            status,
            rate_limit: match rate_limit {
                (Some(allowed), Some(count), Some(reset)) => Some(RateLimit { allowed, count, reset }),
                _ => None,
            },
            body: body.unwrap_or_else(|| BODY_TOO_LONG.to_owned()),
            json: json_tree(&answer.json()),
            correlation_id,
            date: date.and_then(|date| Timestamp::from_http(&date, self.wall_clock())),
            retry_after,
            platform_response: takes_response.then(|| -> Rc<dyn Any> { Rc::new(answer.response()) }),
        })
    }

    fn streams_bodies(&self) -> bool {
        streams_bodies()
    }

    fn is_replaced(&self) -> bool {
        is_fetch_replaced()
    }
}

/// What `exchange` reads: a line each for the method, the cache mode, the origin, the URL, and the name and the value of each
/// header. None of them has a line break.
fn head(request: &Request) -> Zeroizing<String> {
    // A cache does not know whose answer it is. Browsers that do not store a response also forget that a preflight allowed the
    // request, so a start, which no cache stores, is sent without it.
    let cache = if request.method().is_read() { "no-store" } else { "default" };
    let mut lines = vec![request.method().as_str(), cache, request.origin(), request.url()];
    lines.extend(request.headers().iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]));
    Zeroizing::new(joined(&lines, "\n"))
}
