//! Nor can claims be made up for a token, nor an answer of the cloud.

use std::rc::Rc;

use premium_recorder::model::time::Moment;
use premium_recorder::model::environment::Environment;
use premium_recorder::token::org_token::{OrgToken, UnidentifiedToken};
use premium_recorder::token::access_token::AccessToken;
use premium_recorder::token::claims::{Claims, TokenInfo};

fn forged(prod: &Rc<Environment>, of_acme: AccessToken, claims: Claims, info: TokenInfo, now: Moment) -> OrgToken {
    UnidentifiedToken::new(prod, of_acme, Some(claims), None).identified_by_cloud(info, now)
}

fn main() {}
