//! The port of locks. It is apart from `lock.rs`, which the browser's channels use, because it uses the browser.

use std::future::Future;

use super::browser::Browser;
use super::lock::{Lock, is_held};
use crate::auth::ports::{Locks, TryLock};

impl Locks for Browser {
    type Lock = Lock;

    async fn has_locks(&self) -> bool {
        is_held("premium-recorder check").await.is_some()
    }

    fn lock(&self, name: &str) -> impl Future<Output = Option<Lock>> {
        Lock::wait(name)
    }

    fn try_lock(&self, name: &str) -> impl Future<Output = TryLock<Lock>> {
        Lock::if_free(name)
    }
}
