//! What is measured. Each case sets up, and returns the work that is measured.

use std::cell::Cell;
use std::fmt;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use futures::executor::LocalPool;
use premium_recorder::auth::keyring::Keyring;
use premium_recorder::auth::returned::Returned;
use premium_recorder::auth::sources::{SourceOptions, Sources};
use premium_recorder::cloud::call::CallOptions;
use premium_recorder::cloud::exchange::Exchange;
use premium_recorder::cloud::refusal::refusal;
use premium_recorder::cloud::response::Response;
use premium_recorder::model::environment::{Environment, Environments, Target};
use premium_recorder::model::ids::{AgentId, OrgId};
use premium_recorder::recorder::Recorder;
use premium_recorder::recorder::page_state::PageState;
use premium_recorder::recorder::settings::{Options, Settings};
use premium_recorder::recording::batch::{Batch, BatchProgress};
use premium_recorder::recording::start::Start;
use premium_recorder::token::access_token::AccessToken;

use crate::world::{World, jwt, object, org, parse_json, run, text};

pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// How many organizations have a token.
    pub(crate) orgs: usize,
    pub(crate) set_up: fn() -> Box<dyn FnMut()>,
}

/// The longest time in which tokens are stored before the work begins.
const LONGEST_FILLING: Duration = Duration::from_secs(20);

/// The cases whose tokens can be stored in that time. Says which are left out.
pub(crate) fn feasible() -> Vec<&'static Case> {
    let (feasible, others) = CASES.iter().partition(|case| filling(case.orgs) < LONGEST_FILLING);
    let others: Vec<&Case> = others;
    for case in others {
        let seconds = filling(case.orgs).as_secs();
        eprintln!("skipped: {case}: storing the tokens would take about {seconds} s, because it does not grow linearly");
    }
    feasible
}

/// About how long it takes to store the tokens of so many organizations, from the times for some.
pub(crate) fn filling(orgs: usize) -> Duration {
    const FEW: usize = 500;
    const MORE: usize = 4 * FEW;
    static TIMES: LazyLock<(f64, f64)> = LazyLock::new(|| {
        let time = |count| {
            let began = Instant::now();
            drop(Filled::new(count));
            began.elapsed().as_secs_f64()
        };
        (time(FEW), time(MORE))
    });
    let (few, more) = *TIMES;
    let exponent = (more / few).log2() / 2.0;
    #[allow(clippy::cast_precision_loss, reason = "an estimate")]
    Duration::from_secs_f64(more * (orgs as f64 / MORE as f64).powf(exponent))
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

pub(crate) static CASES: &[Case] = &[
    Case { name: "read a token", orgs: 1, set_up: read_token },
    Case { name: "store a token of 1 organization", orgs: 1, set_up: || store_token(1) },
    Case { name: "store a token among 100", orgs: 100, set_up: || store_token(100) },
    Case { name: "store a token among 10 000", orgs: 10_000, set_up: || store_token(10_000) },
    Case { name: "store a token among 100 000", orgs: 100_000, set_up: || store_token(100_000) },
    Case { name: "pick a token of 1 organization", orgs: 1, set_up: || pick_token(1) },
    Case { name: "pick a token among 100", orgs: 100, set_up: || pick_token(100) },
    Case { name: "pick a token among 10 000", orgs: 10_000, set_up: || pick_token(10_000) },
    Case { name: "pick a token among 100 000", orgs: 100_000, set_up: || pick_token(100_000) },
    Case { name: "map three refusals", orgs: 1, set_up: map_refusals },
    Case { name: "start a recording", orgs: 1, set_up: || start(1, true) },
    Case { name: "start a recording, share: false", orgs: 1, set_up: || start(1, false) },
    Case { name: "start a recording among 10 000", orgs: 10_000, set_up: || start(10_000, true) },
    Case { name: "start 20 000 recordings in 100 organizations", orgs: 100, set_up: || batch(100, 100, 20_000) },
    Case { name: "start 20 000 recordings in 5 000 organizations", orgs: 5_000, set_up: || batch(5_000, 5_000, 20_000) },
    Case { name: "start 2 000 recordings in as many organizations without tokens", orgs: 1, set_up: || batch(1, 2_000, 2_000) },
];

fn read_token() -> Box<dyn FnMut()> {
    let token = jwt(&org(0));
    Box::new(move || {
        let token = AccessToken::parse(black_box(&token)).unwrap();
        black_box(token.claims(parse_json).unwrap());
    })
}

/// A keyring with tokens of so many organizations.
struct Filled {
    pool: LocalPool,
    exchange: Rc<Exchange<World>>,
    keyring: Rc<Keyring<World>>,
    environment: Rc<Environment>,
}

impl Filled {
    fn new(count: usize) -> Filled {
        let pool = LocalPool::new();
        let exchange = Rc::new(Exchange::new(Rc::new(World::new(&pool))));
        let options = Rc::new(SourceOptions {
            login: None,
            shares_tokens: true,
            scopes: vec!["screenrecordings:write".to_owned()],
            timeout: 15_000,
            page_query: Vec::new(),
        });
        let keyring = Keyring::new(exchange.clone(), Sources::new(exchange.clone(), options, Returned::default()));
        let environment = Environments::with(Vec::new()).unwrap().named("mypurecloud.com").unwrap();
        let mut filled = Filled { pool, exchange, keyring, environment };
        (0..count).for_each(|number| filled.store(&jwt(&org(number))));
        filled
    }

    fn store(&mut self, token: &str) {
        let token = AccessToken::parse(token).unwrap();
        let token = self.exchange.unidentified(&self.environment, token, None).unwrap();
        run(&mut self.pool, self.keyring.add(token)).unwrap();
    }
}

/// Stores the token of the organization that is found last.
fn store_token(count: usize) -> Box<dyn FnMut()> {
    let mut filled = Filled::new(count);
    let token = jwt(&org(count - 1));
    Box::new(move || filled.store(black_box(&token)))
}

fn pick_token(count: usize) -> Box<dyn FnMut()> {
    let filled = Filled::new(count);
    let org = OrgId::parse(&org(count - 1)).unwrap();
    let target = Target { environment: filled.environment.clone(), org };
    Box::new(move || assert!(filled.keyring.has_fresh(black_box(&target))))
}

fn map_refusals() -> Box<dyn FnMut()> {
    let refused = |status, code: &str, message: &str| {
        let properties = [("status", parse_json(&format!("{status}")).unwrap()), ("code", text(code)), ("message", text(message))];
        let body = format!(r#"{{"status":{status},"code":"{code}","message":"{message}"}}"#);
        Response { status, body, json: object(&properties), ..Response::default() }
    };
    let responses = [
        refused(403, "bad.request", "Permission denied: insufficient scope for resource owner"),
        refused(403, "missing.permissions", "Unable to perform the action: [recording:screenRecording:add] is missing"),
        refused(429, "too.many.requests.retry.after", "Rate limit exceeded. Please retry the request in [3] seconds"),
    ];
    Box::new(move || {
        for response in &responses {
            black_box(refusal(black_box(response)));
        }
    })
}

fn connect(pool: &mut LocalPool, orgs: usize) -> Recorder<World> {
    let options = Options {
        tokens: (0..orgs).map(|number| jwt(&org(number)).into()).collect(),
        environment: Some("mypurecloud.com".to_owned()),
        org_id: Some(org(0)),
        ..Options::default()
    };
    let settings = Settings::from_options(options, None, None).unwrap();
    let world = World::new(pool);
    match run(pool, Recorder::connect(PageState::default(), world, settings, CallOptions::default())) {
        Ok(recorder) => recorder,
        Err(_) => panic!("connect() failed"),
    }
}

/// Starts a recording in the last organization, of another agent each time.
fn start(orgs: usize, shares: bool) -> Box<dyn FnMut()> {
    let mut pool = LocalPool::new();
    let recorder = connect(&mut pool, orgs);
    let org = org(orgs - 1);
    let mut agents = 0;
    Box::new(move || {
        agents += 1;
        let start = start_of(agents, &org, shares);
        black_box(run(&mut pool, recorder.start_recording(start, CallOptions::default())).unwrap());
    })
}

fn start_of(agent: usize, org: &str, shares: bool) -> Start {
    let agent = AgentId::parse(&format!("agent-{agent}")).unwrap();
    Start::new(agent, OrgId::parse(org), None, Some(shares)).unwrap()
}

/// Starts so many recordings in so many organizations. The first `with_token` of them have a token, the others `getToken()`.
fn batch(with_token: usize, orgs: usize, count: usize) -> Box<dyn FnMut()> {
    let batch = Batch { concurrency: 6, requests_per_minute: Some(100_000) };
    Box::new(move || {
        // A recorder of its own for each batch, because the rate of a token counts over a minute.
        let mut pool = LocalPool::new();
        let recorder = connect(&mut pool, with_token);
        let starts = (0..count).map(|at| Ok(start_of(at, &org(at % orgs), true)));
        let started = Cell::new(0);
        let on_settled = |_, _, progress: BatchProgress| started.set(progress.fulfilled);
        run(&mut pool, recorder.start_many(starts, batch, on_settled, CallOptions::default())).unwrap();
        assert_eq!(started.get(), count);
    })
}
