//! Sends a request through the page's `fetch`.
//!
//! gloo-net builds the request; sending it with gloo-net would panic on a rejection that is no `Error` and on an
//! answer from another frame, so `fetch` is imported here and its answer is taken for what it can do.

use gloo_net::http::{Method as HttpMethod, RequestBuilder};
use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{ReferrerPolicy, RequestCache, RequestCredentials, RequestMode, RequestRedirect, Response, Url};

use super::abort::AbortOnDrop;
use super::json;
use super::result::foreign;
use crate::contract::Method;
use crate::grant::Request;
use crate::ports::{Answer, Lost};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_name = fetch)]
    fn fetch(request: &web_sys::Request) -> Result<Promise, JsValue>;
}

pub(super) async fn send(request: Request) -> Result<Answer, Lost> {
    let lost = |cause: JsValue| Lost { status: None, cause: foreign(cause) };
    let in_flight = AbortOnDrop::new();
    let sent = fetch(&built(&request, &in_flight).map_err(lost)?).map_err(lost)?;
    let response: Response = JsFuture::from(sent).await.map_err(lost)?.unchecked_into();

    let status = response.status();
    let lost_body = |cause: JsValue| Lost { status: Some(status), cause: foreign(cause) };
    let body = JsFuture::from(response.text().map_err(lost_body)?).await.map_err(lost_body)?;
    let body = body.as_string().unwrap_or_default();
    Ok(Answer {
        status,
        json: json::parse(&body).unwrap_or_default(),
        body,
        correlation_id: response.headers().get("ININ-Correlation-Id").ok().flatten(),
    })
}

fn built(request: &Request, in_flight: &AbortOnDrop) -> Result<web_sys::Request, JsValue> {
    let method = match request.method() {
        Method::Get => HttpMethod::GET,
        Method::Post => HttpMethod::POST,
    };
    let mut builder = RequestBuilder::new(request.url())
        .method(method)
        .mode(RequestMode::Cors)
        .credentials(RequestCredentials::Omit)
        .redirect(RequestRedirect::Error)
        .cache(RequestCache::NoStore)
        .referrer_policy(ReferrerPolicy::NoReferrer)
        .abort_signal(Some(&in_flight.signal()));
    for (name, value) in request.headers() {
        builder = builder.header(name, value);
    }
    let built = match request.body() {
        Some(body) => builder.body(body),
        None => builder.build(),
    };
    let built: web_sys::Request = built.map_err(|_| JsValue::from(JsError::new("The request can not be built.")))?.into();
    // The platform's own parser has the last word on where a token goes.
    if Url::new(&built.url())?.origin() == request.origin() {
        Ok(built)
    } else {
        Err(JsError::new("The request's URL leads to another origin than its environment's API.").into())
    }
}
