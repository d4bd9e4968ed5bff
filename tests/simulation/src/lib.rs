//! The flow over a simulated cloud, clock, token source and several pages, all driven by one seed.
//!
//! [`generate`] makes a [`schedule`] of a seed; [`run`] plays it: [`page`] is the outside of each recorder, [`network`] carries
//! requests to the [`cloud`], [`executor`] polls what was woken, [`clock`] tells the time. [`invariant`] says what must never be.
//! [`shrink`] makes a schedule that breaks one as small as it gets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a mistake of the simulation should stop it, and what stops it is reported"
)]

pub mod clock;
pub mod cloud;
pub mod coverage;
pub mod executor;
pub mod generate;
pub mod invariant;
pub mod login;
pub mod network;
pub mod origin;
pub mod page;
pub mod random;
pub mod repeat;
pub mod run;
pub mod schedule;
pub mod search;
pub mod shrink;
pub mod signal;
pub mod token;
pub mod world;
