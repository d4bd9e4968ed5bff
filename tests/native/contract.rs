//! The contract of the recording API, and the values that may replace its parts.

use crate::support::{ACME, AGENT, GLOBEX, code, response};
use premium_recorder::model::argument::agent_id;
use premium_recorder::model::error::Code;
use premium_recorder::model::ids::{AgentId, OrgId, RecordingId};
use premium_recorder::recording::State;
use premium_recorder::recording::contract::{ContractParts, OperationParts, RecordingContract};
use premium_recorder::recording::shape::{Shape, ShapeParts, Whose};
use premium_recorder::recording::start::Start;
use premium_recorder::token::request::{ApiRequest, Method, Repeat};
use proptest::prelude::*;

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
    RecordingContract::with(ContractParts::default()).unwrap()
}

fn with_path(path: &str) -> Result<RecordingContract, premium_recorder::model::error::Error> {
    RecordingContract::with(ContractParts { path: Some(path.to_owned()), ..ContractParts::default() })
}

#[test]
fn the_defaults_match_the_source_document() {
    let call = standard().start(&AgentId::parse("12345").unwrap(), "screen", None);
    assert_eq!((call.method(), call.path()), (Method::Post, "/api/v2/screenrecordings"));
    assert_eq!(call.org_headers(), ["X-Genesys-Organization-Id"]);
    assert_eq!(call.body().unwrap(), r#"{"agentId":"12345","recordingType":"screen"}"#);
    assert_eq!(standard().start_scopes().as_ref(), ["screenrecordings:write"]);
}

#[test]
fn every_part_of_the_contract_can_be_replaced() {
    let headers = vec!["x-gc-organization".to_owned(), "ININ-Organization-Id".to_owned()];
    let contract = RecordingContract::with(ContractParts {
        path: Some("/v3/recordings".into()),
        org_headers: Some(headers.clone()),
        scope: Some("recordings".into()),
        ..ContractParts::default()
    })
    .unwrap();
    let call = contract.start(&AgentId::parse(AGENT).unwrap(), "audio", None);
    assert_eq!((call.repeat(), contract.list(None).unwrap().repeat()), (Repeat::Never, Repeat::Idempotent { sends: 3 }));
    assert_eq!(
        (call.path(), call.org_headers(), contract.start_scopes().first().unwrap().as_str()),
        ("/v3/recordings", headers.as_slice(), "recordings")
    );
    assert!(
        RecordingContract::with(ContractParts { org_headers: Some(vec![]), ..ContractParts::default() })
            .unwrap()
            .start(&AgentId::parse(AGENT).unwrap(), "screen", None)
            .org_headers()
            .is_empty()
    );
}

fn operation(method: Option<&str>, path: &str, body: Option<Option<&str>>) -> OperationParts {
    OperationParts {
        method: method.map(str::to_owned),
        path: Some(path.to_owned()),
        body: body.map(|body| body.map(str::to_owned)),
        missing_means_stopped: None,
    }
}

fn list(path: &str) -> Option<Option<OperationParts>> {
    Some(Some(operation(None, path, None)))
}

#[test]
fn every_request_follows_from_the_contract() {
    let contract = RecordingContract::with(ContractParts {
        start: operation(
            Some("put"),
            "/v7/agents/{agentId}/{recordingType}",
            Some(Some(r#"{"who":["{agentId}"],"{recordingType}":{},"n":{"x":1},"as is":"{ {} {agentId"}"#)),
        ),
        read: operation(None, "/v7/captures/{id}", None),
        list: list("/v7/captures?owner={agentId}&size=100"),
        stop: operation(Some("DELETE"), "/v7/agents/{agentId}/captures/{id}", None),
        start_scopes: Some(vec!["capture".to_owned(), "capture:all".to_owned()]),
        read_scopes: Some(vec!["capture:readonly".to_owned()]),
        ..ContractParts::default()
    })
    .unwrap();
    // No value is filled in again, and none leaves its place.
    let (agent, id) = (AgentId::parse("a/b?{id}\"\\ü").unwrap(), RecordingId::parse("47/11#{agentId}").unwrap());
    let line = |request: &ApiRequest| format!("{} {}", request.method().as_str(), request.path());
    let start = contract.start(&agent, "scr{agentId}", None);
    assert_eq!(line(&start), "PUT /v7/agents/a%2Fb%3F%7Bid%7D%22%5C%C3%BC/scr%7BagentId%7D");
    let body: serde_json::Value = serde_json::from_str(start.body().unwrap()).unwrap();
    assert_eq!(body, serde_json::json!({ "who": ["a/b?{id}\"\\ü"], "scr{agentId}": {}, "n": { "x": 1 }, "as is": "{ {} {agentId" }));
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
    let parts = ContractParts::default;
    let named = |name: &str| Some(Some(name.to_owned()));
    let words = |words: &[&str]| Some(words.iter().map(|&word| word.to_owned()).collect());
    for (what, parts) in [
        ("contract.start needs {agentId}", ContractParts { start: operation(None, "/start", Some(None)), ..parts() }),
        ("contract.start.path may not have {id}", ContractParts { start: operation(None, "/start/{id}", None), ..parts() }),
        (
            "contract.start.body may not have {agent}",
            ContractParts { start: operation(None, "/s", Some(Some(r#"{"a":"{agent}"}"#))), ..parts() },
        ),
        ("contract.start.method", ContractParts { start: operation(Some("GET"), "/s/{agentId}", None), ..parts() }),
        ("contract.stop.method", ContractParts { stop: operation(Some("GET"), "/s/{id}", None), ..parts() }),
        ("contract.read needs {id}", ContractParts { read: operation(None, "/recordings", None), ..parts() }),
        (
            "contract.read.path may not have {recordingType}",
            ContractParts { read: operation(None, "/{recordingType}/{id}", None), ..parts() },
        ),
        ("contract.stop needs {id}", ContractParts { stop: operation(None, "/stop", None), ..parts() }),
        ("contract.list.path may not have {id}", ContractParts { list: list("/l?id={id}"), ..parts() }),
        ("contract.http2", ContractParts { http2: Some(true), start: operation(None, "/s/{agentId}", Some(None)), ..parts() }),
        ("contract.checkDuplicates", ContractParts { check_duplicates: Some(true), list: Some(None), ..parts() }),
        ("contract.scopes", ContractParts { start_scopes: words(&["two words"]), ..parts() }),
        ("contract.scopes", ContractParts { read_scopes: words(&[""]), ..parts() }),
        ("contract.alreadyRunning", ContractParts { already_running: words(&["a", ""]), ..parts() }),
        ("contract.fields.id", ContractParts { shape: ShapeParts { id: Some("a..b".to_owned()), ..ShapeParts::default() }, ..parts() }),
        ("contract.fields.state", ContractParts { shape: ShapeParts { state: named(""), ..ShapeParts::default() }, ..parts() }),
        ("contract.list.items", ContractParts { shape: ShapeParts { items: Some(".".to_owned()), ..ShapeParts::default() }, ..parts() }),
        (
            "contract.states: \"ON\"",
            ContractParts { shape: ShapeParts { recording: words(&["ON"]), stopped: words(&["on"]), ..ShapeParts::default() }, ..parts() },
        ),
        ("contract.states has an empty", ContractParts { shape: ShapeParts { stopped: words(&[""]), ..ShapeParts::default() }, ..parts() }),
    ] {
        let error = RecordingContract::with(parts).unwrap_err();
        assert!(error.code == Code::BadArgument && error.message.contains(what), "{what}: {}", error.message);
    }
    for path in
        ["/a/{id}/..", "/a/%7Bid%7D/{id}", "//evil/{id}", "/a/{id}#x", "/a/{id}?x=#", "/a/{id}?", "/a/{id}?x=/..", "/a/{id", "/a\\{id}"]
    {
        assert_eq!(
            code(RecordingContract::with(ContractParts { read: operation(None, path, None), ..parts() })),
            Code::BadArgument,
            "{path}"
        );
    }
    assert_eq!(code(RecordingContract::with(ContractParts { list: Some(None), ..parts() }).unwrap().list(None)), Code::BadArgument);
}

#[test]
fn an_id_that_would_lead_to_another_path_is_refused() {
    for id in [".", ".."] {
        assert_eq!(code(agent_id(id)), Code::BadArgument);
        assert!(RecordingId::parse(id).is_err());
        assert_eq!(code(Start::new(AGENT, None, Some(id.to_owned()))), Code::BadArgument);
    }
}

#[test]
fn a_recording_is_read_by_the_names_of_the_contract() {
    let named = |name: &str| Some(Some(name.to_owned()));
    let words = |words: &[&str]| Some(words.iter().map(|&word| word.to_owned()).collect());
    let shape = Shape::with(ShapeParts {
        items: Some("found.captures".to_owned()),
        id: Some("job.ref".to_owned()),
        agent_id: named("job.owner.key"),
        state: named("job.phase"),
        started_at: named("job.begun"),
        started_by: named("by"),
        recording: words(&["RUNNING", "STARTING"]),
        stopped: words(&["ENDED"]),
        ..ShapeParts::default()
    })
    .unwrap();
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
    let bare = Shape::with(ShapeParts { items: Some(String::new()), state: Some(None), ..ShapeParts::default() }).unwrap();
    let listed = bare.list(&response(200, r#"[{"id":"1","agentId":"a1","state":"stopped"}]"#), whose(None)).unwrap();
    assert_eq!(listed.recordings[0].state, State::Recording);
    // Without words for it, everything runs that has not stopped.
    let wordless = Shape::with(ShapeParts { recording: words(&[]), ..ShapeParts::default() }).unwrap();
    let state =
        |word: &str| wordless.one(&response(200, &format!(r#"{{"id":"1","agentId":"a","state":"{word}"}}"#)), whose(None)).unwrap().state;
    assert_eq!((state("anything"), state("Stopped")), (State::Recording, State::Stopped));
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
        let as_org = ContractParts { org_headers: Some(vec!["X-Org".to_owned(), (*name).to_owned()]), ..ContractParts::default() };
        let as_key = ContractParts { idempotency_header: Some((*name).to_owned()), ..ContractParts::default() };
        for (option, parts) in [("orgHeaders", as_org), ("idempotencyHeader", as_key)] {
            let error = RecordingContract::with(parts).unwrap_err();
            let is_named = error.message.contains(option) && error.message.contains(&format!("\"{name}\""));
            assert!(error.code == Code::BadArgument && is_named, "{name:?} {}", error.message);
        }
    }
    for name in ["X-Sec-Org", "Section", "Secure", "X-Via", "Idempotency-Key", "ININ-Organization-Id", "Dates", "Proxy"] {
        let parts = ContractParts { org_headers: Some(vec![name.to_owned()]), ..ContractParts::default() };
        assert!(RecordingContract::with(parts).is_ok(), "{name}");
    }
    for scope in ["", "a b", "a\"b", "a\\b", "ä"] {
        assert_eq!(
            code(RecordingContract::with(ContractParts { scope: Some(scope.to_owned()), ..ContractParts::default() })),
            Code::BadArgument,
            "{scope:?}"
        );
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
    fn an_accepted_path_stays_on_the_origin(path in "[/@:a-z0-9.%\\\\?# ~_-]{0,24}") {
        if with_path(&path).is_ok() {
            let url = url::Url::parse(&format!("https://api.cloud.example{path}")).unwrap();
            prop_assert_eq!(url.origin().ascii_serialization(), "https://api.cloud.example");
            prop_assert_eq!(url.path(), path);
            prop_assert_eq!(url.query(), None);
        }
    }

    #[test]
    fn the_body_contains_exactly_this_agent_id(id in "\\PC{1,40}") {
        if let Ok(agent) = AgentId::parse(&id) {
            let body = standard().start(&agent, "screen", None).body().unwrap().to_owned();
            let read: serde_json::Value = serde_json::from_str(&body).unwrap();
            prop_assert_eq!(read, serde_json::json!({ "agentId": id, "recordingType": "screen" }));
        }
    }
}
