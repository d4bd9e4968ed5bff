//! Some thousands of schedules, and what the simulation is worth.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::thread::available_parallelism;

use simulation::clock::Timer;
use simulation::executor::Executor;
use simulation::generate::generate;
use simulation::run::run;
use simulation::schedule::{Fate, Schedule, Step, What};
use simulation::search::search;
use simulation::shrink::shrink;
use simulation::world::World;

const SEED: u64 = 1;
const SCHEDULES: u64 = 5_000;

#[test]
fn no_schedule_breaks_an_invariant() {
    let jobs = available_parallelism().map_or(1, usize::from);
    let search = search(SEED, SCHEDULES, jobs, false, |done| println!("{done} of {SCHEDULES} schedules"));
    println!("{}", search.coverage);
    if let Some(found) = search.found.first() {
        let invariant = found.violation.invariant;
        let breaks = |schedule: &Schedule| run(schedule, false).violation.is_some_and(|violation| violation.invariant == invariant);
        let small = shrink(&generate(found.seed), breaks);
        let details = run(&small, false).violation.unwrap().details;
        let replay = small.compact();
        panic!("seed {} breaks {invariant}: {details}\n{small}\nnpm run simulate -- --replay '{replay}'", found.seed);
    }
    // Schedules in which nothing happens would break nothing either.
    for (what, how) in [
        ("startRecording", "ok"),
        ("startRecording", "already running"),
        ("startRecording", "OUTCOME_UNKNOWN"),
        ("startRecording", "CONFLICT"),
        ("startRecording", "aborted"),
        ("startRecording", "CLOSED"),
        ("startRecording", "TIMEOUT"),
        ("one of many", "ok"),
        ("one of many", "aborted"),
        ("stopRecording", "ok"),
        ("lock", "taken"),
        ("sent again after", "UNAUTHENTICATED"),
        ("sent again after", "WRONG_ORG"),
        ("sent again after", "RATE_LIMITED"),
        ("shared token", "handed over"),
        ("clock", "set back"),
        ("clock", "set forward"),
        ("machine", "slept"),
        ("machine", "slept, its monotonic clock too"),
        ("page", "has several recorders"),
        ("token repeated", "deep in the body"),
        ("token repeated", "in JSON within JSON"),
        ("token repeated", "in ININ-Correlation-Id"),
        ("carried out", "after it was given up"),
        ("token repeated", "in the body"),
        ("token repeated", "escaped"),
        ("token repeated", "in Retry-After"),
        ("sent again when", "seconds were over"),
        ("sent again when", "a date was over"),
        ("Date", "off by hours"),
        ("stranger", "holds a start"),
        ("stranger", "holds tokens"),
        ("stranger", "shares a token"),
        ("stranger", "shares nonsense"),
        ("stranger", "shares nothing"),
        ("stranger", "shares silence"),
        ("sign-in", "granted"),
        ("sign-in", "with another state"),
        ("sign-in", "denied"),
        ("sign-in", "closed"),
        ("sign-in", "left alone"),
        ("sign-in", "blocked"),
        ("sign-in", "came back"),
        ("token endpoint", "for a code"),
        ("token endpoint", "for a refresh token"),
        ("refresh token", "replaced"),
        ("startRecording", "LOGIN_WRONG_ORG"),
        ("startRecording", "LOGIN_TIMEOUT"),
        ("connect", "LOGIN_STATE_MISMATCH"),
    ] {
        assert!(search.coverage.count(what, how) > 0, "no schedule had {what}: {how}");
    }
}

#[test]
fn a_schedule_always_runs_the_same() {
    for seed in 0..50 {
        let schedule = generate(seed);
        let read = Schedule::parse(&schedule.compact()).unwrap();
        assert_eq!(read, schedule);
        let (once, again) = (run(&schedule, true), run(&read, true));
        assert_eq!(once, again);
        assert!(!once.log.is_empty());
    }
}

#[test]
fn seeds_differ() {
    assert!((0..100).all(|seed| generate(seed) != generate(seed + 1)));
}

#[test]
fn a_schedule_shrinks_to_what_matters() {
    let matters = |schedule: &Schedule| {
        let closes = schedule.steps.iter().any(|step| matches!(step, Step::Close(_)));
        let waits = schedule.steps.iter().any(|step| matches!(step, Step::Advance(1_000..)));
        closes && waits && schedule.fates.iter().any(|fate| fate.what == What::LostAfter)
    };
    let large = (0..).map(generate).find(|schedule| matters(schedule) && schedule.steps.len() > 10).unwrap();
    let small = shrink(&large, matters);
    assert_eq!(small.steps.len(), 2);
    assert!(small.steps.contains(&Step::Advance(1_000)));
    assert_eq!(small.fates, [Fate { what: What::LostAfter, ..Fate::default() }]);
    assert!(small.pages.is_empty() && small.gives.is_empty() && small.sign_ins.is_empty() && small.order == 0);
}

#[test]
fn a_task_that_nobody_woke_is_noticed() {
    let executor = Executor::new(0);
    let flag = Rc::new(Cell::new(false));
    let waits_for = flag.clone();
    executor.spawn(0, Box::pin(poll_fn(move |_| if waits_for.get() { Poll::Ready(()) } else { Poll::Pending })));
    assert!(executor.turn() && !executor.turn());
    assert_eq!(executor.not_woken(|| true), None);
    flag.set(true);
    // It is not polled for nothing.
    assert!(!executor.turn() && executor.waiting() == 1);
    assert_eq!(executor.not_woken(|| true), Some(0));
}

#[test]
fn a_timer_wakes_at_its_time_and_leaves_nothing_behind() {
    let world = World::new(Schedule::default(), false);
    let over = Rc::new(Cell::new(0));
    let (to_tell, beginning, timer) = (over.clone(), world.now(), world.clone());
    let work = async move {
        let forgotten = Timer::new(&timer, 5);
        Timer::new(&timer, 30).await;
        to_tell.set(timer.now());
        drop(forgotten);
    };
    world.executor.spawn(0, Box::pin(work));
    world.run_until(beginning + 29);
    assert_eq!((over.get(), world.clock.timers()), (0, 1));
    world.run_until(beginning + 100);
    assert_eq!((over.get(), world.clock.timers(), world.executor.waiting()), (beginning + 30, 0, 0));
}
