//! Sends a request through the page's `fetch`.
//!
//! gloo-net cannot do this. Its `Headers` panics if a script of the page has replaced the platform's. Its `send` panics on a
//! rejection that is not an `Error`, and on a response from another frame. So `src/js/exchange.js` makes the headers, calls
//! `fetch`, and reads the response.

use std::any::Any;
use std::rc::Rc;

use wasm_bindgen::prelude::*;
use zeroize::Zeroizing;

use super::abort::{AbortController, AbortOnDrop};
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
    /// Calls `fetch` when the module is off the stack, reads the response, and settles the wait of this number with an [`Answer`]:
    /// see `src/js/exchange.js`.
    fn exchange(
        number: u32,
        head: &str,
        body: Option<&str>,
        is_streamed: bool,
        controller: Option<&AbortController>,
        given: &JsValue,
        takes_response: bool,
        max_bytes: u32,
    );

    #[wasm_bindgen(js_name = streamsBodies)]
    fn streams_bodies() -> bool;

    #[wasm_bindgen(js_name = isFetchReplaced)]
    fn is_fetch_replaced() -> bool;

    /// A response, or why there is none.
    type Answer;

    /// A line each for the status and the headers that the library reads; absent without a response.
    #[wasm_bindgen(method, getter)]
    fn lines(this: &Answer) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    fn body(this: &Answer) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    fn json(this: &Answer) -> JsValue;

    #[wasm_bindgen(method, getter)]
    fn response(this: &Answer) -> JsValue;

    /// Without a response: the status, if it came before the failure.
    #[wasm_bindgen(method, getter)]
    fn status(this: &Answer) -> Option<u16>;

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
        let controller = in_flight.as_ref().map(AbortOnDrop::controller);
        let (body, is_streamed) = (request.body(), request.is_streamed());
        let absent = JsValue::UNDEFINED;
        let given = app_request.unwrap_or(&absent);
        let answered = Settled::new();
        exchange(answered.number(), &head(&request), body, is_streamed, controller, given, takes_response, MAX_BODY_BYTES);
        let (Ok(answer) | Err(answer)) = answered.await;
        let answer: Answer = answer.unchecked_into();
        let Some(lines) = answer.lines() else {
            return Err(TransportError {
                origin: request.origin().to_owned(),
                is_refused_by_csp: answer.is_refused_by_csp(),
                may_have_been_processed: answer.may_have_been_processed(),
                status: answer.status(),
                cause: foreign(answer.cause()),
            });
        };
        let body = answer.body();
        // The rest of a body that is too long is aborted.
        if let Some(in_flight) = in_flight.filter(|_| body.is_some() || takes_response) {
            in_flight.mark_done();
        }
        let mut lines = lines.split('\n').map(|value| Some(value.to_owned()).filter(|value| !value.is_empty()));
        let mut line = || lines.next().flatten();
        let (status, correlation_id, date, retry_after) = (line(), line(), line(), line());
        let mut rate = || u32::try_from(number(&line()?)?).ok();
        let rate_limit = (rate(), rate(), rate());
        Ok(Response {
            status: status.and_then(|status| u16::try_from(number(&status)?).ok()).unwrap_or_default(),
            rate_limit: match rate_limit {
                (Some(allowed), Some(count), Some(reset)) => Some(RateLimit { allowed, count, reset }),
                _ => None,
            },
            is_too_long: body.is_none(),
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
    let mut lines = vec![request.method().as_str(), request.cache_mode(), request.origin(), request.url()];
    for (name, value) in request.headers() {
        lines.push(name);
        lines.push(value);
    }
    Zeroizing::new(joined(&lines, "\n"))
}
