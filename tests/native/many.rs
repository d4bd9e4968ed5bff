//! Batches: the order of starts, concurrency, aborts, and one result for each start.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use crate::support::*;
use futures::future::LocalBoxFuture;
use premium_recorder::cloud::call::CallError;
use premium_recorder::cloud::response::Response;
use premium_recorder::cloud::signal::Signal;
use premium_recorder::model::error::{Code, Error};
use premium_recorder::model::ids::OrgId;
use premium_recorder::recorder::settings::Options;
use premium_recorder::recording::Recording;
use premium_recorder::recording::batch::{Batch, BatchProgress};
use premium_recorder::recording::start::Start;

fn agent_of(request: &SentRequest) -> String {
    let body: serde_json::Value = serde_json::from_str(request.body.as_ref().unwrap()).unwrap();
    body["agentId"].as_str().unwrap().to_owned()
}

fn created(request: &SentRequest) -> Response {
    response(201, &format!(r#"{{"id":"rec-{}","state":"recording"}}"#, agent_of(request)))
}

fn three_orgs() -> Options {
    options(&[&jwt_for(ACME), &jwt_for(GLOBEX), &jwt_for(INITECH)])
}

#[test]
fn results_are_in_order_and_a_failed_start_stops_no_other() {
    run(async {
        let world = World::new();
        world.respond(|request| match request.method == "GET" || agent_of(request) == "bad" {
            true => response(404, r#"{"code":"not.found"}"#),
            false => created(request),
        });
        let recorder = connect(&world, three_orgs()).await;
        let starts = vec![
            start_of("a", ACME),
            start_of("", ACME),
            start_of("bad", GLOBEX),
            start_of("b", INITECH),
            start_of("c", "no org"),
            start_of("d", ACME),
        ];
        let results = start_many(&recorder, starts, concurrency(2)).await;
        let outcomes: Vec<_> = results
            .into_iter()
            .map(|result| match result {
                Ok(recording) => recording.id.as_str().to_owned(),
                failed => error(failed).code.as_str().to_owned(),
            })
            .collect();
        assert_eq!(outcomes, ["rec-a", "BAD_ARGUMENT", "AGENT_NOT_FOUND", "rec-b", "BAD_ARGUMENT", "rec-d"]);
    });
}

#[test]
fn organizations_take_turns() {
    run(async {
        let world = World::new();
        world.respond(created);
        let recorder = connect(&world, three_orgs()).await;
        let of = |org: &'static str, count: usize| (0..count).map(move |number| start_of(&format!("{org}-{number}"), org));
        let starts = of(ACME, 4).chain(of(GLOBEX, 2)).chain(of(INITECH, 3)).collect();
        assert!(start_many(&recorder, starts, concurrency(1)).await.iter().all(Result::is_ok));
        let orgs: Vec<_> = world.starts().into_iter().map(|request| request.org.unwrap()).collect();
        assert_eq!(orgs, [ACME, GLOBEX, INITECH, ACME, GLOBEX, INITECH, ACME, INITECH, ACME]);
        let agents: Vec<_> = world.starts().iter().filter(|request| request.org.as_deref() == Some(ACME)).map(agent_of).collect();
        assert_eq!(agents, (0..4).map(|number| format!("{ACME}-{number}")).collect::<Vec<_>>());
    });
}

#[test]
fn an_organization_that_has_to_wait_keeps_its_turn_before_one_that_comes_later() {
    run(async {
        let world = World::new();
        world.respond(created);
        let release = world.issue_when_released(|org| org == INITECH);
        let recorder = connect(&world, options(&[&jwt_for(ACME), &jwt_for(GLOBEX)])).await;
        let batch = Batch { concurrency: 1, requests_per_minute: Some(1) };
        // No slot is free for a minute.
        start_many(&recorder, vec![start_of("a", ACME), start_of("a", GLOBEX)], batch).await;
        world.clear_log();
        let starts = vec![start_of("b", ACME), start_of("b", GLOBEX), start_of("b", INITECH)];
        let mut starts = pin!(start_many_with(&recorder, starts, batch, |_| {}, with_timeout(120_000)));
        assert!(poll_once(starts.as_mut()).await.is_pending());
        release.send();
        world.advance(60 * SECOND);
        assert!(starts.await.unwrap().iter().all(Result::is_ok));
        let orgs: Vec<_> = world.starts().into_iter().map(|request| request.org.unwrap()).collect();
        assert_eq!(orgs, [ACME, GLOBEX, INITECH]);
    });
}

/// The cloud responds to each start when the test releases it. Returns the releases of the starts in flight.
fn respond_when_released(world: &World) -> Releases {
    let releases = Releases::default();
    let pending = releases.clone();
    world.respond_async(move |request| {
        let (release, released) = gate();
        pending.borrow_mut().push(release);
        let response = created(request);
        Box::pin(async move {
            released.await.unwrap();
            Ok(response)
        })
    });
    releases
}

#[test]
fn no_more_starts_are_in_flight_than_the_concurrency_allows() {
    run(async {
        let world = World::new();
        let releases = respond_when_released(&world);
        let recorder = connect(&world, three_orgs()).await;
        let starts = (0..10).map(|number| start_of(&format!("agent-{number}"), [ACME, GLOBEX, INITECH][number % 3])).collect();
        let most = Cell::new(0);
        let cloud = async {
            for completed in 0..10 {
                wait_until(|| world.starts().len() == (completed + 4).min(10)).await;
                yield_now().await;
                most.set(most.get().max(releases.borrow().len()));
                releases.borrow_mut().remove(0).send();
            }
        };
        let (results, ()) = join(start_many(&recorder, starts, concurrency(4)), cloud).await;
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(most.get(), 4);
    });
}

#[test]
fn an_organization_without_a_token_calls_get_token_once_and_stops_no_other() {
    run(async {
        let world = World::new();
        world.respond(created);
        world.token_source(|call| {
            Box::pin(async move {
                if call.org == ACME {
                    Err(premium_recorder::model::error::Cause::Foreign(Rc::new("no".to_owned())))
                } else {
                    Ok(issued_token(&jwt_for(&call.org)))
                }
            })
        });
        let recorder = connect(&world, options(&[])).await;
        let starts = (0..40).map(|number| start_of(&format!("agent-{number}"), [ACME, GLOBEX][number % 2])).collect();
        let results = start_many(&recorder, starts, concurrency(6)).await;
        for (at, result) in results.into_iter().enumerate() {
            match at % 2 {
                0 => assert_eq!(error(result).code, Code::TokenSourceFailed),
                _ => assert_eq!(result.unwrap().org.as_str(), GLOBEX),
            }
        }
        assert_eq!((world.get_token_calls().len(), world.starts().len()), (2, 20));
    });
}

#[test]
fn a_slow_token_delays_no_other_organization() {
    run(async {
        let world = World::new();
        world.respond(created);
        let release = world.issue_when_released(|org| org == ACME);
        let recorder = connect(&world, options(&[])).await;
        let starts = (0..40).map(|number| start_of(&format!("agent-{number}"), [ACME, GLOBEX][number % 2])).collect();
        let cloud = async {
            wait_until(|| world.starts().len() == 20).await;
            release.send();
        };
        let (results, ()) = join(start_many(&recorder, starts, concurrency(2)), cloud).await;
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(world.starts().len(), 40);
    });
}

/// A start in each of so many organizations.
fn starts_in_orgs(count: usize) -> Vec<Result<Start, Error>> {
    (0..count).map(|number| start_of("a", &format!("{number:08x}-0000-4000-8000-000000000000"))).collect()
}

#[test]
fn the_page_can_do_something_else_after_twenty_calls_of_get_token() {
    run(async {
        let world = World::new();
        world.respond(created);
        let release = world.issue_when_released(|_| true);
        let recorder = connect(&world, options(&[])).await;
        let mut batch = pin!(start_many(&recorder, starts_in_orgs(50), concurrency(6)));
        for calls in [20, 40, 50, 50] {
            assert!(poll_once(batch.as_mut()).await.is_pending());
            assert_eq!(world.get_token_calls().len(), calls);
        }
        release.send();
        assert!(batch.await.iter().all(Result::is_ok));
        assert_eq!((world.get_token_calls().len(), world.starts().len()), (50, 50));
    });
}

#[test]
fn an_abort_calls_get_token_for_no_further_organization() {
    run(async {
        let world = World::new();
        let _release = world.issue_when_released(|_| true);
        let recorder = connect(&world, options(&[])).await;
        let signal = Signal::default();
        let mut batch = pin!(start_many_with(&recorder, starts_in_orgs(50), concurrency(6), |_| {}, with_signal(&signal)));
        assert!(poll_once(batch.as_mut()).await.is_pending());
        signal.abort();
        // At once, and not turn by turn.
        let Poll::Ready(results) = poll_once(batch.as_mut()).await else { panic!("it goes on") };
        let results = results.unwrap();
        assert_eq!(results.len(), 50);
        assert!(results.iter().all(|result| matches!(result, Err(CallError::Aborted))));
        assert_eq!((world.get_token_calls().len(), world.requests().len()), (20, 0));
    });
}

#[test]
fn a_token_that_comes_with_the_end_of_the_batch_starts_nothing() {
    run(async {
        for is_closed in [false, true] {
            let world = World::new();
            let release = world.issue_when_released(|_| true);
            // No slot is free after the first start.
            let batch = Batch { concurrency: 6, requests_per_minute: Some(1) };
            let recorder = connect(&world, options(&[])).await;
            let signal = Signal::default();
            let starts = starts_in(ACME, 3);
            let mut starts = pin!(start_many_with(&recorder, starts, batch, |_| {}, with_signal(&signal)));
            assert!(poll_once(starts.as_mut()).await.is_pending());
            release.send();
            if is_closed {
                recorder.close()
            } else {
                signal.abort()
            }
            let Poll::Ready(results) = poll_once(starts.as_mut()).await else { panic!("it goes on") };
            assert_eq!(results.unwrap().iter().filter(|result| result.is_err()).count(), 3);
            assert_eq!(world.requests().len(), 0);
        }
    });
}

#[test]
fn organizations_with_a_token_do_not_wait_for_those_without() {
    run(async {
        let world = World::new();
        world.respond(created);
        let _release = world.issue_when_released(|_| true);
        let recorder = connect(&world, three_orgs()).await;
        let starts = starts_in_orgs(50).into_iter().chain(starts_in(INITECH, 5)).collect();
        let mut batch = pin!(start_many(&recorder, starts, concurrency(6)));
        assert!(poll_once(batch.as_mut()).await.is_pending());
        assert_eq!((world.get_token_calls().len(), world.starts().len()), (20, 5));
    });
}

#[test]
fn an_abort_cancels_unsent_starts_and_waits_for_sent_ones() {
    run(async {
        let world = World::new();
        let releases = respond_when_released(&world);
        let recorder = connect(&world, three_orgs()).await;
        let starts = starts_in(ACME, 20);
        let signal = Signal::default();
        let settled = Cell::new(0);
        let cloud = async {
            wait_until(|| world.starts().len() == 3).await;
            signal.abort();
            wait_until(|| settled.get() == 17).await;
            releases.borrow_mut().drain(..).for_each(Release::send);
        };
        let on_progress = |progress: BatchProgress| settled.set(progress.fulfilled + progress.rejected);
        let (results, ()) = join(start_many_with(&recorder, starts, concurrency(3), on_progress, with_signal(&signal)), cloud).await;
        let results = results.unwrap();
        assert!(results[..3].iter().all(Result::is_ok));
        assert!(results[3..].iter().all(|result| matches!(result, Err(CallError::Aborted))));
        assert_eq!(world.starts().len(), 3);
    });
}

#[test]
fn an_abort_cancels_starts_that_wait_for_a_token() {
    run(async {
        let world = World::new();
        world.token_source(|_| Box::pin(std::future::pending()));
        let recorder = connect(&world, options(&[])).await;
        let starts = vec![start_of("a", ACME), start_of("b", GLOBEX)];
        let results = aborted_when(yield_now(), async |options| start_many_with(&recorder, starts, concurrency(2), |_| {}, options).await);
        assert!(results.await.unwrap().iter().all(|result| matches!(result, Err(CallError::Aborted))));
        assert!(world.requests().is_empty());
    });
}

/// Another page's start for the agent "busy", which gets no response and holds the agent's lock until it is dropped.
async fn start_on_another_page(world: &World) -> LocalBoxFuture<'static, Result<Recording, CallError>> {
    let other = world.another_page();
    other.respond_async(|_| Box::pin(std::future::pending()));
    let mut call: LocalBoxFuture<'static, _> = Box::pin(async move {
        let recorder = connect(&other, three_orgs()).await;
        recorder.start_recording(start_of("busy", ACME).unwrap(), no_options()).await
    });
    assert!(poll_once(call.as_mut()).await.is_pending());
    assert_eq!(world.held_locks().len(), 1);
    call
}

#[test]
fn an_abort_cancels_a_start_that_waits_for_another_page() {
    run(async {
        let world = World::new();
        world.respond(created);
        let _busy = start_on_another_page(&world).await;
        let recorder = connect(&world, three_orgs()).await;
        let batch = async |options| start_many_with(&recorder, vec![start_of("busy", ACME)], concurrency(1), |_| {}, options).await;
        let results = while_time_passes(&[&world], aborted_when(world.sleep(SECOND), batch)).await.unwrap();
        assert!(matches!(results[..], [Err(CallError::Aborted)]));
        assert_eq!((world.time() - NOW, world.requests().len()), (SECOND, 0));
    });
}

#[test]
fn an_abort_cancels_a_start_that_the_cloud_refused_and_asked_to_wait_for() {
    run(async {
        let world = World::new();
        world.respond_after(2 * SECOND, || Response { retry_after: Some("5".to_owned()), ..response(429, "") });
        let recorder = connect(&world, three_orgs()).await;
        let batch = async |options| start_many_with(&recorder, starts_in(ACME, 1), concurrency(1), |_| {}, options).await;
        let results = while_time_passes(&[&world], aborted_when(world.sleep(SECOND), batch)).await.unwrap();
        assert!(matches!(results[..], [Err(CallError::Aborted)]));
        // The cloud said that it did not run the start, so nothing is left to wait for.
        assert_eq!((world.time() - NOW, world.starts().len()), (2 * SECOND, 1));
    });
}

#[test]
fn a_batch_goes_on_when_another_batchs_start_ends_unsent() {
    run(async {
        let world = World::new();
        world.respond(created);
        let _busy = start_on_another_page(&world).await;
        let recorder = connect(&world, three_orgs()).await;
        let batch = Batch { concurrency: 1, requests_per_minute: Some(1) };
        let waits_for_page = async |options| start_many_with(&recorder, vec![start_of("busy", ACME)], batch, |_| {}, options).await;
        let aborted = aborted_when(world.sleep(SECOND), waits_for_page);
        let (_, results) = while_time_passes(&[&world], join(aborted, start_many(&recorder, starts_in(ACME, 1), batch))).await;
        assert!(results[0].is_ok());
        assert_eq!(world.time() - NOW, SECOND);
    });
}

#[test]
fn close_settles_every_start() {
    run(async {
        let world = World::new();
        world.respond_async(|_| Box::pin(std::future::pending()));
        let recorder = connect(&world, three_orgs()).await;
        let starts = starts_in(ACME, 20);
        let (results, ()) = join(start_many(&recorder, starts, concurrency(3)), async { recorder.close() }).await;
        assert!(results.into_iter().all(|result| error(result).code == Code::Closed));
        assert_eq!(world.starts().len(), 3);
        assert_eq!(error(start_many_with(&recorder, vec![], concurrency(1), |_| {}, no_options()).await).code, Code::Closed);
    });
}

#[test]
fn an_abort_with_the_close_is_a_close_for_every_start() {
    run(async {
        let world = World::new();
        world.respond(created);
        let _busy = start_on_another_page(&world).await;
        let recorder = connect(&world, three_orgs()).await;
        let signal = Signal::default();
        let starts = vec![start_of("busy", ACME), start_of("waits", ACME)];
        let mut starts = pin!(start_many_with(&recorder, starts, concurrency(1), |_| {}, with_signal(&signal)));
        assert!(poll_once(starts.as_mut()).await.is_pending());
        signal.abort();
        recorder.close();
        let results = starts.await.unwrap();
        assert!(results.into_iter().all(|result| error(result).code == Code::Closed));
    });
}

#[test]
fn a_switch_during_a_batch_does_not_change_its_organization() {
    run(async {
        let world = World::new();
        let releases = respond_when_released(&world);
        let recorder = connect(&world, Options { org_id: Some(ACME.into()), ..three_orgs() }).await;
        let starts = (0..5).map(|number| new_start(&format!("agent-{number}"), None, None)).collect();
        let cloud = async {
            for completed in 0..5 {
                wait_until(|| world.starts().len() == completed + 1).await;
                recorder.switch_org(premium_recorder::model::ids::OrgId::parse(GLOBEX).unwrap(), no_options()).await.unwrap();
                releases.borrow_mut().remove(0).send();
            }
        };
        let (results, ()) = join(start_many(&recorder, starts, concurrency(1)), cloud).await;
        assert!(results.into_iter().all(|result| result.unwrap().org.as_str() == ACME));
    });
}

#[test]
fn a_switch_while_the_list_is_read_does_not_change_its_organization() {
    run(async {
        let world = World::new();
        world.respond(created);
        let recorder = connect(&world, Options { org_id: Some(ACME.into()), ..three_orgs() }).await;
        let mut starts: Vec<_> = (0..300).map(|number| start_of(&format!("agent-{number}"), [GLOBEX, INITECH][number % 2])).collect();
        starts.push(new_start("the last", None, None));
        let switch = recorder.switch_org(org(GLOBEX), no_options());
        let (mut results, switched) = join(start_many(&recorder, starts, concurrency(100)), switch).await;
        switched.unwrap();
        assert_eq!(results.pop().unwrap().unwrap().org.as_str(), ACME);
    });
}

#[test]
fn a_sign_out_while_the_list_is_read_starts_nothing() {
    run(async {
        let world = World::new();
        world.respond(created).issue_per_org();
        let recorder = connect(&world, options(&[])).await;
        let starts = (0..260).map(|number| start_of(&format!("agent-{number}"), ACME)).collect();
        let (results, signed_out) = join(start_many(&recorder, starts, concurrency(100)), recorder.sign_out(None, no_options())).await;
        signed_out.unwrap();
        assert!(results.into_iter().all(|result| error(result).code == Code::NoToken));
        assert_eq!((world.starts().len(), world.get_token_calls().len()), (0, 0));
    });
}

#[test]
fn a_sign_out_while_the_list_is_read_lets_no_source_decide_on_the_organization() {
    run(async {
        for signed_out in [None, OrgId::parse(ACME)] {
            let world = World::new();
            world.respond(accept_in_acme).issue(&jwt_for(ACME));
            let recorder = connect(&world, options(&[])).await;
            let invalid = || Err(Error::new(Code::BadArgument, "No agent."));
            let starts = (0..260).map(|number| if number < 255 { invalid() } else { new_start("agent", None, None) }).collect();
            let (results, ended) = join(start_many(&recorder, starts, concurrency(100)), recorder.sign_out(signed_out, no_options())).await;
            ended.unwrap();
            assert!(results.into_iter().skip(255).all(|result| error(result).code == Code::NoToken));
            assert_eq!((world.starts().len(), recorder.tokens().len(), recorder.org()), (0, 0, None));
        }
    });
}

#[test]
fn an_agent_that_is_listed_twice_is_started_once() {
    run(async {
        for limit in [1, 6] {
            let world = World::new();
            world.respond(created);
            let recorder = connect(&world, three_orgs()).await;
            let listed = || vec![start_of("a", ACME), start_of("b", ACME), start_of("A", ACME), start_of("a", GLOBEX), start_of("a", ACME)];
            let settled = RefCell::new(Vec::new());
            let note = |progress: BatchProgress| settled.borrow_mut().push(progress.fulfilled);
            let results = start_many_with(&recorder, listed(), concurrency(limit), note, no_options()).await.unwrap();
            let ids: Vec<_> = results.into_iter().map(|result| result.unwrap().id.as_str().to_owned()).collect();
            assert_eq!(ids, ["rec-a", "rec-b", "rec-a", "rec-a", "rec-a"]);
            assert_eq!(world.starts().len(), 3);
            assert_eq!(settled.into_inner(), [1, 2, 3, 4, 5]);
            // Without sharing, each has its own start.
            world.clear_log();
            let alone = listed().into_iter().map(|start| start.map(|start| Start { shares: false, ..start })).collect();
            start_many(&recorder, alone, concurrency(limit)).await;
            assert_eq!(world.starts().len(), 5);
        }
    });
}

#[test]
fn an_agent_that_is_listed_twice_is_rejected_twice() {
    run(async {
        let world = World::new();
        world.respond(|_| response(404, r#"{"code":"not.found"}"#));
        let recorder = connect(&world, three_orgs()).await;
        let results = start_many(&recorder, vec![start_of("a", ACME), start_of("a", ACME)], concurrency(1)).await;
        assert!(results.into_iter().all(|result| error(result).code == Code::AgentNotFound));
        assert_eq!(world.starts().len(), 1);
    });
}

#[test]
fn progress_counts_each_start_once() {
    run(async {
        let world = World::new();
        world.respond(|request| if agent_of(request) == "bad" { response(403, "") } else { created(request) });
        let recorder = connect(&world, three_orgs()).await;
        let reports = RefCell::new(Vec::new());
        let starts = vec![start_of("a", ACME), start_of("", ACME), start_of("bad", GLOBEX), start_of("b", ACME)];
        start_many_with(&recorder, starts, concurrency(6), |progress| reports.borrow_mut().push(progress), no_options()).await.unwrap();
        let reports = reports.into_inner();
        assert_eq!(reports.iter().map(|progress| progress.fulfilled + progress.rejected).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!(reports[3], BatchProgress { total: 4, fulfilled: 2, rejected: 2 });
        assert_eq!(
            start_many_with(&recorder, vec![], concurrency(1), |_| panic!("a report without a start"), no_options()).await.unwrap().len(),
            0
        );
    });
}

#[test]
fn batch_options_out_of_range_are_refused() {
    for number in [0.0, -1.0, 1.5, 101.0, f64::NAN, f64::INFINITY] {
        assert_eq!(code(Batch::from_options(Some(number), None)), Code::BadArgument, "{number}");
    }
    for number in [0.0, 0.5, 100_001.0, f64::NAN] {
        assert_eq!(code(Batch::from_options(None, Some(number))), Code::BadArgument, "{number}");
    }
    assert_eq!(Batch::from_options(None, None).unwrap(), Batch { concurrency: 6, requests_per_minute: None });
    assert_eq!(Batch::from_options(Some(100.0), Some(1.0)).unwrap(), Batch { concurrency: 100, requests_per_minute: Some(1) });
}
