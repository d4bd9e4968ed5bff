//! Further organizations, of which there can be many.

use std::collections::HashSet;

use crate::common::{Fixture, RECORDINGS, TOKEN_INFO, acme, agent};
use serde_json::{Value, json};

fn organizations(cloud: &Fixture) -> Vec<Value> {
    cloud.call("GET", "/standin/orgs", &[], None).body.as_array().unwrap().clone()
}

fn add(cloud: &Fixture, count: usize, agents: usize) -> Vec<Value> {
    let answer = cloud.control("orgs", &json!({"count": count, "agents": agents}));
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body.as_array().unwrap().clone()
}

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

#[test]
fn further_organizations_are_numbered_and_go_with_a_reset() {
    let cloud = Fixture::new();
    let first = organizations(&cloud);
    let added = add(&cloud, 2, 3);
    assert_eq!(
        added[1],
        json!({
            "id": "00000002-0000-4000-8000-000000000000",
            "name": "Organization 2",
            "agents": [
                {"id": "00000002-0000-4000-8000-000000000001", "name": "Agent 1", "email": "agent-1@organization-2.example", "loggedIn": true},
                {"id": "00000002-0000-4000-8000-000000000002", "name": "Agent 2", "email": "agent-2@organization-2.example", "loggedIn": true},
                {"id": "00000002-0000-4000-8000-000000000003", "name": "Agent 3", "email": "agent-3@organization-2.example", "loggedIn": true},
            ],
        })
    );
    let more = add(&cloud, 1, 12);
    assert_eq!((&more[0]["name"], more[0]["agents"].as_array().unwrap().len()), (&json!("Organization 3"), 12));
    assert_eq!(id(&more[0]["agents"][11]), "00000003-0000-4000-8000-000000000012");
    assert_eq!(organizations(&cloud), [first.clone(), added.clone(), more].concat());

    let elsewhere = Fixture::new();
    assert_eq!(organizations(&elsewhere), first);
    let token = json!({"orgId": added[0]["id"]});
    elsewhere.control("tokens", &token).refused(400, "bad.request");
    assert_eq!(cloud.control("tokens", &token).status, 200);
    assert_eq!(cloud.call("POST", "/standin/reset", &[], Some("")).status, 204);
    assert_eq!(organizations(&cloud), first);
    cloud.control("tokens", &token).refused(400, "bad.request");
    let of_acme = cloud.token_of(acme());
    cloud.start_id(&of_acme, id(&added[0]["agents"][0]), &[]).refused(404, "not.found");
    assert_eq!(add(&cloud, 2, 3), added);
}

#[test]
fn a_further_organization_works_as_every_other() {
    let cloud = Fixture::new();
    let added = add(&cloud, 2, 2);
    let [own, other] = added.as_slice() else { panic!("two organizations") };
    let [token, foreign] = [own, other].map(|organization| cloud.token(&json!({"orgId": organization["id"]})));
    let info = cloud.with_token("GET", TOKEN_INFO, &token, None).body;
    assert_eq!(info["organization"], json!({"id": own["id"], "name": "Organization 1"}));
    let user = |token: &str| cloud.with_token("GET", &format!("/api/v2/users/{}", id(&own["agents"][1])), token, None);
    assert_eq!(user(&token).body["name"], "Agent 2");
    user(&foreign).refused(404, "not.found");
    assert_eq!(cloud.with_token("GET", "/api/v2/users/me", &token, None).body["id"], own["agents"][0]["id"]);

    let agent_id = id(&own["agents"][1]);
    cloud.start_id(&foreign, agent_id, &[]).refused(403, "not.authorized");
    cloud.start(&token, agent(acme()), &[]).refused(403, "not.authorized");
    cloud.start_id(&token, agent_id, &[("X-Genesys-Organization-Id", id(other))]).refused(403, "not.authorized");
    let started = cloud.start_id(&token, agent_id, &[("X-Genesys-Organization-Id", id(own))]);
    assert_eq!((started.status, &started.body["organizationId"]), (201, &own["id"]));
    cloud.start_id(&token, agent_id, &[]).refused(409, "request.conflict");
    let list = format!("{RECORDINGS}?agentId={agent_id}");
    assert_eq!(cloud.with_token("GET", &list, &token, None).body["entities"], json!([started.body]));
    assert_eq!(cloud.with_token("GET", RECORDINGS, &token, None).body["total"], 1);
    // Its organization's id is no agent's.
    assert_eq!(cloud.with_token("GET", &format!("{RECORDINGS}?agentId={}", id(own)), &token, None).body["total"], 0);
    assert_eq!(cloud.with_token("GET", &list, &foreign, None).body["total"], 0);
    cloud.with_token("GET", &format!("{RECORDINGS}/{}", id(&started.body)), &foreign, None).refused(404, "not.found");
}

#[test]
fn a_hundred_thousand_agents_are_told_apart() {
    const STARTS: usize = 100;
    let cloud = Fixture::new();
    let added = add(&cloud, 50, 2000);
    let ids: HashSet<_> = added.iter().flat_map(|organization| organization["agents"].as_array().unwrap().iter().map(id)).collect();
    assert_eq!(ids.len(), 100_000);
    assert!(ids.iter().all(|id| uuid::Uuid::parse_str(id).unwrap().to_string() == *id));
    let last = added.last().unwrap();
    let tokens: Vec<_> = (0..STARTS).map(|_| cloud.token(&json!({"orgId": last["id"]}))).collect();
    for (agent, token) in last["agents"].as_array().unwrap().iter().rev().zip(&tokens) {
        assert_eq!(cloud.start_id(token, id(agent), &[]).status, 201);
    }
    let list = cloud.with_token("GET", RECORDINGS, &tokens[0], None).body;
    assert_eq!(list["total"], STARTS);
    assert_eq!(list["entities"][0]["agentId"], last["agents"][1999]["id"]);
}
