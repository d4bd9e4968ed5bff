//! A grant's request is for the grant's organization: there is no way to name another one.

use premium_recorder::token::request::{ApiRequest, Request};
use premium_recorder::token::org_token::OrgToken;
use premium_recorder::model::error::Error;
use premium_recorder::model::ids::OrgId;

fn crossing(of_acme: &OrgToken, globex: &OrgId, call: ApiRequest) -> Result<Box<Request>, Error> {
    of_acme.authorize(globex, &call)
}

fn main() {}
