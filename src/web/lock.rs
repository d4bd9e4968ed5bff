//! Web Locks, where the platform has them.

use std::pin::pin;

use futures_util::future::{Either, select};
use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::abort::AbortController;
use super::foreign::property;
use super::slot::Oneshot;
use crate::cloud::ports::TryLock;

#[wasm_bindgen]
extern "C" {
    type LockManager;

    #[wasm_bindgen(catch, method)]
    fn request(this: &LockManager, name: &str, options: &Object, granted: &JsValue) -> Result<Promise, JsValue>;
}

/// A lock that is asked for or held, until dropped.
pub(super) struct Lock {
    /// Filled when the platform has decided: with whether it is held.
    granted: Oneshot<bool>,
    release: Option<Function>,
    asking: AbortController,
}

fn manager() -> Option<LockManager> {
    let locks = property(&property(&js_sys::global(), "navigator"), "locks");
    locks.is_truthy().then(|| locks.unchecked_into())
}

/// Whether the platform has locks.
pub(super) fn is_available() -> bool {
    manager().is_some()
}

impl Lock {
    /// Interaction for the lock, to wait for it or to have it at once or not at all. The promise rejects where the platform does
    /// not give any.
    fn ask(name: &str, waits: bool) -> Option<(Lock, Promise)> {
        let mut release = None;
        let released = Promise::new(&mut |resolve, _| release = Some(resolve));
        let asking = AbortController::new();
        let granted = Oneshot::empty();
        let to_fill = granted.clone();
        // Kept by the platform, which may call it when nobody waits any more: what it returns is settled then.
        let callback = Closure::once_into_js(move |lock: JsValue| {
            to_fill.fill(lock.is_truthy());
            released
        });
        let options = Object::new();
        // The platform takes one or the other.
        let (name_of_option, option) = if waits { ("signal", asking.signal().into()) } else { ("ifAvailable", JsValue::TRUE) };
        Reflect::set(&options, &name_of_option.into(), &option).ok()?;
        let over = manager()?.request(name, &options, &callback).ok()?;
        Some((Lock { granted, release, asking }, over))
    }

    /// The lock, once it is held; `None` where there are none.
    pub(super) async fn held(name: &str) -> Option<Lock> {
        match Lock::asked(name, true).await {
            TryLock::Held(lock) => Some(lock),
            TryLock::Taken | TryLock::Unsupported => None,
        }
    }

    /// The lock, if nobody has it at this moment.
    pub(super) async fn if_free(name: &str) -> TryLock<Lock> {
        Lock::asked(name, false).await
    }

    async fn asked(name: &str, waits: bool) -> TryLock<Lock> {
        let Some((lock, over)) = Lock::ask(name, waits) else { return TryLock::Unsupported };
        match select(pin!(lock.granted.taken()), JsFuture::from(over)).await {
            Either::Left((true, _)) => {}
            Either::Left((false, _)) => return TryLock::Taken,
            Either::Right(_) => return TryLock::Unsupported,
        }
        TryLock::Held(lock)
    }

    /// The lock, to be held sooner or later.
    pub(super) fn in_turn(name: &str) -> Option<Lock> {
        let (lock, over) = Lock::ask(name, true)?;
        // Its rejection, when the lock is not waited for any more, is nobody's.
        drop(JsFuture::from(over));
        Some(lock)
    }

    pub(super) fn is_granted(&self) -> bool {
        self.granted.is_full()
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
    let seen = Oneshot::empty();
    let to_fill = seen.clone();
    let granted = Closure::once_into_js(move |lock: JsValue| to_fill.fill(lock.is_null()));
    let Ok(over) = manager.request(name, &options, &granted) else { return false };
    matches!(select(pin!(seen.taken()), JsFuture::from(over)).await, Either::Left((true, _)))
}
