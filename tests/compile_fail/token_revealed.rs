//! A token's text cannot be taken out of it, nor out of what a source gave.

use premium_recorder::token::access_token::{AccessToken, IssuedToken};

fn leaked(token: &AccessToken, issued: &IssuedToken) -> String {
    format!("{} {} {} {}", token.secret().reveal(), token.0, token, issued.access_token.reveal())
}

fn main() {}
