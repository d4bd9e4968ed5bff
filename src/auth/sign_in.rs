//! Sign-in in a popup window, or by a redirect.

use std::pin::pin;

use crate::auth::authorization::{AuthorizationRequest, not_ours};
use crate::auth::login::Login;
use crate::auth::need::Need;
use crate::auth::parameters::Parameters;
use crate::auth::ports::{Platform, SignInWindow};
use crate::auth::stored_request::StoredRequest;
use crate::cloud::race::{before, race};
use crate::model::environment::Environment;
use crate::model::error::{Code, Error};
use crate::token::request::Request;

/// The hint if the callback page has no query.
const QUERY_DROPPED: &str =
    "Set login.redirectUri to an address that shows callback.html without a redirect: the redirect drops the query.";

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
            StoredRequest::ensure_responses_come(self, &need.environment, ports)?;
        }
        let (request, url) = AuthorizationRequest::begin(self, ports, need).await?;
        let Some(window) = window else {
            if !StoredRequest::store_and_navigate(&request, ports, &url, page_query) {
                return Err(Error::new(Code::LoginBlocked, "The page has no sessionStorage, so it cannot return from a sign-in."));
            }
            ports.sleep(self.timeout).await;
            return Err(self.timed_out());
        };
        window.show(&url);
        let response = Parameters::parse(ports, self.response(ports, &need.environment, &window).await?);
        if response.is_empty() {
            let message = "The callback page was opened without a query, so the authorization response is lost.";
            return Err(not_ours(message).with_hint(QUERY_DROPPED).not_retryable());
        }
        request.redemption(ports, &response)
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
        match race(Box::pin(ended), Box::pin(window.response())).await {
            Err(query) => Ok(query),
            Ok(ended) => ended.unwrap_or_else(|| Err(self.timed_out())),
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
