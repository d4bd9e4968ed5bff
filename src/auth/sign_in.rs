//! A person signs in: in a window, or by leaving the page and coming back.

use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{Either, select};
use zeroize::Zeroize;

use crate::auth::authorization::{AuthorizationCode, AuthorizationRequest, not_ours, value};
use crate::auth::login::{Login, LoginOptions};
use crate::auth::token_endpoint::TokenResponse;
use crate::cloud::exchange::Exchange;
use crate::cloud::ports::{Platform, SignInWindow};
use crate::model::environment::{Environment, Target};
use crate::model::error::{Code, Error};
use crate::model::ids::OrgId;
use crate::model::secret::Secret;

/// How often an open window is looked at, in milliseconds, and how long an answer may still be on its way when it is closed.
const LOOK: u32 = 250;
const GRACE: u32 = 2_000;

impl Login {
    /// Lets somebody sign in, in this window.
    pub(crate) async fn in_window<P: Platform>(&self, ports: &P, target: &Target, window: P::Window) -> Result<AuthorizationCode, Error> {
        let transaction = AuthorizationRequest::begin(self, ports, target).await?;
        window.show(&transaction.authorize_url(self, ports));
        let query = Secret::from(self.response(ports, &window).await?);
        let code = transaction.code(&ports.parse_form(query.reveal()))?;
        Ok(AuthorizationCode { transaction, code })
    }

    /// Leaves the page for the sign-in. If all goes well, nobody is left to see how this ends.
    pub(crate) async fn leave<P: Platform>(&self, ports: &P, target: &Target, page_query: &[(String, String)]) -> Error {
        let transaction = match AuthorizationRequest::begin(self, ports, target).await {
            Ok(transaction) => transaction,
            Err(error) => return error,
        };
        forget_old_memos(ports);
        let memo = transaction.memo(ports, page_query);
        if !ports.leave(&transaction.authorize_url(self, ports), &memo_key(&transaction.state), memo.reveal()) {
            return Error::new(Code::LoginBlocked, "The page can not keep what it needs to come back: it has no sessionStorage.");
        }
        ports.wait(self.timeout).await;
        self.timed_out()
    }

    async fn response<P: Platform>(&self, ports: &P, window: &P::Window) -> Result<String, Error> {
        let is_closed = async {
            while !window.is_closed() {
                ports.wait(LOOK).await;
            }
            // The window closes itself with its last word, which may still be on its way.
            ports.wait(GRACE).await;
        };
        let (is_closed, time_over) = (pin!(is_closed), pin!(ports.wait(self.timeout)));
        let ended = select(is_closed, time_over);
        match select(pin!(window.response()), ended).await {
            Either::Left((query, _)) => Ok(query),
            Either::Right((Either::Left(_), _)) => Err(Error::new(Code::LoginCancelled, "The sign-in window was closed.")),
            Either::Right((Either::Right(_), _)) => Err(self.timed_out()),
        }
    }

    fn timed_out(&self) -> Error {
        Error::new(Code::LoginTimeout, format!("Nobody signed in within {} ms.", self.timeout))
    }
}

/// Where a request is kept while the page is away: by its state, which the response brings back.
const MEMOS: &str = "premium-recorder.login.";

/// The longest time that a page may be away, in milliseconds: an hour.
const OLDEST_MEMO: i64 = 3_600_000;

/// Forgets the requests of those who went to sign in and never came back.
fn forget_old_memos(ports: &impl Platform) {
    let oldest = ports.now().as_millis().saturating_sub(OLDEST_MEMO);
    for (key, memo) in ports.memos(MEMOS) {
        let memo = ports.parse_form(Secret::from(memo).reveal());
        let began = value(&memo, "began").and_then(|began| began.parse::<i64>().ok());
        if began.is_none_or(|began| began < oldest) {
            ports.take_memo(&key);
        }
    }
}

fn memo_key(state: &str) -> String {
    format!("{MEMOS}{state}")
}

/// The page as it was opened.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Its origin.
    pub origin: String,
    /// Its address without query and fragment.
    pub address: String,
    /// The decoded pairs of its query.
    pub query: Vec<(String, String)>,
}

/// An authorization response that the page was opened with, and the request that it answers.
pub struct AuthorizationResponse {
    response: Vec<(String, String)>,
    memo: Vec<(String, String)>,
}

impl AuthorizationResponse {
    /// Takes the response out of the page: its query is then what it was before the page was left.
    pub fn take(
        options: Option<&LoginOptions>,
        ports: &impl Platform,
        page: Option<&mut Page>,
    ) -> Result<Option<AuthorizationResponse>, Error> {
        let (Some(options), Some(page)) = (options, page) else { return Ok(None) };
        let has = |name: &str| value(&page.query, name).is_some();
        let path = options.redirect_uri.split('?').next().unwrap_or_default();
        if options.mode.as_deref() != Some("redirect") || path != page.address || !has("state") || !(has("code") || has("error")) {
            return Ok(None);
        }
        let state = value(&page.query, "state").unwrap_or_default();
        let memo = ports.take_memo(&memo_key(state)).map(Secret::from);
        let memo = memo.map(|memo| ports.parse_form(memo.reveal())).unwrap_or_default();
        let query = ports.parse_form(value(&memo, "query").unwrap_or_default());
        let response = std::mem::replace(&mut page.query, query);
        let pairs: Vec<_> = page.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let address = if pairs.is_empty() { page.address.clone() } else { format!("{}?{}", page.address, ports.form(&pairs)) };
        ports.replace_address(&address);
        if memo.is_empty() {
            return Err(not_ours("The page was opened with an authorization response that nobody here waits for."));
        }
        Ok(Some(AuthorizationResponse { response, memo }))
    }

    /// Gives the response's code for a token, if it answers a request that was made with the same settings.
    pub(crate) async fn exchange<P: Platform>(
        self,
        login: &Login,
        cloud: &Exchange<P>,
        environment: &Rc<Environment>,
    ) -> Result<(OrgId, TokenResponse), Error> {
        let memo = |name: &str| value(&self.memo, name).unwrap_or_default();
        let is_same = memo("login") == environment.login().as_str()
            && memo("client_id") == login.client_id
            && memo("redirect_uri") == login.redirect_uri;
        let org = OrgId::parse(memo("target")).filter(|_| is_same);
        let org = org.ok_or_else(|| not_ours("The sign-in was begun at another login origin or with another OAuth client."))?;
        let transaction = AuthorizationRequest {
            state: memo("state").to_owned(),
            verifier: memo("code_verifier").to_owned().into(),
            challenge: None,
            environment: environment.clone(),
            org: org.clone(),
            client_id: login.client_id.clone(),
            redirect_uri: login.redirect_uri.clone(),
        };
        let code = transaction.code(&self.response)?;
        Ok((org, AuthorizationCode { transaction, code }.exchange(cloud).await?))
    }
}

impl Drop for AuthorizationResponse {
    fn drop(&mut self) {
        self.response.iter_mut().chain(&mut self.memo).for_each(|(_, value)| value.zeroize());
    }
}
