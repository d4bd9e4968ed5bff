//! Panics that a test requests with an agent's id. Not part of the published package.

#![allow(clippy::panic, reason = "on purpose")]

use std::future::ready;

use futures_util::future::LocalBoxFuture;
use wasm_bindgen_futures::spawn_local;

use super::timer::Timeout;

/// Panics now, in the future that is returned, or in a future that nobody waits for.
pub(super) fn if_requested(agent_id: &str) -> LocalBoxFuture<'static, ()> {
    match agent_id {
        "panic-now" => panic!("on purpose, now"),
        "panic-later" => return Box::pin(later("later")),
        "panic-behind" => spawn_local(later("behind")),
        _ => {}
    }
    Box::pin(ready(()))
}

async fn later(how: &str) {
    Timeout::new(20).await;
    panic!("on purpose, {how}");
}
