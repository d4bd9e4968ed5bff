//! A request cannot be changed once it is made.

use premium_recorder::token::org_token::OrgToken;

use premium_recorder::token::request::Request;

fn crossing(mut of_acme: Request, of_globex: &OrgToken) -> Request {
    of_acme.headers[0].1 = format!("Bearer {}", of_globex.record.token.secret().reveal());
    of_acme
}

fn main() {}
