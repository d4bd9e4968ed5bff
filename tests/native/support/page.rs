//! The page: its address, its session storage, and the sign-in windows that it opens.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::{poll_fn, ready};
use std::rc::Rc;
use std::task::{Poll, Waker};

use futures::future::LocalBoxFuture;
use premium_recorder::auth::ports::{Navigation, SignInWindow};
use premium_recorder::model::page::Page;

use super::{Feature, World};

pub const PAGE: &str = "https://app.example";
pub const CALLBACK: &str = "https://app.example/callback.html";

/// The app's page, opened with this query.
pub fn page(query: &[(&str, &str)]) -> Page {
    Page { origin: PAGE.to_owned(), address: format!("{PAGE}/"), query: pairs(query), fragment: String::new() }
}

pub fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// A parameter of a URL's query.
pub fn parameter(url: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(url).unwrap();
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// A sign-in window.
#[derive(Default)]
pub struct Popup {
    url: RefCell<Option<String>>,
    own_page: RefCell<Option<String>>,
    queries: RefCell<VecDeque<String>>,
    is_closed: Cell<bool>,
    is_closed_by_library: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    signs_in_immediately: bool,
}

impl Popup {
    /// The URL that the window shows, if the library has set one.
    pub fn url(&self) -> Option<String> {
        self.url.borrow().clone()
    }

    /// A parameter of the authorization request that the window shows.
    pub fn parameter(&self, name: &str) -> Option<String> {
        parameter(&self.url()?, name)
    }

    /// The callback page posts this query.
    pub fn post(&self, query: &str) {
        self.queries.borrow_mut().push_back(query.to_owned());
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// The callback page posts this code, with the state of the authorization request.
    pub fn post_code(&self, code: &str) {
        self.post(&format!("?code={code}&state={}", self.parameter("state").unwrap()));
    }

    /// The window shows a page of the app's own origin.
    pub fn show_own_page(&self, address: &str) {
        self.own_page.replace(Some(address.to_owned()));
    }

    /// The user closes the window.
    pub fn close(&self) {
        self.is_closed.set(true);
    }

    pub fn closed_by_library(&self) -> bool {
        self.is_closed_by_library.get()
    }
}

/// The library's handle on a sign-in window. The library closes the window by dropping the handle.
pub struct PopupHandle(Rc<Popup>);

impl SignInWindow for PopupHandle {
    fn show(&self, url: &str) {
        self.0.url.replace(Some(url.to_owned()));
        if self.0.signs_in_immediately {
            self.0.post_code(&format!("code-for-{}", self.0.parameter("target").unwrap_or_default()));
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

    fn address(&self) -> Option<String> {
        self.0.own_page.borrow().clone()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed.get()
    }
}

impl Drop for PopupHandle {
    fn drop(&mut self) {
        self.0.is_closed_by_library.set(true);
    }
}

impl World {
    pub fn block_popups(&self) -> &World {
        self.0.blocks_popups.set(true);
        self
    }

    pub fn allow_popups(&self) -> &World {
        self.0.blocks_popups.set(false);
        self
    }

    /// The user signs in as soon as a window opens. The code names the target organization.
    pub fn sign_in_immediately(&self) -> &World {
        self.0.signs_in_immediately.set(true);
        self
    }

    /// Every sign-in window, in the order of opening.
    pub fn popups(&self) -> Vec<Rc<Popup>> {
        self.0.popups.borrow().clone()
    }

    /// Every URL that the page navigated to.
    pub fn navigations(&self) -> Vec<String> {
        self.0.navigations.borrow().clone()
    }

    pub fn session_storage(&self) -> HashMap<String, String> {
        self.0.session_storage.borrow().clone()
    }

    /// The fragment of the page's address.
    pub fn set_fragment(&self, fragment: &str) -> &World {
        self.0.fragment.replace(fragment.to_owned());
        self
    }

    /// The address bar, if the library has replaced it.
    pub fn address(&self) -> Option<String> {
        self.0.address.borrow().clone()
    }
}

impl Navigation for World {
    type Window = PopupHandle;

    fn open_window(&self) -> LocalBoxFuture<'static, Option<PopupHandle>> {
        if self.0.blocks_popups.get() {
            return Box::pin(ready(None));
        }
        let popup = Rc::new(Popup { signs_in_immediately: self.0.signs_in_immediately.get(), ..Popup::default() });
        self.0.popups.borrow_mut().push(popup.clone());
        self.wake();
        Box::pin(ready(Some(PopupHandle(popup))))
    }

    fn has_opaque_origin(&self) -> bool {
        !self.has(Feature::Origin)
    }

    fn has_session_storage(&self) -> bool {
        self.has(Feature::SessionStorage)
    }

    fn store_and_navigate(&self, url: &str, key: &str, item: &str) -> bool {
        self.0.session_storage.borrow_mut().insert(key.to_owned(), item.to_owned());
        self.0.navigations.borrow_mut().push(url.to_owned());
        true
    }

    fn take_session_item(&self, key: &str) -> Option<String> {
        self.0.session_storage.borrow_mut().remove(key)
    }

    fn session_items(&self, prefix: &str) -> Vec<(String, String)> {
        self.session_storage().into_iter().filter(|(key, _)| key.starts_with(prefix)).collect()
    }

    fn fragment(&self) -> String {
        self.0.fragment.borrow().clone()
    }

    fn replace_address(&self, url: &str) {
        self.0.address.replace(Some(url.to_owned()));
    }
}
