//! A token's text can not be taken out of it.

use premium_recorder::token::AccessToken;

fn leaked(token: &AccessToken) -> String {
    format!("{} {} {}", token.reveal(), token.0, token)
}

fn main() {}
