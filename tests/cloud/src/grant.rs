//! What entitles a client to a token: the grant types that the platform's metadata names.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{organization::Organization, user::User};

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) enum GrantType {
    #[serde(rename = "authorization_code")]
    AuthorizationCode,
    #[serde(rename = "client_credentials")]
    ClientCredentials,
    #[serde(rename = "refresh_token")]
    RefreshToken,
    /// RFC 7522.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:saml2-bearer")]
    Saml2Bearer,
}

impl GrantType {
    pub(crate) const ALL: [Self; 4] = [Self::AuthorizationCode, Self::ClientCredentials, Self::RefreshToken, Self::Saml2Bearer];

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(text)).ok()
    }
}

/// What a user has allowed a client, and what every token of it shares.
#[derive(Clone)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    pub(crate) user: User,
    /// Chosen at the login; where it is not the user's own, the user is a trustee.
    pub(crate) organization: &'static Organization,
    pub(crate) scopes: Vec<String>,
    /// All that comes of one code, and is revoked together.
    pub(crate) family: Uuid,
}
