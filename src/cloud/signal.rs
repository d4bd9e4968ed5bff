//! A signal that ends calls: the app's abort, or the recorder's close.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::model::sorted_map::SortedMap;

/// Can be aborted once, like an `AbortSignal`. Clones share the signal.
#[derive(Clone, Debug, Default)]
pub struct Signal(Rc<State>);

#[derive(Debug, Default)]
struct State {
    is_aborted: Cell<bool>,
    waiters: Waiters,
}

impl Signal {
    /// Aborts, and wakes every task that waits for that.
    pub fn abort(&self) {
        self.0.is_aborted.set(true);
        self.0.waiters.wake();
    }

    /// Whether the signal was aborted.
    pub fn is_aborted(&self) -> bool {
        self.0.is_aborted.get()
    }

    /// Whether both are the same signal.
    pub(crate) fn is_same(&self, other: &Signal) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Ready when the signal is aborted.
    pub fn aborted(&self) -> impl Future<Output = ()> {
        self.0.waiters.until(|| self.is_aborted())
    }
}

/// Tasks that wait for something to change.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    wakers: RefCell<SortedMap<u64, Waker>>,
    joined: Cell<u64>,
}

impl Waiters {
    /// Wakes every task that waits.
    pub(crate) fn wake(&self) {
        // Take the wakers first: a waker may run its task at once, and the task may register again.
        for waker in self.wakers.take().into_values() {
            waker.wake();
        }
    }

    /// Adds a waiting task.
    pub(crate) fn join(&self) -> Waiter<'_> {
        let number = self.joined.get();
        self.joined.set(number.wrapping_add(1));
        Waiter { waiters: self, number }
    }

    /// Ready when this is so. Looks whenever the tasks are woken.
    pub(crate) fn until(&self, is_so: impl Fn() -> bool) -> impl Future<Output = ()> {
        let waiter = self.join();
        poll_fn(move |context| {
            if is_so() {
                return Poll::Ready(());
            }
            waiter.register(context);
            Poll::Pending
        })
    }
}

/// A task that waits, until dropped.
pub(crate) struct Waiter<'a> {
    waiters: &'a Waiters,
    number: u64,
}

impl Waiter<'_> {
    /// Wakes this task on the next change.
    pub(crate) fn register(&self, context: &mut Context<'_>) {
        self.waiters.wakers.borrow_mut().insert(self.number, context.waker().clone());
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.waiters.wakers.borrow_mut().remove(&self.number);
    }
}
