//! What the pages of one origin share: locks, and tokens.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;

use premium_recorder::auth::ports::{Locks, SharingRole, TokenSharer, TokenSharing, TryLock};
use premium_recorder::token::access_token::IssuedToken;

use super::{Feature, World};

/// A page that takes part in sharing.
struct Sharer {
    number: u64,
    name: String,
    sharer: Rc<dyn TokenSharer>,
    role: SharingRole,
}

/// The state that the pages of one origin share.
#[derive(Default)]
pub struct SameOrigin {
    has_no_locks: Cell<bool>,
    decides_after: Cell<Option<i64>>,
    is_silent: Cell<bool>,
    has_nothing: Cell<bool>,
    held: RefCell<Vec<String>>,
    sharers: RefCell<Vec<Sharer>>,
    next: Cell<u64>,
}

impl SameOrigin {
    fn is_held(&self, name: &str) -> bool {
        self.held.borrow().iter().any(|other| other == name)
    }

    fn sharers_of(&self, name: &str, accept: impl Fn(&Sharer) -> bool) -> Vec<Rc<dyn TokenSharer>> {
        let sharers = self.sharers.borrow();
        sharers.iter().filter(|sharer| sharer.name == name && accept(sharer)).map(|sharer| sharer.sharer.clone()).collect()
    }
}

/// A lock, which is held until it is dropped.
pub struct TestLock {
    origin: Rc<SameOrigin>,
    name: String,
    waiters: Rc<RefCell<Vec<Waker>>>,
}

impl Drop for TestLock {
    fn drop(&mut self) {
        self.origin.held.borrow_mut().retain(|name| *name != self.name);
        for waker in self.waiters.take() {
            waker.wake();
        }
    }
}

/// A page shares its token until this is dropped.
pub struct TestSharing(Rc<SameOrigin>, u64);

impl Drop for TestSharing {
    fn drop(&mut self) {
        self.0.sharers.borrow_mut().retain(|sharer| sharer.number != self.1);
    }
}

impl World {
    /// No page of this origin can use locks.
    pub fn disable_locks(&self) -> &World {
        self.0.origin.has_no_locks.set(true);
        self
    }

    /// Another page takes so many milliseconds to hand its locks over.
    pub fn hand_over_locks_after(&self, millis: i64) -> &World {
        self.0.origin.decides_after.set(Some(millis));
        self
    }

    /// Another page shares under every name, and never answers.
    pub fn share_silence(&self) -> &World {
        self.0.origin.is_silent.set(true);
        self
    }

    /// Another page shares under every name, and answers after almost a second that it has no token.
    pub fn share_nothing(&self) -> &World {
        self.0.origin.has_nothing.set(true);
        self
    }

    /// How many tokens the pages of this origin share.
    pub fn shared_tokens(&self) -> usize {
        self.0.origin.sharers.borrow().iter().filter(|sharer| sharer.role == SharingRole::Answers).count()
    }

    /// The names of the locks that the pages of this origin hold.
    pub fn held_locks(&self) -> Vec<String> {
        self.0.origin.held.borrow().clone()
    }

    fn take_lock(&self, name: &str) -> TestLock {
        self.0.origin.held.borrow_mut().push(name.to_owned());
        TestLock { origin: self.0.origin.clone(), name: name.to_owned(), waiters: self.0.waiters.clone() }
    }
}

impl Locks for World {
    type Lock = TestLock;

    async fn has_locks(&self) -> bool {
        !self.0.origin.has_no_locks.get() && self.has(Feature::WebLocks)
    }

    async fn lock(&self, name: &str) -> Option<TestLock> {
        if !self.has_locks().await {
            return None;
        }
        self.until(|state| !state.origin.is_held(name)).await;
        Some(self.take_lock(name))
    }

    async fn try_lock(&self, name: &str) -> TryLock<TestLock> {
        let decides_after = self.0.origin.decides_after.get();
        if let Some(millis) = decides_after {
            self.sleep(millis).await;
        }
        match &self.0.origin {
            origin if origin.has_no_locks.get() || !self.has(Feature::WebLocks) => TryLock::Unsupported,
            origin if origin.is_held(name) => TryLock::Taken,
            _ if decides_after.is_some() => TryLock::HeldLate(self.take_lock(name)),
            _ => TryLock::Held(self.take_lock(name)),
        }
    }
}

impl TokenSharing for World {
    type Sharing = TestSharing;

    async fn request_shared_token(&self, name: &str) -> Option<Option<IssuedToken>> {
        if self.0.origin.is_silent.get() {
            std::future::pending::<()>().await;
        }
        if self.0.origin.has_nothing.get() {
            self.sleep(900).await;
            return Some(None);
        }
        self.0.origin.sharers_of(name, |sharer| sharer.role == SharingRole::Answers).first().map(|sharer| sharer.share())
    }

    fn share_token(&self, name: &str, sharer: Rc<dyn TokenSharer>, role: SharingRole) -> TestSharing {
        let origin = self.0.origin.clone();
        let number = origin.next.get();
        origin.next.set(number + 1);
        origin.sharers.borrow_mut().push(Sharer { number, name: name.to_owned(), sharer, role });
        TestSharing(origin, number)
    }

    fn forget_shared_token(&self, name: &str) {
        self.0.origin.sharers_of(name, |_| true).iter().for_each(|sharer| sharer.forget());
    }
}
