//! Sends a request through the page's `fetch`.
//!
//! gloo-net only checks the headers. Its `send` would panic on a rejection that is not an `Error`, and on a response from
//! another frame. So this file calls `fetch` itself, and reads the response's members, whatever its class is.

use gloo_net::http::{Headers, Method as HttpMethod};
use js_sys::{Array, Function};
use wasm_bindgen::prelude::*;
use web_sys::{ReferrerPolicy, RequestCache, RequestCredentials, RequestInit, RequestMode, RequestRedirect, Url};

use super::abort::AbortOnDrop;
use super::browser::Browser;
use super::codec::json;
use super::foreign::{ForeignResponse, bare_object, property, resolve};
use super::outside;
use super::result::foreign;
use crate::cloud::ports::{Timer, Transport, TransportError};
use crate::cloud::response::{BODY_TOO_LONG, MAX_BODY_BYTES, RateLimit, Response};
use crate::model::time::Timestamp;
use crate::token::request::{Method, Request};

#[wasm_bindgen]
extern "C" {
    type Blob;

    #[wasm_bindgen(constructor)]
    fn new(parts: &Array) -> Blob;

    #[wasm_bindgen(method)]
    fn text(this: &Blob) -> JsValue;
}

impl Transport for Browser {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let not_sent = |cause: JsValue| TransportError { may_have_been_processed: false, status: None, cause: foreign(cause) };
        let in_flight = AbortOnDrop::new();
        let request = build(&request, &in_flight).map_err(not_sent)?;
        // The page may have replaced `fetch`.
        let promise = outside::result(outside::begin(&js_sys::global(), "fetch", &[&request])).await.map_err(not_sent)?;

        let lost =
            |status: Option<u16>| move |cause: JsValue| TransportError { may_have_been_processed: true, status, cause: foreign(cause) };
        let response: ForeignResponse = resolve(&promise).await.map_err(lost(None))?.unchecked_into();
        // The page may have replaced `fetch` with a function that returns anything.
        let status = response.status().map_err(lost(None))?.as_f64().filter(|status| (100.0..600.0).contains(status));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "three digits")]
        let Some(status) = status.map(|status| status as u16) else {
            return Err(lost(None)(JsError::new("fetch answered without a status.").into()));
        };
        let body = read_body(&response).await.map_err(lost(Some(status)))?;
        // The rest of a body that is too long is aborted.
        if body.is_some() {
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
        })
    }

    fn is_replaced(&self) -> bool {
        let fetch = property(&js_sys::global(), "fetch");
        // The platform's functions show no source text.
        fetch.dyn_ref::<Function>().is_none_or(|fetch| !fetch.to_string().includes("[native code]", 0))
    }
}

/// The body as text; `None` if it is too long.
async fn read_body(response: &ForeignResponse) -> Result<Option<String>, JsValue> {
    let max = f64::from(MAX_BODY_BYTES);
    let Ok(reader) = response.body().and_then(|stream| stream.get_reader()) else {
        // There is no body, or the page's own `fetch` gives no stream.
        let text = resolve(&response.text()?).await?.as_string().unwrap_or_default();
        return Ok(Some(text).filter(|text| text.len() as f64 <= max));
    };
    let (chunks, mut length) = (Array::new(), 0.0);
    loop {
        let part = resolve(&reader.read()?).await?;
        if property(&part, "done").is_truthy() {
            return Ok(Some(resolve(&Blob::new(&chunks).text()).await?.as_string().unwrap_or_default()));
        }
        let chunk = property(&part, "value");
        length += property(&chunk, "byteLength").as_f64().unwrap_or(f64::INFINITY);
        if length > max {
            return Ok(None);
        }
        chunks.push(&chunk);
    }
}

fn build(request: &Request, in_flight: &AbortOnDrop) -> Result<web_sys::Request, JsValue> {
    let method = match request.method() {
        Method::Get => HttpMethod::GET,
        Method::Delete => HttpMethod::DELETE,
        Method::Patch => HttpMethod::PATCH,
        Method::Post => HttpMethod::POST,
    };
    // Without a prototype: the platform reads more members than these, such as `keepalive` and `integrity`.
    let options: RequestInit = bare_object().unchecked_into();
    options.set_method(method.as_ref());
    options.set_mode(RequestMode::Cors);
    options.set_credentials(RequestCredentials::Omit);
    options.set_redirect(RequestRedirect::Error);
    options.set_cache(RequestCache::NoStore);
    options.set_referrer_policy(ReferrerPolicy::NoReferrer);
    options.set_signal(Some(&in_flight.signal()));
    let headers = Headers::new();
    for (name, value) in request.headers() {
        headers.set(name, value);
    }
    options.set_headers(&headers.into_raw());
    if let Some(body) = request.body() {
        options.set_body(&body.into());
    }
    let built = web_sys::Request::new_with_str_and_init(request.url(), &options)?;
    // The platform's own URL parser decides where the token would be sent, so check with that parser.
    if Url::new(&built.url())?.origin() == request.origin() {
        Ok(built)
    } else {
        Err(JsError::new("The request's URL leads to another origin than its environment's API.").into())
    }
}
