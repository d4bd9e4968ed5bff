//! The events that listeners receive: every step, in order, and never a token.

use crate::support::*;
use premium_recorder::model::ids::OrgId;
use premium_recorder::recorder::settings::Options;
use premium_recorder::token::access_token::AccessToken;

/// The names of the emitted events, in order.
fn kinds(world: &World) -> Vec<String> {
    world.events().iter().map(|event| event.split([' ', '{']).next().unwrap().to_owned()).collect()
}

/// The events that tell for which organization the calls are.
fn org_changes(world: &World) -> Vec<String> {
    world.events().into_iter().filter(|event| event.starts_with("OrgChanged")).collect()
}

#[test]
fn a_start_with_a_repair_emits_every_event_in_order() {
    run(async {
        let world = World::new();
        let fresh = jwt(&format!(r#"{{"org_id":"{GLOBEX}","scope":"screenrecording:write"}}"#));
        let good = fresh.clone();
        world.respond(move |request| if request.token == good { response(201, r#"{"id":"r"}"#) } else { response(401, "") }).issue(&fresh);
        let recorder = with_token(&world).await;
        record(&recorder, GLOBEX).await.unwrap();
        let expected =
            ["TokenFiled", "Request", "Response", "Repair", "TokenRequested", "TokenFiled", "Retry", "ScopeWarning", "Request", "Response"];
        assert_eq!(kinds(&world), expected);
        let events = world.events();
        assert!(events[4].contains("GetToken") && events[4].contains("Rejected"), "{}", events[4]);
        assert!(events[3].contains("Unauthenticated") && events[7].contains(r#"near_miss: Some("screenrecording:write")"#));
        assert!(
            events[9].contains("status: Some(201)") && events[9].contains("corr-1") && events[9].contains("number: 2"),
            "{}",
            events[9]
        );
        assert!(events[1].contains(&format!("org: Some({GLOBEX})")), "{}", events[1]);
        recorder.switch_org(OrgId::parse(GLOBEX).unwrap(), no_options()).await.unwrap();
        assert_eq!(kinds(&world).last().unwrap(), "OrgChanged");
        for secret in [&fresh, &jwt_for(GLOBEX)] {
            assert!(!world.events().join("\n").contains(secret));
        }
    });
}

#[test]
fn org_changed_names_the_previous_organization_if_it_differs() {
    run(async {
        let world = World::new();
        let recorder = connect(&world, options(&[&jwt_for(ACME), &jwt_for(GLOBEX)])).await;
        for org in [ACME, ACME, GLOBEX] {
            recorder.switch_org(OrgId::parse(org).unwrap(), no_options()).await.unwrap();
        }
        let events = org_changes(&world);
        let expected = [(ACME, "None".to_owned()), (ACME, "None".to_owned()), (GLOBEX, format!("Some({ACME})"))];
        assert_eq!(events, expected.map(|(org, previous)| format!("OrgChanged {{ org: {org}, previous: {previous} }}")));
    });
}

#[test]
fn org_changed_tells_of_each_token_that_decides_whichever_page_signed_out_before() {
    for signs_out_here in [true, false] {
        run(async {
            let world = World::new();
            world.respond(cloud_of(ACME));
            let recorder = connect(&world, login_options()).await;
            let decided = format!("OrgChanged {{ org: {ACME}, previous: None }}");
            for number in 0..2 {
                let (signed_in, ()) = join(recorder.sign_in(None, no_options()), async { world.popups()[number].post_code("code") }).await;
                signed_in.unwrap();
                recorder.sign_in(None, no_options()).await.unwrap();
                assert_eq!(org_changes(&world), vec![decided.clone(); number + 1]);
                let other = world.another_page();
                other.respond(cloud_of(ACME));
                let elsewhere = connect(&other, Options { org_id: Some(ACME.to_owned()), ..login_options() }).await;
                let (signing_out, hearing) = if signs_out_here { (&recorder, &elsewhere) } else { (&elsewhere, &recorder) };
                signing_out.sign_out(Some(org(ACME)), no_options()).await.unwrap();
                assert!(hearing.tokens().is_empty());
            }
        });
    }
}

#[test]
fn after_a_switch_a_token_decides_nothing_and_emits_no_org_changed() {
    run(async {
        let world = World::new();
        world.respond(cloud_of(ACME));
        let recorder = connect(&world, login_options()).await;
        let switch = async {
            let switched = recorder.switch_org(org(ACME), no_options()).await;
            world.popups()[0].post_code("code");
            switched
        };
        let calls = join(recorder.sign_in(None, no_options()), switch);
        let ((decided, switched), ()) = join(calls, async { world.popups()[1].post_code("code") }).await;
        decided.and(switched).unwrap();
        assert_eq!(org_changes(&world), [format!("OrgChanged {{ org: {ACME}, previous: None }}")]);
    });
}

#[test]
fn a_token_that_is_not_stored_emits_no_token_filed() {
    run(async {
        let world = World::new();
        let recorder = with_token(&world).await;
        let expired = jwt(&format!(r#"{{"org_id":"{GLOBEX}","exp":1}}"#));
        recorder.add_token(AccessToken::parse(&expired).unwrap(), no_options()).await.unwrap();
        assert_eq!(kinds(&world), ["TokenFiled"]);
    });
}

#[test]
fn the_events_of_a_sign_in_contain_no_secret() {
    run(async {
        let world = World::new();
        world.respond(|request| match request.method.as_str() {
            "GET" => response(200, &token_info(GLOBEX)),
            _ if request.is_for_token_endpoint() => response(200, r#"{"access_token":"the-token","refresh_token":"the-refresh-token"}"#),
            _ => response(201, r#"{"id":"r"}"#),
        });
        let recorder = connect(&world, login_options()).await;
        join(record(&recorder, GLOBEX), async { world.popups()[0].post_code("the-code") }).await.0.unwrap();
        let events = world.events().join("\n");
        assert!(events.contains("TokenRequested") && events.contains("Login") && events.contains("/oauth/token"));
        let url = world.popups()[0].url().unwrap();
        for secret in ["the-token", "the-refresh-token", "the-code", &parameter(&url, "state").unwrap()] {
            assert!(!events.contains(secret), "{secret}");
        }
    });
}
