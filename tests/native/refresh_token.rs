//! Refresh tokens: when they are used, what replaces them, and what becomes of a refusal.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::support::*;
use premium_recorder::cloud::call::CallError;
use premium_recorder::cloud::response::Response;
use premium_recorder::cloud::signal::Signal;
use premium_recorder::model::error::{Cause, Code};
use premium_recorder::model::ids::OrgId;
use premium_recorder::recording::start::Start;

/// A cloud whose login origin issues `access-1` with `refresh-1`, and then responds to each refresh with `refreshed`, which
/// gets its number. Returns the refresh tokens that were used.
fn refreshing(world: &World, refreshed: impl Fn(usize) -> Response + 'static) -> Rc<RefCell<Vec<String>>> {
    let used = Rc::new(RefCell::new(Vec::new()));
    let uses = used.clone();
    world.respond_one_turn_later(move |request| {
        if !request.is_for_token_endpoint() {
            return accept_in_acme(request);
        }
        let form = form(request.body.as_ref().unwrap());
        match form.get("refresh_token") {
            None => response(200, r#"{"access_token":"access-1","expires_in":100,"refresh_token":"refresh-1"}"#),
            Some(token) => {
                uses.borrow_mut().push(token.clone());
                assert_eq!((form["grant_type"].as_str(), form["client_id"].as_str(), form.len()), ("refresh_token", "client", 3));
                refreshed(uses.borrow().len())
            }
        }
    });
    used
}

#[test]
fn a_rotating_refresh_token_is_used_once_and_only_at_its_login_origin() {
    run(async {
        let world = World::new();
        let rotated = |number: usize| {
            response(200, &format!(r#"{{"access_token":"access-{0}","expires_in":100,"refresh_token":"refresh-{0}"}}"#, number + 1))
        };
        let used = refreshing(&world, rotated);
        let recorder = sign_in(&world, login_options(), ACME).await;
        for _ in 0..3 {
            world.advance(100 * SECOND);
            let starts = (0..50).map(|_| Start { shares: false, ..start_in(ACME) });
            let all = join_all(starts.map(|start| recorder.start_recording(start, no_options()))).await;
            assert!(all.iter().all(Result::is_ok));
        }
        assert_eq!(*used.borrow(), ["refresh-1", "refresh-2", "refresh-3"]);
        assert_eq!(world.popups().len(), 1);
        let tokens: Vec<String> =
            world.requests().iter().filter(|request| request.url.ends_with("recordings")).map(|request| request.token.clone()).collect();
        assert_eq!((tokens[0].as_str(), tokens[1].as_str(), tokens[150].as_str()), ("access-1", "access-2", "access-4"));
        let exchanges: Vec<_> = world.requests().into_iter().map(|request| request.url).filter(|url| url.contains("/oauth/")).collect();
        assert_eq!(exchanges, ["https://login.cloud.example/oauth/token"; 4]);
    });
}

#[test]
fn a_refresh_token_that_does_not_rotate_is_used_again() {
    run(async {
        let world = World::new();
        let used = refreshing(&world, |number| response(200, &format!(r#"{{"access_token":"access-{}","expires_in":100}}"#, number + 1)));
        let recorder = sign_in(&world, login_options(), ACME).await;
        for _ in 0..2 {
            world.advance(100 * SECOND);
            record(&recorder, ACME).await.unwrap();
        }
        assert_eq!(*used.borrow(), ["refresh-1", "refresh-1"]);
    });
}

#[test]
fn after_a_refused_refresh_the_user_signs_in() {
    // The last one is a proxy's page.
    for (status, body) in [(400, r#"{"error":"invalid_grant"}"#), (200, r#"{"error":"invalid_grant"}"#), (403, "<html>")] {
        run(async {
            let world = World::new();
            let used = refreshing(&world, move |_| response(status, body));
            let recorder = sign_in(&world, login_options(), ACME).await;
            world.advance(100 * SECOND);
            let sign_in_again = async {
                wait_until(|| world.popups().get(1).is_some_and(|window| window.url().is_some())).await;
                world.popups()[1].post_code("code");
            };
            join(record(&recorder, ACME), sign_in_again).await.0.unwrap();
            assert_eq!(used.borrow().len(), 1);
        });
    }
}

#[test]
fn after_a_refused_refresh_get_token_and_login_are_each_tried_once() {
    run(async {
        let world = World::new();
        refreshing(&world, |_| response(400, r#"{"error":"invalid_grant"}"#));
        let recorder = sign_in(&world, login_options(), ACME).await;
        world.token_source_or_none(|_| Box::pin(async { Ok(None) }));
        world.advance(100 * SECOND);
        let sign_in_again = async {
            wait_until(|| world.popups().get(1).is_some_and(|window| window.url().is_some())).await;
            world.popups()[1].post_code("code");
        };
        join(record(&recorder, ACME), sign_in_again).await.0.unwrap();
        assert_eq!((world.get_token_calls().len(), world.popups().len()), (1, 2));
    });
}

#[test]
fn after_a_failed_refresh_the_next_call_refreshes_again() {
    // The second one is a proxy's page that says 200.
    for (status, body, code) in [(503, "", Code::CloudUnavailable), (200, "<html>", Code::UnexpectedAnswer)] {
        run(async {
            let world = World::new();
            let used = refreshing(&world, move |number| match number {
                1 => response(status, body),
                _ => response(200, r#"{"access_token":"access-2","expires_in":100}"#),
            });
            let recorder = sign_in(&world, login_options(), ACME).await;
            world.advance(100 * SECOND);
            assert_eq!(error(record(&recorder, ACME).await).code, code);
            record(&recorder, ACME).await.unwrap();
            assert_eq!((used.borrow().len(), world.popups().len()), (2, 1));
        });
    }
}

#[test]
fn during_the_wait_that_the_token_endpoint_asked_for_nothing_is_refreshed() {
    run(async {
        let world = World::new();
        let refreshes = refreshing(&world, |_| rate_limited(Some("60"), ""));
        let recorder = sign_in(&world, login_options(), ACME).await;
        world.advance(95 * SECOND);
        // The token lives still: each call would renew it in the background.
        for _ in 0..3 {
            record(&recorder, ACME).await.unwrap();
            while_time_passes(&[&world], world.sleep(SECOND)).await;
        }
        world.advance(6 * SECOND);
        let refused = error(record(&recorder, ACME).await);
        assert_eq!(refused.code, Code::RateLimited);
        let left = refused.evidence.retry_after.unwrap();
        assert_eq!(refreshes.borrow().len(), 1);

        world.advance(i64::from(left) - 1);
        assert_eq!(error(record(&recorder, ACME).await).evidence.retry_after, Some(1));
        world.advance(1);
        assert_eq!(error(record(&recorder, ACME).await).evidence.retry_after, Some(60_000));
        assert_eq!(refreshes.borrow().len(), 2);
    });
}

#[test]
fn a_sign_out_forgets_the_wait_for_the_refresh_token() {
    for org in [Some(ACME), None] {
        run(async {
            let world = World::new();
            let refreshes = refreshing(&world, |_| rate_limited(Some("3600"), ""));
            let recorder = sign_in(&world, login_options(), ACME).await;
            world.advance(100 * SECOND);
            assert_eq!(error(record(&recorder, ACME).await).code, Code::RateLimited);
            recorder.sign_out(org.and_then(OrgId::parse), no_options()).await.unwrap();
            // The login origin gives the same refresh token again.
            record_and_sign_in(&recorder, &world, ACME).await.unwrap();
            world.advance(100 * SECOND);
            assert_eq!(error(record(&recorder, ACME).await).code, Code::RateLimited);
            assert_eq!(refreshes.borrow().len(), 2);
        });
    }
}

#[test]
fn a_call_that_joined_a_refused_renewal_does_not_refresh_again() {
    run(async {
        let world = World::new();
        let (release, released) = gate();
        let refreshes = Rc::new(Cell::new(0));
        let count = refreshes.clone();
        world.respond_async(move |request| {
            let is_refresh = request.is_for_token_endpoint() && form(request.body.as_ref().unwrap()).contains_key("refresh_token");
            if !is_refresh {
                let answer = accept_in(GLOBEX, r#"{"access_token":"access","expires_in":100,"refresh_token":"refresh"}"#, request);
                return Box::pin(async { Ok(answer) });
            }
            count.set(count.get() + 1);
            let released = released.clone();
            Box::pin(async move {
                released.await.unwrap();
                Ok(rate_limited(Some("60"), ""))
            })
        });
        let recorder = sign_in(&world, login_options(), GLOBEX).await;
        world.advance(95 * SECOND);
        record(&recorder, GLOBEX).await.unwrap();
        world.run_spawned();
        world.advance(6 * SECOND);
        let (joined, ()) = join(record(&recorder, GLOBEX), async {
            yield_now().await;
            release.send();
        })
        .await;
        let refused = error(joined);
        assert_eq!((refused.code, refused.evidence.retry_after, refreshes.get()), (Code::RateLimited, Some(60_000), 1));
    });
}

/// Each refresh returns a new refresh token. Returns the refresh tokens that were used. `tokens_me` gets the number of its
/// call, counted from 1. If `first_hangs`, the first refresh gets no response.
fn rotating(world: &World, tokens_me: impl Fn(usize) -> Response + 'static, first_hangs: bool) -> Rc<RefCell<Vec<String>>> {
    let used: Rc<RefCell<Vec<String>>> = Rc::default();
    let (log, lookups) = (used.clone(), Cell::new(0));
    world.respond_async(move |request| {
        let mut hangs = false;
        let response = if request.is_for_token_endpoint() {
            log.borrow_mut().extend(form(request.body.as_ref().unwrap()).remove("refresh_token"));
            let number = log.borrow().len() + 1;
            hangs = first_hangs && number == 2;
            response(200, &format!(r#"{{"access_token":"access-{number}","expires_in":100,"refresh_token":"refresh-{number}"}}"#))
        } else if request.url.contains("/tokens/me") {
            lookups.set(lookups.get() + 1);
            tokens_me(lookups.get())
        } else {
            accept(request)
        };
        Box::pin(async move {
            if hangs {
                std::future::pending::<()>().await;
            }
            Ok(response)
        })
    });
    used
}

#[test]
fn a_rotated_refresh_token_is_kept_although_tokens_me_fails() {
    run(async {
        let world = World::new();
        let tokens_me = |number: usize| if number == 2 { response(503, "") } else { response(200, &token_info(GLOBEX)) };
        let used = rotating(&world, tokens_me, false);
        let recorder = sign_in(&world, login_options(), GLOBEX).await;
        world.advance(100 * SECOND);
        record(&recorder, GLOBEX).await.unwrap_err();
        record(&recorder, GLOBEX).await.unwrap();
        assert_eq!(*used.borrow(), ["refresh-1", "refresh-2"]);
    });
}

/// A start is refused while the token is renewed in the background, so tokens/me is asked about the token, which makes another
/// record of it.
#[test]
fn a_record_that_is_made_during_a_refresh_gets_the_next_refresh_token() {
    run(async {
        let world = World::new();
        let (used, begun, refreshed): (Rc<RefCell<Vec<String>>>, Signal, Signal) = Default::default();
        let (log, answered, lookups, starts) = (used.clone(), refreshed.clone(), Cell::new(0), Cell::new(0));
        world.respond_async(move |request| {
            let mut waits_for = None;
            starts.set(starts.get() + u32::from(request.method == "POST" && !request.is_for_token_endpoint()));
            let response = if request.is_for_token_endpoint() {
                if let Some(refresh_token) = form(request.body.as_ref().unwrap()).remove("refresh_token") {
                    log.borrow_mut().push(refresh_token);
                    begun.abort();
                    waits_for = Some(answered.clone());
                }
                let number = log.borrow().len() + 1;
                response(200, &format!(r#"{{"access_token":"access-{number}","expires_in":100,"refresh_token":"refresh-{number}"}}"#))
            } else if request.url.contains("/tokens/me") {
                lookups.set(lookups.get() + 1);
                waits_for = Some(begun.clone()).filter(|_| lookups.get() == 2);
                // The third question is about the token of the refresh.
                if lookups.get() == 3 { response(503, "") } else { response(200, &token_info(GLOBEX)) }
            } else if request.method == "POST" && starts.get() == 2 {
                response(403, r#"{"code":"forbidden","message":"insufficient scope for resource owner"}"#)
            } else {
                accept(request)
            };
            Box::pin(async move {
                if let Some(signal) = waits_for {
                    signal.aborted().await;
                }
                Ok(response)
            })
        });
        let recorder = sign_in(&world, login_options(), GLOBEX).await;
        // Less than a tenth of the token's life is left.
        world.advance(95 * SECOND);
        let refused = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
        assert_eq!(error(refused).code, Code::ScopeMissing);
        assert_eq!(*used.borrow(), ["refresh-1"]);
        refreshed.abort();
        world.run_spawned();
        world.advance(100 * SECOND);
        while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap();
        assert_eq!(*used.borrow(), ["refresh-1", "refresh-2"]);
    });
}

#[test]
fn after_an_aborted_refresh_the_same_refresh_token_is_not_used_again() {
    run(async {
        let world = World::new();
        let used = rotating(&world, |_| response(200, &token_info(GLOBEX)), true);
        let recorder = sign_in(&world, login_options(), GLOBEX).await;
        world.advance(100 * SECOND);
        let aborted = aborted_when(yield_now(), async |options| recorder.start_recording(start_in(GLOBEX), options).await);
        assert!(matches!(aborted.await, Err(CallError::Aborted)));
        // The refresh continues, because its response may contain the next refresh token. The next call waits for it.
        let next = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
        assert_eq!(error(next).code, Code::Timeout);
        assert_eq!(*used.borrow(), ["refresh-1"]);
    });
}

#[test]
fn a_refused_refresh_token_is_not_used_again() {
    run(async {
        let world = World::new();
        let used = refreshing(&world, |_| response(400, r#"{"error":"invalid_grant"}"#));
        let recorder = sign_in(&world, login_options(), ACME).await;
        world.advance(100 * SECOND);
        world.block_popups();
        record(&recorder, ACME).await.unwrap_err();
        record(&recorder, ACME).await.unwrap_err();
        assert_eq!(used.borrow().len(), 1);
    });
}

#[test]
fn a_refresh_token_is_redacted() {
    run(async {
        let world = World::new();
        world.respond(|request| match request.body.as_deref() {
            Some(body) if body.contains("grant_type=refresh_token") => response(503, body),
            _ => accept_in(GLOBEX, r#"{"access_token":"opaque","expires_in":100,"refresh_token":"the-refresh-token"}"#, request),
        });
        let recorder = sign_in(&world, login_options(), GLOBEX).await;
        world.advance(100 * SECOND);
        let refused = error(record(&recorder, GLOBEX).await);
        assert_eq!(refused.code, Code::CloudUnavailable);
        assert!(!format!("{refused:?}").contains("the-refresh-token"));
    });
}

#[test]
fn a_response_repeats_neither_the_access_token_nor_its_refresh_token() {
    run(async {
        let repeated = r#"{"message":"the-access-token, the-refresh-token"}"#;
        for refuses_start in [true, false] {
            let world = World::new();
            world.respond(move |request| match request.body.as_deref() {
                Some(body) if body.contains("grant_type=refresh_token") => response(503, repeated),
                _ if request.method == "POST" && !request.is_for_token_endpoint() && refuses_start => response(400, repeated),
                _ => {
                    let tokens = r#"{"access_token":"the-access-token","expires_in":100,"refresh_token":"the-refresh-token"}"#;
                    accept_in(GLOBEX, tokens, request)
                }
            });
            let recorder = connect(&world, login_options()).await;
            let first = record_and_sign_in(&recorder, &world, GLOBEX).await;
            let refused = match refuses_start {
                true => error(first),
                false => {
                    world.advance(100 * SECOND);
                    error(record(&recorder, GLOBEX).await)
                }
            };
            assert!(matches!(&refused.evidence.cause, Some(Cause::Cloud(words)) if words == r#"{"message":"***, ***"}"#), "{refused:?}");
        }
    });
}
