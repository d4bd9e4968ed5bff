//! `BroadcastChannel`s to the other pages of this origin.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use wasm_bindgen::prelude::*;

use super::foreign::{own_property, property};
use super::lock::Lock;
use super::result::{Property, object};
use crate::auth::ports::TokenSharer;

#[wasm_bindgen]
extern "C" {
    #[derive(Clone)]
    pub(super) type BroadcastChannel;

    /// Opens a channel. `src/js/instance.js` closes it after a panic.
    #[wasm_bindgen(catch, js_name = openChannel)]
    fn open_channel(name: &str) -> Result<BroadcastChannel, JsValue>;

    /// Closes a channel.
    #[wasm_bindgen(js_name = end)]
    fn close(channel: &BroadcastChannel);

    #[wasm_bindgen(catch, method, js_name = postMessage)]
    fn post_message(this: &BroadcastChannel, message: &JsValue) -> Result<(), JsValue>;

    #[wasm_bindgen(catch, method, setter, js_name = onmessage)]
    fn set_onmessage(this: &BroadcastChannel, listener: &JsValue) -> Result<(), JsValue>;
}

/// Gets the channel and a message from it.
type OnMessage = Box<dyn FnMut(&BroadcastChannel, JsValue)>;

/// A channel with its listener, until dropped.
pub(super) struct Channel {
    channel: BroadcastChannel,
    listener: Closure<dyn FnMut(JsValue)>,
}

impl Channel {
    pub(super) fn open(name: &str, mut on_message: OnMessage) -> Option<Channel> {
        let channel = open_channel(name).ok()?;
        let to_respond = channel.clone();
        let listener = Closure::new(move |event: JsValue| on_message(&to_respond, property(&event, "data")));
        let opened = Channel { channel, listener };
        opened.channel.set_onmessage(opened.listener.as_ref()).ok()?;
        Some(opened)
    }

    pub(super) fn post(&self, message: &JsValue) -> Option<()> {
        self.channel.post_message(message).ok()
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        // The page may have replaced `BroadcastChannel` with a class that does not close.
        let _ = self.channel.set_onmessage(&JsValue::NULL);
        close(&self.channel);
    }
}

/// The channel of a recorder's sharings of one name. A sharing that replaces another one keeps its channel: a new one would get no
/// message that another page has posted before.
pub(super) struct SharingChannel {
    name: String,
    /// What the last sharing that answers must hold to answer.
    lock: Rc<RefCell<Weak<Lock>>>,
    _channel: Channel,
}

impl SharingChannel {
    fn open(name: &str, sharer: Rc<dyn TokenSharer>) -> Option<Rc<SharingChannel>> {
        let lock: Rc<RefCell<Weak<Lock>>> = Rc::default();
        let own_lock = lock.clone();
        let on_message = move |channel: &BroadcastChannel, message: JsValue| {
            if own(&message, "forget").is_truthy() {
                return sharer.forget();
            }
            let may_answer = own_lock.borrow().upgrade().is_some_and(|lock| lock.is_granted());
            let question = own(&message, "question").as_f64();
            if let Some(question) = question.filter(|_| may_answer) {
                let token = sharer.share();
                let response = object(&[
                    ("answer", Property::Number(question)),
                    ("accessToken", token.as_ref().map(|token| token.access_token.reveal()).into()),
                    ("expiresIn", token.as_ref().and_then(|token| token.expires_in).map_or(Property::Absent, Property::Number)),
                ]);
                // Plain data can always be posted.
                let _ = channel.post_message(&response);
            }
        };
        let channel = Channel::open(name, Box::new(on_message))?;
        Some(Rc::new(SharingChannel { name: name.to_owned(), lock, _channel: channel }))
    }

    /// Answers from now on, while this page holds the lock.
    pub(super) fn answer_with(&self, lock: &Rc<Lock>) {
        self.lock.replace(Rc::downgrade(lock));
    }
}

/// The channels of a recorder's sharings.
#[derive(Default)]
pub(super) struct SharingChannels(RefCell<Vec<Weak<SharingChannel>>>);

impl SharingChannels {
    /// The channel of this name. `sharer`: for a new channel. An open one keeps its own, which stands for the same token.
    pub(super) fn get(&self, name: &str, sharer: Rc<dyn TokenSharer>) -> Option<Rc<SharingChannel>> {
        let open = self.0.borrow().iter().filter_map(Weak::upgrade).find(|channel| channel.name == name);
        open.or_else(|| {
            // Not while the list is borrowed: the page may have replaced `BroadcastChannel`.
            let channel = SharingChannel::open(name, sharer)?;
            let mut channels = self.0.borrow_mut();
            channels.retain(|channel| channel.strong_count() > 0);
            channels.push(Rc::downgrade(&channel));
            Some(channel)
        })
    }
}

/// A property of a message. Any script of this origin may have sent it.
pub(super) fn own(message: &JsValue, name: &str) -> JsValue {
    own_property(message, name).unwrap_or_default()
}

pub(super) fn post(name: &str, message: &JsValue) {
    if let Ok(channel) = open_channel(name) {
        // Plain data can always be posted.
        let _ = channel.post_message(message);
        close(&channel);
    }
}
