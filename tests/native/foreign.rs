//! Foreign text: what cannot be read refuses nothing and counts for nothing, and no text repeats a token.

use std::cell::Cell;
use std::time::{Duration, Instant as WallInstant};

use crate::support::*;
use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use premium_recorder::cloud::refusal::retry_after;
use premium_recorder::cloud::response::Response;
use premium_recorder::model::error::{Cause, Code, Error};
use premium_recorder::model::ids::AgentId;
use premium_recorder::model::time::Timestamp;
use premium_recorder::recorder::Recorder;
use premium_recorder::token::access_token::AccessToken;
use std::rc::Rc;

const SECOND: i64 = 1_000;
const YEARS: i64 = 20 * 365 * 86_400 * SECOND;

fn dated(at: i64, response: Response) -> Response {
    Response { date: Some(Timestamp::from_millis(at)), ..response }
}

fn is_token_info(request: &SentRequest) -> bool {
    request.url.contains("/api/v2/tokens/me")
}

// ── Retry-After ──────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_wait_is_seconds_or_an_http_date_and_nothing_else() {
    let now = Timestamp::from_millis(784_111_777_000);
    let told = |text: &str| retry_after(&Response { retry_after: Some(text.to_owned()), ..response(429, "") }, now);
    for (text, millis) in [
        ("5", 5_000),
        (" 5 ", 5_000),
        ("\t005", 5_000),
        ("0", 0),
        ("99999999999999999999999", u32::MAX),
        ("Sun, 06 Nov 1994 08:49:47 GMT", 10_000),
        ("Sunday, 06-Nov-94 08:49:47 GMT", 10_000),
        ("Sun Nov  6 08:49:47 1994", 10_000),
        ("Sun, 06 Nov 1994 08:49:27 GMT", 0),
    ] {
        assert_eq!(told(text), Some(millis), "{text:?}");
    }
    for text in [
        "",
        " ",
        "1.5",
        "+5",
        "-1",
        "-0",
        "0x10",
        "1e3",
        "5, 5",
        "5,5",
        "5;",
        "5 s",
        "5s",
        "٥",
        "５",
        "\u{a0}5",
        "NaN",
        "Infinity",
        "1_000",
        "1994-11-06T08:49:47Z",
        "1994-11-06",
        "6 Nov 1994",
        "November 6",
        "Sun, 06 Nov 1994 08:49:47 +0000",
        "soon",
    ] {
        assert_eq!(told(text), None, "{text:?}");
    }
}

#[test]
fn the_longest_wait_counts_and_a_date_counts_by_the_clock_that_wrote_it() {
    let now = Timestamp::from_millis(784_111_777_000);
    for (header, words, millis) in [(Some("1"), "[60]", Some(60_000)), (Some("60"), "[1]", Some(60_000)), (Some("1.5"), "[7]", Some(7_000))]
    {
        let refused = rate_limited(header, &format!("Retry the request in {words} seconds"));
        assert_eq!(retry_after(&refused, now), millis);
    }
    let refused = Response { retry_after: Some("Sun, 06 Nov 1994 08:49:47 GMT".to_owned()), ..response(429, "") };
    assert_eq!(retry_after(&dated(now.as_millis() + 4_000, refused), now), Some(6_000));
}

#[test]
fn no_request_is_sent_again_before_the_wait_whatever_the_refusal() {
    for (status, body) in [
        (429, ""),
        (503, ""),
        (500, ""),
        (408, ""),
        (401, r#"{"code":"bad.credentials"}"#),
        (403, r#"{"message":"Permission denied: insufficient scope for resource owner"}"#),
    ] {
        run(async {
            let world = World::new();
            world.issue_unless(3600.0, |_| false);
            let (at, is_first, clock) = (Rc::new(Cell::new(None)), Cell::new(true), world.clone());
            let seen = at.clone();
            world.respond(move |request| {
                if is_token_info(request) {
                    return response(200, &token_info(ACME));
                }
                if is_first.replace(false) {
                    return Response { retry_after: Some("4".to_owned()), ..response(status, body) };
                }
                seen.set(Some(clock.time() - NOW));
                list(&[])
            });
            let recorder = with_token(&world).await;
            let listed = while_time_passes(&[&world], recorder.recordings(None, Some(&org(GLOBEX)), no_options())).await;
            assert!(listed.is_ok() && at.get().is_some_and(|at| at >= 4_000), "{status} {:?}", at.get());
        });
    }
}

#[test]
fn a_wait_that_is_too_long_is_told_even_at_a_second_refusal() {
    for status in [429, 503] {
        run(async {
            let world = World::new();
            let count = Cell::new(0);
            world.respond(move |_| {
                count.set(count.get() + 1);
                let wait = if count.get() == 1 { "1" } else { "3600" };
                Response { retry_after: Some(wait.to_owned()), ..response(status, "") }
            });
            let recorder = with_token(&world).await;
            let refused = error(while_time_passes(&[&world], recorder.recordings(None, None, no_options())).await);
            assert_eq!((refused.evidence.retry_after, world.requests().len()), (Some(3_600_000), 2), "{status}");
        });
    }
}

#[test]
fn a_look_after_a_lost_start_waits_as_well() {
    run(async {
        let world = World::new();
        world.respond(|request| match request.method.as_str() {
            "POST" => response(503, ""),
            _ => Response { retry_after: Some("30".to_owned()), ..response(503, "") },
        });
        let recorder = with_token(&world).await;
        let unknown = error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await);
        let methods: Vec<_> = world.requests().into_iter().map(|request| request.method).collect();
        assert_eq!((unknown.code, methods), (Code::OutcomeUnknown, vec!["POST".to_owned(), "GET".to_owned()]));
    });
}

#[test]
fn asking_whose_a_token_is_tells_the_wait() {
    run(async {
        let world = World::new();
        world.respond(|_| Response { retry_after: Some("60".to_owned()), ..response(429, "") });
        let recorder = connect(&world, options(&[])).await;
        let added = recorder.add_token(AccessToken::parse("opaque").unwrap(), no_options()).await;
        assert_eq!(error(added).evidence.retry_after, Some(60_000));
    });
}

// ── The cloud's clock ────────────────────────────────────────────────────────────────────────────────────────────────

/// A recorder whose first answer, a 503, had a `Date` that is this much off. After that, the cloud accepts or rejects the token.
async fn after_a_wrong_date(world: &World, off: i64, shows_date: bool, accepts: bool, tokens: &[&str]) -> Recorder<World> {
    let (is_first, clock) = (Cell::new(true), world.clone());
    world.respond(move |request| {
        if is_first.replace(false) {
            return dated(NOW + off, response(503, ""));
        }
        let answer = match request.method.as_str() {
            _ if !accepts => response(401, r#"{"code":"bad.credentials"}"#),
            "POST" => response(201, CREATED),
            _ if is_token_info(request) => response(200, &token_info(GLOBEX)),
            _ => list(&[]),
        };
        if shows_date { dated(clock.time(), answer) } else { answer }
    });
    let recorder = connect(world, options(tokens)).await;
    let _ = recorder.recordings(None, Some(&org(GLOBEX)), with_timeout(500)).await;
    world.clear_log();
    recorder
}

#[test]
fn a_token_is_not_given_up_on_a_wrong_date() {
    for off in [YEARS, 7_200 * SECOND, -YEARS] {
        for shows_date in [true, false] {
            run(async {
                let world = World::new();
                let recorder = after_a_wrong_date(&world, off, shows_date, true, &[&jwt_for(GLOBEX)]).await;
                for _ in 0..3 {
                    assert!(record(&recorder, GLOBEX).await.is_ok(), "{off} {shows_date}");
                }
                let asked = world.requests().iter().filter(|request| is_token_info(request)).count();
                assert_eq!((asked, world.starts().len()), (usize::from(off > 0), 3), "{off} {shows_date}");
            });
        }
    }
}

#[test]
fn concurrent_calls_ask_once_about_a_doubtful_token() {
    run(async {
        let world = World::new();
        let recorder = after_a_wrong_date(&world, YEARS, false, true, &[&jwt_for(GLOBEX)]).await;
        let agent = |at: usize| start_of(&format!("agent-{at}"), GLOBEX).unwrap();
        let started = join_all((0..5).map(|at| recorder.start_recording(agent(at), no_options()))).await;
        assert!(started.iter().all(Result::is_ok));
        assert_eq!(world.requests().iter().filter(|request| is_token_info(request)).count(), 1);
    });
}

#[test]
fn a_token_that_the_cloud_rejects_is_given_up_after_one_question() {
    run(async {
        let world = World::new();
        let recorder = after_a_wrong_date(&world, YEARS, false, false, &[&jwt_for(GLOBEX)]).await;
        for _ in 0..3 {
            let refused = error(record(&recorder, GLOBEX).await);
            assert!(refused.is_token_rejection(), "{refused:?}");
        }
        assert_eq!(world.requests().len(), 1);
    });
}

#[test]
fn a_token_that_has_expired_by_every_clock_is_not_sent() {
    run(async {
        let world = World::new();
        let expired = jwt_expiring_in(-60, GLOBEX, "old");
        let recorder = after_a_wrong_date(&world, YEARS, false, true, &[&expired]).await;
        assert_eq!(error(record(&recorder, GLOBEX).await).code, Code::TokenExpired);
        assert_eq!(world.requests().len(), 0);
    });
}

#[test]
fn a_token_of_a_source_is_not_given_up_on_a_wrong_date() {
    run(async {
        let world = World::new();
        let expired = jwt_expiring_in(-60, GLOBEX, "old");
        world.issue(&jwt_expiring_in(3600, GLOBEX, "new"));
        let is_first = Cell::new(true);
        world.respond(move |request| match request.method.as_str() {
            _ if is_first.replace(false) => dated(NOW + YEARS, response(503, "")),
            "POST" => created("rec-1"),
            _ if is_token_info(request) => response(200, &token_info(GLOBEX)),
            _ => list(&[]),
        });
        let recorder = connect(&world, options(&[&expired])).await;
        let _ = recorder.recordings(None, Some(&org(GLOBEX)), with_timeout(500)).await;
        assert!(record(&recorder, GLOBEX).await.is_ok());
    });
}

#[test]
fn an_idle_timeout_is_no_end_by_a_wrong_date() {
    run(async {
        let world = World::new();
        let count = Cell::new(0);
        world.respond(move |request| {
            count.set(count.get() + 1);
            match (request.method.as_str(), count.get()) {
                (_, 1) => token_info_idling_at(GLOBEX, 600_000),
                (_, 2) => dated(NOW + YEARS, token_info_idling_at(ACME, 600_000)),
                ("POST", _) => created("rec-1"),
                _ => token_info_idling_at(GLOBEX, 600_000),
            }
        });
        let recorder = connect(&world, options(&["opaque-1", "opaque-2"])).await;
        assert!(record(&recorder, GLOBEX).await.is_ok());
    });
}

#[test]
fn a_lifetime_that_cannot_be_read_is_unknown() {
    for expires_in in ["\"3600\"", "null", "[]", "{}", "true"] {
        run(async {
            let world = World::new();
            let body = format!(r#"{{"access_token":"opaque","expires_in":{expires_in}}}"#);
            world.respond(move |request| accept_in(GLOBEX, &body, request));
            let recorder = sign_in(&world, login_options(), GLOBEX).await;
            assert_eq!(recorder.tokens()[0].expires_at(recorder.now()), None, "{expires_in}");
        });
    }
}

// ── Ids, and lists that cannot be read ───────────────────────────────────────────────────────────────────────────────

fn item(id: &str, agent: &str, more: &str) -> String {
    format!(r#"{{"id":{id},"agentId":{agent},"state":"recording"{more}}}"#)
}

fn lists(entities: &str) -> Response {
    response(200, &format!(r#"{{"entities":[{entities}]}}"#))
}

#[test]
fn whole_numbers_are_ids() {
    run(async {
        let world = World::new();
        world.respond(|request| match request.method.as_str() {
            "POST" => response(201, r#"{"id":4711,"agentId":12345,"state":"recording"}"#),
            "PATCH" => response(200, r#"{"id":4711,"agentId":12345,"state":"stopped"}"#),
            _ => lists(&[item("4711", "12345", ""), item("9007199254740991", "\"12345\"", ""), item("0", "7", "")].join(",")),
        });
        let recorder = with_token(&world).await;
        let started = recorder.start_recording(start_of("12345", GLOBEX).unwrap(), no_options()).await.unwrap();
        assert_eq!((started.id.as_str(), started.agent.as_str()), ("4711", "12345"));
        assert!(recorder.stop(&started.id, &started.org, Some(&started.agent), no_options()).await.is_ok());
        assert!(world.requests().last().unwrap().url.ends_with("/screenrecordings/4711"));
        let agent = AgentId::parse("12345").unwrap();
        let listed = recorder.recordings(Some(&agent), None, no_options()).await.unwrap();
        assert_eq!(listed.iter().map(|recording| recording.id.as_str()).collect::<Vec<_>>(), ["4711", "9007199254740991"]);
        assert_eq!(recorder.recordings(None, None, no_options()).await.unwrap().len(), 3);
    });
}

/// Items that may be a recording of `AGENT`, and that cannot be read.
fn unreadable_items() -> Vec<String> {
    let agent = format!("\"{AGENT}\"");
    let ids = [
        "9007199254740992",
        "12345678901234567890",
        "1.5",
        "1e300",
        "true",
        "[]",
        "{}",
        "null",
        "\"\"",
        "\".\"",
        "\"..\"",
        "\"a\\nb\"",
        &format!("\"{}\"", "x".repeat(257)),
    ]
    .map(|id| item(id, &agent, ""));
    let agents = ["null", "1.5", "{}", "9007199254740993"].map(|agent| item("\"r\"", agent, ""));
    let orgs = ["7", "\"acme\"", "{}"].map(|org| item("\"r\"", &agent, &format!(r#","organizationId":{org}"#)));
    let others = ["7", "null", "\"rec\"", "[]", r#"{"id":"r","state":"recording"}"#].map(str::to_owned);
    [ids.to_vec(), agents.to_vec(), orgs.to_vec(), others.to_vec()].concat()
}

#[test]
fn what_cannot_be_read_never_counts_as_no_recording() {
    for unreadable in unreadable_items() {
        run(async {
            let (world, entities) = (World::new(), unreadable.clone());
            world.respond(move |request| if request.method == "POST" { response(503, "") } else { lists(&entities) });
            let recorder = with_token(&world).await;
            let first = error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await);
            let second = error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await);
            assert_eq!((first.code, second.code, world.starts().len()), (Code::OutcomeUnknown, Code::OutcomeUnknown, 1), "{unreadable}");
            assert!(first.message.contains("cannot be read") && second.message.contains("cannot be read"), "{first:?} {second:?}");
            assert!(matches!(&second.evidence.cause, Some(Cause::Cloud(body)) if body.contains(&unreadable)));
            assert!(second.hint().contains("`contract.fields`"), "{}", second.hint());
            let listed = error(recorder.recordings(None, None, no_options()).await);
            let is_shown = matches!(&listed.evidence.cause, Some(Cause::Cloud(body)) if body.contains(&unreadable));
            assert!(listed.code == Code::UnexpectedAnswer && is_shown, "{unreadable}");
        });
    }
}

#[test]
fn the_start_goes_on_if_what_cannot_be_read_is_not_the_recording() {
    let of_another_org = item("1.5", &format!("\"{AGENT}\""), &format!(r#","organizationId":"{ACME}""#));
    let of_another_agent = item("\"r\"", "\"another\"", r#","organizationId":7"#);
    for harmless in
        [item("1.5", "\"another\"", ""), of_another_org, of_another_agent, format!(r#"{{"agentId":"{AGENT}","state":"stopped"}}"#)]
    {
        run(async {
            let (world, is_first) = (World::new(), Cell::new(true));
            world.respond(move |request| match request.method.as_str() {
                "POST" if is_first.replace(false) => response(503, ""),
                "POST" => created("rec-1"),
                _ => lists(&harmless),
            });
            let recorder = with_token(&world).await;
            assert_eq!(error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await).code, Code::OutcomeUnknown);
            assert!(while_time_passes(&[&world], record(&recorder, GLOBEX)).await.is_ok());
        });
    }
}

#[test]
fn a_recording_beside_one_that_cannot_be_read_is_not_taken_for_ours() {
    run(async {
        let world = World::new();
        world.respond(|request| match request.method.as_str() {
            "POST" => response(503, ""),
            _ => lists(&format!("{},{}", entity("rec-1", "recording", 500), item("1.5", &format!("\"{AGENT}\""), ""))),
        });
        let recorder = with_token(&world).await;
        let unknown = error(while_time_passes(&[&world], record(&recorder, GLOBEX)).await);
        assert_eq!((unknown.code, unknown.evidence.seen.as_ref().unwrap().len()), (Code::OutcomeUnknown, 1));
    });
}

#[test]
fn a_recording_is_ours_only_on_a_time_with_a_zone() {
    let at = iso(500);
    let date = at.strip_suffix('Z').unwrap();
    for (started, is_ours) in [
        (at.clone(), true),
        (format!("{date}+00:00"), true),
        (date.to_owned(), false),
        (date.replace('T', " "), false),
        (at.replace('T', " "), false),
        (date.split_once('T').unwrap().0.to_owned(), false),
        ("+275760-09-13T00:00:00Z".to_owned(), false),
        ("2999-01-01T24:00:00Z".to_owned(), false),
        ("2999-12-31T23:59:60Z".to_owned(), false),
        ("2999".to_owned(), false),
    ] {
        for state in ["recording", "active"] {
            run(async {
                let (world, entities) = (World::new(), item("\"rec-1\"", &format!("\"{AGENT}\""), &format!(r#","startedAt":"{started}""#)));
                let entities = entities.replace("\"recording\"", &format!("\"{state}\""));
                world.respond(move |request| if request.method == "POST" { response(503, "") } else { lists(&entities) });
                let recorder = with_token(&world).await;
                let first = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
                assert_eq!(first.is_ok(), is_ours, "{started} {state} {first:?}");
                if !is_ours {
                    // The next start does not send either: what runs may be the first start's.
                    let second = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
                    assert!(second.map_or_else(|_| true, |running| running.already_running), "{started} {state}");
                }
                assert_eq!(world.starts().len(), 1);
            });
        }
    }
}

// ── Tokens that a server repeats ─────────────────────────────────────────────────────────────────────────────────────

/// The error of a start whose response has this body.
async fn refused_with(token: &str, body: String) -> Error {
    let world = World::new();
    let header = Some(body.clone());
    world.respond(move |request| match is_token_info(request) {
        true => response(200, &token_info(GLOBEX)),
        false => Response { correlation_id: header.clone(), retry_after: header.clone(), ..response(400, &body) },
    });
    let recorder = connect(&world, options(&[token])).await;
    let refused = error(record(&recorder, GLOBEX).await);
    assert!(!format!("{:?}", world.events()).contains(token));
    refused
}

/// Each character of the token, written by one of these in turn.
fn written(token: &str, by: &[&dyn Fn(char) -> String]) -> String {
    token.chars().enumerate().map(|(at, character)| by[at % by.len()](character)).collect()
}

#[test]
fn no_disguise_of_a_token_reaches_the_app() {
    let raw: &dyn Fn(char) -> String = &|c| c.to_string();
    let json: &dyn Fn(char) -> String = &|c| format!("\\u{:04x}", u32::from(c));
    let json_upper: &dyn Fn(char) -> String = &|c| format!("\\u{:04X}", u32::from(c));
    let backslash: &dyn Fn(char) -> String = &|c| if matches!(c, 'u' | 'x') { c.to_string() } else { format!("\\{c}") };
    let hex: &dyn Fn(char) -> String = &|c| format!("\\x{:02X}", u32::from(c));
    let percent: &dyn Fn(char) -> String = &|c| format!("%{:02X}", u32::from(c));
    let percent_lower: &dyn Fn(char) -> String = &|c| format!("%{:02x}", u32::from(c));
    let percent_twice: &dyn Fn(char) -> String = &|c| format!("%25{:02x}", u32::from(c));
    let percent_thrice: &dyn Fn(char) -> String = &|c| format!("%252525{:02x}", u32::from(c));
    let percent_within: &dyn Fn(char) -> String =
        &|c| format!("{:02x}", u32::from(c)).chars().fold("%".to_owned(), |text, digit| format!("{text}%{:02x}", u32::from(digit)));
    let entity: &dyn Fn(char) -> String = &|c| format!("&#{};", u32::from(c));
    let entity_hex: &dyn Fn(char) -> String = &|c| format!("&#x{:x};", u32::from(c));
    let entity_zeros: &dyn Fn(char) -> String = &|c| format!("&#X0000{:X};", u32::from(c));
    let entity_twice: &dyn Fn(char) -> String = &|c| format!("&amp;#{};", u32::from(c));
    let json_of_percent: &dyn Fn(char) -> String = &|c| format!("\\u0025{:02x}", u32::from(c));
    let percent_of_json: &dyn Fn(char) -> String = &|c| format!("%5Cu{:04x}", u32::from(c));
    let entity_of_percent: &dyn Fn(char) -> String = &|c| format!("&percnt;{:02x}", u32::from(c));
    let nul: &dyn Fn(char) -> String = &|c| format!("{c}\u{0}");
    let spaced: &dyn Fn(char) -> String = &|c| format!("{c}\n");
    let kinds = [
        json,
        json_upper,
        backslash,
        hex,
        percent,
        percent_lower,
        percent_twice,
        percent_thrice,
        percent_within,
        entity,
        entity_hex,
        entity_zeros,
        entity_twice,
        json_of_percent,
        percent_of_json,
        entity_of_percent,
        nul,
        spaced,
    ];
    for token in [jwt_for(GLOBEX), "4142434445464748494a4b4c4d4e4f50".to_owned(), "u0041x41-._~+/AbCdEfGhIjKlMnOpQrStUvWxYz==".to_owned()] {
        let mut disguises: Vec<String> = Vec::new();
        for (at, kind) in kinds.iter().enumerate() {
            disguises.push(written(&token, &[*kind]));
            disguises.push(written(&token, &[raw, *kind]));
            disguises.push(written(&token, &[raw, raw, raw, *kind, kinds[(at + 5) % kinds.len()]]));
            // An escape that takes in the beginning of the token.
            for before in ["%", "\\", "\\u", "&#", "\\u0025", "%25", "&percnt;"] {
                disguises.push(format!("{before}{}", written(&token, &[raw, raw, raw, raw, raw, raw, raw, raw, *kind])));
            }
        }
        let middle = token.len() / 2;
        let (first, second) = token.split_at(middle);
        disguises.push(format!(r#"["{first}","{second}"]"#));
        disguises.push(format!("{first}\r\n {second}"));
        disguises.push(format!("{first}{token}{second}"));
        for before in ["", "B", "Be", "Bearer "] {
            let whole = format!("{before}{token} and more");
            disguises.push(Base64::encode_string(whole.as_bytes()));
            disguises.push(Base64UrlUnpadded::encode_string(whole.as_bytes()));
            disguises.push(Base64::encode_string(whole.as_bytes()).replace('/', "\\/").replace('+', "%2b"));
        }
        for disguise in disguises {
            for body in [disguise.clone(), format!(r#"{{"message":"{disguise}"}}"#), format!(r#"{{"{disguise}":[[1]]}}"#)] {
                run(async {
                    let refused = refused_with(&token, body.clone()).await;
                    let shown = format!("{refused:?}");
                    let tail = &disguise[disguise.len() - disguise.len() / 3..];
                    let Some(Cause::Cloud(words)) = &refused.evidence.cause else { panic!("{refused:?}") };
                    assert!(!words.contains(tail) && !shown.contains(tail), "{body}\n{words}");
                    assert_eq!(refused.evidence.correlation_id.as_deref(), Some("***"), "{body}");
                });
            }
        }
    }
}

fn secrets() -> [String; 6] {
    let texts = [
        "Ab3-_x9.Ab~3/x9+Q7-zz_yyAbCdEfGhIjKlMnOpQrS==",
        "Zk3-_x9.Ab~3/x9+Q7w=",
        "Zk3xx9Ab3x9Q",
        "3f2504e04f8941d39a0c0305e82c3301",
        "12345678901234567890",
    ];
    let [a, b, c, d, e] = texts.map(str::to_owned);
    [format!("x{}", jwt_for(GLOBEX)), a, b, c, d, e]
}

/// The ways to write a token whole, and to split it.
#[test]
fn a_token_is_found_in_pieces_without_its_ends_in_the_other_case_and_in_base64() {
    for token in secrets() {
        let special = |by: &dyn Fn(u32) -> String| {
            token.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_string() } else { by(u32::from(c)) }).collect::<String>()
        };
        let lines = |text: &str, by: &str| text.as_bytes().chunks(19).map(String::from_utf8_lossy).collect::<Vec<_>>().join(by);
        let named = |c: u32| match char::from_u32(c) {
            Some('=') => "&equals;",
            Some('_') => "&UnderBar;",
            Some('.') => "&period;",
            Some('/') => "&sol;",
            Some('+') => "&plus;",
            _ => "&hyphen;",
        };
        let base64 = Base64::encode_string(token.as_bytes());
        let (first, second) = token.split_at(token.len() / 2);
        let json: String = token.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
        let mut forms = vec![
            token.to_uppercase(),
            token.to_lowercase(),
            token.trim_end_matches('=').to_owned(),
            token[..token.len() - 1].to_owned(),
            token[1..].to_owned(),
            token.replace('+', " "),
            special(&|c| named(c).to_owned()),
            special(&|c| format!("%u{c:04x}")),
            special(&|c| format!("%25u{c:04X}")),
            special(&|c| format!("&#{c}&semi;")),
            format!("{first}\",\"{second}"),
            format!("100%{json}"),
            base64.clone(),
            base64.to_lowercase(),
            Base64::encode_string(format!("Bearer {token}").as_bytes()),
            base64.chars().map(|c| format!("\\u{:04X}", u32::from(c))).collect(),
        ];
        for between in [
            "\\n",
            "\\r\\n",
            "\\t",
            "\\f",
            "\\b",
            "\\\\n",
            "\r\n ",
            "&NewLine;",
            "&#10",
            "&#x0D&#10;",
            "%0A",
            "&quot;,&quot;",
            "\\\",\\n  \\\"",
        ] {
            // A reference without a semicolon ends at the first character that is no digit.
            let is_open = between.ends_with(|last: char| last.is_ascii_digit());
            forms.push(format!("{first}{between}{}{second}", if is_open { " " } else { "" }));
            forms.extend([&token, &base64].into_iter().filter(|_| !is_open).map(|text| lines(text, between)));
        }
        for form in forms {
            for body in [format!(r#"{{"message":["{form}"]}}"#), format!(r#"{{"{form}":1}}"#), form.clone()] {
                run(async {
                    let refused = refused_with(&token, body.clone()).await;
                    let Some(Cause::Cloud(words)) = &refused.evidence.cause else { panic!("{refused:?}") };
                    let shown = format!("{refused:?}");
                    assert!(!words.contains(&form) && !shown.contains(&form), "{token}: {body}");
                    assert_eq!(refused.evidence.correlation_id.as_deref(), Some("***"), "{token}: {body}");
                });
            }
        }
    }
}

#[test]
fn special_characters_are_found_as_references_without_semicolons() {
    let token = "gh-_zz.Ks~Gg/xz+Q-zz_yyAbCdEfGhIjKlMnOpQrS==";
    let decimal: &dyn Fn(char) -> String = &|c| if c.is_ascii_alphabetic() { c.to_string() } else { format!("&#{}", u32::from(c)) };
    let hex: &dyn Fn(char) -> String = &|c| if "-_.~/+=".contains(c) { format!("&#x{:x}", u32::from(c)) } else { c.to_string() };
    let nested: &dyn Fn(char) -> String = &|c| if "-_.~/+=".contains(c) { format!("&amp;#{}", u32::from(c)) } else { c.to_string() };
    for kind in [decimal, hex, nested] {
        run(async {
            let refused = refused_with(token, format!("<p>{}</p>", written(token, &[kind]))).await;
            assert_eq!(refused.evidence.correlation_id.as_deref(), Some("***"));
        });
    }
}

#[test]
fn ordinary_texts_stay_readable_whatever_the_token() {
    let texts = [
        format!(r#"{{"message":"The agent {AGENT} of {GLOBEX} has no active conversation.","code":"not.found","status":404}}"#),
        r#"{"message":"Missing the following permission(s): [recording:screenRecording:add]","contextId":"8c5f4a1e-3f25-04e0-4f89-41d39a0c0305"}"#.to_owned(),
        r#"{"message":"the token has expired; get another access token","next":"/api/v2/tokens/me?id=1234567890"}"#.to_owned(),
        "<html>\n<body>\n<h1>502 Bad Gateway</h1>\n&copy; AT&T &#169 nginx/1.25.3\n</body>\n</html>".to_owned(),
        format!(r#"{{"debug":"{}"}}"#, Base64::encode_string(b"Zk3-_x9.Ab and other bytes that are no token")),
        "0123456789abcdef".repeat(64),
        "Zk3xx9Ab3x8Q 3f2504e0-4f89-41d3-8b1d-0305e82c3301 1234567890123".to_owned(),
    ];
    for token in secrets().into_iter().chain(["the-token", "opaque", "no-token", "3f2504e0"].map(str::to_owned)) {
        for text in texts.iter().filter(|text| !text.contains(&token)) {
            run(async {
                let refused = refused_with(&token, text.clone()).await;
                assert!(matches!(&refused.evidence.cause, Some(Cause::Cloud(words)) if words == text), "{token}: {text}");
                assert_eq!(refused.evidence.correlation_id.as_ref(), Some(text), "{token}");
            });
        }
    }
}

#[test]
fn a_body_that_repeats_no_token_is_kept_unchanged() {
    let token = jwt_for(GLOBEX);
    let url =
        format!("https://cdn.example/%41?path=C:\\\\temp\\\\u0041&amp;token={}&x=100%25", jwt(&format!(r#"{{"org_id":"{GLOBEX}"}}"#)));
    for body in [
        url.clone(),
        format!(r#"{{"message":"{url}"}}"#),
        String::new(),
        "%".repeat(1000),
        "\\".repeat(1000),
        "&#".repeat(500),
        token[..40].to_owned(),
    ] {
        run(async {
            let refused = refused_with(&token, body.clone()).await;
            assert!(matches!(&refused.evidence.cause, Some(Cause::Cloud(words)) if *words == body), "{body}");
        });
    }
}

/// Bodies and tokens that make a naive search, or a decoder that starts again for each level, take very long.
#[test]
fn a_large_body_is_searched_in_linear_time() {
    let size = 1 << 17;
    let periodic = "a".repeat(8 * 1024);
    let bodies = [
        format!("{}b", "a".repeat(8 * 1024 - 1)).repeat(size / (8 * 1024)),
        format!("%{}", "25".repeat(size / 2)),
        "\\u005c".to_owned() + &"u005c".repeat(size / 5),
        "\\".repeat(size),
        "%3".repeat(size / 2) + "1",
        "&amp;".repeat(size / 5),
        "&".to_owned() + &"amp;".repeat(size / 4),
        "&#37;".repeat(size / 5),
        "&#37".repeat(size / 4),
        "&#3".repeat(size / 3) + "x",
        "&#3%3".repeat(size / 5) + "1x",
        ";".repeat(size),
    ];
    for body in bodies {
        run(async {
            let began = WallInstant::now();
            let _ = refused_with(&periodic, body.clone()).await;
            let taken = began.elapsed();
            assert!(taken < Duration::from_secs(20), "{taken:?} for {}…", &body[..20]);
        });
    }
}

#[test]
fn the_answer_to_whose_a_token_is_repeats_no_refresh_token() {
    run(async {
        let world = World::new();
        let refresh = "the-refresh-token-of-this-sign-in";
        let body = format!(r#"{{"access_token":"opaque","expires_in":3600,"refresh_token":"{refresh}"}}"#);
        let answer = body.clone();
        world.respond(move |request| accept_in(GLOBEX, &answer, request));
        let recorder = sign_in(&world, login_options(), GLOBEX).await;
        world.respond(move |request| match is_token_info(request) {
            true => response(400, &format!(r#"{{"message":"session of {refresh} is odd"}}"#)),
            false => accept_in(GLOBEX, &body, request),
        });
        let report = recorder.diagnose(None, None, no_options()).await.unwrap();
        assert!(!format!("{report:?}").contains(refresh), "{report:?}");
    });
}

#[test]
fn the_first_answer_to_whose_a_sign_ins_token_is_repeats_no_refresh_token() {
    run(async {
        let world = World::new();
        let refresh = "the-refresh-token-of-this-sign-in";
        world.respond(move |request| match is_token_info(request) {
            true => response(400, &format!(r#"{{"message":"session of {refresh} is odd"}}"#)),
            false => accept_in(GLOBEX, &format!(r#"{{"access_token":"opaque","refresh_token":"{refresh}"}}"#), request),
        });
        let recorder = connect(&world, login_options()).await;
        let refused = error(record_and_sign_in(&recorder, &world, GLOBEX).await);
        assert!(!format!("{refused:?}").contains(refresh), "{refused:?}");
    });
}

#[test]
fn a_token_is_found_in_hexadecimal() {
    for token in secrets() {
        let hex = |text: &str, between: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(between);
        let forms =
            [hex(&token, ""), hex(&token, "").to_uppercase(), hex(&token, " "), hex(&token, ":"), hex(&format!("Bearer {token}"), "")];
        for form in forms {
            run(async {
                let refused = refused_with(&token, format!(r#"{{"message":"{form}"}}"#)).await;
                assert!(!format!("{refused:?}").contains(&form), "{token}: {form}");
            });
        }
    }
}

#[test]
fn a_token_is_found_in_the_named_parts_of_a_jwt() {
    let signature = Base64UrlUnpadded::encode_string(&(0..32).map(|byte: u8| byte.wrapping_mul(73)).collect::<Vec<_>>());
    let unsigned = jwt_for(GLOBEX);
    let (unsigned, _) = unsigned.rsplit_once('.').unwrap();
    let (header, payload) = unsigned.split_once('.').unwrap();
    let token = format!("{unsigned}.{signature}");
    for body in [
        format!(r#"{{"message":"bad","jwt":{{"header":"{header}","payload":"{payload}","signature":"{signature}"}}}}"#),
        format!("header: {header}<br>\npayload: {payload}<br>\nsignature: {signature}"),
    ] {
        run(async {
            let refused = refused_with(&token, body.clone()).await;
            assert!(!format!("{refused:?}").contains(&signature), "{body}");
        });
    }
}
