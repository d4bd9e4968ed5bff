//! A token cannot be declared to be of an organization: a claim or the cloud says so.

use premium_recorder::model::environment::Target;

use premium_recorder::token::org_token::{OrgToken, KnownBy};
use premium_recorder::token::access_token::AccessToken;

fn forged(target: Target, token: AccessToken) -> OrgToken {
    OrgToken { target, token, known_by: KnownBy::Cloud, org_name: None, home_org: None, scopes: None }
}

fn main() {}
