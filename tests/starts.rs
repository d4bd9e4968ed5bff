//! A start happens once, or says that it does not know: lost answers, conflicts, calls and pages that ask for the same.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::{join, join_all};
use premium_recorder::cloud::call::CallError;
use premium_recorder::cloud::ports::TransportError;
use premium_recorder::cloud::response::Response;
use premium_recorder::cloud::signal::Signal;
use premium_recorder::model::error::{Cause, Code};
use premium_recorder::recorder::Recorder;
use premium_recorder::recorder::settings::Options;
use premium_recorder::recording::start::Start;
use premium_recorder::recording::{Recording, State};
use support::*;

async fn with_token(world: &World) -> Recorder<World> {
    connect(world, options(&[&jwt_for(GLOBEX)])).await
}

fn looks(world: &World) -> usize {
    world.requests().iter().filter(|request| request.method == "GET" && request.url.contains("/screenrecordings?agentId=")).count()
}

/// A cloud whose answer to a start is this, and that lists these recordings.
fn cloud(world: &World, started: impl Fn() -> Result<Response, TransportError> + 'static, listed: impl Fn() -> Response + 'static) {
    world.respond_async(move |request| {
        let result = if request.method == "POST" { started() } else { Ok(listed()) };
        Box::pin(async { result })
    });
}

/// A start that is aborted after its first turn.
async fn aborted(recorder: &Recorder<World>) -> Result<Recording, CallError> {
    aborted_when(yield_now(), async |options| recorder.start_recording(start_in(GLOBEX), options).await).await
}

#[test]
fn a_start_whose_answer_is_lost_is_found_and_not_sent_again() {
    let ways: [fn() -> Result<Response, TransportError>; 7] = [
        || Err(lost_response("reset")),
        || Err(TransportError { status: Some(201), ..lost_response("half an answer") }),
        || Ok(response(500, "")),
        || Ok(response(503, "")),
        || Ok(response(408, "")),
        || Ok(response(201, "<html>")),
        || Ok(response(201, r#"{"id":"rec-2","agentId":"somebody else"}"#)),
    ];
    for way in ways {
        run(async {
            let world = World::new();
            cloud(&world, way, || list(&[entity("old", "stopped", -5_000), entity("ours", "recording", 40)]));
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
fn one_that_began_by_the_time_of_the_second_look_is_found() {
    run(async {
        let world = World::new();
        let asked = Cell::new(0);
        cloud(
            &world,
            || Err(lost_response("reset")),
            move || {
                asked.set(asked.get() + 1);
                list(&if asked.get() == 1 { vec![] } else { vec![entity("late", "recording", 900)] })
            },
        );
        let recorder = with_token(&world).await;
        let found = while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap();
        assert_eq!((found.id.as_str(), world.starts().len(), looks(&world)), ("late", 1, 2));
    });
}

#[test]
fn what_can_not_be_told_to_be_ours_is_an_unknown_outcome_with_what_was_seen() {
    type Listed = fn() -> Response;
    let cases: [(Listed, Option<usize>, &str); 9] = [
        (|| list(&[]), Some(0), "no recording of the agent."),
        (|| list(&[entity("old", "recording", -2_001)]), Some(1), "no other recording of the agent"),
        (|| list(&[entity("one", "recording", 10), entity("two", "recording", 20)]), Some(2), "several"),
        // Another agent's, and another organization's, are not even listed.
        (|| list(&[entity("x", "recording", 10).replace(AGENT, "another")]), Some(0), "no recording of the agent."),
        (|| list(&[entity("x", "recording", 10).replace(GLOBEX, ACME)]), Some(0), "no recording of the agent."),
        // One that does not say when it began is nobody's.
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
            cloud(&world, || Err(lost_response("reset")), listed);
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
fn what_was_seen_is_told_in_the_clouds_words() {
    run(async {
        let world = World::new();
        cloud(&world, || Ok(response(502, "")), || list(&[entity("old", "archived", -60_000)]));
        let recorder = with_token(&world).await;
        let unknown = error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await);
        let listed = &unknown.evidence.seen.as_ref().unwrap()[0];
        assert_eq!((listed.id.as_str(), listed.state.as_str(), listed.started_at.clone()), ("old", "archived", Some(iso(-60_000))));
        assert_eq!((unknown.code, unknown.evidence.status), (Code::OutcomeUnknown, Some(502)));
    });
}

#[test]
fn since_when_is_told_by_the_clouds_clock() {
    for (ahead, started, is_ours) in
        [(600_000, 600_010, true), (600_000, 10, false), (-600_000, -599_990, true), (-600_000, -603_000, false)]
    {
        run(async {
            let world = World::new();
            world.respond_async(move |request| {
                let is_start = request.method == "POST";
                let response = if is_start { response(500, "") } else { list(&[entity("ours", "recording", started)]) };
                let date = premium_recorder::model::time::Timestamp::from_millis((NOW + ahead) / 1000 * 1000);
                Box::pin(async move { Ok(Response { date: Some(date), ..response }) })
            });
            let recorder = with_token(&world).await;
            let found = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
            assert_eq!(found.is_ok(), is_ours, "{ahead} {started}");
        });
    }
}

#[test]
fn a_start_that_takes_too_long_is_looked_for_at_most_five_seconds_more() {
    run(async {
        for hangs in [false, true] {
            let world = World::new();
            world.respond_async(move |request| {
                let answers = request.method == "GET" && !hangs;
                Box::pin(async move { if answers { Ok(list(&[entity("ours", "recording", 100)])) } else { std::future::pending().await } })
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
fn a_close_after_the_start_was_sent_says_so_also_while_it_is_looked_for() {
    run(async {
        for millis in [0, 15_000] {
            let world = World::new();
            world.respond_async(|_| Box::pin(std::future::pending()));
            let recorder = with_token(&world).await;
            let somebody = async {
                yield_now().await;
                world.advance(millis);
                yield_now().await;
                recorder.close();
            };
            let closed = error(join(record(&recorder, GLOBEX), somebody).await.0);
            assert_eq!((closed.code, looks(&world)), (Code::Closed, usize::from(millis > 0)));
            assert!(closed.message.contains("may be running"), "{}", closed.message);
        }
    });
}

#[test]
fn a_conflict_with_a_running_recording_is_that_recording() {
    run(async {
        let world = World::new();
        let listed = || list(&[entity("a", "recording", -90_000), entity("b", "recording", -60_000), entity("c", "stopped", -10)]);
        cloud(&world, || Ok(response(409, r#"{"code":"conflict","message":"being recorded"}"#)), listed);
        let recorder = with_token(&world).await;
        let running = record(&recorder, GLOBEX).await.unwrap();
        assert_eq!((running.id.as_str(), running.already_running, running.started_at), ("b", true, Some(iso(-60_000))));
        assert_eq!((world.starts().len(), looks(&world)), (1, 1));
    });
}

#[test]
fn a_conflict_without_a_running_recording_stays_one() {
    for (status, body, listed) in [
        (409, "", r#"{"entities":[]}"#.to_owned()),
        (409, "", format!(r#"{{"entities":[{}]}}"#, entity("x", "stopped", 0))),
        // A state that is not known is not taken for running.
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
            cloud(&world, move || Ok(response(status, body)), move || response(200, &listed));
            let recorder = with_token(&world).await;
            let refused = error(record(&recorder, GLOBEX).await);
            assert_eq!((refused.code, refused.evidence.status, world.starts().len()), (Code::Conflict, Some(status), 1));
        });
    }
}

/// A cloud that answers a start when told, with its number.
fn answers_when_told(world: &World) -> Rc<RefCell<Vec<oneshot::Sender<()>>>> {
    let tellers = Rc::new(RefCell::new(Vec::new()));
    let to_tell = tellers.clone();
    let recordings = Rc::new(RefCell::new(Vec::new()));
    world.respond_async(move |request| {
        if request.method == "GET" {
            let listed = list(&recordings.borrow());
            return Box::pin(async move { Ok(listed) });
        }
        let (tell, told) = oneshot::channel();
        to_tell.borrow_mut().push(tell);
        let id = format!("rec-{}", to_tell.borrow().len());
        recordings.borrow_mut().push(entity(&id, "recording", 0));
        Box::pin(async move {
            told.await.unwrap();
            Ok(created(&id))
        })
    });
    tellers
}

#[test]
fn calls_for_the_same_at_the_same_time_come_to_one_start() {
    run(async {
        let world = World::new();
        let tellers = answers_when_told(&world);
        let recorder = with_token(&world).await;
        let calls = join_all((0..20).map(|_| record(&recorder, GLOBEX)));
        let (started, ()) = join(calls, async { tellers.borrow_mut().remove(0).send(()).unwrap() }).await;
        assert!(started.into_iter().all(|started| started.unwrap().id.as_str() == "rec-1"));
        assert_eq!(world.requests().len(), 1);
    });
}

#[test]
fn calls_for_something_else_or_of_their_own_or_later_are_not_shared() {
    run(async {
        let world = World::new();
        world.respond(|_| response(201, r#"{"id":"rec","state":"recording"}"#));
        let recorder = connect(&world, options(&[&jwt_for(GLOBEX), &jwt_for(ACME)])).await;
        let of = |agent: &str, org: &str, kind: Option<&str>| Start::new(agent, Some(org), kind.map(str::to_owned)).unwrap();
        let starts = [
            of(AGENT, GLOBEX, None),
            of("another", GLOBEX, None),
            of(AGENT, ACME, None),
            of(AGENT, GLOBEX, Some("audio")),
            Start { shares: false, ..start_in(GLOBEX) },
            Start { shares: false, ..start_in(GLOBEX) },
        ];
        let calls = join_all(starts.into_iter().map(|start| recorder.start_recording(start, no_options())));
        assert!(calls.await.iter().all(Result::is_ok));
        assert_eq!(world.starts().len(), 6);
        record(&recorder, GLOBEX).await.unwrap();
        assert_eq!((world.starts().len(), looks(&world)), (7, 0));
    });
}

#[test]
fn one_sharers_abort_or_time_does_not_take_the_start_from_the_other() {
    run(async {
        let world = World::new();
        let tellers = answers_when_told(&world);
        let recorder = with_token(&world).await;
        let signal = Signal::default();
        // The first one drives the start, and leaves.
        let first = recorder.start_recording(start_in(GLOBEX), with_signal(&signal));
        let impatient = recorder.start_recording(start_in(GLOBEX), with_timeout(300));
        let others = async {
            signal.abort();
            yield_now().await;
            world.advance(300);
            yield_now().await;
            tellers.borrow_mut().remove(0).send(()).unwrap();
        };
        let ((first, impatient), (second, ())) = join(join(first, impatient), join(record(&recorder, GLOBEX), others)).await;
        assert!(matches!(first, Err(CallError::Aborted)));
        // Its own time was over, and it looked.
        assert_eq!(impatient.unwrap().id.as_str(), "rec-1");
        assert_eq!(second.unwrap().id.as_str(), "rec-1");
        assert_eq!(world.starts().len(), 1);
    });
}

/// Where a token has to be obtained, another page whose token came sooner may be done by then.
#[test]
fn a_page_whose_token_is_long_in_coming_looks_first() {
    run(async {
        for (listed, sends) in [(Some("theirs"), 0), (None, 1)] {
            let world = World::new();
            let release = world.issue_when_released(|_| true);
            cloud(
                &world,
                || Ok(created("own")),
                move || list(&listed.map(|id| entity(id, "recording", 500)).into_iter().collect::<Vec<_>>()),
            );
            let recorder = connect(&world, options(&[])).await;
            let (recording, ()) = join(record(&recorder, GLOBEX), async { release.send() }).await;
            let recording = recording.unwrap();
            assert_eq!((recording.id.as_str(), recording.already_running), (listed.unwrap_or("own"), false));
            assert_eq!((world.starts().len(), looks(&world)), (sends, 1));
            // With a token at hand it does not.
            let _ = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
            let methods: Vec<_> = world.requests().into_iter().map(|request| request.method).collect();
            assert_eq!(methods[sends + 1], "POST", "{methods:?}");
        }
    });
}

#[test]
fn a_recording_of_an_earlier_start_is_not_taken_for_that_of_a_later_one() {
    run(async {
        for (state, is_known) in [("recording", true), ("stopped", true), ("stopped", false)] {
            let world = World::new();
            let is_lost = Rc::new(Cell::new(false));
            let loses = is_lost.clone();
            cloud(
                &world,
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
fn after_a_start_of_unknown_outcome_the_next_one_looks_first() {
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
                assert!(matches!(aborted(&recorder).await, Err(CallError::Aborted)));
            } else {
                assert_eq!(error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await).code, Code::OutcomeUnknown);
            }
            is_there.set(true);
            world.advance(60_000);
            let found = record(&recorder, GLOBEX).await.unwrap();
            assert_eq!((found.id.as_str(), found.already_running, world.starts().len()), ("ours", true, 1), "{way}");
            // Now it is known, and the next start is for the cloud to judge.
            let _ = aborted(&recorder).await;
            assert_eq!(world.starts().len(), 2, "{way}");
        }
    });
}

#[test]
fn one_that_was_not_sent_leaves_nothing_to_look_for() {
    run(async {
        let world = World::new();
        world.disable_locks().respond(|_| created("rec-1")).token_source(|_| Box::pin(std::future::pending()));
        let recorder = connect(&world, options(&[])).await;
        assert!(matches!(aborted(&recorder).await, Err(CallError::Aborted)));
        world.issue_per_org();
        record(&recorder, GLOBEX).await.unwrap();
        assert_eq!(world.requests().len(), 1);
    });
}

#[test]
fn a_look_that_fails_before_a_start_sends_nothing_and_one_that_is_refused_leaves_it_to_the_start() {
    run(async {
        for (status, sends) in [(503, false), (429, false), (404, true), (403, true), (405, true), (200, false)] {
            let world = World::new();
            let is_second = Rc::new(Cell::new(false));
            let answers = is_second.clone();
            world.respond_async(move |request| {
                let is_start = request.method == "POST";
                let second = answers.get();
                let body = r#"{"code":"not.found"}"#;
                Box::pin(async move {
                    match (is_start, second) {
                        (true, false) => std::future::pending().await,
                        (true, true) => Ok(created("second")),
                        (false, _) => Ok(response(status, body)),
                    }
                })
            });
            let recorder = with_token(&world).await;
            assert!(matches!(aborted(&recorder).await, Err(CallError::Aborted)));
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
fn two_pages_come_to_one_start_where_there_are_locks() {
    run(async {
        let one = World::new();
        let tellers = answers_when_told(&one);
        let (first, second) = {
            let other = one.another_page();
            let cloud = one.clone();
            other.respond_async(move |request| cloud.response_to(request));
            (with_token(&one).await, (with_token(&other).await, other))
        };
        let (second, other) = second;
        let tell = async {
            yield_now().await;
            tellers.borrow_mut().remove(0).send(()).unwrap();
        };
        let ((started, found), ()) = join(join(record(&first, GLOBEX), record(&second, GLOBEX)), tell).await;
        let (started, found) = (started.unwrap(), found.unwrap());
        assert_eq!((started.id.as_str(), started.already_running), ("rec-1", false));
        assert_eq!((found.id.as_str(), found.already_running), ("rec-1", false));
        assert_eq!((one.starts().len(), other.starts().len(), looks(&other)), (1, 0, 1));
        assert!(one.held_locks().is_empty());
    });
}

#[test]
fn a_page_that_leaves_its_start_leaves_the_lock_as_well() {
    run(async {
        let one = World::new();
        one.respond_async(|_| Box::pin(std::future::pending()));
        let other = one.another_page();
        other.respond(|request| if request.method == "POST" { created("second") } else { list(&[]) });
        let (first, second) = (with_token(&one).await, with_token(&other).await);
        let mut left = Box::pin(record(&first, GLOBEX));
        assert!(left.as_mut().now_or_never().is_none());
        assert_eq!(one.held_locks().len(), 1);
        let found = while_time_passes(&[&one, &other], join(record(&second, GLOBEX), async { drop(left) })).await.0;
        assert_eq!((found.unwrap().id.as_str(), looks(&other)), ("second", 2));
        assert!(one.held_locks().is_empty());
    });
}

#[test]
fn pages_of_other_environments_do_not_wait_for_each_other() {
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
fn without_locks_the_cloud_decides() {
    run(async {
        let world = World::new();
        world.disable_locks();
        cloud(&world, || Ok(response(409, "")), || list(&[entity("theirs", "recording", -10)]));
        let recorder = with_token(&world).await;
        let running = record(&recorder, GLOBEX).await.unwrap();
        assert_eq!((running.id.as_str(), running.already_running), ("theirs", true));
    });
}

#[test]
fn each_start_has_an_idempotency_key_of_its_own_that_stays_when_it_is_sent_again() {
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
        let options = Options { idempotency_header: Some("Idempotency-Key".into()), ..options(&[&jwt_for(GLOBEX)]) };
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
