//! Calls of one recorder for the same agent, which are merged into one start.

use std::cell::Cell;
use std::rc::Rc;

use crate::support::*;
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use premium_recorder::cloud::call::CallError;
use premium_recorder::cloud::signal::Signal;
use premium_recorder::model::error::Code;
use premium_recorder::recording::page_starts::PageStarts;
use premium_recorder::recording::start::Start;

#[test]
fn concurrent_calls_for_one_agent_are_merged_into_one_start() {
    run(async {
        let world = World::new();
        let releases = world.respond_to_starts_when_released();
        let recorder = with_token(&world).await;
        let calls = join_all((0..20).map(|_| record(&recorder, GLOBEX)));
        let (started, ()) = join(calls, async { releases.borrow_mut().remove(0).send() }).await;
        assert!(started.into_iter().all(|started| started.unwrap().id.as_str() == "rec-1"));
        assert_eq!(world.requests().len(), 1);
    });
}

#[test]
fn different_unshared_and_later_calls_are_not_merged() {
    run(async {
        let world = World::new();
        world.respond_async(|_| {
            Box::pin(async {
                yield_now().await;
                Ok(response(201, r#"{"id":"rec","state":"recording"}"#))
            })
        });
        let recorder = connect(&world, options(&[&jwt_for(GLOBEX), &jwt_for(ACME)])).await;
        let of = |agent: &str, org: &str, kind: Option<&str>| new_start(agent, Some(org), kind.map(str::to_owned)).unwrap();
        let starts = [
            of(AGENT, GLOBEX, None),
            of("another", GLOBEX, None),
            of(AGENT, ACME, None),
            of(AGENT, GLOBEX, Some("audio")),
            unshared_start(),
            unshared_start(),
        ];
        let calls = join_all(starts.into_iter().map(|start| recorder.start_recording(start, no_options())));
        assert!(calls.await.iter().all(Result::is_ok));
        assert_eq!(world.starts().len(), 6);
        record(&recorder, GLOBEX).await.unwrap();
        assert_eq!((world.starts().len(), looks(&world)), (7, 0));
    });
}

#[test]
fn a_recording_type_in_another_case_is_the_same_recording() {
    run(async {
        let world = World::new();
        let releases = world.respond_to_starts_when_released();
        let recorder = with_token(&world).await;
        let of = |kind: &str| new_start(AGENT, Some(GLOBEX), Some(kind.to_owned())).unwrap();
        let calls = join_all(["Screen", "screen", "SCREEN"].map(|kind| recorder.start_recording(of(kind), no_options())));
        let held_while_sent = async {
            let held = world.held_locks();
            releases.borrow_mut().drain(..).for_each(|release| release.send());
            held
        };
        let (started, held) = join(calls, held_while_sent).await;
        assert!(started.into_iter().all(|started| started.unwrap().id.as_str() == "rec-1"));
        // The request has the app's spelling.
        let bodies: Vec<_> = world.starts().iter().map(|start| start.body.clone().unwrap()).collect();
        assert!(bodies.len() == 1 && bodies[0].contains(r#""Screen""#), "{bodies:?}");
        assert!(held.contains(&lock_name()), "{held:?}");
    });
}

#[test]
fn starts_of_two_recording_apis_are_two_even_if_their_recordings_have_the_same_id() {
    run(async {
        let world = World::new();
        let page = PageStarts::default();
        let recorder = with_token_in(&page, &world).await;
        let monitor = connect_in(&page, &world, with_contract(r#"{"path":"/api/v2/screenmonitors"}"#)).await;
        // Each API has its own recordings, and calls the first one 1.
        let cloud = world.clone();
        world.respond_async(move |request| {
            let is_start = request.method == "POST";
            let response = match request.url.contains("?agentId=") {
                _ if is_start => created("1"),
                true => list(&[]),
                false => response(404, r#"{"code":"not.found"}"#),
            };
            let answered = cloud.sleep(if is_start { 100 } else { 0 });
            Box::pin(async move {
                answered.await;
                Ok(response)
            })
        });
        for _ in 0..2 {
            let both = join(record(&monitor, GLOBEX), record(&recorder, GLOBEX));
            let (one, other) = while_time_passes(&[&world], both).await;
            for started in [one.unwrap(), other.unwrap()] {
                assert_eq!((started.id.as_str(), started.already_running), ("1", false));
            }
        }
        let starts_of = |api: &str| world.starts().iter().filter(|start| start.url.ends_with(api)).count();
        assert_eq!((starts_of("/api/v2/screenmonitors"), starts_of("/api/v2/screenrecordings")), (2, 2));
    });
}

#[test]
fn an_unknown_outcome_at_one_recording_api_keeps_back_no_start_at_another() {
    run(async {
        let world = World::new();
        let page = PageStarts::default();
        let recorder = with_token_in(&page, &world).await;
        let monitor = connect_in(&page, &world, with_contract(r#"{"path":"/api/v2/screenmonitors"}"#)).await;
        world.respond_async(|request| {
            let is_lost = request.method == "POST" && request.url.contains("/screenmonitors");
            let is_list = request.url.contains("?agentId=");
            let response = if is_list { response(200, r#"{"entities":[],"total":1}"#) } else { created("1") };
            Box::pin(async move { if is_lost { Err(lost_response("reset")) } else { Ok(response) } })
        });
        assert_eq!(error(while_time_passes(&[&world], record(&monitor, GLOBEX)).await).code, Code::OutcomeUnknown);
        let started = record(&recorder, GLOBEX).await.unwrap();
        assert_eq!((started.id.as_str(), started.already_running), ("1", false));
        assert_eq!(error(while_time_passes(&[&world], record(&monitor, GLOBEX)).await).code, Code::OutcomeUnknown);
    });
}

#[test]
fn an_abort_or_a_timeout_of_one_call_does_not_end_the_merged_start() {
    run(async {
        let world = World::new();
        let releases = world.respond_to_starts_when_released();
        let recorder = with_token(&world).await;
        let signal = Signal::default();
        // The first call sends the start, and is aborted.
        let first = recorder.start_recording(start_in(GLOBEX), with_signal(&signal));
        let impatient = recorder.start_recording(start_in(GLOBEX), with_timeout(300));
        let others = async {
            signal.abort();
            yield_now().await;
            world.advance(300);
            yield_now().await;
            releases.borrow_mut().remove(0).send();
        };
        let ((first, impatient), (second, ())) = join(join(first, impatient), join(record(&recorder, GLOBEX), others)).await;
        assert!(matches!(first, Err(CallError::Aborted)));
        // The second call has timed out, and has looked for the recording.
        assert_eq!(impatient.unwrap().id.as_str(), "rec-1");
        assert_eq!(second.unwrap().id.as_str(), "rec-1");
        assert_eq!(world.starts().len(), 1);
    });
}

#[test]
fn a_merged_start_goes_on_whichever_of_its_calls_is_aborted() {
    run(async {
        for aborted in [0, 1] {
            let world = World::new();
            let releases = world.respond_to_starts_when_released();
            let recorder = with_token(&world).await;
            let signals = [Signal::default(), Signal::default()];
            // Each call is a task of its own, and the response wakes only one of them.
            let calls: FuturesOrdered<_> =
                signals.iter().map(|signal| recorder.start_recording(start_in(GLOBEX), with_signal(signal))).collect();
            let others = async {
                signals[aborted].abort();
                yield_now().await;
                releases.borrow_mut().remove(0).send();
            };
            let (results, ()) = while_time_passes(&[&world], join(calls.collect::<Vec<_>>(), others)).await;
            assert!(matches!(results[aborted], Err(CallError::Aborted)));
            assert_eq!(results[1 - aborted].as_ref().unwrap().id.as_str(), "rec-1");
            assert_eq!((world.starts().len(), looks(&world)), (1, 0));
        }
    });
}

/// While a start waits for its token, another page may have started the recording.
#[test]
fn each_call_of_a_merged_start_looks_for_it_when_its_own_time_is_over() {
    run(async {
        let world = World::new();
        world.never_respond_to_the_first_start(|| list(&[entity("rec-1", "recording", 100)]));
        let recorder = with_token(&world).await;
        let [first, second] = [1_000, 3_000].map(|millis| recorder.start_recording(start_in(GLOBEX), with_timeout(millis)));
        let (first, second) = while_time_passes(&[&world], join(first, second)).await;
        assert_eq!((first.unwrap().id.as_str(), second.unwrap().id.as_str()), ("rec-1", "rec-1"));
        assert_eq!((world.starts().len(), looks(&world)), (1, 2));
    });
}

#[test]
fn a_merged_start_that_one_call_has_found_blocks_no_later_start_when_the_other_call_is_aborted() {
    run(async {
        let world = World::new();
        world.never_respond_to_the_first_start(|| list(&[entity("rec-1", "recording", 100)]));
        let recorder = with_token(&world).await;
        let signal = Signal::default();
        let first = recorder.start_recording(start_in(GLOBEX), with_timeout(1_000));
        let second = recorder.start_recording(start_in(GLOBEX), with_signal(&signal));
        let abort = async {
            world.sleep(2_000).await;
            signal.abort();
        };
        let (first, (second, ())) = while_time_passes(&[&world], join(first, join(second, abort))).await;
        assert_eq!(first.unwrap().id.as_str(), "rec-1");
        assert!(matches!(second, Err(CallError::Aborted)));
        world.run_spawned();
        // Nothing keeps the next start waiting.
        let third = recorder.start_recording(Start { shares: true, ..start_in(GLOBEX) }, with_timeout(1_000));
        assert_eq!(while_time_passes(&[&world], third).await.unwrap().id.as_str(), "second");
        assert_eq!(looks(&world), 1);
    });
}

#[test]
fn a_call_does_not_join_a_start_whose_recording_was_found_and_stopped() {
    run(async {
        let world = World::new();
        let (clock, is_stopped, sent) = (world.clone(), Rc::new(Cell::new(false)), Cell::new(0));
        world.respond_async(move |request| {
            let state = if is_stopped.get() || request.method == "PATCH" { "stopped" } else { "recording" };
            match request.method.as_str() {
                "PATCH" => {
                    is_stopped.set(true);
                    Box::pin(async move { Ok(response(200, &entity("rec-1", state, 0))) })
                }
                "POST" => {
                    sent.set(sent.get() + 1);
                    let (delay, id, clock) = (if sent.get() == 1 { 10_000 } else { 0 }, format!("rec-{}", sent.get()), clock.clone());
                    Box::pin(async move {
                        World::sleep(&clock, delay).await;
                        Ok(created(&id))
                    })
                }
                _ => Box::pin(async move { Ok(list(&[entity("rec-1", state, 0)])) }),
            }
        });
        let recorder = with_token(&world).await;
        let stopped_and_started = async {
            let found = recorder.start_recording(start_in(GLOBEX), with_timeout(2_000)).await.unwrap();
            recorder.stop(&found.id, &found.org, Some(&found.agent), no_options()).await.unwrap();
            (found, record(&recorder, GLOBEX).await.unwrap())
        };
        let ((found, next), merged) = while_time_passes(&[&world], join(stopped_and_started, record(&recorder, GLOBEX))).await;
        assert_eq!((found.id.as_str(), merged.unwrap().id.as_str(), next.id.as_str()), ("rec-1", "rec-1", "rec-2"));
        assert_eq!(world.starts().len(), 2);
    });
}

#[test]
fn a_merged_start_that_is_sent_again_after_one_call_has_found_it_is_remembered() {
    run(async {
        let world = World::new();
        let clock = world.clone();
        let listed = move || if clock.time() < NOW + 1_000 { list(&[entity("rec-1", "recording", 2)]) } else { list(&[]) };
        world.respond_to_each_start(|number| (if number == 1 { 10 } else { 600_000 }, Ok(response(429, ""))), listed);
        let recorder = with_token(&world).await;
        let [first, second] = [5, 6_000].map(|millis| recorder.start_recording(start_in(GLOBEX), with_timeout(millis)));
        let (first, second) = while_time_passes(&[&world], join(first, second)).await;
        assert_eq!((first.unwrap().id.as_str(), error(second).code), ("rec-1", Code::OutcomeUnknown));
        // The second request may still lead to a recording.
        let third = recorder.start_recording(start_in(GLOBEX), with_timeout(2_000));
        assert_eq!(error(while_time_passes(&[&world], third).await).code, Code::Timeout);
        assert_eq!(world.starts().len(), 2);
    });
}

#[test]
fn calls_that_wait_for_the_same_token_are_merged_into_one_start() {
    run(async {
        let world = World::new();
        world.disable_locks().respond(|_| created("rec-1"));
        let release = world.issue_when_released(|_| true);
        let recorder = connect(&world, options(&[])).await;
        let release_later = async {
            yield_now().await;
            release.send();
        };
        let (both, ()) = join(join(record(&recorder, GLOBEX), record(&recorder, GLOBEX)), release_later).await;
        assert!(both.0.is_ok() && both.1.is_ok());
        assert_eq!(world.starts().len(), 1);
    });
}

#[test]
fn starts_whose_agent_and_type_read_alike_side_by_side_are_two() {
    run(async {
        let world = World::new();
        world.respond_after(1_000, || response(201, r#"{"id":"r","state":"recording"}"#));
        let recorder = with_token(&world).await;
        let start = |agent: &str, kind: &str| {
            recorder.start_recording(new_start(agent, Some(GLOBEX), Some(kind.to_owned())).unwrap(), no_options())
        };
        let (_, second) = while_time_passes(&[&world], join(start("a b", "screen"), start("a", "b screen"))).await;
        assert_eq!((second.unwrap().agent.as_str(), world.starts().len()), ("a", 2));
    });
}

#[test]
fn agent_ids_that_differ_only_in_case_are_merged_into_one_start() {
    run(async {
        let world = World::new();
        world.respond_after(250, || response(201, CREATED));
        let recorder = with_token(&world).await;
        let [lower, upper] = ["aaaaaaaa-1111-4000-8000-000000000001", "AAAAAAAA-1111-4000-8000-000000000001"]
            .map(|agent| recorder.start_recording(start_of(agent, GLOBEX).unwrap(), no_options()));
        let (lower, upper) = while_time_passes(&[&world], join(lower, upper)).await;
        assert_eq!((lower.unwrap().id.clone(), world.starts().len()), (upper.unwrap().id.clone(), 1));
    });
}
