//! A secret string: it prints as `***`, and overwrites its bytes when dropped.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::fmt;
use std::rc::Rc;

use base64ct::{Base64UrlUnpadded, Encoding};
use zeroize::{Zeroize, Zeroizing};

use crate::model::digits;
use crate::model::escapes::unescaped;
use crate::model::search::{Search, contains};

/// A token, an authorization code or a PKCE verifier. Clones share the text.
#[derive(Clone)]
pub struct Secret(Rc<Inner>);

struct Inner {
    text: Zeroizing<String>,
    /// What to look for in a text, found out when it is first needed.
    disguises: OnceCell<Disguises>,
}

/// The forms in which a text may have the secret.
struct Disguises {
    /// The secret without its escapes.
    plain: Zeroizing<Vec<u8>>,
    /// The secret, its three forms in base64, its form in hexadecimal, and a JWT's signature, folded.
    folded: Vec<Zeroizing<Vec<u8>>>,
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        Rc::ptr_eq(&self.0, &other.0) || self.reveal() == other.reveal()
    }
}

impl Eq for Secret {}

impl PartialOrd for Secret {
    fn partial_cmp(&self, other: &Secret) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Secret {
    fn cmp(&self, other: &Secret) -> Ordering {
        if Rc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.reveal().cmp(other.reveal()) }
    }
}

impl Secret {
    /// The secret in plain text, for code that sends it to its own server.
    pub(crate) fn reveal(&self) -> &str {
        &self.0.text
    }

    /// The text with `***` in place of the secret; `None` if the text does not contain the secret.
    fn redacted(&self, text: &str) -> Option<String> {
        if text.len() < self.reveal().len() {
            return None;
        }
        let search = Search::new(self.reveal().as_bytes());
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

    /// Whether a text contains the secret in disguise: with escapes of JSON, URLs or HTML, however deeply nested and mixed, in
    /// pieces (several strings of an array, several lines), in the other case, without a few characters at its ends, in base64, or
    /// in hexadecimal. `plain`: the text without its escapes.
    fn is_disguised_in(&self, plain: &[u8], folded_text: &[u8]) -> bool {
        let disguises = self.0.disguises.get_or_init(|| Disguises::of(self.reveal()));
        contains(plain, &disguises.plain) || disguises.folded.iter().any(|folded| contains_middle(folded_text, folded))
    }
}

impl Disguises {
    fn of(secret: &str) -> Disguises {
        let in_base64 = |offset: usize| {
            let mut shifted = Zeroizing::new(vec![0; offset]);
            shifted.extend_from_slice(secret.as_bytes());
            let encoded = Zeroizing::new(Base64UrlUnpadded::encode_string(&shifted));
            // The first and the last characters depend on what is around the secret.
            folded(encoded.as_bytes().get(offset + 1..encoded.len().saturating_sub(1)).unwrap_or_default())
        };
        let plain = unescaped(secret);
        let mut all = vec![folded(&plain)];
        for offset in 0..3 {
            all.push(in_base64(offset));
        }
        // Has its whole capacity at once: a list that grows leaves copies that nothing overwrites.
        let mut hex = Zeroizing::new(Vec::with_capacity(2 * secret.len()));
        for byte in secret.bytes() {
            hex.extend_from_slice(&digits::hex(byte));
        }
        all.push(folded(&hex));
        // A JWT's parts may have names between them. Without its signature, it is no token.
        let dot = secret.as_bytes().iter().rposition(|byte| *byte == b'.');
        if let Some(signature) = dot.and_then(|dot| secret.as_bytes().get(dot + 1..))
            && signature.len() >= MIN_SIGNATURE
        {
            all.push(folded(signature));
        }
        Disguises { plain, folded: all }
    }
}

/// Redacts the secrets in the text: writes `***` in place of each, and in place of the whole text if a secret is in it in
/// disguise. Overwrites what it replaces. Returns whether the text has changed.
pub(crate) fn redact(secrets: &[Secret], text: &mut String) -> bool {
    let mut has_changed = false;
    let mut replace = |text: &mut String, redacted| {
        std::mem::replace(text, redacted).zeroize();
        has_changed = true;
    };
    for secret in secrets {
        if let Some(redacted) = secret.redacted(text) {
            replace(text, redacted);
        }
    }
    let plain = unescaped(text);
    let folded = folded(&plain);
    if secrets.iter().any(|secret| secret.is_disguised_in(&plain, &folded)) {
        replace(text, "***".to_owned());
    }
    has_changed
}

/// The least length of a JWT's signature. The shortest that is in use, of HS256, has 43 characters.
const MIN_SIGNATURE: usize = 43;

/// Fewer characters than this may be an ordinary word.
const MIN_MIDDLE: usize = 8;

/// The most characters that an escape right before the secret takes in.
const MAX_TAKEN_IN: usize = 8;

/// Whether the text contains the secret, perhaps without a few characters at its ends. Both are folded.
fn contains_middle(text: &[u8], secret: &[u8]) -> bool {
    let Some(spare) = secret.len().checked_sub(MIN_MIDDLE) else { return false };
    let end = (spare / 3).min(MAX_TAKEN_IN);
    contains(text, secret.get(end..secret.len() - end).unwrap_or_default())
}

/// The letters and digits, in lower case: other characters are encoded in many ways, or separate pieces. Without the letters of
/// JSON's escapes, since `\n` may be a line break or an escaped letter.
fn folded(plain: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut folded = Zeroizing::new(Vec::with_capacity(plain.len()));
    for byte in plain {
        let byte = byte.to_ascii_lowercase();
        if byte.is_ascii_alphanumeric() && !matches!(byte, b'b' | b'f' | b'n' | b'r' | b't') {
            folded.push(byte);
        }
    }
    folded
}

impl From<String> for Secret {
    fn from(text: String) -> Secret {
        Secret(Rc::new(Inner { text: Zeroizing::new(text), disguises: OnceCell::new() }))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
