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
mod authorize;
mod challenge;
mod client;
mod clock;
mod cloud;
mod code;
mod conversation;
mod cookie;
mod cors;
mod directory;
mod exchange;
mod fault;
mod files;
mod gateway;
mod grant;
mod interaction;
mod ledger;
mod line;
mod login;
mod monitoring;
mod organization;
mod page;
mod parameters;
mod problem;
mod published;
mod rate;
mod recording;
mod redirect;
mod refresh;
mod refusal;
mod request;
mod secret;
mod session;
mod settings;
mod standin;
mod tls;
mod token;
mod trust;
mod user;
mod world;

pub use cloud::{Cloud, Options, Origins};
pub use organization::{Agent, ORGANIZATIONS, Organization};
