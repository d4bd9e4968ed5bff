//! The browser as the flow's outside.

use wasm_bindgen::JsCast;

use super::abort::{AbortController, Aborted};
use super::timer::Timer;
use super::token_source::TokenSource;
use super::{fetch, json};
use crate::error::Cause;
use crate::grant::Request;
use crate::json::Json;
use crate::ports::{Answer, IssuedToken, Lost, Ports, TokenNeed};
use crate::timestamp::Timestamp;

pub(super) struct Platform {
    token_source: Option<TokenSource>,
    closing: AbortController,
}

impl Platform {
    pub(super) fn new(token_source: Option<TokenSource>) -> Platform {
        Platform { token_source, closing: AbortController::new() }
    }
}

impl Ports for Platform {
    async fn send(&self, request: Request) -> Result<Answer, Lost> {
        fetch::send(request).await
    }

    fn has_token_source(&self) -> bool {
        self.token_source.is_some()
    }

    async fn get_token(&self, need: TokenNeed<'_>) -> Result<IssuedToken, Cause> {
        match &self.token_source {
            Some(source) => source.get_token(need).await,
            None => std::future::pending().await,
        }
    }

    fn parse_json(&self, text: &str) -> Option<Json> {
        json::parse(text)
    }

    fn now(&self) -> Timestamp {
        // `Date.now()` is a whole number far below 2⁵³.
        #[allow(clippy::cast_possible_truncation)]
        Timestamp::from_millis(js_sys::Date::now() as i64)
    }

    async fn wait(&self, millis: u32) {
        Timer::new(millis).await;
    }

    fn close(&self) {
        self.closing.abort();
    }

    async fn closed(&self) {
        Aborted::by(Some(self.closing.signal().unchecked_into())).await;
    }
}
