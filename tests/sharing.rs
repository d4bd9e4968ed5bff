//! Several pages of one origin that want a token of the same organization.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use futures::future::{join, join_all};
use premium_recorder::cloud::response::Response;
use premium_recorder::model::error::{Cause, Code};
use premium_recorder::model::ids::OrgId;
use premium_recorder::recorder::Recorder;
use premium_recorder::recorder::settings::Options;
use support::*;

fn answers(request: &SentRequest) -> Response {
    accept_in(GLOBEX, r#"{"access_token":"opaque","expires_in":3600,"refresh_token":"refresh"}"#, request)
}

/// So many pages, each with a recorder that has these options, in a cloud that says yes.
async fn pages(count: usize, first: World, options: impl Fn() -> Options) -> Vec<(World, Recorder<World>)> {
    let mut pages = Vec::new();
    for at in 0..count {
        let world = if at == 0 { first.clone() } else { first.another_page() };
        world.respond(answers);
        let recorder = connect(&world, options()).await;
        pages.push((world, recorder));
    }
    pages
}

fn asked(pages: &[(World, Recorder<World>)]) -> usize {
    pages.iter().map(|(world, _)| world.get_token_calls().len()).sum()
}

#[test]
fn fifty_pages_ask_once() {
    run(async {
        let pages = pages(50, World::new(), || options(&[])).await;
        pages.iter().for_each(|(world, _)| {
            world.issue_per_org();
        });
        let all = join_all(pages.iter().map(|(_, recorder)| record(recorder, GLOBEX))).await;
        assert!(all.into_iter().all(|recording| recording.unwrap().org.as_str() == GLOBEX));
        assert_eq!(asked(&pages), 1);
        // Each organization has its own.
        join_all(pages.iter().map(|(_, recorder)| record(recorder, ACME))).await;
        assert_eq!(asked(&pages), 2);
        for (world, _) in &pages {
            assert!(world.starts().iter().all(|start| Some(&start.token) == start.org.as_deref().map(jwt_for).as_ref()));
        }
    });
}

#[test]
fn all_works_without_locks() {
    run(async {
        let world = World::new();
        world.disable_locks();
        let pages = pages(3, world, || options(&[])).await;
        let sources: Vec<Release> = pages.iter().map(|(world, _)| world.issue_when_released(|_| true)).collect();
        let calls = join_all(pages.iter().map(|(_, recorder)| record(recorder, GLOBEX)));
        let (all, ()) = join(calls, async { sources.into_iter().for_each(Release::send) }).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(asked(&pages), 3);
    });
}

#[test]
fn pages_that_do_not_share_obtain_their_own() {
    run(async {
        let pages = pages(3, World::new(), || Options { share_tokens: Some(false), ..options(&[]) }).await;
        for (world, recorder) in &pages {
            world.issue_per_org();
            record(recorder, GLOBEX).await.unwrap();
        }
        assert_eq!(asked(&pages), 3);
    });
}

#[test]
fn pages_with_another_source_or_use_obtain_their_own() {
    run(async {
        let first = World::new();
        first.respond(answers).issue_per_org();
        let recorder = connect(&first, options(&[])).await;
        record(&recorder, GLOBEX).await.unwrap();
        let mut other_cloud = options(&[]);
        other_cloud.environments[0].api = "https://api.another.example".into();
        let other_use = Options { scope: Some("recordings".into()), ..options(&[]) };
        for options in [other_cloud, other_use, login_options()] {
            let world = first.another_page();
            world.respond(answers).issue_per_org();
            let recorder = connect(&world, options).await;
            record(&recorder, GLOBEX).await.unwrap();
            assert_eq!(world.get_token_calls().len(), 1);
        }
    });
}

#[test]
fn a_token_that_the_app_itself_handed_over_stays_where_it_is() {
    run(async {
        let first = World::new();
        let recorder = connect(&first, options(&[&jwt_for(GLOBEX)])).await;
        let other = first.another_page();
        other.respond(answers).issue_per_org();
        let another = connect(&other, options(&[])).await;
        record(&another, GLOBEX).await.unwrap();
        assert_eq!((recorder.tokens().len(), other.get_token_calls().len()), (1, 1));
    });
}

#[test]
fn a_page_that_opens_later_takes_over_what_another_signed_in_for() {
    run(async {
        let for_globex = || Options { org_id: Some(GLOBEX.into()), ..login_options() };
        let first = World::new();
        first.respond(answers);
        let recorder = connect(&first, for_globex()).await;
        join(record(&recorder, GLOBEX), async { first.popups()[0].post_code("code") }).await.0.unwrap();

        let later = first.another_page();
        later.respond(answers);
        let another = connect(&later, for_globex()).await;
        assert_eq!(another.tokens()[0].target().org.as_str(), GLOBEX);
        record(&another, GLOBEX).await.unwrap();
        assert!(later.popups().is_empty());
        // The refresh token stays with the page that was given it.
        assert!(later.requests().iter().all(|request| !request.is_for_token_endpoint()));
    });
}

#[test]
fn a_page_waits_for_the_one_that_signs_in() {
    run(async {
        let pages = pages(2, World::new(), login_options).await;
        let [(first, one), (second, other)] = pages.as_slice() else { panic!() };
        let somebody = async {
            yield_now().await;
            // The second one's window is open, as it had to be in the click, and shows nothing yet.
            assert_eq!(second.popups()[0].url(), None);
            first.popups()[0].post_code("code");
        };
        let ((a, b), ()) = join(join(record(one, GLOBEX), record(other, GLOBEX)), somebody).await;
        assert!(a.is_ok() && b.is_ok());
        assert!(second.popups()[0].closed_by_library() && second.popups()[0].url().is_none());
    });
}

#[test]
fn one_pages_failure_is_not_anothers() {
    run(async {
        let pages = pages(2, World::new(), || options(&[])).await;
        let [(first, one), (second, other)] = pages.as_slice() else { panic!() };
        first.token_source(|_| Box::pin(async { Err(Cause::Foreign(std::rc::Rc::new(()))) }));
        second.issue_per_org();
        let (a, b) = join(record(one, GLOBEX), record(other, GLOBEX)).await;
        assert_eq!(error(a).code, Code::TokenSourceFailed);
        b.unwrap();
    });
}

#[test]
fn a_token_that_was_refused_is_not_taken_over_again() {
    run(async {
        let pages = pages(2, World::new(), || options(&[])).await;
        let [(first, one), (second, other)] = pages.as_slice() else { panic!() };
        let token = |jti: &str| jwt(&format!(r#"{{"org_id":"{GLOBEX}","jti":"{jti}"}}"#));
        first.issue(&token("stale"));
        record(one, GLOBEX).await.unwrap();
        let stale = token("stale");
        second.respond(move |request| if request.token == stale { response(401, "") } else { answers(request) }).issue(&token("fresh"));
        record(other, GLOBEX).await.unwrap();
        let sent: Vec<String> = second.starts().into_iter().map(|start| start.token).collect();
        assert_eq!((sent, second.get_token_calls().len()), (vec![token("stale"), token("fresh")], 1));
    });
}

#[test]
fn what_is_about_to_expire_is_not_taken_over() {
    run(async {
        let pages = pages(2, World::new(), || options(&[])).await;
        let [(first, one), (second, other)] = pages.as_slice() else { panic!() };
        first.issue(&jwt(&format!(r#"{{"org_id":"{GLOBEX}","exp":{}}}"#, NOW / 1000 + 100)));
        second.issue_per_org();
        record(one, GLOBEX).await.unwrap();
        // It lives for another five seconds.
        first.advance(95_000);
        second.advance(95_000);
        record(other, GLOBEX).await.unwrap();
        assert_eq!(second.get_token_calls().len(), 1);
    });
}

#[test]
fn signing_out_in_one_page_forgets_in_all_and_nothing_comes_back() {
    run(async {
        let pages = pages(3, World::new(), || options(&[])).await;
        for (world, recorder) in &pages {
            world.issue_per_org();
            record(recorder, GLOBEX).await.unwrap();
        }
        let (first, one) = &pages[0];
        one.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap();
        assert!(pages.iter().all(|(_, recorder)| recorder.tokens().is_empty()));
        assert_eq!(first.requests().iter().filter(|request| request.method == "DELETE").count(), 1);
        record(&pages[1].1, GLOBEX).await.unwrap();
        assert_eq!(asked(&pages), 2);
    });
}

#[test]
fn when_the_token_of_all_pages_expires_one_asks_for_all() {
    run(async {
        let pages = pages(10, World::new(), || options(&[])).await;
        let serial = std::rc::Rc::new(std::cell::Cell::new(0));
        for (world, _) in &pages {
            let (serial, clock) = (serial.clone(), world.clone());
            world.token_source(move |_| {
                serial.set(serial.get() + 1);
                let exp = clock.time() / 1000 + 100;
                let token = jwt(&format!(r#"{{"org_id":"{GLOBEX}","exp":{exp},"jti":"{}"}}"#, serial.get()));
                Box::pin(async move { Ok(issued_token(&token)) })
            });
        }
        for round in 1..4 {
            // The first one has the turn to answer, and rests.
            for (_, recorder) in &pages[usize::from(round > 1)..] {
                record(recorder, GLOBEX).await.unwrap();
            }
            assert_eq!(asked(&pages), round);
            pages.iter().for_each(|(world, _)| world.advance(100_000));
        }
    });
}

#[test]
fn how_long_a_shared_token_may_rest_is_for_the_cloud_to_say() {
    run(async {
        let pages = pages(2, World::new(), || options(&[])).await;
        let [(first, one), (second, other)] = pages.as_slice() else { panic!() };
        for (world, _) in &pages {
            world.issue("opaque").respond(|request| match request.method.as_str() {
                "GET" => {
                    let at = jiff::Timestamp::from_millisecond(NOW + 900_000).unwrap();
                    response(200, &format!(r#"{{"organization":{{"id":"{GLOBEX}"}},"dateTokenIdles":"{at}"}}"#))
                }
                _ => answers(request),
            });
        }
        record(one, GLOBEX).await.unwrap();
        other.switch_org(OrgId::parse(GLOBEX).unwrap(), no_options()).await.unwrap();
        // The first page may have used it all the while.
        first.advance(1_000_000);
        second.advance(1_000_000);
        record(other, GLOBEX).await.unwrap();
        assert_eq!(asked(&pages), 1);
    });
}

#[test]
fn a_page_that_closes_shares_no_more() {
    run(async {
        let pages = pages(3, World::new(), || options(&[])).await;
        for (world, recorder) in &pages[..2] {
            world.issue_per_org();
            record(recorder, GLOBEX).await.unwrap();
        }
        pages[2].0.issue_per_org();
        pages[0].1.close();
        pages[1].1.close();
        record(&pages[2].1, GLOBEX).await.unwrap();
        assert_eq!(asked(&pages), 2);
    });
}
