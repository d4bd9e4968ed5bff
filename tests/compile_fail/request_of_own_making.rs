//! A request cannot be put together: only a grant makes one, with its own organization and its own token.

use premium_recorder::token::request::{Method, Request};

fn main() {
    let _ = Request {
        method: Method::Post,
        origin: "https://api.mypurecloud.com".to_owned(),
        url: "https://api.mypurecloud.com/api/v2/screenrecordings".to_owned(),
        headers: vec![("Authorization".to_owned(), "Bearer of-another-organization".to_owned())],
        body: None,
    };
}
