//! What no grant has authorized can not be sent.

use premium_recorder::token::request::Call;
use premium_recorder::cloud::ports::Ports;

async fn unauthorized(ports: &impl Ports, call: Call) {
    let _ = ports.send(call).await;
}

fn main() {}
