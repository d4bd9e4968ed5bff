//! `AbortSignal`s: the app's, and those that the library passes to the platform and the app.

use std::cell::Cell;

use wasm_bindgen::prelude::*;

use super::foreign::AbortSignal;
use super::outside;
use crate::cloud::signal::Signal;

#[wasm_bindgen]
extern "C" {
    pub(super) type AbortController;

    /// A new one. `src/js/instance.js` makes it, and aborts it after a panic.
    #[wasm_bindgen(js_name = abortController)]
    pub(super) fn abort_controller() -> AbortController;

    /// Nobody needs it any more. `src/js/instance.js` forgets it.
    #[wasm_bindgen(js_name = forgetController)]
    fn forget_controller(controller: &AbortController);

    #[wasm_bindgen(method, getter)]
    pub(super) fn signal(this: &AbortController) -> web_sys::AbortSignal;
}

/// Aborts a [`Signal`] when the app's `AbortSignal` is aborted, until dropped.
pub(super) struct AbortListener {
    app_signal: AbortSignal,
    listener: Closure<dyn FnMut(JsValue)>,
}

impl AbortListener {
    pub(super) fn new(app_signal: AbortSignal, signal: &Signal) -> Option<AbortListener> {
        if app_signal.aborted().is_ok_and(|aborted| aborted.is_truthy()) {
            signal.abort();
        }
        let to_abort = signal.clone();
        let listener = Closure::new(move |_| to_abort.abort());
        app_signal.add_event_listener("abort", listener.as_ref()).ok()?;
        Some(AbortListener { app_signal, listener })
    }
}

impl Drop for AbortListener {
    fn drop(&mut self) {
        // removeEventListener can only throw on a fake signal, on which addEventListener failed too.
        let _ = self.app_signal.remove_event_listener("abort", self.listener.as_ref());
    }
}

/// Aborts its signal if dropped before the work is done: the signal's receiver learns that nobody waits any more.
pub(super) struct AbortOnDrop {
    controller: AbortController,
    is_done: Cell<bool>,
}

impl AbortOnDrop {
    pub(super) fn new() -> AbortOnDrop {
        AbortOnDrop { controller: abort_controller(), is_done: Cell::new(false) }
    }

    pub(super) fn controller(&self) -> &AbortController {
        &self.controller
    }

    pub(super) fn mark_done(&self) {
        self.is_done.set(true);
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if self.is_done.get() {
            forget_controller(&self.controller);
        } else {
            // The signal's listeners may be the app's.
            outside::call(&self.controller, "abort", &[]);
        }
    }
}
