//! A world for the flow: a cloud, a token source and a clock, each doing what the test says.

#![allow(dead_code, unreachable_pub, reason = "every test binary takes what it needs")]

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};

use base64ct::{Base64UrlUnpadded, Encoding};
use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::LocalBoxFuture;
use premium_recorder::environment::EnvironmentEntry;
use premium_recorder::error::{Cause, Code, Error};
use premium_recorder::grant::Request;
use premium_recorder::json::Json;
use premium_recorder::ports::{Answer, IssuedToken, Lost, Ports, TokenNeed};
use premium_recorder::recorder::{Failure, Limits, Recorder};
use premium_recorder::settings::{Options, Settings};
use premium_recorder::timestamp::Timestamp;

pub const ACME: &str = "aaaaaaaa-0000-4000-8000-00000000000a";
pub const GLOBEX: &str = "bbbbbbbb-0000-4000-8000-00000000000b";
pub const INITECH: &str = "cccccccc-0000-4000-8000-00000000000c";
pub const AGENT: &str = "11111111-0000-4000-8000-000000000001";
pub const NOW: i64 = 1_800_000_000_000;

/// A request as the cloud sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub method: String,
    pub url: String,
    pub token: String,
    pub org: Option<String>,
    pub body: Option<String>,
}

type Cloud = Box<dyn Fn(&Seen) -> LocalBoxFuture<'static, Result<Answer, Lost>>>;
type Source = Box<dyn Fn(Asked) -> LocalBoxFuture<'static, Result<IssuedToken, Cause>>>;

/// Lets a source give what it was asked for.
pub struct Told(oneshot::Sender<()>);

impl Told {
    pub fn tell(self) {
        self.0.send(()).unwrap();
    }
}

/// What the token source was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub environment: String,
    pub org: String,
    pub scopes: Vec<String>,
    pub reason: String,
}

#[derive(Default)]
struct State {
    seen: RefCell<Vec<Seen>>,
    asked: RefCell<Vec<Asked>>,
    cloud: RefCell<Option<Cloud>>,
    source: RefCell<Option<Source>>,
    now: Cell<i64>,
    closed: Cell<bool>,
    sleepers: RefCell<Vec<Waker>>,
}

/// The world outside; clones are the same world.
#[derive(Clone, Default)]
pub struct World(Rc<State>);

impl World {
    pub fn new() -> World {
        let world = World::default();
        world.0.now.set(NOW);
        world
    }

    pub fn cloud(&self, answer: impl Fn(&Seen) -> LocalBoxFuture<'static, Result<Answer, Lost>> + 'static) -> &World {
        self.0.cloud.replace(Some(Box::new(answer)));
        self
    }

    /// A cloud that answers at once.
    pub fn answers(&self, answer: impl Fn(&Seen) -> Answer + 'static) -> &World {
        self.cloud(move |seen| {
            let answer = answer(seen);
            Box::pin(async { Ok(answer) })
        })
    }

    pub fn source(&self, source: impl Fn(Asked) -> LocalBoxFuture<'static, Result<IssuedToken, Cause>> + 'static) -> &World {
        self.0.source.replace(Some(Box::new(source)));
        self
    }

    /// A source that gives this token at once.
    pub fn issues(&self, token: &str) -> &World {
        let token = token.to_owned();
        self.source(move |_| {
            let access_token = token.clone();
            Box::pin(async { Ok(IssuedToken { access_token, expires_in: None }) })
        })
    }

    /// A source that gives each organization its own token.
    pub fn issues_each(&self) -> &World {
        self.source(|asked| Box::pin(async move { Ok(IssuedToken { access_token: jwt_of(&asked.org), expires_in: None }) }))
    }

    /// A source that gives each organization its own token, but those that `waits` names only when told.
    pub fn issues_when_told(&self, waits: impl Fn(&str) -> bool + 'static) -> Told {
        let (tell, told) = oneshot::channel();
        let told = told.shared();
        self.source(move |asked| {
            let told = waits(&asked.org).then(|| told.clone());
            Box::pin(async move {
                if let Some(told) = told {
                    told.await.unwrap();
                }
                Ok(IssuedToken { access_token: jwt_of(&asked.org), expires_in: None })
            })
        });
        Told(tell)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.0.seen.borrow().clone()
    }

    pub fn starts(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.method == "POST").collect()
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.0.asked.borrow().clone()
    }

    pub fn advance(&self, millis: i64) {
        self.0.now.set(self.0.now.get() + millis);
        self.wake();
    }

    fn wake(&self) {
        for waker in self.0.sleepers.take() {
            waker.wake();
        }
    }

    async fn until(&self, is_time: impl Fn(&State) -> bool) {
        poll_fn(|context| {
            if is_time(&self.0) {
                return Poll::Ready(());
            }
            self.0.sleepers.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Ports for World {
    async fn send(&self, request: Request) -> Result<Answer, Lost> {
        let header = |name: &str| request.headers().iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
        let seen = Seen {
            method: request.method().as_str().to_owned(),
            url: request.url().to_owned(),
            token: header("Authorization").unwrap().strip_prefix("Bearer ").unwrap().to_owned(),
            org: header("X-Genesys-Organization-Id"),
            body: request.body().map(str::to_owned),
        };
        self.0.seen.borrow_mut().push(seen.clone());
        let answer = self.0.cloud.borrow().as_ref().expect("a request, and no cloud")(&seen);
        answer.await
    }

    fn has_token_source(&self) -> bool {
        self.0.source.borrow().is_some()
    }

    async fn get_token(&self, need: TokenNeed<'_>) -> Result<IssuedToken, Cause> {
        let asked = Asked {
            environment: need.environment.name().to_owned(),
            org: need.org.as_str().to_owned(),
            scopes: need.scopes.clone(),
            reason: need.reason.as_str().to_owned(),
        };
        self.0.asked.borrow_mut().push(asked.clone());
        let issued = self.0.source.borrow().as_ref().expect("a need, and no source")(asked);
        issued.await
    }

    fn parse_json(&self, text: &str) -> Option<Json> {
        json(text)
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.now.get())
    }

    async fn wait(&self, millis: u32) {
        let over = self.0.now.get() + i64::from(millis);
        self.until(|state| state.now.get() >= over).await;
    }

    fn close(&self) {
        self.0.closed.set(true);
        self.wake();
    }

    async fn closed(&self) {
        self.until(|state| state.closed.get()).await;
    }
}

/// JSON as serde_json reads it, which shares nothing with the page's parser but the standard.
pub fn json(text: &str) -> Option<Json> {
    fn tree(value: serde_json::Value) -> Json {
        match value {
            serde_json::Value::String(text) => Json::Text(text),
            serde_json::Value::Number(number) => Json::Number(number.as_f64().unwrap() as i64),
            serde_json::Value::Array(items) => Json::List(items.into_iter().map(tree).collect()),
            serde_json::Value::Object(entries) => Json::Object(entries.into_iter().map(|(key, value)| (key, tree(value))).collect()),
            _ => Json::Other,
        }
    }
    serde_json::from_str(text).ok().map(tree)
}

pub fn answer(status: u16, body: &str) -> Answer {
    Answer { status, body: body.to_owned(), json: json(body).unwrap_or_default(), correlation_id: Some("corr-1".to_owned()) }
}

pub fn lost(why: &str) -> Lost {
    Lost { may_have_run: true, status: None, cause: Cause::Foreign(Rc::new(why.to_owned())) }
}

/// A JWT with these claims (JSON), signed by nobody.
pub fn jwt(claims: &str) -> String {
    let part = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
    format!("{}.{}.{}", part(r#"{"alg":"HS256","typ":"JWT"}"#), part(claims), part("signature"))
}

pub fn jwt_of(org: &str) -> String {
    jwt(&format!(r#"{{"org_id":"{org}","exp":{},"scope":"screenrecordings:write"}}"#, NOW / 1000 + 3600))
}

pub fn token_info(org: &str) -> String {
    format!(
        r#"{{"organization":{{"id":"{org}","name":"An organization"}},"homeOrganization":{{"id":"{INITECH}"}},"authorizedScope":["user-basic-info"]}}"#
    )
}

pub fn entry() -> EnvironmentEntry {
    EnvironmentEntry {
        name: "private".to_owned(),
        api: "https://api.cloud.example".to_owned(),
        login: "https://login.cloud.example".to_owned(),
        apps: "https://apps.cloud.example".to_owned(),
    }
}

/// Options of an app in the private cloud.
pub fn options(tokens: &[&str]) -> Options {
    Options {
        tokens: tokens.iter().map(|&token| token.to_owned()).collect(),
        environment: Some("private".to_owned()),
        environments: vec![entry()],
        ..Options::default()
    }
}

pub fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

pub fn no_limits() -> Limits<std::future::Pending<()>> {
    Limits { timeout: None, aborted: std::future::pending() }
}

pub async fn connected(world: &World, options: Options) -> Recorder<World> {
    let settings = Settings::decide(options, None).unwrap();
    Recorder::connect(world.clone(), settings, no_limits()).await.unwrap()
}

pub fn run<T>(work: impl Future<Output = T>) -> T {
    futures::executor::block_on(work)
}

/// The error that a call failed with.
pub fn error<T: std::fmt::Debug>(result: Result<T, Failure>) -> Rc<Error> {
    match result.unwrap_err() {
        Failure::Error(error) => error,
        Failure::Aborted => panic!("aborted, not an error"),
    }
}

pub fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> Code {
    result.unwrap_err().code
}
