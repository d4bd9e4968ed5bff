//! A call from end to end: organization, token, request, response, and the errors of each step.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Poll;

use crate::support::*;
use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::LocalBoxFuture;
use premium_recorder::cloud::call::CallError;
use premium_recorder::cloud::ports::{Timer, TransportError};
use premium_recorder::cloud::signal::Signal;
use premium_recorder::model::error::{Cause, Code, Error};
use premium_recorder::model::ids::OrgId;
use premium_recorder::recorder::Recorder;
use premium_recorder::recorder::page_state::PageState;
use premium_recorder::recorder::settings::{Options, Settings};
use premium_recorder::recording::start::Start;
use premium_recorder::token::access_token::AccessToken;
use premium_recorder::token::access_token::IssuedToken;

#[test]
fn a_start_carries_the_token_and_the_header_of_its_organization() {
    run(async {
        let world = World::new();
        world.respond(|_| response(201, r#"{"id":"rec-1","state":"recording","startedAt":"2026-11-22T08:00:00Z"}"#));
        let recorder = connect(&world, options(&[&jwt_for(ACME), &jwt_for(GLOBEX)])).await;
        let recording = record(&recorder, GLOBEX).await.unwrap();
        assert_eq!((recording.id.as_str(), recording.org.as_str(), recording.agent.as_str()), ("rec-1", GLOBEX, AGENT));
        assert_eq!((recording.state.as_str(), recording.started_at.as_deref()), ("recording", Some("2026-11-22T08:00:00Z")));
        let requests = world.requests();
        assert_eq!(requests.len(), 1);
        assert_eq!((requests[0].method.as_str(), requests[0].url.as_str()), ("POST", "https://api.cloud.example/api/v2/screenrecordings"));
        assert_eq!((requests[0].token.as_str(), requests[0].org.as_deref()), (jwt_for(GLOBEX).as_str(), Some(GLOBEX)));
        assert_eq!(requests[0].body.as_deref(), Some(format!(r#"{{"agentId":"{AGENT}","recordingType":"screen"}}"#).as_str()));
    });
}

#[test]
fn without_a_token_for_the_target_nothing_is_sent() {
    run(async {
        let world = World::new();
        let recorder = connect(&world, options(&[&jwt_for(ACME)])).await;
        let refused = error(record(&recorder, GLOBEX).await);
        assert_eq!(refused.code, Code::OrgMismatch);
        assert_eq!((refused.evidence.org_id.clone(), refused.evidence.token_org_id.clone()), (Some(org(GLOBEX)), Some(org(ACME))));
        assert!(world.requests().is_empty());
    });
}

#[test]
fn the_target_comes_from_the_call_then_the_switch_then_the_options_then_the_only_token() {
    run(async {
        let world = World::new();
        world.respond(|_| response(201, CREATED));
        let tokens = [&*jwt_for(ACME), &*jwt_for(GLOBEX), &*jwt_for(INITECH)];
        let with_org = Options { org_id: Some(ACME.into()), ..options(&tokens) };
        let recorder = connect(&world, with_org).await;
        assert_eq!(record_in_current_org(&recorder).await.unwrap().org.as_str(), ACME);
        recorder.switch_org(org(GLOBEX), no_options()).await.unwrap();
        assert_eq!(recorder.org(), Some(org(GLOBEX)));
        assert_eq!(record_in_current_org(&recorder).await.unwrap().org.as_str(), GLOBEX);
        assert_eq!(record(&recorder, INITECH).await.unwrap().org.as_str(), INITECH);

        let only = connect(&world, options(&[&jwt_for(INITECH)])).await;
        assert_eq!(only.org(), Some(org(INITECH)));
        assert_eq!(record_in_current_org(&only).await.unwrap().org.as_str(), INITECH);

        let several = connect(&world, options(&tokens)).await;
        assert_eq!((several.org(), error(record_in_current_org(&several).await).code), (None, Code::OrgAmbiguous));
        let none = connect(&world, options(&[])).await;
        assert_eq!((none.org(), error(record_in_current_org(&none).await).code), (None, Code::NoToken));
        assert_eq!(error(record(&none, ACME).await).code, Code::NoToken);

        let query = pairs(&[("gcHostOrigin", "https://apps.cloud.example"), ("gcTargetEnv", "private"), ("orgId", GLOBEX)]);
        let settings = Settings::from_options(Options { environment: None, ..options(&tokens) }, Some(&query), None).unwrap();
        let launched = Recorder::connect(PageState::default(), world.clone(), settings, no_options()).await.unwrap();
        assert_eq!(record_in_current_org(&launched).await.unwrap().org.as_str(), GLOBEX);
    });
}

#[test]
fn an_opaque_token_is_identified_by_the_cloud_once() {
    run(async {
        let world = World::new();
        world.respond(|request| if request.method == "GET" { response(200, &token_info(GLOBEX)) } else { response(201, CREATED) });
        let recorder = connect(&world, options(&["opaque"])).await;
        assert_eq!(record_in_current_org(&recorder).await.unwrap().org.as_str(), GLOBEX);
        assert_eq!(record(&recorder, GLOBEX).await.unwrap().org.as_str(), GLOBEX);
        let lookups: Vec<_> = world.requests().into_iter().filter(|request| request.method == "GET").collect();
        assert_eq!(lookups.len(), 1);
        assert_eq!(lookups[0].url, "https://api.cloud.example/api/v2/tokens/me?preserveIdleTTL=true");
        assert_eq!(lookups[0].org, None);
        let token = &recorder.tokens()[0];
        assert_eq!((token.org_name(), token.home_org()), (Some("An organization"), Some(&org(INITECH))));
    });
}

#[test]
fn connect_checks_every_token_before_it_sends_one() {
    run(async {
        let world = World::new();
        let settings = Settings::from_options(options(&["opaque", "eyJhbGciOiJIUzI1NiJ9.broken"]), None, None).unwrap();
        let refused = error(Recorder::connect(PageState::default(), world.clone(), settings, no_options()).await.map(|_| ()));
        assert_eq!(refused.code, Code::TokenMalformed);
        assert!(refused.message.starts_with("tokens[1]: "), "{}", refused.message);
        assert!(world.requests().is_empty());
    });
}

#[test]
fn a_token_that_cannot_be_identified_is_refused_with_the_reason() {
    run(async {
        for (status, body, expected) in [
            (401, r#"{"code":"bad.credentials"}"#, Code::Unauthenticated),
            (401, r#"{"code":"ip.not.authorized"}"#, Code::IpNotAllowed),
            (503, "", Code::CloudUnavailable),
            (429, "", Code::RateLimited),
            (200, "", Code::UnexpectedAnswer),
            (200, "<html>", Code::UnexpectedAnswer),
            (200, "{}", Code::UnexpectedAnswer),
            (204, "", Code::UnexpectedAnswer),
        ] {
            let world = World::new();
            world.respond(move |_| response(status, body));
            let settings = Settings::from_options(options(&["opaque"]), None, None).unwrap();
            assert_eq!(
                error(Recorder::connect(PageState::default(), world.clone(), settings, no_options()).await.map(|_| ())).code,
                expected,
                "{status} {body}"
            );
        }
        let world = World::new();
        world.respond(|_| Err(lost_response("reset")));
        let recorder = connect(&world, options(&[&jwt_for(ACME)])).await;
        let token = premium_recorder::token::access_token::AccessToken::parse("opaque").unwrap();
        assert_eq!(error(recorder.add_token(token, no_options()).await).code, Code::Network);
        assert_eq!(recorder.tokens().len(), 1);
    });
}

#[test]
fn an_expired_token_is_not_sent() {
    run(async {
        let world = World::new();
        let expired = jwt(&format!(r#"{{"org_id":"{ACME}","exp":{}}}"#, NOW / 1000));
        let recorder = connect(&world, options(&[&expired])).await;
        assert_eq!(error(record_in_current_org(&recorder).await).code, Code::TokenExpired);
        assert!(world.requests().is_empty());

        world.respond(|_| response(201, CREATED)).issue(&jwt_for(ACME));
        assert_eq!(record_in_current_org(&recorder).await.unwrap().org.as_str(), ACME);
        assert_eq!(world.get_token_calls()[0].reason, "expired");
        assert_eq!(world.requests()[0].token, jwt_for(ACME));
        world.advance(3_600_000);
        record_in_current_org(&recorder).await.unwrap_err();
        assert_eq!((world.get_token_calls().len(), world.starts().len()), (2, 1));
    });
}

#[test]
fn an_expired_token_does_not_replace_a_valid_one() {
    run(async {
        let world = World::new();
        world.respond(|_| response(201, CREATED));
        let expired = jwt(&format!(r#"{{"org_id":"{ACME}","exp":1}}"#));
        let recorder = connect(&world, options(&[&jwt_for(ACME), &expired])).await;
        record_in_current_org(&recorder).await.unwrap();
        assert_eq!(world.requests()[0].token, jwt_for(ACME));

        let later = jwt(&format!(r#"{{"org_id":"{ACME}","exp":2}}"#));
        let recorder = connect(&world, options(&[&expired, &later])).await;
        assert_eq!(expires_at(&recorder, 0), 2000);
    });
}

#[test]
fn two_hundred_calls_share_one_call_of_get_token() {
    run(async {
        let world = World::new();
        world.respond(|_| response(201, CREATED));
        let (give, given) = oneshot::channel::<String>();
        let given = given.shared();
        world.token_source(move |_| {
            let given = given.clone();
            Box::pin(async move { Ok(IssuedToken { access_token: given.await.unwrap().into(), expires_in: Some(600.0) }) })
        });
        let recorder = connect(&world, options(&[&jwt_for(ACME)])).await;
        let alone = || Start { shares: false, ..start_in(GLOBEX) };
        let calls = join_all((0..200).map(|_| recorder.start_recording(alone(), no_options())));
        let (recordings, ()) = join(calls, async { give.send(jwt_for(GLOBEX)).unwrap() }).await;
        assert!(recordings.into_iter().all(|recording| recording.unwrap().org.as_str() == GLOBEX));
        let call = GetTokenCall {
            environment: "private".into(),
            org: GLOBEX.into(),
            scopes: vec!["screenrecordings:write".into()],
            reason: "missing".into(),
        };
        assert_eq!(world.get_token_calls(), [call]);
        assert_eq!(world.starts().len(), 200);
        assert_eq!(expires_at(&recorder, 1), NOW + 600_000);
    });
}

#[test]
fn two_organizations_do_not_share_a_call_of_get_token() {
    run(async {
        let world = World::new();
        let source = world.respond(|_| response(201, CREATED)).issue_when_released(|_| true);
        let recorder = connect(&world, options(&[])).await;
        let calls = join(record(&recorder, ACME), record(&recorder, GLOBEX));
        let ((acme, globex), ()) = join(calls, async { source.send() }).await;
        assert_eq!((acme.unwrap().org.as_str(), globex.unwrap().org.as_str()), (ACME, GLOBEX));
        assert_eq!(world.get_token_calls().len(), 2);
    });
}

#[test]
fn a_failed_call_of_get_token_is_not_joined() {
    run(async {
        let world = World::new();
        let (release, released) = gate();
        world.token_source(move |_| {
            let released = released.clone();
            Box::pin(async move {
                released.await.unwrap();
                Err(Cause::Foreign(Rc::new(())))
            })
        });
        let recorder = connect(&world, options(&[])).await;
        let twice = async {
            record(&recorder, ACME).await.unwrap_err();
            record(&recorder, ACME).await.unwrap_err();
        };
        let calls = join(twice, record(&recorder, ACME));
        let (((), other), ()) = join(calls, async { release.send() }).await;
        assert_eq!(error(other).code, Code::TokenSourceFailed);
        assert_eq!(world.get_token_calls().len(), 2);
    });
}

#[test]
fn an_exception_of_get_token_is_the_cause_and_the_next_call_succeeds() {
    run(async {
        let world = World::new();
        world.respond(|_| response(201, CREATED));
        let thrown = Rc::new("thrown".to_owned());
        let cause = thrown.clone();
        let times = Rc::new(Cell::new(0));
        world.token_source(move |call| {
            times.set(times.get() + 1);
            let result = if times.get() == 1 { Err(Cause::Foreign(cause.clone())) } else { Ok(issued_token(&jwt_for(&call.org))) };
            Box::pin(async { result })
        });
        let recorder = connect(&world, options(&[])).await;
        let failed = error(record(&recorder, ACME).await);
        assert_eq!((failed.code, failed.evidence.org_id.clone()), (Code::TokenSourceFailed, Some(org(ACME))));
        match &failed.evidence.cause {
            Some(Cause::Foreign(cause)) => assert!(Rc::ptr_eq(&cause.clone().downcast::<String>().unwrap(), &thrown)),
            other => panic!("{other:?}"),
        }
        assert!(record(&recorder, ACME).await.is_ok());
    });
}

#[test]
fn a_token_of_another_organization_from_get_token_is_discarded() {
    run(async {
        let world = World::new();
        world.issue(&jwt_for(ACME));
        let recorder = connect(&world, options(&[])).await;
        let refused = error(record(&recorder, GLOBEX).await);
        assert_eq!((refused.code, refused.evidence.token_org_id.clone()), (Code::TokenSourceWrongOrg, Some(org(ACME))));
        assert!(world.requests().is_empty() && recorder.tokens().is_empty());

        world.issue("opaque").respond(|_| response(200, &token_info(ACME)));
        assert_eq!(error(record(&recorder, GLOBEX).await).code, Code::TokenSourceWrongOrg);
        assert!(world.starts().is_empty() && recorder.tokens().is_empty());
    });
}

#[test]
fn a_malformed_or_expired_token_from_get_token_is_not_sent() {
    run(async {
        for (token, expires_in, expected) in [
            ("", None, Code::TokenMalformed),
            ("two words", None, Code::TokenMalformed),
            ("eyJhbGciOiJIUzI1NiJ9.e30", None, Code::TokenMalformed),
            ("opaque", Some(0.0), Code::TokenExpired),
            ("opaque", Some(-5.0), Code::TokenExpired),
            ("opaque", Some(f64::NAN), Code::TokenExpired),
        ] {
            let world = World::new();
            world.token_source(move |_| Box::pin(async move { Ok(IssuedToken { access_token: token.to_owned().into(), expires_in }) }));
            let recorder = connect(&world, options(&[])).await;
            let refused = error(record(&recorder, ACME).await);
            assert_eq!((refused.code, refused.evidence.org_id.clone()), (expected, Some(org(ACME))), "{token} {expires_in:?}");
            assert!(refused.message.starts_with("What getToken returned: "), "{}", refused.message);
            assert!(world.requests().is_empty());
        }
    });
}

#[test]
fn a_refusal_carries_the_organization_and_the_scopes_of_the_token() {
    run(async {
        let world = World::new();
        world.respond(|_| {
            response(403, r#"{"code":"not.authorized","message":"Permission denied: insufficient scope for resource owner"}"#)
        });
        let recorder = with_token(&world).await;
        let refused = error(record_in_current_org(&recorder).await);
        assert_eq!((refused.code, refused.evidence.status), (Code::WrongOrg, Some(403)));
        assert_eq!((refused.evidence.org_id.clone(), refused.evidence.token_org_id.clone()), (Some(org(GLOBEX)), Some(org(GLOBEX))));
        assert_eq!(refused.evidence.granted_scopes.clone().unwrap(), ["screenrecordings:write"]);
        world.respond(|_| response(403, r#"{"code":"app.not.authorized.for.scope"}"#));
        let refused = error(record_in_current_org(&recorder).await);
        assert_eq!(refused.evidence.missing_scopes.clone().unwrap(), ["screenrecordings:write"]);
    });
}

#[test]
fn a_refusal_names_the_home_organization() {
    run(async {
        let world = World::new();
        world.respond(|request| if request.method == "GET" { response(200, &token_info(GLOBEX)) } else { response(403, "") });
        let recorder = connect(&world, options(&["opaque"])).await;
        let refused = error(record_in_current_org(&recorder).await);
        assert_eq!(
            (refused.evidence.home_org_id.clone(), refused.evidence.granted_scopes.clone()),
            (Some(org(INITECH)), Some(vec!["user-basic-info".into()]))
        );
    });
}

#[test]
fn the_clouds_scopes_win_over_the_claimed_scopes() {
    run(async {
        let world = World::new();
        world.respond(|_| response(200, &token_info(GLOBEX)));
        let recorder = connect(&world, options(&[&jwt(r#"{"scope":"claimed"}"#)])).await;
        assert_eq!(recorder.tokens()[0].scopes().unwrap(), ["user-basic-info"]);
    });
}

#[test]
fn a_refused_token_is_not_sent_again() {
    run(async {
        for body in [r#"{"code":"bad.credentials"}"#, r#"{"code":"credentials.expired"}"#] {
            let world = World::new();
            world.respond(move |_| response(401, body));
            let recorder = connect(&world, options(&[&jwt_for(ACME)])).await;
            record_in_current_org(&recorder).await.unwrap_err();
            assert_eq!(error(record_in_current_org(&recorder).await).code, Code::Unauthenticated);
            assert_eq!(world.starts().len(), 1);

            let fresh = jwt(&format!(r#"{{"org_id":"{ACME}","jti":"fresh"}}"#));
            world.respond(|_| response(201, CREATED)).issue(&fresh);
            record_in_current_org(&recorder).await.unwrap();
            assert_eq!((world.get_token_calls()[0].reason.as_str(), world.starts()[1].token.as_str()), ("rejected", fresh.as_str()));
        }
        // The token stays valid: the cloud may accept another IP address.
        let world = World::new();
        world.respond(|_| response(401, r#"{"code":"ip.not.authorized"}"#));
        let recorder = connect(&world, options(&[&jwt_for(ACME)])).await;
        record_in_current_org(&recorder).await.unwrap_err();
        assert_eq!((error(record_in_current_org(&recorder).await).code, world.starts().len()), (Code::IpNotAllowed, 2));
    });
}

#[test]
fn a_token_that_the_response_repeats_is_redacted() {
    run(async {
        let world = World::new();
        world.respond(|request| response(403, &format!(r#"{{"message":"no: {0}, {0}!","code":"x"}}"#, request.token)));
        let recorder = connect(&world, options(&[&jwt_for(ACME)])).await;
        let refused = error(record_in_current_org(&recorder).await);
        assert_eq!(refused.message, r#"POST /api/v2/screenrecordings: The API answered 403: "no: ***, ***!"."#);
        assert!(!format!("{refused:?}").contains(&jwt_for(ACME)));

        let settings = Settings::from_options(options(&["0paque"]), None, None).unwrap();
        let refused = error(Recorder::connect(PageState::default(), world.clone(), settings, no_options()).await.map(|_| ()));
        assert!(!format!("{refused:?}").contains("0paque"));
    });
}

#[test]
fn a_refused_token_info_request_is_not_explained_as_a_refused_start() {
    run(async {
        for (status, body, code) in
            [(404, r#"{"code":"not.found"}"#, Code::NotFound), (409, r#"{"code":"request.conflict"}"#, Code::Conflict)]
        {
            let world = World::new();
            world.respond(move |_| response(status, body));
            let settings = Settings::from_options(options(&["opaque"]), None, None).unwrap();
            let refused = error(Recorder::connect(PageState::default(), world.clone(), settings, no_options()).await.map(|_| ()));
            assert_eq!((refused.code, refused.evidence.status), (code, Some(status)));
        }
        let world = World::new();
        world.respond(|_| response(200, "{}"));
        let settings = Settings::from_options(options(&["opaque"]), None, None).unwrap();
        let refused = error(Recorder::connect(PageState::default(), world.clone(), settings, no_options()).await.map(|_| ()));
        assert_eq!((refused.evidence.status, refused.evidence.correlation_id.as_deref()), (Some(200), Some("corr-1")));
    });
}

#[test]
fn a_start_that_was_not_sent_is_a_network_error() {
    run(async {
        let world = World::new();
        world.respond(|_| Err(TransportError { may_have_been_processed: false, ..lost_response("no fetch") }));
        let recorder = connect(&world, options(&[&jwt_for(ACME)])).await;
        let refused = error(record_in_current_org(&recorder).await);
        assert!(refused.code == Code::Network && refused.hint().contains("AbortController"), "{refused:?}");
    });
}

#[test]
fn a_start_may_have_run_although_the_pages_policy_refused_a_request_to_its_url() {
    run(async {
        let world = World::new();
        world.respond(|_| Err(TransportError { is_refused_by_csp: true, ..lost_response("Failed to fetch") }));
        let recorder = connect(&world, options(&[&jwt_for(ACME)])).await;
        let error = error(while_time_passes(&[&world], record_in_current_org(&recorder)).await);
        assert_eq!((error.code, error.retryable(), world.starts().len()), (Code::OutcomeUnknown, false, 1), "{error:?}");
        let message = "The page's Content Security Policy refused a request to https://api.mypurecloud.com.";
        assert!(error.message.starts_with(message), "{}", error.message);
        assert!(error.hint().contains("`connect-src`"), "{}", error.hint());
    });
}

#[test]
fn a_start_without_a_readable_response_is_sent_once_and_has_an_unknown_outcome() {
    run(async {
        for body in ["", "<html>", "{}", "{\"id\":", r#"{"id":"rec-1","agentId":"another"}"#] {
            let world = World::new();
            world.respond(|_| response(201, body));
            let recorder = connect(&world, options(&[&jwt_for(ACME)])).await;
            let unknown = error(while_time_passes(&[&world], record_in_current_org(&recorder)).await);
            assert_eq!((unknown.code, unknown.evidence.status, world.starts().len()), (Code::OutcomeUnknown, Some(201), 1), "{body}");
            assert_eq!(unknown.evidence.correlation_id.as_deref(), Some("corr-1"));
        }
        for status in [408, 421, 425, 500, 502, 503, 504] {
            let world = World::new();
            world.respond(move |_| response(status, ""));
            let recorder = connect(&world, options(&[&jwt_for(ACME)])).await;
            let unknown = error(while_time_passes(&[&world], record_in_current_org(&recorder)).await);
            assert_eq!((unknown.code, unknown.evidence.status, world.starts().len()), (Code::OutcomeUnknown, Some(status), 1));
        }
        let world = World::new();
        world.respond(|_| Err(TransportError { status: Some(201), ..lost_response("half a response") }));
        let recorder = connect(&world, options(&[&jwt_for(ACME)])).await;
        let unknown = error(while_time_passes(&[&world], record_in_current_org(&recorder)).await);
        assert_eq!((unknown.code, unknown.evidence.org_id.clone(), world.starts().len()), (Code::OutcomeUnknown, Some(org(ACME)), 1));
        assert_eq!(unknown.evidence.status, Some(201));
    });
}

#[test]
fn a_deadline_before_the_start_is_a_timeout_and_after_it_an_unknown_outcome() {
    run(async {
        let world = World::new();
        world.token_source(|_| Box::pin(std::future::pending())).respond_async(|_| Box::pin(std::future::pending()));
        let recorder = connect(&world, options(&[&jwt_for(ACME)])).await;
        let (waiting, ()) = join(recorder.start_recording(start_in(GLOBEX), with_timeout(300)), async { world.advance(300) }).await;
        assert_eq!(error(waiting).code, Code::Timeout);
        assert!(world.requests().is_empty());

        let unknown = error(while_time_passes(&[&world], record(&recorder, ACME)).await);
        assert_eq!((unknown.code, world.starts().len()), (Code::OutcomeUnknown, 1));
        assert!(matches!(&unknown.evidence.cause, Some(Cause::Error(behind)) if behind.code == Code::Timeout));
    });
}

#[test]
fn an_aborted_signal_prevents_the_start_and_a_later_abort_ends_the_call() {
    run(async {
        let world = World::new();
        world.respond_async(|_| Box::pin(std::future::pending()));
        let recorder = connect(&world, options(&[&jwt_for(ACME)])).await;
        let start = || new_start(AGENT, None, None).unwrap();
        let signal = Signal::default();
        signal.abort();
        assert!(matches!(recorder.start_recording(start(), with_signal(&signal)).await, Err(CallError::Aborted)));
        assert!(world.requests().is_empty());

        let signal = Signal::default();
        let (ended, ()) = join(recorder.start_recording(start(), with_signal(&signal)), async { signal.abort() }).await;
        assert!(matches!(ended, Err(CallError::Aborted)));
        assert_eq!(world.starts().len(), 1);
    });
}

#[test]
fn an_abort_of_one_call_does_not_cancel_get_token_for_the_others() {
    run(async {
        let world = World::new();
        world.respond(|_| response(201, CREATED));
        let source = world.issue_when_released(|_| true);
        let recorder = connect(&world, options(&[])).await;
        let signal = Signal::default();
        let first = recorder.start_recording(start_in(ACME), with_signal(&signal));
        let others = async {
            let second = record(&recorder, ACME);
            let abort = async {
                signal.abort();
                source.send();
            };
            join(second, abort).await.0
        };
        let (first, second) = join(first, others).await;
        assert!(matches!(first, Err(CallError::Aborted)));
        assert!(second.is_ok());
        assert_eq!(world.get_token_calls().len(), 1);
    });
}

#[test]
fn an_abandoned_call_of_get_token_is_dropped_and_the_next_call_tries_again() {
    struct Dropped(Rc<Cell<u32>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    run(async {
        let world = World::new();
        let dropped = Rc::new(Cell::new(0));
        let count = dropped.clone();
        world.token_source(move |_| {
            let guard = Dropped(count.clone());
            Box::pin(async move {
                let _guard = guard;
                std::future::pending().await
            })
        });
        let recorder = connect(&world, options(&[])).await;
        let (waiting, ()) = join(recorder.start_recording(start_in(ACME), with_timeout(10)), async { world.advance(10) }).await;
        assert_eq!((error(waiting).code, dropped.get()), (Code::Timeout, 1));
        world.respond(|_| response(201, CREATED)).issue(&jwt_for(ACME));
        assert!(record(&recorder, ACME).await.is_ok());
    });
}

#[test]
fn close_ends_every_call_and_removes_every_token() {
    run(async {
        let world = World::new();
        world.token_source(|_| Box::pin(std::future::pending())).respond_async(|_| Box::pin(std::future::pending()));
        let recorder = connect(&world, options(&[&jwt_for(ACME)])).await;
        let calls = join(record(&recorder, ACME), record(&recorder, GLOBEX));
        let ((sent, waiting), ()) = join(calls, async { recorder.close() }).await;
        let (sent, waiting) = (error(sent), error(waiting));
        assert_eq!((sent.code, waiting.code), (Code::Closed, Code::Closed));
        // Only the error of the sent start names an organization, because only there a recording may be running.
        assert_eq!((sent.evidence.org_id.clone(), waiting.evidence.org_id.clone()), (Some(org(ACME)), None));
        assert!(recorder.tokens().is_empty());
        assert_eq!(error(record_in_current_org(&recorder).await).code, Code::Closed);
        assert_eq!(error(recorder.switch_org(org(ACME), no_options()).await).code, Code::Closed);
        recorder.close();
        assert_eq!(world.starts().len(), 1);
    });
}

#[test]
fn a_failed_switch_does_not_undo_the_switch_before_it() {
    run(async {
        let world = World::new();
        let (release, released) = gate();
        world.token_source(move |call| {
            let released = released.clone();
            Box::pin(async move {
                if call.org == INITECH {
                    return Err(Cause::Foreign(Rc::new(())));
                }
                released.await.unwrap();
                Ok(issued_token(&jwt_for(&call.org)))
            })
        });
        let recorder = connect(&world, options(&[&jwt_for(ACME)])).await;
        let failing = async {
            recorder.switch_org(org(INITECH), no_options()).await.unwrap_err();
            release.send();
        };
        join(recorder.switch_org(org(GLOBEX), no_options()), failing).await.0.unwrap();
        assert_eq!(recorder.org(), Some(org(GLOBEX)));
    });
}

#[test]
fn a_completed_call_of_get_token_does_not_end_the_others() {
    run(async {
        let world = World::new();
        world.respond(|_| response(201, CREATED));
        let source = world.issue_when_released(|org| org == GLOBEX);
        let recorder = connect(&world, options(&[])).await;
        let others = async {
            record(&recorder, ACME).await.unwrap();
            let (second, ()) = join(record(&recorder, GLOBEX), async { source.send() }).await;
            second.unwrap();
        };
        join(record(&recorder, GLOBEX), others).await.0.unwrap();
        let orgs: Vec<_> = world.get_token_calls().into_iter().map(|call| call.org).collect();
        assert_eq!(orgs, [GLOBEX, ACME]);
    });
}

#[test]
fn calls_share_get_token_after_an_abandoned_call_of_it() {
    run(async {
        let world = World::new();
        world.respond(|_| response(201, CREATED)).token_source(|_| Box::pin(std::future::pending()));
        let recorder = connect(&world, options(&[])).await;
        join(recorder.start_recording(start_in(ACME), with_timeout(10)), async { world.advance(10) }).await.0.unwrap_err();
        let source = world.issue_when_released(|_| true);
        let calls = join_all((0..3).map(|_| record(&recorder, ACME)));
        let (recordings, ()) = join(calls, async { source.send() }).await;
        assert!(recordings.iter().all(Result::is_ok));
        assert_eq!(world.get_token_calls().len(), 2);
    });
}

#[test]
fn a_failed_switch_changes_nothing_and_the_last_switch_wins() {
    run(async {
        let world = World::new();
        let recorder = connect(&world, options(&[&jwt_for(ACME)])).await;
        assert_eq!(error(recorder.switch_org(org(GLOBEX), no_options()).await).code, Code::OrgMismatch);
        assert_eq!(recorder.org(), Some(org(ACME)));

        let source = world.issue_when_released(|_| true);
        let slow = recorder.switch_org(org(GLOBEX), no_options());
        let fast = async {
            recorder.switch_org(org(ACME), no_options()).await.unwrap();
            source.send();
        };
        let (slow, ()) = join(slow, fast).await;
        assert_eq!(slow.unwrap().target().org, org(GLOBEX));
        assert_eq!(recorder.org(), Some(org(ACME)));
    });
}

#[test]
fn overlapping_calls_recover_from_a_get_token_call_that_hangs() {
    run(async {
        let world = World::new();
        world.respond(accept).issue_unless(100.0, |number| number == 1);
        let recorder = connect(&world, options(&[])).await;
        // A call every 10 seconds for 5 minutes. Each call has 15 seconds, so the calls overlap.
        let mut calls = Vec::new();
        let mut succeeded = 0;
        for second in 0..300 {
            if second % 10 == 0 {
                calls.push(Box::pin(record(&recorder, GLOBEX)));
            }
            for _ in 0..3 {
                let mut pending = Vec::new();
                for mut call in calls {
                    match poll_once(call.as_mut()).await {
                        Poll::Ready(result) => succeeded += usize::from(result.is_ok()),
                        Poll::Pending => pending.push(call),
                    }
                }
                calls = pending;
            }
            world.advance(SECOND);
        }
        assert!(succeeded > 0, "no call has succeeded within 5 minutes");
    });
}

/// No call may panic, for example because a `RefCell` is borrowed twice, and the start that needs the token must complete.
#[test]
fn get_token_may_call_the_recorder_synchronously() {
    type Call = fn(Rc<Recorder<World>>) -> LocalBoxFuture<'static, ()>;
    let calls: [(&str, Call); 6] = [
        ("close", |recorder| {
            recorder.close();
            Box::pin(async {})
        }),
        ("signOut", |recorder| Box::pin(async move { drop(recorder.sign_out(None, no_options()).await) })),
        ("signOut(orgId)", |recorder| Box::pin(async move { drop(recorder.sign_out(OrgId::parse(GLOBEX), no_options()).await) })),
        ("startRecording", |recorder| Box::pin(async move { drop(record(&recorder, GLOBEX).await) })),
        ("addToken", |recorder| {
            let token = AccessToken::parse(&jwt_with_id(GLOBEX, "added")).unwrap();
            Box::pin(async move { drop(recorder.add_token(token, no_options()).await) })
        }),
        ("switchOrg", |recorder| {
            recorder.tokens();
            recorder.org();
            Box::pin(async move { drop(recorder.switch_org(org(GLOBEX), no_options()).await) })
        }),
    ];
    for (name, call) in calls {
        run(async {
            let world = World::new();
            world.respond(accept);
            let slot: Rc<RefCell<Option<Rc<Recorder<World>>>>> = Rc::default();
            let (recorder_slot, background) = (slot.clone(), world.clone());
            world.token_source(move |need| {
                let recorder = recorder_slot.borrow().clone().unwrap();
                let mut work = call(recorder);
                if work.as_mut().now_or_never().is_none() {
                    background.spawn(work);
                }
                Box::pin(async move {
                    yield_now().await;
                    Ok(issued_token(&jwt_for(&need.org)))
                })
            });
            let recorder = Rc::new(connect(&world, options(&[])).await);
            slot.replace(Some(recorder.clone()));
            let ended = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
            let expected = match name {
                "close" | "signOut" | "signOut(orgId)" => Some(Code::NoToken),
                _ => None,
            };
            assert_eq!(ended.err().map(|failed| error(Err::<(), _>(failed)).code), expected, "{name}");
            slot.take();
        });
    }
}

#[test]
fn calls_whose_first_poll_has_no_waker_complete() {
    run(async {
        let world = World::new();
        let release = world.respond(accept).issue_when_released(|_| true);
        let recorder = connect(&world, options(&[])).await;
        let starts = starts_in(GLOBEX, 20).into_iter().map(Result::unwrap);
        let mut calls: Vec<_> = starts.map(|start| Box::pin(recorder.start_recording(start, no_options()))).collect();
        for call in &mut calls {
            assert!(call.as_mut().now_or_never().is_none());
        }
        let (all, ()) = join(join_all(calls), async {
            yield_now().await;
            release.send();
        })
        .await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!((world.get_token_calls().len(), world.starts().len()), (1, 20));
    });
}

#[test]
fn what_is_wrong_with_what_get_token_returned_is_the_message() {
    run(async {
        let world = World::new();
        world.token_source_or_none(|_| {
            Box::pin(async { Err(Cause::Error(Error::new(Code::BadArgument, "getToken() returned no `accessToken`."))) })
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
            world.clear_log();
            let refused = error(while_time_passes(&[&world], recorder.trustors(no_options())).await);
            assert_eq!((refused.code, refused.evidence.org_id.as_ref().unwrap().as_str()), (expected, GLOBEX));
            // A read without an answer is asked for again.
            assert_eq!(world.requests().len(), if expected == Code::CloudUnavailable { 3 } else { 1 }, "{status}");
        }
        world.respond(|_| response(200, r#"{"id":"u"}"#));
        assert_eq!(recorder.trustors(no_options()).await.unwrap(), []);
    });
}
