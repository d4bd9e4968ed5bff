//! `AbortSignal`s, both ways.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use super::foreign::Signal;

#[wasm_bindgen]
extern "C" {
    /// Unlike web-sys' own, with a constructor that does not pretend to fail.
    pub(super) type AbortController;

    #[wasm_bindgen(constructor)]
    pub(super) fn new() -> AbortController;

    #[wasm_bindgen(method, getter)]
    pub(super) fn signal(this: &AbortController) -> AbortSignal;

    #[wasm_bindgen(method)]
    pub(super) fn abort(this: &AbortController);
}

/// Ready when the caller's signal aborts. Stops listening when dropped.
pub(super) struct Aborted {
    signal: Option<Signal>,
    listener: Option<Closure<dyn FnMut()>>,
    waker: Rc<RefCell<Option<Waker>>>,
}

impl Aborted {
    /// Without a signal, never ready.
    pub(super) fn by(signal: Option<Signal>) -> Aborted {
        let waker = Rc::new(RefCell::new(None::<Waker>));
        let listener = signal.as_ref().and_then(|signal| {
            let to_wake = waker.clone();
            let listener = Closure::new(move || {
                if let Some(waker) = to_wake.take() {
                    waker.wake();
                }
            });
            signal.add_event_listener("abort", listener.as_ref()).ok()?;
            Some(listener)
        });
        Aborted { signal, listener, waker }
    }
}

impl Future for Aborted {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.signal.as_ref().is_some_and(|signal| signal.aborted().is_ok_and(|aborted| aborted.is_truthy())) {
            return Poll::Ready(());
        }
        self.waker.replace(Some(context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Aborted {
    fn drop(&mut self) {
        if let (Some(signal), Some(listener)) = (&self.signal, &self.listener) {
            // Fails only for a signal that is none, to which nothing was added either.
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

    pub(super) fn signal(&self) -> AbortSignal {
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
