//! The page: its URL, its windows, and what its tab stores while the page is away.

use futures_util::future::LocalBoxFuture;
use wasm_bindgen::prelude::*;

use super::browser::Browser;
use super::codec::decoded;
use super::foreign::{entries, global, property, texts};
use super::outside;
use super::window::Window;
use crate::auth::ports::Navigation;
use crate::model::page::Page;

#[wasm_bindgen]
extern "C" {
    type Storage;

    #[wasm_bindgen(catch, method, js_name = setItem)]
    fn set_item(this: &Storage, key: &str, value: &str) -> Result<(), JsValue>;

    #[wasm_bindgen(catch, method, js_name = getItem)]
    fn get_item(this: &Storage, key: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch, method, js_name = removeItem)]
    fn remove_item(this: &Storage, key: &str) -> Result<(), JsValue>;
}

/// The page, if there is one.
pub(super) fn page() -> Option<Page> {
    let location = global("location");
    let text = |name: &str| property(&location, name).as_string();
    let (origin, path) = (text("origin")?, text("pathname")?);
    Some(Page { address: origin.clone() + &path, origin, query: decoded(&text("search")?), fragment: text("hash")? })
}

impl Navigation for Browser {
    type Window = Window;

    fn open_window(&self) -> LocalBoxFuture<'static, Option<Window>> {
        Box::pin(Window::open(property(&global("location"), "origin").as_string().unwrap_or_default()))
    }

    fn has_opaque_origin(&self) -> bool {
        global("origin") == "null"
    }

    fn has_session_storage(&self) -> bool {
        const KEY: &str = "premium-recorder.check";
        let storage = session_storage();
        storage.set_item(KEY, "").is_ok() && storage.remove_item(KEY).is_ok()
    }

    fn store_and_navigate(&self, url: &str, key: &str, item: &str) -> bool {
        let is_stored = session_storage().set_item(key, item).is_ok();
        if is_stored {
            outside::call(&global("location"), "assign", &[&url.into()]);
        }
        is_stored
    }

    fn take_session_item(&self, key: &str) -> Option<String> {
        let storage = session_storage();
        let item = storage.get_item(key).ok()?.as_string()?;
        storage.remove_item(key).ok()?;
        Some(item)
    }

    fn session_items(&self, prefix: &str) -> Vec<(String, String)> {
        let mut items = entries(&session_storage()).unwrap_or_default();
        items.retain(|(key, _)| key.starts_with(prefix));
        texts(items)
    }

    fn fragment(&self) -> String {
        property(&global("location"), "hash").as_string().unwrap_or_default()
    }

    fn replace_address(&self, url: &str) {
        let history = global("history");
        // If the page may not change its URL, the authorization code stays there. It works only once.
        outside::call(&history, "replaceState", &[&property(&history, "state"), &"".into(), &url.into()]);
    }
}

fn session_storage() -> Storage {
    global("sessionStorage").unchecked_into()
}
