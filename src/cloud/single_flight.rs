//! Merges concurrent calls for the same work into one.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared, WeakShared};

/// Shared work. The work is dropped when its last caller drops it.
pub(crate) type InFlight<V> = Shared<LocalBoxFuture<'static, V>>;

/// Work in flight, by key.
pub(crate) struct SingleFlight<K, V: Clone> {
    flights: RefCell<Vec<Flight<K, V>>>,
    begun: Cell<u64>,
}

struct Flight<K, V: Clone> {
    number: u64,
    key: K,
    work: WeakShared<LocalBoxFuture<'static, V>>,
}

impl<K: 'static, V: Clone + 'static> SingleFlight<K, V> {
    /// Nothing is in flight.
    pub(crate) fn new() -> Rc<SingleFlight<K, V>> {
        Rc::new(SingleFlight { flights: RefCell::default(), begun: Cell::default() })
    }

    /// The first work whose key `accept` accepts, with `accept`'s result.
    pub(crate) fn find<R>(&self, accept: impl Fn(&K) -> Option<R>) -> Option<(R, InFlight<V>)> {
        let flights = self.flights.borrow();
        flights.iter().find_map(|flight| Some((accept(&flight.key)?, flight.work.upgrade()?)))
    }

    /// Whether such work is in flight.
    pub(crate) fn has(&self, matches: impl Fn(&K) -> bool) -> bool {
        self.find(|key| matches(key).then_some(())).is_some()
    }

    /// Begins work that callers may join from now on.
    pub(crate) fn begin(self: &Rc<Self>, key: K, work: impl Future<Output = V> + 'static) -> InFlight<V> {
        let number = self.begun.get();
        self.begun.set(number.wrapping_add(1));
        let flights = self.clone();
        let work: LocalBoxFuture<'static, V> = Box::pin(async move {
            let result = work.await;
            // Remove the work before any caller sees the result, so that a later caller starts anew.
            drop(flights.remove(&|flight| flight.number == number));
            result
        });
        let work = work.shared();
        drop(self.remove(&|flight| flight.work.upgrade().is_none()));
        self.flights.borrow_mut().extend(work.downgrade().map(|work| Flight { number, key, work }));
        work
    }

    /// Removes matching work, so that no new caller joins it, and returns the keys.
    pub(crate) fn take(&self, matches: impl Fn(&K) -> bool) -> Vec<K> {
        self.remove(&|flight| matches(&flight.key))
    }

    /// Hands the keys out, so that none is dropped while the list is borrowed.
    fn remove(&self, matches: &dyn Fn(&Flight<K, V>) -> bool) -> Vec<K> {
        self.flights.borrow_mut().extract_if(.., |flight| matches(flight)).map(|flight| flight.key).collect()
    }
}
