//! The stand-in cloud over real HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod cors;
mod faults;
mod login;
#[cfg(unix)]
mod program;
mod thread;
mod tokens;
