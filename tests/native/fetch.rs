//! The app's own requests: where they may go, with which token, and how often they are sent.

use std::cell::Cell;
use std::rc::Rc;

use crate::support::*;
use premium_recorder::cloud::call::{CallError, CallOptions};
use premium_recorder::cloud::ports::TransportError;
use premium_recorder::cloud::response::Response;
use premium_recorder::model::error::{Code, Error};
use premium_recorder::recorder::Recorder;
use premium_recorder::recorder::fetch::AppRequest;
use proptest::prelude::*;

const API: &str = "https://api.cloud.example";
const PATH: &str = "/api/v2/users/me";

fn app_request(method: &str, path: &str) -> AppRequest {
    AppRequest {
        path: path.to_owned(),
        method: method.to_owned(),
        header_names: vec!["content-type".to_owned(), "accept".to_owned()],
        idempotent: None,
        is_stream: false,
        platform_request: Rc::new(()),
        takes_response: true,
    }
}

async fn fetch(recorder: &Recorder<World>, method: &str) -> Result<Box<Response>, CallError> {
    send(recorder, app_request(method, PATH)).await
}

async fn send(recorder: &Recorder<World>, request: AppRequest) -> Result<Box<Response>, CallError> {
    recorder.send(request, Some(&org(GLOBEX)), no_options()).await
}

fn methods_and_tokens(world: &World) -> Vec<(String, String)> {
    world.requests().into_iter().map(|request| (request.method, request.token)).collect()
}

/// The text of a response that the app gets as the platform's own.
fn handed_over(response: &Response) -> String {
    response.platform_response.as_ref().unwrap().downcast_ref::<String>().unwrap().clone()
}

#[test]
fn every_status_is_a_response_of_the_platform_and_nothing_is_added() {
    run(async {
        let world = World::new();
        let status = Rc::new(Cell::new(0));
        let current = status.clone();
        world.respond(move |_| response(current.get(), "a body"));
        let recorder = connect(&world, options(&[&jwt_for(GLOBEX), &jwt_for(ACME)])).await;
        for of_this in [200, 204, 304, 400, 403, 404, 409, 418, 401] {
            status.set(of_this);
            let answered = fetch(&recorder, "POST").await.unwrap();
            assert_eq!((answered.status, handed_over(&answered).as_str()), (of_this, "a body"));
        }
        let requests = world.requests();
        let is_bare =
            |request: &SentRequest| request.token == jwt_for(GLOBEX) && request.org.is_none() && request.url == format!("{API}{PATH}");
        assert!(requests.len() == 9 && requests.iter().all(is_bare), "{requests:?}");
    });
}

#[test]
fn a_rejected_token_is_replaced_once_for_any_method() {
    run(async {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] {
            let (old, new) = (jwt_with_id(GLOBEX, "old"), jwt_with_id(GLOBEX, "new"));
            let world = World::new();
            let rejected = old.clone();
            world.respond(move |request| if request.token == rejected { response(401, "") } else { response(200, "ok") }).issue(&new);
            let recorder = connect(&world, options(&[&old])).await;
            assert_eq!(handed_over(&fetch(&recorder, method).await.unwrap()), "ok");
            assert_eq!(methods_and_tokens(&world), [(method.to_owned(), old), (method.to_owned(), new)]);
            // Twice is the response.
            world.clear_log();
            world.respond(|_| response(401, "no"));
            world.issue(&jwt_with_id(GLOBEX, "newest"));
            assert_eq!((fetch(&recorder, method).await.unwrap().status, world.requests().len()), (401, 2));
        }
    });
}

#[test]
fn a_stream_is_sent_once_whatever_the_cloud_says() {
    run(async {
        for status in [401, 403, 429, 503] {
            let world = World::new();
            world.respond(move |_| response(status, RESOURCE_OWNER)).issue_per_org();
            let recorder = with_token(&world).await;
            let answered = send(&recorder, AppRequest { is_stream: true, ..app_request("PUT", PATH) }).await.unwrap();
            assert_eq!((answered.status, world.requests().len()), (status, 1));
        }
        let world = World::new();
        let recorder = with_token(&world).await;
        let twice = AppRequest { is_stream: true, idempotent: Some(true), ..app_request("PUT", PATH) };
        assert_eq!(error(send(&recorder, twice).await).code, Code::BadArgument);
    });
}

#[test]
fn a_rate_limit_is_waited_out_once() {
    run(async {
        for (limits, status) in [(1, 201), (2, 429)] {
            let world = World::new();
            let left = Cell::new(limits);
            world.respond(move |_| match left.replace(left.get() - 1) {
                ..=0 => response(201, ""),
                _ => rate_limited(Some("2"), ""),
            });
            let recorder = with_token(&world).await;
            let began = world.time();
            let answered = while_time_passes(&[&world], fetch(&recorder, "POST")).await.unwrap();
            assert_eq!((answered.status, world.requests().len(), world.time() - began >= 2_000), (status, 2, true));
        }
        // Longer than the call's time: the response comes at once.
        let world = World::new();
        world.respond(|_| rate_limited(Some("60"), ""));
        let recorder = with_token(&world).await;
        assert_eq!(fetch(&recorder, "POST").await.unwrap().status, 429);
    });
}

#[test]
fn a_lost_response_is_asked_for_again_only_if_that_is_harmless() {
    run(async {
        for (method, idempotent, sends, code) in [
            ("GET", None, 3, Code::Network),
            ("HEAD", None, 3, Code::Network),
            ("GET", Some(false), 1, Code::OutcomeUnknown),
            ("POST", None, 1, Code::OutcomeUnknown),
            ("PUT", None, 1, Code::OutcomeUnknown),
            ("DELETE", None, 1, Code::OutcomeUnknown),
            ("PATCH", Some(false), 1, Code::OutcomeUnknown),
            ("POST", Some(true), 3, Code::Network),
        ] {
            let world = World::new();
            world.respond(|_| Err(lost_response("reset")));
            let recorder = with_token(&world).await;
            let request = AppRequest { idempotent, ..app_request(method, PATH) };
            let lost = error(while_time_passes(&[&world], send(&recorder, request)).await);
            assert_eq!((lost.code, world.requests().len()), (code, sends), "{method} {idempotent:?}");
            assert_eq!(lost.hint().contains("idempotent: true"), code == Code::OutcomeUnknown);
            // 503 says no more than no response at all.
            world.clear_log();
            world.respond(|_| response(503, "busy"));
            let request = AppRequest { idempotent, ..app_request(method, PATH) };
            let busy = while_time_passes(&[&world], send(&recorder, request)).await.unwrap();
            assert_eq!((handed_over(&busy).as_str(), world.requests().len()), ("busy", sends), "{method} {idempotent:?}");
        }
    });
}

#[test]
fn a_deadline_says_whether_the_request_may_have_been_processed() {
    let globex = org(GLOBEX);
    run(async {
        for (method, code) in [("GET", Code::Timeout), ("POST", Code::OutcomeUnknown)] {
            let world = World::new();
            world.respond_after(60_000, || response(200, ""));
            let recorder = with_token(&world).await;
            let late = recorder.send(app_request(method, PATH), Some(&globex), with_timeout(1_000));
            assert_eq!(error(while_time_passes(&[&world], late).await).code, code);
        }
        // Nothing was sent.
        let world = World::new();
        world.token_source(|_| Box::pin(std::future::pending()));
        let recorder = connect(&world, options(&[])).await;
        let late = recorder.send(app_request("POST", PATH), Some(&globex), with_timeout(1_000));
        assert_eq!(error(while_time_passes(&[&world], late).await).code, Code::Timeout);
        assert!(world.requests().is_empty());
        // The API has refused the request, and no other token comes in time.
        for takes_response in [true, false] {
            let world = World::new();
            world.respond(|_| response(401, "")).token_source(|_| Box::pin(std::future::pending()));
            let recorder = with_token(&world).await;
            let request = AppRequest { takes_response, ..app_request("POST", PATH) };
            let late = error(while_time_passes(&[&world], recorder.send(request, Some(&globex), with_timeout(1_000))).await);
            assert_eq!((late.code, world.requests().len()), (Code::Timeout, 1));
        }
    });
}

#[test]
fn a_token_that_turns_out_to_be_anothers_is_replaced_in_the_middle() {
    run(async {
        let (lying, honest) = (jwt_with_id(GLOBEX, "acme's"), jwt_with_id(GLOBEX, "globex's"));
        let world = World::new();
        let of_acme = lying.clone();
        world.respond(move |request| match (request.url.contains("tokens/me"), request.token == of_acme) {
            (true, is_acmes) => token_info_with_scopes(if is_acmes { ACME } else { GLOBEX }, ""),
            (false, true) => response(403, RESOURCE_OWNER),
            (false, false) => response(200, "globex's own"),
        });
        world.issue(&honest);
        let recorder = connect(&world, options(&[&lying])).await;
        assert_eq!(handed_over(&fetch(&recorder, "POST").await.unwrap()), "globex's own");
        let sent: Vec<_> = world.requests().into_iter().filter(|request| request.method == "POST").map(|request| request.token).collect();
        assert_eq!(sent, [lying, honest]);
    });
}

#[test]
fn without_a_token_of_the_organization_nothing_is_sent() {
    run(async {
        let world = World::new();
        world.respond(|_| response(200, ""));
        let recorder = connect(&world, options(&[&jwt_for(ACME)])).await;
        assert_eq!(error(fetch(&recorder, "GET").await).code, Code::OrgMismatch);
        recorder.close();
        assert_eq!(error(fetch(&recorder, "GET").await).code, Code::Closed);
        assert!(world.requests().is_empty());
    });
}

#[test]
fn a_request_that_the_browser_did_not_accept_is_known_not_to_have_run() {
    run(async {
        let world = World::new();
        world.respond(|_| Err(TransportError { may_have_been_processed: false, ..lost_response("no fetch") }));
        let recorder = with_token(&world).await;
        let refused = error(fetch(&recorder, "POST").await);
        assert_eq!((refused.code, refused.evidence.org_id.as_ref()), (Code::Network, Some(&org(GLOBEX))));
        assert!(refused.hint().contains("did not accept") && !refused.retryable(), "{}", refused.hint());

        // A violation of the page's policy may be another script's. The hint says what to do about it all the same.
        world.respond(|_| Err(TransportError { is_refused_by_csp: true, ..lost_response("refused") }));
        let unknown = error(fetch(&recorder, "POST").await);
        assert_eq!((unknown.code, unknown.retryable()), (Code::OutcomeUnknown, false));
        assert!(unknown.hint().contains("connect-src"), "{}", unknown.hint());
    });
}

#[test]
fn close_and_sign_out_end_what_has_not_been_answered() {
    run(async {
        let world = World::new();
        let release = world.respond_when_released(|request| request.method != "DELETE", |_| response(401, ""));
        world.issue_per_org();
        let recorder = with_token(&world).await;
        // After the sign-out no other token is obtained for the call.
        let signed_out = async {
            wait_until(|| world.requests().len() == 1).await;
            let _ = recorder.sign_out(None, no_options()).await;
            release.send();
        };
        let (answered, ()) = join(fetch(&recorder, "GET"), signed_out).await;
        assert_eq!((answered.unwrap().status, world.get_token_calls().len()), (401, 0));
        let closed = async {
            wait_until(|| world.get_token_calls().len() == 1).await;
            recorder.close();
        };
        world.respond_after(60_000, || response(200, ""));
        assert_eq!(error(join(fetch(&recorder, "POST"), closed).await.0).code, Code::Closed);
    });
}

#[test]
fn a_refusal_of_request_is_an_error_with_the_calls_own_evidence() {
    run(async {
        for (status, body, code) in [
            (404, r#"{"code":"conversation.not.found","message":"none"}"#, Code::NotFound),
            (400, r#"{"code":"not.a.user"}"#, Code::UserNeeded),
            (403, r#"{"code":"app.not.authorized.for.scope","message":"no scope"}"#, Code::ScopeMissing),
            // A second POST may do everything twice, so "try again" would be wrong.
            (503, "", Code::OutcomeUnknown),
        ] {
            let world = World::new();
            world.respond(move |_| response(status, body));
            let recorder = with_token(&world).await;
            let refused = error(send(&recorder, AppRequest { takes_response: false, ..app_request("POST", PATH) }).await);
            assert_eq!((refused.code, refused.evidence.status, &refused.evidence.org_id), (code, Some(status), &Some(org(GLOBEX))));
            // What the recording API needs is not what this call needs.
            assert_eq!(refused.evidence.missing_scopes, None);
        }
        // The token is the organization's, and nobody has named an agent.
        let world = World::new();
        world.respond(|request| match request.url.contains("/tokens/me") {
            true => response(200, &token_info(GLOBEX)),
            false => response(403, r#"{"message":"insufficient scope for resource owner"}"#),
        });
        let recorder = with_token(&world).await;
        let refused = error(send(&recorder, AppRequest { takes_response: false, ..app_request("GET", PATH) }).await);
        assert!(refused.code == Code::WrongOrg && !refused.message.contains("agent"), "{refused:?}");
    });
}

#[test]
fn a_refusal_names_the_request_without_its_query_and_token() {
    run(async {
        let world = World::new();
        world.respond(|_| response(400, r#"{"code":"bad.request","message":"HTTP 400 Bad Request"}"#));
        let token = jwt_for(GLOBEX);
        let recorder = connect(&world, options(&[&token])).await;
        for (path, named) in
            [("/api/v2/users?q=secret".to_owned(), "/api/v2/users"), (format!("/api/v2/tokens/{token}"), "/api/v2/tokens/***")]
        {
            let refused = error(send(&recorder, AppRequest { takes_response: false, ..app_request("GET", &path) }).await);
            assert_eq!(refused.message, format!(r#"GET {named}: The API answered 400: "HTTP 400 Bad Request"."#));
        }
        let events = world.events();
        assert!(events.iter().any(|event| event.contains("/api/v2/tokens/***")) && events.iter().all(|event| !event.contains(&token)));
    });
}

#[test]
fn a_failure_of_the_cloud_says_try_again_only_if_that_is_harmless() {
    run(async {
        for (method, idempotent, code) in [
            ("GET", None, Code::CloudUnavailable),
            ("PUT", Some(true), Code::CloudUnavailable),
            ("POST", None, Code::OutcomeUnknown),
            ("GET", Some(false), Code::OutcomeUnknown),
        ] {
            for status in [408, 421, 425, 500, 504] {
                let world = World::new();
                world.respond(move |_| response(status, r#"{"code":"internal.server.error"}"#));
                let recorder = with_token(&world).await;
                let request = AppRequest { idempotent, takes_response: false, ..app_request(method, PATH) };
                let failed = error(while_time_passes(&[&world], send(&recorder, request)).await);
                assert_eq!((failed.code, failed.evidence.status), (code, Some(status)), "{method} {idempotent:?}");
                assert_eq!(
                    (failed.retryable(), failed.hint().contains("idempotent: true")),
                    (code != Code::OutcomeUnknown, !failed.retryable())
                );
            }
        }
    });
}

#[test]
fn a_wait_that_one_endpoint_asks_for_does_not_stop_the_others() {
    run(async {
        for status in [404, 503] {
            let world = World::new();
            world.respond(move |request| match request.url.contains("users/me") {
                true => Response { retry_after: Some("600".to_owned()), ..response(status, "{}") },
                false => response(201, r#"{"id":"r-1","state":"recording"}"#),
            });
            let recorder = with_token(&world).await;
            assert_eq!(fetch(&recorder, "GET").await.unwrap().status, status);
            assert_eq!(fetch(&recorder, "GET").await.unwrap().status, status);
            let started = record(&recorder, GLOBEX).await;
            assert!(started.is_ok(), "{started:?}");
        }
    });
}

fn validated(path: &str) -> Result<String, Error> {
    let settings = premium_recorder::recorder::settings::Settings::from_options(options(&[]), None, None).unwrap();
    app_request("GET", path).validated(&settings.environment).map(|request| request.path().to_owned())
}

#[test]
fn a_path_that_leads_elsewhere_is_refused_before_a_token_is_touched() {
    for path in [
        "",
        "api/v2/users",
        "//evil.example/x",
        "/\\evil.example/x",
        "\\\\evil.example",
        "/../x",
        "/api/../../x",
        "/api/%2e%2e/x",
        "/api/.%2E/x",
        "/api/./x",
        "/api/..",
        "/api\\x",
        "/x#fragment",
        "/x\r\nHost: evil.example",
        "/\tx",
        " /x",
        "/x ",
        "/\u{0}",
        "https://api.cloud.example",
        "https://api.cloud.example.evil.example/x",
        "https://api.cloud.example@evil.example/x",
        "https://user:password@api.cloud.example/x",
        "https://api.cloud.example:8443/x",
        "https://login.cloud.example/oauth/token",
        "http://api.cloud.example/x",
        "https://api.cloud.exаmple/x",
        "https://api。cloud.example/x",
        "javascript:alert(1)",
        "data:,x",
        "blob:https://api.cloud.example/x",
    ] {
        assert_eq!(code(validated(path)), Code::BadArgument, "{path:?}");
    }
    for (path, sent) in [
        (PATH, PATH),
        ("/api/v2/users?expand=..&q=/../", "/api/v2/users?expand=..&q=/../"),
        ("/api/v2/users/a%2Fb%2e", "/api/v2/users/a%2Fb%2e"),
        ("/api/v2/users/…", "/api/v2/users/…"),
        ("/api/v2/a b", "/api/v2/a b"),
        ("https://api.cloud.example/api/v2/x?y=1", "/api/v2/x?y=1"),
        ("HTTPS://API.cloud.example/api/v2/x", "/api/v2/x"),
    ] {
        assert_eq!(validated(path).unwrap(), sent);
    }
}

#[test]
fn a_header_or_method_that_is_not_the_apps_is_refused() {
    run(async {
        let world = World::new();
        let recorder = with_token(&world).await;
        for name in [
            "authorization",
            "Authorization",
            "cookie",
            "host",
            "origin",
            "Proxy-Authorization",
            "sec-fetch-site",
            "X-HTTP-Method-Override",
        ] {
            let header_names = vec!["accept".to_owned(), name.to_owned()];
            let refused = error(send(&recorder, AppRequest { header_names, ..app_request("GET", PATH) }).await);
            assert!(refused.code == Code::BadArgument && refused.message.contains(name), "{}", refused.message);
        }
        for method in ["", "TRACE", "CONNECT", "GET ", "QUERY"] {
            assert_eq!(error(send(&recorder, app_request(method, PATH)).await).code, Code::BadArgument, "{method}");
        }
        assert!(world.requests().is_empty());
    });
}

#[test]
fn an_abort_ends_the_call() {
    run(async {
        let world = World::new();
        world.respond_after(60_000, || response(200, ""));
        let recorder = with_token(&world).await;
        let sent = async { wait_until(|| world.requests().len() == 1).await };
        let call = async |options: CallOptions| recorder.send(app_request("POST", PATH), Some(&org(GLOBEX)), options).await;
        assert!(matches!(aborted_when(sent, call).await, Err(CallError::Aborted)));
    });
}

proptest! {
    /// The WHATWG URL parser decides: what is accepted stays on the API's origin, in the path that was checked.
    #[test]
    fn an_accepted_path_stays_on_the_api(path in "(https://api\\.cloud\\.example)?[/@:a-z0-9.%\\\\?# \t~_2eE-]{0,24}") {
        if let Ok(accepted) = validated(&path) {
            let url = url::Url::parse(&format!("{API}{accepted}")).unwrap();
            prop_assert_eq!(url.origin().ascii_serialization(), API);
            prop_assert_eq!(url.path().split('/').count(), accepted.split('?').next().unwrap().split('/').count());
            prop_assert_eq!(url.fragment(), None);
            // The same whether the path or the whole URL is given.
            let resolved = url::Url::parse(API).unwrap().join(&path).unwrap();
            prop_assert_eq!(resolved, url);
        }
    }
}
