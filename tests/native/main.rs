//! The native tests, one binary: the core over a simulated world.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod arrows;
mod call;
mod compile_fail;
mod contract;
mod dates;
mod diagnosis;
mod documents;
mod environment;
mod events;
mod fetch;
mod flow;
mod foreign;
mod fuzz;
mod isolation;
mod lifetime;
mod login;
mod many;
mod once;
mod own_org;
mod rate_limit;
mod recordings;
mod refusal;
mod repair;
mod sharing;
mod sign_out;
mod starts;
mod support;
mod token;
