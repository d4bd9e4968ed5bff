//! The lock that a start holds among the pages of one origin.

use std::cell::RefCell;
use std::rc::Rc;

use crate::support::*;
use futures::FutureExt;
use premium_recorder::auth::ports::Locks;
use premium_recorder::model::error::Code;
use premium_recorder::recorder::settings::Options;

#[test]
fn two_pages_with_locks_send_one_start() {
    run(async {
        let one = World::new();
        let releases = one.respond_to_starts_when_released();
        let other = one.another_page_of_its_cloud();
        let (first, second) = (with_token(&one).await, with_token(&other).await);
        let respond = async {
            yield_now().await;
            releases.borrow_mut().remove(0).send();
        };
        let ((started, found), ()) = join(join(record(&first, GLOBEX), record(&second, GLOBEX)), respond).await;
        for recording in [started.unwrap(), found.unwrap()] {
            assert_eq!((recording.id.as_str(), recording.already_running), ("rec-1", false));
        }
        assert_eq!((one.starts().len(), other.starts().len(), looks(&other)), (1, 0, 1));
        assert!(one.held_locks().is_empty());
    });
}

#[test]
fn a_page_that_abandons_its_start_releases_the_lock_when_its_fetch_settles() {
    run(async {
        let one = World::new();
        let release = one.respond_when_released(|_| true, |_| Err(lost_response("reset")));
        let other = one.another_page();
        other.respond(|request| if request.method == "POST" { created("second") } else { list(&[]) });
        let (first, second) = (with_token(&one).await, with_token(&other).await);
        let mut left = Box::pin(record(&first, GLOBEX));
        assert!(left.as_mut().now_or_never().is_none());
        drop(left);
        assert_eq!(one.held_locks().len(), 1);
        let settle = async {
            one.sleep(500).await;
            assert_eq!(other.starts().len(), 0);
            release.send();
        };
        let found = while_time_passes(&[&one, &other], join(record(&second, GLOBEX), settle)).await.0;
        assert_eq!((found.unwrap().id.as_str(), looks(&other)), ("second", 2));
        assert!(one.held_locks().is_empty());
    });
}

#[test]
fn a_timeout_behind_a_lock_names_the_lock() {
    run(async {
        let world = World::new();
        world.respond(|_| list(&[]));
        let recorder = with_token(&world).await;
        let name = lock_name();
        let stranger = Locks::lock(&world, &name).await;
        let timed_out = error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await);
        assert_eq!((timed_out.code, world.starts().len()), (Code::Timeout, 0));
        assert!(timed_out.message.contains("another tab") && timed_out.message.contains(&name), "{}", timed_out.message);
        drop(stranger);
        world.respond(|request| if request.method == "POST" { created("own") } else { list(&[]) });
        assert_eq!(record(&recorder, GLOBEX).await.unwrap().id.as_str(), "own");
    });
}

#[test]
fn a_timeout_while_another_page_does_not_hand_over_its_locks_names_the_lock() {
    run(async {
        let world = World::new();
        world.respond(|_| list(&[])).hand_over_locks_after(600_000);
        let recorder = with_token(&world).await;
        let timed_out = error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await);
        assert_eq!((timed_out.code, world.starts().len()), (Code::Timeout, 0));
        assert!(timed_out.message.contains("another tab") && timed_out.message.contains(&lock_name()), "{}", timed_out.message);
    });
}

/// Until then, the other page may have started the recording.
#[test]
fn a_start_whose_lock_another_page_hands_over_looks_first() {
    for (listed, starts, id) in [
        (list(&[entity("theirs", "recording", 0)]), 0, "theirs"),
        (list(&[entity("older", "recording", -60_000)]), 0, "older"),
        (list(&[]), 1, "own"),
        // The look is a precaution.
        (response(503, ""), 1, "own"),
    ] {
        run(async {
            let world = World::new();
            world.hand_over_locks_after(20);
            world.respond(move |request| if request.method == "POST" { created("own") } else { listed.clone() });
            let recorder = with_token(&world).await;
            let recording = while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap();
            assert_eq!((recording.id.as_str(), world.starts().len()), (id, starts));
        });
    }
}

#[test]
fn a_recording_that_appears_while_a_stranger_holds_the_lock_is_found() {
    run(async {
        let world = World::new();
        world.respond(|_| list(&[entity("theirs", "recording", -60_000)]));
        let recorder = with_token(&world).await;
        let _stranger = Locks::lock(&world, &lock_name()).await;
        let found = while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap();
        assert_eq!((found.id.as_str(), found.already_running, world.starts().len()), ("theirs", true, 0));
    });
}

#[test]
fn pages_of_different_environments_do_not_wait_for_each_other() {
    run(async {
        let one = World::new();
        one.respond_async(|_| Box::pin(std::future::pending()));
        let first = with_token(&one).await;
        let mut hangs = Box::pin(record(&first, GLOBEX));
        assert!(hangs.as_mut().now_or_never().is_none());
        let other = one.another_page();
        other.respond(|_| created("second"));
        let elsewhere = Options { environment: Some("eu-west-1".into()), ..options(&[&jwt_for(GLOBEX)]) };
        let second = connect(&other, elsewhere).await;
        assert_eq!(record(&second, GLOBEX).await.unwrap().id.as_str(), "second");
    });
}

/// The cloud processes a start this many milliseconds after it arrived, and never responds to it. Returns when starts arrived.
fn cloud_that_starts_late(world: &World, delay: i64) -> Rc<RefCell<Vec<i64>>> {
    let arrivals: Rc<RefCell<Vec<i64>>> = Rc::default();
    let (log, clock) = (arrivals.clone(), world.clone());
    world.respond_async(move |request| {
        let now = clock.time();
        if request.method == "POST" {
            log.borrow_mut().push(now);
            return Box::pin(std::future::pending());
        }
        let arrivals = log.borrow();
        let started = arrivals.iter().map(|at| at + delay).enumerate().filter(|(_, at)| *at <= now);
        let recordings: Vec<_> = started.map(|(number, at)| entity(&format!("rec-{number}"), "recording", at - NOW)).collect();
        Box::pin(async move { Ok(list(&recordings)) })
    });
    arrivals
}

#[test]
fn the_lock_is_held_until_the_look_for_a_timed_out_start_ends() {
    run(async {
        let world = World::new();
        let arrivals = cloud_that_starts_late(&world, 15_800);
        let other = world.another_page_of_its_cloud();
        let (first, second) = (with_token(&world).await, with_token(&other).await);
        // The start of the first page times out after 15 s. The start of the second page waits for the lock.
        let late = async {
            world.sleep(15_250).await;
            record(&second, GLOBEX).await
        };
        let (first, second) = while_time_passes(&[&world, &other], join(record(&first, GLOBEX), late)).await;
        assert_eq!(
            (first.unwrap().id.clone(), arrivals.borrow().len()),
            (second.unwrap().id.clone(), 1),
            "both pages return the one recording"
        );
    });
}

/// The recording appears only after the abort, so the call that waited for the start must look twice.
#[test]
fn a_call_that_waited_for_an_aborted_start_finds_its_recording_late() {
    for same_page in [true, false] {
        run(async {
            let world = World::new();
            let arrivals = cloud_that_starts_late(&world, 700);
            let other = if same_page { world.clone() } else { world.another_page_of_its_cloud() };
            let first = with_token(&world).await;
            let second = with_token(&other).await;
            let second = if same_page { &first } else { &second };
            let aborted = aborted_when(world.sleep(250), async |options| first.start_recording(start_in(GLOBEX), options).await);
            let late = async {
                if same_page {
                    world.sleep(260).await;
                }
                record(second, GLOBEX).await
            };
            let (_, found) = while_time_passes(&[&world, &other], join(aborted, late)).await;
            assert_eq!((found.unwrap().id.as_str(), arrivals.borrow().len()), ("rec-0", 1));
        });
    }
}
