//! Web Locks, if the platform has them.

use std::future::Future;
use std::pin::pin;

use futures_util::future::{Either, select};
use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::abort::{AbortController, abort_controller};
use super::browser::Browser;
use super::foreign::{bare_object, property, resolve};
use super::oneshot::Oneshot;
use super::outside;
use crate::auth::ports::{Locks, TryLock};

#[wasm_bindgen]
extern "C" {
    type LockManager;

    /// A function that calls this one at most once: a page may have replaced the platform's locks. `src/js/instance.js` makes it.
    fn once(callback: &JsValue) -> JsValue;

    #[wasm_bindgen(catch, method)]
    fn request(this: &LockManager, name: &str, options: &Object, granted: &JsValue) -> Result<JsValue, JsValue>;
}

/// A lock that is requested or held, until dropped.
pub(super) struct Lock {
    /// Receives the platform's decision: whether it granted the lock.
    granted: Oneshot<bool>,
    release: Option<Function>,
    cancel: AbortController,
}

fn manager() -> Option<LockManager> {
    let locks = property(&property(&js_sys::global(), "navigator"), "locks");
    locks.is_truthy().then(|| locks.unchecked_into())
}

impl Locks for Browser {
    type Lock = Lock;

    async fn lock(&self, name: &str) -> Option<Lock> {
        match Lock::acquire(name, true).await {
            TryLock::Held(lock) => Some(lock),
            TryLock::Taken | TryLock::Unsupported => None,
        }
    }

    fn try_lock(&self, name: &str) -> impl Future<Output = TryLock<Lock>> {
        Lock::acquire(name, false)
    }
}

impl Lock {
    /// Requests the lock: waits for it, or takes it only if it is free. The future fails if the platform refuses the request.
    fn request(name: &str, waits: bool) -> Option<(Lock, JsFuture)> {
        let mut release = None;
        let released = Promise::new(&mut |resolve, _| release = Some(resolve));
        let cancel = abort_controller();
        let granted = Oneshot::new();
        let sender = granted.clone();
        // The platform may call this after we have stopped waiting. By then, the promise that it returns is resolved.
        let callback = Closure::once_into_js(move |lock: JsValue| {
            sender.send(lock.is_truthy());
            released
        });
        let options = bare_object();
        // The platform accepts only one of both options.
        let (option_name, option) = if waits { ("signal", cancel.signal().into()) } else { ("ifAvailable", JsValue::TRUE) };
        Reflect::set(&options, &option_name.into(), &option).ok()?;
        let promise = manager()?.request(name, &options, &once(&callback)).ok()?;
        Some((Lock { granted, release, cancel }, resolve(&promise)))
    }

    async fn acquire(name: &str, waits: bool) -> TryLock<Lock> {
        let Some((lock, promise)) = Lock::request(name, waits) else { return TryLock::Unsupported };
        match select(pin!(lock.granted.recv()), promise).await {
            Either::Left((true, _)) => {}
            Either::Left((false, _)) => return TryLock::Taken,
            Either::Right(_) => return TryLock::Unsupported,
        }
        TryLock::Held(lock)
    }

    /// Requests the lock without waiting for it: the platform grants it later.
    pub(super) fn enqueue(name: &str) -> Option<Lock> {
        let (lock, promise) = Lock::request(name, true)?;
        // The promise is handled: it rejects with AbortError when we stop waiting.
        drop(promise);
        Some(lock)
    }

    pub(super) fn is_granted(&self) -> bool {
        self.granted.is_sent()
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        outside::call(&self.cancel, "abort", &[]);
        if let Some(release) = &self.release {
            // The function is the platform's own, and only resolves a promise.
            let _ = release.call0(&JsValue::UNDEFINED);
        }
    }
}

/// Whether another page holds the lock at this moment.
pub(super) async fn is_held_by_another(name: &str) -> bool {
    let Some(manager) = manager() else { return false };
    let options = bare_object();
    // Shared, so that two pages that check at the same time do not take each other for the holder.
    let is_set =
        Reflect::set(&options, &"ifAvailable".into(), &JsValue::TRUE).and(Reflect::set(&options, &"mode".into(), &"shared".into()));
    if is_set.is_err() {
        return false;
    }
    let is_held = Oneshot::new();
    let sender = is_held.clone();
    let granted = Closure::once_into_js(move |lock: JsValue| sender.send(lock.is_null()));
    let Ok(promise) = manager.request(name, &options, &once(&granted)) else { return false };
    matches!(select(pin!(is_held.recv()), resolve(&promise)).await, Either::Left((true, _)))
}
