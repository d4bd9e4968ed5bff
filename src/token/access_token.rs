//! Access tokens and refresh tokens.

use std::fmt;

use crate::model::error::{Code, Error};
use crate::model::secret::Secret;
use crate::model::spelling::without_end;

/// The longest accepted token. Servers commonly refuse longer headers.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// An access token. It prints as `***`, and only this crate can read its text.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(Secret);

impl AccessToken {
    /// Parses a bearer token (RFC 6750 `b64token`) of at most 16 KiB.
    pub fn parse(text: &str) -> Result<AccessToken, Error> {
        let malformed = |message: &str| Err(Error::new(Code::TokenMalformed, message));
        if text.is_empty() {
            return malformed("The token is empty.");
        }
        if text.len() > MAX_TOKEN_BYTES {
            return malformed("The token is longer than 16 KiB.");
        }
        let is_token_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        let unpadded = without_end(text, '=');
        if unpadded.is_empty() || !unpadded.bytes().all(is_token_byte) {
            return malformed("The token has characters that a token cannot have, such as blanks or line breaks.");
        }
        Ok(AccessToken(text.to_owned().into()))
    }

    /// The secret, for authorizing a request.
    pub(crate) fn secret(&self) -> &Secret {
        &self.0
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A refresh token. The login origin exchanges it for another access token, once.
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

/// A token as its source returned it.
#[derive(Clone)]
pub struct IssuedToken {
    /// The access token.
    pub access_token: Secret,
    /// The token's lifetime in seconds, if the source knows it.
    pub expires_in: Option<f64>,
}
