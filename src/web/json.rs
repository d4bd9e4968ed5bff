//! The platform's `JSON.parse`.

use js_sys::{Array, JSON, Object};
use wasm_bindgen::prelude::*;

use crate::json::Json;

/// Deeper than any answer of the cloud, and far from the end of the stack.
const DEEPEST: u8 = 32;

pub(super) fn parse(text: &str) -> Option<Json> {
    JSON::parse(text).ok().map(|value| tree(&value, DEEPEST))
}

fn tree(value: &JsValue, depth: u8) -> Json {
    if let Some(text) = value.as_string() {
        return Json::Text(text);
    }
    if let Some(number) = value.as_f64() {
        // A cast to i64 saturates; what is lost is the part below one.
        #[allow(clippy::cast_possible_truncation)]
        return Json::Number(number as i64);
    }
    if let Some(truth) = value.as_bool() {
        return Json::Truth(truth);
    }
    let Some(depth) = depth.checked_sub(1).filter(|_| value.is_object()) else { return Json::Other };
    if Array::is_array(value) {
        return Json::List(Array::from(value).iter().map(|item| tree(&item, depth)).collect());
    }
    let property = |entry: JsValue| {
        let entry: Array = entry.unchecked_into();
        Some((entry.get(0).as_string()?, tree(&entry.get(1), depth)))
    };
    Json::Object(Object::entries(value.unchecked_ref()).iter().filter_map(property).collect())
}
