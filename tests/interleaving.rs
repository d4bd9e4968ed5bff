//! Interleavings and odd accept that once broke something, or would: hung sources, sign-outs under way, several pages.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod support;
use futures::FutureExt;
use futures::future::{join, join_all};
use premium_recorder::auth::ports::{TokenSharer, TokenSharing};
use premium_recorder::cloud::call::CallError;
use premium_recorder::cloud::response::Response;
use premium_recorder::model::error::{Cause, Code};
use premium_recorder::model::ids::OrgId;
use premium_recorder::model::time::{CloudClock, Instant, Timestamp};
use premium_recorder::recorder::Recorder;
use premium_recorder::recorder::settings::{Options, Settings};
use premium_recorder::recording::Recording;
use premium_recorder::recording::start::Start;
use premium_recorder::token::access_token::{AccessToken, IssuedToken};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use support::*;

const SECOND: i64 = 1000;
/// gives tokens one after another, each with a life of `life` s; those for which `hangs` says so never come
fn issue_jwts(world: &World, life: f64, hangs: impl Fn(usize) -> bool + 'static) {
    let n = Cell::new(0);
    world.token_source(move |call| {
        n.set(n.get() + 1);
        let (number, hang) = (n.get(), hangs(n.get()));
        let token = jwt(&format!(r#"{{"org_id":"{}","jti":"{number}"}}"#, call.org));
        Box::pin(async move {
            if hang {
                std::future::pending::<()>().await
            }
            Ok(IssuedToken { access_token: token.into(), expires_in: Some(life) })
        })
    });
}
struct Hands(String);
impl TokenSharer for Hands {
    fn share(&self) -> Option<IssuedToken> {
        Some(issued_token(&self.0))
    }
    fn forget(&self) {}
}

#[test]
fn a_renewal_that_hangs_does_not_poison_this_page_nor_another() {
    run(async {
        let world = World::new();
        world.respond(accept);
        issue_jwts(&world, 100.0, |n| n == 2);
        let recorder = connect(&world, options(&[])).await;
        record(&recorder, GLOBEX).await.unwrap();
        world.advance(95 * SECOND);
        record(&recorder, GLOBEX).await.unwrap();
        world.run_spawned();
        assert_eq!(world.get_token_calls().len(), 2);
        world.advance(5 * SECOND);
        let other = world.another_page();
        other.respond(accept);
        issue_jwts(&other, 100.0, |_| false);
        let another = connect(&other, options(&[])).await;
        // an hour later
        world.advance(3600 * SECOND);
        other.advance(3600 * SECOND);
        world.run_spawned();
        let a = while_time_passes(&[&world, &other], record(&recorder, GLOBEX)).await;
        let b = while_time_passes(&[&world, &other], record(&another, GLOBEX)).await;
        assert!(a.is_ok() && b.is_ok());
    });
}

#[test]
fn a_get_token_that_hangs_does_not_poison_calls_that_overlap() {
    run(async {
        let world = World::new();
        world.respond(accept);
        issue_jwts(&world, 100.0, |n| n == 1);
        let recorder = connect(&world, options(&[])).await;
        // a call every 10 s, each with 15 s
        let mut calls: Vec<std::pin::Pin<Box<dyn Future<Output = _>>>> = Vec::new();
        let mut ok = 0;

        for tick in 0..300 {
            if tick % 10 == 0 {
                calls.push(Box::pin(record(&recorder, GLOBEX)));
            }
            for _ in 0..3 {
                let mut left = Vec::new();
                for mut c in calls {
                    match poll_once(c.as_mut()).await {
                        std::task::Poll::Ready(Ok::<_, CallError>(_)) => ok += 1,
                        std::task::Poll::Ready(Err(_)) => {}
                        _ => left.push(c),
                    }
                }
                calls = left;
            }
            world.advance(1000);
        }
        assert!(ok > 0);
    });
}

#[test]
fn sign_out_is_not_undone_by_add_token_under_way() {
    run(async {
        for org in [None, OrgId::parse(GLOBEX)] {
            let world = World::new();
            let (release, released) = gate();
            world.respond_async(move |request| {
                let a = accept(request);
                let released = released.clone();
                Box::pin(async move {
                    released.await.unwrap();
                    Ok(a)
                })
            });
            let recorder = connect(&world, options(&[])).await;
            let leaving = async {
                recorder.sign_out(org, no_options()).await.unwrap();
                release.send();
            };
            let (_added, ()) = join(recorder.add_token(AccessToken::parse("opaque").unwrap(), no_options()), leaving).await;
            assert_eq!(recorder.tokens().len(), 0);
        }
    });
}

#[test]
fn a_call_that_waits_for_another_pages_sign_in_does_not_time_out() {
    run(async {
        let (first, second) = {
            let w = World::new();
            (w.clone(), w.another_page())
        };
        first.respond(accept);
        second.respond(accept);
        let one = connect(&first, login_options()).await;
        let other = connect(&second, login_options()).await;
        let calls = async { join(record(&one, GLOBEX), record(&other, GLOBEX)).await };
        let mut calls = Box::pin(calls);
        assert!(poll_once(calls.as_mut()).await.is_pending());
        for _ in 0..20 {
            first.advance(1000);
            second.advance(1000);
            let _ = poll_once(calls.as_mut()).await;
        }
        first.popups()[0].post_code("code");
        let (a, b) = calls.await;
        assert!(a.is_ok() && b.is_ok());
    });
}

fn refreshing(world: &World, me: impl Fn(usize) -> Response + 'static, hang_first_refresh: bool) -> Rc<RefCell<Vec<String>>> {
    let used = Rc::new(RefCell::new(Vec::new()));
    let uses = used.clone();
    let asked_me = Cell::new(0);
    world.respond_async(move |request| {
        let mut hang = false;
        let a = if request.is_for_token_endpoint() {
            let form: std::collections::HashMap<String, String> =
                url::form_urlencoded::parse(request.body.as_ref().unwrap().as_bytes()).into_owned().collect();
            match form.get("refresh_token") {
                None => response(200, r#"{"access_token":"access-1","expires_in":100,"refresh_token":"refresh-1"}"#),
                Some(t) => {
                    uses.borrow_mut().push(t.clone());
                    let n = uses.borrow().len() + 1;
                    hang = hang_first_refresh && n == 2;
                    response(200, &format!(r#"{{"access_token":"access-{n}","expires_in":100,"refresh_token":"refresh-{n}"}}"#))
                }
            }
        } else if request.url.contains("/tokens/me") {
            asked_me.set(asked_me.get() + 1);
            me(asked_me.get())
        } else {
            accept(request)
        };
        Box::pin(async move {
            if hang {
                std::future::pending::<()>().await
            }
            Ok(a)
        })
    });
    used
}
#[test]
fn a_rotated_refresh_token_is_not_lost_when_tokens_me_fails() {
    run(async {
        let world = World::new();
        let used = refreshing(&world, |n| if n == 2 { response(503, "") } else { response(200, &token_info(GLOBEX)) }, false);
        let recorder = sign_in(&world, login_options(), GLOBEX).await;
        world.advance(100 * SECOND);
        let _ = record(&recorder, GLOBEX).await;
        let _ = record(&recorder, GLOBEX).await;
        assert_eq!(*used.borrow(), ["refresh-1", "refresh-2"]);
    });
}

#[test]
fn a_refresh_that_somebody_gave_up_on_is_not_made_again_with_the_same_token() {
    run(async {
        let world = World::new();
        let used = refreshing(&world, |_| response(200, &token_info(GLOBEX)), true);
        let recorder = sign_in(&world, login_options(), GLOBEX).await;
        world.advance(100 * SECOND);
        {
            let start = Start::new(AGENT, Some(GLOBEX), None).unwrap();
            let ended = aborted_when(yield_now(), async |options| recorder.start_recording(start, options).await).await;
            assert!(matches!(ended, Err(CallError::Aborted)));
        }
        let _ = completed_within(&[&world], 60_000, record(&recorder, GLOBEX)).await;
        assert!(used.borrow().iter().filter(|t| *t == "refresh-1").count() == 1);
    });
}

#[test]
fn a_token_in_an_odd_answer_is_in_no_error() {
    run(async {
        for status in [201, 203, 206] {
            let world = World::new();
            world.respond(move |_| response(status, r#"{"access_token":"THE-SECRET-TOKEN","refresh_token":"THE-SECRET-REFRESH"}"#));
            let recorder = connect(&world, login_options()).await;
            let refused = error(join(record(&recorder, GLOBEX), async { world.popups()[0].post_code("code") }).await.0);
            assert!(!format!("{refused:?}").contains("THE-SECRET"));
        }
    });
}

#[test]
fn a_dead_token_of_the_token_endpoint_is_not_sent() {
    run(async {
        let world = World::new();
        world.respond(|request| {
            if request.is_for_token_endpoint() { response(200, r#"{"access_token":"opaque","expires_in":0}"#) } else { accept(request) }
        });
        let recorder = connect(&world, login_options()).await;
        let _ = join(record(&recorder, GLOBEX), async { world.popups()[0].post_code("code") }).await.0;
        assert!(world.requests().iter().all(|request| request.token.is_empty()));
    });
}

#[test]
fn a_token_that_was_about_to_rest_too_long_when_it_was_handed_over_is_good_after_its_use() {
    run(async {
        // The cloud: idle time-out 900 s, of which 10 s are left when connect() asks.
        let world = World::new();
        let last_used = Rc::new(Cell::new(NOW - 890 * SECOND));
        let (clock, used) = (world.clone(), last_used.clone());
        world.respond(move |request| {
            if clock.time() >= used.get() + 900 * SECOND {
                return response(401, "");
            }
            if request.method == "GET" {
                let at = jiff::Timestamp::from_millisecond(used.get() + 900 * SECOND).unwrap();
                return response(200, &format!(r#"{{"organization":{{"id":"{GLOBEX}"}},"dateTokenIdles":"{at}"}}"#));
            }
            used.set(clock.time());
            accept(request)
        });
        let recorder = connect(&world, options(&["opaque"])).await;
        record(&recorder, GLOBEX).await.unwrap();
        world.advance(60 * SECOND);
        let r = record(&recorder, GLOBEX).await;
        assert!(r.is_ok());
    });
}

#[test]
fn a_token_that_another_page_keeps_awake_needs_no_new_sign_in() {
    run(async {
        let first = World::new();
        let second = first.another_page();
        let last_used = Rc::new(Cell::new(NOW));
        for w in [&first, &second] {
            let (clock, used) = (w.clone(), last_used.clone());
            w.respond(move |request| {
                if request.is_for_token_endpoint() {
                    return accept(request);
                }
                if clock.time() >= used.get() + 900 * SECOND {
                    return response(401, "");
                }
                if request.method == "GET" {
                    let at = jiff::Timestamp::from_millisecond(used.get() + 900 * SECOND).unwrap();
                    return response(200, &format!(r#"{{"organization":{{"id":"{GLOBEX}"}},"dateTokenIdles":"{at}"}}"#));
                }
                used.set(clock.time());
                accept(request)
            });
        }
        let one = connect(&first, login_options()).await;
        join(record(&one, GLOBEX), async { first.popups()[0].post_code("code") }).await.0.unwrap();
        let other = connect(&second, login_options()).await;
        record(&other, GLOBEX).await.unwrap();
        for _ in 0..3 {
            first.advance(600 * SECOND);
            second.advance(600 * SECOND);
            record(&one, GLOBEX).await.unwrap();
        }
        let _ = completed_within(&[&first, &second], 5_000, record(&other, GLOBEX)).await;
        assert!(second.popups().iter().all(|w| w.url().is_none()));
    });
}

#[test]
fn a_token_that_the_app_handed_over_is_not_shared_because_another_was() {
    run(async {
        let first = World::new();
        first.respond(accept);
        issue_jwts(&first, 100.0, |_| false);
        let one = connect(&first, options(&[])).await;
        record(&one, GLOBEX).await.unwrap();
        one.add_token(AccessToken::parse(&jwt_expiring_in(9999, GLOBEX, "private")).unwrap(), no_options()).await.unwrap();
        let second = first.another_page();
        second.respond(accept);
        issue_jwts(&second, 100.0, |_| false);
        let other = connect(&second, options(&[])).await;
        record(&other, GLOBEX).await.unwrap();
        assert!(second.starts()[0].token != jwt_expiring_in(9999, GLOBEX, "private"));
    });
}

#[test]
fn another_person_is_another_source() {
    run(async {
        let hint = |who: &str| {
            let mut o = login_options();
            o.login.as_mut().unwrap().login_hint = Some(who.into());
            o
        };
        let first = World::new();
        first.respond(accept);
        let one = connect(&first, hint("ada@globex.example")).await;
        join(record(&one, GLOBEX), async { first.popups()[0].post_code("code") }).await.0.unwrap();
        let second = first.another_page();
        second.respond(accept);
        let other = connect(&second, hint("bob@globex.example")).await;
        let _ = completed_within(&[&second], 2_000, record(&other, GLOBEX)).await;
        assert!(second.popups().last().unwrap().url().is_some(), "Bob records with Ada's token");
    });
}

#[test]
fn a_blocked_window_is_no_matter_where_another_page_has_the_token() {
    run(async {
        let first = World::new();
        first.respond(accept);
        let one = connect(&first, login_options()).await;
        join(record(&one, GLOBEX), async { first.popups()[0].post_code("code") }).await.0.unwrap();
        let second = first.another_page();
        second.respond(accept);
        second.block_popups();
        let other = connect(&second, login_options()).await;
        let r = record(&other, GLOBEX).await;
        assert!(r.is_ok());
    });
}

#[test]
fn a_slow_answer_does_not_spoil_what_a_quick_one_told() {
    let clock = CloudClock::default();
    let date = |millis: i64| Timestamp::from_millis(NOW + millis);
    let at = |millis: i64| clock.moment(Instant::from_millis(millis), date(millis));
    // The cloud is 30 s behind.
    clock.learn(at(0), at(20), date(-30_000));
    clock.learn(at(60_000), at(100_000), date(60_000 + 39_000 - 30_000));
    let after = at(0).in_cloud().as_millis() - NOW;
    assert!((after + 30_000).abs() <= 1_000);
}

#[test]
fn an_escaped_secret_is_struck_out_too() {
    run(async {
        let world = World::new();
        world.respond(|_| response(400, r#"{"error":"invalid_grant","error_description":"the code ab\/cd= was used"}"#));
        let recorder = connect(&world, login_options()).await;
        let refused = error(join(record(&recorder, GLOBEX), async { world.popups()[0].post_code("ab/cd%3D") }).await.0);
        // the page reads the cause with JSON.parse
        let Some(Cause::Cloud(words)) = &refused.evidence.cause else { panic!() };
        assert!(!format!("{:?}", json(words)).contains("ab/cd="));
    });
}

#[test]
fn sign_out_of_all_is_not_undone_by_a_sign_in_of_the_wrong_org() {
    run(async {
        let world = World::new();
        world.respond(|request| if request.method == "GET" { response(200, &token_info(ACME)) } else { accept(request) });
        let mut o = login_options();
        o.login.as_mut().unwrap().wrong_org = Some("file".into());
        let recorder = connect(&world, o).await;
        let leaving = async {
            recorder.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap();
            recorder.sign_out(None, no_options()).await.unwrap();
            world.popups()[0].post_code("code");
        };
        let _ = join(record(&recorder, GLOBEX), leaving).await;
        assert_eq!(recorder.tokens().len(), 0);
    });
}

#[test]
fn sign_out_is_not_undone_by_a_start_that_its_own_revocation_makes_fail() {
    run(async {
        let world = World::new();
        let revoked = Rc::new(Cell::new(false));
        let (release, released) = gate();
        let token = jwt_expiring_in(9999, GLOBEX, "first");
        let (t, r) = (token.clone(), revoked.clone());
        world
            .respond_async(move |request| {
                if request.method == "DELETE" {
                    r.set(true);
                    return Box::pin(async { Ok(response(204, "")) });
                }
                let (is_first, r, released, a) = (request.token == t, r.clone(), released.clone(), accept(request));
                Box::pin(async move {
                    if is_first {
                        released.await.unwrap();
                        if r.get() {
                            return Ok(response(401, ""));
                        }
                    }
                    Ok(a)
                })
            })
            .issue(&jwt_expiring_in(9999, GLOBEX, "second"));
        let recorder = connect(&world, options(&[&token])).await;
        let leaving = async {
            recorder.sign_out(None, no_options()).await.unwrap();
            release.send();
        };
        let (_, ()) = join(record(&recorder, GLOBEX), leaving).await;
        assert_eq!((world.get_token_calls().len(), recorder.tokens().len()), (0, 0));
    });
}

#[test]
fn get_token_may_call_everything_synchronously() {
    run(async {
        for what in 0..6 {
            let world = World::new();
            world.respond(accept);
            let slot: Rc<RefCell<Option<Rc<Recorder<World>>>>> = Rc::default();
            let s = slot.clone();
            let w = world.clone();
            world.token_source(move |call| {
                let r = s.borrow().clone().unwrap();
                let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
                match what {
                    0 => r.close(),
                    1 => {
                        let mut f = Box::pin(async { r.sign_out(None, no_options()).await });
                        let _ = f.as_mut().poll(&mut cx);
                    }
                    2 => {
                        let r2 = r.clone();
                        let mut f = Box::pin(async move { record(&r2, GLOBEX).await });
                        let _ = f.as_mut().poll(&mut cx);
                        spawn(&w, f);
                    }
                    3 => {
                        let mut f = Box::pin(async {
                            r.add_token(AccessToken::parse(&jwt_expiring_in(9999, GLOBEX, "x")).unwrap(), no_options()).await
                        });
                        let _ = f.as_mut().poll(&mut cx);
                    }
                    4 => {
                        let mut f = Box::pin(async { r.switch_org(OrgId::parse(GLOBEX).unwrap(), no_options()).await });
                        let _ = f.as_mut().poll(&mut cx);
                    }
                    _ => {
                        r.tokens();
                        r.org();
                        let mut f = Box::pin(async { r.sign_out(OrgId::parse(&call.org), no_options()).await });
                        let _ = f.as_mut().poll(&mut cx);
                    }
                }
                let t = jwt_for(&call.org);
                Box::pin(async move {
                    yield_now().await;
                    Ok(issued_token(&t))
                })
            });
            let recorder = Rc::new(connect(&world, options(&[])).await);
            slot.replace(Some(recorder.clone()));
            let _ = record(&recorder, GLOBEX).await;
            world.run_spawned();
        }
    });
}
fn spawn(w: &World, f: std::pin::Pin<Box<dyn Future<Output = Result<Recording, CallError>>>>) {
    use premium_recorder::cloud::ports::Timer;
    w.spawn(Box::pin(async move {
        let _ = f.await;
    }));
}

#[test]
fn first_polls_with_a_noop_waker_lose_no_wake_up() {
    run(async {
        let world = World::new();
        let release = world.respond(accept).issue_when_released(|_| true);
        let recorder = connect(&world, options(&[])).await;
        let agent = |number: usize| Start::new(&format!("agent-{number}"), Some(GLOBEX), None).unwrap();
        let mut calls: Vec<_> = (0..20).map(|number| Box::pin(recorder.start_recording(agent(number), no_options()))).collect();
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        for c in &mut calls {
            assert!(c.as_mut().poll(&mut cx).is_pending());
        }
        let (all, ()) = join(join_all(calls), async {
            yield_now().await;
            release.send()
        })
        .await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!((world.get_token_calls().len(), world.starts().len()), (1, 20));
    });
}

#[test]
fn connect_does_not_fail_because_what_another_page_shares_can_not_be_looked_at() {
    run(async {
        let o = || Options { org_id: Some(GLOBEX.into()), ..login_options() };
        let first = World::new();
        first.respond(accept);
        let one = connect(&first, o()).await;
        join(record(&one, GLOBEX), async { first.popups()[0].post_code("code") }).await.0.unwrap();
        let second = first.another_page();
        second.respond_async(|_| Box::pin(std::future::pending()));
        let settings = premium_recorder::recorder::settings::Settings::from_options(o(), None, Some(page(&[]))).unwrap();
        let r = while_time_passes(&[&second], Recorder::connect(second.clone(), settings, None, no_options())).await;
        assert!(r.is_ok(), "connect: {:?}", error(r.map(|_| ())).code);
    });
}

/// the stale renewal beside a sign-out: a call that waited for it begins anew
#[test]
fn sign_out_is_not_undone_by_a_call_whose_renewal_failed() {
    run(async {
        let world = World::new();
        world.respond(accept);
        let n = Rc::new(Cell::new(0));
        let count = n.clone();
        let (release, released) = gate();
        world.token_source(move |call| {
            count.set(count.get() + 1);
            let (k, released) = (count.get(), released.clone());
            Box::pin(async move {
                if k == 2 {
                    released.await.unwrap();
                    return Err(Cause::Foreign(Rc::new(())));
                }
                Ok(IssuedToken {
                    access_token: jwt(&format!(r#"{{"org_id":"{}","jti":"{k}"}}"#, call.org)).into(),
                    expires_in: Some(100.0),
                })
            })
        });
        let recorder = connect(&world, options(&[])).await;
        record(&recorder, GLOBEX).await.unwrap();
        world.advance(95 * SECOND);
        record(&recorder, GLOBEX).await.unwrap();
        world.run_spawned();
        world.advance(6 * SECOND);
        let leaving = async {
            recorder.sign_out(None, no_options()).await.unwrap();
            release.send();
        };
        let (_, ()) = join(record(&recorder, GLOBEX), leaving).await;
        assert_eq!((recorder.tokens().len(), n.get()), (0, 2));
    });
}

/// a call of its own that two sign-ins of the same target overlap (without locks)
#[test]
fn an_aborted_call_does_not_end_the_count_of_anothers_sign_in() {
    run(async {
        let world = World::new();
        world.disable_locks();
        world.respond(accept);
        let recorder = connect(&world, login_options()).await;
        let mut a = Box::pin(record(&recorder, GLOBEX));
        assert!(poll_once(a.as_mut()).await.is_pending());
        recorder.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap();
        let mut b = Box::pin(record(&recorder, GLOBEX));
        assert!(poll_once(b.as_mut()).await.is_pending());
        drop(a);
        let mut ended = None;
        for _ in 0..30 {
            world.advance(1000);
            if let std::task::Poll::Ready(r) = poll_once(b.as_mut()).await {
                ended = Some(r);
                break;
            }
        }
        assert!(ended.is_none());
    });
}

#[test]
fn what_a_redirect_sign_in_gave_is_not_displaced_by_the_token_it_was_to_replace() {
    use premium_recorder::auth::sign_in::AuthorizationResponse;
    use premium_recorder::recorder::settings::Settings;
    run(async {
        let token = jwt(&format!(r#"{{"org_id":"{GLOBEX}","jti":"revoked"}}"#));
        let o = || {
            let mut o = Options { tokens: vec![token.clone().into()], ..login_options() };
            let l = o.login.as_mut().unwrap();
            l.mode = Some("redirect".into());
            l.redirect_uri = format!("{PAGE}/");
            o
        };
        let revoked = token.clone();
        let cloud = move |request: &SentRequest| if request.token == revoked { response(401, "") } else { accept(request) };
        let world = World::new();
        world.respond(cloud.clone());
        let recorder = connect(&world, o()).await;
        let _ = join(record(&recorder, GLOBEX), async {
            yield_now().await;
            world.advance(120_000)
        })
        .await;
        let state = parameter(&world.navigations()[0], "state").unwrap();
        let back = world.after_redirect();
        back.respond(cloud);
        let mut page = page(&[("code", "c"), ("state", &state)]);
        let returned = AuthorizationResponse::take(o().login.as_ref(), &back, Some(&mut page)).unwrap();
        let settings = Settings::from_options(o(), None, Some(page)).unwrap();
        let again = Recorder::connect(back.clone(), settings, returned, no_options()).await.unwrap();
        let _ = join(record(&again, GLOBEX), async {
            yield_now().await;
            back.advance(200_000)
        })
        .await;
        assert_eq!(back.navigations().len(), 0);
    });
}

#[test]
fn what_another_page_hands_over_is_looked_at() {
    run(async {
        let world = World::new();
        world.respond(accept_short_lived).issue_per_org();
        let _sharing = world.share_token(
            &format!("premium-recorder https://api.cloud.example {GLOBEX} screenrecordings:write getToken"),
            Rc::new(Hands(jwt_with_id(ACME, "another's"))),
        );
        let recorder = connect(&world, options(&[])).await;
        assert_eq!(record(&recorder, GLOBEX).await.unwrap().org.as_str(), GLOBEX);
        assert_eq!((world.starts()[0].org.as_deref(), world.starts()[0].token.clone()), (Some(GLOBEX), jwt_for(GLOBEX)));
    });
}
#[test]
fn a_token_that_expires_while_it_is_asked_about_is_not_sent() {
    run(async {
        let world = World::new();
        let clock = world.clone();
        world.respond(move |request| {
            if request.method == "GET" {
                clock.advance(2 * SECOND)
            }
            accept_short_lived(request)
        });
        world.issue_opaque(1.0);
        let recorder = connect(&world, options(&[])).await;
        assert_eq!(error(record(&recorder, GLOBEX).await).code, Code::TokenExpired);
        assert!(world.starts().is_empty());
    });
}
#[test]
fn a_token_that_is_taken_over_keeps_its_end() {
    run(async {
        let world = World::new();
        let other = world.another_page();
        for w in [&world, &other] {
            w.respond(accept_short_lived);
            w.issue_opaque(100.0);
        }
        let (one, two) = (connect(&world, options(&[])).await, connect(&other, options(&[])).await);
        record(&one, GLOBEX).await.unwrap();
        record(&two, GLOBEX).await.unwrap();
        assert_eq!(other.get_token_calls().len(), 0);
        other.advance(100 * SECOND);
        world.advance(100 * SECOND);
        record(&two, GLOBEX).await.unwrap();
        assert_eq!(other.get_token_calls().len(), 1);
    });
}
#[test]
fn a_start_that_was_refused_was_not_started_when_its_renewal_hangs() {
    run(async {
        let world = World::new();
        world.respond(|_| response(401, "")).token_source(|_| Box::pin(std::future::pending()));
        let recorder = connect(&world, options(&[&jwt_with_id(GLOBEX, "a")])).await;
        let (r, ()) = join(record(&recorder, GLOBEX), async {
            yield_now().await;
            world.advance(15 * SECOND)
        })
        .await;
        assert_eq!(error(r).code, Code::Timeout);
    });
}
#[test]
fn a_renewals_failure_is_not_the_callers() {
    run(async {
        let world = World::new();
        world.respond(accept_short_lived);
        world.issue_opaque(100.0);
        let recorder = connect(&world, options(&[])).await;
        record(&recorder, GLOBEX).await.unwrap();
        let (release, released) = gate();
        let released = RefCell::new(Some(released));
        world.token_source(move |_| {
            let released = released.take();
            Box::pin(async move {
                if let Some(released) = released {
                    released.await.unwrap();
                    return Err(Cause::Foreign(Rc::new(())));
                }
                Ok(issued_token(&jwt_with_id(GLOBEX, "later")))
            })
        });
        world.advance(95 * SECOND);
        record(&recorder, GLOBEX).await.unwrap();
        world.run_spawned();
        world.advance(6 * SECOND);
        join(record(&recorder, GLOBEX), async { release.send() }).await.0.unwrap();
        assert_eq!(world.starts().last().unwrap().token, jwt_with_id(GLOBEX, "later"));
    });
}
#[test]
fn a_refused_token_is_not_handed_on() {
    run(async {
        let world = World::new();
        let other = world.another_page();
        let stale = jwt_with_id(GLOBEX, "stale");
        for w in [&world, &other] {
            let s = stale.clone();
            w.respond(move |request| if request.token == s { response(401, "") } else { accept_short_lived(request) });
        }
        world.issue(&stale);
        other.issue(&jwt_with_id(GLOBEX, "good"));
        let (one, two) = (connect(&world, options(&[])).await, connect(&other, options(&[])).await);
        record(&one, GLOBEX).await.unwrap_err();
        record(&two, GLOBEX).await.unwrap();
        assert!(other.starts().iter().all(|start| start.token != stale));
    });
}
#[test]
fn who_signed_out_shares_no_more() {
    run(async {
        let world = World::new();
        let pages = [world.clone(), world.another_page(), world.another_page()];
        for w in &pages {
            w.respond(accept_short_lived);
            w.issue_opaque(100.0);
        }
        let [a, b, c] =
            [connect(&pages[0], options(&[])).await, connect(&pages[1], options(&[])).await, connect(&pages[2], options(&[])).await];
        record(&a, GLOBEX).await.unwrap();
        pages.iter().for_each(|w| w.advance(100 * SECOND));
        record(&a, GLOBEX).await.unwrap(); // shared a second time
        a.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap();
        record(&b, GLOBEX).await.unwrap();
        record(&c, GLOBEX).await.unwrap();
        assert_eq!((pages[1].get_token_calls().len(), pages[2].get_token_calls().len()), (1, 0));
    });
}
#[test]
fn nothing_is_renewed_beside_a_fetch() {
    run(async {
        let world = World::new();
        let release = world.respond(accept_short_lived).issue_when_released(|_| true);
        let recorder = connect(&world, options(&[])).await;
        let other = async {
            let token = jwt(&format!(r#"{{"org_id":"{GLOBEX}","exp":{}}}"#, NOW / 1000 + 10));
            recorder.add_token(AccessToken::parse(&token).unwrap(), no_options()).await.unwrap();
            world.advance(9 * SECOND + 500);
            recorder.start_recording(Start::new("another-agent", Some(GLOBEX), None).unwrap(), no_options()).await.unwrap();
            assert_eq!(world.spawned_tasks(), 0);
            release.send();
        };
        join(record(&recorder, GLOBEX), other).await.0.unwrap();
    });
}
#[test]
fn a_token_of_the_apps_own_is_not_replaced_by_another_pages() {
    run(async {
        let o = |tokens: &[&str]| Options { org_id: Some(GLOBEX.into()), login: login_options().login, ..options(tokens) };
        let world = World::new();
        world.respond(accept_short_lived);
        let one = connect(&world, o(&[])).await;
        join(record(&one, GLOBEX), async { world.popups()[0].post_code("code") }).await.0.unwrap();
        let other = world.another_page();
        other.respond(accept_short_lived);
        let two = connect(&other, o(&[&jwt_with_id(GLOBEX, "own")])).await;
        record(&two, GLOBEX).await.unwrap();
        assert_eq!(other.starts()[0].token, jwt_with_id(GLOBEX, "own"));
    });
}
#[test]
fn a_rest_is_counted_by_the_clouds_clock() {
    run(async {
        let world = World::new();
        let clock = world.clone();
        let at = jiff::Timestamp::from_millisecond(NOW + 3600 * SECOND + 900 * SECOND).unwrap();
        world.respond(move |request| Response {
            date: Some(Timestamp::from_millis(clock.time() + 3600 * SECOND)),
            ..match request.method.as_str() {
                "GET" => response(200, &format!(r#"{{"organization":{{"id":"{GLOBEX}"}},"dateTokenIdles":"{at}"}}"#)),
                _ => accept_short_lived(request),
            }
        });
        let recorder = connect(&world, options(&["opaque"])).await;
        world.advance(902 * SECOND);
        assert_eq!(error(record(&recorder, GLOBEX).await).code, Code::TokenExpired);
    });
}
#[test]
fn a_life_is_counted_from_the_question() {
    run(async {
        let world = World::new();
        let clock = world.clone();
        world.respond(move |request| {
            if request.is_for_token_endpoint() {
                clock.advance(10 * SECOND)
            }
            accept_short_lived(request)
        });
        let recorder = connect(&world, login_options()).await;
        join(record(&recorder, GLOBEX), async { world.popups()[0].post_code("code") }).await.0.unwrap();
        assert_eq!(expires_at(&recorder, 0), NOW + 100 * SECOND);
    });
}
#[test]
fn a_refused_refresh_token_is_not_used_again() {
    run(async {
        let world = World::new();
        let uses = Rc::new(Cell::new(0));
        let n = uses.clone();
        world.respond(move |request| match request.body.as_deref() {
            Some(body) if body.contains("grant_type=refresh_token") => {
                n.set(n.get() + 1);
                response(400, r#"{"error":"invalid_grant"}"#)
            }
            Some(_) if request.is_for_token_endpoint() => {
                response(200, r#"{"access_token":"opaque","expires_in":100,"refresh_token":"r"}"#)
            }
            _ => accept_short_lived(request),
        });
        let recorder = connect(&world, login_options()).await;
        join(record(&recorder, GLOBEX), async { world.popups()[0].post_code("code") }).await.0.unwrap();
        world.advance(100 * SECOND);
        world.block_popups();
        record(&recorder, GLOBEX).await.unwrap_err();
        record(&recorder, GLOBEX).await.unwrap_err();
        assert_eq!(uses.get(), 1);
    });
}
#[test]
fn a_code_and_a_verifier_are_struck_out() {
    run(async {
        for body in ["BODY", r#"{"error":"SECRET"}"#] {
            let world = World::new();
            world
                .respond(move |request| response(400, &body.replace("BODY", request.body.as_ref().unwrap()).replace("SECRET", "the-code")));
            let recorder = connect(&world, login_options()).await;
            let refused = error(join(record(&recorder, GLOBEX), async { world.popups()[0].post_code("the-code") }).await.0);
            let body = world.requests()[0].body.clone().unwrap();
            let verifier = url::form_urlencoded::parse(body.as_bytes()).find(|(k, _)| k == "code_verifier").unwrap().1.into_owned();
            let text = format!("{refused:?}");
            assert!(!text.contains("the-code") && !text.contains(&verifier), "{text}");
        }
    });
}
#[test]
fn a_refresh_token_is_struck_out() {
    run(async {
        let world = World::new();
        world.respond(|request| match request.body.as_deref() {
            Some(body) if body.contains("grant_type=refresh_token") => response(503, body),
            Some(_) if request.is_for_token_endpoint() => {
                response(200, r#"{"access_token":"opaque","expires_in":100,"refresh_token":"the-refresh-token"}"#)
            }
            _ => accept_short_lived(request),
        });
        let recorder = connect(&world, login_options()).await;
        join(record(&recorder, GLOBEX), async { world.popups()[0].post_code("code") }).await.0.unwrap();
        world.advance(100 * SECOND);
        let refused = error(record(&recorder, GLOBEX).await);
        assert!(!format!("{refused:?}").contains("the-refresh-token"));
    });
}
#[test]
fn a_redirect_uri_has_no_backslash() {
    let mut o = login_options();
    o.login.as_mut().unwrap().redirect_uri = format!("{PAGE}/\\evil.example");
    assert_eq!(Settings::from_options(o, None, Some(page(&[]))).unwrap_err().code, Code::BadArgument);
}
#[test]
fn the_second_start_may_have_run() {
    run(async {
        let world = World::new();
        world.respond_async(|request| {
            let first = request.token == jwt_with_id(GLOBEX, "a");
            Box::pin(async move { if first { Ok(response(401, "")) } else { std::future::pending().await } })
        });
        world.issue(&jwt_with_id(GLOBEX, "b"));
        let recorder = connect(&world, options(&[&jwt_with_id(GLOBEX, "a")])).await;
        let (r, ()) = join(record(&recorder, GLOBEX), async {
            wait_until(|| world.starts().len() == 2).await;
            world.advance(15 * SECOND);
            wait_until(|| world.requests().len() == 3).await;
            world.advance(5 * SECOND)
        })
        .await;
        assert_eq!(error(r).code, Code::OutcomeUnknown);
    });
}
#[test]
fn a_token_that_was_added_meanwhile_is_used() {
    run(async {
        let world = World::new();
        let (release, released) = gate();
        let released = RefCell::new(Some(released));
        world.respond_async(move |_| {
            let released = released.take();
            Box::pin(async move {
                if let Some(released) = released {
                    released.await.unwrap();
                    return Ok(response(401, ""));
                }
                Ok(response(201, r#"{"id":"r","state":"recording"}"#))
            })
        });
        let recorder = connect(&world, options(&[&jwt_with_id(GLOBEX, "a")])).await;
        let add = async {
            recorder.add_token(AccessToken::parse(&jwt_with_id(GLOBEX, "b")).unwrap(), no_options()).await.unwrap();
            release.send();
        };
        join(record(&recorder, GLOBEX), add).await.0.unwrap();
    });
}
#[test]
fn a_closed_recorder_signs_nobody_out() {
    run(async {
        let world = World::new();
        let other = world.another_page();
        for w in [&world, &other] {
            w.respond(accept_short_lived);
            w.issue_opaque(100.0);
        }
        let (one, two) = (connect(&world, options(&[])).await, connect(&other, options(&[])).await);
        record(&two, GLOBEX).await.unwrap();
        one.close();
        assert_eq!(error(one.sign_out(OrgId::parse(GLOBEX), no_options()).await).code, Code::Closed);
        assert_eq!(two.tokens().len(), 1);
    });
}

#[test]
fn a_sign_out_ends_what_is_being_obtained_for_its_organization_and_nothing_else() {
    run(async {
        let world = World::new();
        let release = world.respond(accept).issue_when_released(|org| org == GLOBEX);
        let recorder = connect(&world, options(&[&jwt_for(ACME)])).await;
        let somebody = async {
            yield_now().await;
            recorder.sign_out(OrgId::parse(INITECH), no_options()).await.unwrap();
            recorder.sign_out(OrgId::parse(ACME), no_options()).await.unwrap();
            yield_now().await;
            release.send();
        };
        join(record(&recorder, GLOBEX), somebody).await.0.unwrap();

        // A source that never accept is not waited for.
        let world = World::new();
        world.token_source(|_| Box::pin(std::future::pending()));
        let recorder = connect(&world, options(&[])).await;
        let sign_out = recorder.sign_out(OrgId::parse(GLOBEX), no_options());
        let (ended, signed_out) = join(record(&recorder, GLOBEX), sign_out).await;
        signed_out.unwrap();
        assert_eq!(error(ended).code, Code::NoToken);
    });
}

#[test]
fn a_sign_out_of_another_organization_does_not_undo_the_one_before() {
    run(async {
        let world = World::new();
        let (release, released) = gate();
        world.respond_async(move |request| {
            let released = (request.method == "POST").then(|| released.clone());
            Box::pin(async move {
                let Some(released) = released else { return Ok(response(204, "")) };
                released.await.unwrap();
                Ok(response(401, ""))
            })
        });
        world.issue_per_org();
        let recorder = connect(&world, options(&[&jwt_with_id(GLOBEX, "own"), &jwt_for(ACME)])).await;
        let somebody = async {
            wait_until(|| !world.starts().is_empty()).await;
            recorder.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap();
            recorder.sign_out(OrgId::parse(ACME), no_options()).await.unwrap();
            release.send();
        };
        let (ended, ()) = join(record(&recorder, GLOBEX), somebody).await;
        assert_eq!(error(ended).code, Code::Unauthenticated);
        assert_eq!((world.get_token_calls().len(), world.starts().len()), (0, 1));
    });
}

#[test]
fn a_token_may_be_added_again_but_not_the_refused_one() {
    run(async {
        let world = World::new();
        let refused = jwt_with_id(GLOBEX, "refused");
        let is_refused = refused.clone();
        world.respond(move |request| if request.token == is_refused { response(401, "") } else { accept(request) });
        let recorder = connect(&world, options(&[&refused])).await;
        let add = |text: &str| recorder.add_token(AccessToken::parse(text).unwrap(), no_options());
        add(&refused).await.unwrap();
        assert_eq!(error(record(&recorder, GLOBEX).await).code, Code::Unauthenticated);
        assert_eq!(error(add(&refused).await).code, Code::Unauthenticated);
        add(&jwt_with_id(GLOBEX, "another")).await.unwrap();
        record(&recorder, GLOBEX).await.unwrap();
    });
}

/// Whatever it claims, and whatever happens in between, the cloud's word on a token counts.
#[test]
fn a_token_that_the_cloud_called_anothers_is_not_used_by_its_claim_again() {
    for signs_out in [false, true] {
        run(async {
            let world = World::new();
            let lying = jwt_with_id(GLOBEX, "lies");
            let lies = lying.clone();
            world.respond(move |request| match request.method.as_str() {
                "GET" if request.token == lies => response(200, &token_info(ACME)),
                "POST" if request.token == lies && request.org.as_deref() == Some(GLOBEX) => {
                    response(403, r#"{"message":"Permission denied: insufficient scope for resource owner"}"#)
                }
                _ => accept(request),
            });
            let recorder = connect(&world, options(&[&lying])).await;
            assert_eq!(error(record(&recorder, GLOBEX).await).code, Code::WrongOrg);
            if signs_out {
                recorder.sign_out(None, no_options()).await.unwrap();
            }
            world.clear_log();
            let added = recorder.add_token(AccessToken::parse(&lying).unwrap(), no_options()).await.unwrap();
            assert_eq!(added.target().org.as_str(), ACME);
            record(&recorder, GLOBEX).await.unwrap_err();
            assert!(world.starts().is_empty());
        });
    }
}

/// A time at which a token idles is the first one at which it has idled.
#[test]
fn a_token_that_idles_at_this_moment_has_idled_by_the_clouds_word_only() {
    run(async {
        let world = World::new();
        let at = jiff::Timestamp::from_millisecond(NOW).unwrap();
        world.respond(move |request| match request.method.as_str() {
            "GET" => response(200, &format!(r#"{{"organization":{{"id":"{GLOBEX}"}},"dateTokenIdles":"{at}"}}"#)),
            _ => accept(request),
        });
        let recorder = connect(&world, options(&["opaque"])).await;
        record(&recorder, GLOBEX).await.unwrap();
    });
}
