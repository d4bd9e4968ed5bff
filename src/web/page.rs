//! The page itself: its address, and what it keeps for when it is left and comes back.

use js_sys::{Array, Object};
use wasm_bindgen::prelude::*;
use web_sys::Url;

use super::codec::pairs;
use super::foreign::property;
use crate::auth::sign_in::Page;

#[wasm_bindgen]
extern "C" {
    type Storage;

    #[wasm_bindgen(catch, method, js_name = setItem)]
    fn set_item(this: &Storage, key: &str, value: &str) -> Result<(), JsValue>;

    #[wasm_bindgen(catch, method, js_name = getItem)]
    fn get_item(this: &Storage, key: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch, method, js_name = removeItem)]
    fn remove_item(this: &Storage, key: &str) -> Result<(), JsValue>;

    type Location;

    #[wasm_bindgen(catch, method)]
    fn assign(this: &Location, url: &str) -> Result<(), JsValue>;

    type History;

    #[wasm_bindgen(catch, method, js_name = replaceState)]
    fn replace_state(this: &History, state: &JsValue, unused: &str, url: &str) -> Result<(), JsValue>;
}

fn global(name: &str) -> JsValue {
    property(&js_sys::global(), name)
}

/// The page, where there is one.
pub(super) fn page() -> Option<Page> {
    let url = Url::new(&property(&global("location"), "href").as_string()?).ok()?;
    let (origin, path) = (url.origin(), url.pathname());
    Some(Page { address: format!("{origin}{path}"), origin, query: pairs(&url.search_params()) })
}

/// The origin of the page.
pub(super) fn origin() -> String {
    property(&global("location"), "origin").as_string().unwrap_or_default()
}

/// Keeps the memo and leaves; says whether that could be done.
pub(super) fn leave(url: &str, key: &str, memo: &str) -> bool {
    let storage: Storage = global("sessionStorage").unchecked_into();
    let location: Location = global("location").unchecked_into();
    storage.set_item(key, memo).is_ok() && location.assign(url).is_ok()
}

/// Whether something can be kept.
pub(super) fn has_storage() -> bool {
    const KEY: &str = "premium-recorder.check";
    let storage: Storage = global("sessionStorage").unchecked_into();
    storage.set_item(KEY, "").is_ok() && storage.remove_item(KEY).is_ok()
}

pub(super) fn take_memo(key: &str) -> Option<String> {
    let storage: Storage = global("sessionStorage").unchecked_into();
    let memo = storage.get_item(key).ok()?.as_string()?;
    storage.remove_item(key).ok()?;
    Some(memo)
}

pub(super) fn memos(prefix: &str) -> Vec<(String, String)> {
    let entry = |entry: JsValue| {
        let entry: Array = entry.unchecked_into();
        let key = entry.get(0).as_string().filter(|key| key.starts_with(prefix))?;
        Some((key, entry.get(1).as_string()?))
    };
    let storage = global("sessionStorage");
    storage.dyn_ref().map(|storage| Object::entries(storage).iter().filter_map(entry).collect()).unwrap_or_default()
}

pub(super) fn replace_address(url: &str) {
    let history: History = global("history").unchecked_into();
    // A page that may not change its address keeps it: the code in it is used up.
    let _ = history.replace_state(&JsValue::NULL, "", url);
}
