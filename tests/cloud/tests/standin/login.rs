//! The login origin, by RFC 6749, RFC 7636, and what is known of the platform's login.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::common::{Answer, Fixture, TOKEN_INFO, acme, agent, globex};
use form_urlencoded::Serializer;
use serde_json::{Value, json};
use standin_cloud::{Agent, ORGANIZATIONS, Options, Organization};

const CLIENT: &str = "c11e1700-0000-4000-8000-000000000000";
const OTHER_CLIENT: &str = "c11e1700-0000-4000-8000-000000000001";
const REDIRECT: &str = "https://app.example/callback?langTag=en-us";
const OTHER_REDIRECT: &str = "https://app.example/other";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const STATE: &str = "a b&c=ü/?#";

type Pairs<'text> = Vec<(&'text str, &'text str)>;

fn initech() -> &'static Organization {
    &ORGANIZATIONS[2]
}

fn northwind() -> &'static Organization {
    &ORGANIZATIONS[3]
}

fn cloud() -> Fixture {
    let cloud = Fixture::with(Options { redirect_uris: vec![REDIRECT.to_owned()], ..Options::default() });
    cloud.control("clients", &json!({"redirectUris": [OTHER_REDIRECT]}));
    cloud.control("clients", &json!({"clientId": OTHER_CLIENT, "redirectUris": [REDIRECT]}));
    cloud
}

/// A good request with some parameters replaced; `""` leaves one out.
fn pairs<'text>(good: &[(&'text str, &'text str)], changed: &[(&'text str, &'text str)]) -> Pairs<'text> {
    let kept = good.iter().filter(|(name, _)| !changed.iter().any(|(other, _)| other == name));
    kept.chain(changed).filter(|(_, value)| !value.is_empty()).copied().collect()
}

fn authorize_pairs<'text>(changed: &[(&'text str, &'text str)]) -> Pairs<'text> {
    let good = [
        ("client_id", CLIENT),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("state", STATE),
    ];
    pairs(&good, changed)
}

fn encode(pairs: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn ask_with(cloud: &Fixture, pairs: &[(&str, &str)], cookie: Option<&str>) -> Answer {
    let headers: Vec<_> = cookie.map(|cookie| ("cookie", cookie)).into_iter().collect();
    cloud.try_login("GET", &format!("/oauth/authorize?{}", encode(pairs)), &headers, None).unwrap()
}

fn ask(cloud: &Fixture, changed: &[(&str, &str)]) -> Answer {
    ask_with(cloud, &authorize_pairs(changed), None)
}

fn html(answer: &Answer) -> &str {
    assert!(answer.header("content-type").unwrap().starts_with("text/html"));
    answer.body.as_str().unwrap()
}

/// The texts between the two ends.
fn between<'html>(html: &'html str, start: &str, end: &str) -> Vec<&'html str> {
    html.split(start).skip(1).map(|rest| rest.split_once(end).unwrap().0).collect()
}

fn options<'html>(html: &'html str, id: &str) -> Vec<&'html str> {
    let select = between(html, &format!("<select id=\"{id}\" name=\"{id}\">"), "</select>");
    between(select[0], "<option", "</option>").iter().map(|option| option.split_once('>').unwrap().1).collect()
}

fn preselected<'html>(html: &'html str, id: &str) -> Option<&'html str> {
    let select = between(html, &format!("<select id=\"{id}\" name=\"{id}\">"), "</select>");
    let chosen = between(select[0], " selected>", "</option>");
    assert!(chosen.len() < 2);
    chosen.first().copied()
}

/// Presses a button of the page that was answered, as a browser would in a frame of another site: without a cookie.
fn press(cloud: &Fixture, page: &Answer, decision: &str, chosen: &[(&str, &str)]) -> Answer {
    press_with(cloud, page, decision, chosen, None)
}

fn press_with(cloud: &Fixture, page: &Answer, decision: &str, chosen: &[(&str, &str)], cookie: Option<&str>) -> Answer {
    let html = html(page);
    assert_eq!(between(html, "<form method=\"post\" action=\"", "\""), ["/oauth/authorize"]);
    let decode = |text: &str| text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let mut fields: Vec<_> = between(html, "<input type=\"hidden\" name=\"", "\">")
        .iter()
        .map(|field| field.split_once("\" value=\"").unwrap())
        .map(|(name, value)| (name, decode(value)))
        .collect();
    fields.extend(chosen.iter().map(|(name, value)| (*name, (*value).to_owned())));
    fields.push(("decision", decision.to_owned()));
    let body = Serializer::new(String::new()).extend_pairs(fields).finish();
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("cookie", cookie.unwrap_or_default())];
    let sent = if cookie.is_some() { headers.as_slice() } else { &headers[..1] };
    cloud.try_login("POST", "/oauth/authorize", sent, Some(&body)).unwrap()
}

/// What the client is told, by the query of the address to which the browser is sent.
fn told(answer: &Answer) -> BTreeMap<String, String> {
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let (uri, query) = answer.header("location").unwrap().split_once('?').unwrap();
    assert_eq!(uri, "https://app.example/callback");
    let told: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    assert_eq!(told["langTag"], "en-us");
    told
}

fn code(answer: &Answer) -> String {
    let told = told(answer);
    assert!(!told.contains_key("error"), "{told:?}");
    assert_eq!(told["state"], STATE);
    told["code"].clone()
}

fn error(answer: &Answer) -> String {
    let told = told(answer);
    assert!(!told.contains_key("code"));
    // RFC 6749, section 4.1.2.1.
    assert!(told["error_description"].bytes().all(|byte| (0x20..=0x7e).contains(&byte) && !b"\"\\".contains(&byte)));
    told["error"].clone()
}

fn sign_in(cloud: &Fixture, agent: &Agent, changed: &[(&str, &str)]) -> Answer {
    press(cloud, &ask(cloud, changed), "sign-in", &[("user", agent.id)])
}

fn cookie(answer: &Answer) -> &str {
    answer.header("set-cookie").unwrap().split(';').next().unwrap()
}

fn post_token(cloud: &Fixture, pairs: &[(&str, &str)]) -> Answer {
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", "https://app.example")];
    cloud.try_login("POST", "/oauth/token", &headers, Some(&encode(pairs))).unwrap()
}

fn redeem(cloud: &Fixture, code: &str, changed: &[(&str, &str)]) -> Answer {
    let good = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("code_verifier", VERIFIER),
        ("client_id", CLIENT),
        ("redirect_uri", REDIRECT),
    ];
    post_token(cloud, &pairs(&good, changed))
}

fn refresh(cloud: &Fixture, token: &str) -> Answer {
    post_token(cloud, &[("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", CLIENT)])
}

/// RFC 6749, section 5.2.
fn refused(answer: &Answer, error: &str) {
    assert_eq!((answer.status, &answer.body["error"]), (400, &json!(error)), "{}", answer.body);
    assert!(answer.body["error_description"].is_string());
    assert_eq!(answer.body.as_object().unwrap().len(), 2);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}

fn text<'answer>(answer: &'answer Answer, field: &str) -> &'answer str {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body[field].as_str().unwrap()
}

fn info(cloud: &Fixture, token: &str) -> Answer {
    cloud.with_token("GET", TOKEN_INFO, token, None)
}

fn organization_of(cloud: &Fixture, code: &str) -> Value {
    info(cloud, text(&redeem(cloud, code, &[]), "access_token")).body["organization"]["id"].clone()
}

#[test]
fn a_client_or_redirect_uri_that_is_not_registered_is_never_redirected_to() {
    let cloud = cloud();
    for changed in [
        vec![("client_id", "")],
        vec![("client_id", "unknown")],
        vec![("client_id", CLIENT), ("client_id", CLIENT)],
        vec![("redirect_uri", "")],
        vec![("redirect_uri", "https://app.example/callback")],
        vec![("redirect_uri", "https://app.example/callback?langTag=en-us&more=1")],
        vec![("redirect_uri", "https://app.example/callback?langtag=en-us")],
        vec![("redirect_uri", "https://APP.example/callback?langTag=en-us")],
        vec![("redirect_uri", "https://attacker.example/")],
        vec![("redirect_uri", REDIRECT), ("redirect_uri", REDIRECT)],
        vec![("redirect_uri", OTHER_REDIRECT), ("client_id", OTHER_CLIENT)],
        // Broken twice, it must not be redirected to either.
        vec![("redirect_uri", "https://attacker.example/"), ("response_type", "token")],
    ] {
        let answer = ask(&cloud, &changed);
        assert_eq!((answer.status, answer.header("location")), (400, None), "{changed:?}");
        assert!(html(&answer).contains("role=\"alert\""));
        let posted = encode(&[authorize_pairs(&changed), vec![("user", agent(acme()).id), ("decision", "sign-in")]].concat());
        let answer = cloud.try_login("POST", "/oauth/authorize", &[], Some(&posted)).unwrap();
        assert_eq!((answer.status, answer.header("location"), answer.header("set-cookie")), (400, None, None));
    }
    assert_eq!(ask(&cloud, &[]).status, 200);
    assert_eq!(ask(&cloud, &[("client_id", OTHER_CLIENT)]).status, 200);
}

#[test]
fn every_other_error_goes_back_to_the_client() {
    let cloud = cloud();
    let codeless = json!({"clientId": "codeless", "redirectUris": [REDIRECT], "grants": ["client_credentials"]});
    assert_eq!(cloud.control("clients", &codeless).status, 200);
    let long = format!("{CHALLENGE}A");
    let padded = format!("{CHALLENGE}=");
    let standard = CHALLENGE.replace('-', "+");
    for (changed, expected) in [
        (vec![("response_type", "token")], "unsupported_response_type"),
        (vec![("response_type", "")], "invalid_request"),
        (vec![("response_mode", "fragment")], "invalid_request"),
        (vec![("code_challenge", "")], "invalid_request"),
        (vec![("code_challenge", "short")], "invalid_request"),
        (vec![("code_challenge", &long)], "invalid_request"),
        (vec![("code_challenge", &padded)], "invalid_request"),
        (vec![("code_challenge", &standard)], "invalid_request"),
        (vec![("code_challenge_method", "plain")], "invalid_request"),
        (vec![("code_challenge_method", "s256")], "invalid_request"),
        (vec![("code_challenge_method", "")], "invalid_request"),
        (vec![("prompt", "login"), ("prompt", "login")], "invalid_request"),
        (vec![("scope", "users")], "invalid_scope"),
        (vec![("scope", "user-basic-info users")], "invalid_scope"),
        (vec![("scope", "user-basic-info  screenrecordings:write")], "invalid_scope"),
        (vec![("client_id", "codeless")], "unauthorized_client"),
    ] {
        let answer = ask(&cloud, &changed);
        assert_eq!(error(&answer), expected, "{changed:?}");
        assert_eq!(told(&answer)["state"], STATE);
    }
    assert!(!told(&ask(&cloud, &[("response_type", "token"), ("state", "")])).contains_key("state"));
    let twice = ask(&cloud, &[("state", "1"), ("state", "2")]);
    assert_eq!(error(&twice), "invalid_request");
    assert!(!told(&twice).contains_key("state"));
    assert_eq!(ask(&cloud, &[("response_mode", "query"), ("org", "acme"), ("provider", "okta"), ("unknown", "1")]).status, 200);
}

#[test]
fn the_sign_in_page_can_be_used_without_a_script_and_in_a_frame() {
    let cloud = cloud();
    let page = ask(&cloud, &[]);
    assert_eq!(page.status, 200);
    assert_eq!(page.header("x-frame-options"), None);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("cross-origin-opener-policy"), None);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
    assert!(!policy.contains("script-src") && !policy.contains("form-action") && !policy.contains("frame-ancestors"));
    let html = html(&page);
    assert!(html.contains("<html lang=\"en\">") && html.contains("<title>Sign in</title>"));
    assert!(!html.contains("<script") && !html.contains(" on") && !html.contains(" style="));
    assert!(html.contains("<label for=\"user\">User</label>"));
    assert!(html.contains("<label for=\"organization\">Organization</label>"));
    let buttons: Vec<_> = between(html, "<button type=\"submit\"", "</button>").iter().map(|it| it.split_once('>').unwrap().1).collect();
    assert_eq!(buttons, ["Sign in", "Deny"]);
    assert!(!html.contains("role=\"alert\""));

    let users: Vec<_> =
        ORGANIZATIONS.iter().flat_map(|home| home.agents.iter().map(|agent| format!("{} ({})", agent.name, home.name))).collect();
    assert_eq!((options(html, "user"), users.len()), (users.iter().map(String::as_str).collect(), 12));
    for agent in ORGANIZATIONS.iter().flat_map(|organization| organization.agents) {
        assert!(html.contains(agent.email));
    }
    assert_eq!(options(html, "organization"), ["The user's own", "Acme", "Globex", "Initech", "Northwind Apps"]);

    let targeted = ask(&cloud, &[("target", globex().id)]);
    let html = self::html(&targeted);
    assert!(!html.contains("<select id=\"organization\"") && html.contains("<strong>Globex</strong>"));
    let odd = ask(&cloud, &[("target", "<b>\"&")]);
    assert!(!self::html(&odd).contains("<b>"));
}

#[test]
fn a_hint_preselects() {
    let cloud = cloud();
    for (hint, user, organization) in [
        ("gia.greco@globex.example", Some("Gia Greco (Globex)"), None),
        ("GIA.GRECO@globex.example", Some("Gia Greco (Globex)"), None),
        ("guenther.grau@globex.example:Globex", Some("Günther Grau (Globex)"), Some("Globex")),
        ("Initech", Some("Ivy Ito (Initech)"), Some("Initech")),
        ("northwind-apps", Some("Nia Novak (Northwind Apps)"), Some("Northwind Apps")),
        ("noah.nash@northwind-apps.example:Acme", Some("Noah Nash (Northwind Apps)"), Some("Acme")),
        ("noah.nash@northwind-apps.example:Initech", Some("Noah Nash (Northwind Apps)"), None),
        ("nobody@nowhere.example", None, None),
        ("", None, None),
    ] {
        let page = ask(&cloud, &[("login_hint", hint)]);
        assert_eq!(preselected(html(&page), "user"), user, "{hint}");
        assert_eq!(preselected(html(&page), "organization"), organization, "{hint}");
    }
}

#[test]
fn who_signs_in_gets_a_token_of_the_own_organization() {
    let cloud = cloud();
    let user = &globex().agents[1];
    for changed in [vec![], vec![("target", globex().id)]] {
        let answer = sign_in(&cloud, user, &changed);
        let token = redeem(&cloud, &code(&answer), &[]);
        assert_eq!(token.status, 200);
        assert_eq!(token.header("cache-control"), Some("no-store"));
        assert_eq!(token.header("access-control-allow-origin"), Some("*"));
        assert_eq!(token.header("access-control-allow-credentials"), None);
        assert_eq!((&token.body["token_type"], &token.body["expires_in"]), (&json!("bearer"), &json!(3600)));
        assert_eq!(token.body.as_object().unwrap().len(), 3);
        let token = text(&token, "access_token");
        let info = info(&cloud, token).body;
        assert_eq!((&info["organization"]["id"], &info["homeOrganization"]["id"]), (&json!(globex().id), &json!(globex().id)));
        assert_eq!(info["OAuthClient"]["id"], CLIENT);
        assert_eq!(info["authorizedScope"], json!(["screenrecordings:write", "user-basic-info", "users:readonly"]));
        assert!(info.get("clonedUser").is_none());
        let me = cloud.with_token("GET", "/api/v2/users/me", token, None).body;
        assert_eq!((&me["id"], &me["name"]), (&json!(user.id), &json!("Günther Grau")));
    }
    let token = redeem(&cloud, &code(&sign_in(&cloud, user, &[("scope", "user-basic-info")])), &[]);
    // RFC 6749, section 5.1: what differs from the request's absence or presence of a scope is said.
    assert_eq!(token.body["scope"], "user-basic-info");
    assert_eq!(info(&cloud, text(&token, "access_token")).body["authorizedScope"], json!(["user-basic-info"]));
}

#[test]
fn a_login_gives_the_scopes_that_the_client_is_configured_with() {
    let cloud = cloud();
    let scopes = json!(["user-basic-info", "users:readonly"]);
    assert_eq!(cloud.control("clients", &json!({"redirectUris": [], "scopes": scopes})).body["scopes"], scopes);
    let token = redeem(&cloud, &code(&sign_in(&cloud, agent(acme()), &[])), &[]);
    assert!(token.body.get("scope").is_none());
    assert_eq!(info(&cloud, text(&token, "access_token")).body["authorizedScope"], scopes);
    assert_eq!(error(&ask(&cloud, &[("scope", "screenrecordings:write")])), "invalid_scope");
    let narrow = redeem(&cloud, &code(&sign_in(&cloud, agent(acme()), &[("scope", "users:readonly")])), &[]);
    assert_eq!(narrow.body["scope"], "users:readonly");
}

#[test]
fn agents_of_a_further_organization_sign_in_and_are_offered_where_it_is_named() {
    let cloud = cloud();
    let further = cloud.control("orgs", &json!({"count": 2, "agents": 2})).body;
    let (organization, user) = (further[1]["id"].as_str().unwrap(), further[1]["agents"][1]["id"].as_str().unwrap());
    let plain = ask(&cloud, &[]);
    assert_eq!(options(html(&plain), "user").len(), 12);
    let targeted = ask(&cloud, &[("target", organization)]);
    assert!(html(&targeted).contains("<strong>Organization 2</strong>"));
    let offered = options(html(&targeted), "user");
    assert_eq!(offered[12..], ["Agent 1 (Organization 2)", "Agent 2 (Organization 2)"]);
    for (hint, preselection) in
        [("Agent-2@Organization-2.example", "Agent 2 (Organization 2)"), ("organization-2", "Agent 1 (Organization 2)")]
    {
        let hinted = ask(&cloud, &[("login_hint", hint)]);
        assert_eq!(preselected(html(&hinted), "user"), Some(preselection));
        assert_eq!(options(html(&hinted), "user").len(), 14);
    }
    // Offered or not, who exists may sign in.
    for page in [plain, targeted] {
        let answer = press(&cloud, &page, "sign-in", &[("user", user)]);
        let token = redeem(&cloud, &code(&answer), &[]);
        let token = text(&token, "access_token");
        assert_eq!(info(&cloud, token).body["organization"], json!({"id": organization, "name": "Organization 2"}));
        assert_eq!(cloud.with_token("GET", "/api/v2/users/me", token, None).body["id"], user);
    }
    let elsewhere = press(&cloud, &ask(&cloud, &[("target", globex().id)]), "sign-in", &[("user", user)]);
    assert_eq!(elsewhere.status, 403);
}

#[test]
fn a_trustee_signs_in_where_the_user_is_trusted_and_nowhere_else() {
    let cloud = cloud();
    let user = &northwind().agents[1];
    for organization in [acme(), globex()] {
        let page = ask(&cloud, &[]);
        let picked = press(&cloud, &page, "sign-in", &[("user", user.id), ("organization", organization.id)]);
        let answers = [sign_in(&cloud, user, &[("target", organization.id)]), picked];
        for (answer, recorded) in answers.iter().zip(organization.agents) {
            let token = redeem(&cloud, &code(answer), &[]);
            let token = text(&token, "access_token");
            let info = info(&cloud, token).body;
            assert_eq!(info["organization"], json!({"id": organization.id, "name": organization.name}));
            assert_eq!(info["homeOrganization"]["id"], northwind().id);
            assert_eq!(info["clonedUser"], json!({"id": user.id, "organization": {"id": northwind().id}}));
            assert_eq!(cloud.with_token("GET", "/api/v2/users/me", token, None).body["id"], user.id);
            assert_eq!(cloud.start(token, recorded, &[]).status, 201);
            cloud.start(token, agent(northwind()), &[]).refused(403, "not.authorized");
        }
    }
    for (user, organization) in [(user, initech()), (agent(acme()), globex()), (agent(acme()), northwind())] {
        let page = ask(&cloud, &[("target", organization.id)]);
        let picked = press(&cloud, &ask(&cloud, &[]), "sign-in", &[("user", user.id), ("organization", organization.id)]);
        for answer in [press(&cloud, &page, "sign-in", &[("user", user.id)]), picked] {
            assert_eq!((answer.header("location"), answer.header("set-cookie")), (None, None));
            let html = html(&answer);
            assert!(between(html, "<p role=\"alert\">", "</p>")[0].contains(organization.name));
            assert!(preselected(html, "user").unwrap().starts_with(user.name));
        }
        // The page that comes again works as the first one does.
        let again = press(&cloud, &page, "sign-in", &[("user", user.id)]);
        let answer = press(&cloud, &again, "sign-in", &[("user", agent(organization).id)]);
        assert_eq!(organization_of(&cloud, &code(&answer)), organization.id);
    }
    let unknown = ask(&cloud, &[("target", "7a46e700-0000-4000-8000-000000000000")]);
    assert_eq!(press(&cloud, &unknown, "sign-in", &[("user", user.id)]).header("location"), None);
    // What is preselected is not yet chosen.
    let hinted = ask(&cloud, &[("login_hint", "gia.greco@globex.example")]);
    for chosen in [vec![], vec![("user", "nobody")]] {
        let answer = press(&cloud, &hinted, "sign-in", &chosen);
        assert_eq!((answer.status, answer.header("location"), answer.header("set-cookie")), (400, None, None));
        assert!(html(&answer).contains("role=\"alert\""));
    }
}

#[test]
fn who_denies_is_not_signed_in() {
    let cloud = cloud();
    let answer = press(&cloud, &ask(&cloud, &[("target", acme().id)]), "deny", &[("user", agent(acme()).id)]);
    assert_eq!(error(&answer), "access_denied");
    assert_eq!(told(&answer)["state"], STATE);
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(cloud.ledger()["tokens"], json!([]));
}

#[test]
fn who_is_signed_in_is_not_asked_again() {
    let cloud = cloud();
    let answer = sign_in(&cloud, agent(acme()), &[]);
    let attributes: Vec<_> = answer.header("set-cookie").unwrap().split("; ").skip(1).collect();
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(attributes.contains(&attribute));
    }
    let session = format!("other=1; {}", cookie(&answer));
    let again = |changed: &[(&str, &str)]| ask_with(&cloud, &authorize_pairs(changed), Some(&session));
    for changed in [vec![], vec![("target", acme().id)], vec![("login_hint", "gia.greco@globex.example")]] {
        assert_eq!(organization_of(&cloud, &code(&again(&changed))), acme().id);
    }
    // The login that silently returns another organization than the one that was wanted.
    for target in [globex().id, northwind().id, "7a46e700-0000-4000-8000-000000000000"] {
        assert_eq!(organization_of(&cloud, &code(&again(&[("target", target)]))), acme().id);
    }
    assert_eq!(again(&[("prompt", "login")]).status, 200);
    assert_eq!(again(&[("redirect_uri", "https://attacker.example/")]).status, 400);
    assert_eq!(error(&again(&[("code_challenge", "")])), "invalid_request");
    assert_eq!(ask(&cloud, &[]).status, 200);
    assert_eq!(ask_with(&cloud, &authorize_pairs(&[]), Some("standin-session=unknown")).status, 200);
    let gia = sign_in(&cloud, agent(globex()), &[("prompt", "login")]);
    let changed = ask_with(&cloud, &authorize_pairs(&[]), Some(cookie(&gia)));
    assert_eq!(organization_of(&cloud, &code(&changed)), globex().id);
    cloud.control("reset", &json!({}));
    assert_eq!(again(&[]).status, 200);
}

#[test]
fn who_may_work_in_several_organizations_is_asked_for_one() {
    let cloud = cloud();
    let answer = sign_in(&cloud, agent(northwind()), &[("target", acme().id)]);
    let again = |changed: &[(&str, &str)]| ask_with(&cloud, &authorize_pairs(changed), Some(cookie(&answer)));
    for (target, organization) in [(globex(), globex()), (acme(), acme()), (northwind(), northwind()), (initech(), northwind())] {
        assert_eq!(organization_of(&cloud, &code(&again(&[("target", target.id)]))), organization.id);
    }
    let page = again(&[]);
    assert_eq!(page.status, 200);
    assert_eq!(options(html(&page), "organization"), ["Northwind Apps", "Acme", "Globex"]);
    assert!(!html(&page).contains("<select id=\"user\"") && html(&page).contains("Nia Novak (Northwind Apps)"));
    // No cookie goes with it: it must work in a frame of another site.
    let picked = press(&cloud, &page, "sign-in", &[("organization", globex().id)]);
    assert_eq!(organization_of(&cloud, &code(&picked)), globex().id);
    assert_eq!(error(&press(&cloud, &page, "deny", &[])), "access_denied");
}

#[test]
fn a_choice_among_organizations_is_offered_whenever_no_target_is_named() {
    let cloud = cloud();
    let trustee = &northwind().agents[1];
    for signed_in in [&northwind().agents[0], agent(acme())] {
        let session = sign_in(&cloud, signed_in, &[]);
        let page = ask_with(&cloud, &authorize_pairs(&[("prompt", "login")]), Some(cookie(&session)));
        assert_eq!(page.status, 200);
        assert_eq!(options(html(&page), "organization"), ["The user's own", "Acme", "Globex", "Initech", "Northwind Apps"]);
        for organization in [acme(), globex(), northwind()] {
            let picked = press(&cloud, &page, "sign-in", &[("user", trustee.id), ("organization", organization.id)]);
            assert_eq!(organization_of(&cloud, &code(&picked)), organization.id);
        }
    }
    // Who signed in as a trustee chooses again at the next sign-in that names none.
    let trustee_there = sign_in(&cloud, trustee, &[("target", globex().id)]);
    let page = ask_with(&cloud, &authorize_pairs(&[]), Some(cookie(&trustee_there)));
    assert_eq!(options(html(&page), "organization"), ["Northwind Apps", "Acme", "Globex"]);
    let named = [("target", globex().id), ("prompt", "login")];
    let page = ask_with(&cloud, &authorize_pairs(&named), Some(cookie(&trustee_there)));
    assert!(!html(&page).contains("<select id=\"organization\""));
}

#[test]
fn a_sign_in_goes_on_in_its_own_browser_alone_where_a_setting_says_so() {
    let cloud = cloud();
    assert_eq!(cloud.set(&json!({"cookieBoundLogin": true}))["cookieBoundLogin"], true);
    let user = [("user", agent(acme()).id)];
    let is_lost = |answer: &Answer| {
        assert_eq!((answer.status, answer.header("location"), answer.header("set-cookie")), (400, None, None));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(html(answer).contains("<h1>Session not found</h1>"));
    };
    let [page, other] = [(); 2].map(|()| ask(&cloud, &[]));
    let bound = page.header("set-cookie").unwrap();
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/oauth/authorize"] {
        assert!(bound.split("; ").any(|each| each == attribute), "{bound}");
    }
    // Without the cookie, with another one's, and with an invented one.
    is_lost(&press(&cloud, &page, "sign-in", &user));
    is_lost(&press(&cloud, &page, "deny", &[]));
    is_lost(&press_with(&cloud, &page, "sign-in", &user, Some(cookie(&other))));
    let invented = format!("{}=invented", cookie(&page).split_once('=').unwrap().0);
    is_lost(&press_with(&cloud, &page, "sign-in", &user, Some(&invented)));

    // The page that comes again goes on with the interaction, and two go on beside each other.
    let both = format!("{}; {}", cookie(&page), cookie(&other));
    let again = press_with(&cloud, &page, "sign-in", &[("user", agent(acme()).id), ("organization", globex().id)], Some(&both));
    assert_eq!(again.status, 403);
    let signed_in = press_with(&cloud, &again, "sign-in", &user, Some(&both));
    assert_eq!(organization_of(&cloud, &code(&signed_in)), acme().id);
    let set: Vec<_> = signed_in.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    assert!(set.iter().any(|cookie| cookie.starts_with("standin-session=")), "{set:?}");
    assert!(set.iter().any(|cookie| cookie.contains("Max-Age=0")), "{set:?}");
    is_lost(&press_with(&cloud, &again, "sign-in", &user, Some(&both)));
    assert_eq!(error(&press_with(&cloud, &other, "deny", &[], Some(&both))), "access_denied");
    is_lost(&press_with(&cloud, &other, "deny", &[], Some(&both)));

    // Who is signed in and has a choice goes through a page as well, and who has none gets a code at once.
    let session = |answer: &Answer| {
        let set = answer.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap());
        set.filter(|cookie| cookie.starts_with("standin-session=")).collect::<String>()
    };
    let page = ask(&cloud, &[]);
    let trustee = press_with(&cloud, &page, "sign-in", &[("user", agent(northwind()).id)], Some(cookie(&page)));
    let chooser = ask_with(&cloud, &authorize_pairs(&[]), Some(&session(&trustee)));
    let globex = [("organization", globex().id)];
    is_lost(&press_with(&cloud, &chooser, "sign-in", &globex, Some(&session(&trustee))));
    let chosen = press_with(&cloud, &chooser, "sign-in", &globex, Some(cookie(&chooser)));
    assert_eq!(organization_of(&cloud, &code(&chosen)), self::globex().id);
    let silent = ask_with(&cloud, &authorize_pairs(&[]), Some(&session(&signed_in)));
    assert_eq!(organization_of(&cloud, &code(&silent)), acme().id);

    // A provider that has lost its memory.
    let page = ask(&cloud, &[]);
    cloud.control("reset", &json!({}));
    cloud.control("clients", &json!({"redirectUris": [REDIRECT]}));
    cloud.set(&json!({"cookieBoundLogin": true}));
    is_lost(&press_with(&cloud, &page, "sign-in", &user, Some(cookie(&page))));
    cloud.set(&json!({"cookieBoundLogin": false}));
    let unbound = ask(&cloud, &[]);
    assert_eq!(unbound.header("set-cookie"), None);
    assert_eq!(organization_of(&cloud, &code(&press(&cloud, &unbound, "sign-in", &user))), acme().id);
}

/// RFC 6749, section 3.3: without a default, a server must refuse a request that has no scope.
#[test]
fn a_scope_is_required_where_a_setting_says_so() {
    let cloud = cloud();
    assert_eq!(cloud.set(&json!({"requireScope": true}))["requireScope"], true);
    // A parameter without a value counts as omitted (section 3.1).
    for answer in [ask(&cloud, &[]), ask_with(&cloud, &[authorize_pairs(&[]), vec![("scope", "")]].concat(), None)] {
        assert_eq!(error(&answer), "invalid_scope");
        assert_eq!(told(&answer)["state"], STATE);
    }
    let signed_in = sign_in(&cloud, agent(acme()), &[("scope", "user-basic-info")]);
    assert_eq!(organization_of(&cloud, &code(&signed_in)), acme().id);
    let remembered = ask_with(&cloud, &authorize_pairs(&[]), Some(cookie(&signed_in)));
    assert_eq!(error(&remembered), "invalid_scope");
}

/// RFC 6749, section 4.1.2.1, requires the state in an error; not every server gives it back.
#[test]
fn an_error_leaves_the_state_out_where_a_setting_says_so() {
    let cloud = cloud();
    assert_eq!(cloud.set(&json!({"errorsWithoutState": true}))["errorsWithoutState"], true);
    let denied = press(&cloud, &ask(&cloud, &[]), "deny", &[]);
    for (answer, expected) in [(denied, "access_denied"), (ask(&cloud, &[("response_type", "token")]), "unsupported_response_type")] {
        assert_eq!(error(&answer), expected);
        assert!(!told(&answer).contains_key("state"));
    }
    assert_eq!(told(&sign_in(&cloud, agent(acme()), &[]))["state"], STATE);
}

#[test]
fn a_code_works_once_and_a_second_use_revokes_what_came_of_it() {
    let cloud = cloud();
    cloud.control("settings", &json!({"refreshTokens": true}));
    let code = code(&sign_in(&cloud, agent(acme()), &[]));
    let bystander = self::code(&sign_in(&cloud, agent(acme()), &[]));
    let bystander = redeem(&cloud, &bystander, &[]);
    let first = redeem(&cloud, &code, &[]);
    let second = refresh(&cloud, text(&first, "refresh_token"));
    let tokens = [&first, &second].map(|answer| text(answer, "access_token"));
    assert_eq!(tokens.map(|token| info(&cloud, token).status), [200, 200]);
    refused(&redeem(&cloud, &code, &[]), "invalid_grant");
    assert_eq!(tokens.map(|token| info(&cloud, token).status), [401, 401]);
    refused(&refresh(&cloud, text(&second, "refresh_token")), "invalid_grant");
    assert_eq!(info(&cloud, text(&bystander, "access_token")).status, 200);
    assert_eq!(refresh(&cloud, text(&bystander, "refresh_token")).status, 200);
}

#[test]
fn a_code_lives_for_a_minute() {
    let cloud = cloud();
    let [young, old] = [(); 2].map(|()| code(&sign_in(&cloud, agent(acme()), &[])));
    cloud.control("clock", &json!({"advanceSeconds": 55}));
    assert_eq!(redeem(&cloud, &young, &[]).status, 200);
    cloud.control("clock", &json!({"advanceSeconds": 5}));
    refused(&redeem(&cloud, &old, &[]), "invalid_grant");
}

#[test]
fn a_code_is_bound_to_client_redirect_uri_and_challenge() {
    let cloud = cloud();
    let another = VERIFIER.replace('d', "e");
    for changed in
        [("client_id", OTHER_CLIENT), ("redirect_uri", OTHER_REDIRECT), ("code_verifier", another.as_str()), ("code_verifier", CHALLENGE)]
    {
        let code = code(&sign_in(&cloud, agent(acme()), &[]));
        refused(&redeem(&cloud, &code, &[changed]), "invalid_grant");
        // Nobody guesses twice.
        refused(&redeem(&cloud, &code, &[]), "invalid_grant");
    }
    refused(&redeem(&cloud, "unknown", &[]), "invalid_grant");
    assert_eq!(cloud.ledger()["tokens"], json!([]));
}

#[test]
fn the_token_endpoint_says_what_is_wrong() {
    let cloud = cloud();
    let refreshless = json!({"clientId": "refreshless", "redirectUris": [], "grants": ["authorization_code"]});
    assert_eq!(cloud.control("clients", &refreshless).status, 200);
    let code = code(&sign_in(&cloud, agent(acme()), &[]));
    let long = "a".repeat(129);
    for (changed, expected) in [
        (vec![("grant_type", "")], "invalid_request"),
        (vec![("code", "")], "invalid_request"),
        (vec![("code_verifier", "")], "invalid_request"),
        (vec![("code_verifier", &VERIFIER[1..])], "invalid_request"),
        (vec![("code_verifier", &long)], "invalid_request"),
        (vec![("code_verifier", "dBjftJeZ4CVP+mB92K27uhbUJU1p1r/wW1gFWFOEjXk")], "invalid_request"),
        (vec![("redirect_uri", "")], "invalid_request"),
        (vec![("client_id", "")], "invalid_request"),
        (vec![("code", &code), ("code", &code)], "invalid_request"),
        (vec![("grant_type", "refresh_token")], "invalid_request"),
        (vec![("client_id", "unknown")], "invalid_client"),
        (vec![("client_secret", "secret")], "invalid_client"),
        (vec![("grant_type", "client_credentials")], "unauthorized_client"),
        (vec![("grant_type", "password")], "unsupported_grant_type"),
        (vec![("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", "refreshless")], "unauthorized_client"),
        (vec![("grant_type", "refresh_token"), ("refresh_token", "unknown")], "invalid_grant"),
    ] {
        refused(&redeem(&cloud, &code, &changed), expected);
    }
    let body = encode(&[
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("code_verifier", VERIFIER),
        ("client_id", CLIENT),
        ("redirect_uri", REDIRECT),
    ]);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let json = cloud.try_login("POST", "/oauth/token", &[("content-type", "application/json")], Some(&body)).unwrap();
    refused(&json, "invalid_request");
    // Parameters count in the body alone (RFC 6749, section 3.2).
    let queried = cloud.try_login("POST", &format!("/oauth/token?{body}"), &[form], Some("")).unwrap();
    refused(&queried, "invalid_request");
    let basic = cloud.try_login("POST", "/oauth/token", &[form, ("authorization", "Basic YTpi")], Some(&body)).unwrap();
    assert_eq!((basic.status, &basic.body["error"]), (401, &json!("invalid_client")));
    assert_eq!(basic.header("www-authenticate"), Some("Basic"));
    // None of these was a use of the code.
    assert_eq!(cloud.try_login("POST", "/oauth/token", &[form], Some(&body)).unwrap().status, 200);
    cloud.try_login("GET", &format!("/oauth/token?{body}"), &[], None).unwrap().refused(404, "not.found");
}

#[test]
fn refresh_tokens_are_given_where_a_setting_says_so() {
    let cloud = cloud();
    let answer = redeem(&cloud, &code(&sign_in(&cloud, agent(acme()), &[])), &[]);
    assert!(answer.body.get("refresh_token").is_none());
    cloud.control("settings", &json!({"refreshTokens": true}));
    let answer = redeem(&cloud, &code(&sign_in(&cloud, agent(acme()), &[])), &[]);
    assert!(answer.body["refresh_token"].is_string());
    let refreshless = json!({"grants": ["authorization_code"], "redirectUris": []});
    cloud.control("clients", &refreshless);
    let answer = redeem(&cloud, &code(&sign_in(&cloud, agent(acme()), &[])), &[]);
    assert!(answer.body.get("refresh_token").is_none());
}

#[test]
fn a_refresh_token_works_once_and_its_reuse_revokes_the_family() {
    let cloud = cloud();
    cloud.control("settings", &json!({"refreshTokens": true}));
    let user = &northwind().agents[1];
    let [first, bystander] = [(); 2].map(|()| redeem(&cloud, &code(&sign_in(&cloud, user, &[("target", globex().id)])), &[]));
    let second = refresh(&cloud, text(&first, "refresh_token"));
    assert_ne!(text(&first, "refresh_token"), text(&second, "refresh_token"));
    assert_ne!(text(&first, "access_token"), text(&second, "access_token"));
    assert_eq!(second.header("cache-control"), Some("no-store"));
    assert_eq!((&second.body["token_type"], &second.body["expires_in"]), (&json!("bearer"), &json!(3600)));
    assert_eq!(second.body.as_object().unwrap().len(), 4);
    let whose = info(&cloud, text(&second, "access_token")).body;
    assert_eq!((&whose["organization"]["id"], &whose["clonedUser"]["id"]), (&json!(globex().id), &json!(user.id)));
    assert_eq!(whose["authorizedScope"], json!(["screenrecordings:write", "user-basic-info", "users:readonly"]));

    // In the hands of another client it is nothing, and stays good.
    let stolen = [("grant_type", "refresh_token"), ("refresh_token", text(&second, "refresh_token")), ("client_id", OTHER_CLIENT)];
    refused(&post_token(&cloud, &stolen), "invalid_grant");
    let third = refresh(&cloud, text(&second, "refresh_token"));
    let statuses = || [&first, &second, &third, &bystander].map(|answer| info(&cloud, text(answer, "access_token")).status);
    assert_eq!(statuses(), [200; 4]);
    refused(&refresh(&cloud, text(&first, "refresh_token")), "invalid_grant");
    assert_eq!(statuses(), [401, 401, 401, 200]);
    refused(&refresh(&cloud, text(&third, "refresh_token")), "invalid_grant");
    assert_eq!(refresh(&cloud, text(&bystander, "refresh_token")).status, 200);
}

#[test]
fn a_refresh_token_outlives_the_access_token() {
    let cloud = cloud();
    cloud.control("settings", &json!({"refreshTokens": true, "accessTokenSeconds": 300}));
    let first = redeem(&cloud, &code(&sign_in(&cloud, agent(acme()), &[])), &[]);
    assert_eq!(first.body["expires_in"], 300);
    cloud.control("clock", &json!({"advanceSeconds": 300}));
    assert_eq!(info(&cloud, text(&first, "access_token")).status, 401);
    let second = refresh(&cloud, text(&first, "refresh_token"));
    assert_eq!(info(&cloud, text(&second, "access_token")).status, 200);
    assert_eq!(cloud.with_token("DELETE", TOKEN_INFO, text(&second, "access_token"), None).status, 200);
    assert_eq!(refresh(&cloud, text(&second, "refresh_token")).status, 200);
    let line = |source: &str, revoked: bool, expired: bool| json!({"orgId": acme().id, "homeOrgId": acme().id, "source": source, "revoked": revoked, "expired": expired});
    assert_eq!(
        cloud.ledger()["tokens"],
        json!([line("authorization_code", false, true), line("refresh_token", true, false), line("refresh_token", false, false)])
    );
}

#[test]
fn a_login_gives_a_jwt_where_a_setting_says_so() {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let cloud = cloud();
    cloud.control("settings", &json!({"tokenFormat": "jwt", "accessTokenSeconds": 600}));
    let user = &northwind().agents[1];
    let answer = redeem(&cloud, &code(&sign_in(&cloud, user, &[("target", acme().id)])), &[]);
    let token = text(&answer, "access_token");
    let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap();
    assert_eq!((&claims["org_id"], &claims["sub"]), (&json!(acme().id), &json!(user.id)));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    assert_eq!(info(&cloud, token).status, 200);
    // The settings of the login are not those of the control.
    assert!(!cloud.token_of(acme()).contains('.'));
}

#[test]
fn the_token_endpoint_can_be_called_by_a_page() {
    let cloud = cloud();
    let headers = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,genesys-app"),
    ];
    let answer = cloud.try_login("OPTIONS", "/oauth/token", &headers, None).unwrap();
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some("*")));
    let allowed = answer.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("content-type") && allowed.contains("genesys-app"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
}

#[test]
fn the_metadata_tell_where_everything_is() {
    let cloud = cloud();
    let login = &cloud.cloud.origins().login;
    assert_eq!(
        cloud.call_origin(login, "/.well-known/oauth-authorization-server", &[]).body,
        json!({
            "issuer": login,
            "authorization_endpoint": format!("{login}/oauth/authorize"),
            "token_endpoint": format!("{login}/oauth/token"),
            "service_documentation": "https://developer.genesys.cloud/authorization/",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            // RFC 8414 takes the names of RFC 7591, section 2.
            "grant_types_supported": [
                "authorization_code",
                "client_credentials",
                "refresh_token",
                "urn:ietf:params:oauth:grant-type:saml2-bearer",
            ],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        })
    );
    cloud.call_origin(login, "/.well-known/openid-configuration", &[]).refused(404, "not.found");
}

#[test]
fn a_logout_ends_the_session_and_leads_to_registered_addresses_only() {
    let cloud = cloud();
    let bad = [
        vec![],
        vec![("client_id", CLIENT)],
        vec![("client_id", CLIENT), ("redirect_uri", "https://attacker.example/")],
        vec![("client_id", OTHER_CLIENT), ("redirect_uri", OTHER_REDIRECT)],
        vec![("redirect_uri", REDIRECT)],
    ];
    let good = vec![("client_id", CLIENT), ("redirect_uri", REDIRECT)];
    for (pairs, location) in bad.into_iter().map(|pairs| (pairs, None)).chain([(good, Some(REDIRECT))]) {
        let answer = sign_in(&cloud, agent(acme()), &[]);
        let session = cookie(&answer);
        let answer = cloud.try_login("GET", &format!("/logout?{}", encode(&pairs)), &[("cookie", session)], None).unwrap();
        assert_eq!((answer.status, answer.header("location")), (if location.is_some() { 303 } else { 200 }, location));
        let cleared = answer.header("set-cookie").unwrap();
        assert!(cleared.starts_with("standin-session=;") && cleared.contains("Max-Age=0"));
        assert_eq!(ask_with(&cloud, &authorize_pairs(&[]), Some(session)).status, 200);
    }
}

#[test]
fn clients_are_registered_by_a_control() {
    let cloud = Fixture::with(Options { redirect_uris: vec![REDIRECT.to_owned()], ..Options::default() });
    let clients = || cloud.call("GET", "/standin/clients", &[], None).body;
    let grants = ["authorization_code", "refresh_token"];
    let scopes = ["screenrecordings:write", "user-basic-info", "users:readonly"];
    let first = json!([{"clientId": CLIENT, "redirectUris": [REDIRECT], "grants": grants, "scopes": scopes}]);
    assert_eq!(clients(), first);
    let added = cloud.control("clients", &json!({"redirectUris": [OTHER_REDIRECT, REDIRECT]}));
    assert_eq!(added.body, json!({"clientId": CLIENT, "redirectUris": [REDIRECT, OTHER_REDIRECT], "grants": grants, "scopes": scopes}));
    let other = json!({"clientId": "other", "redirectUris": [REDIRECT], "grants": ["client_credentials"], "scopes": ["users"]});
    assert_eq!(cloud.control("clients", &other).body, other);
    assert_eq!(clients(), json!([added.body, other]));
    cloud.control("reset", &json!({}));
    assert_eq!(clients(), first);
    assert_eq!(Fixture::new().call("GET", "/standin/clients", &[], None).body[0]["redirectUris"], json!([]));
}

#[test]
fn the_login_pages_cut_their_opener_off_where_a_setting_says_so() {
    let cloud = cloud();
    cloud.control("settings", &json!({"crossOriginOpenerPolicy": true}));
    let page = ask(&cloud, &[]);
    let answers = [sign_in(&cloud, agent(acme()), &[]), ask(&cloud, &[("client_id", "unknown")]), page];
    for answer in answers {
        assert_eq!(answer.header("cross-origin-opener-policy"), Some("same-origin"));
    }
    assert_eq!(cloud.call("GET", "/standin/orgs", &[], None).header("cross-origin-opener-policy"), None);
}

#[test]
fn the_login_pages_stand_in_no_frame_where_a_setting_says_so() {
    let cloud = cloud();
    assert_eq!(cloud.set(&json!({"loginRefusesFraming": true}))["loginRefusesFraming"], true);
    let signed_in = sign_in(&cloud, agent(acme()), &[]);
    let chooser = sign_in(&cloud, agent(northwind()), &[]);
    for page in [
        ask(&cloud, &[]),
        ask(&cloud, &[("client_id", "unknown")]),
        ask_with(&cloud, &authorize_pairs(&[]), Some(cookie(&chooser))),
        cloud.try_login("GET", "/logout", &[], None).unwrap(),
    ] {
        // RFC 7034, section 2.1, and Content Security Policy Level 3, section 6.4.2.
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
        let mut policies = page.headers.get_all("content-security-policy").iter().map(|policy| policy.to_str().unwrap());
        assert!(policies.any(|policy| policy == "frame-ancestors 'none'"));
        assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
    }
    let redirected = ask_with(&cloud, &authorize_pairs(&[]), Some(cookie(&signed_in)));
    assert_eq!((redirected.status, redirected.header("x-frame-options")), (303, None));
}

#[test]
fn the_ledger_tells_of_logins_without_a_secret() {
    let cloud = cloud();
    cloud.control("settings", &json!({"refreshTokens": true}));
    let user = agent(northwind());
    let signed_in = sign_in(&cloud, user, &[("target", acme().id)]);
    let code = code(&signed_in);
    let first = redeem(&cloud, &code, &[]);
    let second = refresh(&cloud, text(&first, "refresh_token"));
    refused(&redeem(&cloud, "unknown", &[]), "invalid_grant");
    post_token(&cloud, &[("grant_type", code.as_str())]);
    let secrets = [
        code.as_str(),
        VERIFIER,
        "never-issued",
        cookie(&signed_in).split_once('=').unwrap().1,
        text(&first, "refresh_token"),
        text(&first, "access_token"),
        text(&second, "refresh_token"),
        text(&second, "access_token"),
    ];
    // A client that takes the query for the body.
    for secret in secrets {
        for name in ["code", "code_verifier", "refresh_token", "state", "access_token", "st%61te"] {
            let path = format!("/oauth/token?first=1&{name}={secret}&last=2");
            cloud.try_login("GET", &path, &[], None).unwrap();
            cloud.call("GET", &path, &[], None);
        }
        if secret != VERIFIER && secret != "never-issued" {
            cloud.try_login("GET", &format!("/{secret}?x={secret}"), &[], None).unwrap();
        }
    }
    let ledger = cloud.ledger();
    let told = ledger.to_string();
    for secret in secrets {
        assert!(!told.contains(secret));
    }
    assert!(!told.contains("%C3%BC"), "the state");
    let entry = |place: usize| {
        let entry = &ledger["requests"][place];
        let text = |name: &str| entry[name].as_str().unwrap_or("-").to_owned();
        format!(
            "{} {} {} {} {} {}",
            text("origin"),
            text("path"),
            entry["status"],
            text("grantType"),
            text("issuedOrgId"),
            text("targetOrgId")
        )
    };
    let acme = acme().id;
    let entries: Vec<_> = (0..6).map(entry).collect();
    assert_eq!(
        entries,
        [
            format!("login /oauth/authorize 200 - - {acme}"),
            format!("login /oauth/authorize 303 - - {acme}"),
            format!("login /oauth/token 200 authorization_code {acme} -"),
            format!("login /oauth/token 200 refresh_token {acme} -"),
            "login /oauth/token 400 authorization_code - -".to_owned(),
            "login /oauth/token 400 - - -".to_owned(),
        ]
    );
    let query = ledger["requests"][0]["query"].as_str().unwrap();
    assert!(query.contains("&state=***&") && query.contains(&format!("client_id={CLIENT}&")), "{query}");
    assert_eq!(ledger["requests"][6]["query"], "first=1&code=***&last=2");
    let line = |source: &str| json!({"orgId": acme, "homeOrgId": northwind().id, "source": source, "revoked": false, "expired": false});
    assert_eq!(ledger["tokens"], json!([line("authorization_code"), line("refresh_token")]));
}

#[test]
fn faults_meet_the_login_as_well() {
    let cloud = cloud();
    cloud.fault("GET", "/oauth/authorize", &json!({"status": 503, "body": "<p>maintenance", "headers": {"content-type": "text/html"}}));
    assert_eq!(ask(&cloud, &[]).status, 503);
    cloud.fault("GET", "/oauth/authorize", &json!({"reset": "before"}));
    assert!(cloud.try_login("GET", &format!("/oauth/authorize?{}", encode(&authorize_pairs(&[]))), &[], None).is_err());
    cloud.fault("GET", "/oauth/authorize", &json!({"delayMs": 200}));
    let asked = Instant::now();
    assert_eq!(ask(&cloud, &[]).status, 200);
    assert!(asked.elapsed() >= Duration::from_millis(200));

    let redeem_badly = |fault: Value| {
        let code = code(&sign_in(&cloud, agent(acme()), &[]));
        cloud.fault("POST", "/oauth/token", &fault);
        let good = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("code_verifier", VERIFIER),
            ("client_id", CLIENT),
            ("redirect_uri", REDIRECT),
        ];
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let answer = cloud.try_login("POST", "/oauth/token", &headers, Some(&encode(&good)));
        let entry = cloud.ledger()["requests"].as_array().unwrap().last().unwrap().clone();
        (answer.map(|answer| answer.status).ok(), entry["issuedOrgId"].clone(), redeem(&cloud, &code, &[]).status)
    };
    assert_eq!(redeem_badly(json!({"status": 500})), (Some(500), Value::Null, 200));
    assert_eq!(redeem_badly(json!({"reset": "before"})), (None, Value::Null, 200));
    // The token was issued and lost: the code is used, and its second use revokes what nobody has.
    assert_eq!(redeem_badly(json!({"reset": "after"})), (None, json!(acme().id), 400));
    assert_eq!(redeem_badly(json!({"truncate": 5})), (None, json!(acme().id), 400));
    let asked = Instant::now();
    assert_eq!(redeem_badly(json!({"delayMs": 200})), (Some(200), json!(acme().id), 400));
    assert!(asked.elapsed() >= Duration::from_millis(200));
}

const CONFIDENTIAL: &str = "backend";
const SECRET: &str = "a secret: 100% of it";

/// Registers a confidential client. HTTP Basic carries its id and secret, form-encoded.
fn confidential(cloud: &Fixture) -> String {
    let client = json!({
        "clientId": CONFIDENTIAL, "secret": SECRET, "orgId": globex().id, "redirectUris": [REDIRECT],
        "grants": ["authorization_code", "client_credentials", "refresh_token"], "scopes": ["users", "user-basic-info"],
    });
    let added = cloud.control("clients", &client);
    assert_eq!((added.status, added.body.get("secret")), (200, None), "{}", added.body);
    basic(CONFIDENTIAL, SECRET)
}

fn basic(client_id: &str, secret: &str) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", encoded(client_id), encoded(secret))))
}

fn post_basic(cloud: &Fixture, authorization: &str, pairs: &[(&str, &str)]) -> Answer {
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("authorization", authorization)];
    cloud.try_login("POST", "/oauth/token", &headers, Some(&encode(pairs))).unwrap()
}

#[test]
fn a_confidential_client_gets_tokens_of_its_own() {
    let cloud = cloud();
    let authorization = confidential(&cloud);
    let wanted = ("grant_type", "client_credentials");
    let posted = [wanted, ("client_id", CONFIDENTIAL), ("client_secret", SECRET)];
    for answer in [post_basic(&cloud, &authorization, &[wanted]), post_token(&cloud, &posted)] {
        let token = text(&answer, "access_token").to_owned();
        assert!(answer.body.get("refresh_token").is_none());
        let info = info(&cloud, &token).body;
        assert_eq!((&info["organization"]["id"], &info["authorizedScope"]), (&json!(globex().id), &json!(["users", "user-basic-info"])));
        assert_eq!(
            (&info["OAuthClient"]["id"], &info["OAuthClient"]["authorizedGrantType"]),
            (&json!(CONFIDENTIAL), &json!("CLIENT-CREDENTIALS"))
        );
        cloud.with_token("GET", "/api/v2/users/me", &token, None).refused(400, "not.a.user");
    }
    let scoped = post_basic(&cloud, &authorization, &[wanted, ("scope", "users")]);
    assert_eq!(scoped.body["scope"], "users");
    assert_eq!(post_basic(&cloud, &authorization, &[wanted, ("scope", "users admin")]).body["error"], "invalid_scope");
    let ledger = cloud.ledger();
    assert_eq!(ledger["tokens"][0]["source"], "client_credentials");
    let text = ledger.to_string();
    assert!(!text.contains(SECRET), "{text}");
}

#[test]
fn a_client_that_does_not_prove_who_it_is_gets_nothing() {
    let cloud = cloud();
    let authorization = confidential(&cloud);
    let wanted = ("grant_type", "client_credentials");
    let own = ("client_id", CONFIDENTIAL);
    for answer in [
        post_token(&cloud, &[wanted, own]),
        post_token(&cloud, &[wanted, own, ("client_secret", "another secret text")]),
        post_basic(&cloud, &basic(CONFIDENTIAL, "another secret text"), &[wanted]),
        post_basic(&cloud, &basic("unknown", SECRET), &[wanted]),
        post_basic(&cloud, &basic(CLIENT, SECRET), &[wanted]),
        post_basic(&cloud, "Basic ???", &[wanted]),
        post_basic(&cloud, "Bearer abc", &[wanted]),
        post_basic(&cloud, &authorization, &[wanted, ("client_id", CLIENT)]),
    ] {
        assert_eq!((answer.status, &answer.body["error"]), (401, &json!("invalid_client")), "{}", answer.body);
        assert_eq!(answer.header("www-authenticate"), Some("Basic"));
    }
    let both = post_basic(&cloud, &authorization, &[wanted, ("client_secret", SECRET)]);
    assert_eq!((both.status, &both.body["error"]), (400, &json!("invalid_request")));
    // A client of no organization, and a public one that may, in name.
    let homeless = json!({"clientId": "homeless", "secret": SECRET, "redirectUris": [], "grants": ["client_credentials"]});
    let public = json!({"clientId": "public", "orgId": acme().id, "redirectUris": [], "grants": ["client_credentials"]});
    for order in [&homeless, &public] {
        assert_eq!(cloud.control("clients", order).status, 200);
    }
    assert_eq!(post_basic(&cloud, &basic("homeless", SECRET), &[wanted]).body["error"], "unauthorized_client");
    refused(&post_token(&cloud, &[wanted, ("client_id", "public")]), "unauthorized_client");
    assert_eq!(cloud.ledger()["tokens"], json!([]));
    for order in [json!({"redirectUris": [], "secret": "short"}), json!({"redirectUris": [], "orgId": "1"})] {
        cloud.control("clients", &order).refused(400, "bad.request");
    }
}

#[test]
fn a_confidential_client_redeems_codes_and_refresh_tokens() {
    let cloud = cloud();
    let authorization = confidential(&cloud);
    let client = ("client_id", CONFIDENTIAL);
    let without_pkce = [client, ("code_challenge", ""), ("code_challenge_method", "")];
    let sign_in = |changed: &[(&str, &str)]| code(&sign_in(&cloud, agent(acme()), changed));
    let redeem = |code: &str, more: &[(&str, &str)]| {
        let pairs = [&[("grant_type", "authorization_code"), ("code", code), ("redirect_uri", REDIRECT)], more].concat();
        post_basic(&cloud, &authorization, &pairs)
    };
    for (asked, more) in [(without_pkce.as_slice(), [].as_slice()), (&[client], &[("code_verifier", VERIFIER)])] {
        let answer = redeem(&sign_in(asked), more);
        assert_eq!(info(&cloud, text(&answer, "access_token")).body["organization"]["id"], acme().id);
        let wanted = [("grant_type", "refresh_token"), ("refresh_token", text(&answer, "refresh_token"))];
        let refreshed = post_basic(&cloud, &authorization, &wanted);
        assert_ne!(text(&refreshed, "refresh_token"), text(&answer, "refresh_token"));
        assert_eq!(post_token(&cloud, &[&wanted[..], &[client]].concat()).status, 401);
    }
    // A verifier without a challenge, and a challenge without a verifier.
    for (asked, more) in [(without_pkce.as_slice(), [("code_verifier", VERIFIER)].as_slice()), (&[client], &[])] {
        assert_eq!(redeem(&sign_in(asked), more).body["error"], "invalid_grant");
    }
    // A public client cannot leave PKCE out.
    assert_eq!(error(&ask(&cloud, &[("code_challenge", ""), ("code_challenge_method", "")])), "invalid_request");
}
