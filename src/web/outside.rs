//! Calls of the platform and the app that may run other code before they return: opening a window runs the event loop, an abort
//! dispatches an event, `getToken` is the app's. That code may call the module, which must not be on the stack then, so
//! `src/js/instance.js` makes these calls.

use js_sys::Promise;
use wasm_bindgen::prelude::*;

use super::foreign::property;
use super::settled::Settled;

#[wasm_bindgen]
extern "C" {
    /// Calls a method with the first `count` arguments when the module has returned, in the same turn. Resolves to an object
    /// with the `result`; rejects if the method throws. Nobody has to handle the rejection.
    fn outside(target: &JsValue, method: &str, count: usize, first: &JsValue, second: &JsValue, third: &JsValue) -> Promise;
}

/// Begins a call of a method with at most three arguments. Its result is for [`result`].
pub(super) fn begin(target: &JsValue, method: &str, arguments: &[&JsValue]) -> Promise {
    // Not an array: other code of the page may have put a setter on `Object.prototype` that swallows its items.
    let absent = JsValue::UNDEFINED;
    let argument = |at: usize| arguments.get(at).copied().unwrap_or(&absent);
    outside(target, method, arguments.len(), argument(0), argument(1), argument(2))
}

/// Calls a method whose result nobody needs.
pub(super) fn call(target: &JsValue, method: &str, arguments: &[&JsValue]) {
    drop(begin(target, method, arguments));
}

/// The result of a call that was begun, as it is. The error is what the method throws.
pub(super) async fn result(begun: Promise) -> Result<JsValue, JsValue> {
    Ok(property(&Settled::of(&begun).await?, "result"))
}
