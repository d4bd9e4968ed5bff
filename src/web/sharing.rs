//! Shares tokens with other pages of this origin, on request, through a `BroadcastChannel`. Of the pages that hold a token,
//! the page with the lock responds. When that page closes, the next page gets the lock.

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;

use js_sys::Math;

use super::browser::Browser;
use super::channel::{Channel, SharingChannel, own, post};
use super::lock::{Lock, is_held};
use super::result::{Property, object};
use super::settled::{Settled, settle};
use super::timer::Timeout;
use crate::auth::ports::{SharingRole, TokenSharer, TokenSharing};
use crate::cloud::race::before;
use crate::model::argument;
use crate::token::access_token::IssuedToken;

/// The longest time that a page may take to respond.
const SHARE_TIMEOUT_MS: u32 = 1_000;

pub(super) struct Sharing {
    _lock: Option<Rc<Lock>>,
    _channel: Option<Rc<SharingChannel>>,
}

impl TokenSharing for Browser {
    type Sharing = Sharing;

    fn request_shared_token(&self, name: &str) -> impl Future<Output = Option<Option<IssuedToken>>> {
        request(name)
    }

    fn share_token(&self, name: &str, sharer: Rc<dyn TokenSharer>, role: SharingRole) -> Sharing {
        let channel = self.sharing_channels.get(name, sharer);
        let lock = (role == SharingRole::Answers).then(|| Rc::new(Lock::enqueue(&responder_lock(name))));
        if let (Some(channel), Some(lock)) = (&channel, &lock) {
            channel.answer_with(lock);
        }
        Sharing { _lock: lock, _channel: channel }
    }

    fn forget_shared_token(&self, name: &str) {
        post(name, &object(&[("forget", Property::Bool(true))]));
    }
}

fn responder_lock(name: &str) -> String {
    format!("{name} answers")
}

async fn request(name: &str) -> Option<Option<IssuedToken>> {
    if is_held(&responder_lock(name)).await != Some(true) {
        return None;
    }
    let question = Math::random();
    let response = Settled::new();
    let number = response.number();
    let on_message = move |_: &_, message| {
        if own(&message, "answer").as_f64() == Some(question) {
            settle(number, Ok(message));
        }
    };
    let channel = Channel::open(name, Box::new(on_message))?;
    channel.post(&object(&[("question", Property::Number(question))]))?;
    let message = before(pin!(response), Box::pin(Timeout::new(SHARE_TIMEOUT_MS))).await?.ok()?;
    let expires_in = own(&message, "expiresIn").as_f64().and_then(|seconds| argument::seconds("expiresIn", seconds).ok());
    Some(own(&message, "accessToken").as_string().map(|text| IssuedToken { access_token: text.into(), expires_in }))
}
