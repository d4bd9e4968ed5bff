//! The browser as the flow's outside.

use std::rc::Rc;

use futures_util::future::LocalBoxFuture;
use js_sys::Date;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;

use super::abort::{AbortController, Aborted};
use super::listener::Listener;
use super::lock::Lock;
use super::sharing::Sharing;
use super::timer::Timer;
use super::token_source::TokenSource;
use super::window::Window;
use super::{codec, crypto, fetch, lock, page, sharing};
use crate::cloud::event::Event;
use crate::cloud::ports::{Feature, Platform, TokenNeed, TokenSharer, TransportError, TryLock};
use crate::cloud::response::Response;
use crate::model::error::Cause;
use crate::model::json::Json;
use crate::model::time::Timestamp;
use crate::token::access_token::IssuedToken;
use crate::token::request::Request;

pub(super) struct Browser {
    token_source: Option<TokenSource>,
    listener: Option<Listener>,
    closing: AbortController,
}

impl Browser {
    pub(super) fn new(token_source: Option<TokenSource>, listener: Option<Listener>) -> Browser {
        Browser { token_source, listener, closing: AbortController::new() }
    }
}

impl Platform for Browser {
    type Window = Window;
    type Lock = Lock;
    type Sharing = Sharing;

    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        fetch::send(request).await
    }

    fn has_token_source(&self) -> bool {
        self.token_source.is_some()
    }

    async fn get_token(&self, need: TokenNeed<'_>) -> Result<Option<IssuedToken>, Cause> {
        match &self.token_source {
            Some(source) => source.get_token(need).await,
            None => std::future::pending().await,
        }
    }

    fn open_window(&self) -> Option<Window> {
        Window::open(page::origin())
    }

    fn leave(&self, url: &str, key: &str, memo: &str) -> bool {
        page::leave(url, key, memo)
    }

    fn take_memo(&self, key: &str) -> Option<String> {
        page::take_memo(key)
    }

    fn memos(&self, prefix: &str) -> Vec<(String, String)> {
        page::memos(prefix)
    }

    fn replace_address(&self, url: &str) {
        page::replace_address(url);
    }

    async fn lock(&self, name: &str) -> Option<Lock> {
        Lock::held(name).await
    }

    async fn try_lock(&self, name: &str) -> TryLock<Lock> {
        Lock::if_free(name).await
    }

    async fn ask_sharing(&self, name: &str) -> Option<Option<IssuedToken>> {
        sharing::ask(name).await
    }

    fn share(&self, name: &str, holder: Rc<dyn TokenSharer>) -> Sharing {
        sharing::share(name, holder)
    }

    fn forget_shared(&self, name: &str) {
        sharing::forget(name);
    }

    fn parse_json(&self, text: &str) -> Option<Json> {
        codec::json(text)
    }

    fn parse_date(&self, text: &str) -> Option<Timestamp> {
        codec::date(text)
    }

    fn form(&self, pairs: &[(&str, &str)]) -> String {
        codec::form(pairs)
    }

    fn parse_form(&self, text: &str) -> Vec<(String, String)> {
        codec::parse_form(text)
    }

    fn random(&self) -> Option<[u8; 32]> {
        crypto::random()
    }

    async fn sha256(&self, bytes: &[u8]) -> Option<[u8; 32]> {
        crypto::sha256(bytes).await
    }

    fn has(&self, feature: Feature) -> bool {
        match feature {
            Feature::SessionStorage => page::has_storage(),
            Feature::WebLocks => lock::is_available(),
            Feature::WebCrypto => crypto::is_available(),
        }
    }

    fn now(&self) -> Timestamp {
        // `Date.now()` is a whole number far below 2⁵³.
        #[allow(clippy::cast_possible_truncation)]
        Timestamp::from_millis(Date::now() as i64)
    }

    async fn wait(&self, millis: u32) {
        Timer::new(millis).await;
    }

    fn tell(&self, event: &Event<'_>) {
        if let Some(listener) = &self.listener {
            listener.tell(event);
        }
    }

    fn spawn(&self, work: LocalBoxFuture<'static, ()>) {
        spawn_local(work);
    }

    fn close(&self) {
        self.closing.abort();
    }

    async fn closed(&self) {
        Aborted::by(Some(self.closing.signal().unchecked_into())).await;
    }
}
