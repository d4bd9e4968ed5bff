//! A platform that does nothing: every request is answered at once, and no timer ends.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn, ready};
use std::rc::Rc;
use std::sync::LazyLock;
use std::task::Poll;
use std::time::{Instant as SystemInstant, SystemTime, UNIX_EPOCH};

use base64ct::{Base64UrlUnpadded, Encoding};
use futures::executor::{LocalPool, LocalSpawner};
use futures::future::{FutureExt, LocalBoxFuture};
use futures::task::LocalSpawnExt;
use premium_recorder::auth::need::Need;
use premium_recorder::auth::ports::{
    Crypto, Locks, Navigation, SharingRole, SignInWindow, TokenSharer, TokenSharing, TokenSource, TryLock,
};
use premium_recorder::cloud::event::Event;
use premium_recorder::cloud::ports::{Codec, Observer, Timer, Transport, TransportError};
use premium_recorder::cloud::response::Response;
use premium_recorder::model::error::Cause;
use premium_recorder::model::json::Json;
use premium_recorder::model::time::{Instant, Timestamp};
use premium_recorder::token::access_token::IssuedToken;
use premium_recorder::token::request::Request;

static BEGAN: LazyLock<SystemInstant> = LazyLock::new(SystemInstant::now);

pub(crate) struct World {
    recordings: Cell<u32>,
    spawner: LocalSpawner,
}

impl World {
    pub(crate) fn new(pool: &LocalPool) -> World {
        World { recordings: Cell::default(), spawner: pool.spawner() }
    }
}

/// Runs the work to its end, and what it left in the background as far as that goes.
pub(crate) fn run<T>(pool: &mut LocalPool, work: impl Future<Output = T>) -> T {
    let result = pool.run_until(work);
    pool.run_until_stalled();
    result
}

/// The id of the organization with this number.
pub(crate) fn org(number: usize) -> String {
    format!("0a7e1700-0000-4000-8000-{number:012}")
}

/// A JWT of this organization, which expires in an hour.
pub(crate) fn jwt(org: &str) -> String {
    let part = |text: &[u8]| Base64UrlUnpadded::encode_string(text);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = format!(r#"{{"sub":"user","org_id":"{org}","exp":{},"scope":"screenrecordings:write"}}"#, now + 3600);
    format!("{}.{}.{}", part(br#"{"alg":"RS256","typ":"JWT"}"#), part(claims.as_bytes()), part(&[7; 256]))
}

async fn yield_now() {
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

pub(crate) fn text(text: &str) -> Json {
    Json::String(text.to_owned())
}

pub(crate) fn object(properties: &[(&str, Json)]) -> Json {
    Json::Object(properties.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

/// Reads a text as JSON. The browser does that with `JSON.parse`.
pub(crate) fn parse_json(text: &str) -> Option<Json> {
    serde_json::from_str(text).ok().map(json)
}

fn json(value: serde_json::Value) -> Json {
    match value {
        serde_json::Value::Null => Json::Null,
        serde_json::Value::Bool(value) => Json::Bool(value),
        serde_json::Value::Number(number) => Json::from_number(number.as_f64().unwrap()),
        serde_json::Value::String(text) => Json::String(text),
        serde_json::Value::Array(items) => Json::Array(items.into_iter().map(json).collect()),
        serde_json::Value::Object(properties) => Json::Object(properties.into_iter().map(|(name, value)| (name, json(value))).collect()),
    }
}

impl Transport for World {
    async fn send(&self, _request: Box<Request>) -> Result<Response, TransportError> {
        let number = self.recordings.get() + 1;
        self.recordings.set(number);
        let body = format!(r#"{{"id":"recording-{number}","state":"recording","startedAt":"2026-11-26T08:00:00.000Z"}}"#);
        Ok(Response { status: 201, json: parse_json(&body).unwrap(), body, ..Response::default() })
    }

    fn streams_bodies(&self) -> bool {
        false
    }

    fn is_replaced(&self) -> bool {
        false
    }
}

impl Timer for World {
    fn now(&self) -> Instant {
        Instant::from_millis(i64::try_from(BEGAN.elapsed().as_millis()).unwrap())
    }

    fn wall_clock(&self) -> Timestamp {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap())
    }

    fn sleep(&self, _millis: u32) -> LocalBoxFuture<'static, ()> {
        pending().boxed_local()
    }

    fn next_task(&self) -> LocalBoxFuture<'static, ()> {
        ready(()).boxed_local()
    }

    fn spawn(&self, work: LocalBoxFuture<'static, ()>) {
        self.spawner.spawn_local(work).unwrap();
    }
}

impl Codec for World {
    fn parse_json(&self, text: &str) -> Option<Json> {
        parse_json(text)
    }

    fn form(&self, _pairs: &[(&str, &str)]) -> String {
        String::new()
    }

    fn parse_form(&self, _text: &str) -> Vec<(String, String)> {
        Vec::new()
    }
}

impl Observer for World {
    fn emit(&self, _event: &Event<'_>) {}
}

impl TokenSource for World {
    fn has_token_source(&self) -> bool {
        true
    }

    /// Answers after as many turns as the organization's number, so that the tokens come one after another.
    async fn get_token(&self, need: &Need, _scopes: &[String]) -> Result<Option<IssuedToken>, Cause> {
        let Some(org) = &need.org else { return Ok(None) };
        let (_, number) = org.as_str().rsplit_once('-').unwrap();
        for _ in 0..number.parse::<usize>().unwrap() {
            yield_now().await;
        }
        Ok(Some(IssuedToken { access_token: jwt(org.as_str()).into(), expires_in: None }))
    }
}

pub(crate) enum NoWindow {}

impl SignInWindow for NoWindow {
    fn show(&self, _url: &str) {
        match *self {}
    }

    async fn response(&self) -> String {
        match *self {}
    }

    fn address(&self) -> Option<String> {
        match *self {}
    }

    fn is_closed(&self) -> bool {
        match *self {}
    }
}

impl Navigation for World {
    type Window = NoWindow;

    fn open_window(&self) -> LocalBoxFuture<'static, Option<NoWindow>> {
        ready(None).boxed_local()
    }

    fn has_opaque_origin(&self) -> bool {
        false
    }

    fn has_session_storage(&self) -> bool {
        false
    }

    fn store_and_navigate(&self, _url: &str, _key: &str, _item: &str) -> bool {
        false
    }

    fn take_session_item(&self, _key: &str) -> Option<String> {
        None
    }

    fn session_items(&self, _prefix: &str) -> Vec<(String, String)> {
        Vec::new()
    }

    fn fragment(&self) -> String {
        String::new()
    }

    fn replace_address(&self, _url: &str) {}
}

impl Locks for World {
    type Lock = ();

    async fn has_locks(&self) -> bool {
        true
    }

    async fn lock(&self, _name: &str) -> Option<()> {
        Some(())
    }

    async fn try_lock(&self, _name: &str) -> TryLock<()> {
        TryLock::Held(())
    }
}

impl TokenSharing for World {
    type Sharing = ();

    async fn request_shared_token(&self, _name: &str) -> Option<Option<IssuedToken>> {
        None
    }

    fn share_token(&self, _name: &str, _sharer: Rc<dyn TokenSharer>, _role: SharingRole) {}

    fn forget_shared_token(&self, _name: &str) {}
}

impl Crypto for World {
    fn has_crypto(&self) -> bool {
        true
    }

    fn random(&self) -> Option<[u8; 32]> {
        Some([7; 32])
    }

    async fn sha256(&self, _bytes: &[u8]) -> Option<[u8; 32]> {
        None
    }
}
