use crate::common::{Fixture, acme, agent, globex};
use serde_json::{Value, json};
use standin_cloud::{Agent, ORGANIZATIONS};

const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

fn sessions(agent_id: &str) -> String {
    format!("/api/v2/users/{agent_id}/screenmonitors/sessions")
}

fn session(agent_id: &str, id: &Value) -> String {
    format!("{}/{}", sessions(agent_id), id.as_str().unwrap())
}

fn list(agent_id: &str) -> String {
    format!("/api/v2/screenmonitors/users/{agent_id}/sessions")
}

fn monitor(cloud: &Fixture, token: &str, agent: &Agent) -> Value {
    let answer = cloud.with_token("POST", &sessions(agent.id), token, None);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body.as_object().unwrap().len(), 1);
    answer.body["screenMonitoringId"].clone()
}

#[test]
fn a_session_starts_is_read_and_listed_and_ends() {
    let cloud = Fixture::new();
    cloud.control("clock", &json!({"advanceSeconds": 100_000}));
    let token = cloud.token_of(acme());
    let [supervisor, target, _] = acme().agents else { panic!("three agents") };
    let id = monitor(&cloud, &token, target);
    let read = cloud.with_token("GET", &session(target.id, &id), &token, None);
    assert_eq!(read.status, 200);
    assert_eq!(
        read.body,
        json!({
            "screenMonitoringId": id,
            "sourceUser": {"id": supervisor.id, "selfUri": format!("/api/v2/users/{}", supervisor.id)},
            "targetUser": {"id": target.id, "selfUri": format!("/api/v2/users/{}", target.id)},
            "monitoringType": "AgentLevel",
            "dateCreated": read.body["dateCreated"],
            "selfUri": session(target.id, &id),
        })
    );
    // By the cloud's clock, which is a day ahead.
    let created: jiff::Timestamp = read.body["dateCreated"].as_str().unwrap().parse().unwrap();
    assert!(created.duration_since(jiff::Timestamp::now()).as_secs() > 90_000);
    assert_eq!(cloud.with_token("GET", &list(target.id), &token, None).body, json!({"entities": [read.body]}));
    let line = |state: &str, stopped_at: &Value| {
        json!([{
            "id": id, "orgId": acme().id, "agentId": target.id, "supervisorId": supervisor.id, "state": state,
            "startedAt": read.body["dateCreated"], "stoppedAt": stopped_at,
        }])
    };
    assert_eq!(cloud.ledger()["monitorings"], line("recording", &Value::Null));

    let stopped = cloud.with_token("DELETE", &session(target.id, &id), &token, None);
    assert_eq!((stopped.status, stopped.body), (204, json!("")));
    for method in ["GET", "DELETE"] {
        cloud.with_token(method, &session(target.id, &id), &token, None).refused(404, "monitoring.not.found");
    }
    assert_eq!(cloud.with_token("GET", &list(target.id), &token, None).body, json!({"entities": []}));
    let ledger = cloud.ledger();
    assert!(ledger["monitorings"][0]["stoppedAt"].is_string());
    assert_eq!(ledger["monitorings"], line("stopped", &ledger["monitorings"][0]["stoppedAt"]));
    let start = &ledger["requests"][0];
    assert_eq!((&start["method"], &start["agentId"], &start["status"]), (&json!("POST"), &json!(target.id), &json!(200)));
}

#[test]
fn several_supervisors_monitor_one_agent_each_once() {
    let cloud = Fixture::new();
    let [first, second, _] = acme().agents else { panic!("three agents") };
    let own = cloud.token_of(acme());
    let trustee = cloud.token(&json!({"orgId": acme().id, "homeOrgId": ORGANIZATIONS[3].id}));
    let other = cloud.token(&json!({"orgId": acme().id, "userId": acme().agents[2].id}));
    let ids = [&own, &trustee, &other].map(|token| monitor(&cloud, token, second));
    cloud.with_token("POST", &sessions(second.id), &own, None).refused(400, "duplicate.session.exists");
    let entities = cloud.with_token("GET", &list(second.id), &trustee, None).body["entities"].clone();
    let listed: Vec<_> = entities.as_array().unwrap().iter().map(|entity| entity["screenMonitoringId"].clone()).collect();
    assert_eq!(listed, ids);
    let sources: Vec<_> = entities.as_array().unwrap().iter().map(|entity| entity["sourceUser"]["id"].clone()).collect();
    assert_eq!(sources, [first.id, ORGANIZATIONS[3].agents[0].id, acme().agents[2].id]);

    assert_eq!(cloud.with_token("DELETE", &session(second.id, &ids[0]), &own, None).status, 204);
    let again = monitor(&cloud, &own, second);
    assert!(!ids.contains(&again));
    cloud.set(&json!({"monitoringsPerAgent": 3}));
    let fourth = cloud.token(&json!({"orgId": acme().id, "homeOrgId": ORGANIZATIONS[3].id, "userId": ORGANIZATIONS[3].agents[1].id}));
    cloud.with_token("POST", &sessions(second.id), &fourth, None).refused(400, "agent.session.limit.exceeded");
}

#[test]
fn who_cannot_be_monitored_is_told_by_a_code() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    let [first, second, third] = acme().agents else { panic!("three agents") };
    let start = |token: &str, agent_id: &str| cloud.with_token("POST", &sessions(agent_id), token, None);
    cloud.call("POST", &sessions(second.id), &[], None).refused(401, "authentication.required");
    start(&token, first.id).refused(400, "self.monitoring.not.allowed");
    start(&token, third.id).refused(409, "agent.invalid.routing.state");
    for agent_id in [UNKNOWN, "12345", agent(globex()).id] {
        start(&token, agent_id).refused(404, "agent.status.not.found");
    }
    let client = cloud.token(&json!({"orgId": acme().id, "grant": "client_credentials"}));
    start(&client, second.id).refused(400, "session.creation.failed");
    cloud.set(&json!({"agentsMayBeMonitored": false}));
    start(&token, second.id).refused(403, "agent.permission.denied");
    cloud.set(&json!({"agentsMayBeMonitored": true}));

    monitor(&cloud, &token, second);
    let monitored = cloud.token(&json!({"orgId": acme().id, "userId": second.id}));
    start(&monitored, first.id).refused(400, "source.user.is.being.monitored");
    let third = cloud.token(&json!({"orgId": acme().id, "userId": third.id}));
    start(&third, first.id).refused(400, "target.user.is.monitoring.another.user");
    assert_eq!(cloud.ledger()["monitorings"].as_array().unwrap().len(), 1);
}

#[test]
fn another_organization_sees_no_session() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    let foreign = cloud.token_of(globex());
    let target = &acme().agents[1];
    let id = monitor(&cloud, &token, target);
    for method in ["GET", "DELETE"] {
        cloud.with_token(method, &session(target.id, &id), &foreign, None).refused(404, "monitoring.not.found");
        cloud.with_token(method, &session(acme().agents[0].id, &id), &token, None).refused(404, "monitoring.not.found");
        cloud.with_token(method, &session(target.id, &json!(UNKNOWN)), &token, None).refused(404, "monitoring.not.found");
    }
    cloud.with_token("GET", &list(target.id), &foreign, None).refused(404, "not.found");
    assert_eq!(cloud.with_token("GET", &session(target.id, &id), &token, None).status, 200);
    let stranger = cloud.control("tokens", &json!({"orgId": acme().id, "userId": agent(globex()).id}));
    stranger.refused(400, "bad.request");
}
