//! Refused starts: the library repairs the cause once if that is safe, and otherwise explains it.

use std::cell::Cell;

use crate::support::*;
use premium_recorder::cloud::call::CallError;
use premium_recorder::model::error::{Cause, Code, Error};
use premium_recorder::model::ids::OrgId;
use premium_recorder::model::scope::near_miss;
use premium_recorder::token::access_token::AccessToken;

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
fn a_lying_token_is_stored_for_its_real_organization_and_replaced() {
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
        let orgs: Vec<_> = recorder.tokens().iter().map(|token| token.target().org.clone()).collect();
        assert_eq!(orgs, [org(ACME), org(GLOBEX)]);
        // Starts in its real organization use the lying token.
        world.clear_log();
        world.respond(|_| response(201, CREATED));
        record(&recorder, ACME).await.unwrap();
        assert!(world.get_token_calls().is_empty());
    });
}

#[test]
fn a_lying_token_does_not_take_the_place_of_its_real_organizations_own_token() {
    run(async {
        let world = World::new();
        let (lying, own) = (jwt_with_id(ACME, "lying"), jwt_with_id(GLOBEX, "own"));
        let is_lying = lying.clone();
        world.respond(move |request| match (is_start(request), request.token == is_lying) {
            (true, true) => response(403, RESOURCE_OWNER),
            (true, false) => response(201, CREATED),
            (false, _) => token_info_with_scopes(GLOBEX, ""),
        });
        let recorder = connect(&world, options(&[&lying, &own])).await;
        assert_eq!(error(record(&recorder, ACME).await).code, Code::WrongOrg);
        record(&recorder, GLOBEX).await.unwrap();
        assert_eq!(world.starts().iter().map(|start| start.token.clone()).collect::<Vec<_>>(), [lying, own]);
    });
}

#[test]
fn a_lying_token_is_replaced_whatever_the_body_of_the_refusal() {
    run(async {
        let world = World::new();
        let (lying, honest) = (jwt_with_id(GLOBEX, "acme's"), jwt_with_id(GLOBEX, "globex's"));
        let of_acme = lying.clone();
        world.respond(move |request| match (is_start(request), request.token == of_acme) {
            (true, true) => response(403, "Insufficient Scope for Resource Owner"),
            (true, false) => response(201, CREATED),
            (false, _) => token_info_with_scopes(ACME, r#""screenrecordings:write""#),
        });
        world.issue(&honest);
        let recorder = connect(&world, options(&[&lying])).await;
        record(&recorder, GLOBEX).await.unwrap();
        assert_eq!(world.starts().iter().map(|start| start.token.clone()).collect::<Vec<_>>(), [lying, honest]);
    });
}

#[test]
fn without_get_token_a_lying_token_is_explained_and_not_sent_again() {
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
fn if_get_token_returns_the_lying_token_again_it_is_not_sent() {
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

/// The responses for a user of the organization, and for somebody else.
const USER: (u16, &str) = (200, r#"{"id":"agent"}"#);
const NO_USER: (u16, &str) = (404, r#"{"code":"not.found"}"#);

/// A start with a token of the right organization, which the cloud refuses because of the resource owner.
async fn explained(scopes: &'static str, user: Option<(u16, &'static str)>) -> (World, Error) {
    let world = World::new();
    world.respond_async(move |request| {
        let response = match (is_start(request), request.url.contains("/users/")) {
            (true, _) => Ok(response(403, RESOURCE_OWNER)),
            (_, true) => user.map(|(status, body)| response(status, body)).ok_or_else(|| lost_response("offline")),
            _ => Ok(token_info_with_scopes(GLOBEX, scopes)),
        };
        Box::pin(async move { response })
    });
    world.issue(&jwt_with_id(GLOBEX, "another"));
    let recorder = connect(&world, options(&[&jwt_with_id(GLOBEX, "a")])).await;
    let refused = error(record(&recorder, GLOBEX).await);
    assert_eq!((&refused.evidence.token_org_id, refused.evidence.status, world.starts().len()), (&OrgId::parse(GLOBEX), Some(403), 1));
    assert!(world.get_token_calls().is_empty());
    // The library now knows the token's organization from the cloud.
    assert_eq!(recorder.tokens()[0].known_by(), premium_recorder::token::org_token::KnownBy::Cloud);
    (world, refused)
}

#[test]
fn a_refusal_of_a_right_token_is_explained_by_scope_agent_or_permission() {
    run(async {
        let (world, refused) = explained(r#""user-basic-info","screenrecording:write""#, Some(USER)).await;
        assert_eq!(refused.code, Code::ScopeMissing);
        assert_eq!(refused.evidence.missing_scopes.as_deref(), Some(&["screenrecordings:write".to_owned()][..]));
        assert_eq!(refused.evidence.near_miss.as_deref(), Some("screenrecording:write"));
        let expected = format!("\"screenrecording:write\" is not \"screenrecordings:write\". {}", Code::ScopeMissing.hint());
        assert_eq!(refused.hint(), expected);
        assert_eq!(refused.evidence.granted_scopes.as_ref().unwrap().len(), 2);
        assert_eq!(world.requests().len(), 2);

        let (world, refused) = explained(r#""screenrecordings:write""#, Some(NO_USER)).await;
        assert_eq!(refused.code, Code::WrongOrg);
        assert!(refused.message.contains("the agent is not in that organization"), "{}", refused.message);
        assert_eq!(paths(&world)[2], format!("GET users/{AGENT}"));

        let (_, refused) = explained(r#""screenrecordings:write""#, Some(USER)).await;
        assert_eq!(refused.code, Code::PermissionMissing);

        // A proxy's pages say nothing about the agent.
        for user in [Some((403, "")), Some((500, "")), Some((404, "<html>")), Some((404, "{}")), Some((200, "<html>")), None] {
            let (_, refused) = explained(r#""screenrecordings:write""#, user).await;
            assert_eq!(refused.code, Code::WrongOrg);
            assert!(refused.message.contains("whether the agent is there is unknown"), "{}", refused.message);
        }
    });
}

/// A start that the cloud refuses with a 404, and its requests. `user`: what the cloud answers for `users/{id}`.
async fn missing(body: &'static str, user: Option<(u16, &'static str)>, contract: &str, timeout: u32) -> (Error, Vec<String>) {
    let world = World::new();
    world.respond_async(move |request| {
        let response = match (is_start(request), request.url.contains("/users/")) {
            (true, _) => Ok(response(404, body)),
            (_, true) => user.map(|(status, body)| response(status, body)).ok_or_else(|| lost_response("offline")),
            _ => Ok(list(&[])),
        };
        Box::pin(async move { response })
    });
    let mut options = options(&[&jwt_for(GLOBEX)]);
    options.contract = json(contract).unwrap();
    let recorder = connect(&world, options).await;
    let refused = error(recorder.start_recording(start_in(GLOBEX), with_timeout(timeout)).await);
    (refused, paths(&world))
}

#[test]
fn a_start_whose_agent_is_there_was_sent_to_no_path_of_the_api() {
    const NOT_FOUND: &str = r#"{"code":"not.found"}"#;
    run(async {
        let asks = || vec!["POST screenrecordings".to_owned(), format!("GET users/{AGENT}")];
        let (refused, requests) = missing(NOT_FOUND, Some(USER), "{}", 15_000).await;
        assert_eq!((refused.code, refused.evidence.status, requests), (Code::NotFound, Some(404), asks()));
        assert!(refused.hint().contains("The agent is in this organization"), "{}", refused.hint());

        for user in [Some(NO_USER), Some((404, "<html>")), Some((200, "<html>")), Some((403, "")), Some((401, "")), None] {
            let (refused, requests) = missing(NOT_FOUND, user, "{}", 15_000).await;
            assert_eq!(
                (refused.code, requests, refused.hint()),
                (Code::AgentNotFound, asks(), Code::AgentNotFound.hint().to_owned()),
                "{user:?}"
            );
        }
        // A proxy's page, a contract that names the code, and a call that has no time for the question.
        for (body, contract, timeout, code) in [
            ("<html>", "{}", 15_000, Code::UnexpectedAnswer),
            (NOT_FOUND, r#"{"alreadyRunning":["not.found"]}"#, 15_000, Code::Conflict),
            (NOT_FOUND, "{}", 2_000, Code::AgentNotFound),
        ] {
            let (refused, requests) = missing(body, Some(USER), contract, timeout).await;
            assert!(refused.code == code && !requests.contains(&asks()[1]), "{refused:?} {requests:?}");
        }
    });
}

#[test]
fn the_question_for_a_missing_agent_keeps_nobody_waiting() {
    run(async {
        let hanging = || {
            let world = World::new();
            world.respond_async(|request| {
                let is_start = is_start(request);
                Box::pin(async move { if is_start { Ok(response(404, r#"{"code":"not.found"}"#)) } else { std::future::pending().await } })
            });
            world
        };
        let world = hanging();
        let recorder = with_token(&world).await;
        let start = recorder.start_recording(start_in(GLOBEX), with_timeout(2_001));
        assert_eq!(error(while_time_passes(&[&world], start).await).code, Code::AgentNotFound);
        assert_eq!((world.time() - NOW, world.requests().len()), (2_000, 2));

        let world = hanging();
        let recorder = with_token(&world).await;
        let asked = wait_until(|| world.requests().len() == 2);
        let aborted = aborted_when(asked, async |options| recorder.start_recording(start_in(GLOBEX), options).await).await;
        assert!(matches!(aborted, Err(CallError::Aborted)), "{aborted:?}");
        assert_eq!(world.time(), NOW);
    });
}

#[test]
fn if_the_token_cannot_be_identified_the_refusal_is_passed_on() {
    run(async {
        let world = World::new();
        world.respond(|request| if is_start(request) { response(403, RESOURCE_OWNER) } else { response(503, "") }).issue_per_org();
        let recorder = with_token(&world).await;
        assert_eq!(error(record(&recorder, GLOBEX).await).code, Code::WrongOrg);
        assert_eq!((world.starts().len(), world.get_token_calls().len()), (1, 0));
    });
}

#[test]
fn if_the_cloud_asks_to_wait_instead_of_identifying_the_token_the_refusal_tells_the_wait() {
    run(async {
        let world = World::new();
        world.respond(|request| if is_start(request) { response(403, RESOURCE_OWNER) } else { rate_limited(Some("60"), "") });
        let recorder = with_token(&world).await;
        let refused = error(record(&recorder, GLOBEX).await);
        assert_eq!((refused.code, refused.evidence.retry_after), (Code::WrongOrg, Some(60_000)));
        assert_eq!(world.starts().len(), 1);
    });
}

#[test]
fn a_call_is_repaired_only_once() {
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
fn other_refusals_are_not_repeated() {
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
            let recorder = with_token(&world).await;
            while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap_err();
            assert_eq!((world.starts().len(), world.get_token_calls().len()), (1, 0), "{status} {body}");
        }
    });
}

#[test]
fn a_deadline_during_a_repair_is_a_timeout() {
    run(async {
        let world = World::new();
        world.respond_async(|request| {
            let is_start = is_start(request);
            Box::pin(async move { if is_start { Ok(response(403, RESOURCE_OWNER)) } else { std::future::pending().await } })
        });
        let recorder = with_token(&world).await;
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
fn a_nearly_right_scope_is_named() {
    let needed = "screenrecordings:write";
    for granted in [
        "screenrecording:write",
        "ScreenRecordings:Write",
        "screenrecordings.write",
        "screenrecordings_write",
        "screenrecordings",
        "screenrecordings:read",
        "screenrecordings:readonly",
        "screen-recordings:write",
        "screenrecording",
        "screen_recordings:write",
        "screen.recordings.write",
        "screen:recordings:write",
        "screenrecordings/write",
        "screen-recording/readonly",
        "screen_recordings",
        "Screen.Recording",
        "screen_recordings:readonly",
    ] {
        let scopes = ["user-basic-info".to_owned(), granted.to_owned()];
        assert_eq!(near_miss(needed, &scopes), Some(granted));
    }
    for granted in [
        "recordings",
        "recordings:readonly",
        "screen-monitoring",
        "write",
        "",
        "user-recordings",
        "conversations",
        "screen:write",
        "screen",
        ":",
        "screenrecordingswriter",
    ] {
        assert_eq!(near_miss(needed, &[granted.to_owned()]), None, "{granted}");
    }
    assert_eq!(near_miss(needed, &[needed.to_owned()]), None);
    assert_eq!(near_miss("recordings", &["recording:readonly".to_owned()]), Some("recording:readonly"));
    // The right name in another spelling is nearer than a name with another suffix.
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
        options.contract = json(r#"{"orgHeaders":["x-gc-organization"]}"#).unwrap();
        let recorder = connect(&world, options).await;
        let refused = error(record(&recorder, GLOBEX).await);
        let evidence = &refused.evidence;
        assert_eq!((refused.code, evidence.near_miss.as_deref()), (Code::ScopeMissing, Some("screenrecording:write")));
        assert_eq!(evidence.org_headers.as_deref(), Some(&["x-gc-organization".to_owned()][..]));
        assert_eq!(evidence.granted_scopes.as_ref().unwrap(), &["screenrecording:write", "user-basic-info"]);
    });
}

#[test]
fn a_refused_start_times_out_if_the_renewal_hangs() {
    run(async {
        let world = World::new();
        world.respond(|_| response(401, "")).token_source(|_| Box::pin(std::future::pending()));
        let recorder = connect(&world, options(&[&jwt_with_id(GLOBEX, "a")])).await;
        let (ended, ()) = join(record(&recorder, GLOBEX), async {
            yield_now().await;
            world.advance(15 * SECOND);
        })
        .await;
        // The outcome is known: the cloud refused the start.
        assert_eq!(error(ended).code, Code::Timeout);
    });
}

#[test]
fn if_the_repeated_start_gets_no_response_the_outcome_is_unknown() {
    run(async {
        let world = World::new();
        world.respond_async(|request| {
            let is_first = request.token == jwt_with_id(GLOBEX, "a");
            Box::pin(async move { if is_first { Ok(response(401, "")) } else { std::future::pending().await } })
        });
        world.issue(&jwt_with_id(GLOBEX, "b"));
        let recorder = connect(&world, options(&[&jwt_with_id(GLOBEX, "a")])).await;
        let (ended, ()) = join(record(&recorder, GLOBEX), async {
            wait_until(|| world.starts().len() == 2).await;
            world.advance(15 * SECOND);
            // The third request looks for the recording.
            wait_until(|| world.requests().len() == 3).await;
            world.advance(5 * SECOND);
        })
        .await;
        assert_eq!(error(ended).code, Code::OutcomeUnknown);
    });
}

#[test]
fn a_refused_start_is_repeated_with_a_token_that_was_added_meanwhile() {
    run(async {
        let world = World::new();
        let (release, released) = gate();
        world.respond_async(move |request| {
            let waits = request.token == jwt_with_id(GLOBEX, "a");
            let released = released.clone();
            Box::pin(async move {
                if !waits {
                    return Ok(response(201, CREATED));
                }
                released.await.unwrap();
                Ok(response(401, ""))
            })
        });
        let recorder = connect(&world, options(&[&jwt_with_id(GLOBEX, "a")])).await;
        let add = async {
            recorder.add_token(AccessToken::parse(&jwt_with_id(GLOBEX, "b")).unwrap(), no_options()).await.unwrap();
            release.send();
        };
        join(record(&recorder, GLOBEX), add).await.0.unwrap();
        let tokens: Vec<_> = world.starts().into_iter().map(|start| start.token).collect();
        assert_eq!(tokens, [jwt_with_id(GLOBEX, "a"), jwt_with_id(GLOBEX, "b")]);
    });
}

#[test]
fn add_token_accepts_another_token_but_not_the_refused_one() {
    run(async {
        let world = World::new();
        let refused = jwt_with_id(GLOBEX, "refused");
        let token = refused.clone();
        world.respond(move |request| if request.token == token { response(401, "") } else { accept(request) });
        let recorder = connect(&world, options(&[&refused])).await;
        let add = |text: &str| recorder.add_token(AccessToken::parse(text).unwrap(), no_options());
        add(&refused).await.unwrap();
        assert_eq!(error(record(&recorder, GLOBEX).await).code, Code::Unauthenticated);
        assert_eq!(error(add(&refused).await).code, Code::Unauthenticated);
        add(&jwt_with_id(GLOBEX, "another")).await.unwrap();
        record(&recorder, GLOBEX).await.unwrap();
    });
}

/// The cloud has named the token's organization. That counts more than the token's claim, also after a sign-out.
#[test]
fn a_lying_token_is_not_trusted_when_it_is_added_again() {
    for signs_out in [false, true] {
        run(async {
            let world = World::new();
            let lying = jwt_with_id(GLOBEX, "lies");
            let token = lying.clone();
            world.respond(move |request| match request.method.as_str() {
                "GET" if request.token == token => response(200, &token_info(ACME)),
                "POST" if request.token == token && request.org.as_deref() == Some(GLOBEX) => response(403, RESOURCE_OWNER),
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

#[test]
fn a_refused_token_without_a_source_for_another_is_not_repaired() {
    run(async {
        let world = World::new();
        world.respond(|_| response(401, r#"{"code":"bad.credentials","message":"Invalid login credentials."}"#));
        let recorder = with_token(&world).await;
        let refused = error(record(&recorder, GLOBEX).await);
        assert_eq!((refused.code, refused.evidence.status), (Code::Unauthenticated, Some(401)));
        assert_eq!(refused.evidence.missing_scopes, None);
        assert!(world.events().iter().all(|event| !event.contains("Repair")), "{:?}", world.events());
    });
}

fn is_for(request: &SentRequest, agent: &str) -> bool {
    request.url.contains(agent) || request.body.as_ref().is_some_and(|body| body.contains(agent))
}

/// A cloud that refuses this token's starts as another organization's, except that it keeps one agent's requests waiting.
fn refuse_token_of_another_org(world: &World, lying: &str, released: Released, slow_agent: &'static str, lost: bool) {
    let lying = lying.to_owned();
    world.respond_async(move |request| {
        let (request, lying, released) = (request.clone(), lying.clone(), released.clone());
        Box::pin(async move {
            if is_for(&request, slow_agent) && request.token == lying {
                released.await.unwrap();
                if lost {
                    return Err(lost_response("reset"));
                }
            }
            Ok(match (is_start(&request), request.token == lying) {
                (true, true) => response(403, RESOURCE_OWNER),
                (true, false) => response(201, CREATED),
                (false, _) if request.url.contains("tokens/me") => token_info_with_scopes(ACME, r#""screenrecordings:write""#),
                (false, _) => list(&[]),
            })
        })
    });
}

#[test]
fn a_start_under_way_does_not_send_a_token_that_another_start_found_to_be_another_organizations() {
    run(async {
        let world = World::new();
        let (lying, honest) = (jwt_with_id(GLOBEX, "acme's"), jwt_with_id(GLOBEX, "globex's"));
        // The agent's precautionary look takes until the other start's token is known to be Acme's.
        let (release, released) = gate();
        refuse_token_of_another_org(&world, &lying, released, "slow-agent", false);
        let tokens = [lying.clone(), honest.clone()];
        world.token_source(move |call| {
            let token = issued_token(&tokens[usize::from(call.reason != "missing")]);
            Box::pin(async move { Ok(token) })
        });
        let recorder = connect(&world, options(&[])).await;
        let slow = recorder.start_recording(start_of("slow-agent", GLOBEX).unwrap(), no_options());
        let other = async {
            record(&recorder, GLOBEX).await.unwrap();
            release.send();
        };
        let (slow, ()) = while_time_passes(&[&world], join(slow, other)).await;
        slow.unwrap();
        let tokens: Vec<_> = world.starts().into_iter().map(|request| request.token).collect();
        assert_eq!(tokens, [lying, honest.clone(), honest]);
    });
}

#[test]
fn a_lost_start_is_not_looked_for_with_a_token_that_is_another_organizations() {
    run(async {
        let world = World::new();
        let lying = jwt_with_id(GLOBEX, "acme's");
        let (release, released) = gate();
        refuse_token_of_another_org(&world, &lying, released, "slow-agent", true);
        let recorder = connect(&world, options(&[&lying])).await;
        let lost = recorder.start_recording(start_of("slow-agent", GLOBEX).unwrap(), no_options());
        let other = async {
            assert_eq!(error(record(&recorder, GLOBEX).await).code, Code::WrongOrg);
            release.send();
        };
        let (lost, ()) = while_time_passes(&[&world], join(lost, other)).await;
        assert_eq!(error(lost).code, Code::OutcomeUnknown);
        assert_eq!(paths(&world), ["POST screenrecordings", "POST screenrecordings", "GET tokens/me?preserveIdleTTL=true"]);
    });
}
