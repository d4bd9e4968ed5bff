//! Spellings of a name.

/// The text's letters and digits, in lower case: names that differ only in case and separators are the same then.
pub(crate) fn normalized(text: &str) -> String {
    let mut normalized = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            normalized.push(byte.to_ascii_lowercase().into());
        }
    }
    normalized
}

/// The text without any of these characters at its end. It compiles to a fraction of the size of `trim_end_matches`.
pub(crate) fn without_end(mut text: &str, end: char) -> &str {
    while let Some(rest) = text.strip_suffix(end) {
        text = rest;
    }
    text
}
