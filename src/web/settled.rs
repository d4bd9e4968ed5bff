//! Waits for the platform's promises, timers, responses and messages. Each wait has a number. A closure for each would cost more
//! than the wait itself, because the garbage collector keeps a list of closures.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use wasm_bindgen::prelude::*;

/// What a promise is fulfilled or rejected with.
pub(super) type Outcome = Result<JsValue, JsValue>;

#[wasm_bindgen]
extern "C" {
    /// Calls [`settled`](super::exports::settled) when the promise settles: see `src/js/instance.js`. The platform catches what the
    /// value's `then` throws.
    #[wasm_bindgen(js_name = waitFor)]
    fn wait_for(value: &JsValue, number: u32);
}

thread_local! {
    static WAITS: RefCell<Waits> = const { RefCell::new(Waits { last_number: 0, waits: Vec::new() }) };
}

struct Waits {
    last_number: u32,
    /// By number, in ascending order.
    waits: Vec<(u32, Wait)>,
}

enum Wait {
    Pending(Option<Waker>),
    Ready(Outcome),
}

impl Waits {
    fn place(&self, number: u32) -> Option<usize> {
        self.waits.binary_search_by_key(&number, |(number, _)| *number).ok()
    }
}

/// A wait for the platform to settle something.
pub(super) struct Settled(u32);

impl Settled {
    /// Waits for the value, if it is a promise or anything else with a `then`.
    pub(super) fn of(value: &JsValue) -> Settled {
        let settled = Settled::new();
        wait_for(value, settled.0);
        settled
    }

    /// Waits for a call of [`settle`] with its number.
    pub(super) fn new() -> Settled {
        WAITS.with_borrow_mut(|all| {
            all.last_number = all.last_number.wrapping_add(1);
            all.waits.push((all.last_number, Wait::Pending(None)));
            Settled(all.last_number)
        })
    }

    pub(super) fn number(&self) -> u32 {
        self.0
    }

    pub(super) fn poll_outcome(&self, context: &mut Context<'_>) -> Poll<Outcome> {
        // What is replaced is dropped when the list is no longer borrowed: the last waker of a task drops the task's own waits.
        let wait = WAITS.with_borrow_mut(|all| {
            let at = all.place(self.0)?;
            let (_, wait) = all.waits.get_mut(at)?;
            Some(std::mem::replace(wait, Wait::Pending(Some(context.waker().clone()))))
        });
        match wait {
            Some(Wait::Ready(outcome)) => Poll::Ready(outcome),
            _ => Poll::Pending,
        }
    }
}

impl Future for Settled {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        self.poll_outcome(context)
    }
}

impl Drop for Settled {
    fn drop(&mut self) {
        WAITS.with_borrow_mut(|all| all.place(self.0).map(|at| all.waits.remove(at)));
    }
}

/// Ends the wait with this number, if it has neither been dropped nor ended.
pub(super) fn settle(number: u32, outcome: Outcome) {
    let wait = WAITS.with_borrow_mut(|all| {
        let at = all.place(number)?;
        let (_, wait) = all.waits.get_mut(at)?;
        matches!(wait, Wait::Pending(_)).then(|| std::mem::replace(wait, Wait::Ready(outcome)))
    });
    if let Some(Wait::Pending(Some(waker))) = wait {
        waker.wake();
    }
}
