//! Reads the contract's JSON. An error names the place.

use crate::model::argument::bad;
use crate::model::error::Error;
use crate::model::join::joined;
use crate::model::json::Json;

/// An object in the contract; empty if it is absent.
pub(super) struct Part<'a> {
    json: Option<&'a Json>,
    place: String,
}

impl<'a> Part<'a> {
    /// The whole contract, which may have these names.
    pub(super) fn contract(json: &'a Json, names: &[&str]) -> Result<Part<'a>, Error> {
        Part { json: Some(json).filter(|json| **json != Json::Null), place: "contract".to_owned() }.with_only(names)
    }

    /// The object with this name, which may have these names.
    pub(super) fn part(&self, name: &str, names: &[&str]) -> Result<Part<'a>, Error> {
        Part { json: self.get(name), place: self.place(name) }.with_only(names)
    }

    fn with_only(self, names: &[&str]) -> Result<Part<'a>, Error> {
        let properties = match self.json {
            None => return Ok(self),
            Some(Json::Object(properties)) => properties,
            Some(_) => return Err(bad(format!("{} must be an object.", self.place))),
        };
        match properties.iter().find(|(name, _)| !names.contains(&name.as_str())) {
            Some((name, _)) => Err(bad(format!("{} cannot have \"{name}\", only: {}.", self.place, joined(names, ", ")))),
            None => Ok(self),
        }
    }

    pub(super) fn place(&self, name: &str) -> String {
        format!("{}.{name}", self.place)
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Json> {
        self.json?.get(name)
    }

    /// Whether the value is null, and not absent.
    pub(super) fn is_null(&self, name: &str) -> bool {
        self.get(name) == Some(&Json::Null)
    }

    pub(super) fn string(&self, name: &str) -> Result<Option<&'a str>, Error> {
        let must_be = || bad(format!("{} must be a string.", self.place(name)));
        self.get(name).map(|value| value.as_str().ok_or_else(must_be)).transpose()
    }

    pub(super) fn bool(&self, name: &str) -> Result<bool, Error> {
        match self.get(name) {
            None => Ok(false),
            Some(Json::Bool(value)) => Ok(*value),
            Some(_) => Err(bad(format!("{} must be true or false.", self.place(name)))),
        }
    }

    pub(super) fn strings(&self, name: &str) -> Result<Option<Vec<String>>, Error> {
        let strings = match self.get(name) {
            None => return Ok(None),
            Some(Json::Array(items)) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
            Some(_) => None,
        };
        strings.map(Some).ok_or_else(|| bad(format!("{} must be an array of strings.", self.place(name))))
    }
}
