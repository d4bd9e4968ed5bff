//! `cargo bench`: the core without a browser, over a platform that does nothing. Prints times (divan), and then the counts of
//! instructions. `cargo bench -- pick` measures the cases whose name has this text.
//!
//! The code is compiled to be small, as it ships, but for this machine and not to WebAssembly.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod cases;
mod instructions;
mod world;

use std::time::Duration;

use divan::{Bencher, Divan};

use cases::Case;

fn main() {
    if instructions::run_if_counted() {
        return;
    }
    Divan::default().sample_count(50).max_time(Duration::from_secs(3)).config_with_args().main();
    let given: Vec<String> = std::env::args().skip(1).collect();
    // Cargo gives `--bench`. Without it, this is a test or a list.
    if given.iter().any(|arg| arg == "--bench") {
        let filter = given.iter().find(|arg| !arg.starts_with('-'));
        instructions::print(filter.map_or("", String::as_str));
    }
}

#[divan::bench(args = cases::feasible())]
fn core(bencher: Bencher<'_, '_>, case: &Case) {
    bencher.bench_local((case.set_up)());
}
