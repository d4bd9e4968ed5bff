//! The glue: the browser's side of the ports, and what JavaScript can call. It converts and passes on; it decides nothing.

mod abort;
mod arguments;
mod browser;
mod codec;
mod crypto;
pub mod exports;
mod fetch;
mod foreign;
mod listener;
mod lock;
mod oneshot;
mod page;
#[cfg(feature = "panic-on-purpose")]
mod panic_on_purpose;
mod result;
mod sharing;
mod timer;
mod token_source;
mod window;

/// Four kilobytes smaller than the standard one, and enough for the few small values that live here.
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();
