//! Starts of other recorders of the page while one is in flight, also after its call has ended.

use crate::support::*;
use premium_recorder::cloud::ports::TransportError;
use premium_recorder::cloud::response::Response;
use premium_recorder::cloud::signal::Signal;
use premium_recorder::model::error::Code;
use premium_recorder::recorder::settings::Options;
use premium_recorder::recording::page_starts::PageStarts;

/// The cloud carries a start out after this many milliseconds, if at all, and answers then.
fn cloud_that_answers_late(world: &World, delay: i64, result: fn() -> SendResult) {
    let clock = world.clone();
    let listed = move || match result() {
        Ok(sent) if sent.status == 201 && clock.time() >= NOW + delay => list(&[entity("first", "recording", delay)]),
        _ => list(&[]),
    };
    let second = || Ok(response(201, r#"{"id":"second","state":"recording"}"#));
    world.respond_to_each_start(move |number| if number == 1 { (delay, result()) } else { (0, second()) }, listed);
}

#[test]
fn another_recorder_of_the_page_finds_the_recording_of_a_start_that_was_left_in_flight() {
    each_way_to_leave(async |world, page, closes| {
        cloud_that_answers_late(world, 3_000, || Ok(created("first")));
        let one = with_token_in(page, world).await;
        leave_in_flight(&one, closes).await;
        let other = with_token_in(page, world).await;
        let found = while_time_passes(&[world], record(&other, GLOBEX)).await.unwrap();
        assert_eq!((found.id.as_str(), world.starts().len()), ("first", 1));
        world.run_spawned();
        assert!(world.held_locks().is_empty());
    });
}

#[test]
fn another_recorder_of_the_page_sends_its_start_after_the_fetch_of_an_earlier_one_has_settled() {
    let ways: [fn() -> Result<Response, TransportError>; 3] =
        [|| Err(lost_response("reset")), || Ok(response(503, "")), || Ok(response(400, ""))];
    for way in ways {
        each_way_to_leave(async |world, page, closes| {
            cloud_that_answers_late(world, 3_000, way);
            let one = with_token_in(page, world).await;
            leave_in_flight(&one, closes).await;
            let other = with_token_in(page, world).await;
            let impatient = other.start_recording(start_in(GLOBEX), with_timeout(2_000));
            let timed_out = error(while_time_passes(&[world], impatient).await);
            assert_eq!((timed_out.code, world.starts().len()), (Code::Timeout, 1));
            assert!(
                timed_out.message.contains("earlier start of this page for the agent has not ended")
                    && timed_out.hint().contains("recordings()"),
                "{timed_out:?}"
            );
            let started = while_time_passes(&[world], record(&other, GLOBEX)).await.unwrap();
            assert_eq!((started.id.as_str(), world.starts().len()), ("second", 2));
            assert!(world.time() - NOW >= 3_000);
        });
    }
}

#[test]
fn a_fetch_that_never_settles_is_given_up_in_the_end() {
    each_way_to_leave(async |world, page, closes| {
        cloud_that_answers_late(world, NEVER, || Err(lost_response("never")));
        let one = with_token_in(page, world).await;
        leave_in_flight(&one, closes).await;
        let other = with_token_in(page, world).await;
        assert_eq!(error(while_time_passes(&[world], record(&other, GLOBEX)).await).code, Code::Timeout);
        assert_eq!((world.starts().len(), world.time() - NOW), (1, 15_000));
        world.advance(300_000);
        assert_eq!(while_time_passes(&[world], record(&other, GLOBEX)).await.unwrap().id.as_str(), "second");
        assert_eq!(world.spawned_tasks(), 0);
    });
}

#[test]
fn only_a_start_of_the_same_recording_waits_for_an_earlier_one_of_the_page() {
    each_way_to_leave(async |world, page, closes| {
        cloud_that_answers_late(world, NEVER, || Err(lost_response("never")));
        let one = with_token_in(page, world).await;
        leave_in_flight(&one, closes).await;
        let other = connect_in(page, world, options(&[&jwt_for(GLOBEX), &jwt_for(ACME)])).await;
        let alone = unshared_start();
        let another = start_of("another", GLOBEX).unwrap();
        for start in [audio_start(), another, start_in(ACME), alone] {
            assert_eq!(other.start_recording(start, no_options()).await.unwrap().id.as_str(), "second");
        }
        let elsewhere = Options { environment: Some("eu-west-1".into()), ..options(&[&jwt_for(GLOBEX)]) };
        let elsewhere = connect_in(page, world, elsewhere).await;
        assert_eq!(record(&elsewhere, GLOBEX).await.unwrap().id.as_str(), "second");
    });
}

#[test]
fn a_start_that_shares_nothing_keeps_the_others_waiting_while_it_is_in_flight() {
    for way in ["runs", "is aborted", "is closed", "is dropped"] {
        for has_locks in [true, false] {
            run(async {
                let world = World::new();
                if !has_locks {
                    world.disable_locks();
                }
                world.never_respond_to_the_first_start(|| list(&[]));
                let page = PageStarts::default();
                let one = with_token_in(&page, &world).await;
                let signal = Signal::default();
                let own = unshared_start();
                let mut call = Box::pin(one.start_recording(own, with_signal(&signal)));
                assert!(poll_once(call.as_mut()).await.is_pending());
                match way {
                    "is aborted" => signal.abort(),
                    "is closed" => one.close(),
                    _ => {}
                }
                match way {
                    "is dropped" => drop(call),
                    "runs" => {}
                    _ => drop(call.await),
                }
                let other = with_token_in(&page, &world).await;
                let waits = while_time_passes(&[&world], other.start_recording(start_in(GLOBEX), with_timeout(6_000))).await;
                assert_eq!((error(waits).code, world.starts().len()), (Code::Timeout, 1), "{way}");
                let own = unshared_start();
                other.start_recording(own, no_options()).await.unwrap();
                assert_eq!(world.starts().len(), 2, "a start of its own waits for none");
            });
        }
    }
}

/// One recorder starts, and the recording begins after 0.2 s. Another recorder starts at 3 s, the first is answered at 5 s.
/// Returns how many starts were sent, and what the other recorder's start led to.
fn start_during_another(state: &'static str, is_tab: bool) -> (usize, Result<String, Code>) {
    run(async {
        let world = World::new();
        let recording = move || entity("first", state, 200);
        let started = move |number| if number == 1 { (5_000, Ok(response(201, &recording()))) } else { (0, Ok(created("second"))) };
        world.respond_to_each_start(started, move || list(&[recording()]));
        let page = PageStarts::default();
        let one = with_token_in(&page, &world).await;
        let (there, others_page) =
            if is_tab { (world.another_page_of_its_cloud(), PageStarts::default()) } else { (world.clone(), page.clone()) };
        let other = with_token_in(&others_page, &there).await;
        let later = async {
            World::sleep(&world, 3_000).await;
            record(&other, GLOBEX).await
        };
        let worlds: &[&World] = if is_tab { &[&world, &there] } else { &[&world] };
        let (_, second) = while_time_passes(worlds, join(record(&one, GLOBEX), later)).await;
        let starts = world.starts().len() + if is_tab { there.starts().len() } else { 0 };
        (starts, second.map(|recording| recording.id.as_str().to_owned()).map_err(|error| self::error::<()>(Err(error)).code))
    })
}

#[test]
fn a_start_that_waits_for_another_sends_nothing_whatever_the_cloud_calls_the_state() {
    for state in ["recording", "RECORDING", "pending"] {
        assert_eq!(start_during_another(state, false), (1, Ok("first".to_owned())), "{state}");
    }
    assert_eq!(start_during_another("recording", true), (1, Ok("first".to_owned())));
    // When the other tab has sent its start is not known here.
    assert_eq!(start_during_another("pending", true), (1, Err(Code::OutcomeUnknown)));
}

#[test]
fn a_start_whose_response_is_lost_finds_the_recording_that_a_waiting_start_has_found() {
    run(async {
        let world = World::new();
        world.respond_to_each_start(|_| (4_000, Err(lost_response("reset"))), || list(&[entity("rec-1", "recording", 100)]));
        let page = PageStarts::default();
        let one = with_token_in(&page, &world).await;
        let other = with_token_in(&page, &world).await;
        let (sent, waited) = while_time_passes(&[&world], join(record(&one, GLOBEX), record(&other, GLOBEX))).await;
        assert_eq!((sent.unwrap().id.as_str(), waited.unwrap().id.as_str()), ("rec-1", "rec-1"));
        assert_eq!(world.starts().len(), 1);
    });
}

/// A cloud that answers the first start after a second, later ones at once, and any other request with `listed`.
fn cloud_that_lists(world: &World, listed: fn() -> Response) {
    world.respond_to_each_start(|number| (if number == 1 { 1_000 } else { 0 }, Ok(created(&format!("rec-{number}")))), listed);
}

/// A contract, and what its list answers.
type ListOf = (&'static str, fn() -> Response);

/// Lists that do not show a recording that has just begun.
const BLIND_LISTS: [ListOf; 3] =
    [("{}", || list(&[])), ("{}", || response(403, r#"{"code":"missing.any.permissions"}"#)), (r#"{"list":null}"#, || response(404, ""))];

#[test]
fn starts_of_three_recorders_of_a_page_at_the_same_time_are_one_whatever_the_list_says() {
    for (contract, listed) in BLIND_LISTS {
        run(async {
            let world = World::new();
            cloud_that_lists(&world, listed);
            let page = PageStarts::default();
            let mut recorders = Vec::new();
            for _ in 0..3 {
                recorders.push(connect_in(&page, &world, with_contract(contract)).await);
            }
            let all = while_time_passes(&[&world], join_all(recorders.iter().map(|recorder| record(recorder, GLOBEX)))).await;
            let all: Vec<_> =
                all.into_iter().map(Result::unwrap).map(|found| (found.id.as_str().to_owned(), found.already_running)).collect();
            assert_eq!(all, [false, true, true].map(|runs| ("rec-1".to_owned(), runs)));
            assert_eq!(world.starts().len(), 1);
            // A later call starts again.
            assert_eq!(record(&recorders[0], GLOBEX).await.unwrap().id.as_str(), "rec-2");
        });
    }
}

#[test]
fn a_start_that_waits_for_one_that_was_left_gets_its_recording_whatever_the_list_says() {
    for (contract, listed) in BLIND_LISTS {
        each_way_to_leave(async |world, page, closes| {
            cloud_that_lists(world, listed);
            let one = connect_in(page, world, with_contract(contract)).await;
            leave_in_flight(&one, closes).await;
            let other = connect_in(page, world, with_contract(contract)).await;
            let found = while_time_passes(&[world], record(&other, GLOBEX)).await.unwrap();
            // It began since this call did.
            assert_eq!((found.id.as_str(), found.already_running, world.starts().len()), ("rec-1", false, 1), "{contract}");
        });
    }
}

#[test]
fn a_start_does_not_take_a_recording_that_was_known_before_it_began() {
    run(async {
        let world = World::new();
        let clock = world.clone();
        let state = move || if clock.time() - NOW < 1_500 { "recording" } else { "stopped" };
        world.respond_to_each_start(|_| (4_000, Ok(created("rec-1"))), move || list(&[entity("rec-1", state(), 0)]));
        let page = PageStarts::default();
        let one = with_token_in(&page, &world).await;
        let other = with_token_in(&page, &world).await;
        let patient = record(&one, GLOBEX);
        let impatient = one.start_recording(start_in(GLOBEX), with_timeout(1_000));
        let later = async {
            world.sleep(2_000).await;
            record(&other, GLOBEX).await
        };
        let (first, second, third) = while_time_passes(&[&world], futures::future::join3(patient, impatient, later)).await;
        assert_eq!((first.unwrap().id.as_str(), second.unwrap().id.as_str()), ("rec-1", "rec-1"));
        // The recording was known to run a second after the first start, and has stopped since.
        assert!(third.is_err() || world.starts().len() == 2, "{third:?}");
    });
}
