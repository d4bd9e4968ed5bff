//! `AbortSignal`s, both ways.

use std::cell::Cell;

use wasm_bindgen::prelude::*;

use super::foreign::AbortSignal;
use crate::cloud::signal::Signal;

#[wasm_bindgen]
extern "C" {
    /// Unlike web-sys' own, with a constructor that does not pretend to fail.
    pub(super) type AbortController;

    #[wasm_bindgen(constructor)]
    pub(super) fn new() -> AbortController;

    #[wasm_bindgen(method, getter)]
    pub(super) fn signal(this: &AbortController) -> web_sys::AbortSignal;

    #[wasm_bindgen(method)]
    pub(super) fn abort(this: &AbortController);
}

/// Passes the abort of the app's `AbortSignal` on, until dropped.
pub(super) struct AbortListener {
    given: Option<(AbortSignal, Closure<dyn FnMut()>)>,
}

impl AbortListener {
    /// Without a signal, nothing is ever aborted.
    pub(super) fn new(given: Option<AbortSignal>, signal: &Signal) -> AbortListener {
        let given = given.and_then(|given| {
            if given.aborted().is_ok_and(|aborted| aborted.is_truthy()) {
                signal.abort();
            }
            let to_abort = signal.clone();
            let listener = Closure::new(move || to_abort.abort());
            given.add_event_listener("abort", listener.as_ref()).ok()?;
            Some((given, listener))
        });
        AbortListener { given }
    }
}

impl Drop for AbortListener {
    fn drop(&mut self) {
        if let Some((signal, listener)) = &self.given {
            // removeEventListener can only throw on a fake signal, on which addEventListener failed too.
            let _ = signal.remove_event_listener("abort", listener.as_ref());
        }
    }
}

/// Aborts its signal when dropped before the work is done: whoever was given it learns that nobody waits any more.
pub(super) struct AbortOnDrop {
    controller: AbortController,
    is_done: Cell<bool>,
}

impl AbortOnDrop {
    pub(super) fn new() -> AbortOnDrop {
        AbortOnDrop { controller: AbortController::new(), is_done: Cell::new(false) }
    }

    pub(super) fn signal(&self) -> web_sys::AbortSignal {
        self.controller.signal()
    }

    pub(super) fn done(&self) {
        self.is_done.set(true);
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if !self.is_done.get() {
            self.controller.abort();
        }
    }
}
