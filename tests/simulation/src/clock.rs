//! Virtual time, and what happens at which time.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use premium_recorder::cloud::signal::Signal;

/// When every schedule begins, in milliseconds since 1970.
pub const BEGINNING: i64 = 1_800_000_000_000;

/// When something happens, and which of those that do.
pub type Moment = (i64, u64);

/// Something that happens.
pub enum Event {
    /// A timer is over, which is to be at this moment.
    Timer(Rc<Cell<Moment>>, Option<Waker>),
    /// A request arrives at the cloud.
    Arrival(usize),
    /// A request's answer arrives.
    Answer(usize),
    /// A call is aborted.
    Abort(Signal),
    /// A page that takes part in sharing is told to forget its token.
    Forget(u64),
    /// Somebody in front of this window does something.
    SignIn(usize),
    /// What this window says arrives.
    Response(usize),
    /// A tab is left for a sign-in, and comes back after so many milliseconds with this query.
    Leaves {
        /// The recorder that leaves.
        recorder: usize,
        /// The tab.
        tab: usize,
        /// When it comes back, and with which query.
        returns: Option<(i64, String)>,
    },
    /// A tab comes back from a sign-in.
    Returns {
        /// The tab.
        tab: usize,
        /// Its query.
        query: String,
    },
}

/// The time, and what is to happen.
pub struct Clock {
    now: Cell<i64>,
    next: Cell<u64>,
    events: RefCell<BTreeMap<Moment, Event>>,
}

impl Default for Clock {
    fn default() -> Clock {
        Clock { now: Cell::new(BEGINNING), next: Cell::default(), events: RefCell::default() }
    }
}

impl Clock {
    /// The time.
    pub fn now(&self) -> i64 {
        self.now.get()
    }

    /// Lets something happen after so many milliseconds.
    pub fn after(&self, millis: i64, event: Event) {
        let moment = self.moment_after(millis);
        self.events.borrow_mut().insert(moment, event);
    }

    fn moment_after(&self, millis: i64) -> Moment {
        let moment = (self.now() + millis, self.next.get());
        self.next.set(moment.1 + 1);
        moment
    }

    fn timer(&self, millis: i64) -> Rc<Cell<Moment>> {
        let moment = Rc::new(Cell::new(self.moment_after(millis)));
        self.events.borrow_mut().insert(moment.get(), Event::Timer(moment.clone(), None));
        moment
    }

    /// The next event up to this time; it is that time then.
    pub fn next_until(&self, end: i64) -> Option<Event> {
        let mut events = self.events.borrow_mut();
        let (&moment, _) = events.first_key_value()?;
        if moment.0 > end {
            return None;
        }
        self.now.set(self.now().max(moment.0));
        events.remove(&moment)
    }

    /// The next request that arrives up to this time; it is that time then. All else waits.
    pub fn next_arrival_until(&self, end: i64) -> Option<usize> {
        let mut events = self.events.borrow_mut();
        let arrivals =
            events.iter().filter_map(|(&moment, event)| if let Event::Arrival(flight) = event { Some((moment, *flight)) } else { None });
        let (moment, flight) = arrivals.take_while(|(moment, _)| moment.0 <= end).next()?;
        self.now.set(self.now().max(moment.0));
        events.remove(&moment);
        Some(flight)
    }

    /// Each timer is over so much later, in milliseconds.
    pub fn delay_timers(&self, millis: i64) {
        let events = self.events.take().into_iter().map(|(moment, event)| match event {
            Event::Timer(later, waker) => {
                later.set((moment.0 + millis, moment.1));
                (later.get(), Event::Timer(later, waker))
            }
            event => (moment, event),
        });
        self.events.replace(events.collect());
    }

    /// Whether anything else happens at this very time.
    pub fn has_more_now(&self) -> bool {
        self.events.borrow().first_key_value().is_some_and(|(moment, _)| moment.0 <= self.now())
    }

    /// It is this time.
    pub fn set(&self, time: i64) {
        self.now.set(self.now().max(time));
    }

    /// How many timers somebody waits for.
    pub fn timers(&self) -> usize {
        self.events.borrow().values().filter(|event| matches!(event, Event::Timer(..))).count()
    }

    /// Forgets what was to happen.
    pub fn clear(&self) {
        let events = self.events.take();
        drop(events);
    }

    fn wait_for(&self, moment: Moment, waker: &Waker) {
        if let Some(Event::Timer(_, place)) = self.events.borrow_mut().get_mut(&moment) {
            *place = Some(waker.clone());
        }
    }

    fn cancel(&self, moment: Moment) {
        let cancelled = self.events.borrow_mut().remove(&moment);
        drop(cancelled);
    }
}

/// Has the clock.
pub trait HasClock {
    /// The clock.
    fn clock(&self) -> &Clock;
}

/// Ready after some milliseconds. Its event goes when it is dropped.
pub struct Timer<W: HasClock> {
    world: Rc<W>,
    moment: Rc<Cell<Moment>>,
}

impl<W: HasClock> Timer<W> {
    /// Begins to wait.
    pub fn new(world: &Rc<W>, millis: i64) -> Timer<W> {
        Timer { world: world.clone(), moment: world.clock().timer(millis) }
    }
}

impl<W: HasClock> Future for Timer<W> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let clock = self.world.clock();
        // The event may be over at this time only after others of this time.
        if clock.now() >= self.moment.get().0 && !clock.events.borrow().contains_key(&self.moment.get()) {
            return Poll::Ready(());
        }
        clock.wait_for(self.moment.get(), context.waker());
        Poll::Pending
    }
}

impl<W: HasClock> Drop for Timer<W> {
    fn drop(&mut self) {
        self.world.clock().cancel(self.moment.get());
    }
}
