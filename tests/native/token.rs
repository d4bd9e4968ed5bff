//! Reading tokens: which text is a token, and which claims it contains.

use crate::support::{ACME, GLOBEX, INITECH, code, json, jwt};
use base64ct::{Base64UrlUnpadded, Encoding};
use premium_recorder::model::error::Code;
use premium_recorder::token::access_token::AccessToken;
use premium_recorder::token::claims::{Claims, TokenInfo};
use proptest::prelude::*;

fn claims(text: &str) -> Result<Option<Claims>, Code> {
    let token = AccessToken::parse(text).map_err(|error| error.code)?;
    token.claims(json).map_err(|error| error.code)
}

fn of(payload: &str) -> Claims {
    claims(&jwt(payload)).unwrap().unwrap()
}

/// The example token of RFC 7519, section 3.1: `exp` is 1300819380, and there is no organization.
const RFC_7519: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

#[test]
fn a_jwt_names_its_organization_its_expiry_and_its_scopes() {
    let claims = of(&format!(r#"{{"org_id":"{}","exp":1800003600,"scope":"a b:readonly"}}"#, ACME.to_uppercase()));
    assert_eq!(claims.org.unwrap().as_str(), ACME);
    assert_eq!(claims.expires_at.unwrap().as_millis(), 1_800_003_600_000);
    assert_eq!(claims.scopes.unwrap(), ["a", "b:readonly"]);
    assert_eq!(of(r#"{"scope":["a","b"]}"#).scopes.unwrap(), ["a", "b"]);
}

#[test]
fn a_secret_prints_as_stars() {
    let token = AccessToken::parse("the-token").unwrap();
    let secret = premium_recorder::model::secret::Secret::from("the-secret".to_owned());
    assert_eq!(format!("{token:?} {secret:?}"), "*** ***");
}

#[test]
fn the_example_of_rfc_7519_is_read() {
    let claims = claims(RFC_7519).unwrap().unwrap();
    assert_eq!(claims.expires_at.unwrap().as_millis(), 1_300_819_380_000);
    assert_eq!((claims.org, claims.scopes), (None, None));
}

#[test]
fn a_claim_of_a_wrong_type_is_ignored() {
    let claims = of(r#"{"org_id":7,"scope":{"a":1}}"#);
    assert_eq!((claims.org, claims.expires_at, claims.scopes), (None, None, None));
    assert_eq!(of(r#"{"org_id":"acme"}"#).org, None);
    assert_eq!(of(r#"{"org_id":null,"scope":[1]}"#).scopes, None);
    assert_eq!(of(r#"{"exp":1800003600.9}"#).expires_at.unwrap().as_millis(), 1_800_003_600_000);
}

#[test]
fn a_claim_that_cannot_be_read_is_unknown_and_hides_no_other() {
    for exp in ["\"soon\"", "\"1800003600\"", "99999999999999999", "1e300", "-1e300", "-1", "0", "0.5", "true", "[]", "{}", "null"] {
        let claims = of(&format!(r#"{{"exp":{exp},"org_id":"{ACME}","scope":"a"}}"#));
        assert_eq!((claims.org.unwrap().as_str(), claims.expires_at, claims.scopes.unwrap()), (ACME, None, vec!["a".to_owned()]), "{exp}");
    }
    for other in ["\"nbf\":\"never\"", "\"iat\":1e300", "\"iat\":[]", "\"nbf\":-1e300", "\"aud\":{}"] {
        let claims = of(&format!(r#"{{"exp":1800003600,{other},"org_id":"{ACME}"}}"#));
        assert_eq!(claims.expires_at.unwrap().as_millis(), 1_800_003_600_000, "{other}");
    }
    for org in ["7", "[\"a\"]", "\"\"", "\"acme\"", "{}", "true", &format!("\" {ACME}\""), &format!("[\"{ACME}\"]")] {
        assert_eq!(of(&format!(r#"{{"exp":1800003600,"org_id":{org}}}"#)).org, None, "{org}");
    }
}

#[test]
fn a_payload_that_is_no_object_is_malformed() {
    for payload in ["[]", "7", "\"text\"", "null", ""] {
        assert_eq!(claims(&jwt(payload)), Err(Code::TokenMalformed), "{payload}");
    }
}

#[test]
fn a_jwt_with_a_broken_part_is_malformed() {
    let whole = jwt("{}");
    let parts: Vec<&str> = whole.split('.').collect();
    for broken in [
        format!("{}.{}.sign~ture", parts[0], parts[1]),
        format!("{}.{}~.{}", parts[0], parts[1], parts[2]),
        format!("{}.{}.{}.{}", parts[0], parts[1], parts[2], parts[2]),
        // {"typ":"JWT"}, without `alg`
        format!("eyJ0eXAiOiJKV1QifQ.{}.{}", parts[1], parts[2]),
    ] {
        assert_eq!(claims(&broken), Err(Code::TokenMalformed), "{broken}");
    }
}

#[test]
fn an_opaque_token_has_no_claims() {
    for text in ["Ab3-_x9", "a.b", "a.b.c", "0123456789abcdef==", "eyJ-not-json-at-all", "eyJhbGciOiJSU0EifQ.key.iv.text.tag"] {
        assert_eq!(claims(text), Ok(None), "{text}");
    }
}

#[test]
fn text_that_is_no_bearer_token_is_malformed() {
    let big = "a".repeat(2 * 1024 * 1024);
    for text in ["", "a b", "Bearer a", "a\nb", "a\r\n", " a", "a\u{0}", "tökén", "a=b", "=", &big, &format!("{}a", "a".repeat(16 * 1024))]
    {
        let shown = text.get(..text.len().min(20)).unwrap_or("…");
        assert_eq!(code(AccessToken::parse(text)), Code::TokenMalformed, "{shown:?}");
    }
    assert!(AccessToken::parse(&"a".repeat(16 * 1024)).is_ok());
}

#[test]
fn every_truncated_jwt_is_malformed() {
    let whole = jwt(&format!(r#"{{"org_id":"{ACME}","exp":1800003600}}"#));
    let payload_ends = whole.rfind('.').unwrap();
    for length in 8..payload_ends {
        let cut = &whole[..length];
        assert_eq!(claims(cut), Err(Code::TokenMalformed), "{length}");
    }
}

#[test]
fn a_token_prints_as_stars() {
    let token = AccessToken::parse("very-secret").unwrap();
    assert_eq!(format!("{token:?}"), "***");
    assert_eq!(format!("{:#?}", [token]), "[\n    ***,\n]");
}

#[test]
fn token_info_is_read_as_the_cloud_sends_it() {
    let body = format!(
        r#"{{"organization":{{"id":"{GLOBEX}","name":"Globex"}},"homeOrganization":{{"id":"{INITECH}","name":"Initech"}},
            "authorizedScope":["user-basic-info"],"OAuthClient":{{"id":"x","organization":{{"id":"{ACME}"}}}}}}"#
    );
    let info = TokenInfo::from_json(&json(&body).unwrap()).unwrap();
    assert_eq!(info.org.as_str(), GLOBEX);
    assert_eq!(info.org_name.as_deref(), Some("Globex"));
    assert_eq!(info.home_org.unwrap().as_str(), INITECH);
    assert_eq!(info.scopes.unwrap(), ["user-basic-info"]);
    for body in [r"{}", r#"{"organization":null}"#, r#"{"organization":{"id":"acme"}}"#, r#"{"homeOrganization":{"id":"x"}}"#, "[]"] {
        assert_eq!(TokenInfo::from_json(&json(body).unwrap()), None, "{body}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,200}") {
        let _ = claims(&text);
    }

    #[test]
    fn random_text_is_never_read_as_a_jwt(bytes in prop::collection::vec(any::<u8>(), 30..64)) {
        let opaque = Base64UrlUnpadded::encode_string(&bytes);
        // Thirty random bytes are all printable with a probability of 10^-13.
        prop_assert_eq!(claims(&opaque), Ok(None));
        let tail: String = opaque.chars().skip(4).collect();
        prop_assert_eq!(claims(&format!("eyJh{tail}")), Ok(None));
    }

    #[test]
    fn an_error_contains_no_token_text(text in "[a-zA-Z0-9 .\n\"{}]{12,60}") {
        let token = format!("eyJ{text}");
        if let Err(error) = AccessToken::parse(&token).and_then(|token| token.claims(json)) {
            let shown = format!("{error:?}");
            prop_assert!(!shown.contains(&text));
        }
        prop_assert_eq!(code(AccessToken::parse("\n")), Code::TokenMalformed);
    }
}
