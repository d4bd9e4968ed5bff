//! A call's deadline, on the monotonic clock. It pauses while a person signs in.

use std::cell::Cell;
use std::rc::Rc;

use crate::cloud::ports::Timer;
use crate::model::time::Instant;

/// The time that people take to sign in to an organization.
pub struct SignInTime {
    timer: Rc<dyn Timer>,
    /// Total duration of finished sign-ins, in milliseconds.
    total: Cell<i64>,
    /// Sign-ins in progress, and when the first of them began.
    under_way: Cell<u32>,
    began: Cell<Instant>,
    /// How many acquisitions wait for another page's lock.
    behind_lock: Cell<u32>,
}

impl SignInTime {
    /// Nobody has signed in yet.
    pub fn new(timer: Rc<dyn Timer>) -> Rc<SignInTime> {
        let began = Cell::new(timer.now());
        Rc::new(SignInTime { timer, total: Cell::default(), under_way: Cell::default(), began, behind_lock: Cell::default() })
    }

    /// A person begins to sign in: every deadline of the organization pauses until the guard is dropped.
    pub fn pause(self: &Rc<Self>) -> Pause {
        if self.under_way.get() == 0 {
            self.began.set(self.timer.now());
        }
        self.under_way.set(self.under_way.get().saturating_add(1));
        Pause(self.clone())
    }

    /// The organization's token waits for another page's lock until the guard is dropped.
    pub(crate) fn wait_behind_lock(self: &Rc<Self>) -> BehindLock {
        self.behind_lock.set(self.behind_lock.get().saturating_add(1));
        BehindLock(self.clone())
    }

    /// The time on a clock that stands still while a person signs in.
    fn now(&self) -> Instant {
        let now = self.timer.now();
        now.after_millis(self.so_far(now).saturating_neg())
    }

    /// Duration of all sign-ins so far, in milliseconds.
    fn so_far(&self, now: Instant) -> i64 {
        let current = if self.under_way.get() > 0 { now.since(self.began.get()) } else { 0 };
        self.total.get().saturating_add(current)
    }
}

/// A wait for another page's lock, until dropped.
pub(crate) struct BehindLock(Rc<SignInTime>);

impl Drop for BehindLock {
    fn drop(&mut self) {
        self.0.behind_lock.set(self.0.behind_lock.get().saturating_sub(1));
    }
}

/// Pauses deadlines until dropped.
pub struct Pause(Rc<SignInTime>);

impl Drop for Pause {
    fn drop(&mut self) {
        let SignInTime { timer, total, under_way, .. } = &*self.0;
        total.set(match under_way.get() {
            1 => self.0.so_far(timer.now()),
            _ => total.get(),
        });
        under_way.set(under_way.get().saturating_sub(1));
    }
}

/// When a call's time is over.
#[derive(Clone)]
pub struct Deadline {
    sign_in_time: Rc<SignInTime>,
    limit: u32,
    /// When the deadline passes, on a clock that excludes sign-in time.
    ends_at: Cell<Instant>,
    /// Whether the token was waiting for another page's lock when the time was over.
    was_behind_lock: Cell<bool>,
}

impl Deadline {
    /// A deadline in `limit` milliseconds, which pauses for sign-ins.
    pub fn after(limit: u32, sign_in_time: Rc<SignInTime>) -> Deadline {
        let ends_at = Cell::new(sign_in_time.now().after_millis(limit.into()));
        Deadline { sign_in_time, limit, ends_at, was_behind_lock: Cell::default() }
    }

    /// A deadline in `limit` milliseconds, which does not pause.
    pub fn restarted(&self, limit: u32) -> Deadline {
        Deadline::after(limit, SignInTime::new(self.sign_in_time.timer.clone()))
    }

    /// The same deadline, which pauses for these sign-ins from now on.
    pub(crate) fn continued(&self, sign_in_time: Rc<SignInTime>) -> Deadline {
        let ends_at = Cell::new(sign_in_time.now().after_millis(self.remaining()));
        Deadline { sign_in_time, limit: self.limit, ends_at, was_behind_lock: Cell::default() }
    }

    /// The time that the call had at its beginning, in milliseconds.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// Whether the token was waiting for another page's lock when the time was over.
    pub(crate) fn was_behind_lock(&self) -> bool {
        self.was_behind_lock.get()
    }

    /// The time that is left, in milliseconds; 0 or less after the deadline.
    pub fn remaining(&self) -> i64 {
        self.ends_at.get().since(self.sign_in_time.now())
    }

    /// Ready when the time is over.
    pub async fn expired(&self) {
        while let Ok(left @ 1..) = u32::try_from(self.remaining()) {
            self.sign_in_time.timer.sleep(left).await;
        }
        self.was_behind_lock.set(self.sign_in_time.behind_lock.get() > 0);
    }

    /// Extends this deadline to the later of both, which must be for the same organization.
    pub fn extend_to(&self, other: &Deadline) {
        self.ends_at.set(self.ends_at.get().max(other.ends_at.get()));
    }
}
