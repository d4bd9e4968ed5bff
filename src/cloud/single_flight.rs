//! Merges concurrent calls for the same work into one.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared, WeakShared};

use crate::model::sorted_map::SortedMap;

/// Shared work. The work is dropped when its last caller drops it.
pub(crate) type InFlight<V> = Shared<LocalBoxFuture<'static, V>>;

/// Work in flight, by name. Each piece of work has a tag.
pub(crate) struct SingleFlight<T, V: Clone> {
    flights: RefCell<SortedMap<Rc<str>, Flights<T, V>>>,
    begun: Cell<u64>,
}

/// Flights with the same name.
type Flights<T, V> = Vec<Flight<T, V>>;

struct Flight<T, V: Clone> {
    number: u64,
    tag: T,
    work: WeakShared<LocalBoxFuture<'static, V>>,
}

impl<T: 'static, V: Clone + 'static> SingleFlight<T, V> {
    /// Nothing is in flight.
    pub(crate) fn new() -> Rc<SingleFlight<T, V>> {
        Rc::new(SingleFlight { flights: RefCell::default(), begun: Cell::default() })
    }

    /// The first work of this name whose tag `accept` accepts, with `accept`'s result.
    pub(crate) fn find<R>(&self, name: &str, accept: impl Fn(&T) -> Option<R>) -> Option<(R, InFlight<V>)> {
        let flights = self.flights.borrow();
        flights.get(name)?.iter().find_map(|flight| Some((accept(&flight.tag)?, flight.work.upgrade()?)))
    }

    /// Begins work that callers may join from now on.
    /// Boxed work, to avoid one copy for each kind (wasm size).
    pub(crate) fn begin(self: &Rc<Self>, name: Rc<str>, tag: T, work: LocalBoxFuture<'static, V>) -> InFlight<V> {
        let number = self.begun.get();
        self.begun.set(number.wrapping_add(1));
        let entry = Entry { flights: self.clone(), name: name.clone(), number };
        let work: LocalBoxFuture<'static, V> = Box::pin(async move {
            let result = work.await;
            // Before any caller sees the result, so that a later caller starts anew.
            drop(entry);
            result
        });
        let shared = work.shared();
        if let (Some(work), Some(same)) = (shared.downgrade(), self.flights.borrow_mut().entry(name)) {
            same.push(Flight { number, tag, work });
        }
        shared
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
