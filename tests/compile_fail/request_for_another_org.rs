//! A grant's request is for the grant's organization: there is no way to name another one.

use premium_recorder::token::request::{Call, Request};
use premium_recorder::token::org_token::Grant;
use premium_recorder::model::ids::OrgId;

fn crossing(of_acme: &Grant, globex: &OrgId, call: Call) -> Request {
    of_acme.request(globex, call)
}

fn main() {}
