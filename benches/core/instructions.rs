//! Counts instructions with valgrind's callgrind. Unlike times, the counts do not depend on what else the machine does.
//!
//! This program runs itself under callgrind, once with the work and once with more of the work. The difference between the two
//! counts is the work's own: what the program needs to start and to set up is in both.

use std::env::{args, current_exe};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::cases::{CASES, Case, filling};

/// The argument with which this program runs one case under callgrind: its place in `CASES`, and how often.
const COUNTED: &str = "--counted";

/// Under callgrind, a program takes fifty times as long.
const LONGEST: Duration = Duration::from_millis(400);

/// Enough that a vector that grows now and then counts with its share.
const TIMES: u32 = 32;

/// Runs the case if this program was started to be counted.
pub(crate) fn run_if_counted() -> bool {
    let given: Vec<String> = args().collect();
    let [_, option, case, times] = given.as_slice() else { return false };
    if option != COUNTED {
        return false;
    }
    let mut work = (CASES[case.parse::<usize>().unwrap()].set_up)();
    (0..times.parse().unwrap()).for_each(|_| work());
    true
}

/// Prints the instructions of each case whose name has this text.
pub(crate) fn print(filter: &str) {
    println!("\ninstructions (callgrind)");
    if let Err(error) = Command::new("valgrind").arg("--version").output() {
        println!("  skipped: valgrind cannot run ({error}). Install it, for example with apt install valgrind.");
        return;
    }
    for (place, case) in CASES.iter().enumerate().filter(|(_, case)| case.name.contains(filter)) {
        println!("  {:<46} {:>14}", case.name, count(place, case));
    }
}

fn count(place: usize, case: &Case) -> String {
    let filled = filling(case.orgs);
    if filled > LONGEST {
        return format!("skipped: storing the tokens takes {} ms, and fifty times that under callgrind", filled.as_millis());
    }
    let mut work = (case.set_up)();
    let began = Instant::now();
    work();
    let once = began.elapsed();
    if once > LONGEST {
        return format!("skipped: the work takes {} ms, and fifty times that under callgrind", once.as_millis());
    }
    let times = if once > LONGEST / TIMES { 1 } else { TIMES };
    match (collected(place, times), collected(place, 2 * times)) {
        (Some(once), Some(twice)) => grouped(twice.saturating_sub(once) / u64::from(times)),
        _ => "failed: callgrind printed no count".to_owned(),
    }
}

/// The instructions of a whole run.
fn collected(place: usize, times: u32) -> Option<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(current_exe().unwrap())
        .args([COUNTED.to_owned(), place.to_string(), times.to_string()])
        .output()
        .ok()?;
    let printed = String::from_utf8_lossy(&output.stderr);
    let (_, count) = printed.split_once("Collected : ")?;
    count.split_whitespace().next()?.parse().ok()
}

/// 1234567 as 1,234,567.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
