//! What JavaScript passes in, read as Rust's types: a wrong type ends in `BAD_ARGUMENT` that names the place.

use js_sys::{Array, Function, JsString, Object, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::Url;

use super::codec::pairs;
use super::foreign::Signal;
use crate::auth::login::LoginOptions;
use crate::model::environment::EnvironmentEntry;
use crate::model::error::{Code, Error};
use crate::model::secret::Secret;
use crate::recorder::settings::Options;

type Read<T> = fn(&str, &JsValue) -> Result<T, Error>;

pub(super) fn text(place: &str, value: &JsValue) -> Result<String, Error> {
    let text = value.dyn_ref::<JsString>().ok_or_else(|| must_be(place, "a string"))?;
    // Half a surrogate pair would arrive as another character, and so as another agent's id.
    if text.is_valid_utf16() { Ok(text.into()) } else { Err(must_be(place, "well-formed Unicode")) }
}

pub(super) fn number(place: &str, value: &JsValue) -> Result<f64, Error> {
    value.as_f64().ok_or_else(|| must_be(place, "a number"))
}

pub(super) fn truth(place: &str, value: &JsValue) -> Result<bool, Error> {
    value.as_bool().ok_or_else(|| must_be(place, "true or false"))
}

pub(super) fn function(place: &str, value: &JsValue) -> Result<Function, Error> {
    value.dyn_ref().cloned().ok_or_else(|| must_be(place, "a function"))
}

pub(super) fn object(place: &str, value: &JsValue) -> Result<Object, Error> {
    if value.is_object() { Ok(value.clone().unchecked_into()) } else { Err(must_be(place, "an object")) }
}

/// An `AbortSignal` of whichever frame: what counts is what it can do.
pub(super) fn signal(place: &str, value: &JsValue) -> Result<Signal, Error> {
    let signal = object(place, value)?;
    let is_signal = get(&signal, place, "aborted")?.as_bool().is_some() && get(&signal, place, "addEventListener")?.is_function();
    if is_signal { Ok(signal.unchecked_into()) } else { Err(must_be(place, "an AbortSignal")) }
}

pub(super) fn array(place: &str, value: &JsValue) -> Result<Array, Error> {
    if Array::is_array(value) { Ok(value.clone().unchecked_into()) } else { Err(must_be(place, "an array")) }
}

fn texts(place: &str, value: &JsValue) -> Result<Vec<String>, Error> {
    array(place, value)?.iter().enumerate().map(|(at, item)| text(&format!("{place}[{at}]"), &item)).collect()
}

fn texts_by_name(place: &str, value: &JsValue) -> Result<Vec<(String, String)>, Error> {
    let given = object(place, value)?;
    let property = |name: JsValue| {
        let name = name.as_string().unwrap_or_default();
        required(&given, &format!("{place}."), &name, text).map(|text| (name, text))
    };
    Object::keys(&given).iter().map(property).collect()
}

fn entries(place: &str, value: &JsValue) -> Result<Vec<EnvironmentEntry>, Error> {
    let entry = |(at, item): (usize, JsValue)| {
        let place = format!("{place}[{at}]");
        let entry = object(&place, &item)?;
        let part = |name: &str| required(&entry, &format!("{place}."), name, text);
        Ok(EnvironmentEntry { name: part("name")?, api: part("api")?, login: part("login")?, apps: part("apps")? })
    };
    array(place, value)?.iter().enumerate().map(entry).collect()
}

/// An agent of a list: an id, or an object with the id and the agent's organization.
pub(super) fn agent(place: &str, value: &JsValue) -> Result<(String, Option<String>), Error> {
    if value.is_string() {
        return Ok((text(place, value)?, None));
    }
    let given = options(place, value, &["agentId", "orgId"])?;
    let place = format!("{place}.");
    Ok((required(&given, &place, "agentId", text)?, optional(&given, &place, "orgId", text)?))
}

/// A property that may be absent. `null` is not absent.
pub(super) fn optional<T>(object: &Object, place: &str, name: &str, read: Read<T>) -> Result<Option<T>, Error> {
    let value = get(object, place, name)?;
    if value.is_undefined() { Ok(None) } else { read(&format!("{place}{name}"), &value).map(Some) }
}

/// A property that must be there.
pub(super) fn required<T>(object: &Object, place: &str, name: &str, read: Read<T>) -> Result<T, Error> {
    read(&format!("{place}{name}"), &get(object, place, name)?)
}

/// The options, which may be absent, if they have no other names than these.
pub(super) fn options(place: &str, value: &JsValue, names: &[&str]) -> Result<Object, Error> {
    if value.is_undefined() {
        return Ok(Object::new());
    }
    let options = object(place, value)?;
    for key in Object::keys(&options).iter().filter_map(|key| key.as_string()) {
        if !names.contains(&key.as_str()) {
            return Err(bad(format!("{place} has no \"{key}\"; it may have: {}.", names.join(", "))));
        }
    }
    Ok(options)
}

const CONNECT: &[&str] = &[
    "tokens",
    "getToken",
    "login",
    "shareTokens",
    "orgId",
    "environment",
    "launchUrl",
    "environments",
    "contract",
    "wasm",
    "timeoutMs",
    "onEvent",
];

const LOGIN: &[&str] = &["clientId", "clientIds", "redirectUri", "mode", "prompt", "loginHint", "wrongOrg", "timeoutMs"];

fn login(place: &str, value: &JsValue) -> Result<LoginOptions, Error> {
    let given = options(place, value, LOGIN)?;
    let word = |name: &str| optional(&given, "login.", name, text);
    Ok(LoginOptions {
        client_id: word("clientId")?,
        client_ids: optional(&given, "login.", "clientIds", texts_by_name)?,
        redirect_uri: required(&given, "login.", "redirectUri", text)?,
        mode: word("mode")?,
        prompt: word("prompt")?,
        login_hint: word("loginHint")?,
        wrong_org: word("wrongOrg")?,
        timeout: optional(&given, "login.", "timeoutMs", number)?,
    })
}

/// connect()'s options, their types checked and nothing else.
pub(super) fn connect_options(value: &JsValue) -> Result<(Object, Options), Error> {
    let given = options("connect()'s options", value, CONNECT)?;
    let contract = options("contract", &get(&given, "", "contract")?, &["path", "orgHeaders", "scope", "idempotencyHeader"])?;
    let options = Options {
        tokens: optional(&given, "", "tokens", texts)?.unwrap_or_default().into_iter().map(Secret::from).collect(),
        login: optional(&given, "", "login", login)?,
        share_tokens: optional(&given, "", "shareTokens", truth)?,
        org_id: optional(&given, "", "orgId", text)?,
        environment: optional(&given, "", "environment", text)?,
        environments: optional(&given, "", "environments", entries)?.unwrap_or_default(),
        path: optional(&contract, "contract.", "path", text)?,
        org_headers: optional(&contract, "contract.", "orgHeaders", texts)?,
        scope: optional(&contract, "contract.", "scope", text)?,
        idempotency_header: optional(&contract, "contract.", "idempotencyHeader", text)?,
        timeout: optional(&given, "", "timeoutMs", number)?,
    };
    Ok((given, options))
}

/// The decoded pairs of the query of the option `launchUrl`.
pub(super) fn launch_query(options: &Object) -> Result<Option<Vec<(String, String)>>, Error> {
    let url = get(options, "", "launchUrl")?;
    if url.is_undefined() {
        return Ok(None);
    }
    // A URL or Location of any frame has `href`; a text has not.
    let href = match url.as_string() {
        Some(href) => href,
        None => required(&object("launchUrl", &url)?, "launchUrl.", "href", text)?,
    };
    let url = Url::new(&href).map_err(|_| must_be("launchUrl", "an absolute URL"))?;
    Ok(Some(pairs(&url.search_params())))
}

fn get(object: &Object, place: &str, name: &str) -> Result<JsValue, Error> {
    Reflect::get(object, &name.into()).map_err(|_| bad(format!("{place}{name} can not be read.")))
}

fn must_be(place: &str, what: &str) -> Error {
    bad(format!("{place} must be {what}."))
}

fn bad(message: String) -> Error {
    Error::new(Code::BadArgument, message)
}
