//! A request that no token has authorized cannot be sent.

use premium_recorder::cloud::ports::Transport;
use premium_recorder::token::request::ApiRequest;

async fn unauthorized(transport: &impl Transport, request: ApiRequest) {
    let _ = transport.send(request).await;
}

fn main() {}
