//! PKCE (RFC 7636): the method S256 alone.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

const DIGEST_BYTES: usize = 32;

pub(crate) struct Challenge(Vec<u8>);

impl Challenge {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digest = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        (digest.len() == DIGEST_BYTES).then_some(Self(digest))
    }

    pub(crate) fn is_met_by(&self, verifier: &str) -> bool {
        self.0 == Sha256::digest(verifier).as_slice()
    }
}

pub(crate) fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}
