//! Authorization codes.

use jiff::Timestamp;
use uuid::Uuid;

use crate::{challenge::Challenge, clock, grant::Grant, secret};

const CODE_SECONDS: i64 = 60;

pub(crate) struct Code {
    text: String,
    pub(crate) grant: Grant,
    pub(crate) redirect_uri: String,
    /// Of a confidential client, it may be missing.
    pub(crate) challenge: Option<Challenge>,
    expires_at: Timestamp,
    used: bool,
}

#[derive(Default)]
pub(crate) struct Codes {
    /// Used ones too: a second use must be recognized, and every text struck out of the ledger.
    issued: Vec<Code>,
}

pub(crate) enum Use<'code> {
    First(&'code Code),
    /// What came of the first is this family.
    Again(Uuid),
    Never,
}

impl Codes {
    pub(crate) fn issue(&mut self, grant: Grant, redirect_uri: String, challenge: Option<Challenge>, now: Timestamp) -> String {
        let text = secret::random();
        let expires_at = clock::after(now, CODE_SECONDS);
        self.issued.push(Code { text: text.clone(), grant, redirect_uri, challenge, expires_at, used: false });
        text
    }

    /// A failed attempt counts as a use: nobody guesses twice.
    pub(crate) fn take(&mut self, text: &str, now: Timestamp) -> Use<'_> {
        match self.issued.iter_mut().find(|code| code.text == text) {
            None => Use::Never,
            Some(code) if code.used => Use::Again(code.grant.family),
            Some(code) => {
                code.used = true;
                if now < code.expires_at { Use::First(code) } else { Use::Never }
            }
        }
    }

    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.issued.iter().map(|code| code.text.as_str())
    }
}
