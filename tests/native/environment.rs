//! The region of an app: the known regions, the entries of `environments`, and the launch URL.

use crate::support::{self, code, pairs, private_cloud};
use premium_recorder::model::environment::{EnvironmentEntry, Environments};
use premium_recorder::model::error::{Code, Error};
use premium_recorder::model::launch::{LaunchContext, LaunchParams};
use premium_recorder::model::page::Page;
use premium_recorder::recorder::settings::{Options, Settings};
use proptest::prelude::*;

/// The regions that the Genesys platform client 262.0.0 and its service discovery 3.0.500 list.
const REGIONS: [(&str, &str, Option<&str>); 18] = [
    ("us-east-1", "mypurecloud.com", Some("prod")),
    ("us-west-2", "usw2.pure.cloud", Some("prod-usw2")),
    ("us-east-2", "use2.us-gov-pure.cloud", Some("fedramp-use2-core")),
    ("ca-central-1", "cac1.pure.cloud", Some("prod-cac1")),
    ("sa-east-1", "sae1.pure.cloud", Some("prod-sae1")),
    ("mx-central-1", "mxc1.pure.cloud", Some("prod-mxc1")),
    ("eu-west-1", "mypurecloud.ie", Some("prod-euw1")),
    ("eu-west-2", "euw2.pure.cloud", Some("prod-euw2")),
    ("eu-central-1", "mypurecloud.de", Some("prod-euc1")),
    ("eu-central-2", "euc2.pure.cloud", Some("prod-euc2")),
    ("me-central-1", "mec1.pure.cloud", Some("prod-mec1")),
    ("ap-south-1", "aps1.pure.cloud", Some("prod-aps1")),
    ("ap-southeast-1", "apse1.pure.cloud", Some("prod-apse1")),
    ("ap-southeast-2", "mypurecloud.com.au", Some("prod-apse2")),
    ("ap-northeast-1", "mypurecloud.jp", Some("prod-apne1")),
    ("ap-northeast-2", "apne2.pure.cloud", Some("prod-apne2")),
    ("ap-northeast-3", "apne3.pure.cloud", Some("prod-apne3")),
    ("eusc-de-east-1", "edee1.eusc-pure.cloud", None),
];

fn of_launch(query: &[(&str, &str)]) -> Result<String, Code> {
    let launch = LaunchContext::from_query(&pairs(query), &LaunchParams::default()).map_err(|error| error.code)?;
    let environment = launch.environment(&Environments::with(vec![private_cloud()]).unwrap()).map_err(|error| error.code)?;
    Ok(environment.name().to_owned())
}

fn with_api(api: &str) -> EnvironmentEntry {
    EnvironmentEntry { api: api.to_owned(), ..private_cloud() }
}

#[test]
fn an_issuer_has_an_origin_of_the_environment_or_is_the_listed_one() {
    let has = |issuer: Option<&str>, named: &str| {
        let entry = EnvironmentEntry { issuer: issuer.map(str::to_owned), ..private_cloud() };
        Environments::with(vec![entry]).unwrap().named("private").unwrap().has_issuer(named)
    };
    for named in ["https://login.cloud.example", "https://login.cloud.example/", "https://api.cloud.example/realms/x"] {
        assert!(has(None, named), "{named}");
        assert!(!has(Some("https://sso.corp.example/realms/x"), named), "{named}");
    }
    for named in ["", "https://login.cloud.example.evil.example", "http://login.cloud.example", "https://sso.corp.example/realms/x"] {
        assert!(!has(None, named), "{named}");
    }
    assert!(has(Some("https://sso.corp.example/realms/x"), "https://sso.corp.example/realms/x"));
    assert!(!has(Some("https://sso.corp.example/realms/x"), "https://sso.corp.example/realms/y"));
}

#[test]
fn every_region_is_found_by_each_of_its_names() {
    let environments = Environments::default();
    for (aws, domain, name) in REGIONS {
        for called in [Some(aws), Some(domain), name].into_iter().flatten() {
            let environment = environments.named(called).unwrap();
            assert_eq!(environment.name(), name.unwrap_or(domain));
            assert_eq!(environment.api().as_str(), format!("https://api.{domain}"));
            assert_eq!(environment.login().as_str(), format!("https://login.{domain}"));
            assert_eq!(environment.apps().as_str(), format!("https://apps.{domain}"));
        }
    }
}

#[test]
fn a_name_that_only_resembles_a_region_is_unknown() {
    for name in ["", "PROD", "prod ", "mypurecloud.com.", "api.mypurecloud.com", "https://mypurecloud.com", "evil.example", "mypurecloud"] {
        assert_eq!(code(Environments::default().named(name)), Code::UnknownEnvironment, "{name:?}");
    }
}

#[test]
fn the_host_origin_and_the_target_environment_must_agree() {
    assert_eq!(of_launch(&[("gcHostOrigin", "https://apps.mypurecloud.ie"), ("gcTargetEnv", "prod-euw1")]), Ok("prod-euw1".into()));
    assert_eq!(of_launch(&[("gcHostOrigin", "https://apps.cloud.example"), ("gcTargetEnv", "private")]), Ok("private".into()));
    for origin in [
        "https://apps.mypurecloud.ie",
        "https://apps.mypurecloud.com.evil.example",
        "https://apps.mypurecloud.com@evil.example",
        "https://evil.example/apps.mypurecloud.com",
        "https://apps.mypurecloud.com/",
        "https://apps.mypurecloud.com:443",
        "https://apps.mypurecloud.com:8443",
        "https://APPS.mypurecloud.com",
        "https://apps.mypurecloud.com.",
        "https://apps.mypurecloυd.com",
        "https://apps.xn--mypurecld-0gg.com",
        "https://anything.mypurecloud.com",
        "https://mypurecloud.com",
        "https://localhost",
        "https:apps.mypurecloud.com",
        "apps.mypurecloud.com",
        "javascript:alert(1)",
        "null",
    ] {
        let launched = of_launch(&[("gcHostOrigin", origin), ("gcTargetEnv", "prod")]);
        assert_eq!(launched, Err(Code::UnknownEnvironment), "{origin}");
    }
    for origin in ["http://apps.mypurecloud.com", "http://localhost:6666", "http://127.0.0.1"] {
        assert_eq!(of_launch(&[("gcHostOrigin", origin), ("gcTargetEnv", "prod")]), Err(Code::InsecureOrigin), "{origin}");
    }
}

#[test]
fn an_incomplete_or_contradictory_launch_url_names_no_environment() {
    let unknown = Err(Code::UnknownEnvironment);
    assert_eq!(of_launch(&[]), unknown);
    assert_eq!(of_launch(&[("gcTargetEnv", "prod")]), unknown);
    assert_eq!(of_launch(&[("gcHostOrigin", "https://apps.mypurecloud.com")]), unknown);
    assert_eq!(of_launch(&[("gcHostOrigin", "{{gcHostOrigin}}"), ("gcTargetEnv", "{{gcTargetEnv}}")]), unknown);
    assert_eq!(of_launch(&[("gcHostOrigin", "https://apps.mypurecloud.com"), ("pcEnvironment", "mypurecloud.com")]), unknown);
    let both = [("gcHostOrigin", "https://apps.mypurecloud.com"), ("gcTargetEnv", "prod"), ("pcEnvironment", "mypurecloud.ie")];
    assert_eq!(of_launch(&both), unknown);
    let twice = [("gcHostOrigin", "https://apps.mypurecloud.com"), ("gcTargetEnv", "prod"), ("gcTargetEnv", "prod-euw1")];
    assert_eq!(of_launch(&twice), Err(Code::BadArgument));
}

fn refused_launch(query: &[(&str, &str)]) -> Error {
    let launch = LaunchContext::from_query(&pairs(query), &LaunchParams::default()).unwrap();
    let local = EnvironmentEntry { apps: "http://127.0.0.1:8080".to_owned(), ..private_cloud() };
    launch.environment(&Environments::with(vec![local]).unwrap()).unwrap_err()
}

#[test]
fn a_placeholder_that_nobody_replaced_is_named() {
    for (query, placeholder) in [
        (&[("gcHostOrigin", "{{gcHostOrigin}}"), ("gcTargetEnv", "{{gcTargetEnv}}")][..], "{{gcTargetEnv}}"),
        (&[("gcHostOrigin", "https://apps.mypurecloud.com"), ("gcTargetEnv", "{{gcTargetEnvironment}}")], "{{gcTargetEnvironment}}"),
        (&[("langTag", "{{gcLangTag}}"), ("pcEnvironment", "{{pcEnvironment}}")], "{{pcEnvironment}}"),
        (&[("environment", "{{pcEnvironment}}")], "{{pcEnvironment}}"),
    ] {
        let error = refused_launch(query);
        assert!(error.code == Code::UnknownEnvironment && error.message.contains(placeholder), "{}", error.message);
        assert!(error.hint().contains("To test in a tab"), "{}", error.hint());
    }
    for query in [&[][..], &[("gcConversationId", "{{gcConversationId}}")], &[("gcTargetEnv", "prod"), ("x", "{{gcHostOrigin}}")]] {
        let error = refused_launch(query);
        assert_eq!(error.hint(), Code::UnknownEnvironment.hint(), "{query:?}");
    }
}

#[test]
fn parameters_after_the_hash_are_noticed() {
    let behind = "#/?gcHostOrigin=https%3A%2F%2Fapps.mypurecloud.ie&gcTargetEnv=prod-euw1";
    let refused = |fragment: &str, query: &[(&str, &str)], launch: Option<&[(String, String)]>| {
        let page = Page { fragment: fragment.to_owned(), ..support::page(query) };
        Settings::from_options(Options::default(), launch, Some(page)).map(|_| ()).unwrap_err()
    };
    let error = refused(behind, &[], None);
    assert!(error.code == Code::UnknownEnvironment && error.message.contains("after the #"), "{}", error.message);
    for error in [refused("#/agents", &[], None), refused(behind, &[("gcTargetEnv", "prod-euw1")], None), refused(behind, &[], Some(&[]))] {
        assert!(error.code == Code::UnknownEnvironment && !error.message.contains('#'), "{}", error.message);
    }
}

#[test]
fn an_http_host_is_compared_with_an_http_apps_origin() {
    for host in ["http://localhost:8080", "http://127.0.0.1:8080/", "http://127.0.0.1", "https://127.0.0.1:8080"] {
        let error = refused_launch(&[("gcHostOrigin", host), ("gcTargetEnv", "private")]);
        assert_eq!(error.code, Code::UnknownEnvironment, "{host}");
        let compared = format!("gcHostOrigin \"{host}\" is not \"http://127.0.0.1:8080\"");
        assert!(error.message.contains(&compared), "{}", error.message);
    }
}

#[test]
fn the_legacy_parameter_is_used_if_the_new_pair_is_absent() {
    assert_eq!(of_launch(&[("pcEnvironment", "mypurecloud.ie")]), Ok("prod-euw1".into()));
    for domain in ["mypurecloud.ie.evil.example", "prod-euw1", "eu-west-1", "private"] {
        assert_eq!(of_launch(&[("pcEnvironment", domain)]), Err(Code::UnknownEnvironment), "{domain}");
    }
}

#[test]
fn an_entry_is_https_or_http_on_loopback() {
    for api in
        ["https://api.cloud.example", "https://api.cloud.example:8443", "https://10.1.2.3", "http://localhost:8080", "http://127.0.0.1:1"]
    {
        assert!(Environments::with(vec![with_api(api)]).is_ok(), "{api}");
    }
    for api in [
        "http://api.cloud.example",
        "http://10.1.2.3",
        "http://localhost.evil.example",
        "http://127.0.0.2",
        "http://127.0.0.1.evil.example",
    ] {
        assert_eq!(code(Environments::with(vec![with_api(api)])), Code::InsecureOrigin, "{api}");
    }
    for api in [
        "",
        "https://",
        "https://api.cloud.example/",
        "https://api.cloud.example/v2",
        "https://user@api.cloud.example",
        "https://api.cloud.example@evil.example",
        "https://API.cloud.example",
        "https://api.cloud.example.",
        "https://api..example",
        "https://api.cloud.example:443",
        "https://api.cloud.example:0443",
        "https://api.cloud.example:65536",
        "https://api.cloud.example:",
        "https://api.cloud.example?x",
        "https://api.cloud.example#x",
        "https://api.clöud.example",
        "https://xn--clud-5qa.example",
        "https://0x7f.1",
        "https://127.1",
        "https://256.1.1.1",
        "https://-a.example",
        " https://api.cloud.example",
        "ftp://api.cloud.example",
        "http://localhost:80",
        "//api.cloud.example",
    ] {
        assert_eq!(code(Environments::with(vec![with_api(api)])), Code::BadArgument, "{api:?}");
    }
}

#[test]
fn an_entry_cannot_use_an_existing_name() {
    for name in ["", "prod", "mypurecloud.com", "us-east-1"] {
        let named = EnvironmentEntry { name: name.to_owned(), ..private_cloud() };
        assert_eq!(code(Environments::with(vec![named])), Code::BadArgument, "{name:?}");
    }
    assert_eq!(code(Environments::with(vec![private_cloud(), private_cloud()])), Code::BadArgument);
}

#[test]
fn each_of_several_official_names_counts() {
    for query in [vec![("pcLangTag", "de-DE")], vec![("gcLangTag", "de-DE")], vec![("pcLangTag", "de-de"), ("gcLangTag", "de-DE")]] {
        let launch = launched(&query, &[]).unwrap();
        assert!(launch.values().len() == 1 && launch.get("langTag") == Some("de-DE"), "{query:?}");
    }
    let placeholder = [("gcConversationId", "{{gcConversationId}}"), ("pcConversationId", "c")];
    assert_eq!(launched(&placeholder, &[]).unwrap().get("conversationId"), Some("c"));
}

#[test]
fn options_win_over_the_launch_url_and_there_is_no_default() {
    let query = pairs(&[
        ("gcHostOrigin", "https://apps.mypurecloud.ie"),
        ("gcTargetEnv", "prod-euw1"),
        ("gcLangTag", "de"),
        ("orgId", support::ACME),
    ]);
    let settings = Settings::from_options(Options::default(), Some(&query), None).unwrap();
    assert_eq!(settings.environment.name(), "prod-euw1");
    assert_eq!(settings.org.unwrap().as_str(), support::ACME);
    assert_eq!(settings.launch.get("langTag"), Some("de"));
    let by_option = Options { environment: Some("prod-usw2".into()), org_id: Some(support::GLOBEX.into()), ..Options::default() };
    let settings = Settings::from_options(by_option, Some(&query), None).unwrap();
    assert_eq!(settings.environment.name(), "prod-usw2");
    assert_eq!(settings.org.unwrap().as_str(), support::GLOBEX);
    assert_eq!(code(Settings::from_options(Options::default(), None, None)), Code::NoLaunchContext);
}

#[test]
fn an_invalid_org_id_is_refused_in_the_options_and_in_the_launch_url() {
    for org in
        ["acme", "aaaaaaaa-0000-4000-8000-00000000000", "aaaaaaaa000040008000000000000000000a", "gaaaaaaa-0000-4000-8000-00000000000a"]
    {
        let query = pairs(&[("pcEnvironment", "mypurecloud.com"), ("orgId", org)]);
        assert_eq!(code(Settings::from_options(Options::default(), Some(&query), None)), Code::BadArgument, "{org}");
        let options = Options { org_id: Some(org.into()), environment: Some("prod".into()), ..Options::default() };
        assert_eq!(code(Settings::from_options(options, None, None)), Code::BadArgument, "{org}");
        // With the option `orgId`, the app may use the query parameter `orgId` for something else.
        let named = Options { org_id: Some(support::ACME.into()), ..Options::default() };
        assert_eq!(Settings::from_options(named, Some(&query), None).unwrap().org.unwrap().as_str(), support::ACME);
    }
}

#[test]
fn a_timeout_is_positive_and_fits_a_timer() {
    for (millis, taken) in [(0.001, 1), (1.0, 1), (1500.5, 1501), (2_147_483_647.0, 2_147_483_647)] {
        let options = Options { timeout: Some(millis), ..support::options(&[]) };
        assert_eq!(Settings::from_options(options, None, None).unwrap().sources.timeout, taken);
    }
    for millis in [0.0, -1.0, f64::NAN, f64::INFINITY, 2_147_483_648.0] {
        let options = Options { timeout: Some(millis), ..support::options(&[]) };
        assert_eq!(code(Settings::from_options(options, None, None)), Code::BadArgument, "{millis}");
    }
    assert_eq!(Settings::from_options(support::options(&[]), None, None).unwrap().sources.timeout, 15_000);
}

fn hostile() -> impl Strategy<Value = String> {
    let scheme = prop::sample::select(vec!["https://", "http://", "https:", "https:\\\\", "//", "ftp://", ""]);
    let host = "[a-zA-Z0-9.@:/\\\\?#%\\-_\\[\\] ü]{0,24}";
    (scheme, host).prop_map(|(scheme, host)| format!("{scheme}{host}"))
}

proptest! {
    /// The WHATWG URL parser decides: it must read an accepted origin unchanged.
    #[test]
    fn an_accepted_origin_is_an_origin_by_the_url_standard(text in hostile()) {
        if let Ok(environments) = Environments::with(vec![with_api(&text)]) {
            let environment = environments.named("private").unwrap();
            let parsed = url::Url::parse(environment.api().as_str()).unwrap();
            prop_assert_eq!(parsed.origin().ascii_serialization(), text);
        }
    }

    #[test]
    fn only_the_apps_origin_is_accepted_as_host_origin(text in hostile()) {
        prop_assume!(text != "https://apps.mypurecloud.com");
        prop_assert!(of_launch(&[("gcHostOrigin", &text), ("gcTargetEnv", "prod")]).is_err());
    }
}

/// What a launch URL says, with the app's own parameter names.
fn launched(query: &[(&str, &str)], params: &[(&str, &str)]) -> Result<LaunchContext, Code> {
    let params = LaunchParams::new(pairs(params)).map_err(|error| error.code)?;
    LaunchContext::from_query(&pairs(query), &params).map_err(|error| error.code)
}

/// The names that Genesys' own samples use (`purecloud-premium-app`, and the examples of the Client App SDK).
#[test]
fn the_names_of_genesys_samples_count_like_the_official_ones() {
    let pair = [("hostOrigin", "https://apps.mypurecloud.de"), ("targetEnv", "prod-euc1"), ("langTag", "de"), ("conversationid", "c-1")];
    assert_eq!(of_launch(&pair), Ok("prod-euc1".to_owned()));
    let launch = launched(&pair, &[]).unwrap();
    assert_eq!((launch.get("langTag"), launch.get("conversationId")), (Some("de"), Some("c-1")));
    assert_eq!(of_launch(&[("environment", "mypurecloud.ie")]), Ok("prod-euw1".to_owned()));
    assert_eq!(launched(&[("usePopupAuth", "true")], &[]).unwrap().get("usePopupAuth"), Some("true"));
    assert_eq!(launched(&[("conversationId", "c-2")], &[]).unwrap().get("conversationId"), Some("c-2"));
    // The same checks: a pair that does not agree, half a pair, a placeholder that the host did not replace.
    assert_eq!(of_launch(&[("hostOrigin", "https://apps.mypurecloud.ie"), ("targetEnv", "prod-euc1")]), Err(Code::UnknownEnvironment));
    assert_eq!(of_launch(&[("hostOrigin", "https://apps.mypurecloud.ie")]), Err(Code::UnknownEnvironment));
    assert_eq!(launched(&[("langTag", "{{gcLangTag}}")], &[]).unwrap().values(), []);
}

#[test]
fn two_parameters_that_give_one_thing_must_agree() {
    for (official, alias, value, other) in [
        ("gcHostOrigin", "hostOrigin", "https://apps.mypurecloud.ie", "https://apps.mypurecloud.de"),
        ("gcTargetEnv", "targetEnv", "prod-euw1", "prod-euc1"),
        ("pcEnvironment", "environment", "mypurecloud.ie", "mypurecloud.de"),
        ("gcLangTag", "langTag", "de", "en"),
        ("gcConversationId", "conversationid", "1", "2"),
        ("conversationId", "conversationid", "1", "2"),
        ("pcUsePopupAuth", "usePopupAuth", "true", "false"),
        ("gcLangTag", "pcLangTag", "de", "en"),
        ("gcConversationId", "pcConversationId", "1", "2"),
        ("pcUsePopupAuth", "gcUsePopupAuth", "true", "false"),
        ("pcLangTag", "langTag", "de", "en"),
    ] {
        for query in [[(official, value), (alias, other)], [(alias, other), (official, value)]] {
            assert_eq!(launched(&query, &[]).unwrap_err(), Code::BadArgument, "{query:?}");
        }
        launched(&[(official, value), (alias, value)], &[]).unwrap();
    }
    // The pair and the domain must be the same region, whichever names they have.
    let mixed = [("gcHostOrigin", "https://apps.mypurecloud.ie"), ("targetEnv", "prod-euw1"), ("environment", "mypurecloud.de")];
    assert_eq!(of_launch(&mixed), Err(Code::UnknownEnvironment));
    // An app may use this name for something else.
    let own = [("gcHostOrigin", "https://apps.mypurecloud.ie"), ("gcTargetEnv", "prod-euw1"), ("environment", "staging")];
    assert_eq!(of_launch(&own), Ok("prod-euw1".to_owned()));
    assert_eq!(of_launch(&[("environment", "staging")]), Err(Code::UnknownEnvironment));
}

#[test]
fn an_app_names_its_own_launch_parameters() {
    let params = [("hostOrigin", "host"), ("targetEnv", "env"), ("orgId", "tenant"), ("langTag", "conversationId")];
    let query = [("host", "https://apps.mypurecloud.ie"), ("env", "prod-euw1"), ("tenant", support::ACME), ("conversationId", "fr")];
    let launch = launched(&query, &params).unwrap();
    assert_eq!(launch.environment(&Environments::default()).unwrap().name(), "prod-euw1");
    assert_eq!(launch.org().unwrap().unwrap().as_str(), support::ACME);
    // What the app has given to something else is no alias.
    assert_eq!((launch.get("langTag"), launch.get("conversationId")), (Some("fr"), None));
    // With a name of its own, the alias does not count, and the official name does.
    assert_eq!(launched(&[("hostOrigin", "x")], &params).unwrap().get("hostOrigin"), None);
    assert_eq!(launched(&[("host", "x"), ("gcHostOrigin", "y")], &params).unwrap_err(), Code::BadArgument);

    for bad in [
        vec![("langTag", "")],
        vec![("langTag", "a"), ("orgId", "a")],
        vec![("langTag", "gcHostOrigin")],
        vec![("hostOrigin", "gcTargetEnv")],
        vec![("conversationId", "orgId")],
    ] {
        assert_eq!(launched(&[], &bad).unwrap_err(), Code::BadArgument, "{bad:?}");
    }
    launched(&[], &[("hostOrigin", "gcHostOrigin"), ("orgId", "orgId"), ("langTag", "pcLangTag")]).unwrap();
}

#[test]
fn the_apps_origin_decides_for_a_region_whose_name_is_not_published() {
    let eu_sovereign = |host: &str, name: &str| of_launch(&[("gcHostOrigin", host), ("gcTargetEnv", name)]);
    for name in ["prod-edee1", "eusc", "edee1.eusc-pure.cloud"] {
        assert_eq!(eu_sovereign("https://apps.edee1.eusc-pure.cloud", name), Ok("edee1.eusc-pure.cloud".to_owned()), "{name}");
    }
    for look_alike in [
        "https://apps.edee1.eusc-pure.cloud.evil.example",
        "https://apps.edee1-eusc-pure.cloud",
        "https://evil.example/apps.edee1.eusc-pure.cloud",
        "https://apps.edee1.eusc-pure.cloud:8443",
        "https://apps.edee1.eusc-pure.cloud/",
        "https://APPS.edee1.eusc-pure.cloud",
        "https://login.edee1.eusc-pure.cloud",
        "https://apps.mypurecloud.ie",
    ] {
        assert_eq!(eu_sovereign(look_alike, "prod-edee1"), Err(Code::UnknownEnvironment), "{look_alike}");
    }
    assert_eq!(eu_sovereign("http://apps.edee1.eusc-pure.cloud", "prod-edee1"), Err(Code::UnknownEnvironment));
    // The name of another region stays that region's.
    assert_eq!(eu_sovereign("https://apps.edee1.eusc-pure.cloud", "prod-euw1"), Err(Code::UnknownEnvironment));
}

#[test]
fn an_entry_of_this_machine_may_have_a_regions_name() {
    let local = |name: &str, change: fn(&mut EnvironmentEntry)| {
        let mut entry = EnvironmentEntry {
            name: name.to_owned(),
            api: "http://127.0.0.1:1".to_owned(),
            login: "http://localhost:2".to_owned(),
            apps: "https://localhost:3".to_owned(),
            issuer: None,
        };
        change(&mut entry);
        Environments::with(vec![entry])
    };
    for name in ["prod", "prod-euw1", "mypurecloud.de", "eu-west-1"] {
        let environments = local(name, |_| {}).unwrap();
        assert_eq!(environments.named(name).unwrap().api().as_str(), "http://127.0.0.1:1");
        let query = pairs(&[("gcHostOrigin", "https://localhost:3"), ("gcTargetEnv", name)]);
        let launch = LaunchContext::from_query(&query, &LaunchParams::default()).unwrap();
        assert_eq!(launch.environment(&environments).unwrap().login().as_str(), "http://localhost:2");
        // The region's own host is not the entry's.
        let query = pairs(&[("gcHostOrigin", "https://apps.mypurecloud.com"), ("gcTargetEnv", name)]);
        let launch = LaunchContext::from_query(&query, &LaunchParams::default()).unwrap();
        assert_eq!(code(launch.environment(&environments)), Code::UnknownEnvironment);
    }
    let foreign: [fn(&mut EnvironmentEntry); 4] = [
        |entry| entry.api = "https://api.evil.example".to_owned(),
        |entry| entry.login = "https://login.evil.example".to_owned(),
        |entry| entry.apps = "https://apps.evil.example".to_owned(),
        |entry| entry.api = "https://localhost.evil.example".to_owned(),
    ];
    for change in foreign {
        assert_eq!(code(local("prod", change)), Code::BadArgument);
    }
}
