use crate::common::{FOREIGN, Fixture, RECORDINGS, TOKEN_INFO, acme, agent, globex, start_of};
use serde_json::{Value, json};
use standin_cloud::ORGANIZATIONS;

const ORG_HEADER: &str = "X-Genesys-Organization-Id";

#[test]
fn a_token_of_one_organization_records_no_agent_of_another() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    for headers in [vec![], vec![("x-gc-organization", globex().id)], vec![(ORG_HEADER, globex().id)]] {
        let answer = cloud.start(&token, agent(globex()), &headers);
        assert_eq!(answer.refused(403, "not.authorized"), FOREIGN);
    }
    assert_eq!(cloud.ledger()["recordings"], json!([]));
}

#[test]
fn the_token_of_the_agents_own_organization_records() {
    let cloud = Fixture::new();
    let token = cloud.token_of(globex());
    let answer = cloud.start(&token, agent(globex()), &[(ORG_HEADER, globex().id)]);
    assert_eq!(answer.status, 201);
    let recording = &answer.body;
    assert_eq!(recording["agentId"], agent(globex()).id);
    assert_eq!(recording["organizationId"], globex().id);
    assert_eq!(recording["recordingType"], "screen");
    assert_eq!(recording["state"], "recording");
    assert!(recording["startedAt"].as_str().unwrap().ends_with('Z'));
    let id = recording["id"].as_str().unwrap();
    assert_eq!(recording["selfUri"], format!("{RECORDINGS}/{id}"));
    assert_eq!(
        cloud.ledger()["recordings"],
        json!([{
            "id": id,
            "orgId": globex().id,
            "agentId": agent(globex()).id,
            "state": "recording",
            "startedAt": recording["startedAt"],
            "stoppedAt": null,
        }])
    );
}

#[test]
fn a_header_that_names_another_organization_is_refused() {
    let cloud = Fixture::new();
    let token = cloud.token_of(globex());
    for header in [ORG_HEADER, "x-gc-organization"] {
        for value in [acme().id, "", &globex().id.to_uppercase()] {
            let answer = cloud.start(&token, agent(globex()), &[(header, value)]);
            assert_eq!(answer.refused(403, "not.authorized"), FOREIGN);
        }
    }
    assert_eq!(cloud.start(&token, agent(globex()), &[]).status, 201);
}

#[test]
fn a_jwt_that_lies_is_judged_by_the_truth() {
    let cloud = Fixture::new();
    let order = json!({"orgId": acme().id, "format": "jwt", "claimOrgId": globex().id});
    let token = cloud.token(&order);
    assert_eq!(claims(&token)["org_id"], globex().id);
    let refused = cloud.start(&token, agent(globex()), &[]);
    assert_eq!(refused.refused(403, "not.authorized"), FOREIGN);
    assert_eq!(cloud.start(&token, agent(acme()), &[]).status, 201);
    let info = cloud.with_token("GET", TOKEN_INFO, &token, None).body;
    assert_eq!(info["organization"]["id"], acme().id);
}

#[test]
fn a_jwt_says_what_it_is() {
    let cloud = Fixture::new();
    let order = json!({"orgId": globex().id, "format": "jwt", "expiresIn": 60});
    let claims = claims(&cloud.token(&order));
    assert_eq!(claims["iss"], cloud.cloud.origins().login);
    assert_eq!(claims["sub"], agent(globex()).id);
    assert_eq!(claims["org_id"], globex().id);
    assert_eq!(claims["scope"], "screenrecordings:write user-basic-info");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
    assert_ne!(cloud.token(&order), cloud.token(&order));
}

fn claims(token: &str) -> Value {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let parts: Vec<_> = token.split('.').map(|part| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
    let [header, claims, signature] = parts.as_slice() else {
        panic!("a JWT has three parts");
    };
    let header: Value = serde_json::from_slice(header).unwrap();
    assert_eq!(header, json!({"alg": "HS256", "typ": "JWT"}));
    assert_eq!(signature.len(), 32);
    serde_json::from_slice(claims).unwrap()
}

#[test]
fn a_missing_scope_is_named_and_its_singular_is_another_scope() {
    let cloud = Fixture::new();
    for scopes in [json!([]), json!(["screenrecording:write", "user-basic-info"])] {
        let token = cloud.token(&json!({"orgId": acme().id, "scopes": scopes}));
        let answer = cloud.start(&token, agent(acme()), &[]);
        assert_eq!(answer.refused(403, "app.not.authorized.for.scope"), "App not authorized to use scope [screenrecordings:write]");
        let info = cloud.with_token("GET", TOKEN_INFO, &token, None).body;
        assert_eq!(info["authorizedScope"], scopes);
    }
}

#[test]
fn scopes_count_for_nothing_where_they_are_not_enforced() {
    let cloud = Fixture::new();
    let token = cloud.token(&json!({"orgId": acme().id, "scopes": []}));
    let settings = cloud.control("settings", &json!({"enforceScopes": false}));
    assert_eq!(settings.body["enforceScopes"], false);
    assert_eq!(cloud.start(&token, agent(acme()), &[]).status, 201);
}

#[test]
fn bodies_that_make_no_sense_are_refused() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    let authorization = format!("Bearer {token}");
    let post = |content_type: &str, body: &str| {
        let headers = [("authorization", authorization.as_str()), ("content-type", content_type)];
        cloud.call("POST", RECORDINGS, &headers, Some(body))
    };
    let good = start_of(agent(acme())).to_string();
    post("text/plain", &good).refused(415, "unsupported.media.type");
    post("application/json", "{").refused(400, "bad.request");
    for (body, field) in [
        (json!({"recordingType": "screen"}), "agentId"),
        (json!({"agentId": 7, "recordingType": "screen"}), "agentId"),
        (json!({"agentId": agent(acme()).id}), "recordingType"),
        (json!({"agentId": agent(acme()).id, "recordingType": "audio"}), "recordingType"),
    ] {
        let answer = post("application/json", &body.to_string());
        answer.refused(400, "constraint.validation");
        assert_eq!(answer.body["details"], json!([{"errorCode": "constraint.validation", "fieldName": field}]));
    }
    for path in ["/api/v2/screenrecordings?agentId=a&agentId=b", "/api/v2/users/%ff"] {
        cloud.with_token("GET", path, &token, None).refused(400, "bad.request");
    }
    let large = format!("\"{}\"", "x".repeat(512_000));
    post("application/json", &large).refused(413, "request.entity.too.large");
    assert_eq!(post("application/json; charset=utf-8", &good).status, 201);
}

#[test]
fn only_a_known_agent_at_work_is_recorded_and_only_once() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    let unknown = json!({"agentId": "12345", "recordingType": "screen"});
    cloud.with_token("POST", RECORDINGS, &token, Some(&unknown)).refused(404, "not.found");
    for organization in &ORGANIZATIONS {
        let token = cloud.token_of(organization);
        let [first, second, third] = organization.agents else { panic!("{} has three agents", organization.name) };
        assert!(first.logged_in && second.logged_in && !third.logged_in);
        cloud.start(&token, third, &[]).refused(409, "request.conflict");
        assert_eq!(cloud.start(&token, first, &[]).status, 201);
        cloud.start(&token, first, &[]).refused(409, "request.conflict");
        assert_eq!(cloud.start(&token, second, &[]).status, 201);
    }
}

#[test]
fn a_recording_is_found_listed_and_stopped_within_its_organization_only() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    let foreign = cloud.token_of(globex());
    let started = cloud.start(&token, agent(acme()), &[]).body;
    let path = format!("{RECORDINGS}/{}", started["id"].as_str().unwrap());
    let list = format!("{RECORDINGS}?agentId={}", agent(acme()).id);
    let stop = json!({"state": "stopped"});

    cloud.with_token("GET", &path, &foreign, None).refused(404, "not.found");
    cloud.with_token("PATCH", &path, &foreign, Some(&stop)).refused(404, "not.found");
    let nothing = json!({"entities": [], "total": 0});
    assert_eq!(cloud.with_token("GET", &list, &foreign, None).body, nothing);

    assert_eq!(cloud.with_token("GET", &path, &token, None).body, started);
    let all = json!({"entities": [started], "total": 1});
    assert_eq!(cloud.with_token("GET", &list, &token, None).body, all);
    assert_eq!(cloud.with_token("GET", RECORDINGS, &token, None).body, all);
    let other = format!("{RECORDINGS}?agentId={}", acme().agents[1].id);
    assert_eq!(cloud.with_token("GET", &other, &token, None).body, nothing);

    cloud.with_token("PATCH", &path, &token, Some(&json!({"state": "paused"}))).refused(400, "constraint.validation");
    let stopped = cloud.with_token("PATCH", &path, &token, Some(&stop));
    assert_eq!((stopped.status, &stopped.body["state"]), (200, &json!("stopped")));
    let again = cloud.with_token("PATCH", &path, &token, Some(&stop));
    assert_eq!((again.status, &again.body), (200, &stopped.body));
    let line = &cloud.ledger()["recordings"][0];
    assert!(line["stoppedAt"].is_string());
    assert_eq!((&line["startedAt"], &line["stoppedAt"]), (&stopped.body["startedAt"], &stopped.body["stoppedAt"]));
    assert_eq!(cloud.start(&token, agent(acme()), &[]).status, 201);
}

#[test]
fn what_leads_nowhere_is_not_found() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    for (method, path) in
        [("GET", "/"), ("GET", "/api/v2/screenrecording"), ("PUT", RECORDINGS), ("GET", "/standin/nothing"), ("PUT", "/standin/reset")]
    {
        let body = (method == "PUT").then_some(Value::Null);
        cloud.with_token(method, path, &token, body.as_ref()).refused(404, "not.found");
    }
    let login = cloud.call_origin(&cloud.cloud.origins().login, "/oauth/authorise?client_id=x", &[]);
    login.refused(404, "not.found");
    assert!(login.header("inin-correlation-id").is_some());
    cloud.call_origin(&cloud.cloud.origins().apps, "/", &[]).refused(404, "not.found");
}
