//! Web Locks, if the platform has them.

use std::pin::pin;

use futures_util::future::{Either, select};
use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::abort::AbortController;
use super::browser::Browser;
use super::foreign::property;
use super::oneshot::Oneshot;
use crate::auth::ports::{Locks, TryLock};

#[wasm_bindgen]
extern "C" {
    type LockManager;

    #[wasm_bindgen(catch, method)]
    fn request(this: &LockManager, name: &str, options: &Object, granted: &JsValue) -> Result<Promise, JsValue>;
}

/// A lock that is asked for or held, until dropped.
pub(super) struct Lock {
    /// Sent when the platform has decided: whether the lock is held.
    granted: Oneshot<bool>,
    release: Option<Function>,
    asking: AbortController,
}

fn manager() -> Option<LockManager> {
    let locks = property(&property(&js_sys::global(), "navigator"), "locks");
    locks.is_truthy().then(|| locks.unchecked_into())
}

impl Locks for Browser {
    type Lock = Lock;

    fn has_locks(&self) -> bool {
        manager().is_some()
    }

    async fn lock(&self, name: &str) -> Option<Lock> {
        match Lock::asked(name, true).await {
            TryLock::Held(lock) => Some(lock),
            TryLock::Taken | TryLock::Unsupported => None,
        }
    }

    async fn try_lock(&self, name: &str) -> TryLock<Lock> {
        Lock::asked(name, false).await
    }
}

impl Lock {
    /// Interaction for the lock, to wait for it or to have it at once or not at all. The promise rejects if the platform
    /// gives none.
    fn ask(name: &str, waits: bool) -> Option<(Lock, Promise)> {
        let mut release = None;
        let released = Promise::new(&mut |resolve, _| release = Some(resolve));
        let asking = AbortController::new();
        let granted = Oneshot::new();
        let sender = granted.clone();
        // The platform may call this after we have stopped waiting: the promise that it returns is settled by then.
        let callback = Closure::once_into_js(move |lock: JsValue| {
            sender.send(lock.is_truthy());
            released
        });
        let options = Object::new();
        // The platform takes one or the other.
        let (name_of_option, option) = if waits { ("signal", asking.signal().into()) } else { ("ifAvailable", JsValue::TRUE) };
        Reflect::set(&options, &name_of_option.into(), &option).ok()?;
        let over = manager()?.request(name, &options, &callback).ok()?;
        Some((Lock { granted, release, asking }, over))
    }

    async fn asked(name: &str, waits: bool) -> TryLock<Lock> {
        let Some((lock, over)) = Lock::ask(name, waits) else { return TryLock::Unsupported };
        match select(pin!(lock.granted.recv()), JsFuture::from(over)).await {
            Either::Left((true, _)) => {}
            Either::Left((false, _)) => return TryLock::Taken,
            Either::Right(_) => return TryLock::Unsupported,
        }
        TryLock::Held(lock)
    }

    /// The lock, to be held sooner or later.
    pub(super) fn in_turn(name: &str) -> Option<Lock> {
        let (lock, over) = Lock::ask(name, true)?;
        // Mark the promise as handled: it rejects with AbortError when we stop waiting.
        drop(JsFuture::from(over));
        Some(lock)
    }

    pub(super) fn is_granted(&self) -> bool {
        self.granted.is_sent()
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.asking.abort();
        if let Some(release) = &self.release {
            // The platform's own function, which only settles a promise.
            let _ = release.call0(&JsValue::UNDEFINED);
        }
    }
}

/// Whether somebody holds the lock at this moment.
pub(super) async fn is_held_by_another(name: &str) -> bool {
    let Some(manager) = manager() else { return false };
    let options = Object::new();
    // Shared, so that two who look at the same time do not take each other for the holder.
    let is_set =
        Reflect::set(&options, &"ifAvailable".into(), &JsValue::TRUE).and(Reflect::set(&options, &"mode".into(), &"shared".into()));
    if is_set.is_err() {
        return false;
    }
    let seen = Oneshot::new();
    let sender = seen.clone();
    let granted = Closure::once_into_js(move |lock: JsValue| sender.send(lock.is_null()));
    let Ok(over) = manager.request(name, &options, &granted) else { return false };
    matches!(select(pin!(seen.recv()), JsFuture::from(over)).await, Either::Left((true, _)))
}
