//! The window in which a person signs in, and the message that the callback page posts from it.

use std::future::Future;

use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::foreign::{own_property, property};
use super::oneshot::Oneshot;
use super::outside;
use crate::auth::ports::SignInWindow;

/// The type of the callback page's message (`src/js/callback.js`).
const MESSAGE_TYPE: &str = "premium-recorder.authorization-response";

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_name = addEventListener)]
    fn add_event_listener(event: &str, listener: &Closure<dyn FnMut(JsValue)>) -> Result<(), JsValue>;

    #[wasm_bindgen(catch, js_name = removeEventListener)]
    fn remove_event_listener(event: &str, listener: &Closure<dyn FnMut(JsValue)>) -> Result<(), JsValue>;

}

pub(super) struct Window {
    opened: JsValue,
    response: Oneshot<String>,
    listener: Closure<dyn FnMut(JsValue)>,
}

impl Window {
    /// Opens an empty window. It is closed if nobody waits for it any more by the time that it is open.
    pub(super) async fn open(origin: String) -> Option<Window> {
        let opened = Oneshot::new();
        let sender = opened.clone();
        // Begins in this turn. WebKit keeps a window's opener under more policies if the address is empty than for about:blank.
        let opening = outside::begin(&js_sys::global(), "open", &[&"".into(), &"_blank".into(), &"popup=true,width=500,height=700".into()]);
        spawn_local(async move { sender.send(outside::result(opening).await.ok().and_then(|opened| Window::of(opened, origin))) });
        opened.recv().await
    }

    /// Accepts only messages that come from the opened window and from a page of `origin`.
    fn of(opened: JsValue, origin: String) -> Option<Window> {
        if !opened.is_truthy() {
            return None;
        }
        let response = Oneshot::new();
        let (source, sender) = (opened.clone(), response.clone());
        let listener = Closure::new(move |event: JsValue| {
            if property(&event, "source") != source || property(&event, "origin") != origin {
                return;
            }
            let data = property(&event, "data");
            if own_property(&data, "type").unwrap_or_default() != MESSAGE_TYPE {
                return;
            }
            if let Some(query) = own_property(&data, "query").unwrap_or_default().as_string() {
                sender.send(query);
            }
        });
        add_event_listener("message", &listener).ok()?;
        Some(Window { opened, response, listener })
    }
}

impl SignInWindow for Window {
    fn show(&self, url: &str) {
        // If the window is gone, `is_closed` says so.
        outside::call(&property(&self.opened, "location"), "replace", &[&url.into()]);
    }

    fn response(&self) -> impl Future<Output = String> {
        self.response.recv()
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
        // Neither can fail: the listener and the window are ours, and a closed window may be closed again.
        let _ = remove_event_listener("message", &self.listener);
        outside::call(&self.opened, "close", &[]);
    }
}
