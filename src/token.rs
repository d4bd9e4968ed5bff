//! An access token, what its text claims, and what `GET /api/v2/tokens/me` says of it.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use jwt_compact::Empty;
use serde::Deserialize;

use crate::error::{Code, Error};
use crate::json::Json;
use crate::org::OrgId;
use crate::secret::Secret;
use crate::timestamp::Timestamp;

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

    /// What a JWT says of itself, unverified; `None` for an opaque token.
    ///
    /// jwt-compact reads the claims, but not the token around them: its `UntrustedToken` would be 24 kB more to load.
    pub fn claims(&self, parse_json: impl Fn(&str) -> Option<Json>) -> Result<Option<Claims>, Error> {
        let mut parts = self.0.reveal().split('.');
        let header = parts.next().unwrap_or_default();
        let rest: Vec<&str> = parts.collect();
        let is_jwe = rest.len() == 4;
        if is_jwe || !begins_json_object(header) {
            return Ok(None);
        }
        let claims = match rest.as_slice() {
            [payload, signature] => read_claims(header, payload, signature, parse_json),
            _ => None,
        };
        claims.map(Some).ok_or_else(|| Error::new(Code::TokenMalformed, "The token looks like a JWT and can not be read as one."))
    }
}

/// Whether these are the first characters of a JSON object in base64url, as a JWT's header is.
/// An opaque token may begin with `eyJ` by chance, but does not go on as readable text.
fn begins_json_object(header: &str) -> bool {
    let whole_groups = header.get(..header.len() / 4 * 4).unwrap_or_default();
    header.starts_with("eyJ")
        && Base64UrlUnpadded::decode_vec(whole_groups)
            .is_ok_and(|bytes| bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n')))
}

fn read_claims(header: &str, payload: &str, signature: &str, parse_json: impl Fn(&str) -> Option<Json>) -> Option<Claims> {
    let decoded = |part: &str| Base64UrlUnpadded::decode_vec(part).ok();
    let json = |part: &str| parse_json(&String::from_utf8(decoded(part)?).ok()?);
    json(header)?.text("alg")?;
    decoded(signature)?;
    let payload = json(payload)?;
    let org = payload.text("org_id").and_then(OrgId::parse);
    let scopes = payload.get("scope").and_then(scopes);
    let claims: jwt_compact::Claims<Empty> = Deserialize::deserialize(payload).ok()?;
    let expires_at = claims.expiration.map(|at| Timestamp::from_millis(at.timestamp_millis()));
    Some(Claims { org, expires_at, scopes })
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

/// What a JWT says of itself. Nobody has verified it: it may refuse or file a token, never more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// `org_id`, where it is an organization id.
    pub org: Option<OrgId>,
    /// `exp`.
    pub expires_at: Option<Timestamp>,
    /// `scope`: a text with blanks between (RFC 8693), or an array.
    pub scopes: Option<Vec<String>>,
}

/// What `GET /api/v2/tokens/me` answers (`TokenInfo`), as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenInfo {
    /// `organization.id`: the organization that the token works for.
    pub org: OrgId,
    /// `organization.name`.
    pub org_name: Option<String>,
    /// `homeOrganization.id`: differs from `organization.id` for a trustee's user.
    pub home_org: Option<OrgId>,
    /// `authorizedScope`.
    pub scopes: Option<Vec<String>>,
    /// `dateTokenIdles`, in the cloud's time: it moves on with each use of the token.
    pub idles_at: Option<Timestamp>,
}

impl TokenInfo {
    /// Reads the answer's body; `None` unless it names an organization. `parse_date` reads an ISO 8601 date.
    pub fn from_json(info: &Json, parse_date: impl Fn(&str) -> Option<Timestamp>) -> Option<TokenInfo> {
        let organization = info.get("organization")?;
        let org_of = |organization: &Json| organization.text("id").and_then(OrgId::parse);
        Some(TokenInfo {
            org: org_of(organization)?,
            org_name: organization.text("name").map(str::to_owned),
            home_org: info.get("homeOrganization").and_then(org_of),
            scopes: info.get("authorizedScope").and_then(scopes),
            idles_at: info.text("dateTokenIdles").and_then(parse_date),
        })
    }
}

fn scopes(value: &Json) -> Option<Vec<String>> {
    match value {
        Json::Text(text) => Some(text.split_ascii_whitespace().map(str::to_owned).collect()),
        Json::List(items) => items.iter().map(|item| item.as_text().map(str::to_owned)).collect(),
        _ => None,
    }
}
