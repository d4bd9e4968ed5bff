//! The native tests, one binary: the core over a simulated world.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod arrows;
mod authorization;
mod call;
mod compile_fail;
mod conflict;
mod contract;
mod dates;
mod diagnosis;
mod documents;
mod duplicates;
mod environment;
mod error;
mod events;
mod fetch;
mod first_look;
mod flow;
mod foreign;
mod fuzz;
mod in_flight;
mod isolation;
mod left_token;
mod lifetime;
mod lost_response;
mod many;
mod merge;
mod once;
mod own_org;
mod rate_limit;
mod recordings;
mod redirect;
mod refresh_token;
mod refusal;
mod repair;
mod sharing;
mod sign_in_at_connect;
mod sign_in_window;
mod sign_out;
mod start_lock;
mod start_request;
mod support;
mod token;
mod token_endpoint;
mod unknown_outcome;
