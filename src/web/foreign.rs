//! Values that the page made: a promise, a response, a signal. Reading one may throw, and an exception that passed
//! through the module would leave it in pieces; so each is read with a catch, and taken for what it can do.

use js_sys::{Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// A `Response`, of whichever frame or make.
    pub(super) type ForeignResponse;

    #[wasm_bindgen(catch, method, getter)]
    pub(super) fn status(this: &ForeignResponse) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch, method, getter)]
    pub(super) fn headers(this: &ForeignResponse) -> Result<ForeignHeaders, JsValue>;

    #[wasm_bindgen(catch, method)]
    pub(super) fn text(this: &ForeignResponse) -> Result<JsValue, JsValue>;

    pub(super) type ForeignHeaders;

    #[wasm_bindgen(catch, method)]
    pub(super) fn get(this: &ForeignHeaders, name: &str) -> Result<JsValue, JsValue>;

    /// An `AbortSignal`, of whichever frame.
    #[derive(Clone)]
    pub(super) type AbortSignal;

    #[wasm_bindgen(catch, method, getter)]
    pub(super) fn aborted(this: &AbortSignal) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch, method, js_name = addEventListener)]
    pub(super) fn add_event_listener(this: &AbortSignal, event: &str, listener: &JsValue) -> Result<(), JsValue>;

    #[wasm_bindgen(catch, method, js_name = removeEventListener)]
    pub(super) fn remove_event_listener(this: &AbortSignal, event: &str, listener: &JsValue) -> Result<(), JsValue>;
}

/// A property of whatever this is; undefined if it cannot be read.
pub(super) fn property(value: &JsValue, name: &str) -> JsValue {
    Reflect::get(value, &name.into()).unwrap_or_default()
}

/// What the value comes to, if it is a promise or anything else with a `then`.
pub(super) async fn resolve(value: &JsValue) -> Result<JsValue, JsValue> {
    // A promise of our own takes it up: the platform catches what that throws.
    let own = Promise::new(&mut |resolve, _| {
        let _ = resolve.call1(&JsValue::UNDEFINED, value);
    });
    JsFuture::from(own).await
}
