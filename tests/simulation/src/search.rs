//! Plays one schedule after another, several at once, until one breaks an invariant.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use crate::coverage::Coverage;
use crate::generate::generate;
use crate::invariant::Violation;
use crate::run::run;

/// What a search came to.
pub struct Search {
    /// How many schedules were played.
    pub done: u64,
    /// What was found, by seed.
    pub found: Vec<Found>,
    /// What the schedules came to.
    pub coverage: Coverage,
}

/// A schedule that breaks an invariant.
pub struct Found {
    /// Its seed.
    pub seed: u64,
    /// What it breaks.
    pub violation: Violation,
}

/// Plays so many schedules from this seed on, and tells each second how many it has played.
pub fn search(seed: u64, schedules: u64, jobs: usize, keeps_going: bool, progress: impl Fn(u64)) -> Search {
    let end = seed.saturating_add(schedules);
    let (next, done, is_over) = (AtomicU64::new(seed), AtomicU64::new(0), AtomicBool::new(false));
    let all = Mutex::new((Vec::new(), Coverage::default()));
    scope(|threads| {
        let play = || {
            let mut coverage = Coverage::default();
            while !is_over.load(Ordering::Relaxed) {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= end {
                    break;
                }
                let report = run(&generate(seed), false);
                done.fetch_add(1, Ordering::Relaxed);
                coverage.add(&report.seen);
                if let Some(violation) = report.violation {
                    all.lock().unwrap().0.push(Found { seed, violation });
                    is_over.store(!keeps_going, Ordering::Relaxed);
                }
            }
            all.lock().unwrap().1.merge(&coverage);
        };
        let players: Vec<_> = (0..jobs).map(|_| threads.spawn(play)).collect();
        let mut last = Instant::now();
        while !players.iter().all(|player| player.is_finished()) {
            sleep(Duration::from_millis(10));
            if last.elapsed() >= Duration::from_secs(1) {
                last = Instant::now();
                progress(done.load(Ordering::Relaxed));
            }
        }
    });
    let (mut found, coverage) = all.into_inner().unwrap();
    found.sort_by_key(|found| found.seed);
    Search { done: done.into_inner(), found, coverage }
}
