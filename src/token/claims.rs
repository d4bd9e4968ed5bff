//! A token's own claims, and what `GET /api/v2/tokens/me` says about the token.

use std::{fmt, iter};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Deserialize;
use serde::de::value::MapDeserializer;
use serde::de::{self, Expected, IgnoredAny, Unexpected};

use crate::model::error::{Code, Error};
use crate::model::ids::OrgId;
use crate::model::json::Json;
use crate::model::scope::scopes;
use crate::model::spelling::normalized;
use crate::model::time::Timestamp;
use crate::token::access_token::AccessToken;

/// The claims of a JWT, unverified. They may get a token refused, or stored for an organization, nothing more. A claim that
/// cannot be read is unknown, and refuses nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// `org_id`, if it is an organization id.
    pub org: Option<OrgId>,
    /// `exp`, if it is a time.
    pub expires_at: Option<Timestamp>,
    /// `scope`: a space-separated string (RFC 8693), or an array.
    pub scopes: Option<Vec<String>>,
}

impl AccessToken {
    /// The claims of a JWT, unverified; `None` for an opaque token.
    ///
    /// jwt-compact reads only the claims: its `UntrustedToken`, which reads the whole token, would add 24 kB to the download.
    pub fn claims(&self, parse_json: impl Fn(&str) -> Option<Json>) -> Result<Option<Claims>, Error> {
        let mut parts = self.secret().reveal().split('.');
        let header = parts.next().unwrap_or_default();
        let mut rest = Vec::new();
        for part in parts {
            rest.push(part);
        }
        let is_jwe = rest.len() == 4;
        if is_jwe || !begins_json_object(header) {
            return Ok(None);
        }
        let claims = match rest.as_slice() {
            [payload, signature] => read_claims(header, payload, signature, parse_json),
            _ => None,
        };
        claims.map(Some).ok_or_else(|| Error::new(Code::TokenMalformed, "The token looks like a JWT but cannot be read."))
    }
}

/// Whether the header looks like a JSON object in base64url, as in a JWT.
/// An opaque token may begin with `eyJ` by chance, but the rest does not decode to readable text.
fn begins_json_object(header: &str) -> bool {
    let whole_groups = header.get(..header.len() / 4 * 4).unwrap_or_default();
    header.starts_with("eyJ")
        && Base64UrlUnpadded::decode_vec(whole_groups)
            .is_ok_and(|bytes| bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n')))
}

fn read_claims(header: &str, payload: &str, signature: &str, parse_json: impl Fn(&str) -> Option<Json>) -> Option<Claims> {
    let decoded = |part: &str| Base64UrlUnpadded::decode_vec(part).ok();
    let json = |part: &str| parse_json(&String::from_utf8(decoded(part)?).ok()?);
    json(header)?.str("alg")?;
    decoded(signature)?;
    let payload = json(payload).filter(|payload| matches!(payload, Json::Object(_)))?;
    let org = payload.str("org_id").and_then(OrgId::parse);
    let scopes = payload.get("scope").and_then(scopes);
    Some(Claims { org, expires_at: expiry(&payload), scopes })
}

/// `exp`, if it is a time after 1970.
fn expiry(payload: &Json) -> Option<Timestamp> {
    let exp = payload.number("exp").filter(|seconds| *seconds > 0)?;
    // Without the other claims: one of them that cannot be read would hide `exp`.
    let claims: MapDeserializer<'_, _, Mismatch> = MapDeserializer::new(iter::once(("exp", exp)));
    let claims = jwt_compact::Claims::<IgnoredAny>::deserialize(claims).ok()?;
    claims.expiration.map(|at| Timestamp::from_millis(at.timestamp_millis()))
}

/// The response of `GET /api/v2/tokens/me` (`TokenInfo`), reduced to what the library uses.
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
    /// Whether `OAuthClient.authorizedGrantType` is `CLIENT-CREDENTIALS`, if there is one.
    pub is_of_client: Option<bool>,
    /// `dateTokenIdles`, by the cloud's clock. Each use of the token postpones it.
    pub idle_timeout_at: Option<Timestamp>,
}

impl TokenInfo {
    /// Reads the response's body; `None` if it names no organization.
    pub fn from_json(info: &Json) -> Option<TokenInfo> {
        let organization = info.get("organization")?;
        let grant_type = info.get("OAuthClient").and_then(|client| client.str("authorizedGrantType"));
        let org_of = |organization: &Json| organization.str("id").and_then(OrgId::parse);
        Some(TokenInfo {
            org: org_of(organization)?,
            org_name: organization.str("name").map(str::to_owned),
            home_org: info.get("homeOrganization").and_then(org_of),
            scopes: info.get("authorizedScope").and_then(scopes),
            is_of_client: grant_type.filter(|text| !text.is_empty()).map(|text| normalized(text) == "clientcredentials"),
            idle_timeout_at: info.str("dateTokenIdles").and_then(Timestamp::from_iso),
        })
    }
}

/// The claim is not of its type. Has no details: code that formats them would enlarge the module.
#[derive(Debug)]
struct Mismatch;

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("unexpected claim")
    }
}

impl std::error::Error for Mismatch {}

impl de::Error for Mismatch {
    fn custom<T: fmt::Display>(_: T) -> Mismatch {
        Mismatch
    }

    fn invalid_type(_: Unexpected<'_>, _: &dyn Expected) -> Mismatch {
        Mismatch
    }

    fn invalid_length(_: usize, _: &dyn Expected) -> Mismatch {
        Mismatch
    }

    fn missing_field(_: &'static str) -> Mismatch {
        Mismatch
    }

    fn duplicate_field(_: &'static str) -> Mismatch {
        Mismatch
    }
}
