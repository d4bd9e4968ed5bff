//! `setTimeout` as a future.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use wasm_bindgen::prelude::*;

use super::slot::Oneshot;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Closure<dyn FnMut()>, millis: u32) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);
}

/// Ready after some milliseconds. Clears its timeout when dropped.
pub(super) struct Timer {
    timer: JsValue,
    over: Oneshot<()>,
    _callback: Closure<dyn FnMut()>,
}

impl Timer {
    pub(super) fn new(millis: u32) -> Timer {
        let over = Oneshot::empty();
        let to_fill = over.clone();
        let callback = Closure::new(move || to_fill.fill(()));
        Timer { timer: set_timeout(&callback, millis), over, _callback: callback }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.over.poll_taken(context)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        clear_timeout(&self.timer);
    }
}
