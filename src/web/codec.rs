//! Text formats that the platform reads and writes: JSON and forms.

use gloo_net::http::QueryParams;
use js_sys::{Array, JSON};
use wasm_bindgen::prelude::*;
use web_sys::UrlSearchParams;

use super::browser::Browser;
use super::foreign::{entries, named, texts};
use crate::cloud::ports::Codec;
use crate::model::json::Json;

impl Codec for Browser {
    fn parse_json(&self, text: &str) -> Option<Json> {
        json(text)
    }

    fn form(&self, pairs: &[(&str, &str)]) -> String {
        // The constructor cannot fail with a text.
        let Ok(raw) = UrlSearchParams::new_with_str("") else { return String::new() };
        let form = QueryParams::from_raw(raw);
        for (name, value) in pairs {
            form.append(name, value);
        }
        form.to_string()
    }

    fn parse_form(&self, text: &str) -> Vec<(String, String)> {
        decoded(text)
    }
}

/// Deeper than any response of the cloud, and far from a stack overflow.
const MAX_DEPTH: u8 = 32;

pub(super) fn json(text: &str) -> Option<Json> {
    JSON::parse(text).ok().map(|value| json_tree(&value))
}

/// What `JSON.parse` returns, for the core.
pub(super) fn json_tree(value: &JsValue) -> Json {
    tree(value, MAX_DEPTH)
}

fn tree(value: &JsValue, depth: u8) -> Json {
    if let Some(text) = value.as_string() {
        return Json::String(text);
    }
    if let Some(number) = value.as_f64() {
        return Json::from_number(number);
    }
    if let Some(boolean) = value.as_bool() {
        return Json::Bool(boolean);
    }
    let Some(depth) = depth.checked_sub(1).filter(|_| value.is_object()) else { return Json::Null };
    if Array::is_array(value) {
        let list: &Array = value.unchecked_ref();
        let mut items = Vec::new();
        for at in 0..list.length() {
            items.push(tree(&list.get(at), depth));
        }
        return Json::Array(items);
    }
    let mut properties = Vec::new();
    for (name, value) in entries(value).unwrap_or_default() {
        properties.push((name, tree(&value, depth)));
    }
    Json::Object(properties)
}

/// The decoded pairs of a form, or of a query with or without its question mark.
pub(super) fn decoded(text: &str) -> Vec<(String, String)> {
    UrlSearchParams::new_with_str(text).map(|form| pairs(&form)).unwrap_or_default()
}

/// The decoded pairs of a query.
pub(super) fn pairs(query: &UrlSearchParams) -> Vec<(String, String)> {
    texts(named(&Array::from(query)))
}
