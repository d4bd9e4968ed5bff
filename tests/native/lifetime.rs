//! How long a token is used: expiry by which clock, idle timeout, renewal, and refusals by the cloud.

use std::cell::Cell;
use std::rc::Rc;

use crate::support::*;
use premium_recorder::cloud::response::Response;
use premium_recorder::model::error::{Cause, Code};
use premium_recorder::model::time::{CloudClock, Instant, Timestamp};
use premium_recorder::recording::start::Start;
use premium_recorder::token::access_token::AccessToken;
use premium_recorder::token::access_token::IssuedToken;
use proptest::prelude::*;

fn tokens_of_starts(world: &World) -> Vec<String> {
    world.starts().into_iter().map(|start| start.token).collect()
}

#[test]
fn expiry_is_checked_on_every_use() {
    run(async {
        let world = World::new();
        world.respond(accept_in_acme);
        let recorder = connect(&world, options(&[&jwt_expiring_in(100, ACME, "a")])).await;
        world.advance(100 * SECOND - 1);
        record(&recorder, ACME).await.unwrap();
        // No timer runs, as after a laptop's sleep.
        world.advance(1);
        assert_eq!(error(record(&recorder, ACME).await).code, Code::TokenExpired);
        assert_eq!(world.starts().len(), 1);
    });
}

#[test]
fn the_earlier_of_exp_and_expires_in_counts() {
    run(async {
        for (exp, expires_in, expected) in [(100, 50.0, 50), (50, 100.0, 50)] {
            let world = World::new();
            let token = jwt_expiring_in(exp, ACME, "a");
            world.respond(accept_in_acme).issue_for(&token, expires_in);
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
        _ => accept_in_acme(request),
    }
}

#[test]
fn a_token_is_not_sent_after_its_idle_timeout() {
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
        // The use has restarted the idle timeout. Its length is unknown, so the cloud decides.
        world.advance(3600 * SECOND);
        record(&recorder, ACME).await.unwrap();
        assert_eq!(world.starts().len(), 2);
    });
}

#[test]
fn a_token_whose_idle_timeout_is_past_or_now_at_connect_is_still_sent() {
    // The time may be a matter of clocks, so the cloud decides.
    for millis in [-3600 * SECOND, 0] {
        run(async {
            let world = World::new();
            world.respond(idles_at(millis));
            let recorder = connect(&world, options(&["opaque"])).await;
            record(&recorder, ACME).await.unwrap();
        });
    }
}

#[test]
fn a_token_past_its_idle_timeout_is_renewed_by_get_token() {
    run(async {
        let world = World::new();
        world.respond(idles_at(900 * SECOND)).issue(&jwt_for(ACME));
        let recorder = connect(&world, options(&["opaque"])).await;
        world.advance(900 * SECOND);
        record(&recorder, ACME).await.unwrap();
        assert_eq!((world.get_token_calls()[0].reason.as_str(), tokens_of_starts(&world)), ("expired", vec![jwt_for(ACME)]));
    });
}

/// The `Date` of each response is this many milliseconds ahead of our clock.
fn ahead_by(world: &World, millis: i64) {
    let clock = world.clone();
    world.respond(move |request| Response {
        date: Some(Timestamp::from_millis((clock.time() + millis).div_euclid(1000) * 1000)),
        ..accept_in_acme(request)
    });
}

#[test]
fn exp_is_compared_with_the_clouds_clock() {
    run(async {
        // Our clock is an hour ahead. The token has expired by our clock, but not by the cloud's.
        let world = World::new();
        ahead_by(&world, -3600 * SECOND);
        let recorder = connect(&world, options(&["opaque"])).await;
        let token = premium_recorder::token::access_token::AccessToken::parse(&jwt_expiring_in(-1800, ACME, "a")).unwrap();
        recorder.add_token(token, no_options()).await.unwrap();
        record(&recorder, ACME).await.unwrap();
        assert_eq!(tokens_of_starts(&world).len(), 1);

        // Our clock is an hour behind. The token has expired by the cloud's clock, but not by ours.
        let world = World::new();
        ahead_by(&world, 3600 * SECOND);
        let recorder = connect(&world, options(&["opaque", &jwt_expiring_in(1800, ACME, "a")])).await;
        let acme = recorder.tokens().into_iter().find(|token| token.known_by() == premium_recorder::token::org_token::KnownBy::Claim);
        // The expired token has not replaced the valid one.
        assert!(acme.is_none());
    });
}

#[test]
fn expires_in_is_measured_by_our_own_clock() {
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
    /// For any clocks, network delays and `Date` headers, which have full seconds: the error of the learned offset is less than
    /// the delay and a second. From clocks that agree, the offset is 0.
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
fn a_token_is_renewed_before_it_expires_and_no_call_waits() {
    run(async {
        for (life, before_renewal) in [(100.0, 90), (3600.0, 3540)] {
            let world = World::new();
            world.respond(accept_in_acme);
            world.issue_opaque(life);
            let recorder = connect(&world, options(&[])).await;
            record(&recorder, ACME).await.unwrap();
            world.advance(before_renewal * SECOND - 1);
            record(&recorder, ACME).await.unwrap();
            assert_eq!((world.get_token_calls().len(), world.spawned_tasks()), (1, 0));
            world.advance(1);
            record(&recorder, ACME).await.unwrap();
            // The call uses the old token, and the renewal runs in the background.
            assert_eq!(tokens_of_starts(&world), ["token-1"; 3]);
            world.run_spawned();
            assert_eq!((world.get_token_calls().len(), world.spawned_tasks()), (2, 0));
            record(&recorder, ACME).await.unwrap();
            assert_eq!(tokens_of_starts(&world)[3], "token-2");
        }
    });
}

#[test]
fn a_failed_renewal_fails_no_call_and_is_tried_again() {
    run(async {
        let world = World::new();
        let times = Rc::new(Cell::new(0));
        let count = times.clone();
        world.respond(accept_in_acme).token_source(move |_| {
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
fn a_call_joins_a_running_renewal_and_close_ends_it() {
    run(async {
        let world = World::new();
        world.respond(accept_in_acme);
        world.issue_opaque(100.0);
        let recorder = connect(&world, options(&[])).await;
        record(&recorder, ACME).await.unwrap();
        let source = world.issue_when_released(|_| true);
        world.advance(95 * SECOND);
        record(&recorder, ACME).await.unwrap();
        world.run_spawned();
        assert_eq!(world.get_token_calls().len(), 2);
        // The token has expired, so the call waits for the renewal that is running.
        world.advance(5 * SECOND);
        let (ended, ()) = join(record(&recorder, ACME), async { source.send() }).await;
        ended.unwrap();
        assert_eq!((world.get_token_calls().len(), tokens_of_starts(&world).pop().unwrap()), (2, jwt_for(ACME)));

        let world = World::new();
        world.respond(accept_in_acme);
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
fn a_renewal_opens_no_sign_in_window() {
    run(async {
        let world = World::new();
        world.respond(accept_in_acme);
        let recorder = connect(&world, login_options()).await;
        join(record(&recorder, ACME), async { world.popups()[0].post_code("code") }).await.0.unwrap();
        world.advance(95 * SECOND);
        record(&recorder, ACME).await.unwrap();
        world.run_spawned();
        assert_eq!((world.popups().len(), world.spawned_tasks()), (1, 0));
    });
}

#[test]
fn a_token_that_get_token_returns_again_is_not_identified_during_the_wait() {
    run(async {
        let world = World::new();
        world.respond(|request| if request.method == "POST" { response(201, CREATED) } else { rate_limited(Some("3600"), "") });
        world.issue("opaque");
        let recorder = connect(&world, options(&[&jwt_expiring_in(100, GLOBEX, "a")])).await;
        world.advance(91 * SECOND);
        for _ in 0..4 {
            record(&recorder, GLOBEX).await.unwrap();
            while_time_passes(&[&world], world.sleep(SECOND)).await;
        }
        assert_eq!(world.requests().len() - world.starts().len(), 1);
    });
}

#[test]
fn if_the_cloud_asks_to_wait_before_it_says_whether_a_token_has_expired_the_call_tells_the_wait() {
    run(async {
        let world = World::new();
        let is_first = Cell::new(true);
        world.respond(move |request| match is_first.replace(false) {
            // By this date, the token has expired.
            true => Response { date: Some(Timestamp::from_millis(NOW + 7_200_000)), ..response(503, "") },
            false if request.url.contains("/tokens/me") => rate_limited(Some("60"), ""),
            false => response(201, CREATED),
        });
        let recorder = with_token(&world).await;
        let _ = recorder.recordings(None, Some(&org(GLOBEX)), with_timeout(500)).await;
        let refused = error(record(&recorder, GLOBEX).await);
        assert_eq!((refused.code, refused.evidence.retry_after), (Code::RateLimited, Some(60_000)));
    });
}

#[test]
fn a_refused_token_is_renewed_and_the_start_is_repeated_once() {
    run(async {
        for body in [r#"{"code":"bad.credentials"}"#, r#"{"code":"credentials.expired"}"#, ""] {
            let world = World::new();
            let (stale, fresh) = (jwt_expiring_in(600, ACME, "stale"), jwt_expiring_in(600, ACME, "fresh"));
            let refused = stale.clone();
            world
                .respond(move |request| if request.token == refused { response(401, body) } else { accept_in_acme(request) })
                .issue(&fresh);
            let recorder = connect(&world, options(&[&stale])).await;
            record(&recorder, ACME).await.unwrap();
            assert_eq!(tokens_of_starts(&world), [stale, fresh]);
            assert_eq!((world.get_token_calls().len(), world.get_token_calls()[0].reason.as_str()), (1, "rejected"));
        }
    });
}

#[test]
fn a_second_refusal_ends_the_call() {
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
            // The second token is marked as refused, too.
            record(&recorder, ACME).await.unwrap_err();
            assert_eq!(world.get_token_calls()[1].reason, "rejected");
            let second = jwt_expiring_in(600, ACME, "1");
            assert_eq!(tokens_of_starts(&world).iter().filter(|token| **token == second).count(), 1);
        }
    });
}

#[test]
fn a_start_is_not_repeated_with_the_refused_token() {
    run(async {
        let world = World::new();
        world.respond(|_| response(401, "")).issue(&jwt_expiring_in(600, ACME, "same"));
        let recorder = connect(&world, options(&[&jwt_expiring_in(600, ACME, "same")])).await;
        let refused = error(record(&recorder, ACME).await);
        assert_eq!((refused.code, world.starts().len()), (Code::Unauthenticated, 1));
    });
}

#[test]
fn if_the_renewal_after_a_refusal_fails_the_refusal_is_its_cause() {
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
fn a_refused_ip_address_does_not_renew_the_token() {
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
        let cloud = move |request: &SentRequest| if request.token == refused { response(401, "") } else { accept_in_acme(request) };
        world.respond_one_turn_later(cloud);
        world.issue(&fresh);
        let recorder = connect(&world, options(&[&stale])).await;
        let starts = (0..200).map(|_| Start { shares: false, ..start_in(ACME) });
        let all = join_all(starts.map(|start| recorder.start_recording(start, no_options()))).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(world.starts().iter().filter(|start| start.token != fresh).count(), 200, "the cloud refuses all calls");
        assert_eq!((world.get_token_calls().len(), world.starts().iter().filter(|start| start.token == fresh).count()), (1, 200));
    });
}

#[test]
fn a_renewal_that_hangs_blocks_neither_this_page_nor_another() {
    run(async {
        let world = World::new();
        world.respond(accept).issue_unless(100.0, |number| number == 2);
        let recorder = connect(&world, options(&[])).await;
        record(&recorder, GLOBEX).await.unwrap();
        world.advance(95 * SECOND);
        record(&recorder, GLOBEX).await.unwrap();
        world.run_spawned();
        assert_eq!(world.get_token_calls().len(), 2, "the renewal has begun");
        let other = world.another_page();
        other.respond(accept).issue_unless(100.0, |_| false);
        let another = connect(&other, options(&[])).await;
        world.advance(3600 * SECOND);
        other.advance(3600 * SECOND);
        world.run_spawned();
        while_time_passes(&[&world, &other], record(&recorder, GLOBEX)).await.unwrap();
        while_time_passes(&[&world, &other], record(&another, GLOBEX)).await.unwrap();
    });
}

/// The cloud refuses the token 900 s after its last use. At connect, 10 s are left.
#[test]
fn a_token_close_to_its_idle_timeout_stays_valid_once_it_is_used() {
    run(async {
        let world = World::new();
        let (clock, idles_at) = (world.clone(), Cell::new(NOW + 10 * SECOND));
        world.respond(move |request| {
            if clock.time() >= idles_at.get() {
                return response(401, "");
            }
            if request.method == "GET" {
                return token_info_idling_at(GLOBEX, idles_at.get() - NOW);
            }
            idles_at.set(clock.time() + 900 * SECOND);
            accept(request)
        });
        let recorder = connect(&world, options(&["opaque"])).await;
        record(&recorder, GLOBEX).await.unwrap();
        world.advance(60 * SECOND);
        record(&recorder, GLOBEX).await.unwrap();
    });
}

#[test]
fn a_slow_response_does_not_spoil_the_known_clock_offset() {
    let clock = CloudClock::default();
    let date = |millis: i64| Timestamp::from_millis(NOW + millis);
    let at = |millis: i64| clock.moment(Instant::from_millis(millis), date(millis));
    // The cloud's clock is 30 s behind. The second response takes 40 s.
    clock.learn(at(0), at(20), date(-30_000));
    clock.learn(at(60_000), at(100_000), date(60_000 + 39_000 - 30_000));
    let offset = at(0).in_cloud().as_millis() - NOW;
    assert!((offset + 30_000).abs() <= 1_000, "{offset}");
}

#[test]
fn a_token_that_expires_while_it_is_identified_is_not_sent() {
    run(async {
        let world = World::new();
        let clock = world.clone();
        world.respond(move |request| {
            if request.method == "GET" {
                clock.advance(2 * SECOND);
            }
            accept(request)
        });
        world.issue_opaque(1.0);
        let recorder = connect(&world, options(&[])).await;
        assert_eq!(error(record(&recorder, GLOBEX).await).code, Code::TokenExpired);
        assert!(world.starts().is_empty());
    });
}

#[test]
fn a_call_that_waited_for_a_failed_renewal_requests_a_token_itself() {
    run(async {
        let world = World::new();
        world.respond(accept).issue_opaque(100.0);
        let recorder = connect(&world, options(&[])).await;
        record(&recorder, GLOBEX).await.unwrap();
        let (release, released) = gate();
        let is_renewal = Cell::new(true);
        world.token_source(move |_| {
            let (is_renewal, released) = (is_renewal.replace(false), released.clone());
            Box::pin(async move {
                if is_renewal {
                    released.await.unwrap();
                    return Err(Cause::Foreign(Rc::new(())));
                }
                Ok(issued_token(&jwt_with_id(GLOBEX, "later")))
            })
        });
        world.advance(95 * SECOND);
        record(&recorder, GLOBEX).await.unwrap();
        world.run_spawned();
        // The token expires before the renewal ends.
        world.advance(6 * SECOND);
        join(record(&recorder, GLOBEX), async { release.send() }).await.0.unwrap();
        assert_eq!(world.starts().last().unwrap().token, jwt_with_id(GLOBEX, "later"));
    });
}

#[test]
fn no_renewal_runs_beside_a_call_of_get_token() {
    run(async {
        let world = World::new();
        let release = world.respond(accept).issue_when_released(|_| true);
        let recorder = connect(&world, options(&[])).await;
        let other = async {
            // The first call waits for getToken. Now a token is added that should be renewed soon.
            recorder.add_token(AccessToken::parse(&jwt_expiring_in(10, GLOBEX, "added")).unwrap(), no_options()).await.unwrap();
            world.advance(9 * SECOND + 500);
            recorder.start_recording(start_of("another-agent", GLOBEX).unwrap(), no_options()).await.unwrap();
            assert_eq!(world.spawned_tasks(), 0);
            release.send();
        };
        join(record(&recorder, GLOBEX), other).await.0.unwrap();
    });
}

/// The cloud's clock is an hour ahead of ours.
#[test]
fn the_idle_timeout_is_measured_by_the_clouds_clock() {
    run(async {
        let world = World::new();
        let clock = world.clone();
        world.respond(move |request| Response {
            date: Some(Timestamp::from_millis(clock.time() + 3600 * SECOND)),
            ..match request.method.as_str() {
                _ if clock.time() >= NOW + 900 * SECOND => response(401, r#"{"code":"credentials.expired"}"#),
                "GET" => token_info_idling_at(GLOBEX, (3600 + 900) * SECOND),
                _ => accept(request),
            }
        });
        let recorder = connect(&world, options(&["opaque"])).await;
        world.advance(902 * SECOND);
        // Our own clock says otherwise, so the cloud is asked about the token before the start is sent.
        assert!(error(record(&recorder, GLOBEX).await).is_token_rejection());
        assert_eq!((world.starts().len(), world.requests().len()), (0, 2));
    });
}

#[test]
fn expires_in_counts_from_when_the_request_was_sent() {
    run(async {
        let world = World::new();
        let clock = world.clone();
        world.respond(move |request| {
            if request.is_for_token_endpoint() {
                clock.advance(10 * SECOND);
            }
            accept_short_lived(request)
        });
        let recorder = sign_in(&world, login_options(), GLOBEX).await;
        assert_eq!(expires_at(&recorder, 0), NOW + 100 * SECOND);
    });
}
