//! Calls for which nobody has named an organization: the token that a source gives decides.

use crate::support::*;
use premium_recorder::cloud::response::Response;
use premium_recorder::model::error::Code;
use premium_recorder::recorder::settings::Options;
use premium_recorder::token::access_token::AccessToken;

#[test]
fn a_sign_in_for_no_named_organization_has_no_target_and_decides_for_later_calls() {
    run(async {
        let world = World::new();
        world.respond(cloud_of(GLOBEX));
        let recorder = connect(&world, login_options()).await;
        assert_eq!(recorder.org(), None);
        let sign_in = async {
            let window = world.popups()[0].clone();
            assert_eq!(parameter(&window.url().unwrap(), "target"), None);
            window.post_code("code");
        };
        let (recording, ()) = join(record_in_current_org(&recorder), sign_in).await;
        assert_eq!(recording.unwrap().org.as_str(), GLOBEX);
        assert_eq!((recorder.org(), recorder.tokens().len()), (Some(org(GLOBEX)), 1));
        assert_eq!(recorder.tokens()[0].org_name(), Some("An organization"));
        // A token of another organization changes nothing about that.
        recorder.add_token(AccessToken::parse(&jwt_for(ACME)).unwrap(), no_options()).await.unwrap();
        assert_eq!(recorder.org(), Some(org(GLOBEX)));
        assert_eq!(record_in_current_org(&recorder).await.unwrap().org.as_str(), GLOBEX);
        assert_eq!(world.popups().len(), 1);
        let starts: Vec<_> = world.starts();
        assert!(starts.iter().all(|start| start.token.contains("opaque")), "{starts:?}");
    });
}

#[test]
fn concurrent_calls_share_one_sign_in_whichever_they_are() {
    run(async {
        let world = World::new();
        world.respond(cloud_of(GLOBEX));
        let recorder = connect(&world, login_options()).await;
        let calls = async {
            let one = join(record_in_current_org(&recorder), recorder.sign_in(None, no_options()));
            let many = join(
                start_many(&recorder, vec![Ok(new_start(AGENT, None, None).unwrap()), start_of("agent-2", GLOBEX)], concurrency(2)),
                recorder.trustors(no_options()),
            );
            join(one, many).await
        };
        let (((started, signed_in), (many, trustors)), ()) = join(calls, async {
            world.popups()[0].post_code("code");
        })
        .await;
        started.unwrap();
        assert_eq!(signed_in.unwrap().target().org.as_str(), GLOBEX);
        many.into_iter().for_each(|result| assert_eq!(result.unwrap().org.as_str(), GLOBEX));
        trustors.unwrap();
        let targets: Vec<_> = world.popups().iter().map(|window| parameter(&window.url().unwrap(), "target")).collect();
        assert_eq!(targets, [None]);
    });
}

#[test]
fn get_token_is_asked_without_an_organization_and_the_cloud_says_whose_its_token_is() {
    run(async {
        let world = World::new();
        world.respond(cloud_of(GLOBEX));
        // The token claims another organization than the cloud says.
        world.issue(&jwt_for(ACME));
        let recorder = connect(&world, options(&[])).await;
        assert_eq!(record_in_current_org(&recorder).await.unwrap().org.as_str(), GLOBEX);
        assert_eq!(recorder.org(), Some(org(GLOBEX)));
        let calls = world.get_token_calls();
        assert_eq!((calls.len(), calls[0].org.as_str(), calls[0].reason.as_str()), (1, "", "missing"));
    });
}

#[test]
fn get_token_that_answers_with_another_organization_later_is_refused() {
    run(async {
        let world = World::new();
        world.respond(|request| match request.method.as_str() {
            "GET" => response(200, &token_info(if request.token.contains("first") { ACME } else { GLOBEX })),
            _ if request.token.contains("first") => response(401, r#"{"code":"bad.credentials"}"#),
            _ => response(201, CREATED),
        });
        let calls = std::cell::Cell::new(0);
        world.token_source(move |_| {
            let token = if calls.replace(calls.get() + 1) == 0 { "first" } else { "second" };
            Box::pin(async move { Ok(issued_token(token)) })
        });
        let recorder = connect(&world, options(&[])).await;
        let refused = error(record_in_current_org(&recorder).await);
        assert_eq!((refused.code, refused.evidence.token_org_id.clone()), (Code::TokenSourceWrongOrg, Some(org(GLOBEX))));
        let calls = world.get_token_calls();
        assert_eq!(calls.iter().map(|call| call.org.as_str()).collect::<Vec<_>>(), ["", ACME]);
        assert_eq!(recorder.org(), Some(org(ACME)));
    });
}

#[test]
fn a_sign_in_ends_in_an_allowed_organization_only() {
    run(async {
        let allowing = |id: &'static str| login(move |login| login.allowed_org_ids = Some(vec![id.to_owned()]));
        // Nobody has named one: the token's organization must be allowed.
        let world = World::new();
        world.respond(cloud_of(GLOBEX));
        let recorder = connect(&world, allowing(ACME)).await;
        let (refused, ()) = join(record_in_current_org(&recorder), async { world.popups()[0].post_code("code") }).await;
        let refused = error(refused);
        assert_eq!((refused.code, refused.evidence.token_org_id.clone()), (Code::LoginWrongOrg, Some(org(GLOBEX))));
        assert_eq!((recorder.org(), recorder.tokens().len()), (None, 0));
        assert!(world.requests().iter().all(|request| request.method == "GET" || request.is_for_token_endpoint()));

        // A named one that is not allowed: no window opens.
        let refused = error(record(&recorder, GLOBEX).await);
        assert_eq!((refused.code, world.popups().len()), (Code::LoginWrongOrg, 1));

        // With `wrongOrg: "file"`, what is not allowed is not kept either.
        let world = World::new();
        world.respond(cloud_of(GLOBEX));
        let keeping = login(|login| (login.allowed_org_ids, login.wrong_org) = (Some(vec![ACME.to_owned()]), Some("file".to_owned())));
        let recorder = connect(&world, keeping).await;
        let (refused, ()) = join(record(&recorder, ACME), async { world.popups()[0].post_code("code") }).await;
        assert_eq!((error(refused).code, recorder.tokens().len()), (Code::LoginWrongOrg, 0));

        let world = World::new();
        world.respond(cloud_of(GLOBEX));
        let recorder = connect(&world, allowing(GLOBEX)).await;
        let (recording, ()) = join(record_in_current_org(&recorder), async { world.popups()[0].post_code("code") }).await;
        assert_eq!(recording.unwrap().org.as_str(), GLOBEX);
    });
}

#[test]
fn pages_of_different_organizations_never_take_each_others_token() {
    run(async {
        let first = World::new();
        first.respond(cloud_of(ACME));
        let second = first.another_page();
        second.respond(cloud_of(GLOBEX));
        let (one, other) = (connect(&first, login_options()).await, connect(&second, login_options()).await);
        let calls = join(record_in_current_org(&one), record_in_current_org(&other));
        let ((acme, globex), ()) = join(calls, async {
            first.popups()[0].post_code("code");
            second.popups()[0].post_code("code");
        })
        .await;
        assert_eq!((acme.unwrap().org.as_str(), globex.unwrap().org.as_str()), (ACME, GLOBEX));
        assert_eq!((one.org(), other.org()), (Some(org(ACME)), Some(org(GLOBEX))));
        // A third page asks for a token of its own, although two share theirs.
        let third = first.another_page();
        third.respond(cloud_of(INITECH));
        let recorder = connect(&third, login_options()).await;
        let (initech, ()) = join(record_in_current_org(&recorder), async { third.popups()[0].post_code("code") }).await;
        assert_eq!(initech.unwrap().org.as_str(), INITECH);
        // Whoever names the organization takes over the token.
        let fourth = first.another_page();
        fourth.respond(cloud_of(ACME));
        let recorder = connect(&fourth, Options { org_id: Some(ACME.to_owned()), ..login_options() }).await;
        assert_eq!((record(&recorder, ACME).await.unwrap().org.as_str(), fourth.popups().len()), (ACME, 0));
    });
}

#[test]
fn after_a_sign_out_the_next_sign_in_decides_anew() {
    for of_all in [true, false] {
        run(async {
            let world = World::new();
            world.respond(cloud_of(ACME));
            let recorder = connect(&world, login_options()).await;
            join(record_in_current_org(&recorder), async { world.popups()[0].post_code("code") }).await.0.unwrap();
            world.respond(|_| response(200, ""));
            recorder.sign_out(if of_all { None } else { Some(org(ACME)) }, no_options()).await.unwrap();
            assert_eq!(recorder.org(), None);
            world.respond(cloud_of(GLOBEX));
            let signing_in = join(recorder.sign_in(None, no_options()), async { world.popups()[1].post_code("code") });
            assert_eq!(signing_in.await.0.unwrap().target().org.as_str(), GLOBEX);
        });
    }
}

#[test]
fn a_sign_out_ends_a_sign_in_for_no_named_organization() {
    run(async {
        let world = World::new();
        world.respond(cloud_of(ACME));
        let recorder = connect(&world, login_options()).await;
        let (refused, signed_out) = join(record_in_current_org(&recorder), recorder.sign_out(None, no_options())).await;
        signed_out.unwrap();
        assert_eq!(error(refused).code, Code::NoToken);
        assert!(world.popups()[0].closed_by_library() && world.requests().is_empty());
    });
}

#[test]
fn the_time_that_a_person_takes_does_not_count_and_the_rest_of_the_call_does() {
    run(async {
        let world = World::new();
        world.respond(cloud_of(GLOBEX));
        let recorder = connect(&world, login_options()).await;
        let call = recorder.start_recording(new_start(AGENT, None, None).unwrap(), with_timeout(1_000));
        let (recording, ()) = join(call, async {
            world.advance(60_000);
            world.popups()[0].post_code("code");
        })
        .await;
        recording.unwrap();
        let world = World::new();
        world.respond_async(|_| Box::pin(std::future::pending()));
        world.issue(&jwt_for(ACME));
        let recorder = connect(&world, options(&[])).await;
        let (late, ()) =
            join(recorder.start_recording(new_start(AGENT, None, None).unwrap(), with_timeout(1_000)), async { world.advance(1_000) })
                .await;
        assert_eq!(error(late).code, Code::Timeout);
    });
}

#[test]
fn a_blocked_window_is_told_and_the_next_call_opens_it() {
    run(async {
        let world = World::new();
        world.respond(cloud_of(GLOBEX));
        world.block_popups();
        let recorder = connect(&world, login_options()).await;
        assert_eq!(error(record_in_current_org(&recorder).await).code, Code::LoginBlocked);
        world.allow_popups();
        let (recording, ()) = join(record_in_current_org(&recorder), async { world.popups()[0].post_code("code") }).await;
        assert_eq!(recording.unwrap().org.as_str(), GLOBEX);
    });
}

#[test]
fn sign_in_with_an_organization_switches_to_it() {
    run(async {
        let world = World::new();
        world.respond(cloud_of(GLOBEX));
        let recorder = connect(&world, Options { org_id: Some(ACME.to_owned()), ..login_options() }).await;
        let signing_in = join(recorder.sign_in(Some(org(GLOBEX)), no_options()), async { world.popups()[0].post_code("code") });
        assert_eq!(signing_in.await.0.unwrap().target().org.as_str(), GLOBEX);
        assert_eq!(recorder.org(), Some(org(GLOBEX)));
        // A token that is held is enough, and a named organization is asked for.
        recorder.sign_in(None, no_options()).await.unwrap();
        assert_eq!(world.popups().len(), 1);
    });
}

#[test]
fn a_token_that_is_stored_by_its_claim_moves_when_the_cloud_names_its_owner() {
    run(async {
        // getToken gives the same token for every organization. It claims Globex's, and the cloud says Acme's.
        let world = World::new();
        world.issue(&jwt_for(GLOBEX)).respond_after(10, || response(200, &token_info(ACME)));
        let recorder = connect(&world, options(&[])).await;
        // While the cloud is asked whose it is, another call stores it by its claim.
        let calls = join(recorder.sign_in(None, no_options()), recorder.switch_org(org(GLOBEX), no_options()));
        let ((decided, claimed), ()) = join(calls, async { world.advance(10) }).await;
        assert_eq!((decided.unwrap().target().org.as_str(), claimed.unwrap().target().org.as_str()), (ACME, GLOBEX));
        assert_eq!(recorder.tokens().iter().map(|token| token.target().org.as_str()).collect::<Vec<_>>(), [ACME]);
        world.clear_log();
        world.respond(cloud_of(ACME));
        assert_eq!(error(record(&recorder, GLOBEX).await).code, Code::TokenSourceWrongOrg);
        assert!(world.starts().is_empty());
        assert_eq!(record(&recorder, ACME).await.unwrap().org.as_str(), ACME);
    });
}

/// A proxy that transforms a body makes a 203 of a 200.
#[test]
fn a_203_is_a_success_wherever_the_cloud_says_200() {
    run(async {
        let world = World::new();
        world.respond(|request| {
            let response = match request.url.contains("/screenrecordings") && request.method == "GET" {
                true => list(&[entity("rec-1", "recording", 0)]),
                false => cloud_of(GLOBEX)(request),
            };
            Response { status: if response.status == 200 { 203 } else { response.status }, ..response }
        });
        let recorder = connect(&world, login_options()).await;
        let sign_in = async { world.popups()[0].post_code("code") };
        let (recording, ()) = join(record_in_current_org(&recorder), sign_in).await;
        assert_eq!((recording.unwrap().org.as_str(), recorder.tokens()[0].org_name()), (GLOBEX, Some("An organization")));
        assert_eq!(recorder.recordings(None, None, no_options()).await.unwrap().len(), 1);
        assert!(recorder.trustors(no_options()).await.unwrap().is_empty());
    });
}

#[test]
fn a_lost_start_is_found_on_a_list_that_is_a_203() {
    run(async {
        let world = World::new();
        world.respond_async(|request| {
            let is_start = request.method == "POST";
            Box::pin(async move {
                if is_start {
                    Err(lost_response("reset"))
                } else {
                    Ok(Response { status: 203, ..list(&[entity("rec-1", "recording", 0)]) })
                }
            })
        });
        let recorder = with_token(&world).await;
        assert_eq!(while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap().id.as_str(), "rec-1");
    });
}
