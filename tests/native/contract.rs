//! The contract of the recording API, and the values that may replace its parts.

use crate::support::{ACME, AGENT, GLOBEX, code, new_start, response};
use premium_recorder::model::argument::agent_id;
use premium_recorder::model::error::{Code, Error};
use premium_recorder::model::ids::{AgentId, OrgId, RecordingId};
use premium_recorder::model::json::Json;
use premium_recorder::recording::State;
use premium_recorder::recording::contract::RecordingContract;
use premium_recorder::recording::shape::Whose;
use premium_recorder::token::request::{ApiRequest, Method, Repeat};
use proptest::prelude::*;
use serde_json::json;

/// Headers that the request uses already, names that are none, and the Fetch standard's forbidden request-headers, in any case.
const REFUSED_HEADERS: &[&str] = &[
    "Authorization",
    "authorization",
    "ACCEPT",
    "Content-Type",
    "",
    "X Org",
    "X-Org:",
    "X-Org\r\nEvil",
    "X-Örg",
    "Accept-Charset",
    "Accept-Encoding",
    "Access-Control-Request-Headers",
    "Access-Control-Request-Method",
    "Access-Control-Request-Private-Network",
    "Connection",
    "Content-Length",
    "Cookie",
    "Cookie2",
    "Date",
    "DNT",
    "dnt",
    "Expect",
    "host",
    "Keep-Alive",
    "Origin",
    "Referer",
    "Set-Cookie",
    "TE",
    "te",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "Via",
    "VIA",
    "Proxy-Organization",
    "proxy-",
    "Sec-Organization",
    "SEC-",
    "X-HTTP-Method",
    "X-HTTP-Method-Override",
    "X-Method-Override",
    "User-Agent",
];

/// The recording API of the source document.
fn standard() -> RecordingContract {
    RecordingContract::from_json(&Json::Null).unwrap()
}

fn contract(parts: &serde_json::Value) -> Result<RecordingContract, Error> {
    RecordingContract::from_json(&crate::support::json(&parts.to_string()).unwrap())
}

fn with_path(path: &str) -> Result<RecordingContract, Error> {
    contract(&json!({ "path": path }))
}

#[test]
fn the_defaults_match_the_source_document() {
    let call = standard().start(&AgentId::parse("12345").unwrap(), "screen", None).unwrap();
    assert_eq!((call.method(), call.path()), (Method::Post, "/api/v2/screenrecordings"));
    assert_eq!(call.org_headers(), ["X-Genesys-Organization-Id"]);
    assert_eq!(call.body().unwrap(), r#"{"agentId":"12345","recordingType":"screen"}"#);
    assert_eq!(standard().start_scopes().as_ref(), ["screenrecordings:write"]);
}

#[test]
fn the_default_is_the_documented_contract_and_is_valid() {
    // The table of docs/recording-api.md.
    let documented = json!({
        "path": "/api/v2/screenrecordings",
        "start": { "method": "POST", "path": "/api/v2/screenrecordings", "body": r#"{"agentId":"{agentId}","recordingType":"{recordingType}"}"# },
        "orgHeaders": ["X-Genesys-Organization-Id"],
        "scope": "screenrecordings:write",
        "scopes": { "start": ["screenrecordings:write"], "read": ["screenrecordings:write"] },
        "read": { "path": "/api/v2/screenrecordings/{id}", "missingMeansStopped": false },
        "list": { "path": "/api/v2/screenrecordings?agentId={agentId}", "items": "entities" },
        "stop": { "method": "PATCH", "path": "/api/v2/screenrecordings/{id}", "body": r#"{"state":"stopped"}"# },
        "fields": {
            "id": "id",
            "agentId": "agentId",
            "orgId": "organizationId",
            "recordingType": "recordingType",
            "state": "state",
            "startedAt": "startedAt",
            "startedBy": null,
        },
        "states": { "recording": ["recording"], "stopped": ["stopped"] },
        "alreadyRunning": [],
        "http2": false,
        "checkDuplicates": false,
    });
    let default = format!("{:?}", standard());
    for given in [documented, json!({})] {
        assert_eq!(format!("{:?}", contract(&given).unwrap()), default);
    }
}

#[test]
fn every_part_of_the_contract_can_be_replaced() {
    let headers = ["x-gc-organization", "ININ-Organization-Id"];
    let contract_of = |parts| contract(&parts).unwrap();
    let contract = contract_of(json!({ "path": "/v3/recordings", "orgHeaders": headers, "scope": "recordings" }));
    let call = contract.start(&AgentId::parse(AGENT).unwrap(), "audio", None).unwrap();
    assert_eq!((call.repeat(), contract.list(None).unwrap().repeat()), (Repeat::IfNotProcessed, Repeat::Idempotent));
    assert_eq!((call.path(), call.scopes()), ("/v3/recordings", ["recordings".to_owned()].as_slice()));
    assert_eq!(call.org_headers(), headers);
    let without = contract_of(json!({ "orgHeaders": [] }));
    assert!(without.start(&AgentId::parse(AGENT).unwrap(), "screen", None).unwrap().org_headers().is_empty());
}

#[test]
fn every_request_follows_from_the_contract() {
    let body = r#"{"who":["{agentId}"],"{recordingType}":{},"n":{"x":1.5},"as is":"{ {} {agentId"}"#;
    let contract = contract(&json!({
        "start": { "method": "put", "path": "/v7/agents/{agentId}/{recordingType}", "body": body },
        "read": { "path": "/v7/captures/{id}" },
        "list": { "path": "/v7/captures?owner={agentId}&size=100" },
        "stop": { "method": "DELETE", "path": "/v7/agents/{agentId}/captures/{id}" },
        "scopes": { "start": ["capture", "capture:all"], "read": ["capture:readonly"] },
    }))
    .unwrap();
    // No value is filled in again, and none leaves its place.
    let (agent, id) = (AgentId::parse("a/b?{id}\"\\ü").unwrap(), RecordingId::parse("47/11#{agentId}").unwrap());
    let line = |request: &ApiRequest| format!("{} {}", request.method().as_str(), request.path());
    let start = contract.start(&agent, "scr{agentId}", None).unwrap();
    assert_eq!(line(&start), "PUT /v7/agents/a%2Fb%3F%7Bid%7D%22%5C%C3%BC/scr%7BagentId%7D");
    let body: serde_json::Value = serde_json::from_str(start.body().unwrap()).unwrap();
    assert_eq!(body, serde_json::json!({ "who": ["a/b?{id}\"\\ü"], "scr{agentId}": {}, "n": { "x": 1.5 }, "as is": "{ {} {agentId" }));
    let find = contract.find(&id, None).unwrap();
    assert_eq!((line(&find), find.body()), ("GET /v7/captures/47%2F11%23%7BagentId%7D".to_owned(), None));
    assert_eq!(line(&contract.list(Some(&agent)).unwrap()), "GET /v7/captures?owner=a%2Fb%3F%7Bid%7D%22%5C%C3%BC&size=100");
    assert_eq!(line(&contract.list(None).unwrap()), "GET /v7/captures?size=100");
    let stop = contract.stop(&id, Some(&agent)).unwrap();
    let path = "DELETE /v7/agents/a%2Fb%3F%7Bid%7D%22%5C%C3%BC/captures/47%2F11%23%7BagentId%7D";
    assert_eq!((line(&stop).as_str(), stop.body()), (path, None));
    assert_eq!(code(contract.stop(&id, None)), Code::BadArgument);
    assert_eq!(start.scopes(), ["capture", "capture:all"]);
    assert_eq!((find.scopes(), stop.scopes()), (["capture:readonly".to_owned()].as_slice(), start.scopes()));
}

#[test]
fn a_contract_that_cannot_work_is_refused_with_the_reason() {
    for (what, parts) in [
        ("contract must be an object", json!("text")),
        ("contract cannot have \"url\"", json!({ "url": "/x" })),
        ("contract.start cannot have \"verb\"", json!({ "start": { "verb": "GET" } })),
        ("contract.start must be an object", json!({ "start": "/x" })),
        ("contract.path must be a string", json!({ "path": 1 })),
        ("contract.http2 must be true or false", json!({ "http2": "yes" })),
        ("contract.orgHeaders must be an array", json!({ "orgHeaders": "X-Org" })),
        ("contract.states.stopped must be an array", json!({ "states": { "stopped": [1] } })),
        ("contract.start needs {agentId}", json!({ "start": { "path": "/start", "body": null } })),
        ("contract.start.path may not have {id}", json!({ "start": { "path": "/start/{id}" } })),
        ("contract.start.body may not have {agent}", json!({ "start": { "body": r#"{"a":"{agent}"}"# } })),
        ("contract.start.body must be a string", json!({ "start": { "body": 0 } })),
        ("contract.start.method", json!({ "start": { "method": "GET" } })),
        ("contract.stop.method", json!({ "stop": { "method": "GET" } })),
        ("contract.read cannot have \"method\"", json!({ "read": { "method": "POST" } })),
        ("contract.read needs {id}", json!({ "read": { "path": "/recordings" } })),
        ("contract.read.path may not have {recordingType}", json!({ "read": { "path": "/{recordingType}/{id}" } })),
        ("contract.stop needs {id}", json!({ "stop": { "path": "/stop" } })),
        ("contract.list.path may not have {id}", json!({ "list": { "path": "/l?id={id}" } })),
        ("contract.http2", json!({ "http2": true, "start": { "path": "/s/{agentId}", "body": null } })),
        ("contract.checkDuplicates", json!({ "checkDuplicates": true, "list": null })),
        ("contract.scope", json!({ "scopes": { "start": ["two words"] } })),
        ("contract.scope", json!({ "scopes": { "read": [""] } })),
        ("contract.alreadyRunning", json!({ "alreadyRunning": ["a", ""] })),
        ("contract.fields.id", json!({ "fields": { "id": "a..b" } })),
        ("contract.fields.id", json!({ "fields": { "id": null } })),
        ("contract.fields.state", json!({ "fields": { "state": "" } })),
        ("contract.fields cannot have \"__proto__\"", json!({ "fields": { "__proto__": "x" } })),
        ("contract.fields.agentId", json!({ "fields": { "agentId": null } })),
        ("contract.list.items", json!({ "list": { "items": "." } })),
        ("contract.states: \"ON\"", json!({ "states": { "recording": ["ON"], "stopped": ["on"] } })),
        ("contract.states has an empty", json!({ "states": { "stopped": [""] } })),
    ] {
        let error = contract(&parts).unwrap_err();
        assert!(error.code == Code::BadArgument && error.message.contains(what), "{what}: {}", error.message);
    }
    for path in
        ["/a/{id}/..", "/a/%7Bid%7D/{id}", "//evil/{id}", "/a/{id}#x", "/a/{id}?x=#", "/a/{id}?", "/a/{id}?x=/..", "/a/{id", "/a\\{id}"]
    {
        assert_eq!(code(contract(&json!({ "read": { "path": path } }))), Code::BadArgument, "{path}");
    }
    assert_eq!(code(contract(&json!({ "list": null })).unwrap().list(None)), Code::BadArgument);
}

#[test]
fn a_body_that_needs_an_unknown_agent_is_not_left_out() {
    let stop = json!({ "stop": { "method": "POST", "path": "/end/{id}", "body": r#"{"of":"{agentId}"}"# } });
    let (contract, id) = (contract(&stop).unwrap(), RecordingId::parse("1").unwrap());
    assert_eq!(contract.stop(&id, Some(&AgentId::parse(AGENT).unwrap())).unwrap().body().unwrap(), format!(r#"{{"of":"{AGENT}"}}"#));
    assert_eq!(code(contract.stop(&id, None)), Code::BadArgument);
}

#[test]
fn an_id_that_would_lead_to_another_path_is_refused() {
    for id in [".", ".."] {
        assert_eq!(code(agent_id(id)), Code::BadArgument);
        assert!(RecordingId::parse(id).is_err());
        assert_eq!(code(new_start(AGENT, None, Some(id.to_owned()))), Code::BadArgument);
    }
}

#[test]
fn a_recording_is_read_by_the_names_of_the_contract() {
    let nested = contract(&json!({
        "list": { "items": "found.captures" },
        "fields": { "id": "job.ref", "agentId": "job.owner.key", "state": "job.phase", "startedAt": "job.begun", "startedBy": "by" },
        "states": { "recording": ["RUNNING", "STARTING"], "stopped": ["ENDED"] },
    }))
    .unwrap();
    let shape = nested.shape();
    let org = OrgId::parse(ACME).unwrap();
    let whose = |user| Whose { org: &org, agent: None, user };
    let item = |id: i32, phase: &str, by: &str| {
        format!(r#"{{"job":{{"ref":{id},"owner":{{"key":"a1"}},"phase":"{phase}","begun":"2026-11-22T08:00:00Z"}},"by":"{by}","id":"no"}}"#)
    };
    let one = shape.one(&response(200, &item(4711, "starting", "me")), whose(None)).unwrap();
    assert_eq!((one.id.as_str(), one.agent.as_str(), &one.state), ("4711", "a1", &State::Recording));
    assert_eq!(one.started_at.as_deref(), Some("2026-11-22T08:00:00Z"));
    let body =
        format!(r#"{{"found":{{"captures":[{},{},{}]}}}}"#, item(1, "ENDED", "me"), item(2, "RUNNING", "you"), item(3, "PAUSED", "me"));
    let listed = shape.list(&response(200, &body), whose(Some("ME"))).unwrap();
    let seen: Vec<_> = listed.recordings.iter().map(|one| (one.id.as_str(), one.state.as_str())).collect();
    assert_eq!((seen, listed.unreadable), (vec![("1", "stopped"), ("3", "PAUSED")], 0));
    // If nobody knows who the user is, each may be somebody else's.
    let listed = shape.list(&response(200, &body), whose(None)).unwrap();
    assert_eq!((listed.recordings.len(), listed.unreadable, listed.unreadable_running), (0, 3, 2));
    assert!(shape.list(&response(200, "[]"), whose(None)).is_none());
    // Without a state, what the cloud describes runs. The list itself may be the array.
    let bare = contract(&json!({ "list": { "items": "" }, "fields": { "state": null } })).unwrap();
    let listed = bare.shape().list(&response(200, r#"[{"id":"1","agentId":"a1","state":"stopped"}]"#), whose(None)).unwrap();
    assert_eq!(listed.recordings[0].state, State::Recording);
    // Without words for it, everything runs that has not stopped.
    let wordless = contract(&json!({ "states": { "recording": [] } })).unwrap();
    let state = |word: &str| {
        let body = format!(r#"{{"id":"1","agentId":"a","state":"{word}"}}"#);
        wordless.shape().one(&response(200, &body), whose(None)).unwrap().state.clone()
    };
    assert_eq!((state("anything"), state("Stopped")), (State::Recording, State::Stopped));
}

#[test]
fn a_list_with_more_pages_is_known_by_the_words_beside_it() {
    let (org, nested) = (OrgId::parse(ACME).unwrap(), contract(&json!({ "list": { "items": "data.found.items" } })).unwrap());
    let recording = r#"{"id":"1","agentId":"a","state":"stopped","nextUri":"x","total":9}"#;
    let has_more = |contract: &RecordingContract, body: &str| {
        contract.shape().list(&response(200, body), Whose { org: &org, agent: None, user: None }).unwrap().has_more
    };
    for (words, expected) in [
        (r#""total":2"#, true),
        (r#""total":"2""#, true),
        (r#""totalCount":2"#, true),
        (r#""total_count":2"#, true),
        (r#""pageCount":2"#, true),
        (r#""pageNumber":1,"pageCount":2"#, true),
        (r#""pageCount":"2","pageNumber":"1""#, true),
        (r#""totalPages":2,"pageNumber":0"#, true),
        (r#""nextUri":"/api?pageNumber=2""#, true),
        (r#""nextPage":2"#, true),
        (r#""next_page_token":"x""#, true),
        (r#""@odata.nextLink":"https://x.example""#, true),
        (r#""cursor":"x""#, true),
        (r#""cursors":{"before":"","after":"x"}"#, true),
        (r#""hasMore":true"#, true),
        (r#""has_more":"true""#, true),
        (r#""paging":{"next":"/x"}"#, true),
        (r#""_links":{"self":{"href":"/x"},"next":{"href":"/y"}}"#, true),
        (r#""pageInfo":{"hasNextPage":true}"#, true),
        (r#""meta":{"total":2}"#, true),
        (r#""total":1,"pageNumber":1,"pageCount":1,"pageSize":25,"selfUri":"/x""#, false),
        (r#""total":"1","pageCount":"1""#, false),
        (r#""pageNumber":0,"pageCount":1"#, false),
        (r#""pageNumber":2,"pageCount":2"#, false),
        (r#""total":null,"pageCount":null,"nextUri":null,"cursor":null,"hasMore":null"#, false),
        (r#""nextUri":"","nextPage":0,"cursor":"","hasMore":false,"cursors":{},"next":[]"#, false),
        (r#""hasMore":"false","nextPage":"0","cursors":{"before":null,"after":""}"#, false),
        (r#""paging":{"total":1,"next":null},"links":{"self":"/x"},"meta":{"hasMore":false}"#, false),
        (r#""total":true,"pageCount":"many""#, false),
    ] {
        assert_eq!(has_more(&standard(), &format!(r#"{{"entities":[{recording}],{words}}}"#)), expected, "{words}");
        let beside = format!(r#"{{"data":{{"found":{{"items":[{recording}],{words}}}}}}}"#);
        let above = format!(r#"{{"data":{{"found":{{"items":[{recording}]}},{words}}}}}"#);
        let at_root = format!(r#"{{"data":{{"found":{{"items":[{recording}]}}}},{words}}}"#);
        for body in [beside, above, at_root] {
            assert_eq!(has_more(&nested, &body), expected, "{body}");
        }
    }
    let bare = contract(&json!({ "list": { "items": "" } })).unwrap();
    assert!(!has_more(&bare, &format!("[{recording}]")));
}

#[test]
fn a_state_that_is_no_text_is_read_by_its_text() {
    let parts = json!({ "states": { "recording": ["true", "1"], "stopped": ["FALSE", "2"] } });
    let (org, contract) = (OrgId::parse(ACME).unwrap(), contract(&parts).unwrap());
    for (named, expected) in [
        ("true", State::Recording),
        ("1", State::Recording),
        ("false", State::Stopped),
        ("2", State::Stopped),
        ("3", State::Other("3".into())),
        ("{}", State::Other("unknown".into())),
        ("null", State::Other("unknown".into())),
    ] {
        let body = format!(r#"{{"id":"1","agentId":"a","state":{named}}}"#);
        let recording = contract.shape().one(&response(200, &body), Whose { org: &org, agent: None, user: None }).unwrap();
        assert_eq!(recording.state, expected, "{named}");
    }
}

#[test]
fn a_path_may_have_what_rfc_3986_allows() {
    let agent = AgentId::parse(AGENT).unwrap();
    for path in [
        "/agents/{agentId}:start",
        "/agents/{agentId}/start/",
        "/users/@{agentId}",
        "/agents('{agentId}')",
        "/a;v=1/{agentId}!$&*+,=",
        "/a%20b/{agentId}",
    ] {
        let of = contract(&json!({ "start": { "path": path } })).unwrap();
        assert_eq!(of.start(&agent, "screen", None).unwrap().path(), path.replace("{agentId}", AGENT));
    }
    for query in ["filter[agent]={agentId}", "$filter=agent+eq+{agentId}", "at=/x/y", "q=a%20b&who={agentId}", "a=1;b=(2)@*!'"] {
        let of = contract(&json!({ "list": { "path": format!("/l?{query}") } })).unwrap();
        assert_eq!(of.list(Some(&agent)).unwrap().path(), format!("/l?{}", query.replace("{agentId}", AGENT)));
    }
    for path in [
        "/a/..;x/{agentId}",
        "/a/.;/{agentId}",
        "/a/%2e%2e/{agentId}",
        "/a/%2E./{agentId}",
        "/a%2fb/{agentId}",
        "/a%5cb/{agentId}",
        "/a%252e/{agentId}",
        "/a%0a/{agentId}",
        "/a%7F/{agentId}",
        "/a%/{agentId}",
        "/a%2/{agentId}",
        "/a%g0/{agentId}",
        "/a%{agentId}",
        "/a%2{agentId}",
        "//{agentId}",
        "/a//{agentId}",
        "/{agentId}//",
        "/a[{agentId}]",
        "/a|{agentId}",
        "/a\"{agentId}",
        "/a?x={agentId}?y",
        "/a?x={agentId}#y",
        "/a?x=\\{agentId}",
        "/a?x=%0a{agentId}",
        "/a?x={agentId}&&y",
        "/a?x=<{agentId}>",
    ] {
        assert_eq!(code(contract(&json!({ "start": { "path": path } }))), Code::BadArgument, "{path}");
    }
}

#[test]
fn braces_around_words_are_a_placeholder() {
    let body = |text: &str| {
        let body = json!({ "agentId": "{agentId}", "text": text }).to_string();
        contract(&json!({ "start": { "body": body } }))
    };
    for placeholder in [
        "{agent-id}",
        "{agent.id}",
        "{agent id}",
        "{ agentId }",
        "{user.id} of",
        "{ägent}",
        "{agentid}",
        "{AgentId}",
        "{{agentId}}",
        "{{agent}}",
    ] {
        let error = body(placeholder).unwrap_err();
        assert!(error.code == Code::BadArgument && error.message.contains("start.body may not have"), "{placeholder}");
        assert_eq!(code(contract(&json!({ "list": { "path": format!("/l?a={placeholder}") } }))), Code::BadArgument);
    }
    let agent = AgentId::parse(AGENT).unwrap();
    for text in
        [r#"{"a":1}"#, r#"{"of":"{agentId}"}"#, r#"{"a":{"b":{}}}"#, "{}", "{ }", "{-}", "{", "}{", "{a:1}", "{a,b}", "{\n}", "{$x}"]
    {
        let sent = body(text).unwrap().start(&agent, "screen", None).unwrap();
        let sent: serde_json::Value = serde_json::from_str(sent.body().unwrap()).unwrap();
        assert_eq!(sent["text"], text.replace("{agentId}", AGENT));
    }
}

#[test]
fn a_path_that_could_lead_elsewhere_is_refused() {
    for path in [
        "",
        "/",
        "api",
        "//evil.example",
        "/\\evil.example",
        "@evil.example/",
        ".evil.example",
        ":8443/",
        "/api/../..",
        "/./x",
        "/a//b",
        "/api?x=1",
        "/api#x",
        "/api/%2e%2e",
        "/api x",
        "/api\n",
        "https://evil.example/",
        "/api/v2/",
    ] {
        assert_eq!(code(with_path(path)), Code::BadArgument, "{path:?}");
    }
}

#[test]
fn a_reserved_or_invalid_header_or_scope_is_refused() {
    for name in REFUSED_HEADERS {
        let as_org = json!({ "orgHeaders": ["X-Org", name] });
        let as_key = json!({ "idempotencyHeader": name });
        for (option, parts) in [("orgHeaders", as_org), ("idempotencyHeader", as_key)] {
            let error = contract(&parts).unwrap_err();
            let is_named = error.message.contains(option) && error.message.contains(&format!("\"{name}\""));
            assert!(error.code == Code::BadArgument && is_named, "{name:?} {}", error.message);
        }
    }
    for name in ["X-Sec-Org", "Section", "Secure", "X-Via", "Idempotency-Key", "ININ-Organization-Id", "Dates", "Proxy"] {
        assert!(contract(&json!({ "orgHeaders": [name] })).is_ok(), "{name}");
    }
    for scope in ["", "a b", "a\"b", "a\\b", "ä"] {
        assert_eq!(code(contract(&json!({ "scope": scope }))), Code::BadArgument, "{scope:?}");
    }
}

#[test]
fn a_response_without_an_id_or_for_another_agent_or_organization_is_no_recording() {
    let (agent, org) = (AgentId::parse(AGENT).unwrap(), OrgId::parse(ACME).unwrap());
    let started = |body: &str| standard().shape().one(&response(201, body), Whose { org: &org, agent: Some(&agent), user: None });
    let whole = format!(
        r#"{{"id":"r1","agentId":"{AGENT}","organizationId":"{}","state":"recording","startedAt":"2026-11-22T08:00:00Z"}}"#,
        ACME.to_uppercase()
    );
    let recording = started(&whole).unwrap();
    assert_eq!((recording.id.as_str(), recording.state.as_str()), ("r1", "recording"));
    assert_eq!(recording.started_at.as_deref(), Some("2026-11-22T08:00:00Z"));
    assert_eq!(started(r#"{"id":"r1"}"#).unwrap().state, State::Other("unknown".into()));
    let of_another_org = format!(r#"{{"id":"r1","organizationId":"{GLOBEX}"}}"#);
    for body in
        [r"{}", r#"{"id":""}"#, r#"{"id":1.5}"#, r#"{"id":null}"#, r#"{"id":"r1","agentId":"another"}"#, &of_another_org, "[]", "null"]
    {
        assert_eq!(started(body), None, "{body}");
    }
}

#[test]
fn an_agent_id_has_no_outer_spaces_and_no_control_characters() {
    for id in ["12345", AGENT, "ägent/1?x#y", &"x".repeat(256)] {
        assert_eq!(AgentId::parse(id).unwrap().as_str(), id);
    }
    for id in ["", " ", "\t", " a", "a ", "a\nb", "a\u{0}b", &"x".repeat(257)] {
        assert_eq!(code(agent_id(id)), Code::BadArgument, "{id:?}");
    }
}

proptest! {
    /// The WHATWG URL parser decides: it must read an accepted path unchanged, and on the same origin.
    #[test]
    fn an_accepted_path_stays_on_the_origin(path in "[/@:a-c2efEF05.%\\\\?# ~_;()\\[\\]+$-]{0,24}") {
        if with_path(&path).is_ok() {
            let url = url::Url::parse(&format!("https://api.cloud.example{path}")).unwrap();
            prop_assert_eq!(url.origin().ascii_serialization(), "https://api.cloud.example");
            prop_assert_eq!(url.path(), path);
            prop_assert_eq!(url.query(), None);
        }
    }

    #[test]
    fn an_accepted_path_of_an_operation_stays_on_the_origin(path in "/[/@:a-c2efEF05.%\\\\?# ~_;()\\[\\]+$&='-]{0,24}") {
        let template = format!("{path}{{agentId}}");
        if let Ok(contract) = contract(&json!({ "start": { "path": template } })) {
            let sent = contract.start(&AgentId::parse("x").unwrap(), "screen", None).unwrap();
            prop_assert_eq!(sent.path(), format!("{path}x"));
            let url = url::Url::parse(&format!("https://api.cloud.example{path}x")).unwrap();
            prop_assert_eq!(url.origin().ascii_serialization(), "https://api.cloud.example");
            let (sent, query) = (format!("{path}x"), url.query().map_or(String::new(), |query| format!("?{query}")));
            prop_assert_eq!(format!("{}{}", url.path(), query.replace("%27", "'")), sent);
            prop_assert_eq!(url.fragment(), None);
        }
    }

    #[test]
    fn the_body_contains_exactly_this_agent_id(id in "\\PC{1,40}") {
        if let Ok(agent) = AgentId::parse(&id) {
            let body = standard().start(&agent, "screen", None).unwrap().body().unwrap().to_owned();
            let read: serde_json::Value = serde_json::from_str(&body).unwrap();
            prop_assert_eq!(read, serde_json::json!({ "agentId": id, "recordingType": "screen" }));
        }
    }
}

#[test]
fn a_path_may_have_encoded_letters_and_parameters() {
    for path in ["/api/v2/%C3%A9crans", "/api/v2/;v=1", "/api/v2/a%C3%A9"] {
        assert!(contract(&json!({ "path": path })).is_ok(), "{path}");
    }
}
