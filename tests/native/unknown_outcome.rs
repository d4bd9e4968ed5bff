//! The next start after one whose outcome is unknown.

use std::cell::Cell;
use std::rc::Rc;

use crate::support::*;
use premium_recorder::cloud::call::CallError;
use premium_recorder::cloud::ports::Timer;
use premium_recorder::cloud::response::Response;
use premium_recorder::model::error::Code;
use premium_recorder::model::time::Timestamp;
use premium_recorder::recorder::Recorder;
use premium_recorder::recording::page_starts::PageStarts;

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
fn without_a_list_the_hint_promises_no_look() {
    run(async {
        let world = World::new();
        world.respond_to_starts(|| Ok(response(503, "")), || list(&[]));
        let recorder = connect(&world, with_contract(r#"{ "list": null }"#)).await;
        let unknown = error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await);
        assert_eq!((unknown.code, unknown.evidence.seen.is_some()), (Code::OutcomeUnknown, false));
        let hint = unknown.hint();
        assert!(hint.contains("contract.list") && !hint.contains("looks first") && !hint.contains("recordings()"), "{hint}");
    });
}

#[test]
fn after_an_unknown_outcome_the_next_start_looks_first() {
    run(async {
        for way in ["aborted", "unknown", "too long"] {
            let world = World::new();
            let is_there = Rc::new(Cell::new(false));
            let listed = is_there.clone();
            world.respond_to_each_start(
                move |_| (if way == "unknown" { 0 } else { NEVER }, Ok(response(503, ""))),
                move || list(&if listed.get() { vec![entity("ours", "recording", 0)] } else { vec![] }),
            );
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
            let started = |number| if number == 1 { (250, Err(lost_response("reset"))) } else { (0, Ok(created("second"))) };
            world.respond_to_each_start(started, move || response(status, r#"{"code":"not.found"}"#));
            let recorder = with_token(&world).await;
            leave(&recorder).await;

            let second = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
            assert_eq!((second.is_ok(), world.starts().len()), (sends, 1 + usize::from(sends)), "{status}");
            if let Err(CallError::Error(refused)) = second {
                assert!(refused.code.retryable() || status == 200, "{status}: nothing was sent");
            }
        }
    });
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
        let listed = is_listed.clone();
        let started = |number| match number {
            1 => (NEVER, Err(lost_response("never"))),
            2 => (0, Err(lost_response("reset"))),
            _ => (0, Ok(created("third"))),
        };
        let of_the_first = || entity("of-the-first", "pending", 200);
        world.respond_to_each_start(started, move || if listed.get() { list(&[of_the_first()]) } else { list(&[]) });
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
fn after_an_unknown_outcome_only_a_recording_that_may_be_the_starts_own_prevents_the_next_start() {
    let undated = format!(r#"{{"id":"r","agentId":"{AGENT}","organizationId":"{GLOBEX}","state":"pending"}}"#);
    let of_type = |named: &str| entity("r", "pending", 500).replace('}', &format!(r#","recordingType":"{named}"}}"#));
    for (recording, expected) in [
        (undated, Err(Code::OutcomeUnknown)),
        (entity("r", "pending", 500), Ok("r")),
        (of_type("screen"), Ok("r")),
        (of_type("audio"), Ok("second")),
        (running_screen_recording().replace("screen", "audio"), Ok("second")),
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
        let stopped = Rc::new(Cell::new(false));
        let is_stopped = stopped.clone();
        let state = move || if is_stopped.get() { "stopped" } else { "recording" };
        world.never_respond_to_the_first_start(move || list(&[entity("first", state(), 200)]));
        let recorder = with_token(&world).await;
        assert_eq!(while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap().id.as_str(), "first");
        stopped.set(true);
        world.run_spawned();
        let second = completed_within(&[&world], 1_000, record(&recorder, GLOBEX)).await.expect("it waits for the first start");
        assert_eq!((second.unwrap().id.as_str(), looks(&world)), ("second", 1));
    });
}

#[test]
fn for_five_minutes_after_a_panic_each_start_is_looked_for_before_it_is_sent() {
    let first = |minutes: i64, state: &str| entity("first", state, -minutes * 60 - 200);
    for (minutes, listed, is_found) in [
        (0, vec![first(0, "recording")], true),
        (0, vec![], false),
        (4, vec![first(4, "recording")], true),
        (4, vec![first(4, "buffering")], true),
        (5, vec![first(5, "recording")], false),
    ] {
        run(async {
            let (world, recordings) = (World::new(), listed.clone());
            world.respond_to_starts(|| Ok(created("second")), move || list(&recordings));
            let page = PageStarts::default();
            page.note_panic(world.now(), world.wall_clock());
            world.advance(minutes * 60_000);
            let recorder = with_token_in(&page, &world).await;
            let started = while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap();
            let expected = if is_found { ("first", true, 0) } else { ("second", false, 1) };
            assert_eq!((started.id.as_str(), started.already_running, world.starts().len()), expected, "{minutes} minutes, {listed:?}");
        });
    }
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
fn after_an_abort_the_next_call_finds_the_recording_in_any_state() {
    for state in ["starting", "unknown"] {
        run(async {
            let world = World::new();
            world.never_respond_to_the_first_start(move || list(&[entity("ours", state, 5)]));
            let recorder = with_token(&world).await;
            leave(&recorder).await;
            let again = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
            assert_eq!((again.unwrap().id.as_str(), world.starts().len()), ("ours", 1));
        });
    }
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
fn an_earlier_start_that_ends_well_leaves_a_later_lost_one_to_be_looked_for() {
    run(async {
        let world = World::new();
        let (clock, posts) = (world.clone(), Rc::new(Cell::new(0)));
        let log = posts.clone();
        world.respond_async(move |request| {
            let clock = clock.clone();
            if request.method == "GET" {
                return Box::pin(async { Ok(list(&[entity("rec-1", "recording", 0), entity("rec-2", "recording", 0)])) });
            }
            log.set(log.get() + 1);
            let is_first = log.get() == 1;
            Box::pin(async move {
                World::sleep(&clock, if is_first { 3_000 } else { 1_000 }).await;
                if is_first { Ok(created("rec-1")) } else { Err(lost_response("reset")) }
            })
        });
        let recorder = with_token(&world).await;
        let later = async {
            yield_now().await;
            aborted_when(yield_now(), async |options| recorder.start_recording(unshared_start(), options).await).await
        };
        let (earlier, _) = while_time_passes(&[&world], join(record(&recorder, GLOBEX), later)).await;
        assert_eq!((earlier.unwrap().id.as_str(), posts.get(), looks(&world)), ("rec-1", 2, 0));
        while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap();
        assert_eq!(posts.get(), 2, "it looks first, and finds what runs");
    });
}

/// A start leads to the recording `first`, of which one of its calls does not know, and a start that shares nothing is sent meanwhile
/// and lost. `state`: of the first recording. `listed`: the response of the list.
async fn start_beside_a_lost_one(
    world: &World,
    state: impl Fn() -> &'static str + 'static,
    listed: impl Fn(String) -> Response + 'static,
) -> Recorder<World> {
    let (clock, sent) = (world.clone(), Cell::new(0));
    world.respond_async(move |request| {
        let first = entity("first", state(), 0);
        let is_start = request.method == "POST";
        sent.set(sent.get() + usize::from(is_start));
        let (delay, result) = match (is_start, sent.get()) {
            (true, 1) => (3_000, Ok(response(201, &first))),
            (true, 2) => (100, Err(lost_response("reset"))),
            (true, _) => (0, Ok(created("third"))),
            _ if request.url.contains("?agentId=") => (0, Ok(listed(first))),
            _ => (0, Ok(response(200, &first))),
        };
        let arrives = clock.sleep(delay);
        Box::pin(async move {
            arrives.await;
            result
        })
    });
    let recorder = with_token(world).await;
    let start = |start, timeout| recorder.start_recording(start, with_timeout(timeout));
    let unshared = async {
        world.sleep(500).await;
        start(unshared_start(), 400).await
    };
    let calls = futures::future::join3(start(start_in(GLOBEX), 1_000), start(start_in(GLOBEX), 15_000), unshared);
    let (early, first, lost) = while_time_passes(&[world], calls).await;
    assert_eq!((error(early).code, first.unwrap().id.as_str()), (Code::OutcomeUnknown, "first"));
    assert_eq!(error(lost).code, Code::OutcomeUnknown);
    recorder
}

#[test]
fn a_start_that_is_remembered_hides_no_later_one_whose_outcome_is_unknown() {
    run(async {
        let world = World::new();
        let (stopped, clock) = (Rc::new(Cell::new(false)), world.clone());
        let is_stopped = stopped.clone();
        let state = move || if is_stopped.get() { "stopped" } else { "recording" };
        // The list shows the recording of the lost start late.
        let listed = move |first| match clock.time() > NOW + 20_000 {
            true => list(&[first, entity("second", "recording", 0)]),
            false => list(&[first]),
        };
        let recorder = start_beside_a_lost_one(&world, state, listed).await;
        stopped.set(true);
        world.advance(30_000);
        assert_eq!(while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap().id.as_str(), "second");
    });
}

#[test]
fn a_start_that_is_remembered_beside_a_lost_one_is_read_before_another_is_sent() {
    run(async {
        let world = World::new();
        // The API has no list.
        let recorder = start_beside_a_lost_one(&world, || "recording", |_| response(404, "")).await;
        assert_eq!(while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap().id.as_str(), "first");
    });
}

/// One call does not know of the recording, and another one finds it after the start has ended without a result.
#[test]
fn a_recording_that_is_found_after_its_start_has_ended_is_remembered_for_the_call_that_does_not_know_of_it() {
    run(async {
        let world = World::new();
        let (clock, posts, lists) = (world.clone(), Rc::new(Cell::new(0)), Cell::new(0));
        let sent = posts.clone();
        world.respond_async(move |request| {
            let first = entity("first", "recording", 0);
            let (is_start, is_list) = (request.method == "POST", request.url.contains("?agentId="));
            sent.set(sent.get() + u32::from(is_start));
            lists.set(lists.get() + u32::from(is_list));
            let (delay, result) = match (is_start, is_list) {
                (true, _) if sent.get() == 1 => (3_200, response(503, "")),
                (true, _) => (0, created("second")),
                // The third call's list is the only one that shows the recording. It comes late.
                (_, true) if lists.get() == 5 => (1_000, list(&[first])),
                (_, true) if lists.get() < 7 => (0, list(&[])),
                (_, true) => (0, list(&[first])),
                _ => (0, response(200, &first)),
            };
            let arrives = clock.sleep(delay);
            Box::pin(async move {
                arrives.await;
                Ok(result)
            })
        });
        let recorder = with_token(&world).await;
        let start = |timeout| recorder.start_recording(start_in(GLOBEX), with_timeout(timeout));
        let calls = futures::future::join3(start(1_000), start(3_000), start(15_000));
        let (early, finds, late) = while_time_passes(&[&world], calls).await;
        assert_eq!((error(early).code, error(late).code), (Code::OutcomeUnknown, Code::OutcomeUnknown));
        assert_eq!(finds.unwrap().id.as_str(), "first");
        let again = while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap();
        assert_eq!((again.id.as_str(), posts.get()), ("first", 1));
    });
}
