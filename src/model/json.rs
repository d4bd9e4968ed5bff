//! JSON, reduced to what the library reads: numbers are integers.
//!
//! The platform parses the text (a page uses `JSON.parse`) into this tree, which holds every body and every claim. A JSON
//! parser in Rust would make up a tenth of the module.

use zeroize::Zeroize;

/// A JSON value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Json {
    /// A string.
    String(String),
    /// A whole number that JavaScript represents exactly.
    Integer(i64),
    /// Any other number, truncated to an integer.
    Number(i64),
    /// An array.
    Array(Vec<Json>),
    /// An object, with its properties in the order of the text.
    Object(Vec<(String, Json)>),
    /// A boolean.
    Bool(bool),
    /// Null.
    #[default]
    Null,
}

impl Json {
    /// A number as `JSON.parse` reads it. `JSON.parse` rounds whole numbers beyond 2⁵³ − 1.
    pub fn from_number(number: f64) -> Json {
        const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;
        #[allow(clippy::cast_possible_truncation, reason = "the cast saturates, and drops only the fraction")]
        let truncated = number as i64;
        if number.fract() == 0.0 && number.abs() <= MAX_SAFE_INTEGER { Json::Integer(truncated) } else { Json::Number(truncated) }
    }

    /// The object's property with this name.
    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(properties) => properties.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// This value, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    /// The object's property with this name, if it is a string.
    pub fn str(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// The object's property with this name, if it is a number, truncated to an integer.
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Json::Integer(number) | Json::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// This value as the text of an id: a string, or a whole number.
    pub fn id(&self) -> Option<String> {
        match self {
            Json::String(text) => Some(text.clone()),
            Json::Integer(number) => Some(format!("{number}")),
            _ => None,
        }
    }

    /// This value as a word: the text of an id, or of a boolean.
    pub fn word(&self) -> Option<String> {
        match self {
            Json::Bool(value) => Some((if *value { "true" } else { "false" }).to_owned()),
            value => value.id(),
        }
    }

    /// This value, if it is an array of strings.
    pub fn strings(&self) -> Option<Vec<String>> {
        let Json::Array(items) = self else { return None };
        let mut strings = Vec::new();
        for item in items {
            strings.push(item.as_str()?.to_owned());
        }
        Some(strings)
    }

    /// The object's property with this name, if it is an array; otherwise an empty slice.
    pub fn array(&self, name: &str) -> &[Json] {
        match self.get(name) {
            Some(Json::Array(items)) => items,
            _ => &[],
        }
    }
}

/// Overwrites every string, for a response that contains secrets.
impl Zeroize for Json {
    fn zeroize(&mut self) {
        match self {
            Json::String(text) => text.zeroize(),
            Json::Array(items) => items.iter_mut().for_each(Json::zeroize),
            Json::Object(properties) => properties.iter_mut().for_each(|(key, value)| {
                key.zeroize();
                value.zeroize();
            }),
            Json::Integer(_) | Json::Number(_) | Json::Bool(_) | Json::Null => {}
        }
    }
}
