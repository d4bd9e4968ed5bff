//! Signing in on the app's own page, which leaves and comes back.

use crate::support::*;
use premium_recorder::auth::ports::Navigation;
use premium_recorder::model::error::{Cause, Code};
use premium_recorder::model::ids::OrgId;
use premium_recorder::recorder::Recorder;
use premium_recorder::recorder::page_state::PageState;
use premium_recorder::recorder::settings::{Options, Settings};

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
fn a_refusal_without_a_state_ends_the_only_redirect_sign_in_in_the_servers_words() {
    run(async {
        let refusal = [("error", "access_denied"), ("error_description", "No scope was granted")];
        let (world, _) = redirected(&[("a", "1")], redirect()).await;
        let error = refused(opened(&world, redirect(), &refusal).await);
        let words = matches!(&error.evidence.cause, Some(Cause::Cloud(words)) if words == "access_denied: No scope was granted");
        assert!(error.code == Code::LoginDenied && words, "{error:?}");
        assert_eq!((world.address(), world.session_storage().is_empty()), (Some(format!("{PAGE}/?a=1")), true));
        // After an hour, a request is forgotten, and the page may use `error` for itself.
        let (world, _) = redirected(&[], redirect()).await;
        world.advance(3_600_000);
        opened(&world, redirect(), &refusal).await.unwrap();
        // So may a page that has asked for nothing.
        let recorder = opened(&world, redirect(), &refusal).await.unwrap();
        assert_eq!(recorder.settings().sources.page_query.len(), 2);
    });
}

/// A second frame of the tab, with this query, leaves for the login origin. Returns the world after its redirect back.
async fn second_frame(first: &World, options: Options, query: &[(&str, &str)]) -> World {
    let world = first.after_redirect();
    world.seed_random(100);
    let recorder = opened(&world, options, query).await.unwrap();
    navigate_away(&recorder, &world).await;
    let world = world.after_redirect();
    assert_eq!(world.session_storage().len(), 2);
    world
}

#[test]
fn a_refusal_without_a_state_removes_no_request_if_it_may_be_for_several() {
    for (queries, restored) in [
        ([&[("a", "1")][..], &[("a", "1")]], format!("{PAGE}/?a=1")),
        // The page does not know which of the two it is.
        ([&[("a", "1")], &[("a", "2")]], format!("{PAGE}/")),
        ([&[("env", "x"), ("a", "1")], &[("env", "x"), ("a", "2")]], format!("{PAGE}/?env=x")),
    ] {
        run(async {
            let refusal = [("error", "server_error")];
            let (first, state) = redirected(queries[0], redirect()).await;
            let world = second_frame(&first, redirect(), queries[1]).await;
            let refused = refused(opened(&world, redirect(), &refusal).await);
            assert_eq!((refused.code, world.address()), (Code::CloudUnavailable, Some(restored)));
            assert_eq!(world.session_storage().len(), 2);
            // The other frame's response comes.
            world.respond(cloud_of(GLOBEX));
            assert!(opened(&world, redirect(), &[("code", "code"), ("state", &state)]).await.is_ok());
        });
    }
}

#[test]
fn a_refusal_without_a_state_is_for_a_request_of_its_own_client() {
    run(async {
        let refusal = [("error", "access_denied")];
        let (first, state) = redirected(&[], redirect()).await;
        let world = second_frame(&first, with_client("another"), &[]).await;
        // A third client has requested nothing.
        opened(&world, with_client("third"), &refusal).await.unwrap();
        assert_eq!((world.session_storage().len(), world.address()), (2, None));
        assert_eq!(refused(opened(&world, with_client("another"), &refusal).await).code, Code::LoginDenied);
        assert_eq!(world.session_storage().into_keys().collect::<Vec<_>>(), [format!("premium-recorder.login.{state}")]);
    });
}

#[test]
fn a_refusal_without_a_state_finds_the_client_of_its_environment() {
    run(async {
        let mut options = redirect();
        let login = options.login.as_mut().unwrap();
        let environment = options.environments[0].name.clone();
        login.client_ids = Some(vec![("prod".into(), "elsewhere".into()), (environment, login.client_id.take().unwrap())]);
        let (world, _) = redirected(&[], options.clone()).await;
        assert_eq!(refused(opened(&world, options, &[("error", "access_denied")]).await).code, Code::LoginDenied);
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
            assert_eq!((world.address(), recorder.settings().sources.page_query.len()), (None, query.len()));
        }
    });
}

/// Options of an app with this OAuth client.
fn with_client(id: &str) -> Options {
    let mut options = redirect();
    options.login.as_mut().unwrap().client_id = Some(id.to_owned());
    options
}

#[test]
fn a_page_that_has_come_back_for_one_client_does_not_leave_for_another() {
    run(async {
        let (world, state) = redirected(&[], redirect()).await;
        world.respond(cloud_of(GLOBEX)).share_nothing();
        let page = PageState::default();
        let response = [("code", "code"), ("state", state.as_str())];
        let other = opened_again(&page, &world, with_client("another"), &response).await.unwrap();
        let own = opened_again(&page, &world, redirect(), &[]).await.unwrap();
        while_time_passes(&[&world], record(&own, GLOBEX)).await.unwrap();
        let blocked = error(while_time_passes(&[&world], record(&other, GLOBEX)).await);
        assert_eq!((blocked.code, world.navigations().len()), (Code::LoginBlocked, 0), "{blocked:?}");
        assert!(blocked.hint().contains("popup"), "{}", blocked.hint());
        // For another organization, the same client may leave.
        let left = error(while_time_passes(&[&world], record(&own, ACME)).await);
        assert_eq!((left.code, world.navigations().len()), (Code::LoginTimeout, 1));
    });
}

#[test]
fn a_recorder_that_signs_in_with_a_popup_takes_no_response_of_a_redirect() {
    run(async {
        let (world, state) = redirected(&[], redirect()).await;
        world.respond(cloud_of(GLOBEX));
        let page = PageState::default();
        // The response waits: its client is another.
        opened_again(&page, &world, with_client("another"), &[("code", "code"), ("state", &state)]).await.unwrap();
        let mut popup = redirect();
        popup.login.as_mut().unwrap().mode = None;
        assert!(opened_again(&page, &world, popup, &[]).await.unwrap().tokens().is_empty());
        assert_eq!(opened_again(&page, &world, redirect(), &[]).await.unwrap().tokens().len(), 1);
    });
}

#[test]
fn a_stored_request_that_another_script_has_overwritten_is_none() {
    run(async {
        let (world, state) = redirected(&[], redirect()).await;
        let key = format!("premium-recorder.login.{state}");
        for item in ["", "state=another"] {
            world.store_and_navigate("", &key, item);
            let response = [("code", "code"), ("state", state.as_str())];
            assert_eq!(refused(opened(&world, redirect(), &response).await).code, Code::LoginStateMismatch);
        }
    });
}

/// Options of recorders that differ from `redirect()` in what an authorization request names.
fn others() -> [Options; 4] {
    let other = |change: fn(&mut Options)| {
        let mut options = redirect();
        change(&mut options);
        options
    };
    [
        with_client("another"),
        other(|options| options.environments[0].login = "https://login.another.example".into()),
        // The app lists two clouds with one login origin.
        other(|options| options.environments[0].api = "https://api.another.example".into()),
        other(|options| options.login.as_mut().unwrap().redirect_uri = format!("{PAGE}/?b")),
    ]
}

#[test]
fn a_code_is_exchanged_only_by_the_client_and_at_the_login_origin_that_requested_it() {
    for other in others() {
        run(async {
            let (world, state) = redirected(&[("a", "1")], redirect()).await;
            world.respond(cloud_of(GLOBEX));
            let page = PageState::default();
            // Another recorder of the page connects first. It takes the response out of the address.
            let first = opened_again(&page, &world, other.clone(), &[("code", "the-code"), ("state", &state)]).await.unwrap();
            assert_eq!((first.tokens().len(), world.requests().len()), (0, 0));
            assert_eq!((world.address().unwrap(), world.session_storage().len()), (format!("{PAGE}/?a=1"), 0));
            assert_eq!(first.settings().sources.page_query, pairs(&[("a", "1")]));
            // Nor does it take the response when it connects again.
            assert!(opened_again(&page, &world, other, &[("a", "1")]).await.unwrap().tokens().is_empty());
            let owner = opened_again(&page, &world, redirect(), &[("a", "1")]).await.unwrap();
            assert_eq!(owner.tokens()[0].target().org.as_str(), GLOBEX);
            assert_eq!(form(world.requests()[0].body.as_ref().unwrap())["code"], "the-code");
            assert!(opened_again(&page, &world, redirect(), &[("a", "1")]).await.unwrap().tokens().is_empty());
            assert_eq!(token_requests(&world), 1);
        });
    }
}

#[test]
fn a_response_outlasts_a_connect_that_fails_before_it_uses_it() {
    run(async {
        let invalid = Options { timeout: Some(0.0), ..on_connect(|_| {}) };
        let malformed = Options { tokens: vec![jwt("{").into()], ..on_connect(|_| {}) };
        for (options, code) in [(invalid, Code::BadArgument), (malformed, Code::TokenMalformed)] {
            let (world, state) = redirected(&[("a", "1")], redirect()).await;
            world.respond(cloud_of(GLOBEX));
            let page = PageState::default();
            let response = [("code", "the-code"), ("state", state.as_str())];
            assert_eq!(refused(opened_again(&page, &world, options, &response).await).code, code);
            assert_eq!(world.requests().len(), 0);
            let recorder = opened_again(&page, &world, on_connect(|_| {}), &[("a", "1")]).await.unwrap();
            assert_eq!(recorder.tokens()[0].target().org.as_str(), GLOBEX);
            assert_eq!((token_requests(&world), world.navigations().len()), (1, 0));
        }
    });
}

#[test]
fn a_page_does_not_leave_at_connect_while_it_has_another_clients_response() {
    run(async {
        let (world, state) = redirected(&[], redirect()).await;
        world.respond(cloud_of(GLOBEX));
        let page = PageState::default();
        let other = on_connect(|login| login.client_id = Some("another".into()));
        opened_again(&page, &world, other, &[("code", "the-code"), ("state", &state)]).await.unwrap();
        assert!(world.navigations().is_empty());
        assert_eq!(opened_again(&page, &world, redirect(), &[]).await.unwrap().tokens().len(), 1);
    });
}

#[test]
fn a_refusal_for_another_client_rejects_the_connect_of_that_client() {
    run(async {
        let (world, state) = redirected(&[], redirect()).await;
        let page = PageState::default();
        let refusal = [("error", "access_denied"), ("state", state.as_str())];
        opened_again(&page, &world, with_client("another"), &refusal).await.unwrap();
        assert_eq!(refused(opened_again(&page, &world, redirect(), &[]).await).code, Code::LoginDenied);
        opened_again(&page, &world, redirect(), &[]).await.unwrap();
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

#[test]
fn a_response_is_taken_at_the_redirect_uri_with_or_without_its_trailing_slash() {
    run(async {
        let (world, url) = leave_at_connect(|| on_connect(|_| {})).await;
        world.respond(cloud_of(GLOBEX));
        let state = parameter(&url, "state").unwrap();
        let mut page = page(&[("code", "code"), ("state", &state)]);
        page.address = PAGE.to_owned();
        let (options, state) = (on_connect(|_| {}), PageState::default());
        state.returned.receive(options.login.as_ref(), &world, Some(&mut page)).unwrap();
        let settings = Settings::from_options(options, None, Some(page)).unwrap();
        let recorder = Recorder::connect(state, world.clone(), settings, no_options()).await.unwrap();
        assert_eq!(recorder.org(), OrgId::parse(GLOBEX));
        // The request names the URI that is registered.
        assert_eq!(form(world.requests()[0].body.as_ref().unwrap())["redirect_uri"], format!("{PAGE}/"));
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
fn a_page_that_has_stayed_for_an_hour_removes_an_abandoned_redirect_sign_in_when_it_leaves() {
    run(async {
        let (world, first) = redirected(&[], redirect()).await;
        world.seed_random(10);
        let recorder = opened(&world, redirect(), &[]).await.unwrap();
        assert_eq!(world.session_storage().len(), 1, "connect() keeps it");
        world.advance(3_600_000);
        navigate_away(&recorder, &world).await;
        assert!(world.session_storage().len() == 1 && !world.session_storage().keys().any(|key| key.ends_with(&first)));
    });
}
