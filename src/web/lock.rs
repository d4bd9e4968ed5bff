//! A lock among the pages of this origin, if the platform has Web Locks.

use std::future::Future;

use js_sys::Promise;
use wasm_bindgen::prelude::*;

use super::abort::{AbortController, abort_controller};
use super::outside;
use super::settled::Settled;
use crate::auth::ports::TryLock;

#[wasm_bindgen]
extern "C" {
    type LockRequest;

    /// `src/js/locks.js`. Waits for the lock if there is a signal.
    #[wasm_bindgen(js_name = requestLock)]
    fn request_lock(name: &str, signal: Option<&web_sys::AbortSignal>) -> LockRequest;

    /// `src/js/web-lock.js`
    #[wasm_bindgen(js_name = requestWebLock)]
    fn request_web_lock(name: &str, signal: &web_sys::AbortSignal) -> LockRequest;

    /// `src/js/web-lock.js`
    #[wasm_bindgen(js_name = isWebLockHeld)]
    fn is_web_lock_held(name: &str) -> Promise;

    #[wasm_bindgen(method, getter)]
    fn decided(this: &LockRequest) -> Promise;

    #[wasm_bindgen(method, getter, js_name = isLate)]
    fn is_late(this: &LockRequest) -> bool;

    #[wasm_bindgen(method, getter, js_name = isGranted)]
    fn is_granted(this: &LockRequest) -> bool;

    #[wasm_bindgen(method)]
    fn release(this: &LockRequest);
}

/// A lock that is requested or held, until dropped.
pub(super) struct Lock {
    request: LockRequest,
    /// Ends the wait for the lock.
    cancel: Option<AbortController>,
}

impl Lock {
    /// Waits for the lock. `None` at once if the platform has no locks.
    pub(super) async fn wait(name: &str) -> Option<Lock> {
        let cancel = abort_controller();
        let lock = Lock { request: request_lock(name, Some(&cancel.signal())), cancel: Some(cancel) };
        match lock.decided().await {
            TryLock::Held(lock) | TryLock::HeldLate(lock) => Some(lock),
            TryLock::Taken | TryLock::Unsupported => None,
        }
    }

    /// The lock, if it is free.
    pub(super) fn if_free(name: &str) -> impl Future<Output = TryLock<Lock>> {
        Lock { request: request_lock(name, None), cancel: None }.decided()
    }

    /// Requests a Web Lock without waiting for it: the platform grants it later.
    pub(super) fn enqueue(name: &str) -> Lock {
        let cancel = abort_controller();
        Lock { request: request_web_lock(name, &cancel.signal()), cancel: Some(cancel) }
    }

    /// Waits until the platform has decided.
    async fn decided(self) -> TryLock<Lock> {
        if self.is_granted() {
            return TryLock::Held(self);
        }
        match Settled::of(&self.request.decided()).await.ok().and_then(|granted| granted.as_bool()) {
            Some(true) if self.request.is_late() => TryLock::HeldLate(self),
            Some(true) => TryLock::Held(self),
            Some(false) => TryLock::Taken,
            None => TryLock::Unsupported,
        }
    }

    pub(super) fn is_granted(&self) -> bool {
        self.request.is_granted()
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(cancel) = &self.cancel {
            outside::call(cancel, "abort", &[]);
        }
        self.request.release();
    }
}

/// Whether another page holds the Web Lock at this moment. `None` if the platform has no locks.
pub(super) async fn is_held(name: &str) -> Option<bool> {
    Settled::of(&is_web_lock_held(name)).await.ok()?.as_bool()
}
