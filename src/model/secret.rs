//! A secret string: it prints as `***`, and overwrites its bytes when dropped.

use std::fmt;

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
        !self.0.is_empty() && position(text, &self.0).is_some()
    }

    /// The text with `***` in place of the secret; `None` if the text does not contain the secret.
    pub(crate) fn redacted(&self, text: &str) -> Option<String> {
        if !self.is_in(text) {
            return None;
        }
        let mut redacted = String::new();
        let mut rest = text;
        while let Some(at) = position(rest, &self.0) {
            let (before, found) = rest.split_at_checked(at)?;
            redacted.push_str(before);
            redacted.push_str("***");
            rest = found.get(self.0.len()..)?;
        }
        Some(redacted + rest)
    }

    /// Whether the secret appears after decoding the text's escapes, however deeply nested: those of JSON (`\u0041`, `\/`)
    /// and of URLs (`%41`). Parsing the text would reveal the secret again.
    pub(crate) fn is_escaped_in(&self, text: &str) -> bool {
        let mut decoded = unescaped(text);
        while let Some(text) = decoded {
            if self.is_in(&text) {
                return true;
            }
            decoded = unescaped(&text);
        }
        false
    }
}

/// The byte index at which `pattern` begins in the text.
pub(crate) fn position(text: &str, pattern: &str) -> Option<usize> {
    // Byte by byte: the standard library's string search compiles to more code than this whole file.
    text.as_bytes().windows(pattern.len()).position(|window| window == pattern.as_bytes())
}

/// The text with one level of escapes decoded; `None` if it has no escapes. Only ASCII is decoded correctly: secrets are ASCII.
fn unescaped(text: &str) -> Option<Zeroizing<String>> {
    let mut decoded = Zeroizing::new(String::with_capacity(text.len()));
    let mut has_escapes = false;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..)?;
        let hex = |digits: Option<&str>| char::from_u32(u32::from_str_radix(digits?, 16).ok()?);
        let (char, end) = match first {
            '\\' if after.starts_with('u') && hex(after.get(1..5)).is_some() => (hex(after.get(1..5))?, after.get(5..)?),
            '%' if hex(after.get(..2)).is_some() => (hex(after.get(..2))?, after.get(2..)?),
            // Any other escape stands for the character itself, or for a character that no secret contains.
            '\\' if !after.is_empty() => (after.chars().next()?, after.get(after.chars().next()?.len_utf8()..)?),
            other => (other, after),
        };
        has_escapes |= end.len() < after.len();
        decoded.push(char);
        rest = end;
    }
    has_escapes.then_some(decoded)
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
