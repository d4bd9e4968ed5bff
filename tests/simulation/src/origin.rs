//! What the pages of one origin have in common: locks, and the sharing of tokens.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use premium_recorder::auth::ports::{SharingRole, TokenSharer};

use crate::schedule::Does;

/// Locks and sharers, by name.
#[derive(Default)]
pub struct Origin {
    next: Cell<u64>,
    locks: RefCell<Vec<Lock>>,
    sharers: RefCell<Vec<Sharer>>,
    strangers: RefCell<Vec<(u64, String, Does)>>,
}

/// A page that takes part in sharing.
struct Sharer {
    number: u64,
    name: String,
    holder: Rc<dyn TokenSharer>,
    role: SharingRole,
}

struct Lock {
    name: String,
    /// The one that holds it, and those that wait, in their order.
    asked: VecDeque<Asked>,
}

struct Asked {
    number: u64,
    recorder: usize,
    waker: Option<Waker>,
}

impl Origin {
    fn number(&self) -> u64 {
        let number = self.next.get();
        self.next.set(number + 1);
        number
    }

    /// Asks for a lock.
    pub fn lock(self: &Rc<Self>, name: &str, recorder: usize) -> Asking {
        let number = self.number();
        let mut locks = self.locks.borrow_mut();
        let asked = Asked { number, recorder, waker: None };
        let mut is_behind_another = false;
        match locks.iter_mut().find(|lock| lock.name == name) {
            Some(lock) => {
                is_behind_another = lock.asked.iter().any(|other| other.recorder != recorder);
                lock.asked.push_back(asked);
            }
            None => locks.push(Lock { name: name.to_owned(), asked: VecDeque::from([asked]) }),
        }
        Asking { place: Some(Held { origin: self.clone(), number, is_behind_another }), is_new: true }
    }

    /// Takes a lock that nobody has, at once.
    pub fn take_lock(self: &Rc<Self>, name: &str, recorder: usize) -> Option<Held> {
        let is_free = self.locks.borrow().iter().all(|lock| lock.name != name);
        is_free.then(|| self.lock(name, recorder)).and_then(|asking| asking.place)
    }

    /// Asks for a lock that nobody has. Never ready at once, as in a browser.
    pub async fn try_lock(self: &Rc<Self>, name: &str, recorder: usize) -> Option<Held> {
        let is_free = self.locks.borrow().iter().all(|lock| lock.name != name);
        let asking = is_free.then(|| self.lock(name, recorder));
        match asking {
            Some(asking) => Some(asking.await),
            None => {
                let mut is_over = false;
                poll_fn(|context| {
                    if std::mem::replace(&mut is_over, true) {
                        return Poll::Ready(());
                    }
                    context.waker().wake_by_ref();
                    Poll::Pending
                })
                .await;
                None
            }
        }
    }

    /// How many locks are held, or waited for.
    pub fn locks(&self) -> usize {
        self.locks.borrow().len()
    }

    /// Begins to take part in sharing.
    pub fn share(self: &Rc<Self>, name: &str, holder: Rc<dyn TokenSharer>, role: SharingRole) -> Sharing {
        let number = self.number();
        self.sharers.borrow_mut().push(Sharer { number, name: name.to_owned(), holder, role });
        Sharing { origin: self.clone(), number }
    }

    /// The page that answers requests under this name.
    pub fn answering(&self, name: &str) -> Option<Rc<dyn TokenSharer>> {
        self.sharers
            .borrow()
            .iter()
            .find(|sharer| sharer.name == name && sharer.role == SharingRole::Answers)
            .map(|sharer| sharer.holder.clone())
    }

    /// The numbers of the pages that take part under this name.
    pub fn hearers(&self, name: &str) -> Vec<u64> {
        self.sharers.borrow().iter().filter(|sharer| sharer.name == name).map(|sharer| sharer.number).collect()
    }

    /// Tells the page of this number to forget its token, if it still takes part.
    pub fn forget(&self, number: u64) {
        let holder = self.sharers.borrow().iter().find(|sharer| sharer.number == number).map(|sharer| sharer.holder.clone());
        if let Some(holder) = holder {
            holder.forget();
        }
    }

    /// A stranger begins to share.
    pub fn share_oddly(self: &Rc<Self>, name: &str, does: Does) -> Odd {
        let number = self.number();
        self.strangers.borrow_mut().push((number, name.to_owned(), does));
        Odd { origin: self.clone(), number }
    }

    /// What the stranger does that shares under this name.
    pub fn stranger(&self, name: &str) -> Option<Does> {
        self.strangers.borrow().iter().find(|(_, other, _)| other == name).map(|(_, _, does)| *does)
    }

    /// How many share, except one of each page that only hears: a redirect's token that no call has used stays for the page's next
    /// recorder.
    pub fn sharings(&self, pages: usize) -> usize {
        let sharers = self.sharers.borrow();
        let answering = sharers.iter().filter(|sharer| sharer.role == SharingRole::Answers).count();
        answering + (sharers.len() - answering).saturating_sub(pages)
    }

    fn is_held_by(&self, number: u64) -> bool {
        self.locks.borrow().iter().any(|lock| lock.asked.front().is_some_and(|first| first.number == number))
    }

    fn wait(&self, number: u64, waker: &Waker) {
        let mut locks = self.locks.borrow_mut();
        if let Some(asked) = locks.iter_mut().flat_map(|lock| &mut lock.asked).find(|other| other.number == number) {
            asked.waker = Some(waker.clone());
        }
    }

    fn leave(&self, number: u64) {
        let mut woken = None;
        self.locks.borrow_mut().retain_mut(|lock| {
            if let Some(at) = lock.asked.iter().position(|other| other.number == number) {
                lock.asked.remove(at);
                if at == 0 {
                    woken = lock.asked.front_mut().and_then(|next| next.waker.take());
                }
            }
            !lock.asked.is_empty()
        });
        if let Some(waker) = woken {
            waker.wake();
        }
    }
}

/// A lock that is held, until dropped.
pub struct Held {
    origin: Rc<Origin>,
    number: u64,
    is_behind_another: bool,
}

impl Held {
    /// Whether another recorder had it, or waited for it before.
    pub fn was_waited_for(&self) -> bool {
        self.is_behind_another
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.origin.leave(self.number);
    }
}

/// Waits for a lock. Never ready at once, as in a browser.
pub struct Asking {
    place: Option<Held>,
    is_new: bool,
}

impl Future for Asking {
    type Output = Held;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Held> {
        let is_new = std::mem::replace(&mut self.is_new, false);
        let place = self.place.as_ref().expect("polled after it was ready");
        if !place.origin.is_held_by(place.number) {
            place.origin.wait(place.number, context.waker());
            return Poll::Pending;
        }
        if is_new {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.place.take().expect("taken above"))
    }
}

/// Taking part in sharing, until dropped.
pub struct Sharing {
    origin: Rc<Origin>,
    number: u64,
}

impl Drop for Sharing {
    fn drop(&mut self) {
        let mut sharers = self.origin.sharers.borrow_mut();
        let ended = sharers.iter().position(|sharer| sharer.number == self.number).map(|at| sharers.remove(at));
        drop(sharers);
        drop(ended);
    }
}

/// A stranger's sharing, until dropped.
pub struct Odd {
    origin: Rc<Origin>,
    number: u64,
}

impl Drop for Odd {
    fn drop(&mut self) {
        self.origin.strangers.borrow_mut().retain(|(number, ..)| *number != self.number);
    }
}
