//! Several pages of one origin share the token of an organization.

use crate::support::*;
use premium_recorder::auth::ports::{SharingRole, TokenSharer, TokenSharing};
use premium_recorder::cloud::response::Response;
use premium_recorder::model::error::{Cause, Code};
use premium_recorder::model::ids::OrgId;
use premium_recorder::recorder::settings::Options;
use premium_recorder::token::access_token::{AccessToken, IssuedToken};
use std::cell::Cell;
use std::rc::Rc;

fn accept_with_refresh_token(request: &SentRequest) -> Response {
    accept_in(GLOBEX, r#"{"access_token":"opaque","expires_in":3600,"refresh_token":"refresh"}"#, request)
}

#[test]
fn fifty_pages_call_get_token_once() {
    run(async {
        let pages = connect_pages(50, World::new(), accept_with_refresh_token, || options(&[])).await;
        // Every page waits for the token before the first page gets it.
        let releases: Vec<Release> = pages.iter().map(|(world, _)| world.issue_when_released(|org| org == GLOBEX)).collect();
        let calls = join_all(pages.iter().map(|(_, recorder)| record(recorder, GLOBEX)));
        let (all, ()) = join(calls, async { releases.into_iter().for_each(Release::send) }).await;
        assert!(all.into_iter().all(|recording| recording.unwrap().org.as_str() == GLOBEX));
        assert_eq!(get_token_calls_of(&pages), 1);
        // Each organization has its own token.
        join_all(pages.iter().map(|(_, recorder)| record(recorder, ACME))).await;
        assert_eq!(get_token_calls_of(&pages), 2);
        for (world, _) in &pages {
            assert!(world.starts().iter().all(|start| Some(&start.token) == start.org.as_deref().map(jwt_for).as_ref()));
        }
    });
}

#[test]
fn without_locks_every_page_calls_get_token() {
    run(async {
        let world = World::new();
        world.disable_locks();
        let pages = connect_pages(3, world, accept_with_refresh_token, || options(&[])).await;
        let sources: Vec<Release> = pages.iter().map(|(world, _)| world.issue_when_released(|_| true)).collect();
        let calls = join_all(pages.iter().map(|(_, recorder)| record(recorder, GLOBEX)));
        let (all, ()) = join(calls, async { sources.into_iter().for_each(Release::send) }).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(get_token_calls_of(&pages), 3);
    });
}

#[test]
fn pages_with_share_tokens_false_call_get_token_each() {
    run(async {
        let pages =
            connect_pages(3, World::new(), accept_with_refresh_token, || Options { share_tokens: Some(false), ..options(&[]) }).await;
        for (world, recorder) in &pages {
            world.issue_per_org();
            record(recorder, GLOBEX).await.unwrap();
        }
        assert_eq!(get_token_calls_of(&pages), 3);
    });
}

#[test]
fn pages_with_another_cloud_scope_or_login_share_no_token() {
    run(async {
        let first = World::new();
        first.respond(accept_with_refresh_token).issue_per_org();
        let recorder = connect(&first, options(&[])).await;
        record(&recorder, GLOBEX).await.unwrap();
        let mut other_cloud = options(&[]);
        other_cloud.environments[0].api = "https://api.another.example".into();
        let other_use = Options { contract: json(r#"{"scope":"recordings"}"#).unwrap(), ..options(&[]) };
        for options in [other_cloud, other_use, login_options()] {
            let world = first.another_page();
            world.respond(accept_with_refresh_token).issue_per_org();
            let recorder = connect(&world, options).await;
            record(&recorder, GLOBEX).await.unwrap();
            assert_eq!(world.get_token_calls().len(), 1);
        }
    });
}

#[test]
fn a_token_from_the_options_is_not_shared() {
    run(async {
        let first = World::new();
        let recorder = with_token(&first).await;
        let other = first.another_page();
        other.respond(accept_with_refresh_token).issue_per_org();
        let another = connect(&other, options(&[])).await;
        record(&another, GLOBEX).await.unwrap();
        assert_eq!((recorder.tokens().len(), other.get_token_calls().len()), (1, 1));
    });
}

#[test]
fn a_page_that_opens_later_uses_the_token_of_an_earlier_sign_in() {
    run(async {
        let for_globex = || Options { org_id: Some(GLOBEX.into()), ..login_options() };
        let first = World::new();
        first.respond(accept_with_refresh_token);
        let recorder = connect(&first, for_globex()).await;
        join(record(&recorder, GLOBEX), async { first.popups()[0].post_code("code") }).await.0.unwrap();

        let later = first.another_page();
        later.respond(accept_with_refresh_token);
        let another = connect(&later, for_globex()).await;
        assert_eq!(another.tokens()[0].target().org.as_str(), GLOBEX);
        record(&another, GLOBEX).await.unwrap();
        assert!(later.popups().is_empty());
        // The pages do not share the refresh token, so the later page cannot use it.
        assert!(later.requests().iter().all(|request| !request.is_for_token_endpoint()));
    });
}

#[test]
fn a_page_waits_for_the_sign_in_of_another_page() {
    run(async {
        let pages = connect_pages(2, World::new(), accept_with_refresh_token, login_options).await;
        let [(first, one), (second, other)] = pages.as_slice() else { panic!() };
        let sign_in = async {
            yield_now().await;
            // The second page had to open its window during the click. The window shows nothing yet.
            assert_eq!(second.popups()[0].url(), None);
            first.popups()[0].post_code("code");
        };
        let ((a, b), ()) = join(join(record(one, GLOBEX), record(other, GLOBEX)), sign_in).await;
        assert!(a.is_ok() && b.is_ok());
        assert!(second.popups()[0].closed_by_library() && second.popups()[0].url().is_none());
    });
}

#[test]
fn a_failure_in_one_page_does_not_fail_another() {
    run(async {
        let pages = connect_pages(2, World::new(), accept_with_refresh_token, || options(&[])).await;
        let [(first, one), (second, other)] = pages.as_slice() else { panic!() };
        first.token_source(|_| Box::pin(async { Err(Cause::Foreign(std::rc::Rc::new(()))) }));
        second.issue_per_org();
        let (a, b) = join(record(one, GLOBEX), record(other, GLOBEX)).await;
        assert_eq!(error(a).code, Code::TokenSourceFailed);
        b.unwrap();
    });
}

#[test]
fn a_shared_token_that_was_refused_is_not_used_again() {
    run(async {
        let pages = connect_pages(2, World::new(), accept_with_refresh_token, || options(&[])).await;
        let [(first, one), (second, other)] = pages.as_slice() else { panic!() };
        let token = |jti: &str| jwt(&format!(r#"{{"org_id":"{GLOBEX}","jti":"{jti}"}}"#));
        first.issue(&token("stale"));
        record(one, GLOBEX).await.unwrap();
        let stale = token("stale");
        second
            .respond(move |request| if request.token == stale { response(401, "") } else { accept_with_refresh_token(request) })
            .issue(&token("fresh"));
        record(other, GLOBEX).await.unwrap();
        let sent: Vec<String> = second.starts().into_iter().map(|start| start.token).collect();
        assert_eq!((sent, second.get_token_calls().len()), (vec![token("stale"), token("fresh")], 1));
    });
}

#[test]
fn a_shared_token_that_is_about_to_expire_is_not_used() {
    run(async {
        let pages = connect_pages(2, World::new(), accept_with_refresh_token, || options(&[])).await;
        let [(first, one), (second, other)] = pages.as_slice() else { panic!() };
        first.issue(&jwt(&format!(r#"{{"org_id":"{GLOBEX}","exp":{}}}"#, NOW / 1000 + 100)));
        second.issue_per_org();
        record(one, GLOBEX).await.unwrap();
        // Five seconds are left until the token expires.
        first.advance(95_000);
        second.advance(95_000);
        record(other, GLOBEX).await.unwrap();
        assert_eq!(second.get_token_calls().len(), 1);
    });
}

#[test]
fn when_a_shared_token_expires_one_page_calls_get_token() {
    run(async {
        let pages = connect_pages(10, World::new(), accept_with_refresh_token, || options(&[])).await;
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
            // After the first round the first page makes no call, so the others cannot use its token.
            for (_, recorder) in &pages[usize::from(round > 1)..] {
                record(recorder, GLOBEX).await.unwrap();
            }
            assert_eq!(get_token_calls_of(&pages), round);
            pages.iter().for_each(|(world, _)| world.advance(100_000));
        }
    });
}

#[test]
fn the_idle_timeout_of_a_shared_token_is_left_to_the_cloud() {
    run(async {
        let pages = connect_pages(2, World::new(), accept_with_refresh_token, || options(&[])).await;
        let [(first, one), (second, other)] = pages.as_slice() else { panic!() };
        for (world, _) in &pages {
            world.issue("opaque").respond(|request| match request.method.as_str() {
                "GET" => {
                    let at = jiff::Timestamp::from_millisecond(NOW + 900_000).unwrap();
                    response(200, &format!(r#"{{"organization":{{"id":"{GLOBEX}"}},"dateTokenIdles":"{at}"}}"#))
                }
                _ => accept_with_refresh_token(request),
            });
        }
        record(one, GLOBEX).await.unwrap();
        other.switch_org(OrgId::parse(GLOBEX).unwrap(), no_options()).await.unwrap();
        // The first page may have used the token in the meantime, so its idle timeout is unknown.
        first.advance(1_000_000);
        second.advance(1_000_000);
        record(other, GLOBEX).await.unwrap();
        assert_eq!(get_token_calls_of(&pages), 1);
    });
}

#[test]
fn a_closed_page_shares_no_token() {
    run(async {
        let pages = connect_pages(3, World::new(), accept_with_refresh_token, || options(&[])).await;
        for (world, recorder) in &pages[..2] {
            world.issue_per_org();
            record(recorder, GLOBEX).await.unwrap();
        }
        pages[2].0.issue_per_org();
        pages[0].1.close();
        pages[1].1.close();
        record(&pages[2].1, GLOBEX).await.unwrap();
        assert_eq!(get_token_calls_of(&pages), 2);
    });
}

#[test]
fn a_call_that_waits_for_another_pages_sign_in_does_not_time_out() {
    run(async {
        let pages = connect_pages(2, World::new(), accept, login_options).await;
        let [(first, one), (second, other)] = pages.as_slice() else { panic!() };
        let mut calls = Box::pin(join(record(one, GLOBEX), record(other, GLOBEX)));
        assert!(poll_once(calls.as_mut()).await.is_pending());
        // The deadline of both calls is 15 s.
        for _ in 0..20 {
            first.advance(SECOND);
            second.advance(SECOND);
            assert!(poll_once(calls.as_mut()).await.is_pending());
        }
        first.popups()[0].post_code("code");
        let (a, b) = calls.await;
        assert!(a.is_ok() && b.is_ok());
    });
}

#[test]
fn a_token_that_another_page_keeps_using_needs_no_new_sign_in() {
    run(async {
        let pages = connect_pages(2, World::new(), accept, login_options).await;
        let [(first, one), (second, other)] = pages.as_slice() else { panic!() };
        // The token idles out 900 s after its last use by any page.
        let idles_at = Rc::new(Cell::new(NOW + 900 * SECOND));
        for (world, _) in &pages {
            let (clock, idles_at) = (world.clone(), idles_at.clone());
            world.respond(move |request| {
                if request.is_for_token_endpoint() {
                    return accept(request);
                }
                if clock.time() >= idles_at.get() {
                    return response(401, "");
                }
                if request.method == "GET" {
                    return token_info_idling_at(GLOBEX, idles_at.get() - NOW);
                }
                idles_at.set(clock.time() + 900 * SECOND);
                accept(request)
            });
        }
        record_and_sign_in(one, first, GLOBEX).await.unwrap();
        record(other, GLOBEX).await.unwrap();
        for _ in 0..3 {
            first.advance(600 * SECOND);
            second.advance(600 * SECOND);
            record(one, GLOBEX).await.unwrap();
        }
        record(other, GLOBEX).await.unwrap();
        assert!(second.popups().iter().all(|popup| popup.url().is_none()));
    });
}

#[test]
fn an_added_token_is_not_shared_although_the_token_before_it_was() {
    run(async {
        let pages = connect_pages(2, World::new(), accept, || options(&[])).await;
        let [(first, one), (second, other)] = pages.as_slice() else { panic!() };
        first.issue_unless(100.0, |_| false);
        second.issue_unless(100.0, |_| false);
        record(one, GLOBEX).await.unwrap();
        let added = jwt_expiring_in(9999, GLOBEX, "added");
        one.add_token(AccessToken::parse(&added).unwrap(), no_options()).await.unwrap();
        record(other, GLOBEX).await.unwrap();
        assert_ne!(second.starts()[0].token, added);
    });
}

#[test]
fn a_token_of_the_app_is_not_shared_if_it_replaces_one_that_was() {
    run(async {
        let lying = jwt_with_id(ACME, "globex's");
        let of_globex = lying.clone();
        let answer = move |request: &SentRequest| match (request.method.as_str(), request.token == of_globex) {
            ("POST", true) if request.org.as_deref() == Some(ACME) => response(403, RESOURCE_OWNER),
            _ => accept(request),
        };
        let world = World::new();
        world.respond(answer).issue_unless(100.0, |_| false);
        let recorder = connect(&world, options(&[])).await;
        record(&recorder, GLOBEX).await.unwrap();
        assert_eq!(world.shared_tokens(), 1);
        world.advance(101 * SECOND);
        recorder.add_token(AccessToken::parse(&lying).unwrap(), no_options()).await.unwrap();
        // The API says that it is Globex's, so it takes the place of the expired token that was shared.
        record(&recorder, ACME).await.unwrap();
        world.clear_log();
        record(&recorder, GLOBEX).await.unwrap();
        assert_eq!(world.starts()[0].token, lying);
        // Acme's token is shared, which `getToken` returned.
        assert_eq!(world.shared_tokens(), 1);
    });
}

/// Whether a page uses the token that another page has obtained by signing in.
async fn uses_the_other_pages_token(theirs: Options, own: Options) -> bool {
    let first = World::new();
    first.respond(accept);
    let _recorder = sign_in(&first, theirs, GLOBEX).await;
    let second = first.another_page();
    second.respond(accept);
    let other = connect(&second, own).await;
    // Without a token, the call waits for a person.
    let is_done = completed_within(&[&second], 2 * SECOND, record(&other, GLOBEX)).await.is_some();
    assert_ne!(is_done, second.popups().last().unwrap().url().is_some());
    is_done
}

#[test]
fn pages_with_different_login_hints_or_scopes_share_no_token() {
    run(async {
        let with = |hint: Option<&str>, scope: Option<&str>| {
            let mut options = login_options();
            let login = options.login.as_mut().unwrap();
            login.login_hint = hint.map(str::to_owned);
            login.scope = scope.map(str::to_owned);
            options
        };
        let (ada, bob) = (Some("ada@globex.example"), Some("bob@globex.example"));
        assert!(!uses_the_other_pages_token(with(ada, None), with(bob, None)).await, "Bob records with Ada's token");
        assert!(!uses_the_other_pages_token(with(None, Some("a")), with(None, Some("b"))).await);
        assert!(!uses_the_other_pages_token(with(None, Some("a")), with(None, None)).await);
        assert!(uses_the_other_pages_token(with(ada, Some("a b")), with(ada, Some("a b"))).await);
    });
}

#[test]
fn pages_with_and_without_get_token_share_no_token() {
    run(async {
        for issues in [true, false] {
            let issue = |world: &World, issues: bool| {
                world.respond(accept).sign_in_immediately();
                if issues {
                    world.issue_per_org();
                }
            };
            let first = World::new();
            issue(&first, issues);
            let one = connect(&first, login_options()).await;
            record(&one, GLOBEX).await.unwrap();
            let second = first.another_page();
            issue(&second, !issues);
            let other = connect(&second, Options { org_id: Some(GLOBEX.into()), ..login_options() }).await;
            assert!(other.tokens().is_empty());
            record(&other, GLOBEX).await.unwrap();
            assert_eq!((first.get_token_calls().len(), first.popups().len()), if issues { (1, 0) } else { (0, 1) });
            assert_eq!((second.get_token_calls().len(), second.popups().len()), if issues { (0, 1) } else { (1, 0) });
        }
    });
}

#[test]
fn a_page_takes_no_token_of_an_organization_that_it_does_not_allow() {
    run(async {
        let first = World::new();
        first.respond(accept);
        let _recorder = sign_in(&first, login_options(), GLOBEX).await;
        let allowing = |org: &str| Options { org_id: Some(GLOBEX.into()), ..login(|login| login.allowed_org_ids = Some(vec![org.into()])) };
        let page = || {
            let page = first.another_page();
            page.respond(accept);
            page
        };
        let other = connect(&page(), allowing(ACME)).await;
        assert!(other.tokens().is_empty());
        assert_eq!(error(record(&other, GLOBEX).await).code, Code::LoginWrongOrg);
        assert_eq!(connect(&page(), allowing(GLOBEX)).await.tokens().len(), 1);
    });
}

#[test]
fn a_page_with_blocked_windows_uses_no_token_that_the_cloud_has_called_another_organizations() {
    run(async {
        // The first page has not found out yet that the token's claim is wrong.
        let first = World::new();
        first.respond(|request| {
            let issued = format!(r#"{{"access_token":"{}","token_type":"bearer","expires_in":3600}}"#, jwt_for(GLOBEX));
            accept_in(GLOBEX, &issued, request)
        });
        let _holder = sign_in(&first, login_options(), GLOBEX).await;
        let second = first.another_page();
        second.respond(|request| match request.method.as_str() {
            "POST" => response(403, r#"{"message":"insufficient scope for resource owner"}"#),
            _ => response(200, &token_info(ACME)),
        });
        let other = connect(second.block_popups(), login_options()).await;
        record(&other, GLOBEX).await.unwrap_err();
        assert_eq!(second.starts().len(), 1);
    });
}

#[test]
fn a_page_with_blocked_windows_uses_another_pages_token() {
    run(async {
        let first = World::new();
        first.respond(accept);
        let _recorder = sign_in(&first, login_options(), GLOBEX).await;
        let second = first.another_page();
        second.respond(accept);
        let other = connect(second.block_popups(), login_options()).await;
        record(&other, GLOBEX).await.unwrap();
    });
}

#[test]
fn connect_succeeds_although_a_shared_token_cannot_be_verified() {
    run(async {
        let options = || Options { org_id: Some(GLOBEX.into()), ..login_options() };
        let first = World::new();
        first.respond(accept);
        let _recorder = sign_in(&first, options(), GLOBEX).await;
        let second = first.another_page();
        second.respond_async(|_| Box::pin(std::future::pending()));
        let connected = while_time_passes(&[&second], try_connect(&second, options())).await;
        assert!(connected.unwrap().tokens().is_empty());
        assert_eq!(second.requests().len(), 1, "the shared token is verified once");
    });
}

/// Another page of the origin, which shares this token and counts how often.
struct Sharer(String, Rc<Cell<usize>>);

impl TokenSharer for Sharer {
    fn share(&self) -> Option<IssuedToken> {
        self.1.set(self.1.get() + 1);
        Some(issued_token(&self.0))
    }

    fn forget(&self) {}
}

#[test]
fn a_shared_token_of_another_organization_is_not_used() {
    run(async {
        let world = World::new();
        world.respond(accept).issue_per_org();
        let shared = Rc::new(Cell::new(0));
        // The name ends with the `loginHint`, which is empty here.
        let name = format!("premium-recorder https://api.cloud.example {GLOBEX} screenrecordings:write getToken ");
        let _sharing = world.share_token(&name, Rc::new(Sharer(jwt_with_id(ACME, "shared"), shared.clone())), SharingRole::Answers);
        let recorder = connect(&world, options(&[])).await;
        assert_eq!(record(&recorder, GLOBEX).await.unwrap().org.as_str(), GLOBEX);
        assert_eq!((world.starts()[0].org.as_deref(), world.starts()[0].token.clone()), (Some(GLOBEX), jwt_for(GLOBEX)));
        assert_eq!(shared.get(), 1, "the token was shared under the name that the library uses");
    });
}

#[test]
fn a_shared_token_keeps_its_expiry() {
    run(async {
        let pages = connect_pages(2, World::new(), accept_short_lived, || options(&[])).await;
        for (world, _) in &pages {
            world.issue_opaque(100.0);
        }
        let [(_, one), (second, other)] = pages.as_slice() else { panic!() };
        record(one, GLOBEX).await.unwrap();
        record(other, GLOBEX).await.unwrap();
        assert!(second.get_token_calls().is_empty());
        pages.iter().for_each(|(world, _)| world.advance(100 * SECOND));
        record(other, GLOBEX).await.unwrap();
        assert_eq!(second.get_token_calls().len(), 1);
    });
}

#[test]
fn a_refused_token_is_not_shared() {
    run(async {
        let stale = jwt_with_id(GLOBEX, "stale");
        let refused = stale.clone();
        let cloud = move |request: &SentRequest| if request.token == refused { response(401, "") } else { accept(request) };
        let pages = connect_pages(2, World::new(), cloud, || options(&[])).await;
        let [(first, one), (second, other)] = pages.as_slice() else { panic!() };
        first.issue(&stale);
        second.issue(&jwt_with_id(GLOBEX, "good"));
        record(one, GLOBEX).await.unwrap_err();
        record(other, GLOBEX).await.unwrap();
        assert!(second.starts().iter().all(|start| start.token != stale));
    });
}

#[test]
fn a_token_from_the_options_is_not_replaced_by_a_shared_one() {
    run(async {
        let options = |tokens: &[&str]| Options { org_id: Some(GLOBEX.into()), login: login_options().login, ..options(tokens) };
        let first = World::new();
        first.respond(accept);
        let _recorder = sign_in(&first, options(&[]), GLOBEX).await;
        let second = first.another_page();
        second.respond(accept);
        let own = jwt_with_id(GLOBEX, "own");
        let other = connect(&second, options(&[&own])).await;
        record(&other, GLOBEX).await.unwrap();
        assert_eq!(second.starts()[0].token, own);
    });
}

#[test]
fn connect_goes_on_without_a_page_that_never_answers() {
    for timeout in [1.0, 900.0, 15_000.0] {
        run(async {
            let world = World::new();
            world.share_silence();
            let options = Options { org_id: Some(GLOBEX.to_owned()), timeout: Some(timeout), ..login_options() };
            let recorder = while_time_passes(&[&world], connect(&world, options)).await;
            assert!(recorder.tokens().is_empty());
            assert!(world.time() - NOW <= 2_000);
        });
    }
}

#[test]
fn a_timeout_behind_the_lock_of_a_page_that_obtains_a_token_says_so() {
    run(async {
        let world = World::new();
        let other = world.another_page();
        let (first, second) = (connect(&world, options(&[])).await, connect(&other, options(&[])).await);
        other.token_source(|_| Box::pin(std::future::pending()));
        world.token_source(|_| Box::pin(std::future::pending()));
        let both = join(record(&first, GLOBEX), record(&second, GLOBEX));
        let (holds, waits) = while_time_passes(&[&world, &other], both).await;
        let (holds, waits) = (error(holds), error(waits));
        assert_eq!((holds.code, waits.code), (Code::Timeout, Code::Timeout));
        assert!(!holds.message.contains("another tab"), "{}", holds.message);
        assert!(waits.message.contains("another tab"), "{}", waits.message);

        // That wait is over: what is slow now is the API.
        second.add_token(AccessToken::parse(&jwt_for(GLOBEX)).unwrap(), no_options()).await.unwrap();
        other.respond_after(60_000, || list(&[]));
        let globex = org(GLOBEX);
        let slow = second.recordings(None, Some(&globex), with_timeout(1_000));
        let slow = error(while_time_passes(&[&world, &other], slow).await);
        assert_eq!((slow.code, slow.message.contains("another tab"), other.requests().len()), (Code::Timeout, false, 1));
    });
}

#[test]
fn a_page_that_says_again_and_again_that_it_has_no_token_does_not_use_up_a_calls_time() {
    run(async {
        let world = World::new();
        world.share_nothing();
        world.respond(accept).issue_per_org();
        let recorder = connect(&world, options(&[])).await;
        while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap();
    });
}

#[test]
fn an_added_token_is_not_shared_although_a_sign_in_has_ended_with_an_expired_one() {
    run(async {
        let first = World::new();
        let is_question = |request: &SentRequest| request.url.contains("tokens/me");
        let release =
            first.respond_when_released(is_question, |request| accept_in(GLOBEX, r#"{"access_token":"opaque","expires_in":1}"#, request));
        let recorder = connect(&first, login_options()).await;
        let added = jwt_with_id(GLOBEX, "added");
        let meanwhile = async {
            first.popups()[0].post_code("code");
            wait_until(|| first.requests().iter().any(is_question)).await;
            recorder.add_token(AccessToken::parse(&added).unwrap(), no_options()).await.unwrap();
            first.advance(2 * SECOND);
            release.send();
        };
        let _ = join(record(&recorder, GLOBEX), meanwhile).await;
        let second = first.another_page();
        second.respond(accept);
        let other = connect(&second, login_options()).await;
        let _ = completed_within(&[&second], 2 * SECOND, record(&other, GLOBEX)).await;
        assert!(second.starts().iter().all(|start| start.token != added), "the other page has the app's token");
        assert_eq!(first.shared_tokens(), 0);
    });
}
