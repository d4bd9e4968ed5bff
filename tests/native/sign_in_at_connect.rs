//! Signing in while connect() runs.

use std::task::Poll;

use crate::support::*;
use premium_recorder::auth::login::LoginOptions;
use premium_recorder::cloud::call::CallError;
use premium_recorder::model::error::Code;
use premium_recorder::model::ids::OrgId;
use premium_recorder::recorder::page_state::PageState;
use premium_recorder::recorder::settings::Options;

#[test]
fn connect_signs_in_by_redirect_for_the_named_organization_or_for_any() {
    for named in [None, Some(GLOBEX)] {
        run(async {
            let options = || Options { org_id: named.map(str::to_owned), ..on_connect(|_| {}) };
            let (world, url) = leave_at_connect(options).await;
            assert_eq!(parameter(&url, "target").as_deref(), named);
            world.respond(cloud_of(GLOBEX));
            let state = parameter(&url, "state").unwrap();
            let recorder = opened(&world, options(), &[("code", "code"), ("state", &state)]).await.unwrap();
            assert_eq!((recorder.org(), world.navigations().len()), (OrgId::parse(GLOBEX), 0));
            record_in_current_org(&recorder).await.unwrap();
        });
    }
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
fn a_page_that_keeps_coming_back_without_a_response_stops_leaving() {
    run(async {
        let options = || on_connect(|login| login.timeout = Some(5_000.0));
        let mut world = World::new();
        for _ in 0..12 {
            let left = while_time_passes(&[&world], opened(&world, options(), &[])).await;
            assert_eq!((refused(left).code, world.navigations().len()), (Code::LoginTimeout, 1));
            // The query is lost on the way back.
            world = world.after_redirect();
        }
        let stopped = refused(opened(&world, options(), &[]).await);
        assert_eq!((stopped.code, world.navigations().len()), (Code::LoginStateMismatch, 0));
        assert_eq!(stopped.message, "The page was opened 12 times after a sign-in, without its authorization response.");
        assert!(stopped.hint().contains("login.redirectUri"), "{}", stopped.hint());
        // In a click, the person decides. Five minutes later, the page tries again.
        let world = world.after_redirect();
        let recorder = opened(&world, redirect(), &[]).await.unwrap();
        assert!(while_time_passes(&[&world], record(&recorder, GLOBEX)).await.is_err());
        assert_eq!(world.navigations().len(), 1);
        world.advance(300_000);
        let world = world.after_redirect();
        let left = while_time_passes(&[&world], opened(&world, options(), &[])).await;
        assert_eq!((refused(left).code, world.navigations().len()), (Code::LoginTimeout, 1));
    });
}

/// A silent sign-in is one navigation. So the next page is opened when this one is left, and browsers round both times.
#[test]
fn a_page_that_is_opened_when_it_was_left_is_part_of_a_loop() {
    for rounding in [0, 1, 3] {
        run(async {
            let mut world = World::new();
            let mut rounds = 0;
            let stopped = loop {
                // The page runs for a tenth of a second.
                world.advance(100);
                let mut call = Box::pin(opened(&world, on_connect(|_| {}), &[]));
                let ended = poll_once(call.as_mut()).await;
                if world.navigations().is_empty() {
                    let Poll::Ready(stopped) = ended else { panic!("it neither leaves nor fails") };
                    break refused(stopped);
                }
                drop(call);
                rounds += 1;
                assert!(rounds < 20, "it does not stop");
                world.advance(-rounding);
                world = world.after_redirect();
            };
            assert_eq!((stopped.code, rounds), (Code::LoginStateMismatch, 13));
        });
    }
}

#[test]
fn sign_ins_of_other_clients_and_addresses_are_no_part_of_a_loop() {
    run(async {
        let others: [fn(&mut LoginOptions); 2] =
            [|login| login.client_id = Some("another".into()), |login| login.redirect_uri = format!("{PAGE}/?b")];
        let mut world = World::new();
        for _ in 0..6 {
            for other in others {
                let options = on_connect(|login| {
                    login.timeout = Some(1_000.0);
                    other(login);
                });
                let left = while_time_passes(&[&world], opened(&world, options, &[])).await;
                assert_eq!(refused(left).code, Code::LoginTimeout);
                world = world.after_redirect();
            }
        }
        let left = while_time_passes(&[&world], opened(&world, on_connect(|_| {}), &[])).await;
        assert_eq!((refused(left).code, world.navigations().len()), (Code::LoginTimeout, 1));
    });
}

#[test]
fn a_tab_with_ten_frames_may_be_reloaded_while_they_sign_in() {
    run(async {
        let options = || on_connect(|login| login.timeout = Some(1_000.0));
        let mut tab = World::new();
        for _ in 0..3 {
            for leaves in 1..=10 {
                let left = while_time_passes(&[&tab], opened(&tab, options(), &[])).await;
                assert_eq!((refused(left).code, tab.navigations().len()), (Code::LoginTimeout, leaves));
            }
            tab = tab.after_redirect();
        }
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
fn a_connect_that_needs_no_sign_in_is_no_loop() {
    for way in ["tokens", "getToken", "another page"] {
        run(async {
            let options = || Options { org_id: Some(GLOBEX.into()), ..on_connect(|login| login.timeout = Some(5_000.0)) };
            let mut world = World::new();
            for _ in 0..12 {
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
                    page.respond(cloud_of(GLOBEX)).sign_in_immediately();
                    other = Some(sign_in(&page, login_options(), GLOBEX).await);
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
