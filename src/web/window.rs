//! The window in which a person signs in, and the message that the callback page posts from it.

use std::future::Future;

use wasm_bindgen::prelude::*;

use super::foreign::{own_property, property};
use super::oneshot::Oneshot;
use crate::auth::ports::SignInWindow;

/// The type of the callback page's message (`src/js/callback.js`).
const MESSAGE_TYPE: &str = "premium-recorder.authorization-response";

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_name = open)]
    fn open(url: &str, target: &str, features: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch, js_name = addEventListener)]
    fn add_event_listener(event: &str, listener: &Closure<dyn FnMut(JsValue)>) -> Result<(), JsValue>;

    #[wasm_bindgen(catch, js_name = removeEventListener)]
    fn remove_event_listener(event: &str, listener: &Closure<dyn FnMut(JsValue)>) -> Result<(), JsValue>;

    #[derive(Clone)]
    type Opened;

    #[wasm_bindgen(catch, method)]
    fn close(this: &Opened) -> Result<(), JsValue>;

    type OpenedLocation;

    #[wasm_bindgen(catch, method)]
    fn replace(this: &OpenedLocation, url: &str) -> Result<(), JsValue>;
}

pub(super) struct Window {
    opened: Opened,
    response: Oneshot<String>,
    listener: Closure<dyn FnMut(JsValue)>,
}

impl Window {
    /// Opens an empty window. Accepts only messages that come from that window and from a page of `origin`.
    pub(super) fn open(origin: String) -> Option<Window> {
        let opened = open("about:blank", "_blank", "popup=true,width=500,height=700").ok().filter(JsValue::is_truthy)?;
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
        Some(Window { opened: opened.unchecked_into(), response, listener })
    }
}

impl SignInWindow for Window {
    fn show(&self, url: &str) {
        let location: OpenedLocation = property(&self.opened, "location").unchecked_into();
        // If the window is gone, `is_closed` says so.
        let _ = location.replace(url);
    }

    fn response(&self) -> impl Future<Output = String> {
        self.response.recv()
    }

    fn is_closed(&self) -> bool {
        property(&self.opened, "closed").is_truthy()
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // Neither can fail: the listener and the window are ours, and a closed window may be closed again.
        let _ = remove_event_listener("message", &self.listener);
        let _ = self.opened.close();
    }
}
