//! Reads the contract's JSON. An error names the place.

use std::cell::RefCell;

use crate::model::join::joined;
use crate::model::json::Json;

/// An object in the contract. An absent object is empty, and a wrong value counts as absent.
pub(super) struct Part<'a> {
    json: Option<&'a Json>,
    place: String,
    first_wrong: &'a RefCell<Option<String>>,
}

impl<'a> Part<'a> {
    /// The whole contract, which may have only `names`. `first_wrong`: takes the first mistake, as a message.
    pub(super) fn contract(json: &'a Json, names: &[&str], first_wrong: &'a RefCell<Option<String>>) -> Part<'a> {
        Part { json: Some(json).filter(|json| **json != Json::Null), place: "contract".to_owned(), first_wrong }.with_only(names)
    }

    /// The object at `name`, which may have only `names`.
    pub(super) fn part(&self, name: &str, names: &[&str]) -> Part<'a> {
        Part { json: self.get(name), place: self.place(name), first_wrong: self.first_wrong }.with_only(names)
    }

    fn with_only(self, names: &[&str]) -> Part<'a> {
        match self.json {
            None => {}
            Some(Json::Object(properties)) => {
                if let Some((name, _)) = properties.iter().find(|(name, _)| !names.contains(&name.as_str())) {
                    self.note_wrong(format!("{} cannot have \"{name}\", only: {}.", self.place, joined(names, ", ")));
                }
            }
            Some(_) => self.note_wrong(format!("{} must be an object.", self.place)),
        }
        self
    }

    /// Notes a mistake. Only the first one is kept.
    pub(super) fn note_wrong(&self, wrong: impl Into<String>) {
        self.first_wrong.borrow_mut().get_or_insert(wrong.into());
    }

    pub(super) fn place(&self, name: &str) -> String {
        format!("{}.{name}", self.place)
    }

    fn note_wrong_type(&self, name: &str, must_be: &str) {
        self.note_wrong(format!("{} must be {must_be}.", self.place(name)));
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Json> {
        self.json?.get(name)
    }

    /// Whether the value is null, and not absent.
    pub(super) fn is_null(&self, name: &str) -> bool {
        self.get(name) == Some(&Json::Null)
    }

    pub(super) fn string(&self, name: &str) -> Option<&'a str> {
        let value = self.get(name)?;
        if value.as_str().is_none() {
            self.note_wrong_type(name, "a string");
        }
        value.as_str()
    }

    pub(super) fn bool(&self, name: &str) -> bool {
        match self.get(name) {
            None => return false,
            Some(Json::Bool(value)) => return *value,
            Some(_) => self.note_wrong_type(name, "true or false"),
        }
        false
    }

    pub(super) fn strings(&self, name: &str) -> Option<Vec<String>> {
        let strings = self.get(name)?.strings();
        if strings.is_none() {
            self.note_wrong_type(name, "an array of strings");
        }
        strings
    }
}
