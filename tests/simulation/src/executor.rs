//! Tasks on one thread, each polled only when its own waker was woken: what is never woken hangs, and is seen to.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::future::LocalBoxFuture;

use crate::random::Random;

/// Tasks, and which of them were woken.
pub struct Executor {
    tasks: RefCell<Vec<Task>>,
    ready: Arc<Mutex<Vec<usize>>>,
    /// `None`: in the order in which they were woken.
    order: Option<RefCell<Random>>,
    current: Cell<Option<usize>>,
}

struct Task {
    /// Who can end it.
    owner: usize,
    work: Option<LocalBoxFuture<'static, ()>>,
    waker: Waker,
    is_over: bool,
    woken: Arc<Woken>,
}

struct Woken {
    task: usize,
    is_queued: AtomicBool,
    ready: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        if !self.is_queued.swap(true, Ordering::Relaxed) {
            self.ready.lock().unwrap().push(self.task);
        }
    }
}

impl Executor {
    /// An executor without tasks.
    pub fn new(order: u64) -> Executor {
        Executor {
            tasks: RefCell::default(),
            ready: Arc::default(),
            order: (order != 0).then(|| RefCell::new(Random::new(order))),
            current: Cell::default(),
        }
    }

    /// Begins a task, which is ready to be polled.
    pub fn spawn(&self, owner: usize, work: LocalBoxFuture<'static, ()>) -> usize {
        let mut tasks = self.tasks.borrow_mut();
        let number = tasks.len();
        let woken = Arc::new(Woken { task: number, is_queued: AtomicBool::new(true), ready: self.ready.clone() });
        tasks.push(Task { owner, work: Some(work), waker: woken.clone().into(), is_over: false, woken });
        self.ready.lock().unwrap().push(number);
        number
    }

    /// The task that is being polled.
    pub fn current(&self) -> Option<usize> {
        self.current.get()
    }

    /// Polls one task that was woken; says whether there was one.
    pub fn turn(&self) -> bool {
        let number = {
            let mut ready = self.ready.lock().unwrap();
            match (ready.len(), &self.order) {
                (0, _) => return false,
                (1, _) | (_, None) => ready.remove(0),
                (several, Some(order)) => ready.remove(usize::try_from(order.borrow_mut().below(several as u64)).unwrap()),
            }
        };
        self.tasks.borrow()[number].woken.is_queued.store(false, Ordering::Relaxed);
        self.poll(number);
        true
    }

    fn poll(&self, number: usize) {
        let taken = {
            let mut tasks = self.tasks.borrow_mut();
            let task = &mut tasks[number];
            task.work.take().map(|work| (work, task.waker.clone()))
        };
        let Some((mut work, waker)) = taken else { return };
        self.current.set(Some(number));
        let polled = work.as_mut().poll(&mut Context::from_waker(&waker));
        self.current.set(None);
        let mut tasks = self.tasks.borrow_mut();
        let task = &mut tasks[number];
        match polled {
            Poll::Pending if !task.is_over => task.work = Some(work),
            _ => {
                task.is_over = true;
                drop(tasks);
                drop(work);
            }
        }
    }

    /// Polls every task although none was woken. The first that goes on, as `is_same` tells, should have been.
    pub fn not_woken(&self, is_same: impl Fn() -> bool) -> Option<usize> {
        let count = self.tasks.borrow().len();
        (0..count).find(|&number| {
            let was_over = !self.is_waiting(number);
            self.poll(number);
            let is_still = was_over != self.is_waiting(number) && self.ready.lock().unwrap().is_empty() && is_same();
            !is_still
        })
    }

    fn is_waiting(&self, number: usize) -> bool {
        self.tasks.borrow()[number].work.is_some()
    }

    /// Ends every task of this owner, wherever it waits.
    pub fn end(&self, owner: usize) {
        let mut ended = Vec::new();
        for task in self.tasks.borrow_mut().iter_mut().filter(|task| task.owner == owner) {
            task.is_over = true;
            ended.extend(task.work.take());
        }
        drop(ended);
    }

    /// Ends every task.
    pub fn end_all(&self) {
        let ended: Vec<_> = self.tasks.borrow_mut().iter_mut().filter_map(|task| task.work.take()).collect();
        drop(ended);
    }

    /// How many tasks are not over.
    pub fn waiting(&self) -> usize {
        self.tasks.borrow().iter().filter(|task| task.work.is_some()).count()
    }
}
