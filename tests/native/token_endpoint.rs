//! What the token endpoint answers: tokens, refusals, and what is redacted.

use crate::support::*;
use premium_recorder::cloud::response::Response;
use premium_recorder::model::error::{Cause, Code};
use premium_recorder::token::access_token::IssuedToken;

#[test]
fn a_refusal_of_the_token_endpoint_is_explained_without_secrets() {
    run(async {
        for (status, body, expected) in [
            (400, r#"{"error":"invalid_grant","error_description":"code the-secret-code was used"}"#, Code::LoginDenied),
            (401, r#"{"error":"invalid_client"}"#, Code::LoginDenied),
            (200, r#"{"error":"bad_verification_code","error_description":"the-secret-code"}"#, Code::LoginDenied),
            (200, r#"{"error":"the-secret-code"}"#, Code::LoginDenied),
            // A proxy's page.
            (400, "", Code::UnexpectedAnswer),
            (403, "<html>the-secret-code</html>", Code::UnexpectedAnswer),
            (404, "<html>", Code::UnexpectedAnswer),
            (405, "{}", Code::UnexpectedAnswer),
            (429, "", Code::RateLimited),
            (500, "<html>", Code::CloudUnavailable),
            (503, "", Code::CloudUnavailable),
            (425, "", Code::CloudUnavailable),
            (302, "", Code::UnexpectedAnswer),
            (200, "{}", Code::UnexpectedAnswer),
            (200, "hello", Code::UnexpectedAnswer),
            (200, r#"{"access_token":""}"#, Code::TokenMalformed),
            (200, r#"{"access_token":7}"#, Code::UnexpectedAnswer),
        ] {
            let world = World::new();
            world.respond(move |_| response(status, body));
            let recorder = connect(&world, login_options()).await;
            let refused = error(start_while(&recorder, &world, async |window| window.post_code("the-secret-code")).await);
            assert_eq!(refused.code, expected, "{status} {body}");
            assert!(!format!("{refused:?}").contains("the-secret-code"), "{refused:?}");
            assert_eq!(
                refused.message.contains("without an access token"),
                status == 200 && expected == Code::UnexpectedAnswer,
                "{refused:?}"
            );
            // The server's own word is told.
            let word = ["invalid_grant", "invalid_client", "bad_verification_code"].into_iter().find(|word| body.contains(word));
            assert!(word.is_none_or(|word| refused.message.contains(word)), "{refused:?}");
            // Only a code that is not accepted is worth another sign-in.
            let is_retryable = matches!(expected, Code::RateLimited | Code::CloudUnavailable) || word == Some("invalid_grant");
            assert_eq!(refused.retryable(), is_retryable, "{refused:?}");
            assert_eq!(refused.hint().contains("Sign in again"), word == Some("invalid_grant"), "{refused:?}");
            assert!(recorder.tokens().is_empty());
        }
        let world = World::new();
        world.respond(|_| Err(lost_response("offline")));
        let recorder = connect(&world, login_options()).await;
        let refused = error(start_while(&recorder, &world, async |window| window.post_code("code")).await);
        assert_eq!((refused.code, refused.code.retryable()), (Code::Network, true));
    });
}

#[test]
fn a_life_of_zero_seconds_or_less_is_unknown() {
    for life in [0, -1] {
        run(async {
            let world = World::new();
            let body = format!(r#"{{"access_token":"opaque","expires_in":{life}}}"#);
            world.respond(move |request| accept_in(GLOBEX, &body, request));
            let recorder = connect(&world, login_options()).await;
            record_and_sign_in(&recorder, &world, GLOBEX).await.unwrap();
            assert_eq!(recorder.tokens()[0].expires_at(recorder.now()), None);
        });
    }
}

#[test]
fn only_a_bearer_token_is_used() {
    for (kind, is_used) in
        [("Bearer", true), ("bearer", true), ("BEARER", true), ("DPoP", false), ("mac", false), ("N_A", false), ("", false)]
    {
        run(async {
            let world = World::new();
            let body = format!(r#"{{"access_token":"opaque","token_type":"{kind}"}}"#);
            world.respond(move |request| accept_in(GLOBEX, &body, request));
            let recorder = connect(&world, login_options()).await;
            let started = record_and_sign_in(&recorder, &world, GLOBEX).await;
            assert_eq!((started.is_ok(), world.starts().len()), (is_used, usize::from(is_used)), "{kind}");
            if !is_used {
                let refused = error(started);
                assert!(refused.code == Code::UnexpectedAnswer && refused.message.contains("token_type"), "{refused:?}");
                assert!(world.requests().iter().all(|request| request.token.is_empty()));
            }
        });
    }
}

#[test]
fn a_token_that_was_issued_now_is_not_expired_whatever_this_machines_clock_says() {
    // The clock is ahead by more than the token's life.
    let token = jwt_expiring_in(-7 * 60, GLOBEX, "a");
    for expires_in in ["", r#","expires_in":300"#] {
        run(async {
            let world = World::new();
            let body = format!(r#"{{"access_token":"{token}"{expires_in}}}"#);
            world.respond(move |request| accept_in(GLOBEX, &body, request));
            let recorder = connect(&world, login_options()).await;
            record_and_sign_in(&recorder, &world, GLOBEX).await.unwrap();
            assert_eq!(world.starts()[0].token, token, "{expires_in}");
        });
    }
    for expires_in in [None, Some(300.0)] {
        run(async {
            let world = World::new();
            let given = IssuedToken { access_token: token.clone().into(), expires_in };
            world.token_source(move |_| {
                let given = given.clone();
                Box::pin(async move { Ok(given) })
            });
            world.respond(cloud_of(GLOBEX));
            let started = record(&connect(&world, options(&[])).await, GLOBEX).await;
            // Without a life, the claim is all that is known, and the hint names the clock.
            assert_eq!(started.is_ok(), expires_in.is_some());
            if expires_in.is_none() {
                let refused = error(started);
                assert!(refused.code == Code::TokenExpired && refused.hint().contains("clock"), "{refused:?}");
            }
        });
    }
}

#[test]
fn an_escaped_code_is_redacted() {
    run(async {
        let world = World::new();
        world.respond(|_| response(400, r#"{"error":"invalid_grant","error_description":"the code ab\/cd= was used"}"#));
        let recorder = connect(&world, login_options()).await;
        let refused = error(start_while(&recorder, &world, async |popup| popup.post_code("ab/cd%3D")).await);
        // The page parses the cause as JSON, which removes the escapes.
        let Some(Cause::Cloud(body)) = &refused.evidence.cause else { panic!("{refused:?}") };
        assert!(!format!("{:?}", json(body)).contains("ab/cd="));
    });
}

#[test]
fn the_code_and_the_verifier_are_redacted() {
    run(async {
        for body in ["BODY", r#"{"error":"CODE"}"#] {
            let world = World::new();
            world.respond(move |request| response(400, &body.replace("BODY", request.body.as_ref().unwrap()).replace("CODE", "the-code")));
            let recorder = connect(&world, login_options()).await;
            let refused = error(start_while(&recorder, &world, async |popup| popup.post_code("the-code")).await);
            let verifier = form(world.requests()[0].body.as_ref().unwrap())["code_verifier"].clone();
            let text = format!("{refused:?}");
            assert!(!text.contains("the-code") && !text.contains(&verifier), "{text}");
        }
    });
}

#[test]
fn tokens_in_another_form_than_json_are_in_no_error() {
    run(async {
        for status in [200, 203, 300, 302] {
            let world = World::new();
            world.respond(move |_| response(status, "access_token=new-access-token&refresh_token=new-refresh-token"));
            let recorder = connect(&world, login_options()).await;
            let refused = error(start_while(&recorder, &world, async |window| window.post_code("the-code")).await);
            let shown = format!("{refused:?}{:?}", world.events());
            assert!(refused.code == Code::UnexpectedAnswer && !shown.contains("new-"), "{status}: {shown}");
        }
    });
}

#[test]
fn tokens_that_the_token_endpoint_names_are_redacted_whatever_its_status_and_their_type() {
    run(async {
        let tokens =
            r#"{"access_token":"new-access-token","refresh_token":"new-refresh-token","id_token":"new-id-token","token_type":"TYPE"}"#;
        for status in [200, 203, 206, 300, 302, 400, 401, 500, 503] {
            for (name, kind) in [("access", "bearer"), ("refresh", "bearer"), ("id", "bearer"), ("access", "mac")] {
                let world = World::new();
                world.respond(move |request| match request.is_for_token_endpoint() {
                    true => Response {
                        correlation_id: Some(format!("for new-{name}-token")),
                        ..response(status, &tokens.replace("TYPE", kind))
                    },
                    false => accept_in(GLOBEX, "", request),
                });
                let recorder = connect(&world, login_options()).await;
                let started = start_while(&recorder, &world, async |window| window.post_code("the-code")).await;
                assert_eq!(started.is_ok(), status < 300 && kind == "bearer", "{status} {kind}");
                let shown = format!("{started:?}{:?}", world.events());
                assert!(!shown.contains("new-"), "{status}: {shown}");
            }
        }
    });
}
