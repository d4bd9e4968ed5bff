//! The option `login`, the authorization request that it makes, and the responses that are accepted.

use std::rc::Rc;

use crate::support::*;
use premium_recorder::auth::login::LoginOptions;
use premium_recorder::model::error::{Cause, Code};
use premium_recorder::recorder::settings::Settings;

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
fn invalid_login_options_are_refused() {
    type Change = fn(&mut LoginOptions);
    let bad: [(&str, Change); 21] = [
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
        ("redirectUri", |login| login.redirect_uri = "https://app.example/\\evil.example".into()),
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
    assert_eq!(Settings::from_options(by_environment, None, Some(page(&[]))).unwrap().sources.login.as_ref().unwrap().client_id, "its");
    // A key may be any name of the environment, as in the option `environment`.
    for keys in [vec!["prod-euw1"], vec!["mypurecloud.ie"], vec!["eu-west-1"], vec!["prod", "mypurecloud.ie", "eu-west-1"]] {
        let ids = keys.iter().map(|key| ((*key).to_owned(), if *key == "prod" { "other" } else { "its" }.to_owned())).collect();
        let mut options = login(|_| {});
        options.environment = Some("prod-euw1".into());
        let login = options.login.as_mut().unwrap();
        (login.client_id, login.client_ids) = (None, Some(ids));
        assert_eq!(
            Settings::from_options(options, None, Some(page(&[]))).unwrap().sources.login.as_ref().unwrap().client_id,
            "its",
            "{keys:?}"
        );
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
