//! What the flow needs from outside. The browser gives it in `web/`; tests give it by simulation.

use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

use crate::cloud::event::Event;
use crate::cloud::event::NeedReason;
use crate::cloud::response::Response;
use crate::model::environment::Environment;
use crate::model::error::Cause;
use crate::model::ids::OrgId;
use crate::model::json::Json;
use crate::model::time::Timestamp;
use crate::token::access_token::IssuedToken;
use crate::token::request::Request;

/// The world outside: the network, the app's token source, the sign-in window, other pages of this origin, the clock.
#[allow(async_fn_in_trait, reason = "everything runs on one thread")]
pub trait Platform: 'static {
    /// A window for a sign-in. Closed when dropped.
    type Window: SignInWindow;

    /// A lock that other pages respect. Released when dropped.
    type Lock: 'static;

    /// Taking part in sharing tokens. Ends when dropped.
    type Sharing: 'static;

    /// Sends the request once, to its own origin, without cookies, following no redirect. Dropping the future gives up on the answer.
    async fn send(&self, request: Request) -> Result<Response, TransportError>;

    /// Whether the app gave a token source.
    fn has_token_source(&self) -> bool;

    /// Interaction the app's token source; `None` where it has no such token. Dropping the future tells the source that nobody waits any more.
    async fn get_token(&self, need: TokenNeed) -> Result<Option<IssuedToken>, Cause>;

    /// Opens an empty window, at once; `None` where the platform blocks it.
    fn open_window(&self) -> Option<Self::Window>;

    /// Keeps `memo` under `key` for as long as the tab lives, and leaves for another page. Says whether it could be kept.
    fn leave(&self, url: &str, key: &str, memo: &str) -> bool;

    /// What was kept under `key` when the page was left. It is gone then.
    fn take_memo(&self, key: &str) -> Option<String>;

    /// What is kept under keys that begin with `prefix`, with its key.
    fn memos(&self, prefix: &str) -> Vec<(String, String)>;

    /// Puts another address of the same origin into the address bar, without going there.
    fn replace_address(&self, url: &str);

    /// Waits for the exclusive lock of this name, among the pages of this origin and storage partition. `None` at once
    /// where the platform has no locks.
    async fn lock(&self, name: &str) -> Option<Self::Lock>;

    /// As `lock`, but waits for nobody.
    async fn try_lock(&self, name: &str) -> TryLock<Self::Lock>;

    /// Interaction the page that shares under this name for what it holds. `None` at once where there is none; nothing inside where
    /// it has nothing to give any more, and it is another one's turn.
    async fn ask_sharing(&self, name: &str) -> Option<Option<IssuedToken>>;

    /// Shares under this name: of the pages that do, one at a time answers, with what `holder` hands over.
    fn share(&self, name: &str, holder: Rc<dyn TokenSharer>) -> Self::Sharing;

    /// Lets every page that shares under this name forget what it holds.
    fn forget_shared(&self, name: &str);

    /// Reads a whole text as JSON; `None` where it is none.
    fn parse_json(&self, text: &str) -> Option<Json>;

    /// Reads a date: ISO 8601, or HTTP's.
    fn parse_date(&self, text: &str) -> Option<Timestamp>;

    /// Writes `application/x-www-form-urlencoded`.
    fn form(&self, pairs: &[(&str, &str)]) -> String;

    /// Reads `application/x-www-form-urlencoded`, with or without a `?` before it.
    fn parse_form(&self, text: &str) -> Vec<(String, String)>;

    /// Random bytes from a cryptographic source; `None` where the platform has none.
    fn random(&self) -> Option<[u8; 32]>;

    /// SHA-256; `None` where the platform has none.
    async fn sha256(&self, bytes: &[u8]) -> Option<[u8; 32]>;

    /// Whether the platform has this.
    fn has(&self, feature: Feature) -> bool;

    /// The time.
    fn now(&self) -> Timestamp;

    /// Ready after so many milliseconds.
    async fn wait(&self, millis: u32);

    /// Tells the app's listener, if there is one.
    fn tell(&self, event: &Event<'_>);

    /// Lets the work go on by itself.
    fn spawn(&self, work: LocalBoxFuture<'static, ()>);

    /// The recorder is closed: wakes whoever waits for it.
    fn close(&self);

    /// Ready when the recorder is closed.
    async fn closed(&self);
}

/// A window in which somebody signs in.
#[allow(async_fn_in_trait, reason = "everything runs on one thread")]
pub trait SignInWindow: 'static {
    /// Goes to this address.
    fn show(&self, url: &str);

    /// The query of the next authorization response that the callback page, on the page's own origin, posts from this window.
    async fn response(&self) -> String;

    /// Whether the window is closed, or its page has cut the tie to this one.
    fn is_closed(&self) -> bool;
}

/// What comes of asking for a lock without waiting.
#[derive(Debug)]
pub enum TryLock<L> {
    /// The platform has no locks.
    Unsupported,
    /// Somebody else has it.
    Taken,
    /// It was free.
    Held(L),
}

/// Who holds a token that other pages may be given.
pub trait TokenSharer: 'static {
    /// Hands the token over, if it can still be used.
    fn share(&self) -> Option<IssuedToken>;

    /// Another page has signed out.
    fn forget(&self);
}

/// What a platform may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// `sessionStorage`, in which something can be kept.
    SessionStorage,
    /// `navigator.locks`.
    WebLocks,
    /// `crypto.subtle`.
    WebCrypto,
}

/// A request whose answer did not come, or not whole.
#[derive(Clone, Debug)]
pub struct TransportError {
    /// Whether the request may have left, and so may have been carried out.
    pub may_have_been_processed: bool,
    /// The HTTP status, where that much came.
    pub status: Option<u16>,
    /// What the platform said.
    pub cause: Cause,
}

/// Which token the flow needs.
#[derive(Clone, Debug)]
pub struct TokenNeed<'a> {
    /// The environment that the token must be of.
    pub environment: &'a Environment,
    /// The organization that the token must be of.
    pub org: &'a OrgId,
    /// The OAuth scopes that the token must have.
    pub scopes: Vec<String>,
    /// Why it is asked for.
    pub reason: NeedReason,
}
