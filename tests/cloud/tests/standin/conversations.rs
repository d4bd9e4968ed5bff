use crate::common::{Answer, Fixture, acme, globex};
use serde_json::{Value, json};

/// In both organizations, the first goes on and the second is over.
const ACME: [&str; 2] = ["ac3e0000-0000-4000-8000-00000000c001", "ac3e0000-0000-4000-8000-00000000c002"];
const GLOBEX: [&str; 2] = ["610be000-0000-4000-8000-00000000c001", "610be000-0000-4000-8000-00000000c002"];
const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

fn path(id: &str) -> String {
    format!("/api/v2/conversations/{id}")
}

fn change(cloud: &Fixture, token: &str, id: &str, body: &Value) -> Answer {
    cloud.with_token("PATCH", &format!("{}/recordingstate", path(id)), token, Some(body))
}

/// Of the conversation, of the first agent's screen and of the call of each participant.
fn states(cloud: &Fixture, token: &str, id: &str) -> Value {
    let conversation = cloud.with_token("GET", &path(id), token, None).body;
    let participants = conversation["participants"].as_array().unwrap();
    let agent = participants.iter().find(|participant| participant["purpose"] == "agent");
    let calls: Vec<_> = participants.iter().map(|participant| &participant["calls"][0]["recordingState"]).collect();
    json!([conversation["recordingState"], agent.map(|agent| &agent["screenRecordingState"]), calls])
}

#[test]
fn every_organization_has_a_conversation_that_goes_on_and_one_that_is_over() {
    let cloud = Fixture::new();
    cloud.control("orgs", &json!({"count": 1, "agents": 1}));
    let further = "00000001-0000-4000-8000-000000000000";
    for (organization, agents, [on, over]) in [
        (acme().id, [acme().agents[0].id, acme().agents[1].id], ACME),
        (globex().id, [globex().agents[0].id, globex().agents[1].id], GLOBEX),
        (
            further,
            ["00000001-0000-4000-8000-000000000001"; 2],
            ["00000001-0000-4000-8000-00000000c001", "00000001-0000-4000-8000-00000000c002"],
        ),
    ] {
        let token = cloud.token(&json!({"orgId": organization}));
        for (id, state, screen, agent) in [(on, "connected", "active", agents[0]), (over, "disconnected", "stopped", agents[1])] {
            let answer = cloud.with_token("GET", &path(id), &token, None);
            assert_eq!(answer.status, 200, "{}", answer.body);
            let conversation = answer.body;
            assert_eq!((&conversation["id"], &conversation["state"]), (&json!(id), &json!(state)));
            assert_eq!(conversation["endTime"].is_string(), state == "disconnected");
            let [customer, participant] = conversation["participants"].as_array().unwrap().as_slice() else { panic!("two take part") };
            assert_eq!((&customer["purpose"], customer.get("userId")), (&json!("customer"), None));
            assert_eq!((&participant["purpose"], &participant["userId"]), (&json!("agent"), &json!(agent)));
            assert_eq!((&participant["screenRecordingState"], &participant["calls"][0]["state"]), (&json!(screen), &json!(state)));
        }
    }
}

#[test]
fn a_recording_is_paused_and_resumed_as_often_as_is_asked() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    let [id, _] = ACME;
    let set = |state: &str| {
        let answer = change(&cloud, &token, id, &json!({"recordingState": state}));
        assert_eq!((answer.status, answer.body), (202, json!("")));
        states(&cloud, &token, id)
    };
    assert_eq!(states(&cloud, &token, id), json!(["ACTIVE", "active", ["active", "active"]]));
    for _ in 0..2 {
        assert_eq!(set("PAUSED"), json!(["PAUSED", "paused", ["paused", "paused"]]));
    }
    for _ in 0..2 {
        assert_eq!(set("ACTIVE"), json!(["ACTIVE", "active", ["active", "active"]]));
    }
    assert_eq!(set("NONE"), json!(["NONE", "stopped", ["none", "none"]]));
    let globex_token = cloud.token_of(globex());
    assert_eq!(states(&cloud, &globex_token, GLOBEX[0]), json!(["ACTIVE", "active", ["active", "active"]]));
}

#[test]
fn a_change_that_cannot_be_is_refused_by_its_code() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    let paused = json!({"recordingState": "PAUSED"});
    let [on, over] = ACME;
    change(&cloud, &token, over, &paused).refused(400, "conversation.error.conversation.disconnected");
    for id in [UNKNOWN, GLOBEX[0], "12345"] {
        change(&cloud, &token, id, &paused).refused(404, "conversation.error.conversation.not.found");
    }
    let client = cloud.token(&json!({"orgId": acme().id, "grant": "client_credentials"}));
    change(&cloud, &client, on, &paused).refused(400, "not.a.user");
    change(&cloud, &token, on, &json!({"recordingState": "paused"})).refused(400, "invalid.value");
    change(&cloud, &token, on, &json!({})).refused(400, "constraint.validation");
    cloud.call("PATCH", &format!("{}/recordingstate", path(on)), &[], Some("{}")).refused(401, "authentication.required");
    assert_eq!(states(&cloud, &token, on), json!(["ACTIVE", "active", ["active", "active"]]));
    for id in [UNKNOWN, GLOBEX[0]] {
        cloud.with_token("GET", &path(id), &token, None).refused(404, "not.found");
        cloud.with_token("GET", &format!("{}/recordingmetadata", path(id)), &token, None).refused(404, "conversation.not.found");
    }
}

#[test]
fn the_metadata_tell_screen_recordings_from_others() {
    let cloud = Fixture::new();
    let token = cloud.token_of(globex());
    for (id, state, is_over) in [(GLOBEX[0], "UPLOADING", false), (GLOBEX[1], "AVAILABLE", true)] {
        let answer = cloud.with_token("GET", &format!("{}/recordingmetadata", path(id)), &token, None);
        assert_eq!(answer.status, 200);
        let recordings = answer.body.as_array().unwrap();
        let told: Vec<_> =
            recordings.iter().map(|recording| json!([recording["mediaSubtype"], recording["media"], recording["fileState"]])).collect();
        assert_eq!(told, [json!(["Trunk", "audio", state]), json!(["Screen", "screen", state])]);
        for recording in recordings {
            assert_eq!((&recording["conversationId"], recording["endTime"].is_string()), (&json!(id), is_over));
        }
    }
}

#[test]
fn a_control_makes_conversations() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    let [first, second, _] = acme().agents else { panic!("three agents") };
    let id = "ac3e0000-0000-4000-8000-00000000c0de";
    let order = json!({
        "orgId": acme().id, "id": id,
        "agents": [{"id": first.id, "state": "disconnected"}, {"id": second.id, "screenRecordingState": "paused", "recordingState": "none"}],
        "recordings": [{"mediaSubtype": "Screen", "fileState": "ERROR"}],
    });
    let made = cloud.control("conversations", &order);
    let line = json!({"id": id, "orgId": acme().id, "agentIds": [first.id, second.id], "state": "connected", "recordingState": "ACTIVE"});
    assert_eq!((made.status, &made.body), (200, &line));
    assert!(cloud.call("GET", "/standin/conversations", &[], None).body.as_array().unwrap().contains(&line));
    let metadata = cloud.with_token("GET", &format!("{}/recordingmetadata", path(id)), &token, None).body;
    assert_eq!((metadata.as_array().unwrap().len(), &metadata[0]["fileState"]), (1, &json!("ERROR")));
    // Who has left is not paused any more.
    assert_eq!(change(&cloud, &token, id, &json!({"recordingState": "PAUSED"})).status, 202);
    let participants = cloud.with_token("GET", &path(id), &token, None).body["participants"].clone();
    let calls = [1, 2].map(|place| participants[place]["calls"][0]["recordingState"].clone());
    assert_eq!((calls, &participants[2]["screenRecordingState"]), ([json!("active"), json!("paused")], &json!("paused")));

    // Where no agent is left, nobody may pause.
    let left = cloud.control("conversations", &json!({"orgId": acme().id, "agents": [{"id": first.id, "state": "disconnected"}]}));
    let refused = change(&cloud, &token, left.body["id"].as_str().unwrap(), &json!({"recordingState": "PAUSED"}));
    refused.refused(403, "conversation.error.forbidden.not.active.participant");
    for order in [
        json!({"orgId": UNKNOWN}),
        json!({"orgId": acme().id, "id": "1"}),
        json!({"orgId": acme().id, "agents": [{"id": globex().agents[0].id}]}),
        json!({"orgId": acme().id, "unknown": 1}),
    ] {
        cloud.control("conversations", &order).refused(400, "bad.request");
    }
}
