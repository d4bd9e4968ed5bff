//! What a page of another origin may send and read.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    http::{
        HeaderName, Method,
        header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, RETRY_AFTER, VARY},
    },
    middleware::Next,
    response::Response,
};
use tower::{Layer, Service};
use tower_http::cors::{Any, CorsLayer};

use crate::{api::CORRELATION_ID, fault, ledger::ORG_HEADERS, rate, settings::Settings, world::Shared};

const GENESYS_APP: HeaderName = HeaderName::from_static("genesys-app");

/// What official browser code sends.
const ALLOWED_HEADERS: [HeaderName; 4] = [AUTHORIZATION, CONTENT_TYPE, ACCEPT, GENESYS_APP];

const METHODS: [Method; 6] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// The first two are what official browser code reads; the others are what only a page that may read them can obey.
/// `Date` stays hidden unless a setting shows it: nothing says that the platform exposes it.
const EXPOSED_HEADERS: [HeaderName; 5] = [CORRELATION_ID, RETRY_AFTER, rate::COUNT, rate::ALLOWED, rate::RESET];

fn layer(settings: &Settings) -> CorsLayer {
    let mut allowed = ALLOWED_HEADERS.to_vec();
    if settings.org_header_allowed_by_cors {
        allowed.extend(ORG_HEADERS);
    }
    allowed.extend(settings.idempotency_header());
    let mut exposed = EXPOSED_HEADERS.to_vec();
    if settings.date_exposed_by_cors {
        exposed.push(DATE);
    }
    let layer = CorsLayer::new().allow_origin(Any).allow_methods(METHODS).allow_headers(allowed).expose_headers(exposed);
    match settings.max_age_seconds {
        Some(seconds) => layer.max_age(Duration::from_secs(seconds.into())),
        None => layer,
    }
}

/// Marks an answer that no page may read, whatever the settings say.
#[derive(Clone)]
pub(crate) struct Hidden;

fn hide(mut response: Response) -> Response {
    if response.extensions_mut().remove::<Hidden>().is_some() {
        let headers = response.headers_mut();
        let of_cors: Vec<_> = headers.keys().filter(|name| name.as_str().starts_with("access-control-")).cloned().collect();
        for name in of_cors.iter().chain([&VARY]) {
            headers.remove(name);
        }
    }
    response
}

pub(crate) async fn answer(State(cloud): State<Shared>, request: Request, next: Next) -> Response {
    let mut service = layer(&cloud.world().settings).layer(next);
    if request.method() == Method::OPTIONS && !request.uri().path().starts_with("/standin") {
        return hide(fault::around(&cloud, request, move |request| service.call(request)).await);
    }
    let Ok(response) = service.call(request).await;
    hide(response)
}
