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

/// What a user has allowed a client, or what a client may do by itself; every token of it shares this.
#[derive(Clone)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    /// Nobody, where the client has used its own credentials.
    pub(crate) user: Option<User>,
    /// Chosen at the login; where it is not the user's own, the user is a trustee.
    pub(crate) organization: &'static Organization,
    pub(crate) scopes: Vec<String>,
    /// Of the user's roles; `None`: all that a published operation asks for.
    pub(crate) permissions: Option<Vec<String>>,
    /// All that comes of one code, and is revoked together.
    pub(crate) family: Uuid,
}

impl Grant {
    pub(crate) fn home(&self) -> &'static Organization {
        self.user.map_or(self.organization, |user| user.home)
    }

    pub(crate) fn may(&self, permission: &str) -> bool {
        self.permissions.as_ref().is_none_or(|held| held.iter().any(|held| held == permission))
    }

    /// The `sub` of a JWT (RFC 9068, section 2.2).
    pub(crate) fn subject(&self) -> &str {
        self.user.map_or(&self.client_id, |user| user.agent.id)
    }
}
