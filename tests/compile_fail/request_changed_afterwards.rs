//! A request can not be changed once it is made.

use premium_recorder::token::org_token::Grant;

use premium_recorder::token::request::Request;

fn crossing(mut of_acme: Request, of_globex: &Grant) -> Request {
    of_acme.headers[0].1 = format!("Bearer {}", of_globex.token.reveal());
    of_acme
}

fn main() {}
