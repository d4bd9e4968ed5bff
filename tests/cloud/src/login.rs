//! The login origin: it exists, and leads nowhere.

use axum::{
    Router,
    middleware::{from_fn_with_state, map_response},
};

use crate::{
    api, cors, fault,
    ledger::{self, Listener},
    refusal,
    world::Shared,
};

pub(crate) fn router(cloud: &Shared) -> Router {
    Router::new()
        .fallback(refusal::not_found)
        .layer(from_fn_with_state(cloud.clone(), fault::inject))
        .layer(from_fn_with_state((cloud.clone(), Listener::Login), ledger::keep))
        .layer(map_response(api::correlate))
        .layer(from_fn_with_state(cloud.clone(), cors::answer))
}
