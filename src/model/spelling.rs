//! Spellings of a name, and of a number.

/// The text's letters and digits, in lower case: names that differ only in case and separators are the same then.
pub(crate) fn normalized(text: &str) -> String {
    text.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| char::from(byte.to_ascii_lowercase())).collect()
}

/// The number that these digits spell, or `i64::MAX` if it is larger; `None` for anything else. The standard library's `parse` is
/// compiled once for each type, and accepts signs.
pub(crate) fn number(digits: &str) -> Option<i64> {
    let number = digits
        .bytes()
        .try_fold(0_i64, |number, byte| byte.is_ascii_digit().then(|| number.saturating_mul(10).saturating_add((byte - b'0').into())));
    number.filter(|_| !digits.is_empty())
}
