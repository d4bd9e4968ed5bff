use crate::common::{Answer, Fixture, RECORDINGS, TOKEN_INFO, acme, agent};
use serde_json::json;

fn preflight(cloud: &Fixture, path: &str) -> Answer {
    cloud.call(
        "OPTIONS",
        path,
        &[
            ("origin", "https://apps.example"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization,x-genesys-organization-id"),
        ],
        None,
    )
}

fn allowed_headers(answer: &Answer) -> Vec<String> {
    let mut names: Vec<_> = answer.header("access-control-allow-headers").unwrap().split(',').map(|name| name.trim().to_owned()).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_preflight_allows_every_origin_without_credentials() {
    let cloud = Fixture::new();
    let answer = preflight(&cloud, RECORDINGS);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    assert_eq!(answer.header("access-control-allow-methods"), Some("GET,HEAD,POST,PUT,PATCH,DELETE"));
    assert_eq!(
        allowed_headers(&answer),
        ["accept", "authorization", "content-type", "genesys-app", "x-gc-organization", "x-genesys-organization-id"]
    );
    assert_eq!(cloud.ledger()["requests"], json!([]));
}

#[test]
fn a_cloud_may_not_know_the_organization_headers() {
    let cloud = Fixture::new();
    cloud.control("settings", &json!({"orgHeaderAllowedByCors": false}));
    assert_eq!(allowed_headers(&preflight(&cloud, RECORDINGS)), ["accept", "authorization", "content-type", "genesys-app"]);
    cloud.control("settings", &json!({"orgHeaderAllowedByCors": true}));
    assert_eq!(allowed_headers(&preflight(&cloud, RECORDINGS)).len(), 6);
}

/// Fetch standard, "CORS protocol": without the header, a browser remembers a preflight for five seconds.
#[test]
fn a_preflight_says_how_long_it_may_be_remembered() {
    let cloud = Fixture::new();
    let max_age = || preflight(&cloud, RECORDINGS).header("access-control-max-age").map(str::to_owned);
    assert_eq!(max_age().as_deref(), Some("0"));
    assert_eq!(cloud.set(&json!({"maxAgeSeconds": 600}))["maxAgeSeconds"], 600);
    assert_eq!(max_age().as_deref(), Some("600"));
    assert_eq!(cloud.set(&json!({"maxAgeSeconds": null}))["maxAgeSeconds"], json!(null));
    assert_eq!(max_age(), None);
    // A change of another setting leaves it.
    cloud.set(&json!({"listing": "all"}));
    assert_eq!(max_age(), None);
    let answer = cloud.call("GET", TOKEN_INFO, &[("origin", "https://apps.example")], None);
    assert_eq!(answer.header("access-control-max-age"), None);
}

#[test]
fn an_answer_can_be_hidden_from_pages() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    let is_hidden = |answer: &Answer| {
        assert!(answer.header("inin-correlation-id").is_some());
        !answer.headers.keys().any(|name| name.as_str().starts_with("access-control-"))
    };
    cloud.fault("GET", TOKEN_INFO, &json!({"status": 403, "body": "<p>blocked", "cors": false}));
    let blocked = cloud.with_token("GET", TOKEN_INFO, &token, None);
    assert_eq!((blocked.status, is_hidden(&blocked)), (403, true));
    let next = cloud.with_token("GET", TOKEN_INFO, &token, None);
    assert_eq!((next.status, is_hidden(&next)), (200, false));

    cloud.fault("POST", RECORDINGS, &json!({"cors": false}));
    let started = cloud.start(&token, agent(acme()), &[]);
    assert_eq!((started.status, is_hidden(&started)), (201, true));
    assert_eq!(cloud.ledger()["recordings"].as_array().unwrap().len(), 1);

    cloud.fault("GET", TOKEN_INFO, &json!({"status": 503, "cors": true}));
    assert!(!is_hidden(&cloud.with_token("GET", TOKEN_INFO, &token, None)));
    cloud.fault("POST", "/oauth/token", &json!({"status": 502, "cors": false}));
    let exchange = cloud.try_login("POST", "/oauth/token", &[], Some("")).unwrap();
    assert_eq!((exchange.status, is_hidden(&exchange)), (502, true));
}

#[test]
fn refusals_and_faults_can_be_read_by_a_page() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    cloud.fault("GET", TOKEN_INFO, &json!({"status": 503}));
    let answers = [
        cloud.with_token("GET", TOKEN_INFO, &token, None),
        cloud.with_token("GET", TOKEN_INFO, &token, None),
        cloud.call("GET", TOKEN_INFO, &[], None),
        cloud.call("GET", "/nowhere", &[], None),
        cloud.call("GET", "/standin/orgs", &[], None),
        cloud.call_origin(&cloud.cloud.origins().login, "/", &[]),
    ];
    assert_eq!(answers.each_ref().map(|answer| answer.status), [503, 200, 401, 404, 200, 404]);
    for answer in &answers {
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(
            answer.header("access-control-expose-headers"),
            Some("inin-correlation-id,retry-after,inin-ratelimit-count,inin-ratelimit-allowed,inin-ratelimit-reset")
        );
    }
}

#[test]
fn a_page_may_read_the_date_where_a_setting_says_so() {
    let cloud = Fixture::new();
    let exposed = |origin: &str| {
        let answer = cloud.call_origin(origin, "/", &[]);
        answer.header("access-control-expose-headers").unwrap().split(',').any(|name| name.trim() == "date")
    };
    let origins = cloud.cloud.origins();
    assert!(!exposed(&origins.api) && !exposed(&origins.login));
    cloud.control("settings", &json!({"dateExposedByCors": true}));
    assert!(exposed(&origins.api) && exposed(&origins.login));
}

#[test]
fn every_answer_is_dated_by_the_clouds_clock() {
    let cloud = Fixture::new();
    let date = |answer: &Answer| {
        let text = answer.header("date").unwrap();
        // RFC 9110, section 5.6.7.
        assert!(text.len() == 29 && text.ends_with(" GMT"), "{text}");
        jiff::fmt::rfc2822::parse(text).unwrap().timestamp().as_second()
    };
    let now = || jiff::Timestamp::now().as_second();
    for ahead in [0, 86_400] {
        cloud.control("clock", &json!({"advanceSeconds": ahead}));
        cloud.fault("GET", "/spoilt", &json!({"status": 500}));
        let asked = now();
        let answers = [
            cloud.call("GET", TOKEN_INFO, &[], None),
            cloud.call("GET", "/spoilt", &[], None),
            cloud.call("GET", "/standin/orgs", &[], None),
            preflight(&cloud, RECORDINGS),
            cloud.call_origin(&cloud.cloud.origins().login, "/oauth/authorize", &[]),
            cloud.call_origin(&cloud.cloud.origins().login, "/", &[]),
        ];
        for answer in &answers {
            assert!((asked + ahead..=now() + ahead).contains(&date(answer)));
        }
    }
    cloud.fault("GET", TOKEN_INFO, &json!({"status": 500, "headers": {"Date": "Thu, 01 Jan 1970 00:00:00 GMT"}}));
    assert_eq!(date(&cloud.call("GET", TOKEN_INFO, &[], None)), 0);
}

#[test]
fn every_answer_has_a_correlation_id_of_its_own() {
    let cloud = Fixture::new();
    let id = || {
        let answer = cloud.call("GET", TOKEN_INFO, &[], None);
        uuid::Uuid::parse_str(answer.header("inin-correlation-id").unwrap()).unwrap()
    };
    assert_ne!(id(), id());
}

#[test]
fn a_preflight_can_fail_on_demand() {
    let cloud = Fixture::new();
    cloud.fault("OPTIONS", RECORDINGS, &json!({"status": 403}));
    let token = cloud.token_of(acme());
    assert_eq!(cloud.start(&token, agent(acme()), &[]).status, 201);
    let refused = preflight(&cloud, RECORDINGS);
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (403, None));
    assert_eq!(preflight(&cloud, RECORDINGS).status, 200);
    assert_eq!(cloud.ledger()["requests"].as_array().unwrap().len(), 1);

    cloud.fault("OPTIONS", RECORDINGS, &json!({"cors": false}));
    let hidden = preflight(&cloud, RECORDINGS);
    assert_eq!((hidden.status, hidden.header("access-control-allow-origin")), (200, None));
    cloud.fault("OPTIONS", "/api/*", &json!({"reset": "before"}));
    assert!(cloud.try_call("OPTIONS", RECORDINGS, &[("access-control-request-method", "POST")], None).is_err());
    assert_eq!(preflight(&cloud, RECORDINGS).status, 200);
}

#[test]
fn the_controls_answer_preflights_whatever_the_faults() {
    let cloud = Fixture::new();
    cloud.fault("*", "/*", &json!({"status": 500}));
    assert_eq!(preflight(&cloud, "/standin/tokens").status, 200);
    assert_eq!(cloud.call("GET", "/standin/orgs", &[], None).status, 200);
    assert_eq!(preflight(&cloud, TOKEN_INFO).status, 200);
    assert_eq!(cloud.call("GET", TOKEN_INFO, &[], None).status, 500);
}
