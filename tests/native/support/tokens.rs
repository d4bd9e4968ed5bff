//! Organizations, and tokens for them.

use base64ct::{Base64UrlUnpadded, Encoding};
use premium_recorder::model::ids::OrgId;
use premium_recorder::token::access_token::IssuedToken;

use super::NOW;

pub const ACME: &str = "aaaaaaaa-0000-4000-8000-00000000000a";
pub const GLOBEX: &str = "bbbbbbbb-0000-4000-8000-00000000000b";
pub const INITECH: &str = "cccccccc-0000-4000-8000-00000000000c";
pub const AGENT: &str = "11111111-0000-4000-8000-000000000001";

pub fn org(id: &str) -> OrgId {
    OrgId::parse(id).unwrap()
}

/// A JWT with these claims (JSON) and a signature of no meaning.
pub fn jwt(claims: &str) -> String {
    let part = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
    format!("{}.{}.{}", part(r#"{"alg":"HS256","typ":"JWT"}"#), part(claims), part("signature"))
}

/// The organization's JWT with the recording scope, which expires in an hour.
pub fn jwt_for(org: &str) -> String {
    jwt(&format!(r#"{{"org_id":"{org}","exp":{},"scope":"screenrecordings:write"}}"#, NOW / 1000 + 3600))
}

/// A JWT that names this organization. The `jti` distinguishes tokens of one organization.
pub fn jwt_with_id(org: &str, jti: &str) -> String {
    jwt(&format!(r#"{{"org_id":"{org}","jti":"{jti}"}}"#))
}

/// A JWT that expires this many seconds after `NOW`.
pub fn jwt_expiring_in(seconds: i64, org: &str, jti: &str) -> String {
    jwt(&format!(r#"{{"org_id":"{org}","exp":{},"jti":"{jti}"}}"#, NOW / 1000 + seconds))
}

/// What `getToken` returns for this token.
pub fn issued_token(token: &str) -> IssuedToken {
    IssuedToken { access_token: token.to_owned().into(), expires_in: None }
}
