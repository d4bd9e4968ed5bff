//! Fuzzing of everything that reads foreign text. `npm run fuzz -- --minutes 30` runs these tests for that long; otherwise each
//! of them runs a few hundred cases.

use std::rc::Rc;
use std::time::{Duration, Instant as WallInstant};

use crate::support::*;
use base64ct::{Base64UrlUnpadded, Encoding};
use premium_recorder::auth::ports::{SharingRole, TokenSharer, TokenSharing};
use premium_recorder::cloud::refusal::{refusal, retry_after};
use premium_recorder::cloud::response::Response;
use premium_recorder::model::environment::Environments;
use premium_recorder::model::error::{Cause, Code};
use premium_recorder::model::ids::{AgentId, OrgId};
use premium_recorder::model::json::Json;
use premium_recorder::model::launch::{LaunchContext, LaunchParams};
use premium_recorder::model::time::Timestamp;
use premium_recorder::recording::contract::RecordingContract;
use premium_recorder::recording::shape::Whose;
use premium_recorder::token::access_token::{AccessToken, IssuedToken};
use premium_recorder::token::claims::TokenInfo;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

/// The tests in this file: each gets the same part of the time.
const TARGETS: u32 = 8;

/// Runs the test with random inputs, for its part of `FUZZ_MINUTES`.
fn fuzz<S: Strategy>(strategy: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let minutes: f64 = std::env::var("FUZZ_MINUTES").ok().and_then(|text| text.parse().ok()).unwrap_or_default();
    let (began, time) = (WallInstant::now(), Duration::from_secs_f64(minutes * 60.0) / TARGETS);
    let mut runs = 0;
    loop {
        runs += 1;
        if let Err(found) = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() }).run(&strategy, &test) {
            panic!("{found}");
        }
        if began.elapsed() >= time {
            println!("{} cases", runs * 200);
            return;
        }
    }
}

/// Text that readers stumble over, between texts that they look for.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(String::new()),
        "\\PC{0,12}",
        "[0-9+\\-.:TZGMT, ]{0,24}",
        "[%\\\\u&#x;0-9a-fA-F\"{}\\[\\]]{0,24}",
        prop::sample::select(vec![
            ACME,
            AGENT,
            GLOBEX,
            "2027-01-15T08:00:00.000Z",
            "2027-01-15T08:00:00",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "recording",
            "stopped",
            "[7]",
            "\u{0}",
            "\u{feff}",
            "𝟙",
            "99999999999999999999",
            "{{gcTargetEnv}}",
            "https://apps.mypurecloud.ie",
            "prod-euw1",
            "mypurecloud.ie",
            "euw2.pure.cloud",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 1..3).prop_map(|pieces| pieces.concat())
}

/// JSON with the names that the library looks for.
fn json_value() -> impl Strategy<Value = serde_json::Value> {
    let numbers =
        prop_oneof![any::<i64>().prop_map(|number| serde_json::json!(number)), any::<f64>().prop_map(|number| serde_json::json!(number))];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::Bool),
        numbers,
        text().prop_map(serde_json::Value::String)
    ];
    let names = prop::sample::select(vec![
        "id",
        "agentId",
        "organizationId",
        "state",
        "startedAt",
        "recordingType",
        "entities",
        "organization",
        "homeOrganization",
        "name",
        "authorizedScope",
        "dateTokenIdles",
        "code",
        "message",
        "contextId",
        "alg",
        "org_id",
        "exp",
        "iat",
        "nbf",
        "scope",
        "access_token",
        "refresh_token",
        "expires_in",
        "error",
        "trustors",
        "__proto__",
    ]);
    leaf.prop_recursive(4, 40, 6, move |inner| {
        let object = prop::collection::vec((names.clone(), inner.clone()), 0..6)
            .prop_map(|entries| serde_json::Value::Object(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()));
        prop_oneof![prop::collection::vec(inner, 0..5).prop_map(serde_json::Value::Array), object]
    })
}

fn body() -> impl Strategy<Value = String> {
    let list = prop::collection::vec(json_value(), 0..4).prop_map(|entities| serde_json::json!({ "entities": entities }).to_string());
    prop_oneof![text(), json_value().prop_map(|value| value.to_string()), list]
}

#[test]
fn launch_urls() {
    let name = prop_oneof![
        prop::sample::select(vec!["gcHostOrigin", "gcTargetEnv", "pcEnvironment", "orgId", "gcConversationId"]).prop_map(str::to_owned),
        text()
    ];
    fuzz(prop::collection::vec((name, text()), 0..6), |pairs| {
        let environments = Environments::with(vec![private_cloud()]).unwrap();
        let Ok(launch) = LaunchContext::from_query(&pairs, &LaunchParams::default()) else { return Ok(()) };
        if let Ok(Some(org)) = launch.org() {
            prop_assert_eq!(launch.get("orgId").map(str::to_ascii_lowercase), Some(org.as_str().to_owned()));
        }
        if let Ok(environment) = launch.environment(&environments) {
            let host = launch.get("hostOrigin").is_none_or(|host| host == environment.apps().as_str());
            let domain = launch.get("pcEnvironment").is_none_or(|domain| environment.api().as_str() == format!("https://api.{domain}"));
            prop_assert!(host && domain, "{launch:?} {environment:?}");
        }
        Ok(())
    });
}

#[test]
fn claims() {
    let part = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
    let header = prop_oneof![Just(r#"{"alg":"none"}"#.to_owned()), body()];
    fuzz((header, body(), text()), |(header, payload, signature)| {
        let token = format!("{}.{}.{}", part(&header), part(&payload), part(&signature));
        let Ok(token) = AccessToken::parse(&token) else { return Ok(()) };
        if let Ok(Some(claims)) = token.claims(json) {
            let payload: serde_json::Value = serde_json::from_str(&payload).unwrap();
            prop_assert_eq!(claims.org, payload["org_id"].as_str().and_then(OrgId::parse));
            let exp = payload["exp"].as_f64().map(f64::trunc);
            let seconds = claims.expires_at.map(|at| at.as_millis() as f64 / 1000.0);
            prop_assert!(seconds.is_none() || seconds == exp && exp > Some(0.0), "{seconds:?} {exp:?}");
        }
        Ok(())
    });
}

#[test]
fn dates() {
    fuzz((text(), any::<i64>()), |(text, now)| {
        if let Some(at) = Timestamp::from_iso(&text) {
            let read: jiff::Timestamp = text.parse().unwrap();
            prop_assert_eq!(read.as_millisecond(), at.as_millis());
        }
        let _ = Timestamp::from_http(&text, Timestamp::from_millis(now));
        Ok(())
    });
}

#[test]
fn waits() {
    fuzz((text(), body(), any::<i64>(), prop::option::of(any::<i64>())), |(header, body, now, date)| {
        let date = date.map(Timestamp::from_millis);
        let response = Response { retry_after: Some(header.clone()), date, ..response(429, &body) };
        let header = header.trim_matches([' ', '\t']);
        let is_number = !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit());
        let is_date = header.ends_with("GMT") || header.ends_with(|last: char| last.is_ascii_digit());
        if retry_after(&response, Timestamp::from_millis(now)).is_some() {
            prop_assert!(is_number || is_date || body.to_ascii_lowercase().contains("second"), "{header:?}");
        } else {
            prop_assert!(!is_number);
        }
        Ok(())
    });
}

#[test]
fn bodies() {
    let org = OrgId::parse(GLOBEX).unwrap();
    let agent = AgentId::parse(AGENT).unwrap();
    fuzz((body(), 100..600u16, any::<bool>()), |(body, status, names_agent)| {
        let answer = response(status, &body);
        let agent = names_agent.then_some(&agent);
        let _ = refusal(&answer);
        let contract = RecordingContract::from_json(&Json::Null).unwrap();
        let shape = contract.shape();
        let whose = Whose { org: &org, agent, user: None };
        let _ = shape.one(&answer, whose);
        if let Some(info) = json(&body).and_then(|info| TokenInfo::from_json(&info)) {
            prop_assert!(body.to_ascii_lowercase().contains(info.org.as_str()));
        }
        if let Some(listed) = shape.list(&answer, whose) {
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            let entities = body["entities"].as_array().unwrap();
            prop_assert!(listed.recordings.len() + listed.unreadable <= entities.len() && listed.unreadable_running <= listed.unreadable);
            for recording in &listed.recordings {
                let entity = &entities[recording.raw.entity.as_ref().unwrap().1];
                let id = entity["id"].as_str().map(str::to_owned).or_else(|| entity["id"].as_f64().map(in_javascript));
                prop_assert_eq!(id.as_deref(), Some(recording.id.as_str()));
            }
            // What names this agent in this organization is listed or counted, whatever else it has.
            let ours = entities
                .iter()
                .filter(|entity| entity["agentId"] == AGENT && (entity["organizationId"] == GLOBEX || entity["organizationId"].is_null()));
            prop_assert!(ours.count() <= listed.recordings.len() + listed.unreadable);
        }
        Ok(())
    });
}

/// A whole number as `String(number)` writes it: minus zero is "0".
fn in_javascript(number: f64) -> String {
    format!("{:.0}", number + 0.0)
}

/// How one character of the token is written.
fn writing() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0..10u8, 0..4)
}

fn written(character: char, by: &[u8]) -> String {
    by.iter().fold(character.to_string(), |text, kind| {
        // Writes one character of what is there: a reader decodes them in turn.
        let mut characters = text.chars();
        let Some(first) = characters.next() else { return text };
        let (code, rest) = (u32::from(first), characters.as_str());
        match kind {
            0 => format!("\\u{code:04x}{rest}"),
            1 => format!("\\u{code:04X}{rest}"),
            2 => format!("%{code:02x}{rest}"),
            3 => format!("%{code:02X}{rest}"),
            4 => format!("&#{code};{rest}"),
            5 => format!("&#x{code:X};{rest}"),
            6 if !matches!(first, 'u' | 'x') => format!("\\{first}{rest}"),
            7 => format!("\\x{code:02x}{rest}"),
            8 => format!("%u{code:04x}{rest}"),
            _ => text,
        }
    })
}

#[test]
fn repeated_tokens() {
    // Most characters of a token are letters and digits, which are what is searched for.
    let token = "([A-Za-z0-9]{2}[A-Za-z0-9._~+/-]){12,20}";
    fuzz(
        (token, 0..2usize, any::<bool>(), prop::collection::vec(writing(), 1..9), text(), text()),
        |(token, cut, is_upper, writings, before, after)| {
            let part = &token[..token.len() - cut];
            let part = if is_upper { part.to_uppercase() } else { part.to_owned() };
            let disguise: String = part.chars().zip(writings.iter().cycle()).map(|(character, by)| written(character, by)).collect();
            let body = format!("{before}{disguise}{after}");
            run(async {
                let world = World::new();
                let repeated = body.clone();
                world.respond(move |_| Response { correlation_id: Some(repeated.clone()), ..response(400, &repeated) });
                let recorder = connect(&world, options(&[])).await;
                let refused = error(recorder.add_token(AccessToken::parse(&token).unwrap(), no_options()).await);
                let Some(Cause::Cloud(words)) = &refused.evidence.cause else { panic!("{refused:?}") };
                prop_assert!(!words.contains(&disguise), "{token}: {words}");
                prop_assert_eq!(refused.evidence.correlation_id.as_deref(), Some("***"));
                Ok(())
            })
        },
    );
}

#[test]
fn messages_of_callback_pages() {
    fuzz(prop::collection::vec(text(), 1..4), |messages| {
        run(async {
            let world = World::new();
            world.respond(accept);
            let recorder = connect(&world, login_options()).await;
            let posts = async {
                let window = world.popups().last().unwrap().clone();
                for message in &messages {
                    window.post(message);
                    window.post(&format!("?code={message}"));
                    window.post(&format!("?state={}&{message}", window.parameter("state").unwrap()));
                }
            };
            let started = while_time_passes(&[&world], async { join(record(&recorder, GLOBEX), posts).await.0 }).await;
            let has_code = messages.iter().any(|message| message.contains("code="));
            prop_assert!(started.is_err() || has_code, "{messages:?}");
            Ok(())
        })
    });
}

struct Neighbor(String, Option<f64>);

impl TokenSharer for Neighbor {
    fn share(&self) -> Option<IssuedToken> {
        Some(IssuedToken { access_token: self.0.clone().into(), expires_in: self.1 })
    }

    fn forget(&self) {}
}

#[test]
fn tokens_of_other_pages() {
    let claims = body().prop_map(|payload| jwt(&payload));
    let token = prop_oneof![text(), claims, Just(jwt_for(GLOBEX)), Just(jwt_for(ACME)), Just("opaque".to_owned())];
    fuzz((token, prop::option::of(any::<f64>())), |(token, expires_in)| {
        run(async {
            let world = World::new();
            // The cloud knows the neighbor's opaque token as one of another organization.
            world.respond(|request| if request.method == "POST" { created("rec-1") } else { response(200, &token_info(ACME)) });
            let name = format!("premium-recorder https://api.cloud.example {GLOBEX} screenrecordings:write client ");
            let _sharing = world.another_page().share_token(&name, Rc::new(Neighbor(token.clone(), expires_in)), SharingRole::Answers);
            world.block_popups();
            let recorder = connect(&world, login_options()).await;
            let started = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
            let is_ours = token == jwt_for(GLOBEX)
                || AccessToken::parse(&token).is_ok_and(|token| {
                    token.claims(json).is_ok_and(|claims| claims.is_some_and(|claims| claims.org == OrgId::parse(GLOBEX)))
                });
            prop_assert!(started.is_ok() <= is_ours, "{token}");
            if let Err(premium_recorder::cloud::call::CallError::Error(error)) = started {
                let shown = format!("{error:?}");
                let is_known = token.len() < 20 || [ACME, GLOBEX, AGENT].iter().any(|known| known.contains(&token));
                prop_assert!(error.code != Code::Panicked && (is_known || !shown.contains(&token)));
            }
            Ok(())
        })
    });
}
