//! Nor can claims be made up for a token, nor an answer of the cloud.

use std::rc::Rc;

use premium_recorder::clock::Moment;
use premium_recorder::environment::Environment;
use premium_recorder::grant::{Grant, UnfiledToken};
use premium_recorder::token::{AccessToken, Claims, TokenInfo};

fn forged(prod: &Rc<Environment>, of_acme: AccessToken, claims: Claims, info: TokenInfo, now: Moment) -> Grant {
    UnfiledToken::new(prod, of_acme, Some(claims), None).filed_by_cloud(info, now)
}

fn main() {}
