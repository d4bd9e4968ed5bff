//! The stand-in's answers against published.json.

use std::collections::BTreeSet;

use crate::common::{Answer, Fixture, acme, agent, globex};
use serde_json::{Value, json};

const FACTS: &str = include_str!("../../published.json");
const CONVERSATION: &str = "/api/v2/conversations/ac3e0000-0000-4000-8000-00000000c001";
const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

fn facts() -> Value {
    serde_json::from_str(FACTS).unwrap()
}

/// Calls every operation once, in an order in which all succeed.
fn successes(cloud: &Fixture, token: &str) -> Vec<Answer> {
    let call = |method: &str, path: &str, body: Option<&Value>| cloud.with_token(method, path, token, body);
    let sessions = format!("/api/v2/users/{}/screenmonitors/sessions", acme().agents[1].id);
    let started = call("POST", &sessions, None);
    let session = format!("{sessions}/{}", started.body["screenMonitoringId"].as_str().unwrap_or(UNKNOWN));
    let state = format!("{CONVERSATION}/recordingstate");
    let mut answers = vec![started];
    for (method, path, body) in [
        ("GET", session.as_str(), None),
        ("GET", &format!("/api/v2/screenmonitors/users/{}/sessions", acme().agents[1].id), None),
        ("DELETE", &session, None),
        ("GET", CONVERSATION, None),
        ("PATCH", &state, Some(json!({"recordingState": "PAUSED"}))),
        ("GET", &format!("{CONVERSATION}/recordingmetadata"), None),
        ("GET", "/api/v2/users?pageSize=2&pageNumber=2", None),
        ("GET", &format!("/api/v2/users/{}?expand=authorization", agent(acme()).id), None),
        ("GET", "/api/v2/users/me?expand=authorization,organization,token,trustors", None),
        ("GET", "/api/v2/organizations/me", None),
        ("GET", "/api/v2/tokens/me", None),
        ("HEAD", "/api/v2/tokens/me", None),
        ("DELETE", "/api/v2/tokens/me", None),
    ] {
        answers.push(call(method, path, body.as_ref()));
    }
    answers
}

#[test]
fn every_published_operation_succeeds_as_published() {
    let cloud = Fixture::new();
    successes(&cloud, &cloud.token_of(acme()));
    let facts = facts();
    let published: BTreeSet<String> = facts["operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|operation| {
            let status = operation["answers"].as_object().unwrap().keys().next().unwrap();
            format!("{} {} {status}", operation["method"].as_str().unwrap(), operation["path"].as_str().unwrap())
        })
        .collect();
    let ledger = cloud.ledger();
    let seen: BTreeSet<String> = ledger["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|request| {
            let findings = &request["published"];
            assert_eq!((&findings["request"], &findings["answer"]), (&json!([]), &json!([])), "{request}");
            format!("{} {}", findings["operation"].as_str().unwrap(), request["status"])
        })
        .collect();
    assert_eq!(seen, published);
}

/// Lists all codes, even those that other tests provoke too.
#[test]
fn every_code_that_the_cloud_can_give_is_published_for_its_operation() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    let bare = cloud.token(&json!({"orgId": acme().id, "permissions": []}));
    let client = cloud.token(&json!({"orgId": acme().id, "grant": "client_credentials"}));
    let monitors = |agent_id: &str| format!("/api/v2/users/{agent_id}/screenmonitors/sessions");
    let [first, second, third] = acme().agents else { panic!("three agents") };
    let (own, other, absent) = (monitors(first.id), monitors(second.id), monitors(third.id));
    let (nobody, gone) = (monitors(UNKNOWN), format!("{}/{UNKNOWN}", monitors(second.id)));
    let over = "/api/v2/conversations/ac3e0000-0000-4000-8000-00000000c002/recordingstate";
    let left = json!({"orgId": acme().id, "agents": [{"id": first.id, "state": "disconnected"}]});
    let left = cloud.control("conversations", &left).body["id"].as_str().unwrap().to_owned();
    let left = format!("/api/v2/conversations/{left}/recordingstate");
    let (state, metadata) = (format!("{CONVERSATION}/recordingstate"), format!("{CONVERSATION}/recordingmetadata"));
    let stranger = format!("/api/v2/users/{}", agent(globex()).id);
    let paused = json!({"recordingState": "PAUSED"});
    let call = |method: &str, path: &str, token: &str, body: Option<&Value>, status: u16, code: &str| {
        cloud.with_token(method, path, token, body).refused(status, code);
    };
    let get = |path: &str, token: &str, status: u16, code: &str| call("GET", path, token, None, status, code);

    get("/api/v2/tokens/me?preserveIdleTTL=perhaps", &token, 400, "invalid.value");
    get("/api/v2/users/me?expand=everything", &token, 400, "invalid.query.param.value");
    get("/api/v2/users/me?expand=trustors,everything", &token, 400, "invalid.query.param.value");
    get("/api/v2/users/me", &client, 400, "not.a.user");
    get("/api/v2/users?pageSize=many", &token, 400, "invalid.value");
    get("/api/v2/users?sortOrder=random", &token, 400, "invalid.query.param.value");
    get("/api/v2/users?pageSize=0", &token, 400, "constraint.validation");
    get(&stranger, &token, 404, "not.found");
    cloud.set(&json!({"unknownUserCode": "general.resource.not.found"}));
    get(&stranger, &token, 404, "general.resource.not.found");
    get(CONVERSATION, &bare, 403, "missing.any.permissions");
    get(&format!("/api/v2/conversations/{UNKNOWN}"), &token, 404, "not.found");
    get(&metadata, &bare, 403, "recording.recording.view.permission.check.failed");
    get(&format!("/api/v2/conversations/{UNKNOWN}/recordingmetadata"), &token, 404, "conversation.not.found");
    call("PATCH", &state, &bare, Some(&paused), 403, "missing.any.permissions");
    call("PATCH", &state, &client, Some(&paused), 400, "not.a.user");
    call("PATCH", &state, &token, Some(&json!({"recordingState": "paused"})), 400, "invalid.value");
    call("PATCH", &state, &token, Some(&json!({})), 400, "constraint.validation");
    call("PATCH", &state, &token, None, 415, "unsupported.media.type");
    call("PATCH", over, &token, Some(&paused), 400, "conversation.error.conversation.disconnected");
    call("PATCH", &left, &token, Some(&paused), 403, "conversation.error.forbidden.not.active.participant");
    let unknown = format!("/api/v2/conversations/{UNKNOWN}/recordingstate");
    call("PATCH", &unknown, &token, Some(&paused), 404, "conversation.error.conversation.not.found");
    call("POST", &other, &bare, None, 403, "missing.any.permissions");
    call("POST", &own, &token, None, 400, "self.monitoring.not.allowed");
    call("POST", &other, &client, None, 400, "session.creation.failed");
    call("POST", &nobody, &token, None, 404, "agent.status.not.found");
    call("POST", &absent, &token, None, 409, "agent.invalid.routing.state");
    cloud.set(&json!({"agentsMayBeMonitored": false}));
    call("POST", &other, &token, None, 403, "agent.permission.denied");
    cloud.set(&json!({"agentsMayBeMonitored": true, "monitoringsPerAgent": 1}));
    assert_eq!(cloud.with_token("POST", &other, &token, None).status, 200);
    call("POST", &other, &token, None, 400, "duplicate.session.exists");
    let third = cloud.token(&json!({"orgId": acme().id, "userId": third.id}));
    call("POST", &other, &third, None, 400, "agent.session.limit.exceeded");
    call("POST", &own, &third, None, 400, "target.user.is.monitoring.another.user");
    let watched = cloud.token(&json!({"orgId": acme().id, "userId": second.id}));
    call("POST", &own, &watched, None, 400, "source.user.is.being.monitored");
    get(&gone, &bare, 403, "missing.any.permissions");
    get(&gone, &token, 404, "monitoring.not.found");
    call("DELETE", &gone, &token, None, 404, "monitoring.not.found");
    get(&format!("/api/v2/screenmonitors/users/{UNKNOWN}/sessions"), &token, 404, "not.found");
    get(&format!("/api/v2/screenmonitors/users/{}/sessions", second.id), &bare, 403, "missing.any.permissions");

    // What every operation may answer.
    let operations = facts()["operations"].as_array().unwrap().clone();
    cloud.set(&json!({"enforceClientScopes": true}));
    let unscoped = cloud.token(&json!({"orgId": acme().id, "scopes": []}));
    for operation in &operations {
        let (method, path) = (operation["method"].as_str().unwrap(), operation["path"].as_str().unwrap());
        let refused = |headers: &[(&str, &str)], status: u16, code: &str| {
            let answer = cloud.call(method, path, headers, None);
            assert_eq!(answer.status, status, "{method} {path}");
            if method != "HEAD" {
                answer.refused(status, code);
            }
        };
        refused(&[], 401, "authentication.required");
        refused(&[("authorization", "Bearer nonsense")], 401, "bad.credentials");
        refused(&[("authorization", &format!("Bearer {unscoped}"))], 403, "app.not.authorized.for.scope");
        cloud.set(&json!({"rateLimitPerMinute": 1}));
        let tired = cloud.token(&json!({"orgId": acme().id, "scopes": []}));
        cloud.with_token("GET", "/api/v2/tokens/me", &tired, None);
        refused(&[("authorization", &format!("Bearer {tired}"))], 429, "too.many.requests");
        cloud.set(&json!({"rateLimitPerMinute": 0}));
    }
    let judged = cloud.ledger()["requests"].as_array().unwrap().iter().filter(|request| request["published"].is_object()).count();
    assert!(judged > 90, "{judged}");
}

#[test]
fn each_operation_needs_one_of_its_scopes_and_one_of_its_permissions() {
    let cloud = Fixture::new();
    cloud.set(&json!({"enforceClientScopes": true}));
    for operation in facts()["operations"].as_array().unwrap() {
        let (method, path) = (operation["method"].as_str().unwrap(), operation["path"].as_str().unwrap());
        let code = |scopes: &Value, permissions: &Value| {
            let token = cloud.token(&json!({"orgId": acme().id, "scopes": scopes, "permissions": permissions}));
            let answer = cloud.with_token(method, path, &token, None);
            if method == "HEAD" { json!(answer.status) } else { answer.body["code"].clone() }
        };
        let scope_missing = if method == "HEAD" { json!(403) } else { json!("app.not.authorized.for.scope") };
        let (scopes, permissions) = (&operation["scopes"], &operation["permissions"]);
        assert_eq!(code(&json!(["screenrecordings:write"]), permissions), scope_missing, "{method} {path}");
        for scope in scopes.as_array().unwrap() {
            assert_ne!(code(&json!([scope]), permissions), scope_missing, "{method} {path} with {scope}");
        }
        let is_permission = |code: &Value| code.as_str().is_some_and(|code| code.contains("permission"));
        assert_eq!(is_permission(&code(scopes, &json!(["other:thing:view"]))), permissions != &json!([]), "{method} {path}");
        for permission in permissions.as_array().unwrap() {
            assert!(!is_permission(&code(scopes, &json!([permission]))), "{method} {path} with {permission}");
        }
    }
}

#[test]
fn the_refusal_for_a_permission_names_those_that_would_do() {
    let cloud = Fixture::new();
    let token = cloud.token(&json!({"orgId": acme().id, "permissions": ["conversation:communication:view"]}));
    let refused = cloud.with_token("GET", &format!("{CONVERSATION}/recordingmetadata"), &token, None);
    let message = refused.refused(403, "recording.recording.view.permission.check.failed");
    let (_, list) = message.trim_end_matches(']').split_once('[').unwrap();
    let operation = facts()["operations"]
        .as_array()
        .unwrap()
        .iter()
        .find(|operation| operation["path"].as_str().unwrap().ends_with("recordingmetadata"))
        .cloned();
    assert_eq!(json!(list.split(", ").collect::<Vec<_>>()), operation.unwrap()["permissions"]);
    assert_eq!(cloud.with_token("GET", CONVERSATION, &token, None).status, 200);
    let permissions = |token: &str| {
        cloud.with_token("GET", "/api/v2/users/me?expand=authorization", token, None).body["authorization"]["permissions"].clone()
    };
    assert_eq!(permissions(&token), json!(["conversation:communication:view"]));
    let all = permissions(&cloud.token_of(acme()));
    assert!(all.as_array().unwrap().contains(&json!("realtimeMonitor:screen:monitorAgent")), "{all}");
}

#[test]
fn the_ledger_tells_what_is_wrong_with_a_request() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    let found = |method: &str, path: &str, body: Option<&Value>| {
        cloud.with_token(method, path, &token, body);
        cloud.ledger()["requests"].as_array().unwrap().last().unwrap()["published"].clone()
    };
    let state = format!("{CONVERSATION}/recordingstate");
    assert_eq!(
        found("PATCH", &state, Some(&json!({"recordingState": "ACTIVE"}))),
        json!({"operation": "PATCH /api/v2/conversations/{conversationId}/recordingstate", "request": [], "answer": []})
    );
    for (method, path, body) in [
        ("PATCH", state.as_str(), Some(json!({"recordingState": "active"}))),
        ("PATCH", &state, Some(json!({"recordingState": "ACTIVE", "more": 1}))),
        ("PATCH", &state, None),
        ("GET", "/api/v2/tokens/me?other=1", None),
        ("GET", "/api/v2/users/me?expand=everything", None),
        ("POST", &format!("/api/v2/users/{}/screenmonitors/sessions", acme().agents[1].id), Some(json!({}))),
    ] {
        let findings = found(method, path, body.as_ref());
        assert_eq!(findings["request"].as_array().unwrap().len(), 1, "{method} {path}: {findings}");
    }
    for path in ["/api/v2/screenrecordings", "/api/v2/nothing", "/gateway/v7/captures/1"] {
        assert_eq!(found("GET", path, None), Value::Null);
    }
    // What a fault answers is not the cloud's answer.
    cloud.fault("GET", "/api/v2/tokens/me", &json!({"status": 200, "body": {"organization": "Acme"}}));
    assert_eq!(found("GET", "/api/v2/tokens/me", None)["answer"], json!([]));
    // No token crosses into the findings.
    let text = found("GET", &format!("/api/v2/tokens/me?preserveIdleTTL={token}"), None).to_string();
    assert!(text.contains("***") && !text.contains(&token), "{text}");
}
