//! A token cannot be declared to be of an organization: a claim or the cloud says so.

use premium_recorder::model::environment::Target;
use premium_recorder::token::claims::TokenInfo;
use premium_recorder::token::org_token::{OrgToken, UnidentifiedToken};

fn forged(target: Target, record: UnidentifiedToken, info: std::rc::Rc<TokenInfo>) -> OrgToken {
    OrgToken { target, record, info: Some(info) }
}

fn main() {}
