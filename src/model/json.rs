//! JSON as far as it is read here: texts, truth values, whole numbers, lists and objects. Null counts as absent.
//!
//! The platform parses it (in a page: `JSON.parse`) and hands over this small tree, which serves every body and every
//! claim. A parser of our own would be a tenth of the module.

use zeroize::Zeroize;

/// A JSON value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Json {
    /// A text.
    Text(String),
    /// A number, without what is below one.
    Number(i64),
    /// A list.
    List(Vec<Json>),
    /// An object, in the order of its text.
    Object(Vec<(String, Json)>),
    /// A truth value.
    Truth(bool),
    /// Null.
    #[default]
    Other,
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
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The object's property of this name, if it is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_text()
    }

    /// The object's property of this name, if it is a number, without what is below one.
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Json::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Whether any text in it, names included, is such a one.
    pub fn has_text(&self, is_such: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Json::Text(text) => is_such(text),
            Json::List(items) => items.iter().any(|item| item.has_text(is_such)),
            Json::Object(properties) => properties.iter().any(|(name, value)| is_such(name) || value.has_text(is_such)),
            Json::Number(_) | Json::Truth(_) | Json::Other => false,
        }
    }

    /// The object's property of this name, if it is a list; nothing otherwise.
    pub fn list(&self, name: &str) -> &[Json] {
        match self.get(name) {
            Some(Json::List(items)) => items,
            _ => &[],
        }
    }
}

/// Overwrites every text, for an answer that held secrets.
impl Zeroize for Json {
    fn zeroize(&mut self) {
        match self {
            Json::Text(text) => text.zeroize(),
            Json::List(items) => items.iter_mut().for_each(Json::zeroize),
            Json::Object(properties) => properties.iter_mut().for_each(|(_, value)| value.zeroize()),
            Json::Number(_) | Json::Truth(_) | Json::Other => {}
        }
    }
}
