//! Values from the page: promises, responses, signals. Reading one may throw, and an exception that passes through the
//! module would corrupt it, so every read catches. Reads rely on a value's members, not on its class.

use js_sys::{Array, Object, Reflect};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = Object, js_name = entries)]
    fn object_entries(object: &JsValue) -> Result<Array, JsValue>;

    /// An `AbortSignal` of any frame.
    #[derive(Clone)]
    pub(super) type AbortSignal;

    #[wasm_bindgen(catch, method, js_name = addEventListener)]
    pub(super) fn add_event_listener(this: &AbortSignal, event: &str, listener: &JsValue) -> Result<(), JsValue>;

    #[wasm_bindgen(catch, method, js_name = removeEventListener)]
    pub(super) fn remove_event_listener(this: &AbortSignal, event: &str, listener: &JsValue) -> Result<(), JsValue>;

    #[wasm_bindgen(catch, method, getter)]
    pub(super) fn aborted(this: &AbortSignal) -> Result<JsValue, JsValue>;
}

/// A property of any value; undefined if it cannot be read.
pub(super) fn property(value: &JsValue, name: &str) -> JsValue {
    Reflect::get(value, &name.into()).unwrap_or_default()
}

/// A global of the page; undefined if it cannot be read.
pub(super) fn global(name: &str) -> JsValue {
    property(&js_sys::global(), name)
}

/// A property of the value itself, and not of its prototype: other code of the page may have put anything on
/// `Object.prototype`. Undefined if there is none.
pub(super) fn own_property(value: &JsValue, name: &str) -> Result<JsValue, JsValue> {
    let name = name.into();
    let descriptor = Reflect::get_own_property_descriptor(value.unchecked_ref::<Object>(), &name)?;
    if descriptor.is_undefined() { Ok(descriptor) } else { Reflect::get(value, &name) }
}

/// The own properties of an object, in their order.
pub(super) fn entries(object: &JsValue) -> Result<Vec<(String, JsValue)>, JsValue> {
    Ok(named(&object_entries(object)?))
}

/// The names and values of an array of pairs.
pub(super) fn named(pairs: &Array) -> Vec<(String, JsValue)> {
    let mut named = Vec::new();
    for at in 0..pairs.length() {
        let pair: Array = pairs.get(at).unchecked_into();
        if let Some(name) = pair.get(0).as_string() {
            named.push((name, pair.get(1)));
        }
    }
    named
}

/// The texts among named values.
pub(super) fn texts(named: Vec<(String, JsValue)>) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for (name, value) in named {
        if let Some(text) = value.as_string() {
            texts.push((name, text));
        }
    }
    texts
}
