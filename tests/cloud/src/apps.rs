//! The apps origin: static files, as the host that embeds a Premium App.

use std::path::Path;

use axum::{
    Router,
    handler::HandlerWithoutStateExt,
    http::{HeaderValue, header::CACHE_CONTROL},
    middleware::{from_fn_with_state, map_response},
    response::Response,
};
use tower_http::services::ServeDir;

use crate::{
    ledger::{self, Listener},
    refusal,
    world::Shared,
};

pub(crate) fn router(cloud: &Shared, folder: Option<&Path>) -> Router {
    let router = match folder {
        Some(folder) => Router::new()
            .fallback_service(ServeDir::new(folder).fallback(refusal::not_found.into_service()).call_fallback_on_method_not_allowed(true)),
        None => Router::new().fallback(refusal::not_found),
    };
    router.layer(from_fn_with_state((cloud.clone(), Listener::Apps), ledger::keep)).layer(map_response(revalidate))
}

/// A rebuilt file must show at the next reload.
async fn revalidate(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
