//! The stand-in cloud over real HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod clock;
mod common;
mod connections;
mod conversations;
mod cors;
mod faults;
mod files;
mod gateway;
mod login;
mod many;
mod monitoring;
mod paging;
#[cfg(unix)]
mod program;
mod published;
mod secure;
mod starts;
mod thread;
mod tokens;
