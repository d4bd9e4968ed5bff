//! The token of a redirect that a closed recorder leaves to the next one of its page.

use crate::support::*;
use premium_recorder::auth::login::LoginOptions;
use premium_recorder::model::error::Code;
use premium_recorder::recorder::Recorder;
use premium_recorder::recorder::settings::Options;

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

/// A recorder that has a token of Globex, which it shares with no other page.
async fn recorder_in_another_page(world: &World) -> Recorder<World> {
    let other = world.another_page();
    other.respond(cloud_of(GLOBEX)).share_nothing();
    let held = Options { tokens: vec![jwt_for(GLOBEX).into()], ..on_connect(|_| {}) };
    opened(&other, held, &[]).await.unwrap()
}

#[test]
fn a_token_that_is_left_is_forgotten_when_another_page_signs_out() {
    for signs_out in [false, true] {
        run(async {
            let (world, page, answer) = returned().await;
            connect_on_return(&page, &world, &answer).await.close();
            let recorder = recorder_in_another_page(&world).await;
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
    let others: [fn(&mut LoginOptions); 5] = [
        |login| login.client_id = Some("another".into()),
        |login| login.scope = Some("another".into()),
        |login| login.login_hint = Some("another".into()),
        |login| login.prompt = Some("login".into()),
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
        let recorder = recorder_in_another_page(&world).await;
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
fn a_sign_in_outlasts_a_connect_that_fails_with_a_token_of_the_app() {
    run(async {
        let (world, page, answer) = returned().await;
        world.respond(|request: &SentRequest| match request.token.as_str() {
            "by-app" => response(503, ""),
            _ => cloud_of(GLOBEX)(request),
        });
        let by_app = || Options { tokens: vec!["by-app".to_owned().into()], ..on_connect(|_| {}) };
        let query: Vec<(&str, &str)> = answer.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(refused(opened_again(&page, &world, by_app(), &query).await).code, Code::CloudUnavailable);
        let again = connect_on_return(&page, &world, &[]).await;
        assert_eq!((again.tokens().len(), token_requests(&world)), (1, 1));
        record(&again, GLOBEX).await.unwrap();
    });
}

#[test]
fn a_sign_in_outlasts_a_connect_whose_time_a_token_of_the_app_takes() {
    run(async {
        let (world, page, answer) = returned().await;
        world.respond_async(|request| {
            let is_by_app = request.token == "by-app";
            let result = cloud_of(GLOBEX)(request);
            Box::pin(async move {
                if is_by_app {
                    std::future::pending::<()>().await;
                }
                Ok(result)
            })
        });
        let by_app = Options { tokens: vec!["by-app".to_owned().into()], ..on_connect(|_| {}) };
        let query: Vec<(&str, &str)> = answer.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let failed = while_time_passes(&[&world], opened_again(&page, &world, by_app, &query)).await;
        assert_eq!(refused(failed).code, Code::Timeout);
        let again = connect_on_return(&page, &world, &[]).await;
        assert_eq!((again.tokens().len(), token_requests(&world)), (1, 1));
        record(&again, GLOBEX).await.unwrap();
    });
}
