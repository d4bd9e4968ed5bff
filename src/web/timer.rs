//! Clocks and timers, and work in the background.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use js_sys::{Date, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::browser::Browser;
use super::settled::Settled;
use crate::cloud::ports::Timer;
use crate::model::time::{Instant, Timestamp};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;

    /// Settles the wait with this number after some milliseconds: see `src/js/instance.js`.
    #[wasm_bindgen(js_name = startTimer)]
    fn start_timer(millis: u32, number: u32) -> JsValue;

    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);

    /// Resolves in a later task.
    #[wasm_bindgen(js_name = nextTask)]
    fn next_task() -> Promise;
}

#[allow(clippy::cast_possible_truncation, reason = "a number far below 2⁵³; the cast drops only a fraction of a millisecond")]
pub(super) fn now() -> Instant {
    Instant::from_millis(performance_now() as i64)
}

#[allow(clippy::cast_possible_truncation, reason = "a whole number far below 2⁵³")]
pub(super) fn wall_clock() -> Timestamp {
    Timestamp::from_millis(Date::now() as i64)
}

impl Timer for Browser {
    fn now(&self) -> Instant {
        now()
    }

    fn wall_clock(&self) -> Timestamp {
        wall_clock()
    }

    fn sleep(&self, millis: u32) -> LocalBoxFuture<'static, ()> {
        Box::pin(Timeout::new(millis))
    }

    fn next_task(&self) -> LocalBoxFuture<'static, ()> {
        Box::pin(async {
            let _ = Settled::of(&next_task()).await;
        })
    }

    fn spawn(&self, work: LocalBoxFuture<'static, ()>) {
        spawn(work);
    }
}

/// Boxed to avoid one compiled copy of what runs it for each kind of work (wasm size).
pub(super) fn spawn(work: LocalBoxFuture<'static, ()>) {
    spawn_local(work);
}

/// The longest time that `setTimeout` can wait, in milliseconds: a longer one would be over at once.
const MAX_TIMEOUT_MS: u32 = 2_147_483_647;

/// Ready after some milliseconds. Clears its timeout when dropped.
pub(super) struct Timeout {
    timer: JsValue,
    elapsed: Settled,
}

impl Timeout {
    pub(super) fn new(millis: u32) -> Timeout {
        let elapsed = Settled::new();
        Timeout { timer: start_timer(millis.min(MAX_TIMEOUT_MS), elapsed.number()), elapsed }
    }
}

impl Future for Timeout {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.elapsed.poll_unpin(context).map(drop)
    }
}

impl Drop for Timeout {
    fn drop(&mut self) {
        clear_timeout(&self.timer);
    }
}
