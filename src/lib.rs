//! Starts a screen recording in the agent's own Genesys Cloud organization, with that organization's own token.
//!
//! Each folder uses only the folders above it in this file; `tests/native/arrows.rs` holds that. A call goes down and comes back
//! once: `web` reads the arguments, [`recorder`] decides for which organization the call is, [`recording`] sees to it that
//! an agent has one start at a time, [`auth`] has the organization's token or obtains it, [`client`] sends the request with
//! it, [`token`] authorizes the request, and [`cloud`] carries it and explains a refusal.
//!
//! `web` is the only folder that knows JavaScript. JavaScript comes in through `src/js`.

/// What things are: ids, times, environments, errors.
pub mod model {
    pub mod argument;
    pub(crate) mod digits;
    pub mod environment;
    pub mod error;
    pub(crate) mod escapes;
    pub mod ids;
    pub(crate) mod join;
    pub mod json;
    pub mod launch;
    pub mod page;
    pub mod scope;
    pub(crate) mod search;
    pub mod secret;
    pub(crate) mod sorted_map;
    pub(crate) mod spelling;
    pub mod time;
}

/// Whose a token is, and the only place that authorizes a request.
pub mod token {
    pub mod access_token;
    pub mod claims;
    pub mod header;
    pub mod org_token;
    pub mod request;
    pub mod session;
}

/// One request and its response.
pub mod cloud {
    pub mod call;
    pub mod deadline;
    pub mod event;
    pub mod exchange;
    pub mod ports;
    pub mod race;
    pub mod rate_limit;
    pub mod refusal;
    pub mod response;
    pub mod signal;
    pub(crate) mod single_flight;
    pub(crate) mod tasks;
}

/// Where tokens come from: another tab, a refresh token, the app, a sign-in.
pub mod auth {
    mod acquisition;
    mod authorization;
    pub mod keyring;
    pub mod login;
    pub mod need;
    mod parameters;
    pub mod ports;
    pub mod returned;
    mod sign_in;
    pub mod sources;
    mod stored_request;
    pub(crate) mod token_endpoint;
    mod tokens;
}

pub mod client;
pub mod recorder;
pub mod recording;

#[cfg(target_arch = "wasm32")]
pub mod web;
