//! Sends a request through the page's `fetch`.
//!
//! gloo-net only checks the headers. Its `send` would panic on a rejection that is not an `Error`, and on a response from
//! another frame. So this file calls `fetch` itself, and reads the response's members, whatever its class is.

use std::any::Any;
use std::rc::Rc;

use gloo_net::http::Headers;
use js_sys::{Array, JsString, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::{ReferrerPolicy, RequestCache, RequestCredentials, RequestInit, RequestMode, RequestRedirect, Url};

use super::abort::AbortOnDrop;
use super::browser::Browser;
use super::codec::json;
use super::foreign::{ForeignResponse, bare_object, own_property, property, resolve};
use super::outside;
use super::result::{Property, foreign, object, without_prototype};
use super::timer::Timeout;
use crate::cloud::ports::{Timer, Transport, TransportError};
use crate::cloud::response::{BODY_TOO_LONG, MAX_BODY_BYTES, RateLimit, Response};
use crate::model::time::Timestamp;
use crate::token::request::Request;

#[wasm_bindgen]
extern "C" {
    type TextDecoder;

    #[wasm_bindgen(catch, constructor)]
    fn new() -> Result<TextDecoder, JsValue>;

    #[wasm_bindgen(catch, method)]
    fn decode(this: &TextDecoder, chunk: &JsValue, options: &JsValue) -> Result<String, JsValue>;

    type Blob;

    #[wasm_bindgen(catch, constructor)]
    fn with_parts(parts: &JsValue) -> Result<Blob, JsValue>;

    #[wasm_bindgen(catch, method)]
    fn stream(this: &Blob) -> Result<JsValue, JsValue>;

    /// A function's source text, whatever `toString` the function itself has.
    #[wasm_bindgen(catch, js_namespace = ["Function", "prototype", "toString"], js_name = call)]
    fn source_of(function: &JsValue) -> Result<JsValue, JsValue>;
}

impl Transport for Browser {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let failed = |may_have_been_processed: bool, status: Option<u16>| {
            move |cause: JsValue| TransportError { may_have_been_processed, status, cause: foreign(cause) }
        };
        let lost = |status| failed(true, status);
        let takes_response = request.takes_response();
        let in_flight = AbortOnDrop::new();
        let request = build(&request, &in_flight).map_err(failed(false, None))?;
        // The page may have replaced `fetch` with a function that throws after it has sent the request.
        let has_fetch = fetch().is_function();
        let promise = outside::result(outside::begin(&js_sys::global(), "fetch", &[&request])).await.map_err(failed(has_fetch, None))?;
        let response: ForeignResponse = resolve(&promise).await.map_err(lost(None))?.unchecked_into();
        // The page may have replaced `fetch` with a function that returns anything.
        let status = response.status().map_err(lost(None))?.as_f64().filter(|status| (100.0..600.0).contains(status));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "three digits")]
        let Some(status) = status.map(|status| status as u16) else {
            return Err(lost(None)(JsError::new("fetch answered without a status.").into()));
        };
        let body = match takes_response {
            // The body is for the app. Only these refusals can be repaired, and what they say decides that.
            true if matches!(status, 401 | 403 | 429) => read_copy(&response).await,
            true => Some(String::new()),
            false => read_body(&response).await.map_err(lost(Some(status)))?,
        };
        // The rest of a body that is too long is aborted.
        if body.is_some() || takes_response {
            in_flight.mark_done();
        }
        let body = body.unwrap_or_else(|| BODY_TOO_LONG.to_owned());
        let header = |name: &str| response.headers().and_then(|headers| headers.get(name)).ok().and_then(|value| value.as_string());
        let rate = |name: &str| header(name)?.parse().ok();
        let rate_limit = || {
            let allowed = rate("inin-ratelimit-allowed")?;
            Some(RateLimit { allowed, count: rate("inin-ratelimit-count")?, reset: rate("inin-ratelimit-reset")? })
        };
        Ok(Response {
            status,
            rate_limit: rate_limit(),
            json: json(&body).unwrap_or_default(),
            body,
            correlation_id: header("ININ-Correlation-Id"),
            date: header("Date").and_then(|date| Timestamp::from_http(&date, self.wall_clock())),
            retry_after: header("Retry-After"),
            platform_response: takes_response.then(|| -> Rc<dyn Any> { Rc::new(JsValue::from(&response)) }),
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

/// A chunk counts as at least so many bytes: a body of empty chunks ends too.
const MIN_CHUNK_BYTES: f64 = 64.0;

/// So many chunks may come before timers run: chunks that are there already come without a turn of the event loop.
const CHUNKS_IN_A_ROW: u32 = 1_000;

/// The body as text; `None` if it is too long.
async fn read_body(response: &ForeignResponse) -> Result<Option<String>, JsValue> {
    let max = f64::from(MAX_BODY_BYTES);
    let Ok(reader) = response.body().and_then(|stream| stream.get_reader()) else {
        // There is no body, or the page's own `fetch` gives no stream.
        let text = resolve(&response.text()?).await?.as_string().unwrap_or_default();
        return Ok(Some(text).filter(|text| text.len() as f64 <= max));
    };
    let (decoder, options) = (TextDecoder::new()?, without_prototype(object(&[("stream", Property::Bool(true))])));
    let (mut text, mut length) = (String::new(), 0.0);
    for number in 1_u32.. {
        let part = resolve(&reader.read()?).await?;
        if own_property(&part, "done")?.is_truthy() {
            break;
        }
        let chunk = own_property(&part, "value")?;
        length += property(&chunk, "byteLength").as_f64().unwrap_or(f64::INFINITY).max(MIN_CHUNK_BYTES);
        if length > max {
            return Ok(None);
        }
        text.push_str(&decoder.decode(&chunk, &options)?);
        if number.is_multiple_of(CHUNKS_IN_A_ROW) {
            Timeout::new(0).await;
        }
    }
    // A character that is cut off at the end.
    text.push_str(&decoder.decode(&JsValue::UNDEFINED, &JsValue::UNDEFINED)?);
    Ok(Some(text))
}

/// The body of a copy, so that the app can still read the response. Whatever cannot be read says nothing.
async fn read_copy(response: &ForeignResponse) -> Option<String> {
    let Ok(copy) = response.copy() else { return Some(String::new()) };
    read_body(&copy).await.unwrap_or(Some(String::new()))
}

fn set_streamed_body(options: &RequestInit, body: &str) -> Result<(), JsValue> {
    options.set_body(&Blob::with_parts(&Array::of1(&body.into()))?.stream()?);
    Reflect::set(options, &"duplex".into(), &"half".into()).map(|_| ())
}

fn build(request: &Request, in_flight: &AbortOnDrop) -> Result<web_sys::Request, JsValue> {
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
    let app_request = request.platform_request().and_then(|app_request| app_request.downcast_ref::<web_sys::Request>());
    let Some(app_request) = app_request else {
        options.set_signal(Some(&in_flight.signal()));
        set_headers(&options, Headers::new(), request);
        match request.body() {
            Some(body) if request.is_streamed() => set_streamed_body(&options, body)?,
            Some(body) => options.set_body(&body.into()),
            None => {}
        }
        return ensure_origin(web_sys::Request::new_with_str_and_init(request.url(), &options)?, request);
    };
    // `src/js` has given it a signal of its own. A body that is no stream may be sent again.
    set_headers(&options, Headers::from_raw(web_sys::Headers::new_with_headers(&app_request.headers())?), request);
    let copy = if request.is_streamed() { Clone::clone(app_request) } else { app_request.clone()? };
    let built = ensure_origin(web_sys::Request::new_with_request_and_init(&copy, &options)?, request)?;
    if Url::new(request.url())?.href() == built.url() { Ok(built) } else { Err(other_url()) }
}

/// The request's headers, on top of these.
fn set_headers(options: &RequestInit, headers: Headers, request: &Request) {
    for (name, value) in request.headers() {
        headers.set(name, value);
    }
    options.set_headers(&headers.into_raw());
}

/// The platform's own URL parser decides where the token would be sent, so check with that parser.
fn ensure_origin(built: web_sys::Request, request: &Request) -> Result<web_sys::Request, JsValue> {
    if Url::new(&built.url())?.origin() == request.origin() { Ok(built) } else { Err(other_url()) }
}

fn other_url() -> JsValue {
    JsError::new("The request's URL leads elsewhere than to its environment's API.").into()
}
