//! The parameters of an authorization response, or of a stored request.

use zeroize::Zeroize;

use crate::auth::ports::Platform;
use crate::model::secret::Secret;

/// Decoded parameters. Some of them are secret, so they are overwritten when they are dropped.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// These decoded pairs.
    pub(super) fn new(pairs: Vec<(String, String)>) -> Parameters {
        Parameters(pairs)
    }

    /// Decodes a query or a form.
    pub(super) fn parse(ports: &impl Platform, text: String) -> Parameters {
        Parameters(ports.parse_form(Secret::from(text).reveal()))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        value(&self.0, name)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn replace(&mut self, name: &str, value: &str) {
        if let Some((_, old)) = self.0.iter_mut().find(|(key, _)| key == name) {
            value.clone_into(old);
        }
    }

    /// Empties every value that the other parameters do not have.
    pub(super) fn keep_common(&mut self, others: &Parameters) {
        for (name, value) in &mut self.0 {
            if others.get(name) != Some(value) {
                value.zeroize();
            }
        }
    }
}

impl Drop for Parameters {
    fn drop(&mut self) {
        for (_, value) in &mut self.0 {
            value.zeroize();
        }
    }
}

pub(super) fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

pub(super) fn borrowed(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    let mut borrowed = Vec::new();
    for (name, value) in pairs {
        borrowed.push((name.as_str(), value.as_str()));
    }
    borrowed
}
