//! A cloud whose time passes faster than the machine's.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use crate::common::{Fixture, TOKEN_INFO, acme, agent};
use jiff::Timestamp;
use serde_json::json;

fn now(cloud: &Fixture) -> Timestamp {
    cloud.control("clock", &json!({"advanceSeconds": 0})).body["now"].as_str().unwrap().parse().unwrap()
}

/// How many milliseconds pass in the cloud in so many of the machine's, which are at least `least`.
fn pace(cloud: &Fixture, least: u64) -> (f64, f64) {
    let asked = Instant::now();
    let before = now(cloud);
    sleep(Duration::from_millis(least));
    let passed = now(cloud).duration_since(before).as_secs_f64();
    (passed * 1000.0, asked.elapsed().as_secs_f64() * 1000.0)
}

#[test]
fn the_clock_runs_as_fast_as_a_setting_says_and_never_jumps() {
    let cloud = Fixture::new();
    cloud.control("clock", &json!({"advanceSeconds": 3600}));
    // Times are told in whole milliseconds.
    let at_speed = |speed: f64| {
        let before = now(&cloud);
        let asked = Instant::now();
        assert_eq!(cloud.set(&json!({"clockSpeed": speed}))["clockSpeed"], json!(speed));
        let jump = now(&cloud).duration_since(before).as_secs_f64();
        assert!(jump >= 0.0 && jump <= asked.elapsed().as_secs_f64() * 1000.0 + 0.001, "{jump}");
        let (passed, most) = pace(&cloud, 50);
        assert!(passed >= 50.0 * speed - 1.0 && passed <= most * speed + 1.0, "{passed} in {most} at {speed}");
    };
    for speed in [1000.0, 1.0, 2.5] {
        at_speed(speed);
    }
    // 50 milliseconds at a thousand times the speed are not taken back.
    assert!(now(&cloud).duration_since(Timestamp::now()).as_secs() >= 3600 + 49);
    let before = now(&cloud);
    cloud.control("clock", &json!({"advanceSeconds": 60}));
    assert!(now(&cloud).duration_since(before).as_secs() >= 60);
    assert_eq!(cloud.call("POST", "/standin/reset", &[], Some("")).status, 204);
    let (passed, most) = pace(&cloud, 50);
    assert!(passed <= most + 1.0);
    assert!(now(&cloud).duration_since(Timestamp::now()).as_secs().abs() < 60);
}

#[test]
fn all_that_tells_the_time_follows_the_speed() {
    let cloud = Fixture::new();
    let [short, idle] = [60, 86_400].map(|seconds| cloud.token(&json!({"orgId": acme().id, "expiresIn": seconds})));
    let ask = |token: &str| cloud.with_token("GET", TOKEN_INFO, token, None);
    assert_eq!((ask(&short).status, ask(&idle).status), (200, 200));
    cloud.set(&json!({"clockSpeed": 1000, "idleSeconds": 120, "rateLimitPerMinute": 1}));
    sleep(Duration::from_millis(130));
    ask(&short).refused(401, "bad.credentials");
    ask(&idle).refused(401, "bad.credentials");

    let token = cloud.token(&json!({"orgId": acme().id, "expiresIn": 86_400}));
    cloud.set(&json!({"idleSeconds": 86_400}));
    ask(&token);
    // A window of a minute is over after 60 milliseconds.
    sleep(Duration::from_millis(70));
    let started = cloud.start(&token, agent(acme()), &[]);
    assert_eq!((started.status, started.header("inin-ratelimit-count")), (201, Some("1")));
    cloud.set(&json!({"clockSpeed": 1}));
    let machine = Timestamp::now();
    let date = jiff::fmt::rfc2822::parse(started.header("date").unwrap()).unwrap().timestamp();
    let started_at: Timestamp = started.body["startedAt"].as_str().unwrap().parse().unwrap();
    for told in [date, started_at] {
        assert!(told.duration_since(machine).as_secs() >= 190, "{told} is no time of a cloud that is ahead of {machine}");
    }
}
