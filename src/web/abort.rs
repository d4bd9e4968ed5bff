//! `AbortSignal`s, both ways.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

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
    signal: Option<AbortSignal>,
    listener: Option<Closure<dyn FnMut()>>,
    waker: Rc<RefCell<Option<Waker>>>,
}

impl Aborted {
    /// Without a signal, never ready.
    pub(super) fn by(signal: Option<AbortSignal>) -> Aborted {
        let waker = Rc::new(RefCell::new(None::<Waker>));
        let listener = signal.as_ref().and_then(|signal| {
            let to_wake = waker.clone();
            let listener = Closure::new(move || {
                if let Some(waker) = to_wake.take() {
                    waker.wake();
                }
            });
            signal.add_event_listener_with_callback("abort", listener.as_ref().unchecked_ref()).ok()?;
            Some(listener)
        });
        Aborted { signal, listener, waker }
    }
}

impl Future for Aborted {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.signal.as_ref().is_some_and(AbortSignal::aborted) {
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
            let _ = signal.remove_event_listener_with_callback("abort", listener.as_ref().unchecked_ref());
        }
    }
}

/// Aborts its signal when dropped: whoever was given the signal learns that nobody waits any more.
pub(super) struct AbortOnDrop(AbortController);

impl AbortOnDrop {
    pub(super) fn new() -> AbortOnDrop {
        AbortOnDrop(AbortController::new())
    }

    pub(super) fn signal(&self) -> AbortSignal {
        self.0.signal()
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
