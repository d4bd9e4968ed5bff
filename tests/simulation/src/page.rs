//! The outside of one recorder, in one page.

use std::cell::RefCell;
use std::future::ready;
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;
use premium_recorder::auth::need::Need;
use premium_recorder::auth::ports::{Crypto, Locks, Navigation, SharingRole, TokenSharer, TokenSharing, TokenSource, TryLock};
use premium_recorder::cloud::event::Event;
use premium_recorder::cloud::ports::{Codec, Observer, Transport, TransportError};
use premium_recorder::cloud::response::Response;
use premium_recorder::model::error::Cause;
use premium_recorder::model::json::Json;
use premium_recorder::model::time::{Instant, Timestamp};
use premium_recorder::token::access_token::IssuedToken;
use premium_recorder::token::request::Request;

use crate::clock::{self, Timer};
use crate::cloud::{Asked, agent_number};
use crate::invariant::Key;
use crate::login::{Exchange, PageWindow, sha256};
use crate::network::Network;
use crate::origin::{Held, Sharing};
use crate::schedule::{Does, Given, ORGS, PageSetup};
use crate::token::{ORG_IDS, org_number};
use crate::world::World;

/// The name of the header that says of which start a request is.
pub const START_HEADER: &str = "Idempotency-Key";

/// How long another page takes to answer, in milliseconds.
const TO_ANOTHER_PAGE: i64 = 1;

/// How long a page waits for another one's answer, in milliseconds.
const PATIENCE: i64 = 1_000;

/// A page, as one recorder sees it.
pub struct Page {
    world: Rc<World>,
    recorder: usize,
    tab: usize,
    setup: PageSetup,
    /// The token that the source gave last.
    given: RefCell<Option<(usize, Option<f64>)>>,
}

impl Page {
    /// The outside of this recorder.
    pub fn new(world: &Rc<World>, recorder: usize, tab: usize, setup: &PageSetup) -> Page {
        Page { world: world.clone(), recorder, tab, setup: setup.clone(), given: RefCell::default() }
    }

    fn read(&self, request: &Request) -> Asked {
        let header =
            |name: &str| request.headers().iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
        if header("Authorization").is_none() {
            return Asked {
                method: request.method().as_str(),
                path: "/oauth/token".to_owned(),
                token: usize::MAX,
                org: None,
                agent: None,
                is_other_type: false,
                start: None,
                exchange: Some(Exchange::read(request.body().unwrap_or_default())),
            };
        }
        let bearer = header("Authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        let token = self.world.tokens.borrow().number_of(bearer).expect("a request without a token that was issued");
        let body = request.body().unwrap_or_default();
        let body = json(body).unwrap_or_default();
        let path = request.url().strip_prefix(request.origin()).unwrap_or_default();
        let agent = body.str("agentId").and_then(agent_number);
        let mut asked = Asked {
            method: request.method().as_str(),
            path: path.to_owned(),
            token,
            org: header("X-Genesys-Organization-Id").and_then(org_number),
            agent,
            is_other_type: body.str("recordingType") == Some(OTHER_TYPE),
            start: None,
            exchange: None,
        };
        if asked.method == "POST" {
            asked.start = Some(self.world.start_of(self.recorder, self.setup.environment, &asked, header(START_HEADER)));
        }
        asked
    }

    /// What a stranger answers that shares under this name.
    async fn ask_stranger(&self, name: &str, does: Does) -> Option<Option<IssuedToken>> {
        let world = &self.world;
        world.log(|| format!("recorder {}: asked a stranger under {name}: {does:?}", self.recorder));
        let (how, time) = match does {
            Does::SharesSilence => ("shares silence", PATIENCE),
            Does::Shares(_) => ("shares a token", TO_ANOTHER_PAGE),
            Does::SharesNonsense => ("shares nonsense", TO_ANOTHER_PAGE),
            _ => ("shares nothing", TO_ANOTHER_PAGE),
        };
        world.see("stranger", how);
        Timer::new(world, time).await;
        let environment = self.setup.environment;
        match does {
            Does::SharesSilence => None,
            Does::Shares(token) => {
                let org = ORG_IDS.iter().position(|org| name.contains(org)).and_then(|at| u8::try_from(at).ok()).unwrap_or_default();
                let now = world.clouds.borrow()[usize::from(environment)].time(world.now());
                let number = world.tokens.borrow_mut().issue(&token, org, environment, now);
                let text = world.tokens.borrow_mut().give(number, environment);
                let expires_in = token.life.filter(|_| token.is_told).map(f64::from);
                Some(Some(IssuedToken { access_token: text.into(), expires_in }))
            }
            Does::SharesNonsense => Some(Some(IssuedToken { access_token: "no token".to_owned().into(), expires_in: Some(f64::NAN) })),
            _ => Some(None),
        }
    }

    fn checks(&self, what: &'static str, text: &str) {
        if self.world.has_secret(text) {
            self.world.broken("NO LEAK", || format!("{what}: {text}"));
        }
    }
}

/// The `recordingType` that is not `screen`.
pub const OTHER_TYPE: &str = "audio";

impl Transport for Page {
    async fn send(&self, request: Box<Request>) -> Result<Response, TransportError> {
        self.world.act();
        self.checks("a URL", request.url());
        let asked = self.read(&request);
        let org = request.org().and_then(|org| org_number(org.as_str()));
        let (number, sending) = Network::send(&self.world, self.recorder, self.setup.environment, asked, org);
        self.world.sent(number, request.origin(), request.url());
        sending.await
    }

    fn streams_bodies(&self) -> bool {
        false
    }

    fn is_replaced(&self) -> bool {
        false
    }
}

impl TokenSource for Page {
    fn has_token_source(&self) -> bool {
        self.setup.has_source
    }

    async fn get_token(&self, need: &Need, _scopes: &[String]) -> Result<Option<IssuedToken>, Cause> {
        let world = &self.world;
        world.act();
        let environment = self.setup.environment;
        let is_undecided = need.org.is_none();
        let org = match &need.org {
            Some(org) => org_number(org.as_str()).expect("an organization that there is"),
            // The organization of the page's session. Each page has its own.
            None => u8::try_from(self.recorder % usize::from(ORGS)).unwrap_or_default(),
        };
        let give = world.next_give();
        world.log(|| format!("recorder {}: getToken for org {org} ({:?}): {give:?}", self.recorder, need.reason));
        if need.environment.api().as_str() != api(environment) {
            world.broken("ORIGIN", || format!("getToken was asked for a token of {}", need.environment.name()));
        }
        if give.after > 0 {
            Timer::new(world, i64::from(give.after)).await;
        }
        let before = *self.given.borrow();
        let (number, expires_in) = match (give.what, before) {
            (Given::Null, _) => return Ok(None),
            (Given::Fails, _) => return Err(Cause::Foreign(Rc::new("rejected"))),
            (Given::Hangs, _) => std::future::pending().await,
            (Given::Again, Some(before)) => before,
            (what, _) => {
                let token = if let Given::New(token) = what { token } else { crate::schedule::Token::default() };
                let now = world.clouds.borrow()[usize::from(environment)].time(world.now());
                let number = world.tokens.borrow_mut().issue(&token, org, environment, now);
                (number, token.life.filter(|_| token.is_told).map(f64::from))
            }
        };
        if is_undecided {
            world.decides(environment, world.tokens.borrow().get(number).owner);
        }
        self.given.replace(Some((number, expires_in)));
        let text = world.tokens.borrow_mut().give(number, environment);
        world.log(|| format!("recorder {}: getToken gave token {number}", self.recorder));
        Ok(Some(IssuedToken { access_token: text.into(), expires_in }))
    }
}

impl Navigation for Page {
    type Window = PageWindow;

    fn open_window(&self) -> LocalBoxFuture<'static, Option<PageWindow>> {
        Box::pin(ready(self.world.open_window(self.recorder, self.setup.environment)))
    }

    fn has_opaque_origin(&self) -> bool {
        false
    }

    fn fragment(&self) -> String {
        String::new()
    }

    fn has_session_storage(&self) -> bool {
        true
    }

    fn store_and_navigate(&self, url: &str, key: &str, item: &str) -> bool {
        self.world.leaves(self.recorder, self.tab, self.setup.environment, url, (key, item))
    }

    fn take_session_item(&self, key: &str) -> Option<String> {
        self.world.take_stored(self.tab, key)
    }

    fn session_items(&self, prefix: &str) -> Vec<(String, String)> {
        self.world.stored(self.tab, prefix)
    }

    fn replace_address(&self, url: &str) {
        self.checks("the address", url);
    }
}

impl Locks for Page {
    type Lock = PageLock;

    async fn has_locks(&self) -> bool {
        !self.world.schedule.without_locks
    }

    async fn lock(&self, name: &str) -> Option<PageLock> {
        self.world.act();
        self.checks("a lock's name", name);
        self.world.named(name, self.setup.environment, false);
        if self.world.schedule.without_locks {
            return None;
        }
        let held = self.world.origin.lock(name, self.recorder).await;
        self.world.log(|| format!("recorder {}: has the lock {name}", self.recorder));
        let key = held.was_waited_for().then(|| self.world.lock_waited_for(self.recorder, self.setup.environment, name)).flatten();
        Some(PageLock { _held: held, world: self.world.clone(), key })
    }

    async fn try_lock(&self, name: &str) -> TryLock<PageLock> {
        self.world.act();
        self.checks("a lock's name", name);
        self.world.named(name, self.setup.environment, true);
        if self.world.schedule.without_locks {
            return TryLock::Unsupported;
        }
        let after = self.world.schedule.locks_after;
        let held = match after {
            Some(0) => self.world.origin.take_lock(name, self.recorder),
            Some(millis) => {
                Timer::new(&self.world, i64::from(millis)).await;
                self.world.origin.take_lock(name, self.recorder)
            }
            None => self.world.origin.try_lock(name, self.recorder).await,
        };
        match held {
            Some(held) => {
                self.world.log(|| format!("recorder {}: has the lock {name}", self.recorder));
                let lock = PageLock { _held: held, world: self.world.clone(), key: None };
                match after {
                    None | Some(0) => TryLock::Held(lock),
                    Some(_) => {
                        self.world.see("lock", "late");
                        TryLock::HeldLate(lock)
                    }
                }
            }
            None => {
                self.world.log(|| format!("recorder {}: the lock is taken: {name}", self.recorder));
                self.world.see("lock", "taken");
                TryLock::Taken
            }
        }
    }
}

impl TokenSharing for Page {
    type Sharing = Sharing;

    async fn request_shared_token(&self, name: &str) -> Option<Option<IssuedToken>> {
        self.world.act();
        self.checks("a name to share under", name);
        self.world.named(name, self.setup.environment, false);
        if let Some(does) = self.world.origin.stranger(name) {
            return self.ask_stranger(name, does).await;
        }
        self.world.origin.answering(name)?;
        Timer::new(&self.world, TO_ANOTHER_PAGE).await;
        let holder = self.world.origin.answering(name)?;
        let handed_over = holder.share();
        self.world
            .log(|| format!("recorder {}: asked {name}: {}", self.recorder, if handed_over.is_some() { "a token" } else { "nothing" }));
        self.world.see("shared token", if handed_over.is_some() { "handed over" } else { "nothing left" });
        Some(handed_over)
    }

    fn share_token(&self, name: &str, holder: Rc<dyn TokenSharer>, role: SharingRole) -> Sharing {
        self.world.act();
        self.checks("a name to share under", name);
        self.world.named(name, self.setup.environment, false);
        let org = ORG_IDS.iter().position(|org| name.contains(org)).and_then(|at| u8::try_from(at).ok());
        self.world.origin.share(name, Rc::new(Told { world: self.world.clone(), recorder: self.recorder, org, holder }), role)
    }

    fn forget_shared_token(&self, name: &str) {
        self.world.act();
        // A page that takes part later hears nothing of it.
        for number in self.world.origin.hearers(name) {
            self.world.clock.after(TO_ANOTHER_PAGE, clock::Event::Forget(number));
        }
    }
}

impl Codec for Page {
    fn parse_json(&self, text: &str) -> Option<Json> {
        json(text)
    }

    fn form(&self, pairs: &[(&str, &str)]) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }

    fn parse_form(&self, text: &str) -> Vec<(String, String)> {
        form_urlencoded::parse(text.strip_prefix('?').unwrap_or(text).as_bytes()).into_owned().collect()
    }
}

impl Crypto for Page {
    fn has_crypto(&self) -> bool {
        true
    }

    fn random(&self) -> Option<[u8; 32]> {
        Some(self.world.random())
    }

    async fn sha256(&self, bytes: &[u8]) -> Option<[u8; 32]> {
        self.world.verifier(bytes);
        Some(sha256(bytes))
    }
}

impl Observer for Page {
    fn emit(&self, event: &Event<'_>) {
        self.world.act();
        match event {
            Event::Repair { code, .. } => self.world.see("repaired", code.as_str()),
            Event::Retry { code, .. } => self.world.see("sent again after", code.as_str()),
            _ => {}
        }
        let text = format!("{event:?}");
        self.checks("an event", &text);
        self.world.log(|| format!("recorder {}: {text}", self.recorder));
    }
}

impl premium_recorder::cloud::ports::Timer for Page {
    fn now(&self) -> Instant {
        Instant::from_millis(self.world.monotonic(self.world.now()))
    }

    fn wall_clock(&self) -> Timestamp {
        Timestamp::from_millis(self.world.wall_clock())
    }

    fn sleep(&self, millis: u32) -> LocalBoxFuture<'static, ()> {
        let world = self.world.clone();
        Box::pin(async move {
            world.act();
            Timer::new(&world, i64::from(millis)).await;
        })
    }

    fn next_task(&self) -> LocalBoxFuture<'static, ()> {
        self.sleep(0)
    }

    fn spawn(&self, work: LocalBoxFuture<'static, ()>) {
        self.world.act();
        self.world.executor.spawn(self.recorder, work);
    }
}

/// A lock that a page has.
pub struct PageLock {
    _held: Held,
    world: Rc<World>,
    /// What has to be looked for while it is held.
    key: Option<Key>,
}

impl Drop for PageLock {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.world.looked_for(&key);
        }
    }
}

/// A holder whose recorder is known when it is told to forget.
struct Told {
    world: Rc<World>,
    recorder: usize,
    org: Option<u8>,
    holder: Rc<dyn TokenSharer>,
}

impl TokenSharer for Told {
    fn share(&self) -> Option<IssuedToken> {
        self.holder.share()
    }

    fn forget(&self) {
        self.world.signs_out(self.recorder, self.org);
        self.holder.forget();
    }
}

/// The api origin of an environment.
pub fn api(environment: u8) -> &'static str {
    if environment == 0 { "https://api.one.example" } else { "https://api.two.example" }
}

/// How many levels of JSON a page hands over.
const DEEPEST: u8 = 32;

/// JSON as serde_json reads it. What is deeper than a page hands over is left out.
pub fn json(text: &str) -> Option<Json> {
    fn tree(value: serde_json::Value, depth: u8) -> Json {
        use serde_json::Value::{Array, Bool, Null, Number, Object, String};
        match (value, depth.checked_sub(1)) {
            (String(text), _) => Json::String(text),
            (Number(number), _) => Json::from_number(number.as_f64().unwrap_or_default()),
            (Array(items), Some(depth)) => Json::Array(items.into_iter().map(|item| tree(item, depth)).collect()),
            (Bool(truth), _) => Json::Bool(truth),
            (Object(entries), Some(depth)) => Json::Object(entries.into_iter().map(|(key, value)| (key, tree(value, depth))).collect()),
            (Null, _) | (Array(_) | Object(_), None) => Json::Null,
        }
    }
    serde_json::from_str(text).ok().map(|value| tree(value, DEEPEST))
}
