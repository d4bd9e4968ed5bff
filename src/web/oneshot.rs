//! A value that a callback of the platform sends later.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A channel for one value. Clones share the channel.
pub(super) struct Oneshot<T>(Rc<RefCell<State<T>>>);

struct State<T> {
    value: Option<T>,
    waker: Option<Waker>,
}

impl<T> Clone for Oneshot<T> {
    fn clone(&self) -> Oneshot<T> {
        Oneshot(self.0.clone())
    }
}

impl<T> Oneshot<T> {
    pub(super) fn new() -> Oneshot<T> {
        Oneshot(Rc::new(RefCell::new(State { value: None, waker: None })))
    }

    /// Sends the value, unless an earlier value has not been received yet.
    pub(super) fn send(&self, value: T) {
        let mut state = self.0.borrow_mut();
        state.value.get_or_insert(value);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn poll_recv(&self, context: &mut Context<'_>) -> Poll<T> {
        let mut state = self.0.borrow_mut();
        match state.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Waits for the value, and takes it out.
    pub(super) fn recv(&self) -> impl Future<Output = T> {
        poll_fn(|context| self.poll_recv(context))
    }
}
