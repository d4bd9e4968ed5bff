//! A simulated world for the tests: a cloud, a page, a token source and a clock, which do what the test says.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "every test binary uses only some of it")]

mod calls;
mod codec;
mod locks;
mod page;
mod responses;
mod time;
mod token_source;
mod tokens;
mod world;

pub use calls::*;
pub use codec::*;
pub use locks::*;
pub use page::*;
pub use responses::*;
pub use time::*;
pub use token_source::*;
pub use tokens::*;
pub use world::*;
