//! A text that nobody may see: it prints as `***`, and its bytes are overwritten when it is dropped.

use std::fmt;

use zeroize::Zeroizing;

/// A token, a code or a verifier.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The text, for what sends it to where it belongs.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// The text with `***` for each occurrence of the secret, if there is one.
    pub(crate) fn redacted(&self, text: &str) -> Option<String> {
        let secret = self.0.as_bytes();
        if secret.is_empty() {
            return None;
        }
        let mut struck = None;
        let mut rest = text;
        // Byte by byte: the standard library's search for a text would be larger than this whole file.
        while let Some(at) = rest.as_bytes().windows(secret.len()).position(|window| window == secret) {
            let (before, found) = rest.split_at_checked(at)?;
            let struck = struck.get_or_insert_with(String::new);
            struck.push_str(before);
            struck.push_str("***");
            rest = found.get(secret.len()..)?;
        }
        struck.map(|struck| struck + rest)
    }
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
