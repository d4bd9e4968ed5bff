//! What a start led to if its response is lost.

use std::cell::Cell;
use std::rc::Rc;

use crate::support::*;
use premium_recorder::cloud::ports::TransportError;
use premium_recorder::cloud::response::Response;
use premium_recorder::model::error::{Cause, Code};
use premium_recorder::model::time::Timestamp;
use premium_recorder::recording::State;

#[test]
fn after_a_lost_response_the_recording_is_found_and_not_started_again() {
    let ways: [fn() -> Result<Response, TransportError>; 10] = [
        || Err(lost_response("reset")),
        || Err(TransportError { status: Some(201), ..lost_response("half a response") }),
        || Ok(response(500, "")),
        || Ok(response(503, "")),
        || Ok(response(408, "")),
        || Ok(response(421, "")),
        || Ok(response(425, "")),
        || Ok(response(304, "")),
        || Ok(response(201, "<html>")),
        || Ok(response(201, r#"{"id":"rec-2","agentId":"somebody else"}"#)),
    ];
    for way in ways {
        run(async {
            let world = World::new();
            world.respond_to_starts(way, || list(&[entity("old", "stopped", -5_000), entity("ours", "recording", 40)]));
            let recorder = with_token(&world).await;
            let found = record(&recorder, GLOBEX).await.unwrap();
            assert_eq!((found.id.as_str(), &found.state, found.already_running), ("ours", &State::Recording, false));
            assert_eq!((world.starts().len(), looks(&world)), (1, 1));
            let look = world.requests().pop().unwrap();
            assert!(look.url.ends_with(&format!("/api/v2/screenrecordings?agentId={AGENT}")), "{}", look.url);
            assert_eq!((look.token, look.org.as_deref()), (jwt_for(GLOBEX), Some(GLOBEX)));
        });
    }
}

#[test]
fn a_recording_that_appears_by_the_second_look_is_found() {
    run(async {
        let world = World::new();
        let looks_so_far = Cell::new(0);
        world.respond_to_starts(
            || Err(lost_response("reset")),
            move || {
                looks_so_far.set(looks_so_far.get() + 1);
                list(&if looks_so_far.get() == 1 { vec![] } else { vec![entity("late", "recording", 900)] })
            },
        );
        let recorder = with_token(&world).await;
        let found = while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap();
        assert_eq!((found.id.as_str(), world.starts().len(), looks(&world)), ("late", 1, 2));
    });
}

#[test]
fn without_exactly_one_match_the_outcome_is_unknown() {
    type Listed = fn() -> Response;
    let cases: [(Listed, Option<usize>, &str); 9] = [
        (|| list(&[]), Some(0), "no recording of the agent."),
        (|| list(&[entity("old", "recording", -2_001)]), Some(1), "no other recording of the agent"),
        (|| list(&[entity("one", "recording", 10), entity("two", "recording", 20)]), Some(2), "several"),
        // Recordings of another agent or another organization do not count.
        (|| list(&[entity("x", "recording", 10).replace(AGENT, "another")]), Some(0), "no recording of the agent."),
        (|| list(&[entity("x", "recording", 10).replace(GLOBEX, ACME)]), Some(0), "no recording of the agent."),
        // A recording without a start time cannot be ours.
        (
            || response(200, &format!(r#"{{"entities":[{{"id":"x","agentId":"{AGENT}","state":"recording"}}]}}"#)),
            Some(1),
            "no other recording",
        ),
        (|| response(404, ""), None, "did not say"),
        (|| response(200, "[]"), None, "did not say"),
        (|| response(500, ""), None, "did not say"),
    ];
    for (listed, count, words) in cases {
        run(async {
            let world = World::new();
            world.respond_to_starts(|| Err(lost_response("reset")), listed);
            let recorder = with_token(&world).await;
            let unknown = error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await);
            assert_eq!((unknown.code, world.starts().len()), (Code::OutcomeUnknown, 1));
            assert_eq!(unknown.evidence.seen.as_ref().map(Vec::len), count, "{words}");
            assert!(unknown.message.contains(words), "{}", unknown.message);
            assert!(matches!(&unknown.evidence.cause, Some(Cause::Foreign(_))));
            assert_eq!(unknown.evidence.org_id.as_ref().unwrap().as_str(), GLOBEX);
        });
    }
}

#[test]
fn an_unknown_outcome_lists_the_recordings_in_the_clouds_words() {
    run(async {
        let world = World::new();
        world.respond_to_starts(|| Ok(response(502, "")), || list(&[entity("old", "archived", -60_000)]));
        let recorder = with_token(&world).await;
        let unknown = error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await);
        let listed = &unknown.evidence.seen.as_ref().unwrap()[0];
        assert_eq!((listed.id.as_str(), listed.state.as_str(), listed.started_at.clone()), ("old", "archived", Some(iso(-60_000))));
        assert_eq!((unknown.code, unknown.evidence.status), (Code::OutcomeUnknown, Some(502)));
    });
}

#[test]
fn a_response_with_other_names_than_the_contracts_is_shown() {
    let body = r#"{"recordingId":"recording-1","userId":"agent","status":"recording"}"#;
    for contract in ["{}", r#"{"list":null}"#] {
        run(async {
            let world = World::new();
            world.respond_to_starts(move || Ok(response(201, body)), || list(&[]));
            let recorder = connect(&world, with_contract(contract)).await;
            let unknown = error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await);
            assert_eq!((unknown.code, unknown.evidence.status), (Code::OutcomeUnknown, Some(201)));
            assert!(matches!(&unknown.evidence.cause, Some(Cause::Cloud(shown)) if shown == body));
            assert!(unknown.hint().contains("`contract.fields`"), "{}", unknown.hint());
        });
    }
}

#[test]
fn start_times_are_compared_by_the_clouds_clock() {
    for (ahead, started, is_ours) in
        [(600_000, 600_010, true), (600_000, 10, false), (-600_000, -599_990, true), (-600_000, -603_000, false)]
    {
        run(async {
            let world = World::new();
            let date = Some(Timestamp::from_millis((NOW + ahead) / 1000 * 1000));
            let ours = move || Response { date, ..list(&[entity("ours", "recording", started)]) };
            world.respond_to_starts(move || Ok(Response { date, ..response(500, "") }), ours);
            let recorder = with_token(&world).await;
            let found = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
            assert_eq!(found.is_ok(), is_ours, "{ahead} {started}");
        });
    }
}

#[test]
fn dates_that_are_hours_behind_and_do_not_agree_make_no_old_recording_ours() {
    const HOUR: i64 = 3600 * SECOND;
    // A proxy whose clock is wrong refuses the start. The list has no date, or another wrong one.
    for of_list in [None, Some(-9 * HOUR)] {
        run(async {
            let world = World::new();
            let dated = |date: i64| Some(Timestamp::from_millis(NOW + date));
            world.respond_to_starts(
                move || Ok(Response { date: dated(-5 * HOUR), ..response(503, "") }),
                move || Response { date: of_list.and_then(dated), ..list(&[entity("old", "recording", -2 * HOUR)]) },
            );
            let recorder = with_token(&world).await;
            assert_eq!(error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await).code, Code::OutcomeUnknown);
        });
    }
}

#[test]
fn after_a_timeout_the_recording_is_looked_for_for_at_most_five_seconds() {
    run(async {
        for hangs in [false, true] {
            let world = World::new();
            world.respond_async(move |request| {
                let responds = request.method == "GET" && !hangs;
                Box::pin(async move { if responds { Ok(list(&[entity("ours", "recording", 100)])) } else { std::future::pending().await } })
            });
            let recorder = with_token(&world).await;
            let ended = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
            assert_eq!(world.starts().len(), 1);
            if hangs {
                let unknown = error(ended);
                assert_eq!((unknown.code, world.time() - NOW), (Code::OutcomeUnknown, 20_000));
                assert!(matches!(&unknown.evidence.cause, Some(Cause::Error(behind)) if behind.code == Code::Timeout));
            } else {
                assert_eq!((ended.unwrap().id.as_str(), world.time() - NOW), ("ours", 15_000));
            }
        }
    });
}

#[test]
fn a_close_after_the_start_says_that_a_recording_may_be_running() {
    run(async {
        for millis in [0, 15_000] {
            let world = World::new();
            world.respond_async(|_| Box::pin(std::future::pending()));
            let recorder = with_token(&world).await;
            let close = async {
                yield_now().await;
                world.advance(millis);
                yield_now().await;
                recorder.close();
            };
            let closed = error(join(record(&recorder, GLOBEX), close).await.0);
            assert_eq!((closed.code, looks(&world)), (Code::Closed, usize::from(millis > 0)));
            assert!(closed.message.contains("may be running"), "{}", closed.message);
        }
    });
}

#[test]
fn the_recording_of_an_earlier_start_is_not_returned_for_a_later_one() {
    run(async {
        for (state, is_known) in [("recording", true), ("stopped", true), ("stopped", false)] {
            let world = World::new();
            let is_lost = Rc::new(Cell::new(false));
            let loses = is_lost.clone();
            world.respond_to_starts(
                move || if loses.get() { Err(lost_response("reset before it was carried out")) } else { Ok(created("earlier")) },
                move || list(&[entity("earlier", state, 0)]),
            );
            let recorder = with_token(&world).await;
            if is_known {
                record(&recorder, GLOBEX).await.unwrap();
            }
            is_lost.set(true);
            let unknown = error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await);
            assert_eq!((unknown.code, unknown.evidence.seen.as_ref().map(Vec::len)), (Code::OutcomeUnknown, Some(1)));
        }
    });
}

#[test]
fn lost_starts_of_different_agents_do_not_hide_each_other() {
    run(async {
        let world = World::new();
        world.respond_async(|request| {
            let agent = request.url.split("agentId=").nth(1).map(str::to_owned);
            let result = match agent {
                None => Err(lost_response("reset")),
                Some(agent) => Ok(list(&[entity(&format!("of-{agent}"), "recording", 40).replace(AGENT, &agent)])),
            };
            Box::pin(async move { result })
        });
        let recorder = with_token(&world).await;
        let start = |agent: &str| recorder.start_recording(start_of(agent, GLOBEX).unwrap(), no_options());
        let (one, two) = while_time_passes(&[&world], join(start("one"), start("two"))).await;
        assert_eq!((one.unwrap().id.as_str(), two.unwrap().id.as_str()), ("of-one", "of-two"));
    });
}

#[test]
fn a_lost_start_led_to_no_recording_whose_time_or_type_is_not_certain() {
    let of_type = |named: &str| entity("odd", "recording", 500).replace('}', &format!(r#","recordingType":{named}}}"#));
    let uncertain = [
        entity("future", "recording", 60_000),
        entity("future", "recording", 31_536_000_000),
        of_type(r#"["audio"]"#),
        of_type("7"),
        of_type(r#""audio""#),
    ];
    for listed in uncertain {
        run(async {
            let world = World::new();
            let body = listed.clone();
            world.respond_to_starts(|| Err(lost_response("reset")), move || list(std::slice::from_ref(&body)));
            let recorder = with_token(&world).await;
            assert_eq!(error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await).code, Code::OutcomeUnknown, "{listed}");
        });
    }
}

#[test]
fn a_recording_that_a_later_start_may_have_led_to_is_not_the_lost_one() {
    run(async {
        let world = World::new();
        let clock = world.clone();
        // The later start finds nothing yet.
        let listed = move || if clock.time() < NOW + 4_000 { list(&[]) } else { list(&[entity("of-the-later", "recording", 2_000)]) };
        world.respond_to_each_start(|number| (if number == 1 { 5_000 } else { 0 }, Err(lost_response("reset"))), listed);
        let recorder = with_token(&world).await;
        let later = async {
            World::sleep(&world, 1_000).await;
            recorder.start_recording(unshared_start(), no_options()).await
        };
        let (first, second) = while_time_passes(&[&world], join(recorder.start_recording(unshared_start(), no_options()), later)).await;
        assert_eq!((error(first).code, error(second).code), (Code::OutcomeUnknown, Code::OutcomeUnknown));
    });
}

#[test]
fn a_recording_that_is_listed_twice_is_one() {
    run(async {
        let world = World::new();
        let ours = entity("ours", "recording", 500);
        world.respond_to_starts(|| Err(lost_response("reset")), move || list(&[ours.clone(), ours.clone()]));
        let recorder = with_token(&world).await;
        assert_eq!(while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap().id.as_str(), "ours");
    });
}

#[test]
fn a_recording_of_another_organization_with_the_same_id_is_another() {
    run(async {
        let world = World::new();
        world.respond(|request| {
            let recording = format!(r#"{{"id":1,"agentId":"{AGENT}","state":"recording","startedAt":"{}"}}"#, iso(500));
            match request.method.as_str() {
                "POST" if request.org.as_deref() == Some(ACME) => response(201, &recording),
                "POST" => response(503, ""),
                _ => list(&[recording]),
            }
        });
        let recorder = connect(&world, options(&[&jwt_for(GLOBEX), &jwt_for(ACME)])).await;
        record(&recorder, ACME).await.unwrap();
        assert_eq!(while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap().id.as_str(), "1");
    });
}

/// The first start never reaches the cloud. The second start does, and its response is on the way.
#[test]
fn a_start_in_flight_is_not_mistaken_for_a_lost_start() {
    for (first, second) in [(unshared_start(), unshared_start()), (start_in(GLOBEX), audio_start())] {
        run(async {
            let world = World::new();
            let started = |number| match number {
                1 => (250, Err(lost_response("reset before the cloud received the request"))),
                _ => (10 * SECOND, Ok(created("second"))),
            };
            world.respond_to_each_start(started, || list(&[entity("second", "recording", 5)]));
            let recorder = with_token(&world).await;
            let calls = join(recorder.start_recording(first, no_options()), recorder.start_recording(second, no_options()));
            let (first, second) = while_time_passes(&[&world], calls).await;
            assert_eq!((error(first).code, second.unwrap().id.as_str()), (Code::OutcomeUnknown, "second"));
        });
    }
}

#[test]
fn a_call_whose_late_look_finds_nothing_gets_the_recording_of_a_response_that_came_meanwhile() {
    run(async {
        let world = World::new();
        world.respond_to_each_start(|_| (1_500, Ok(created("rec-1"))), || list(&[]));
        let recorder = with_token(&world).await;
        let started = while_time_passes(&[&world], recorder.start_recording(start_in(GLOBEX), with_timeout(1_000))).await.unwrap();
        assert_eq!((started.id.as_str(), started.already_running), ("rec-1", false));
        assert_eq!(world.spawned_tasks(), 0);
    });
}
