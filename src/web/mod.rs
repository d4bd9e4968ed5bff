//! The glue: implements the ports for browsers, and exports functions to JavaScript. It converts values, and decides nothing.

mod abort;
mod arguments;
mod browser;
mod channel;
mod codec;
mod crypto;
pub mod exports;
mod fetch;
mod foreign;
mod listener;
mod lock;
mod locks;
mod outside;
mod page;
#[cfg(feature = "panic-on-purpose")]
mod panic_on_purpose;
mod result;
mod settled;
mod sharing;
mod timer;
mod token_source;
mod window;

/// Four kilobytes smaller than the standard allocator, and good enough for a few small values.
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();
