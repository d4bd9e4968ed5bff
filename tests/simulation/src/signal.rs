//! Something that happens once, and wakes whoever waits for it.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};

/// Clones are the same signal.
#[derive(Clone, Default)]
pub struct Signal(Rc<Inner>);

#[derive(Default)]
struct Inner {
    is_given: Cell<bool>,
    wakers: RefCell<Vec<Waker>>,
}

impl Signal {
    /// It happens.
    pub fn give(&self) {
        self.0.is_given.set(true);
        for waker in self.0.wakers.take() {
            waker.wake();
        }
    }

    /// Whether it has happened.
    pub fn is_given(&self) -> bool {
        self.0.is_given.get()
    }

    /// Ready when it has happened.
    pub fn given(&self) -> impl Future<Output = ()> + use<> {
        let signal = self.clone();
        poll_fn(move |context| {
            if signal.is_given() {
                return Poll::Ready(());
            }
            let mut wakers = signal.0.wakers.borrow_mut();
            if !wakers.iter().any(|waker| waker.will_wake(context.waker())) {
                wakers.push(context.waker().clone());
            }
            Poll::Pending
        })
    }
}
