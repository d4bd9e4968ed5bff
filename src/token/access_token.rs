//! The texts that OAuth gives: an access token, and the refresh token that came with it.

use std::fmt;

use crate::model::error::{Code, Error};
use crate::model::secret::Secret;

/// The longest token that is accepted, in bytes. Servers commonly refuse longer headers.
const LONGEST_TOKEN: usize = 16 * 1024;

/// An access token: a secret, which prints as `***`. Only a grant can read its text.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(Secret);

impl AccessToken {
    /// Takes a bearer token's text (RFC 6750 `b64token`).
    pub fn parse(text: &str) -> Result<AccessToken, Error> {
        let malformed = |message: &str| Err(Error::new(Code::TokenMalformed, message));
        if text.is_empty() {
            return malformed("The token is empty.");
        }
        if text.len() > LONGEST_TOKEN {
            return malformed("The token is longer than 16 KiB.");
        }
        let is_token_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        let unpadded = text.trim_end_matches('=');
        if unpadded.is_empty() || !unpadded.bytes().all(is_token_byte) {
            return malformed("The token has characters that no bearer token has, such as blanks or line breaks.");
        }
        Ok(AccessToken(text.to_owned().into()))
    }

    /// The secret, for the one place that authorizes.
    pub(crate) fn secret(&self) -> &Secret {
        &self.0
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A refresh token: what the login origin gives another access token for, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken(Secret);

impl RefreshToken {
    pub(crate) fn new(secret: Secret) -> RefreshToken {
        RefreshToken(secret)
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.0
    }
}

/// What a token source returned.
#[derive(Clone)]
pub struct IssuedToken {
    /// The token's text.
    pub access_token: Secret,
    /// Its life in seconds, where the source knows it.
    pub expires_in: Option<f64>,
}
