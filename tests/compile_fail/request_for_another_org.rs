//! A grant's request is for the grant's organization: there is no way to name another one.

use premium_recorder::contract::Call;
use premium_recorder::grant::{Grant, Request};
use premium_recorder::org::OrgId;

fn crossing(of_acme: &Grant, globex: &OrgId, call: Call) -> Request {
    of_acme.request(globex, call)
}

fn main() {}
