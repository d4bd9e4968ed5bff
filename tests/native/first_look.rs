//! The look before a start that had to wait.

use std::cell::RefCell;
use std::rc::Rc;

use crate::support::*;
use premium_recorder::auth::ports::Locks;
use premium_recorder::cloud::ports::TransportError;
use premium_recorder::cloud::response::Response;
use premium_recorder::model::error::Code;
use premium_recorder::recording::page_starts::PageStarts;

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

/// Another tab, or another call of this page, may have started the agent by the time that a token says for which organization the
/// call is.
#[test]
fn a_call_that_waited_for_its_organization_looks_first() {
    for (has_locks, listed, sends) in [(true, Some("theirs"), 0), (false, Some("theirs"), 0), (true, None, 1), (false, None, 1)] {
        run(async {
            let world = World::new();
            if !has_locks {
                world.disable_locks();
            }
            world.issue(&jwt_for(GLOBEX));
            world.respond(move |request| match request.method.as_str() {
                "POST" => created("own"),
                _ if request.url.contains("/tokens/me") => response(200, &token_info(GLOBEX)),
                _ => list(&listed.map(|id| entity(id, "recording", 500)).into_iter().collect::<Vec<_>>()),
            });
            let recorder = connect(&world, options(&[])).await;
            let recording = record_in_current_org(&recorder).await.unwrap();
            assert_eq!(recording.id.as_str(), listed.unwrap_or("own"), "{has_locks}");
            assert_eq!((world.starts().len(), looks(&world)), (sends, 1), "{has_locks}");
            // The organization is known now.
            let _ = record_in_current_org(&recorder).await;
            assert_eq!(looks(&world), 1, "{has_locks}");
        });
    }
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

/// Two recorders of a page start. The first is answered after 5 s, the second starts at `second_at`, and another tab holds the
/// lock until `lock_until`. The cloud lists a recording that began two minutes ago. Returns how many starts were sent.
fn starts_beside_a_pending_recording(first: fn() -> Result<Response, TransportError>, second_at: i64, lock_until: Option<i64>) -> usize {
    run(async {
        let world = World::new();
        let started = move |number| if number == 1 { (5_000, first()) } else { (0, Ok(created("second"))) };
        world.respond_to_each_start(started, || list(&[entity("old", "pending", -120_000)]));
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
fn a_start_that_waited_for_another_sends_nothing_if_the_recording_may_be_on_another_page_of_the_list() {
    for is_tab in [false, true] {
        run(async {
            let world = World::new();
            let there = if is_tab { world.another_page() } else { world.clone() };
            for page in [&there, &world] {
                page.respond_to_each_start(|_| (500, Ok(created("rec-1"))), || first_page(MORE_PAGES[0]));
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

#[test]
fn a_start_that_waited_for_one_that_the_api_refused_is_sent_although_the_list_has_more_pages() {
    run(async {
        let world = World::new();
        let started = |number| if number == 1 { (500, Ok(response(400, ""))) } else { (0, Ok(created("second"))) };
        world.respond_to_each_start(started, || first_page(MORE_PAGES[0]));
        let page = PageStarts::default();
        let one = with_token_in(&page, &world).await;
        let other = with_token_in(&page, &world).await;
        let (refused, waited) = while_time_passes(&[&world], join(record(&one, GLOBEX), record(&other, GLOBEX))).await;
        assert_eq!((error(refused).code, waited.unwrap().id.as_str()), (Code::BadRequest, "second"));
    });
}
