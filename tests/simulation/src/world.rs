//! Everything there is while a schedule runs.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::OnceLock;

use crate::clock::{BEGINNING, Clock, Event, HasClock};
use crate::cloud::Cloud;
use crate::coverage::Seen;
use crate::executor::Executor;
use crate::invariant::{Ledger, Violation};
use crate::login::Logins;
use crate::network::Network;
use crate::origin::Origin;
use crate::schedule::{ENVIRONMENTS, Fate, Give, Schedule, SignIn};
use crate::token::Tokens;

/// Invariants that do not count, for a search that is to go on past what it has found.
pub static IGNORED: OnceLock<Vec<String>> = OnceLock::new();

/// A time in which the machine slept.
struct Sleep {
    began: i64,
    ended: i64,
    /// Whether the pages' monotonic clocks stood still.
    stands_still: bool,
}

/// The world of one run.
pub struct World {
    /// The schedule.
    pub schedule: Schedule,
    /// The time.
    pub clock: Clock,
    /// The tasks.
    pub executor: Executor,
    /// What the pages have in common.
    pub origin: Rc<Origin>,
    /// The clouds.
    pub clouds: RefCell<[Cloud; ENVIRONMENTS as usize]>,
    /// The tokens.
    pub tokens: RefCell<Tokens>,
    /// The login origins, the windows and what tabs keep.
    pub logins: RefCell<Logins>,
    /// The requests.
    pub network: RefCell<Network>,
    /// The calls, and what is known of them.
    pub ledger: RefCell<Ledger>,
    /// What happened.
    pub seen: RefCell<Seen>,
    /// How far the machine's clock is off, and how far it has been at the most, in milliseconds.
    clock_off: Cell<i64>,
    most_off: Cell<i64>,
    /// When the machine slept.
    sleeps: RefCell<Vec<Sleep>>,
    /// How often the library has done something that can be seen from outside.
    pub acts: Cell<u64>,
    /// Whether it is seen to that whoever can go on was woken whenever something has happened: that takes its time.
    looks_often: bool,
    violation: RefCell<Option<Violation>>,
    log: Option<RefCell<Vec<String>>>,
    fates: Cell<usize>,
    gives: Cell<usize>,
    sign_ins: Cell<usize>,
    randoms: Cell<u64>,
}

impl HasClock for World {
    fn clock(&self) -> &Clock {
        &self.clock
    }
}

impl World {
    /// The world of this schedule.
    pub fn new(schedule: Schedule, logs: bool) -> Rc<World> {
        let [one, two] = schedule.clouds.clone();
        Rc::new(World {
            clock: Clock::default(),
            executor: Executor::new(schedule.order),
            origin: Rc::default(),
            clouds: RefCell::new([Cloud::new(0, one), Cloud::new(1, two)]),
            tokens: RefCell::default(),
            logins: RefCell::default(),
            network: RefCell::default(),
            ledger: RefCell::default(),
            seen: RefCell::default(),
            acts: Cell::default(),
            clock_off: Cell::default(),
            most_off: Cell::default(),
            sleeps: RefCell::default(),
            looks_often: schedule.order % 8 == 1,
            violation: RefCell::default(),
            log: logs.then(RefCell::default),
            fates: Cell::default(),
            gives: Cell::default(),
            sign_ins: Cell::default(),
            randoms: Cell::default(),
            schedule,
        })
    }

    /// The time.
    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    /// The time by the machine's clock, which somebody may have set.
    pub fn wall_clock(&self) -> i64 {
        self.now() + self.clock_off.get()
    }

    /// Somebody sets the machine's clock.
    pub fn set_clock(&self, millis: i64) {
        self.clock_off.set(self.clock_off.get() + millis);
        self.most_off.set(self.most_off.get().max(self.clock_off.get().abs()));
        self.see("clock", if millis < 0 { "set back" } else { "set forward" });
    }

    /// How far the machine's clock has been off at the most, in milliseconds.
    pub fn most_off(&self) -> i64 {
        self.most_off.get()
    }

    /// The machine sleeps: what is on its way to a cloud arrives there, and all else waits.
    pub fn sleep(self: &Rc<Self>, millis: i64, stands_still: bool) {
        let began = self.now();
        let ended = began + millis;
        while let Some(flight) = self.clock.next_arrival_until(ended) {
            Network::arrive(self, flight);
        }
        self.clock.set(ended);
        if stands_still {
            self.clock.delay_timers(millis);
        }
        self.sleeps.borrow_mut().push(Sleep { began, ended, stands_still });
        self.see("machine", if stands_still { "slept, its monotonic clock too" } else { "slept" });
    }

    /// How long the machine slept from `since` until `end`. `all`: also while the monotonic clock went on.
    pub fn slept(&self, since: i64, end: i64, all: bool) -> i64 {
        let sleeps = self.sleeps.borrow();
        let counted = sleeps.iter().filter(|sleep| all || sleep.stands_still);
        counted.map(|sleep| (sleep.ended.min(end) - sleep.began.max(since)).max(0)).sum()
    }

    /// What the pages' monotonic clocks showed at this time.
    pub fn monotonic(&self, time: i64) -> i64 {
        time - BEGINNING - self.slept(BEGINNING, time, false)
    }

    /// Whether the machine has slept while the monotonic clock stood still.
    pub fn has_stood_still(&self) -> bool {
        self.sleeps.borrow().iter().any(|sleep| sleep.stands_still)
    }

    /// The library did something that can be seen from outside.
    pub fn act(&self) {
        self.acts.set(self.acts.get() + 1);
    }

    /// Writes a line into the log, if there is one.
    pub fn log(&self, line: impl FnOnce() -> String) {
        if let Some(log) = &self.log {
            log.borrow_mut().push(format!("{:>7} {}", self.now() - BEGINNING, line()));
        }
    }

    /// The log.
    pub fn lines(&self) -> Vec<String> {
        self.log.as_ref().map(RefCell::take).unwrap_or_default()
    }

    /// An invariant is broken. Only the first one counts.
    pub fn broken(&self, invariant: &'static str, details: impl FnOnce() -> String) {
        if self.violation.borrow().is_none() && !IGNORED.get().is_some_and(|ignored| ignored.iter().any(|name| name == invariant)) {
            let details = details();
            self.log(|| format!("BROKEN {invariant}: {details}"));
            self.violation.replace(Some(Violation { invariant, details }));
        }
    }

    /// Whether an invariant is broken.
    pub fn is_broken(&self) -> bool {
        self.violation.borrow().is_some()
    }

    /// The invariant that is broken.
    pub fn violation(&self) -> Option<Violation> {
        self.violation.borrow().clone()
    }

    /// This happened.
    pub fn see(&self, what: &'static str, how: &'static str) {
        self.seen.borrow_mut().add(what, how);
    }

    /// The next request's fate.
    pub fn next_fate(&self) -> Fate {
        let at = self.fates.replace(self.fates.get() + 1);
        self.schedule.fates.get(at).cloned().unwrap_or_default()
    }

    /// What the next token source does that is asked.
    pub fn next_give(&self) -> Give {
        let at = self.gives.replace(self.gives.get() + 1);
        self.schedule.gives.get(at).cloned().unwrap_or_default()
    }

    /// What becomes of the next sign-in.
    pub fn next_sign_in(&self) -> SignIn {
        let at = self.sign_ins.replace(self.sign_ins.get() + 1);
        self.schedule.sign_ins.get(at).cloned().unwrap_or_default()
    }

    /// Bytes that nobody had before.
    pub fn random(&self) -> [u8; 32] {
        let count = self.randoms.replace(self.randoms.get() + 1);
        let mut random = crate::random::Random::new(count);
        let mut bytes = [0; 32];
        bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&random.number().to_le_bytes()));
        bytes
    }

    /// Polls what was woken, until nothing is.
    pub fn settle(&self) {
        let mut turns = 0;
        while !self.is_broken() && self.executor.turn() {
            turns += 1;
            if turns > 100_000 {
                self.broken("SETTLED", || "tasks wake themselves for ever".to_owned());
            }
        }
    }

    /// Lets what happens up to this time happen. Stops where a tab is left or comes back, and says what that was.
    pub fn run_until(self: &Rc<Self>, end: i64) -> Option<Event> {
        self.settle();
        while !self.is_broken() {
            let Some(event) = self.clock.next_until(end) else { break };
            match event {
                Event::Timer(_, waker) => {
                    if let Some(waker) = waker {
                        waker.wake();
                    }
                }
                Event::Arrival(flight) => Network::arrive(self, flight),
                Event::Answer(flight) => Network::answer(self, flight),
                Event::Abort(signal) => signal.abort(),
                Event::Forget(page) => self.origin.forget(page),
                Event::SignIn(window) => self.signs_in(window),
                Event::Response(window) => self.responds(window),
                Event::Leaves { .. } | Event::Returns { .. } => return Some(event),
            }
            self.settle();
            // A timer of this very time may be still to come.
            if self.looks_often && !self.clock.has_more_now() {
                self.check_woken();
            }
        }
        self.clock.set(end);
        None
    }
}
