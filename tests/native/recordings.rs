//! Listing, reading and stopping recordings, each with the token of its own organization.

use std::cell::Cell;

use crate::support::*;
use premium_recorder::cloud::call::CallError;
use premium_recorder::cloud::ports::TransportError;
use premium_recorder::cloud::response::Response;
use premium_recorder::cloud::signal::Signal;
use premium_recorder::model::argument::recording_id;
use premium_recorder::model::error::{Code, Error};
use premium_recorder::model::ids::{AgentId, RecordingId};
use premium_recorder::recorder::Recorder;
use premium_recorder::recorder::settings::Options;
use premium_recorder::recording::State;
use proptest::prelude::*;

fn id(text: &str) -> RecordingId {
    RecordingId::parse(text).unwrap()
}

fn recording(id: &str, state: &str) -> String {
    format!(r#"{{"id":"{id}","agentId":"{AGENT}","state":"{state}","startedAt":"2026-11-22T08:00:00.000Z"}}"#)
}

async fn with_tokens(world: &World) -> Recorder<World> {
    connect(world, Options { org_id: Some(ACME.into()), ..options(&[&jwt_for(ACME), &jwt_for(GLOBEX)]) }).await
}

/// The cloud responds with these results, one after another. It repeats the last one.
fn respond_in_turn(world: &World, results: Vec<Result<Response, TransportError>>) {
    let next = Cell::new(0);
    world.respond_async(move |_| {
        let at = next.replace(next.get() + 1).min(results.len() - 1);
        let result = results[at].clone();
        Box::pin(async { result })
    });
}

#[test]
fn a_stop_is_a_patch_with_the_token_of_the_recordings_organization() {
    run(async {
        let world = World::new();
        world.respond(|_| response(200, &recording("rec-1", "stopped")));
        let recorder = with_tokens(&world).await;
        recorder.switch_org(org(ACME), no_options()).await.unwrap();
        let stopped = recorder.stop(&id("rec-1"), &org(GLOBEX), None, no_options()).await.unwrap();
        assert_eq!((stopped.state.clone(), stopped.org.as_str(), stopped.agent.as_str()), (State::Stopped, GLOBEX, AGENT));
        let request = &world.requests()[0];
        assert_eq!((request.method.as_str(), request.token.clone(), request.org.as_deref()), ("PATCH", jwt_for(GLOBEX), Some(GLOBEX)));
        assert!(request.url.ends_with("/api/v2/screenrecordings/rec-1"), "{}", request.url);
        assert_eq!(request.body.as_deref(), Some(r#"{"state":"stopped"}"#));
    });
}

#[test]
fn a_stop_without_a_response_is_repeated_twice() {
    let losses: [fn() -> Result<Response, TransportError>; 5] = [
        || Err(lost_response("reset")),
        || Ok(response(503, "")),
        || Ok(response(408, "")),
        || Ok(response(421, "")),
        || Ok(response(425, "")),
    ];
    for loss in losses {
        for (losses, succeeds) in [(1, true), (2, true), (3, false)] {
            run(async {
                let world = World::new();
                let results = (0..losses).map(|_| loss()).chain([Ok(response(200, &recording("rec-1", "stopped")))]).collect();
                respond_in_turn(&world, results);
                let recorder = with_tokens(&world).await;
                let stopped = while_time_passes(&[&world], recorder.stop(&id("rec-1"), &org(GLOBEX), None, no_options())).await;
                assert_eq!((stopped.is_ok(), world.requests().len()), (succeeds, 3.min(losses + 1)));
                if !succeeds {
                    let error = error(stopped);
                    assert!(matches!(error.code, Code::Network | Code::CloudUnavailable) && error.code.retryable());
                }
            });
        }
    }
}

#[test]
fn a_request_that_the_browser_refuses_to_send_is_not_repeated() {
    for is_refused_by_csp in [true, false] {
        run(async {
            let world = World::new();
            let may_have_been_processed = is_refused_by_csp;
            let refused = move || TransportError { is_refused_by_csp, may_have_been_processed, ..lost_response("refused") };
            world.respond_async(move |_| Box::pin(async move { Err(refused()) }));
            let recorder = with_tokens(&world).await;
            let error = error(recorder.recordings(None, Some(&org(GLOBEX)), no_options()).await);
            assert_eq!((error.code, error.retryable(), world.requests().len(), world.time()), (Code::Network, false, 1, NOW));
        });
    }
}

#[test]
fn a_stop_is_not_repeated_beyond_its_deadline() {
    run(async {
        let world = World::new();
        world.respond(|_| response(503, ""));
        let recorder = with_tokens(&world).await;

        let error = error(while_time_passes(&[&world], recorder.stop(&id("rec-1"), &org(GLOBEX), None, with_timeout(1_000))).await);
        assert_eq!((error.code, world.requests().len(), world.time()), (Code::CloudUnavailable, 1, NOW));
    });
}

#[test]
fn a_recording_is_read_if_the_response_to_its_stop_does_not_describe_it() {
    run(async {
        for yes in [response(204, ""), response(200, "{}"), response(200, &recording("another", "stopped"))] {
            let world = World::new();
            respond_in_turn(&world, vec![Ok(yes), Ok(response(200, &recording("rec-1", "stopped")))]);
            let recorder = with_tokens(&world).await;
            let stopped = recorder.stop(&id("rec-1"), &org(GLOBEX), None, no_options()).await.unwrap();
            let methods: Vec<_> = world.requests().into_iter().map(|request| request.method).collect();
            assert_eq!((stopped.state.clone(), methods), (State::Stopped, vec!["PATCH".to_owned(), "GET".to_owned()]));
        }
    });
}

#[test]
fn a_stop_with_a_conflict_succeeds_if_the_recording_has_stopped() {
    run(async {
        for (state, succeeds) in [("stopped", true), ("recording", false)] {
            let world = World::new();
            respond_in_turn(&world, vec![Ok(response(409, "")), Ok(response(200, &recording("rec-1", state)))]);
            let recorder = with_tokens(&world).await;
            let stopped = recorder.stop(&id("rec-1"), &org(GLOBEX), None, no_options()).await;
            assert_eq!(stopped.is_ok(), succeeds);
            if !succeeds {
                assert_eq!(error(stopped).code, Code::Conflict);
            }
        }
    });
}

#[test]
fn a_404_means_that_the_recording_was_not_found() {
    run(async {
        let world = World::new();
        world.respond(|_| response(404, r#"{"code":"not.found"}"#));
        let recorder = with_tokens(&world).await;
        let refused = error(recorder.recording(&id("rec-1"), None, None, no_options()).await);
        assert_eq!((refused.code, refused.evidence.org_id.as_ref().unwrap().as_str()), (Code::RecordingNotFound, ACME));
        assert_eq!(error(recorder.stop(&id("rec-1"), &org(GLOBEX), None, no_options()).await).code, Code::RecordingNotFound);
        // No recording's id was sent for a list.
        let refused = error(recorder.recordings(None, None, no_options()).await);
        assert_eq!((refused.code, refused.hint().contains("`list`")), (Code::NotFound, true));
    });
}

#[test]
fn a_missing_recording_has_stopped_if_the_contract_says_so_whatever_the_body() {
    run(async {
        for (status, body, says_stopped) in [
            (404, r#"{"code":"not.found"}"#, true),
            (404, "", true),
            (404, "<html>404 Not Found</html>", true),
            (410, "gone", true),
            (405, r#"{"code":"not.found"}"#, false),
            (403, "", false),
        ] {
            let world = World::new();
            world.respond(move |_| response(status, body));
            let mut options = options(&[&jwt_for(ACME)]);
            options.contract = json(r#"{"read":{"missingMeansStopped":true},"stop":{"missingMeansStopped":true}}"#).unwrap();
            let recorder = connect(&world, options).await;
            let agent = AgentId::parse(AGENT).unwrap();
            let read = recorder.recording(&id("rec-1"), None, Some(&agent), no_options()).await;
            let stopped = recorder.stop(&id("rec-1"), &org(ACME), Some(&agent), no_options()).await;
            for result in [read, stopped] {
                assert_eq!(result.is_ok_and(|recording| recording.state == State::Stopped), says_stopped, "{status} {body}");
            }
        }
    });
}

#[test]
fn a_stop_with_a_refused_token_is_repeated_with_a_new_token() {
    run(async {
        let world = World::new();
        let old = jwt_for(GLOBEX);
        let refused = old.clone();
        world.respond(
            move |request| if request.token == refused { response(401, "") } else { response(200, &recording("rec-1", "stopped")) },
        );
        world.issue(&jwt(&format!(r#"{{"org_id":"{GLOBEX}","jti":"new"}}"#)));
        let recorder = connect(&world, options(&[&old])).await;
        assert!(recorder.stop(&id("rec-1"), &org(GLOBEX), None, no_options()).await.is_ok());
        assert_eq!((world.requests().len(), world.get_token_calls().len()), (2, 1));
    });
}

#[test]
fn a_recording_has_the_state_and_the_start_time_that_the_cloud_sends() {
    run(async {
        let world = World::new();
        world.respond(|_| response(200, &recording("rec-1", "archived")));
        let recorder = with_tokens(&world).await;
        let read = recorder.recording(&id("rec-1"), Some(&org(GLOBEX)), None, no_options()).await.unwrap();
        assert_eq!((read.state.clone(), read.already_running), (State::Other("archived".into()), false));
        assert_eq!(read.started_at.as_deref(), Some("2026-11-22T08:00:00.000Z"));
        assert_eq!((world.requests()[0].method.as_str(), world.requests()[0].org.as_deref()), ("GET", Some(GLOBEX)));
    });
}

#[test]
fn a_response_that_is_not_the_recording_is_unexpected() {
    run(async {
        let another_org = format!(r#"{{"id":"rec-1","agentId":"a","organizationId":"{ACME}"}}"#);
        for body in ["", "[]", r#"{"id":"rec-2","agentId":"a"}"#, r#"{"id":"rec-1"}"#, r#"{"agentId":"a"}"#, &another_org] {
            let world = World::new();
            world.respond({
                let body = body.to_owned();
                move |_| response(200, &body)
            });
            let recorder = with_tokens(&world).await;
            let unexpected = error(recorder.recording(&id("rec-1"), Some(&org(GLOBEX)), None, no_options()).await);
            assert_eq!((unexpected.code, unexpected.evidence.status), (Code::UnexpectedAnswer, Some(200)), "{body}");
        }
        let world = World::new();
        world.respond(|_| response(200, r#"{"recordings":[]}"#));
        let recorder = with_tokens(&world).await;
        assert_eq!(error(recorder.recordings(None, None, no_options()).await).code, Code::UnexpectedAnswer);
    });
}

#[test]
fn a_list_contains_only_recordings_of_the_organization_and_the_agent() {
    run(async {
        let world = World::new();
        let body = format!(
            r#"{{"entities":[{{"id":"1","agentId":"{AGENT}"}},{{"id":"2","agentId":"other"}},{{"id":"3","agentId":"{AGENT}","organizationId":"{ACME}"}}]}}"#
        );
        world.respond(move |_| response(200, &body));
        let recorder = with_tokens(&world).await;
        let ids = |listed: Vec<premium_recorder::recording::Recording>| {
            listed
                .into_iter()
                .map(|recording| (recording.id.as_str().to_owned(), recording.raw.entity.as_ref().map(|(_, at)| *at)))
                .collect::<Vec<_>>()
        };
        let all = recorder.recordings(None, Some(&org(GLOBEX)), no_options()).await.unwrap();
        assert_eq!(ids(all), [("1".to_owned(), Some(0)), ("2".to_owned(), Some(1))]);
        let agent = AgentId::parse(AGENT).unwrap();
        let of_agent = recorder.recordings(Some(&agent), Some(&org(GLOBEX)), no_options()).await.unwrap();
        assert_eq!(ids(of_agent), [("1".to_owned(), Some(0))]);
        let urls: Vec<_> = world.requests().into_iter().map(|request| request.url).collect();
        assert!(urls[0].ends_with("/screenrecordings") && urls[1].ends_with(&format!("/screenrecordings?agentId={AGENT}")), "{urls:?}");
    });
}

#[test]
fn a_timeout_an_abort_and_a_close_end_a_call() {
    run(async {
        let world = World::new();
        world.respond_async(|_| Box::pin(std::future::pending()));
        let recorder = with_tokens(&world).await;
        let (id, org) = (id("rec-1"), org(GLOBEX));
        assert_eq!(error(while_time_passes(&[&world], recorder.stop(&id, &org, None, no_options())).await).code, Code::Timeout);
        let signal = Signal::default();
        signal.abort();
        assert!(matches!(recorder.recordings(None, None, with_signal(&signal)).await, Err(CallError::Aborted)));
        let (closed, ()) = join(recorder.recording(&id, None, None, no_options()), async { recorder.close() }).await;
        assert_eq!(error(closed).code, Code::Closed);
        assert_eq!(error(recorder.stop(&id, &org, None, no_options()).await).code, Code::Closed);
        assert_eq!(error(recorder.recordings(None, None, no_options()).await).code, Code::Closed);
    });
}

#[test]
fn an_invalid_recording_id_is_refused() {
    for text in ["", ".", "..", "a\nb", "\u{0}", &"x".repeat(257)] {
        assert_eq!(code(recording_id(text)), Code::BadArgument, "{text:?}");
    }
    assert!(RecordingId::parse(&"ü".repeat(256)).is_ok());
}

proptest! {
    /// For any text, a recording ID is one segment of the path, and an agent ID is one query parameter. Another parser reads
    /// both back.
    #[test]
    fn ids_are_encoded(text in "[^\\p{Cc}]{1,40}", agent in "[^\\p{Cc}\\s]{1,40}") {
        prop_assume!(RecordingId::parse(&text).is_ok() && AgentId::parse(&agent).is_ok());
        run(async {
            let world = World::new();
            world.respond(|_| response(404, ""));
            let recorder = with_tokens(&world).await;
            let _: Error = error(recorder.recording(&id(&text), None, None, no_options()).await);
            let url = url::Url::parse(&world.requests()[0].url).unwrap();
            let segments: Vec<_> = url.path_segments().unwrap().collect();
            let decoded = percent_decoded(segments[3]);
            assert_eq!((segments.len(), decoded.as_str(), url.query(), url.fragment()), (4, text.as_str(), None, None));
            assert_eq!(&segments[..3], ["api", "v2", "screenrecordings"]);

            let _ = recorder.recordings(Some(&AgentId::parse(&agent).unwrap()), None, no_options()).await;
            let url = url::Url::parse(&world.requests()[1].url).unwrap();
            let pairs: Vec<_> = url.query_pairs().into_owned().collect();
            assert_eq!((pairs, url.path()), (vec![("agentId".to_owned(), agent.clone())], "/api/v2/screenrecordings"));
        });
    }
}

fn percent_decoded(text: &str) -> String {
    // Only a form decodes `+` as a space, so escape it before the form parser decodes the rest.
    url::form_urlencoded::parse(text.replace('+', "%2B").as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap()
}

#[test]
fn a_stop_succeeds_although_responses_do_not_name_the_agent() {
    run(async {
        let world = World::new();
        world.respond(|request| match request.method.as_str() {
            "POST" => response(201, CREATED),
            _ => response(200, r#"{"id":"rec-1","state":"stopped"}"#),
        });
        let recorder = with_tokens(&world).await;
        let started = record(&recorder, GLOBEX).await.unwrap();
        let stopped = recorder.stop(&id(started.id.as_str()), &started.org, Some(&started.agent), no_options()).await.unwrap();
        assert_eq!((&stopped.state, &stopped.agent), (&State::Stopped, &started.agent));
    });
}
