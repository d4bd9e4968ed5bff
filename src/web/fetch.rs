//! Sends a request through the page's `fetch`.
//!
//! gloo-net only checks the headers. Its `send` would panic on a rejection that is not an `Error`, and on a response from
//! another frame. So `src/js/exchange.js` calls `fetch`, and reads the response.

use std::any::Any;
use std::rc::Rc;

use gloo_net::http::Headers;
use js_sys::{Array, JsString, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{ReferrerPolicy, RequestCache, RequestCredentials, RequestInit, RequestMode, RequestRedirect, Url};

use super::abort::AbortOnDrop;
use super::browser::Browser;
use super::codec::json_tree;
use super::foreign::{bare_object, property};
use super::result::foreign;
use crate::cloud::ports::{Timer, Transport, TransportError};
use crate::cloud::response::{BODY_TOO_LONG, MAX_BODY_BYTES, RateLimit, Response};
use crate::model::time::Timestamp;
use crate::token::request::Request;

#[wasm_bindgen]
extern "C" {
    type Blob;

    #[wasm_bindgen(catch, constructor)]
    fn with_parts(parts: &JsValue) -> Result<Blob, JsValue>;

    #[wasm_bindgen(catch, method)]
    fn stream(this: &Blob) -> Result<JsValue, JsValue>;

    /// A function's source text, whatever `toString` the function itself has.
    #[wasm_bindgen(catch, js_namespace = ["Function", "prototype", "toString"], js_name = call)]
    fn source_of(function: &JsValue) -> Result<JsValue, JsValue>;

    /// Calls `fetch(input, init)` when the module is off the stack, and reads the response. `src/js/exchange.js` says what
    /// the promise resolves to. It never rejects.
    fn exchange(input: &JsValue, init: &JsValue, takes_response: bool, max_bytes: u32) -> Promise;

    /// The app's request. `src/js/request.js` makes it.
    pub(super) type AppRequest;

    #[wasm_bindgen(method, getter)]
    pub(super) fn method(this: &AppRequest) -> String;

    #[wasm_bindgen(method, getter)]
    fn headers(this: &AppRequest) -> web_sys::Headers;

    #[wasm_bindgen(method, getter)]
    fn signal(this: &AppRequest) -> web_sys::AbortSignal;

    #[wasm_bindgen(method, getter)]
    fn body(this: &AppRequest) -> JsValue;

    /// The platform's own request, unless the body is text or absent.
    #[wasm_bindgen(method, getter)]
    fn request(this: &AppRequest) -> Option<web_sys::Request>;
}

impl Transport for Browser {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let takes_response = request.takes_response();
        let in_flight = AbortOnDrop::new();
        let Input { input, init } = build(&request, &in_flight).map_err(|cause| TransportError {
            may_have_been_processed: false,
            status: None,
            cause: foreign(cause),
        })?;
        let answer: Array =
            JsFuture::from(exchange(&input, &init, takes_response, MAX_BODY_BYTES)).await.unwrap_or_default().unchecked_into();
        let status = |at: u32| {
            answer.get(at).as_f64().map(|status| {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "three digits")]
                let status = status as u16;
                status
            })
        };
        let Some(code @ 1..) = status(0) else {
            return Err(TransportError {
                may_have_been_processed: answer.get(1).is_truthy(),
                status: status(2),
                cause: foreign(answer.get(3)),
            });
        };
        let text = |at: u32| answer.get(at).as_string();
        let body = text(2);
        // The rest of a body that is too long is aborted.
        if body.is_some() || takes_response {
            in_flight.mark_done();
        }
        let rate = |at: u32| text(at)?.parse().ok();
        let rate_limit = || Some(RateLimit { allowed: rate(7)?, count: rate(8)?, reset: rate(9)? });
        Ok(Response {
            status: code,
            rate_limit: rate_limit(),
            body: body.unwrap_or_else(|| BODY_TOO_LONG.to_owned()),
            json: json_tree(&answer.get(3)),
            correlation_id: text(4),
            date: text(5).and_then(|date| Timestamp::from_http(&date, self.wall_clock())),
            retry_after: text(6),
            platform_response: takes_response.then(|| -> Rc<dyn Any> { Rc::new(answer.get(1)) }),
        })
    }

    fn streams_bodies(&self) -> bool {
        // Browsers that cannot stream a body send its text, "[object ReadableStream]", and know no `duplex`.
        let built = || {
            let options = bare_object().unchecked_into();
            set_streamed_body(&options, "")?;
            options.set_method("POST");
            web_sys::Request::new_with_str_and_init("https://streams.invalid", &options)
        };
        built().is_ok_and(|built| property(&built, "duplex").as_string().as_deref() == Some("half"))
    }

    fn is_replaced(&self) -> bool {
        // The platform's functions show no source text.
        !source_of(&fetch()).is_ok_and(|source| source.dyn_ref::<JsString>().is_some_and(|source| source.includes("[native code]", 0)))
    }
}

fn fetch() -> JsValue {
    property(&js_sys::global(), "fetch")
}

fn set_streamed_body(options: &RequestInit, body: &str) -> Result<(), JsValue> {
    options.set_body(&Blob::with_parts(&Array::of1(&body.into()))?.stream()?);
    Reflect::set(options, &"duplex".into(), &"half".into()).map(|_| ())
}

/// What `fetch` is called with. `init` is undefined if `input` is a `Request`.
struct Input {
    input: JsValue,
    init: JsValue,
}

fn build(request: &Request, in_flight: &AbortOnDrop) -> Result<Input, JsValue> {
    // Without a prototype: the platform reads more members than these, such as `keepalive` and `integrity`.
    let options: RequestInit = bare_object().unchecked_into();
    options.set_method(request.method().as_str());
    options.set_mode(RequestMode::Cors);
    options.set_credentials(RequestCredentials::Omit);
    options.set_redirect(RequestRedirect::Error);
    // A cache does not know whose answer it is. Browsers that do not store a response also forget that a preflight allowed the
    // request, so a start, which no cache stores, is sent without it.
    if request.method().is_read() {
        options.set_cache(RequestCache::NoStore);
    }
    options.set_referrer_policy(ReferrerPolicy::NoReferrer);
    // The platform's own URL parser decides where the token would be sent, so check with that parser.
    let url = Url::new(request.url())?;
    if url.origin() != request.origin() {
        return Err(other_url());
    }
    let app_request = request.platform_request().and_then(|app_request| app_request.downcast_ref::<JsValue>());
    let Some(app_request) = app_request.map(JsValue::unchecked_ref::<AppRequest>) else {
        options.set_signal(Some(&in_flight.signal()));
        set_headers(&options, Headers::new(), request);
        match request.body() {
            Some(body) if request.is_streamed() => set_streamed_body(&options, body)?,
            Some(body) => options.set_body(&body.into()),
            None => {}
        }
        return Ok(Input { input: url.href().into(), init: options.into() });
    };
    // `src/js` has given it a signal of its own.
    set_headers(&options, Headers::from_raw(web_sys::Headers::new_with_headers(&app_request.headers())?), request);
    let Some(platform_request) = app_request.request() else {
        options.set_signal(Some(&app_request.signal()));
        options.set_body(&app_request.body());
        return Ok(Input { input: url.href().into(), init: options.into() });
    };
    // A body that is no stream may be sent again.
    let copy = if request.is_streamed() { platform_request } else { platform_request.clone()? };
    let built = web_sys::Request::new_with_request_and_init(&copy, &options)?;
    if url.href() == built.url() { Ok(Input { input: built.into(), init: JsValue::UNDEFINED }) } else { Err(other_url()) }
}

/// The request's headers, on top of these.
fn set_headers(options: &RequestInit, headers: Headers, request: &Request) {
    for (name, value) in request.headers() {
        headers.set(name, value);
    }
    options.set_headers(&headers.into_raw());
}

fn other_url() -> JsValue {
    JsError::new("The request's URL leads elsewhere than to its environment's API.").into()
}
