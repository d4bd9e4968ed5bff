//! Signing in: the authorization request, the responses that are accepted, and the token.

use std::rc::Rc;

use crate::support::*;
use premium_recorder::auth::login::LoginOptions;
use premium_recorder::auth::sign_in::AuthorizationResponse;
use premium_recorder::cloud::call::CallError;
use premium_recorder::cloud::response::Response;
use premium_recorder::cloud::signal::Signal;
use premium_recorder::model::error::{Cause, Code, Error};
use premium_recorder::model::ids::OrgId;
use premium_recorder::recorder::Recorder;
use premium_recorder::recorder::page_state::PageState;
use premium_recorder::recorder::settings::{Options, Settings};
use premium_recorder::recording::start::Start;
use premium_recorder::token::access_token::IssuedToken;

#[test]
fn the_authorization_request_follows_rfc_7636_and_names_the_target() {
    run(async {
        let world = World::new();
        world.respond(cloud_of(GLOBEX));
        let options = login(|login| {
            login.prompt = Some("login".into());
            login.login_hint = Some("ada@globex.example".into());
        });
        let recorder = connect(&world, options).await;
        let act = async |window: Rc<Popup>| {
            let url = window.url().unwrap();
            assert!(url.starts_with("https://login.cloud.example/oauth/authorize?"), "{url}");
            let of = |name: &str| parameter(&url, name).unwrap();
            assert_eq!((of("response_type").as_str(), of("client_id").as_str()), ("code", "client"));
            assert_eq!((of("redirect_uri").as_str(), of("code_challenge_method").as_str()), (CALLBACK, "S256"));
            assert_eq!((of("target").as_str(), of("prompt").as_str(), of("login_hint").as_str()), (GLOBEX, "login", "ada@globex.example"));
            // Each is 32 bytes in base64url without padding, and they differ.
            assert_eq!((of("state").len(), of("code_challenge").len()), (43, 43));
            assert_ne!(of("state"), of("code_challenge"));
            window.post_code("the-code");
        };
        start_while(&recorder, &world, act).await.unwrap();

        let exchange = &world.requests()[0];
        assert_eq!((exchange.method.as_str(), exchange.url.as_str()), ("POST", "https://login.cloud.example/oauth/token"));
        assert_eq!((exchange.token.as_str(), exchange.org.as_deref()), ("", None));
        let sent = form(exchange.body.as_ref().unwrap());
        let url = world.popups()[0].url().unwrap();
        // RFC 7636, section 4.6: the challenge is the digest of the verifier.
        let digest = <sha2::Sha256 as sha2::Digest>::digest(sent["code_verifier"].as_bytes());
        assert_eq!(<base64ct::Base64UrlUnpadded as base64ct::Encoding>::encode_string(&digest), parameter(&url, "code_challenge").unwrap());
        let names = ["grant_type", "code", "client_id", "redirect_uri"].map(|name| sent[name].as_str());
        assert_eq!(names, ["authorization_code", "the-code", "client", CALLBACK]);
        assert_eq!(sent.len(), 5);
        let token_info = &world.requests()[1];
        assert_eq!(token_info.url, "https://api.cloud.example/api/v2/tokens/me?preserveIdleTTL=true");
        assert_eq!(world.starts().last().unwrap().token, "opaque-by-authorization_code");
        assert!(world.popups()[0].closed_by_library());
    });
}

#[test]
fn two_hundred_calls_share_one_sign_in() {
    run(async {
        let world = World::new();
        world.respond(cloud_of(GLOBEX));
        let recorder = connect(&world, login_options()).await;
        let alone = || Start { shares: false, ..start_in(GLOBEX) };
        let calls = join_all((0..200).map(|_| recorder.start_recording(alone(), no_options())));
        let (recordings, ()) = join(calls, async { world.popups()[0].post_code("code") }).await;
        assert!(recordings.into_iter().all(|recording| recording.unwrap().org.as_str() == GLOBEX));
        assert_eq!(world.popups().len(), 1);
        // One request for the token, one for its organization, and two hundred starts.
        assert_eq!(world.requests().len(), 202);
    });
}

#[test]
fn a_blocked_window_fails_at_once_and_a_cancelled_sign_in_can_be_repeated() {
    run(async {
        let world = World::new();
        let recorder = connect(world.block_popups(), login_options()).await;
        let refused = error(record(&recorder, GLOBEX).await);
        assert_eq!((refused.code, refused.evidence.org_id.as_ref().unwrap().as_str()), (Code::LoginBlocked, GLOBEX));
        assert!(world.requests().is_empty());

        let world = World::new();
        world.respond(cloud_of(GLOBEX));
        let recorder = connect(&world, login_options()).await;
        let cancelled = join(record(&recorder, GLOBEX), async {
            world.popups()[0].close();
            world.advance(250);
            yield_now().await;
            world.advance(2_000);
        });
        let cancelled = error(cancelled.await.0);
        assert_eq!(cancelled.code, Code::LoginCancelled);
        names_what_the_login_origin_compares(&cancelled);
        start_while(&recorder, &world, async |window| window.post_code("code")).await.unwrap();
        assert_eq!(world.popups().len(), 2);
    });
}

#[test]
fn a_closed_window_cancels_the_sign_in_only_after_a_grace_period() {
    run(async {
        let world = World::new();
        world.respond(cloud_of(GLOBEX));
        let recorder = connect(&world, login_options()).await;
        // The callback page posts its message and closes at once, so the message may arrive after the close.
        let act = async |window: Rc<Popup>| {
            window.close();
            world.advance(250);
            yield_now().await;
            world.advance(1_999);
            yield_now().await;
            window.post_code("code");
        };
        start_while(&recorder, &world, act).await.unwrap();
    });
}

#[test]
fn a_sign_in_that_the_user_does_not_complete_times_out() {
    run(async {
        let world = World::new();
        let recorder = connect(&world, login(|login| login.timeout = Some(60_000.0))).await;
        let act = async |_| {
            world.advance(59_999);
            assert!(!world.popups()[0].closed_by_library());
            world.advance(1);
        };
        let late = error(start_while(&recorder, &world, act).await);
        assert_eq!(late.code, Code::LoginTimeout);
        names_what_the_login_origin_compares(&late);
        assert!(world.popups()[0].closed_by_library() && world.requests().is_empty());
    });
}

/// The login origin shows only to the person that it does not know the client id or the redirect URI.
fn names_what_the_login_origin_compares(error: &Error) {
    for name in ["\"client\"".to_owned(), format!("\"{CALLBACK}\"")] {
        assert!(error.message.contains(&name), "{}", error.message);
    }
}

#[test]
fn the_deadline_stands_still_during_a_sign_in() {
    run(async {
        let world = World::new();
        world.respond_async(|request| {
            let response = cloud_of(GLOBEX)(request);
            let is_start = request.url.ends_with("screenrecordings");
            Box::pin(async move { if is_start { std::future::pending().await } else { Ok(response) } })
        });
        let recorder = connect(world.disable_locks(), login_options()).await;
        let call = recorder.start_recording(start_in(GLOBEX), with_timeout(1_000));
        let sign_in = async {
            world.advance(100_000);
            world.popups()[0].post_code("code");
            // The sign-in has not used up the deadline, so the start is sent. Then the deadline passes.
            wait_until(|| !world.starts().is_empty() && world.requests().len() == 3).await;
            world.advance(999);
            assert_eq!(world.requests().len(), 3);
            world.advance(101_000);
            // The recording is looked for, but the cloud does not respond.
            wait_until(|| world.requests().len() == 4).await;
            world.advance(1_000);
        };
        let refused = error(join(call, sign_in).await.0);
        assert_eq!(refused.code, Code::OutcomeUnknown);
    });
}

#[test]
fn the_time_of_a_sign_in_does_not_shorten_the_wait_after_a_429() {
    run(async {
        let world = World::new();
        let refused = std::cell::Cell::new(false);
        world.respond(move |request| {
            let is_first = request.url.ends_with("screenrecordings") && !refused.replace(true);
            if is_first { Response { retry_after: Some("5".into()), ..response(429, "") } } else { cloud_of(GLOBEX)(request) }
        });
        let recorder = connect(world.disable_locks(), login_options()).await;
        let sign_in = async {
            world.advance(100_000);
            world.popups()[0].post_code("code");
            wait_until(|| world.requests().len() == 3).await;
            world.advance(5_000);
        };
        join(record(&recorder, GLOBEX), sign_in).await.0.unwrap();
    });
}

#[test]
fn an_authorization_response_needs_the_state_of_its_request() {
    run(async {
        for (query, expected) in [
            ("?code=stolen&state=another", Code::LoginStateMismatch),
            ("?code=stolen", Code::LoginStateMismatch),
            ("", Code::LoginStateMismatch),
            ("?error=access_denied&state=another", Code::LoginStateMismatch),
            ("?access_token=stolen&state=STATE", Code::UnexpectedAnswer),
            ("?code=&state=STATE", Code::UnexpectedAnswer),
            ("?state=STATE", Code::UnexpectedAnswer),
            ("?error=access_denied&error_description=No%20thanks&state=STATE", Code::LoginDenied),
            ("?error=unauthorized_client&state=STATE", Code::LoginDenied),
            ("?error=invalid_request&code=stolen&state=STATE", Code::LoginDenied),
            ("?error=invalid_scope&state=STATE", Code::LoginDenied),
            ("?error=unsupported_response_type&state=STATE", Code::LoginDenied),
            ("?error=invalid_pkce_package&state=STATE", Code::LoginDenied),
            ("?error=server_error&state=STATE", Code::CloudUnavailable),
            // Some servers refuse without the state.
            ("?error=access_denied&error_description=No%20thanks", Code::LoginDenied),
            ("?error=temporarily_unavailable", Code::CloudUnavailable),
            ("?error=access_denied&state=", Code::LoginStateMismatch),
            // RFC 9207: an issuer that is not the environment's own.
            ("?code=stolen&state=STATE&iss=https%3A%2F%2Flogin.another.example", Code::LoginStateMismatch),
            ("?code=stolen&state=STATE&iss=https%3A%2F%2Flogin.cloud.example.another.example", Code::LoginStateMismatch),
            ("?code=stolen&state=STATE&iss=http%3A%2F%2Flogin.cloud.example", Code::LoginStateMismatch),
            ("?error=access_denied&state=STATE&iss=https%3A%2F%2Flogin.another.example", Code::LoginStateMismatch),
            ("?error=access_denied&state=STATE&iss=https%3A%2F%2Flogin.cloud.example%2Foauth", Code::LoginDenied),
            ("?error=access_denied&state=STATE&iss=https%3A%2F%2Flogin.cloud.example", Code::LoginDenied),
            ("?error=temporarily_unavailable&state=STATE", Code::CloudUnavailable),
        ] {
            let world = World::new();
            let recorder = connect(&world, login_options()).await;
            let act = async |window: Rc<Popup>| window.post(&query.replace("STATE", &window.parameter("state").unwrap()));
            let refused = error(start_while(&recorder, &world, act).await);
            assert_eq!((refused.code, refused.evidence.org_id.as_ref().unwrap().as_str()), (expected, GLOBEX), "{query}");
            assert!(world.requests().is_empty() && world.popups()[0].closed_by_library(), "{query}");
            if query.contains("iss=") && refused.code == Code::LoginStateMismatch {
                assert!(!refused.retryable(), "{query}");
            }
            if query.contains("No%20thanks") {
                assert!(matches!(&refused.evidence.cause, Some(Cause::Cloud(words)) if words == "access_denied: No thanks"));
            }
        }
    });
}

#[test]
fn the_state_of_an_earlier_sign_in_is_refused() {
    run(async {
        let world = World::new();
        world.respond(cloud_of(GLOBEX));
        let recorder = connect(&world, login_options()).await;
        start_while(&recorder, &world, async |window| window.post_code("code")).await.unwrap();
        let used = world.popups()[0].parameter("state").unwrap();
        recorder.sign_out(None, no_options()).await.unwrap();
        let act = async |window: Rc<Popup>| window.post(&format!("?code=code&state={used}"));
        assert_eq!(error(start_while(&recorder, &world, act).await).code, Code::LoginStateMismatch);
    });
}

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
        world.respond_async(|_| Box::pin(async { Err(lost_response("offline")) }));
        let recorder = connect(&world, login_options()).await;
        let refused = error(start_while(&recorder, &world, async |window| window.post_code("code")).await);
        assert_eq!((refused.code, refused.code.retryable()), (Code::Network, true));
    });
}

#[test]
fn a_sign_in_to_another_organization_is_refused() {
    run(async {
        for (wrong_org, stored) in [(None, 0), (Some("drop"), 0), (Some("file"), 1)] {
            let world = World::new();
            world.respond(cloud_of(ACME));
            let recorder = connect(&world, login(|login| login.wrong_org = wrong_org.map(str::to_owned))).await;
            let refused = error(start_while(&recorder, &world, async |window| window.post_code("code")).await);
            let evidence = &refused.evidence;
            assert_eq!(refused.code, Code::LoginWrongOrg);
            assert_eq!((evidence.org_id.as_ref().unwrap().as_str(), evidence.token_org_id.as_ref().unwrap().as_str()), (GLOBEX, ACME));
            assert_eq!(evidence.home_org_id.as_ref().unwrap().as_str(), INITECH);
            assert!(refused.code.hint().contains("prompt"));
            assert_eq!(recorder.tokens().len(), stored);
            assert!(recorder.tokens().iter().all(|token| token.target().org.as_str() == ACME));
            assert!(world.starts().is_empty());
        }
    });
}

#[test]
fn after_a_sign_in_the_cloud_and_not_the_jwt_names_the_organization() {
    run(async {
        let world = World::new();
        world.respond(|request| match request.method.as_str() {
            "GET" => response(200, &token_info(ACME)),
            _ => response(200, &format!(r#"{{"access_token":"{}"}}"#, jwt_for(GLOBEX))),
        });
        let recorder = connect(&world, login_options()).await;
        let refused = error(start_while(&recorder, &world, async |window| window.post_code("code")).await);
        assert_eq!(refused.code, Code::LoginWrongOrg);
    });
}

#[test]
fn get_token_is_tried_before_login_and_may_return_nothing() {
    run(async {
        let world = World::new();
        world.respond(cloud_of(GLOBEX)).issue_per_org();
        let recorder = connect(&world, login_options()).await;
        record(&recorder, GLOBEX).await.unwrap();
        assert!(world.popups().is_empty());

        let world = World::new();
        world.respond(cloud_of(GLOBEX)).token_source_or_none(|_| Box::pin(async { Ok(None) }));
        let recorder = connect(&world, login_options()).await;
        let sign_in = async {
            wait_until(|| !world.popups().is_empty() && world.popups()[0].url().is_some()).await;
            world.popups()[0].post_code("code");
        };
        join(record(&recorder, GLOBEX), sign_in).await.0.unwrap();
        assert_eq!((world.get_token_calls().len(), world.popups().len()), (1, 1));

        // An exception of getToken is an error, and no sign-in follows.
        let world = World::new();
        world.token_source_or_none(|_| Box::pin(async { Err(Cause::Foreign(Rc::new(()))) }));
        let recorder = connect(&world, login_options()).await;
        assert_eq!(error(record(&recorder, GLOBEX).await).code, Code::TokenSourceFailed);
        assert!(world.popups().is_empty());

        // Without `login`, getToken must return a token.
        let world = World::new();
        world.token_source_or_none(|_| Box::pin(async { Ok(None) }));
        let recorder = connect(&world, options(&[])).await;
        let none = error(record(&recorder, GLOBEX).await);
        assert_eq!((none.code, none.retryable()), (Code::TokenSourceFailed, false));
        assert_eq!(none.message, format!("getToken returned no token for organization {GLOBEX}."));
    });
}

#[test]
fn what_is_wrong_with_what_get_token_returned_is_the_message() {
    run(async {
        let world = World::new();
        world.token_source_or_none(|_| {
            Box::pin(async { Err(Cause::Error(Box::new(Error::new(Code::BadArgument, "getToken() returned no `accessToken`.")))) })
        });
        let recorder = connect(&world, options(&[])).await;
        for failed in [record(&recorder, GLOBEX).await, record_in_current_org(&recorder).await] {
            let failed = error(failed);
            assert_eq!((failed.code, failed.retryable()), (Code::TokenSourceFailed, false));
            assert_eq!(failed.message, "getToken() returned no `accessToken`.");
            assert!(matches!(&failed.evidence.cause, Some(Cause::Error(cause)) if cause.code == Code::BadArgument));
        }
        // Nobody named an organization.
        world.token_source_or_none(|_| Box::pin(async { Err(Cause::Foreign(Rc::new(()))) }));
        let thrown = error(record_in_current_org(&recorder).await);
        assert_eq!((thrown.message.as_str(), thrown.retryable()), ("getToken failed.", true));
    });
}

#[test]
fn an_abort_or_a_close_closes_the_window() {
    run(async {
        let world = World::new();
        let recorder = connect(&world, login_options()).await;
        let signal = Signal::default();
        let call = recorder.start_recording(start_in(GLOBEX), with_signal(&signal));
        let (ended, ()) = join(call, async { signal.abort() }).await;
        assert!(matches!(ended, Err(CallError::Aborted)));
        assert!(world.popups()[0].closed_by_library());

        let (ended, ()) = join(record(&recorder, GLOBEX), async { recorder.close() }).await;
        assert_eq!(error(ended).code, Code::Closed);
        assert!(world.popups()[1].closed_by_library());
    });
}

#[test]
fn invalid_login_options_are_refused() {
    type Change = fn(&mut LoginOptions);
    let bad: [(&str, Change); 20] = [
        ("clientId", |login| login.client_id = None),
        ("clientId", |login| login.client_ids = Some(vec![("private".into(), "id".into())])),
        ("private", |login| (login.client_id, login.client_ids) = (None, Some(vec![("prod".into(), "id".into())]))),
        ("nowhere", |login| {
            (login.client_id, login.client_ids) = (None, Some(vec![("private".into(), "id".into()), ("nowhere".into(), "id".into())]));
        }),
        ("login.on", |login| login.on = Some("load".into())),
        ("login.allowedOrgIds", |login| login.allowed_org_ids = Some(Vec::new())),
        ("login.allowedOrgIds[1]", |login| login.allowed_org_ids = Some(vec![GLOBEX.into(), "globex".into()])),
        ("client id", |login| login.client_id = Some(String::new())),
        ("redirectUri", |login| login.redirect_uri = "https://app.example.evil/callback.html".into()),
        ("redirectUri", |login| login.redirect_uri = "https://app.exampl/callback.html".into()),
        ("redirectUri", |login| login.redirect_uri = "https://app.example".into()),
        ("redirectUri", |login| login.redirect_uri = "/callback.html".into()),
        ("redirectUri", |login| login.redirect_uri = "https://app.example/#a".into()),
        ("redirectUri", |login| login.redirect_uri = "https://app.example/a/../callback.html".into()),
        ("redirectUri", |login| login.redirect_uri = "https://app.example/a/%2e%2e/callback.html".into()),
        ("redirectUri", |login| login.redirect_uri = "https://app.example/a/.%2E".into()),
        ("redirectUri", |login| login.redirect_uri = "https://app.example/%2e/callback.html".into()),
        ("login.mode", |login| login.mode = Some("iframe".into())),
        ("login.prompt", |login| login.prompt = Some("none".into())),
        ("login.timeoutMs", |login| login.timeout = Some(0.0)),
    ];
    for (named, change) in bad {
        let refused = Settings::from_options(login(change), None, Some(page(&[]))).unwrap_err();
        assert_eq!(refused.code, Code::BadArgument, "{}", refused.message);
        assert!(refused.message.contains(named), "{named}: {}", refused.message);
    }
    let by_environment = login(|login| (login.client_id, login.client_ids) = (None, Some(vec![("private".into(), "its".into())])));
    assert_eq!(Settings::from_options(by_environment, None, Some(page(&[]))).unwrap().login.unwrap().client_id(), "its");
    // A key may be any name of the environment, as in the option `environment`.
    for keys in [vec!["prod-euw1"], vec!["mypurecloud.ie"], vec!["eu-west-1"], vec!["prod", "mypurecloud.ie", "eu-west-1"]] {
        let ids = keys.iter().map(|key| ((*key).to_owned(), if *key == "prod" { "other" } else { "its" }.to_owned())).collect();
        let mut options = login(|_| {});
        options.environment = Some("prod-euw1".into());
        let login = options.login.as_mut().unwrap();
        (login.client_id, login.client_ids) = (None, Some(ids));
        assert_eq!(Settings::from_options(options, None, Some(page(&[]))).unwrap().login.unwrap().client_id(), "its", "{keys:?}");
    }
    let mut options = login(|login| {
        let two = vec![("mypurecloud.ie".to_owned(), "one".to_owned()), ("prod-euw1".to_owned(), "another".to_owned())];
        (login.client_id, login.client_ids) = (None, Some(two));
    });
    options.environment = Some("eu-west-1".into());
    assert_eq!(code(Settings::from_options(options, None, Some(page(&[])))), Code::BadArgument);
    // Without a page, a redirect URI has no origin to match.
    assert_eq!(Settings::from_options(login_options(), None, None).unwrap_err().code, Code::BadArgument);
}

#[test]
fn the_launch_parameters_survive_a_redirect_sign_in() {
    run(async {
        let launch = [("gcConversationId", "conv 1&2"), ("orgId", GLOBEX), ("theAppsOwn", "ä=b")];
        let (world, state) = redirected(&launch, redirect()).await;
        world.respond(cloud_of(GLOBEX));
        let recorder = opened(&world, redirect(), &[("code", "the-code"), ("state", &state)]).await.unwrap();
        assert_eq!(recorder.settings().launch.get("conversationId"), Some("conv 1&2"));
        let address = world.address().unwrap();
        assert!(address.starts_with(&format!("{PAGE}/?")), "{address}");
        for (name, value) in launch {
            assert_eq!(parameter(&address, name).as_deref(), Some(value));
        }
        assert_eq!((parameter(&address, "code"), parameter(&address, "state")), (None, None));
        assert!(world.session_storage().is_empty());
        let sent = form(world.requests()[0].body.as_ref().unwrap());
        assert_eq!((sent["code"].as_str(), sent["redirect_uri"].as_str()), ("the-code", "https://app.example/"));
        assert_eq!(recorder.tokens()[0].target().org.as_str(), GLOBEX);
        record_in_current_org(&recorder).await.unwrap();
    });
}

#[test]
fn the_fragment_survives_a_redirect_sign_in_unless_a_router_has_set_one() {
    for (on_return, expected) in [("", "#/agents/7"), ("#/home", "#/home")] {
        run(async {
            let (before, recorder) = {
                let world = World::new();
                world.set_fragment("#/agents/7");
                let recorder = opened(&world, redirect(), &[("a", "1")]).await.unwrap();
                (world, recorder)
            };
            navigate_away(&recorder, &before).await;
            let state = parameter(&before.navigations()[0], "state").unwrap();
            let world = before.after_redirect();
            world.respond(cloud_of(GLOBEX)).set_fragment(on_return);
            opened(&world, redirect(), &[("code", "the-code"), ("state", &state)]).await.unwrap();
            assert_eq!(world.address().unwrap(), format!("{PAGE}/?a=1{expected}"));
        });
    }
}

#[test]
fn an_unexpected_redirect_response_is_refused_and_removed_from_the_address() {
    run(async {
        // The page has requested no response.
        let world = World::new();
        let error = refused(opened(&world, redirect(), &[("code", "x"), ("state", "made-up")]).await);
        assert_eq!((error.code, world.address().as_deref()), (Code::LoginStateMismatch, Some("https://app.example/")));

        // This response was used before.
        let (world, state) = redirected(&[], redirect()).await;
        world.respond(cloud_of(GLOBEX));
        let response = [("code", "code"), ("state", state.as_str())];
        assert!(opened(&world, redirect(), &response).await.is_ok());
        assert_eq!(refused(opened(&world, redirect(), &response).await).code, Code::LoginStateMismatch);
        assert_eq!(token_requests(&world), 1);
    });
}

#[test]
fn a_refusal_without_a_state_ends_the_last_redirect_sign_in_in_the_servers_words() {
    run(async {
        let refusal = [("error", "access_denied"), ("error_description", "No scope was granted")];
        let (world, _) = redirected(&[("a", "1")], redirect()).await;
        let error = refused(opened(&world, redirect(), &refusal).await);
        let words = matches!(&error.evidence.cause, Some(Cause::Cloud(words)) if words == "access_denied: No scope was granted");
        assert!(error.code == Code::LoginDenied && words, "{error:?}");
        assert_eq!((world.address(), world.session_storage().is_empty()), (Some(format!("{PAGE}/?a=1")), true));
        // Somebody went back from an earlier sign-in: the refusal is for the later one.
        let (world, first) = redirected(&[], redirect()).await;
        world.seed_random(100);
        world.advance(1_000);
        let recorder = opened(&world, redirect(), &[]).await.unwrap();
        navigate_away(&recorder, &world).await;
        let world = world.after_redirect();
        assert_eq!(world.session_storage().len(), 2);
        assert_eq!(refused(opened(&world, redirect(), &refusal).await).code, Code::LoginDenied);
        assert_eq!(world.session_storage().into_keys().collect::<Vec<_>>(), [format!("premium-recorder.login.{first}")]);
        // After an hour, the first one is forgotten, and the page may use `error` for itself.
        world.advance(3_600_000);
        opened(&world, redirect(), &refusal).await.unwrap();
        // So may a page that has asked for nothing.
        let recorder = opened(&world, redirect(), &refusal).await.unwrap();
        assert_eq!(recorder.settings().page_query.len(), 2);
    });
}

#[test]
fn a_redirect_response_is_read_only_in_redirect_mode_at_the_redirect_uri() {
    run(async {
        // An app may use `code` for itself: with `mode: "popup"`, without a `state`, or at another address.
        for (options, query) in [
            (login_options(), vec![("code", "x"), ("state", "y")]),
            (redirect(), vec![("code", "x")]),
            (redirect(), vec![("state", "y")]),
            (
                login(|login| (login.mode, login.redirect_uri) = (Some("redirect".into()), format!("{PAGE}/back"))),
                vec![("code", "x"), ("state", "y")],
            ),
        ] {
            let world = World::new();
            let recorder = opened(&world, options, &query).await.unwrap();
            assert_eq!((world.address(), recorder.settings().page_query.len()), (None, query.len()));
        }
    });
}

#[test]
fn a_code_is_exchanged_only_by_the_client_and_at_the_login_origin_that_requested_it() {
    run(async {
        let (world, state) = redirected(&[], redirect()).await;
        let mut elsewhere = redirect();
        elsewhere.environments[0].login = "https://login.evil.example".into();
        let error = refused(opened(&world, elsewhere, &[("code", "code"), ("state", &state)]).await);
        assert_eq!((error.code, world.requests().len()), (Code::LoginStateMismatch, 0));
        assert!(world.session_storage().is_empty());

        let (world, state) = redirected(&[], redirect()).await;
        let mut other_client = redirect();
        other_client.login.as_mut().unwrap().client_id = Some("another".into());
        let error = refused(opened(&world, other_client, &[("code", "code"), ("state", &state)]).await);
        assert_eq!((error.code, world.requests().len()), (Code::LoginStateMismatch, 0));
    });
}

#[test]
fn connect_rejects_if_the_redirect_sign_in_failed() {
    run(async {
        let (world, state) = redirected(&[("orgId", GLOBEX)], redirect()).await;
        let response = [("error", "access_denied"), ("error_description", "no"), ("state", state.as_str())];
        assert_eq!(refused(opened(&world, redirect(), &response).await).code, Code::LoginDenied);
        assert!(world.session_storage().is_empty() && world.requests().is_empty());
        assert_eq!(parameter(&world.address().unwrap(), "orgId").as_deref(), Some(GLOBEX));

        for (wrong_org, expected) in [(None, Some(Code::LoginWrongOrg)), (Some("file"), None)] {
            let mut options = redirect();
            options.login.as_mut().unwrap().wrong_org = wrong_org.map(str::to_owned);
            let (world, state) = redirected(&[], options.clone()).await;
            world.respond(cloud_of(ACME));
            match (opened(&world, options, &[("code", "code"), ("state", &state)]).await, expected) {
                (Ok(recorder), None) => assert_eq!(recorder.tokens()[0].target().org.as_str(), ACME),
                (Err(failure), Some(code)) => assert_eq!(error(Err::<(), _>(failure)).code, code),
                _ => panic!("{wrong_org:?}"),
            }
        }
    });
}

#[test]
fn the_session_storage_contains_no_token() {
    run(async {
        let world = World::new();
        let token = jwt_for(ACME);
        let options = Options { tokens: vec![token.clone().into()], ..redirect() };
        let recorder = opened(&world, options, &[]).await.unwrap();
        navigate_away(&recorder, &world).await;
        let item = world.session_storage().into_values().next().unwrap();
        assert!(!item.contains(&token) && !world.navigations()[0].contains(&token));
        // The verifier is not part of the authorization request either.
        assert!(!world.navigations()[0].contains(&form(&item)["code_verifier"]));
    });
}

#[test]
fn an_abandoned_redirect_sign_in_is_removed_after_an_hour() {
    run(async {
        let navigate = async |world: &World| {
            let recorder = opened(world, redirect(), &[]).await.unwrap();
            navigate_away(&recorder, world).await;
        };
        let (world, first) = redirected(&[], redirect()).await;
        world.seed_random(10);
        world.advance(3_600_000 - 120_000);
        navigate(&world).await;
        assert_eq!(world.session_storage().len(), 2);
        let later = world.after_redirect();
        later.seed_random(20);
        navigate(&later).await;
        assert_eq!(later.session_storage().len(), 2);
        assert!(!later.session_storage().keys().any(|key| key.ends_with(&first)));
    });
}

#[test]
fn trustors_are_listed_with_the_token_of_the_target() {
    run(async {
        let world = World::new();
        let user = format!(
            r#"{{"id":"u","trustors":[{{"id":"1","enabled":true,"organization":{{"id":"{ACME}","name":"Acme"}}}},
                {{"id":"2","enabled":false,"organization":{{"id":"{INITECH}"}}}},{{"id":"3"}},{{"id":"{GLOBEX}","enabled":true}},{{"enabled":true,"organization":{{"id":"no uuid"}}}}]}}"#
        );
        world.respond(move |_| response(200, &user));
        let recorder = with_token(&world).await;
        let trustors = recorder.trustors(no_options()).await.unwrap();
        let listed: Vec<_> = trustors.iter().map(|each| (each.org.as_str(), each.name.as_deref(), each.enabled)).collect();
        assert_eq!(listed, [(ACME, Some("Acme"), true), (INITECH, None, false), (GLOBEX, None, true)]);
        let request = &world.requests()[0];
        assert_eq!((request.method.as_str(), request.url.as_str()), ("GET", "https://api.cloud.example/api/v2/users/me?expand=trustors"));
        assert_eq!((request.token.clone(), request.org.as_deref()), (jwt_for(GLOBEX), None));

        for (status, body, expected) in [
            (404, "", Code::UnexpectedAnswer),
            (403, r#"{"code":"missing.permissions"}"#, Code::PermissionMissing),
            (503, "", Code::CloudUnavailable),
            (425, "", Code::CloudUnavailable),
            (200, "<html>", Code::UnexpectedAnswer),
            (200, "[]", Code::UnexpectedAnswer),
        ] {
            world.respond(move |_| response(status, body));
            let refused = error(recorder.trustors(no_options()).await);
            assert_eq!((refused.code, refused.evidence.org_id.as_ref().unwrap().as_str()), (expected, GLOBEX));
        }
        world.respond(|_| response(200, r#"{"id":"u"}"#));
        assert_eq!(recorder.trustors(no_options()).await.unwrap(), []);
    });
}

#[test]
fn a_token_in_an_unexpected_response_is_in_no_error() {
    run(async {
        for status in [200, 203, 206, 300] {
            let world = World::new();
            let tokens = r#"{"token_type":"mac","access_token":"THE-SECRET-TOKEN","refresh_token":"THE-SECRET-REFRESH"}"#;
            world.respond(move |_| response(status, tokens));
            let recorder = connect(&world, login_options()).await;
            let refused = error(record_and_sign_in(&recorder, &world, GLOBEX).await);
            assert!(!format!("{refused:?}").contains("THE-SECRET"));
        }
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
fn login_scope_is_sent_if_it_is_given() {
    run(async {
        let world = World::new();
        world.respond(cloud_of(GLOBEX));
        let recorder = connect(&world, login(|login| login.scope = Some("openid screenrecordings:write".into()))).await;
        start_while(&recorder, &world, async |window| window.post_code("code")).await.unwrap();
        assert_eq!(parameter(&world.popups()[0].url().unwrap(), "scope").as_deref(), Some("openid screenrecordings:write"));
        let recorder = connect(&world, login_options()).await;
        start_while(&recorder, &world, async |window| window.post_code("code")).await.unwrap();
        assert_eq!(parameter(&world.popups()[1].url().unwrap(), "scope"), None);
    });
    // RFC 6749, appendix A.4: scope-token *( SP scope-token ).
    for scope in ["", " ", " a", "a ", "a  b", "a\tb", "a\nb", "a\"b", "a\\b", "ü"] {
        let options = login(|login| login.scope = Some(scope.to_owned()));
        let refused = Settings::from_options(options, None, Some(page(&[]))).map(|_| ()).unwrap_err();
        assert!(refused.code == Code::BadArgument && refused.message.contains("login.scope"), "{scope:?} {refused:?}");
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
fn an_authorization_response_repeats_no_secret_to_the_app() {
    run(async {
        for (error_word, description) in [
            ("invalid_grant", "code the-secret-code of state STATE"),
            ("the-secret-code", "STATE"),
            ("server_error", "the%252Dsecret%252Dcode STATE"),
        ] {
            let world = World::new();
            let recorder = connect(&world, login_options()).await;
            let mut states = Vec::new();
            let act = async |window: Rc<Popup>| {
                let state = window.parameter("state").unwrap();
                let description = description.replace("STATE", &state);
                window.post(&format!("?error={error_word}&error_description={description}&code=the-secret-code&state={state}"));
                states.push(state);
            };
            let shown = format!("{:?}", error(start_while(&recorder, &world, act).await));
            assert!(!shown.contains("secret") && !shown.contains(&states[0]), "{shown}");
        }
    });
}

#[test]
fn tokens_that_the_token_endpoint_names_are_redacted_whatever_its_status() {
    run(async {
        let tokens =
            r#"{"access_token":"new-access-token","refresh_token":"new-refresh-token","id_token":"new-id-token","expires_in":100}"#;
        for status in [200, 203, 300, 302, 400, 401, 500, 503] {
            for name in ["access", "refresh", "id"] {
                let world = World::new();
                world.respond(move |request| match request.is_for_token_endpoint() {
                    true => Response { correlation_id: Some(format!("for new-{name}-token")), ..response(status, tokens) },
                    false => accept_in(GLOBEX, "", request),
                });
                let recorder = connect(&world, login_options()).await;
                let started = start_while(&recorder, &world, async |window| window.post_code("the-code")).await;
                assert_eq!(started.is_ok(), status < 300);
                let shown = format!("{started:?}{:?}", world.events());
                assert!(!shown.contains("new-"), "{status}: {shown}");
            }
        }
    });
}

#[test]
fn a_redirect_uri_with_a_backslash_is_refused() {
    let options = login(|login| login.redirect_uri = format!("{PAGE}/\\evil.example"));
    assert_eq!(code(Settings::from_options(options, None, Some(page(&[])))), Code::BadArgument);
}

/// Without locks, two calls can sign in for the same organization at the same time.
#[test]
fn a_dropped_call_does_not_resume_the_deadline_of_another_that_signs_in() {
    run(async {
        let world = World::new();
        world.disable_locks().respond(accept);
        let recorder = connect(&world, login_options()).await;
        let mut first = Box::pin(record(&recorder, GLOBEX));
        assert!(poll_once(first.as_mut()).await.is_pending());
        recorder.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap();
        let mut second = Box::pin(record(&recorder, GLOBEX));
        assert!(poll_once(second.as_mut()).await.is_pending());
        drop(first);
        // The call's deadline is 15 s, but it stands still while the window is open.
        for _ in 0..30 {
            world.advance(SECOND);
            assert!(poll_once(second.as_mut()).await.is_pending());
        }
    });
}

#[test]
fn a_token_from_a_redirect_is_not_replaced_by_the_revoked_token_in_the_options() {
    run(async {
        let token = jwt_with_id(GLOBEX, "revoked");
        let options = || Options { tokens: vec![token.clone().into()], ..redirect() };
        let revoked = token.clone();
        let cloud = move |request: &SentRequest| if request.token == revoked { response(401, "") } else { accept(request) };
        let world = World::new();
        world.respond(cloud.clone());
        let recorder = connect(&world, options()).await;
        // The refused start navigates to the login origin. The page stays, so the start times out.
        join(record(&recorder, GLOBEX), async {
            yield_now().await;
            world.advance(120_000);
        })
        .await
        .0
        .unwrap_err();
        let state = parameter(&world.navigations()[0], "state").unwrap();
        let back = world.after_redirect();
        back.respond(cloud);
        let recorder = opened(&back, options(), &[("code", "code"), ("state", &state)]).await.unwrap();
        record(&recorder, GLOBEX).await.unwrap();
        assert!(back.navigations().is_empty());
    });
}

/// A recorder whose last sign-in window was blocked, because it was to open only after `getToken` had no token.
async fn blocked_late(world: &World) -> Recorder<World> {
    world.respond(accept).token_source_or_none(|_| Box::pin(async { Ok(None) })).block_popups();
    let recorder = connect(world, login_options()).await;
    let blocked = error(record(&recorder, GLOBEX).await);
    assert_eq!((blocked.code, world.popups().len()), (Code::LoginBlocked, 0));
    assert!(blocked.hint().contains("call again"), "{}", blocked.hint());
    world.allow_popups();
    recorder
}

#[test]
fn after_a_window_that_was_blocked_late_the_next_call_opens_it_in_its_own_turn() {
    run(async {
        let world = World::new();
        let recorder = blocked_late(&world).await;
        world.sign_in_immediately();
        let (release, released) = gate();
        world.token_source_or_none(move |_| {
            let released = released.clone();
            Box::pin(async move {
                released.await.unwrap();
                Ok(None)
            })
        });
        let mut call = Box::pin(record(&recorder, GLOBEX));
        assert!(poll_once(call.as_mut()).await.is_pending());
        assert_eq!((world.popups().len(), world.popups()[0].url(), world.get_token_calls().len()), (1, None, 2));
        release.send();
        while_time_passes(&[&world], call).await.unwrap();
        assert_eq!((world.popups().len(), world.starts().len()), (1, 1));
    });
}

#[test]
fn a_window_that_opened_first_is_closed_if_get_token_has_a_token() {
    run(async {
        let world = World::new();
        let recorder = blocked_late(&world).await;
        world.issue_per_org();
        record(&recorder, GLOBEX).await.unwrap();
        assert_eq!((world.popups().len(), world.popups()[0].url(), world.popups()[0].closed_by_library()), (1, None, true));
        // That window opened, so the next call asks getToken first.
        record(&recorder, ACME).await.unwrap();
        assert_eq!(world.popups().len(), 1);
    });
}

#[test]
fn a_page_that_cannot_open_the_window_first_still_asks_get_token() {
    run(async {
        let world = World::new();
        let recorder = blocked_late(&world).await;
        world.block_popups().issue_per_org();
        record(&recorder, GLOBEX).await.unwrap();
    });
}

#[test]
fn a_page_with_an_opaque_origin_opens_no_window_and_does_not_leave() {
    for mode in ["popup", "redirect"] {
        run(async {
            let world = World::new();
            world.disable(Feature::Origin);
            let mut options = login_options();
            options.login.as_mut().unwrap().mode = Some(mode.to_owned());
            let recorder = connect(&world, options).await;
            let refused = error(record(&recorder, GLOBEX).await);
            assert_eq!((refused.code, world.popups().len(), world.navigations().len()), (Code::LoginBlocked, 0, 0));
            assert!(refused.hint().contains("allow-same-origin"), "{}", refused.hint());
        });
    }
}

#[test]
fn a_redirect_uri_that_shows_the_app_is_named_within_seconds() {
    run(async {
        let world = World::new();
        world.respond(accept);
        let recorder = connect(&world, login_options()).await;
        let began = world.time();
        let redirected = async {
            world.sleep(20 * SECOND).await;
            world.popups()[0].show_own_page(&format!("{PAGE}/#/home"));
        };
        let (refused, ()) = while_time_passes(&[&world], join(record(&recorder, GLOBEX), redirected)).await;
        let refused = error(refused);
        assert_eq!(refused.code, Code::BadArgument);
        assert!(refused.message.contains("login.redirectUri"), "{}", refused.message);
        let waited = world.time() - began - 20 * SECOND;
        assert!((5 * SECOND..6 * SECOND).contains(&waited), "{waited}");
        assert!(world.popups()[0].closed_by_library());
    });
}

#[test]
fn a_page_of_the_login_origin_is_not_taken_for_the_app() {
    run(async {
        let world = World::new();
        world.respond(accept);
        let recorder = connect(&world, login_options()).await;
        let signs_in = async {
            world.sleep(SECOND).await;
            // The login origin may be the app's own, for example on a developer's machine.
            world.popups()[0].show_own_page("https://login.cloud.example/oauth/authorize");
            world.sleep(60 * SECOND).await;
            world.popups()[0].post_code("code");
        };
        while_time_passes(&[&world], join(record(&recorder, GLOBEX), signs_in)).await.0.unwrap();
    });
}

#[test]
fn a_server_that_drops_the_query_of_the_callback_page_is_named() {
    run(async {
        let world = World::new();
        let recorder = connect(&world, login_options()).await;
        let (refused, ()) = join(record(&recorder, GLOBEX), async { world.popups()[0].post("") }).await;
        let refused = error(refused);
        assert_eq!(refused.code, Code::LoginStateMismatch);
        assert!(refused.message.contains("without a query") && refused.hint().contains("drops the query"), "{}", refused.hint());
        assert!(!refused.retryable());
    });
}

#[test]
fn connect_signs_in_by_redirect_without_a_named_organization() {
    run(async {
        let (world, url) = leave_at_connect(|| on_connect(|_| {})).await;
        assert_eq!(parameter(&url, "target"), None);
        world.respond(cloud_of(GLOBEX));
        let state = parameter(&url, "state").unwrap();
        let recorder = opened(&world, on_connect(|_| {}), &[("code", "code"), ("state", &state)]).await.unwrap();
        assert_eq!((recorder.org(), world.navigations().len()), (OrgId::parse(GLOBEX), 0));
        record_in_current_org(&recorder).await.unwrap();
    });
}

#[test]
fn connect_names_the_organization_that_the_launch_url_names() {
    run(async {
        let options = || Options { org_id: Some(GLOBEX.into()), ..on_connect(|_| {}) };
        let (world, url) = leave_at_connect(options).await;
        assert_eq!(parameter(&url, "target").as_deref(), Some(GLOBEX));
        world.respond(cloud_of(GLOBEX));
        let state = parameter(&url, "state").unwrap();
        assert!(opened(&world, options(), &[("code", "code"), ("state", &state)]).await.is_ok());
    });
}

#[test]
fn a_page_that_has_come_back_does_not_leave_again_by_itself() {
    run(async {
        // The person, or the login origin, says no.
        let (world, url) = leave_at_connect(|| on_connect(|_| {})).await;
        let state = PageState::default();
        let answer = [("error", "access_denied"), ("state", &parameter(&url, "state").unwrap())];
        assert_eq!(refused(opened_again(&state, &world, on_connect(|_| {}), &answer).await).code, Code::LoginDenied);
        for _ in 0..3 {
            let again = refused(opened_again(&state, &world, on_connect(|_| {}), &[]).await);
            assert_eq!((again.code, world.navigations().len()), (Code::LoginDenied, 0));
        }
        // The answer is not this page's.
        let state = PageState::default();
        assert_eq!(refused(opened_again(&state, &world, on_connect(|_| {}), &answer).await).code, Code::LoginStateMismatch);
        assert_eq!(refused(opened_again(&state, &world, on_connect(|_| {}), &[]).await).code, Code::LoginStateMismatch);

        // The sign-in was right, and another recorder of the page has the token: the app may connect once more.
        let (world, url) = leave_at_connect(|| on_connect(|_| {})).await;
        world.respond(cloud_of(GLOBEX)).share_nothing();
        let state = PageState::default();
        let answer = [("code", "code"), ("state", &parameter(&url, "state").unwrap())];
        assert!(opened_again(&state, &world, on_connect(|_| {}), &answer).await.is_ok());
        let second = opened_again(&state, &world, on_connect(|_| {}), &[]).await.unwrap();
        assert_eq!((second.tokens().len(), world.navigations().len()), (0, 0));
    });
}

#[test]
fn a_recorder_that_is_closed_before_a_call_leaves_the_token_of_a_redirect_to_the_pages_next_one() {
    for closes_first in [true, false] {
        run(async {
            let (world, page, answer) = returned().await;
            let first = connect_on_return(&page, &world, &answer).await;
            // React's StrictMode closes the first recorder after the second connect() has begun.
            let second = if closes_first {
                first.close();
                connect_on_return(&page, &world, &[]).await
            } else {
                let second = connect_on_return(&page, &world, &[]).await;
                first.close();
                second
            };
            assert_eq!(record_in_current_org(&second).await.unwrap().org.as_str(), GLOBEX);
            assert_eq!((world.navigations().len(), token_requests(&world)), (0, 1));
            assert_eq!(second.org().unwrap().as_str(), GLOBEX);
            // The first one stays closed.
            assert_eq!(error(record_in_current_org(&first).await).code, Code::Closed);
        });
    }
}

#[test]
fn a_token_that_is_left_is_forgotten_when_another_page_signs_out() {
    for signs_out in [false, true] {
        run(async {
            let (world, page, answer) = returned().await;
            connect_on_return(&page, &world, &answer).await.close();
            let other = world.another_page();
            other.respond(cloud_of(GLOBEX)).share_nothing();
            let held = Options { tokens: vec![jwt_for(GLOBEX).into()], ..on_connect(|_| {}) };
            let recorder = opened(&other, held, &[]).await.unwrap();
            if signs_out {
                recorder.sign_out(None, no_options()).await.unwrap();
            }
            assert_eq!(connect_on_return(&page, &world, &[]).await.tokens().is_empty(), signs_out);
        });
    }
}

#[test]
fn only_an_unused_token_of_a_redirect_is_left_and_only_for_the_same_login() {
    type Use = for<'a> fn(&'a Recorder<World>) -> futures::future::LocalBoxFuture<'a, ()>;
    let uses: [Use; 3] = [
        |recorder| Box::pin(async { drop(record_in_current_org(recorder).await.unwrap()) }),
        |recorder| Box::pin(async { recorder.sign_out(None, no_options()).await.unwrap() }),
        |recorder| Box::pin(async { recorder.sign_out(Some(org(GLOBEX)), no_options()).await.unwrap() }),
    ];
    for uses in uses {
        run(async {
            let (world, page, answer) = returned().await;
            let first = connect_on_return(&page, &world, &answer).await;
            uses(&first).await;
            first.close();
            assert!(connect_on_return(&page, &world, &[]).await.tokens().is_empty());
        });
    }
    let others: [fn(&mut LoginOptions); 4] = [
        |login| login.client_id = Some("another".into()),
        |login| login.scope = Some("another".into()),
        |login| login.login_hint = Some("another".into()),
        |login| login.allowed_org_ids = Some(vec![INITECH.into()]),
    ];
    for other in others {
        run(async {
            let (world, page, answer) = returned().await;
            connect_on_return(&page, &world, &answer).await.close();
            let second = opened_again(&page, &world, on_connect(other), &[]).await.unwrap();
            assert!(second.tokens().is_empty());
            // It still is the next one's with the same login.
            assert_eq!(connect_on_return(&page, &world, &[]).await.tokens().len(), 1);
        });
    }
    run(async {
        let (world, page, answer) = returned().await;
        connect_on_return(&page, &world, &answer).await.close();
        let elsewhere = Options { org_id: Some(INITECH.into()), ..on_connect(|_| {}) };
        let second = while_time_passes(&[&world], opened_again(&page, &world, elsewhere, &[])).await;
        assert!(second.unwrap().tokens().is_empty());
    });
}

#[test]
fn a_page_that_keeps_coming_back_without_a_response_stops_leaving() {
    run(async {
        let options = || on_connect(|login| login.timeout = Some(5_000.0));
        let mut world = World::new();
        for _ in 0..3 {
            let left = while_time_passes(&[&world], opened(&world, options(), &[])).await;
            assert_eq!((refused(left).code, world.navigations().len()), (Code::LoginTimeout, 1));
            // The query is lost on the way back.
            world = world.after_redirect();
        }
        let stopped = refused(opened(&world, options(), &[]).await);
        assert_eq!((stopped.code, world.navigations().len()), (Code::LoginStateMismatch, 0));
        assert!(stopped.hint().contains("login.redirectUri"), "{}", stopped.hint());
        // In a click, the person decides. A minute later, the page tries again.
        let world = world.after_redirect();
        let recorder = opened(&world, redirect(), &[]).await.unwrap();
        assert!(while_time_passes(&[&world], record(&recorder, GLOBEX)).await.is_err());
        assert_eq!(world.navigations().len(), 1);
        let world = world.after_redirect();
        let left = while_time_passes(&[&world], opened(&world, options(), &[])).await;
        assert_eq!((refused(left).code, world.navigations().len()), (Code::LoginTimeout, 1));
    });
}

#[test]
fn frames_that_sign_in_at_the_same_time_take_each_other_for_no_loop() {
    run(async {
        let options = || on_connect(|login| login.timeout = Some(5_000.0));
        let world = World::new();
        for leaves in 1..=10 {
            let (left, ()) = join(opened(&world, options(), &[]), async { world.advance(5_000) }).await;
            assert_eq!((refused(left).code, world.navigations().len()), (Code::LoginTimeout, leaves));
        }
    });
}

#[test]
fn a_response_is_taken_at_the_redirect_uri_with_or_without_its_trailing_slash() {
    run(async {
        let (world, url) = leave_at_connect(|| on_connect(|_| {})).await;
        world.respond(cloud_of(GLOBEX));
        let state = parameter(&url, "state").unwrap();
        let mut page = page(&[("code", "code"), ("state", &state)]);
        page.address = PAGE.to_owned();
        let (options, state) = (on_connect(|_| {}), PageState::default());
        let response = AuthorizationResponse::take(options.login.as_ref(), &world, Some(&mut page), &state.returned).unwrap();
        let settings = Settings::from_options(options, None, Some(page)).unwrap();
        let recorder = Recorder::connect(state, world.clone(), settings, response, no_options()).await.unwrap();
        assert_eq!(recorder.org(), OrgId::parse(GLOBEX));
        // The request names the URI that is registered.
        assert_eq!(form(world.requests()[0].body.as_ref().unwrap())["redirect_uri"], format!("{PAGE}/"));
    });
}

#[test]
fn a_sign_in_at_connect_that_ends_in_an_organization_that_is_not_allowed_is_refused() {
    run(async {
        let options = || on_connect(|login| login.allowed_org_ids = Some(vec![INITECH.into()]));
        let (world, url) = leave_at_connect(options).await;
        world.respond(cloud_of(GLOBEX));
        let state = parameter(&url, "state").unwrap();
        let error = refused(opened(&world, options(), &[("code", "code"), ("state", &state)]).await);
        assert_eq!((error.code, error.evidence.token_org_id.clone()), (Code::LoginWrongOrg, OrgId::parse(GLOBEX)));
    });
}

#[test]
fn connect_does_not_sign_in_if_it_has_a_token() {
    run(async {
        let world = World::new();
        for tokens in [vec![jwt_for(GLOBEX).into()], vec![jwt_for(GLOBEX).into(), jwt_for(INITECH).into()]] {
            let count = tokens.len();
            let recorder = opened(&world, Options { tokens, ..on_connect(|_| {}) }, &[]).await.unwrap();
            assert_eq!((recorder.tokens().len(), world.navigations().len()), (count, 0));
        }
    });
}

#[test]
fn a_redirect_sign_in_that_is_being_redeemed_hears_of_a_sign_out() {
    for until in ["oauth/token", "tokens/me"] {
        run(async {
            let (back, state) = redirected(&[], redirect()).await;
            // Another tab holds a token of the organization.
            let tab = back.another_page();
            tab.respond(cloud_of(GLOBEX)).sign_in_immediately();
            let mut popup = redirect();
            let login = popup.login.as_mut().unwrap();
            (login.mode, login.redirect_uri) = (None, CALLBACK.into());
            let other = connect(&tab, popup).await;
            record(&other, GLOBEX).await.unwrap();

            let release = back.respond_when_released(move |request| request.url.contains(until), cloud_of(GLOBEX));
            let sign_out = async {
                wait_until(|| back.requests().iter().any(|request| request.url.contains(until))).await;
                other.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap();
                release.send();
            };
            let (opened, ()) = join(opened(&back, redirect(), &[("code", "the-code"), ("state", &state)]), sign_out).await;
            let held = opened.map_or(0, |recorder| recorder.tokens().len());
            assert_eq!((other.tokens().len(), held), (0, 0), "while {until} is asked");
        });
    }
}

#[test]
fn an_abandoned_redirect_sign_in_is_removed_by_the_next_connect_after_an_hour() {
    run(async {
        let (world, _) = redirected(&[], redirect()).await;
        world.advance(3_600_000 - 120_000);
        opened(&world, redirect(), &[]).await.unwrap();
        assert_eq!(world.session_storage().len(), 1);
        world.advance(1);
        opened(&world, redirect(), &[]).await.unwrap();
        assert!(world.session_storage().is_empty(), "the verifier is stored still");
    });
}

#[test]
fn a_redirect_sign_in_that_began_for_another_api_is_refused() {
    run(async {
        let (world, state) = redirected(&[], redirect()).await;
        world.respond(cloud_of(GLOBEX));
        // The app lists two clouds with one login origin.
        let mut elsewhere = redirect();
        elsewhere.environments[0].api = "https://api.another.example".into();
        let opened = opened(&world, elsewhere, &[("code", "the-code"), ("state", &state)]).await;
        let hosts: Vec<_> = world.requests().into_iter().map(|request| request.url).collect();
        assert_eq!(refused(opened).code, Code::LoginStateMismatch, "{hosts:?}");
        assert!(hosts.is_empty(), "{hosts:?}");
    });
}

#[test]
fn a_token_that_is_left_keeps_its_refresh_token() {
    run(async {
        let (world, page, answer) = returned().await;
        world.respond(|request: &SentRequest| {
            accept_in(GLOBEX, r#"{"access_token":"opaque-a","expires_in":100,"refresh_token":"refresh-1"}"#, request)
        });
        connect_on_return(&page, &world, &answer).await.close();
        let second = connect_on_return(&page, &world, &[]).await;
        assert_eq!(second.tokens().len(), 1);
        world.advance(101_000);
        let result = while_time_passes(&[&world], record(&second, GLOBEX)).await;
        let grants: Vec<_> = world
            .requests()
            .iter()
            .filter(|request| request.is_for_token_endpoint())
            .map(|request| form(request.body.as_ref().unwrap())["grant_type"].clone())
            .collect();
        assert_eq!(grants, ["authorization_code", "refresh_token"], "{:?} {:?}", result.is_ok(), world.navigations());
    });
}

#[test]
fn a_token_that_is_left_hears_of_a_sign_out_while_others_are_added() {
    run(async {
        let (world, page, answer) = returned().await;
        connect_on_return(&page, &world, &answer).await.close();
        let other = world.another_page();
        other.respond(cloud_of(GLOBEX)).share_nothing();
        let held = Options { tokens: vec![jwt_for(GLOBEX).into()], ..on_connect(|_| {}) };
        let recorder = opened(&other, held, &[]).await.unwrap();
        let release = world.respond_when_released(
            |request| request.url.contains("tokens/me"),
            |request| {
                if request.token.contains("opaque-of-initech") {
                    response(200, &token_info(INITECH))
                } else {
                    response(200, &token_info(GLOBEX))
                }
            },
        );
        let sign_out = async {
            wait_until(|| world.requests().iter().any(|request| request.token.contains("opaque-of-initech"))).await;
            recorder.sign_out(None, no_options()).await.unwrap();
            release.send();
        };
        let options = Options { tokens: vec!["opaque-of-initech".to_owned().into()], ..on_connect(|_| {}) };
        let (second, ()) = join(opened_again(&page, &world, options, &[]), sign_out).await;
        let second = second.unwrap();
        let orgs: Vec<_> = second.tokens().iter().map(|token| token.target().org.as_str().to_owned()).collect();
        assert_eq!(orgs, [INITECH]);
    });
}

#[test]
fn a_token_that_is_left_survives_a_failed_connect() {
    run(async {
        let (world, page, answer) = returned().await;
        connect_on_return(&page, &world, &answer).await.close();
        world.respond(|request: &SentRequest| match request.token.contains("bad") {
            true => response(401, r#"{"code":"bad.credentials","message":"no"}"#),
            false => cloud_of(GLOBEX)(request),
        });
        let options = Options { tokens: vec!["bad-token".to_owned().into()], ..on_connect(|_| {}) };
        assert!(opened_again(&page, &world, options, &[]).await.is_err());
        assert_eq!(connect_on_return(&page, &world, &[]).await.tokens().len(), 1);
    });
}

#[test]
fn a_connect_that_needs_no_sign_in_is_no_loop() {
    for way in ["tokens", "getToken", "another page"] {
        run(async {
            let options = || Options { org_id: Some(GLOBEX.into()), ..on_connect(|login| login.timeout = Some(5_000.0)) };
            let mut world = World::new();
            for _ in 0..3 {
                let left = while_time_passes(&[&world], opened(&world, options(), &[])).await;
                assert_eq!((refused(left).code, world.navigations().len()), (Code::LoginTimeout, 1));
                world = world.after_redirect();
            }
            world.respond(cloud_of(GLOBEX));
            let mut with = options();
            let mut other = None;
            match way {
                "tokens" => with.tokens = vec![jwt_for(GLOBEX).into()],
                "getToken" => drop(world.issue_per_org()),
                _ => {
                    let page = world.another_page();
                    page.respond(cloud_of(GLOBEX)).issue_per_org();
                    let recorder = opened(&page, redirect(), &[]).await.unwrap();
                    record(&recorder, GLOBEX).await.unwrap();
                    other = Some(recorder);
                }
            }
            let result = while_time_passes(&[&world], opened(&world, with, &[])).await;
            let what = result.err().map(|error| match error {
                CallError::Error(error) => error.code,
                _ => panic!(),
            });
            assert_eq!((what, world.navigations().len()), (None, 0), "{way}");
            drop(other);
        });
    }
}
