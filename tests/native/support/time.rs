//! The clock, background tasks, and futures that wait for the test.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures::channel::oneshot;
use futures::future::{self, LocalBoxFuture, Shared};
use futures::stream::{FuturesOrdered, FuturesUnordered};
use futures::{FutureExt, StreamExt};
use premium_recorder::cloud::ports::Timer;
use premium_recorder::model::time::{Instant, Timestamp};

use super::World;
use super::world::State;

/// In milliseconds.
pub const SECOND: i64 = 1_000;

impl World {
    /// The time in milliseconds. It starts at `NOW`, and does not change when the wall clock is set.
    pub fn time(&self) -> i64 {
        self.0.now.get()
    }

    pub fn advance(&self, millis: i64) {
        self.0.now.set(self.time() + millis);
        let due: Vec<_> = self.0.sleepers.borrow_mut().extract_if(.., |(end, _)| *end <= self.time()).collect();
        for (_, sleeper) in due {
            // If the sleeper was dropped, nobody is woken.
            sleeper.send(()).ok();
        }
    }

    /// The machine sleeps for so long. Then its timers fire one after the other, each in a task of its own, the one that was due first first.
    pub async fn advance_in_order(&self, millis: i64) {
        self.0.now.set(self.time() + millis);
        loop {
            let next = {
                let mut sleepers = self.0.sleepers.borrow_mut();
                let due = sleepers.iter().enumerate().filter(|(_, (end, _))| *end <= self.time());
                let first = due.min_by_key(|(_, (end, _))| *end).map(|(at, _)| at);
                first.map(|at| sleepers.remove(at))
            };
            let Some((_, sleeper)) = next else { return };
            sleeper.send(()).ok();
            yield_now().await;
        }
    }

    /// The user sets the machine's wall clock forward, or back.
    pub fn shift_wall_clock(&self, millis: i64) {
        self.0.wall_clock_shift.set(self.0.wall_clock_shift.get() + millis);
    }

    /// Completes when the test has advanced the clock this far.
    pub fn sleep(&self, millis: i64) -> impl Future<Output = ()> + 'static {
        let (sleeper, woken) = oneshot::channel();
        if millis > 0 {
            self.0.sleepers.borrow_mut().push((self.time() + millis, sleeper));
        } else {
            sleeper.send(()).ok();
        }
        woken.map(Result::unwrap)
    }

    /// Polls the background tasks that were woken, as a browser does.
    pub fn run_spawned(&self) {
        let mut context = Context::from_waker(Waker::noop());
        let mut spawned = self.0.spawned.take();
        while let Poll::Ready(Some(())) = spawned.poll_next_unpin(&mut context) {}
        spawned.extend(self.0.spawned.take());
        *self.0.spawned.borrow_mut() = spawned;
    }

    /// The number of background tasks that do not complete now.
    pub fn spawned_tasks(&self) -> usize {
        self.run_spawned();
        self.0.spawned.borrow().len()
    }

    pub(super) fn wake(&self) {
        for waker in self.0.waiters.take() {
            waker.wake();
        }
    }

    pub(super) async fn until(&self, is_so: impl Fn(&State) -> bool) {
        poll_fn(|context| {
            if is_so(&self.0) {
                return Poll::Ready(());
            }
            self.0.waiters.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Timer for World {
    fn now(&self) -> Instant {
        Instant::from_millis(self.0.now.get() - self.0.opened.get())
    }

    fn wall_clock(&self) -> Timestamp {
        Timestamp::from_millis(self.0.now.get() + self.0.wall_clock_shift.get())
    }

    fn sleep(&self, millis: u32) -> LocalBoxFuture<'static, ()> {
        Box::pin(World::sleep(self, millis.into()))
    }

    fn next_task(&self) -> LocalBoxFuture<'static, ()> {
        Box::pin(yield_now())
    }

    fn spawn(&self, task: LocalBoxFuture<'static, ()>) {
        self.0.spawned.borrow_mut().push(task);
    }
}

/// Lets the futures that wait for the other half of `gate()` continue.
pub struct Release(oneshot::Sender<()>);

/// Releases in the order of the requests that wait for them.
pub type Releases = Rc<RefCell<Vec<Release>>>;

/// Completes when the test calls `Release::send`.
pub type Released = Shared<oneshot::Receiver<()>>;

impl Release {
    pub fn send(self) {
        self.0.send(()).unwrap();
    }
}

/// A future, which can be cloned, and the `Release` that completes it.
pub fn gate() -> (Release, Released) {
    let (release, released) = oneshot::channel();
    (Release(release), released.shared())
}

pub fn run<T>(work: impl Future<Output = T>) -> T {
    futures::executor::block_on(work)
}

/// Lets the other futures run once.
pub async fn yield_now() {
    let mut is_over = false;
    poll_fn(|context| {
        if std::mem::replace(&mut is_over, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Lets the other futures run until the condition is true. If it never is, the test hangs.
pub async fn wait_until(condition: impl Fn() -> bool) {
    while !condition() {
        yield_now().await;
    }
}

/// Polls the future only when it was woken, so that a lost wake-up is not hidden by the futures beside it.
async fn when_woken<T>(future: impl Future<Output = T>) -> T {
    FuturesUnordered::from_iter([future]).next().await.unwrap()
}

/// Completes when both futures have. Each is polled only when it was woken.
pub async fn join<A, B>(first: impl Future<Output = A>, second: impl Future<Output = B>) -> (A, B) {
    future::join(when_woken(first), when_woken(second)).await
}

/// Completes when all three futures have. Each is polled only when it was woken.
pub async fn join3<A, B, C>(first: impl Future<Output = A>, second: impl Future<Output = B>, third: impl Future<Output = C>) -> (A, B, C) {
    future::join3(when_woken(first), when_woken(second), when_woken(third)).await
}

/// Completes when all futures have. Each is polled only when it was woken.
pub async fn join_all<F: Future>(all: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    FuturesOrdered::from_iter(all).collect().await
}

pub async fn poll_once<F: Future + ?Sized>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

/// Advances the clocks of these pages until the call completes.
pub async fn while_time_passes<T>(worlds: &[&World], call: impl Future<Output = T>) -> T {
    while_time_passes_for(worlds, 600_000, call).await
}

/// Advances the clocks of these pages until the call completes. Panics after this many milliseconds.
pub async fn while_time_passes_for<T>(worlds: &[&World], max: i64, call: impl Future<Output = T>) -> T {
    completed_within(worlds, max, call).await.unwrap_or_else(|| panic!("the call did not complete within {max} ms"))
}

/// Advances the clocks of these pages until the call completes, or, with `None`, until this many milliseconds are over.
/// The call is polled only when it was woken, so a lost wake-up makes it late.
pub async fn completed_within<T>(worlds: &[&World], max: i64, call: impl Future<Output = T>) -> Option<T> {
    let mut call = pin!(when_woken(call));
    let mut millis = 0;
    loop {
        for _ in 0..4 {
            if let Poll::Ready(result) = poll_once(call.as_mut()).await {
                return Some(result);
            }
            worlds.iter().for_each(|world| world.run_spawned());
        }
        if millis >= max {
            return None;
        }
        millis += 250;
        worlds.iter().for_each(|world| world.advance(250));
    }
}
