//! The doctor's report: each check with each verdict, and the forum thread that this project began with.

use std::cell::Cell;

use crate::support::*;
use premium_recorder::cloud::response::Response;
use premium_recorder::model::error::Code;
use premium_recorder::model::ids::{AgentId, OrgId};
use premium_recorder::model::time::Timestamp;
use premium_recorder::recorder::Recorder;
use premium_recorder::recorder::doctor::{DiagnosisLine, Verdict};
use premium_recorder::recorder::page_state::PageState;
use premium_recorder::recorder::settings::{Options, Settings};

use Verdict::{Fail, Ok as Good, Skipped, Warn};

async fn report(recorder: &Recorder<World>, org: Option<&str>) -> Vec<DiagnosisLine> {
    let org = org.and_then(OrgId::parse);
    recorder.diagnose(Some(&AgentId::parse(AGENT).unwrap()), org.as_ref(), no_options()).await.unwrap()
}

fn line<'a>(report: &'a [DiagnosisLine], check: &str) -> &'a DiagnosisLine {
    report.iter().find(|line| line.check == check).unwrap_or_else(|| panic!("no line {check}"))
}

fn verdict(report: &[DiagnosisLine], check: &str) -> Verdict {
    line(report, check).verdict
}

const SCOPE: &str = r#""screenrecordings:write""#;

/// With what the doctor's own questions need.
const ALL_SCOPES: &str = r#""screenrecordings:write","user-basic-info","users""#;

const USER: &str = r#"{"id":"agent"}"#;

/// A cloud that knows the organization of each token of `jwt_for`. The agent belongs to the organization `home`.
fn cloud(world: &World, home: &'static str, scopes: &'static str) {
    world.respond(move |request| {
        let owner = [ACME, GLOBEX, INITECH].into_iter().find(|org| request.token == jwt_for(org)).unwrap();
        if request.url.contains("/users/") {
            if owner == home { response(200, USER) } else { response(404, r#"{"code":"not.found"}"#) }
        } else {
            token_info_with_scopes(owner, scopes)
        }
    });
}

#[test]
fn every_check_is_good_if_the_setup_is_right() {
    run(async {
        let world = World::new();
        cloud(&world, GLOBEX, SCOPE);
        let clock = world.clone();
        let launch = pairs(&[("gcHostOrigin", "https://apps.cloud.example"), ("gcTargetEnv", "private"), ("orgId", GLOBEX)]);
        let options = Options { environment: None, ..options(&[&jwt_for(GLOBEX)]) };
        let settings = Settings::from_options(options, Some(&launch), None).unwrap();
        let recorder = Recorder::connect(PageState::default(), world.clone(), settings, no_options()).await.unwrap();
        world.respond(move |request| {
            let response = match request.url.as_str() {
                url if url.contains("/users/") => response(200, USER),
                url if url.contains("/screenrecordings") => list(&[]),
                _ => token_info_with_scopes(GLOBEX, ALL_SCOPES),
            };
            Response { date: Some(Timestamp::from_millis(clock.time())), ..response }
        });
        let report = report(&recorder, None).await;
        let checks: Vec<_> = report.iter().map(|line| (line.check, line.verdict)).collect();
        let expected = [
            "launch",
            "environment",
            "organization",
            "webassembly",
            "origin",
            "fetch",
            "session-storage",
            "web-locks",
            "web-crypto",
            "token",
            "pick",
            "grant",
            "scope",
            "client-scopes",
            "contract",
            "org-header",
            "cors",
            "clock",
            "agent",
        ];
        assert_eq!(checks, expected.map(|check| (check, Good)));
        assert!(report.iter().all(|line| line.hint.is_empty() && !line.found.is_empty() && !line.expected.is_empty()));
        // The doctor only reads.
        assert!(world.requests().iter().all(|request| request.method == "GET"));
        let token = &line(&report, "token").found;
        assert!(token.contains(GLOBEX) && token.contains(INITECH) && token.contains("3600 s") && token.contains("its claim"), "{token}");
        assert!(!format!("{report:?}").contains(&jwt_for(GLOBEX)));
    });
}

#[test]
fn one_report_names_every_mistake_of_the_forum_thread() {
    run(async {
        // The token is Acme's, the agent is Globex's, the scope is in the singular, and the header is the old one.
        for target in [Some(GLOBEX), None] {
            let world = World::new();
            cloud(&world, GLOBEX, r#""screenrecording:write""#);
            let options = Options { contract: json(r#"{"orgHeaders":["x-gc-organization"]}"#).unwrap(), ..options(&[&jwt_for(ACME)]) };
            let recorder = connect(&world, options).await;
            let report = report(&recorder, target).await;
            let agent = line(&report, "agent");
            assert_eq!(agent.verdict, Fail);
            assert!(agent.found.contains(ACME), "{agent:?}");
            assert_eq!(verdict(&report, "pick"), if target.is_some() { Fail } else { Good });
            let scope = line(&report, "scope");
            assert_eq!(scope.verdict, Fail);
            assert!(scope.found.contains("screenrecording:write") && scope.expected.contains("screenrecordings:write"), "{scope:?}");
            let header = line(&report, "org-header");
            assert_eq!(
                (header.verdict, header.found.as_str(), header.expected.as_str()),
                (Warn, "x-gc-organization", "X-Genesys-Organization-Id")
            );
            assert!(!header.hint.is_empty());
        }
    });
}

#[test]
fn the_agents_organization_is_found_among_the_stored_tokens() {
    run(async {
        let world = World::new();
        cloud(&world, GLOBEX, SCOPE);
        let recorder = connect(&world, options(&[&jwt_for(ACME), &jwt_for(GLOBEX)])).await;
        let for_acme = report(&recorder, Some(ACME)).await;
        let agent = line(&for_acme, "agent");
        assert_eq!((agent.verdict, agent.found.contains(GLOBEX), agent.hint.contains(GLOBEX)), (Fail, true, true));
        assert_eq!(verdict(&report(&recorder, Some(GLOBEX)).await, "agent"), Good);
        let undecided = report(&recorder, None).await;
        assert_eq!((verdict(&undecided, "organization"), verdict(&undecided, "pick")), (Fail, Skipped));
    });
}

#[test]
fn an_expired_lying_refused_or_missing_token_is_reported() {
    run(async {
        let expired = jwt(&format!(r#"{{"org_id":"{GLOBEX}","exp":1}}"#));
        let world = World::new();
        let recorder = connect(&world, options(&[&expired])).await;
        let lines = report(&recorder, None).await;
        assert_eq!((verdict(&lines, "token"), verdict(&lines, "pick"), verdict(&lines, "scope")), (Fail, Fail, Skipped));
        assert_eq!((verdict(&lines, "cors"), verdict(&lines, "agent"), world.requests().len()), (Skipped, Skipped, 0));

        for (tokens_me, expected) in [(token_info_with_scopes(ACME, SCOPE), Fail), (response(401, ""), Fail), (response(503, ""), Warn)] {
            let world = World::new();
            world.respond(move |_| tokens_me.clone());
            let recorder = with_token(&world).await;
            let lines = report(&recorder, None).await;
            assert_eq!((line(&lines, "token").verdict, verdict(&lines, "pick")), (expected, Warn));
            assert!(!line(&lines, "token").hint.is_empty());
        }
        // Once the API has rejected the token, neither line blames this machine's clock.
        let world = World::new();
        world.respond(|_| response(401, ""));
        let recorder = with_token(&world).await;
        assert_eq!(error(record(&recorder, GLOBEX).await).code, Code::Unauthenticated);
        let lines = report(&recorder, None).await;
        for check in ["token", "pick"] {
            assert_eq!((verdict(&lines, check), line(&lines, check).hint.as_str()), (Fail, Code::Unauthenticated.hint()), "{check}");
        }
        // The doctor changes nothing: the token stays stored for Globex.
        let world = World::new();
        world.respond(|_| token_info_with_scopes(ACME, SCOPE));
        let recorder = with_token(&world).await;
        report(&recorder, None).await;
        assert_eq!(recorder.tokens()[0].target().org.as_str(), GLOBEX);

        let world = World::new();
        let recorder = connect(&world, options(&[])).await;
        let lines = report(&recorder, Some(GLOBEX)).await;
        assert_eq!(
            (verdict(&lines, "token"), verdict(&lines, "pick"), line(&lines, "pick").hint.as_str()),
            (Skipped, Fail, Code::NoToken.hint())
        );
        world.issue_per_org();
        assert_eq!(verdict(&report(&recorder, Some(GLOBEX)).await, "pick"), Good);
        assert!(world.get_token_calls().is_empty());
    });
}

#[test]
fn a_missing_scope_is_a_warning_and_a_misspelled_scope_a_failure() {
    run(async {
        for (scopes, expected) in [(r#""user-basic-info""#, Warn), ("", Warn), (r#""SCREENRECORDINGS:WRITE""#, Fail)] {
            let world = World::new();
            cloud(&world, GLOBEX, scopes);
            let recorder = with_token(&world).await;
            assert_eq!(verdict(&report(&recorder, None).await, "scope"), expected, "{scopes}");
        }
        let world = World::new();
        world.respond(|_| response(200, &format!(r#"{{"organization":{{"id":"{GLOBEX}"}}}}"#)));
        let recorder = connect(&world, options(&["opaque"])).await;
        assert_eq!(verdict(&report(&recorder, None).await, "scope"), Skipped);
    });
}

#[test]
fn cors_is_checked_without_a_start() {
    run(async {
        for (with, without, expected) in [(true, true, Good), (false, true, Fail), (false, false, Warn)] {
            let world = World::new();
            world.respond_async(move |request| {
                let comes = match (request.url.contains("tokens/me"), request.org.is_some()) {
                    (true, true) => with,
                    (true, false) => without,
                    _ => true,
                };
                let response = if comes { Ok(token_info_with_scopes(GLOBEX, SCOPE)) } else { Err(lost_response("CORS")) };
                Box::pin(async move { response })
            });
            let recorder = with_token(&world).await;
            let lines = report(&recorder, None).await;
            // If the token cannot be identified either, there is no token for the CORS check.
            let expected = if without { expected } else { Skipped };
            assert_eq!(verdict(&lines, "cors"), expected, "{with} {without}");
            assert!(world.requests().iter().all(|request| request.method == "GET"));
        }
        let world = World::new();
        cloud(&world, GLOBEX, SCOPE);
        let recorder = connect(&world, with_contract(r#"{"orgHeaders":[]}"#)).await;
        let lines = report(&recorder, None).await;
        assert_eq!((verdict(&lines, "cors"), verdict(&lines, "org-header")), (Skipped, Good));
    });
}

#[test]
fn a_report_sends_nothing_more_with_a_token_after_the_cloud_asked_to_wait() {
    run(async {
        let world = World::new();
        let is_first = Cell::new(true);
        world.respond(move |_| if is_first.replace(false) { response(200, &token_info(GLOBEX)) } else { rate_limited(Some("60"), "") });
        let recorder = with_token(&world).await;
        for requests in [2, 2] {
            recorder.diagnose(Some(&AgentId::parse(AGENT).unwrap()), None, no_options()).await.unwrap();
            assert_eq!(world.requests().len(), requests);
        }
    });
}

#[test]
fn the_clock_is_checked_if_the_cloud_sends_a_date() {
    run(async {
        for (ahead, expected) in [(None, Skipped), (Some(0), Good), (Some(29_000), Good), (Some(-45_000), Warn), (Some(3_600_000), Warn)] {
            let world = World::new();
            let clock = world.clone();
            world.respond(move |_| Response {
                date: ahead.map(|ahead| Timestamp::from_millis(clock.time() + ahead)),
                ..token_info_with_scopes(GLOBEX, SCOPE)
            });
            let recorder = connect(&world, options(&["opaque"])).await;
            assert_eq!(verdict(&report(&recorder, None).await, "clock"), expected, "{ahead:?}");
        }
    });
}

#[test]
fn a_missing_browser_feature_is_a_warning() {
    run(async {
        let features = [
            (Feature::Origin, "origin"),
            (Feature::Fetch, "fetch"),
            (Feature::SessionStorage, "session-storage"),
            (Feature::WebLocks, "web-locks"),
            (Feature::WebCrypto, "web-crypto"),
        ];
        for (feature, check) in features {
            let world = World::new();
            world.disable(feature);
            let recorder = connect(&world, options(&[])).await;
            let lines = report(&recorder, None).await;
            assert_eq!(verdict(&lines, check), Warn);
            assert_eq!(
                lines
                    .iter()
                    .filter(|line| features.iter().any(|(_, check)| line.check == *check))
                    .filter(|line| line.verdict == Warn)
                    .count(),
                1
            );
        }
        // No host has launched the app.
        let recorder = connect(&World::new(), options(&[])).await;
        assert_eq!(verdict(&report(&recorder, None).await, "launch"), Warn);
        let without_agent = recorder.diagnose(None, None, no_options()).await.unwrap();
        assert_eq!(verdict(&without_agent, "agent"), Skipped);
    });
}

#[test]
fn if_the_cloud_hangs_the_report_ends_with_the_checks_so_far() {
    run(async {
        let world = World::new();
        world.respond_async(|_| Box::pin(std::future::pending()));
        let recorder = with_token(&world).await;
        let (lines, ()) = join(recorder.diagnose(None, None, with_timeout(1_000)), async { world.advance(1_000) }).await;
        let lines = lines.unwrap();
        assert_eq!((verdict(&lines, "time"), verdict(&lines, "environment")), (Fail, Good));
        // diagnose() takes no timeoutMs.
        assert!(line(&lines, "time").hint.contains("of connect()"));
        recorder.close();
        assert_eq!(error(recorder.diagnose(None, None, no_options()).await).code, Code::Closed);
    });
}

#[test]
fn the_scopes_that_the_doctors_questions_need_are_reported() {
    run(async {
        for (scopes, missing) in [
            (ALL_SCOPES, ""),
            (r#""user-basic-info","users:readonly""#, ""),
            (r#""users""#, "without user-basic-info"),
            (r#""user-basic-info""#, "without users:readonly or users"),
            (SCOPE, "without user-basic-info, users:readonly or users"),
        ] {
            let world = World::new();
            cloud(&world, GLOBEX, scopes);
            let recorder = with_token(&world).await;
            let report = report(&recorder, None).await;
            let line = line(&report, "client-scopes");
            assert_eq!(line.verdict, if missing.is_empty() { Good } else { Warn }, "{scopes}");
            assert!(line.found.starts_with(GLOBEX) && line.found.ends_with(missing), "{}", line.found);
        }
    });
}

/// The organization enforces scopes, and the client has none for the doctor's questions: no line says a wrong reason.
#[test]
fn a_question_that_is_refused_for_a_scope_is_told_where_its_answer_is_missing() {
    run(async {
        let refused = r#"{"code":"app.not.authorized.for.scope","message":"App not authorized to use scope [user-basic-info]"}"#;
        let world = World::new();
        world.respond(move |_| response(403, refused));
        let recorder = with_token(&world).await;
        let lines = report(&recorder, None).await;
        assert_eq!(verdict(&lines, "token"), Warn);
        let pick = line(&lines, "pick");
        assert_eq!((pick.verdict, pick.hint.as_str()), (Warn, Code::ScopeMissing.hint()));
        for check in ["scope", "agent"] {
            let line = line(&lines, check);
            assert!(line.verdict == Skipped && line.found.contains("[user-basic-info]"), "{line:?}");
        }
        assert_eq!(verdict(&lines, "client-scopes"), Warn);

        // Only the question for the agent is refused.
        let refused = r#"{"code":"app.not.authorized.for.scope","message":"App not authorized to use scope [users, users:readonly]"}"#;
        world.respond(move |request| match request.url.contains("/users/") {
            true => response(403, refused),
            false => token_info_with_scopes(GLOBEX, SCOPE),
        });
        let lines = report(&recorder, None).await;
        let agent = line(&lines, "agent");
        assert!(agent.verdict == Skipped && agent.found.contains("[users, users:readonly]") && agent.hint.contains("one of"), "{agent:?}");
        assert_eq!(verdict(&lines, "pick"), Good);
    });
}

#[test]
fn an_agent_is_missing_only_if_the_cloud_itself_says_so() {
    run(async {
        let answers = [
            (Ok(response(200, USER)), Good, "seen in"),
            (Ok(response(404, r#"{"code":"not.found"}"#)), Fail, "not in"),
            (Ok(response(404, "<html>404 Not Found</html>")), Skipped, "404"),
            (Ok(response(200, "<html>Sign in</html>")), Skipped, "200"),
            (Ok(response(503, "")), Skipped, "503"),
            (Err(lost_response("offline")), Skipped, "No complete response from https://api."),
        ];
        for (answer, expected, found) in answers {
            let world = World::new();
            world.respond_async(move |request| {
                let asks_for_agent = request.url.contains("/users/");
                let answer = if asks_for_agent { answer.clone() } else { Ok(token_info_with_scopes(GLOBEX, ALL_SCOPES)) };
                Box::pin(async { answer })
            });
            let recorder = with_token(&world).await;
            let lines = report(&recorder, Some(GLOBEX)).await;
            let agent = line(&lines, "agent");
            assert!(agent.verdict == expected && agent.found.contains(found), "{agent:?}");
        }
        // No Genesys Cloud user has such an id, so nothing was asked.
        let world = World::new();
        world.respond(|_| token_info_with_scopes(GLOBEX, ALL_SCOPES));
        let recorder = with_token(&world).await;
        let lines = recorder.diagnose(Some(&AgentId::parse("an agent").unwrap()), None, no_options()).await.unwrap();
        let agent = line(&lines, "agent");
        assert!(agent.verdict == Skipped && agent.found.contains("agent's id"), "{agent:?}");
    });
}

#[test]
fn a_token_of_client_credentials_is_warned_of() {
    run(async {
        let info = |grant_type: &str| {
            let client = format!(r#"{{"name":"client","authorizedGrantType":"{grant_type}"}}"#);
            response(200, &format!(r#"{{"organization":{{"id":"{GLOBEX}"}},"OAuthClient":{client}}}"#))
        };
        let client_credentials = ["CLIENT-CREDENTIALS", "client-credentials", "client_credentials", "CLIENT_CREDENTIALS"];
        let others = [("CODE", Good), ("TOKEN", Good), ("", Skipped)];
        for (grant_type, expected) in client_credentials.map(|grant_type| (grant_type, Warn)).into_iter().chain(others) {
            let world = World::new();
            world.respond(move |_| info(grant_type));
            let recorder = connect(&world, options(&["opaque"])).await;
            let warnings = world.events().into_iter().filter(|event| event.contains("ClientCredentials")).count();
            assert_eq!(warnings, usize::from(expected == Warn));
            assert_eq!(verdict(&report(&recorder, None).await, "grant"), expected, "{grant_type}");
        }
    });
}

#[test]
fn a_grant_that_the_api_does_not_name_is_unknown() {
    run(async {
        for client in ["", r#","OAuthClient":{"name":"client"}"#, r#","OAuthClient":{"authorizedGrantType":7}"#] {
            let world = World::new();
            world.respond(move |_| response(200, &format!(r#"{{"organization":{{"id":"{GLOBEX}"}}{client}}}"#)));
            let recorder = connect(&world, options(&["opaque"])).await;
            let report = report(&recorder, None).await;
            let grant = line(&report, "grant");
            assert!(grant.verdict == Skipped && grant.found.contains("does not say"), "{grant:?}");
        }
    });
}

#[test]
fn an_organization_that_nobody_has_named_is_decided_by_the_next_token() {
    run(async {
        let world = World::new();
        let recorder = connect(&world, login_options()).await;
        let lines = report(&recorder, None).await;
        assert_eq!((verdict(&lines, "organization"), verdict(&lines, "pick"), verdict(&lines, "agent")), (Good, Good, Skipped));
        assert!(world.popups().is_empty() && world.requests().is_empty());
    });
}

#[test]
fn the_contracts_list_is_asked_for() {
    let refusal = |status: u16, code: &str| response(status, &format!(r#"{{"code":"{code}","message":"no"}}"#));
    // With other names than `contract.fields` has.
    let others = r#"{"recordingId":"recording-1","userId":"agent","status":"recording"}"#;
    for (listed, expected, found, hint) in [
        (list(&[]), Good, "200", ""),
        (list(&[entity("recording-1", "recording", 0)]), Good, "200", ""),
        (list(&[others.to_owned()]), Warn, "200", "`contract.fields`"),
        (response(200, &format!("[{others}]")), Warn, "200", "`list`"),
        (refusal(404, "not.found"), Fail, "The API answered 404: \"no\".", "`list`"),
        (response(404, "<html>"), Warn, "The API answered 404 without a readable error.", "A proxy"),
        (refusal(403, "missing.any.permissions"), Warn, "The API answered 403: \"no\".", "a role"),
        (refusal(403, "forbidden"), Warn, "The API answered 403: \"no\".", "`found`"),
        (refusal(400, "bad.request"), Warn, "The API answered 400: \"no\".", "`found`"),
        (refusal(409, "conflict"), Warn, "The API answered 409: \"no\".", "`found`"),
    ] {
        run(async {
            let world = World::new();
            let listed = listed.clone();
            world.respond(move |request| match request.url.split('/').next_back().unwrap() {
                path if path.starts_with("screenrecordings") => listed.clone(),
                _ if request.url.contains("/users/") => response(200, USER),
                _ => token_info_with_scopes(GLOBEX, ALL_SCOPES),
            });
            let recorder = with_token(&world).await;
            let report = report(&recorder, None).await;
            let line = line(&report, "contract");
            assert_eq!(line.verdict, expected, "{line:?}");
            assert_eq!(line.found, format!("POST /api/v2/screenrecordings; GET /api/v2/screenrecordings: {found}"));
            assert!(line.hint.contains(hint) && line.hint.is_empty() == hint.is_empty(), "{line:?}");
            // A line has no `cause` to look at.
            assert!(report.iter().all(|line| !line.hint.contains("`cause`")));
            assert!(world.starts().is_empty());
        });
    }
}

#[test]
fn a_list_that_no_token_of_the_target_can_ask_for_is_not_asked_for() {
    run(async {
        let world = World::new();
        cloud(&world, GLOBEX, ALL_SCOPES);
        let recorder = connect(&world, options(&[&jwt_for(ACME)])).await;
        let report = report(&recorder, Some(GLOBEX)).await;
        let contract = line(&report, "contract");
        let not_asked = "POST /api/v2/screenrecordings: the list was not asked for";
        assert_eq!((contract.verdict, contract.found.as_str()), (Skipped, not_asked));
        assert!(world.requests().iter().all(|request| !request.url.contains("screenrecordings")));
    });
}

#[test]
fn a_page_in_place_of_the_contracts_list_is_no_list() {
    run(async {
        let world = World::new();
        world.respond(move |request| match request.url.split('/').next_back().unwrap() {
            path if path.starts_with("screenrecordings") => response(200, "<!doctype html>"),
            _ if request.url.contains("/users/") => response(200, USER),
            _ => token_info_with_scopes(GLOBEX, ALL_SCOPES),
        });
        let recorder = with_token(&world).await;
        let listed = recorder.recordings(None, None, no_options()).await;
        assert_eq!(error(listed).code, Code::UnexpectedAnswer);
        assert_ne!(verdict(&report(&recorder, None).await, "contract"), Good);
    });
}
