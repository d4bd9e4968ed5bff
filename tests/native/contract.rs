//! The contract of the recording API, and the values that may replace its parts.

use crate::support::{ACME, AGENT, GLOBEX, code, response};
use premium_recorder::model::argument::agent_id;
use premium_recorder::model::error::Code;
use premium_recorder::model::ids::{AgentId, OrgId};
use premium_recorder::recording::contract::{ContractParts, RecordingContract};
use premium_recorder::recording::{Recording, State};
use premium_recorder::token::request::{Method, Repeat};
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

fn with_path(path: &str) -> Result<RecordingContract, premium_recorder::model::error::Error> {
    RecordingContract::with(ContractParts { path: Some(path.to_owned()), ..ContractParts::default() })
}

#[test]
fn the_defaults_match_the_source_document() {
    let call = RecordingContract::default().start(&AgentId::parse("12345").unwrap(), "screen", None);
    assert_eq!((call.method(), call.path()), (Method::Post, "/api/v2/screenrecordings"));
    assert_eq!(call.org_headers(), ["X-Genesys-Organization-Id"]);
    assert_eq!(call.body().unwrap(), r#"{"agentId":"12345","recordingType":"screen"}"#);
    assert_eq!(RecordingContract::default().scope(), "screenrecordings:write");
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
    assert_eq!((call.repeat(), contract.list(None).repeat()), (Repeat::Never, Repeat::Idempotent { sends: 3 }));
    assert_eq!((call.path(), call.org_headers(), contract.scope()), ("/v3/recordings", headers.as_slice(), "recordings"));
    assert!(
        RecordingContract::with(ContractParts { org_headers: Some(vec![]), ..ContractParts::default() })
            .unwrap()
            .start(&AgentId::parse(AGENT).unwrap(), "screen", None)
            .org_headers()
            .is_empty()
    );
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
    let started = |body: &str| Recording::from_response(&response(201, body), Some(&agent), &org);
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
            let body = RecordingContract::default().start(&agent, "screen", None).body().unwrap().to_owned();
            let read: serde_json::Value = serde_json::from_str(&body).unwrap();
            prop_assert_eq!(read, serde_json::json!({ "agentId": id, "recordingType": "screen" }));
        }
    }
}
