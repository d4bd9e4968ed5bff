//! Many starts at once: in turns, at their pace, each with its own result.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use futures::channel::oneshot;
use futures::future::LocalBoxFuture;
use futures::future::join;
use premium_recorder::cloud::call::CallError;
use premium_recorder::cloud::ports::TransportError;
use premium_recorder::cloud::response::{RateLimit, Response};
use premium_recorder::cloud::signal::Signal;
use premium_recorder::model::error::{Code, Error};
use premium_recorder::recorder::Recorder;
use premium_recorder::recorder::settings::Options;
use premium_recorder::recording::Recording;
use premium_recorder::recording::batch::{Batch, BatchProgress};
use premium_recorder::recording::start::Start;
use support::*;

type Results = Vec<Result<Recording, CallError>>;

fn start(agent: &str, org: &str) -> Result<Start, Error> {
    Start::new(agent, Some(org), None)
}

fn batch(concurrency: usize) -> Batch {
    Batch { concurrency, requests_per_minute: None }
}

async fn many(recorder: &Recorder<World>, starts: Vec<Result<Start, Error>>, batch: Batch) -> Results {
    recorder.start_many(starts, batch, |_| {}, no_options()).await.unwrap()
}

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
fn results_are_in_order_and_a_failing_agent_stops_nobody() {
    run(async {
        let world = World::new();
        world.respond(|request| if agent_of(request) == "bad" { response(404, r#"{"code":"not.found"}"#) } else { created(request) });
        let recorder = connect(&world, three_orgs()).await;
        let starts =
            vec![start("a", ACME), start("", ACME), start("bad", GLOBEX), start("b", INITECH), start("c", "no org"), start("d", ACME)];
        let results = many(&recorder, starts, batch(2)).await;
        let told: Vec<_> = results
            .into_iter()
            .map(|result| match result {
                Ok(recording) => recording.id.as_str().to_owned(),
                failed => error(failed).code.as_str().to_owned(),
            })
            .collect();
        assert_eq!(told, ["rec-a", "BAD_ARGUMENT", "AGENT_NOT_FOUND", "rec-b", "BAD_ARGUMENT", "rec-d"]);
    });
}

#[test]
fn organizations_take_turns() {
    run(async {
        let world = World::new();
        world.respond(created);
        let recorder = connect(&world, three_orgs()).await;
        let of = |org: &'static str, count: usize| (0..count).map(move |number| start(&format!("{org}-{number}"), org));
        let starts = of(ACME, 4).chain(of(GLOBEX, 2)).chain(of(INITECH, 3)).collect();
        assert!(many(&recorder, starts, batch(1)).await.iter().all(Result::is_ok));
        let orgs: Vec<_> = world.starts().into_iter().map(|request| request.org.unwrap()).collect();
        assert_eq!(orgs, [ACME, GLOBEX, INITECH, ACME, GLOBEX, INITECH, ACME, INITECH, ACME]);
        let agents: Vec<_> = world.starts().iter().filter(|request| request.org.as_deref() == Some(ACME)).map(agent_of).collect();
        assert_eq!(agents, (0..4).map(|number| format!("{ACME}-{number}")).collect::<Vec<_>>());
    });
}

/// A cloud that answers a start when told; and how many are in flight.
fn answers_when_told(world: &World) -> Rc<RefCell<Vec<oneshot::Sender<()>>>> {
    let waiting = Rc::new(RefCell::new(Vec::new()));
    let to_tell = waiting.clone();
    world.respond_async(move |request| {
        let (tell, told) = oneshot::channel();
        to_tell.borrow_mut().push(tell);
        let response = created(request);
        Box::pin(async move {
            told.await.unwrap();
            Ok(response)
        })
    });
    waiting
}

#[test]
fn so_many_are_under_way_at_a_time() {
    run(async {
        let world = World::new();
        let waiting = answers_when_told(&world);
        let recorder = connect(&world, three_orgs()).await;
        let starts = (0..10).map(|number| start(&format!("agent-{number}"), [ACME, GLOBEX, INITECH][number % 3])).collect();
        let most = Cell::new(0);
        let somebody = async {
            for answered in 0..10 {
                wait_until(|| world.starts().len() == (answered + 4).min(10)).await;
                yield_now().await;
                most.set(most.get().max(waiting.borrow().len()));
                waiting.borrow_mut().remove(0).send(()).unwrap();
            }
        };
        let (results, ()) = join(many(&recorder, starts, batch(4)), somebody).await;
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(most.get(), 4);
    });
}

#[test]
fn an_organization_without_a_token_stops_no_other_and_is_asked_for_once() {
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
        let starts = (0..40).map(|number| start(&format!("agent-{number}"), [ACME, GLOBEX][number % 2])).collect();
        let results = many(&recorder, starts, batch(6)).await;
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
fn a_token_that_is_long_in_coming_holds_up_no_other_organization() {
    run(async {
        let world = World::new();
        world.respond(created);
        let release = world.issue_when_released(|org| org == ACME);
        let recorder = connect(&world, options(&[])).await;
        let starts = (0..40).map(|number| start(&format!("agent-{number}"), [ACME, GLOBEX][number % 2])).collect();
        let somebody = async {
            wait_until(|| world.starts().len() == 20).await;
            release.send();
        };
        let (results, ()) = join(many(&recorder, starts, batch(2)), somebody).await;
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(world.starts().len(), 40);
    });
}

#[test]
fn an_abort_ends_what_was_not_sent_and_waits_for_what_was() {
    run(async {
        let world = World::new();
        let waiting = answers_when_told(&world);
        let recorder = connect(&world, three_orgs()).await;
        let starts = (0..20).map(|number| start(&format!("agent-{number}"), ACME)).collect();
        let signal = Signal::default();
        let settled = Cell::new(0);
        let somebody = async {
            wait_until(|| world.starts().len() == 3).await;
            signal.abort();
            wait_until(|| settled.get() == 17).await;
            waiting.borrow_mut().drain(..).for_each(|release| release.send(()).unwrap());
        };
        let on_progress = |progress: BatchProgress| settled.set(progress.fulfilled + progress.rejected);
        let (results, ()) = join(recorder.start_many(starts, batch(3), on_progress, with_signal(&signal)), somebody).await;
        let results = results.unwrap();
        assert!(results[..3].iter().all(Result::is_ok));
        assert!(results[3..].iter().all(|result| matches!(result, Err(CallError::Aborted))));
        assert_eq!(world.starts().len(), 3);
    });
}

#[test]
fn an_abort_ends_what_waits_for_a_token() {
    run(async {
        let world = World::new();
        world.token_source(|_| Box::pin(std::future::pending()));
        let recorder = connect(&world, options(&[])).await;
        let starts = vec![start("a", ACME), start("b", GLOBEX)];
        let results = aborted_when(yield_now(), async |options| recorder.start_many(starts, batch(2), |_| {}, options).await);
        assert!(results.await.unwrap().iter().all(|result| matches!(result, Err(CallError::Aborted))));
        assert!(world.requests().is_empty());
    });
}

#[test]
fn a_close_settles_all() {
    run(async {
        let world = World::new();
        world.respond_async(|_| Box::pin(std::future::pending()));
        let recorder = connect(&world, three_orgs()).await;
        let starts = (0..20).map(|number| start(&format!("agent-{number}"), ACME)).collect();
        let (results, ()) = join(many(&recorder, starts, batch(3)), async { recorder.close() }).await;
        assert!(results.into_iter().all(|result| error(result).code == Code::Closed));
        assert_eq!(world.starts().len(), 3);
        assert_eq!(error(recorder.start_many(vec![], batch(1), |_| {}, no_options()).await).code, Code::Closed);
    });
}

#[test]
fn a_switch_meanwhile_changes_nothing() {
    run(async {
        let world = World::new();
        let waiting = answers_when_told(&world);
        let recorder = connect(&world, Options { org_id: Some(ACME.into()), ..three_orgs() }).await;
        let starts = (0..5).map(|number| Start::new(&format!("agent-{number}"), None, None)).collect();
        let somebody = async {
            for answered in 0..5 {
                wait_until(|| world.starts().len() == answered + 1).await;
                recorder.switch_org(premium_recorder::model::ids::OrgId::parse(GLOBEX).unwrap(), no_options()).await.unwrap();
                waiting.borrow_mut().remove(0).send(()).unwrap();
            }
        };
        let (results, ()) = join(many(&recorder, starts, batch(1)), somebody).await;
        assert!(results.into_iter().all(|result| result.unwrap().org.as_str() == ACME));
    });
}

#[test]
fn progress_counts_each_start_once_up_to_all_of_them() {
    run(async {
        let world = World::new();
        world.respond(|request| if agent_of(request) == "bad" { response(403, "") } else { created(request) });
        let recorder = connect(&world, three_orgs()).await;
        let told = RefCell::new(Vec::new());
        let starts = vec![start("a", ACME), start("", ACME), start("bad", GLOBEX), start("b", ACME)];
        recorder.start_many(starts, batch(6), |progress| told.borrow_mut().push(progress), no_options()).await.unwrap();
        let told = told.into_inner();
        assert_eq!(told.iter().map(|progress| progress.fulfilled + progress.rejected).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!(told[3], BatchProgress { total: 4, fulfilled: 2, rejected: 2 });
        assert_eq!(recorder.start_many(vec![], batch(1), |_| panic!("nothing to tell"), no_options()).await.unwrap().len(), 0);
    });
}

/// Counts as the platform does: for each token a minute from its first request on. Requests take a while.
struct Limited {
    allowed: u32,
    tells: bool,
    windows: RefCell<HashMap<String, (i64, u32)>>,
    refused: Cell<u32>,
}

impl Limited {
    fn count(&self, now: i64, token: &str, response: Response) -> Response {
        let mut windows = self.windows.borrow_mut();
        let (began, count) = windows.entry(token.to_owned()).or_insert((now, 0));
        if now - *began >= 60_000 {
            (*began, *count) = (now, 0);
        }
        *count += 1;
        let reset = u32::try_from((60_000 - (now - *began)) / 1000).unwrap();
        let rate_limit = self.tells.then_some(RateLimit { allowed: self.allowed, count: *count, reset });
        if *count > self.allowed {
            self.refused.set(self.refused.get() + 1);
            return Response { rate_limit, ..support::response(429, "") };
        }
        Response { rate_limit, ..response }
    }
}

fn limited(world: &World, allowed: u32, tells: bool) -> Rc<Limited> {
    let limited = Rc::new(Limited { allowed, tells, windows: RefCell::default(), refused: Cell::new(0) });
    let (cloud, outside) = (limited.clone(), world.clone());
    world.respond_async(move |request| -> LocalBoxFuture<'static, Result<Response, TransportError>> {
        let (cloud, outside, request) = (cloud.clone(), outside.clone(), request.clone());
        Box::pin(async move {
            // On the way there, and back.
            outside.sleep(40 + i64::from(request.body.as_ref().unwrap().len() as u32 % 7) * 60).await;
            let response = cloud.count(outside.time(), &request.token, created(&request));
            outside.sleep(60).await;
            Ok(response)
        })
    });
    limited
}

#[test]
fn a_thousand_agents_of_five_organizations_meet_no_429() {
    let orgs: Vec<String> = (0..5).map(|number| format!("{number:08}-0000-4000-8000-000000000000")).collect();
    for (allowed, tells, requests_per_minute, organizations) in [
        (300, false, None, 5),
        (300, true, None, 5),
        (300, false, None, 1),
        (300, true, None, 1),
        (50, true, None, 5),
        (60, false, Some(60), 2),
    ] {
        run(async {
            let world = World::new();
            let cloud = limited(&world, allowed, tells);
            world.issue_per_org();
            let recorder = connect(&world, options(&[])).await;
            let starts = (0..1000).map(|number| start(&format!("agent-{number}"), &orgs[number % organizations])).collect();
            let batch = Batch { concurrency: 40, requests_per_minute };
            let results = while_time_passes_for(&[&world], 7_200_000, many(&recorder, starts, batch)).await;
            assert!(results.iter().all(Result::is_ok));
            let minutes = (world.time() - NOW) / 60_000;
            assert_eq!((cloud.refused.get(), world.starts().len()), (0, 1000), "{allowed} {tells} {organizations}");
            // And no slower than the limit less a tenth makes it, and the last minute.
            let windows = i64::try_from(1000 / organizations).unwrap() / i64::from(allowed - allowed.div_ceil(10));
            assert!(minutes <= windows + 1, "{minutes} minutes for {windows} windows");
        });
    }
}

/// Before the first one is counted, and while they are on their way there.
#[test]
fn no_more_than_are_allowed_are_begun_at_once() {
    run(async {
        let world = World::new();
        let cloud = limited(&world, 8, false);
        let recorder = connect(&world, three_orgs()).await;
        let starts = (0..16).map(|number| start(&format!("agent-{number}"), ACME)).collect();
        let batch = Batch { concurrency: 12, requests_per_minute: Some(8) };
        let results = while_time_passes_for(&[&world], 600_000, many(&recorder, starts, batch)).await;
        assert!(results.iter().all(Result::is_ok));
        assert_eq!((cloud.refused.get(), world.starts().len()), (0, 16));
    });
}

#[test]
fn what_others_use_of_a_token_is_left_to_them() {
    run(async {
        let world = World::new();
        let cloud = limited(&world, 100, true);
        cloud.windows.borrow_mut().insert(jwt_for(ACME), (NOW - 20_000, 70));
        let recorder = connect(&world, three_orgs()).await;
        let starts = (0..100).map(|number| start(&format!("agent-{number}"), ACME)).collect();
        let results = while_time_passes_for(&[&world], 600_000, many(&recorder, starts, batch(4))).await;
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(cloud.refused.get(), 0);
    });
}

#[test]
fn numbers_out_of_range_are_refused() {
    for number in [0.0, -1.0, 1.5, 101.0, f64::NAN, f64::INFINITY] {
        assert_eq!(code(Batch::from_options(Some(number), None)), Code::BadArgument, "{number}");
    }
    for number in [0.0, 0.5, 100_001.0, f64::NAN] {
        assert_eq!(code(Batch::from_options(None, Some(number))), Code::BadArgument, "{number}");
    }
    assert_eq!(Batch::from_options(None, None).unwrap(), Batch { concurrency: 6, requests_per_minute: None });
    assert_eq!(Batch::from_options(Some(100.0), Some(1.0)).unwrap(), Batch { concurrency: 100, requests_per_minute: Some(1) });
}
