//! Refresh tokens: each works once, and is replaced by the next of its family.

use uuid::Uuid;

use crate::{grant::Grant, secret};

struct RefreshToken {
    text: String,
    grant: Grant,
    used: bool,
    revoked: bool,
}

#[derive(Default)]
pub(crate) struct RefreshTokens {
    issued: Vec<RefreshToken>,
}

pub(crate) enum Use {
    First(Grant),
    /// Somebody has two copies: none of this family can be trusted any more.
    Again(Uuid),
    Never,
}

impl RefreshTokens {
    pub(crate) fn issue(&mut self, grant: Grant) -> String {
        let text = secret::random();
        self.issued.push(RefreshToken { text: text.clone(), grant, used: false, revoked: false });
        text
    }

    /// In the hands of another client it is nothing.
    pub(crate) fn take(&mut self, text: &str, client_id: &str) -> Use {
        let held = |token: &&mut RefreshToken| token.text == text && token.grant.client_id == client_id;
        match self.issued.iter_mut().find(held) {
            None => Use::Never,
            Some(token) if token.used => Use::Again(token.grant.family),
            Some(token) if token.revoked => Use::Never,
            Some(token) => {
                token.used = true;
                Use::First(token.grant.clone())
            }
        }
    }

    pub(crate) fn revoke(&mut self, family: Uuid) {
        self.issued.iter_mut().filter(|token| token.grant.family == family).for_each(|token| token.revoked = true);
    }

    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.issued.iter().map(|token| token.text.as_str())
    }
}
