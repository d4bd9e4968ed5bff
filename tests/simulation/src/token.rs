//! The tokens that there are: what their text says, and what is true of them.

use base64ct::{Base64UrlUnpadded, Encoding};
use premium_recorder::model::secret::Secret;

use crate::schedule::{ENVIRONMENTS, ORGS, Says, Token};

/// The organizations' ids, the same in each environment.
pub const ORG_IDS: [&str; ORGS as usize] =
    ["aaaaaaaa-0000-4000-8000-00000000000a", "bbbbbbbb-0000-4000-8000-00000000000b", "cccccccc-0000-4000-8000-00000000000c"];

/// The number of an organization.
pub fn org_number(id: &str) -> Option<u8> {
    ORG_IDS.iter().position(|org| org.eq_ignore_ascii_case(id)).and_then(|at| u8::try_from(at).ok())
}

/// A token that was issued.
pub struct Issued {
    /// Its text.
    pub text: String,
    /// Its text, to be compared with one that nobody may see.
    pub secret: Secret,
    /// The environment that it is of.
    pub environment: u8,
    /// The organization that it is of.
    pub owner: u8,
    /// The organization that it names.
    pub claim: Option<u8>,
    /// When it expires, by its environment's clock.
    pub expires_at: Option<i64>,
    /// In which environments an app has given it to a recorder.
    pub is_given_in: [bool; ENVIRONMENTS as usize],
    /// Why the cloud refuses it.
    pub ended: Option<End>,
}

/// How a token ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was revoked.
    Revoked,
    /// It expired.
    Expired,
}

/// Every token that was issued.
#[derive(Default)]
pub struct Tokens(Vec<Issued>);

impl Tokens {
    /// Issues a token to a recorder of this environment. `base`: from which organization on the others count.
    pub fn issue(&mut self, token: &Token, base: u8, environment: u8, now: i64) -> usize {
        let number = self.0.len();
        let org = |offset: u8| (base + offset) % ORGS;
        let owner = org(token.owner);
        let expires_at = token.life.map(|life| now + i64::from(life) * 1000);
        let claim = match token.says {
            Says::Truth => Some(owner),
            Says::Org(offset) => Some(org(offset)),
            Says::Little | Says::Nothing => None,
        };
        let text = match (token.says, claim) {
            (Says::Nothing, _) => format!("opaque-token-{number}"),
            (_, Some(claim)) => jwt(&format!(r#"{{"org_id":"{}",{}"jti":"{number}"}}"#, ORG_IDS[usize::from(claim)], exp(expires_at))),
            (_, None) => jwt(&format!(r#"{{{}"jti":"{number}"}}"#, exp(expires_at))),
        };
        self.0.push(Issued {
            secret: text.clone().into(),
            text,
            environment: if token.elsewhere { (environment + 1) % ENVIRONMENTS } else { environment },
            owner,
            claim,
            expires_at,
            is_given_in: [false; ENVIRONMENTS as usize],
            ended: None,
        });
        number
    }

    /// The token of this number.
    pub fn get(&self, number: usize) -> &Issued {
        &self.0[number]
    }

    /// An app gives the token to a recorder of this environment.
    pub fn give(&mut self, number: usize, environment: u8) -> String {
        self.0[number].is_given_in[usize::from(environment)] = true;
        self.0[number].text.clone()
    }

    /// The number of the token with this text.
    pub fn number_of(&self, text: &str) -> Option<usize> {
        self.0.iter().position(|token| token.text == text)
    }

    /// The tokens that an app has of this environment.
    pub fn given_in(&self, environment: u8) -> Vec<usize> {
        let has = |token: &Issued| token.is_given_in[usize::from(environment)];
        (0..self.0.len()).filter(|&at| has(&self.0[at])).collect()
    }

    /// Ends one token.
    pub fn end(&mut self, number: usize, end: End) {
        self.0[number].ended.get_or_insert(end);
    }

    /// Ends the tokens of an organization.
    pub fn end_all(&mut self, environment: u8, org: u8, end: End) {
        for token in self.0.iter_mut().filter(|token| token.environment == environment && token.owner == org) {
            token.ended.get_or_insert(end);
        }
    }

    /// Whether any part of a text looks like a token or a code, whichever it is.
    pub fn is_in(text: &str) -> bool {
        ["opaque-token", "eyJ", "secret-code", "refresh-token-"].iter().any(|part| text.contains(part))
    }
}

fn exp(expires_at: Option<i64>) -> String {
    expires_at.map(|millis| format!(r#""exp":{},"#, millis.div_euclid(1000))).unwrap_or_default()
}

fn jwt(claims: &str) -> String {
    let part = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
    format!("{}.{}.{}", part(r#"{"alg":"HS256","typ":"JWT"}"#), part(claims), part("signature"))
}
