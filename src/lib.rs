//! Starts a screen recording in the agent's own Genesys Cloud organization, with that organization's own token.
//!
//! A value's way: [`launch`] and [`environment`] say where the app runs, [`settings`] decide; [`recorder`] decides for which
//! organization a call is ([`org`]); [`starts`] see to it that there is one for an agent at a time; [`keyring`] hands out that
//! organization's [`grant`], asking for a [`token`] where none is held; the grant turns the [`contract`]'s call into a
//! request; [`ports`] sends it; [`refusal`] explains a "no" as an [`error`].
//!
//! `web` is the only folder that knows JavaScript. JavaScript comes in through `src/js`.

pub mod agent;
pub mod batch;
pub mod clock;
pub mod cloud;
pub mod contract;
pub mod diagnosis;
pub mod environment;
pub mod error;
pub mod event;
pub mod grant;
pub mod json;
pub mod keyring;
pub mod launch;
pub mod login;
pub mod org;
pub mod pace;
pub mod ports;
pub mod recorder;
pub mod recording;
pub mod recordings;
pub mod refusal;
pub mod scope;
pub mod secret;
pub mod sender;
pub mod settings;
pub mod sources;
pub mod starts;
pub mod timestamp;
pub mod token;
pub mod trustor;

#[cfg(target_arch = "wasm32")]
pub mod web;
