//! Plays schedules, many of them or one again.

use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Instant;

use clap::Parser;
use simulation::generate::generate;
use simulation::invariant::Violation;
use simulation::run::{Report, run};
use simulation::schedule::Schedule;
use simulation::search::{Found, Search, search};
use simulation::shrink::shrink;
use simulation::world::IGNORED;

/// Plays schedules of the flow over a simulated cloud, until one breaks an invariant
#[derive(Parser)]
#[command(name = "simulate")]
struct Arguments {
    /// How many schedules
    #[arg(long, default_value_t = 100_000)]
    schedules: u64,
    /// Seed of the first schedule; the others have those that follow
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many at once; as many as there are cores unless it says otherwise
    #[arg(long)]
    jobs: Option<usize>,
    /// Plays this one schedule, and prints what happens
    #[arg(long, value_name = "SCHEDULE")]
    replay: Option<String>,
    /// Goes on past what it finds, and prints the seeds
    #[arg(long)]
    keep_going: bool,
    /// An invariant that does not count; may be repeated
    #[arg(long, value_name = "INVARIANT")]
    ignore: Vec<String>,
    /// Prints in one line what was found, after how many schedules, and no more
    #[arg(long)]
    brief: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Panics are found like everything else.
    std::panic::set_hook(Box::new(|_| {}));
    let _ = IGNORED.set(arguments.ignore.clone());
    match &arguments.replay {
        Some(text) => replay(text),
        None => many(&arguments),
    }
}

fn replay(text: &str) -> ExitCode {
    let schedule = match Schedule::parse(text) {
        Ok(schedule) => schedule,
        Err(error) => {
            eprintln!("simulate: this is no schedule: {error}");
            return ExitCode::FAILURE;
        }
    };
    let Report { violation, log, .. } = run(&schedule, true);
    print!("{schedule}\n{}\n\n", log.join("\n"));
    match violation {
        Some(violation) => {
            println!("{}: {}", violation.invariant, violation.details);
            ExitCode::FAILURE
        }
        None => {
            println!("no invariant is broken");
            ExitCode::SUCCESS
        }
    }
}

fn many(arguments: &Arguments) -> ExitCode {
    let jobs = arguments.jobs.unwrap_or_else(|| available_parallelism().map_or(1, usize::from));
    let began = Instant::now();
    let rate = |count: u64| count as f64 / began.elapsed().as_secs_f64().max(0.001);
    let progress = |count: u64| {
        if !arguments.brief {
            eprintln!("{count} of {} schedules, {:.0} a second", arguments.schedules, rate(count));
        }
    };
    let Search { done, found, coverage } = search(arguments.seed, arguments.schedules, jobs, arguments.keep_going, progress);
    if arguments.brief {
        for Found { seed, violation } in &found {
            println!("{}\t{}\t{seed}\t{}", violation.invariant, done, violation.details);
        }
        return ExitCode::SUCCESS;
    }
    println!("{done} schedules in {:.1} s, {:.0} a second\n\n{coverage}", began.elapsed().as_secs_f64(), rate(done));
    for Found { seed, violation } in &found {
        println!("seed {seed} breaks {}: {}", violation.invariant, violation.details);
    }
    let Some(Found { seed, violation: Violation { invariant, .. } }) = found.first() else {
        println!("no invariant is broken");
        return ExitCode::SUCCESS;
    };
    let breaks = |schedule: &Schedule| run(schedule, false).violation.is_some_and(|violation| violation.invariant == *invariant);
    let small = shrink(&generate(*seed), breaks);
    let Report { violation, log, .. } = run(&small, true);
    println!("\nthe smallest schedule found that breaks it:\n{small}\n{}\n", log.join("\n"));
    if let Some(violation) = violation {
        println!("{}: {}\n", violation.invariant, violation.details);
    }
    println!("npm run simulate -- --seed {seed} --schedules 1\nnpm run simulate -- --replay '{}'", small.compact());
    ExitCode::FAILURE
}
