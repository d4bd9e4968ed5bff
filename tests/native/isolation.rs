//! For any tokens, any environment and any sequence of calls: a request carries a token of its own organization, and goes to
//! the API of its own environment.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::support::{self, NOW, World, jwt, login_options, new_start, no_options, page, response, run};
use premium_recorder::auth::login::LoginOptions;
use premium_recorder::model::environment::EnvironmentEntry;
use premium_recorder::recorder::Recorder;
use premium_recorder::recorder::page_state::PageState;
use premium_recorder::recorder::settings::{Options, Settings};
use premium_recorder::token::access_token::AccessToken;
use proptest::prelude::*;

/// A token and its real organization, which only the cloud knows: the text may name another one, or none.
#[derive(Clone, Debug)]
struct Token {
    text: String,
    org: String,
    says_its_org: bool,
}

fn org(number: u8) -> String {
    format!("{number:08x}-0000-4000-8000-000000000000")
}

fn token() -> impl Strategy<Value = Token> {
    (0..5u8, 0..3u8, any::<u32>(), -1000..1000i64).prop_map(|(number, kind, serial, life)| {
        let org = org(number);
        let exp = NOW / 1000 + life;
        let text = match kind {
            0 => format!("opaque-{serial:x}"),
            1 => jwt(&format!(r#"{{"org_id":"{org}","exp":{exp},"jti":"{serial}"}}"#)),
            _ => jwt(&format!(r#"{{"org_id":"{}","jti":"{serial}"}}"#, org.to_uppercase())),
        };
        Token { text, org, says_its_org: kind > 0 }
    })
}

#[derive(Clone, Debug)]
enum Step {
    Start(Option<u8>),
    Switch(u8),
    Add(Token),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![prop::option::of(0..6u8).prop_map(Step::Start), (0..6u8).prop_map(Step::Switch), token().prop_map(Step::Add),]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_request_carries_its_own_organizations_token_to_its_own_environment(
        initial in prop::collection::vec(token(), 0..6),
        from_source in prop::option::of(prop::collection::vec(token(), 1..6)),
        from_login in prop::option::of(prop::collection::vec(token(), 1..6)),
        steps in prop::collection::vec(step(), 1..12),
        environment in 0..4usize,
    ) {
        let names = ["one", "two", "prod", "eu-west-1"];
        let apis = ["https://api.one.example", "http://127.0.0.1:4000", "https://api.mypurecloud.com", "https://api.mypurecloud.ie"];
        let logins = ["https://login.one.example", "http://127.0.0.1:4001", "https://login.mypurecloud.com", "https://login.mypurecloud.ie"];
        let entry = |at: usize| EnvironmentEntry {
            name: names[at].into(), api: apis[at].into(), login: logins[at].into(), apps: "https://apps.example".into(), issuer: None,
        };
        let added: Vec<Token> = steps.iter().filter_map(|step| if let Step::Add(token) = step { Some(token.clone()) } else { None }).collect();
        let all: Vec<&Token> = initial.iter().chain(&added).chain(from_source.iter().flatten()).chain(from_login.iter().flatten()).collect();
        let owners: HashMap<String, String> = all.iter().map(|token| (token.text.clone(), token.org.clone())).collect();
        let of_login: HashSet<String> = from_login.iter().flatten().map(|token| token.text.clone()).collect();

        let world = World::new();
        let known = owners.clone();
        let signed_in = from_login.clone();
        world.sign_in_immediately().respond(move |request| match request.method.as_str() {
            _ if request.is_for_token_endpoint() => {
                // The user's cookie decides the organization, and it is seldom the target.
                let tokens = signed_in.as_ref().unwrap();
                let form: HashMap<_, _> = url::form_urlencoded::parse(request.body.as_ref().unwrap().as_bytes()).collect();
                let at = form["code_verifier"].bytes().map(usize::from).sum::<usize>();
                let right = tokens.iter().find(|token| form["code"] == format!("code-for-{}", token.org));
                let token = right.filter(|_| at % 2 == 0).unwrap_or(&tokens[at % tokens.len()]);
                response(200, &format!(r#"{{"access_token":"{}"}}"#, token.text))
            }
            "GET" => response(200, &format!(r#"{{"organization":{{"id":"{}"}}}}"#, known[&request.token])),
            _ => response(201, r#"{"id":"rec","state":"recording"}"#),
        });
        // Whose these tokens are, the cloud is asked, whatever they claim.
        let given_unasked: Rc<RefCell<HashSet<String>>> = Rc::default();
        if let Some(tokens) = from_source.clone() {
            let given_unasked = given_unasked.clone();
            world.token_source(move |call| {
                // Sometimes the right token, sometimes another organization's.
                let at = call.org.bytes().map(usize::from).sum::<usize>() % tokens.len();
                let right = tokens.iter().find(|token| token.org == call.org);
                let access_token = right.filter(|_| at % 2 == 0).unwrap_or(&tokens[at]).text.clone();
                if call.org.is_empty() {
                    given_unasked.borrow_mut().insert(access_token.clone());
                }
                Box::pin(async move { Ok(support::issued_token(&access_token)) })
            });
        }

        let started = run(async {
            let options = Options {
                tokens: initial.iter().map(|token| token.text.clone().into()).collect(),
                environment: Some(names[environment].into()),
                environments: vec![entry(0), entry(1)],
                login: from_login.is_some().then(|| LoginOptions { wrong_org: Some("file".into()), ..login_options().login.unwrap() }),
                ..Options::default()
            };
            let recorder = Recorder::connect(PageState::default(), world.clone(), Settings::from_options(options, None, Some(page(&[]))).unwrap(), no_options()).await.unwrap();
            let mut started = Vec::new();
            for step in steps {
                match step {
                    Step::Start(to) => {
                        let to = to.map(org);
                        let target = to.clone().or_else(|| recorder.org().map(|org| org.as_str().to_owned()));
                        if let Ok(recording) = recorder.start_recording(new_start("agent", to.as_deref(), None).unwrap(), no_options()).await {
                            // Nobody named an organization: the token that came decides, from now on.
                            let target = target.unwrap_or_else(|| recorder.org().unwrap().as_str().to_owned());
                            started.push((recording.org.as_str().to_owned(), target));
                        }
                    }
                    Step::Switch(to) => {
                        let to = premium_recorder::model::ids::OrgId::parse(&org(to)).unwrap();
                        let _ = recorder.switch_org(to, no_options()).await;
                    }
                    Step::Add(token) => {
                        recorder.add_token(AccessToken::parse(&token.text).unwrap(), no_options()).await.unwrap();
                    }
                }
            }
            for token in recorder.tokens() {
                assert!(owners.values().any(|owner| owner == token.target().org.as_str()));
            }
            started
        });

        let says: HashMap<&String, bool> = all.iter().map(|token| (&token.text, token.says_its_org)).collect();
        let (exchanges, calls): (Vec<_>, Vec<_>) = world.requests().into_iter().partition(|request| request.is_for_token_endpoint());
        for exchange in exchanges {
            prop_assert_eq!(exchange.url, format!("{}/oauth/token", logins[environment]));
            prop_assert!(exchange.token.is_empty() && exchange.org.is_none());
            prop_assert!(!owners.keys().any(|token| exchange.body.as_ref().unwrap().contains(token.as_str())));
        }
        for request in calls {
            prop_assert!(request.url.starts_with(&format!("{}/api/v2/", apis[environment])), "{}", request.url);
            let owner = &owners[&request.token];
            match request.method.as_str() {
                _ if request.url.contains("/screenrecordings") => prop_assert_eq!(request.org.as_ref(), Some(owner)),
                _ => {
                    let is_asked = of_login.contains(&request.token) || given_unasked.borrow().contains(&request.token) || !says[&request.token];
                    prop_assert!(request.org.is_none() && is_asked);
                }
            }
        }
        let posts = world.starts();
        prop_assert_eq!(posts.len(), started.len());
        for (post, (of, target)) in posts.iter().zip(started) {
            prop_assert_eq!(&of, &target);
            prop_assert_eq!(post.org.as_ref(), Some(&target));
        }
    }
}
