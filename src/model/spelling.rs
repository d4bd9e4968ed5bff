//! Spellings of a name.

/// The text's letters and digits, in lower case: names that differ only in case and separators are the same then.
pub(crate) fn normalized(text: &str) -> String {
    text.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| char::from(byte.to_ascii_lowercase())).collect()
}
