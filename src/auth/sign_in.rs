//! Sign-in in a popup window, or by a redirect.

use std::any::Any;
use std::cell::RefCell;
use std::pin::pin;
use std::rc::{Rc, Weak};

use futures_util::future::{Either, select};
use zeroize::Zeroize;

use crate::auth::authorization::{AuthorizationRequest, borrowed, not_ours, opened, value};
use crate::auth::login::{Login, LoginOptions};
use crate::auth::need::Need;
use crate::auth::ports::{Platform, SignInWindow, TokenSharer};
use crate::cloud::deadline::before;
use crate::model::digits::number;
use crate::model::environment::{Environment, Target};
use crate::model::error::{Code, Error};
use crate::model::ids::OrgId;
use crate::model::secret::Secret;
use crate::model::spelling::without_end;
use crate::token::access_token::IssuedToken;
use crate::token::org_token::OrgToken;
use crate::token::request::Request;

/// The hint if the callback page has no query.
const QUERY_DROPPED: &str =
    "Set login.redirectUri to an address that shows callback.html without a redirect: the redirect drops the query.";

/// The hint if the page comes back from its sign-ins without their responses.
const RESPONSE_DROPPED: &str = "Set login.redirectUri to the page's exact address, with its trailing slash and without a redirect. Call connect() before a router changes the address.";

/// The hint if a second OAuth client of a page is to sign in by redirect.
const ONE_CLIENT: &str =
    "Only one OAuth client of a page can sign in by redirect. Set login.mode to \"popup\" for the others, or reload the page.";

/// So many sign-ins without a response, one after another, are a loop. Up to ten frames of a tab may look the same: each may open
/// while the frames before it are away.
const MAX_WITHOUT_RESPONSE: usize = 12;

/// How long ago the page of the first one may have been opened, in milliseconds.
const MAX_LOOP_MS: i64 = 300_000;

/// A page may seem to be opened this many milliseconds before the last one was left, because browsers round their clocks.
const ROUNDING_MS: i64 = 5;

/// How often an open window is checked, in milliseconds.
const WINDOW_CHECK_MS: u32 = 250;

/// How long the window may show a page of this page's own origin that posts nothing, in milliseconds.
const CALLBACK_PAGE_MS: u32 = 5_000;

/// How long a response may still be in transit when the window is closed, in milliseconds.
const CLOSED_GRACE_MS: u32 = 2_000;

impl Login {
    /// Signs a person in with this window. Returns the request that then gets the token. Without a window, leaves the page, and
    /// returns only if that fails or times out.
    pub(super) async fn sign_in<P: Platform>(
        &self,
        ports: &P,
        need: &Need,
        window: Option<P::Window>,
        page_query: &[(String, String)],
    ) -> Result<Box<Request>, Error> {
        if window.is_none() && self.signs_in_at_connect {
            self.ensure_responses_come(ports, &need.environment)?;
        }
        let (request, url) = AuthorizationRequest::begin(self, ports, need).await?;
        let Some(window) = window else {
            remove_old_requests(ports);
            let item = request.to_session_item(ports, page_query);
            if !ports.store_and_navigate(&url, &session_key(&request.state), item.reveal()) {
                return Err(Error::new(Code::LoginBlocked, "The page has no sessionStorage, so it cannot return from a sign-in."));
            }
            ports.sleep(self.timeout).await;
            return Err(self.timed_out());
        };
        window.show(&url);
        let query = Secret::from(self.response(ports, &need.environment, &window).await?);
        let response = ports.parse_form(query.reveal());
        if response.is_empty() {
            let message = "The callback page was opened without a query, so the authorization response is lost.";
            return Err(not_ours(message).with_hint(QUERY_DROPPED).not_retryable());
        }
        request.redemption(ports, &response)
    }

    /// Fails if the page keeps coming back without a response: leaving again would not end. The tab's frames share the stored
    /// requests, and a frame cannot know its own. But a frame that comes back was opened when its last request began, or later.
    fn ensure_responses_come(&self, ports: &impl Platform, environment: &Environment) -> Result<(), Error> {
        let opened = opened(ports);
        let mut requests = stored_requests(ports);
        requests.retain(|(_, request)| request.is_of(self, environment));
        let mut last_began = opened.saturating_sub(MAX_LOOP_MS);
        for _ in 0..MAX_WITHOUT_RESPONSE {
            let mut next_began = opened;
            for (_, request) in &requests {
                let (opened, began) = (request.time("opened"), request.time("began"));
                if began > last_began && opened.saturating_add(ROUNDING_MS) > last_began {
                    next_began = next_began.min(began);
                }
            }
            if next_began == opened {
                return Ok(());
            }
            last_began = next_began;
        }
        let message = format!("The page was opened {MAX_WITHOUT_RESPONSE} times after a sign-in, without its authorization response.");
        Err(not_ours(&message).with_hint(RESPONSE_DROPPED))
    }

    async fn response<P: Platform>(&self, ports: &P, environment: &Environment, window: &P::Window) -> Result<String, Error> {
        let login = environment.login().as_str();
        let is_own_page = || window.address().is_some_and(|address| address.starts_with("http") && !address.starts_with(login));
        let is_closed = async {
            let mut own_page_ms = 0;
            while !window.is_closed() {
                if own_page_ms >= CALLBACK_PAGE_MS {
                    return Err(self.not_the_callback_page());
                }
                own_page_ms = if is_own_page() { own_page_ms.saturating_add(WINDOW_CHECK_MS) } else { 0 };
                ports.sleep(WINDOW_CHECK_MS).await;
            }
            // The callback page posts its message and closes at once: wait for a message still in transit.
            ports.sleep(CLOSED_GRACE_MS).await;
            Err(self.gave_up(Code::LoginCancelled, "The sign-in window was closed."))
        };
        let is_closed = pin!(is_closed);
        let ended = before(is_closed, ports.sleep(self.timeout));
        match select(pin!(window.response()), pin!(ended)).await {
            Either::Left((query, _)) => Ok(query),
            Either::Right((ended, _)) => ended.unwrap_or_else(|| Err(self.timed_out())),
        }
    }

    fn not_the_callback_page(&self) -> Error {
        let message = format!("login.redirectUri ({}) does not show the callback page.", self.redirect_uri);
        Error::new(Code::BadArgument, message).with_hint("Serve callback.html and callback.js at login.redirectUri, not the app itself.")
    }

    fn timed_out(&self) -> Error {
        self.gave_up(Code::LoginTimeout, &format!("Nobody signed in within {} ms.", self.timeout))
    }

    /// The login origin shows an unknown client id or redirect URI only to the person, so the message has both.
    fn gave_up(&self, code: Code, what: &str) -> Error {
        Error::new(code, format!("{what} The sign-in was for client id \"{}\" and redirect URI \"{}\".", self.client_id, self.redirect_uri))
    }
}

/// Prefix of the session storage keys, which end with the request's state.
const SESSION_KEYS: &str = "premium-recorder.login.";

/// The longest time that a page may be away, in milliseconds: an hour.
const MAX_AWAY_MS: i64 = 3_600_000;

/// The pairs of a response, or of a stored request. They contain a code or a verifier.
struct Pairs(Vec<(String, String)>);

impl Pairs {
    fn get(&self, name: &str) -> &str {
        value(&self.0, name).unwrap_or_default()
    }

    /// A time by the wall clock, in milliseconds.
    fn time(&self, name: &str) -> i64 {
        number(self.get(name)).unwrap_or_default()
    }

    /// The pairs of the query that the page had.
    fn page_query(&self, ports: &impl Platform) -> Vec<(String, String)> {
        ports.parse_form(self.get("query"))
    }

    /// Whether this is a request that was made with these settings.
    fn is_of(&self, login: &Login, environment: &Environment) -> bool {
        self.get("login") == environment.login().as_str()
            && self.get("api") == environment.api().as_str()
            && self.get("client_id") == login.client_id
            && self.get("redirect_uri") == login.redirect_uri
    }
}

impl Drop for Pairs {
    fn drop(&mut self) {
        for (_, value) in &mut self.0 {
            value.zeroize();
        }
    }
}

fn stored_request(ports: &impl Platform, item: String) -> Pairs {
    Pairs(ports.parse_form(Secret::from(item).reveal()))
}

/// The tab's requests that have no response yet, of every frame and client, with their keys.
fn stored_requests(ports: &impl Platform) -> Vec<(String, Pairs)> {
    let mut requests = Vec::new();
    for (key, item) in ports.session_items(SESSION_KEYS) {
        requests.push((key, stored_request(ports, item)));
    }
    requests
}

/// Removes requests that never got a response.
fn remove_old_requests(ports: &impl Platform) {
    let oldest = ports.wall_clock().as_millis().saturating_sub(MAX_AWAY_MS);
    for (key, request) in stored_requests(ports) {
        if request.time("began") < oldest {
            ports.take_session_item(&key);
        }
    }
}

/// Takes the request that a refusal without a state is for. If it may be for several, takes none of them, and returns what they
/// have in common.
fn refused_request(options: &LoginOptions, ports: &impl Platform) -> Option<Pairs> {
    remove_old_requests(ports);
    let mut requests = stored_requests(ports);
    requests.retain(|(_, request)| request.get("redirect_uri") == options.redirect_uri && options.has_client(request.get("client_id")));
    let (key, mut request) = requests.pop()?;
    if requests.is_empty() {
        ports.take_session_item(&key);
        return Some(request);
    }
    let mut query = request.page_query(ports);
    for (_, other) in &requests {
        let others = other.page_query(ports);
        query.retain(|pair| others.contains(pair));
    }
    request.0.retain_mut(|(name, value)| {
        let is_common = requests.iter().all(|(_, other)| other.get(name) == value);
        if !is_common {
            value.zeroize();
        }
        is_common
    });
    request.0.retain(|(name, _)| name != "query");
    request.0.push(("query".to_owned(), ports.form(&borrowed(&query))));
    Some(request)
}

fn session_key(state: &str) -> String {
    format!("{SESSION_KEYS}{state}")
}

/// The page at load.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Its origin.
    pub origin: String,
    /// Its address without query and fragment.
    pub address: String,
    /// The decoded pairs of its query.
    pub query: Vec<(String, String)>,
    /// Its fragment.
    pub fragment: String,
}

/// Whether the page was opened with an authorization response, and what came of it.
#[derive(Clone, Default)]
pub struct Returned(Rc<ReturnedState>);

#[derive(Default)]
struct ReturnedState {
    outcome: RefCell<Option<Result<(), Error>>>,
    /// The response, until a recorder connects whose login requested it.
    response: RefCell<Option<AuthorizationResponse>>,
    /// The OAuth client that requested the response.
    client: RefCell<Option<String>>,
    /// The token, if the recorder that got it was closed before a call used it.
    unused: RefCell<Option<Unused>>,
}

/// A token that no recorder has any more.
struct Unused {
    /// The name of its login.
    login: String,
    token: Rc<OrgToken>,
    /// Hears when another page signs out.
    _hearing: Box<dyn Any>,
}

impl Returned {
    /// Notes that the page was opened with a response.
    pub(crate) fn note(&self) {
        self.0.outcome.replace(Some(Ok(())));
    }

    /// Notes that the response gave no token.
    pub(crate) fn note_failure(&self, error: &Error) {
        self.0.outcome.replace(Some(Err(error.clone())));
    }

    /// Whether the page was opened with a response. Fails if the response gave no token.
    pub(crate) fn outcome(&self) -> Result<bool, Error> {
        self.0.outcome.borrow().clone().map_or(Ok(false), |outcome| outcome.map(|()| true))
    }

    /// Returns the response if it answers a request of this login. Keeps it for another recorder otherwise.
    pub(crate) fn claim(&self, response: AuthorizationResponse, login: &Login, environment: &Environment) -> Option<AuthorizationResponse> {
        if response.request.is_of(login, environment) {
            return Some(response);
        }
        self.0.response.replace(Some(response));
        None
    }

    /// Fails if the page has come back from the sign-in of another OAuth client. The page would leave again and again: each time that
    /// it comes back, the tokens of the other client are gone.
    pub(super) fn ensure_no_other_client(&self, login: &Login) -> Result<(), Error> {
        if self.0.client.borrow().as_ref().is_none_or(|client| *client == login.client_id) {
            return Ok(());
        }
        let message = "The page has come back from a sign-in with another OAuth client, so it does not leave again.";
        Err(Error::new(Code::LoginBlocked, message).with_hint(ONE_CLIENT))
    }

    /// What forgets the unused token when another page signs out.
    pub(super) fn sharer(&self) -> Rc<dyn TokenSharer> {
        Rc::new(UnusedToken(Rc::downgrade(&self.0)))
    }

    /// Keeps a token that no call has used for the page's next recorder with the same login.
    pub(super) fn keep_unused(&self, login: String, token: Rc<OrgToken>, hearing: impl Any) {
        self.0.unused.replace(Some(Unused { login, token, _hearing: Box::new(hearing) }));
    }

    /// The unused token, if it is of this login and of one of these organizations.
    pub(super) fn take_unused(&self, login: &str, is_for: impl Fn(&Target) -> bool) -> Option<Rc<OrgToken>> {
        let unused = self.0.unused.borrow_mut().take_if(|unused| unused.login == login && is_for(unused.token.target()));
        unused.map(|unused| unused.token)
    }
}

/// The unused token, as shared with other pages.
struct UnusedToken(Weak<ReturnedState>);

impl TokenSharer for UnusedToken {
    fn share(&self) -> Option<IssuedToken> {
        None
    }

    fn forget(&self) {
        let unused = self.0.upgrade().and_then(|state| state.unused.take());
        drop(unused);
    }
}

/// An authorization response that the page was opened with, and the request that it answers.
pub struct AuthorizationResponse {
    response: Pairs,
    request: Pairs,
}

impl AuthorizationResponse {
    /// Takes the response out of the page: its query is then what it was before the page was left. The response may be for another
    /// recorder of the page.
    pub fn take(
        options: Option<&LoginOptions>,
        ports: &impl Platform,
        page: Option<&mut Page>,
        returned: &Returned,
    ) -> Result<Option<AuthorizationResponse>, Error> {
        let (Some(options), Some(page)) = (options, page) else { return Ok(None) };
        let has = |name: &str| value(&page.query, name).is_some();
        let path = options.redirect_uri.split('?').next().unwrap_or_default();
        // Servers add or remove a trailing slash.
        let is_redirect_uri = without_end(path, '/') == without_end(&page.address, '/');
        if options.mode.as_deref() != Some("redirect") {
            return Ok(None);
        }
        if let Some(kept) = returned.0.response.take() {
            return Ok(Some(kept));
        }
        if !is_redirect_uri || !(has("code") || has("error")) {
            remove_old_requests(ports);
            return Ok(None);
        }
        let request = match value(&page.query, "state") {
            Some(state) => stored_request(ports, ports.take_session_item(&session_key(state)).unwrap_or_default()),
            None if !has("error") => return Ok(None),
            // Some servers refuse without the state.
            None => match refused_request(options, ports) {
                Some(request) => request,
                None => return Ok(None),
            },
        };
        let response = Pairs(std::mem::replace(&mut page.query, request.page_query(ports)));
        let query = if page.query.is_empty() { String::new() } else { format!("?{}", ports.form(&borrowed(&page.query))) };
        // A router may have set a fragment since the page came back.
        let fragment = match ports.fragment() {
            none if none.is_empty() => request.get("fragment").to_owned(),
            set => set,
        };
        ports.replace_address(&format!("{}{query}{fragment}", page.address));
        returned.note();
        if request.0.is_empty() {
            let error = not_ours("The page was opened with an authorization response that it did not request.");
            returned.note_failure(&error);
            return Err(error);
        }
        returned.0.client.replace(Some(request.get("client_id").to_owned()));
        Ok(Some(AuthorizationResponse { response, request }))
    }

    /// The organization that the request was for; `None` if the person decided.
    pub(crate) fn org(&self) -> Option<OrgId> {
        OrgId::parse(self.request.get("target"))
    }

    /// The request that exchanges the response's code for a token. The response answers a request of this login.
    pub(crate) fn redemption(self, login: &Login, ports: &impl Platform, environment: &Rc<Environment>) -> Result<Box<Request>, Error> {
        let request = AuthorizationRequest {
            state: self.request.get("state").to_owned(),
            verifier: self.request.get("code_verifier").to_owned().into(),
            environment: environment.clone(),
            org: self.org(),
            login,
        };
        request.redemption(ports, &self.response.0).map_err(|error| error.for_org_if_named(request.org.as_ref()))
    }
}
