//! Panics that a test requests with an agent's id. Not part of the published package.

#![allow(clippy::panic, reason = "on purpose")]

use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use super::timer::Timeout;

pub(super) async fn if_requested(agent_id: &JsValue) {
    match agent_id.as_string().as_deref() {
        Some("panic-now") => panic!("on purpose, now"),
        Some("panic-later") => later("later").await,
        Some("panic-behind") => spawn_local(later("behind")),
        _ => {}
    }
}

async fn later(how: &str) {
    Timeout::new(20).await;
    panic!("on purpose, {how}");
}
