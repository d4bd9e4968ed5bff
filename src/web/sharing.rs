//! Shares tokens with other pages of this origin, on request, through a `BroadcastChannel`. Of the pages that hold a token,
//! the page with the lock responds. When that page closes, the next page gets the lock.

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{Either, select};
use js_sys::Math;
use wasm_bindgen::prelude::*;

use super::browser::Browser;
use super::foreign::{own_property, property};
use super::lock::{Lock, is_held_by_another};
use super::oneshot::Oneshot;
use super::result::{Property, object};
use super::timer::Timeout;
use crate::auth::ports::{TokenSharer, TokenSharing};
use crate::model::argument;
use crate::token::access_token::IssuedToken;

/// The longest time that a page may take to respond.
const SHARE_TIMEOUT_MS: u32 = 1_000;

#[wasm_bindgen]
extern "C" {
    #[derive(Clone)]
    type BroadcastChannel;

    #[wasm_bindgen(catch, constructor)]
    fn new(name: &str) -> Result<BroadcastChannel, JsValue>;

    #[wasm_bindgen(catch, method, js_name = postMessage)]
    fn post_message(this: &BroadcastChannel, message: &JsValue) -> Result<(), JsValue>;

    #[wasm_bindgen(catch, method, setter, js_name = onmessage)]
    fn set_onmessage(this: &BroadcastChannel, listener: &JsValue) -> Result<(), JsValue>;

    #[wasm_bindgen(catch, method)]
    fn close(this: &BroadcastChannel) -> Result<(), JsValue>;
}

/// A channel with its listener, until dropped.
struct Channel {
    channel: BroadcastChannel,
    _listener: Closure<dyn FnMut(JsValue)>,
}

impl Channel {
    fn open(name: &str, mut on_message: impl FnMut(&BroadcastChannel, JsValue) + 'static) -> Option<Channel> {
        let channel = BroadcastChannel::new(name).ok()?;
        let to_respond = channel.clone();
        let listener = Closure::new(move |event: JsValue| on_message(&to_respond, property(&event, "data")));
        channel.set_onmessage(listener.as_ref()).ok()?;
        Some(Channel { channel, _listener: listener })
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        // The page may have replaced `BroadcastChannel` with a class that has neither.
        let _ = self.channel.set_onmessage(&JsValue::NULL);
        let _ = self.channel.close();
    }
}

pub(super) struct Sharing {
    _lock: Option<Rc<Lock>>,
    _channel: Option<Channel>,
}

impl TokenSharing for Browser {
    type Sharing = Sharing;

    fn request_shared_token(&self, name: &str) -> impl Future<Output = Option<Option<IssuedToken>>> {
        request(name)
    }

    fn share_token(&self, name: &str, sharer: Rc<dyn TokenSharer>, answers: bool) -> Sharing {
        share(name, sharer, answers)
    }

    fn forget_shared_token(&self, name: &str) {
        post(name, &object(&[("forget", Property::Bool(true))]));
    }
}

fn responder_lock(name: &str) -> String {
    format!("{name} answers")
}

fn share(name: &str, sharer: Rc<dyn TokenSharer>, answers: bool) -> Sharing {
    let lock = answers.then(|| Rc::new(Lock::enqueue(&responder_lock(name))));
    let own_lock = lock.clone();
    let own_name = name.to_owned();
    let channel = Channel::open(name, move |channel, message| {
        if own(&message, "forget").is_truthy() {
            return sharer.forget();
        }
        let question = own(&message, "question").as_f64();
        if let Some(question) = question.filter(|_| own_lock.as_ref().is_some_and(|lock| lock.is_granted())) {
            let token = sharer.share();
            let response = object(&[
                ("answer", Property::Number(question)),
                ("accessToken", token.as_ref().map(|token| token.access_token.reveal()).into()),
                ("expiresIn", token.as_ref().and_then(|token| token.expires_in).map_or(Property::Absent, Property::Number)),
            ]);
            // Without a token, `share` has replaced this sharing and closed its channel.
            if channel.post_message(&response).is_err() {
                post(&own_name, &response);
            }
        }
    });
    Sharing { _lock: lock, _channel: channel }
}

async fn request(name: &str) -> Option<Option<IssuedToken>> {
    if !is_held_by_another(&responder_lock(name)).await {
        return None;
    }
    let question = Math::random();
    let response = Oneshot::new();
    let sender = response.clone();
    let channel = Channel::open(name, move |_, message| {
        if own(&message, "answer").as_f64() == Some(question) {
            sender.send(message);
        }
    })?;
    channel.channel.post_message(&object(&[("question", Property::Number(question))])).ok()?;
    let Either::Left((message, _)) = select(pin!(response.recv()), Timeout::new(SHARE_TIMEOUT_MS)).await else { return None };
    let expires_in = own(&message, "expiresIn").as_f64().and_then(|seconds| argument::seconds("expiresIn", seconds).ok());
    Some(own(&message, "accessToken").as_string().map(|text| IssuedToken { access_token: text.into(), expires_in }))
}

/// A property of a message. Any script of this origin may have sent it.
fn own(message: &JsValue, name: &str) -> JsValue {
    own_property(message, name).unwrap_or_default()
}

fn post(name: &str, message: &JsValue) {
    if let Ok(channel) = BroadcastChannel::new(name) {
        // Plain data can always be posted.
        let _ = channel.post_message(message);
        let _ = channel.close();
    }
}
