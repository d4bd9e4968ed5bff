//! Converts JavaScript's arguments to Rust's types. A wrong type fails with a `BAD_ARGUMENT` that names the argument.

use js_sys::{Array, Function, JsString, Object};
use wasm_bindgen::prelude::*;
use web_sys::Url;

use super::codec::{json, pairs};
use super::foreign::{AbortSignal, entries, own_property};
use crate::auth::login::LoginOptions;
use crate::model::argument::bad;
use crate::model::environment::EnvironmentEntry;
use crate::model::error::Error;
use crate::model::join::joined;
use crate::model::json::Json;
use crate::model::launch::LaunchParams;
use crate::model::secret::Secret;
use crate::recorder::settings::Options;

/// Longer than any option may be. Each option has its own limit, and its own message.
const MAX_TEXT: u32 = 65_536;

pub(super) fn string(place: &str, value: &JsValue) -> Result<String, Error> {
    let length = value.dyn_ref::<JsString>().ok_or_else(|| must_be(place, "a string"))?.length();
    if length > MAX_TEXT {
        return Err(must_be(place, "shorter"));
    }
    // Half a surrogate pair would become U+FFFD, and so another agent's id.
    let is_whole = |text: &String| !text.chars().any(|char| char == char::REPLACEMENT_CHARACTER) || value == text.as_str();
    value.as_string().filter(is_whole).ok_or_else(|| must_be(place, "well-formed Unicode"))
}

/// A token. A text that is too long for one is cut to a length that is still too long: the error is the token's own.
pub(super) fn token(place: &str, value: &JsValue) -> Result<String, Error> {
    match value.dyn_ref::<JsString>().filter(|text| text.length() > MAX_TEXT) {
        Some(long) => string(place, &long.slice(0, MAX_TEXT)),
        None => string(place, value),
    }
}

pub(super) fn array(place: &str, value: &JsValue) -> Result<Array, Error> {
    if Array::is_array(value) { Ok(value.clone().unchecked_into()) } else { Err(must_be(place, "an array")) }
}

pub(super) fn number(place: &str, value: &JsValue) -> Result<f64, Error> {
    value.as_f64().ok_or_else(|| must_be(place, "a number"))
}

fn bool(place: &str, value: &JsValue) -> Result<bool, Error> {
    value.as_bool().ok_or_else(|| must_be(place, "true or false"))
}

fn function(place: &str, value: &JsValue) -> Result<Function, Error> {
    value.dyn_ref().cloned().ok_or_else(|| must_be(place, "a function"))
}

fn object(place: &str, value: &JsValue) -> Result<Object, Error> {
    if value.is_object() { Ok(value.clone().unchecked_into()) } else { Err(must_be(place, "an object")) }
}

/// The value, which is no string, so it must be an object.
pub(super) fn string_or_object<'a>(place: &str, value: &'a JsValue) -> Result<&'a JsValue, Error> {
    if value.is_object() { Ok(value) } else { Err(must_be(place, "a string or an object")) }
}

/// The `AbortSignal` that `src/js/limits.js` has put in place of the app's; null if the app's is none.
fn signal(place: &str, value: &JsValue) -> Result<AbortSignal, Error> {
    if value.is_null() { Err(must_be(place, "an AbortSignal")) } else { Ok(value.clone().unchecked_into()) }
}

pub(super) fn strings(place: &str, value: &JsValue) -> Result<Vec<String>, Error> {
    items(place, value, string)
}

fn tokens(place: &str, value: &JsValue) -> Result<Vec<Secret>, Error> {
    items(place, value, |place, item| token(place, item).map(Secret::from))
}

fn items<T>(place: &str, value: &JsValue, read: Read<T>) -> Result<Vec<T>, Error> {
    let mut items = Vec::new();
    for_each(place, value, &mut |place, item| {
        items.push(read(place, item)?);
        Ok(())
    })?;
    Ok(items)
}

/// Reads each item of a list. Writes the item's place only for an error, because formatting a number takes time.
fn for_each(place: &str, value: &JsValue, read: &mut dyn FnMut(&str, &JsValue) -> Result<(), Error>) -> Result<(), Error> {
    let list = array(place, value)?;
    for at in 0..list.length() {
        let item = list.get(at);
        read("", &item).or_else(|_| read(&format!("{place}[{at}]"), &item))?;
    }
    Ok(())
}

fn strings_by_name(place: &str, value: &JsValue) -> Result<Vec<(String, String)>, Error> {
    Arguments::of_copy(place, value, &format!("{place}."))?.strings()
}

fn launch_params(place: &str, value: &JsValue) -> Result<Vec<(String, String)>, Error> {
    Arguments::named(place, value, &LaunchParams::KEYS, "launchParams.")?.strings()
}

fn environments(place: &str, value: &JsValue) -> Result<Vec<EnvironmentEntry>, Error> {
    items(place, value, environment)
}

fn environment(place: &str, value: &JsValue) -> Result<EnvironmentEntry, Error> {
    let entry = Arguments::of_copy(place, value, &(place.to_owned() + "."))?.with_only(place, ENTRY)?;
    let mut environment = EnvironmentEntry { issuer: entry.string("issuer")?, ..EnvironmentEntry::default() };
    for (name, text) in
        [("name", &mut environment.name), ("api", &mut environment.api), ("login", &mut environment.login), ("apps", &mut environment.apps)]
    {
        *text = entry.required(name, string)?;
    }
    Ok(environment)
}

const ENTRY: &[&str] = &["name", "api", "login", "apps", "issuer"];

type Read<T> = fn(&str, &JsValue) -> Result<T, Error>;

/// An object with named arguments. A property that is `undefined` is absent; `null` is not.
pub(super) struct Arguments {
    properties: Vec<(String, JsValue)>,
    /// Comes before the names in messages, for example `login.`.
    prefix: String,
}

impl Arguments {
    /// The options of a function, which may be absent. A name that is not in `names` is an error.
    pub(super) fn options(place: &str, value: &JsValue, names: &[&str]) -> Result<Arguments, Error> {
        Arguments::named(place, value, names, "")
    }

    /// Adds the other arguments of the same call.
    pub(super) fn and(mut self, others: &JsValue) -> Result<Arguments, Error> {
        self.properties.append(&mut Arguments::of_copy("The arguments", others, "")?.properties);
        Ok(self)
    }

    fn named(place: &str, value: &JsValue, names: &[&str], prefix: &str) -> Result<Arguments, Error> {
        if value.is_undefined() {
            return Ok(Arguments { properties: Vec::new(), prefix: String::new() });
        }
        Arguments::of_copy(place, value, prefix)?.with_only(place, names)
    }

    fn with_only(self, place: &str, names: &[&str]) -> Result<Arguments, Error> {
        match self.properties.iter().find(|(name, _)| !names.contains(&name.as_str())) {
            Some((unknown, _)) => Err(bad(format!("{place} cannot have \"{unknown}\", only: {}.", joined(names, ", ")))),
            None => Ok(self),
        }
    }

    /// An object that `src/js` has copied.
    fn of_copy(place: &str, value: &JsValue, prefix: &str) -> Result<Arguments, Error> {
        let object = object(place, value)?;
        let properties = entries(&object).map_err(|_| bad(format!("{place} cannot be read.")))?;
        Ok(Arguments { properties, prefix: prefix.to_owned() })
    }

    /// The properties of this name of the app's object, which may have others.
    pub(super) fn of_object(place: &str, value: &JsValue, names: &[&str], prefix: &str) -> Result<Arguments, Error> {
        let object = object(place, value)?;
        let mut properties = Vec::new();
        for name in names {
            let value = own_property(&object, name).map_err(|_| bad(format!("{prefix}{name} cannot be read.")))?;
            properties.push(((*name).to_owned(), value));
        }
        Ok(Arguments { properties, prefix: prefix.to_owned() })
    }

    pub(super) fn optional<T>(&self, name: &str, read: Read<T>) -> Result<Option<T>, Error> {
        self.get(name).map(|value| read(&self.place(name), value)).transpose()
    }

    pub(super) fn required<T>(&self, name: &str, read: Read<T>) -> Result<T, Error> {
        read(&self.place(name), self.get(name).unwrap_or(&JsValue::UNDEFINED))
    }

    /// The argument as it is; undefined if it is absent.
    pub(super) fn value(&self, name: &str) -> JsValue {
        self.get(name).cloned().unwrap_or_default()
    }

    fn get(&self, name: &str) -> Option<&JsValue> {
        self.properties.iter().find(|(other, _)| other == name).map(|(_, value)| value).filter(|value| !value.is_undefined())
    }

    fn place(&self, name: &str) -> String {
        self.prefix.clone() + name
    }

    fn strings(&self) -> Result<Vec<(String, String)>, Error> {
        let mut strings = Vec::new();
        for (name, _) in &self.properties {
            if let Some(text) = self.string(name)? {
                strings.push((name.clone(), text));
            }
        }
        Ok(strings)
    }

    pub(super) fn string(&self, name: &str) -> Result<Option<String>, Error> {
        self.optional(name, string)
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, Error> {
        self.optional(name, number)
    }

    pub(super) fn bool(&self, name: &str) -> Result<Option<bool>, Error> {
        self.optional(name, bool)
    }

    pub(super) fn function(&self, name: &str) -> Result<Option<Function>, Error> {
        self.optional(name, function)
    }

    pub(super) fn signal(&self, name: &str) -> Result<Option<AbortSignal>, Error> {
        self.optional(name, signal)
    }
}

/// An item of a list of agents: an id, or an object with the id and the agent's organization.
pub(super) fn agent(place: &str, value: &JsValue) -> Result<(String, Option<String>), Error> {
    if value.is_string() {
        return Ok((string(place, value)?, None));
    }
    let given = Arguments::named(place, string_or_object(place, value)?, &["agentId", "orgId"], &format!("{place}."))?;
    Ok((given.required("agentId", string)?, given.string("orgId")?))
}

const CONNECT_OPTIONS: &[&str] = &[
    "tokens",
    "getToken",
    "login",
    "shareTokens",
    "orgId",
    "environment",
    "launchUrl",
    "launchParams",
    "environments",
    "contract",
    "wasm",
    "timeoutMs",
    "onEvent",
];

const LOGIN_OPTIONS: &[&str] =
    &["clientId", "clientIds", "redirectUri", "mode", "on", "prompt", "loginHint", "scope", "wrongOrg", "allowedOrgIds", "timeoutMs"];

/// Apart, so that a browser compiles it only for apps that sign in.
#[inline(never)]
fn login(place: &str, value: &JsValue) -> Result<LoginOptions, Error> {
    let given = Arguments::named(place, value, LOGIN_OPTIONS, "login.")?;
    let mut login = LoginOptions { redirect_uri: given.required("redirectUri", string)?, ..LoginOptions::default() };
    for (name, text) in [
        ("clientId", &mut login.client_id),
        ("mode", &mut login.mode),
        ("prompt", &mut login.prompt),
        ("loginHint", &mut login.login_hint),
        ("scope", &mut login.scope),
        ("wrongOrg", &mut login.wrong_org),
        ("on", &mut login.on),
    ] {
        *text = given.string(name)?;
    }
    login.client_ids = given.optional("clientIds", strings_by_name)?;
    login.allowed_org_ids = given.optional("allowedOrgIds", strings)?;
    login.timeout = given.number("timeoutMs")?;
    Ok(login)
}

/// The contract, which `src/js` has made JSON text.
fn contract(place: &str, value: &JsValue) -> Result<Json, Error> {
    json(&string(place, value)?).filter(|contract| *contract != Json::Null).ok_or_else(|| must_be(place, "an object"))
}

/// connect()'s options. Checks only their names and types.
pub(super) fn connect_options(value: &JsValue) -> Result<(Arguments, Options), Error> {
    let given = Arguments::options("connect()'s options", value, CONNECT_OPTIONS)?;
    let mut options = Options { tokens: given.optional("tokens", tokens)?.unwrap_or_default(), ..Options::default() };
    options.login = given.optional("login", login)?;
    options.share_tokens = given.bool("shareTokens")?;
    options.org_id = given.string("orgId")?;
    options.environment = given.string("environment")?;
    options.environments = given.optional("environments", environments)?.unwrap_or_default();
    options.launch_params = given.optional("launchParams", launch_params)?.unwrap_or_default();
    options.contract = given.optional("contract", contract)?.unwrap_or_default();
    options.timeout = given.number("timeoutMs")?;
    Ok((given, options))
}

/// The decoded query pairs of the option `launchUrl`.
pub(super) fn launch_query(given: &Arguments) -> Result<Option<Vec<(String, String)>>, Error> {
    let Some(url) = given.get("launchUrl") else { return Ok(None) };
    // `src/js` has read the `href` of a `URL` or `Location`.
    let href = url.as_string().ok_or_else(|| must_be("launchUrl", "an absolute URL"))?;
    let url = Url::new(&href).map_err(|_| must_be("launchUrl", "an absolute URL"))?;
    Ok(Some(pairs(&url.search_params())))
}

pub(super) fn must_be(place: &str, what: &str) -> Error {
    bad(format!("{place} must be {what}."))
}
