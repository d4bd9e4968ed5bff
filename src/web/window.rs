//! The window in which a person signs in, and the message that the callback page posts from it.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;

use wasm_bindgen::prelude::*;

use super::foreign::{own_property, property};
use super::outside;
use super::settled::{Settled, settle};
use super::timer::spawn;
use crate::auth::ports::SignInWindow;

/// The type of the callback page's message (`src/js/callback.js`).
const MESSAGE_TYPE: &str = "premium-recorder.authorization-response";

#[wasm_bindgen]
extern "C" {
    /// Adds a listener for the messages to this page. `src/js/instance.js` removes it after a panic.
    #[wasm_bindgen(catch, js_name = listenForMessages)]
    fn listen_for_messages(listener: &JsValue) -> Result<(), JsValue>;

    /// Removes the listener.
    #[wasm_bindgen(js_name = end)]
    fn stop_listening(listener: &JsValue);
}

pub(super) struct Window {
    opened: JsValue,
    response: Settled,
    listener: Closure<dyn FnMut(JsValue)>,
}

impl Window {
    /// Opens an empty window. It is closed if nobody waits for it any more by the time that it is open.
    pub(super) async fn open(origin: String) -> Option<Window> {
        let (window, opened) = (Rc::new(Cell::new(None)), Settled::new());
        let (to_open, number) = (window.clone(), opened.number());
        // Begins in this turn. WebKit keeps a window's opener under more policies if the address is empty than for about:blank.
        let opening = outside::begin(&js_sys::global(), "open", &[&"".into(), &"_blank".into(), &"popup=true,width=500,height=700".into()]);
        spawn(Box::pin(async move {
            to_open.set(outside::result(opening).await.ok().and_then(|opened| Window::of(opened, origin)));
            settle(number, Ok(JsValue::UNDEFINED));
        }));
        let _ = opened.await;
        window.take()
    }

    /// Accepts only messages that come from the opened window and from a page of `origin`.
    fn of(opened: JsValue, origin: String) -> Option<Window> {
        if !opened.is_truthy() {
            return None;
        }
        let response = Settled::new();
        let (source, number) = (opened.clone(), response.number());
        let listener = Closure::new(move |event: JsValue| {
            if property(&event, "source") != source || property(&event, "origin") != origin {
                return;
            }
            let data = property(&event, "data");
            if own_property(&data, "type").unwrap_or_default() != MESSAGE_TYPE {
                return;
            }
            let query = own_property(&data, "query").unwrap_or_default();
            if query.is_string() {
                settle(number, Ok(query));
            }
        });
        listen_for_messages(listener.as_ref()).ok()?;
        Some(Window { opened, response, listener })
    }
}

impl SignInWindow for Window {
    fn show(&self, url: &str) {
        // If the window is gone, `is_closed` says so.
        outside::call(&property(&self.opened, "location"), "replace", &[&url.into()]);
    }

    async fn response(&self) -> String {
        let response = poll_fn(|context| self.response.poll_outcome(context)).await;
        response.ok().and_then(|query| query.as_string()).unwrap_or_default()
    }

    fn address(&self) -> Option<String> {
        // Another origin's page does not let it be read.
        property(&property(&self.opened, "location"), "href").as_string()
    }

    fn is_closed(&self) -> bool {
        property(&self.opened, "closed").is_truthy()
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        stop_listening(self.listener.as_ref());
        // This cannot fail: the window is ours, and a closed window may be closed again.
        outside::call(&self.opened, "close", &[]);
    }
}
