//! How long a token may be used: its expiry by whichever clock, its rest, renewal in good time, and the cloud's own no.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::cell::Cell;
use std::rc::Rc;

use futures::future::{join, join_all};
use premium_recorder::cloud::response::Response;
use premium_recorder::model::error::{Cause, Code};
use premium_recorder::model::time::{CloudClock, Instant, Timestamp};
use premium_recorder::token::access_token::IssuedToken;
use proptest::prelude::*;
use support::*;

const SECOND: i64 = 1_000;

fn answers(request: &SentRequest) -> Response {
    accept_in(ACME, r#"{"access_token":"by-login","expires_in":100}"#, request)
}

fn tokens_of_starts(world: &World) -> Vec<String> {
    world.starts().into_iter().map(|start| start.token).collect()
}

#[test]
fn expiry_is_looked_at_on_every_use() {
    run(async {
        let world = World::new();
        world.respond(answers);
        let recorder = connect(&world, options(&[&jwt_expiring_in(100, ACME, "a")])).await;
        world.advance(100 * SECOND - 1);
        record(&recorder, ACME).await.unwrap();
        // As after a laptop's sleep: no timer has told anybody.
        world.advance(1);
        assert_eq!(error(record(&recorder, ACME).await).code, Code::TokenExpired);
        assert_eq!(world.starts().len(), 1);
    });
}

#[test]
fn the_earlier_of_claim_and_source_counts() {
    run(async {
        for (claimed, said, expected) in [(100, 50.0, 50), (50, 100.0, 50)] {
            let world = World::new();
            let token = jwt_expiring_in(claimed, ACME, "a");
            world.token_source(move |_| {
                let issued = IssuedToken { access_token: token.clone().into(), expires_in: Some(said) };
                Box::pin(async move { Ok(issued) })
            });
            world.respond(answers);
            let recorder = connect(&world, options(&[])).await;
            record(&recorder, ACME).await.unwrap();
            assert_eq!(expires_at(&recorder, 0), NOW + expected * SECOND);
        }
    });
}

/// The token idles out this many milliseconds after `NOW`, according to the cloud.
fn idles_at(millis: i64) -> impl Fn(&SentRequest) -> Response {
    move |request| match request.method.as_str() {
        "GET" => token_info_idling_at(ACME, millis),
        _ => answers(request),
    }
}

#[test]
fn a_token_that_rested_too_long_is_not_sent() {
    run(async {
        let world = World::new();
        world.respond(idles_at(900 * SECOND));
        let recorder = connect(&world, options(&["opaque"])).await;
        world.advance(900 * SECOND);
        assert_eq!(error(record(&recorder, ACME).await).code, Code::TokenExpired);
        assert_eq!(world.starts().len(), 0);

        let world = World::new();
        world.respond(idles_at(900 * SECOND));
        let recorder = connect(&world, options(&["opaque"])).await;
        world.advance(900 * SECOND - 1);
        record(&recorder, ACME).await.unwrap();
        // The use has begun its rest anew: for how long, nobody has said, so that the cloud decides.
        world.advance(3600 * SECOND);
        record(&recorder, ACME).await.unwrap();
        assert_eq!(world.starts().len(), 2);
    });
}

#[test]
fn a_rest_that_is_over_when_it_is_told_tells_of_our_clock() {
    run(async {
        let world = World::new();
        world.respond(idles_at(-3600 * SECOND));
        let recorder = connect(&world, options(&["opaque"])).await;
        record(&recorder, ACME).await.unwrap();
    });
}

#[test]
fn a_rested_token_is_renewed_where_there_is_a_source() {
    run(async {
        let world = World::new();
        world.respond(idles_at(900 * SECOND)).issue(&jwt_for(ACME));
        let recorder = connect(&world, options(&["opaque"])).await;
        world.advance(900 * SECOND);
        record(&recorder, ACME).await.unwrap();
        assert_eq!((world.get_token_calls()[0].reason.as_str(), tokens_of_starts(&world)), ("expired", vec![jwt_for(ACME)]));
    });
}

/// Answers whose `Date` is so many milliseconds ahead of ours.
fn ahead_by(world: &World, millis: i64) {
    let clock = world.clone();
    world.respond(move |request| Response {
        date: Some(Timestamp::from_millis((clock.time() + millis).div_euclid(1000) * 1000)),
        ..answers(request)
    });
}

#[test]
fn the_clouds_clock_decides_on_what_the_cloud_has_dated() {
    run(async {
        // Ours is an hour ahead: the token has expired by it, and lives by the cloud's.
        let world = World::new();
        ahead_by(&world, -3600 * SECOND);
        let recorder = connect(&world, options(&["opaque"])).await;
        let token = premium_recorder::token::access_token::AccessToken::parse(&jwt_expiring_in(-1800, ACME, "a")).unwrap();
        recorder.add_token(token, no_options()).await.unwrap();
        record(&recorder, ACME).await.unwrap();
        assert_eq!(tokens_of_starts(&world).len(), 1);

        // Ours is an hour behind: the token lives by it, and has expired by the cloud's.
        let world = World::new();
        ahead_by(&world, 3600 * SECOND);
        let recorder = connect(&world, options(&["opaque", &jwt_expiring_in(1800, ACME, "a")])).await;
        let acme = recorder.tokens().into_iter().find(|grant| grant.known_by() == premium_recorder::token::org_token::KnownBy::Claim);
        // It did not even take the place of the one that lives.
        assert!(acme.is_none_or(|grant| !grant.is_fresh(recorder.now())));
    });
}

#[test]
fn what_a_source_said_of_a_life_is_by_our_own_clock() {
    run(async {
        let world = World::new();
        ahead_by(&world, 3600 * SECOND);
        world.issue_opaque(600.0);
        let recorder = connect(&world, options(&[])).await;
        record(&recorder, ACME).await.unwrap();
        world.advance(500 * SECOND);
        record(&recorder, ACME).await.unwrap();
        assert_eq!(world.get_token_calls().len(), 1);
        world.advance(100 * SECOND);
        record(&recorder, ACME).await.unwrap();
        assert_eq!(world.get_token_calls().len(), 2);
    });
}

proptest! {
    /// Whatever the clocks, the network's delay and the header's full seconds: what is learnt is off by less than the
    /// delay and a second, and nothing is learnt from clocks that agree.
    #[test]
    fn the_clouds_clock_is_known_to_within_the_delay_and_a_second(
        now in 0..2_000_000_000_000i64, ahead in -10_000_000_000i64..10_000_000_000, there in 0..20_000i64, back in 0..20_000i64,
    ) {
        let clock = CloudClock::default();
        let moment = |millis: i64| clock.moment(Instant::from_millis(millis - now), Timestamp::from_millis(millis));
        let written = now + there + ahead;
        let date = Timestamp::from_millis(written.div_euclid(1000) * 1000);
        let received = now + there + back;
        clock.learn(moment(now), moment(received), date);
        let known = moment(received).in_cloud().as_millis() - received;
        prop_assert!((known - ahead).abs() <= (there + back + 1000) / 2 + 1 || known == 0, "{known}");
        if ahead == 0 {
            prop_assert_eq!(known, 0);
        }
    }
}

#[test]
fn a_token_is_renewed_in_good_time_and_nobody_waits() {
    run(async {
        for (life, before_renewal) in [(100.0, 90), (3600.0, 3540)] {
            let world = World::new();
            world.respond(answers);
            world.issue_opaque(life);
            let recorder = connect(&world, options(&[])).await;
            record(&recorder, ACME).await.unwrap();
            world.advance(before_renewal * SECOND - 1);
            record(&recorder, ACME).await.unwrap();
            assert_eq!((world.get_token_calls().len(), world.spawned_tasks()), (1, 0));
            world.advance(1);
            record(&recorder, ACME).await.unwrap();
            // Used once more, while another one is on its way.
            assert_eq!(tokens_of_starts(&world), ["token-1"; 3]);
            world.run_spawned();
            assert_eq!((world.get_token_calls().len(), world.spawned_tasks()), (2, 0));
            record(&recorder, ACME).await.unwrap();
            assert_eq!(tokens_of_starts(&world)[3], "token-2");
        }
    });
}

#[test]
fn a_renewal_that_fails_is_nobodys_error_and_is_tried_again() {
    run(async {
        let world = World::new();
        let times = Rc::new(Cell::new(0));
        let count = times.clone();
        world.respond(answers).token_source(move |_| {
            count.set(count.get() + 1);
            let result = match count.get() {
                2 | 3 => Err(Cause::Foreign(Rc::new(()))),
                number => Ok(IssuedToken { access_token: format!("token-{number}").into(), expires_in: Some(100.0) }),
            };
            Box::pin(async move { result })
        });
        let recorder = connect(&world, options(&[])).await;
        record(&recorder, ACME).await.unwrap();
        world.advance(95 * SECOND);
        for _ in 0..3 {
            record(&recorder, ACME).await.unwrap();
            world.run_spawned();
        }
        record(&recorder, ACME).await.unwrap();
        assert_eq!(tokens_of_starts(&world), ["token-1", "token-1", "token-1", "token-1", "token-4"]);
    });
}

#[test]
fn a_renewal_under_way_serves_who_needs_it_by_then_and_ends_with_the_recorder() {
    run(async {
        let world = World::new();
        world.respond(answers);
        world.issue_opaque(100.0);
        let recorder = connect(&world, options(&[])).await;
        record(&recorder, ACME).await.unwrap();
        let source = world.issue_when_released(|_| true);
        world.advance(95 * SECOND);
        record(&recorder, ACME).await.unwrap();
        world.run_spawned();
        assert_eq!(world.get_token_calls().len(), 2);
        // Expired meanwhile: the call waits for the one that is under way.
        world.advance(5 * SECOND);
        let (ended, ()) = join(record(&recorder, ACME), async { source.send() }).await;
        ended.unwrap();
        assert_eq!((world.get_token_calls().len(), tokens_of_starts(&world).pop().unwrap()), (2, jwt_for(ACME)));

        let world = World::new();
        world.respond(answers);
        world.issue_opaque(100.0);
        let recorder = connect(&world, options(&[])).await;
        record(&recorder, ACME).await.unwrap();
        let source = world.issue_when_released(|_| true);
        world.advance(95 * SECOND);
        record(&recorder, ACME).await.unwrap();
        world.run_spawned();
        recorder.close();
        source.send();
        world.run_spawned();
        assert_eq!((world.spawned_tasks(), recorder.tokens().len()), (0, 0));
    });
}

#[test]
fn nobody_is_asked_to_sign_in_for_a_renewal() {
    run(async {
        let world = World::new();
        world.respond(answers);
        let recorder = connect(&world, login_options()).await;
        join(record(&recorder, ACME), async { world.popups()[0].post_code("code") }).await.0.unwrap();
        world.advance(95 * SECOND);
        record(&recorder, ACME).await.unwrap();
        world.run_spawned();
        assert_eq!((world.popups().len(), world.spawned_tasks()), (1, 0));
    });
}

/// A cloud whose login origin gives `access-1` with `refresh-1`, then what `refreshed` says of each refresh.
fn refreshing(world: &World, refreshed: impl Fn(usize) -> Response + 'static) -> Rc<std::cell::RefCell<Vec<String>>> {
    let used = Rc::new(std::cell::RefCell::new(Vec::new()));
    let uses = used.clone();
    world.respond(move |request| {
        if !request.is_for_token_endpoint() {
            return answers(request);
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
fn each_refresh_token_is_used_once_and_only_where_it_came_from() {
    run(async {
        let world = World::new();
        let rotated = |number: usize| {
            response(200, &format!(r#"{{"access_token":"access-{0}","expires_in":100,"refresh_token":"refresh-{0}"}}"#, number + 1))
        };
        let used = refreshing(&world, rotated);
        let recorder = sign_in(&world, login_options(), ACME).await;
        for _ in 0..3 {
            world.advance(100 * SECOND);
            let all = join_all((0..50).map(|_| record(&recorder, ACME))).await;
            assert!(all.iter().all(Result::is_ok));
        }
        assert_eq!(*used.borrow(), ["refresh-1", "refresh-2", "refresh-3"]);
        assert_eq!(world.popups().len(), 1);
        let tokens: Vec<String> =
            world.requests().iter().filter(|request| request.url.ends_with("recordings")).map(|request| request.token.clone()).collect();
        assert_eq!((tokens[0].as_str(), tokens[1].as_str(), tokens[150].as_str()), ("access-1", "access-2", "access-4"));
        assert!(
            world
                .requests()
                .iter()
                .filter(|request| request.url.contains("/oauth/"))
                .all(|request| request.url == "https://login.cloud.example/oauth/token")
        );
    });
}

#[test]
fn a_refresh_token_that_does_not_rotate_stays_good() {
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
fn a_refresh_token_that_is_refused_is_dropped_and_somebody_signs_in() {
    run(async {
        let world = World::new();
        let used = refreshing(&world, |_| response(400, r#"{"error":"invalid_grant"}"#));
        let recorder = sign_in(&world, login_options(), ACME).await;
        world.advance(100 * SECOND);
        let somebody = async {
            wait_until(|| world.popups().get(1).is_some_and(|window| window.url().is_some())).await;
            world.popups()[1].post_code("code");
        };
        join(record(&recorder, ACME), somebody).await.0.unwrap();
        assert_eq!(used.borrow().len(), 1);
    });
}

#[test]
fn after_a_refused_refresh_each_other_source_is_asked_once() {
    run(async {
        let world = World::new();
        refreshing(&world, |_| response(400, r#"{"error":"invalid_grant"}"#));
        let recorder = sign_in(&world, login_options(), ACME).await;
        world.token_source_or_none(|_| Box::pin(async { Ok(None) }));
        world.advance(100 * SECOND);
        let somebody = async {
            wait_until(|| world.popups().get(1).is_some_and(|window| window.url().is_some())).await;
            world.popups()[1].post_code("code");
        };
        join(record(&recorder, ACME), somebody).await.0.unwrap();
        assert_eq!((world.get_token_calls().len(), world.popups().len()), (1, 2));
    });
}

#[test]
fn a_refresh_that_did_not_get_through_is_tried_again_by_the_next_call() {
    run(async {
        let world = World::new();
        let used = refreshing(&world, |number| match number {
            1 => response(503, ""),
            _ => response(200, r#"{"access_token":"access-2","expires_in":100}"#),
        });
        let recorder = sign_in(&world, login_options(), ACME).await;
        world.advance(100 * SECOND);
        assert_eq!(error(record(&recorder, ACME).await).code, Code::CloudUnavailable);
        record(&recorder, ACME).await.unwrap();
        assert_eq!((used.borrow().len(), world.popups().len()), (2, 1));
    });
}

#[test]
fn a_refused_token_is_renewed_once_and_the_call_sent_once_more() {
    run(async {
        for body in [r#"{"code":"bad.credentials"}"#, r#"{"code":"credentials.expired"}"#, ""] {
            let world = World::new();
            let (stale, fresh) = (jwt_expiring_in(600, ACME, "stale"), jwt_expiring_in(600, ACME, "fresh"));
            let refused = stale.clone();
            world.respond(move |request| if request.token == refused { response(401, body) } else { answers(request) }).issue(&fresh);
            let recorder = connect(&world, options(&[&stale])).await;
            record(&recorder, ACME).await.unwrap();
            assert_eq!(tokens_of_starts(&world), [stale, fresh]);
            assert_eq!((world.get_token_calls().len(), world.get_token_calls()[0].reason.as_str()), (1, "rejected"));
        }
    });
}

#[test]
fn a_second_refusal_is_the_end() {
    run(async {
        for (code, expected) in [("bad.credentials", Code::Unauthenticated), ("credentials.expired", Code::TokenExpired)] {
            let world = World::new();
            world.respond(move |_| response(401, &format!(r#"{{"code":"{code}"}}"#)));
            let serial = Cell::new(0);
            world.token_source(move |_| {
                serial.set(serial.get() + 1);
                let token = jwt_expiring_in(600, ACME, &serial.get().to_string());
                Box::pin(async move { Ok(issued_token(&token)) })
            });
            let recorder = connect(&world, options(&[&jwt_expiring_in(600, ACME, "stale")])).await;
            let refused = error(record(&recorder, ACME).await);
            assert_eq!((refused.code, refused.evidence.status), (expected, Some(401)));
            assert_eq!((world.starts().len(), world.get_token_calls().len()), (2, 1));
            // The second one is known to be refused as well.
            record(&recorder, ACME).await.unwrap_err();
            assert_eq!(world.get_token_calls()[1].reason, "rejected");
            let second = jwt_expiring_in(600, ACME, "1");
            assert_eq!(tokens_of_starts(&world).iter().filter(|token| **token == second).count(), 1);
        }
    });
}

#[test]
fn the_very_token_that_was_refused_is_not_sent_again() {
    run(async {
        let world = World::new();
        world.respond(|_| response(401, "")).issue(&jwt_expiring_in(600, ACME, "same"));
        let recorder = connect(&world, options(&[&jwt_expiring_in(600, ACME, "same")])).await;
        let refused = error(record(&recorder, ACME).await);
        assert_eq!((refused.code, world.starts().len()), (Code::Unauthenticated, 1));
    });
}

#[test]
fn a_renewal_that_fails_after_a_refusal_tells_both() {
    run(async {
        let world = World::new();
        world.respond(|_| response(401, "")).block_popups();
        let recorder =
            connect(&world, premium_recorder::recorder::settings::Options { tokens: vec![jwt_for(ACME).into()], ..login_options() }).await;
        let failed = error(record(&recorder, ACME).await);
        assert_eq!((failed.code, world.starts().len()), (Code::LoginBlocked, 1));
        match &failed.evidence.cause {
            Some(Cause::Error(refused)) => assert_eq!((refused.code, refused.evidence.status), (Code::Unauthenticated, Some(401))),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn an_address_that_is_not_allowed_is_not_the_tokens_fault() {
    run(async {
        let world = World::new();
        world.respond(|_| response(401, r#"{"code":"ip.not.authorized"}"#)).issue(&jwt_expiring_in(600, ACME, "fresh"));
        let recorder = connect(&world, options(&[&jwt_expiring_in(600, ACME, "stale")])).await;
        assert_eq!(error(record(&recorder, ACME).await).code, Code::IpNotAllowed);
        assert_eq!((world.starts().len(), world.get_token_calls().len()), (1, 0));
    });
}

#[test]
fn two_hundred_refused_calls_share_one_renewal() {
    run(async {
        let world = World::new();
        let (stale, fresh) = (jwt_expiring_in(600, ACME, "stale"), jwt_expiring_in(600, ACME, "fresh"));
        let refused = stale.clone();
        world.respond(move |request| if request.token == refused { response(401, "") } else { answers(request) }).issue(&fresh);
        let recorder = connect(&world, options(&[&stale])).await;
        let all = join_all((0..200).map(|_| record(&recorder, ACME))).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!((world.get_token_calls().len(), world.starts().iter().filter(|start| start.token == fresh).count()), (1, 200));
    });
}
