//! Starts that the API refuses because the agent is being recorded.

use crate::support::*;
use premium_recorder::model::error::Code;

#[test]
fn a_conflict_returns_the_running_recording() {
    for has_locks in [true, false] {
        run(async {
            let world = World::new();
            if !has_locks {
                world.disable_locks();
            }
            let listed = || list(&[entity("a", "recording", -90_000), entity("b", "recording", -60_000), entity("c", "stopped", -10)]);
            world.respond_to_starts(|| Ok(response(409, r#"{"code":"conflict","message":"being recorded"}"#)), listed);
            let recorder = with_token(&world).await;
            let running = record(&recorder, GLOBEX).await.unwrap();
            assert_eq!((running.id.as_str(), running.already_running, running.started_at.clone()), ("b", true, Some(iso(-60_000))));
            assert_eq!((world.starts().len(), looks(&world)), (1, 1));
        });
    }
}

#[test]
fn a_conflict_without_a_running_recording_is_an_error() {
    for (status, body, listed) in [
        (409, "", r#"{"entities":[]}"#.to_owned()),
        (409, "", format!(r#"{{"entities":[{}]}}"#, entity("x", "stopped", 0))),
        // An unknown state does not count as running.
        (409, "", format!(r#"{{"entities":[{}]}}"#, entity("x", "paused", 0))),
        (409, "", "no list".to_owned()),
        (
            403,
            r#"{"code":"conversation.error.forbidden.not.active.participant"}"#,
            format!(r#"{{"entities":[{}]}}"#, entity("x", "recording", 0)),
        ),
    ] {
        run(async {
            let world = World::new();
            world.respond_to_starts(move || Ok(response(status, body)), move || response(200, &listed));
            let recorder = with_token(&world).await;
            let refused = error(record(&recorder, GLOBEX).await);
            assert_eq!((refused.code, refused.evidence.status, world.starts().len()), (Code::Conflict, Some(status), 1));
        });
    }
}

#[test]
fn the_newest_running_recording_is_found_across_time_zones() {
    run(async {
        let world = World::new();
        let at = |id: &str, date: &str| format!(r#"{{"id":"{id}","agentId":"{AGENT}","state":"recording","startedAt":"{date}"}}"#);
        let listed = [at("older", "2027-01-15T10:00:00+02:00"), at("newer", "2027-01-15T08:30:00Z")];
        world.respond_to_starts(|| Ok(response(409, "")), move || list(&listed));
        let recorder = with_token(&world).await;
        assert_eq!(record(&recorder, GLOBEX).await.unwrap().id.as_str(), "newer");
    });
}

#[test]
fn a_start_that_the_api_refuses_beside_another_does_not_take_the_others_recording() {
    run(async {
        let world = World::new();
        let started = |number| if number == 1 { (3_000, Err(lost_response("reset"))) } else { (0, Ok(response(409, ""))) };
        world.respond_to_each_start(started, || list(&[entity("rec-1", "recording", 0)]));
        let recorder = with_token(&world).await;
        let refused = async {
            world.sleep(1_000).await;
            recorder.start_recording(unshared_start(), no_options()).await
        };
        let (lost, refused) = while_time_passes(&[&world], join(record(&recorder, GLOBEX), refused)).await;
        assert_eq!((lost.unwrap().id.as_str(), refused.unwrap().id.as_str()), ("rec-1", "rec-1"));
    });
}
