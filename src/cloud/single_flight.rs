//! Merges concurrent calls for the same work into one.

use std::cell::{Cell, OnceCell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared, WeakShared};

use crate::model::sorted_map::SortedMap;

/// Shared work. The work is dropped when its last caller drops it.
/// One kind of shared work for all results, to avoid one copy for each (wasm size).
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
    flights: RefCell<SortedMap<Rc<str>, Flights<T, V>>>,
    begun: Cell<u64>,
}

/// Flights with the same name.
type Flights<T, V> = Vec<Flight<T, V>>;

struct Flight<T, V> {
    number: u64,
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
    pub(crate) fn find<R>(&self, name: &str, accept: impl Fn(&T) -> Option<R>) -> Option<(R, InFlight<V>)> {
        let flights = self.flights.borrow();
        flights.get(name)?.iter().find_map(|flight| Some((accept(&flight.tag)?, flight.in_flight()?)))
    }

    /// Begins work that callers may join from now on.
    /// Boxed work, to avoid one copy for each kind (wasm size).
    pub(crate) fn begin(self: &Rc<Self>, name: Rc<str>, tag: T, work: LocalBoxFuture<'static, V>) -> InFlight<V> {
        let number = self.begun.get();
        self.begun.set(number.wrapping_add(1));
        let entry = Entry { flights: self.clone(), name: name.clone(), number };
        let result = Rc::new(OnceCell::new());
        let given = result.clone();
        let work: LocalBoxFuture<'static, ()> = Box::pin(async move {
            let _ = given.set(work.await);
            // Before any caller sees the result, so that a later caller starts anew.
            drop(entry);
        });
        let shared = work.shared();
        if let (Some(work), Some(same)) = (shared.downgrade(), self.flights.borrow_mut().entry(name)) {
            same.push(Flight { number, tag, work, result: result.clone() });
        }
        InFlight { work: shared, result }
    }

    /// Removes all work of this name, or of every name, so that no new caller joins it. Hands the tags out, so that none is
    /// dropped while the list is borrowed.
    pub(crate) fn take(&self, name: Option<&str>) -> Vec<T> {
        let mut flights = self.flights.borrow_mut();
        let taken = match name {
            Some(name) => flights.remove(name).unwrap_or_default(),
            None => std::mem::take(&mut *flights).into_values().flatten().collect(),
        };
        taken.into_iter().map(|flight| flight.tag).collect()
    }
}

/// Removes the work from the list when it is done or dropped.
struct Entry<T, V: Clone> {
    flights: Rc<SingleFlight<T, V>>,
    name: Rc<str>,
    number: u64,
}

impl<T, V: Clone> Drop for Entry<T, V> {
    fn drop(&mut self) {
        let mut flights = self.flights.flights.borrow_mut();
        let Some(same) = flights.get_mut(&*self.name) else { return };
        let removed = same.iter().position(|flight| flight.number == self.number).map(|at| same.remove(at));
        if same.is_empty() {
            flights.remove(&*self.name);
        }
        drop(flights);
        drop(removed);
    }
}
