//! The request of a start: its idempotency key, and whether it is streamed.

use std::cell::Cell;

use crate::support::*;
use premium_recorder::cloud::response::Response;
use premium_recorder::recorder::settings::Options;

#[test]
fn each_start_has_its_own_idempotency_key_and_keeps_it_when_repeated() {
    run(async {
        let world = World::new();
        let refused = Cell::new(false);
        world.respond(move |request| {
            if request.method == "POST" && !refused.replace(true) {
                Response { retry_after: Some("0".into()), ..response(429, "") }
            } else {
                created("rec")
            }
        });
        let options = with_contract(r#"{"idempotencyHeader":"Idempotency-Key"}"#);
        let recorder = connect(&world, options).await;
        while_time_passes(&[&world], record(&recorder, GLOBEX)).await.unwrap();
        record(&recorder, GLOBEX).await.unwrap();
        recorder.recordings(None, None, no_options()).await.unwrap_err();
        let keys: Vec<_> = world.requests().into_iter().map(|request| request.idempotency_key).collect();
        let [Some(first), Some(again), Some(second), None] = keys.as_slice() else { panic!("{keys:?}") };
        assert!(first == again && first != second);
        let is_uuid =
            |text: &str| text.len() == 36 && text.as_bytes()[14] == b'4' && text.bytes().filter(|byte| *byte == b'-').count() == 4;
        assert!(is_uuid(first) && is_uuid(second), "{first} {second}");
    });
}

#[test]
fn only_a_start_to_a_cloud_with_http2_is_streamed() {
    let streams = r#"{"http2":true}"#;
    for (http2, can_stream, is_streamed, is_told) in [
        ("{}", true, false, false),
        (r#"{"http2":false}"#, true, false, false),
        (streams, true, true, false),
        (streams, false, false, true),
    ] {
        run(async {
            let world = World::new();
            if !can_stream {
                world.disable(Feature::StreamedBodies);
            }
            let refused = Cell::new(false);
            world.issue_per_org();
            world.respond(move |request| match request.method.as_str() {
                "POST" if !refused.replace(true) => response(401, ""),
                "POST" => created("rec-1"),
                _ => list(&[]),
            });
            let recorder = connect(&world, Options { contract: json(http2).unwrap(), ..options(&[&jwt_with_id(GLOBEX, "old")]) }).await;
            record(&recorder, GLOBEX).await.unwrap();
            recorder.recordings(None, None, no_options()).await.unwrap();
            // The start, the same start again, and the list.
            let streamed: Vec<_> = world.requests().iter().map(|request| request.is_streamed).collect();
            assert_eq!(streamed, [is_streamed, is_streamed, false]);
            let told = world.events().iter().filter(|event| event.starts_with("StartNotStreamed")).count();
            assert_eq!(told, usize::from(is_told), "{http2:?} {can_stream}");
        });
    }
}

#[test]
fn an_idempotency_key_is_a_random_uuid() {
    // RFC 9562, 5.4: all bits are random, except the version (4) and the variant (binary 10).
    let keys = [
        (0x00, "00000000-0000-4000-8000-000000000000"),
        (0xff, "ffffffff-ffff-4fff-bfff-ffffffffffff"),
        (0x5a, "5a5a5a5a-5a5a-4a5a-9a5a-5a5a5a5a5a5a"),
    ];
    for (byte, expected) in keys {
        run(async {
            let world = World::new();
            world.seed_random(u8::wrapping_sub(byte, 1));
            world.respond(|_| created("rec"));
            let options = with_contract(r#"{"idempotencyHeader":"Idempotency-Key"}"#);
            record(&connect(&world, options).await, GLOBEX).await.unwrap();
            assert_eq!(world.starts()[0].idempotency_key.as_deref(), Some(expected));
        });
    }
}
