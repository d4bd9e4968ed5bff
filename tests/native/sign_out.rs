//! Signing out: which tokens are revoked and removed, and what a call in flight may still do.

use std::cell::Cell;
use std::rc::Rc;

use crate::support::*;
use futures::FutureExt;
use premium_recorder::cloud::response::Response;
use premium_recorder::model::error::{Cause, Code};
use premium_recorder::model::ids::{OrgId, RecordingId};
use premium_recorder::model::time::Timestamp;
use premium_recorder::recorder::Recorder;
use premium_recorder::recorder::settings::Options;
use premium_recorder::recording::batch::Batch;
use premium_recorder::token::access_token::{AccessToken, IssuedToken};

#[test]
fn a_start_that_waits_for_the_lock_gets_no_token_after_a_sign_out() {
    run(async {
        let world = World::new();
        let release = world.respond_when_released(|_| true, |_| Err(lost_response("reset")));
        let other = world.another_page();
        other.issue_per_org();
        other.respond(|request| match request.method.as_str() {
            "POST" => created("second"),
            "DELETE" => response(200, ""),
            _ => list(&[]),
        });
        let first = with_token(&world).await;
        let second = with_token(&other).await;
        let mut holds_lock = Box::pin(record(&first, GLOBEX));
        assert!(holds_lock.as_mut().now_or_never().is_none());
        let sign_out = async {
            yield_now().await;
            second.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap();
            drop(holds_lock);
            release.send();
            world.run_spawned();
        };
        let (ended, ()) = join(record(&second, GLOBEX), sign_out).await;
        ended.unwrap_err();
        assert_eq!((other.get_token_calls().len(), other.starts().len()), (0, 0), "calls of getToken and starts");
    });
}

#[test]
fn after_a_sign_out_a_batch_sends_no_start_and_requests_no_token() {
    run(async {
        let world = World::new();
        world.respond(accept).issue_per_org();
        let recorder = connect(&world, options(&[])).await;
        let settled = Cell::new(0);
        let batch = Batch { concurrency: 1, requests_per_minute: Some(4) };
        let work = start_many_with(
            &recorder,
            starts_in(GLOBEX, 10),
            batch,
            |progress| settled.set(progress.fulfilled + progress.rejected),
            no_options(),
        );
        let sign_out = async {
            wait_until(|| settled.get() >= 3).await;
            world.clear_log();
            recorder.sign_out(None, no_options()).await.unwrap();
        };
        let (results, ()) = while_time_passes_for(&[&world], 3600 * SECOND, join(work, sign_out)).await;
        assert_eq!(results.unwrap().len(), 10, "every start has a result");
        assert_eq!((world.get_token_calls().len(), world.starts().len()), (0, 0), "calls of getToken and starts");
    });
}

#[test]
fn a_stop_that_is_in_flight_requests_no_token_after_a_sign_out() {
    run(async {
        let world = World::new();
        world.issue_per_org();
        let release = world.respond_when_released(
            |request| request.method == "PATCH",
            |request| match request.method.as_str() {
                // The response does not describe the recording, so the stop would have to read it.
                "PATCH" => response(204, ""),
                "DELETE" => response(200, ""),
                _ => response(200, &entity("rec-1", "stopped", 0)),
            },
        );
        let recorder = with_token(&world).await;
        let (id, org) = (RecordingId::parse("rec-1").unwrap(), org(GLOBEX));
        let sign_out = async {
            recorder.sign_out(None, no_options()).await.unwrap();
            release.send();
        };
        let (stopped, ()) = join(recorder.stop(&id, &org, None, no_options()), sign_out).await;
        stopped.unwrap_err();
        assert!(world.get_token_calls().is_empty());
    });
}

#[test]
fn a_token_is_not_sent_after_its_sign_out() {
    run(async {
        let world = World::new();
        let is_start = |request: &SentRequest| request.method == "POST";
        let release = world.respond_when_released(is_start, |request| match request.method.as_str() {
            "POST" => Err(lost_response("reset")),
            "DELETE" => Ok(response(200, "")),
            _ => Ok(response(401, "")),
        });
        let recorder = with_token(&world).await;
        let sign_out = async {
            yield_now().await;
            recorder.sign_out(None, no_options()).await.unwrap();
            release.send();
        };
        let (ended, ()) = while_time_passes(&[&world], join(record(&recorder, GLOBEX), sign_out)).await;
        assert_eq!(error(ended).code, Code::OutcomeUnknown);
        // The revocation is the last request: the lost start is not looked for.
        assert_eq!(world.requests().last().unwrap().method, "DELETE");
    });
}

#[test]
fn a_token_that_is_being_added_is_not_stored_after_a_sign_out() {
    run(async {
        for org in [None, OrgId::parse(GLOBEX)] {
            let world = World::new();
            let release = world.respond_when_released(|_| true, accept);
            let recorder = connect(&world, options(&[])).await;
            let sign_out = async {
                recorder.sign_out(org, no_options()).await.unwrap();
                release.send();
            };
            join(recorder.add_token(AccessToken::parse("opaque").unwrap(), no_options()), sign_out).await.0.unwrap_err();
            assert!(recorder.tokens().is_empty());
        }
    });
}

#[test]
fn a_sign_in_to_the_wrong_organization_stores_no_token_after_a_sign_out() {
    run(async {
        let world = World::new();
        world.respond(|request| if request.method == "GET" { response(200, &token_info(ACME)) } else { accept(request) });
        let recorder = connect(&world, login(|login| login.wrong_org = Some("file".into()))).await;
        let sign_out = async {
            recorder.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap();
            recorder.sign_out(None, no_options()).await.unwrap();
            world.popups()[0].post_code("code");
        };
        join(record(&recorder, GLOBEX), sign_out).await.0.unwrap_err();
        assert!(recorder.tokens().is_empty());
    });
}

#[test]
fn a_token_that_is_found_to_be_of_a_signed_out_organization_is_not_stored_there() {
    // The cloud is asked whose the token is: after a refusal, or because a wrong `Date` makes the token look expired.
    for looks_expired in [false, true] {
        run(async {
            let world = World::new();
            let is_question = |request: &SentRequest| request.url.contains("tokens/me");
            let release = world.respond_when_released(is_question, move |request| match request.method.as_str() {
                "POST" => response(403, RESOURCE_OWNER),
                _ if is_question(request) => response(200, &token_info(GLOBEX)),
                _ => Response { date: Some(Timestamp::from_millis(NOW + 7_200 * SECOND)), ..list(&[]) },
            });
            let recorder = connect(&world, options(&[&jwt_for(ACME)])).await;
            if looks_expired {
                recorder.recordings(None, Some(&org(ACME)), no_options()).await.unwrap();
            }
            let sign_out = async {
                wait_until(|| world.requests().iter().any(|request| request.url.contains("tokens/me"))).await;
                recorder.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap();
                release.send();
            };
            join(record(&recorder, ACME), sign_out).await.0.unwrap_err();
            assert_eq!(world.starts().len(), usize::from(!looks_expired));
            assert!(recorder.tokens().is_empty());
        });
    }
}

#[test]
fn a_start_that_the_revocation_makes_fail_requests_no_token() {
    run(async {
        let world = World::new();
        let is_revoked = Rc::new(Cell::new(false));
        let (release, released) = gate();
        let (token, revoked) = (jwt_with_id(GLOBEX, "first"), is_revoked.clone());
        let first = token.clone();
        world.respond_async(move |request| {
            if request.method == "DELETE" {
                revoked.set(true);
                return Box::pin(async { Ok(response(204, "")) });
            }
            let (waits, accepted) = (request.token == first, accept(request));
            let (revoked, released) = (revoked.clone(), released.clone());
            Box::pin(async move {
                if waits {
                    released.await.unwrap();
                }
                Ok(if waits && revoked.get() { response(401, "") } else { accepted })
            })
        });
        world.issue(&jwt_with_id(GLOBEX, "second"));
        let recorder = connect(&world, options(&[&token])).await;
        let sign_out = async {
            recorder.sign_out(None, no_options()).await.unwrap();
            release.send();
        };
        join(record(&recorder, GLOBEX), sign_out).await.0.unwrap_err();
        assert!(is_revoked.get());
        assert_eq!((world.get_token_calls().len(), recorder.tokens().len()), (0, 0));
    });
}

#[test]
fn a_call_whose_renewal_fails_requests_no_token_after_a_sign_out() {
    run(async {
        let world = World::new();
        world.respond(accept);
        let (release, released) = gate();
        let count = Cell::new(0);
        world.token_source(move |call| {
            count.set(count.get() + 1);
            let (number, released) = (count.get(), released.clone());
            Box::pin(async move {
                if number == 2 {
                    released.await.unwrap();
                    return Err(Cause::Foreign(Rc::new(())));
                }
                let token = jwt_with_id(&call.org, &number.to_string());
                Ok(IssuedToken { access_token: token.into(), expires_in: Some(100.0) })
            })
        });
        let recorder = connect(&world, options(&[])).await;
        record(&recorder, GLOBEX).await.unwrap();
        // The next start begins a renewal in the background. Its token expires before the renewal ends.
        world.advance(95 * SECOND);
        record(&recorder, GLOBEX).await.unwrap();
        world.run_spawned();
        world.advance(6 * SECOND);
        let sign_out = async {
            recorder.sign_out(None, no_options()).await.unwrap();
            release.send();
        };
        join(record(&recorder, GLOBEX), sign_out).await.0.unwrap_err();
        assert_eq!((recorder.tokens().len(), world.get_token_calls().len()), (0, 2));
    });
}

#[test]
fn a_page_that_signed_out_shares_no_token() {
    run(async {
        let pages = connect_pages(3, World::new(), accept_short_lived, || options(&[])).await;
        for (world, _) in &pages {
            world.issue_opaque(100.0);
        }
        let [(_, first), (second_world, second), (third_world, third)] = pages.as_slice() else { panic!() };
        record(first, GLOBEX).await.unwrap();
        pages.iter().for_each(|(world, _)| world.advance(100 * SECOND));
        // The page shares a second token, in place of the expired one.
        record(first, GLOBEX).await.unwrap();
        first.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap();
        record(second, GLOBEX).await.unwrap();
        record(third, GLOBEX).await.unwrap();
        assert_eq!((second_world.get_token_calls().len(), third_world.get_token_calls().len()), (1, 0));
    });
}

#[test]
fn a_closed_recorder_does_not_sign_out_other_pages() {
    run(async {
        let pages = connect_pages(2, World::new(), accept_short_lived, || options(&[])).await;
        let [(_, closed), (world, other)] = pages.as_slice() else { panic!() };
        world.issue_opaque(100.0);
        record(other, GLOBEX).await.unwrap();
        closed.close();
        assert_eq!(error(closed.sign_out(OrgId::parse(GLOBEX), no_options()).await).code, Code::Closed);
        assert_eq!(other.tokens().len(), 1);
    });
}

#[test]
fn a_sign_out_cancels_only_its_own_organizations_call_of_get_token() {
    run(async {
        let world = World::new();
        let release = world.respond(accept).issue_when_released(|org| org == GLOBEX);
        let recorder = connect(&world, options(&[&jwt_for(ACME)])).await;
        let sign_out = async {
            yield_now().await;
            recorder.sign_out(OrgId::parse(INITECH), no_options()).await.unwrap();
            recorder.sign_out(OrgId::parse(ACME), no_options()).await.unwrap();
            yield_now().await;
            release.send();
        };
        join(record(&recorder, GLOBEX), sign_out).await.0.unwrap();

        // The sign-out does not wait for a call of getToken that hangs.
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
fn after_a_sign_out_a_start_joins_none_that_has_waited_for_its_token_since_before() {
    run(async {
        let world = World::new();
        world.respond(accept);
        world.issue_unless(100.0, |number| number == 1);
        let recorder = connect(&world, options(&[])).await;
        let after = async {
            yield_now().await;
            let sign_out = recorder.sign_out(OrgId::parse(GLOBEX), no_options());
            // The call begins before the earlier start has ended.
            join(sign_out, record(&recorder, GLOBEX)).await.1
        };
        let (before, after) = join(record(&recorder, GLOBEX), after).await;
        assert_eq!((error(before).code, world.starts().len()), (Code::NoToken, 1));
        after.unwrap();
    });
}

#[test]
fn a_start_after_a_sign_out_does_not_share_the_refusal_of_an_earlier_one() {
    run(async {
        let world = World::new();
        let old = jwt_with_id(GLOBEX, "old");
        let is_old_start = {
            let old = old.clone();
            move |request: &SentRequest| request.method == "POST" && request.token == old
        };
        let release = world.respond_when_released(is_old_start.clone(), move |request| match request.method.as_str() {
            _ if is_old_start(request) => response(401, ""),
            "GET" => list(&[]),
            _ => accept(request),
        });
        world.issue(&jwt_with_id(GLOBEX, "new"));
        let recorder = connect(&world, options(&[&old])).await;
        let after = async {
            wait_until(|| !world.starts().is_empty()).await;
            recorder.sign_out(None, no_options()).await.unwrap();
            let refuse = async {
                yield_now().await;
                release.send();
            };
            join(record(&recorder, GLOBEX), refuse).await.0
        };
        let (before, after) = while_time_passes(&[&world], join(record(&recorder, GLOBEX), after)).await;
        assert_eq!((error(before).code, after.unwrap().already_running), (Code::Unauthenticated, false));
        let tokens: Vec<_> = world.starts().into_iter().map(|start| start.token).collect();
        assert_eq!(tokens, [old, jwt_with_id(GLOBEX, "new")]);
    });
}

#[test]
fn a_start_of_a_batch_joins_none_that_began_after_a_sign_out() {
    run(async {
        let world = World::new();
        let release = world.respond_when_released(|request| request.method == "POST", accept);
        world.issue_per_org();
        let recorder = with_token(&world).await;
        let batch = start_many(&recorder, vec![start_of("another", GLOBEX), start_of(AGENT, GLOBEX)], concurrency(1));
        let after = async {
            wait_until(|| world.starts().len() == 1).await;
            recorder.sign_out(None, no_options()).await.unwrap();
            let release = async {
                wait_until(|| world.starts().len() == 2).await;
                release.send();
            };
            join(record(&recorder, GLOBEX), release).await.0
        };
        let (results, after) = while_time_passes(&[&world], join(batch, after)).await;
        assert_eq!(error(results.into_iter().next_back().unwrap()).code, Code::NoToken);
        after.unwrap();
    });
}

#[test]
fn a_second_sign_out_does_not_undo_the_first() {
    run(async {
        let world = World::new();
        let is_start = |request: &SentRequest| request.method == "POST";
        let release = world.respond_when_released(is_start, move |request| response(if is_start(request) { 401 } else { 204 }, ""));
        world.issue_per_org();
        let recorder = connect(&world, options(&[&jwt_with_id(GLOBEX, "own"), &jwt_for(ACME)])).await;
        let sign_out = async {
            wait_until(|| !world.starts().is_empty()).await;
            recorder.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap();
            recorder.sign_out(OrgId::parse(ACME), no_options()).await.unwrap();
            release.send();
        };
        let (ended, ()) = join(record(&recorder, GLOBEX), sign_out).await;
        assert_eq!(error(ended).code, Code::Unauthenticated);
        assert_eq!((world.get_token_calls().len(), world.starts().len()), (0, 1));
    });
}

#[test]
fn a_sign_out_revokes_each_token_and_removes_it() {
    run(async {
        let world = World::new();
        world.respond(|_| response(204, ""));
        let recorder = connect(&world, options(&[&jwt_for(ACME), &jwt_for(GLOBEX)])).await;
        recorder.sign_out(OrgId::parse(ACME), no_options()).await.unwrap();
        let request = &world.requests()[0];
        assert_eq!((request.method.as_str(), request.url.as_str()), ("DELETE", "https://api.cloud.example/api/v2/tokens/me"));
        assert_eq!((request.token.clone(), recorder.tokens().len()), (jwt_for(ACME), 1));
        // No token of Acme is left, so nothing is sent.
        recorder.sign_out(OrgId::parse(ACME), no_options()).await.unwrap();
        assert_eq!(world.requests().len(), 1);
        recorder.sign_out(None, no_options()).await.unwrap();
        assert_eq!((world.requests()[1].token.clone(), recorder.tokens().len()), (jwt_for(GLOBEX), 0));
    });
}

#[test]
fn a_token_is_removed_although_its_revocation_fails() {
    run(async {
        for (status, expected) in [(401, None), (503, Some(Code::CloudUnavailable)), (404, Some(Code::UnexpectedAnswer))] {
            let world = World::new();
            world.respond(move |_| response(status, ""));
            let recorder = connect(&world, options(&[&jwt_for(ACME), &jwt_for(GLOBEX)])).await;
            let ended = recorder.sign_out(None, no_options()).await;
            assert_eq!(ended.err().map(|failure| error(Err::<(), _>(failure)).code), expected, "{status}");
            // Every token is revoked, although the first revocation fails.
            assert_eq!((recorder.tokens().len(), world.requests().len()), (0, 2), "{status}");
        }
        let world = World::new();
        world.respond(|_| Err(lost_response("offline")));
        let recorder = connect(&world, options(&[&jwt_for(ACME)])).await;
        assert_eq!(error(recorder.sign_out(None, no_options()).await).code, Code::Network);
        assert!(recorder.tokens().is_empty());

        // An expired token is useless to others, so it is removed without a revocation.
        let world = World::new();
        let recorder = connect(&world, options(&[&jwt(&format!(r#"{{"org_id":"{ACME}","exp":1}}"#))])).await;
        recorder.sign_out(None, no_options()).await.unwrap();
        assert!(world.requests().is_empty() && recorder.tokens().is_empty());
    });
}

/// How many revocations a sign-out of every organization sends.
async fn revocations(world: &World, recorder: &Recorder<World>) -> usize {
    recorder.sign_out(None, no_options()).await.unwrap();
    assert!(recorder.tokens().is_empty());
    world.requests().iter().filter(|request| request.method == "DELETE").count()
}

#[test]
fn a_token_that_the_cloud_may_still_accept_is_revoked() {
    run(async {
        // A single endpoint has rejected the token.
        let world = World::new();
        world.respond(|request| if request.method == "POST" { response(401, "") } else { accept(request) });
        let recorder = with_token(&world).await;
        assert_eq!(error(record(&recorder, GLOBEX).await).code, Code::Unauthenticated);
        assert_eq!(revocations(&world, &recorder).await, 1);

        // Another client may have used the token before its idle timeout ended.
        let world = World::new();
        world.respond(|request| if request.method == "GET" { token_info_idling_at(GLOBEX, 300 * SECOND) } else { accept(request) });
        let recorder = connect(&world, options(&["opaque"])).await;
        world.advance(301 * SECOND);
        assert_eq!(revocations(&world, &recorder).await, 1);

        // The app's `expiresIn` may be shorter than the token's life. If nothing else is known, it counts.
        for (token, expected) in [(jwt_expiring_in(3600, GLOBEX, "a"), 1), (jwt_with_id(GLOBEX, "a"), 0)] {
            let world = World::new();
            world.respond(accept).issue_for(&token, 100.0);
            let recorder = connect(&world, options(&[])).await;
            record(&recorder, GLOBEX).await.unwrap();
            world.advance(101 * SECOND);
            assert_eq!(revocations(&world, &recorder).await, expected);
        }
    });
}

#[test]
fn a_token_that_arrives_after_a_sign_out_is_not_stored() {
    run(async {
        for org in [OrgId::parse(GLOBEX), None] {
            let world = World::new();
            let release = world.respond(|_| response(201, CREATED)).issue_when_released(|_| true);
            let recorder = connect(&world, options(&[])).await;
            let sign_out = async {
                recorder.sign_out(org, no_options()).await.unwrap();
                release.send();
            };
            let (ended, ()) = join(record(&recorder, GLOBEX), sign_out).await;
            assert_eq!((error(ended).code, recorder.tokens().len()), (Code::NoToken, 0));
        }
    });
}

#[test]
fn a_revocation_that_hangs_does_not_delay_the_others() {
    run(async {
        let world = World::new();
        world.respond_async(|request| {
            let hangs = request.token == jwt_for(ACME);
            Box::pin(async move { if hangs { std::future::pending().await } else { Ok(response(204, "")) } })
        });
        let recorder = connect(&world, options(&[&jwt_for(ACME), &jwt_for(GLOBEX)])).await;
        let (ended, ()) = join(recorder.sign_out(None, no_options()), async { world.advance(15_000) }).await;
        assert_eq!((error(ended).code, world.requests().len(), recorder.tokens().len()), (Code::Timeout, 2, 0));
    });
}

#[test]
fn a_sign_out_in_one_page_removes_the_token_in_every_page() {
    run(async {
        let pages = connect_pages(3, World::new(), accept, || options(&[])).await;
        for (world, recorder) in &pages {
            world.issue_per_org();
            record(recorder, GLOBEX).await.unwrap();
        }
        let (first, one) = &pages[0];
        one.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap();
        assert!(pages.iter().all(|(_, recorder)| recorder.tokens().is_empty()));
        assert_eq!(first.requests().iter().filter(|request| request.method == "DELETE").count(), 1);
        record(&pages[1].1, GLOBEX).await.unwrap();
        assert_eq!(get_token_calls_of(&pages), 2);
    });
}

/// Each sign-in and each refresh gives another token, for 100 seconds.
fn cloud() -> impl Fn(&SentRequest) -> Response + Clone {
    let count = Rc::new(Cell::new(0));
    move |request| {
        if !request.is_for_token_endpoint() {
            return accept(request);
        }
        count.set(count.get() + 1);
        let number = count.get();
        response(200, &format!(r#"{{"access_token":"access-{number}","expires_in":100,"refresh_token":"refresh-{number}"}}"#))
    }
}

#[test]
fn a_page_whose_token_has_expired_hears_of_a_sign_out() {
    run(async {
        let pages = connect_pages(2, World::new(), cloud(), login_options).await;
        let [(first, one), (second, other)] = pages.as_slice() else { panic!() };
        record_and_sign_in(other, second, GLOBEX).await.unwrap();
        pages.iter().for_each(|(world, _)| world.advance(100 * SECOND));
        // The second page has no token to give.
        record_and_sign_in(one, first, GLOBEX).await.unwrap();
        assert_eq!((one.tokens().len(), other.tokens().len()), (1, 1));
        one.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap();
        assert_eq!((one.tokens().len(), other.tokens().len()), (0, 0));
        second.clear_log();
        assert!(record(other, GLOBEX).now_or_never().is_none(), "it waits for a sign-in");
        assert!(second.requests().is_empty(), "the refresh token is not used: {:?}", second.requests());
    });
}

#[test]
fn a_page_that_renews_its_token_hears_of_a_sign_out() {
    run(async {
        let pages = connect_pages(2, World::new(), cloud(), login_options).await;
        let [(_, one), (second, other)] = pages.as_slice() else { panic!() };
        record_and_sign_in(other, second, GLOBEX).await.unwrap();
        record(one, GLOBEX).await.unwrap();
        pages.iter().for_each(|(world, _)| world.advance(95 * SECOND));
        let release = second.respond_when_released(SentRequest::is_for_token_endpoint, cloud());
        record(other, GLOBEX).await.unwrap();
        second.run_spawned();
        one.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap();
        release.send();
        second.run_spawned();
        assert_eq!((one.tokens().len(), other.tokens().len()), (0, 0));
    });
}

#[test]
fn a_page_whose_renewal_failed_hears_of_a_sign_out() {
    run(async {
        let pages = connect_pages(2, World::new(), cloud(), login_options).await;
        let [(_, one), (second, other)] = pages.as_slice() else { panic!() };
        record_and_sign_in(other, second, GLOBEX).await.unwrap();
        record(one, GLOBEX).await.unwrap();
        pages.iter().for_each(|(world, _)| world.advance(95 * SECOND));
        second.respond(|request| if request.is_for_token_endpoint() { response(503, "") } else { accept(request) });
        record(other, GLOBEX).await.unwrap();
        second.run_spawned();
        assert_eq!(other.tokens().len(), 1);
        one.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap();
        assert_eq!(other.tokens().len(), 0);
    });
}

#[test]
fn a_shared_token_that_is_on_its_way_is_not_used_after_a_sign_out() {
    for connects in [false, true] {
        run(async {
            let first = World::new();
            first.respond(cloud());
            let one = sign_in(&first, login_options(), GLOBEX).await;
            // The token stays valid.
            first.respond(|request| if request.method == "DELETE" { response(503, "") } else { accept(request) });
            let second = first.another_page();
            let release = second.respond_when_released(|request| request.url.contains("tokens/me"), accept);
            let sign_out = async {
                yield_now().await;
                one.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap_err();
                release.send();
            };
            let other = if connects {
                join(connect(&second, Options { org_id: Some(GLOBEX.into()), ..login_options() }), sign_out).await.0
            } else {
                let other = connect(&second, login_options()).await;
                let (started, ()) = join(record(&other, GLOBEX), sign_out).await;
                assert_eq!(error(started).code, Code::NoToken);
                other
            };
            assert!(second.requests().iter().any(|request| request.url.contains("tokens/me")), "it had the token");
            assert!(other.tokens().is_empty() && second.starts().is_empty());
        });
    }
}

#[test]
fn the_next_call_after_a_sign_out_signs_in_again() {
    run(async {
        let world = World::new();
        world.respond(cloud());
        let recorder = sign_in(&world, login_options(), GLOBEX).await;
        // Nobody waits for the sign-out.
        let signs_out = recorder.sign_out(OrgId::parse(GLOBEX), no_options());
        let (out, started) = join(signs_out, record_and_sign_in(&recorder, &world, GLOBEX)).await;
        out.unwrap();
        started.unwrap();
    });
}

#[test]
fn a_token_of_the_app_stays_when_another_page_signs_out_while_it_is_renewed() {
    run(async {
        let first = World::new();
        first.respond(accept).issue_per_org();
        let one = connect(&first, options(&[])).await;
        record(&one, GLOBEX).await.unwrap();
        let second = first.another_page();
        second.respond(accept);
        let _release = second.issue_when_released(|_| true);
        // The second page gets no token from the first one.
        second.share_nothing();
        let other = connect(&second, options(&[&jwt_expiring_in(100, GLOBEX, "given")])).await;
        [&first, &second].iter().for_each(|world| world.advance(95 * SECOND));
        record(&other, GLOBEX).await.unwrap();
        second.run_spawned();
        one.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap();
        assert_eq!((one.tokens().len(), other.tokens().len()), (0, 1));
        record(&other, GLOBEX).await.unwrap();
    });
}

#[test]
fn a_page_that_keeps_a_sign_in_to_another_organization_hears_of_a_sign_out() {
    run(async {
        let filing = || login(|login| login.wrong_org = Some("file".into()));
        // Every sign-in ends in Globex.
        let pages = connect_pages(2, World::new(), cloud(), filing).await;
        let [(first, one), (second, other)] = pages.as_slice() else { panic!() };
        record_and_sign_in(one, first, GLOBEX).await.unwrap();
        assert_eq!(error(record_and_sign_in(other, second, ACME).await).code, Code::LoginWrongOrg);
        assert_eq!((one.tokens().len(), other.tokens().len()), (1, 1));
        one.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap();
        second.clear_log();
        let recorded = completed_within(&[second], 2 * SECOND, record(other, GLOBEX)).await;
        assert_eq!((one.tokens().len(), other.tokens().len()), (0, 0), "{recorded:?}");
        assert!(second.starts().is_empty());
    });
}

#[test]
fn a_page_that_moves_its_token_to_the_actual_organization_hears_of_a_sign_out() {
    run(async {
        let lying = jwt_with_id(ACME, "globex's");
        let is_lying = lying.clone();
        let answer = move |request: &SentRequest| match (request.method.as_str(), request.token == is_lying) {
            ("POST", true) if request.org.as_deref() == Some(ACME) => response(403, RESOURCE_OWNER),
            _ => accept(request),
        };
        let pages = connect_pages(2, World::new(), answer, || options(&[])).await;
        let [(first, one), (second, other)] = pages.as_slice() else { panic!() };
        first.issue_per_org();
        second.issue(&lying);
        record(one, GLOBEX).await.unwrap();
        record(other, ACME).await.unwrap_err();
        let held: Vec<_> = other.tokens().iter().map(|token| token.target().org.clone()).collect();
        assert_eq!(held, [org(GLOBEX)]);
        one.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap();
        assert_eq!((one.tokens().len(), other.tokens().len()), (0, 0));
    });
}

#[test]
fn a_page_to_which_an_expired_token_was_added_hears_of_a_sign_out() {
    run(async {
        let pages = connect_pages(2, World::new(), accept, || options(&[])).await;
        let [(first, one), (second, other)] = pages.as_slice() else { panic!() };
        first.issue_per_org();
        second.issue_per_org();
        record(one, GLOBEX).await.unwrap();
        record(other, GLOBEX).await.unwrap();
        // An expired token does not replace a valid one.
        other.add_token(AccessToken::parse(&jwt_expiring_in(-60, GLOBEX, "old")).unwrap(), no_options()).await.unwrap();
        one.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap();
        assert_eq!((one.tokens().len(), other.tokens().len()), (0, 0));
    });
}
