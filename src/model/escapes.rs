//! Decodes the escapes of JSON, URLs and HTML, however deeply nested and mixed.

use zeroize::Zeroizing;

/// The text without its escapes.
///
/// Decodes an escape as soon as its last byte is there, so that the result may complete another escape: one pass decodes every
/// depth.
pub(super) fn unescaped(text: &str) -> Zeroizing<Vec<u8>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut next = Zeroizing::new(Vec::new());
    // Most texts have no escape at all.
    let first = text.bytes().position(|byte| matches!(byte, b'\\' | b'%' | b'&')).unwrap_or(text.len());
    let (before, rest) = text.as_bytes().split_at(first);
    plain.extend_from_slice(before);
    for &byte in rest {
        next.push(byte);
        while let Some(byte) = next.pop() {
            plain.push(byte);
            if let Some(Escape { length, decoded, following }) = last_escape(&plain) {
                let rest = plain.len() - length;
                plain.truncate(rest);
                if let Some(following) = following {
                    next.push(following);
                }
                next.push(decoded);
            }
        }
    }
    plain
}

/// An escape at the end of a text.
struct Escape {
    /// Its length, including the following byte.
    length: usize,
    /// The byte that it stands for.
    decoded: u8,
    /// The byte that shows that the escape is complete, but is not part of it.
    following: Option<u8>,
}

/// The escape that the text ends with. Only ASCII is decoded correctly.
fn last_escape(text: &[u8]) -> Option<Escape> {
    let escape = |length, decoded| Some(Escape { length, decoded, following: None });
    match text {
        [.., b'%', a, b] => escape(3, number(&[*a, *b], 16)?),
        [.., b'\\', b'x', a, b] => escape(4, number(&[*a, *b], 16)?),
        [.., b'\\' | b'%', b'u', a, b, c, d] => escape(6, number(&[*a, *b, *c, *d], 16)?),
        // Any other escape stands for the character itself, or for a character that no secret contains.
        [.., b'\\', byte] if !matches!(byte, b'u' | b'x') => escape(2, *byte),
        [reference @ .., last] => {
            let end = reference.get(reference.len().saturating_sub(MAX_REFERENCE)..)?;
            let name = end.get(end.iter().rposition(|byte| *byte == b'&')? + 1..)?;
            let (digits, radix) = match name {
                [b'#', b'x' | b'X', digits @ ..] => (digits, 16),
                [b'#', digits @ ..] => (digits, 10),
                _ => {
                    let is_name = *last == b';' && name.iter().all(u8::is_ascii_alphanumeric);
                    let named = REFERENCES.iter().find(|(other, _)| other.as_bytes() == name);
                    return escape(name.len() + 2, named.map_or(NO_SECRETS, |(_, byte)| *byte)).filter(|_| is_name);
                }
            };
            // The next escape may stand for another digit.
            let is_complete = !matches!(last, b'%' | b'\\' | b'&') && !char::from(*last).is_digit(radix);
            let decoded = number(digits, radix).filter(|_| is_complete)?;
            Some(Escape { length: name.len() + 2, decoded, following: Some(*last).filter(|last| *last != b';') })
        }
        [] => None,
    }
}

/// The longest character reference of HTML that is decoded, without its semicolon.
const MAX_REFERENCE: usize = 9;

/// HTML's names of the characters that escapes consist of.
const REFERENCES: [(&str, u8); 6] = [("amp", b'&'), ("AMP", b'&'), ("num", b'#'), ("percnt", b'%'), ("bsol", b'\\'), ("semi", b';')];

/// A character that no secret contains, and no escape.
const NO_SECRETS: u8 = 0;

fn number(digits: &[u8], radix: u32) -> Option<u8> {
    let digit = |number: u32, digit: &u8| number.checked_mul(radix)?.checked_add(char::from(*digit).to_digit(radix)?);
    let number = digits.iter().try_fold(0, digit).filter(|_| !digits.is_empty())?;
    // Not ASCII: no character of a secret.
    Some(u8::try_from(number).unwrap_or(NO_SECRETS))
}
