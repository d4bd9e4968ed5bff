//! A simulated world for the tests: a cloud, a page, a token source and a clock, which do what the test says.

#![allow(unreachable_pub, reason = "`pub` means: for every test")]

mod calls;
mod codec;
mod locks;
mod page;
mod responses;
mod sign_in;
mod starts;
mod time;
mod token_source;
mod tokens;
mod world;

pub use calls::*;
pub use codec::*;
pub use locks::*;
pub use page::*;
pub use responses::*;
pub use sign_in::*;
pub use starts::*;
pub use time::*;
pub use token_source::*;
pub use tokens::*;
pub use world::*;
