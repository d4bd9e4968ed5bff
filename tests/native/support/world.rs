//! The world outside the library: its state, the requests that reach the cloud, and the events that it emits.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::task::Waker;

use futures::channel::oneshot;
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use premium_recorder::cloud::event::Event;
use premium_recorder::cloud::ports::{Observer, Transport, TransportError};
use premium_recorder::cloud::response::Response;
use premium_recorder::token::request::Request;

use super::{GetTokenCall, Popup, Release, SameOrigin, TokenSourceCallback, gate, yield_now};

/// The wall-clock time at which every test begins, in milliseconds.
pub const NOW: i64 = 1_800_000_000_000;

pub type SendResult = Result<Response, TransportError>;
/// What a test's cloud returns: a response, or that none arrives.
pub trait Answer {
    fn result(self) -> SendResult;
}

impl Answer for Response {
    fn result(self) -> SendResult {
        Ok(self)
    }
}

impl Answer for SendResult {
    fn result(self) -> SendResult {
        self
    }
}

type Responder = Box<dyn Fn(&SentRequest) -> LocalBoxFuture<'static, SendResult>>;

/// A request as the cloud receives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentRequest {
    pub method: String,
    pub url: String,
    pub token: String,
    pub org: Option<String>,
    pub idempotency_key: Option<String>,
    pub body: Option<String>,
    pub is_streamed: bool,
}

impl SentRequest {
    /// True for `POST /oauth/token`, which is sent to the login origin.
    pub fn is_for_token_endpoint(&self) -> bool {
        self.url.ends_with("/oauth/token")
    }
}

/// A feature that a browser may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    Fetch,
    Origin,
    SessionStorage,
    WebLocks,
    StreamedBodies,
    WebCrypto,
}

#[derive(Default)]
pub(super) struct State {
    requests: RefCell<Vec<SentRequest>>,
    events: RefCell<Vec<String>>,
    responder: RefCell<Option<Responder>>,
    disabled: RefCell<Vec<Feature>>,
    pub(super) get_token_calls: RefCell<Vec<GetTokenCall>>,
    pub(super) token_source: RefCell<Option<TokenSourceCallback>>,
    pub(super) now: Cell<i64>,
    /// When the page was opened.
    pub(super) opened: Cell<i64>,
    pub(super) wall_clock_shift: Cell<i64>,
    /// When each of them goes on.
    pub(super) sleepers: RefCell<Vec<(i64, oneshot::Sender<()>)>>,
    /// They wait for a lock, a window, or a token source.
    pub(super) waiters: Rc<RefCell<Vec<Waker>>>,
    pub(super) spawned: RefCell<FuturesUnordered<LocalBoxFuture<'static, ()>>>,
    pub(super) random: Cell<u8>,
    pub(super) blocks_popups: Cell<bool>,
    pub(super) signs_in_immediately: Cell<bool>,
    pub(super) popups: RefCell<Vec<Rc<Popup>>>,
    pub(super) navigations: RefCell<Vec<String>>,
    pub(super) session_storage: RefCell<HashMap<String, String>>,
    pub(super) address: RefCell<Option<String>>,
    pub(super) fragment: RefCell<String>,
    pub(super) origin: Rc<SameOrigin>,
}

/// One page and its outside world. Clones share their state.
#[derive(Clone, Default)]
pub struct World(pub(super) Rc<State>);

impl World {
    pub fn new() -> World {
        let world = World::default();
        world.0.now.set(NOW);
        world.0.opened.set(NOW);
        world
    }

    /// Another page of the same origin.
    pub fn another_page(&self) -> World {
        let state = State { origin: self.0.origin.clone(), waiters: self.0.waiters.clone(), ..State::default() };
        state.now.set(self.0.now.get());
        state.opened.set(self.0.opened.get());
        World(Rc::new(state))
    }

    /// Another page of the same origin, in front of the same cloud.
    pub fn another_page_of_its_cloud(&self) -> World {
        let (page, cloud) = (self.another_page(), self.clone());
        page.respond_async(move |request| cloud.response_to(request));
        page
    }

    /// The page after a redirect to the login origin and back. Only the tab's session storage is kept.
    pub fn after_redirect(&self) -> World {
        let state = State { origin: self.0.origin.clone(), ..State::default() };
        state.now.set(self.0.now.get());
        state.opened.set(self.0.now.get());
        state.random.set(self.0.random.get());
        state.session_storage.replace(self.session_storage());
        World(Rc::new(state))
    }

    /// The browser lacks this feature.
    pub fn disable(&self, feature: Feature) -> &World {
        self.0.disabled.borrow_mut().push(feature);
        self
    }

    pub fn has(&self, feature: Feature) -> bool {
        !self.0.disabled.borrow().contains(&feature)
    }

    /// The cloud responds with what this future returns.
    pub fn respond_async(&self, responder: impl Fn(&SentRequest) -> LocalBoxFuture<'static, SendResult> + 'static) -> &World {
        self.0.responder.replace(Some(Box::new(responder)));
        self
    }

    /// The cloud responds after so many milliseconds.
    pub fn respond_after(&self, millis: i64, responder: impl Fn() -> Response + Clone + 'static) -> &World {
        let clock = self.clone();
        self.respond_async(move |_| {
            let (clock, responder) = (clock.clone(), responder.clone());
            Box::pin(async move {
                clock.sleep(millis).await;
                Ok(responder())
            })
        })
    }

    /// The cloud responds at once, except to requests that wait for the release.
    pub fn respond_when_released<A: Answer>(
        &self,
        waits: impl Fn(&SentRequest) -> bool + 'static,
        responder: impl Fn(&SentRequest) -> A + 'static,
    ) -> Release {
        let (release, released) = gate();
        self.respond_async(move |request| {
            let (released, result) = (waits(request).then(|| released.clone()), responder(request).result());
            Box::pin(async move {
                if let Some(released) = released {
                    released.await.unwrap();
                }
                result
            })
        });
        release
    }

    /// The cloud responds at once.
    pub fn respond<A: Answer>(&self, responder: impl Fn(&SentRequest) -> A + 'static) -> &World {
        self.respond_async(move |request| {
            let result = responder(request).result();
            Box::pin(async { result })
        })
    }

    /// The cloud responds after a turn of the other futures, so calls that begin together are in flight together.
    pub fn respond_one_turn_later(&self, responder: impl Fn(&SentRequest) -> Response + 'static) -> &World {
        self.respond_async(move |request| {
            let response = responder(request);
            Box::pin(async move {
                yield_now().await;
                Ok(response)
            })
        })
    }

    /// What the cloud of this page responds to this request.
    pub fn response_to(&self, request: &SentRequest) -> LocalBoxFuture<'static, SendResult> {
        self.0.responder.borrow().as_ref().expect("a request, but the test has no cloud")(request)
    }

    /// Every request that was sent, in order.
    pub fn requests(&self) -> Vec<SentRequest> {
        self.0.requests.borrow().clone()
    }

    /// Every request that starts a recording.
    pub fn starts(&self) -> Vec<SentRequest> {
        self.requests().into_iter().filter(|request| request.method == "POST" && !request.is_for_token_endpoint()).collect()
    }

    /// Every event, as `Debug` prints it.
    pub fn events(&self) -> Vec<String> {
        self.0.events.borrow().clone()
    }

    /// Forgets the requests and the calls of `getToken` so far.
    pub fn clear_log(&self) {
        self.0.requests.take();
        self.0.get_token_calls.take();
    }
}

impl Transport for World {
    async fn send(&self, request: Box<Request>) -> SendResult {
        assert!(request.url().starts_with(&format!("{}/", request.origin())), "{request:?} leaves {}", request.origin());
        assert_eq!(format!("{request:?}"), format!("{} {}", request.method().as_str(), request.url()));
        let header = |name: &str| request.headers().iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
        let sent = SentRequest {
            method: request.method().as_str().to_owned(),
            url: request.url().to_owned(),
            token: header("Authorization").map(|value| value.strip_prefix("Bearer ").unwrap().to_owned()).unwrap_or_default(),
            org: header("X-Genesys-Organization-Id"),
            idempotency_key: header("Idempotency-Key"),
            body: request.body().map(str::to_owned),
            is_streamed: request.is_streamed(),
        };
        self.0.requests.borrow_mut().push(sent.clone());
        let mut response = self.response_to(&sent).await?;
        if request.takes_response() {
            response.platform_response = Some(Rc::new(response.body.clone()));
            if !matches!(response.status, 401 | 403 | 429) {
                (response.body, response.json) = Default::default();
            }
        }
        Ok(response)
    }

    fn streams_bodies(&self) -> bool {
        self.has(Feature::StreamedBodies)
    }

    fn is_replaced(&self) -> bool {
        !self.has(Feature::Fetch)
    }
}

impl Observer for World {
    fn emit(&self, event: &Event<'_>) {
        self.0.events.borrow_mut().push(format!("{event:?}"));
    }
}
