//! A call's path and headers come from a contract that was looked at, so they cannot lead to another host.

use premium_recorder::token::request::ApiRequest;

fn led_astray(call: &mut ApiRequest) {
    call.path = "@evil.example/".to_owned();
}

fn main() {}
