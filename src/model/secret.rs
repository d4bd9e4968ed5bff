//! A secret string: it prints as `***`, and overwrites its bytes when dropped.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use zeroize::Zeroizing;

/// A token, an authorization code or a PKCE verifier.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The secret in plain text, for code that sends it to its own server.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether the text contains the secret, unescaped.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        contains(text.bytes(), self.0.as_bytes())
    }

    /// The text with `***` in place of the secret; `None` if the text does not contain the secret.
    pub(crate) fn redacted(&self, text: &str) -> Option<String> {
        let search = Search::new(self.0.as_bytes());
        let (mut redacted, mut kept, mut matched) = (String::new(), 0, 0);
        for (at, byte) in (1..).zip(text.bytes()) {
            matched = search.step(matched, byte);
            if matched > 0 && matched == search.needle.len() {
                redacted.push_str(text.get(kept..at - matched)?);
                redacted.push_str("***");
                (kept, matched) = (at, 0);
            }
        }
        (kept > 0).then(|| redacted + text.get(kept..).unwrap_or_default())
    }

    /// Whether the text contains the secret in disguise: with escapes of JSON, URLs or HTML, however deeply nested and mixed, in
    /// pieces (several strings of an array, several lines), or in base64.
    pub(crate) fn is_disguised_in(&self, text: &str) -> bool {
        let is_long = self.0.len() >= MIN_LONG_BYTES;
        let (plain, secret) = (unescaped(text, is_long), unescaped(&self.0, is_long));
        if !is_long {
            return contains(plain.iter().copied(), &secret);
        }
        // An escape right before the secret may take in the secret's first characters.
        let certain = secret.get(MAX_TAKEN_IN..).unwrap_or_default();
        let in_base64 = |offset: usize| {
            let mut shifted = Zeroizing::new(vec![0; offset]);
            shifted.extend_from_slice(self.0.as_bytes());
            let encoded = Zeroizing::new(Base64UrlUnpadded::encode_string(&shifted));
            // The first and the last characters depend on what is around the secret.
            let inner = encoded.as_bytes().get(4..encoded.len() - 4).unwrap_or_default();
            let as_base64url = |byte: &u8| match byte {
                b'+' => b'-',
                b'/' => b'_',
                other => *other,
            };
            contains(plain.iter().map(as_base64url), inner)
        };
        contains(plain.iter().copied(), certain) || (0..3).any(in_base64)
    }
}

/// A secret of this length is recognized without some of its characters.
const MIN_LONG_BYTES: usize = 24;

/// The most characters that an escape takes in.
const MAX_TAKEN_IN: usize = 8;

/// Whether the text contains the needle. An empty needle is in no text.
pub(crate) fn contains(mut text: impl Iterator<Item = u8>, needle: &[u8]) -> bool {
    let search = Search::new(needle);
    let mut matched = 0;
    !needle.is_empty()
        && text.any(|byte| {
            matched = search.step(matched, byte);
            matched == needle.len()
        })
}

/// Knuth–Morris–Pratt: looks at each byte of the text once, whatever the needle. The standard library's string search compiles
/// to more code than this whole file.
struct Search<'a> {
    needle: &'a [u8],
    /// For each beginning of the needle: the length of the longest shorter beginning that it ends with.
    borders: Vec<usize>,
}

impl<'a> Search<'a> {
    fn new(needle: &'a [u8]) -> Search<'a> {
        let mut search = Search { needle, borders: vec![0] };
        let mut border = 0;
        for byte in needle.iter().skip(1) {
            border = search.step(border, *byte);
            search.borders.push(border);
        }
        search
    }

    /// How much of the needle's beginning the text ends with, after one more byte.
    fn step(&self, mut matched: usize, byte: u8) -> usize {
        while self.needle.get(matched) != Some(&byte) {
            match matched.checked_sub(1) {
                Some(last) => matched = self.borders.get(last).copied().unwrap_or_default(),
                None => return 0,
            }
        }
        matched + 1
    }
}

/// The text without its escapes. `only_token_bytes`: also without everything that no bearer token contains.
///
/// Decodes an escape as soon as its last byte is there, so that the result may complete another escape: one pass decodes every
/// depth.
fn unescaped(text: &str, only_token_bytes: bool) -> Zeroizing<Vec<u8>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    for byte in text.bytes() {
        let mut next = Some(byte);
        while let Some(byte) = next {
            plain.push(byte);
            next = last_escape(&plain).map(|(length, decoded)| {
                let rest = plain.len() - length;
                plain.truncate(rest);
                decoded
            });
        }
    }
    plain.retain(|byte| !only_token_bytes || byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte));
    plain
}

/// The escape that the text ends with: its length, and the byte that it stands for. Only ASCII is decoded correctly.
fn last_escape(text: &[u8]) -> Option<(usize, u8)> {
    match text {
        [.., b'%', a, b] => Some((3, number(&[*a, *b], 16)?)),
        [.., b'\\', b'x', a, b] => Some((4, number(&[*a, *b], 16)?)),
        [.., b'\\', b'u', a, b, c, d] => Some((6, number(&[*a, *b, *c, *d], 16)?)),
        // Any other escape stands for the character itself, or for a character that no secret contains.
        [.., b'\\', byte] if !matches!(byte, b'u' | b'x') => Some((2, *byte)),
        [reference @ .., b';'] => {
            let begin = reference.iter().rev().take(MAX_REFERENCE).position(|byte| *byte == b'&')?;
            let name = reference.get(reference.len() - begin..)?;
            let byte = match name {
                [b'#', b'x' | b'X', digits @ ..] => number(digits, 16)?,
                [b'#', digits @ ..] => number(digits, 10)?,
                _ => REFERENCES.iter().find(|(other, _)| other.as_bytes() == name)?.1,
            };
            Some((begin + 2, byte))
        }
        _ => None,
    }
}

/// The longest character reference of HTML that is decoded.
const MAX_REFERENCE: usize = 16;

/// HTML's names of the characters that tokens and escapes consist of.
const REFERENCES: [(&str, u8); 9] = [
    ("amp", b'&'),
    ("AMP", b'&'),
    ("num", b'#'),
    ("percnt", b'%'),
    ("bsol", b'\\'),
    ("period", b'.'),
    ("lowbar", b'_'),
    ("sol", b'/'),
    ("plus", b'+'),
];

fn number(digits: &[u8], radix: u32) -> Option<u8> {
    let digit = |number: u32, digit: &u8| number.checked_mul(radix)?.checked_add(char::from(*digit).to_digit(radix)?);
    let number = digits.iter().try_fold(0, digit).filter(|_| !digits.is_empty())?;
    // Not ASCII: no character of a secret.
    Some(u8::try_from(number).unwrap_or(0))
}

impl From<String> for Secret {
    fn from(text: String) -> Secret {
        Secret(Zeroizing::new(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
