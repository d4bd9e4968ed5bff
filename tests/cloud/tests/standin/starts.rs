//! How a cloud may treat starts: once for each key, twice for one agent, or with no list of them.

use crate::common::{Fixture, RECORDINGS, acme, agent, globex};
use serde_json::{Value, json};

const HEADER: &str = "Idempotency-Key";

fn recordings(cloud: &Fixture) -> usize {
    cloud.ledger()["recordings"].as_array().unwrap().len()
}

fn keys(cloud: &Fixture) -> Value {
    cloud.ledger()["requests"].as_array().unwrap().iter().map(|entry| entry["idempotencyKey"].clone()).collect()
}

#[test]
fn a_start_with_a_known_key_is_answered_as_the_first_was() {
    let cloud = Fixture::new();
    assert_eq!(cloud.set(&json!({"idempotencyHeader": HEADER}))["idempotencyHeader"], HEADER);
    let token = cloud.token_of(acme());
    let first = cloud.start(&token, agent(acme()), &[(HEADER, "one")]);
    assert_eq!(first.status, 201);
    let path = format!("{RECORDINGS}/{}", first.body["id"].as_str().unwrap());
    let again = |token: &str| {
        let again = cloud.start(token, agent(acme()), &[("idempotency-key", "one")]);
        assert_eq!((again.status, &again.body), (201, &first.body));
    };
    again(&token);
    again(&cloud.token_of(acme()));
    cloud.start(&token, agent(acme()), &[(HEADER, "two")]).refused(409, "request.conflict");
    cloud.start(&token, agent(acme()), &[]).refused(409, "request.conflict");
    assert_eq!(cloud.with_token("PATCH", &path, &token, Some(&json!({"state": "stopped"}))).status, 200);
    again(&token);
    assert_eq!(recordings(&cloud), 1);
    // What was refused is not remembered.
    assert_eq!(cloud.start(&token, agent(acme()), &[(HEADER, "two")]).status, 201);
    assert_eq!(recordings(&cloud), 2);
    assert_eq!(keys(&cloud), json!(["one", "one", "one", "two", null, null, "one", "two"]));
}

#[test]
fn a_key_is_judged_after_the_token_and_for_its_organization_only() {
    let cloud = Fixture::new();
    cloud.set(&json!({"idempotencyHeader": HEADER}));
    let [own, other] = [acme(), globex()].map(|organization| cloud.token_of(organization));
    let key = [(HEADER, "one")];
    let first = cloud.start(&own, agent(acme()), &key);
    cloud.start(&other, agent(acme()), &key).refused(403, "not.authorized");
    cloud.start("nonsense", agent(acme()), &key).refused(401, "bad.credentials");
    cloud.start_id(&own, "nobody", &key).refused(404, "not.found");
    let second = cloud.start(&other, agent(globex()), &key);
    assert_eq!(second.status, 201);
    assert_ne!(first.body["id"], second.body["id"]);
    assert_eq!(recordings(&cloud), 2);
}

#[test]
fn a_lost_start_is_found_again_by_its_key() {
    let cloud = Fixture::new();
    cloud.set(&json!({"idempotencyHeader": HEADER}));
    let token = cloud.token_of(acme());
    let key = [(HEADER, "one")];
    cloud.fault("POST", RECORDINGS, &json!({"truncate": 10}));
    let body = json!({"agentId": agent(acme()).id, "recordingType": "screen"}).to_string();
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json"), (HEADER, "one")];
    assert!(cloud.try_call("POST", RECORDINGS, &headers, Some(&body)).is_err());
    let found = cloud.start(&token, agent(acme()), &key);
    assert_eq!(found.status, 201);
    assert_eq!(found.body["id"], cloud.ledger()["recordings"][0]["id"]);
    assert_eq!(recordings(&cloud), 1);
}

#[test]
fn no_header_is_a_key_unless_a_setting_says_so() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    let start = |key: &str| cloud.start(&token, agent(acme()), &[(HEADER, key)]);
    assert_eq!(start("one").status, 201);
    start("one").refused(409, "request.conflict");
    cloud.set(&json!({"idempotencyHeader": HEADER}));
    start("one").refused(409, "request.conflict");
    // A change of another setting leaves it, and null takes it back.
    assert_eq!(cloud.set(&json!({"listing": "all"}))["idempotencyHeader"], HEADER);
    start(&token).refused(409, "request.conflict");
    assert_eq!(cloud.set(&json!({"idempotencyHeader": null}))["idempotencyHeader"], Value::Null);
    start("one").refused(409, "request.conflict");
    assert_eq!(keys(&cloud), json!([null, null, "one", "***", null]));
}

#[test]
fn a_page_may_send_the_key() {
    let cloud = Fixture::new();
    let allows = || {
        let asked =
            [("origin", "https://apps.example"), ("access-control-request-method", "POST"), ("access-control-request-headers", HEADER)];
        let answer = cloud.call("OPTIONS", RECORDINGS, &asked, None);
        answer.header("access-control-allow-headers").unwrap().split(',').any(|name| name.trim() == "idempotency-key")
    };
    assert!(!allows());
    cloud.set(&json!({"idempotencyHeader": HEADER}));
    assert!(allows());
    cloud.set(&json!({"idempotencyHeader": null}));
    assert!(!allows());
}

#[test]
fn an_unguarded_agent_is_recorded_twice() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    assert_eq!(cloud.set(&json!({"guardsAgents": false}))["guardsAgents"], false);
    let [first, second] = [(); 2].map(|()| cloud.start(&token, agent(acme()), &[]));
    assert_eq!((first.status, second.status), (201, 201));
    assert_ne!(first.body["id"], second.body["id"]);
    let states: Vec<_> = cloud.ledger()["recordings"].as_array().unwrap().iter().map(|line| line["state"].clone()).collect();
    assert_eq!(states, ["recording", "recording"]);
    cloud.start(&token, &acme().agents[2], &[]).refused(409, "request.conflict");
    cloud.set(&json!({"guardsAgents": true}));
    cloud.start(&token, agent(acme()), &[]).refused(409, "request.conflict");
}

#[test]
fn a_cloud_may_have_no_list() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    let id = cloud.start(&token, agent(acme()), &[]).body["id"].clone();
    assert_eq!(cloud.set(&json!({"listing": "off"}))["listing"], "off");
    let list = format!("{RECORDINGS}?agentId={}", agent(acme()).id);
    cloud.with_token("GET", &list, &token, None).refused(404, "not.found");
    cloud.with_token("GET", RECORDINGS, &token, None).refused(404, "not.found");
    // As at every address that leads nowhere, whoever asks.
    cloud.call("GET", RECORDINGS, &[], None).refused(404, "not.found");
    let found = cloud.with_token("GET", &format!("{RECORDINGS}/{}", id.as_str().unwrap()), &token, None);
    assert_eq!((found.status, &found.body["id"]), (200, &id));
    assert_eq!(cloud.start(&token, &acme().agents[1], &[]).status, 201);
    cloud.set(&json!({"listing": "all"}));
    assert_eq!(cloud.with_token("GET", &list, &token, None).body["total"], 1);
}
