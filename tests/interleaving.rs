//! Interleavings and odd answers that once broke something, or would: hung sources, sign-outs under way, several pages.

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
async fn record(r: &Recorder<World>, org: &str) -> Result<Recording, CallError> {
    r.start_recording(Start::new(AGENT, Some(org), None).unwrap(), no_options()).await
}
fn lives(org: &str, jti: &str, life: i64) -> String {
    jwt(&format!(r#"{{"org_id":"{org}","exp":{},"jti":"{jti}"}}"#, NOW / 1000 + life))
}
fn answers(seen: &Seen) -> Response {
    match seen.method.as_str() {
        "GET" => answer(200, &token_info(GLOBEX)),
        "POST" if seen.url.ends_with("/oauth/token") => answer(200, r#"{"access_token":"opaque","expires_in":3600}"#),
        "DELETE" => answer(204, ""),
        _ => answer(201, r#"{"id":"rec-1","state":"recording"}"#),
    }
}
/// gives tokens one after another, each with a life of `life` s; those for which `hangs` says so never come
fn issues(world: &World, life: f64, hangs: impl Fn(usize) -> bool + 'static) {
    let n = Cell::new(0);
    world.source(move |asked| {
        n.set(n.get() + 1);
        let (number, hang) = (n.get(), hangs(n.get()));
        let token = jwt(&format!(r#"{{"org_id":"{}","jti":"{number}"}}"#, asked.org));
        Box::pin(async move {
            if hang {
                std::future::pending::<()>().await
            }
            Ok(IssuedToken { access_token: token.into(), expires_in: Some(life) })
        })
    });
}
async fn poll_once<F: Future + ?Sized>(mut f: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    std::future::poll_fn(|cx| std::task::Poll::Ready(f.as_mut().poll(cx))).await
}
/// ticks time until the call is over
async fn ticking<T>(worlds: &[&World], call: impl Future<Output = T>, most: i64) -> Option<T> {
    let mut call = std::pin::pin!(call);
    let mut t = 0;
    loop {
        for _ in 0..4 {
            let mut out = None;
            std::future::poll_fn(|cx| {
                if let std::task::Poll::Ready(r) = call.as_mut().poll(cx) {
                    out = Some(r);
                }
                std::task::Poll::Ready(())
            })
            .await;
            if out.is_some() {
                return out;
            }
            worlds.iter().for_each(|w| w.go_on());
        }
        if t >= most {
            return None;
        }
        t += 1000;
        worlds.iter().for_each(|w| w.advance(1000));
    }
}

fn claims(org: &str, jti: &str) -> String {
    jwt(&format!(r#"{{"org_id":"{org}","jti":"{jti}"}}"#))
}
fn answers_with_a_short_life(seen: &Seen) -> Response {
    match seen.method.as_str() {
        "GET" => answer(200, &token_info(GLOBEX)),
        "POST" if seen.url.ends_with("/oauth/token") => answer(200, r#"{"access_token":"opaque","expires_in":100}"#),
        "DELETE" => answer(204, ""),
        _ => answer(201, r#"{"id":"rec-1","state":"recording"}"#),
    }
}
fn gives_opaque(world: &World, life: f64) {
    let n = Cell::new(0);
    world.source(move |_| {
        n.set(n.get() + 1);
        let t = format!("token-{}", n.get());
        Box::pin(async move { Ok(IssuedToken { access_token: t.into(), expires_in: Some(life) }) })
    });
}
struct Hands(String);
impl TokenSharer for Hands {
    fn share(&self) -> Option<IssuedToken> {
        Some(issued(&self.0))
    }
    fn forget(&self) {}
}

#[test]
fn a_renewal_that_hangs_does_not_poison_this_page_nor_another() {
    run(async {
        let world = World::new();
        world.answers(answers);
        issues(&world, 100.0, |n| n == 2);
        let recorder = connected(&world, options(&[])).await;
        record(&recorder, GLOBEX).await.unwrap();
        world.advance(95 * SECOND);
        record(&recorder, GLOBEX).await.unwrap();
        world.go_on();
        assert_eq!(world.asked().len(), 2);
        world.advance(5 * SECOND);
        let other = world.another_page();
        other.answers(answers);
        issues(&other, 100.0, |_| false);
        let another = connected(&other, options(&[])).await;
        // an hour later
        world.advance(3600 * SECOND);
        other.advance(3600 * SECOND);
        world.go_on();
        let a = ticking(&[&world, &other], record(&recorder, GLOBEX), 60_000).await.unwrap();
        let b = ticking(&[&world, &other], record(&another, GLOBEX), 60_000).await.unwrap();
        assert!(a.is_ok() && b.is_ok());
    });
}

#[test]
fn a_get_token_that_hangs_does_not_poison_calls_that_overlap() {
    run(async {
        let world = World::new();
        world.answers(answers);
        issues(&world, 100.0, |n| n == 1);
        let recorder = connected(&world, options(&[])).await;
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
            let (tell, told) = futures::channel::oneshot::channel::<()>();
            let told = told.shared();
            world.cloud(move |seen| {
                let a = answers(seen);
                let told = told.clone();
                Box::pin(async move {
                    told.await.unwrap();
                    Ok(a)
                })
            });
            let recorder = connected(&world, options(&[])).await;
            let leaving = async {
                recorder.sign_out(org, no_options()).await.unwrap();
                tell.send(()).unwrap();
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
        first.answers(answers);
        second.answers(answers);
        let one = connected(&first, login_options()).await;
        let other = connected(&second, login_options()).await;
        let calls = async { join(record(&one, GLOBEX), record(&other, GLOBEX)).await };
        let mut calls = Box::pin(calls);
        assert!(poll_once(calls.as_mut()).await.is_pending());
        for _ in 0..20 {
            first.advance(1000);
            second.advance(1000);
            let _ = poll_once(calls.as_mut()).await;
        }
        first.windows()[0].grant("code");
        let (a, b) = calls.await;
        assert!(a.is_ok() && b.is_ok());
    });
}

fn refreshing(world: &World, me: impl Fn(usize) -> Response + 'static, hang_first_refresh: bool) -> Rc<RefCell<Vec<String>>> {
    let used = Rc::new(RefCell::new(Vec::new()));
    let uses = used.clone();
    let asked_me = Cell::new(0);
    world.cloud(move |seen| {
        let mut hang = false;
        let a = if seen.url.ends_with("/oauth/token") {
            let form: std::collections::HashMap<String, String> =
                url::form_urlencoded::parse(seen.body.as_ref().unwrap().as_bytes()).into_owned().collect();
            match form.get("refresh_token") {
                None => answer(200, r#"{"access_token":"access-1","expires_in":100,"refresh_token":"refresh-1"}"#),
                Some(t) => {
                    uses.borrow_mut().push(t.clone());
                    let n = uses.borrow().len() + 1;
                    hang = hang_first_refresh && n == 2;
                    answer(200, &format!(r#"{{"access_token":"access-{n}","expires_in":100,"refresh_token":"refresh-{n}"}}"#))
                }
            }
        } else if seen.url.contains("/tokens/me") {
            asked_me.set(asked_me.get() + 1);
            me(asked_me.get())
        } else {
            answers(seen)
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
async fn signed_in(world: &World) -> Recorder<World> {
    let recorder = connected(world, login_options()).await;
    join(record(&recorder, GLOBEX), async { world.windows()[0].grant("code") }).await.0.unwrap();
    recorder
}

#[test]
fn a_rotated_refresh_token_is_not_lost_when_tokens_me_fails() {
    run(async {
        let world = World::new();
        let used = refreshing(&world, |n| if n == 2 { answer(503, "") } else { answer(200, &token_info(GLOBEX)) }, false);
        let recorder = signed_in(&world).await;
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
        let used = refreshing(&world, |_| answer(200, &token_info(GLOBEX)), true);
        let recorder = signed_in(&world).await;
        world.advance(100 * SECOND);
        {
            let start = Start::new(AGENT, Some(GLOBEX), None).unwrap();
            let ended = aborted_when(turn(), async |options| recorder.start_recording(start, options).await).await;
            assert!(matches!(ended, Err(CallError::Aborted)));
        }
        let _ = ticking(&[&world], record(&recorder, GLOBEX), 60_000).await;
        assert!(used.borrow().iter().filter(|t| *t == "refresh-1").count() == 1);
    });
}

#[test]
fn a_token_in_an_odd_answer_is_in_no_error() {
    run(async {
        for status in [201, 203, 206] {
            let world = World::new();
            world.answers(move |_| answer(status, r#"{"access_token":"THE-SECRET-TOKEN","refresh_token":"THE-SECRET-REFRESH"}"#));
            let recorder = connected(&world, login_options()).await;
            let refused = error(join(record(&recorder, GLOBEX), async { world.windows()[0].grant("code") }).await.0);
            assert!(!format!("{refused:?}").contains("THE-SECRET"));
        }
    });
}

#[test]
fn a_dead_token_of_the_token_endpoint_is_not_sent() {
    run(async {
        let world = World::new();
        world.answers(|seen| {
            if seen.url.ends_with("/oauth/token") { answer(200, r#"{"access_token":"opaque","expires_in":0}"#) } else { answers(seen) }
        });
        let recorder = connected(&world, login_options()).await;
        let _ = join(record(&recorder, GLOBEX), async { world.windows()[0].grant("code") }).await.0;
        assert!(world.seen().iter().all(|seen| seen.token.is_empty()));
    });
}

#[test]
fn a_token_that_was_about_to_rest_too_long_when_it_was_handed_over_is_good_after_its_use() {
    run(async {
        // The cloud: idle time-out 900 s, of which 10 s are left when connect() asks.
        let world = World::new();
        let last_used = Rc::new(Cell::new(NOW - 890 * SECOND));
        let (clock, used) = (world.clone(), last_used.clone());
        world.answers(move |seen| {
            if clock.time() >= used.get() + 900 * SECOND {
                return answer(401, "");
            }
            if seen.method == "GET" {
                let at = jiff::Timestamp::from_millisecond(used.get() + 900 * SECOND).unwrap();
                return answer(200, &format!(r#"{{"organization":{{"id":"{GLOBEX}"}},"dateTokenIdles":"{at}"}}"#));
            }
            used.set(clock.time());
            answers(seen)
        });
        let recorder = connected(&world, options(&["opaque"])).await;
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
            w.answers(move |seen| {
                if seen.url.ends_with("/oauth/token") {
                    return answers(seen);
                }
                if clock.time() >= used.get() + 900 * SECOND {
                    return answer(401, "");
                }
                if seen.method == "GET" {
                    let at = jiff::Timestamp::from_millisecond(used.get() + 900 * SECOND).unwrap();
                    return answer(200, &format!(r#"{{"organization":{{"id":"{GLOBEX}"}},"dateTokenIdles":"{at}"}}"#));
                }
                used.set(clock.time());
                answers(seen)
            });
        }
        let one = connected(&first, login_options()).await;
        join(record(&one, GLOBEX), async { first.windows()[0].grant("code") }).await.0.unwrap();
        let other = connected(&second, login_options()).await;
        record(&other, GLOBEX).await.unwrap();
        for _ in 0..3 {
            first.advance(600 * SECOND);
            second.advance(600 * SECOND);
            record(&one, GLOBEX).await.unwrap();
        }
        let _ = ticking(&[&first, &second], record(&other, GLOBEX), 5_000).await;
        assert!(second.windows().iter().all(|w| w.shown().is_none()));
    });
}

#[test]
fn a_token_that_the_app_handed_over_is_not_shared_because_another_was() {
    run(async {
        let first = World::new();
        first.answers(answers);
        issues(&first, 100.0, |_| false);
        let one = connected(&first, options(&[])).await;
        record(&one, GLOBEX).await.unwrap();
        one.add_token(AccessToken::parse(&lives(GLOBEX, "private", 9999)).unwrap(), no_options()).await.unwrap();
        let second = first.another_page();
        second.answers(answers);
        issues(&second, 100.0, |_| false);
        let other = connected(&second, options(&[])).await;
        record(&other, GLOBEX).await.unwrap();
        assert!(second.starts()[0].token != lives(GLOBEX, "private", 9999));
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
        first.answers(answers);
        let one = connected(&first, hint("ada@globex.example")).await;
        join(record(&one, GLOBEX), async { first.windows()[0].grant("code") }).await.0.unwrap();
        let second = first.another_page();
        second.answers(answers);
        let other = connected(&second, hint("bob@globex.example")).await;
        let _ = ticking(&[&second], record(&other, GLOBEX), 2_000).await;
        assert!(second.windows().last().unwrap().shown().is_some(), "Bob records with Ada's token");
    });
}

#[test]
fn a_blocked_window_is_no_matter_where_another_page_has_the_token() {
    run(async {
        let first = World::new();
        first.answers(answers);
        let one = connected(&first, login_options()).await;
        join(record(&one, GLOBEX), async { first.windows()[0].grant("code") }).await.0.unwrap();
        let second = first.another_page();
        second.answers(answers);
        second.blocks_windows();
        let other = connected(&second, login_options()).await;
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
        world.answers(|_| answer(400, r#"{"error":"invalid_grant","error_description":"the code ab\/cd= was used"}"#));
        let recorder = connected(&world, login_options()).await;
        let refused = error(join(record(&recorder, GLOBEX), async { world.windows()[0].grant("ab/cd%3D") }).await.0);
        // the page reads the cause with JSON.parse
        let Some(Cause::Cloud(words)) = &refused.evidence.cause else { panic!() };
        assert!(!format!("{:?}", json(words)).contains("ab/cd="));
    });
}

#[test]
fn sign_out_of_all_is_not_undone_by_a_sign_in_of_the_wrong_org() {
    run(async {
        let world = World::new();
        world.answers(|seen| if seen.method == "GET" { answer(200, &token_info(ACME)) } else { answers(seen) });
        let mut o = login_options();
        o.login.as_mut().unwrap().wrong_org = Some("file".into());
        let recorder = connected(&world, o).await;
        let leaving = async {
            recorder.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap();
            recorder.sign_out(None, no_options()).await.unwrap();
            world.windows()[0].grant("code");
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
        let (tell, told) = futures::channel::oneshot::channel::<()>();
        let told = told.shared();
        let token = lives(GLOBEX, "first", 9999);
        let (t, r) = (token.clone(), revoked.clone());
        world
            .cloud(move |seen| {
                if seen.method == "DELETE" {
                    r.set(true);
                    return Box::pin(async { Ok(answer(204, "")) });
                }
                let (is_first, r, told, a) = (seen.token == t, r.clone(), told.clone(), answers(seen));
                Box::pin(async move {
                    if is_first {
                        told.await.unwrap();
                        if r.get() {
                            return Ok(answer(401, ""));
                        }
                    }
                    Ok(a)
                })
            })
            .issues(&lives(GLOBEX, "second", 9999));
        let recorder = connected(&world, options(&[&token])).await;
        let leaving = async {
            recorder.sign_out(None, no_options()).await.unwrap();
            tell.send(()).unwrap();
        };
        let (_, ()) = join(record(&recorder, GLOBEX), leaving).await;
        assert_eq!((world.asked().len(), recorder.tokens().len()), (0, 0));
    });
}

#[test]
fn get_token_may_call_everything_synchronously() {
    run(async {
        for what in 0..6 {
            let world = World::new();
            world.answers(answers);
            let slot: Rc<RefCell<Option<Rc<Recorder<World>>>>> = Rc::default();
            let s = slot.clone();
            let w = world.clone();
            world.source(move |asked| {
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
                        let mut f =
                            Box::pin(async { r.add_token(AccessToken::parse(&lives(GLOBEX, "x", 9999)).unwrap(), no_options()).await });
                        let _ = f.as_mut().poll(&mut cx);
                    }
                    4 => {
                        let mut f = Box::pin(async { r.switch_org(OrgId::parse(GLOBEX).unwrap(), no_options()).await });
                        let _ = f.as_mut().poll(&mut cx);
                    }
                    _ => {
                        r.tokens();
                        r.org();
                        let mut f = Box::pin(async { r.sign_out(OrgId::parse(&asked.org), no_options()).await });
                        let _ = f.as_mut().poll(&mut cx);
                    }
                }
                let t = jwt_of(&asked.org);
                Box::pin(async move {
                    turn().await;
                    Ok(issued(&t))
                })
            });
            let recorder = Rc::new(connected(&world, options(&[])).await);
            slot.replace(Some(recorder.clone()));
            let _ = record(&recorder, GLOBEX).await;
            world.go_on();
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
        let told = world.answers(answers).issues_when_told(|_| true);
        let recorder = connected(&world, options(&[])).await;
        let agent = |number: usize| Start::new(&format!("agent-{number}"), Some(GLOBEX), None).unwrap();
        let mut calls: Vec<_> = (0..20).map(|number| Box::pin(recorder.start_recording(agent(number), no_options()))).collect();
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        for c in &mut calls {
            assert!(c.as_mut().poll(&mut cx).is_pending());
        }
        let (all, ()) = join(join_all(calls), async {
            turn().await;
            told.tell()
        })
        .await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!((world.asked().len(), world.starts().len()), (1, 20));
    });
}

#[test]
fn connect_does_not_fail_because_what_another_page_shares_can_not_be_looked_at() {
    run(async {
        let o = || Options { org_id: Some(GLOBEX.into()), ..login_options() };
        let first = World::new();
        first.answers(answers);
        let one = connected(&first, o()).await;
        join(record(&one, GLOBEX), async { first.windows()[0].grant("code") }).await.0.unwrap();
        let second = first.another_page();
        second.cloud(|_| Box::pin(std::future::pending()));
        let settings = premium_recorder::recorder::settings::Settings::from_options(o(), None, Some(page(&[]))).unwrap();
        let r = ticking(&[&second], Recorder::connect(second.clone(), settings, None, no_options()), 60_000).await.unwrap();
        assert!(r.is_ok(), "connect: {:?}", error(r.map(|_| ())).code);
    });
}

/// the stale renewal beside a sign-out: a call that waited for it begins anew
#[test]
fn sign_out_is_not_undone_by_a_call_whose_renewal_failed() {
    run(async {
        let world = World::new();
        world.answers(answers);
        let n = Rc::new(Cell::new(0));
        let count = n.clone();
        let (tell, told) = futures::channel::oneshot::channel::<()>();
        let told = told.shared();
        world.source(move |asked| {
            count.set(count.get() + 1);
            let (k, told) = (count.get(), told.clone());
            Box::pin(async move {
                if k == 2 {
                    told.await.unwrap();
                    return Err(Cause::Foreign(Rc::new(())));
                }
                Ok(IssuedToken {
                    access_token: jwt(&format!(r#"{{"org_id":"{}","jti":"{k}"}}"#, asked.org)).into(),
                    expires_in: Some(100.0),
                })
            })
        });
        let recorder = connected(&world, options(&[])).await;
        record(&recorder, GLOBEX).await.unwrap();
        world.advance(95 * SECOND);
        record(&recorder, GLOBEX).await.unwrap();
        world.go_on();
        world.advance(6 * SECOND);
        let leaving = async {
            recorder.sign_out(None, no_options()).await.unwrap();
            tell.send(()).unwrap();
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
        world.has_no_locks();
        world.answers(answers);
        let recorder = connected(&world, login_options()).await;
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
        let cloud = move |seen: &Seen| if seen.token == revoked { answer(401, "") } else { answers(seen) };
        let world = World::new();
        world.answers(cloud.clone());
        let recorder = connected(&world, o()).await;
        let _ = join(record(&recorder, GLOBEX), async {
            turn().await;
            world.advance(120_000)
        })
        .await;
        let state = parameter(&world.left_for()[0], "state").unwrap();
        let back = world.come_back();
        back.answers(cloud);
        let mut page = page(&[("code", "c"), ("state", &state)]);
        let returned = AuthorizationResponse::take(o().login.as_ref(), &back, Some(&mut page)).unwrap();
        let settings = Settings::from_options(o(), None, Some(page)).unwrap();
        let again = Recorder::connect(back.clone(), settings, returned, no_options()).await.unwrap();
        let _ = join(record(&again, GLOBEX), async {
            turn().await;
            back.advance(200_000)
        })
        .await;
        assert_eq!(back.left_for().len(), 0);
    });
}

#[test]
fn what_another_page_hands_over_is_looked_at() {
    run(async {
        let world = World::new();
        world.answers(answers_with_a_short_life).issues_each();
        let _sharing = world.share_token(
            &format!("premium-recorder https://api.cloud.example {GLOBEX} screenrecordings:write getToken"),
            Rc::new(Hands(claims(ACME, "another's"))),
        );
        let recorder = connected(&world, options(&[])).await;
        assert_eq!(record(&recorder, GLOBEX).await.unwrap().org.as_str(), GLOBEX);
        assert_eq!((world.starts()[0].org.as_deref(), world.starts()[0].token.clone()), (Some(GLOBEX), jwt_of(GLOBEX)));
    });
}
#[test]
fn a_token_that_expires_while_it_is_asked_about_is_not_sent() {
    run(async {
        let world = World::new();
        let clock = world.clone();
        world.answers(move |seen| {
            if seen.method == "GET" {
                clock.advance(2 * SECOND)
            }
            answers_with_a_short_life(seen)
        });
        gives_opaque(&world, 1.0);
        let recorder = connected(&world, options(&[])).await;
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
            w.answers(answers_with_a_short_life);
            gives_opaque(w, 100.0);
        }
        let (one, two) = (connected(&world, options(&[])).await, connected(&other, options(&[])).await);
        record(&one, GLOBEX).await.unwrap();
        record(&two, GLOBEX).await.unwrap();
        assert_eq!(other.asked().len(), 0);
        other.advance(100 * SECOND);
        world.advance(100 * SECOND);
        record(&two, GLOBEX).await.unwrap();
        assert_eq!(other.asked().len(), 1);
    });
}
#[test]
fn a_start_that_was_refused_was_not_started_when_its_renewal_hangs() {
    run(async {
        let world = World::new();
        world.answers(|_| answer(401, "")).source(|_| Box::pin(std::future::pending()));
        let recorder = connected(&world, options(&[&claims(GLOBEX, "a")])).await;
        let (r, ()) = join(record(&recorder, GLOBEX), async {
            turn().await;
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
        world.answers(answers_with_a_short_life);
        gives_opaque(&world, 100.0);
        let recorder = connected(&world, options(&[])).await;
        record(&recorder, GLOBEX).await.unwrap();
        let (tell, told) = futures::channel::oneshot::channel::<()>();
        let told = RefCell::new(Some(told));
        world.source(move |_| {
            let told = told.take();
            Box::pin(async move {
                if let Some(told) = told {
                    told.await.unwrap();
                    return Err(Cause::Foreign(Rc::new(())));
                }
                Ok(issued(&claims(GLOBEX, "later")))
            })
        });
        world.advance(95 * SECOND);
        record(&recorder, GLOBEX).await.unwrap();
        world.go_on();
        world.advance(6 * SECOND);
        join(record(&recorder, GLOBEX), async { tell.send(()).unwrap() }).await.0.unwrap();
        assert_eq!(world.starts().last().unwrap().token, claims(GLOBEX, "later"));
    });
}
#[test]
fn a_refused_token_is_not_handed_on() {
    run(async {
        let world = World::new();
        let other = world.another_page();
        let stale = claims(GLOBEX, "stale");
        for w in [&world, &other] {
            let s = stale.clone();
            w.answers(move |seen| if seen.token == s { answer(401, "") } else { answers_with_a_short_life(seen) });
        }
        world.issues(&stale);
        other.issues(&claims(GLOBEX, "good"));
        let (one, two) = (connected(&world, options(&[])).await, connected(&other, options(&[])).await);
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
            w.answers(answers_with_a_short_life);
            gives_opaque(w, 100.0);
        }
        let [a, b, c] =
            [connected(&pages[0], options(&[])).await, connected(&pages[1], options(&[])).await, connected(&pages[2], options(&[])).await];
        record(&a, GLOBEX).await.unwrap();
        pages.iter().for_each(|w| w.advance(100 * SECOND));
        record(&a, GLOBEX).await.unwrap(); // shared a second time
        a.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap();
        record(&b, GLOBEX).await.unwrap();
        record(&c, GLOBEX).await.unwrap();
        assert_eq!((pages[1].asked().len(), pages[2].asked().len()), (1, 0));
    });
}
#[test]
fn nothing_is_renewed_beside_a_fetch() {
    run(async {
        let world = World::new();
        let told = world.answers(answers_with_a_short_life).issues_when_told(|_| true);
        let recorder = connected(&world, options(&[])).await;
        let other = async {
            let token = jwt(&format!(r#"{{"org_id":"{GLOBEX}","exp":{}}}"#, NOW / 1000 + 10));
            recorder.add_token(AccessToken::parse(&token).unwrap(), no_options()).await.unwrap();
            world.advance(9 * SECOND + 500);
            recorder.start_recording(Start::new("another-agent", Some(GLOBEX), None).unwrap(), no_options()).await.unwrap();
            assert_eq!(world.spawned(), 0);
            told.tell();
        };
        join(record(&recorder, GLOBEX), other).await.0.unwrap();
    });
}
#[test]
fn a_token_of_the_apps_own_is_not_replaced_by_another_pages() {
    run(async {
        let o = |tokens: &[&str]| Options { org_id: Some(GLOBEX.into()), login: login_options().login, ..options(tokens) };
        let world = World::new();
        world.answers(answers_with_a_short_life);
        let one = connected(&world, o(&[])).await;
        join(record(&one, GLOBEX), async { world.windows()[0].grant("code") }).await.0.unwrap();
        let other = world.another_page();
        other.answers(answers_with_a_short_life);
        let two = connected(&other, o(&[&claims(GLOBEX, "own")])).await;
        record(&two, GLOBEX).await.unwrap();
        assert_eq!(other.starts()[0].token, claims(GLOBEX, "own"));
    });
}
#[test]
fn a_rest_is_counted_by_the_clouds_clock() {
    run(async {
        let world = World::new();
        let clock = world.clone();
        let at = jiff::Timestamp::from_millisecond(NOW + 3600 * SECOND + 900 * SECOND).unwrap();
        world.answers(move |seen| Response {
            date: Some(Timestamp::from_millis(clock.time() + 3600 * SECOND)),
            ..match seen.method.as_str() {
                "GET" => answer(200, &format!(r#"{{"organization":{{"id":"{GLOBEX}"}},"dateTokenIdles":"{at}"}}"#)),
                _ => answers_with_a_short_life(seen),
            }
        });
        let recorder = connected(&world, options(&["opaque"])).await;
        world.advance(902 * SECOND);
        assert_eq!(error(record(&recorder, GLOBEX).await).code, Code::TokenExpired);
    });
}
#[test]
fn a_life_is_counted_from_the_question() {
    run(async {
        let world = World::new();
        let clock = world.clone();
        world.answers(move |seen| {
            if seen.url.ends_with("/oauth/token") {
                clock.advance(10 * SECOND)
            }
            answers_with_a_short_life(seen)
        });
        let recorder = connected(&world, login_options()).await;
        join(record(&recorder, GLOBEX), async { world.windows()[0].grant("code") }).await.0.unwrap();
        assert_eq!(expires_at(&recorder, 0), NOW + 100 * SECOND);
    });
}
#[test]
fn a_refused_refresh_token_is_not_used_again() {
    run(async {
        let world = World::new();
        let uses = Rc::new(Cell::new(0));
        let n = uses.clone();
        world.answers(move |seen| match seen.body.as_deref() {
            Some(body) if body.contains("grant_type=refresh_token") => {
                n.set(n.get() + 1);
                answer(400, r#"{"error":"invalid_grant"}"#)
            }
            Some(_) if seen.url.ends_with("/oauth/token") => {
                answer(200, r#"{"access_token":"opaque","expires_in":100,"refresh_token":"r"}"#)
            }
            _ => answers_with_a_short_life(seen),
        });
        let recorder = connected(&world, login_options()).await;
        join(record(&recorder, GLOBEX), async { world.windows()[0].grant("code") }).await.0.unwrap();
        world.advance(100 * SECOND);
        world.blocks_windows();
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
            world.answers(move |seen| answer(400, &body.replace("BODY", seen.body.as_ref().unwrap()).replace("SECRET", "the-code")));
            let recorder = connected(&world, login_options()).await;
            let refused = error(join(record(&recorder, GLOBEX), async { world.windows()[0].grant("the-code") }).await.0);
            let body = world.seen()[0].body.clone().unwrap();
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
        world.answers(|seen| match seen.body.as_deref() {
            Some(body) if body.contains("grant_type=refresh_token") => answer(503, body),
            Some(_) if seen.url.ends_with("/oauth/token") => {
                answer(200, r#"{"access_token":"opaque","expires_in":100,"refresh_token":"the-refresh-token"}"#)
            }
            _ => answers_with_a_short_life(seen),
        });
        let recorder = connected(&world, login_options()).await;
        join(record(&recorder, GLOBEX), async { world.windows()[0].grant("code") }).await.0.unwrap();
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
        world.cloud(|seen| {
            let first = seen.token == claims(GLOBEX, "a");
            Box::pin(async move { if first { Ok(answer(401, "")) } else { std::future::pending().await } })
        });
        world.issues(&claims(GLOBEX, "b"));
        let recorder = connected(&world, options(&[&claims(GLOBEX, "a")])).await;
        let (r, ()) = join(record(&recorder, GLOBEX), async {
            wait_until(|| world.starts().len() == 2).await;
            world.advance(15 * SECOND);
            wait_until(|| world.seen().len() == 3).await;
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
        let (tell, told) = futures::channel::oneshot::channel::<()>();
        let told = RefCell::new(Some(told));
        world.cloud(move |_| {
            let told = told.take();
            Box::pin(async move {
                if let Some(t) = told {
                    t.await.unwrap();
                    return Ok(answer(401, ""));
                }
                Ok(answer(201, r#"{"id":"r","state":"recording"}"#))
            })
        });
        let recorder = connected(&world, options(&[&claims(GLOBEX, "a")])).await;
        let add = async {
            recorder.add_token(AccessToken::parse(&claims(GLOBEX, "b")).unwrap(), no_options()).await.unwrap();
            tell.send(()).unwrap();
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
            w.answers(answers_with_a_short_life);
            gives_opaque(w, 100.0);
        }
        let (one, two) = (connected(&world, options(&[])).await, connected(&other, options(&[])).await);
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
        let told = world.answers(answers).issues_when_told(|org| org == GLOBEX);
        let recorder = connected(&world, options(&[&jwt_of(ACME)])).await;
        let somebody = async {
            turn().await;
            recorder.sign_out(OrgId::parse(INITECH), no_options()).await.unwrap();
            recorder.sign_out(OrgId::parse(ACME), no_options()).await.unwrap();
            turn().await;
            told.tell();
        };
        join(record(&recorder, GLOBEX), somebody).await.0.unwrap();

        // A source that never answers is not waited for.
        let world = World::new();
        world.source(|_| Box::pin(std::future::pending()));
        let recorder = connected(&world, options(&[])).await;
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
        let (refuse, refused) = futures::channel::oneshot::channel::<()>();
        let refused = refused.shared();
        world.cloud(move |seen| {
            let refused = (seen.method == "POST").then(|| refused.clone());
            Box::pin(async move {
                let Some(refused) = refused else { return Ok(answer(204, "")) };
                refused.await.unwrap();
                Ok(answer(401, ""))
            })
        });
        world.issues_each();
        let recorder = connected(&world, options(&[&claims(GLOBEX, "own"), &jwt_of(ACME)])).await;
        let somebody = async {
            wait_until(|| !world.starts().is_empty()).await;
            recorder.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap();
            recorder.sign_out(OrgId::parse(ACME), no_options()).await.unwrap();
            refuse.send(()).unwrap();
        };
        let (ended, ()) = join(record(&recorder, GLOBEX), somebody).await;
        assert_eq!(error(ended).code, Code::Unauthenticated);
        assert_eq!((world.asked().len(), world.starts().len()), (0, 1));
    });
}

#[test]
fn a_token_may_be_added_again_but_not_the_refused_one() {
    run(async {
        let world = World::new();
        let refused = claims(GLOBEX, "refused");
        let is_refused = refused.clone();
        world.answers(move |seen| if seen.token == is_refused { answer(401, "") } else { answers(seen) });
        let recorder = connected(&world, options(&[&refused])).await;
        let add = |text: &str| recorder.add_token(AccessToken::parse(text).unwrap(), no_options());
        add(&refused).await.unwrap();
        assert_eq!(error(record(&recorder, GLOBEX).await).code, Code::Unauthenticated);
        assert_eq!(error(add(&refused).await).code, Code::Unauthenticated);
        add(&claims(GLOBEX, "another")).await.unwrap();
        record(&recorder, GLOBEX).await.unwrap();
    });
}

/// Whatever it claims, and whatever happens in between, the cloud's word on a token counts.
#[test]
fn a_token_that_the_cloud_called_anothers_is_not_used_by_its_claim_again() {
    for signs_out in [false, true] {
        run(async {
            let world = World::new();
            let lying = claims(GLOBEX, "lies");
            let lies = lying.clone();
            world.answers(move |seen| match seen.method.as_str() {
                "GET" if seen.token == lies => answer(200, &token_info(ACME)),
                "POST" if seen.token == lies && seen.org.as_deref() == Some(GLOBEX) => {
                    answer(403, r#"{"message":"Permission denied: insufficient scope for resource owner"}"#)
                }
                _ => answers(seen),
            });
            let recorder = connected(&world, options(&[&lying])).await;
            assert_eq!(error(record(&recorder, GLOBEX).await).code, Code::WrongOrg);
            if signs_out {
                recorder.sign_out(None, no_options()).await.unwrap();
            }
            world.forget_the_past();
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
        world.answers(move |seen| match seen.method.as_str() {
            "GET" => answer(200, &format!(r#"{{"organization":{{"id":"{GLOBEX}"}},"dateTokenIdles":"{at}"}}"#)),
            _ => answers(seen),
        });
        let recorder = connected(&world, options(&["opaque"])).await;
        record(&recorder, GLOBEX).await.unwrap();
    });
}
