use crate::common::{Fixture, RECORDINGS, TOKEN_INFO, acme, agent, globex};
use serde_json::json;
use standin_cloud::ORGANIZATIONS;

const PRESERVED: &str = "/api/v2/tokens/me?preserveIdleTTL=true";

#[test]
fn the_cloud_says_whose_token_it_is() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    let answer = cloud.with_token("GET", PRESERVED, &token, None);
    assert_eq!(answer.status, 200);
    let info = answer.body;
    assert_eq!(info["organization"], json!({"id": acme().id, "name": "Acme"}));
    assert_eq!(info["homeOrganization"], info["organization"]);
    assert_eq!(info["authorizedScope"], json!(["screenrecordings:write", "user-basic-info"]));
    assert!(info.get("clonedUser").is_none());
    // The client belongs to the vendor of the app, which is no hint about the token.
    assert_eq!(info["OAuthClient"]["organization"]["id"], ORGANIZATIONS[3].id);
}

#[test]
fn a_trustee_works_in_another_organization_than_its_own() {
    let cloud = Fixture::new();
    let token = cloud.token(&json!({"orgId": globex().id, "homeOrgId": ORGANIZATIONS[3].id}));
    let info = cloud.with_token("GET", TOKEN_INFO, &token, None).body;
    assert_eq!(info["organization"]["id"], globex().id);
    assert_eq!(info["homeOrganization"]["id"], ORGANIZATIONS[3].id);
    assert_eq!(info["clonedUser"]["organization"]["id"], ORGANIZATIONS[3].id);
    assert_eq!(cloud.start(&token, agent(globex()), &[]).status, 201);
    cloud.start(&token, agent(&ORGANIZATIONS[3]), &[]).refused(403, "not.authorized");
}

/// The published API declares the grant types of a client, and `not.a.user` for `users/me`.
#[test]
fn a_token_of_client_credentials_has_no_user() {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let cloud = Fixture::new();
    let token = cloud.token(&json!({"orgId": acme().id, "grant": "client_credentials", "format": "jwt"}));
    let info = cloud.with_token("GET", TOKEN_INFO, &token, None).body;
    let own = json!({"id": acme().id, "name": "Acme"});
    let client = &info["OAuthClient"];
    assert_eq!((&info["organization"], &info["homeOrganization"], &client["organization"]), (&own, &own, &own));
    assert_eq!((&client["authorizedGrantType"], &client["state"]), (&json!("CLIENT-CREDENTIALS"), &json!("active")));
    assert!(info.get("clonedUser").is_none());
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!((&claims["sub"], &claims["org_id"]), (&client["id"], &json!(acme().id)));
    for path in ["/api/v2/users/me", "/api/v2/users/me?expand=token"] {
        cloud.with_token("GET", path, &token, None).refused(400, "not.a.user");
    }
    // It works for its organization, and for no other.
    assert_eq!(cloud.with_token("GET", &format!("/api/v2/users/{}", agent(acme()).id), &token, None).status, 200);
    assert_eq!(cloud.with_token("GET", "/api/v2/organizations/me", &token, None).body["id"], acme().id);
    assert_eq!(cloud.start(&token, agent(acme()), &[]).status, 201);
    cloud.start(&token, agent(globex()), &[]).refused(403, "not.authorized");
    let line = json!({"orgId": acme().id, "homeOrgId": acme().id, "source": "standin", "revoked": false, "expired": false});
    assert_eq!(cloud.ledger()["tokens"], json!([line]));

    // Every organization has a client of its own; those of users are the vendor's.
    let client_of = |order: serde_json::Value| {
        let token = cloud.token(&order);
        let client = cloud.with_token("GET", TOKEN_INFO, &token, None).body["OAuthClient"].clone();
        (client["id"].clone(), client["authorizedGrantType"].clone())
    };
    assert_ne!(client_of(json!({"orgId": globex().id, "grant": "client_credentials"})).0, client["id"]);
    for order in [json!({"orgId": acme().id}), json!({"orgId": acme().id, "grant": "authorization_code"})] {
        assert_eq!(client_of(order), (json!("c11e1700-0000-4000-8000-000000000000"), json!("CODE")));
    }
}

#[test]
fn users_and_organizations_are_those_of_the_token() {
    let cloud = Fixture::new();
    let token = cloud.token_of(globex());
    let get = |path: &str| cloud.with_token("GET", path, &token, None);
    let user = get(&format!("/api/v2/users/{}", globex().agents[1].id));
    assert_eq!((user.status, &user.body["name"]), (200, &json!("Günther Grau")));
    get(&format!("/api/v2/users/{}", agent(acme()).id)).refused(404, "not.found");
    let me = get("/api/v2/users/me?expand=organization,token").body;
    assert_eq!(me["id"], agent(globex()).id);
    assert_eq!(me["organization"]["id"], globex().id);
    assert_eq!(me["token"]["organization"]["id"], globex().id);
    assert!(get("/api/v2/users/me").body.get("token").is_none());
    assert_eq!(get("/api/v2/organizations/me").body["id"], globex().id);
}

#[test]
fn an_expansion_is_repeated_or_listed() {
    let cloud = Fixture::new();
    let token = cloud.token_of(globex());
    let parts = |query: &str| {
        let answer = cloud.with_token("GET", &format!("/api/v2/users/me?{query}"), &token, None);
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        ["organization", "token", "trustors"].map(|part| answer.body.get(part).is_some())
    };
    for query in [
        "expand=organization,token,trustors",
        "expand=organization&expand=token&expand=trustors",
        "expand=organization,token&expand=trustors",
        "expand=trustors&other=1&expand=token&expand=organization&expand=token",
        "expand=organization%2C%20token&expand=trustors&expand=",
    ] {
        assert_eq!(parts(query), [true; 3], "{query}");
    }
    assert_eq!(parts("expand=trustors&expand=organization"), [true, false, true]);
    for query in ["", "expand=", "other=token"] {
        assert_eq!(parts(query), [false; 3], "{query}");
    }
}

/// The published models `UserMe`, `User` and `Organization` require it, as a 32-bit integer.
#[test]
fn users_and_organizations_have_a_version() {
    let cloud = Fixture::new();
    let token = cloud.token(&json!({"orgId": ORGANIZATIONS[3].id}));
    let get = |path: &str| cloud.with_token("GET", path, &token, None).body;
    let me = get("/api/v2/users/me?expand=organization,trustors");
    let other = get(&format!("/api/v2/users/{}", ORGANIZATIONS[3].agents[1].id));
    let organization = get("/api/v2/organizations/me");
    let trustor = me["trustors"][0]["organization"].clone();
    for model in [&me, &me["organization"], &trustor, &other, &organization] {
        assert!(model["version"].is_i64() && i32::try_from(model["version"].as_i64().unwrap()).is_ok(), "{model}");
    }
    // Those of a token are of the published model `NamedEntity`, which has none.
    assert!(get(TOKEN_INFO)["organization"].get("version").is_none());
}

#[test]
fn without_a_good_token_nobody_gets_in() {
    let cloud = Fixture::new();
    for (authorization, code) in [
        (None, "authentication.required"),
        (Some("Basic YTpi"), "authentication.required"),
        (Some("Bearer "), "authentication.required"),
        (Some("Bearer nonsense"), "bad.credentials"),
    ] {
        let headers: Vec<_> = authorization.map(|value| ("authorization", value)).into_iter().collect();
        for path in [TOKEN_INFO, RECORDINGS, "/api/v2/users/me", "/api/v2/organizations/me"] {
            cloud.call("GET", path, &headers, None).refused(401, code);
        }
    }
}

#[test]
fn a_token_expires() {
    let cloud = Fixture::new();
    for expires_in in [0, -60] {
        for format in ["opaque", "jwt"] {
            let order = json!({"orgId": acme().id, "format": format, "expiresIn": expires_in});
            cloud.start(&cloud.token(&order), agent(acme()), &[]).refused(401, "bad.credentials");
        }
    }
    let token = cloud.token(&json!({"orgId": acme().id, "expiresIn": 600}));
    cloud.control("clock", &json!({"advanceSeconds": 500}));
    assert_eq!(cloud.with_token("GET", TOKEN_INFO, &token, None).status, 200);
    cloud.control("clock", &json!({"advanceSeconds": 100}));
    cloud.with_token("GET", TOKEN_INFO, &token, None).refused(401, "bad.credentials");
}

#[test]
fn a_token_that_idles_expires_and_a_look_may_leave_that_alone() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    let idles = |path: &str| {
        let answer = cloud.with_token("GET", path, &token, None);
        answer.body["dateTokenIdles"].as_str().unwrap().to_owned()
    };
    let issued = idles(PRESERVED);
    cloud.control("clock", &json!({"advanceSeconds": 1000}));
    assert_eq!(idles(PRESERVED), issued);
    let touched = idles(TOKEN_INFO);
    assert!(touched > issued);
    cloud.control("clock", &json!({"advanceSeconds": 1000}));
    assert_eq!(idles(PRESERVED), touched);
    cloud.control("clock", &json!({"advanceSeconds": 1000}));
    cloud.with_token("GET", PRESERVED, &token, None).refused(401, "bad.credentials");
}

/// The scopes that the published API declares, any of which is enough.
#[test]
fn the_published_scopes_are_enforced_where_a_setting_says_so() {
    let cloud = Fixture::new();
    let user = format!("/api/v2/users/{}", agent(acme()).id);
    let operations: [(&str, &str, &[&str]); 6] = [
        ("GET", TOKEN_INFO, &["user-basic-info"]),
        ("HEAD", TOKEN_INFO, &["user-basic-info"]),
        ("GET", "/api/v2/users/me", &["user-basic-info"]),
        ("GET", &user, &["users", "users:readonly"]),
        ("GET", "/api/v2/organizations/me", &["organization", "organization:readonly"]),
        ("DELETE", TOKEN_INFO, &["user-basic-info"]),
    ];
    let scopes = ["user-basic-info", "users", "users:readonly", "organization", "organization:readonly", "screenrecordings:write", "user"];
    for enforced in [false, true] {
        assert_eq!(cloud.set(&json!({"enforceClientScopes": enforced}))["enforceClientScopes"], enforced);
        for scope in scopes {
            let token = cloud.token(&json!({"orgId": acme().id, "scopes": [scope]}));
            for (method, path, any) in operations {
                let answer = cloud.with_token(method, path, &token, None);
                if !enforced || any.contains(&scope) {
                    assert_eq!(answer.status, 200, "{method} {path} with {scope}");
                } else if method == "HEAD" {
                    assert_eq!(answer.status, 403);
                } else {
                    let message = answer.refused(403, "app.not.authorized.for.scope");
                    assert_eq!(message, format!("App not authorized to use scope [{}]", any.join(", ")));
                }
            }
        }
    }
    // Who has no valid token is told so, and recordings have a setting of their own.
    cloud.call("GET", TOKEN_INFO, &[], None).refused(401, "authentication.required");
    let token = cloud.token(&json!({"orgId": acme().id, "scopes": []}));
    cloud.set(&json!({"enforceScopes": false}));
    assert_eq!(cloud.start(&token, agent(acme()), &[]).status, 201);
    let kept = cloud.token(&json!({"orgId": acme().id, "scopes": ["users"]}));
    cloud.with_token("DELETE", TOKEN_INFO, &kept, None).refused(403, "app.not.authorized.for.scope");
    assert_eq!(cloud.with_token("GET", &user, &kept, None).status, 200);
}

#[test]
fn a_token_can_be_looked_at_and_revoked() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    assert_eq!(cloud.with_token("HEAD", TOKEN_INFO, &token, None).status, 200);
    let revoked = cloud.with_token("DELETE", TOKEN_INFO, &token, None);
    assert_eq!((revoked.status, revoked.body), (200, json!("")));
    assert_eq!(cloud.with_token("HEAD", TOKEN_INFO, &token, None).status, 401);
}

#[test]
fn the_settings_start_as_told() {
    let cloud = Fixture::new();
    assert_eq!(
        cloud.call("GET", "/standin/settings", &[], None).body,
        json!({
            "orgHeaderAllowedByCors": true,
            "rateLimitPerMinute": 300,
            "enforceScopes": true,
            "enforceClientScopes": false,
            "tokenFormat": "opaque",
            "accessTokenSeconds": 3600,
            "refreshTokens": false,
            "idleSeconds": 1800,
            "dateExposedByCors": false,
            "crossOriginOpenerPolicy": false,
            "loginRefusesFraming": false,
            "cookieBoundLogin": false,
            "requireScope": false,
            "errorsWithoutState": false,
            "maxAgeSeconds": 0,
            "clockSpeed": 1.0,
            "keepAlive": true,
            "idempotencyHeader": null,
            "guardsAgents": true,
            "listing": "all",
            "unknownUserCode": "not.found",
            "monitoringsPerAgent": 10,
            "agentsMayBeMonitored": true,
        })
    );
    let changed = cloud.control("settings", &json!({"tokenFormat": "jwt", "idleSeconds": 900})).body;
    assert_eq!(
        (&changed["tokenFormat"], &changed["idleSeconds"], &changed["accessTokenSeconds"]),
        (&json!("jwt"), &json!(900), &json!(3600))
    );
}

#[test]
fn the_idle_timeout_is_a_setting_for_every_token() {
    let cloud = Fixture::new();
    let before = cloud.token_of(acme());
    cloud.control("settings", &json!({"idleSeconds": 900}));
    let after = cloud.token_of(acme());
    cloud.control("clock", &json!({"advanceSeconds": 890}));
    assert_eq!(cloud.with_token("GET", TOKEN_INFO, &after, None).status, 200);
    cloud.control("clock", &json!({"advanceSeconds": 20}));
    assert_eq!(cloud.with_token("GET", TOKEN_INFO, &after, None).status, 200);
    cloud.with_token("GET", TOKEN_INFO, &before, None).refused(401, "bad.credentials");
}

#[test]
fn the_ledger_tells_what_became_of_each_token() {
    let cloud = Fixture::new();
    let tokens = [json!({"expiresIn": 60}), json!({}), json!({}), json!({"homeOrgId": ORGANIZATIONS[3].id})].map(|mut order| {
        order["orgId"] = json!(acme().id);
        cloud.token(&order)
    });
    assert_eq!(cloud.with_token("DELETE", TOKEN_INFO, &tokens[1], None).status, 200);
    let line = |home: &str, revoked: bool, expired: bool| json!({"orgId": acme().id, "homeOrgId": home, "source": "standin", "revoked": revoked, "expired": expired});
    cloud.control("clock", &json!({"advanceSeconds": 1700}));
    assert_eq!(cloud.with_token("GET", TOKEN_INFO, &tokens[3], None).status, 200);
    cloud.control("clock", &json!({"advanceSeconds": 200}));
    assert_eq!(
        cloud.ledger()["tokens"],
        json!([
            line(acme().id, false, true),
            line(acme().id, true, true),
            line(acme().id, false, true),
            line(ORGANIZATIONS[3].id, false, false)
        ])
    );
}

#[test]
fn the_ledger_marks_requests_with_an_expired_token() {
    let cloud = Fixture::new();
    let [short, idle, revoked] = [60, 3600, 3600].map(|seconds| cloud.token(&json!({"orgId": acme().id, "expiresIn": seconds})));
    cloud.with_token("DELETE", TOKEN_INFO, &revoked, None);
    cloud.with_token("GET", TOKEN_INFO, &revoked, None);
    let ask = |token: &str| cloud.with_token("GET", TOKEN_INFO, token, None);
    ask(&short);
    cloud.control("clock", &json!({"advanceSeconds": 60}));
    ask(&short);
    ask(&idle);
    cloud.control("clock", &json!({"advanceSeconds": 1800}));
    ask(&idle);
    ask("nonsense");
    cloud.call("GET", TOKEN_INFO, &[], None);
    cloud.call_origin(&cloud.cloud.origins().login, "/", &[("authorization", &format!("Bearer {short}"))]);
    let told: Vec<_> = cloud.ledger()["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["status"].clone(), entry["tokenExpired"].clone()))
        .collect();
    let expected = [
        (200, json!(false)),
        (401, json!(false)),
        (200, json!(false)),
        (401, json!(true)),
        (200, json!(false)),
        (401, json!(true)),
        (401, json!(false)),
        (401, json!(false)),
        (404, json!(null)),
    ];
    assert_eq!(told, expected.map(|(status, expired)| (json!(status), expired)));
}

#[test]
fn users_of_the_partner_are_told_who_trusts_them() {
    let cloud = Fixture::new();
    let trustors = |order: serde_json::Value| {
        let token = cloud.token(&order);
        cloud.with_token("GET", "/api/v2/users/me?expand=trustors", &token, None).body["trustors"].clone()
    };
    let partner = ORGANIZATIONS[3].id;
    for organization in [partner, acme().id] {
        let told = trustors(json!({"orgId": organization, "homeOrgId": partner}));
        let told: Vec<_> = told
            .as_array()
            .unwrap()
            .iter()
            .map(|trustor| (trustor["enabled"].as_bool().unwrap(), trustor["organization"].clone(), trustor["id"].is_string()))
            .collect();
        assert_eq!(
            told,
            [(true, 0), (true, 1), (false, 2)].map(|(enabled, place)| {
                let organization = &ORGANIZATIONS[place];
                (enabled, json!({"id": organization.id, "name": organization.name, "version": 1}), true)
            })
        );
    }
    assert_eq!(trustors(json!({"orgId": acme().id})), json!([]));
    let token = cloud.token(&json!({"orgId": partner}));
    assert!(cloud.with_token("GET", "/api/v2/users/me", &token, None).body.get("trustors").is_none());
}

#[test]
fn the_rate_is_limited_for_each_token() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    let get = || cloud.with_token("GET", TOKEN_INFO, &token, None);
    let first = get();
    assert_eq!(first.header("inin-ratelimit-count"), Some("1"));
    assert_eq!(first.header("inin-ratelimit-allowed"), Some("300"));
    let reset: u64 = first.header("inin-ratelimit-reset").unwrap().parse().unwrap();
    assert!((1..=60).contains(&reset));
    let unknown = cloud.call("GET", TOKEN_INFO, &[], None);
    assert_eq!(unknown.header("inin-ratelimit-count"), Some("0"));

    cloud.control("settings", &json!({"rateLimitPerMinute": 2}));
    assert_eq!(get().status, 200);
    let refused = cloud.start(&token, agent(acme()), &[]);
    assert_eq!(refused.refused(429, "too.many.requests"), "Rate limit exceeded the maximum [2] requests within [60] seconds");
    assert_eq!(refused.body["limit"], json!({"key": "token.rate.per.minute", "namespace": "platform.api", "value": 2}));
    assert_eq!(refused.header("retry-after"), refused.header("inin-ratelimit-reset"));
    assert_eq!(refused.header("inin-ratelimit-count"), Some("3"));
    assert_eq!(refused.header("access-control-allow-origin"), Some("*"));
    assert_eq!(cloud.ledger()["recordings"], json!([]));

    let other = cloud.token_of(acme());
    assert_eq!(cloud.with_token("GET", TOKEN_INFO, &other, None).status, 200);
    cloud.control("clock", &json!({"advanceSeconds": 60}));
    assert_eq!(get().header("inin-ratelimit-count"), Some("1"));
    cloud.control("settings", &json!({"rateLimitPerMinute": 0}));
    assert_eq!(get().header("inin-ratelimit-count"), None);
}

#[test]
fn orders_that_make_no_sense_are_refused() {
    let cloud = Fixture::new();
    for (control, order) in [
        ("tokens", json!({})),
        ("tokens", json!({"orgId": "nobody"})),
        ("tokens", json!({"orgId": acme().id, "homeOrgId": "nobody"})),
        ("tokens", json!({"orgId": acme().id, "format": "paper"})),
        ("tokens", json!({"orgId": acme().id, "claimOrgId": globex().id})),
        ("tokens", json!({"orgId": acme().id, "scope": []})),
        ("tokens", json!({"orgId": acme().id, "grant": "refresh_token"})),
        ("tokens", json!({"orgId": acme().id, "grant": "password"})),
        ("tokens", json!({"orgId": acme().id, "grant": "client_credentials", "homeOrgId": globex().id})),
        ("tokens", json!({"orgId": acme().id, "expiresIn": i64::MIN})),
        ("settings", json!({"enforceScope": false})),
        ("settings", json!({"tokenFormat": "paper"})),
        ("settings", json!({"accessTokenSeconds": -1})),
        ("settings", json!({"idleSeconds": i64::MAX})),
        ("settings", json!({"clockSpeed": 0.5})),
        ("settings", json!({"clockSpeed": 1001})),
        ("settings", json!({"idempotencyHeader": ""})),
        ("settings", json!({"idempotencyHeader": "Idempotency Key"})),
        ("settings", json!({"idempotencyHeader": "Authorization"})),
        ("settings", json!({"listing": "some"})),
        ("settings", json!({"maxAgeSeconds": -1})),
        ("settings", json!({"maxAgeSeconds": "5"})),
        ("orgs", json!({"count": 1})),
        ("orgs", json!({"count": 0, "agents": 1})),
        ("orgs", json!({"count": 51, "agents": 1})),
        ("orgs", json!({"count": 1, "agents": 0})),
        ("orgs", json!({"count": 1, "agents": 2001})),
        ("orgs", json!({"count": 1, "agents": 1, "names": []})),
        ("clients", json!({})),
        ("clients", json!({"redirectUris": ["/callback"]})),
        ("clients", json!({"redirectUris": ["https://app.example/#callback"]})),
        ("clients", json!({"redirectUris": [], "clientId": ""})),
        ("clients", json!({"redirectUris": [], "grants": ["token"]})),
        ("clients", json!({"redirectUris": [], "scopes": ["users organization"]})),
        ("clients", json!({"redirectUris": [], "scopes": [""]})),
        ("clock", json!({"advanceSeconds": -1})),
        ("faults", json!({"method": "GET", "path": "/", "fault": {}})),
        ("faults", json!({"method": "GET", "path": "api", "fault": {"status": 500}})),
        ("faults", json!({"method": "GET", "path": "/", "times": 0, "fault": {"status": 500}})),
        ("faults", json!({"method": "GET", "path": "/", "fault": {"status": 99}})),
        ("faults", json!({"method": "GET", "path": "/", "fault": {"status": 500, "reset": "after"}})),
        ("faults", json!({"method": "GET", "path": "/", "fault": {"reset": "during"}})),
        ("faults", json!({"method": "GET", "path": "/", "fault": {"reset": "after", "cors": false}})),
        ("faults", json!({"method": "GET", "path": "/", "fault": {"cors": true}})),
        ("faults", json!({"method": "GET", "path": "/", "fault": {"h2": "goaway"}})),
        ("faults", json!({"method": "GET", "path": "/", "fault": {"h2": "refused-stream", "status": 421}})),
        ("faults", json!({"method": "GET", "path": "/", "fault": {"h2": "refused-stream", "cors": false}})),
        ("faults", json!({"method": "GET", "path": "/", "fault": {"delayMs": 1, "body": "late"}})),
        ("faults", json!({"method": "GET", "path": "/", "fault": {"status": 200, "headers": {"Content-Length": "7"}}})),
    ] {
        let answer = cloud.control(control, &order);
        assert!(!answer.refused(400, "bad.request").is_empty(), "{order}");
    }
}

#[test]
fn a_reset_takes_everything_back_to_the_start() {
    let cloud = Fixture::new();
    let before = cloud.call("GET", "/standin/settings", &[], None).body;
    let token = cloud.token_of(acme());
    assert_eq!(cloud.start(&token, agent(acme()), &[]).status, 201);
    cloud.fault("GET", "/*", &json!({"status": 500}));
    cloud.control("settings", &json!({"enforceScopes": false, "rateLimitPerMinute": 1}));
    cloud.control("clock", &json!({"advanceSeconds": 10_000}));
    assert_eq!(cloud.call("POST", "/standin/reset", &[], Some("")).status, 204);
    assert_eq!(cloud.ledger(), json!({"requests": [], "recordings": [], "monitorings": [], "captures": [], "tokens": []}));
    assert_eq!(cloud.call("GET", "/standin/settings", &[], None).body, before);
    cloud.with_token("GET", TOKEN_INFO, &token, None).refused(401, "bad.credentials");
    let token = cloud.token_of(acme());
    assert_eq!(cloud.start(&token, agent(acme()), &[]).status, 201);
}

#[test]
fn the_directory_is_fixed() {
    let cloud = Fixture::new();
    let organizations = cloud.call("GET", "/standin/orgs", &[], None).body;
    let names: Vec<_> = organizations.as_array().unwrap().iter().map(|organization| organization["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Acme", "Globex", "Initech", "Northwind Apps"]);
    assert_eq!(
        organizations[0]["agents"][0],
        json!({"id": "ac3e0000-0000-4000-8000-000000000001", "name": "Ada Alvarez", "email": "ada.alvarez@acme.example", "loggedIn": true})
    );
    let mut ids: Vec<_> =
        ORGANIZATIONS.iter().flat_map(|organization| organization.agents.iter().map(|agent| agent.id).chain([organization.id])).collect();
    for id in &ids {
        let parsed = uuid::Uuid::parse_str(id).unwrap();
        assert_eq!((parsed.get_version_num(), &parsed.to_string().as_str()), (4, id));
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 16);
}
