//! Work that several callers share: whoever wants the same thing meanwhile waits for it too.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared, WeakShared};

/// Work in flight as one of its callers holds it. The work ends when no caller holds it any more.
pub(crate) type InFlight<V> = Shared<LocalBoxFuture<'static, V>>;

/// The work that is in flight, with a key that says what it is for.
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

    /// The work in flight whose key is accepted, with what was made of the key.
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
            // Removed before any caller sees the result: a later caller begins anew.
            drop(flights.remove(&|flight| flight.number == number));
            result
        });
        let work = work.shared();
        drop(self.remove(&|flight| flight.work.upgrade().is_none()));
        self.flights.borrow_mut().extend(work.downgrade().map(|work| Flight { number, key, work }));
        work
    }

    /// Lets no caller join such work any more. Gives its keys.
    pub(crate) fn take(&self, matches: impl Fn(&K) -> bool) -> Vec<K> {
        self.remove(&|flight| matches(&flight.key))
    }

    /// Hands the keys out, so that none is dropped while the list is borrowed.
    fn remove(&self, matches: &dyn Fn(&Flight<K, V>) -> bool) -> Vec<K> {
        self.flights.borrow_mut().extract_if(.., |flight| matches(flight)).map(|flight| flight.key).collect()
    }
}
