//! Starts, stops and batches that race: pages that leave, sign-outs in between, clocks that are set, answers that say little.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod support;
use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::{join, join3};
use premium_recorder::cloud::call::CallError;
use premium_recorder::cloud::ports::TransportError;
use premium_recorder::cloud::response::{RateLimit, Response};
use premium_recorder::model::error::Code;
use premium_recorder::model::ids::{OrgId, RecordingId};
use premium_recorder::recording::batch::Batch;
use premium_recorder::recording::start::Start;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use support::*;

/// A first "audio" start, its token still to come, while a "screen" recording runs.
#[test]
fn another_recording_type_is_not_what_was_asked_for() {
    run(async {
        let world = World::new();
        let running = entity("screen-1", "recording", -600_000).replace("\"state\"", "\"recordingType\":\"screen\",\"state\"");
        world.issue_per_org();
        world.respond(move |request| if request.method == "POST" { created("audio-1") } else { list(std::slice::from_ref(&running)) });
        let recorder = connect(&world, options(&[])).await;
        let audio = Start::new(AGENT, Some(GLOBEX), Some("audio".into())).unwrap();
        let got = while_time_passes(&[&world], recorder.start_recording(audio, no_options())).await.unwrap();
        assert_eq!((got.id.as_str(), world.starts().len()), ("audio-1", 1));
    });
}

/// Two starts of their own: the first one never reaches the cloud, the second one does, and its answer is on its way.
#[test]
fn a_start_in_flight_is_not_taken_for_a_lost_one() {
    for two_types in [false, true] {
        run(async {
            let world = World::new();
            let posts = Cell::new(0);
            let (release, released) = gate();
            world.respond_async(move |request| {
                if request.method == "GET" {
                    return Box::pin(async { Ok(list(&[entity("second", "recording", 5)])) });
                }
                posts.set(posts.get() + 1);
                if posts.get() == 1 {
                    return Box::pin(async {
                        yield_now().await;
                        yield_now().await;
                        Err(lost_response("reset before the cloud had it"))
                    });
                }
                let released = released.clone();
                Box::pin(async move {
                    released.await.unwrap();
                    Ok(created("second"))
                })
            });
            let recorder = connect(&world, options(&[&jwt_for(GLOBEX)])).await;
            let (a, b) = if two_types {
                (start_in(GLOBEX), Start::new(AGENT, Some(GLOBEX), Some("audio".into())).unwrap())
            } else {
                (Start { shares: false, ..start_in(GLOBEX) }, Start { shares: false, ..start_in(GLOBEX) })
            };
            let first = while_time_passes(&[&world], async {
                let first = recorder.start_recording(a, no_options());
                let second = recorder.start_recording(b, no_options());
                let first = async {
                    let r = first.await;
                    release.send();
                    r
                };
                join(first, second).await
            })
            .await;
            let (first, second) = first;
            assert_eq!(second.unwrap().id.as_str(), "second");
            assert_eq!(first.map(|r| r.id.as_str().to_owned()).map_err(|e| error::<()>(Err(e)).code).unwrap_err(), Code::OutcomeUnknown);
        });
    }
}

/// Signed out while a start waits for another page's: nothing may bring a token back.
#[test]
fn sign_out_while_waiting_for_the_lock() {
    run(async {
        let one = World::new();
        one.respond_async(|_| Box::pin(std::future::pending()));
        let other = one.another_page();
        other.issue_per_org();
        other.respond(|request| {
            if request.method == "POST" {
                created("second")
            } else if request.method == "DELETE" {
                response(200, "")
            } else {
                list(&[])
            }
        });
        let first = connect(&one, options(&[&jwt_for(GLOBEX)])).await;
        let second = connect(&other, options(&[&jwt_for(GLOBEX)])).await;
        let mut left = Box::pin(record(&first, GLOBEX));
        assert!(left.as_mut().now_or_never().is_none());
        let somebody = async {
            yield_now().await;
            second.sign_out(Some(OrgId::parse(GLOBEX).unwrap()), no_options()).await.unwrap();
            drop(left);
        };
        let (_, ()) = join(record(&second, GLOBEX), somebody).await;
        assert_eq!((other.get_token_calls().len(), other.starts().len()), (0, 0), "a token was brought back after the sign-out");
    });
}

/// `reset` as a moment instead of seconds that are left.
#[test]
fn a_reset_that_is_a_date() {
    run(async {
        let world = World::new();
        let count = Cell::new(0u32);
        world.respond(move |_| {
            count.set(count.get() + 1);
            // Another client of the token has used most of this minute.
            let used = if count.get() == 1 { 290 } else { count.get() };
            Response { rate_limit: Some(RateLimit { allowed: 300, count: used, reset: 1_800_000_000 }), ..created("x") }
        });
        let recorder = connect(&world, options(&[&jwt_for(GLOBEX)])).await;
        let starts = (0..600).map(|n| Start::new(&format!("a{n}"), Some(GLOBEX), None)).collect();
        let work = recorder.start_many(starts, Batch { concurrency: 6, requests_per_minute: None }, |_| {}, no_options());
        let _ = while_time_passes_for(&[&world], 3_600_000, work).await;
    });
}

/// The clock is set back by a day in the middle.
#[test]
fn clock_set_back() {
    run(async {
        let world = World::new();
        world.respond(|_| response(201, r#"{"id":"x","state":"recording"}"#));
        let recorder = connect(&world, options(&[&jwt_for(GLOBEX)])).await;
        let starts = (0..10).map(|n| Start::new(&format!("a{n}"), Some(GLOBEX), None)).collect();
        let back = Cell::new(false);
        let w = world.clone();
        let on = move |p: premium_recorder::recording::batch::BatchProgress| {
            if p.fulfilled == 6 && !back.replace(true) {
                w.shift_wall_clock(-86_400_000)
            }
        };
        let work = recorder.start_many(starts, Batch { concurrency: 1, requests_per_minute: Some(4) }, on, no_options());
        let _ = while_time_passes_for(&[&world], 3_600_000, work).await;
    });
}

/// A token that expires in the middle: all that may be under way begin at once.
#[test]
fn pace_after_an_expiry() {
    run(async {
        let world = World::new();
        let per_token: Rc<RefCell<std::collections::HashMap<String, usize>>> = Rc::default();
        let counts = per_token.clone();
        world.respond(move |request| {
            *counts.borrow_mut().entry(request.token.clone()).or_default() += 1;
            response(201, r#"{"id":"x","state":"recording"}"#)
        });
        let w = world.clone();
        world.token_source(move |call| {
            let exp = w.time() / 1000 + 30;
            let t = jwt(&format!(r#"{{"org_id":"{}","exp":{exp}}}"#, call.org));
            let w = w.clone();
            Box::pin(async move {
                w.sleep(500).await;
                Ok(issued_token(&t))
            })
        });
        let recorder = connect(&world, options(&[])).await;
        let starts = (0..60).map(|n| Start::new(&format!("a{n}"), Some(GLOBEX), None)).collect();
        let work = recorder.start_many(starts, Batch { concurrency: 50, requests_per_minute: Some(10) }, |_| {}, no_options());
        while_time_passes_for(&[&world], 3_600_000, work).await.unwrap();
        let most = per_token.borrow().values().copied().max().unwrap();
        assert!(most <= 10, "{most} requests with one token that lives 30 s");
    });
}

#[test]
fn agent_ids_in_another_case() {
    run(async {
        let world = World::new();
        let tellers: Rc<RefCell<Vec<oneshot::Sender<()>>>> = Rc::default();
        let to = tellers.clone();
        world.respond_async(move |_| {
            let (t, r) = oneshot::channel();
            to.borrow_mut().push(t);
            Box::pin(async move {
                let _ = r.await;
                Ok(response(201, r#"{"id":"x","state":"recording"}"#))
            })
        });
        let recorder = connect(&world, options(&[&jwt_for(GLOBEX)])).await;
        let of = |a: &str| recorder.start_recording(Start::new(a, Some(GLOBEX), None).unwrap(), no_options());
        let (_, _, ()) = join3(of("aaaaaaaa-1111-4000-8000-000000000001"), of("AAAAAAAA-1111-4000-8000-000000000001"), async {
            yield_now().await;
            tellers.borrow_mut().drain(..).for_each(|t| {
                let _ = t.send(());
            })
        })
        .await;
        assert_eq!(world.starts().len(), 1);
    });
}

/// A start's answer need not name the agent, nor need that of a stop.
#[test]
fn stop_where_answers_do_not_name_the_agent() {
    run(async {
        let world = World::new();
        world.respond(|request| match request.method.as_str() {
            "POST" => response(201, r#"{"id":"r","state":"recording"}"#),
            _ => response(200, r#"{"id":"r","state":"stopped"}"#),
        });
        let recorder = connect(&world, options(&[&jwt_for(GLOBEX)])).await;
        let r = record(&recorder, GLOBEX).await.unwrap();
        let stopped = recorder.stop(&RecordingId::parse(r.id.as_str()).unwrap(), &r.org, Some(&r.agent), no_options()).await;
        assert!(stopped.is_ok(), "{stopped:?}");
    });
}

/// A cloud that leaves the filter out, and does not name agents.
#[test]
fn a_list_that_does_not_name_agents() {
    run(async {
        let world = World::new();
        world.issue_per_org();
        world.respond(|request| {
            if request.method == "POST" {
                created("own")
            } else {
                response(
                    200,
                    &format!(
                        r#"{{"entities":[{{"id":"somebody-elses","userId":"another","state":"recording","startedAt":"{}"}}]}}"#,
                        iso(-60_000)
                    ),
                )
            }
        });
        let recorder = connect(&world, options(&[])).await;
        let got = record(&recorder, GLOBEX).await.unwrap();
        assert_eq!(got.id.as_str(), "own");
    });
}

/// A sign-out in the middle of a batch.
#[test]
fn sign_out_in_a_batch() {
    run(async {
        let world = World::new();
        world.issue_per_org();
        world.respond(
            |request| if request.method == "DELETE" { response(200, "") } else { response(201, r#"{"id":"x","state":"recording"}"#) },
        );
        let recorder = connect(&world, options(&[])).await;
        let starts = (0..10).map(|n| Start::new(&format!("a{n}"), Some(GLOBEX), None)).collect();
        let settled = Cell::new(0);
        let work = recorder.start_many(
            starts,
            Batch { concurrency: 1, requests_per_minute: Some(4) },
            |p| settled.set(p.fulfilled + p.rejected),
            no_options(),
        );
        let out = async {
            wait_until(|| settled.get() >= 3).await;
            world.clear_log();
            recorder.sign_out(None, no_options()).await.unwrap();
        };
        let (_r, ()) = while_time_passes_for(&[&world], 3_600_000, join(work, out)).await;
        assert_eq!((world.get_token_calls().len(), world.starts().len()), (0, 0), "asked, starts after the sign-out");
    });
}

#[test]
fn newest_in_other_time_zones() {
    run(async {
        let world = World::new();
        world.respond(|request| if request.method == "POST" { response(409, "") } else {
            response(200, &format!(r#"{{"entities":[{{"id":"older","agentId":"{AGENT}","state":"recording","startedAt":"2027-01-15T10:00:00+02:00"}},{{"id":"newer","agentId":"{AGENT}","state":"recording","startedAt":"2027-01-15T08:30:00Z"}}]}}"#)) });
        let recorder = connect(&world, options(&[&jwt_for(GLOBEX)])).await;
        assert_eq!(record(&recorder, GLOBEX).await.unwrap().id.as_str(), "newer");
    });
}

/// A look that is only to be on the safe side holds nothing up.
#[test]
fn a_look_that_hangs_before_the_first_start() {
    run(async {
        let world = World::new();
        world.issue_per_org();
        world.respond_async(|request| {
            let post = request.method == "POST";
            Box::pin(async move { if post { Ok(created("own")) } else { std::future::pending().await } })
        });
        let recorder = connect(&world, options(&[])).await;
        let got = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
        assert!(got.is_ok(), "{:?}", error(got).code);
    });
}

/// Two batches at the same time share the pace.
#[test]
fn two_batches() {
    run(async {
        let world = World::new();
        world.respond(|_| response(201, r#"{"id":"x","state":"recording"}"#));
        let recorder = connect(&world, options(&[&jwt_for(GLOBEX)])).await;
        let starts = |p: &str| (0..20).map(|n| Start::new(&format!("{p}{n}"), Some(GLOBEX), None)).collect::<Vec<_>>();
        let batch = Batch { concurrency: 20, requests_per_minute: Some(10) };
        let work = async {
            join(
                recorder.start_many(starts("a"), batch, |_| {}, no_options()),
                recorder.start_many(starts("b"), batch, |_| {}, no_options()),
            )
            .await
        };
        let first_minute = async {
            world.sleep(30_000).await;
            world.starts().len()
        };
        let (_, sent) = while_time_passes_for(&[&world], 3_600_000, join(work, first_minute)).await;
        assert!(sent <= 10, "{sent} in the first half minute");
    });
}

/// A sign-out while a stop is on its way, whose answer says nothing.
#[test]
fn stop_and_sign_out() {
    run(async {
        let world = World::new();
        world.issue_per_org();
        let (release, released) = gate();
        world.respond_async(move |request| {
            let m = request.method.clone();
            let released = released.clone();
            Box::pin(async move {
                match m.as_str() {
                    "PATCH" => {
                        released.await.unwrap();
                        Ok(response(204, ""))
                    }
                    "DELETE" => Ok(response(200, "")),
                    _ => Ok(response(200, &entity("r", "stopped", 0))),
                }
            })
        });
        let recorder = connect(&world, options(&[&jwt_for(GLOBEX)])).await;
        let (id, org) = (RecordingId::parse("r").unwrap(), OrgId::parse(GLOBEX).unwrap());
        let (_, ()) = join(recorder.stop(&id, &org, None, no_options()), async {
            recorder.sign_out(None, no_options()).await.unwrap();
            release.send();
        })
        .await;
        assert_eq!(world.get_token_calls().len(), 0);
    });
}
/// An audio start of unknown outcome is not a screen recording.
#[test]
fn unsure_then_another_type() {
    run(async {
        let world = World::new();
        let n = Cell::new(0);
        let running = entity("screen-1", "recording", -600_000).replace("\"state\"", "\"recordingType\":\"screen\",\"state\"");
        world.respond_async(move |request| {
            let post = request.method == "POST";
            let running = running.clone();
            if post {
                n.set(n.get() + 1);
            }
            let first = n.get() == 1;
            Box::pin(async move {
                if !post {
                    Ok(list(&[running]))
                } else if first {
                    Err(lost_response("x"))
                } else {
                    Ok(created("audio-2"))
                }
            })
        });
        let recorder = connect(&world, options(&[&jwt_for(GLOBEX)])).await;
        let audio = || recorder.start_recording(Start::new(AGENT, Some(GLOBEX), Some("audio".into())).unwrap(), no_options());
        assert_eq!(error(while_time_passes(&[&world], audio()).await).code, Code::OutcomeUnknown);
        let got = while_time_passes(&[&world], audio()).await.unwrap();
        assert_eq!(got.id.as_str(), "audio-2");
    });
}

/// A cloud that carries a start out some time after it arrived, and never answers it; pages share it.
fn slow_cloud(world: &World, after: i64) -> Rc<RefCell<Vec<i64>>> {
    let arrived: Rc<RefCell<Vec<i64>>> = Rc::default();
    let (a, w) = (arrived.clone(), world.clone());
    world.respond_async(move |request| {
        let (a, w) = (a.clone(), w.clone());
        if request.method == "POST" {
            a.borrow_mut().push(w.time());
            return Box::pin(std::future::pending());
        }
        Box::pin(async move {
            let now = w.time();
            let all: Vec<_> = a
                .borrow()
                .iter()
                .enumerate()
                .filter(|(_, at)| **at + after <= now)
                .map(|(n, at)| entity(&format!("rec-{n}"), "recording", at + after - NOW))
                .collect();
            Ok(list(&all))
        })
    });
    arrived
}

/// The first page's time is over, and it looks: its call is still under way, and so is its lock.
#[test]
fn lock_is_kept_while_a_timed_out_start_is_looked_for() {
    run(async {
        let one = World::new();
        let arrived = slow_cloud(&one, 15_800);
        let other = one.another_page();
        let cloud = one.clone();
        other.respond_async(move |request| cloud.response_to(request));
        let (first, second) = (connect(&one, options(&[&jwt_for(GLOBEX)])).await, connect(&other, options(&[&jwt_for(GLOBEX)])).await);
        let late = async {
            one.sleep(15_250).await;
            record(&second, GLOBEX).await
        };
        let (_, _) = while_time_passes(&[&one, &other], join(record(&first, GLOBEX), late)).await;
        assert_eq!(arrived.borrow().len(), 1, "starts that reached the cloud");
    });
}

/// The first page aborts its start on the way: who has waited for it looks twice, as it may be carried out late.
#[test]
fn who_waited_for_an_abandoned_start_looks_twice() {
    for same_page in [true, false] {
        run(async {
            let one = World::new();
            let arrived = slow_cloud(&one, 700);
            let other = if same_page { one.clone() } else { one.another_page() };
            if !same_page {
                let cloud = one.clone();
                other.respond_async(move |request| cloud.response_to(request));
            }
            let first = connect(&one, options(&[&jwt_for(GLOBEX)])).await;
            let second = connect(&other, options(&[&jwt_for(GLOBEX)])).await;
            let second = if same_page { &first } else { &second };
            let aborted = aborted_when(one.sleep(250), async |options| first.start_recording(start_in(GLOBEX), options).await);
            let late = async {
                if same_page {
                    one.sleep(260).await;
                }
                record(second, GLOBEX).await
            };
            let (_, found) = while_time_passes(&[&one, &other], join(aborted, late)).await;
            assert_eq!((found.is_ok(), arrived.borrow().len()), (true, 1));
        });
    }
}

#[test]
fn a_signed_out_token_is_not_sent_again() {
    run(async {
        let world = World::new();
        let (release, released) = gate();
        world.respond_async(move |request| {
            let m = request.method.clone();
            let released = released.clone();
            Box::pin(async move {
                match m.as_str() {
                    "POST" => {
                        released.await.unwrap();
                        Err(lost_response("x"))
                    }
                    "DELETE" => Ok(response(200, "")),
                    _ => Ok(response(401, "")),
                }
            })
        });
        let recorder = connect(&world, options(&[&jwt_for(GLOBEX)])).await;
        let out = async {
            yield_now().await;
            recorder.sign_out(None, no_options()).await.unwrap();
            release.send();
        };
        let (ended, ()) = while_time_passes(&[&world], join(record(&recorder, GLOBEX), out)).await;
        assert_eq!(error(ended).code, Code::OutcomeUnknown);
        let after: Vec<_> = world
            .requests()
            .iter()
            .skip_while(|s| s.method != "DELETE")
            .skip(1)
            .map(|s| format!("{} {}", s.method, s.token == jwt_for(GLOBEX)))
            .collect();
        assert!(after.is_empty(), "{after:?}");
    });
}

/// After a start of unknown outcome the look gets a proxy's page (200, HTML): no list, and no refusal of the cloud's either.
#[test]
fn a_proxys_page_instead_of_a_list() {
    run(async {
        let world = World::new();
        world.respond_async(|request| {
            let post = request.method == "POST";
            Box::pin(async move {
                if post {
                    Err::<Response, TransportError>(lost_response("x"))
                } else {
                    Ok(response(200, "<html>Sign in to the Wi-Fi</html>"))
                }
            })
        });
        let recorder = connect(&world, options(&[&jwt_for(GLOBEX)])).await;
        assert_eq!(error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await).code, Code::OutcomeUnknown);
        let _ = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
        assert_eq!(world.starts().len(), 1);
    });
}

/// What is taken for a lost start by its own look is taken for it by the next start's.
#[test]
fn a_look_before_sees_what_a_look_after_sees() {
    for state in ["starting", "unknown"] {
        run(async {
            let world = World::new();
            let sent = Rc::new(Cell::new(false));
            world.respond_async(move |request| {
                if request.method == "POST" {
                    sent.set(true);
                    return Box::pin(std::future::pending());
                }
                let l = if sent.get() { list(&[entity("ours", state, 5)]) } else { list(&[]) };
                Box::pin(async { Ok(l) })
            });
            let recorder = connect(&world, options(&[&jwt_for(GLOBEX)])).await;
            let aborted = aborted_when(yield_now(), async |options| recorder.start_recording(start_in(GLOBEX), options).await).await;
            assert!(matches!(aborted, Err(CallError::Aborted)));
            let again = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
            assert_eq!((again.unwrap().id.as_str(), world.starts().len()), ("ours", 1));
        });
    }
}
