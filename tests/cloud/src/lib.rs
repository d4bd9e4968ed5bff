//! A stand-in Genesys Cloud on the loopback: three real HTTP origins (api, login, apps), organizations with agents,
//! tokens, screen recordings, faults on demand and a ledger of what was asked.
//!
//! It judges by the organization of the **token**. It shares no code with the library that it tests, so that a
//! misunderstanding on either side shows.
//!
//! ```no_run
//! # async fn run() -> std::io::Result<()> {
//! let cloud = standin_cloud::Cloud::start(standin_cloud::Options::default()).await?;
//! println!("{}", cloud.origins().api);
//! # Ok(())
//! # }
//! ```

mod api;
mod apps;
mod clock;
mod cloud;
mod cors;
mod fault;
mod ledger;
mod line;
mod login;
mod organization;
mod rate;
mod recording;
mod refusal;
mod settings;
mod standin;
mod token;
mod world;

pub use cloud::{Cloud, Options, Origins};
pub use organization::{Agent, ORGANIZATIONS, Organization};
