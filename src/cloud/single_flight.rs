//! Merges concurrent calls for the same work into one.

use std::cell::{Cell, OnceCell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared, WeakShared};

use crate::model::sorted_map::SortedMap;

/// Shared work, which is dropped when its last caller drops it. The result is beside the work, so that there is one kind of work for
/// all results (wasm size).
pub(crate) struct InFlight<V> {
    work: Shared<LocalBoxFuture<'static, ()>>,
    result: Rc<OnceCell<V>>,
}

impl<V> Clone for InFlight<V> {
    fn clone(&self) -> Self {
        InFlight { work: self.work.clone(), result: self.result.clone() }
    }
}

impl<V> InFlight<V> {
    /// The result, if the work is done.
    pub(crate) fn peek(&self) -> Option<&V> {
        self.result.get()
    }
}

impl<V: Clone> Future for InFlight<V> {
    type Output = V;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<V> {
        match (self.work.poll_unpin(context), self.result.get()) {
            (Poll::Ready(()), Some(result)) => Poll::Ready(result.clone()),
            _ => Poll::Pending,
        }
    }
}

/// Work in flight, by name. Each piece of work has a tag.
pub(crate) struct SingleFlight<T, V: Clone> {
    flights: RefCell<SortedMap<Key, Flight<T, V>>>,
    begun: Cell<u64>,
}

/// The work's name, and its number.
type Key = (Rc<str>, u64);

struct Flight<T, V> {
    tag: T,
    work: WeakShared<LocalBoxFuture<'static, ()>>,
    result: Rc<OnceCell<V>>,
}

impl<T, V> Flight<T, V> {
    fn in_flight(&self) -> Option<InFlight<V>> {
        Some(InFlight { work: self.work.upgrade()?, result: self.result.clone() })
    }
}

impl<T: 'static, V: Clone + 'static> SingleFlight<T, V> {
    /// Nothing is in flight.
    pub(crate) fn new() -> Rc<SingleFlight<T, V>> {
        Rc::new(SingleFlight { flights: RefCell::default(), begun: Cell::default() })
    }

    /// The first work of this name whose tag `accept` accepts, with `accept`'s result.
    pub(crate) fn find<R>(&self, name: &Rc<str>, accept: impl Fn(&T) -> Option<R>) -> Option<(R, InFlight<V>)> {
        for ((other, _), flight) in self.flights.borrow().from(&(name.clone(), 0)) {
            if other != name {
                break;
            }
            if let (Some(accepted), Some(work)) = (accept(&flight.tag), flight.in_flight()) {
                return Some((accepted, work));
            }
        }
        None
    }

    /// Begins work that callers may join from now on.
    /// Boxed work, to avoid one copy for each kind (wasm size).
    pub(crate) fn begin(self: &Rc<Self>, name: Rc<str>, tag: T, work: LocalBoxFuture<'static, V>) -> InFlight<V> {
        let number = self.begun.get();
        self.begun.set(number.wrapping_add(1));
        let key = (name, number);
        let entry = Entry { flights: self.clone(), key: key.clone() };
        let result = Rc::new(OnceCell::new());
        let given = result.clone();
        let work: LocalBoxFuture<'static, ()> = Box::pin(async move {
            let result = work.await;
            // Before any caller sees the result, so that a later caller starts anew.
            drop(entry);
            let _ = given.set(result);
        });
        let shared = work.shared();
        if let Some(work) = shared.downgrade() {
            self.flights.borrow_mut().insert(key, Flight { tag, work, result: result.clone() });
        }
        InFlight { work: shared, result }
    }

    /// Removes the first work of this name, or of any name, so that no new caller joins it. Hands its tag out, so that the tag is
    /// not dropped while the list is borrowed.
    pub(crate) fn take(&self, name: Option<&Rc<str>>) -> Option<T> {
        let mut flights = self.flights.borrow_mut();
        let begin = (name.cloned().unwrap_or_default(), 0);
        let (key, _) = flights.from(&begin).next().filter(|((other, _), _)| name.is_none_or(|name| name == other))?;
        let key = key.clone();
        flights.remove(&key).map(|flight| flight.tag)
    }
}

/// Removes the work from the list when it is done or dropped.
struct Entry<T, V: Clone> {
    flights: Rc<SingleFlight<T, V>>,
    key: Key,
}

impl<T, V: Clone> Drop for Entry<T, V> {
    fn drop(&mut self) {
        let removed = self.flights.flights.borrow_mut().remove(&self.key);
        // Drop the tag only after the borrow ends.
        drop(removed);
    }
}
