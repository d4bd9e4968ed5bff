//! The glue: the browser's side of the ports, and what JavaScript can call. It converts and passes on; it decides nothing.

mod abort;
mod argument;
pub mod exports;
mod fetch;
mod foreign;
mod json;
mod platform;
mod result;
mod timer;
mod token_source;

/// Four kilobytes smaller than the standard one, and enough for the few small values that live here.
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();
