//! Starting a recording once: lost responses, conflicts, and concurrent calls in one page or several.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::support::*;
use futures::FutureExt;
use premium_recorder::auth::ports::Locks;
use premium_recorder::cloud::call::CallError;
use premium_recorder::cloud::ports::Timer;
use premium_recorder::cloud::ports::TransportError;
use premium_recorder::cloud::response::{RateLimit, Response};
use premium_recorder::cloud::signal::Signal;
use premium_recorder::model::error::{Cause, Code};
use premium_recorder::model::time::Timestamp;
use premium_recorder::recorder::settings::Options;
use premium_recorder::recording::page_starts::PageStarts;
use premium_recorder::recording::start::Start;
use premium_recorder::recording::{Recording, State};

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
fn start_times_are_compared_by_the_clouds_clock() {
    for (ahead, started, is_ours) in
        [(600_000, 600_010, true), (600_000, 10, false), (-600_000, -599_990, true), (-600_000, -603_000, false)]
    {
        run(async {
            let world = World::new();
            world.respond_async(move |request| {
                let is_start = request.method == "POST";
                let response = if is_start { response(500, "") } else { list(&[entity("ours", "recording", started)]) };
                let date = Timestamp::from_millis((NOW + ahead) / 1000 * 1000);
                Box::pin(async move { Ok(Response { date: Some(date), ..response }) })
            });
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
fn a_single_date_that_is_years_ahead_makes_no_recent_recording_an_old_one() {
    run(async {
        let world = World::new();
        let looks = Cell::new(0);
        let listed = move || match looks.replace(looks.get() + 1) {
            0 | 1 => list(&[]),
            look => {
                let date = (look == 2).then(|| Timestamp::from_millis(NOW + 20 * 365 * 86_400 * SECOND));
                Response { date, ..list(&[entity("ours", "pending", 200)]) }
            }
        };
        world.respond_to_starts(|| Ok(response(503, "")), listed);
        let recorder = with_token(&world).await;
        for _ in 0..2 {
            assert_eq!(error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await).code, Code::OutcomeUnknown);
        }
        assert_eq!(world.starts().len(), 1);
    });
}

#[test]
fn a_recording_that_began_before_the_machine_slept_is_not_taken_for_an_older_one() {
    run(async {
        let world = World::new();
        let clock = world.clone();
        world.respond_async(move |request| {
            let (is_start, clock) = (request.method == "POST", clock.clone());
            Box::pin(async move {
                if is_start {
                    World::sleep(&clock, 1_000).await;
                    // The machine sleeps for a minute, in which the monotonic clock stands still.
                    clock.shift_wall_clock(60_000);
                    return Err(lost_response("reset"));
                }
                Ok(Response { date: Some(clock.wall_clock()), ..list(&[entity("ours", "starting", 300)]) })
            })
        });
        let recorder = with_token(&world).await;
        // The cloud's clock is known before the machine sleeps.
        recorder.recordings(None, None, no_options()).await.unwrap();
        for _ in 0..2 {
            assert_eq!(error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await).code, Code::OutcomeUnknown);
        }
        assert_eq!(world.starts().len(), 1);
    });
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
fn a_conflict_returns_the_running_recording() {
    run(async {
        let world = World::new();
        let listed = || list(&[entity("a", "recording", -90_000), entity("b", "recording", -60_000), entity("c", "stopped", -10)]);
        world.respond_to_starts(|| Ok(response(409, r#"{"code":"conflict","message":"being recorded"}"#)), listed);
        let recorder = with_token(&world).await;
        let running = record(&recorder, GLOBEX).await.unwrap();
        assert_eq!((running.id.as_str(), running.already_running, running.started_at), ("b", true, Some(iso(-60_000))));
        assert_eq!((world.starts().len(), looks(&world)), (1, 1));
    });
}

#[test]
fn a_conflict_without_a_running_recording_is_an_error() {
    for (status, body, listed) in [
        (409, "", r#"{"entities":[]}"#.to_owned()),
        (409, "", format!(r#"{{"entities":[{}]}}"#, entity("x", "stopped", 0))),
        // An unknown state does not count as running.
        (409, "", format!(r#"{{"entities":[{}]}}"#, entity("x", "paused", 0))),
        (409, "", "no list".to_owned()),
        (
            403,
            r#"{"code":"conversation.error.forbidden.not.active.participant"}"#,
            format!(r#"{{"entities":[{}]}}"#, entity("x", "recording", 0)),
        ),
    ] {
        run(async {
            let world = World::new();
            world.respond_to_starts(move || Ok(response(status, body)), move || response(200, &listed));
            let recorder = with_token(&world).await;
            let refused = error(record(&recorder, GLOBEX).await);
            assert_eq!((refused.code, refused.evidence.status, world.starts().len()), (Code::Conflict, Some(status), 1));
        });
    }
}

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
        let of = |agent: &str, org: &str, kind: Option<&str>| Start::new(agent, Some(org), kind.map(str::to_owned)).unwrap();
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
        let of = |kind: &str| Start::new(AGENT, Some(GLOBEX), Some(kind.to_owned())).unwrap();
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

/// While a start waits for its token, another page may have started the recording.
#[test]
fn each_call_of_a_merged_start_looks_for_it_when_its_own_time_is_over() {
    run(async {
        let world = World::new();
        world.respond_async(|request| match request.method.as_str() {
            "POST" => Box::pin(std::future::pending()),
            _ => Box::pin(async { Ok(list(&[entity("rec-1", "recording", 100)])) }),
        });
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
        let sent = Cell::new(0);
        world.respond_async(move |request| {
            if request.method != "POST" {
                return Box::pin(async { Ok(list(&[entity("rec-1", "recording", 100)])) });
            }
            sent.set(sent.get() + 1);
            if sent.get() == 1 { Box::pin(std::future::pending()) } else { Box::pin(async { Ok(created("rec-2")) }) }
        });
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
        assert_eq!(while_time_passes(&[&world], third).await.unwrap().id.as_str(), "rec-2");
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
        let (sent, clock) = (Cell::new(0), world.clone());
        world.respond_async(move |request| {
            if request.method != "POST" {
                let listed = if clock.time() < NOW + 1_000 { list(&[entity("rec-1", "recording", 2)]) } else { list(&[]) };
                return Box::pin(async { Ok(listed) });
            }
            sent.set(sent.get() + 1);
            let (is_first, clock) = (sent.get() == 1, clock.clone());
            Box::pin(async move {
                World::sleep(&clock, if is_first { 10 } else { 600_000 }).await;
                Ok(response(429, ""))
            })
        });
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
fn a_start_that_waited_for_its_token_looks_first() {
    run(async {
        for (listed, sends) in [(Some("theirs"), 0), (None, 1)] {
            let world = World::new();
            let release = world.issue_when_released(|_| true);
            world.respond_to_starts(
                || Ok(created("own")),
                move || list(&listed.map(|id| entity(id, "recording", 500)).into_iter().collect::<Vec<_>>()),
            );
            let recorder = connect(&world, options(&[])).await;
            let (recording, ()) = join(record(&recorder, GLOBEX), async { release.send() }).await;
            let recording = recording.unwrap();
            assert_eq!((recording.id.as_str(), recording.already_running), (listed.unwrap_or("own"), false));
            assert_eq!((world.starts().len(), looks(&world)), (sends, 1));
            // With a stored token, a start does not look first.
            let _ = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
            let methods: Vec<_> = world.requests().into_iter().map(|request| request.method).collect();
            assert_eq!(methods[sends + 1], "POST", "{methods:?}");
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
fn after_an_unknown_outcome_the_next_start_looks_first() {
    run(async {
        for way in ["aborted", "unknown", "too long"] {
            let world = World::new();
            let is_there = Rc::new(Cell::new(false));
            let listed = is_there.clone();
            world.respond_async(move |request| {
                let is_start = request.method == "POST";
                let listed = list(&if listed.get() { vec![entity("ours", "recording", 0)] } else { vec![] });
                Box::pin(async move {
                    match way {
                        _ if !is_start => Ok(listed),
                        "unknown" => Ok(response(503, "")),
                        _ => std::future::pending().await,
                    }
                })
            });
            let recorder = with_token(&world).await;
            if way == "aborted" {
                leave(&recorder).await;
            } else {
                assert_eq!(error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await).code, Code::OutcomeUnknown);
            }
            is_there.set(true);
            world.advance(60_000);
            let found = record(&recorder, GLOBEX).await.unwrap();
            assert_eq!((found.id.as_str(), found.already_running, world.starts().len()), ("ours", true, 1), "{way}");
            // The next start does not look first, unless the fetch of the first one may still lead to a recording.
            world.run_spawned();
            let _ = while_time_passes(&[&world], recorder.start_recording(start_in(GLOBEX), with_timeout(2_000))).await;
            assert_eq!(world.starts().len(), if way == "unknown" { 2 } else { 1 }, "{way}");
        }
    });
}

#[test]
fn after_an_unknown_outcome_the_next_start_looks_twice_a_second_apart() {
    run(async {
        let world = World::new();
        let (clock, ours) = (world.clone(), entity("ours", "recording", 0));
        world.respond_to_starts(
            || Ok(response(503, "")),
            move || list(if clock.time() < NOW + 61_000 { &[] } else { std::slice::from_ref(&ours) }),
        );
        let recorder = with_token(&world).await;
        assert_eq!(error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await).code, Code::OutcomeUnknown);
        world.advance(NOW + 60_000 - world.time());
        let found = while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap();
        assert_eq!((found.id.as_str(), world.starts().len()), ("ours", 1));
    });
}

#[test]
fn each_agents_unknown_outcome_is_remembered() {
    run(async {
        let world = World::new();
        let is_lost = Rc::new(Cell::new(true));
        let lost = is_lost.clone();
        world.respond_to_starts(move || if lost.get() { Err(lost_response("reset")) } else { Ok(response(201, CREATED)) }, || list(&[]));
        let recorder = with_token(&world).await;
        let start = |agent: &str| recorder.start_recording(start_of(agent, GLOBEX).unwrap(), no_options());
        for agent in ["one", "two", "one", "two"] {
            assert_eq!(error(while_time_passes(&[&world], start(agent)).await).code, Code::OutcomeUnknown);
        }
        is_lost.set(false);
        for agent in ["one", "two"] {
            let before = world.requests().len();
            while_time_passes(&[&world], start(agent)).await.unwrap();
            assert_eq!(world.requests()[before].method, "GET", "{agent} is looked for first");
        }
    });
}

#[test]
fn a_recording_that_has_stopped_is_not_the_lost_one() {
    run(async {
        let world = World::new();
        world.respond_to_starts(|| Err(lost_response("reset")), || list(&[entity("over", "stopped", 40)]));
        let recorder = with_token(&world).await;
        assert_eq!(error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await).code, Code::OutcomeUnknown);
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
fn after_an_unsent_start_the_next_one_does_not_look() {
    run(async {
        let world = World::new();
        world.disable_locks().respond(|_| created("rec-1")).token_source(|_| Box::pin(std::future::pending()));
        let recorder = connect(&world, options(&[])).await;
        leave(&recorder).await;
        world.issue_per_org();
        record(&recorder, GLOBEX).await.unwrap();
        assert_eq!(world.requests().len(), 1);
    });
}

#[test]
fn a_failed_look_prevents_the_start_and_a_refused_look_does_not() {
    run(async {
        for (status, sends) in [(503, false), (429, false), (404, true), (403, true), (405, true), (200, false)] {
            let world = World::new();
            let is_second = Rc::new(Cell::new(false));
            let second = is_second.clone();
            world.respond_async(move |request| {
                let is_start = request.method == "POST";
                let is_second = second.get();
                let body = r#"{"code":"not.found"}"#;
                Box::pin(async move {
                    match (is_start, is_second) {
                        (true, false) => {
                            yield_now().await;
                            yield_now().await;
                            Err(lost_response("reset"))
                        }
                        (true, true) => Ok(created("second")),
                        (false, _) => Ok(response(status, body)),
                    }
                })
            });
            let recorder = with_token(&world).await;
            leave(&recorder).await;
            is_second.set(true);
            let second = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
            assert_eq!((second.is_ok(), world.starts().len()), (sends, 1 + usize::from(sends)), "{status}");
            if let Err(CallError::Error(refused)) = second {
                assert!(refused.code.retryable() || status == 200, "{status}: nothing was sent");
            }
        }
    });
}

#[test]
fn after_a_look_that_the_cloud_refused_for_now_the_start_waits_too() {
    // (the status of the refused look, its wait in seconds, the requests: their methods and seconds)
    let cases = [
        (429, "60", vec![("GET", 0)]),
        (403, "60", vec![("GET", 0)]),
        (429, "7", vec![("GET", 0), ("POST", 7)]),
        (403, "7", vec![("GET", 0), ("POST", 7)]),
    ];
    for (status, wait, expected) in cases {
        run(async {
            let world = World::new();
            // The start looks first, because its token was acquired for it.
            world.issue_per_org();
            let times: Rc<RefCell<Vec<(String, i64)>>> = Rc::default();
            let (log, clock) = (times.clone(), world.clone());
            world.respond(move |request| {
                log.borrow_mut().push((request.method.clone(), (clock.time() - NOW) / SECOND));
                match request.method.as_str() {
                    "POST" => response(201, CREATED),
                    _ => Response { retry_after: Some(wait.to_owned()), ..response(status, "") },
                }
            });
            let recorder = connect(&world, options(&[])).await;
            let started = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
            if expected.len() == 1 {
                let refused = error(started);
                assert_eq!((refused.code, refused.evidence.retry_after), (Code::RateLimited, Some(60_000)));
            }
            let times = times.borrow();
            let sent: Vec<_> = times.iter().map(|(method, at)| (method.as_str(), *at)).collect();
            assert_eq!(sent, expected, "{status} {wait}");
        });
    }
}

#[test]
fn two_pages_with_locks_send_one_start() {
    run(async {
        let one = World::new();
        let releases = one.respond_to_starts_when_released();
        let (first, second) = {
            let other = one.another_page();
            let cloud = one.clone();
            other.respond_async(move |request| cloud.response_to(request));
            (with_token(&one).await, (with_token(&other).await, other))
        };
        let (second, other) = second;
        let respond = async {
            yield_now().await;
            releases.borrow_mut().remove(0).send();
        };
        let ((started, found), ()) = join(join(record(&first, GLOBEX), record(&second, GLOBEX)), respond).await;
        let (started, found) = (started.unwrap(), found.unwrap());
        assert_eq!((started.id.as_str(), started.already_running), ("rec-1", false));
        assert_eq!((found.id.as_str(), found.already_running), ("rec-1", false));
        assert_eq!((one.starts().len(), other.starts().len(), looks(&other)), (1, 0, 1));
        assert!(one.held_locks().is_empty());
    });
}

#[test]
fn a_page_that_abandons_its_start_releases_the_lock_when_its_fetch_settles() {
    run(async {
        let one = World::new();
        let (release, released) = gate();
        one.respond_async(move |_| {
            let released = released.clone();
            Box::pin(async move {
                released.await.unwrap();
                Err(lost_response("reset"))
            })
        });
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

/// The cloud carries a start out after this many milliseconds, if at all, and answers then.
fn cloud_that_answers_late(world: &World, delay: i64, result: fn() -> Result<Response, TransportError>) {
    let arrivals: Rc<RefCell<Vec<i64>>> = Rc::default();
    let clock = world.clone();
    world.respond_async(move |request| {
        let now = clock.time();
        if request.method == "POST" {
            arrivals.borrow_mut().push(now);
            let (is_first, clock) = (arrivals.borrow().len() == 1, clock.clone());
            return Box::pin(async move {
                if !is_first {
                    return Ok(response(201, r#"{"id":"second","state":"recording"}"#));
                }
                World::sleep(&clock, delay).await;
                result()
            });
        }
        let is_carried_out = arrivals.borrow().first().is_some_and(|at| result().is_ok_and(|sent| sent.status == 201) && at + delay <= now);
        let listed = if is_carried_out { list(&[entity("first", "recording", delay)]) } else { list(&[]) };
        Box::pin(async { Ok(listed) })
    });
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
            assert!(timed_out.message.contains("earlier start"), "{}", timed_out.message);
            let started = while_time_passes(&[world], record(&other, GLOBEX)).await.unwrap();
            assert_eq!((started.id.as_str(), world.starts().len()), ("second", 2));
            assert!(world.time() - NOW >= 3_000);
        });
    }
}

#[test]
fn a_fetch_that_never_settles_is_given_up_in_the_end() {
    each_way_to_leave(async |world, page, closes| {
        cloud_that_answers_late(world, i64::MAX / 2, || Err(lost_response("never")));
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
        cloud_that_answers_late(world, i64::MAX / 2, || Err(lost_response("never")));
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

#[test]
fn a_recording_that_another_start_may_have_led_to_ends_no_memory_of_one_in_flight() {
    run(async {
        let world = World::new();
        let state = Rc::new(Cell::new("recording"));
        let shown = state.clone();
        world.never_respond_to_the_first_start(move || list(&[entity("strangers", shown.get(), 500)]));
        let recorder = with_token(&world).await;
        leave(&recorder).await;
        assert_eq!(while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap().id.as_str(), "strangers");
        state.set("stopped");
        let waits = while_time_passes(&[&world], recorder.start_recording(start_in(GLOBEX), with_timeout(4_000))).await;
        assert_eq!((error(waits).code, world.starts().len()), (Code::Timeout, 1));
    });
}

#[test]
fn of_two_starts_without_a_known_outcome_the_earlier_decides_what_may_run() {
    run(async {
        let world = World::new();
        let is_listed = Rc::new(Cell::new(false));
        let (listed, sent) = (is_listed.clone(), Cell::new(0));
        world.respond_async(move |request| {
            let listed = if listed.get() { list(&[entity("of-the-first", "pending", 200)]) } else { list(&[]) };
            if request.method != "POST" {
                return Box::pin(async { Ok(listed) });
            }
            sent.set(sent.get() + 1);
            match sent.get() {
                1 => Box::pin(std::future::pending()),
                2 => Box::pin(async { Err(lost_response("reset")) }),
                _ => Box::pin(async { Ok(created("third")) }),
            }
        });
        let recorder = with_token(&world).await;
        leave(&recorder).await;
        world.advance(10_000);
        let own = unshared_start();
        let lost = while_time_passes(&[&world], recorder.start_recording(own, no_options())).await;
        assert_eq!(error(lost).code, Code::OutcomeUnknown);
        is_listed.set(true);
        let found = while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap();
        assert_eq!((found.id.as_str(), world.starts().len()), ("of-the-first", 2));
    });
}

/// One recorder starts, and the recording begins after 0.2 s. Another recorder starts at 3 s, the first is answered at 5 s.
/// Returns how many starts were sent, and what the other recorder's start led to.
fn start_during_another(state: &'static str, is_tab: bool) -> (usize, Result<String, Code>) {
    run(async {
        let (world, is_first) = (World::new(), Rc::new(Cell::new(true)));
        let clock = world.clone();
        let cloud = move |request: &SentRequest| -> futures::future::LocalBoxFuture<'static, Result<Response, TransportError>> {
            let recording = entity("first", state, 200);
            if request.method != "POST" {
                let listed = if is_first.get() { list(&[]) } else { list(&[recording]) };
                return Box::pin(async { Ok(listed) });
            }
            if !is_first.replace(false) {
                return Box::pin(async { Ok(created("second")) });
            }
            let clock = clock.clone();
            Box::pin(async move {
                World::sleep(&clock, 5_000).await;
                Ok(response(201, &recording))
            })
        };
        world.respond_async(cloud.clone());
        let page = PageStarts::default();
        let one = with_token_in(&page, &world).await;
        let there = if is_tab { world.another_page() } else { world.clone() };
        there.respond_async(cloud);
        let others_page = if is_tab { PageStarts::default() } else { page.clone() };
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

/// Two recorders of a page start. The first is answered after 5 s, the second starts at `second_at`, and another tab holds the
/// lock until `lock_until`. The cloud lists a recording that began two minutes ago. Returns how many starts were sent.
fn starts_beside_a_pending_recording(first: fn() -> Result<Response, TransportError>, second_at: i64, lock_until: Option<i64>) -> usize {
    run(async {
        let (world, is_first) = (World::new(), Cell::new(true));
        let clock = world.clone();
        world.respond_async(move |request| {
            if request.method != "POST" {
                return Box::pin(async { Ok(list(&[entity("old", "pending", -120_000)])) });
            }
            let (is_first, clock) = (is_first.replace(false), clock.clone());
            Box::pin(async move {
                if !is_first {
                    return Ok(created("second"));
                }
                World::sleep(&clock, 5_000).await;
                first()
            })
        });
        let page = PageStarts::default();
        let one = with_token_in(&page, &world).await;
        let other = with_token_in(&page, &world).await;
        let tab = async {
            if let Some(lock_until) = lock_until {
                let lock = world.another_page().lock(&lock_name()).await;
                world.sleep(lock_until).await;
                drop(lock);
            }
        };
        let later = async {
            world.sleep(second_at).await;
            record(&other, GLOBEX).await.map(|_| ())
        };
        let _ = while_time_passes(&[&world], futures::future::join3(tab, record(&one, GLOBEX), later)).await;
        world.starts().len()
    })
}

#[test]
fn a_recording_in_an_unknown_state_prevents_a_start_only_if_another_start_may_have_led_to_it() {
    // It is older than the first start, whatever that one led to.
    assert_eq!(starts_beside_a_pending_recording(|| Err(lost_response("reset")), 10_000, None), 2);
    assert_eq!(starts_beside_a_pending_recording(|| Ok(response(400, "")), 3_000, None), 2);
    // The other tab may have sent a start two minutes ago.
    assert_eq!(starts_beside_a_pending_recording(|| Ok(response(400, "")), 3_000, Some(8_000)), 0);
}

#[test]
fn a_look_after_a_wait_for_a_token_finds_what_began_meanwhile_whatever_its_state() {
    for state in ["recording", "Recording", "pending"] {
        run(async {
            let world = World::new();
            let release = world.issue_when_released(|_| true);
            world.respond(move |request| if request.method == "POST" { created("second") } else { list(&[entity("theirs", state, 500)]) });
            let recorder = connect(&world, options(&[])).await;
            let token = async {
                world.advance(1_000);
                yield_now().await;
                release.send();
            };
            let (found, ()) = join(record(&recorder, GLOBEX), token).await;
            assert_eq!((found.unwrap().id.as_str(), world.starts().len()), ("theirs", 0), "{state}");
        });
    }
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
fn after_an_unknown_outcome_nothing_is_sent_if_the_list_may_have_the_agents_recording() {
    let of_agent = |agent: &str| format!(r#"{{"entities":[{{"id":"r","agentId":{agent},"state":"recording"}}]}}"#);
    let long = format!("\"{}\"", "x".repeat(257));
    let blanks = format!("\" {AGENT}\"");
    let bodies = [
        of_agent(r#""""#),
        of_agent(r#"" ""#),
        of_agent(r#""a\nb""#),
        of_agent(&long),
        of_agent(&blanks),
        r#"{"entities":[],"total":1}"#.to_owned(),
        r#"{"entities":[],"nextUri":"/api/v2/screenrecordings?pageNumber=2"}"#.to_owned(),
    ];
    for body in bodies {
        run(async {
            let world = World::new();
            let (listed, is_first) = (body.clone(), Cell::new(true));
            let started = move || if is_first.replace(false) { Ok(response(503, "")) } else { Ok(created("second")) };
            world.respond_to_starts(started, move || response(200, &listed));
            let recorder = with_token(&world).await;
            assert_eq!(error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await).code, Code::OutcomeUnknown, "{body}");
            let unsent = error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await);
            assert!(unsent.code == Code::OutcomeUnknown && unsent.message.contains("cannot be read"), "{body} {unsent:?}");
            assert_eq!(world.starts().len(), 1, "{body}");
        });
    }
}

#[test]
fn after_an_unknown_outcome_nothing_is_sent_if_the_agents_recording_may_be_on_another_page_of_the_list() {
    for more in MORE_PAGES {
        run(async {
            let world = World::new();
            let is_first = Cell::new(true);
            let started = move || if is_first.replace(false) { Ok(response(503, "")) } else { Ok(created("second")) };
            world.respond_to_starts(started, move || first_page(more));
            let recorder = with_token(&world).await;
            for _ in 0..2 {
                let unknown = error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await);
                assert_eq!((unknown.code, unknown.evidence.seen.as_ref().map(Vec::len)), (Code::OutcomeUnknown, Some(1)), "{more}");
            }
            assert_eq!(world.starts().len(), 1, "{more}");
            assert_eq!(recorder.recordings(None, None, no_options()).await.unwrap().len(), 1);
        });
    }
}

#[test]
fn a_page_of_the_list_that_reaches_back_before_the_start_hides_no_recording_if_the_newest_are_first() {
    // When the recordings began, in their order, in milliseconds since the first start.
    for (began, starts) in [
        (vec![-10_000, -20_000, -30_000], 2),
        (vec![-10_000, -10_000, -30_000], 2),
        (vec![-30_000, -20_000, -10_000], 1),
        (vec![-20_000, -10_000, -30_000], 1),
        (vec![-20_000, -20_000, -20_000], 1),
        (vec![-20_000], 1),
        (vec![1_000, -500], 1),
    ] {
        run(async {
            let world = World::new();
            let is_first = Cell::new(true);
            let started = move || if is_first.replace(false) { Ok(response(503, "")) } else { Ok(created("second")) };
            let page: Vec<_> = began.iter().map(|at| entity("old", "stopped", *at)).collect();
            let page = format!(r#"{{"entities":[{}],"total":100}}"#, page.join(","));
            world.respond_to_starts(started, move || response(200, &page));
            let recorder = with_token(&world).await;
            assert_eq!(error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await).code, Code::OutcomeUnknown);
            let again = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
            assert_eq!((again.is_ok(), world.starts().len()), (starts == 2, starts), "{began:?}");
        });
    }
}

#[test]
fn a_start_that_waited_for_another_sends_nothing_if_the_recording_may_be_on_another_page_of_the_list() {
    for is_tab in [false, true] {
        run(async {
            let world = World::new();
            let there = if is_tab { world.another_page() } else { world.clone() };
            for page in [&there, &world] {
                let clock = page.clone();
                page.respond_async(move |request| {
                    let (is_start, clock) = (request.method == "POST", clock.clone());
                    Box::pin(async move {
                        World::sleep(&clock, if is_start { 500 } else { 0 }).await;
                        Ok(if is_start { created("rec-1") } else { first_page(MORE_PAGES[0]) })
                    })
                });
            }
            let page = PageStarts::default();
            let others_page = if is_tab { PageStarts::default() } else { page.clone() };
            let one = with_token_in(&page, &world).await;
            let other = with_token_in(&others_page, &there).await;
            let worlds: &[&World] = if is_tab { &[&world, &there] } else { &[&world] };
            let (sent, waited) = while_time_passes(worlds, join(record(&one, GLOBEX), record(&other, GLOBEX))).await;
            assert_eq!(sent.unwrap().id.as_str(), "rec-1");
            if is_tab {
                assert_eq!(error(waited).code, Code::OutcomeUnknown);
            } else {
                // A page knows what its own start led to.
                assert_eq!(waited.unwrap().id.as_str(), "rec-1");
            }
            let starts = world.starts().len() + if is_tab { there.starts().len() } else { 0 };
            assert_eq!(starts, 1);
        });
    }
}

#[test]
fn a_start_that_waited_only_for_its_token_is_sent_although_the_list_has_more_pages() {
    run(async {
        let world = World::new();
        let release = world.issue_when_released(|_| true);
        world.respond_to_starts(|| Ok(created("own")), || first_page(MORE_PAGES[0]));
        let recorder = connect(&world, options(&[])).await;
        let (started, ()) = join(record(&recorder, GLOBEX), async { release.send() }).await;
        assert_eq!((started.unwrap().id.as_str(), looks(&world)), ("own", 1));
    });
}

#[test]
fn after_an_unknown_outcome_only_a_recording_that_may_be_the_starts_own_prevents_the_next_start() {
    let undated = format!(r#"{{"id":"r","agentId":"{AGENT}","organizationId":"{GLOBEX}","state":"pending"}}"#);
    let of_type = |named: &str| entity("r", "pending", 500).replace('}', &format!(r#","recordingType":"{named}"}}"#));
    for (recording, expected) in [
        (undated, Err(Code::OutcomeUnknown)),
        (entity("r", "pending", 500), Ok("r")),
        (of_type("screen"), Ok("r")),
        (of_type("audio"), Ok("second")),
        (entity("r", "pending", -60_000), Ok("second")),
        (entity("r", "stopped", 500), Ok("second")),
    ] {
        run(async {
            let world = World::new();
            let (sent, listed) = (Rc::new(Cell::new(0)), recording.clone());
            let looks = sent.clone();
            world.respond_to_starts(
                move || {
                    sent.set(sent.get() + 1);
                    if sent.get() == 1 { Ok(response(503, "")) } else { Ok(created("second")) }
                },
                // While the first start is looked for, there is none.
                move || if looks.replace(looks.get() + 1) < 3 { list(&[]) } else { list(std::slice::from_ref(&listed)) },
            );
            let recorder = with_token(&world).await;
            assert_eq!(error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await).code, Code::OutcomeUnknown);
            let second = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
            let starts = if expected == Ok("second") { 2 } else { 1 };
            let second = second.map(|recording| recording.id.as_str().to_owned()).map_err(|unknown| {
                let unknown = error::<()>(Err(unknown));
                assert!(unknown.message.contains("unknown state"), "{unknown:?}");
                unknown.code
            });
            assert_eq!((second, world.starts().len()), (expected.map(str::to_owned), starts), "{recording}");
        });
    }
}

#[test]
fn after_a_start_that_timed_out_was_found_the_next_one_does_not_wait_for_its_response() {
    run(async {
        let world = World::new();
        let (sent, stopped) = (Cell::new(0), Rc::new(Cell::new(false)));
        let is_stopped = stopped.clone();
        world.respond_async(move |request| {
            let listed = entity("first", if is_stopped.get() { "stopped" } else { "recording" }, 200);
            if request.method != "POST" {
                return Box::pin(async move { Ok(list(&[listed])) });
            }
            sent.set(sent.get() + 1);
            if sent.get() == 1 { Box::pin(std::future::pending()) } else { Box::pin(async { Ok(created("second")) }) }
        });
        let recorder = with_token(&world).await;
        assert_eq!(while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap().id.as_str(), "first");
        stopped.set(true);
        world.run_spawned();
        let second = completed_within(&[&world], 1_000, record(&recorder, GLOBEX)).await.expect("it waits for the first start");
        assert_eq!((second.unwrap().id.as_str(), looks(&world)), ("second", 1));
    });
}

#[test]
fn a_recording_that_a_later_start_may_have_led_to_is_not_the_lost_one() {
    run(async {
        let world = World::new();
        let (sent, clock) = (Cell::new(0), world.clone());
        world.respond_async(move |request| {
            if request.method != "POST" {
                // The later start finds nothing yet.
                let listed = if clock.time() < NOW + 4_000 { list(&[]) } else { list(&[entity("of-the-later", "recording", 2_000)]) };
                return Box::pin(async { Ok(listed) });
            }
            sent.set(sent.get() + 1);
            let (delay, clock) = (if sent.get() == 1 { 5_000 } else { 0 }, clock.clone());
            Box::pin(async move {
                World::sleep(&clock, delay).await;
                Err(lost_response("reset"))
            })
        });
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

#[test]
fn starts_whose_agent_and_type_read_alike_side_by_side_are_two() {
    run(async {
        let world = World::new();
        world.respond_after(1_000, || response(201, r#"{"id":"r","state":"recording"}"#));
        let recorder = with_token(&world).await;
        let start = |agent: &str, kind: &str| {
            recorder.start_recording(Start::new(agent, Some(GLOBEX), Some(kind.to_owned())).unwrap(), no_options())
        };
        let (_, second) = while_time_passes(&[&world], join(start("a b", "screen"), start("a", "b screen"))).await;
        assert_eq!((second.unwrap().agent.as_str(), world.starts().len()), ("a", 2));
    });
}

#[test]
fn for_five_minutes_after_a_panic_each_start_is_looked_for_before_it_is_sent() {
    for (minutes, state, looks) in [(0, "recording", true), (4, "recording", true), (4, "buffering", true), (5, "recording", false)] {
        run(async {
            let world = World::new();
            world.respond_to_starts(|| Ok(created("second")), move || list(&[entity("first", state, -minutes * 60 - 200)]));
            let page = PageStarts::default();
            page.note_panic(world.now(), world.wall_clock());
            world.advance(minutes * 60_000);
            let recorder = with_token_in(&page, &world).await;
            let started = while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap();
            let expected = if looks { ("first", true, 0) } else { ("second", false, 1) };
            assert_eq!((started.id.as_str(), started.already_running, world.starts().len()), expected, "{minutes} minutes, {state}");
        });
    }
}

#[test]
fn after_a_panic_a_start_that_nothing_stands_for_is_sent() {
    run(async {
        let world = World::new();
        world.respond_to_starts(|| Ok(created("second")), || list(&[]));
        let page = PageStarts::default();
        page.note_panic(world.now(), world.wall_clock());
        let recorder = with_token_in(&page, &world).await;
        assert_eq!(while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap().id.as_str(), "second");
    });
}

#[test]
fn the_unknown_outcome_of_a_recorder_that_is_gone_is_looked_for() {
    run(async {
        let world = World::new();
        let page = PageStarts::default();
        let is_there = Rc::new(Cell::new(false));
        let listed = is_there.clone();
        world.respond_to_starts(
            || Err(lost_response("reset")),
            move || list(&if listed.get() { vec![entity("late", "recording", 900)] } else { vec![] }),
        );
        let one = with_token_in(&page, &world).await;
        assert_eq!(error(while_time_passes(&[&world], record(&one, GLOBEX)).await).code, Code::OutcomeUnknown);
        one.close();
        drop(one);
        is_there.set(true);
        let other = with_token_in(&page, &world).await;
        assert_eq!((record(&other, GLOBEX).await.unwrap().id.as_str(), world.starts().len()), ("late", 1));
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

#[test]
fn without_locks_a_conflict_returns_the_running_recording() {
    run(async {
        let world = World::new();
        world.disable_locks();
        world.respond_to_starts(|| Ok(response(409, "")), || list(&[entity("theirs", "recording", -10)]));
        let recorder = with_token(&world).await;
        let running = record(&recorder, GLOBEX).await.unwrap();
        assert_eq!((running.id.as_str(), running.already_running), ("theirs", true));
    });
}

#[test]
fn each_start_has_its_own_idempotency_key_and_keeps_it_when_repeated() {
    run(async {
        let world = World::new();
        let refused = Cell::new(false);
        world.respond(move |request| {
            if request.method == "POST" && !refused.replace(true) {
                Response { retry_after: Some("0".into()), ..response(429, "") }
            } else {
                created("rec")
            }
        });
        let options = with_contract(r#"{"idempotencyHeader":"Idempotency-Key"}"#);
        let recorder = connect(&world, options).await;
        while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap();
        record(&recorder, GLOBEX).await.unwrap();
        recorder.recordings(None, None, no_options()).await.unwrap_err();
        let keys: Vec<_> = world.requests().into_iter().map(|request| request.idempotency_key).collect();
        let [Some(first), Some(again), Some(second), None] = keys.as_slice() else { panic!("{keys:?}") };
        assert!(first == again && first != second);
        let is_uuid =
            |text: &str| text.len() == 36 && text.as_bytes()[14] == b'4' && text.bytes().filter(|byte| *byte == b'-').count() == 4;
        assert!(is_uuid(first) && is_uuid(second), "{first} {second}");
    });
}

#[test]
fn only_a_start_to_a_cloud_with_http2_is_streamed() {
    let streams = r#"{"http2":true}"#;
    for (http2, can_stream, is_streamed, is_told) in [
        ("{}", true, false, false),
        (r#"{"http2":false}"#, true, false, false),
        (streams, true, true, false),
        (streams, false, false, true),
    ] {
        run(async {
            let world = World::new();
            if !can_stream {
                world.disable(Feature::StreamedBodies);
            }
            let refused = Cell::new(false);
            world.issue_per_org();
            world.respond(move |request| match request.method.as_str() {
                "POST" if !refused.replace(true) => response(401, ""),
                "POST" => created("rec-1"),
                _ => list(&[]),
            });
            let recorder = connect(&world, Options { contract: json(http2).unwrap(), ..options(&[&jwt_with_id(GLOBEX, "old")]) }).await;
            record(&recorder, GLOBEX).await.unwrap();
            recorder.recordings(None, None, no_options()).await.unwrap();
            // The start, the same start again, and the list.
            let streamed: Vec<_> = world.requests().iter().map(|request| request.is_streamed).collect();
            assert_eq!(streamed, [is_streamed, is_streamed, false]);
            let told = world.events().iter().filter(|event| event.starts_with("StartNotStreamed")).count();
            assert_eq!(told, usize::from(is_told), "{http2:?} {can_stream}");
        });
    }
}

/// The events about duplicates after a start that led to `rec-1`, with these recordings in the list.
fn duplicates_among(listed: Vec<String>, options: Options, looks: usize) -> Vec<String> {
    run(async {
        let world = World::new();
        world.respond(move |request| if request.method == "POST" { created("rec-1") } else { list(&listed) });
        let recorder = connect(&world, options).await;
        let start = async {
            let started = record(&recorder, GLOBEX).await;
            world.sleep(2_000).await;
            started
        };
        assert_eq!(while_time_passes(&[&world], start).await.unwrap().id.as_str(), "rec-1");
        assert_eq!(self::looks(&world), looks);
        world.events().into_iter().filter(|event| event.starts_with("DuplicateRecording")).collect()
    })
}

#[test]
fn a_second_recording_that_began_with_the_start_is_told_if_the_app_asks_for_it() {
    let checking = || with_contract(r#"{"checkDuplicates":true}"#);
    let own = || entity("rec-1", "recording", 10);
    let expected = format!(r#"DuplicateRecording {{ org: {GLOBEX}, agent: "{AGENT}", recordings: ["rec-2", "rec-3"] }}"#);
    let two = || vec![own(), entity("rec-2", "recording", 20), entity("rec-3", "stopped", 30)];
    assert_eq!(duplicates_among(two(), checking(), 1), [expected]);
    // By default, nobody looks.
    assert!(duplicates_among(two(), options(&[&jwt_for(GLOBEX)]), 0).is_empty());
    // One that is older, of another type, in the future, without a date or another agent's is none.
    let audio = entity("rec-2", "recording", 20).replace('}', r#","recordingType":"audio"}"#);
    let others = vec![
        own(),
        entity("old", "recording", -60_000),
        entity("future", "recording", 60_000),
        audio,
        format!(r#"{{"id":"undated","agentId":"{AGENT}","organizationId":"{GLOBEX}","state":"recording"}}"#),
        entity("another", "recording", 20).replace(AGENT, "another-agent"),
    ];
    assert!(duplicates_among(others, checking(), 1).is_empty());
}

#[test]
fn a_recording_of_another_start_of_the_page_is_no_duplicate_and_the_look_keeps_to_the_rate_limit() {
    run(async {
        let world = World::new();
        let started = Cell::new(0);
        world.respond(move |request| {
            let both = [entity("rec-1", "recording", 10), entity("rec-2", "recording", 20)];
            if request.method != "POST" {
                return list(&both);
            }
            started.set(started.get() + 1);
            created(if started.get() == 1 { "rec-1" } else { "rec-2" })
        });
        let recorder = connect(&world, with_contract(r#"{"checkDuplicates":true}"#)).await;
        while_time_passes(&[&world], async {
            for _ in 0..2 {
                recorder.start_recording(unshared_start(), no_options()).await.unwrap();
            }
            world.sleep(2_000).await;
        })
        .await;
        assert_eq!(looks(&world), 2);
        assert!(!world.events().iter().any(|event| event.starts_with("DuplicateRecording")));

        // The token has no request left in this minute.
        let world = World::new();
        world.respond(|request| match request.method.as_str() {
            "POST" => Response { rate_limit: Some(RateLimit { allowed: 300, count: 300, reset: 60 }), ..created("rec-1") },
            _ => list(&[]),
        });
        let recorder = connect(&world, with_contract(r#"{"checkDuplicates":true}"#)).await;
        while_time_passes(&[&world], async {
            record(&recorder, GLOBEX).await.unwrap();
            world.sleep(2_000).await;
        })
        .await;
        assert_eq!(looks(&world), 0);
    });
}

#[test]
fn a_recording_that_another_start_of_the_page_may_lead_to_is_no_duplicate_and_a_closed_recorder_does_not_look() {
    for closes in [false, true] {
        run(async {
            let world = World::new();
            let (started, clock) = (Cell::new(0), world.clone());
            world.respond_async(move |request| {
                let both = [entity("rec-1", "recording", 10), entity("rec-2", "recording", 20)];
                if request.method != "POST" {
                    return Box::pin(async move { Ok(list(&both)) });
                }
                started.set(started.get() + 1);
                let (number, clock) = (started.get(), clock.clone());
                Box::pin(async move {
                    World::sleep(&clock, if number == 1 { 0 } else { 3_000 }).await;
                    Ok(created(&format!("rec-{number}")))
                })
            });
            let recorder = connect(&world, with_contract(r#"{"checkDuplicates":true}"#)).await;
            let calls = async {
                let (first, second) =
                    (recorder.start_recording(unshared_start(), no_options()), recorder.start_recording(unshared_start(), no_options()));
                let close = async {
                    world.sleep(500).await;
                    if closes {
                        recorder.close();
                    }
                    world.sleep(6_000).await;
                };
                let ((first, _), ()) = join(join(first, second), close).await;
                assert_eq!(first.unwrap().id.as_str(), "rec-1");
            };
            while_time_passes(&[&world], calls).await;
            assert_eq!(looks(&world), if closes { 0 } else { 2 });
            assert!(!world.events().iter().any(|event| event.starts_with("DuplicateRecording")));
        });
    }
}

#[test]
fn an_idempotency_key_is_a_random_uuid() {
    // RFC 9562, 5.4: all bits are random, except the version (4) and the variant (binary 10).
    let keys = [
        (0x00, "00000000-0000-4000-8000-000000000000"),
        (0xff, "ffffffff-ffff-4fff-bfff-ffffffffffff"),
        (0x5a, "5a5a5a5a-5a5a-4a5a-9a5a-5a5a5a5a5a5a"),
    ];
    for (byte, expected) in keys {
        run(async {
            let world = World::new();
            world.seed_random(u8::wrapping_sub(byte, 1));
            world.respond(|_| created("rec"));
            let options = with_contract(r#"{"idempotencyHeader":"Idempotency-Key"}"#);
            record(&connect(&world, options).await, GLOBEX).await.unwrap();
            assert_eq!(world.starts()[0].idempotency_key.as_deref(), Some(expected));
        });
    }
}

#[test]
fn a_running_recording_of_another_type_is_not_returned() {
    run(async {
        let world = World::new();
        world.issue_per_org();
        world.respond(|request| if request.method == "POST" { created("audio-1") } else { list(&[running_screen_recording()]) });
        let recorder = connect(&world, options(&[])).await;
        let recording = while_time_passes(&[&world], recorder.start_recording(audio_start(), no_options())).await.unwrap();
        assert_eq!((recording.id.as_str(), world.starts().len()), ("audio-1", 1));
    });
}

#[test]
fn after_an_unknown_outcome_a_recording_of_another_type_is_not_returned() {
    run(async {
        let world = World::new();
        let is_first = Cell::new(true);
        world.respond_to_starts(
            move || if is_first.replace(false) { Err(lost_response("reset")) } else { Ok(created("audio-2")) },
            || list(&[running_screen_recording()]),
        );
        let recorder = with_token(&world).await;
        let start_audio = || recorder.start_recording(audio_start(), no_options());
        assert_eq!(error(while_time_passes(&[&world], start_audio()).await).code, Code::OutcomeUnknown);
        assert_eq!(while_time_passes(&[&world], start_audio()).await.unwrap().id.as_str(), "audio-2");
    });
}

fn running_screen_recording() -> String {
    entity("screen-1", "recording", -600_000).replace("\"state\"", "\"recordingType\":\"screen\",\"state\"")
}

#[test]
fn a_start_whose_response_is_lost_finds_the_recording_that_a_waiting_start_has_found() {
    run(async {
        let world = World::new();
        let clock = world.clone();
        world.respond_async(move |request| {
            let (is_start, clock) = (request.method == "POST", clock.clone());
            Box::pin(async move {
                if !is_start {
                    return Ok(list(&[entity("rec-1", "recording", 100)]));
                }
                World::sleep(&clock, 4_000).await;
                Err(lost_response("reset"))
            })
        });
        let page = PageStarts::default();
        let one = with_token_in(&page, &world).await;
        let other = with_token_in(&page, &world).await;
        let (sent, waited) = while_time_passes(&[&world], join(record(&one, GLOBEX), record(&other, GLOBEX))).await;
        assert_eq!((sent.unwrap().id.as_str(), waited.unwrap().id.as_str()), ("rec-1", "rec-1"));
        assert_eq!(world.starts().len(), 1);
    });
}

/// The first start never reaches the cloud. The second start does, and its response is on the way.
#[test]
fn a_start_in_flight_is_not_mistaken_for_a_lost_start() {
    for (first, second) in [(unshared_start(), unshared_start()), (start_in(GLOBEX), audio_start())] {
        run(async {
            let world = World::new();
            let is_first = Cell::new(true);
            let (release, released) = gate();
            world.respond_async(move |request| {
                if request.method == "GET" {
                    return Box::pin(async { Ok(list(&[entity("second", "recording", 5)])) });
                }
                if is_first.replace(false) {
                    return Box::pin(async {
                        yield_now().await;
                        yield_now().await;
                        Err(lost_response("reset before the cloud received the request"))
                    });
                }
                let released = released.clone();
                Box::pin(async move {
                    released.await.unwrap();
                    Ok(created("second"))
                })
            });
            let recorder = with_token(&world).await;
            let first = async {
                let result = recorder.start_recording(first, no_options()).await;
                release.send();
                result
            };
            let (first, second) = while_time_passes(&[&world], join(first, recorder.start_recording(second, no_options()))).await;
            assert_eq!(second.unwrap().id.as_str(), "second");
            assert_eq!(error(first).code, Code::OutcomeUnknown);
        });
    }
}

#[test]
fn agent_ids_that_differ_only_in_case_are_merged_into_one_start() {
    run(async {
        let world = World::new();
        let releases = Releases::default();
        let pending = releases.clone();
        world.respond_async(move |_| {
            let (release, released) = gate();
            pending.borrow_mut().push(release);
            Box::pin(async move {
                released.await.unwrap();
                Ok(response(201, CREATED))
            })
        });
        let recorder = with_token(&world).await;
        let lower = recorder.start_recording(start_of("aaaaaaaa-1111-4000-8000-000000000001", GLOBEX).unwrap(), no_options());
        let upper = recorder.start_recording(start_of("AAAAAAAA-1111-4000-8000-000000000001", GLOBEX).unwrap(), no_options());
        let respond = async {
            yield_now().await;
            releases.borrow_mut().drain(..).for_each(Release::send);
        };
        let (lower, upper, ()) = join3(lower, upper, respond).await;
        assert_eq!((lower.unwrap().id, world.starts().len()), (upper.unwrap().id, 1));
    });
}

#[test]
fn a_listed_recording_that_does_not_name_its_agent_is_ignored() {
    run(async {
        let world = World::new();
        world.issue_per_org();
        world.respond(|request| match request.method.as_str() {
            "POST" => created("own"),
            // This cloud ignores the `?agentId=` filter, and uses another name for the agent.
            _ => list(&[entity("other", "recording", -60_000).replace("agentId", "userId").replace(AGENT, "another")]),
        });
        let recorder = connect(&world, options(&[])).await;
        assert_eq!(record(&recorder, GLOBEX).await.unwrap().id.as_str(), "own");
    });
}

#[test]
fn the_newest_running_recording_is_found_across_time_zones() {
    run(async {
        let world = World::new();
        let at = |id: &str, date: &str| format!(r#"{{"id":"{id}","agentId":"{AGENT}","state":"recording","startedAt":"{date}"}}"#);
        let listed = [at("older", "2027-01-15T10:00:00+02:00"), at("newer", "2027-01-15T08:30:00Z")];
        world.respond_to_starts(|| Ok(response(409, "")), move || list(&listed));
        let recorder = with_token(&world).await;
        assert_eq!(record(&recorder, GLOBEX).await.unwrap().id.as_str(), "newer");
    });
}

#[test]
fn a_list_request_that_hangs_does_not_block_the_first_start() {
    run(async {
        let world = World::new();
        world.issue_per_org();
        world.respond_async(|request| {
            let is_start = request.method == "POST";
            Box::pin(async move { if is_start { Ok(created("own")) } else { std::future::pending().await } })
        });
        let recorder = connect(&world, options(&[])).await;
        assert_eq!(while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap().id.as_str(), "own");
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
        let other = world.another_page();
        let cloud = world.clone();
        other.respond_async(move |request| cloud.response_to(request));
        let (first, second) = (with_token(&world).await, with_token(&other).await);
        // The start of the first page times out after 15 s. The start of the second page waits for the lock.
        let late = async {
            world.sleep(15_250).await;
            record(&second, GLOBEX).await
        };
        let (first, second) = while_time_passes(&[&world, &other], join(record(&first, GLOBEX), late)).await;
        assert_eq!((first.unwrap().id, arrivals.borrow().len()), (second.unwrap().id, 1), "both pages return the one recording");
    });
}

/// The recording appears only after the abort, so the call that waited for the start must look twice.
#[test]
fn a_call_that_waited_for_an_aborted_start_finds_its_recording_late() {
    for same_page in [true, false] {
        run(async {
            let world = World::new();
            let arrivals = cloud_that_starts_late(&world, 700);
            let other = if same_page { world.clone() } else { world.another_page() };
            if !same_page {
                let cloud = world.clone();
                other.respond_async(move |request| cloud.response_to(request));
            }
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

#[test]
fn a_proxys_page_instead_of_a_list_does_not_allow_a_second_start() {
    run(async {
        let world = World::new();
        world.respond_to_starts(|| Err(lost_response("reset")), || response(200, "<html>Sign in to the Wi-Fi</html>"));
        let recorder = with_token(&world).await;
        assert_eq!(error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await).code, Code::OutcomeUnknown);
        while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap_err();
        assert_eq!(world.starts().len(), 1);
    });
}

#[test]
fn after_an_abort_the_next_call_finds_the_recording_in_any_state() {
    for state in ["starting", "unknown"] {
        run(async {
            let world = World::new();
            let is_sent = Cell::new(false);
            world.respond_async(move |request| {
                if request.method == "POST" {
                    is_sent.set(true);
                    return Box::pin(std::future::pending());
                }
                let listed = if is_sent.get() { list(&[entity("ours", state, 5)]) } else { list(&[]) };
                Box::pin(async { Ok(listed) })
            });
            let recorder = with_token(&world).await;
            leave(&recorder).await;
            let again = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
            assert_eq!((again.unwrap().id.as_str(), world.starts().len()), ("ours", 1));
        });
    }
}

/// A cloud that answers the first start after a second, later ones at once, and any other request with `listed`.
fn cloud_that_lists(world: &World, listed: fn() -> Response) {
    let (clock, starts) = (world.clone(), Cell::new(0));
    world.respond_async(move |request| {
        let (clock, is_start) = (clock.clone(), request.method == "POST");
        starts.set(starts.get() + u32::from(is_start));
        let (number, delay) = (starts.get(), if starts.get() == 1 { 1_000 } else { 0 });
        Box::pin(async move {
            if !is_start {
                return Ok(listed());
            }
            World::sleep(&clock, delay).await;
            Ok(created(&format!("rec-{number}")))
        })
    });
}

/// A contract, and what its list answers.
type ListOf = (&'static str, fn() -> Response);

/// Lists that do not show a recording that has just begun.
const BLIND_LISTS: [ListOf; 3] =
    [("{}", || list(&[])), ("{}", || response(403, r#"{"code":"missing.any.permissions"}"#)), (r#"{"list":null}"#, || response(404, ""))];

#[test]
fn starts_of_two_recorders_of_a_page_at_the_same_time_are_one_whatever_the_list_says() {
    for (contract, listed) in BLIND_LISTS {
        run(async {
            let world = World::new();
            cloud_that_lists(&world, listed);
            let page = PageStarts::default();
            let one = connect_in(&page, &world, with_contract(contract)).await;
            let other = connect_in(&page, &world, with_contract(contract)).await;
            let both = join(record(&one, GLOBEX), record(&other, GLOBEX));
            let (first, second) = while_time_passes(&[&world], both).await;
            let of = |recording: Recording| (recording.id.as_str().to_owned(), recording.already_running);
            assert_eq!((of(first.unwrap()), of(second.unwrap())), (("rec-1".to_owned(), false), ("rec-1".to_owned(), true)));
            assert_eq!(world.starts().len(), 1);
            // A later call starts again.
            assert_eq!(record(&one, GLOBEX).await.unwrap().id.as_str(), "rec-2");
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
        world.respond_async(move |request| {
            let (clock, is_start) = (clock.clone(), request.method == "POST");
            Box::pin(async move {
                if !is_start {
                    return Ok(list(&[entity("rec-1", if clock.time() - NOW < 1_500 { "recording" } else { "stopped" }, 0)]));
                }
                World::sleep(&clock, 4_000).await;
                Ok(created("rec-1"))
            })
        });
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

#[test]
fn a_start_that_the_api_refuses_beside_another_does_not_take_the_others_recording() {
    run(async {
        let world = World::new();
        let (clock, starts) = (world.clone(), Cell::new(0));
        world.respond_async(move |request| {
            let (clock, is_start) = (clock.clone(), request.method == "POST");
            starts.set(starts.get() + u32::from(is_start));
            let number = starts.get();
            Box::pin(async move {
                match (is_start, number) {
                    (false, _) => Ok(list(&[entity("rec-1", "recording", 0)])),
                    (true, 1) => {
                        World::sleep(&clock, 3_000).await;
                        Err(lost_response("reset"))
                    }
                    (true, _) => Ok(response(409, "")),
                }
            })
        });
        let recorder = with_token(&world).await;
        let refused = async {
            world.sleep(1_000).await;
            recorder.start_recording(unshared_start(), no_options()).await
        };
        let (lost, refused) = while_time_passes(&[&world], join(record(&recorder, GLOBEX), refused)).await;
        assert_eq!((lost.unwrap().id.as_str(), refused.unwrap().id.as_str()), ("rec-1", "rec-1"));
    });
}

#[test]
fn a_start_that_waited_for_one_that_the_api_refused_is_sent_although_the_list_has_more_pages() {
    run(async {
        let world = World::new();
        let (clock, is_first) = (world.clone(), Cell::new(true));
        world.respond_async(move |request| {
            let (clock, is_start) = (clock.clone(), request.method == "POST");
            let is_first = is_start && is_first.replace(false);
            Box::pin(async move {
                World::sleep(&clock, if is_first { 500 } else { 0 }).await;
                Ok(match (is_start, is_first) {
                    (false, _) => first_page(MORE_PAGES[0]),
                    (_, true) => response(400, ""),
                    (_, false) => created("second"),
                })
            })
        });
        let page = PageStarts::default();
        let one = with_token_in(&page, &world).await;
        let other = with_token_in(&page, &world).await;
        let (refused, waited) = while_time_passes(&[&world], join(record(&one, GLOBEX), record(&other, GLOBEX))).await;
        assert_eq!((error(refused).code, waited.unwrap().id.as_str()), (Code::BadRequest, "second"));
    });
}

#[test]
fn after_a_start_that_was_left_the_next_one_reads_the_recording_that_its_late_response_named() {
    for (state, id) in [("recording", "rec-1"), ("stopped", "rec-2")] {
        run(async {
            let world = World::new();
            let (clock, starts) = (world.clone(), Cell::new(0));
            world.respond_async(move |request| {
                let (clock, is_start) = (clock.clone(), request.method == "POST");
                let reads = request.url.ends_with("/rec-1");
                starts.set(starts.get() + u32::from(is_start));
                let number = starts.get();
                Box::pin(async move {
                    World::sleep(&clock, if is_start && number == 1 { 1_000 } else { 0 }).await;
                    Ok(match (is_start, reads) {
                        (true, _) => created(&format!("rec-{number}")),
                        (_, true) => response(200, &entity("rec-1", state, 0)),
                        // The agent's recordings may be on another page.
                        _ => first_page(MORE_PAGES[0]),
                    })
                })
            });
            let page = PageStarts::default();
            let one = with_token_in(&page, &world).await;
            leave_in_flight(&one, false).await;
            while_time_passes_for(&[&world], 5_000, world.sleep(2_000)).await;
            world.run_spawned();
            let next = while_time_passes(&[&world], record(&one, GLOBEX)).await.unwrap();
            assert_eq!((next.id.as_str(), next.already_running), (id, state == "recording"));
        });
    }
}

#[test]
fn a_call_whose_late_look_finds_nothing_gets_the_recording_of_a_response_that_came_meanwhile() {
    run(async {
        let world = World::new();
        let clock = world.clone();
        world.respond_async(move |request| {
            let (clock, is_start) = (clock.clone(), request.method == "POST");
            Box::pin(async move {
                World::sleep(&clock, if is_start { 1_500 } else { 0 }).await;
                Ok(if is_start { created("rec-1") } else { list(&[]) })
            })
        });
        let recorder = with_token(&world).await;
        let started = while_time_passes(&[&world], recorder.start_recording(start_in(GLOBEX), with_timeout(1_000))).await.unwrap();
        assert_eq!((started.id.as_str(), started.already_running), ("rec-1", false));
        assert_eq!(world.spawned_tasks(), 0);
    });
}
