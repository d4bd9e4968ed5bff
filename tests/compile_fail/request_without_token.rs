//! What no grant has authorized can not be sent.

use premium_recorder::token::request::ApiRequest;
use premium_recorder::cloud::ports::Platform;

async fn unauthorized(ports: &impl Platform, call: ApiRequest) {
    let _ = ports.send(call).await;
}

fn main() {}
