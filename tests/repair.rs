//! What a "no" leads to: one repair where that is safe, and otherwise the cause, narrowed down as far as it can be known.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::cell::Cell;
use std::rc::Rc;

use futures::future::join;
use premium_recorder::cloud::response::Response;
use premium_recorder::model::error::{Cause, Code, Error};
use premium_recorder::model::ids::OrgId;
use premium_recorder::model::scope::near_miss;
use support::*;

const RESOURCE_OWNER: &str =
    r#"{"status":403,"code":"not.authorized","message":"Permission denied: insufficient scope for resource owner","contextId":"ctx"}"#;

fn is_start(request: &SentRequest) -> bool {
    request.method == "POST"
}

fn paths(world: &World) -> Vec<String> {
    world
        .requests()
        .iter()
        .map(|request| format!("{} {}", request.method, request.url.strip_prefix("https://api.cloud.example/api/v2/").unwrap()))
        .collect()
}

#[test]
fn a_lying_token_is_filed_right_and_the_targets_own_is_obtained() {
    run(async {
        let world = World::new();
        let (lying, honest) = (jwt_with_id(GLOBEX, "acme's"), jwt_with_id(GLOBEX, "globex's"));
        let of_acme = lying.clone();
        world.respond(move |request| match (is_start(request), request.token == of_acme) {
            (true, true) => response(403, RESOURCE_OWNER),
            (true, false) => response(201, CREATED),
            (false, _) => token_info_with_scopes(ACME, r#""screenrecordings:write""#),
        });
        world.issue(&honest);
        let recorder = connect(&world, options(&[&lying])).await;
        record(&recorder, GLOBEX).await.unwrap();
        assert_eq!(paths(&world), ["POST screenrecordings", "GET tokens/me?preserveIdleTTL=true", "POST screenrecordings"]);
        assert_eq!(world.starts().iter().map(|start| start.token.clone()).collect::<Vec<_>>(), [lying, honest]);
        assert_eq!(world.get_token_calls()[0].reason, "wrong-org");
        let held: Vec<_> = recorder.tokens().iter().map(|grant| grant.target().org.clone()).collect();
        assert_eq!(held, [org(ACME), org(GLOBEX)]);
        // And it serves its own organization from now on.
        world.clear_log();
        world.respond(|_| response(201, CREATED));
        record(&recorder, ACME).await.unwrap();
        assert!(world.get_token_calls().is_empty());
    });
}

#[test]
fn a_lying_token_without_a_source_is_explained_and_not_sent_again() {
    run(async {
        let world = World::new();
        world.respond(|request| if is_start(request) { response(403, RESOURCE_OWNER) } else { token_info_with_scopes(ACME, "") });
        let recorder = connect(&world, options(&[&jwt_with_id(GLOBEX, "a")])).await;
        let refused = error(record(&recorder, GLOBEX).await);
        let evidence = &refused.evidence;
        assert_eq!((refused.code, &evidence.org_id, &evidence.token_org_id), (Code::WrongOrg, &OrgId::parse(GLOBEX), &OrgId::parse(ACME)));
        assert_eq!((&evidence.home_org_id, evidence.context_id.as_deref()), (&OrgId::parse(INITECH), Some("ctx")));
        assert!(refused.message.contains(ACME), "{}", refused.message);
        assert_eq!(error(record(&recorder, GLOBEX).await).code, Code::OrgMismatch);
        assert_eq!(world.starts().len(), 1);
    });
}

#[test]
fn a_source_that_gives_the_lying_token_again_is_refused_without_sending() {
    run(async {
        let world = World::new();
        world
            .respond(|request| if is_start(request) { response(403, RESOURCE_OWNER) } else { token_info_with_scopes(ACME, "") })
            .issue(&jwt_with_id(GLOBEX, "a"));
        let recorder = connect(&world, options(&[])).await;
        let refused = error(record(&recorder, GLOBEX).await);
        assert_eq!((refused.code, &refused.evidence.token_org_id), (Code::TokenSourceWrongOrg, &OrgId::parse(ACME)));
        match &refused.evidence.cause {
            Some(Cause::Error(before)) => assert_eq!(before.code, Code::WrongOrg),
            other => panic!("{other:?}"),
        }
        assert_eq!((world.starts().len(), world.get_token_calls().len()), (1, 2));
    });
}

/// A start that is refused for the resource owner, with a token that is of the right organization.
async fn narrowed_down(scopes: &'static str, user: Option<u16>) -> (World, Rc<Error>) {
    let world = World::new();
    world.respond_async(move |request| {
        let response = match (is_start(request), request.url.contains("/users/")) {
            (true, _) => Ok(response(403, RESOURCE_OWNER)),
            (_, true) => user.map(|status| response(status, "")).ok_or_else(|| lost_response("offline")),
            _ => Ok(token_info_with_scopes(GLOBEX, scopes)),
        };
        Box::pin(async move { response })
    });
    world.issue(&jwt_with_id(GLOBEX, "another"));
    let recorder = connect(&world, options(&[&jwt_with_id(GLOBEX, "a")])).await;
    let refused = error(record(&recorder, GLOBEX).await);
    assert_eq!((&refused.evidence.token_org_id, refused.evidence.status, world.starts().len()), (&OrgId::parse(GLOBEX), Some(403), 1));
    assert!(world.get_token_calls().is_empty());
    // What the cloud has told of the token is known from now on.
    assert_eq!(recorder.tokens()[0].known_by(), premium_recorder::token::org_token::KnownBy::Cloud);
    (world, refused)
}

#[test]
fn a_right_token_is_said_to_be_right_and_what_else_it_may_be() {
    run(async {
        let (world, refused) = narrowed_down(r#""user-basic-info","screenrecording:write""#, Some(200)).await;
        assert_eq!(refused.code, Code::ScopeMissing);
        assert_eq!(refused.evidence.missing_scopes.as_deref(), Some(&["screenrecordings:write".to_owned()][..]));
        assert_eq!(refused.evidence.near_miss.as_deref(), Some("screenrecording:write"));
        assert_eq!(refused.evidence.granted_scopes.as_ref().unwrap().len(), 2);
        assert_eq!(world.requests().len(), 2);

        let (world, refused) = narrowed_down(r#""screenrecordings:write""#, Some(404)).await;
        assert_eq!(refused.code, Code::WrongOrg);
        assert!(refused.message.contains("the agent is not in that organization"), "{}", refused.message);
        assert_eq!(paths(&world)[2], format!("GET users/{AGENT}"));

        let (_, refused) = narrowed_down(r#""screenrecordings:write""#, Some(200)).await;
        assert_eq!(refused.code, Code::PermissionMissing);

        for user in [Some(403), Some(500), None] {
            assert_eq!(narrowed_down(r#""screenrecordings:write""#, user).await.1.code, Code::WrongOrg);
        }
    });
}

#[test]
fn who_cannot_be_asked_whose_the_token_is_leaves_the_clouds_own_no() {
    run(async {
        let world = World::new();
        world.respond(|request| if is_start(request) { response(403, RESOURCE_OWNER) } else { response(503, "") }).issue_per_org();
        let recorder = connect(&world, options(&[&jwt_for(GLOBEX)])).await;
        assert_eq!(error(record(&recorder, GLOBEX).await).code, Code::WrongOrg);
        assert_eq!((world.starts().len(), world.get_token_calls().len()), (1, 0));
    });
}

/// The first start is refused with this answer, the next succeeds.
fn refused_once(world: &World, refusal: Response) {
    let count = Cell::new(0);
    world.respond(move |_| {
        count.set(count.get() + 1);
        if count.get() == 1 { refusal.clone() } else { response(201, CREATED) }
    });
}

fn rate_limited(retry_after: Option<&str>, message: &str) -> Response {
    let body = format!(r#"{{"status":429,"code":"too.many.requests.retry.after","message":"{message}"}}"#);
    Response { retry_after: retry_after.map(str::to_owned), ..response(429, &body) }
}

#[test]
fn a_rate_limit_is_waited_out_as_the_cloud_says() {
    run(async {
        let soon = jiff::Timestamp::from_millisecond(NOW + 7_000).unwrap().to_string();
        for (retry_after, message, millis) in [
            (Some("7"), "", 7_000),
            (Some(" 7 "), "", 7_000),
            (Some(soon.as_str()), "", 7_000),
            (None, "Retry the request in [7] seconds", 7_000),
            (Some("0"), "Retry the request in [7] seconds", 0),
        ] {
            let world = World::new();
            refused_once(&world, rate_limited(retry_after, message));
            let recorder = connect(&world, options(&[&jwt_for(GLOBEX)])).await;
            let somebody = async {
                wait_until(|| !world.starts().is_empty()).await;
                yield_now().await;
                if millis > 0 {
                    world.advance(millis - 1);
                    yield_now().await;
                    assert_eq!(world.starts().len(), 1);
                    world.advance(1);
                }
            };
            let (started, ()) = join(record(&recorder, GLOBEX), somebody).await;
            started.unwrap();
            assert_eq!(world.starts().len(), 2, "{retry_after:?} {message}");
        }
    });
}

#[test]
fn a_rate_limit_that_says_nothing_is_waited_out_with_jitter() {
    run(async {
        let mut waits = std::collections::HashSet::new();
        for random in [0, 120, 254] {
            let world = World::new();
            world.seed_random(random);
            refused_once(&world, response(429, r#"{"code":"too.many.requests","message":"maximum [300] requests within [60] seconds"}"#));
            let recorder = connect(&world, options(&[&jwt_for(GLOBEX)])).await;
            let somebody = async {
                wait_until(|| !world.starts().is_empty()).await;
                yield_now().await;
                let mut waited = 0;
                while world.starts().len() == 1 {
                    world.advance(1);
                    waited += 1;
                    yield_now().await;
                }
                waited
            };
            let (started, waited) = join(record(&recorder, GLOBEX), somebody).await;
            started.unwrap();
            assert!((1_000..=3_010).contains(&waited), "{waited}");
            waits.insert(waited);
        }
        assert_eq!(waits.len(), 3);
    });
}

#[test]
fn a_wait_never_outlasts_the_call() {
    run(async {
        let world = World::new();
        world.respond(|_| rate_limited(Some("86400"), ""));
        let recorder = connect(&world, options(&[&jwt_for(GLOBEX)])).await;
        // At once, not after fifteen seconds.
        let refused = error(record(&recorder, GLOBEX).await);
        assert_eq!((refused.code, refused.evidence.retry_after, world.starts().len()), (Code::RateLimited, Some(86_400_000), 1));
        assert!(refused.code.retryable());

        let limits = with_timeout(7_000);
        world.respond(|_| rate_limited(Some("7"), ""));
        let call = recorder.start_recording(start_in(GLOBEX), limits);
        assert_eq!(error(call.await).code, Code::RateLimited);
        // A wait that nobody can count does not end anything.
        for odd in ["soon", "-5", "99999999999", ""] {
            let world = World::new();
            world.respond(move |_| rate_limited(Some(odd), ""));
            let recorder = connect(&world, options(&[&jwt_for(GLOBEX)])).await;
            let (refused, ()) = join(record(&recorder, GLOBEX), async {
                wait_until(|| !world.starts().is_empty()).await;
                yield_now().await;
                world.advance(3_010);
            })
            .await;
            assert_eq!(error(refused).code, Code::RateLimited, "{odd}");
        }
    });
}

#[test]
fn a_call_is_repaired_once_whatever_comes_next() {
    run(async {
        let refusals = [response(401, ""), response(403, RESOURCE_OWNER), rate_limited(Some("0"), "")];
        for first in &refusals {
            for second in &refusals {
                let world = World::new();
                let (first, second, count) = (first.clone(), second.clone(), Cell::new(0));
                world.respond(move |request| {
                    if !is_start(request) {
                        return token_info_with_scopes(
                            if request.token == jwt_with_id(GLOBEX, "1") { ACME } else { GLOBEX },
                            r#""screenrecordings:write""#,
                        );
                    }
                    count.set(count.get() + 1);
                    if count.get() == 1 { first.clone() } else { second.clone() }
                });
                let serial = Cell::new(1);
                world.token_source(move |_| {
                    serial.set(serial.get() + 1);
                    let token = jwt_with_id(GLOBEX, &serial.get().to_string());
                    Box::pin(async move { Ok(issued_token(&token)) })
                });
                let recorder = connect(&world, options(&[&jwt_with_id(GLOBEX, "1")])).await;
                let refused = error(record(&recorder, GLOBEX).await);
                assert_eq!(world.starts().len(), 2, "{refused:?}");
                assert!(matches!(refused.code, Code::Unauthenticated | Code::WrongOrg | Code::RateLimited), "{refused:?}");
            }
        }
    });
}

#[test]
fn nothing_else_is_sent_again() {
    run(async {
        for (status, body) in [
            (400, ""),
            (403, r#"{"code":"missing.permissions"}"#),
            (403, r#"{"code":"app.not.authorized.for.scope"}"#),
            (404, r#"{"code":"not.found"}"#),
            (408, ""),
            (409, ""),
            (500, ""),
            (503, ""),
        ] {
            let world = World::new();
            world.respond(move |_| response(status, body)).issue_per_org();
            let recorder = connect(&world, options(&[&jwt_for(GLOBEX)])).await;
            while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap_err();
            assert_eq!((world.starts().len(), world.get_token_calls().len()), (1, 0), "{status} {body}");
        }
    });
}

#[test]
fn time_runs_out_during_a_repair_and_nothing_was_started() {
    run(async {
        let world = World::new();
        world.respond_async(|request| {
            let is_start = is_start(request);
            Box::pin(async move { if is_start { Ok(response(403, RESOURCE_OWNER)) } else { std::future::pending().await } })
        });
        let recorder = connect(&world, options(&[&jwt_for(GLOBEX)])).await;
        let (refused, ()) = join(record(&recorder, GLOBEX), async {
            wait_until(|| world.requests().len() == 2).await;
            world.advance(15_000);
        })
        .await;
        let refused = error(refused);
        assert_eq!((refused.code, refused.code.retryable()), (Code::Timeout, true));
    });
}

#[test]
fn a_scope_that_is_nearly_right_is_named() {
    let needed = "screenrecordings:write";
    for held in [
        "screenrecording:write",
        "ScreenRecordings:Write",
        "screenrecordings.write",
        "screenrecordings_write",
        "screenrecordings",
        "screenrecordings:read",
        "screenrecordings:readonly",
        "screen-recordings:write",
        "screenrecording",
    ] {
        let scopes = ["user-basic-info".to_owned(), held.to_owned()];
        assert_eq!(near_miss(needed, &scopes), Some(held));
    }
    for held in ["recordings", "recordings:readonly", "screen-monitoring", "write", "", "user-recordings", "conversations"] {
        assert_eq!(near_miss(needed, &[held.to_owned()]), None, "{held}");
    }
    assert_eq!(near_miss(needed, &[needed.to_owned()]), None);
    assert_eq!(near_miss("recordings", &["recording:readonly".to_owned()]), Some("recording:readonly"));
    // The whole name in another writing is nearer than another suffix.
    assert_eq!(
        near_miss(needed, &["screenrecordings:read".to_owned(), "SCREENRECORDINGS:WRITE".to_owned()]),
        Some("SCREENRECORDINGS:WRITE")
    );
}

#[test]
fn a_refusal_names_the_headers_and_scopes_that_were_sent() {
    run(async {
        let world = World::new();
        let body = r#"{"code":"app.not.authorized.for.scope","message":"App not authorized to use scope [screenrecordings:write]"}"#;
        world.respond(move |_| response(403, body));
        let token = jwt(&format!(r#"{{"org_id":"{GLOBEX}","scope":"screenrecording:write user-basic-info"}}"#));
        let mut options = options(&[&token]);
        options.org_headers = Some(vec!["x-gc-organization".to_owned()]);
        let recorder = connect(&world, options).await;
        let refused = error(record(&recorder, GLOBEX).await);
        let evidence = &refused.evidence;
        assert_eq!((refused.code, evidence.near_miss.as_deref()), (Code::ScopeMissing, Some("screenrecording:write")));
        assert_eq!(evidence.org_headers.as_deref(), Some(&["x-gc-organization".to_owned()][..]));
        assert_eq!(evidence.granted_scopes.as_ref().unwrap(), &["screenrecording:write", "user-basic-info"]);
    });
}
