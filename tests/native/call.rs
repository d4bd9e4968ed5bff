//! One call: its deadline, its signals, the start that it shares, and what a response may not repeat.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;

use crate::support::*;
use premium_recorder::cloud::deadline::{Deadline, SignInTime};
use premium_recorder::cloud::race::before;
use premium_recorder::cloud::refusal::retry_after;
use premium_recorder::cloud::response::Response;
use premium_recorder::cloud::signal::Signal;
use premium_recorder::model::error::Code;
use premium_recorder::model::ids::OrgId;
use premium_recorder::model::json::Json;
use premium_recorder::model::time::{CloudClock, Instant, Timestamp};
use premium_recorder::recording::contract::RecordingContract;
use proptest::prelude::*;

const DAY: i64 = 86_400_000;

fn sign_in_time(world: &World) -> Rc<SignInTime> {
    SignInTime::new(Rc::new(world.clone()))
}

#[test]
fn a_deadline_counts_down_and_expires_at_zero() {
    run(async {
        let world = World::new();
        let deadline = Deadline::after(1_000, sign_in_time(&world));
        assert_eq!((deadline.limit(), deadline.remaining()), (1_000, 1_000));
        world.advance(999);
        assert_eq!(deadline.remaining(), 1);
        let over = Cell::new(false);
        let expires = async {
            deadline.expired().await;
            over.set(true);
        };
        join(expires, async {
            assert!(!over.get());
            world.advance(1);
        })
        .await;
        assert!(over.get() && deadline.remaining() <= 0);
    });
}

#[test]
fn a_deadline_stands_still_while_a_person_signs_in_and_only_then() {
    let world = World::new();
    let time = sign_in_time(&world);
    let deadline = Deadline::after(1_000, time.clone());
    let first = time.pause();
    world.advance(60_000);
    // Two sign-ins at the same time are one pause.
    let second = time.pause();
    world.advance(60_000);
    drop(first);
    world.advance(60_000);
    assert_eq!(deadline.remaining(), 1_000);
    drop(second);
    world.advance(400);
    assert_eq!(deadline.remaining(), 600);
    // A call that begins later does not profit from a pause that is over.
    assert_eq!(Deadline::after(1_000, time.clone()).remaining(), 1_000);
    drop(time.pause());
    world.advance(600);
    assert_eq!(deadline.remaining(), 0);
}

#[test]
fn a_deadline_is_extended_to_a_later_one_and_never_shortened() {
    let world = World::new();
    let time = sign_in_time(&world);
    let deadline = Deadline::after(1_000, time.clone());
    deadline.extend_to(&Deadline::after(500, time.clone()));
    assert_eq!(deadline.remaining(), 1_000);
    deadline.extend_to(&Deadline::after(5_000, time));
    assert_eq!(deadline.remaining(), 5_000);
}

#[test]
fn a_clock_that_is_set_ends_no_call_and_lengthens_none() {
    run(async {
        for set_by in [DAY, -DAY] {
            let world = World::new();
            world.respond_async(|_| Box::pin(std::future::pending()));
            let recorder = with_token(&world).await;
            let call = recorder.recordings(None, None, with_timeout(1_000));
            let sets_clock = async {
                world.shift_wall_clock(set_by);
                world.advance(999);
                assert_eq!(world.requests().len(), 1, "{set_by}");
                world.advance(1);
            };
            let (ended, ()) = join(call, sets_clock).await;
            assert_eq!(error(ended).code, Code::Timeout, "{set_by}");
        }
    });
}

#[test]
fn a_token_lives_as_long_as_its_source_said_whatever_the_clock_is_set_to() {
    run(async {
        let world = World::new();
        world.respond(|_| created("rec-1")).issue_for(&jwt_with_id(GLOBEX, "a"), 600.0);
        let recorder = connect(&world, options(&[])).await;
        record(&recorder, GLOBEX).await.unwrap();
        world.shift_wall_clock(DAY);
        record(&recorder, GLOBEX).await.unwrap();
        assert_eq!(world.get_token_calls().len(), 1);
        world.advance(601_000);
        record(&recorder, GLOBEX).await.unwrap();
        assert_eq!(world.get_token_calls().len(), 2);
    });
}

#[test]
fn a_signal_wakes_everyone_who_waits_once_and_stays_given() {
    run(async {
        let signal = Signal::default();
        let waiting = join_all((0..100).map(|_| signal.aborted()));
        join(waiting, async { signal.abort() }).await;
        signal.aborted().await;
        assert!(signal.clone().is_aborted());
    });
}

#[test]
fn work_has_a_result_unless_its_time_is_over_first() {
    run(async {
        for (is_ready, is_over, expected) in [(true, false, Some(())), (false, true, None), (true, true, Some(()))] {
            let (ready, over) = (Signal::default(), Signal::default());
            let end = async {
                if is_over {
                    over.abort();
                }
                if is_ready {
                    ready.abort();
                }
            };
            let (result, ()) = join(before(pin!(ready.aborted()), Box::pin(over.aborted())), end).await;
            assert_eq!(result, expected, "ready: {is_ready}, over: {is_over}");
        }
    });
}

#[test]
fn a_single_date_is_doubted_until_a_second_one_agrees() {
    let clock = CloudClock::default();
    let at = |millis: i64| clock.moment(Instant::from_millis(millis), Timestamp::from_millis(NOW + millis));
    let learn = |millis: i64, date: i64| clock.learn(at(millis), at(millis), Timestamp::from_millis(NOW + date));
    let earliest = |millis: i64| clock.range(at(millis)).0.as_millis() - NOW;
    let latest = |millis: i64| clock.range(at(millis)).1.as_millis() - NOW;
    learn(0, 0);
    assert_eq!(latest(0), 0);
    // Hours behind: what was known before counts as well.
    learn(1_000, -DAY);
    assert_eq!(latest(1_000), 1_000);
    assert!((earliest(1_000) + DAY).abs() <= 1_000);
    // Once it is confirmed, it counts alone.
    learn(2_000, 1_000 - DAY);
    assert!(latest(2_000) < 3_000 - DAY);
    assert_eq!(earliest(2_000), latest(2_000));
    // One that agrees with neither confirms nothing.
    learn(2_500, -2 * DAY);
    learn(2_600, -3 * DAY);
    assert!((latest(2_700) - (1_700 - DAY)).abs() <= 1_000);
    // Hours ahead counts at once.
    learn(3_000, DAY);
    assert!(latest(3_000) >= DAY);
    assert!((earliest(3_000) - (2_000 - DAY)).abs() <= 1_000);
}

#[test]
fn a_date_that_is_shown_does_not_jump_by_a_millisecond() {
    let clock = CloudClock::default();
    let shown = |instant: i64, wall_clock: i64| {
        clock.moment(Instant::from_millis(instant), Timestamp::from_millis(wall_clock)).wall_clock_at(Instant::from_millis(600_000))
    };
    // Whole milliseconds of two clocks, whose fractions differ.
    let dates = [(0, NOW), (0, NOW + 1), (1, NOW + 1), (1, NOW), (5, NOW + 6)].map(|(instant, date)| shown(instant, date));
    assert!(dates.iter().all(|date| *date == dates[0]), "{dates:?}");
    // A clock that is set does change it.
    assert_eq!(shown(6, NOW + 6 + DAY).as_millis(), NOW + 600_000 + DAY);
}

#[test]
fn a_signed_out_token_authorizes_nothing_however_long_it_was_carried() {
    run(async {
        let world = World::new();
        world.respond(|_| response(204, ""));
        let recorder = with_token(&world).await;
        let carried = recorder.tokens()[0].clone();
        let list = || RecordingContract::from_json(&Json::Null).unwrap().list(None).unwrap();
        assert!(carried.authorize(&list()).is_ok());
        recorder.sign_out(OrgId::parse(GLOBEX), no_options()).await.unwrap();
        assert_eq!(carried.authorize(&list()).unwrap_err().code, Code::NoToken);
        // The same text that is added again is a new session's.
        let token = premium_recorder::token::access_token::AccessToken::parse(&jwt_for(GLOBEX)).unwrap();
        let added = recorder.add_token(token, no_options()).await.unwrap();
        assert!(added.authorize(&list()).is_ok() && carried.authorize(&list()).is_err());
        // The revocation was the only request after the sign-out.
        let methods: Vec<_> = world.requests().iter().map(|seen| seen.method.clone()).collect();
        assert_eq!(methods, ["DELETE"]);
    });
}

#[test]
fn a_lock_that_is_held_for_ever_keeps_no_sign_in_waiting_for_ever() {
    run(async {
        let world = World::new();
        world.respond(|seen| if seen.method == "POST" { created("rec-1") } else { response(200, &token_info(GLOBEX)) });
        let recorder = connect(&world, login_options()).await;
        let stranger = world.another_page();
        // The name is known once it is used: the first call takes the lock, and leaves.
        let signal = Signal::default();
        let names = Cell::new(None);
        let (_, ()) = join(recorder.start_recording(start_in(GLOBEX), with_signal(&signal)), async {
            names.set(world.held_locks().first().cloned());
            signal.abort();
        })
        .await;
        let name = names.take().expect("a lock of the sign-in");
        let _held = premium_recorder::auth::ports::Locks::lock(&stranger, &name).await;
        let ended = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
        assert_eq!(error(ended).code, Code::LoginTimeout);
        assert!(world.popups().iter().all(|window| window.closed_by_library()));
    });
}

/// The token as a server may repeat it, escaped at some depth.
fn repeated(token: &str, depth: usize, kind: u8) -> String {
    let escaped: String = match kind {
        0 => token.to_owned(),
        1 => token.bytes().map(|byte| format!("\\u{byte:04x}")).collect(),
        2 => token.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        _ => token.replace('.', "\\u002e"),
    };
    let mut text = format!(r#"{{"message":"{escaped}"}}"#);
    for _ in 0..depth {
        text = format!(r#"{{"message":{}}}"#, serde_json::to_string(&text).unwrap());
    }
    text
}

/// Whether any reading of the text has the token: as it is, or with its escapes decoded by serde_json, again and again.
fn has(text: &str, token: &str) -> bool {
    if text.contains(token) || text.replace("%2E", ".").contains(token) {
        return true;
    }
    fn strings(value: &serde_json::Value, token: &str) -> bool {
        match value {
            serde_json::Value::String(text) => has(text, token),
            serde_json::Value::Array(items) => items.iter().any(|item| strings(item, token)),
            serde_json::Value::Object(entries) => entries.iter().any(|(key, value)| has(key, token) || strings(value, token)),
            _ => false,
        }
    }
    serde_json::from_str(text).is_ok_and(|value| strings(&value, token))
}

proptest! {
    /// However a server repeats the token, at whatever depth, no error and no event has it.
    #[test]
    fn a_token_that_a_response_repeats_is_in_no_error_and_no_event(depth in 0usize..4, kind in 0u8..4, deep in 0usize..60) {
        run(async {
            let token = jwt_for(GLOBEX);
            let mut body = repeated(&token, depth, kind);
            for _ in 0..deep {
                body = format!("[{body}]");
            }
            let world = World::new();
            world.respond(move |_| Response { correlation_id: Some(body.clone()), retry_after: Some(body.clone()), ..response(400, &body) });
            let recorder = connect(&world, options(&[&token])).await;
            let refused = error(record(&recorder, GLOBEX).await);
            let Some(premium_recorder::model::error::Cause::Cloud(words)) = &refused.evidence.cause else { panic!("{refused:?}") };
            assert!(!has(words, &token), "{words}");
            assert!(!has(refused.evidence.correlation_id.as_deref().unwrap(), &token));
            let unescaped = format!("{refused:?}{:?}", world.events());
            assert!(!unescaped.contains(&token));
        });
    }

    /// A wait in whole seconds is waited in full, however long, and what is no number and no date is no wait.
    #[test]
    fn a_wait_is_read_as_the_standard_says(seconds in 0u64..u64::MAX, words in "[a-z +.-]{0,8}") {
        let response = |text: &str| Response { retry_after: Some(text.to_owned()), ..response(429, "") };
        let now = Timestamp::from_millis(NOW);
        let told = retry_after(&response(&seconds.to_string()), now);
        prop_assert_eq!(told, Some(u32::try_from(seconds.saturating_mul(1000)).unwrap_or(u32::MAX)));
        prop_assert_eq!(retry_after(&response(&words), now), None);
        prop_assert_eq!(retry_after(&response(&format!("+{seconds}")), now), None);
        prop_assert_eq!(retry_after(&response(&format!("{seconds}.5")), now), None);
    }
}
