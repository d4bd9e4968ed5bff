use crate::common::{Answer, FOREIGN, Fixture, acme, agent, globex};
use serde_json::{Value, json};

fn capture(cloud: &Fixture, token: &str, agent_id: &str) -> Answer {
    cloud.with_token("PUT", &format!("/gateway/v7/agents/{agent_id}/capture"), token, Some(&json!({"capture": {"kind": "screen"}})))
}

fn end(cloud: &Fixture, token: &str, reference: &Value) -> Answer {
    cloud.with_token("POST", &format!("/gateway/v7/captures/{reference}/end"), token, Some(&json!({"reason": "done"})))
}

#[test]
fn a_capture_is_begun_read_and_ended_within_its_organization() {
    let cloud = Fixture::new();
    let token = cloud.token_of(globex());
    let begun = capture(&cloud, &token, agent(globex()).id);
    assert_eq!(begun.status, 200, "{}", begun.body);
    let job = |phase: &str| json!({"job": {"ref": 4711, "owner": {"key": agent(globex()).id}, "phase": phase, "begun": begun.body["job"]["begun"]}});
    assert_eq!(begun.body, job("RUNNING"));
    assert_eq!(cloud.with_token("GET", "/gateway/v7/captures/4711", &token, None).body, job("RUNNING"));
    capture(&cloud, &token, agent(globex()).id).refused(422, "capture.exists");
    let other = cloud.token_of(acme());
    cloud.with_token("GET", "/gateway/v7/captures/4711", &other, None).refused(404, "capture.unknown");
    end(&cloud, &other, &json!(4711)).refused(404, "capture.unknown");
    let line = |state: &str, stopped_at: &Value| json!({"id": "4711", "orgId": globex().id, "agentId": agent(globex()).id, "state": state, "startedAt": begun.body["job"]["begun"], "stoppedAt": stopped_at});
    assert_eq!(cloud.ledger()["captures"], json!([line("recording", &Value::Null)]));
    for _ in 0..2 {
        let ended = end(&cloud, &token, &json!(4711));
        assert_eq!((ended.status, ended.body), (200, job("ENDED")));
    }
    assert_eq!(cloud.with_token("GET", "/gateway/v7/captures/4711", &token, None).body, job("ENDED"));
    let ledger = cloud.ledger();
    assert_eq!(ledger["captures"], json!([line("stopped", &ledger["captures"][0]["stoppedAt"])]));
    assert_eq!(ledger["requests"][0]["agentId"], agent(globex()).id);
    assert_eq!(capture(&cloud, &token, agent(globex()).id).body["job"]["ref"], 4712);
    assert_eq!(cloud.ledger()["recordings"], json!([]));
}

#[test]
fn a_capture_that_cannot_be_is_refused() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    assert_eq!(capture(&cloud, &token, agent(globex()).id).refused(403, "not.authorized"), FOREIGN);
    capture(&cloud, &token, "12345").refused(404, "not.found");
    capture(&cloud, &token, acme().agents[2].id).refused(422, "agent.offline");
    let path = format!("/gateway/v7/agents/{}/capture", agent(acme()).id);
    cloud.call("PUT", &path, &[], None).refused(401, "authentication.required");
    cloud.with_token("PUT", &path, &token, Some(&json!({"recordingType": "screen"}))).refused(400, "bad.request");
    for reference in ["0", "4711", "a"] {
        cloud.with_token("GET", &format!("/gateway/v7/captures/{reference}"), &token, None).refused(404, "capture.unknown");
    }
    assert_eq!(capture(&cloud, &token, agent(acme()).id).status, 200);
    for body in [json!({}), json!({"reason": "tired"})] {
        cloud.with_token("POST", "/gateway/v7/captures/4711/end", &token, Some(&body)).refused(400, "constraint.validation");
    }
    assert_eq!(cloud.ledger()["captures"].as_array().unwrap().len(), 1);
}

#[test]
fn its_scope_is_enforced_with_those_of_the_client() {
    let cloud = Fixture::new();
    cloud.set(&json!({"enforceClientScopes": true}));
    let [without, with] =
        [json!(["screenrecordings:write"]), json!(["captures"])].map(|scopes| cloud.token(&json!({"orgId": acme().id, "scopes": scopes})));
    assert_eq!(capture(&cloud, &with, agent(acme()).id).status, 200);
    let path = "/gateway/v7/captures/4711";
    for refused in
        [capture(&cloud, &without, agent(acme()).id), cloud.with_token("GET", path, &without, None), end(&cloud, &without, &json!(4711))]
    {
        assert_eq!(refused.refused(403, "app.not.authorized.for.scope"), "App not authorized to use scope [captures]");
    }
    assert_eq!((cloud.with_token("GET", path, &with, None).status, end(&cloud, &with, &json!(4711)).status), (200, 200));
}
