//! A call's deadline, on the monotonic clock. It pauses while a person signs in.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use futures_util::future::LocalBoxFuture;

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
    /// Whether the organization's token waits for another page's lock.
    is_behind_lock: Cell<bool>,
}

impl SignInTime {
    /// Nobody has signed in yet.
    pub fn new(timer: Rc<dyn Timer>) -> Rc<SignInTime> {
        let began = Cell::new(timer.now());
        Rc::new(SignInTime { timer, total: Cell::default(), under_way: Cell::default(), began, is_behind_lock: Cell::default() })
    }

    /// A person begins to sign in: every deadline of the organization pauses until the guard is dropped.
    pub fn pause(self: &Rc<Self>) -> Pause {
        if self.under_way.get() == 0 {
            self.began.set(self.timer.now());
        }
        self.under_way.set(self.under_way.get().saturating_add(1));
        Pause(self.clone())
    }

    /// Notes whether the organization's token waits for another page's lock. An abandoned wait stays noted: it is why the
    /// call's time was over.
    pub(crate) fn set_behind_lock(&self, is_behind_lock: bool) {
        self.is_behind_lock.set(is_behind_lock);
    }

    /// Duration of all sign-ins so far, in milliseconds.
    fn so_far(&self, now: Instant) -> i64 {
        let current = if self.under_way.get() > 0 { now.since(self.began.get()) } else { 0 };
        self.total.get().saturating_add(current)
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
}

impl Deadline {
    /// A deadline in `limit` milliseconds, which pauses for sign-ins.
    pub fn after(limit: u32, sign_in_time: Rc<SignInTime>) -> Deadline {
        let deadline = Deadline { ends_at: Cell::new(Instant::from_millis(0)), sign_in_time, limit };
        deadline.ends_at.set(deadline.now().after_millis(limit.into()));
        deadline
    }

    /// A deadline in `limit` milliseconds, which does not pause.
    pub fn restarted(&self, limit: u32) -> Deadline {
        Deadline::after(limit, SignInTime::new(self.sign_in_time.timer.clone()))
    }

    /// The same deadline, which pauses for these sign-ins from now on.
    pub(crate) fn continued(&self, sign_in_time: Rc<SignInTime>) -> Deadline {
        let deadline = Deadline { ends_at: Cell::new(Instant::from_millis(0)), sign_in_time, limit: self.limit };
        deadline.ends_at.set(deadline.now().after_millis(self.remaining()));
        deadline
    }

    /// The time that the call had at its beginning, in milliseconds.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// Whether the organization's token waits for another page's lock.
    pub(crate) fn is_behind_lock(&self) -> bool {
        self.sign_in_time.is_behind_lock.get()
    }

    /// The time that is left, in milliseconds; 0 or less after the deadline.
    pub fn remaining(&self) -> i64 {
        self.ends_at.get().since(self.now())
    }

    /// Ready when the time is over.
    pub async fn expired(&self) {
        while let Ok(left @ 1..) = u32::try_from(self.remaining()) {
            self.sign_in_time.timer.sleep(left).await;
        }
    }

    /// Extends this deadline to the later of both, which must be for the same organization.
    pub fn extend_to(&self, other: &Deadline) {
        self.ends_at.set(self.ends_at.get().max(other.ends_at.get()));
    }

    fn now(&self) -> Instant {
        let now = self.sign_in_time.timer.now();
        now.after_millis(self.sign_in_time.so_far(now).saturating_neg())
    }
}

/// The work's result, or `None` if `over` is ready first. Takes any work, to avoid one copy for each kind of work (wasm size).
pub fn before<'a, R>(
    mut work: Pin<&'a mut (dyn Future<Output = R> + 'a)>,
    mut over: LocalBoxFuture<'a, ()>,
) -> impl Future<Output = Option<R>> + 'a {
    poll_fn(move |context| match work.as_mut().poll(context) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => over.as_mut().poll(context).map(|()| None),
    })
}
