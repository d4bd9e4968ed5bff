//! JSON as far as it is read here. Null counts as absent, and numbers are cut to whole ones.
//!
//! The platform parses it (in a page: `JSON.parse`) and hands over this small tree, which serves every body and every
//! claim. A parser of our own would be a tenth of the module.

use zeroize::Zeroize;

/// A JSON value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Json {
    /// A text.
    String(String),
    /// A number, without what is below one.
    Number(i64),
    /// A list.
    Array(Vec<Json>),
    /// An object, in the order of its text.
    Object(Vec<(String, Json)>),
    /// A truth value.
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

    /// The text that this value is.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    /// The object's property of this name, if it is a text.
    pub fn str(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// The object's property of this name, if it is a number, without what is below one.
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Json::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Whether any text in it, names included, is such a one.
    pub fn any_str(&self, matches: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Json::String(text) => matches(text),
            Json::Array(items) => items.iter().any(|item| item.any_str(matches)),
            Json::Object(properties) => properties.iter().any(|(name, value)| matches(name) || value.any_str(matches)),
            Json::Number(_) | Json::Bool(_) | Json::Null => false,
        }
    }

    /// The object's property of this name, if it is a list; nothing otherwise.
    pub fn array(&self, name: &str) -> &[Json] {
        match self.get(name) {
            Some(Json::Array(items)) => items,
            _ => &[],
        }
    }
}

/// Overwrites every text, for an answer that held secrets.
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
