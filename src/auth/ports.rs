//! What token acquisition needs from the platform: the app's token source, the page and its windows, other pages of the origin,
//! cryptography.

use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

use crate::auth::need::Need;
use crate::cloud::ports::CloudPorts;
use crate::model::error::Cause;
use crate::token::access_token::IssuedToken;

/// The app's `getToken`.
#[allow(async_fn_in_trait, reason = "everything runs on one thread")]
pub trait TokenSource {
    /// Whether the app gave a `getToken`.
    fn has_token_source(&self) -> bool;

    /// Calls `getToken`; `None` if it has no such token. Dropping the future tells the app that nobody waits any more.
    /// `scopes`: the OAuth scopes that the token must have.
    async fn get_token(&self, need: &Need, scopes: &[String]) -> Result<Option<IssuedToken>, Cause>;
}

/// The page: its windows, its address, and what its tab keeps.
pub trait Navigation {
    /// A window for a sign-in. Closed when dropped.
    type Window: SignInWindow;

    /// Opens an empty window in this turn; `None` if the platform blocks it.
    fn open_window(&self) -> LocalBoxFuture<'static, Option<Self::Window>>;

    /// Whether the page has an opaque origin, as in a sandbox without `allow-same-origin`: no other page can answer it.
    fn has_opaque_origin(&self) -> bool;

    /// Whether the tab can store something (`sessionStorage`).
    fn has_session_storage(&self) -> bool;

    /// Stores `item` under `key` for as long as the tab lives, and goes to another page. Returns whether that was possible.
    fn store_and_navigate(&self, url: &str, key: &str, item: &str) -> bool;

    /// Removes and returns what was stored under `key`.
    fn take_session_item(&self, key: &str) -> Option<String>;

    /// What is stored under keys that begin with `prefix`, with its key.
    fn session_items(&self, prefix: &str) -> Vec<(String, String)>;

    /// The fragment of the page's address, with its `#`; empty if there is none.
    fn fragment(&self) -> String;

    /// Puts another address of the same origin into the address bar, without going there. Keeps the router's state.
    fn replace_address(&self, url: &str);
}

/// A window in which a person signs in.
#[allow(async_fn_in_trait, reason = "everything runs on one thread")]
pub trait SignInWindow: 'static {
    /// Goes to this address.
    fn show(&self, url: &str);

    /// The query of the next authorization response that the callback page, on the page's own origin, posts from this window.
    async fn response(&self) -> String;

    /// The address of the window's page, if that page is of this page's own origin.
    fn address(&self) -> Option<String>;

    /// Whether the window is closed, or its page has cut the tie to this one.
    fn is_closed(&self) -> bool;
}

/// Locks among the pages of this origin and storage partition.
#[allow(async_fn_in_trait, reason = "everything runs on one thread")]
pub trait Locks {
    /// A lock that other pages respect. Released when dropped.
    type Lock: 'static;

    /// Whether the platform has locks at this moment.
    async fn has_locks(&self) -> bool;

    /// Waits for the exclusive lock of this name. `None` at once if the platform has no locks.
    async fn lock(&self, name: &str) -> Option<Self::Lock>;

    /// The lock, if it is free at this moment.
    async fn try_lock(&self, name: &str) -> TryLock<Self::Lock>;
}

/// The outcome of asking for a lock without waiting.
#[derive(Debug)]
pub enum TryLock<L> {
    /// The platform has no locks.
    Unsupported,
    /// Another page holds it.
    Taken,
    /// It was free.
    Held(L),
    /// It became free while the platform decided. Another page may have held it since the request.
    HeldLate(L),
}

/// Sharing tokens with the other pages of this origin.
#[allow(async_fn_in_trait, reason = "everything runs on one thread")]
pub trait TokenSharing {
    /// A page that takes part in sharing, until dropped.
    type Sharing: 'static;

    /// Asks the page that shares under this name for its token. `None` at once if there is no such page; `Some(None)` if it
    /// has no token to give any more, and another page may answer next.
    async fn request_shared_token(&self, name: &str) -> Option<Option<IssuedToken>>;

    /// Takes part under this name. Of the pages that answer, one answers each request, with the token that its `sharer` gives.
    fn share_token(&self, name: &str, sharer: Rc<dyn TokenSharer>, role: SharingRole) -> Self::Sharing;

    /// Tells every page that takes part under this name to forget its token.
    fn forget_shared_token(&self, name: &str);
}

/// How a page takes part in sharing a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharingRole {
    /// It hears when another page signs out.
    Listens,
    /// It also answers requests for its token.
    Answers,
}

/// A page's token that other pages may request.
pub trait TokenSharer: 'static {
    /// The token, if it can still be used.
    fn share(&self) -> Option<IssuedToken>;

    /// Another page signed out: forget the token.
    fn forget(&self);
}

/// Cryptography.
#[allow(async_fn_in_trait, reason = "everything runs on one thread")]
pub trait Crypto {
    /// Whether the platform has all of it (`crypto.subtle`).
    fn has_crypto(&self) -> bool;

    /// Random bytes from a cryptographic source; `None` if the platform has none.
    fn random(&self) -> Option<[u8; 32]>;

    /// SHA-256; `None` if the platform has none.
    async fn sha256(&self, bytes: &[u8]) -> Option<[u8; 32]>;
}

/// Everything that a recorder needs from the platform.
pub trait Platform: CloudPorts + TokenSource + Navigation + Locks + TokenSharing + Crypto {}

impl<P: CloudPorts + TokenSource + Navigation + Locks + TokenSharing + Crypto> Platform for P {}
