//! A code or a refresh token goes to the token endpoint of the environment that a sign-in was begun in: nobody else can send one.

use premium_recorder::model::environment::Environment;
use premium_recorder::token::request::{Request, token_request};

fn elsewhere(other: &Environment, form: String) -> Request {
    token_request(other, form)
}

fn main() {}
