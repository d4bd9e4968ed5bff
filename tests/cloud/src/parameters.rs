//! The parameters of an OAuth request, from its query or its form.

pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// One without a value counts as omitted (RFC 6749, section 3.1).
    pub(crate) fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().filter(|(_, value)| !value.is_empty()).collect())
    }

    /// The value, if it is there exactly once: no reading of a repeated one is right.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str());
        values.next().filter(|_| values.next().is_none())
    }

    pub(crate) fn repeats(&self) -> bool {
        self.0.iter().any(|(name, _)| self.get(name).is_none())
    }
}
