//! A code or a refresh token goes to the token endpoint of the environment that a sign-in was begun in: nobody else can send one.

use premium_recorder::environment::Environment;
use premium_recorder::grant::{Request, token_request};

fn elsewhere(other: &Environment, form: String) -> Request {
    token_request(other, form)
}

fn main() {}
