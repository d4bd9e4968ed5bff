//! The sign-in window: when it opens, how it ends, and what the call waits for.

use std::rc::Rc;

use crate::support::*;
use premium_recorder::cloud::call::CallError;
use premium_recorder::cloud::response::Response;
use premium_recorder::cloud::signal::Signal;
use premium_recorder::model::error::{Cause, Code, Error};
use premium_recorder::model::ids::OrgId;
use premium_recorder::recorder::Recorder;
use premium_recorder::recording::start::Start;

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
        // No window is opened again, later than in the click's own turn.
        assert_eq!((refused.evidence.hint, world.events()), (None, Vec::new()));

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
        assert!(none.evidence.cause.is_none() && !none.hint().contains("`cause`"), "{}", none.hint());
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
