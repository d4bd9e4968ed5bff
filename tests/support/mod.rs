//! A world for the flow: a cloud, a token source and a clock, each doing what the test says.

#![allow(dead_code, unreachable_pub, reason = "every test binary takes what it needs")]

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use base64ct::{Base64UrlUnpadded, Encoding};
use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::LocalBoxFuture;
use premium_recorder::auth::login::LoginOptions;
use premium_recorder::auth::ports::{Crypto, Locks, Navigation, SignInWindow, TokenNeed, TokenSharer, TokenSharing, TokenSource, TryLock};
use premium_recorder::auth::sign_in::Page;
use premium_recorder::cloud::call::{CallError, CallOptions};
use premium_recorder::cloud::event::Event;
use premium_recorder::cloud::ports::{Codec, Observer, Timer, Transport, TransportError};
use premium_recorder::cloud::response::Response;
use premium_recorder::cloud::signal::Signal;
use premium_recorder::model::environment::EnvironmentEntry;
use premium_recorder::model::error::{Cause, Code, Error};
use premium_recorder::model::json::Json;
use premium_recorder::model::time::{Instant, Timestamp};
use premium_recorder::recorder::Recorder;
use premium_recorder::recorder::settings::{Options, Settings};
use premium_recorder::token::access_token::IssuedToken;
use premium_recorder::token::request::Request;
use sha2::Digest;

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
    pub idempotency_key: Option<String>,
    pub body: Option<String>,
}

type Cloud = Box<dyn Fn(&Seen) -> LocalBoxFuture<'static, Result<Response, TransportError>>>;
type Source = Box<dyn Fn(Asked) -> LocalBoxFuture<'static, Result<Option<IssuedToken>, Cause>>>;

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
    told: RefCell<Vec<String>>,
    lacks: RefCell<Vec<Feature>>,
    asked: RefCell<Vec<Asked>>,
    cloud: RefCell<Option<Cloud>>,
    source: RefCell<Option<Source>>,
    now: Cell<i64>,
    clock_set_by: Cell<i64>,
    sleepers: Rc<RefCell<Vec<Waker>>>,
    spawned: RefCell<Vec<LocalBoxFuture<'static, ()>>>,
    randoms: Cell<u8>,
    blocks_windows: Cell<bool>,
    signs_in_at_once: Cell<bool>,
    windows: RefCell<Vec<Rc<WindowState>>>,
    left_for: RefCell<Vec<String>>,
    memos: RefCell<HashMap<String, String>>,
    address: RefCell<Option<String>>,
    origin: Rc<SameOrigin>,
}

type Sharer = (u64, String, Rc<dyn TokenSharer>);

/// What the pages of one origin have in common.
#[derive(Default)]
pub struct SameOrigin {
    has_no_locks: Cell<bool>,
    locked: RefCell<Vec<String>>,
    holders: RefCell<Vec<Sharer>>,
    next: Cell<u64>,
}

/// A sign-in window, as the test sees it.
#[derive(Default)]
pub struct WindowState {
    shown: RefCell<Option<String>>,
    queries: RefCell<VecDeque<String>>,
    is_closed: Cell<bool>,
    is_dropped: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    signs_in_at_once: bool,
}

impl WindowState {
    /// The address that it shows.
    pub fn shown(&self) -> Option<String> {
        self.shown.borrow().clone()
    }

    /// A parameter of the authorization request that it shows.
    pub fn parameter(&self, name: &str) -> Option<String> {
        parameter(&self.shown()?, name)
    }

    /// The callback page posts this query.
    pub fn respond(&self, query: &str) {
        self.queries.borrow_mut().push_back(query.to_owned());
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// The callback page posts a code, with the request's own state.
    pub fn grant(&self, code: &str) {
        self.respond(&format!("?code={code}&state={}", self.parameter("state").unwrap()));
    }

    pub fn close(&self) {
        self.is_closed.set(true);
    }

    /// Whether the library has closed it.
    pub fn is_dropped(&self) -> bool {
        self.is_dropped.get()
    }
}

pub struct TestWindow(Rc<WindowState>);

impl SignInWindow for TestWindow {
    fn show(&self, url: &str) {
        self.0.shown.replace(Some(url.to_owned()));
        if self.0.signs_in_at_once {
            self.0.grant(&format!("code-for-{}", self.0.parameter("target").unwrap()));
        }
    }

    async fn response(&self) -> String {
        poll_fn(|context| match self.0.queries.borrow_mut().pop_front() {
            Some(query) => Poll::Ready(query),
            None => {
                self.0.waker.replace(Some(context.waker().clone()));
                Poll::Pending
            }
        })
        .await
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed.get()
    }
}

impl Drop for TestWindow {
    fn drop(&mut self) {
        self.0.is_dropped.set(true);
    }
}

/// A lock of the origin, until dropped.
pub struct TestLock {
    origin: Rc<SameOrigin>,
    name: String,
    sleepers: Rc<RefCell<Vec<Waker>>>,
}

impl Drop for TestLock {
    fn drop(&mut self) {
        self.origin.locked.borrow_mut().retain(|name| *name != self.name);
        for waker in self.sleepers.take() {
            waker.wake();
        }
    }
}

pub struct TestSharing(Rc<SameOrigin>, u64);

impl Drop for TestSharing {
    fn drop(&mut self) {
        self.0.holders.borrow_mut().retain(|(number, ..)| *number != self.1);
    }
}

/// A parameter of a URL's query.
pub fn parameter(url: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(url).unwrap();
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
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

    /// Another page of the same origin.
    pub fn another_page(&self) -> World {
        let state = State { origin: self.0.origin.clone(), sleepers: self.0.sleepers.clone(), ..State::default() };
        state.now.set(self.0.now.get());
        World(Rc::new(state))
    }

    pub fn lacks(&self, feature: Feature) -> &World {
        self.0.lacks.borrow_mut().push(feature);
        self
    }

    pub fn has_no_locks(&self) -> &World {
        self.0.origin.has_no_locks.set(true);
        self
    }

    pub fn blocks_windows(&self) -> &World {
        self.0.blocks_windows.set(true);
        self
    }

    /// Whoever sees a window signs in there, with a code that names the target.
    pub fn signs_in_at_once(&self) -> &World {
        self.0.signs_in_at_once.set(true);
        self
    }

    pub fn windows(&self) -> Vec<Rc<WindowState>> {
        self.0.windows.borrow().clone()
    }

    pub fn left_for(&self) -> Vec<String> {
        self.0.left_for.borrow().clone()
    }

    pub fn memos(&self) -> HashMap<String, String> {
        self.0.memos.borrow().clone()
    }

    /// What is in the address bar, where it was replaced.
    pub fn address(&self) -> Option<String> {
        self.0.address.borrow().clone()
    }

    /// The page after it was left and has come back: only what the tab keeps is still there.
    pub fn come_back(&self) -> World {
        let state = State { origin: self.0.origin.clone(), ..State::default() };
        state.now.set(self.0.now.get());
        state.memos.replace(self.memos());
        World(Rc::new(state))
    }

    /// From which number on the random bytes are counted.
    pub fn random_from(&self, number: u8) {
        self.0.randoms.set(number);
    }

    /// Lets what was spawned go on, until it waits for something else.
    pub fn go_on(&self) {
        let mut context = Context::from_waker(Waker::noop());
        let mut spawned = self.0.spawned.take();
        spawned.retain_mut(|work| work.as_mut().poll(&mut context).is_pending());
        self.0.spawned.borrow_mut().extend(spawned);
    }

    pub fn spawned(&self) -> usize {
        self.0.spawned.borrow().len()
    }

    /// Forgets what was seen and asked so far.
    pub fn forget_the_past(&self) {
        self.0.seen.take();
        self.0.asked.take();
    }

    pub fn cloud(&self, answer: impl Fn(&Seen) -> LocalBoxFuture<'static, Result<Response, TransportError>> + 'static) -> &World {
        self.0.cloud.replace(Some(Box::new(answer)));
        self
    }

    /// A cloud that answers at once.
    pub fn answers(&self, answer: impl Fn(&Seen) -> Response + 'static) -> &World {
        self.cloud(move |seen| {
            let answer = answer(seen);
            Box::pin(async { Ok(answer) })
        })
    }

    pub fn source(&self, source: impl Fn(Asked) -> LocalBoxFuture<'static, Result<IssuedToken, Cause>> + 'static) -> &World {
        self.source_or_none(move |asked| Box::pin(source(asked).map(|issued| issued.map(Some))))
    }

    pub fn source_or_none(
        &self,
        source: impl Fn(Asked) -> LocalBoxFuture<'static, Result<Option<IssuedToken>, Cause>> + 'static,
    ) -> &World {
        self.0.source.replace(Some(Box::new(source)));
        self
    }

    /// A source that gives this token at once.
    pub fn issues(&self, token: &str) -> &World {
        let token = token.to_owned();
        self.source(move |_| {
            let token = token.clone();
            Box::pin(async move { Ok(issued(&token)) })
        })
    }

    /// A source that gives each organization its own token.
    pub fn issues_each(&self) -> &World {
        self.source(|asked| Box::pin(async move { Ok(issued(&jwt_of(&asked.org))) }))
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
                Ok(issued(&jwt_of(&asked.org)))
            })
        });
        Told(tell)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.0.seen.borrow().clone()
    }

    /// Every event, as `Debug` prints it.
    pub fn told(&self) -> Vec<String> {
        self.0.told.borrow().clone()
    }

    pub fn starts(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.method == "POST").collect()
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.0.asked.borrow().clone()
    }

    /// Ready when so many milliseconds have passed.
    pub async fn pass(&self, millis: i64) {
        let over = self.time() + millis;
        self.until(|state| state.now.get() >= over).await;
    }

    /// What the cloud of this page answers.
    pub fn asks(&self, seen: &Seen) -> LocalBoxFuture<'static, Result<Response, TransportError>> {
        self.0.cloud.borrow().as_ref().expect("a request, and no cloud")(seen)
    }

    /// The locks that some page of this origin holds.
    pub fn locked(&self) -> Vec<String> {
        self.0.origin.locked.borrow().clone()
    }

    pub fn time(&self) -> i64 {
        self.0.now.get()
    }

    /// Somebody sets this machine's wall clock: forward, or back.
    pub fn set_clock_by(&self, millis: i64) {
        self.0.clock_set_by.set(self.0.clock_set_by.get() + millis);
        self.wake();
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

impl Transport for World {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        assert!(request.url().starts_with(&format!("{}/", request.origin())), "{request:?} leaves {}", request.origin());
        assert_eq!(format!("{request:?}"), format!("{} {}", request.method().as_str(), request.url()));
        let header = |name: &str| request.headers().iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
        let seen = Seen {
            method: request.method().as_str().to_owned(),
            url: request.url().to_owned(),
            token: header("Authorization").map(|value| value.strip_prefix("Bearer ").unwrap().to_owned()).unwrap_or_default(),
            org: header("X-Genesys-Organization-Id"),
            idempotency_key: header("Idempotency-Key"),
            body: request.body().map(str::to_owned),
        };
        self.0.seen.borrow_mut().push(seen.clone());
        self.asks(&seen).await
    }
}

impl TokenSource for World {
    fn has_token_source(&self) -> bool {
        self.0.source.borrow().is_some()
    }

    async fn get_token(&self, need: TokenNeed<'_>) -> Result<Option<IssuedToken>, Cause> {
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
}

impl Navigation for World {
    type Window = TestWindow;

    fn open_window(&self) -> Option<TestWindow> {
        if self.0.blocks_windows.get() {
            return None;
        }
        let window = Rc::new(WindowState { signs_in_at_once: self.0.signs_in_at_once.get(), ..WindowState::default() });
        self.0.windows.borrow_mut().push(window.clone());
        self.wake();
        Some(TestWindow(window))
    }

    fn has_session_storage(&self) -> bool {
        !self.0.lacks.borrow().contains(&Feature::SessionStorage)
    }

    fn store_and_navigate(&self, url: &str, key: &str, item: &str) -> bool {
        self.0.memos.borrow_mut().insert(key.to_owned(), item.to_owned());
        self.0.left_for.borrow_mut().push(url.to_owned());
        true
    }

    fn take_session_item(&self, key: &str) -> Option<String> {
        self.0.memos.borrow_mut().remove(key)
    }

    fn session_items(&self, prefix: &str) -> Vec<(String, String)> {
        World::memos(self).into_iter().filter(|(key, _)| key.starts_with(prefix)).collect()
    }

    fn replace_address(&self, url: &str) {
        self.0.address.replace(Some(url.to_owned()));
    }
}

impl Locks for World {
    type Lock = TestLock;

    fn has_locks(&self) -> bool {
        !self.0.lacks.borrow().contains(&Feature::WebLocks)
    }

    async fn lock(&self, name: &str) -> Option<TestLock> {
        let origin = self.0.origin.clone();
        if origin.has_no_locks.get() {
            return None;
        }
        self.until(|state| {
            let mut locked = state.origin.locked.borrow_mut();
            let is_free = !locked.iter().any(|other| other == name);
            if is_free {
                locked.push(name.to_owned());
            }
            is_free
        })
        .await;
        Some(TestLock { origin, name: name.to_owned(), sleepers: self.0.sleepers.clone() })
    }

    async fn try_lock(&self, name: &str) -> TryLock<TestLock> {
        let origin = &self.0.origin;
        if origin.has_no_locks.get() {
            return TryLock::Unsupported;
        }
        if origin.locked.borrow().iter().any(|other| other == name) {
            return TryLock::Taken;
        }
        origin.locked.borrow_mut().push(name.to_owned());
        TryLock::Held(TestLock { origin: origin.clone(), name: name.to_owned(), sleepers: self.0.sleepers.clone() })
    }
}

impl TokenSharing for World {
    type Sharing = TestSharing;

    async fn request_shared_token(&self, name: &str) -> Option<Option<IssuedToken>> {
        let holders = self.0.origin.holders.borrow().clone();
        holders.iter().find(|(_, other, _)| other == name).map(|(_, _, holder)| holder.share())
    }

    fn share_token(&self, name: &str, sharer: Rc<dyn TokenSharer>) -> TestSharing {
        let origin = self.0.origin.clone();
        let number = origin.next.get();
        origin.next.set(number + 1);
        origin.holders.borrow_mut().push((number, name.to_owned(), sharer));
        TestSharing(origin, number)
    }

    fn forget_shared_token(&self, name: &str) {
        let holders = self.0.origin.holders.borrow().clone();
        holders.iter().filter(|(_, other, _)| other == name).for_each(|(_, _, holder)| holder.forget());
    }
}

impl Codec for World {
    fn parse_json(&self, text: &str) -> Option<Json> {
        json(text)
    }

    fn parse_date(&self, text: &str) -> Option<Timestamp> {
        date(text)
    }

    fn form(&self, pairs: &[(&str, &str)]) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }

    fn parse_form(&self, text: &str) -> Vec<(String, String)> {
        url::form_urlencoded::parse(text.strip_prefix('?').unwrap_or(text).as_bytes()).into_owned().collect()
    }
}

impl Crypto for World {
    fn has_crypto(&self) -> bool {
        !self.0.lacks.borrow().contains(&Feature::WebCrypto)
    }

    fn random(&self) -> Option<[u8; 32]> {
        let random = self.0.randoms.get() + 1;
        self.0.randoms.set(random);
        Some([random; 32])
    }

    async fn sha256(&self, bytes: &[u8]) -> Option<[u8; 32]> {
        Some(sha2::Sha256::digest(bytes).into())
    }
}

impl Observer for World {
    fn emit(&self, event: &Event<'_>) {
        self.0.told.borrow_mut().push(format!("{event:?}"));
    }
}

impl Timer for World {
    fn now(&self) -> Instant {
        Instant::from_millis(self.0.now.get() - NOW)
    }

    fn wall_clock(&self) -> Timestamp {
        Timestamp::from_millis(self.0.now.get() + self.0.clock_set_by.get())
    }

    fn sleep(&self, millis: u32) -> LocalBoxFuture<'static, ()> {
        let (world, over) = (self.clone(), self.0.now.get() + i64::from(millis));
        Box::pin(async move { world.until(|state| state.now.get() >= over).await })
    }

    fn spawn(&self, work: LocalBoxFuture<'static, ()>) {
        self.0.spawned.borrow_mut().push(work);
    }
}

/// JSON as serde_json reads it, which shares nothing with the page's parser but the standard.
pub fn json(text: &str) -> Option<Json> {
    fn tree(value: serde_json::Value) -> Json {
        match value {
            serde_json::Value::String(text) => Json::String(text),
            serde_json::Value::Number(number) => Json::Number(number.as_f64().unwrap() as i64),
            serde_json::Value::Array(items) => Json::Array(items.into_iter().map(tree).collect()),
            serde_json::Value::Bool(truth) => Json::Bool(truth),
            serde_json::Value::Object(entries) => Json::Object(entries.into_iter().map(|(key, value)| (key, tree(value))).collect()),
            serde_json::Value::Null => Json::Null,
        }
    }
    serde_json::from_str(text).ok().map(tree)
}

pub fn answer(status: u16, body: &str) -> Response {
    Response {
        status,
        body: body.to_owned(),
        json: json(body).unwrap_or_default(),
        correlation_id: Some("corr-1".to_owned()),
        date: None,
        retry_after: None,
        rate_limit: None,
    }
}

pub fn issued(token: &str) -> IssuedToken {
    IssuedToken { access_token: token.to_owned().into(), expires_in: None }
}

/// An ISO 8601 date in UTC, as jiff reads it.
pub fn date(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|at| Timestamp::from_millis(at.as_millisecond()))
}

pub fn lost(why: &str) -> TransportError {
    TransportError { may_have_been_processed: true, status: None, cause: Cause::Foreign(Rc::new(why.to_owned())) }
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
        tokens: tokens.iter().map(|&token| token.to_owned().into()).collect(),
        environment: Some("private".to_owned()),
        environments: vec![entry()],
        ..Options::default()
    }
}

pub const PAGE: &str = "https://app.example";
pub const CALLBACK: &str = "https://app.example/callback.html";

/// The app's page, opened with this query.
pub fn page(query: &[(&str, &str)]) -> Page {
    Page { origin: PAGE.to_owned(), address: format!("{PAGE}/"), query: pairs(query) }
}

/// Options of an app in the private cloud where people sign in.
pub fn login_options() -> Options {
    let login = LoginOptions { client_id: Some("client".to_owned()), redirect_uri: CALLBACK.to_owned(), ..LoginOptions::default() };
    Options { login: Some(login), ..options(&[]) }
}

pub fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// What a platform may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    SessionStorage,
    WebLocks,
    WebCrypto,
}

/// Neither `signal` nor `timeoutMs`.
pub fn no_options() -> CallOptions {
    CallOptions::default()
}

/// `timeoutMs`.
pub fn within(timeout: u32) -> CallOptions {
    CallOptions { timeout: Some(timeout), ..CallOptions::default() }
}

/// `signal`.
pub fn with_signal(signal: &Signal) -> CallOptions {
    CallOptions { signal: signal.clone(), ..CallOptions::default() }
}

/// A call that is aborted when this is ready.
pub async fn aborted_when<T>(abort: impl Future<Output = ()>, call: impl AsyncFnOnce(CallOptions) -> T) -> T {
    let signal = Signal::default();
    let abort = async {
        abort.await;
        signal.abort();
    };
    futures::future::join(abort, call(with_signal(&signal))).await.1
}

pub async fn connected(world: &World, options: Options) -> Recorder<World> {
    let settings = Settings::from_options(options, None, Some(page(&[]))).unwrap();
    Recorder::connect(world.clone(), settings, None, no_options()).await.unwrap()
}

pub fn run<T>(work: impl Future<Output = T>) -> T {
    futures::executor::block_on(work)
}

/// The error that a call failed with.
pub fn error<T: std::fmt::Debug>(result: Result<T, CallError>) -> Rc<Error> {
    match result.unwrap_err() {
        CallError::Error(error) => error,
        CallError::Aborted => panic!("aborted, not an error"),
    }
}

pub fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> Code {
    result.unwrap_err().code
}

/// Lets the others go on until this is so. Ends by the test's own time limit if it never is.
pub async fn wait_until(is_so: impl Fn() -> bool) {
    poll_fn(|context| {
        if is_so() {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Lets everybody else take a turn.
pub async fn turn() {
    let mut is_over = false;
    poll_fn(|context| {
        if std::mem::replace(&mut is_over, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The call's result, time passing for these pages while it waits.
pub async fn while_time_passes<T>(worlds: &[&World], call: impl Future<Output = T>) -> T {
    while_time_passes_for(worlds, 600_000, call).await
}

/// The same, for at most so many milliseconds.
pub async fn while_time_passes_for<T>(worlds: &[&World], most: i64, call: impl Future<Output = T>) -> T {
    let mut call = std::pin::pin!(call);
    let mut millis = 0;
    loop {
        for _ in 0..4 {
            if let Poll::Ready(result) = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await {
                return result;
            }
            worlds.iter().for_each(|world| world.go_on());
        }
        millis += 250;
        assert!(millis <= most, "the call does not end");
        worlds.iter().for_each(|world| world.advance(250));
    }
}

/// When the recorder's token of this number expires, by the wall clock.
pub fn expires_at(recorder: &Recorder<World>, number: usize) -> i64 {
    let now = recorder.now();
    now.wall_clock_at(recorder.tokens()[number].expires_at(now).unwrap()).as_millis()
}
