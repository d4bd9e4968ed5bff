//! JSON as far as it is read here. Null counts as absent, and numbers are cut to whole ones.
//!
//! The platform parses it (in a page: `JSON.parse`) and hands over this small tree, which serves every body and every
//! claim. A parser of our own would be a tenth of the module.

use zeroize::Zeroize;

/// A JSON value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Json {
    /// A string.
    String(String),
    /// A number, cut to a whole one.
    Number(i64),
    /// An array.
    Array(Vec<Json>),
    /// An object, in the order of its text.
    Object(Vec<(String, Json)>),
    /// A boolean.
    Bool(bool),
    /// Null.
    #[default]
    Null,
}

impl Json {
    /// The object's property of this name.
    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(properties) => properties.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The string that this value is.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    /// The object's property of this name, if it is a string.
    pub fn str(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// The object's property of this name, if it is a number, cut to a whole one.
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Json::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The object's property of this name, if it is an array; nothing otherwise.
    pub fn array(&self, name: &str) -> &[Json] {
        match self.get(name) {
            Some(Json::Array(items)) => items,
            _ => &[],
        }
    }
}

/// Overwrites every string, for a response that held secrets.
impl Zeroize for Json {
    fn zeroize(&mut self) {
        match self {
            Json::String(text) => text.zeroize(),
            Json::Array(items) => items.iter_mut().for_each(Json::zeroize),
            Json::Object(properties) => properties.iter_mut().for_each(|(_, value)| value.zeroize()),
            Json::Number(_) | Json::Bool(_) | Json::Null => {}
        }
    }
}
