//! Decimal and hexadecimal digits.

/// The number that these digits spell, or `i64::MAX` if it is about as large or larger; `None` for anything else. The standard
/// library's `parse` is compiled once for each type, and accepts signs.
pub(crate) fn number(digits: impl AsRef<[u8]>) -> Option<i64> {
    number_of(digits.as_ref())
}

fn number_of(digits: &[u8]) -> Option<i64> {
    let mut number: i64 = 0;
    for digit in digits {
        let digit = i64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
        number = if number < i64::MAX / 10 { number * 10 + digit } else { i64::MAX };
    }
    Some(number).filter(|_| !digits.is_empty())
}

/// The two hexadecimal digits of a byte, in lower case.
pub(crate) fn hex(byte: u8) -> [u8; 2] {
    let digit = |value: u8| b"0123456789abcdef".get(usize::from(value)).copied().unwrap_or_default();
    [digit(byte >> 4), digit(byte & 15)]
}
