use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use crate::common::{Fixture, RECORDINGS, TOKEN_INFO, acme, agent, start_of};
use serde_json::{Value, json};

fn statuses(cloud: &Fixture) -> Value {
    cloud.ledger()["requests"].as_array().unwrap().iter().map(|entry| entry["status"].clone()).collect()
}

fn recordings(cloud: &Fixture) -> usize {
    cloud.ledger()["recordings"].as_array().unwrap().len()
}

fn raw_start(token: &str) -> String {
    let body = start_of(agent(acme())).to_string();
    format!(
        "POST {RECORDINGS} HTTP/1.1\r\nHost: local\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_status_stands_in_for_the_work_as_often_as_asked() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    let fault = json!({"status": 503, "body": {"code": "service.unavailable"}, "headers": {"Retry-After": "1"}});
    cloud.control("faults", &json!({"method": "POST", "path": RECORDINGS, "times": 2, "fault": fault}));
    for _ in 0..2 {
        let answer = cloud.start(&token, agent(acme()), &[]);
        assert_eq!(answer.status, 503);
        assert_eq!(answer.body, json!({"code": "service.unavailable"}));
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert!(answer.header("inin-correlation-id").is_some());
    }
    assert_eq!(recordings(&cloud), 0);
    assert_eq!(cloud.start(&token, agent(acme()), &[]).status, 201);
    assert_eq!(statuses(&cloud), json!([503, 503, 201]));
}

#[test]
fn an_answer_can_be_anything() {
    let cloud = Fixture::new();
    let fault = json!({"status": 200, "body": "<p>maintenance", "headers": {"content-type": "text/html"}});
    cloud.fault("GET", TOKEN_INFO, &fault);
    let answer = cloud.call("GET", TOKEN_INFO, &[], None);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html")));
    assert_eq!(answer.body, json!("<p>maintenance"));

    let elsewhere = "http://127.0.0.1:9/elsewhere";
    cloud.fault("GET", TOKEN_INFO, &json!({"status": 302, "headers": {"Location": elsewhere}}));
    let answer = cloud.call("GET", TOKEN_INFO, &[], None);
    assert_eq!((answer.status, answer.header("location")), (302, Some(elsewhere)));
}

#[test]
fn a_fault_meets_its_method_and_path_only() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    cloud.fault("POST", TOKEN_INFO, &json!({"status": 500}));
    cloud.fault("GET", "/api/v2/token", &json!({"status": 500}));
    cloud.fault("GET", "/api/v2/users/*", &json!({"status": 501}));
    cloud.fault("*", "/oauth/*", &json!({"status": 502}));
    let get = |path: &str| cloud.with_token("GET", path, &token, None).status;
    assert_eq!(get(TOKEN_INFO), 200);
    assert_eq!(get("/api/v2/users/me"), 501);
    assert_eq!(get("/api/v2/users/me"), 200);
    let login = &cloud.cloud.origins().login;
    assert_eq!(cloud.call_origin(login, "/oauth/token", &[]).status, 502);
}

#[test]
fn a_reset_before_the_work_leaves_no_recording() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    cloud.fault("POST", RECORDINGS, &json!({"reset": "before"}));
    let (bytes, end) = cloud.raw(&raw_start(&token));
    assert_eq!(bytes, b"");
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(recordings(&cloud), 0);
    assert_eq!(statuses(&cloud), json!([null]));
}

#[test]
fn a_reset_after_the_work_loses_only_the_answer() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    cloud.fault("POST", RECORDINGS, &json!({"reset": "after"}));
    let body = start_of(agent(acme()));
    assert!(cloud.try_with_token("POST", RECORDINGS, &token, Some(&body)).is_err());
    assert_eq!(recordings(&cloud), 1);
    assert_eq!(statuses(&cloud), json!([null]));
    cloud.start(&token, agent(acme()), &[]).refused(409, "request.conflict");
}

#[test]
fn a_truncated_answer_has_every_header_and_a_part_of_the_body() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    cloud.fault("POST", RECORDINGS, &json!({"truncate": 10}));
    let (bytes, _) = cloud.raw(&raw_start(&token));
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 201 "), "{head}");
    assert!(head.contains("access-control-allow-origin: *"));
    let length: usize = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    assert_eq!(body.len(), 10);
    assert!(length > 100);
    assert_eq!(recordings(&cloud), 1);
    assert_eq!(statuses(&cloud), json!([201]));

    cloud.fault("GET", TOKEN_INFO, &json!({"truncate": 0}));
    assert!(cloud.try_with_token("GET", TOKEN_INFO, &token, None).is_err());
}

#[test]
fn a_delayed_answer_comes_in_the_end() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    cloud.fault("POST", RECORDINGS, &json!({"delayMs": 200}));
    let asked = Instant::now();
    assert_eq!(cloud.start(&token, agent(acme()), &[]).status, 201);
    assert!(asked.elapsed() >= Duration::from_millis(200));
}

#[test]
fn a_request_is_carried_out_even_when_its_client_has_gone() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    cloud.fault("POST", RECORDINGS, &json!({"delayMs": 200}));
    let address = cloud.cloud.origins().api.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(raw_start(&token).as_bytes()).unwrap();
    let within = Instant::now() + Duration::from_secs(20);
    let until = |done: &dyn Fn() -> bool| {
        while !done() {
            assert!(Instant::now() < within, "{}", cloud.ledger());
            std::thread::yield_now();
        }
    };
    until(&|| statuses(&cloud) == json!([null]));
    drop(stream);
    until(&|| recordings(&cloud) == 1);
    assert_eq!(statuses(&cloud), json!([null]));
}

#[test]
fn a_held_request_goes_on_when_it_is_released() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    let held = json!({"method": "POST", "path": RECORDINGS, "times": 2, "fault": {"held": true}});
    assert_eq!(cloud.control("faults", &held).status, 204);
    std::thread::scope(|scope| {
        let start = scope.spawn(|| cloud.start(&token, agent(acme()), &[]).status);
        let within = Instant::now() + Duration::from_secs(20);
        while statuses(&cloud) != json!([null]) {
            assert!(Instant::now() < within, "{}", cloud.ledger());
        }
        // It holds up nobody else.
        assert_eq!(cloud.with_token("GET", TOKEN_INFO, &token, None).status, 200);
        assert_eq!((recordings(&cloud), statuses(&cloud)), (0, json!([null, 200])));
        assert_eq!(cloud.call("POST", "/standin/release", &[], Some("")).status, 204);
        assert_eq!(start.join().unwrap(), 201);
    });
    // The fault holds the second one no more.
    cloud.start(&token, agent(acme()), &[]).refused(409, "request.conflict");
}

#[test]
fn a_held_request_never_meets_the_world_after_a_reset() {
    let cloud = Fixture::new();
    cloud.fault("POST", RECORDINGS, &json!({"held": true, "status": 503}));
    let address = cloud.cloud.origins().api.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(raw_start(&cloud.token_of(acme())).as_bytes()).unwrap();
    let within = Instant::now() + Duration::from_secs(20);
    while statuses(&cloud) != json!([null]) {
        assert!(Instant::now() < within, "{}", cloud.ledger());
    }
    for control in ["reset", "release"] {
        assert_eq!(cloud.call("POST", &format!("/standin/{control}"), &[], Some("")).status, 204);
    }
    stream.set_nonblocking(true).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn the_ledger_tells_everything_but_tokens() {
    let cloud = Fixture::new();
    let opaque = cloud.token_of(acme());
    let jwt = cloud.token(&json!({"orgId": acme().id, "format": "jwt"}));
    let answer = cloud.start(&opaque, agent(acme()), &[("X-Genesys-Organization-Id", acme().id)]);
    cloud.with_token("GET", &format!("/api/v2/users/me?access_token={jwt}"), &jwt, None);
    cloud.with_token("GET", &format!("/{opaque}"), &opaque, None);
    cloud.start(&jwt, agent(acme()), &[("x-gc-organization", &jwt)]);
    cloud.with_token("DELETE", TOKEN_INFO, &opaque, None);
    cloud.with_token("GET", &format!("{TOKEN_INFO}?token={opaque}"), &opaque, None);
    let authorization = format!("Bearer {jwt}");
    let origins = cloud.cloud.origins();
    cloud.call_origin(&origins.login, "/oauth/token", &[]);
    cloud.call_origin(&origins.apps, "/leak", &[("authorization", &authorization)]);
    cloud.call_origin(&origins.apps, "/index.html", &[]);

    let ledger = cloud.ledger();
    let text = ledger.to_string();
    assert!(!text.contains(&opaque) && !text.contains(&jwt), "{text}");
    let first = &ledger["requests"][0];
    assert!(first["receivedAt"].as_i64().unwrap() > 1_700_000_000_000, "{first}");
    assert_eq!(
        *first,
        json!({
            "origin": "api",
            "method": "POST",
            "path": RECORDINGS,
            "query": null,
            "tokenOrgId": acme().id,
            "tokenExpired": false,
            "orgHeader": acme().id,
            "orgHeaders": {"x-genesys-organization-id": acme().id},
            "idempotencyKey": null,
            "agentId": agent(acme()).id,
            "grantType": null,
            "issuedOrgId": null,
            "targetOrgId": null,
            "contentType": "application/json",
            "published": null,
            "status": 201,
            "correlationId": answer.header("inin-correlation-id"),
            "receivedAt": first["receivedAt"],
        })
    );
    let told: Vec<_> = ledger["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap_or("-").to_owned();
            format!("{} {} {} {}", text("origin"), text("path"), text("query"), entry["status"])
        })
        .collect();
    assert_eq!(
        told,
        [
            "api /api/v2/screenrecordings - 201",
            "api /api/v2/users/me access_token=*** 200",
            "api /*** - 404",
            "api /api/v2/screenrecordings - 403",
            "api /api/v2/tokens/me - 200",
            "api /api/v2/tokens/me token=*** 401",
            "login /oauth/token - 404",
            "apps /leak - 404",
        ]
    );
}

#[test]
fn an_answer_that_is_later_than_a_reset_lands_on_no_other_line() {
    let cloud = Fixture::new();
    cloud.call("GET", "/nowhere", &[], None);
    cloud.fault("GET", TOKEN_INFO, &json!({"status": 503, "delayMs": 300}));
    std::thread::scope(|scope| {
        let late = scope.spawn(|| cloud.call("GET", TOKEN_INFO, &[], None).status);
        let within = Instant::now() + Duration::from_secs(20);
        while statuses(&cloud) != json!([404, null]) {
            assert!(Instant::now() < within, "{}", cloud.ledger());
        }
        assert_eq!(cloud.call("POST", "/standin/reset", &[], Some("")).status, 204);
        for _ in 0..2 {
            cloud.call("GET", "/nowhere", &[], None);
        }
        assert_eq!(late.join().unwrap(), 503);
    });
    assert_eq!(statuses(&cloud), json!([404, 404]));
}
