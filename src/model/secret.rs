//! A text that nobody may see: it prints as `***`, and its bytes are overwritten when it is dropped.

use std::fmt;

use zeroize::Zeroizing;

/// A token, a code or a verifier.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The text, for the one place that sends it to where it belongs.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether the secret is in the text as it is.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        !self.0.is_empty() && position(text, &self.0).is_some()
    }

    /// The text with `***` in place of the secret, if the secret is in the text.
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

    /// Whether the secret appears once the text's escapes are decoded, however deep they are nested: those of JSON
    /// (`\u0041`, `\/`) and of URLs (`%41`). Whoever parses the text would see the secret again.
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

/// Where these words begin in the text.
pub(crate) fn position(text: &str, words: &str) -> Option<usize> {
    // Byte by byte: the standard library's search for a text is larger than this whole file.
    text.as_bytes().windows(words.len()).position(|window| window == words.as_bytes())
}

/// The text with one level of escapes decoded; `None` if there is none. Only ASCII is decoded right: secrets are ASCII.
fn unescaped(text: &str) -> Option<Zeroizing<String>> {
    let mut decoded = Zeroizing::new(String::with_capacity(text.len()));
    let mut is_changed = false;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..)?;
        let hex = |digits: Option<&str>| char::from_u32(u32::from_str_radix(digits?, 16).ok()?);
        let (char, end) = match first {
            '\\' if after.starts_with('u') && hex(after.get(1..5)).is_some() => (hex(after.get(1..5))?, after.get(5..)?),
            '%' if hex(after.get(..2)).is_some() => (hex(after.get(..2))?, after.get(2..)?),
            // Any other escape stands for the character itself, or for one that is in no secret.
            '\\' if !after.is_empty() => (after.chars().next()?, after.get(after.chars().next()?.len_utf8()..)?),
            other => (other, after),
        };
        is_changed |= end.len() < after.len();
        decoded.push(char);
        rest = end;
    }
    is_changed.then_some(decoded)
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
