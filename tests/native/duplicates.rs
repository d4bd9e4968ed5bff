//! The look for a second recording after a start, which an app may ask for.

use crate::support::*;
use premium_recorder::cloud::response::{RateLimit, Response};
use premium_recorder::recorder::settings::Options;

/// The events about duplicates after a start that led to `rec-1`, with these recordings in the list.
fn duplicates_among(listed: Vec<String>, options: Options, looks: usize) -> Vec<String> {
    run(async {
        let world = World::new();
        world.respond(move |request| if request.method == "POST" { created("rec-1") } else { list(&listed) });
        let recorder = connect(&world, options).await;
        let start = async {
            let started = record(&recorder, GLOBEX).await;
            world.sleep(2_000).await;
            started
        };
        assert_eq!(while_time_passes(&[&world], start).await.unwrap().id.as_str(), "rec-1");
        assert_eq!(self::looks(&world), looks);
        world.events().into_iter().filter(|event| event.starts_with("DuplicateRecording")).collect()
    })
}

#[test]
fn a_second_recording_that_began_with_the_start_is_told_if_the_app_asks_for_it() {
    let checking = || with_contract(r#"{"checkDuplicates":true}"#);
    let own = || entity("rec-1", "recording", 10);
    let expected = format!(r#"DuplicateRecording {{ org: {GLOBEX}, agent: "{AGENT}", recordings: ["rec-2", "rec-3"] }}"#);
    let two = || vec![own(), entity("rec-2", "recording", 20), entity("rec-3", "stopped", 30)];
    assert_eq!(duplicates_among(two(), checking(), 1), [expected]);
    // By default, nobody looks.
    assert!(duplicates_among(two(), options(&[&jwt_for(GLOBEX)]), 0).is_empty());
    // One that is older, of another type, in the future, without a date or another agent's is none.
    let audio = entity("rec-2", "recording", 20).replace('}', r#","recordingType":"audio"}"#);
    let others = vec![
        own(),
        entity("old", "recording", -60_000),
        entity("future", "recording", 60_000),
        audio,
        format!(r#"{{"id":"undated","agentId":"{AGENT}","organizationId":"{GLOBEX}","state":"recording"}}"#),
        entity("another", "recording", 20).replace(AGENT, "another-agent"),
    ];
    assert!(duplicates_among(others, checking(), 1).is_empty());
}

#[test]
fn a_recording_of_another_start_of_the_page_is_no_duplicate_and_the_look_keeps_to_the_rate_limit() {
    run(async {
        let world = World::new();
        let both = || list(&[entity("rec-1", "recording", 10), entity("rec-2", "recording", 20)]);
        world.respond_to_each_start(|number| (0, Ok(created(&format!("rec-{number}")))), both);
        let recorder = connect(&world, with_contract(r#"{"checkDuplicates":true}"#)).await;
        while_time_passes(&[&world], async {
            for _ in 0..2 {
                recorder.start_recording(unshared_start(), no_options()).await.unwrap();
            }
            world.sleep(2_000).await;
        })
        .await;
        assert_eq!(looks(&world), 2);
        assert!(!world.events().iter().any(|event| event.starts_with("DuplicateRecording")));

        // The token has no request left in this minute.
        let world = World::new();
        world.respond(|request| match request.method.as_str() {
            "POST" => Response { rate_limit: Some(RateLimit { allowed: 300, count: 300, reset: 60 }), ..created("rec-1") },
            _ => list(&[]),
        });
        let recorder = connect(&world, with_contract(r#"{"checkDuplicates":true}"#)).await;
        while_time_passes(&[&world], async {
            record(&recorder, GLOBEX).await.unwrap();
            world.sleep(2_000).await;
        })
        .await;
        assert_eq!(looks(&world), 0);
    });
}

#[test]
fn a_recording_that_another_start_of_the_page_may_lead_to_is_no_duplicate_and_a_closed_recorder_does_not_look() {
    for closes in [false, true] {
        run(async {
            let world = World::new();
            let both = || list(&[entity("rec-1", "recording", 10), entity("rec-2", "recording", 20)]);
            let started = |number| (if number == 1 { 0 } else { 3_000 }, Ok(created(&format!("rec-{number}"))));
            world.respond_to_each_start(started, both);
            let recorder = connect(&world, with_contract(r#"{"checkDuplicates":true}"#)).await;
            let calls = async {
                let (first, second) =
                    (recorder.start_recording(unshared_start(), no_options()), recorder.start_recording(unshared_start(), no_options()));
                let close = async {
                    world.sleep(500).await;
                    if closes {
                        recorder.close();
                    }
                    world.sleep(6_000).await;
                };
                let ((first, _), ()) = join(join(first, second), close).await;
                assert_eq!(first.unwrap().id.as_str(), "rec-1");
            };
            while_time_passes(&[&world], calls).await;
            assert_eq!(looks(&world), if closes { 0 } else { 2 });
            assert!(!world.events().iter().any(|event| event.starts_with("DuplicateRecording")));
        });
    }
}
