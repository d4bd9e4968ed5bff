//! Panics that a test asks for, by an agent's id. Not part of what ships.

#![allow(clippy::panic, reason = "on purpose")]

use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use super::timer::Timeout;

pub(super) async fn if_asked(agent_id: &JsValue) {
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
